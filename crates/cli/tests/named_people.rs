//! People whose identity or age makes a choice easy to get wrong, each with the outcome that protects them; and the faults of
//! real programmes before this one, each as a test that would have caught it.

mod common;

use common::{Place, refuses, rows, succeeds};
use std::fs;

const MOTHER: &str = "9434765919";
const OTHER: &str = "9434765870";

/// A town of two months, to which each case adds its people.
fn town() -> Place {
    let place = Place::with_people(1_000, 2);
    place.init("home");
    place
}

/// A line of `patients.csv`: number, day of birth, postcode and sex, and the day of death if any.
fn registers(place: &Place, month: &str, id: &str, [number, born, postcode, sex, died]: [&str; 5]) {
    let line = format!("A81001,{id},{number},{born},{postcode},{sex},A,2001-01-01,,{died},");
    place.append(&format!("{month}/gp/patients.csv"), &line);
}

/// An entry of a journal; a diagnosis, told by its value, where `code` is none of an objection.
fn notes(place: &Place, month: &str, id: &str, [entry, day, code, value]: [&str; 4]) {
    let line = format!("A81001,{id},{entry},{day},{day},read2,{code},{value},,,");
    place.append(&format!("{month}/gp/journals.csv"), &line);
}

/// An admission, told from all others by its diagnosis.
fn is_admitted(place: &Place, month: &str, key: &str, diagnosis: &str, [number, born, postcode, sex]: [&str; 4]) {
    let given = [
        ("EPIKEY", key),
        ("NEWNHSNO", number),
        ("DOB", born),
        ("HOMEADD", postcode),
        ("SEX", sex),
        ("LOPATID", key),
        ("DIAG_01", diagnosis),
    ];
    place.admit(&format!("{month}/hospital/apc.csv"), &given);
}

fn run(place: &Place, month: &str) {
    succeeds(&place.run("home", &format!("data/{month}"), month));
    succeeds(&place.caredata("home", &["fsck"]));
}

fn has(place: &Place, table: &str, mark: &str) -> bool {
    rows(&place.path("home"), table).iter().any(|row| row.contains(mark))
}

#[test]
fn a_choice_outlives_the_person() {
    let place = town();
    let living = [MOTHER, "1931-03-05", "LS1 4AP", "2", ""];
    registers(&place, "2014-04", "first", living);
    notes(&place, "2014-04", "first", ["entry-1", "2014-04-02", "N142.", "4321.5"]);
    is_admitted(&place, "2014-04", "990000000001", "S881", [MOTHER, "1931-03-05", "LS1 4AP", "2"]);
    succeeds(&place.says("home", MOTHER, "object-all", &["--effective", "2014-01-02"]));
    run(&place, "2014-04");
    assert!(!has(&place, "journals", "4321.5") && !has(&place, "admissions", "S881"));
    // The practice tells of the death; the last admission ends with it.
    registers(&place, "2014-05", "first", [MOTHER, "1931-03-05", "LS1 4AP", "2", "2014-05-09"]);
    notes(&place, "2014-05", "first", ["entry-2", "2014-05-02", "N142.", "4322.5"]);
    is_admitted(&place, "2014-05", "990000000002", "S882", [MOTHER, "1931-03-05", "LS1 4AP", "2"]);
    run(&place, "2014-05");
    for mark in ["4321.5", "4322.5"] {
        assert!(!has(&place, "journals", mark));
    }
    for mark in ["S881", "S882"] {
        assert!(!has(&place, "admissions", mark));
    }
    // Nobody can speak for the dead but whom they charged with it, and says so.
    refuses(&place.says("home", MOTHER, "withdraw-all", &["--by", "relative"]), 4);
}

#[test]
fn a_newborn_under_its_mothers_number_is_bound_by_her_choice_until_it_has_its_own() {
    let place = town();
    registers(&place, "2014-04", "mother", [MOTHER, "1984-03-05", "LS1 4AP", "2", ""]);
    is_admitted(&place, "2014-04", "990000000001", "S881", [MOTHER, "1984-03-05", "LS1 4AP", "2"]);
    // The hospital writes the mother's number into the child's record, as happens in the first days.
    is_admitted(&place, "2014-04", "990000000002", "S882", [MOTHER, "2014-04-06", "LS1 4AP", "1"]);
    // And of a child who objects to nothing under a number of its own.
    is_admitted(&place, "2014-04", "990000000003", "S883", [OTHER, "2014-04-06", "LS1 4AP", "1"]);
    succeeds(&place.says("home", MOTHER, "object-all", &[]));
    run(&place, "2014-04");
    assert!(!has(&place, "admissions", "S881"), "the mother's");
    assert!(!has(&place, "admissions", "S882"), "what bears an objector's number is hers until it is known not to be");
    assert!(has(&place, "admissions", "S883"), "a child's choice is not its mother's");
}

#[test]
fn a_child_who_comes_of_age_speaks_for_itself() {
    let place = town();
    let born = "2001-03-05";
    registers(&place, "2014-04", "child", [MOTHER, born, "LS1 4AP", "2", ""]);
    notes(&place, "2014-04", "child", ["entry-1", "2014-04-02", "N142.", "4321.5"]);
    let parent = ["--by", "parent", "--age", "under-13"];
    succeeds(&place.says("home", MOTHER, "object-all", &[&parent[..], &["--effective", "2010-01-02"]].concat()));
    run(&place, "2014-04");
    assert!(!has(&place, "journals", "4321.5"), "the parent's objection did not end with the thirteenth birthday");
    refuses(&place.says("home", MOTHER, "withdraw-all", &["--by", "parent", "--age", "13-to-15"]), 4);
    run(&place, "2014-04");
    assert!(!has(&place, "journals", "4321.5"));
    succeeds(&place.says("home", MOTHER, "withdraw-all", &["--by", "self", "--age", "13-to-15"]));
    run(&place, "2014-04");
    assert!(has(&place, "journals", "4321.5"), "taken back by whom it is about");
}

#[test]
fn a_wish_under_a_mistaken_number_is_refused_or_can_be_taken_back_and_said_again() {
    let place = town();
    for (id, number, born, value) in
        [("meant", MOTHER, "1971-03-05", "4321.5"), ("mistaken", OTHER, "1955-12-30", "8765.5")]
    {
        registers(&place, "2014-04", id, [number, born, "LS1 4AP", "2", ""]);
        notes(&place, "2014-04", id, [&format!("entry-{id}"), "2014-04-02", "N142.", value]);
    }
    let one_digit_other = "9434765929";
    let message = refuses(&place.says("home", one_digit_other, "object-all", &[]), 3);
    assert!(!message.contains(one_digit_other), "{message}");
    // A whole number of somebody else: that person is withheld, and nobody else is.
    succeeds(&place.says("home", OTHER, "object-all", &["--effective", "2014-02-01"]));
    run(&place, "2014-04");
    assert_eq!((has(&place, "journals", "4321.5"), has(&place, "journals", "8765.5")), (true, false));
    // Set right: taken back where it was noted by mistake, and noted where it was meant.
    succeeds(&place.says("home", OTHER, "withdraw-all", &["--effective", "2014-02-02"]));
    succeeds(&place.says("home", MOTHER, "object-all", &["--effective", "2014-02-01"]));
    run(&place, "2014-04");
    assert_eq!((has(&place, "journals", "4321.5"), has(&place, "journals", "8765.5")), (false, true));
}

#[test]
fn of_two_people_under_one_number_neither_is_published_while_one_of_them_may_object() {
    let place = town();
    for (id, born, sex, value) in [("one", "1971-03-05", "2", "4321.5"), ("two", "1955-12-30", "1", "8765.5")] {
        registers(&place, "2014-04", id, [MOTHER, born, "LS1 4AP", sex, ""]);
        notes(&place, "2014-04", id, [&format!("entry-{id}"), "2014-04-02", "N142.", value]);
    }
    run(&place, "2014-04");
    assert_eq!((has(&place, "journals", "4321.5"), has(&place, "journals", "8765.5")), (true, true));
    succeeds(&place.says("home", MOTHER, "object-all", &[]));
    run(&place, "2014-04");
    assert_eq!((has(&place, "journals", "4321.5"), has(&place, "journals", "8765.5")), (false, false));
}

#[test]
fn a_person_found_to_be_one_with_another_after_objecting_is_withheld_under_both() {
    let place = town();
    registers(&place, "2014-04", "known", [MOTHER, "1971-03-05", "LS1 4AP", "2", ""]);
    notes(&place, "2014-04", "known", ["entry-1", "2014-04-02", "N142.", "4321.5"]);
    // Not known by number yet, at another address: nothing tells that it is the same person.
    registers(&place, "2014-04", "unknown", ["", "1971-03-05", "YO10 3DD", "2", ""]);
    notes(&place, "2014-04", "unknown", ["entry-2", "2014-04-03", "9Nu4.", ""]);
    notes(&place, "2014-04", "unknown", ["entry-3", "2014-04-03", "N142.", "8765.5"]);
    is_admitted(&place, "2014-04", "990000000001", "S881", [MOTHER, "1971-03-05", "LS1 4AP", "2"]);
    run(&place, "2014-04");
    assert_eq!((has(&place, "journals", "4321.5"), has(&place, "journals", "8765.5")), (true, false));
    assert!(has(&place, "admissions", "S881"));
    // The practice learns the number: the two are one, and the objection covers all.
    registers(&place, "2014-05", "known", [MOTHER, "1971-03-05", "LS1 4AP", "2", ""]);
    registers(&place, "2014-05", "unknown", [MOTHER, "1971-03-05", "YO10 3DD", "2", ""]);
    notes(&place, "2014-05", "unknown", ["entry-2", "2014-04-03", "9Nu4.", ""]);
    run(&place, "2014-05");
    assert_eq!((has(&place, "journals", "4321.5"), has(&place, "journals", "8765.5")), (false, false));
    assert!(!has(&place, "admissions", "S881"), "and so do the rows of hospitals that were published before");
}

/// "A withdrawal counted as an objection": whoever changed their mind was left out for good.
#[test]
fn a_withdrawal_alone_keeps_nobody_out() {
    let place = town();
    registers(&place, "2014-04", "one", [MOTHER, "1971-03-05", "LS1 4AP", "2", ""]);
    for (entry, code, value) in [("entry-1", "9Nu1.", ""), ("entry-2", "9Nu5.", ""), ("entry-3", "N142.", "4321.5")] {
        notes(&place, "2014-04", "one", [entry, "2014-04-02", code, value]);
    }
    run(&place, "2014-04");
    assert!(has(&place, "journals", "4321.5"));
}

/// "A supplier's flag in which `false` means *objected*": a yes or no is no wish, whatever it was meant to say.
#[test]
fn a_flag_is_no_wish() {
    let place = town();
    for flag in ["false", "true", "0", "1", "N", "Y"] {
        let head = "nhs_number,kind,effective_from,recorded_at,channel,recorded_by,source_id\n";
        let good = format!("{OTHER},object-all,2014-01-01,2014-01-01,letter,a test,1\n");
        let bad = format!("{MOTHER},{flag},2014-01-01,2014-01-01,letter,a test,2\n");
        fs::write(place.path("objections.csv"), format!("{head}{good}{bad}")).expect("written");
        let message = refuses(&place.caredata("home", &["objection", "load", "objections.csv"]), 3);
        assert!(message.contains("object-all") && !message.contains(MOTHER), "says what is a wish: {message}");
    }
    // Nothing of a refused file counts, its good lines included.
    registers(&place, "2014-04", "good", [OTHER, "1971-03-05", "LS1 4AP", "2", ""]);
    notes(&place, "2014-04", "good", ["entry-1", "2014-04-02", "N142.", "4321.5"]);
    run(&place, "2014-04");
    assert!(has(&place, "journals", "4321.5"));
}

/// "An empty deny list taken for 'nobody objects'."
#[test]
fn a_list_of_nobody_is_no_answer() {
    let place = Place::with_people(200, 1);
    succeeds(&place.caredata("home", &["init", "--keys", "home-keys"]));
    let head = "nhs_number,kind,effective_from,recorded_at,channel,recorded_by,source_id\n";
    for text in ["", head] {
        fs::write(place.path("objections.csv"), text).expect("written");
        refuses(&place.caredata("home", &["objection", "load", "objections.csv"]), 3);
        refuses(&place.run("home", "data", "2014-04"), 4);
    }
    assert!(!place.caredata("home", &["objection", "load", "no-such-file.csv"]).status.success());
    refuses(&place.run("home", "data", "2014-04"), 4);
}

/// "Hundreds of thousands of objections unprocessed": from the moment one is noted, the check of a home says that it waits.
#[test]
fn an_objection_that_waits_is_seen_to_wait() {
    let place = town();
    registers(&place, "2014-04", "one", [MOTHER, "1971-03-05", "LS1 4AP", "2", ""]);
    notes(&place, "2014-04", "one", ["entry-1", "2014-04-02", "N142.", "4321.5"]);
    run(&place, "2014-04");
    succeeds(&place.says("home", MOTHER, "object-gp", &[]));
    assert_eq!(place.caredata("home", &["fsck"]).status.code(), Some(4));
    run(&place, "2014-04");
    assert!(!has(&place, "journals", "4321.5"));
}

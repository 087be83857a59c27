//! What becomes of one person's wishes, told at one place and taken back at another, from run to run.

mod common;

use common::{Place, refuses, rows, succeeds};
use std::process::Output;

/// Entries of the person's two journals, told from all others by their values.
const AT_FIRST: &str = "4321.5";
const AT_SECOND: &str = "8765.5";
const NUMBER: &str = "9434765919";
/// Somebody else's date of birth and all that follows it.
const OTHER: &str = "1955-12-30,LS1 4AP,2,A,2001-01-01,,,";

/// A month in which one person is registered with two practices.
fn place_with_person_at_two_practices() -> Place {
    let place = Place::with_people(1_000, 2);
    let person = "1971-03-05,LS1 4AP,1,A";
    patients(&place, "2014-04", &format!("A81001,first,{NUMBER},{person},2001-01-01,,,"));
    patients(&place, "2014-04", &format!("B81002,second,{NUMBER},{person},2010-01-01,,,"));
    journal(&place, "2014-04", "A81001,first,entry-1,2014-04-02,2014-04-02,read2,N142.,4321.5,,,");
    journal(&place, "2014-04", "B81002,second,entry-2,2014-04-03,2014-04-03,read2,N142.,8765.5,,,");
    place.init("home");
    place
}

fn patients(place: &Place, month: &str, line: &str) {
    place.append(&format!("{month}/gp/patients.csv"), line);
}

fn journal(place: &Place, month: &str, line: &str) {
    place.append(&format!("{month}/gp/journals.csv"), line);
}

fn april(place: &Place) {
    succeeds(&place.run("home", "data/2014-04", "2014-04"));
}

fn may(place: &Place) {
    succeeds(&place.run("home", "data/2014-05", "2014-05"));
}

/// An admission of April, of the person's day of birth and sex, told from all others by its diagnosis.
fn admission(place: &Place, number: &str, postcode: &str) {
    let given = [("NEWNHSNO", number), ("DOB", "1971-03-05"), ("HOMEADD", postcode), ("SEX", "1"), ("DIAG_01", "S889")];
    place.admit("2014-04/hospital/apc.csv", &given);
}

/// Whether that admission is not published.
fn is_sealed(place: &Place) -> bool {
    !rows(&place.path("home"), "admissions").iter().any(|row| row.contains("S889"))
}

fn is_published(place: &Place, value: &str) -> bool {
    rows(&place.path("home"), "journals").iter().any(|row| row.contains(value))
}

/// Whether the person's entries at the first and at the second practice are published; everything else must be in order.
fn published(place: &Place) -> (bool, bool) {
    succeeds(&place.caredata("home", &["fsck"]));
    (is_published(place, AT_FIRST), is_published(place, AT_SECOND))
}

fn record(place: &Place, kind: &str, more: &[&str]) -> Output {
    record_of(place, NUMBER, kind, more)
}

fn record_of(place: &Place, number: &str, kind: &str, more: &[&str]) -> Output {
    place.says("home", number, kind, more)
}

#[test]
fn an_objection_at_one_practice_binds_the_person_until_it_is_taken_back_at_another() {
    let place = place_with_person_at_two_practices();
    april(&place);
    assert_eq!(published(&place), (true, true));
    journal(&place, "2014-04", "A81001,first,entry-3,2014-04-10,2014-04-10,read2,9Nu0.,,,,");
    april(&place);
    assert_eq!(
        published(&place),
        (false, false),
        "the objection binds the person, though its registration came no more"
    );
    april(&place);
    assert_eq!(published(&place), (false, false), "and is not forgotten with the next run");
    journal(&place, "2014-04", "B81002,second,entry-4,2014-04-20,2014-04-20,read2,9Nu1.,,,,");
    april(&place);
    assert_eq!(published(&place), (false, true), "taken back at the second practice; the first one's own word stands");
    journal(&place, "2014-04", "A81001,first,entry-5,2014-04-25,2014-04-25,read2,9Nu0.,,,,");
    april(&place);
    assert_eq!(published(&place), (false, false), "and said again");
}

#[test]
fn an_objection_at_a_practice_is_taken_back_through_the_patient_line() {
    let place = place_with_person_at_two_practices();
    april(&place);
    journal(&place, "2014-04", "A81001,first,entry-3,2014-04-10,2014-04-10,read2,9Nu0.00,,,,");
    april(&place);
    assert_eq!(published(&place), (false, false));
    succeeds(&record(&place, "withdraw-gp", &["--effective", "2014-04-12"]));
    april(&place);
    assert_eq!(published(&place), (false, true));
}

#[test]
fn an_earlier_export_run_later_does_not_undo_a_newer_objection() {
    let place = place_with_person_at_two_practices();
    journal(&place, "2014-04", "A81001,first,entry-3,2014-04-10,2014-04-10,read2,9Nu0.,,,,");
    journal(&place, "2014-04", "A81001,first,entry-4,2014-04-15,2014-04-15,read2,9Nu1.,,,,");
    april(&place);
    assert_eq!(published(&place), (true, true));
    patients(&place, "2014-05", &format!("A81001,first,{NUMBER},1971-03-05,LS1 4AP,1,A,2001-01-01,,,"));
    journal(&place, "2014-05", "A81001,first,entry-3,2014-04-10,2014-04-10,read2,9Nu0.,,,,");
    journal(&place, "2014-05", "A81001,first,entry-4,2014-04-15,2014-04-15,read2,9Nu1.,,,,");
    journal(&place, "2014-05", "A81001,first,entry-5,2014-05-20,2014-05-20,read2,9Nu0.,,,,");
    may(&place);
    assert_eq!(published(&place), (false, false));
    april(&place);
    assert_eq!(published(&place), (false, false));
    // Told through the patient line before that: the objection is the newer word.
    succeeds(&record(&place, "withdraw-gp", &["--effective", "2014-05-05"]));
    april(&place);
    assert_eq!(published(&place), (false, false));
}

#[test]
fn an_objection_is_remembered_without_the_practice_that_noted_it() {
    let place = place_with_person_at_two_practices();
    journal(&place, "2014-04", "A81001,first,entry-3,2014-04-10,2014-04-10,read2,9Nu0.,,,,");
    april(&place);
    assert_eq!(published(&place), (false, false));
    patients(&place, "2014-05", &format!("B81002,second,{NUMBER},1971-03-05,LS1 4AP,1,A,2010-01-01,,,"));
    journal(&place, "2014-05", "B81002,second,entry-2,2014-04-03,2014-04-03,read2,N142.,8765.5,,,");
    may(&place);
    assert_eq!(published(&place), (false, false), "the registration at the first practice was never taken in");
}

#[test]
fn a_wish_noted_while_the_number_was_missing_is_taken_back_at_the_practice() {
    let place = place_with_person_at_two_practices();
    patients(&place, "2014-04", &format!("A81001,third,,{OTHER}"));
    journal(&place, "2014-04", "A81001,third,entry-6,2014-04-02,2014-04-02,read2,N142.,1357.5,,,");
    journal(&place, "2014-04", "A81001,third,entry-7,2014-04-10,2014-04-10,read2,9Nu4.,,,,");
    april(&place);
    assert!(!is_published(&place, "1357.5"));
    // The number that the practice states later is a relative's, who withdraws: that lifts nothing of this person's.
    patients(&place, "2014-05", &format!("A81001,third,{NUMBER},{OTHER}"));
    journal(&place, "2014-05", "A81001,third,entry-6,2014-04-02,2014-04-02,read2,N142.,1357.5,,,");
    journal(&place, "2014-05", "A81001,third,entry-7,2014-04-10,2014-04-10,read2,9Nu4.,,,,");
    succeeds(&record(&place, "withdraw-all", &["--effective", "2014-05-20"]));
    may(&place);
    assert!(!is_published(&place, "1357.5"));
    journal(&place, "2014-05", "A81001,third,entry-8,2014-05-25,2014-05-25,read2,9Nu5.,,,,");
    may(&place);
    assert!(is_published(&place, "1357.5"));
    succeeds(&place.caredata("home", &["fsck"]));
}

#[test]
fn a_withdrawal_under_a_number_in_dispute_lifts_no_objection_of_its_bearer() {
    let place = place_with_person_at_two_practices();
    succeeds(&record(&place, "object-gp", &["--effective", "2014-01-01"]));
    // Somebody else's record states the person's number, and notes a withdrawal.
    patients(&place, "2014-04", &format!("A81001,third,{NUMBER},{OTHER}"));
    journal(&place, "2014-04", "A81001,third,entry-8,2014-04-20,2014-04-20,read2,9Nu1.,,,,");
    april(&place);
    assert_eq!(published(&place), (false, false));
}

#[test]
fn entries_stay_with_the_patient_who_bore_the_id_when_they_were_sent() {
    let place = place_with_person_at_two_practices();
    let reused = "943 476 5870";
    patients(&place, "2014-04", &format!("A81001,reused,{reused},{OTHER}"));
    journal(&place, "2014-04", "A81001,reused,entry-6,2014-04-02,2014-04-02,read2,N142.,1111.5,,,");
    april(&place);
    patients(&place, "2014-05", "A81001,reused,9434765838,1999-09-09,LS2 7UE,1,A,2014-05-01,,,");
    journal(&place, "2014-05", "A81001,reused,entry-9,2014-05-02,2014-05-02,read2,N142.,2222.5,,,");
    may(&place);
    assert_eq!((is_published(&place, "1111.5"), is_published(&place, "2222.5")), (true, true));
    succeeds(&record_of(&place, reused, "object-all", &[]));
    may(&place);
    assert!(!is_published(&place, "1111.5"), "the first bearer's");
    assert!(is_published(&place, "2222.5"), "the second bearer's");
    succeeds(&place.caredata("home", &["fsck"]));
    april(&place);
    assert!(is_published(&place, "2222.5"), "whose row of persons rests on the same key");
    succeeds(&place.caredata("home", &["fsck"]));
}

#[test]
fn whose_gp_record_is_objected_to_elsewhere_is_still_matched_so_that_hospital_rows_are_sealed() {
    let place = place_with_person_at_two_practices();
    journal(&place, "2014-04", "A81001,first,entry-3,2014-04-10,2014-04-10,read2,9Nu0.,,,,");
    journal(&place, "2014-04", "B81002,second,entry-4,2014-04-10,2014-04-10,read2,9Nu4.,,,,");
    admission(&place, "", "LS1 4AP");
    april(&place);
    assert_eq!(published(&place), (false, false));
    assert!(is_sealed(&place), "a row without a number");
}

#[test]
fn a_person_known_by_another_practice_keeps_a_row_when_one_practice_objects() {
    let place = place_with_person_at_two_practices();
    april(&place);
    patients(&place, "2014-05", &format!("B81002,second,{NUMBER},1971-03-05,LS1 4AP,1,A,2010-01-01,,,"));
    journal(&place, "2014-05", "B81002,second,entry-4,2014-05-10,2014-05-10,read2,9Nu0.,,,,");
    succeeds(&record(&place, "withdraw-gp", &["--effective", "2014-05-12"]));
    may(&place);
    assert_eq!(published(&place), (true, false), "the second practice's own word binds its record alone");
}

#[test]
fn who_is_known_from_the_objected_place_of_care_alone_has_no_row() {
    let place = place_with_person_at_two_practices();
    let only_in_hospital = "9434765838";
    admission(&place, only_in_hospital, "HG1 1AA");
    april(&place);
    let persons = || rows(&place.path("home"), "persons").len();
    let before = persons();
    assert!(!is_sealed(&place));
    succeeds(&record_of(&place, only_in_hospital, "object-source:hospital", &[]));
    april(&place);
    assert!(is_sealed(&place));
    assert_eq!(persons(), before - 1);
    succeeds(&place.caredata("home", &["fsck"]));
}

#[test]
fn a_wish_about_a_place_of_care_that_nobody_knows_is_refused_with_the_names_known() {
    let place = Place::new();
    place.init("home");
    let message = refuses(&record(&place, "object-source:hopsital", &[]), 3);
    assert!(
        message.contains("hospital") && message.contains("apc") && message.contains("--expect-source"),
        "{message}"
    );
    let head = "nhs_number,kind,effective_from,recorded_at,channel,recorded_by,source_id\n";
    let line = "9434765919,object-source:hospice,2014-01-01,2014-01-01,letter,a test,1\n";
    std::fs::write(place.path("objects.csv"), format!("{head}{line}")).expect("written");
    let message = refuses(&place.caredata("home", &["objection", "load", "objects.csv"]), 3);
    assert!(message.contains("line 2") && message.contains("hospital"), "{message}");
    succeeds(&place.caredata("home", &["objection", "load", "objects.csv", "--expect-source", "hospice"]));
    succeeds(&record(&place, "object-source:hospital", &[]));
}

#[test]
fn an_objection_to_the_hospitals_seals_their_rows_alone() {
    let place = place_with_person_at_two_practices();
    admission(&place, NUMBER, "LS1 4AP");
    april(&place);
    assert!(!is_sealed(&place));
    succeeds(&record(&place, "object-source:hospital", &[]));
    april(&place);
    assert!(is_sealed(&place));
    assert_eq!(published(&place), (true, true), "the GP record is not meant");
}

/// Takes the lines that begin so out of a file.
fn without(place: &Place, file: &str, beginning: &str) {
    let path = place.path(file);
    let text = std::fs::read_to_string(&path).expect("a file");
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with(beginning)).collect();
    let kept = kept.join("\n") + "\n";
    assert!(kept.len() < text.len(), "something is taken out");
    std::fs::write(path, kept).expect("written");
}

fn report_of(output: &Output) -> serde_json::Value {
    serde_json::from_str(&succeeds(output)).expect("JSON")
}

#[test]
fn a_practice_whose_journals_are_missing_is_held_and_named() {
    let place = place_with_person_at_two_practices();
    journal(&place, "2014-04", "A81001,first,entry-3,2014-04-10,2014-04-10,read2,9Nu0.,,,,");
    april(&place);
    assert_eq!(published(&place), (false, false));
    let of_practice = || rows(&place.path("home"), "journals").iter().filter(|row| row.contains("A81001")).count();
    let before = of_practice();
    assert!(before > 0);
    without(&place, "data/2014-04/gp/journals.csv", "A81001,");
    let report = report_of(&place.run("home", "data/2014-04", "2014-04"));
    assert_eq!(report["held"].as_array().map(Vec::len), Some(1), "{}", report["held"]);
    assert_eq!(report["held"][0]["practice"], "A81001");
    assert_eq!(published(&place), (false, false), "its wishes stay");
    assert_eq!(of_practice(), before, "and what is published of it");
    let log = std::fs::read_to_string(place.path("home/log/audit.jsonl")).expect("a log");
    assert!(log.lines().any(|line| line.contains("provider-held") && line.contains("A81001")));
    let run = ["run", "--gp", "data/2014-04/gp", "--period", "2014-04"];
    let words = succeeds(&place.caredata("home", &run));
    assert!(words.contains("practice A81001 is held"), "{words}");
}

#[test]
fn an_objection_dated_ahead_holds_at_once_and_is_lifted_for_good() {
    let place = place_with_person_at_two_practices();
    succeeds(&record(&place, "object-all", &["--effective", "2999-01-01"]));
    april(&place);
    assert_eq!(published(&place), (false, false));
    succeeds(&record(&place, "withdraw-all", &[]));
    april(&place);
    assert_eq!(published(&place), (true, true));
}

#[test]
fn an_undated_objection_of_the_register_counts_from_its_recording() {
    let place = place_with_person_at_two_practices();
    let head = "nhs_number,kind,effective_from,recorded_at,channel,recorded_by,source_id\n";
    for (name, recorded) in [("recorded.csv", "2014-01-05"), ("unrecorded.csv", "")] {
        let line = format!("{NUMBER},object-all,,{recorded},letter,a test,{name}\n");
        std::fs::write(place.path(name), format!("{head}{line}")).expect("written");
        succeeds(&place.caredata("home", &["objection", "load", name]));
        april(&place);
        assert_eq!(published(&place), (false, false), "{name}");
        succeeds(&record(&place, "withdraw-all", &[]));
        april(&place);
        assert_eq!(published(&place), (true, true), "{name}");
    }
}

#[test]
fn a_row_in_review_is_withheld_when_any_candidate_objects() {
    let place = place_with_person_at_two_practices();
    // A twin: of date of birth, postcode and gender alone nobody can tell whose the row is.
    patients(&place, "2014-04", "A81001,twin,9434765838,1971-03-05,LS1 4AP,1,A,2001-01-01,,,");
    admission(&place, "", "LS1 4AP");
    april(&place);
    assert!(!is_sealed(&place), "nobody objects");
    succeeds(&record(&place, "object-all", &[]));
    let found = place.caredata("home", &["fsck"]);
    assert_eq!(found.status.code(), Some(4), "the check knows of the doubt");
    april(&place);
    assert!(is_sealed(&place), "one of the two objects");
    may(&place);
    assert!(is_sealed(&place), "and the doubt is remembered");
    succeeds(&place.caredata("home", &["fsck"]));
    succeeds(&record(&place, "withdraw-all", &[]));
    succeeds(&record_of(&place, "9434765838", "object-all", &[]));
    april(&place);
    assert!(is_sealed(&place), "the other objects");
    succeeds(&record_of(&place, "9434765838", "withdraw-all", &[]));
    april(&place);
    assert!(!is_sealed(&place), "neither does");
}

#[test]
fn hospital_rows_stay_sealed_when_the_registration_comes_no_more() {
    let place = place_with_person_at_two_practices();
    succeeds(&record(&place, "object-all", &[]));
    admission(&place, "", "LS1 4AP");
    april(&place);
    assert!(is_sealed(&place));
    without(&place, "data/2014-04/gp/patients.csv", "A81001,first,");
    without(&place, "data/2014-04/gp/patients.csv", "B81002,second,");
    succeeds(&place.caredata("home", &["run", "--gp", "data/2014-04/gp", "--period", "2014-04"]));
    assert!(is_sealed(&place));
    april(&place);
    assert!(is_sealed(&place));
}

#[test]
fn who_objects_to_both_is_matched_so_that_hospital_rows_are_sealed() {
    let place = place_with_person_at_two_practices();
    without(&place, "data/2014-04/gp/patients.csv", "B81002,second,");
    journal(&place, "2014-04", "A81001,first,entry-3,2014-04-10,2014-04-10,read2,9Nu0.,,,,");
    journal(&place, "2014-04", "A81001,first,entry-4,2014-04-10,2014-04-10,read2,9Nu4.,,,,");
    admission(&place, "", "LS1 4AP");
    april(&place);
    assert!(is_sealed(&place));
    assert_eq!(published(&place), (false, false));
}

#[test]
fn a_wish_counts_for_every_line_of_its_patient() {
    let place = place_with_person_at_two_practices();
    patients(&place, "2014-04", "A81001,twice,,1971-03-05,LS1 4AP,1,A,2001-01-01,,,");
    patients(&place, "2014-04", &format!("A81001,twice,{NUMBER},1971-03-05,LS1 4AP,1,A,2001-01-01,,,"));
    journal(&place, "2014-04", "A81001,twice,entry-3,2014-04-10,2014-04-10,read2,9Nu4.,,,,");
    april(&place);
    assert_eq!(published(&place), (false, false));
}

#[test]
fn a_withdrawal_does_not_count_under_a_number_that_somebody_without_a_date_of_birth_states() {
    let place = place_with_person_at_two_practices();
    succeeds(&record(&place, "object-gp", &["--effective", "2014-01-01"]));
    patients(&place, "2014-04", &format!("A81001,third,{NUMBER},,LS1 4AP,2,A,2001-01-01,,,"));
    journal(&place, "2014-04", "A81001,third,entry-8,2014-04-20,2014-04-20,read2,9Nu1.,,,,");
    april(&place);
    assert_eq!(published(&place), (false, false));
}

#[test]
fn what_a_deregistered_patients_entry_brings_drops_nothing() {
    let place = place_with_person_at_two_practices();
    april(&place);
    journal(&place, "2014-05", "A81001,first,entry-1,2014-04-02,2014-04-02,read2,N142.,4321.5,,,");
    may(&place);
    assert_eq!(published(&place), (true, true));
}

#[test]
fn what_came_too_late_what_was_replaced_and_whose_wish_waits_is_said() {
    let place = place_with_person_at_two_practices();
    let report = report_of(&place.run("home", "data/2014-04", "2014-04"));
    let number = |report: &serde_json::Value, name: &str| report["objections"][name].as_u64().expect("a number");
    let before = (number(&report, "no_longer_counting"), number(&report, "wishes_unregistered"));
    assert_eq!(report["replaced"].as_array().map(Vec::len), Some(0));
    journal(&place, "2014-04", "A81001,first,entry-3,2019-01-01,2019-01-01,read2,9Nu4.,,,,");
    journal(&place, "2014-04", "A81001,nobody,entry-4,2014-01-01,2014-01-01,read2,9Nu4.,,,,");
    let report = report_of(&place.run("home", "data/2014-04", "2014-04"));
    let after = (number(&report, "no_longer_counting"), number(&report, "wishes_unregistered"));
    assert_eq!(after, (before.0 + 1, before.1 + 1));
    let replaced = report["replaced"].as_array().expect("a list");
    assert!(replaced.iter().any(|one| one["what"] == "apc" && one["rows"].as_u64() > Some(0)), "{replaced:?}");
    assert_eq!(published(&place), (true, true), "entries of 2019 are national opt-outs");
}

#[test]
fn spaces_about_an_id_hide_no_objection() {
    let place = place_with_person_at_two_practices();
    journal(&place, "2014-04", " A81001 , first ,entry-3,2014-04-10,2014-04-10,read2,9Nu0.,,,,");
    april(&place);
    assert_eq!(published(&place), (false, false));
}

/// Runs one practice's packages of a month, written to a folder of their own.
fn packages_of(place: &Place, month: &str, entries: &[&str]) {
    let gp = place.path(&format!("exports/{month}"));
    std::fs::create_dir_all(&gp).expect("a folder");
    let head = "practice_code,patient_id,nhs_number,date_of_birth,postcode,sex,ethnic_category,registration_date\n";
    let line = format!("A81001,first,{NUMBER},1971-03-05,LS1 4AP,1,A,2001-01-01\n");
    std::fs::write(gp.join("patients.csv"), format!("{head}{line}")).expect("written");
    let head =
        "practice_code,patient_id,record_id,event_date,recorded_date,code_system,code,value1,value2,unit,episode\n";
    let mut lines = String::new();
    for entry in entries {
        lines = lines + "A81001,first," + entry + "\n";
    }
    std::fs::write(gp.join("journals.csv"), format!("{head}{lines}")).expect("written");
    let (gp, out) = (format!("exports/{month}"), format!("packages-{month}"));
    succeeds(&place.caredata("home", &["extract", "--gp", &gp, "--period", month, "--out", &out]));
    run_packages(place, month);
}

fn run_packages(place: &Place, month: &str) {
    let folder = format!("packages-{month}");
    succeeds(&place.caredata("home", &["run", "--packages", &folder, "--period", month]));
}

const ENTRY: &str = "entry-1,2014-04-02,2014-04-02,read2,N142.,4321.5,,,";

#[test]
fn a_practice_that_writes_each_month_elsewhere_still_tells_who_stopped() {
    let place = Place::new();
    place.init("home");
    packages_of(&place, "2014-04", &[ENTRY]);
    assert!(is_published(&place, AT_FIRST));
    let objects = "entry-2,2014-05-10,2014-05-10,read2,9Nu0.,,,,";
    packages_of(&place, "2014-05", &[ENTRY, objects]);
    assert!(!is_published(&place, AT_FIRST), "the token of April is told as stopped");
    let withdraws = "entry-3,2014-06-10,2014-06-10,read2,9Nu1.,,,,";
    packages_of(&place, "2014-06", &[ENTRY, objects, withdraws]);
    assert!(is_published(&place, AT_FIRST));
    run_packages(&place, "2014-05");
    assert!(is_published(&place, AT_FIRST), "May's package, run again, does not undo what June told");
    succeeds(&place.caredata("home", &["fsck"]));
}

#[test]
fn a_run_takes_the_packages_of_its_period_and_tells_of_the_others() {
    let place = Place::with_people(300, 2);
    place.init("home");
    for month in ["2014-04", "2014-05"] {
        let gp = format!("data/{month}/gp");
        let words =
            succeeds(&place.caredata("home", &["extract", "--gp", &gp, "--period", month, "--out", "packages"]));
        assert_eq!(words.contains("new keys were made"), month == "2014-04", "{words}");
    }
    let packages = common::files_under(&place.path("packages"));
    assert!(packages.iter().all(|path| !path.ends_with("token") && !path.ends_with("tokens-sent")));
    let report =
        report_of(&place.caredata("home", &["run", "--packages", "packages", "--period", "2014-05", "--json"]));
    assert!(report["packages_left"].as_u64() > Some(0));
    let message = refuses(&place.caredata("home", &["run", "--packages", "packages", "--period", "2014-06"]), 3);
    assert!(message.contains("package-period"), "{message}");
}

#[test]
fn a_package_with_rows_of_another_practice_is_refused() {
    let place = Place::new();
    place.init("home");
    packages_of(&place, "2014-04", &[ENTRY]);
    let manifest = place.path("packages-2014-04/A81001-2014-04/manifest.json");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    std::fs::write(&manifest, text.replace("A81001", "B81002")).expect("written");
    let run = ["run", "--packages", "packages-2014-04", "--period", "2014-04"];
    let message = refuses(&place.caredata("home", &run), 3);
    assert!(message.contains("foreign-rows"), "{message}");
    assert!(is_published(&place, AT_FIRST));
}

#[test]
fn an_admission_of_nobody_known_is_sealed_once_a_later_month_shows_whose_it_is() {
    let place = Place::with_people(1_000, 2);
    place.init("home");
    admission(&place, "", "YO10 3DD");
    april(&place);
    assert!(!is_sealed(&place), "nobody is known for it");
    succeeds(&record(&place, "object-all", &[]));
    patients(&place, "2014-05", &format!("A81001,first,{NUMBER},1971-03-05,YO10 3DD,1,A,2014-05-01,,,"));
    may(&place);
    assert!(is_sealed(&place), "the objector's admission of the month before");
    succeeds(&place.caredata("home", &["fsck"]));
    succeeds(&record(&place, "withdraw-all", &[]));
    may(&place);
    assert!(!is_sealed(&place), "the person took it back");
    succeeds(&place.caredata("home", &["fsck"]));
}

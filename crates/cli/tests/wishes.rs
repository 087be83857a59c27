//! What becomes of one person's wishes, told at one place and taken back at another, from run to run.

mod common;

use common::{Place, refuses, rows, succeeds};
use std::fs::OpenOptions;
use std::io::Write;
use std::process::{Output, Stdio};

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

fn append(place: &Place, file: &str, line: &str) {
    let mut file = OpenOptions::new().append(true).open(place.path(file)).expect("a file");
    writeln!(file, "{line}").expect("written");
}

fn patients(place: &Place, month: &str, line: &str) {
    append(place, &format!("data/{month}/gp/patients.csv"), line);
}

fn journal(place: &Place, month: &str, line: &str) {
    append(place, &format!("data/{month}/gp/journals.csv"), line);
}

fn april(place: &Place) {
    succeeds(&place.run("home", "data/2014-04", "2014-04"));
}

fn may(place: &Place) {
    succeeds(&place.run("home", "data/2014-05", "2014-05"));
}

/// An admission of April, of the person's day of birth and sex, told from all others by its diagnosis.
fn admission(place: &Place, number: &str, postcode: &str) {
    let file = std::fs::read_to_string(place.path("data/2014-04/hospital/apc.csv")).expect("a file");
    let columns = file.lines().next().expect("a header").split(',');
    let row = columns.map(|column| match column {
        "EPIKEY" => "990000000001",
        "PROCODE" => "RAA",
        "LOPATID" => "lop1",
        "NEWNHSNO" => number,
        "DOB" => "1971-03-05",
        "HOMEADD" => postcode,
        "SEX" => "1",
        "ADMIDATE" | "EPISTART" => "2014-04-07",
        "DISDATE" | "EPIEND" => "2014-04-09",
        "DIAG_01" => "S889",
        _ => "",
    });
    append(place, "data/2014-04/hospital/apc.csv", &row.collect::<Vec<_>>().join(","));
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
    let arguments = [&["objection", "record", "--kind", kind], more].concat();
    let mut command = place.command("home", &arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    // A command that refuses its arguments may end before it reads.
    let _ = child.stdin.take().expect("its input").write_all(number.as_bytes());
    child.wait_with_output().expect("it ends")
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

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

/// Whether the person's entries at the first and at the second practice are published; everything else must be in order.
fn published(place: &Place) -> (bool, bool) {
    succeeds(&place.caredata("home", &["fsck"]));
    let journals = rows(&place.path("home"), "journals");
    let has = |value: &str| journals.iter().any(|row| row.contains(value));
    (has(AT_FIRST), has(AT_SECOND))
}

fn record(place: &Place, kind: &str, more: &[&str]) -> Output {
    let arguments = [&["objection", "record", "--kind", kind], more].concat();
    let mut command = place.command("home", &arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    // A command that refuses its arguments may end before it reads.
    let _ = child.stdin.take().expect("its input").write_all(NUMBER.as_bytes());
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
fn a_wish_noted_while_the_number_was_missing_is_taken_back_by_the_number_found_later() {
    let place = place_with_person_at_two_practices();
    let person = "1955-12-30,LS1 4AP,2,A,2001-01-01,,,";
    patients(&place, "2014-04", &format!("A81001,third,,{person}"));
    journal(&place, "2014-04", "A81001,third,entry-6,2014-04-02,2014-04-02,read2,N142.,1357.5,,,");
    journal(&place, "2014-04", "A81001,third,entry-7,2014-04-10,2014-04-10,read2,9Nu4.,,,,");
    let is_published = || rows(&place.path("home"), "journals").iter().any(|row| row.contains("1357.5"));
    april(&place);
    assert!(!is_published());
    patients(&place, "2014-05", &format!("A81001,third,{},{person}", "943 476 5870"));
    succeeds(&place.run("home", "data/2014-05", "2014-05"));
    let head = "nhs_number,kind,effective_from,recorded_at,channel,recorded_by,source_id\n";
    let line = "9434765870,withdraw-all,2014-05-20,2014-05-20,letter,a test,1\n";
    std::fs::write(place.path("withdraws.csv"), format!("{head}{line}")).expect("written");
    succeeds(&place.caredata("home", &["objection", "load", "withdraws.csv"]));
    april(&place);
    assert!(is_published(), "the number that the registration states in May says whose wish of April it was");
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
    let head = std::fs::read_to_string(place.path("data/2014-04/hospital/apc.csv")).expect("a file");
    let row: String = head
        .lines()
        .next()
        .expect("a header")
        .split(',')
        .map(|column| match column {
            "EPIKEY" => "990000000001",
            "PROCODE" => "RAA",
            "LOPATID" => "lop1",
            "NEWNHSNO" => NUMBER,
            "DOB" => "1971-03-05",
            "HOMEADD" => "LS1 4AP",
            "SEX" => "1",
            "ADMIDATE" | "EPISTART" => "2014-04-07",
            "DISDATE" | "EPIEND" => "2014-04-09",
            "DIAG_01" => "S889",
            _ => "",
        })
        .collect::<Vec<_>>()
        .join(",");
    append(&place, "data/2014-04/hospital/apc.csv", &row);
    let sealed = || !rows(&place.path("home"), "admissions").iter().any(|row| row.contains("S889"));
    april(&place);
    assert!(!sealed());
    succeeds(&record(&place, "object-source:hospital", &[]));
    april(&place);
    assert!(sealed());
    assert_eq!(published(&place), (true, true), "the GP record is not meant");
}

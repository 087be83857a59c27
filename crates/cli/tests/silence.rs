//! The silence alarm through whole runs: a practice that falls silent is held and named, the others go on, and somebody with
//! responsibility lets its data flow again; and a supplier's practices together.

mod common;

use common::{Place, csv, refuses, rows, succeeds};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::process::Output;

const MONTHS: u32 = 8;
const PATIENTS: u32 = 60;
/// Objections that a practice notes in an ordinary month.
const ORDINARY: u32 = 20;

/// An NHS Number: nine digits and the one that checks them, or none where there is none for them.
fn number(nine: u32) -> Option<String> {
    let digits = format!("{nine:09}");
    let sum: u32 = digits.bytes().zip(0..).map(|(digit, at)| u32::from(digit - b'0') * (10 - at)).sum();
    match 11 - sum % 11 {
        11 => Some(format!("{digits}0")),
        10 => None,
        check => Some(format!("{digits}{check}")),
    }
}

/// Writes a month's exports: each practice with its patients, one of whom changes their mind on some days of the month, and an
/// entry of another patient's that is published.
fn month(place: &Place, month: u32, practices: &[(&str, u32)]) -> String {
    let folder = format!("data/2014-{month:02}");
    let mut patients =
        "practice_code,patient_id,nhs_number,date_of_birth,postcode,sex,ethnic_category,registration_date\n".to_owned();
    let mut journals =
        "practice_code,patient_id,record_id,event_date,recorded_date,code_system,code,value1,value2,unit,episode\n"
            .to_owned();
    for (place_of, &(practice, wishes)) in (1..).zip(practices) {
        let numbers = (place_of * 1_000_000..).filter_map(|nine| number(900_000_000 + nine));
        for (patient, number) in (0..PATIENTS).zip(numbers) {
            let day = patient % 28 + 1;
            writeln!(
                patients,
                "{practice},p{patient},{number},1950-{:02}-{day:02},LS1 4AP,2,A,2001-01-01",
                place_of + 2
            )
            .expect("text");
        }
        let entry = |journals: &mut String, patient: u32, name: &str, day: u32, code: &str| {
            let day = format!("2014-{month:02}-{day:02}");
            writeln!(journals, "{practice},p{patient},{month}-{name},{day},{day},read2,{code},,,,").expect("text");
        };
        entry(&mut journals, 59, "plain", 3, "N142.");
        for wish in 0..wishes {
            entry(&mut journals, wish, &format!("w{wish}"), wish % 28 + 1, "9Nu0.");
        }
    }
    fs::create_dir_all(place.path(&format!("{folder}/gp"))).expect("a folder");
    fs::write(place.path(&format!("{folder}/gp/patients.csv")), patients).expect("written");
    fs::write(place.path(&format!("{folder}/gp/journals.csv")), journals).expect("written");
    folder
}

fn run(place: &Place, home: &str, period: u32, more: &[&str]) -> Output {
    let (gp, period) = (format!("data/2014-{period:02}/gp"), format!("2014-{period:02}"));
    place.caredata(home, &[&["run", "--gp", &gp, "--period", &period, "--json"], more].concat())
}

/// The practices held, and why.
fn held(output: &Output) -> Vec<(String, String)> {
    let report: Value = serde_json::from_str(&succeeds(output)).expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let held = report["held"].as_array().expect("those held").iter();
    held.map(|one| (text(&one["practice"]), text(&one["why"]))).collect()
}

/// Entries published of a month.
fn published(place: &Place, home: &str, month: u32) -> usize {
    rows(&place.path(home), "journals").iter().filter(|row| row.contains(&format!("2014-{month:02}"))).count()
}

#[test]
fn a_practice_that_falls_silent_is_held_until_somebody_accepts_it() {
    let place = Place::new();
    place.init("home");
    for at in 1..=MONTHS {
        month(&place, at, &[("A81001", ORDINARY + at % 3), ("B81002", ORDINARY)]);
        assert_eq!(held(&run(&place, "home", at, &[])), [], "month {at} is an ordinary one");
    }
    let silent = MONTHS + 1;
    month(&place, silent, &[("A81001", ORDINARY), ("B81002", 0)]);
    let named = held(&run(&place, "home", silent, &[]));
    assert_eq!(named.len(), 1, "{named:?}");
    assert!(named[0].0 == "B81002" && named[0].1.contains("noted no objections"), "{named:?}");
    let without = published(&place, "home", silent);
    assert!(without > 0, "the run goes on with the other practice");
    let log = || fs::read_to_string(place.path("home/log/audit.jsonl")).expect("a log");
    assert!(log().contains("provider-held") && log().contains("wishes-silent") && log().contains("B81002"));
    assert!(fs::read_to_string(place.path("home/report/index.html")).expect("a page").contains("B81002"));

    // The same month again is no other; and a name that is not there is refused.
    assert_eq!(held(&run(&place, "home", silent, &[])).len(), 1);
    refuses(&run(&place, "home", silent, &["--accept-counts", "Z99999", "--accept-reason", "a slip"]), 3);
    refuses(&run(&place, "home", silent, &["--accept-counts", "B81002"]), 2);
    let accept = ["--accept-counts", "B81002", "--accept-reason", "the practice counted by hand"];
    assert_eq!(held(&run(&place, "home", silent, &accept)), []);
    assert!(published(&place, "home", silent) > without, "the data flow again");
    assert!(log().contains("counts-accepted") && log().contains("the practice counted by hand"));
    month(&place, silent + 1, &[("A81001", ORDINARY), ("B81002", 0)]);
    assert_eq!(held(&run(&place, "home", silent + 1, &[])), [], "its past begins anew");
    succeeds(&place.caredata("home", &["fsck"]));
    succeeds(&place.caredata("home", &["audit", "verify"]));
}

#[test]
fn the_objections_of_a_practice_that_is_held_for_a_jump_are_heard_at_once() {
    let place = Place::new();
    place.init("home");
    for at in 1..=MONTHS {
        month(&place, at, &[("A81001", ORDINARY), ("B81002", ORDINARY)]);
        succeeds(&run(&place, "home", at, &[]));
    }
    let of_second = || rows(&place.path("home"), "journals").iter().filter(|row| row.contains("B81002")).count();
    assert!(of_second() > 0);
    // Everybody objects, whoever has an entry among them.
    let jump = MONTHS + 1;
    month(&place, jump, &[("A81001", ORDINARY), ("B81002", PATIENTS)]);
    let named = held(&run(&place, "home", jump, &[]));
    assert!(named.len() == 1 && named[0].1.contains("far more"), "{named:?}");
    assert_eq!(of_second(), 0, "what was published before goes, although nothing of the month is taken in");
    succeeds(&place.caredata("home", &["fsck"]));
    // Held once more, now for its silence, it takes back nothing of what was heard.
    month(&place, jump, &[("A81001", ORDINARY), ("B81002", 0)]);
    assert_eq!(held(&run(&place, "home", jump, &[])).len(), 1);
    assert_eq!(of_second(), 0);
    // Run again it is as before; and what is heard stays heard when the practice says nothing in the month after.
    succeeds(&run(&place, "home", jump, &[]));
    month(&place, jump + 1, &[("A81001", ORDINARY)]);
    succeeds(&run(&place, "home", jump + 1, &[]));
    assert_eq!(of_second(), 0);
    // A file set right, in which nobody objects any more, takes back what was heard of the wrong one.
    month(&place, jump, &[("A81001", ORDINARY), ("B81002", ORDINARY)]);
    assert_eq!(held(&run(&place, "home", jump, &[])), []);
    assert!(of_second() > 0);
    succeeds(&place.caredata("home", &["fsck"]));
}

#[test]
fn a_suppliers_practices_are_judged_together_from_their_packages() {
    let place = Place::new();
    place.init("home");
    // Too few a practice to tell by themselves.
    let few = |count| [("A81001", count), ("B81002", count), ("C81003", count), ("D81004", count), ("E81005", 2)];
    for at in 1..=MONTHS + 1 {
        let mut practices = few(if at > MONTHS { 0 } else { 4 });
        practices[4].1 = 2;
        let folder = month(&place, at, &practices);
        let period = format!("2014-{at:02}");
        // The fifth is of another supplier.
        let lines = csv(&place.path(&format!("{folder}/gp/patients.csv")), &["practice_code"]);
        assert_eq!(lines.len(), 5 * PATIENTS as usize);
        split(&place, &folder);
        for (part, supplier) in [("one", "Systems One"), ("two", "Systems Two")] {
            let arguments = [
                "extract",
                "--gp",
                &format!("{folder}/{part}"),
                "--period",
                &period,
                "--out",
                &format!("{folder}/packages"),
                "--supplier",
                supplier,
            ];
            succeeds(&place.caredata("home", &arguments));
        }
        let packages = format!("{folder}/packages");
        let output = place.caredata("home", &["run", "--packages", &packages, "--period", &period, "--json"]);
        let named = held(&output);
        if at <= MONTHS {
            assert_eq!(named, [], "month {at}");
        } else {
            let practices: Vec<&str> = named.iter().map(|(practice, _)| practice.as_str()).collect();
            assert_eq!(practices, ["A81001", "B81002", "C81003", "D81004"]);
            assert!(named.iter().all(|(_, why)| why.contains("supplier")), "{named:?}");
        }
    }
}

/// Parts a month's exports by supplier.
fn split(place: &Place, folder: &str) {
    for name in ["patients", "journals"] {
        let text = fs::read_to_string(place.path(&format!("{folder}/gp/{name}.csv"))).expect("a file");
        let (header, lines) = text.split_once('\n').expect("a header");
        for (part, is_second) in [("one", false), ("two", true)] {
            let own = lines.lines().filter(|line| line.starts_with("E81005") == is_second);
            let own = own.fold(format!("{header}\n"), |text, line| text + line + "\n");
            fs::create_dir_all(place.path(&format!("{folder}/{part}"))).expect("a folder");
            fs::write(place.path(&format!("{folder}/{part}/{name}.csv")), own).expect("written");
        }
    }
}

//! What a person is told: choices, uses before and after an objection, and a receipt that can be checked.

mod common;

use common::{Place, csv, files_under, refuses, succeeds};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

/// Runs the program with a number on standard input.
fn told(place: &Place, number: &str, arguments: &[&str]) -> Output {
    let mut child = place
        .command("home", arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("an input").write_all(format!("{number}\n").as_bytes()).expect("written");
    child.wait_with_output().expect("the program ends")
}

fn report(place: &Place, number: &str) -> Value {
    let text = succeeds(&told(place, number, &["subject", "report", "--json"]));
    assert!(!text.contains(number), "the report does not repeat the number");
    serde_json::from_str(&text).expect("JSON")
}

fn uses(report: &Value) -> Vec<(bool, bool)> {
    let uses = report["facts"]["uses"].as_array().expect("uses");
    uses.iter().map(|one| (one["held"] == true, one["left_out"] == true)).collect()
}

/// The number of somebody who is published and never said anything.
fn somebody(place: &Place) -> String {
    let numbers = csv(&place.path("data/gp/patients.csv"), &["nhs_number"]);
    let mut numbers = numbers.into_iter().filter_map(|mut row| row.pop()).filter(|number| number.len() == 10);
    numbers
        .find(|number| {
            let told = report(place, number);
            uses(&told) == [(true, false)] && told["facts"]["said"] == serde_json::json!([])
        })
        .expect("somebody who is published")
}

#[test]
fn a_person_is_told_what_was_used_and_what_was_left_out() {
    let place = Place::with_people(400, 1);
    place.init("home");
    succeeds(&place.run("home", "data", "2014-04"));
    let number = somebody(&place);

    succeeds(&told(&place, &number, &["objection", "record", "--kind", "object-all", "--through", "letter"]));
    assert_eq!(uses(&report(&place, &number)), [(true, false)], "nothing was published since");
    succeeds(&place.caredata("home", &["purge"]));
    let after = report(&place, &number);
    assert_eq!(uses(&after), [(true, false), (false, true)], "the ledger outlives the purge");
    assert_eq!(after["facts"]["choices"], serde_json::json!([{ "about": "all", "stands": true }]));
    assert_eq!(after["facts"]["said"][0]["through"], "letter");

    succeeds(&told(&place, &number, &["objection", "record", "--kind", "withdraw-all"]));
    succeeds(&place.run("home", "data", "2014-04"));
    assert_eq!(uses(&report(&place, &number)), [(true, false), (false, true), (true, false)]);

    let text = succeeds(&told(&place, &number, &["subject", "report"]));
    for words in ["Your choices today", "Nothing about you was in it, because of an objection.", "Receipt: "] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let welsh = place.path("adroddiad.html");
    let arguments = ["subject", "report", "--language", "cy", "--format", "html", "--out", "adroddiad.html"];
    succeeds(&told(&place, &number, &arguments));
    let page = fs::read_to_string(welsh).expect("a page");
    assert!(page.contains("<html lang=\"cy\">") && page.contains("Eich dewisiadau heddiw") && !page.contains(&number));
    refuses(&told(&place, &number, &["subject", "report", "--language", "tlh"]), 3);
    assert!(!fs::read_to_string(place.path("home/log/audit.jsonl")).expect("a log").contains(&number));
}

#[test]
fn a_receipt_is_checked_against_the_log_and_the_report() {
    let place = Place::with_people(120, 1);
    place.init("home");
    succeeds(&place.run("home", "data", "2014-04"));
    let made = report(&place, "9434765919");
    assert_eq!(made["facts"]["known"], false, "a number of nobody's has a report too");
    let code = made["receipt"].as_str().expect("a receipt").to_owned();
    let (file, altered) = (place.path("report.json"), place.path("altered.json"));
    fs::write(&file, made.to_string()).expect("written");
    fs::write(&altered, made.to_string().replace("\"known\":false", "\"known\":true")).expect("written");
    let other = report(&place, "9434765919");
    assert_ne!(made["receipt"], other["receipt"], "two reports of one person cannot be told to be one person's");
    let check = |code: &str, report: &[&str]| {
        place.caredata("home", &[&["audit", "verify", "--receipt", code], report].concat())
    };
    assert!(succeeds(&check(&code, &[])).contains("the receipt holds"));
    succeeds(&check(&code, &["--report", "report.json"]));
    let refused = |output: Output, exit| {
        assert_eq!(output.status.code(), Some(exit));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(refused(check(&code, &["--report", "altered.json"]), 5).contains("changed"));
    let (line, print) = code.split_once('-').expect("a code");
    assert!(refused(check(&format!("1-{print}"), &[]), 5).contains("no report"));
    assert!(refused(check(&format!("{line}-AAAA-AAAA-AAAA-AAAA"), &[]), 5).contains("another report"));
    assert!(refused(check("9999-AAAA-AAAA-AAAA-AAAA", &[]), 5).contains("no report"));
    refused(check("nonsense", &[]), 3);
    let log = place.path("home/log/audit.jsonl");
    let text = fs::read_to_string(&log).expect("a log");
    fs::write(&log, text.replacen("a test", "a test.", 1)).expect("changed");
    assert!(refused(check(&code, &[]), 5).contains("changed since it was written"));
}

/// Care reads the practice's and the hospital's own records. No objection, package, run or purge writes to one of them.
#[test]
fn an_objection_never_reaches_what_care_reads() {
    let place = Place::with_people(200, 1);
    place.init("home");
    let contents = |folder: &Path| -> BTreeMap<PathBuf, Vec<u8>> {
        files_under(folder).into_iter().map(|path| (path.clone(), fs::read(path).expect("a file"))).collect()
    };
    let before = contents(&place.path("data"));
    let numbers = csv(&place.path("data/gp/patients.csv"), &["nhs_number"]);
    for kind in ["object-gp", "object-all"] {
        for row in numbers.iter().filter(|row| row[0].len() == 10).take(3) {
            succeeds(&told(&place, &row[0], &["objection", "record", "--kind", kind]));
        }
    }
    succeeds(&place.caredata("home", &["extract", "--gp", "data/gp", "--period", "2014-04", "--out", "packages"]));
    succeeds(&place.run("home", "data", "2014-04"));
    succeeds(&place.caredata("home", &["purge"]));
    assert!(contents(&place.path("data")) == before, "the records that care reads are as they were");
}

//! `caredata link evaluate` as people and scripts use it.

mod common;

use common::{Place, refuses, succeeds};
use std::fs;

const FILES: [&str; 5] = ["evaluate", "--gp", "data/gp/patients.csv", "--hospital", "data/hospital/apc.csv"];

fn evaluate(place: &Place, more: &[&str]) -> std::process::Output {
    let arguments: Vec<&str> = std::iter::once("link").chain(FILES).chain(more.iter().copied()).collect();
    place.caredata("no-home", &arguments)
}

#[test]
fn a_report_is_written_and_told_in_words_or_numbers() {
    let place = Place::with_people(2_000, 1);
    let words = succeeds(&evaluate(&place, &["--truth", "data/truth", "--out", "quality"]));
    for said in ["linked to a registered person", "by their probabilities:", "by the truth:", "emergency readmission"] {
        assert!(words.contains(said), "{said}: {words}");
    }
    let page = fs::read_to_string(place.path("quality/linkage-report.html")).expect("the page");
    assert!(page.contains("caredata linkage report") && page.contains("small numbers are not hidden"));
    assert!(!place.path("no-home").exists(), "no home is needed or made");

    let numbers = succeeds(&evaluate(&place, &["--method", "match-rank", "--out", "ranks", "--json"]));
    assert!(numbers.contains("\"expected\": null") && numbers.contains("\"truth\": null"), "{numbers}");
    assert!(place.path("ranks/linkage-report.json").exists());
}

#[test]
fn a_truth_that_is_missing_is_refused_and_a_place_to_write_is_asked_for() {
    let place = Place::with_people(500, 1);
    let message = refuses(&evaluate(&place, &["--truth", "nowhere", "--out", "quality"]), 3);
    assert!(message.contains("truth-refused") && message.contains("gp.csv: there is no such file"), "{message}");
    assert!(!place.path("quality").exists());
    refuses(&evaluate(&place, &[]), 2);
}

//! `caredata link --index`: linkage alone, month after month, with nothing but an index that keeps the persons.

mod common;

use common::{Place, csv, files_under, refuses, succeeds};
use std::collections::HashMap;
use std::fs;
use std::process::Output;

const MONTHS: [&str; 3] = ["2014-04", "2014-05", "2014-06"];

fn link(place: &Place, month: &str, out: &str, more: &[&str]) -> Output {
    let (gp, hospital) = (format!("data/{month}/gp/patients.csv"), format!("data/{month}/hospital/apc.csv"));
    let own = ["link", "--gp", &gp, "--hospital", &hospital, "--out", out, "--index", "index", "--period", month];
    place.caredata("home", &[&own[..], more].concat())
}

fn linked(place: &Place) {
    for month in MONTHS {
        succeeds(&link(
            place,
            month,
            &format!("{month}.csv"),
            &["--keys", "keys"][..2 * usize::from(month == MONTHS[0])],
        ));
    }
}

/// The person of each record, by source and id.
fn persons(place: &Place, links: &str) -> HashMap<Vec<String>, String> {
    let rows = csv(&place.path(links), &["source", "record_id", "person_id"]).into_iter();
    rows.map(|mut row| (row.pop().expect("a person"), row)).map(|(person, record)| (record, person)).collect()
}

#[test]
fn ids_persist_and_whoever_changes_leaves_a_line() {
    let place = Place::with_people(3_000, 3);
    linked(&place);
    for pair in MONTHS.windows(2) {
        let (before, after) =
            (persons(&place, &format!("{}.csv", pair[0])), persons(&place, &format!("{}.csv", pair[1])));
        let columns = ["change", "record_id", "from_person", "into_person"];
        let changes = csv(&place.path(&format!("{}.changes.csv", pair[1])), &columns);
        let (mut stayed, mut gone) = (0, 0);
        for (record, was) in &before {
            let Some(is) = after.get(record) else { continue };
            if was == is {
                stayed += 1;
            } else {
                let line = changes.iter().find(|line| &line[2] == was && &line[3] == is);
                assert!(line.is_some(), "{record:?} changed its person without a line");
                gone += 1;
            }
        }
        assert!(stayed > 2_500 && gone * 100 < stayed, "{stayed} stayed, {gone} changed");
        for line in &changes {
            assert_eq!(line[0] == "split", !line[1].is_empty(), "a split names its record");
        }
    }
}

#[test]
fn a_month_again_gives_the_same_links_and_the_index_stays_as_large() {
    let place = Place::with_people(2_000, 3);
    linked(&place);
    let files = || files_under(&place.path("index")).len();
    let before = files();
    succeeds(&link(&place, MONTHS[2], "again.csv", &[]));
    let text = |name: &str| fs::read(place.path(name)).expect("links");
    assert_eq!(text("again.csv"), text("2014-06.csv"));
    assert_eq!(files(), before, "files of what was replaced are gone");
}

#[test]
fn the_index_holds_no_identifier_in_the_clear_and_opens_with_its_own_keys_alone() {
    let place = Place::with_people(1_000, 1);
    for name in ["gp/patients.csv", "hospital/apc.csv"] {
        let to = place.path(&format!("data/2014-04/{name}"));
        fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        fs::copy(place.path(&format!("data/{name}")), to).expect("copied");
    }
    succeeds(&link(&place, MONTHS[0], "links.csv", &["--keys", "keys"]));
    let numbers = csv(&place.path("data/gp/patients.csv"), &["nhs_number"]).concat();
    let number = numbers.iter().find(|number| !number.is_empty()).expect("a number").as_bytes();
    for file in files_under(&place.path("index")) {
        let bytes = fs::read(&file).expect("a file");
        assert!(!bytes.windows(number.len()).any(|window| window == number), "{}", file.display());
    }
    let before = fs::read(place.path("index/index.json")).expect("an index");
    fs::rename(place.path("keys"), place.path("elsewhere")).expect("moved");
    refuses(&link(&place, MONTHS[1], "no.csv", &[]), 3);
    assert!(!place.path("no.csv").exists());
    assert_eq!(fs::read(place.path("index/index.json")).expect("an index"), before);
}

#[test]
fn refusals() {
    let place = Place::with_people(500, 1);
    let files = ["link", "--gp", "data/gp/patients.csv", "--hospital", "data/hospital/apc.csv", "--out", "links.csv"];
    let with = |more: &[&str]| place.caredata("home", &[&files[..], more].concat());
    refuses(&with(&["--index", "index"]), 2);
    refuses(&with(&["--period", "2014-04"]), 2);
    refuses(&with(&["--index", "data", "--period", "2014-04", "--keys", "keys"]), 3);
    refuses(&with(&["--index", "index", "--period", "2014-04", "--keys", "index/keys"]), 4);
    assert!(!place.path("links.csv").exists());
    assert!(!place.path("index/index.json").exists());
}

#[test]
fn a_month_again_replaces_what_it_brought_even_by_nothing() {
    let place = Place::with_people(2_000, 3);
    linked(&place);
    let apc = place.path("data/2014-06/hospital/apc.csv");
    let header = fs::read_to_string(&apc).expect("a file").lines().next().expect("a header").to_owned();
    fs::write(&apc, format!("{header}\n")).expect("written");
    succeeds(&link(&place, MONTHS[2], "again.csv", &[]));
    let index = fs::read_to_string(place.path("index/index.json")).expect("an index");
    assert_eq!(index.matches("observations-").count(), 5, "GP and hospital of two months, GP of the third");
}

#[test]
fn links_are_never_written_into_the_index_nor_before_it_is_stored() {
    let place = Place::with_people(500, 3);
    succeeds(&link(&place, MONTHS[0], "links.csv", &["--keys", "keys"]));
    let before = fs::read(place.path("index/index.json")).expect("an index");
    refuses(&link(&place, MONTHS[1], "index/index.json", &[]), 3);
    fs::create_dir(place.path("no.changes.csv")).expect("a folder in the way");
    assert!(!link(&place, MONTHS[1], "no.csv", &[]).status.success());
    assert!(!place.path("no.csv").exists());
    assert_eq!(fs::read(place.path("index/index.json")).expect("an index"), before);
    succeeds(&link(&place, MONTHS[1], "links.csv", &[]));
}

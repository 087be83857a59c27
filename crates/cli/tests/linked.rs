//! `caredata link explain`, `review` and `rules`: what they say, what they refuse, and that they repeat no identifier.
//!
//! Words are compared with every number read as `#`, so that they hold whatever the model weighs.

mod common;

use common::{Place, csv, files_under, refuses, succeeds};
use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Output;

const FILES: [&str; 4] = ["--gp", "data/gp/patients.csv", "--hospital", "data/hospital/apc.csv"];
const TWIN: &str = "gp/A81001/90000001";
const OTHER: &str = "gp/A81001/90000002";
const MOVED: &str = "gp/A81001/90000003";
const NUMBERS: [&str; 3] = ["9434765919", "9434765870", "4010232137"];
const BIRTHS: [&str; 2] = ["1961-07-13", "1948-10-29"];

/// A row like the file's first, with some columns changed.
fn append(file: &Path, changes: &[(&str, &str)]) {
    let text = fs::read_to_string(file).expect("a file");
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let mut row: Vec<String> = lines.next().expect("a row").split(',').map(str::to_owned).collect();
    for (name, value) in changes {
        let place = header.iter().position(|column| column == name).expect("the column");
        (*value).clone_into(&mut row[place]);
    }
    fs::write(file, format!("{}\n{}\n", text.trim_end(), row.join(","))).expect("written");
}

/// An invented town with twins, three records without a number that fit both of them, and somebody who moved.
fn place() -> Place {
    let place = Place::with_people(2_000, 1);
    let (gp, apc) = (place.path("data/gp/patients.csv"), place.path("data/hospital/apc.csv"));
    let born = [("date_of_birth", BIRTHS[0]), ("postcode", "YO10 3DD"), ("sex", "2")];
    for (id, number) in [("90000001", NUMBERS[0]), ("90000002", NUMBERS[1])] {
        let own = [("practice_code", "A81001"), ("patient_id", id), ("nhs_number", number)];
        append(&gp, &[&own[..], &born[..]].concat());
    }
    let own = [("practice_code", "A81001"), ("patient_id", "90000003"), ("nhs_number", NUMBERS[2])];
    append(&gp, &[&own[..], &[("date_of_birth", BIRTHS[1]), ("postcode", "HG2 7QQ"), ("sex", "1")]].concat());
    for id in ["900000000001", "900000000002", "900000000003"] {
        let own = [("EPIKEY", id), ("PROCODE", "RXX"), ("LOPATID", "CANARY77"), ("NEWNHSNO", "")];
        append(&apc, &[&own[..], &[("DOB", BIRTHS[0]), ("HOMEADD", "YO10 3DD"), ("SEX", "2")]].concat());
    }
    // One digit of the number mistyped, at another address.
    let own = [("EPIKEY", "900000000004"), ("PROCODE", "RXX"), ("LOPATID", "CANARY78"), ("NEWNHSNO", "4010232138")];
    append(&apc, &[&own[..], &[("DOB", BIRTHS[1]), ("HOMEADD", "LS6 2AB"), ("SEX", "1")]].concat());
    place
}

fn link(place: &Place, arguments: &[&str]) -> Output {
    place.caredata("home", &[&["link"], arguments].concat())
}

fn asked(place: &Place, question: &[&str], more: &[&str]) -> String {
    succeeds(&link(place, &[question, &FILES, more].concat()))
}

fn decide(place: &Place, record: &str, person: &str, decision: &str) -> Output {
    let named = ["--decisions", "d.jsonl", "--record", record, "--person", person, "--decision", decision];
    link(
        place,
        &[&["review", "decide"], &named[..], &["--by", "A. Officer", "--why", "the ward confirmed it"]].concat(),
    )
}

fn undo(place: &Place, record: &str, person: &str) -> Output {
    let named = ["--decisions", "d.jsonl", "--record", record, "--person", person];
    link(place, &[&["review", "undo"], &named[..], &["--by", "A. Officer", "--why", "it was the sister"]].concat())
}

/// Words alone: numbers become `#`, bars and blanks are taken together.
fn words(text: &str) -> Vec<String> {
    let line = |line: &str| {
        let mut out = String::new();
        for character in line.chars() {
            let character = match character {
                '0'..='9' | '.' | ',' | '>' => '#',
                '█' | '░' | '│' | '·' => ' ',
                '+' | '−' => continue,
                other => other,
            };
            if !(matches!(character, '#' | ' ') && out.ends_with(character)) {
                out.push(character);
            }
        }
        out.trim().to_owned()
    };
    text.lines().map(line).filter(|line| !line.is_empty()).collect()
}

#[test]
fn a_doubt_is_explained_in_the_words_of_an_officer() {
    let place = place();
    let said = asked(&place, &["explain", "apc/900000000001"], &["--svg", "why.svg"]);
    let lines = words(&said);
    let expected = [
        "apc/#: in review: the likeliest has probability # # are needed; the runner-up has #",
        "likeliest: gp/A#/# probability # found by date of birth + postcode",
        "chance: one of # persons # bits",
        "NHS Number: missing# or it says nothing # bits",
        "date of birth: the same # bits",
        "postcode: the same # bits",
        "gender: the same # bits",
        "sum # bits",
        "runner-up: gp/A#/# probability # found by date of birth postcode",
        "chance: one of # persons # bits",
        "NHS Number: missing# or it says nothing # bits",
    ];
    for (line, expected) in lines.iter().zip(expected) {
        assert_eq!(line, &expected.replace(" + ", " "), "{said}");
    }
    assert!(said.contains(TWIN) && said.contains(OTHER), "both twins are named: {said}");
    let flips = said.lines().find(|line| line.contains("if the NHS Number were the runner-up's")).expect("supposed");
    assert!(flips.contains("linked to the runner-up"), "{flips}");
    assert!(said.contains("what would not") && said.contains("if the gender were missing"), "{said}");
    let svg = fs::read_to_string(place.path("why.svg")).expect("a picture");
    assert!(svg.starts_with("<svg xmlns=") && svg.contains("runner-up: gp/A81001/") && svg.contains("<desc"));
}

#[test]
fn a_link_with_a_slip_is_explained_and_agrees_with_links_csv() {
    let place = place();
    let said = asked(&place, &["explain", "apc/900000000004"], &[]);
    assert!(said.starts_with(&format!("apc/900000000004: linked to {MOVED}, probability ")), "{said}");
    assert!(said.contains("NHS Number: one digit apart, or two swapped"), "{said}");
    assert!(said.contains("<- the smallest change"), "{said}");
    let json: serde_json::Value =
        serde_json::from_str(&asked(&place, &["explain", "apc/900000000004"], &["--json"])).expect("JSON");
    succeeds(&link(&place, &[&FILES[..], &["--out", "links.csv"]].concat()));
    let links = csv(&place.path("links.csv"), &["record_id", "weight_bits", "status"]);
    let own = links.iter().find(|row| row[0] == "900000000004").expect("the record");
    let weight: f64 = own[1].parse().expect("a weight");
    assert!((json["best"]["weight_bits"].as_f64().expect("a weight") - weight).abs() < 0.011);
    assert_eq!((json["status"].as_str(), own[2].as_str()), (Some("linked"), "linked"));
}

#[test]
fn a_registration_says_what_it_is_joined_with() {
    let place = place();
    let gp = place.path("data/gp/patients.csv");
    let own = [("practice_code", "B82002"), ("patient_id", "90000009"), ("nhs_number", NUMBERS[0])];
    append(&gp, &[&own[..], &[("date_of_birth", BIRTHS[0]), ("postcode", "LS6 2AB"), ("sex", "2")]].concat());
    let said = asked(&place, &["explain", TWIN], &[]);
    let expected = [
        "gp/A#/#: a registration",
        "one person with",
        "gp/B#/# : the same NHS Number and date of birth",
        "not joined with",
        "gp/A#/# : the same date of birth# postcode and gender# but two NHS Numbers: twins share these too",
    ];
    let lines = words(&said);
    for (line, expected) in lines.iter().zip(expected) {
        assert_eq!(line, expected, "{said}");
    }
    assert!(
        said.contains("in review are likeliest this person's") || said.contains("hospital records are linked"),
        "{said}"
    );
}

#[test]
fn doubts_come_in_the_order_of_what_a_decision_is_worth() {
    let place = place();
    let json: serde_json::Value =
        serde_json::from_str(&asked(&place, &["review"], &["--json", "--most", "5"])).expect("JSON");
    let pairs = json["pairs"].as_array().expect("pairs");
    let worth: Vec<f64> = pairs.iter().map(|pair| pair["worth"].as_f64().expect("a worth")).collect();
    assert!(worth.is_sorted_by(|a, b| a >= b), "{worth:?}");
    assert_eq!((pairs[0]["records"].as_u64(), worth[0] > 1.2), (Some(3), true), "three records share the question");
    let said = asked(&place, &["review"], &["--most", "1"]);
    assert!(said.contains("in review; 3 records are alike, and a decision holds for all; worth 1."), "{said}");
    assert!(
        said.contains("to decide: caredata link review decide --decisions decisions.jsonl --record apc/90000000000")
    );
}

#[test]
fn a_decision_is_kept_obeyed_and_reversed() {
    let place = place();
    let run = |decisions: &[&str], out: &str| {
        let said = succeeds(&link(&place, &[&FILES[..], &["--out", out], decisions].concat()));
        let links = csv(&place.path(out), &["source", "record_id", "person_id", "status", "probability"]);
        (said, links)
    };
    let find = |links: &[Vec<String>], source: &str, id: &str| {
        links.iter().find(|row| row[0] == source && row[1] == id).expect("the record").clone()
    };
    let (_, before) = run(&[], "before.csv");
    let said = succeeds(&decide(&place, "apc/900000000001", OTHER, "same"));
    assert!(said.contains("noted: apc/900000000001 and gp/A81001/90000002 are one person's"), "{said}");
    let journal = fs::read_to_string(place.path("d.jsonl")).expect("a journal");
    let (said, obeyed) = run(&["--decisions", "d.jsonl"], "obeyed.csv");
    assert!(said.contains("obeyed 1 decision"), "{said}");
    let person = find(&obeyed, "gp", "A81001/90000002")[2].clone();
    for id in ["900000000001", "900000000002", "900000000003"] {
        let own = find(&obeyed, "apc", id);
        assert_eq!((&own[2], own[3].as_str(), own[4].as_str()), (&person, "linked", ""), "alike: the decision holds");
        assert_eq!(find(&before, "apc", id)[3], "review");
    }
    let said = asked(&place, &["explain", "apc/900000000001"], &["--decisions", "d.jsonl"]);
    assert!(said.contains(&format!("linked to {OTHER}, because somebody decided so")), "{said}");
    succeeds(&decide(&place, OTHER, "apc/900000000001", "different"));
    let (_, otherwise) = run(&["--decisions", "d.jsonl"], "otherwise.csv");
    assert_eq!(
        find(&otherwise, "apc", "900000000001")[2],
        find(&otherwise, "gp", "A81001/90000001")[2],
        "the twin's then"
    );
    succeeds(&undo(&place, "apc/900000000001", OTHER));
    let (_, reversed) = run(&["--decisions", "d.jsonl"], "reversed.csv");
    assert!(reversed == before, "as it was");
    let now = fs::read_to_string(place.path("d.jsonl")).expect("a journal");
    assert!(now.starts_with(&journal) && now.lines().count() == 3, "nothing said is lost");
}

#[test]
fn what_cannot_be_done_is_refused_and_nothing_is_changed() {
    let place = place();
    let explain = |record: &str, more: &[&str]| link(&place, &[&["explain", record], &FILES[..], more].concat());
    assert!(refuses(&explain("9434765919", &[]), 3).contains("not-a-record"));
    assert!(refuses(&explain("apc/1", &[]), 3).contains("record-unknown"));
    assert!(refuses(&explain("apc/900000000001", &["--method", "hesid"]), 3).contains("no-weights"));
    assert!(refuses(&undo(&place, "apc/1", TWIN), 3).contains("nothing-to-undo"));
    assert!(refuses(&decide(&place, TWIN, TWIN, "same"), 3).contains("one-record"));
    assert!(!place.path("d.jsonl").exists());
    succeeds(&decide(&place, "apc/1", TWIN, "same"));
    succeeds(&decide(&place, "apc/1", "apc/2", "same"));
    let journal = fs::read(place.path("d.jsonl")).expect("a journal");
    let message = refuses(&decide(&place, "apc/2", TWIN, "different"), 3);
    assert!(message.contains("apc/2 = apc/1 = gp/A81001/90000001 would be one person"), "{message}");
    for why in ["she is 943 476 5919", "lives at YO10 3DD", "born 1961-07-13"] {
        let pair = ["--decisions", "d.jsonl", "--record", "apc/3", "--person", TWIN, "--decision", "same"];
        let output = link(&place, &[&["review", "decide"], &pair[..], &["--by", "A", "--why", why]].concat());
        let message = refuses(&output, 3);
        assert!(message.contains("unfit-text") && !message.contains(&why[7..]), "{message}");
    }
    assert!(fs::read(place.path("d.jsonl")).expect("a journal") == journal);
    refuses(&link(&place, &["review", "decide", "--decisions", "d.jsonl"]), 2);
    refuses(&link(&place, &["review"]), 2);
    fs::write(place.path("d.jsonl"), [&journal[..], b"{\"at\":"].concat()).expect("written");
    let message = refuses(&link(&place, &[&FILES[..], &["--out", "l.csv", "--decisions", "d.jsonl"]].concat()), 3);
    assert!(message.contains("journal-broken") && message.contains("line 3"), "{message}");
    assert!(!place.path("l.csv").exists());
}

#[test]
fn rules_say_what_each_costs_and_brings() {
    let place = place();
    let said = asked(&place, &["rules"], &["--truth", "data/truth"]);
    for word in
        ["NHS Number", "date of birth + postcode", "postcode + birthday", "provider's patient id", "of these true"]
    {
        assert!(said.contains(word), "{word}: {said}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&asked(&place, &["rules"], &["--truth", "data/truth", "--json"])).expect("JSON");
    let number = &json["rules"][0];
    assert_eq!(number["rule"], "NHS Number");
    assert!(number["links"].as_u64() > Some(500) && number["links_only_here_true"].as_u64().is_some());
    let runs = json["identifiers"].as_array().expect("runs");
    assert_eq!(runs.len(), 6, "all, and without each of four and the patient id");
    let missed = |at: usize| runs[at]["missed"].as_u64().expect("the truth is known");
    assert_eq!(runs[1]["left_out"], "NHS Number");
    assert!(missed(1) > missed(0) + 10, "without the number more are missed");
    let without_truth: serde_json::Value = serde_json::from_str(&asked(&place, &["rules"], &["--json"])).expect("JSON");
    assert!(without_truth["identifiers"][0]["missed"].is_null());
    let message = refuses(&link(&place, &[&["rules"], &FILES[..], &["--truth", "data/gp"]].concat()), 5);
    assert!(message.contains("gp.csv"), "{message}");
}

#[test]
fn no_identifier_is_in_anything_that_is_said_drawn_or_kept() {
    let place = place();
    succeeds(&decide(&place, "apc/900000000001", OTHER, "same"));
    let decided = ["--decisions", "d.jsonl"];
    let mut said = String::new();
    for json in [&[][..], &["--json"]] {
        for record in ["apc/900000000001", "apc/900000000002", "apc/900000000004", TWIN] {
            let svg = ["--svg", "drawn.svg"];
            said.push_str(&asked(&place, &["explain", record], &[&svg, json].concat()));
            said.push_str(&asked(&place, &["explain", record], &[&decided, json].concat()));
        }
        said.push_str(&asked(&place, &["review"], &[&["--most", "100"], json].concat()));
        said.push_str(&asked(&place, &["review"], &[&["--most", "100"], &decided, json].concat()));
        said.push_str(&asked(&place, &["rules"], &[&["--truth", "data/truth"], json].concat()));
    }
    for file in files_under(&place.path("")).iter().filter(|file| !file.starts_with(place.path("data"))) {
        said.push_str(&fs::read_to_string(file).expect("text"));
    }
    assert!(said.len() > 20_000 && said.contains("<svg") && said.contains("the ward confirmed it"), "all is searched");
    let mut rows = csv(&place.path("data/gp/patients.csv"), &["nhs_number", "date_of_birth", "postcode"]);
    rows.extend(csv(&place.path("data/hospital/apc.csv"), &["NEWNHSNO", "DOB", "HOMEADD"]));
    let values: HashSet<String> = rows.into_iter().flatten().filter(|value| value.len() >= 6).collect();
    assert!(values.len() > 3_000);
    let found = values.iter().filter(|value| said.contains(value.as_str())).count();
    assert_eq!(found, 0, "identifiers found");
    assert!(!said.contains("CANARY7"), "a local id");
}

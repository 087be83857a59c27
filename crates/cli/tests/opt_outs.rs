//! A home that asks a national file of objections: nobody is published whom it has not let through.

mod common;

use common::{Place, refuses, rows, succeeds};
use std::fs;

#[test]
fn only_whom_the_national_file_lets_through_is_published() {
    let place = Place::with_people(600, 1);
    place.init("home");
    let settings = place.path("home/caredata.toml");
    let text = fs::read_to_string(&settings).expect("the settings");
    let asked = text.replace("national-opt-outs = \"not-asked\"", "national-opt-outs = \"asked\"");
    assert_ne!(asked, text, "the setting stands in the file");
    fs::write(&settings, asked).expect("written");
    refuses(&place.caredata("home", &["objection", "check-out", "early.dat"]), 3);

    succeeds(&place.run("home", "data", "2014-04"));
    let journals = || rows(&place.path("home"), "journals").len();
    assert_eq!(journals(), 0, "nobody was asked about");
    succeeds(&place.caredata("home", &["objection", "check-out", "ask.dat"]));
    let sent = fs::read_to_string(place.path("ask.dat")).expect("a file");
    assert!(sent.lines().count() > 300 && sent.lines().all(|line| line.len() == 11 && line.ends_with(',')));

    fs::write(place.path("answer.dat"), &sent).expect("written");
    succeeds(&place.caredata("home", &["objection", "check-in", "ask.dat", "answer.dat"]));
    succeeds(&place.run("home", "data", "2014-04"));
    let everybody = journals();
    assert!(everybody > 0, "who is let through is published");
    succeeds(&place.caredata("home", &["fsck"]));

    let half: Vec<&str> = sent.lines().step_by(2).collect();
    fs::write(place.path("answer.dat"), half.join("\r\n")).expect("written");
    succeeds(&place.caredata("home", &["objection", "check-in", "ask.dat", "answer.dat"]));
    assert_eq!(place.caredata("home", &["fsck"]).status.code(), Some(4), "the check knows of the new answers");
    succeeds(&place.run("home", "data", "2014-04"));
    assert!(journals() > 0 && journals() < everybody, "who is missing from the answer objects");
    succeeds(&place.caredata("home", &["fsck"]));
}

//! Lists of objections that hospitals keep themselves, and numbers that belong to nobody yet.

mod common;

use common::{Place, csv, refuses, rows, succeeds};
use std::fs;

const HEADER: &str = "nhs_number,kind,effective_from,recorded_at,channel,recorded_by,source_id,by,through";

fn load(place: &Place, name: &str, text: &str) -> std::process::Output {
    fs::write(place.path(name), text).expect("written");
    place.caredata("home", &["objection", "load", name])
}

#[test]
fn a_list_by_the_hospitals_own_numbers_is_refused_with_what_to_ask_for() {
    let place = Place::new();
    place.init("home");
    let list = "PROCODE,LOPATID,kind,effective_from,recorded_at,channel,recorded_by,source_id\n\
                RAA,canary-4711,object-source:hospital,2014-04-01,2014-04-01,hospital,ward 3,\n";
    let message = refuses(&load(&place, "local.csv", list), 3);
    assert!(message.contains("lopatid") && message.contains("add the column nhs_number"), "{message}");
    let mixed = format!(
        "{HEADER},procode,lopatid\n9434765919,object-source:hospital,2014-04-01,,,,,person,hospital,RAA,canary-4712\n\
         ,object-source:hospital,2014-04-01,,,,,person,hospital,RAA,canary-4713\n"
    );
    let message = refuses(&load(&place, "mixed.csv", &mixed), 3);
    assert!(message.contains("line 3: ") && message.contains("names nobody here"), "{message}");
    let traced = mixed.lines().take(2).collect::<Vec<_>>().join("\n");
    succeeds(&load(&place, "traced.csv", &traced));
    for file in common::files_under(&place.path("home")) {
        let bytes = fs::read(&file).expect("a file");
        assert!(!String::from_utf8_lossy(&bytes).contains("canary-47"), "{}", file.display());
    }
}

/// Somebody whom no file of April names, and who is admitted in May: the number, the local id, and how many admissions.
fn newcomer(place: &Place) -> (String, usize) {
    let numbers = |file: &str, column: &str| -> Vec<String> {
        csv(&place.path(file), &[column])
            .into_iter()
            .map(|mut row| row.remove(0))
            .filter(|one| !one.is_empty())
            .collect()
    };
    let mut before = numbers("data/2014-04/gp/patients.csv", "nhs_number");
    for name in ["apc", "op", "ae"] {
        before.extend(numbers(&format!("data/2014-04/hospital/{name}.csv"), "NEWNHSNO"));
    }
    let before: std::collections::HashSet<String> = before.into_iter().collect();
    let admitted = numbers("data/2014-05/hospital/apc.csv", "NEWNHSNO");
    let registered = numbers("data/2014-05/gp/patients.csv", "nhs_number");
    let new = admitted.iter().find(|one| !before.contains(*one) && registered.contains(one)).or_else(|| {
        admitted.iter().find(|one| !before.contains(*one) && caredata_model::NhsNumber::parse(one).is_ok())
    });
    let number = new.expect("somebody comes in May").clone();
    let count = admitted.iter().filter(|one| **one == number).count();
    (number, count)
}

#[test]
fn a_hospitals_list_names_somebody_who_comes_later_and_is_obeyed_when_they_do() {
    let place = Place::with_people(3_000, 2);
    place.init("home");
    place.init_like("without", "home");
    let (number, admissions) = newcomer(&place);
    let list = format!("{HEADER}\n{number},object-source:hospital,2014-04-01,2014-04-02,,ward 3,W1,person,hospital\n");
    succeeds(&load(&place, "ward.csv", &list));
    for month in ["2014-04", "2014-05"] {
        for home in ["home", "without"] {
            succeeds(&place.run(home, &format!("data/{month}"), month));
        }
        let [with, without] = ["home", "without"].map(|home| rows(&place.path(home), "admissions").len());
        if month == "2014-04" {
            assert_eq!(with, without, "the number belongs to nobody yet");
        } else {
            assert!(without - with >= admissions && admissions > 0, "{without} admissions, {with} with the objection");
        }
    }
    succeeds(&place.caredata("home", &["fsck"]));
}

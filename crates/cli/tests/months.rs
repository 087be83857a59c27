//! Months on top of each other, the same period again, and objections that come and go between them.

mod common;

use common::{Place, copy, csv, refuses, rows, succeeds};
use std::collections::HashSet;
use std::fs;

const TABLES: [&str; 5] = ["persons", "journals", "admissions", "outpatients", "emergency"];

fn all(place: &Place, home: &str) -> Vec<Vec<String>> {
    TABLES.iter().map(|table| rows(&place.path(home), table)).collect()
}

/// Compares tables and names a few rows of the difference.
fn assert_same(tables: &[Vec<String>], expected: &[Vec<String>], when: &str) {
    for (rows, expected) in tables.iter().zip(expected) {
        let (have, want): (HashSet<_>, HashSet<_>) = (rows.iter().collect(), expected.iter().collect());
        let extra: Vec<_> = have.difference(&want).take(3).collect();
        let missing: Vec<_> = want.difference(&have).take(3).collect();
        assert!(
            rows == expected,
            "{when}: {} rows, {} expected; extra {extra:#?}; missing {missing:#?}",
            rows.len(),
            expected.len()
        );
    }
}

#[test]
fn the_same_period_again_changes_nothing_and_a_second_month_adds() {
    let place = Place::with_people(2_000, 2);
    place.init("home");
    succeeds(&place.run("home", "data/2014-04", "2014-04"));
    let first = all(&place, "home");
    assert!(first.iter().all(|rows| !rows.is_empty()));
    succeeds(&place.run("home", "data/2014-04", "2014-04"));
    assert_same(&all(&place, "home"), &first, "the same period again");

    succeeds(&place.run("home", "data/2014-05", "2014-05"));
    let second = all(&place, "home");
    assert!(second[1].len() > first[1].len() && second[2].len() > first[2].len());
    succeeds(&place.run("home", "data/2014-04", "2014-04"));
    assert_same(&all(&place, "home"), &second, "the first month again, under the second");
    succeeds(&place.caredata("home", &["fsck"]));
}

#[test]
fn an_objection_seals_what_was_published_and_a_withdrawal_brings_it_back() {
    let place = Place::with_people(2_000, 1);
    place.init("home");
    let run = || succeeds(&place.run("home", "data", "2013-05..2014-04"));
    run();
    let before = all(&place, "home");
    let number = &csv(&place.path("data/hospital/apc.csv"), &["NEWNHSNO"])
        .into_iter()
        .find(|row| !row[0].is_empty())
        .expect("a number")[0];
    succeeds(&place.says("home", number, "object-all", &[]));
    let found = place.caredata("home", &["fsck"]);
    assert_eq!(found.status.code(), Some(4), "the check knows of the wish before the next run does");
    run();
    let without = all(&place, "home");
    assert!(without[0].len() < before[0].len(), "fewer persons");
    assert!(without[2].len() < before[2].len(), "fewer admissions");
    succeeds(&place.caredata("home", &["fsck"]));
    succeeds(&place.says("home", number, "withdraw-all", &[]));
    // Recorded later on the same day: the withdrawal wins only from the next day on where the register cannot tell the order.
    run();
    let back = all(&place, "home");
    assert!(back == before || back == without, "all is as it was, or the objection holds till the order is plain");
}

#[test]
fn sealed_rows_come_back_in_a_later_month_without_their_files() {
    let place = Place::with_people(2_000, 2);
    place.init("home");
    place.init("other");
    let number = &csv(&place.path("data/2014-04/hospital/apc.csv"), &["NEWNHSNO"])
        .into_iter()
        .find(|row| !row[0].is_empty())
        .expect("a number")[0];
    let register = |name: &str, text: &str| {
        let head = "nhs_number,kind,effective_from,recorded_at,channel,recorded_by,source_id\n";
        fs::write(place.path(name), format!("{head}{text}")).expect("written");
    };
    register("objects.csv", &format!("{number},object-all,2014-01-01,2014-01-01,letter,a test,1\n"));
    register("withdraws.csv", &format!("{number},withdraw-all,2014-02-01,2014-02-01,letter,a test,2\n"));
    succeeds(&place.caredata("home", &["objection", "load", "objects.csv"]));
    succeeds(&place.run("home", "data/2014-04", "2014-04"));
    let sealed = rows(&place.path("home"), "admissions").len();
    succeeds(&place.caredata("home", &["objection", "load", "withdraws.csv"]));
    // The second month alone is run: the first month's sealed rows are opened from the vault.
    fs::remove_dir_all(place.path("data/2014-04")).expect("removed");
    succeeds(&place.run("home", "data/2014-05", "2014-05"));
    let opened = rows(&place.path("home"), "admissions").iter().filter(|row| row.contains("|2014-04|")).count();
    assert!(opened > sealed, "{opened} rows of the first month are published, {sealed} were before");
    succeeds(&place.caredata("home", &["fsck"]));
}

#[test]
fn nothing_of_anybody_who_objects_is_published_in_any_code_system() {
    let place = Place::with_people(6_000, 1);
    place.init("home");
    succeeds(&place.run("home", "data", "2013-05..2014-04"));
    let objectors = csv(&place.path("data/truth/objectors.csv"), &["kind", "practice_code", "patient_id", "stands"]);
    let standing = |kind: &str| {
        objectors
            .iter()
            .filter(|row| row[0] == kind && matches!(row[3].as_str(), "1" | "true" | "yes"))
            .map(|row| (row[1].clone(), row[2].clone()))
            .collect::<HashSet<_>>()
    };
    let (gp, everything) = (standing("object-gp"), standing("object-all"));
    assert!(gp.len() > 20 && everything.len() > 20, "{} and {} object", gp.len(), everything.len());
    let practices: HashSet<&String> = gp.iter().map(|(practice, _)| practice).collect();
    assert!(practices.len() >= 3, "practices of all three code systems");
    let report = fs::read_to_string(place.path("home/report/report.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    let patients =
        report["sources"].as_array().and_then(|sources| sources.iter().find(|one| one["source"] == "gp-patients"));
    let withheld: u64 = patients
        .and_then(|source| source["withheld"].as_array())
        .map(|reasons| reasons.iter().filter_map(|reason| reason["rows"].as_u64()).sum())
        .unwrap_or_default();
    let both: HashSet<_> = gp.union(&everything).collect();
    assert!(withheld as usize >= both.len(), "{withheld} registrations withheld, {} people object", both.len());
    succeeds(&place.caredata("home", &["fsck"]));
}

#[test]
fn no_run_starts_where_nobody_answers_for_the_register() {
    let place = Place::with_people(200, 1);
    succeeds(&place.caredata("home", &["init", "--keys", "keys"]));
    let message = refuses(&place.run("home", "data", "2013-05..2014-04"), 4);
    assert!(message.contains("nobody-attested"), "{message}");
    let log = fs::read_to_string(place.path("home/log/audit.jsonl")).unwrap_or_default();
    let denied = common::files_under(&place.path("home/log"))
        .iter()
        .any(|path| fs::read_to_string(path).is_ok_and(|text| text.contains("denied")));
    assert!(denied, "the refusal is in the log {log}");
}

#[test]
fn packages_and_raw_exports_give_the_same_records() {
    let place = Place::with_people(1_500, 2);
    place.init("raw");
    copy(&place.path("raw"), &place.path("packed"));
    let data = "data/2014-04";
    succeeds(&place.run("raw", data, "2014-04"));
    let extract = ["extract", "--gp", &format!("{data}/gp"), "--period", "2014-04", "--out", "packages"];
    succeeds(&place.caredata("raw", &extract));
    let hospital = format!("{data}/hospital");
    let run = ["run", "--packages", "packages", "--hospital", &hospital, "--period", "2014-04"];
    succeeds(&place.caredata("packed", &run));
    for table in ["persons", "admissions", "outpatients", "emergency"] {
        assert_same(&[rows(&place.path("packed"), table)], &[rows(&place.path("raw"), table)], table);
    }
}

#[test]
fn the_number_of_threads_changes_no_row() {
    let place = Place::with_people(2_000, 1);
    place.init("one");
    copy(&place.path("one"), &place.path("many"));
    for (home, threads) in [("one", "1"), ("many", "5")] {
        let arguments = ["run", "--gp", "data/gp", "--hospital", "data/hospital", "--period", "2013-05..2014-04"];
        let output = place.command(home, &arguments).env("RAYON_NUM_THREADS", threads).output();
        succeeds(&output.expect("the program runs"));
    }
    assert_same(&all(&place, "many"), &all(&place, "one"), "five threads against one");
}

#[test]
fn a_declared_source_joins_in_without_a_line_of_code() {
    let place = Place::with_people(2_000, 1);
    place.init("home");
    let source = "data/other/sources/social-care.toml=data/other/social_care.csv";
    let run = ["run", "--gp", "data/gp", "--source", source, "--period", "2013-05..2014-04"];
    succeeds(&place.caredata("home", &run));
    let published = rows(&place.path("home"), "other");
    assert!(published.len() > 20 && published.iter().all(|row| row.contains("social-care")));
    succeeds(&place.caredata("home", &["fsck"]));
}

//! A run killed at any moment and started again ends where an undisturbed one does. `cargo xtask kill` does this fifty times
//! on more people.

mod common;

use common::{Place, copy, csv, rows, succeeds};
use std::process::Stdio;
use std::time::{Duration, Instant};

const TABLES: [&str; 5] = ["persons", "journals", "admissions", "outpatients", "emergency"];

#[test]
fn a_killed_run_ends_where_an_undisturbed_one_does() {
    let place = Place::with_people(3_000, 1);
    place.init("empty");
    copy(&place.path("empty"), &place.path("undisturbed"));
    let arguments = ["run", "--gp", "data/gp", "--hospital", "data/hospital", "--period", "2013-05..2014-04"];
    let began = Instant::now();
    succeeds(&place.caredata("undisturbed", &arguments));
    let whole = began.elapsed();
    let all = |home: &str| TABLES.map(|table| rows(&place.path(home), table));
    let expected = all("undisturbed");
    for moment in 1..=6 {
        let home = format!("killed-{moment}");
        copy(&place.path("empty"), &place.path(&home));
        let mut child = place
            .command(&home, &arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program runs");
        std::thread::sleep(whole * moment / 7 + Duration::from_millis(1));
        // The run may have ended by itself on a quick machine; then there is nothing to take up.
        let _ = child.kill();
        child.wait().expect("it ends");
        succeeds(&place.caredata(&home, &arguments));
        assert!(all(&home) == expected, "killed at moment {moment} of 7");
        succeeds(&place.caredata(&home, &["fsck"]));
    }
}

#[test]
fn a_killed_purge_leaves_a_home_that_reads_well_and_can_be_purged_again() {
    let place = Place::with_people(2_000, 2);
    place.init("home");
    for month in ["2014-04", "2014-05"] {
        succeeds(&place.run("home", &format!("data/{month}"), month));
    }
    let numbers = csv(&place.path("data/2014-04/hospital/apc.csv"), &["NEWNHSNO"]);
    for row in numbers.iter().filter(|row| !row[0].is_empty()).take(3) {
        succeeds(&place.says("home", &row[0], "object-all", &[]));
    }
    let all = |home: &str| TABLES.map(|table| rows(&place.path(home), table));
    copy(&place.path("home"), &place.path("undisturbed"));
    let before = all("home");
    let began = Instant::now();
    succeeds(&place.caredata("undisturbed", &["purge"]));
    let whole = began.elapsed();
    let expected = all("undisturbed");
    assert!(before != expected, "three people's rows go");
    for moment in 1..=8 {
        let home = format!("purged-{moment}");
        copy(&place.path("home"), &place.path(&home));
        let mut purge = place.command(&home, &["purge"]);
        let mut child = purge.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program runs");
        std::thread::sleep(whole * moment / 9);
        let _ = child.kill();
        child.wait().expect("it ends");
        // Others who read the tables' own logs see, table by table, either version and never a mixture.
        for (table, (rows, (before, after))) in all(&home).iter().zip(before.iter().zip(&expected)).enumerate() {
            let more: Vec<&String> = rows.iter().filter(|row| !before.contains(row) && !after.contains(row)).collect();
            let counts = (before.len(), rows.len(), after.len());
            assert!(
                rows == before || rows == after,
                "table {table} after a kill at moment {moment} of 9: {counts:?} {more:?}"
            );
        }
        succeeds(&place.caredata(&home, &["purge"]));
        assert!(all(&home) == expected, "killed at moment {moment} of 9");
        assert!(!succeeds(&place.caredata(&home, &["fsck"])).contains("waiting"));
    }
}

//! A run killed at any moment and started again ends where an undisturbed one does. `cargo xtask kill` does this fifty times
//! on more people.

mod common;

use common::{Place, copy, rows, succeeds};
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

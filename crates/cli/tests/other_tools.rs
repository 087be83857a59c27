//! The published tables open in other people's tools: `deltalake` for Python, and from its Arrow table `DuckDB` and Polars.

mod common;

use common::{Place, rows, succeeds};
use std::process::Command;

/// Prints, for each table, how many rows each tool sees.
const SCRIPT: &str = "
import sys
import duckdb, polars
from deltalake import DeltaTable
for name in sys.argv[2:]:
    published = DeltaTable(f'{sys.argv[1]}/{name}').to_pyarrow_table()
    seen = [published.num_rows, duckdb.sql('select count(*) from published').fetchall()[0][0], polars.from_arrow(published).height]
    persons = duckdb.sql('select count(distinct person) from published').fetchall()[0][0]
    print(name, *seen, persons)
";

#[test]
fn deltalake_duckdb_and_polars_see_the_same_rows() {
    let tables = ["persons", "journals", "admissions", "outpatients", "emergency"];
    let place = Place::with_people(1_500, 2);
    place.init("home");
    for month in ["2014-04", "2014-05"] {
        succeeds(&place.run("home", &format!("data/{month}"), month));
    }
    same_in_all_tools(&place, &tables);
    succeeds(&place.caredata("home", &["purge"]));
    same_in_all_tools(&place, &tables);
    succeeds(&place.run("home", "data/2014-05", "2014-05"));
    same_in_all_tools(&place, &tables);
}

fn same_in_all_tools(place: &Place, tables: &[&str]) {
    // `cargo xtask test` makes an environment with these packages and names it here.
    let python = std::env::var("CAREDATA_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(python)
        .args(["-c", SCRIPT])
        .arg(place.path("home/records"))
        .args(tables)
        .output()
        .expect("Python runs; `cargo xtask test` sets up what this test needs");
    let seen = succeeds(&output);
    for (line, table) in seen.lines().zip(tables) {
        let ours = rows(&place.path("home"), table).len();
        let numbers: Vec<usize> = line.split(' ').skip(1).map(|number| number.parse().expect("a number")).collect();
        assert_eq!(numbers[..3], [ours; 3], "{line}");
        assert!(ours > 0 && numbers[3] > 0 && numbers[3] <= ours, "{line}");
    }
    assert_eq!(seen.lines().count(), tables.len());
}

//! A use under an instrument: what it opens and what it does not, who is told of it, and that nothing is left of it afterwards.

mod common;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use caredata_engine::today;
use common::{Place, batches, csv, refuses, rows, succeeds};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::process::{Output, Stdio};

fn told(place: &Place, number: &str, arguments: &[&str]) -> Output {
    let mut command = place.command("home", arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    child.stdin.take().expect("an input").write_all(format!("{number}\n").as_bytes()).expect("written");
    child.wait_with_output().expect("the program ends")
}

/// The uses of a person's data that were given to somebody: to whom.
fn given(place: &Place, number: &str) -> Vec<String> {
    let report: Value =
        serde_json::from_str(&succeeds(&told(place, number, &["subject", "report", "--json"]))).expect("JSON");
    let uses = report["facts"]["uses"].as_array().expect("uses").iter().filter(|one| one["kind"] == "release");
    uses.inspect(|one| assert!(one["held"] == true && one["left_out"] == false))
        .map(|one| one["recipient"].as_str().expect("a recipient").to_owned())
        .collect()
}

/// Numbers of three published people with admissions, who never said anything.
fn three(place: &Place) -> Vec<String> {
    let mut numbers: Vec<String> = csv(&place.path("data/hospital/apc.csv"), &["NEWNHSNO"])
        .into_iter()
        .filter_map(|mut row| row.pop())
        .filter(|number| number.len() == 10)
        .collect();
    numbers.sort();
    numbers.dedup();
    numbers.retain(|number| {
        let report = told(place, number, &["subject", "report", "--json"]);
        let Ok(report) = serde_json::from_slice::<Value>(&report.stdout) else { return false };
        let uses = &report["facts"]["uses"];
        report["facts"]["said"] == serde_json::json!([]) && uses[0]["held"] == true && uses[0]["left_out"] == false
    });
    numbers.truncate(3);
    assert_eq!(numbers.len(), 3);
    numbers
}

fn approve(place: &Place, lifts: &str) {
    let (start, end) = (today().plus_days(-1), today().plus_days(9));
    let document = format!(
        "id = \"notice-1\"\nbasis = \"copi-regulation-3\"\narticle-6 = \"public-task\"\narticle-9 = \"public-health\"\n\
         wording = \"Notice under regulation 3.\"\npurpose = \"communicable-disease\"\nlifts = [\"{lifts}\"]\n\
         tables = [\"admissions\"]\nstart = \"{start}\"\nend = \"{end}\"\n"
    );
    fs::write(place.path("notice.toml"), document).expect("written");
    let law = |arguments: &[&str]| place.caredata("home", &[&["law"], arguments].concat());
    for (name, key) in [("A. Guardian", "a.key"), ("B. Director", "b.key")] {
        succeeds(&law(&["enrol", name, "--role", "officer", "--out", key]));
    }
    succeeds(&law(&["add", "notice.toml"]));
    succeeds(&law(&["sign", "notice.toml", "--key", "a.key"]));
    let refused = refuses(&law(&["open", "notice-1", "--for", "a team", "--out", "opened"]), 4);
    assert!(refused.contains("instrument-not-in-force"), "{refused}");
    refuses(&law(&["sign", "notice.toml", "--key", "a.key"]), 4);
    succeeds(&law(&["sign", "notice.toml", "--key", "b.key"]));
}

#[test]
fn an_instrument_opens_what_it_lifts_and_leaves_nothing_behind() {
    let place = Place::with_people(600, 1);
    place.init("home");
    succeeds(&place.run("home", "data", "2014-04"));
    let people = three(&place);
    let before = rows(&place.path("home"), "admissions");
    succeeds(&told(&place, &people[0], &["objection", "record", "--kind", "object-all"]));
    succeeds(&told(&place, &people[1], &["objection", "record", "--kind", "object-source:apc"]));
    succeeds(&place.caredata("home", &["purge"]));
    let published = rows(&place.path("home"), "admissions");
    assert!(published.len() < before.len(), "both people's admissions are sealed");

    approve(&place, "object-all");
    let open =
        |out: &str| place.caredata("home", &["law", "open", "notice-1", "--for", "a team", "--out", out, "--json"]);
    refuses(&open("home/opened"), 3);
    let opened: Value = serde_json::from_str(&succeeds(&open("opened"))).expect("JSON");
    let stated = opened["rows"]["admissions"].as_u64().expect("rows of admissions");
    assert_eq!(opened["rows"].as_object().expect("tables").len(), 1, "tables out of scope stay sealed");
    refuses(&open("opened"), 3);

    let file = fs::File::open(place.path("opened/admissions.parquet")).expect("a file");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(ParquetRecordBatchReaderBuilder::build);
    let found: Vec<_> = reader.expect("Parquet").map(|batch| batch.expect("rows")).collect();
    assert_eq!(found.iter().map(|batch| batch.num_rows() as u64).sum::<u64>(), stated);
    let tables = batches(&place.path("home"), "admissions");
    assert_eq!(found[0].schema().fields(), tables[0].schema().fields(), "nothing says why it was sealed");
    for column in ["person", "record_key"] {
        let values = |batches: &[arrow_array::RecordBatch]| -> HashSet<i64> {
            let column = |batch: &arrow_array::RecordBatch| {
                batch.column_by_name(column).expect("a column").as_primitive::<Int64Type>().values().to_vec()
            };
            batches.iter().flat_map(column).collect()
        };
        assert!(values(&found).is_disjoint(&values(&tables)), "{column}: marks of the instrument's own");
    }
    assert_eq!(given(&place, &people[0]), ["a team"], "the person is told");
    assert!(given(&place, &people[1]).is_empty(), "another objection is not lifted");
    assert!(given(&place, &people[2]).is_empty(), "nobody else is used under it");
    let public = fs::read_to_string(place.path("home/public/instruments.json")).expect("a public list");
    let public: Value = serde_json::from_str(&public).expect("JSON");
    let used = &public["instruments"][0]["used"][0];
    assert_eq!((&used["persons"], &used["rows"]["admissions"]), (&opened["persons"], &opened["rows"]["admissions"]));
    let log = fs::read_to_string(place.path("home/log/audit.jsonl")).expect("a log");
    assert_eq!(log.matches("\"act\":\"instrument-used\"").count(), 2, "before and after");

    succeeds(&place.caredata("home", &["law", "end", "notice-1", "--reason", "it is over"]));
    assert!(refuses(&open("again"), 4).contains("instrument-not-in-force"));
    assert!(!place.path("again").exists());
    assert!(rows(&place.path("home"), "admissions") == published, "the record is as if it had never been");
    succeeds(&place.caredata("home", &["purge"]));
    succeeds(&place.caredata("home", &["fsck"]));
}

//! An objection made to hold at once, and backwards: what a purge takes out, what it leaves, and what it refuses.

mod common;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use common::{Place, batches, copy, files_under, refuses, rows, succeeds};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs;
use std::path::Path;

const NUMBER: &str = "9434765919";
const ENTRY: &str = "4321.5";
const TABLES: [&str; 5] = ["persons", "journals", "admissions", "outpatients", "emergency"];

/// Two months in which one person has an entry in a journal and an admission, each told from all others by its value.
fn place_with_person() -> Place {
    let place = Place::with_people(1_000, 2);
    for month in ["2014-04", "2014-05"] {
        place.append(
            &format!("{month}/gp/patients.csv"),
            &format!("A81001,first,{NUMBER},1971-03-05,LS1 4AP,1,A,2001-01-01,,,"),
        );
        place.append(
            &format!("{month}/gp/journals.csv"),
            "A81001,first,entry-1,2014-04-02,2014-04-02,read2,N142.,4321.5,,,",
        );
    }
    let given =
        [("NEWNHSNO", NUMBER), ("DOB", "1971-03-05"), ("HOMEADD", "LS1 4AP"), ("SEX", "1"), ("DIAG_01", "S889")];
    place.admit("2014-04/hospital/apc.csv", &given);
    place.init("home");
    place
}

fn month(place: &Place, month: &str) {
    succeeds(&place.run("home", &format!("data/{month}"), month));
}

fn says(place: &Place, kind: &str) {
    succeeds(&place.says("home", NUMBER, kind, &[]));
}

fn purge(place: &Place) -> serde_json::Value {
    let report = serde_json::from_str(&succeeds(&place.caredata("home", &["purge", "--json"]))).expect("JSON");
    succeeds(&place.caredata("home", &["fsck"]));
    succeeds(&place.caredata("home", &["audit", "verify"]));
    report
}

/// Whether the entry and the admission are published.
fn published(place: &Place) -> (bool, bool) {
    let has = |table: &str, value: &str| rows(&place.path("home"), table).iter().any(|row| row.contains(value));
    (has("journals", ENTRY), has("admissions", "S889"))
}

/// The person's pseudonym, and the keys of the entry and of the registration that it rests on.
fn marks(place: &Place) -> [i64; 3] {
    let found = batches(&place.path("home"), "journals").into_iter().find_map(|batch| {
        let column = |name: &str| batch.column_by_name(name).expect("a column").as_primitive::<Int64Type>().clone();
        let texts =
            ["value1", "value_1"].into_iter().find_map(|name| batch.column_by_name(name)).expect("values").clone();
        let options = arrow_cast::display::FormatOptions::default();
        let texts = arrow_cast::display::ArrayFormatter::try_new(&texts, &options).expect("printable");
        let row = (0..batch.num_rows()).find(|&row| texts.value(row).to_string().contains(ENTRY))?;
        Some(["person", "record_key", "registration"].map(|name| column(name).value(row)))
    });
    found.expect("the entry is published")
}

/// How often any of the marks stands in a decoded Parquet file under a folder, listed or not.
fn standing(folder: &Path, marks: &[i64]) -> usize {
    let files = files_under(folder);
    let parquet = files.iter().filter(|path| path.extension().is_some_and(|ending| ending == "parquet"));
    let mut found = 0;
    for path in parquet.filter(|path| !path.to_string_lossy().contains("_delta_log")) {
        let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).expect("a file"))
            .and_then(ParquetRecordBatchReaderBuilder::build)
            .expect("a Parquet file");
        for batch in reader.map(|batch| batch.expect("rows")) {
            for column in batch.columns().iter().filter_map(|column| column.as_primitive_opt::<Int64Type>()) {
                found += column.values().iter().filter(|value| marks.contains(value)).count();
            }
        }
    }
    found
}

#[test]
fn an_objection_to_gp_use_takes_the_rows_at_once_and_out_of_every_earlier_version() {
    let place = place_with_person();
    month(&place, "2014-04");
    month(&place, "2014-05");
    assert_eq!(published(&place), (true, true));
    let [person, entry, registration] = marks(&place);
    let gp_marks = [entry, registration];
    assert!(standing(&place.path("home/records"), &gp_marks) > 2, "earlier versions hold them too");
    says(&place, "object-gp");
    assert_eq!(place.caredata("home", &["fsck"]).status.code(), Some(4), "recorded, and not applied yet");
    let report = purge(&place);
    assert_eq!(published(&place), (false, true), "without new files; the hospital's rows stay");
    assert_eq!(standing(&place.path("home/records"), &gp_marks), 0, "nor in any file that nothing lists");
    assert_eq!(standing(&place.path("home/records/journals"), &[person]), 0);
    assert!(report["removed"]["data_files"].as_u64() > Some(0) && report["removed"]["data_bytes"].as_u64() > Some(0));
    assert!(report["searched"]["files"].as_u64() > Some(20) && report["searched"]["persons"].as_u64() > Some(0));
    let places = report["remains"].as_array().expect("a list").iter().map(|one| one["place"].as_str().unwrap_or(""));
    assert_eq!(places.collect::<Vec<_>>(), ["register", "index", "sealed", "log", "elsewhere"]);
    let log = fs::read_to_string(place.path("home/log/audit.jsonl")).expect("a log");
    let acts = ["register-applied", "purged", "purge-proven"].map(|act| log.find(&format!("\"act\":\"{act}\"")));
    assert!(acts.iter().all(Option::is_some) && acts.is_sorted(), "each in the log, in order");

    says(&place, "withdraw-gp");
    purge(&place);
    assert_eq!(published(&place), (false, true), "what was destroyed does not come back by itself");
    month(&place, "2014-05");
    assert_eq!(published(&place), (true, true), "but with the next extract");
}

#[test]
fn an_objection_to_all_seals_hospital_rows_and_a_withdrawal_publishes_them_again() {
    let place = place_with_person();
    month(&place, "2014-04");
    let before = rows(&place.path("home"), "admissions");
    let [person, ..] = marks(&place);
    says(&place, "object-all");
    let report = purge(&place);
    assert_eq!(published(&place), (false, false));
    assert_eq!(standing(&place.path("home/records"), &[person]), 0, "in no table, and in no file of before");
    assert!(report["sealed_after"].as_u64() > report["sealed_before"].as_u64());
    assert!(report["removed"]["vault_files"].as_u64().is_some());
    let persons = rows(&place.path("home"), "persons");
    says(&place, "withdraw-all");
    let report = purge(&place);
    assert!(report["sealed_after"].as_u64() < report["sealed_before"].as_u64());
    assert_eq!(rows(&place.path("home"), "admissions"), before, "sealed rows are published again");
    assert_eq!(rows(&place.path("home"), "persons").len(), persons.len() + 1, "and the person has a row again");
}

#[test]
fn after_a_purge_nothing_is_left_of_before_and_a_second_one_finds_nothing() {
    let place = place_with_person();
    month(&place, "2014-04");
    month(&place, "2014-05");
    month(&place, "2014-05");
    let note = succeeds(&place.caredata("home", &["fsck"]));
    assert!(note.contains("waiting for `caredata purge`"), "{note}");
    let before = TABLES.map(|table| rows(&place.path("home"), table));
    purge(&place);
    assert!(TABLES.map(|table| rows(&place.path("home"), table)) == before, "nobody objects, so nothing changes");
    for table in TABLES {
        let folder = place.path("home/records").join(table);
        let log: Vec<_> = files_under(&folder.join("_delta_log"));
        let names = log.iter().filter_map(|path| path.file_name()?.to_str()).collect::<Vec<_>>().join(" ");
        assert_eq!(log.len(), 3, "one commit, its checkpoint and the hint: {names}");
        let commits: Vec<_> =
            log.iter().filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect();
        let text = fs::read_to_string(commits[0]).expect("a commit");
        assert!(!text.contains("\"remove\""), "{text}");
        let data = files_under(&folder).len() - log.len();
        assert_eq!(text.matches("\"add\"").count(), data, "the data files are those that the log lists");
    }
    assert!(!succeeds(&place.caredata("home", &["fsck"])).contains("waiting"));
    let again = purge(&place);
    assert_eq!(again["removed"]["data_files"].as_u64(), Some(0));
    assert_eq!(again["removed"]["log_entries"].as_u64(), Some(0));
    month(&place, "2014-05");
    assert!(TABLES.map(|table| rows(&place.path("home"), table)) == before, "runs go on, on top of it");
    succeeds(&place.caredata("home", &["fsck"]));
    purge(&place);
}

#[test]
fn a_purge_that_leaves_a_mark_somewhere_does_not_say_that_it_is_done() {
    let place = place_with_person();
    month(&place, "2014-04");
    let [person, ..] = marks(&place);
    let journal = files_under(&place.path("home/records/journals"));
    let data = journal.iter().find(|path| path.extension().is_some_and(|ending| ending == "parquet")).expect("data");
    let stray = place.path("home/public/copy.parquet");
    fs::copy(data, &stray).expect("copied");
    says(&place, "object-gp");
    let message = refuses(&place.caredata("home", &["purge"]), 5);
    assert!(message.contains("purge-unproven") && message.contains("public/copy.parquet"), "{message}");
    fs::remove_file(&stray).expect("removed");
    let note = place.path("home/report/note.txt");
    fs::write(&note, format!("the person {person}")).expect("written");
    let message = refuses(&place.caredata("home", &["purge"]), 5);
    assert!(message.contains("report/note.txt") && !message.contains(&person.to_string()), "{message}");
    fs::remove_file(&note).expect("removed");
    purge(&place);
}

#[test]
fn a_purge_refuses_an_unanswered_register_a_damaged_home_and_one_at_work() {
    let place = place_with_person();
    succeeds(&place.caredata("silent", &["init", "--keys", "silent-keys"]));
    let message = refuses(&place.caredata("silent", &["purge"]), 4);
    assert!(message.contains("nobody-attested"), "{message}");
    month(&place, "2014-04");
    month(&place, "2014-05");
    copy(&place.path("home"), &place.path("whole"));

    let lock = fs::OpenOptions::new().write(true).open(place.path("home/lock")).expect("a lock");
    lock.try_lock().expect("nobody works on it");
    let message = refuses(&place.caredata("home", &["purge"]), 3);
    assert!(message.contains("home-in-use"), "{message}");
    drop(lock);

    let files = files_under(&place.path("home/records"));
    // The last of the names is one of the latest publication.
    let persons = files.iter().rfind(|path| path.to_string_lossy().contains("persons/run-2"));
    fs::write(persons.expect("a file of the present"), b"damaged").expect("written");
    let message = refuses(&place.caredata("home", &["purge"]), 3);
    assert!(message.contains("home-faulty"), "{message}");
    let left = files_under(&place.path("home/records"));
    assert_eq!(left.len(), files.len(), "nothing was removed");
    let log = fs::read_to_string(place.path("home/log/audit.jsonl")).expect("a log");
    assert!(log.contains("\"act\":\"purge-refused\""));
}

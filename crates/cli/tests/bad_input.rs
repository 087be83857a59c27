//! Bad input at the door: refused whole with a message that says where and what to do, nothing half done; or, where only a
//! row is bad, taken without it and listed.

mod common;

use common::{Place, files_under, refuses, rows, succeeds};
use std::fs;
use std::path::Path;

const PERIOD: &str = "2013-05..2014-04";

/// Everything that a home shows, but its log and its register, which note the attempt.
fn shown(home: &Path) -> Vec<(std::path::PathBuf, u64)> {
    let mut files: Vec<_> = ["records", "vault", "quarantine", "report"]
        .iter()
        .flat_map(|folder| files_under(&home.join(folder)))
        .map(|path| (path.clone(), fs::metadata(&path).expect("a file").len()))
        .collect();
    files.sort();
    files
}

/// A month whose file `name` was changed is refused with this exit code, and nothing is changed; returns the message.
fn refused(name: &str, change: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let place = Place::with_people(300, 1);
    place.init("home");
    let before = shown(&place.path("home"));
    let file = place.path("data").join(name);
    let bytes = fs::read(&file).expect("a file");
    fs::write(&file, change(&bytes)).expect("written");
    let message = refuses(&place.run("home", "data", PERIOD), 3);
    assert_eq!(shown(&place.path("home")), before, "nothing half done");
    let short = name.rsplit('/').next().expect("a name");
    assert!(message.contains(short), "the file is named: {message}");
    message
}

#[test]
fn missing_columns_are_named() {
    let message = refused("hospital/apc.csv", |bytes| {
        String::from_utf8_lossy(bytes).replacen("NEWNHSNO", "NUMBER", 1).replacen("ADMIDATE", "WHEN", 1).into_bytes()
    });
    assert!(message.contains("NEWNHSNO") && message.contains("ADMIDATE"), "{message}");
}

#[test]
fn an_unknown_delimiter_is_refused() {
    refused("hospital/apc.csv", |bytes| String::from_utf8_lossy(bytes).replace(',', ";").into_bytes());
}

#[test]
fn a_free_text_column_is_refused_by_name() {
    let message = refused("gp/journals.csv", |bytes| {
        String::from_utf8_lossy(bytes).replacen("unit", "free_text", 1).into_bytes()
    });
    assert!(message.contains("free_text"), "{message}");
}

#[test]
fn an_endless_line_is_refused_in_bounded_memory() {
    refused("hospital/apc.csv", |bytes| [bytes, &vec![b'x'; 3 << 20]].concat());
}

#[test]
fn an_empty_file_is_refused() {
    refused("hospital/apc.csv", |_| Vec::new());
}

/// A month with bad rows runs; returns the quarantine list.
fn quarantined(name: &str, change: impl Fn(&str) -> Vec<u8>) -> (Place, String) {
    let place = Place::with_people(300, 1);
    place.init("home");
    let file = place.path("data").join(name);
    let text = fs::read_to_string(&file).expect("a file");
    fs::write(&file, change(&text)).expect("written");
    succeeds(&place.run("home", "data", PERIOD));
    let lists = files_under(&place.path("home/quarantine"));
    assert_eq!(lists.len(), 1, "one list a run");
    let list = fs::read_to_string(&lists[0]).expect("a list");
    (place, list)
}

/// The second line changed.
fn first_row(text: &str, change: impl Fn(&str) -> Vec<u8>) -> Vec<u8> {
    let mut lines = text.splitn(3, '\n');
    let (header, row, rest) = (lines.next(), lines.next(), lines.next());
    let row = change(row.expect("a row"));
    [header.expect("a header").as_bytes(), b"\n", &row, b"\n", rest.expect("more rows").as_bytes()].concat()
}

#[test]
fn a_truncated_file_is_refused() {
    let message = refused("hospital/apc.csv", |bytes| bytes[..bytes.len() - 30].to_vec());
    assert!(message.contains("line ") && message.contains("send it again"), "where, and what to do: {message}");
}

#[test]
fn half_a_character_costs_the_row() {
    let (_, list) = quarantined("hospital/apc.csv", |text| {
        first_row(text, |row| {
            let mut bytes = row.as_bytes().to_vec();
            bytes.push(0xC3);
            bytes
        })
    });
    assert!(list.contains("apc.csv,2,") && list.contains("row refused"), "{list}");
}

#[test]
fn an_impossible_event_date_costs_the_row() {
    let (_, list) = quarantined("hospital/apc.csv", |text| {
        let column = text.lines().next().and_then(|header| header.split(',').position(|name| name == "ADMIDATE"));
        let column = column.expect("the column");
        first_row(text, |row| {
            let mut fields: Vec<&str> = row.split(',').collect();
            fields[column] = "2014-02-30";
            fields.join(",").into_bytes()
        })
    });
    assert!(list.contains("apc.csv,2,ADMIDATE"), "{list}");
    assert!(!list.contains("2014-02-30"), "a list without values");
}

#[test]
fn a_wrong_check_digit_is_listed_and_the_row_stands() {
    let (_, list) = quarantined("gp/patients.csv", |text| {
        let column = text.lines().next().and_then(|header| header.split(',').position(|name| name == "nhs_number"));
        let column = column.expect("the column");
        first_row(text, |row| {
            let mut fields: Vec<&str> = row.split(',').collect();
            fields[column] = "9434765918";
            fields.join(",").into_bytes()
        })
    });
    assert!(list.contains("patients.csv,2,nhs_number") && list.contains("check digit"), "{list}");
    assert!(!list.contains("943476"), "a list without values");
}

#[test]
fn a_key_that_stands_twice_costs_the_later_row() {
    for name in ["hospital/apc.csv", "gp/patients.csv", "gp/journals.csv"] {
        let (place, list) = quarantined(name, |text| {
            let row = text.lines().nth(1).expect("a row");
            format!("{}\n{row}\n", text.trim_end()).into_bytes()
        });
        let lines = fs::read_to_string(place.path("data").join(name)).expect("a file").lines().count();
        let short = name.rsplit('/').next().expect("a name");
        assert!(list.contains(&format!("{short},{lines},")), "{name}: {list}");
        assert!(!rows(&place.path("home"), "admissions").is_empty());
    }
}

#[test]
fn a_package_changed_after_its_manifest_is_refused() {
    let place = Place::with_people(300, 1);
    place.init("home");
    succeeds(&place.caredata("home", &["extract", "--gp", "data/gp", "--period", "2014-04", "--out", "packages"]));
    let patients = files_under(&place.path("packages")).into_iter().find(|path| path.ends_with("patients.csv"));
    let patients = patients.expect("a package has patients");
    let text = fs::read_to_string(&patients).expect("a file");
    fs::write(&patients, text.replacen('1', "2", 1)).expect("written");
    let before = shown(&place.path("home"));
    let message = refuses(&place.caredata("home", &["run", "--packages", "packages", "--period", "2014-04"]), 3);
    assert!(message.contains("patients.csv"), "{message}");
    assert_eq!(shown(&place.path("home")), before);
}

#[test]
fn wrong_usage_and_missing_homes_have_their_own_exit_codes() {
    let place = Place::new();
    refuses(&place.caredata("home", &["run"]), 2);
    refuses(&place.caredata("home", &["run", "--period", "2014-13"]), 2);
    let message = refuses(&place.caredata("home", &["run", "--period", "2014-04"]), 3);
    assert!(message.contains("caredata init"), "a hint says what to do: {message}");
}

#[test]
fn the_practices_and_hospitals_own_files_are_untouched() {
    let place = Place::with_people(300, 1);
    place.init("home");
    let contents = || {
        files_under(&place.path("data"))
            .into_iter()
            .map(|path| (path.clone(), fs::read(path).expect("a file")))
            .collect::<Vec<_>>()
    };
    let before = contents();
    succeeds(&place.run("home", "data", PERIOD));
    assert!(contents() == before);
}

#[test]
fn registrations_without_the_journals_that_say_who_objects_are_refused() {
    let place = Place::with_people(300, 1);
    place.init("home");
    fs::rename(place.path("data/gp/journals.csv"), place.path("data/gp/entries.csv")).expect("renamed");
    let before = shown(&place.path("home"));
    let message = refuses(&place.run("home", "data", PERIOD), 3);
    assert!(message.contains("no-journals"), "{message}");
    assert_eq!(shown(&place.path("home")), before);
}

#[test]
fn an_unreadable_row_that_may_note_an_objection_stops_the_run_where_it_names_no_practice() {
    let message = refused("gp/journals.csv", |bytes| {
        let line = b"A\xFF,first,1,2014-01-01,2014-01-01,read2,9Nu0.,,,,\n";
        [bytes, line].concat()
    });
    assert!(message.contains("doubtful-objection"), "{message}");
}

#[test]
fn a_source_cannot_take_the_name_of_another() {
    let place = Place::with_people(300, 1);
    place.init("home");
    let declaration = fs::read_to_string(place.path("data/other/sources/social-care.toml")).expect("a declaration");
    fs::create_dir_all(place.path("sources")).expect("a folder");
    fs::write(place.path("sources/apc.toml"), declaration.replace("\"social-care\"", "\"apc\"")).expect("written");
    fs::write(place.path("sources/care.toml"), declaration).expect("written");
    let data = "data/other/social_care.csv";
    let run = |sources: &[&str]| {
        let mut arguments = vec!["run", "--gp", "data/gp", "--period", PERIOD];
        let named: Vec<String> = sources.iter().map(|name| format!("{name}={data}")).collect();
        for source in &named {
            arguments.extend(["--source", source]);
        }
        refuses(&place.caredata("home", &arguments), 3)
    };
    assert!(run(&["apc"]).contains("source-name-taken"));
    assert!(run(&["care", "care"]).contains("source-name-taken"));
}

#[test]
fn an_unreadable_row_that_may_note_an_objection_holds_its_practice() {
    let place = Place::with_people(1_000, 1);
    place.init("home");
    let journals = place.path("data/gp/journals.csv");
    let mut bytes = fs::read(&journals).expect("a file");
    bytes.extend(b"A81001,\xFF,1,2014-01-01,2014-01-01,read2,9Nu0.,,,,\n");
    fs::write(&journals, bytes).expect("written");
    let report: serde_json::Value = serde_json::from_str(&succeeds(&place.run("home", "data", PERIOD))).expect("JSON");
    assert_eq!(report["held"].as_array().map(Vec::len), Some(1), "{}", report["held"]);
    assert_eq!(report["held"][0]["practice"], "A81001");
    let published = rows(&place.path("home"), "journals");
    assert!(!published.is_empty() && published.iter().all(|row| !row.contains("A81001")));
    succeeds(&place.caredata("home", &["fsck"]));
}

#[test]
fn a_byte_changed_in_a_published_file_is_found() {
    let place = Place::with_people(300, 1);
    place.init("home");
    succeeds(&place.run("home", "data", PERIOD));
    succeeds(&place.caredata("home", &["fsck"]));
    let files = files_under(&place.path("home/records/journals"));
    let file = files.iter().find(|path| path.extension().is_some_and(|ending| ending == "parquet")).expect("a file");
    let mut bytes = fs::read(file).expect("a file");
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    fs::write(file, bytes).expect("written");
    let found = place.caredata("home", &["fsck"]);
    let said = [found.stdout, found.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert_eq!(found.status.code(), Some(5), "{said}");
    assert!(said.contains("changed after it was published"), "{said}");
}

//! No identifier in any published byte: every NHS Number, full postcode and date of birth of a population, and planted
//! canaries, searched for in everything a home shows.

mod common;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Date32Type;
use arrow_schema::DataType;
use common::{Place, batches, csv, files_under, succeeds};
use std::collections::HashSet;
use std::fs;

const TABLES: [&str; 6] = ["persons", "journals", "admissions", "outpatients", "emergency", "other"];

/// Every window of `length` bytes of `haystack` that is in `needles`.
fn hits(haystack: &[u8], length: usize, needles: &HashSet<Vec<u8>>) -> usize {
    haystack.windows(length).filter(|window| needles.contains(*window)).count()
}

#[test]
fn no_identifier_is_in_any_published_byte() {
    let place = Place::with_people(3_000, 2);
    place.init("home");
    for month in ["2014-04", "2014-05"] {
        succeeds(&place.run("home", &format!("data/{month}"), month));
    }
    let columns = ["nhs_number", "date_of_birth", "postcode"];
    let mut identifiers = csv(&place.path("data/2014-04/gp/patients.csv"), &columns);
    identifiers.extend(csv(&place.path("data/2014-05/hospital/apc.csv"), &["NEWNHSNO", "DOB", "HOMEADD"]));
    let numbers: HashSet<Vec<u8>> = identifiers.iter().map(|row| row[0].clone().into_bytes()).collect();
    let births: HashSet<Vec<u8>> = identifiers.iter().map(|row| row[1].clone().into_bytes()).collect();
    let spaced: HashSet<Vec<u8>> = identifiers.iter().map(|row| row[2].clone().into_bytes()).collect();
    let joined: HashSet<Vec<u8>> = identifiers.iter().map(|row| row[2].replace(' ', "").into_bytes()).collect();
    assert!(numbers.len() > 2_500 && births.len() > 1_500, "the population is there to be searched for");

    let home = place.path("home");
    let mut searched = 0;
    for shown in ["records", "report", "log", "quarantine", "public"] {
        for path in files_under(&home.join(shown)) {
            let bytes = fs::read(&path).expect("a file");
            searched += bytes.len();
            let name = path.display();
            assert_eq!(hits(&bytes, 10, &numbers), 0, "an NHS Number in {name}");
            assert_eq!(hits(&bytes, 10, &births), 0, "a date of birth in {name}");
            for length in 6..=8 {
                let of_length: HashSet<Vec<u8>> = spaced.iter().filter(|text| text.len() == length).cloned().collect();
                assert_eq!(hits(&bytes, length, &of_length), 0, "a postcode in {name}");
            }
        }
    }
    assert!(searched > 300_000, "much was searched: {searched} bytes");

    for table in TABLES {
        for batch in batches(&home, table) {
            for column in batch.columns() {
                let Some(texts) = column.as_string_opt::<i32>() else { continue };
                for text in texts.iter().flatten() {
                    let bytes = text.as_bytes();
                    assert!(!numbers.contains(bytes) && !births.contains(bytes), "an identifier in {table}");
                    assert!(!spaced.contains(bytes) && !joined.contains(bytes), "a postcode in {table}");
                }
            }
        }
    }
}

#[test]
fn no_column_holds_dates_of_birth() {
    let place = Place::with_people(2_000, 1);
    // Canaries: everybody is born on one of two days that no event can have.
    let patients = place.path("data/gp/patients.csv");
    let births = csv(&patients, &["date_of_birth"]);
    let mut text = fs::read_to_string(&patients).expect("a file");
    for (turn, birth) in births.iter().enumerate().filter(|(_, birth)| birth[0].starts_with("19")) {
        let canary = if turn % 2 == 0 { "1911-11-11" } else { "1922-02-22" };
        text = text.replace(&birth[0], canary);
    }
    fs::write(&patients, &text).expect("written");
    assert!(text.matches("1911-11-11").count() > 200);
    place.init("home");
    succeeds(&place.run("home", "data", "2013-05..2014-04"));
    let canaries =
        ["1911-11-11", "1922-02-22"].map(|text| caredata_model::Day::parse(text).expect("a day").days_since_1970());
    let mut days = 0;
    for table in TABLES {
        for batch in batches(&place.path("home"), table) {
            for column in batch.columns().iter().filter(|column| *column.data_type() == DataType::Date32) {
                let column = column.as_primitive::<Date32Type>();
                days += column.len() - column.null_count();
                assert!(column.iter().flatten().all(|day| !canaries.contains(&day)), "a date of birth in {table}");
            }
        }
    }
    assert!(days > 10_000, "days were looked at");
}

#[test]
fn messages_and_the_log_repeat_no_value() {
    let place = Place::with_people(500, 1);
    place.init("home");
    let number = "9434765919";
    let apc = place.path("data/hospital/apc.csv");
    let text = fs::read_to_string(&apc).expect("a file");
    let first = text.lines().nth(1).expect("a row").to_owned();
    let bad = format!("{},{number},LS1 4AP", &first);
    fs::write(&apc, text.replace(&first, &bad)).expect("written");
    let output = place.run("home", "data", "2013-05..2014-04");
    let said = [output.stdout, output.stderr].concat();
    let mut everywhere = vec![said];
    for folder in ["log", "quarantine", "report"] {
        everywhere
            .extend(files_under(&place.path("home").join(folder)).iter().map(|path| fs::read(path).expect("a file")));
    }
    let quarantine = String::from_utf8_lossy(&everywhere[1..].concat()).into_owned();
    assert!(quarantine.contains("apc.csv,2,"), "the bad row is named by file and line");
    for bytes in everywhere {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(number) && !text.contains("LS1 4AP"));
    }
}

#[test]
fn what_stands_in_a_column_by_mistake_names_no_group_of_the_report() {
    let place = Place::with_people(500, 1);
    place.init("home");
    let apc = place.path("data/hospital/apc.csv");
    let text = fs::read_to_string(&apc).expect("a file");
    let header: Vec<&str> = text.lines().next().expect("a header").split(',').collect();
    let at = |name: &str| header.iter().position(|column| *column == name).expect("the column");
    let canaries = ["9434765919", "John Smith", "LS1 4AP", "1971-03-05"];
    let columns = ["ETHNOS", "PROCODE", "IMD04_DECILE"].into_iter().filter(|name| header.contains(name));
    let columns: Vec<usize> = columns.map(at).collect();
    assert!(columns.len() >= 2);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (turn, line) in lines.iter_mut().skip(1).take(40).enumerate() {
        let mut fields: Vec<&str> = line.split(',').collect();
        fields[columns[turn % columns.len()]] = canaries[turn / columns.len() % canaries.len()];
        *line = fields.join(",");
    }
    fs::write(&apc, lines.join("\n") + "\n").expect("written");
    let said = succeeds(&place.run("home", "data", "2013-05..2014-04"));
    let read = |name: &str| fs::read_to_string(place.path("home/report").join(name)).expect("a report");
    for text in [said, read("report.json"), read("index.html")] {
        assert!(canaries.iter().all(|canary| !text.contains(canary)));
        assert!(text.contains("other"));
    }
}

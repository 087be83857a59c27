//! The closed schema: no column can hold an identifier, and the dictionary in `docs/` is the one that the columns make.

use caredata_admit::Table;
use caredata_deidentify::{Kind, TextForm, columns, dictionary, schema};
use caredata_model::{NhsNumber, Postcode};
use std::path::Path;

/// Texts that identify people, in every form that files write them in.
fn identifying_texts() -> Vec<String> {
    let mut texts: Vec<String> =
        ["Smith", "SMITH", "Jones-Brown", "O'Brien", "Anne Marie", "ANNA", "Ann", "Mary Jones", "Dr Shah"]
            .into_iter()
            .map(str::to_owned)
            .collect();
    // NHS Numbers in their three forms; these are no SNOMED ids by their check digit or partition.
    let numbers = ["9434765919", "943 476 5919", "943-476-5919", "9434765870", "4010232137"];
    for number in numbers {
        assert!(NhsNumber::parse(number).is_ok(), "a valid number to search with");
        texts.push(number.to_owned());
    }
    texts.extend(["1956-03-09", "09/03/1956", "19560309", "09031956", "9 March 1956", "1956-3-9"].map(str::to_owned));
    for postcode in
        ["LS1 4AP", "LS14AP", "EC1A 1BB", "EC1A1BB", "M1 1AE", "M11AE", "W1A 1HQ", "DN55 1PT", "ZZ99 3VZ", "ZZ993VZ"]
    {
        assert!(Postcode::parse(postcode).is_ok(), "a postcode to search with");
        texts.push(postcode.to_owned());
    }
    texts
}

#[test]
fn no_text_column_takes_an_identifier() {
    for table in Table::ALL {
        for column in columns(table) {
            let Kind::Text(form) = column.kind else { continue };
            // A lower-case word of the table `other` and a three-letter code cannot be told from a short name; see `form`.
            let short = |text: &str| text.len() <= 3 && matches!(form, TextForm::Other | TextForm::Organisation);
            for text in identifying_texts().iter().filter(|text| !short(text)) {
                assert!(!form.takes(text), "{}.{} takes {text}", table.name(), column.name);
            }
        }
    }
}

#[test]
fn no_number_column_takes_a_number_of_ten_digits_or_a_date_of_eight() {
    for table in Table::ALL {
        for column in columns(table) {
            match column.kind {
                Kind::Whole(most) => assert!(most < 19_000_101, "{}", column.name),
                Kind::Decimal(most) => assert!(most < 19_000_101.0, "{}", column.name),
                // Pseudonyms and record keys are made by keyed functions, years and days are no full date of birth: the days of
                // births and infants are cut to the month at admission.
                Kind::Id | Kind::Year | Kind::Day | Kind::Flag | Kind::Text(_) => {}
            }
        }
    }
}

#[test]
fn no_column_is_named_for_an_identifier() {
    for table in Table::ALL {
        for column in columns(table) {
            for part in [
                "nhs",
                "postcode",
                "surname",
                "forename",
                "address",
                "date_of_birth",
                "dob",
                "birth_day",
                "local",
                "token",
            ] {
                assert!(!column.name.contains(part), "{}.{}", table.name(), column.name);
            }
        }
    }
}

#[test]
fn the_schema_is_the_declared_columns() {
    for table in Table::ALL {
        let schema = schema(table);
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let declared: Vec<&str> = columns(table).iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, declared);
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), names.len(), "{}: every name once", table.name());
        assert_eq!(names[..2], ["person", "record_key"]);
    }
}

/// With `CAREDATA_BLESS=1` the file is written anew instead.
#[test]
fn the_dictionary_in_docs_is_the_generated_one() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/data-dictionary.md");
    if std::env::var_os("CAREDATA_BLESS").is_some() {
        std::fs::write(&file, dictionary()).expect("the file can be written");
    }
    let text = std::fs::read_to_string(&file).expect("docs/data-dictionary.md can be read");
    assert!(text == dictionary(), "docs/data-dictionary.md is out of date: run this test once with CAREDATA_BLESS=1");
}

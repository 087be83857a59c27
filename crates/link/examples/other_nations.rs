//! Links a Swedish hospital's records: people there bear a personal number of ten digits, whose last makes Luhn's sum a multiple of ten.
//!
//! `cargo run --release -p caredata-link --example other_nations`
//!
//! A scheme is one trait with one question: can a number of these digits have been given to somebody? All else is learnt.
#![allow(clippy::print_stdout)]

use caredata_link::{Index, NumberScheme, Numbers, Record, Settings, link};
use caredata_model::{BirthDate, Day, Gender, Identifiers, NhsDigits, PersonId, Postcode, RecordKey};
use std::error::Error;

/// Two digits each of the year, month and day of birth, three more, and a check digit (Luhn).
#[derive(Debug)]
struct Personnummer;

impl NumberScheme for Personnummer {
    fn name(&self) -> &'static str {
        "personnummer"
    }

    fn is_possible(&self, digits: u64) -> bool {
        let sum: u64 = (0..10)
            .map(|place| match digits / 10_u64.pow(place) % 10 {
                digit if place % 2 == 0 => digit,
                digit => digit * 2 / 10 + digit * 2 % 10,
            })
            .sum();
        let (month, day) = (digits / 1_000_000 % 100, digits / 10_000 % 100);
        sum.is_multiple_of(10) && (1..=12).contains(&month) && (1..=31).contains(&day)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let day = Day::new(2026, 4, 1)?;
    let person = |digits: u64, born: (i32, u32, u32), gender: Gender| -> Result<Identifiers, Box<dyn Error>> {
        // Places that have no British postcode are mapped onto some of that form, one for each, or left out.
        let postcode = Postcode::parse("SE1 1AA")?;
        let birth = BirthDate::new(Day::new(born.0, born.1, born.2)?)?;
        Ok(Identifiers::new(Some(NhsDigits::new(digits)?), Some(birth), Some(postcode), gender))
    };
    let record = |key: u64, identifiers: Identifiers, contribution: u32| Record {
        key: RecordKey::from_bits(key),
        identifiers,
        provider: contribution,
        local_id: 0,
        day,
        contribution,
    };
    let registrations = [
        record(1, person(8_112_189_876, (1981, 12, 18), Gender::Female)?, 1),
        record(2, person(6_408_233_234, (1964, 8, 23), Gender::Male)?, 1),
    ];
    let events = [
        // As registered; with two neighbouring digits exchanged; and somebody whom nobody has registered.
        record(11, person(8_112_189_876, (1981, 12, 18), Gender::Female)?, 2),
        record(12, person(6_408_232_334, (1964, 8, 23), Gender::Male)?, 2),
        record(13, person(7_010_013_439, (1970, 10, 1), Gender::Male)?, 2),
    ];
    let settings = Settings { numbers: Numbers::of(&Personnummer), ..Settings::default() };
    // An id that nobody can trace back needs a keyed hash; an example may do without.
    let person_id = |key: RecordKey| PersonId::from_bits((key.value() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 1);
    let linkage = link(&settings, Index::new(), &registrations, &events, &person_id);
    println!("by {}:", settings.numbers.name());
    for (record, link) in events.iter().zip(&linkage.events) {
        let among = linkage.registrations.iter().position(|of| of.person == link.person);
        let whom = among.map_or_else(|| "nobody registered".to_owned(), |at| format!("registration {}", at + 1));
        println!("event {}: {:?}, {whom}", record.key.value(), link.status);
    }
    Ok(())
}

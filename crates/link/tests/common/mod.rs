//! A small invented population with known truth, for tests: seeded, so that every run sees the same.
#![allow(dead_code)] // each test file uses its own part

use caredata_link::{Linkage, Record, Settings};
use caredata_model::{Day, Gender, Identifiers, NhsDigits, PersonId, Postcode, RecordKey};

/// A seeded source of numbers (`splitmix64`).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.roll() % n
    }

    pub fn chance(&mut self, share: f64) -> bool {
        (self.roll() >> 11) as f64 / ((1_u64 << 53) as f64) < share
    }
}

/// One person's identifiers as they truly are.
#[derive(Clone, Copy)]
pub struct Person {
    pub nhs: u64,
    pub born: (i32, u32, u32),
    pub postcode: Postcode,
    pub sex: Gender,
}

impl Person {
    pub fn identifiers(&self) -> Identifiers {
        identifiers(self.nhs, self.born, Some(self.postcode), self.sex)
    }
}

pub fn identifiers(nhs: u64, born: (i32, u32, u32), postcode: Option<Postcode>, sex: Gender) -> Identifiers {
    let digits = if nhs == 0 { None } else { NhsDigits::new(nhs).ok() };
    let birth = Day::new(born.0, born.1, born.2).and_then(caredata_model::BirthDate::new).ok();
    Identifiers::new(digits, birth, postcode, sex)
}

pub fn postcode(text: &str) -> Postcode {
    Postcode::parse(text).expect("a postcode")
}

/// The `n`th valid NHS Number of a sequence that never repeats.
pub fn number(n: u64) -> u64 {
    let mut nine = 400_000_000 + n * 37;
    loop {
        for check in 0..10 {
            let value = nine * 10 + check;
            if NhsDigits::new(value).is_ok_and(|digits| digits.valid().is_ok()) {
                return value;
            }
        }
        nine += 1;
    }
}

pub fn day() -> Day {
    Day::new(2014, 4, 15).expect("a day")
}

/// A record of contribution 1 (registrations) or 2 (events) unless changed afterwards.
pub fn record(key: u64, identifiers: Identifiers, provider: u32, contribution: u32) -> Record {
    Record { key: RecordKey::from_bits(key), identifiers, provider, local_id: 0, day: day(), contribution }
}

/// A stand-in for the keyed function of real use.
pub fn person_id(key: RecordKey) -> PersonId {
    PersonId::from_bits(Dice(key.value() as u64).roll())
}

pub fn link(settings: &Settings, registrations: &[Record], events: &[Record]) -> Linkage {
    caredata_link::link(settings, caredata_link::Index::new(), registrations, events, &person_id)
}

/// People in households of one to four at 40 to a postcode; nobody's error yet.
pub fn people(count: usize, dice: &mut Dice) -> Vec<Person> {
    let letters = b"ABDEFGHJLNPQRSTUWXYZ";
    (0..count)
        .map(|n| {
            // Neighbours in the list share a postcode; the district follows from it.
            let place = (n / 40) as u64;
            let (district, sector) = (place / 500 % 29 + 1, place / 50 % 10);
            let (first, second) = (letters[(place % 20) as usize], letters[(place / 20 % 20) as usize]);
            let text = format!("LS{district} {sector}{}{}", char::from(first), char::from(second));
            Person {
                nhs: number(n as u64),
                born: (1925 + dice.below(88) as i32, 1 + dice.below(12) as u32, 1 + dice.below(28) as u32),
                postcode: postcode(&text),
                sex: if dice.chance(0.5) { Gender::Male } else { Gender::Female },
            }
        })
        .collect()
}

/// A registration for each of `people` but every fortieth, and `events` events with errors; truth for each event.
pub fn population(count: usize, events: usize, seed: u64) -> (Vec<Record>, Vec<Record>, Vec<usize>) {
    let mut dice = Dice(seed);
    let people = people(count, &mut dice);
    let registrations = people
        .iter()
        .enumerate()
        .filter(|(n, _)| n % 40 != 7)
        .map(|(n, person)| record(Dice(n as u64).roll(), person.identifiers(), 1 + n as u32 % 20, 1))
        .collect();
    let (mut records, mut truth) = (Vec::new(), Vec::new());
    for event in 0..events {
        let n = dice.below(count as u64) as usize;
        let mut of = people[n];
        if dice.chance(0.05) {
            of.nhs = 0;
        } else if dice.chance(0.01) {
            of.nhs = of.nhs / 10 * 10 + (of.nhs + 3) % 10;
        }
        if dice.chance(0.01) {
            of.born.2 = 1 + of.born.2 % 28;
        }
        if dice.chance(0.08) {
            of.postcode = people[dice.below(count as u64) as usize].postcode;
        }
        let mut record = record(Dice(1_000_000_007 + event as u64).roll(), of.identifiers(), 100 + n as u32 % 3, 2);
        record.local_id = n as u64 + 1;
        records.push(record);
        truth.push(n);
    }
    (registrations, records, truth)
}

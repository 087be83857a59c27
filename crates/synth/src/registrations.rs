//! GP registrations: a person at a practice in, a row of `gp/patients.csv` out.
//!
//! Invariant: what a practice has wrong about a patient it has wrong every month, until the patient moves; rows come by
//! practice, and within one in an order that says nothing of who lives with whom.

use crate::MistakeCounts;
use crate::draw::{Chance, Purpose, mix};
use crate::mistakes::{Rates, True, Writer, state};
use crate::numbers::{local_number, nhs_number};
use crate::population::{MOVERS, NEVER, NO_PRACTICE, Person, Population, Window};
use crate::text::Rows;
use rayon::prelude::*;

pub(crate) const PATIENTS_HEADER: &str = "practice_code,patient_id,nhs_number,date_of_birth,postcode,sex,ethnic_category,registration_date,deregistration_date,date_of_death,lsoa\n";
pub(crate) const TRUTH_HEADER: &str = "practice_code,patient_id,person\n";

/// One person at one practice.
#[derive(Clone, Copy)]
pub(crate) struct Registration {
    pub(crate) practice: u16,
    pub(crate) serial: u32,
    /// Whether this is the practice that the person now goes to, rather than the second or the one left behind.
    pub(crate) first: bool,
}

/// Everybody's registrations that an export of this window holds, in the order of its rows.
pub(crate) fn all(population: &Population, window: Window) -> Vec<Registration> {
    let mut registrations: Vec<Registration> = (0..population.people.len() as u32)
        .into_par_iter()
        .flat_map_iter(|serial| {
            let person = &population.people[serial as usize];
            // Who died before the window has left the export.
            let here = person.death >= window.first && person.birth <= window.last;
            let first = (here && person.practice != NO_PRACTICE && person.registered <= window.last)
                .then_some(Registration { practice: person.practice, serial, first: true });
            let second = (here && person.second != NO_PRACTICE && person.second_left >= window.first)
                .then_some(Registration { practice: person.second, serial, first: false });
            first.into_iter().chain(second)
        })
        .collect();
    registrations.par_sort_unstable_by_key(|row| (row.practice, mix(u64::from(row.serial)), row.serial));
    registrations
}

/// The code of a practice: a letter and five digits, as the Organisation Data Service gives them.
pub(crate) fn practice_code(practice: u16) -> [u8; 6] {
    let letter = b"ABCDEFGHJKLMNPY"[usize::from(practice) % 15];
    let number = 81_001 + u32::from(practice);
    let digit = |power: u32| b'0' + (number / power % 10) as u8;
    [letter, digit(10_000), digit(1000), digit(100), digit(10), digit(1)]
}

/// The number of a patient at a practice.
pub(crate) fn patient_id(practice: u16, serial: u32) -> u64 {
    local_number(u64::from(practice) << 8 | 1, serial)
}

/// Writes one registration's row and its truth.
pub(crate) fn write(
    population: &Population,
    row: Registration,
    window: Window,
    (seed, chance): (u64, &Chance),
    (patients, truth_rows): (&mut Rows, &mut Rows),
    counts: &mut MistakeCounts,
) {
    let person = &population.people[row.serial as usize];
    let mut draw = chance.stream(Purpose::Registration, u32::from(row.practice), row.serial);
    let relative = nhs_number(seed, population.relative(row.serial, &mut draw));
    let truth = truth(population, person, nhs_number(seed, row.serial), relative);
    let decile = population.places.deprivation(person.home);
    let factor = person.ethnicity.mistake_factor(decile) * quality(u64::from(row.practice));
    counts.expect(&Rates::GP, factor);
    let stated = state(&truth, &Rates::GP, factor, Writer::Practice, counts, &mut draw);
    let code = practice_code(row.practice);
    let patient = patient_id(row.practice, row.serial);
    patients.field(&code).number(patient);
    match stated.number {
        Some(number) => patients.number(number),
        None => patients.empty(),
    };
    patients.day(stated.birth).field(stated.postcode.as_bytes()).field(&[stated.gender]);
    patients.field(&[person.ethnicity.category(mix(u64::from(row.serial)))]);
    let died = Some(person.death).filter(|&day| day <= window.last);
    let left = if row.first || person.second_left == NEVER { died } else { Some(person.second_left) };
    let since =
        if row.first { person.registered } else { person.registered.min(person.birth + 3650) }.min(person.death);
    patients.day(since).maybe_day(left.filter(|&day| day <= window.last)).maybe_day(died);
    patients.field(&lsoa_code(population.places.lsoa(person.home))).end();
    truth_rows.field(&code).number(patient).number(row.serial + 1).end();
}

/// What is true of a person's identifiers, and what could stand in their place.
pub(crate) fn truth(population: &Population, person: &Person, number: u64, relative: u64) -> True {
    True {
        number,
        relative,
        birth: person.birth,
        postcode: population.places.postcode(person.home),
        earlier: person.earlier_home().map(|place| population.places.postcode(place)),
        movers: MOVERS,
        female: person.female,
    }
}

/// How careless an organisation is beside the others: 1 on average over eight that follow one another, and
/// nearly so over the first few.
pub(crate) const fn quality(organisation: u64) -> f64 {
    [1.0, 0.85, 1.2, 0.75, 1.05, 1.5, 0.65, 1.0][(organisation % 8) as usize]
}

/// `E01` and six digits.
pub(crate) fn lsoa_code(lsoa: u32) -> [u8; 9] {
    let digit = |power: u32| b'0' + (lsoa / power % 10) as u8;
    [b'E', b'0', b'1', digit(100_000), digit(10_000), digit(1000), digit(100), digit(10), digit(1)]
}

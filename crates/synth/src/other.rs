//! Another place of care: who is helped at home or lives in a care home, as a council's social care file tells it.
//!
//! The file comes with its declaration, so that it joins in without a line of code.

use crate::MistakeCounts;
use crate::draw::{Chance, Purpose, mix};
use crate::illness::Condition;
use crate::mistakes::{Rates, Writer, state};
use crate::numbers::{event_key, local_number, nhs_number};
use crate::population::{Population, Window};
use crate::registrations::truth;
use crate::text::Rows;

/// The declaration of [`HEADER`]'s file, in the form that sources are declared in.
pub(crate) const DECLARATION: &str = include_str!("social-care.toml");
pub(crate) const HEADER: &str = "record_id,council,client_id,nhs_number,date_of_birth,postcode,gender,event_date,service,primary_support_reason,hours_a_week\n";
pub(crate) const TRUTH_HEADER: &str = "record_id,person,group\n";
/// Councils share out the places of hospitals, two to one.
const COUNCILS: u16 = 900;

/// Writes the social care events of one person in the window.
pub(crate) fn write(
    population: &Population,
    serial: u32,
    (window, month): (Window, u32),
    (seed, rates, chance): (u64, &Rates, &Chance),
    (rows, truths): (&mut Rows, &mut Rows),
    counts: &mut MistakeCounts,
) -> u64 {
    let person = &population.people[serial as usize];
    let days = Window { first: window.first.max(person.birth), last: window.last.min(person.death) };
    let age = person.age(window.last);
    if days.first > days.last || age < 18 {
        return 0;
    }
    let frail = person.illness.has(Condition::Dementia);
    let yearly = match (age, frail) {
        (80.., true) => 1.6,
        (80.., false) => 0.45,
        (65..80, _) => 0.12,
        _ => 0.012,
    };
    let mut draw = chance.stream(Purpose::SocialCare, month, serial);
    let events = draw.poisson(yearly * days.years()).min(31);
    let council = population.places.hospital(person.home) / 2;
    for nth in 0..events {
        let key = event_key(serial, month, nth);
        let relative = nhs_number(seed, population.relative(serial, &mut draw));
        let truth = truth(population, person, nhs_number(seed, serial), relative);
        let factor = person.ethnicity.mistake_factor(population.places.deprivation(person.home));
        counts.expect(rates, factor);
        let stated = state(&truth, rates, factor, Writer::Hospital, counts, &mut draw);
        rows.number(key).number(COUNCILS + council);
        rows.number(local_number(u64::from(council) | 1 << 40, serial));
        match stated.number {
            Some(number) => rows.number(number),
            None => rows.empty(),
        };
        rows.day(stated.birth).field(stated.postcode.as_bytes()).field(&[stated.gender]);
        rows.day(draw.between(days.first, days.last));
        let service = if frail {
            draw.pick(&["residential", "nursing"])
        } else {
            draw.pick(&["home-care", "equipment", "day-care"])
        };
        rows.text(service).text(if frail { "memory" } else { "physical" });
        rows.number(1 + mix(key) % 28).end();
        truths.number(key).number(serial + 1).text(person.ethnicity.label()).end();
    }
    u64::from(events)
}

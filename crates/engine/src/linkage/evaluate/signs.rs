//! What cannot be true of one person, as signs that a link is false.
//!
//! The stays of each person, and what practices say of them -> records that bear a sign. Invariant: a sign depends on the
//! person's records alone, not on their order.

use super::happened::Birth;
use super::readmissions::Stay;
use crate::report::linkage::{Rate, Sign, SignKind, SignTruth};
use caredata_model::PersonId;
use std::collections::BTreeSet;

/// Deliveries closer than this are not two pregnancies: 24 weeks.
const DAYS_BETWEEN_DELIVERIES: i32 = 168;
/// How much later than a practice's date of death an admission may be, as in the published linkage of deaths, which lets the
/// last activity be three days after.
const DAYS_AFTER_DEATH: i32 = 3;
/// How long two stays at two hospitals may overlap: a transfer's day.
const DAYS_OF_TRANSFER: i32 = 1;
/// Who is born may be a year old when the record is made, and no older.
const DAYS_OF_A_NEWBORN: i32 = 366;
/// The ages at which people give birth.
const AGES_OF_MOTHERS: std::ops::RangeInclusive<i32> = 10..=60;

/// What practices say of one person: of several registrations, what speaks least for a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// Whether all registrations that state it say male.
    pub(super) male: bool,
    /// The first and the last day of birth that are stated.
    pub(super) born: Option<(i32, i32)>,
    /// The earliest day of death.
    pub(super) died: Option<i32>,
}

/// Records that bear a sign, each with the sign, sorted, each pair once.
pub(super) fn of_person(stays: &[Stay], facts: Option<&Facts>) -> Vec<(SignKind, u32)> {
    let mut stays: Vec<&Stay> = stays.iter().collect();
    stays.sort_unstable_by_key(|stay| (stay.from, stay.to, stay.key));
    let mut found = Vec::new();
    at_two_places(&stays, &mut found);
    after_death(&stays, facts, &mut found);
    deliveries(&stays, facts, &mut found);
    births(&stays, facts, &mut found);
    found.sort_unstable();
    found.dedup();
    found
}

/// Each stay against the longest before it at another provider.
fn at_two_places(stays: &[&Stay], found: &mut Vec<(SignKind, u32)>) {
    // The stay that ends last so far, and the one that ends last at any other provider.
    let (mut last, mut other): (Option<&Stay>, Option<&Stay>) = (None, None);
    for &stay in stays {
        let elsewhere = [last, other].into_iter().flatten().find(|before| before.provider != stay.provider);
        if let Some(before) = elsewhere.filter(|before| before.to.min(stay.to) - stay.from > DAYS_OF_TRANSFER) {
            found.extend([before, stay].map(|stay| (SignKind::TwoPlaces, stay.record)));
        }
        let is_longer = |than: Option<&Stay>| than.is_none_or(|than| stay.to > than.to);
        if last.is_some_and(|longest| longest.provider == stay.provider) {
            if is_longer(last) {
                last = Some(stay);
            }
        } else if is_longer(last) {
            (last, other) = (Some(stay), last);
        } else if is_longer(other) {
            other = Some(stay);
        }
    }
}

fn after_death(stays: &[&Stay], facts: Option<&Facts>, found: &mut Vec<(SignKind, u32)>) {
    let in_hospital = stays.iter().filter(|stay| stay.died).map(|stay| stay.to).min();
    let by_practice = facts.and_then(|facts| facts.died).map(|day| day + DAYS_AFTER_DEATH);
    let Some(last) = in_hospital.into_iter().chain(by_practice).min() else { return };
    let after = stays.iter().filter(|stay| stay.from > last);
    found.extend(after.map(|stay| (SignKind::AfterDeath, stay.record)));
}

fn deliveries(stays: &[&Stay], facts: Option<&Facts>, found: &mut Vec<(SignKind, u32)>) {
    let all = events(stays, Birth::Delivery);
    for pair in all.windows(2) {
        if pair[1].from - pair[0].from < DAYS_BETWEEN_DELIVERIES {
            found.extend(pair.iter().map(|event| (SignKind::DeliveriesTooClose, event.record)));
        }
    }
    let Some(facts) = facts else { return };
    for event in &all {
        if facts.male {
            found.push((SignKind::DeliveryByMale, event.record));
        }
        let ages = facts.born.map(|(first, last)| (years(event.from - first), years(event.from - last)));
        if ages.is_some_and(|(oldest, youngest)| oldest < *AGES_OF_MOTHERS.start() || youngest > *AGES_OF_MOTHERS.end())
        {
            found.push((SignKind::DeliveryAtThatAge, event.record));
        }
    }
}

fn births(stays: &[&Stay], facts: Option<&Facts>, found: &mut Vec<(SignKind, u32)>) {
    let all = events(stays, Birth::Born);
    if all.len() > 1 {
        found.extend(all.iter().map(|event| (SignKind::BornTwice, event.record)));
    }
    if let Some((_, last)) = facts.and_then(|facts| facts.born) {
        let older = all.iter().filter(|event| event.from - last > DAYS_OF_A_NEWBORN);
        found.extend(older.map(|event| (SignKind::BirthOfOlder, event.record)));
    }
}

/// Births of a kind, each once: further episodes, and a stay that begins by the day after the one before, are of the same.
fn events<'a>(stays: &[&'a Stay], kind: Birth) -> Vec<&'a Stay> {
    let mut all: Vec<&Stay> = Vec::new();
    let mut until = i32::MIN;
    for &stay in stays.iter().filter(|stay| stay.birth == kind) {
        if all.is_empty() || stay.from > until.saturating_add(1) {
            all.push(stay);
        }
        until = until.max(stay.to);
    }
    all
}

/// Completed years, of days; near enough for ages that cannot be.
fn years(days: i32) -> i32 {
    (f64::from(days) / 365.2425).floor() as i32
}

/// What the truth says of signs.
pub(super) struct Judges<'a> {
    /// Whether a record of admitted patient care is a false link.
    pub(super) is_false: &'a dyn Fn(u32) -> bool,
    /// Whether a person holds records or registrations of two true persons.
    pub(super) is_mixed: &'a dyn Fn(PersonId, &[Stay]) -> bool,
}

/// Signs over all persons. `stays` are sorted by person; `facts` gives what practices say of one.
pub(super) fn signs<'a>(
    stays: &[Stay],
    facts: impl Fn(PersonId) -> Option<&'a Facts>,
    judges: Option<&Judges<'_>>,
) -> (Vec<Sign>, SignTruth) {
    let mut counts = [Counts::default(); SignKind::ALL.len()];
    let mut any = Counts::default();
    let mut false_links = 0;
    for of_one in stays.chunk_by(|one, next| one.person == next.person) {
        let wrong =
            judges.map_or(0, |judges| of_one.iter().filter(|stay| (judges.is_false)(stay.record)).count() as u64);
        false_links += wrong;
        let person = of_one[0].person;
        let found = of_person(of_one, facts(person));
        if found.is_empty() {
            continue;
        }
        let mixed = judges.is_some_and(|judges| (judges.is_mixed)(person, of_one));
        for (count, kind) in counts.iter_mut().zip(SignKind::ALL) {
            count.add(found.iter().filter(|&&(other, _)| other == kind).count() as u64, mixed, wrong);
        }
        let records: BTreeSet<u32> = found.iter().map(|&(_, record)| record).collect();
        any.add(records.len() as u64, mixed, wrong);
    }
    let said = |count: &Counts| SignTruth {
        records: count.records,
        explained: judges.map(|_| Rate::of(count.explained, count.records)),
        found: judges.map(|_| Rate::of(count.wrong, false_links)),
    };
    let signs = SignKind::ALL.into_iter().zip(&counts);
    (signs.map(|(kind, count)| Sign { kind, persons: count.persons, records: said(count) }).collect(), said(&any))
}

#[derive(Clone, Copy, Default)]
struct Counts {
    persons: u64,
    records: u64,
    explained: u64,
    wrong: u64,
}

impl Counts {
    fn add(&mut self, records: u64, mixed: bool, wrong: u64) {
        if records > 0 {
            self.persons += 1;
            self.records += records;
            self.explained += if mixed { records } else { 0 };
            self.wrong += wrong;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SignKind::{
        AfterDeath, BirthOfOlder, BornTwice, DeliveriesTooClose, DeliveryAtThatAge, DeliveryByMale, TwoPlaces,
    };

    fn stay(record: u32, provider: u32, from: i32, to: i32) -> Stay {
        Stay {
            person: PersonId::from_bits(1),
            key: i64::from(record),
            record,
            provider,
            from,
            to,
            closed: true,
            emergency: false,
            died: false,
            birth: Birth::None,
        }
    }

    fn birth(record: u32, birth: Birth, from: i32) -> Stay {
        Stay { birth, ..stay(record, 1, from, from + 2) }
    }

    const WOMAN: Facts = Facts { male: false, born: Some((-5_000, -5_000)), died: None };

    #[test]
    fn nobody_is_at_two_hospitals_beyond_a_day_of_transfer() {
        let long = stay(1, 7, 100, 110);
        assert_eq!(of_person(&[long, stay(2, 8, 109, 112)], None), [], "one day of overlap is a transfer");
        assert_eq!(of_person(&[long, stay(2, 8, 108, 112)], None), [(TwoPlaces, 1), (TwoPlaces, 2)]);
        assert_eq!(of_person(&[stay(2, 8, 108, 112), long], None), [(TwoPlaces, 1), (TwoPlaces, 2)], "in any order");
        assert_eq!(of_person(&[long, stay(2, 7, 104, 112)], None), [], "one hospital");
        assert_eq!(of_person(&[long, stay(2, 8, 104, 104)], None), [], "a day case in between");
        let between = [long, stay(2, 7, 101, 115), stay(3, 8, 102, 103), stay(4, 9, 108, 120)];
        assert_eq!(of_person(&between, None), [(TwoPlaces, 2), (TwoPlaces, 4)], "the longest of the other hospital");
        let behind = [stay(1, 7, 100, 110), stay(2, 8, 109, 130), stay(3, 8, 105, 106), stay(4, 8, 106, 109)];
        assert_eq!(of_person(&behind, None), [(TwoPlaces, 1), (TwoPlaces, 4)]);
    }

    #[test]
    fn nobody_is_admitted_after_death() {
        let last = Stay { died: true, ..stay(1, 7, 100, 110) };
        assert_eq!(of_person(&[last, stay(2, 7, 110, 112)], None), [], "the day itself");
        assert_eq!(of_person(&[last, stay(2, 7, 111, 112)], None), [(AfterDeath, 2)]);
        let dead = Facts { died: Some(100), ..WOMAN };
        assert_eq!(of_person(&[stay(1, 7, 103, 104)], Some(&dead)), [], "a practice's date may be early by three days");
        assert_eq!(of_person(&[stay(1, 7, 104, 104)], Some(&dead)), [(AfterDeath, 1)]);
    }

    #[test]
    fn two_deliveries_are_24_weeks_apart() {
        let pair = |days| [birth(1, Birth::Delivery, 1_000), birth(2, Birth::Delivery, 1_000 + days)];
        assert_eq!(of_person(&pair(168), Some(&WOMAN)), []);
        assert_eq!(of_person(&pair(167), Some(&WOMAN)), [(DeliveriesTooClose, 1), (DeliveriesTooClose, 2)]);
        assert_eq!(of_person(&pair(3), Some(&WOMAN)), [], "a transfer the day after is the same delivery");
        assert_eq!(of_person(&pair(0), Some(&WOMAN)), [], "a second episode");
    }

    #[test]
    fn men_infants_and_the_old_do_not_give_birth() {
        let delivery = [birth(1, Birth::Delivery, 1_000)];
        let man = Facts { male: true, ..WOMAN };
        assert_eq!(of_person(&delivery, Some(&man)), [(DeliveryByMale, 1)]);
        let infant = Facts { born: Some((900, 900)), ..WOMAN };
        assert_eq!(of_person(&delivery, Some(&infant)), [(DeliveryAtThatAge, 1)]);
        let old = Facts { born: Some((-25_000, -25_000)), ..WOMAN };
        assert_eq!(of_person(&delivery, Some(&old)), [(DeliveryAtThatAge, 1)]);
        let doubtful = Facts { born: Some((-5_000, 900)), ..WOMAN };
        assert_eq!(of_person(&delivery, Some(&doubtful)), [], "one registration says that it can be");
        assert_eq!(of_person(&delivery, None), []);
    }

    #[test]
    fn people_are_born_once_and_at_birth() {
        let newborn = Facts { born: Some((1_000, 1_000)), ..WOMAN };
        let born = birth(1, Birth::Born, 1_000);
        assert_eq!(of_person(&[born], Some(&newborn)), []);
        assert_eq!(of_person(&[born, birth(2, Birth::Born, 1_001)], Some(&newborn)), [], "moved to another ward");
        assert_eq!(of_person(&[born, birth(2, Birth::Born, 1_010)], Some(&newborn)), [(BornTwice, 1), (BornTwice, 2)]);
        assert_eq!(of_person(&[born], Some(&WOMAN)), [(BirthOfOlder, 1)]);
    }

    #[test]
    fn signs_are_counted_by_person_and_held_against_the_truth() {
        let other = PersonId::from_bits(2);
        let stays = [
            stay(1, 7, 100, 110),
            stay(2, 8, 100, 110),
            stay(3, 9, 100, 110),
            Stay { person: other, ..stay(4, 7, 100, 110) },
            Stay { person: other, ..stay(5, 8, 105, 110) },
            Stay { person: PersonId::from_bits(3), ..stay(6, 7, 100, 110) },
        ];
        let judges = Judges { is_false: &|record| [2, 6].contains(&record), is_mixed: &|person, _| person != other };
        let (signs, any) = signs(&stays, |_| None, Some(&judges));
        let two_places = signs.iter().find(|sign| sign.kind == TwoPlaces).expect("all kinds are listed");
        assert_eq!((two_places.persons, two_places.records.records), (2, 5));
        assert_eq!(two_places.records.explained, Some(Rate::of(3, 5)));
        assert_eq!(two_places.records.found, Some(Rate::of(1, 2)), "the other false link bears no sign");
        assert_eq!(any, two_places.records);
        assert!(signs.iter().filter(|sign| sign.kind != TwoPlaces).all(|sign| sign.persons == 0));
    }
}

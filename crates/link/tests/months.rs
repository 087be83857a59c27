//! Month after month: what an earlier month could not know is mended when it comes to light, ids persist, and months one by
//! one end where one run over all of them does.

mod common;

use caredata_link::{Answer, Decisions, Index, Linkage, Reason, Record, Settings, Status, link, link_obeying};
use caredata_model::{Gender, Identifiers, PersonId, RecordKey};
use common::{Dice, Person, identifiers, number, person_id, population, postcode, record};
use std::collections::HashMap;

/// A crowd to learn from, whose registrations and events come in two halves.
struct Months {
    registrations: Vec<Record>,
    events: [Vec<Record>; 2],
    index: Index,
}

impl Months {
    fn new() -> Self {
        let (registrations, mut events, _) = population(3000, 4000, 5);
        let later = events.split_off(2000);
        Self { registrations, events: [events, later], index: Index::new() }
    }

    /// Runs a month with these records beside the crowd's.
    fn run(&mut self, month: usize, registered: &[Identifiers], seen: &[Record]) -> Linkage {
        let [gp, hospital] = [10, 11].map(|part| 10 * month as u32 + part);
        let own = registered.iter().zip(900..).map(|(&identifiers, key)| record(key, identifiers, 7, gp));
        let mut registrations: Vec<Record> = own.chain(self.registrations.iter().copied()).collect();
        let mut events: Vec<Record> = seen.iter().chain(&self.events[month]).copied().collect();
        for record in &mut registrations {
            record.contribution = gp;
        }
        for event in &mut events {
            event.contribution = hospital;
        }
        let index = std::mem::take(&mut self.index);
        let linkage = link(&Settings::default(), index, &registrations, &events, &person_id);
        self.index = linkage.clone().into_index(&registrations, &events);
        linkage
    }

    /// Whose a record is now.
    fn person(&self, key: u64) -> PersonId {
        let key = RecordKey::from_bits(key);
        let of_key = self.index.observations().iter().rev().find(|one| one.key == key);
        self.index.resolve(of_key.expect("a record of the index").person)
    }
}

fn adult(n: u64) -> Person {
    let born = (1950 + n as i32 % 40, 1 + n as u32 % 12, 1 + n as u32 % 28);
    Person { nhs: number(4_000_000 + n), born, postcode: postcode("LS6 3QS"), sex: Gender::Female }
}

fn seen(key: u64, identifiers: Identifiers, local_id: u64) -> Record {
    Record { local_id, ..record(key, identifiers, 101, 0) }
}

#[test]
fn who_was_born_in_hospital_keeps_the_id_when_a_practice_registers_them() {
    let mut months = Months::new();
    let child = adult(1);
    months.run(0, &[], &[seen(50, child.identifiers(), 9)]);
    let born = months.person(50);
    let linkage = months.run(1, &[child.identifiers()], &[seen(51, child.identifiers(), 9)]);
    assert_eq!(linkage.registrations[0].person, born);
    assert_eq!(linkage.registrations[0].status, Status::Linked, "the person was known");
    assert_eq!((linkage.events[0].person, months.person(50)), (born, born));
}

#[test]
fn a_corrected_identifier_finds_earlier_records() {
    let mut months = Months::new();
    let truly = adult(2);
    // The practice has neither the number nor the right date, the hospital has both.
    let wrongly = identifiers(0, (1931, 2, 3), Some(truly.postcode), truly.sex);
    let linkage = months.run(0, &[wrongly], &[seen(50, truly.identifiers(), 9)]);
    let (practice, hospital) = (linkage.registrations[0].person, months.person(50));
    assert_ne!(practice, hospital);
    months.run(1, &[truly.identifiers()], &[]);
    assert_eq!(months.person(50), practice, "found once the practice corrected its record");
    assert_eq!(months.index.resolve(hospital), practice, "the id once given still leads there");
    assert!(months.index.merges().iter().any(|merge| merge.reason == Reason::JudgedAgain && merge.from == hospital));
}

#[test]
fn a_record_leaves_its_person_for_whom_it_fits_better_and_returns_when_that_month_is_taken_back() {
    let mut months = Months::new();
    let (one, other) = (adult(3), Person { nhs: number(5_000_000), ..adult(3) });
    // A twin's record without a number, when the sister's is the only other one.
    let unnumbered = identifiers(0, other.born, Some(other.postcode), other.sex);
    months.run(0, &[], &[seen(50, one.identifiers(), 8), seen(52, unnumbered, 9)]);
    let together = months.person(50);
    assert_eq!(months.person(52), together, "date of birth, postcode and gender, and no number against it");
    // The twin's practice comes to have her, and it is she whom the hospital knows under that id.
    months.run(1, &[other.identifiers()], &[seen(51, other.identifiers(), 9)]);
    assert_eq!(months.person(50), together, "two numbers are two people");
    let now = months.person(52);
    let split = months.index.splits().iter().find(|split| split.record == Some(RecordKey::from_bits(52)));
    let split = split.expect("who leaves a person leaves a line");
    assert_eq!((split.from, split.into, split.reason), (together, now, Reason::JudgedAgain));
    assert_ne!(now, together);
    let hospital = 10 + 11;
    months.index.remove_contribution(hospital);
    months.index.remove_contribution(hospital - 1);
    assert_eq!(months.person(52), together, "as it was before that month");
    assert!(months.index.splits().is_empty() && months.index.merges().is_empty());
}

#[test]
fn a_doubtful_link_goes_to_whom_the_next_month_shows() {
    let mut months = Months::new();
    let (mother, daughter) = (adult(4), Person { nhs: number(5_000_001), born: (2013, 9, 2), ..adult(4) });
    // The daughter's admission under the mother's number, while only the mother is registered.
    let newborn = identifiers(mother.nhs, daughter.born, Some(daughter.postcode), daughter.sex);
    let first = months.run(0, &[mother.identifiers()], &[seen(50, newborn, 9)]);
    assert_ne!(months.person(50), first.registrations[0].person, "a newborn is not the mother");
    let was = months.person(50);
    let second = months.run(1, &[mother.identifiers(), daughter.identifiers()], &[]);
    assert_eq!(months.person(50), second.registrations[1].person, "the daughter is registered now");
    assert_eq!(months.index.resolve(was), months.person(50));
    assert_ne!(second.registrations[0].person, second.registrations[1].person);
}

#[test]
fn a_month_run_again_changes_nothing() {
    let mut months = Months::new();
    let (child, truly) = (adult(5), adult(6));
    let wrongly = identifiers(0, (1931, 2, 3), Some(truly.postcode), truly.sex);
    months.run(0, &[wrongly], &[seen(50, child.identifiers(), 1), seen(51, truly.identifiers(), 2)]);
    let (registered, records) = ([truly.identifiers(), child.identifiers()], [seen(52, child.identifiers(), 1)]);
    let once = months.run(1, &registered, &records);
    let persons: Vec<PersonId> = [50, 51, 52, 900, 901].map(|key| months.person(key)).to_vec();
    let changes = [months.index.merges().to_vec(), months.index.splits().to_vec(), months.index.doubts().to_vec()];
    let twice = months.run(1, &registered, &records);
    assert!(once.registrations == twice.registrations && once.events == twice.events);
    assert_eq!([50, 51, 52, 900, 901].map(|key| months.person(key)).to_vec(), persons);
    assert_eq!(
        [months.index.merges(), months.index.splits(), months.index.doubts()],
        changes.each_ref().map(Vec::as_slice)
    );
}

#[test]
fn an_index_stored_and_read_is_the_same() {
    let mut months = Months::new();
    let truly = adult(7);
    let wrongly = identifiers(0, (1931, 2, 3), Some(truly.postcode), truly.sex);
    months.run(0, &[wrongly], &[seen(50, truly.identifiers(), 2)]);
    let stored = months.index.observations().to_vec();
    months.run(1, &[truly.identifiers()], &[]);
    // What a store has: each observation as it was when its month was linked, and all changes.
    let stored =
        stored.into_iter().chain(months.index.observations().iter().filter(|one| one.contribution >= 20).copied());
    let [merges, splits, doubts] =
        [months.index.merges(), months.index.splits(), months.index.doubts()].map(<[_]>::to_vec);
    let read = Index::from_parts(stored.collect(), merges, splits, doubts);
    let of = |index: &Index| -> HashMap<(RecordKey, u32), PersonId> {
        index.observations().iter().map(|one| ((one.key, one.contribution), index.resolve(one.person))).collect()
    };
    assert_eq!(of(&read), of(&months.index));
}

#[test]
fn an_id_that_was_merged_away_is_never_given_again() {
    // Two practices have one person; a patient id then goes to somebody else in the month in which the two are joined.
    for turn in 0..8 {
        let mut months = Months::new();
        let (one, other) = (adult(20 + turn), adult(40 + turn));
        let wrongly = identifiers(0, (1931, 2, 3), Some(one.postcode), one.sex);
        months.run(0, &[wrongly, one.identifiers()], &[]);
        months.run(1, &[one.identifiers(), other.identifiers()], &[seen(50, other.identifiers(), 3)]);
        let linkage = months.run(1, &[one.identifiers(), other.identifiers()], &[seen(50, other.identifiers(), 3)]);
        let [first, second] = [0, 1].map(|at| months.index.resolve(linkage.registrations[at].person));
        assert_ne!(first, second, "two people");
        assert_eq!(months.person(50), second);
        assert!(
            months
                .index
                .merges()
                .iter()
                .all(|merge| linkage.registrations.iter().all(|link| link.person != merge.from))
        );
    }
}

#[test]
fn a_patient_id_given_to_somebody_else_parts_the_two_even_after_a_blank_month() {
    let mut months = Months::new();
    let (one, other) = (adult(8), Person { postcode: postcode("YO10 3DD"), ..adult(19) });
    let known = one.identifiers();
    let first = months.run(0, &[one.identifiers()], &[]).registrations[0].person;
    months.run(1, &[Identifiers::new(known.nhs_digits(), None, known.postcode(), known.gender())], &[]);
    let third = months.run(1, &[other.identifiers()], &[]).registrations[0].person;
    assert_ne!(first, third);
}

#[test]
fn twins_joined_for_want_of_a_number_part_when_it_comes() {
    let mut months = Months::new();
    let (one, twin) = (adult(9), Person { nhs: number(5_000_002), ..adult(9) });
    let unnumbered = identifiers(0, one.born, Some(one.postcode), one.sex);
    // Registered at two practices.
    let at_two = |months: &mut Months, month: usize, first: Identifiers| {
        let gp = 10 * month as u32 + 10;
        let elsewhere = Record { provider: 8, ..record(990, twin.identifiers(), 8, gp) };
        months.registrations.retain(|one| one.key != elsewhere.key);
        months.registrations.push(elsewhere);
        months.run(month, &[first], &[]);
        [900, 990].map(|key| months.person(key))
    };
    let [first, second] = at_two(&mut months, 0, unnumbered);
    assert_eq!(first, second, "nothing tells them apart");
    let [first, second] = at_two(&mut months, 1, one.identifiers());
    assert_ne!(first, second, "two valid numbers");
    assert!(months.index.splits().iter().any(
        |split| split.record == Some(RecordKey::from_bits(900)) || split.record == Some(RecordKey::from_bits(990))
    ));
}

#[test]
fn a_record_delivered_again_leaves_its_person_with_a_line() {
    let mut months = Months::new();
    let person = adult(10);
    months.run(0, &[], &[seen(50, person.identifiers(), 4)]);
    let was = months.person(50);
    let linkage = months.run(1, &[person.identifiers()], &[seen(50, person.identifiers(), 4)]);
    assert_eq!(linkage.registrations[0].person, linkage.events[0].person);
    assert_eq!(months.index.resolve(was), months.person(50), "the id once given leads to the person");
}

#[test]
fn two_registrations_decided_to_be_two_stay_two_from_month_to_month() {
    for turn in 0..8 {
        let (born, place) = (adult(60 + turn).born, postcode("LS6 3QS"));
        let both = identifiers(number(4_100_000 + turn), born, Some(place), Gender::Female);
        let registered = [record(1000 + turn, both, 7, 1), record(2000 + turn, both, 8, 1)];
        let pair = [registered[0].key, registered[1].key];
        let apart = Decisions::new([(pair[0], pair[1], Answer::Different)]).expect("no contradiction");
        let mut index =
            link(&Settings::default(), Index::new(), &registered, &[], &person_id).into_index(&registered, &[]);
        let mut before = None;
        for month in 2..5 {
            let registered = registered.map(|one| Record { contribution: month, ..one });
            let linkage = link_obeying(&apart, &Settings::default(), index, &registered, &[], &person_id);
            let persons = [0, 1].map(|at| linkage.registrations[at].person);
            assert_ne!(persons[0], persons[1]);
            index = linkage.into_index(&registered, &[]);
            assert_eq!(persons.map(|person| index.resolve(person)), persons, "no merge takes it back");
            assert!(before.is_none_or(|before| before == persons), "ids persist");
            before = Some(persons);
        }
    }
}

/// Pairs of events, next to each other in the truth, that are one person's in one partition and two in the other.
fn differences(events: &[Record], one: &HashMap<RecordKey, PersonId>, other: &HashMap<RecordKey, PersonId>) -> usize {
    let partner = |of: &HashMap<RecordKey, PersonId>| {
        let mut first: HashMap<PersonId, RecordKey> = HashMap::new();
        events
            .iter()
            .map(|event| (event.key, *first.entry(of[&event.key]).or_insert(event.key)))
            .collect::<HashMap<_, _>>()
    };
    let (one, other) = (partner(one), partner(other));
    events.iter().filter(|event| one[&event.key] != other[&event.key]).count()
}

#[test]
fn months_one_by_one_end_where_one_run_over_all_does_and_no_order_or_thread_changes_that() {
    let months = 4;
    let (registrations, events, _) = population(4000, 8000, 11);
    // A tenth registers late; events come in the order given.
    let late = |at: usize| if at.is_multiple_of(10) { Dice(at as u64).below(months) } else { 0 };
    let monthly = |turned: bool, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let mut index = Index::new();
            for month in 0..months {
                let known = registrations.iter().enumerate().filter(|(at, _)| late(*at) <= month);
                let mut registrations: Vec<Record> =
                    known.map(|(_, one)| Record { contribution: 2 * month as u32, ..*one }).collect();
                let a_month = events.len() / months as usize;
                let own = events.iter().skip(month as usize * a_month).take(a_month);
                let mut events: Vec<Record> =
                    own.map(|one| Record { contribution: 2 * month as u32 + 1, ..*one }).collect();
                if turned {
                    registrations.reverse();
                    events.reverse();
                }
                let linkage = link(&Settings::default(), index, &registrations, &events, &person_id);
                index = linkage.into_index(&registrations, &events);
            }
            let persons: HashMap<RecordKey, PersonId> =
                index.observations().iter().map(|one| (one.key, index.resolve(one.person))).collect();
            persons
        })
    };
    let persons = monthly(false, 1);
    assert_eq!(persons, monthly(true, 3));
    let together = link(&Settings::default(), Index::new(), &registrations, &events, &person_id);
    let together: HashMap<RecordKey, PersonId> =
        events.iter().zip(&together.events).map(|(event, link)| (event.key, link.person)).collect();
    let different = differences(&events, &persons, &together);
    assert!(different * 250 < events.len(), "{different} of {} events are elsewhere", events.len());
}

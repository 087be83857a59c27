//! What must hold whatever the records are: their order, the number of threads and a repetition change nothing.

mod common;

use caredata_link::{Index, Linkage, Method, Record, Settings, Status};
use caredata_model::{PersonId, RecordKey};
use common::{Dice, person_id, population};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn persons(records: &[Record], links: &[caredata_link::Link]) -> BTreeMap<RecordKey, (PersonId, Status)> {
    records.iter().zip(links).map(|(record, link)| (record.key, (link.person, link.status))).collect()
}

fn all_persons(
    registrations: &[Record],
    events: &[Record],
    linkage: &Linkage,
) -> BTreeMap<RecordKey, (PersonId, Status)> {
    let mut all = persons(registrations, &linkage.registrations);
    all.extend(persons(events, &linkage.events));
    all
}

fn shuffled(records: &[Record], seed: u64) -> Vec<Record> {
    let (mut records, mut dice) = (records.to_vec(), Dice(seed));
    for at in (1..records.len()).rev() {
        records.swap(at, dice.below(at as u64 + 1) as usize);
    }
    records
}

fn settings(method: usize, identifiers_only: bool) -> Settings {
    let method = [Method::Probabilistic, Method::Hesid, Method::MatchRank][method];
    Settings { method, identifiers_only, ..Settings::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_order_of_records_changes_nothing(seed in 0_u64..1000, method in 0_usize..3, only: bool) {
        let settings = settings(method, only);
        let (registrations, events, _) = population(3000, 2000, seed);
        let linkage = common::link(&settings, &registrations, &events);
        let (other_registrations, other_events) = (shuffled(&registrations, seed), shuffled(&events, seed + 1));
        let other = common::link(&settings, &other_registrations, &other_events);
        prop_assert_eq!(
            all_persons(&registrations, &events, &linkage),
            all_persons(&other_registrations, &other_events, &other)
        );
        prop_assert_eq!(linkage.diagnostics.learnt, other.diagnostics.learnt);
    }

    #[test]
    fn the_number_of_threads_changes_nothing(seed in 0_u64..1000, threads in 1_usize..6) {
        let (registrations, events, _) = population(3000, 2000, seed);
        let settings = Settings::default();
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| common::link(&settings, &registrations, &events))
        };
        let (one, several) = (run(1), run(threads + 1));
        prop_assert_eq!(one.registrations, several.registrations);
        prop_assert_eq!(one.events, several.events);
        prop_assert_eq!(one.diagnostics, several.diagnostics);
    }

    #[test]
    fn a_period_run_again_ends_at_the_same_persons(seed in 0_u64..1000, method in 0_usize..3) {
        let settings = settings(method, false);
        let (registrations, events, _) = population(3000, 2000, seed);
        let once = common::link(&settings, &registrations, &events);
        let index = once.clone().into_index(&registrations, &events);
        let observed = index.observations().len();
        let twice = caredata_link::link(&settings, index, &registrations, &events, &person_id);
        prop_assert_eq!(&once.registrations, &twice.registrations);
        prop_assert_eq!(&once.events, &twice.events);
        let index = twice.into_index(&registrations, &events);
        prop_assert_eq!(index.observations().len(), observed);
        prop_assert!(index.merges().is_empty() && index.splits().is_empty());
    }
}

#[test]
fn a_later_contribution_does_not_disturb_the_rerun_of_an_earlier_one() {
    let (registrations, events, _) = population(4000, 4000, 5);
    let settings = Settings::default();
    let (first, second) = months(&events);
    let one = common::link(&settings, &registrations, &first);
    let before = persons(&first, &one.events);
    let two = caredata_link::link(&settings, one.into_index(&registrations, &first), &[], &second, &person_id);
    let again = caredata_link::link(&settings, two.into_index(&[], &second), &[], &first, &person_id);
    let after = persons(&first, &again.events);
    // Later months may settle what was in doubt; of what was linked nothing may change.
    let changed = before.iter().filter(|(key, (person, _))| after[key].0 != *person).count();
    assert!(changed * 1000 <= before.len() * 5, "{changed} of {} changed", before.len());
}

fn months(events: &[Record]) -> (Vec<Record>, Vec<Record>) {
    let (mut first, mut second) = (events[..events.len() / 2].to_vec(), events[events.len() / 2..].to_vec());
    for record in &mut first {
        record.contribution = 10;
    }
    for record in &mut second {
        record.contribution = 11;
    }
    (first, second)
}

#[test]
fn month_by_month_is_one_run_but_for_a_measured_difference() {
    let (registrations, events, _) = population(20_000, 18_000, 9);
    let settings = Settings::default();
    let whole = common::link(&settings, &registrations, &events);
    let (first, second) = months(&events);
    let one = common::link(&settings, &registrations, &first);
    let known: Vec<PersonId> = one.registrations.iter().map(|link| link.person).collect();
    let mut next = registrations.clone();
    for record in &mut next {
        record.contribution = 12;
    }
    let index = one.clone().into_index(&registrations, &first);
    let two = caredata_link::link(&settings, index, &next, &second, &person_id);
    let again: Vec<PersonId> = two.registrations.iter().map(|link| link.person).collect();
    assert_eq!(known, again, "ids persist");
    let monthly = one.events.iter().chain(&two.events);
    let differing = monthly.zip(&whole.events).filter(|(monthly, whole)| monthly.person != whole.person).count();
    // A first month's doubtful record is not taken up again by what the second would have taught: measured at 0.2%.
    assert!(differing * 1000 <= events.len() * 5, "{differing} of {} differ", events.len());
}

#[test]
fn the_index_goes_to_storage_and_back() {
    let (registrations, events, _) = population(2000, 2000, 3);
    let index = common::link(&Settings::default(), &registrations, &events).into_index(&registrations, &events);
    let parts =
        (index.observations().to_vec(), index.merges().to_vec(), index.splits().to_vec(), index.doubts().to_vec());
    let back = Index::from_parts(parts.0, parts.1, parts.2, parts.3);
    assert_eq!(back.observations(), index.observations());
    assert_eq!(back.contributions(), [1, 2]);
    let mut emptied = back;
    emptied.remove_contribution(1);
    emptied.remove_contribution(2);
    assert!(emptied.observations().is_empty());
}

#[test]
fn ids_that_collide_are_drawn_again() {
    let (registrations, events, _) = population(500, 500, 3);
    let few = |key: RecordKey| PersonId::from_bits(key.value() as u64 % 1000);
    let linkage = caredata_link::link(&Settings::default(), Index::new(), &registrations, &events, &few);
    assert!(linkage.diagnostics.id_collisions > 0);
    let mut ids: Vec<PersonId> = linkage.registrations.iter().map(|link| link.person).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), registrations.len());
}

#[test]
fn the_small_population_is_linked_well() {
    let (registrations, events, truth) = population(40_000, 36_000, 1);
    let linkage = common::link(&Settings::default(), &registrations, &events);
    let of_person: BTreeMap<PersonId, usize> =
        linkage.registrations.iter().enumerate().map(|(at, link)| (link.person, at)).collect();
    let registered: Vec<usize> = (0..40_000).filter(|n| n % 40 != 7).collect();
    let (mut missed, mut wrong) = (0, 0);
    for (link, &truth) in linkage.events.iter().zip(&truth) {
        match of_person.get(&link.person) {
            Some(&at) if registered[at] == truth => {}
            Some(_) => wrong += 1,
            None => missed += usize::from(truth % 40 != 7),
        }
    }
    assert!(missed * 1000 <= events.len() * 5, "missed {missed}");
    assert!(wrong * 10_000 <= events.len() * 3, "false {wrong}");
}

#[test]
fn the_order_of_many_records_does_not_matter_either() {
    // So many that what is only sampled of fewer is sampled.
    let (registrations, mut events, _) = population(50_000, 130_000, 21);
    let settings = Settings::default();
    let one = common::link(&settings, &registrations, &events);
    events.rotate_left(1);
    let mut other = common::link(&settings, &registrations, &events);
    other.events.rotate_right(1);
    assert_eq!(one.events, other.events);
    assert_eq!(one.diagnostics, other.diagnostics);
}

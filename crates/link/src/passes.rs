//! The deterministic methods over whole files: each event's best pass or rank, if it leads to one person only.
//!
//! Reference and events -> decisions. Invariant: an event whose best pass or rank leads to two persons is linked to neither and
//! goes to review.

use crate::assign::Decision;
use crate::decisions::Settled;
use crate::frequency::Frequencies;
use crate::index::{Index, Observation};
use crate::key_index::{KeyIndex, NO_KEY, mix};
use crate::keys;
use crate::ranks::{self, HesidRules};
use crate::record::{Record, Settings};
use crate::reference::Reference;
use crate::score::NOBODY;
use caredata_model::{Identifiers, PersonId};
use rayon::prelude::*;

/// The postcodes with most registrations: a public substitute for the list of communal ones that rank 6 ignores.
pub(crate) struct Communal(Vec<u64>);

/// The 1% of postcodes with most registrations; none where all are alike.
pub(crate) fn communal(postcodes: impl Iterator<Item = (u64, u32)>) -> Communal {
    let postcodes: Vec<(u64, u32)> = postcodes.collect();
    let mut sizes: Vec<u32> = postcodes.iter().map(|&(_, count)| count).collect();
    sizes.sort_unstable();
    let least = sizes.get(sizes.len() * 99 / 100).copied().unwrap_or(u32::MAX);
    let mut ignored: Vec<u64> =
        postcodes.into_iter().filter(|&(_, count)| count > least).map(|(postcode, _)| postcode).collect();
    ignored.sort_unstable();
    Communal(ignored)
}

impl Communal {
    pub(crate) fn contains(&self, postcode: u64) -> bool {
        self.0.binary_search(&postcode).is_ok()
    }
}

/// The best rank among candidates, and the person if the rank leads to one only.
#[derive(Clone, Copy, Default)]
struct Best<'a> {
    rank: Option<u8>,
    person: Option<u32>,
    /// Persons that a decision rules out.
    forbidden: &'a [u32],
}

impl<'a> Best<'a> {
    fn not_of(settled: &'a Settled, event: &Record) -> Self {
        let forbidden = settled.forbidden.get(&event.key).map_or(&[][..], Vec::as_slice);
        Self { rank: None, person: None, forbidden }
    }

    fn offer(&mut self, rank: Option<u8>, person: u32) {
        let Some(rank) = rank.filter(|_| !self.forbidden.contains(&person)) else { return };
        match self.rank {
            Some(best) if best < rank => {}
            Some(best) if best == rank => {
                if self.person != Some(person) {
                    self.person = None;
                }
            }
            Some(_) | None => *self = Self { rank: Some(rank), person: Some(person), ..*self },
        }
    }

    fn decision(self) -> Decision {
        Decision {
            person: self.person.unwrap_or(NOBODY),
            candidate: self.person.unwrap_or(NOBODY),
            review: self.rank.is_some() && self.person.is_none(),
            match_rank: self.rank.filter(|_| self.person.is_some()),
            weight_bits: None,
            probability: None,
            known: None,
        }
    }
}

/// Each event's person by match rank.
pub(crate) fn match_ranks(reference: &Reference<'_>, events: &[Record], settled: &Settled) -> Vec<Decision> {
    let ignored = communal(Frequencies::count(reference, events).postcodes());
    events
        .par_iter()
        .map(|event| {
            let of = event.identifiers;
            let mut best = Best::not_of(settled, event);
            let by_number = reference.by_nhs.find(keys::nhs(of));
            for row in by_number.chain(reference.by_birth_postcode.find(keys::birth_postcode(of))) {
                let rank =
                    ranks::match_rank(reference.numbers, of, reference.rows[row as usize], |at| ignored.contains(at));
                best.offer(rank, reference.person_of_row[row as usize]);
            }
            best.decision()
        })
        .collect()
}

fn birth_and_hesid_postcode(of: Identifiers) -> u64 {
    let (birth, postcode) = (of.birth_packed(), ranks::hesid_postcode(of));
    if birth == 0 || postcode == 0 { NO_KEY } else { mix(12, u64::from(birth), postcode) }
}

/// Each event's person by the three HESID passes. Records linked in pass 1, and those of the index, lend their patient ids to
/// pass 2.
pub(crate) fn hesid(
    settings: &Settings,
    index: &Index,
    reference: &Reference<'_>,
    events: &[Record],
    settled: &Settled,
) -> Vec<Decision> {
    let days = events.iter().chain(reference.registrations).map(|record| record.day);
    let Some(last) = days.max() else { return Vec::new() };
    let rules = HesidRules { last, numbers: settings.numbers, identifiers_only: settings.identifiers_only };
    let as_record = |row: u32| reference.record(row);
    let first: Vec<Best<'_>> = events
        .par_iter()
        .map(|event| {
            let mut best = Best::not_of(settled, event);
            for row in reference.by_nhs.find(keys::nhs(event.identifiers)) {
                let pass = ranks::hesid_pass(rules, event, &as_record(row)).filter(|&pass| pass == 1);
                best.offer(pass, reference.person_of_row[row as usize]);
            }
            best
        })
        .collect();
    let seen = seen_before(index, reference, events, &first);
    let by_place = KeyIndex::build(reference.rows.len(), |row| birth_and_hesid_postcode(reference.rows[row]));
    let by_seen = KeyIndex::build(seen.len(), |at| birth_and_hesid_postcode(seen[at].0.identifiers));
    events
        .par_iter()
        .zip(first)
        .map(|(event, mut best)| {
            if best.rank.is_none() {
                let key = birth_and_hesid_postcode(event.identifiers);
                for row in by_place.find(key) {
                    let pass = later_pass(rules, event, &as_record(row));
                    best.offer(pass, reference.person_of_row[row as usize]);
                }
                for at in by_seen.find(key) {
                    let (record, person) = &seen[at as usize];
                    best.offer(later_pass(rules, event, record), *person);
                }
            }
            best.decision()
        })
        .collect()
}

fn later_pass(rules: HesidRules, a: &Record, b: &Record) -> Option<u8> {
    ranks::hesid_pass(rules, a, b).filter(|&pass| pass > 1)
}

/// Events whose person is settled: those linked in pass 1, and the index's.
fn seen_before(index: &Index, reference: &Reference<'_>, events: &[Record], first: &[Best<'_>]) -> Vec<(Record, u32)> {
    let linked = events.par_iter().zip(first).filter(|(event, _)| event.local_id != 0);
    let mut seen: Vec<(Record, u32)> =
        linked.filter_map(|(event, best)| best.person.map(|person| (*event, person))).collect();
    let persons = reference.persons_by_id();
    let person_of = |id: PersonId| persons.binary_search_by_key(&id, |&(known, _)| known).ok().map(|at| persons[at].1);
    let with_id = index.observations().par_iter().filter(|observation| observation.local_id != 0);
    seen.par_extend(with_id.filter_map(|observation: &Observation| {
        person_of(index.resolve(observation.person)).map(|person| (observation.record(), person))
    }));
    seen
}

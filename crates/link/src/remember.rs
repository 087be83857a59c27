//! What linked events teach about persons, for the events that were not linked at once: postcodes they bore, and the patient
//! ids under which providers know them.
//!
//! Linked events and the index -> lookups by person, by patient id and by date of birth with postcode. Invariant: only events
//! linked with near certainty teach, so that no chain of weak links forms.

use crate::Record;
use crate::blocking::{Found, MOST_A_RULE, Rule};
use crate::compare::Event;
use crate::index::Index;
use crate::key_index::{KeyIndex, NO_KEY, mix};
use crate::keys;
use crate::reference::Reference;
use crate::score::{NOBODY, Verdict};
use caredata_model::PersonId;
use rayon::prelude::*;
use std::collections::HashSet;

/// An event teaches if it was linked with at least this probability,
const SURE: f64 = 0.999;

/// What is remembered, with the events it came from.
pub(crate) struct Remembered<'a> {
    events: &'a [Record],
    /// Linked events with a postcode that their person was not known by, and their persons.
    moved: Vec<(u32, u32)>,
    moved_of_person: KeyIndex,
    moved_by_birth_postcode: KeyIndex,
    /// Patient ids that doubtful events bear, and the persons whom sure events or the index show under them.
    local: Vec<(u64, u32)>,
    local_by_key: KeyIndex,
}

/// Whether a first-round verdict is sure enough to stand and to teach.
pub(crate) fn is_sure(verdict: &Verdict) -> bool {
    verdict.person != NOBODY && verdict.probability >= SURE
}

impl<'a> Remembered<'a> {
    pub(crate) fn gather(
        reference: &Reference<'_>,
        index: &Index,
        events: &'a [Record],
        verdicts: &[Verdict],
        use_local_ids: bool,
    ) -> Self {
        let moved: Vec<(u32, u32)> = verdicts
            .par_iter()
            .enumerate()
            .filter(|(_, verdict)| is_sure(verdict))
            .filter(|(_, v)| v.pattern.is_some_and(|p| p.postcode > crate::levels::PostcodeLevel::Earlier))
            .filter(|(at, _)| keys::place(events[*at].identifiers).is_some())
            .map(|(at, verdict)| (at as u32, verdict.person))
            .collect();
        let local = if use_local_ids { local_ids(reference, index, events, verdicts) } else { Vec::new() };
        Self {
            events,
            moved_of_person: KeyIndex::build(moved.len(), |at| mix(10, u64::from(moved[at].1), 0)),
            moved_by_birth_postcode: KeyIndex::build(moved.len(), |at| {
                keys::birth_postcode(events[moved[at].0 as usize].identifiers)
            }),
            moved,
            local_by_key: KeyIndex::build(local.len(), |at| local[at].0),
            local,
        }
    }

    /// Adds the persons that only what is remembered leads to.
    pub(crate) fn find(&self, event: &Event, record: &Record, found: &mut Vec<Found>) {
        let before = found.len();
        if event.has_birth() {
            let moved = self.moved_by_birth_postcode.find(keys::birth_postcode(event.identifiers));
            let persons = moved.take(MOST_A_RULE).map(|at| self.moved[at as usize].1);
            found.extend(persons.map(|person| Found { person, rule: Rule::BirthEarlierPostcode }));
        }
        let local = self.persons_under(keys::local(record.provider, record.local_id));
        found.extend(local.map(|person| Found { person, rule: Rule::LocalId }));
        if found.len() > before {
            found.sort_unstable();
            found.dedup_by_key(|found| found.person);
        }
    }

    fn persons_under(&self, key: u64) -> impl Iterator<Item = u32> + '_ {
        self.local_by_key.find(key).map(|at| self.local[at as usize]).filter(move |l| l.0 == key).map(|l| l.1)
    }

    /// Whether the person is known under the record's patient id.
    pub(crate) fn knows(&self, person: u32, record: &Record) -> bool {
        self.persons_under(keys::local(record.provider, record.local_id)).any(|other| other == person)
    }

    /// The postcodes that linked events of the person bore beside the known ones.
    pub(crate) fn postcodes_of(&self, person: u32, postcodes: &mut Vec<u64>) {
        let moved = self.moved_of_person.find(mix(10, u64::from(person), 0)).map(|at| self.moved[at as usize]);
        let of_person = moved.filter(|&(_, other)| other == person);
        postcodes.extend(of_person.map(|(event, _)| keys::postcode(self.events[event as usize].identifiers)));
    }
}

/// Pairs of patient id (as a key) and person, for those ids that doubtful events bear.
fn local_ids(reference: &Reference<'_>, index: &Index, events: &[Record], verdicts: &[Verdict]) -> Vec<(u64, u32)> {
    let key_of = |record: &Record| keys::local(record.provider, record.local_id);
    let asked: HashSet<u64> = events
        .iter()
        .zip(verdicts)
        .filter(|(_, verdict)| !is_sure(verdict))
        .map(|(event, _)| key_of(event))
        .filter(|&key| key != NO_KEY)
        .collect();
    let mut local: Vec<(u64, u32)> = events
        .par_iter()
        .zip(verdicts)
        .filter(|(event, verdict)| is_sure(verdict) && asked.contains(&key_of(event)))
        .map(|(event, verdict)| (key_of(event), verdict.person))
        .collect();
    if !index.observations().is_empty() {
        let persons = reference.persons_by_id();
        let person_of =
            |id: PersonId| persons.binary_search_by_key(&id, |&(known, _)| known).ok().map(|at| persons[at].1);
        local.par_extend(index.observations().par_iter().filter_map(|observation| {
            let key = keys::local(observation.provider, observation.local_id);
            let of = asked.contains(&key).then(|| person_of(index.resolve(observation.person))).flatten();
            of.map(|person| (key, person))
        }));
    }
    local.par_sort_unstable();
    local.dedup();
    local
}

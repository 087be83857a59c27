//! What the months before bring to a run: events that are judged again, and what sure links of theirs teach.
//!
//! Index and reference -> [`Earlier`]. An event whose link was sure stays as it is and teaches as it did; one of nobody who is
//! registered, one in doubt and one that was decided upon is *open*, and is judged in every run beside the run's own events, so
//! that months one by one come to what one run over all of them would. Invariant: an open event keeps its person unless the
//! evidence now says otherwise, and whoever it leaves keeps the id.

use crate::Record;
use crate::assign::Decision;
use crate::decisions::Decisions;
use crate::index::{Certainty, Index, Kind, Observation};
use crate::index::{Change, Reason};
use crate::key_index::{KeyIndex, mix};
use crate::keys;
use crate::reference::Reference;
use crate::score::NOBODY;
use caredata_model::{Identifiers, PersonId, RecordKey};
use rayon::prelude::*;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

/// An open event stays with the person it was linked to while that is at least this probable.
const STAYS: f32 = 0.5;

/// An event linked to somebody who is registered, of which others learn.
#[derive(Clone, Copy)]
pub(crate) struct Lesson {
    pub(crate) identifiers: Identifiers,
    /// The key of the patient id under which its provider knows the person.
    pub(crate) local: u64,
    /// Its person in the reference.
    pub(crate) person: u32,
    /// Whether its number agrees with the person's, at least nearly.
    pub(crate) numbered: bool,
}

/// Whose an open event is so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Former {
    /// The id of the person.
    pub(crate) id: PersonId,
    /// The person in the reference; [`NOBODY`] where the person is not registered.
    pub(crate) person: u32,
}

/// The persons that events of this run had, before what they brought the last time is taken out of the index.
pub(crate) struct PersonsBefore(Vec<Before>);

/// The person that an event had.
struct Before {
    /// The event's place in the run.
    at: u32,
    key: RecordKey,
    person: PersonId,
    /// Whether only what this run replaces says so.
    replaced: bool,
}

impl PersonsBefore {
    pub(crate) fn of(index: &Index, events: &[Record]) -> Self {
        let observations = index.observations();
        if observations.is_empty() {
            return Self(Vec::new());
        }
        let by_key = KeyIndex::build(events.len(), |at| mix(17, events[at].key.value() as u64, 0));
        let mut persons: Vec<(u32, Reverse<usize>, RecordKey, PersonId)> = observations
            .par_iter()
            .enumerate()
            .filter(|(_, one)| one.kind == Kind::Event)
            .filter_map(|(order, one)| {
                let mut found = by_key.find(mix(17, one.key.value() as u64, 0));
                let at = found.find(|&at| events[at as usize].key == one.key)?;
                Some((at, Reverse(order), one.key, one.person))
            })
            .collect();
        // Of a record that came twice, what was made of it last counts.
        persons.par_sort_unstable();
        persons.dedup_by_key(|&mut (at, ..)| at);
        let before = |(at, Reverse(order), key, person): (u32, Reverse<usize>, RecordKey, PersonId)| {
            let replaced = observations[order].contribution == events[at as usize].contribution;
            Before { at, key, person, replaced }
        };
        Self(persons.into_iter().map(before).collect())
    }
}

/// What the index brings to a run.
#[derive(Default)]
pub(crate) struct Earlier {
    /// Open events, in ascending order of record keys.
    pub(crate) open: Vec<Record>,
    /// Whose events were so far, by place among the run's events and, after them, the open ones; in ascending order.
    pub(crate) former: Vec<(u32, Former)>,
    /// Persons of these that what this run replaces does not alone tell of.
    pub(crate) known: HashSet<PersonId>,
    pub(crate) lessons: Vec<Lesson>,
}

impl Earlier {
    /// Looks through the index's events. One that comes again in this run is the run's.
    pub(crate) fn of(
        index: &Index,
        reference: &Reference<'_>,
        decisions: &Decisions,
        (before, events): (&PersonsBefore, &[Record]),
    ) -> Self {
        let observations = index.observations();
        if observations.is_empty() && before.0.is_empty() {
            return Self::default();
        }
        let decided: HashSet<RecordKey> = decisions.records().collect();
        let persons = reference.persons_by_id();
        let former = |person: PersonId| {
            let id = index.resolve(person);
            let place = persons.binary_search_by_key(&id, |&(known, _)| known);
            Former { id, person: place.map_or(NOBODY, |at| persons[at].1) }
        };
        let again: HashSet<RecordKey> = before.0.iter().map(|one| one.key).collect();
        let seen: Vec<(&Observation, Former)> = observations
            .par_iter()
            .filter(|one| one.kind == Kind::Event && !again.contains(&one.key))
            .map(|one| (one, former(one.person)))
            .collect();
        let is_open = |one: &Observation, former: Former| {
            one.certainty == Certainty::Open || former.person == NOBODY || decided.contains(&one.key)
        };
        let lessons = seen.par_iter().filter(|(one, former)| !is_open(one, *former)).map(|(one, former)| Lesson {
            identifiers: one.identifiers,
            local: keys::local(one.provider, one.local_id),
            person: former.person,
            numbered: one.certainty == Certainty::Numbered,
        });
        let lessons = lessons.collect();
        let mut open: Vec<(RecordKey, Reverse<usize>, &Observation, Former)> = seen
            .par_iter()
            .enumerate()
            .filter(|(_, (one, former))| is_open(one, *former))
            .map(|(at, (one, former))| (one.key, Reverse(at), *one, *former))
            .collect();
        open.par_sort_unstable_by_key(|&(key, at, ..)| (key, at));
        open.dedup_by_key(|&mut (key, ..)| key);
        let mut formers: Vec<(u32, Former)> = before.0.iter().map(|one| (one.at, former(one.person))).collect();
        let known = before.0.iter().filter(|one| !one.replaced).map(|one| index.resolve(one.person));
        let known = known.chain(open.iter().map(|&(.., former)| former.id)).collect();
        formers.extend((events.len() as u32..).zip(&open).map(|(at, &(.., former))| (at, former)));
        Self { open: open.iter().map(|(_, _, one, _)| one.record()).collect(), former: formers, known, lessons }
    }

    /// Of how many of all events the run itself brought.
    pub(crate) fn fresh(&self, events: &[Record]) -> usize {
        events.len() - self.open.len()
    }

    /// Lets an open event stay with a registered person who is its best candidate still, if a little less likely: links do not
    /// flutter from month to month.
    pub(crate) fn stay(&self, decided: &mut [Decision]) {
        for &(at, former) in &self.former {
            let decision = &mut decided[at as usize];
            let likely = decision.probability.is_none_or(|probability| probability >= STAYS);
            if decision.person == NOBODY && former.person != NOBODY && decision.candidate == former.person && likely {
                (decision.person, decision.review) = (former.person, false);
            }
        }
    }

    /// Persons of events alone, all of whose events turned out to be one registered person's: the id and that person, sorted by
    /// person.
    pub(crate) fn found(&self, decided: &[Decision]) -> Vec<(u32, PersonId)> {
        let mut found: HashMap<PersonId, Option<u32>> = HashMap::new();
        for (at, former) in &self.former {
            let decision = &decided[*at as usize];
            if former.person == NOBODY {
                let own = Some(decision.person).filter(|&person| person != NOBODY);
                let all = found.entry(former.id).or_insert(own);
                *all = all.filter(|_| *all == own);
            }
        }
        let mut found: Vec<(u32, PersonId)> =
            found.into_iter().filter_map(|(id, person)| Some((person?, id))).collect();
        found.sort_unstable();
        found
    }

    /// The events that left their persons, by what was decided of all and what their persons' ids are now.
    pub(crate) fn splits(
        &self,
        events: &[Record],
        decided: &[Decision],
        found: &[(u32, PersonId)],
        now: impl Fn(u32) -> PersonId,
        contribution: u32,
    ) -> Vec<Change> {
        let found: HashSet<PersonId> = found.iter().map(|&(_, id)| id).collect();
        let left = self.former.iter().filter(|(at, former)| {
            // Those of a person who became another as a whole went with the person.
            decided[*at as usize].person != former.person && !found.contains(&former.id)
        });
        let split = |&(at, former): &(u32, Former)| Change {
            from: former.id,
            into: now(at),
            reason: Reason::JudgedAgain,
            contribution,
            record: Some(events[at as usize].key),
        };
        let mut splits: Vec<Change> = left.map(split).collect();
        splits.sort_unstable();
        splits
    }

    /// The run's events, and after them the open ones.
    pub(crate) fn with<'a>(&self, events: &'a [Record]) -> Cow<'a, [Record]> {
        if self.open.is_empty() { Cow::Borrowed(events) } else { Cow::Owned([events, &self.open].concat()) }
    }
}

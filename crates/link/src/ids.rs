//! Ids for persons: those that were known keep theirs, new ones get one made of their first record's key.
//!
//! Invariant: two persons never share an id; a caller's function that gives one twice is asked again with the next key.

use crate::Record;
use crate::assign::Decision;
use crate::group;
use crate::key_index::mix;
use crate::record::Status;
use crate::reference::Reference;
use crate::score::NOBODY;
use caredata_model::{PersonId, RecordKey};
use rayon::prelude::*;

/// The ids of a run's persons.
pub(crate) struct Names {
    /// By person of the reference.
    pub(crate) of_person: Vec<PersonId>,
    /// By leftover event: its position, its person and how it came to it; in ascending order of position.
    leftovers: Vec<(u32, PersonId, Status)>,
    pub(crate) persons_of_events: u64,
    pub(crate) collisions: u64,
}

/// A person without an id, by the first of its record keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Nameless {
    first: RecordKey,
    at: u32,
}

impl Names {
    /// Names all persons of the reference and of the events nobody was found for.
    pub(crate) fn give(
        reference: &Reference<'_>,
        events: &[Record],
        decisions: &[Decision],
        use_local_ids: bool,
        person_id: &(dyn Fn(RecordKey) -> PersonId + Sync),
    ) -> Self {
        let mut ids = Ids::default();
        let persons: Vec<Nameless> = (0..reference.persons() as u32)
            .into_par_iter()
            .filter(|&person| reference.known_as[person as usize].is_none())
            .map(|person| Nameless { first: reference.first_key(person), at: person })
            .collect();
        let leftover = |review: bool| {
            let at = decisions.iter().enumerate().filter(move |(_, d)| d.person == NOBODY && d.review == review);
            at.map(|(at, _)| at as u32).collect::<Vec<u32>>()
        };
        let (unknown, review) = (leftover(false), leftover(true));
        let roots = group::group(events, &unknown, use_local_ids);
        let mut firsts: Vec<RecordKey> = unknown.iter().map(|&at| events[at as usize].key).collect();
        for (at, &root) in roots.iter().enumerate() {
            let key = events[unknown[at] as usize].key;
            firsts[root as usize] = firsts[root as usize].min(key);
        }
        let groups = (0..unknown.len()).filter(|&at| roots[at] as usize == at);
        let groups: Vec<Nameless> = groups.map(|at| Nameless { first: firsts[at], at: at as u32 }).collect();
        let alone = review.iter().enumerate();
        let alone: Vec<Nameless> =
            alone.map(|(at, &event)| Nameless { first: events[event as usize].key, at: at as u32 }).collect();

        ids.taken.extend(reference.known_as.iter().flatten());
        let mut of_person: Vec<PersonId> =
            reference.known_as.iter().map(|id| id.unwrap_or(PersonId::from_bits(0))).collect();
        for (nameless, id) in ids.draw(persons, person_id) {
            of_person[nameless.at as usize] = id;
        }
        let mut of_group = vec![PersonId::from_bits(0); unknown.len()];
        for (nameless, id) in ids.draw(groups, person_id) {
            of_group[nameless.at as usize] = id;
        }
        let persons_of_events =
            (roots.iter().enumerate().filter(|&(at, &root)| at == root as usize).count() + review.len()) as u64;
        let mut leftovers: Vec<(u32, PersonId, Status)> = Vec::with_capacity(unknown.len() + review.len());
        for (at, &event) in unknown.iter().enumerate() {
            let first = firsts[roots[at] as usize] == events[event as usize].key;
            let status = if first { Status::New } else { Status::Linked };
            leftovers.push((event, of_group[roots[at] as usize], status));
        }
        for (nameless, id) in ids.draw(alone, person_id) {
            leftovers.push((review[nameless.at as usize], id, Status::Review));
        }
        leftovers.par_sort_unstable_by_key(|&(event, ..)| event);
        Self { of_person, leftovers, persons_of_events, collisions: ids.collisions }
    }

    /// The person of an event that was linked to nobody known.
    pub(crate) fn of_leftover(&self, event: u32) -> (PersonId, Status) {
        let at = self.leftovers.partition_point(|&(other, ..)| other < event);
        let (_, person, status) = self.leftovers[at];
        (person, status)
    }
}

/// Ids given so far.
#[derive(Default)]
pub(crate) struct Ids {
    taken: Vec<PersonId>,
    collisions: u64,
}

impl Ids {
    /// An id for each, none of them given before. Collisions are found by sorting, not by hashing: 16 bytes a person.
    fn draw(
        &mut self,
        nameless: Vec<Nameless>,
        person_id: &(dyn Fn(RecordKey) -> PersonId + Sync),
    ) -> Vec<(Nameless, PersonId)> {
        let mut drawn: Vec<(Nameless, PersonId)> =
            nameless.into_par_iter().map(|one| (one, person_id(one.first))).collect();
        for attempt in 1_u64.. {
            let mut all: Vec<(PersonId, Option<RecordKey>)> = self.taken.iter().map(|&id| (id, None)).collect();
            all.par_extend(drawn.par_iter().map(|&(one, id)| (id, Some(one.first))));
            all.par_sort_unstable();
            // Of several with one id the first keeps it: one who had it before, else the one with the smallest key.
            let mut again: Vec<RecordKey> =
                all.windows(2).filter(|pair| pair[0].0 == pair[1].0).filter_map(|pair| pair[1].1).collect();
            if again.is_empty() {
                self.taken = all.into_iter().map(|(id, _)| id).collect();
                break;
            }
            again.sort_unstable();
            self.collisions += again.len() as u64;
            for (one, id) in &mut drawn {
                if again.binary_search(&one.first).is_ok() {
                    let bits = mix(13, one.first.value() as u64, attempt);
                    // A function that gives one id for every key would never end; then the mixed key itself must do.
                    *id = if attempt < 8 { person_id(RecordKey::from_bits(bits)) } else { PersonId::from_bits(bits) };
                }
            }
        }
        drawn
    }
}

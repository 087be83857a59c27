//! Ids for persons: those that were known keep theirs, new ones get one made of their first record's key.
//!
//! Invariant: two persons never share an id; a caller's function that gives one twice is asked again with the next key.

use crate::Record;
use crate::assign::Decision;
use crate::decisions::Settled;
use crate::earlier::Earlier;
use crate::group;
use crate::key_index::{KeyIndex, mix};
use crate::record::Status;
use crate::reference::Reference;
use crate::score::NOBODY;
use caredata_model::{PersonId, RecordKey};
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};

/// The ids of a run's persons.
pub(crate) struct Names {
    /// By person of the reference.
    pub(crate) of_person: Vec<PersonId>,
    /// By leftover event: its position, its person and how it came to it; in ascending order of position.
    leftovers: Vec<(u32, PersonId, Status)>,
    /// Ids of persons of events alone that lead to another person now.
    pub(crate) merges: Vec<(PersonId, PersonId)>,
    pub(crate) persons_of_events: u64,
    pub(crate) collisions: u64,
}

/// What names are given to.
pub(crate) struct Given<'a> {
    pub(crate) reference: &'a Reference<'a>,
    pub(crate) events: &'a [Record],
    pub(crate) decisions: &'a [Decision],
    pub(crate) settled: &'a Settled,
    pub(crate) earlier: &'a Earlier,
    pub(crate) found: &'a [(u32, PersonId)],
    pub(crate) gone: Vec<PersonId>,
}

/// Open events that stay nobody's who is registered, and so keep the ids they had.
#[derive(Default)]
struct Kept {
    /// By event, in ascending order.
    ids: Vec<(u32, PersonId)>,
    /// Events of one person, where there are several.
    together: Vec<Vec<u32>>,
    sharing: HashSet<u32>,
}

impl Kept {
    fn of(earlier: &Earlier, decisions: &[Decision]) -> Self {
        let nobodys = earlier
            .former
            .iter()
            .filter(|(at, former)| former.person == NOBODY && decisions[*at as usize].person == NOBODY);
        let ids: Vec<(u32, PersonId)> = nobodys.map(|&(at, former)| (at, former.id)).collect();
        let mut by_id: Vec<(PersonId, u32)> = ids.iter().map(|&(at, id)| (id, at)).collect();
        by_id.sort_unstable();
        let several = by_id.chunk_by(|one, next| one.0 == next.0).filter(|events| events.len() > 1);
        let together: Vec<Vec<u32>> = several.map(|events| events.iter().map(|&(_, at)| at).collect()).collect();
        let sharing = together.iter().flatten().copied().collect();
        Self { ids, together, sharing }
    }

    fn ids(&self) -> impl Iterator<Item = (u32, PersonId)> + '_ {
        self.ids.iter().copied()
    }

    fn id(&self, event: u32) -> Option<PersonId> {
        self.ids.binary_search_by_key(&event, |&(at, _)| at).ok().map(|at| self.ids[at].1)
    }

    /// Whether an event shares its person with others.
    fn shares(&self, event: u32) -> bool {
        self.sharing.contains(&event)
    }
}

/// A person without an id, by the first of its record keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Nameless {
    first: RecordKey,
    at: u32,
}

impl Names {
    /// Names all persons of the reference and of the events nobody was found for. `events` are the run's and, after them, the
    /// open ones of `earlier`, whose persons keep their ids: `found` are those who are persons of the reference, and `gone` ids
    /// that lead to others.
    pub(crate) fn give(
        Given { reference, events, decisions, settled, earlier, found, gone }: Given<'_>,
        use_local_ids: bool,
        person_id: &(dyn Fn(RecordKey) -> PersonId + Sync),
    ) -> Self {
        let mut ids = Ids { taken: gone, collisions: 0 };
        ids.taken.extend(earlier.former.iter().map(|(_, former)| former.id));
        let mut merges = Vec::new();
        let mut known: Vec<Option<PersonId>> =
            (0..reference.persons() as u32).map(|person| reference.known_as(person)).collect();
        for &(person, from) in found {
            match known[person as usize] {
                None => known[person as usize] = Some(from),
                Some(into) => merges.push((from, into)),
            }
        }
        let persons: Vec<Nameless> = (0..reference.persons() as u32)
            .into_par_iter()
            .filter(|&person| known[person as usize].is_none())
            .map(|person| Nameless { first: reference.first_key(person), at: person })
            .collect();
        let kept = Kept::of(earlier, decisions);
        let leftover = |alone: bool| {
            let nobodys = decisions.iter().enumerate().filter(|(_, decision)| decision.person == NOBODY);
            let at = nobodys.filter(|(at, decision)| (decision.review && !kept.shares(*at as u32)) == alone);
            at.map(|(at, _)| at as u32).collect::<Vec<u32>>()
        };
        let (unknown, review) = (leftover(false), leftover(true));
        let roots = group::group(events, &unknown, use_local_ids, settled, &kept.together);
        let mut former_of_root: HashMap<u32, PersonId> = HashMap::new();
        for (at, id) in kept.ids() {
            let Ok(place) = unknown.binary_search(&at) else { continue };
            let own = former_of_root.entry(roots[place]).or_insert(id);
            let (into, from) = ((*own).min(id), (*own).max(id));
            *own = into;
            if into != from {
                merges.push((from, into));
            }
        }
        let mut firsts: Vec<RecordKey> = unknown.iter().map(|&at| events[at as usize].key).collect();
        for (at, &root) in roots.iter().enumerate() {
            let key = events[unknown[at] as usize].key;
            firsts[root as usize] = firsts[root as usize].min(key);
        }
        let nameless = |at: &usize| roots[*at] as usize == *at && !former_of_root.contains_key(&(*at as u32));
        let groups = (0..unknown.len()).filter(nameless);
        let groups: Vec<Nameless> = groups.map(|at| Nameless { first: firsts[at], at: at as u32 }).collect();
        // Those in review have a person each, but for those that were decided to be one.
        let leaders = settled.leaders();
        let leader = |event: u32| leaders.get(&event).copied().unwrap_or(event);
        let alone: Vec<Nameless> = review
            .iter()
            .filter(|&&event| leader(event) == event && kept.id(event).is_none())
            .map(|&event| Nameless { first: events[event as usize].key, at: event })
            .collect();
        let alone_persons = review.iter().filter(|&&event| leader(event) == event).count();

        ids.taken.extend(known.iter().flatten());
        ids.taken.par_sort_unstable();
        ids.taken.dedup();
        let mut of_person: Vec<PersonId> = known.into_iter().map(|id| id.unwrap_or(PersonId::from_bits(0))).collect();
        for (nameless, id) in ids.draw(persons, person_id) {
            of_person[nameless.at as usize] = id;
        }
        let mut of_group = vec![PersonId::from_bits(0); unknown.len()];
        for (nameless, id) in ids.draw(groups, person_id) {
            of_group[nameless.at as usize] = id;
        }
        for (&root, &id) in &former_of_root {
            of_group[root as usize] = id;
        }
        let persons_of_events =
            (roots.iter().enumerate().filter(|&(at, &root)| at == root as usize).count() + alone_persons) as u64;
        let mut leftovers: Vec<(u32, PersonId, Status)> = Vec::with_capacity(unknown.len() + review.len());
        for (at, &event) in unknown.iter().enumerate() {
            let is_new = former_of_root.get(&roots[at]).is_none_or(|id| !earlier.known.contains(id));
            let first = is_new && firsts[roots[at] as usize] == events[event as usize].key;
            let status = if first { Status::New } else { Status::Linked };
            leftovers.push((event, of_group[roots[at] as usize], status));
        }
        let mut of_leader: HashMap<u32, PersonId> =
            ids.draw(alone, person_id).into_iter().map(|(nameless, id)| (nameless.at, id)).collect();
        of_leader.extend(review.iter().filter_map(|&event| Some((event, kept.id(event)?))));
        leftovers.extend(review.iter().map(|&event| (event, of_leader[&leader(event)], Status::Review)));
        leftovers.par_sort_unstable_by_key(|&(event, ..)| event);
        merges.sort_unstable();
        merges.dedup();
        Self { of_person, leftovers, merges, persons_of_events, collisions: ids.collisions }
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
    /// An id for each, none of them given before. Collisions are looked for among the few that a bitmap makes
    /// suspect: 4 bytes a person.
    fn draw(
        &mut self,
        nameless: Vec<Nameless>,
        person_id: &(dyn Fn(RecordKey) -> PersonId + Sync),
    ) -> Vec<(Nameless, PersonId)> {
        let mut drawn: Vec<(Nameless, PersonId)> =
            nameless.into_par_iter().map(|one| (one, person_id(one.first))).collect();
        for attempt in 1_u64.. {
            let again = self.collided(&drawn);
            if again.is_empty() {
                break;
            }
            self.collisions += again.len() as u64;
            for at in again {
                let (one, id) = &mut drawn[at];
                let bits = mix(13, one.first.value() as u64, attempt);
                // A function that gives one id for every key would never end; then the mixed key itself must do.
                *id = if attempt < 8 { person_id(RecordKey::from_bits(bits)) } else { PersonId::from_bits(bits) };
            }
        }
        self.taken.extend(drawn.iter().map(|&(_, id)| id));
        drawn
    }

    /// The positions in `drawn` of those whose id another has. Of several with one id the first keeps it: one who had it before,
    /// else the one with the smallest key.
    fn collided(&self, drawn: &[(Nameless, PersonId)]) -> Vec<usize> {
        let taken = self.taken.len();
        let id = |at: usize| if at < taken { self.taken[at] } else { drawn[at - taken].1 };
        let suspects = suspects(taken + drawn.len(), |at| mix(14, id(at).value() as u64, 0));
        let index = KeyIndex::build(suspects.len(), |at| mix(14, id(suspects[at] as usize).value() as u64, 0));
        let mut again: Vec<usize> = index
            .pairs(usize::MAX)
            .into_iter()
            .map(|(a, b)| (suspects[a as usize] as usize, suspects[b as usize] as usize))
            .filter(|&(a, b)| id(a) == id(b))
            .map(|(a, b)| {
                let loses = a < taken || drawn[a - taken].0.first < drawn[b - taken].0.first;
                (if loses { b } else { a }) - taken
            })
            .collect();
        again.sort_unstable();
        again.dedup();
        again
    }
}

/// The positions, ascending, whose key another may have: those that share a bit of a bitmap with sixteen bits a key.
fn suspects(count: usize, key: impl Fn(usize) -> u64 + Sync) -> Vec<u32> {
    let width = (count * 16).next_power_of_two().trailing_zeros().max(6);
    let place = |at: usize| {
        let bit = key(at) >> (64 - width);
        ((bit >> 6) as usize, 1_u64 << (bit & 63))
    };
    let (mut seen, mut twice) = (vec![0_u64; 1 << (width - 6)], vec![0_u64; 1 << (width - 6)]);
    for (word, bit) in (0..count).map(place) {
        twice[word] |= seen[word] & bit;
        seen[word] |= bit;
    }
    let shared = |&at: &u32| {
        let (word, bit) = place(at as usize);
        twice[word] & bit != 0
    };
    (0..count as u32).into_par_iter().filter(shared).collect()
}

//! What people decided about pairs of records, and what follows from it for a run.
//!
//! Pairs of record keys with an [`Answer`] -> [`Decisions`], a set that does not contradict itself -> [`Settled`]: which rows
//! are one person, which event is whose, and which candidate is out of the question. Invariant: what is decided holds whatever
//! the evidence, in any order of records; and without a decision nothing changes.

use crate::assign::Decision;
use crate::index::{Index, Kind, Observation};
use crate::record::Record;
use crate::reference::Reference;
use crate::score::NOBODY;
use caredata_model::RecordKey;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

/// What somebody decided about two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// They are one person's.
    Same,
    /// They are two people's.
    Different,
}

/// Decisions that contradict each other: two records are different, and yet one by a chain of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// From the one record to the other, each decided to be the same as the next.
    pub chain: Vec<RecordKey>,
}

impl std::fmt::Display for Contradiction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let steps = self.chain.len().saturating_sub(1);
        write!(f, "two records that are decided to be different are one by {steps} other decisions")
    }
}

impl std::error::Error for Contradiction {}

/// Decisions on pairs of records, free of contradiction.
///
/// ```
/// use caredata_link::{Answer, Decisions};
/// use caredata_model::RecordKey;
/// let [a, b, c] = [1, 2, 3].map(RecordKey::from_bits);
/// assert!(Decisions::new([(a, b, Answer::Same), (b, c, Answer::Different)]).is_ok());
/// let refused = Decisions::new([(a, b, Answer::Same), (b, c, Answer::Same), (a, c, Answer::Different)]);
/// assert_eq!(refused.unwrap_err().chain, [a, b, c]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// Records that are decided to be one person's: each in one group, groups and records in ascending order. A record of which
    /// only differences are known is a group of its own.
    groups: Vec<Vec<RecordKey>>,
    /// Pairs of groups that are decided to be two people's.
    apart: Vec<(usize, usize)>,
}

impl Decisions {
    /// No decisions.
    pub const NONE: Self = Self { groups: Vec::new(), apart: Vec::new() };

    /// Gathers decisions; a pair may stand in either order, and more than once.
    ///
    /// # Errors
    /// [`Contradiction`] where two records are different and, by a chain of others or at once, the same.
    pub fn new(pairs: impl IntoIterator<Item = (RecordKey, RecordKey, Answer)>) -> Result<Self, Contradiction> {
        let mut same: BTreeMap<RecordKey, BTreeSet<RecordKey>> = BTreeMap::new();
        let mut different = BTreeSet::new();
        for (a, b, answer) in pairs {
            same.entry(a).or_default();
            same.entry(b).or_default();
            match answer {
                Answer::Same => {
                    same.entry(a).or_default().insert(b);
                    same.entry(b).or_default().insert(a);
                }
                Answer::Different => {
                    different.insert((a.min(b), a.max(b)));
                }
            }
        }
        let mut groups: Vec<Vec<RecordKey>> = Vec::new();
        let mut group_of: HashMap<RecordKey, usize> = HashMap::new();
        for &key in same.keys() {
            if !group_of.contains_key(&key) {
                let mut group: Vec<RecordKey> = paths_from(key, &same).into_keys().collect();
                group.sort_unstable();
                group_of.extend(group.iter().map(|&key| (key, groups.len())));
                groups.push(group);
            }
        }
        let mut apart = BTreeSet::new();
        for (a, b) in different {
            let (left, right) = (group_of[&a], group_of[&b]);
            if left == right {
                return Err(Contradiction { chain: chain(a, b, &same) });
            }
            apart.insert((left.min(right), left.max(right)));
        }
        Ok(Self { groups, apart: apart.into_iter().collect() })
    }

    /// Whether nothing was decided.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// All records that something was decided about, each once.
    pub fn records(&self) -> impl Iterator<Item = RecordKey> + '_ {
        self.groups.iter().flatten().copied()
    }

    /// The answer on two records, said outright or following from others; `None` where nothing was decided.
    pub fn answer(&self, a: RecordKey, b: RecordKey) -> Option<Answer> {
        let group = |key| self.groups.iter().position(|group| group.binary_search(&key).is_ok());
        let (left, right) = (group(a)?, group(b)?);
        if left == right {
            return Some(Answer::Same);
        }
        self.apart.contains(&(left.min(right), left.max(right))).then_some(Answer::Different)
    }

    fn group_of(&self) -> HashMap<RecordKey, usize> {
        self.groups.iter().enumerate().flat_map(|(at, group)| group.iter().map(move |&key| (key, at))).collect()
    }

    /// The rows of the reference that each group's records are or belong to.
    pub(crate) fn rows(&self, reference: &Reference<'_>, index: &Index) -> Vec<Vec<u32>> {
        let mut rows = vec![Vec::new(); self.groups.len()];
        if self.is_empty() {
            return rows;
        }
        let group_of = self.group_of();
        let mut registered = HashSet::new();
        for (row, registration) in reference.registrations.iter().enumerate() {
            if let Some(&group) = group_of.get(&registration.key) {
                rows[group].push(row as u32);
                registered.insert(registration.key);
            }
        }
        let known: Vec<_> = reference.known.iter().map(|observation| index.resolve(observation.person)).collect();
        let first = reference.registrations.len();
        let observations = index.observations().iter().filter(|observation| observation.kind == Kind::Registration);
        let mut last: HashMap<RecordKey, &Observation> = HashMap::new();
        for observation in observations.filter(|observation| !registered.contains(&observation.key)) {
            if group_of.contains_key(&observation.key) {
                let seen = last.entry(observation.key).or_insert(observation);
                if seen.contribution < observation.contribution {
                    *seen = observation;
                }
            }
        }
        for (key, observation) in last {
            let person = index.resolve(observation.person);
            rows[group_of[&key]].push((first + known.partition_point(|&other| other < person)) as u32);
        }
        for rows in &mut rows {
            rows.sort_unstable_by_key(|&row| (reference.key(row), row));
            rows.dedup();
        }
        rows
    }

    /// Pairs of groups that are two people's.
    pub(crate) fn apart(&self) -> &[(usize, usize)] {
        &self.apart
    }
}

/// Every record that a record is the same as, with the one before it on the way there.
fn paths_from(
    key: RecordKey,
    same: &BTreeMap<RecordKey, BTreeSet<RecordKey>>,
) -> HashMap<RecordKey, Option<RecordKey>> {
    let mut before = HashMap::from([(key, None)]);
    let mut next = VecDeque::from([key]);
    while let Some(at) = next.pop_front() {
        for &other in same.get(&at).into_iter().flatten() {
            if let std::collections::hash_map::Entry::Vacant(entry) = before.entry(other) {
                entry.insert(Some(at));
                next.push_back(other);
            }
        }
    }
    before
}

fn chain(from: RecordKey, to: RecordKey, same: &BTreeMap<RecordKey, BTreeSet<RecordKey>>) -> Vec<RecordKey> {
    let before = paths_from(from, same);
    let mut chain = vec![to];
    let mut at = to;
    while let Some(&Some(earlier)) = before.get(&at) {
        chain.push(earlier);
        at = earlier;
    }
    chain.reverse();
    chain
}

/// Candidates that are out of the question, by event.
pub(crate) type Forbidden = HashMap<RecordKey, Vec<u32>>;

/// What decisions mean for one run's events.
#[derive(Default)]
pub(crate) struct Settled {
    /// Events whose person of the reference is decided, in ascending order.
    pub(crate) bound: Vec<(u32, u32)>,
    /// Persons of the reference that an event is not of.
    pub(crate) forbidden: Forbidden,
    /// Two or more events of one person who is not decided, each in the order of record keys.
    pub(crate) together: Vec<Vec<u32>>,
    /// Events of two people, neither of whom is decided.
    pub(crate) apart: Vec<(Vec<u32>, Vec<u32>)>,
}

impl Settled {
    /// Works out what decisions mean. A decision on an event holds for every event that cannot be told from it: the same
    /// provider, patient id and identifiers; but not for one that something else was decided about.
    pub(crate) fn of(decisions: &Decisions, reference: &Reference<'_>, index: &Index, events: &[Record]) -> Self {
        let mut settled = Self::default();
        if decisions.is_empty() {
            return settled;
        }
        let groups = decisions.groups.len();
        let events = events_of_groups(decisions, events);
        let rows = decisions.rows(reference, index);
        let person: Vec<Option<u32>> =
            rows.iter().map(|rows| rows.first().map(|&row| reference.person_of_row[row as usize])).collect();
        for group in 0..groups {
            let own = events[group].iter().map(|&(_, at)| at);
            match person[group] {
                Some(person) => settled.bound.extend(own.map(|at| (at, person))),
                None if events[group].len() > 1 => settled.together.push(own.collect()),
                None => {}
            }
        }
        settled.bound.sort_unstable();
        for &(left, right) in &decisions.apart {
            for (one, other) in [(left, right), (right, left)] {
                // An index that holds both as one person keeps them so; nobody is then forbidden their own person.
                let Some(person) = person[other].filter(|&other| Some(other) != person[one]) else {
                    continue;
                };
                for &(key, _) in &events[one] {
                    settled.forbidden.entry(key).or_default().push(person);
                }
            }
            let nobody = person[left].is_none() && person[right].is_none();
            if nobody && !events[left].is_empty() && !events[right].is_empty() {
                let own = |group: usize| events[group].iter().map(|&(_, at)| at).collect();
                settled.apart.push((own(left), own(right)));
            }
        }
        settled
    }

    /// The person an event was decided to be of.
    pub(crate) fn person_of(&self, event: u32) -> Option<u32> {
        self.bound.binary_search_by_key(&event, |&(at, _)| at).ok().map(|at| self.bound[at].1)
    }

    /// Makes decisions hold over what the method made of events; `rank` gives the match rank of an event against a person.
    ///
    /// Of two events that are two people's and go to one person, the one with less evidence goes to review: whose it is remains
    /// to be decided.
    pub(crate) fn impose(
        &self,
        decided: &mut [Decision],
        events: &[Record],
        rank: impl Fn(&Record, u32) -> Option<u8>,
    ) {
        let link = |person: u32, at: u32| Decision {
            person,
            candidate: person,
            match_rank: rank(&events[at as usize], person),
            ..Decision::NONE
        };
        for &(at, person) in &self.bound {
            decided[at as usize] = link(person, at);
        }
        for group in &self.together {
            let best = strongest(decided, group);
            let (person, review) = match best {
                Some(best) => (decided[best as usize].person, false),
                None => (NOBODY, group.iter().any(|&at| decided[at as usize].review)),
            };
            for &at in group.iter().filter(|&&at| Some(at) != best) {
                let own = &mut decided[at as usize];
                if own.person != person {
                    *own = link(person, at);
                }
                own.review = review;
            }
        }
        for (left, right) in &self.apart {
            let (Some(one), Some(other)) = (strongest(decided, left), strongest(decided, right)) else { continue };
            if decided[one as usize].person != decided[other as usize].person {
                continue;
            }
            let weaker = if strength(decided, one) >= strength(decided, other) { right } else { left };
            for &at in weaker {
                let own = &mut decided[at as usize];
                *own = Decision { person: NOBODY, review: true, match_rank: None, ..*own };
            }
        }
    }

    /// The event that stands for those decided to be one person's with it: itself where there are none.
    pub(crate) fn leaders(&self) -> HashMap<u32, u32> {
        self.together.iter().flat_map(|group| group.iter().map(|&at| (at, group[0]))).collect()
    }
}

/// How strong the evidence for an event's person is: the probability, then the match rank.
fn strength(decided: &[Decision], at: u32) -> (f32, u8) {
    let own = &decided[at as usize];
    (own.probability.unwrap_or(0.0), u8::MAX - own.match_rank.unwrap_or(u8::MAX))
}

/// The event of a group with the strongest evidence for somebody known; the first of equals.
fn strongest(decided: &[Decision], group: &[u32]) -> Option<u32> {
    let linked = group.iter().copied().filter(|&at| decided[at as usize].person != NOBODY);
    linked.reduce(|best, at| {
        let (new, old) = (strength(decided, at), strength(decided, best));
        if new.0.total_cmp(&old.0).then(new.1.cmp(&old.1)).is_gt() { at } else { best }
    })
}

/// The events of each group, and those that cannot be told from them, in the order of record keys.
fn events_of_groups(decisions: &Decisions, events: &[Record]) -> Vec<Vec<(RecordKey, u32)>> {
    let group_of = decisions.group_of();
    let alike = |event: &Record| (event.provider, event.local_id, event.identifiers.to_words());
    let mut found: Vec<Vec<(RecordKey, u32)>> = vec![Vec::new(); decisions.groups.len()];
    let mut group_of_alike = HashMap::new();
    for (at, event) in events.iter().enumerate() {
        if let Some(&group) = group_of.get(&event.key) {
            found[group].push((event.key, at as u32));
            let alike = group_of_alike.entry(alike(event)).or_insert(Some(group));
            if *alike != Some(group) {
                *alike = None;
            }
        }
    }
    for (at, event) in events.iter().enumerate() {
        if let Some(&Some(group)) = group_of_alike.get(&alike(event))
            && !group_of.contains_key(&event.key)
        {
            found[group].push((event.key, at as u32));
        }
    }
    for events in &mut found {
        events.sort_unstable();
    }
    found
}

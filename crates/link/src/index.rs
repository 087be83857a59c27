//! The index: every record that was ever linked, with its person, and the merges and splits of persons.
//!
//! Plain observations in (from the vault), plain observations out. A person's history of each identifier is what the
//! person's observations say. Invariant: what happens to an observation's person is an event beside it, a merge of persons or a
//! split of one record from its person, so that taking a contribution away also takes away what it changed, and every old
//! id resolves.

use crate::Record;
use caredata_model::{Day, Identifiers, PersonId, RecordKey};
use std::collections::{HashMap, HashSet};

/// What kind of record an observation was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A registration at a practice.
    Registration = 0,
    /// An event at a hospital or elsewhere.
    Event = 1,
}

/// How sure the link of an event was. What was sure is not judged again, and teaches later runs; all else stays open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Certainty {
    /// Not near certain, decided upon by people, of nobody who is registered, or nothing is known of it: judged again by each
    /// later run. A registration's is this.
    #[default]
    Open = 0,
    /// Near certain.
    Sure = 1,
    /// Near certain, and the NHS Number agrees at least nearly.
    Numbered = 2,
}

/// One record as the index remembers it: 64 bytes, all of them plain numbers to store.
///
/// `Debug` prints no identifier and no local id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// The record.
    pub key: RecordKey,
    /// The person it was given when it was linked; see [`Index::resolve`] for who that is today.
    pub person: PersonId,
    /// What it said; store it through [`Identifiers::to_words`].
    pub identifiers: Identifiers,
    /// The provider, as the caller numbers them.
    pub provider: u32,
    /// The hash of the provider's own patient id, 0 for none.
    pub local_id: u64,
    /// Its day.
    pub day: Day,
    /// What it arrived in.
    pub contribution: u32,
    /// Registration or event.
    pub kind: Kind,
    /// How sure an event's link was.
    pub certainty: Certainty,
}

impl std::fmt::Debug for Observation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("Observation");
        out.field("key", &self.key).field("person", &self.person).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Observation {
    /// The observation that `record` leaves.
    pub const fn of(record: &Record, person: PersonId, kind: Kind, certainty: Certainty) -> Self {
        let Record { key, identifiers, provider, local_id, day, contribution } = *record;
        Self { key, person, identifiers, provider, local_id, day, contribution, kind, certainty }
    }

    /// The record that left it.
    pub const fn record(&self) -> Record {
        let Self { key, identifiers, provider, local_id, day, contribution, .. } = *self;
        Record { key, identifiers, provider, local_id, day, contribution }
    }
}

/// Why two persons became one, or one two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// Their records agree on the NHS Number and, at least nearly, on the date of birth.
    SameNumberAndBirthDate = 0,
    /// Their records agree on date of birth, postcode and gender, no number contradicts, and nobody else fits.
    SameBirthDateAndPostcode = 1,
    /// The record's identifiers were changed into somebody else's.
    IdentifiersReplaced = 2,
    /// Not a change but a doubt: the record is in review, and may be this person's.
    InReview = 3,
    /// An event of an earlier month was judged again with what has come since, or decided upon, and is somebody else's.
    JudgedAgain = 4,
}

/// That one person was found to be another (`from` is `into`), or that a record left its person (`from` was split and the
/// record is now `into`), or that a record in review, whose own person is `from`, may be `into`'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Change {
    /// The id that was.
    pub from: PersonId,
    /// The id that is.
    pub into: PersonId,
    /// Why.
    pub reason: Reason,
    /// The contribution that brought it to light; taking it away takes the change away.
    pub contribution: u32,
    /// The record that left its person; `None` where a person as a whole is meant.
    pub record: Option<RecordKey>,
}

impl Change {
    /// Whether it says that one of these events was judged again.
    fn is_of(&self, events: &HashSet<RecordKey>) -> bool {
        self.reason == Reason::JudgedAgain && self.record.is_some_and(|record| events.contains(&record))
    }
}

/// The persons known so far.
#[derive(Clone, Debug, Default)]
pub struct Index {
    observations: Vec<Observation>,
    merges: Vec<Change>,
    splits: Vec<Change>,
    doubts: Vec<Change>,
    resolved: HashMap<PersonId, PersonId>,
    /// The persons that events had, by contribution and record, before they were judged again.
    given_first: HashMap<(u32, RecordKey), PersonId>,
    /// Observations that outlive their contribution until the run's records are observed.
    held: HashSet<(u32, RecordKey)>,
}

impl Index {
    /// An index in which nobody is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// The index of stored parts: observations with the persons they were first given; changes as [`Index::merges`], [`Index::splits`] and
    /// [`Index::doubts`] gave them.
    pub fn from_parts(
        observations: Vec<Observation>,
        merges: Vec<Change>,
        splits: Vec<Change>,
        doubts: Vec<Change>,
    ) -> Self {
        let mut index = Self { observations, merges, doubts, ..Self::default() };
        index.part(&splits);
        index.splits = splits;
        index.follow_merges();
        index
    }

    /// All that was observed, in no order that means anything.
    pub fn observations(&self) -> &[Observation] {
        &self.observations
    }

    /// Merges, oldest first.
    pub fn merges(&self) -> &[Change] {
        &self.merges
    }

    /// Splits, oldest first.
    pub fn splits(&self) -> &[Change] {
        &self.splits
    }

    /// Records in review: `from` is the person of its own that such a record has, `into` somebody whose it may be.
    pub fn doubts(&self) -> &[Change] {
        &self.doubts
    }

    /// Who the person of an old id is today: follows merges to their end. An id that was never merged is its own.
    pub fn resolve(&self, person: PersonId) -> PersonId {
        self.resolved.get(&person).copied().unwrap_or(person)
    }

    /// Lets observations, by contribution and record, outlive their contribution's removal until the run's records are observed: a
    /// record that is given to the run again stays with the person it had, and with it that person's other records.
    pub fn hold(&mut self, observations: impl IntoIterator<Item = (u32, RecordKey)>) {
        self.held.extend(observations);
    }

    /// Forgets all that a contribution brought, but what is held: its observations, and the merges, splits and doubts it gave rise to.
    pub fn remove_contribution(&mut self, contribution: u32) {
        let held = &self.held;
        let mut gone = HashSet::new();
        self.observations.retain(|one| {
            let stays = one.contribution != contribution || held.contains(&(contribution, one.key));
            if !stays && one.kind == Kind::Event {
                gone.insert(one.key);
            }
            stays
        });
        self.merges.retain(|change| change.contribution != contribution);
        self.take_back(|split| split.contribution == contribution || split.is_of(&gone));
        self.doubts.retain(|change| change.contribution != contribution);
        self.follow_merges();
    }

    /// Takes back what was found by judging earlier events again when a contribution came, and leaves what it brought: for one that
    /// stays while others of its month are replaced, and with them all reason for those findings.
    pub fn take_back_judged_again(&mut self, contribution: u32) {
        let judged_again =
            |change: &Change| change.reason == Reason::JudgedAgain && change.contribution == contribution;
        self.merges.retain(|merge| !judged_again(merge));
        self.take_back(judged_again);
        self.follow_merges();
    }

    /// The contributions that the index holds, in ascending order.
    pub fn contributions(&self) -> Vec<u32> {
        let mut found: Vec<u32> = Vec::new();
        for observation in &self.observations {
            if found.last() != Some(&observation.contribution) && !found.contains(&observation.contribution) {
                found.push(observation.contribution);
            }
        }
        found.sort_unstable();
        found
    }

    /// Lets go of what was held.
    pub(crate) fn release(&mut self) {
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            self.observations.retain(|one| !held.contains(&(one.contribution, one.key)));
        }
    }

    pub(crate) fn extend(&mut self, observations: impl rayon::iter::ParallelIterator<Item = Observation>) {
        rayon::iter::ParallelExtend::par_extend(&mut self.observations, observations);
    }

    pub(crate) fn change(&mut self, merges: Vec<Change>, splits: Vec<Change>, doubts: Vec<Change>) {
        self.merges.extend(merges);
        self.part(&splits);
        self.splits.extend(splits);
        self.doubts.extend(doubts);
        self.follow_merges();
    }

    /// Forgets the doubts about persons: the events whose they are were judged again.
    pub(crate) fn forget_doubts(&mut self, of: &HashSet<PersonId>) {
        let resolved = &self.resolved;
        self.doubts.retain(|doubt| !of.contains(resolved.get(&doubt.from).unwrap_or(&doubt.from)));
    }

    /// Gives events that were judged again the persons that splits say, in their order.
    fn part(&mut self, splits: &[Change]) {
        let judged_again = splits.iter().filter(|split| split.reason == Reason::JudgedAgain);
        let into: HashMap<RecordKey, PersonId> =
            judged_again.filter_map(|split| Some((split.record?, split.into))).collect();
        if into.is_empty() {
            return;
        }
        for one in self.observations.iter_mut().filter(|one| one.kind == Kind::Event) {
            if let Some(&into) = into.get(&one.key) {
                self.given_first.entry((one.contribution, one.key)).or_insert(one.person);
                one.person = into;
            }
        }
    }

    /// Undoes splits: the records are the persons' again whose they were without these.
    fn take_back(&mut self, which: impl Fn(&Change) -> bool) {
        let before = self.splits.len();
        self.splits.retain(|split| !which(split));
        if self.splits.len() == before || self.given_first.is_empty() {
            return;
        }
        let given_first = std::mem::take(&mut self.given_first);
        for one in self.observations.iter_mut().filter(|one| one.kind == Kind::Event) {
            if let Some(&person) = given_first.get(&(one.contribution, one.key)) {
                one.person = person;
            }
        }
        let splits = std::mem::take(&mut self.splits);
        self.part(&splits);
        self.splits = splits;
    }

    /// Events that a run brings again are what it makes of them, whatever was made of them before.
    pub(crate) fn bring_again(&mut self, events: &[Record]) {
        if self.given_first.is_empty() {
            return;
        }
        let parted: HashSet<RecordKey> = self.given_first.keys().map(|&(_, key)| key).collect();
        let again: HashSet<RecordKey> =
            events.iter().map(|event| event.key).filter(|key| parted.contains(key)).collect();
        self.take_back(|split| split.is_of(&again));
    }

    fn follow_merges(&mut self) {
        let next: HashMap<PersonId, PersonId> = self.merges.iter().map(|change| (change.from, change.into)).collect();
        self.resolved = next
            .keys()
            .map(|&from| {
                let mut at = from;
                // A merge always leads to a person that stood at the time; the bound only guards stored parts that loop.
                for _ in 0..=next.len() {
                    match next.get(&at) {
                        Some(&into) if into != at => at = into,
                        Some(_) | None => break,
                    }
                }
                (from, at)
            })
            .collect();
    }
}

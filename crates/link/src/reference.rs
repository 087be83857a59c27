//! What events are compared with: the rows of everybody known, gathered into persons.
//!
//! Index and registrations -> rows (identifiers, 16 bytes each), a person for each row, and the rows of each person.
//! Invariant: the partition of rows into persons does not depend on the order of the records.

use crate::Record;
use crate::decisions::Decisions;
use crate::index::{Change, Index, Kind, Observation, Reason};
use crate::join;
use crate::key_index::{KeyIndex, mix};
use crate::keys;
use crate::numbers::Numbers;
use crate::sets::Marks;
use caredata_model::{Identifiers, PersonId, RecordKey};
use rayon::prelude::*;
use std::cmp::Reverse;
use std::ops::Range;

/// Everybody known: rows `0..registrations` are the incoming registrations, the rest come from the index.
pub(crate) struct Reference<'a> {
    /// Which numbers are possible.
    pub(crate) numbers: Numbers,
    pub(crate) registrations: &'a [Record],
    /// Registrations that the index holds and that say something their person's other rows do not. Events are no evidence of
    /// who somebody is: what one says wrongly would draw others after it.
    pub(crate) known: Vec<&'a Observation>,
    /// Whose each incoming registration was so far; empty where nobody was known.
    formers: Vec<Option<Former>>,
    /// The identifiers of each row.
    pub(crate) rows: Vec<Identifiers>,
    /// The person of each row.
    pub(crate) person_of_row: Vec<u32>,
    /// `rows_of_person[starts[p]..starts[p + 1]]` are the rows of person `p`.
    starts: Vec<u32>,
    rows_of_person: Vec<u32>,
    /// The id of each person who was known before; empty where nobody was.
    known_as: Vec<Option<PersonId>>,
    pub(crate) merges: Vec<Change>,
    pub(crate) by_nhs: KeyIndex,
    pub(crate) by_birth_postcode: KeyIndex,
    /// Rows whose number another person bears too.
    shared_numbers: Marks,
}

/// Whose a registration was so far.
#[derive(Clone, Copy)]
pub(crate) struct Former {
    pub(crate) id: PersonId,
    /// Whether its identifiers are that person's still.
    pub(crate) stays: bool,
    /// Whether it had a number when it was last seen.
    pub(crate) had_number: bool,
}

impl<'a> Reference<'a> {
    pub(crate) fn build(
        numbers: Numbers,
        index: &'a Index,
        registrations: &'a [Record],
        decisions: &Decisions,
    ) -> Self {
        let registered = registered(index);
        let known = distinct(index, &registered);
        let rows: Vec<Identifiers> =
            registrations.par_iter().map(|r| r.identifiers).chain(known.par_iter().map(|o| o.identifiers)).collect();
        let (by_nhs, by_birth_postcode) = rayon::join(
            || KeyIndex::build(rows.len(), |row| keys::nhs(rows[row])),
            || KeyIndex::build(rows.len(), |row| keys::birth_postcode(rows[row])),
        );
        let formers = formers(index, &registered, registrations);
        let mut reference = Self {
            numbers,
            registrations,
            formers,
            known,
            rows,
            person_of_row: Vec::new(),
            starts: Vec::new(),
            rows_of_person: Vec::new(),
            known_as: Vec::new(),
            merges: Vec::new(),
            by_nhs,
            by_birth_postcode,
            shared_numbers: Marks::of(0, []),
        };
        let root_of_row = join::join(&reference, index, decisions);
        reference.gather(&root_of_row);
        reference.name(index);
        let shared = reference.by_nhs.rows_beside(|row, other| reference.share_a_number(row, other));
        reference.shared_numbers = Marks::of(reference.rows.len(), shared);
        reference
    }

    /// The number of persons.
    pub(crate) fn persons(&self) -> usize {
        self.starts.len() - 1
    }

    /// The id of a person who was known before.
    pub(crate) fn known_as(&self, person: u32) -> Option<PersonId> {
        self.known_as.get(person as usize).copied().flatten()
    }

    /// The rows of a person.
    #[inline]
    pub(crate) fn rows_of(&self, person: u32) -> &[u32] {
        self.rows_in(self.span_of(person))
    }

    /// Where the rows of a person stand: the first half of [`Reference::rows_of`], for whoever looks up many at a time.
    #[inline]
    pub(crate) fn span_of(&self, person: u32) -> Range<u32> {
        self.starts[person as usize]..self.starts[person as usize + 1]
    }

    /// The rows of the person to whom [`Reference::span_of`] gave the span.
    #[inline]
    pub(crate) fn rows_in(&self, span: Range<u32>) -> &[u32] {
        &self.rows_of_person[span.start as usize..span.end as usize]
    }

    /// Whether another person bears the row's number too.
    #[inline]
    pub(crate) fn shares_its_number(&self, row: u32) -> bool {
        self.shared_numbers.contains(row)
    }

    fn share_a_number(&self, row: u32, other: u32) -> bool {
        self.person_of_row[row as usize] != self.person_of_row[other as usize]
            && keys::digits(self.rows[row as usize]) == keys::digits(self.rows[other as usize])
    }

    /// The key of a row's record.
    pub(crate) fn key(&self, row: u32) -> RecordKey {
        self.source(row).0
    }

    /// The provider of a row's record.
    pub(crate) fn provider(&self, row: u32) -> u32 {
        self.source(row).1
    }

    /// A row's record as a whole.
    pub(crate) fn record(&self, row: u32) -> Record {
        match self.registrations.get(row as usize) {
            Some(record) => *record,
            None => self.known[row as usize - self.registrations.len()].record(),
        }
    }

    /// Whose an incoming registration was so far, by its row.
    pub(crate) fn former(&self, row: usize) -> Option<Former> {
        self.formers.get(row).copied().flatten()
    }

    /// Persons who were known before, by each id they had (an id merged in this run leads to whom it was merged into), sorted.
    pub(crate) fn persons_by_id(&self) -> Vec<(PersonId, u32)> {
        let known = self.known_as.iter().enumerate();
        let mut persons: Vec<(PersonId, u32)> =
            known.filter_map(|(person, id)| id.map(|id| (id, person as u32))).collect();
        persons.par_sort_unstable();
        let merged = self.merges.iter().filter_map(|change| {
            let at = persons.binary_search_by_key(&change.into, |&(id, _)| id).ok()?;
            Some((change.from, persons[at].1))
        });
        let merged: Vec<(PersonId, u32)> = merged.collect();
        persons.extend(merged);
        persons.par_sort_unstable();
        persons
    }

    fn source(&self, row: u32) -> (RecordKey, u32) {
        if let Some(record) = self.registrations.get(row as usize) {
            return (record.key, record.provider);
        }
        let observation = self.known[row as usize - self.registrations.len()];
        (observation.key, observation.provider)
    }

    /// Whether the row is what the person's practice says now, rather than history.
    #[inline]
    pub(crate) fn is_current(&self, row: u32) -> bool {
        (row as usize) < self.registrations.len()
    }

    /// The smallest record key of a person: what breaks ties, and what a new person's id is made of.
    pub(crate) fn first_key(&self, person: u32) -> RecordKey {
        let keys = self.rows_of(person).iter().map(|&row| self.key(row));
        keys.min().unwrap_or(RecordKey::from_bits(u64::MAX))
    }

    /// Numbers persons in the order of their first rows and lists each person's rows.
    fn gather(&mut self, root_of_row: &[u32]) {
        let mut number_of_root = vec![u32::MAX; root_of_row.len()];
        let mut counts: Vec<u32> = vec![0];
        self.person_of_row = Vec::with_capacity(root_of_row.len());
        for &root in root_of_row {
            let number = &mut number_of_root[root as usize];
            if *number == u32::MAX {
                *number = counts.len() as u32 - 1;
                counts.push(0);
            }
            counts[*number as usize + 1] += 1;
            self.person_of_row.push(*number);
        }
        for at in 1..counts.len() {
            counts[at] += counts[at - 1];
        }
        let mut next = counts.clone();
        self.rows_of_person = vec![0; root_of_row.len()];
        for (row, &person) in self.person_of_row.iter().enumerate() {
            self.rows_of_person[next[person as usize] as usize] = row as u32;
            next[person as usize] += 1;
        }
        self.starts = counts;
    }

    /// Gives each person the smallest of the ids that its known rows bear, and writes down merges.
    fn name(&mut self, index: &Index) {
        let registrations = self.registrations.len();
        if self.known.is_empty() {
            return;
        }
        self.known_as = vec![None; self.persons()];
        let mut pairs: Vec<(u32, PersonId)> = self
            .known
            .iter()
            .enumerate()
            .map(|(at, observation)| (self.person_of_row[registrations + at], index.resolve(observation.person)))
            .collect();
        pairs.par_sort_unstable();
        pairs.dedup();
        for (person, id) in pairs {
            match self.known_as[person as usize] {
                None => self.known_as[person as usize] = Some(id),
                Some(into) => self.merges.push(Change {
                    from: id,
                    into,
                    reason: Reason::SameNumberAndBirthDate,
                    contribution: self.newest_contribution(person),
                    record: None,
                }),
            }
        }
        self.merges.sort_unstable();
    }

    /// The contribution that joins a person's known ids: that of its incoming registration with the smallest key.
    fn newest_contribution(&self, person: u32) -> u32 {
        let incoming = self.rows_of(person).iter().filter(|&&row| self.is_current(row));
        let first = incoming.min_by_key(|&&row| self.key(row));
        first.map_or(0, |&row| self.registrations[row as usize].contribution)
    }
}

fn record_key(key: RecordKey) -> u64 {
    mix(9, key.value() as u64, 0)
}

/// The registrations that the index holds, each once for what it said and whose it was, as it was last seen so: most months say
/// what the one before did.
fn registered(index: &Index) -> Vec<&Observation> {
    let print = |o: &Observation| {
        let [postcode, rest] = o.identifiers.to_words();
        mix(16, o.key.value() as u64 ^ postcode.rotate_left(17), rest ^ (o.person.value() as u64).rotate_left(31))
    };
    let observations = index.observations();
    let mut prints: Vec<(u64, Reverse<u32>, u32)> = observations
        .par_iter()
        .enumerate()
        .filter(|(_, o)| o.kind == Kind::Registration)
        .map(|(at, o)| (print(o), Reverse(o.contribution), at as u32))
        .collect();
    prints.par_sort_unstable();
    let said = |at: u32| {
        let o = &observations[at as usize];
        (o.key, o.person, o.identifiers)
    };
    prints.dedup_by(|next, first| next.0 == first.0 && said(next.2) == said(first.2));
    prints.into_iter().map(|(.., at)| &observations[at as usize]).collect()
}

/// Whose each incoming registration was so far. A practice may give a patient's id to somebody else: then it was of several
/// persons, and counts as the one's whose it was last of those with all of whose identifiers its own go together.
fn formers(index: &Index, registered: &[&Observation], registrations: &[Record]) -> Vec<Option<Former>> {
    if registered.is_empty() {
        return Vec::new();
    }
    let by_record = KeyIndex::build(registered.len(), |at| record_key(registered[at].key));
    let former = |record: &Record| {
        let of_key = by_record.find(record_key(record.key)).map(|at| registered[at as usize]);
        let mut seen: Vec<(u32, PersonId, &Observation)> =
            of_key.filter(|o| o.key == record.key).map(|o| (o.contribution, index.resolve(o.person), o)).collect();
        seen.sort_unstable_by_key(|&(contribution, person, o)| (Reverse(contribution), person, o.identifiers));
        let goes_with = |person: PersonId| {
            let mut own = seen.iter().filter(|&&(_, other, _)| other == person);
            own.all(|(.., o)| !join::is_replaced(o.identifiers, record.identifiers))
        };
        let last = seen.first()?;
        let (id, was, stays) = match seen.iter().find(|&&(_, person, _)| goes_with(person)) {
            Some(&(_, id, was)) => (id, was, true),
            None => (last.1, last.2, false),
        };
        Some(Former { id, stays, had_number: keys::digits(was.identifiers) != 0 })
    };
    registrations.par_iter().map(former).collect()
}

/// Those that say something new about their person: other identifiers.
fn distinct<'a>(index: &Index, registered: &[&'a Observation]) -> Vec<&'a Observation> {
    let mut known: Vec<(PersonId, [u64; 2], RecordKey, &Observation)> =
        registered.par_iter().map(|o| (index.resolve(o.person), o.identifiers.to_words(), o.key, *o)).collect();
    known.par_sort_unstable_by_key(|&(person, words, key, _)| (person, words, key));
    known.dedup_by_key(|&mut (person, words, ..)| (person, words));
    known.into_iter().map(|(.., observation)| observation).collect()
}

//! Linkage within a run: identified rows and the index in; a person for every record, and the register's answers, out.
//!
//! Invariant: the register is asked about every person of the index, by every number and record the person was ever known
//! by, not only by what this run brought.

use super::admission::{SourceAdmitted, provider_number};
use super::{GP, Month, Part, Parts};
use crate::keys::Keys;
use crate::linkage::NO_DAY;
use caredata_admit::{Identified, PersonAnswers, Policy, Register, Subject, Tie};
use caredata_deidentify::Persons;
use caredata_link::{Diagnostics, Index, Kind, Link, Linkage, Observation, Record, Settings, link};
use caredata_model::{PersonId, RecordKey, SourceName};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// What linkage found.
pub struct Linking {
    /// A link for each identified registration, in their order; then for those that are held for matching alone.
    pub registrations: Vec<Link>,
    /// For each other source, a link for each of its identified rows.
    pub events: Vec<Vec<Link>>,
    /// The index as it is now.
    pub index: Index,
    /// What linkage says of itself.
    pub diagnostics: Diagnostics,
    /// Who is who, by record.
    pub persons: Persons,
    /// The source of each contribution that the index holds.
    pub source_of: HashMap<u32, SourceName>,
    /// Everybody in the index, each once, and whether the person ties to a registration.
    pub everybody: Vec<(PersonId, Tie)>,
    /// The settings used.
    pub settings: Settings,
}

impl Linking {
    /// Links what came in against the index, from which [`replace`] took what comes again; `held` is what it gave.
    pub(super) fn new(
        month: &Month<'_>,
        index: Index,
        registered: &SourceAdmitted,
        elsewhere: &[SourceAdmitted],
        held: Vec<Record>,
        parts: &Parts,
    ) -> Self {
        let keys = month.home.keys();
        let period = month.input.period.to_string();
        let number = |source: &str, practice: Option<&str>| {
            let part =
                Part { source: source.to_owned(), practice: practice.map(str::to_owned), period: period.clone() };
            parts.numbers.get(&part).copied().unwrap_or_default()
        };
        let mut of_practice: HashMap<Arc<str>, u32> = HashMap::new();
        let registrations: Vec<Record> = registered
            .identified
            .iter()
            .map(|one| {
                let part =
                    *of_practice.entry(Arc::clone(&one.provider)).or_insert_with(|| number(GP, Some(&one.provider)));
                record(one, part)
            })
            .chain(held)
            .collect();
        let events: Vec<Record> = elsewhere
            .iter()
            .flat_map(|source| {
                let part = number(source.source.name.as_str(), None);
                source.identified.iter().map(move |one| record(one, part))
            })
            .collect();
        let settings = Settings::default();
        let person_id = |key: RecordKey| person_id(keys, key);
        let Linkage { registrations: links, events: linked, pending, diagnostics } =
            link(&settings, index, &registrations, &events, &person_id);
        let index = pending.observe((&registrations, &links), (&events, &linked));
        let mut rest = linked.as_slice();
        let events = elsewhere
            .iter()
            .map(|source| {
                let (own, others) = rest.split_at(source.identified.len());
                rest = others;
                own.to_vec()
            })
            .collect();
        Self { registrations: links, events, diagnostics, settings, ..Self::as_held(month, index, parts) }
    }

    /// Who is who by the index alone, where nothing came in.
    pub(super) fn as_held(month: &Month<'_>, index: Index, parts: &Parts) -> Self {
        let who_is_who = who_is_who(&index);
        let mut everybody: Vec<(PersonId, Tie)> =
            who_is_who.par_iter().map(|&(_, person, tie)| (person, tie)).collect();
        let persons = Persons::new(who_is_who);
        everybody.par_sort_unstable_by_key(|(person, _)| *person);
        everybody.dedup_by_key(|(person, _)| *person);
        let held = month.present.parts.iter().map(|(&number, part)| (number, part));
        let parts = held.chain(parts.numbers.iter().map(|(part, &number)| (number, part)));
        let source_of =
            parts.filter_map(|(number, part)| Some((number, SourceName::parse(&part.source).ok()?))).collect();
        Self {
            registrations: Vec::new(),
            events: Vec::new(),
            index,
            diagnostics: Diagnostics::default(),
            persons,
            source_of,
            everybody,
            settings: Settings::default(),
        }
    }

    /// Registrations whose key several persons bore, since a practice gave it to another patient: each with all its persons.
    pub fn shared_keys(&self) -> Vec<(RecordKey, PersonId)> {
        let registrations = self.index.observations().par_iter().filter(|one| one.kind == Kind::Registration);
        let mut borne: Vec<(RecordKey, PersonId)> =
            registrations.map(|one| (one.key, self.index.resolve(one.person))).collect();
        borne.par_sort_unstable();
        borne.dedup();
        let by_key = borne.chunk_by(|one, two| one.0 == two.0);
        by_key.filter(|persons| persons.len() > 1).flatten().copied().collect()
    }

    /// Asks the register about every person.
    pub fn ask(&self, register: &Register, policy: Policy) -> PersonAnswers {
        PersonAnswers::decide(register, known_by(&self.index), policy)
    }
}

/// Takes out of the index what parts that come again brought before, also where nothing of it came again. Gives those
/// registrations among it of which anything stands, by their practices' own word, under their number or of the record: they are
/// matched again by what was last held of them, since the objection binds the person and must not be forgotten with the
/// registration.
pub fn replace(index: &mut Index, parts: &Parts, registered: &SourceAdmitted, register: &Register) -> Vec<Record> {
    let replaced: HashSet<u32> = parts.numbers.values().copied().collect();
    let mut held: BTreeMap<RecordKey, Record> = index
        .observations()
        .iter()
        .filter(|one| one.kind == Kind::Registration && replaced.contains(&one.contribution))
        .filter(|one| register.binds(one.key) || objects(register, one))
        .map(|one| (one.key, one.record()))
        .collect();
    if !held.is_empty() {
        for one in &registered.identified {
            held.remove(&one.key);
        }
    }
    // They stay with the person they had, since that person's hospital rows may have nothing else to be told by.
    index.hold(held.values().map(|record| (record.contribution, record.key)));
    for number in replaced {
        index.remove_contribution(number);
    }
    held.into_values().collect()
}

/// Whether anything stands under a registration's number or of its record.
fn objects(register: &Register, one: &Observation) -> bool {
    let by_number = one.identifiers.nhs_number().and_then(|number| register.standing(Subject::Number(number)));
    by_number.or_else(|| register.standing(Subject::Record(one.key))).is_some()
}

/// Every person of the index with every number and record that the person is or was known by. The person of a record in review
/// is known by all that its candidates are known by too: in doubt the objection of any of them holds.
pub fn known_by(index: &Index) -> impl Iterator<Item = (PersonId, Subject)> + '_ {
    let mut may_be: HashMap<PersonId, Vec<PersonId>> = HashMap::new();
    for doubt in index.doubts() {
        may_be.entry(index.resolve(doubt.into)).or_default().push(index.resolve(doubt.from));
    }
    index.observations().iter().flat_map(move |one| {
        let person = index.resolve(one.person);
        let in_doubt = may_be.get(&person).cloned().unwrap_or_default();
        let number = one.identifiers.nhs_number().map(Subject::Number);
        let subjects =
            move |person| number.into_iter().chain([Subject::Record(one.key)]).map(move |subject| (person, subject));
        std::iter::once(person).chain(in_doubt).flat_map(subjects)
    })
}

fn record(one: &Identified, contribution: u32) -> Record {
    Record {
        key: one.key,
        identifiers: one.identifiers,
        provider: provider_number(&one.provider),
        local_id: one.local_id,
        day: one.event_day.unwrap_or(NO_DAY),
        contribution,
    }
}

/// An id is a keyed hash of the person's first record key: it tells nothing, and is the same from month to month.
pub fn person_id(keys: &Keys, key: RecordKey) -> PersonId {
    let hash = blake3::keyed_hash(keys.person.bytes(), &key.value().to_le_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    PersonId::from_bits(u64::from_le_bytes(first))
}

/// Every record of the index with the person it is today; a key that several persons bore, once for each. It ties to somebody where the person is or was registered with a
/// practice, which is where objections are told.
fn who_is_who(index: &Index) -> Vec<(RecordKey, PersonId, Tie)> {
    let mut registered: Vec<PersonId> = index
        .observations()
        .par_iter()
        .filter(|one| one.kind == Kind::Registration)
        .map(|one| index.resolve(one.person))
        .collect();
    registered.par_sort_unstable();
    let of = |one: &Observation| {
        let person = index.resolve(one.person);
        let tie = match one.kind {
            Kind::Registration => Tie::Somebody,
            Kind::Event if registered.binary_search(&person).is_ok() => Tie::Somebody,
            Kind::Event => Tie::Nobody,
        };
        (one.key, person, tie)
    };
    index.observations().par_iter().map(of).collect()
}

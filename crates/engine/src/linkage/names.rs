//! Records by the names that `links.csv` gives them.
//!
//! `apc/123` or `gp/practice/patient` -> the record's key; keys -> names, for people to read. Invariant: without a home there is no
//! secret, so that a name gives the same key on every machine.

use super::read::{Loaded, Taken};
use super::{LinkFiles, decisions_of};
use crate::error::EngineError;
use caredata_link::{Decisions, Evidence, Index, Method, Question, Record, Settings, UnkeyedKeys};
use caredata_model::RecordKey;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// The longest name of a record, in bytes.
const LONGEST: usize = 200;

/// A record as `links.csv` names it: its source, a slash, its id.
///
/// ```
/// use caredata_engine::linkage::RecordName;
/// assert!(RecordName::parse("apc/500000000000").is_ok());
/// assert!(RecordName::parse("gp/A81001/4711").is_ok());
/// assert!(RecordName::parse("4711").is_err() && RecordName::parse("gp/A81001").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordName(String);

impl RecordName {
    /// Checks a name that a person typed.
    ///
    /// # Errors
    /// [`EngineError::NotARecord`]; what was typed is not repeated.
    pub fn parse(text: &str) -> Result<Self, EngineError> {
        let (source, id) = text.split_once('/').ok_or(EngineError::NotARecord)?;
        let known = match source {
            "gp" => id.split('/').count() == 2 && id.split('/').all(|part| !part.is_empty()),
            "apc" | "op" | "ae" => !id.is_empty(),
            _ => false,
        };
        let sound = known && text.len() <= LONGEST && !text.chars().any(char::is_control);
        if sound { Ok(Self(text.to_owned())) } else { Err(EngineError::NotARecord) }
    }

    /// Whether it is a registration at a practice.
    pub fn is_registration(&self) -> bool {
        self.0.starts_with("gp/")
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn key(&self) -> RecordKey {
        let (source, id) = self.0.split_once('/').unwrap_or_default();
        keys_of(source)(id)
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Makes the keys of many records of one source.
pub(super) fn keys_of(source: &str) -> impl Fn(&str) -> RecordKey {
    let keys = UnkeyedKeys::new(if source == "gp" { "gp-patients" } else { source });
    move |id| keys.key(id)
}

/// What is asked about, in memory: one run of the probabilistic method, and no index.
pub(super) struct Asked {
    pub(super) settings: Settings,
    pub(super) decisions: Decisions,
    index: Index,
    pub(super) registrations: Vec<Record>,
    pub(super) events: Vec<Record>,
    sources: Vec<Taken>,
}

impl Asked {
    /// Reads what a request names.
    pub(super) fn of(request: &LinkFiles) -> Result<Self, EngineError> {
        if request.method != Method::Probabilistic {
            return Err(EngineError::NoWeights);
        }
        let (settings, decisions) = (request.settings(), decisions_of(request)?);
        let Loaded { registrations, events, sources, .. } = Loaded::read(request)?;
        Ok(Self { settings, decisions, index: Index::new(), registrations, events, sources })
    }

    /// The question about all of it.
    pub(super) const fn question(&self) -> Question<'_> {
        Question {
            settings: &self.settings,
            decisions: &self.decisions,
            index: &self.index,
            registrations: self.registrations.as_slice(),
            events: self.events.as_slice(),
        }
    }

    /// The names of records.
    pub(super) fn names(&self, wanted: &HashSet<RecordKey>) -> Names {
        let mut names = HashMap::with_capacity(wanted.len());
        for (place, taken) in self.sources.iter().enumerate() {
            let records = if place == 0 { &self.registrations } else { &self.events };
            for batch in &taken.batches {
                let own = &records[batch.places()];
                for (record, id) in own.iter().zip(batch.ids(0..own.len()).iter()) {
                    if wanted.contains(&record.key) {
                        names.insert(record.key, format!("{}/{id}", taken.source));
                    }
                }
            }
        }
        Names(names)
    }
}

/// Names by key.
pub(super) struct Names(HashMap<RecordKey, String>);

impl Names {
    pub(super) fn of(&self, key: RecordKey) -> String {
        self.0.get(&key).cloned().unwrap_or_else(|| "a record of another time".to_owned())
    }

    /// The names of a person's records, the first one apart: it stands for the person.
    pub(super) fn of_person(&self, keys: &[RecordKey]) -> (String, Vec<String>) {
        let mut names: Vec<String> = keys.iter().map(|&key| self.of(key)).collect();
        names.sort_unstable();
        let mut names = names.into_iter();
        (names.next().unwrap_or_default(), names.collect())
    }
}

/// The keys of all records that evidence speaks of.
pub(super) fn keys_in<'a>(evidence: impl IntoIterator<Item = &'a Evidence>) -> HashSet<RecordKey> {
    evidence.into_iter().flat_map(|one| one.records.iter().copied()).collect()
}

//! Records by the names that `links.csv` gives them.
//!
//! `apc/123` or `gp/practice/patient` -> the record's key; keys -> names, for people to read. Invariant: without a home there is no
//! secret, so that a name gives the same key on every machine.

use super::read::{Loaded, Taken};
use crate::error::EngineError;
use caredata_admit::{RecordKeySecret, RecordKeys};
use caredata_link::{Evidence, Record};
use caredata_model::{RecordKey, SourceName};
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
    let name = if source == "gp" { "gp-patients" } else { source };
    let name = SourceName::parse(name).expect("the sources of files have names that are names");
    let keys = RecordKeys::new(&RecordKeySecret::new([0; 32]), &name);
    move |id| keys.key(id)
}

/// What is asked about, in memory.
pub(super) struct Asked {
    pub(super) registrations: Vec<Record>,
    pub(super) events: Vec<Record>,
    loaded: Loaded,
}

impl Asked {
    pub(super) fn of(loaded: Loaded) -> Self {
        let registrations = loaded.registrations.records();
        let events = loaded.events.iter().flat_map(Taken::records).collect();
        Self { registrations, events, loaded }
    }

    /// The names of records.
    pub(super) fn names(&self, wanted: &HashSet<RecordKey>) -> Names {
        let mut names = HashMap::with_capacity(wanted.len());
        for taken in std::iter::once(&self.loaded.registrations).chain(&self.loaded.events) {
            for batch in &taken.batches {
                for (row, record) in batch.records.iter().enumerate() {
                    if wanted.contains(&record.key) {
                        names.insert(record.key, format!("{}/{}", taken.source, batch.id(row)));
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

//! What a run leaves for the read view: from the register's handle of every number to the pseudonyms of the persons that it
//! is or was known by.
//!
//! In: the index as it is now, and the register's answers. Out: a file of the vault, sorted by handle, and back in memory: 18
//! bytes a row. So a read needs neither the index nor an identifier to leave somebody out. Of each person it holds
//! from which sources rows are published, by bits in the order of [`sources`], since a wish may be about one place of care.
//!
//! Invariant: every person of the index is under the handle of every number that [`known_by`](super::known_by) gives, those of
//! doubts included.

use super::linking::{Linking, known_by};
use super::{Month, Part, Present};
use crate::error::EngineError;
use crate::index_store::{column, schema};
use crate::register::Handle;
use crate::vault::{Compartment, Vault, VaultName};
use arrow_array::types::{Int64Type, UInt64Type};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, UInt64Array};
use arrow_schema::DataType;
use caredata_admit::{PersonAnswers, Setting, SourceAnswers, Subject, Tie};
use caredata_link::Kind;
use caredata_model::{NhsNumber, Passage, PersonId, SourceName};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The part of the vault's list that holds the map.
pub const PART: &str = "handles";
/// Rows written at a time.
const BATCH_ROWS: usize = 65_536;

/// One person under one handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Known {
    /// The pseudonym in the records.
    pub person: i64,
    /// From which sources rows of the person are published, by bits.
    pub published_from: u64,
}

/// The map, in memory.
#[derive(Debug, Default)]
pub struct Handles {
    sorted: Vec<u64>,
    persons: Vec<i64>,
    /// An index into `combinations`: of sources there are few combinations.
    from: Vec<u16>,
    combinations: Vec<u64>,
}

/// The sources of a home in the order of their bits: sorted by name. The last bit stands for all from the 64th on.
pub fn sources(parts: &BTreeMap<u32, Part>) -> Vec<String> {
    parts.values().map(|part| part.source.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The bit of a source.
fn bit_of(place: usize) -> u64 {
    1 << place.min(63)
}

impl Handles {
    /// Opens the map of a present; `None` where the version of caredata that made it left none.
    ///
    /// # Errors
    /// [`EngineError`] where the vault's file cannot be opened.
    pub fn load(vault: &Vault, present: &Present) -> Result<Option<Self>, EngineError> {
        let Some(name) = present.index.get(PART) else { return Ok(None) };
        let mut map = Self::default();
        let mut places: HashMap<u64, u16> = HashMap::new();
        for batch in vault.read(Compartment::Identifiers, &VaultName::parse(name)?)? {
            let batch = batch?;
            map.sorted.extend_from_slice(column::<UInt64Type>(&batch, "handle")?.values());
            map.persons.extend_from_slice(column::<Int64Type>(&batch, "person")?.values());
            for &from in column::<UInt64Type>(&batch, "published_from")?.values() {
                let place = *places.entry(from).or_insert_with(|| {
                    map.combinations.push(from);
                    u16::try_from(map.combinations.len() - 1).unwrap_or(u16::MAX)
                });
                map.from.push(place);
            }
        }
        if !map.sorted.is_sorted() {
            return Err(EngineError::Column { name: "handle" });
        }
        Ok(Some(map))
    }

    /// The persons under a handle.
    pub fn of(&self, handle: Handle) -> impl Iterator<Item = Known> + '_ {
        let first = self.sorted.partition_point(|&other| other < handle.0);
        let rows = (first..self.sorted.len()).take_while(move |&row| self.sorted[row] == handle.0);
        // A combination beyond those that have a number may be any: every bit, so that any wish about a place counts.
        let from = |row: usize| match self.from[row] {
            u16::MAX => u64::MAX,
            place => self.combinations.get(usize::from(place)).copied().unwrap_or(u64::MAX),
        };
        rows.map(move |row| Known { person: self.persons[row], published_from: from(row) })
    }

    /// The handles, sorted; one stands once for each of its persons.
    pub fn sorted(&self) -> &[u64] {
        &self.sorted
    }

    /// The number of rows.
    pub const fn count(&self) -> usize {
        self.sorted.len()
    }
}

impl Month<'_> {
    /// Writes the map as it is after this run, and gives its entry in the vault's list.
    pub(super) fn store_handles(
        &self,
        parts: &BTreeMap<u32, Part>,
        linking: &Linking,
        answers: &PersonAnswers,
    ) -> Result<(String, String), EngineError> {
        let from = published_from(parts, linking, answers);
        let mut pairs: Vec<(NhsNumber, PersonId)> = known_by(&linking.index)
            .filter_map(|(person, subject)| match subject {
                Subject::Number(number) => Some((number, person)),
                Subject::Record(_) => None,
            })
            .collect();
        pairs.par_sort_unstable();
        pairs.dedup();
        let row = |&(number, person): &(NhsNumber, PersonId)| {
            let known = Known {
                person: self.pseudonyms.of(person),
                published_from: from.get(&person).copied().unwrap_or_default(),
            };
            (self.register.handle(number), known)
        };
        let mut rows: Vec<(Handle, Known)> = pairs.par_iter().map(row).collect();
        rows.par_sort_unstable();
        let name = format!("index-{}-{PART}", self.run.0);
        write(&self.vault, &VaultName::parse(&name)?, &rows)?;
        Ok((PART.to_owned(), name))
    }
}

/// Writes a map whose rows are sorted.
///
/// # Errors
/// [`EngineError`] where the file cannot be written.
pub fn write(vault: &Vault, name: &VaultName, rows: &[(Handle, Known)]) -> Result<(), EngineError> {
    let schema =
        schema(&[("handle", DataType::UInt64), ("person", DataType::Int64), ("published_from", DataType::UInt64)]);
    let mut writer = vault.writer(Compartment::Identifiers, name, Arc::clone(&schema))?;
    for some in rows.chunks(BATCH_ROWS) {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from_iter_values(some.iter().map(|(handle, _)| handle.0))),
            Arc::new(Int64Array::from_iter_values(some.iter().map(|(_, known)| known.person))),
            Arc::new(UInt64Array::from_iter_values(some.iter().map(|(_, known)| known.published_from))),
        ];
        let batch =
            RecordBatch::try_new(Arc::clone(&schema), columns).map_err(EngineError::arrow("storing handles"))?;
        writer.write(&batch)?;
    }
    writer.finish().map(drop)
}

/// From which sources rows of each person are published.
fn published_from(parts: &BTreeMap<u32, Part>, linking: &Linking, answers: &PersonAnswers) -> HashMap<PersonId, u64> {
    let sources = sources(parts);
    let bound: HashSet<i64> = answers.bound().iter().map(|registration| registration.value()).collect();
    let of_contribution: HashMap<u32, (u64, SourceAnswers<'_>)> = parts
        .iter()
        .filter_map(|(&number, part)| {
            let place = sources.binary_search(&part.source).ok()?;
            let name = SourceName::parse(&part.source).ok()?;
            Some((number, (bit_of(place), answers.of_source(Passage::StoredRecord, setting_of(&part.source), &name))))
        })
        .collect();
    let mut from: HashMap<PersonId, u64> = HashMap::new();
    for one in linking.index.observations() {
        let Some((bit, answers)) = of_contribution.get(&one.contribution) else { continue };
        let person = linking.index.resolve(one.person);
        let is_bound = one.kind == Kind::Registration && bound.contains(&one.key.value());
        if !is_bound && answers.withhold(person, Tie::Somebody).is_none() {
            *from.entry(person).or_default() |= bit;
        }
    }
    from
}

/// The setting of a source as contributions name it.
pub fn setting_of(source: &str) -> Setting {
    if Setting::GP_SOURCES.contains(&source) { Setting::GeneralPractice } else { Setting::Elsewhere }
}

/// The sources of a person's published rows, by the bits; where the last bit is set, all from there on.
pub fn sources_in(bits: u64, sources: &[String]) -> impl Iterator<Item = &String> {
    sources.iter().enumerate().filter(move |(place, _)| bits & bit_of(*place) != 0).map(|(_, source)| source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Keys;

    #[test]
    fn persons_are_found_under_each_of_their_handles() {
        let place = tempfile::tempdir().expect("a folder");
        let keys = Keys::create(&place.path().join("keys")).expect("keys");
        let vault = Vault::open(&place.path().join("vault"), &keys).expect("a vault");
        let known = |person, published_from| Known { person, published_from };
        let rows = [
            (Handle(1), known(10, 1)),
            (Handle(7), known(11, 3)),
            (Handle(7), known(12, 1)),
            (Handle(u64::MAX), known(10, 1)),
        ];
        let name = VaultName::parse("index-1-handles").expect("a name");
        write(&vault, &name, &rows).expect("written");
        let mut present = Present::default();
        assert!(Handles::load(&vault, &present).expect("read").is_none());
        present.index.insert(PART.to_owned(), name.to_string());
        let map = Handles::load(&vault, &present).expect("read").expect("a map");
        let of = |handle| map.of(Handle(handle)).collect::<Vec<_>>();
        assert_eq!(of(7), [known(11, 3), known(12, 1)]);
        assert_eq!((of(1), of(u64::MAX), of(2)), (vec![known(10, 1)], vec![known(10, 1)], vec![]));
        assert_eq!(map.count(), 4);
    }

    #[test]
    fn sources_beyond_the_last_bit_share_it() {
        let names: Vec<String> = (0..70).map(|number| format!("s{number:02}")).collect();
        let chosen = |bits| sources_in(bits, &names).cloned().collect::<Vec<_>>();
        assert_eq!(chosen(0b101), ["s00", "s02"]);
        assert_eq!(chosen(1 << 63), names[63..]);
    }
}

//! The person index at rest: plain observations in and out of encrypted files of a vault.
//!
//! One file a contribution, written once; one for merges, splits and doubts, written anew by each run that changes them. So a
//! month costs what the month brings, not what the years before it brought.

use crate::error::EngineError;
use crate::vault::{Compartment, Vault, VaultName};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, UInt8Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use caredata_link::{Certainty, Change, Index, Kind, Observation, Reason};
use caredata_model::{Day, Identifiers, PersonId, RecordKey};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// The part of the index that holds merges, splits and doubts.
const CHANGES: &str = "changes";
/// Kinds and reasons in the order of the numbers that stand for them in the files.
const KINDS: [Kind; 2] = [Kind::Registration, Kind::Event];
const REASONS: [Reason; 5] = [
    Reason::SameNumberAndBirthDate,
    Reason::SameBirthDateAndPostcode,
    Reason::IdentifiersReplaced,
    Reason::InReview,
    Reason::JudgedAgain,
];
const CERTAINTIES: [Certainty; 3] = [Certainty::Open, Certainty::Sure, Certainty::Numbered];
/// The files of an index in the vault, by part.
pub type IndexParts = BTreeMap<String, String>;
/// Merges, splits and doubts, in the order of the numbers that stand for them in their file.
const CHANGE_KINDS: usize = 3;
/// Rows written at a time.
const BATCH_ROWS: usize = 65_536;

pub(crate) fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
    let field = |(name, kind): &(&str, DataType)| Field::new(*name, kind.clone(), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn observation_schema() -> SchemaRef {
    use DataType::{Int64, UInt8, UInt32, UInt64, Utf8};
    schema(&[
        ("record_key", Int64),
        ("person", Int64),
        ("postcode_word", UInt64),
        ("identity_word", UInt64),
        ("provider", UInt32),
        ("local_id", UInt64),
        ("day", DataType::Int32),
        ("kind", UInt8),
        ("certainty", UInt8),
        ("local_key", Utf8),
    ])
}

fn change_schema() -> SchemaRef {
    use DataType::{Int64, UInt8, UInt32};
    schema(&[
        ("change", UInt8),
        ("from", Int64),
        ("into", Int64),
        ("reason", UInt8),
        ("contribution", UInt32),
        ("record_key", Int64),
    ])
}

/// Reads an index.
///
/// # Errors
/// [`EngineError`] where a file of the vault cannot be opened.
pub fn load(vault: &Vault, parts: &IndexParts) -> Result<Index, EngineError> {
    let changes_part = parts.get(CHANGES);
    let mut parts = observation_parts(parts);
    // In the order in which contributions first came: of two persons whom one key named, the later counts.
    parts.sort_unstable();
    let observations = parts
        .into_par_iter()
        .map(|(contribution, name)| load_observations(vault, contribution, name))
        .collect::<Result<Vec<_>, _>>()?
        .concat();
    let mut changes: [Vec<Change>; CHANGE_KINDS] = Default::default();
    if let Some(name) = changes_part {
        for batch in vault.read(Compartment::Identifiers, &VaultName::parse(name)?)? {
            let batch = batch?;
            let kind = column::<UInt8Type>(&batch, "change")?;
            let (from, into) = (column::<Int64Type>(&batch, "from")?, column::<Int64Type>(&batch, "into")?);
            let reason = column::<UInt8Type>(&batch, "reason")?;
            let contribution = column::<UInt32Type>(&batch, "contribution")?;
            // Files of the first version had no such column.
            let records = column::<Int64Type>(&batch, "record_key").ok();
            for row in 0..batch.num_rows() {
                let change = Change {
                    from: person(from.value(row)),
                    into: person(into.value(row)),
                    reason: numbered(&REASONS, reason.value(row), "reason")?,
                    contribution: contribution.value(row),
                    record: records.filter(|records| records.is_valid(row)).map(|records| key(records.value(row))),
                };
                let of_kind = changes.get_mut(usize::from(kind.value(row)));
                of_kind.ok_or(EngineError::Column { name: "change" })?.push(change);
            }
        }
    }
    let [merges, splits, doubts] = changes;
    Ok(Index::from_parts(observations, merges, splits, doubts))
}

/// Writes what this run brought and gives the new list of the index's parts.
///
/// `fresh` are the numbers of this run's contributions, each with its records' own names; observations of others lie in the vault
/// already, and `before` lists them.
///
/// # Errors
/// [`EngineError`] where a file cannot be written.
pub fn store(
    vault: &Vault,
    publication: i64,
    index: &Index,
    fresh: &BTreeMap<u32, Vec<LocalKey<'_>>>,
    before: &IndexParts,
) -> Result<IndexParts, EngineError> {
    let held = index.contributions();
    let mut parts: IndexParts = before
        .iter()
        .filter(|(part, _)| contribution_of(part).is_ok_and(|number| held.contains(&number)))
        .map(|(part, name)| (part.clone(), name.clone()))
        .collect();
    let mut observations: HashMap<u32, Vec<&Observation>> = HashMap::new();
    for observation in index.observations().iter().filter(|one| fresh.contains_key(&one.contribution)) {
        observations.entry(observation.contribution).or_default().push(observation);
    }
    for (&contribution, local) in fresh {
        let part = format!("observations-{contribution}");
        let name = format!("index-{publication}-{contribution}");
        let mut own = observations.remove(&contribution).unwrap_or_default();
        own.par_sort_unstable_by_key(|observation| observation.key);
        let mut local = local.clone();
        local.par_sort_unstable();
        let batches =
            own.par_chunks(BATCH_ROWS).map(|own| observation_batch(own, &local)).collect::<Result<Vec<_>, _>>()?;
        vault.write(Compartment::Identifiers, &VaultName::parse(&name)?, observation_schema(), batches)?;
        parts.insert(part, name);
    }
    let name = format!("index-{publication}-{CHANGES}");
    let changes = change_batch(index)?;
    vault.write(Compartment::Identifiers, &VaultName::parse(&name)?, change_schema(), [changes])?;
    parts.insert(CHANGES.to_owned(), name);
    Ok(parts)
}

/// The files of observations, by contribution.
fn observation_parts(parts: &IndexParts) -> Vec<(u32, &String)> {
    parts.iter().filter_map(|(part, name)| Some((contribution_of(part).ok()?, name))).collect()
}

/// What records of the index are called where they came from, and by which contribution they came.
///
/// # Errors
/// As [`load`].
pub fn names(
    vault: &Vault,
    parts: &IndexParts,
    wanted: &HashSet<RecordKey>,
) -> Result<HashMap<RecordKey, (u32, String)>, EngineError> {
    let mut names = HashMap::with_capacity(wanted.len());
    for (contribution, name) in observation_parts(parts).into_iter().filter(|_| !wanted.is_empty()) {
        for batch in vault.read(Compartment::Identifiers, &VaultName::parse(name)?)? {
            let batch = batch?;
            let keys = column::<Int64Type>(&batch, "record_key")?;
            let local = texts(&batch, "local_key")?;
            for (row, local) in local.iter().enumerate().filter(|&(row, _)| wanted.contains(&key(keys.value(row)))) {
                if let Some(local) = local {
                    names.insert(key(keys.value(row)), (contribution, local.to_owned()));
                }
            }
        }
    }
    Ok(names)
}

fn contribution_of(part: &str) -> Result<u32, EngineError> {
    let number = part.strip_prefix("observations-").and_then(|number| number.parse().ok());
    number.ok_or(EngineError::Column { name: "contribution" })
}

fn load_observations(vault: &Vault, contribution: u32, name: &str) -> Result<Vec<Observation>, EngineError> {
    let mut observations = Vec::new();
    for batch in vault.read(Compartment::Identifiers, &VaultName::parse(name)?)? {
        let batch = batch?;
        let (keys, persons) = (column::<Int64Type>(&batch, "record_key")?, column::<Int64Type>(&batch, "person")?);
        let postcodes = column::<UInt64Type>(&batch, "postcode_word")?;
        let identities = column::<UInt64Type>(&batch, "identity_word")?;
        let providers = column::<UInt32Type>(&batch, "provider")?;
        let local_ids = column::<UInt64Type>(&batch, "local_id")?;
        let days = column::<Int32Type>(&batch, "day")?;
        let kinds = column::<UInt8Type>(&batch, "kind")?;
        // Files of the first version did not say, so that their events are judged again.
        let certainties = column::<UInt8Type>(&batch, "certainty").ok();
        for row in 0..batch.num_rows() {
            observations.push(Observation {
                key: key(keys.value(row)),
                person: person(persons.value(row)),
                identifiers: Identifiers::from_words([postcodes.value(row), identities.value(row)]),
                provider: providers.value(row),
                local_id: local_ids.value(row),
                day: Day::from_days_since_1970(days.value(row)).map_err(|_| EngineError::Column { name: "day" })?,
                contribution,
                kind: numbered(&KINDS, kinds.value(row), "kind")?,
                certainty: numbered(&CERTAINTIES, certainties.map_or(0, |all| all.value(row)), "certainty")?,
            });
        }
    }
    Ok(observations)
}

/// A record and what it is called where it came from.
pub type LocalKey<'a> = (RecordKey, &'a str);

fn observation_batch(own: &[&Observation], local: &[LocalKey<'_>]) -> Result<RecordBatch, EngineError> {
    let columns: Vec<ArrayRef> = vec![
        numbers::<Int64Type, _>(own, |one| one.key.value()),
        numbers::<Int64Type, _>(own, |one| one.person.value()),
        numbers::<UInt64Type, _>(own, |one| one.identifiers.to_words()[0]),
        numbers::<UInt64Type, _>(own, |one| one.identifiers.to_words()[1]),
        numbers::<UInt32Type, _>(own, |one| one.provider),
        numbers::<UInt64Type, _>(own, |one| one.local_id),
        numbers::<Int32Type, _>(own, |one| one.day.days_since_1970()),
        numbers::<UInt8Type, _>(own, |one| one.kind as u8),
        numbers::<UInt8Type, _>(own, |one| one.certainty as u8),
        Arc::new(local_keys(own, local)),
    ];
    RecordBatch::try_new(observation_schema(), columns).map_err(EngineError::arrow("storing the index"))
}

/// The local keys of sorted observations, from names in the same order: two sorted lists walked side by side.
fn local_keys(own: &[&Observation], local: &[LocalKey<'_>]) -> StringArray {
    let first = own.first().map_or(0, |one| local.partition_point(|&(other, _)| other < one.key));
    let mut rest = local[first..].iter().peekable();
    own.iter()
        .map(|one| {
            while rest.next_if(|&&(other, _)| other < one.key).is_some() {}
            rest.peek().filter(|&&&(other, _)| other == one.key).map(|&&(_, local)| local)
        })
        .collect()
}

fn change_batch(index: &Index) -> Result<RecordBatch, EngineError> {
    let changes: [&[Change]; CHANGE_KINDS] = [index.merges(), index.splits(), index.doubts()];
    let marked = (0..).zip(changes).flat_map(|(kind, changes)| changes.iter().map(move |change| (kind, change)));
    let marked: Vec<(u8, &Change)> = marked.collect();
    let columns: Vec<ArrayRef> = vec![
        numbers::<UInt8Type, _>(&marked, |(kind, _)| *kind),
        numbers::<Int64Type, _>(&marked, |(_, change)| change.from.value()),
        numbers::<Int64Type, _>(&marked, |(_, change)| change.into.value()),
        numbers::<UInt8Type, _>(&marked, |(_, change)| change.reason as u8),
        numbers::<UInt32Type, _>(&marked, |(_, change)| change.contribution),
        Arc::new(
            marked.iter().map(|(_, change)| change.record.map(RecordKey::value)).collect::<PrimitiveArray<Int64Type>>(),
        ),
    ];
    RecordBatch::try_new(change_schema(), columns).map_err(EngineError::arrow("storing the index"))
}

fn numbers<T: ArrowPrimitiveType, R>(rows: &[R], value: impl Fn(&R) -> T::Native) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::from_iter_values(rows.iter().map(value)))
}

pub(crate) fn column<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &'static str,
) -> Result<&'a PrimitiveArray<T>, EngineError> {
    batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<T>()).ok_or(EngineError::Column { name })
}

pub(crate) fn texts<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<&'a StringArray, EngineError> {
    batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>()).ok_or(EngineError::Column { name })
}

fn numbered<T: Copy>(of: &[T], number: u8, name: &'static str) -> Result<T, EngineError> {
    of.get(usize::from(number)).copied().ok_or(EngineError::Column { name })
}

const fn person(value: i64) -> PersonId {
    PersonId::from_bits(value.cast_unsigned())
}

pub(crate) const fn key(value: i64) -> RecordKey {
    RecordKey::from_bits(value.cast_unsigned())
}

//! The person index in the vault: plain observations in and out of encrypted files.
//!
//! One file a contribution, written once; one for merges, splits and doubts, written anew by each run that changes them. So a
//! month costs what the month brings, not what the years before it brought.

use super::state::Present;
use crate::error::EngineError;
use crate::vault::{Compartment, Vault, VaultName};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, UInt8Type, UInt32Type, UInt64Type};
use arrow_array::{ArrayRef, ArrowPrimitiveType, PrimitiveArray, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use caredata_admit::Identified;
use caredata_link::{Change, Index, Kind, Observation, Reason};
use caredata_model::{Day, Identifiers, PersonId, RecordKey};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The part of the index that holds merges, splits and doubts.
const CHANGES: &str = "changes";
/// The part that holds the practices' tokens.
const TOKENS: &str = "tokens";
/// Kinds and reasons in the order of the numbers that stand for them in the files.
const KINDS: [Kind; 2] = [Kind::Registration, Kind::Event];
const REASONS: [Reason; 4] =
    [Reason::SameNumberAndBirthDate, Reason::SameBirthDateAndPostcode, Reason::IdentifiersReplaced, Reason::InReview];
/// Merges, splits and doubts, in the order of the numbers that stand for them in their file.
const CHANGE_KINDS: usize = 3;
/// Rows written at a time.
const BATCH_ROWS: usize = 65_536;

fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
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
        ("local_key", Utf8),
    ])
}

fn change_schema() -> SchemaRef {
    use DataType::{Int64, UInt8, UInt32};
    schema(&[("change", UInt8), ("from", Int64), ("into", Int64), ("reason", UInt8), ("contribution", UInt32)])
}

/// Reads the index of the present.
///
/// # Errors
/// [`EngineError`] where a file of the vault cannot be opened.
pub fn load(vault: &Vault, present: &Present) -> Result<Index, EngineError> {
    let mut parts: Vec<(u32, &String)> =
        present.index.iter().filter_map(|(part, name)| Some((contribution_of(part).ok()?, name))).collect();
    // In the order in which contributions first came: of two persons whom one key named, the later counts.
    parts.sort_unstable();
    let observations = parts
        .into_par_iter()
        .map(|(contribution, name)| load_observations(vault, contribution, name))
        .collect::<Result<Vec<_>, _>>()?
        .concat();
    let mut changes: [Vec<Change>; CHANGE_KINDS] = Default::default();
    if let Some(name) = present.index.get(CHANGES) {
        for batch in vault.read(Compartment::Identifiers, &VaultName::parse(name)?)? {
            let batch = batch?;
            let kind = column::<UInt8Type>(&batch, "change")?;
            let (from, into) = (column::<Int64Type>(&batch, "from")?, column::<Int64Type>(&batch, "into")?);
            let reason = column::<UInt8Type>(&batch, "reason")?;
            let contribution = column::<UInt32Type>(&batch, "contribution")?;
            for row in 0..batch.num_rows() {
                let change = Change {
                    from: person(from.value(row)),
                    into: person(into.value(row)),
                    reason: numbered(&REASONS, reason.value(row), "reason")?,
                    contribution: contribution.value(row),
                };
                let of_kind = changes.get_mut(usize::from(kind.value(row)));
                of_kind.ok_or(EngineError::Column { name: "change" })?.push(change);
            }
        }
    }
    let [merges, splits, doubts] = changes;
    Ok(Index::from_parts(observations, merges, splits, doubts))
}

/// Every token that packages ever gave, with its registration.
///
/// # Errors
/// As [`load`].
pub fn load_tokens(vault: &Vault, present: &Present) -> Result<HashMap<String, RecordKey>, EngineError> {
    let mut tokens = HashMap::new();
    let Some(name) = present.index.get(TOKENS) else { return Ok(tokens) };
    for batch in vault.read(Compartment::Identifiers, &VaultName::parse(name)?)? {
        let batch = batch?;
        let keys = column::<Int64Type>(&batch, "record_key")?;
        let texts = batch.column_by_name("token").and_then(|column| column.as_string_opt::<i32>());
        let texts = texts.ok_or(EngineError::Column { name: "token" })?;
        tokens.extend(texts.iter().flatten().map(str::to_owned).zip(keys.values().iter().map(|&value| key(value))));
    }
    Ok(tokens)
}

/// Stores tokens beside those of earlier runs: one that was sent once may be stopped at any time, whatever replaced the
/// package since.
fn store_tokens(
    vault: &Vault,
    publication: i64,
    present: &Present,
    fresh: &HashMap<String, RecordKey>,
) -> Result<Option<String>, EngineError> {
    if fresh.is_empty() {
        return Ok(present.index.get(TOKENS).cloned());
    }
    let mut tokens = load_tokens(vault, present)?;
    tokens.extend(fresh.iter().map(|(token, key)| (token.clone(), *key)));
    let schema = schema(&[("record_key", DataType::Int64), ("token", DataType::Utf8)]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(tokens.values().map(|key| Some(key.value())).collect::<PrimitiveArray<Int64Type>>()),
        Arc::new(StringArray::from_iter_values(tokens.keys())),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(EngineError::arrow("storing tokens"))?;
    let name = format!("index-{publication}-{TOKENS}");
    vault.write(Compartment::Identifiers, &VaultName::parse(&name)?, schema, [batch])?;
    Ok(Some(name))
}

/// Writes what this run brought and gives the new list of the index's parts.
///
/// `fresh` are the numbers of this run's contributions; observations of others lie in the vault already.
///
/// # Errors
/// [`EngineError`] where a file cannot be written.
pub fn store(
    vault: &Vault,
    publication: i64,
    index: &Index,
    fresh: &BTreeMap<u32, Vec<&Identified>>,
    tokens: &HashMap<String, RecordKey>,
    present: &Present,
) -> Result<BTreeMap<String, String>, EngineError> {
    let held = index.contributions();
    let mut parts: BTreeMap<String, String> = present
        .index
        .iter()
        .filter(|(part, _)| contribution_of(part).is_ok_and(|number| held.contains(&number)))
        .map(|(part, name)| (part.clone(), name.clone()))
        .collect();
    let mut observations: HashMap<u32, Vec<&Observation>> = HashMap::new();
    for observation in index.observations().iter().filter(|one| fresh.contains_key(&one.contribution)) {
        observations.entry(observation.contribution).or_default().push(observation);
    }
    for (&contribution, identified) in fresh {
        let part = format!("observations-{contribution}");
        let name = format!("index-{publication}-{contribution}");
        let mut own = observations.remove(&contribution).unwrap_or_default();
        own.par_sort_unstable_by_key(|observation| observation.key);
        let mut local: Vec<&Identified> = identified.clone();
        local.par_sort_unstable_by_key(|one| one.key);
        let batches =
            own.par_chunks(BATCH_ROWS).map(|own| observation_batch(own, &local)).collect::<Result<Vec<_>, _>>()?;
        vault.write(Compartment::Identifiers, &VaultName::parse(&name)?, observation_schema(), batches)?;
        parts.insert(part, name);
    }
    let name = format!("index-{publication}-{CHANGES}");
    let changes = change_batch(index)?;
    vault.write(Compartment::Identifiers, &VaultName::parse(&name)?, change_schema(), [changes])?;
    parts.insert(CHANGES.to_owned(), name);
    parts.extend(store_tokens(vault, publication, present, tokens)?.map(|name| (TOKENS.to_owned(), name)));
    Ok(parts)
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
            });
        }
    }
    Ok(observations)
}

fn observation_batch(own: &[&Observation], local: &[&Identified]) -> Result<RecordBatch, EngineError> {
    let columns: Vec<ArrayRef> = vec![
        numbers::<Int64Type, _>(own, |one| one.key.value()),
        numbers::<Int64Type, _>(own, |one| one.person.value()),
        numbers::<UInt64Type, _>(own, |one| one.identifiers.to_words()[0]),
        numbers::<UInt64Type, _>(own, |one| one.identifiers.to_words()[1]),
        numbers::<UInt32Type, _>(own, |one| one.provider),
        numbers::<UInt64Type, _>(own, |one| one.local_id),
        numbers::<Int32Type, _>(own, |one| one.day.days_since_1970()),
        numbers::<UInt8Type, _>(own, |one| one.kind as u8),
        Arc::new(local_keys(own, local)),
    ];
    RecordBatch::try_new(observation_schema(), columns).map_err(EngineError::arrow("storing the index"))
}

/// The local keys of sorted observations, from identified rows in the same order: two sorted lists walked side by side.
fn local_keys(own: &[&Observation], local: &[&Identified]) -> StringArray {
    let first = own.first().map_or(0, |one| local.partition_point(|other| other.key < one.key));
    let mut rest = local[first..].iter().peekable();
    own.iter()
        .map(|one| {
            while rest.next_if(|other| other.key < one.key).is_some() {}
            rest.peek().filter(|other| other.key == one.key).map(|other| &*other.local_key)
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
    ];
    RecordBatch::try_new(change_schema(), columns).map_err(EngineError::arrow("storing the index"))
}

fn numbers<T: ArrowPrimitiveType, R>(rows: &[R], value: impl Fn(&R) -> T::Native) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::from_iter_values(rows.iter().map(value)))
}

fn column<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &'static str,
) -> Result<&'a PrimitiveArray<T>, EngineError> {
    batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<T>()).ok_or(EngineError::Column { name })
}

fn numbered<T: Copy>(of: &[T], number: u8, name: &'static str) -> Result<T, EngineError> {
    of.get(usize::from(number)).copied().ok_or(EngineError::Column { name })
}

const fn person(value: i64) -> PersonId {
    PersonId::from_bits(value.cast_unsigned())
}

const fn key(value: i64) -> RecordKey {
    RecordKey::from_bits(value.cast_unsigned())
}

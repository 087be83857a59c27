//! The practices' tokens in the vault: with which registration each goes.
//!
//! Tokens of packages in and out of one encrypted file, which each run that brings new ones writes anew.

use super::state::Present;
use crate::error::EngineError;
use crate::index_store::{column, key, schema, texts};
use crate::vault::{Compartment, Vault, VaultName};
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, PrimitiveArray, RecordBatch, StringArray};
use arrow_schema::DataType;
use caredata_model::RecordKey;
use std::collections::HashMap;
use std::sync::Arc;

/// The part of the index that holds the tokens.
const TOKENS: &str = "tokens";

/// Every token that packages ever gave, with its registration.
///
/// # Errors
/// [`EngineError`] where a file of the vault cannot be opened.
pub fn load(vault: &Vault, present: &Present) -> Result<HashMap<String, RecordKey>, EngineError> {
    let mut tokens = HashMap::new();
    let Some(name) = present.index.get(TOKENS) else { return Ok(tokens) };
    for batch in vault.read(Compartment::Identifiers, &VaultName::parse(name)?)? {
        let batch = batch?;
        let keys = column::<Int64Type>(&batch, "record_key")?;
        let texts = texts(&batch, "token")?;
        tokens.extend(texts.iter().flatten().map(str::to_owned).zip(keys.values().iter().map(|&value| key(value))));
    }
    Ok(tokens)
}

/// Stores tokens beside those of earlier runs: one that was sent once may be stopped at any time, whatever replaced the
/// package since. Gives the part and its file.
///
/// # Errors
/// [`EngineError`] where a file cannot be written.
pub fn store(
    vault: &Vault,
    publication: i64,
    present: &Present,
    fresh: &HashMap<String, RecordKey>,
) -> Result<Option<(String, String)>, EngineError> {
    if fresh.is_empty() {
        return Ok(present.index.get_key_value(TOKENS).map(|(part, name)| (part.clone(), name.clone())));
    }
    let mut tokens = load(vault, present)?;
    tokens.extend(fresh.iter().map(|(token, key)| (token.clone(), *key)));
    let schema = schema(&[("record_key", DataType::Int64), ("token", DataType::Utf8)]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(tokens.values().map(|key| Some(key.value())).collect::<PrimitiveArray<Int64Type>>()),
        Arc::new(StringArray::from_iter_values(tokens.keys())),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(EngineError::arrow("storing tokens"))?;
    let name = format!("index-{publication}-{TOKENS}");
    vault.write(Compartment::Identifiers, &VaultName::parse(&name)?, schema, [batch])?;
    Ok(Some((TOKENS.to_owned(), name)))
}

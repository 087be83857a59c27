//! Commits to the Delta tables: files added and removed in one atomic step a table.
//!
//! Invariant: a change is applied at most once, however often it is tried: each commit carries the publication's number as
//! an application transaction, and a table that already has it is left alone.

use super::{DataFile, folder, sync_folder};
use crate::error::EngineError;
use caredata_deidentify::schema;
use caredata_extract::Table;
use deltalake::DeltaTable;
use deltalake::DeltaTableBuilder;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, Remove, StructType, Transaction};
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;
use url::Url;

/// The name under which commits carry their publication's number.
pub(super) const APPLICATION: &str = "caredata";

/// What one publication does to one table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Files that join the table.
    pub added: Vec<DataFile>,
    /// Files that leave it; they stay on disk for time travel until a purge.
    pub removed: Vec<DataFile>,
}

/// Applies `change` to `table` as publication number `publication`; makes the table where there is none.
///
/// # Errors
/// [`EngineError::Table`] where the table cannot be read or the commit does not succeed.
pub async fn commit(records: &Path, table: Table, publication: i64, change: &Change) -> Result<(), EngineError> {
    let fault = |source| EngineError::Table { table: table.name(), source: Box::new(source) };
    let delta = open_or_create(records, table).await?;
    let state = delta.snapshot().map_err(fault)?;
    let seen = state.transaction_version(delta.log_store().as_ref(), APPLICATION).await.map_err(fault)?;
    if seen.is_some_and(|seen| seen >= publication) || (change.added.is_empty() && change.removed.is_empty()) {
        return Ok(());
    }
    let now = jiff::Timestamp::now().as_millisecond();
    let removed = change.removed.iter().map(|file| Action::Remove(remove(file, now)));
    let added = change.added.iter().map(|file| Action::Add(add(file, now)));
    // Old versions are kept until somebody purges them, so the log is neither cut nor checkpointed behind our back.
    let properties = CommitProperties::default()
        .with_create_checkpoint(false)
        .with_cleanup_expired_logs(Some(false))
        .with_application_transaction(Transaction::new_with_last_update(APPLICATION, publication, Some(now)));
    let committed = CommitBuilder::from(properties)
        .with_actions(removed.chain(added).collect())
        .build(
            Some(state),
            delta.log_store(),
            DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None },
        )
        .await
        .map_err(fault)?;
    // The commit must outlive a power cut before the register says that it is done.
    let log = folder(records, table).join("_delta_log");
    let entry = log.join(format!("{:020}.json", committed.version()));
    let synced = std::fs::File::open(&entry).and_then(|entry| entry.sync_all());
    synced.map_err(EngineError::io("syncing a table's log", &entry))?;
    sync_folder(&log)?;
    sync_folder(records)
}

/// The names of the files that the table's own log lists as its present.
///
/// # Errors
/// [`EngineError::Table`] where the table cannot be read.
pub async fn active_files(records: &Path, table: Table) -> Result<Vec<String>, EngineError> {
    let fault = |source| EngineError::Table { table: table.name(), source: Box::new(source) };
    let delta = open_or_create(records, table).await?;
    let uris = delta.get_file_uris().map_err(fault)?;
    Ok(uris.map(|uri| uri.rsplit('/').next().unwrap_or_default().to_owned()).collect())
}

pub(super) async fn open_or_create(records: &Path, table: Table) -> Result<DeltaTable, EngineError> {
    let fault = |source| EngineError::Table { table: table.name(), source: Box::new(source) };
    let place = folder(records, table);
    std::fs::create_dir_all(&place).map_err(EngineError::io("making a table's folder", &place))?;
    let url = url_of(&place)?;
    let mut delta = DeltaTableBuilder::from_url(url.clone()).and_then(DeltaTableBuilder::build).map_err(fault)?;
    if delta.verify_deltatable_existence().await.map_err(fault)? {
        delta.load().await.map_err(fault)?;
        return Ok(delta);
    }
    let columns: StructType = schema(table).as_ref().try_into_kernel().map_err(|source| fault(source.into()))?;
    CreateBuilder::new()
        .with_location(url)
        .with_table_name(table.name())
        .with_columns(columns.fields().cloned())
        .with_save_mode(SaveMode::Ignore)
        .await
        .map_err(fault)
}

pub(super) fn add(file: &DataFile, now: i64) -> Add {
    Add {
        path: file.name.clone(),
        size: file.bytes as i64,
        modification_time: now,
        data_change: true,
        stats: Some(format!("{{\"numRecords\":{}}}", file.rows)),
        ..Add::default()
    }
}

/// The table whose log lies under `place`.
pub(super) async fn load(place: &Path, table: Table) -> Result<DeltaTable, EngineError> {
    let fault = |source| EngineError::Table { table: table.name(), source: Box::new(source) };
    let mut delta = DeltaTableBuilder::from_url(url_of(place)?).and_then(DeltaTableBuilder::build).map_err(fault)?;
    delta.load().await.map_err(fault)?;
    Ok(delta)
}

fn url_of(place: &Path) -> Result<Url, EngineError> {
    let place = place.canonicalize().map_err(EngineError::io("finding a table's folder", place))?;
    Url::from_directory_path(&place).map_err(|()| EngineError::Path { path: place.clone() })
}

fn remove(file: &DataFile, now: i64) -> Remove {
    Remove {
        path: file.name.clone(),
        data_change: true,
        deletion_timestamp: Some(now),
        extended_file_metadata: Some(true),
        partition_values: Some(HashMap::new()),
        size: Some(file.bytes as i64),
        ..Remove::default()
    }
}

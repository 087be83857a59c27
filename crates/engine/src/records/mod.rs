//! The linked record at rest: Delta tables under `records/`, written once, read by anybody's tools.
//!
//! In: batches that passed de-identification. Out: Parquet files, atomic commits that add and remove whole files, and
//! [`ReadView`], through which alone others read them. Invariant: a data file is never changed; what the present
//! is, a publication's list of files says.

mod delta;
mod history;
mod key_set;
mod left_out;
mod reader;
mod rewrite;
mod view;
mod writer;

pub use delta::Change;
pub(crate) use delta::{active_files, commit};
pub(crate) use history::{begin_log_anew, forget_building, log_of_before, unlisted};
pub(crate) use key_set::KeySet;
pub(crate) use reader::RawView;
pub(crate) use rewrite::{PublishedAgain, RowRule, Who, read, rewrite};
pub use view::ReadView;
pub(crate) use writer::{TableWriter, sync_folder};

use crate::error::EngineError;
use caredata_extract::Table;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// One Parquet file of a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DataFile {
    /// The table's name.
    pub table: String,
    /// The file's name within the table's folder.
    pub name: String,
    /// The source whose rows it holds.
    pub source: String,
    /// The period of the contribution, `2014-04` or a range.
    pub period: String,
    /// Rows in the file.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// BLAKE3 of the file in hexadecimal digits; empty for one of a version that did not note it.
    #[serde(default)]
    pub blake3: String,
}

/// Every table of the linked record.
pub const TABLES: [Table; 6] =
    [Table::Persons, Table::Journals, Table::Admissions, Table::Outpatients, Table::Emergency, Table::Other];

/// A runtime for the libraries that need one; everything of ours is synchronous.
///
/// # Errors
/// [`EngineError::Io`] where the system has no thread to spare.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, EngineError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(EngineError::io("starting threads for", "the records"))
}

/// The folder of one table.
pub(crate) fn folder(records: &Path, table: Table) -> PathBuf {
    records.join(table.name())
}

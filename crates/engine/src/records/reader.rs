//! The read view: `DataFusion` over exactly the files of one publication.
//!
//! Whatever a run is doing meanwhile, a view shows the last good version: it is given the list of files, it does not look
//! for them.

use super::{DataFile, TABLES, folder};
use crate::error::EngineError;
use arrow_array::RecordBatch;
use caredata_deidentify::schema;
use datafusion::datasource::MemTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::prelude::SessionContext;
use std::path::Path;
use std::sync::Arc;

/// The tables of the linked record as of one publication.
pub struct RecordsView {
    context: SessionContext,
}

impl RecordsView {
    /// A view of `files` under `records`.
    ///
    /// # Errors
    /// [`EngineError::Query`] where a file cannot be registered.
    pub fn new(records: &Path, files: &[DataFile]) -> Result<Self, EngineError> {
        let context = SessionContext::new();
        let fault = EngineError::query("opening the records");
        for table in TABLES {
            let paths = files
                .iter()
                .filter(|file| file.table == table.name())
                .map(|file| ListingTableUrl::parse(folder(records, table).join(&file.name).to_string_lossy()))
                .collect::<Result<Vec<_>, _>>()
                .map_err(&fault)?;
            let columns = schema(table);
            let provider: Arc<dyn datafusion::catalog::TableProvider> = if paths.is_empty() {
                Arc::new(MemTable::try_new(columns, vec![vec![]]).map_err(&fault)?)
            } else {
                let options = ListingOptions::new(Arc::new(ParquetFormat::default()));
                let config =
                    ListingTableConfig::new_with_multi_paths(paths).with_listing_options(options).with_schema(columns);
                Arc::new(ListingTable::try_new(config).map_err(&fault)?)
            };
            context.register_table(table.name(), provider).map_err(&fault)?;
        }
        Ok(Self { context })
    }

    /// The answer to a query of ours. Never given a person's words: queries by others are another room's business.
    ///
    /// # Errors
    /// [`EngineError::Query`].
    pub async fn query(&self, sql: &str) -> Result<Vec<RecordBatch>, EngineError> {
        let fault = EngineError::query("reading the records");
        self.context.sql(sql).await.map_err(&fault)?.collect().await.map_err(&fault)
    }
}

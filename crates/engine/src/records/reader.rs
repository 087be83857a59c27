//! `DataFusion` over exactly the files of one publication, nobody left out: for the run and the checks of a home alone.
//!
//! Whatever a run is doing meanwhile, it shows the last good version: it is given the list of files, it does not look
//! for them. Invariant: it never leaves the crate; whoever reads for anybody reads through [`ReadView`](super::ReadView).

use super::{DataFile, TABLES, folder};
use crate::error::EngineError;
use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use caredata_deidentify::schema;
use caredata_extract::Table;
use datafusion::datasource::MemTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::prelude::SessionContext;
use std::path::Path;
use std::sync::Arc;

/// The tables of the linked record as of one publication.
pub struct RawView {
    context: SessionContext,
}

impl RawView {
    /// A view of `files` under `records`.
    ///
    /// # Errors
    /// [`EngineError::Query`] where a file cannot be registered.
    pub fn new(records: &Path, files: &[DataFile]) -> Result<Self, EngineError> {
        let context = SessionContext::new();
        let fault = EngineError::query("opening the records");
        for table in TABLES {
            let of_table: Vec<&DataFile> = files.iter().filter(|file| file.table == table.name()).collect();
            let provider: Arc<dyn datafusion::catalog::TableProvider> = if of_table.is_empty() {
                Arc::new(MemTable::try_new(schema(table), vec![vec![]]).map_err(&fault)?)
            } else {
                listing(records, table, &of_table, schema(table))?
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

/// The schema of a table as queries read it: the agreed one, with texts as views, which is how the files' reader is fastest.
pub(super) fn schema_to_read(table: Table) -> SchemaRef {
    let as_view = |field: &Arc<Field>| {
        if *field.data_type() == DataType::Utf8 {
            Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View))
        } else {
            Arc::clone(field)
        }
    };
    Arc::new(Schema::new(schema(table).fields().iter().map(as_view).collect::<Vec<_>>()))
}

/// Some files of a table, at least one.
///
/// # Errors
/// [`EngineError::Query`].
pub(super) fn listing(
    records: &Path,
    table: Table,
    files: &[&DataFile],
    columns: SchemaRef,
) -> Result<Arc<ListingTable>, EngineError> {
    let fault = EngineError::query("opening the records");
    let paths = files
        .iter()
        .map(|file| ListingTableUrl::parse(folder(records, table).join(&file.name).to_string_lossy()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(&fault)?;
    let options = ListingOptions::new(Arc::new(ParquetFormat::default()));
    let config = ListingTableConfig::new_with_multi_paths(paths).with_listing_options(options).with_schema(columns);
    ListingTable::try_new(config).map(Arc::new).map_err(&fault)
}

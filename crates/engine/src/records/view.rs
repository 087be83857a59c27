//! The read view: the one way to read the published records, for every door that shows, counts or hands out anything of them.
//!
//! In: a home. Out: the tables of its present as `DataFusion` table providers, from each of which is left out, whenever a read is
//! planned, whoever objects by the register as it stands at that moment, whatever the last run or purge knew. Every wish
//! that was committed before a read is planned counts in it: the view asks the register how far it reaches, which costs
//! microseconds, and reads only what is newer than it has read. So does every answer of a national file, and its expiry.
//!
//! Invariants: a view decides nothing: what stands is the register's answer ([`Standing::of`](caredata_admit::Standing::of)),
//! which rows it covers is [`objection`](caredata_admit::objection)'s; where a row of `persons` may rest on a source that is
//! objected to, it is left out until the next publication makes it anew. Between publications a view only ever leaves out more:
//! what a withdrawal gives back is published by the next run or purge. Where the register cannot be asked, nothing is read.
//! Where nobody who objects has a row, which is so after every publication and is looked up in the files when a view is opened, a
//! read costs what it would cost without the view; else the rows to be left out are looked up once, and the files' reader skips them.
//!
//! Nothing else in the crate's public face leads to the tables' files:
//!
//! ```compile_fail
//! use caredata_engine::records::RawView;
//! ```
//! ```compile_fail
//! use caredata_engine::records::read;
//! ```

use super::left_out::{Group, LeftOut, Objectors, PERSON, permitted};
use super::reader::schema_to_read;
use super::{TABLES, runtime};
use crate::error::EngineError;
use crate::home::Home;
use crate::register::ReadUpTo;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use async_trait::async_trait;
use caredata_extract::Table;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TableProviderFilterPushDown,
    TableType, Volatility,
};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::filter::FilterExecBuilder;
use datafusion::physical_plan::union::UnionExec;
use datafusion::prelude::SessionContext;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The published records as anybody may read them. Cheap to clone; all clones see the same register.
#[derive(Clone)]
pub struct ReadView {
    objectors: Arc<Objectors>,
}

impl ReadView {
    /// Opens the present of a home. The view follows later publications.
    ///
    /// # Errors
    /// [`EngineError::NoHandles`] where the home was last published by a version that could not be read so; otherwise where
    /// the register, the vault or the tables cannot be read.
    pub fn open(home: &Home) -> Result<Self, EngineError> {
        Ok(Self { objectors: Arc::new(Objectors::open(home)?) })
    }

    /// The tables, for a session of a door's own. Texts come as `Utf8View`.
    pub fn tables(&self) -> impl Iterator<Item = (Table, Arc<dyn TableProvider>)> + '_ {
        TABLES.into_iter().map(|table| {
            let objectors = Arc::clone(&self.objectors);
            let guarded: Arc<dyn TableProvider> = Arc::new(Guarded { table, schema: schema_to_read(table), objectors });
            (table, guarded)
        })
    }

    /// A session that holds the tables and nothing else.
    ///
    /// # Errors
    /// [`EngineError::Query`].
    pub fn session(&self) -> Result<SessionContext, EngineError> {
        let context = SessionContext::new();
        for (table, provider) in self.tables() {
            context.register_table(table.name(), provider).map_err(EngineError::query("opening the records"))?;
        }
        Ok(context)
    }

    /// The answer to a query of ours, and never of a person's words: those are judged in another room first.
    ///
    /// # Errors
    /// [`EngineError::Query`].
    pub fn query(&self, sql: &str) -> Result<Vec<RecordBatch>, EngineError> {
        let fault = EngineError::query("reading the records");
        let context = self.session()?;
        runtime()?.block_on(async { context.sql(sql).await.map_err(&fault)?.collect().await.map_err(&fault) })
    }

    /// How far the view has read the register, once it has read all that is there.
    ///
    /// # Errors
    /// [`EngineError::Register`].
    pub fn read_up_to(&self) -> Result<ReadUpTo, EngineError> {
        Ok(self.objectors.now()?.up_to)
    }
}

impl fmt::Debug for ReadView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let handles = self.objectors.held().map(|held| held.handles()).unwrap_or_default();
        f.debug_struct("ReadView").field("handles", &handles).finish_non_exhaustive()
    }
}

/// One table, guarded.
struct Guarded {
    table: Table,
    schema: SchemaRef,
    objectors: Arc<Objectors>,
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("table", &self.table.name()).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for Guarded {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let state = self.objectors.now().map_err(|error| DataFusionError::External(Box::new(error)))?;
        let mut plans = Vec::new();
        for (group, left_out) in state.of_table(self.table) {
            plans.push(if left_out.is_nobody() {
                group.listing.scan(session, projection, filters, limit).await?
            } else {
                self.without(left_out, group, session, projection, filters).await?
            });
        }
        match plans.len() {
            0 => {
                let columns = match projection {
                    Some(columns) => Arc::new(self.schema.project(columns)?),
                    None => Arc::clone(&self.schema),
                };
                Ok(Arc::new(EmptyExec::new(columns)))
            }
            1 => Ok(plans.remove(0)),
            _ => UnionExec::try_new(plans),
        }
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        // They spare files and row groups; which rows pass is asked again above.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }
}

impl Guarded {
    /// Reads files without the rows of those left out. A limit is none of the files', since rows go.
    async fn without(
        &self,
        left_out: &LeftOut,
        group: &Group,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        if left_out.newer.is_empty() {
            return selected_rows(left_out, group, session, projection).await;
        }
        let person = self.schema.index_of(PERSON)?;
        let mut columns: Vec<usize> =
            projection.map_or_else(|| (0..self.schema.fields().len()).collect(), Clone::clone);
        let asked_for = columns.len();
        let at = columns.iter().position(|&column| column == person).unwrap_or_else(|| {
            columns.push(person);
            asked_for
        });
        let rows = if left_out.has_all_rows() {
            group.listing.scan(session, Some(&columns), filters, None).await?
        } else {
            selected_rows(left_out, group, session, Some(&columns)).await?
        };
        let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(PERSON, at));
        let permitted = Arc::new(ScalarUDF::from(Permitted::new(Arc::clone(&left_out.newer))));
        let config = Arc::new(session.config_options().clone());
        let permitted = ScalarFunctionExpr::try_new(permitted, vec![column], &rows.schema(), config)?;
        let filter = FilterExecBuilder::new(Arc::new(permitted), rows);
        let filter = if columns.len() == asked_for {
            filter
        } else {
            filter.apply_projection(Some((0..asked_for).collect()))?
        };
        Ok(Arc::new(filter.build()?))
    }
}

/// The rows of a group's files that may be read. Nothing is said of how many they are, since the files' own statistics count all.
async fn selected_rows(
    left_out: &LeftOut,
    group: &Group,
    session: &dyn Session,
    projection: Option<&Vec<usize>>,
) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    let file = |(part, selected): (&PartitionedFile, &Option<super::left_out::Selected>)| {
        selected.as_ref().map_or_else(|| part.clone(), |selected| selected.file.clone())
    };
    let files: Vec<PartitionedFile> = group.parts.iter().zip(left_out.rows.iter()).map(file).collect();
    let source = Arc::new(ParquetSource::new(Arc::clone(&group.schema)));
    let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), source)
        .with_file_groups(FileGroup::new(files).split_files(session.config().target_partitions()))
        .with_projection_indices(projection.cloned())?
        .build();
    ParquetFormat::default().create_physical_plan(session, config).await
}

/// Whether a row's person is none of those left out.
struct Permitted {
    /// Sorted.
    left_out: Arc<Vec<i64>>,
    signature: Signature,
    /// Tells it from the same question about others.
    serial: u64,
}

impl Permitted {
    fn new(left_out: Arc<Vec<i64>>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let serial = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { left_out, signature: Signature::exact(vec![DataType::Int64], Volatility::Immutable), serial }
    }

    fn has(&self, person: i64) -> bool {
        self.left_out.binary_search(&person).is_ok()
    }
}

impl fmt::Debug for Permitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permitted(withheld)")
    }
}

impl PartialEq for Permitted {
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial
    }
}

impl Eq for Permitted {}

impl Hash for Permitted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.serial.hash(state);
    }
}

impl ScalarUDFImpl for Permitted {
    fn name(&self) -> &'static str {
        "permitted"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let [persons] = <[ColumnarValue; 1]>::try_from(arguments.args)
            .map_err(|_| DataFusionError::Internal("permitted takes a person".to_owned()))?;
        Ok(match persons {
            ColumnarValue::Array(persons) => {
                let persons = persons
                    .as_primitive_opt::<Int64Type>()
                    .ok_or_else(|| DataFusionError::Internal("the column of persons is of another type".to_owned()))?;
                let permitted = permitted(persons.values(), |person| self.has(person));
                ColumnarValue::Array(Arc::new(BooleanArray::new(permitted, persons.nulls().cloned())))
            }
            ColumnarValue::Scalar(ScalarValue::Int64(Some(person))) => {
                ColumnarValue::Scalar(ScalarValue::Boolean(Some(!self.has(person))))
            }
            // Of nobody, nobody could be asked.
            ColumnarValue::Scalar(_) => ColumnarValue::Scalar(ScalarValue::Boolean(Some(false))),
        })
    }
}

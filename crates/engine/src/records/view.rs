//! The read view: the one way to read the published records, for every door that shows, counts or hands out anything of them.
//!
//! In: a home. Out: the tables of its present as `DataFusion` table providers, from each of which is left out, whenever a read is
//! planned, whoever objects by the register as it stands at that moment, whatever the last run or purge knew. Every wish
//! that was committed before a read is planned counts in it: the view asks the register how far it reaches, which costs
//! microseconds, and reads only what is newer than it has read.
//!
//! Invariants: a view decides nothing: what stands is the register's answer ([`Standing::of`](caredata_admit::Standing::of)),
//! which rows it covers is [`objection`]'s; where a row of `persons` may rest on a source that is objected to, it is left out
//! until the next publication makes it anew. Between publications a view only ever leaves out more: what a withdrawal gives
//! back is published by the next run or purge. Where the register cannot be asked, nothing is read.
//! Where nobody who objects has a row, which is so after every publication and is looked up in the files when a view is opened, a
//! read costs what it would cost without the view.
//!
//! Nothing else in the crate's public face leads to the tables' files:
//!
//! ```compile_fail
//! use caredata_engine::records::RawView;
//! ```
//! ```compile_fail
//! use caredata_engine::records::read;
//! ```

use super::{DataFile, KeySet, TABLES, read, runtime};
use crate::error::EngineError;
use crate::home::Home;
use crate::register::{Handle, ReadUpTo, Register};
use crate::run::handles::{Handles, Known, setting_of, sources, sources_in};
use crate::run::present;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{DataType, SchemaRef};
use async_trait::async_trait;
use caredata_admit::{Setting, Standing, objection};
use caredata_deidentify::schema;
use caredata_extract::Table;
use caredata_model::SourceName;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::datasource::listing::ListingTable;
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
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

/// After how many newer objections they are put together with the others, at the cost of a sort.
const NEWER_MAX: usize = 4_096;
/// The column that names a row's person.
const PERSON: &str = "person";

/// The published records as anybody may read them. Cheap to clone; all clones see the same register.
#[derive(Clone)]
pub struct ReadView {
    tables: Vec<(Table, Arc<Guarded>)>,
    objectors: Arc<Objectors>,
}

impl ReadView {
    /// Opens the present of a home.
    ///
    /// # Errors
    /// [`EngineError::NoHandles`] where the home was last published by a version that could not be read so; otherwise where
    /// the register, the vault or the tables cannot be read.
    pub fn open(home: &Home) -> Result<Self, EngineError> {
        let register = home.register()?;
        let present = present(&register)?;
        if !present.files.is_empty() && !present.index.contains_key(crate::run::handles::PART) {
            return Err(EngineError::NoHandles);
        }
        let handles = Handles::load(&home.vault()?, &present)?.unwrap_or_default();
        let mut by_group: BTreeMap<(&str, &str), Vec<&DataFile>> = BTreeMap::new();
        for file in &present.files {
            by_group.entry((&file.table, &file.source)).or_default().push(file);
        }
        let mut groups = Vec::new();
        let mut tables = Vec::new();
        for table in TABLES {
            let mut parts = Vec::new();
            for ((_, source), files) in by_group.iter().filter(|((name, _), _)| *name == table.name()) {
                parts.push((groups.len(), super::reader::listing(&home.records(), table, files)?));
                let mut group = Group::new(table, source)?;
                group.files = files.iter().map(|file| (*file).clone()).collect();
                groups.push(group);
            }
            tables.push((table, parts));
        }
        let nobody = State { up_to: ReadUpTo::default(), left_out: Vec::new() };
        let objectors = Objectors {
            records: home.records(),
            register,
            handles,
            sources: sources(&present.parts),
            groups,
            state: RwLock::new(Arc::new(nobody)),
            reading: Mutex::default(),
        };
        objectors.keep(objectors.read_all(objectors.register.reaches()?)?)?;
        let objectors = Arc::new(objectors);
        let guarded = |(table, parts)| {
            let guarded = Guarded { schema: schema(table), parts, objectors: Arc::clone(&objectors) };
            (table, Arc::new(guarded))
        };
        Ok(Self { tables: tables.into_iter().map(guarded).collect(), objectors: Arc::clone(&objectors) })
    }

    /// The tables, for a session of a door's own.
    pub fn tables(&self) -> impl Iterator<Item = (Table, Arc<dyn TableProvider>)> + '_ {
        self.tables.iter().map(|(table, guarded)| (*table, Arc::clone(guarded) as Arc<dyn TableProvider>))
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
        f.debug_struct("ReadView").field("handles", &self.objectors.handles.count()).finish_non_exhaustive()
    }
}

/// The files of one table and source, about which the register's answer is the same.
struct Group {
    table: Table,
    source: SourceName,
    files: Vec<DataFile>,
}

impl Group {
    fn new(table: Table, source: &str) -> Result<Self, EngineError> {
        let source = SourceName::parse(source).map_err(|_| EngineError::Interrupted)?;
        Ok(Self { table, source, files: Vec::new() })
    }

    /// Of these persons, those who have a row here: the files are looked through, whatever a run said of them. After a
    /// publication it is nobody, and then reads cost nothing more.
    fn present(&self, records: &Path, persons: Vec<i64>) -> Result<Vec<i64>, EngineError> {
        if persons.is_empty() {
            return Ok(persons);
        }
        let persons = KeySet::new(persons);
        let found: Vec<HashSet<i64>> = self
            .files
            .par_iter()
            .map(|file| {
                let mut found = HashSet::new();
                for batch in read(records, self.table, file, Some(&[PERSON]))? {
                    let batch = batch.map_err(EngineError::arrow("looking for who objects"))?;
                    let column = batch.column_by_name(PERSON).and_then(|column| column.as_primitive_opt::<Int64Type>());
                    let column = column.ok_or(EngineError::Column { name: PERSON })?;
                    found.extend(column.values().iter().copied().filter(|&person| persons.contains(person)));
                }
                Ok(found)
            })
            .collect::<Result<_, EngineError>>()?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Whether what stands for a person covers the person's rows here.
    fn is_covered(&self, standing: &Standing, known: Known, sources: &[String]) -> bool {
        if self.table != Table::Persons {
            return objection(standing, Setting::of(self.table), &self.source).is_some();
        }
        // A row of `persons` rests on a registration where there is one, else on what some other place tells.
        let covers = |source: &String| {
            SourceName::parse(source).is_ok_and(|name| objection(standing, setting_of(source), &name).is_some())
        };
        let mut from = sources_in(known.published_from, sources).peekable();
        let registered = from.peek().is_some()
            && sources_in(known.published_from, sources).any(|source| setting_of(source) == Setting::GeneralPractice);
        match (from.peek(), registered) {
            (None, _) => true,
            (Some(_), true) => from.any(|source| setting_of(source) == Setting::GeneralPractice && covers(source)),
            (Some(_), false) => from.any(covers),
        }
    }
}

/// Everybody who objects, as far as the register has been read.
struct Objectors {
    records: PathBuf,
    register: Register,
    handles: Handles,
    sources: Vec<String>,
    groups: Vec<Group>,
    state: RwLock<Arc<State>>,
    /// Held by whoever reads what is newer.
    reading: Mutex<()>,
}

/// Who is left out of each group.
struct State {
    up_to: ReadUpTo,
    left_out: Vec<LeftOut>,
}

/// The pseudonyms left out of one group.
#[derive(Clone)]
struct LeftOut {
    all: Arc<KeySet>,
    /// Those that came since `all` was put together, sorted.
    newer: Arc<Vec<i64>>,
}

impl LeftOut {
    fn is_nobody(&self) -> bool {
        self.all.count() == 0 && self.newer.is_empty()
    }

    fn has(&self, person: i64) -> bool {
        self.all.contains(person) || (!self.newer.is_empty() && self.newer.binary_search(&person).is_ok())
    }

    fn and(&self, persons: Vec<i64>) -> Self {
        if persons.is_empty() {
            return self.clone();
        }
        let mut newer = self.newer.to_vec();
        newer.extend(persons);
        newer.sort_unstable();
        newer.dedup();
        if newer.len() <= NEWER_MAX {
            return Self { all: Arc::clone(&self.all), newer: Arc::new(newer) };
        }
        newer.extend(self.all.keys());
        Self { all: Arc::new(KeySet::new(newer)), newer: Arc::default() }
    }
}

impl Objectors {
    /// Who is left out by the register as it stands now.
    fn now(&self) -> Result<Arc<State>, EngineError> {
        let reaches = self.register.reaches()?;
        let held = self.held()?;
        if held.up_to == reaches {
            return Ok(held);
        }
        let _alone = self.reading.lock().map_err(|_| EngineError::Interrupted)?;
        // Read again: somebody may have done the work meanwhile, and more may have been said.
        let (reaches, held) = (self.register.reaches()?, self.held()?);
        if held.up_to == reaches {
            return Ok(held);
        }
        // A publication may set wishes of journals aside, so that what stood before may stand again.
        let next = if held.up_to.publications == reaches.publications {
            let newer = self.register.objecting_since(held.up_to, crate::today())?;
            let newer = self.covered(&newer);
            let left_out = held.left_out.iter().zip(newer).map(|(left_out, persons)| left_out.and(persons));
            State { up_to: reaches, left_out: left_out.collect() }
        } else {
            self.read_all(reaches)?
        };
        self.keep(next)
    }

    fn read_all(&self, up_to: ReadUpTo) -> Result<State, EngineError> {
        let objecting = self.register.objecting(crate::today())?;
        let left_out = self.groups.iter().zip(self.covered(&objecting)).map(|(group, persons)| {
            let persons = group.present(&self.records, persons)?;
            Ok(LeftOut { all: Arc::new(KeySet::new(persons)), newer: Arc::default() })
        });
        Ok(State { up_to, left_out: left_out.collect::<Result<_, EngineError>>()? })
    }

    /// For each group the persons under these handles whose rows are covered.
    fn covered(&self, objecting: &[(Handle, Standing)]) -> Vec<Vec<i64>> {
        let mut persons: Vec<Vec<i64>> = vec![Vec::new(); self.groups.len()];
        // Many people say the same and are known from the same places: each such case is judged once.
        let mut judged: HashMap<(&Standing, u64), Vec<bool>> = HashMap::new();
        for (handle, standing) in objecting {
            for known in self.handles.of(*handle) {
                let covers = judged.entry((standing, known.published_from)).or_insert_with(|| {
                    self.groups.iter().map(|group| group.is_covered(standing, known, &self.sources)).collect()
                });
                for (persons, _) in persons.iter_mut().zip(covers).filter(|(_, covered)| **covered) {
                    persons.push(known.person);
                }
            }
        }
        persons
    }

    fn held(&self) -> Result<Arc<State>, EngineError> {
        self.state.read().map(|held| Arc::clone(&held)).map_err(|_| EngineError::Interrupted)
    }

    fn keep(&self, state: State) -> Result<Arc<State>, EngineError> {
        let state = Arc::new(state);
        *self.state.write().map_err(|_| EngineError::Interrupted)? = Arc::clone(&state);
        Ok(state)
    }
}

/// One table, guarded.
struct Guarded {
    schema: SchemaRef,
    /// The files of each source, with their group.
    parts: Vec<(usize, Arc<ListingTable>)>,
    objectors: Arc<Objectors>,
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("parts", &self.parts.len()).finish_non_exhaustive()
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
        for (group, files) in &self.parts {
            let left_out = state.left_out.get(*group).ok_or_else(|| {
                DataFusionError::Internal("a table of the read view without an answer of the register".to_owned())
            })?;
            plans.push(if left_out.is_nobody() {
                files.scan(session, projection, filters, limit).await?
            } else {
                self.without(left_out, files, session, projection, filters).await?
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
        files: &ListingTable,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let person = self.schema.index_of(PERSON)?;
        let mut columns: Vec<usize> =
            projection.map_or_else(|| (0..self.schema.fields().len()).collect(), Clone::clone);
        let asked_for = columns.len();
        let at = columns.iter().position(|&column| column == person).unwrap_or_else(|| {
            columns.push(person);
            asked_for
        });
        let rows = files.scan(session, Some(&columns), filters, None).await?;
        let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(PERSON, at));
        let permitted = Arc::new(ScalarUDF::from(Permitted::new(left_out.clone())));
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

/// Whether a row's person is none of those left out.
struct Permitted {
    left_out: LeftOut,
    signature: Signature,
    /// Tells it from the same question about others.
    serial: u64,
}

impl Permitted {
    fn new(left_out: LeftOut) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let serial = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { left_out, signature: Signature::exact(vec![DataType::Int64], Volatility::Immutable), serial }
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
                let values = persons.values();
                // Rows of one person stand together in most tables.
                let (mut before, mut permits) = (i64::MIN, true);
                let permitted = BooleanBuffer::collect_bool(values.len(), |row| {
                    if values[row] != before {
                        before = values[row];
                        permits = !self.left_out.has(before);
                    }
                    permits
                });
                ColumnarValue::Array(Arc::new(BooleanArray::new(permitted, persons.nulls().cloned())))
            }
            ColumnarValue::Scalar(ScalarValue::Int64(Some(person))) => {
                ColumnarValue::Scalar(ScalarValue::Boolean(Some(!self.left_out.has(person))))
            }
            // Of nobody, nobody could be asked.
            ColumnarValue::Scalar(_) => ColumnarValue::Scalar(ScalarValue::Boolean(Some(false))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caredata_model::{Choice, Scope, Wish};

    fn standing(scope: Scope) -> Standing {
        let wish = Wish { scope, choice: Choice::Object, effective: None, recorded: None };
        Standing::of(&[wish], crate::today()).expect("it stands")
    }

    fn source(name: &str) -> SourceName {
        SourceName::parse(name).expect("a name")
    }

    #[test]
    fn each_wish_covers_the_rows_of_its_scope() {
        let sources = ["apc", "gp", "social-care"].map(str::to_owned);
        let (apc, gp, social) = (0b001, 0b010, 0b100);
        let groups = [
            (Table::Persons, "persons"),
            (Table::Journals, "gp-journals"),
            (Table::Admissions, "apc"),
            (Table::Other, "social-care"),
        ];
        let covered = |scope: Scope, from: u64| {
            let known = Known { person: 1, published_from: from };
            groups.map(|(table, source)| {
                Group::new(table, source).expect("a group").is_covered(&standing(scope.clone()), known, &sources)
            })
        };
        let (yes, no) = (true, false);
        assert_eq!(covered(Scope::All, apc | gp), [yes, yes, yes, yes]);
        assert_eq!(covered(Scope::GpRecord, apc | gp), [yes, yes, no, no], "the row of persons rests on the GP record");
        assert_eq!(covered(Scope::GpRecord, apc), [no, yes, no, no], "and here on the hospital's");
        assert_eq!(covered(Scope::Source(source("apc")), apc | gp), [no, no, yes, no]);
        assert_eq!(covered(Scope::Source(source("apc")), apc), [yes, no, yes, no]);
        assert_eq!(covered(Scope::Source(source("apc")), apc | social), [yes, no, yes, no], "it may rest on either");
        assert_eq!(covered(Scope::Source(source("hospital")), social), [no, no, yes, no]);
        assert_eq!(
            covered(Scope::Source(source("apc")), 0),
            [yes, no, yes, no],
            "nothing is known of what it rests on"
        );
    }

    #[test]
    fn newer_objections_are_put_together_with_the_others_in_time() {
        let spread = |number: i64| number.wrapping_mul(0x5851_F42D_4C95_7F2D) & i64::MAX;
        let mut left_out =
            LeftOut { all: Arc::new(KeySet::new((0..100).map(spread).collect())), newer: Arc::default() };
        for number in 100..100 + 2 * NEWER_MAX as i64 {
            left_out = left_out.and(vec![spread(number)]);
            assert!(left_out.newer.len() <= NEWER_MAX);
        }
        assert!((0..100 + 2 * NEWER_MAX as i64).all(|number| left_out.has(spread(number))));
        assert!(!left_out.has(spread(-1)) && !left_out.is_nobody());
        assert!(left_out.all.count() > NEWER_MAX);
    }
}

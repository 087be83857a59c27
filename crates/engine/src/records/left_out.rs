//! Who is left out of reads: the register's answers, as rows of the files of one publication.
//!
//! The register and a publication's map of handles in; for each file the rows that may be read out, as a selection that the reader
//! of files skips by, so that a read pays for leaving people out once and not at every query. Who objected since the rows were looked
//! up is named beside them, to be asked about row by row, until their rows are looked up too, which happens apart.
//!
//! Invariants: whoever objected before [`Objectors::now`] was called is left out of what it gives, by rows or by name; rows are only
//! taken away, never given back, until another publication; a new publication is opened anew, with all it says of registrations.

use super::{DataFile, KeySet, TABLES, folder, read};
use crate::error::EngineError;
use crate::home::{Home, NationalOptOuts};
use crate::register::{Handle, ReadUpTo, Register};
use crate::run::handles::{self, Handles, Known, setting_of, sources, sources_in};
use crate::run::present;
use crate::vault::Vault;
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use arrow_schema::SchemaRef;
use caredata_admit::{Setting, Standing, objection};
use caredata_extract::Table;
use caredata_model::{Day, Passage, RowKind, SourceName};
use datafusion::datasource::listing::{ListingTable, PartitionedFile};
use datafusion::datasource::physical_plan::parquet::ParquetRowSelection;
use parquet::arrow::arrow_reader::RowSelection;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};

/// The column that names a row's person.
pub(super) const PERSON: &str = "person";

/// The files of one table and source, about which the register's answer is the same.
pub(super) struct Group {
    pub(super) table: Table,
    source: SourceName,
    files: Vec<DataFile>,
    /// All rows of the files.
    pub(super) listing: Arc<ListingTable>,
    /// The files, one by one.
    pub(super) parts: Vec<PartitionedFile>,
    pub(super) schema: SchemaRef,
}

/// The files of one publication, and under which handles their persons are known.
struct Opened {
    records: PathBuf,
    handles: Handles,
    sources: Vec<String>,
    groups: Vec<Group>,
}

/// What may be read, as far as the register has been read.
pub(super) struct State {
    pub(super) up_to: ReadUpTo,
    day: Day,
    opened: Arc<Opened>,
    left_out: Vec<LeftOut>,
}

/// Who is left out of one group.
#[derive(Clone)]
pub(super) struct LeftOut {
    /// For each file the rows that may be read; `None` where all may.
    pub(super) rows: Arc<Vec<Option<Selected>>>,
    /// Persons whose rows are not looked up yet, sorted.
    pub(super) newer: Arc<Vec<i64>>,
}

/// Some rows of a file.
#[derive(Clone)]
pub(super) struct Selected {
    rows: BooleanBuffer,
    /// The file, of which only those are read.
    pub(super) file: PartitionedFile,
}

/// Everybody who objects, followed as the register grows.
pub(super) struct Objectors {
    register: Register,
    vault: Vault,
    records: PathBuf,
    national: NationalOptOuts,
    state: RwLock<Arc<State>>,
    /// Held by whoever changes the state.
    changing: Mutex<()>,
    /// Whether somebody looks up the rows of newer objectors.
    looking_up: AtomicBool,
}

impl Group {
    fn new(records: &Path, table: Table, source: &str, files: &[&DataFile]) -> Result<Self, EngineError> {
        let schema = super::reader::schema_to_read(table);
        let part = |file: &&DataFile| -> Result<PartitionedFile, EngineError> {
            let path = folder(records, table).join(&file.name);
            let fault = || EngineError::io("opening a file of records", &path);
            let found = fs::metadata(&path).map_err(fault())?;
            let place = datafusion::object_store::path::Path::from_filesystem_path(&path)
                .map_err(|error| EngineError::query("opening the records")(error.into()))?;
            let mut part = PartitionedFile::new(String::new(), found.len());
            part.object_meta.location = place;
            part.object_meta.last_modified = found.modified().map_err(fault())?.into();
            Ok(part)
        };
        Ok(Self {
            table,
            source: SourceName::parse(source).map_err(|_| EngineError::Interrupted)?,
            listing: super::reader::listing(records, table, files, Arc::clone(&schema))?,
            parts: files.iter().map(part).collect::<Result<_, _>>()?,
            files: files.iter().map(|file| (*file).clone()).collect(),
            schema,
        })
    }

    /// For each file the rows that are none of these persons'; `None` where that is all. The files are looked through, whatever
    /// a run said of them: after a publication there is nobody to be left out, and then reads cost nothing more.
    fn rows_without(&self, records: &Path, persons: Vec<i64>) -> Result<Vec<Option<BooleanBuffer>>, EngineError> {
        if persons.is_empty() {
            return Ok(vec![None; self.files.len()]);
        }
        let persons = KeySet::new(persons);
        let look_through = |file: &DataFile| {
            let mut kept = BooleanBufferBuilder::new(usize::try_from(file.rows).unwrap_or_default());
            for batch in read(records, self.table, file, Some(&[PERSON]))? {
                let batch = batch.map_err(EngineError::arrow("looking for who objects"))?;
                let column = batch.column_by_name(PERSON).and_then(|column| column.as_primitive_opt::<Int64Type>());
                let column = column.ok_or(EngineError::Column { name: PERSON })?;
                let rows = permitted(column.values(), |person| persons.contains(person));
                // Of nobody, nobody could be asked.
                kept.append_buffer(&column.nulls().map_or(rows.clone(), |known| &rows & known.inner()));
            }
            let kept = kept.finish();
            Ok((kept.count_set_bits() < kept.len()).then_some(kept))
        };
        self.files.par_iter().map(look_through).collect()
    }

    /// Fewer rows than before.
    fn fewer(&self, before: &[Option<Selected>], rows: Vec<Option<BooleanBuffer>>) -> Vec<Option<Selected>> {
        let files = self.parts.iter().zip(before).zip(rows);
        files
            .map(|((part, before), rows)| {
                let rows = match (before, rows) {
                    (before, None) => return before.clone(),
                    (None, Some(rows)) => rows,
                    (Some(before), Some(rows)) => &before.rows & &rows,
                };
                let selection = ParquetRowSelection::new(RowSelection::from_boolean_buffer(rows.clone()));
                Some(Selected { rows, file: part.clone().with_extension(selection) })
            })
            .collect()
    }
}

/// Of rows by their persons, those that are none of some persons'. Rows of one person stand together in most tables.
pub(super) fn permitted(persons: &[i64], is_left_out: impl Fn(i64) -> bool) -> BooleanBuffer {
    let (mut before, mut permits) = (i64::MIN, true);
    BooleanBuffer::collect_bool(persons.len(), |row| {
        if persons[row] != before {
            before = persons[row];
            permits = !is_left_out(before);
        }
        permits
    })
}

impl LeftOut {
    pub(super) fn is_nobody(&self) -> bool {
        self.newer.is_empty() && self.rows.iter().all(Option::is_none)
    }

    /// Whether the rows that may be read are all, apart from newer objectors'.
    pub(super) fn has_all_rows(&self) -> bool {
        self.rows.iter().all(Option::is_none)
    }

    fn and(&self, persons: Vec<i64>) -> Self {
        if persons.is_empty() {
            return self.clone();
        }
        let mut newer = self.newer.to_vec();
        newer.extend(persons);
        newer.sort_unstable();
        newer.dedup();
        Self { rows: Arc::clone(&self.rows), newer: Arc::new(newer) }
    }
}

impl State {
    /// The groups of a table, with who is left out of each.
    pub(super) fn of_table(&self, table: Table) -> impl Iterator<Item = (&Group, &LeftOut)> {
        self.opened.groups.iter().zip(&self.left_out).filter(move |(group, _)| group.table == table)
    }

    /// How many persons are known under handles.
    pub(super) fn handles(&self) -> usize {
        self.opened.handles.count()
    }

    fn names_newer(&self) -> bool {
        self.left_out.iter().any(|left_out| !left_out.newer.is_empty())
    }
}

impl Opened {
    /// Opens the present of a home.
    fn new(register: &Register, vault: &Vault, records: &Path) -> Result<Self, EngineError> {
        let present = present(register)?;
        if !present.files.is_empty() && !present.index.contains_key(handles::PART) {
            return Err(EngineError::NoHandles);
        }
        let mut by_group: BTreeMap<(&str, &str), Vec<&DataFile>> = BTreeMap::new();
        for file in &present.files {
            by_group.entry((&file.table, &file.source)).or_default().push(file);
        }
        let mut groups = Vec::new();
        for table in TABLES {
            for ((_, source), files) in by_group.iter().filter(|((name, _), _)| *name == table.name()) {
                groups.push(Group::new(records, table, source, files)?);
            }
        }
        Ok(Self {
            records: records.to_owned(),
            handles: Handles::load(vault, &present)?.unwrap_or_default(),
            sources: sources(&present.parts),
            groups,
        })
    }

    /// For each group the persons under these handles whose rows are covered.
    fn covered(&self, objecting: &[(Handle, Standing)]) -> Vec<Vec<i64>> {
        let mut persons: Vec<Vec<i64>> = vec![Vec::new(); self.groups.len()];
        // Many people say the same and are known from the same places: each such case is judged once.
        let mut judged: HashMap<(&Standing, u64), Vec<bool>> = HashMap::new();
        for (handle, standing) in objecting {
            for known in self.handles.of(*handle) {
                let covers = judged.entry((standing, known.published_from)).or_insert_with(|| {
                    let covers =
                        |group: &Group| is_covered((group.table, &group.source), standing, known, &self.sources);
                    self.groups.iter().map(covers).collect()
                });
                for (persons, _) in persons.iter_mut().zip(covers).filter(|(_, covered)| **covered) {
                    persons.push(known.person);
                }
            }
        }
        persons
    }
}

/// Whether what stands for a person covers the person's rows of a table and source.
fn is_covered((table, source): (Table, &SourceName), standing: &Standing, known: Known, sources: &[String]) -> bool {
    if table != Table::Persons {
        return objection(Passage::Read, standing, Setting::of(table).row(source), source).is_some();
    }
    // A row of `persons` rests on a registration where there is one, else on what some other place tells.
    let covers = |source: &&String| {
        let row = match setting_of(source) {
            Setting::GeneralPractice => RowKind::PersonOfPractice,
            Setting::Elsewhere => RowKind::PersonOfOthers,
        };
        SourceName::parse(source).is_ok_and(|name| objection(Passage::Read, standing, row, &name).is_some())
    };
    let is_practice = |source: &&String| setting_of(source) == Setting::GeneralPractice;
    let from: Vec<&String> = sources_in(known.published_from, sources).collect();
    let registered = from.iter().any(is_practice);
    from.is_empty() || from.iter().filter(|source| !registered || is_practice(source)).any(covers)
}

impl Objectors {
    /// Opens a home's present, and reads who objects.
    pub(super) fn open(home: &Home) -> Result<Self, EngineError> {
        let (register, vault, records) = (home.register()?, home.vault()?, home.records());
        let (national, day) = (home.policy().national_opt_outs, crate::today());
        let up_to = register.reaches()?;
        let opened = Arc::new(Opened::new(&register, &vault, &records)?);
        let state = Arc::new(read_all(&register, national, opened, up_to, day)?);
        Ok(Self {
            register,
            vault,
            records,
            national,
            state: RwLock::new(state),
            changing: Mutex::default(),
            looking_up: AtomicBool::new(false),
        })
    }

    /// What may be read by the register as it stands now.
    pub(super) fn now(self: &Arc<Self>) -> Result<Arc<State>, EngineError> {
        let state = self.read_up_to_now()?;
        if state.names_newer() && !self.looking_up.swap(true, Ordering::AcqRel) {
            let objectors = Arc::clone(self);
            std::thread::spawn(move || {
                // Where it fails, newer objectors stay named, and every read leaves them out all the same.
                while objectors.look_up().unwrap_or(false) {}
                objectors.looking_up.store(false, Ordering::Release);
            });
        }
        Ok(state)
    }

    fn read_up_to_now(&self) -> Result<Arc<State>, EngineError> {
        if let Some(held) = self.held_if_up_to(self.register.reaches()?)? {
            return Ok(held);
        }
        let _alone = self.changing.lock().map_err(|_| EngineError::Interrupted)?;
        // Asked again: somebody may have done the work meanwhile, and more may have been said.
        let reaches = self.register.reaches()?;
        if let Some(held) = self.held_if_up_to(reaches)? {
            return Ok(held);
        }
        let (held, day) = (self.held()?, crate::today());
        let known = held.up_to;
        let all = |opened| read_all(&self.register, self.national, opened, reaches, day);
        if known.publications != reaches.publications {
            // What it says of registrations is in its files and its map.
            return self.keep(all(Arc::new(Opened::new(&self.register, &self.vault, &self.records)?))?);
        }
        if self.national == NationalOptOuts::Asked && (known.answer != reaches.answer || held.day != day) {
            return self.keep(all(Arc::clone(&held.opened))?);
        }
        match self.register.objecting_since(known, reaches, day)? {
            None => self.keep(all(Arc::clone(&held.opened))?),
            Some(newer) => {
                let newer = held.opened.covered(&newer);
                let left_out = held.left_out.iter().zip(newer).map(|(left_out, persons)| left_out.and(persons));
                let left_out = left_out.collect();
                self.keep(State { up_to: reaches, day, opened: Arc::clone(&held.opened), left_out })
            }
        }
    }

    /// Looks up the rows of newer objectors; whether there were any.
    fn look_up(&self) -> Result<bool, EngineError> {
        let seen = self.held()?;
        if !seen.names_newer() {
            return Ok(false);
        }
        let opened = &seen.opened;
        let groups = || opened.groups.iter().zip(&seen.left_out);
        let found = groups().map(|(group, left_out)| group.rows_without(&opened.records, left_out.newer.to_vec()));
        let found = found.collect::<Result<Vec<_>, _>>()?;
        let _alone = self.changing.lock().map_err(|_| EngineError::Interrupted)?;
        let current = self.held()?;
        if !Arc::ptr_eq(&current.opened, opened) {
            return Ok(true);
        }
        let left_out = groups().zip(&current.left_out).zip(found).map(|(((group, seen), current), rows)| {
            let rows = group.fewer(&current.rows, rows);
            let still = current.newer.iter().copied().filter(|person| seen.newer.binary_search(person).is_err());
            LeftOut { rows: Arc::new(rows), newer: Arc::new(still.collect()) }
        });
        let left_out = left_out.collect();
        self.keep(State { up_to: current.up_to, day: current.day, opened: Arc::clone(opened), left_out })?;
        Ok(true)
    }

    /// The state, where it is of all that the register holds now, and of today where that matters.
    fn held_if_up_to(&self, reaches: ReadUpTo) -> Result<Option<Arc<State>>, EngineError> {
        let held = self.held()?;
        let is_of_today = match self.national {
            NationalOptOuts::NotAsked => true,
            // Answers expire.
            NationalOptOuts::Asked => held.day == crate::today(),
        };
        Ok((held.up_to == reaches && is_of_today).then_some(held))
    }

    pub(super) fn held(&self) -> Result<Arc<State>, EngineError> {
        self.state.read().map(|held| Arc::clone(&held)).map_err(|_| EngineError::Interrupted)
    }

    fn keep(&self, state: State) -> Result<Arc<State>, EngineError> {
        let state = Arc::new(state);
        *self.state.write().map_err(|_| EngineError::Interrupted)? = Arc::clone(&state);
        Ok(state)
    }
}

/// The state by all that the register holds.
fn read_all(
    register: &Register,
    national: NationalOptOuts,
    opened: Arc<Opened>,
    up_to: ReadUpTo,
    day: Day,
) -> Result<State, EngineError> {
    let mut objecting = register.objecting(day)?;
    match national {
        NationalOptOuts::NotAsked => {}
        NationalOptOuts::Asked => objecting.extend(register.not_let_through(opened.handles.sorted(), day)?),
    }
    let left_out = opened.groups.iter().zip(opened.covered(&objecting)).map(|(group, persons)| {
        let rows = group.rows_without(&opened.records, persons)?;
        let rows = group.fewer(&vec![None; rows.len()], rows);
        Ok(LeftOut { rows: Arc::new(rows), newer: Arc::default() })
    });
    let left_out = left_out.collect::<Result<_, EngineError>>()?;
    Ok(State { up_to, day, opened, left_out })
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
            groups.map(|(table, name)| is_covered((table, &source(name)), &standing(scope.clone()), known, &sources))
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
    fn rows_of_those_left_out_are_not_permitted() {
        let rows = permitted(&[5, 5, 7, 5, 9, 9], |person| person == 5 || person == 9);
        assert_eq!(rows.iter().collect::<Vec<_>>(), [false, false, true, false, false, false]);
    }
}

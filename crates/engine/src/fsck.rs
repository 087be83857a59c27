//! Every promise on a home that can be checked, checked; nothing changed.
//!
//! A home in, findings out. The checks ask the register and the files themselves, not what a run said of them.

use crate::error::EngineError;
use crate::home::Home;
use crate::purge::{Removed, waiting};
use crate::records::{RawView, TABLES, active_files, folder, runtime};
use crate::run::{Present, index_of, known_by, present, register_of};
use crate::vault::{Compartment, VaultName};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use caredata_admit::{PersonAnswers, Policy, Setting, Tie};
use caredata_deidentify::{PseudonymKey, Pseudonyms, schema};
use caredata_extract::Table;
use caredata_model::{Passage, SourceName};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::fs::File;
use std::path::Path;

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The promise.
    pub promise: String,
    /// How it is broken; `None` where it is kept.
    pub broken: Option<String>,
    /// What a broken promise asks for.
    pub remedy: Remedy,
}

/// What a broken promise asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Somebody must look into it: something is damaged, was changed from outside, or is a fault of the program.
    Repair,
    /// The next run: the register has learnt of a wish since the last one.
    RunAgain,
}

impl Finding {
    /// A promise that is kept.
    pub fn kept(promise: &str) -> Self {
        Self { promise: promise.to_owned(), broken: None, remedy: Remedy::Repair }
    }

    /// A promise that is broken, and how.
    pub fn broken(promise: &str, how: impl Into<String>) -> Self {
        Self { promise: promise.to_owned(), broken: Some(how.into()), remedy: Remedy::Repair }
    }

    /// The same finding, mended by the next run.
    #[must_use]
    pub const fn until_the_next_run(mut self) -> Self {
        self.remedy = Remedy::RunAgain;
        self
    }

    fn of(promise: &str, faults: &[String]) -> Self {
        if faults.is_empty() { Self::kept(promise) } else { Self::broken(promise, faults.join("; ")) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.broken {
            None => write!(f, "kept    {}", self.promise),
            Some(how) => write!(f, "BROKEN  {}: {how}", self.promise),
        }
    }
}

/// What all checks found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    findings: Vec<Finding>,
    waiting: Removed,
}

impl Findings {
    /// Adds what a check found.
    pub fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// All of them.
    pub fn all(&self) -> &[Finding] {
        &self.findings
    }

    /// What waits for a purge: no promise is broken by it, but earlier versions still hold what later ones withhold.
    pub const fn waiting(&self) -> &Removed {
        &self.waiting
    }

    /// How many promises were checked.
    pub fn checked(&self) -> usize {
        self.findings.len()
    }

    /// The broken ones.
    pub fn broken(&self) -> Vec<&Finding> {
        self.findings.iter().filter(|finding| finding.broken.is_some()).collect()
    }
}

/// Checks a home.
///
/// # Errors
/// [`EngineError`] where the home cannot be read at all.
pub fn check(home: &Home) -> Result<Findings, EngineError> {
    let register = home.register()?;
    let mut findings = Findings::default();
    let pending = register.pending_publication()?.map(|_| "a run was broken off; start it again".to_owned());
    findings.add(Finding::of("no publication is left half done", &pending.into_iter().collect::<Vec<_>>()));
    let present = present(&register)?;
    findings.waiting = waiting(home, &present)?;
    let damaged = files(home, &present);
    findings.add(Finding::of("every published file is there and whole", &damaged));
    if !damaged.is_empty() {
        // What a damaged file says of itself proves nothing: the promises about its rows are asked once it is mended.
        return Ok(findings);
    }
    findings.add(Finding::of("each table's own log lists the same files", &logs(home, &present)?));
    findings.add(Finding::of("every vault file opens with its key", &vault(home, &present)?));
    let view = RawView::new(&home.records(), &present.files)?;
    findings.add(Finding::of("the tables have the closed schema", &schemas(home, &present)));
    findings.add(Finding::of("everybody in a table is in persons, once", &strangers(&view)?));
    let objectors = Finding::of("nothing of anybody who objects is published", &objectors(home, &present, &view)?);
    findings.add(objectors.until_the_next_run());
    Ok(findings)
}

fn files(home: &Home, present: &Present) -> Vec<String> {
    let mut faults = Vec::new();
    for file in &present.files {
        let place = home.records().join(&file.table).join(&file.name);
        match std::fs::metadata(&place) {
            Ok(found) if found.len() == file.bytes => match hash(&place) {
                _ if file.blake3.is_empty() => {}
                Ok(hash) if hash == file.blake3 => {}
                Ok(_) => faults.push(format!("{}/{} was changed after it was published", file.table, file.name)),
                Err(_) => faults.push(format!("{}/{} cannot be read", file.table, file.name)),
            },
            Ok(_) => faults.push(format!("{}/{} has another size", file.table, file.name)),
            Err(_) => faults.push(format!("{}/{} is missing", file.table, file.name)),
        }
    }
    faults
}

fn hash(place: &Path) -> std::io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(place)?)?;
    Ok(hasher.finalize().to_hex().to_string())
}

fn logs(home: &Home, present: &Present) -> Result<Vec<String>, EngineError> {
    let mut faults = Vec::new();
    for table in TABLES.into_iter().filter(|&table| folder(&home.records(), table).exists()) {
        let active: BTreeSet<String> = runtime()?.block_on(active_files(&home.records(), table))?.into_iter().collect();
        let listed: BTreeSet<String> =
            present.files.iter().filter(|file| file.table == table.name()).map(|file| file.name.clone()).collect();
        if active != listed {
            faults.push(format!("{} lists {} files, the publication {}", table.name(), active.len(), listed.len()));
        }
    }
    Ok(faults)
}

fn vault(home: &Home, present: &Present) -> Result<Vec<String>, EngineError> {
    let vault = home.vault()?;
    let sealed = present.sealed.iter().map(|file| (Compartment::Sealed, &file.name, Some(file.rows)));
    let index = present.index.values().map(|name| (Compartment::Identifiers, name, None));
    let mut faults = Vec::new();
    for (compartment, name, expected) in index.chain(sealed) {
        let rows = vault.read(compartment, &VaultName::parse(name)?).and_then(|batches| {
            batches.map(|batch| batch.map(|batch| batch.num_rows() as u64)).sum::<Result<u64, EngineError>>()
        });
        match rows {
            Ok(rows) if expected.is_none_or(|expected| expected == rows) => {}
            Ok(_) => faults.push(format!("{name} has another number of rows")),
            Err(error) => faults.push(error.to_string()),
        }
    }
    Ok(faults)
}

fn schemas(home: &Home, present: &Present) -> Vec<String> {
    let mut faults = Vec::new();
    for file in &present.files {
        let Some(table) = TABLES.into_iter().find(|table| table.name() == file.table) else {
            faults.push(format!("{} is no table", file.table));
            continue;
        };
        let read = crate::records::read(&home.records(), table, file, None);
        let fits = read
            .is_ok_and(|batches| arrow_array::RecordBatchReader::schema(&batches).fields() == schema(table).fields());
        if !fits {
            faults.push(format!("{}/{} has another schema", file.table, file.name));
        }
    }
    faults
}

/// Tables other than that of persons.
const OF_EVENTS: [Table; 5] = [Table::Journals, Table::Admissions, Table::Outpatients, Table::Emergency, Table::Other];

fn strangers(view: &RawView) -> Result<Vec<String>, EngineError> {
    let runtime = runtime()?;
    let count = |sql: String| -> Result<i64, EngineError> {
        let batches = runtime.block_on(view.query(&sql))?;
        Ok(batches.iter().map(|batch| batch.column(0).as_primitive::<Int64Type>().values().iter().sum::<i64>()).sum())
    };
    let mut faults = Vec::new();
    let twice = count("SELECT count(*) - count(DISTINCT person) FROM persons".to_owned())?;
    if twice > 0 {
        faults.push(format!("{twice} rows of persons are second ones"));
    }
    for table in OF_EVENTS {
        let name = table.name();
        let sql = format!("SELECT count(*) FROM {name} LEFT ANTI JOIN persons ON {name}.person = persons.person");
        let strange = count(sql)?;
        if strange > 0 {
            faults.push(format!("{strange} rows of {name} are of nobody in persons"));
        }
    }
    Ok(faults)
}

/// Asks the register as it stands now, which may know more than the last run did, about everybody published.
fn objectors(home: &Home, present: &Present, view: &RawView) -> Result<Vec<String>, EngineError> {
    let index = index_of(home, present)?;
    let answers = PersonAnswers::decide(&register_of(home, present)?, known_by(&index), Policy::default());
    let pseudonyms = Pseudonyms::new(&PseudonymKey::new(*home.keys().pseudonym.bytes()), "records");
    let objecting: HashMap<i64, _> = answers.objecting().map(|(person, _)| (pseudonyms.of(person), person)).collect();
    let mut faults = bound(&answers, view)?;
    for table in TABLES {
        let runtime = runtime()?;
        let source = if table == Table::Persons { "'persons' AS source" } else { "source" };
        let sql = format!("SELECT DISTINCT {source}, person FROM {}", table.name());
        let mut found: HashSet<i64> = HashSet::new();
        for batch in runtime.block_on(view.query(&sql))? {
            for (source, person) in rows(&batch)? {
                let Some(&id) = objecting.get(&person) else { continue };
                let source = SourceName::parse(&source).map_err(|_| EngineError::Interrupted)?;
                // The row of a person known from elsewhere too stays where the GP record alone is objected to.
                let setting = if table == Table::Persons { Setting::Elsewhere } else { Setting::of(table) };
                if answers.of_source(Passage::StoredRecord, setting, &source).withhold(id, Tie::Somebody).is_some() {
                    found.insert(person);
                }
            }
        }
        if !found.is_empty() {
            faults.push(format!(
                "{} holds rows of {} people who object; purge the home or run the month again",
                table.name(),
                found.len()
            ));
        }
    }
    Ok(faults)
}

/// Rows that rest on a registration whose own practice notes an objection.
fn bound(answers: &PersonAnswers, view: &RawView) -> Result<Vec<String>, EngineError> {
    let bound: HashSet<i64> = answers.bound().iter().map(|registration| registration.value()).collect();
    let mut faults = Vec::new();
    for (table, column) in [(Table::Journals, "registration"), (Table::Persons, "record_key")] {
        let sql = format!("SELECT DISTINCT {column} FROM {}", table.name());
        let batches = runtime()?.block_on(view.query(&sql))?;
        let keys = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().iter());
        let found = keys.filter(|key| bound.contains(key)).count();
        if found > 0 {
            faults.push(format!("{} rests on {found} registrations whose practices note an objection", table.name()));
        }
    }
    Ok(faults)
}

fn rows(batch: &RecordBatch) -> Result<Vec<(String, i64)>, EngineError> {
    let sources = arrow_cast::cast(batch.column(0), &arrow_schema::DataType::Utf8)
        .map_err(EngineError::arrow("reading the records"))?;
    let sources = sources.as_string::<i32>();
    let persons = batch.column(1).as_primitive::<Int64Type>();
    Ok((0..batch.num_rows())
        .filter(|&row| sources.is_valid(row))
        .map(|row| (sources.value(row).to_owned(), persons.value(row)))
        .collect())
}

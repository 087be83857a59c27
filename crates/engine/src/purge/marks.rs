//! What a purge looks for: the marks of people who object.
//!
//! In: who is who, and the register's answers. Out: for each table and source the pseudonyms that may not stand in it, the
//! record keys on which no published row may rest, and all marks together for whatever is no table. Invariant: whether a
//! person's rows are withheld is asked of the register's answers, as a run asks; nothing is decided here.

use crate::error::EngineError;
use crate::records::{KeySet, TABLES};
use crate::run::{Present, Refreshed};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use caredata_admit::{Setting, SourceAnswers, Tie};
use caredata_deidentify::Pseudonyms;
use caredata_extract::Table;
use caredata_link::{Kind, Observation};
use caredata_model::{Passage, PersonId, SourceName};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A table's name and a source's.
type TableAndSource = (String, String);

/// The marks of everybody who objects to some use.
pub struct Marks {
    /// Pseudonyms that may not stand in rows of a table and source.
    withheld: HashMap<TableAndSource, KeySet>,
    /// Record keys on which no published row may rest, and keys of such rows.
    keys: KeySet,
    /// Pseudonyms and ids of everybody who objects to some use.
    ids: KeySet,
    /// How many people object to some use.
    pub persons: u64,
}

/// Numbers to look for.
pub struct Wanted<'a>(Vec<&'a KeySet>);

impl<'a> Wanted<'a> {
    /// These.
    pub const fn of(sets: Vec<&'a KeySet>) -> Self {
        Self(sets)
    }

    /// Whether the number is one of them.
    pub fn has(&self, number: i64) -> bool {
        self.0.iter().any(|set| set.contains(number))
    }
}

impl Marks {
    /// The marks of everybody who objects by the register's answers.
    ///
    /// # Errors
    /// A fault of ours.
    pub fn of(refreshed: &Refreshed, pseudonyms: &Pseudonyms) -> Result<Self, EngineError> {
        let Refreshed { present, answers, linking } = refreshed;
        let index = &linking.index;
        // Under every id that a person ever had, since a merge leaves earlier rows under another.
        let mut ids: HashMap<PersonId, HashSet<PersonId>> = HashMap::new();
        let merged = index.merges().iter().map(|merge| merge.from);
        for id in index.observations().iter().map(|one| one.person).chain(merged) {
            let person = index.resolve(id);
            if answers.objects_to_some(person) {
                ids.entry(person).or_default().extend([person, id]);
            }
        }
        let mut withheld = HashMap::new();
        for (table, source) in tables_and_sources(present) {
            let name = SourceName::parse(&source).map_err(|_| EngineError::Interrupted)?;
            let setting = if table == Table::Persons { Setting::Elsewhere } else { Setting::of(table) };
            let of_source = answers.of_source(Passage::StoredRecord, setting, &name);
            let out = linking.everybody.iter().filter(|&&(person, tie)| of_source.withhold(person, tie).is_some());
            let marks = out.flat_map(|(person, _)| {
                let others = ids.get(person).into_iter().flatten().map(|&id| pseudonyms.of(id));
                std::iter::once(pseudonyms.of(*person)).chain(others)
            });
            withheld.insert((table.name().to_owned(), source), KeySet::new(marks.collect()));
        }
        let persons = ids.len() as u64;
        let ids = ids.values().flatten().flat_map(|&id| [pseudonyms.of(id), id.value()]).collect();
        Ok(Self { withheld, keys: KeySet::new(withheld_keys(refreshed)), ids: KeySet::new(ids), persons })
    }

    /// How many marks there are.
    pub const fn count(&self) -> u64 {
        (self.keys.count() + self.ids.count()) as u64
    }

    /// What may not stand in rows of a table and source.
    pub fn in_table(&self, table: &str, source: &str) -> Wanted<'_> {
        let of_persons = self.withheld.get(&(table.to_owned(), source.to_owned()));
        Wanted::of(of_persons.into_iter().chain([&self.keys]).collect())
    }

    /// What may not stand in anything that is no table.
    pub fn anywhere(&self) -> Wanted<'_> {
        Wanted::of(vec![&self.keys, &self.ids])
    }

    /// Adds the keys of journals' entries that rest on registrations withheld, from data files that are about to be removed. A
    /// file that cannot be read tells nothing, and goes all the same.
    pub fn add_entries(&mut self, files: &[PathBuf]) {
        let journals = files.iter().filter(|path| path.parent().is_some_and(|at| at.ends_with(Table::Journals.name())));
        let found: Vec<i64> = journals.filter_map(|path| entries_of(path, &self.keys)).flatten().collect();
        self.keys = KeySet::new(std::mem::take(&mut self.keys).into_keys().into_iter().chain(found).collect());
    }
}

/// The keys of a file's entries that rest on some of these registrations.
fn entries_of(path: &Path, registrations: &KeySet) -> Option<Vec<i64>> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).ok()?).ok()?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), ["record_key", "registration"]);
    let mut keys = Vec::new();
    for batch in builder.with_projection(mask).build().ok()? {
        let batch = batch.ok()?;
        let column = |name| batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
        let (entries, rests_on) = (column("record_key")?, column("registration")?);
        let pairs = entries.values().iter().zip(rests_on.values());
        keys.extend(pairs.filter(|(_, registration)| registrations.contains(**registration)).map(|(entry, _)| *entry));
    }
    Some(keys)
}

/// The record keys on which no published row may rest. A key that somebody else bears too, whose rows stay, is none of them.
fn withheld_keys(refreshed: &Refreshed) -> Vec<i64> {
    let Refreshed { answers, linking, .. } = refreshed;
    let of_source = |source| {
        [Setting::GeneralPractice, Setting::Elsewhere].map(|at| answers.of_source(Passage::StoredRecord, at, source))
    };
    let of_contribution: HashMap<u32, [SourceAnswers<'_>; 2]> =
        linking.source_of.iter().map(|(&number, source)| (number, of_source(source))).collect();
    let is_withheld = |one: &Observation| {
        let person = linking.index.resolve(one.person);
        let answers = of_contribution.get(&one.contribution).filter(|_| answers.objects_to_some(person));
        answers.is_some_and(|[gp, elsewhere]| {
            let answer = match one.kind {
                Kind::Registration => gp,
                Kind::Event => elsewhere,
            };
            answer.withhold(person, Tie::Somebody).is_some()
        })
    };
    let (out, stays): (Vec<&Observation>, Vec<&Observation>) =
        linking.index.observations().iter().partition(|one| is_withheld(one));
    let mut keys: HashSet<i64> = out.iter().map(|one| one.key.value()).collect();
    for one in stays {
        keys.remove(&one.key.value());
    }
    keys.extend(answers.bound().iter().map(|registration| registration.value()));
    keys.into_iter().collect()
}

/// The tables and sources of which anything is published or sealed.
fn tables_and_sources(present: &Present) -> HashSet<(Table, String)> {
    let published = present.files.iter().map(|file| (&file.table, &file.source));
    let sealed = present.sealed.iter().map(|file| (&file.table, &file.source));
    let named = |(table, source): (&String, &String)| {
        let table = TABLES.into_iter().find(|one| one.name() == table)?;
        Some((table, source.clone()))
    };
    published.chain(sealed).filter_map(named).collect()
}

//! What a later run changes in rows already published or sealed: one rule, applied to both.
//!
//! In: a file and the rule of this run. Out: the rows that stay, in new files; the rows that go under seal; counts. Rows move
//! both ways: an objection seals what was published, a withdrawal publishes what was sealed.

use super::{DataFile, TABLES, TableWriter, folder};
use crate::error::EngineError;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch};
use caredata_extract::Table;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Publish,
    Seal,
    Drop,
}

/// Which rows of one table and contribution stay as they are, and what becomes of the others.
#[derive(Debug, Default)]
pub struct RowRule {
    /// Pseudonyms of persons whose rows of this source are withheld now.
    pub withheld: HashSet<i64>,
    /// Pseudonyms that a merge replaced, and by which.
    pub renamed: HashMap<i64, i64>,
    /// Record keys that this run delivers anew.
    pub superseded: HashSet<i64>,
    /// Practices whose rows are replaced or purged: all of the practice's (`None`), or those of some persons.
    pub practices: HashMap<String, Option<HashSet<i64>>>,
    /// Whether every row is replaced.
    pub replaced: bool,
    /// Whether withheld rows are sealed (sent to us by law) or dropped (a practice's).
    pub sealable: bool,
}

/// What rewriting did to a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// Rows published, unchanged or under a merged pseudonym.
    pub published: u64,
    /// Rows put or left under seal.
    pub sealed: u64,
    /// Rows dropped: replaced by this run, or purged.
    pub dropped: u64,
}

impl RowRule {
    fn fates(&self, batch: &RecordBatch) -> Result<Vec<Fate>, EngineError> {
        let persons = ids(batch, "person")?;
        let keys = ids(batch, "record_key")?;
        let practices = if self.practices.is_empty() { None } else { batch.column_by_name("practice") };
        Ok((0..batch.num_rows())
            .map(|row| {
                let person = self.present(persons.value(row));
                let practice = practices.and_then(|column| text(column, row));
                if self.replaced || self.superseded.contains(&keys.value(row)) || self.leaves(practice, person) {
                    Fate::Drop
                } else if self.withheld.contains(&person) {
                    if self.sealable { Fate::Seal } else { Fate::Drop }
                } else {
                    Fate::Publish
                }
            })
            .collect())
    }

    fn present(&self, person: i64) -> i64 {
        self.renamed.get(&person).copied().unwrap_or(person)
    }

    fn leaves(&self, practice: Option<&str>, person: i64) -> bool {
        practice
            .and_then(|practice| self.practices.get(practice))
            .is_some_and(|persons| persons.as_ref().is_none_or(|persons| persons.contains(&person)))
    }

    fn touches(&self, batch: &RecordBatch, resting: Fate) -> Result<bool, EngineError> {
        let renamed = !self.renamed.is_empty()
            && ids(batch, "person")?.values().iter().any(|person| self.renamed.contains_key(person));
        Ok(renamed || self.fates(batch)?.into_iter().any(|fate| fate != resting))
    }

    /// Parts a batch into what is published and what is sealed, under present pseudonyms, and counts.
    pub(crate) fn part(&self, batch: &RecordBatch) -> Result<(RecordBatch, RecordBatch, Rewritten), EngineError> {
        let fates = self.fates(batch)?;
        let batch = self.rename(batch)?;
        let of = |fate: Fate| {
            let mask: BooleanArray = fates.iter().map(|&other| Some(other == fate)).collect();
            arrow_select::filter::filter_record_batch(&batch, &mask).map_err(EngineError::arrow("parting rows"))
        };
        let (published, sealed) = (of(Fate::Publish)?, of(Fate::Seal)?);
        let counts = Rewritten {
            published: published.num_rows() as u64,
            sealed: sealed.num_rows() as u64,
            dropped: (batch.num_rows() - published.num_rows() - sealed.num_rows()) as u64,
        };
        Ok((published, sealed, counts))
    }

    fn rename(&self, batch: &RecordBatch) -> Result<RecordBatch, EngineError> {
        if self.renamed.is_empty() {
            return Ok(batch.clone());
        }
        let place = batch.schema().index_of("person").map_err(EngineError::arrow("finding a column"))?;
        let persons: Int64Array = ids(batch, "person")?.values().iter().map(|&person| self.present(person)).collect();
        let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
        columns[place] = Arc::new(persons);
        RecordBatch::try_new(batch.schema(), columns).map_err(EngineError::arrow("renaming persons"))
    }
}

impl std::ops::AddAssign for Rewritten {
    fn add_assign(&mut self, other: Self) {
        self.published += other.published;
        self.sealed += other.sealed;
        self.dropped += other.dropped;
    }
}

/// Applies `rule` to a published file. `None` where the file can stay as it is; else its published rows have gone to
/// `keep` and its withheld ones to `seal`, and the caller removes the file.
///
/// # Errors
/// [`EngineError::Io`] or [`EngineError::Parquet`] where the file cannot be read or a new one not be written.
pub fn rewrite(
    records: &Path,
    file: &DataFile,
    rule: &RowRule,
    keep: &TableWriter,
    seal: &(dyn Fn(RecordBatch) -> Result<(), EngineError> + Sync),
) -> Result<Option<Rewritten>, EngineError> {
    let table = TABLES.into_iter().find(|table| table.name() == file.table).ok_or(EngineError::Interrupted)?;
    let mut touched = rule.replaced;
    if !touched {
        for batch in read(records, table, file, Some(&["record_key", "person", "practice"]))? {
            if rule.touches(&batch.map_err(EngineError::arrow("reading records"))?, Fate::Publish)? {
                touched = true;
                break;
            }
        }
    }
    if !touched {
        return Ok(None);
    }
    let mut counts = Rewritten { dropped: if rule.replaced { file.rows } else { 0 }, ..Rewritten::default() };
    if !rule.replaced {
        for batch in read(records, table, file, None)? {
            let (published, sealed, part) = rule.part(&batch.map_err(EngineError::arrow("reading records"))?)?;
            keep.write_published(&published)?;
            seal(sealed)?;
            counts += part;
        }
    }
    Ok(Some(counts))
}

type Batches = parquet::arrow::arrow_reader::ParquetRecordBatchReader;

fn read(records: &Path, table: Table, file: &DataFile, columns: Option<&[&str]>) -> Result<Batches, EngineError> {
    let path = folder(records, table).join(&file.name);
    let fault = EngineError::parquet("reading records");
    let open = File::open(&path).map_err(EngineError::io("opening a file of records", &path))?;
    let mut builder = ParquetRecordBatchReaderBuilder::try_new(open).map_err(&fault)?.with_batch_size(65_536);
    if let Some(columns) = columns {
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        builder = builder.with_projection(mask);
    }
    builder.build().map_err(&fault)
}

fn ids<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<&'a Int64Array, EngineError> {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_primitive_opt::<Int64Type>())
        .ok_or(EngineError::Column { name })
}

fn text(column: &ArrayRef, row: usize) -> Option<&str> {
    let column = column.as_string_opt::<i32>()?;
    column.is_valid(row).then(|| column.value(row))
}

//! What a later run changes in rows already published or sealed: one rule, applied to both.
//!
//! In: a file and the rule of this run. Out: the rows that stay, in new files; the rows that go under seal; counts. Rows move
//! both ways: an objection seals what was published, a withdrawal publishes what was sealed.

use super::{DataFile, KeySet, TABLES, TableWriter, folder};
use crate::error::EngineError;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use caredata_admit::{Reason, columns};
use caredata_deidentify::{LinkedRecord, schema};
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
    Replace,
}

/// Who a row's person is today, by the key of the record that it rests on and the pseudonym once written.
pub type Who<'a> = dyn Fn(i64, i64) -> Option<i64> + Sync + 'a;

/// Which rows of one table and contribution stay as they are, and what becomes of the others.
#[derive(Default)]
pub struct RowRule<'a> {
    /// Who the person of a record is today, as a pseudonym: by record key, or for an entry of a journal by its registration,
    /// and by the pseudonym that an earlier run wrote, which alone proves nothing: it may rest on a merge that was undone.
    pub who: Option<&'a Who<'a>>,
    /// The register's answer for the rows of this source, by pseudonym. Who is not in it was not asked about, and is
    /// withheld.
    pub answers: Arc<HashMap<i64, Option<Reason>>>,
    /// Pseudonyms that a merge replaced, and by which.
    pub renamed: Arc<HashMap<i64, i64>>,
    /// Record keys that this run delivers anew.
    pub superseded: Arc<KeySet>,
    /// Registrations that their practices' own word keeps from use: rows that rest on them go.
    pub bound: Arc<HashSet<i64>>,
    /// Practices whose rows of this period are replaced.
    pub practices: HashSet<String>,
    /// Pseudonyms of persons whose rows go, whatever the answer.
    pub persons: HashSet<i64>,
    /// Whether every row is replaced.
    pub replaced: bool,
    /// Whether withheld rows are sealed (sent to us by law) or dropped (a practice's).
    pub sealable: bool,
}

/// Rows that were de-identified by an earlier run and may be published again: made by [`RowRule::part`] alone.
#[derive(Debug)]
pub struct PublishedAgain(RecordBatch);

impl PublishedAgain {
    pub(super) const fn batch(&self) -> &RecordBatch {
        &self.0
    }

    /// These rows without those of persons met before, of whom each then counts as met.
    ///
    /// # Errors
    /// [`EngineError::Column`] where the rows have no pseudonyms.
    pub fn first_of_each(self, met: &mut HashSet<i64>) -> Result<Self, EngineError> {
        let mask: BooleanArray =
            ids(&self.0, "person")?.values().iter().map(|&person| Some(met.insert(person))).collect();
        arrow_select::filter::filter_record_batch(&self.0, &mask).map(Self).map_err(EngineError::arrow("parting rows"))
    }
}

impl PublishedAgain {
    /// Fresh rows, without those of some persons.
    ///
    /// # Errors
    /// [`EngineError::Column`] where the rows have no pseudonyms.
    pub fn without(record: &LinkedRecord, persons: &HashSet<i64>) -> Result<Self, EngineError> {
        let stays = |person: &i64| Some(!persons.contains(person));
        let mask: BooleanArray = ids(record.batch(), "person")?.values().iter().map(stays).collect();
        arrow_select::filter::filter_record_batch(record.batch(), &mask)
            .map(Self)
            .map_err(EngineError::arrow("parting rows"))
    }
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
    /// Of these, rows of a contribution that this run brought again.
    pub replaced: u64,
}

impl RowRule<'_> {
    fn fates(&self, table: Table, batch: &RecordBatch) -> Result<Vec<Fate>, EngineError> {
        let persons = self.persons_of(table, batch)?;
        let keys = ids(batch, "record_key")?;
        let rests_on = ids(batch, rests_on(table))?;
        let practices = if self.practices.is_empty() { None } else { batch.column_by_name("practice") };
        Ok((0..batch.num_rows())
            .map(|row| {
                let person = persons[row];
                let practice = practices.and_then(|column| text(column, row));
                let replaced = self.replaced || practice.is_some_and(|practice| self.practices.contains(practice));
                if replaced {
                    Fate::Replace
                } else if person.is_some_and(|person| self.persons.contains(&person))
                    || self.superseded.contains(keys.value(row))
                    || self.bound.contains(&rests_on.value(row))
                {
                    Fate::Drop
                } else if person.and_then(|person| self.answers.get(&person)) == Some(&None) {
                    Fate::Publish
                } else if self.sealable {
                    Fate::Seal
                } else {
                    Fate::Drop
                }
            })
            .collect())
    }

    /// Whose the rows are today; `None` where the index knows the record no more.
    fn persons_of(&self, table: Table, batch: &RecordBatch) -> Result<Vec<Option<i64>>, EngineError> {
        let written = ids(batch, "person")?.values();
        let Some(who) = self.who else {
            let present = |person: &i64| Some(self.renamed.get(person).copied().unwrap_or(*person));
            return Ok(written.iter().map(present).collect());
        };
        let keys = ids(batch, rests_on(table))?.values().iter();
        Ok(keys.zip(written).map(|(&key, &written)| who(key, written)).collect())
    }

    /// Whether a row goes, is sealed, or changes its person.
    ///
    /// # Errors
    /// As [`RowRule::part`].
    pub fn touches(&self, table: Table, batch: &RecordBatch) -> Result<bool, EngineError> {
        let written = ids(batch, "person")?.values().iter();
        let renamed = written.zip(self.persons_of(table, batch)?).any(|(written, present)| present != Some(*written));
        Ok(renamed || self.fates(table, batch)?.into_iter().any(|fate| fate != Fate::Publish))
    }

    /// Parts published or sealed rows of `table` into what is published and what is sealed now, under present pseudonyms, and
    /// counts.
    ///
    /// # Errors
    /// [`EngineError::Column`] or [`EngineError::Arrow`] where the rows are not of the table's schema.
    pub fn part(
        &self,
        table: Table,
        batch: &RecordBatch,
    ) -> Result<(PublishedAgain, RecordBatch, Rewritten), EngineError> {
        let fates = self.fates(table, batch)?;
        let batch = self.rename(table, batch)?;
        let of = |fate: Fate| {
            let mask: BooleanArray = fates.iter().map(|&other| Some(other == fate)).collect();
            arrow_select::filter::filter_record_batch(&batch, &mask).map_err(EngineError::arrow("parting rows"))
        };
        let (published, sealed) = (of(Fate::Publish)?, of(Fate::Seal)?);
        let counts = Rewritten {
            published: published.num_rows() as u64,
            sealed: sealed.num_rows() as u64,
            dropped: (batch.num_rows() - published.num_rows() - sealed.num_rows()) as u64,
            replaced: fates.iter().filter(|&&fate| fate == Fate::Replace).count() as u64,
        };
        let width: Vec<usize> = (0..schema(table).fields().len()).collect();
        let published = published.project(&width).map_err(EngineError::arrow("parting rows"))?;
        Ok((PublishedAgain(published), self.with_reasons(sealed)?, counts))
    }

    /// Sealed rows carry why they are withheld in a last column; rows that were published until now get it here.
    fn with_reasons(&self, rows: RecordBatch) -> Result<RecordBatch, EngineError> {
        if rows.num_rows() == 0 || rows.column_by_name(columns::REASON).is_some() {
            return Ok(rows);
        }
        let why = |person: &i64| self.answers.get(person).copied().flatten().unwrap_or(Reason::NotAsked).name();
        let reasons = StringArray::from_iter_values(ids(&rows, "person")?.values().iter().map(why));
        let mut fields: Vec<Arc<Field>> = rows.schema().fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(columns::REASON, DataType::Utf8, false)));
        let mut arrays = rows.columns().to_vec();
        arrays.push(Arc::new(reasons));
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(EngineError::arrow("sealing rows"))
    }

    fn rename(&self, table: Table, batch: &RecordBatch) -> Result<RecordBatch, EngineError> {
        let place = batch.schema().index_of("person").map_err(EngineError::arrow("finding a column"))?;
        let written = ids(batch, "person")?.values().iter();
        let present = self.persons_of(table, batch)?;
        let persons: Int64Array = written.zip(present).map(|(written, present)| present.unwrap_or(*written)).collect();
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
        self.replaced += other.replaced;
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
    rule: &RowRule<'_>,
    keep: &TableWriter,
    seal: &(dyn Fn(RecordBatch) -> Result<(), EngineError> + Sync),
) -> Result<Option<Rewritten>, EngineError> {
    let table = TABLES.into_iter().find(|table| table.name() == file.table).ok_or(EngineError::Interrupted)?;
    let mut touched = rule.replaced;
    if !touched {
        for batch in read(records, table, file, Some(&["record_key", "registration", "person", "practice"]))? {
            if rule.touches(table, &batch.map_err(EngineError::arrow("reading records"))?)? {
                touched = true;
                break;
            }
        }
    }
    if !touched {
        return Ok(None);
    }
    let gone = if rule.replaced { file.rows } else { 0 };
    let mut counts = Rewritten { dropped: gone, replaced: gone, ..Rewritten::default() };
    if !rule.replaced {
        for batch in read(records, table, file, None)? {
            let (published, sealed, part) = rule.part(table, &batch.map_err(EngineError::arrow("reading records"))?)?;
            keep.write_again(&published)?;
            seal(sealed)?;
            counts += part;
        }
    }
    Ok(Some(counts))
}

/// Batches of a published file.
pub type Batches = parquet::arrow::arrow_reader::ParquetRecordBatchReader;

/// Reads a published file: all of it, or the columns named.
///
/// # Errors
/// [`EngineError::Io`] or [`EngineError::Parquet`].
pub fn read(records: &Path, table: Table, file: &DataFile, columns: Option<&[&str]>) -> Result<Batches, EngineError> {
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

/// The column that names the record by which a row links to its person.
const fn rests_on(table: Table) -> &'static str {
    match table {
        Table::Journals => "registration",
        Table::Persons | Table::Admissions | Table::Outpatients | Table::Emergency | Table::Other => "record_key",
    }
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

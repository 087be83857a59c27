//! What happened in each record, read from the files again beside the links: days, codes for births, deaths and emergencies.
//!
//! Files and the records that linkage took from them, in the same order -> a row for each record. Invariant: rows belong to
//! records by the record's key; a file that changed between the two readings is refused.

use super::super::LinkFiles;
use super::super::read::hospital_files;
use super::groups::Groups;
use crate::error::EngineError;
use arrow_array::cast::AsArray;
use arrow_array::types::Date32Type;
use arrow_array::{Array, Date32Array, StringArray};
use caredata_extract::{Columns, InputFile, ReadOptions, Source, SourceBatch, Table, find, read};
use caredata_link::{Record, UnkeyedKeys};

/// Beginnings of codes that say the patient was born, of those that a source declares for births and deliveries: ADMIMETH 82,
/// 83 and 2C (born in hospital, at home, on the way), ICD-10 Z38 (liveborn infants). The others speak of the mother.
const OF_THE_CHILD: [&str; 4] = ["82", "83", "2C", "Z38"];
/// Beginnings of ADMIMETH of an emergency: 21 to 25 and 28, 2A, 2B and 2D; 2C is a birth.
const EMERGENCY: [&str; 9] = ["21", "22", "23", "24", "25", "28", "2A", "2B", "2D"];
/// DISMETH: died.
const DIED: &str = "4";

/// What happened in one hospital record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Happened {
    /// Whether it is of admitted patient care; appointments and attendances have groups and no more.
    pub(super) admission: bool,
    /// The last day of the stay, in days since 1970; none where it is not stated.
    pub(super) discharged: Option<i32>,
    pub(super) emergency: bool,
    pub(super) died: bool,
    pub(super) birth: Birth,
    pub(super) groups: Groups,
}

/// Whether a record is of a birth, and whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Birth {
    None,
    /// The patient gave birth.
    Delivery,
    /// The patient was born.
    Born,
}

/// What a practice says of a registered person beside the identifiers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Registered {
    /// The day of death, in days since 1970.
    pub(super) died: Option<i32>,
}

/// The day of death of each registration.
pub(super) fn registered(request: &LinkFiles, records: &[Record]) -> Result<Vec<Registered>, EngineError> {
    let source = Source::builtin("gp-patients")?;
    let files = find(&request.gp, &source)?;
    rows(&source, &files, &["death_day".to_owned()], records, |batch| {
        let died = days(batch, "death_day");
        (0..batch.len()).map(|row| Registered { died: day(died, row) }).collect()
    })
}

/// What happened in each event, in the order of sources and of their files; `counts` are the records of each source.
pub(super) fn happened(
    request: &LinkFiles,
    records: &[Record],
    counts: impl Iterator<Item = usize>,
) -> Result<Vec<Happened>, EngineError> {
    let mut all = Vec::with_capacity(records.len());
    for ((source, files), count) in hospital_files(&request.hospital)?.into_iter().zip(counts) {
        let wanted = ["ethnic_category", "imd_decile", "discharge_day", "admission_method", "discharge_method"];
        let mut columns: Vec<String> = wanted.map(str::to_owned).to_vec();
        columns.extend(source.births.iter().flat_map(|rule| rule.columns.iter().cloned()));
        columns.retain(|name| source.columns.iter().any(|column| column.name == *name));
        columns.sort_unstable();
        columns.dedup();
        let own = &records[all.len()..all.len() + count];
        let admission = source.table == Table::Admissions;
        let taken = rows(&source, &files, &columns, own, |batch| of_batch(&source, admission, batch))?;
        all.extend(
            taken
                .into_iter()
                .zip(own)
                .map(|(row, record)| Happened { groups: Groups::of(record, row.ethnic, row.tenth), ..row.happened }),
        );
    }
    Ok(all)
}

/// A row before it is known whose record it is of.
#[derive(Clone, Copy)]
struct Row {
    happened: Happened,
    ethnic: u8,
    tenth: u8,
}

fn of_batch(source: &Source, admission: bool, batch: &SourceBatch) -> Vec<Row> {
    let (discharged, method, died) =
        (days(batch, "discharge_day"), texts(batch, "admission_method"), texts(batch, "discharge_method"));
    let (ethnic, tenth) = (texts(batch, "ethnic_category"), texts(batch, "imd_decile"));
    let births = births(source, batch);
    (0..batch.len())
        .map(|row| {
            let code = |column| text(column, row).unwrap_or("");
            Row {
                happened: Happened {
                    admission,
                    discharged: day(discharged, row),
                    emergency: EMERGENCY.contains(&code(method)),
                    died: code(died) == DIED,
                    birth: births[row],
                    groups: Groups::NOT_KNOWN,
                },
                ethnic: Groups::ethnic(code(ethnic)),
                tenth: Groups::tenth(code(tenth)),
            }
        })
        .collect()
}

/// Which rows are of a birth, by the rules that the source declares. Where a row speaks of both, it is the child's.
fn births(source: &Source, batch: &SourceBatch) -> Vec<Birth> {
    let mut births = vec![Birth::None; batch.len()];
    for rule in source.births.iter().filter(|rule| rule.system.is_none()) {
        for column in rule.columns.iter().filter_map(|name| texts(batch, name)) {
            for (row, birth) in births.iter_mut().enumerate() {
                let Some(code) = text(Some(column), row) else { continue };
                let Some(prefix) = rule.prefixes.iter().find(|prefix| code.starts_with(prefix.as_str())) else {
                    continue;
                };
                if OF_THE_CHILD.contains(&prefix.as_str()) {
                    *birth = Birth::Born;
                } else if *birth == Birth::None {
                    *birth = Birth::Delivery;
                }
            }
        }
    }
    births
}

fn texts<'a>(batch: &'a SourceBatch, name: &str) -> Option<&'a StringArray> {
    batch.payload().column_by_name(name)?.as_string_opt::<i32>()
}

fn days<'a>(batch: &'a SourceBatch, name: &str) -> Option<&'a Date32Array> {
    batch.payload().column_by_name(name)?.as_primitive_opt::<Date32Type>()
}

fn text(column: Option<&StringArray>, row: usize) -> Option<&str> {
    column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
}

fn day(column: Option<&Date32Array>, row: usize) -> Option<i32> {
    column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
}

/// Rows of the files for records taken from them before: the records are the rows in order, but for some left out.
fn rows<T: Copy + Send>(
    source: &Source,
    files: &[InputFile],
    columns: &[String],
    records: &[Record],
    make: impl Fn(&SourceBatch) -> Vec<T> + Sync,
) -> Result<Vec<T>, EngineError> {
    let keys = UnkeyedKeys::new(source.name.as_str());
    let options = ReadOptions::with_columns(Columns::Only(columns.to_vec()));
    let read = read(source, files, &options, |batch| {
        let own: Vec<_> = (0..batch.len()).map(|row| keys.key(batch.key(row))).collect();
        (own, make(&batch))
    })?;
    let mut all = read.results.iter().flat_map(|(keys, rows)| keys.iter().zip(rows));
    let changed = || EngineError::InputChanged { source_name: source.name.to_string() };
    records
        .iter()
        .map(|record| all.find(|&(key, _)| *key == record.key).map(|(_, row)| *row).ok_or_else(changed))
        .collect()
}

//! Files of one source read into what linkage needs and what its output names.
//!
//! Files -> [`Taken`]: packed records, and their ids as text. Invariant: a record whose key stands twice is taken once.

use super::{LinkFiles, NO_DAY};
use crate::error::EngineError;
use crate::run::provider_number;
use caredata_admit::{Duplicates, RecordKeySecret, RecordKeys};
use caredata_extract::{
    Columns, InputFile, Outcome, ReadOptions, Rejection, Source, SourceBatch, find, find_among, read,
};
use caredata_link::Record;
use rayon::prelude::*;
use std::path::PathBuf;

/// Records of one source on their way: what linkage needs, and the ids that its output names.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) source: String,
    pub(super) batches: Vec<Batch>,
}

impl Taken {
    /// All records, in the order of the files.
    pub(super) fn records(&self) -> Vec<Record> {
        self.batches.iter().flat_map(|batch| batch.records.iter().copied()).collect()
    }
}

pub(super) struct Batch {
    pub(super) records: Vec<Record>,
    ids: String,
    ends: Vec<u32>,
}

impl Batch {
    fn of(batch: &SourceBatch, keys: &RecordKeys, contribution: u32) -> Self {
        let rows = batch.len();
        let mut taken = Self { records: Vec::with_capacity(rows), ids: String::new(), ends: Vec::with_capacity(rows) };
        let providers: Vec<u32> = batch.providers().iter().map(|provider| provider_number(provider)).collect();
        for row in 0..rows {
            let key = batch.key(row);
            taken.ids.push_str(key);
            taken.ends.push(taken.ids.len() as u32);
            taken.records.push(Record {
                key: keys.key(key),
                identifiers: batch.identifiers(row),
                provider: providers[batch.provider_index(row)],
                local_id: keys.local_id(batch.provider(row), batch.local_id(row)),
                day: batch.event_day(row).unwrap_or(NO_DAY),
                contribution,
            });
        }
        taken
    }

    pub(super) fn id(&self, row: usize) -> &str {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.ids[start as usize..self.ends[row] as usize]
    }

    fn without(mut self, rows: &[u32]) -> Self {
        if rows.is_empty() {
            return self;
        }
        let kept: Vec<usize> =
            (0..self.records.len()).filter(|&row| rows.binary_search(&(row as u32)).is_err()).collect();
        let mut left = Self { records: Vec::new(), ids: String::new(), ends: Vec::new() };
        for row in kept {
            left.ids.push_str(self.id(row));
            left.ends.push(left.ids.len() as u32);
            left.records.push(self.records[row]);
        }
        std::mem::swap(&mut self, &mut left);
        self
    }
}

/// All that a request names, read.
#[derive(Default)]
pub(super) struct Loaded {
    /// GP patients.
    pub(super) registrations: Taken,
    /// Records of each other source.
    pub(super) events: Vec<Taken>,
    /// Rows that could not be read, and rows whose key stood twice.
    pub(super) quarantined: u64,
    /// Where rows could not be read, and why: no values.
    pub(super) refused: Vec<Rejection>,
}

impl Loaded {
    /// Reads what a request names.
    pub(super) fn read(request: &LinkFiles) -> Result<Self, EngineError> {
        let mut loaded = Self::default();
        let patients = Source::builtin("gp-patients")?;
        loaded.registrations = take(&patients, "gp", &find(&request.gp, &patients)?, 0, &mut loaded)?;
        for (place, (source, files)) in (1..).zip(hospital_files(&request.hospital)?) {
            let taken = take(&source, source.name.as_str(), &files, place, &mut loaded)?;
            loaded.events.push(taken);
        }
        if loaded.registrations.batches.is_empty() || loaded.events.is_empty() {
            let missing =
                if loaded.events.is_empty() { "hospital (apc*, op*, ae*)" } else { "GP patients (patients*)" };
            return Err(EngineError::NoFiles { missing });
        }
        Ok(loaded)
    }
}

fn hospital_files(paths: &[PathBuf]) -> Result<Vec<(Source, Vec<InputFile>)>, EngineError> {
    let sources = ["apc", "op", "ae"].into_iter().map(Source::builtin).collect::<Result<Vec<_>, _>>()?;
    let mut files: Vec<Vec<InputFile>> = vec![Vec::new(); sources.len()];
    for path in paths {
        for (all, found) in files.iter_mut().zip(find_among(path, &sources)?) {
            all.extend(found);
        }
    }
    Ok(sources.into_iter().zip(files).filter(|(_, files)| !files.is_empty()).collect())
}

fn take(
    source: &Source,
    name: &str,
    files: &[InputFile],
    contribution: u32,
    loaded: &mut Loaded,
) -> Result<Taken, EngineError> {
    let keys = RecordKeys::new(&RecordKeySecret::new([0; 32]), &source.name);
    let options = ReadOptions::with_columns(Columns::Identifiers);
    let read = read(source, files, &options, |batch| Batch::of(&batch, &keys, contribution))?;
    let own: Vec<Vec<i64>> =
        read.results.par_iter().map(|batch| batch.records.iter().map(|record| record.key.value()).collect()).collect();
    let duplicates = Duplicates::find(&own.iter().map(Vec::as_slice).collect::<Vec<_>>());
    loaded.quarantined += read.rows_refused + duplicates.len() as u64;
    loaded.refused.extend(read.rejections.into_iter().filter(|rejection| rejection.outcome == Outcome::RowRefused));
    let batches =
        read.results.into_iter().enumerate().map(|(place, batch)| batch.without(duplicates.rows_of(place))).collect();
    Ok(Taken { source: name.to_owned(), batches })
}

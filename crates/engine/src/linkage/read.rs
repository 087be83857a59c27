//! Files of one source read into what linkage needs and what its output names.
//!
//! Files -> [`Taken`]: packed records, and their ids as text. Invariant: a record whose key stands twice is taken once.

use super::{LinkFiles, NO_DAY};
use crate::error::EngineError;
use crate::run::provider_number;
use caredata_admit::Duplicates;
use caredata_extract::{
    Columns, InputFile, Linkable, Outcome, ReadOptions, Rejection, Source, SourceBatch, find, find_among, read,
};
use caredata_link::{Ids, Record, RecordColumns, UnkeyedKeys, unkeyed_local_ids};
use rayon::prelude::*;
use std::ops::Range;
use std::path::PathBuf;

/// Records of one source on their way: what linkage needs, and the ids that its output names.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) source: String,
    pub(super) batches: Vec<Batch>,
}

impl Taken {
    /// Takes the records out, in the order of the files; the ids stay.
    pub(super) fn take_records(&mut self) -> Vec<Record> {
        let mut all = Vec::with_capacity(self.batches.iter().map(Batch::len).sum());
        for batch in &mut self.batches {
            // Appending batch by batch frees each as it goes, so that records are not in memory twice.
            all.append(&mut std::mem::take(&mut batch.records));
        }
        all
    }
}

/// Records of a part of a file, until they are taken out, and their ids as text.
pub(super) struct Batch {
    records: Vec<Record>,
    ids: String,
    ends: Vec<u32>,
}

impl Batch {
    fn of(batch: SourceBatch, keys: UnkeyedKeys, contribution: u32) -> Self {
        let Linkable {
            keys: ids,
            key_ends: ends,
            providers,
            provider_indices,
            local_ids,
            local_id_ends,
            identifiers,
            days,
        } = batch.into_linkable();
        let numbers: Vec<u32> = providers.iter().map(|provider| provider_number(provider)).collect();
        let columns = RecordColumns {
            keys: &keys.keys(&ids, &ends),
            identifiers: &identifiers,
            providers: &numbers,
            provider_indices: &provider_indices,
            local_ids: &unkeyed_local_ids(&providers, &provider_indices, &local_ids, &local_id_ends),
            days: &days,
        };
        Self { records: columns.records(NO_DAY, contribution), ids, ends }
    }

    /// How many records there are, or were.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The ids of some of the records.
    pub(super) fn ids(&self, rows: Range<usize>) -> Ids<'_> {
        let start = if rows.start == 0 { 0 } else { self.ends[rows.start - 1] };
        Ids::new(&self.ids, start, &self.ends[rows])
    }

    /// The batch without some of its rows, which rise.
    fn without(self, rows: &[u32]) -> Self {
        if rows.is_empty() {
            return self;
        }
        let mut left = Self { records: Vec::new(), ids: String::new(), ends: Vec::new() };
        for (row, id) in self.ids(0..self.len()).iter().enumerate() {
            if rows.binary_search(&(row as u32)).is_err() {
                left.ids.push_str(id);
                left.ends.push(left.ids.len() as u32);
                left.records.push(self.records[row]);
            }
        }
        left
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
    let keys = UnkeyedKeys::new(source.name.as_str());
    let options = ReadOptions::with_columns(Columns::Identifiers);
    let read = read(source, files, &options, |batch| Batch::of(batch, keys, contribution))?;
    let own: Vec<Vec<i64>> = read.results.par_iter().map(|batch| Record::key_values(&batch.records)).collect();
    let duplicates = Duplicates::find(&own.iter().map(Vec::as_slice).collect::<Vec<_>>());
    loaded.quarantined += read.rows_refused + duplicates.len() as u64;
    loaded.refused.extend(read.rejections.into_iter().filter(|rejection| rejection.outcome == Outcome::RowRefused));
    let batches =
        read.results.into_iter().enumerate().map(|(place, batch)| batch.without(duplicates.rows_of(place))).collect();
    Ok(Taken { source: name.to_owned(), batches })
}

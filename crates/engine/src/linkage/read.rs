//! Files of one source read into what linkage needs and what its output names.
//!
//! Files -> [`Loaded`]: packed records, and their ids as text. Invariant: a record whose key stands twice is taken once.

use super::{LinkFiles, NO_DAY};
use crate::error::EngineError;
use crate::run::provider_number;
use caredata_admit::Duplicates;
use caredata_extract::{
    Columns, InputFile, Outcome, Quality, ReadOptions, Rejection, Source, SourceBatch, find, find_among, read,
};
use caredata_link::{Ids, Record, RecordColumns, UnkeyedKeys, unkeyed_local_ids};
use rayon::prelude::*;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Bytes of a file parsed at a time: little enough to stay in a processor's cache from the first look to the last.
const CHUNK_BYTES: usize = 1 << 20;

/// Records of one source: where they stand among all of their kind, and the ids that the output names.
pub(super) struct Taken {
    pub(super) source: String,
    /// In the order of the files.
    pub(super) batches: Vec<Batch>,
    /// How sound the identifiers are, by provider.
    pub(super) quality: Quality,
}

/// Records of a part of a file.
pub(super) struct Batch {
    /// The place of the first of them among all records of their kind.
    first: usize,
    ids: String,
    ends: Vec<u32>,
}

impl Taken {
    /// The number of records.
    pub(super) fn len(&self) -> usize {
        self.batches.iter().map(|batch| batch.ends.len()).sum()
    }
}

impl Batch {
    /// Appends a batch's records to `all`. They stand there in the order in which threads are done with their part of a file:
    /// linkage does not mind, and nothing is held twice until the last part is read.
    fn of(batch: SourceBatch, keys: UnkeyedKeys, contribution: u32, all: &Mutex<Vec<Record>>) -> Self {
        let mut columns = batch.into_linkable();
        columns.keys.shrink_to_fit();
        let numbers: Vec<u32> = columns.providers.iter().map(|provider| provider_number(provider)).collect();
        let local_ids = unkeyed_local_ids(
            &columns.providers,
            &columns.provider_indices,
            &columns.local_ids,
            &columns.local_id_ends,
        );
        let records = RecordColumns {
            keys: &keys.keys(&columns.keys, &columns.key_ends),
            identifiers: &columns.identifiers,
            providers: &numbers,
            provider_indices: &columns.provider_indices,
            local_ids: &local_ids,
            days: &columns.days,
        };
        let mut records = records.records(NO_DAY, contribution);
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        let first = all.len();
        all.append(&mut records);
        Self { first, ids: columns.keys, ends: columns.key_ends }
    }

    /// The places of the records among all of their kind.
    pub(super) fn places(&self) -> Range<usize> {
        self.first..self.first + self.ends.len()
    }

    /// The ids of some of the records.
    pub(super) fn ids(&self, rows: Range<usize>) -> Ids<'_> {
        let start = if rows.start == 0 { 0 } else { self.ends[rows.start - 1] };
        Ids::new(&self.ids, start, &self.ends[rows])
    }

    /// The batch without some of its rows, which rise; `own` are its records, and those kept are appended to `all`.
    fn without(self, rows: &[u32], own: &[Record], all: &mut Vec<Record>) -> Self {
        let mut left = Self { first: all.len(), ids: String::new(), ends: Vec::new() };
        for ((row, id), record) in (0..).zip(self.ids(0..self.ends.len()).iter()).zip(own) {
            if rows.binary_search(&row).is_err() {
                left.ids.push_str(id);
                left.ends.push(left.ids.len() as u32);
                all.push(*record);
            }
        }
        left
    }
}

/// All that a request names, read.
#[derive(Default)]
pub(super) struct Loaded {
    /// Records of GP patients.
    pub(super) registrations: Vec<Record>,
    /// Records of all other sources.
    pub(super) events: Vec<Record>,
    /// Where each source's records stand, GP first, then those of other sources.
    pub(super) sources: Vec<Taken>,
    /// Rows that could not be read, and rows whose key stood twice.
    pub(super) quarantined: u64,
    /// Where rows could not be read, and why: no values.
    pub(super) refused: Vec<Rejection>,
}

impl Loaded {
    /// Reads what a request names.
    pub(super) fn read(request: &LinkFiles) -> Result<Self, EngineError> {
        Self::read_as(request, &mut |place, _| place)
    }

    /// Reads what a request names; `contribution` numbers what each source brings, from its place and name.
    pub(super) fn read_as(
        request: &LinkFiles,
        contribution: &mut dyn FnMut(u32, &str) -> u32,
    ) -> Result<Self, EngineError> {
        let mut loaded = Self::default();
        let patients = Source::builtin("gp-patients")?;
        let mut registrations = Vec::new();
        loaded.take(&patients, "gp", &find(&request.gp, &patients)?, contribution(0, "gp"), &mut registrations)?;
        let mut events = Vec::new();
        for (place, (source, files)) in (1..).zip(hospital_files(&request.hospital)?) {
            let name = source.name.as_str();
            loaded.take(&source, name, &files, contribution(place, name), &mut events)?;
        }
        if loaded.sources[0].batches.is_empty() || loaded.sources.len() == 1 {
            let missing =
                if loaded.sources.len() == 1 { "hospital (apc*, op*, ae*)" } else { "GP patients (patients*)" };
            return Err(EngineError::NoFiles { missing });
        }
        Ok(Self { registrations, events, ..loaded })
    }

    /// The same with records in the order of the files, for whoever reads the files again beside them.
    pub(super) fn in_file_order(mut self) -> Self {
        let (mut registrations, mut events) = (Vec::new(), Vec::new());
        for (place, taken) in self.sources.iter_mut().enumerate() {
            let (old, all) =
                if place == 0 { (&self.registrations, &mut registrations) } else { (&self.events, &mut events) };
            for batch in &mut taken.batches {
                let own = &old[batch.places()];
                batch.first = all.len();
                all.extend_from_slice(own);
            }
        }
        Self { registrations, events, ..self }
    }

    /// Reads one source, appending its records to `all` of their kind.
    fn take(
        &mut self,
        source: &Source,
        name: &str,
        files: &[InputFile],
        contribution: u32,
        all: &mut Vec<Record>,
    ) -> Result<(), EngineError> {
        let keys = UnkeyedKeys::new(source.name.as_str());
        let options = ReadOptions { chunk_bytes: CHUNK_BYTES, ..ReadOptions::with_columns(Columns::Identifiers) };
        let (before, records) = (all.len(), Mutex::new(std::mem::take(all)));
        let read = read(source, files, &options, |batch| Batch::of(batch, keys, contribution, &records))?;
        *all = records.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut batches = read.results;
        let own: Vec<Vec<i64>> = batches.par_iter().map(|batch| Record::key_values(&all[batch.places()])).collect();
        let duplicates = Duplicates::find(&own.iter().map(Vec::as_slice).collect::<Vec<_>>());
        if !duplicates.is_empty() {
            let old = all.split_off(before);
            let without = |(place, batch): (usize, Batch)| {
                let Range { start, end } = batch.places();
                batch.without(duplicates.rows_of(place), &old[start - before..end - before], all)
            };
            batches = batches.into_iter().enumerate().map(without).collect();
        }
        self.quarantined += read.rows_refused + duplicates.len() as u64;
        self.refused.extend(read.rejections.into_iter().filter(|rejection| rejection.outcome == Outcome::RowRefused));
        self.sources.push(Taken { source: name.to_owned(), batches, quality: read.quality });
        Ok(())
    }
}

/// The files of each hospital source that the paths hold.
pub(super) fn hospital_files(paths: &[PathBuf]) -> Result<Vec<(Source, Vec<InputFile>)>, EngineError> {
    let sources = ["apc", "op", "ae"].into_iter().map(Source::builtin).collect::<Result<Vec<_>, _>>()?;
    let mut files: Vec<Vec<InputFile>> = vec![Vec::new(); sources.len()];
    for path in paths {
        for (all, found) in files.iter_mut().zip(find_among(path, &sources)?) {
            all.extend(found);
        }
    }
    Ok(sources.into_iter().zip(files).filter(|(_, files)| !files.is_empty()).collect())
}

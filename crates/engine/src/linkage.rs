//! Linkage alone: GP and hospital files in, `links.csv` out. No home, no keys, nothing kept.
//!
//! Parsing, linking and writing each use all cores; of a file only the packed identifiers and the record ids stay in memory.
//! Invariant: one line out for each record taken in, GP first, in the order of the files.

use crate::error::EngineError;
use crate::run::provider_number;
use caredata_admit::{Duplicates, RecordKeySecret, RecordKeys};
use caredata_extract::{
    Columns, InputFile, Outcome, ReadOptions, Rejection, Source, SourceBatch, find, find_among, read,
};
pub use caredata_link::Method;
use caredata_link::{Index, Link, Linkage, Record, Settings, Status};
use caredata_model::{Day, PersonId, RecordKey};
use rayon::prelude::*;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What to link, how, and where to write the links.
#[derive(Clone, Debug)]
pub struct LinkFiles {
    /// GP patients: a file or a folder.
    pub gp: PathBuf,
    /// Hospital files or folders.
    pub hospital: Vec<PathBuf>,
    /// Where `links.csv` goes.
    pub out: PathBuf,
    /// The method.
    pub method: Method,
    /// Whether the four identifiers are all the evidence.
    pub identifiers_only: bool,
}

/// What linking files came to.
#[derive(Clone, Debug, Default)]
pub struct FilesLinked {
    /// Registrations taken in.
    pub registrations: u64,
    /// Hospital records taken in.
    pub events: u64,
    /// Hospital records by status: linked, new, review.
    pub by_status: [u64; 3],
    /// Rows that could not be read, and rows whose key stood twice.
    pub quarantined: u64,
    /// Where rows could not be read, and why: no values.
    pub refused: Vec<Rejection>,
    /// Seconds for reading, linking and writing.
    pub seconds: [f64; 3],
}

/// Records of one source on their way: what linkage needs, and the ids that its output names.
struct Taken {
    source: String,
    batches: Vec<Batch>,
}

struct Batch {
    records: Vec<Record>,
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

    fn id(&self, row: usize) -> &str {
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

/// A registration without a date stands before any event.
pub(crate) const NO_DAY: Day = Day::FIRST;

/// Links files.
///
/// # Errors
/// [`EngineError`] where a file is refused, or the links cannot be written; no `links.csv` is then left behind.
pub fn link_files(request: &LinkFiles) -> Result<FilesLinked, EngineError> {
    let mut outcome = FilesLinked::default();
    let began = Instant::now();
    let patients = Source::builtin("gp-patients")?;
    let registrations = take(&patients, "gp", &find(&request.gp, &patients)?, 0, &mut outcome)?;
    let mut events = Vec::new();
    for (place, (source, files)) in (1..).zip(hospital_files(&request.hospital)?) {
        events.push(take(&source, source.name.as_str(), &files, place, &mut outcome)?);
    }
    if registrations.batches.is_empty() || events.is_empty() {
        let missing = if events.is_empty() { "hospital (apc*, op*, ae*)" } else { "GP patients (patients*)" };
        return Err(EngineError::NoFiles { missing });
    }
    outcome.seconds[0] = began.elapsed().as_secs_f64();

    let began = Instant::now();
    let flat = |taken: &Taken| taken.batches.iter().flat_map(|batch| batch.records.iter().copied()).collect::<Vec<_>>();
    let registered = flat(&registrations);
    let happened: Vec<Record> = events.iter().flat_map(&flat).collect();
    let settings =
        Settings { method: request.method, identifiers_only: request.identifiers_only, ..Settings::default() };
    let linkage = caredata_link::link(&settings, Index::new(), &registered, &happened, &|key| person_of(key));
    outcome.registrations = registered.len() as u64;
    outcome.events = happened.len() as u64;
    outcome.seconds[1] = began.elapsed().as_secs_f64();

    let began = Instant::now();
    for link in &linkage.events {
        outcome.by_status[link.status as usize] += 1;
    }
    write_links(&request.out, &registrations, &events, &linkage)?;
    outcome.seconds[2] = began.elapsed().as_secs_f64();
    Ok(outcome)
}

/// Without a home there is no secret: an id is the key of the person's first record, spread out.
fn person_of(key: RecordKey) -> PersonId {
    PersonId::from_bits((key.value() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31))
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
    outcome: &mut FilesLinked,
) -> Result<Taken, EngineError> {
    let keys = RecordKeys::new(&RecordKeySecret::new([0; 32]), &source.name);
    let options = ReadOptions::with_columns(Columns::Identifiers);
    let read = read(source, files, &options, |batch| Batch::of(&batch, &keys, contribution))?;
    let own: Vec<Vec<i64>> =
        read.results.par_iter().map(|batch| batch.records.iter().map(|record| record.key.value()).collect()).collect();
    let duplicates = Duplicates::find(&own.iter().map(Vec::as_slice).collect::<Vec<_>>());
    outcome.quarantined += read.rows_refused + duplicates.len() as u64;
    outcome.refused.extend(read.rejections.into_iter().filter(|rejection| rejection.outcome == Outcome::RowRefused));
    let batches =
        read.results.into_iter().enumerate().map(|(place, batch)| batch.without(duplicates.rows_of(place))).collect();
    Ok(Taken { source: name.to_owned(), batches })
}

fn write_links(out: &Path, gp: &Taken, events: &[Taken], linkage: &Linkage) -> Result<(), EngineError> {
    let unfinished = out.with_extension("csv.unfinished");
    let fault = || EngineError::io("writing the links", out);
    let mut file = std::fs::File::create(&unfinished).map_err(fault())?;
    file.write_all(b"source,record_id,person_id,match_rank,weight_bits,probability,status\n").map_err(fault())?;
    let mut links = linkage.registrations.as_slice();
    let mut jobs = Vec::new();
    for (place, taken) in std::iter::once(gp).chain(events).enumerate() {
        if place == 1 {
            links = &linkage.events;
        }
        for batch in &taken.batches {
            let (own, rest) = links.split_at(batch.records.len());
            links = rest;
            jobs.push((taken.source.as_str(), batch, own));
        }
    }
    // As many pieces in memory as there are threads, a few times over; never the whole output.
    for jobs in jobs.chunks(4 * rayon::current_num_threads()) {
        let texts: Vec<Vec<u8>> = jobs.par_iter().map(|&(source, batch, links)| lines(source, batch, links)).collect();
        for text in texts {
            file.write_all(&text).map_err(fault())?;
        }
    }
    file.flush().map_err(fault())?;
    std::fs::rename(&unfinished, out).map_err(fault())
}

fn lines(source: &str, batch: &Batch, links: &[Link]) -> Vec<u8> {
    let mut out = Vec::with_capacity(links.len() * 72);
    let mut digits = itoa::Buffer::new();
    for (row, link) in links.iter().enumerate() {
        out.extend_from_slice(source.as_bytes());
        out.push(b',');
        push_field(&mut out, batch.id(row));
        out.push(b',');
        push_hex(&mut out, link.person);
        out.push(b',');
        if let Some(rank) = link.match_rank {
            out.extend_from_slice(digits.format(rank).as_bytes());
        }
        out.push(b',');
        push_fixed::<2>(&mut out, link.weight_bits);
        out.push(b',');
        push_fixed::<6>(&mut out, link.probability);
        out.push(b',');
        out.extend_from_slice(match link.status {
            Status::Linked => b"linked",
            Status::New => b"new",
            Status::Review => b"review",
        });
        out.push(b'\n');
    }
    out
}

/// A CSV field, quoted where it must be.
fn push_field(out: &mut Vec<u8>, text: &str) {
    if text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

fn push_hex(out: &mut Vec<u8>, person: PersonId) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let value = person.value() as u64;
    out.extend((0..16).rev().map(|place| DIGITS[(value >> (4 * place) & 15) as usize]));
}

/// A number with `PLACES` decimal places; nothing for none.
fn push_fixed<const PLACES: usize>(out: &mut Vec<u8>, value: Option<f32>) {
    let Some(value) = value.filter(|value| value.is_finite()) else { return };
    let scale = 10_i64.pow(PLACES as u32);
    let scaled = (f64::from(value) * scale as f64).round() as i64;
    if scaled < 0 {
        out.push(b'-');
    }
    let mut digits = itoa::Buffer::new();
    out.extend_from_slice(digits.format(scaled.unsigned_abs() / scale as u64).as_bytes());
    out.push(b'.');
    let fraction = digits.format(scaled.unsigned_abs() % scale as u64);
    out.extend(std::iter::repeat_n(b'0', PLACES - fraction.len()));
    out.extend_from_slice(fraction.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed<const PLACES: usize>(value: f32) -> String {
        let mut out = Vec::new();
        push_fixed::<PLACES>(&mut out, Some(value));
        String::from_utf8(out).expect("digits")
    }

    #[test]
    fn numbers_have_their_places() {
        assert_eq!(fixed::<2>(-3.307), "-3.31");
        assert_eq!(fixed::<2>(12.0), "12.00");
        assert_eq!(fixed::<6>(0.000_04), "0.000040");
        assert_eq!(fixed::<2>(f32::NAN), "");
    }

    #[test]
    fn a_record_id_with_a_comma_is_quoted() {
        let mut out = Vec::new();
        push_field(&mut out, "A1,\"2");
        assert_eq!(out, b"\"A1,\"\"2\"");
    }
}

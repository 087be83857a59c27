//! Linkage alone: GP and hospital files in, `links.csv` out. No home, no keys, nothing kept.
//!
//! Parsing, linking and writing each use all cores; of a file only the packed identifiers and the record ids stay in memory.
//! Invariant: one line out for each record taken in, GP first, in the order of the files.

mod evaluate;
mod read;
mod write;

use crate::error::EngineError;
use caredata_extract::Rejection;
pub use caredata_link::Method;
use caredata_link::{Index, Settings};
use caredata_model::{Day, PersonId, RecordKey};
pub use evaluate::{Evaluated, Evaluation, evaluate};
use read::Loaded;
use std::path::{Path, PathBuf};
use std::time::Instant;
use write::write_links;

/// What to link, and how.
#[derive(Clone, Debug)]
pub struct LinkFiles {
    /// GP patients: a file or a folder.
    pub gp: PathBuf,
    /// Hospital files or folders.
    pub hospital: Vec<PathBuf>,
    /// The method.
    pub method: Method,
    /// Whether the four identifiers are all the evidence.
    pub identifiers_only: bool,
}

impl LinkFiles {
    fn settings(&self) -> Settings {
        Settings { method: self.method, identifiers_only: self.identifiers_only, ..Settings::default() }
    }
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

/// A registration without a date stands before any event.
pub(crate) const NO_DAY: Day = Day::FIRST;

/// Links files and writes `links.csv`.
///
/// # Errors
/// [`EngineError`] where a file is refused, or the links cannot be written; no `links.csv` is then left behind.
pub fn link_files(request: &LinkFiles, out: &Path) -> Result<FilesLinked, EngineError> {
    let began = Instant::now();
    let Loaded { registrations, events, sources, quarantined, refused } = Loaded::read(request)?;
    let read = began.elapsed().as_secs_f64();

    let began = Instant::now();
    let linkage =
        caredata_link::link(&request.settings(), Index::new(), &registrations, &events, &|key| person_of(key));
    drop((registrations, events));
    let linked = began.elapsed().as_secs_f64();

    let began = Instant::now();
    let mut by_status = [0; 3];
    for link in &linkage.events {
        by_status[link.status as usize] += 1;
    }
    write_links(out, &sources, &linkage)?;
    Ok(FilesLinked {
        registrations: linkage.registrations.len() as u64,
        events: linkage.events.len() as u64,
        by_status,
        quarantined,
        refused,
        seconds: [read, linked, began.elapsed().as_secs_f64()],
    })
}

/// Without a home there is no secret: an id is the key of the person's first record, spread out.
fn person_of(key: RecordKey) -> PersonId {
    PersonId::from_bits((key.value() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31))
}

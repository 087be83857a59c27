//! Linkage alone: GP and hospital files in, `links.csv` out. No home, no keys, nothing kept.
//!
//! Parsing, linking and writing each use all cores; of a file only the packed identifiers and the record ids stay in memory.
//! Invariant: one line out for each record taken in, GP first, in the order of the files.

mod decisions;
mod evaluate;
mod explain;
mod known_truth;
mod names;
mod read;
mod review;
mod rules;
mod waterfall;
mod words;
mod write;

use crate::error::EngineError;
use caredata_extract::Rejection;
pub use caredata_link::Method;
use caredata_link::{Decisions, Index, Settings};
use caredata_model::{Day, PersonId, RecordKey};
pub use decisions::{Chain, Said, Saying, Standing, reason, say};
pub use evaluate::{Evaluated, Evaluation, evaluate};
pub use explain::{
    Beside, CandidateExplained, EventExplained, Explained, RegistrationExplained, Supposition, explain_record, probable,
};
pub use names::RecordName;
use read::Loaded;
pub use review::{DoubtfulPair, Review, review};
pub use rules::{IdentifierReport, RuleReport, RulesReport, judge_rules};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;
pub use waterfall::{draw, signed};
pub use words::Part;
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
    /// The journal of decisions to obey.
    pub decisions: Option<PathBuf>,
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
    /// Decisions that stand.
    pub decisions: u64,
    /// Records that decisions name and that are not in the files.
    pub decided_elsewhere: u64,
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
    let decisions = decisions_of(request)?;
    let Loaded { registrations, events, sources, quarantined, refused } = Loaded::read(request)?;
    let read = began.elapsed().as_secs_f64();

    let began = Instant::now();
    let settings = request.settings();
    let linkage = caredata_link::link_obeying(&decisions, &settings, Index::new(), &registrations, &events, &|key| {
        person_of(key)
    });
    let mut decided: HashSet<RecordKey> = decisions.records().collect();
    if !decided.is_empty() {
        for record in registrations.iter().chain(&events) {
            decided.remove(&record.key);
        }
    }
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
        decisions: standing(request)?.map_or(0, |standing| standing.len() as u64),
        decided_elsewhere: decided.len() as u64,
        seconds: [read, linked, began.elapsed().as_secs_f64()],
    })
}

/// What stands in the journal that a request names.
fn standing(request: &LinkFiles) -> Result<Option<Standing>, EngineError> {
    request.decisions.as_deref().map(Standing::read).transpose()
}

/// The decisions that a request is to obey.
fn decisions_of(request: &LinkFiles) -> Result<Decisions, EngineError> {
    standing(request)?.map_or(Ok(Decisions::NONE), |standing| standing.decisions())
}

/// Without a home there is no secret: an id is the key of the person's first record, spread out.
fn person_of(key: RecordKey) -> PersonId {
    PersonId::from_bits((key.value() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31))
}

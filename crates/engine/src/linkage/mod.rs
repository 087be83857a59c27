//! Linkage alone: GP and hospital files in, `links.csv` out. No home and no keys, and nothing kept but, where it is asked for, an
//! index of its own.
//!
//! Parsing, linking and writing each use all cores; of a file only the packed identifiers and the record ids stay in memory.
//! Invariant: one line out for each record taken in, GP first, in the order of the files.

mod decisions;
mod evaluate;
mod explain;
mod known_truth;
mod months;
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
use caredata_link::{Decisions, Index, Linkage, Settings};
use caredata_model::{Day, PersonId, RecordKey};
pub use decisions::{Chain, Said, Saying, Standing, reason, say};
pub use evaluate::{Evaluated, Evaluation, evaluate};
pub use explain::{
    Beside, CandidateExplained, EventExplained, Explained, RegistrationExplained, Supposition, explain_record, probable,
};
pub use months::IndexFolder;
use months::Months;
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
    /// What became of those known before, where there is an index.
    pub known: Option<Known>,
    /// Seconds for reading, linking and writing.
    pub seconds: [f64; 3],
}

/// What an index brought to a month, and what became of it.
#[derive(Clone, Debug)]
pub struct Known {
    /// Records of the months before.
    pub records: u64,
    /// Of these, hospital records that were judged again.
    pub judged_again: u64,
    /// Persons who were found to be another.
    pub merges: u64,
    /// Records that left their persons.
    pub splits: u64,
    /// Where merges and splits were written.
    pub changes: PathBuf,
}

/// A registration without a date stands before any event.
pub(crate) const NO_DAY: Day = Day::FIRST;

/// Links files and writes `links.csv`: against the persons of an index, if there is one, which is then carried on. What became of
/// persons known before is written beside it, as `links.changes.csv`.
///
/// # Errors
/// [`EngineError`] where a file is refused, the index cannot be opened, or the links cannot be written; no `links.csv` is then left
/// behind, and the index is as it was.
pub fn link_files(request: &LinkFiles, index: Option<&IndexFolder>, out: &Path) -> Result<FilesLinked, EngineError> {
    let began = Instant::now();
    let decisions = decisions_of(request)?;
    let mut months = index.map(Months::open).transpose()?;
    if months.as_ref().map_or(Ok(false), |months| months.holds(out))? {
        return Err(EngineError::OutInIndex { path: out.to_owned() });
    }
    let loaded = match &mut months {
        None => Loaded::read(request)?,
        Some(months) => Loaded::read_as(request, &mut |_, source| months.contribution(source))?,
    };
    let Loaded { registrations, events, sources, quarantined, refused } = loaded;
    let before = months.as_ref().map_or_else(|| Ok(Index::new()), |months| months.load(&sources))?;
    let known = before.observations().len() as u64;
    let read = began.elapsed().as_secs_f64();

    let began = Instant::now();
    let settings = request.settings();
    let person_id = |key| months.as_ref().map_or_else(|| person_of(key), |months| months.person_id(key));
    let linkage = caredata_link::link_obeying(&decisions, &settings, before, &registrations, &events, &person_id);
    let mut decided: HashSet<RecordKey> = decisions.records().collect();
    if !decided.is_empty() {
        for record in registrations.iter().chain(&events) {
            decided.remove(&record.key);
        }
    }
    // Without an index the records are not needed any more, and make place for what is written.
    let records = months.is_some().then_some((registrations, events));
    let linked = began.elapsed().as_secs_f64();

    let began = Instant::now();
    let mut by_status = [0; 3];
    for link in &linkage.events {
        by_status[link.status as usize] += 1;
    }
    let mut done = FilesLinked {
        registrations: linkage.registrations.len() as u64,
        events: linkage.events.len() as u64,
        by_status,
        quarantined,
        refused,
        decisions: standing(request)?.map_or(0, |standing| standing.len() as u64),
        decided_elsewhere: decided.len() as u64,
        known: None,
        seconds: [read, linked, 0.0],
    };
    let Linkage { registrations: registered, events: seen, pending, diagnostics } = linkage;
    if let (Some(months), Some((registrations, events))) = (&mut months, records) {
        let [merges, splits] = pending.changes().map(<[_]>::to_vec);
        let index = pending.observe((&registrations, &registered), (&events, &seen));
        months.store(&index, &sources, (&registrations, &events))?;
        let changes = out.with_extension("changes.csv");
        months.write_changes(&changes, [&merges, &splits])?;
        let (merges, splits) = (merges.len() as u64, splits.len() as u64);
        done.known = Some(Known { records: known, judged_again: diagnostics.judged_again, merges, splits, changes });
    }
    write_links(out, &sources, [&registered, &seen])?;
    if let Some(months) = &months {
        months.commit()?;
    }
    done.seconds[2] = began.elapsed().as_secs_f64();
    Ok(done)
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

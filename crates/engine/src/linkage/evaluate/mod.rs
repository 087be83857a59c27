//! How good a linkage of files is, with a known truth or without: `linkage-report.json` and `linkage-report.html`.
//!
//! GP and hospital files are linked as [`link_files`](super::link_files) links them; then what happened in each record is read
//! from the same files, in a second reading, and put beside its link. Linkage itself never sees it. Invariant: the same
//! files give the same report, byte for byte, in any order of rows and on any number of threads.

mod groups;
mod happened;
mod measures;
mod readmissions;
mod report;
mod signs;
mod truth;

use super::read::Loaded;
use super::{LinkFiles, decisions_of, person_of};
use crate::error::EngineError;
use crate::report::linkage::{self, LinkageReport};
use caredata_link::{Candidate, Diagnostics, Index, Link, Record, Status, link_and_candidates};
use caredata_model::PersonId;
use happened::{Happened, Registered};
use std::path::{Path, PathBuf};
use std::time::Instant;
use truth::Truth;

/// What to evaluate.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// What to link, and how.
    pub files: LinkFiles,
    /// A folder with `gp.csv` and `hospital.csv`, as `caredata synth` writes them, that says whose record is whose.
    pub truth: Option<PathBuf>,
}

/// What an evaluation came to.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// The report.
    pub report: LinkageReport,
    /// The page.
    pub page: PathBuf,
    /// The report as JSON.
    pub numbers: PathBuf,
    /// Rows that could not be read, and rows whose key stood twice.
    pub quarantined: u64,
    /// Seconds for reading and linking, for reading what happened and the truth, and for evaluating.
    pub seconds: [f64; 3],
}

/// Everything that an evaluation looks at. Events of all sources stand one after the other.
struct Evidence {
    registrations: Vec<Record>,
    registration_links: Vec<Link>,
    registered: Vec<Registered>,
    events: Vec<Record>,
    links: Vec<Link>,
    /// Each event's best candidate.
    candidates: Vec<Candidate>,
    /// What happened in each event.
    happened: Vec<Happened>,
    /// Whether each event is linked to a person with a registration.
    tied: Vec<bool>,
    /// Each source: its name, its number of events, and how sound its identifiers are.
    sources: Vec<(String, usize, caredata_extract::Quality)>,
    diagnostics: Diagnostics,
    truth: Option<Truth>,
}

impl Evidence {
    /// The source of each event, by its place in `sources`.
    fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.sources
            .iter()
            .enumerate()
            .skip(1)
            .flat_map(|(place, &(_, records, _))| std::iter::repeat_n(place, records))
    }
}

/// Links files, evaluates the links, and writes the report into a folder, which is made where there is none.
///
/// # Errors
/// [`EngineError`] where a file is refused, the truth cannot be read, or the report cannot be written.
pub fn evaluate(request: &Evaluation, out: &Path) -> Result<Evaluated, EngineError> {
    let began = Instant::now();
    let Loaded { registrations, events, sources, quarantined, .. } = Loaded::read(&request.files)?.in_file_order();
    let settings = request.files.settings();
    let decisions = decisions_of(&request.files)?;
    let (linkage, candidates) =
        link_and_candidates(&decisions, &settings, Index::new(), &registrations, &events, &|key| person_of(key));
    let linked = began.elapsed().as_secs_f64();

    let began = Instant::now();
    let sources: Vec<_> = sources
        .into_iter()
        .map(|taken| {
            let records = taken.len();
            (taken.source, records, taken.quality)
        })
        .collect();
    let registered = happened::registered(&request.files, &registrations)?;
    let happened = happened::happened(&request.files, &events, sources.iter().skip(1).map(|source| source.1))?;
    let truth = match &request.truth {
        Some(folder) => Some(Truth::read(folder, &registrations, &events, &sources)?),
        None => None,
    };
    let read = began.elapsed().as_secs_f64();

    let began = Instant::now();
    let tied = tied(&linkage.registrations, &linkage.events);
    let evidence = Evidence {
        registrations,
        registration_links: linkage.registrations,
        registered,
        events,
        links: linkage.events,
        candidates,
        happened,
        tied,
        sources,
        diagnostics: linkage.diagnostics,
        truth,
    };
    let report = report::report(&settings, &evidence);
    let (page, numbers) = write(out, &report)?;
    Ok(Evaluated { report, page, numbers, quarantined, seconds: [linked, read, began.elapsed().as_secs_f64()] })
}

/// For each event whether it is linked to a person with a registration.
fn tied(registrations: &[Link], events: &[Link]) -> Vec<bool> {
    let mut persons: Vec<PersonId> = registrations.iter().map(|link| link.person).collect();
    persons.sort_unstable();
    let known = |link: &Link| link.status != Status::Review && persons.binary_search(&link.person).is_ok();
    events.iter().map(known).collect()
}

fn write(out: &Path, report: &LinkageReport) -> Result<(PathBuf, PathBuf), EngineError> {
    std::fs::create_dir_all(out).map_err(EngineError::io("making the folder", out))?;
    let put = |name: &str, text: String| {
        let (path, unfinished) = (out.join(name), out.join(format!("{name}.unfinished")));
        std::fs::write(&unfinished, text).map_err(EngineError::io("writing the report", &unfinished))?;
        std::fs::rename(&unfinished, &path).map_err(EngineError::io("writing the report", &path))?;
        Ok::<PathBuf, EngineError>(path)
    };
    let numbers = serde_json::to_string_pretty(report).map_err(EngineError::json("writing the linkage report"))?;
    let numbers = put("linkage-report.json", numbers + "\n")?;
    let page = put("linkage-report.html", linkage::render(report))?;
    Ok((page, numbers))
}

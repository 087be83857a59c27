//! The run report: what went in, what came out, what was held back and why, for people who would rather look than read.
//!
//! [`RunReport`] in (plain counts and words, filled in by the run; serialisable, so that it is kept beside the page), one
//! HTML page out. The page stands alone: no script, no network, styles and pictures inside it, light and dark, on paper too.
//!
//! Invariants: every text is escaped on its way into the page; no value of a person is in a report of real people: there
//! the breakdowns by provider and group hide numbers of 1 to 7 ([`SMALLEST_SHOWN`]), and timelines and comparisons with a
//! truth are left out whatever the report holds. `synthetic` people alone are shown one by one.

mod data;
mod figures;
pub mod linkage;
mod numbers;
mod page;
pub(crate) mod svg;

#[cfg(test)]
mod tests;

pub use data::{
    Counted, DataQuality, Dimension, Duplicates, FieldName, GroupRate, HeldPractice, Links, MatchRankCount, Objections,
    ObjectorsInTruth, Persons, Population, RunIdentity, RunReport, Setting, SourceCounts, Stage, StatusCount,
    TableRows, Timeline, TimelineEvent, TruthComparison, TruthGroup, WeightBin, WeightHistogram,
};
pub(crate) use figures::ethnic_category;
pub use numbers::SMALLEST_SHOWN;

/// The report as one HTML page that needs nothing else.
pub fn render(report: &RunReport) -> String {
    page::render(report)
}

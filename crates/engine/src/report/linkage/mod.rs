//! The linkage report: how records were linked, how good the links are, where they look false, and what that does to a measure.
//!
//! [`LinkageReport`] in (counts, rates and words; serialisable, so that it is kept beside the page), one HTML page out, made
//! from the same numbers. It tells what a report on linkage owes its readers (GUILD: Gilbert et al., Journal of Public Health
//! 2018). Invariants: every text is escaped; no identifier and no record is in it. It is for the team that links, inside:
//! unlike the run report it hides no small number, and it says so.

mod data;
mod figures;
mod page;

#[cfg(test)]
mod tests;

pub use data::{
    AgainstTruth, CalibrationBin, ExpectedErrors, GroupBias, GroupMeasured, GroupShare, GroupUsable, LevelShare,
    LinkageReport, LinkedSource, Measured, Methods, ProviderShare, Rate, RatioOfGroups, ReadmissionTruth, Readmissions,
    RuleCounts, Sign, SignKind, SignTruth,
};

/// The linkage report as one HTML page that needs nothing else.
pub fn render(report: &LinkageReport) -> String {
    page::render(report)
}

//! Whether a package and what it says of itself agree about objections.
//!
//! A package with its rows as read in, the check that it fails out. The practice counted when it made the package, and the
//! centre counts again, independently; where the two differ nobody can tell whose wish is lost, so the practice is held.
//! Invariant: an objection that a held package tells of by a token is heard all the same.

use super::admission::Check;
use super::inputs::PackageFiles;
use caredata_extract::{Collected, Rejection, SourceBatch};
use caredata_model::Scope;
use std::collections::HashSet;

/// The check that a package fails, if any.
pub fn failed(
    package: &PackageFiles,
    patients: &[SourceBatch],
    refused: &[Rejection],
    collected: &Collected,
) -> Option<Check> {
    let stated = &package.manifest;
    let own: Vec<&SourceBatch> = patients.iter().filter(|batch| batch.file() == &*package.patients).collect();
    let stopped: HashSet<&str> = package.stopped.iter().map(String::as_str).collect();
    let is_stopped = |batch: &&SourceBatch| (0..batch.len()).any(|row| stopped.contains(batch.token(row)));
    if own.iter().any(is_stopped) {
        return Some(Check::StoppedButSent);
    }
    // Where the practice's own export came in the same run, its journals cannot be told from the package's.
    let is_alone = !patients.iter().any(|batch| {
        batch.file() != &*package.patients && batch.providers().iter().any(|code| **code == *stated.practice)
    });
    let noted =
        |said: &caredata_extract::PatientWish| *said.practice == *stated.practice && said.wish.scope == Scope::GpRecord;
    if is_alone && collected.records.iter().any(noted) {
        return Some(Check::Type1Sent);
    }
    let rows: u64 = own.iter().map(|batch| batch.len() as u64).sum();
    let lost = refused.iter().any(|one| one.file == package.patients);
    let rows_differ = rows > stated.patients || (rows < stated.patients && !lost);
    let stops_differ = package.stopped.len() as u64 != stated.stopped;
    let found = collected.counts.get(&*stated.practice).copied().unwrap_or_default();
    let of_type_2 =
        |counts: caredata_extract::WishCounts| counts.object_all + counts.withdraw_all + counts.no_longer_counting;
    let (found, told) = (of_type_2(found), of_type_2(stated.wishes));
    // Entries of patients who are not sent stay with them.
    let all_are_sent = stated.wishes.patients_withheld == 0
        && stated.withheld.entries_without_patient == 0
        && stated.withheld.rows_refused == 0;
    let wishes_differ = is_alone && (found > told || (found < told && all_are_sent));
    (rows_differ || stops_differ || wishes_differ).then_some(Check::PackageCounts)
}

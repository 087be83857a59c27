//! The purge: an objection made to hold at once, and backwards.
//!
//! In: a home. Out: a home whose published tables follow the register as it stands now, in which no earlier version is left,
//! and an account of what was removed, of what remains and why, and of the search that proves it. Three steps, each safe to be
//! cut off and done again: the register is applied as a run without inputs applies it; data files and log entries of earlier
//! versions are removed, all of them together, so that what is left does not tell an objector's rows from rows that were
//! replaced or delivered anew; then every file of the home is read and searched for the marks of people who object.
//!
//! Invariants: nothing is removed that the present lists; the log has its line before anything is removed; no purge is
//! reported as done whose search found a mark where none may stand.

mod marks;
mod search;

pub use search::{Place, Remains};

use crate::audit::{Act, Audit, Outcome};
use crate::error::{EngineError, Remark};
use crate::fsck::{self, Remedy};
use crate::home::Home;
use crate::records::{TABLES, begin_log_anew, forget_building, log_of_before, runtime, sync_folder, unlisted};
use crate::register::{Footing, Register};
use crate::run::{Present, Progress, Refreshed, recover, refresh};
use caredata_deidentify::{PseudonymKey, Pseudonyms};
use marks::Marks;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What a purge did, in counts alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PurgeReport {
    /// What applying the register changed, by table; tables without rows are left out.
    pub tables: Vec<TableChange>,
    /// Sealed rows before.
    pub sealed_before: u64,
    /// Sealed rows after.
    pub sealed_after: u64,
    /// What was removed.
    pub removed: Removed,
    /// What was searched, and for how much.
    pub searched: Searched,
    /// What remains of people who object, and why.
    pub remains: Vec<Remains>,
}

/// Rows of a table before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableChange {
    /// The table.
    pub table: &'static str,
    /// Rows published before.
    pub rows_before: u64,
    /// Rows published after.
    pub rows_after: u64,
}

/// What a purge removes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Data files of earlier versions.
    pub data_files: u64,
    /// Their bytes.
    pub data_bytes: u64,
    /// Files of the vault that the present does not list.
    pub vault_files: u64,
    /// Their bytes.
    pub vault_bytes: u64,
    /// Entries of the tables' own logs.
    pub log_entries: u64,
    /// Their bytes.
    pub log_bytes: u64,
}

impl Removed {
    /// Whether there is nothing.
    pub const fn is_nothing(&self) -> bool {
        self.data_files + self.vault_files + self.log_entries == 0
    }
}

/// What was searched for marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Searched {
    /// Files read.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// People who object to some use.
    pub persons: u64,
    /// Their marks: pseudonyms, ids and record keys.
    pub marks: u64,
}

/// What waits for a purge in a home.
///
/// # Errors
/// [`EngineError::Io`].
pub fn waiting(home: &Home, present: &Present) -> Result<Removed, EngineError> {
    let (data, log) = of_before(home, present)?;
    let (data_files, data_bytes) = weigh(&data);
    let (log_entries, log_bytes) = weigh(&log);
    Ok(Removed { data_files, data_bytes, log_entries, log_bytes, ..Removed::default() })
}

/// Purges a home.
///
/// # Errors
/// [`EngineError::NobodyAttested`] where nobody answers for the register, [`EngineError::HomeFaulty`] where a promise is
/// broken that only a repair mends: then nothing was changed. [`EngineError::PurgeUnproven`] where a mark was found
/// afterwards. Otherwise a fault of ours, after which it can be started again.
pub fn purge(home: &Home, who: Remark, progress: &dyn Progress) -> Result<PurgeReport, EngineError> {
    let audit = home.audit(who)?;
    let register = home.register()?;
    let done = go(home, &register, &audit, progress);
    if let Err(error) = &done {
        audit.append(&Act::PurgeRefused { code: error.code() }, Outcome::Denied)?;
    }
    done
}

fn go(home: &Home, register: &Register, audit: &Audit, progress: &dyn Progress) -> Result<PurgeReport, EngineError> {
    if register.footing()? == Footing::Nothing {
        return Err(EngineError::NobodyAttested);
    }
    progress.stage("check the home");
    let present = recover(home, register, audit)?;
    let findings = fsck::check(home)?;
    let faults = findings.broken().iter().filter(|finding| finding.remedy == Remedy::Repair).count();
    if faults > 0 {
        return Err(EngineError::HomeFaulty { faults });
    }
    progress.stage("apply the register");
    let vault_before = vault_files(home)?;
    let before = (rows_by_table(&present), sealed_rows(&present));
    let refreshed = refresh(home, register, audit, present)?;
    progress.stage("remove earlier versions");
    let pseudonyms = Pseudonyms::new(&PseudonymKey::new(*home.keys().pseudonym.bytes()), "records");
    let mut marks = Marks::of(&refreshed, &pseudonyms)?;
    let mut removed = remove(home, audit, &refreshed, &mut marks)?;
    let vault_after = vault_files(home)?;
    for (_, bytes) in vault_before.iter().filter(|(path, _)| !vault_after.contains_key(*path)) {
        removed.vault_files += 1;
        removed.vault_bytes += bytes;
    }
    progress.stage("search every file");
    let present = &refreshed.present;
    let found = search::search(home, present, &marks)?;
    let proven = Act::PurgeProven { files: found.files, faults: found.faults.len() as u64 };
    if !found.faults.is_empty() {
        audit.append(&proven, Outcome::Denied)?;
        return Err(EngineError::PurgeUnproven { places: found.faults.join(", ") });
    }
    audit.append(&proven, Outcome::Done)?;
    let after = rows_by_table(present);
    Ok(PurgeReport {
        tables: TABLES.map(|table| change(table.name(), &before.0, &after)).into_iter().flatten().collect(),
        sealed_before: before.1,
        sealed_after: sealed_rows(present),
        removed,
        searched: Searched { files: found.files, bytes: found.bytes, persons: marks.persons, marks: marks.count() },
        remains: found.remains,
    })
}

/// Removes what the present does not list, and begins the tables' logs anew.
fn remove(home: &Home, audit: &Audit, refreshed: &Refreshed, marks: &mut Marks) -> Result<Removed, EngineError> {
    let (records, present) = (home.records(), &refreshed.present);
    let removed = waiting(home, present)?;
    let act = Act::Purged {
        files: removed.data_files,
        log_entries: removed.log_entries,
        bytes: removed.data_bytes + removed.log_bytes,
    };
    audit.append(&act, Outcome::Allowed)?;
    // The tables' logs first: until they no longer name a file, others who read an earlier version may ask for it.
    for table in TABLES {
        if !log_of_before(&records, table)?.is_empty() {
            let files: Vec<_> = present.files.iter().filter(|file| file.table == table.name()).collect();
            runtime()?.block_on(begin_log_anew(&records, table, present.publication, &files))?;
        }
        forget_building(&records, table)?;
    }
    let (data, _) = of_before(home, present)?;
    // Of entries of journals nothing but these files tells the keys, by which to look for them afterwards.
    marks.add_entries(&data);
    for path in &data {
        fs::remove_file(path).map_err(EngineError::io("removing a data file of an earlier version", path))?;
    }
    for folder in TABLES.map(|table| crate::records::folder(&records, table)).iter().filter(|folder| folder.exists()) {
        sync_folder(folder)?;
    }
    audit.append(&act, Outcome::Done)?;
    Ok(removed)
}

/// Data files and log entries of earlier versions.
fn of_before(home: &Home, present: &Present) -> Result<(Vec<PathBuf>, Vec<PathBuf>), EngineError> {
    let records = home.records();
    let data = unlisted(&records, &present.files)?;
    let logs = TABLES.into_iter().map(|table| log_of_before(&records, table)).collect::<Result<Vec<_>, _>>()?;
    Ok((data, logs.concat()))
}

fn weigh(paths: &[PathBuf]) -> (u64, u64) {
    let bytes = paths.iter().filter_map(|path| fs::metadata(path).ok()).map(|found| found.len()).sum();
    (paths.len() as u64, bytes)
}

fn vault_files(home: &Home) -> Result<BTreeMap<PathBuf, u64>, EngineError> {
    let mut files = Vec::new();
    walk(&home.folder().join("vault"), &mut files)?;
    Ok(files.into_iter().filter_map(|path| Some((path.clone(), fs::metadata(&path).ok()?.len()))).collect())
}

/// Every file under a folder, in the order of their names.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), EngineError> {
    let fault = || EngineError::io("listing a folder", folder);
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(fault())? {
        entries.push(entry.map_err(fault())?.path());
    }
    entries.sort();
    for path in entries {
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn rows_by_table(present: &Present) -> BTreeMap<String, u64> {
    let mut rows = BTreeMap::new();
    for file in &present.files {
        *rows.entry(file.table.clone()).or_default() += file.rows;
    }
    rows
}

fn sealed_rows(present: &Present) -> u64 {
    present.sealed.iter().map(|file| file.rows).sum()
}

fn change(table: &'static str, before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> Option<TableChange> {
    let rows = |of: &BTreeMap<String, u64>| of.get(table).copied().unwrap_or_default();
    let change = TableChange { table, rows_before: rows(before), rows_after: rows(after) };
    (change.rows_before + change.rows_after > 0).then_some(change)
}

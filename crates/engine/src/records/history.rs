//! What a table's folder still holds of earlier versions: data files that the present does not list, and the table's own log
//! of commits.
//!
//! In: a table and the files of its present. Out: what is left of before, and a log that begins with the present: one commit
//! and one checkpoint, each of which lists all files by itself, so that whoever reads commits or checkpoints alone sees the
//! same table. Invariant: at every moment the log, as others read it, lists the files of the present; entries of before are
//! removed only once the new commit and its checkpoint are on the disk. Versions go on counting: a reader who remembers an
//! earlier one finds that it is gone, never that it says something else.

use super::delta::{APPLICATION, add, load, open_or_create};
use super::{DataFile, TABLES, folder, sync_folder};
use crate::error::EngineError;
use crate::whole::{Readers, write_whole};
use caredata_extract::Table;
use deltalake::checkpoints::create_checkpoint;
use deltalake::kernel::{Action, Transaction};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

const LOG: &str = "_delta_log";
const LAST_CHECKPOINT: &str = "_last_checkpoint";
/// Where a new log is put together; readers pass over names that begin so.
const BUILDING: &str = "_purging";

/// The data files of all tables that `files` does not list, whatever left them there.
///
/// # Errors
/// [`EngineError::Io`].
pub fn unlisted(records: &Path, files: &[DataFile]) -> Result<Vec<PathBuf>, EngineError> {
    let listed: HashSet<(&str, &str)> = files.iter().map(|file| (file.table.as_str(), file.name.as_str())).collect();
    let mut found = Vec::new();
    for table in TABLES {
        let of_table = entries(&folder(records, table))?;
        found.extend(of_table.into_iter().filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            path.is_file() && !name.is_some_and(|name| listed.contains(&(table.name(), name)))
        }));
    }
    Ok(found)
}

/// The entries of a table's own log that tell of earlier versions: none of a log that holds one version alone.
///
/// # Errors
/// [`EngineError::Io`].
pub fn log_of_before(records: &Path, table: Table) -> Result<Vec<PathBuf>, EngineError> {
    let place = folder(records, table);
    let mut all: Vec<PathBuf> = entries(&place.join(LOG))?;
    let commits: Vec<String> = all.iter().filter_map(|path| version_of(path)).collect();
    let [only] = commits.as_slice() else {
        all.retain(|path| !path.ends_with(LAST_CHECKPOINT));
        return Ok(if commits.is_empty() { Vec::new() } else { all });
    };
    let of_present = [format!("{only}.json"), format!("{only}.checkpoint.parquet"), LAST_CHECKPOINT.to_owned()];
    all.retain(|path| !of_present.iter().any(|name| path.ends_with(name)));
    Ok(all)
}

/// Begins a table's own log anew with `files`, as publication number `publication` left them, and removes every entry of
/// before. It can be cut off anywhere and done again.
///
/// # Errors
/// [`EngineError::Table`] where the log cannot be read, [`EngineError::Io`].
pub async fn begin_log_anew(
    records: &Path,
    table: Table,
    publication: i64,
    files: &[&DataFile],
) -> Result<(), EngineError> {
    let place = folder(records, table);
    let fault = |source| EngineError::Table { table: table.name(), source: Box::new(source) };
    let (version, commit) = {
        let delta = open_or_create(records, table).await?;
        let state = delta.snapshot().map_err(fault)?;
        let now = jiff::Timestamp::now().as_millisecond();
        let mut actions = vec![
            Action::Protocol(state.protocol().clone()),
            Action::Metadata(state.metadata().clone()),
            Action::Txn(Transaction::new_with_last_update(APPLICATION, publication, Some(now))),
        ];
        actions.extend(files.iter().map(|file| {
            let mut add = add(file, now);
            // The rows are those that readers have: only what was before is no longer told.
            add.data_change = false;
            Action::Add(add)
        }));
        let mut text = format!("{}\n", json!({ "commitInfo": { "timestamp": now, "operation": "PURGE" } }));
        for action in &actions {
            text.push_str(&serde_json::to_string(action).map_err(EngineError::json("writing a table's log"))?);
            text.push('\n');
        }
        (state.version() + 1, text)
    };
    let (checkpoint, hint) = checkpoint_of(&place, table, &commit).await?;
    let log = place.join(LOG);
    let named = |ending: &str| log.join(format!("{version:020}.{ending}"));
    write_durably(&named("json"), commit.as_bytes())?;
    fs::rename(&checkpoint, named("checkpoint.parquet")).map_err(EngineError::io("writing", &log))?;
    sync_folder(&log)?;
    write_durably(&log.join(LAST_CHECKPOINT), hint_for(&hint, version)?.as_bytes())?;
    // Listed only now: a purge that was cut off may have left the beginning of this very commit, which is no more.
    let of_present = [named("json"), named("checkpoint.parquet"), log.join(LAST_CHECKPOINT)];
    for entry in entries(&log)?.iter().filter(|entry| !of_present.contains(entry)) {
        fs::remove_file(entry).map_err(EngineError::io("removing an entry of a table's log", entry))?;
    }
    sync_folder(&log)?;
    forget_building(records, table)
}

/// Removes what a purge that was cut off left of a log under construction.
///
/// # Errors
/// [`EngineError::Io`].
pub fn forget_building(records: &Path, table: Table) -> Result<(), EngineError> {
    let building = folder(records, table).join(BUILDING);
    if building.exists() {
        fs::remove_dir_all(&building).map_err(EngineError::io("removing an unfinished log", &building))?;
    }
    Ok(())
}

/// A checkpoint of the table that `commit` makes by itself, made in a place apart: made in the log it would tell of files
/// removed before. Gives its file and what `_last_checkpoint` says of it.
async fn checkpoint_of(place: &Path, table: Table, commit: &str) -> Result<(PathBuf, PathBuf), EngineError> {
    let building = place.join(BUILDING);
    if building.exists() {
        fs::remove_dir_all(&building).map_err(EngineError::io("removing an unfinished log", &building))?;
    }
    let log = building.join(LOG);
    fs::create_dir_all(&log).map_err(EngineError::io("making", &log))?;
    write_durably(&log.join(format!("{:020}.json", 0)), commit.as_bytes())?;
    let alone = load(&building, table).await?;
    let fault = |source| EngineError::Table { table: table.name(), source: Box::new(source) };
    create_checkpoint(&alone, None).await.map_err(fault)?;
    let checkpoint = log.join(format!("{:020}.checkpoint.parquet", 0));
    File::open(&checkpoint).and_then(|file| file.sync_all()).map_err(EngineError::io("syncing", &checkpoint))?;
    Ok((checkpoint, log.join(LAST_CHECKPOINT)))
}

/// `_last_checkpoint` for another version.
fn hint_for(hint: &Path, version: u64) -> Result<String, EngineError> {
    let text = fs::read_to_string(hint).map_err(EngineError::io("reading", hint))?;
    let mut value: Value = serde_json::from_str(&text).map_err(EngineError::json("reading a table's log"))?;
    value["version"] = json!(version);
    // Of what stood there before, and no longer true.
    value.as_object_mut().map(|fields| fields.remove("checksum"));
    Ok(value.to_string())
}

/// Writes a file whole, so that its name outlives a power cut.
fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), EngineError> {
    write_whole(path, bytes, Readers::Usual)?;
    sync_folder(path.parent().unwrap_or(path))
}

/// The version of a commit, as its file's name tells.
fn version_of(path: &Path) -> Option<String> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".json")?;
    (stem.len() == 20 && stem.bytes().all(|byte| byte.is_ascii_digit())).then(|| stem.to_owned())
}

/// What lies in a folder, sorted; nothing where there is none.
fn entries(place: &Path) -> Result<Vec<PathBuf>, EngineError> {
    if !place.exists() {
        return Ok(Vec::new());
    }
    let fault = || EngineError::io("listing a folder", place);
    let mut found = Vec::new();
    for entry in fs::read_dir(place).map_err(fault())? {
        found.push(entry.map_err(fault())?.path());
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{Change, active_files, commit, runtime};

    const TABLE: Table = Table::Emergency;

    fn data(name: &str) -> DataFile {
        DataFile {
            table: TABLE.name().to_owned(),
            name: name.to_owned(),
            source: "ae".to_owned(),
            period: "2014-04".to_owned(),
            rows: 1,
            bytes: 1,
            blake3: String::new(),
        }
    }

    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).expect("a folder");
        for path in entries(from).expect("listed") {
            fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
        }
    }

    fn names(records: &Path) -> Vec<String> {
        let found = entries(&folder(records, TABLE).join(LOG)).expect("listed");
        found.iter().filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect()
    }

    #[test]
    fn at_every_moment_the_log_lists_the_present_and_can_be_begun_anew() {
        let (place, runtime) = (tempfile::tempdir().expect("a folder"), runtime().expect("a runtime"));
        let records = place.path().join("whole");
        let (first, second) = (data("run-1-new-ae-0000.parquet"), data("run-2-new-ae-0000.parquet"));
        let log = |records: &Path| folder(records, TABLE).join(LOG);
        let steps = [
            (1, Change { added: vec![first.clone()], removed: vec![] }),
            (2, Change { added: vec![second.clone()], removed: vec![first] }),
        ];
        for (publication, change) in steps {
            runtime.block_on(commit(&records, TABLE, publication, &change)).expect("committed");
        }
        let before = place.path().join("before");
        copy(&log(&records), &log(&before));
        let old = names(&before);
        assert_eq!(old.len(), 3, "made, and two publications");
        assert_eq!(log_of_before(&records, TABLE).expect("listed").len(), 3);
        runtime.block_on(begin_log_anew(&records, TABLE, 2, &[&second])).expect("begun anew");
        let version = format!("{:020}", 3);
        let new = [format!("{version}.checkpoint.parquet"), format!("{version}.json"), LAST_CHECKPOINT.to_owned()];
        assert_eq!(names(&records), new);
        assert!(log_of_before(&records, TABLE).expect("listed").is_empty());
        let commit_alone = fs::read_to_string(log(&records).join(&new[1])).expect("a commit");
        assert!(!commit_alone.contains("run-1-new-ae"), "nothing tells of the file of before");

        // A power cut after each of the steps, in their order: what stands then, as others read it, is the present.
        let appearing = [&new[1], &new[0], &new[2]].map(|name| (true, name.clone()));
        let vanishing = old.iter().map(|name| (false, name.clone()));
        let cut_off = place.path().join("cut-off");
        copy(&log(&before), &log(&cut_off));
        for (step, (appears, name)) in appearing.into_iter().chain(vanishing).enumerate() {
            if appears {
                fs::copy(log(&records).join(&name), log(&cut_off).join(&name)).expect("copied");
            } else {
                fs::remove_file(log(&cut_off).join(&name)).expect("removed");
            }
            let active = runtime.block_on(active_files(&cut_off, TABLE)).expect("readable");
            assert_eq!(active, std::slice::from_ref(&second.name), "after step {step}");
            let again = place.path().join(format!("again-{step}"));
            copy(&log(&cut_off), &log(&again));
            // What the commit was when the power went while it was written.
            for version in 3..=4 {
                fs::write(log(&again).join(format!("{version:020}.unfinished")), b"{").expect("written");
            }
            runtime.block_on(begin_log_anew(&again, TABLE, 2, &[&second])).expect("begun anew");
            assert_eq!(names(&again).len(), 3, "after step {step}");
            let third = Change { added: vec![data("run-3-new-ae-0000.parquet")], removed: vec![] };
            for _ in 0..2 {
                runtime.block_on(commit(&again, TABLE, 3, &third)).expect("committed, once");
            }
            assert_eq!(runtime.block_on(active_files(&again, TABLE)).expect("readable").len(), 2);
        }
    }

    #[test]
    fn what_the_present_does_not_list_is_found() {
        let place = tempfile::tempdir().expect("a folder");
        let table = folder(place.path(), TABLE);
        fs::create_dir_all(table.join(LOG)).expect("a folder");
        for name in ["listed.parquet", "old.parquet", "stray.txt"] {
            fs::write(table.join(name), b"x").expect("written");
        }
        let found = unlisted(place.path(), &[data("listed.parquet")]).expect("listed");
        assert_eq!(found, ["old.parquet", "stray.txt"].map(|name| table.join(name)));
    }
}

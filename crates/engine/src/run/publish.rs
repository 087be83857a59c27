//! Publishing: from one present to the next, in steps that can be cut off anywhere and taken up again.
//!
//! 1. All new files lie on disk, synced, listed nowhere. 2. One database transaction writes down the publication: from here
//!    it will happen. 3. Each Delta table is committed, at most once. 4. The publication is marked done. 5. Files that nothing
//!    lists any more are removed. A run that was cut off before 2 leaves nothing; after 2, the next start does the rest.

use super::state::{Present, Publication};
use crate::audit::{Act, Audit, Outcome};
use crate::error::EngineError;
use crate::home::Home;
use crate::records::{TABLES, commit, folder, runtime};
use crate::register::{NewContribution, Register, RunId};
use crate::vault::Compartment;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fmt::Write;
use std::path::Path;

/// The present of a home, once a publication that was cut off has been finished and what no publication lists is gone.
///
/// # Errors
/// [`EngineError`] where the register, a table or the disk cannot be read or written.
pub fn recover(home: &Home, register: &Register, audit: &Audit) -> Result<Present, EngineError> {
    if let Some(pending) = register.pending_publication()? {
        audit.append(&Act::RunResumed { run: pending.run.0 }, Outcome::Allowed)?;
        finish(home, register, pending.run, &decode(&pending.json)?)?;
        let sha256 = hex(&Sha256::digest(&pending.json));
        audit.append(&Act::Published { run: pending.run.0, sha256 }, Outcome::Done)?;
    }
    let present = present(register)?;
    remove_unlisted(home, &present)?;
    Ok(present)
}

/// The present of a home as the last finished publication fixed it.
///
/// # Errors
/// [`EngineError`] where the register cannot be read.
pub fn present(register: &Register) -> Result<Present, EngineError> {
    let latest = register.latest_publication()?;
    latest.map_or_else(|| Ok(Present::default()), |latest| Ok(decode(&latest.json)?.present))
}

/// Makes `publication` the present.
///
/// # Errors
/// [`EngineError`] where the register or a table cannot be written; what was begun is then finished at the next start.
pub fn publish(
    home: &Home,
    register: &Register,
    audit: &Audit,
    publication: &Publication,
    contributions: &[NewContribution],
) -> Result<(), EngineError> {
    let run = RunId(publication.present.publication);
    let text = serde_json::to_string(publication).map_err(EngineError::json("writing down a publication"))?;
    let sha256 = hex(&Sha256::digest(&text));
    audit.append(&Act::Published { run: run.0, sha256: sha256.clone() }, Outcome::Allowed)?;
    register.prepare_publication(run, &text, contributions)?;
    finish(home, register, run, publication)?;
    audit.append(&Act::Published { run: run.0, sha256 }, Outcome::Done)?;
    remove_unlisted(home, &publication.present)
}

fn finish(home: &Home, register: &Register, run: RunId, publication: &Publication) -> Result<(), EngineError> {
    let runtime = runtime()?;
    for table in TABLES {
        let change = publication.changes.get(table.name()).cloned().unwrap_or_default();
        runtime.block_on(commit(&home.records(), table, run.0, &change))?;
    }
    register.finish_publication(run)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn decode(text: &str) -> Result<Publication, EngineError> {
    serde_json::from_str(text).map_err(EngineError::json("reading a publication"))
}

/// Removes what an interrupted run left: files of tables that a run later than the last publication began, and vault files
/// that the present does not list. Files of earlier publications stay, for time travel, until a purge.
fn remove_unlisted(home: &Home, present: &Present) -> Result<(), EngineError> {
    for table in TABLES {
        remove_others(&folder(&home.records(), table), |name| {
            run_of(name).is_none_or(|run| run <= present.publication)
        })?;
    }
    let vault = home.vault()?;
    vault.sweep()?;
    let index: HashSet<&str> = present.index.values().map(String::as_str).collect();
    let sealed: HashSet<&str> = present.sealed.iter().map(|file| file.name.as_str()).collect();
    for (compartment, listed) in [(Compartment::Identifiers, index), (Compartment::Sealed, sealed)] {
        for name in vault.list(compartment)? {
            if !listed.contains(name.as_str()) {
                vault.remove(compartment, &name)?;
            }
        }
    }
    Ok(())
}

/// The run that wrote a data file, as its name tells.
fn run_of(name: &str) -> Option<i64> {
    name.strip_prefix("run-")?.split('-').next()?.parse().ok()
}

fn remove_others(folder: &Path, keep: impl Fn(&str) -> bool) -> Result<(), EngineError> {
    for name in names(folder)? {
        let path = folder.join(&name);
        if path.is_file() && !keep(&name) {
            std::fs::remove_file(&path).map_err(EngineError::io("removing a file that no publication lists", &path))?;
        }
    }
    Ok(())
}

fn names(folder: &Path) -> Result<Vec<String>, EngineError> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let fault = || EngineError::io("listing a folder", folder);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fault())? {
        let name = entry.map_err(fault())?.file_name();
        names.extend(name.to_str().map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

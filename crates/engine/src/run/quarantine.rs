//! The list of what could not be taken as it stood: one CSV a run, with file, line, field, reason and outcome.
//!
//! Invariant: places and reasons only; no value of a row, and no row.

use super::admission::Account;
use crate::error::EngineError;
use crate::whole::{Readers, csv_field, write_whole};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Writes the list of one run, whole or not at all, and says where it lies.
///
/// # Errors
/// [`EngineError::Io`].
pub fn write<'a>(
    folder: &Path,
    publication: i64,
    accounts: impl IntoIterator<Item = (&'a str, &'a Account)>,
) -> Result<PathBuf, EngineError> {
    let mut text = String::from("source,file,line,field,reason,outcome\n");
    for (source, account) in accounts {
        for rejection in &account.rejections {
            row(
                &mut text,
                [source, &rejection.file],
                rejection.line,
                [&rejection.field, rejection.reason.words(), rejection.outcome.words()],
            );
        }
        for duplicate in &account.duplicates {
            let why = ["", "the record's key stands on an earlier line too", "row refused"];
            row(&mut text, [source, &duplicate.file], duplicate.line, why);
        }
    }
    let path = folder.join(format!("run-{publication:06}.csv"));
    write_whole(&path, text.as_bytes(), Readers::Usual)?;
    Ok(path)
}

fn row(text: &mut String, place: [&str; 2], line: u64, what: [&str; 3]) {
    let [source, file] = place.map(csv_field);
    let [field, reason, outcome] = what.map(csv_field);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{source},{file},{line},{field},{reason},{outcome}");
}

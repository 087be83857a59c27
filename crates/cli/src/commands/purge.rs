//! `caredata purge`: objections made to hold at once, and backwards; what was removed, what remains and why.

use super::{grouped, open_home, who};
use crate::args::Arguments;
use crate::output;
use caredata_engine::EngineError;
use caredata_engine::purge::{PurgeReport, Removed, purge as engine_purge};
use serde_json::json;
use std::fmt::Write;

pub fn purge(arguments: &Arguments) -> anyhow::Result<()> {
    let home = open_home(arguments)?;
    // A log that was changed from outside is evidence: nothing is removed beside it.
    if caredata_verify::verify(&home.log()).is_err() {
        return Err(EngineError::HomeFaulty { faults: 1 }.into());
    }
    let report = engine_purge(&home, who()?, &super::demo::progress())?;
    output::result(arguments.json, &json!(report), &words(&report)?)
}

fn words(report: &PurgeReport) -> anyhow::Result<String> {
    let mut text = String::new();
    for table in &report.tables {
        let (before, after) = (grouped(table.rows_before), grouped(table.rows_after));
        writeln!(text, "{:<14} {before:>12} rows published before, {after} now", table.table)?;
    }
    let (before, after) = (grouped(report.sealed_before), grouped(report.sealed_after));
    writeln!(text, "{:<14} {before:>12} rows before, {after} now", "under seal")?;
    if report.removed.is_nothing() {
        writeln!(text, "nothing of earlier versions was left to remove")?;
    } else {
        writeln!(text, "removed: {}", in_words(&report.removed))?;
    }
    let searched = &report.searched;
    writeln!(
        text,
        "searched: {} files of the home ({}) for {} marks of {} people who object; none stands where none may",
        grouped(searched.files),
        bytes(searched.bytes),
        grouped(searched.marks),
        grouped(searched.persons),
    )?;
    writeln!(text, "what remains of them:")?;
    for one in &report.remains {
        let marked = match one.marked {
            Some(marked) if marked > 0 => format!(" ({} rows or lines)", grouped(marked)),
            Some(_) | None => String::new(),
        };
        writeln!(text, "  {}{marked}: {}", one.what, one.why)?;
    }
    text.push_str(
        "A GP record that was destroyed comes back after a withdrawal with the practice's next extract only.",
    );
    Ok(text)
}

/// What a purge removed, or would.
pub fn in_words(removed: &Removed) -> String {
    format!(
        "{} data files of earlier versions ({}), {} entries of the tables' logs ({}), {} files of the vault ({})",
        grouped(removed.data_files),
        bytes(removed.data_bytes),
        grouped(removed.log_entries),
        bytes(removed.log_bytes),
        grouped(removed.vault_files),
        bytes(removed.vault_bytes),
    )
}

fn bytes(number: u64) -> String {
    format!("{} bytes", grouped(number))
}

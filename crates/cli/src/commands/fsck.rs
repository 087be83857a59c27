//! `caredata fsck`: every promise on a home checked, nothing changed.

use super::purge::in_words;
use super::{FAULTS_FOUND, RUN_AGAIN, open_home};
use crate::args::Arguments;
use crate::output;
use caredata_engine::fsck::{Finding, Remedy, check};
use serde_json::json;
use std::fmt::Write;
use std::process::ExitCode;

pub fn fsck(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let home = open_home(arguments)?;
    let mut findings = check(&home)?;
    findings.add(match caredata_verify::verify(&home.log()) {
        Ok(_) => Finding::kept("the log is whole and in order"),
        Err(fault) => Finding::broken("the log is whole and in order", fault.to_string()),
    });
    let mut words = String::new();
    for finding in findings.all() {
        writeln!(words, "{finding}")?;
    }
    let mut values: Vec<_> =
        findings.all().iter().map(|one| json!({ "promise": one.promise, "broken": one.broken })).collect();
    let waiting = findings.waiting();
    if !waiting.is_nothing() {
        writeln!(words, "note    waiting for `caredata purge`: {}", in_words(waiting))?;
        values.push(json!({ "waits_for_purge": waiting }));
    }
    output::result(arguments.json, &json!(values), &words)?;
    let broken = findings.broken();
    let run_again = broken.iter().all(|finding| finding.remedy == Remedy::RunAgain);
    Ok(match (broken.is_empty(), run_again) {
        (true, _) => ExitCode::SUCCESS,
        (false, true) => ExitCode::from(RUN_AGAIN),
        (false, false) => ExitCode::from(FAULTS_FOUND),
    })
}

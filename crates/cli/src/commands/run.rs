//! `caredata run`: the month's run.

use super::{grouped, open_home, who};
use crate::args::{Arguments, Run};
use crate::output;
use caredata_engine::EngineError;
use caredata_engine::error::Remark;
use caredata_engine::report::RunReport;
use caredata_engine::run::{RunInput, Source, run as engine_run};
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};

pub fn run(arguments: &Arguments, options: &Run) -> anyhow::Result<()> {
    let home = open_home(arguments)?;
    let input = RunInput {
        gp: options.gp.clone(),
        packages: options.packages.clone(),
        hospital: options.hospital.clone(),
        sources: options.source.iter().map(|text| declared(text)).collect::<anyhow::Result<_>>()?,
        period: options.period,
        accepted: accepted(options)?,
        truth: None,
    };
    let report = engine_run(&home, who()?, &input, &super::demo::progress())?;
    let words = format!("{}\nreport: {}", words(&report), home.report().join("index.html").display());
    output::result(arguments.json, &json!(report), &words)
}

/// The practices and suppliers whose numbers of wishes somebody accepts, and why.
fn accepted(options: &Run) -> anyhow::Result<Vec<(String, Remark)>> {
    let Some(reason) = &options.accept_reason else { return Ok(Vec::new()) };
    let reason = Remark::parse("--accept-reason", reason)?;
    let code = |code: &String| Ok((Remark::parse("--accept-counts", code)?.as_str().to_owned(), reason.clone()));
    options.accept_counts.iter().map(code).collect()
}

/// `NAME=PATH`: the declaration is `sources/NAME.toml` beside the working folder, or `NAME` itself where it is such a file.
fn declared(text: &str) -> anyhow::Result<(Source, PathBuf)> {
    let (name, path) = text.split_once('=').ok_or(EngineError::NoFiles { missing: "--source takes NAME=PATH" })?;
    let declaration = if Path::new(name).extension().is_some_and(|ending| ending == "toml") {
        PathBuf::from(name)
    } else {
        Path::new("sources").join(format!("{name}.toml"))
    };
    let text = std::fs::read_to_string(&declaration).map_err(|_| EngineError::NoFiles {
        missing: "the source's declaration (sources/NAME.toml, or NAME itself)",
    })?;
    Ok((Source::parse(&text).map_err(EngineError::from)?, PathBuf::from(path)))
}

/// What a run did, in a few lines.
pub fn words(report: &RunReport) -> String {
    let mut text = String::new();
    for source in &report.sources {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<14} {:>12} in = {} admitted + {} withheld + {} quarantined; {} more withheld by person",
            source.source,
            grouped(source.rows_in),
            grouped(source.admitted),
            grouped(source.withheld_rows()),
            grouped(source.quarantined_rows()),
            grouped(source.withheld_by_person_rows()),
        );
    }
    for links in &report.links.by_status {
        let _ = writeln!(
            text,
            "{:<14} {:>12} linked, {} new persons, {} to review",
            links.source,
            grouped(links.linked),
            grouped(links.new),
            grouped(links.review),
        );
    }
    for table in report.tables.iter().filter(|table| table.rows > 0) {
        let _ = writeln!(text, "{:<14} {:>12} rows published", table.table, grouped(table.rows));
    }
    add_notes(&mut text, report);
    let _ = write!(
        text,
        "{} persons; {} hospital rows sealed; {} seconds",
        grouped(report.persons.total),
        grouped(report.objections.sealed),
        report.stages.iter().map(|stage| stage.seconds).sum::<f64>().round(),
    );
    text
}

/// What whoever runs a month must know of beside the numbers.
fn add_notes(text: &mut String, report: &RunReport) {
    // Writing to a string cannot fail.
    for held in &report.held {
        let _ = writeln!(
            text,
            "practice {} is held: {}. Nothing of it was taken in or replaced; ask it to send the month again",
            held.practice, held.why
        );
    }
    for replaced in &report.replaced {
        let (rows, source) = (grouped(replaced.rows), &replaced.what);
        let _ = writeln!(text, "{source:<14} {rows:>12} rows of this period, from an earlier run, were replaced");
    }
    let notes = [
        (report.packages_left, "packages of other periods were left"),
        (
            report.objections.no_longer_counting,
            "type 2 entries came too late to count; they are national opt-outs, which are asked for by file",
        ),
        (
            report.objections.wishes_unregistered,
            "patients have a wish in a journal and no registration; the wish waits for their registration",
        ),
    ];
    for (number, words) in notes.into_iter().filter(|&(number, _)| number > 0) {
        let _ = writeln!(text, "{:<14} {:>12} {words}", "", grouped(number));
    }
}

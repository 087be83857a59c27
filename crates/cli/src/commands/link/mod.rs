//! `caredata link`: linkage alone, and what is asked about links.

mod bars;
mod evaluate;
mod explain;
mod review;
mod rules;

use super::grouped;
use crate::args::{self, AboutLinks, Arguments, Link, Method};
use crate::output;
use anyhow::{Context, bail};
use caredata_engine::linkage::{IndexFolder, LinkFiles, link_files};
use serde_json::json;
use std::fmt::Write;

/// How many places with trouble are named on the terminal; all are counted.
const PLACES_SHOWN: usize = 5;

pub fn link(arguments: &Arguments, options: &Link) -> anyhow::Result<()> {
    match (&options.about, &options.files) {
        (Some(AboutLinks::Evaluate(options)), _) => evaluate::evaluate(arguments, options),
        (Some(AboutLinks::Explain(options)), _) => explain::explain(arguments, options),
        (Some(AboutLinks::Review(options)), _) => review::review(arguments, options),
        (Some(AboutLinks::Rules(options)), _) => rules::rules(arguments, options),
        (None, Some(linked)) => link_to(arguments, linked, options),
        (None, None) => bail!("neither files to link nor a question"),
    }
}

fn files(files: &args::LinkFiles) -> LinkFiles {
    LinkFiles {
        gp: files.gp.clone(),
        hospital: files.hospital.clone(),
        method: method(files.method),
        identifiers_only: files.identifiers_only,
        decisions: files.decisions.clone(),
    }
}

fn link_to(arguments: &Arguments, linked: &args::LinkFiles, options: &Link) -> anyhow::Result<()> {
    let out = options.out.as_deref().context("no place to write the links to")?;
    let index = options.index.as_ref().zip(options.period);
    let index =
        index.map(|(folder, period)| IndexFolder { folder: folder.clone(), keys: options.keys.clone(), period });
    let done = link_files(&files(linked), index.as_ref(), out)?;
    let [linked, new, review] = done.by_status;
    let [reading, linking, writing] = done.seconds;
    let value = json!({
        "out": out, "registrations": done.registrations, "events": done.events, "linked": linked, "new": new,
        "review": review, "quarantined": done.quarantined,
        "decisions": done.decisions, "decided_elsewhere": done.decided_elsewhere,
        "known": done.known.as_ref().map(|known| json!({
            "records": known.records, "judged_again": known.judged_again, "merges": known.merges,
            "splits": known.splits, "changes": known.changes,
        })),
        "seconds": { "read": reading, "link": linking, "write": writing },
    });
    let mut words = format!(
        "{} hospital records against {} registrations: {} linked, {} new persons, {} to review; written to {}",
        grouped(done.events),
        grouped(done.registrations),
        grouped(linked),
        grouped(new),
        grouped(review),
        out.display(),
    );
    write!(words, "\nread {reading:.2} s, link {linking:.2} s, write {writing:.2} s")?;
    match &done.known {
        Some(known) if known.records == 0 => words.push_str("\nthe index is new"),
        Some(known) => write!(
            words,
            "\nof {} records of the index {} were judged again: {} persons became another, {} records left their person; see {}",
            grouped(known.records),
            grouped(known.judged_again),
            grouped(known.merges),
            grouped(known.splits),
            known.changes.display(),
        )?,
        None => {}
    }
    if done.decisions > 0 {
        let plural = if done.decisions == 1 { "" } else { "s" };
        write!(words, "\nobeyed {} decision{plural}", grouped(done.decisions))?;
    }
    if done.decided_elsewhere > 0 {
        write!(words, "; {} records that they name are not in these files", grouped(done.decided_elsewhere))?;
    }
    if done.quarantined > 0 {
        write!(words, "\n{} rows were not taken:", grouped(done.quarantined))?;
    }
    for rejection in done.refused.iter().take(PLACES_SHOWN) {
        write!(words, "\n  {rejection}")?;
    }
    output::result(arguments.json, &value, &words)
}

const fn method(method: Method) -> caredata_engine::linkage::Method {
    match method {
        Method::Probabilistic => caredata_engine::linkage::Method::Probabilistic,
        Method::Hesid => caredata_engine::linkage::Method::Hesid,
        Method::MatchRank => caredata_engine::linkage::Method::MatchRank,
    }
}

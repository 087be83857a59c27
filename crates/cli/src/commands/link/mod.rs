//! `caredata link`: linkage alone, and what is asked about it.

mod evaluate;

use super::grouped;
use crate::args::{self, AboutLinks, Arguments, Link, Method};
use crate::output;
use anyhow::bail;
use caredata_engine::linkage::{LinkFiles, link_files};
use serde_json::json;
use std::fmt::Write;
use std::path::Path;

/// How many places with trouble are named on the terminal; all are counted.
const PLACES_SHOWN: usize = 5;

pub fn link(arguments: &Arguments, options: &Link) -> anyhow::Result<()> {
    match (&options.about, &options.files, &options.out) {
        (Some(AboutLinks::Evaluate(options)), ..) => evaluate::evaluate(arguments, options),
        (Some(AboutLinks::Explain(_)), ..) => bail!("not yet"),
        (Some(AboutLinks::Review(_)), ..) => bail!("not yet"),
        (Some(AboutLinks::Rules(_)), ..) => bail!("not yet"),
        (None, Some(files), Some(out)) => link_to(arguments, files, out),
        (None, ..) => bail!("neither files to link nor a question"),
    }
}

fn files(files: &args::LinkFiles) -> LinkFiles {
    LinkFiles {
        gp: files.gp.clone(),
        hospital: files.hospital.clone(),
        method: method(files.method),
        identifiers_only: files.identifiers_only,
    }
}

fn link_to(arguments: &Arguments, asked: &args::LinkFiles, out: &Path) -> anyhow::Result<()> {
    let done = link_files(&files(asked), out)?;
    let [linked, new, review] = done.by_status;
    let [reading, linking, writing] = done.seconds;
    let value = json!({
        "out": out, "registrations": done.registrations, "events": done.events, "linked": linked, "new": new,
        "review": review, "quarantined": done.quarantined,
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

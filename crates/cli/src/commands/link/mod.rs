//! `caredata link`: linkage alone.

use super::grouped;
use crate::args::{self, AboutLinks, Arguments, Link, Links, Method};
use crate::output;
use anyhow::bail;
use caredata_engine::linkage::{LinkFiles, link_files};
use serde_json::json;
use std::fmt::Write;

/// How many places with trouble are named on the terminal; all are counted.
const PLACES_SHOWN: usize = 5;

pub fn link(arguments: &Arguments, options: &Link) -> anyhow::Result<()> {
    match (&options.about, &options.links) {
        (Some(AboutLinks::Evaluate(_)), _) => bail!("not yet"),
        (Some(AboutLinks::Explain(_)), _) => bail!("not yet"),
        (Some(AboutLinks::Review(_)), _) => bail!("not yet"),
        (Some(AboutLinks::Rules(_)), _) => bail!("not yet"),
        (None, Some(links)) => link_to(arguments, links),
        (None, None) => bail!("neither files to link nor a question"),
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

fn link_to(arguments: &Arguments, options: &Links) -> anyhow::Result<()> {
    let done = link_files(&files(&options.files), &options.out)?;
    let [linked, new, review] = done.by_status;
    let [reading, linking, writing] = done.seconds;
    let value = json!({
        "out": options.out, "registrations": done.registrations, "events": done.events, "linked": linked, "new": new,
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
        options.out.display(),
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

//! `caredata link`: linkage alone.

use super::grouped;
use crate::args::{Arguments, Link, Method};
use crate::output;
use caredata_engine::linkage::{LinkFiles, link_files};
use serde_json::json;
use std::fmt::Write;

/// How many places with trouble are named on the terminal; all are counted.
const PLACES_SHOWN: usize = 5;

pub fn link(arguments: &Arguments, options: &Link) -> anyhow::Result<()> {
    let done = link_files(&LinkFiles {
        gp: options.gp.clone(),
        hospital: options.hospital.clone(),
        out: options.out.clone(),
        method: method(options.method),
        identifiers_only: options.identifiers_only,
    })?;
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

pub const fn method(method: Method) -> caredata_engine::linkage::Method {
    match method {
        Method::Probabilistic => caredata_engine::linkage::Method::Probabilistic,
        Method::Hesid => caredata_engine::linkage::Method::Hesid,
        Method::MatchRank => caredata_engine::linkage::Method::MatchRank,
    }
}

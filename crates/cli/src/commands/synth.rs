//! `caredata synth`: a population with known truth, written to files.

use super::grouped;
use crate::args::{Arguments, Errors, Synth};
use crate::output;
use caredata_synth::{Options, Summary};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

pub fn synth(arguments: &Arguments, options: &Synth) -> anyhow::Result<()> {
    let errors = match options.errors {
        Errors::Standard => caredata_synth::Errors::Standard,
        Errors::Hard => caredata_synth::Errors::Hard,
    };
    let wanted = Options {
        people: options.people,
        seed: options.seed,
        months: options.months,
        first_month: options.first_month,
        errors,
        out: options.out.clone(),
    };
    let made = generate(&wanted)?;
    let value = json!({
        "out": options.out, "people": made.people, "registrations": made.registrations, "journal_entries": made.entries,
        "admissions": made.admissions, "appointments": made.appointments, "attendances": made.attendances,
        "social_care": made.social_care,
    });
    let first = match options.months {
        1 => options.out.clone(),
        _ => options.out.join(options.first_month.to_string()),
    };
    let words = format!(
        "{} invented people in {}: {} registrations, {} journal entries, {} admissions, {} appointments, {} attendances\n\
         next: caredata link --gp {first}/gp/patients.csv --hospital {first}/hospital/apc.csv --out links.csv",
        grouped(made.people),
        options.out.display(),
        grouped(made.registrations),
        grouped(made.entries),
        grouped(made.admissions),
        grouped(made.appointments),
        grouped(made.attendances),
        first = first.display(),
    );
    output::result(arguments.json, &value, &words)
}

/// Makes the population with a bar on a terminal, and nothing in a pipe.
pub fn generate(wanted: &Options) -> anyhow::Result<Summary> {
    let bar = ProgressBar::new(u64::from(wanted.people) * u64::from(wanted.months));
    bar.set_style(ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} people, {eta} to go")?);
    let made = caredata_synth::generate(wanted, &|people| bar.inc(u64::from(people)))?;
    bar.finish_and_clear();
    Ok(made)
}

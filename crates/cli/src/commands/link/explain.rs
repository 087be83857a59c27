//! `caredata link explain`: the evidence on one record, as a waterfall.

use super::bars::{Scale, left, right};
use super::files;
use crate::args::{Arguments, Explain};
use crate::commands::grouped;
use crate::output;
use anyhow::Context;
use caredata_engine::EngineError;
use caredata_engine::linkage::{
    Beside, CandidateExplained, EventExplained, Explained, RecordName, RegistrationExplained, draw, explain_record,
    probable, signed,
};
use std::fmt::Write;

/// Width of labels and of bars, in characters.
const LABEL: usize = 62;
const BAR: usize = 30;
/// How many suppositions that change nothing are named.
const UNCHANGED_SHOWN: usize = 6;

pub fn explain(arguments: &Arguments, options: &Explain) -> anyhow::Result<()> {
    let record = RecordName::parse(&options.record)?;
    let explained = explain_record(&files(&options.files), &record)?;
    let mut words = match &explained {
        Explained::Event(event) => event_in_words(event)?,
        Explained::Registration(registration) => registration_in_words(registration)?,
    };
    match (&options.svg, &explained) {
        (Some(path), Explained::Event(event)) => {
            let fault = |source| EngineError::Io { doing: "drawing the evidence in", path: path.clone(), source };
            std::fs::write(path, draw(event)).map_err(fault)?;
            write!(words, "\ndrawn in {}", path.display())?;
        }
        (Some(_), Explained::Registration(_)) => {
            words.push_str("\nnothing to draw: registrations join by rule, without weights");
        }
        (None, _) => {}
    }
    let value = serde_json::to_value(&explained).context("the explanation as JSON")?;
    output::result(arguments.json, &value, &words)
}

fn event_in_words(event: &EventExplained) -> anyhow::Result<String> {
    let mut words = format!("{}: {}\n", event.record, event.verdict);
    if event.number_lent {
        words.push_str(
            "It has no NHS Number; it was judged with the one under which its provider knows the patient id.\n",
        );
    }
    match event.ruled_out {
        0 => {}
        1 => words.push_str("One person is ruled out by a decision.\n"),
        several => writeln!(words, "{several} persons are ruled out by decisions.")?,
    }
    let shown = [("likeliest", &event.best), ("runner-up", &event.runner_up)];
    let shown: Vec<(&str, &CandidateExplained)> =
        shown.into_iter().filter_map(|(rank, one)| one.as_ref().map(|one| (rank, one))).collect();
    let scale = Scale::new(shown.iter().flat_map(|(_, one)| sums(event, one)), BAR);
    for (rank, candidate) in shown {
        words.push_str(&waterfall(event, rank, candidate, scale)?);
    }
    match event.further_candidates {
        0 => {}
        1 => words.push_str("\none further candidate, less likely\n"),
        several => writeln!(words, "\n{several} further candidates, less likely")?,
    }
    writeln!(words, "\nnone of them: probability {}", probable(event.none_probability))?;
    let (accept, margin) = (probable(event.accept_probability), probable(event.margin_probability));
    let review = probable(event.review_probability);
    writeln!(words, "linked from {accept}, and {margin} ahead of the runner-up; review from {review}")?;
    words.push_str(&suppositions(event)?);
    Ok(words)
}

/// The running sum after each part of the evidence, from the chance of one person among all.
fn sums(event: &EventExplained, candidate: &CandidateExplained) -> Vec<f64> {
    let mut sums = vec![-f64::from(event.prior_bits)];
    for part in &candidate.evidence {
        sums.push(sums[sums.len() - 1] + f64::from(part.bits));
    }
    sums
}

fn waterfall(
    event: &EventExplained,
    rank: &str,
    candidate: &CandidateExplained,
    scale: Scale,
) -> anyhow::Result<String> {
    let mut words = format!("\n{rank}: {}", candidate.person);
    if !candidate.also.is_empty() {
        write!(words, " (also {})", candidate.also.join(", "))?;
    }
    writeln!(words, ", probability {}, found by {}", probable(candidate.probability), candidate.found_by)?;
    let sums = sums(event, candidate);
    let mut row = |label: &str, bits: f64, from: f64, to: f64| {
        writeln!(words, "  {} {} bits  {}", left(label, LABEL), right(&signed(bits), 6), scale.bar(from, to).trim_end())
    };
    let chance = format!("chance: one of {} persons", grouped(event.persons));
    row(&chance, sums[0], 0.0, sums[0])?;
    for (part, sum) in candidate.evidence.iter().zip(sums.windows(2)) {
        row(&format!("{}: {}", part.field, part.agreement), f64::from(part.bits), sum[0], sum[1])?;
    }
    let sum = sums[sums.len() - 1];
    row("sum", sum, 0.0, sum)?;
    Ok(words)
}

fn suppositions(event: &EventExplained) -> anyhow::Result<String> {
    let mut words = String::from("\nwhat would change the outcome");
    if event.decided.is_some() {
        words.push_str(", if nobody had decided");
    }
    words.push('\n');
    let (flips, stays): (Vec<_>, Vec<_>) = event.suppositions.iter().partition(|one| one.flips);
    for (place, one) in flips.iter().enumerate() {
        let smallest = if place == 0 { "   <- the smallest change" } else { "" };
        let probability = probable(one.probability);
        writeln!(words, "  {} → {} ({probability}){smallest}", left(&one.supposed, 50), one.outcome)?;
    }
    if flips.is_empty() {
        words.push_str("  no change of a single identifier\n");
    }
    if !stays.is_empty() {
        words.push_str("what would not\n");
    }
    for one in stays.iter().take(UNCHANGED_SHOWN) {
        writeln!(words, "  {} → {} ({})", left(&one.supposed, 50), one.outcome, probable(one.probability))?;
    }
    Ok(words)
}

fn registration_in_words(registration: &RegistrationExplained) -> anyhow::Result<String> {
    let mut words = format!("{}: a registration\n", registration.record);
    let mut list = |title: &str, none: &str, all: &[Beside]| -> std::fmt::Result {
        if all.is_empty() {
            return writeln!(words, "{none}");
        }
        writeln!(words, "{title}")?;
        all.iter().try_for_each(|other| writeln!(words, "  {}: {}", left(&other.record, 24), other.why))
    };
    list("one person with", "joined with no other registration", &registration.joined)?;
    list("not joined with", "no other registration comes near", &registration.apart)?;
    write!(words, "{} hospital records are linked to the person", grouped(registration.linked))?;
    if registration.decided > 0 {
        write!(words, ", {} of them because somebody decided so", grouped(registration.decided))?;
    }
    if registration.in_review > 0 {
        write!(words, "; {} in review are likeliest this person's", grouped(registration.in_review))?;
    }
    Ok(words)
}

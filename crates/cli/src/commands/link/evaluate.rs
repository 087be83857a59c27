//! `caredata link evaluate`: how good links are, as a report and in a few words.

use super::{files, grouped};
use crate::args::{Arguments, Evaluate};
use crate::output;
use caredata_engine::linkage::{Evaluated, Evaluation, evaluate as evaluate_links};
use caredata_engine::report::linkage::{ExpectedErrors, LinkageReport, Rate};
use serde_json::json;
use std::fmt::Write;

pub fn evaluate(arguments: &Arguments, options: &Evaluate) -> anyhow::Result<()> {
    let request = Evaluation { files: files(&options.files), truth: options.truth.clone() };
    let done = evaluate_links(&request, &options.out)?;
    let [linking, reading, evaluating] = done.seconds;
    let value = json!({
        "page": done.page, "numbers": done.numbers, "quarantined": done.quarantined, "linked": done.report.linked,
        "review": done.report.review, "expected": done.report.expected, "any_sign": done.report.any_sign,
        "readmissions": done.report.readmissions.rate, "truth": done.report.truth.as_ref().map(|truth| &truth.all),
        "seconds": { "link": linking, "read": reading, "evaluate": evaluating },
    });
    output::result(arguments.json, &value, &words(&done)?)
}

fn words(done: &Evaluated) -> anyhow::Result<String> {
    let report = &done.report;
    let mut words = format!(
        "{} of {} hospital records linked to a registered person ({}); {} in review",
        grouped(report.linked.part),
        grouped(report.linked.whole),
        percent(report.linked),
        grouped(report.review.part),
    );
    if let Some(ExpectedErrors { false_links, missed, .. }) = report.expected {
        write!(words, "\nby their probabilities: {false_links:.1} links false, {missed:.0} records missed")?;
    }
    if let Some(truth) = &report.truth {
        let (missed, wrong) = (truth.all.missed, truth.all.false_links);
        write!(
            words,
            "\nby the truth: {} links false ({}), {} records missed ({})",
            grouped(wrong.part),
            percent(wrong),
            grouped(missed.part),
            percent(missed)
        )?;
    }
    write!(words, "\n{} records say what cannot be true of one person", grouped(report.any_sign.records))?;
    write!(words, "\n{}", measure(report))?;
    if done.quarantined > 0 {
        write!(words, "\n{} rows were not taken; `caredata link` names them", grouped(done.quarantined))?;
    }
    let [linking, reading, evaluating] = done.seconds;
    write!(words, "\nread and link {linking:.2} s, read again {reading:.2} s, evaluate {evaluating:.2} s")?;
    write!(words, "\nsee {} (the same as numbers: {})", done.page.display(), done.numbers.display())?;
    Ok(words)
}

fn measure(report: &LinkageReport) -> String {
    let measure = &report.readmissions;
    let mut words = format!("emergency readmission within 30 days: {} by the links", percent(measure.rate));
    if let Some(truth) = &measure.truth {
        words.push_str(", ");
        words.push_str(&percent(truth.rate));
        words.push_str(" in truth");
    } else if let (Some(low), Some(high)) = (measure.low, measure.high) {
        let likely = format!(", likely {:.3}% to {:.3}%", low * 100.0, high * 100.0);
        words.push_str(&likely);
    }
    words
}

fn percent(rate: Rate) -> String {
    rate.share.map_or_else(|| "of none".to_owned(), |share| format!("{:.4}%", share * 100.0))
}

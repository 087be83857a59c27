//! `caredata link rules`: what each blocking rule and each identifier costs and brings.

use super::bars::{left, right};
use super::files;
use crate::args::{Arguments, Rules};
use crate::commands::grouped;
use crate::output;
use anyhow::Context;
use caredata_engine::linkage::{IdentifierReport, RulesReport, judge_rules};
use std::fmt::Write;

const NAME: usize = 53;

pub fn rules(arguments: &Arguments, options: &Rules) -> anyhow::Result<()> {
    let report = judge_rules(&files(&options.files), options.truth.as_deref())?;
    let value = serde_json::to_value(&report).context("the rules as JSON")?;
    output::result(arguments.json, &value, &in_words(&report)?)
}

fn in_words(report: &RulesReport) -> anyhow::Result<String> {
    let mut words = format!(
        "{} hospital records against {} registrations: {} linked; the rules make {} pairs to compare\n\n",
        grouped(report.events),
        grouped(report.registrations),
        grouped(report.linked),
        grouped(report.pairs),
    );
    let with_truth = report.rules.iter().any(|rule| rule.links_only_here_true.is_some());
    let mut heads = vec!["pairs", "only here", "links", "only here"];
    if with_truth {
        heads.push("of these true");
    }
    heads.extend(["s finding", "s weighing"]);
    words.push_str(&row("rule", heads.into_iter().map(str::to_owned)));
    for rule in &report.rules {
        let counts = [rule.candidates, rule.candidates_only_here, rule.links, rule.links_only_here];
        let counts = counts.into_iter().chain(rule.links_only_here_true).map(grouped);
        let seconds = [rule.seconds_finding, rule.seconds_weighing].map(|seconds| format!("{seconds:.2}"));
        words.push_str(&row(rule.rule, counts.chain(seconds)));
    }
    words.push_str(
        "\npairs: of record and person. only here: no other rule finds them. links: records linked to a person whom the rule finds.\n\
         seconds: on one core, as if no rule spared another its work.\n\n",
    );
    words.push_str(&identifiers(&report.identifiers));
    write!(words, "\nall this took {:.1} s", report.seconds)?;
    Ok(words)
}

fn identifiers(reports: &[IdentifierReport]) -> String {
    let Some(all) = reports.first() else { return String::new() };
    let with_truth = all.missed.is_some();
    let mut heads = vec!["linked", "change", "review", "change"];
    if with_truth {
        heads.extend(["missed", "change", "false", "change"]);
    }
    let mut words = row("without", heads.into_iter().map(str::to_owned));
    for one in reports {
        let counted = [
            Some((one.linked, all.linked)),
            Some((one.review, all.review)),
            one.missed.zip(all.missed),
            one.false_links.zip(all.false_links),
        ];
        let columns = counted.into_iter().flatten().flat_map(|(now, before)| [grouped(now), change(now, before)]);
        words.push_str(&row(one.left_out.unwrap_or("(nothing left out)"), columns));
    }
    words
}

/// A change with its sign; a dash for none.
fn change(now: u64, before: u64) -> String {
    match now.cmp(&before) {
        std::cmp::Ordering::Less => format!("\u{2212}{}", grouped(before - now)),
        std::cmp::Ordering::Equal => "–".to_owned(),
        std::cmp::Ordering::Greater => format!("+{}", grouped(now - before)),
    }
}

fn row(name: &str, columns: impl Iterator<Item = String>) -> String {
    let columns: Vec<String> = columns.map(|text| right(&text, 14)).collect();
    format!("{}{}\n", left(name, NAME), columns.concat())
}

#[cfg(test)]
mod tests {
    use super::change;

    #[test]
    fn changes_bear_their_sign() {
        assert_eq!([change(1_200, 0), change(5, 5), change(0, 1_200)], ["+1,200", "–", "\u{2212}1,200"]);
    }
}

//! `caredata link review`: doubtful pairs, and decisions on them.

use super::bars::left;
use super::files;
use crate::args::{About, Answer, Arguments, Decide, Decision, LinkFiles, Review};
use crate::commands::grouped;
use crate::output;
use anyhow::{Context, bail};
use caredata_engine::error::Remark;
use caredata_engine::linkage::{
    CandidateExplained, DoubtfulPair, RecordName, Said, Saying, probable, reason, review as doubtful, say, signed,
};
use serde_json::json;
use std::fmt::Write;

pub fn review(arguments: &Arguments, options: &Review) -> anyhow::Result<()> {
    match (&options.decision, &options.files) {
        (Some(Decision::Decide(decide)), _) => decide_on(arguments, decide),
        (Some(Decision::Undo(about)), _) => note(arguments, about, Said::Undo),
        (None, Some(looked)) => list(arguments, looked, options.most),
        (None, None) => bail!("neither files to look through nor a decision"),
    }
}

fn decide_on(arguments: &Arguments, options: &Decide) -> anyhow::Result<()> {
    let said = match options.decision {
        Answer::Same => Said::Same,
        Answer::Different => Said::Different,
    };
    note(arguments, &options.about, said)
}

fn note(arguments: &Arguments, about: &About, said: Said) -> anyhow::Result<()> {
    let saying = Saying {
        record: RecordName::parse(&about.record)?,
        other: RecordName::parse(&about.person)?,
        said,
        by: Remark::parse("the name of who decides", &about.by)?,
        why: reason(&about.why)?,
    };
    let standing = say(&about.decisions, &saying)?;
    let (record, other) = (&saying.record, &saying.other);
    let noted = match said {
        Said::Same => format!("noted: {record} and {other} are one person's"),
        Said::Different => format!("noted: {record} and {other} are two people's"),
        Said::Undo => format!("noted: nothing is decided any more about {record} and {other}"),
    };
    let words = format!(
        "{noted}\n{}, of {} ever noted\nnext: caredata link … --decisions {}",
        stand(standing.len() as u64),
        grouped(standing.lines),
        about.decisions.display(),
    );
    let value = json!({
        "record": record.as_str(), "person": other.as_str(), "said": said, "standing": standing.len(),
        "noted": standing.lines,
    });
    output::result(arguments.json, &value, &words)
}

fn stand(decisions: u64) -> String {
    if decisions == 1 { "1 decision stands".to_owned() } else { format!("{} decisions stand", grouped(decisions)) }
}

fn list(arguments: &Arguments, looked: &LinkFiles, most: usize) -> anyhow::Result<()> {
    let found = doubtful(&files(looked), most)?;
    let mut words = format!(
        "{} questions in doubt, about {} hospital records; about {:.0} of them have a wrong outcome now",
        grouped(found.questions),
        grouped(found.records),
        found.expected_wrong,
    );
    if found.decisions > 0 {
        write!(words, "\n{}; linkage obeys", stand(found.decisions))?;
    }
    match found.pairs.len() {
        0 => {}
        1 => words.push_str("\nthe one where a decision is worth most:"),
        several => write!(words, "\nthe {several} where a decision is worth most:")?,
    }
    for pair in &found.pairs {
        words.push_str(&in_words(pair)?);
    }
    if let Some(pair) = found.pairs.first() {
        let journal = looked.decisions.as_ref().map_or("decisions.jsonl".to_owned(), |p| p.display().to_string());
        write!(
            words,
            "\n\nto decide: caredata link review decide --decisions {journal} --record {} --person {} --decision same|different \
             --by WHO --why TEXT\nto see more: caredata link explain {} --gp … --hospital …",
            pair.record, pair.best.person, pair.record
        )?;
    }
    let value = serde_json::to_value(&found).context("the doubtful pairs as JSON")?;
    output::result(arguments.json, &value, &words)
}

fn in_words(pair: &DoubtfulPair) -> anyhow::Result<String> {
    let mut words = format!("\n\n[{}] {}: ", pair.pair, pair.record);
    words.push_str(match pair.status {
        "linked" => "linked, with little margin",
        _ => "in review",
    });
    if pair.records > 1 {
        write!(words, "; {} records are alike, and a decision holds for all", grouped(pair.records))?;
    }
    write!(words, "; worth {:.2}", pair.worth)?;
    words.push_str(&candidate("likeliest", &pair.best)?);
    if let Some(next) = &pair.runner_up {
        words.push_str(&candidate("runner-up", next)?);
    }
    write!(words, "\n  none known  probability {}", probable(pair.none_probability))?;
    Ok(words)
}

fn candidate(rank: &str, candidate: &CandidateExplained) -> anyhow::Result<String> {
    let probability = probable(candidate.probability);
    let mut words = format!("\n  {}   {}  probability {probability}", left(rank, 9), left(&candidate.person, 24));
    for part in &candidate.evidence {
        let bits = signed(f64::from(part.bits));
        write!(words, "\n      {} {bits:>6}  {}", left(part.field, 22), part.agreement)?;
    }
    Ok(words)
}

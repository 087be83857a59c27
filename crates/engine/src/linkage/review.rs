//! The doubtful pairs of given files, in the order of what a decision is worth.
//!
//! Files and decisions -> [`Review`]: plain words and numbers. Invariant: levels and names of records only; never a value of an
//! identifier.

use super::LinkFiles;
use super::explain::CandidateExplained;
use super::names::{Asked, Names, keys_in};
use crate::error::EngineError;
use caredata_link::{Doubt, Status, doubts};
use caredata_model::RecordKey;
use serde::Serialize;
use std::collections::HashSet;

/// Doubtful pairs.
#[derive(Clone, Debug, Serialize)]
pub struct Review {
    /// Questions in doubt.
    pub questions: u64,
    /// Hospital records that these are about.
    pub records: u64,
    /// How many of these records are expected to have a wrong outcome now.
    pub expected_wrong: f64,
    /// Decisions that stand.
    pub decisions: u64,
    /// Those worth most.
    pub pairs: Vec<DoubtfulPair>,
}

/// One doubtful pair.
#[derive(Clone, Debug, Serialize)]
pub struct DoubtfulPair {
    /// A mark of the pair, the same each time.
    pub pair: String,
    /// The hospital record.
    pub record: String,
    /// How many records cannot be told from it: a decision holds for all of them.
    pub records: u64,
    /// `review`, or `linked` with little margin.
    pub status: &'static str,
    /// How many wrong outcomes a decision is expected to put right.
    pub worth: f64,
    /// The likeliest person.
    pub best: CandidateExplained,
    /// The next.
    pub runner_up: Option<CandidateExplained>,
    /// The probability that it is none known.
    pub none_probability: f64,
}

/// Lists doubtful pairs, at most `most`.
///
/// # Errors
/// [`EngineError::NoWeights`] under a method that has none, and whatever reading the files and the decisions meets.
pub fn review(request: &LinkFiles, most: usize) -> Result<Review, EngineError> {
    let asked = Asked::of(request)?;
    let question = asked.question();
    let found = doubts(&question, most);
    let evidence = found.most.iter().flat_map(|doubt| std::iter::once(&doubt.best).chain(&doubt.next));
    let mut wanted: HashSet<RecordKey> = keys_in(evidence);
    wanted.extend(found.most.iter().map(|doubt| doubt.event));
    let names = asked.names(&wanted);
    Ok(Review {
        questions: found.questions,
        records: found.events,
        expected_wrong: found.worth,
        decisions: super::standing(request)?.map_or(0, |standing| standing.len() as u64),
        pairs: found.most.iter().map(|doubt| pair(doubt, &names)).collect(),
    })
}

fn pair(doubt: &Doubt, names: &Names) -> DoubtfulPair {
    let record = names.of(doubt.event);
    let best = CandidateExplained::of(&doubt.best, doubt.number_lent, names);
    let mark = blake3::hash(format!("{record}\n{}", best.person).as_bytes()).to_hex();
    DoubtfulPair {
        pair: mark[..8].to_owned(),
        record,
        records: doubt.records,
        status: match doubt.status {
            Status::Linked => "linked",
            Status::New => "new",
            Status::Review => "review",
        },
        worth: doubt.worth,
        best,
        runner_up: doubt.next.as_ref().map(|next| CandidateExplained::of(next, doubt.number_lent, names)),
        none_probability: doubt.none_probability,
    }
}

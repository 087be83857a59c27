//! Where a person's decision is worth most: doubtful pairs of event and candidate.
//!
//! [`Question`] -> [`Doubts`], in the order of what a decision is worth. Invariant: a pair that somebody decided is no doubt; the
//! order depends on the records alone.

use crate::explain::Evidence;
use crate::judged::{Judged, Question};
use crate::record::{Record, Status};
use crate::score::{NOBODY, Scratch, Verdict};
use caredata_model::RecordKey;
use rayon::prelude::*;
use std::collections::HashMap;

/// A linked event is in doubt if its lead over the next person is less than this.
pub const SMALL_MARGIN: f64 = 0.9;

/// A doubtful pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt {
    /// The event: of those that share the question, the one with the smallest key.
    pub event: RecordKey,
    /// How many events share the question: they cannot be told from it, so that a decision holds for all.
    pub records: u64,
    /// [`Status::Review`] or, with little margin, [`Status::Linked`].
    pub status: Status,
    /// The best candidate.
    pub best: Evidence,
    /// The event has no NHS Number, and was judged with the one under which its provider's patient id is known.
    pub number_lent: bool,
    /// The runner-up.
    pub next: Option<Evidence>,
    /// The probability that it is none known.
    pub none_probability: f64,
    /// How many wrong outcomes a decision is expected to put right: the probability that the outcome is wrong, times
    /// [`Doubt::records`].
    pub worth: f64,
}

/// All doubts of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Doubts {
    /// Questions in doubt.
    pub questions: u64,
    /// Events in doubt.
    pub events: u64,
    /// How many of these events are expected to have a wrong outcome.
    pub worth: f64,
    /// The questions worth most, the worthiest first.
    pub most: Vec<Doubt>,
}

/// Lists the doubts, of which `most` with their evidence. Takes about as long as a run.
pub fn doubts(question: &Question<'_>, most: usize) -> Doubts {
    let ground = question.ground();
    let scorer = ground.scorer();
    let judged = Judged::of(question, &scorer, &ground);
    let mut bound = vec![false; ground.events.len()];
    for &(at, _) in &ground.settled.bound {
        bound[at as usize] = true;
    }
    let in_doubt = |at: usize, verdict: &Verdict| -> Option<Status> {
        if verdict.person == NOBODY || bound[at] {
            None
        } else if verdict.accepts(question.settings) {
            (verdict.probability - verdict.next_probability < SMALL_MARGIN).then_some(Status::Linked)
        } else {
            (verdict.probability >= question.settings.review_probability).then_some(Status::Review)
        }
    };
    let found: Vec<(u32, Status)> = judged
        .last()
        .par_iter()
        .enumerate()
        .filter_map(|(at, verdict)| in_doubt(at, verdict).map(|status| (at as u32, status)))
        .collect();
    // Events that cannot be told from each other ask one question.
    let alike = |event: &Record| (event.provider, event.local_id, event.identifiers.to_words());
    let mut shared: HashMap<_, (u32, Status, u64)> = HashMap::new();
    for &(at, status) in &found {
        let event = &ground.events[at as usize];
        let entry = shared.entry(alike(event)).or_insert((at, status, 0));
        entry.2 += 1;
        if event.key < ground.events[entry.0 as usize].key {
            (entry.0, entry.1) = (at, status);
        }
    }
    let wrong = |status: Status, verdict: &Verdict| match status {
        Status::Linked => 1.0 - verdict.probability,
        Status::Review | Status::New => verdict.probability,
    };
    let mut ranked: Vec<(f64, RecordKey, u32, Status, u64)> = shared
        .into_values()
        .map(|(at, status, records)| {
            let worth = wrong(status, &judged.last()[at as usize]) * records as f64;
            (worth, ground.events[at as usize].key, at, status, records)
        })
        .collect();
    ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut scratch = Scratch::default();
    let evidence = |&(worth, event, at, status, records): &(f64, RecordKey, u32, Status, u64)| {
        let record = &ground.events[at as usize];
        let remembered = judged.remembered_of(record, at as usize, question.use_local_ids());
        let verdict = scorer.judge(record, remembered, &mut scratch);
        let mut candidates = Evidence::gather(&ground.reference, &verdict, &scratch).into_iter();
        let best = candidates.next()?;
        let (next, rest) = (candidates.next(), candidates);
        let others: f64 =
            next.iter().map(|next| next.probability).sum::<f64>() + rest.map(|c| c.probability).sum::<f64>();
        let none_probability = (1.0 - best.probability - others).max(0.0);
        let number_lent = remembered.is_some_and(|remembered| remembered.lend_number(record).is_some());
        Some(Doubt { event, records, status, best, number_lent, next, none_probability, worth })
    };
    Doubts {
        questions: ranked.len() as u64,
        events: found.len() as u64,
        // Summed in the order of their size, so that it does not depend on the order of the input.
        worth: ranked.iter().map(|doubt| doubt.0).sum(),
        most: ranked.iter().take(most).filter_map(evidence).collect(),
    }
}

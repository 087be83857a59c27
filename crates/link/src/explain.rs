//! Why a record was or was not linked: the evidence bit by bit, for every candidate.
//!
//! Index, records and the key of one event -> [`Explanation`]. Judged as [`crate::link`] judges it, with what sure links teach.
//! Invariant: an explanation names levels and bits, never a value.

use crate::assign::{self, Prepared};
use crate::blocking::Rule;
use crate::index::Index;
use crate::levels::Pattern;
use crate::record::{Record, Settings};
use crate::reference::Reference;
use crate::remember::{Remembered, Teachers};
use crate::score::{Scorer, Scratch};
use caredata_model::{PersonId, RecordKey};

/// One person an event might be of, and the evidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// The smallest record key of the person: which person it is, whether or not it has an id yet.
    pub first_record: RecordKey,
    /// The person's id where the index knows one.
    pub person: Option<PersonId>,
    /// The first rule that found the candidate.
    pub rule: Rule,
    /// How the identifiers agree.
    pub pattern: Pattern,
    /// Bits for NHS Number, date of birth, postcode, gender and the provider's patient id; their sum is the weight.
    pub bits: [f32; 5],
    /// The posterior probability, over all candidates and "none of them".
    pub probability: f64,
}

impl Evidence {
    /// What the five numbers of [`Evidence::bits`] are for.
    pub const FIELDS: [&'static str; 5] =
        ["NHS Number", "date of birth", "postcode", "gender", "provider's patient id"];

    /// The weight in bits.
    pub fn weight_bits(&self) -> f32 {
        self.bits.iter().sum()
    }
}

/// The evidence on one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// log2 of the number of persons: what a weight must outweigh before anybody is likelier than not.
    pub prior_bits: f32,
    /// Candidates, best first; the second is the runner-up.
    pub candidates: Vec<Evidence>,
    /// The probability that it is none of them.
    pub none_probability: f64,
    /// Whether the best candidate is linked.
    pub linked: bool,
}

/// Explains what is made of an event under [`crate::Method::Probabilistic`]; `None` where no event has the key.
///
/// It prepares and learns as a run does and so takes about as long as one; `index` is the index before the run.
pub fn explain(
    settings: &Settings,
    index: &Index,
    registrations: &[Record],
    events: &[Record],
    key: RecordKey,
) -> Option<Explanation> {
    let record = events.iter().find(|event| event.key == key)?;
    let reference = Reference::build(index, registrations);
    let prepared = Prepared::of(&reference, events);
    let (learnt, providers) = assign::learn(&reference, &prepared, events);
    let scorer =
        Scorer { providers, ..Scorer::new(&reference, &prepared.frequencies, &prepared.blocks, learnt.parameters) };
    let verdicts = assign::judge_all(&scorer, &prepared.early, index, events, !settings.identifiers_only);
    let remembered = Remembered::gather(&scorer, index, events, &verdicts, !settings.identifiers_only, Teachers::Sure);
    let mut scratch = Scratch::default();
    let verdict = scorer.judge(record, Some(&remembered), &mut scratch);
    let sum = scratch.candidates.first().map_or(1.0, |best| best.claim / verdict.probability);
    let candidates: Vec<Evidence> = scratch
        .candidates
        .iter()
        .map(|candidate| Evidence {
            first_record: reference.first_key(candidate.person),
            person: reference.known_as(candidate.person),
            rule: candidate.rule,
            pattern: candidate.compared.pattern,
            bits: candidate.bits,
            probability: candidate.claim / sum,
        })
        .collect();
    let none_probability = 1.0 - candidates.iter().map(|candidate| candidate.probability).sum::<f64>();
    Some(Explanation {
        prior_bits: scorer.persons.log2() as f32,
        candidates,
        none_probability: none_probability.max(0.0),
        linked: verdict.accepts(settings),
    })
}

//! Why a record was or was not linked: the evidence bit by bit, for every candidate, and what would change the outcome.
//!
//! [`Question`] and the key of one event -> [`Explanation`]; of one registration -> [`Registered`]. Judged as [`crate::link`]
//! judges it, with what all other records teach; what the record itself taught is no evidence for it. Invariant: an explanation
//! names levels and bits, never a value.

use crate::blocking::Rule;
use crate::counterfactuals::{self, Counterfactual};
use crate::decisions::Answer;
use crate::join::{self, Bond};
use crate::judged::{Ground, Judged, Question, judge_one};
use crate::levels::Pattern;
use crate::record::{Record, Settings};
use crate::reference::Reference;
use crate::remember::{Remembered, Teachers};
use crate::score::{NOBODY, Scorer, Scratch, Verdict};
use caredata_model::{Identifiers, PersonId, RecordKey};

/// One person an event might be of, and the evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The record keys of the person, in ascending order: registrations, and what the index holds.
    pub records: Vec<RecordKey>,
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

    /// The evidence for each candidate in `scratch`, best first, as `verdict` weighed it.
    pub(crate) fn gather(reference: &Reference<'_>, verdict: &Verdict, scratch: &Scratch) -> Vec<Self> {
        let sum = scratch.candidates.first().map_or(1.0, |best| best.claim / verdict.probability);
        let evidence = scratch.candidates.iter().map(|candidate| Self {
            records: records_of(reference, candidate.person),
            person: reference.known_as(candidate.person),
            rule: candidate.rule,
            pattern: candidate.compared.pattern,
            bits: candidate.bits,
            probability: candidate.claim / sum,
        });
        evidence.collect()
    }
}

pub(crate) fn records_of(reference: &Reference<'_>, person: u32) -> Vec<RecordKey> {
    let mut records: Vec<RecordKey> = reference.rows_of(person).iter().map(|&row| reference.key(row)).collect();
    records.sort_unstable();
    records
}

/// What is made of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// It is linked to the candidate of this place in [`Explanation::candidates`].
    Linked(usize),
    /// It is linked to somebody who is not among the candidates as the record stands.
    LinkedElsewhere,
    /// Somebody might be meant, but not surely enough.
    Review,
    /// Nobody known is likely enough.
    Nobody,
}

/// The evidence on one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// log2 of the number of persons: what a weight must outweigh before anybody is likelier than not.
    pub prior_bits: f32,
    /// Candidates, best first; the second is the runner-up. Those that a decision rules out are not among them.
    pub candidates: Vec<Evidence>,
    /// The probability that it is none of them.
    pub none_probability: f64,
    /// What evidence alone makes of it.
    pub outcome: Conclusion,
    /// The records of the person whom somebody decided the event to be of: then that holds, and not the evidence.
    pub decided: Option<Vec<RecordKey>>,
    /// How many persons somebody decided the event not to be of.
    pub ruled_out: usize,
    /// The event has no NHS Number, and was judged with the one under which its provider's patient id is known.
    pub number_lent: bool,
    /// What would be made of it if one identifier were another, the smallest change first.
    pub counterfactuals: Vec<Counterfactual>,
}

/// What one event is judged with, again and again.
pub(crate) struct Bench<'a> {
    pub(crate) scorer: &'a Scorer<'a>,
    pub(crate) settings: &'a Settings,
    remembered: [Remembered; 2],
}

impl<'a> Bench<'a> {
    /// What others teach. `others` is all events, of which `silent` are stripped of what they could teach.
    fn new(
        (question, ground): (&Question<'a>, &Ground<'_>),
        scorer: &'a Scorer<'a>,
        judged: Judged,
        silent: &[usize],
        others: &[Record],
    ) -> Self {
        let [mut first, mut second, _] = judged.verdicts;
        drop(judged.remembered);
        let remember = |verdicts: &mut [Verdict], teachers: Teachers| {
            for &at in silent {
                verdicts[at] = Verdict::NONE;
            }
            let use_local_ids = question.use_local_ids();
            Remembered::gather(scorer, ground.before(), others, verdicts, use_local_ids, teachers)
        };
        let [numbered, sure] = crate::assign::ROUNDS;
        let remembered = [remember(&mut first, numbered), remember(&mut second, sure)];
        Self { scorer, settings: question.settings, remembered }
    }

    pub(crate) fn judge(&self, record: &Record, scratch: &mut Scratch) -> Verdict {
        judge_one(self.scorer, &self.remembered, record, !self.settings.identifiers_only, scratch)
    }

    fn lends_number(&self, record: &Record) -> bool {
        !self.settings.identifiers_only && self.remembered[1].lend_number(record).is_some()
    }
}

/// Explains what is made of an event; `None` where no event has the key.
///
/// It prepares and learns as a run does and so takes about as long as one.
pub fn explain(question: &Question<'_>, key: RecordKey) -> Option<Explanation> {
    let at = question.events.iter().position(|event| event.key == key)?;
    let record = question.events[at];
    let ground = question.ground();
    let scorer = ground.scorer();
    let judged = Judged::of(question, &scorer, &ground);
    // Neither the record itself is evidence for it, nor one that only a decision on it made sure.
    let alike = |other: &Record| {
        (other.provider, other.local_id, other.identifiers) == (record.provider, record.local_id, record.identifiers)
    };
    let bound = ground.settled.bound.iter().map(|&(other, _)| other as usize);
    let mut silent: Vec<usize> = bound.filter(|&other| alike(&ground.events[other])).collect();
    silent.push(at);
    let mut others = ground.events.to_vec();
    for &other in &silent {
        others[other].identifiers = Identifiers::new(None, None, None, caredata_model::Gender::NotKnown);
    }
    let bench = Bench::new((question, &ground), &scorer, judged, &silent, &others);
    let mut scratch = Scratch::default();
    let verdict = bench.judge(&record, &mut scratch);
    let candidates = Evidence::gather(&ground.reference, &verdict, &scratch);
    let none_probability = 1.0 - candidates.iter().map(|candidate| candidate.probability).sum::<f64>();
    let persons: Vec<u32> = scratch.candidates.iter().map(|candidate| candidate.person).collect();
    let counterfactuals = counterfactuals::of(&bench, &record, &verdict, &scratch);
    Some(Explanation {
        prior_bits: scorer.persons.log2() as f32,
        none_probability: if candidates.is_empty() { 1.0 } else { none_probability.max(0.0) },
        candidates,
        outcome: outcome(question.settings, &verdict, &persons),
        decided: ground.settled.person_of(at as u32).map(|person| records_of(&ground.reference, person)),
        ruled_out: ground.settled.forbidden.get(&key).map_or(0, Vec::len),
        number_lent: bench.lends_number(&record),
        counterfactuals,
    })
}

/// What a verdict comes to; `persons` are the candidates of the record as it stands.
pub(crate) fn outcome(settings: &Settings, verdict: &Verdict, persons: &[u32]) -> Conclusion {
    if verdict.accepts(settings) {
        persons
            .iter()
            .position(|&person| person == verdict.person)
            .map_or(Conclusion::LinkedElsewhere, Conclusion::Linked)
    } else if verdict.person != NOBODY && verdict.probability >= settings.review_probability {
        Conclusion::Review
    } else {
        Conclusion::Nobody
    }
}

/// What is known of one registration's person.
#[derive(Clone, Debug, PartialEq)]
pub struct Registered {
    /// Other registrations that share something with it, and what comes of that; in ascending order of record keys.
    pub others: Vec<Neighbour>,
    /// Events that are linked to the person, and those among them that somebody decided.
    pub events: [u64; 2],
    /// Events in review of which the person is the best candidate.
    pub in_review: u64,
}

/// A registration beside the one that is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its key.
    pub record: RecordKey,
    /// Whether the two are one person's.
    pub joined: bool,
    /// What they share, or what was decided.
    pub bond: Bond,
}

/// Explains what a registration is joined with, and why; `None` where no registration has the key.
pub fn explain_registration(question: &Question<'_>, key: RecordKey) -> Option<Registered> {
    let row = question.registrations.iter().position(|registration| registration.key == key)? as u32;
    let ground = question.ground();
    let reference = &ground.reference;
    let person = reference.person_of_row[row as usize];
    let mut bonds = join::bonds(reference, row);
    bonds.extend(reference.rows_of(person).iter().filter(|&&other| other != row).map(|&other| (other, Bond::Chain)));
    let decided = |other: u32| match question.decisions.answer(key, reference.key(other)) {
        Some(Answer::Same) => Some(Bond::DecidedSame),
        Some(Answer::Different) => Some(Bond::DecidedDifferent),
        None => None,
    };
    let mut others: Vec<Neighbour> = bonds
        .into_iter()
        .filter(|&(other, _)| reference.is_current(other))
        .map(|(other, bond)| Neighbour {
            record: reference.key(other),
            joined: reference.person_of_row[other as usize] == person,
            bond: decided(other).unwrap_or(bond),
        })
        .collect();
    others.sort_unstable_by_key(|neighbour| (neighbour.record, neighbour.bond));
    others.dedup_by_key(|neighbour| neighbour.record);
    let scorer = ground.scorer();
    let judged = Judged::of(question, &scorer, &ground);
    let mut registered = Registered { others, events: [0; 2], in_review: 0 };
    for (at, verdict) in judged.last().iter().enumerate().filter(|(_, verdict)| verdict.person == person) {
        match outcome(question.settings, verdict, &[person]) {
            Conclusion::Linked(_) | Conclusion::LinkedElsewhere => {
                registered.events[0] += 1;
                registered.events[1] += u64::from(ground.settled.person_of(at as u32).is_some());
            }
            Conclusion::Review => registered.in_review += 1,
            Conclusion::Nobody => {}
        }
    }
    Some(registered)
}

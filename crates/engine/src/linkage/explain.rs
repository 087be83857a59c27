//! One record explained: files and the record's name -> what was made of it, why, and what would change it.
//!
//! Everything comes out as plain numbers and words, ready to be printed, drawn or written as JSON. Invariant: levels, bits and
//! names of records only; never a value of an identifier.

use super::LinkFiles;
use super::names::{Asked, Names, RecordName, keys_in};
use super::words::{self, Part};
use crate::error::EngineError;
use caredata_link::{
    Conclusion, Counterfactual, Evidence, Explanation, Neighbour, Settings, explain, explain_registration,
};
use caredata_model::RecordKey;
use serde::Serialize;
use std::collections::HashSet;

/// The runner-up and those after it are left out below this probability: they say nothing.
const LEAST_SHOWN: f64 = 1e-6;

/// What became of one record.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Explained {
    /// A hospital record.
    Event(Box<EventExplained>),
    /// A registration at a practice.
    Registration(RegistrationExplained),
}

/// A hospital record, explained.
#[derive(Clone, Debug, Serialize)]
pub struct EventExplained {
    /// The record.
    pub record: String,
    /// `linked`, `review`, or `new` where it is nobody's who is registered.
    pub status: &'static str,
    /// The same in a sentence.
    pub verdict: String,
    /// Persons known.
    pub persons: u64,
    /// log2 of that: how much a weight must outweigh.
    pub prior_bits: f32,
    /// The likeliest person.
    pub best: Option<CandidateExplained>,
    /// The one after it.
    pub runner_up: Option<CandidateExplained>,
    /// Further candidates.
    pub further_candidates: usize,
    /// The probability that it is none of all these.
    pub none_probability: f64,
    /// From which probability a record is linked.
    pub accept_probability: f64,
    /// How far the likeliest must be ahead of the next.
    pub margin_probability: f64,
    /// From which probability a record goes to review.
    pub review_probability: f64,
    /// The person whom somebody decided it to be of.
    pub decided: Option<String>,
    /// How many persons somebody decided it not to be of.
    pub ruled_out: usize,
    /// Whether it has no NHS Number and was judged with the one its patient id is known under.
    pub number_lent: bool,
    /// What would be made of it if one identifier were another, the smallest change first.
    pub suppositions: Vec<Supposition>,
}

/// A person that a record might be of.
#[derive(Clone, Debug, Serialize)]
pub struct CandidateExplained {
    /// The person's first registration.
    pub person: String,
    /// The person's further records.
    pub also: Vec<String>,
    /// The rule that found the person.
    pub found_by: &'static str,
    /// The evidence, identifier by identifier.
    pub evidence: Vec<Part>,
    /// Its sum in bits.
    pub weight_bits: f32,
    /// The probability, over all candidates and "none of them".
    pub probability: f64,
}

impl CandidateExplained {
    pub(super) fn of(evidence: &Evidence, number_lent: bool, names: &Names) -> Self {
        let (person, also) = names.of_person(&evidence.records);
        Self {
            person,
            also,
            found_by: evidence.rule.name(),
            evidence: words::parts(evidence, number_lent),
            weight_bits: evidence.weight_bits(),
            probability: evidence.probability,
        }
    }
}

/// What would be made of a record if one identifier were another.
#[derive(Clone, Debug, Serialize)]
pub struct Supposition {
    /// The supposition, as a clause.
    pub supposed: String,
    /// What would be made of it.
    pub outcome: String,
    /// The probability of the likeliest person then.
    pub probability: f64,
    /// Whether that is another outcome.
    pub flips: bool,
    /// How many bits of the likeliest person's weight it moves.
    pub moved_bits: f32,
}

/// A registration, explained.
#[derive(Clone, Debug, Serialize)]
pub struct RegistrationExplained {
    /// The record.
    pub record: String,
    /// Registrations joined with it into one person.
    pub joined: Vec<Beside>,
    /// Registrations that share something with it, and are not joined.
    pub apart: Vec<Beside>,
    /// Hospital records linked to the person.
    pub linked: u64,
    /// How many of these somebody decided.
    pub decided: u64,
    /// Hospital records in review that are likeliest this person's.
    pub in_review: u64,
}

/// A registration beside another.
#[derive(Clone, Debug, Serialize)]
pub struct Beside {
    /// The registration.
    pub record: String,
    /// What the two have in common, and what comes of it.
    pub why: &'static str,
}

/// Explains one record of the files.
///
/// # Errors
/// [`EngineError::RecordUnknown`] where the files hold no such record, [`EngineError::NoWeights`] under a method that has none, and
/// whatever reading the files meets.
pub fn explain_record(request: &LinkFiles, record: &RecordName) -> Result<Explained, EngineError> {
    let asked = Asked::of(request)?;
    let question = asked.question();
    if record.is_registration() {
        let registered = explain_registration(&question, record.key()).ok_or(EngineError::RecordUnknown)?;
        let names = asked.names(&registered.others.iter().map(|other| other.record).collect());
        let beside =
            |other: &Neighbour| Beside { record: names.of(other.record), why: words::bond(other.bond, other.joined) };
        let (joined, apart): (Vec<&Neighbour>, Vec<&Neighbour>) =
            registered.others.iter().partition(|other| other.joined);
        let [linked, decided] = registered.events;
        return Ok(Explained::Registration(RegistrationExplained {
            record: record.to_string(),
            joined: joined.into_iter().map(beside).collect(),
            apart: apart.into_iter().map(beside).collect(),
            linked,
            decided,
            in_review: registered.in_review,
        }));
    }
    let explanation = explain(&question, record.key()).ok_or(EngineError::RecordUnknown)?;
    let mut wanted: HashSet<RecordKey> = keys_in(explanation.candidates.iter().take(2));
    wanted.extend(explanation.decided.iter().flatten());
    Ok(Explained::Event(Box::new(event(record, &asked.settings, &explanation, &asked.names(&wanted)))))
}

fn event(record: &RecordName, settings: &Settings, explanation: &Explanation, names: &Names) -> EventExplained {
    let shown: Vec<CandidateExplained> = explanation
        .candidates
        .iter()
        .enumerate()
        .filter(|(place, one)| *place == 0 || one.probability >= LEAST_SHOWN)
        .take(2)
        .map(|(_, one)| CandidateExplained::of(one, explanation.number_lent, names))
        .collect();
    let further_candidates = explanation.candidates.len().saturating_sub(shown.len());
    let mut shown = shown.into_iter();
    let (best, runner_up) = (shown.next(), shown.next());
    let decided = explanation.decided.as_ref().map(|records| names.of_person(records).0);
    let probability = best.as_ref().map_or(0.0, |best| best.probability);
    let person = best.as_ref().map_or("nobody", |best| best.person.as_str());
    let (status, verdict) = match (&decided, explanation.outcome) {
        (Some(person), _) => ("linked", format!("linked to {person}, because somebody decided so")),
        (None, Conclusion::Linked(_) | Conclusion::LinkedElsewhere) => {
            ("linked", format!("linked to {person}, probability {}", probable(probability)))
        }
        (None, Conclusion::Review) => ("review", format!("in review: {}", why_review(settings, explanation))),
        (None, Conclusion::Nobody) if explanation.candidates.is_empty() => {
            ("new", "nobody who is registered: no registration shares enough with it to be compared".to_owned())
        }
        (None, Conclusion::Nobody) => {
            ("new", format!("nobody who is registered: the likeliest has probability {}", probable(probability)))
        }
    };
    EventExplained {
        record: record.to_string(),
        status,
        verdict,
        persons: f64::from(explanation.prior_bits).exp2().round() as u64,
        prior_bits: explanation.prior_bits,
        best,
        runner_up,
        further_candidates,
        none_probability: explanation.none_probability,
        accept_probability: settings.acceptance(),
        margin_probability: settings.margin_probability,
        review_probability: settings.review_probability,
        decided,
        ruled_out: explanation.ruled_out,
        number_lent: explanation.number_lent,
        suppositions: explanation.counterfactuals.iter().map(supposition).collect(),
    }
}

/// Why a record is in review: the likeliest is not likely enough, or another is nearly as likely.
fn why_review(settings: &Settings, explanation: &Explanation) -> String {
    let of = |place: usize| explanation.candidates.get(place).map_or(0.0, |one| one.probability);
    let (best, next) = (of(0), of(1));
    if best >= settings.acceptance() {
        return format!("the likeliest has probability {}, but the runner-up {}", probable(best), probable(next));
    }
    let against = if next > explanation.none_probability {
        format!("the runner-up has {}", probable(next))
    } else {
        format!("\"none of them\" has {}", probable(explanation.none_probability))
    };
    format!(
        "the likeliest has probability {}, {} are needed; {against}",
        probable(best),
        probable(settings.acceptance())
    )
}

fn supposition(one: &Counterfactual) -> Supposition {
    let outcome = match one.outcome {
        Conclusion::Linked(0) => "linked".to_owned(),
        Conclusion::Linked(1) => "linked to the runner-up".to_owned(),
        Conclusion::Linked(_) | Conclusion::LinkedElsewhere => "linked to somebody else".to_owned(),
        Conclusion::Review => "review".to_owned(),
        Conclusion::Nobody => "nobody registered".to_owned(),
    };
    Supposition {
        supposed: words::supposed(one.field, one.supposed),
        outcome,
        probability: one.probability,
        flips: one.flips,
        moved_bits: one.moved_bits,
    }
}

/// A probability as people read it: two places, more where it is near one.
pub fn probable(probability: f64) -> String {
    if probability >= 0.99995 {
        ">0.9999".to_owned()
    } else if probability >= 0.99 || (probability > 0.0 && probability < 0.01) {
        format!("{probability:.4}")
    } else {
        format!("{probability:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::probable;

    #[test]
    fn probabilities_near_one_keep_their_places() {
        let shown = [1.0, 0.9993, 0.5, 0.004, 0.0].map(probable);
        assert_eq!(shown, [">0.9999", "0.9993", "0.50", "0.0040", "0.00"]);
    }
}

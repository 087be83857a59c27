//! What each blocking rule, and each identifier, costs and brings on given files.
//!
//! Files, and where it is known the truth -> [`RulesReport`]: plain counts and seconds. Invariant: what is counted about links is
//! counted on the links that a run makes.

use super::known_truth::Truth;
use super::names::Asked;
use super::{LinkFiles, person_of};
use crate::error::EngineError;
use caredata_link::{
    Field, Index, Linkage, Quality, Record, RuleCount, SoleLink, Status, TruePersons, link_obeying, rules,
};
use caredata_model::{Gender, Identifiers};
use rayon::prelude::*;
use serde::Serialize;
use std::path::Path;
use std::time::Instant;

/// What rules and identifiers cost and bring.
#[derive(Clone, Debug, Serialize)]
pub struct RulesReport {
    /// Registrations.
    pub registrations: u64,
    /// Hospital records.
    pub events: u64,
    /// Hospital records linked to somebody registered.
    pub linked: u64,
    /// Pairs of record and person that any rule makes, each once.
    pub pairs: u64,
    /// Each rule.
    pub rules: Vec<RuleReport>,
    /// The run with all identifiers, then with one of them left out.
    pub identifiers: Vec<IdentifierReport>,
    /// Seconds that all this took.
    pub seconds: f64,
}

/// What one rule costs and brings.
#[derive(Clone, Debug, Serialize)]
pub struct RuleReport {
    /// The rule.
    pub rule: &'static str,
    /// Pairs of record and person that it makes.
    pub candidates: u64,
    /// Of these, pairs that no other rule makes.
    pub candidates_only_here: u64,
    /// Records linked to a person whom it finds.
    pub links: u64,
    /// Records linked to a person whom no other rule finds.
    pub links_only_here: u64,
    /// Of these, true ones, where the truth is known.
    pub links_only_here_true: Option<u64>,
    /// Seconds on one core for looking up.
    pub seconds_finding: f64,
    /// Seconds on one core for weighing what it finds.
    pub seconds_weighing: f64,
}

/// What comes of leaving one identifier out.
#[derive(Clone, Debug, Serialize)]
pub struct IdentifierReport {
    /// The identifier that is left out; `None` for the run with all.
    pub left_out: Option<&'static str>,
    /// Hospital records linked to somebody registered.
    pub linked: u64,
    /// Hospital records in review.
    pub review: u64,
    /// Where the truth is known: records of registered people that did not come to them.
    pub missed: Option<u64>,
    /// Records of registered people, where the truth is known.
    pub of_registered: Option<u64>,
    /// Where the truth is known: records linked to somebody else who is registered.
    pub false_links: Option<u64>,
}

/// Works out what rules and identifiers cost and bring; `truth` is a folder as `caredata synth` writes it.
///
/// # Errors
/// [`EngineError::NoWeights`] under a method that has no rules of its own to judge, [`EngineError::TruthBroken`], and whatever
/// reading the files meets.
pub fn judge_rules(request: &LinkFiles, truth: Option<&Path>) -> Result<RulesReport, EngineError> {
    let began = Instant::now();
    let truth = truth.map(Truth::read).transpose()?;
    let asked = Asked::of(request)?;
    let question = asked.question();
    let clock = || began.elapsed().as_nanos() as u64;
    let counted = rules(&question, &clock);
    let report = |count: &RuleCount| RuleReport {
        rule: count.rule.name(),
        candidates: count.candidates,
        candidates_only_here: count.sole_candidates,
        links: count.links,
        links_only_here: count.sole_links.len() as u64,
        links_only_here_true: truth.as_ref().map(|truth| are_true(&count.sole_links, truth)),
        seconds_finding: count.finding as f64 / 1e9,
        seconds_weighing: count.weighing as f64 / 1e9,
    };
    let rules = counted.rules.iter().map(report).collect();
    let identifiers = identifiers(&asked, truth.as_ref());
    Ok(RulesReport {
        registrations: asked.registrations.len() as u64,
        events: counted.events,
        linked: counted.linked,
        pairs: counted.pairs,
        rules,
        identifiers,
        seconds: began.elapsed().as_secs_f64(),
    })
}

fn are_true(links: &[SoleLink], truth: &Truth) -> u64 {
    let is_true = |link: &&SoleLink| {
        let person = truth.of(link.event);
        person.is_some() && link.person.iter().any(|&registration| truth.of(registration) == person)
    };
    links.iter().filter(is_true).count() as u64
}

/// The run as it is, then without each of the identifiers, then without the patient id.
fn identifiers(asked: &Asked, truth: Option<&Truth>) -> Vec<IdentifierReport> {
    let (settings, decisions) = (&asked.settings, &asked.decisions);
    let fields = Field::IDENTIFIERS.into_iter().chain((!settings.identifiers_only).then_some(Field::PatientId));
    std::iter::once(None)
        .chain(fields.map(Some))
        .map(|left_out| {
            let [registrations, events] = [&asked.registrations, &asked.events].map(|records| match left_out {
                None => records.clone(),
                Some(field) => records.par_iter().map(|record| without(record, field)).collect(),
            });
            let linkage =
                link_obeying(decisions, settings, Index::new(), &registrations, &events, &|key| person_of(key));
            one_run(left_out.map(Field::name), &registrations, &events, &linkage, truth)
        })
        .collect()
}

fn one_run(
    left_out: Option<&'static str>,
    registrations: &[Record],
    events: &[Record],
    linkage: &Linkage,
    truth: Option<&Truth>,
) -> IdentifierReport {
    let mut registered: Vec<_> = linkage.registrations.iter().map(|link| link.person).collect();
    registered.par_sort_unstable();
    let to_registered = linkage.events.par_iter().filter(|link| link.status == Status::Linked);
    let linked = to_registered.filter(|link| registered.binary_search(&link.person).is_ok()).count() as u64;
    let quality = truth.map(|truth| {
        let of = |record: &Record| truth.of(record.key).unwrap_or(Truth::NOBODY);
        let registrations = registrations.iter().zip(&linkage.registrations).map(|(record, link)| (*link, of(record)));
        let persons = TruePersons::new(registrations);
        let mut quality = Quality::default();
        for (record, link) in events.iter().zip(&linkage.events) {
            quality.count(persons.outcome(link, of(record)));
        }
        quality
    });
    IdentifierReport {
        left_out,
        linked,
        review: linkage.events.iter().filter(|link| link.status == Status::Review).count() as u64,
        missed: quality.map(|quality| quality.missed),
        of_registered: quality.map(|quality| quality.of_registered),
        false_links: quality.map(|quality| quality.false_links),
    }
}

fn without(record: &Record, field: Field) -> Record {
    let own = record.identifiers;
    let (number, birth, postcode, gender) = (own.nhs_digits(), own.birth_date(), own.postcode(), own.gender());
    let identifiers = match field {
        Field::Number => Identifiers::new(None, birth, postcode, gender),
        Field::BirthDate => Identifiers::new(number, None, postcode, gender),
        Field::Postcode => Identifiers::new(number, birth, None, gender),
        Field::Gender => Identifiers::new(number, birth, postcode, Gender::NotKnown),
        Field::PatientId => return Record { local_id: 0, ..*record },
    };
    Record { identifiers, ..*record }
}

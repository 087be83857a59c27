//! Links against the truth: missed and false by group, whose records came together, and whether probabilities are kept.
//!
//! Evidence and truth -> [`AgainstTruth`]. Ethnic groups are the truth's own; sex, age and deprivation are the record's.

use super::Evidence;
use super::groups::Groups;
use super::truth::Truth;
use crate::report::Dimension;
use crate::report::linkage::{AgainstTruth, CalibrationBin, GroupMeasured, Measured, Rate, RatioOfGroups};
use caredata_link::{Outcome, Quality, TruePersons, calibration, joined, joined_pairs};
use caredata_model::PersonId;

/// How many groups a dimension has.
pub(super) fn named(truth: &Truth, dimension: Dimension) -> usize {
    match dimension {
        Dimension::Ethnicity => truth.groups.len(),
        Dimension::Sex | Dimension::Age | Dimension::Deprivation => Groups::most(dimension),
    }
}

/// The name of the group at a place.
pub(super) fn name(truth: &Truth, dimension: Dimension, place: usize) -> String {
    match dimension {
        Dimension::Ethnicity => truth.groups[place].clone(),
        Dimension::Sex | Dimension::Age | Dimension::Deprivation => Groups::name(dimension, place),
    }
}

/// The place of an event's group.
pub(super) fn truth_group(evidence: &Evidence, truth: &Truth, dimension: Dimension, event: usize) -> usize {
    match dimension {
        Dimension::Ethnicity => usize::from(truth.group_of_event[event]),
        Dimension::Sex | Dimension::Age | Dimension::Deprivation => evidence.happened[event].groups.place(dimension),
    }
}

/// Whose registrations the persons really are.
pub(super) fn true_persons(evidence: &Evidence, truth: &Truth) -> TruePersons {
    let links = evidence.registration_links.iter().zip(&truth.registrations);
    TruePersons::new(links.filter_map(|(link, &person)| Some((*link, person?))))
}

/// What became of each event; none where the truth does not name it.
pub(super) fn outcomes(evidence: &Evidence, truth: &Truth, persons: &TruePersons) -> Vec<Option<Outcome>> {
    let events = evidence.links.iter().zip(&truth.events);
    events.map(|(link, person)| person.map(|person| persons.outcome(link, person))).collect()
}

/// The links against the truth.
pub(super) fn against_truth(
    evidence: &Evidence,
    truth: &Truth,
    persons: &TruePersons,
    outcomes: &[Option<Outcome>],
) -> AgainstTruth {
    let mut all = Quality::default();
    outcomes.iter().flatten().for_each(|&outcome| all.count(outcome));
    let groups = groups(evidence, truth, outcomes);
    let registrations = evidence.registration_links.iter().zip(&truth.registrations);
    let (twice, whole) = joined(registrations.filter_map(|(link, &person)| Some((person?, link.person))));
    let events = evidence.links.iter().zip(&truth.events).filter_map(|(link, &person)| Some((person?, link.person)));
    let (pairs, together) = joined_pairs(events.filter(|&(person, _)| !persons.is_registered(person)));
    let is_true = |event: usize, candidate: PersonId| {
        let person = truth.events[event]?;
        Some(persons.of(candidate).any(|theirs| theirs == person))
    };
    let right = (0..evidence.links.len()).filter(|&event| {
        !evidence.tied[event]
            && evidence.candidates[event].person.and_then(|candidate| is_true(event, candidate)) == Some(true)
    });
    let judged = evidence
        .links
        .iter()
        .enumerate()
        .filter_map(|(event, link)| Some((link.probability?, is_true(event, evidence.candidates[event].person?)?)));
    let bins = if evidence.diagnostics.learnt.is_some() { calibration(judged) } else { Vec::new() };
    AgainstTruth {
        all: Measured::of(&all),
        ratios: ratios(&groups),
        groups,
        registered_twice: Rate::of(whole, twice),
        pairs_without_registration: Rate::of(together, pairs),
        calibration: bins
            .into_iter()
            .map(|bin| CalibrationBin {
                from: bin.from,
                to: bin.to,
                said: (bin.events > 0).then(|| bin.said / bin.events as f64),
                right: Rate::of(bin.right, bin.events),
            })
            .collect(),
        candidate_was_right: right.count() as u64,
    }
}

fn groups(evidence: &Evidence, truth: &Truth, outcomes: &[Option<Outcome>]) -> Vec<GroupMeasured> {
    let mut groups = Vec::new();
    for dimension in Dimension::ALL {
        let mut counts = vec![Quality::default(); named(truth, dimension)];
        for (event, outcome) in outcomes.iter().enumerate() {
            if let Some(outcome) = outcome {
                counts[truth_group(evidence, truth, dimension, event)].count(*outcome);
            }
        }
        let with_records = counts.iter().enumerate().filter(|(_, quality)| quality.events > 0);
        groups.extend(with_records.map(|(place, quality)| GroupMeasured {
            dimension,
            group: name(truth, dimension, place),
            measured: Measured::of(quality),
        }));
    }
    groups
}

fn ratios(groups: &[GroupMeasured]) -> Vec<RatioOfGroups> {
    let mut ratios = Vec::new();
    for dimension in Dimension::ALL {
        let own: Vec<&GroupMeasured> = groups.iter().filter(|group| group.dimension == dimension).collect();
        ratios.extend(RatioOfGroups::of(&own, "missed", |measured| measured.missed));
        ratios.extend(RatioOfGroups::of(&own, "false", |measured| measured.false_links));
    }
    ratios
}

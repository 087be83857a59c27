//! From links, what happened and the truth to what the report says.

use super::groups::Groups;
use super::readmissions::{readmissions, stays};
use super::signs::{Facts, Judges, signs};
use super::{Evidence, measures};
use crate::report::linkage::{
    ExpectedErrors, GroupShare, GroupUsable, LevelShare, LinkageReport, LinkedSource, Methods, ProviderShare, Rate,
    RuleCounts, Sign, SignTruth,
};
use crate::report::{Dimension, FieldName, MatchRankCount, StatusCount};
use crate::run::{provider_number, quality, weights};
use caredata_admit::Tie;
use caredata_link::{Method, Outcome, Record, Settings, Status, TruePersons};
use caredata_model::{Day, Gender, Identifiers, PersonId};
use std::collections::BTreeMap;

/// The report on a linkage.
pub(super) fn report(settings: &Settings, evidence: &Evidence) -> LinkageReport {
    let links = evidence.links.iter();
    let tied = evidence.tied.iter().filter(|&&tied| tied).count() as u64;
    let all = evidence.links.len() as u64;
    let review = links.clone().filter(|link| link.status == Status::Review).count() as u64;
    let persons = evidence.truth.as_ref().map(|truth| measures::true_persons(evidence, truth));
    let known = evidence.truth.as_ref().zip(persons.as_ref());
    let outcomes = known.map_or_else(Vec::new, |(truth, persons)| measures::outcomes(evidence, truth, persons));
    let admissions = stays(evidence);
    let expected = evidence.diagnostics.learnt.is_some().then(|| expected_errors(evidence));
    let missed_share = expected.as_ref().map(|expected| expected.missed_share.unwrap_or(0.0));
    let ((signs, any_sign), (readmissions, truth)) = rayon::join(
        || signs_of_all(evidence, &admissions, persons.as_ref(), &outcomes),
        || {
            let against = |(truth, persons)| measures::against_truth(evidence, truth, persons, &outcomes);
            rayon::join(|| readmissions(evidence, &admissions, missed_share), || known.map(against))
        },
    );
    let (by_rank, without_rank) = by_rank(evidence);
    let tie_of = evidence.tied.iter().map(|&tied| if tied { Tie::Somebody } else { Tie::Nobody });
    LinkageReport {
        methods: methods(settings, evidence),
        sources: sources(evidence),
        quality: evidence.sources.iter().flat_map(|(name, _, of_source)| quality(name, of_source)).collect(),
        usable: usable(evidence),
        outcomes: statuses(evidence),
        by_rank,
        without_rank,
        weights: weights(links.copied().zip(tie_of), &evidence.diagnostics),
        linked: Rate::of(tied, all),
        linked_by_group: linked_by_group(evidence),
        linked_by_provider: linked_by_provider(evidence),
        review: Rate::of(review, all),
        expected,
        signs,
        any_sign,
        readmissions,
        truth,
    }
}

fn methods(settings: &Settings, evidence: &Evidence) -> Methods {
    let diagnostics = &evidence.diagnostics;
    let mut methods = Methods {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        method: match settings.method {
            Method::Probabilistic => "probabilistic",
            Method::Hesid => "hesid",
            Method::MatchRank => "match-rank",
        }
        .to_owned(),
        identifiers_only: settings.identifiers_only,
        persons: diagnostics.persons,
        early_exits: diagnostics.early_exits,
        ..Methods::default()
    };
    let Some(learnt) = &diagnostics.learnt else { return methods };
    methods.accept_probability = Some(settings.acceptance());
    methods.margin_probability = Some(settings.margin_probability);
    methods.review_probability = Some(settings.review_probability);
    methods.known_share = Some(learnt.parameters.known);
    methods.both_wrong = Some(learnt.parameters.both_wrong);
    methods.iterations = Some(learnt.iterations);
    methods.converged = Some(learnt.converged);
    let shares = &learnt.parameters;
    methods.levels = [
        levels("NHS Number", NHS_LEVELS, &shares.nhs),
        levels("Date of birth", BIRTH_LEVELS, &shares.birth),
        levels("Postcode", POSTCODE_LEVELS, &shares.postcode),
        levels("Gender", SEX_LEVELS, &shares.sex),
    ]
    .concat();
    let rules = diagnostics.rules.iter();
    methods.rules =
        rules.map(|&(rule, best, linked)| RuleCounts { rule: rule.name().to_owned(), best, linked }).collect();
    methods
}

/// The words and the shares of one identifier's levels, which are as many.
fn levels<const N: usize>(identifier: &str, words: [&str; N], shares: &[f64; N]) -> Vec<LevelShare> {
    let level = |(words, &share): (&str, &f64)| LevelShare {
        identifier: identifier.to_owned(),
        level: words.to_owned(),
        share,
    };
    words.into_iter().zip(shares).map(level).collect()
}

/// The levels of agreement in words, in the order of the kernel's own lists.
const NHS_LEVELS: [&str; 6] = [
    "the same ten digits",
    "one digit or one swap apart",
    "two digits apart, one fails its check digit",
    "that of somebody else at the same postcode",
    "different, both valid",
    "different, one fails its check digit",
];
const BIRTH_LEVELS: [&str; 6] = [
    "the same day",
    "day and month exchanged",
    "one digit or one swap apart",
    "two of year, month and day the same",
    "the year, and 1 January on one side",
    "another date",
];
const POSTCODE_LEVELS: [&str; 7] = [
    "that of the registration",
    "one known from elsewhere or earlier",
    "one known of somebody else of the household",
    "one character or one swap apart",
    "the same sector",
    "the same district",
    "somewhere else",
];
const SEX_LEVELS: [&str; 2] = ["the same", "the other"];

/// Each source with its months: a day on its own might be somebody's day of birth.
fn sources(evidence: &Evidence) -> Vec<LinkedSource> {
    let mut rest = evidence.events.as_slice();
    let mut sources = Vec::new();
    for (place, (name, records, _)) in evidence.sources.iter().enumerate() {
        let own = if place == 0 {
            &evidence.registrations
        } else {
            let (own, others) = rest.split_at(*records);
            rest = others;
            own
        };
        let days = || own.iter().map(|record| record.day).filter(|&day| day != super::super::NO_DAY);
        let (first_month, last_month) = (days().min().map(month), days().max().map(month));
        sources.push(LinkedSource { source: name.clone(), records: *records as u64, first_month, last_month });
    }
    sources
}

fn month(day: Day) -> String {
    let (year, month, _) = day.civil();
    format!("{year:04}-{month:02}")
}

fn statuses(evidence: &Evidence) -> Vec<StatusCount> {
    let names = evidence.sources.iter().skip(1).map(|(source, _, _)| source.clone());
    let mut counts: Vec<StatusCount> =
        names.map(|source| StatusCount { source, linked: 0, new: 0, review: 0 }).collect();
    for ((place, link), &tied) in evidence.places().zip(&evidence.links).zip(&evidence.tied) {
        let count = &mut counts[place - 1];
        match link.status {
            Status::Review => count.review += 1,
            Status::Linked | Status::New if tied => count.linked += 1,
            Status::Linked | Status::New => count.new += 1,
        }
    }
    counts
}

fn by_rank(evidence: &Evidence) -> (Vec<MatchRankCount>, u64) {
    let (mut ranks, mut without) = (BTreeMap::new(), 0);
    for (link, _) in evidence.links.iter().zip(&evidence.tied).filter(|(_, tied)| **tied) {
        match link.match_rank {
            Some(rank) => *ranks.entry(rank).or_insert(0) += 1,
            None => without += 1,
        }
    }
    (ranks.into_iter().map(|(rank, records)| MatchRankCount { rank, records }).collect(), without)
}

/// For each group that has records: its dimension, its name, and what `count` makes of its events.
fn by_group<T: Default + Clone>(
    evidence: &Evidence,
    mut count: impl FnMut(&mut T, usize),
) -> Vec<(Dimension, String, T)> {
    let mut found = Vec::new();
    for dimension in Dimension::ALL {
        let mut counts = vec![None; Groups::most(dimension)];
        for (event, happened) in evidence.happened.iter().enumerate() {
            count(counts[happened.groups.place(dimension)].get_or_insert_with(T::default), event);
        }
        let with_records = counts.into_iter().enumerate().filter_map(|(place, counted)| Some((place, counted?)));
        found.extend(with_records.map(|(place, counted)| (dimension, Groups::name(dimension, place), counted)));
    }
    found
}

fn linked_by_group(evidence: &Evidence) -> Vec<GroupShare> {
    let counted = by_group(evidence, |(part, whole): &mut (u64, u64), event| {
        *part += u64::from(evidence.tied[event]);
        *whole += 1;
    });
    let share = |(dimension, group, (part, whole))| GroupShare { dimension, group, rate: Rate::of(part, whole) };
    counted.into_iter().map(share).collect()
}

fn usable(evidence: &Evidence) -> Vec<GroupUsable> {
    let counted = by_group(evidence, |(parts, whole): &mut ([u64; 4], u64), event| {
        for (part, usable) in parts.iter_mut().zip(usable_identifiers(evidence.events[event].identifiers)) {
            *part += u64::from(usable);
        }
        *whole += 1;
    });
    let rows = counted.into_iter().flat_map(|(dimension, group, (parts, whole))| {
        let fields = FieldName::ALL.into_iter().zip(parts);
        fields.map(move |(field, part)| GroupUsable {
            dimension,
            group: group.clone(),
            field,
            rate: Rate::of(part, whole),
        })
    });
    rows.collect()
}

/// Whether each identifier is there and may be right, in the order of [`FieldName::ALL`].
fn usable_identifiers(of: Identifiers) -> [bool; 4] {
    let gender = matches!(of.gender(), Gender::Male | Gender::Female);
    let postcode = of.postcode().is_some_and(|postcode| postcode.pseudo().is_none());
    [of.nhs_number().is_some(), of.birth_date().is_some(), postcode, gender]
}

fn linked_by_provider(evidence: &Evidence) -> Vec<ProviderShare> {
    let mut counts: BTreeMap<(usize, u32), (u64, u64)> = BTreeMap::new();
    for ((place, record), &tied) in evidence.places().zip(&evidence.events).zip(&evidence.tied) {
        let (part, whole) = counts.entry((place, record.provider)).or_default();
        *part += u64::from(tied);
        *whole += 1;
    }
    let mut shares = Vec::new();
    for (place, (source, _, quality)) in evidence.sources.iter().enumerate().skip(1) {
        for provider in quality.by_provider.keys() {
            if let Some(&(part, whole)) = counts.get(&(place, provider_number(provider))) {
                let rate = Rate::of(part, whole);
                shares.push(ProviderShare { source: source.clone(), provider: provider.to_string(), rate });
            }
        }
    }
    shares
}

fn expected_errors(evidence: &Evidence) -> ExpectedErrors {
    let events = evidence.links.iter().zip(&evidence.candidates).zip(&evidence.tied);
    let found =
        caredata_link::expected(events.map(|((link, candidate), &tied)| (link.probability, candidate.known, tied)));
    let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
    let right = found.linked as f64 - found.false_links;
    ExpectedErrors {
        linked: found.linked,
        false_links: found.false_links,
        false_share: share(found.false_links, found.linked as f64),
        missed: found.missed,
        missed_share: share(found.missed, right + found.missed),
        doubtful: found.doubtful,
    }
}

/// Signs over all persons, and what the truth says of them.
fn signs_of_all(
    evidence: &Evidence,
    stays: &[super::readmissions::Stay],
    persons: Option<&TruePersons>,
    outcomes: &[Option<Outcome>],
) -> (Vec<Sign>, SignTruth) {
    let facts = facts(evidence);
    let facts_of = |person| facts.binary_search_by_key(&person, |&(known, _)| known).ok().map(|place| &facts[place].1);
    let Some((truth, persons)) = evidence.truth.as_ref().zip(persons) else {
        return signs(stays, facts_of, None);
    };
    let is_false = |record: u32| outcomes[record as usize].is_some_and(Outcome::is_wrong);
    let is_mixed = |person: PersonId, stays: &[super::readmissions::Stay]| {
        let of_events = stays.iter().filter_map(|stay| truth.events[stay.record as usize]);
        let mut people = persons.of(person).chain(of_events);
        let first = people.next();
        people.any(|other| Some(other) != first)
    };
    signs(stays, facts_of, Some(&Judges { is_false: &is_false, is_mixed: &is_mixed }))
}

/// What practices say of each registered person, sorted by person.
fn facts(evidence: &Evidence) -> Vec<(PersonId, Facts)> {
    let links = evidence.registration_links.iter().map(|link| link.person);
    let said = evidence.registrations.iter().zip(&evidence.registered);
    let mut rows: Vec<_> = links.zip(said).map(|(person, (record, registered))| (person, record, registered)).collect();
    rows.sort_by_key(|&(person, record, _)| (person, record.key));
    let of_one = rows.chunk_by(|one, next| one.0 == next.0);
    of_one
        .map(|rows| {
            let gender = |is: Gender| rows.iter().any(|(_, record, _)| record.identifiers.gender() == is);
            let born = || rows.iter().filter_map(|(_, record, _)| born(record));
            let facts = Facts {
                male: gender(Gender::Male) && !gender(Gender::Female),
                born: born().min().zip(born().max()),
                died: rows.iter().filter_map(|(_, _, registered)| registered.died).min(),
            };
            (rows[0].0, facts)
        })
        .collect()
}

fn born(record: &Record) -> Option<i32> {
    record.identifiers.birth_date().map(|date| date.day().days_since_1970())
}

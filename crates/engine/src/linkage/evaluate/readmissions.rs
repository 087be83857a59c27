//! Emergency readmission within 30 days: a measure that false and missed links bias, worked out by the links, by what they
//! may have missed, and by the truth.
//!
//! Stays with a person each -> which stays an emergency admission followed. As in the hospital readmission indicators of NHS
//! Digital: from the day of discharge, days 0 to 29; stays that ended in death, and births and deliveries, are not followed.
//! Invariant: the result depends on the stays alone, not on their order.

use super::Evidence;
use super::groups::Groups;
use super::happened::Birth;
use super::measures::{name, named, truth_group};
use super::truth::Truth;
use crate::report::Dimension;
use crate::report::linkage::{GroupBias, GroupShare, Rate, ReadmissionTruth, Readmissions};
use caredata_link::ProbabilitySum;
use caredata_model::PersonId;
use std::collections::HashSet;

/// Days after the day of discharge within which an admission is a readmission: 0 to 29.
const DAYS_FOLLOWED: i32 = 29;

/// One record of admitted patient care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stay {
    pub(super) person: PersonId,
    /// The record's key, which orders records of one day.
    pub(super) key: i64,
    /// The event's place among all events.
    pub(super) record: u32,
    pub(super) provider: u32,
    /// The first day, in days since 1970.
    pub(super) from: i32,
    /// The last day; the first, where none is stated.
    pub(super) to: i32,
    /// Whether the last day is stated.
    pub(super) closed: bool,
    pub(super) emergency: bool,
    pub(super) died: bool,
    pub(super) birth: Birth,
}

/// The records of admitted patient care, sorted by person, day and key.
pub(super) fn stays(evidence: &Evidence) -> Vec<Stay> {
    let mut stays: Vec<Stay> = evidence
        .happened
        .iter()
        .enumerate()
        .filter(|(_, happened)| happened.admission)
        .map(|(at, happened)| {
            let record = &evidence.events[at];
            let from = record.day.days_since_1970();
            Stay {
                person: evidence.links[at].person,
                key: record.key.value(),
                record: at as u32,
                provider: record.provider,
                from,
                to: happened.discharged.unwrap_or(from).max(from),
                closed: happened.discharged.is_some(),
                emergency: happened.emergency,
                died: happened.died,
                birth: happened.birth,
            }
        })
        .collect();
    sort(&mut stays);
    stays
}

fn sort(stays: &mut [Stay]) {
    stays.sort_unstable_by_key(|stay| (stay.person, stay.from, stay.provider, stay.to, stay.key));
}

/// A stay that was followed for 30 days, by its first record, and the first record of the emergency admission after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Followed {
    pub(super) record: u32,
    pub(super) again: Option<u32>,
}

/// Which stays were followed by an emergency admission. `stays` are sorted; episodes that begin on one day at one provider
/// are one stay. Stays that end less than 30 days before `last` are not followed.
pub(super) fn follow(stays: &[Stay], last: i32) -> Vec<Followed> {
    let mut followed = Vec::new();
    let mut spells: Vec<Stay> = Vec::new();
    for of_one in stays.chunk_by(|one, next| one.person == next.person) {
        spells.clear();
        for stay in of_one {
            match spells.last_mut() {
                Some(spell) if (spell.from, spell.provider) == (stay.from, stay.provider) => join(spell, stay),
                _ => spells.push(*stay),
            }
        }
        // Of two on one day the one that ends first comes first.
        spells.sort_unstable_by_key(|spell| (spell.from, spell.to, spell.key));
        for (at, spell) in spells.iter().enumerate() {
            if !spell.closed || spell.died || spell.birth != Birth::None || spell.to + DAYS_FOLLOWED > last {
                continue;
            }
            let later = spells[at + 1..].iter().take_while(|next| next.from <= spell.to + DAYS_FOLLOWED);
            let again = later.filter(|next| next.from >= spell.to && next.emergency).map(|next| next.record).next();
            followed.push(Followed { record: spell.record, again });
        }
    }
    followed
}

/// Adds an episode to its stay.
fn join(spell: &mut Stay, stay: &Stay) {
    spell.to = spell.to.max(stay.to);
    spell.closed |= stay.closed;
    spell.emergency |= stay.emergency;
    spell.died |= stay.died;
    if spell.birth == Birth::None {
        spell.birth = stay.birth;
    }
    if stay.key < spell.key {
        (spell.key, spell.record) = (stay.key, stay.record);
    }
}

/// The measure by the links, with what their probabilities say of its errors, and against the truth. `missed_share` is the
/// share of records expected to be missed, where the method has probabilities.
pub(super) fn readmissions(evidence: &Evidence, stays: &[Stay], missed_share: Option<f64>) -> Readmissions {
    let last = stays.iter().map(|stay| stay.from).max().unwrap_or(0);
    let linked = follow(stays, last);
    let rate = rate(&linked);
    let mut found = Readmissions { rate, by_group: by_group(evidence, &linked), ..Readmissions::default() };
    if let Some(missed_share) = missed_share {
        let wrong = expected_false(evidence, &linked);
        let missed = expected_missed(evidence, stays, &linked, last);
        let share = |readmitted: f64| (rate.whole > 0).then(|| readmitted / rate.whole as f64);
        let seen = rate.part as f64;
        found.low = share(seen - wrong);
        // A readmission is seen if neither of its two records is missed.
        found.high = share(seen / (1.0 - missed_share).powi(2));
        found.mended = share(seen - wrong + missed);
        (found.expected_false, found.expected_missed) = (Some(wrong), Some(missed));
    }
    found.truth = evidence.truth.as_ref().map(|truth| against_truth(evidence, truth, stays, &linked, last));
    found
}

fn rate(followed: &[Followed]) -> Rate {
    Rate::of(followed.iter().filter(|one| one.again.is_some()).count() as u64, followed.len() as u64)
}

fn by_group(evidence: &Evidence, followed: &[Followed]) -> Vec<GroupShare> {
    let group = |dimension, one: &Followed| evidence.happened[one.record as usize].groups.place(dimension);
    let mut shares = Vec::new();
    for dimension in Dimension::ALL {
        let mut counts = vec![(0, 0); Groups::most(dimension)];
        for one in followed {
            let (readmitted, all) = &mut counts[group(dimension, one)];
            *readmitted += u64::from(one.again.is_some());
            *all += 1;
        }
        shares.extend(counts.into_iter().enumerate().filter(|(_, (_, all))| *all > 0).map(|(place, (part, whole))| {
            GroupShare { dimension, group: Groups::name(dimension, place), rate: Rate::of(part, whole) }
        }));
    }
    shares
}

/// How probable the link of a record to its registered person is; that of a record of nobody registered is not in doubt here.
fn certainty(evidence: &Evidence, record: u32) -> f64 {
    let at = record as usize;
    let probability = evidence.links[at].probability.filter(|_| evidence.tied[at]);
    probability.map_or(1.0, f64::from)
}

fn expected_false(evidence: &Evidence, linked: &[Followed]) -> f64 {
    let mut sum = ProbabilitySum::default();
    for one in linked {
        if let Some(again) = one.again {
            sum.add(1.0 - certainty(evidence, one.record) * certainty(evidence, again));
        }
    }
    sum.total()
}

/// The readmissions that there would be, were each record that was not linked given to its best candidate, weighed by how
/// probable that candidate is.
fn expected_missed(evidence: &Evidence, stays: &[Stay], linked: &[Followed], last: i32) -> f64 {
    let seen: HashSet<u32> = linked.iter().filter(|one| one.again.is_some()).map(|one| one.record).collect();
    let candidate =
        |record: u32| evidence.candidates[record as usize].person.filter(|_| !evidence.tied[record as usize]);
    let mut given: Vec<Stay> =
        stays.iter().map(|stay| Stay { person: candidate(stay.record).unwrap_or(stay.person), ..*stay }).collect();
    sort(&mut given);
    let chance = |record: u32| match candidate(record) {
        Some(_) => evidence.links[record as usize].probability.map_or(0.0, f64::from),
        None => certainty(evidence, record),
    };
    let mut sum = ProbabilitySum::default();
    for one in follow(&given, last) {
        let Some(again) = one.again else { continue };
        let moved = candidate(one.record).is_some() || candidate(again).is_some();
        if moved && !seen.contains(&one.record) {
            sum.add(chance(one.record) * chance(again));
        }
    }
    sum.total()
}

fn against_truth(
    evidence: &Evidence,
    truth: &Truth,
    stays: &[Stay],
    linked: &[Followed],
    last: i32,
) -> ReadmissionTruth {
    // A record whose truth is not known stays with the person whom the links give it.
    let person_of = |record: u32| truth.events[record as usize];
    let mut true_stays: Vec<Stay> = stays
        .iter()
        .map(|stay| Stay { person: person_of(stay.record).map_or(stay.person, PersonId::from_bits), ..*stay })
        .collect();
    sort(&mut true_stays);
    let true_followed = follow(&true_stays, last);
    let apart = |followed: &[Followed], same: &dyn Fn(u32, u32) -> bool| {
        followed.iter().filter(|one| one.again.is_some_and(|again| !same(one.record, again))).count() as u64
    };
    let link = |record: u32| evidence.links[record as usize].person;
    let (by_links, by_truth) = (rate(linked), rate(&true_followed));
    ReadmissionTruth {
        rate: by_truth,
        bias: by_links.share.zip(by_truth.share).map(|(linked, truth)| linked - truth),
        relative: by_links
            .share
            .zip(by_truth.share)
            .filter(|&(_, truth)| truth > 0.0)
            .map(|(linked, truth)| linked / truth),
        false_readmissions: apart(linked, &|one, other| person_of(one) == person_of(other)),
        missed_readmissions: apart(&true_followed, &|one, other| link(one) == link(other)),
        groups: bias(evidence, truth, linked, &true_followed),
    }
}

fn bias(evidence: &Evidence, truth: &Truth, linked: &[Followed], true_followed: &[Followed]) -> Vec<GroupBias> {
    let mut groups = Vec::new();
    for dimension in Dimension::ALL {
        let most = named(truth, dimension);
        let count = |followed: &[Followed]| {
            let mut counts = vec![(0, 0); most];
            for one in followed {
                let (readmitted, all) = &mut counts[truth_group(evidence, truth, dimension, one.record as usize)];
                *readmitted += u64::from(one.again.is_some());
                *all += 1;
            }
            counts
        };
        let (by_links, by_truth) = (count(linked), count(true_followed));
        for (place, (&(part, whole), (true_part, true_whole))) in by_links.iter().zip(by_truth).enumerate() {
            if whole + true_whole > 0 {
                let (linked, in_truth) = (Rate::of(part, whole), Rate::of(true_part, true_whole));
                let bias = linked.share.zip(in_truth.share).map(|(linked, truth)| linked - truth);
                let group = name(truth, dimension, place);
                groups.push(GroupBias { dimension, group, linked, truth: in_truth, bias });
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stay(record: u32, from: i32, to: i32, emergency: bool) -> Stay {
        Stay {
            person: PersonId::from_bits(1),
            key: i64::from(record),
            record,
            provider: 7,
            from,
            to,
            closed: true,
            emergency,
            died: false,
            birth: Birth::None,
        }
    }

    /// Which stays are followed, with the record that follows.
    fn followed(mut stays: Vec<Stay>) -> Vec<(u32, Option<u32>)> {
        sort(&mut stays);
        follow(&stays, 1_000).into_iter().map(|one| (one.record, one.again)).collect()
    }

    #[test]
    fn an_emergency_within_29_days_of_discharge_is_a_readmission() {
        let first = stay(1, 100, 110, false);
        assert_eq!(followed(vec![first, stay(2, 139, 140, true)]), [(1, Some(2)), (2, None)]);
        assert_eq!(followed(vec![first, stay(2, 140, 141, true)]), [(1, None), (2, None)], "day 30");
        assert_eq!(followed(vec![first, stay(2, 120, 121, false)]), [(1, None), (2, None)], "planned");
        assert_eq!(followed(vec![first, stay(2, 110, 111, true)]), [(1, Some(2)), (2, None)], "the day itself");
        let later = vec![first, stay(2, 115, 116, false), stay(3, 120, 121, true)];
        assert_eq!(followed(later), [(1, Some(3)), (2, Some(3)), (3, None)]);
        let other = Stay { person: PersonId::from_bits(2), ..stay(2, 120, 121, true) };
        assert_eq!(followed(vec![first, other]), [(1, None), (2, None)], "somebody else");
    }

    #[test]
    fn episodes_of_one_stay_are_one_stay() {
        let stays = vec![stay(2, 100, 110, true), stay(1, 100, 105, true), stay(3, 111, 112, true)];
        assert_eq!(followed(stays), [(1, Some(3)), (3, None)]);
    }

    #[test]
    fn the_dead_births_and_the_last_month_are_not_followed() {
        let dead = Stay { died: true, ..stay(1, 100, 110, false) };
        let mother = Stay { birth: Birth::Delivery, ..stay(2, 300, 301, false) };
        let open = Stay { closed: false, ..stay(3, 400, 400, true) };
        let late = stay(4, 960, 972, false);
        assert_eq!(followed(vec![dead, mother, open, late]), []);
        assert_eq!(followed(vec![stay(4, 960, 971, false)]), [(4, None)], "30 days are seen");
    }
}

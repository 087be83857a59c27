//! How good links are: against a known truth, and without one.
//!
//! Links and truth, or links alone -> rates by group. Missed are events of people with a registration that went to nobody or to
//! another; false are events linked to a registered person who is not theirs. Invariant: counts are integers; a rate of nothing
//! is `None`, never 0.

use crate::record::{Link, Status};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What is counted for one group of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    /// Events.
    pub events: u64,
    /// Events of people with a registration.
    pub of_registered: u64,
    /// Of these, events that did not come to their person.
    pub missed: u64,
    /// Events linked to a person with a registration.
    pub linked: u64,
    /// Of these, events of somebody else.
    pub false_links: u64,
}

impl Quality {
    /// Missed ÷ events of registered people.
    pub fn missed_share(&self) -> Option<f64> {
        share(self.missed, self.of_registered)
    }

    /// False ÷ events linked to a registered person.
    pub fn false_share(&self) -> Option<f64> {
        share(self.false_links, self.linked)
    }

    /// F1: the harmonic mean of precision and recall.
    pub fn f1(&self) -> Option<f64> {
        let recall = 1.0 - self.missed_share()?;
        let precision = 1.0 - self.false_share()?;
        (recall + precision > 0.0).then(|| 2.0 * recall * precision / (recall + precision))
    }

    fn add(&mut self, other: Self) {
        self.events += other.events;
        self.of_registered += other.of_registered;
        self.missed += other.missed;
        self.linked += other.linked;
        self.false_links += other.false_links;
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Wilson's 95% interval for `part` of `whole` (Wilson 1927); `None` of nothing.
pub fn wilson_95(part: u64, whole: u64) -> Option<(f64, f64)> {
    const Z: f64 = 1.959_963_984_540_054;
    let n = whole as f64;
    let p = share(part, whole)?;
    let centre = p + Z * Z / (2.0 * n);
    let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    Some((((centre - spread) / scale).max(0.0), ((centre + spread) / scale).min(1.0)))
}

/// Quality against the truth, overall and by group.
///
/// `registrations` and `events` pair each link with the true person (any number that is the person's own), and events with
/// their group as well.
pub fn against_truth(
    registrations: impl Iterator<Item = (Link, u64)>,
    events: impl Iterator<Item = (Link, u64, u32)>,
) -> (Quality, BTreeMap<u32, Quality>) {
    let mut truths: HashMap<_, Vec<u64>> = HashMap::new();
    let mut registered: HashSet<u64> = HashSet::new();
    for (link, truth) in registrations {
        registered.insert(truth);
        let of_person = truths.entry(link.person).or_default();
        if !of_person.contains(&truth) {
            of_person.push(truth);
        }
    }
    let mut groups: BTreeMap<u32, Quality> = BTreeMap::new();
    for (link, truth, group) in events {
        let linked = truths.get(&link.person).filter(|_| link.status != Status::Review);
        let hit = linked.is_some_and(|truths| truths.contains(&truth));
        let wrong = linked.is_some_and(|truths| truths.iter().any(|&other| other != truth));
        let of_registered = registered.contains(&truth);
        groups.entry(group).or_default().add(Quality {
            events: 1,
            of_registered: u64::from(of_registered),
            missed: u64::from(of_registered && !hit),
            linked: u64::from(linked.is_some()),
            false_links: u64::from(wrong),
        });
    }
    let mut all = Quality::default();
    for quality in groups.values() {
        all.add(*quality);
    }
    (all, groups)
}

/// What the posteriors themselves expect, where nobody knows the truth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Expected {
    /// Events linked with a probability.
    pub linked: u64,
    /// How many of these are expected to be somebody else's: the sum of 1 − probability.
    pub false_links: f64,
    /// How many events that were not linked are expected to be of their best candidate: the sum of probability.
    pub missed: f64,
}

/// Expected missed and false links from the probabilities of links. Exact only as far as the probabilities are calibrated:
/// see [`calibration`].
pub fn expected<'a>(events: impl Iterator<Item = &'a Link>) -> Expected {
    let mut expected = Expected::default();
    for link in events {
        let Some(probability) = link.probability.map(f64::from) else { continue };
        // A weight comes with the best candidate whether or not it was linked; the rank only with a link to somebody known.
        if link.status == Status::Linked && link.probability >= Some(0.5) {
            expected.linked += 1;
            expected.false_links += 1.0 - probability;
        } else {
            expected.missed += probability;
        }
    }
    expected
}

/// Of the events whose best candidate has a probability in each tenth, how many there are and for how many it is true.
/// `events` gives the probability and whether the candidate is the true person.
pub fn calibration(events: impl Iterator<Item = (f32, bool)>) -> [(u64, u64); 10] {
    let mut tenths = [(0, 0); 10];
    for (probability, is_true) in events {
        let (all, right) = &mut tenths[((probability * 10.0) as usize).min(9)];
        *all += 1;
        *right += u64::from(is_true);
    }
    tenths
}

#[cfg(test)]
mod tests {
    use super::*;
    use caredata_model::PersonId;

    fn to(person: u64, status: Status) -> Link {
        let person = PersonId::from_bits(person);
        Link { person, status, match_rank: None, weight_bits: None, probability: Some(0.9) }
    }

    #[test]
    fn missed_and_false_are_counted_as_the_scorer_of_the_field_counts_them() {
        let registrations = [(to(1, Status::New), 10), (to(2, Status::New), 20)];
        let events = [
            (to(1, Status::Linked), 10, 0),
            (to(2, Status::Linked), 10, 0),
            (to(9, Status::New), 20, 1),
            (to(1, Status::Review), 10, 1),
            (to(8, Status::New), 30, 1),
            (to(2, Status::Linked), 30, 1),
        ];
        let (all, groups) = against_truth(registrations.into_iter(), events.into_iter());
        let quality = |events, of_registered, missed, linked, false_links| Quality {
            events,
            of_registered,
            missed,
            linked,
            false_links,
        };
        assert_eq!(all, quality(6, 4, 3, 3, 2));
        assert_eq!(groups[&0], quality(2, 2, 1, 2, 1));
        assert_eq!(groups[&1], quality(4, 2, 2, 1, 1));
        assert_eq!(Quality::default().missed_share(), None);
    }

    #[test]
    fn wilsons_interval_of_a_published_example() {
        // 81 of 263 (Newcombe 1998, table I): 0.2553 to 0.3662.
        let (low, high) = wilson_95(81, 263).expect("of something");
        assert!((low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5, "{low} {high}");
    }
}

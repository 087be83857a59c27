//! How good links are: against a known truth, and without one.
//!
//! Links and truth, or links alone -> counts, rates, intervals. Missed are events of people with a registration that went to
//! nobody or to another; false are events linked to a registered person who is not theirs. Invariant: counts are integers and
//! sums of probabilities are summed as integers, so that nothing depends on an order; a rate of nothing is `None`, never 0.

use crate::record::{Link, Status};
use caredata_model::PersonId;

/// The normal quantile of a two-sided 95% interval.
const Z_95: f64 = 1.959_963_984_540_054;

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

    /// Recall: events of registered people that came to their person ÷ events of registered people.
    pub fn recall(&self) -> Option<f64> {
        Some(1.0 - self.missed_share()?)
    }

    /// Precision: events of nobody else ÷ events linked to a registered person.
    pub fn precision(&self) -> Option<f64> {
        Some(1.0 - self.false_share()?)
    }

    /// F1: the harmonic mean of precision and recall.
    pub fn f1(&self) -> Option<f64> {
        let (recall, precision) = (self.recall()?, self.precision()?);
        (recall + precision > 0.0).then(|| 2.0 * recall * precision / (recall + precision))
    }

    /// Counts one event.
    pub fn count(&mut self, outcome: Outcome) {
        self.events += 1;
        self.of_registered += u64::from(outcome.of_registered);
        self.missed += u64::from(outcome.of_registered && !outcome.is_hit());
        self.linked += u64::from(outcome.is_linked());
        self.false_links += u64::from(outcome.is_wrong());
    }
}

/// Where one event came, by the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landed {
    /// With nobody who has a registration, or in review.
    Nowhere,
    /// With its own person.
    Home,
    /// With a person whose registrations are others'.
    Elsewhere,
    /// With a person who has a registration of its own person's and one of somebody else's.
    Mixed,
}

/// What became of one event, by the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the event is a registered person's.
    pub of_registered: bool,
    /// Where it came.
    pub landed: Landed,
}

impl Outcome {
    /// Whether it is linked to a person of whom a registration is the true person's.
    pub fn is_hit(self) -> bool {
        matches!(self.landed, Landed::Home | Landed::Mixed)
    }

    /// Whether it is linked to anybody with a registration.
    pub fn is_linked(self) -> bool {
        self.landed != Landed::Nowhere
    }

    /// Whether it is linked to a person of whom a registration is somebody else's.
    pub fn is_wrong(self) -> bool {
        matches!(self.landed, Landed::Elsewhere | Landed::Mixed)
    }
}

/// Whose registrations the persons of a linkage really are.
///
/// ```
/// use caredata_link::{Link, Status, TruePersons};
/// use caredata_model::PersonId;
///
/// let to = |person| Link {
///     person: PersonId::from_bits(person),
///     status: Status::Linked,
///     match_rank: None,
///     weight_bits: None,
///     probability: None,
/// };
/// let persons = TruePersons::new([(to(1), 10), (to(2), 20)].into_iter());
/// assert!(persons.outcome(&to(1), 10).is_hit());
/// assert!(persons.outcome(&to(2), 10).is_wrong());
/// ```
#[derive(Clone, Debug)]
pub struct TruePersons {
    /// Each person and a true person of one of its registrations; sorted, each pair once.
    pairs: Vec<(PersonId, u64)>,
    /// True persons with a registration, sorted, each once.
    registered: Vec<u64>,
}

impl TruePersons {
    /// Takes the links of registrations, each with the true person: any number that is the person's own.
    pub fn new(registrations: impl Iterator<Item = (Link, u64)>) -> Self {
        let mut pairs: Vec<(PersonId, u64)> = registrations.map(|(link, truth)| (link.person, truth)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let mut registered: Vec<u64> = pairs.iter().map(|&(_, truth)| truth).collect();
        registered.sort_unstable();
        registered.dedup();
        Self { pairs, registered }
    }

    /// The true persons whose registrations are held to be this person's; none of a person known from events alone.
    pub fn of(&self, person: PersonId) -> impl Iterator<Item = u64> + '_ {
        let first = self.pairs.partition_point(|&(other, _)| other < person);
        self.pairs[first..].iter().take_while(move |&&(other, _)| other == person).map(|&(_, truth)| truth)
    }

    /// Whether a true person has a registration.
    pub fn is_registered(&self, truth: u64) -> bool {
        self.registered.binary_search(&truth).is_ok()
    }

    /// What became of an event. A link in review links nothing.
    pub fn outcome(&self, link: &Link, truth: u64) -> Outcome {
        let (mut hit, mut wrong) = (false, false);
        if link.status != Status::Review {
            for theirs in self.of(link.person) {
                hit |= theirs == truth;
                wrong |= theirs != truth;
            }
        }
        let landed = match (hit, wrong) {
            (false, false) => Landed::Nowhere,
            (true, false) => Landed::Home,
            (false, true) => Landed::Elsewhere,
            (true, true) => Landed::Mixed,
        };
        Outcome { of_registered: self.is_registered(truth), landed }
    }
}

/// Of the true persons who occur more than once, how many there are, and of how many all records came to one person.
/// `records` gives each record's true person and the person it came to.
pub fn joined(records: impl Iterator<Item = (u64, PersonId)>) -> (u64, u64) {
    let mut records: Vec<(u64, PersonId)> = records.collect();
    records.sort_unstable();
    let (mut people, mut whole) = (0, 0);
    for of_one in records.chunk_by(|one, other| one.0 == other.0).filter(|of_one| of_one.len() > 1) {
        people += 1;
        whole += u64::from(of_one.first().map(|one| one.1) == of_one.last().map(|one| one.1));
    }
    (people, whole)
}

/// Of all pairs of records of one true person, how many there are, and how many came to one person.
/// `records` gives each record's true person and the person it came to.
pub fn joined_pairs(records: impl Iterator<Item = (u64, PersonId)>) -> (u64, u64) {
    let pairs = |records: usize| (records as u64) * (records as u64).saturating_sub(1) / 2;
    let mut records: Vec<(u64, PersonId)> = records.collect();
    records.sort_unstable();
    let all = records.chunk_by(|one, other| one.0 == other.0).map(|of_one| pairs(of_one.len())).sum();
    let together = records.chunk_by(|one, other| one == other).map(|together| pairs(together.len())).sum();
    (all, together)
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Wilson's 95% interval for `part` of `whole` (Wilson 1927); `None` of nothing.
pub fn wilson_95(part: u64, whole: u64) -> Option<(f64, f64)> {
    const Z: f64 = Z_95;
    let n = whole as f64;
    let p = share(part, whole)?;
    let centre = p + Z * Z / (2.0 * n);
    let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    // Of none and of all the end is exact, which the roots miss by a rounding.
    let low = if part == 0 { 0.0 } else { ((centre - spread) / scale).max(0.0) };
    let high = if part == whole { 1.0 } else { ((centre + spread) / scale).min(1.0) };
    Some((low, high))
}

/// A ratio of two shares with its 95% interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// One share ÷ the other.
    pub ratio: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The ratio of two shares, each `(part, whole)`, with a 95% interval by the delta method on its logarithm (Katz, Baptista,
/// Azen & Pike, Biometrics 1978, method C). `None` where either part is 0: there is then no such interval.
pub fn ratio_95((part, whole): (u64, u64), (base_part, base_whole): (u64, u64)) -> Option<Ratio> {
    let (one, other) = (share(part, whole)?, share(base_part, base_whole)?);
    if part == 0 || base_part == 0 {
        return None;
    }
    let inverse = |number: u64| 1.0 / number as f64;
    let variance = inverse(part) - inverse(whole) + inverse(base_part) - inverse(base_whole);
    let ratio = one / other;
    let factor = (Z_95 * variance.sqrt()).exp();
    Some(Ratio { ratio, low: ratio / factor, high: ratio * factor })
}

/// A sum of probabilities that is the same in every order: each is rounded to 2⁻⁴⁰ and added as an integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbabilitySum(i128);

impl ProbabilitySum {
    const ONE: f64 = (1_u64 << 40) as f64;

    /// Adds a probability, or another number that is not large.
    pub fn add(&mut self, probability: f64) {
        self.0 += (probability * Self::ONE).round() as i128;
    }

    /// The sum.
    pub fn total(self) -> f64 {
        self.0 as f64 / Self::ONE
    }
}

/// What the posteriors themselves expect, where nobody knows the truth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Expected {
    /// Events linked to a registered person with a probability.
    pub linked: u64,
    /// How many of these are expected to be somebody else's: the sum of 1 − probability.
    pub false_links: f64,
    /// How many events are expected to be a registered person's who did not get them: the sum of the probability of being
    /// anybody's who is known, less that of whom an event was linked to.
    pub missed: f64,
    /// Of the missed, those expected to be of the best candidate, who was too doubtful to be linked.
    pub doubtful: f64,
}

/// Expected missed and false links, from the probability of each event's best candidate, that of being anybody's who is known
/// (see [`crate::Candidate`]), and whether the event was linked to a registered person. Exact only as far as probabilities are
/// calibrated: see [`calibration`].
pub fn expected(events: impl Iterator<Item = (Option<f32>, Option<f32>, bool)>) -> Expected {
    let [mut false_links, mut missed, mut doubtful] = [ProbabilitySum::default(); 3];
    let mut linked = 0;
    for (probability, known, is_linked) in events {
        let probability = probability.map_or(0.0, f64::from);
        let known = known.map_or(0.0, f64::from);
        if is_linked {
            linked += 1;
            false_links.add(1.0 - probability);
            missed.add((known - probability).max(0.0));
        } else {
            missed.add(known);
            doubtful.add(probability);
        }
    }
    Expected { linked, false_links: false_links.total(), missed: missed.total(), doubtful: doubtful.total() }
}

/// Where the bins of [`calibration`] begin, and the end of the last: tenths, and finer where links are made.
pub const CALIBRATION_EDGES: [f32; 14] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0];

/// Events whose best candidate has a probability within a bin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// The least probability of the bin.
    pub from: f32,
    /// The end of the bin, which belongs to the next; 1 belongs to the last.
    pub to: f32,
    /// Events.
    pub events: u64,
    /// How many of their candidates the probabilities say are true: their sum.
    pub said: f64,
    /// How many are true.
    pub right: u64,
}

/// Of the events whose best candidate has a probability in each bin of [`CALIBRATION_EDGES`], how many there are, and for how
/// many the candidate is said to be, and is, the true person. `events` gives the probability and whether it is.
pub fn calibration(events: impl Iterator<Item = (f32, bool)>) -> Vec<Bin> {
    let edges = CALIBRATION_EDGES.windows(2);
    let mut bins: Vec<Bin> =
        edges.map(|edge| Bin { from: edge[0], to: edge[1], events: 0, said: 0.0, right: 0 }).collect();
    let mut said = vec![ProbabilitySum::default(); bins.len()];
    for (probability, is_true) in events {
        let beyond = CALIBRATION_EDGES.partition_point(|&edge| edge <= probability);
        let at = beyond.saturating_sub(1).min(bins.len() - 1);
        bins[at].events += 1;
        bins[at].right += u64::from(is_true);
        said[at].add(f64::from(probability));
    }
    for (bin, said) in bins.iter_mut().zip(said) {
        bin.said = said.total();
    }
    bins
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(person: u64, status: Status) -> Link {
        let person = PersonId::from_bits(person);
        Link { person, status, match_rank: None, weight_bits: None, probability: Some(0.9) }
    }

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-6
    }

    #[test]
    fn missed_and_false_are_counted_as_the_scorer_of_the_field_counts_them() {
        let persons = TruePersons::new([(to(1, Status::New), 10), (to(2, Status::New), 20)].into_iter());
        let events = [
            (to(1, Status::Linked), 10),
            (to(2, Status::Linked), 10),
            (to(9, Status::New), 20),
            (to(1, Status::Review), 10),
            (to(8, Status::New), 30),
            (to(2, Status::Linked), 30),
        ];
        let mut all = Quality::default();
        for (link, truth) in events {
            all.count(persons.outcome(&link, truth));
        }
        assert_eq!(all, Quality { events: 6, of_registered: 4, missed: 3, linked: 3, false_links: 2 });
        let [recall, precision, f1] = [all.recall(), all.precision(), all.f1()].map(|rate| rate.expect("of something"));
        assert!(close(recall, 0.25) && close(precision, 1.0 / 3.0) && close(f1, 2.0 / 7.0));
        assert_eq!(Quality::default().missed_share(), None);
    }

    #[test]
    fn a_person_of_two_peoples_registrations_is_both_hit_and_wrong() {
        let persons = TruePersons::new([(to(1, Status::New), 10), (to(1, Status::Linked), 20)].into_iter());
        let outcome = persons.outcome(&to(1, Status::Linked), 20);
        assert_eq!(outcome, Outcome { of_registered: true, landed: Landed::Mixed });
        assert_eq!(persons.of(PersonId::from_bits(1)).collect::<Vec<_>>(), [10, 20]);
    }

    #[test]
    fn people_and_pairs_are_joined_or_not() {
        let records = [(1, 5), (1, 5), (2, 5), (3, 6), (3, 7), (3, 7)];
        let records = || records.iter().map(|&(truth, person)| (truth, PersonId::from_bits(person)));
        assert_eq!(joined(records()), (2, 1));
        // One pair of the first, three of the third; of these one each came together.
        assert_eq!(joined_pairs(records()), (4, 2));
    }

    #[test]
    fn wilsons_interval_of_a_published_example() {
        // 81 of 263 (Newcombe 1998, table I): 0.2553 to 0.3662.
        let (low, high) = wilson_95(81, 263).expect("of something");
        assert!((low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5, "{low} {high}");
        let [none, all] = [wilson_95(0, 35), wilson_95(35, 35)].map(|interval| interval.expect("of something"));
        assert!(none.0 <= 0.0 && none.1 < 0.1 && all.0 > 0.9 && all.1 >= 1.0);
    }

    #[test]
    fn katzs_interval_of_a_published_example() {
        // SciPy's documentation of `relative_risk`, which uses Katz's method: 10 of 75 against 12 of 225.
        let Ratio { ratio, low, high } = ratio_95((10, 75), (12, 225)).expect("neither is nothing");
        assert!(close(ratio, 2.5) && close(low, 1.126_156_4) && close(high, 5.549_850_8), "{ratio} {low} {high}");
        assert_eq!(ratio_95((0, 75), (12, 225)), None);
        assert_eq!(ratio_95((10, 75), (0, 0)), None);
    }

    #[test]
    fn expected_errors_are_sums_of_probabilities() {
        let events = [
            (Some(0.75), Some(0.875), true),
            (Some(1.0), Some(1.0), true),
            (Some(0.5), Some(0.625), false),
            (None, Some(0.25), false),
            (None, None, false),
        ];
        let found = expected(events.into_iter());
        assert_eq!(found, Expected { linked: 2, false_links: 0.25, missed: 1.0, doubtful: 0.5 });
    }

    #[test]
    fn calibration_bins_hold_their_lower_edge_and_the_last_holds_one() {
        let events =
            [(0.0, false), (0.05, true), (0.9, true), (0.949, false), (0.95, true), (0.999, true), (1.0, true)];
        let bins = calibration(events.into_iter());
        let of = |from: f32| *bins.iter().find(|bin| (bin.from - from).abs() < 1e-6).expect("a bin");
        assert_eq!((of(0.0).events, of(0.0).right), (2, 1));
        assert_eq!((of(0.9).events, of(0.9).right), (2, 1));
        assert_eq!((of(0.95).events, of(0.99).events, of(0.999).events), (1, 0, 2));
        assert!((of(0.9).said - 1.849).abs() < 1e-6 && (of(0.999).said - 1.999).abs() < 1e-6);
        assert_eq!(bins.len(), 13);
    }

    #[test]
    fn sums_are_the_same_in_every_order() {
        let add = |numbers: &mut dyn Iterator<Item = f64>| {
            let mut sum = ProbabilitySum::default();
            numbers.for_each(|number| sum.add(number));
            sum
        };
        let numbers: Vec<f64> = (1..1000).map(|number| 1.0 / f64::from(number)).collect();
        assert_eq!(add(&mut numbers.iter().copied()), add(&mut numbers.iter().rev().copied()));
    }
}

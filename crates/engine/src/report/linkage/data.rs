//! What a linkage report says: counts, rates with their intervals, and words; no values of anybody.
//!
//! Filled in by `caredata link evaluate`, kept as `linkage-report.json`. Invariant: every number of the page is one of these,
//! or follows from one.

use crate::report::data::{DataQuality, Dimension, FieldName, MatchRankCount, StatusCount, WeightHistogram};
use caredata_link::{Quality, ratio_95, wilson_95};
use serde::{Deserialize, Serialize};

/// A part of a whole, with its share and Wilson's 95% interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// The part.
    pub part: u64,
    /// The whole.
    pub whole: u64,
    /// Part ÷ whole; absent of nothing.
    pub share: Option<f64>,
    /// The lower end of the interval.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

impl Rate {
    /// The rate of `part` in `whole`.
    pub fn of(part: u64, whole: u64) -> Self {
        let interval = wilson_95(part, whole);
        let share = (whole > 0).then(|| part as f64 / whole as f64);
        Self { part, whole, share, low: interval.map(|(low, _)| low), high: interval.map(|(_, high)| high) }
    }
}

/// Everything that a linkage report says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LinkageReport {
    /// How records were linked.
    pub methods: Methods,
    /// What was linked: registrations first, then each hospital source.
    pub sources: Vec<LinkedSource>,
    /// Identifiers missing or not usable, by source and provider.
    pub quality: Vec<DataQuality>,
    /// Hospital records with a usable identifier, by group.
    pub usable: Vec<GroupUsable>,
    /// Hospital records by outcome: linked to a registered person, a person known from hospitals alone, in review.
    pub outcomes: Vec<StatusCount>,
    /// Records linked to a registered person, by match rank.
    pub by_rank: Vec<MatchRankCount>,
    /// Those of them under no match rank.
    pub without_rank: u64,
    /// Hospital records by the weight of their best candidate; absent where the method weighs nothing.
    pub weights: Option<WeightHistogram>,
    /// Hospital records linked to a registered person.
    pub linked: Rate,
    /// The same by group.
    pub linked_by_group: Vec<GroupShare>,
    /// The same by provider.
    pub linked_by_provider: Vec<ProviderShare>,
    /// Hospital records in review.
    pub review: Rate,
    /// Errors that the probabilities themselves expect; absent where the method has none.
    pub expected: Option<ExpectedErrors>,
    /// What cannot be true of one person, as signs of false links.
    pub signs: Vec<Sign>,
    /// Records that bear any of the signs.
    pub any_sign: SignTruth,
    /// What linkage does to a measure.
    pub readmissions: Readmissions,
    /// The links against the truth, where it is known.
    pub truth: Option<AgainstTruth>,
}

/// How records were linked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Methods {
    /// The program's version.
    pub version: String,
    /// The method: `probabilistic`, `hesid` or `match-rank`.
    pub method: String,
    /// Whether the four identifiers were all the evidence.
    pub identifiers_only: bool,
    /// The probability from which a record is linked; absent where the method has none, as all down to `levels`.
    pub accept_probability: Option<f64>,
    /// How far it must be ahead of the next candidate's.
    pub margin_probability: Option<f64>,
    /// The probability from which a record that was not linked is in review.
    pub review_probability: Option<f64>,
    /// The share of events whose person is registered, as learnt.
    pub known_share: Option<f64>,
    /// How many times as often as by chance a wrong number and a wrong date of birth meet on one record, as learnt.
    pub both_wrong: Option<f64>,
    /// Passes that learning took.
    pub iterations: Option<u32>,
    /// Whether learning had settled by then.
    pub converged: Option<bool>,
    /// How often true pairs agree at each level, as learnt, of pairs that state the identifier.
    pub levels: Vec<LevelShare>,
    /// What each blocking rule brought.
    pub rules: Vec<RuleCounts>,
    /// Persons with a registration, and persons known from hospital records alone.
    pub persons: [u64; 2],
    /// Hospital records settled at once: number, date of birth and gender agree with the number's one bearer.
    pub early_exits: u64,
}

/// How often true pairs agree on an identifier at one level.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LevelShare {
    /// The identifier.
    pub identifier: String,
    /// The level in words.
    pub level: String,
    /// The share of true pairs.
    pub share: f64,
}

/// What one blocking rule brought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleCounts {
    /// The rule in words.
    pub rule: String,
    /// Records whose best candidate it was the first to find.
    pub best: u64,
    /// Of these, linked.
    pub linked: u64,
}

/// One source of records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedSource {
    /// The source's name.
    pub source: String,
    /// Records linked.
    pub records: u64,
    /// The first month in which something happened, `YYYY-MM`; of registrations, the first in which somebody registered.
    pub first_month: Option<String>,
    /// The last such month.
    pub last_month: Option<String>,
}

/// Records of one group with a usable identifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupUsable {
    /// How people are divided.
    pub dimension: Dimension,
    /// The group in words.
    pub group: String,
    /// The identifier.
    pub field: FieldName,
    /// Records where it is there and may be right, of all records.
    pub rate: Rate,
}

/// A share of the records of one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupShare {
    /// How people are divided.
    pub dimension: Dimension,
    /// The group in words.
    pub group: String,
    /// The share.
    pub rate: Rate,
}

/// A share of the records of one provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProviderShare {
    /// The source.
    pub source: String,
    /// The provider's code.
    pub provider: String,
    /// The share.
    pub rate: Rate,
}

/// What the probabilities of links expect of themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExpectedErrors {
    /// Records linked to a registered person with a probability.
    pub linked: u64,
    /// Of these, expected to be somebody else's.
    pub false_links: f64,
    /// The same as a share.
    pub false_share: Option<f64>,
    /// Records of registered people expected not to have come to them.
    pub missed: f64,
    /// The same as a share of all records expected to be of registered people.
    pub missed_share: Option<f64>,
    /// Of the missed, those expected to be of their best candidate, who was too doubtful to be linked.
    pub doubtful: f64,
}

/// What cannot be true of one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignKind {
    /// Two deliveries less than 24 weeks apart.
    DeliveriesTooClose,
    /// Born more than once.
    BornTwice,
    /// A delivery by a person registered as male.
    DeliveryByMale,
    /// A delivery by a person registered as younger than 10 or older than 60.
    DeliveryAtThatAge,
    /// The record of a birth, of a person registered as born more than a year before.
    BirthOfOlder,
    /// An admission after death.
    AfterDeath,
    /// Two hospitals at once.
    TwoPlaces,
}

impl SignKind {
    /// All, in the order of the page.
    pub const ALL: [Self; 7] = [
        Self::TwoPlaces,
        Self::AfterDeath,
        Self::DeliveriesTooClose,
        Self::DeliveryByMale,
        Self::DeliveryAtThatAge,
        Self::BornTwice,
        Self::BirthOfOlder,
    ];

    /// The words of the page.
    pub const fn words(self) -> &'static str {
        match self {
            Self::DeliveriesTooClose => "Two deliveries less than 24 weeks apart",
            Self::BornTwice => "Born more than once",
            Self::DeliveryByMale => "A delivery by a man or boy",
            Self::DeliveryAtThatAge => "A delivery under 10 or over 60",
            Self::BirthOfOlder => "A birth of somebody older than 1",
            Self::AfterDeath => "Admitted after death",
            Self::TwoPlaces => "In two hospitals at once",
        }
    }
}

/// Records with signs, and how many of them are false links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SignTruth {
    /// Records that bear the sign.
    pub records: u64,
    /// Where the truth is known: of these, records whose person holds somebody else's records or registration too.
    pub explained: Option<Rate>,
    /// Where the truth is known: of all false links, those that lie with a person who bears the sign.
    pub found: Option<Rate>,
}

/// One sign of false links.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sign {
    /// Which.
    pub kind: SignKind,
    /// Persons of whom it holds.
    pub persons: u64,
    /// Their records that bear it, and what the truth says of these.
    #[serde(flatten)]
    pub records: SignTruth,
}

/// Emergency readmission within 30 days of discharge, as the links have it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Readmissions {
    /// Stays that ended with the person alive, early enough to be followed for 30 days, births and deliveries apart; and those
    /// that an emergency admission followed.
    pub rate: Rate,
    /// The same by group.
    pub by_group: Vec<GroupShare>,
    /// Readmissions expected to be of somebody else, by the probabilities of their links; absent where the method has none.
    pub expected_false: Option<f64>,
    /// Readmissions expected to be missed, by the probabilities of candidates who were too doubtful to be linked: at least, since
    /// records missed for other reasons hide readmissions too.
    pub expected_missed: Option<f64>,
    /// The rate with these errors mended: less the false, plus the missed.
    pub mended: Option<f64>,
    /// The rate if only the false were taken away.
    pub low: Option<f64>,
    /// The rate if as many records were missed as the probabilities expect, each apart from its person's others: the rate seen ÷
    /// (1 − share missed)². Records of one person that are missed together hide less.
    pub high: Option<f64>,
    /// Against the truth, where it is known.
    pub truth: Option<ReadmissionTruth>,
}

/// The measure against the truth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReadmissionTruth {
    /// The true rate.
    pub rate: Rate,
    /// Linked rate less true rate.
    pub bias: Option<f64>,
    /// Linked rate ÷ true rate.
    pub relative: Option<f64>,
    /// Readmissions of the links that are of two people.
    pub false_readmissions: u64,
    /// True readmissions whose two stays the links hold to be two persons'.
    pub missed_readmissions: u64,
    /// By group.
    pub groups: Vec<GroupBias>,
}

/// The measure's bias in one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupBias {
    /// How people are divided.
    pub dimension: Dimension,
    /// The group in words.
    pub group: String,
    /// As the links have it.
    pub linked: Rate,
    /// As it is.
    pub truth: Rate,
    /// Linked less true.
    pub bias: Option<f64>,
}

/// The links against the truth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgainstTruth {
    /// All hospital records whose truth is known.
    pub all: Measured,
    /// By group.
    pub groups: Vec<GroupMeasured>,
    /// The worst group against the best, of groups of 10,000 records and more.
    pub ratios: Vec<RatioOfGroups>,
    /// People registered twice, and those whose registrations came together.
    pub registered_twice: Rate,
    /// Pairs of records of one person without a registration, and those that came together.
    pub pairs_without_registration: Rate,
    /// Best candidates by their probability, and how many are the true person; empty where the method has none.
    pub calibration: Vec<CalibrationBin>,
    /// Of records not linked to a registered person, those whose best candidate is the true person: what
    /// [`ExpectedErrors::doubtful`] is an estimate of.
    pub candidate_was_right: u64,
}

/// Missed, false and what follows from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measured {
    /// Records.
    pub records: u64,
    /// Records of registered people that did not come to their person.
    pub missed: Rate,
    /// Links to a registered person that are of somebody else.
    pub false_links: Rate,
    /// Precision: 1 − false.
    pub precision: Option<f64>,
    /// Recall: 1 − missed.
    pub recall: Option<f64>,
    /// F1: the harmonic mean of the two.
    pub f1: Option<f64>,
}

impl Measured {
    /// What follows from counts.
    pub fn of(quality: &Quality) -> Self {
        Self {
            records: quality.events,
            missed: Rate::of(quality.missed, quality.of_registered),
            false_links: Rate::of(quality.false_links, quality.linked),
            precision: quality.precision(),
            recall: quality.recall(),
            f1: quality.f1(),
        }
    }
}

/// One group against the truth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupMeasured {
    /// How people are divided.
    pub dimension: Dimension,
    /// The group in words.
    pub group: String,
    /// Missed, false and what follows.
    #[serde(flatten)]
    pub measured: Measured,
}

/// The worst group of a dimension against the best, with Katz's 95% interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RatioOfGroups {
    /// How people are divided.
    pub dimension: Dimension,
    /// `missed` or `false`.
    pub error: String,
    /// The group with the highest rate.
    pub worst: String,
    /// The group with the lowest rate.
    pub best: String,
    /// One rate ÷ the other; absent where the best group has none of these errors.
    pub ratio: Option<f64>,
    /// The lower end of the interval.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

impl RatioOfGroups {
    /// Groups of fewer records than this are not compared.
    pub const RECORDS_MIN: u64 = 10_000;

    /// Compares the groups of one dimension by one error; `None` of fewer than two groups that are large enough.
    pub fn of(groups: &[&GroupMeasured], error: &str, rate: impl Fn(&Measured) -> Rate) -> Option<Self> {
        let large = groups.iter().filter(|group| group.measured.records >= Self::RECORDS_MIN);
        let mut large: Vec<(&str, Rate)> = large
            .map(|group| (group.group.as_str(), rate(&group.measured)))
            .filter(|(_, rate)| rate.whole > 0)
            .collect();
        let cross = |rate: &Rate, other: &Rate| u128::from(rate.part) * u128::from(other.whole);
        large.sort_by(|(one, first), (other, second)| {
            cross(first, second).cmp(&cross(second, first)).then_with(|| one.cmp(other))
        });
        let (&(best, least), &(worst, most)) = (large.first()?, large.last()?);
        if large.len() < 2 {
            return None;
        }
        let ratio = ratio_95((most.part, most.whole), (least.part, least.whole));
        Some(Self {
            dimension: groups.first()?.dimension,
            error: error.to_owned(),
            worst: worst.to_owned(),
            best: best.to_owned(),
            ratio: ratio.map(|ratio| ratio.ratio),
            low: ratio.map(|ratio| ratio.low),
            high: ratio.map(|ratio| ratio.high),
        })
    }
}

/// Best candidates whose probability lies in one bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// The least probability.
    pub from: f32,
    /// Where the next bin begins.
    pub to: f32,
    /// The mean of the probabilities; absent where there are none.
    pub said: Option<f64>,
    /// How many of the candidates are the true person.
    pub right: Rate,
}

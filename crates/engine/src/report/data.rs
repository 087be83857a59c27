//! What a report says: counts and words, no values of anybody.
//!
//! Filled in by the run, kept as JSON beside the page. Invariant: the sums of [`SourceCounts`] are checked by the run
//! before there is a report; the page says for each source whether they hold.

use serde::{Deserialize, Serialize};

/// Everything that the page shows about one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunReport {
    /// Whether these are real people: decides what may be shown.
    pub population: Population,
    /// Which run this was.
    pub run: RunIdentity,
    /// One entry a source, in the order in which the sources were read.
    pub sources: Vec<SourceCounts>,
    /// How sound the identifiers are: one entry for each source, provider and field.
    pub quality: Vec<DataQuality>,
    /// How records came to their persons.
    pub links: Links,
    /// The evidence of each record's best candidate; absent where the method weighs nothing.
    pub weights: Option<WeightHistogram>,
    /// The persons known after this run.
    pub persons: Persons,
    /// What objections did.
    pub objections: Objections,
    /// Practices of which this run took nothing, since their objections cannot be told.
    pub held: Vec<HeldPractice>,
    /// Rows held of this run's sources and period before, which it brought again, by source.
    pub replaced: Vec<Counted>,
    /// Packages found of other periods, and left.
    pub packages_left: u64,
    /// Rows of the linked record after this run, by table.
    pub tables: Vec<TableRows>,
    /// Invented people, shown as examples. Not shown unless the population is synthetic.
    pub timelines: Vec<Timeline>,
    /// The links against what is known to be true. Not shown unless the population is synthetic.
    pub truth: Option<TruthComparison>,
    /// Where the time went, in order.
    pub stages: Vec<Stage>,
    /// Thresholds, policies and versions of code lists that this run used.
    pub settings: Vec<Setting>,
}

/// Whose records a report is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Population {
    /// Real people: small numbers are hidden, nobody is shown alone.
    #[default]
    Real,
    /// Invented people with known truth: everything may be shown.
    Synthetic,
}

/// Which run a report is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunIdentity {
    /// The run's own id, as in the audit log.
    pub id: String,
    /// The month or months, as `2014-04` or `2012-04..2014-03`.
    pub period: String,
    /// When the run began, as the reader should see it.
    pub started: String,
    /// The linkage method: `probabilistic`, `hesid` or `match-rank`.
    pub method: String,
    /// The program's version.
    pub version: String,
}

/// A number of rows with a word for what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The reason, as a reader should see it.
    pub what: String,
    /// Rows.
    pub rows: u64,
}

/// Where the rows of one source went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceCounts {
    /// The source's name, such as `gp-journals` or `apc`.
    pub source: String,
    /// The table of the linked record that its rows become.
    pub table: String,
    /// Rows read, bad ones included.
    pub rows_in: u64,
    /// Rows that passed the gate by record.
    pub admitted: u64,
    /// Rows held back by record, by reason.
    pub withheld: Vec<Counted>,
    /// Rows that could not be used, by reason.
    pub quarantined: Vec<Counted>,
    /// Admitted rows held back after linkage because the person objects, by reason.
    pub withheld_by_person: Vec<Counted>,
    /// Columns in the files that are not declared, and so were never read.
    pub ignored_columns: Vec<String>,
}

impl SourceCounts {
    /// Rows held back by record.
    pub fn withheld_rows(&self) -> u64 {
        self.withheld.iter().map(|counted| counted.rows).sum()
    }

    /// Rows in quarantine.
    pub fn quarantined_rows(&self) -> u64 {
        self.quarantined.iter().map(|counted| counted.rows).sum()
    }

    /// Admitted rows held back because of the person.
    pub fn withheld_by_person_rows(&self) -> u64 {
        self.withheld_by_person.iter().map(|counted| counted.rows).sum()
    }

    /// Rows that stand in the linked record: admitted, less those of persons who object.
    pub fn published_rows(&self) -> u64 {
        self.admitted.saturating_sub(self.withheld_by_person_rows())
    }

    /// Whether in = admitted + withheld + quarantined, and no more was withheld by person than was admitted.
    pub fn balances(&self) -> bool {
        self.rows_in == self.admitted + self.withheld_rows() + self.quarantined_rows()
            && self.withheld_by_person_rows() <= self.admitted
    }
}

/// One of the four identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldName {
    /// The NHS Number.
    NhsNumber,
    /// The date of birth.
    DateOfBirth,
    /// The full postcode.
    Postcode,
    /// Gender.
    Gender,
}

impl FieldName {
    /// All four, in the order of the page.
    pub const ALL: [Self; 4] = [Self::NhsNumber, Self::DateOfBirth, Self::Postcode, Self::Gender];

    /// The words of the page.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NhsNumber => "NHS Number",
            Self::DateOfBirth => "Date of birth",
            Self::Postcode => "Postcode",
            Self::Gender => "Gender",
        }
    }
}

/// How sound one identifier is in one provider's rows of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataQuality {
    /// The source.
    pub source: String,
    /// The practice or hospital that sent the rows.
    pub provider: String,
    /// The identifier.
    pub field: FieldName,
    /// Rows read.
    pub rows: u64,
    /// Rows where it is empty.
    pub missing: u64,
    /// Rows where it is there and cannot be right: a wrong check digit, an impossible date, no postcode.
    pub defective: u64,
}

/// How records came to their persons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Links {
    /// By source.
    pub by_status: Vec<StatusCount>,
    /// Linked records by match rank, 1 to 8.
    pub by_rank: Vec<MatchRankCount>,
    /// Linked records that fall under no match rank: accepted on the weight of partial agreement.
    pub without_rank: u64,
    /// By group of people.
    pub by_group: Vec<GroupRate>,
}

/// Records of one source by the outcome of linkage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StatusCount {
    /// The source.
    pub source: String,
    /// Records that joined a person already known or registered.
    pub linked: u64,
    /// Records whose person was first seen in this run and is not registered with a practice.
    pub new: u64,
    /// Records in doubt, each kept as a person of its own until somebody decides.
    pub review: u64,
}

/// Linked records under one match rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchRankCount {
    /// 1 (all four agree) to 8 (the NHS Number alone).
    pub rank: u8,
    /// Linked records.
    pub records: u64,
}

/// A way of dividing people into groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Sex as recorded.
    Sex,
    /// Age at the event, in bands.
    Age,
    /// Ethnic category.
    Ethnicity,
    /// Tenth of areas by deprivation, 1 the most deprived.
    Deprivation,
}

impl Dimension {
    /// All, in the order of the page.
    pub const ALL: [Self; 4] = [Self::Sex, Self::Age, Self::Ethnicity, Self::Deprivation];

    /// The words of the page.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Sex => "Sex",
            Self::Age => "Age",
            Self::Ethnicity => "Ethnic category",
            Self::Deprivation => "Deprivation (tenths of areas, 1 most deprived)",
        }
    }
}

/// Records of a group of people, and how many of them linked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRate {
    /// How people are divided.
    pub dimension: Dimension,
    /// The group: in words, or an ethnic category as the NHS Data Dictionary codes it.
    pub group: String,
    /// Records.
    pub records: u64,
    /// Of these, linked.
    pub linked: u64,
}

/// The evidence in bits for each record's best candidate, as a histogram.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WeightHistogram {
    /// The left edge of the first bin, in bits.
    pub first_bits: f32,
    /// The width of every bin, in bits; above 0.
    pub bin_bits: f32,
    /// The bins, from left to right.
    pub bins: Vec<WeightBin>,
    /// From here on a record is in doubt, in bits.
    pub review_from_bits: f32,
    /// From here on a record is linked, in bits.
    pub link_from_bits: f32,
}

/// One bin of the histogram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightBin {
    /// Records that were linked to their best candidate.
    pub linked: u64,
    /// Records that were not.
    pub not_linked: u64,
}

/// Persons known after the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Persons {
    /// In the index.
    pub total: u64,
    /// First seen in this run.
    pub new: u64,
    /// Persons found to be one with another in this run.
    pub merged: u64,
}

/// What objections did in this run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Objections {
    /// Persons with any record withheld.
    pub persons_withheld: u64,
    /// Hospital rows that lie sealed apart: withheld, not lost.
    pub sealed: u64,
    /// GP rows that were not kept: they stay at the practice.
    pub dropped: u64,
    /// Rows withheld because they tie to nobody, where the policy says so.
    pub untied_withheld: u64,
    /// Type 2 entries recorded after the day until which they count: national opt-outs, which are asked for by file.
    pub no_longer_counting: u64,
    /// Patients of whom journals note wishes, and who are not among the registrations.
    pub wishes_unregistered: u64,
}

/// A practice of which a run took nothing: what is published of it stays as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldPractice {
    /// The practice's code.
    pub practice: String,
    /// Why, in words.
    pub why: String,
}

/// The size of one table of the linked record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRows {
    /// The table.
    pub table: String,
    /// Its rows.
    pub rows: u64,
}

/// The life of one invented person, as the linked record tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timeline {
    /// Who, in a few words: "A woman of 71".
    pub who: String,
    /// What links the records, in a few words: "Her hospital record has no NHS Number".
    pub note: String,
    /// What happened.
    pub events: Vec<TimelineEvent>,
}

/// One event of a timeline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEvent {
    /// Months after the first event of the timeline.
    pub month: u32,
    /// The table that it stands in.
    pub table: String,
    /// What it was: a short word for a code.
    pub label: String,
}

/// The links against the truth of a synthetic population.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TruthComparison {
    /// Hospital records of people registered with a practice.
    pub records: u64,
    /// Of these, not linked to that person.
    pub missed: u64,
    /// Hospital records linked to a registered person.
    pub linked: u64,
    /// Of these, linked to the wrong person.
    pub false_links: u64,
    /// People registered at two practices.
    pub duplicates: Option<Duplicates>,
    /// By group.
    pub groups: Vec<TruthGroup>,
    /// What became of the rows of people who object.
    pub objectors: Option<ObjectorsInTruth>,
}

/// People registered at two practices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicates {
    /// Such people.
    pub people: u64,
    /// Of these, joined into one person.
    pub joined: u64,
}

/// The links of one group of people against the truth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TruthGroup {
    /// How people are divided.
    pub dimension: Dimension,
    /// The group: in words, or an ethnic category as the NHS Data Dictionary codes it.
    pub group: String,
    /// Hospital records of registered people.
    pub records: u64,
    /// Of these, missed.
    pub missed: u64,
}

/// What became of the rows that truly belong to people who object to all use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectorsInTruth {
    /// Rows that truly belong to them.
    pub rows: u64,
    /// Of these, withheld.
    pub withheld: u64,
    /// Of these, in the linked record, since no evidence in them ties them to the person.
    pub untied: u64,
    /// Rows of other people that were withheld in their stead.
    pub withheld_of_others: u64,
}

/// One stage of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name, in a word or two.
    pub name: String,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// A setting of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// What is set.
    pub name: String,
    /// To what.
    pub value: String,
}

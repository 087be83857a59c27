//! What goes into linkage and what comes out of it, record by record.
//!
//! Invariant: a [`Record`] carries the four identifiers and where they came from, and nothing of the payload.

use crate::numbers::Numbers;
use caredata_model::{Day, Identifiers, PersonId, RecordKey};

/// One record to be linked: a registration at a practice, or an event at a hospital or elsewhere.
///
/// `Debug` prints no identifier and no local id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The record's key, unique among all records of all sources.
    pub key: RecordKey,
    /// Date of birth, postcode, NHS Number and gender, each perhaps missing.
    pub identifiers: Identifiers,
    /// The practice or hospital, as a number the caller has given it, the same from month to month.
    pub provider: u32,
    /// A hash of the provider's own patient id; 0 where it has none.
    pub local_id: u64,
    /// The day of the event, or the day on which the registration stood.
    pub day: Day,
    /// What the record arrived in: a number of the caller's for source and period. All that the index holds of a
    /// contribution is replaced when records of the same contribution are linked again.
    pub contribution: u32,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record")
            .field("key", &self.key)
            .field("contribution", &self.contribution)
            .finish_non_exhaustive()
    }
}

impl Record {
    /// The values of the records' keys, in their order.
    pub fn key_values(records: &[Self]) -> Vec<i64> {
        records.iter().map(|record| record.key.value()).collect()
    }
}

/// Records column by column, as a reader of files has them: one value a record in each.
pub struct RecordColumns<'a> {
    /// The records' keys.
    pub keys: &'a [RecordKey],
    /// Their identifiers.
    pub identifiers: &'a [Identifiers],
    /// The providers' numbers, each once.
    pub providers: &'a [u32],
    /// For each record the place of its provider among [`RecordColumns::providers`].
    pub provider_indices: &'a [u32],
    /// Hashes of the providers' patient ids, 0 for none.
    pub local_ids: &'a [u64],
    /// Days since 1970-01-01; what is no [`Day`] stands for none.
    pub days: &'a [i32],
}

impl RecordColumns<'_> {
    /// The records; `no_day` is the day of those that have none.
    ///
    /// # Panics
    /// Where a provider's place is beyond the list of providers. Where the columns differ in length the shortest counts.
    pub fn records(&self, no_day: Day, contribution: u32) -> Vec<Record> {
        let rows = self.keys.iter().zip(self.identifiers).zip(self.provider_indices).zip(self.local_ids).zip(self.days);
        rows.map(|((((&key, &identifiers), &provider), &local_id), &day)| Record {
            key,
            identifiers,
            provider: self.providers[provider as usize],
            local_id,
            day: Day::from_days_since_1970(day).unwrap_or(no_day),
            contribution,
        })
        .collect()
    }
}

/// How a record came to its person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Linked to a person who was known, or whom another record of this run made known.
    Linked,
    /// The first record of a person nobody knew.
    New,
    /// Somebody might be meant, but not surely enough: the record has a person of its own until somebody decides.
    Review,
}

/// The person of one record, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// The person.
    pub person: PersonId,
    /// How the record came to the person.
    pub status: Status,
    /// The match rank, 1 to 8, of the record against its person (of the pass, 1 to 3, under [`Method::Hesid`]);
    /// `None` where no rank holds or nothing was linked.
    pub match_rank: Option<u8>,
    /// Evidence for the best candidate in bits: log2 of how much likelier the record is if it is this person's than if it is
    /// anybody's. `None` where the method has no weights or there was no candidate.
    pub weight_bits: Option<f32>,
    /// The probability that the best candidate is the person, over all candidates and "none of them". `None` as above.
    pub probability: Option<f32>,
}

/// The method that decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Fellegi–Sunter with levels, parameters learnt from the records themselves (the default).
    #[default]
    Probabilistic,
    /// The three deterministic passes of the hospital index (HESID): see [`crate::hesid_pass`]. A record whose best pass leads
    /// to two persons goes to review.
    Hesid,
    /// The eight match ranks: see [`crate::match_rank`]. Rank 1B and the third form of a partial date of birth (month and day),
    /// which the published records leave undefined, are off.
    MatchRank,
}

/// What the caller may choose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The scheme of the numbers that people bear: the NHS Number's where nothing else is said.
    pub numbers: Numbers,
    /// The method.
    pub method: Method,
    /// Use the four identifiers only: a provider's own patient id is then no evidence.
    pub identifiers_only: bool,
    /// The posterior probability from which an event is linked; see [`Settings::acceptance`].
    pub accept_probability: f64,
    /// The least lead, in probability, over the next best person.
    pub margin_probability: f64,
    /// The posterior probability from which a record that was not linked goes to review.
    pub review_probability: f64,
}

impl Settings {
    /// With the four identifiers only, events are linked from this probability even where less is asked for: no patient id then
    /// stands by to contradict a doubtful link, and most doubtful ones are one date of birth in one district.
    pub const IDENTIFIERS_ONLY_ACCEPT_MIN: f64 = 0.95;

    /// The posterior probability from which a person counts as a candidate of a record in review.
    pub const CANDIDATE_PROBABILITY: f64 = 0.05;

    /// The posterior probability from which an event is linked under these settings.
    pub fn acceptance(&self) -> f64 {
        if self.identifiers_only {
            self.accept_probability.max(Self::IDENTIFIERS_ONLY_ACCEPT_MIN)
        } else {
            self.accept_probability
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            numbers: Numbers::default(),
            method: Method::Probabilistic,
            identifiers_only: false,
            accept_probability: 0.9,
            margin_probability: 0.5,
            review_probability: 0.25,
        }
    }
}

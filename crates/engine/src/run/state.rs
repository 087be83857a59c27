//! What makes up the present of a home, as one publication fixed it.
//!
//! Invariant: the files that a [`Present`] lists are never changed after it was written down; a later publication lists
//! others.

use super::watch::Watched;
use crate::error::EngineError;
use crate::records::{Change, DataFile};
use crate::register::Kind;
use caredata_model::{Day, RecordKey, Scope, Wish};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One source's part for one period, from one practice or from all providers at once: what a repeated run replaces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Part {
    /// The source's name.
    pub source: String,
    /// The practice, for GP contributions; hospital files come from all providers at once.
    pub practice: Option<String>,
    /// The period, `2014-04` or a range.
    pub period: String,
}

/// Sealed rows of one table and contribution: a file in the vault under its own key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SealedFile {
    /// The table the rows belong to.
    pub table: String,
    /// The vault's name for the file.
    pub name: String,
    /// The source whose rows it holds.
    pub source: String,
    /// The period of the contribution.
    pub period: String,
    /// Rows in the file.
    pub rows: u64,
}

/// Everything that a home holds now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Present {
    /// The number of the publication; 0 for a home that never ran.
    pub publication: i64,
    /// The published files of every table.
    pub files: Vec<DataFile>,
    /// The sealed files.
    pub sealed: Vec<SealedFile>,
    /// The vault's files of the person index, by part.
    pub index: BTreeMap<String, String>,
    /// What the home holds, each part with the number by which the index knows it.
    pub parts: BTreeMap<u32, Part>,
    /// What journals note of registrations.
    pub wishes_of_registrations: Vec<RegistrationWish>,
    /// Registrations whose sending a practice has ended by objection, as its packages' tokens told, by record key; each with the
    /// last month of the latest period that told so.
    pub stopped: BTreeMap<i64, String>,
    /// Registrations whose stop was lifted, by record key; each with the last month of the period that lifted it.
    #[serde(default)]
    pub lifted: BTreeMap<i64, String>,
    /// Wishes that practices noted, month by month.
    #[serde(default)]
    pub watched: BTreeMap<String, Watched>,
}

/// A wish about a registration, by its record key, which tells nothing by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationWish {
    /// The part that brought it.
    pub part: u32,
    /// The registration's record key.
    pub registration: i64,
    /// What was said, as the register writes kinds.
    pub kind: String,
    /// The day from which it counts.
    pub effective: Option<String>,
    /// The day on which it was recorded.
    pub recorded: Option<String>,
    /// How far it reaches by itself.
    pub reach: Reach,
}

impl RegistrationWish {
    /// Whether it is about the GP record leaving the practice.
    pub fn is_type_1(&self) -> bool {
        self.kind.parse::<Kind>().is_ok_and(|kind| kind.scope == Scope::GpRecord)
    }
}

/// How far a wish that a journal notes of a registration reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// The practice's own record; the person is reached through the NHS Number, under which it is noted too.
    Record,
    /// The person as well, since the registration states no number, or one in dispute.
    Person,
}

/// A publication on its way: the present to come, and the commits that lead there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// What the home holds once all is committed.
    pub present: Present,
    /// What happens to each table, by its name.
    pub changes: BTreeMap<String, Change>,
}

impl RegistrationWish {
    /// A wish of a registration.
    pub fn new(part: u32, registration: RecordKey, wish: &Wish, reach: Reach) -> Self {
        Self {
            part,
            registration: registration.value(),
            kind: Kind { choice: wish.choice, scope: wish.scope.clone() }.to_string(),
            effective: wish.effective.map(|day| day.to_string()),
            recorded: wish.recorded.map(|day| day.to_string()),
            reach,
        }
    }

    /// The registration.
    pub const fn registration(&self) -> RecordKey {
        RecordKey::from_bits(self.registration.cast_unsigned())
    }

    /// The wish.
    ///
    /// # Errors
    /// [`EngineError::NotAKind`] where the kind is none.
    pub fn wish(&self) -> Result<Wish, EngineError> {
        let Kind { choice, scope } = self.kind.parse()?;
        let day = |text: &Option<String>| text.as_deref().and_then(|text| Day::parse(text).ok());
        Ok(Wish { scope, choice, effective: day(&self.effective), recorded: day(&self.recorded) })
    }
}

//! What makes up the present of a home, as one publication fixed it.
//!
//! Invariant: the files that a [`Present`] lists are never changed after it was written down; a later publication lists
//! others.

use crate::error::EngineError;
use crate::records::{Change, DataFile};
use crate::register::Kind;
use caredata_admit::Subject;
use caredata_model::{Choice, Day, RecordKey, Scope, Wish};
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
    /// Wishes from journals whose patient's NHS Number is missing or wrong: they are about the registration.
    pub wishes_of_registrations: Vec<RegistrationWish>,
    /// Registrations whose sending a practice has ended by objection, by record key.
    pub stopped: BTreeMap<i64, Stop>,
}

/// That a practice has ended the sending of a registration by objection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// The last month of the latest period that told so: an export of an earlier month, run later, does not let the
    /// registration in again.
    pub told: String,
    /// The day from which the objection counts: as the journal has it, or where only a token tells of it, the last day of
    /// the first period that did.
    pub effective: Option<String>,
    /// The day on which it was recorded, where that is known.
    pub recorded: Option<String>,
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
    /// The wish, as an event of the register.
    ///
    /// # Errors
    /// [`EngineError::NotAKind`] where the kind is none.
    pub fn event(&self) -> Result<(Subject, Wish), EngineError> {
        let Kind { choice, scope } = self.kind.parse()?;
        let wish =
            Wish { scope, choice, effective: day(self.effective.as_deref()), recorded: day(self.recorded.as_deref()) };
        Ok((subject(self.registration), wish))
    }
}

impl Stop {
    /// A stop by an objection that counts from this day.
    pub fn since(effective: Option<Day>, recorded: Option<Day>) -> Self {
        let text = |day: Option<Day>| day.map(|day| day.to_string());
        Self { told: String::new(), effective: text(effective), recorded: text(recorded) }
    }

    /// Notes that a period told of it whose last month is `month`.
    pub fn tell(&mut self, month: &str) {
        if self.told.as_str() < month {
            month.clone_into(&mut self.told);
        }
    }

    /// The objection that it stands for, as an event of the register.
    pub fn event(&self, registration: i64) -> (Subject, Wish) {
        let (effective, recorded) = (day(self.effective.as_deref()), day(self.recorded.as_deref()));
        (subject(registration), Wish { scope: Scope::GpRecord, choice: Choice::Object, effective, recorded })
    }
}

const fn subject(registration: i64) -> Subject {
    Subject::Record(RecordKey::from_bits(registration.cast_unsigned()))
}

fn day(text: Option<&str>) -> Option<Day> {
    text.and_then(|text| Day::parse(text).ok())
}

//! The facts of a report, in words of closed lists and days: what the page says, and what the receipt binds.
//!
//! In: the register's and the ledgers' answers. Out: values that serialise the same way each time. Invariant: no identifier, and
//! no words that somebody typed about a person.

use crate::law::Held;
use crate::register::{Event, Kind, Present, Use, Validity};
use caredata_model::Choice;
use serde::Serialize;

/// All that a report says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The day of the report.
    pub made: String,
    /// A random mark, so that the receipt tells nothing to whoever guesses the rest.
    pub mark: String,
    /// Whether any record of this number is held.
    pub known: bool,
    /// Whether the number stands in more than one person's records.
    pub shared_number: bool,
    /// What stands today, by scope.
    pub choices: Vec<ChoiceFact>,
    /// All that was ever said.
    pub said: Vec<SaidFact>,
    /// Every use that held data about the person or left it out.
    pub uses: Vec<UseFact>,
    /// What sets objections aside today.
    pub instruments: Vec<InstrumentFact>,
}

/// What stands about one scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChoiceFact {
    /// `gp`, `all` or `source:NAME`.
    pub about: String,
    /// Whether an objection stands; otherwise one was taken back.
    pub stands: bool,
}

/// One thing that was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SaidFact {
    /// Its kind, as the register writes kinds.
    pub kind: String,
    /// The day from which it counts.
    pub effective: Option<String>,
    /// Who spoke, of the closed list.
    pub by: String,
    /// The door, of the closed list.
    pub through: String,
    /// The day on which it was recorded.
    pub recorded: Option<String>,
    /// Whether it still counts.
    pub counts: bool,
}

/// One use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UseFact {
    /// `publication` or `release`.
    pub kind: String,
    /// Its reference.
    pub reference: String,
    /// Who got the data; empty where nobody but the trusted body did.
    pub recipient: String,
    /// For what; empty of a publication.
    pub purpose: String,
    /// On which basis, as documents write bases.
    pub basis: String,
    /// The day.
    pub day: String,
    /// Whether it held data about the person.
    pub held: bool,
    /// Whether it left something out because of an objection.
    pub left_out: bool,
}

/// One instrument in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstrumentFact {
    /// Its id.
    pub id: String,
    /// Its purpose, as documents write purposes.
    pub purpose: String,
    /// Its first day.
    pub start: String,
    /// Its last day.
    pub end: String,
}

/// What stands, by scope.
pub fn choices(present: &Present) -> Vec<ChoiceFact> {
    present
        .standing
        .iter()
        .map(|one| {
            let kind = Kind { choice: Choice::Object, scope: one.scope.clone() }.to_string();
            let about = kind.trim_start_matches("object-").to_owned();
            ChoiceFact { about, stands: one.choice == Choice::Object }
        })
        .collect()
}

impl SaidFact {
    /// One event of the register, as the person is told it.
    pub fn of(event: &Event) -> Self {
        Self {
            kind: event.kind.to_string(),
            effective: event.effective.map(|day| day.to_string()),
            by: event.by.word().to_owned(),
            through: event.through.word().to_owned(),
            recorded: day_of(&event.recorded_at).or_else(|| day_of(&event.noted_at)),
            counts: event.validity == Validity::Counts,
        }
    }
}

impl UseFact {
    /// One use of the ledger, as the person is told it.
    pub fn of(one: &Use) -> Self {
        Self {
            kind: one.kind.word().to_owned(),
            reference: one.reference.clone(),
            recipient: one.recipient.clone(),
            purpose: one.purpose.clone(),
            basis: one.basis.clone(),
            day: day_of(&one.noted_at).unwrap_or_default(),
            held: one.held,
            left_out: one.left_out,
        }
    }
}

impl InstrumentFact {
    /// One instrument, as the person is told it.
    pub fn of(held: &Held) -> Self {
        let instrument = &held.instrument;
        Self {
            id: instrument.id.clone(),
            purpose: instrument.purpose.word().to_owned(),
            start: instrument.start.to_string(),
            end: instrument.end.to_string(),
        }
    }
}

/// The day of a day, or of a day and time.
fn day_of(text: &str) -> Option<String> {
    caredata_model::Day::parse(text.get(..10)?).ok().map(|day| day.to_string())
}

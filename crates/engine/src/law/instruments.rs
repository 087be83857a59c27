//! The ledger of instruments, read: entries in, approvers, instruments and what is in force out.
//!
//! Invariant: an approval counts only where its signature is the enrolled key's over the very document that was added; an
//! entry that does not hold is an error, so that nothing is lifted by a ledger that was tampered with.

use super::approver::is_signed;
use super::{Approver, Instrument, LawError, document};
use crate::error::EngineError;
use crate::register::Register;
use caredata_model::{Day, LawfulPurpose, Scope};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many different people approve an instrument.
const APPROVALS: usize = 2;

/// An entry of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "kebab-case")]
pub(super) enum Said {
    Enrolled { name: String, role: String, key: String },
    Retired { name: String, reason: String },
    Added { sha256: String, document: String },
    Signed { id: String, sha256: String, name: String, key: String, signature: String },
    Ended { id: String, reason: String },
    Used { id: String, used: Used },
}

/// One use of data under an instrument, in counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Who got it.
    pub recipient: String,
    /// People whose objections were lifted for it.
    pub persons: u64,
    /// Rows, by table.
    pub rows: BTreeMap<String, u64>,
}

/// One person's approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Who.
    pub name: String,
    /// In which role.
    pub role: String,
    /// The public key, in hexadecimal digits.
    pub key: String,
    /// When it was noted.
    pub noted_at: String,
}

/// Where an instrument stands on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It lacks an approval or two.
    Unapproved,
    /// Approved; its first day is to come.
    ToCome,
    /// It lifts what it lifts.
    InForce,
    /// Its last day has passed.
    Over,
    /// Somebody ended it.
    Ended,
}

impl Status {
    /// The status as lists write it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unapproved => "unapproved",
            Self::ToCome => "to-come",
            Self::InForce => "in-force",
            Self::Over => "over",
            Self::Ended => "ended",
        }
    }
}

/// An instrument and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The instrument.
    pub instrument: Instrument,
    /// SHA-256 of its document.
    pub sha256: String,
    /// Who approved it.
    pub approvals: Vec<Approval>,
    /// When and why it was ended before its time.
    pub ended: Option<(String, String)>,
    /// What was used under it, each with when it was noted.
    pub used: Vec<(String, Used)>,
}

impl Held {
    /// Where it stands on a day.
    pub fn status(&self, day: Day) -> Status {
        if self.ended.is_some() {
            Status::Ended
        } else if day > self.instrument.end {
            Status::Over
        } else if self.approvals.len() < APPROVALS {
            Status::Unapproved
        } else if day < self.instrument.start {
            Status::ToCome
        } else {
            Status::InForce
        }
    }
}

/// All instruments of a home, and who may approve them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instruments {
    approvers: Vec<Approver>,
    held: Vec<Held>,
}

impl Instruments {
    /// Reads the ledger, and checks every signature in it.
    ///
    /// # Errors
    /// [`EngineError::RegisterBroken`] where an entry does not hold, [`EngineError::Register`].
    pub fn read(register: &Register) -> Result<Self, EngineError> {
        let mut all = Self::default();
        for entry in register.law_entries()? {
            let broken = EngineError::RegisterBroken { what: "an entry about instruments does not hold" };
            let said: Said = serde_json::from_str(&entry.content)
                .map_err(|_| EngineError::RegisterBroken { what: "an entry about instruments cannot be read" })?;
            all.follow(said, entry.noted_at).ok_or(broken)?;
        }
        Ok(all)
    }

    fn follow(&mut self, said: Said, noted_at: String) -> Option<()> {
        match said {
            Said::Enrolled { name, role, key } => self.approvers.push(Approver { name, role, key, retired: false }),
            Said::Retired { name, .. } => {
                self.approvers.iter_mut().rfind(|one| is_same(&one.name, &name))?.retired = true;
            }
            Said::Added { sha256, document } => {
                let instrument = Instrument::parse(&document).ok()?;
                if document::sha256(&document) != sha256 || self.of(&instrument.id).is_some() {
                    return None;
                }
                self.held.push(Held { instrument, sha256, approvals: Vec::new(), ended: None, used: Vec::new() });
            }
            Said::Signed { id, sha256, name, key, signature } => {
                let approver = self.approvers.iter().find(|one| one.key == key)?.clone();
                let held = self.held.iter_mut().find(|held| held.instrument.id == id)?;
                let again = held.approvals.iter().any(|one| one.key == key || is_same(&one.name, &name));
                let fits = is_same(&approver.name, &name) && !approver.retired && held.sha256 == sha256 && !again;
                if !fits || !is_signed(&sha256, &key, &signature) {
                    return None;
                }
                held.approvals.push(Approval { name, role: approver.role, key, noted_at });
            }
            Said::Used { id, used } => {
                self.held.iter_mut().find(|held| held.instrument.id == id)?.used.push((noted_at, used));
            }
            Said::Ended { id, reason } => {
                self.held.iter_mut().find(|held| held.instrument.id == id)?.ended = Some((noted_at, reason));
            }
        }
        Some(())
    }

    /// Everybody enrolled, in the order in which they were.
    pub fn approvers(&self) -> &[Approver] {
        &self.approvers
    }

    /// The person of this name, as enrolled last.
    pub fn approver(&self, name: &str) -> Option<&Approver> {
        self.approvers.iter().rfind(|one| is_same(&one.name, name))
    }

    /// All instruments, in the order in which they were added.
    pub fn all(&self) -> &[Held] {
        &self.held
    }

    /// The instrument of this id.
    pub fn of(&self, id: &str) -> Option<&Held> {
        self.held.iter().find(|held| held.instrument.id == id)
    }

    /// What is in force on a day.
    pub fn in_force(&self, day: Day) -> impl Iterator<Item = &Held> {
        self.held.iter().filter(move |held| held.status(day) == Status::InForce)
    }

    /// The instrument that lifts an objection of this scope on a day, for rows of a table and a purpose; `None` where the
    /// objection holds. Every use of the answer is to be counted and published under the instrument's id.
    pub fn lifting(&self, day: Day, scope: &Scope, table: &str, purpose: LawfulPurpose) -> Option<&Held> {
        self.in_force(day).find(|held| {
            let Instrument { lifted, purpose: stated, .. } = &held.instrument;
            *stated == purpose && lifted.scopes.contains(scope) && lifted.tables.contains(table)
        })
    }

    /// Whose key would sign, where that approval would count.
    pub(super) fn who_signs(&self, held: &Held, key: &str, today: Day) -> Result<&Approver, LawError> {
        let id = || held.instrument.id.clone();
        let approver = self.approvers.iter().find(|one| one.key == key).ok_or(LawError::ApproverUnknown)?;
        if held.approvals.iter().any(|one| one.key == key) {
            return Err(LawError::SameKey { id: id() });
        }
        if approver.retired {
            return Err(LawError::KeyRetired { name: approver.name.clone() });
        }
        if held.approvals.iter().any(|one| is_same(&one.name, &approver.name)) {
            return Err(LawError::SamePerson { name: approver.name.clone(), id: id() });
        }
        match held.status(today) {
            Status::Over | Status::Ended => Err(LawError::Over { id: id() }),
            Status::Unapproved | Status::ToCome | Status::InForce => Ok(approver),
        }
    }
}

/// Whether two names are one person's: whatever their case, and whatever stands between their letters.
fn is_same(name: &str, other: &str) -> bool {
    let letters = |name: &str| name.chars().filter(|one| one.is_alphanumeric()).collect::<String>().to_lowercase();
    letters(name) == letters(other)
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn a_person_is_one_however_the_name_is_written() {
        for other in ["a. guardian", "A.Guardian", " A.  Guardian ", "A. Guard\u{200b}ian", "A-Guardian"] {
            assert!(is_same("A. Guardian", other), "{other:?}");
        }
        assert!(!is_same("A. Guardian", "B. Guardian"));
    }
}

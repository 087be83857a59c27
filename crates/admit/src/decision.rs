//! The decision: what the register says of a subject, and where the row comes from, in; admitted or withheld, and why, out.
//!
//! Both gates decide here, and so does whatever reads the record; each by [`caredata_model::may_pass`] alone. Invariant: a row is admitted only where no objection that stands covers it. No legal basis skips
//! the question: a use that goes ahead despite objections is an instrument of its own, weighed at that use, and never widens
//! what the records hold.

use crate::Standing;
use caredata_extract::Table;
use caredata_model::{Cause, Instrument, Passage, RowKind, Scope, SourceName, Verdict, may_pass};
use std::fmt;

/// Where a source's rows come from, as the objections tell places of care apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Setting {
    /// A GP practice: a type 1 objection covers its rows.
    GeneralPractice,
    /// A hospital or any other place of care.
    Elsewhere,
}

impl Setting {
    /// The name by which a wish means the hospitals' files together.
    pub const HOSPITAL: &str = "hospital";
    /// The source of what GP practices send, and of what they noted while their data were held: objections alone.
    pub const GP_SOURCES: [&str; 2] = ["gp", "gp-held"];
    /// The sources that [`Setting::HOSPITAL`] means.
    pub const HOSPITAL_SOURCES: [&str; 3] = ["apc", "op", "ae"];

    /// The setting of the rows of a table.
    pub const fn of(table: Table) -> Self {
        match table {
            Table::Persons | Table::Journals => Self::GeneralPractice,
            Table::Admissions | Table::Outpatients | Table::Emergency | Table::Other => Self::Elsewhere,
        }
    }

    /// What becomes of a row that is withheld. A GP record objected to stays at the practice, so the centre keeps nothing of
    /// it; a row that the law has sent to us lies sealed, not lost.
    pub const fn disposal(self) -> Disposal {
        let row = match self {
            Self::GeneralPractice => RowKind::Gp,
            Self::Elsewhere => RowKind::Declared,
        };
        match may_pass(Passage::LinkedRecord, row, Cause::Type2, Instrument::None) {
            Verdict::Sealed => Disposal::Sealed,
            Verdict::Leaves | Verdict::Withheld | Verdict::HeldForMatching | Verdict::DestroyedAtPurge => {
                Disposal::Dropped
            }
        }
    }

    /// The kind of the rows of a source, other than those of the table of persons.
    pub fn row(self, source: &SourceName) -> RowKind {
        match self {
            Self::GeneralPractice => RowKind::Gp,
            Self::Elsewhere if Self::HOSPITAL_SOURCES.contains(&source.as_str()) => RowKind::Hospital,
            Self::Elsewhere => RowKind::Declared,
        }
    }
}

/// Which of the two gates withheld a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AtGate {
    /// The first, at admission: by what the row itself states.
    ByRecord,
    /// The second, after linkage: by all that the person is known by.
    ByPerson,
}

/// Why a row is withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The practice itself notes a type 1 objection to the use of its record.
    NotedAtPractice,
    /// A type 1 objection told elsewhere stands: nothing of any GP record.
    ObjectedGp,
    /// A type 2 objection stands: nothing from anywhere.
    ObjectedAll,
    /// An objection to this one place of care stands.
    ObjectedSource,
    /// The entry is itself the note of an objection or withdrawal: it has been heard, and is no payload.
    ObjectionEntry,
    /// The entry's code is on the list of sensitive codes.
    SensitiveCode,
    /// A journal entry of a patient who is not among the registrations: whether they object cannot be asked.
    NoRegistration,
    /// The provider's data is held, because two checks of objections disagree about it.
    ProviderHeld,
    /// The row links to nobody, so that the register could not be asked.
    NotAsked,
    /// The row ties to nobody known, and the policy withholds such rows.
    TiesToNobody,
}

/// What becomes of a withheld row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disposal {
    /// Kept apart, encrypted under a key of its own; a withdrawal or a lawful instrument opens it.
    Sealed,
    /// Not kept.
    Dropped,
}

impl Reason {
    /// All reasons, in the order of a report.
    pub const ALL: [Self; 10] = [
        Self::NotedAtPractice,
        Self::ObjectedGp,
        Self::ObjectedAll,
        Self::ObjectedSource,
        Self::ObjectionEntry,
        Self::SensitiveCode,
        Self::NoRegistration,
        Self::ProviderHeld,
        Self::NotAsked,
        Self::TiesToNobody,
    ];

    /// A short stable name, for counting and for scripts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotedAtPractice => "noted-at-practice",
            Self::ObjectedGp => "objected-gp",
            Self::ObjectedAll => "objected-all",
            Self::ObjectedSource => "objected-source",
            Self::ObjectionEntry => "objection-entry",
            Self::SensitiveCode => "sensitive-code",
            Self::NoRegistration => "no-registration",
            Self::ProviderHeld => "provider-held",
            Self::NotAsked => "not-asked",
            Self::TiesToNobody => "ties-to-nobody",
        }
    }

    /// The reason in words, for a report.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotedAtPractice => "the practice notes an objection to the use of this GP record (type 1)",
            Self::ObjectedGp => "the person objects to the use of their GP record (type 1), told elsewhere",
            Self::ObjectedAll => "the person objects to any use beyond their care (type 2)",
            Self::ObjectedSource => "the person objects to the use of records of this place of care",
            Self::ObjectionEntry => "the entry is the note of an objection or a withdrawal, and is never payload",
            Self::SensitiveCode => "the entry's code is on the list of sensitive codes",
            Self::NoRegistration => {
                "the patient is not among the registrations, so nobody can tell whether they object"
            }
            Self::ProviderHeld => "the provider's data is held: two checks of objections disagree about it",
            Self::NotAsked => "the row links to no person, so nobody can tell whether they object",
            Self::TiesToNobody => "the row ties to nobody known, and the policy withholds such rows",
        }
    }

    /// Whether a row withheld for this reason takes the place of one with the same key that was published before. It does not
    /// where nobody could tell about the new one whether its patient objects.
    pub const fn supersedes(self) -> bool {
        match self {
            Self::NoRegistration | Self::ProviderHeld | Self::NotAsked | Self::TiesToNobody => false,
            Self::NotedAtPractice
            | Self::ObjectedGp
            | Self::ObjectedAll
            | Self::ObjectedSource
            | Self::ObjectionEntry
            | Self::SensitiveCode => true,
        }
    }

    /// The reason of that [`Reason::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// What stands for the row's person, or is lacking; `None` where the reason is the row's own.
    pub const fn cause(self) -> Option<Cause> {
        match self {
            Self::NotedAtPractice => Some(Cause::NotedAtPractice),
            Self::ObjectedGp => Some(Cause::Type1),
            Self::ObjectedAll => Some(Cause::Type2),
            Self::ObjectedSource => Some(Cause::OneSource),
            Self::NotAsked => Some(Cause::NotAsked),
            Self::ObjectionEntry
            | Self::SensitiveCode
            | Self::NoRegistration
            | Self::ProviderHeld
            | Self::TiesToNobody => None,
        }
    }

    /// What becomes of the identifiers of a row withheld for this reason.
    ///
    /// Where the law has sent us the row they stay in the vault's index, for matching alone: without them the objector's
    /// other rows might be linked to a twin. A registration whose practice notes an objection was never to leave it, and a
    /// held provider's rows are not taken in; nothing new of those is kept.
    pub const fn identifiers(self) -> Held {
        if let Some(cause) = self.cause() {
            // Of hospitals' rows it is the same, or they pass.
            return match may_pass(Passage::Admission, RowKind::Gp, cause, Instrument::None) {
                Verdict::Leaves => Held::ForTheRecord,
                Verdict::Sealed | Verdict::HeldForMatching => Held::ForMatchingAlone,
                Verdict::Withheld | Verdict::DestroyedAtPurge => Held::NotAtAll,
            };
        }
        match self {
            Self::ProviderHeld => Held::NotAtAll,
            Self::NotedAtPractice
            | Self::ObjectedGp
            | Self::ObjectedAll
            | Self::ObjectedSource
            | Self::ObjectionEntry
            | Self::SensitiveCode
            | Self::NoRegistration
            | Self::NotAsked
            | Self::TiesToNobody => Held::ForMatchingAlone,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// For what a row's identifiers are held in the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Held {
    /// The row's payload is in the record.
    ForTheRecord,
    /// The payload is withheld; the identifiers keep other rows from being linked to somebody else.
    ForMatchingAlone,
    /// They are not held.
    NotAtAll,
}

/// What gate 1 made of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// It goes on.
    Admitted,
    /// It does not, for this reason.
    Withheld(Reason),
}

impl Fate {
    /// Whether the row takes the place of one with the same key that was published before; see [`Reason::supersedes`].
    pub const fn supersedes(self) -> bool {
        match self {
            Self::Admitted => true,
            Self::Withheld(reason) => reason.supersedes(),
        }
    }

    /// For what the row's identifiers are held.
    pub const fn identifiers(self) -> Held {
        match self {
            Self::Admitted => Held::ForTheRecord,
            Self::Withheld(reason) => reason.identifiers(),
        }
    }
}

impl From<Option<Reason>> for Fate {
    fn from(reason: Option<Reason>) -> Self {
        reason.map_or(Self::Admitted, Self::Withheld)
    }
}

/// Which standing objection, if any, keeps a row of `source` from its passage. Where several do, the one that keeps least.
pub fn objection(passage: Passage, standing: &Standing, row: RowKind, source: &SourceName) -> Option<Reason> {
    let keeps = |scope: &Scope| {
        let reason = match scope {
            Scope::GpRecord => Reason::ObjectedGp,
            Scope::All => Reason::ObjectedAll,
            Scope::Source(name) if name == source || means_hospital(name, source) => Reason::ObjectedSource,
            Scope::Source(_) => return None,
        };
        kept_back(passage, row, reason)
    };
    standing.scopes().iter().filter_map(keeps).min()
}

/// The reason, where it keeps a row from its passage.
pub fn kept_back(passage: Passage, row: RowKind, reason: Reason) -> Option<Reason> {
    let verdict = reason.cause().map(|cause| may_pass(passage, row, cause, Instrument::None));
    (verdict != Some(Verdict::Leaves)).then_some(reason)
}

fn means_hospital(name: &SourceName, source: &SourceName) -> bool {
    name.as_str() == Setting::HOSPITAL && Setting::HOSPITAL_SOURCES.contains(&source.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_names_of_their_own_that_come_back() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.name()), Some(reason));
        }
        assert_eq!(Reason::parse("nothing"), None);
    }

    #[test]
    fn of_several_objections_the_one_that_keeps_least_is_named() {
        let source = SourceName::parse("gp-patients").expect("a name");
        let standing = Standing::new([Scope::All, Scope::GpRecord, Scope::Source(source.clone())]);
        assert_eq!(objection(Passage::Admission, &standing, RowKind::Gp, &source), Some(Reason::ObjectedGp));
        assert_eq!(objection(Passage::Admission, &standing, RowKind::Hospital, &source), Some(Reason::ObjectedAll));
        assert_eq!(objection(Passage::Admission, &Standing::default(), RowKind::Gp, &source), None);
    }

    #[test]
    fn the_hospitals_are_meant_together_or_file_by_file() {
        let name = |text| SourceName::parse(text).expect("a name");
        let covers = |wish, source| {
            let standing = Standing::new([Scope::Source(name(wish))]);
            objection(Passage::Read, &standing, Setting::Elsewhere.row(&name(source)), &name(source)).is_some()
        };
        assert!(["apc", "op", "ae"].into_iter().all(|source| covers("hospital", source)));
        assert!(covers("apc", "apc") && !covers("apc", "op") && !covers("hospital", "social-care"));
    }
}

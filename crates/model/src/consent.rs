//! FHIR `Consent` as a wish: a profile, a status and a kind of provision in, an objection, a withdrawal or a refusal out.
//!
//! Two profiles are read, each by its own name, and no third is guessed at: in one of them a consent that is `active` means
//! that the person *refused*. Invariant: a withdrawal comes of nothing that could also be read as an objection.
//! `docs/fhir-consent.md` shows every case, and a test holds it to this code.

use crate::Choice;
use std::fmt;

/// Which reading of a `Consent` its `meta.profile` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConsentProfile {
    /// The general reading of FHIR R4 (<https://hl7.org/fhir/R4/consent.html>): an active consent says what its provision says,
    /// `deny` or `permit`.
    General,
    /// The national data opt-out of England, where a consent that is `active` means that the person **refused**, and one that is
    /// `inactive` that they allow it again: "Active = Consent Refused, Inactive = Consent Granted"
    /// (<https://nhsconnect.github.io/FHIR-NOO-API/development_elements.html>). Read by the general rule, everybody who opted out
    /// would have agreed.
    NationalOptOut,
}

impl ConsentProfile {
    /// Every profile that is read.
    pub const ALL: [Self; 2] = [Self::General, Self::NationalOptOut];

    /// The name by which `meta.profile` asks for it.
    pub const fn url(self) -> &'static str {
        match self {
            Self::General => "http://hl7.org/fhir/StructureDefinition/Consent",
            Self::NationalOptOut => "https://fhir.nhs.uk/STU3/StructureDefinition/NDOP-Consent-1",
        }
    }

    /// The profile of a name; a version after `|` is its sender's affair.
    ///
    /// ```
    /// use caredata_model::ConsentProfile;
    /// let national = ConsentProfile::named("https://fhir.nhs.uk/STU3/StructureDefinition/NDOP-Consent-1|1.0.0");
    /// assert_eq!(national, Some(ConsentProfile::NationalOptOut));
    /// assert_eq!(ConsentProfile::named("https://fhir.example/Consent"), None);
    /// ```
    pub fn named(url: &str) -> Option<Self> {
        let url = url.split_once('|').map_or(url, |(url, _)| url);
        Self::ALL.into_iter().find(|profile| profile.url() == url)
    }
}

impl fmt::Display for ConsentProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::General => "general",
            Self::NationalOptOut => "national opt-out",
        })
    }
}

/// `Consent.status`, a closed list of FHIR R4 (STU3's is the same).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConsentStatus {
    /// In development.
    Draft,
    /// Put before the person, and not agreed yet.
    Proposed,
    /// To be followed.
    Active,
    /// Turned down.
    Rejected,
    /// Over or replaced.
    Inactive,
    /// Never should have been.
    EnteredInError,
}

impl ConsentStatus {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::Draft, Self::Proposed, Self::Active, Self::Rejected, Self::Inactive, Self::EnteredInError];

    /// Its code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Proposed => "proposed",
            Self::Active => "active",
            Self::Rejected => "rejected",
            Self::Inactive => "inactive",
            Self::EnteredInError => "entered-in-error",
        }
    }

    /// The status of a code, if it is one.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// `Consent.provision.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConsentProvision {
    /// There is none.
    Missing,
    /// `deny`.
    Deny,
    /// `permit`.
    Permit,
}

impl ConsentProvision {
    /// Every case.
    pub const ALL: [Self; 3] = [Self::Missing, Self::Deny, Self::Permit];

    /// Its code; `none` where it is missing.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "none",
            Self::Deny => "deny",
            Self::Permit => "permit",
        }
    }
}

/// Why a consent is nobody's wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum NoWish {
    /// A draft or a proposal.
    #[error("a draft or proposal is nobody's word yet")]
    NotYet,
    /// Turned down.
    #[error("a rejected consent says what the person did not say")]
    TurnedDown,
    /// Over, under the general reading.
    #[error("an inactive consent is over, and does not say what holds since")]
    Over,
    /// An error of its sender's.
    #[error("its sender entered it in error")]
    InError,
    /// Neither deny nor permit.
    #[error("its provision says neither deny nor permit")]
    SaysNothing,
    /// The status says one thing, the provision another.
    #[error("its status lets go and its provision denies")]
    Contradicts,
}

/// What a consent says, by its profile: an objection, a withdrawal, or nothing that may be taken.
///
/// ```
/// use caredata_model::{read_consent, Choice, ConsentProfile, ConsentProvision, ConsentStatus};
/// let active = |profile| read_consent(profile, ConsentStatus::Active, ConsentProvision::Permit);
/// assert_eq!(active(ConsentProfile::General), Ok(Choice::Withdraw));
/// assert_eq!(active(ConsentProfile::NationalOptOut), Ok(Choice::Object), "active means refused");
/// ```
///
/// # Errors
/// [`NoWish`].
pub const fn read_consent(
    profile: ConsentProfile,
    status: ConsentStatus,
    provision: ConsentProvision,
) -> Result<Choice, NoWish> {
    match status {
        ConsentStatus::Draft | ConsentStatus::Proposed => return Err(NoWish::NotYet),
        ConsentStatus::Rejected => return Err(NoWish::TurnedDown),
        ConsentStatus::EnteredInError => return Err(NoWish::InError),
        ConsentStatus::Active | ConsentStatus::Inactive => {}
    }
    match (profile, status, provision) {
        (ConsentProfile::General, ConsentStatus::Active, ConsentProvision::Deny)
        // Whatever stands in its provision: active means refused, and in doubt the objection holds.
        | (ConsentProfile::NationalOptOut, ConsentStatus::Active, _) => Ok(Choice::Object),
        (ConsentProfile::General, ConsentStatus::Active, ConsentProvision::Permit)
        | (
            ConsentProfile::NationalOptOut,
            ConsentStatus::Inactive,
            ConsentProvision::Missing | ConsentProvision::Permit,
        ) => Ok(Choice::Withdraw),
        (ConsentProfile::General, ConsentStatus::Active, ConsentProvision::Missing) => Err(NoWish::SaysNothing),
        (ConsentProfile::NationalOptOut, ConsentStatus::Inactive, ConsentProvision::Deny) => Err(NoWish::Contradicts),
        (
            ConsentProfile::General,
            ConsentStatus::Inactive
            | ConsentStatus::Draft
            | ConsentStatus::Proposed
            | ConsentStatus::Rejected
            | ConsentStatus::EnteredInError,
            _,
        )
        | (
            ConsentProfile::NationalOptOut,
            ConsentStatus::Draft
            | ConsentStatus::Proposed
            | ConsentStatus::Rejected
            | ConsentStatus::EnteredInError,
            _,
        ) => Err(NoWish::Over),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    const PAGE: &str = include_str!("../../../docs/fhir-consent.md");

    /// The table, as the code has it.
    fn table() -> String {
        let mut table = String::from("| profile | status | provision | what it is taken for |\n|---|---|---|---|\n");
        for profile in ConsentProfile::ALL {
            for status in ConsentStatus::ALL {
                let outcome = |provision| match read_consent(profile, status, provision) {
                    Ok(Choice::Object) => "**an objection**".to_owned(),
                    Ok(Choice::Withdraw) => "a withdrawal".to_owned(),
                    Err(why) => format!("refused: {why}"),
                };
                let outcomes = ConsentProvision::ALL.map(outcome);
                if outcomes.iter().all(|one| *one == outcomes[0]) {
                    writeln!(table, "| {profile} | {} | any or none | {} |", status.code(), outcomes[0]).expect("text");
                    continue;
                }
                for (provision, outcome) in ConsentProvision::ALL.iter().zip(&outcomes) {
                    writeln!(table, "| {profile} | {} | {} | {outcome} |", status.code(), provision.code())
                        .expect("text");
                }
            }
        }
        table
    }

    #[test]
    fn the_page_for_people_says_what_the_code_does() {
        assert!(PAGE.contains(&table()), "docs/fhir-consent.md should hold this table:\n{}", table());
        for profile in ConsentProfile::ALL {
            assert!(PAGE.contains(&format!("`{}`", profile.url())), "docs/fhir-consent.md names {}", profile.url());
        }
    }

    #[test]
    fn active_means_refused_in_the_national_profile_and_only_an_inactive_one_lets_go() {
        for provision in ConsentProvision::ALL {
            for status in ConsentStatus::ALL {
                let choice = read_consent(ConsentProfile::NationalOptOut, status, provision);
                assert_eq!(choice == Ok(Choice::Object), status == ConsentStatus::Active);
                assert!(choice != Ok(Choice::Withdraw) || status == ConsentStatus::Inactive);
            }
        }
    }

    #[test]
    fn no_withdrawal_comes_of_a_denial_or_of_what_is_not_in_force() {
        for status in ConsentStatus::ALL {
            for profile in ConsentProfile::ALL {
                assert_ne!(read_consent(profile, status, ConsentProvision::Deny), Ok(Choice::Withdraw));
            }
            let permits = read_consent(ConsentProfile::General, status, ConsentProvision::Permit);
            assert_eq!(permits == Ok(Choice::Withdraw), status == ConsentStatus::Active);
        }
    }

    #[test]
    fn profiles_are_known_by_their_whole_name_alone() {
        for url in ["", "Consent", "http://hl7.org/fhir/StructureDefinition/Consent/", "NDOP-Consent-1"] {
            assert_eq!(ConsentProfile::named(url), None, "{url}");
        }
        assert_eq!(ConsentStatus::of_code("Active"), None);
    }
}

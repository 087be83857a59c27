//! What the law may lift: a basis and an objection in, whether an instrument on that basis can set the objection aside out.
//!
//! Invariant: a closed table, without I/O. What stands here as not lifted is lifted by nobody, whoever signs. Care itself is
//! no purpose here: an objection never reaches it, so there is nothing to lift for it.

use crate::{ConfidentialityBasis, Scope};
use std::fmt;

/// For what an instrument may let a use go ahead despite objections. Closed: a use for anything else honours them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LawfulPurpose {
    /// Recognising and controlling a communicable disease.
    CommunicableDisease,
    /// Another emergency of public health.
    PublicHealthEmergency,
    /// Information that an enactment or a court requires.
    RequiredByLaw,
    /// Preventing serious harm to others.
    SeriousHarm,
}

impl LawfulPurpose {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::CommunicableDisease, Self::PublicHealthEmergency, Self::RequiredByLaw, Self::SeriousHarm];

    /// The purpose as an instrument's document writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::CommunicableDisease => "communicable-disease",
            Self::PublicHealthEmergency => "public-health-emergency",
            Self::RequiredByLaw => "required-by-law",
            Self::SeriousHarm => "serious-harm",
        }
    }

    /// The purpose of this word; `None` for any other, `direct-care` among them.
    ///
    /// ```
    /// use caredata_model::LawfulPurpose;
    /// assert_eq!(LawfulPurpose::parse("serious-harm"), Some(LawfulPurpose::SeriousHarm));
    /// assert_eq!(LawfulPurpose::parse("direct-care"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.word() == text)
    }
}

impl fmt::Display for LawfulPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Why an instrument cannot lift an objection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotLifted {
    /// Support of that kind is given on the condition that objections are honoured.
    #[error("objections are honoured under this basis")]
    BasisHonoursObjections,
    /// Consent is a person's own word, and no two officers can give it for others.
    #[error("consent is each person's own: note their withdrawal, or ask them")]
    ConsentIsTheirOwn,
    /// By policy a practice's patients who object to their record leaving are not overruled by a requirement.
    #[error("by policy an objection to the GP record leaving the practice stands against requirements")]
    TypeOneStands,
}

/// Whether an instrument on this basis may lift an objection of this scope.
///
/// Source: the guidance on when the national opt-out applies (not under COPI regulation 3, not where the law requires the
/// information, not under an overriding public interest; but under section 251 support), and the policy of the programme
/// that a type 1 objection stands against requirements of section 259.
///
/// # Errors
/// [`NotLifted`], with the rule.
pub const fn may_lift(basis: ConfidentialityBasis, scope: &Scope) -> Result<(), NotLifted> {
    match (basis, scope) {
        (ConfidentialityBasis::Section251 | ConfidentialityBasis::Direction254, _) => {
            Err(NotLifted::BasisHonoursObjections)
        }
        (ConfidentialityBasis::ExplicitConsent, _) => Err(NotLifted::ConsentIsTheirOwn),
        (ConfidentialityBasis::Requirement259, Scope::GpRecord) => Err(NotLifted::TypeOneStands),
        (ConfidentialityBasis::Requirement259, Scope::All | Scope::Source(_))
        | (ConfidentialityBasis::CopiRegulation3 | ConfidentialityBasis::OverridingPublicInterest, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SourceName;
    use std::fmt::Write as _;

    #[test]
    fn the_table_of_what_the_law_may_lift() {
        let source = Scope::Source(SourceName::parse("apc").expect("a name"));
        let mut table = String::new();
        for basis in ConfidentialityBasis::ALL {
            for (name, scope) in [("gp", &Scope::GpRecord), ("all", &Scope::All), ("source", &source)] {
                let outcome = may_lift(basis, scope).map_or_else(|why| why.to_string(), |()| "may".to_owned());
                writeln!(table, "{} | {name} | {outcome}", basis.word()).expect("written to a string");
            }
        }
        let honoured = "objections are honoured under this basis";
        let own = "consent is each person's own: note their withdrawal, or ask them";
        let policy = "by policy an objection to the GP record leaving the practice stands against requirements";
        let expected = format!(
            "section-251 | gp | {honoured}\nsection-251 | all | {honoured}\nsection-251 | source | {honoured}\n\
             copi-regulation-3 | gp | may\ncopi-regulation-3 | all | may\ncopi-regulation-3 | source | may\n\
             direction-254 | gp | {honoured}\ndirection-254 | all | {honoured}\ndirection-254 | source | {honoured}\n\
             requirement-259 | gp | {policy}\nrequirement-259 | all | may\nrequirement-259 | source | may\n\
             explicit-consent | gp | {own}\nexplicit-consent | all | {own}\nexplicit-consent | source | {own}\n\
             overriding-public-interest | gp | may\noverriding-public-interest | all | may\n\
             overriding-public-interest | source | may\n"
        );
        assert_eq!(table, expected);
    }

    #[test]
    fn care_needs_no_instrument_and_words_go_there_and_back() {
        for word in ["direct-care", "care", "planning", "research", "commercial", ""] {
            assert_eq!(LawfulPurpose::parse(word), None, "{word}");
        }
        for purpose in LawfulPurpose::ALL {
            assert_eq!(LawfulPurpose::parse(purpose.word()), Some(purpose));
        }
        for basis in ConfidentialityBasis::ALL {
            assert_eq!(ConfidentialityBasis::parse(basis.word()), Some(basis));
        }
    }
}

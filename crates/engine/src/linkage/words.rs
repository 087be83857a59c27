//! Levels of agreement and what becomes of a record, in the words of a linkage officer.
//!
//! Levels, outcomes, bonds -> words. Invariant: no word is a value of anybody's.

use caredata_link::{BirthLevel, Bond, Evidence, Field, NhsLevel, PostcodeLevel, SexLevel, Supposed};
use serde::Serialize;

/// One identifier's part of the evidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// The identifier.
    pub field: &'static str,
    /// How far it agrees, in words.
    pub agreement: String,
    /// What that weighs, in bits.
    pub bits: f32,
}

/// The evidence on one candidate, identifier by identifier. The patient id stands there only where it says something.
pub(super) fn parts(evidence: &Evidence, number_lent: bool) -> Vec<Part> {
    let pattern = evidence.pattern;
    let lent = if number_lent { "lent by the patient id: " } else { "" };
    let agreements = [
        format!("{lent}{}", number(pattern.nhs)),
        birth(pattern.birth).to_owned(),
        postcode(pattern.postcode).to_owned(),
        sex(pattern.sex).to_owned(),
        "known here under the same".to_owned(),
    ];
    let mut parts: Vec<Part> = Evidence::FIELDS
        .into_iter()
        .zip(agreements)
        .zip(evidence.bits)
        .map(|((field, agreement), bits)| Part { field, agreement, bits })
        .collect();
    if parts.last().is_some_and(|part| part.bits == 0.0) {
        parts.pop();
    }
    parts
}

const fn number(level: NhsLevel) -> &'static str {
    match level {
        NhsLevel::Exact => "the same",
        NhsLevel::Near => "one digit apart, or two swapped",
        NhsLevel::Similar => "two digits apart, and one fails its check digit",
        NhsLevel::Relative => "that of somebody at the same address",
        NhsLevel::Different => "two different valid numbers",
        NhsLevel::Invalid => "different, and one fails its check digit",
        NhsLevel::Missing => "missing, or it says nothing",
    }
}

const fn birth(level: BirthLevel) -> &'static str {
    match level {
        BirthLevel::Exact => "the same",
        BirthLevel::Swapped => "day and month exchanged",
        BirthLevel::Digit => "one digit apart, or two swapped",
        BirthLevel::Part => "two of day, month and year the same",
        BirthLevel::YearOnly => "the year, and 1 January on one side",
        BirthLevel::Other => "another date",
        BirthLevel::Missing => "missing, or a default date",
    }
}

const fn postcode(level: PostcodeLevel) -> &'static str {
    match level {
        PostcodeLevel::Exact => "the same",
        PostcodeLevel::Earlier => "one the person had before or elsewhere",
        PostcodeLevel::Household => "one that others of the household had before",
        PostcodeLevel::Character => "one character apart",
        PostcodeLevel::Sector => "the same sector",
        PostcodeLevel::District => "the same district",
        PostcodeLevel::Elsewhere => "somewhere else",
        PostcodeLevel::Missing => "missing, or no fixed abode",
    }
}

const fn sex(level: SexLevel) -> &'static str {
    match level {
        SexLevel::Same => "the same",
        SexLevel::Other => "the other",
        SexLevel::Missing => "missing",
    }
}

/// What is supposed of a field, as a clause.
pub(super) fn supposed(field: Field, supposed: Supposed) -> String {
    let what = field.name();
    match supposed {
        Supposed::Missing => format!("if the {what} were missing"),
        Supposed::Slipped => format!("if one digit of the {what} were mistyped"),
        Supposed::AsBest => format!("if the {what} agreed"),
        Supposed::AsNext => format!("if the {what} were the runner-up's"),
        Supposed::Another => match field {
            Field::Number => "if the NHS Number were another, nobody's here".to_owned(),
            Field::Gender => "if the gender were the other".to_owned(),
            Field::Postcode => "if the postcode were in another district".to_owned(),
            Field::BirthDate | Field::PatientId => format!("if the {what} were another"),
        },
    }
}

/// What two registrations have in common, and whether that makes them one.
pub(super) const fn bond(bond: Bond, joined: bool) -> &'static str {
    match (bond, joined) {
        (Bond::DecidedSame, true) => "decided to be the same",
        (Bond::DecidedSame, false) => "decided to be the same, which is not yet so here",
        (Bond::DecidedDifferent, false) => "decided to be different",
        (Bond::DecidedDifferent, true) => "decided to be different, but the index holds both as one",
        (Bond::NumberAndBirthDate, true) => "the same NHS Number and date of birth",
        (Bond::NumberAndBirthDate, false) => {
            "the same NHS Number and date of birth, but another number or a decision stands between them"
        }
        (Bond::NumberAlone, true) => "the same NHS Number, nearly the same date of birth",
        (Bond::NumberAlone, false) => {
            "the same NHS Number, nearly the same date of birth, but another number or a decision stands between them"
        }
        (Bond::BirthDateAndPostcode, true) => {
            "the same date of birth, postcode and gender; one number is missing or a slip of the other; nobody else fits"
        }
        (Bond::BirthDateAndPostcode, false) => {
            "the same date of birth, postcode and gender, one number missing or a slip of the other: but another fits as well"
        }
        (Bond::NumberContradicted, true) => "the same NHS Number, and joined through a third",
        (Bond::NumberContradicted, false) => "the same NHS Number, but date of birth or gender contradict it",
        (Bond::TwoNumbers, true) => "the same date of birth, postcode and gender, and joined through a third",
        (Bond::TwoNumbers, false) => {
            "the same date of birth, postcode and gender, but two NHS Numbers: twins share these too"
        }
        (Bond::Chain, true | false) => "each is joined with a third",
    }
}

//! Which persons an event is compared with.
//!
//! Event -> candidate persons by eight rules, each once. Invariant: the candidates are a set that depends on the records
//! alone; a rule whose key more than [`MOST_A_RULE`] rows share (a communal address) yields nothing.

use crate::compare::Event;
use crate::key_index::KeyIndex;
use crate::keys;
use crate::reference::Reference;

/// Rows a rule may yield for one event; beyond it the key says too little to be worth comparing.
pub(crate) const MOST_A_RULE: usize = 400;

/// The rules, in the order of their counts in [`crate::Diagnostics`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Rule {
    /// The same NHS Number.
    Number,
    /// The same date of birth and postcode.
    BirthPostcode,
    /// The same date of birth at the postcode of whoever bears the event's number.
    BirthAtHoldersPostcode,
    /// The same date of birth, gender and postcode district.
    BirthSexDistrict,
    /// The same date of birth and first four digits of the number.
    BirthFirstDigits,
    /// The same date of birth and last four digits of the number.
    BirthLastDigits,
    /// The same postcode, gender and year of birth.
    PostcodeSexYear,
    /// The same postcode, and month and day of birth in either order.
    PostcodeBirthday,
    /// The patient id of the provider under which a linked event was seen.
    LocalId,
    /// The same date of birth and a postcode that a linked event of the person bore.
    BirthEarlierPostcode,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 10] = [
        Self::Number,
        Self::BirthPostcode,
        Self::BirthAtHoldersPostcode,
        Self::BirthSexDistrict,
        Self::BirthFirstDigits,
        Self::BirthLastDigits,
        Self::PostcodeSexYear,
        Self::PostcodeBirthday,
        Self::LocalId,
        Self::BirthEarlierPostcode,
    ];

    /// Whether the rule rests on what linked events taught.
    pub const fn is_remembered(self) -> bool {
        matches!(self, Self::LocalId | Self::BirthEarlierPostcode)
    }

    /// The rule in a few words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number => "NHS Number",
            Self::BirthPostcode => "date of birth + postcode",
            Self::BirthAtHoldersPostcode => "date of birth at the postcode of the number's bearer",
            Self::BirthSexDistrict => "date of birth + gender + district",
            Self::BirthFirstDigits => "date of birth + first four digits",
            Self::BirthLastDigits => "date of birth + last four digits",
            Self::PostcodeSexYear => "postcode + gender + year of birth",
            Self::PostcodeBirthday => "postcode + birthday",
            Self::LocalId => "provider's patient id",
            Self::BirthEarlierPostcode => "date of birth + earlier postcode",
        }
    }
}

/// The indexes that only events need that do not exit early.
pub(crate) struct Blocks {
    birth_sex_district: KeyIndex,
    birth_first_digits: KeyIndex,
    birth_last_digits: KeyIndex,
    postcode_sex_year: KeyIndex,
    postcode_birthday: KeyIndex,
}

/// A candidate person and the first rule that found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    pub(crate) person: u32,
    pub(crate) rule: Rule,
}

impl Blocks {
    pub(crate) fn build(reference: &Reference<'_>) -> Self {
        let index = |key: fn(caredata_model::Identifiers) -> u64| {
            KeyIndex::build(reference.rows.len(), move |row| key(reference.rows[row]))
        };
        let ((birth_sex_district, birth_first_digits), (birth_last_digits, (postcode_sex_year, postcode_birthday))) =
            rayon::join(
                || (index(keys::birth_sex_district), index(keys::birth_first_digits)),
                || {
                    let rest = || (index(keys::postcode_sex_year), index(keys::postcode_birthday));
                    rayon::join(|| index(keys::birth_last_digits), rest)
                },
            );
        Self { birth_sex_district, birth_first_digits, birth_last_digits, postcode_sex_year, postcode_birthday }
    }

    /// Adds the event's candidates to `found`, each person once, in the order of persons.
    pub(crate) fn find(&self, reference: &Reference<'_>, event: &Event, found: &mut Vec<Found>) {
        for rule in Rule::ALL {
            self.find_by(rule, reference, event, found);
        }
        found.sort_unstable();
        found.dedup_by_key(|found| found.person);
    }

    /// Adds the candidates that one rule finds, a person perhaps more than once; none for rules that need linked events.
    #[inline]
    pub(crate) fn find_by(&self, rule: Rule, reference: &Reference<'_>, event: &Event, found: &mut Vec<Found>) {
        let of = event.identifiers;
        if rule != Rule::Number && !event.has_birth() {
            return;
        }
        let mut add = |rows: &mut dyn Iterator<Item = u32>| {
            let before = found.len();
            found.extend(
                rows.take(MOST_A_RULE + 1).map(|row| Found { person: reference.person_of_row[row as usize], rule }),
            );
            if found.len() > before + MOST_A_RULE {
                // Some of them would be a choice by the order of the input: all or none.
                found.truncate(before);
            }
        };
        match rule {
            Rule::Number => add(&mut reference.by_nhs.find(keys::nhs(of))),
            Rule::BirthPostcode => add(&mut reference.by_birth_postcode.find(keys::birth_postcode(of))),
            Rule::BirthAtHoldersPostcode if event.nhs != 0 => {
                for holder in reference.by_nhs.find(keys::nhs(of)).take(8) {
                    let there = keys::birth_at(event.birth, keys::postcode(reference.rows[holder as usize]));
                    add(&mut reference.by_birth_postcode.find(there));
                }
            }
            Rule::BirthSexDistrict => add(&mut self.birth_sex_district.find(keys::birth_sex_district(of))),
            Rule::BirthFirstDigits => add(&mut self.birth_first_digits.find(keys::birth_first_digits(of))),
            Rule::BirthLastDigits => add(&mut self.birth_last_digits.find(keys::birth_last_digits(of))),
            Rule::PostcodeSexYear => add(&mut self.postcode_sex_year.find(keys::postcode_sex_year(of))),
            Rule::PostcodeBirthday => add(&mut self.postcode_birthday.find(keys::postcode_birthday(of))),
            Rule::BirthAtHoldersPostcode | Rule::LocalId | Rule::BirthEarlierPostcode => {}
        }
    }
}

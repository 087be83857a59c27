//! Which groups a record falls into: a closed list, so that no text of a file reaches a report by this way.
//!
//! Invariant: every record falls into one group of each dimension; what is missing or no code is "not known".

use crate::report::{Dimension, ethnic_category};
use caredata_link::Record;
use caredata_model::Gender;

/// Ethnic categories of the NHS Data Dictionary, in its order.
const ETHNIC: &[u8; 17] = b"ABCDEFGHJKLMNPRSZ";
const AGES: [&str; 6] = ["under 1", "1 to 17", "18 to 44", "45 to 64", "65 to 84", "85 and over"];
const SEXES: [&str; 3] = ["male", "female", "indeterminate"];
const TENTHS: [&str; 10] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
const NOT_KNOWN: &str = "not known";

/// A group of each dimension, by its place in the list of that dimension; beyond the list is "not known".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Groups([u8; 4]);

/// Stands for "not known" in each dimension.
const UNKNOWN: u8 = u8::MAX;

impl Groups {
    /// Not known in any dimension.
    pub(super) const NOT_KNOWN: Self = Self([UNKNOWN; 4]);

    /// The groups of a record, with what its payload says of ethnic category and deprivation.
    pub(super) fn of(record: &Record, ethnic: u8, tenth: u8) -> Self {
        let sex = match record.identifiers.gender() {
            Gender::Male => 0,
            Gender::Female => 1,
            Gender::Indeterminate => 2,
            Gender::NotKnown => UNKNOWN,
        };
        let born = record.identifiers.birth_date().map(|date| date.day().year());
        let age = born.filter(|_| record.day != super::super::NO_DAY).map(|born| match record.day.year() - born {
            ..1 => 0,
            1..18 => 1,
            18..45 => 2,
            45..65 => 3,
            65..85 => 4,
            85.. => 5,
        });
        Self([sex, age.unwrap_or(UNKNOWN), ethnic, tenth])
    }

    /// The place of a record's group in a dimension, for counting: below [`Groups::most`].
    pub(super) fn place(self, dimension: Dimension) -> usize {
        usize::from(self.0[at(dimension)]).min(names(dimension) - 1)
    }

    /// How many groups a dimension has, with "not known".
    pub(super) fn most(dimension: Dimension) -> usize {
        names(dimension)
    }

    /// The name of the group at a place.
    pub(super) fn name(dimension: Dimension, place: usize) -> String {
        let listed = |list: &[&str]| list.get(place).copied().unwrap_or(NOT_KNOWN).to_owned();
        match dimension {
            Dimension::Sex => listed(&SEXES),
            Dimension::Age => listed(&AGES),
            Dimension::Deprivation => listed(&TENTHS),
            Dimension::Ethnicity => {
                let letter = ETHNIC.get(place).map(|&letter| char::from(letter).to_string());
                letter.as_deref().and_then(ethnic_category).unwrap_or(NOT_KNOWN).to_owned()
            }
        }
    }

    /// An ethnic category as a place in its list: a letter, with or without a digit of a later edition after it.
    pub(super) fn ethnic(code: &str) -> u8 {
        let letter = code.as_bytes().first().filter(|_| code.len() <= 2);
        letter.and_then(|letter| ETHNIC.iter().position(|known| known == letter)).map_or(UNKNOWN, |place| place as u8)
    }

    /// A tenth by deprivation as a place in its list.
    pub(super) fn tenth(code: &str) -> u8 {
        TENTHS.iter().position(|known| *known == code).map_or(UNKNOWN, |place| place as u8)
    }
}

const fn at(dimension: Dimension) -> usize {
    match dimension {
        Dimension::Sex => 0,
        Dimension::Age => 1,
        Dimension::Ethnicity => 2,
        Dimension::Deprivation => 3,
    }
}

const fn names(dimension: Dimension) -> usize {
    1 + match dimension {
        Dimension::Sex => SEXES.len(),
        Dimension::Age => AGES.len(),
        Dimension::Ethnicity => ETHNIC.len(),
        Dimension::Deprivation => TENTHS.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_code_is_not_known() {
        let name = |code: &str| {
            let groups = Groups([UNKNOWN, UNKNOWN, Groups::ethnic(code), Groups::tenth(code)]);
            let name = |dimension| Groups::name(dimension, groups.place(dimension));
            (name(Dimension::Ethnicity), name(Dimension::Deprivation))
        };
        assert_eq!(name("H"), ("Indian".to_owned(), NOT_KNOWN.to_owned()));
        assert_eq!(name("Z9").0, "Not stated");
        assert_eq!(name("10"), (NOT_KNOWN.to_owned(), "10".to_owned()));
        assert_eq!(name("Alice of York"), (NOT_KNOWN.to_owned(), NOT_KNOWN.to_owned()));
        assert_eq!(name(""), (NOT_KNOWN.to_owned(), NOT_KNOWN.to_owned()));
    }
}

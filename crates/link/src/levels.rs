//! How far two values of an identifier agree.
//!
//! Two values -> a level of agreement. The levels follow how errors happen: a slipped digit, two neighbours swapped, day and
//! month exchanged, one part of a date taken from elsewhere, a move within the district. Invariant: comparing is symmetric.

use caredata_model::Postcode;

/// Agreement of NHS Numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum NhsLevel {
    /// The same ten digits.
    Exact,
    /// One digit or one swap of neighbours apart. The check digit then fails on one side: modulus 11 tells every such slip, so
    /// two valid numbers are never this near.
    Near,
    /// Two digits apart, and the check digit fails on one side. Where it holds on both they are two people's: numbers given out
    /// one after the other look like that.
    Similar,
    /// The record's number is that of somebody else at the same postcode.
    Relative,
    /// Two different numbers, both valid.
    Different,
    /// Different, further than a slip, and the check digit fails on one side.
    Invalid,
    /// Missing on one side: neutral.
    Missing,
}

/// Agreement of dates of birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum BirthLevel {
    /// The same day.
    Exact,
    /// Day and month exchanged.
    Swapped,
    /// One digit, or one swap of neighbouring digits, apart.
    Digit,
    /// Two of year, month and day are the same.
    Part,
    /// The year is the same and one side says 1 January.
    YearOnly,
    /// Another date altogether.
    Other,
    /// Missing, or a default date, on one side: neutral.
    Missing,
}

/// Agreement of postcodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PostcodeLevel {
    /// The postcode of the person's registration.
    Exact,
    /// A postcode the person is known by from elsewhere or earlier.
    Earlier,
    /// A postcode that somebody else who lives where the person does is known by from elsewhere or earlier: families move together.
    Household,
    /// One character, or one swap of neighbours, apart, and nobody lives at the record's.
    Character,
    /// The same sector (`LS1 4`).
    Sector,
    /// The same district (`LS1`).
    District,
    /// Somewhere else.
    Elsewhere,
    /// Missing, not known, or no fixed abode, on one side: neutral.
    Missing,
}

/// Agreement of gender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SexLevel {
    /// The same.
    Same,
    /// Male and female.
    Other,
    /// Not known or indeterminate on one side: neutral.
    Missing,
}

/// How two records agree on the four identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    /// NHS Number.
    pub nhs: NhsLevel,
    /// Date of birth.
    pub birth: BirthLevel,
    /// Postcode.
    pub postcode: PostcodeLevel,
    /// Gender.
    pub sex: SexLevel,
}

impl Pattern {
    /// The levels as numbers, for tables: NHS Number, date of birth, postcode, gender.
    pub const fn levels(self) -> [u8; 4] {
        [self.nhs as u8, self.birth as u8, self.postcode as u8, self.sex as u8]
    }
}

/// Whether two numbers of ten digits are one digit, or one swap of neighbouring digits, apart.
pub(crate) fn one_slip_apart(a: u64, b: u64) -> bool {
    let mut difference = a.abs_diff(b);
    if difference == 0 {
        return false;
    }
    // One changed digit is a difference of d·10^k, one swap of neighbours of d·9·10^k, with d from 1 to 9; both necessary.
    while difference.is_multiple_of(10) {
        difference /= 10;
    }
    if difference > 9 && !(difference.is_multiple_of(9) && difference <= 81) {
        return false;
    }
    slips(a, b)
}

/// Whether two numbers of ten digits differ in two digits.
pub(crate) fn two_digits_apart(mut a: u64, mut b: u64) -> bool {
    let mut differing = 0;
    while a != b {
        differing += u32::from(a % 10 != b % 10);
        (a, b) = (a / 10, b / 10);
    }
    differing == 2
}

fn slips(mut a: u64, mut b: u64) -> bool {
    while a % 10 == b % 10 {
        (a, b) = (a / 10, b / 10);
    }
    if a / 10 == b / 10 {
        return true;
    }
    a / 100 == b / 100 && a % 10 == b / 10 % 10 && b % 10 == a / 10 % 10
}

/// How two stated, unequal or equal, dates of birth agree.
pub(crate) fn birth(a: (i32, u32, u32), b: (i32, u32, u32)) -> BirthLevel {
    if a == b {
        return BirthLevel::Exact;
    }
    let (year, month, day) = (a.0 == b.0, a.1 == b.1, a.2 == b.2);
    if year && a.1 == b.2 && a.2 == b.1 {
        return BirthLevel::Swapped;
    }
    let number = |(year, month, day): (i32, u32, u32)| year as u64 * 10_000 + u64::from(month * 100 + day);
    if u8::from(year) + u8::from(month) + u8::from(day) == 2 {
        return if one_slip_apart(number(a), number(b)) { BirthLevel::Digit } else { BirthLevel::Part };
    }
    if year && ((a.1, a.2) == (1, 1) || (b.1, b.2) == (1, 1)) {
        return BirthLevel::YearOnly;
    }
    BirthLevel::Other
}

/// Whether two postcodes are one character, or one swap of neighbours, apart.
pub(crate) fn one_character_apart(a: Postcode, b: Postcode) -> bool {
    let (a, b) = (a.symbols(), b.symbols());
    let differing: Vec<usize> = (0..7).filter(|&at| a[at] != b[at]).collect();
    match differing[..] {
        [_] => true,
        [first, second] => second == first + 1 && a[first] == b[second] && a[second] == b[first],
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_a_number() {
        let number = 9_434_765_919_u64;
        for (other, expected) in [
            (9_434_765_919, false),
            (9_434_765_918, true),
            (8_434_765_919, true),
            (4_934_765_919, true),
            (9_434_765_991, true),
            (9_437_465_919, true),
            (9_434_765_909, true),
            (9_434_765_820, false),
            (9_434_765_928, false),
            (434_765_919, true),
            (9_434_756_991, false),
        ] {
            assert_eq!(one_slip_apart(number, other), expected);
            assert_eq!(one_slip_apart(other, number), expected);
        }
    }

    #[test]
    fn two_digits_of_a_number() {
        let number = 9_434_765_919_u64;
        for (other, expected) in [
            (9_434_765_919, false),
            (9_434_765_918, false),
            (9_434_765_828, false),
            (8_434_765_918, true),
            (34_765_919, true),
        ] {
            assert_eq!(two_digits_apart(number, other), expected, "{other}");
            assert_eq!(two_digits_apart(other, number), expected, "{other}");
        }
    }

    #[test]
    fn no_two_valid_numbers_are_a_slip_apart() {
        let is_valid = |value: u64| caredata_model::NhsDigits::new(value).is_ok_and(|digits| digits.valid().is_ok());
        let number = 9_434_765_919_u64;
        for place in 0..10_u32 {
            let unit = 10_u64.pow(place);
            let digit = number / unit % 10;
            for other in (0..10).filter(|&other| other != digit) {
                assert!(!is_valid(number - digit * unit + other * unit));
            }
            let next = number / (unit * 10) % 10;
            if place < 9 && next != digit {
                let swapped = number - digit * unit - next * unit * 10 + next * unit + digit * unit * 10;
                assert!(!is_valid(swapped) && one_slip_apart(number, swapped));
            }
        }
    }

    #[test]
    fn levels_of_a_date() {
        let date = (1956, 3, 9);
        for (other, expected) in [
            ((1956, 3, 9), BirthLevel::Exact),
            ((1956, 9, 3), BirthLevel::Swapped),
            ((1956, 3, 8), BirthLevel::Digit),
            ((1965, 3, 9), BirthLevel::Digit),
            ((1956, 3, 27), BirthLevel::Part),
            ((1956, 1, 1), BirthLevel::YearOnly),
            ((1957, 4, 9), BirthLevel::Other),
        ] {
            assert_eq!(birth(date, other), expected);
            assert_eq!(birth(other, date), expected);
        }
    }

    #[test]
    fn characters_of_a_postcode() {
        let parse = |text| Postcode::parse(text).expect("a postcode");
        assert!(one_character_apart(parse("LS1 4AP"), parse("LS1 4AQ")));
        assert!(one_character_apart(parse("LS1 4AP"), parse("LS1 4PA")));
        assert!(one_character_apart(parse("LS11 4AP"), parse("LS1 4AP")));
        assert!(!one_character_apart(parse("LS1 4AP"), parse("LS2 4AQ")));
    }
}

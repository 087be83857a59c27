//! The scheme of the number that a person bears for life: the NHS Number, or another nation's of at most ten digits.
//!
//! A number's digits -> whether it can have been given out. Linkage asks nothing else of a scheme: an impossible number is
//! evidence of a slip, and two possible ones that differ tell two people apart. Invariant: a scheme's answer depends on the
//! digits alone.

use caredata_model::{Identifiers, NhsDigits};
use std::fmt;

/// A nation's way of making the numbers it gives to people.
///
/// Numbers have at most ten digits, since [`Identifiers`] keeps them in 34 bits; leading zeros count. Longer ones, and ones with
/// letters, do not fit. Where a scheme writes date of birth and sex into the number (Scotland's, Denmark's), nothing need be said of
/// it: linkage learns how often the other identifiers agree where numbers do.
///
/// ```
/// use caredata_link::{NumberScheme, Numbers, Settings};
///
/// /// Nine digits, weights 9 to 2, the last counting -1, divisible by 11 (the Netherlands' burgerservicenummer).
/// #[derive(Debug)]
/// struct Burgerservicenummer;
///
/// impl NumberScheme for Burgerservicenummer {
///     fn name(&self) -> &'static str {
///         "burgerservicenummer"
///     }
///     fn is_possible(&self, digits: u64) -> bool {
///         let sum: u64 = (2..=9).map(|weight| digits / 10_u64.pow(weight - 1) % 10 * u64::from(weight)).sum();
///         digits < 1_000_000_000 && sum % 11 == digits % 10
///     }
/// }
///
/// let settings = Settings { numbers: Numbers::of(&Burgerservicenummer), ..Settings::default() };
/// assert!(settings.numbers.is_possible(111_222_333));
/// assert!(!settings.numbers.is_possible(111_222_334));
/// ```
pub trait NumberScheme: fmt::Debug + Sync {
    /// What the number is called, for people.
    fn name(&self) -> &'static str;

    /// Whether a number of these digits can have been given to somebody.
    fn is_possible(&self, digits: u64) -> bool;
}

/// The NHS Number of England and Wales: ten digits, the last a check digit modulus 11 (NHS Data Dictionary, "NHS NUMBER").
///
/// Northern Ireland's Health and Care Number has the same form and check digit.
#[derive(Clone, Copy, Debug)]
pub struct Nhs;

impl NumberScheme for Nhs {
    fn name(&self) -> &'static str {
        "NHS Number"
    }

    fn is_possible(&self, digits: u64) -> bool {
        NhsDigits::new(digits).is_ok_and(|digits| digits.valid().is_ok())
    }
}

/// Scotland's Community Health Index number: day, month and year of birth in two digits each, three digits of which the third is
/// even for women and odd for men, and the NHS Number's check digit (NHS Scotland Data Dictionary, "CHI Number").
#[derive(Clone, Copy, Debug)]
pub struct Chi;

impl NumberScheme for Chi {
    fn name(&self) -> &'static str {
        "CHI number"
    }

    fn is_possible(&self, digits: u64) -> bool {
        let (day, month) = (digits / 100_000_000, digits / 1_000_000 % 100);
        let days = match month {
            // The century is not stated, so 29 February may be one.
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            _ => return false,
        };
        (1..=days).contains(&day) && Nhs.is_possible(digits)
    }
}

/// The scheme that a linkage goes by.
#[derive(Clone, Copy)]
pub struct Numbers(&'static dyn NumberScheme);

impl Numbers {
    /// Numbers made by this scheme.
    pub const fn of(scheme: &'static dyn NumberScheme) -> Self {
        Self(scheme)
    }

    /// What the numbers are called, for people.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Whether a number of these digits can have been given to somebody.
    pub fn is_possible(self, digits: u64) -> bool {
        self.0.is_possible(digits)
    }

    /// The number that a record states, where it is a possible one; 0 where it is not, or none is stated.
    #[inline]
    pub(crate) fn possible(self, of: Identifiers) -> u64 {
        let digits = crate::keys::digits(of);
        if digits != 0 && self.0.is_possible(digits) { digits } else { 0 }
    }
}

impl Default for Numbers {
    fn default() -> Self {
        Self(&Nhs)
    }
}

impl PartialEq for Numbers {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caredata_model::NhsNumber;

    #[test]
    fn an_nhs_number_is_possible_where_it_is_valid() {
        for digits in (0..2_000_000_u64).map(|step| step * 4_999 + 9_434_765) {
            let valid = NhsNumber::parse(&format!("{digits:010}")).is_ok();
            assert_eq!(Nhs.is_possible(digits), valid);
        }
        assert!(!Nhs.is_possible(1_111_111_111) && !Nhs.is_possible(u64::MAX));
    }

    #[test]
    fn a_chi_number_begins_with_a_day() {
        // 9 March 1956: the check digit of 090356 123 is found by trying all ten.
        let made = |first: u64| (0..10).map(|check| first * 10 + check).find(|&digits| Nhs.is_possible(digits));
        assert!(made(90_356_123).is_some_and(|digits| Chi.is_possible(digits)));
        assert!(made(290_200_121).is_none_or(|digits| Chi.is_possible(digits)));
        for no_day in [320_156_123, 310_456_123, 300_256_123, 10_056_123, 11_356_123, 943_476_591] {
            assert!(made(no_day).is_none_or(|digits| !Chi.is_possible(digits)), "{no_day}");
        }
    }
}

//! The NHS Number: ten digits, the last a check digit modulus 11 (NHS Data Dictionary, "NHS NUMBER").
//!
//! Two types, since linkage also learns from a number that was mistyped: [`NhsDigits`] is any ten digits, [`NhsNumber`] only
//! a valid number.

use std::fmt;

/// A valid NHS Number: ten digits, not all the same, check digit right.
///
/// ```
/// use caredata_model::NhsNumber;
/// let number = NhsNumber::parse("943 476 5919").unwrap();
/// assert_eq!(format!("{number:?}"), "NhsNumber(withheld)");
/// assert!(NhsNumber::parse("943 476 5918").is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NhsNumber(u64);

/// Ten digits where an NHS Number was expected, whether or not the check digit holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NhsDigits(u64);

/// Why a text is not an NHS Number; carries no part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnNhsNumber {
    /// Not ten digits, perhaps with spaces or hyphens as `943 476 5919`.
    #[error("not ten digits")]
    Form,
    /// Ten equal digits, which some systems write for "not known".
    #[error("ten equal digits, which stand for \"not known\"")]
    EqualDigits,
    /// The check digit is wrong.
    #[error("the check digit is wrong")]
    CheckDigit,
}

impl NhsDigits {
    /// Reads ten digits, with spaces or hyphens allowed as `943 476 5919`.
    ///
    /// # Errors
    /// [`NotAnNhsNumber::Form`] where there are not ten digits, [`NotAnNhsNumber::EqualDigits`] where all are equal.
    pub fn parse_bytes(text: &[u8]) -> Result<Self, NotAnNhsNumber> {
        let (mut value, mut count) = (0_u64, 0);
        for &byte in text {
            match byte {
                b'0'..=b'9' if count < 10 => {
                    value = value * 10 + u64::from(byte - b'0');
                    count += 1;
                }
                b' ' | b'-' if text.len() == 12 => {}
                _ => return Err(NotAnNhsNumber::Form),
            }
        }
        if count == 10 { Self::new(value) } else { Err(NotAnNhsNumber::Form) }
    }

    /// The number as an integer of at most ten digits.
    ///
    /// # Errors
    /// [`NotAnNhsNumber::Form`] above 9,999,999,999, [`NotAnNhsNumber::EqualDigits`] where all ten digits are equal.
    pub const fn new(value: u64) -> Result<Self, NotAnNhsNumber> {
        if value > 9_999_999_999 {
            Err(NotAnNhsNumber::Form)
        } else if value.is_multiple_of(1_111_111_111) {
            Err(NotAnNhsNumber::EqualDigits)
        } else {
            Ok(Self(value))
        }
    }

    /// The number, where the check digit holds.
    ///
    /// # Errors
    /// [`NotAnNhsNumber::CheckDigit`].
    pub const fn valid(self) -> Result<NhsNumber, NotAnNhsNumber> {
        if check_digit_holds(self.0) { Ok(NhsNumber(self.0)) } else { Err(NotAnNhsNumber::CheckDigit) }
    }

    /// The ten digits as an integer. Its caller answers for where it goes.
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl NhsNumber {
    /// Reads an NHS Number, with spaces or hyphens allowed as `943 476 5919`.
    ///
    /// # Errors
    /// [`NotAnNhsNumber`], saying which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, NotAnNhsNumber> {
        NhsDigits::parse_bytes(text.as_bytes())?.valid()
    }

    /// The number as an integer. Its caller answers for where it goes.
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl From<NhsNumber> for NhsDigits {
    fn from(number: NhsNumber) -> Self {
        Self(number.0)
    }
}

impl fmt::Debug for NhsNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NhsNumber(withheld)")
    }
}

impl fmt::Debug for NhsDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NhsDigits(withheld)")
    }
}

/// Modulus 11 with weights 10 to 2 over the first nine digits; a remainder that asks for 10 fits no digit.
const fn check_digit_holds(value: u64) -> bool {
    let (check, mut rest, mut weight, mut sum) = (value % 10, value / 10, 2, 0);
    while weight <= 10 {
        sum += (rest % 10) * weight;
        rest /= 10;
        weight += 1;
    }
    (sum + check).is_multiple_of(11)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_digits_are_refused_although_some_have_a_right_check_digit() {
        for digit in "0123456789".chars() {
            let text: String = std::iter::repeat_n(digit, 10).collect();
            assert_eq!(NhsNumber::parse(&text), Err(NotAnNhsNumber::EqualDigits));
        }
    }

    #[test]
    fn forms_that_are_not_ten_digits_are_refused() {
        for text in ["", "943476591", "94347659190", "943-476 591x", "９４３４７６５９１９", "943  476591"] {
            assert_eq!(NhsNumber::parse(text), Err(NotAnNhsNumber::Form), "{text}");
        }
    }

    #[test]
    fn every_single_digit_slip_and_neighbouring_swap_is_caught() {
        let value = 9_434_765_919_u64;
        let digits: Vec<u8> = value.to_string().into_bytes();
        for place in 0..10 {
            for digit in b'0'..=b'9' {
                let mut slipped = digits.clone();
                slipped[place] = digit;
                let same = digit == digits[place];
                let parsed = NhsDigits::parse_bytes(&slipped).expect("ten digits");
                assert_eq!(parsed.valid().is_ok(), same);
            }
        }
        for place in 0..9 {
            let mut swapped = digits.clone();
            swapped.swap(place, place + 1);
            let same = swapped == digits;
            assert_eq!(NhsDigits::parse_bytes(&swapped).expect("ten digits").valid().is_ok(), same);
        }
    }
}

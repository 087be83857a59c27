//! The four identifiers packed into sixteen bytes: what linkage works on, and all it ever sees of a person.
//!
//! Layout, low word: NHS digits (34 bits, 0 missing), date of birth (17 bits, days since 1849-12-31, 0 missing), gender
//! (2 bits). High word: postcode (37 bits, 0 missing). The layout is this module's own business.

use crate::{BirthDate, Day, Gender, NhsDigits, NhsNumber, Postcode};
use std::fmt;

const NHS_BITS: u32 = 34;
const BIRTH_BITS: u32 = 17;
const NHS_MASK: u64 = (1 << NHS_BITS) - 1;
const BIRTH_MASK: u64 = (1 << BIRTH_BITS) - 1;
/// 1849-12-31 as days since 1970-01-01, so that the first permitted date of birth packs as 1.
const BIRTH_ORIGIN: i32 = -43_830;

/// Date of birth, postcode, NHS Number and gender of one record, each perhaps missing.
///
/// ```
/// use caredata_model::Identifiers;
/// let (identifiers, defects) = Identifiers::parse(b"9434765919", b"1956-03-09", b"LS1 4AP", b"2");
/// assert!(defects.is_empty());
/// assert!(identifiers.nhs_number().is_some());
/// assert_eq!(format!("{identifiers:?}"), "Identifiers(withheld)");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifiers {
    postcode: u64,
    rest: u64,
}

/// What was wrong with a stated identifier. The identifier is then missing (except a number whose check digit is wrong,
/// which is kept as evidence); the row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Defect {
    /// The NHS Number is not ten digits, or ten equal ones.
    NhsNumberForm,
    /// The NHS Number's check digit is wrong.
    NhsNumberCheckDigit,
    /// The date of birth is no date that exists, or none a person can have.
    BirthDate,
    /// The postcode has not the form of one.
    Postcode,
    /// The gender is none of the codes.
    Gender,
}

impl Defect {
    /// The reason, in words for a quarantine list.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NhsNumberForm => "not ten digits, or ten equal digits; taken as missing",
            Self::NhsNumberCheckDigit => "check digit wrong; kept as weak evidence only",
            Self::BirthDate => "no possible date of birth; taken as missing",
            Self::Postcode => "not of the form of a postcode; taken as missing",
            Self::Gender => "none of the codes 0, 1, 2, 9, X; taken as not known",
        }
    }
}

impl Identifiers {
    /// Packs checked parts.
    pub fn new(
        nhs: Option<NhsDigits>,
        birth_date: Option<BirthDate>,
        postcode: Option<Postcode>,
        gender: Gender,
    ) -> Self {
        let birth = birth_date.map_or(0, |date| (date.day().days_since_1970() - BIRTH_ORIGIN) as u64);
        Self {
            postcode: postcode.map_or(0, Postcode::packed),
            rest: nhs.map_or(0, NhsDigits::value) | birth << NHS_BITS | (gender as u64) << (NHS_BITS + BIRTH_BITS),
        }
    }

    /// Reads the four identifiers from their fields as recorded (dates in either hospital form) and says what was wrong
    /// with them. An empty field is a missing value and no defect; so is a "not known" default date.
    pub fn parse(nhs: &[u8], birth_date: &[u8], postcode: &[u8], gender: &[u8]) -> (Self, Vec<Defect>) {
        // An empty Vec allocates nothing, so the common case of no defect costs nothing.
        let mut defects = Vec::new();
        let nhs = if nhs.is_empty() {
            None
        } else if let Ok(digits) = NhsDigits::parse_bytes(nhs) {
            if digits.valid().is_err() {
                defects.push(Defect::NhsNumberCheckDigit);
            }
            Some(digits)
        } else {
            defects.push(Defect::NhsNumberForm);
            None
        };
        let birth_date = if birth_date.is_empty() {
            None
        } else {
            match Day::parse_hospital(birth_date) {
                Ok(day) if BirthDate::is_not_known(day) => None,
                Ok(day) => BirthDate::new(day).map_err(|_| defects.push(Defect::BirthDate)).ok(),
                Err(_) => {
                    defects.push(Defect::BirthDate);
                    None
                }
            }
        };
        let postcode = if postcode.is_empty() {
            None
        } else {
            Postcode::parse_bytes(postcode).map_err(|_| defects.push(Defect::Postcode)).ok()
        };
        let gender = Gender::parse(gender).unwrap_or_else(|| {
            defects.push(Defect::Gender);
            Gender::NotKnown
        });
        (Self::new(nhs, birth_date, postcode, gender), defects)
    }

    /// The ten digits stated as NHS Number, valid or not.
    pub const fn nhs_digits(self) -> Option<NhsDigits> {
        match NhsDigits::new(self.rest & NHS_MASK) {
            Ok(digits) => Some(digits),
            Err(_) => None,
        }
    }

    /// The NHS Number, where a valid one was stated.
    pub const fn nhs_number(self) -> Option<NhsNumber> {
        match self.nhs_digits() {
            Some(digits) => match digits.valid() {
                Ok(number) => Some(number),
                Err(_) => None,
            },
            None => None,
        }
    }

    /// The date of birth, where one was stated.
    pub fn birth_date(self) -> Option<BirthDate> {
        let packed = self.birth_packed();
        if packed == 0 {
            return None;
        }
        Day::from_days_since_1970(i32::from_ne_bytes(packed.to_ne_bytes()) + BIRTH_ORIGIN).and_then(BirthDate::new).ok()
    }

    /// The date of birth as the number of days since 1849-12-31, 0 where missing: a key for blocking.
    pub const fn birth_packed(self) -> u32 {
        (self.rest >> NHS_BITS & BIRTH_MASK) as u32
    }

    /// The postcode, where one was stated, pseudo-postcodes included.
    pub const fn postcode(self) -> Option<Postcode> {
        Postcode::from_packed(self.postcode)
    }

    /// The gender; [`Gender::NotKnown`] where missing.
    pub const fn gender(self) -> Gender {
        Gender::from_bits(self.rest >> (NHS_BITS + BIRTH_BITS))
    }

    /// The sixteen bytes, for the vault's encrypted files and for hashing. Its caller answers for where they go.
    pub const fn to_words(self) -> [u64; 2] {
        [self.postcode, self.rest]
    }

    /// The identifiers of sixteen bytes made by [`Identifiers::to_words`].
    pub const fn from_words([postcode, rest]: [u64; 2]) -> Self {
        Self { postcode, rest }
    }
}

impl fmt::Debug for Identifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identifiers(withheld)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_four_come_back() {
        let (identifiers, defects) = Identifiers::parse(b"9434765919", b"09/03/1956", b"EC1A 1BB", b"9");
        assert_eq!(defects, []);
        assert_eq!(identifiers.nhs_number().map(NhsNumber::value), Some(9_434_765_919));
        assert_eq!(identifiers.birth_date().map(|date| date.day().to_string()).as_deref(), Some("1956-03-09"));
        assert_eq!(identifiers.postcode().map(Postcode::text).as_deref(), Some("EC1A 1BB"));
        assert_eq!(identifiers.gender(), Gender::Indeterminate);
        assert_eq!(Identifiers::from_words(identifiers.to_words()), identifiers);
        let first = Day::new(1850, 1, 1).and_then(BirthDate::new).expect("the first date of birth");
        assert_eq!(Identifiers::new(None, Some(first), None, Gender::Male).birth_packed(), 1);
    }

    #[test]
    fn missing_is_no_defect_and_a_defect_is_named() {
        assert_eq!(Identifiers::parse(b"", b"1800-01-01", b"", b"X"), (Identifiers::default(), Vec::new()));
        let (identifiers, defects) = Identifiers::parse(b"12", b"1956-02-30", b"nowhere", b"F");
        assert_eq!(identifiers, Identifiers::default());
        assert_eq!(defects, [Defect::NhsNumberForm, Defect::BirthDate, Defect::Postcode, Defect::Gender]);
        let (identifiers, defects) = Identifiers::parse(b"9434765918", b"", b"", b"");
        assert_eq!(defects, [Defect::NhsNumberCheckDigit]);
        assert!(identifiers.nhs_digits().is_some() && identifiers.nhs_number().is_none());
    }
}

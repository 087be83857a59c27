//! UK postcodes: text in, a packed outward and inward code out.
//!
//! Invariant: of the form `A9`, `A99`, `AA9`, `AA99`, `A9A` or `AA9A`, then `9AA` (Royal Mail PAF). Whether the unit exists
//! is not asked: a mistyped postcode is still evidence.

use std::fmt;

const RADIX: u64 = 37;
const INWARD: u64 = RADIX * RADIX * RADIX;

/// A full postcode, packed into 37 bits so that area, district and sector are ranges of the number.
///
/// ```
/// use caredata_model::Postcode;
/// let postcode = Postcode::parse("ls1 4ap").unwrap();
/// assert_eq!(postcode.text(), "LS1 4AP");
/// assert_eq!(Postcode::parse("LS14AP"), Ok(postcode));
/// assert!(Postcode::parse("LS14A").is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Postcode(u64);

/// The text has not the form of a postcode; carries no part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not of the form of a postcode, such as AB12 3CD")]
pub struct NotAPostcode;

/// What a `ZZ99` pseudo-postcode stands for (NHS Data Dictionary, "POSTCODE OF USUAL ADDRESS").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PseudoPostcode {
    /// `ZZ99 3VZ`: no fixed abode.
    NoFixedAbode,
    /// `ZZ99 3WZ`, a country's "not stated" code or any other `ZZ99`: says nothing about where the person lives.
    NotKnown,
}

impl Postcode {
    /// Reads a postcode in either case, with or without its space, as stored with one, two or three spaces.
    ///
    /// # Errors
    /// [`NotAPostcode`].
    pub fn parse(text: &str) -> Result<Self, NotAPostcode> {
        Self::parse_bytes(text.as_bytes())
    }

    /// Reads a postcode from bytes; see [`Postcode::parse`].
    ///
    /// # Errors
    /// [`NotAPostcode`].
    pub fn parse_bytes(text: &[u8]) -> Result<Self, NotAPostcode> {
        let (mut symbols, mut count) = ([0_u8; 7], 0);
        for &byte in text {
            if byte == b' ' {
                continue;
            }
            if count == 7 || !byte.is_ascii_alphanumeric() {
                return Err(NotAPostcode);
            }
            symbols[count] = byte.to_ascii_uppercase();
            count += 1;
        }
        if count < 5 {
            return Err(NotAPostcode);
        }
        let (outward, inward) = symbols[..count].split_at(count - 3);
        let letter = |byte: u8| byte.is_ascii_uppercase();
        let digit = |byte: u8| byte.is_ascii_digit();
        let outward_fits = match *outward {
            [a, b] => letter(a) && digit(b),
            [a, b, c] => letter(a) && (digit(b) || (letter(b) && digit(c))) && (letter(b) || digit(c) || letter(c)),
            [a, b, c, d] => letter(a) && letter(b) && digit(c) && (digit(d) || letter(d)),
            _ => false,
        };
        if !outward_fits || !digit(inward[0]) || !letter(inward[1]) || !letter(inward[2]) {
            return Err(NotAPostcode);
        }
        let mut padded = [0_u8; 4];
        padded[..outward.len()].copy_from_slice(outward);
        let packed = padded.iter().chain(inward).fold(0, |packed, &symbol| packed * RADIX + pack(symbol));
        Ok(Self(packed))
    }

    /// The packed number, below 2^37 and never 0.
    pub const fn packed(self) -> u64 {
        self.0
    }

    /// The postcode of a packed number made by [`Postcode::packed`].
    pub(crate) const fn from_packed(packed: u64) -> Option<Self> {
        if packed == 0 { None } else { Some(Self(packed)) }
    }

    /// A number for the outward code (the district, `LS1`); equal for equal districts.
    pub const fn district(self) -> u64 {
        self.0 / INWARD
    }

    /// A number for the sector (`LS1 4`); equal for equal sectors.
    pub const fn sector(self) -> u64 {
        self.0 / (RADIX * RADIX)
    }

    /// A number for the area (`LS`), from the leading letters; equal for equal areas.
    pub const fn area(self) -> u64 {
        let (first, second) = (self.district() / INWARD, self.district() / (RADIX * RADIX) % RADIX);
        if second > 10 { first * RADIX + second } else { first * RADIX }
    }

    /// What the postcode stands for, where it begins `ZZ99` and so is no place.
    pub fn pseudo(self) -> Option<PseudoPostcode> {
        let text = self.symbols();
        if !text.starts_with(b"ZZ99") {
            return None;
        }
        Some(if &text[4..] == b"3VZ" { PseudoPostcode::NoFixedAbode } else { PseudoPostcode::NotKnown })
    }

    /// The seven symbols: an outward code of four padded with zero bytes, an inward code of three. For comparing
    /// character by character.
    pub fn symbols(self) -> [u8; 7] {
        let (mut rest, mut symbols) = (self.0, [0; 7]);
        for symbol in symbols.iter_mut().rev() {
            *symbol = unpack(rest % RADIX);
            rest /= RADIX;
        }
        symbols
    }

    /// The postcode as text with one space, `LS1 4AP`. Its caller answers for where it goes.
    pub fn text(self) -> String {
        let symbols = self.symbols();
        let (outward, inward) = symbols.split_at(4);
        let outward = outward.iter().filter(|&&symbol| symbol != 0);
        outward.chain(b" ").chain(inward).map(|&symbol| char::from(symbol)).collect()
    }
}

impl fmt::Debug for Postcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Postcode(withheld)")
    }
}

/// 0 for padding, 1 to 10 for digits, 11 to 36 for letters.
const fn pack(symbol: u8) -> u64 {
    match symbol {
        b'0'..=b'9' => (symbol - b'0') as u64 + 1,
        b'A'..=b'Z' => (symbol - b'A') as u64 + 11,
        _ => 0,
    }
}

const fn unpack(value: u64) -> u8 {
    match value {
        1..=10 => b'0' + (value as u8 - 1),
        11..=36 => b'A' + (value as u8 - 11),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_goes_there_and_back() {
        for text in ["M1 1AE", "M60 1NW", "CR2 6XH", "DN55 1PT", "W1A 1HQ", "EC1A 1BB", "ZZ99 3VZ"] {
            assert_eq!(Postcode::parse(text).map(Postcode::text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "1A1 1AA",
            "EH1JS",
            "A1A1 1AA",
            "AAA 1AA",
            "AA11A 1AA",
            "M1 AAE",
            "M1 11E",
            "M1-1AE",
            "Ｍ1 1AE",
            "MAA 1AE",
        ] {
            assert_eq!(Postcode::parse(text), Err(NotAPostcode), "{text}");
        }
    }

    #[test]
    fn neighbours_share_sector_district_and_area() {
        let parse = |text| Postcode::parse(text).expect("a postcode");
        assert_eq!(parse("LS1 4AP").sector(), parse("LS1 4ZZ").sector());
        assert_ne!(parse("LS1 4AP").sector(), parse("LS1 5AP").sector());
        assert_eq!(parse("LS1 4AP").district(), parse("LS1 5AP").district());
        assert_eq!(parse("LS1 4AP").area(), parse("LS29 5AP").area());
        assert_ne!(parse("L1 4AP").area(), parse("LS1 4AP").area());
        assert_eq!(parse("L1 4AP").area(), parse("L19 4AP").area());
    }

    #[test]
    fn pseudo_postcodes_are_told_apart() {
        let pseudo = |text| Postcode::parse(text).expect("a postcode").pseudo();
        assert_eq!(pseudo("ZZ99 3VZ"), Some(PseudoPostcode::NoFixedAbode));
        assert_eq!(pseudo("ZZ99 3WZ"), Some(PseudoPostcode::NotKnown));
        assert_eq!(pseudo("ZZ9 3WZ"), None);
    }
}

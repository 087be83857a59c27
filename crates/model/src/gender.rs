//! Gender as the two kinds of record state it.

use std::fmt;

/// Gender as recorded. Practices write 1, 2, 9 or 0/X; hospitals the same codes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Gender {
    /// Code 0, X or nothing: not known. Neutral in linkage.
    NotKnown = 0,
    /// Code 1.
    Male = 1,
    /// Code 2.
    Female = 2,
    /// Code 9: indeterminate.
    Indeterminate = 3,
}

impl Gender {
    /// Reads a recorded code: `1`, `2`, `9`, `0`, `X` or nothing.
    pub const fn parse(text: &[u8]) -> Option<Self> {
        match text {
            b"" | b"0" | b"X" | b"x" => Some(Self::NotKnown),
            b"1" => Some(Self::Male),
            b"2" => Some(Self::Female),
            b"9" => Some(Self::Indeterminate),
            _ => None,
        }
    }

    /// The gender of a two-bit number, as [`Identifiers`](crate::Identifiers) packs it.
    pub(crate) const fn from_bits(bits: u64) -> Self {
        match bits & 3 {
            1 => Self::Male,
            2 => Self::Female,
            3 => Self::Indeterminate,
            _ => Self::NotKnown,
        }
    }

    /// The code that records use: `1`, `2`, `9`, or `0` for not known.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotKnown => "0",
            Self::Male => "1",
            Self::Female => "2",
            Self::Indeterminate => "9",
        }
    }
}

impl fmt::Debug for Gender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gender(withheld)")
    }
}

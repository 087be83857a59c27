//! Ethnic categories as hospital and GP files code them, the groups that truth is told by, and how much likelier mistakes
//! are in the records of each.

use crate::draw::Draw;

/// A group of ethnic categories, as `truth/hospital.csv` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Ethnicity {
    WhiteBritish,
    WhiteOther,
    Asian,
    Mixed,
    Black,
    Other,
    NotStated,
}

/// Shares in a hundred of a thousand people.
const SHARES: [(u32, Ethnicity); 7] = [
    (750, Ethnicity::WhiteBritish),
    (70, Ethnicity::WhiteOther),
    (75, Ethnicity::Asian),
    (27, Ethnicity::Mixed),
    (40, Ethnicity::Black),
    (21, Ethnicity::Other),
    (17, Ethnicity::NotStated),
];

pub(crate) fn draw(draw: &mut Draw) -> Ethnicity {
    draw.weighted(&SHARES)
}

impl Ethnicity {
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::WhiteBritish => "white-british",
            Self::WhiteOther => "white-other",
            Self::Asian => "asian",
            Self::Mixed => "mixed",
            Self::Black => "black",
            Self::Other => "other",
            Self::NotStated => "not-stated",
        }
    }

    /// The category letter of one person of the group, chosen by a fixed number of that person.
    pub(crate) const fn category(self, fixed: u64) -> u8 {
        let letters: &[u8] = match self {
            Self::WhiteBritish => b"A",
            Self::WhiteOther => b"CCCCB",
            Self::Asian => b"HHHJJJKL",
            Self::Mixed => b"DEFG",
            Self::Black => b"NNNMMP",
            Self::Other => b"RSS",
            Self::NotStated => b"Z",
        };
        letters[(fixed % letters.len() as u64) as usize]
    }

    /// How much likelier mistakes are than the stated rates, for this group at this decile of deprivation (1 the most
    /// deprived): between 0.9 and 2.5, and about 1 over everybody.
    pub(crate) fn mistake_factor(self, decile: u8) -> f64 {
        let group = match self {
            Self::WhiteBritish => 0.9,
            Self::WhiteOther => 1.1,
            Self::Asian => 1.2,
            Self::Mixed => 1.3,
            Self::Black => 1.5,
            Self::Other => 1.9,
            Self::NotStated => 2.4,
        };
        (group * (1.11 - 0.02 * f64::from(decile))).clamp(0.9, 2.5)
    }
}

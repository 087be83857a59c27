//! A date of birth: a [`Day`] that a living memory can reach, or one of the agreed "not known" dates recognised as such.
//!
//! Invariant: between 1850-01-01 and 2200-12-31; never printed.

use crate::{Day, NotADay};
use std::fmt;

/// A stated date of birth.
///
/// `1800-01-01`, `1801-01-01` and `1582-10-15` are how hospital files write "not known": they lie outside the range and so
/// never become a `BirthDate`.
///
/// ```
/// use caredata_model::{BirthDate, Day};
/// let day = Day::parse("1956-03-09").unwrap();
/// assert_eq!(format!("{:?}", BirthDate::new(day).unwrap()), "BirthDate(withheld)");
/// assert!(BirthDate::new(Day::parse("1800-01-01").unwrap()).is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BirthDate(Day);

impl BirthDate {
    const FIRST: Day = Day::known(1850, 1, 1);
    const LAST: Day = Day::known(2200, 12, 31);

    /// The days that hospital files write for "not known".
    pub const NOT_KNOWN: [(i32, u32, u32); 3] = [(1800, 1, 1), (1801, 1, 1), (1582, 10, 15)];

    /// A date of birth, where the day can be one.
    ///
    /// # Errors
    /// [`NotADay`] for a day before 1850 or after 2200.
    pub fn new(day: Day) -> Result<Self, NotADay> {
        if (Self::FIRST..=Self::LAST).contains(&day) { Ok(Self(day)) } else { Err(NotADay) }
    }

    /// Whether the day is one of the agreed "not known" dates.
    pub fn is_not_known(day: Day) -> bool {
        // They all lie before the first date of birth, which nearly every day that is asked about does not.
        day < Self::FIRST && Self::NOT_KNOWN.contains(&day.civil())
    }

    /// The day itself. Its caller answers for where it goes.
    pub const fn day(self) -> Day {
        self.0
    }
}

impl fmt::Debug for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BirthDate(withheld)")
    }
}

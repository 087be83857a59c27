//! A calendar day: ISO or `DD/MM/YYYY` text in, days since 1970-01-01 out (Arrow's `Date32`).
//!
//! Invariant: the day exists in the proleptic Gregorian calendar and its year has four digits.

use std::fmt;

/// A calendar day, as days since 1970-01-01.
///
/// ```
/// use caredata_model::Day;
/// let day = Day::parse("2014-02-28").unwrap();
/// assert_eq!(day.to_string(), "2014-02-28");
/// assert!(Day::parse("2014-02-30").is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

/// The text is not a day that exists; carries no part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date that exists, written YYYY-MM-DD")]
pub struct NotADay;

impl Day {
    /// The first day there is: 1000-01-01.
    pub const FIRST: Self = Self(days_from_civil(1000, 1, 1));

    /// The day `year`-`month`-`day`, where it exists.
    ///
    /// # Errors
    /// [`NotADay`] where the calendar has no such day, or the year is outside 1000 to 9999.
    pub fn new(year: i32, month: u32, day: u32) -> Result<Self, NotADay> {
        let real =
            (1000..=9999).contains(&year) && (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month);
        if real { Ok(Self(days_from_civil(year, month, day))) } else { Err(NotADay) }
    }

    /// A day from its count since 1970-01-01.
    ///
    /// # Errors
    /// [`NotADay`] where that day's year is outside 1000 to 9999.
    pub fn from_days_since_1970(days: i32) -> Result<Self, NotADay> {
        const LAST: i32 = days_from_civil(9999, 12, 31);
        if (Self::FIRST.0..=LAST).contains(&days) { Ok(Self(days)) } else { Err(NotADay) }
    }

    /// Reads `YYYY-MM-DD`.
    ///
    /// # Errors
    /// [`NotADay`] for any other form, or a day that does not exist.
    pub fn parse(text: &str) -> Result<Self, NotADay> {
        Self::parse_bytes(text.as_bytes())
    }

    /// Reads `YYYY-MM-DD` from bytes.
    ///
    /// # Errors
    /// [`NotADay`] for any other form, or a day that does not exist.
    pub fn parse_bytes(text: &[u8]) -> Result<Self, NotADay> {
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else { return Err(NotADay) };
        Self::from_digits([y1, y2, y3, y4], [m1, m2], [d1, d2])
    }

    /// Reads `YYYY-MM-DD` or `DD/MM/YYYY`, the two forms of hospital files.
    ///
    /// # Errors
    /// [`NotADay`] for any other form, or a day that does not exist.
    pub fn parse_hospital(text: &[u8]) -> Result<Self, NotADay> {
        if let [d1, d2, b'/', m1, m2, b'/', y1, y2, y3, y4] = *text {
            return Self::from_digits([y1, y2, y3, y4], [m1, m2], [d1, d2]);
        }
        Self::parse_bytes(text)
    }

    #[inline]
    fn from_digits(year: [u8; 4], month: [u8; 2], day: [u8; 2]) -> Result<Self, NotADay> {
        Self::new(number(&year)?.cast_signed(), number(&month)?, number(&day)?)
    }

    /// A day known to exist, for constants.
    pub(crate) const fn known(year: i32, month: u32, day: u32) -> Self {
        Self(days_from_civil(year, month, day))
    }

    /// Days since 1970-01-01; negative before.
    pub const fn days_since_1970(self) -> i32 {
        self.0
    }

    /// Year, month (1 to 12) and day of the month (1 to 31).
    pub const fn civil(self) -> (i32, u32, u32) {
        civil_from_days(self.0)
    }

    /// The year.
    pub const fn year(self) -> i32 {
        self.civil().0
    }

    /// The first day of this day's month.
    #[must_use]
    pub const fn first_of_month(self) -> Self {
        let (_, _, day) = self.civil();
        Self(self.0 - day as i32 + 1)
    }

    /// This day moved by `days`, held within the representable years.
    #[must_use]
    pub fn plus_days(self, days: i32) -> Self {
        Self::from_days_since_1970(self.0.saturating_add(days)).unwrap_or(self)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[inline]
fn number(digits: &[u8]) -> Result<u32, NotADay> {
    digits.iter().try_fold(0, |value, digit| {
        if digit.is_ascii_digit() { Ok(value * 10 + u32::from(digit - b'0')) } else { Err(NotADay) }
    })
}

const fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a civil date, counting years from March so that leap days come last.
const fn days_from_civil(year: i32, month: u32, day: u32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month as i32 + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day as i32 - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

const fn civil_from_days(days: i32) -> (i32, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 } as u32;
    let year = year_of_era + era * 400 + (month <= 2) as i32;
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_four_centuries_goes_there_and_back() {
        let mut expected = Day::new(1799, 12, 31).expect("a real day");
        for _ in 0..=146_097 {
            let next = expected.plus_days(1);
            let (year, month, day) = next.civil();
            assert_eq!(Day::new(year, month, day), Ok(next));
            assert_eq!(Day::parse(&next.to_string()), Ok(next));
            expected = next;
        }
    }

    #[test]
    fn the_epoch_and_both_hospital_forms() {
        assert_eq!(Day::parse("1970-01-01").map(Day::days_since_1970), Ok(0));
        assert_eq!(Day::parse_hospital(b"29/02/2012"), Day::new(2012, 2, 29));
        assert_eq!(Day::parse_hospital(b"2012-02-29"), Day::new(2012, 2, 29));
    }

    #[test]
    fn impossible_days_are_refused() {
        for text in [
            "2013-02-29",
            "1900-02-29",
            "2014-13-01",
            "2014-00-10",
            "2014-04-31",
            "2014-4-1",
            "",
            "20140401",
            "2014-04-0x",
        ] {
            assert_eq!(Day::parse(text), Err(NotADay), "{text}");
        }
    }
}

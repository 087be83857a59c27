//! The month or range of months that a contribution covers: `2014-04` or `2012-04..2014-03`.

use crate::Day;
use std::fmt;
use std::str::FromStr;

/// One month, or a range of months with both ends included.
///
/// ```
/// use caredata_model::{Day, Period};
/// let year: Period = "2013-04..2014-03".parse().unwrap();
/// assert!(year.contains(Day::parse("2014-03-31").unwrap()));
/// assert!("2014-04..2014-03".parse::<Period>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    /// Months since year 0, both included.
    first: i32,
    last: i32,
}

/// The text is not `YYYY-MM` or `YYYY-MM..YYYY-MM` in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a period: write a month as 2014-04, or a range as 2012-04..2014-03")]
pub struct NotAPeriod;

impl Period {
    /// The first day of the period.
    pub fn first_day(self) -> Day {
        month_start(self.first)
    }

    /// The last day of the period.
    pub fn last_day(self) -> Day {
        month_start(self.last + 1).plus_days(-1)
    }

    /// Whether the day lies within the period.
    pub fn contains(self, day: Day) -> bool {
        (self.first_day()..=self.last_day()).contains(&day)
    }

    /// The month that the day lies in.
    ///
    /// # Panics
    /// Where the day's year is 1000 or 9999, whose neighbours no day can be in.
    pub fn of(day: Day) -> Self {
        let (year, month, _) = day.civil();
        assert!((1001..=9998).contains(&year), "a period's years are 1001 to 9998");
        let months = year * 12 + month.cast_signed() - 1;
        Self { first: months, last: months }
    }

    /// The number of months, at least 1.
    pub const fn months(self) -> i32 {
        self.last - self.first + 1
    }

    /// The single month that lies `months` after this period's first.
    #[must_use]
    pub const fn month_after(self, months: i32) -> Self {
        Self { first: self.first + months, last: self.first + months }
    }
}

impl FromStr for Period {
    type Err = NotAPeriod;

    fn from_str(text: &str) -> Result<Self, NotAPeriod> {
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let (first, last) = (month(first)?, month(last)?);
        if first <= last { Ok(Self { first, last }) } else { Err(NotAPeriod) }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |months: i32| (months.div_euclid(12), months.rem_euclid(12) + 1);
        let (year, month) = part(self.first);
        write!(f, "{year:04}-{month:02}")?;
        if self.last > self.first {
            let (year, month) = part(self.last);
            write!(f, "..{year:04}-{month:02}")?;
        }
        Ok(())
    }
}

fn month(text: &str) -> Result<i32, NotAPeriod> {
    let (year, month) =
        text.split_once('-').filter(|(year, month)| year.len() == 4 && month.len() == 2).ok_or(NotAPeriod)?;
    let number = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten().ok_or(NotAPeriod)
    };
    let (year, month): (i32, i32) = (number(year)?, number(month)?);
    // A period must have a day before and after it that `Day` can hold.
    if (1001..=9998).contains(&year) && (1..=12).contains(&month) { Ok(year * 12 + month - 1) } else { Err(NotAPeriod) }
}

fn month_start(months: i32) -> Day {
    Day::new(months.div_euclid(12), months.rem_euclid(12).cast_unsigned() + 1, 1)
        .expect("a period's months lie in years 1001 to 9999")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_knows_its_days() {
        let february: Period = "2012-02".parse().expect("a month");
        assert_eq!(february.first_day().to_string(), "2012-02-01");
        assert_eq!(february.last_day().to_string(), "2012-02-29");
        assert_eq!(february.months(), 1);
        assert_eq!(february.month_after(11).to_string(), "2013-01");
    }

    #[test]
    fn text_goes_there_and_back_and_nonsense_is_refused() {
        for text in ["2014-04", "2012-04..2014-03"] {
            assert_eq!(text.parse::<Period>().expect("a period").to_string(), text);
        }
        for text in ["", "2014", "2014-13", "2014-00", "14-04", "2014-4", "2014-04..", "2014-04..2014-03", "+014-04"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }
}

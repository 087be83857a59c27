//! Days that could tell a date of birth, cut to the month.
//!
//! A day in and, cut or not, a day out. Invariant: within a person's first year, at a birth or a delivery, and where the date
//! of birth is not known, no day leaves here but the first of its month.

use arrow_array::types::Date32Type;
use arrow_array::{Array, Date32Array, PrimitiveArray};
use caredata_model::{BirthDate, Day};

/// From which day on a person's events keep their day, as days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExactFrom(i32);

impl ExactFrom {
    /// Never: the date of birth is not known, or the event is a birth or delivery.
    pub const NEVER: Self = Self(i32::MAX);

    /// From the first birthday. Never, where the date of birth is not known: the event may be the birth.
    pub fn birth(birth_date: Option<BirthDate>) -> Self {
        let Some(birth_date) = birth_date else { return Self::NEVER };
        let (year, month, day) = birth_date.day().civil();
        // Somebody born on 29 February turns one on 1 March.
        let birthday = Day::new(year + 1, month, day).or_else(|_| Day::new(year + 1, 3, 1));
        birthday.map_or(Self::NEVER, |birthday| Self(birthday.days_since_1970()))
    }

    /// Whether this day may be kept.
    pub const fn keeps(self, days_since_1970: i32) -> bool {
        days_since_1970 >= self.0 && self.0 != i32::MAX
    }
}

/// The column with each day kept or cut to the first of its month; `exact` is made false where one is cut.
pub(crate) fn cut(days: &Date32Array, from: &[ExactFrom], exact: &mut [bool]) -> Date32Array {
    let values = days.values().iter().enumerate().map(|(row, &value)| {
        if days.is_null(row) || from[row].keeps(value) {
            return value;
        }
        exact[row] = false;
        Day::from_days_since_1970(value).map_or(0, |day| day.first_of_month().days_since_1970())
    });
    let values = values.collect::<Vec<i32>>();
    PrimitiveArray::<Date32Type>::new(values.into(), days.nulls().cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(text: &str) -> i32 {
        Day::parse(text).expect("a day").days_since_1970()
    }

    fn born(text: &str) -> ExactFrom {
        ExactFrom::birth(Day::parse(text).ok().and_then(|day| BirthDate::new(day).ok()))
    }

    #[test]
    fn the_first_year_and_the_unknown_are_cut() {
        let table = [
            ("on the day of birth", born("2013-04-17"), "2013-04-17", "2013-04-01"),
            ("the day before the first birthday", born("2013-04-17"), "2014-04-16", "2014-04-01"),
            ("on the first birthday", born("2013-04-17"), "2014-04-17", "2014-04-17"),
            ("before birth, which cannot be", born("2013-04-17"), "2012-12-05", "2012-12-01"),
            ("born on a leap day", born("2012-02-29"), "2013-02-28", "2013-02-01"),
            ("born on a leap day, a year old", born("2012-02-29"), "2013-03-01", "2013-03-01"),
            ("date of birth not known", ExactFrom::birth(None), "2014-04-17", "2014-04-01"),
        ];
        for (case, from, day, expected) in table {
            let mut exact = [true];
            let out = cut(&Date32Array::from(vec![days(day)]), &[from], &mut exact);
            assert_eq!(out.value(0), days(expected), "{case}");
            assert_eq!(exact, [day == expected], "{case}");
        }
    }

    #[test]
    fn a_missing_day_stays_missing_and_cuts_nothing() {
        let mut exact = [true];
        let out = cut(&Date32Array::from(vec![None]), &[ExactFrom::NEVER], &mut exact);
        assert!(out.is_null(0) && exact[0]);
    }
}

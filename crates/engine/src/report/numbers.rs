//! Numbers as a reader sees them: grouped digits, shares, intervals, and the rule for small numbers.
//!
//! Counts in, text out. Invariant: what [`shown`] hides cannot be worked out from the rest of its breakdown and its total.

use super::data::Population;

/// The smallest count other than 0 that a breakdown by provider or group shows of real people: counts of 1 to 7 are
/// hidden, as in the publisher's rule for hospital statistics since 2018.
pub const SMALLEST_SHOWN: u64 = 8;

/// What stands where a number is hidden.
pub(super) const HIDDEN: &str = "*";

/// `1234567` as `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `part` of `whole` as a percentage, with more decimals near 0 and 100, where they matter; a dash of nothing.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let share = part as f64 * 100.0 / whole as f64;
    let from_an_end = share.min(100.0 - share);
    if part == 0 || part == whole {
        format!("{share:.0}%")
    } else if share < 0.0005 {
        "<0.001%".to_owned()
    } else if share > 99.9995 {
        ">99.999%".to_owned()
    } else if from_an_end < 0.1 {
        format!("{share:.3}%")
    } else if from_an_end < 2.0 {
        format!("{share:.2}%")
    } else {
        format!("{share:.1}%")
    }
}

/// `part` of `whole`, 0 of nothing.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Seconds in a reader's words.
pub(super) fn seconds(seconds: f64) -> String {
    if seconds >= 90.0 {
        let whole = seconds.round() as u64;
        format!("{} min {:02} s", whole / 60, whole % 60)
    } else if seconds >= 1.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{:.0} ms", seconds * 1000.0)
    }
}

/// Wilson's 95% interval for a proportion (Wilson, J Am Stat Assoc 1927); all of 0 to 1 of nothing.
pub(super) fn interval(part: u64, whole: u64) -> (f64, f64) {
    if whole == 0 {
        return (0.0, 1.0);
    }
    let (n, p, z) = (whole as f64, share(part, whole), 1.959_964_f64);
    let scale = 1.0 + z * z / n;
    let middle = (p + z * z / (2.0 * n)) / scale;
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt() / scale;
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

/// One row of a breakdown: a total and a part of it. The rest of the total is as telling as the part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub whole: u64,
    pub part: u64,
}

impl Cell {
    fn is_small(self) -> bool {
        [self.whole, self.part, self.whole.saturating_sub(self.part)]
            .into_iter()
            .any(|number| (1..SMALLEST_SHOWN).contains(&number))
    }
}

/// For each row of a breakdown whether it may be shown.
///
/// Of real people a row with any number of 1 to 7 is hidden, and where that hides one row only, the smallest other is hidden
/// with it: the total less the rest would give it away.
pub(super) fn shown(population: Population, cells: &[Cell]) -> Vec<bool> {
    match population {
        Population::Synthetic => vec![true; cells.len()],
        Population::Real => {
            let mut shown: Vec<bool> = cells.iter().map(|cell| !cell.is_small()).collect();
            if shown.iter().filter(|&&shown| !shown).count() == 1 {
                let smallest = (0..cells.len()).filter(|&row| shown[row] && cells[row].whole > 0);
                if let Some(other) = smallest.min_by_key(|&row| cells[row].whole) {
                    shown[other] = false;
                }
            }
            shown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        let texts = [0, 999, 1_000, 1_234_567].map(count);
        assert_eq!(texts, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn percentages_are_finer_near_the_ends_and_never_round_to_them() {
        assert_eq!(percent(1, 2), "50.0%");
        assert_eq!(percent(0, 9), "0%");
        assert_eq!(percent(9, 9), "100%");
        assert_eq!(percent(99_985, 100_000), "99.985%");
        assert_eq!(percent(12, 1_000), "1.20%");
        assert_eq!([percent(1, 1_000_000), percent(999_999, 1_000_000)], ["<0.001%", ">99.999%"]);
        assert_eq!(percent(0, 0), "–");
    }

    #[test]
    fn wilsons_interval_is_that_of_the_textbook() {
        let (low, high) = interval(15, 148);
        assert!((low - 0.0624).abs() < 5e-4 && (high - 0.1605).abs() < 5e-4, "{low} {high}");
        assert!(interval(0, 10).0.abs() < 1e-9 && interval(10, 10).1 >= 1.0 - 1e-9);
    }

    #[test]
    fn a_small_number_hides_its_row_and_the_one_that_would_give_it_away() {
        let cells = [(100, 50), (40, 37), (30, 10), (0, 0)].map(|(whole, part)| Cell { whole, part });
        assert_eq!(shown(Population::Real, &cells), [true, false, false, true]);
        assert_eq!(shown(Population::Synthetic, &cells), [true; 4]);
    }

    #[test]
    fn two_small_numbers_hide_each_other() {
        let cells = [(100, 50), (5, 5), (30, 28)].map(|(whole, part)| Cell { whole, part });
        assert_eq!(shown(Population::Real, &cells), [true, false, false]);
    }

    #[test]
    fn seconds_read_well() {
        assert_eq!([0.25, 3.04, 125.0].map(seconds), ["250 ms", "3.0 s", "2 min 05 s"]);
    }
}

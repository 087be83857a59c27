//! How common each value of an identifier is, so that agreeing on a rare value weighs more than on a common one.
//!
//! Rows and events -> counts by date of birth, postcode, sector and district. Invariant: every share is above zero, so that a
//! value nobody has yet is rare and not impossible.

use crate::Record;
use crate::key_index::mix;
use crate::keys;
use crate::numbers::Numbers;
use crate::reference::Reference;
use caredata_model::{Identifiers, Postcode};
use rayon::prelude::*;

const BIRTHS: usize = 1 << 17;

/// Shares of values among the persons known.
pub(crate) struct Frequencies {
    /// Which numbers are possible.
    pub(crate) numbers: Numbers,
    births: Vec<u32>,
    event_births: Vec<u32>,
    is_default: Vec<bool>,
    postcodes: Counts,
    sectors: Counts,
    districts: Counts,
    male: f64,
    rows: f64,
    events: f64,
    /// The share of stated numbers that are not possible.
    pub(crate) invalid_number: f64,
}

impl Frequencies {
    pub(crate) fn count(reference: &Reference<'_>, events: &[Record]) -> Self {
        let (numbers, rows) = (reference.numbers, &reference.rows);
        let postcodes = {
            let mut all: Vec<u64> = rows.par_iter().map(|&row| keys::postcode(row)).filter(|&p| p != 0).collect();
            all.par_sort_unstable();
            all
        };
        let ((births, [males, females]), (event_births, _)) = rayon::join(
            || count_births(rows.iter().copied()),
            || count_births(events.iter().map(|event| event.identifiers)),
        );
        let is_default = defaults(&event_births, events.len()).or(&defaults(&births, rows.len()));
        // All of them, since every so-manieth would depend on the order of the events.
        let numbered = events.par_iter().map(|event| event.identifiers).filter(|&of| keys::digits(of) != 0);
        let [stated, invalid] = numbered
            .map(|of| [1_u32, u32::from(numbers.possible(of) == 0)])
            .reduce(|| [0, 0], |one, other| [one[0] + other[0], one[1] + other[1]])
            .map(f64::from);
        // 37^2 symbols below the sector, 37^3 below the district: see `Postcode`.
        Self {
            numbers,
            births,
            event_births,
            is_default: is_default.0,
            sectors: Counts::of_sorted(&postcodes, |packed| packed / (37 * 37)),
            districts: Counts::of_sorted(&postcodes, |packed| packed / (37 * 37 * 37)),
            postcodes: Counts::of_sorted(&postcodes, |packed| packed),
            male: (f64::from(males) + 1.0) / (f64::from(males) + f64::from(females) + 2.0),
            rows: rows.len().max(1) as f64,
            events: events.len().max(1) as f64,
            invalid_number: (invalid + 2.0) / (stated + 1000.0),
        }
    }

    /// The share of persons, or of events if that is larger, with this date of birth.
    #[inline]
    pub(crate) fn birth(&self, packed: u32) -> f64 {
        let persons = (f64::from(self.births[packed as usize]) + 0.5) / self.rows;
        let events = f64::from(self.event_births[packed as usize]) / self.events;
        // Events come in bursts of one person, so only a surplus that no person explains counts.
        persons.max(events * 0.25)
    }

    /// Whether the date is so much commoner than its neighbours that it must stand for "not known".
    #[inline]
    pub(crate) fn is_default(&self, packed: u32) -> bool {
        self.is_default[packed as usize]
    }

    /// The number of rows at a postcode.
    #[inline]
    pub(crate) fn at_postcode(&self, packed: u64) -> u32 {
        self.postcodes.get(packed)
    }

    /// Each postcode and the number of rows at it.
    pub(crate) fn postcodes(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        self.postcodes.keys.iter().copied().zip(self.postcodes.times.iter().copied())
    }

    /// The share of persons at a postcode.
    #[inline]
    pub(crate) fn postcode(&self, packed: u64) -> f64 {
        (f64::from(self.postcodes.get(packed)) + 0.5) / self.rows
    }

    /// The share of persons in a postcode's sector.
    pub(crate) fn sector(&self, postcode: Postcode) -> f64 {
        (f64::from(self.sectors.get(postcode.sector())) + 0.5) / self.rows
    }

    /// The share of persons in a postcode's district.
    pub(crate) fn district(&self, postcode: Postcode) -> f64 {
        (f64::from(self.districts.get(postcode.district())) + 0.5) / self.rows
    }

    /// The share of persons of a sex, 1 male or 2 female.
    #[inline]
    pub(crate) fn sex(&self, sex: u8) -> f64 {
        if sex == 1 { self.male } else { 1.0 - self.male }
    }
}

/// How many have each date of birth, and how many are male and female.
fn count_births(all: impl Iterator<Item = Identifiers>) -> (Vec<u32>, [u32; 2]) {
    let (mut births, mut sexes) = (vec![0; BIRTHS], [0; 4]);
    for of in all {
        births[of.birth_packed() as usize] += 1;
        sexes[usize::from(keys::sex(of) & 3)] += 1;
    }
    (births, [sexes[1], sexes[2]])
}

struct Defaults(Vec<bool>);

impl Defaults {
    fn or(mut self, other: &Self) -> Self {
        for (one, &another) in self.0.iter_mut().zip(&other.0) {
            *one |= another;
        }
        self
    }
}

/// Dates that stand out tenfold, and by at least 30 and one record in 50,000, above the two months around them.
fn defaults(births: &[u32], total: usize) -> Defaults {
    const AROUND: usize = 30;
    let least = (total / 50_000).max(30) as u32;
    let marks = births.iter().enumerate().map(|(at, &count)| {
        if at == 0 || count < least {
            return false;
        }
        let window = &births[at.saturating_sub(AROUND).max(1)..(at + AROUND + 1).min(births.len())];
        let others = window.iter().sum::<u32>() - count;
        f64::from(count) > 10.0 * f64::from(others) / (window.len().max(2) - 1) as f64
    });
    Defaults(marks.collect())
}

/// Counts by key: sorted distinct keys, found through a table of their places that is at most half full.
struct Counts {
    keys: Vec<u64>,
    times: Vec<u32>,
    /// One more than the key's place; 0 for none.
    places: Vec<u32>,
}

impl Counts {
    fn of_sorted(sorted: &[u64], key: impl Fn(u64) -> u64) -> Self {
        let mut counts = Self { keys: Vec::new(), times: Vec::new(), places: Vec::new() };
        for &value in sorted {
            let value = key(value);
            if counts.keys.last() == Some(&value) {
                if let Some(last) = counts.times.last_mut() {
                    *last += 1;
                }
            } else {
                counts.keys.push(value);
                counts.times.push(1);
            }
        }
        counts.places = vec![0; (counts.keys.len() * 2).next_power_of_two().max(2)];
        for (place, &key) in (1..).zip(&counts.keys) {
            let mut slot = counts.slot(key);
            while counts.places[slot] != 0 {
                slot = (slot + 1) & (counts.places.len() - 1);
            }
            counts.places[slot] = place;
        }
        counts
    }

    #[inline]
    fn slot(&self, key: u64) -> usize {
        mix(15, key, 0) as usize >> 1 & (self.places.len() - 1)
    }

    #[inline]
    fn get(&self, key: u64) -> u32 {
        let mut slot = self.slot(key);
        loop {
            match self.places[slot] {
                0 => return 0,
                place if self.keys[place as usize - 1] == key => return self.times[place as usize - 1],
                _ => slot = (slot + 1) & (self.places.len() - 1),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_each_key() {
        let mut all: Vec<u64> = (0..5000_u64).map(|n| n * n % 997 * 37).collect();
        all.sort_unstable();
        let counts = Counts::of_sorted(&all, |key| key);
        for key in 0..40_000 {
            assert_eq!(counts.get(key) as usize, all.iter().filter(|&&other| other == key).count(), "{key}");
        }
        assert_eq!(Counts::of_sorted(&[], |key| key).get(5), 0);
    }
}

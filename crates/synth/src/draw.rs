//! Chance: a seed, a purpose and a number in, a stream of draws out.
//!
//! Invariant: a stream depends on its three parts alone, so people can be made in any order and on any number of threads and
//! come out the same.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What a stream is for: two purposes of one person never share their draws.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Purpose {
    Households = 1,
    Change,
    Registration,
    Journal,
    Wishes,
    Hospital,
    SocialCare,
}

/// Where streams come from: the seed of the whole population.
#[derive(Clone)]
pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// The stream of one number (a person, a block) for one purpose in one month of the run.
    pub(crate) fn stream(&self, purpose: Purpose, month: u32, number: u32) -> Draw {
        let mut rng = self.0.clone();
        rng.set_stream(((purpose as u64) << 56) | (u64::from(month) << 32) | u64::from(number));
        Draw(rng)
    }
}

/// One stream of draws.
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    /// A stream of its own, which follows from this one.
    pub(crate) fn child(&mut self) -> Self {
        Self(ChaCha8Rng::seed_from_u64(self.0.next_u64()))
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Uniform in 0..count; 0 where count is 0.
    pub(crate) fn below(&mut self, count: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(count)) >> 32) as u32
    }

    /// Uniform, both ends included; `low` where the range is empty.
    pub(crate) fn between(&mut self, low: i32, high: i32) -> i32 {
        low + self.below((high - low + 1).max(1).cast_unsigned()).cast_signed()
    }

    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u32) as usize]
    }

    /// An item of a table of (weight, item).
    pub(crate) fn weighted<T: Copy>(&mut self, table: &[(u32, T)]) -> T {
        let total = table.iter().map(|(weight, _)| weight).sum();
        let mut left = self.below(total);
        for &(weight, item) in table {
            if left < weight {
                return item;
            }
            left -= weight;
        }
        table[0].1
    }

    /// A Poisson count, for means below about 20.
    pub(crate) fn poisson(&mut self, mean: f64) -> u32 {
        let limit = (-mean).exp();
        let (mut count, mut product) = (0, self.unit());
        while product > limit {
            count += 1;
            product *= self.unit();
        }
        count
    }

    /// Roughly normal: the sum of four uniforms, which never strays more than 3.5 deviations.
    pub(crate) fn near(&mut self, mean: f64, deviation: f64) -> f64 {
        let sum: f64 = (0..4).map(|_| self.unit()).sum();
        mean + (sum - 2.0) * deviation * 3.0_f64.sqrt()
    }
}

/// A fixed mixing of a number (the finaliser of `SplitMix64`), for properties that follow from a number alone.
pub(crate) const fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

//! What a run of linkage says about itself: what was learnt, how weights lie, what was linked by what.
//!
//! Verdicts -> counts, none of which names anybody. Invariant: sums are of integers, so they do not depend on threads.

use crate::blocking::Rule;
use crate::model::Learnt;
use crate::record::{Link, Status};

/// The lowest bin of [`Diagnostics::weights`] begins at this many bits; bins are one bit wide.
pub const WEIGHT_BITS_MIN: i32 = -40;
/// The number of bins of [`Diagnostics::weights`].
pub const WEIGHT_BINS: usize = 140;

/// Counts of one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnostics {
    /// What the model learnt; `None` under the deterministic methods.
    pub learnt: Option<Learnt>,
    /// The weight in bits, best candidate against chance, from which an event without a competitor is linked.
    pub threshold_accept_bits: Option<f32>,
    /// The weight in bits from which such an event goes to review.
    pub threshold_review_bits: Option<f32>,
    /// Events by the weight of their best candidate: bins of one bit from [`WEIGHT_BITS_MIN`]; the ends hold all beyond.
    pub weights: Vec<u64>,
    /// Events by match rank (of pass under HESID): `[0]` those without a rank.
    pub match_ranks: [u64; 9],
    /// Registrations linked, new and in review.
    pub registrations: [u64; 3],
    /// Events linked, new and in review.
    pub events: [u64; 3],
    /// Events settled by an early exit: number, date of birth and gender agree with the number's one bearer.
    pub early_exits: u64,
    /// For each [`Rule`]: candidates it was the first to find, and linked events whose person it was the first to find.
    pub rules: Vec<(Rule, u64, u64)>,
    /// Persons of the run: known from registrations or the index, and those that events alone make.
    pub persons: [u64; 2],
    /// Persons of the index that were found to be one.
    pub merges: u64,
    /// Records that left their person.
    pub splits: u64,
    /// Events of earlier months that were judged again.
    pub judged_again: u64,
    /// New ids that the caller's function gave twice, and that were drawn again.
    pub id_collisions: u64,
}

impl Diagnostics {
    pub(crate) fn count_events(&mut self, links: &[Link]) {
        self.weights = vec![0; WEIGHT_BINS];
        for link in links {
            if let Some(bits) = link.weight_bits {
                let bin = (bits.floor() as i32 - WEIGHT_BITS_MIN).clamp(0, WEIGHT_BINS as i32 - 1);
                self.weights[bin as usize] += 1;
            }
            self.match_ranks[link.match_rank.map_or(0, usize::from)] += 1;
            self.events[status_at(link.status)] += 1;
        }
    }

    pub(crate) fn count_registrations(&mut self, links: &[Link]) {
        for link in links {
            self.registrations[status_at(link.status)] += 1;
        }
    }
}

const fn status_at(status: Status) -> usize {
    match status {
        Status::Linked => 0,
        Status::New => 1,
        Status::Review => 2,
    }
}

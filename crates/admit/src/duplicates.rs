//! Record keys that stand twice in one contribution: key values of all its batches in file order in, the later rows out.
//!
//! Invariant: of rows with one key the first by file order stays, whatever became of it, and every later one is named.
//! Memory: eight bytes a key.

use rayon::prelude::*;
use std::collections::{HashMap, HashSet};

const SHARD_BITS: u32 = 6;
const SHARDS: usize = 1 << SHARD_BITS;

/// The rows whose key stood earlier in the contribution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Duplicates {
    /// By place of the batch: its rows, rising.
    later: HashMap<usize, Vec<u32>>,
}

impl Duplicates {
    /// Looks through the record keys' values of every row of a contribution: one slice a batch, in file order.
    ///
    /// ```
    /// use caredata_admit::Duplicates;
    /// let found = Duplicates::find(&[&[10, 11, 10], &[12, 11]]);
    /// assert_eq!(found.rows_of(0), [2]);
    /// assert_eq!(found.rows_of(1), [1]);
    /// ```
    pub fn find(batches: &[&[i64]]) -> Self {
        let twice = keys_standing_twice(batches);
        let mut later: HashMap<usize, Vec<u32>> = HashMap::new();
        if twice.is_empty() {
            return Self { later };
        }
        let mut seen = HashSet::new();
        for (batch, keys) in batches.iter().enumerate() {
            for (row, key) in keys.iter().enumerate() {
                if twice.contains(key) && !seen.insert(*key) {
                    later.entry(batch).or_default().push(row as u32);
                }
            }
        }
        Self { later }
    }

    /// The rows of the batch at this place that are to be quarantined, rising.
    pub fn rows_of(&self, batch: usize) -> &[u32] {
        self.later.get(&batch).map_or(&[], Vec::as_slice)
    }

    /// The number of rows to be quarantined.
    pub fn len(&self) -> usize {
        self.later.values().map(Vec::len).sum()
    }

    /// Whether every key stands once.
    pub fn is_empty(&self) -> bool {
        self.later.is_empty()
    }
}

/// Keys are evenly spread hashes, so their low bits make shards of equal size. Of a shard, a bitmap tells the few keys apart that
/// may stand twice; only those are sorted.
fn keys_standing_twice(batches: &[&[i64]]) -> HashSet<i64> {
    let parted: Vec<Vec<Vec<i64>>> = batches.par_iter().map(|keys| part(keys)).collect();
    (0..SHARDS)
        .into_par_iter()
        .flat_map_iter(|shard| {
            let keys = || parted.iter().flat_map(|shards| shards[shard].iter().copied());
            let width = (keys().count() * 16).next_power_of_two().trailing_zeros().max(6);
            let bit = |key: i64| (key as u64 >> SHARD_BITS & ((1 << width) - 1)) as usize;
            let (mut seen, mut twice) = (vec![0_u64; 1 << (width - 6)], vec![0_u64; 1 << (width - 6)]);
            for bit in keys().map(bit) {
                twice[bit >> 6] |= seen[bit >> 6] & 1 << (bit & 63);
                seen[bit >> 6] |= 1 << (bit & 63);
            }
            let mut suspects: Vec<i64> =
                keys().filter(|&key| twice[bit(key) >> 6] >> (bit(key) & 63) & 1 == 1).collect();
            suspects.sort_unstable();
            let equal = suspects.windows(2).filter(|pair| pair[0] == pair[1]);
            equal.map(|pair| pair[0]).collect::<Vec<_>>()
        })
        .collect()
}

fn part(keys: &[i64]) -> Vec<Vec<i64>> {
    let room = keys.len() / SHARDS + keys.len() / (8 * SHARDS) + 8;
    let mut shards: Vec<Vec<i64>> = (0..SHARDS).map(|_| Vec::with_capacity(room)).collect();
    for &key in keys {
        shards[key as usize & (SHARDS - 1)].push(key);
    }
    shards
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_key_keeps_exactly_its_first_row(batches in proptest::collection::vec(proptest::collection::vec(0_i64..40, 0..12), 0..6)) {
            let slices: Vec<&[i64]> = batches.iter().map(Vec::as_slice).collect();
            let found = Duplicates::find(&slices);
            let mut seen = HashSet::new();
            for (batch, keys) in batches.iter().enumerate() {
                for (row, key) in keys.iter().enumerate() {
                    let later = found.rows_of(batch).contains(&(row as u32));
                    prop_assert_eq!(later, !seen.insert(*key));
                }
            }
        }
    }
}

//! Record keys that stand twice in one contribution: key values of all its batches in file order in, the later rows out.
//!
//! Invariant: of rows with one key the first by file order stays, whatever became of it, and every later one is named.
//! Memory: one shard of the keys at a time a thread, an eighth of a gigabyte for a billion rows' keys.

use rayon::prelude::*;
use std::collections::{HashMap, HashSet};

const SHARDS: i64 = 64;

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

/// Keys are evenly spread hashes, so their remainders make shards of equal size.
fn keys_standing_twice(batches: &[&[i64]]) -> HashSet<i64> {
    (0..SHARDS)
        .into_par_iter()
        .flat_map_iter(|shard| {
            let keys = batches.iter().flat_map(|keys| keys.iter().copied());
            let mut keys: Vec<i64> = keys.filter(|key| key & (SHARDS - 1) == shard).collect();
            keys.sort_unstable();
            let twice: Vec<i64> = keys.windows(2).filter_map(|pair| (pair[0] == pair[1]).then_some(pair[0])).collect();
            twice
        })
        .collect()
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

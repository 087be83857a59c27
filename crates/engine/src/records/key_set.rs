//! A set of record keys that is asked about many keys it does not hold.
//!
//! Keys are evenly spread hashes, so one bit of a small table, chosen by the key itself, answers nearly every question with
//! one look; only where the bit is set is the sorted list searched.

/// Keys, sorted, and a table of bits that says "surely not" for most others. 9 bytes a key.
#[derive(Debug, Default)]
pub struct KeySet {
    sorted: Vec<i64>,
    bits: Vec<u64>,
}

impl KeySet {
    /// The set of these keys.
    pub fn new(mut keys: Vec<i64>) -> Self {
        use rayon::slice::ParallelSliceMut;
        keys.par_sort_unstable();
        let mut bits = vec![0_u64; (keys.len() * 8).next_power_of_two().div_ceil(64)];
        if keys.is_empty() {
            bits.clear();
        }
        for &key in &keys {
            let (word, bit) = place(key, bits.len());
            bits[word] |= bit;
        }
        Self { sorted: keys, bits }
    }

    /// How many keys it was given.
    pub const fn count(&self) -> usize {
        self.sorted.len()
    }

    /// Its keys, sorted.
    pub fn into_keys(self) -> Vec<i64> {
        self.sorted
    }

    /// Whether the key is in the set.
    pub fn contains(&self, key: i64) -> bool {
        if self.bits.is_empty() {
            return false;
        }
        let (word, bit) = place(key, self.bits.len());
        self.bits[word] & bit != 0 && self.sorted.binary_search(&key).is_ok()
    }
}

/// Word and bit of a key in a table of a power of two words.
const fn place(key: i64, words: usize) -> (usize, u64) {
    let key = key.cast_unsigned();
    ((key >> 6) as usize & (words - 1), 1 << (key & 63))
}

#[cfg(test)]
mod tests {
    use super::KeySet;

    #[test]
    fn holds_its_keys_and_no_others() {
        let keys: Vec<i64> = (0..10_000).map(|key: i64| key.wrapping_mul(0x5851_F42D_4C95_7F2D) & i64::MAX).collect();
        let set = KeySet::new(keys.iter().step_by(2).copied().collect());
        for (place, &key) in keys.iter().enumerate() {
            assert_eq!(set.contains(key), place % 2 == 0);
        }
        assert!(!KeySet::default().contains(0));
    }
}

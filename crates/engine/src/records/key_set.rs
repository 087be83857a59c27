//! A set of record keys that is asked about many keys it does not hold.
//!
//! Keys are evenly spread hashes, so one bit of a small table, chosen by the key itself, answers nearly every question with
//! one look; only where the bit is set is the sorted list searched.

/// Bits of the table a key: of other keys one in 16 has its bit set all the same.
const BITS_A_KEY: usize = 16;
/// Keys of which the directory of the sorted list gives the place, on average.
const KEYS_A_STEP: usize = 8;

/// Keys, sorted, with a directory of where those of the same first bits begin, and a table of bits that says "surely not" for most
/// others. About 11 bytes a key.
#[derive(Debug, Default)]
pub struct KeySet {
    sorted: Vec<i64>,
    /// Where the keys of each value of the first bits begin, and at last where they end.
    steps: Vec<u32>,
    /// By how many bits a key is shifted to give its place in `steps`.
    shift: u32,
    bits: Vec<u64>,
}

impl KeySet {
    /// The set of these keys, none of them negative.
    pub fn new(mut keys: Vec<i64>) -> Self {
        use rayon::slice::ParallelSliceMut;
        keys.par_sort_unstable();
        if keys.is_empty() {
            return Self::default();
        }
        let mut bits = vec![0_u64; (keys.len() * BITS_A_KEY).next_power_of_two().div_ceil(64)];
        for &key in &keys {
            let (word, bit) = place(key, bits.len());
            bits[word] |= bit;
        }
        let first_bits = (keys.len() / KEYS_A_STEP).next_power_of_two().trailing_zeros();
        let shift = 63 - first_bits;
        let mut steps = vec![0_u32; (1 << first_bits) + 1];
        for &key in &keys {
            steps[step(key, shift) + 1] += 1;
        }
        let mut end = 0;
        for step in &mut steps {
            end += *step;
            *step = end;
        }
        Self { sorted: keys, steps, shift, bits }
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
        if self.bits[word] & bit == 0 || key < 0 {
            return false;
        }
        let step = step(key, self.shift);
        let (from, to) = (self.steps[step] as usize, self.steps[step + 1] as usize);
        self.sorted[from..to].binary_search(&key).is_ok()
    }
}

/// The first bits of a key, as a place in the directory.
const fn step(key: i64, shift: u32) -> usize {
    (key.cast_unsigned() >> shift) as usize
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
        let edges = KeySet::new(vec![0, i64::MAX, 5, 5]);
        assert!([0, 5, i64::MAX].iter().all(|&key| edges.contains(key)));
        assert!([-1, i64::MIN, 1, i64::MAX - 1].iter().all(|&key| !edges.contains(key)));
    }
}

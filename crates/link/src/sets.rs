//! Sets that say no quickly: most of what is asked for is not in them.
//!
//! Places or keys in; whether one is among them out. Invariant: the answers are exact, whatever order a set was filled in.

use crate::key_index::NO_KEY;

/// Places that are marked, a bit each.
pub(crate) struct Marks(Vec<u64>);

impl Marks {
    /// Marks the given ones of `count` places.
    pub(crate) fn of(count: usize, marked: impl IntoIterator<Item = u32>) -> Self {
        let mut words = vec![0_u64; count.div_ceil(64)];
        for at in marked {
            words[at as usize / 64] |= 1 << (at % 64);
        }
        Self(words)
    }

    #[inline]
    pub(crate) fn contains(&self, at: u32) -> bool {
        self.0[at as usize / 64] >> (at % 64) & 1 == 1
    }
}

/// Mixed keys. A bit a hash is looked at first, which keeps nine of ten strangers from the table that no near cache holds.
pub(crate) struct KeySet {
    shift: u32,
    bits: Vec<u64>,
    /// At most half full; [`NO_KEY`] where there is none.
    table: Vec<u64>,
}

impl KeySet {
    /// The set of some keys; [`NO_KEY`] is never in it.
    pub(crate) fn of(keys: &[u64]) -> Self {
        let width = (keys.len().max(8) * 2).next_power_of_two().trailing_zeros();
        // Eight bits a place of the table.
        let mut set = Self { shift: 64 - width, bits: vec![0; 1 << (width - 3)], table: vec![NO_KEY; 1 << width] };
        for &key in keys.iter().filter(|&&key| key != NO_KEY) {
            let mut at = set.place(key);
            while set.table[at] != NO_KEY && set.table[at] != key {
                at = (at + 1) & (set.table.len() - 1);
            }
            set.table[at] = key;
            let (word, bit) = set.bit(key);
            set.bits[word] |= bit;
        }
        set
    }

    /// Where a key is looked for first: by its leading bits.
    #[inline]
    fn place(&self, key: u64) -> usize {
        (key >> self.shift) as usize
    }

    /// The key's bit: by its leading bits and three that follow.
    #[inline]
    fn bit(&self, key: u64) -> (usize, u64) {
        let bit = key >> (self.shift - 3);
        ((bit >> 6) as usize, 1 << (bit & 63))
    }

    #[inline]
    pub(crate) fn contains(&self, key: u64) -> bool {
        let (word, bit) = self.bit(key);
        if self.bits[word] & bit == 0 {
            return false;
        }
        let mut at = self.place(key);
        loop {
            match self.table[at] {
                NO_KEY => return false,
                other if other == key => return key != NO_KEY,
                _ => at = (at + 1) & (self.table.len() - 1),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_index::mix;

    #[test]
    fn a_set_holds_its_keys_and_no_others() {
        for count in [0, 1, 7, 3000] {
            let keys: Vec<u64> = (0..count).map(|n| mix(3, n, n)).chain([NO_KEY]).collect();
            let set = KeySet::of(&keys);
            assert!((0..count).all(|n| set.contains(mix(3, n, n))));
            assert!(!(count..count + 50_000).any(|n| set.contains(mix(3, n, n))));
            assert!(!set.contains(NO_KEY));
        }
    }

    #[test]
    fn marks_are_where_they_were_set() {
        let marks = Marks::of(130, [0, 64, 129, 64]);
        assert_eq!((0..130).filter(|&at| marks.contains(at)).collect::<Vec<_>>(), [0, 64, 129]);
    }
}

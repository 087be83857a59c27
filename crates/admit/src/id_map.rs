//! A read-mostly map from ids of 63 bits to small values: open addressing in one allocation, shared across threads.
//!
//! Invariant: at most half full, so a lookup looks at two places on average. Keys are never negative.

/// The mark of an empty place; ids are never negative.
const EMPTY: i64 = -1;
/// 2^64 divided by the golden ratio: spreads ids that follow each other.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// A map from [`RecordKey`](caredata_model::RecordKey) or [`PersonId`](caredata_model::PersonId) values to small values.
#[derive(Clone)]
pub struct IdMap<V> {
    places: Vec<(i64, V)>,
    len: usize,
}

impl<V: Copy + Default> Default for IdMap<V> {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl<V: Copy + Default> IdMap<V> {
    /// A map with room for `ids` ids.
    pub fn with_capacity(ids: usize) -> Self {
        Self { places: vec![(EMPTY, V::default()); (ids * 2).next_power_of_two().max(16)], len: 0 }
    }

    /// The number of ids.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of an id.
    pub fn get(&self, id: i64) -> Option<V> {
        let (key, value) = self.places[self.place_of(id)];
        (key != EMPTY).then_some(value)
    }

    /// The value of an id, the default one put there where it had none.
    ///
    /// # Panics
    /// For a negative id, which no [`RecordKey`](caredata_model::RecordKey) or [`PersonId`](caredata_model::PersonId) has.
    pub fn entry(&mut self, id: i64) -> &mut V {
        assert!(id >= 0, "ids have 63 bits");
        if (self.len + 1) * 2 > self.places.len() {
            self.grow();
        }
        let place = self.place_of(id);
        if self.places[place].0 == EMPTY {
            self.places[place].0 = id;
            self.len += 1;
        }
        &mut self.places[place].1
    }

    /// Every id and value, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (i64, V)> {
        self.places.iter().copied().filter(|(id, _)| *id != EMPTY)
    }

    /// The place of the id, or the empty place where it belongs.
    fn place_of(&self, id: i64) -> usize {
        let bits = self.places.len().trailing_zeros();
        let mut place = (id.cast_unsigned().wrapping_mul(SPREAD) >> (64 - bits)) as usize;
        loop {
            let key = self.places[place].0;
            if key == id || key == EMPTY {
                return place;
            }
            place = (place + 1) & (self.places.len() - 1);
        }
    }

    fn grow(&mut self) {
        let mut larger = Self::with_capacity(self.places.len());
        for (id, value) in self.iter() {
            let place = larger.place_of(id);
            larger.places[place] = (id, value);
        }
        larger.len = self.len;
        *self = larger;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn agrees_with_a_hash_map(pairs in proptest::collection::vec((0_i64..400, 1_u32..9), 0..300)) {
            let mut map = IdMap::with_capacity(0);
            for &(id, value) in &pairs {
                *map.entry(id) = value;
            }
            let expected: HashMap<i64, u32> = pairs.into_iter().collect();
            prop_assert_eq!(map.len(), expected.len());
            prop_assert_eq!(map.iter().collect::<HashMap<_, _>>(), expected.clone());
            for id in 0..400 {
                prop_assert_eq!(map.get(id), expected.get(&id).copied());
            }
        }
    }
}

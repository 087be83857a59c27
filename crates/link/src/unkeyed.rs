//! Record keys where there is no home and so no secret: linkage alone, whose keys leave with nobody.
//!
//! A source and local keys in, numbers out, the same everywhere. Folded multiplication (the step of wyhash): about two
//! nanoseconds a key where a keyed cryptographic hash takes sixty. Invariant: equal texts of one source give equal keys; two
//! different ones of twenty million meet by chance with probability 2 in 100,000, as keyed ones do. Nothing is hidden by
//! them and whoever wants two texts to meet can find such: what is kept or published takes the keyed ones of `admit`.

use caredata_model::RecordKey;

const STEPS: [u64; 4] = [0x9E37_79B9_7F4A_7C15, 0xD1B5_4A32_D192_ED03, 0xA076_1D64_78BD_642F, 0xE703_7ED1_A0B4_28DB];

/// Makes the record keys of one source, without a secret.
///
/// ```
/// use caredata_link::UnkeyedKeys;
/// let (apc, op) = (UnkeyedKeys::new("apc"), UnkeyedKeys::new("op"));
/// assert_eq!(apc.keys("1001", &[4]), apc.keys("1001", &[4]));
/// assert_eq!(apc.keys("1001", &[4]), [apc.key("1001")]);
/// assert_ne!(apc.key("1001"), op.key("1001"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct UnkeyedKeys {
    seed: u64,
}

impl UnkeyedKeys {
    /// The keys of this source.
    pub fn new(source: &str) -> Self {
        Self { seed: hash(STEPS[3], source.as_bytes()) }
    }

    /// The key of one local key.
    pub fn key(&self, local_key: &str) -> RecordKey {
        RecordKey::from_bits(hash(self.seed, local_key.as_bytes()))
    }

    /// The keys of local keys that stand one after the other in `text`; `ends` says where each ends.
    ///
    /// # Panics
    /// Where an end is beyond the text or comes before the one ahead of it.
    pub fn keys(&self, text: &str, ends: &[u32]) -> Vec<RecordKey> {
        split(text, ends).map(|local_key| RecordKey::from_bits(hash(self.seed, local_key))).collect()
    }
}

/// Numbers for patients' local ids, for comparing only: an id is one within its provider whatever the source. The ids stand one
/// after the other in `text`, each of the provider at its place; never 0, except that an empty id is 0, and all are where there
/// are no `ends`.
///
/// # Panics
/// Where a place is beyond the providers, or as [`UnkeyedKeys::keys`] does.
pub fn unkeyed_local_ids(providers: &[Box<str>], places: &[u32], text: &str, ends: &[u32]) -> Vec<u64> {
    if ends.is_empty() {
        return vec![0; places.len()];
    }
    let seeds: Vec<u64> = providers.iter().map(|provider| hash(STEPS[2], provider.as_bytes())).collect();
    let ids = places.iter().zip(split(text, ends));
    ids.map(|(&at, id)| if id.is_empty() { 0 } else { hash(seeds[at as usize], id).max(1) }).collect()
}

fn split<'a>(text: &'a str, ends: &'a [u32]) -> impl Iterator<Item = &'a [u8]> {
    let mut start = 0;
    ends.iter().map(move |&end| {
        let part = &text.as_bytes()[start as usize..end as usize];
        start = end;
        part
    })
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[inline]
fn hash(seed: u64, text: &[u8]) -> u64 {
    // The length is part of the seed, so that padding the last step makes no two texts equal.
    let mut state = seed ^ (text.len() as u64).wrapping_mul(STEPS[0]);
    let mut rest = text;
    loop {
        let mut step = [0; 16];
        let taken = rest.len().min(16);
        step[..taken].copy_from_slice(&rest[..taken]);
        let both = u128::from_le_bytes(step);
        state = fold(both as u64 ^ STEPS[1], (both >> 64) as u64 ^ state);
        rest = &rest[taken..];
        if rest.is_empty() {
            return fold(state ^ STEPS[2], STEPS[3]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::fmt::Write as _;

    #[test]
    fn a_million_keys_that_look_alike_are_a_million() {
        let (mut text, mut ends) = (String::new(), Vec::new());
        for n in 0..1_000_000 {
            write!(text, "A81{:03}/{}", n % 1000, 13_000_000 + n).expect("a string takes whatever is written");
            ends.push(text.len() as u32);
        }
        let keys = UnkeyedKeys::new("gp").keys(&text, &ends);
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), 1_000_000);
        // Indexes take their partitions from the top bits: each 64th of them gets its share.
        let mut shares = [0_u32; 64];
        for key in &keys {
            shares[(key.value() >> 57) as usize] += 1;
        }
        assert!(shares.iter().all(|share| (14_900..16_400).contains(share)), "{shares:?}");
    }

    #[test]
    fn padding_and_order_make_no_two_texts_equal() {
        let texts =
            ["", "\0", "\0\0", "a", "a\0", "ab", "ba", "0123456789abcdef", "0123456789abcdef\0", "0123456789abcdefg"];
        let hashes: HashSet<u64> = texts.iter().map(|text| hash(1, text.as_bytes())).collect();
        assert_eq!(hashes.len(), texts.len());
    }

    #[test]
    fn a_local_id_is_its_providers_and_an_empty_one_is_none() {
        let providers = ["RAA".into(), "RBB".into()];
        let ids = unkeyed_local_ids(&providers, &[0, 1, 0, 1], "171717", &[2, 4, 6, 6]);
        assert!(ids[0] == ids[2] && ids[0] != ids[1] && ids[3] == 0);
        assert_eq!(unkeyed_local_ids(&providers, &[0, 1], "", &[]), [0, 0]);
    }
}

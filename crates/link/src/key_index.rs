//! A radix-partitioned index from 64-bit keys to rows: two flat arrays, no allocation a key.
//!
//! Keys (already mixed) -> partitions by their top bits, about one entry each, that hold a 32-bit tag and the row.
//! Invariant: within a partition rows stand in ascending order, so that building is deterministic at any thread count.

use rayon::prelude::*;
use std::ops::Range;

/// The key that means "no key": such rows are not indexed and it finds nothing.
pub(crate) const NO_KEY: u64 = 0;

/// Mixes parts of a key into 64 well-spread bits that are never [`NO_KEY`] (the finaliser of `splitmix64`).
#[inline]
pub(crate) fn mix(rule: u64, a: u64, b: u64) -> u64 {
    let mut z = a ^ b.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ rule.wrapping_mul(0xD1B5_4A32_D192_ED03);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)) | 1
}

#[derive(Clone, Copy, Default)]
struct Entry {
    tag: u32,
    row: u32,
}

/// A row on its way to its partition, by the partition's number within its piece.
struct Parted {
    inner: u32,
    tag: u32,
    row: u32,
}

/// Partitions of a piece, as a power of two: their beginnings and entries take some 200 kB.
const PIECE_BITS: u32 = 14;

/// Rows parted at a time.
const ROWS_A_CHUNK: usize = 1 << 17;

/// Fills a piece's entries and the beginnings of its partitions, which count from `base`.
fn sort_piece<'a>(
    parts: impl DoubleEndedIterator<Item = &'a [Parted]> + Clone,
    base: u32,
    starts: &mut [u32],
    entries: &mut [Entry],
) {
    for one in parts.clone().flatten() {
        starts[one.inner as usize] += 1;
    }
    let mut sum = 0;
    for start in starts.iter_mut() {
        sum += *start;
        *start = sum;
    }
    // Each partition is filled from its end, back to front, which leaves `starts` as the partitions' beginnings.
    for one in parts.rev().flat_map(|part| part.iter().rev()) {
        let slot = &mut starts[one.inner as usize];
        *slot -= 1;
        entries[*slot as usize] = Entry { tag: one.tag, row: one.row };
    }
    for start in starts {
        *start += base;
    }
}

/// Rows by key. Takes 8 bytes a row and 4 bytes a partition.
pub(crate) struct KeyIndex {
    shift: u32,
    starts: Vec<u32>,
    entries: Vec<Entry>,
}

impl KeyIndex {
    /// Indexes rows `0..rows` by `key`; rows with [`NO_KEY`] are left out.
    pub(crate) fn build(rows: usize, key: impl Fn(usize) -> u64 + Sync) -> Self {
        Self::of(rows, |row| (key(row), row as u32))
    }

    /// Indexes rows by the key beside each, rows ascending.
    pub(crate) fn of_keyed(rows: &[(u64, u32)]) -> Self {
        Self::of(rows.len(), |at| rows[at])
    }

    /// Parts the rows by the leading bits of their keys into pieces that a cache holds, then sorts each piece by counting: two
    /// passes over memory in order, where one sort by counting would go to a random place for each row.
    fn of(count: usize, row: impl Fn(usize) -> (u64, u32) + Sync) -> Self {
        let bits = usize::BITS - count.max(2).leading_zeros();
        let (shift, inner_bits) = (64 - bits, bits.min(PIECE_BITS));
        let pieces = 1 << (bits - inner_bits);
        let part = |chunk: usize| {
            let rows = chunk * ROWS_A_CHUNK..((chunk + 1) * ROWS_A_CHUNK).min(count);
            let room = rows.len() / pieces + rows.len() / pieces / 8 + 4;
            let mut parts: Vec<Vec<Parted>> = (0..pieces).map(|_| Vec::with_capacity(room)).collect();
            for (key, row) in rows.map(&row).filter(|&(key, _)| key != NO_KEY) {
                let partition = key >> shift;
                let inner = (partition & ((1 << inner_bits) - 1)) as u32;
                parts[(partition >> inner_bits) as usize].push(Parted { inner, tag: key as u32, row });
            }
            parts
        };
        let chunks: Vec<Vec<Vec<Parted>>> = (0..count.div_ceil(ROWS_A_CHUNK)).into_par_iter().map(part).collect();
        let sizes: Vec<usize> = (0..pieces).map(|piece| chunks.iter().map(|parts| parts[piece].len()).sum()).collect();
        let total = sizes.iter().sum();
        let (mut starts, mut entries) = (vec![0_u32; (1 << bits) + 1], vec![Entry::default(); total]);
        starts[1 << bits] = total as u32;
        let (mut starts_left, mut entries_left, mut base) = (&mut starts[..1 << bits], &mut entries[..], 0);
        let mut jobs = Vec::with_capacity(pieces);
        for (piece, &size) in sizes.iter().enumerate() {
            let (own_starts, others) = std::mem::take(&mut starts_left).split_at_mut(1 << inner_bits);
            starts_left = others;
            let (own_entries, others) = std::mem::take(&mut entries_left).split_at_mut(size);
            entries_left = others;
            jobs.push((piece, base, own_starts, own_entries));
            base += size as u32;
        }
        jobs.into_par_iter().for_each(|(piece, base, starts, entries)| {
            let parts = chunks.iter().map(|parts| parts[piece].as_slice());
            sort_piece(parts, base, starts, entries);
        });
        Self { shift, starts, entries }
    }

    fn partition(&self, number: usize) -> &[Entry] {
        &self.entries[self.starts[number] as usize..self.starts[number + 1] as usize]
    }

    /// The rows whose key is `key`; a stranger may be among them with a chance of 2^-32 an entry, so callers compare values.
    #[inline]
    pub(crate) fn find(&self, key: u64) -> impl Iterator<Item = u32> + '_ {
        self.find_in(self.range(key), key)
    }

    /// Where the rows of `key` are looked for: the first half of [`KeyIndex::find`], for whoever looks up many keys at a time.
    #[inline]
    pub(crate) fn range(&self, key: u64) -> Range<usize> {
        if key == NO_KEY {
            return 0..0;
        }
        let number = (key >> self.shift) as usize;
        self.starts[number] as usize..self.starts[number + 1] as usize
    }

    /// The rows whose key is `key`, in the range that [`KeyIndex::range`] gave for it.
    #[inline]
    pub(crate) fn find_in(&self, range: Range<usize>, key: u64) -> impl Iterator<Item = u32> + '_ {
        let tag = key as u32;
        self.entries[range].iter().filter(move |entry| entry.tag == tag).map(|entry| entry.row)
    }

    /// All pairs of rows (in order) with equal keys, partition by partition, at most `most` partners a row; in parallel.
    pub(crate) fn pairs(&self, most: usize) -> Vec<(u32, u32)> {
        (0..self.starts.len() - 1)
            .into_par_iter()
            .with_min_len(4096)
            .flat_map_iter(|number| {
                let entries = self.partition(number);
                entries.iter().enumerate().flat_map(move |(at, first)| {
                    let rest = &entries[at + 1..];
                    rest.iter().filter(|e| e.tag == first.tag).take(most).map(|second| (first.row, second.row))
                })
            })
            .collect()
    }

    /// The rows beside which another of the same key stands that `is` holds of, partition by partition; in parallel.
    pub(crate) fn rows_beside(&self, is: impl Fn(u32, u32) -> bool + Sync) -> Vec<u32> {
        let is = &is;
        (0..self.starts.len() - 1)
            .into_par_iter()
            .with_min_len(4096)
            .flat_map_iter(|number| {
                let entries = self.partition(number);
                let beside = move |at: usize| {
                    let own = entries[at];
                    let mut others =
                        entries[..at].iter().chain(&entries[at + 1..]).filter(|other| other.tag == own.tag);
                    others.any(|other| is(own.row, other.row)).then_some(own.row)
                };
                (0..entries.len()).filter_map(beside)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_exactly_the_rows_of_a_key_in_order() {
        let keys: Vec<u64> = (0..10_000_u64).map(|i| if i % 7 == 0 { NO_KEY } else { mix(1, i % 100, 3) }).collect();
        let index = KeyIndex::build(keys.len(), |row| keys[row]);
        for probe in 0..120 {
            let key = mix(1, probe, 3);
            let expected: Vec<u32> = (0..10_000_u32).filter(|&row| keys[row as usize] == key).collect();
            assert_eq!(index.find(key).collect::<Vec<_>>(), expected);
        }
        assert_eq!(index.find(NO_KEY).count(), 0);
    }

    #[test]
    fn many_rows_in_many_pieces_are_found_too() {
        let rows = 3 * ROWS_A_CHUNK + 5;
        let key = |row: usize| if row.is_multiple_of(11) { NO_KEY } else { mix(2, row as u64 / 3, 0) };
        let index = KeyIndex::build(rows, key);
        for probe in (0..rows).step_by(97) {
            let expected: Vec<u32> = (probe / 3 * 3..probe / 3 * 3 + 3)
                .filter(|&row| row < rows && key(row) != NO_KEY)
                .map(|row| row as u32)
                .collect();
            assert_eq!(index.find(mix(2, probe as u64 / 3, 0)).collect::<Vec<_>>(), expected);
        }
        let keyed: Vec<(u64, u32)> = (0..rows).map(|row| (key(row), 7 * row as u32)).collect();
        assert_eq!(KeyIndex::of_keyed(&keyed).find(mix(2, 5, 0)).collect::<Vec<_>>(), [7 * 15, 7 * 16, 7 * 17]);
    }

    #[test]
    fn rows_beside_another_are_those_of_keys_with_two() {
        let index = KeyIndex::build(50, |row| mix(1, (row as u64).min(40) / 2, 0));
        let mut rows = index.rows_beside(|row, other| row.abs_diff(other) == 1);
        rows.sort_unstable();
        assert_eq!(rows, (0..50).collect::<Vec<u32>>());
        assert_eq!(index.rows_beside(|row, other| row + other == 99), []);
        let mut evens = index.rows_beside(|row, other| row < 40 && other == row + 1);
        evens.sort_unstable();
        assert_eq!(evens, (0..40).step_by(2).collect::<Vec<_>>());
    }

    #[test]
    fn pairs_are_all_pairs_of_equal_keys() {
        let index = KeyIndex::build(6, |row| if row == 5 { NO_KEY } else { mix(1, row as u64 % 2, 0) });
        let mut pairs = index.pairs(100);
        pairs.sort_unstable();
        assert_eq!(pairs, [(0, 2), (0, 4), (1, 3), (2, 4)]);
        assert_eq!(KeyIndex::build(0, |_| 1).pairs(9), []);
    }
}

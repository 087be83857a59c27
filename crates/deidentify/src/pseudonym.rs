//! Pseudonyms: a person's id in the vault in, a number of 63 bits that tells nothing out.
//!
//! Keyed BLAKE3, as a pseudo-random function: without the key nobody can go back, nor try ids out. Each domain (the record
//! itself, each recipient) has a key of its own, so pseudonyms of two domains cannot be joined. The key never lies beside the
//! data.

use crate::DeidentifyError;
use caredata_model::{PersonId, RecordKey};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

const DOMAIN: &[u8] = b"caredata pseudonym 1\0";

/// The home's secret from which the keys of pseudonym domains are made. Wiped when dropped, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PseudonymKey([u8; 32]);

impl PseudonymKey {
    /// The key of these 32 random bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey(withheld)")
    }
}

/// The pseudonyms of one domain.
///
/// ```
/// use caredata_deidentify::{PseudonymKey, Pseudonyms};
/// use caredata_model::PersonId;
/// let key = PseudonymKey::new([7; 32]);
/// let (record, recipient) = (Pseudonyms::new(&key, "record"), Pseudonyms::new(&key, "recipient 1"));
/// let person = PersonId::from_bits(42);
/// assert_eq!(record.of(person), record.of(person));
/// assert_ne!(record.of(person), recipient.of(person));
/// assert!(record.of(person) >= 0);
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Pseudonyms {
    key: [u8; 32],
}

impl Pseudonyms {
    /// The pseudonyms of `domain` under the home's key.
    pub fn new(key: &PseudonymKey, domain: &str) -> Self {
        let mut text = DOMAIN.to_vec();
        text.extend_from_slice(domain.as_bytes());
        Self { key: *blake3::keyed_hash(&key.0, &text).as_bytes() }
    }

    /// The pseudonym of a person; never negative.
    pub fn of(&self, person: PersonId) -> i64 {
        self.number(b'p', person.value())
    }

    /// A pseudonym for a sealed row that links to no person, so that it is nobody else's.
    pub(crate) fn of_nobody(&self, record: RecordKey) -> i64 {
        self.number(b'r', record.value())
    }

    fn number(&self, kind: u8, value: i64) -> i64 {
        let mut text = [kind; 9];
        text[1..].copy_from_slice(&value.to_le_bytes());
        i64::from_le_bytes(blake3::keyed_hash(&self.key, &text).as_bytes().as_chunks().0[0]) & i64::MAX
    }

    /// Checks that no two of these persons share a pseudonym. Among 60 million the chance is 1 in 5,000.
    ///
    /// # Errors
    /// [`DeidentifyError::Collision`].
    pub fn check_distinct(&self, persons: impl IntoIterator<Item = PersonId>) -> Result<(), DeidentifyError> {
        distinct(persons.into_iter().map(|person| (self.of(person), person)).collect())
    }
}

fn distinct(mut pseudonyms: Vec<(i64, PersonId)>) -> Result<(), DeidentifyError> {
    pseudonyms.sort_unstable();
    pseudonyms.dedup();
    let pairs = pseudonyms.windows(2).filter(|pair| pair[0].0 == pair[1].0).count();
    if pairs == 0 { Ok(()) } else { Err(DeidentifyError::Collision { pairs }) }
}

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonyms(withheld)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_key_or_domain_gives_other_pseudonyms() {
        let pseudonym = |key, domain| Pseudonyms::new(&PseudonymKey::new([key; 32]), domain).of(PersonId::from_bits(1));
        assert_eq!(pseudonym(1, "record"), pseudonym(1, "record"));
        assert_ne!(pseudonym(1, "record"), pseudonym(2, "record"));
        assert_ne!(pseudonym(1, "record"), pseudonym(1, "records"));
    }

    #[test]
    fn persons_are_told_apart_and_a_collision_is_an_error() {
        let pseudonyms = Pseudonyms::new(&PseudonymKey::new([1; 32]), "record");
        assert!(pseudonyms.check_distinct((0..10_000).map(PersonId::from_bits)).is_ok());
        assert!(pseudonyms.check_distinct([PersonId::from_bits(1), PersonId::from_bits(1)]).is_ok());
        let met = vec![(5, PersonId::from_bits(1)), (5, PersonId::from_bits(2))];
        assert!(matches!(distinct(met), Err(DeidentifyError::Collision { pairs: 1 })));
    }

    #[test]
    fn debug_shows_no_key() {
        let key = PseudonymKey::new([9; 32]);
        assert_eq!(format!("{key:?} {:?}", Pseudonyms::new(&key, "x")), "PseudonymKey(withheld) Pseudonyms(withheld)");
    }
}

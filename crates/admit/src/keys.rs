//! Record keys: a source and a record's local key in, a key of 63 bits out that means nothing to anybody else.
//!
//! Keyed BLAKE3 with a secret of the home, one derived key for each source, so that equal local keys of two sources are
//! unrelated and nobody without the secret can try keys out. Truncated to 63 bits: among 20 million records of one
//! contribution two meet by chance with probability 2 in 100,000.

use caredata_model::{RecordKey, SourceName};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

const RECORD_DOMAIN: &[u8] = b"caredata record key 1\0";
const LOCAL_ID_DOMAIN: &[u8] = b"caredata local id 1\0";

/// The home's secret from which record keys are made. Wiped when dropped, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RecordKeySecret([u8; 32]);

impl RecordKeySecret {
    /// The secret of these 32 random bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for RecordKeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordKeySecret(withheld)")
    }
}

/// Makes the record keys of one source.
///
/// ```
/// use caredata_admit::{RecordKeySecret, RecordKeys};
/// use caredata_model::SourceName;
/// let secret = RecordKeySecret::new([7; 32]);
/// let apc = RecordKeys::new(&secret, &SourceName::parse("apc").unwrap());
/// let op = RecordKeys::new(&secret, &SourceName::parse("op").unwrap());
/// assert_eq!(apc.key("1001"), apc.key("1001"));
/// assert_ne!(apc.key("1001"), op.key("1001"));
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RecordKeys {
    record: [u8; 32],
    local_id: [u8; 32],
}

impl RecordKeys {
    /// The keys of `source` under the home's secret.
    pub fn new(secret: &RecordKeySecret, source: &SourceName) -> Self {
        let derive = |domain: &[u8]| {
            let mut text = domain.to_vec();
            text.extend_from_slice(source.as_str().as_bytes());
            *blake3::keyed_hash(&secret.0, &text).as_bytes()
        };
        // A patient's local id at a provider is one id in all of the provider's files, whatever the source.
        Self { record: derive(RECORD_DOMAIN), local_id: *blake3::keyed_hash(&secret.0, LOCAL_ID_DOMAIN).as_bytes() }
    }

    /// The key of the record with this local key.
    pub fn key(&self, local_key: &str) -> RecordKey {
        RecordKey::from_bits(first_word(&blake3::keyed_hash(&self.record, local_key.as_bytes())))
    }

    /// A number for a patient's local id within a provider, for comparing only: never 0, except that an empty id is 0.
    pub fn local_id(&self, provider: &str, local_id: &str) -> u64 {
        if local_id.is_empty() {
            return 0;
        }
        let mut hasher = blake3::Hasher::new_keyed(&self.local_id);
        hasher.update(&(provider.len() as u64).to_le_bytes()).update(provider.as_bytes()).update(local_id.as_bytes());
        first_word(&hasher.finalize()).max(1)
    }
}

impl fmt::Debug for RecordKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordKeys(withheld)")
    }
}

fn first_word(hash: &blake3::Hash) -> u64 {
    u64::from_le_bytes(hash.as_bytes().as_chunks().0[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: u8, source: &str) -> RecordKeys {
        RecordKeys::new(&RecordKeySecret::new([secret; 32]), &SourceName::parse(source).expect("a source's name"))
    }

    #[test]
    fn keys_depend_on_secret_source_and_local_key_and_on_nothing_else() {
        let key = keys(1, "apc").key("1");
        assert_eq!(keys(1, "apc").key("1"), key);
        assert_ne!(keys(2, "apc").key("1"), key);
        assert_ne!(keys(1, "op").key("1"), key);
        assert_ne!(keys(1, "apc").key("2"), key);
    }

    #[test]
    fn local_ids_belong_to_their_provider_and_not_to_a_source() {
        let id = keys(1, "apc").local_id("RAA", "17");
        assert_eq!(keys(1, "op").local_id("RAA", "17"), id);
        assert_ne!(keys(1, "apc").local_id("RA", "A17"), id);
        assert_eq!(keys(1, "apc").local_id("RAA", ""), 0);
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", RecordKeySecret::new([9; 32])), "RecordKeySecret(withheld)");
        assert_eq!(format!("{:?}", keys(9, "apc")), "RecordKeys(withheld)");
    }
}

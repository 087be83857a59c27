//! NHS Numbers at rest in the register: a number in, a handle to find it by and a sealed copy to read it from out.
//!
//! The handle is a keyed hash, so that the register answers by number without holding one in the clear; the copy is the
//! number under ChaCha20-Poly1305 with a nonce of its own, bound to its handle, since a run needs the numbers back.
//! Invariant: without the key neither tells a number, and a copy moved to another handle does not open.

use crate::error::EngineError;
use crate::keys::Key;
use caredata_model::{NhsDigits, NhsNumber};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

const NONCE_BYTES: usize = 12;
const HANDLE_BYTES: usize = 16;

/// Seals and finds numbers under the register's key.
pub(super) struct NumberSeal {
    find: Key,
    cipher: LessSafeKey,
}

/// A number as the register stores it.
pub(super) struct SealedNumber {
    pub(super) handle: Vec<u8>,
    pub(super) copy: Vec<u8>,
}

impl NumberSeal {
    pub(super) fn new(key: &Key) -> Self {
        let cipher = UnboundKey::new(&CHACHA20_POLY1305, key.derive("caredata 2026 register: numbers sealed").bytes())
            .expect("ChaCha20-Poly1305 takes keys of 32 bytes");
        Self { find: key.derive("caredata 2026 register: numbers found"), cipher: LessSafeKey::new(cipher) }
    }

    /// By what the register finds a number.
    pub(super) fn handle(&self, number: NhsNumber) -> Vec<u8> {
        blake3::keyed_hash(self.find.bytes(), &number.value().to_le_bytes()).as_bytes()[..HANDLE_BYTES].to_vec()
    }

    pub(super) fn seal(&self, number: NhsNumber) -> Result<SealedNumber, EngineError> {
        let handle = self.handle(number);
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| EngineError::NoRandomness)?;
        let mut sealed = number.value().to_le_bytes().to_vec();
        self.cipher
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&handle), &mut sealed)
            .map_err(|_| EngineError::RegisterBroken { what: "a number could not be sealed" })?;
        Ok(SealedNumber { handle, copy: [nonce.as_slice(), &sealed].concat() })
    }

    pub(super) fn open(&self, handle: &[u8], copy: &[u8]) -> Result<NhsNumber, EngineError> {
        let broken = EngineError::RegisterBroken { what: "a sealed number cannot be opened with the key at hand" };
        let opened = copy.split_at_checked(NONCE_BYTES).and_then(|(nonce, sealed)| {
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut sealed = sealed.to_vec();
            let number = self.cipher.open_in_place(nonce, Aad::from(handle), &mut sealed).ok()?;
            let number = u64::from_le_bytes(<[u8; 8]>::try_from(&*number).ok()?);
            NhsDigits::new(number).and_then(NhsDigits::valid).ok()
        });
        opened.ok_or(broken)
    }
}

impl std::fmt::Debug for NumberSeal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NumberSeal(withheld)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_opens_only_under_its_own_key_and_handle() {
        let number = NhsNumber::parse("9434765919").expect("a number");
        let seal = NumberSeal::new(&Key::generate().expect("a key"));
        let (first, second) = (seal.seal(number).expect("sealed"), seal.seal(number).expect("sealed"));
        assert_eq!(first.handle, second.handle);
        assert_ne!(first.copy, second.copy);
        assert!(seal.open(&first.handle, &second.copy).is_ok_and(|opened| opened == number));

        let other = NumberSeal::new(&Key::generate().expect("a key"));
        assert_ne!(other.handle(number), first.handle);
        assert!(other.open(&first.handle, &first.copy).is_err());
        assert!(seal.open(&other.handle(number), &first.copy).is_err());
        for at in 0..first.copy.len() {
            let mut changed = first.copy.clone();
            changed[at] ^= 1;
            assert!(seal.open(&first.handle, &changed).is_err());
        }
        assert!(seal.open(&first.handle, &[]).is_err());
    }
}

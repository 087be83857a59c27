//! NHS Numbers at rest in the register: a number in, a handle to find it by and a sealed copy to read it from out.
//!
//! The handle is a keyed hash, so that the register answers by number without holding one in the clear; the copy is the
//! number under ChaCha20-Poly1305 with a nonce of its own, bound to its handle, since a run needs the numbers back.
//! Invariant: without the key neither tells a number, and a copy moved to another handle does not open.

use crate::error::EngineError;
use crate::keys::Key;
use caredata_model::{NhsDigits, NhsNumber};
use rayon::prelude::*;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

const NONCE_BYTES: usize = 12;
pub(super) const HANDLE_BYTES: usize = 16;
/// Nonce, number and tag.
const COPY_BYTES: usize = NONCE_BYTES + 8 + 16;

/// By what the register finds a number.
pub(super) type Handle = [u8; HANDLE_BYTES];

/// Seals and finds numbers under the register's key.
pub(super) struct NumberSeal {
    find: Key,
    /// Binds and seals what the register's ledgers hold.
    pub(super) ledger: Key,
    cipher: LessSafeKey,
}

/// A number as the register stores it.
#[derive(Clone, Copy)]
pub(super) struct SealedNumber {
    pub(super) handle: Handle,
    pub(super) copy: [u8; COPY_BYTES],
}

impl SealedNumber {
    pub(super) const COPY_BYTES: usize = COPY_BYTES;
}

impl NumberSeal {
    pub(super) fn new(key: &Key) -> Self {
        let cipher = UnboundKey::new(&CHACHA20_POLY1305, key.derive("caredata 2026 register: numbers sealed").bytes())
            .expect("ChaCha20-Poly1305 takes keys of 32 bytes");
        Self {
            find: key.derive("caredata 2026 register: numbers found"),
            ledger: key.derive("caredata 2026 register: ledgers"),
            cipher: LessSafeKey::new(cipher),
        }
    }

    pub(super) fn handle(&self, number: NhsNumber) -> Handle {
        let hash = blake3::keyed_hash(self.find.bytes(), &number.value().to_le_bytes());
        let mut handle = [0; HANDLE_BYTES];
        handle.copy_from_slice(&hash.as_bytes()[..HANDLE_BYTES]);
        handle
    }

    pub(super) fn seal(&self, number: NhsNumber) -> Result<SealedNumber, EngineError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| EngineError::NoRandomness)?;
        self.seal_with(number, nonce)
    }

    /// Seals many numbers on all cores.
    pub(super) fn seal_all(&self, numbers: &[NhsNumber]) -> Result<Vec<SealedNumber>, EngineError> {
        // Random bytes are asked of the system once for all: a call for each would take as long as the sealing.
        let mut nonces = vec![[0_u8; NONCE_BYTES]; numbers.len()];
        getrandom::fill(nonces.as_flattened_mut()).map_err(|_| EngineError::NoRandomness)?;
        numbers.par_iter().zip(nonces).map(|(&number, nonce)| self.seal_with(number, nonce)).collect()
    }

    fn seal_with(&self, number: NhsNumber, nonce: [u8; NONCE_BYTES]) -> Result<SealedNumber, EngineError> {
        let broken = EngineError::RegisterBroken { what: "a number could not be sealed" };
        let handle = self.handle(number);
        let mut sealed = number.value().to_le_bytes();
        let nonce_used = Nonce::assume_unique_for_key(nonce);
        let Ok(tag) = self.cipher.seal_in_place_separate_tag(nonce_used, Aad::from(&handle), &mut sealed) else {
            return Err(broken);
        };
        let mut copy = [0; COPY_BYTES];
        copy[..NONCE_BYTES].copy_from_slice(&nonce);
        copy[NONCE_BYTES..NONCE_BYTES + 8].copy_from_slice(&sealed);
        copy[NONCE_BYTES + 8..].copy_from_slice(tag.as_ref());
        Ok(SealedNumber { handle, copy })
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
            let mut changed = first.copy;
            changed[at] ^= 1;
            assert!(seal.open(&first.handle, &changed).is_err());
        }
        assert!(seal.open(&first.handle, &[]).is_err());
        let many = seal.seal_all(&[number; 3]).expect("sealed");
        assert!(many.iter().all(|one| seal.open(&one.handle, &one.copy).is_ok_and(|opened| opened == number)));
        assert!(many[0].copy != many[1].copy && many[1].copy != many[2].copy);
    }
}

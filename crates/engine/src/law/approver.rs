//! People who approve instruments, and their keys: Ed25519, one pair a person.
//!
//! In: randomness, or a key's file. Out: signatures over a document's hash, and their check. Invariants: a private key is only
//! ever in a file of its owner's, mode 0600, outside the home, and in memory while it signs; it is never printed.

use super::LawError;
use crate::audit::hexadecimal;
use crate::error::EngineError;
use crate::keys::{is_open, write_secret};
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use std::fmt;
use std::fs;
use std::path::Path;
use zeroize::Zeroizing;

/// The first word of a private key's file, which names its form.
const FORM: &str = "caredata-approver-1";

/// Somebody who may approve instruments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    /// Their name.
    pub name: String,
    /// In which role they approve.
    pub role: String,
    /// Their public key, in hexadecimal digits.
    pub key: String,
    /// Whether the key was retired.
    pub retired: bool,
}

/// A private key while it is used.
pub struct ApproverKey {
    document: Zeroizing<Vec<u8>>,
    pair: Ed25519KeyPair,
}

impl fmt::Debug for ApproverKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApproverKey(withheld)")
    }
}

impl ApproverKey {
    /// A new pair from the operating system's randomness.
    ///
    /// # Errors
    /// [`EngineError::NoRandomness`].
    pub fn generate() -> Result<Self, EngineError> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| EngineError::NoRandomness)?;
        Self::of(Zeroizing::new(document.as_ref().to_vec())).map_err(EngineError::from)
    }

    fn of(document: Zeroizing<Vec<u8>>) -> Result<Self, LawError> {
        let pair = Ed25519KeyPair::from_pkcs8(&document).map_err(|_| LawError::NotAKey)?;
        Ok(Self { document, pair })
    }

    /// Writes the private key to a file that is not there yet.
    ///
    /// # Errors
    /// [`EngineError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), EngineError> {
        let hex = Zeroizing::new(hexadecimal(&self.document));
        let text = Zeroizing::new(format!("{FORM} {}\n", hex.as_str()));
        write_secret(path, text.as_bytes()).map_err(EngineError::io("writing the private key", path))
    }

    /// Reads a private key.
    ///
    /// # Errors
    /// [`LawError::KeyTooOpen`], [`LawError::NotAKey`], [`EngineError::Io`].
    pub fn read(path: &Path) -> Result<Self, EngineError> {
        if is_open(path).map_err(EngineError::io("reading the private key", path))? {
            return Err(LawError::KeyTooOpen.into());
        }
        let bytes = Zeroizing::new(fs::read(path).map_err(EngineError::io("reading the private key", path))?);
        let text = std::str::from_utf8(&bytes).map_err(|_| LawError::NotAKey)?;
        let hex = text.strip_prefix(FORM).map(str::trim).ok_or(LawError::NotAKey)?;
        let document = unhex(hex).map(Zeroizing::new).ok_or(LawError::NotAKey)?;
        Ok(Self::of(document)?)
    }

    /// The public key, in hexadecimal digits.
    pub fn public(&self) -> String {
        hexadecimal(self.pair.public_key().as_ref())
    }

    /// A signature over a document's SHA-256, in hexadecimal digits.
    pub fn sign(&self, sha256: &str) -> String {
        hexadecimal(self.pair.sign(message(sha256).as_bytes()).as_ref())
    }
}

/// Whether it is this key's signature over this document's SHA-256.
pub fn is_signed(sha256: &str, key: &str, signature: &str) -> bool {
    let (Some(key), Some(signature)) = (unhex(key), unhex(signature)) else { return false };
    UnparsedPublicKey::new(&ED25519, key).verify(message(sha256).as_bytes(), &signature).is_ok()
}

/// What is signed: the hash, with words that keep the signature from meaning anything elsewhere.
fn message(sha256: &str) -> String {
    format!("caredata: I approve the instrument whose document has the SHA-256 {sha256}")
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_signature_is_of_one_key_over_one_document() {
        let (key, other) = (ApproverKey::generate().expect("a key"), ApproverKey::generate().expect("a key"));
        let signature = key.sign("ab");
        assert!(is_signed("ab", &key.public(), &signature));
        assert!(!is_signed("ac", &key.public(), &signature), "another document");
        assert!(!is_signed("ab", &other.public(), &signature), "another key");
        assert!(!is_signed("ab", &key.public(), "00"), "no signature");
        assert!(!is_signed("ab", "not hexadecimal", &signature), "no key");
    }

    #[test]
    fn a_private_key_is_its_owners_alone_and_never_printed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a key");
        let key = ApproverKey::generate().expect("a key");
        key.write(&path).expect("written");
        assert!(key.write(&path).is_err(), "never over another");
        assert_eq!(ApproverKey::read(&path).expect("read").public(), key.public());
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        assert_eq!(format!("{key:?}"), "ApproverKey(withheld)");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("rights");
        assert_eq!(ApproverKey::read(&path).expect_err("too open").code(), "approver-key-too-open");
    }
}

//! The keys of a home: a folder outside it in, keys in memory out.
//!
//! One file a key, mode 0600, in a folder of mode 0700. Invariant: keys are made from the operating system's randomness,
//! are wiped from memory when dropped, are never printed, and a folder of another home's keys is refused.

use crate::error::EngineError;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The first word of a key's file, which names its form.
const FORM: &str = "caredata-key-1";

/// A secret of 32 bytes.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; 32]);

impl Key {
    /// A new key from the operating system's randomness.
    ///
    /// # Errors
    /// [`EngineError::NoRandomness`].
    pub fn generate() -> Result<Self, EngineError> {
        let mut key = Self([0; 32]);
        getrandom::fill(&mut key.0).map_err(|_| EngineError::NoRandomness)?;
        Ok(key)
    }

    /// The key in a file of its own, made where there is none.
    ///
    /// # Errors
    /// As [`Keys::create`] and [`Keys::open`].
    pub fn read_or_make(path: &Path, name: &'static str) -> Result<Self, EngineError> {
        if path.exists() {
            return read(path, name);
        }
        let key = Self::generate()?;
        write(path, name, &key)?;
        Ok(key)
    }

    /// The bytes. Their caller answers for where they go.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A key for one purpose of its own, from which this key cannot be found.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Self {
        Self(*blake3::keyed_hash(&self.0, purpose.as_bytes()).as_bytes())
    }

    /// A short print by which a key is recognised and that tells nothing about it.
    fn print(&self) -> String {
        blake3::keyed_hash(&self.0, b"caredata 2026 print of a key").to_hex()[..16].to_owned()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(withheld)")
    }
}

/// The keys of a home, each for one use alone.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Makes the record keys that join payload and identifiers.
    pub record: Key,
    /// Makes the ids of persons.
    pub person: Key,
    /// Makes the pseudonyms of the published records.
    pub pseudonym: Key,
    /// Seals the vault: identifiers and index.
    pub vault: Key,
    /// Seals the rows of people who object.
    pub sealed: Key,
    /// Finds and seals the numbers in the register.
    pub register: Key,
}

impl Keys {
    const NAMES: [&'static str; 6] = ["record", "person", "pseudonym", "vault", "sealed", "register"];

    fn gather(mut each: impl FnMut(&'static str) -> Result<Key, EngineError>) -> Result<Self, EngineError> {
        let [record, person, pseudonym, vault, sealed, register] = Self::NAMES;
        Ok(Self {
            record: each(record)?,
            person: each(person)?,
            pseudonym: each(pseudonym)?,
            vault: each(vault)?,
            sealed: each(sealed)?,
            register: each(register)?,
        })
    }

    /// Makes new keys in a folder that is empty or not there yet.
    ///
    /// # Errors
    /// [`EngineError::KeysExist`] where the folder holds anything, [`EngineError::NoRandomness`], [`EngineError::Io`].
    pub fn create(folder: &Path) -> Result<Self, EngineError> {
        let fault = |source| EngineError::Io { doing: "making the keys folder", path: folder.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fault)?;
        if fs::read_dir(folder).map_err(fault)?.next().is_some() {
            return Err(EngineError::KeysExist { path: folder.to_owned() });
        }
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(fault)?;
        let keys = Self::gather(|name| {
            let key = Key::generate()?;
            write(&folder.join(name), name, &key)?;
            Ok(key)
        })?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(fault)?;
        Ok(keys)
    }

    /// Reads the keys of a folder.
    ///
    /// # Errors
    /// [`EngineError::KeyMissing`], [`EngineError::KeyBroken`], [`EngineError::KeysTooOpen`], [`EngineError::Io`].
    pub fn open(folder: &Path) -> Result<Self, EngineError> {
        Self::gather(|name| read(&folder.join(name), name))
    }

    /// Reads the keys of a folder, which must be those that these are the prints of.
    ///
    /// # Errors
    /// As [`Keys::open`], and [`EngineError::KeyBroken`] where a key is another.
    pub fn open_known(folder: &Path, prints: &BTreeMap<String, String>) -> Result<Self, EngineError> {
        let keys = Self::open(folder)?;
        let found = keys.prints();
        match Self::NAMES.into_iter().find(|&name| found.get(name) != prints.get(name)) {
            None => Ok(keys),
            Some(name) => {
                let what = "it is not the key that was made with what it is to open";
                Err(EngineError::KeyBroken { name, path: folder.join(name), what })
            }
        }
    }

    /// The print of each key, by its name, by which a home knows its own keys.
    pub fn prints(&self) -> BTreeMap<String, String> {
        let keys = [&self.record, &self.person, &self.pseudonym, &self.vault, &self.sealed, &self.register];
        Self::NAMES.into_iter().map(str::to_owned).zip(keys.map(Key::print)).collect()
    }
}

fn write(path: &Path, name: &str, key: &Key) -> Result<(), EngineError> {
    let hex = Zeroizing::new(blake3::Hash::from_bytes(key.0).to_hex().to_string());
    let text = Zeroizing::new(format!("{FORM} {name} {}\n", hex.as_str()));
    write_secret(path, text.as_bytes()).map_err(EngineError::io("writing the key", path))
}

/// Writes a file that its owner alone may read, where none is yet.
pub(crate) fn write_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
}

/// Whether others than its owner may use a file.
pub(crate) fn is_open(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

/// Refuses a file of secrets that others than its owner may read.
///
/// # Errors
/// [`EngineError::KeysTooOpen`], [`EngineError::Io`].
pub(crate) fn guarded(path: &Path) -> Result<(), EngineError> {
    if is_open(path).map_err(EngineError::io("reading", path))? {
        return Err(EngineError::KeysTooOpen { path: path.to_owned() });
    }
    Ok(())
}

fn read(path: &Path, name: &'static str) -> Result<Key, EngineError> {
    let is_open = match is_open(path) {
        Ok(is_open) => is_open,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(EngineError::KeyMissing { name, path: path.to_owned() });
        }
        Err(source) => return Err(EngineError::Io { doing: "reading the key", path: path.to_owned(), source }),
    };
    if is_open {
        return Err(EngineError::KeysTooOpen { path: path.to_owned() });
    }
    let broken = |what| EngineError::KeyBroken { name, path: path.to_owned(), what };
    let bytes = Zeroizing::new(fs::read(path).map_err(EngineError::io("reading the key", path))?);
    let text = std::str::from_utf8(&bytes).map_err(|_| broken("it is not a key's file"))?;
    let mut words = text.split_ascii_whitespace();
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(FORM), Some(named), Some(hex), None) if named == name => {
            let key = blake3::Hash::from_hex(hex).map_err(|_| broken("it does not hold 64 hexadecimal digits"))?;
            Ok(Key(*key.as_bytes()))
        }
        (Some(FORM), Some(_), Some(_), None) => Err(broken("it holds a key of another name")),
        _ => Err(broken("it is not a key's file of this version")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_as_they_were_made_and_only_for_their_owner() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("keys");
        let made = Keys::create(&folder).expect("keys");
        assert_eq!(Keys::open(&folder).expect("keys").prints(), made.prints());
        for name in Keys::NAMES {
            let rights = fs::metadata(folder.join(name)).expect("a key").permissions();
            assert_eq!(rights.mode() & 0o777, 0o600, "{name}");
        }
        assert_eq!(fs::metadata(&folder).expect("a folder").permissions().mode() & 0o777, 0o700);
        let prints: std::collections::BTreeSet<String> = made.prints().into_values().collect();
        assert_eq!(prints.len(), Keys::NAMES.len());
    }

    #[test]
    fn refusals() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path();
        Keys::create(folder).expect("keys");
        assert_eq!(Keys::create(folder).expect_err("a second time").code(), "keys-exist");
        let vault = folder.join("vault");
        fs::set_permissions(&vault, fs::Permissions::from_mode(0o640)).expect("rights");
        assert_eq!(Keys::open(folder).expect_err("readable by the group").code(), "keys-too-open");
        fs::remove_file(&vault).expect("removed");
        assert_eq!(Keys::open(folder).expect_err("missing").code(), "key-missing");
        fs::rename(folder.join("sealed"), &vault).expect("renamed");
        assert_eq!(Keys::open(folder).expect_err("another's name").code(), "key-broken");
        fs::write(&vault, "caredata-key-1 vault 00").expect("written");
        assert_eq!(Keys::open(folder).expect_err("too short").code(), "key-broken");
    }

    #[test]
    fn no_key_is_printed() {
        let key = Key([0xAB; 32]);
        assert_eq!(format!("{key:?}"), "Key(withheld)");
        assert_ne!(key.derive("a").bytes(), key.derive("b").bytes());
    }
}

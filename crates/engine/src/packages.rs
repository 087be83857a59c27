//! The practice's side of a month: exports in, a package for each practice and a preview of exactly what leaves, out.
//!
//! Invariant: each practice's token key and the ledger of what it sent lie in a folder of its own, apart from the packages; the
//! key is made once, never leaves that folder, and is never the centre's.

use crate::error::{EngineError, Remark};
use crate::home::config_folder;
use crate::keys::Key;
use caredata_extract::{
    Columns, ObjectionCodes, Package, ReadOptions, SensitiveCodes, Source, Window, WriteOptions, find_among, read,
};
use caredata_model::Period;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Packages.
    pub packages: u64,
    /// Patients in them.
    pub patients: u64,
    /// Patients whose record stays since they object.
    pub withheld: u64,
    /// Practices for which no key was there, so that one was made. Had they sent packages before, the centre would not know whose
    /// sending stops now.
    pub new_keys: Vec<String>,
}

/// Where practices' keys lie where nobody says: in the user's configuration folder.
///
/// # Errors
/// [`EngineError::KeysNowhere`] where the user has none.
pub fn default_keys() -> Result<PathBuf, EngineError> {
    Ok(config_folder()?.join("practices"))
}

/// Writes a package for each practice in `gp`; `keys` has a folder for each practice, made where it is missing;
/// `supplier` is who supplies their systems, for the manifests.
///
/// # Errors
/// [`EngineError`] where a file is refused; then no package is left behind.
pub fn write_packages(
    gp: &Path,
    period: Period,
    out: &Path,
    (keys, supplier): (&Path, Option<&Remark>),
) -> Result<Sent, EngineError> {
    let mut sent = Sent::default();
    let mut token_keys: BTreeMap<String, Key> = BTreeMap::new();
    for practice in practices(gp)? {
        let folder = keys.join(&practice);
        if !folder.join(TOKEN).exists() {
            sent.new_keys.push(practice.clone());
        }
        token_keys.insert(practice, practice_key(&folder)?);
    }
    let ledger = |practice: &str| keys.join(practice).join("tokens-sent");
    // A code that cannot name a folder has no key here, and its export is refused before anything of it is written.
    let token_key = |practice: &str| token_keys.get(practice).map_or([0; 32], |key| *key.bytes());
    let (objections, sensitive) = (ObjectionCodes::builtin(), SensitiveCodes::builtin());
    let options = WriteOptions {
        period,
        window: Window::default(),
        today: crate::today(),
        token_key: &token_key,
        ledger: Some(&ledger),
        supplier: supplier.map(Remark::as_str),
        objections: &objections,
        sensitive: &sensitive,
    };
    let packages: Vec<Package> = caredata_extract::write_packages(gp, out, &options)?;
    for package in &packages {
        sent.packages += 1;
        sent.patients += package.manifest.patients;
        sent.withheld += package.manifest.wishes.patients_withheld;
    }
    Ok(sent)
}

/// The practices whose registrations lie in `gp`, as far as their codes can name a folder.
fn practices(gp: &Path) -> Result<BTreeSet<String>, EngineError> {
    let source = Source::builtin("gp-patients")?;
    let files = find_among(gp, std::slice::from_ref(&source))?.into_iter().flatten().collect::<Vec<_>>();
    let options = ReadOptions::with_columns(Columns::Only(Vec::new()));
    let found = read(&source, &files, &options, |batch| batch.providers().to_vec())?.results;
    let fits = |code: &str| (1..=12).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    Ok(found.iter().flatten().filter(|code| fits(code)).map(ToString::to_string).collect())
}

/// The file of a practice's key within its folder.
const TOKEN: &str = "token";

/// The key of a practice's tokens: read from its folder, or made there.
fn practice_key(folder: &Path) -> Result<Key, EngineError> {
    fs::create_dir_all(folder).map_err(EngineError::io("making", folder))?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(EngineError::io("guarding", folder))?;
    Key::read_or_make(&folder.join(TOKEN), TOKEN)
}

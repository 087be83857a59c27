//! The practice's side of a month: exports in, a package for each practice and a preview of exactly what leaves, out.
//!
//! Invariant: the practice's token key is made once, never leaves its folder, and is never the centre's.

use crate::error::EngineError;
use crate::keys::Key;
use caredata_extract::{ObjectionCodes, Package, SensitiveCodes, Window, WriteOptions};
use caredata_model::Period;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Packages.
    pub packages: u64,
    /// Patients in them.
    pub patients: u64,
    /// Patients whose record stays since they object.
    pub withheld: u64,
}

/// Writes a package for each practice in `gp`.
///
/// # Errors
/// [`EngineError`] where a file is refused; then no package is left behind.
pub fn write_packages(gp: &Path, period: Period, out: &Path, keys: &Path) -> Result<Sent, EngineError> {
    let token_key = practice_key(keys)?;
    let ledger = keys.join("tokens-sent");
    let (objections, sensitive) = (ObjectionCodes::builtin(), SensitiveCodes::builtin());
    let options = WriteOptions {
        period,
        window: Window::default(),
        today: crate::today(),
        token_key: token_key.bytes(),
        ledger: Some(&ledger),
        objections: &objections,
        sensitive: &sensitive,
    };
    let packages: Vec<Package> = caredata_extract::write_packages(gp, out, &options)?;
    Ok(packages.iter().fold(Sent::default(), |sent, package| Sent {
        packages: sent.packages + 1,
        patients: sent.patients + package.manifest.patients,
        withheld: sent.withheld + package.manifest.wishes.patients_withheld,
    }))
}

/// The key of the practice's tokens: read from its folder, or made there.
fn practice_key(folder: &Path) -> Result<Key, EngineError> {
    fs::create_dir_all(folder).map_err(EngineError::io("making", folder))?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(EngineError::io("guarding", folder))?;
    Key::read_or_make(&folder.join("token"), "token")
}

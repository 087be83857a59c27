//! The package: what leaves a practice. A practice's export in; a folder with a manifest, and a preview for the practice, out.
//!
//! Invariants: nothing of a patient whose type 1 objection stands is in it; no sensitive entry and no type 1 code is in it;
//! every byte of it is under a checksum of its manifest; it appears whole or not at all.

mod ledger;
mod preview;
mod select;
mod verify;
mod write;

use crate::codes::{ObjectionCodes, SensitiveCodes};
use crate::error::ExtractError;
use crate::find::InputFile;
use crate::practice::{NotedInPeriod, WishCounts};
use caredata_model::{Day, Period};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

pub use verify::{find_packages, open_package};
pub use write::write_packages;

/// Which entries of the journals are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Window {
    /// Entries whose event or recording day lies in the last so many months up to the end of the period.
    Months(u32),
    /// The whole history up to the end of the period.
    All,
}

impl Default for Window {
    /// Four months, as in the programme's first specification.
    fn default() -> Self {
        Self::Months(4)
    }
}

/// How to write packages.
pub struct WriteOptions<'a> {
    /// The month, or the months, of the package.
    pub period: Period,
    /// Which entries are sent.
    pub window: Window,
    /// The day on which wishes are judged: that of the run.
    pub today: Day,
    /// A practice's own key, by its code, of which tokens are made. It never leaves the practice.
    pub token_key: &'a (dyn Fn(&str) -> [u8; 32] + Sync),
    /// The file at a practice, by its code, that remembers which tokens were sent, so that those who object later are told to the
    /// centre as stopped, wherever packages are written: `None` looks for earlier packages in `out` alone.
    pub ledger: Option<&'a (dyn Fn(&str) -> PathBuf + Sync)>,
    /// Who supplies the practices' systems, for the manifest.
    pub supplier: Option<&'a str>,
    /// How wishes are recognised.
    pub objections: &'a ObjectionCodes,
    /// Which entries stay.
    pub sensitive: &'a SensitiveCodes,
}

/// A package that was written or verified.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its folder.
    pub folder: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
}

/// What a package says of itself: `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the form of packages.
    pub format: u32,
    /// The practice's code.
    pub practice: String,
    /// The period.
    pub period: String,
    /// Which entries are sent.
    pub window: Window,
    /// Whether the package is encrypted; `plain` packages are for preview and tests.
    pub protection: Protection,
    /// Patients sent.
    pub patients: u64,
    /// Journal entries sent.
    pub entries: u64,
    /// Tokens whose sending has ended by objection.
    pub stopped: u64,
    /// Objections and withdrawals in the journals, by type, and patients withheld.
    pub wishes: WishCounts,
    /// Wishes noted within the period; earlier versions did not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noted: Option<NotedInPeriod>,
    /// Who supplies the practice's system, where that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplier: Option<String>,
    /// What stayed at the practice.
    pub withheld: WithheldCounts,
    /// Versions of the code sets used.
    pub code_sets: BTreeMap<String, String>,
    /// SHA-256 of each file of the package, in hexadecimal, by name.
    pub files: BTreeMap<String, String>,
}

/// How a package is protected on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// Not at all: for preview and tests.
    Plain,
}

/// What stayed at the practice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithheldCounts {
    /// Journal entries of patients withheld.
    pub entries_of_objectors: u64,
    /// Entries that note type 1 wishes of patients who are sent.
    pub entries_of_objection_codes: u64,
    /// Sensitive entries, by subject.
    pub sensitive_entries: BTreeMap<String, u64>,
    /// Entries outside the window.
    pub entries_outside_window: u64,
    /// Entries of patients who are not in the patients file.
    pub entries_without_patient: u64,
    /// Rows that could not be read, of both files; in an export of several practices those of all, since a row that cannot
    /// be read belongs to nobody.
    pub rows_refused: u64,
}

impl Package {
    /// The patients file, to be read as source `gp-patients`.
    pub fn patients(&self) -> InputFile {
        InputFile::at(self.folder.join(PATIENTS))
    }

    /// The journals file, to be read as source `gp-journals`.
    pub fn journals(&self) -> InputFile {
        InputFile::at(self.folder.join(JOURNALS))
    }

    /// The tokens whose sending has ended by objection.
    ///
    /// # Errors
    /// [`ExtractError::Io`].
    pub fn stopped(&self) -> Result<Vec<String>, ExtractError> {
        let path = self.folder.join(STOPPED);
        let text = std::fs::read_to_string(&path).map_err(ExtractError::io(path.display().to_string()))?;
        Ok(text.lines().skip(1).filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }
}

/// The version of the form of packages that this program writes and reads.
pub const FORMAT: u32 = 1;
pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const PATIENTS: &str = "patients.csv";
pub(crate) const JOURNALS: &str = "journals.csv";
pub(crate) const STOPPED: &str = "stopped.csv";

/// The name of a package's folder.
fn folder_name(practice: &str, period: Period) -> String {
    format!("{practice}-{period}")
}

/// SHA-256 of a file, in hexadecimal.
fn sha256(path: &Path) -> Result<String, ExtractError> {
    let failed = || ExtractError::io(path.display().to_string());
    let mut hasher = Sha256::new();
    let mut file = File::open(path).map_err(failed())?;
    let mut bytes = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut bytes).map_err(failed())?;
        if read == 0 {
            break;
        }
        hasher.update(&bytes[..read]);
    }
    Ok(hasher.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

//! Which tokens a practice has sent before: a ledger file and earlier packages in, sets of tokens out.
//!
//! Invariant: a token that may have left is in the ledger; one too many does no harm, one too few would leave an objector's
//! rows at the centre.

use super::{JOURNALS, PATIENTS, STOPPED};
use crate::error::{ExtractError, PackageProblem};
use blake3::Hasher;
use caredata_model::Period;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Characters of a token: 128 bits in hexadecimal.
const TOKEN_CHARS: usize = 32;

/// A patient's opaque token: a keyed hash of practice and local id, of which nothing can be told without the practice's key.
pub(super) fn token(key: &[u8; 32], practice: &str, patient: &str) -> String {
    let mut hasher = Hasher::new_keyed(key);
    // The length parts the two, so that no two pairs run together.
    hasher.update(&(practice.len() as u64).to_le_bytes()).update(practice.as_bytes()).update(patient.as_bytes());
    let mut token = String::with_capacity(TOKEN_CHARS);
    for byte in &hasher.finalize().as_bytes()[..TOKEN_CHARS / 2] {
        // Writing to a string cannot fail.
        let _ = write!(token, "{byte:02x}");
    }
    token
}

/// Tokens sent before, by practice.
#[derive(Default)]
pub(super) struct Ledger {
    sent: BTreeMap<String, BTreeSet<String>>,
}

impl Ledger {
    /// Reads a ledger file of lines `practice,token`; one that is not there is empty, one that is damaged an error.
    pub(super) fn read(&mut self, path: &Path) -> Result<(), ExtractError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(cause) => return Err(ExtractError::Io { file: path.display().to_string(), cause }),
        };
        for line in text.lines() {
            let Some((practice, token)) = line.split_once(',').filter(|(_, token)| is_token(token)) else {
                let file = path.display().to_string();
                return Err(ExtractError::Package { package: file.clone(), problem: PackageProblem::Ledger(file) });
            };
            self.add(practice, token);
        }
        Ok(())
    }

    /// Adds the tokens of the practice's packages in `out`, of whatever period.
    pub(super) fn add_packages(&mut self, out: &Path, practice: &str) -> Result<(), ExtractError> {
        if !out.is_dir() {
            return Ok(());
        }
        for name in super::verify::names(out)? {
            let period = name.strip_prefix(practice).and_then(|rest| rest.strip_prefix('-'));
            if period.is_some_and(|period| period.parse::<Period>().is_ok()) {
                let folder = out.join(&name);
                self.add_column(practice, &folder.join(PATIENTS))?;
                self.add_column(practice, &folder.join(STOPPED))?;
            }
        }
        Ok(())
    }

    /// The token is the last column of a package's files, and never quoted.
    fn add_column(&mut self, practice: &str, path: &Path) -> Result<(), ExtractError> {
        debug_assert!(!path.ends_with(JOURNALS));
        let failed = |cause| ExtractError::Io { file: path.display().to_string(), cause };
        let file = match fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(cause) => return Err(failed(cause)),
        };
        for line in BufReader::new(file).lines().skip(1) {
            let line = line.map_err(failed)?;
            let last = line.rsplit(',').next().unwrap_or_default();
            if is_token(last) {
                self.add(practice, last);
            }
        }
        Ok(())
    }

    pub(super) fn add(&mut self, practice: &str, token: &str) {
        if !self.holds(practice, token) {
            self.sent.entry(practice.to_owned()).or_default().insert(token.to_owned());
        }
    }

    pub(super) fn holds(&self, practice: &str, token: &str) -> bool {
        self.sent.get(practice).is_some_and(|tokens| tokens.contains(token))
    }

    /// Writes one practice's ledger whole: a file beside it, then its name.
    pub(super) fn write(&self, practice: &str, path: &Path) -> Result<(), ExtractError> {
        let mut text = String::new();
        for token in self.sent.get(practice).into_iter().flatten() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{practice},{token}");
        }
        let beside = path.with_extension("new");
        fs::write(&beside, text).map_err(ExtractError::io(beside.display().to_string()))?;
        fs::rename(&beside, path).map_err(ExtractError::io(path.display().to_string()))
    }
}

fn is_token(text: &str) -> bool {
    text.len() == TOKEN_CHARS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

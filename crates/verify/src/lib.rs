//! The stranger's checker of caredata's log: a log's folder in, how far it holds or its first fault out.
//!
//! It shares no code with the log's writer; all it knows is the form. `audit.jsonl` holds a JSON object a line with `seq`
//! (counted from 0), `prev` (the line before's hash, 64 zeros at first) and, last, `hash`: SHA-256, in lower-case
//! hexadecimal digits, over the line's bytes before `,"hash"`. The first line's `act` is `log-opened` and its `details` name
//! the `format`, 1. `checkpoint` holds `LINES HASH`: how far the log reached at its latest append at least.
//!
//! What it finds: any changed, missing, added or reordered line, and lines missing at the end. What it cannot find by the
//! folder alone: a log rewritten from some line to its end together with its checkpoint. Against that, keep a checkpoint
//! elsewhere and give it to [`verify_against`].
//!
//! It also checks a receipt that a person was given with a report about themselves: `LINE-XXXX-XXXX-XXXX-XXXX`, where LINE is the
//! number of the log's line, from 0, and the rest 80 bits in base 32 (RFC 4648) with which `commitment` in the `details` of that
//! line, whose `act` is `subject-reported`, begins. Where the report itself is at hand as JSON, its `facts`, written with sorted
//! names and no blanks, have the commitment as their SHA-256.
//!
//! ```no_run
//! let report = caredata_verify::verify(std::path::Path::new("caredata-home/log"))?;
//! assert!(report.lines > 0);
//! # Ok::<(), caredata_verify::Fault>(())
//! ```

mod receipt;

pub use receipt::{Receipt, ReceiptFault, verify_receipt};

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The form of log that this checker knows.
const FORMAT: u64 = 1;
/// The hash "before" the first line.
const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// No line of a log is longer.
const LINE_BYTES_MAX: u64 = 1 << 16;
const HASH_MEMBER: &str = ",\"hash\":\"";
const LINE_END: &str = "\"}";

/// A log that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Lines in the log.
    pub lines: u64,
    /// The last line's hash; 64 zeros for a log without a line.
    pub hash: String,
}

/// How far a log reached at some moment, as `LINES HASH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Lines in the log.
    pub lines: u64,
    /// The last line's hash.
    pub hash: String,
}

/// The first thing that does not fit. Lines count from 1, as editors show them.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A file cannot be read.
    #[error("{path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is not of the form that a log's lines have.
    #[error("line {line}: not a line of a log")]
    Form {
        /// The line.
        line: u64,
    },
    /// The first line does not open a log of a form known here.
    #[error("line 1: not the opening of a log of format {FORMAT}")]
    Opening,
    /// A line's bytes do not give its hash.
    #[error("line {line}: changed since it was written")]
    Changed {
        /// The line.
        line: u64,
    },
    /// A line's number is not the next one.
    #[error("line {line}: number {found} stands where {expected} belongs; lines are missing, added or reordered")]
    Order {
        /// The line.
        line: u64,
        /// The number that belongs there.
        expected: u64,
        /// The number that stands there.
        found: u64,
    },
    /// A line does not name the hash of the line before it.
    #[error("line {line}: does not follow the line before it")]
    Chain {
        /// The line.
        line: u64,
    },
    /// The last line has no end: a crash left it so, or somebody cut the file. Opening the home mends the former.
    #[error("line {line}: half a line at the end")]
    HalfLine {
        /// The line.
        line: u64,
    },
    /// The checkpoint is missing or not of its form.
    #[error("the checkpoint is missing, or is not `LINES HASH`")]
    NoCheckpoint,
    /// The log reaches less far than a checkpoint says.
    #[error("the log has {found} lines where a checkpoint has {expected}: lines at its end are missing")]
    Truncated {
        /// Lines as of the checkpoint.
        expected: u64,
        /// Lines that are there.
        found: u64,
    },
    /// The log is whole in itself, but not the one a checkpoint was made of.
    #[error("line {line}: not the line that a checkpoint was made of; the log was rewritten")]
    Rewritten {
        /// The line.
        line: u64,
    },
}

impl FromStr for Checkpoint {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let (lines, hash) = text.trim_end_matches('\n').split_once(' ').ok_or(Fault::NoCheckpoint)?;
        if !is_hash(hash.as_bytes()) || !lines.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Fault::NoCheckpoint);
        }
        Ok(Self { lines: lines.parse().map_err(|_| Fault::NoCheckpoint)?, hash: hash.to_owned() })
    }
}

/// Checks the log in `folder` against itself and its own checkpoint.
///
/// # Errors
/// The first [`Fault`].
pub fn verify(folder: &Path) -> Result<Report, Fault> {
    check(folder, None)
}

/// Checks the log in `folder` also against a checkpoint that was kept elsewhere.
///
/// # Errors
/// The first [`Fault`]; [`Fault::Rewritten`] where the log holds but is not the one the checkpoint was made of.
pub fn verify_against(folder: &Path, kept: &Checkpoint) -> Result<Report, Fault> {
    check(folder, Some(kept))
}

fn check(folder: &Path, kept: Option<&Checkpoint>) -> Result<Report, Fault> {
    let own = own_checkpoint(folder)?;
    let checkpoints: Vec<&Checkpoint> = own.iter().chain(kept).collect();
    let path = folder.join("audit.jsonl");
    let unreadable = |source| Fault::Unreadable { path: path.clone(), source };
    let mut input = BufReader::new(File::open(&path).map_err(unreadable)?);
    let mut report = Report { lines: 0, hash: BEGINNING.to_owned() };
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = input.by_ref().take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut line).map_err(unreadable)?;
        if read == 0 {
            break;
        }
        let Some(text) = line.strip_suffix(b"\n") else {
            let line = report.lines + 1;
            return Err(if read as u64 > LINE_BYTES_MAX { Fault::Form { line } } else { Fault::HalfLine { line } });
        };
        report = follow(&report, text)?;
        if checkpoints.iter().any(|checkpoint| checkpoint.lines == report.lines && checkpoint.hash != report.hash) {
            return Err(Fault::Rewritten { line: report.lines });
        }
    }
    let expected = checkpoints.iter().map(|checkpoint| checkpoint.lines).max().unwrap_or(0);
    if expected > report.lines {
        return Err(Fault::Truncated { expected, found: report.lines });
    }
    // A crash can fall between the first line and its checkpoint, and at no later point does a log lack one.
    if own.is_none() && report.lines > 1 {
        return Err(Fault::NoCheckpoint);
    }
    Ok(report)
}

fn own_checkpoint(folder: &Path) -> Result<Option<Checkpoint>, Fault> {
    let path = folder.join("checkpoint");
    match fs::read(&path) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| Fault::NoCheckpoint)?.parse().map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Fault::Unreadable { path, source }),
    }
}

/// Checks that the line follows what was read before it.
fn follow(before: &Report, text: &[u8]) -> Result<Report, Fault> {
    let line = before.lines + 1;
    let (sealed, hash) = part(text).ok_or(Fault::Form { line })?;
    let digest = format!("{:x}", Sha256::digest(sealed));
    if digest != hash {
        return Err(Fault::Changed { line });
    }
    let value: Value = serde_json::from_slice(text).map_err(|_| Fault::Form { line })?;
    let member = |name: &str| value.get(name).and_then(Value::as_str);
    let found = value.get("seq").and_then(Value::as_u64).ok_or(Fault::Form { line })?;
    if found != before.lines {
        return Err(Fault::Order { line, expected: before.lines, found });
    }
    if member("prev") != Some(&before.hash) {
        return Err(Fault::Chain { line });
    }
    let format = value.get("details").and_then(|details| details.get("format")).and_then(Value::as_u64);
    if found == 0 && (member("act") != Some("log-opened") || format != Some(FORMAT)) {
        return Err(Fault::Opening);
    }
    Ok(Report { lines: line, hash: digest })
}

/// What is hashed, and the hash that stands behind it.
fn part(text: &[u8]) -> Option<(&[u8], &str)> {
    let text = text.strip_suffix(LINE_END.as_bytes())?;
    let (text, hash) = text.split_at_checked(text.len().checked_sub(BEGINNING.len())?)?;
    let sealed = text.strip_suffix(HASH_MEMBER.as_bytes())?;
    let hash = std::str::from_utf8(hash).ok().filter(|hash| is_hash(hash.as_bytes()))?;
    Some((sealed, hash))
}

fn is_hash(text: &[u8]) -> bool {
    text.len() == BEGINNING.len() && text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

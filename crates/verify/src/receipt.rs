//! The check of a receipt: a log's folder, a receipt's code and perhaps the report in; whether they belong together out.
//!
//! Invariant: a receipt holds only where the whole log does, since a line proves nothing in a log that was rewritten.

use crate::{Fault, verify};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Digits of a code, of five bits each.
const CODE_DIGITS: usize = 16;

/// A receipt that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The line of the log, from 1, as editors show it.
    pub line: u64,
    /// When the report was made, as the log has it.
    pub time: String,
}

/// Why a receipt does not hold.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptFault {
    /// The log itself does not.
    #[error(transparent)]
    Log(#[from] Fault),
    /// The code is not of a receipt's form.
    #[error("not a receipt: LINE-XXXX-XXXX-XXXX-XXXX, of the letters A to Z and the digits 2 to 7")]
    Form,
    /// The log has no such line, or it is no report's.
    #[error("no report was noted in the line that the receipt names")]
    NoReport,
    /// Another report was noted there.
    #[error("the line that the receipt names tells of another report")]
    OtherReport,
    /// The report at hand is not JSON with `facts`.
    #[error("the report cannot be read: give it as JSON")]
    Unreadable,
    /// The report at hand differs from the one that was made.
    #[error("the report is not the one that was made: something in it was changed")]
    Changed,
}

/// Checks a receipt against the log in `folder`, and `report`, the report as JSON, against both.
///
/// # Errors
/// The first [`ReceiptFault`].
pub fn verify_receipt(folder: &Path, code: &str, report: Option<&str>) -> Result<Receipt, ReceiptFault> {
    let (line, print) = parse(code).ok_or(ReceiptFault::Form)?;
    if verify(folder)?.lines <= line {
        return Err(ReceiptFault::NoReport);
    }
    let noted = line_of(folder, line).ok_or(ReceiptFault::NoReport)?;
    let member = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let commitment = noted.get("details").and_then(|details| member(details, "commitment"));
    let (Some(commitment), Some("subject-reported")) = (commitment, member(&noted, "act").as_deref()) else {
        return Err(ReceiptFault::NoReport);
    };
    if !commitment.starts_with(&print) {
        return Err(ReceiptFault::OtherReport);
    }
    if let Some(report) = report {
        let report: Value = serde_json::from_str(report).map_err(|_| ReceiptFault::Unreadable)?;
        let facts = report.get("facts").ok_or(ReceiptFault::Unreadable)?;
        if format!("{:x}", Sha256::digest(sorted(facts))) != commitment {
            return Err(ReceiptFault::Changed);
        }
    }
    Ok(Receipt { line: line + 1, time: member(&noted, "time").unwrap_or_default() })
}

/// The line's number, from 0, and the hexadecimal digits with which the commitment begins.
fn parse(code: &str) -> Option<(u64, String)> {
    let (line, print) = code.trim().split_once('-')?;
    let digits: Vec<u128> = print
        .chars()
        .filter(|&one| one != '-' && one != ' ')
        .map(|one| DIGITS.find(one.to_ascii_uppercase()).map(|place| place as u128))
        .collect::<Option<_>>()?;
    if digits.len() != CODE_DIGITS {
        return None;
    }
    let bits = digits.into_iter().fold(0, |bits, digit| bits << 5 | digit);
    Some((line.parse().ok()?, format!("{bits:020x}")))
}

fn line_of(folder: &Path, line: u64) -> Option<Value> {
    let log = BufReader::new(File::open(folder.join("audit.jsonl")).ok()?);
    serde_json::from_str(&log.lines().nth(usize::try_from(line).ok()?)?.ok()?).ok()
}

/// JSON with sorted names and no blanks.
fn sorted(value: &Value) -> String {
    let joined = |parts: Vec<String>| parts.join(",");
    match value {
        Value::Object(members) => {
            let mut parts: Vec<(&String, &Value)> = members.iter().collect();
            parts.sort_by_key(|(name, _)| *name);
            let part = |(name, value): (&String, &Value)| format!("{}:{}", Value::from(name.as_str()), sorted(value));
            format!("{{{}}}", joined(parts.into_iter().map(part).collect()))
        }
        Value::Array(items) => format!("[{}]", joined(items.iter().map(sorted).collect())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_and_nothing_else_is_one() {
        assert_eq!(parse("17-aaaa-AAAA-AAAA-AAAB"), Some((17, format!("{:0>20}", "1"))));
        assert_eq!(parse("0-7777-7777-7777-7777"), Some((0, "f".repeat(20))));
        for text in ["", "17", "17-AAAA", "x-AAAA-AAAA-AAAA-AAAA", "17-AAAA-AAAA-AAAA-AAA1", "17-AAAA-AAAA-AAAA-AAAA-A"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

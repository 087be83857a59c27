//! The receipt of a report: facts in, a commitment for the log and a short code for the person out.
//!
//! The commitment is SHA-256 over the facts as JSON with sorted keys and no blanks. Among the facts is a random mark of 128 bits,
//! so that nobody finds a person by trying facts. The code is the number of the log's line, from 0, and the commitment's first
//! 80 bits in the digits of RFC 4648's base 32. Invariant: neither tells who the person is.

use super::Facts;
use crate::audit::hexadecimal;
use crate::error::EngineError;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A random mark.
pub fn mark() -> Result<String, EngineError> {
    let mut mark = [0_u8; 16];
    getrandom::fill(&mut mark).map_err(|_| EngineError::NoRandomness)?;
    Ok(hexadecimal(&mark))
}

/// The commitment to the facts, in hexadecimal digits.
pub fn commitment(facts: &Facts) -> Result<String, EngineError> {
    let value = serde_json::to_value(facts).map_err(EngineError::json("writing down a report"))?;
    let mut text = String::new();
    canonical(&value, &mut text);
    Ok(hexadecimal(&Sha256::digest(text.as_bytes())))
}

/// JSON with sorted keys and no blanks, whatever order the map keeps.
fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            for (place, name) in names.into_iter().enumerate() {
                text.push(if place == 0 { '{' } else { ',' });
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                canonical(&members[name], text);
            }
            text.push_str(if members.is_empty() { "{}" } else { "}" });
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                text.push(if place == 0 { '[' } else { ',' });
                canonical(item, text);
            }
            text.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => text.push_str(&value.to_string()),
    }
}

/// The code that is printed.
pub fn code(line: u64, commitment: &str) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits = commitment.chars().take(20).filter_map(|digit| digit.to_digit(16));
    let bits = bits.fold(0_u128, |bits, digit| bits << 4 | u128::from(digit));
    let mut text = line.to_string();
    for place in 0..16 {
        if place % 4 == 0 {
            text.push('-');
        }
        text.push(char::from(DIGITS[(bits >> (75 - 5 * place) & 31) as usize]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_short_and_of_one_commitment() {
        assert_eq!(code(17, &"00".repeat(32)), "17-AAAA-AAAA-AAAA-AAAA");
        assert_eq!(code(0, &"ff".repeat(32)), "0-7777-7777-7777-7777");
        assert_ne!(code(0, &"01".repeat(32)), code(0, &"02".repeat(32)));
    }

    #[test]
    fn canonical_json_does_not_depend_on_order() {
        let mut text = String::new();
        let value = serde_json::json!({ "b": [1, {}, []], "a": { "z": null, "y": "\"x\"" } });
        canonical(&value, &mut text);
        assert_eq!(text, r#"{"a":{"y":"\"x\"","z":null},"b":[1,{},[]]}"#);
    }
}

//! An instrument's document: a TOML file in, a checked [`Instrument`] and the file's hash out.
//!
//! Invariant: an instrument has a basis that may lift what it lifts, a purpose of a closed list, a data scope, and a last day
//! that lies no more than a year after the first.

use super::LawError;
use crate::audit::hexadecimal;
use crate::error::{EngineError, Remark};
use crate::records::TABLES;
use crate::register::Kind;
use caredata_model::{
    Article6, Article9, Choice, ConfidentialityBasis, Day, LawfulPurpose, LegalBasis, Scope, may_lift,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::Path;

/// The most days that an instrument can be in force. Powers of an emergency outlived it once; a longer use needs a new
/// document and new approvals.
pub const DAYS_MAX: i32 = 366;
/// No document is longer.
const BYTES_MAX: usize = 1 << 16;

/// What an instrument lifts: objections of these scopes, for rows of these tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifted {
    /// The objections.
    pub scopes: BTreeSet<Scope>,
    /// The tables of the linked record.
    pub tables: BTreeSet<String>,
}

/// What lets a use go ahead despite objections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// Its id: lower-case letters, digits and `-`.
    pub id: String,
    /// On what it rests.
    pub basis: LegalBasis,
    /// The words of the law or decision, as the public is to read them.
    pub wording: String,
    /// For what.
    pub purpose: LawfulPurpose,
    /// What it lifts.
    pub lifted: Lifted,
    /// The first day.
    pub start: Day,
    /// The last day.
    pub end: Day,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Document {
    id: String,
    basis: String,
    article_6: String,
    article_9: String,
    wording: String,
    purpose: String,
    lifts: Vec<String>,
    tables: Vec<String>,
    start: String,
    end: String,
}

/// The text of a document and the SHA-256 of the exact file.
pub fn read(file: &Path) -> Result<(String, String), EngineError> {
    let bytes = std::fs::read(file).map_err(EngineError::io("reading the document", file))?;
    if bytes.len() > BYTES_MAX {
        return Err(LawError::NotAnInstrument { what: "it is longer than 64 KiB".to_owned() }.into());
    }
    let sha256 = hexadecimal(&Sha256::digest(&bytes));
    let text =
        String::from_utf8(bytes).map_err(|_| LawError::NotAnInstrument { what: "it is not UTF-8 text".to_owned() })?;
    Ok((text, sha256))
}

/// The hash of a document's text.
pub fn sha256(text: &str) -> String {
    hexadecimal(&Sha256::digest(text.as_bytes()))
}

/// An id as an error may show it.
pub fn shown(id: &str) -> String {
    if is_id(id) { id.to_owned() } else { "of that name".to_owned() }
}

fn is_id(id: &str) -> bool {
    let letters = id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    // Remark: no NHS Number.
    letters && (1..=40).contains(&id.len()) && Remark::parse("the id", id).is_ok()
}

impl Instrument {
    /// Reads a document.
    ///
    /// # Errors
    /// [`LawError::NotAnInstrument`], [`LawError::NotLifted`].
    pub fn parse(text: &str) -> Result<Self, LawError> {
        let fault = |what: &str| LawError::NotAnInstrument { what: what.to_owned() };
        let document: Document = toml::from_str(text).map_err(|error| {
            // The parser's own words may hold a value of the document.
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            fault(&format!("line {} is not as an instrument has it", before.matches('\n').count() + 1))
        })?;
        if !is_id(&document.id) {
            return Err(fault("its id is not 1 to 40 lower-case letters, digits and `-`"));
        }
        let wording = document.wording.trim().to_owned();
        let lines: Vec<&str> = wording.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if lines.is_empty() || lines.iter().any(|line| Remark::parse("the wording", line).is_err()) {
            return Err(fault("its wording is empty, or has a line longer than 200 characters or with an NHS Number"));
        }
        let day = |text: &str| Day::parse(text).map_err(|_| fault("`start` and `end` are days, such as 2020-04-01"));
        let (start, end) = (day(&document.start)?, day(&document.end)?);
        let days = end.days_since_1970() - start.days_since_1970();
        if !(0..DAYS_MAX).contains(&days) {
            return Err(fault("its last day comes before its first, or more than a year after it"));
        }
        let basis =
            basis(&document).ok_or_else(|| fault("`basis`, `article-6` or `article-9` is none that is known"))?;
        Ok(Self {
            lifted: Lifted { scopes: scopes(&document, basis)?, tables: tables(&document)? },
            id: document.id,
            basis,
            wording,
            purpose: LawfulPurpose::parse(&document.purpose).ok_or_else(|| {
                fault(
                    "its purpose is not communicable-disease, public-health-emergency, required-by-law or \
                     serious-harm (care itself needs no instrument: objections never reach it)",
                )
            })?,
            start,
            end,
        })
    }
}

fn basis(document: &Document) -> Option<LegalBasis> {
    Some(LegalBasis {
        confidentiality: ConfidentialityBasis::parse(&document.basis)?,
        article6: Article6::parse(&document.article_6)?,
        article9: Article9::parse(&document.article_9)?,
    })
}

fn scopes(document: &Document, basis: LegalBasis) -> Result<BTreeSet<Scope>, LawError> {
    let fault = |what: &str| LawError::NotAnInstrument { what: what.to_owned() };
    let mut scopes = BTreeSet::new();
    for text in &document.lifts {
        let kind: Kind = text
            .parse()
            .map_err(|_| fault("`lifts` names other things than object-gp, object-all or object-source:NAME"))?;
        if kind.choice != Choice::Object {
            return Err(fault("`lifts` names a withdrawal"));
        }
        may_lift(basis.confidentiality, &kind.scope)
            .map_err(|why| LawError::NotLifted { kind: kind.to_string(), why })?;
        scopes.insert(kind.scope);
    }
    if scopes.is_empty() {
        return Err(fault("it lifts nothing"));
    }
    Ok(scopes)
}

fn tables(document: &Document) -> Result<BTreeSet<String>, LawError> {
    let known = |name: &&String| TABLES.iter().any(|table| table.name() == name.as_str());
    if document.tables.is_empty() || !document.tables.iter().all(|name| known(&name)) {
        let names = TABLES.map(caredata_extract::Table::name).join(", ");
        return Err(LawError::NotAnInstrument { what: format!("`tables` names none, or others than {names}") });
    }
    Ok(document.tables.iter().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A document that is one.
    pub const GOOD: &str = r#"
id = "notice-2020-1"
basis = "copi-regulation-3"
article-6 = "public-task"
article-9 = "public-health"
wording = """
Notice under regulation 3(4) of the Health Service (Control of Patient Information) Regulations 2002.
"""
purpose = "communicable-disease"
lifts = ["object-all", "object-source:apc"]
tables = ["admissions", "emergency"]
start = "2020-03-20"
end = "2020-09-30"
"#;

    #[test]
    fn a_document_is_read() {
        let instrument = Instrument::parse(GOOD).expect("an instrument");
        assert_eq!(instrument.id, "notice-2020-1");
        assert_eq!(instrument.basis.to_string(), "COPI regulation 3; UK GDPR 6(1)(e), 9(2)(i)");
        assert_eq!((instrument.lifted.scopes.len(), instrument.lifted.tables.len()), (2, 2));
    }

    #[test]
    fn refusals() {
        let refused = |from: &str, to: &str| {
            let text = GOOD.replace(from, to);
            assert_ne!(text, GOOD, "{from}");
            Instrument::parse(&text).expect_err(to).code()
        };
        for (from, to) in [
            ("notice-2020-1", "Notice 1"),
            ("notice-2020-1", "9434765919"),
            ("\"2020-09-30\"", "\"2021-03-21\""),
            ("\"2020-09-30\"", "\"2020-03-19\""),
            ("end = \"2020-09-30\"", ""),
            ("communicable-disease", "direct-care"),
            ("communicable-disease", "planning"),
            ("[\"admissions\", \"emergency\"]", "[]"),
            ("\"admissions\"", "\"names\""),
            ("\"object-all\"", "\"withdraw-all\""),
            ("[\"object-all\", \"object-source:apc\"]", "[]"),
            ("public-task", "consent"),
            ("Notice under", "About 943 476 5919, notice under"),
        ] {
            assert_eq!(refused(from, to), "not-an-instrument", "{to}");
        }
        for (from, to) in [
            ("copi-regulation-3", "section-251"),
            ("copi-regulation-3", "explicit-consent"),
            ("copi-regulation-3", "direction-254"),
        ] {
            assert_eq!(refused(from, to), "not-lifted", "{to}");
        }
        let text = GOOD.replace("copi-regulation-3", "requirement-259");
        assert!(Instrument::parse(&text).is_ok());
        let text = text.replace("object-all", "object-gp");
        assert_eq!(Instrument::parse(&text).expect_err("type 1 stands").code(), "not-lifted");
    }
}

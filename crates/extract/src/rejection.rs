//! What could not be taken as it stood: rows refused, fields blanked, and the quality counts made of them.
//!
//! Invariant: a rejection says where and why, never what the value was.

use caredata_model::Defect;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A row or a field that could not be taken as it stood.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rejection {
    /// The file's name.
    pub file: Arc<str>,
    /// The line on which the record begins; the header is line 1. For Parquet the row's number, the first being 1.
    pub line: u64,
    /// The column, by its name in the declaration; empty where the whole row is meant.
    pub field: Arc<str>,
    /// Why.
    pub reason: Reason,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a row or field that could not be taken as it stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The row is not taken: quarantine.
    RowRefused,
    /// The field is taken as missing; the row stands.
    FieldBlanked,
    /// The field is kept though doubtful (an NHS Number whose check digit is wrong); the row stands.
    FieldDoubted,
}

/// Why a row or field could not be taken as it stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// More or fewer fields than the header has columns.
    FieldCount,
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// A NUL byte.
    NulByte,
    /// Text after a closing quotation mark.
    Quoting,
    /// A field that must have a value has none.
    Missing,
    /// A field longer than its limit.
    TooLong,
    /// No date that exists.
    NotADay,
    /// No whole number.
    NotAnInteger,
    /// No decimal number.
    NotADecimal,
    /// A defect of one of the four identifiers.
    Identifier(Defect),
}

impl Reason {
    /// The reason in words, for a quarantine list.
    pub const fn words(self) -> &'static str {
        match self {
            Self::FieldCount => "more or fewer fields than the header has columns",
            Self::NotUtf8 => "not UTF-8 text",
            Self::NulByte => "holds a NUL byte",
            Self::Quoting => "text after a closing quotation mark",
            Self::Missing => "must have a value",
            Self::TooLong => "longer than its limit",
            Self::NotADay => "not a date that exists",
            Self::NotAnInteger => "not a whole number",
            Self::NotADecimal => "not a decimal number",
            Self::Identifier(defect) => defect.reason(),
        }
    }

    /// A short stable name, for counting and for scripts.
    pub const fn code(self) -> &'static str {
        match self {
            Self::FieldCount => "field-count",
            Self::NotUtf8 => "not-utf8",
            Self::NulByte => "nul-byte",
            Self::Quoting => "quoting",
            Self::Missing => "missing",
            Self::TooLong => "too-long",
            Self::NotADay => "not-a-day",
            Self::NotAnInteger => "not-an-integer",
            Self::NotADecimal => "not-a-decimal",
            Self::Identifier(Defect::NhsNumberForm) => "nhs-number-form",
            Self::Identifier(Defect::NhsNumberCheckDigit) => "nhs-number-check-digit",
            Self::Identifier(Defect::BirthDate) => "birth-date",
            Self::Identifier(Defect::Postcode) => "postcode",
            Self::Identifier(Defect::Gender) => "gender",
        }
    }
}

impl Outcome {
    /// The outcome in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::RowRefused => "row refused",
            Self::FieldBlanked => "field taken as missing",
            Self::FieldDoubted => "field kept as weak evidence",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}", self.file, self.line)?;
        if !self.field.is_empty() {
            write!(f, ", {}", self.field)?;
        }
        write!(f, ": {} ({})", self.reason.words(), self.outcome.words())
    }
}

/// One of the four identifiers, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentifierField {
    /// NHS Number.
    NhsNumber,
    /// Date of birth.
    DateOfBirth,
    /// Postcode.
    Postcode,
    /// Gender.
    Gender,
}

impl IdentifierField {
    /// All four, in the order in which a [`QualityCounts`] holds them.
    pub const ALL: [Self; 4] = [Self::NhsNumber, Self::DateOfBirth, Self::Postcode, Self::Gender];

    /// The identifier's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NhsNumber => "NHS Number",
            Self::DateOfBirth => "date of birth",
            Self::Postcode => "postcode",
            Self::Gender => "gender",
        }
    }

    /// Which identifier a defect is of.
    pub const fn of(defect: Defect) -> Self {
        match defect {
            Defect::NhsNumberForm | Defect::NhsNumberCheckDigit => Self::NhsNumber,
            Defect::BirthDate => Self::DateOfBirth,
            Defect::Postcode => Self::Postcode,
            Defect::Gender => Self::Gender,
        }
    }
}

/// Quality of the identifiers of one provider: of `rows` rows taken, how many had an identifier missing (or stated as not
/// known) or defective.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QualityCounts {
    /// Rows taken.
    pub rows: u64,
    /// Rows in which the identifier was not stated, in the order of [`IdentifierField::ALL`].
    pub missing: [u64; 4],
    /// Rows in which the identifier was stated and defective, in the order of [`IdentifierField::ALL`].
    pub defective: [u64; 4],
}

impl QualityCounts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        for field in 0..4 {
            self.missing[field] += other.missing[field];
            self.defective[field] += other.defective[field];
        }
    }
}

/// Quality of the identifiers, by provider. Empty where the source has none or they were not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    /// Counts by provider code, in its order.
    pub by_provider: BTreeMap<Box<str>, QualityCounts>,
}

impl Quality {
    /// The counts of all providers together.
    pub fn total(&self) -> QualityCounts {
        let mut total = QualityCounts::default();
        for counts in self.by_provider.values() {
            total.add(counts);
        }
        total
    }

    /// Adds the counts of another reading.
    pub fn merge(&mut self, other: Self) {
        for (provider, counts) in other.by_provider {
            self.by_provider.entry(provider).or_default().add(&counts);
        }
    }
}

//! A source of records as a declaration: TOML in, a checked [`Source`] out.
//!
//! A place of care joins in without a line of code: its declaration says which columns hold the four identifiers, the
//! record key, the provider and the dates, and which columns become payload, with what type and code system.
//!
//! Invariant: a `Source` has a key, a provider and an event day; names of record columns are lower-case, unique and fit for
//! a table; free-text columns are never among them.

use crate::error::{DeclarationProblem, ExtractError};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use caredata_model::{CodeSystem, SourceName};
use serde::Deserialize;
use std::collections::HashSet;
use std::sync::Arc;

/// A declared source of records.
///
/// ```
/// use caredata_extract::{Source, Table};
/// let source = Source::parse(r##"
///     name = "social-care"
///     title = "Adult social care"
///     table = "other"
///     files = ["social_care"]
///     key = ["event_id"]
///     provider = "council"
///     event_day = ["start_date"]
///     [identifiers]
///     nhs_number = "nhs_number"
///     date_of_birth = "birth_date"
///     postcode = "postcode"
///     gender = "sex"
///     [[columns]]
///     name = "service"
///     type = "code"
///     required = true
/// "##).unwrap();
/// assert_eq!(source.table, Table::Other);
/// assert!(Source::parse("name = \"Social Care\"").is_err());
/// assert_eq!(Source::builtin("apc").unwrap().identifiers.as_ref().unwrap().nhs_number, "NEWNHSNO");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its short name, by which objections and links speak of it.
    pub name: SourceName,
    /// What it is, in words.
    pub title: String,
    /// The table its records go to.
    pub table: Table,
    /// Stems of its files' names: `patients` for `patients*.csv`.
    pub files: Vec<String>,
    /// How its dates are written.
    pub dates: DateForm,
    /// The columns that together are a record's key, joined by `/`.
    pub key: Vec<String>,
    /// How many of the first key columns name the record that links this one (for journals the registration,
    /// `practice_code/patient_id`); all of them where a record links by its own identifiers.
    pub link_key_columns: usize,
    /// The source whose record links this one, where it does not link by its own identifiers.
    pub linked_through: Option<SourceName>,
    /// The column of the provider's code. Always required.
    pub provider: String,
    /// The column of the local patient id within the provider.
    pub local_id: Option<String>,
    /// The column of the practice's own opaque token, in packages.
    pub token: Option<String>,
    /// The columns of the four identifiers; none where records link through another source.
    pub identifiers: Option<IdentifierColumns>,
    /// The columns that can give the day of the event: the first that holds a date counts.
    pub event_day: Vec<String>,
    /// Whether a row without an event day is refused.
    pub event_day_required: bool,
    /// The columns that become payload, in the order of the record.
    pub columns: Vec<Column>,
    /// What makes an event a birth or a delivery, so that its days go to the month.
    pub births: Vec<BirthRule>,
    /// Names of free-text columns; a file that has one is refused.
    pub free_text: Vec<String>,
}

/// The table of the linked record that a source's records go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Table {
    /// `persons`: registrations.
    Persons,
    /// `journals`: coded entries of GP records.
    Journals,
    /// `admissions`: episodes of admitted patient care.
    Admissions,
    /// `outpatients`: appointments.
    Outpatients,
    /// `emergency`: attendances at accident and emergency.
    Emergency,
    /// `other`: events of every other place of care.
    Other,
}

impl Table {
    /// All tables, in the order of the data dictionary.
    pub const ALL: [Self; 6] =
        [Self::Persons, Self::Journals, Self::Admissions, Self::Outpatients, Self::Emergency, Self::Other];

    /// The table's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Persons => "persons",
            Self::Journals => "journals",
            Self::Admissions => "admissions",
            Self::Outpatients => "outpatients",
            Self::Emergency => "emergency",
            Self::Other => "other",
        }
    }
}

/// How a source writes dates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DateForm {
    /// `YYYY-MM-DD` alone.
    #[default]
    Iso,
    /// `YYYY-MM-DD` or `DD/MM/YYYY`, and the "not known" days of hospital files, which are missing values.
    Hospital,
}

/// The columns that hold the four identifiers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentifierColumns {
    /// NHS Number.
    pub nhs_number: String,
    /// Date of birth.
    pub date_of_birth: String,
    /// Postcode.
    pub postcode: String,
    /// Gender.
    pub gender: String,
}

impl IdentifierColumns {
    /// The four names, in the order NHS Number, date of birth, postcode, gender.
    pub fn names(&self) -> [&str; 4] {
        [&self.nhs_number, &self.date_of_birth, &self.postcode, &self.gender]
    }
}

/// A column that becomes payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in the file.
    pub file_name: String,
    /// Its name in the record.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
    /// Whether a file without the column is refused, where the column is asked for. A field of it may still be empty.
    pub required: bool,
    /// The code system of its values, in words, for the data dictionary (`icd10`, `opcs4`, `hes`, `ods`…).
    pub code_system: Option<String>,
    /// What it means, in words, for the data dictionary.
    pub meaning: Option<String>,
    /// The longest value taken, in bytes. A longer one is blanked: what is that long is no code.
    pub bytes_max: usize,
}

/// The type of a payload column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// A calendar day: Arrow `Date32`.
    Day,
    /// A code or another short closed text: Arrow `Utf8`.
    Code,
    /// A whole number: Arrow `Int64`.
    Integer,
    /// A decimal number: Arrow `Float64`.
    Decimal,
}

impl ColumnType {
    /// The Arrow type of such a column.
    pub const fn arrow(self) -> DataType {
        match self {
            Self::Day => DataType::Date32,
            Self::Code => DataType::Utf8,
            Self::Integer => DataType::Int64,
            Self::Decimal => DataType::Float64,
        }
    }
}

/// What makes an event a birth or a delivery: a code of one of `columns` (names in the record) that begins with one of
/// `prefixes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BirthRule {
    /// The columns looked at, by their names in the record.
    pub columns: Vec<String>,
    /// Where the file names each entry's code system: the system to which the rule belongs.
    pub system: Option<CodeSystem>,
    /// Beginnings of codes.
    pub prefixes: Vec<String>,
}

impl Source {
    /// The sources shipped with the program.
    pub const BUILTIN: [&'static str; 5] = ["gp-patients", "gp-journals", "apc", "op", "ae"];

    /// A source shipped with the program, by name.
    ///
    /// # Errors
    /// [`ExtractError::Declaration`] where there is none of that name.
    pub fn builtin(name: &str) -> Result<Self, ExtractError> {
        let text = match name {
            "gp-patients" => include_str!("../sources/gp-patients.toml"),
            "gp-journals" => include_str!("../sources/gp-journals.toml"),
            "apc" => include_str!("../sources/apc.toml"),
            "op" => include_str!("../sources/op.toml"),
            "ae" => include_str!("../sources/ae.toml"),
            _ => {
                return Err(ExtractError::Declaration {
                    source_name: name.to_owned(),
                    problem: DeclarationProblem::NotBuiltin,
                });
            }
        };
        Self::parse(text)
    }

    /// Reads a declaration from TOML.
    ///
    /// # Errors
    /// [`ExtractError::Declaration`], saying what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, ExtractError> {
        let declared: Declared = toml::from_str(text).map_err(|error| {
            refused("(unnamed)")(DeclarationProblem::Form(error.to_string().trim_end().replace('\n', " ")))
        })?;
        let name = declared.name.clone();
        declared.check().map_err(refused(&name))
    }

    /// The schema of the payload: the declared columns, all nullable, named and typed as declared.
    pub fn payload_schema(&self) -> SchemaRef {
        let field = |column: &Column| Field::new(&column.name, column.kind.arrow(), true);
        Arc::new(Schema::new(self.columns.iter().map(field).collect::<Vec<_>>()))
    }

    /// Whether the file name `name` is one of this source's: a stem, then nothing, a digit, `-`, `_`, `.` or a space before
    /// the ending `.csv` or `.parquet` (`.gz` and `.zst` after `.csv`).
    pub fn names_file(&self, name: &str) -> bool {
        crate::find::stem(name).is_some_and(|stem| {
            self.files.iter().any(|own| {
                stem.strip_prefix(own.as_str())
                    .is_some_and(|rest| rest.bytes().next().is_none_or(|byte| !byte.is_ascii_alphabetic()))
            })
        })
    }

    /// The names in the file without which a file is refused, when these payload columns (by place) are asked for.
    pub(crate) fn required_names(&self, payload: &[usize]) -> Vec<&str> {
        let mut names: Vec<&str> = self.key.iter().map(String::as_str).collect();
        names.push(&self.provider);
        names.extend(self.local_id.as_deref());
        names.extend(self.identifiers.iter().flat_map(IdentifierColumns::names));
        names.extend(self.event_day.first().filter(|_| self.event_day_required).map(String::as_str));
        let payload = payload.iter().map(|&place| &self.columns[place]);
        names.extend(payload.filter(|column| column.required).map(|column| column.file_name.as_str()));
        let mut seen = HashSet::new();
        names.retain(|name| seen.insert(*name));
        names
    }
}

fn refused(name: &str) -> impl Fn(DeclarationProblem) -> ExtractError {
    let source_name = name.to_owned();
    move |problem| ExtractError::Declaration { source_name: source_name.clone(), problem }
}

/// The declaration as it stands in the file, unchecked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    name: String,
    title: String,
    table: Table,
    files: Vec<String>,
    #[serde(default)]
    dates: DateForm,
    key: Vec<String>,
    link_key: Option<Vec<String>>,
    linked_through: Option<String>,
    provider: String,
    local_id: Option<String>,
    token: Option<String>,
    identifiers: Option<IdentifierColumns>,
    event_day: Vec<String>,
    #[serde(default = "yes")]
    event_day_required: bool,
    #[serde(default)]
    columns: Vec<DeclaredColumn>,
    #[serde(default)]
    births: Vec<DeclaredBirths>,
    #[serde(default)]
    free_text: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredColumn {
    name: String,
    #[serde(rename = "as")]
    record_name: Option<String>,
    #[serde(rename = "type")]
    kind: ColumnType,
    #[serde(default)]
    required: bool,
    code_system: Option<String>,
    meaning: Option<String>,
    #[serde(default = "code_bytes_max")]
    bytes_max: usize,
    /// `[first, last]`: the column stands for several, `#` in both names being the number in two digits.
    numbers: Option<[u32; 2]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredBirths {
    columns: Vec<String>,
    system: Option<String>,
    prefixes: Vec<String>,
}

const fn yes() -> bool {
    true
}

/// Long enough for every code in use and for a unit of measurement; too short for a sentence.
const fn code_bytes_max() -> usize {
    40
}

impl Declared {
    fn check(self) -> Result<Source, DeclarationProblem> {
        for (list, name) in [(&self.files, "files"), (&self.key, "key"), (&self.event_day, "event_day")] {
            if list.is_empty() || list.iter().any(String::is_empty) {
                return Err(DeclarationProblem::Nothing(name));
            }
        }
        let link_key_columns = match &self.link_key {
            None => self.key.len(),
            Some(link) if !link.is_empty() && self.key.starts_with(link) => link.len(),
            Some(_) => return Err(DeclarationProblem::LinkKey),
        };
        let mut columns = Vec::new();
        for column in self.columns {
            column.expand(&mut columns)?;
        }
        let mut names = HashSet::new();
        if let Some(twice) = columns.iter().find(|column| !names.insert(column.name.clone())) {
            return Err(DeclarationProblem::TwiceInRecord(twice.name.clone()));
        }
        let births = self.births.into_iter().map(|births| births.check(&names)).collect::<Result<_, _>>()?;
        Ok(Source {
            name: SourceName::parse(&self.name)?,
            title: self.title,
            table: self.table,
            files: self.files.iter().map(|stem| stem.to_ascii_lowercase()).collect(),
            dates: self.dates,
            key: self.key,
            link_key_columns,
            linked_through: self.linked_through.as_deref().map(SourceName::parse).transpose()?,
            provider: self.provider,
            local_id: self.local_id,
            token: self.token,
            identifiers: self.identifiers,
            event_day: self.event_day,
            event_day_required: self.event_day_required,
            columns,
            births,
            free_text: self.free_text,
        })
    }
}

impl DeclaredColumn {
    fn expand(self, columns: &mut Vec<Column>) -> Result<(), DeclarationProblem> {
        let record_name = self.record_name.unwrap_or_else(|| self.name.to_ascii_lowercase());
        let fits = record_name.starts_with(|first: char| first.is_ascii_lowercase())
            && record_name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'#'));
        if !fits {
            return Err(DeclarationProblem::RecordColumn(record_name));
        }
        let column = |file_name: String, name: String| Column {
            file_name,
            name,
            kind: self.kind,
            required: self.required,
            code_system: self.code_system.clone(),
            meaning: self.meaning.clone(),
            bytes_max: self.bytes_max,
        };
        match self.numbers {
            None => columns.push(column(self.name, record_name)),
            Some(_) if !self.name.contains('#') || !record_name.contains('#') => {
                return Err(DeclarationProblem::NoNumberPlace(self.name));
            }
            Some([first, last]) => columns.extend((first..=last.min(99)).map(|number| {
                let number = format!("{number:02}");
                column(self.name.replace('#', &number), record_name.replace('#', &number))
            })),
        }
        Ok(())
    }
}

impl DeclaredBirths {
    /// A name that ends in `*` stands for all columns that begin so.
    fn check(self, names: &HashSet<String>) -> Result<BirthRule, DeclarationProblem> {
        let mut columns = Vec::new();
        for pattern in self.columns {
            let before = columns.len();
            match pattern.strip_suffix('*') {
                Some(stem) => columns.extend(names.iter().filter(|name| name.starts_with(stem)).cloned()),
                None => columns.extend(names.get(&pattern).cloned()),
            }
            if columns.len() == before {
                return Err(DeclarationProblem::UnknownColumn(pattern));
            }
        }
        columns.sort();
        let system = match self.system {
            None => None,
            Some(name) => Some(
                CodeSystem::parse(&name)
                    .ok_or_else(|| DeclarationProblem::Form(format!("there is no code system `{name}`")))?,
            ),
        };
        Ok(BirthRule { columns, system, prefixes: self.prefixes })
    }
}

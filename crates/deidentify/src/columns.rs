//! The closed schema of the linked record: every table's columns, declared once, with types, forms and meanings.
//!
//! From these declarations come the Arrow schemas, the checks of values, and the data dictionary. Invariant: there is no
//! column for a name, an NHS Number, a date of birth or a postcode, and no column of free text.

use crate::form::TextForm;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use caredata_admit::Table;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

/// What a column of the linked record holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `Int64`: a number of our own making that tells nothing.
    Id,
    /// `Utf8` of a form.
    Text(TextForm),
    /// `Int32`: a year.
    Year,
    /// `Int64`, from 0 to this.
    Whole(i64),
    /// `Float64`, of at most this size.
    Decimal(f64),
    /// `Date32`: the day of an event.
    Day,
    /// `Boolean`.
    Flag,
}

impl Kind {
    /// The Arrow type of such a column.
    pub const fn arrow(self) -> DataType {
        match self {
            Self::Id | Self::Whole(_) => DataType::Int64,
            Self::Text(_) => DataType::Utf8,
            Self::Year => DataType::Int32,
            Self::Decimal(_) => DataType::Float64,
            Self::Day => DataType::Date32,
            Self::Flag => DataType::Boolean,
        }
    }

    /// The type as a source's declaration names it.
    pub(crate) const fn declared(self) -> &'static str {
        match self {
            Self::Text(_) | Self::Flag => "code",
            Self::Id | Self::Year | Self::Whole(_) => "integer",
            Self::Decimal(_) => "decimal",
            Self::Day => "day",
        }
    }

    fn words(self) -> String {
        match self {
            Self::Id => "a number that tells nothing".to_owned(),
            Self::Text(form) => form.words().to_owned(),
            Self::Year => "a year".to_owned(),
            Self::Whole(most) => format!("0 to {most}"),
            Self::Decimal(most) => format!("up to {most} either way"),
            Self::Day => "a day".to_owned(),
            Self::Flag => "true or false".to_owned(),
        }
    }
}

/// A column of the linked record.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether a value may be missing.
    pub nullable: bool,
    /// What it means.
    pub meaning: &'static str,
}

/// One line of a table's declaration: a column, or several numbered ones (`#` in the name).
struct Line {
    name: &'static str,
    numbers: u8,
    kind: Kind,
    nullable: bool,
    meaning: &'static str,
}

const fn always(name: &'static str, kind: Kind, meaning: &'static str) -> Line {
    Line { name, numbers: 0, kind, nullable: false, meaning }
}

const fn perhaps(name: &'static str, kind: Kind, meaning: &'static str) -> Line {
    Line { name, numbers: 0, kind, nullable: true, meaning }
}

const fn numbered(name: &'static str, numbers: u8, kind: Kind, meaning: &'static str) -> Line {
    Line { name, numbers, kind, nullable: true, meaning }
}

const PERSON: Line =
    always("person", Kind::Id, "The person's pseudonym in the record: the same in every table and month.");
const RECORD_KEY: Line = always("record_key", Kind::Id, "The record's key. Joins nothing outside the vault.");
const SOURCE: Line = always("source", Kind::Text(TextForm::Source), "The source that the row comes from.");
const PERIOD: Line =
    always("period", Kind::Text(TextForm::Period), "The period of the contribution that the row came with.");
const PRACTICE: Line = perhaps("practice", Kind::Text(TextForm::Organisation), "The GP practice that holds the entry.");
const PROVIDER: Line = perhaps("provider", Kind::Text(TextForm::Organisation), "The provider of the care.");
const EVENT_DAY: Line = perhaps("event_day", Kind::Day, "The day of the event; see `day_exact`.");
const DAY_EXACT: Line = always(
    "day_exact",
    Kind::Flag,
    "False where some day of the row is cut to the first of its month: births and deliveries, the first year of life, and \
     persons whose date of birth is not known.",
);
const SEX: Line = perhaps("sex", Kind::Text(TextForm::Sex), "Sex, as the row states it.");
const BIRTH_YEAR: Line = perhaps("birth_year", Kind::Year, "Year of birth, as the row states it.");
const LSOA: Line =
    perhaps("lsoa", Kind::Text(TextForm::Lsoa), "Lower layer super output area of residence, as the row states it.");
const DECILE: Line =
    perhaps("imd_decile", Kind::Text(TextForm::Decile), "Decile of deprivation of that area; 1 the most deprived.");
const ETHNIC: Line = perhaps("ethnic_category", Kind::Text(TextForm::Ethnic), "Ethnic category, as the row states it.");
const MAIN_SPECIALTY: Line = perhaps("main_specialty", Kind::Text(TextForm::Digits), "Specialty of the consultant.");
const TREATMENT_SPECIALTY: Line =
    perhaps("treatment_specialty", Kind::Text(TextForm::Digits), "Specialty of the treatment.");
const SITE: Line = perhaps("site", Kind::Text(TextForm::Organisation), "Site of the treatment.");
const REFERRAL: Line = perhaps("referral_source", Kind::Text(TextForm::Short), "Who referred the person.");
/// Larger than any measurement in use, smaller than an eight-digit date and a ten-digit number.
const MEASURE: Kind = Kind::Decimal(9_999_999.0);

const PERSONS: &[Line] = &[
    PERSON,
    always(
        "record_key",
        Kind::Id,
        "The key of the record that the row rests on most: the latest registration, else the latest event.",
    ),
    PERIOD,
    perhaps(
        "practice",
        Kind::Text(TextForm::Organisation),
        "The GP practice of the latest registration. Missing for everybody known from other places of care alone, whatever the cause: \
         no GP, a GP elsewhere, a link not made, or a GP record that is not shared. Nothing in the record tells these apart.",
    ),
    perhaps("sex", Kind::Text(TextForm::Sex), "Sex as most of the person's rows state it."),
    perhaps("birth_year", Kind::Year, "Year of birth as most of the person's rows state it."),
    perhaps(
        "ethnic_category",
        Kind::Text(TextForm::Ethnic),
        "Ethnic category as most of the person's rows state it; `Z` where none does.",
    ),
    perhaps(
        "lsoa",
        Kind::Text(TextForm::Lsoa),
        "Lower layer super output area of residence: of the latest registration, else the latest event.",
    ),
    perhaps(
        "death_day",
        Kind::Day,
        "The day of death, from the registration, else from a hospital discharge by death.",
    ),
    perhaps(
        "death_day_exact",
        Kind::Flag,
        "False where `death_day` is or may be cut to the first of its month; missing where there is none.",
    ),
];
const JOURNALS: &[Line] = &[
    PERSON,
    RECORD_KEY,
    always(
        "registration",
        Kind::Id,
        "The key of the registration under which the practice keeps the entry. Joins nothing outside the vault.",
    ),
    SOURCE,
    PERIOD,
    PRACTICE,
    EVENT_DAY,
    DAY_EXACT,
    perhaps("recorded_day", Kind::Day, "The day on which the entry was made."),
    perhaps("code_system", Kind::Text(TextForm::CodeSystem), "The system of `code`."),
    perhaps("code", Kind::Text(TextForm::Clinical), "What was found, done or prescribed."),
    perhaps("value1", MEASURE, "First value, such as a laboratory result or systolic blood pressure."),
    perhaps("value2", MEASURE, "Second value, such as diastolic blood pressure."),
    perhaps("unit", Kind::Text(TextForm::Unit), "Unit of the values."),
    perhaps("episode", Kind::Text(TextForm::Episode), "First, new or ongoing."),
];
const ADMISSIONS: &[Line] = &[
    PERSON,
    RECORD_KEY,
    SOURCE,
    PERIOD,
    PROVIDER,
    perhaps(
        "event_day",
        Kind::Day,
        "The day of admission, or where that is missing the episode's first day; see `day_exact`.",
    ),
    DAY_EXACT,
    perhaps("discharge_day", Kind::Day, "The day of discharge."),
    perhaps(
        "admission_method",
        Kind::Text(TextForm::Short),
        "How the person was admitted; 21 to 28 and 2A to 2D as an emergency.",
    ),
    perhaps("discharge_method", Kind::Text(TextForm::Short), "How the person was discharged; 4 died."),
    perhaps("discharge_destination", Kind::Text(TextForm::Short), "Where the person went."),
    perhaps("patient_class", Kind::Text(TextForm::Short), "Ordinary, day case, regular or maternity."),
    perhaps("episode_order", Kind::Whole(999), "Place of the episode in the spell."),
    perhaps("episode_start_day", Kind::Day, "First day of the episode."),
    perhaps("episode_end_day", Kind::Day, "Last day of the episode."),
    perhaps("episode_status", Kind::Text(TextForm::Short), "Whether the episode is finished."),
    MAIN_SPECIALTY,
    TREATMENT_SPECIALTY,
    SITE,
    SEX,
    BIRTH_YEAR,
    ETHNIC,
    LSOA,
    DECILE,
    numbered("diagnosis_#", 20, Kind::Text(TextForm::Icd10), "Diagnoses, the main one first."),
    numbered("operation_#", 24, Kind::Text(TextForm::Opcs4), "Operations."),
    numbered("operation_day_#", 24, Kind::Day, "Days of the operations."),
];
const OUTPATIENTS: &[Line] = &[
    PERSON,
    RECORD_KEY,
    SOURCE,
    PERIOD,
    PROVIDER,
    perhaps("event_day", Kind::Day, "The day of the appointment; see `day_exact`."),
    DAY_EXACT,
    perhaps("attended", Kind::Text(TextForm::Short), "Whether the person came; 5 and 6 seen."),
    perhaps(
        "first_attendance",
        Kind::Text(TextForm::Short),
        "First or a later appointment, in person or by telephone.",
    ),
    perhaps("outcome", Kind::Text(TextForm::Short), "Outcome of the attendance."),
    REFERRAL,
    perhaps("priority", Kind::Text(TextForm::Short), "Priority of the referral."),
    MAIN_SPECIALTY,
    TREATMENT_SPECIALTY,
    SITE,
    SEX,
    BIRTH_YEAR,
    ETHNIC,
    LSOA,
    DECILE,
    numbered("diagnosis_#", 12, Kind::Text(TextForm::Icd10), "Diagnoses."),
    numbered("operation_#", 24, Kind::Text(TextForm::Opcs4), "Operations."),
];
const EMERGENCY: &[Line] = &[
    PERSON,
    RECORD_KEY,
    SOURCE,
    PERIOD,
    PROVIDER,
    perhaps("event_day", Kind::Day, "The day of arrival; see `day_exact`."),
    DAY_EXACT,
    perhaps("attendance_disposal", Kind::Text(TextForm::Short), "How the attendance ended; 01 admitted."),
    perhaps("attendance_category", Kind::Text(TextForm::Short), "First or follow-up attendance, planned or not."),
    perhaps("arrival_mode", Kind::Text(TextForm::Short), "By ambulance or otherwise."),
    perhaps("department_type", Kind::Text(TextForm::Short), "Kind of department."),
    perhaps("patient_group", Kind::Text(TextForm::Short), "Reason of the attendance."),
    REFERRAL,
    SEX,
    BIRTH_YEAR,
    ETHNIC,
    LSOA,
    DECILE,
    numbered("diagnosis_#", 12, Kind::Text(TextForm::Department), "Diagnoses of the department."),
    numbered("investigation_#", 12, Kind::Text(TextForm::Department), "Investigations."),
    numbered("treatment_#", 12, Kind::Text(TextForm::Department), "Treatments."),
];
/// Places of the table `other` for each kind of declared column.
pub(crate) const OTHER_CODES: u8 = 12;
pub(crate) const OTHER_NUMBERS: u8 = 6;
pub(crate) const OTHER_DAYS: u8 = 6;
const OTHER: &[Line] = &[
    PERSON,
    RECORD_KEY,
    SOURCE,
    PERIOD,
    perhaps("provider", Kind::Text(TextForm::Other), "The provider of the care."),
    EVENT_DAY,
    DAY_EXACT,
    SEX,
    BIRTH_YEAR,
    numbered(
        "code_#",
        OTHER_CODES,
        Kind::Text(TextForm::Other),
        "The source's code columns, in the order of its declaration.",
    ),
    numbered(
        "number_#",
        OTHER_NUMBERS,
        MEASURE,
        "The source's integer and decimal columns, in the order of its declaration.",
    ),
    numbered("day_#", OTHER_DAYS, Kind::Day, "The source's further days, in the order of its declaration."),
];

const fn lines(table: Table) -> &'static [Line] {
    match table {
        Table::Persons => PERSONS,
        Table::Journals => JOURNALS,
        Table::Admissions => ADMISSIONS,
        Table::Outpatients => OUTPATIENTS,
        Table::Emergency => EMERGENCY,
        Table::Other => OTHER,
    }
}

const fn words(table: Table) -> &'static str {
    match table {
        Table::Persons => "One row a person, made of all rows of the person that no objection covers.",
        Table::Journals => "One row a coded entry of a GP record.",
        Table::Admissions => "One row an episode of admitted patient care.",
        Table::Outpatients => "One row an outpatient appointment.",
        Table::Emergency => "One row an attendance at accident and emergency.",
        Table::Other => {
            "One row an event of any other place of care. Which declared column stands in which numbered one follows from the \
             source's declaration: codes, numbers and days, each in its order."
        }
    }
}

/// Expands the lines of a table once.
struct Tables {
    columns: Vec<Vec<Column>>,
    schemas: Vec<SchemaRef>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let columns: Vec<Vec<Column>> =
        Table::ALL.into_iter().map(|table| lines(table).iter().flat_map(Line::expand).collect()).collect();
    let schema = |columns: &Vec<Column>| {
        let field = |column: &Column| Field::new(&column.name, column.kind.arrow(), column.nullable);
        Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
    };
    let schemas = columns.iter().map(schema).collect();
    Tables { columns, schemas }
});

const fn place(table: Table) -> usize {
    match table {
        Table::Persons => 0,
        Table::Journals => 1,
        Table::Admissions => 2,
        Table::Outpatients => 3,
        Table::Emergency => 4,
        Table::Other => 5,
    }
}

impl Line {
    fn expand(&self) -> impl Iterator<Item = Column> + '_ {
        let column = |name| Column { name, kind: self.kind, nullable: self.nullable, meaning: self.meaning };
        let single = (self.numbers == 0).then(|| column(self.name.to_owned()));
        let several = (1..=self.numbers).map(move |number| column(self.name.replace('#', &format!("{number:02}"))));
        single.into_iter().chain(several)
    }
}

/// The columns of a table of the linked record, in their order.
pub fn columns(table: Table) -> &'static [Column] {
    &TABLES.columns[place(table)]
}

/// The schema of a table of the linked record. It is closed: no source can add to it.
pub fn schema(table: Table) -> SchemaRef {
    Arc::clone(&TABLES.schemas[place(table)])
}

/// The data dictionary, in Markdown: what stands in `docs/data-dictionary.md`.
pub fn dictionary() -> String {
    let mut text = String::from(
        "# Data dictionary of the linked record\n\n\
         <!-- Generated from crates/deidentify/src/columns.rs; a test compares. -->\n\n\
         The tables of the folder `records/` of a home. They hold no name, NHS Number, date of birth or postcode, and are guarded as \
         personal data all the same. A value that is not of its column's form is blanked, and the run's report counts it.\n",
    );
    for table in Table::ALL {
        let _ = write!(text, "\n## `{}`\n\n{}\n\n", table.name(), words(table));
        text.push_str("| column | type | values | may be missing | meaning |\n|---|---|---|---|---|\n");
        for line in lines(table) {
            let name = match line.numbers {
                0 => format!("`{}`", line.name),
                last => {
                    format!("`{}` to `{}`", line.name.replace('#', "01"), line.name.replace('#', &format!("{last:02}")))
                }
            };
            let missing = if line.nullable { "yes" } else { "no" };
            let kind = line.kind.arrow();
            let _ = writeln!(text, "| {name} | {kind} | {} | {missing} | {} |", line.kind.words(), line.meaning);
        }
    }
    text
}

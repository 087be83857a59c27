//! The table of persons: what each permitted row states about its person in, one row a person out.
//!
//! Statements of batches are gathered in any order and put together once. Invariant: the outcome depends on the statements
//! alone, not on their order; and a person known from hospitals alone looks the same whatever the cause.

use crate::columns::schema;
use crate::form::TextForm;
use crate::linked::{Linked, Permitted};
use crate::record::LinkedRecord;
use crate::{Deidentifier, DeidentifyError};
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Date32Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::ArrowError;
use caredata_admit::{Setting, Table, columns as admitted};
use caredata_model::{Day, Identifiers, PersonId, RecordKey, SourceName};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A short code in place, padded with zero bytes; all zero where missing.
type Code<const N: usize> = [u8; N];
const NO_DAY: i32 = i32::MIN;
/// Categories that say nothing: not known, not stated.
const ETHNIC_UNSTATED: [Code<2>; 5] = [*b"Z\0", *b"X\0", *b"99", *b"9\0", *b"\0\0"];

/// What one row states about its person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Statement {
    /// The pseudonym.
    person: i64,
    /// The later counts more. A registration counts more than any event, one that has not ended more than one that has.
    rank: (bool, bool, i32, i64),
    sex: Code<1>,
    birth_year: i32,
    ethnic: Code<2>,
    lsoa: Code<9>,
    practice: Code<8>,
    death: i32,
    death_exact: bool,
}

/// Builds the table of persons from what rows state about them. `Debug` shows a count alone.
pub struct PersonsBuilder {
    deidentifier: Deidentifier,
    statements: Vec<Statement>,
    /// The persons met in this run, to tell a collision of pseudonyms from one person met twice.
    persons: Vec<PersonId>,
}

impl PersonsBuilder {
    /// A builder of rows under the pseudonyms and for the period of `deidentifier`.
    pub fn new(deidentifier: &Deidentifier) -> Self {
        Self { deidentifier: deidentifier.clone(), statements: Vec::new(), persons: Vec::new() }
    }

    /// Adds what the rows of a batch state, in any order of batches. Journals state nothing about persons.
    ///
    /// # Errors
    /// [`DeidentifyError::Columns`] where the batch lacks a column of every admitted batch, a fault of the program.
    pub fn add(&mut self, permitted: &Permitted<Linked>) -> Result<(), DeidentifyError> {
        let linked = permitted.get();
        if linked.origin.table == Table::Journals {
            return Ok(());
        }
        let practice = match linked.origin.setting() {
            Setting::GeneralPractice => Some(admitted::PROVIDER),
            Setting::Elsewhere => None,
        };
        let columns = Stated::of(&linked.batch, practice, admitted::DAY_EXACT)
            .map_err(|cause| DeidentifyError::Columns { source_name: linked.origin.source.clone(), cause })?;
        let mut before = (None, 0);
        for (row, person) in linked.persons.iter().enumerate() {
            let Some((person, _)) = person else { continue };
            if before.0 != Some(*person) {
                before = (Some(*person), self.deidentifier.pseudonyms.of(*person));
                self.persons.push(*person);
            }
            self.statements.push(columns.statement(row, before.1));
        }
        Ok(())
    }

    /// Adds what published rows of an earlier run state: events of any table, or rows of `persons`, which count less than
    /// anything stated since. `stays` says of a pseudonym whether the register's answer of today permits the row.
    ///
    /// # Errors
    /// [`DeidentifyError::Columns`] where the rows are not of the schema of `table`.
    pub fn add_published(
        &mut self,
        table: Table,
        rows: &RecordBatch,
        stays: impl Fn(i64) -> bool,
    ) -> Result<(), DeidentifyError> {
        let (practice, exact) = match table {
            Table::Journals => return Ok(()),
            Table::Persons => (Some("practice"), "death_day_exact"),
            Table::Admissions | Table::Outpatients | Table::Emergency | Table::Other => (None, admitted::DAY_EXACT),
        };
        let fault = |cause| DeidentifyError::Columns { source_name: own_name(), cause };
        let columns = Stated::of(rows, practice, exact).map_err(fault)?;
        let person = rows.column_by_name("person").and_then(|column| column.as_primitive_opt::<Int64Type>());
        let person = person.ok_or_else(|| fault(ArrowError::SchemaError("no column person".to_owned())))?;
        let stays = (0..rows.num_rows()).filter(|&row| stays(person.value(row)));
        self.statements.extend(stays.map(|row| columns.statement(row, person.value(row))));
        Ok(())
    }

    /// Adds what an event of an earlier run stated of its person's sex and year of birth, from the identifiers that the vault
    /// holds: for a person whose rows are published without any row of this run or of `persons` telling of them.
    pub fn add_held(&mut self, person: PersonId, key: RecordKey, identifiers: Identifiers, day: Day) {
        self.persons.push(person);
        self.statements.push(Statement {
            person: self.deidentifier.pseudonyms.of(person),
            rank: (false, false, day.days_since_1970(), key.value()),
            sex: code(Some(identifiers.gender().code()), TextForm::Sex),
            birth_year: identifiers.birth_date().map_or(0, |date| date.day().year()),
            ethnic: Code::default(),
            lsoa: Code::default(),
            practice: Code::default(),
            death: NO_DAY,
            death_exact: false,
        });
    }

    /// Adds the statements of another builder of the same run, in any order.
    pub fn append(&mut self, mut other: Self) {
        self.statements.append(&mut other.statements);
        self.persons.append(&mut other.persons);
    }

    /// The number of statements.
    pub const fn len(&self) -> usize {
        self.statements.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// The table of persons: one row for each person of whom some row states anything, in the order of pseudonyms.
    ///
    /// # Errors
    /// [`DeidentifyError::Collision`] where two persons would share a pseudonym.
    pub fn finish(self) -> Result<LinkedRecord, DeidentifyError> {
        let Self { deidentifier, mut statements, persons } = self;
        deidentifier.pseudonyms.check_distinct(persons)?;
        statements.sort_unstable();
        let same_person = |row: &Statement, next: &Statement| row.person == next.person;
        let persons: Vec<Person> = statements.chunk_by(same_person).filter_map(Person::of).collect();
        drop(statements);
        let batch = person_rows(&persons, &deidentifier.period.to_string())
            .map_err(|cause| DeidentifyError::Columns { source_name: own_name(), cause })?;
        Ok(LinkedRecord { table: Table::Persons, batch, blanked: BTreeMap::new() })
    }
}

impl fmt::Debug for PersonsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonsBuilder").field("statements", &self.len()).finish_non_exhaustive()
    }
}

fn own_name() -> SourceName {
    SourceName::parse(Table::Persons.name()).expect("a table's name is a source's name")
}

/// The columns of a batch that say something about persons.
struct Stated<'a> {
    key: &'a Int64Array,
    /// The practice; in admitted registrations the provider. None elsewhere.
    practice: Option<&'a StringArray>,
    /// Whether the days are exact.
    exact: &'a BooleanArray,
    sex: Option<&'a StringArray>,
    birth_year: Option<&'a Int32Array>,
    event_day: Option<&'a Date32Array>,
    ethnic: Option<&'a StringArray>,
    lsoa: Option<&'a StringArray>,
    ended: Option<&'a Date32Array>,
    death: Option<&'a Date32Array>,
    discharge: Option<&'a Date32Array>,
    discharge_method: Option<&'a StringArray>,
}

impl<'a> Stated<'a> {
    fn of(batch: &'a RecordBatch, practice: Option<&str>, exact: &str) -> Result<Self, ArrowError> {
        let text = |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        let day = |name| batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Date32Type>());
        let column = |name| batch.column_by_name(name);
        let lacks = |name: &str| ArrowError::SchemaError(format!("no column {name}"));
        let key = column(admitted::RECORD_KEY).and_then(|column| column.as_primitive_opt::<Int64Type>());
        Ok(Self {
            key: key.ok_or_else(|| lacks(admitted::RECORD_KEY))?,
            practice: practice.map(|name| text(name).ok_or_else(|| lacks(name))).transpose()?,
            exact: column(exact).and_then(|column| column.as_boolean_opt()).ok_or_else(|| lacks(exact))?,
            sex: text(admitted::SEX),
            birth_year: column(admitted::BIRTH_YEAR).and_then(|column| column.as_primitive_opt::<Int32Type>()),
            event_day: day(admitted::EVENT_DAY),
            ethnic: text("ethnic_category"),
            lsoa: text("lsoa"),
            ended: day("deregistration_day"),
            death: day("death_day"),
            discharge: day("discharge_day"),
            discharge_method: text("discharge_method"),
        })
    }

    fn statement(&self, row: usize, person: i64) -> Statement {
        let day = |days: Option<&Date32Array>| days.filter(|days| days.is_valid(row)).map(|days| days.value(row));
        let practice = text(self.practice, row);
        let registered = practice.is_some();
        let died_in_hospital = text(self.discharge_method, row) == Some("4");
        let death = day(self.death).or_else(|| day(self.discharge).filter(|_| died_in_hospital));
        let exact = self.exact.is_valid(row) && self.exact.value(row);
        Statement {
            person,
            rank: (
                registered,
                registered && day(self.ended).is_none(),
                day(self.event_day).unwrap_or(NO_DAY),
                self.key.value(row),
            ),
            sex: code(text(self.sex, row), TextForm::Sex),
            birth_year: self.birth_year.filter(|years| years.is_valid(row)).map_or(0, |years| years.value(row)),
            ethnic: code(text(self.ethnic, row), TextForm::Ethnic),
            lsoa: code(text(self.lsoa, row), TextForm::Lsoa),
            practice: code(practice, TextForm::Organisation),
            death: death.unwrap_or(NO_DAY),
            // Of a row with a day that was cut, any first of a month may be one.
            death_exact: exact || death.is_some_and(|death| !is_first_of_month(death)),
        }
    }
}

fn text(column: Option<&StringArray>, row: usize) -> Option<&str> {
    column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
}

/// A text in place, where it is of the form and has room.
fn code<const N: usize>(text: Option<&str>, form: TextForm) -> Code<N> {
    let mut code = [0; N];
    if let Some(text) = text.filter(|text| text.len() <= N && form.takes(text)) {
        code[..text.len()].copy_from_slice(text.as_bytes());
    }
    code
}

fn words<const N: usize>(code: &Code<N>) -> Option<&str> {
    let length = code.iter().position(|&byte| byte == 0).unwrap_or(N);
    std::str::from_utf8(&code[..length]).ok().filter(|text| !text.is_empty())
}

fn is_first_of_month(days: i32) -> bool {
    Day::from_days_since_1970(days).is_ok_and(|day| day == day.first_of_month())
}

/// One person, put together.
struct Person {
    pseudonym: i64,
    record_key: i64,
    practice: Code<8>,
    sex: Code<1>,
    birth_year: i32,
    ethnic: Code<2>,
    lsoa: Code<9>,
    death: Option<(i32, bool)>,
}

impl Person {
    /// Puts the statements about one person together; they are sorted, so the last counts most.
    fn of(statements: &[Statement]) -> Option<Self> {
        let last = statements.last()?;
        let latest = |has: fn(&Statement) -> bool| statements.iter().rev().find(|statement| has(statement));
        Some(Self {
            pseudonym: last.person,
            record_key: last.rank.3,
            practice: latest(|row| row.practice[0] != 0).map_or([0; 8], |row| row.practice),
            sex: most_stated(statements, |row| (!matches!(row.sex[0], 0 | b'0')).then_some(row.sex)).unwrap_or(*b"0"),
            birth_year: most_stated(statements, |row| (row.birth_year != 0).then_some(row.birth_year)).unwrap_or(0),
            ethnic: most_stated(statements, |row| (!ETHNIC_UNSTATED.contains(&row.ethnic)).then_some(row.ethnic))
                .unwrap_or(*b"Z\0"),
            lsoa: latest(|row| row.lsoa[0] != 0).map_or([0; 9], |row| row.lsoa),
            death: latest(|row| row.death != NO_DAY).map(|row| (row.death, row.death_exact)),
        })
    }
}

/// The value that most rows state; of equals, the one that the row that counts most states.
fn most_stated<V: Ord + Copy>(statements: &[Statement], value: impl Fn(&Statement) -> Option<V>) -> Option<V> {
    let mut counts: BTreeMap<V, (usize, usize)> = BTreeMap::new();
    for (place, statement) in statements.iter().enumerate() {
        if let Some(value) = value(statement) {
            let (count, last) = counts.entry(value).or_default();
            (*count, *last) = (*count + 1, place);
        }
    }
    counts.into_iter().max_by_key(|(_, count_and_last)| *count_and_last).map(|(value, _)| value)
}

fn person_rows(persons: &[Person], period: &str) -> Result<RecordBatch, ArrowError> {
    let rows = || persons.iter();
    let array = |texts: StringArray| -> ArrayRef { Arc::new(texts) };
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(rows().map(|person| Some(person.pseudonym)).collect::<Int64Array>()),
        Arc::new(rows().map(|person| Some(person.record_key)).collect::<Int64Array>()),
        array(StringArray::from_iter_values(rows().map(|_| period))),
        array(rows().map(|person| words(&person.practice)).collect()),
        array(rows().map(|person| words(&person.sex)).collect()),
        Arc::new(rows().map(|person| Some(person.birth_year).filter(|&year| year != 0)).collect::<Int32Array>()),
        array(rows().map(|person| words(&person.ethnic)).collect()),
        array(rows().map(|person| words(&person.lsoa)).collect()),
        Arc::new(rows().map(|person| person.death.map(|(day, _)| day)).collect::<Date32Array>()),
        Arc::new(rows().map(|person| person.death.map(|(_, exact)| exact)).collect::<BooleanArray>()),
    ];
    RecordBatch::try_new(schema(Table::Persons), arrays)
}

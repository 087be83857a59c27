//! The last step: permitted rows in, rows of the closed schema under pseudonyms out.
//!
//! Invariant: a [`LinkedRecord`] has the schema of its table, and every value is of its column's form; what is not is blanked
//! and counted.

use crate::columns::{Column, Kind, OTHER_CODES, OTHER_DAYS, OTHER_NUMBERS, columns, schema};
use crate::form::{TextForm, clinical};
use crate::linked::{Linked, Permitted, Persons};
use crate::{DeidentifyError, Pseudonyms};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use caredata_admit::{Origin, Table, Tie, Withheld, columns as admitted};
use caredata_model::{CodeSystem, Period, PersonId, RecordKey};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

/// Rows of one table of the linked record. Made by a [`Deidentifier`] alone; the only type that is published.
#[derive(Clone)]
pub struct LinkedRecord {
    pub(crate) table: Table,
    pub(crate) batch: RecordBatch,
    pub(crate) blanked: BTreeMap<String, u64>,
}

impl LinkedRecord {
    /// The table.
    pub const fn table(&self) -> Table {
        self.table
    }

    /// The rows, of the schema [`schema`] of the table.
    pub const fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// How many values of each column were blanked because they are not of its form.
    pub const fn blanked(&self) -> &BTreeMap<String, u64> {
        &self.blanked
    }
}

impl fmt::Debug for LinkedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkedRecord")
            .field("table", &self.table)
            .field("rows", &self.batch.num_rows())
            .finish_non_exhaustive()
    }
}

/// Withheld rows in the form of the linked record, so that a withdrawal can open them as they are. For sealing alone: it is
/// no [`LinkedRecord`].
pub struct SealedRecord {
    table: Table,
    batch: RecordBatch,
}

impl SealedRecord {
    /// The table that the rows would go to.
    pub const fn table(&self) -> Table {
        self.table
    }

    /// The columns of the table's schema, and a last one with the name of the reason. Its caller seals them.
    pub fn for_sealing(self) -> RecordBatch {
        self.batch
    }
}

impl fmt::Debug for SealedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedRecord").field("table", &self.table).field("rows", &self.batch.num_rows()).finish()
    }
}

/// Makes linked records of one contribution under the pseudonyms of one domain. Shared by all threads.
#[derive(Clone, Debug)]
pub struct Deidentifier {
    pub(crate) pseudonyms: Pseudonyms,
    pub(crate) period: Period,
}

impl Deidentifier {
    /// For the contribution of `period`, under `pseudonyms`.
    pub const fn new(pseudonyms: Pseudonyms, period: Period) -> Self {
        Self { pseudonyms, period }
    }

    /// The record of permitted rows.
    ///
    /// # Errors
    /// [`DeidentifyError::NoSuchColumn`], [`DeidentifyError::WrongType`] or [`DeidentifyError::TooManyColumns`] where the source
    /// declares what the closed schema has no place for; [`DeidentifyError::PersonsAreBuiltAtOnce`] for registrations.
    pub fn apply(&self, permitted: Permitted<Linked>) -> Result<LinkedRecord, DeidentifyError> {
        let Linked { origin, batch, persons } = permitted.into_inner();
        if origin.table == Table::Persons {
            return Err(DeidentifyError::PersonsAreBuiltAtOnce { source_name: origin.source.clone() });
        }
        let mut blanked = BTreeMap::new();
        let batch = self.record(&origin, &batch, &persons, &mut blanked)?;
        Ok(LinkedRecord { table: origin.table, batch, blanked })
    }

    /// Withheld rows in the form of the record, with the reason of each, for the sealed store.
    ///
    /// # Errors
    /// As [`Deidentifier::apply`].
    pub fn seal(&self, withheld: Withheld, persons: &Persons) -> Result<SealedRecord, DeidentifyError> {
        let origin = Arc::clone(withheld.origin());
        if origin.table == Table::Persons {
            return Err(DeidentifyError::PersonsAreBuiltAtOnce { source_name: origin.source.clone() });
        }
        let fault = |cause: ArrowError| DeidentifyError::Columns { source_name: origin.source.clone(), cause };
        let rows = withheld.for_sealing();
        let persons = persons.of_rows(&rows);
        let last = rows.num_columns() - 1;
        let reasons = Arc::clone(rows.column(last));
        let admitted: Vec<usize> = (0..last).collect();
        let rows = rows.project(&admitted).map_err(fault)?;
        let record = self.record(&origin, &rows, &persons, &mut BTreeMap::new())?;
        let mut fields: Vec<Arc<Field>> = record.schema().fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(admitted::REASON, DataType::Utf8, false)));
        let mut arrays = record.columns().to_vec();
        arrays.push(reasons);
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(fault)?;
        Ok(SealedRecord { table: origin.table, batch })
    }

    /// The rows' pseudonyms. Entries of one person stand together, so the last one is remembered.
    fn pseudonyms(&self, persons: &[Option<(PersonId, Tie)>], keys: &Int64Array) -> Int64Array {
        let mut before: (Option<PersonId>, i64) = (None, 0);
        let pseudonym = |(row, person): (usize, &Option<(PersonId, Tie)>)| match person {
            None => self.pseudonyms.of_nobody(RecordKey::from_bits(keys.value(row).cast_unsigned())),
            Some((person, _)) => {
                if before.0 != Some(*person) {
                    before = (Some(*person), self.pseudonyms.of(*person));
                }
                before.1
            }
        };
        persons.iter().enumerate().map(pseudonym).collect::<Vec<i64>>().into()
    }

    fn record(
        &self,
        origin: &Origin,
        batch: &RecordBatch,
        persons: &[Option<(PersonId, Tie)>],
        blanked: &mut BTreeMap<String, u64>,
    ) -> Result<RecordBatch, DeidentifyError> {
        let declared = places(origin, &batch.schema())?;
        let rows = batch.num_rows();
        let gate = |name: &'static str| -> Result<&ArrayRef, DeidentifyError> {
            batch.column_by_name(name).ok_or_else(|| DeidentifyError::Columns {
                source_name: origin.source.clone(),
                cause: ArrowError::SchemaError(format!("no column {name}")),
            })
        };
        let keys = gate(admitted::RECORD_KEY)?;
        let mut arrays = Vec::with_capacity(columns(origin.table).len());
        for column in columns(origin.table) {
            let array: ArrayRef = match column.name.as_str() {
                "person" => Arc::new(self.pseudonyms(persons, keys.as_primitive::<Int64Type>())),
                "record_key" => Arc::clone(keys),
                "registration" => Arc::clone(gate(admitted::LINK_KEY)?),
                "source" => constant(origin.source.as_str(), rows),
                "period" => constant(&self.period.to_string(), rows),
                "practice" | "provider" => Arc::clone(gate(admitted::PROVIDER)?),
                "sex" => Arc::clone(gate(admitted::SEX)?),
                "birth_year" => Arc::clone(gate(admitted::BIRTH_YEAR)?),
                "event_day" => Arc::clone(gate(admitted::EVENT_DAY)?),
                "day_exact" => Arc::clone(gate(admitted::DAY_EXACT)?),
                name => match declared.get(name) {
                    Some(&place) => Arc::clone(batch.column(place)),
                    None => new_null_array(&column.kind.arrow(), rows),
                },
            };
            let (array, count) = held_to_form(column, &array, &arrays, origin.table);
            if count > 0 {
                *blanked.entry(column.name.clone()).or_default() += count;
            }
            arrays.push(array);
        }
        RecordBatch::try_new(schema(origin.table), arrays)
            .map_err(|cause| DeidentifyError::Columns { source_name: origin.source.clone(), cause })
    }
}

/// Where the admitted columns of a source go: for each column of the record that the source fills, the place of the admitted
/// one. The columns that the gate adds are not among them.
///
/// # Errors
/// [`DeidentifyError::NoSuchColumn`], [`DeidentifyError::WrongType`] or [`DeidentifyError::TooManyColumns`] where the closed
/// schema has no place for a declared column. Asked as soon as a declaration is loaded, it saves a run that would fail late.
pub fn places(origin: &Origin, admitted_schema: &Schema) -> Result<BTreeMap<String, usize>, DeidentifyError> {
    /// The columns that the gate adds.
    const OWN: usize = 7;
    let table = origin.table;
    let mut places = BTreeMap::new();
    let mut taken = [0_u8; 3];
    for (place, field) in admitted_schema.fields().iter().enumerate().skip(OWN) {
        let name = match table {
            Table::Other => other_place(origin, field.data_type(), &mut taken)?,
            Table::Persons => field.name().clone(),
            Table::Journals | Table::Admissions | Table::Outpatients | Table::Emergency => {
                let column = columns(table).iter().find(|column| column.name == *field.name());
                let Some(column) = column else {
                    let (source_name, column) = (origin.source.clone(), field.name().clone());
                    return Err(DeidentifyError::NoSuchColumn { source_name, column, table: table.name() });
                };
                if column.kind.arrow() != *field.data_type() {
                    let (source_name, name) = (origin.source.clone(), field.name().clone());
                    let (table, expected) = (table.name(), column.kind.declared());
                    return Err(DeidentifyError::WrongType { source_name, column: name, table, expected });
                }
                column.name.clone()
            }
        };
        places.insert(name, place);
    }
    Ok(places)
}

/// The next numbered column of the table `other` for a declared column of this type.
fn other_place(origin: &Origin, kind: &DataType, taken: &mut [u8; 3]) -> Result<String, DeidentifyError> {
    let (nth, stem, declared, most) = if *kind == DataType::Date32 {
        (0, "day", "day", OTHER_DAYS)
    } else if kind.is_numeric() {
        (1, "number", "integer or decimal", OTHER_NUMBERS)
    } else {
        (2, "code", "code", OTHER_CODES)
    };
    taken[nth] += 1;
    if taken[nth] > most {
        let source_name = origin.source.clone();
        return Err(DeidentifyError::TooManyColumns { source_name, kind: declared, places: usize::from(most) });
    }
    Ok(format!("{stem}_{:02}", taken[nth]))
}

fn constant(text: &str, rows: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, rows)))
}

/// The column with every value that is not of its form blanked, and how many were. `before` are the columns made already.
fn held_to_form(column: &Column, array: &ArrayRef, before: &[ArrayRef], table: Table) -> (ArrayRef, u64) {
    match column.kind {
        Kind::Id | Kind::Day | Kind::Flag | Kind::Year | Kind::Text(TextForm::Period | TextForm::Source) => {
            (Arc::clone(array), 0)
        }
        Kind::Whole(most) => match array.as_primitive_opt::<Int64Type>() {
            Some(numbers) => whole(numbers, most),
            None => (Arc::clone(array), 0),
        },
        Kind::Decimal(most) => decimal(array, most),
        Kind::Text(form) => match array.as_string_opt::<i32>() {
            None => (Arc::clone(array), 0),
            Some(texts) => {
                let systems = columns(table)
                    .iter()
                    .position(|other| form == TextForm::Clinical && other.name == "code_system")
                    .and_then(|place| before.get(place))
                    .and_then(|systems| systems.as_string_opt::<i32>());
                match systems {
                    Some(systems) => clinical_texts(texts, systems),
                    None => texts_of(form, texts),
                }
            }
        },
    }
}

fn whole(numbers: &Int64Array, most: i64) -> (ArrayRef, u64) {
    let fits = |number: i64| (0..=most).contains(&number);
    let refused = numbers.iter().flatten().filter(|&number| !fits(number)).count() as u64;
    if refused == 0 {
        return (Arc::new(numbers.clone()), 0);
    }
    (Arc::new(numbers.iter().map(|number| number.filter(|&number| fits(number))).collect::<Int64Array>()), refused)
}

/// Integers become decimals where the table `other` takes both.
fn decimal(array: &ArrayRef, most: f64) -> (ArrayRef, u64) {
    let numbers: Cow<'_, Float64Array> =
        match (array.as_primitive_opt::<Float64Type>(), array.as_primitive_opt::<Int64Type>()) {
            (Some(numbers), _) => Cow::Borrowed(numbers),
            (None, Some(numbers)) => {
                Cow::Owned(numbers.iter().map(|number| number.map(|number| number as f64)).collect())
            }
            (None, None) => return (Arc::clone(array), 0),
        };
    let fits = |number: f64| number.abs() <= most;
    let refused = numbers.iter().flatten().filter(|&number| !fits(number)).count() as u64;
    if refused == 0 {
        return (Arc::new(numbers.into_owned()), 0);
    }
    (Arc::new(numbers.iter().map(|number| number.filter(|&number| fits(number))).collect::<Float64Array>()), refused)
}

fn texts_of(form: TextForm, texts: &StringArray) -> (ArrayRef, u64) {
    // A column has few distinct values: each is judged once a batch.
    let mut known: HashMap<&str, bool> = HashMap::new();
    let mut before = ("", false);
    blank(texts, |_, text| {
        if text != before.0 || text.is_empty() {
            before = (text, *known.entry(text).or_insert_with(|| form.takes(text)));
        }
        before.1
    })
}

fn clinical_texts(texts: &StringArray, systems: &StringArray) -> (ArrayRef, u64) {
    blank(texts, |row, text| {
        let system = if systems.is_null(row) { None } else { CodeSystem::parse(systems.value(row)) };
        system.is_some_and(|system| clinical(system, text))
    })
}

fn blank<'a>(texts: &'a StringArray, mut takes: impl FnMut(usize, &'a str) -> bool) -> (ArrayRef, u64) {
    let stays: Vec<bool> = (0..texts.len()).map(|row| texts.is_null(row) || takes(row, texts.value(row))).collect();
    let refused = stays.iter().filter(|stays| !**stays).count() as u64;
    if refused == 0 {
        return (Arc::new(texts.clone()), 0);
    }
    let kept = texts.iter().zip(stays).map(|(text, stays)| text.filter(|_| stays));
    (Arc::new(kept.collect::<StringArray>()), refused)
}

//! Rows of fields turned into a batch of typed columns, column by column.
//!
//! Invariant: a row leaves here in the batch or as a rejection; a field that cannot be taken is missing in the batch and
//! among the rejections.

use crate::batch::{NO_DAY, SourceBatch, Texts};
use crate::header::Plan;
use crate::read::Undated;
use crate::rejection::{IdentifierField, Outcome, QualityCounts, Reason, Rejection};
use crate::rows::{Refused, Rows};
use crate::source::{BirthRule, Column, ColumnType, DateForm, Source};
use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::{Field, Schema, SchemaRef};
use caredata_model::{BirthDate, CodeSystem, Day, Defect, Gender, Identifiers};
use std::collections::HashMap;
use std::sync::Arc;

/// The longest key, provider code, local id or token, in bytes: what is longer is no key.
const KEY_BYTES_MAX: usize = 64;

/// What is the same for every chunk of a file.
pub(crate) struct Assembly {
    pub source: Arc<Source>,
    pub plan: Plan,
    pub undated: Undated,
    pub file: Arc<str>,
    pub file_number: usize,
    schema: SchemaRef,
    births: Vec<BoundBirthRule>,
    names: Names,
}

/// Names for rejections, made once so that a rejection costs no copy.
struct Names {
    none: Arc<str>,
    key: Vec<Arc<str>>,
    provider: Arc<str>,
    event_day: Vec<Arc<str>>,
    identifiers: [Arc<str>; 4],
    payload: Vec<Arc<str>>,
}

/// A rule about births, bound to the slots of a file.
struct BoundBirthRule {
    slots: Vec<usize>,
    system: Option<(CodeSystem, usize)>,
    first_bytes: [bool; 256],
    prefixes: Vec<String>,
}

/// A batch and what it adds to the counts.
pub(crate) struct Assembled {
    pub batch: SourceBatch,
    pub quality: Vec<QualityCounts>,
    pub refused: Vec<Refused>,
}

impl Assembly {
    pub(crate) fn new(source: Arc<Source>, plan: Plan, undated: Undated, file: Arc<str>, file_number: usize) -> Self {
        let column = |&(column, _): &(usize, Option<usize>)| &source.columns[column];
        let field = |column: &Column| Field::new(&column.name, column.kind.arrow(), true);
        let schema = Arc::new(Schema::new(plan.payload.iter().map(|chosen| field(column(chosen))).collect::<Vec<_>>()));
        let identifiers = source.identifiers.as_ref();
        let names = Names {
            none: "".into(),
            key: source.key.iter().map(|name| name.as_str().into()).collect(),
            provider: source.provider.as_str().into(),
            event_day: plan.event_day.iter().map(|(_, name)| name.as_str().into()).collect(),
            identifiers: identifiers.map_or_else(Default::default, |columns| columns.names().map(Arc::from)),
            payload: plan.payload.iter().map(|chosen| column(chosen).file_name.as_str().into()).collect(),
        };
        // Only a complete reading can tell births: a rule half applied would look like one applied.
        let births = if plan.payload.len() == source.columns.len() {
            source.births.iter().filter_map(|rule| BoundBirthRule::bind(rule, &source, &plan)).collect()
        } else {
            Vec::new()
        };
        Self { source, plan, undated, file, file_number, schema, births, names }
    }

    /// Makes a batch of rows; `first_line` is the line from which theirs are counted.
    pub(crate) fn assemble(&self, mut rows: Rows, first_line: u64) -> Assembled {
        let mut rejections = Rejections { assembly: self, first_line, list: Vec::new() };
        let mut refused = std::mem::take(&mut rows.refused);
        for row in &refused {
            rejections.push(row.line, &self.names.none, row.reason, Outcome::RowRefused);
        }
        // Spaces about an id are no part of it: an objection noted under ` A81001` must be heard.
        let ids = self.plan.key.iter().copied().chain([self.plan.provider]);
        for slot in ids.chain(self.plan.local_id).chain(self.plan.token) {
            rows.trim(slot);
        }
        let (event_days, keep) = self.judge_rows(&rows, &mut rejections, &mut refused);
        if let Some(keep) = &keep {
            rows.retain(keep);
        }
        let (providers, provider_indices) = self.providers(&rows);
        let (keys, link_key_bytes) = self.keys(&rows);
        let mut quality = vec![QualityCounts::default(); providers.len()];
        let identifiers = self.identifiers(&rows, &provider_indices, &mut quality, &mut rejections);
        let payload = self.payload(&rows, &mut rejections);
        let mut list = rejections.list;
        list.sort();
        let batch = SourceBatch {
            source: Arc::clone(&self.source),
            file: Arc::clone(&self.file),
            file_number: self.file_number,
            first_line,
            births: self.births(&rows),
            local_ids: texts(&rows, self.plan.local_id),
            tokens: texts(&rows, self.plan.token),
            line_offsets: rows.lines,
            keys,
            link_key_bytes,
            providers,
            provider_indices,
            identifiers,
            event_days,
            payload,
            rejections: list,
        };
        Assembled { batch, quality, refused }
    }

    /// The event days of the rows that are kept, and which are; `None` for all.
    fn judge_rows(
        &self,
        rows: &Rows,
        rejections: &mut Rejections<'_>,
        refused: &mut Vec<Refused>,
    ) -> (Vec<i32>, Option<Vec<bool>>) {
        let mut event_days = Vec::with_capacity(rows.len());
        let mut keep: Option<Vec<bool>> = None;
        for row in 0..rows.len() {
            match self.judge_row(rows, row, rejections) {
                Ok(day) => event_days.push(day),
                Err((name, reason)) => {
                    rejections.push(rows.lines[row], name, reason, Outcome::RowRefused);
                    let text = rows.fields(row).collect::<Vec<_>>().join("\n");
                    refused.push(Refused { line: rows.lines[row], reason, text: text.into() });
                    keep.get_or_insert_with(|| vec![true; rows.len()])[row] = false;
                }
            }
        }
        (event_days, keep)
    }

    fn judge_row(&self, rows: &Rows, row: usize, rejections: &mut Rejections<'_>) -> Result<i32, (&Arc<str>, Reason)> {
        let check = |slot: usize, name| match rows.field(row, slot).len() {
            0 => Err((name, Reason::Missing)),
            1..=KEY_BYTES_MAX => Ok(()),
            _ => Err((name, Reason::TooLong)),
        };
        for (&slot, name) in self.plan.key.iter().zip(&self.names.key) {
            check(slot, name)?;
        }
        check(self.plan.provider, &self.names.provider)?;
        let mut bad: Option<&Arc<str>> = None;
        for (&(slot, _), name) in self.plan.event_day.iter().zip(&self.names.event_day) {
            match day(rows.field(row, slot), self.source.dates) {
                Ok(NO_DAY) => {}
                Ok(day) => {
                    if let Some(name) = bad.filter(|name| !self.names.payload.contains(name)) {
                        rejections.push(rows.lines[row], name, Reason::NotADay, Outcome::FieldBlanked);
                    }
                    return Ok(day);
                }
                Err(()) => bad = bad.or(Some(name)),
            }
        }
        let required = self.source.event_day_required && self.undated == Undated::Refuse;
        match (bad, required) {
            (Some(name), true) => Err((name, Reason::NotADay)),
            (None, true) => Err((self.names.event_day.first().unwrap_or(&self.names.none), Reason::Missing)),
            (Some(name), false) => {
                if !self.names.payload.contains(name) {
                    rejections.push(rows.lines[row], name, Reason::NotADay, Outcome::FieldBlanked);
                }
                Ok(NO_DAY)
            }
            (None, false) => Ok(NO_DAY),
        }
    }

    /// Providers once each; neighbouring rows mostly share theirs.
    fn providers(&self, rows: &Rows) -> (Vec<Box<str>>, Vec<u32>) {
        let (mut providers, mut places) = (Vec::<Box<str>>::new(), HashMap::<&str, u32>::new());
        let mut last = ("", 0);
        let indices = rows.column(self.plan.provider).map(|provider| {
            if provider != last.0 {
                let place = *places.entry(provider).or_insert_with(|| {
                    providers.push(provider.into());
                    providers.len() as u32 - 1
                });
                last = (provider, place);
            }
            last.1
        });
        let indices = indices.collect();
        (providers, indices)
    }

    fn keys(&self, rows: &Rows) -> (Texts, Vec<u8>) {
        let mut keys = Texts::with_capacity(rows.len(), rows.len() * 16 * self.plan.key.len());
        let linking = self.source.link_key_columns;
        let partial = linking < self.plan.key.len();
        let mut link_key_bytes = Vec::with_capacity(if partial { rows.len() } else { 0 });
        for row in 0..rows.len() {
            let start = keys.bytes();
            for (place, &slot) in self.plan.key.iter().enumerate() {
                if partial && place == linking {
                    // At most two columns of `KEY_BYTES_MAX` and a slash for every source there is; more is not cut.
                    link_key_bytes.push(u8::try_from(keys.bytes() - start).unwrap_or(u8::MAX));
                }
                if place > 0 {
                    keys.push_part("/");
                }
                keys.push_part(rows.field(row, slot));
            }
            keys.finish_row();
        }
        (keys, link_key_bytes)
    }

    fn identifiers(
        &self,
        rows: &Rows,
        providers: &[u32],
        quality: &mut [QualityCounts],
        rejections: &mut Rejections<'_>,
    ) -> Vec<Identifiers> {
        let Some([nhs, birth, postcode, gender]) = self.plan.identifiers else { return Vec::new() };
        let mut all = Vec::with_capacity(rows.len());
        for row in 0..rows.len() {
            let field = |slot| rows.field(row, slot).as_bytes();
            let (identifiers, defects) = Identifiers::parse(field(nhs), field(birth), field(postcode), field(gender));
            let counts = &mut quality[providers[row] as usize];
            counts.rows += 1;
            let missing = [
                identifiers.nhs_digits().is_none(),
                identifiers.birth_packed() == 0,
                identifiers.postcode().is_none(),
                identifiers.gender() == Gender::NotKnown,
            ];
            for (count, missing) in counts.missing.iter_mut().zip(missing) {
                *count += u64::from(missing);
            }
            for defect in defects {
                let place = IdentifierField::of(defect) as usize;
                counts.defective[place] += 1;
                // Stated and blanked is defective, not missing.
                counts.missing[place] -= u64::from(missing[place]);
                let outcome = match defect {
                    Defect::NhsNumberCheckDigit => Outcome::FieldDoubted,
                    Defect::NhsNumberForm | Defect::BirthDate | Defect::Postcode | Defect::Gender => {
                        Outcome::FieldBlanked
                    }
                };
                let name = &self.names.identifiers[place];
                rejections.push(rows.lines[row], name, Reason::Identifier(defect), outcome);
            }
            all.push(identifiers);
        }
        all
    }

    fn payload(&self, rows: &Rows, rejections: &mut Rejections<'_>) -> RecordBatch {
        let mut nulls: HashMap<ColumnType, ArrayRef> = HashMap::new();
        let columns = self.plan.payload.iter().zip(&self.names.payload).map(|(&(column, slot), name)| {
            let column = &self.source.columns[column];
            match slot {
                Some(slot) => self.payload_column(rows, column, slot, name, rejections),
                // Columns that the file lacks share one array.
                None => Arc::clone(
                    nulls.entry(column.kind).or_insert_with(|| new_null_array(&column.kind.arrow(), rows.len())),
                ),
            }
        });
        let columns: Vec<ArrayRef> = columns.collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .expect("each column is built for its field, with one value a row")
    }

    fn payload_column(
        &self,
        rows: &Rows,
        column: &Column,
        slot: usize,
        name: &Arc<str>,
        rejections: &mut Rejections<'_>,
    ) -> ArrayRef {
        let blank = |row: usize, reason| rejections.push(rows.lines[row], name, reason, Outcome::FieldBlanked);
        match column.kind {
            ColumnType::Code => {
                let fits = |text| if str::len(text) <= column.bytes_max { Ok(text) } else { Err(Reason::TooLong) };
                let builder = StringBuilder::with_capacity(rows.len(), rows.len() * 6);
                Arc::new(values(rows, slot, fits, blank).fold(builder, with_code).finish())
            }
            ColumnType::Day => {
                let days = |text| day(text, self.source.dates).map_err(|()| Reason::NotADay);
                let known = values(rows, slot, days, blank).map(|day| day.filter(|&day| day != NO_DAY));
                Arc::new(known.collect::<Date32Array>())
            }
            ColumnType::Integer => {
                let integer = |text| str::parse(text).map_err(|_| Reason::NotAnInteger);
                Arc::new(values(rows, slot, integer, blank).collect::<Int64Array>())
            }
            ColumnType::Decimal => Arc::new(values(rows, slot, decimal, blank).collect::<Float64Array>()),
        }
    }

    fn births(&self, rows: &Rows) -> Vec<bool> {
        if self.births.is_empty() {
            return Vec::new();
        }
        let mut births = vec![false; rows.len()];
        for rule in &self.births {
            for &slot in &rule.slots {
                for (row, code) in rows.column(slot).enumerate() {
                    births[row] |= rule.holds(code, rows, row);
                }
            }
        }
        births
    }
}

impl BoundBirthRule {
    /// The rule bound to a file; `None` where the file has none of its columns.
    fn bind(rule: &BirthRule, source: &Source, plan: &Plan) -> Option<Self> {
        let slot = |name: &str| {
            let chosen = plan.payload.iter().find(|(column, _)| source.columns[*column].name == name);
            chosen.and_then(|&(_, slot)| slot)
        };
        let slots: Vec<usize> = rule.columns.iter().filter_map(|name| slot(name)).collect();
        let system = match rule.system {
            None => None,
            Some(system) => Some((system, slot("code_system")?)),
        };
        let mut first_bytes = [false; 256];
        for prefix in &rule.prefixes {
            first_bytes[usize::from(*prefix.as_bytes().first()?)] = true;
        }
        (!slots.is_empty()).then(|| Self { slots, system, first_bytes, prefixes: rule.prefixes.clone() })
    }

    #[inline]
    fn holds(&self, code: &str, rows: &Rows, row: usize) -> bool {
        let first = code.as_bytes().first();
        first.is_some_and(|&first| self.first_bytes[usize::from(first)])
            && self.prefixes.iter().any(|prefix| code.starts_with(prefix.as_str()))
            && self.system.is_none_or(|(system, slot)| CodeSystem::parse(rows.field(row, slot)) == Some(system))
    }
}

/// The ids in a column that the file may lack.
fn texts(rows: &Rows, slot: Option<usize>) -> Texts {
    let Some(slot) = slot else { return Texts::default() };
    let mut texts = Texts::with_capacity(rows.len(), rows.len() * 12);
    for text in rows.column(slot) {
        // What is too long is no id, and a batch must not grow by it.
        texts.push_part(if text.len() <= KEY_BYTES_MAX { text } else { "" });
        texts.finish_row();
    }
    texts
}

struct Rejections<'a> {
    assembly: &'a Assembly,
    first_line: u64,
    list: Vec<Rejection>,
}

impl Rejections<'_> {
    fn push(&mut self, line: u32, field: &Arc<str>, reason: Reason, outcome: Outcome) {
        self.list.push(Rejection {
            file: Arc::clone(&self.assembly.file),
            line: self.first_line + u64::from(line),
            field: Arc::clone(field),
            reason,
            outcome,
        });
    }
}

/// A day as a number, `NO_DAY` where the field is empty or stands for "not known".
#[inline]
fn day(text: &str, form: DateForm) -> Result<i32, ()> {
    if text.is_empty() {
        return Ok(NO_DAY);
    }
    let day = match form {
        DateForm::Iso => Day::parse(text),
        DateForm::Hospital => Day::parse_hospital(text.as_bytes()),
    };
    match (day, form) {
        (Ok(day), DateForm::Hospital) if BirthDate::is_not_known(day) => Ok(NO_DAY),
        (Ok(day), DateForm::Iso | DateForm::Hospital) => Ok(day.days_since_1970()),
        (Err(_), DateForm::Iso | DateForm::Hospital) => Err(()),
    }
}

/// The values of a column, row by row: none where the field is empty or cannot be taken, which `blank` is told.
fn values<'a, T>(
    rows: &'a Rows,
    slot: usize,
    parse: impl Fn(&'a str) -> Result<T, Reason>,
    mut blank: impl FnMut(usize, Reason),
) -> impl Iterator<Item = Option<T>> {
    rows.column(slot).enumerate().map(move |(row, text)| {
        if text.is_empty() {
            return None;
        }
        parse(text).map_err(|reason| blank(row, reason)).ok()
    })
}

fn with_code(mut codes: StringBuilder, code: Option<&str>) -> StringBuilder {
    codes.append_option(code);
    codes
}

/// A decimal number. `inf` and `NaN`, which Rust would read, are none.
fn decimal(text: &str) -> Result<f64, Reason> {
    text.parse().ok().filter(|value: &f64| value.is_finite()).ok_or(Reason::NotADecimal)
}

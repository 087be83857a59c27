//! What of a practice's export may leave: typed batches in, the lines of the package's files out, with counts of what stays.
//!
//! Every field is written from its parsed value, so that nothing leaves that its declaration does not describe.
//!
//! Invariant: a line is written only for a patient who is not withheld; what is not written is counted.

use super::ledger::token;
use super::{WithheldCounts, WriteOptions};
use crate::batch::SourceBatch;
use crate::codes::Recognised;
use crate::practice::Withholding;
use crate::source::Source;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type};
use arrow_array::{Array, Date32Array, Float64Array, RecordBatch, StringArray};
use caredata_model::{Cause, Day, Instrument, NhsDigits, Passage, RowKind, Scope, Verdict, may_pass};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

pub(super) const PATIENTS_HEADER: &str = "practice_code,patient_id,nhs_number,date_of_birth,postcode,sex,ethnic_category,\
    registration_date,deregistration_date,date_of_death,lsoa,token\n";
pub(super) const JOURNALS_HEADER: &str =
    "practice_code,patient_id,record_id,event_date,recorded_date,code_system,code,value1,value2,unit,episode,token\n";

/// The tokens of the patients sent: by practice, then by local id.
pub(super) type Sent = HashMap<Box<str>, HashMap<Box<str>, String>>;

/// One practice's share of a batch.
#[derive(Default)]
pub(super) struct Share {
    /// Lines of a file.
    pub lines: String,
    pub rows: u64,
    pub withheld: WithheldCounts,
    /// Local ids and tokens of the patients in the lines; of a patients file alone.
    pub tokens: Vec<(Box<str>, String)>,
    /// Entries sent, by code system and code; of a journals file alone.
    pub codes: BTreeMap<(String, String), u64>,
}

/// The shares of a batch, by practice.
pub(super) type Shares = BTreeMap<Box<str>, Share>;

/// What decides about a row.
pub(super) struct Selection<'a> {
    pub options: &'a WriteOptions<'a>,
    pub withholding: &'a Withholding,
    /// Entries from this day on are sent; `None` for all.
    pub from: Option<Day>,
    pub until: Day,
}

/// The longest code that leaves; see the declaration of journals. A longer text is no code.
const CODE_BYTES_MAX: usize = 20;

/// The journals as a practice reads its own: a missing event date stays missing, so that the centre judges a wish by the same
/// dates; and a code that has words behind it is seen, to be cut or kept here.
pub(super) fn journals_source() -> Result<Source, crate::ExtractError> {
    let mut source = Source::builtin("gp-journals")?;
    source.event_day.truncate(1);
    for column in source.columns.iter_mut().filter(|column| column.name == "code") {
        column.bytes_max = usize::MAX;
    }
    Ok(source)
}

impl Selection<'_> {
    /// Whether the rows of a patient stay at the practice.
    fn stays(&self, practice: &str, patient: &str) -> bool {
        let noted = self.withholding.withholds(practice, patient);
        let cause = if noted { Cause::NotedAtPractice } else { Cause::Silent };
        may_pass(Passage::Package, RowKind::Gp, cause, Instrument::None) != Verdict::Leaves
    }

    /// The lines of patients who are sent.
    pub(super) fn patients(&self, batch: &SourceBatch) -> Shares {
        let payload = batch.payload();
        let (ethnic, lsoa) = (codes(payload, "ethnic_category"), codes(payload, "lsoa"));
        let days = ["registration_day", "deregistration_day", "death_day"].map(|name| days(payload, name));
        let mut shares = Shares::new();
        for row in 0..batch.len() {
            let (practice, patient) = (batch.provider(row), batch.local_id(row));
            let share = share(&mut shares, practice);
            if self.stays(practice, patient) {
                continue;
            }
            let identifiers = batch.identifiers(row);
            let mut line = Line::new(&mut share.lines, practice);
            line.text(patient);
            line.text(
                &identifiers
                    .nhs_digits()
                    .map_or_else(String::new, |digits| format!("{:010}", NhsDigits::value(digits))),
            );
            line.day(identifiers.birth_date().map(caredata_model::BirthDate::day));
            line.text(&identifiers.postcode().map_or_else(String::new, caredata_model::Postcode::text));
            line.text(identifiers.gender().code());
            line.text(code_at(ethnic, row));
            for days in days {
                line.day(day_at(days, row));
            }
            line.text(code_at(lsoa, row));
            let token = token(&(self.options.token_key)(practice), practice, patient);
            line.last(&token);
            share.tokens.push((patient.into(), token));
            share.rows += 1;
        }
        shares
    }

    /// The lines of entries that are sent.
    pub(super) fn journals(&self, batch: &SourceBatch, sent: &Sent) -> Shares {
        let payload = batch.payload();
        let [system, code, unit, episode] = ["code_system", "code", "unit", "episode"].map(|name| codes(payload, name));
        let recorded = days(payload, "recorded_day");
        let values = ["value1", "value2"].map(|name| decimals(payload, name));
        let mut shares = Shares::new();
        for row in 0..batch.len() {
            let (practice, patient) = (batch.provider(row), batch.local_id(row));
            let share = share(&mut shares, practice);
            let entry = Entry {
                system: code_at(system, row),
                code: code_at(code, row),
                event: batch.event_day(row),
                recorded: day_at(recorded, row),
            };
            if self.stays(practice, patient) {
                share.withheld.entries_of_objectors += 1;
                continue;
            }
            let Some(token) = sent.get(practice).and_then(|patients| patients.get(patient)) else {
                share.withheld.entries_without_patient += 1;
                continue;
            };
            let Some(code) = self.judge(&entry, &mut share.withheld) else { continue };
            let mut line = Line::new(&mut share.lines, practice);
            line.text(patient);
            line.text(batch.key(row).get(batch.link_key(row).len() + 1..).unwrap_or_default());
            line.day(entry.event);
            line.day(entry.recorded);
            line.text(entry.system);
            line.text(code);
            for values in values {
                line.number(values, row);
            }
            line.text(code_at(unit, row));
            line.text(code_at(episode, row));
            line.last(token);
            share.rows += 1;
            *share.codes.entry((entry.system.to_owned(), code.to_owned())).or_default() += 1;
        }
        shares
    }

    /// The code under which an entry is sent; `None`, and counted, where it stays.
    fn judge<'a>(&self, entry: &Entry<'a>, withheld: &mut WithheldCounts) -> Option<&'a str> {
        let wish = self.options.objections.wish_as_written(entry.system, entry.code, entry.event, entry.recorded);
        match wish {
            Some(Recognised::Counts(wish) | Recognised::NoLongerCounts(wish)) => match wish.scope {
                Scope::GpRecord | Scope::Source(_) => {
                    withheld.entries_of_objection_codes += 1;
                    None
                }
                // The centre must learn of it, however long ago it was noted; without the words that may follow the code.
                Scope::All => entry.code.split_whitespace().next(),
            },
            None => self.judge_care(entry, withheld).then_some(entry.code),
        }
    }

    /// Whether an entry about care is sent.
    fn judge_care(&self, entry: &Entry<'_>, withheld: &mut WithheldCounts) -> bool {
        if let Some(subject) = self.options.sensitive.subject(entry.system, entry.code) {
            *withheld.sensitive_entries.entry(subject.to_owned()).or_default() += 1;
            return false;
        }
        let undated = entry.event.is_none() && entry.recorded.is_none();
        if undated || entry.code.is_empty() || entry.code.len() > CODE_BYTES_MAX {
            withheld.rows_refused += 1;
            return false;
        }
        let inside =
            |day: Option<Day>| day.is_some_and(|day| self.from.is_none_or(|from| from <= day) && day <= self.until);
        let sent = inside(entry.event) || inside(entry.recorded);
        withheld.entries_outside_window += u64::from(!sent);
        sent
    }
}

struct Entry<'a> {
    system: &'a str,
    code: &'a str,
    event: Option<Day>,
    recorded: Option<Day>,
}

fn share<'a>(shares: &'a mut Shares, practice: &str) -> &'a mut Share {
    if !shares.contains_key(practice) {
        shares.insert(practice.into(), Share::default());
    }
    shares.get_mut(practice).expect("it was put in just now where it was missing")
}

/// A line of a CSV file.
struct Line<'a>(&'a mut String);

impl<'a> Line<'a> {
    fn new(lines: &'a mut String, first: &str) -> Self {
        let mut line = Self(lines);
        line.field(first);
        line
    }

    fn text(&mut self, text: &str) {
        self.0.push(',');
        self.field(text);
    }

    fn field(&mut self, text: &str) {
        if text.contains([',', '"', '\n', '\r']) {
            self.0.push('"');
            self.0.push_str(&text.replace('"', "\"\""));
            self.0.push('"');
        } else {
            self.0.push_str(text);
        }
    }

    fn day(&mut self, day: Option<Day>) {
        self.0.push(',');
        if let Some(day) = day {
            // Writing to a string cannot fail.
            let _ = write!(self.0, "{day}");
        }
    }

    fn number(&mut self, values: &Float64Array, row: usize) {
        self.0.push(',');
        if values.is_valid(row) {
            let _ = write!(self.0, "{}", values.value(row));
        }
    }

    fn last(mut self, token: &str) {
        self.text(token);
        self.0.push('\n');
    }
}

const DECLARED: &str = "the built-in declaration has this column with this type";

fn codes<'a>(payload: &'a RecordBatch, name: &str) -> &'a StringArray {
    payload.column_by_name(name).expect(DECLARED).as_string()
}

fn days<'a>(payload: &'a RecordBatch, name: &str) -> &'a Date32Array {
    payload.column_by_name(name).expect(DECLARED).as_primitive::<Date32Type>()
}

fn decimals<'a>(payload: &'a RecordBatch, name: &str) -> &'a Float64Array {
    payload.column_by_name(name).expect(DECLARED).as_primitive::<Float64Type>()
}

fn code_at(codes: &StringArray, row: usize) -> &str {
    if codes.is_null(row) { "" } else { codes.value(row) }
}

fn day_at(days: &Date32Array, row: usize) -> Option<Day> {
    days.is_valid(row).then(|| Day::from_days_since_1970(days.value(row)).ok()).flatten()
}

//! What the first gate parts: identifiers for the vault and for linkage, payload for the records, rows for sealing.
//!
//! Invariant: an [`AdmittedPayload`] is made by a [`Gate`](crate::Gate) alone and holds no identifier, no local key and no
//! note of an objection; an [`Identified`] holds no payload. Only a record key joins the two.

use crate::{AdmitError, Disposal, Duplicates, Fate, Held, Reason, Registration, Setting, Tally};
use arrow_array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use arrow_buffer::ScalarBuffer;
use arrow_schema::{DataType, Field, Schema};
use arrow_select::filter::filter_record_batch;
use caredata_extract::{Source, Table};
use caredata_model::{Day, Identifiers, LegalBasis, RecordKey, SourceName};
use std::fmt;
use std::sync::Arc;

/// Names of the columns that a gate adds before the declared payload.
pub mod columns {
    /// `Int64`: the record's key.
    pub const RECORD_KEY: &str = "record_key";
    /// `Int64`: the key of the record that links this one.
    pub const LINK_KEY: &str = "link_key";
    /// `Utf8`: the provider's code.
    pub const PROVIDER: &str = "provider";
    /// `Utf8`: 1 male, 2 female, 9 indeterminate, 0 not known; null where the source states no identifiers.
    pub const SEX: &str = "sex";
    /// `Int32`: null where not known or the source states no identifiers.
    pub const BIRTH_YEAR: &str = "birth_year";
    /// `Date32`: the day of the event.
    pub const EVENT_DAY: &str = "event_day";
    /// `Boolean`: false where some day of the row was cut to the first of its month.
    pub const DAY_EXACT: &str = "day_exact";
    /// `Utf8`, the last column of [`Withheld`](crate::Withheld) rows: the name of the reason.
    pub const REASON: &str = "withheld_reason";
}

/// The identifiers of one record: for the vault and for linkage, never for anybody else. `Debug` shows nothing of them.
#[derive(Clone)]
pub struct Identified {
    /// The record's key.
    pub key: RecordKey,
    /// The key by which other sources' records link through this one; the same.
    pub link_key: RecordKey,
    /// The four identifiers.
    pub identifiers: Identifiers,
    /// The provider's code.
    pub provider: Arc<str>,
    /// A number for the patient's local id within the provider, for comparing alone; 0 where there is none.
    pub local_id: u64,
    /// The day of the event.
    pub event_day: Option<Day>,
    /// The record's key in its source's own words: for the vault alone.
    pub local_key: Box<str>,
    /// For what they are held; never [`Held::NotAtAll`].
    pub held: Held,
}

impl fmt::Debug for Identified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identified").field("key", &self.key).field("held", &self.held).finish_non_exhaustive()
    }
}

/// Where a batch comes from and on what basis it was taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The source.
    pub source: SourceName,
    /// The table of the record that its rows go to.
    pub table: Table,
    /// The basis on which it was taken in.
    pub basis: LegalBasis,
}

impl Origin {
    /// The place of care, as objections tell them apart.
    pub const fn setting(&self) -> Setting {
        Setting::of(self.table)
    }
}

/// The schema of admitted payload of a source: the gate's own columns, then the declared ones.
pub fn admitted_schema(source: &Source) -> Schema {
    let own = [
        Field::new(columns::RECORD_KEY, DataType::Int64, false),
        Field::new(columns::LINK_KEY, DataType::Int64, false),
        Field::new(columns::PROVIDER, DataType::Utf8, false),
        Field::new(columns::SEX, DataType::Utf8, true),
        Field::new(columns::BIRTH_YEAR, DataType::Int32, true),
        Field::new(columns::EVENT_DAY, DataType::Date32, true),
        Field::new(columns::DAY_EXACT, DataType::Boolean, false),
    ];
    let declared = source.payload_schema();
    let declared = declared.fields().iter().map(|field| field.as_ref().clone());
    Schema::new(own.into_iter().chain(declared).collect::<Vec<_>>())
}

/// Rows that gate 1 let through, without identifiers: all that a [`Gate`](crate::Gate) makes and all that linkage's answer
/// may be joined to. There is no other way to make one.
#[derive(Clone)]
pub struct AdmittedPayload {
    pub(crate) origin: Arc<Origin>,
    pub(crate) batch: RecordBatch,
}

impl AdmittedPayload {
    /// Where the rows come from.
    pub fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// The rows, of the schema [`admitted_schema`].
    pub const fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for AdmittedPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdmittedPayload")
            .field("source", &self.origin.source)
            .field("rows", &self.len())
            .finish_non_exhaustive()
    }
}

/// Rows that a gate withheld and that the law has sent to us: to be sealed, and nothing else. Its one way out is
/// [`Withheld::for_sealing`]; nothing downstream takes one.
#[derive(Clone)]
pub struct Withheld {
    origin: Arc<Origin>,
    batch: RecordBatch,
}

impl Withheld {
    /// Rows of admitted columns, and why each is withheld. Anybody may withhold rows; no type turns them back into payload.
    ///
    /// # Errors
    /// [`AdmitError::Columns`] where there are not as many reasons as rows.
    pub fn new(origin: Arc<Origin>, rows: &RecordBatch, reasons: &[Reason]) -> Result<Self, AdmitError> {
        let reasons: ArrayRef = Arc::new(StringArray::from_iter_values(reasons.iter().map(|reason| reason.name())));
        let mut fields: Vec<Arc<Field>> = rows.schema().fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(columns::REASON, DataType::Utf8, false)));
        let mut arrays = rows.columns().to_vec();
        arrays.push(reasons);
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
            .map_err(|cause| AdmitError::Columns { source_name: origin.source.clone(), cause })?;
        Ok(Self { origin, batch })
    }

    /// Where the rows come from.
    pub fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows for the sealed store: the admitted columns and [`columns::REASON`]. Its caller seals them.
    pub fn for_sealing(self) -> RecordBatch {
        self.batch
    }
}

impl fmt::Debug for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Withheld")
            .field("source", &self.origin.source)
            .field("rows", &self.len())
            .finish_non_exhaustive()
    }
}

/// A batch after gate 1.
#[derive(Debug)]
pub struct Admitted {
    /// The identifiers that may be held, in the order of the file.
    pub identified: Vec<Identified>,
    /// The rows that go on.
    pub payload: AdmittedPayload,
    /// The rows to be sealed.
    pub withheld: Withheld,
    /// Of a source of registrations: all of them, withheld ones too, for [`Registrations`](crate::Registrations).
    pub registrations: Vec<Registration>,
    /// The count of this batch.
    pub tally: Tally,
    pub(crate) rows: Rows,
}

/// What is remembered of every row of the batch, so that a duplicate found later can be taken out.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) file: Arc<str>,
    pub(crate) keys: ScalarBuffer<i64>,
    pub(crate) fates: Vec<Fate>,
    pub(crate) lines: Lines,
}

/// A row whose key stood earlier in the contribution: a rejection, with no value of the row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DuplicateRow {
    /// The file's name.
    pub file: Arc<str>,
    /// The line on which the row begins; for Parquet the row's number.
    pub line: u64,
}

impl fmt::Display for DuplicateRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}: its record key stands on an earlier line too (row refused)", self.file, self.line)
    }
}

impl Admitted {
    /// The values of the keys of all rows that came in, in the order of the file, for [`Duplicates::find`].
    pub fn keys(&self) -> &[i64] {
        &self.rows.keys
    }

    /// What gate 1 made of each row that came in, in the order of the file.
    pub fn fates(&self) -> &[Fate] {
        &self.rows.fates
    }

    /// Takes the duplicates out: this batch is at `place` among those that were looked through. Their registrations stay
    /// known, since of two statements the stricter holds. [`Admitted::keys`] and [`Admitted::fates`] still tell all rows.
    ///
    /// # Errors
    /// [`AdmitError::Columns`], a fault of the program.
    pub fn without(mut self, duplicates: &Duplicates, place: usize) -> Result<(Self, Vec<DuplicateRow>), AdmitError> {
        let later = duplicates.rows_of(place);
        if later.is_empty() {
            return Ok((self, Vec::new()));
        }
        let setting = self.payload.origin.setting();
        let mut kept = Kept::default();
        let mut next = later.iter().peekable();
        for (row, &fate) in self.rows.fates.iter().enumerate() {
            let duplicate = next.next_if(|&&later| later as usize == row).is_some();
            kept.note(fate, setting, duplicate);
            if duplicate {
                self.tally.requarantine(match fate {
                    Fate::Admitted => None,
                    Fate::Withheld(reason) => Some((reason, setting.disposal())),
                });
            }
        }
        let rejections = later
            .iter()
            .map(|&row| DuplicateRow { file: Arc::clone(&self.rows.file), line: self.rows.lines.of(row) })
            .collect();
        let origin = Arc::clone(&self.payload.origin);
        let filter = |batch: &RecordBatch, kept: Vec<bool>| {
            filter_record_batch(batch, &BooleanArray::from(kept))
                .map_err(|cause| AdmitError::Columns { source_name: origin.source.clone(), cause })
        };
        self.payload.batch = filter(&self.payload.batch, kept.admitted)?;
        self.withheld.batch = filter(&self.withheld.batch, kept.sealed)?;
        let mut identified = kept.identified.into_iter();
        self.identified.retain(|_| identified.next().unwrap_or(true));
        Ok((self, rejections))
    }
}

/// For every row of each output of the gate: whether it stays.
#[derive(Default)]
struct Kept {
    admitted: Vec<bool>,
    sealed: Vec<bool>,
    identified: Vec<bool>,
}

impl Kept {
    fn note(&mut self, fate: Fate, setting: Setting, duplicate: bool) {
        match (fate, setting.disposal()) {
            (Fate::Admitted, _) => self.admitted.push(!duplicate),
            (Fate::Withheld(_), Disposal::Sealed) => self.sealed.push(!duplicate),
            (Fate::Withheld(_), Disposal::Dropped) => {}
        }
        match fate.identifiers() {
            Held::ForTheRecord | Held::ForMatchingAlone => self.identified.push(!duplicate),
            Held::NotAtAll => {}
        }
    }
}

/// Line numbers of rows, held as runs of lines that follow each other.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// First row and its line, for each run.
    runs: Vec<(u32, u64)>,
}

impl Lines {
    pub(crate) fn new(lines: impl Iterator<Item = u64>) -> Self {
        let mut runs = Vec::new();
        let mut expected = None;
        for (row, line) in lines.enumerate() {
            if expected != Some(line) {
                runs.push((row as u32, line));
            }
            expected = Some(line + 1);
        }
        Self { runs }
    }

    fn of(&self, row: u32) -> u64 {
        let after = self.runs.partition_point(|&(first, _)| first <= row);
        let (first, line) = self.runs[after - 1];
        line + u64::from(row - first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_over_gaps() {
        let lines = [2, 3, 4, 9, 10, 40];
        let runs = Lines::new(lines.into_iter());
        assert_eq!(runs.runs.len(), 3);
        for (row, line) in lines.into_iter().enumerate() {
            assert_eq!(runs.of(row as u32), line);
        }
    }
}

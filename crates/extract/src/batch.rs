//! A batch of parsed records: what every reader makes and `admit` takes.
//!
//! Invariant: all columns have the same number of rows, the payload has the schema that the source declares (or the asked-for
//! part of it), and no identifier, key or local id is in the payload. `Debug` shows counts only.

use crate::rejection::Rejection;
use crate::source::Source;
use arrow_array::RecordBatch;
use caredata_model::{Day, Identifiers};
use std::fmt;
use std::sync::Arc;

/// A run of parsed records of one file of one source, in the file's order.
///
/// Row `i` runs from 0 to `len() - 1`; accessors panic beyond, as slices do.
pub struct SourceBatch {
    pub(crate) source: Arc<Source>,
    pub(crate) file: Arc<str>,
    pub(crate) file_number: usize,
    pub(crate) first_line: u64,
    pub(crate) line_offsets: Vec<u32>,
    pub(crate) keys: Texts,
    /// Bytes of each key that name the linking record; empty where it is the whole key.
    pub(crate) link_key_bytes: Vec<u8>,
    pub(crate) providers: Vec<Box<str>>,
    pub(crate) provider_indices: Vec<u32>,
    pub(crate) local_ids: Texts,
    pub(crate) tokens: Texts,
    pub(crate) identifiers: Vec<Identifiers>,
    /// Days since 1970-01-01; `NO_DAY` where there is none.
    pub(crate) event_days: Vec<i32>,
    pub(crate) births: Vec<bool>,
    pub(crate) payload: RecordBatch,
    pub(crate) rejections: Vec<Rejection>,
}

/// What linkage needs of a batch, column by column, moved out of it.
pub struct Linkable {
    /// The records' keys one after the other.
    pub keys: String,
    /// Where each key ends.
    pub key_ends: Vec<u32>,
    /// The providers of the batch, each once.
    pub providers: Vec<Box<str>>,
    /// For each record the place of its provider.
    pub provider_indices: Vec<u32>,
    /// The patients' local ids one after the other; for the vault.
    pub local_ids: String,
    /// Where each local id ends; empty where the source has none.
    pub local_id_ends: Vec<u32>,
    /// The four identifiers.
    pub identifiers: Vec<Identifiers>,
    /// The days of the events since 1970-01-01; where there is none, a number that no `Day` has.
    pub days: Vec<i32>,
}

/// Stands for a missing day; no `Day` has this value.
pub(crate) const NO_DAY: i32 = i32::MIN;

impl SourceBatch {
    /// The number of records.
    pub fn len(&self) -> usize {
        self.line_offsets.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.line_offsets.is_empty()
    }

    /// The source that the records are of.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The name of the file that the records are from.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The file's place in the list that was read.
    pub const fn file_number(&self) -> usize {
        self.file_number
    }

    /// The line on which record `i` begins, the header being line 1; for Parquet the row's number from 1.
    pub fn line(&self, i: usize) -> u64 {
        self.first_line + u64::from(self.line_offsets[i])
    }

    /// The record's key: its key columns joined by `/`. Empty where keys were not asked for. A local key: for the vault.
    pub fn key(&self, i: usize) -> &str {
        self.keys.get(i)
    }

    /// The key of the record that links this one: for journals the registration's, `practice_code/patient_id`; else the
    /// record's own key.
    pub fn link_key(&self, i: usize) -> &str {
        let key = self.key(i);
        self.link_key_bytes.get(i).and_then(|&bytes| key.get(..usize::from(bytes))).unwrap_or(key)
    }

    /// The provider's code; never empty.
    pub fn provider(&self, i: usize) -> &str {
        &self.providers[self.provider_indices[i] as usize]
    }

    /// The providers of this batch, each once, in order of first appearance. Work that is done once a provider is done
    /// on these.
    pub fn providers(&self) -> &[Box<str>] {
        &self.providers
    }

    /// The place of record `i`'s provider in [`SourceBatch::providers`].
    pub fn provider_index(&self, i: usize) -> usize {
        self.provider_indices[i] as usize
    }

    /// The patient's local id within the provider; empty where there is none. For the vault.
    pub fn local_id(&self, i: usize) -> &str {
        self.local_ids.get(i)
    }

    /// The practice's own opaque token, in packages; empty elsewhere.
    pub fn token(&self, i: usize) -> &str {
        self.tokens.get(i)
    }

    /// The four identifiers, packed; all missing where the source has none or they were not asked for.
    pub fn identifiers(&self, i: usize) -> Identifiers {
        self.identifiers.get(i).copied().unwrap_or_default()
    }

    /// The day of the event.
    pub fn event_day(&self, i: usize) -> Option<Day> {
        Day::from_days_since_1970(self.event_days[i]).ok()
    }

    /// Whether the event is a birth or a delivery as the source declares them, so that its days go to the month.
    /// Always `false` where the payload was not asked for.
    pub fn is_birth(&self, i: usize) -> bool {
        self.births.get(i).copied().unwrap_or(false)
    }

    /// Gives away what linkage needs without copying it. Identifiers must have been asked for.
    pub fn into_linkable(self) -> Linkable {
        Linkable {
            keys: self.keys.text,
            key_ends: self.keys.ends,
            providers: self.providers,
            provider_indices: self.provider_indices,
            local_ids: self.local_ids.text,
            local_id_ends: self.local_ids.ends,
            identifiers: self.identifiers,
            days: self.event_days,
        }
    }

    /// The payload: columns named and typed as declared, all of [`Source::payload_schema`] under [`Columns::All`]
    /// (those that the file lacks are null throughout); only the asked-for ones under [`Columns::Only`], and none under
    /// [`Columns::Identifiers`].
    ///
    /// [`Columns::All`]: crate::Columns::All
    /// [`Columns::Only`]: crate::Columns::Only
    /// [`Columns::Identifiers`]: crate::Columns::Identifiers
    pub const fn payload(&self) -> &RecordBatch {
        &self.payload
    }

    /// What of these records' part of the file could not be taken as it stood: refused rows (which are not in the batch) and
    /// blanked fields. The same rejections are in [`Read::rejections`](crate::Read::rejections).
    pub fn rejections(&self) -> &[Rejection] {
        &self.rejections
    }
}

impl fmt::Debug for SourceBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceBatch")
            .field("source", &self.source.name)
            .field("file", &self.file)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// Texts packed one after the other.
#[derive(Default)]
pub(crate) struct Texts {
    text: String,
    ends: Vec<u32>,
}

impl Texts {
    pub(crate) fn with_capacity(rows: usize, bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), ends: Vec::with_capacity(rows) }
    }

    /// Adds to the text that [`Texts::finish_row`] will end.
    pub(crate) fn push_part(&mut self, part: &str) {
        self.text.push_str(part);
    }

    /// Ends the row's text; returns how many bytes all texts have so far.
    pub(crate) fn finish_row(&mut self) {
        self.ends.push(self.text.len() as u32);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    fn get(&self, i: usize) -> &str {
        let Some(&end) = self.ends.get(i) else { return "" };
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.text[start as usize..end as usize]
    }
}

//! Reading whole inputs: files in, a result for each batch out, in file order whatever the number of threads.
//!
//! Invariant: `rows_in` = rows given to `consume` + rows refused; memory holds the chunks in flight and what the results
//! keep, nothing else; a bad file is an error before anything is returned.

use crate::batch::SourceBatch;
use crate::error::ExtractError;
use crate::find::InputFile;
use crate::rejection::{Quality, Rejection};
use crate::source::Source;
use std::collections::BTreeMap;

/// What to materialise of each record. Columns that are not asked for are not even parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Columns {
    /// Everything declared.
    #[default]
    All,
    /// Key, provider, local id, the four identifiers and the event day: what `link` needs.
    Identifiers,
    /// Key, provider, local id, event day, and these payload columns by their names in the record; no identifiers.
    Only(Vec<String>),
}

/// What becomes of a row whose event day is required and missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Undated {
    /// The row is refused.
    #[default]
    Refuse,
    /// The row stands without a day. For reading objections, which hold whatever their date.
    Keep,
}

/// How to read.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// What to materialise.
    pub columns: Columns,
    /// What becomes of rows without their event day.
    pub undated: Undated,
    /// Names in the files, renamed to those of the declaration (`--map`).
    pub renames: BTreeMap<String, String>,
    /// Bytes of a file that are parsed at a time; two such chunks a thread are in memory at once.
    pub chunk_bytes: usize,
    /// The longest record taken, in bytes.
    pub record_bytes_max: usize,
    /// How many rejections are listed one by one; more are only counted.
    pub rejections_max: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            columns: Columns::All,
            undated: Undated::Refuse,
            renames: BTreeMap::new(),
            chunk_bytes: 4 << 20,
            record_bytes_max: 1 << 20,
            rejections_max: 1_000_000,
        }
    }
}

impl ReadOptions {
    /// The default options with other columns.
    pub fn with_columns(columns: Columns) -> Self {
        Self { columns, ..Self::default() }
    }
}

/// What was read.
#[derive(Debug)]
pub struct Read<T> {
    /// What `consume` made of each batch, in the order of files and of rows within them.
    pub results: Vec<T>,
    /// Rows in all files, headers not counted: those in batches and those refused.
    pub rows_in: u64,
    /// Rows refused.
    pub rows_refused: u64,
    /// Fields blanked or doubted.
    pub fields_rejected: u64,
    /// Rejections one by one in file order, at most [`ReadOptions::rejections_max`].
    pub rejections: Vec<Rejection>,
    /// Undeclared columns, with the number of files that had them.
    pub ignored_columns: BTreeMap<String, u64>,
    /// Quality of the identifiers by provider.
    pub quality: Quality,
}

/// Reads files of one source, in parallel over chunks and files.
///
/// `consume` runs on worker threads of the current rayon pool, once a batch; what it returns comes back in file order. Should
/// a file be refused, nothing is returned: `consume` must leave no trace but its result, or its caller must undo it.
///
/// ```
/// use caredata_extract::{read, InputFile, ReadOptions, Source};
/// let source = Source::builtin("apc").unwrap();
/// let text = "EPIKEY,PROCODE,LOPATID,NEWNHSNO,DOB,HOMEADD,SEX,ETHNOS,ADMIDATE,DISDATE,ADMIMETH,DIAG_01\n\
///             1,RX1,L7,9434765919,1956-03-09,LS1 4AP,2,A,2014-04-02,2014-04-05,21,J440\n\
///             2,RX1,L8,,,LS1 4AP,1,A,2014-04-31,,21,J440\n";
/// let files = [InputFile::in_memory("apc.csv", text)];
/// let read = read(&source, &files, &ReadOptions::default(), |batch| batch.len()).unwrap();
/// assert_eq!(read.results, [1]);
/// assert_eq!(read.rejections[0].to_string(), "apc.csv line 3, ADMIDATE: not a date that exists (row refused)");
/// ```
///
/// # Errors
/// [`ExtractError`] naming the first file, in the order given, that is refused, and why.
pub fn read<T: Send>(
    source: &Source,
    files: &[InputFile],
    options: &ReadOptions,
    consume: impl Fn(SourceBatch) -> T + Sync,
) -> Result<Read<T>, ExtractError> {
    let _ = (source, files, options, &consume);
    unimplemented!("being written")
}

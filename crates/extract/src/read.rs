//! Reading whole inputs: files in, a result for each batch out, in file order whatever the number of threads.
//!
//! Invariant: `rows_in` = rows given to `consume` + rows refused; memory holds the chunks in flight and what the results
//! keep, nothing else; a bad file is an error before anything is returned.

use crate::assemble::{Assembled, Assembly};
use crate::batch::SourceBatch;
use crate::chunk::{self, Chunk, ChunkFailure, Chunker};
use crate::codes::ObjectionCodes;
use crate::error::{ExtractError, FileProblem};
use crate::find::{Format, InputFile};
use crate::header::{self, Plan};
use crate::parquet;
use crate::practice::{Doubtful, RowText};
use crate::rejection::{Quality, QualityCounts, Rejection};
use crate::rows::{self, Refused, Rows, Shape};
use crate::source::Source;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

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
    read_watching(source, files, options, None, consume).map(|(read, _)| read)
}

/// As [`read`]; rows that are refused and hold the code of an objection of `watch` are named beside.
pub(crate) fn read_watching<T: Send>(
    source: &Source,
    files: &[InputFile],
    options: &ReadOptions,
    watch: Option<&ObjectionCodes>,
    consume: impl Fn(SourceBatch) -> T + Sync,
) -> Result<(Read<T>, Vec<Doubtful>), ExtractError> {
    let source = Arc::new(source.clone());
    // All headers are looked at before the first row is read, so that what is wrong with them costs nobody any time.
    let inputs: Vec<Input> = files
        .iter()
        .enumerate()
        .map(|(number, file)| Input::bind(file, number, &source, options))
        .collect::<Result<_, _>>()?;
    let work = Work {
        inputs: &inputs,
        options,
        watch,
        first_open: AtomicUsize::new(0),
        failure: Mutex::new(None),
        first_bad: AtomicUsize::new(usize::MAX),
    };
    let mut parts: Vec<Part<T>> = rayon::broadcast(|_| work.run(&consume)).into_iter().flatten().collect();
    if let Some((_, error)) = work.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    parts.sort_unstable_by_key(|part| part.place);
    Ok(gather(parts, &inputs, options.rejections_max))
}

/// What one batch came to.
struct Part<T> {
    /// File, chunk, and batch within the chunk.
    place: (usize, u64, usize),
    result: T,
    rows_in: u64,
    rows_refused: u64,
    fields_rejected: u64,
    rejections: Vec<Rejection>,
    quality: Vec<(Box<str>, QualityCounts)>,
    doubtful: Vec<Doubtful>,
}

fn gather<T>(parts: Vec<Part<T>>, inputs: &[Input], rejections_max: usize) -> (Read<T>, Vec<Doubtful>) {
    let mut read = Read {
        results: Vec::with_capacity(parts.len()),
        rows_in: 0,
        rows_refused: 0,
        fields_rejected: 0,
        rejections: Vec::new(),
        ignored_columns: BTreeMap::new(),
        quality: Quality::default(),
    };
    let mut doubtful = Vec::new();
    for name in inputs.iter().flat_map(|input| &input.assembly.plan.ignored) {
        *read.ignored_columns.entry(name.clone()).or_default() += 1;
    }
    for part in parts {
        read.results.push(part.result);
        read.rows_in += part.rows_in;
        read.rows_refused += part.rows_refused;
        read.fields_rejected += part.fields_rejected;
        let room = rejections_max - read.rejections.len();
        read.rejections.extend(part.rejections.into_iter().take(room));
        for (provider, counts) in part.quality {
            read.quality.by_provider.entry(provider).or_default().add(&counts);
        }
        doubtful.extend(part.doubtful);
    }
    (read, doubtful)
}

/// A file with its plan, and how far it has been given out.
struct Input {
    file: InputFile,
    assembly: Assembly,
    delimiter: u8,
    row_groups: Vec<u64>,
    feed: Mutex<Feed>,
}

enum Feed {
    Unopened,
    Delimited { chunker: Box<OpenChunker>, next: u64 },
    RowGroups { next: usize, first_row: u64 },
    Done,
}

/// A piece of a file to be parsed.
enum Piece {
    Chunk(Chunk),
    RowGroup { group: usize, first_row: u64 },
}

impl Input {
    fn bind(
        file: &InputFile,
        number: usize,
        source: &Arc<Source>,
        options: &ReadOptions,
    ) -> Result<Self, ExtractError> {
        let refused = |problem| ExtractError::file(&*file.name, problem);
        let (names, delimiter, row_groups) = match file.format {
            Format::Parquet => {
                let outline = parquet::outline(file).map_err(refused)?;
                (outline.names, b',', outline.row_groups)
            }
            Format::Plain | Format::Gzip | Format::Zstd => {
                let (_, header) = open_chunker(file, options)?;
                let delimiter = header::delimiter(&header);
                (header::names(&header, delimiter).map_err(refused)?, delimiter, Vec::new())
            }
        };
        let plan = Plan::bind(&names, source, options, header::delimiter_name(delimiter)).map_err(refused)?;
        let assembly = Assembly::new(Arc::clone(source), plan, options.undated, Arc::clone(&file.name), number);
        Ok(Self { file: file.clone(), assembly, delimiter, row_groups, feed: Mutex::new(Feed::Unopened) })
    }

    /// The next piece of the file and its number; `None` when there is none left.
    fn next(&self, feed: &mut Feed, options: &ReadOptions) -> Result<Option<(u64, Piece)>, ExtractError> {
        if let Feed::Unopened = feed {
            *feed = match self.file.format {
                Format::Parquet => Feed::RowGroups { next: 0, first_row: 1 },
                Format::Plain | Format::Gzip | Format::Zstd => {
                    let (mut chunker, _) = open_chunker(&self.file, options)?;
                    chunker.set_delimiter(self.delimiter);
                    Feed::Delimited { chunker: Box::new(chunker), next: 0 }
                }
            };
        }
        let piece = match feed {
            Feed::Unopened | Feed::Done => None,
            Feed::Delimited { chunker, next } => {
                let chunk = chunker.next().map_err(|failure| refusal(&self.file, failure))?;
                *next += 1;
                chunk.map(|chunk| (*next, Piece::Chunk(chunk)))
            }
            Feed::RowGroups { next, first_row } => self.row_groups.get(*next).map(|rows| {
                let piece = (*next as u64, Piece::RowGroup { group: *next, first_row: *first_row });
                *next += 1;
                *first_row += rows;
                piece
            }),
        };
        if piece.is_none() {
            *feed = Feed::Done;
        }
        Ok(piece)
    }

    /// The batches of a piece, each with the line from which its rows are counted.
    fn parse(&self, piece: Piece, options: &ReadOptions) -> Result<Vec<(Rows, u64)>, FileProblem> {
        match piece {
            Piece::Chunk(chunk) => {
                let shape = Shape {
                    delimiter: self.delimiter,
                    columns: self.assembly.plan.columns,
                    wanted: &self.assembly.plan.wanted,
                    record_bytes_max: options.record_bytes_max,
                };
                let first_line = chunk.first_line;
                Ok(vec![(rows::cut(chunk, &shape)?, first_line)])
            }
            Piece::RowGroup { group, first_row } => {
                let all = parquet::row_group(&self.file, group, &self.assembly.plan.wanted)?;
                Ok(all.into_iter().map(|rows| (rows, first_row)).collect())
            }
        }
    }
}

type OpenChunker = Chunker<Box<dyn std::io::Read + Send>>;

fn open_chunker(file: &InputFile, options: &ReadOptions) -> Result<(OpenChunker, Vec<u8>), ExtractError> {
    let compressed = file.format != Format::Plain;
    let reader = chunk::open(file).map_err(ExtractError::io(&*file.name))?;
    Chunker::open(reader, compressed, options.chunk_bytes, options.record_bytes_max)
        .map_err(|failure| refusal(file, failure))
}

fn refusal(file: &InputFile, failure: ChunkFailure) -> ExtractError {
    match failure {
        ChunkFailure::Problem(problem) => ExtractError::file(&*file.name, problem),
        ChunkFailure::Io(cause) => ExtractError::Io { file: file.name.to_string(), cause },
    }
}

/// What the workers share.
struct Work<'a> {
    inputs: &'a [Input],
    options: &'a ReadOptions,
    watch: Option<&'a ObjectionCodes>,
    /// Files before this one have been given out whole.
    first_open: AtomicUsize,
    /// The earliest failure in file order, and where.
    failure: Mutex<Option<((usize, u64), ExtractError)>>,
    first_bad: AtomicUsize,
}

impl Work<'_> {
    /// One worker: takes pieces until there are none. After a failure only the files before it are gone on with, so that the
    /// failure reported is the first in file order whatever the number of threads.
    fn run<T>(&self, consume: &(impl Fn(SourceBatch) -> T + Sync)) -> Vec<Part<T>> {
        let mut parts = Vec::new();
        while let Some((number, chunk, piece)) = self.take() {
            let input = &self.inputs[number];
            match input.parse(piece, self.options) {
                Ok(batches) => {
                    for (place, (rows, first_line)) in batches.into_iter().enumerate() {
                        parts.push(self.part((number, chunk, place), input, rows, first_line, consume));
                    }
                }
                Err(problem) => self.fail((number, chunk), ExtractError::file(&*input.file.name, problem)),
            }
        }
        parts
    }

    fn take(&self) -> Option<(usize, u64, Piece)> {
        // First the files that nobody is reading from just now, then, waiting, whichever has more.
        for wait in [false, true] {
            for number in self.first_open.load(Ordering::Relaxed)..self.inputs.len() {
                if number >= self.first_bad.load(Ordering::Relaxed) {
                    break;
                }
                let input = &self.inputs[number];
                let mut feed = match input.feed.try_lock() {
                    Ok(feed) => feed,
                    Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                    Err(TryLockError::WouldBlock) if wait => input.feed.lock().unwrap_or_else(PoisonError::into_inner),
                    Err(TryLockError::WouldBlock) => continue,
                };
                match input.next(&mut feed, self.options) {
                    Ok(Some((chunk, piece))) => return Some((number, chunk, piece)),
                    Ok(None) => {
                        let _ =
                            self.first_open.compare_exchange(number, number + 1, Ordering::Relaxed, Ordering::Relaxed);
                    }
                    Err(error) => self.fail((number, u64::MAX), error),
                }
            }
        }
        None
    }

    fn fail(&self, place: (usize, u64), error: ExtractError) {
        self.first_bad.fetch_min(place.0, Ordering::Relaxed);
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.as_ref().is_none_or(|(earliest, _)| place < *earliest) {
            *failure = Some((place, error));
        }
    }

    fn part<T>(
        &self,
        place: (usize, u64, usize),
        input: &Input,
        rows: Rows,
        first_line: u64,
        consume: &impl Fn(SourceBatch) -> T,
    ) -> Part<T> {
        let Assembled { batch, quality, refused } = input.assembly.assemble(rows, first_line);
        let doubtful = self.watch.map_or_else(Vec::new, |codes| {
            let holds = |row: &&Refused| codes.may_hold_objection(&row.text);
            let doubtful = |row: &Refused| Doubtful {
                file: Box::from(&*input.file.name),
                line: first_line + u64::from(row.line),
                reason: row.reason.words(),
                row: RowText(row.text.clone()),
            };
            refused.iter().filter(holds).map(doubtful).collect()
        });
        let rejections: Vec<Rejection> = batch.rejections.iter().take(self.options.rejections_max).cloned().collect();
        let quality = if batch.identifiers.is_empty() {
            Vec::new()
        } else {
            batch.providers.iter().cloned().zip(quality).collect()
        };
        Part {
            place,
            rows_in: (batch.len() + refused.len()) as u64,
            rows_refused: refused.len() as u64,
            fields_rejected: (batch.rejections.len() - refused.len()) as u64,
            rejections,
            quality,
            doubtful,
            result: consume(batch),
        }
    }
}

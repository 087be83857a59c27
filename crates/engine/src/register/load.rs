//! A file of objections: `objections.csv` in, new events or a refusal that names lines and never a value out.
//!
//! Invariant: a file is loaded whole or not at all, and loading it again adds nothing. A date that is missing or no date is
//! no fault: the event then counts as the rules say (an objection at once, a withdrawal not).

use super::objections::{EventRow, day_of, insert};
use super::{Kind, Register, now};
use crate::audit::{Act, Audit, Outcome, hexadecimal};
use crate::error::EngineError;
use caredata_model::{Day, NhsNumber, NotAnNhsNumber};
use csv_core::{ReadRecordResult, ReaderBuilder};
use sha2::{Digest, Sha256};
use sqlx::{Connection, SqliteConnection};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

/// A line longer than this is a broken file, not a row.
const LINE_BYTES_MAX: usize = 1 << 16;
/// Faults told one by one; the rest are counted.
const FAULTS_TOLD_MAX: usize = 10;
/// Rows on their way to the database.
const ROWS_IN_HAND: usize = 10_000;
const COLUMNS: [&str; 7] =
    ["nhs_number", "kind", "effective_from", "recorded_at", "channel", "recorded_by", "source_id"];

/// What a load did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// SHA-256 of the file.
    pub sha256: String,
    /// Rows in the file.
    pub rows: u64,
    /// Events that were new.
    pub added: u64,
    /// Events that the register had already.
    pub known: u64,
    /// Effective dates that are missing or no dates: an objection counts at once, a withdrawal not at all.
    pub dates_missing: u64,
    /// Columns that nobody asked for; they were not looked at.
    pub columns_ignored: u64,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadFault {
    /// No row at all: nobody's wish can be read from an empty file.
    #[error("the file holds no row; a file without objections is not taken for nobody objecting")]
    Empty,
    /// A column is missing.
    #[error("the column {0} is missing")]
    ColumnMissing(&'static str),
    /// A column is there twice.
    #[error("the column {0} is there twice")]
    ColumnTwice(&'static str),
    /// More or fewer fields than the header.
    #[error("it has {found} fields, the header {expected}")]
    Fields {
        /// Fields in the line.
        found: usize,
        /// Fields in the header.
        expected: usize,
    },
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// Longer than any row.
    #[error("it is longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// A quote that does not end.
    #[error("a quoted field does not end on its line")]
    OpenQuote,
    /// No NHS Number.
    #[error("nhs_number: {0}")]
    Number(NotAnNhsNumber),
    /// No kind.
    #[error("kind: none of object-gp, withdraw-gp, object-all, withdraw-all, object-source:NAME, withdraw-source:NAME")]
    Kind,
    /// A place of care that nobody knows.
    #[error(
        "kind: no such place of care is known; known are {0}; load with --expect-source NAME for one that is to come"
    )]
    Source(String),
    /// A text that is too long, has control characters, or repeats the person's number.
    #[error("{0}: longer than 200 characters, with control characters, or holding the person's number")]
    Unfit(&'static str),
}

/// What is wrong with a file, by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadFaults {
    /// Lines with a fault.
    pub total: u64,
    /// The first of them: line (the header is 1) and fault.
    pub first: Vec<(u64, LoadFault)>,
}

impl LoadFaults {
    fn push(&mut self, line: u64, fault: LoadFault) {
        self.total += 1;
        if self.first.len() < FAULTS_TOLD_MAX {
            self.first.push((line, fault));
        }
    }
}

impl fmt::Display for LoadFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (line, fault)) in self.first.iter().enumerate() {
            write!(f, "{}line {line}: {fault}", if at > 0 { "; " } else { "" })?;
        }
        let untold = self.total - self.first.len() as u64;
        if untold > 0 { write!(f, "; and {untold} more lines") } else { Ok(()) }
    }
}

/// Why a load stopped.
enum Stop {
    Engine(EngineError),
    Database(sqlx::Error),
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl Register {
    /// Loads a file of objections, whole or not at all. CSV as all our inputs: delimiter `,`, `|` or tab, columns in any
    /// order, plain, `.gz` or `.zst`.
    ///
    /// # Errors
    /// [`EngineError::ObjectionsRefused`] where any line has a fault or there is none, [`EngineError::Io`],
    /// [`EngineError::Register`], and those of [`Audit::append`]; then nothing is loaded.
    pub fn load(&self, audit: &Audit, file: &Path) -> Result<Loaded, EngineError> {
        let sources = self.sources()?;
        let mut connection = self.connection.lock().map_err(|_| EngineError::Interrupted)?;
        let loading = async {
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
            let mut rows = Rows::open(file, sources)?;
            let (mut loaded, faults) = self.take_rows(&mut transaction, &mut rows, file).await?;
            let sha256 = rows.sha256().map_err(EngineError::io("reading", file))?;
            let (Some(sha256), 0) = (&sha256, faults.total) else {
                audit.append(&Act::ObjectionsRefused { sha256, faults: faults.total }, Outcome::Denied)?;
                return Err(Stop::Engine(EngineError::ObjectionsRefused { file: file.to_owned(), faults }));
            };
            loaded.sha256.clone_from(sha256);
            loaded.known = loaded.rows - loaded.added;
            loaded.columns_ignored = rows.columns_ignored;
            sqlx::query("INSERT INTO loads (sha256, rows, noted_at) VALUES ($1, $2, $3)")
                .bind(&loaded.sha256)
                .bind(loaded.rows.cast_signed())
                .bind(now())
                .execute(&mut *transaction)
                .await?;
            let act = Act::ObjectionsLoaded { sha256: sha256.clone(), added: loaded.added, known: loaded.known };
            audit.append(&act, Outcome::Done)?;
            transaction.commit().await?;
            Ok(loaded)
        };
        futures::executor::block_on(loading).map_err(|stop| match stop {
            Stop::Engine(error) => error,
            Stop::Database(source) => EngineError::Register { doing: "loading objections", source },
        })
    }

    /// Reads all rows and inserts them, up to the first fault; from then on it only looks for more faults.
    async fn take_rows(
        &self,
        connection: &mut SqliteConnection,
        rows: &mut Rows,
        file: &Path,
    ) -> Result<(Loaded, LoadFaults), Stop> {
        let (mut loaded, mut faults) = (Loaded::default(), LoadFaults::default());
        let mut in_hand = Vec::with_capacity(ROWS_IN_HAND);
        loop {
            let next = rows.next(self).map_err(EngineError::io("reading", file))?;
            let ended = matches!(next, Next::End);
            match next {
                Next::Row(row) => {
                    loaded.rows += 1;
                    loaded.dates_missing += u64::from(row.effective.is_none());
                    in_hand.push(row);
                }
                Next::Fault(line, fault) => faults.push(line, fault),
                Next::Engine(error) => return Err(error.into()),
                Next::End => {}
            }
            if faults.total > 0 {
                in_hand.clear();
            } else if ended || in_hand.len() == ROWS_IN_HAND {
                loaded.added += insert(connection, &in_hand).await?;
                in_hand.clear();
            }
            if ended {
                break;
            }
        }
        if loaded.rows == 0 && faults.total == 0 {
            faults.push(1, LoadFault::Empty);
        }
        Ok((loaded, faults))
    }
}

/// What the next line of a file is.
enum Next {
    Row(EventRow),
    Fault(u64, LoadFault),
    Engine(EngineError),
    End,
}

/// The rows of a file, line by line: no value of ours has a line break, so a line is a row.
struct Rows {
    input: Box<dyn BufRead>,
    hash: Rc<RefCell<Sha256>>,
    parser: csv_core::Reader,
    /// For each of [`COLUMNS`], its place in a line; `None` until the header is read.
    places: Option<[usize; 7]>,
    fields: usize,
    /// The places of care that a wish may name.
    sources: BTreeSet<String>,
    columns_ignored: u64,
    line: u64,
    ended: bool,
    /// Whether reading stopped before the file's end, at a fault that makes the rest pointless.
    given_up: bool,
    text: Vec<u8>,
    output: Vec<u8>,
    ends: Vec<usize>,
}

/// Hashes the bytes of a file as they are read.
struct Hashing {
    file: File,
    hash: Rc<RefCell<Sha256>>,
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.hash.borrow_mut().update(&buffer[..count]);
        Ok(count)
    }
}

impl Rows {
    fn open(path: &Path, sources: BTreeSet<String>) -> Result<Self, EngineError> {
        let fault = |source| EngineError::Io { doing: "reading", path: path.to_owned(), source };
        let hash = Rc::default();
        let file = Hashing { file: File::open(path).map_err(fault)?, hash: Rc::clone(&hash) };
        let input: Box<dyn BufRead> = match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => Box::new(BufReader::new(flate2::read::MultiGzDecoder::new(file))),
            Some("zst") => Box::new(BufReader::new(zstd::Decoder::new(file).map_err(fault)?)),
            Some(_) | None => Box::new(BufReader::new(file)),
        };
        Ok(Self {
            sources,
            input,
            hash,
            parser: csv_core::Reader::new(),
            places: None,
            fields: 0,
            columns_ignored: 0,
            line: 0,
            ended: false,
            given_up: false,
            text: Vec::new(),
            output: vec![0; LINE_BYTES_MAX],
            ends: vec![0; 1_024],
        })
    }

    /// SHA-256 of the whole file; none where reading stopped before its end.
    fn sha256(&mut self) -> io::Result<Option<String>> {
        if self.given_up {
            return Ok(None);
        }
        io::copy(&mut self.input, &mut io::sink())?;
        Ok(Some(hexadecimal(&self.hash.borrow().clone().finalize())))
    }

    const fn give_up(&mut self) {
        (self.ended, self.given_up) = (true, true);
    }

    fn next(&mut self, register: &Register) -> io::Result<Next> {
        loop {
            if self.ended {
                return Ok(Next::End);
            }
            self.text.clear();
            let limit = LINE_BYTES_MAX as u64 + 1;
            let count = self.input.by_ref().take(limit).read_until(b'\n', &mut self.text)?;
            self.line += 1;
            if count == 0 {
                self.ended = true;
            } else if count as u64 == limit {
                // What follows is the rest of this line, and may be gigabytes of it.
                self.give_up();
                return Ok(Next::Fault(self.line, LoadFault::TooLong));
            } else if self.places.is_none() {
                if let Err(fault) = self.read_header() {
                    self.give_up();
                    return Ok(Next::Fault(self.line, fault));
                }
            } else if !self.text.trim_ascii().is_empty() {
                return Ok(match self.read_row(register) {
                    Ok(Ok(row)) if !row.kind.is_about_one_of(&self.sources) => {
                        let known = self.sources.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                        Next::Fault(self.line, LoadFault::Source(known))
                    }
                    Ok(Ok(row)) => Next::Row(row),
                    Ok(Err(error)) => Next::Engine(error),
                    Err(fault) => Next::Fault(self.line, fault),
                });
            }
        }
    }

    fn read_header(&mut self) -> Result<(), LoadFault> {
        if let Some(rest) = self.text.strip_prefix(b"\xEF\xBB\xBF") {
            self.text = rest.to_vec();
        }
        let count = |delimiter: u8| self.text.split(|&byte| byte == delimiter).count();
        let delimiter = [b',', b'|', b'\t'].into_iter().rev().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',');
        self.parser = ReaderBuilder::new().delimiter(delimiter).build();
        let names: Vec<String> = self.split()?.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
        let mut places = [0; 7];
        for (place, column) in places.iter_mut().zip(COLUMNS) {
            let mut found = names.iter().enumerate().filter(|(_, name)| *name == column).map(|(at, _)| at);
            *place = found.next().ok_or(LoadFault::ColumnMissing(column))?;
            if found.next().is_some() {
                return Err(LoadFault::ColumnTwice(column));
            }
        }
        self.fields = names.len();
        self.columns_ignored = (names.len() - COLUMNS.len()) as u64;
        self.places = Some(places);
        Ok(())
    }

    /// The fields of the line.
    fn split(&mut self) -> Result<Vec<&str>, LoadFault> {
        self.parser.reset();
        let text = self.text.strip_suffix(b"\n").unwrap_or(&self.text);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if self.ends.len() < text.len() + 1 {
            self.ends.resize(text.len() + 1, 0);
        }
        let (state, read, written, ends) = self.parser.read_record(text, &mut self.output, &mut self.ends);
        // A line by itself never ends a record, unless a carriage return stands in its middle; its end does, if no quote is
        // open, and then the parser has nothing left to say of a line break given next.
        if state != ReadRecordResult::InputEmpty || read != text.len() {
            return Err(LoadFault::Fields { found: ends, expected: self.fields });
        }
        let (state, _, more_written, more_ends) =
            self.parser.read_record(b"\n", &mut self.output[written..], &mut self.ends[ends..]);
        if state != ReadRecordResult::Record {
            return Err(LoadFault::OpenQuote);
        }
        let whole = std::str::from_utf8(&self.output[..written + more_written]).map_err(|_| LoadFault::NotUtf8)?;
        let mut from = 0;
        self.ends[..ends + more_ends]
            .iter()
            .map(|&end| whole.get(std::mem::replace(&mut from, end)..end).ok_or(LoadFault::NotUtf8))
            .collect()
    }

    fn read_row(&mut self, register: &Register) -> Result<Result<EventRow, EngineError>, LoadFault> {
        let (places, expected) = (self.places.unwrap_or_default(), self.fields);
        let fields = self.split()?;
        if fields.len() != expected {
            return Err(LoadFault::Fields { found: fields.len(), expected });
        }
        let [number, kind, effective, recorded_at, channel, recorded_by, source_id] =
            places.map(|place| fields[place].trim());
        let number = NhsNumber::parse(number).map_err(LoadFault::Number)?;
        let kind: Kind = kind.parse().map_err(|_| LoadFault::Kind)?;
        let effective = Day::parse(effective.get(..10).unwrap_or(effective)).ok();
        for (name, text) in
            [("recorded_at", recorded_at), ("channel", channel), ("recorded_by", recorded_by), ("source_id", source_id)]
        {
            if !is_fit(text, number) {
                return Err(LoadFault::Unfit(name));
            }
        }
        let recorded_at = if day_of(recorded_at).is_some() { recorded_at } else { "" };
        Ok(register.seal.seal(number).map(|number| EventRow {
            number,
            kind,
            effective,
            recorded_at: recorded_at.to_owned(),
            channel: channel.to_owned(),
            recorded_by: recorded_by.to_owned(),
            source_id: source_id.to_owned(),
        }))
    }
}

/// Whether a text may stand in the register in the clear: above all, not with the number of the person it is about.
fn is_fit(text: &str, number: NhsNumber) -> bool {
    let joined: String = text.chars().filter(|character| character.is_alphanumeric()).collect();
    text.chars().count() <= 200
        && !text.chars().any(char::is_control)
        && !joined.contains(&format!("{:010}", number.value()))
}

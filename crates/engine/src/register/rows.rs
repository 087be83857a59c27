//! The lines of `objections.csv`, or FHIR `Consent`s: bytes in, rows with closed words or faults that name lines and never a
//! value out.
//!
//! Invariant: a row that comes out is whole and fit to stand in the register. A date that is missing or no date is no fault:
//! the event then counts as the rules say (an objection at once, a withdrawal not).

use super::Kind;
use super::fhir::read::{ConsentFault, Document, Fields, line};
use super::objections::day_of;
use super::said::{Kept, Needs, door_of};
use crate::audit::hexadecimal;
use crate::error::EngineError;
use caredata_model::{AgeBand, Day, Door, Mandate, NhsNumber, NotAnNhsNumber, Refusal, Speaker, may_speak};
use csv_core::{ReadRecordResult, ReaderBuilder};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

/// A line longer than this is a broken file, not a row.
const LINE_BYTES_MAX: usize = 1 << 16;
/// A consent on one line, with what it contains.
const CONSENT_BYTES_MAX: usize = 1 << 20;
/// A document that is read as a whole: some hundred thousand consents.
const DOCUMENT_BYTES_MAX: usize = 1 << 28;
/// Faults told one by one; the rest are counted.
const FAULTS_TOLD_MAX: usize = 10;
/// The columns that a file may lack.
const MORE_COLUMNS: [&str; 5] = ["by", "through", "reference", "language", "formats"];
/// What hospitals and practices call their own number of a patient. It is never read: the register finds people by NHS Number,
/// and a number that only one hospital knows could be given to somebody else later.
const LOCAL_IDS: [&str; 5] = ["lopatid", "local_id", "patient_id", "hospital_number", "mrn"];
/// All columns, in the order in which we write them.
pub(super) const ALL_COLUMNS: [&str; 12] = [
    "nhs_number",
    "kind",
    "effective_from",
    "recorded_at",
    "channel",
    "recorded_by",
    "source_id",
    "by",
    "through",
    "reference",
    "language",
    "formats",
];

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadFault {
    /// No row at all: nobody's wish can be read from an empty file.
    #[error("the file holds no row; a file without objections is not taken for nobody objecting")]
    Empty,
    /// A column is missing.
    #[error("the column {0} is missing")]
    ColumnMissing(&'static str),
    /// A list that names its patients by a hospital's own number for them.
    #[error(
        "{0}: the list names patients by the hospital's own numbers, and the register knows people by their NHS Number alone; \
         ask the hospital to add the column nhs_number, traced where it is missing"
    )]
    LocalIds(&'static str),
    /// A row of a list with local numbers that states no NHS Number.
    #[error(
        "nhs_number: it is empty, and the hospital's own number for the patient names nobody here; ask the hospital to trace it"
    )]
    LocalIdAlone,
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
    /// Longer than a consent, or than a document that is read as a whole.
    #[error("it is longer than {0} bytes; one Consent a line, as .ndjson, may go on for as long as it likes")]
    TooLongFor(usize),
    /// A `Consent` that cannot be taken.
    #[error(transparent)]
    Consent(#[from] ConsentFault),
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
    /// A word that is in none of our closed lists.
    #[error("{0}: not one of its words; docs/who-may-record.md has them")]
    Word(&'static str),
    /// A withdrawal by somebody who may not act for the person.
    #[error("by: {0}")]
    MayNot(Refusal),
    /// A text that is too long, has control characters, or repeats the person's number.
    #[error("{0}: longer than 200 characters, with control characters, or holding the person's number")]
    Unfit(&'static str),
}

/// What is wrong with a file, by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadFaults {
    /// Lines with a fault.
    pub total: u64,
    /// The first of them: line (the header is 1), or entry of a bundle, and fault.
    pub first: Vec<(u64, LoadFault)>,
    /// What is counted.
    pub(super) places: Places,
}

/// What the places of a file are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Places {
    #[default]
    Lines,
    Entries,
}

impl LoadFaults {
    pub(super) fn push(&mut self, line: u64, fault: LoadFault) {
        self.total += 1;
        if self.first.len() < FAULTS_TOLD_MAX {
            self.first.push((line, fault));
        }
    }
}

impl fmt::Display for LoadFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, many) = match self.places {
            Places::Lines => ("line", "lines"),
            Places::Entries => ("entry", "entries"),
        };
        for (at, (line, fault)) in self.first.iter().enumerate() {
            write!(f, "{}{one} {line}: {fault}", if at > 0 { "; " } else { "" })?;
        }
        let untold = self.total - self.first.len() as u64;
        if untold > 0 { write!(f, "; and {untold} more {many}") } else { Ok(()) }
    }
}

/// A row of a file.
pub(super) struct Row {
    pub(super) number: NhsNumber,
    /// Its place in [`Rows::kinds`].
    pub(super) kind: u32,
    pub(super) effective: Option<Day>,
    pub(super) recorded_at: Box<str>,
    pub(super) source_id: Box<str>,
    /// Its place in [`Rows::sayings`].
    pub(super) saying: u32,
}

/// What the next line of a file is.
pub(super) enum Next {
    Row(Row),
    Fault(u64, LoadFault),
    End,
}

/// What a file is, by its name.
enum Form {
    Csv,
    /// One `Consent` a line.
    Ndjson,
    /// One JSON document, read when its first row is asked for.
    Json(Option<Document>),
}

impl Form {
    /// The form of a file's name, and whether and how it is packed.
    fn of(path: &Path) -> (Self, Option<&str>) {
        let extension =
            |path: &Path| path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
        let packed =
            path.extension().and_then(|extension| extension.to_str()).filter(|last| ["gz", "zst"].contains(last));
        let inner = if packed.is_some() { extension(&path.with_extension("")) } else { extension(path) };
        let form = match inner.as_deref() {
            Some("ndjson" | "jsonl") => Self::Ndjson,
            Some("json") => Self::Json(None),
            Some(_) | None => Self::Csv,
        };
        (form, packed)
    }
}

/// The rows of a file, line by line: no value of ours has a line break, so a line is a row.
pub(super) struct Rows {
    form: Form,
    input: Box<dyn BufRead>,
    hash: Rc<RefCell<Sha256>>,
    parser: csv_core::Reader,
    /// Where each of [`ALL_COLUMNS`] stands in a line; `None` until the header is read.
    places: Option<[Option<usize>; ALL_COLUMNS.len()]>,
    words: Words,
    fields: usize,
    pub(super) columns_ignored: u64,
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
    pub(super) fn open(path: &Path, sources: BTreeSet<String>) -> Result<Self, EngineError> {
        let fault = |source| EngineError::Io { doing: "reading", path: path.to_owned(), source };
        let hash = Rc::default();
        let file = Hashing { file: File::open(path).map_err(fault)?, hash: Rc::clone(&hash) };
        let (form, packed) = Form::of(path);
        let input: Box<dyn BufRead> = match packed {
            Some("gz") => Box::new(BufReader::new(flate2::read::MultiGzDecoder::new(file))),
            Some("zst") => Box::new(BufReader::new(zstd::Decoder::new(file).map_err(fault)?)),
            Some(_) | None => Box::new(BufReader::new(file)),
        };
        Ok(Self {
            form,
            words: Words::of(sources),
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

    /// The kinds of wishes met so far, each once.
    pub(super) fn kinds(&self) -> &[Kind] {
        &self.words.kinds
    }

    /// The circumstances met so far, each once.
    pub(super) fn sayings(&self) -> &[Kept] {
        &self.words.sayings
    }

    /// SHA-256 of the whole file; none where reading stopped before its end.
    pub(super) fn sha256(&mut self) -> io::Result<Option<String>> {
        if self.given_up {
            return Ok(None);
        }
        io::copy(&mut self.input, &mut io::sink())?;
        Ok(Some(hexadecimal(&self.hash.borrow().clone().finalize())))
    }

    const fn give_up(&mut self) {
        (self.ended, self.given_up) = (true, true);
    }

    /// What the places of faults are.
    pub(super) const fn counted(&self) -> Places {
        match self.form {
            Form::Csv | Form::Ndjson => Places::Lines,
            Form::Json(_) => Places::Entries,
        }
    }

    pub(super) fn next(&mut self) -> io::Result<Next> {
        match self.form {
            Form::Csv => self.next_of_csv(),
            Form::Ndjson => self.next_of_lines(),
            Form::Json(_) => self.next_of_document(),
        }
    }

    /// Reads a line into `text`; whether there is one, and whether it is no longer than it may be.
    fn read_line(&mut self, bytes_max: usize) -> io::Result<Option<bool>> {
        self.text.clear();
        let limit = bytes_max as u64 + 1;
        let count = self.input.by_ref().take(limit).read_until(b'\n', &mut self.text)?;
        self.line += 1;
        Ok((count > 0).then_some((count as u64) < limit))
    }

    fn next_of_lines(&mut self) -> io::Result<Next> {
        loop {
            if self.ended {
                return Ok(Next::End);
            }
            match self.read_line(CONSENT_BYTES_MAX)? {
                None => self.ended = true,
                Some(false) => {
                    self.give_up();
                    return Ok(Next::Fault(self.line, LoadFault::TooLongFor(CONSENT_BYTES_MAX)));
                }
                Some(true) if self.text.trim_ascii().is_empty() => {}
                Some(true) => return Ok(self.of_consent(self.line, line(&self.text))),
            }
        }
    }

    fn next_of_document(&mut self) -> io::Result<Next> {
        if self.ended {
            return Ok(Next::End);
        }
        if matches!(self.form, Form::Json(None)) {
            self.input.by_ref().take(DOCUMENT_BYTES_MAX as u64 + 1).read_to_end(&mut self.text)?;
            let read = if self.text.len() > DOCUMENT_BYTES_MAX {
                Err(LoadFault::TooLongFor(DOCUMENT_BYTES_MAX))
            } else {
                Document::of(&std::mem::take(&mut self.text))
            };
            match read {
                Ok(document) => self.form = Form::Json(Some(document)),
                Err(fault) => {
                    self.give_up();
                    return Ok(Next::Fault(1, fault));
                }
            }
        }
        let Form::Json(Some(document)) = &mut self.form else { return Ok(Next::End) };
        let next = document.next();
        Ok(next.map_or(Next::End, |(at, fields)| self.of_consent(at, fields)))
    }

    /// A row of the fields that a consent has; who speaks is judged, since a consent says it.
    fn of_consent(&mut self, place: u64, fields: Result<Fields, LoadFault>) -> Next {
        let row = fields.and_then(|fields| self.words.row(&fields.each_ref().map(|field| field.trim()), true));
        row.map_or_else(|fault| Next::Fault(place, fault), Next::Row)
    }

    fn next_of_csv(&mut self) -> io::Result<Next> {
        loop {
            if self.ended {
                return Ok(Next::End);
            }
            let line = self.read_line(LINE_BYTES_MAX)?;
            if line.is_none() {
                self.ended = true;
            } else if line == Some(false) {
                // What follows is the rest of this line, and may be gigabytes of it.
                self.give_up();
                return Ok(Next::Fault(self.line, LoadFault::TooLong));
            } else if self.places.is_none() {
                if let Err(fault) = self.read_header() {
                    self.give_up();
                    return Ok(Next::Fault(self.line, fault));
                }
            } else if !self.text.trim_ascii().is_empty() {
                return Ok(match self.read_row() {
                    Ok(row) => Next::Row(row),
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
        let (whole, ends) = self.parse()?;
        let mut from = 0;
        let names = ends.iter().map(|&end| whole.get(std::mem::replace(&mut from, end)..end).ok_or(LoadFault::NotUtf8));
        let names = names.map(|name| Ok(name?.trim().to_ascii_lowercase())).collect::<Result<Vec<_>, LoadFault>>()?;
        let mut places = [None; ALL_COLUMNS.len()];
        for (place, column) in places.iter_mut().zip(ALL_COLUMNS) {
            let mut found = names.iter().enumerate().filter(|(_, name)| *name == column).map(|(at, _)| at);
            *place = found.next();
            if found.next().is_some() {
                return Err(LoadFault::ColumnTwice(column));
            }
            let local = LOCAL_IDS.into_iter().find(|own| names.iter().any(|name| name == own));
            if let (None, "nhs_number", Some(own)) = (&place, column, local) {
                return Err(LoadFault::LocalIds(own));
            }
            if place.is_none() && !MORE_COLUMNS.contains(&column) {
                return Err(LoadFault::ColumnMissing(column));
            }
        }
        self.words.has_local_ids = LOCAL_IDS.iter().any(|own| names.iter().any(|name| name == own));
        self.fields = names.len();
        self.columns_ignored = (names.len() - places.iter().flatten().count()) as u64;
        self.places = Some(places);
        Ok(())
    }

    /// The fields of the line: the whole of them, and where each ends.
    fn parse(&mut self) -> Result<(&str, &[usize]), LoadFault> {
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
        Ok((whole, &self.ends[..ends + more_ends]))
    }

    fn read_row(&mut self) -> Result<Row, LoadFault> {
        let (places, expected) = (self.places.unwrap_or_default(), self.fields);
        // Apart while the fields are looked at, which stand in this reader too.
        let mut words = std::mem::take(&mut self.words);
        let row = self.parse().and_then(|(whole, ends)| {
            if ends.len() != expected {
                return Err(LoadFault::Fields { found: ends.len(), expected });
            }
            let mut fields = [""; ALL_COLUMNS.len()];
            for (field, place) in fields.iter_mut().zip(places) {
                let Some(place) = place else { continue };
                let from = place.checked_sub(1).map_or(0, |before| ends[before]);
                *field = trimmed(whole.get(from..ends[place]).ok_or(LoadFault::NotUtf8)?);
            }
            words.row(&fields, places[BY].is_some())
        });
        self.words = words;
        row
    }
}

/// Where `by` stands in [`ALL_COLUMNS`].
const BY: usize = 7;

/// The words of a file that come again and again: each is read once.
#[derive(Default)]
struct Words {
    /// The places of care that a wish may name.
    sources: BTreeSet<String>,
    kinds: Vec<Kind>,
    kind_places: HashMap<String, u32>,
    sayings: Vec<Kept>,
    saying_places: HashMap<String, u32>,
    key: String,
    /// Whether the file has a column with a place's own numbers of patients.
    has_local_ids: bool,
}

impl Words {
    fn of(sources: BTreeSet<String>) -> Self {
        Self { sources, ..Self::default() }
    }

    /// A row of its fields, in the order of [`ALL_COLUMNS`]. Who speaks is judged only where the file has a column for it; age
    /// is the sender's affair.
    fn row(&mut self, fields: &[&str; ALL_COLUMNS.len()], says_by_whom: bool) -> Result<Row, LoadFault> {
        let [
            number,
            kind,
            effective,
            recorded_at,
            channel,
            recorded_by,
            source_id,
            by,
            through,
            reference,
            language,
            formats,
        ] = *fields;
        if number.is_empty() && self.has_local_ids {
            return Err(LoadFault::LocalIdAlone);
        }
        let number = NhsNumber::parse(number).map_err(LoadFault::Number)?;
        let kind = self.kind(kind)?;
        let effective = Day::parse(effective.get(..10).unwrap_or(effective)).ok();
        for (name, text) in [
            ("recorded_at", recorded_at),
            ("channel", channel),
            ("recorded_by", recorded_by),
            ("source_id", source_id),
            ("reference", reference),
        ] {
            if !is_fit(text, number) {
                return Err(LoadFault::Unfit(name));
            }
        }
        let saying = self.saying([channel, recorded_by, by, through, reference, language, formats])?;
        if says_by_whom {
            let kept = &self.sayings[saying as usize];
            let age = match kept.by {
                Speaker::Parent | Speaker::Guardian => AgeBand::Under13,
                Speaker::Person
                | Speaker::Attorney
                | Speaker::Deputy
                | Speaker::Relative
                | Speaker::Representative
                | Speaker::Practice
                | Speaker::Hospital
                | Speaker::Other
                | Speaker::NotStated => AgeBand::NotStated,
            };
            let mandate = if reference.is_empty() { Mandate::None } else { Mandate::Referenced };
            may_speak(self.kinds[kind as usize].choice, kept.by, age, mandate).map_err(LoadFault::MayNot)?;
        }
        let recorded_at = if day_of(recorded_at).is_some() { recorded_at } else { "" };
        Ok(Row { number, kind, effective, recorded_at: recorded_at.into(), source_id: source_id.into(), saying })
    }

    fn kind(&mut self, text: &str) -> Result<u32, LoadFault> {
        if let Some(&place) = self.kind_places.get(text) {
            return Ok(place);
        }
        let kind: Kind = text.parse().map_err(|_| LoadFault::Kind)?;
        if !kind.is_about_one_of(&self.sources) {
            let known = self.sources.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(LoadFault::Source(known));
        }
        let place = self.kinds.len() as u32;
        self.kinds.push(kind);
        self.kind_places.insert(text.to_owned(), place);
        Ok(place)
    }

    fn saying(&mut self, texts: [&str; 7]) -> Result<u32, LoadFault> {
        self.key.clear();
        for text in texts {
            self.key.push_str(text);
            self.key.push('\n');
        }
        if let Some(&place) = self.saying_places.get(self.key.as_str()) {
            return Ok(place);
        }
        let [channel, recorded_by, by, through, reference, language, formats] = texts;
        let kept = Kept {
            by: Speaker::parse(by).map_err(|_| LoadFault::Word("by"))?,
            through: if through.is_empty() {
                door_of(channel)
            } else {
                Door::parse(through).map_err(|_| LoadFault::Word("through"))?
            },
            channel: channel.to_owned(),
            recorded_by: recorded_by.to_owned(),
            reference: reference.to_owned(),
            needs: Needs::parse(language, formats).map_err(|_| LoadFault::Word("language or formats"))?,
        };
        let place = self.sayings.len() as u32;
        self.sayings.push(kept);
        self.saying_places.insert(self.key.clone(), place);
        Ok(place)
    }
}

/// A field without the blanks about it; most have none, which is quickly seen.
fn trimmed(field: &str) -> &str {
    let bytes = field.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(b'!'..=b'~'), Some(b'!'..=b'~')) | (None, _) | (_, None) => field,
        (Some(_), Some(_)) => field.trim(),
    }
}

/// Whether a text may stand in the register in the clear: above all, not with the number of the person it is about.
fn is_fit(text: &str, number: NhsNumber) -> bool {
    // Plain and short of ten digits, as nearly all are.
    let mut digits = 0;
    let mut plain = text.len() <= 200;
    for &byte in text.as_bytes() {
        digits += u32::from(byte.is_ascii_digit());
        plain &= matches!(byte, b' '..=b'~');
    }
    if plain && digits < 10 {
        return true;
    }
    let joined: String = text.chars().filter(|character| character.is_alphanumeric()).collect();
    text.chars().count() <= 200
        && !text.chars().any(char::is_control)
        && !joined.contains(&format!("{:010}", number.value()))
}

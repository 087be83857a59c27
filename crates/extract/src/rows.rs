//! A chunk cut into fields: bytes in, the places of the wanted fields of each row out.
//!
//! The fields stay where they are: a row is a run of spans into one text. Only a quoted field with doubled quotation marks
//! is written anew, at the text's end.
//!
//! Invariants: every row kept has as many fields as the header has columns, is UTF-8 and without NUL; every other row is
//! among the refusals; blank lines are no rows.

use crate::chunk::{Chunk, closing_quote};
use crate::error::FileProblem;
use crate::rejection::Reason;
use memchr::{memchr, memchr_iter, memchr2};

/// How the rows of a file are to be cut.
pub(crate) struct Shape<'a> {
    pub delimiter: u8,
    /// Columns in the header.
    pub columns: usize,
    /// The columns to keep, ascending.
    pub wanted: &'a [usize],
    pub record_bytes_max: usize,
}

/// The rows of a chunk.
#[derive(Default)]
pub(crate) struct Rows {
    text: String,
    /// `width` spans a row.
    spans: Vec<[u32; 2]>,
    width: usize,
    /// For each row its line, counted from the chunk's first.
    pub lines: Vec<u32>,
    pub refused: Vec<Refused>,
}

/// A row that cannot be taken.
pub(crate) struct Refused {
    /// Its line, counted from the chunk's first.
    pub line: u32,
    pub reason: Reason,
    /// Its text, looked at for codes of objections and then dropped.
    pub text: Box<str>,
}

impl Rows {
    /// Rows to be filled with [`Rows::push_field`] and [`Rows::finish_row`].
    pub(crate) fn with_width(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    pub(crate) fn push_field(&mut self, field: &str) {
        let start = self.text.len() as u32;
        self.text.push_str(field);
        self.spans.push([start, self.text.len() as u32]);
    }

    pub(crate) fn finish_row(&mut self, line: u32) {
        self.lines.push(line);
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The text of a row's field, by its place among the wanted columns.
    #[inline]
    pub(crate) fn field(&self, row: usize, slot: usize) -> &str {
        let [start, end] = self.spans[row * self.width + slot];
        &self.text[start as usize..end as usize]
    }

    /// All wanted fields of a row.
    pub(crate) fn fields(&self, row: usize) -> impl Iterator<Item = &str> {
        (0..self.width).map(move |slot| self.field(row, slot))
    }

    /// The fields of one column, row by row.
    pub(crate) fn column(&self, slot: usize) -> impl ExactSizeIterator<Item = &str> {
        self.spans
            .iter()
            .skip(slot)
            .step_by(self.width.max(1))
            .map(|&[start, end]| &self.text[start as usize..end as usize])
    }

    /// Takes the spaces from about the fields of one column.
    pub(crate) fn trim(&mut self, slot: usize) {
        let width = self.width.max(1);
        for span in self.spans.iter_mut().skip(slot).step_by(width) {
            let field = &self.text[span[0] as usize..span[1] as usize];
            let (Some(first), Some(last)) = (field.as_bytes().first(), field.as_bytes().last()) else { continue };
            // Most ids begin and end with a letter or digit.
            if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
                continue;
            }
            let from = span[0] + (field.len() - field.trim_start().len()) as u32;
            *span = [from, from + field.trim().len() as u32];
        }
    }

    /// Keeps the rows for which `keep` holds.
    pub(crate) fn retain(&mut self, keep: &[bool]) {
        let width = self.width;
        let mut place = 0;
        for (row, _) in keep.iter().enumerate().filter(|&(_, &kept)| kept) {
            self.spans.copy_within(row * width..(row + 1) * width, place * width);
            self.lines[place] = self.lines[row];
            place += 1;
        }
        self.spans.truncate(place * width);
        self.lines.truncate(place);
    }
}

/// Cuts a chunk into rows.
///
/// # Errors
/// [`FileProblem::CutShort`] where the file ends within a record, [`FileProblem::RecordTooLong`].
pub(crate) fn cut(chunk: Chunk, shape: &Shape<'_>) -> Result<Rows, FileProblem> {
    let Chunk { bytes, first_line, quoted, last } = chunk;
    let (text, mut marks) = into_text(bytes);
    marks.sort_unstable();
    let mut cutter = Cutter {
        shape,
        first_line,
        last,
        marks,
        next_mark: 0,
        rows: Rows { width: shape.wanted.len(), ..Rows::default() },
        rewritten: String::new(),
        line: 0,
    };
    // A guess that holds for most files; too little costs a copy.
    let guess = text.len() / 48 + 16;
    cutter.rows.spans.reserve(guess * shape.wanted.len());
    cutter.rows.lines.reserve(guess);
    if quoted {
        cutter.cut_quoted(&text)?;
    } else {
        cutter.cut_plain(&text)?;
    }
    let Cutter { mut rows, rewritten, .. } = cutter;
    rows.text = text;
    rows.text.push_str(&rewritten);
    Ok(rows)
}

/// The chunk as text, with bytes that are not UTF-8 overwritten, and the places of those and of NUL bytes.
fn into_text(bytes: Vec<u8>) -> (String, Vec<(u32, Reason)>) {
    let mut marks: Vec<(u32, Reason)> = memchr_iter(0, &bytes).map(|place| (place as u32, Reason::NulByte)).collect();
    let mut bytes = match String::from_utf8(bytes) {
        Ok(text) => return (text, marks),
        Err(error) => error.into_bytes(),
    };
    let mut at = 0;
    while let Err(error) = std::str::from_utf8(&bytes[at..]) {
        let start = at + error.valid_up_to();
        let end = error.error_len().map_or(bytes.len(), |length| start + length);
        marks.push((start as u32, Reason::NotUtf8));
        bytes[start..end].fill(b'?');
        at = end;
    }
    // Every stretch has been found to be UTF-8 or was overwritten, so nothing is lost here.
    (String::from_utf8_lossy(&bytes).into_owned(), marks)
}

struct Cutter<'a> {
    shape: &'a Shape<'a>,
    first_line: u64,
    last: bool,
    /// Places that spoil their row, ascending.
    marks: Vec<(u32, Reason)>,
    next_mark: usize,
    rows: Rows,
    /// Fields written anew; their spans begin after the text.
    rewritten: String,
    line: u32,
}

impl Cutter<'_> {
    /// Without quotation marks every delimiter and newline counts.
    fn cut_plain(&mut self, text: &str) -> Result<(), FileProblem> {
        let bytes = text.as_bytes();
        let (delimiter, columns) = (self.shape.delimiter, self.shape.columns);
        let mut delimiters: Vec<u32> = Vec::with_capacity(columns);
        let mut start = 0;
        for place in Separators::new(bytes, delimiter) {
            if bytes[place] == delimiter {
                delimiters.push(place as u32);
                continue;
            }
            self.finish_plain(text, start, place, &delimiters, true)?;
            delimiters.clear();
            start = place + 1;
            self.line += 1;
        }
        if start < bytes.len() { self.finish_plain(text, start, bytes.len(), &delimiters, false) } else { Ok(()) }
    }

    fn finish_plain(
        &mut self,
        text: &str,
        start: usize,
        newline: usize,
        delimiters: &[u32],
        ended: bool,
    ) -> Result<(), FileProblem> {
        let bytes = text.as_bytes();
        let end = if newline > start && bytes[newline - 1] == b'\r' { newline - 1 } else { newline };
        if end == start && delimiters.is_empty() {
            return Ok(());
        }
        let fields = delimiters.len() + 1;
        if let Some(reason) = self.row_refusal(start, newline, fields, ended)? {
            self.refuse(reason, &text[start..end]);
            return Ok(());
        }
        for &column in self.shape.wanted {
            let from = if column == 0 { start as u32 } else { delimiters[column - 1] + 1 };
            let to = delimiters.get(column).map_or(end as u32, |&place| place);
            self.rows.spans.push([from, to]);
        }
        self.rows.lines.push(self.line);
        Ok(())
    }

    /// Whether the row from `start` to `end` of so many fields cannot be taken.
    fn row_refusal(
        &mut self,
        start: usize,
        end: usize,
        fields: usize,
        ended: bool,
    ) -> Result<Option<Reason>, FileProblem> {
        let line = self.first_line + u64::from(self.line);
        if end - start > self.shape.record_bytes_max {
            return Err(FileProblem::RecordTooLong { line, limit_bytes: self.shape.record_bytes_max });
        }
        if !ended && self.last && fields < self.shape.columns {
            return Err(FileProblem::CutShort { line });
        }
        let mut reason = None;
        while let Some(&(place, why)) = self.marks.get(self.next_mark).filter(|mark| (mark.0 as usize) < end) {
            if place as usize >= start {
                reason = reason.or(Some(why));
            }
            self.next_mark += 1;
        }
        Ok(reason.or((fields != self.shape.columns).then_some(Reason::FieldCount)))
    }

    fn refuse(&mut self, reason: Reason, text: &str) {
        self.rows.refused.push(Refused { line: self.line, reason, text: text.into() });
    }

    fn cut_quoted(&mut self, text: &str) -> Result<(), FileProblem> {
        let (bytes, mut start) = (text.as_bytes(), 0);
        let mut spans: Vec<[u32; 2]> = Vec::with_capacity(self.shape.columns);
        while start < bytes.len() {
            spans.clear();
            let record = self.record(text, start, &mut spans)?;
            let blank = spans.len() == 1 && spans[0][0] == spans[0][1] && record.end - start <= 1;
            if !blank {
                let refusal = self.row_refusal(start, record.end, spans.len(), record.ended)?;
                if let Some(reason) = refusal.or(record.misquoted.then_some(Reason::Quoting)) {
                    self.refuse(reason, &text[start..record.end]);
                } else {
                    self.rows.spans.extend(self.shape.wanted.iter().map(|&column| spans[column]));
                    self.rows.lines.push(self.line);
                }
            }
            self.line += memchr_iter(b'\n', &bytes[start..record.next]).count() as u32;
            start = record.next;
        }
        Ok(())
    }

    /// One record from `start` on: the spans of its fields, and where it ends.
    fn record(&mut self, text: &str, start: usize, spans: &mut Vec<[u32; 2]>) -> Result<Record, FileProblem> {
        let bytes = text.as_bytes();
        let (mut at, mut misquoted) = (start, false);
        loop {
            let mut from = at;
            let mut quoted = None;
            if bytes.get(at) == Some(&b'"') {
                let Some(closing) = closing_quote(bytes, at + 1) else {
                    let (line, limit_bytes) = (self.first_line + u64::from(self.line), self.shape.record_bytes_max);
                    let too_long = bytes.len() - start > limit_bytes;
                    return Err(if too_long {
                        FileProblem::RecordTooLong { line, limit_bytes }
                    } else {
                        FileProblem::CutShort { line }
                    });
                };
                quoted = Some(self.quoted_span(text, at + 1, closing));
                from = closing + 1;
            }
            let separator = memchr2(self.shape.delimiter, b'\n', &bytes[from..]).map(|place| from + place);
            let end = separator.unwrap_or(bytes.len());
            let at_delimiter = separator.is_some_and(|place| bytes[place] == self.shape.delimiter);
            let returns = !at_delimiter && end > from && bytes[end - 1] == b'\r';
            let text_end = if returns { end - 1 } else { end };
            match quoted {
                Some(span) => {
                    misquoted |= text_end > from;
                    spans.push(span);
                }
                None => spans.push([from as u32, text_end as u32]),
            }
            if !at_delimiter {
                let ended = separator.is_some();
                return Ok(Record { end, next: end + usize::from(ended), ended, misquoted });
            }
            at = end + 1;
        }
    }

    /// The content of a quoted field: where it stands, or written anew where it has doubled quotation marks.
    fn quoted_span(&mut self, text: &str, from: usize, closing: usize) -> [u32; 2] {
        let content = &text[from..closing];
        if memchr(b'"', content.as_bytes()).is_none() {
            return [from as u32, closing as u32];
        }
        let start = text.len() + self.rewritten.len();
        self.rewritten.push_str(&content.replace("\"\"", "\""));
        [start as u32, (text.len() + self.rewritten.len()) as u32]
    }
}

struct Record {
    /// Its end, without its newline.
    end: usize,
    /// Where the next begins.
    next: usize,
    /// Whether it ends with a newline.
    ended: bool,
    misquoted: bool,
}

/// The places of delimiters and newlines, eight bytes a step.
struct Separators<'a> {
    bytes: &'a [u8],
    delimiters: u64,
    /// Where the word of `found` begins.
    word_start: usize,
    next_word: usize,
    /// The high bit of each byte of the word that is a separator.
    found: u64,
}

const ONES: u64 = 0x0101_0101_0101_0101;
const NEWLINES: u64 = ONES * b'\n' as u64;
const LOWS: u64 = 0x7f7f_7f7f_7f7f_7f7f;

impl<'a> Separators<'a> {
    const fn new(bytes: &'a [u8], delimiter: u8) -> Self {
        Self { bytes, delimiters: ONES * delimiter as u64, word_start: 0, next_word: 0, found: 0 }
    }

    /// The high bit of each byte of `word` that is zero, exactly.
    const fn zeros(word: u64) -> u64 {
        !(((word & LOWS) + LOWS) | word | LOWS)
    }
}

impl Iterator for Separators<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            let rest = self.bytes.get(self.next_word..).filter(|rest| !rest.is_empty())?;
            let word = rest.first_chunk::<8>().copied().unwrap_or_else(|| {
                let mut padded = [0; 8];
                padded[..rest.len()].copy_from_slice(rest);
                padded
            });
            let word = u64::from_le_bytes(word);
            self.found = Self::zeros(word ^ self.delimiters) | Self::zeros(word ^ NEWLINES);
            self.word_start = self.next_word;
            self.next_word += 8;
        }
        let place = self.word_start + (self.found.trailing_zeros() / 8) as usize;
        self.found &= self.found - 1;
        Some(place)
    }
}

//! A delimited file cut into chunks of whole records: bytes in, chunks out.
//!
//! A newline within quotation marks ends no record. A quotation mark opens a quoted field only where a field begins, as
//! RFC 4180 has it; elsewhere it stands for itself.
//!
//! Invariants: a chunk begins and ends at a record's border; at most a chunk and one record's limit are in memory, so that
//! a file that is one endless line is refused, not swallowed.

use crate::error::FileProblem;
use crate::find::{Content, Format, InputFile};
use memchr::{memchr, memchr_iter, memrchr};
use std::fs::File;
use std::io::{self, Cursor, Read};

/// Whole records of a file.
pub(crate) struct Chunk {
    pub bytes: Vec<u8>,
    /// The line on which the first record begins.
    pub first_line: u64,
    /// Whether there is a quotation mark in it.
    pub quoted: bool,
    /// Whether the file ends with it.
    pub last: bool,
}

/// Why no chunk can be had.
pub(crate) enum ChunkFailure {
    Problem(FileProblem),
    Io(io::Error),
}

impl From<FileProblem> for ChunkFailure {
    fn from(problem: FileProblem) -> Self {
        Self::Problem(problem)
    }
}

/// The bytes of a file, decompressed where they are compressed.
pub(crate) fn open(file: &InputFile) -> io::Result<Box<dyn Read + Send>> {
    let raw: Box<dyn Read + Send> = match &file.content {
        Content::Path(path) => Box::new(File::open(path)?),
        Content::Memory(bytes) => Box::new(Cursor::new(bytes.clone())),
    };
    Ok(match file.format {
        Format::Plain | Format::Parquet => raw,
        Format::Gzip => Box::new(flate2::read::MultiGzDecoder::new(raw)),
        Format::Zstd => Box::new(zstd::Decoder::new(raw)?),
    })
}

/// Cuts what `reader` gives into chunks.
pub(crate) struct Chunker<R> {
    reader: R,
    compressed: bool,
    /// Bytes read and not given out yet; they begin at a record's border.
    carry: Vec<u8>,
    /// The line on which `carry` begins.
    line: u64,
    ended: bool,
    delimiter: u8,
    chunk_bytes: usize,
    record_bytes_max: usize,
}

impl<R: Read> Chunker<R> {
    /// A chunker and the bytes of the header line, without its line end and byte order mark.
    pub(crate) fn open(
        reader: R,
        compressed: bool,
        chunk_bytes: usize,
        record_bytes_max: usize,
    ) -> Result<(Self, Vec<u8>), ChunkFailure> {
        let mut chunker = Self {
            reader,
            compressed,
            carry: Vec::new(),
            line: 1,
            ended: false,
            delimiter: b',',
            chunk_bytes: chunk_bytes.max(1),
            record_bytes_max,
        };
        let end = loop {
            if let Some(end) = memchr(b'\n', &chunker.carry) {
                break end + 1;
            }
            if chunker.ended {
                break chunker.carry.len();
            }
            if chunker.carry.len() > record_bytes_max {
                return Err(FileProblem::RecordTooLong { line: 1, limit_bytes: record_bytes_max }.into());
            }
            chunker.fill(HEADER_BYTES)?;
        };
        let rest = chunker.carry.split_off(end);
        let mut header = std::mem::replace(&mut chunker.carry, rest);
        while header.last().is_some_and(|&byte| byte == b'\n' || byte == b'\r') {
            header.pop();
        }
        if header.starts_with(BYTE_ORDER_MARK) {
            header.drain(..BYTE_ORDER_MARK.len());
        }
        if header.is_empty() && chunker.carry.is_empty() && chunker.ended {
            return Err(FileProblem::Empty.into());
        }
        chunker.line = 2;
        Ok((chunker, header))
    }

    /// Which byte parts fields: known once the header has been looked at.
    pub(crate) const fn set_delimiter(&mut self, delimiter: u8) {
        self.delimiter = delimiter;
    }

    /// The next chunk; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Chunk>, ChunkFailure> {
        let mut wanted = self.chunk_bytes.saturating_sub(self.carry.len()).max(1);
        loop {
            self.fill(wanted)?;
            let quoted = memchr(b'"', &self.carry).is_some();
            let end = if self.ended { Some(self.carry.len()) } else { self.last_record_end(quoted) };
            let Some(end) = end.filter(|&end| end > 0) else {
                if self.ended {
                    return Ok(None);
                }
                self.check_length(0)?;
                wanted = self.chunk_bytes.max(self.carry.len());
                continue;
            };
            self.check_length(end)?;
            // The new carry gets room for a whole chunk at once.
            let mut carry = Vec::with_capacity(self.chunk_bytes + SLACK_BYTES);
            carry.extend_from_slice(&self.carry[end..]);
            let mut bytes = std::mem::replace(&mut self.carry, carry);
            bytes.truncate(end);
            let first_line = self.line;
            self.line += memchr_iter(b'\n', &bytes).count() as u64;
            return Ok(Some(Chunk { bytes, first_line, quoted, last: self.ended }));
        }
    }

    /// What follows the last whole record may not be longer than a record.
    fn check_length(&self, end: usize) -> Result<(), ChunkFailure> {
        if self.carry.len() - end <= self.record_bytes_max {
            return Ok(());
        }
        let line = self.line + memchr_iter(b'\n', &self.carry[..end]).count() as u64;
        Err(FileProblem::RecordTooLong { line, limit_bytes: self.record_bytes_max }.into())
    }

    fn fill(&mut self, wanted: usize) -> Result<(), ChunkFailure> {
        if self.ended {
            return Ok(());
        }
        match self.reader.by_ref().take(wanted as u64).read_to_end(&mut self.carry) {
            Ok(read) => {
                self.ended = read < wanted;
                Ok(())
            }
            Err(cause) if self.compressed => {
                let line = self.line + memchr_iter(b'\n', &self.carry).count() as u64;
                Err(FileProblem::Compressed { line, cause }.into())
            }
            Err(cause) => Err(ChunkFailure::Io(cause)),
        }
    }

    fn last_record_end(&self, quoted: bool) -> Option<usize> {
        if quoted {
            last_end_outside_quotes(&self.carry, self.delimiter)
        } else {
            memrchr(b'\n', &self.carry).map(|place| place + 1)
        }
    }
}

const HEADER_BYTES: usize = 16 << 10;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// `read_to_end` asks for a little more than is there, to see the end.
const SLACK_BYTES: usize = 64;

/// Where the last whole record of `bytes`, which begin at a record's border, ends.
fn last_end_outside_quotes(bytes: &[u8], delimiter: u8) -> Option<usize> {
    let (mut at, mut end) = (0, None);
    loop {
        let Some(quote) = memchr(b'"', &bytes[at..]).map(|place| at + place) else {
            return memrchr(b'\n', &bytes[at..]).map(|place| at + place + 1).or(end);
        };
        if let Some(place) = memrchr(b'\n', &bytes[at..quote]) {
            end = Some(at + place + 1);
        }
        let opens = quote == 0 || bytes[quote - 1] == delimiter || bytes[quote - 1] == b'\n';
        at = match if opens { closing_quote(bytes, quote + 1) } else { Some(quote) } {
            Some(last) => last + 1,
            None => return end,
        };
    }
}

/// The quotation mark that closes a field whose content begins at `from`; doubled ones stand for one.
pub(crate) fn closing_quote(bytes: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let quote = from + memchr(b'"', bytes.get(from..)?)?;
        if bytes.get(quote + 1) != Some(&b'"') {
            return Some(quote);
        }
        from = quote + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that never ends a line, and says how much of it was asked for.
    struct Endless<'a>(&'a std::cell::Cell<usize>);

    impl Read for Endless<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.fill(b'x');
            self.0.set(self.0.get() + buffer.len());
            Ok(buffer.len())
        }
    }

    #[test]
    fn an_endless_line_is_refused_after_little_was_read() {
        const LIMIT: usize = 1 << 20;
        for start in ["", "id,name\n1,", "id,name\n1,\""] {
            let asked = std::cell::Cell::new(0);
            let reader = Cursor::new(start.as_bytes()).chain(Endless(&asked));
            let outcome = Chunker::open(reader, false, 4 << 20, LIMIT).and_then(|(mut chunker, _)| chunker.next());
            assert!(matches!(outcome, Err(ChunkFailure::Problem(FileProblem::RecordTooLong { .. }))), "{start}");
            assert!(asked.get() < 16 << 20, "{} bytes of an endless line were read", asked.get());
        }
    }
}

//! The proof of a purge: every file of a home read again and searched for marks of people who object.
//!
//! In: a home, its present, and the marks. Out: the files in which a mark stands where none may, and what remains of these
//! people by right, with the reason. Parquet is decoded and its footer, where statistics stand, is read as bytes; the vault is
//! opened with its keys; everything else is read as text and as bytes, so that a number is found in decimal and hexadecimal
//! digits and in binary of either order. Invariant: no file is passed over, and one that cannot be read is an error.

use super::marks::{Marks, Wanted};
use super::walk;
use crate::error::EngineError;
use crate::home::Home;
use crate::records::DataFile;
use crate::run::Present;
use crate::vault::{Compartment, Vault, VaultName};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::path::Path;

/// Where something remains of people who object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The register of wishes.
    Register,
    /// Identifiers and index in the vault.
    Index,
    /// Sealed rows in the vault.
    Sealed,
    /// The log of acts.
    Log,
    /// Whatever others keep.
    Elsewhere,
}

impl Place {
    const ALL: [Self; 5] = [Self::Register, Self::Index, Self::Sealed, Self::Log, Self::Elsewhere];

    /// What remains there.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Register => {
                "the register: wishes under keyed hashes, and past publications, which name removed files and, by record key, registrations of which something was said; and of every publication and release a sealed bitmap of whom it held and left out"
            }
            Self::Index => "the vault's index: identifiers and record keys, encrypted",
            Self::Sealed => "the vault's sealed rows, encrypted under a key of their own",
            Self::Log => "the log of acts: counts and times, and no mark of anybody",
            Self::Elsewhere => "backups, releases and copies that others made",
        }
    }

    /// Why it remains.
    pub const fn why(self) -> &'static str {
        match self {
            Self::Register => {
                "the wish itself must be kept, or nobody could honour it; the register is only ever added to"
            }
            Self::Index => {
                "for matching alone: without it the next extract's rows would be linked to somebody else and published"
            }
            Self::Sealed => {
                "the law sent them to the trusted body; a withdrawal or a lawful instrument opens them, nothing else"
            }
            Self::Log => "every act leaves a line, and lines are never removed",
            Self::Elsewhere => "a program cannot reach them; whoever made them must remove them",
        }
    }
}

/// What remains in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remains {
    /// Where.
    pub place: Place,
    /// What.
    pub what: &'static str,
    /// Why.
    pub why: &'static str,
    /// Rows or lines that bear a mark of somebody who objects; none where it cannot be counted.
    pub marked: Option<u64>,
}

/// What the search found.
#[derive(Debug, Default)]
pub struct Found {
    /// Files read.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files in which a mark stands where none may, as they may be named.
    pub faults: Vec<String>,
    /// What remains.
    pub remains: Vec<Remains>,
}

/// What is known of the files of a home.
struct Search<'a> {
    home: &'a Path,
    vault: Vault,
    published: HashMap<(&'a str, &'a str), &'a DataFile>,
    in_vault: HashSet<(Compartment, String)>,
    marks: &'a Marks,
}

/// Marks in one file, and where they may remain; `None` where none may.
type Outcome = (u64, Option<Place>);

/// Reads every file of the home.
///
/// # Errors
/// [`EngineError`] where a file cannot be read.
pub fn search(home: &Home, present: &Present, marks: &Marks) -> Result<Found, EngineError> {
    let mut files = Vec::new();
    walk(home.folder(), &mut files)?;
    let sealed = present.sealed.iter().map(|file| (Compartment::Sealed, file.name.clone()));
    let index = present.index.values().map(|name| (Compartment::Identifiers, name.clone()));
    let search = Search {
        home: home.folder(),
        vault: home.vault()?,
        published: present.files.iter().map(|file| ((file.table.as_str(), file.name.as_str()), file)).collect(),
        in_vault: sealed.chain(index).collect(),
        marks,
    };
    let outcomes: Vec<(u64, Outcome)> = files
        .par_iter()
        .map(|path| Ok((fs::metadata(path).map_or(0, |found| found.len()), search.file(path)?)))
        .collect::<Result<_, EngineError>>()?;
    let mut found = Found { files: files.len() as u64, ..Found::default() };
    let mut marked: BTreeMap<Place, u64> = BTreeMap::new();
    for (path, (bytes, (count, place))) in files.iter().zip(outcomes) {
        found.bytes += bytes;
        match place {
            Some(place) => *marked.entry(place).or_default() += count,
            None if count > 0 => found.faults.push(nameable(path.strip_prefix(home.folder()).unwrap_or(path))),
            None => {}
        }
    }
    found.remains = Place::ALL
        .map(|place| {
            let marked = match place {
                Place::Register | Place::Index | Place::Sealed => Some(marked.get(&place).copied().unwrap_or_default()),
                Place::Log => Some(0),
                Place::Elsewhere => None,
            };
            Remains { place, what: place.what(), why: place.why(), marked }
        })
        .to_vec();
    Ok(found)
}

impl Search<'_> {
    fn file(&self, path: &Path) -> Result<Outcome, EngineError> {
        let within = path.strip_prefix(self.home).unwrap_or(path);
        let parts: Vec<&str> = within.iter().map(|part| part.to_str().unwrap_or_default()).collect();
        match parts.as_slice() {
            [name] if name.starts_with("register.sqlite") => {
                Ok((plain(path, &self.marks.anywhere())?, Some(Place::Register)))
            }
            ["vault", compartment, name] => self.of_vault(path, compartment, name),
            ["records", table, name] => match self.published.get(&(*table, *name)) {
                Some(file) => Ok((parquet(path, &self.marks.in_table(table, &file.source))?, None)),
                None => Ok((self.whatever(path)?, None)),
            },
            _ => Ok((self.whatever(path)?, None)),
        }
    }

    /// Opens a file of the vault; one that nothing lists may hold nothing.
    fn of_vault(&self, path: &Path, compartment: &str, name: &str) -> Result<Outcome, EngineError> {
        let (compartment, place) = match compartment {
            "identifiers" => (Compartment::Identifiers, Place::Index),
            "sealed" => (Compartment::Sealed, Place::Sealed),
            _ => return Ok((self.whatever(path)?, None)),
        };
        let Some(name) = name.strip_suffix(".parquet").and_then(|name| VaultName::parse(name).ok()) else {
            return Ok((self.whatever(path)?, None));
        };
        let listed = self.in_vault.contains(&(compartment, name.as_str().to_owned()));
        let mut marked = 0;
        for batch in self.vault.read(compartment, &name)? {
            marked += rows_marked(&batch?, &self.marks.anywhere())?;
        }
        Ok((marked, listed.then_some(place)))
    }

    /// A file that is no part of the present: no mark at all may stand in it.
    fn whatever(&self, path: &Path) -> Result<u64, EngineError> {
        let wanted = self.marks.anywhere();
        let is_parquet = path.extension().is_some_and(|ending| ending == "parquet");
        let decoded = if is_parquet { parquet(path, &wanted)? } else { 0 };
        Ok(decoded + plain(path, &wanted)?)
    }
}

/// Marks in a file read as text and as bytes.
fn plain(path: &Path, wanted: &Wanted<'_>) -> Result<u64, EngineError> {
    let bytes = fs::read(path).map_err(EngineError::io("searching", path))?;
    Ok(in_text(&bytes, wanted) + in_bytes(&bytes, wanted))
}

/// Marks in a Parquet file: in its columns, and in its footer's statistics.
fn parquet(path: &Path, wanted: &Wanted<'_>) -> Result<u64, EngineError> {
    let fault = EngineError::parquet("searching records");
    let file = File::open(path).map_err(EngineError::io("searching", path))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(fault)?.build().map_err(fault)?;
    let mut marked = 0;
    for batch in reader {
        marked += rows_marked(&batch.map_err(EngineError::arrow("searching records"))?, wanted)?;
    }
    Ok(marked + in_bytes(&footer(path)?, wanted))
}

/// The footer of a Parquet file: its last eight bytes are the footer's length, four of them, and a magic number.
fn footer(path: &Path) -> Result<Vec<u8>, EngineError> {
    use std::io::{Read, Seek, SeekFrom};
    let fault = |source| EngineError::Io { doing: "searching", path: path.to_owned(), source };
    let mut file = File::open(path).map_err(fault)?;
    let length = file.metadata().map_err(fault)?.len();
    let mut tail = [0; 8];
    file.seek(SeekFrom::End(-8)).and_then(|_| file.read_exact(&mut tail)).map_err(fault)?;
    let footer = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]])).min(length - 8);
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(length - 8 - footer)).and_then(|_| file.read_to_end(&mut bytes)).map_err(fault)?;
    Ok(bytes)
}

/// Rows of a batch in which a mark stands in some column.
fn rows_marked(batch: &RecordBatch, wanted: &Wanted<'_>) -> Result<u64, EngineError> {
    let mut marked = vec![false; batch.num_rows()];
    for column in batch.columns() {
        mark_rows(column, wanted, &mut marked)?;
    }
    Ok(marked.into_iter().filter(|&marked| marked).count() as u64)
}

fn mark_rows(column: &ArrayRef, wanted: &Wanted<'_>, marked: &mut [bool]) -> Result<(), EngineError> {
    // Days, years and flags have no room for a mark of 63 bits.
    let small = [DataType::Int32, DataType::Date32, DataType::Boolean, DataType::UInt8, DataType::UInt32];
    if small.contains(column.data_type()) {
        return Ok(());
    }
    if let Some(numbers) = column.as_primitive_opt::<Int64Type>() {
        for (row, &number) in numbers.values().iter().enumerate() {
            marked[row] |= wanted.has(number);
        }
    } else if let Some(texts) = column.as_string_opt::<i32>() {
        for (row, text) in texts.iter().enumerate() {
            marked[row] |= text.is_some_and(|text| in_text(text.as_bytes(), wanted) > 0);
        }
    } else {
        let options = FormatOptions::default();
        let fault = EngineError::arrow("searching records");
        let texts = ArrayFormatter::try_new(column, &options).map_err(fault)?;
        for (row, mark) in marked.iter_mut().enumerate().filter(|(row, _)| column.is_valid(*row)) {
            *mark |= in_text(texts.value(row).to_string().as_bytes(), wanted) > 0;
        }
    }
    Ok(())
}

/// Marks in a text, in decimal digits or in 16 hexadecimal ones.
fn in_text(bytes: &[u8], wanted: &Wanted<'_>) -> u64 {
    let parse = |run: &[u8], radix| {
        let text = std::str::from_utf8(run).ok()?;
        u64::from_str_radix(text, radix).ok().map(u64::cast_signed)
    };
    let runs = |of: fn(&u8) -> bool| bytes.split(move |byte| !of(byte)).filter(|run| !run.is_empty());
    let decimal = runs(u8::is_ascii_digit).filter_map(|run| parse(run, 10));
    let hexadecimal = runs(u8::is_ascii_hexdigit).filter(|run| run.len() == 16).filter_map(|run| parse(run, 16));
    decimal
        .chain(hexadecimal.flat_map(|number| [number, number.swap_bytes()]))
        .filter(|&number| wanted.has(number))
        .count() as u64
}

/// Marks in bytes, in either order and at any place.
fn in_bytes(bytes: &[u8], wanted: &Wanted<'_>) -> u64 {
    let windows = bytes.windows(8).filter_map(|window| <[u8; 8]>::try_from(window).ok());
    windows.filter(|&window| wanted.has(i64::from_le_bytes(window)) || wanted.has(i64::from_be_bytes(window))).count()
        as u64
}

/// A path within the home as an error may name it: names of ours tell nothing, another's may be anything.
fn nameable(path: &Path) -> String {
    let text = path.display().to_string();
    let longest = text.split(|character: char| !character.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    if longest < 9 && !text.contains(' ') {
        return text;
    }
    format!("a file in {}", path.parent().unwrap_or(path).display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::KeySet;
    use arrow_array::{Int64Array, StringArray};
    use std::sync::Arc;

    const MARK: i64 = 0x1234_5678_9abc_def0;

    fn found(bytes: &[u8]) -> (u64, u64) {
        let set = KeySet::new(vec![MARK]);
        let wanted = Wanted::of(vec![&set]);
        (in_text(bytes, &wanted), in_bytes(bytes, &wanted))
    }

    #[test]
    fn a_mark_is_found_however_it_is_written() {
        assert_eq!(found(format!("{{\"person\":{MARK},\"x\":1}}").as_bytes()), (1, 0));
        assert_eq!(found(format!("at {MARK:016x}.").as_bytes()), (1, 0));
        assert_eq!(found(&[b"ab".as_slice(), &MARK.to_le_bytes(), b"c"].concat()), (0, 1));
        assert_eq!(found(&MARK.to_be_bytes()), (0, 1));
        assert_eq!(found(format!("{}", MARK - 1).as_bytes()), (0, 0));
        assert_eq!(found(format!("{MARK}0").as_bytes()), (0, 0), "a longer number is another");
    }

    #[test]
    fn a_row_counts_once_however_many_columns_bear_a_mark() {
        let set = KeySet::new(vec![MARK]);
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("person", Arc::new(Int64Array::from(vec![MARK, 2, 3]))),
            ("label", Arc::new(StringArray::from(vec![MARK.to_string(), "x".to_owned(), format!("a{MARK}b")]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).expect("a batch");
        assert_eq!(rows_marked(&batch, &Wanted::of(vec![&set])).expect("searched"), 2);
    }

    #[test]
    fn an_error_names_no_file_that_may_bear_a_number() {
        assert_eq!(
            nameable(Path::new("records/persons/run-1-new-persons-0000.parquet")),
            "records/persons/run-1-new-persons-0000.parquet"
        );
        assert_eq!(nameable(Path::new("report/9434765919.txt")), "a file in report");
    }
}

//! What can be refused, and in which words: a file, a declaration, a code set, a package.
//!
//! Invariant: a message says what failed, where, and what to do about it, and never carries a value of a record.

use std::io;
use std::path::PathBuf;

/// Why nothing was read or written. Every variant means that nothing was half done.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// A file or folder was named that is not there.
    #[error("{}: there is no such file or folder; check the path", .0.display())]
    NotFound(PathBuf),
    /// The operating system refused to read or write.
    #[error("{file}: {cause}; check that the disk has room and that you may read and write there")]
    Io {
        /// The file or folder.
        file: String,
        /// What the operating system said.
        cause: io::Error,
    },
    /// An input file is refused whole.
    #[error("{file}: {problem}")]
    File {
        /// The file's name.
        file: String,
        /// What is wrong with it, and what to do.
        problem: FileProblem,
    },
    /// A source's declaration is refused.
    #[error("declaration of source {source_name}: {problem}")]
    Declaration {
        /// The declaration's own name, or where it came from.
        source_name: String,
        /// What is wrong with it, and what to do.
        problem: DeclarationProblem,
    },
    /// A code set is refused.
    #[error("code set {set}: {problem}")]
    CodeSet {
        /// Which set.
        set: String,
        /// What is wrong with it, and what to do.
        problem: CodeSetProblem,
    },
    /// A practice's package is refused.
    #[error("package {package}: {problem}")]
    Package {
        /// The package's folder.
        package: String,
        /// What is wrong with it, and what to do.
        problem: PackageProblem,
    },
}

/// Why an input file is refused whole.
#[derive(Debug, thiserror::Error)]
pub enum FileProblem {
    /// Nothing in it, not even a header.
    #[error("the file is empty; it needs a first line with the names of the columns. Was the export cut short?")]
    Empty,
    /// The first line is not text.
    #[error("line 1 is not UTF-8 text ({looks_like}); export the file as UTF-8")]
    NotText {
        /// What the bytes look like.
        looks_like: &'static str,
    },
    /// No declared column is in the header.
    #[error(
        "line 1 names none of the columns of source {source_name}; it was read with the delimiter {delimiter}. \
         The first line must hold the column names, parted by a comma, `|` or tab; is this the right file?"
    )]
    UnknownHeader {
        /// The source whose columns were looked for.
        source_name: String,
        /// The delimiter found.
        delimiter: &'static str,
    },
    /// Required columns are absent; all of them are named.
    #[error(
        "line 1 lacks the required column{s} {names}; add {them} to the export, or rename with a mapping file",
        s = if .0.len() == 1 { "" } else { "s" },
        names = .0.join(", "),
        them = if .0.len() == 1 { "it" } else { "them" },
    )]
    MissingColumns(Vec<String>),
    /// One name stands twice in the header.
    #[error("line 1 names the column {0} more than once; leave one of them out of the export")]
    DuplicateColumn(String),
    /// A column of free text.
    #[error("column {0} is free text, which is never taken in; leave it out of the export")]
    FreeText(String),
    /// A line without end.
    #[error(
        "line {line}: no end of the record within {limit_bytes} bytes; is a quotation mark left open there, or is this not a \
         delimited text file?"
    )]
    RecordTooLong {
        /// The line on which the record begins.
        line: u64,
        /// The limit.
        limit_bytes: usize,
    },
    /// The last record ends in the middle.
    #[error("line {line}: the file ends within a record; the export or its transfer was cut short, so send it again")]
    CutShort {
        /// The line on which the last record begins.
        line: u64,
    },
    /// A compressed file that ends early or is damaged.
    #[error("about line {line}: the compressed file is damaged or cut short ({cause}); send it again")]
    Compressed {
        /// The line reached before the damage.
        line: u64,
        /// What the decompressor said.
        cause: io::Error,
    },
    /// Not a Parquet file that can be read.
    #[error("not a Parquet file that can be read ({0}); write it again")]
    Parquet(String),
    /// A Parquet column of a type that has no text form.
    #[error("column {column} has the Parquet type {found}; store it as text, a date or a number")]
    ColumnType {
        /// The column.
        column: String,
        /// Its type in the file.
        found: String,
    },
    /// A lone file whose name tells no source.
    #[error("its name does not tell which source it is of ({0}); name it so, or use --source NAME=FILE")]
    NamesNoSource(String),
    /// A folder of truth, which is never read.
    #[error("a folder named `truth` is never read; name the folder of the data itself")]
    Truth,
}

/// Why a source's declaration is refused.
#[derive(Debug, thiserror::Error)]
pub enum DeclarationProblem {
    /// Not TOML, or not the expected fields.
    #[error("{0}; see the built-in declarations for the form")]
    Form(String),
    /// The name is not a source's name.
    #[error(transparent)]
    Name(#[from] caredata_model::NotASourceName),
    /// There is no built-in source of that name.
    #[error("no built-in source has this name; they are {}", crate::Source::BUILTIN.join(", "))]
    NotBuiltin,
    /// A list that may not be empty is empty.
    #[error("`{0}` is empty; name at least one")]
    Nothing(&'static str),
    /// One column of the record is declared twice.
    #[error("the record's column {0} is declared twice; give one another name with `as`")]
    TwiceInRecord(String),
    /// A name of a column of the record that is not one.
    #[error("{0} cannot name a column of the record; use lower-case letters, digits and `_`, beginning with a letter")]
    RecordColumn(String),
    /// A rule speaks of a column that is not declared.
    #[error("`births` speaks of the column {0}, which is not declared under `columns`; declare it or mend the name")]
    UnknownColumn(String),
    /// A numbered column whose name has no place for the number.
    #[error("{0} is numbered, so both its names need a `#` where the number stands")]
    NoNumberPlace(String),
    /// What links a record must be the first part of its key.
    #[error("`link_key` must be the first columns of `key`, in the same order")]
    LinkKey,
}

/// Why a code set is refused.
#[derive(Debug, thiserror::Error)]
pub enum CodeSetProblem {
    /// Not TOML, or not the expected fields.
    #[error("{0}; see the built-in set for the form")]
    Form(String),
    /// No code at all.
    #[error("it has no codes; an empty set would read as if nobody objected")]
    Empty,
    /// Objections without a way back.
    #[error(
        "it has codes of {system} for {scope} but none for withdrawing it; nobody could change their mind. Add the withdrawals"
    )]
    NoWithdrawals {
        /// The code system.
        system: caredata_model::CodeSystem,
        /// The kind of objection.
        scope: &'static str,
    },
    /// One code that means two things.
    #[error("the code {code} of {system} stands twice with different meanings; keep one")]
    TwoMeanings {
        /// The code system.
        system: caredata_model::CodeSystem,
        /// The code.
        code: String,
    },
}

/// Why a practice's package is refused, or not written.
#[derive(Debug, thiserror::Error)]
pub enum PackageProblem {
    /// There is no manifest, or it cannot be read.
    #[error("{0}; the package is not whole, so ask the practice to send it again")]
    Manifest(String),
    /// A package of a later form than this program knows.
    #[error("its format is version {found}, this program reads version {known}; use a newer program")]
    Version {
        /// The version it states.
        found: u32,
        /// The version known here.
        known: u32,
    },
    /// A file is not what the manifest says.
    #[error("{0} was changed after its manifest was written; ask the practice to send the package again")]
    Changed(String),
    /// A file of the manifest is not there.
    #[error("{0} is missing; ask the practice to send the package again")]
    Missing(String),
    /// A file that the manifest does not name.
    #[error(
        "{0} is not in its manifest; a package holds nothing else, so remove it or ask the practice to send it again"
    )]
    Extra(String),
    /// Rows that could not be read hold objection codes.
    #[error(
        "{file} line {line}: this row cannot be read ({reason}) and holds the code of an objection, so nobody can tell whose \
         wish it is; nothing was written. Mend the row in the practice's system and export again"
    )]
    DoubtfulObjection {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// Why it cannot be read.
        reason: &'static str,
    },
    /// A practice code that cannot name a folder.
    #[error("a practice code is not 1 to 12 letters or digits, so it cannot name a package; mend it in {0}")]
    PracticeCode(String),
    /// Nothing to send.
    #[error("there is no patients file with a patient in the folder; is it the folder of a practice's export?")]
    NoPatients,
    /// No journals, so no objection could be seen.
    #[error(
        "there is no journals file in the folder; objections are noted in the journals, and without them nobody can tell who \
         objects. Export the journals too"
    )]
    NoJournals,
    /// The ledger of what was sent is damaged.
    #[error("the ledger {0} of what was sent before is damaged; without it the tokens that stop cannot be listed")]
    Ledger(String),
}

impl ExtractError {
    /// A stable code for scripts and manuals.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "extract-not-found",
            Self::Io { .. } => "extract-io",
            Self::File { .. } => "extract-file",
            Self::Declaration { .. } => "extract-declaration",
            Self::CodeSet { .. } => "extract-code-set",
            Self::Package { .. } => "extract-package",
        }
    }

    pub(crate) fn io(file: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let file = file.into();
        move |cause| Self::Io { file, cause }
    }

    pub(crate) fn file(file: impl Into<String>, problem: FileProblem) -> Self {
        Self::File { file: file.into(), problem }
    }
}

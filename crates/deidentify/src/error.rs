//! What de-identification can refuse, and in which words.
//!
//! Invariant: a message says what failed, where, and what to do about it, and never carries a value of a record.

use caredata_admit::AdmitError;
use caredata_model::SourceName;

/// Why no linked record was made.
#[derive(Debug, thiserror::Error)]
pub enum DeidentifyError {
    /// A declared column that the record has no place for.
    #[error(
        "source {source_name} declares the column {column}, which the table {table} of the linked record does not have; declare it \
         under one of the table's names (see the data dictionary), or send the source to the table `other`"
    )]
    NoSuchColumn {
        /// The source.
        source_name: SourceName,
        /// The declared column.
        column: String,
        /// The table.
        table: &'static str,
    },
    /// A declared column of another type than the record's.
    #[error(
        "source {source_name} declares the column {column} with another type than the table {table} of the linked record has; \
         declare it as {expected}"
    )]
    WrongType {
        /// The source.
        source_name: SourceName,
        /// The declared column.
        column: String,
        /// The table.
        table: &'static str,
        /// The type that it must have, as a declaration names it.
        expected: &'static str,
    },
    /// More columns than the table `other` has places for.
    #[error(
        "source {source_name} declares more than {places} columns of type {kind}; the table `other` has places for {places}"
    )]
    TooManyColumns {
        /// The source.
        source_name: SourceName,
        /// The type, as a declaration names it.
        kind: &'static str,
        /// How many there may be.
        places: usize,
    },
    /// The table of persons is built from all rows of a person, not batch by batch.
    #[error(
        "source {source_name}: registrations become rows of `persons` through a PersonsBuilder, once all rows are known"
    )]
    PersonsAreBuiltAtOnce {
        /// The source.
        source_name: SourceName,
    },
    /// Two persons under one pseudonym.
    #[error(
        "{pairs} pairs of persons would share a pseudonym in this domain; nothing was written. Choose another name for the domain \
         and run again"
    )]
    Collision {
        /// How many pairs.
        pairs: usize,
    },
    /// Columns that do not fit together.
    #[error(
        "a batch of source {source_name} could not be built ({cause}); this is a fault of the program: please report it"
    )]
    Columns {
        /// The source.
        source_name: SourceName,
        /// What Arrow said of the columns' types and lengths.
        cause: arrow_schema::ArrowError,
    },
    /// Withheld rows could not be set apart.
    #[error(transparent)]
    Admit(#[from] AdmitError),
}

impl DeidentifyError {
    /// A stable code for scripts and manuals.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchColumn { .. } => "deidentify-no-such-column",
            Self::WrongType { .. } => "deidentify-wrong-type",
            Self::TooManyColumns { .. } => "deidentify-too-many-columns",
            Self::PersonsAreBuiltAtOnce { .. } => "deidentify-persons",
            Self::Collision { .. } => "deidentify-collision",
            Self::Columns { .. } => "deidentify-columns",
            Self::Admit(error) => error.code(),
        }
    }
}

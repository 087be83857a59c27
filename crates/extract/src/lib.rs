//! Bytes in, typed batches and rejections out; the practice-side package.
//!
//! [`find`] finds the files of a declared [`Source`], [`read`] parses them in parallel into [`SourceBatch`]es, in file
//! order whatever the number of threads. [`Withholding`] reads who objects in journals; [`write_packages`] and
//! [`open_package`] make and check what leaves a practice.
//!
//! Invariants: a row is in a batch or among the [`Rejection`]s, never neither; a bad file is refused whole; no value of a
//! record is ever in a message.

mod assemble;
mod batch;
mod chunk;
mod codes;
mod error;
mod find;
mod header;
mod package;
mod parquet;
mod practice;
mod read;
mod rejection;
mod rows;
mod source;

pub use batch::{Linkable, SourceBatch};
pub use codes::{ObjectionCodes, Recognised, SensitiveCodes};
pub use error::{CodeSetProblem, DeclarationProblem, ExtractError, FileProblem, PackageProblem};
pub use find::{InputFile, find, find_among};
pub use package::{
    FORMAT, Manifest, Package, Protection, Window, WithheldCounts, WriteOptions, find_packages, open_package,
    write_packages,
};
pub use practice::{Collected, Doubtful, NotedInPeriod, PatientWish, WishCounts, Withholding};
pub use read::{Columns, Read, ReadOptions, Undated, read};
pub use rejection::{IdentifierField, Outcome, Quality, QualityCounts, Reason, Rejection};
pub use source::{BirthRule, Column, ColumnType, DateForm, IdentifierColumns, Source, Table};

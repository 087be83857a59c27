//! Permitted linked batches in, the closed schema of the linked record out.
//!
//! [`Linked::join`] gives admitted rows their persons, [`Linked::permit`] parts them by the register's answer, and a
//! [`Deidentifier`] turns what is [`Permitted`] into [`LinkedRecord`]s of a closed [`schema`]; [`PersonsBuilder`] makes the
//! table of persons. [`dictionary`] describes the tables from the same declarations.
//!
//! Invariants: what skipped admission, the register's answer or this crate is of no type that can be published, so it does
//! not compile further; no column can hold a name, an NHS Number, a full date of birth or a full postcode; pseudonyms come
//! from a keyed function whose key is never beside the data. No clock and no I/O.

mod columns;
mod error;
mod form;
mod linked;
mod persons;
mod pseudonym;
mod record;

pub use columns::{Column, Kind, columns, dictionary, schema};
pub use error::DeidentifyError;
pub use form::{TextForm, clinical};
pub use linked::{Linked, Permitted, Persons, WithheldByPerson};
pub use persons::PersonsBuilder;
pub use pseudonym::{PseudonymKey, Pseudonyms};
pub use record::{Deidentifier, LinkedRecord, SealedRecord, places};

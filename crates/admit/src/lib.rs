//! The objection rules and the gates: batches and a register in, admitted batches out.
//!
//! [`Gate`] parts each batch of parsed records into [`Identified`] rows for the vault and for linkage, an
//! [`AdmittedPayload`] for the records, and [`Withheld`] rows for sealing; [`PersonAnswers`] asks the register again, for
//! persons, once linkage has said who is who. [`Tally`] holds the sum of rows; [`Duplicates`] finds keys that stand twice.
//!
//! Invariants: identifiers and payload are parted for good; nothing that an objection covers goes on; whether an objection
//! stands is decided by [`caredata_model::stands`] alone, and what then becomes of a row by [`caredata_model::may_pass`]; a [`Register`] is never made from nothing; every row is counted.

mod batch;
mod days;
mod decision;
mod duplicates;
mod error;
mod gate;
mod id_map;
mod keys;
mod persons;
mod register;
mod registrations;
pub mod silence;
mod tally;

pub use batch::{Admitted, AdmittedPayload, DuplicateRow, Identified, Origin, Withheld, admitted_schema, columns};
pub use caredata_extract::Table;
pub use decision::{AtGate, Disposal, Fate, Held, Reason, Setting, kept_back, objection};
pub use duplicates::Duplicates;
pub use error::AdmitError;
pub use gate::{Gate, Room, Terms};
pub use id_map::IdMap;
pub use keys::{RecordKeySecret, RecordKeys};
pub use persons::{PersonAnswers, Policy, SourceAnswers, Tie, Unlinked};
pub use register::{Attestation, Register, Standing, Subject};
pub use registrations::{Registration, Registrations};
pub use tally::Tally;

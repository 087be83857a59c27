//! The vocabulary of health-data linkage.
//!
//! Text and numbers in, checked values out: [`NhsNumber`], [`Day`], [`BirthDate`], [`Postcode`], [`Gender`], the packed
//! quadruple [`Identifiers`], [`Period`]s and typed ids. No I/O, no clock, no serialisation of identifiers.
//!
//! Invariant: a value of one of these types is well formed, and an identifier cannot be printed by accident: identifiers
//! have a redacted `Debug` and no `Display`.

mod birth_date;
mod code_system;
mod consent;
mod day;
mod gender;
mod identifiers;
mod ids;
mod legal_basis;
mod lifting;
mod nhs_number;
mod objection;
mod passage;
mod period;
mod postcode;
mod saying;

pub use birth_date::BirthDate;
pub use code_system::CodeSystem;
pub use consent::{ConsentProfile, ConsentProvision, ConsentStatus, NoWish, read_consent};
pub use day::{Day, NotADay};
pub use gender::Gender;
pub use identifiers::{Defect, Identifiers};
pub use ids::{PersonId, RecordKey};
pub use legal_basis::{Article6, Article9, ConfidentialityBasis, LegalBasis};
pub use lifting::{LawfulPurpose, NotLifted, may_lift};
pub use nhs_number::{NhsDigits, NhsNumber, NotAnNhsNumber};
pub use objection::{Choice, NotASourceName, Scope, SourceName, Wish, stands};
pub use passage::{Cause, Instrument, Passage, RowKind, Verdict, may_pass};
pub use period::{NotAPeriod, Period};
pub use postcode::{NotAPostcode, Postcode, PseudoPostcode};
pub use saying::{About, AgeBand, Door, Format, Language, Mandate, NotAWord, Refusal, Speaker, may_enter, may_speak};

//! What admission can refuse, and in which words.
//!
//! Invariant: a message says what failed, where, and what to do about it, and never carries a value of a record.

use caredata_model::SourceName;

/// Why nothing was admitted, or why what was admitted must not be used.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// A register was to be made of no events.
    #[error(
        "the register holds no objections at all; load them, or have somebody attest by name and reason that there are none"
    )]
    EmptyRegister,
    /// An attestation without a name or a reason.
    #[error("an attestation needs the name of who attests and a reason; give both")]
    EmptyAttestation,
    /// A gate was made for another kind of source.
    #[error("source {source_name} cannot pass a gate for {gate}; choose the gate by the source's table")]
    WrongGate {
        /// The source.
        source_name: SourceName,
        /// What the gate is for.
        gate: &'static str,
    },
    /// A journal without the columns by which objections are recognised.
    #[error(
        "source {source_name} declares no text columns {system} and {code}, without which no objection could be recognised; \
         declare them"
    )]
    NoCodeColumns {
        /// The source.
        source_name: SourceName,
        /// The column of the code system.
        system: &'static str,
        /// The column of the code.
        code: &'static str,
    },
    /// Rows went missing between the file and the record.
    #[error(
        "{source_name}: {rows_in} rows came in, but {admitted} admitted, {withheld} withheld and {quarantined} quarantined do not \
         add up to them; nothing of this run may be used. This is a fault of the program: please report it"
    )]
    SumDoesNotHold {
        /// The source.
        source_name: String,
        /// Rows that the reader counted.
        rows_in: u64,
        /// Rows admitted.
        admitted: u64,
        /// Rows withheld.
        withheld: u64,
        /// Rows quarantined.
        quarantined: u64,
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
}

impl AdmitError {
    /// A stable code for scripts and manuals.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::EmptyRegister => "admit-empty-register",
            Self::EmptyAttestation => "admit-empty-attestation",
            Self::WrongGate { .. } => "admit-wrong-gate",
            Self::NoCodeColumns { .. } => "admit-no-code-columns",
            Self::SumDoesNotHold { .. } => "admit-sum",
            Self::Columns { .. } => "admit-columns",
        }
    }
}

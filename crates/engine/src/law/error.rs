//! Why an act about instruments is refused: what failed, a stable code and what to do out.
//!
//! Invariant: no variant carries anything but ids of instruments, names of those who approve, and words of ours.

use caredata_model::NotLifted;

/// A refusal.
#[derive(Debug, thiserror::Error)]
pub enum LawError {
    /// The document is not an instrument's.
    #[error("the document is not an instrument: {what}")]
    NotAnInstrument {
        /// What is wrong with it.
        what: String,
    },
    /// It lifts an objection that its basis does not reach.
    #[error("on this basis {kind} cannot be lifted: {why}")]
    NotLifted {
        /// The objection.
        kind: String,
        /// The rule.
        why: NotLifted,
    },
    /// An instrument of that id is there already.
    #[error("an instrument {id} is there already; nothing was changed")]
    IdTaken {
        /// The id.
        id: String,
    },
    /// No instrument of that id was added.
    #[error("no instrument {id} was added")]
    NotAdded {
        /// The id.
        id: String,
    },
    /// The document differs from the one that was added.
    #[error("the document of {id} is not the one that was added")]
    DocumentChanged {
        /// The id.
        id: String,
    },
    /// The key, or the person, is not enrolled.
    #[error("nobody of that name or key is enrolled")]
    ApproverUnknown,
    /// The person has a key already.
    #[error("{name} is enrolled already, and may have one key at a time")]
    ApproverKnown {
        /// Who.
        name: String,
    },
    /// The key was retired.
    #[error("the key of {name} was retired")]
    KeyRetired {
        /// Whose.
        name: String,
    },
    /// The same key has approved the instrument before.
    #[error("this key has approved {id} already: a second approval is another person's")]
    SameKey {
        /// The instrument.
        id: String,
    },
    /// The same person has approved the instrument before, with another key.
    #[error("{name} has approved {id} already, with another key: a second approval is another person's")]
    SamePerson {
        /// Who.
        name: String,
        /// The instrument.
        id: String,
    },
    /// The instrument's time is over, or somebody ended it.
    #[error("the instrument {id} is over")]
    Over {
        /// The instrument.
        id: String,
    },
    /// The instrument lifts nothing today.
    #[error("the instrument {id} is not in force today")]
    NotInForce {
        /// The instrument.
        id: String,
    },
    /// What is opened would lie in the home, or among other things.
    #[error("what an instrument opens goes to a new folder outside the home")]
    OutUnfit,
    /// A private key would lie in the home.
    #[error("a private key must not lie in the home")]
    KeyInHome,
    /// The file holds no private key of ours.
    #[error("the file holds no private key of an approver")]
    NotAKey,
    /// Others than the owner may read a private key.
    #[error("the private key may be read by others than its owner")]
    KeyTooOpen,
}

impl LawError {
    /// A short code that stays the same from version to version.
    pub const fn code(&self) -> &'static str {
        self.facts().0
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        self.facts().2
    }

    /// Whether a rule or the law says no, rather than something being wrong with the input.
    pub const fn is_by_law(&self) -> bool {
        self.facts().1
    }

    const fn facts(&self) -> (&'static str, bool, &'static str) {
        match self {
            Self::NotAnInstrument { .. } => {
                ("not-an-instrument", false, "see docs/instruments.md for a document's form; nothing was changed")
            }
            Self::NotLifted { .. } => {
                ("not-lifted", true, "take the objection out of `lifts`: those who made it are left out of the use")
            }
            Self::IdTaken { .. } => ("instrument-known", false, "give the new document an id of its own"),
            Self::NotAdded { .. } => ("instrument-unknown", false, "add it with `caredata law add FILE.toml` first"),
            Self::DocumentChanged { .. } => {
                ("instrument-changed", true, "sign the document as it was added, or add the new one under another id")
            }
            Self::ApproverUnknown => ("approver-unknown", true, "enrol the person with `caredata law enrol`"),
            Self::ApproverKnown { .. } => {
                ("approver-known", true, "retire the earlier key with `caredata law retire` first")
            }
            Self::KeyRetired { .. } => ("approver-retired", true, "enrol the person anew"),
            Self::SameKey { .. } => ("same-key", true, "have another enrolled person sign"),
            Self::SamePerson { .. } => ("same-person", true, "have another enrolled person sign"),
            Self::Over { .. } => ("instrument-over", true, "add a new document, with a new id and two new approvals"),
            Self::NotInForce { .. } => ("instrument-not-in-force", true, "see `caredata law list` for where it stands"),
            Self::OutUnfit => ("out-unfit", false, "name a folder that is not there yet with --out"),
            Self::KeyInHome => ("approver-key-in-home", false, "name a file outside the home with --out"),
            Self::NotAKey => ("not-an-approver-key", false, "name the file that `caredata law enrol` wrote"),
            Self::KeyTooOpen => ("approver-key-too-open", false, "make it readable by its owner alone (chmod 600)"),
        }
    }
}

//! Where the law says otherwise: instruments that let a use go ahead despite objections.
//!
//! In: an instrument's document and people's signatures over its hash. Out: what is in force on a day, and what it lifts for
//! which purpose. An instrument is in force between its first and last day, once two different people have approved the exact
//! document, each by an enrolled key, and as long as nobody ends it. Nothing else lifts an objection.
//!
//! Invariants: the ledger only grows, and every signature in it is checked again whenever it is read; every act has its line
//! in the log before it takes effect, refused ones too; an instrument that is over is as if it had never been.

mod approver;
mod document;
mod error;
mod instruments;
mod open;
mod public;

pub use approver::{Approver, ApproverKey};
pub use document::{DAYS_MAX, Instrument, Lifted};
pub use error::LawError;
pub use instruments::{Approval, Held, Instruments, Status, Used};

use crate::audit::{Act, Audit, Outcome};
use crate::error::{EngineError, Remark};
use crate::home::{Home, settle};
use crate::register::Register;
use instruments::Said;
use std::path::Path;

/// What the log calls a refusal, and the refusal.
fn logged<T>(audit: &Audit, done: Result<T, EngineError>) -> Result<T, EngineError> {
    if let Err(error) = &done {
        audit.append(&Act::InstrumentRefused { code: error.code() }, Outcome::Denied)?;
    }
    done
}

/// Acts about the instruments of a home.
#[derive(Debug)]
pub struct Law<'a> {
    home: &'a Home,
    register: &'a Register,
    audit: &'a Audit,
}

impl<'a> Law<'a> {
    /// Acts in this home, whose register and log are open.
    pub const fn of(home: &'a Home, register: &'a Register, audit: &'a Audit) -> Self {
        Self { home, register, audit }
    }

    /// Makes somebody's key pair and enrols the public half. The private half is written to `out`, a file that is not there yet,
    /// outside the home, which its owner alone may read.
    ///
    /// # Errors
    /// [`LawError::ApproverKnown`], [`LawError::KeyInHome`], [`EngineError::Io`] where the file is there already.
    pub fn enrol(&self, name: &Remark, role: &Remark, out: &Path) -> Result<Approver, EngineError> {
        logged(self.audit, self.enrol_quietly(name, role, out))
    }

    fn enrol_quietly(&self, name: &Remark, role: &Remark, out: &Path) -> Result<Approver, EngineError> {
        if settle(out)?.starts_with(self.home.folder()) {
            return Err(LawError::KeyInHome.into());
        }
        if Instruments::read(self.register)?.approver(name.as_str()).is_some_and(|known| !known.retired) {
            return Err(LawError::ApproverKnown { name: name.to_string() }.into());
        }
        let key = ApproverKey::generate()?;
        key.write(out)?;
        let public = key.public();
        let act = Act::ApproverEnrolled { name: name.clone(), role: role.clone(), key: public.clone() };
        self.note(&act, &Said::Enrolled { name: name.to_string(), role: role.to_string(), key: public.clone() })?;
        Ok(Approver { name: name.to_string(), role: role.to_string(), key: public, retired: false })
    }

    /// Retires somebody's key: it approves nothing from now on. What it approved stays approved.
    ///
    /// # Errors
    /// [`LawError::ApproverUnknown`].
    pub fn retire(&self, name: &Remark, reason: &Remark) -> Result<(), EngineError> {
        logged(self.audit, self.retire_quietly(name, reason))
    }

    fn retire_quietly(&self, name: &Remark, reason: &Remark) -> Result<(), EngineError> {
        if Instruments::read(self.register)?.approver(name.as_str()).is_none_or(|known| known.retired) {
            return Err(LawError::ApproverUnknown.into());
        }
        let act = Act::ApproverRetired { name: name.clone(), reason: reason.clone() };
        self.note(&act, &Said::Retired { name: name.to_string(), reason: reason.to_string() })
    }

    /// Takes an instrument's document. It lifts nothing yet.
    ///
    /// # Errors
    /// [`LawError`] where the document is not one, or its id is taken.
    pub fn add(&self, file: &Path) -> Result<Instrument, EngineError> {
        logged(self.audit, self.add_quietly(file))
    }

    fn add_quietly(&self, file: &Path) -> Result<Instrument, EngineError> {
        let (text, sha256) = document::read(file)?;
        let instrument = Instrument::parse(&text)?;
        if Instruments::read(self.register)?.of(&instrument.id).is_some() {
            return Err(LawError::IdTaken { id: instrument.id }.into());
        }
        let act = Act::InstrumentAdded { instrument: instrument.id.clone(), sha256: sha256.clone() };
        self.note(&act, &Said::Added { sha256, document: text })?;
        Ok(instrument)
    }

    /// Approves an instrument: signs the hash of its document with somebody's private key, read from `key`. Returns how many
    /// approvals it has now.
    ///
    /// # Errors
    /// [`LawError`] where the document was changed or never added, the key is unknown or retired, the same person or key has
    /// signed before, or the instrument is over.
    pub fn sign(&self, file: &Path, key: &Path) -> Result<usize, EngineError> {
        logged(self.audit, self.sign_quietly(file, key))
    }

    fn sign_quietly(&self, file: &Path, key: &Path) -> Result<usize, EngineError> {
        let (text, sha256) = document::read(file)?;
        let id = Instrument::parse(&text)?.id;
        let instruments = Instruments::read(self.register)?;
        let held = instruments.of(&id).ok_or_else(|| LawError::NotAdded { id: id.clone() })?;
        if held.sha256 != sha256 {
            return Err(LawError::DocumentChanged { id }.into());
        }
        let key = ApproverKey::read(key)?;
        let approver = instruments.who_signs(held, &key.public(), crate::today())?;
        let name = Remark::parse("the approver's name", &approver.name)?;
        let signature = key.sign(&sha256);
        let act = Act::InstrumentSigned { instrument: id.clone(), sha256: sha256.clone(), name, key: key.public() };
        let said = Said::Signed { id, sha256, name: approver.name.clone(), key: key.public(), signature };
        let before = held.approvals.len();
        self.note(&act, &said)?;
        Ok(before + 1)
    }

    /// Ends an instrument at once, whatever its document says.
    ///
    /// # Errors
    /// [`LawError::NotAdded`], [`LawError::Over`].
    pub fn end(&self, id: &str, reason: &Remark) -> Result<(), EngineError> {
        logged(self.audit, self.end_quietly(id, reason))
    }

    fn end_quietly(&self, id: &str, reason: &Remark) -> Result<(), EngineError> {
        let instruments = Instruments::read(self.register)?;
        let held = instruments.of(id).ok_or(LawError::NotAdded { id: document::shown(id) })?;
        if matches!(held.status(crate::today()), Status::Ended | Status::Over) {
            return Err(LawError::Over { id: held.instrument.id.clone() }.into());
        }
        let act = Act::InstrumentEnded { instrument: held.instrument.id.clone(), reason: reason.clone() };
        self.note(&act, &Said::Ended { id: held.instrument.id.clone(), reason: reason.to_string() })
    }

    /// The log first, then the ledger, then what the public sees.
    fn note(&self, act: &Act, said: &Said) -> Result<(), EngineError> {
        self.audit.append(act, Outcome::Done)?;
        let text = serde_json::to_string(said).map_err(EngineError::json("noting an act about instruments"))?;
        self.register.append_law(&text)?;
        public::write(&self.home.public(), &Instruments::read(self.register)?, crate::today())
    }
}

//! The subject's view: what a person chose, what that does, and every use of data about them.
//!
//! In: an NHS Number, the register, the index and the ledger of uses. Out: facts, a page in plain words, and a receipt, by which
//! the person can check later that the report was made. Invariants: the receipt and the log's line tell nobody who the person
//! is; nothing of the report is kept; neither the number nor a pseudonym or id stands in it.

mod facts;
mod page;
mod receipt;

pub use facts::{ChoiceFact, Facts, InstrumentFact, SaidFact, UseFact};
pub use page::document;

use crate::audit::{Act, Audit, Outcome};
use crate::error::EngineError;
use crate::home::Home;
use crate::law::Instruments;
use crate::register::Register;
use crate::run::{index_of, present};
use caredata_model::{Day, NhsNumber, PersonId};
use std::collections::BTreeSet;

/// A report for one person.
#[derive(Clone, Debug)]
pub struct Report {
    /// What it says.
    pub facts: Facts,
    /// The receipt: the number of the log's line and a print of the facts.
    pub receipt: String,
}

/// Makes a report about the person of a number, as things stand on `today`, and notes it in the log.
///
/// # Errors
/// [`EngineError`] where the register, the vault or the log cannot be read or written.
pub fn report(
    home: &Home,
    register: &Register,
    audit: &Audit,
    number: NhsNumber,
    today: Day,
) -> Result<Report, EngineError> {
    let (ids, persons) = ids_of(home, register, number)?;
    let facts = Facts {
        made: today.to_string(),
        mark: receipt::mark()?,
        known: persons > 0,
        shared_number: persons > 1,
        choices: facts::choices(&register.ask(number, today)?),
        said: register.history(audit, number)?.iter().map(SaidFact::of).collect(),
        uses: register.uses_of(&ids)?.iter().map(UseFact::of).collect(),
        instruments: Instruments::read(register)?.in_force(today).map(InstrumentFact::of).collect(),
    };
    let commitment = receipt::commitment(&facts)?;
    let line = audit.append(&Act::SubjectReported { commitment: commitment.clone() }, Outcome::Allowed)?;
    Ok(Report { receipt: receipt::code(line, &commitment), facts })
}

/// Every id that the persons of a number are or were known by, since a merge leaves earlier uses under another; and how many
/// persons they are.
fn ids_of(home: &Home, register: &Register, number: NhsNumber) -> Result<(Vec<PersonId>, usize), EngineError> {
    let index = index_of(home, &present(register)?)?;
    let of_number = index.observations().iter().filter(|one| one.identifiers.nhs_number() == Some(number));
    let persons: BTreeSet<PersonId> = of_number.map(|one| index.resolve(one.person)).collect();
    let merged = index.merges().iter().map(|merge| merge.from);
    let ids = index.observations().iter().map(|one| one.person).chain(merged);
    let ids: BTreeSet<PersonId> =
        ids.filter(|&id| persons.contains(&index.resolve(id))).chain(persons.iter().copied()).collect();
    Ok((ids.into_iter().collect(), persons.len()))
}

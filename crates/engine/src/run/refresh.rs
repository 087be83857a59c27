//! A run without inputs: the register's present applied to what is published and sealed.
//!
//! In: the present and the register as it stands now. Out: the present to come, published as a run publishes it, or none
//! where nothing would change. Invariant: it decides nothing by itself: the rule for the past, the table of persons and
//! publishing are those of a run; no identifier, wish or contribution is added or forgotten.

use super::linking::Linking;
use super::past::CarriedOver;
use super::writing::Written;
use super::{Inputs, Month, Parts, Practices, Present, RunInput, handles, publish};
use crate::audit::{Act, Audit, Outcome};
use crate::error::EngineError;
use crate::home::{Home, UnlinkedRows};
use crate::index_store;
use crate::register::{Footing, Register, RunId};
use caredata_admit::{PersonAnswers, Policy, Unlinked};
use caredata_model::Period;
use std::collections::BTreeMap;

/// What came of applying the register.
pub struct Refreshed {
    /// The present afterwards.
    pub present: Present,
    /// The register's answers that it follows.
    pub answers: PersonAnswers,
    /// Who is who.
    pub linking: Linking,
}

/// Applies the register to what `present` holds, and publishes the outcome where it differs.
///
/// # Errors
/// [`EngineError::NobodyAttested`] where nobody answers for the register's being empty; otherwise a fault of ours, after
/// which it can be done again.
pub fn refresh(home: &Home, register: &Register, audit: &Audit, present: Present) -> Result<Refreshed, EngineError> {
    if register.footing()? == Footing::Nothing {
        return Err(EngineError::NobodyAttested);
    }
    let input = RunInput {
        gp: None,
        packages: None,
        hospital: None,
        sources: Vec::new(),
        period: latest_period(&present)?,
        accepted: Vec::new(),
        truth: None,
    };
    let run = register.begin_run(input.period)?;
    audit.append(&Act::RegisterApplied { run: run.0 }, Outcome::Allowed)?;
    let month = Month::set_up(home, audit, register, &input, present, &(), run)?;
    month.refresh(run)
}

/// The latest period that the home holds, under which rows stand that are made anew; today's month where it holds nothing.
fn latest_period(present: &Present) -> Result<Period, EngineError> {
    let periods = present.parts.values().map(|part| part.period.parse::<Period>());
    let periods = periods.collect::<Result<Vec<_>, _>>().map_err(|_| EngineError::Column { name: "period" })?;
    Ok(periods.into_iter().max_by_key(|period| period.last_day()).unwrap_or_else(|| Period::of(crate::today())))
}

impl Month<'_> {
    fn refresh(self, run: RunId) -> Result<Refreshed, EngineError> {
        let inputs = Inputs::default();
        let practices = Practices::read(&inputs, &self.rules, &self.alarm())?;
        let parts = Parts { numbers: BTreeMap::new(), replaced: Vec::new() };
        let said = self.present.wishes_of_registrations.clone();
        let register = self.answers(&parts, &practices, &said, &self.present.stopped)?;
        let index = index_store::load(&self.vault, &self.present.index)?;
        let linking = Linking::as_held(&self, index, &parts);
        let answers = linking.ask(&register, self.policy());
        let mut written = Written::nothing(&self.deidentifier)?;
        let past = self.rewrite_past(&mut written, &inputs, &practices, &linking, &answers)?;
        let can_be_read = self.present.files.is_empty() || self.present.index.contains_key(handles::PART);
        if can_be_read && !past.differs_from(&self.present) {
            return Ok(Refreshed { present: self.present, answers, linking });
        }
        let Present { stopped, lifted, watched, .. } = &self.present;
        let kept = CarriedOver { stopped: stopped.clone(), lifted: lifted.clone(), watched: watched.clone() };
        let mut publication = past.publication(run, self.present.index.clone(), &parts, said, kept);
        let handles = self.store_handles(&publication.present.parts, &linking, &answers)?;
        publication.present.index.extend([handles]);
        self.note_use(&publication, &linking, &answers)?;
        publish::publish(self.home, self.register, self.audit, &publication, &[])?;
        Ok(Refreshed { present: publication.present, answers, linking })
    }

    /// The home's choice on rows that tie to nobody.
    pub(super) fn policy(&self) -> Policy {
        let unlinked = match self.home.policy().unlinked_rows {
            UnlinkedRows::Publish => Unlinked::Admit,
            UnlinkedRows::Withhold => Unlinked::Withhold,
        };
        Policy { unlinked }
    }
}

//! The silence alarm in a run: the wishes that practices noted in the month and before in, the practices to be held out.
//!
//! The rule is `caredata_admit::silence`'s; this keeps its months. Invariants: only a run of one month is judged; what was
//! held is remembered as held, so that it is no past to compare with; an acceptance lets the practice's past begin anew.

use super::admission::Check;
use super::inputs::Inputs;
use caredata_admit::silence::{Noted, Past, watch};
use caredata_extract::{Collected, NotedInPeriod, SourceBatch};
use caredata_model::Period;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Months that are kept of a practice.
const MONTHS_KEPT: usize = 48;

/// The most wishes of a practice and month that are told apart: no practice has so many patients.
const NOTED_MAX: u64 = 200_000;

/// A practice's months, as a publication keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// Who supplies its system, where a package told.
    pub supplier: Option<String>,
    /// By month.
    pub months: BTreeMap<String, WatchedMonth>,
}

/// What was noted in a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchedMonth {
    /// Patients registered.
    pub patients: u64,
    /// Objections noted in it.
    pub objections: u64,
    /// Withdrawals noted in it.
    pub withdrawals: u64,
    /// Whether the practice was held for them.
    pub held: bool,
}

/// What an alarm goes by.
pub struct Alarm<'a> {
    /// What is known of earlier months.
    pub watched: &'a BTreeMap<String, Watched>,
    /// The run's period.
    pub period: Period,
    /// Practices and suppliers whose numbers somebody accepts.
    pub accepted: BTreeSet<&'a str>,
}

/// What an alarm says.
#[derive(Debug, Default)]
pub struct Verdict {
    /// The practices to be held.
    pub held: BTreeMap<String, Check>,
    /// What is to be remembered.
    pub watched: BTreeMap<String, Watched>,
    /// The acceptances that concerned a practice of this run.
    pub used: BTreeSet<String>,
}

impl Alarm<'_> {
    /// Judges what came, except of practices that are held already.
    pub fn judge(
        &self,
        inputs: &Inputs,
        patients: &[SourceBatch],
        collected: &Collected,
        held: &BTreeMap<String, Check>,
    ) -> Verdict {
        let mut verdict = Verdict { watched: self.watched.clone(), ..Verdict::default() };
        if self.period.months() != 1 {
            return verdict;
        }
        let month = self.period.to_string();
        for (practice, (supplier, noted)) in now(inputs, patients, collected, self.period) {
            if held.contains_key(&practice) {
                continue;
            }
            let known = verdict.watched.entry(practice.clone()).or_default();
            known.supplier = supplier.or_else(|| known.supplier.take());
            for name in [Some(&practice), known.supplier.as_ref()].into_iter().flatten() {
                if self.accepted.contains(name.as_str()) {
                    known.months.clear();
                    verdict.used.insert(name.clone());
                }
            }
            known.months.insert(month.clone(), noted);
            while known.months.len() > MONTHS_KEPT {
                known.months.pop_first();
            }
        }
        let pasts = verdict.watched.iter().map(|(practice, known)| (practice.clone(), known.past()));
        for (practice, (whose, finding)) in watch(&pasts.collect(), self.period) {
            let told = verdict.watched.get_mut(&practice).and_then(|known| known.months.get_mut(&month));
            if let (Some(told), false) = (told, held.contains_key(&practice)) {
                told.held = true;
                verdict.held.insert(practice, Check::Noted(whose, finding));
            }
        }
        verdict
    }
}

impl Watched {
    fn past(&self) -> Past {
        let months = self.months.iter().filter_map(|(month, noted)| {
            let WatchedMonth { patients, objections, withdrawals, held } = *noted;
            Some((month.parse().ok()?, Noted { patients, objections, withdrawals, was_held: held }))
        });
        Past { supplier: self.supplier.clone(), months: months.collect() }
    }
}

/// What each practice of this run noted in its month. A package of an earlier version does not tell, and is not watched.
fn now(
    inputs: &Inputs,
    patients: &[SourceBatch],
    collected: &Collected,
    period: Period,
) -> BTreeMap<String, (Option<String>, WatchedMonth)> {
    let with = |patients: u64, noted: NotedInPeriod| WatchedMonth {
        patients,
        // A number beyond all reason is as alarming as one at the bound, and quicker weighed.
        objections: noted.objections.min(NOTED_MAX),
        withdrawals: noted.withdrawals.min(NOTED_MAX),
        held: false,
    };
    let mut rows: BTreeMap<&str, u64> = BTreeMap::new();
    for batch in patients {
        for row in 0..batch.len() {
            *rows.entry(batch.provider(row)).or_default() += 1;
        }
    }
    let in_journals = collected.noted_in(period);
    let raw = |(practice, patients): (&str, u64)| {
        let noted = in_journals.get(practice).copied().unwrap_or_default();
        (practice.to_owned(), (None, with(patients, noted)))
    };
    let packed: BTreeSet<&str> = inputs.packages.iter().map(|package| package.practice.as_str()).collect();
    let mut now: BTreeMap<_, _> =
        rows.into_iter().filter(|(practice, _)| !packed.contains(practice)).map(raw).collect();
    for package in &inputs.packages {
        if let Some(noted) = package.manifest.noted {
            let told = (package.manifest.supplier.clone(), with(package.manifest.patients, noted));
            now.insert(package.practice.clone(), told);
        }
    }
    now
}

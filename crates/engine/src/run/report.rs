//! The end of a run: the index stored, the report filled in, the log and the report written.

use super::admission::Check;
use super::inputs::Inputs;
use super::linking::Linking;
use super::past::Past;
use super::truth::{EventOutcome, Truth};
use super::writing::Written;
use super::{Month, Parts, Practices, quarantine, summary, tokens};
use crate::audit::{Act, Outcome};
use crate::error::EngineError;
use crate::index_store::{self, LocalKey};
use crate::records::TABLES;
use crate::report::{
    Counted, HeldPractice, Objections, Persons, Population, RunIdentity, RunReport, Setting, TableRows,
    TruthComparison, render,
};
use crate::whole::{Readers, write_whole};
use caredata_admit::{Identified, PersonAnswers, Setting as Place, Tie};
use caredata_model::{Passage, PersonId, RecordKey};
use std::collections::{BTreeMap, HashMap, HashSet};

fn local_key(one: &Identified) -> LocalKey<'_> {
    (one.key, &one.local_key)
}

impl Month<'_> {
    /// Stores what the index learnt, and gives the list of its files.
    pub(super) fn store_index(
        &self,
        written: &Written,
        practices: &Practices,
        parts: &Parts,
        linking: &Linking,
    ) -> Result<BTreeMap<String, String>, EngineError> {
        let mut fresh: BTreeMap<u32, Vec<LocalKey<'_>>> = BTreeMap::new();
        for (part, &number) in &parts.numbers {
            let own = if part.practice.is_some() {
                Vec::new()
            } else {
                let source = written.elsewhere.iter().find(|one| one.source.name.as_str() == part.source);
                source.into_iter().flat_map(|one| &one.identified).map(local_key).collect()
            };
            fresh.insert(number, own);
        }
        let of_practice: HashMap<&str, u32> =
            parts.of(super::GP).filter_map(|(part, number)| Some((part.practice.as_deref()?, number))).collect();
        for one in &written.registered.identified {
            if let Some(own) = of_practice.get(&*one.provider).and_then(|number| fresh.get_mut(number)) {
                own.push(local_key(one));
            }
        }
        let (vault, run) = (&self.vault, self.run.0);
        let mut parts = index_store::store(vault, run, &linking.index, &fresh, &self.present.index)?;
        parts.extend(tokens::store(vault, run, &self.present, &practices.tokens)?);
        Ok(parts)
    }

    /// Fills in what the run did, checks that every sum holds, and notes each source in the log.
    pub(super) fn report(
        &self,
        written: &Written,
        past: &Past,
        linking: &Linking,
        answers: &PersonAnswers,
        known: &[PersonId],
        (inputs, practices): (&Inputs, &Practices),
    ) -> Result<RunReport, EngineError> {
        for (name, _, account) in written.accounts() {
            account.tally.check(name, account.rows_in)?;
            let act = Act::SourceAdmitted {
                run: self.run.0,
                source: caredata_model::SourceName::parse(name).map_err(|_| EngineError::Interrupted)?,
                read: account.rows_in,
                admitted: account.tally.admitted(),
                withheld: account.tally.withheld(),
                quarantined: account.tally.quarantined(),
            };
            self.audit.append(&act, Outcome::Done)?;
        }
        let sources: Vec<summary::SourceLinks<'_>> = written
            .elsewhere
            .iter()
            .zip(&linking.events)
            .map(|(admitted, links)| summary::SourceLinks { admitted, links })
            .collect();
        let tie = |key| linking.persons.of(key).map_or(Tie::Nobody, |(_, tie)| tie);
        let events = sources.iter().flat_map(|source| {
            source.admitted.identified.iter().zip(source.links).map(|(one, link)| (*link, tie(one.key)))
        });
        let weights = summary::weights(events, &linking.diagnostics);
        Ok(RunReport {
            population: if self.input.truth.is_some() { Population::Synthetic } else { Population::Real },
            run: RunIdentity {
                id: self.run.0.to_string(),
                period: self.input.period.to_string(),
                started: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
                method: "probabilistic".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            sources: written
                .accounts()
                .map(|(name, table, account)| summary::source_counts(name, table, account))
                .collect(),
            quality: written
                .accounts()
                .flat_map(|(name, _, account)| summary::quality(name, &account.quality))
                .collect(),
            links: summary::links(&sources),
            weights,
            persons: Persons {
                total: linking.everybody.len() as u64,
                new: Self::new_persons(linking, known),
                merged: linking.diagnostics.merges,
            },
            objections: Objections {
                persons_withheld: answers.objecting().count() as u64,
                sealed: past.sealed.iter().map(|file| file.rows).sum(),
                dropped: dropped(written),
                untied_withheld: untied(written),
                no_longer_counting: practices.collected.no_longer_counting.len() as u64,
                wishes_unregistered: practices.unregistered,
            },
            held: held(practices),
            replaced: past.replaced.iter().map(|(what, &rows)| Counted { what: what.clone(), rows }).collect(),
            packages_left: inputs.packages_left,
            tables: TABLES
                .into_iter()
                .map(|table| TableRows {
                    table: table.name().to_owned(),
                    rows: past.files.iter().filter(|file| file.table == table.name()).map(|file| file.rows).sum(),
                })
                .collect(),
            timelines: Vec::new(),
            truth: self.compare_with_truth(written, linking, answers)?,
            stages: Vec::new(),
            settings: self.settings(linking, written),
        })
    }

    /// Persons that no earlier run knew.
    fn new_persons(linking: &Linking, known: &[PersonId]) -> u64 {
        let before: HashSet<PersonId> = known.iter().map(|&person| linking.index.resolve(person)).collect();
        linking.everybody.iter().filter(|(person, _)| !before.contains(person)).count() as u64
    }

    fn compare_with_truth(
        &self,
        written: &Written,
        linking: &Linking,
        answers: &PersonAnswers,
    ) -> Result<Option<TruthComparison>, EngineError> {
        let Some(folder) = &self.input.truth else { return Ok(None) };
        let truth = Truth::read(folder, &self.rules.secret)?;
        let registrations: Vec<(RecordKey, PersonId)> = written
            .registered
            .identified
            .iter()
            .zip(&linking.registrations)
            .map(|(one, link)| (one.key, link.person))
            .collect();
        let mut events = Vec::new();
        for (source, links) in written.elsewhere.iter().zip(&linking.events) {
            let answers = answers.of_source(Passage::LinkedRecord, Place::Elsewhere, &source.source.name);
            events.extend(source.identified.iter().zip(links).map(|(one, link)| {
                let withheld =
                    linking.persons.of(one.key).is_none_or(|(person, tie)| answers.withhold(person, tie).is_some());
                EventOutcome { key: one.key, link: *link, withheld }
            }));
        }
        Ok(Some(truth.compare(&registrations, &events)))
    }

    fn settings(&self, linking: &Linking, written: &Written) -> Vec<Setting> {
        let blanked: u64 = written.blanked.values().sum();
        [
            ("Probability from which a record is linked", linking.settings.accept_probability.to_string()),
            ("Lead over the next best person", linking.settings.margin_probability.to_string()),
            ("Probability from which a record goes to review", linking.settings.review_probability.to_string()),
            ("Rows that tie to no registered person", format!("{:?}", self.home.policy().unlinked_rows).to_lowercase()),
            ("Objections as known on", self.rules.today.to_string()),
            ("Codes that note objections, version", self.rules.objections.version().to_owned()),
            ("Sensitive codes, version", self.rules.sensitive.version().to_owned()),
            ("Values blanked, not of their column's form", blanked.to_string()),
        ]
        .into_iter()
        .map(|(name, value)| Setting { name: name.to_owned(), value })
        .collect()
    }

    /// Writes the quarantine list and the report, the last things a run does.
    pub(super) fn end(mut self, mut report: RunReport, written: &Written) -> Result<RunReport, EngineError> {
        self.stage("report");
        let accounts = written.accounts().map(|(name, _, account)| (name, account));
        quarantine::write(&self.home.quarantine(), self.run.0, accounts)?;
        if report.population == Population::Synthetic {
            report.timelines = self.timelines()?;
        }
        self.stages.pop();
        report.stages = self.stages;
        let folder = self.home.report();
        let json = serde_json::to_vec_pretty(&report).map_err(EngineError::json("writing the report"))?;
        write_whole(&folder.join("report.json"), &json, Readers::Usual)?;
        write_whole(&folder.join("index.html"), render(&report).as_bytes(), Readers::Usual)?;
        Ok(report)
    }
}

fn held(practices: &Practices) -> Vec<HeldPractice> {
    let held = |(practice, check): (&String, &Check)| HeldPractice {
        practice: summary::organisation(practice).to_owned(),
        why: check.words().to_owned(),
    };
    practices.held.iter().map(held).collect()
}

fn dropped(written: &Written) -> u64 {
    written
        .accounts()
        .flat_map(|(_, _, account)| account.tally.withheld_by())
        .filter(|(_, _, disposal, _)| *disposal == caredata_admit::Disposal::Dropped)
        .map(|(_, _, _, rows)| rows)
        .sum()
}

fn untied(written: &Written) -> u64 {
    written.accounts().map(|(_, _, account)| account.tally.withheld_for(caredata_admit::Reason::TiesToNobody)).sum()
}

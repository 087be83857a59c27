//! What a run does to what earlier runs published and sealed.
//!
//! In: the present, the register's answers, and what this run delivers anew. Out: the present to come and the commits that
//! lead there. Every file held is looked through, so an objection reaches rows of any age; only files that hold a row to be
//! changed are written anew.

use super::linking::Linking;
use super::state::{Present, Publication, RegistrationWish, SealedFile};
use super::watch::Watched;
use super::writing::{Sealer, Written};
use super::{GP, Inputs, Month, Parts, Practices, RunId, Stops};
use crate::error::EngineError;
use crate::records::{Change, DataFile, KeySet, RowRule, TABLES, TableWriter, Who, rewrite};
use crate::vault::{Compartment, VaultName};
use caredata_admit::{Disposal, PersonAnswers, Reason, Setting, Tie};
use caredata_extract::Table;
use caredata_model::{Passage, PersonId, RecordKey, SourceName};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// The published and the sealed file that became of one, and the rows of it that this run brought again.
type Parted = (Vec<DataFile>, Option<SealedFile>, u64);

/// What becomes of everything held.
pub struct Past {
    /// Every file published after this run.
    pub files: Vec<DataFile>,
    /// Every sealed file after this run.
    pub sealed: Vec<SealedFile>,
    /// What happens to each table.
    changes: BTreeMap<String, Change>,
    /// The parts held after this run.
    parts: BTreeMap<u32, super::Part>,
    /// Rows held of this run's sources and period that it brought again, by source.
    pub replaced: BTreeMap<String, u64>,
}

impl Past {
    /// Whether anything is other than it was: a table, or what lies under seal.
    pub fn differs_from(&self, present: &Present) -> bool {
        let of_tables = self.changes.values().any(|change| !change.added.is_empty() || !change.removed.is_empty());
        of_tables || self.sealed != present.sealed
    }

    /// The publication that all this amounts to.
    pub fn publication(
        &self,
        run: RunId,
        index: BTreeMap<String, String>,
        parts: &Parts,
        wishes_of_registrations: Vec<RegistrationWish>,
        CarriedOver { stopped, lifted, watched }: CarriedOver,
    ) -> Publication {
        let mut held = self.parts.clone();
        held.extend(parts.numbers.iter().map(|(part, &number)| (number, part.clone())));
        let present = Present {
            publication: run.0,
            files: self.files.clone(),
            sealed: self.sealed.clone(),
            index,
            parts: held,
            wishes_of_registrations,
            stopped,
            lifted,
            watched,
        };
        Publication { present, changes: self.changes.clone() }
    }
}

/// What a present carries over to the next beside its files and wishes.
pub(super) struct CarriedOver {
    /// Registrations whose sending has stopped by objection, and since when it goes on again.
    pub(super) stopped: Stops,
    pub(super) lifted: Stops,
    /// What practices and suppliers noted in the months before.
    pub(super) watched: BTreeMap<String, Watched>,
}

/// What the rules for all files share.
pub(super) struct Rules<'a> {
    month: &'a Month<'a>,
    pub(super) linking: &'a Linking,
    pub(super) answers: &'a PersonAnswers,
    /// Everybody in the index: id, pseudonym, and whether the person ties to a registration.
    pub(super) everybody: Vec<(PersonId, i64, Tie)>,
    /// The pseudonym of a record's person today, by record key and the pseudonym once written.
    who: Box<Who<'a>>,
    pub(super) renamed: Arc<HashMap<i64, i64>>,
    /// Registrations that their practices' own word keeps from use.
    pub(super) bound: Arc<HashSet<i64>>,
    superseded: HashMap<String, Arc<KeySet>>,
    /// Practices that sent this run's period again.
    pub(super) practices: HashSet<String>,
    /// Other sources that did.
    sources: HashSet<String>,
    by_source: HashMap<String, Arc<HashMap<i64, Option<Reason>>>>,
}

impl Month<'_> {
    /// Applies the register's answers, merges and replacements to all that is held, and lists what is then there.
    pub(super) fn rewrite_past(
        &self,
        written: &mut Written,
        inputs: &Inputs,
        practices: &Practices,
        linking: &Linking,
        answers: &PersonAnswers,
    ) -> Result<Past, EngineError> {
        let rules = self.rules_for_past(written, inputs, practices, linking, answers)?;
        let mut changes: BTreeMap<String, Change> = BTreeMap::new();
        let mut files: Vec<DataFile> = Vec::new();
        let mut replaced: BTreeMap<String, u64> = BTreeMap::new();
        let mut sealed: Vec<SealedFile> = std::mem::take(&mut written.sealed);
        let held: Vec<&DataFile> = self.present.files.iter().filter(|file| file.table != PERSONS).collect();
        let outcomes: Vec<_> =
            held.par_iter().enumerate().map(|(place, file)| self.look_through(file, place, &rules)).collect();
        for (file, outcome) in held.into_iter().zip(outcomes) {
            match outcome? {
                None => files.push(file.clone()),
                Some((kept, newly_sealed, again)) => {
                    *replaced.entry(file.source.clone()).or_default() += again;
                    let change = changes.entry(file.table.clone()).or_default();
                    change.removed.push(file.clone());
                    change.added.extend(kept.iter().cloned());
                    files.extend(kept);
                    sealed.extend(newly_sealed);
                }
            }
        }
        for (place, file) in self.present.sealed.iter().enumerate() {
            let (opened, still, again) = self.reopen(file, place, &rules)?;
            *replaced.entry(file.source.clone()).or_default() += again;
            changes.entry(file.table.clone()).or_default().added.extend(opened.iter().cloned());
            files.extend(opened);
            sealed.extend(still);
        }
        for file in std::mem::take(&mut written.files) {
            changes.entry(file.table.clone()).or_default().added.push(file.clone());
            files.push(file);
        }
        let earlier = self.present.files.iter().filter(|file| file.table == PERSONS).cloned();
        if let Some(persons) = self.write_persons(written.take_persons(&self.deidentifier), &rules)? {
            let change = changes.entry(PERSONS.to_owned()).or_default();
            change.removed.extend(earlier);
            change.added.extend(persons.iter().cloned());
            files.extend(persons);
        } else {
            files.extend(earlier);
        }
        files.sort();
        sealed.sort();
        replaced.retain(|_, rows| *rows > 0);
        Ok(Past { files, sealed, changes, parts: self.present.parts.clone(), replaced })
    }

    fn rules_for_past<'a>(
        &'a self,
        written: &Written,
        inputs: &Inputs,
        practices: &Practices,
        linking: &'a Linking,
        answers: &'a PersonAnswers,
    ) -> Result<Rules<'a>, EngineError> {
        let pseudonym = |person| self.pseudonyms.of(person);
        let everybody = linking.everybody.par_iter().map(|&(person, tie)| (person, pseudonym(person), tie)).collect();
        let renamed = linking
            .index
            .merges()
            .iter()
            .map(|merge| (pseudonym(merge.from), pseudonym(linking.index.resolve(merge.from))));
        let renamed: Arc<HashMap<i64, i64>> = Arc::new(renamed.collect());
        let mut sources: HashSet<String> = inputs.elsewhere.iter().map(|(source, _)| source.name.to_string()).collect();
        sources.remove(GP);
        let mut rules = Rules {
            month: self,
            linking,
            answers,
            everybody,
            who: self.who_is_whose(linking, Arc::clone(&renamed)),
            renamed,
            bound: Arc::new(answers.bound().iter().map(|registration| registration.value()).collect()),
            superseded: HashMap::new(),
            practices: practices.sent.iter().cloned().collect(),
            sources,
            by_source: HashMap::new(),
        };
        let held = self.present.files.iter().map(|file| (&file.source, &file.table));
        let held = held.chain(self.present.sealed.iter().map(|file| (&file.source, &file.table)));
        for (source, table) in held.collect::<HashSet<_>>() {
            if let Some(keys) = written.keys.get(source) {
                rules.superseded.entry(source.clone()).or_insert_with(|| Arc::new(KeySet::new(keys.clone())));
            }
            let answers = rules.answers_in(Setting::of(table_named(table)?), source)?;
            rules.by_source.insert(source.clone(), Arc::new(answers));
        }
        Ok(rules)
    }

    /// Whose a row is today. A practice may give a patient's id to another patient later: then each keeps what was written
    /// while the id was theirs.
    fn who_is_whose<'a>(&'a self, linking: &'a Linking, renamed: Arc<HashMap<i64, i64>>) -> Box<Who<'a>> {
        let shared: HashSet<(i64, i64)> =
            linking.shared_keys().into_iter().map(|(key, person)| (key.value(), self.pseudonyms.of(person))).collect();
        Box::new(move |key, written| {
            let written = renamed.get(&written).copied().unwrap_or(written);
            if shared.contains(&(key, written)) {
                return Some(written);
            }
            let (person, _) = linking.persons.of(RecordKey::from_bits(key.cast_unsigned()))?;
            Some(self.pseudonyms.of(person))
        })
    }

    /// Looks a published file through; `None` where it can stay as it is.
    fn look_through(&self, file: &DataFile, place: usize, rules: &Rules<'_>) -> Result<Option<Parted>, EngineError> {
        let table = table_named(&file.table)?;
        let rule = rules.rule(&file.source, &file.period, table);
        let keep = self.writer_of_past(table, &file.source, &file.period, &format!("kept-{place}"))?;
        let to_seal = Sealer::new(&self.vault, self.run, table, &file.source, &file.period, &format!("kept-{place}"))?;
        match rewrite(&self.home.records(), file, &rule, &keep, &|rows| to_seal.keep(rows))? {
            None => Ok(None),
            Some(counts) => Ok(Some((keep.finish()?, to_seal.finish()?, counts.replaced))),
        }
    }

    /// Looks a sealed file through: what may be published now, and what stays sealed.
    fn reopen(&self, file: &SealedFile, place: usize, rules: &Rules<'_>) -> Result<Parted, EngineError> {
        let table = table_named(&file.table)?;
        let rule = rules.rule(&file.source, &file.period, table);
        let keep = self.writer_of_past(table, &file.source, &file.period, &format!("opened-{place}"))?;
        let to_seal =
            Sealer::new(&self.vault, self.run, table, &file.source, &file.period, &format!("opened-{place}"))?;
        let (mut changed, mut replaced) = (false, 0);
        for batch in self.vault.read(Compartment::Sealed, &VaultName::parse(&file.name)?)? {
            let (published, sealed, counts) = rule.part(table, &batch?)?;
            changed |= counts.published + counts.dropped > 0;
            replaced += counts.replaced;
            keep.write_again(&published)?;
            to_seal.keep(sealed)?;
        }
        if changed {
            Ok((keep.finish()?, to_seal.finish()?, replaced))
        } else {
            Ok((Vec::new(), Some(file.clone()), 0))
        }
    }

    pub(super) fn writer_of_past(
        &self,
        table: Table,
        source: &str,
        period: &str,
        kind: &str,
    ) -> Result<TableWriter, EngineError> {
        TableWriter::new(&self.home.records(), table, &format!("run-{}-{kind}", self.run.0), source, period)
    }
}

impl Rules<'_> {
    fn rule(&self, source: &str, period: &str, table: Table) -> RowRule<'_> {
        let same_period = period == self.month.input.period.to_string();
        let journals = table == Table::Journals;
        RowRule {
            who: Some(&*self.who),
            bound: Arc::clone(&self.bound),
            answers: self.by_source.get(source).cloned().unwrap_or_default(),
            renamed: Arc::clone(&self.renamed),
            superseded: self.superseded.get(source).cloned().unwrap_or_default(),
            practices: if journals && same_period { self.practices.clone() } else { HashSet::new() },
            persons: HashSet::new(),
            replaced: same_period && self.sources.contains(source),
            sealable: Setting::of(table).disposal() == Disposal::Sealed,
        }
    }

    /// The register's answer for everybody, as it bears on one source's rows.
    pub(super) fn answers_in(
        &self,
        setting: Setting,
        source: &str,
    ) -> Result<HashMap<i64, Option<Reason>>, EngineError> {
        let name = SourceName::parse(source).map_err(|_| EngineError::Interrupted)?;
        let of_source = self.answers.of_source(Passage::StoredRecord, setting, &name);
        let answer = |&(person, pseudonym, tie): &(PersonId, i64, Tie)| (pseudonym, of_source.withhold(person, tie));
        Ok(self.everybody.iter().map(answer).collect())
    }
}

/// The table of persons, which each run puts together anew.
pub(super) const PERSONS: &str = Table::Persons.name();

fn table_named(name: &str) -> Result<Table, EngineError> {
    TABLES.into_iter().find(|table| table.name() == name).ok_or(EngineError::Column { name: "table" })
}

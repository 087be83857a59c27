//! The second half of a run: payload joined to persons, asked about, de-identified, and written.
//!
//! Journals are read here, straight from file to table: of an entry only its record key stays in memory. Invariant: rows
//! are written only as [`LinkedRecord`](caredata_deidentify::LinkedRecord)s or under seal, and every row is in an account.

use super::admission::{Account, Practices, Rules, SourceAdmitted, read_into};
use super::linking::Linking;
use super::state::SealedFile;
use super::{Month, RunId};
use crate::error::EngineError;
use crate::records::{DataFile, TableWriter};
use crate::vault::{Compartment, Vault, VaultName};
use arrow_array::RecordBatch;
use arrow_buffer::ScalarBuffer;
use caredata_admit::{
    Admitted, AdmittedPayload, Duplicates, Gate, PersonAnswers, Registrations, Room, Tally, Terms, Withheld,
};
use caredata_deidentify::{Deidentifier, Linked, PersonsBuilder};
use caredata_extract::{InputFile, Source, SourceBatch, Table};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

/// What the run has written, listed nowhere yet.
pub struct Written {
    /// GP registrations, their account settled.
    pub registered: SourceAdmitted,
    /// Every other source but journals, likewise.
    pub elsewhere: Vec<SourceAdmitted>,
    /// The account of journals; none where none came.
    pub journals: Option<Account>,
    /// The new files.
    pub files: Vec<DataFile>,
    /// The new sealed files.
    pub sealed: Vec<SealedFile>,
    /// Record keys that this run delivered, admitted or objected to, by source.
    pub keys: BTreeMap<String, Vec<i64>>,
    /// What this run's rows state about persons.
    pub persons: PersonsBuilder,
    /// Values that were not of their column's form, by column.
    pub blanked: BTreeMap<String, u64>,
}

impl Written {
    /// What is written where nothing came in.
    ///
    /// # Errors
    /// [`EngineError::Extract`] where the program's own declaration of GP registrations cannot be read, a fault of ours.
    pub fn nothing(deidentifier: &Deidentifier) -> Result<Self, EngineError> {
        Ok(Self {
            registered: SourceAdmitted {
                source: Source::builtin("gp-patients")?,
                identified: Vec::new(),
                payload: Vec::new(),
                withheld: Vec::new(),
                account: Account::default(),
            },
            elsewhere: Vec::new(),
            journals: None,
            files: Vec::new(),
            sealed: Vec::new(),
            keys: BTreeMap::new(),
            persons: PersonsBuilder::new(deidentifier),
            blanked: BTreeMap::new(),
        })
    }

    /// What the rows state about persons, once.
    pub fn take_persons(&mut self, deidentifier: &Deidentifier) -> PersonsBuilder {
        std::mem::replace(&mut self.persons, PersonsBuilder::new(deidentifier))
    }

    /// Each source's name, table and account, in the order in which they were read.
    pub fn accounts(&self) -> impl Iterator<Item = (&str, &str, &Account)> {
        let journals = self.journals.iter().map(|account| ("gp-journals", Table::Journals.name(), account));
        let admitted = std::iter::once(&self.registered).chain(&self.elsewhere);
        admitted.map(|one| (one.source.name.as_str(), one.source.table.name(), &one.account)).chain(journals)
    }
}

/// Journals on their way to their gate.
pub struct Journals {
    source: Source,
    files: Vec<InputFile>,
    gate: Gate,
}

impl Journals {
    /// The journals of a run and the gate that they will pass.
    pub fn new(
        files: Vec<InputFile>,
        practices: &Practices,
        registrations: &Arc<Registrations>,
        terms: &Terms,
        rules: &Rules,
    ) -> Result<Self, EngineError> {
        let source = Source::builtin("gp-journals")?;
        let room = Room::Journals {
            withholding: Arc::new(practices.collected.withholding.clone()),
            registrations: Arc::clone(registrations),
            objection_codes: Arc::clone(&rules.objections),
            sensitive_codes: Arc::clone(&rules.sensitive),
        };
        let gate = Gate::new(&source, room, terms.clone())?;
        Ok(Self { source, files, gate })
    }
}

/// What stays of one written batch of journals.
struct Entries {
    keys: ScalarBuffer<i64>,
    /// Keys among them that take nobody's place; few.
    unasked: HashSet<i64>,
    place: (usize, u64),
    tally: Tally,
    duplicates: Vec<caredata_admit::DuplicateRow>,
    blanked: BTreeMap<String, u64>,
}

impl Month<'_> {
    /// Writes all that came in.
    pub(super) fn write(
        &self,
        mut registered: SourceAdmitted,
        mut elsewhere: Vec<SourceAdmitted>,
        journals: &Journals,
        linking: &Linking,
        answers: &PersonAnswers,
    ) -> Result<Written, EngineError> {
        let mut persons = PersonsBuilder::new(&self.deidentifier);
        let (mut files, mut sealed, mut keys, mut blanked) = (Vec::new(), Vec::new(), BTreeMap::new(), BTreeMap::new());
        for payload in std::mem::take(&mut registered.payload) {
            let (permitted, withheld) = Linked::join(&payload, &linking.persons).permit(answers)?;
            withheld.count_in(&mut registered.account.tally);
            persons.add(&permitted)?;
        }
        for source in &mut elsewhere {
            let name = source.source.name.to_string();
            let writer = self.writer(source.source.table, &name, "new")?;
            let to_seal = self.sealer(source.source.table, &name)?;
            keys.insert(name, source.identified.iter().map(|one| one.key.value()).collect());
            self.write_source(source, linking, answers, &writer, &to_seal, &mut persons, &mut blanked)?;
            files.extend(writer.finish()?);
            sealed.extend(to_seal.finish()?);
        }
        let journals = if journals.files.is_empty() {
            None
        } else {
            let (account, entries) = self.write_journals(journals, linking, answers, &mut files, &mut blanked)?;
            keys.insert(journals.source.name.to_string(), entries);
            Some(account)
        };
        Ok(Written { registered, elsewhere, journals, files, sealed, keys, persons, blanked })
    }

    #[expect(clippy::too_many_arguments, reason = "what one source needs of the run, each of its own type")]
    fn write_source(
        &self,
        source: &mut SourceAdmitted,
        linking: &Linking,
        answers: &PersonAnswers,
        writer: &TableWriter,
        to_seal: &Sealer,
        persons: &mut PersonsBuilder,
        blanked: &mut BTreeMap<String, u64>,
    ) -> Result<(), EngineError> {
        for withheld in std::mem::take(&mut source.withheld) {
            to_seal.seal(&self.deidentifier, withheld, linking)?;
        }
        let payload = std::mem::take(&mut source.payload);
        let written: Vec<_> = payload
            .par_iter()
            .map(|payload| {
                let (permitted, withheld) = Linked::join(payload, &linking.persons).permit(answers)?;
                let mut stated = PersonsBuilder::new(&self.deidentifier);
                stated.add(&permitted)?;
                let record = self.deidentifier.apply(permitted)?;
                writer.write(&record)?;
                Ok((withheld, stated, record.blanked().clone()))
            })
            .collect::<Result<_, EngineError>>()?;
        source.payload = payload;
        for (withheld, stated, counts) in written {
            withheld.count_in(&mut source.account.tally);
            to_seal.seal(&self.deidentifier, withheld.for_sealing, linking)?;
            persons.append(stated);
            add_counts(blanked, &counts);
        }
        Ok(())
    }

    /// Writes journals as they are read. Keys that stand twice are known only at the end; should there be any, which is rare, all
    /// is written once more without them.
    fn write_journals(
        &self,
        journals: &Journals,
        linking: &Linking,
        answers: &PersonAnswers,
        files: &mut Vec<DataFile>,
        blanked: &mut BTreeMap<String, u64>,
    ) -> Result<(Account, Vec<i64>), EngineError> {
        let mut duplicates = Duplicates::default();
        let mut places: BTreeMap<(usize, u64), usize> = BTreeMap::new();
        for attempt in ["new", "again"] {
            let writer = self.writer(Table::Journals, "gp-journals", attempt)?;
            let mut account = Account::default();
            let written = read_into(&journals.source, &journals.files, &mut account, |batch| {
                let place = places.get(&place_of(&batch)).copied();
                self.write_entries(
                    &journals.gate,
                    &batch,
                    place.map(|place| (&duplicates, place)),
                    linking,
                    answers,
                    &writer,
                )
            })?;
            let entries: Vec<Entries> = written.into_iter().collect::<Result<_, _>>()?;
            let keys: Vec<&[i64]> = entries.iter().map(|one| &*one.keys).collect();
            let found = Duplicates::find(&keys);
            if duplicates.is_empty() && !found.is_empty() {
                duplicates = found;
                places = entries.iter().enumerate().map(|(place, one)| (one.place, place)).collect();
                writer.discard()?;
                continue;
            }
            files.extend(writer.finish()?);
            let mut all = Vec::with_capacity(keys.iter().map(|keys| keys.len()).sum());
            for one in &entries {
                all.extend(one.keys.iter().filter(|key| !one.unasked.contains(key)));
                account.tally += &one.tally;
                account.duplicates.extend(one.duplicates.iter().cloned());
                add_counts(blanked, &one.blanked);
            }
            return Ok((account, all));
        }
        Err(EngineError::Interrupted)
    }

    fn write_entries(
        &self,
        gate: &Gate,
        batch: &SourceBatch,
        duplicates: Option<(&Duplicates, usize)>,
        linking: &Linking,
        answers: &PersonAnswers,
        writer: &TableWriter,
    ) -> Result<Entries, EngineError> {
        let place = place_of(batch);
        let admitted = gate.admit(batch)?;
        let keys: ScalarBuffer<i64> = admitted.keys().to_vec().into();
        let fates = keys.iter().zip(admitted.fates());
        let unasked = fates.filter(|(_, fate)| !fate.supersedes()).map(|(&key, _)| key).collect();
        let (mut admitted, rows): (Admitted, _) = match duplicates {
            Some((duplicates, place)) => admitted.without(duplicates, place)?,
            None => (admitted, Vec::new()),
        };
        let payload: &AdmittedPayload = &admitted.payload;
        let (permitted, withheld) = Linked::join(payload, &linking.persons).permit(answers)?;
        withheld.count_in(&mut admitted.tally);
        let record = self.deidentifier.apply(permitted)?;
        writer.write(&record)?;
        Ok(Entries { keys, unasked, place, tally: admitted.tally, duplicates: rows, blanked: record.blanked().clone() })
    }

    /// A writer of new files; `kind` keeps files of one run and source apart.
    pub(super) fn writer(&self, table: Table, source: &str, kind: &str) -> Result<TableWriter, EngineError> {
        let stem = format!("run-{}-{kind}", self.run.0);
        TableWriter::new(&self.home.records(), table, &stem, source, &self.input.period.to_string())
    }

    fn sealer(&self, table: Table, source: &str) -> Result<Sealer, EngineError> {
        Sealer::new(&self.vault, self.run, table, source, &self.input.period.to_string(), "new")
    }
}

/// Where a batch stands among the files of a source.
fn place_of(batch: &SourceBatch) -> (usize, u64) {
    (batch.file_number(), if batch.is_empty() { 0 } else { batch.line(0) })
}

fn add_counts(all: &mut BTreeMap<String, u64>, some: &BTreeMap<String, u64>) {
    for (column, count) in some {
        *all.entry(column.clone()).or_default() += count;
    }
}

/// Collects sealed rows of one table and contribution and writes them as one file of the vault.
pub struct Sealer {
    vault: Vault,
    name: String,
    table: Table,
    source: String,
    period: String,
    rows: Mutex<Vec<RecordBatch>>,
}

impl Sealer {
    /// A sealer; `kind` keeps files of one run, source and period apart.
    pub fn new(
        vault: &Vault,
        run: RunId,
        table: Table,
        source: &str,
        period: &str,
        kind: &str,
    ) -> Result<Self, EngineError> {
        let name = format!("run-{}-{kind}-{source}", run.0);
        VaultName::parse(&name)?;
        Ok(Self {
            vault: vault.clone(),
            name,
            table,
            source: source.to_owned(),
            period: period.to_owned(),
            rows: Mutex::default(),
        })
    }

    fn seal(&self, deidentifier: &Deidentifier, withheld: Withheld, linking: &Linking) -> Result<(), EngineError> {
        if withheld.is_empty() {
            return Ok(());
        }
        self.keep(deidentifier.seal(withheld, &linking.persons)?.for_sealing())
    }

    /// Keeps rows that are in their sealed form already.
    pub fn keep(&self, rows: RecordBatch) -> Result<(), EngineError> {
        if rows.num_rows() > 0 {
            self.rows.lock().map_err(|_| EngineError::Interrupted)?.push(rows);
        }
        Ok(())
    }

    /// Writes the file; none where there is nothing.
    pub fn finish(self) -> Result<Option<SealedFile>, EngineError> {
        let rows = self.rows.into_inner().map_err(|_| EngineError::Interrupted)?;
        let Some(first) = rows.first() else { return Ok(None) };
        let (schema, count) = (first.schema(), rows.iter().map(|batch| batch.num_rows() as u64).sum());
        self.vault.write(Compartment::Sealed, &VaultName::parse(&self.name)?, schema, rows)?;
        Ok(Some(SealedFile {
            table: self.table.name().to_owned(),
            name: self.name,
            source: self.source,
            period: self.period,
            rows: count,
        }))
    }
}

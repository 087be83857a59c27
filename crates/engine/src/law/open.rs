//! A use under an instrument: sealed rows of people whose objections it lifts, opened into files for one recipient.
//!
//! In: an instrument in force, the register's answers, the sealed rows. Out: Parquet files outside the home, with pseudonyms of a
//! domain of the instrument's own, a manifest, and the people and rows counted in the log, the ledgers and the public list.
//!
//! Invariants: a row is opened only where each objection that covers it is lifted, it lies in a table of the instrument's scope,
//! and its record is one known person's; nothing in the home's records changes, so that after the end nothing is to be undone
//! there; the log has its line before a file is written. What is sealed for no objection, or of nobody known, stays sealed.

use super::instruments::{Said, Used};
use super::{Held, Instruments, Law, LawError, Status, document, logged};
use crate::audit::{Act, Outcome};
use crate::error::{EngineError, Remark};
use crate::home::settle;
use crate::records::TABLES;
use crate::register::{NewUse, UseKind};
use crate::run::{Present, SealedFile, index_of, known_by, recover, register_of};
use crate::vault::{Compartment, VaultName};
use crate::whole::{Readers, write_whole};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, BooleanArray, Int64Array, RecordBatch};
use caredata_admit::{PersonAnswers, Policy, Reason, Setting, Standing, objection};
use caredata_deidentify::{PseudonymKey, Pseudonyms, schema};
use caredata_extract::Table;
use caredata_link::Index;
use caredata_model::{Instrument, Passage, PersonId, SourceName, Verdict, may_pass};
use parquet::arrow::ArrowWriter;
use serde_json::json;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

/// Whose rows of each source are opened, by record key.
type Openable = HashMap<String, HashMap<i64, PersonId>>;

impl Law<'_> {
    /// Opens what an instrument in force lifts, for `recipient`, into a folder that is not there yet.
    ///
    /// # Errors
    /// [`LawError::NotInForce`], [`LawError::OutUnfit`]; otherwise a fault of ours, after which nothing counts as used that the
    /// log does not name.
    pub fn open(&self, id: &str, recipient: &Remark, out: &Path) -> Result<Used, EngineError> {
        logged(self.audit, self.open_quietly(id, recipient, out))
    }

    fn open_quietly(&self, id: &str, recipient: &Remark, out: &Path) -> Result<Used, EngineError> {
        let instruments = Instruments::read(self.register)?;
        let held = instruments.of(id).ok_or_else(|| LawError::NotAdded { id: document::shown(id) })?;
        if held.status(crate::today()) != Status::InForce {
            return Err(LawError::NotInForce { id: held.instrument.id.clone() }.into());
        }
        let out = settle(out)?;
        if out.starts_with(self.home.folder()) || out.exists() {
            return Err(LawError::OutUnfit.into());
        }
        let present = recover(self.home, self.register, self.audit)?;
        let index = index_of(self.home, &present)?;
        let answers = PersonAnswers::decide(&register_of(self.home, &present)?, known_by(&index), Policy::default());
        let files: Vec<&SealedFile> =
            present.sealed.iter().filter(|file| held.instrument.lifted.tables.contains(&file.table)).collect();
        let openable = openable(held, &answers, &index, &files)?;
        let mut persons: HashSet<PersonId> = HashSet::new();
        let mut rows: BTreeMap<String, u64> = BTreeMap::new();
        self.each(&files, &openable, |file, _, owners| {
            persons.extend(owners.iter().flatten());
            *rows.entry(file.table.clone()).or_default() += owners.iter().flatten().count() as u64;
            Ok(())
        })?;
        rows.retain(|_, rows| *rows > 0);
        let used = Used { recipient: recipient.to_string(), persons: persons.len() as u64, rows };
        let act = Act::InstrumentUsed {
            instrument: held.instrument.id.clone(),
            recipient: recipient.clone(),
            persons: used.persons,
            rows: used.rows.values().sum(),
        };
        self.audit.append(&act, Outcome::Allowed)?;
        // Made first: what cannot be written is no use.
        DirBuilder::new().recursive(true).mode(0o700).create(&out).map_err(EngineError::io("making", &out))?;
        self.note_people(held, &present, &index, &used, &persons)?;
        self.write(held, &files, &openable, &used, &out)?;
        self.note(&act, &Said::Used { id: held.instrument.id.clone(), used: used.clone() })?;
        Ok(used)
    }

    /// Goes through sealed rows, each batch with the person of every row that is opened.
    fn each(
        &self,
        files: &[&SealedFile],
        openable: &Openable,
        mut each: impl FnMut(&SealedFile, &RecordBatch, &[Option<PersonId>]) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let vault = self.home.vault()?;
        for file in files {
            let Some(owners) = openable.get(&file.source) else { continue };
            for batch in vault.read(Compartment::Sealed, &VaultName::parse(&file.name)?)? {
                let batch = batch?;
                let of_rows: Vec<Option<PersonId>> =
                    numbers(&batch, "record_key")?.values().iter().map(|key| owners.get(key).copied()).collect();
                each(file, &batch, &of_rows)?;
            }
        }
        Ok(())
    }

    /// Who is so used, for whoever asks later.
    fn note_people(
        &self,
        held: &Held,
        present: &Present,
        index: &Index,
        used: &Used,
        persons: &HashSet<PersonId>,
    ) -> Result<(), EngineError> {
        let everybody = index.observations().iter().map(|one| index.resolve(one.person));
        let people = self.register.number_people(everybody)?;
        let one = NewUse {
            kind: UseKind::Release,
            reference: format!("{} ({})", held.instrument.id, present.publication),
            recipient: used.recipient.clone(),
            purpose: held.instrument.purpose.word().to_owned(),
            basis: held.instrument.basis.confidentiality.word().to_owned(),
            run: None,
            held: people.bitmap(self.register, persons.iter().copied()),
            left_out: people.bitmap(self.register, std::iter::empty()),
        };
        self.register.note_use(&one).map(|_| ())
    }

    /// Writes the rows of each table to a file, and what they are to a manifest.
    fn write(
        &self,
        held: &Held,
        files: &[&SealedFile],
        openable: &Openable,
        used: &Used,
        out: &Path,
    ) -> Result<(), EngineError> {
        let key = PseudonymKey::new(*self.home.keys().pseudonym.bytes());
        let domain =
            |of: &str| Pseudonyms::new(&key, &format!("instrument {} for {} {of}", held.instrument.id, used.recipient));
        let (persons, records) = (domain("persons"), domain("records"));
        for table in TABLES.into_iter().filter(|table| used.rows.contains_key(table.name())) {
            let path = out.join(format!("{}.parquet", table.name()));
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            let file = file.map_err(EngineError::io("writing", &path))?;
            let fault = EngineError::parquet("writing what an instrument opens");
            let mut writer = ArrowWriter::try_new(file, schema(table), None).map_err(fault)?;
            let of_table: Vec<&SealedFile> = files.iter().filter(|file| file.table == table.name()).copied().collect();
            self.each(&of_table, openable, |_, batch, owners| {
                writer.write(&opened(table, batch, owners, &persons, &records)?).map_err(fault)
            })?;
            let file = writer.into_inner().map_err(fault)?;
            file.sync_all().map_err(EngineError::io("writing", &path))?;
        }
        let manifest = json!({
            "instrument": held.as_json(crate::today()),
            "recipient": used.recipient, "persons": used.persons, "rows": used.rows,
            "destroy_by": held.instrument.end.to_string(),
        });
        write_whole(&out.join("manifest.json"), format!("{manifest:#}\n").as_bytes(), Readers::Owner)
    }
}

/// The records whose rows are opened, by source: of people of whom each objection that covers the source's rows is lifted.
fn openable(
    held: &Held,
    answers: &PersonAnswers,
    index: &Index,
    files: &[&SealedFile],
) -> Result<Openable, EngineError> {
    let mut owners: HashMap<i64, Option<PersonId>> = HashMap::new();
    for one in index.observations() {
        let person = index.resolve(one.person);
        if answers.objects_to_some(person) {
            let owner = owners.entry(one.key.value()).or_insert(Some(person));
            *owner = owner.filter(|&known| known == person);
        }
    }
    for one in index.observations() {
        // A key that somebody else bears too is nobody's: in doubt the objection holds.
        if let Some(owner) = owners.get_mut(&one.key.value()) {
            *owner = owner.filter(|&known| known == index.resolve(one.person));
        }
    }
    let mut openable = Openable::new();
    for source in files.iter().map(|file| &file.source) {
        if openable.contains_key(source) {
            continue;
        }
        let name = SourceName::parse(source).map_err(|_| EngineError::Interrupted)?;
        let row = Setting::Elsewhere.row(&name);
        let is_lifted = |standing: &Standing| {
            let rest = standing.without(&held.instrument.lifted.scopes);
            let passes = |cause| may_pass(Passage::Release, row, cause, Instrument::Lifted) == Verdict::Leaves;
            let stands = objection(Passage::Release, standing, row, &name);
            stands.and_then(Reason::cause).is_some_and(passes)
                && objection(Passage::Release, &rest, row, &name).is_none()
        };
        let lifted: HashSet<PersonId> =
            answers.objecting().filter(|(_, standing)| is_lifted(standing)).map(|(person, _)| person).collect();
        let of_source =
            owners.iter().filter_map(|(&key, owner)| Some((key, owner.filter(|one| lifted.contains(one))?)));
        openable.insert(source.clone(), of_source.collect());
    }
    Ok(openable)
}

/// The rows that are opened, in the closed schema, under pseudonyms of the instrument's own.
fn opened(
    table: Table,
    batch: &RecordBatch,
    owners: &[Option<PersonId>],
    persons: &Pseudonyms,
    records: &Pseudonyms,
) -> Result<RecordBatch, EngineError> {
    let fault = EngineError::arrow("opening sealed rows");
    let mask: BooleanArray = owners.iter().map(|owner| Some(owner.is_some())).collect();
    let width: Vec<usize> = (0..schema(table).fields().len()).collect();
    // Why they were sealed stands in a last column, which nobody is given.
    let rows =
        arrow_select::filter::filter_record_batch(batch, &mask).and_then(|rows| rows.project(&width)).map_err(fault)?;
    let people: Int64Array = owners.iter().flatten().map(|&person| Some(persons.of(person))).collect();
    let keys: Int64Array = numbers(&rows, "record_key")?
        .values()
        .iter()
        .map(|&key| Some(records.of(PersonId::from_bits(key.cast_unsigned()))))
        .collect();
    let columns: Vec<ArrayRef> = schema(table)
        .fields()
        .iter()
        .zip(rows.columns())
        .map(|(field, column)| -> ArrayRef {
            match field.name().as_str() {
                "person" => Arc::new(people.clone()),
                "record_key" => Arc::new(keys.clone()),
                _ => Arc::clone(column),
            }
        })
        .collect();
    RecordBatch::try_new(schema(table), columns).map_err(fault)
}

fn numbers<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<&'a Int64Array, EngineError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
    column.ok_or(EngineError::Column { name })
}

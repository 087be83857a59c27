//! The first half of a run: files read and passed through the first gate, journals excepted.
//!
//! In: files and the register. Out: what linkage needs and the payload that waits for its answer. Journals are only
//! scanned for wishes here; they pass their gate when they are written, after linkage.

use super::inputs::Inputs;
use super::state::Stop;
use crate::error::EngineError;
use caredata_admit::{
    Admitted, AdmittedPayload, DuplicateRow, Duplicates, Gate, Identified, RecordKeySecret, RecordKeys, Register,
    Registrations, Room, Subject, Tally, Terms, Withheld,
};
use caredata_extract::{
    Collected, InputFile, ObjectionCodes, PatientWish, Quality, ReadOptions, Rejection, SensitiveCodes, Source,
    SourceBatch, Withholding, read,
};
use caredata_model::{Choice, Day, LegalBasis, NhsNumber, RecordKey, Wish};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// One source after the first gate.
#[derive(Debug)]
pub struct SourceAdmitted {
    /// The source.
    pub source: Source,
    /// Its identifiers, for the vault and for linkage, in file order.
    pub identified: Vec<Identified>,
    /// Its payload.
    pub payload: Vec<AdmittedPayload>,
    /// Rows to be sealed.
    pub withheld: Vec<Withheld>,
    /// What was counted and listed.
    pub account: Account,
}

/// What became of the rows of one source: numbers, and places in files.
#[derive(Debug, Default)]
pub struct Account {
    /// Rows read.
    pub rows_in: u64,
    /// Where they went.
    pub tally: Tally,
    /// Rows refused and fields blanked.
    pub rejections: Vec<Rejection>,
    /// Rows whose key stood before.
    pub duplicates: Vec<DuplicateRow>,
    /// Columns that were not declared.
    pub ignored_columns: Vec<String>,
    /// Soundness of the identifiers.
    pub quality: Quality,
}

/// The wishes that a run finds in the journals, and what follows for its gates.
#[derive(Debug)]
pub struct Practices {
    /// The practices' own objections and counts.
    pub collected: Collected,
    /// The registrations as read, waiting for the gate.
    pub patients: Vec<SourceBatch>,
    /// Their part of the account.
    pub account: Account,
    /// Type 2 wishes, and withdrawals of type 1 objections, each of a number or, where the registration has no valid one, of
    /// the registration.
    pub wishes: Vec<(String, Subject, Wish)>,
    /// The practices that sent anything.
    pub sent: BTreeSet<String>,
    /// The tokens that packages gave, by registration.
    pub tokens: HashMap<String, RecordKey>,
}

/// Code lists and the secret, loaded once a run.
#[derive(Debug)]
pub struct Rules {
    /// The codes that note objections.
    pub objections: Arc<ObjectionCodes>,
    /// The codes that are never taken in.
    pub sensitive: Arc<SensitiveCodes>,
    /// The secret of record keys.
    pub secret: RecordKeySecret,
    /// The day on which the register is asked.
    pub today: Day,
}

impl Practices {
    /// Reads registrations, and the wishes that journals note.
    ///
    /// # Errors
    /// [`EngineError`] where a file is refused.
    pub fn read(inputs: &Inputs, rules: &Rules) -> Result<Self, EngineError> {
        let options = ReadOptions::default();
        let collected = Withholding::collect(&inputs.journals, &rules.objections, &options, rules.today)?;
        // Nobody can tell whose wish it is, so there is no practice alone that could be held for it.
        if let Some(row) = collected.doubtful.first() {
            return Err(EngineError::DoubtfulObjection {
                file: row.file.to_string(),
                line: row.line,
                reason: row.reason,
            });
        }
        let source = Source::builtin("gp-patients")?;
        let keys = RecordKeys::new(&rules.secret, &source.name);
        let mut account = Account::default();
        let patients = read_into(&source, &inputs.patients, &mut account, |batch| batch)?;
        let mut noted: HashMap<(&str, &str), Vec<&Wish>> = HashMap::new();
        let withdrawals = collected.records.iter().filter(|said| said.wish.choice == Choice::Withdraw);
        for said in collected.persons.iter().chain(withdrawals) {
            noted.entry((&said.practice, &said.patient)).or_default().push(&said.wish);
        }
        let (mut wishes, mut tokens) = (Vec::new(), HashMap::new());
        // A practice whose journals say something is part of the run, also where it sent no registration.
        let mut sent: BTreeSet<String> = inputs.practices.iter().cloned().collect();
        sent.extend(collected.counts.keys().map(ToString::to_string));
        for batch in &patients {
            sent.extend(batch.providers().iter().map(ToString::to_string));
            for row in 0..batch.len() {
                if !batch.token(row).is_empty() {
                    tokens.insert(batch.token(row).to_owned(), keys.key(batch.key(row)));
                }
                let Some(said) = noted.remove(&(batch.provider(row), batch.local_id(row))) else { continue };
                let number = batch.identifiers(row).nhs_number();
                let subject = number.map_or_else(|| Subject::Record(keys.key(batch.key(row))), Subject::Number);
                wishes.extend(said.into_iter().map(|wish| (batch.provider(row).to_owned(), subject, wish.clone())));
            }
        }
        // Wishes of patients who are not among the registrations have no number here; their entries are withheld as
        // entries without a registration, and the wish is kept for the registration that may come.
        for ((practice, patient), said) in noted {
            let subject = Subject::Record(keys.key(&format!("{practice}/{patient}")));
            wishes.extend(said.into_iter().map(|wish| (practice.to_owned(), subject, wish.clone())));
        }
        Ok(Self { collected, patients, account, wishes, sent, tokens })
    }

    /// The valid number that each registration states of which the register mentions something.
    pub fn stated(&self, register: &Register, keys: &RecordKeys) -> Vec<(RecordKey, NhsNumber)> {
        let of_batch = |batch: &SourceBatch| -> Vec<(RecordKey, NhsNumber)> {
            let stated = |row| Some((keys.key(batch.key(row)), batch.identifiers(row).nhs_number()?));
            (0..batch.len()).filter_map(stated).filter(|(key, _)| register.mentions(*key)).collect()
        };
        self.patients.par_iter().flat_map_iter(of_batch).collect()
    }

    /// The registrations that raw exports themselves withhold, each with the objection that counts from the latest day; one
    /// without a day counts from now on.
    pub fn stops(&self, keys: &RecordKeys) -> Vec<(RecordKey, Stop)> {
        let is_objection = |said: &&PatientWish| said.wish.choice == Choice::Object;
        let standing = |said: &&PatientWish| self.collected.withholding.withholds(&said.practice, &said.patient);
        let mut latest: BTreeMap<(&str, &str), &Wish> = BTreeMap::new();
        for said in self.collected.records.iter().filter(is_objection).filter(standing) {
            let when = |wish: &Wish| (wish.effective.is_none(), wish.effective, wish.recorded);
            let one = latest.entry((&said.practice, &said.patient)).or_insert(&said.wish);
            if when(&said.wish) > when(one) {
                *one = &said.wish;
            }
        }
        let stop = |((practice, patient), wish): ((&str, &str), &Wish)| {
            (keys.key(&format!("{practice}/{patient}")), Stop::since(wish.effective, wish.recorded))
        };
        latest.into_iter().map(stop).collect()
    }
}

/// What the gates of one run share.
pub fn terms(register: Register, rules: &Rules) -> Terms {
    Terms {
        basis: LegalBasis::COLLECTION,
        register: Arc::new(register),
        secret: rules.secret.clone(),
        held_providers: BTreeSet::new(),
    }
}

/// Passes the registrations through their gate; returns also how they bear on their journals.
///
/// # Errors
/// [`EngineError`], a fault of ours.
pub fn admit_registrations(
    practices: &mut Practices,
    terms: &Terms,
) -> Result<(SourceAdmitted, Arc<Registrations>), EngineError> {
    let source = Source::builtin("gp-patients")?;
    let withholding = Arc::new(practices.collected.withholding.clone());
    let gate = Gate::new(&source, Room::Registrations { withholding }, terms.clone())?;
    let batches = std::mem::take(&mut practices.patients);
    let admitted: Vec<Admitted> = batches.par_iter().map(|batch| gate.admit(batch)).collect::<Result<_, _>>()?;
    let registrations = Registrations::new(admitted.iter().flat_map(|batch| batch.registrations.iter().copied()));
    let account = std::mem::take(&mut practices.account);
    Ok((gather(source, admitted, account)?, Arc::new(registrations)))
}

/// Reads a source whose rows state identifiers and passes it through its gate.
///
/// # Errors
/// [`EngineError`] where a file is refused.
pub fn admit_elsewhere(source: &Source, files: &[InputFile], terms: &Terms) -> Result<SourceAdmitted, EngineError> {
    let gate = Gate::new(source, Room::Elsewhere, terms.clone())?;
    let mut account = Account::default();
    let admitted = read_into(source, files, &mut account, |batch| gate.admit(&batch))?;
    gather(source.clone(), admitted.into_iter().collect::<Result<_, _>>()?, account)
}

/// Reads files and adds what the reader has to say to the account.
pub(super) fn read_into<T: Send>(
    source: &Source,
    files: &[InputFile],
    account: &mut Account,
    consume: impl Fn(SourceBatch) -> T + Sync,
) -> Result<Vec<T>, EngineError> {
    let read = read(source, files, &ReadOptions::default(), consume)?;
    account.rows_in += read.rows_in;
    account.tally.quarantine(read.rows_refused);
    account.rejections.extend(read.rejections);
    account.ignored_columns.extend(read.ignored_columns.into_keys());
    account.quality.merge(read.quality);
    Ok(read.results)
}

fn gather(source: Source, admitted: Vec<Admitted>, mut account: Account) -> Result<SourceAdmitted, EngineError> {
    let keys: Vec<&[i64]> = admitted.iter().map(Admitted::keys).collect();
    let duplicates = Duplicates::find(&keys);
    let (mut identified, mut payload, mut withheld) = (Vec::new(), Vec::new(), Vec::new());
    for (place, batch) in admitted.into_iter().enumerate() {
        let (batch, rows) = batch.without(&duplicates, place)?;
        account.tally += &batch.tally;
        account.duplicates.extend(rows);
        identified.extend(batch.identified);
        payload.push(batch.payload);
        withheld.push(batch.withheld);
    }
    Ok(SourceAdmitted { source, identified, payload, withheld, account })
}

/// The number by which the index knows a provider: the same from month to month, and telling nothing.
pub fn provider_number(provider: &str) -> u32 {
    let [a, b, c, d, ..] = *blake3::hash(provider.as_bytes()).as_bytes();
    u32::from_le_bytes([a, b, c, d])
}

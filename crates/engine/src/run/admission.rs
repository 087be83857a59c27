//! The first half of a run: files read and passed through the first gate, journals excepted.
//!
//! In: files and the register. Out: what linkage needs and the payload that waits for its answer. Journals are only
//! scanned for wishes here; they pass their gate when they are written, after linkage.

use super::inputs::Inputs;
use super::package_checks;
use super::state::{Reach, RegistrationWish};
use super::watch::{Alarm, Verdict, Watched};
use crate::error::EngineError;
use caredata_admit::silence::{Finding, Whose};
use caredata_admit::{
    Admitted, AdmittedPayload, DuplicateRow, Duplicates, Gate, Identified, RecordKeySecret, RecordKeys, Register,
    Registrations, Room, Tally, Terms, Withheld,
};
use caredata_extract::{
    Collected, InputFile, ObjectionCodes, PatientWish, Quality, ReadOptions, Rejection, SensitiveCodes, Source,
    SourceBatch, Withholding, read,
};
use caredata_link::{Index, Kind, agrees_in_part};
use caredata_model::{BirthDate, Choice, Day, Identifiers, LegalBasis, NhsNumber, RecordKey, Scope, Wish};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
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
    /// Every wish that journals note.
    said: Vec<Said>,
    /// The practices that sent anything.
    pub sent: BTreeSet<String>,
    /// The tokens that packages gave, by registration.
    pub tokens: HashMap<String, RecordKey>,
    /// Practices whose objections cannot be told, and why: nothing of them is taken in or replaced, and of their wishes the
    /// objections alone are heard.
    pub held: BTreeMap<String, Check>,
    /// Patients of whom journals note wishes, and who are not among the registrations.
    pub unregistered: u64,
    /// Wishes noted month by month, this month's included.
    pub watched: BTreeMap<String, Watched>,
    /// Practices and suppliers of this run whose numbers were accepted.
    pub accepted: BTreeSet<String>,
}

/// Why a practice is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Its registrations came without a single entry of its journals.
    NoJournals,
    /// An unreadable row of its journals may note an objection.
    DoubtfulRow,
    /// The number of wishes noted, its own or its supplier's, is one that chance does not explain.
    Noted(Whose, Finding),
    /// Its package holds other numbers of patients, stopped tokens or objections than its manifest tells.
    PackageCounts,
    /// Its package sends a patient whose sending it says has stopped by objection.
    StoppedButSent,
    /// Its package holds a note of a type 1 objection, of which nothing may leave a practice.
    Type1Sent,
}

impl Check {
    /// A stable code for the log.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoJournals => "no-journals",
            Self::DoubtfulRow => "doubtful-objection",
            Self::Noted(_, Finding::Silence) => "wishes-silent",
            Self::Noted(_, Finding::Drop) => "wishes-dropped",
            Self::Noted(_, Finding::Jump) => "wishes-jumped",
            Self::PackageCounts => "package-counts",
            Self::StoppedButSent => "stopped-but-sent",
            Self::Type1Sent => "type-1-sent",
        }
    }

    /// The reason in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoJournals => "its registrations came without its journals, where objections are noted",
            Self::DoubtfulRow => "a row of its journals that cannot be read may note an objection",
            Self::Noted(Whose::Practice, Finding::Silence) => {
                "it noted no objections or no withdrawals, where its past and its peers let expect some"
            }
            Self::Noted(Whose::Practice, Finding::Drop) => {
                "it noted far fewer objections or withdrawals than its past and its peers let expect"
            }
            Self::Noted(Whose::Practice, Finding::Jump) => {
                "it noted far more objections or withdrawals than its past and its peers let expect"
            }
            Self::Noted(Whose::Supplier, Finding::Silence) => {
                "its supplier's practices together noted no objections or no withdrawals, where some were to be expected"
            }
            Self::Noted(Whose::Supplier, Finding::Drop) => {
                "its supplier's practices together noted far fewer objections or withdrawals than were to be expected"
            }
            Self::Noted(Whose::Supplier, Finding::Jump) => {
                "its supplier's practices together noted far more objections or withdrawals than were to be expected"
            }
            Self::PackageCounts => {
                "its package's own counts of patients, stopped tokens or objections are not those of what is in it"
            }
            Self::StoppedButSent => "its package sends a patient whose sending, it says, has stopped by objection",
            Self::Type1Sent => {
                "its package holds the note of an objection of type 1, whose patient should not be in it"
            }
        }
    }
}

/// A wish that a journal notes.
#[derive(Debug)]
struct Said {
    practice: String,
    registration: RecordKey,
    /// The valid number that the registration states.
    number: Option<NhsNumber>,
    /// Whether registrations of somebody else state that number too.
    disputed: bool,
    wish: Wish,
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
    /// The record keys of registrations.
    pub registrations: RecordKeys,
    /// The day on which the register is asked.
    pub today: Day,
}

impl Practices {
    /// Reads registrations, and the wishes that journals note.
    ///
    /// # Errors
    /// [`EngineError`] where a file is refused.
    pub fn read(inputs: &Inputs, rules: &Rules, alarm: &Alarm<'_>) -> Result<Self, EngineError> {
        let options = ReadOptions::default();
        let mut collected = Withholding::collect(&inputs.journals, &rules.objections, &options, rules.today)?;
        let source = Source::builtin("gp-patients")?;
        let keys = &rules.registrations;
        let mut account = Account::default();
        let patients = read_into(&source, &inputs.patients, &mut account, |batch| batch)?;
        inputs.refuse_foreign_rows(&patients, &collected)?;
        let mut held = held(inputs, &patients, &account.rejections, &collected)?;
        let Verdict { held: alarming, watched, used: accepted } = alarm.judge(inputs, &patients, &collected, &held);
        held.extend(alarming);
        collected.withdrawn.retain(|(practice, _)| !held.contains_key(&**practice));
        let mut noted: HashMap<(&str, &str), Vec<&Wish>> = HashMap::new();
        // Of a practice that is held nothing is taken in but this: an objection counts in doubt, a withdrawal does not.
        let counts = |said: &&PatientWish| said.wish.choice == Choice::Object || !held.contains_key(&*said.practice);
        for said in collected.persons.iter().chain(&collected.records).filter(counts) {
            noted.entry((&said.practice, &said.patient)).or_default().push(&said.wish);
        }
        let (mut wishes, mut tokens) = (Vec::new(), HashMap::new());
        let mut note = |practice: &str, registration, number, said: &[&Wish]| {
            wishes.extend(said.iter().map(|&wish| Said {
                practice: practice.to_owned(),
                registration,
                number,
                disputed: false,
                wish: wish.clone(),
            }));
        };
        // A practice whose journals say something is part of the run, also where it sent no registration.
        let mut sent: BTreeSet<String> = inputs.packages.iter().map(|package| package.practice.clone()).collect();
        sent.extend(collected.counts.keys().map(ToString::to_string));
        sent.extend(patients.iter().flat_map(SourceBatch::providers).map(ToString::to_string));
        sent.retain(|practice| !held.contains_key(practice));
        let mut registered: HashSet<(&str, &str)> = HashSet::new();
        for batch in &patients {
            for row in 0..batch.len() {
                if !batch.token(row).is_empty() && sent.contains(batch.provider(row)) {
                    tokens.insert(batch.token(row).to_owned(), keys.key(batch.key(row)));
                }
                // A patient may stand on several lines, not all with the number: the wish is noted of each.
                let patient = (batch.provider(row), batch.local_id(row));
                let Some(said) = noted.get(&patient) else { continue };
                note(batch.provider(row), keys.key(batch.key(row)), batch.identifiers(row).nhs_number(), said);
                registered.insert(patient);
            }
        }
        // Wishes of patients who are not among the registrations have no number here; their entries are withheld as
        // entries without a registration, and the wish is kept for the registration that may come.
        noted.retain(|patient, _| !registered.contains(patient));
        let unregistered = noted.len() as u64;
        for ((practice, patient), said) in &noted {
            note(practice, keys.key(&format!("{practice}/{patient}")), None, said);
        }
        drop((noted, registered));
        Ok(Self { collected, patients, account, said: wishes, sent, tokens, held, unregistered, watched, accepted })
    }

    /// Finds which of the numbers under which wishes were said are in dispute: registrations, of this run or of the index, state
    /// them with dates of birth that cannot be one person's, or one of them without any.
    pub fn find_disputes(&mut self, index: &Index, rules: &Rules) {
        let numbers: HashSet<NhsNumber> = self.said.iter().filter_map(|said| said.number).collect();
        let stated = |key: RecordKey, identifiers: Identifiers| {
            let number = identifiers.nhs_number().filter(|number| numbers.contains(number))?;
            Some((number, key, identifiers.birth_date()))
        };
        let held = index.observations().par_iter().filter(|one| one.kind == Kind::Registration);
        let held = held.filter_map(|one| stated(one.key, one.identifiers));
        let brought = self.patients.par_iter().flat_map_iter(|batch| {
            (0..batch.len()).filter_map(|row| stated(rules.registrations.key(batch.key(row)), batch.identifiers(row)))
        });
        let mut all: Vec<(NhsNumber, RecordKey, Option<BirthDate>)> = held.chain(brought).collect();
        all.par_sort_unstable();
        all.dedup();
        let agree = |one: Option<BirthDate>, two: Option<BirthDate>| {
            one.zip(two).is_some_and(|(one, two)| agrees_in_part(one, two))
        };
        let clash = |of_number: &[(NhsNumber, RecordKey, Option<BirthDate>)]| {
            let pairs = of_number
                .iter()
                .enumerate()
                .flat_map(|(at, one)| of_number[at + 1..].iter().map(move |two| (one, two)));
            pairs.into_iter().any(|(one, two)| one.1 != two.1 && !agree(one.2, two.2))
        };
        let groups = all.chunk_by(|one, two| one.0 == two.0);
        let disputed: HashSet<NhsNumber> = groups.filter(|group| clash(group)).map(|group| group[0].0).collect();
        for said in &mut self.said {
            said.disputed = said.number.is_some_and(|number| disputed.contains(&number));
        }
    }

    /// Whether anybody of a practice said something that is heard.
    pub fn have_said(&self, practice: &str) -> bool {
        self.said.iter().any(|said| said.practice == practice)
    }

    /// The wishes that are noted under a number, with their practices. A withdrawal is not where the number is in dispute: it
    /// may be somebody else's objection that it would lift.
    pub fn wishes_of_numbers(&self) -> impl Iterator<Item = (&str, NhsNumber, &Wish)> {
        self.said.iter().filter_map(|said| {
            let counts = said.wish.choice == Choice::Object || !said.disputed;
            counts.then_some((said.practice.as_str(), said.number?, &said.wish))
        })
    }

    /// The wishes that are noted of registrations: all type 1 wishes, since they bind the practice's own record; all
    /// withdrawals, since the objection may have been noted while the number was missing; and objections that no sure number
    /// carries.
    pub fn wishes_of_registrations(&self, part_of: impl Fn(&str) -> Option<u32>) -> Vec<RegistrationWish> {
        let noted = self.said.iter().filter_map(|said| {
            let reach = if said.number.is_none() || said.disputed { Reach::Person } else { Reach::Record };
            let is_noted =
                reach == Reach::Person || said.wish.scope == Scope::GpRecord || said.wish.choice == Choice::Withdraw;
            is_noted.then_some(())?;
            Some(RegistrationWish::new(part_of(&said.practice)?, said.registration, &said.wish, reach))
        });
        noted.collect()
    }
}

/// The practices whose objections cannot be told. A raw export without an entry of a practice would read as if nobody there
/// objected; of a row that cannot be read, nobody can tell whose wish it notes. Packages come from the practice's side, where both
/// are refused; what they say of themselves is counted again.
fn held(
    inputs: &Inputs,
    patients: &[SourceBatch],
    refused: &[Rejection],
    collected: &Collected,
) -> Result<BTreeMap<String, Check>, EngineError> {
    let registered: BTreeSet<&str> = patients.iter().flat_map(SourceBatch::providers).map(|code| &**code).collect();
    let journals: BTreeSet<&str> = collected.practices.values().flatten().map(|code| &**code).collect();
    let packed: BTreeSet<&str> = inputs.packages.iter().map(|package| package.practice.as_str()).collect();
    let silent = registered.iter().filter(|code| !journals.contains(*code) && !packed.contains(*code));
    let mut held: BTreeMap<String, Check> = silent.map(|code| ((*code).to_owned(), Check::NoJournals)).collect();
    for row in &collected.doubtful {
        let all = registered.union(&journals).chain(&packed);
        let named: BTreeSet<&str> = all.copied().filter(|code| row.names(code)).collect();
        if named.is_empty() {
            let file = row.file.to_string();
            return Err(EngineError::DoubtfulObjection { file, line: row.line, reason: row.reason });
        }
        held.extend(named.into_iter().map(|code| (code.to_owned(), Check::DoubtfulRow)));
    }
    for package in &inputs.packages {
        if let Some(check) = package_checks::failed(package, patients, refused, collected) {
            held.insert(package.practice.clone(), check);
        }
    }
    Ok(held)
}

/// What the gates of one run share.
pub fn terms(register: Register, rules: &Rules, practices: &Practices) -> Terms {
    Terms {
        basis: LegalBasis::COLLECTION,
        register: Arc::new(register),
        secret: rules.secret.clone(),
        held_providers: practices.held.keys().cloned().collect(),
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

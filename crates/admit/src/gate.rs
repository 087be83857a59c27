//! Gate 1: batches of parsed records in; identifiers, payload and sealed rows, parted for good, out.
//!
//! Asked for every row: does an objection that the row itself can tell of cover it? Journals are asked through their
//! registration and through the practice's own notes, independently of each other; either withholds. Work is done by column,
//! and once for a run of entries of one patient.
//!
//! Invariant: every row of a batch has one [`Fate`] and is counted once.

use crate::batch::{Lines, Rows, admitted_schema};
use crate::days::{ExactFrom, cut};
use crate::{
    AdmitError, Admitted, AdmittedPayload, AtGate, Disposal, Fate, Held, Identified, Origin, Reason, RecordKeySecret,
    RecordKeys, Register, Registration, Registrations, Subject, Tally, Withheld, kept_back, objection,
};
use arrow_array::cast::AsArray;
use arrow_array::types::Date32Type;
use arrow_array::{Array, ArrayRef, BooleanArray, Date32Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use arrow_select::filter::filter_record_batch;
use caredata_extract::{ObjectionCodes, SensitiveCodes, Source, SourceBatch, Table, Withholding};
use caredata_model::{Identifiers, LegalBasis, Passage, RecordKey, RowKind, Scope, SourceName};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

/// The column of a journal that names an entry's code system.
const CODE_SYSTEM: &str = "code_system";
/// The column of a journal that holds an entry's code.
const CODE: &str = "code";

/// On what terms rows are taken in: the same for all sources of a run.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The basis on which the body takes the rows in.
    pub basis: LegalBasis,
    /// The objections that stand today.
    pub register: Arc<Register>,
    /// The home's secret for record keys.
    pub secret: RecordKeySecret,
    /// Providers whose data is held, because two checks of objections disagree about it.
    pub held_providers: BTreeSet<String>,
}

/// What a gate needs to know besides the register, by the kind of source.
#[derive(Clone, Debug)]
pub enum Room {
    /// Registrations at GP practices.
    Registrations {
        /// The type 1 objections noted in the practices' journals.
        withholding: Arc<Withholding>,
    },
    /// Journals of GP practices.
    Journals {
        /// The type 1 objections noted in the practices' journals.
        withholding: Arc<Withholding>,
        /// The registrations that have passed their gate.
        registrations: Arc<Registrations>,
        /// The codes that note objections.
        objection_codes: Arc<ObjectionCodes>,
        /// The codes that are never taken in.
        sensitive_codes: Arc<SensitiveCodes>,
    },
    /// Hospitals and other places of care, whose rows state identifiers.
    Elsewhere,
}

impl Room {
    const fn words(&self) -> &'static str {
        match self {
            Self::Registrations { .. } => "registrations, whose rows state identifiers",
            Self::Journals { .. } => "journals, whose rows link through registrations",
            Self::Elsewhere => "other places of care, whose rows state identifiers",
        }
    }

    fn takes(&self, source: &Source) -> bool {
        match (self, source.table) {
            (Self::Registrations { .. }, Table::Persons)
            | (Self::Elsewhere, Table::Admissions | Table::Outpatients | Table::Emergency | Table::Other) => {
                source.identifiers.is_some()
            }
            (Self::Journals { .. }, Table::Journals) => source.linked_through.is_some(),
            (Self::Registrations { .. } | Self::Journals { .. } | Self::Elsewhere, _) => false,
        }
    }
}

/// The first gate for one source. Shared by the threads that read it.
pub struct Gate {
    origin: Arc<Origin>,
    schema: SchemaRef,
    terms: Terms,
    room: Room,
    keys: RecordKeys,
    link_keys: RecordKeys,
}

impl Gate {
    /// The gate for the rows of `source`.
    ///
    /// # Errors
    /// [`AdmitError::WrongGate`] where the room is for another kind of source or the source states no identifiers and links
    /// through none that does; [`AdmitError::NoCodeColumns`] for a journal whose objections could not be recognised.
    pub fn new(source: &Source, room: Room, terms: Terms) -> Result<Self, AdmitError> {
        if !room.takes(source) {
            return Err(AdmitError::WrongGate { source_name: source.name.clone(), gate: room.words() });
        }
        let schema: SchemaRef = Arc::new(admitted_schema(source));
        let is_text = |name| schema.field_with_name(name).is_ok_and(|field| *field.data_type() == DataType::Utf8);
        if source.table == Table::Journals && !(is_text(CODE_SYSTEM) && is_text(CODE)) {
            let source_name = source.name.clone();
            return Err(AdmitError::NoCodeColumns { source_name, system: CODE_SYSTEM, code: CODE });
        }
        let keys = |name: &SourceName| RecordKeys::new(&terms.secret, name);
        Ok(Self {
            origin: Arc::new(Origin { source: source.name.clone(), table: source.table, basis: terms.basis }),
            schema,
            keys: keys(&source.name),
            link_keys: keys(source.linked_through.as_ref().unwrap_or(&source.name)),
            room,
            terms,
        })
    }

    /// The keys of this source's records.
    pub const fn record_keys(&self) -> &RecordKeys {
        &self.keys
    }

    /// The schema of the payload that this gate makes.
    pub const fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Passes a batch through the gate. Safe to call from many threads at once; the outcome depends on the batch alone.
    ///
    /// # Errors
    /// [`AdmitError::Columns`], a fault of the program.
    pub fn admit(&self, batch: &SourceBatch) -> Result<Admitted, AdmitError> {
        let asked = match &self.room {
            Room::Registrations { withholding } => self.ask_by_row(batch, Some(withholding)),
            Room::Elsewhere => self.ask_by_row(batch, None),
            Room::Journals { withholding, registrations, objection_codes, sensitive_codes } => {
                let entries = EntryCodes { objection_codes, sensitive_codes };
                self.ask_by_registration(batch, withholding, registrations, &entries)
            }
        };
        let tally = self.count(&asked.fates);
        let (payload, withheld) = self.part(batch, &asked)?;
        let identified = self.identify(batch, &asked);
        let registrations = match self.room {
            Room::Registrations { .. } => registrations(&asked),
            Room::Journals { .. } | Room::Elsewhere => Vec::new(),
        };
        let lines = Lines::new((0..batch.len()).map(|row| batch.line(row)));
        let rows = Rows { file: batch.file().into(), keys: asked.keys.into(), fates: asked.fates, lines };
        Ok(Admitted { identified, payload, withheld, registrations, tally, rows })
    }

    /// What the register says of a row that states identifiers: of its valid NHS Number, of the record itself, of its
    /// provider; and at a practice, what the practice said of its own record.
    ///
    /// Where a practice notes a type 1 objection and a type 2 objection stands too, the type 2 one is named: the identifiers are
    /// then held for matching, without which the person's hospital rows could not be told and withheld.
    fn by_register(
        &self,
        key: RecordKey,
        identifiers: Identifiers,
        provider: &str,
        noted: Option<Reason>,
    ) -> Option<Reason> {
        if self.terms.held_providers.contains(provider) {
            return Some(Reason::ProviderHeld);
        }
        let of_number = identifiers.nhs_number().map(Subject::Number);
        let register: &Register = &self.terms.register;
        let standings =
            || of_number.into_iter().chain([Subject::Record(key)]).filter_map(move |who| register.standing(who));
        let bound = register.binds(key).then_some(Reason::NotedAtPractice);
        let row = self.origin.setting().row(&self.origin.source);
        let by_practice = noted.or(bound).and_then(|reason| kept_back(Passage::Admission, row, reason));
        if by_practice.is_some() && standings().any(|standing| standing.includes(&Scope::All)) {
            return Some(Reason::ObjectedAll);
        }
        let asked =
            standings().filter_map(|standing| objection(Passage::Admission, standing, row, &self.origin.source));
        asked.chain(by_practice).min()
    }

    /// Decides rows that state identifiers.
    fn ask_by_row(&self, batch: &SourceBatch, withholding: Option<&Withholding>) -> Asked {
        let mut asked = Asked::with_capacity(batch.len());
        for row in 0..batch.len() {
            let (key, identifiers) = (self.keys.key(batch.key(row)), batch.identifiers(row));
            let by_practice = withholding
                .filter(|withholding| withholding.withholds(batch.provider(row), batch.local_id(row)))
                .map(|_| Reason::NotedAtPractice);
            let reason = self.by_register(key, identifiers, batch.provider(row), by_practice);
            let exact_from =
                if batch.is_birth(row) { ExactFrom::NEVER } else { ExactFrom::birth(identifiers.birth_date()) };
            asked.push(key, key, reason.into(), exact_from);
        }
        asked
    }

    /// Decides journal entries: through the registration, and through the practice's own notes; either withholds.
    fn ask_by_registration(
        &self,
        batch: &SourceBatch,
        withholding: &Withholding,
        registrations: &Registrations,
        codes: &EntryCodes<'_>,
    ) -> Asked {
        let mut asked = Asked::with_capacity(batch.len());
        let reasons = codes.reasons(batch.payload());
        let mut patient: Option<(usize, Registration)> = None;
        for (row, reason) in reasons.into_iter().enumerate() {
            let registration = match patient {
                Some((before, registration)) if batch.link_key(before) == batch.link_key(row) => registration,
                Some(_) | None => {
                    let key = self.link_keys.key(batch.link_key(row));
                    let provider = batch.provider(row);
                    let noted = withholding.withholds(provider, batch.local_id(row));
                    self.patient(key, provider, noted, registrations.get(key))
                }
            };
            patient = Some((row, registration));
            let fate = match registration.fate {
                Fate::Withheld(_) => registration.fate,
                Fate::Admitted => reason.into(),
            };
            let exact_from = if batch.is_birth(row) { ExactFrom::NEVER } else { registration.exact_from };
            asked.push(self.keys.key(batch.key(row)), registration.key, fate, exact_from);
        }
        asked
    }

    fn patient(&self, key: RecordKey, provider: &str, noted: bool, found: Option<&Registration>) -> Registration {
        let held = self.terms.held_providers.contains(provider);
        let fate = match found {
            _ if held => Fate::Withheld(Reason::ProviderHeld),
            _ if noted => kept_back(Passage::Admission, RowKind::Gp, Reason::NotedAtPractice).into(),
            None => Fate::Withheld(Reason::NoRegistration),
            Some(registration) => registration.fate,
        };
        Registration { key, fate, exact_from: found.map_or(ExactFrom::NEVER, |registration| registration.exact_from) }
    }

    fn count(&self, fates: &[Fate]) -> Tally {
        let mut tally = Tally::default();
        let mut withheld = [0; Reason::ALL.len()];
        for fate in fates {
            match fate {
                Fate::Admitted => tally.admit(1),
                Fate::Withheld(reason) => withheld[*reason as usize] += 1,
            }
        }
        for reason in Reason::ALL {
            let rows = withheld[reason as usize];
            tally.withhold(AtGate::ByRecord, reason, self.origin.setting().disposal(), rows);
        }
        tally
    }

    /// Builds the columns, cuts the days, and parts the rows that go on from those to be sealed.
    fn part(&self, batch: &SourceBatch, asked: &Asked) -> Result<(AdmittedPayload, Withheld), AdmitError> {
        let fault = |cause: ArrowError| AdmitError::Columns { source_name: self.origin.source.clone(), cause };
        let all = self.columns(batch, asked).map_err(fault)?;
        let admitted: BooleanArray = asked.fates.iter().map(|fate| Some(*fate == Fate::Admitted)).collect();
        let rows = |mask: &BooleanArray| {
            if mask.true_count() == all.num_rows() { Ok(all.clone()) } else { filter_record_batch(&all, mask) }
        };
        let payload = AdmittedPayload { origin: Arc::clone(&self.origin), batch: rows(&admitted).map_err(fault)? };
        let (sealed, reasons) = match self.origin.setting().disposal() {
            Disposal::Dropped => (all.slice(0, 0), Vec::new()),
            Disposal::Sealed => {
                let withheld: BooleanArray = asked.fates.iter().map(|fate| Some(*fate != Fate::Admitted)).collect();
                let reason = |fate: &Fate| match fate {
                    Fate::Admitted => None,
                    Fate::Withheld(reason) => Some(*reason),
                };
                (rows(&withheld).map_err(fault)?, asked.fates.iter().filter_map(reason).collect())
            }
        };
        Ok((payload, Withheld::new(Arc::clone(&self.origin), &sealed, &reasons)?))
    }

    fn columns(&self, batch: &SourceBatch, asked: &Asked) -> Result<RecordBatch, ArrowError> {
        let rows = 0..batch.len();
        let mut exact = vec![true; batch.len()];
        let event_day: Date32Array =
            rows.clone().map(|row| batch.event_day(row).map(caredata_model::Day::days_since_1970)).collect();
        let event_day = cut(&event_day, &asked.exact_from, &mut exact);
        let declared: Vec<ArrayRef> = batch
            .payload()
            .columns()
            .iter()
            .map(|column| match column.as_primitive_opt::<Date32Type>() {
                Some(days) if days.null_count() < days.len() => {
                    Arc::new(cut(days, &asked.exact_from, &mut exact)) as ArrayRef
                }
                Some(_) | None => Arc::clone(column),
            })
            .collect();
        let (sex, birth_year): (StringArray, Int32Array) = match self.room {
            Room::Journals { .. } => (StringArray::new_null(batch.len()), Int32Array::new_null(batch.len())),
            Room::Registrations { .. } | Room::Elsewhere => (
                StringArray::from_iter_values(rows.clone().map(|row| batch.identifiers(row).gender().code())),
                rows.clone().map(|row| batch.identifiers(row).birth_date().map(|date| date.day().year())).collect(),
            ),
        };
        let own: [ArrayRef; 7] = [
            Arc::new(Int64Array::from(asked.keys.clone())),
            Arc::new(Int64Array::from(asked.link_keys.clone())),
            Arc::new(StringArray::from_iter_values(rows.map(|row| batch.provider(row)))),
            Arc::new(sex),
            Arc::new(birth_year),
            Arc::new(event_day),
            Arc::new(BooleanArray::from(exact)),
        ];
        RecordBatch::try_new(Arc::clone(&self.schema), own.into_iter().chain(declared).collect())
    }

    fn identify(&self, batch: &SourceBatch, asked: &Asked) -> Vec<Identified> {
        match self.room {
            Room::Journals { .. } => return Vec::new(),
            Room::Registrations { .. } | Room::Elsewhere => {}
        }
        let providers: Vec<Arc<str>> = batch.providers().iter().map(|provider| Arc::from(&**provider)).collect();
        let mut identified = Vec::with_capacity(batch.len());
        for (row, fate) in asked.fates.iter().enumerate() {
            let held = fate.identifiers();
            if held == Held::NotAtAll {
                continue;
            }
            let key = RecordKey::from_bits(asked.keys[row].cast_unsigned());
            identified.push(Identified {
                key,
                link_key: key,
                identifiers: batch.identifiers(row),
                provider: Arc::clone(&providers[batch.provider_index(row)]),
                local_id: self.keys.local_id(batch.provider(row), batch.local_id(row)),
                event_day: batch.event_day(row),
                local_key: batch.key(row).into(),
                held,
            });
        }
        identified
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("source", &self.origin.source)
            .field("room", &self.room.words())
            .finish_non_exhaustive()
    }
}

/// The gate's answers for the rows of a batch, by column.
struct Asked {
    keys: Vec<i64>,
    link_keys: Vec<i64>,
    fates: Vec<Fate>,
    exact_from: Vec<ExactFrom>,
}

impl Asked {
    fn with_capacity(rows: usize) -> Self {
        Self {
            keys: Vec::with_capacity(rows),
            link_keys: Vec::with_capacity(rows),
            fates: Vec::with_capacity(rows),
            exact_from: Vec::with_capacity(rows),
        }
    }

    fn push(&mut self, key: RecordKey, link_key: RecordKey, fate: Fate, exact_from: ExactFrom) {
        self.keys.push(key.value());
        self.link_keys.push(link_key.value());
        self.fates.push(fate);
        self.exact_from.push(exact_from);
    }
}

/// All registrations of a batch, withheld ones too: their entries share their fate.
fn registrations(asked: &Asked) -> Vec<Registration> {
    let facts = asked.keys.iter().zip(&asked.fates).zip(&asked.exact_from);
    facts
        .map(|((&key, &fate), &exact_from)| Registration {
            key: RecordKey::from_bits(key.cast_unsigned()),
            fate,
            exact_from,
        })
        .collect()
}

/// The codes for which an entry is withheld whoever it is about.
struct EntryCodes<'a> {
    objection_codes: &'a ObjectionCodes,
    sensitive_codes: &'a SensitiveCodes,
}

impl EntryCodes<'_> {
    /// For each entry, why its code keeps it back. Each distinct code of the batch is looked up once.
    fn reasons(&self, payload: &RecordBatch) -> Vec<Option<Reason>> {
        let text = |name| payload.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        let (Some(systems), Some(codes)) = (text(CODE_SYSTEM), text(CODE)) else {
            // Nobody can tell what the entries are: they are treated as the notes of objections that they may be.
            return vec![Some(Reason::ObjectionEntry); payload.num_rows()];
        };
        let mut known: HashMap<(&str, &str), Option<Reason>> = HashMap::new();
        let at = |column: &'_ StringArray, row| if column.is_null(row) { None } else { Some(row) };
        (0..payload.num_rows())
            .map(|row| {
                let system = at(systems, row).map_or("", |row| systems.value(row));
                let code = at(codes, row).map_or("", |row| codes.value(row));
                *known.entry((system, code)).or_insert_with(|| self.reason(system, code))
            })
            .collect()
    }

    fn reason(&self, system: &str, code: &str) -> Option<Reason> {
        if self.objection_codes.is_objection_code(code) {
            Some(Reason::ObjectionEntry)
        } else {
            self.sensitive_codes.subject(system, code).map(|_| Reason::SensitiveCode)
        }
    }
}

//! What the tests share: sources read from text, gates with one register, wishes as journals write them.

use caredata_admit::{Admitted, Gate, RecordKeySecret, Register, Registrations, Room, Subject, Terms};
use caredata_extract::{
    InputFile, ObjectionCodes, ReadOptions, SensitiveCodes, Source, SourceBatch, Withholding, read,
};
use caredata_model::{Choice, Day, LegalBasis, NhsNumber, Scope, SourceName, Wish};
use std::collections::BTreeSet;
use std::sync::Arc;

pub const PATIENTS: &str =
    "practice_code,patient_id,nhs_number,date_of_birth,postcode,sex,ethnic_category,registration_date\n";
pub const JOURNALS: &str =
    "practice_code,patient_id,record_id,event_date,recorded_date,code_system,code,value1,value2,unit,episode\n";
pub const APC: &str = "EPIKEY,PROCODE,LOPATID,NEWNHSNO,DOB,HOMEADD,SEX,ETHNOS,ADMIDATE,DISDATE,ADMIMETH,DIAG_01\n";
/// A valid NHS Number, and the same with a wrong check digit.
pub const NUMBER: &str = "9434765919";
#[allow(dead_code, reason = "not every test states it")]
pub const WRONG_NUMBER: &str = "9434765918";

pub fn today() -> Day {
    Day::parse("2014-05-01").expect("a day")
}

pub fn number() -> NhsNumber {
    NhsNumber::parse(NUMBER).expect("a valid number")
}

pub fn source(name: &str) -> Source {
    Source::builtin(name).expect("a built-in source")
}

pub fn name(text: &str) -> SourceName {
    SourceName::parse(text).expect("a source's name")
}

pub fn wish(scope: Scope, choice: Choice, on: &str) -> Wish {
    Wish { scope, choice, effective: Day::parse(on).ok(), recorded: Day::parse(on).ok() }
}

/// Rows read from text, and how many rows the reader counted in and refused.
#[allow(dead_code, reason = "not every test counts rows")]
pub struct ReadRows {
    pub batches: Vec<SourceBatch>,
    pub rows_in: u64,
    pub rows_refused: u64,
}

pub fn rows(source: &Source, header: &str, lines: &str) -> ReadRows {
    let file = InputFile::in_memory("rows.csv", format!("{header}{lines}"));
    let read = read(source, &[file], &ReadOptions::default(), |batch| batch).expect("a file that can be read");
    ReadRows { batches: read.results, rows_in: read.rows_in, rows_refused: read.rows_refused }
}

pub fn withholding(journals: &str) -> Arc<Withholding> {
    let file = InputFile::in_memory("journals.csv", format!("{JOURNALS}{journals}"));
    let collected =
        Withholding::collect(&[file], &ObjectionCodes::builtin(), &ReadOptions::default(), today()).expect("journals");
    Arc::new(collected.withholding)
}

pub fn terms(register: Register) -> Terms {
    Terms {
        basis: LegalBasis::COLLECTION,
        register: Arc::new(register),
        secret: RecordKeySecret::new([7; 32]),
        held_providers: BTreeSet::new(),
    }
}

/// A register in which somebody else objects, so that it is never empty.
pub fn register(events: Vec<(Subject, Wish)>) -> Register {
    let somebody = NhsNumber::parse("4010232137").expect("a valid number");
    let wish = wish(Scope::All, Choice::Object, "2014-01-01");
    Register::from_events(std::iter::once((Subject::Number(somebody), wish)).chain(events), today()).expect("events")
}

pub fn admit(gate: &Gate, rows: &ReadRows) -> Vec<Admitted> {
    rows.batches.iter().map(|batch| gate.admit(batch).expect("columns that fit")).collect()
}

pub fn registrations_gate(terms: &Terms, withholding: &Arc<Withholding>) -> Gate {
    let room = Room::Registrations { withholding: Arc::clone(withholding) };
    Gate::new(&source("gp-patients"), room, terms.clone()).expect("the right room")
}

pub fn journals_gate(terms: &Terms, withholding: &Arc<Withholding>, registered: &[Admitted]) -> Gate {
    let registrations = registered.iter().flat_map(|batch| batch.registrations.iter().copied());
    let room = Room::Journals {
        withholding: Arc::clone(withholding),
        registrations: Arc::new(Registrations::new(registrations)),
        objection_codes: Arc::new(ObjectionCodes::builtin()),
        sensitive_codes: Arc::new(SensitiveCodes::builtin()),
    };
    Gate::new(&source("gp-journals"), room, terms.clone()).expect("the right room")
}

pub fn hospital_gate(terms: &Terms) -> Gate {
    Gate::new(&source("apc"), Room::Elsewhere, terms.clone()).expect("the right room")
}

//! GP journals: a registration in, its coded entries of a window out.
//!
//! Long-term conditions bring a diagnosis, repeat prescriptions and tests; everybody has complaints, measurements and
//! vaccinations by age; some entries are sensitive; objections stand among the rest.

use crate::codes::{self, Coded, Test};
use crate::draw::{Chance, Draw, Purpose, mix};
use crate::population::{Population, Window};
use crate::registrations::{Registration, patient_id, practice_code};
use crate::text::Rows;
use crate::wishes;
use caredata_model::{Choice, CodeSystem, Day, Scope, Wish, stands};

pub(crate) const HEADER: &str =
    "practice_code,patient_id,record_id,event_date,recorded_date,code_system,code,value1,value2,unit,episode\n";
pub(crate) const OBJECTORS_HEADER: &str = "person,kind,practice_code,patient_id,said,stands\n";
/// Prescriptions a year for each condition.
const PRESCRIPTIONS: f64 = 7.0;
/// Tests a year for each condition.
const TESTS: f64 = 2.8;

/// The code system of a practice's supplier.
pub(crate) const fn system(practice: u16) -> CodeSystem {
    match practice % 3 {
        0 => CodeSystem::Read2,
        1 => CodeSystem::Ctv3,
        _ => CodeSystem::Snomed,
    }
}

/// Writes the entries of one registration, and what its patient said to the truth of objections.
pub(crate) struct Journal<'a> {
    pub(crate) population: &'a Population,
    pub(crate) windows: &'a [Window],
    pub(crate) month: u32,
    pub(crate) chance: &'a Chance,
    pub(crate) rows: Rows,
    pub(crate) objectors: Rows,
    pub(crate) entries: u64,
}

/// Whose journal is being written.
struct Patient {
    row: Registration,
    practice: [u8; 6],
    id: u64,
    system: CodeSystem,
    /// The days on which something can happen to the patient, within the window.
    days: Window,
    /// The month that record ids are counted in, and the next of them.
    month: u32,
    nth: u32,
}

/// One entry. Values are in tenths.
struct Entry<'a> {
    day: Option<i32>,
    recorded: Option<i32>,
    system: CodeSystem,
    code: &'a str,
    value1: Option<i32>,
    value2: Option<i32>,
    unit: &'static str,
    episode: &'static str,
}

impl<'a> Entry<'a> {
    /// An entry without a value, recorded mostly on its day.
    fn new(day: i32, system: CodeSystem, code: &'a str, draw: &mut Draw) -> Self {
        let recorded = if draw.chance(0.9) { day } else { day + draw.between(1, 20) };
        let (day, recorded) = (Some(day), Some(recorded));
        Self { day, recorded, system, code, value1: None, value2: None, unit: "", episode: "" }
    }
}

impl Journal<'_> {
    pub(crate) fn write(&mut self, row: Registration) {
        let person = self.population.people[row.serial as usize];
        let window = self.windows[self.month as usize];
        let mut draw = self.chance.stream(Purpose::Journal, self.month << 14 | u32::from(row.practice), row.serial);
        let days = Window { first: window.first.max(person.birth), last: window.last.min(person.death) };
        let mut patient = Patient {
            row,
            practice: practice_code(row.practice),
            id: patient_id(row.practice, row.serial),
            system: system(row.practice),
            days,
            month: self.month,
            nth: 0,
        };
        self.wishes(&mut patient);
        // The practice left behind, or the second of two, holds less: nothing new but the wishes.
        if !row.first || days.first > days.last {
            return;
        }
        let age = person.age(days.last);
        for condition in person.illness.each() {
            let course = codes::course(condition);
            if self.month == 0 {
                let onset = draw.between((days.last - 5000).max(person.birth), days.last);
                let code = course.diagnosis.code(patient.system);
                let entry = Entry { episode: "F", ..Entry::new(onset, patient.system, code, &mut draw) };
                self.entry(&mut patient, &entry);
            }
            for _ in 0..draw.poisson(PRESCRIPTIONS * days.years()) {
                let (day, drug) = (draw.between(days.first, days.last), draw.pick(course.drugs));
                let entry = Entry::new(day, CodeSystem::Dmd, drug, &mut draw);
                self.entry(&mut patient, &Entry { value1: Some(280), unit: "tablet", episode: "R", ..entry });
            }
            if !course.tests.is_empty() {
                for _ in 0..draw.poisson(TESTS * days.years()) {
                    self.test(&mut patient, draw.pick(course.tests), &mut draw);
                }
            }
        }
        self.everyday(&mut patient, age, person.female, &mut draw);
    }

    /// What anybody's journal holds, by age.
    fn everyday(&mut self, patient: &mut Patient, age: i32, female: bool, draw: &mut Draw) {
        let years = patient.days.years();
        let plain = |journal: &mut Self, patient: &mut Patient, coded: Coded, draw: &mut Draw| {
            let day = draw.between(patient.days.first, patient.days.last);
            let entry = Entry::new(day, patient.system, coded.code(patient.system), draw);
            journal.entry(patient, &entry);
        };
        for _ in 0..draw.poisson(2.4 * years) {
            plain(self, patient, draw.weighted(&codes::COMPLAINTS), draw);
        }
        if age < 5 {
            for _ in 0..draw.poisson(2.0 * years) {
                plain(self, patient, draw.weighted(&codes::CHILD_VACCINES), draw);
            }
        }
        if draw.chance(if age >= 65 { 0.72 } else { 0.12 } * years) {
            plain(self, patient, codes::FLU_VACCINE, draw);
        }
        if draw.chance(0.25 * years) {
            plain(self, patient, codes::REFERRAL, draw);
        }
        if age < 16 {
            return;
        }
        for (test, yearly) in [(codes::BMI, 0.45), (codes::BLOOD_PRESSURE, 0.7), (codes::ALCOHOL, 0.2)] {
            if draw.chance(yearly * years) {
                self.test(patient, test, draw);
            }
        }
        if draw.chance(0.55 * years) {
            plain(self, patient, draw.weighted(&codes::SMOKING), draw);
        }
        if female && (25..65).contains(&age) && draw.chance(0.27 * years) {
            plain(self, patient, codes::CERVICAL_SCREEN, draw);
        }
        if draw.chance(0.05 * years) {
            plain(self, patient, draw.weighted(&codes::FAMILY_HISTORY), draw);
        }
        if draw.chance(0.008 * years) {
            plain(self, patient, draw.weighted(&codes::SENSITIVE), draw);
        }
    }

    fn test(&mut self, patient: &mut Patient, test: Test, draw: &mut Draw) {
        let value1 = Some((draw.near(test.mean, test.spread) as i32).max(10));
        let pressure = test.unit == codes::BLOOD_PRESSURE.unit;
        let value2 = pressure.then(|| draw.near(800.0, 90.0) as i32);
        let day = draw.between(patient.days.first, patient.days.last);
        let entry = Entry::new(day, patient.system, test.coded.code(patient.system), draw);
        self.entry(patient, &Entry { value1, value2, unit: test.unit, ..entry });
    }

    /// One row of the journal.
    fn entry(&mut self, patient: &mut Patient, entry: &Entry) {
        let month = u64::from(patient.month & 127);
        let packed = month << 33 | u64::from(patient.nth & 255) << 25 | u64::from(patient.row.serial);
        let record = packed.wrapping_mul(0x5_DEEC_E66D) & ((1 << 40) - 1);
        patient.nth += 1;
        let rows = &mut self.rows;
        rows.field(&patient.practice).number(patient.id).number(record);
        rows.maybe_day(entry.day).maybe_day(entry.recorded).text(entry.system.name()).text(entry.code);
        for value in [entry.value1, entry.value2] {
            match value {
                Some(tenths) => rows.tenths(tenths),
                None => rows.empty(),
            };
        }
        rows.text(entry.unit).text(entry.episode).end();
        self.entries += 1;
    }

    /// Objections and withdrawals stand in every month's journal, with the same record ids.
    fn wishes(&mut self, patient: &mut Patient) {
        let said = wishes::said(patient.row.serial, self.month, self.windows, self.chance);
        // Who goes to two practices told the first, and half of them the second.
        if said.is_empty() || (!patient.row.first && mix(u64::from(patient.row.serial)).is_multiple_of(2)) {
            return;
        }
        (patient.nth, patient.month) = (200, 0);
        for (nth, wish) in said.iter().enumerate() {
            let way = mix(u64::from(patient.row.serial) << 8 | nth as u64);
            let code = wishes::code(wish, patient.system, way);
            let days = |day: Option<Day>| day.map(Day::days_since_1970);
            let (day, recorded) = (days(wish.effective), days(wish.recorded));
            let system = patient.system;
            let entry = Entry { day, recorded, system, code, value1: None, value2: None, unit: "", episode: "" };
            self.entry(patient, &entry);
        }
        (patient.nth, patient.month) = (0, self.month);
        self.truth(patient, &said);
    }

    fn truth(&mut self, patient: &Patient, said: &[Wish]) {
        let Ok(today) = Day::from_days_since_1970(self.windows[self.month as usize].last) else { return };
        for scope in wishes::SCOPES {
            let about: Vec<&Wish> = said.iter().filter(|wish| wish.scope == scope).collect();
            if about.is_empty() {
                continue;
            }
            let kind = if scope == Scope::GpRecord { "object-gp" } else { "object-all" };
            self.objectors.number(patient.row.serial + 1).text(kind).field(&patient.practice).number(patient.id);
            let steps: Vec<&str> =
                about.iter().map(|wish| if wish.choice == Choice::Object { "object" } else { "withdraw" }).collect();
            self.objectors.text(&steps.join(" "));
            self.objectors.text(if stands(about, &scope, today) { "yes" } else { "no" }).end();
        }
    }
}

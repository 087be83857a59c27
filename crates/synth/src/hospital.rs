//! Hospital files: a person in, admissions, appointments and emergency attendances of a window out.
//!
//! Invariant: spells of one person do not overlap; nothing happens before birth or after death; every record draws its own
//! mistakes.

use crate::MistakeCounts;
use crate::codes::{self, Reason};
use crate::draw::{Chance, Draw, Purpose, mix};
use crate::mistakes::{Rates, Stated, Writer, state};
use crate::numbers::{event_key, local_number, nhs_number};
use crate::population::{Person, Population, Window};
use crate::registrations::{lsoa_code, quality, truth};
use crate::text::Rows;

const IDENTIFIERS: &str = "PROCODE,LOPATID,NEWNHSNO,DOB,HOMEADD,SEX,ETHNOS";
/// Admission records a person and year.
pub(crate) const ADMISSIONS: f64 = 0.9;
/// The share of spells with a second episode, whose record is one more.
const SECOND_EPISODES: f64 = 0.06;
/// The most events of a kind that one person's keys can tell apart in a window.
const MOST: u32 = 31;
const APPOINTMENTS: f64 = 0.5;
/// Emergency attendances that do not end in admission.
const ATTENDANCES: f64 = 0.15;
/// The share of birth records made before the child has its number.
const UNNUMBERED_BIRTHS: f64 = 0.25;
/// The share of deaths that happen in hospital.
const DEATHS_IN_HOSPITAL: f64 = 0.5;

pub(crate) fn apc_header() -> String {
    format!(
        "EPIKEY,{IDENTIFIERS},ADMIDATE,DISDATE,ADMIMETH,DISMETH,DISDEST,CLASSPAT,PROVSPNO,EPIORDER,EPISTART,EPIEND,\
         EPISTAT,MAINSPEF,LSOA11,IMD04_DECILE,DIAG_01,DIAG_02,DIAG_03,DIAG_04,DIAG_05\n"
    )
}

pub(crate) fn op_header() -> String {
    format!("ATTENDKEY,{IDENTIFIERS},APPTDATE,ATTENDED,FIRSTATT,MAINSPEF,LSOA11,IMD04_DECILE\n")
}

pub(crate) fn ae_header() -> String {
    format!("AEKEY,{IDENTIFIERS},ARRIVALDATE,AEATTENDDISP,AEATTENDCAT,AEARRIVALMODE,LSOA11,IMD04_DECILE\n")
}

/// The code of a hospital trust: an R and two more symbols.
pub(crate) fn provider_code(hospital: u16) -> [u8; 3] {
    let symbols = b"ABCDEFGHJKLMNPQRTVWXY0123456789";
    let place = usize::from(hospital) + 40;
    [b'R', symbols[place / symbols.len() % symbols.len()], symbols[place % symbols.len()]]
}

/// One file's rows of a block, each with its key so that they can be put in an order that says nothing of who they are.
#[derive(Default)]
pub(crate) struct Keyed {
    rows: Rows,
    truth: Rows,
    /// Key, end of the row and end of its truth.
    ends: Vec<(u64, usize, usize)>,
}

impl Keyed {
    fn end(&mut self, key: u64) {
        self.ends.push((key, self.rows.len(), self.truth.len()));
    }

    pub(crate) fn count(&self) -> u64 {
        self.ends.len() as u64
    }

    /// The rows and their truth in the order of their keys.
    pub(crate) fn sorted(&self) -> (Rows, Rows) {
        let mut spans = Vec::with_capacity(self.ends.len());
        let (mut row, mut truth) = (0, 0);
        for &(key, row_end, truth_end) in &self.ends {
            spans.push((key, row..row_end, truth..truth_end));
            (row, truth) = (row_end, truth_end);
        }
        spans.sort_unstable_by_key(|(key, ..)| *key);
        let (mut rows, mut truths) = (Rows::with_capacity(row), Rows::with_capacity(truth));
        for (_, row, truth) in spans {
            rows.append(&self.rows.bytes()[row]);
            truths.append(&self.truth.bytes()[truth]);
        }
        (rows, truths)
    }
}

/// How often people come, so that the totals fit the stated means.
#[derive(Clone, Copy)]
pub(crate) struct Demand {
    /// Spells of a person of weight 1 in the window, births and deliveries apart.
    pub(crate) spells: f64,
    pub(crate) appointments: f64,
    pub(crate) attendances: f64,
}

impl Demand {
    pub(crate) fn of(population: &Population, window: Window) -> Self {
        let (mut weights, mut alive, mut births, mut deaths) = (0.0, 0.0, 0.0, 0.0);
        for person in &population.people {
            if person.death < window.first || person.birth > window.last {
                continue;
            }
            alive += 1.0;
            weights += person.illness.admission_weight(person.age(window.last));
            births += f64::from(u8::from(window.contains(person.birth)))
                + f64::from(u8::from(window.contains(person.delivery)));
            deaths += DEATHS_IN_HOSPITAL * f64::from(u8::from(window.contains(person.death)));
        }
        let records = (ADMISSIONS * window.years() * alive / (1.0 + SECOND_EPISODES) - births - deaths).max(0.0);
        let share = |yearly: f64| yearly * window.years() * alive / f64::max(weights, 1.0);
        Self {
            spells: records / f64::max(weights, 1.0),
            appointments: share(APPOINTMENTS),
            attendances: share(ATTENDANCES),
        }
    }
}

/// One stay in hospital.
struct Spell {
    first: i32,
    last: i32,
    method: &'static str,
    diagnosis: &'static str,
    specialty: &'static str,
    second_episode: bool,
    died: bool,
    birth: bool,
}

impl Spell {
    fn episodes(&self) -> u32 {
        if self.second_episode && self.last > self.first { 2 } else { 1 }
    }
}

/// Writes the hospital records of a block of people.
pub(crate) struct Hospital<'a> {
    pub(crate) population: &'a Population,
    pub(crate) demand: Demand,
    pub(crate) window: Window,
    pub(crate) month: u32,
    pub(crate) seed: u64,
    pub(crate) chance: &'a Chance,
    pub(crate) rates: Rates,
    pub(crate) apc: Keyed,
    pub(crate) op: Keyed,
    pub(crate) ae: Keyed,
    pub(crate) counts: MistakeCounts,
}

/// One person's business with one provider, under one record key.
struct Visit<'a> {
    serial: u32,
    person: &'a Person,
    provider: u16,
    key: u64,
}

impl Hospital<'_> {
    pub(crate) fn write(&mut self, serial: u32) {
        let person = &self.population.people[serial as usize];
        let days = Window { first: self.window.first.max(person.birth), last: self.window.last.min(person.death) };
        if days.first > days.last {
            return;
        }
        let mut draw = self.chance.stream(Purpose::Hospital, self.month, serial);
        let weight = person.illness.admission_weight(person.age(self.window.last));
        let month = self.month;
        let visit = |provider: u16, nth: u32| Visit { serial, person, provider, key: event_key(serial, month, nth) };
        let (mut nth, mut attendance) = (0, 0);
        for spell in &self.spells(person, days, weight, &mut draw) {
            let provider = self.provider(person, &mut draw);
            if spell.method == "21" && draw.chance(0.9) {
                self.attend(&visit(provider, attendance), spell.first, "01", &mut draw);
                attendance += 1;
            }
            let stay = event_key(serial, month, nth) ^ 0x3FFF;
            for episode in 0..spell.episodes() {
                self.admit(&visit(provider, nth), spell, stay, episode, &mut draw);
                nth += 1;
            }
        }
        for appointment in 0..draw.poisson(self.demand.appointments * weight).min(MOST) {
            let (day, provider) = (draw.between(days.first, days.last), self.provider(person, &mut draw));
            self.appoint(&visit(provider, appointment), day, &mut draw);
        }
        let others = draw.poisson(self.demand.attendances * weight);
        for attendance in attendance..(attendance + others).min(MOST) {
            let (day, provider) = (draw.between(days.first, days.last), self.provider(person, &mut draw));
            let disposal = draw.weighted(&[(5, "03"), (3, "02"), (1, "12")]);
            self.attend(&visit(provider, attendance), day, disposal, &mut draw);
        }
    }

    /// The spells of a person in order of time, none overlapping.
    fn spells(&self, person: &Person, days: Window, weight: f64, draw: &mut Draw) -> Vec<Spell> {
        let mut spells = Vec::new();
        if self.window.contains(person.birth) {
            spells.push(birth(person, draw));
        }
        if self.window.contains(person.delivery) && person.alive_on(person.delivery) {
            spells.push(delivery(person, draw));
        }
        let count = draw.poisson(self.demand.spells * weight).min(12);
        let mut discharge = None;
        for _ in 0..count {
            // A fifth of later stays are readmissions within four weeks.
            let day = match discharge {
                Some(before) if draw.chance(0.2) => before + draw.between(1, 28),
                _ => draw.between(days.first, days.last),
            };
            let spell = stay(person, day, draw);
            discharge = Some(spell.last);
            spells.push(spell);
        }
        if self.window.contains(person.death) && draw.chance(DEATHS_IN_HOSPITAL) {
            let first = (person.death - draw.between(0, 12)).max(days.first);
            let stayed = stay(person, first, draw);
            spells.push(Spell { last: person.death, died: true, method: "21", second_episode: false, ..stayed });
        }
        spells.sort_by_key(|spell| (spell.first, spell.last));
        let mut free = days.first;
        spells.retain_mut(|spell| {
            // A stay that would begin during another begins after it; the stay that ends in death ends there.
            let shift = (free - spell.first).max(0);
            spell.first += shift;
            spell.last = if spell.died { spell.last } else { (spell.last + shift).min(person.death) };
            let fits = spell.first <= days.last && spell.first <= spell.last;
            if fits {
                free = spell.last + 1;
            }
            fits
        });
        spells
    }

    /// Mostly the district's hospital.
    fn provider(&self, person: &Person, draw: &mut Draw) -> u16 {
        let (own, count) = (self.population.places.hospital(person.home), self.population.places.hospitals());
        match draw.below(100) {
            0..84 => own,
            84..92 => (own + 1) % count,
            92..96 => (own + count - 1) % count,
            _ => draw.below(u32::from(count)) as u16,
        }
    }

    /// The key and the identifier columns that all three files share, with the mistakes of this record.
    fn identify(&mut self, file: File, visit: &Visit, newborn: bool, draw: &mut Draw) {
        let Visit { serial, person, provider, key } = *visit;
        let stated = self.stated(visit, newborn, draw);
        // A few people are given a second number by a provider.
        let second = u64::from(draw.chance(0.02));
        let category = if draw.chance(0.95) { person.ethnicity.category(mix(u64::from(serial))) } else { b'Z' };
        let keyed = self.file(file);
        let rows = &mut keyed.rows;
        rows.number(key).field(&provider_code(provider));
        rows.number(local_number(u64::from(provider) | 1 << 30 | second << 32, serial));
        match stated.number {
            Some(number) => rows.number(number),
            None => rows.empty(),
        };
        rows.day(stated.birth).field(stated.postcode.as_bytes()).field(&[stated.gender]).field(&[category]);
        keyed.truth.number(key).number(serial + 1).text(person.ethnicity.label()).end();
    }

    /// One record's statement of who the person is.
    fn stated(&mut self, visit: &Visit, newborn: bool, draw: &mut Draw) -> Stated {
        let Visit { serial, person, provider, .. } = *visit;
        let relative = nhs_number(self.seed, self.population.relative(serial, draw));
        let truth = truth(self.population, person, nhs_number(self.seed, serial), relative);
        let decile = self.population.places.deprivation(person.home);
        let factor = person.ethnicity.mistake_factor(decile) * quality(u64::from(provider));
        self.counts.expect(&self.rates, factor);
        let mut stated = state(&truth, &self.rates, factor, Writer::Hospital, &mut self.counts, draw);
        if newborn && draw.chance(UNNUMBERED_BIRTHS) {
            stated.number = None;
            self.counts.newborns += 1;
        }
        stated
    }

    fn file(&mut self, file: File) -> &mut Keyed {
        match file {
            File::Apc => &mut self.apc,
            File::Op => &mut self.op,
            File::Ae => &mut self.ae,
        }
    }

    /// Area and deprivation, as every hospital record carries them.
    fn area(&mut self, file: File, person: &Person) {
        let lsoa = lsoa_code(self.population.places.lsoa(person.home));
        let decile = self.population.places.deprivation(person.home);
        self.file(file).rows.field(&lsoa).number(decile);
    }

    /// The record of one episode of a spell.
    fn admit(&mut self, visit: &Visit, spell: &Spell, stay: u64, episode: u32, draw: &mut Draw) {
        self.identify(File::Apc, visit, spell.birth, draw);
        let middle = spell.first + (spell.last - spell.first) / 2;
        let discharged = Some(spell.last).filter(|&day| day <= self.window.last);
        let start = if episode == 0 { spell.first } else { middle };
        let end = if episode + 1 == spell.episodes() { discharged } else { Some(middle) };
        let (method, destination) = match (discharged, spell.died) {
            (None, _) => ("8", "98"),
            (Some(_), true) => ("4", "79"),
            (Some(_), false) => ("1", "19"),
        };
        let rows = &mut self.apc.rows;
        rows.day(spell.first).maybe_day(discharged).text(spell.method).text(method).text(destination);
        rows.text(class(spell)).number(stay).number(episode + 1).day(start).maybe_day(end);
        rows.text(if end.is_some() { "3" } else { "1" }).text(spell.specialty);
        self.area(File::Apc, visit.person);
        self.diagnoses(visit.person, spell);
        self.apc.end(visit.key);
    }

    /// The main diagnosis, then the outcome of a delivery and the person's long-term conditions.
    fn diagnoses(&mut self, person: &Person, spell: &Spell) {
        let rows = &mut self.apc.rows;
        rows.text(spell.diagnosis);
        let outcome = (spell.specialty == "501").then_some("Z370");
        let others = person.illness.each().map(|condition| codes::course(condition).comorbidity);
        let further = outcome.into_iter().chain(others.filter(|code| *code != spell.diagnosis));
        for code in further.chain(std::iter::repeat("")).take(4) {
            rows.text(code);
        }
        rows.end();
    }

    fn appoint(&mut self, visit: &Visit, day: i32, draw: &mut Draw) {
        self.identify(File::Op, visit, false, draw);
        let ill: Vec<_> = visit.person.illness.each().collect();
        let specialty = if ill.is_empty() {
            draw.pick(&["100", "110", "120", "130", "330", "300"])
        } else {
            codes::course(draw.pick(&ill)).specialty
        };
        let rows = &mut self.op.rows;
        rows.day(day).text(draw.weighted(&[(84, "5"), (7, "3"), (6, "2"), (3, "4")]));
        rows.text(if draw.chance(0.3) { "1" } else { "2" }).text(specialty);
        self.area(File::Op, visit.person);
        self.op.rows.end();
        self.op.end(visit.key);
    }

    fn attend(&mut self, visit: &Visit, day: i32, disposal: &str, draw: &mut Draw) {
        self.identify(File::Ae, visit, false, draw);
        let rows = &mut self.ae.rows;
        rows.day(day).text(disposal).text("1").text(if draw.chance(0.3) { "1" } else { "2" });
        self.area(File::Ae, visit.person);
        self.ae.rows.end();
        self.ae.end(visit.key);
    }
}

/// The three files of a hospital.
#[derive(Clone, Copy)]
enum File {
    Apc,
    Op,
    Ae,
}

fn birth(person: &Person, draw: &mut Draw) -> Spell {
    let method = draw.weighted(&[(96, "82"), (4, "83")]);
    let last = person.birth + draw.between(0, 4);
    let diagnosis = if person.twin == crate::population::Twin::None { "Z380" } else { "Z383" };
    let first = person.birth;
    Spell { first, last, method, diagnosis, specialty: "422", second_episode: false, died: false, birth: true }
}

fn delivery(person: &Person, draw: &mut Draw) -> Spell {
    let diagnosis = draw.weighted(&[(62, "O800"), (14, "O814"), (24, "O821")]);
    let first = person.delivery - draw.between(0, 1);
    let last = person.delivery + draw.between(0, 4);
    let method = draw.weighted(&[(9, "31"), (1, "32")]);
    Spell { first, last, method, diagnosis, specialty: "501", second_episode: false, died: false, birth: false }
}

/// A stay for one of the person's conditions, or for what befalls people of that age.
fn stay(person: &Person, first: i32, draw: &mut Draw) -> Spell {
    let age = person.age(first);
    let ill: Vec<_> = person.illness.each().collect();
    let reason = if !ill.is_empty() && draw.chance(0.55) {
        let course = codes::course(draw.pick(&ill));
        let (emergency, nights) = (course.emergency, 1.0 + 4.0 * course.emergency);
        Reason { diagnosis: draw.pick(course.admissions), specialty: course.specialty, emergency, nights }
    } else if age < 16 {
        draw.weighted(&codes::CHILD_REASONS)
    } else if age < 65 {
        draw.weighted(&codes::ADULT_REASONS)
    } else {
        draw.weighted(&codes::OLDER_REASONS)
    };
    let method = if draw.chance(reason.emergency) {
        draw.weighted(&[(75, "21"), (15, "22"), (4, "28"), (4, "23"), (2, "24")])
    } else {
        draw.weighted(&[(60, "11"), (30, "12"), (10, "13")])
    };
    let nights = (-(1.0 - draw.unit()).ln() * reason.nights) as i32;
    let second_episode = draw.chance(0.14);
    let (diagnosis, specialty, last) = (reason.diagnosis, reason.specialty, first + nights.min(90));
    Spell { first, last, method, diagnosis, specialty, second_episode, died: false, birth: false }
}

/// Ordinary, day case, or a mother's and child's.
fn class(spell: &Spell) -> &'static str {
    if spell.birth || spell.specialty == "501" {
        "5"
    } else if spell.first == spell.last && spell.method.starts_with('1') {
        "2"
    } else {
        "1"
    }
}

//! Random histories of a small town: people speak, move, are admitted and are found to be one; months are run, run again and
//! purged, and the program is killed at it. After each step an oracle of twenty lines says whose rows may be where.
//!
//! `cargo xtask histories` plays many more. A seed that found a fault is added to [`KEPT`].

mod common;

use common::{Place, batches, files_under, succeeds};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Seeds that found a fault once.
const KEPT: [u64; 0] = [];
/// How many other seeds are played where nobody says otherwise.
const SEEDS: u64 = 2;
const MONTHS: u32 = 6;
const PEOPLE: usize = 40;
/// Those who never speak: linkage has somebody to tell people from.
const OTHERS: usize = 150;
const PRACTICES: [&str; 3] = ["A81001", "B81002", "C81003"];

/// A seeded source of numbers (`splitmix64`).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum About {
    Gp,
    All,
}

/// What somebody said: at a registration, or under their number.
#[derive(Clone, Debug)]
struct Said {
    about: About,
    objects: bool,
    /// The days on which it counts and was recorded, as `YYYY-MM-DD`.
    effective: String,
    recorded: String,
    person: usize,
    /// The registration in whose journal it stands; `None` where it was said under the number.
    at: Option<usize>,
    /// Whether the program has been told.
    known: bool,
}

struct Entry {
    line: String,
    value: String,
    registration: usize,
    is_held: bool,
}

struct Admission {
    line: String,
    code: String,
    person: usize,
    is_in: bool,
}

struct Registration {
    person: usize,
    practice: &'static str,
    /// Whether the practice still sends it, and whether it states the number.
    is_sent: bool,
    states_number: bool,
    /// Whether a run has seen it state the number: from then on it is the person's.
    is_known: bool,
}

struct Person {
    number: String,
    born: String,
    postcode: String,
    sex: &'static str,
    lsoa: String,
}

/// The town, all that was said and done in it, and the home that should follow.
struct Town {
    seed: u64,
    dice: Dice,
    place: Place,
    people: Vec<Person>,
    registrations: Vec<Registration>,
    entries: Vec<Entry>,
    wishes: Vec<Said>,
    /// Lines of wishes in journals, by place in `wishes`.
    noted: Vec<(usize, String)>,
    admissions: Vec<Admission>,
    month: u32,
    day: u32,
    steps: String,
}

/// The oracle: whether an objection stands for a registration's rows, or for a person's where there is none.
fn stands(town: &Town, about: About, person: usize, registration: Option<usize>) -> bool {
    let numbered = |at: usize| town.registrations[at].is_known && town.registrations[at].person == person;
    let is_person = registration.is_none_or(numbered);
    let of_person = |said: &&Said| is_person && said.person == person && said.at.is_none_or(numbered);
    let of_record = |said: &&Said| registration.is_some() && said.at == registration;
    let last = |all: &mut dyn Iterator<Item = &Said>| {
        let last = all.max_by_key(|said| (said.effective.min_object(said), said.recorded.clone(), said.objects));
        last.is_some_and(|said| said.objects)
    };
    let told = || town.wishes.iter().filter(|said| said.known && said.about == about);
    // A practice's own word binds its own record alone; of use by the trusted body, the person decides.
    let own_word_binds = about == About::Gp || registration.is_some_and(|at| !numbered(at));
    last(&mut told().filter(of_person)) || (own_word_binds && last(&mut told().filter(of_record)))
}

fn may_gp(town: &Town, registration: usize) -> bool {
    let person = town.registrations[registration].person;
    !stands(town, About::Gp, person, Some(registration)) && !stands(town, About::All, person, Some(registration))
}

trait Since {
    fn min_object(&self, said: &Said) -> String;
}

impl Since for String {
    /// The day from which it counts: of an objection that lay ahead when it was recorded, the day of its recording.
    fn min_object(&self, said: &Said) -> String {
        if said.objects && (self.is_empty() || *self > said.recorded) { said.recorded.clone() } else { self.clone() }
    }
}

fn nhs_number(n: u64) -> String {
    (0..)
        .map(|step| 400_000_000 + n * 1_013 + step)
        .find_map(|nine| {
            let digits = format!("{nine:09}");
            let sum: u32 =
                digits.bytes().zip((2..=10).rev()).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
            match (11 - sum % 11) % 11 {
                10 => None,
                check => Some(format!("{digits}{check}")),
            }
        })
        .expect("most numbers have a check digit")
}

impl Town {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let place = Place::new();
        place.init("home");
        let people: Vec<Person> = (0..PEOPLE + OTHERS)
            .map(|n| Person {
                number: nhs_number(n as u64 + 1),
                born: format!("{}-{:02}-{:02}", 1930 + dice.below(70), 1 + dice.below(12), 1 + dice.below(28)),
                postcode: format!("LS{} {}AB", 1 + n % 29, n / 29),
                sex: if dice.chance(50) { "1" } else { "2" },
                lsoa: format!("E01{n:06}"),
            })
            .collect();
        let registration = |person: usize| Registration {
            person,
            practice: PRACTICES[person % 3],
            is_sent: true,
            states_number: true,
            is_known: false,
        };
        let registrations = (0..people.len()).map(registration).collect();
        let mut town = Self {
            seed,
            dice,
            place,
            people,
            registrations,
            entries: Vec::new(),
            wishes: Vec::new(),
            noted: Vec::new(),
            admissions: Vec::new(),
            month: 0,
            day: 0,
            steps: String::new(),
        };
        for person in 0..PEOPLE + OTHERS {
            town.writes_entry(person);
            if person >= PEOPLE || person % 2 == 0 {
                town.is_admitted(person);
            }
        }
        town
    }

    fn step(&mut self, what: &str) {
        let _ = writeln!(self.steps, "{}: {what}", self.today());
    }

    /// The town's own calendar: a day an act, from 1 January 2013 on.
    fn today(&self) -> String {
        date(self.day)
    }

    fn writes_entry(&mut self, registration: usize) {
        let n = self.entries.len();
        let value = format!("{}.5", 10_000 + n);
        let day = self.today();
        let practice = self.registrations[registration].practice;
        let line = format!("{practice},r{registration},e{n},{day},{day},read2,N142.,{value},,,");
        self.entries.push(Entry { line, value, registration, is_held: false });
    }

    fn is_admitted(&mut self, person: usize) {
        let n = self.admissions.len();
        let code = format!("{}{:03}", char::from(b'A' + (n / 1_000) as u8), n % 1_000);
        let Person { number, born, postcode, sex, lsoa } = &self.people[person];
        let day = self.today();
        let line = format!("9{n:011},RAA,lop{person},{number},{born},{postcode},{sex},A,{day},{day},21,{code},{lsoa}");
        self.admissions.push(Admission { line, code, person, is_in: false });
    }

    /// Somebody says something, at a practice or by telephone.
    fn speaks(&mut self) {
        let person = self.dice.below(PEOPLE as u64) as usize;
        let about = *self.dice.of(&[About::Gp, About::Gp, About::All]);
        let objects = self.dice.chance(60);
        let day = self.today();
        let at: Vec<usize> = (0..self.registrations.len())
            .filter(|&at| self.registrations[at].person == person && self.registrations[at].is_sent)
            .collect();
        let kind = match (about, objects) {
            (About::Gp, true) => ("object-gp", "9Nu0."),
            (About::Gp, false) => ("withdraw-gp", "9Nu1."),
            (About::All, true) => ("object-all", "9Nu4."),
            (About::All, false) => ("withdraw-all", "9Nu5."),
        };
        self.step(&format!("person {person} says {}", kind.0));
        if self.dice.chance(60) && !at.is_empty() {
            let at = *self.dice.of(&at);
            // An objection may bear no date of its own, or one that lies ahead; then it counts from its recording.
            let effective = match self.dice.below(10) {
                0 if objects => String::new(),
                1 if objects => date(self.day + 3_000),
                _ => day.clone(),
            };
            let n = self.wishes.len();
            let practice = self.registrations[at].practice;
            let line = format!("{practice},r{at},w{n},{effective},{day},read2,{},,,,", kind.1);
            self.noted.push((n, line));
            self.wishes.push(Said { about, objects, effective, recorded: day, person, at: Some(at), known: false });
            self.step(&format!("  at registration {at}"));
        } else {
            let number = &self.people[person].number;
            succeeds(&self.place.says("home", number, kind.0, &["--effective", &day]));
            let recorded = "2999-01-01".to_owned();
            self.wishes.push(Said { about, objects, effective: day, recorded, person, at: None, known: true });
        }
    }

    /// Somebody registers with another practice, which may not know the number yet; the first may go on sending.
    fn registers_elsewhere(&mut self) {
        let person = self.dice.below(PEOPLE as u64) as usize;
        let at = |town: &Self, practice: &str| {
            town.registrations.iter().any(|one| one.person == person && one.practice == practice)
        };
        let free: Vec<&'static str> = PRACTICES.into_iter().filter(|practice| !at(self, practice)).collect();
        if free.is_empty() {
            return;
        }
        let practice = *self.dice.of(&free);
        let (states_number, stays) = (self.dice.chance(60), self.dice.chance(50));
        for one in self.registrations.iter_mut().filter(|one| one.person == person) {
            one.is_sent &= stays;
        }
        let new = self.registrations.len();
        self.registrations.push(Registration { person, practice, is_sent: true, states_number, is_known: false });
        self.writes_entry(new);
        self.step(&format!("person {person} registers as {new}, number {states_number}, the others go on {stays}"));
    }

    /// A practice learns a number it did not know.
    fn is_traced(&mut self) {
        if let Some(at) = (0..self.registrations.len()).find(|&at| !self.registrations[at].states_number) {
            self.registrations[at].states_number = true;
            self.step(&format!("registration {at} gets its number"));
        }
    }

    fn lives(&mut self) {
        for _ in 0..3 + self.dice.below(12) {
            self.day += 1;
            match self.dice.below(10) {
                0..=4 => self.speaks(),
                5 | 6 => {
                    let at = self.dice.below(self.registrations.len() as u64) as usize;
                    if self.registrations[at].is_sent {
                        self.writes_entry(at);
                    }
                }
                7 | 8 => {
                    let person = self.dice.below(PEOPLE as u64) as usize;
                    self.is_admitted(person);
                }
                _ => {}
            }
        }
    }

    /// What changes between months only: who is registered where.
    fn a_month_passes(&mut self) {
        self.month += 1;
        for _ in 0..self.dice.below(6) {
            if self.dice.chance(70) { self.registers_elsewhere() } else { self.is_traced() }
        }
    }

    fn writes_files(&self) {
        let folder = self.place.path("data");
        fs::create_dir_all(folder.join("gp")).expect("a folder");
        fs::create_dir_all(folder.join("hospital")).expect("a folder");
        let mut patients = "practice_code,patient_id,nhs_number,date_of_birth,postcode,sex,ethnic_category,registration_date,deregistration_date,date_of_death,lsoa\n".to_owned();
        let mut journals =
            "practice_code,patient_id,record_id,event_date,recorded_date,code_system,code,value1,value2,unit,episode\n"
                .to_owned();
        for (at, one) in self.registrations.iter().enumerate().filter(|(_, one)| one.is_sent) {
            let Person { number, born, postcode, sex, lsoa } = &self.people[one.person];
            let number = if one.states_number { number.as_str() } else { "" };
            // Who is not known by number yet gives another address: nothing else tells who it is.
            let postcode = if one.states_number { postcode.clone() } else { format!("YO{} 9ZZ", 1 + at % 90) };
            let _ = writeln!(patients, "{},r{at},{number},{born},{postcode},{sex},A,2010-01-01,,,{lsoa}", one.practice);
        }
        for entry in self.entries.iter().filter(|entry| self.registrations[entry.registration].is_sent) {
            let _ = writeln!(journals, "{}", entry.line);
        }
        for (wish, line) in &self.noted {
            if self.wishes[*wish].at.is_some_and(|at| self.registrations[at].is_sent) {
                let _ = writeln!(journals, "{line}");
            }
        }
        let header =
            "EPIKEY,PROCODE,LOPATID,NEWNHSNO,DOB,HOMEADD,SEX,ETHNOS,ADMIDATE,DISDATE,ADMIMETH,DIAG_01,LSOA11\n";
        let lines = self.admissions.iter().map(|one| format!("{}\n", one.line));
        let admissions: String = std::iter::once(header.to_owned()).chain(lines).collect();
        fs::write(folder.join("gp/patients.csv"), patients).expect("written");
        fs::write(folder.join("gp/journals.csv"), journals).expect("written");
        fs::write(folder.join("hospital/apc.csv"), admissions).expect("written");
    }

    fn period(&self) -> String {
        format!("2014-{:02}", self.month)
    }

    /// The command that may be killed at some moment first, and what should have come of it.
    fn does(&mut self, words: &[&str]) {
        if self.dice.chance(30) {
            let moment = Duration::from_millis(self.dice.below(400));
            let mut command = self.place.command("home", words);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
            let began = Instant::now();
            while began.elapsed() < moment && child.try_wait().expect("it can be asked").is_none() {
                std::thread::sleep(Duration::from_millis(2));
            }
            // Where it has ended by itself there is nothing to kill.
            let _ = child.kill();
            child.wait().expect("it ends");
            self.step(&format!("killed after {} ms", moment.as_millis()));
        }
        let output = self.place.caredata("home", words);
        assert!(
            output.status.success(),
            "seed {}: {}\n{}",
            self.seed,
            String::from_utf8_lossy(&output.stderr),
            self.steps
        );
    }

    fn runs(&mut self) {
        self.writes_files();
        let period = self.period();
        self.step(&format!("run of {period}"));
        self.does(&["run", "--gp", "data/gp", "--hospital", "data/hospital", "--period", &period]);
        for said in &mut self.wishes {
            said.known |= said.at.is_some_and(|at| self.registrations[at].is_sent);
        }
        for one in self.registrations.iter_mut().filter(|one| one.is_sent) {
            one.is_known |= one.states_number;
        }
        for admission in &mut self.admissions {
            admission.is_in = true;
        }
        for at in 0..self.entries.len() {
            let Entry { registration, is_held, .. } = self.entries[at];
            let delivered = self.registrations[registration].is_sent;
            self.entries[at].is_held = (is_held || delivered) && may_gp(self, registration);
        }
        self.compares();
    }

    fn purges(&mut self) {
        self.step("purge");
        self.does(&["purge"]);
        for at in 0..self.entries.len() {
            self.entries[at].is_held &= may_gp(self, self.entries[at].registration);
        }
        self.compares();
        self.finds_nothing_left();
    }

    fn expected(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let entries = self.entries.iter().filter(|entry| entry.is_held).map(|entry| entry.value.clone());
        let permitted = |one: &&Admission| one.is_in && !stands(self, About::All, one.person, None);
        let admissions = self.admissions.iter().filter(permitted).map(|one| one.code.clone());
        (entries.collect(), admissions.collect())
    }

    fn fault(&self, what: &str) -> String {
        format!("seed {}: {what}\n{}", self.seed, self.steps)
    }

    /// What is published is what the oracle says.
    fn compares(&self) {
        let home = self.place.path("home");
        let (entries, admissions) = self.expected();
        let column = |table: &str, name: &str| -> BTreeSet<String> {
            let texts = batches(&home, table).into_iter().flat_map(|batch| {
                let values =
                    arrow_cast::cast(batch.column_by_name(name).expect("the column"), &arrow_schema::DataType::Utf8)
                        .expect("text");
                let texts = arrow_array::cast::AsArray::as_string::<i32>(&values);
                texts.iter().flatten().map(str::to_owned).collect::<Vec<_>>()
            });
            texts.collect()
        };
        let difference = |is: &BTreeSet<String>, should: &BTreeSet<String>| {
            let (more, less): (Vec<_>, Vec<_>) = (is.difference(should).collect(), should.difference(is).collect());
            format!("published and should not be: {more:?}; should be and is not: {less:?}")
        };
        let is = column("journals", "value1");
        assert!(is == entries, "{}", self.fault(&format!("entries {}", difference(&is, &entries))));
        let is = column("admissions", "diagnosis_01");
        assert!(is == admissions, "{}", self.fault(&format!("admissions {}", difference(&is, &admissions))));
        let areas = column("persons", "lsoa");
        for (person, one) in self.people.iter().enumerate() {
            // A registration without a number is a person of its own.
            let alone = |at: usize| self.registrations[at].person == person && !self.registrations[at].is_known;
            let somebody = !stands(self, About::All, person, None)
                || (0..self.registrations.len()).any(|at| alone(at) && may_gp(self, at));
            assert!(somebody || !areas.contains(&one.lsoa), "{}", self.fault(&format!("person {person} is published")));
        }
    }

    /// No file of the records, listed or not, holds an entry that may not be published.
    fn finds_nothing_left(&self) {
        let (entries, admissions) = self.expected();
        let records = self.place.path("home/records");
        let gone: Vec<&str> = self
            .entries
            .iter()
            .map(|entry| entry.value.as_str())
            .filter(|value| !entries.contains(*value))
            .chain(self.admissions.iter().map(|one| one.code.as_str()).filter(|code| !admissions.contains(*code)))
            .collect();
        for file in files_under(&records) {
            if file.extension().is_some_and(|extension| extension == "parquet") {
                let text = common::text_of(&file);
                for value in &gone {
                    assert!(!text.contains(&format!("|{value}|")), "{}", self.fault(&format!("{value} is left")));
                }
            }
        }
    }
}

/// The `n`th day from 1 January 2005 on, of months of 28 days.
fn date(n: u32) -> String {
    format!("{}-{:02}-{:02}", 2005 + n / 336, n / 28 % 12 + 1, n % 28 + 1)
}

fn play(seed: u64) {
    let mut town = Town::new(seed);
    for _ in 0..MONTHS {
        town.a_month_passes();
        town.lives();
        town.runs();
        if town.dice.chance(40) {
            town.lives();
            town.runs();
        }
        if town.dice.chance(50) {
            town.lives();
            town.purges();
        }
    }
    succeeds(&town.place.caredata("home", &["fsck"]));
}

/// `CAREDATA_SEEDS=FIRST..END` says which seeds are played.
#[test]
fn random_histories_end_as_the_oracle_says() {
    let seeds = match std::env::var("CAREDATA_SEEDS") {
        Ok(text) => {
            let (first, end) = text.split_once("..").expect("FIRST..END");
            first.parse().expect("a seed")..end.parse().expect("a seed")
        }
        Err(_) => 1..1 + SEEDS,
    };
    for seed in KEPT.into_iter().chain(seeds) {
        play(seed);
    }
}

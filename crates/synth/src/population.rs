//! The people: households made block by block in parallel, then carried from month to month.
//!
//! Invariant: a person's serial is its place in the list and never changes; a household made at the start is a run of
//! serials; people who are born or arrive later are added at the end.

use crate::draw::{Chance, Draw, Purpose};
use crate::ethnicity::{self, Ethnicity};
use crate::illness::{self, Illness};
use crate::numbers::PEOPLE_MAX;
use crate::places::{Communal, Places};
use caredata_model::Day;
use rayon::prelude::*;

/// People made from one stream of draws.
const BLOCK: u32 = 4096;
/// No day: not dead, not delivered, not left.
pub(crate) const NEVER: i32 = i32::MAX;
/// No practice.
pub(crate) const NO_PRACTICE: u16 = u16::MAX;
const NO_PLACE: u32 = u32::MAX;
/// The share of people with a GP.
const REGISTERED: f64 = 0.97;
/// The share of people with a GP who have two.
const AT_TWO_PRACTICES: f64 = 0.004;
/// The share of maternities that bring twins, so that 1.4% of births are twins'.
const TWIN_MATERNITIES: f64 = 0.00705;
/// The share of households who live at a communal address alone.
const COMMUNAL_HOUSEHOLDS: f64 = 0.016;
/// The share of households that remember an earlier address.
pub(crate) const MOVERS: f64 = 0.5;

/// One person, packed: a million of them take 60 MB.
#[derive(Clone, Copy)]
pub(crate) struct Person {
    /// Days since 1970-01-01, as all days here.
    pub(crate) birth: i32,
    pub(crate) death: i32,
    /// The day of the latest delivery, for mothers.
    pub(crate) delivery: i32,
    /// When the person came to the first practice.
    pub(crate) registered: i32,
    /// When the person left the second practice; [`NEVER`] while at both.
    pub(crate) second_left: i32,
    pub(crate) home: u32,
    earlier: u32,
    /// The first serial of the household.
    pub(crate) household: u32,
    pub(crate) practice: u16,
    pub(crate) second: u16,
    pub(crate) illness: Illness,
    pub(crate) members: u8,
    pub(crate) ethnicity: Ethnicity,
    pub(crate) female: bool,
    pub(crate) twin: Twin,
}

/// Where a person's twin stands in the list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Twin {
    None,
    Before,
    After,
}

impl Person {
    pub(crate) fn age(&self, day: i32) -> i32 {
        (day - self.birth).div_euclid(365)
    }

    pub(crate) fn earlier_home(&self) -> Option<u32> {
        (self.earlier != NO_PLACE).then_some(self.earlier)
    }

    pub(crate) fn alive_on(&self, day: i32) -> bool {
        self.birth <= day && day <= self.death
    }
}

/// The days that a set of files tells of, both ends included.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub(crate) first: i32,
    pub(crate) last: i32,
}

impl Window {
    pub(crate) fn contains(self, day: i32) -> bool {
        (self.first..=self.last).contains(&day)
    }

    pub(crate) fn years(self) -> f64 {
        f64::from(self.last - self.first + 1) / 365.0
    }
}

/// Everybody, and where they live.
pub(crate) struct Population {
    pub(crate) people: Vec<Person>,
    pub(crate) places: Places,
}

impl Population {
    /// The people at the start, with the births and deaths of the first window.
    pub(crate) fn new(count: u32, seed: u64, window: Window, chance: &Chance) -> Self {
        let places = Places::new(count, seed);
        let blocks: Vec<Vec<Person>> = (0..count.div_ceil(BLOCK))
            .into_par_iter()
            .map(|block| {
                let first = block * BLOCK;
                let size = BLOCK.min(count - first);
                let draw = chance.stream(Purpose::Households, 0, block);
                Maker { places: &places, window, draw, first, size, people: Vec::with_capacity(size as usize) }.fill()
            })
            .collect();
        Self { people: blocks.into_iter().flatten().collect(), places }
    }

    /// The serial whose number is taken for this person's by mistake: of the household, or of somebody close by.
    pub(crate) fn relative(&self, serial: u32, draw: &mut Draw) -> u32 {
        let person = &self.people[serial as usize];
        let (first, members) = (person.household, u32::from(person.members));
        // Nobody's number is taken for yours as easily as your twin's.
        match person.twin {
            Twin::Before if draw.chance(0.6) => return serial - 1,
            Twin::After if draw.chance(0.6) => return serial + 1,
            Twin::None | Twin::Before | Twin::After => {}
        }
        let within = serial.checked_sub(first).filter(|&place| place < members);
        match within {
            Some(place) if members > 1 => first + (place + 1 + draw.below(members - 1)) % members,
            None => first + draw.below(members.max(1)),
            Some(_) => {
                let near = serial.saturating_sub(4) + draw.below(9);
                let near = near.min(self.people.len() as u32 - 1);
                if near == serial { if serial == 0 { 1 } else { serial - 1 } } else { near }
            }
        }
    }

    /// Carries everybody through a month: deaths, moves, births, arrivals.
    pub(crate) fn advance(&mut self, month: u32, window: Window, chance: &Chance) {
        let before = self.people.len() as u32;
        for serial in 0..before {
            let mut draw = chance.stream(Purpose::Change, month, serial);
            let person = self.people[serial as usize];
            if person.death < window.first {
                continue;
            }
            self.people[serial as usize].death = death_day(&person, window, &mut draw);
            if person.household == serial && draw.chance(0.008) {
                self.move_household(serial, window, &mut draw);
            }
            let fertile = fertility(&person, window.first) * window.years();
            if person.delivery.saturating_add(400) < window.first || person.delivery == NEVER {
                let day = draw.between(window.first, window.last);
                if draw.chance(fertile) && person.alive_on(day) {
                    self.born(serial, day, &mut draw);
                }
            }
            if draw.chance(0.000_8) {
                self.arrive(window, &mut draw);
            }
        }
    }

    fn move_household(&mut self, head: u32, window: Window, draw: &mut Draw) {
        let from = self.people[head as usize].home;
        let to = self.places.move_from(from, draw);
        let day = draw.between(window.first, window.last);
        let practice = self.places.practice(to, draw);
        for serial in head..head + u32::from(self.people[head as usize].members) {
            let person = &mut self.people[serial as usize];
            person.earlier = person.home;
            person.home = to;
            // Who moves far changes practice: the old one keeps a row with the day of leaving.
            if person.practice != NO_PRACTICE && from.abs_diff(to) > 100 && person.practice != practice {
                (person.second, person.second_left) = (person.practice, day);
                (person.practice, person.registered) = (practice, day);
            }
        }
    }

    fn born(&mut self, mother: u32, day: i32, draw: &mut Draw) {
        self.people[mother as usize].delivery = day;
        let mother = self.people[mother as usize];
        let mut child = Person {
            birth: day,
            death: NEVER,
            delivery: NEVER,
            registered: day + draw.between(3, 30),
            second: NO_PRACTICE,
            earlier: NO_PLACE,
            illness: Illness::NONE,
            female: draw.chance(0.49),
            twin: Twin::None,
            ..mother
        };
        if self.people.len() as u32 >= PEOPLE_MAX - 2 {
            return;
        }
        if draw.chance(TWIN_MATERNITIES) {
            child.twin = Twin::After;
            self.people.push(child);
            child.twin = Twin::Before;
            child.female ^= draw.chance(1.0 / 3.0);
        }
        self.people.push(child);
    }

    fn arrive(&mut self, window: Window, draw: &mut Draw) {
        let serial = self.people.len() as u32;
        if serial >= PEOPLE_MAX - 2 {
            return;
        }
        let day = draw.between(window.first, window.last);
        let mut maker =
            Maker { places: &self.places, window, draw: draw.child(), first: serial, size: 1, people: Vec::new() };
        maker.household();
        if let Some(mut person) = maker.people.pop() {
            (person.registered, person.death, person.delivery) = (day, NEVER, NEVER);
            (person.household, person.members, person.twin) = (serial, 1, Twin::None);
            self.people.push(person);
        }
    }
}

/// The day of death, where it falls in the window.
fn death_day(person: &Person, window: Window, draw: &mut Draw) -> i32 {
    let age = f64::from(person.age(window.last).max(0));
    // Gompertz: the rate of death doubles every eight years or so; illness adds to it.
    let yearly = (0.000_03 * (age * 0.092).exp() + 0.000_15) * f64::from(1 + person.illness.count());
    let day = draw.between(window.first, window.last);
    if draw.chance((yearly * window.years()).min(0.5)) && day >= person.birth { day } else { NEVER }
}

/// Births a year to a woman of this age.
fn fertility(person: &Person, day: i32) -> f64 {
    if !person.female {
        return 0.0;
    }
    match person.age(day) {
        16..20 => 0.02,
        20..25 => 0.065,
        25..30 => 0.1,
        30..35 => 0.105,
        35..40 => 0.055,
        40..45 => 0.012,
        _ => 0.0,
    }
}

/// Makes the households of one block.
struct Maker<'a> {
    places: &'a Places,
    window: Window,
    draw: Draw,
    first: u32,
    size: u32,
    people: Vec<Person>,
}

/// The kinds of household.
#[derive(Clone, Copy)]
enum Household {
    Alone,
    Couple,
    Family,
    LoneParent,
    Sharers,
    ThreeGenerations,
}

const HOUSEHOLDS: [(u32, Household); 6] = [
    (29, Household::Alone),
    (27, Household::Couple),
    (24, Household::Family),
    (9, Household::LoneParent),
    (8, Household::Sharers),
    (3, Household::ThreeGenerations),
];

impl Maker<'_> {
    fn fill(mut self) -> Vec<Person> {
        while (self.people.len() as u32) < self.size {
            self.household();
        }
        self.people.truncate(self.size as usize);
        self.mend_the_cut();
        self.people
    }

    /// The block's end may cut through its last household: what is left must agree about its size and its twins.
    fn mend_the_cut(&mut self) {
        let end = self.first + self.people.len() as u32;
        let Some(household) = self.people.last().map(|person| person.household) else { return };
        let start = (household - self.first) as usize;
        for person in &mut self.people[start..] {
            person.members = (end - household) as u8;
        }
        if let Some(last) = self.people.last_mut().filter(|person| person.twin == Twin::After) {
            last.twin = Twin::None;
        }
    }

    fn household(&mut self) {
        let start = self.people.len();
        let communal = self.draw.chance(COMMUNAL_HOUSEHOLDS);
        let ethnicity = ethnicity::draw(&mut self.draw);
        let home = if communal {
            let (home, kind) = self.places.communal(&mut self.draw);
            self.resident(kind, ethnicity, home);
            home
        } else {
            let home = self.places.anywhere(&mut self.draw);
            self.private(ethnicity, home);
            home
        };
        let moved = self.draw.chance(MOVERS);
        let earlier = if moved { self.places.move_from(home, &mut self.draw) } else { NO_PLACE };
        let practice = self.places.practice(home, &mut self.draw);
        let household = self.first + start as u32;
        let members = (self.people.len() - start) as u8;
        for index in start..self.people.len() {
            self.people[index].household = household;
            self.people[index].members = members;
            self.people[index].earlier = earlier;
            self.settle(index, practice);
        }
    }

    /// Practice, illness and death of one person whose household is known.
    fn settle(&mut self, index: usize, practice: u16) {
        let mut person = self.people[index];
        let draw = &mut self.draw;
        let practice = if draw.chance(0.9) { practice } else { self.places.practice(person.home, draw) };
        if draw.chance(REGISTERED) {
            person.practice = practice;
            if draw.chance(AT_TWO_PRACTICES) {
                let step = 1 + draw.below(u32::from(self.places.practices()) - 1) as u16;
                person.second = (practice + step) % self.places.practices();
            }
        }
        let since = draw.between(person.birth.max(self.window.last - 9_000), self.window.last);
        person.registered = since.max(person.birth);
        let deprivation = self.places.deprivation(person.home);
        person.illness = illness::draw(person.age(self.window.last), deprivation, draw);
        person.death = death_day(&person, self.window, draw);
        self.people[index] = person;
    }

    fn resident(&mut self, kind: Communal, ethnicity: Ethnicity, home: u32) {
        let (low, high, women) = match kind {
            Communal::CareHome => (76, 102, 0.7),
            Communal::Prison => (18, 62, 0.05),
            Communal::Hall => (18, 22, 0.52),
        };
        let age = self.draw.between(low, high);
        let female = self.draw.chance(women);
        self.add_alone(age, female, ethnicity, home);
    }

    fn private(&mut self, ethnicity: Ethnicity, home: u32) {
        let woman = self.draw.chance(0.5);
        match self.draw.weighted(&HOUSEHOLDS) {
            Household::Alone => {
                let age = if self.draw.chance(0.45) { self.draw.between(66, 96) } else { self.draw.between(20, 75) };
                self.add(age, woman, ethnicity, home);
            }
            Household::Couple => {
                let age = self.draw.between(21, 88);
                self.couple(age, ethnicity, home);
            }
            Household::Family => {
                let age = self.draw.between(22, 52);
                let mother = self.couple(age, ethnicity, home);
                self.children(mother, age, ethnicity, home);
            }
            Household::LoneParent => {
                let age = self.draw.between(19, 52);
                let parent_is_mother = self.draw.chance(0.86);
                let parent = self.add(age, parent_is_mother, ethnicity, home);
                self.children(parent, age, ethnicity, home);
            }
            Household::Sharers => {
                for _ in 0..self.draw.between(2, 5) {
                    let (age, female) = (self.draw.between(18, 34), self.draw.chance(0.5));
                    self.add(age, female, ethnicity, home);
                }
            }
            Household::ThreeGenerations => {
                let age = self.draw.between(24, 48);
                let mother = self.couple(age, ethnicity, home);
                self.children(mother, age, ethnicity, home);
                let older = age + self.draw.between(22, 36);
                self.couple(older.min(97), ethnicity, home);
            }
        }
    }

    /// A woman and, usually, a man of about her age; returns her place in the block.
    fn couple(&mut self, age: i32, ethnicity: Ethnicity, home: u32) -> usize {
        let woman = self.add(age, true, ethnicity, home);
        let other = (self.draw.near(f64::from(age) + 2.0, 4.0) as i32).clamp(18, 100);
        let female = self.draw.chance(0.02);
        let ethnicity = if self.draw.chance(0.9) { ethnicity } else { ethnicity::draw(&mut self.draw) };
        self.add(other, female, ethnicity, home);
        woman
    }

    fn children(&mut self, parent: usize, parent_age: i32, ethnicity: Ethnicity, home: u32) {
        let oldest = (parent_age - 18).clamp(0, 22);
        let count = self.draw.weighted(&[(42, 1), (40, 2), (13, 3), (5, 4)]);
        for _ in 0..count {
            let age = self.draw.between(0, oldest.min(20));
            let female = self.draw.chance(0.49);
            let child = self.add(age, female, ethnicity, home);
            let born = self.people[child].birth;
            if self.window.contains(born) && self.people[parent].female {
                self.people[parent].delivery = born;
            }
        }
    }

    /// One person of a private household, or two where there is a twin; returns the first one's place in the block.
    ///
    /// Adults' twins live with them too, far more often than in life: two people who share all but the number are what
    /// linkage finds hardest, and are kept at every age.
    fn add(&mut self, age: i32, female: bool, ethnicity: Ethnicity, home: u32) -> usize {
        let first = self.add_alone(age, female, ethnicity, home);
        if self.draw.chance(TWIN_MATERNITIES) {
            let mut twin = self.people[first];
            twin.female ^= self.draw.chance(1.0 / 3.0);
            twin.twin = Twin::Before;
            self.people[first].twin = Twin::After;
            self.people.push(twin);
        }
        first
    }

    fn add_alone(&mut self, age: i32, female: bool, ethnicity: Ethnicity, home: u32) -> usize {
        let (year, month, day) = crate::text::civil(self.window.last);
        let birthday = Day::new(year - age, month, day.min(28)).map_or(0, Day::days_since_1970);
        self.people.push(Person {
            birth: birthday - self.draw.between(0, 364),
            death: NEVER,
            delivery: NEVER,
            registered: birthday,
            second_left: NEVER,
            home,
            earlier: NO_PLACE,
            household: 0,
            practice: NO_PRACTICE,
            second: NO_PRACTICE,
            illness: Illness::NONE,
            members: 1,
            ethnicity,
            female,
            twin: Twin::None,
        });
        self.people.len() - 1
    }
}

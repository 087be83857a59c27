//! What linked events teach about persons, for the events that were not linked at once: postcodes they bore, and the patient
//! ids under which providers know them.
//!
//! Linked events and the index -> lookups by person, by patient id and by date of birth with postcode. Invariant: only events
//! linked with near certainty teach, so that no chain of weak links forms.

use crate::Record;
use crate::blocking::{Found, MOST_A_RULE, Rule, each_once};
use crate::compare::{Event, Moved};
use crate::earlier::Lesson;
use crate::index::{Certainty, Index};
use crate::key_index::{KeyIndex, mix};
use crate::keys;
use crate::levels::{self, BirthLevel, NhsLevel, PostcodeLevel};
use crate::model::Parameters;
use crate::numbers::Numbers;
use crate::reference::Reference;
use crate::score::{NOBODY, Scorer, Verdict};
use crate::sets::{KeySet, Marks};
use caredata_model::Identifiers;
use rayon::prelude::*;

/// An event's first verdict stands if its probability is at least this.
const SURE: f64 = 0.999;

/// What is remembered.
pub(crate) struct Remembered {
    /// What linked events say that bear a postcode which their person was not known by, and their persons.
    moved: Vec<(Identifiers, u32)>,
    moved_of_person: KeyIndex,
    /// Persons of `moved`.
    movers: Marks,
    moved_by_birth_postcode: KeyIndex,
    households: Households,
    /// Patient ids that doubtful events bear, and the persons whom sure events or the index show under them.
    local: Vec<(u64, u32)>,
    local_by_key: KeyIndex,
    /// Numbered records under those patient ids.
    numbers: Vec<(u64, Identifiers)>,
    numbers_by_key: KeyIndex,
}

/// What was known before the run.
#[derive(Clone, Copy)]
pub(crate) struct Before<'a> {
    pub(crate) index: &'a Index,
    /// What the index's events teach.
    pub(crate) lessons: &'a [Lesson],
}

/// Whether a verdict is sure enough to stand.
pub(crate) fn is_sure(verdict: &Verdict) -> bool {
    verdict.person != NOBODY && verdict.probability >= SURE
}

/// Which sure verdicts may teach.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Teachers {
    /// Those whose number agrees: of twins, of whom one is known, the other is linked with near certainty to the wrong one while
    /// it has no number.
    Numbered,
    /// All, once unnumbered events were judged with the numbers that their patient ids lend.
    Sure,
}

fn teaches(verdict: &Verdict, teachers: Teachers) -> bool {
    is_sure(verdict) && (teachers == Teachers::Sure || is_numbered(verdict))
}

fn is_numbered(verdict: &Verdict) -> bool {
    verdict.pattern.is_some_and(|pattern| pattern.nhs <= NhsLevel::Near)
}

/// How sure a verdict is, for the index to remember.
pub(crate) fn certainty(verdict: &Verdict) -> Certainty {
    match (is_sure(verdict), is_numbered(verdict)) {
        (false, _) => Certainty::Open,
        (true, false) => Certainty::Sure,
        (true, true) => Certainty::Numbered,
    }
}

impl Remembered {
    pub(crate) fn gather(
        scorer: &Scorer<'_>,
        before: Before<'_>,
        events: &[Record],
        verdicts: &[Verdict],
        use_local_ids: bool,
        teachers: Teachers,
    ) -> Self {
        let mut moved: Vec<(Identifiers, u32)> = verdicts
            .par_iter()
            .zip(events)
            .filter(|(verdict, _)| teaches(verdict, teachers))
            .filter(|(verdict, _)| verdict.pattern.is_some_and(|p| p.postcode > PostcodeLevel::Earlier))
            .filter(|(_, event)| keys::place(event.identifiers).is_some())
            .map(|(verdict, event)| (event.identifiers, verdict.person))
            .collect();
        let lessons: Vec<&Lesson> =
            before.lessons.par_iter().filter(|one| one.numbered || teachers == Teachers::Sure).collect();
        moved.par_extend(
            lessons.par_iter().filter(|one| has_moved(scorer.reference, one)).map(|one| (one.identifiers, one.person)),
        );
        let asked = if use_local_ids { asked(events, verdicts) } else { KeySet::of(&[]) };
        let local = persons_by_local_id(&lessons, events, verdicts, &asked, teachers);
        let numbers = numbers_by_local_id(scorer.reference.numbers, before.index, events, &asked);
        Self {
            households: Households::of(scorer, &moved),
            movers: Marks::of(scorer.reference.persons(), moved.iter().map(|&(_, person)| person)),
            moved_of_person: KeyIndex::build(moved.len(), |at| mix(10, u64::from(moved[at].1), 0)),
            moved_by_birth_postcode: KeyIndex::build(moved.len(), |at| keys::birth_postcode(moved[at].0)),
            moved,
            local_by_key: KeyIndex::build(local.len(), |at| local[at].0),
            local,
            numbers_by_key: KeyIndex::build(numbers.len(), |at| numbers[at].0),
            numbers,
        }
    }

    /// Adds the persons that only what is remembered leads to.
    pub(crate) fn find(
        &self,
        reference: &Reference<'_>,
        event: &Event,
        record: &Record,
        to: &Moved,
        found: &mut Vec<Found>,
    ) {
        let before = found.len();
        for rule in [Rule::BirthHouseholdPostcode, Rule::BirthEarlierPostcode, Rule::LocalId] {
            self.find_by(rule, reference, event, record, to, found);
        }
        if found.len() > before {
            each_once(found);
        }
    }

    /// Adds the persons that one of the rules finds which rest on what is remembered.
    pub(crate) fn find_by(
        &self,
        rule: Rule,
        reference: &Reference<'_>,
        event: &Event,
        record: &Record,
        to: &Moved,
        found: &mut Vec<Found>,
    ) {
        if rule == Rule::LocalId {
            found.extend(self.persons_under(key_of(record)).map(|person| Found { person, rule }));
        } else if rule == Rule::BirthEarlierPostcode && event.has_birth() {
            let moved = self.moved_by_birth_postcode.find(keys::birth_postcode(event.identifiers));
            let persons = moved.take(MOST_A_RULE).map(|at| self.moved[at as usize].1);
            found.extend(persons.map(|person| Found { person, rule }));
        } else if rule == Rule::BirthHouseholdPostcode && event.has_birth() {
            let index = &reference.by_birth_postcode;
            // All are looked up before any is read, so that the waits for memory overlap.
            let mut places = [const { (0, 0..0) }; Households::MOST];
            for (place, &postcode) in places.iter_mut().zip(&to.to) {
                let key = keys::birth_at(event.birth, postcode);
                *place = (key, index.range(key));
            }
            for (key, range) in places.into_iter().take(to.to.len()) {
                let rows = index.find_in(range, key);
                let persons = rows.take(MOST_A_RULE).map(|row| reference.person_of_row[row as usize]);
                found.extend(persons.map(|person| Found { person, rule }));
            }
        }
    }

    /// Where people live now who are known by the event's postcode, and what living there weighs.
    pub(crate) fn moved_from(&self, event: &Event, moved: &mut Moved) {
        self.households.moved_from(event.postcode, moved);
    }

    /// log2 of the share of records of known people that bear a postcode at which the household is known from others.
    pub(crate) fn household_bits(&self, parameters: &Parameters) -> f32 {
        (parameters.away() * self.households.share).log2() as f32
    }

    fn persons_under(&self, key: u64) -> impl Iterator<Item = u32> + '_ {
        self.local_by_key.find(key).map(|at| self.local[at as usize]).filter(move |l| l.0 == key).map(|l| l.1)
    }

    /// An event without a number as it would be with the one number that its patient id is known under, if the dates of birth
    /// fit: somebody known and somebody unknown are told apart by it as by a number of the event's own.
    pub(crate) fn lend_number(&self, record: &Record) -> Option<Record> {
        if keys::digits(record.identifiers) != 0 {
            return None;
        }
        let key = key_of(record);
        let numbered = self.numbers_by_key.find(key).map(|at| &self.numbers[at as usize]);
        let mut numbers =
            numbered.filter(|(other, of)| *other == key && fits(*of, record.identifiers)).map(|(_, of)| *of);
        let lender = numbers.next()?;
        if numbers.any(|other| keys::digits(other) != keys::digits(lender)) {
            return None;
        }
        Some(Record { identifiers: with_number_of(record.identifiers, lender), ..*record })
    }

    /// The persons who are known under the record's patient id.
    pub(crate) fn known_under(&self, record: &Record, persons: &mut Vec<u32>) {
        persons.extend(self.persons_under(key_of(record)));
    }

    /// The postcodes that linked events of the person bore beside the known ones.
    pub(crate) fn postcodes_of(&self, person: u32, postcodes: &mut Vec<u64>) {
        if !self.movers.contains(person) {
            return;
        }
        let moved = self.moved_of_person.find(mix(10, u64::from(person), 0)).map(|at| self.moved[at as usize]);
        postcodes.extend(moved.filter(|&(_, other)| other == person).map(|(of, _)| keys::postcode(of)));
    }
}

/// From where to where people moved, as linked events tell: families move together.
struct Households {
    /// Pairs of an event's postcode and one at which its person lives, sorted, each with the share of people who live there.
    moves: Vec<(u64, u64, f32)>,
    by_postcode: KeyIndex,
    /// Of the people who moved, the share for whom somebody else tells of the same move.
    share: f64,
}

impl Households {
    /// More targets than this are a communal address or a pseudo-postcode that many pass through: it tells nothing.
    const MOST: usize = 32;

    fn of(scorer: &Scorer<'_>, moved: &[(Identifiers, u32)]) -> Self {
        let reference = scorer.reference;
        let told = |&(of, person): &(Identifiers, u32)| {
            let from = keys::postcode(of);
            let rows = reference.rows_of(person).iter().map(|&row| reference.rows[row as usize]);
            rows.filter(|&row| keys::place(row).is_some()).map(move |row| (from, keys::postcode(row), person))
        };
        let mut told: Vec<(u64, u64, u32)> = moved.par_iter().flat_map_iter(told).collect();
        told.par_sort_unstable();
        told.dedup();
        let (mut pairs, mut together) = (Vec::new(), 0);
        for persons in told.chunk_by(|one, next| (one.0, one.1) == (next.0, next.1)) {
            together += if persons.len() > 1 { persons.len() } else { 0 };
            let (from, to, _) = persons[0];
            pairs.push((from, to, scorer.frequencies.postcode(to) as f32));
        }
        // A beginning for data that tell of no household yet.
        let share = (together as f64 + 1.0) / (told.len() as f64 + 10.0);
        let by_postcode = KeyIndex::build(pairs.len(), |at| mix(15, pairs[at].0, 0));
        Self { moves: pairs, by_postcode, share }
    }

    fn moved_from(&self, postcode: u64, moved: &mut Moved) {
        moved.to.clear();
        if postcode == 0 {
            return;
        }
        let mut share = 0.0;
        for at in self.by_postcode.find(mix(15, postcode, 0)) {
            let (from, to, people) = self.moves[at as usize];
            if from == postcode {
                moved.to.push(to);
                share += people;
            }
        }
        if moved.to.len() > Self::MOST {
            moved.to.clear();
        }
        moved.to.sort_unstable();
        moved.bits = -share.log2();
    }
}

fn fits(a: Identifiers, b: Identifiers) -> bool {
    match (keys::civil(a), keys::civil(b)) {
        (Some(a), Some(b)) => levels::birth(a, b) != BirthLevel::Other,
        (Some(_) | None, None) | (None, Some(_)) => true,
    }
}

/// Whether an event is judged again in the second round: it is in doubt, or it has no number while its patient id may lend
/// one.
pub(crate) fn asks(verdict: &Verdict, event: &Record, use_local_ids: bool) -> bool {
    !is_sure(verdict) || (use_local_ids && event.local_id != 0 && keys::digits(event.identifiers) == 0)
}

/// The keys of patient ids that events to be judged again bear.
fn asked(events: &[Record], verdicts: &[Verdict]) -> KeySet {
    let asking = events.par_iter().zip(verdicts).filter(|(event, verdict)| asks(verdict, event, true));
    KeySet::of(&asking.map(|(event, _)| key_of(event)).collect::<Vec<u64>>())
}

/// The identifiers with which events without a number may be judged in a later round: with any number that their patient id is
/// known under. More than will be lent, never less.
pub(crate) fn loans(numbers: Numbers, index: &Index, events: &[Record]) -> Vec<Identifiers> {
    let borrows = |event: &&Record| event.local_id != 0 && keys::digits(event.identifiers) == 0;
    let borrowers: Vec<&Record> = events.par_iter().filter(borrows).collect();
    let asked: Vec<u64> = borrowers.par_iter().map(|event| key_of(event)).collect();
    let lendable = numbers_by_local_id(numbers, index, events, &KeySet::of(&asked));
    let lent = borrowers.par_iter().flat_map_iter(|event| {
        let key = key_of(event);
        let from = lendable.partition_point(|&(other, _)| other < key);
        let own = lendable[from..].iter().take_while(move |&&(other, _)| other == key);
        own.map(|&(_, of)| with_number_of(event.identifiers, of))
    });
    lent.collect()
}

fn with_number_of(own: Identifiers, lender: Identifiers) -> Identifiers {
    Identifiers::new(lender.nhs_digits(), own.birth_date(), own.postcode(), own.gender())
}

fn key_of(record: &Record) -> u64 {
    keys::local(record.provider, record.local_id)
}

/// Pairs of patient id (as a key) and person, for those ids that are asked about.
fn persons_by_local_id(
    lessons: &[&Lesson],
    events: &[Record],
    verdicts: &[Verdict],
    asked: &KeySet,
    teachers: Teachers,
) -> Vec<(u64, u32)> {
    let mut local: Vec<(u64, u32)> = events
        .par_iter()
        .zip(verdicts)
        .filter(|(event, verdict)| teaches(verdict, teachers) && asked.contains(key_of(event)))
        .map(|(event, verdict)| (key_of(event), verdict.person))
        .collect();
    local.par_extend(lessons.par_iter().filter(|one| asked.contains(one.local)).map(|one| (one.local, one.person)));
    local.par_sort_unstable();
    local.dedup();
    local
}

/// Whether a lesson tells of a postcode that its person is not known by.
fn has_moved(reference: &Reference<'_>, lesson: &Lesson) -> bool {
    let postcode = keys::postcode(lesson.identifiers);
    let rows = reference.rows_of(lesson.person).iter().map(|&row| reference.rows[row as usize]);
    keys::place(lesson.identifiers).is_some() && !rows.map(keys::postcode).any(|known| known == postcode)
}

/// Pairs of patient id (as a key) and the identifiers of a numbered record under it, one for each number.
fn numbers_by_local_id(scheme: Numbers, index: &Index, events: &[Record], asked: &KeySet) -> Vec<(u64, Identifiers)> {
    let numbered = |key: u64, of: Identifiers| (asked.contains(key) && scheme.possible(of) != 0).then_some((key, of));
    let mut numbers: Vec<(u64, Identifiers)> =
        events.par_iter().filter_map(|event| numbered(key_of(event), event.identifiers)).collect();
    numbers.par_extend(
        index.observations().par_iter().filter_map(|o| numbered(keys::local(o.provider, o.local_id), o.identifiers)),
    );
    numbers.par_sort_unstable();
    numbers.dedup_by_key(|&mut (key, of)| (key, keys::digits(of), of.birth_packed()));
    numbers
}

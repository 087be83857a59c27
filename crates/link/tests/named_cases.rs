//! The cases that linkage is known to go wrong in, each with the outcome that is right.

mod common;

use caredata_link::{Decisions, Index, Link, Record, Settings, Status, link_and_candidates};
use caredata_model::{Gender, Identifiers, Postcode};
use common::{Dice, Person, identifiers, link, number, people, person_id, postcode, record};

const HOME: &str = "YO10 3DD";
const NEW_HOME: &str = "HG2 7QQ";

/// A crowd of registrations around the case, so that frequencies and learning have something to go by, and their events.
fn crowd() -> (Vec<Record>, Vec<Record>) {
    let mut dice = Dice(42);
    let people = people(20_000, &mut dice);
    let keyed = |offset: u64, n: usize| Dice(offset + n as u64).roll();
    let registrations =
        people.iter().enumerate().map(|(n, p)| record(keyed(1 << 40, n), p.identifiers(), n as u32 % 9, 1)).collect();
    let events = people.iter().enumerate().step_by(4);
    let events = events.map(|(n, p)| record(keyed(1 << 41, n), p.identifiers(), 100, 2)).collect();
    (registrations, events)
}

struct Case {
    registrations: Vec<Record>,
    events: Vec<Record>,
}

impl Case {
    fn new() -> Self {
        let (registrations, events) = crowd();
        Self { registrations, events }
    }

    fn register(&mut self, person: Identifiers) -> usize {
        let n = self.registrations.len();
        self.registrations.push(record(7_000 + n as u64, person, 50, 1));
        n
    }

    fn event(&mut self, of: Identifiers) -> usize {
        let n = self.events.len();
        self.events.push(record(9_000_000 + n as u64, of, 101, 2));
        n
    }

    fn run(&self) -> (Vec<Link>, Vec<Link>) {
        let linkage = link(&Settings::default(), &self.registrations, &self.events);
        (linkage.registrations, linkage.events)
    }
}

fn adult(n: u64, born: (i32, u32, u32), sex: Gender) -> Person {
    Person { nhs: number(5_000_000 + n), born, postcode: postcode(HOME), sex }
}

fn at(person: Person, place: Option<Postcode>) -> Identifiers {
    identifiers(person.nhs, person.born, place, person.sex)
}

#[test]
fn a_newborn_under_the_mothers_number_is_not_the_mother() {
    let mother = adult(1, (1985, 6, 14), Gender::Female);
    let mut case = Case::new();
    case.register(mother.identifiers());
    let newborn = identifiers(mother.nhs, (2014, 4, 14), Some(mother.postcode), Gender::Female);
    let event = case.event(newborn);
    let mothers = case.event(mother.identifiers());
    let (registrations, events) = case.run();
    let mother = registrations[registrations.len() - 1].person;
    assert_ne!(events[event].person, mother, "the newborn's record under the mother's number");
    assert_eq!(events[mothers].person, mother);
}

#[test]
fn a_registered_newborn_under_the_mothers_number_is_found() {
    let mother = adult(1, (1985, 6, 14), Gender::Female);
    let child = adult(2, (2014, 4, 1), Gender::Female);
    let mut case = Case::new();
    case.register(mother.identifiers());
    let row = case.register(child.identifiers());
    let event = case.event(identifiers(mother.nhs, child.born, Some(child.postcode), child.sex));
    let (registrations, events) = case.run();
    assert_eq!(events[event].person, registrations[row].person);
    assert_eq!(events[event].status, Status::Linked);
}

#[test]
fn a_sibling_under_a_wrong_number_goes_to_the_birthday_not_the_number() {
    let (older, younger) = (adult(1, (2003, 5, 9), Gender::Male), adult(2, (2006, 11, 23), Gender::Male));
    let mut case = Case::new();
    let row = case.register(older.identifiers());
    case.register(younger.identifiers());
    let event = case.event(identifiers(younger.nhs, older.born, Some(older.postcode), older.sex));
    let (registrations, events) = case.run();
    assert_eq!(events[event].person, registrations[row].person);
}

#[test]
fn twins_stay_two_and_a_record_without_a_number_goes_to_neither() {
    let (one, other) = (adult(1, (1999, 2, 3), Gender::Male), adult(2, (1999, 2, 3), Gender::Male));
    let mut case = Case::new();
    let first = case.register(one.identifiers());
    let second = case.register(other.identifiers());
    let ones = case.event(one.identifiers());
    let others = case.event(at(other, None));
    let either = case.event(identifiers(0, one.born, Some(one.postcode), one.sex));
    let (registrations, events) = case.run();
    let (one, other) = (registrations[first].person, registrations[second].person);
    assert_ne!(one, other);
    assert_eq!(events[ones].person, one);
    assert_eq!(events[others].person, other);
    assert_eq!(events[either].status, Status::Review);
    assert!(events[either].person != one && events[either].person != other, "a person of its own");
}

#[test]
fn boy_and_girl_twins_under_one_number_leave_a_doubt() {
    // A slip in the gender is about as likely as the sister's number on the brother's record: neither is sure.
    let (girl, boy) = (adult(1, (2009, 2, 3), Gender::Female), adult(2, (2009, 2, 3), Gender::Male));
    let mut case = Case::new();
    case.register(girl.identifiers());
    case.register(boy.identifiers());
    let doubtful = case.event(identifiers(girl.nhs, boy.born, Some(boy.postcode), boy.sex));
    let sure = case.event(girl.identifiers());
    let (_, events) = case.run();
    assert!(events[doubtful].probability < Some(0.97), "{:?}", events[doubtful].probability);
    assert!(events[sure].probability > Some(0.999), "{:?}", events[sure].probability);
}

#[test]
fn an_unregistered_twin_with_a_number_of_its_own_is_somebody_else() {
    let (one, other) = (adult(1, (1999, 2, 3), Gender::Male), adult(2, (1999, 2, 3), Gender::Male));
    let mut case = Case::new();
    let row = case.register(one.identifiers());
    let event = case.event(other.identifiers());
    let (registrations, events) = case.run();
    assert_ne!(events[event].person, registrations[row].person);
}

#[test]
fn a_superseded_number_is_followed_through_the_index() {
    let before = adult(1, (1961, 8, 30), Gender::Female);
    let after = Person { nhs: number(6_000_000), ..before };
    let mut case = Case::new();
    let row = case.register(before.identifiers());
    let first = caredata_link::link(&Settings::default(), Index::new(), &case.registrations, &case.events, &person_id);
    let person = first.registrations[row].person;
    let index = first.into_index(&case.registrations, &case.events);
    // Next month the practice has the new number, while the hospital still uses the old one, from an old address.
    case.registrations[row].identifiers = after.identifiers();
    for registration in &mut case.registrations {
        registration.contribution = 3;
    }
    let old = record(99, at(before, Some(postcode(NEW_HOME))), 101, 4);
    let new = record(98, after.identifiers(), 101, 4);
    let second = caredata_link::link(&Settings::default(), index, &case.registrations, &[old, new], &person_id);
    assert_eq!(second.registrations[row].person, person, "a corrected number keeps its person");
    assert_eq!(second.events[0].person, person, "the old number");
    assert_eq!(second.events[1].person, person, "the new number");
}

#[test]
fn two_people_under_one_number_stay_two() {
    let one = adult(1, (1950, 7, 19), Gender::Male);
    let other = Person { born: (1978, 12, 2), postcode: postcode(NEW_HOME), ..one };
    let mut case = Case::new();
    let first = case.register(one.identifiers());
    let second = case.register(other.identifiers());
    let ones = case.event(one.identifiers());
    let others = case.event(other.identifiers());
    let (registrations, events) = case.run();
    assert_ne!(registrations[first].person, registrations[second].person);
    assert_eq!(events[ones].person, registrations[first].person);
    assert_eq!(events[others].person, registrations[second].person);
}

#[test]
fn a_family_that_moved_together_is_not_mixed_up() {
    let father = adult(1, (1970, 1, 17), Gender::Male);
    let son = adult(2, (2001, 9, 5), Gender::Male);
    let mut case = Case::new();
    let fathers = case.register(father.identifiers());
    let sons = case.register(son.identifiers());
    let place = Some(postcode(NEW_HOME));
    let by_father = case.event(at(father, place));
    let by_son = case.event(at(son, place));
    // The son's record under the father's number, from the address before the move.
    let mixed = case.event(identifiers(father.nhs, son.born, place, son.sex));
    let (registrations, events) = case.run();
    assert_eq!(events[by_father].person, registrations[fathers].person);
    assert_eq!(events[by_son].person, registrations[sons].person);
    assert_eq!(events[mixed].person, registrations[sons].person);
}

#[test]
fn an_old_postcode_learnt_from_a_numbered_event_finds_the_unnumbered_one() {
    let person = adult(1, (1970, 1, 17), Gender::Male);
    let mut case = Case::new();
    let row = case.register(person.identifiers());
    case.event(at(person, Some(postcode(NEW_HOME))));
    let unnumbered = case.event(identifiers(0, person.born, Some(postcode(NEW_HOME)), person.sex));
    let (registrations, events) = case.run();
    assert_eq!(events[unnumbered].person, registrations[row].person);
}

#[test]
fn an_old_postcode_of_the_family_finds_who_moved_with_it() {
    let (father, daughter) = (adult(1, (1970, 1, 17), Gender::Male), adult(2, (2001, 9, 5), Gender::Female));
    let old_home = Some(postcode("HU3 1XX"));
    let mut case = Case::new();
    case.register(father.identifiers());
    let row = case.register(daughter.identifiers());
    let unnumbered = case.event(identifiers(0, daughter.born, old_home, daughter.sex));
    let (registrations, events) = case.run();
    assert_ne!(events[unnumbered].person, registrations[row].person, "nobody is known by that postcode");
    case.event(at(father, old_home));
    let (registrations, events) = case.run();
    assert_eq!(events[unnumbered].person, registrations[row].person, "the father's record tells whence they came");
}

#[test]
fn two_wrong_digits_are_told_from_somebody_elses_number() {
    let person = adult(1, (1970, 1, 17), Gender::Male);
    let mut case = Case::new();
    let row = case.register(person.identifiers());
    let wrong = |first: u64, last: u64| {
        let digit = |place: u64| person.nhs / place % 10;
        let changed = |place: u64, by: u64| (digit(place) + by) % 10 * place + person.nhs - digit(place) * place;
        changed(1_000_000_000, first) + changed(1, last) - person.nhs
    };
    let is_valid = |value| caredata_model::NhsDigits::new(value).is_ok_and(|digits| digits.valid().is_ok());
    let invalid = (1..9).map(|by| wrong(1, by)).find(|&value| !is_valid(value)).expect("most are invalid");
    let elsewhere = Some(postcode(NEW_HOME));
    let event = case.event(identifiers(invalid, person.born, elsewhere, person.sex));
    let (registrations, events) = case.run();
    assert_ne!(events[event].person, registrations[row].person, "no rule finds a wrong first and last digit elsewhere");
    let event = case.event(identifiers(invalid, person.born, Some(person.postcode), person.sex));
    let (registrations, events) = case.run();
    assert_eq!(events[event].person, registrations[row].person);
}

#[test]
fn the_local_id_is_evidence_unless_only_identifiers_are() {
    let person = adult(1, (1970, 1, 17), Gender::Male);
    let mut case = Case::new();
    let row = case.register(person.identifiers());
    let known = case.event(person.identifiers());
    let bare = case.event(identifiers(0, person.born, None, person.sex));
    case.events[known].local_id = 4711;
    case.events[bare].local_id = 4711;
    let (registrations, events) = case.run();
    assert_eq!(events[bare].person, registrations[row].person);
    let only = Settings { identifiers_only: true, ..Settings::default() };
    let linkage = link(&only, &case.registrations, &case.events);
    assert_ne!(linkage.events[bare].person, linkage.registrations[row].person);
}

#[test]
fn registrations_at_two_practices_are_one_person() {
    let person = adult(1, (1990, 10, 28), Gender::Female);
    let mut case = Case::new();
    let first = case.register(person.identifiers());
    let second = case.register(at(person, Some(postcode(NEW_HOME))));
    let third = case.register(identifiers(person.nhs, (1990, 10, 23), Some(postcode(NEW_HOME)), person.sex));
    let (registrations, _) = case.run();
    assert_eq!(registrations[first].person, registrations[second].person);
    assert_eq!(registrations[first].person, registrations[third].person);
}

#[test]
fn people_found_only_in_hospital_become_persons() {
    let person = adult(1, (1990, 10, 28), Gender::Female);
    let mut case = Case::new();
    let numbered = case.event(person.identifiers());
    let again = case.event(at(person, Some(postcode(NEW_HOME))));
    let unnumbered = case.event(identifiers(0, person.born, Some(person.postcode), person.sex));
    let (registrations, events) = case.run();
    assert_eq!(events[numbered].person, events[again].person);
    assert_eq!(events[numbered].person, events[unnumbered].person);
    let mut statuses = [numbered, again, unnumbered].map(|at| events[at].status);
    statuses.sort_unstable();
    assert_eq!(statuses, [Status::Linked, Status::Linked, Status::New]);
    assert!(registrations.iter().all(|link| link.person != events[numbered].person));
}

#[test]
fn a_chain_of_weak_links_does_not_make_one_of_two_numbers() {
    // Two people of one birthday at one communal address, and unnumbered records between them.
    let (one, other) = (adult(1, (1940, 3, 8), Gender::Female), adult(2, (1940, 3, 8), Gender::Female));
    let mut case = Case::new();
    let first = case.event(one.identifiers());
    case.event(identifiers(0, one.born, Some(one.postcode), one.sex));
    let last = case.event(other.identifiers());
    let (_, events) = case.run();
    assert_ne!(events[first].person, events[last].person);
}

#[test]
fn every_event_names_the_candidate_that_its_probability_is_about() {
    let mut case = Case::new();
    let other = case.register(identifiers(number(900_001), (1961, 7, 14), Some(postcode(HOME)), Gender::Male));
    // The date of birth and district agree, and the number is another's: somebody to doubt.
    let doubtful = case.event(identifiers(0, (1961, 7, 14), Some(postcode("YO10 4AA")), Gender::Male));
    let settings = Settings { accept_probability: 1.1, review_probability: 1.1, ..Settings::default() };
    let (strict, candidates) =
        link_and_candidates(&Decisions::NONE, &settings, Index::new(), &case.registrations, &case.events, &person_id);
    assert!(strict.events.iter().all(|link| link.status != Status::Linked || link.probability.is_none()));
    assert_eq!(
        candidates[doubtful].person,
        Some(strict.registrations[other].person),
        "a candidate, although not linked"
    );

    let (linked, candidates) = link_and_candidates(
        &Decisions::NONE,
        &Settings::default(),
        Index::new(),
        &case.registrations,
        &case.events,
        &person_id,
    );
    let plain = link(&Settings::default(), &case.registrations, &case.events);
    assert_eq!(linked.events, plain.events, "asking for candidates changes no link");
    let of_linked = linked.events.iter().zip(&candidates).filter(|(link, _)| link.match_rank.is_some());
    assert!(of_linked.clone().count() > 4_000);
    for (link, candidate) in of_linked {
        assert_eq!(candidate.person, Some(link.person));
        assert!(candidate.known >= link.probability, "who is a candidate's is somebody's");
    }
}

//! Decisions on pairs of records: kept, obeyed under every method, and reversed without a trace.

mod common;

use caredata_link::{
    Answer, Decisions, Index, Linkage, Method, Question, Record, Settings, Status, doubts, explain,
    explain_registration, link_obeying,
};
use caredata_model::{Gender, Identifiers, Postcode, RecordKey};
use common::{Dice, Person, identifiers, number, people, person_id, postcode, record};

/// A crowd, and registrations and events that a test adds.
struct Case {
    registrations: Vec<Record>,
    events: Vec<Record>,
    settings: Settings,
}

impl Case {
    fn new() -> Self {
        let people = people(4_000, &mut Dice(42));
        let keyed = |offset: u64, n: usize| Dice(offset + n as u64).roll();
        let registered = people.iter().enumerate();
        let registrations =
            registered.map(|(n, p)| record(keyed(1 << 40, n), p.identifiers(), n as u32 % 9, 1)).collect();
        let seen = people.iter().enumerate().step_by(4);
        let events = seen.map(|(n, p)| record(keyed(1 << 41, n), p.identifiers(), 100, 2)).collect();
        Self { registrations, events, settings: Settings::default() }
    }

    fn register(&mut self, of: Identifiers) -> RecordKey {
        let key = 7_000 + self.registrations.len() as u64;
        self.registrations.push(record(key, of, 50 + key as u32, 1));
        RecordKey::from_bits(key)
    }

    fn event(&mut self, of: Identifiers) -> RecordKey {
        let key = 9_000_000 + self.events.len() as u64;
        self.events.push(record(key, of, 101, 2));
        RecordKey::from_bits(key)
    }

    fn link(&self, decided: &[(RecordKey, RecordKey, Answer)]) -> Linkage {
        let decisions = Decisions::new(decided.iter().copied()).expect("no contradiction");
        link_obeying(&decisions, &self.settings, Index::new(), &self.registrations, &self.events, &person_id)
    }

    fn question<'a>(&'a self, decisions: &'a Decisions, index: &'a Index) -> Question<'a> {
        Question {
            settings: &self.settings,
            decisions,
            index,
            registrations: &self.registrations,
            events: &self.events,
        }
    }
}

fn of(case: &Case, linkage: &Linkage, key: RecordKey) -> caredata_link::Link {
    let at = |records: &[Record]| records.iter().position(|record| record.key == key);
    match at(&case.events) {
        Some(at) => linkage.events[at],
        None => linkage.registrations[at(&case.registrations).expect("a record")],
    }
}

fn adult(n: u64, born: (i32, u32, u32), place: &str) -> Person {
    Person { nhs: number(5_000_000 + n), born, postcode: postcode(place), sex: Gender::Female }
}

fn at(person: Person, place: Option<Postcode>) -> Identifiers {
    identifiers(person.nhs, person.born, place, person.sex)
}

const METHODS: [Method; 3] = [Method::Probabilistic, Method::Hesid, Method::MatchRank];

/// Twins, and a record without a number that fits both.
fn twins() -> (Case, [RecordKey; 2], RecordKey) {
    let mut case = Case::new();
    let (one, other) = (adult(1, (1999, 2, 3), "YO10 3DD"), adult(2, (1999, 2, 3), "YO10 3DD"));
    let registered = [case.register(one.identifiers()), case.register(other.identifiers())];
    let either = case.event(identifiers(0, one.born, Some(one.postcode), one.sex));
    (case, registered, either)
}

#[test]
fn a_doubtful_record_goes_where_somebody_decided_and_back_when_that_is_reversed() {
    let (mut case, [one, other], either) = twins();
    for method in METHODS {
        case.settings.method = method;
        let before = case.link(&[]);
        assert_eq!(of(&case, &before, either).status, Status::Review, "{method:?}");
        let decided = case.link(&[(either, other, Answer::Same)]);
        let link = of(&case, &decided, either);
        assert_eq!(link.person, of(&case, &decided, other).person, "{method:?}");
        assert_ne!(link.person, of(&case, &decided, one).person);
        assert_eq!((link.status, link.weight_bits, link.probability), (Status::Linked, None, None));
        let reversed = case.link(&[]);
        assert_eq!((reversed.registrations, reversed.events), (before.registrations, before.events), "{method:?}");
    }
}

#[test]
fn what_one_is_not_the_other_is() {
    let (case, [one, other], either) = twins();
    let linkage = case.link(&[(one, either, Answer::Different)]);
    let link = of(&case, &linkage, either);
    assert_eq!((link.status, link.person), (Status::Linked, of(&case, &linkage, other).person));
}

#[test]
fn a_sure_link_is_forbidden_by_a_decision() {
    let mut case = Case::new();
    let person = adult(1, (1960, 5, 17), "YO10 3DD");
    let registered = case.register(person.identifiers());
    let event = case.event(person.identifiers());
    for method in METHODS {
        case.settings.method = method;
        let linkage = case.link(&[]);
        assert_eq!(of(&case, &linkage, event).person, of(&case, &linkage, registered).person, "{method:?}");
        let linkage = case.link(&[(event, registered, Answer::Different)]);
        assert_ne!(of(&case, &linkage, event).person, of(&case, &linkage, registered).person, "{method:?}");
    }
}

#[test]
fn a_decision_outweighs_all_evidence_and_holds_for_records_that_cannot_be_told_apart() {
    let mut case = Case::new();
    let (one, other) = (adult(1, (1960, 5, 17), "YO10 3DD"), adult(2, (1931, 11, 2), "HG2 7QQ"));
    let (left, right) = (case.register(one.identifiers()), case.register(other.identifiers()));
    let events = [0; 3].map(|_| case.event(one.identifiers()));
    case.events.last_mut().expect("an event").local_id = 5;
    let linkage = case.link(&[(events[0], right, Answer::Same)]);
    let persons = events.map(|event| of(&case, &linkage, event).person);
    let (left, right) = (of(&case, &linkage, left).person, of(&case, &linkage, right).person);
    assert_eq!(persons, [right, right, left], "the third bears another patient id");
}

#[test]
fn registrations_join_and_part_as_decided() {
    let mut case = Case::new();
    let person = adult(1, (1960, 5, 17), "YO10 3DD");
    let (one, other) = (case.register(person.identifiers()), case.register(at(person, Some(postcode("HG2 7QQ")))));
    let stranger = case.register(adult(3, (1931, 11, 2), "HG2 7QX").identifiers());
    let persons = |linkage: &Linkage| [one, other, stranger].map(|key| of(&case, linkage, key).person);
    let [a, b, c] = persons(&case.link(&[]));
    assert!(a == b && b != c);
    let [a, b, c] = persons(&case.link(&[(one, other, Answer::Different)]));
    assert!(a != b && b != c);
    let [a, b, c] = persons(&case.link(&[(stranger, one, Answer::Same)]));
    assert!(a == b && b == c, "the second still joins the first by its number");
    let [a, b, c] = persons(&case.link(&[(stranger, one, Answer::Same), (other, stranger, Answer::Different)]));
    assert!(a == c && b != c, "what is different from one is different from all that are the same");
}

#[test]
fn what_is_different_stays_apart_through_a_third() {
    let mut case = Case::new();
    let person = adult(1, (1960, 5, 17), "YO10 3DD");
    let places = ["YO10 3DD", "HG2 7QQ", "HG2 7QX"].map(postcode);
    let [one, other, third] = places.map(|place| case.register(at(person, Some(place))));
    let linkage = case.link(&[(one, other, Answer::Different)]);
    let [one, other, third] = [one, other, third].map(|key| of(&case, &linkage, key).person);
    assert!(one != other && (third == one || third == other));
}

#[test]
fn people_found_only_in_hospital_are_grouped_as_decided() {
    let mut case = Case::new();
    let person = adult(1, (1960, 5, 17), "YO10 3DD");
    let stranger = adult(2, (1931, 11, 2), "HG2 7QQ");
    let (one, other) = (case.event(person.identifiers()), case.event(at(person, Some(postcode("HG2 7QX")))));
    let third = case.event(stranger.identifiers());
    for method in METHODS {
        case.settings.method = method;
        let persons = |decided: &[(RecordKey, RecordKey, Answer)]| {
            let linkage = case.link(decided);
            [one, other, third].map(|key| of(&case, &linkage, key).person)
        };
        let [a, b, c] = persons(&[]);
        assert!(a == b && b != c, "{method:?}");
        let [a, b, c] = persons(&[(one, other, Answer::Different)]);
        assert!(a != b && b != c && a != c, "{method:?}");
        let [a, b, c] = persons(&[(one, third, Answer::Same)]);
        assert!(a == b && b == c, "{method:?}");
    }
}

#[test]
fn a_hospital_record_follows_the_one_it_is_decided_to_be_the_same_as() {
    let mut case = Case::new();
    let person = adult(1, (1960, 5, 17), "YO10 3DD");
    let registered = case.register(person.identifiers());
    let sure = case.event(person.identifiers());
    let bare = case.event(identifiers(0, (1975, 1, 9), None, Gender::Female));
    let linkage = case.link(&[(bare, sure, Answer::Same)]);
    assert_eq!(of(&case, &linkage, bare).person, of(&case, &linkage, registered).person);
    // Of two that are different, the one with less evidence loses the person and waits for a decision.
    let second = case.event(at(person, Some(postcode("HG2 7QQ"))));
    let linkage = case.link(&[(second, sure, Answer::Different)]);
    let links = [sure, second].map(|key| of(&case, &linkage, key));
    let registered = of(&case, &linkage, registered).person;
    assert_eq!(links.map(|link| link.person == registered).iter().filter(|&&own| own).count(), 1);
    let mut statuses = links.map(|link| link.status);
    statuses.sort_unstable();
    assert_eq!(statuses, [Status::Linked, Status::Review]);
}

#[test]
fn records_in_review_that_are_one_share_a_person() {
    let (mut case, _, either) = twins();
    let twin = case.events[case.events.len() - 1].identifiers;
    let second = case.event(twin);
    case.events.last_mut().expect("an event").local_id = 9;
    let linkage = case.link(&[]);
    assert_ne!(of(&case, &linkage, either).person, of(&case, &linkage, second).person);
    let linkage = case.link(&[(either, second, Answer::Same)]);
    let links = [either, second].map(|key| of(&case, &linkage, key));
    assert_eq!(links[0].person, links[1].person);
    assert_eq!(links.map(|link| link.status), [Status::Review; 2]);
}

#[test]
fn the_order_of_records_and_of_decisions_changes_nothing() {
    let (mut case, [one, other], either) = twins();
    let stranger = case.register(adult(3, (1931, 11, 2), "HG2 7QX").identifiers());
    let also = case.event(at(adult(1, (1999, 2, 3), "YO10 3DD"), None));
    let decided = [
        (either, other, Answer::Same),
        (also, one, Answer::Different),
        (one, stranger, Answer::Same),
        (other, one, Answer::Different),
    ];
    let keys = [one, other, either, stranger, also];
    let linkage = case.link(&decided);
    let before = keys.map(|key| (of(&case, &linkage, key).person, of(&case, &linkage, key).status));
    case.registrations.reverse();
    case.events.reverse();
    let turned: Vec<_> = decided.iter().rev().map(|&(a, b, answer)| (b, a, answer)).collect();
    let linkage = case.link(&turned);
    assert_eq!(keys.map(|key| (of(&case, &linkage, key).person, of(&case, &linkage, key).status)), before);
}

#[test]
fn persons_of_the_index_join_and_part_as_decided() {
    let mut case = Case::new();
    let person = adult(1, (1960, 5, 17), "YO10 3DD");
    let (one, other) = (case.register(person.identifiers()), case.register(at(person, None)));
    let first = case.link(&[]);
    let joined = of(&case, &first, one).person;
    assert_eq!(of(&case, &first, other).person, joined);
    let index = first.into_index(&case.registrations, &case.events);
    for registration in &mut case.registrations {
        registration.contribution = 7;
    }
    let again = |decided: &[(RecordKey, RecordKey, Answer)], index: &Index| {
        let decisions = Decisions::new(decided.iter().copied()).expect("no contradiction");
        link_obeying(&decisions, &case.settings, index.clone(), &case.registrations, &[], &person_id)
    };
    let parted = again(&[(one, other, Answer::Different)], &index);
    let persons = [one, other].map(|key| of(&case, &parted, key).person);
    assert!(persons[0] == joined && persons[1] != joined, "the smaller key keeps the person");
    let same = again(&[], &index);
    assert_eq!([one, other].map(|key| of(&case, &same, key).person), [joined; 2]);
}

#[test]
fn a_decided_doubt_is_no_doubt_and_is_explained_as_decided() {
    let (case, [one, other], either) = twins();
    let index = Index::new();
    let undecided = doubts(&case.question(&Decisions::NONE, &index), 10);
    assert_eq!((undecided.questions, undecided.most[0].event), (1, either));
    assert!(undecided.most[0].worth > 0.4 && undecided.most[0].worth < 0.6, "{undecided:?}");
    let decisions = Decisions::new([(either, other, Answer::Same)]).expect("no contradiction");
    let question = case.question(&decisions, &index);
    assert_eq!(doubts(&question, 10).questions, 0);
    assert_eq!(explain(&question, either).expect("an event").decided, Some(vec![other]));
    let registered = explain_registration(&question, other).expect("a registration");
    assert_eq!(registered.events, [1, 1]);
    assert_eq!(registered.others.iter().map(|other| (other.record, other.joined)).collect::<Vec<_>>(), [(one, false)]);
}

/// Decisions drawn at random among records that share much and among any, as far as they do not contradict each other.
fn drawn(case: &Case, dice: &mut Dice, count: usize) -> Vec<(RecordKey, RecordKey, Answer)> {
    let keys = |records: &[Record]| records.iter().take(60).map(|record| record.key).collect::<Vec<_>>();
    let keys = [keys(&case.registrations), keys(&case.events)].concat();
    let mut decided = Vec::new();
    for _ in 0..count {
        let [a, b] = [0; 2].map(|_| keys[dice.below(keys.len() as u64) as usize]);
        let answer = if dice.chance(0.3) { Answer::Same } else { Answer::Different };
        decided.push((a, b, answer));
        if a == b || Decisions::new(decided.iter().copied()).is_err() {
            decided.pop();
        }
    }
    decided
}

#[test]
fn what_is_decided_holds_whatever_else_is() {
    let (mut answers, mut statuses) = ([0; 2], [0; 3]);
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let mut case = Case::new();
        // Few people in one place, so that much is shared: their first records come first.
        let crowd = people(20, &mut dice);
        for n in 0..60 {
            let mut of = crowd[dice.below(20) as usize];
            if dice.chance(0.4) {
                of.nhs = 0;
            }
            let (key, provider) = (dice.roll(), 60 + n as u32 % 3);
            case.registrations.insert(0, record(key, of.identifiers(), provider, 1));
            let mut of = crowd[dice.below(20) as usize];
            if dice.chance(0.4) {
                of.nhs = 0;
            }
            case.events.insert(0, record(dice.roll(), of.identifiers(), 101, 2));
            case.events[0].local_id = dice.below(30);
        }
        case.settings.method = METHODS[seed as usize % 3];
        case.settings.identifiers_only = dice.chance(0.3);
        let decided = drawn(&case, &mut dice, 25);
        let linkage = case.link(&decided);
        for &(a, b, answer) in &decided {
            let same = of(&case, &linkage, a).person == of(&case, &linkage, b).person;
            assert_eq!(same, answer == Answer::Same, "seed {seed}: {answer:?}");
            answers[answer as usize] += 1;
        }
        for key in decided.iter().flat_map(|&(a, b, _)| [a, b]) {
            statuses[of(&case, &linkage, key).status as usize] += 1;
        }
        let persons = |case: &Case, linkage: &Linkage| {
            let own = case.registrations[..60].iter().chain(&case.events[..60]).map(|record| record.key);
            let mut all: Vec<_> = own.map(|key| (key, of(case, linkage, key).person)).collect();
            all.sort_unstable();
            all
        };
        let before = persons(&case, &linkage);
        case.registrations[..60].reverse();
        case.events[..60].reverse();
        let turned: Vec<_> = decided.iter().rev().map(|&(a, b, answer)| (b, a, answer)).collect();
        assert_eq!(persons(&case, &case.link(&turned)), before, "seed {seed}");
    }
    assert!(
        answers.iter().all(|&count| count > 100) && statuses.iter().all(|&count| count > 20),
        "{answers:?} {statuses:?}"
    );
}

//! Linkage by the numbers of another nation: what is a possible number there decides what tells two people apart.

mod common;

use caredata_link::{Chi, NumberScheme, Numbers, Record, Settings, Status};
use caredata_model::Identifiers;
use common::{Dice, Person, identifiers, link, people, record};

/// Nine digits, weights 9 to 2, the last counting -1, divisible by 11 (the Netherlands' burgerservicenummer).
#[derive(Debug)]
struct Burgerservicenummer;

impl NumberScheme for Burgerservicenummer {
    fn name(&self) -> &'static str {
        "burgerservicenummer"
    }

    fn is_possible(&self, digits: u64) -> bool {
        let sum: u64 = (2..=9).map(|weight| digits / 10_u64.pow(weight - 1) % 10 * u64::from(weight)).sum();
        digits < 1_000_000_000 && sum % 11 == digits % 10
    }
}

/// The first possible number from `start` on.
fn possible(scheme: &dyn NumberScheme, start: u64) -> u64 {
    (start..start + 1_000).find(|&digits| scheme.is_possible(digits)).expect("one number in eleven or so is possible")
}

/// A town whose people bear numbers of nine digits.
fn town() -> Vec<Person> {
    let mut all = people(20_000, &mut Dice(7));
    for (n, person) in all.iter_mut().enumerate() {
        person.nhs = possible(&Burgerservicenummer, 120_000_000 + 4_271 * n as u64);
    }
    all
}

fn registrations(people: &[Person]) -> Vec<Record> {
    people.iter().enumerate().map(|(n, p)| record(Dice(n as u64).roll(), p.identifiers(), n as u32 % 9, 1)).collect()
}

fn events(of: &[Identifiers]) -> Vec<Record> {
    of.iter().enumerate().map(|(n, &of)| record(Dice((1 << 40) + n as u64).roll(), of, 100, 2)).collect()
}

/// Which of two strangers at one address an event is whose number differs from the registered one in two digits: as the number is
/// possible it is another person's, and as it is not it is a slip.
#[test]
fn a_possible_number_is_somebody_elses_and_an_impossible_one_a_slip() {
    let town = town();
    let mut all: Vec<Identifiers> = town.iter().step_by(3).map(Person::identifiers).collect();
    let ordinary = all.len();
    // Two digits of the number are others, and the record states no postcode.
    let two_digits_other = |person: &Person, is_possible: bool| {
        let others = (1..100).map(|step| person.nhs / 1_000_000 * 1_000_000 + (person.nhs + step * 10_100) % 1_000_000);
        others
            .filter(|&digits| {
                [1, 10, 100, 1_000, 10_000, 100_000]
                    .iter()
                    .filter(|&&unit| digits / unit % 10 != person.nhs / unit % 10)
                    .count()
                    == 2
            })
            .find(|&digits| Burgerservicenummer.is_possible(digits) == is_possible)
    };
    let mut whose = Vec::new();
    for (n, person) in town.iter().enumerate().skip(1).step_by(199) {
        for is_possible in [false, true] {
            if let Some(digits) = two_digits_other(person, is_possible) {
                all.push(identifiers(digits, person.born, None, person.sex));
                whose.push((n, is_possible));
            }
        }
    }
    let (registrations, events) = (registrations(&town), events(&all));
    let linked_of = |numbers: Numbers, wanted: bool| {
        let linkage = link(&Settings { numbers, ..Settings::default() }, &registrations, &events);
        let cases = linkage.events[ordinary..].iter().zip(&whose).filter(|(_, (_, possible))| *possible == wanted);
        let (mut linked, mut count) = (0, 0);
        for (found, &(n, _)) in cases {
            count += 1;
            linked += usize::from(found.status == Status::Linked && found.person == linkage.registrations[n].person);
        }
        (linked, count)
    };
    let (slips, of_slips) = linked_of(Numbers::of(&Burgerservicenummer), false);
    let (strangers, of_strangers) = linked_of(Numbers::of(&Burgerservicenummer), true);
    assert!(of_slips > 50 && of_strangers > 50, "{of_slips} {of_strangers}");
    assert!(slips * 10 >= of_slips * 9, "{slips} of {of_slips} slips linked");
    assert!(strangers * 10 <= of_strangers, "{strangers} of {of_strangers} strangers linked");
    // By England's check digit the two kinds cannot be told apart.
    let (mistaken, of) = linked_of(Numbers::default(), true);
    assert!(mistaken * 10 > of * 5, "{mistaken} of {of}");
}

#[test]
fn ranks_hold_possible_numbers_alone() {
    let scheme = Numbers::of(&Chi);
    let number = possible(&Chi, 903_561_230);
    let no_day = possible(&caredata_link::Nhs, 9_903_561_230);
    let of = |digits| identifiers(digits, (1956, 3, 9), None, caredata_model::Gender::Female);
    assert_eq!(caredata_link::match_rank(scheme, of(number), of(number), |_| false), Some(2));
    assert_eq!(caredata_link::match_rank(scheme, of(no_day), of(no_day), |_| false), None);
    assert_eq!(caredata_link::match_rank(Numbers::default(), of(no_day), of(no_day), |_| false), Some(2));
}

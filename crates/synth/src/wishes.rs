//! Objections and withdrawals as practices note them: a person in, everything that person ever said out.
//!
//! Invariant: what was said by one month is said in every later month too, since a journal keeps it.

use crate::draw::{Chance, Draw, Purpose};
use crate::population::Window;
use caredata_model::{Choice, CodeSystem, Day, Scope, Wish};

/// The share of people who ever object, for each of the two types, before the first month's end.
pub(crate) const OBJECTING: f64 = 0.015;
/// The share of objectors who withdrew.
const WITHDREW: f64 = 0.1;
/// New objections a month to each type, in months that follow.
const NEW_A_MONTH: f64 = 0.000_8;
/// Withdrawals a month among those whose objection stands.
const WITHDRAWALS_A_MONTH: f64 = 0.02;
/// The first day on which anybody objected: 1 September 2013.
const FIRST_DAY: i32 = 15_949;
/// Type 2 codes stopped counting after 11 October 2018, when the national register replaced them.
const LAST_DAY_OF_TYPE_2: i32 = 17_815;
/// A year mistyped: 1 May 2104.
const FUTURE_DAY: i32 = 49_062;

/// The two types of objection, in the order of their draws.
pub(crate) const SCOPES: [Scope; 2] = [Scope::GpRecord, Scope::All];

/// Everything a person said about each type up to and with `month`.
pub(crate) fn said(serial: u32, month: u32, windows: &[Window], chance: &Chance) -> Vec<Wish> {
    let mut wishes = Vec::new();
    let mut draw = chance.stream(Purpose::Wishes, 0, serial);
    for scope in SCOPES {
        let latest = latest_day(&scope, windows[0].last);
        if draw.chance(OBJECTING) {
            sequence(&scope, latest, &mut wishes, &mut draw);
        } else if draw.chance(0.000_5) {
            let day = draw.between(FIRST_DAY.min(latest), latest);
            wishes.push(wish(&scope, Choice::Withdraw, Some(day), Some(day)));
        }
    }
    for window in &windows[1..=month as usize] {
        for scope in SCOPES {
            later(&scope, *window, &mut wishes, &mut draw);
        }
    }
    wishes
}

fn latest_day(scope: &Scope, last: i32) -> i32 {
    if *scope == Scope::All { last.min(LAST_DAY_OF_TYPE_2) } else { last }
}

/// One objector's history: mostly one objection; a tenth withdrew, of whom some objected again or said both on one day.
fn sequence(scope: &Scope, latest: i32, wishes: &mut Vec<Wish>, draw: &mut Draw) {
    let start = draw.between(FIRST_DAY.min(latest - 60), latest - 45);
    let noted = start + if draw.chance(0.1) { draw.between(1, 5) } else { 0 };
    if !draw.chance(WITHDREW) {
        let effective = match draw.below(100) {
            0..4 => None,
            4..7 => Some(FUTURE_DAY + draw.between(0, 300)),
            _ => Some(start),
        };
        wishes.push(wish(scope, Choice::Object, effective, Some(noted).filter(|_| draw.chance(0.98))));
        return;
    }
    wishes.push(wish(scope, Choice::Object, Some(start), Some(noted)));
    let later = start + draw.between(8, 40);
    match draw.below(20) {
        0..2 => wishes.push(wish(scope, Choice::Withdraw, Some(start), Some(noted))),
        2..4 => wishes.push(wish(scope, Choice::Withdraw, Some(start), Some(noted + 1))),
        4..5 => wishes.push(wish(scope, Choice::Withdraw, Some(FUTURE_DAY), Some(later))),
        5..6 => wishes.push(wish(scope, Choice::Withdraw, None, Some(later))),
        6..9 => {
            wishes.push(wish(scope, Choice::Withdraw, Some(later), Some(later)));
            let again = (later + draw.between(0, 30)).min(latest);
            wishes.push(wish(scope, Choice::Object, Some(again), Some(again)));
        }
        _ => wishes.push(wish(scope, Choice::Withdraw, Some(later), Some(later))),
    }
}

/// What a person says in a later month: a first objection, or taking back one that stands.
fn later(scope: &Scope, window: Window, wishes: &mut Vec<Wish>, draw: &mut Draw) {
    let change = draw.unit();
    let offset = draw.between(0, window.last - window.first);
    let day = window.first + offset;
    if *scope == Scope::All && day > LAST_DAY_OF_TYPE_2 {
        return;
    }
    let standing = wishes.iter().rfind(|wish| wish.scope == *scope).map(|wish| wish.choice);
    if standing == Some(Choice::Object) && change < WITHDRAWALS_A_MONTH {
        wishes.push(wish(scope, Choice::Withdraw, Some(day), Some(day)));
    } else if standing != Some(Choice::Object) && change < NEW_A_MONTH {
        wishes.push(wish(scope, Choice::Object, Some(day), Some(day)));
    }
}

fn wish(scope: &Scope, choice: Choice, effective: Option<i32>, recorded: Option<i32>) -> Wish {
    let day = |day: Option<i32>| day.and_then(|day| Day::from_days_since_1970(day).ok());
    Wish { scope: scope.clone(), choice, effective: day(effective), recorded: day(recorded) }
}

/// The code of a wish in a practice's system, as one of the ways in which that code is written.
pub(crate) fn code(wish: &Wish, system: CodeSystem, way: u64) -> &'static str {
    let gp = match &wish.scope {
        Scope::GpRecord => true,
        Scope::All | Scope::Source(_) => false,
    };
    let [read2, ctv3, snomed] = match (gp, wish.choice) {
        (true, Choice::Object) => [["9Nu0.", "9Nu0", "9Nu0.00"], ["XaZ89"; 3], ["827241000000103"; 3]],
        (true, Choice::Withdraw) => [["9Nu1.", "9Nu1", "9Nu1.00"], ["XaZ8A"; 3], ["827261000000102"; 3]],
        (false, Choice::Object) => [["9Nu4.", "9Nu4", "9Nu4.00"], ["XaaVL"; 3], ["881561000000100"; 3]],
        (false, Choice::Withdraw) => [["9Nu5.", "9Nu5", "9Nu5.00"], ["XaaVM"; 3], ["881581000000109"; 3]],
    };
    let ways = match system {
        CodeSystem::Read2 => read2,
        CodeSystem::Ctv3 => ctv3,
        CodeSystem::Snomed | CodeSystem::Dmd => snomed,
    };
    ways[(way % 3) as usize]
}

//! What a person has said about the use of their data, and the one function that decides what stands.
//!
//! Wishes in, a yes or no out, as known on a given day. Called wherever data moves: at the practice, at admission, after
//! linkage, on every read. When in doubt, the objection holds.

use crate::Day;
use std::cmp::Ordering;
use std::fmt;

/// A short name of a place of care whose records are a source of their own, such as `apc` or `social-care`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceName(String);

/// The text is not a source's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a source's name: 1 to 32 lower-case letters, digits, `-` or `_`, beginning with a letter")]
pub struct NotASourceName;

impl SourceName {
    /// A source's name: 1 to 32 lower-case letters, digits, `-` or `_`, beginning with a letter. It names files and
    /// columns, so nothing else is let through.
    ///
    /// # Errors
    /// [`NotASourceName`].
    pub fn parse(text: &str) -> Result<Self, NotASourceName> {
        let fits = (1..=32).contains(&text.len())
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_');
        if fits { Ok(Self(text.to_owned())) } else { Err(NotASourceName) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an objection is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Type 1: nothing identifying leaves the GP practice.
    GpRecord,
    /// Type 2: nothing about the person goes on from the trusted body, from wherever it came.
    All,
    /// The records of one other place of care.
    Source(SourceName),
}

/// What the person chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Choice {
    /// The person objects.
    Object,
    /// The person takes an earlier objection back.
    Withdraw,
}

/// One statement of a person's wish, as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// What it is about.
    pub scope: Scope,
    /// Objecting or withdrawing.
    pub choice: Choice,
    /// The day from which it counts; `None` where the date is missing or no date.
    pub effective: Option<Day>,
    /// The day on which it was recorded; `None` where missing or no date.
    pub recorded: Option<Day>,
}

impl Wish {
    /// The day from which the wish counts, as far as it tells itself, whatever today is.
    ///
    /// An objection with a bad or missing date, or one that lay ahead when it was recorded, counts from the day of its recording:
    /// it holds at once, and a later withdrawal lifts it for good. `None` for an objection without any date, and for a
    /// withdrawal with a bad or missing one.
    pub fn since(&self) -> Option<Day> {
        match (self.choice, self.effective, self.recorded) {
            (Choice::Object, Some(effective), Some(recorded)) => Some(effective.min(recorded)),
            (Choice::Object, effective, recorded) => effective.or(recorded),
            (Choice::Withdraw, effective, _) => effective,
        }
    }

    /// The day from which the wish counts, as known on `today`; `None` where it does not count (yet).
    ///
    /// An objection holds now, whatever its date; one without any date counts from today. A withdrawal with a bad or missing
    /// date is ignored, and one in the future counts from its date.
    fn counts_from(&self, today: Day) -> Option<Day> {
        match self.choice {
            Choice::Object => Some(self.since().map_or(today, |day| day.min(today))),
            Choice::Withdraw => self.since().filter(|&day| day <= today),
        }
    }
}

/// Whether an objection of `scope` stands on `today`, given all that the person ever said in any order.
///
/// The latest effective date wins; on the same day the later recorded; still tied, the objection. An objection whose
/// recording date is missing counts as recorded last, a withdrawal as recorded first.
///
/// ```
/// use caredata_model::{stands, Choice, Day, Scope, Wish};
/// let day = |text| Day::parse(text).ok();
/// let wish = |choice, effective| Wish { scope: Scope::All, choice, effective: day(effective), recorded: day(effective) };
/// let said = [wish(Choice::Object, "2014-01-10"), wish(Choice::Withdraw, "2014-03-01")];
/// assert!(!stands(&said, &Scope::All, day("2014-04-01").unwrap()));
/// assert!(stands(&said, &Scope::All, day("2014-02-01").unwrap()));
/// ```
pub fn stands<'a>(wishes: impl IntoIterator<Item = &'a Wish>, scope: &Scope, today: Day) -> bool {
    wishes
        .into_iter()
        .filter(|wish| wish.scope == *scope)
        .filter_map(|wish| wish.counts_from(today).map(|from| (from, wish)))
        .max_by(|(from, wish), (other_from, other)| from.cmp(other_from).then_with(|| later_recorded(wish, other)))
        .is_some_and(|(_, wish)| wish.choice == Choice::Object)
}

fn later_recorded(wish: &Wish, other: &Wish) -> Ordering {
    let rank = |wish: &Wish| match (wish.choice, wish.recorded) {
        (Choice::Object, recorded) => (recorded.is_none(), recorded, true),
        (Choice::Withdraw, recorded) => (false, recorded, false),
    };
    rank(wish).cmp(&rank(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TODAY: i32 = 16_161;

    fn day(days: i32) -> Day {
        Day::from_days_since_1970(days).expect("a day of our time")
    }

    fn wish(choice: Choice, effective: Option<i32>, recorded: Option<i32>) -> Wish {
        Wish { scope: Scope::All, choice, effective: effective.map(day), recorded: recorded.map(day) }
    }

    #[test]
    fn the_decision_table() {
        use Choice::{Object, Withdraw};
        let object = |effective, recorded| wish(Object, effective, recorded);
        let withdraw = |effective, recorded| wish(Withdraw, effective, recorded);
        let (past, later, future) = (Some(TODAY - 9), Some(TODAY - 3), Some(TODAY + 5));
        let table: [(&str, Vec<Wish>, bool); 16] = [
            ("nothing said", vec![], false),
            ("objected", vec![object(past, past)], true),
            ("objected, date missing", vec![object(None, None)], true),
            ("objected, date in the future", vec![object(future, past)], true),
            ("objected, then withdrew", vec![object(past, past), withdraw(later, later)], false),
            ("withdrew, then objected", vec![withdraw(past, past), object(later, later)], true),
            ("same day, withdrawal recorded later", vec![object(past, past), withdraw(past, later)], false),
            ("same day, objection recorded later", vec![withdraw(past, past), object(past, later)], true),
            ("same day, tied", vec![object(past, past), withdraw(past, past)], true),
            ("same day, objection's recording missing", vec![object(past, None), withdraw(past, later)], true),
            ("withdrawal's date missing", vec![object(past, past), withdraw(None, later)], true),
            ("withdrawal in the future", vec![object(past, past), withdraw(future, later)], true),
            ("only a withdrawal", vec![withdraw(past, past)], false),
            ("undated, withdrawn after its recording", vec![object(None, past), withdraw(later, later)], false),
            ("withdrawn, undated recorded later", vec![withdraw(past, past), object(None, later)], true),
            ("dated ahead, withdrawn after its recording", vec![object(future, past), withdraw(later, later)], false),
        ];
        for (case, said, expected) in table {
            assert_eq!(stands(&said, &Scope::All, day(TODAY)), expected, "{case}");
        }
    }

    #[test]
    fn an_objection_taken_back_does_not_come_again_with_its_date() {
        let said = [
            wish(Choice::Object, Some(TODAY + 5), Some(TODAY - 9)),
            wish(Choice::Withdraw, Some(TODAY - 3), Some(TODAY - 3)),
        ];
        assert!(!(0..20).any(|later| stands(&said, &Scope::All, day(TODAY + later))));
    }

    #[test]
    fn scopes_do_not_mix() {
        let said = [wish(Choice::Object, Some(1), Some(1))];
        assert!(!stands(&said, &Scope::GpRecord, day(TODAY)));
    }

    prop_compose! {
        fn any_wish()(object: bool, effective in proptest::option::of(-4..4), recorded in proptest::option::of(-4..4)) -> Wish {
            let choice = if object { Choice::Object } else { Choice::Withdraw };
            wish(choice, effective.map(|days: i32| TODAY + days), recorded.map(|days: i32| TODAY + days))
        }
    }

    proptest! {
        #[test]
        fn order_of_arrival_never_matters(said in proptest::collection::vec(any_wish(), 0..6), turn in 0_usize..6) {
            let before = stands(&said, &Scope::All, day(TODAY));
            let mut turned = said.clone();
            turned.rotate_left(turn.min(said.len()));
            turned.reverse();
            prop_assert_eq!(stands(&turned, &Scope::All, day(TODAY)), before);
        }

        #[test]
        fn a_new_objection_always_stands_and_a_later_withdrawal_always_lifts(said in proptest::collection::vec(any_wish(), 0..6)) {
            let mut said = said;
            said.push(wish(Choice::Object, Some(TODAY), None));
            prop_assert!(stands(&said, &Scope::All, day(TODAY)));
            said.push(wish(Choice::Withdraw, Some(TODAY + 9), Some(TODAY)));
            prop_assert!(stands(&said, &Scope::All, day(TODAY)));
            prop_assert!(!stands(&said, &Scope::All, day(TODAY + 9)) || said.iter().any(|wish| wish.choice == Choice::Object && wish.since().is_none()));
        }
    }
}

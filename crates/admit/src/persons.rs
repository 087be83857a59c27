//! Gate 2: the register asked for persons. Every name a person is known by in, the answer for each person out.
//!
//! Invariant: an objection under any number or record that a person is known by covers all rows of the person that its scope
//! covers, GP rows included; and a person for whom the register was not asked has no permission.

use crate::{IdMap, Reason, Register, Setting, Standing, Subject, kept_back, objection};
use caredata_model::{Passage, PersonId, RecordKey, RowKind, SourceName};
use std::collections::HashMap;
use std::fmt;

/// What to do with rows for which linkage found no known person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unlinked {
    /// They go on, as rows of a person of their own: most are of people without a GP.
    #[default]
    Admit,
    /// They are withheld: some are of objectors whom no evidence ties to their objection.
    Withhold,
}

/// The home's choices where the promise to patients leaves one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Rows that tie to nobody.
    pub unlinked: Unlinked,
}

/// Whether linkage tied a row to somebody known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Tie {
    /// To a person with a registration or other records.
    #[default]
    Somebody,
    /// To nobody: the person was made for this row alone, or the link is in review.
    Nobody,
}

/// The register's answer for every person it was asked about.
///
/// ```
/// use caredata_admit::{PersonAnswers, Policy, Reason, Register, Setting, Subject, Tie};
/// use caredata_model::{Choice, Day, NhsNumber, Passage, PersonId, RecordKey, Scope, SourceName, Wish};
/// let today = Day::parse("2014-05-01").unwrap();
/// let number = NhsNumber::parse("943 476 5919").unwrap();
/// let wish = Wish { scope: Scope::All, choice: Choice::Object, effective: None, recorded: None };
/// let register = Register::from_events([(Subject::Number(number), wish)], today).unwrap();
///
/// let (objector, other, stranger) = (PersonId::from_bits(1), PersonId::from_bits(2), PersonId::from_bits(3));
/// let known_by = [
///     (objector, Subject::Record(RecordKey::from_bits(10))), // a hospital row without a number
///     (objector, Subject::Number(number)),                   // the registration it links to
///     (other, Subject::Record(RecordKey::from_bits(11))),
/// ];
/// let answers = PersonAnswers::decide(&register, known_by, Policy::default());
/// let apc = answers.of_source(Passage::LinkedRecord, Setting::Elsewhere, &SourceName::parse("apc").unwrap());
/// assert_eq!(apc.withhold(objector, Tie::Somebody), Some(Reason::ObjectedAll));
/// assert_eq!(apc.withhold(other, Tie::Somebody), None);
/// assert_eq!(apc.withhold(stranger, Tie::Somebody), Some(Reason::NotAsked));
/// ```
pub struct PersonAnswers {
    /// For every person asked about: 0 where nothing stands, else one more than the place in `answers`.
    asked: IdMap<u32>,
    answers: Vec<Standing>,
    bound: Vec<RecordKey>,
    policy: Policy,
}

impl PersonAnswers {
    /// Asks the register for every person, by every NHS Number and record that the person is or was ever known by. The
    /// pairs may come in any order; a person with no valid number is asked for by record.
    pub fn decide(
        register: &Register,
        known_by: impl IntoIterator<Item = (PersonId, Subject)>,
        policy: Policy,
    ) -> Self {
        let known_by = known_by.into_iter();
        let mut asked = IdMap::with_capacity(known_by.size_hint().0 / 2);
        let mut objecting: HashMap<PersonId, Vec<&Standing>> = HashMap::new();
        for (person, subject) in known_by {
            asked.entry(person.value());
            if let Some(standing) = register.standing(subject) {
                objecting.entry(person).or_default().push(standing);
            }
        }
        let mut answers: Vec<Standing> = Vec::new();
        let mut places: HashMap<Standing, u32> = HashMap::new();
        for (person, standings) in objecting {
            let all = Standing::new(standings.into_iter().flat_map(Standing::scopes).cloned());
            let place = *places.entry(all).or_insert_with_key(|all| {
                answers.push(all.clone());
                answers.len() as u32
            });
            *asked.entry(person.value()) = place;
        }
        Self { asked, answers, bound: bound(register), policy }
    }

    /// The number of persons asked about.
    pub const fn asked(&self) -> usize {
        self.asked.len()
    }

    /// The persons for whom some objection stands, with all of theirs, in no order.
    pub fn objecting(&self) -> impl Iterator<Item = (PersonId, &Standing)> {
        let answer = |place: u32| (place as usize).checked_sub(1).and_then(|place| self.answers.get(place));
        self.asked
            .iter()
            .filter_map(move |(person, place)| Some((PersonId::from_bits(person.cast_unsigned()), answer(place)?)))
    }

    /// Registrations whose practices' own last word keeps them from use, whatever stands for the person.
    pub fn bound(&self) -> &[RecordKey] {
        &self.bound
    }

    /// Whether any objection stands for this person, so that what may be told of the person must be asked record by record.
    pub fn objects_to_some(&self, person: PersonId) -> bool {
        self.asked.get(person.value()).is_some_and(|place| place > 0)
    }

    /// The answers as they bear on a passage of the rows of one source.
    pub fn of_source(&self, passage: Passage, setting: Setting, source: &SourceName) -> SourceAnswers<'_> {
        let row = setting.row(source);
        let reasons = self.answers.iter().map(|standing| objection(passage, standing, row, source));
        let unlinked = match self.policy.unlinked {
            Unlinked::Admit => None,
            Unlinked::Withhold => Some(Reason::TiesToNobody),
        };
        SourceAnswers {
            asked: &self.asked,
            reasons: std::iter::once(None).chain(reasons).collect(),
            not_asked: kept_back(passage, row, Reason::NotAsked),
            unlinked,
        }
    }
}

/// The registrations that may not be in the record by their practices' own last word.
fn bound(register: &Register) -> Vec<RecordKey> {
    match kept_back(Passage::StoredRecord, RowKind::Gp, Reason::NotedAtPractice) {
        Some(_) => register.bound().collect(),
        None => Vec::new(),
    }
}

impl fmt::Debug for PersonAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let objecting = self.objecting().count();
        f.debug_struct("PersonAnswers")
            .field("asked", &self.asked.len())
            .field("objecting", &objecting)
            .finish_non_exhaustive()
    }
}

/// The answers for the rows of one source; see [`PersonAnswers::of_source`].
pub struct SourceAnswers<'a> {
    asked: &'a IdMap<u32>,
    reasons: Vec<Option<Reason>>,
    not_asked: Option<Reason>,
    unlinked: Option<Reason>,
}

impl SourceAnswers<'_> {
    /// Why the rows of this person are withheld; `None` where they are permitted.
    pub fn withhold(&self, person: PersonId, tie: Tie) -> Option<Reason> {
        let Some(place) = self.asked.get(person.value()) else { return self.not_asked };
        self.reasons[place as usize].or(match tie {
            Tie::Somebody => None,
            Tie::Nobody => self.unlinked,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caredata_model::{Choice, Day, NhsNumber, Scope, Wish};

    fn number(text: &str) -> Subject {
        Subject::Number(NhsNumber::parse(text).expect("a valid number"))
    }

    fn object(scope: Scope) -> Wish {
        Wish { scope, choice: Choice::Object, effective: None, recorded: None }
    }

    fn source(name: &str) -> SourceName {
        SourceName::parse(name).expect("a source's name")
    }

    fn register(events: Vec<(Subject, Wish)>) -> Register {
        Register::from_events(events, Day::parse("2014-05-01").expect("a day")).expect("some events")
    }

    #[test]
    fn an_objection_under_any_number_covers_the_person() {
        use Reason::{ObjectedAll, ObjectedGp, ObjectedSource};
        let register = register(vec![
            (number("9434765919"), object(Scope::All)),
            (number("9434765870"), object(Scope::GpRecord)),
            (Subject::Record(RecordKey::from_bits(7)), object(Scope::Source(source("apc")))),
        ]);
        let person = PersonId::from_bits;
        let known_by = vec![
            (person(1), Subject::Record(RecordKey::from_bits(1))),
            (person(1), number("9434765919")),
            (person(2), number("9434765870")),
            (person(3), Subject::Record(RecordKey::from_bits(7))),
            (person(3), number("9434765870")),
            (person(4), Subject::Record(RecordKey::from_bits(8))),
        ];
        let answers = PersonAnswers::decide(&register, known_by, Policy::default());
        assert_eq!((answers.asked(), answers.objecting().count()), (4, 3));
        let gp = answers.of_source(Passage::LinkedRecord, Setting::GeneralPractice, &source("gp-patients"));
        let apc = answers.of_source(Passage::LinkedRecord, Setting::Elsewhere, &source("apc"));
        let op = answers.of_source(Passage::LinkedRecord, Setting::Elsewhere, &source("op"));
        let ask = |of: &SourceAnswers<'_>| [1, 2, 3, 4].map(|bits| of.withhold(person(bits), Tie::Somebody));
        assert_eq!(ask(&gp), [Some(ObjectedAll), Some(ObjectedGp), Some(ObjectedGp), None]);
        assert_eq!(ask(&apc), [Some(ObjectedAll), None, Some(ObjectedSource), None]);
        assert_eq!(ask(&op), [Some(ObjectedAll), None, None, None]);
    }

    #[test]
    fn the_policy_withholds_rows_that_tie_to_nobody() {
        let register = register(vec![(number("9434765919"), object(Scope::All))]);
        let person = PersonId::from_bits(1);
        let known_by = [(person, Subject::Record(RecordKey::from_bits(1)))];
        for (unlinked, expected) in [(Unlinked::Admit, None), (Unlinked::Withhold, Some(Reason::TiesToNobody))] {
            let answers = PersonAnswers::decide(&register, known_by, Policy { unlinked });
            let apc = answers.of_source(Passage::LinkedRecord, Setting::Elsewhere, &source("apc"));
            assert_eq!(apc.withhold(person, Tie::Nobody), expected);
            assert_eq!(apc.withhold(person, Tie::Somebody), None);
        }
    }
}

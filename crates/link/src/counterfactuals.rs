//! What would be made of an event if one of its identifiers were another.
//!
//! An event, judged -> the same event judged again with one identifier missing, slipped, changed, or as a candidate has it.
//! Everything else stays: what others taught, and the parameters. Invariant: no value leaves here, only which identifier was
//! changed how and what came of it.

use crate::explain::{Bench, Conclusion, outcome};
use crate::keys;
use crate::levels::{BirthLevel, NhsLevel, PostcodeLevel, SexLevel};
use crate::record::Record;
use crate::reference::Reference;
use crate::score::{Candidate, Scratch, Verdict};
use caredata_model::{BirthDate, Day, Gender, Identifiers, NhsDigits, Postcode};

/// An identifier, or the provider's patient id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The NHS Number.
    Number,
    /// The date of birth.
    BirthDate,
    /// The postcode.
    Postcode,
    /// The gender.
    Gender,
    /// The provider's own patient id.
    PatientId,
}

impl Field {
    /// The four identifiers.
    pub const IDENTIFIERS: [Self; 4] = [Self::Number, Self::BirthDate, Self::Postcode, Self::Gender];

    /// The field in words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number => "NHS Number",
            Self::BirthDate => "date of birth",
            Self::Postcode => "postcode",
            Self::Gender => "gender",
            Self::PatientId => "provider's patient id",
        }
    }
}

/// How one identifier is supposed to be other than it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Supposed {
    /// It is not stated.
    Missing,
    /// One digit is mistyped.
    Slipped,
    /// It is as the best candidate has it.
    AsBest,
    /// It is as the runner-up has it.
    AsNext,
    /// It is another altogether, and nobody's.
    Another,
}

/// What would be made of an event if one identifier were another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counterfactual {
    /// Which identifier.
    pub field: Field,
    /// How it is supposed to be.
    pub supposed: Supposed,
    /// What would be made of the event.
    pub outcome: Conclusion,
    /// The probability of whoever would then be the best candidate; 0 where there would be none.
    pub probability: f64,
    /// Whether that is another outcome than that of the record as it stands.
    pub flips: bool,
    /// How many bits the change moves the weight of the best candidate; all of them where that would be no candidate any more.
    pub moved_bits: f32,
}

/// All that is worth supposing, the smallest change first.
pub(crate) fn of(bench: &Bench<'_>, record: &Record, verdict: &Verdict, judged: &Scratch) -> Vec<Counterfactual> {
    let persons: Vec<u32> = judged.candidates.iter().map(|candidate| candidate.person).collect();
    let now = outcome(bench.settings, verdict, &persons);
    let best = judged.candidates.first().copied();
    let mut scratch = Scratch::default();
    let mut all: Vec<Counterfactual> = supposed(bench.scorer.reference, record, judged)
        .into_iter()
        .filter(|&(field, ..)| field != Field::PatientId || !bench.settings.identifiers_only)
        .map(|(field, supposed, changed)| {
            let verdict = bench.judge(&changed, &mut scratch);
            let outcome = outcome(bench.settings, &verdict, &persons);
            let weight = |all: &[Candidate]| {
                let same = best.and_then(|best| all.iter().find(|candidate| candidate.person == best.person));
                same.map_or(0.0, Candidate::weight_bits)
            };
            let moved_bits = (weight(&scratch.candidates) - weight(&judged.candidates)).abs();
            let probability = verdict.probability;
            Counterfactual { field, supposed, outcome, probability, flips: outcome != now, moved_bits }
        })
        .collect();
    all.sort_by(|a, b| {
        let by_kind = || (a.field, a.supposed).cmp(&(b.field, b.supposed));
        a.moved_bits.total_cmp(&b.moved_bits).then_with(by_kind)
    });
    all
}

fn supposed(reference: &Reference<'_>, record: &Record, judged: &Scratch) -> Vec<(Field, Supposed, Record)> {
    let own = record.identifiers;
    let mut all = Vec::new();
    let mut suppose = |field: Field, supposed: Supposed, changed: Option<Identifiers>| {
        let changed = changed.filter(|changed| *changed != own);
        all.extend(changed.map(|identifiers| (field, supposed, Record { identifiers, ..*record })));
    };
    for field in Field::IDENTIFIERS {
        suppose(field, Supposed::Missing, Some(with(own, field, NOTHING)));
    }
    let slip = slipped_number(own).map(|number| with(own, Field::Number, number));
    suppose(Field::Number, Supposed::Slipped, slip);
    suppose(Field::BirthDate, Supposed::Slipped, slipped_birth(own).map(|birth| with(own, Field::BirthDate, birth)));
    let named = [Supposed::AsBest, Supposed::AsNext];
    for (candidate, supposed) in judged.candidates.iter().zip(named) {
        for field in Field::IDENTIFIERS.into_iter().filter(|&field| !agrees(candidate, field)) {
            let theirs = value_of(reference, candidate.person, field);
            suppose(field, supposed, theirs.map(|theirs| with(own, field, theirs)));
        }
    }
    if let Some(best) = judged.candidates.first() {
        for field in Field::IDENTIFIERS.into_iter().filter(|&field| agrees(best, field)) {
            let other = another(reference, own, best.person, field);
            suppose(field, Supposed::Another, other.map(|other| with(own, field, other)));
        }
    }
    if record.local_id != 0 {
        all.push((Field::PatientId, Supposed::Missing, Record { local_id: 0, ..*record }));
    }
    all
}

const NOTHING: Identifiers = Identifiers::from_words([0, 0]);

/// Identifiers with one of them taken from another set.
fn with(own: Identifiers, field: Field, from: Identifiers) -> Identifiers {
    let (mut number, mut birth, mut postcode, mut gender) =
        (own.nhs_digits(), own.birth_date(), own.postcode(), own.gender());
    match field {
        Field::Number => number = from.nhs_digits(),
        Field::BirthDate => birth = from.birth_date(),
        Field::Postcode => postcode = from.postcode(),
        Field::Gender => gender = from.gender(),
        Field::PatientId => {}
    }
    Identifiers::new(number, birth, postcode, gender)
}

fn number_alone(digits: u64) -> Option<Identifiers> {
    Some(Identifiers::new(Some(NhsDigits::new(digits).ok()?), None, None, Gender::NotKnown))
}

fn birth_alone(year: i32, month: u32, day: u32) -> Option<Identifiers> {
    let date = BirthDate::new(Day::new(year, month, day).ok()?).ok()?;
    Some(Identifiers::new(None, Some(date), None, Gender::NotKnown))
}

fn slipped_number(own: Identifiers) -> Option<Identifiers> {
    let digits = keys::digits(own);
    if digits == 0 { None } else { number_alone(digits / 10 * 10 + (digits + 1) % 10) }
}

fn slipped_birth(own: Identifiers) -> Option<Identifiers> {
    let (year, month, day) = keys::civil(own)?;
    let ones = day / 10 * 10 + (day + 1) % 10;
    birth_alone(year, month, ones).or_else(|| birth_alone(year, month, day - 1))
}

fn agrees(candidate: &Candidate, field: Field) -> bool {
    let pattern = candidate.compared.pattern;
    match field {
        Field::Number => pattern.nhs == NhsLevel::Exact,
        Field::BirthDate => pattern.birth == BirthLevel::Exact,
        Field::Postcode => pattern.postcode <= PostcodeLevel::Earlier,
        Field::Gender => pattern.sex == SexLevel::Same,
        Field::PatientId => candidate.bits[4] > 0.0,
    }
}

/// A person's value of one identifier: of the registration with the smallest key that states it, else of the index.
fn value_of(reference: &Reference<'_>, person: u32, field: Field) -> Option<Identifiers> {
    let states = |row: &u32| {
        let of = reference.rows[*row as usize];
        match field {
            Field::Number => keys::digits(of) != 0,
            Field::BirthDate => of.birth_packed() != 0,
            Field::Postcode => keys::postcode(of) != 0,
            Field::Gender => keys::sex(of) != 0,
            Field::PatientId => false,
        }
    };
    let rows = reference.rows_of(person).iter().copied().filter(states);
    let first = rows.min_by_key(|&row| (!reference.is_current(row), reference.key(row)))?;
    Some(reference.rows[first as usize])
}

/// A value that is neither the record's nor near it, and that says nothing for anybody.
fn another(reference: &Reference<'_>, own: Identifiers, person: u32, field: Field) -> Option<Identifiers> {
    match field {
        Field::Number => {
            // Half the range of numbers away: further than any slip.
            let start = (keys::digits(own) + 5_000_000_000) % 10_000_000_000;
            (0..1_000).map(|step| (start + step) % 10_000_000_000).find_map(|digits| {
                let number = number_alone(digits).filter(|&of| reference.numbers.possible(of) != 0)?;
                reference.by_nhs.find(keys::nhs_digits(digits)).next().is_none().then_some(number)
            })
        }
        Field::BirthDate => {
            let (year, month, day) = keys::civil(own)?;
            // Neither year nor month nor day the same, and no first of January.
            let (month, day) = (month % 12 + 1, if day == 2 { 4 } else { 2 });
            birth_alone(year + 7, month, day).or_else(|| birth_alone(year - 7, month, day))
        }
        Field::Postcode => {
            let theirs: Vec<u64> = reference
                .rows_of(person)
                .iter()
                .filter_map(|&row| keys::place(reference.rows[row as usize]))
                .chain(own.postcode())
                .map(Postcode::district)
                .collect();
            let elsewhere = reference.rows.iter().filter_map(|&row| keys::place(row));
            let other = elsewhere.filter(|place| !theirs.contains(&place.district())).min_by_key(|p| p.packed())?;
            Some(Identifiers::new(None, None, Some(other), Gender::NotKnown))
        }
        Field::Gender => {
            let gender = if keys::sex(own) == 1 { Gender::Female } else { Gender::Male };
            Some(Identifiers::new(None, None, None, gender))
        }
        Field::PatientId => None,
    }
}

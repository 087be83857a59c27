//! Which persons an event is compared with.
//!
//! Event -> candidate persons by eight rules, each once. Invariant: the candidates are a set that depends on the records
//! alone; a rule whose key more than [`MOST_A_RULE`] rows share (a communal address) yields nothing.

use crate::compare::Event;
use crate::key_index::{KeyIndex, NO_KEY};
use crate::keys;
use crate::reference::Reference;
use caredata_model::Identifiers;
use rayon::prelude::*;

/// Rows a rule may yield for one event; beyond it the key says too little to be worth comparing.
pub(crate) const MOST_A_RULE: usize = 400;

/// Rows that a thread looks through at a time.
const ROWS_A_PART: usize = 1 << 14;

/// The rules, in the order of their counts in [`crate::Diagnostics`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Rule {
    /// The same NHS Number.
    Number,
    /// The same date of birth and postcode.
    BirthPostcode,
    /// The same date of birth at the postcode of whoever bears the event's number.
    BirthAtHoldersPostcode,
    /// The same date of birth, gender and postcode district.
    BirthSexDistrict,
    /// The same date of birth and first four digits of the number.
    BirthFirstDigits,
    /// The same date of birth and last four digits of the number.
    BirthLastDigits,
    /// The same postcode, gender and year of birth.
    PostcodeSexYear,
    /// The same postcode, and month and day of birth in either order.
    PostcodeBirthday,
    /// The patient id of the provider under which a linked event was seen.
    LocalId,
    /// The same date of birth and a postcode that a linked event of the person bore.
    BirthEarlierPostcode,
    /// The same date of birth, and a postcode that a linked event of somebody at the person's postcode bore.
    BirthHouseholdPostcode,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 11] = [
        Self::Number,
        Self::BirthPostcode,
        Self::BirthAtHoldersPostcode,
        Self::BirthSexDistrict,
        Self::BirthFirstDigits,
        Self::BirthLastDigits,
        Self::PostcodeSexYear,
        Self::PostcodeBirthday,
        Self::LocalId,
        Self::BirthEarlierPostcode,
        Self::BirthHouseholdPostcode,
    ];

    /// Whether the rule rests on what linked events taught.
    pub const fn is_remembered(self) -> bool {
        matches!(self, Self::LocalId | Self::BirthEarlierPostcode | Self::BirthHouseholdPostcode)
    }

    /// The rule in a few words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number => "NHS Number",
            Self::BirthPostcode => "date of birth + postcode",
            Self::BirthAtHoldersPostcode => "date of birth at the postcode of the number's bearer",
            Self::BirthSexDistrict => "date of birth + gender + district",
            Self::BirthFirstDigits => "date of birth + first four digits",
            Self::BirthLastDigits => "date of birth + last four digits",
            Self::PostcodeSexYear => "postcode + gender + year of birth",
            Self::PostcodeBirthday => "postcode + birthday",
            Self::LocalId => "provider's patient id",
            Self::BirthEarlierPostcode => "date of birth + earlier postcode",
            Self::BirthHouseholdPostcode => "date of birth + earlier postcode of the household",
        }
    }
}

/// The indexes that only events need that do not exit early. They hold only the rows that somebody asks for where it is known
/// who will ask: of a million registrations a few in a hundred.
pub(crate) struct Blocks {
    by: [KeyIndex; KEYS.len()],
}

/// Makes the key of a rule.
type Key = fn(Identifiers) -> u64;

/// The keys of [`Blocks`] and their rules.
const KEYS: [(Rule, Key); 5] = [
    (Rule::BirthSexDistrict, keys::birth_sex_district),
    (Rule::BirthFirstDigits, keys::birth_first_digits),
    (Rule::BirthLastDigits, keys::birth_last_digits),
    (Rule::PostcodeSexYear, keys::postcode_sex_year),
    (Rule::PostcodeBirthday, keys::postcode_birthday),
];

/// Which keys somebody asks for: a bit a hash, so that a few strangers pass.
struct Asked {
    shift: u32,
    bits: Vec<u64>,
}

impl Asked {
    fn by(identifiers: &[Identifiers], key: Key) -> Self {
        // Sixteen bits a key let one stranger in sixteen pass, which costs less than a larger table that no cache holds.
        let width = (identifiers.len().max(4) * 16).next_power_of_two().trailing_zeros().max(6);
        let mut asked = Self { shift: 64 - width, bits: vec![0; 1 << (width - 6)] };
        for &of in identifiers {
            let key = key(of);
            if key != NO_KEY {
                let bit = key >> asked.shift;
                asked.bits[(bit >> 6) as usize] |= 1 << (bit & 63);
            }
        }
        asked
    }

    #[inline]
    fn contains(&self, key: u64) -> bool {
        let bit = key >> self.shift;
        key != NO_KEY && self.bits[(bit >> 6) as usize] >> (bit & 63) & 1 == 1
    }
}

/// A candidate person and the first rule that found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    pub(crate) person: u32,
    pub(crate) rule: Rule,
}

impl Blocks {
    /// Indexes all rows: for events that nobody has named beforehand.
    pub(crate) fn of_all(reference: &Reference<'_>) -> Self {
        let rows = &reference.rows;
        let by = KEYS.map(|(_, key)| KeyIndex::build(rows.len(), move |row| key(rows[row])));
        Self { by }
    }

    /// Indexes the rows that events with these identifiers will ask for, and no others.
    pub(crate) fn asked_for(reference: &Reference<'_>, identifiers: &[Identifiers]) -> Self {
        let asked: Vec<Asked> = KEYS.par_iter().map(|&(_, key)| Asked::by(identifiers, key)).collect();
        let parts: Vec<[Vec<(u64, u32)>; KEYS.len()]> = reference
            .rows
            .par_chunks(ROWS_A_PART)
            .enumerate()
            .map(|(part, rows)| {
                let mut kept: [Vec<(u64, u32)>; KEYS.len()] = Default::default();
                for (row, &of) in (part * ROWS_A_PART..).zip(rows) {
                    for ((asked, kept), (_, key)) in asked.iter().zip(&mut kept).zip(KEYS) {
                        let key = key(of);
                        if asked.contains(key) {
                            kept.push((key, row as u32));
                        }
                    }
                }
                kept
            })
            .collect();
        let index = |number: usize| {
            let rows: Vec<(u64, u32)> = parts.iter().flat_map(|kept| kept[number].iter().copied()).collect();
            KeyIndex::of_keyed(&rows)
        };
        Self { by: std::array::from_fn(index) }
    }

    /// Adds the event's candidates to `found`, each person once, in the order of persons.
    pub(crate) fn find(&self, reference: &Reference<'_>, event: &Event, found: &mut Vec<Found>) {
        for rule in Rule::ALL {
            self.find_by(rule, reference, event, found);
        }
        found.sort_unstable();
        found.dedup_by_key(|found| found.person);
    }

    /// Adds the candidates that one rule finds, a person perhaps more than once; none for rules that need linked events.
    #[inline]
    pub(crate) fn find_by(&self, rule: Rule, reference: &Reference<'_>, event: &Event, found: &mut Vec<Found>) {
        let of = event.identifiers;
        if rule != Rule::Number && !event.has_birth() {
            return;
        }
        let mut add = |rows: &mut dyn Iterator<Item = u32>| {
            let before = found.len();
            found.extend(
                rows.take(MOST_A_RULE + 1).map(|row| Found { person: reference.person_of_row[row as usize], rule }),
            );
            if found.len() > before + MOST_A_RULE {
                // Some of them would be a choice by the order of the input: all or none.
                found.truncate(before);
            }
        };
        match rule {
            Rule::Number => add(&mut reference.by_nhs.find(keys::nhs(of))),
            Rule::BirthPostcode => add(&mut reference.by_birth_postcode.find(keys::birth_postcode(of))),
            Rule::BirthAtHoldersPostcode if event.nhs != 0 => {
                for holder in reference.by_nhs.find(keys::nhs(of)).take(8) {
                    let there = keys::birth_at(event.birth, keys::postcode(reference.rows[holder as usize]));
                    add(&mut reference.by_birth_postcode.find(there));
                }
            }
            Rule::BirthAtHoldersPostcode
            | Rule::LocalId
            | Rule::BirthEarlierPostcode
            | Rule::BirthHouseholdPostcode => {}
            Rule::BirthSexDistrict
            | Rule::BirthFirstDigits
            | Rule::BirthLastDigits
            | Rule::PostcodeSexYear
            | Rule::PostcodeBirthday => {
                for ((_, key), index) in KEYS.into_iter().zip(&self.by).filter(|((keyed, _), _)| *keyed == rule) {
                    add(&mut index.find(key(of)));
                }
            }
        }
    }
}

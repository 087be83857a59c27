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
use std::ops::Range;

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
    by: [KeyIndex; keys::BLOCKS],
}

/// The rules that look up one key of the event's own: the number, date of birth with postcode, and [`keys::of_blocks`].
const LOOKED_UP: [Rule; 7] = [
    Rule::Number,
    Rule::BirthPostcode,
    Rule::BirthSexDistrict,
    Rule::BirthFirstDigits,
    Rule::BirthLastDigits,
    Rule::PostcodeSexYear,
    Rule::PostcodeBirthday,
];

/// Which keys somebody asks for: a bit a hash, so that a few strangers pass.
struct Asked {
    shift: u32,
    bits: Vec<u64>,
}

impl Asked {
    fn by(keys: &[[u64; keys::BLOCKS]], number: usize) -> Self {
        // Sixteen bits a key let one stranger in sixteen pass, which costs less than a larger table that no cache holds.
        let width = (keys.len().max(4) * 16).next_power_of_two().trailing_zeros().max(6);
        let mut asked = Self { shift: 64 - width, bits: vec![0; 1 << (width - 6)] };
        for key in keys.iter().map(|keys| keys[number]).filter(|&key| key != NO_KEY) {
            let bit = key >> asked.shift;
            asked.bits[(bit >> 6) as usize] |= 1 << (bit & 63);
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
        let by = std::array::from_fn(|number| KeyIndex::build(rows.len(), |row| keys::of_blocks(rows[row])[number]));
        Self { by }
    }

    /// Indexes the rows that events with these identifiers will ask for, and no others.
    pub(crate) fn asked_for(reference: &Reference<'_>, identifiers: &[Identifiers]) -> Self {
        let asked: Vec<[u64; keys::BLOCKS]> = identifiers.par_iter().map(|&of| keys::of_blocks(of)).collect();
        let asked: Vec<Asked> = (0..keys::BLOCKS).into_par_iter().map(|number| Asked::by(&asked, number)).collect();
        let parts: Vec<[Vec<(u64, u32)>; keys::BLOCKS]> = reference
            .rows
            .par_chunks(ROWS_A_PART)
            .enumerate()
            .map(|(part, rows)| {
                let mut kept: [Vec<(u64, u32)>; keys::BLOCKS] = Default::default();
                for (row, &of) in (part * ROWS_A_PART..).zip(rows) {
                    for ((asked, kept), key) in asked.iter().zip(&mut kept).zip(keys::of_blocks(of)) {
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

    /// Where the rows stand that an event asks for: the first step of finding its candidates.
    #[inline]
    pub(crate) fn places(&self, reference: &Reference<'_>, event: &Event) -> Places {
        let keys = keys_of(event);
        let mut places: Places = Default::default();
        for ((place, rule), key) in places.iter_mut().zip(LOOKED_UP).zip(keys) {
            *place = (key, self.index_of(rule, reference).range(key));
        }
        places
    }

    /// The second step: adds the rows, as yet in place of their persons, a row perhaps more than once.
    #[inline]
    pub(crate) fn rows_at(&self, places: &Places, reference: &Reference<'_>, event: &Event, found: &mut Vec<Found>) {
        for (rule, place) in LOOKED_UP.into_iter().zip(places) {
            add(self.index_of(rule, reference), place, rule, found);
        }
        look_at_holders(reference, event, found);
    }

    /// Adds the candidates that one rule finds, a person perhaps more than once; none for rules that need linked events.
    pub(crate) fn find_by(&self, rule: Rule, reference: &Reference<'_>, event: &Event, found: &mut Vec<Found>) {
        let before = found.len();
        if rule == Rule::BirthAtHoldersPostcode {
            look_at_holders(reference, event, found);
        } else {
            let keyed = LOOKED_UP.into_iter().zip(keys_of(event)).find(|&(keyed, _)| keyed == rule);
            let (key, index) = (keyed.map_or(NO_KEY, |(_, key)| key), self.index_of(rule, reference));
            add(index, &(key, index.range(key)), rule, found);
        }
        name(reference, &mut found[before..]);
    }

    /// The index that a rule of one key looks its key up in.
    #[inline]
    fn index_of<'a>(&'a self, rule: Rule, reference: &'a Reference<'_>) -> &'a KeyIndex {
        match rule {
            Rule::BirthSexDistrict => &self.by[0],
            Rule::BirthFirstDigits => &self.by[1],
            Rule::BirthLastDigits => &self.by[2],
            Rule::PostcodeSexYear => &self.by[3],
            Rule::PostcodeBirthday => &self.by[4],
            Rule::BirthPostcode
            | Rule::BirthAtHoldersPostcode
            | Rule::BirthEarlierPostcode
            | Rule::BirthHouseholdPostcode => &reference.by_birth_postcode,
            Rule::Number | Rule::LocalId => &reference.by_nhs,
        }
    }
}

/// The event's key under each rule that looks up one of its own; [`NO_KEY`] where the event lacks a part of it.
#[inline]
fn keys_of(event: &Event) -> [u64; LOOKED_UP.len()] {
    let of = event.identifiers;
    let mut keys = [NO_KEY; LOOKED_UP.len()];
    keys[0] = keys::nhs(of);
    if event.has_birth() {
        keys[1] = keys::birth_postcode(of);
        keys[2..].copy_from_slice(&keys::of_blocks(of));
    }
    keys
}

/// Adds rows of the event's date of birth at the postcodes of whoever bears its number.
fn look_at_holders(reference: &Reference<'_>, event: &Event, found: &mut Vec<Found>) {
    if event.nhs == 0 || !event.has_birth() {
        return;
    }
    for holder in reference.by_nhs.find(keys::nhs(event.identifiers)).take(8) {
        let index = &reference.by_birth_postcode;
        let key = keys::birth_at(event.birth, keys::postcode(reference.rows[holder as usize]));
        add(index, &(key, index.range(key)), Rule::BirthAtHoldersPostcode, found);
    }
}

/// A key and where its rows stand.
type Place = (u64, Range<usize>);

/// A place for each rule that looks up one key of the event's own.
pub(crate) type Places = [Place; LOOKED_UP.len()];

/// Adds the rows, as yet in place of their persons; none where there are more than [`MOST_A_RULE`].
#[inline]
fn add(index: &KeyIndex, (key, range): &Place, rule: Rule, found: &mut Vec<Found>) {
    let before = found.len();
    let rows = index.find_in(range.clone(), *key).take(MOST_A_RULE + 1);
    found.extend(rows.map(|row| Found { person: row, rule }));
    if found.len() > before + MOST_A_RULE {
        // Some of them would be a choice by the order of the input: all or none.
        found.truncate(before);
    }
}

/// The third step: puts each row's person in its place.
#[inline]
pub(crate) fn name(reference: &Reference<'_>, found: &mut [Found]) {
    for found in found {
        found.person = reference.person_of_row[found.person as usize];
    }
}

/// The last step: each person once, in the order of persons, by the first rule that found it.
#[inline]
pub(crate) fn each_once(found: &mut Vec<Found>) {
    found.sort_unstable();
    found.dedup_by_key(|found| found.person);
}

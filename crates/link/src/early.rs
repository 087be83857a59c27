//! Events that nobody can compete for: number, date of birth and gender agree with the one person who bears the number.
//!
//! Events and reference -> an [`Early`] for each, before any parameter is known. The events are taken in batches and each batch
//! in steps (which partition, which rows, what they say), since every step waits for memory and the waits of a batch
//! overlap. Invariant: whether an event exits early depends on the records alone.

use crate::Record;
use crate::frequency::Frequencies;
use crate::keys;
use crate::levels::PostcodeLevel;
use crate::reference::Reference;
use crate::score::NOBODY;
use caredata_model::Identifiers;
use rayon::prelude::*;

/// Events whose waits for memory overlap.
const BATCH: usize = 128;

/// The one person an event can be of, if there is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Early {
    /// The person; [`NOBODY`] where the event does not exit early.
    pub(crate) person: u32,
    /// How the postcodes agree.
    pub(crate) postcode: PostcodeLevel,
    /// What the agreeing values weigh, in bits.
    pub(crate) value_bits: f32,
}

impl Early {
    const NONE: Self = Self { person: NOBODY, postcode: PostcodeLevel::Missing, value_bits: 0.0 };

    /// Whether the event exits early.
    #[inline]
    pub(crate) const fn exits(&self) -> bool {
        self.person != NOBODY
    }

    /// An [`Early`] for each event.
    pub(crate) fn find(reference: &Reference<'_>, frequencies: &Frequencies, events: &[Record]) -> Vec<Self> {
        let persons_bits = (reference.persons().max(1) as f64).log2() as f32;
        let mut all = vec![Self::NONE; events.len()];
        all.par_chunks_mut(BATCH).zip(events.par_chunks(BATCH)).with_min_len(16).for_each_init(
            Steps::default,
            |steps, (out, events)| {
                steps.look_up(reference, frequencies, events);
                steps.compare(frequencies, persons_bits, events, out);
            },
        );
        all
    }
}

/// What a thread keeps from batch to batch.
#[derive(Default)]
struct Steps {
    /// For each event of the batch that may exit early: its place and where in the index to look.
    asked: Vec<(u32, u64, std::ops::Range<usize>)>,
    /// For each row that may bear an event's number: the event's place and the row.
    rows: Vec<(u32, u32)>,
    /// The same, with what the row says and whose it is.
    said: Vec<(u32, Identifiers, u32)>,
}

impl Steps {
    fn look_up(&mut self, reference: &Reference<'_>, frequencies: &Frequencies, events: &[Record]) {
        self.asked.clear();
        for (place, event) in events.iter().enumerate() {
            let (of, birth) = (event.identifiers, event.identifiers.birth_packed());
            let digits = keys::digits(of);
            if digits != 0 && birth != 0 && keys::sex(of) != 0 && !frequencies.is_default(birth) {
                let key = keys::nhs_digits(digits);
                self.asked.push((place as u32, key, reference.by_nhs.range(key)));
            }
        }
        self.rows.clear();
        for (place, key, range) in &self.asked {
            self.rows.extend(reference.by_nhs.find_in(range.clone(), *key).map(|row| (*place, row)));
        }
        self.said.clear();
        self.said.extend(
            self.rows
                .iter()
                .map(|&(place, row)| (place, reference.rows[row as usize], reference.person_of_row[row as usize])),
        );
    }

    fn compare(&self, frequencies: &Frequencies, persons_bits: f32, events: &[Record], out: &mut [Early]) {
        for said in self.said.chunk_by(|one, next| one.0 == next.0) {
            let place = said[0].0 as usize;
            let of = events[place].identifiers;
            if let Some((person, postcode)) = sole(of, said) {
                let exact = postcode == PostcodeLevel::Exact;
                let postcode_bits = if exact { -frequencies.postcode(keys::postcode(of)).log2() as f32 } else { 0.0 };
                let (birth, sex) = (frequencies.birth(of.birth_packed()), frequencies.sex(keys::sex(of)));
                let value_bits = persons_bits - (birth.log2() + sex.log2()) as f32 + postcode_bits;
                out[place] = Early { person, postcode, value_bits };
            }
        }
    }
}

/// The person all of whose rows under the event's number agree with it in date of birth and gender, if only that one bears the
/// number.
#[inline]
fn sole(of: Identifiers, said: &[(u32, Identifiers, u32)]) -> Option<(u32, PostcodeLevel)> {
    let (mut person, mut postcode) = (NOBODY, PostcodeLevel::Missing);
    let ours = keys::postcode(of);
    for &(_, theirs, whose) in said {
        if keys::digits(theirs) != keys::digits(of) {
            continue;
        }
        let agrees = theirs.birth_packed() == of.birth_packed() && keys::sex(theirs) == keys::sex(of);
        if !agrees || (person != NOBODY && person != whose) {
            return None;
        }
        person = whose;
        let theirs = keys::postcode(theirs);
        if ours != 0 && ours == theirs {
            postcode = PostcodeLevel::Exact;
        } else if ours != 0 && theirs != 0 && postcode == PostcodeLevel::Missing {
            postcode = PostcodeLevel::Elsewhere;
        }
    }
    (person != NOBODY).then_some((person, postcode))
}

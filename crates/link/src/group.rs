//! Events of nobody who is known, gathered into persons: people found only in hospital become persons too.
//!
//! Leftover events -> the root event of each. The same strict rules as for registrations: a number with a date of birth that
//! fits, a provider's patient id with the same, then date of birth, postcode and gender where the numbers leave one choice.
//! Invariant: two different numbers never meet in one person; the partition does not depend on the order of the input.

use crate::Record;
use crate::decisions::Settled;
use crate::join::Union;
use crate::key_index::{KeyIndex, NO_KEY};
use crate::keys;
use crate::levels::{self, BirthLevel};
use caredata_model::Identifiers;

/// Events that share a key with more than this many others are not compared by it.
const MOST_PARTNERS: usize = 200;

/// The root of each of `leftover` (positions in `events`), as positions in `leftover`. Those `together` are one person's already.
pub(crate) fn group(
    events: &[Record],
    leftover: &[u32],
    use_local_ids: bool,
    settled: &Settled,
    together: &[Vec<u32>],
) -> Vec<u32> {
    let of = |at: usize| &events[leftover[at] as usize];
    let key_of = |at: u32| of(at as usize).key;
    let mut union = Union::new((0..leftover.len()).map(|at| keys::digits(of(at).identifiers)).collect());
    obey(&mut union, leftover, settled);
    for events in together {
        let places: Vec<u32> = places(leftover, events).collect();
        for pair in places.windows(2) {
            if !union.are_apart(pair[0], pair[1]) {
                union.join_regardless(pair[0], pair[1]);
            }
        }
    }
    let rules: [(&Key, &Fits); 3] = [
        (&|record| keys::nhs(record.identifiers), &same_number),
        (&|record| if use_local_ids { keys::local(record.provider, record.local_id) } else { NO_KEY }, &same_local_id),
        (&|record| keys::birth_postcode(record.identifiers), &same_birth_and_place),
    ];
    for (key, fits) in rules {
        let index = KeyIndex::build(leftover.len(), |at| key(of(at)));
        let mut pairs = index.pairs(MOST_PARTNERS);
        pairs.retain(|&(a, b)| fits(of(a as usize), of(b as usize)));
        pairs.sort_unstable_by_key(|&(a, b)| {
            // Numbered events first, so that a record without a number joins what the numbers made.
            let unnumbered = [a, b].iter().filter(|&&at| keys::digits(of(at as usize).identifiers) == 0).count();
            (unnumbered, key_of(a).min(key_of(b)), key_of(a).max(key_of(b)))
        });
        for (a, b) in pairs {
            union.join(a, b);
        }
    }
    (0..leftover.len() as u32).map(|at| union.root(at)).collect()
}

/// Puts together and keeps apart what was decided.
fn obey(union: &mut Union, leftover: &[u32], settled: &Settled) {
    let left = |events: &[u32]| places(leftover, events).collect::<Vec<u32>>();
    for events in &settled.together {
        union.decide_same(&left(events));
    }
    for (one, other) in &settled.apart {
        union.keep_apart(&left(one), &left(other));
    }
}

/// Where events stand among those left over.
fn places(leftover: &[u32], events: &[u32]) -> impl Iterator<Item = u32> {
    events.iter().filter_map(|event| leftover.binary_search(event).ok()).map(|at| at as u32)
}

type Key<'a> = dyn Fn(&Record) -> u64 + Sync + 'a;
type Fits = dyn Fn(&Record, &Record) -> bool + Sync;

fn birth_fits(a: Identifiers, b: Identifiers) -> bool {
    match (keys::civil(a), keys::civil(b)) {
        (Some(a), Some(b)) => levels::birth(a, b) != BirthLevel::Other,
        (Some(_) | None, None) | (None, Some(_)) => true,
    }
}

fn same_number(a: &Record, b: &Record) -> bool {
    keys::digits(a.identifiers) == keys::digits(b.identifiers) && birth_fits(a.identifiers, b.identifiers)
}

fn same_local_id(a: &Record, b: &Record) -> bool {
    (a.provider, a.local_id) == (b.provider, b.local_id) && birth_fits(a.identifiers, b.identifiers)
}

fn same_birth_and_place(a: &Record, b: &Record) -> bool {
    let (left, right) = (a.identifiers, b.identifiers);
    left.birth_packed() == right.birth_packed()
        && keys::place(left).is_some()
        && keys::place(left) == keys::place(right)
        && keys::sex(left) == keys::sex(right)
}

//! What gate 1 knows of a registration when its journal comes by: its fate, and from when on its days are exact.
//!
//! A journal entry states no identifier; it is its registration's. Invariant: where one registration stands twice with
//! different facts, the stricter holds.

use crate::days::ExactFrom;
use crate::{Fate, Reason};
use caredata_model::RecordKey;

/// One registration as it bears on its journal's entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The registration's own record key, which is the link key of its entries.
    pub key: RecordKey,
    /// What gate 1 made of the registration: its entries share it.
    pub fate: Fate,
    /// From when on its days are exact.
    pub(crate) exact_from: ExactFrom,
}

/// The registrations of all practices in a run, for looking up by key.
#[derive(Clone, Debug, Default)]
pub struct Registrations {
    sorted: Vec<Registration>,
}

impl Registrations {
    /// The registrations that gate 1 has seen, admitted or not.
    pub fn new(registrations: impl IntoIterator<Item = Registration>) -> Self {
        let mut sorted: Vec<Registration> = registrations.into_iter().collect();
        sorted.sort_unstable_by_key(|registration| (registration.key, strictest_first(registration.fate)));
        sorted.dedup_by(|later, first| {
            let same = later.key == first.key;
            if same && later.exact_from != first.exact_from {
                first.exact_from = ExactFrom::NEVER;
            }
            same
        });
        Self { sorted }
    }

    /// The number of registrations.
    pub const fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The registration with this key.
    pub(crate) fn get(&self, key: RecordKey) -> Option<&Registration> {
        let place = self.sorted.binary_search_by_key(&key, |registration| registration.key).ok()?;
        self.sorted.get(place)
    }
}

/// Sorts before any other what keeps least: reasons in their order, admission last.
const fn strictest_first(fate: Fate) -> (bool, Option<Reason>) {
    match fate {
        Fate::Withheld(reason) => (false, Some(reason)),
        Fate::Admitted => (true, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caredata_model::{BirthDate, Day};

    #[test]
    fn of_two_statements_the_stricter_holds() {
        let born = |text| ExactFrom::birth(Day::parse(text).ok().and_then(|day| BirthDate::new(day).ok()));
        let stated = |key, fate, exact_from| Registration { key: RecordKey::from_bits(key), fate, exact_from };
        let registrations = Registrations::new([
            stated(1, Fate::Admitted, born("1956-03-09")),
            stated(1, Fate::Withheld(Reason::ObjectedAll), born("1956-03-09")),
            stated(2, Fate::Admitted, born("1956-03-09")),
            stated(2, Fate::Admitted, born("2013-03-09")),
        ]);
        let get = |key| registrations.get(RecordKey::from_bits(key)).copied();
        assert_eq!(get(1), Some(stated(1, Fate::Withheld(Reason::ObjectedAll), born("1956-03-09"))));
        assert_eq!(get(2), Some(stated(2, Fate::Admitted, ExactFrom::NEVER)));
        assert_eq!((get(3), registrations.len()), (None, 2));
    }
}

//! Typed ids that are not identifiers: they tell nothing about anybody and may be printed.

use std::fmt;

/// A record's key: joins a record's identifiers in the vault to its payload in the records, and means nothing else.
/// A keyed hash of the record's source and local key, 63 bits, so that it fits the signed integers of every table format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey(i64);

/// A person's id in the vault's index. Never published: the records carry a pseudonym derived from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonId(i64);

macro_rules! id_of_63_bits {
    ($name:ident) => {
        impl $name {
            /// The id made of the low 63 bits of `bits`.
            pub const fn from_bits(bits: u64) -> Self {
                Self((bits & (u64::MAX >> 1)) as i64)
            }

            /// The id as stored; never negative.
            pub const fn value(self) -> i64 {
                self.0
            }
        }
    };
}
id_of_63_bits!(RecordKey);
id_of_63_bits!(PersonId);

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PersonId({self})")
    }
}

//! Rows withheld for sealing cannot be joined to persons.
use caredata_admit::Withheld;
use caredata_deidentify::{Linked, Persons};

fn link(withheld: &Withheld, persons: &Persons) -> Linked {
    Linked::join(withheld, persons)
}

fn main() {}

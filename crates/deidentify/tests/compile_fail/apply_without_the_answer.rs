//! Linked rows whose persons the register was not asked about cannot be de-identified.
use caredata_deidentify::{Deidentifier, Linked, LinkedRecord};

fn publish(deidentifier: &Deidentifier, linked: Linked) -> LinkedRecord {
    deidentifier.apply(linked).unwrap()
}

fn main() {}

//! Rows straight from a file cannot be joined to persons.
use caredata_deidentify::{Linked, Persons};
use caredata_extract::SourceBatch;

fn link(batch: &SourceBatch, persons: &Persons) -> Linked {
    Linked::join(batch, persons)
}

fn main() {}

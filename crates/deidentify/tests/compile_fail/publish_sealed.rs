//! Sealed rows are no linked record.
use caredata_deidentify::{LinkedRecord, SealedRecord};

fn publish(_record: LinkedRecord) {}

fn open(sealed: SealedRecord) {
    publish(sealed);
}

fn main() {}

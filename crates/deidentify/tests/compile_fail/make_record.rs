//! Nobody but a de-identifier makes a linked record.
use arrow_array::RecordBatch;
use caredata_admit::Table;
use caredata_deidentify::LinkedRecord;
use std::collections::BTreeMap;

fn record(table: Table, batch: RecordBatch) -> LinkedRecord {
    LinkedRecord { table, batch, blanked: BTreeMap::new() }
}

fn main() {}

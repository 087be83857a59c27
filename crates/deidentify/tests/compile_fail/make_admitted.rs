//! Nobody but a gate makes an admitted payload.
use arrow_array::RecordBatch;
use caredata_admit::{AdmittedPayload, Origin};
use std::sync::Arc;

fn admit(origin: Arc<Origin>, batch: RecordBatch) -> AdmittedPayload {
    AdmittedPayload { origin, batch }
}

fn main() {}

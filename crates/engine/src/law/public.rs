//! What the public sees of instruments: the ledger in, `public/instruments.json` out.
//!
//! Invariant: everything about an instrument is published, from its adding on: its words, what it lifts, who approved it, and
//! where it stands on the day that the file names.

use super::{Held, Instruments};
use crate::error::EngineError;
use crate::register::Kind;
use crate::whole::{Readers, write_whole};
use caredata_model::{Choice, Day};
use serde_json::{Value, json};
use std::path::Path;

const FILE: &str = "instruments.json";

/// Writes the public list.
pub fn write(folder: &Path, instruments: &Instruments, day: Day) -> Result<(), EngineError> {
    let list: Vec<Value> = instruments.all().iter().map(|held| as_json(held, day)).collect();
    let text = format!("{:#}\n", json!({ "as_of": day.to_string(), "instruments": list }));
    write_whole(&folder.join(FILE), text.as_bytes(), Readers::Usual)
}

/// An instrument as lists show it.
pub(super) fn as_json(held: &Held, day: Day) -> Value {
    let instrument = &held.instrument;
    let kind = |scope: &caredata_model::Scope| Kind { choice: Choice::Object, scope: scope.clone() }.to_string();
    json!({
        "id": instrument.id,
        "status": held.status(day).word(),
        "basis": instrument.basis.to_string(),
        "wording": instrument.wording,
        "purpose": instrument.purpose.word(),
        "lifts": instrument.lifted.scopes.iter().map(kind).collect::<Vec<_>>(),
        "tables": instrument.lifted.tables,
        "start": instrument.start.to_string(),
        "end": instrument.end.to_string(),
        "sha256": held.sha256,
        "approved_by": held.approvals.iter()
            .map(|one| json!({ "name": one.name, "role": one.role, "key": one.key, "noted_at": one.noted_at }))
            .collect::<Vec<_>>(),
        "used": held.used.iter()
            .map(|(at, used)| json!({
                "noted_at": at, "recipient": used.recipient, "persons": used.persons, "rows": used.rows,
            }))
            .collect::<Vec<_>>(),
        "ended": held.ended.as_ref().map(|(at, reason)| json!({ "noted_at": at, "reason": reason })),
    })
}

impl Held {
    /// The instrument as lists show it, where it stands on `day`.
    pub fn as_json(&self, day: Day) -> Value {
        as_json(self, day)
    }
}

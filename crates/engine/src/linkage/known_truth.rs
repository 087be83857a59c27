//! Whose record is whose, where that is known.
//!
//! A folder `truth/` as `caredata synth` writes it: `gp.csv` (practice, patient, person), `hospital.csv`, `op.csv` and `ae.csv`
//! (record, person) -> a person for each record key. Invariant: a file that is not as described is refused, whole.

use super::names::keys_of;
use crate::error::EngineError;
use caredata_model::RecordKey;
use std::collections::HashMap;
use std::path::Path;

/// True persons by record.
pub(super) struct Truth(HashMap<RecordKey, u64>);

impl Truth {
    /// A person that is nobody's truth.
    pub(super) const NOBODY: u64 = u64::MAX;

    /// Reads a folder; files of sources that are not there are left out, but for that of the practices.
    pub(super) fn read(folder: &Path) -> Result<Self, EngineError> {
        let mut truth = Self(HashMap::new());
        let mut persons: HashMap<String, u64> = HashMap::new();
        for (file, source, columns) in
            [("gp.csv", "gp", 2), ("hospital.csv", "apc", 1), ("op.csv", "op", 1), ("ae.csv", "ae", 1)]
        {
            let path = folder.join(file);
            if source == "gp" || path.exists() {
                truth.add(&path, source, columns, &mut persons)?;
            }
        }
        Ok(truth)
    }

    fn add(
        &mut self,
        path: &Path,
        source: &str,
        columns: usize,
        persons: &mut HashMap<String, u64>,
    ) -> Result<(), EngineError> {
        let text = std::fs::read_to_string(path).map_err(EngineError::io("reading the truth in", path))?;
        let broken = |line: u64| EngineError::TruthBroken { path: path.to_owned(), line };
        let key = keys_of(source);
        let mut lines = (1..).zip(text.lines());
        let header = lines.next().map(|(_, header)| header).unwrap_or_default();
        if header.split(',').nth(columns) != Some("person") || text.contains('"') {
            return Err(broken(1));
        }
        for (number, line) in lines {
            let mut fields = line.split(',');
            let id: Vec<&str> = fields.by_ref().take(columns).collect();
            let person = fields.next().filter(|person| !person.is_empty()).ok_or_else(|| broken(number))?;
            let next = persons.len() as u64;
            let person = match persons.get(person) {
                Some(&known) => known,
                None => *persons.entry(person.to_owned()).or_insert(next),
            };
            self.0.insert(key(&id.join("/")), person);
        }
        Ok(())
    }

    /// The true person of a record.
    pub(super) fn of(&self, key: RecordKey) -> Option<u64> {
        self.0.get(&key).copied()
    }
}

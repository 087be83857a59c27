//! The ledger of instruments at rest: entries in, the same entries in their order out.
//!
//! Each entry is bound by a keyed hash to the one before. Invariant: entries that somebody added, changed, removed from the
//! middle or reordered without the register's key are an error, not an answer.

use super::{Register, get, now};
use crate::error::EngineError;
use sqlx::Row;

/// One thing done about instruments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LawEntry {
    /// What, as JSON.
    pub content: String,
    /// When.
    pub noted_at: String,
}

impl Register {
    /// Adds an entry to the ledger of instruments.
    ///
    /// # Errors
    /// [`EngineError::Register`].
    pub(crate) fn append_law(&self, content: &str) -> Result<(), EngineError> {
        self.with("noting an act about instruments", async |connection| {
            let last = "SELECT bound FROM law_entries ORDER BY entry DESC LIMIT 1";
            let before: Vec<u8> = sqlx::query(last)
                .fetch_optional(&mut *connection)
                .await?
                .map_or(Ok(Vec::new()), |row| row.try_get(0))?;
            let entry = LawEntry { content: content.to_owned(), noted_at: now() };
            sqlx::query("INSERT INTO law_entries (content, noted_at, bound) VALUES ($1, $2, $3)")
                .bind(entry.content.clone())
                .bind(entry.noted_at.clone())
                .bind(self.bound(&before, &entry))
                .execute(connection)
                .await
                .map(|_| ())
        })
    }

    /// All entries, in the order in which they were added.
    ///
    /// # Errors
    /// [`EngineError::Register`], [`EngineError::RegisterBroken`] where an entry is not as it was added.
    pub(crate) fn law_entries(&self) -> Result<Vec<LawEntry>, EngineError> {
        let rows = self.with("reading instruments", async |connection| {
            sqlx::query("SELECT content, noted_at, bound FROM law_entries ORDER BY entry").fetch_all(connection).await
        })?;
        let mut before = Vec::new();
        rows.iter()
            .map(|row| {
                let entry = LawEntry { content: get(row, "content")?, noted_at: get(row, "noted_at")? };
                let bound: Vec<u8> = get(row, "bound")?;
                if bound != self.bound(&before, &entry) {
                    return Err(EngineError::RegisterBroken {
                        what: "an entry about instruments was changed from outside",
                    });
                }
                before = bound;
                Ok(entry)
            })
            .collect()
    }

    fn bound(&self, before: &[u8], entry: &LawEntry) -> Vec<u8> {
        let mut hasher = blake3::Hasher::new_keyed(self.seal.ledger.derive("instruments").bytes());
        for part in [before, entry.content.as_bytes(), entry.noted_at.as_bytes()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().as_bytes().to_vec()
    }
}

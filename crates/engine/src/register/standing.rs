//! Who objects, by handle alone: what the read view asks at every read.
//!
//! Events in, for each person who objects the handle and what stands out; then only what is newer than was read. No number is
//! unsealed for it. Invariant: what stands is asked of [`Standing::of`], as the gates ask; nothing is decided here.

use super::Register;
use super::objections::{event, get, settle};
use crate::error::EngineError;
use caredata_admit::Standing;
use caredata_model::{Day, NhsNumber};
use futures::TryStreamExt;
use std::collections::HashMap;

/// By what the register finds a number: the first 64 bits of its keyed hash. Two of 20 million numbers share one with
/// probability 0.00001; then an objection under one withholds the other's reads too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(pub u64);

/// How far the register has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadUpTo {
    /// The row number of the last wish noted or loaded.
    pub objection: i64,
    /// The row number of the last wish of a journal.
    pub journal_wish: i64,
    /// How many publications have ended: what they replaced counts no more.
    pub publications: i64,
}

impl Handle {
    fn of(bytes: &[u8]) -> Self {
        let mut first = [0; 8];
        for (place, byte) in first.iter_mut().zip(bytes) {
            *place = *byte;
        }
        Self(u64::from_be_bytes(first))
    }
}

impl Register {
    /// The handle of a number.
    pub fn handle(&self, number: NhsNumber) -> Handle {
        Handle::of(&self.seal.handle(number))
    }

    /// How far the register reaches now. It is asked at every read, and costs three looks at the ends of indexes.
    ///
    /// # Errors
    /// [`EngineError::Register`].
    pub fn reaches(&self) -> Result<ReadUpTo, EngineError> {
        let ends = self.with("asking for newer wishes", async |connection| {
            let ends = "SELECT (SELECT coalesce(max(event), 0) FROM objections) AS objection, \
                        (SELECT coalesce(max(event), 0) FROM journal_wishes) AS journal_wish, \
                        (SELECT count(*) FROM publication_ends) AS publications";
            sqlx::query(ends).fetch_one(connection).await
        })?;
        Ok(ReadUpTo {
            objection: get(&ends, "objection")?,
            journal_wish: get(&ends, "journal_wish")?,
            publications: get(&ends, "publications")?,
        })
    }

    /// Everybody for whom an objection stands on `today`, by handle.
    ///
    /// # Errors
    /// [`EngineError::Register`], [`EngineError::RegisterBroken`].
    pub fn objecting(&self, today: Day) -> Result<Vec<(Handle, Standing)>, EngineError> {
        let all = "SELECT * FROM wishes WHERE NOT set_aside ORDER BY person, noted_at";
        self.standing_in(sqlx::query(all), today)
    }

    /// What stands now for those who said something since: of each that objects, all that stands.
    ///
    /// # Errors
    /// As [`Register::objecting`].
    pub fn objecting_since(&self, since: ReadUpTo, today: Day) -> Result<Vec<(Handle, Standing)>, EngineError> {
        let newer = "SELECT * FROM wishes WHERE NOT set_aside AND person IN (\
                     SELECT person FROM objections WHERE event > $1 \
                     UNION SELECT person FROM journal_wishes WHERE event > $2) ORDER BY person, noted_at";
        self.standing_in(sqlx::query(newer).bind(since.objection).bind(since.journal_wish), today)
    }

    /// Streams wishes, those of one person after each other, into what stands.
    fn standing_in(
        &self,
        query: sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
        today: Day,
    ) -> Result<Vec<(Handle, Standing)>, EngineError> {
        let mut connection = self.connection.lock().map_err(|_| EngineError::Interrupted)?;
        futures::executor::block_on(async {
            let fault = EngineError::register("reading wishes");
            let (mut found, mut person, mut said) = (Vec::new(), Vec::new(), Vec::new());
            let mut rows = query.fetch(&mut *connection);
            loop {
                let row = rows.try_next().await.map_err(&fault)?;
                let next: Option<Vec<u8>> = row.as_ref().map(|row| get(row, "person")).transpose()?;
                if next.as_ref() != Some(&person) {
                    let standing = Standing::of(&settle(&said), today);
                    found.extend(standing.map(|standing| (Handle::of(&person), standing)));
                    said.clear();
                }
                let (Some(row), Some(next)) = (row, next) else { return Ok(merged(found)) };
                said.push(event(&row)?);
                person = next;
            }
        })
    }
}

/// One entry a handle: where two people share one, all that stands for either.
fn merged(found: Vec<(Handle, Standing)>) -> Vec<(Handle, Standing)> {
    let mut by_handle: HashMap<Handle, Standing> = HashMap::with_capacity(found.len());
    for (handle, standing) in found {
        by_handle.entry(handle).and_modify(|held| *held = held.clone().and(&standing)).or_insert(standing);
    }
    by_handle.into_iter().collect()
}

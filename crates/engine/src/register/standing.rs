//! Who objects, by handle alone: what the read view asks at every read.
//!
//! The register in, for each person who objects the handle and what stands out; then only what is newer than was read. No number
//! is unsealed for it. Invariant: what stands is asked of [`Standing::of`] and of [`Register::objectors`], as the gates and the
//! patient line ask; nothing is decided here.

use super::objections::{settle, slim_event};
use super::{Kind, Register, get};
use crate::error::EngineError;
use caredata_admit::Standing;
use caredata_model::{Cause, Choice, Day, NhsNumber, Scope, Wish};
use rayon::prelude::*;
use sqlx::AssertSqlSafe;
use std::collections::{BTreeSet, HashMap};

/// Of how many people wishes are read one by one; where more are newer, all are read, which is faster.
const NEWER_MAX: usize = 20_000;

/// By what the register finds a number: the first 64 bits of its keyed hash. Two of 20 million numbers share one with
/// probability 0.00001; then an objection under one withholds the other's reads too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(pub u64);

/// How far the register has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadUpTo {
    /// The number of the last circumstance in which wishes were noted or loaded. Whoever writes one takes the next number, and two
    /// cannot take the same, so that none appears below one that was seen.
    pub saying: i64,
    /// The number of the last load.
    pub load: i64,
    /// The row number of the last wish of a journal.
    pub journal_wish: i64,
    /// The number of the last answer of a national file.
    pub answer: i64,
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

    const fn of_packed(handle: u128) -> Self {
        Self((handle >> 64) as u64)
    }
}

impl Register {
    /// The handle of a number.
    pub fn handle(&self, number: NhsNumber) -> Handle {
        Handle::of(&self.seal.handle(number))
    }

    /// How far the register reaches now. It is asked at every read, and costs a few looks at the ends of indexes.
    ///
    /// # Errors
    /// [`EngineError::Register`].
    pub fn reaches(&self) -> Result<ReadUpTo, EngineError> {
        let ends = self.with("asking for newer wishes", async |connection| {
            let ends = "SELECT (SELECT coalesce(max(saying), 0) FROM sayings) AS saying, \
                        (SELECT coalesce(max(load), 0) FROM loads) AS load, \
                        (SELECT coalesce(max(event), 0) FROM journal_wishes) AS journal_wish, \
                        (SELECT coalesce(max(answer), 0) FROM opt_out_returns) AS answer, \
                        (SELECT count(*) FROM publication_ends) AS publications";
            sqlx::query(ends).fetch_one(connection).await
        })?;
        Ok(ReadUpTo {
            saying: get(&ends, "saying")?,
            load: get(&ends, "load")?,
            journal_wish: get(&ends, "journal_wish")?,
            answer: get(&ends, "answer")?,
            publications: get(&ends, "publications")?,
        })
    }

    /// Everybody for whom an objection stands on `today`, sorted by handle.
    ///
    /// # Errors
    /// [`EngineError::Register`], [`EngineError::RegisterBroken`].
    pub fn objecting(&self, today: Day) -> Result<Vec<(Handle, Standing)>, EngineError> {
        let kinds = self.with("reading what is said", async |connection| {
            let kinds = "SELECT kind FROM objections GROUP BY kind UNION SELECT kind FROM journal_wishes GROUP BY kind";
            sqlx::query_scalar::<_, String>(kinds).fetch_all(connection).await
        })?;
        let broken = |_| EngineError::RegisterBroken { what: "a wish is of no known kind" };
        let kinds = kinds.iter().map(|kind| kind.parse::<Kind>().map_err(broken)).collect::<Result<Vec<_>, _>>()?;
        let objected = kinds.into_iter().filter(|kind| kind.choice == Choice::Object).map(|kind| kind.scope);
        let scopes: Vec<Scope> = objected.collect::<BTreeSet<_>>().into_iter().collect();
        let mut found: Vec<(Handle, usize)> = Vec::new();
        for (place, scope) in scopes.iter().enumerate() {
            let objectors = self.objectors(scope, today)?;
            found.extend(objectors.handles().iter().map(|&handle| (Handle::of_packed(handle), place)));
        }
        found.par_sort_unstable();
        found.dedup();
        let mut standings: HashMap<Vec<usize>, Standing> = HashMap::new();
        let mut all = Vec::with_capacity(found.len());
        for said in found.chunk_by(|one, two| one.0 == two.0) {
            let places: Vec<usize> = said.iter().map(|(_, place)| *place).collect();
            if let Some(standing) = standings.get(&places) {
                all.push((said[0].0, standing.clone()));
            } else if let Some(standing) = of_scopes(places.iter().map(|&place| &scopes[place]), today) {
                all.push((said[0].0, standing.clone()));
                standings.insert(places, standing);
            }
        }
        Ok(all)
    }

    /// What stands now for those who said something since: of each that objects, all that stands. `None` where so many did that
    /// all are better read.
    ///
    /// # Errors
    /// As [`Register::objecting`].
    pub fn objecting_since(
        &self,
        since: ReadUpTo,
        until: ReadUpTo,
        today: Day,
    ) -> Result<Option<Vec<(Handle, Standing)>>, EngineError> {
        // A wish noted by hand has no name of its sender's, by which an index finds it; a load may bring any.
        let noted = if since.load == until.load { "AND source_id = ''" } else { "" };
        let persons = format!(
            "SELECT person FROM objections WHERE saying > $1 {noted} \
             UNION SELECT person FROM journal_wishes WHERE event > $2 LIMIT {}",
            NEWER_MAX + 1
        );
        let rows = self.with("reading newer wishes", async |connection| {
            // Made of the constants above alone.
            let persons = sqlx::query_scalar::<_, Vec<u8>>(AssertSqlSafe(persons));
            let persons = persons.bind(since.saying).bind(since.journal_wish).fetch_all(&mut *connection).await?;
            if persons.len() > NEWER_MAX {
                return Ok(None);
            }
            self.wishes_of(&mut *connection, &persons).await.map(Some)
        })?;
        let Some(rows) = rows else { return Ok(None) };
        let mut said: HashMap<Vec<u8>, Vec<super::Event>> = HashMap::new();
        for row in &rows {
            said.entry(get(row, "person")?).or_default().push(slim_event(row)?);
        }
        let mut by_handle: HashMap<Handle, Standing> = HashMap::new();
        for (person, events) in said {
            if let Some(standing) = Standing::of(&settle(&events), today) {
                by_handle
                    .entry(Handle::of(&person))
                    .and_modify(|held| *held = held.clone().and(&standing))
                    .or_insert(standing);
            }
        }
        Ok(Some(by_handle.into_iter().collect()))
    }

    /// Of these sorted handles, those that a national file has not let through by an answer that counts on `today`; each stands
    /// as if the person had objected to everything.
    ///
    /// # Errors
    /// [`EngineError::Register`].
    pub fn not_let_through(&self, handles: &[u64], today: Day) -> Result<Vec<(Handle, Standing)>, EngineError> {
        let mut allowed: Vec<u64> = self
            .with("reading answers", async |connection| self.place.allowed(connection, &today.to_string()).await)?
            .into_par_iter()
            .map(|handle| Handle::of_packed(handle).0)
            .collect();
        allowed.par_sort_unstable();
        let Some(everything) = of_scopes(Cause::NationalFile.weighed_as().iter(), today) else { return Ok(Vec::new()) };
        let mut rest = allowed.as_slice();
        let mut missing = Vec::new();
        for same in handles.chunk_by(|one, two| one == two) {
            rest = &rest[rest.iter().take_while(|&&one| one < same[0]).count()..];
            if rest.first() != Some(&same[0]) {
                missing.push((Handle(same[0]), everything.clone()));
            }
        }
        Ok(missing)
    }
}

/// What stands where objections of these scopes do.
fn of_scopes<'a>(scopes: impl Iterator<Item = &'a Scope>, today: Day) -> Option<Standing> {
    let wishes: Vec<Wish> = scopes
        .map(|scope| Wish { scope: scope.clone(), choice: Choice::Object, effective: None, recorded: None })
        .collect();
    Standing::of(&wishes, today)
}

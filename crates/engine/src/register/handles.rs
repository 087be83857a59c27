//! Many numbers asked at once: who objects, as a compact table of handles.
//!
//! The register in, a table of 16 bytes an objector out, against which numbers are checked on all cores. It answers as the
//! register does person by person; a number is never in it in the clear.

use super::objections::{settle, slim_event, standings};
use super::seal::Handle;
use super::{Event, Kind, Register, get};
use crate::error::EngineError;
use caredata_model::{Choice, Day, NhsNumber, Scope};
use rayon::prelude::*;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};
use std::collections::{HashMap, HashSet};

/// Bits of a handle that choose the part of the table where it stands: handles are as good as random.
const BITS: u32 = 20;

/// Persons asked about in one statement.
const AT_ONCE: usize = 500;

/// Everybody for whom an objection of one scope stands.
pub struct Objectors<'a> {
    register: &'a Register,
    /// Sorted.
    handles: Vec<u128>,
    /// For each beginning of a handle, where those that begin so start.
    starts: Vec<u32>,
}

impl Register {
    /// Everybody for whom an objection of `scope` stands on `today`.
    ///
    /// # Errors
    /// [`EngineError::Register`], [`EngineError::RegisterBroken`].
    pub fn objectors(&self, scope: &Scope, today: Day) -> Result<Objectors<'_>, EngineError> {
        let kind = |choice| Kind { choice, scope: scope.clone() }.to_string();
        let (object, withdraw) = (kind(Choice::Object), kind(Choice::Withdraw));
        let (objecting, changed) = self.with("reading who objects", async |connection| {
            // An objection stands by itself, whatever its date; only where a withdrawal was said too must the two be weighed.
            let objecting = self.place.handles(&mut *connection, &object).await?;
            let withdrawn: HashSet<u128> = self.place.handles(&mut *connection, &withdraw).await?.into_iter().collect();
            let both: HashSet<u128> = objecting.iter().copied().filter(|handle| withdrawn.contains(handle)).collect();
            let both: Vec<Vec<u8>> = both.into_iter().map(|handle| handle.to_be_bytes().to_vec()).collect();
            let changed = self.wishes_of(&mut *connection, &both).await?;
            Ok((objecting, changed))
        })?;
        let mut weighed: HashMap<u128, Vec<Event>> = HashMap::new();
        for row in &changed {
            weighed.entry(packed(get(row, "person")?)).or_default().push(slim_event(row)?);
        }
        let mut handles: Vec<u128> = objecting.into_par_iter().filter(|handle| !weighed.contains_key(handle)).collect();
        handles.extend(weighed.into_iter().filter_map(|(handle, events)| {
            let standing = standings(&settle(&events), today);
            standing.iter().any(|one| one.scope == *scope && one.choice == Choice::Object).then_some(handle)
        }));
        handles.par_sort_unstable();
        handles.dedup();
        Ok(Objectors { register: self, starts: starts(&handles), handles })
    }
}

impl Register {
    /// All that these persons said and that counts, for [`slim_event`].
    pub(super) async fn wishes_of(
        &self,
        connection: &mut AnyConnection,
        persons: &[Vec<u8>],
    ) -> Result<Vec<AnyRow>, sqlx::Error> {
        let mut rows = Vec::new();
        for some in persons.chunks(AT_ONCE) {
            let said = format!(
                "SELECT person, kind, effective, recorded_at, noted_at, contribution FROM wishes \
                 WHERE set_aside = 0 AND person IN {}",
                self.place.rows(1, some.len())
            );
            // Made of placeholders alone.
            let mut said = sqlx::query(AssertSqlSafe(said));
            for person in some {
                said = said.bind(person.clone());
            }
            rows.extend(said.fetch_all(&mut *connection).await?);
        }
        Ok(rows)
    }
}

impl Objectors<'_> {
    /// Their handles, sorted.
    pub(super) fn handles(&self) -> &[u128] {
        &self.handles
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.handles.len()
    }

    /// Whether nobody objects.
    pub fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }

    /// Whether the person of this number is among them.
    pub fn contain(&self, number: NhsNumber) -> bool {
        holds(&self.handles, &self.starts, packed(&self.register.seal.handle(number)))
    }

    /// For each number, whether its person is among them; on all cores.
    pub fn check(&self, numbers: &[NhsNumber]) -> Vec<bool> {
        numbers.par_iter().with_min_len(1_024).map(|&number| self.contain(number)).collect()
    }
}

impl std::fmt::Debug for Objectors<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Objectors").field("handles", &self.handles.len()).finish_non_exhaustive()
    }
}

/// Whether a handle is in a sorted table of them.
pub(super) fn holds(handles: &[u128], starts: &[u32], handle: u128) -> bool {
    let beginning = (handle >> (u128::BITS - BITS)) as usize;
    handles[starts[beginning] as usize..starts[beginning + 1] as usize].binary_search(&handle).is_ok()
}

/// For each beginning of a handle, where in a sorted table those that begin so start.
pub(super) fn starts(handles: &[u128]) -> Vec<u32> {
    let mut starts = Vec::with_capacity((1 << BITS) + 1);
    for beginning in 0..=1_u128 << BITS {
        let least = beginning.checked_shl(u128::BITS - BITS).filter(|_| beginning < 1 << BITS);
        starts.push(least.map_or(handles.len(), |least| handles.partition_point(|&handle| handle < least)) as u32);
    }
    starts
}

/// A handle as one number. A row of another length is nobody's handle.
fn packed(handle: &[u8]) -> u128 {
    Handle::try_from(handle).map_or(0, u128::from_be_bytes)
}

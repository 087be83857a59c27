//! A file of objections: `objections.csv` or FHIR `Consent`s in, new events or a refusal that names lines and never a value out.
//!
//! Invariant: a file is loaded whole or not at all, and loading it again adds nothing. Rows are brought in the order of the
//! table, by their handles, before they are written, since a table of a hundred million events is written quickly in no other.

use super::bulk::{EventRow, Packed};
use super::rows::{LoadFault, LoadFaults, Next, Row, Rows};
use super::said::insert_sayings;
use super::seal::Handle;
use super::{Register, now};
use crate::audit::{Act, Audit, Outcome};
use crate::error::EngineError;
use rayon::prelude::*;
use sqlx::{AnyConnection, Connection};
use std::path::Path;

/// Rows brought in order at once: about 1.5 GB of them.
const ROWS_SORTED: usize = 12_000_000;
/// Rows sealed at once.
const ROWS_SEALED: usize = 20_000;

/// What a load did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// SHA-256 of the file.
    pub sha256: String,
    /// Rows in the file.
    pub rows: u64,
    /// Events that were new.
    pub added: u64,
    /// Events that the register had already.
    pub known: u64,
    /// Effective dates that are missing or no dates: an objection counts at once, a withdrawal not at all.
    pub dates_missing: u64,
    /// Columns that nobody asked for; they were not looked at.
    pub columns_ignored: u64,
}

/// Why a load stopped.
enum Stop {
    Engine(EngineError),
    Database(sqlx::Error),
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl Register {
    /// Loads a file of objections, whole or not at all. CSV as all our inputs: delimiter `,`, `|` or tab, columns in any
    /// order, plain, `.gz` or `.zst`. A name that ends `.json` is a FHIR `Consent` or a `Bundle`, `.ndjson` a `Consent` a line.
    ///
    /// # Errors
    /// [`EngineError::ObjectionsRefused`] where any line has a fault or there is none, [`EngineError::Io`],
    /// [`EngineError::Register`], and those of [`Audit::append`]; then nothing is loaded.
    pub fn load(&self, audit: &Audit, file: &Path) -> Result<Loaded, EngineError> {
        let sources = self.sources()?;
        let mut connection = self.connection.lock().map_err(|_| EngineError::Interrupted)?;
        let loading = async {
            let mut transaction = connection.begin_with(self.place.begin()).await?;
            let mut rows = Rows::open(file, sources)?;
            let (mut loaded, faults) = self.take_rows(&mut transaction, &mut rows, file).await?;
            let sha256 = rows.sha256().map_err(EngineError::io("reading", file))?;
            let (Some(sha256), 0) = (&sha256, faults.total) else {
                audit.append(&Act::ObjectionsRefused { sha256, faults: faults.total }, Outcome::Denied)?;
                return Err(Stop::Engine(EngineError::ObjectionsRefused { file: file.to_owned(), faults }));
            };
            loaded.sha256.clone_from(sha256);
            loaded.known = loaded.rows - loaded.added;
            loaded.columns_ignored = rows.columns_ignored;
            sqlx::query("INSERT INTO loads (sha256, rows, noted_at) VALUES ($1, $2, $3)")
                .bind(&loaded.sha256)
                .bind(loaded.rows.cast_signed())
                .bind(now())
                .execute(&mut *transaction)
                .await?;
            let act = Act::ObjectionsLoaded { sha256: sha256.clone(), added: loaded.added, known: loaded.known };
            audit.append(&act, Outcome::Done)?;
            transaction.commit().await?;
            Ok(loaded)
        };
        self.network.wait(loading).map_err(|stop| match stop {
            Stop::Engine(error) => error,
            Stop::Database(source) => EngineError::Register { doing: "loading objections", source },
        })
    }

    /// Reads all rows and inserts them, up to the first fault; from then on it only looks for more faults.
    async fn take_rows(
        &self,
        connection: &mut AnyConnection,
        rows: &mut Rows,
        file: &Path,
    ) -> Result<(Loaded, LoadFaults), Stop> {
        let (mut loaded, mut faults) = (Loaded::default(), LoadFaults::default());
        faults.places = rows.counted();
        let mut writing = Writing { noted_at: now(), sayings: 0, numbers: Vec::new() };
        let mut in_hand = Vec::new();
        loop {
            let next = rows.next().map_err(EngineError::io("reading", file))?;
            let ended = matches!(next, Next::End);
            match next {
                Next::Row(row) => {
                    loaded.rows += 1;
                    loaded.dates_missing += u64::from(row.effective.is_none());
                    if faults.total == 0 {
                        in_hand.push(row);
                    }
                }
                Next::Fault(line, fault) => faults.push(line, fault),
                Next::End => {}
            }
            if faults.total > 0 {
                in_hand.clear();
            } else if ended || in_hand.len() == ROWS_SORTED {
                loaded.added += self.write(connection, std::mem::take(&mut in_hand), rows, &mut writing).await?;
            }
            if ended {
                break;
            }
        }
        if loaded.rows == 0 && faults.total == 0 {
            faults.push(1, LoadFault::Empty);
        }
        Ok((loaded, faults))
    }

    /// Writes rows in the order of their handles; how many were new.
    async fn write(
        &self,
        connection: &mut AnyConnection,
        in_hand: Vec<Row>,
        file: &Rows,
        writing: &mut Writing,
    ) -> Result<u64, Stop> {
        let new = &file.sayings()[writing.sayings..];
        let first = insert_sayings(connection, &self.place, new, &writing.noted_at).await?;
        writing.numbers.extend((first..).take(new.len()));
        writing.sayings = file.sayings().len();
        let kinds: Vec<String> = file.kinds().iter().map(ToString::to_string).collect();

        let mut sorted: Vec<(Handle, Row)> =
            in_hand.into_par_iter().map(|row| (self.seal.handle(row.number), row)).collect();
        sorted.par_sort_unstable_by_key(|(handle, _)| u128::from_be_bytes(*handle));
        let packed = |some: &[(Handle, Row)]| -> Result<Packed, EngineError> {
            let numbers: Vec<_> = some.iter().map(|(_, row)| row.number).collect();
            let sealed = self.seal.seal_all(&numbers)?;
            let events = some.iter().zip(sealed).map(|((_, row), number)| EventRow {
                number,
                kind: &kinds[row.kind as usize],
                effective: row.effective,
                recorded_at: &row.recorded_at,
                source_id: &row.source_id,
                saying: writing.numbers[row.saying as usize],
            });
            Ok(Packed::of(&events.collect::<Vec<_>>()))
        };
        let mut chunks = sorted.chunks(ROWS_SEALED);
        let (mut added, mut ready) = (0, chunks.next().map(packed).transpose()?);
        while let Some(rows) = ready.take() {
            // The next rows are sealed while the database takes these.
            let (inserted, next) =
                futures::join!(self.place.insert(connection, rows), async { chunks.next().map(packed).transpose() });
            added += inserted?;
            ready = next?;
        }
        Ok(added)
    }
}

/// How far a load's circumstances are written.
struct Writing {
    noted_at: String,
    sayings: usize,
    /// For each circumstance of the file, its number in the register.
    numbers: Vec<i64>,
}

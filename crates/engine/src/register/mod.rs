//! The register: what people said about the use of their data, and what was published from which contributions.
//!
//! Events in, the present derived from them out. One `SQLite` file (WAL, `synchronous=FULL`), append-only: triggers refuse
//! any change or removal. NHS Numbers are at rest as a keyed hash, to find them by, and sealed under the register's key,
//! to read them back. What is an act (noting, reading, loading) goes through the log first.
//!
//! Invariant: no NHS Number in the clear in the file, an error or the log; an event once in stays in; loading the same
//! file again changes nothing.
//!
//! The methods block; they may be called inside and outside an async runtime.

mod kind;
mod load;
mod objections;
mod publications;
mod seal;
mod standing;

pub use kind::Kind;
pub use load::{LoadFault, LoadFaults, Loaded};
pub use objections::{Counts, Event, Footing, NewObjection, Standing, Validity};
pub use publications::{Contribution, ContributionId, NewContribution, Publication, RunId};
pub use standing::{Handle, ReadUpTo};

use crate::error::EngineError;
use crate::keys::Key;
use caredata_admit::Setting;
use caredata_model::SourceName;
use jiff::Timestamp;
use seal::NumberSeal;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection};
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The form of the database that this version makes and opens.
const FORMAT: i64 = 1;

/// The tables whose rows stay as they are for good.
const APPEND_ONLY: [&str; 9] = [
    "objections",
    "loads",
    "attestations",
    "runs",
    "publications",
    "publication_ends",
    "contributions",
    "replacements",
    "journal_wishes",
];

/// The register of a home.
#[derive(Debug)]
pub struct Register {
    path: PathBuf,
    seal: NumberSeal,
    connection: Mutex<SqliteConnection>,
    expected: Vec<SourceName>,
}

impl Register {
    /// Opens the register, or makes it.
    ///
    /// # Errors
    /// [`EngineError::Register`] where the file is no database, [`EngineError::HomeBroken`] where another version wrote it.
    pub fn open(path: &Path, key: &Key) -> Result<Self, EngineError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // Otherwise `INSERT OR REPLACE` would remove a row without asking the trigger.
            .pragma("recursive_triggers", "ON");
        let connection = futures::executor::block_on(SqliteConnection::connect_with(&options))
            .map_err(EngineError::register("opening its file"))?;
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(EngineError::io("guarding", path))?;
        let register = Self {
            path: path.to_owned(),
            seal: NumberSeal::new(key),
            connection: Mutex::new(connection),
            expected: Vec::new(),
        };
        match register.format()? {
            0 => register.make()?,
            FORMAT => {}
            other => {
                let what = format!("its format is {other}, and this version reads {FORMAT}");
                return Err(EngineError::HomeBroken { path: path.to_owned(), what });
            }
        }
        Ok(register)
    }

    /// This register, which takes wishes about these places of care too, although nothing has come from them yet.
    #[must_use]
    pub fn expecting(mut self, sources: Vec<SourceName>) -> Self {
        self.expected = sources;
        self
    }

    /// The places of care that a wish may name: the hospitals together and their files, those that ever sent something, and
    /// those expected. A name that nothing will ever bear would be an objection that nobody honours.
    ///
    /// # Errors
    /// [`EngineError::Register`].
    pub fn sources(&self) -> Result<BTreeSet<String>, EngineError> {
        let mut names: BTreeSet<String> = Setting::HOSPITAL_SOURCES.into_iter().map(str::to_owned).collect();
        names.insert(Setting::HOSPITAL.to_owned());
        let sent = self.contributions()?.into_iter().map(|one| one.source.to_string()).filter(|name| name != "gp");
        names.extend(sent.chain(self.expected.iter().map(ToString::to_string)));
        Ok(names)
    }

    /// Closes the register, so that all of it is in its one file.
    ///
    /// # Errors
    /// [`EngineError::Register`].
    pub fn close(self) -> Result<(), EngineError> {
        let connection = self.connection.into_inner().map_err(|_| EngineError::Interrupted)?;
        futures::executor::block_on(connection.close()).map_err(EngineError::register("closing its file"))
    }

    /// The register's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn format(&self) -> Result<i64, EngineError> {
        self.with("reading its format", async |connection| {
            sqlx::query_scalar("PRAGMA user_version").fetch_one(connection).await
        })
    }

    fn make(&self) -> Result<(), EngineError> {
        self.with("making its tables", async |connection| {
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
            sqlx::raw_sql(include_str!("schema.sql")).execute(&mut *transaction).await?;
            for table in APPEND_ONLY {
                for act in ["UPDATE", "DELETE"] {
                    let trigger = format!(
                        "CREATE TRIGGER {table}_never_{act} BEFORE {act} ON {table} \
                         BEGIN SELECT RAISE(ABORT, 'the register is append-only'); END"
                    );
                    // Made of the constants above alone.
                    sqlx::raw_sql(AssertSqlSafe(trigger)).execute(&mut *transaction).await?;
                }
            }
            sqlx::raw_sql(AssertSqlSafe(format!("PRAGMA user_version = {FORMAT}"))).execute(&mut *transaction).await?;
            transaction.commit().await
        })
    }

    /// Does some work on the database.
    fn with<T>(
        &self,
        doing: &'static str,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, EngineError> {
        let mut connection = self.connection.lock().map_err(|_| EngineError::Interrupted)?;
        futures::executor::block_on(work(&mut connection)).map_err(EngineError::register(doing))
    }
}

/// Now, as the register notes it.
fn now() -> String {
    Timestamp::now().to_string()
}

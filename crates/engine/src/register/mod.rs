//! The register: what people said about the use of their data, and what was published from which contributions.
//!
//! Events in, the present derived from them out. One `SQLite` file (WAL, `synchronous=FULL`) or a `PostgreSQL` database,
//! append-only: triggers refuse any change or removal. NHS Numbers are at rest as a keyed hash, to find them by, and sealed under
//! the register's key, to read them back. What is an act (noting, reading, loading) goes through the log first.
//!
//! Invariant: no NHS Number in the clear in the database, an error or the log; an event once in stays in; loading the same
//! file again changes nothing.
//!
//! The methods block; they may be called inside and outside an async runtime.

mod bulk;
mod export;
mod fhir;
mod handles;
mod kind;
mod law;
mod load;
mod objections;
mod opt_outs;
mod place;
mod publications;
mod rows;
mod said;
mod seal;
mod standing;
mod uses;

pub use export::{ExportForm, Exported};
pub use fhir::read::ConsentFault;
pub use handles::Objectors;
pub use kind::Kind;
pub use load::Loaded;
pub use objections::{Counts, Event, Footing, NewObjection, Present, Standing, Validity};
pub use opt_outs::{Allowed, CheckedIn, EmptyReturn, LineEnds};
pub use place::{Place, PostgresUrl};
pub use publications::{Contribution, ContributionId, NewContribution, Publication, RunId};
pub use rows::{LoadFault, LoadFaults};
pub use said::{Needs, Saying};
pub use standing::{Handle, ReadUpTo};
pub use uses::{NewUse, People, Use, UseKind};

use crate::error::EngineError;
use crate::keys::Key;
use caredata_admit::Setting;
use caredata_model::SourceName;
use jiff::Timestamp;
use seal::NumberSeal;
use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, Connection, Row};
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;

/// The register of a home.
pub struct Register {
    place: Place,
    seal: Arc<NumberSeal>,
    connection: Mutex<AnyConnection>,
    expected: Vec<SourceName>,
    network: Network,
}

/// The threads that watch a database's socket; a file needs none.
struct Network(Option<Runtime>);

impl Network {
    fn of(place: &Place) -> Result<Self, EngineError> {
        Ok(Self(match place {
            Place::File(_) => None,
            Place::Postgres(_) => {
                let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
                Some(runtime.map_err(EngineError::io("starting threads for", "the register"))?)
            }
        }))
    }

    /// Waits for work on the database. Not by the runtime itself, which refuses to wait inside another one.
    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        let _inside = self.0.as_ref().map(Runtime::enter);
        futures::executor::block_on(work)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Register").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Register {
    /// Opens the register in a file, or makes it.
    ///
    /// # Errors
    /// As [`Register::open_at`].
    pub fn open(path: &Path, key: &Key) -> Result<Self, EngineError> {
        Self::open_at(&Place::File(path.to_owned()), key)
    }

    /// Opens the register where it is, or makes it. One of the version before is brought to this version's form.
    ///
    /// # Errors
    /// [`EngineError::Register`] where there is no database to be had, [`EngineError::HomeBroken`] where another version wrote it.
    pub fn open_at(place: &Place, key: &Key) -> Result<Self, EngineError> {
        let network = Network::of(place)?;
        let connection = network.wait(place.connect())?;
        Ok(Self {
            place: place.clone(),
            seal: Arc::new(NumberSeal::new(key)),
            connection: Mutex::new(connection),
            expected: Vec::new(),
            network,
        })
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
        let sent = self
            .contributions()?
            .into_iter()
            .map(|one| one.source.to_string())
            .filter(|name| !Setting::GP_SOURCES.contains(&name.as_str()));
        names.extend(sent.chain(self.expected.iter().map(ToString::to_string)));
        Ok(names)
    }

    /// Closes the register, so that all of a file's is in that one file.
    ///
    /// # Errors
    /// [`EngineError::Register`].
    pub fn close(self) -> Result<(), EngineError> {
        let connection = self.connection.into_inner().map_err(|_| EngineError::Interrupted)?;
        self.network.wait(connection.close()).map_err(EngineError::register("closing its database"))
    }

    /// Whether nothing was ever noted, loaded, attested or run.
    ///
    /// # Errors
    /// [`EngineError::Register`].
    pub fn is_new(&self) -> Result<bool, EngineError> {
        self.with("looking whether it is new", async |connection| {
            let rows = "SELECT (SELECT count(*) FROM sayings) + (SELECT count(*) FROM loads) + \
                        (SELECT count(*) FROM attestations) + (SELECT count(*) FROM runs)";
            sqlx::query_scalar(rows).fetch_one(connection).await.map(|rows: i64| rows == 0)
        })
    }

    /// Where the register is.
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Does some work on the database.
    fn with<T>(
        &self,
        doing: &'static str,
        work: impl AsyncFnOnce(&mut AnyConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, EngineError> {
        let mut connection = self.connection.lock().map_err(|_| EngineError::Interrupted)?;
        self.network.wait(work(&mut connection)).map_err(EngineError::register(doing))
    }
}

/// A value of a row that the register itself wrote.
fn get<'r, T, I>(row: &'r AnyRow, column: I) -> Result<T, EngineError>
where
    T: sqlx::Decode<'r, Any> + sqlx::Type<Any>,
    I: sqlx::ColumnIndex<AnyRow>,
{
    row.try_get(column).map_err(EngineError::register("reading a row"))
}

/// Now, as the register notes it.
fn now() -> String {
    Timestamp::now().to_string()
}

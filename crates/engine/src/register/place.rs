//! Where the register's database is: a file of `SQLite`, or `PostgreSQL` by its URL; and how it is made or brought up to date.
//!
//! A place in, a connection to a database of this version's form out. Everything else in the register is written once for
//! both. Invariants: a commit is on the disk when it is answered; triggers on both refuse any change or removal; the URL, which
//! may hold a password, is in no error, log or `Debug`.

use crate::error::EngineError;
use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use std::fmt;
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The form of the database that this version makes and opens.
const FORMAT: i64 = 3;
const SCHEMA: &str = include_str!("schema.sql");
/// Ledgers beside the wishes. A program that does not know them lifts nothing and tells nobody, so they change no format.
const LEDGERS: &str = include_str!("ledgers.sql");
/// Their tables, which only ever grow.
const LEDGER_TABLES: [&str; 3] = ["law_entries", "use_people", "uses"];
/// From format 1, in two parts: before and after the tables that it lacks are made.
const MIGRATION: &str = include_str!("migrate.sql");
/// What a register of format 1 lacks, or has in another form.
const NEW_IN_2: [&str; 7] =
    ["sayings", "objections", "opt_out_questions", "opt_out_answers", "replaced", "current_contributions", "wishes"];
/// What a register of format 2 lacks.
const NEW_IN_3: [&str; 2] = ["objections_noted", "opt_out_returns"];

/// The tables whose rows stay as they are for good.
const APPEND_ONLY: [&str; 12] = [
    "sayings",
    "objections",
    "loads",
    "attestations",
    "runs",
    "publications",
    "publication_ends",
    "contributions",
    "replacements",
    "journal_wishes",
    "opt_out_questions",
    "opt_out_returns",
];

/// The URL of a register in `PostgreSQL`. It may hold a password, so it is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PostgresUrl(String);

impl PostgresUrl {
    /// A URL that begins `postgres://` or `postgresql://`.
    ///
    /// ```
    /// use caredata_engine::register::PostgresUrl;
    /// let url = PostgresUrl::parse("postgres://caredata:secret@db.example/register").unwrap();
    /// assert_eq!(format!("{url:?}"), "PostgresUrl(withheld)");
    /// assert!(PostgresUrl::parse("mysql://db.example/register").is_err());
    /// ```
    ///
    /// # Errors
    /// [`EngineError::NotARegisterUrl`], which repeats nothing of it.
    pub fn parse(text: &str) -> Result<Self, EngineError> {
        let is_ours = text.starts_with("postgres://") || text.starts_with("postgresql://");
        let is_url = url::Url::parse(text).is_ok_and(|url| url.has_host() || url.query().is_some());
        if is_ours && is_url { Ok(Self(text.to_owned())) } else { Err(EngineError::NotARegisterUrl) }
    }
}

impl TryFrom<String> for PostgresUrl {
    type Error = EngineError;

    fn try_from(text: String) -> Result<Self, EngineError> {
        Self::parse(&text)
    }
}

impl From<PostgresUrl> for String {
    fn from(url: PostgresUrl) -> Self {
        url.0
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresUrl(withheld)")
    }
}

/// Where a register's database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file of `SQLite`.
    File(PathBuf),
    /// A database of `PostgreSQL`, of this register alone.
    Postgres(PostgresUrl),
}

impl Place {
    /// The words that begin a transaction which will write.
    pub(super) const fn begin(&self) -> &'static str {
        match self {
            Self::File(_) => "BEGIN IMMEDIATE",
            Self::Postgres(_) => "BEGIN",
        }
    }

    /// The `number`th placeholder of a long list, counted from 1.
    ///
    /// `SQLite` looks up a placeholder with a number of its own among all others, so that a thousand rows of those take
    /// seconds; one without a number it knows by its place.
    fn placeholder(&self, number: usize) -> String {
        match self {
            Self::File(_) => "?".to_owned(),
            Self::Postgres(_) => format!("${number}"),
        }
    }

    /// The placeholders of so many rows: `(?, ?), (?, ?)`.
    pub(super) fn rows(&self, rows: usize, columns: usize) -> String {
        let row = |row: usize| {
            let places = (1..=columns).map(|column| self.placeholder(row * columns + column));
            format!("({})", places.collect::<Vec<_>>().join(", "))
        };
        (0..rows).map(row).collect::<Vec<_>>().join(", ")
    }

    /// Opens the database, or makes it.
    pub(super) async fn connect(&self) -> Result<AnyConnection, EngineError> {
        sqlx::any::install_default_drivers();
        let mut connection = match self {
            Self::File(path) => open_file(path).await,
            Self::Postgres(url) => open_postgres(url).await,
        }
        .map_err(EngineError::register("opening its database"))?;
        if let Self::File(path) = self {
            fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(EngineError::io("guarding", path))?;
        }
        let format = self.format(&mut connection).await.map_err(EngineError::register("reading its format"))?;
        match format {
            0 => self.make(&mut connection).await.map_err(EngineError::register("making its tables"))?,
            1 => self.migrate(&mut connection).await.map_err(EngineError::register("bringing it to this version"))?,
            2 => self.extend(&mut connection).await.map_err(EngineError::register("bringing it to this version"))?,
            FORMAT => {}
            other => {
                let what = format!("its format is {other}, and this version reads 1 to {FORMAT}");
                let path = match self {
                    Self::File(path) => path.clone(),
                    Self::Postgres(_) => PathBuf::from("the register in PostgreSQL"),
                };
                return Err(EngineError::HomeBroken { path, what });
            }
        }
        self.add_ledgers(&mut connection).await.map_err(EngineError::register("making its ledgers"))?;
        Ok(connection)
    }

    /// Makes the ledgers where they are not there yet.
    async fn add_ledgers(&self, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
        let there = match self {
            Self::File(_) => "SELECT count(*) FROM sqlite_master WHERE name = 'law_entries'",
            Self::Postgres(_) => "SELECT CASE WHEN to_regclass('law_entries') IS NULL THEN 0 ELSE 1 END",
        };
        let there: i64 = sqlx::query_scalar(there).fetch_one(&mut *connection).await?;
        if there > 0 {
            return Ok(());
        }
        let mut transaction = connection.begin_with(self.begin()).await?;
        sqlx::raw_sql(AssertSqlSafe(self.dialect(LEDGERS))).execute(&mut *transaction).await?;
        self.guard(&mut transaction, &LEDGER_TABLES).await?;
        transaction.commit().await
    }

    /// 0 where nothing is there yet.
    async fn format(&self, connection: &mut AnyConnection) -> Result<i64, sqlx::Error> {
        match self {
            Self::File(_) => sqlx::query_scalar("PRAGMA user_version").fetch_one(connection).await,
            Self::Postgres(_) => {
                let there = "SELECT CASE WHEN to_regclass('register_format') IS NULL THEN 0 ELSE 1 END";
                let there: i64 = sqlx::query_scalar(there).fetch_one(&mut *connection).await?;
                if there == 0 {
                    return Ok(0);
                }
                sqlx::query_scalar("SELECT format FROM register_format").fetch_one(connection).await
            }
        }
    }

    async fn make(&self, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
        let mut transaction = connection.begin_with(self.begin()).await?;
        sqlx::raw_sql(AssertSqlSafe(self.dialect(SCHEMA))).execute(&mut *transaction).await?;
        self.guard(&mut transaction, &APPEND_ONLY).await?;
        self.note_format(&mut transaction).await?;
        transaction.commit().await
    }

    /// Brings a register of format 1, which only ever was a file, to this version's form; at once or not at all.
    async fn migrate(&self, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
        let (before, after) = MIGRATION.split_once("-- split\n").unwrap_or((MIGRATION, ""));
        let lacking = statements_of(&[&NEW_IN_2[..], &NEW_IN_3[..]].concat());
        let mut transaction = connection.begin_with(self.begin()).await?;
        for part in [before.to_owned(), lacking, after.to_owned()] {
            sqlx::raw_sql(AssertSqlSafe(part)).execute(&mut *transaction).await?;
        }
        self.guard(&mut transaction, &["sayings", "objections", "opt_out_questions", "opt_out_returns"]).await?;
        self.note_format(&mut transaction).await?;
        transaction.commit().await
    }

    /// Adds to a register of format 2 what this version has beside.
    async fn extend(&self, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
        let mut transaction = connection.begin_with(self.begin()).await?;
        let lacking = AssertSqlSafe(self.dialect(&statements_of(&NEW_IN_3)));
        sqlx::raw_sql(lacking).execute(&mut *transaction).await?;
        self.guard(&mut transaction, &["opt_out_returns"]).await?;
        self.note_format(&mut transaction).await?;
        transaction.commit().await
    }

    /// Our statements in the database's own words.
    fn dialect(&self, sql: &str) -> String {
        match self {
            Self::File(_) => sql.to_owned(),
            Self::Postgres(_) => sql
                .replace("INTEGER PRIMARY KEY REFERENCES", "BIGINT PRIMARY KEY REFERENCES")
                .replace("INTEGER PRIMARY KEY", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY")
                .replace("INTEGER", "BIGINT")
                .replace(" BLOB ", " BYTEA ")
                .replace(" WITHOUT ROWID", ""),
        }
    }

    /// Triggers that refuse any change or removal.
    async fn guard(&self, connection: &mut AnyConnection, tables: &[&str]) -> Result<(), sqlx::Error> {
        const REFUSAL: &str = "the register is append-only";
        let mut sql = String::new();
        match self {
            Self::File(_) => {
                for (table, act) in tables.iter().flat_map(|table| [(table, "UPDATE"), (table, "DELETE")]) {
                    let _ = writeln!(
                        sql,
                        "CREATE TRIGGER {table}_never_{act} BEFORE {act} ON {table} \
                         BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END;"
                    );
                }
            }
            Self::Postgres(_) => {
                let _ = writeln!(
                    sql,
                    "CREATE OR REPLACE FUNCTION register_never() RETURNS trigger LANGUAGE plpgsql AS \
                     $$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$;"
                );
                for table in tables {
                    let _ = writeln!(
                        sql,
                        "CREATE TRIGGER {table}_never BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} \
                         FOR EACH STATEMENT EXECUTE FUNCTION register_never();"
                    );
                }
            }
        }
        // Made of the constants above alone.
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(|_| ())
    }

    async fn note_format(&self, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
        let sql = match self {
            Self::File(_) => format!("PRAGMA user_version = {FORMAT}"),
            Self::Postgres(_) => format!(
                "CREATE TABLE IF NOT EXISTS register_format (format BIGINT NOT NULL); DELETE FROM register_format; \
                 INSERT INTO register_format VALUES ({FORMAT})"
            ),
        };
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(|_| ())
    }
}

/// The statements of the schema that make these.
fn statements_of(names: &[&str]) -> String {
    let made = |statement: &&str| {
        let created = statement.lines().find(|line| line.starts_with("CREATE")).unwrap_or_default();
        created.split(' ').nth(2).is_some_and(|name| names.contains(&name))
    };
    SCHEMA.split_inclusive(";\n").filter(made).collect()
}

async fn open_postgres(url: &PostgresUrl) -> Result<AnyConnection, sqlx::Error> {
    let mut connection = AnyConnection::connect(&url.0).await?;
    // Whatever the server's own setting is: a commit is on the disk when it is answered.
    sqlx::raw_sql("SET synchronous_commit = on").execute(&mut connection).await?;
    Ok(connection)
}

async fn open_file(path: &Path) -> Result<AnyConnection, sqlx::Error> {
    let mut url = String::from("sqlite://");
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
    let mut connection = AnyConnection::connect(&(url + "?mode=rwc")).await?;
    // cache_size, mmap_size: 64 MB of pages of our own, the rest as the system keeps it; a large register is read through.
    // recursive_triggers: otherwise `INSERT OR REPLACE` would remove a row without asking the trigger.
    let ways = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                PRAGMA recursive_triggers = ON; PRAGMA cache_size = -65536; PRAGMA mmap_size = 68719476736;";
    sqlx::raw_sql(ways).execute(&mut connection).await?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Key;
    use crate::register::Register;
    use crate::register::seal::NumberSeal;
    use caredata_model::{Choice, NhsNumber};

    /// As the version before wrote it; from its own statements.
    const FORMAT_1: &str = include_str!("../../tests/data/register-format-1.sql");

    fn number(text: &str) -> NhsNumber {
        NhsNumber::parse(text).expect("a number")
    }

    async fn write_format_1(path: &Path, seal: &NumberSeal) -> Result<(), sqlx::Error> {
        sqlx::any::install_default_drivers();
        let mut connection = open_file(path).await?;
        sqlx::raw_sql(FORMAT_1).execute(&mut connection).await?;
        for act in ["UPDATE", "DELETE"] {
            let trigger = format!(
                "CREATE TRIGGER objections_never_{act} BEFORE {act} ON objections \
                 BEGIN SELECT RAISE(ABORT, 'the register is append-only'); END"
            );
            sqlx::raw_sql(AssertSqlSafe(trigger)).execute(&mut connection).await?;
        }
        let said = [
            ("9434765919", "object-all", "2014-03-01", "patient line", "desk 3", "L1", "2014-03-02T10:00:00.5Z"),
            ("9434765919", "withdraw-all", "2014-05-01", "patient line", "desk 3", "L2", "2014-05-02T10:00:00Z"),
            ("9434765870", "object-gp", "", "by pigeon", "", "", "2014-03-02T10:00:00.5Z"),
        ];
        for (person, kind, effective, channel, recorded_by, source_id, noted_at) in said {
            let sealed = seal.seal(number(person)).expect("sealed");
            sqlx::query(
                "INSERT INTO objections (person, number_sealed, kind, effective, recorded_at, channel, recorded_by, \
                 source_id, noted_at) VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8)",
            )
            .bind(sealed.handle.to_vec())
            .bind(sealed.copy.to_vec())
            .bind(kind)
            .bind(effective)
            .bind(channel)
            .bind(recorded_by)
            .bind(source_id)
            .bind(noted_at)
            .execute(&mut connection)
            .await?;
        }
        let rest = "INSERT INTO runs (period, noted_at) VALUES ('2014-04', 'then'); \
                    INSERT INTO publications VALUES (1, '{}', 'then'); PRAGMA user_version = 1;";
        sqlx::raw_sql(rest).execute(&mut connection).await?;
        connection.close().await
    }

    #[test]
    fn a_register_of_the_version_before_opens_and_says_what_it_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, key) = (folder.path().join("a %20 ü register.sqlite"), Key::generate().expect("a key"));
        futures::executor::block_on(write_format_1(&path, &NumberSeal::new(&key))).expect("written");
        for turn in 0..2 {
            let register = Register::open(&path, &key).expect("opened");
            let mut wishes = register.wishes(&[]).expect("read");
            wishes.sort_by_key(|(number, wish)| (*number, wish.effective));
            assert_eq!(wishes.len(), 3, "turn {turn}");
            assert!(wishes[0].0 == number("9434765870") && wishes[0].1.effective.is_none());
            assert_eq!(wishes[2].1.choice, Choice::Withdraw);
            let said = register.events_of(number("9434765919")).expect("read");
            let told: Vec<_> = said.iter().map(|event| (event.noted_at.as_str(), event.source_id.as_str())).collect();
            assert_eq!(told, [("2014-03-02T10:00:00.5Z", "L1"), ("2014-05-02T10:00:00Z", "L2")]);
            assert_eq!((said[0].recorded_by.as_str(), said[0].channel.as_str()), ("desk 3", "patient line"));
            assert_eq!(said[0].through, caredata_model::Door::PatientLine, "the door is read from the words");
            let other = register.events_of(number("9434765870")).expect("read");
            assert_eq!((other[0].through, other[0].channel.as_str()), (caredata_model::Door::Other, "by pigeon"));
            assert_eq!(register.pending_publication().expect("read").map(|pending| pending.run.0), Some(1));
            register.close().expect("closed");
        }
    }

    #[test]
    fn a_register_of_format_2_is_given_what_it_lacks() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, key) = (folder.path().join("register.sqlite"), Key::generate().expect("a key"));
        Register::open(&path, &key).expect("made").close().expect("closed");
        futures::executor::block_on(async {
            let mut connection = open_file(&path).await.expect("opened");
            let before = "DROP INDEX objections_noted; DROP TABLE opt_out_returns; PRAGMA user_version = 2";
            sqlx::raw_sql(before).execute(&mut connection).await.expect("as it was");
            connection.close().await.expect("closed");
        });
        for turn in 0..2 {
            let register = Register::open(&path, &key).expect("opened");
            assert_eq!(register.reaches().expect("asked").answer, 0, "turn {turn}");
            register.close().expect("closed");
        }
    }

    #[test]
    fn a_later_form_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, key) = (folder.path().join("register.sqlite"), Key::generate().expect("a key"));
        Register::open(&path, &key).expect("made").close().expect("closed");
        futures::executor::block_on(async {
            let mut connection = open_file(&path).await.expect("opened");
            sqlx::raw_sql("PRAGMA user_version = 4").execute(&mut connection).await.expect("noted");
            connection.close().await.expect("closed");
        });
        let error = Register::open(&path, &key).expect_err("of a later version");
        assert_eq!((error.code(), error.exit_code()), ("home-broken", 3));
        assert!(error.to_string().contains("its format is 4"), "{error}");
    }
}

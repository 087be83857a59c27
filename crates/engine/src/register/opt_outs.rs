//! The check-for-opt-outs files: who is to be asked about, what came back, and for how long the answer may be used.
//!
//! Numbers in, a file of one `NHSNO,` a line out; that file and the one that came back in, answers that expire out. Who is
//! missing from what came back objects. Invariants: an answer is never an event of the register; a file with one invalid number,
//! or with one that was not asked about, is refused whole; an answer that is missing or expired lets nothing through.

use super::handles::starts;
use super::seal::{HANDLE_BYTES, NumberSeal};
use super::{Place, Register, now};
use crate::audit::{Act, Audit, Outcome, hexadecimal};
use crate::error::EngineError;
use caredata_model::{Day, NhsNumber};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

/// How lines of the files end; guides differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineEnds {
    /// A line feed.
    #[default]
    Lf,
    /// A carriage return and a line feed.
    Crlf,
}

/// What an empty file that came back means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyReturn {
    /// That something went wrong.
    Refused,
    /// That everybody objects: somebody says so.
    EverybodyObjects,
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedIn {
    /// Numbers asked about.
    pub asked: u64,
    /// Numbers that were missing from what came back.
    pub objecting: u64,
    /// The last day on which the answers may be used.
    pub until: Day,
}

/// Whom the national file let through, as far as its answers still count.
#[derive(Clone)]
pub struct Allowed {
    seal: Arc<NumberSeal>,
    handles: Arc<[u128]>,
    starts: Arc<[u32]>,
}

impl Allowed {
    /// Whether there is an answer about this number that still counts, and it is that nobody objects.
    pub fn contains(&self, number: NhsNumber) -> bool {
        super::handles::holds(&self.handles, &self.starts, u128::from_be_bytes(self.seal.handle(number)))
    }
}

impl std::fmt::Debug for Allowed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Allowed").field("handles", &self.handles.len()).finish_non_exhaustive()
    }
}

impl Register {
    /// Writes the numbers to be asked about to a new file. How many they are.
    ///
    /// # Errors
    /// [`EngineError::NobodyKnown`] where there are none, [`EngineError::Io`] where the file is there already,
    /// [`EngineError::Register`], and those of [`Audit::append`].
    pub fn check_out(
        &self,
        audit: &Audit,
        numbers: &BTreeSet<NhsNumber>,
        file: &Path,
        ends: LineEnds,
    ) -> Result<u64, EngineError> {
        if numbers.is_empty() {
            return Err(EngineError::NobodyKnown);
        }
        let end = match ends {
            LineEnds::Lf => "\n",
            LineEnds::Crlf => "\r\n",
        };
        let mut text = String::with_capacity(numbers.len() * ("0123456789,".len() + end.len()));
        for number in numbers {
            let _ = write!(text, "{:010},{end}", number.value());
        }
        let (rows, sha256) = (numbers.len() as u64, hexadecimal(&Sha256::digest(&text)));
        audit.append(&Act::OptOutsAsked { rows }, Outcome::Allowed)?;
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(file)
            .and_then(|mut out| out.write_all(text.as_bytes()).and_then(|()| out.sync_all()))
            .map_err(EngineError::io("writing", file))?;
        self.with("noting a question", async |connection| {
            sqlx::query("INSERT INTO opt_out_questions (sha256, rows, asked_at) VALUES ($1, $2, $3)")
                .bind(sha256)
                .bind(rows.cast_signed())
                .bind(now())
                .execute(connection)
                .await
                .map(|_| ())
        })?;
        Ok(rows)
    }

    /// Takes what came back: who was asked about and is missing from it objects. The answers count from the day on which they
    /// were asked for, `days` days long; for a question that is not of this register, from the day of its file.
    ///
    /// # Errors
    /// [`EngineError::OptOutsRefused`] where either file holds an invalid number, the second one that was not asked about, or
    /// nobody, or where the answers no longer count; [`EngineError::Io`], [`EngineError::Register`], and those of
    /// [`Audit::append`]. Then nothing is changed.
    pub fn check_in(
        &self,
        audit: &Audit,
        (sent, returned): (&Path, &Path),
        (today, days): (Day, u16),
        empty: EmptyReturn,
    ) -> Result<CheckedIn, EngineError> {
        let refused = |file: &Path, line: usize, what: &'static str| -> EngineError {
            EngineError::OptOutsRefused { file: file.to_owned(), line, what }
        };
        let judged = || -> Result<(String, BTreeSet<NhsNumber>, BTreeSet<NhsNumber>, Day), EngineError> {
            let (sha256, asked) = read(sent)?;
            let (_, back) = read(returned)?;
            if asked.is_empty() {
                return Err(refused(sent, 0, "it asks about nobody"));
            }
            if !back.is_subset(&asked) {
                return Err(refused(
                    returned,
                    0,
                    "it holds numbers that were not asked about: it answers another question",
                ));
            }
            match empty {
                EmptyReturn::Refused if back.is_empty() => {
                    return Err(refused(returned, 0, "it is empty, which would mean that everybody objects"));
                }
                EmptyReturn::Refused | EmptyReturn::EverybodyObjects => {}
            }
            let since = self.asked_on(&sha256, sent)?.min(today);
            let until = since.plus_days(i32::from(days));
            if until < today {
                return Err(refused(sent, 0, "it was asked so long ago that its answers no longer count"));
            }
            Ok((sha256, asked, back, until))
        };
        let (sha256, asked, back, until) = judged().inspect_err(|error| {
            // The refusal stands whether or not it could be noted.
            let _ = audit.append(&Act::OptOutsRefused { code: error.code() }, Outcome::Denied);
        })?;
        let checked = CheckedIn { asked: asked.len() as u64, objecting: (asked.len() - back.len()) as u64, until };
        let act = Act::OptOutsAnswered { sha256, asked: checked.asked, objecting: checked.objecting };
        audit.append(&act, Outcome::Done)?;
        let answers: Vec<(NhsNumber, bool)> = asked.iter().map(|number| (*number, !back.contains(number))).collect();
        self.with("keeping answers", async |connection| {
            let mut transaction = connection.begin_with(self.place.begin()).await?;
            sqlx::query("DELETE FROM opt_out_answers WHERE expires < $1")
                .bind(today.to_string())
                .execute(&mut *transaction)
                .await?;
            for some in answers.chunks(20_000) {
                let mut packed = Vec::with_capacity(some.len() * (HANDLE_BYTES + 1));
                for (number, objects) in some {
                    packed.extend_from_slice(&self.seal.handle(*number));
                    packed.push(if *objects { b'1' } else { b'0' });
                }
                let keep = sqlx::query(AssertSqlSafe(self.place.keep_answers())).bind(packed).bind(some.len() as i64);
                keep.bind(until.to_string()).execute(&mut *transaction).await?;
            }
            sqlx::query("INSERT INTO opt_out_returns (noted_at) VALUES ($1)")
                .bind(now())
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await
        })?;
        Ok(checked)
    }

    /// The day on which a question was asked.
    fn asked_on(&self, sha256: &str, sent: &Path) -> Result<Day, EngineError> {
        let known: Option<String> = self.with("looking for a question", async |connection| {
            let latest = "SELECT asked_at FROM opt_out_questions WHERE sha256 = $1 ORDER BY question LIMIT 1";
            sqlx::query_scalar(latest).bind(sha256).fetch_optional(connection).await
        })?;
        let written = || {
            let changed =
                fs::metadata(sent).and_then(|file| file.modified()).map_err(EngineError::io("reading", sent))?;
            let changed = jiff::Timestamp::try_from(changed).map(|time| time.to_string());
            changed.map_err(|_| EngineError::RegisterBroken { what: "a file is of no time of ours" })
        };
        let asked_at = known.map_or_else(written, Ok)?;
        super::objections::day_of(&asked_at).ok_or(EngineError::RegisterBroken { what: "a question has no day" })
    }

    /// Whom the national file let through, as far as its answers still count on `today`.
    ///
    /// # Errors
    /// [`EngineError::Register`].
    pub fn allowed(&self, today: Day) -> Result<Allowed, EngineError> {
        let mut handles =
            self.with("reading answers", async |connection| self.place.allowed(connection, &today.to_string()).await)?;
        handles.sort_unstable();
        let starts = starts(&handles);
        Ok(Allowed { seal: Arc::clone(&self.seal), handles: handles.into(), starts: starts.into() })
    }
}

impl Place {
    /// Keeps answers packed into `$1`, `$2` of them, until `$3`; one that was asked for later stays.
    fn keep_answers(&self) -> String {
        let width = HANDLE_BYTES + 1;
        let person = format!("substr($1, CAST(row * {width} + 1 AS INTEGER), {HANDLE_BYTES})");
        let objects = format!("substr($1, CAST(row * {width} + {width} AS INTEGER), 1)");
        let objects = match self {
            Self::File(_) => format!("CAST(CAST({objects} AS TEXT) AS BIGINT)"),
            Self::Postgres(_) => format!("CAST(convert_from({objects}, 'UTF8') AS BIGINT)"),
        };
        format!(
            "INSERT INTO opt_out_answers (person, objects, expires) SELECT {person}, {objects}, $3 FROM {} WHERE row >= 0 \
             ON CONFLICT (person) DO UPDATE SET objects = excluded.objects, expires = excluded.expires \
             WHERE excluded.expires >= opt_out_answers.expires",
            self.row_numbers()
        )
    }
}

/// A file's hash and numbers. Lines end either way; the last may lack its end.
fn read(file: &Path) -> Result<(String, BTreeSet<NhsNumber>), EngineError> {
    let bytes = fs::read(file).map_err(EngineError::io("reading", file))?;
    let mut numbers = BTreeSet::new();
    for (at, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        let number = line.strip_suffix(b",").unwrap_or(line);
        let number = std::str::from_utf8(number).ok().and_then(|text| NhsNumber::parse(text).ok());
        let what = "it contains one or more invalid NHS Numbers";
        numbers.insert(number.ok_or_else(|| EngineError::OptOutsRefused {
            file: file.to_owned(),
            line: at + 1,
            what,
        })?);
    }
    Ok((hexadecimal(&Sha256::digest(&bytes)), numbers))
}

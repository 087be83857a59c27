//! Many rows at once: events packed into one value for the database to take apart, and handles packed by it into one for us.
//!
//! Invariant: what goes in this way is what a row by itself would be. A value that is bound or read by itself costs more than
//! all the rest of a row's way, on both sides of the database's door.

use super::Place;
use super::seal::{HANDLE_BYTES, Handle, SealedNumber};
use caredata_model::Day;
use sqlx::{AnyConnection, AssertSqlSafe};

/// An event as its table has it.
pub(super) struct EventRow<'a> {
    pub(super) number: SealedNumber,
    pub(super) kind: &'a str,
    pub(super) effective: Option<Day>,
    pub(super) recorded_at: &'a str,
    pub(super) source_id: &'a str,
    pub(super) saying: i64,
}

/// Rows of one width: texts are filled up with blanks, of which none of ours ends in one.
pub(super) struct Packed {
    bytes: Vec<u8>,
    rows: usize,
    widths: [usize; 4],
}

/// A day, and a number of a saying, as text.
const DAY_BYTES: usize = 10;
const SAYING_BYTES: usize = 19;

impl Packed {
    pub(super) fn of(rows: &[EventRow<'_>]) -> Self {
        let widest = |text: fn(&EventRow<'_>) -> usize| rows.iter().map(text).max().unwrap_or_default().max(1);
        let widths = [
            widest(|row| row.source_id.len()),
            widest(|row| row.kind.len()),
            widest(|row| row.recorded_at.len()),
            SealedNumber::COPY_BYTES,
        ];
        let mut bytes = Vec::with_capacity(rows.len() * (widths.iter().sum::<usize>() + 48));
        let mut put = |text: &[u8], width: usize| {
            bytes.extend_from_slice(text);
            bytes.resize(bytes.len() + width - text.len(), b' ');
        };
        for row in rows {
            let effective = row.effective.map(|day| day.to_string()).unwrap_or_default();
            put(&row.number.handle, HANDLE_BYTES);
            put(row.source_id.as_bytes(), widths[0]);
            put(row.kind.as_bytes(), widths[1]);
            put(effective.as_bytes(), DAY_BYTES);
            put(row.recorded_at.as_bytes(), widths[2]);
            put(&row.number.copy, widths[3]);
            put(row.saying.to_string().as_bytes(), SAYING_BYTES);
        }
        Self { bytes, rows: rows.len(), widths }
    }
}

impl Place {
    /// Adds events that are not there yet; how many were added.
    pub(super) async fn insert(&self, connection: &mut AnyConnection, packed: Packed) -> Result<u64, sqlx::Error> {
        let [source_id, kind, recorded_at, copy] = packed.widths;
        let fields = [
            (HANDLE_BYTES, Form::Bytes),
            (source_id, Form::Text),
            (kind, Form::Text),
            (DAY_BYTES, Form::Text),
            (recorded_at, Form::Text),
            (copy, Form::Bytes),
            (SAYING_BYTES, Form::Number),
        ];
        let width: usize = fields.iter().map(|(width, _)| width).sum();
        let mut from = 1;
        let mut parts = Vec::new();
        for (length, form) in fields {
            parts.push(self.part(&format!("substr($1, CAST(row * {width} + {from} AS INTEGER), {length})"), form));
            from += length;
        }
        let insert = format!(
            "INSERT INTO objections (person, source_id, kind, effective, recorded_at, number_sealed, saying) \
             SELECT {} FROM {} WHERE row >= 0 ON CONFLICT DO NOTHING",
            parts.join(", "),
            self.row_numbers()
        );
        // Made of the numbers above alone.
        let insert = sqlx::query(AssertSqlSafe(insert)).bind(packed.bytes).bind(packed.rows as i64);
        Ok(insert.execute(connection).await?.rows_affected())
    }

    /// A table of the numbers from 0 to below `$2`.
    pub(super) fn row_numbers(&self) -> &'static str {
        match self {
            Self::File(_) => {
                "(WITH RECURSIVE rows (row) AS (SELECT 0 UNION ALL SELECT row + 1 FROM rows WHERE row + 1 < $2) \
                 SELECT row FROM rows) AS numbered"
            }
            Self::Postgres(_) => "generate_series(0, $2 - 1) AS numbered (row)",
        }
    }

    /// A part of a packed value as a column's value.
    fn part(&self, bytes: &str, form: Form) -> String {
        let text = match self {
            Self::File(_) => format!("rtrim(CAST({bytes} AS TEXT))"),
            Self::Postgres(_) => format!("rtrim(convert_from({bytes}, 'UTF8'))"),
        };
        match form {
            Form::Bytes => bytes.to_owned(),
            Form::Text => text,
            Form::Number => format!("CAST({text} AS BIGINT)"),
        }
    }

    /// All handles of people who ever said this, some of them several times, in no order.
    pub(super) async fn handles(&self, connection: &mut AnyConnection, kind: &str) -> Result<Vec<u128>, sqlx::Error> {
        let mut handles = self.by_beginning(connection, "objections WHERE kind = $3", kind).await?;
        let journals = format!(
            "SELECT coalesce({}, '') FROM wishes WHERE contribution IS NOT NULL AND set_aside = 0 AND kind = $1",
            self.joined()
        );
        // Made of the constants above alone.
        let journals = sqlx::query_scalar(AssertSqlSafe(journals)).bind(kind);
        let some: String = journals.fetch_one(connection).await?;
        unpack(&some, &mut handles);
        Ok(handles)
    }

    /// All handles that the national file let through and whose answers count on this day still.
    pub(super) async fn allowed(&self, connection: &mut AnyConnection, today: &str) -> Result<Vec<u128>, sqlx::Error> {
        self.by_beginning(connection, "opt_out_answers WHERE objects = 0 AND expires >= $3", today).await
    }

    const fn joined(&self) -> &'static str {
        match self {
            Self::File(_) => "group_concat(hex(person), '')",
            Self::Postgres(_) => "string_agg(encode(person, 'hex'), '')",
        }
    }

    /// The handles of a table, by how they begin: a part of them at a time, since a text has a longest length.
    async fn by_beginning(
        &self,
        connection: &mut AnyConnection,
        table: &str,
        value: &str,
    ) -> Result<Vec<u128>, sqlx::Error> {
        let part = format!("SELECT coalesce({}, '') FROM {table} AND person >= $1 AND person < $2", self.joined());
        let mut handles = Vec::new();
        for beginning in 0..=255_u8 {
            let mut from: Handle = [0; HANDLE_BYTES];
            from[0] = beginning;
            let to = beginning.checked_add(1).map_or_else(|| vec![255; HANDLE_BYTES + 1], |next| vec![next]);
            // Made of the constants above alone.
            let part = sqlx::query_scalar(AssertSqlSafe(part.clone())).bind(from.to_vec()).bind(to).bind(value);
            let some: String = part.fetch_one(&mut *connection).await?;
            unpack(&some, &mut handles);
        }
        Ok(handles)
    }
}

/// What a part of a packed value becomes.
#[derive(Clone, Copy)]
enum Form {
    Bytes,
    Text,
    Number,
}

fn unpack(hexadecimal: &str, into: &mut Vec<u128>) {
    let (handles, _) = hexadecimal.as_bytes().as_chunks::<{ 2 * HANDLE_BYTES }>();
    into.extend(handles.iter().map(|digits| {
        digits.iter().fold(0, |handle, digit| handle << 4 | u128::from((digit & 15) + 9 * (digit >> 6)))
    }));
}

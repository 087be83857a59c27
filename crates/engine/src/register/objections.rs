//! People's wishes: noted one by one, shown, and handed to the gates.

use super::seal::SealedNumber;
use super::{ContributionId, Kind, Register, now};
use crate::audit::{Act, Audit, Extent, Outcome};
use crate::error::{EngineError, Remark};
use caredata_model::{Choice, Day, NhsNumber, Scope, Wish, stands};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A wish to be noted.
#[derive(Clone, Debug)]
pub struct NewObjection {
    /// Whose wish it is.
    pub number: NhsNumber,
    /// What was said.
    pub kind: Kind,
    /// The day from which it counts.
    pub effective: Option<Day>,
    /// How the person told us.
    pub channel: Remark,
    /// Who notes it.
    pub recorded_by: Remark,
}

/// Whether an event counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// It counts.
    Counts,
    /// It came with a contribution that has been replaced or never got published.
    SetAside,
}

/// Something a person once said, as the patient line sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What was said.
    pub kind: Kind,
    /// The day from which it counts; `None` where missing or no date.
    pub effective: Option<Day>,
    /// When it was recorded, a day or a day and time; empty where missing.
    pub recorded_at: String,
    /// How the person told us; `journal` for a note in a GP record.
    pub channel: String,
    /// Who noted it; the practice's code for a note in a GP record.
    pub recorded_by: String,
    /// The sender's own name for it; empty where there is none.
    pub source_id: String,
    /// When this register learnt of it.
    pub noted_at: String,
    /// Whether a contribution of a practice brought it.
    pub from_journal: bool,
    /// Whether it counts.
    pub validity: Validity,
}

impl Event {
    fn wish(&self) -> Wish {
        Wish {
            scope: self.kind.scope.clone(),
            choice: self.kind.choice,
            effective: self.effective,
            recorded: day_of(self.recorded()),
        }
    }

    /// When it was recorded. An objection without a date that lies behind us, and whose recording is not known, counts from when
    /// this register learnt of it, so that it can be taken back; one of a journal is read anew every month and has no such day.
    fn recorded(&self) -> &str {
        let is_dated = self.effective.is_some_and(|day| day_of(&self.noted_at).is_none_or(|noted| day <= noted));
        let is_known = day_of(&self.recorded_at).is_some();
        let stands_in = self.kind.choice == Choice::Object && !self.from_journal && !is_known && !is_dated;
        if stands_in { &self.noted_at } else { &self.recorded_at }
    }
}

/// What stands for a person about one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What it is about.
    pub scope: Scope,
    /// `Object` where an objection stands, `Withdraw` where one was taken back.
    pub choice: Choice,
}

/// On what the register's answers rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Footing {
    /// Objections were loaded.
    Events,
    /// Nothing was loaded, but somebody answers for there being nothing to load.
    Attested {
        /// Who.
        name: String,
        /// Why.
        reason: String,
    },
    /// Nothing: no run may use it.
    Nothing,
}

/// What the register holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events by kind, those of journals set aside not counted.
    pub events: BTreeMap<String, u64>,
    /// People who ever said anything.
    pub persons: u64,
    /// People for whom an objection stands, by scope as kinds name it (`gp`, `all`, `source:NAME`).
    pub objecting: BTreeMap<String, u64>,
}

/// An event as its table has it.
pub(super) struct EventRow {
    pub(super) number: SealedNumber,
    pub(super) kind: Kind,
    pub(super) effective: Option<Day>,
    pub(super) recorded_at: String,
    pub(super) channel: String,
    pub(super) recorded_by: String,
    pub(super) source_id: String,
}

impl Register {
    /// Notes that `name` attests that there are no objections to load. The log's line is its caller's, who makes the home.
    ///
    /// # Errors
    /// [`EngineError::Register`].
    pub fn attest(&self, name: &Remark, reason: &Remark) -> Result<(), EngineError> {
        self.with("noting an attestation", async |connection| {
            sqlx::query("INSERT INTO attestations (name, reason, noted_at) VALUES ($1, $2, $3)")
                .bind(name.as_str())
                .bind(reason.as_str())
                .bind(now())
                .execute(connection)
                .await
                .map(|_| ())
        })
    }

    /// On what the register's answers rest. A wish noted by itself does not tell that all the others were loaded.
    ///
    /// # Errors
    /// [`EngineError::Register`].
    pub fn footing(&self) -> Result<Footing, EngineError> {
        self.with("reading its footing", async |connection| {
            let events: bool =
                sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM loads)").fetch_one(&mut *connection).await?;
            if events {
                return Ok(Footing::Events);
            }
            let attested = sqlx::query("SELECT name, reason FROM attestations ORDER BY attestation DESC LIMIT 1");
            Ok(match attested.fetch_optional(connection).await? {
                Some(row) => Footing::Attested { name: row.try_get(0)?, reason: row.try_get(1)? },
                None => Footing::Nothing,
            })
        })
    }

    /// Notes a person's wish, which counts from now on. An objection at any time, a withdrawal at any time, as often as
    /// they like: two of one day are told apart by their time.
    ///
    /// # Errors
    /// [`EngineError::UnknownSource`] for a place of care that nobody knows, [`EngineError::Register`], and those of
    /// [`Audit::append`]; then nothing is noted.
    pub fn record(&self, audit: &Audit, wish: &NewObjection) -> Result<(), EngineError> {
        let known = self.sources()?;
        if !wish.kind.is_about_one_of(&known) {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            return Err(EngineError::UnknownSource { kind: wish.kind.to_string(), known });
        }
        let row = EventRow {
            number: self.seal.seal(wish.number)?,
            kind: wish.kind.clone(),
            effective: wish.effective,
            recorded_at: now(),
            channel: wish.channel.as_str().to_owned(),
            recorded_by: wish.recorded_by.as_str().to_owned(),
            source_id: String::new(),
        };
        audit.append(&Act::ObjectionRecorded { kind: wish.kind.clone() }, Outcome::Done)?;
        self.with("noting a wish", async |connection| insert(connection, &[row]).await.map(|_| ()))
    }

    /// What stands for a person on `today`, by scope; empty where nothing was ever said.
    ///
    /// # Errors
    /// [`EngineError::Register`], and those of [`Audit::append`].
    pub fn show(&self, audit: &Audit, number: NhsNumber, today: Day) -> Result<Vec<Standing>, EngineError> {
        audit.append(&Act::ObjectionsRead { extent: Extent::Present }, Outcome::Allowed)?;
        let events = self.events_of(number)?;
        let wishes = settle(events.iter().filter(|event| event.validity == Validity::Counts));
        Ok(standings(&wishes, today))
    }

    /// All that a person ever said, in the order in which this register learnt of it.
    ///
    /// # Errors
    /// As [`Register::show`].
    pub fn history(&self, audit: &Audit, number: NhsNumber) -> Result<Vec<Event>, EngineError> {
        audit.append(&Act::ObjectionsRead { extent: Extent::History }, Outcome::Allowed)?;
        self.events_of(number)
    }

    fn events_of(&self, number: NhsNumber) -> Result<Vec<Event>, EngineError> {
        let rows = self.with("reading a person's wishes", async |connection| {
            sqlx::query("SELECT * FROM wishes WHERE person = $1 ORDER BY noted_at")
                .bind(self.seal.handle(number))
                .fetch_all(connection)
                .await
        })?;
        rows.iter().map(event).collect()
    }

    /// Every wish that counts, with its person's number, for the gates: those loaded and noted, and those that came in
    /// journals, except with contributions that are about to be replaced.
    ///
    /// # Errors
    /// [`EngineError::Register`], [`EngineError::RegisterBroken`].
    pub fn wishes(&self, replaced: &[ContributionId]) -> Result<Vec<(NhsNumber, Wish)>, EngineError> {
        Ok(self
            .people(replaced)?
            .into_iter()
            .flat_map(|(number, wishes)| wishes.into_iter().map(move |wish| (number, wish)))
            .collect())
    }

    /// What the register holds, on `today`.
    ///
    /// # Errors
    /// As [`Register::wishes`].
    pub fn counts(&self, today: Day) -> Result<Counts, EngineError> {
        let people = self.people(&[])?;
        let mut counts = Counts { persons: people.len() as u64, ..Counts::default() };
        for wishes in people.values() {
            for standing in standings(wishes, today).iter().filter(|standing| standing.choice == Choice::Object) {
                let kind = Kind { choice: Choice::Object, scope: standing.scope.clone() }.to_string();
                *counts.objecting.entry(kind.trim_start_matches("object-").to_owned()).or_default() += 1;
            }
        }
        let rows = self.with("counting wishes", async |connection| {
            sqlx::query("SELECT kind, count(*) FROM wishes WHERE NOT set_aside GROUP BY kind")
                .fetch_all(connection)
                .await
        })?;
        for row in rows {
            let (kind, number): (String, i64) = (get(&row, 0)?, get(&row, 1)?);
            counts.events.insert(kind, number.cast_unsigned());
        }
        Ok(counts)
    }

    fn people(&self, replaced: &[ContributionId]) -> Result<BTreeMap<NhsNumber, Vec<Wish>>, EngineError> {
        let rows = self.with("reading wishes", async |connection| {
            sqlx::query("SELECT * FROM wishes WHERE NOT set_aside ORDER BY person, noted_at")
                .fetch_all(connection)
                .await
        })?;
        // One number is unsealed once, however much its person said.
        let mut by_handle: HashMap<Vec<u8>, (NhsNumber, Vec<Event>)> = HashMap::new();
        for row in &rows {
            let contribution: Option<i64> = get(row, "contribution")?;
            if contribution.is_some_and(|id| replaced.contains(&ContributionId(id))) {
                continue;
            }
            let (handle, copy): (Vec<u8>, Vec<u8>) = (get(row, "person")?, get(row, "number_sealed")?);
            let event = event(row)?;
            if let Some((_, said)) = by_handle.get_mut(&handle) {
                said.push(event);
            } else {
                let number = self.seal.open(&handle, &copy)?;
                by_handle.insert(handle, (number, vec![event]));
            }
        }
        Ok(by_handle.into_values().map(|(number, events)| (number, settle(&events))).collect())
    }
}

/// Adds events that are not there yet; how many were added.
pub(super) async fn insert(connection: &mut SqliteConnection, rows: &[EventRow]) -> Result<u64, sqlx::Error> {
    // SQLite takes at most 32,766 values in a statement.
    let (mut added, noted_at) = (0, now());
    for some in rows.chunks(1_000) {
        let mut insert: QueryBuilder<Sqlite> = QueryBuilder::new(
            "INSERT INTO objections (person, number_sealed, kind, effective, recorded_at, channel, recorded_by, source_id, noted_at) ",
        );
        insert.push_values(some, |mut values, row| {
            values
                .push_bind(&row.number.handle)
                .push_bind(&row.number.copy)
                .push_bind(row.kind.to_string())
                .push_bind(row.effective.map(|day| day.to_string()).unwrap_or_default())
                .push_bind(&row.recorded_at)
                .push_bind(&row.channel)
                .push_bind(&row.recorded_by)
                .push_bind(&row.source_id)
                .push_bind(&noted_at);
        });
        insert.push(" ON CONFLICT DO NOTHING");
        added += insert.build().execute(&mut *connection).await?.rows_affected();
    }
    Ok(added)
}

/// A value of a row that the register itself wrote.
pub(super) fn get<'r, T, I>(row: &'r SqliteRow, column: I) -> Result<T, EngineError>
where
    T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
    I: sqlx::ColumnIndex<SqliteRow>,
{
    row.try_get(column).map_err(EngineError::register("reading a row"))
}

pub(super) fn event(row: &SqliteRow) -> Result<Event, EngineError> {
    let (kind, effective): (&str, &str) = (get(row, "kind")?, get(row, "effective")?);
    let set_aside: bool = get(row, "set_aside")?;
    Ok(Event {
        kind: kind.parse().map_err(|_| EngineError::RegisterBroken { what: "a wish is of no known kind" })?,
        effective: Day::parse(effective).ok(),
        recorded_at: get(row, "recorded_at")?,
        channel: get(row, "channel")?,
        recorded_by: get(row, "recorded_by")?,
        source_id: get(row, "source_id")?,
        noted_at: get(row, "noted_at")?,
        from_journal: get::<Option<i64>, _>(row, "contribution")?.is_some(),
        validity: if set_aside { Validity::SetAside } else { Validity::Counts },
    })
}

fn standings(wishes: &[Wish], today: Day) -> Vec<Standing> {
    let scopes: BTreeSet<&Scope> = wishes.iter().map(|wish| &wish.scope).collect();
    let choice = |scope| if stands(wishes, scope, today) { Choice::Object } else { Choice::Withdraw };
    scopes.into_iter().map(|scope| Standing { scope: scope.clone(), choice: choice(scope) }).collect()
}

/// The events of one person as wishes. A [`Wish`] knows the day of its recording; where several about one scope count from
/// one day and were recorded on one day, and their times are known, the last of them is what the person wants, so that
/// anybody may change their mind within a day. Without times all stay, and then the objection holds.
pub(super) fn settle<'a>(events: impl IntoIterator<Item = &'a Event> + Clone) -> Vec<Wish> {
    let mut latest: HashMap<(Scope, Option<Day>, Option<Day>), Timestamp> = HashMap::new();
    let key = |event: &Event| (event.kind.scope.clone(), event.wish().since(), day_of(event.recorded()));
    for event in events.clone() {
        if let Some(time) = time_of(event.recorded()) {
            latest.entry(key(event)).and_modify(|last| *last = time.max(*last)).or_insert(time);
        }
    }
    let overtaken = |event: &Event| match (time_of(event.recorded()), latest.get(&key(event))) {
        (Some(time), Some(last)) => time < *last,
        (None, _) | (Some(_), None) => false,
    };
    events.into_iter().filter(|event| !overtaken(event)).map(Event::wish).collect()
}

/// The day of a day, or of a day and time.
pub(super) fn day_of(recorded_at: &str) -> Option<Day> {
    Day::parse(recorded_at.get(..10)?).ok()
}

/// The instant of a day and time; without a zone, in that of Greenwich.
pub(super) fn time_of(recorded_at: &str) -> Option<Timestamp> {
    let with_zone = || recorded_at.parse().ok();
    let without = || Some(recorded_at.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp());
    (recorded_at.len() > 10).then(|| with_zone().or_else(without)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_all_usual_forms_are_read() {
        assert_eq!(day_of("2014-03-01").map(|day| day.to_string()).as_deref(), Some("2014-03-01"));
        assert_eq!(day_of("2014-03-01T10:00:00Z"), day_of("2014-03-01"));
        assert_eq!(time_of("2014-03-01"), None);
        assert_eq!(time_of("2014-03-01T10:00:00Z"), time_of("2014-03-01 10:00:00"));
        assert_eq!(time_of("2014-03-01T10:00:00+01:00"), time_of("2014-03-01T09:00"));
        assert_eq!(time_of("9434765919 and more"), None);
    }
}

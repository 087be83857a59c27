//! People's wishes: noted one by one, shown, and handed to the gates.

use super::bulk::{EventRow, Packed};
use super::said::{Kept, Needs, Saying, insert_sayings};
use super::{ContributionId, Kind, Register, get, now};
use crate::audit::{Act, Audit, Extent, Outcome};
use crate::error::{EngineError, Remark};
use caredata_admit::Setting;
use caredata_model::{About, Choice, Day, Door, NhsNumber, Scope, Speaker, Wish, may_enter, may_speak, stands};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sqlx::any::AnyRow;
use sqlx::{Connection, Row};
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
    /// By whom, through which door, and so on.
    pub saying: Saying,
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
    /// Who spoke.
    pub by: Speaker,
    /// The door through which it came.
    pub through: Door,
    /// The door in the sender's own words; `journal` for a note in a GP record.
    pub channel: String,
    /// Who noted it; the practice's code for a note in a GP record.
    pub recorded_by: String,
    /// The reference of a power or order under which somebody acted for the person; empty where there is none.
    pub reference: String,
    /// How the person wants to hear from us.
    pub needs: Needs,
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

/// What a person's present wishes are, as the patient line sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Present {
    /// What stands, by scope; empty where nothing was ever said.
    pub standing: Vec<Standing>,
    /// How the person wants to hear from us, as stated last.
    pub needs: Needs,
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
            let loads: i64 = sqlx::query_scalar("SELECT count(*) FROM loads").fetch_one(&mut *connection).await?;
            if loads > 0 {
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
    /// they like: two of one day are told apart by their time. When this returns, the wish is on the disk.
    ///
    /// # Errors
    /// [`EngineError::UnknownSource`] for a place of care that nobody knows, [`EngineError::MayNotRecord`] for a withdrawal
    /// by somebody who may not act for the person or through a door that it does not come by, which the log notes as denied,
    /// [`EngineError::Register`], and those of [`Audit::append`]; then nothing is noted.
    pub fn record(&self, audit: &Audit, wish: &NewObjection) -> Result<(), EngineError> {
        let known = self.sources()?;
        if !wish.kind.is_about_one_of(&known) {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            return Err(EngineError::UnknownSource { kind: wish.kind.to_string(), known });
        }
        let (kind, by, through) = (wish.kind.clone(), wish.saying.by, wish.saying.through);
        let about =
            About::of(&kind.scope, |name| name == Setting::HOSPITAL || Setting::HOSPITAL_SOURCES.contains(&name));
        let verdict = may_speak(kind.choice, by, wish.saying.age, wish.saying.mandate())
            .and_then(|()| may_enter(kind.choice, through, about));
        if let Err(why) = verdict {
            audit
                .append(&Act::ObjectionDenied { kind: kind.clone(), by, through, why: why.code() }, Outcome::Denied)?;
            return Err(EngineError::MayNotRecord { kind: kind.to_string(), by, through, why });
        }
        let (number, noted_at) = (self.seal.seal(wish.number)?, now());
        audit.append(&Act::ObjectionRecorded { kind: kind.clone(), by, through }, Outcome::Done)?;
        self.with("noting a wish", async |connection| {
            let mut transaction = connection.begin_with(self.place.begin()).await?;
            let saying = insert_sayings(&mut transaction, &self.place, &[wish.saying.kept()], &noted_at).await?;
            let kind = kind.to_string();
            let (effective, recorded_at) = (wish.effective, noted_at.as_str());
            let event = EventRow { number, kind: &kind, effective, recorded_at, source_id: "", saying };
            self.place.insert(&mut transaction, Packed::of(&[event])).await?;
            transaction.commit().await
        })
    }

    /// What stands for a person on `today`, by scope, and how they want to hear from us.
    ///
    /// # Errors
    /// [`EngineError::Register`], and those of [`Audit::append`].
    pub fn show(&self, audit: &Audit, number: NhsNumber, today: Day) -> Result<Present, EngineError> {
        audit.append(&Act::ObjectionsRead { extent: Extent::Present }, Outcome::Allowed)?;
        self.ask(number, today)
    }

    /// As [`Register::show`], for a part of an act that has its own line in the log.
    ///
    /// # Errors
    /// [`EngineError::Register`].
    pub fn ask(&self, number: NhsNumber, today: Day) -> Result<Present, EngineError> {
        let events = self.events_of(number)?;
        let wishes = settle(events.iter().filter(|event| event.validity == Validity::Counts));
        let needs = events.iter().rev().map(|event| &event.needs).find(|needs| !needs.is_empty());
        Ok(Present { standing: standings(&wishes, today), needs: needs.cloned().unwrap_or_default() })
    }

    /// All that a person ever said, in the order in which this register learnt of it.
    ///
    /// # Errors
    /// As [`Register::show`].
    pub fn history(&self, audit: &Audit, number: NhsNumber) -> Result<Vec<Event>, EngineError> {
        audit.append(&Act::ObjectionsRead { extent: Extent::History }, Outcome::Allowed)?;
        self.events_of(number)
    }

    pub(super) fn events_of(&self, number: NhsNumber) -> Result<Vec<Event>, EngineError> {
        let rows = self.with("reading a person's wishes", async |connection| {
            sqlx::query("SELECT * FROM wishes WHERE person = $1 ORDER BY noted_at")
                .bind(self.seal.handle(number).to_vec())
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
            sqlx::query("SELECT kind, count(*) FROM wishes WHERE set_aside = 0 GROUP BY kind")
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
            let slim = "SELECT person, number_sealed, kind, effective, recorded_at, noted_at, contribution FROM wishes \
                        WHERE set_aside = 0";
            sqlx::query(slim).fetch_all(connection).await
        })?;
        // One number is unsealed once, however much its person said.
        let mut by_handle: HashMap<Vec<u8>, (NhsNumber, Vec<Event>)> = HashMap::new();
        for row in &rows {
            let contribution: Option<i64> = get(row, "contribution")?;
            if contribution.is_some_and(|id| replaced.contains(&ContributionId(id))) {
                continue;
            }
            let (handle, copy): (Vec<u8>, Vec<u8>) = (get(row, "person")?, get(row, "number_sealed")?);
            let event = slim_event(row)?;
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

pub(super) fn event(row: &AnyRow) -> Result<Event, EngineError> {
    let (kind, effective): (&str, &str) = (get(row, "kind")?, get(row, "effective")?);
    let set_aside: i64 = get(row, "set_aside")?;
    let Kept { by, through, channel, recorded_by, reference, needs } = Kept::read(row)?;
    Ok(Event {
        kind: kind.parse().map_err(|_| EngineError::RegisterBroken { what: "a wish is of no known kind" })?,
        effective: Day::parse(effective).ok(),
        recorded_at: get(row, "recorded_at")?,
        by,
        through,
        channel,
        recorded_by,
        reference,
        needs,
        source_id: get(row, "source_id")?,
        noted_at: get(row, "noted_at")?,
        from_journal: get::<Option<i64>, _>(row, "contribution")?.is_some(),
        validity: if set_aside != 0 { Validity::SetAside } else { Validity::Counts },
    })
}

/// An event as far as it decides what stands.
pub(super) fn slim_event(row: &AnyRow) -> Result<Event, EngineError> {
    let (kind, effective): (&str, &str) = (get(row, "kind")?, get(row, "effective")?);
    Ok(Event {
        kind: kind.parse().map_err(|_| EngineError::RegisterBroken { what: "a wish is of no known kind" })?,
        effective: Day::parse(effective).ok(),
        by: Speaker::NotStated,
        through: Door::NotStated,
        channel: String::new(),
        recorded_by: String::new(),
        reference: String::new(),
        needs: Needs::default(),
        recorded_at: get(row, "recorded_at")?,
        source_id: String::new(),
        noted_at: get(row, "noted_at")?,
        from_journal: get::<Option<i64>, _>(row, "contribution")?.is_some(),
        validity: Validity::Counts,
    })
}

pub(super) fn standings(wishes: &[Wish], today: Day) -> Vec<Standing> {
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

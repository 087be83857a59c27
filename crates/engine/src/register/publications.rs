//! Runs, what they contributed, and what was published.
//!
//! A run's publication is prepared, in one transaction with its contributions, before anything of it is published, and done
//! afterwards; what a crash leaves between the two is found as pending and taken up again. A contribution is current once
//! its publication is done and until one that replaces it is done. Invariant: at most one publication is pending.

use super::{Kind, Register, get, now};
use crate::error::EngineError;
use caredata_model::{NhsNumber, Period, SourceName, Wish};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row};

/// A run's number, in the order in which runs began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub i64);

/// A contribution's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContributionId(pub i64);

/// What a source gave for a period, as the current records hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// Its number.
    pub id: ContributionId,
    /// The run that brought it.
    pub run: RunId,
    /// The source.
    pub source: SourceName,
    /// The practice or provider, where the source contributes one by one.
    pub provider: Option<String>,
    /// What it covers.
    pub period: Period,
}

/// What a source gives for a period, about to be published.
#[derive(Clone, Debug)]
pub struct NewContribution {
    /// The source.
    pub source: SourceName,
    /// The practice or provider, where the source contributes one by one.
    pub provider: Option<String>,
    /// What it covers.
    pub period: Period,
    /// Current contributions that it takes the place of.
    pub replaces: Vec<ContributionId>,
    /// Wishes that stand in its journals, by the person's number.
    pub wishes: Vec<(NhsNumber, Wish)>,
}

/// What a run publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The run.
    pub run: RunId,
    /// What the publication says, in the run's own words.
    pub json: String,
}

/// How a publication ended.
#[derive(Clone, Copy)]
enum End {
    Done,
    Abandoned,
}

impl End {
    const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Abandoned => "abandoned",
        }
    }
}

impl Register {
    /// Notes that a run begins, and numbers it.
    ///
    /// # Errors
    /// [`EngineError::Register`].
    pub fn begin_run(&self, period: Period) -> Result<RunId, EngineError> {
        self.with("noting a run", async |connection| {
            sqlx::query_scalar("INSERT INTO runs (period, noted_at) VALUES ($1, $2) RETURNING run")
                .bind(period.to_string())
                .bind(now())
                .fetch_one(connection)
                .await
                .map(RunId)
        })
    }

    /// Notes what a run is about to publish and what it is made of, in one transaction.
    ///
    /// # Errors
    /// [`EngineError::Publication`] where another publication is pending or the run has one already,
    /// [`EngineError::Register`].
    pub fn prepare_publication(
        &self,
        run: RunId,
        json: &str,
        contributions: &[NewContribution],
    ) -> Result<(), EngineError> {
        if self.pending_publication()?.is_some() {
            return Err(EngineError::Publication { run: run.0, what: "another publication is not finished yet" });
        }
        if self.publication(run)?.is_some() {
            return Err(EngineError::Publication { run: run.0, what: "the run has published already" });
        }
        let mut sealed = Vec::new();
        for contribution in contributions {
            let wishes = contribution.wishes.iter().map(|(number, wish)| Ok((self.seal.seal(*number)?, wish)));
            sealed.push(wishes.collect::<Result<Vec<_>, EngineError>>()?);
        }
        self.with("preparing a publication", async |connection| {
            let mut transaction = connection.begin_with(self.place.begin()).await?;
            sqlx::query("INSERT INTO publications (run, json, noted_at) VALUES ($1, $2, $3)")
                .bind(run.0)
                .bind(json)
                .bind(now())
                .execute(&mut *transaction)
                .await?;
            for (contribution, wishes) in contributions.iter().zip(sealed) {
                let id = insert_contribution(&mut transaction, run, contribution).await?;
                for some in wishes.chunks(1_000) {
                    let insert = format!(
                        "INSERT INTO journal_wishes (contribution, person, number_sealed, kind, effective, recorded_at) \
                         VALUES {}",
                        self.place.rows(some.len(), 6)
                    );
                    // Made of placeholders alone.
                    let mut insert = sqlx::query(AssertSqlSafe(insert));
                    for (number, wish) in some {
                        let kind = Kind { choice: wish.choice, scope: wish.scope.clone() };
                        insert = insert
                            .bind(id)
                            .bind(number.handle.to_vec())
                            .bind(number.copy.to_vec())
                            .bind(kind.to_string())
                            .bind(wish.effective.map(|day| day.to_string()).unwrap_or_default())
                            .bind(wish.recorded.map(|day| day.to_string()).unwrap_or_default());
                    }
                    insert.execute(&mut *transaction).await?;
                }
            }
            transaction.commit().await
        })
    }

    /// Notes that what the run prepared is published: its contributions are current now, those they replace are not.
    ///
    /// # Errors
    /// [`EngineError::Publication`] where it is not the pending one, [`EngineError::Register`].
    pub fn finish_publication(&self, run: RunId) -> Result<(), EngineError> {
        self.end_publication(run, End::Done)
    }

    /// Notes that what the run prepared will never be published.
    ///
    /// # Errors
    /// As [`Register::finish_publication`].
    pub fn abandon_publication(&self, run: RunId) -> Result<(), EngineError> {
        self.end_publication(run, End::Abandoned)
    }

    fn end_publication(&self, run: RunId, end: End) -> Result<(), EngineError> {
        if self.pending_publication()?.is_none_or(|pending| pending.run != run) {
            return Err(EngineError::Publication { run: run.0, what: "it is not the one that waits to be finished" });
        }
        self.with("ending a publication", async |connection| {
            sqlx::query("INSERT INTO publication_ends (run, outcome, noted_at) VALUES ($1, $2, $3)")
                .bind(run.0)
                .bind(end.name())
                .bind(now())
                .execute(connection)
                .await
                .map(|_| ())
        })
    }

    /// The publication that was prepared and not ended, which a crash leaves.
    ///
    /// # Errors
    /// [`EngineError::Register`].
    pub fn pending_publication(&self) -> Result<Option<Publication>, EngineError> {
        self.with("looking for a pending publication", async |connection| {
            let pending =
                "SELECT run, json FROM publications WHERE run NOT IN (SELECT run FROM publication_ends) ORDER BY run";
            sqlx::query(pending).fetch_optional(connection).await?.as_ref().map(publication).transpose()
        })
    }

    /// The publication that was done last.
    ///
    /// # Errors
    /// [`EngineError::Register`].
    pub fn latest_publication(&self) -> Result<Option<Publication>, EngineError> {
        self.with("looking for the latest publication", async |connection| {
            let latest = "SELECT publications.run, json FROM publications \
                          JOIN publication_ends ON publication_ends.run = publications.run AND outcome = 'done' \
                          ORDER BY publications.run DESC LIMIT 1";
            sqlx::query(latest).fetch_optional(connection).await?.as_ref().map(publication).transpose()
        })
    }

    fn publication(&self, run: RunId) -> Result<Option<Publication>, EngineError> {
        self.with("looking for a publication", async |connection| {
            let one = sqlx::query("SELECT run, json FROM publications WHERE run = $1").bind(run.0);
            one.fetch_optional(connection).await?.as_ref().map(publication).transpose()
        })
    }

    /// What the current records are made of, in the order in which it came.
    ///
    /// # Errors
    /// [`EngineError::Register`], [`EngineError::RegisterBroken`].
    pub fn contributions(&self) -> Result<Vec<Contribution>, EngineError> {
        let rows = self.with("reading contributions", async |connection| {
            let current =
                "SELECT contribution, run, source, provider, period FROM current_contributions ORDER BY contribution";
            sqlx::query(current).fetch_all(connection).await
        })?;
        rows.iter().map(contribution).collect()
    }
}

async fn insert_contribution(
    connection: &mut AnyConnection,
    run: RunId,
    contribution: &NewContribution,
) -> Result<i64, sqlx::Error> {
    let insert =
        "INSERT INTO contributions (run, source, provider, period) VALUES ($1, $2, $3, $4) RETURNING contribution";
    let id: i64 = sqlx::query_scalar(insert)
        .bind(run.0)
        .bind(contribution.source.as_str().to_owned())
        .bind(contribution.provider.clone().unwrap_or_default())
        .bind(contribution.period.to_string())
        .fetch_one(&mut *connection)
        .await?;
    for replaced in &contribution.replaces {
        sqlx::query("INSERT INTO replacements (replaced, contribution) VALUES ($1, $2)")
            .bind(replaced.0)
            .bind(id)
            .execute(&mut *connection)
            .await?;
    }
    Ok(id)
}

fn publication(row: &AnyRow) -> Result<Publication, sqlx::Error> {
    Ok(Publication { run: RunId(row.try_get(0)?), json: row.try_get(1)? })
}

fn contribution(row: &AnyRow) -> Result<Contribution, EngineError> {
    let broken = || EngineError::RegisterBroken { what: "a contribution's source or period cannot be read" };
    let (source, period): (&str, &str) = (get(row, "source")?, get(row, "period")?);
    let provider: String = get(row, "provider")?;
    Ok(Contribution {
        id: ContributionId(get(row, "contribution")?),
        run: RunId(get(row, "run")?),
        source: SourceName::parse(source).map_err(|_| broken())?,
        provider: Some(provider).filter(|provider| !provider.is_empty()),
        period: period.parse().map_err(|_| broken())?,
    })
}

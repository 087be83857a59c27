//! In what circumstances a wish was said: by whom, through which door, noted by whom, and how the person wants to hear from us.
//!
//! Words of the command line or a file in, closed lists and what was said beside them out. Invariant: what a sender wrote in
//! words of their own is kept as it was, beside the closed word that we read from it.

use super::{Place, get};
use crate::error::{EngineError, Remark};
use caredata_model::{AgeBand, Door, Format, Language, Mandate, NotAWord, Speaker};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};
use std::collections::BTreeSet;

/// How the person wants to read or hear what we tell them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Needs {
    /// The language; `None` where not stated.
    pub language: Option<Language>,
    /// The forms.
    pub formats: BTreeSet<Format>,
}

impl Needs {
    /// Whether nothing was stated.
    pub fn is_empty(&self) -> bool {
        self.language.is_none() && self.formats.is_empty()
    }

    /// The forms as files and the register have them: joined by `;`.
    pub fn formats_text(&self) -> String {
        self.formats.iter().map(|format| format.word()).collect::<Vec<_>>().join(";")
    }

    /// Reads a language's tag and forms joined by `;`; empty texts state nothing.
    ///
    /// # Errors
    /// [`NotAWord`] where either is none.
    pub fn parse(language: &str, formats: &str) -> Result<Self, NotAWord> {
        let language = if language.is_empty() { None } else { Some(Language::parse(language)?) };
        let formats = formats.split(';').map(str::trim).filter(|format| !format.is_empty());
        Ok(Self { language, formats: formats.map(Format::parse).collect::<Result<_, _>>()? })
    }
}

/// The circumstances of a wish that is to be noted.
#[derive(Clone, Debug)]
pub struct Saying {
    /// Who speaks.
    pub by: Speaker,
    /// The reference of the power or order under which an attorney or deputy acts.
    pub reference: Option<Remark>,
    /// How old the person is; asked for a rule, and not kept.
    pub age: AgeBand,
    /// The door through which the wish came.
    pub through: Door,
    /// The door in words of one's own, where the list has none for it.
    pub channel: Option<Remark>,
    /// Who notes it.
    pub recorded_by: Option<Remark>,
    /// How the person wants to hear from us.
    pub needs: Needs,
}

impl Saying {
    /// The person's own word, through a door, noted by somebody.
    pub fn by_person(through: Door, recorded_by: Remark) -> Self {
        Self {
            by: Speaker::Person,
            reference: None,
            age: AgeBand::NotStated,
            through,
            channel: None,
            recorded_by: Some(recorded_by),
            needs: Needs::default(),
        }
    }

    pub(super) const fn mandate(&self) -> Mandate {
        if self.reference.is_some() { Mandate::Referenced } else { Mandate::None }
    }

    pub(super) fn kept(&self) -> Kept {
        let text = |remark: &Option<Remark>| remark.as_ref().map(Remark::as_str).unwrap_or_default().to_owned();
        let channel = if self.channel.is_none() && self.through != Door::NotStated {
            self.through.word().to_owned()
        } else {
            text(&self.channel)
        };
        Kept {
            by: self.by,
            through: self.through,
            channel,
            recorded_by: text(&self.recorded_by),
            reference: text(&self.reference),
            needs: self.needs.clone(),
        }
    }
}

/// The circumstances as the register keeps them, once for all wishes of a load that share them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kept {
    pub(super) by: Speaker,
    pub(super) through: Door,
    pub(super) channel: String,
    pub(super) recorded_by: String,
    pub(super) reference: String,
    pub(super) needs: Needs,
}

impl Kept {
    /// Reads a row of the view `wishes`.
    pub(super) fn read(row: &AnyRow) -> Result<Self, EngineError> {
        let broken = |_: NotAWord| EngineError::RegisterBroken { what: "a word is in none of its closed lists" };
        let channel: String = get(row, "channel")?;
        let through = Door::parse(get(row, "through")?).map_err(broken)?;
        Ok(Self {
            by: Speaker::parse(get(row, "by_whom")?).map_err(broken)?,
            through: if through == Door::NotStated { door_of(&channel) } else { through },
            channel,
            recorded_by: get(row, "recorded_by")?,
            reference: get(row, "reference")?,
            needs: Needs::parse(get(row, "language")?, get(row, "formats")?).map_err(broken)?,
        })
    }
}

/// The door that somebody's own words mean.
pub(super) fn door_of(words: &str) -> Door {
    Door::parse(words).unwrap_or(Door::Other)
}

/// Writes circumstances, and gives the number of the first; the others follow on.
pub(super) async fn insert_sayings(
    connection: &mut AnyConnection,
    place: &Place,
    kept: &[Kept],
    noted_at: &str,
) -> Result<i64, sqlx::Error> {
    let last: i64 =
        sqlx::query_scalar("SELECT coalesce(max(saying), 0) FROM sayings").fetch_one(&mut *connection).await?;
    let mut next = last + 1;
    for some in kept.chunks(500) {
        let insert = format!(
            "INSERT INTO sayings (saying, noted_at, by_whom, through, channel, recorded_by, reference, language, formats) \
             VALUES {}",
            place.rows(some.len(), 9)
        );
        // Made of placeholders alone.
        let mut insert = sqlx::query(AssertSqlSafe(insert));
        for kept in some {
            insert = insert
                .bind(next)
                .bind(noted_at)
                .bind(kept.by.word())
                .bind(kept.through.word())
                .bind(&*kept.channel)
                .bind(&*kept.recorded_by)
                .bind(&*kept.reference)
                .bind(kept.needs.language.as_ref().map(Language::as_str).unwrap_or_default())
                .bind(kept.needs.formats_text());
            next += 1;
        }
        insert.execute(&mut *connection).await?;
    }
    Ok(last + 1)
}

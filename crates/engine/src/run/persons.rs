//! The table of persons, put together anew by each run: what this run's rows state, and what earlier ones did of everybody
//! else.
//!
//! Invariant: whoever has a row in another table has one here, and nobody whose answer is no; a row that rested on a GP
//! record that has stopped is not kept, but made of what other permitted records say.

use super::Month;
use super::past::{PERSONS, Rules};
use crate::error::EngineError;
use crate::records::{DataFile, PublishedAgain, RowRule, TableWriter, read};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use caredata_admit::{Reason, Setting, SourceAnswers, Tie};
use caredata_deidentify::{LinkedRecord, PersonsBuilder};
use caredata_extract::Table;
use caredata_link::{Kind, Observation};
use caredata_model::{Passage, PersonId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

impl Month<'_> {
    /// Writes the table; `None` where nothing was stated and every row stays as it is.
    pub(super) fn write_persons(
        &self,
        stated: PersonsBuilder,
        rules: &Rules<'_>,
    ) -> Result<Option<Vec<DataFile>>, EngineError> {
        let earlier: Vec<&DataFile> = self.present.files.iter().filter(|file| file.table == PERSONS).collect();
        let record = stated.finish()?;
        let permitted = Permitted::by(rules)?;
        let mut choice = Choice::between(self, &record, &earlier, rules, &permitted)?;
        let rule = RowRule {
            answers: Arc::clone(&permitted.by_person),
            renamed: rules.renamed.clone(),
            persons: std::mem::take(&mut choice.old_gone),
            ..RowRule::default()
        };
        if record.batch().num_rows() == 0 && self.all_stay(&earlier, &rule, rules, &permitted)? {
            return Ok(None);
        }
        let writer = self.writer_of_past(Table::Persons, PERSONS, &self.input.period.to_string(), "new")?;
        if !earlier.is_empty() {
            self.keep_earlier(&earlier, &rule, &writer, &mut choice.present)?;
        }
        writer.write(&self.known_from_elsewhere(&choice.present, rules, &permitted).finish()?)?;
        writer.write_again(&PublishedAgain::without(&record, &choice.new_gone)?)?;
        writer.finish().map(Some)
    }

    /// Whether the earlier rows are the table as it must be: none goes or changes, and nobody lacks one.
    fn all_stay(
        &self,
        earlier: &[&DataFile],
        rule: &RowRule<'_>,
        rules: &Rules<'_>,
        permitted: &Permitted,
    ) -> Result<bool, EngineError> {
        let mut present = HashSet::new();
        for file in earlier {
            for batch in read(&self.home.records(), Table::Persons, file, None)? {
                let batch = batch.map_err(EngineError::arrow("reading records"))?;
                let each_once = rows(&batch)?.all(|(person, _)| present.insert(person));
                if !each_once || rule.touches(Table::Persons, &batch)? {
                    return Ok(false);
                }
            }
        }
        Ok(self.known_from_elsewhere(&present, rules, permitted).is_empty())
    }

    /// Writes the rows of earlier runs that stay, one a person, and notes whose they are.
    fn keep_earlier(
        &self,
        earlier: &[&DataFile],
        rule: &RowRule<'_>,
        writer: &TableWriter,
        present: &mut HashSet<i64>,
    ) -> Result<(), EngineError> {
        for file in earlier {
            for batch in read(&self.home.records(), Table::Persons, file, None)? {
                let batch = batch.map_err(EngineError::arrow("reading records"))?;
                let (published, _, _) = rule.part(Table::Persons, &batch)?;
                writer.write_again(&published.first_of_each(present)?)?;
            }
        }
        Ok(())
    }

    /// Persons whose rows are published and of whom neither this run's rows nor earlier ones tell: what permitted records
    /// stated of them is in the index.
    fn known_from_elsewhere(&self, present: &HashSet<i64>, rules: &Rules<'_>, permitted: &Permitted) -> PersonsBuilder {
        let mut stated = PersonsBuilder::new(&self.deidentifier);
        let lacking: HashMap<PersonId, i64> = rules
            .everybody
            .iter()
            .filter(|(_, pseudonym, _)| !present.contains(pseudonym) && permitted.at_all(*pseudonym))
            .map(|&(person, pseudonym, _)| (person, pseudonym))
            .collect();
        for one in rules.linking.index.observations() {
            let person = rules.linking.index.resolve(one.person);
            if lacking.get(&person).is_some_and(|&pseudonym| permitted.row(pseudonym, one.key.value())) {
                stated.add_held(person, one.key, one.identifiers, one.day);
            }
        }
        stated
    }
}

/// What may be told of persons: by whom, and by which of their records.
struct Permitted {
    /// The register's answer on what hospitals and other places say, by pseudonym.
    by_person: Arc<HashMap<i64, Option<Reason>>>,
    /// Records that tell nothing, though their person's other records may, each with its person's pseudonym: a practice may have
    /// given the same key to somebody else.
    withheld: HashSet<(i64, i64)>,
    /// Registrations that their practices' own word keeps from use.
    bound: Arc<HashSet<i64>>,
}

impl Permitted {
    fn by(rules: &Rules<'_>) -> Result<Self, EngineError> {
        let Rules { linking, answers, .. } = rules;
        let by_person = Arc::new(rules.answers_in(Setting::Elsewhere, PERSONS)?);
        let in_part: HashMap<PersonId, (i64, Tie)> = rules
            .everybody
            .iter()
            .filter(|(person, ..)| answers.objects_to_some(*person))
            .map(|&(person, pseudonym, tie)| (person, (pseudonym, tie)))
            .collect();
        let of_source = |source| {
            [Setting::GeneralPractice, Setting::Elsewhere]
                .map(|at| answers.of_source(Passage::StoredRecord, at, source))
        };
        let of_contribution: HashMap<u32, [SourceAnswers<'_>; 2]> =
            linking.source_of.iter().map(|(&number, source)| (number, of_source(source))).collect();
        let withheld = |one: &Observation| {
            let person = linking.index.resolve(one.person);
            let (&(pseudonym, tie), [gp, elsewhere]) =
                in_part.get(&person).zip(of_contribution.get(&one.contribution))?;
            let answer = match one.kind {
                Kind::Registration => gp,
                Kind::Event => elsewhere,
            };
            answer.withhold(person, tie).map(|_| (pseudonym, one.key.value()))
        };
        let withheld = linking.index.observations().iter().filter_map(withheld).collect();
        Ok(Self { by_person, withheld, bound: Arc::clone(&rules.bound) })
    }

    /// Whether anything may be told of a person.
    fn at_all(&self, person: i64) -> bool {
        self.by_person.get(&person) == Some(&None)
    }

    /// Whether a row of the table that rests on this record may stay.
    fn row(&self, person: i64, record: i64) -> bool {
        self.at_all(person) && !self.withheld.contains(&(person, record)) && !self.bound.contains(&record)
    }
}

/// Whose row of which run stands.
#[derive(Default)]
struct Choice {
    /// Persons whose row is written: at first those of whom this run's row stands.
    present: HashSet<i64>,
    /// Persons whose earlier row goes, since this run's says more or replaced it.
    old_gone: HashSet<i64>,
    /// Persons whose new row goes, since the earlier one says more.
    new_gone: HashSet<i64>,
}

impl Choice {
    fn between(
        month: &Month<'_>,
        record: &LinkedRecord,
        earlier: &[&DataFile],
        rules: &Rules<'_>,
        permitted: &Permitted,
    ) -> Result<Self, EngineError> {
        let mut choice = Self::default();
        let fresh = registered(record)?;
        let period = month.input.period.to_string();
        for file in earlier {
            let needed = ["person", "record_key", "period", "practice"];
            for batch in read(&month.home.records(), Table::Persons, file, Some(&needed))? {
                let batch = batch.map_err(EngineError::arrow("reading records"))?;
                for (person, held) in rows(&batch)? {
                    let person = rules.renamed.get(&person).copied().unwrap_or(person);
                    // A row that an objection of today takes away weighs nothing.
                    if !permitted.row(person, held.record) {
                        choice.old_gone.insert(person);
                        continue;
                    }
                    choice.weigh(person, held, fresh.get(&person).copied(), &period, &rules.practices);
                }
            }
        }
        // Of two earlier rows of a merged person one may say more than this run's row and one less: then this run's stands.
        choice.new_gone = choice.new_gone.difference(&choice.old_gone).copied().collect();
        choice.present = fresh.into_keys().filter(|person| !choice.new_gone.contains(person)).collect();
        Ok(choice)
    }

    /// Weighs an earlier row against this run's, of which `fresh` says whether it has a practice.
    ///
    /// An earlier row says more where it is of a later period, or rests on a registration that this run neither brought nor
    /// replaced. Where a practice sent its period again without somebody, the earlier row goes.
    fn weigh(
        &mut self,
        person: i64,
        held: Earlier<'_>,
        fresh: Option<bool>,
        period: &str,
        practices: &HashSet<String>,
    ) {
        let sent_again = held.practice.is_some_and(|practice| practices.contains(practice));
        match fresh {
            None if held.period == period && sent_again => {
                self.old_gone.insert(person);
            }
            None => {}
            Some(has_practice) => {
                let is_later = last_month(held.period) > last_month(period);
                let has_more = held.practice.is_some() && !sent_again && !has_practice;
                let gone = if is_later || has_more { &mut self.new_gone } else { &mut self.old_gone };
                gone.insert(person);
            }
        }
    }
}

/// What an earlier row of a person rests on.
#[derive(Clone, Copy)]
struct Earlier<'a> {
    record: i64,
    period: &'a str,
    practice: Option<&'a str>,
}

fn last_month(period: &str) -> &str {
    period.rsplit("..").next().unwrap_or(period)
}

/// The persons of fresh rows, and whether each has a practice.
fn registered(record: &LinkedRecord) -> Result<HashMap<i64, bool>, EngineError> {
    Ok(rows(record.batch())?.map(|(person, row)| (person, row.practice.is_some())).collect())
}

fn rows(batch: &RecordBatch) -> Result<impl Iterator<Item = (i64, Earlier<'_>)>, EngineError> {
    let ids = |name| {
        let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
        column.ok_or(EngineError::Column { name })
    };
    let text = |name| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
    let (persons, records) = (ids("person")?, ids("record_key")?);
    let periods = text("period").ok_or(EngineError::Column { name: "period" })?;
    let practices = text("practice").ok_or(EngineError::Column { name: "practice" })?;
    let rests_on = records
        .values()
        .iter()
        .zip(periods.iter().zip(practices))
        .map(|(&record, (period, practice))| Earlier { record, period: period.unwrap_or_default(), practice });
    Ok(persons.values().iter().copied().zip(rests_on))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighed(held: Earlier<'_>, fresh: Option<bool>) -> (bool, bool) {
        let mut choice = Choice::default();
        let sent = HashSet::from(["P1".to_owned()]);
        choice.weigh(1, held, fresh, "2014-05", &sent);
        (choice.old_gone.contains(&1), choice.new_gone.contains(&1))
    }

    #[test]
    fn which_row_of_a_person_stands() {
        let (old_goes, new_goes, both_stay) = ((true, false), (false, true), (false, false));
        let held = |period, practice| Earlier { record: 0, period, practice };
        assert_eq!(weighed(held("2014-04", Some("P1")), Some(true)), old_goes, "the same practice a month later");
        assert_eq!(
            weighed(held("2014-04", Some("P2")), Some(false)),
            new_goes,
            "now only a hospital tells of the person"
        );
        assert_eq!(
            weighed(held("2014-04", Some("P1")), Some(false)),
            old_goes,
            "the practice no longer sends the person"
        );
        assert_eq!(weighed(held("2014-06", Some("P1")), Some(true)), new_goes, "a backfill under a later month");
        assert_eq!(weighed(held("2012-04..2014-03", None), Some(true)), old_goes, "a month on top of a backfill");
        assert_eq!(weighed(held("2014-04", Some("P1")), None), both_stay, "nothing new is said");
        assert_eq!(weighed(held("2014-05", Some("P1")), None), old_goes, "the same month again, without the person");
    }
}

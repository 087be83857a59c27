//! A few lives as the linked record tells them, of invented people only.

use super::Month;
use crate::error::EngineError;
use crate::records::RawView;
use crate::report::{Timeline, TimelineEvent};
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use caredata_model::Day;

/// How many lives are shown.
const LIVES: usize = 4;
/// Persons with several admissions and a GP record, chosen by pseudonym, which is as good as by lot.
const WHO: &str = "SELECT a.person, p.sex, p.birth_year FROM admissions a JOIN persons p ON p.person = a.person \
    WHERE p.practice IS NOT NULL AND p.birth_year IS NOT NULL GROUP BY a.person, p.sex, p.birth_year \
    HAVING count(*) BETWEEN 2 AND 5 ORDER BY a.person LIMIT 4";

impl Month<'_> {
    /// The timelines of a synthetic population, from the records as they were just published.
    pub(super) fn timelines(&self) -> Result<Vec<Timeline>, EngineError> {
        let present = super::present(self.register)?;
        let view = RawView::new(&self.home.records(), &present.files)?;
        let runtime = crate::records::runtime()?;
        let mut timelines = Vec::new();
        for batch in runtime.block_on(view.query(WHO))? {
            let persons = batch.column(0).as_primitive::<Int64Type>();
            let years = batch.column(2).as_primitive::<Int32Type>();
            for row in 0..batch.num_rows().min(LIVES) {
                let sex = batch.column(1).as_string_opt::<i32>().map_or("", |sex| sex.value(row));
                let age = self.input.period.last_day().year() - years.value(row);
                let events = runtime.block_on(view.query(&events_of(persons.value(row))))?;
                timelines.push(timeline(sex, age, &events));
            }
        }
        Ok(timelines)
    }
}

fn events_of(person: i64) -> String {
    let part = |table: &str, label: &str| {
        format!("SELECT '{table}' AS place, event_day, {label} AS label FROM {table} WHERE person = {person}")
    };
    let parts = [
        part("journals", "code"),
        part("admissions", "diagnosis_01"),
        part("emergency", "'attendance'"),
        part("outpatients", "'clinic'"),
        part("other", "code_01"),
    ];
    format!(
        "SELECT place, event_day, label FROM ({}) WHERE event_day IS NOT NULL ORDER BY event_day, place, label",
        parts.join(" UNION ALL ")
    )
}

fn timeline(sex: &str, age: i32, batches: &[RecordBatch]) -> Timeline {
    let who = match sex {
        "1" => format!("A man of {age}"),
        "2" => format!("A woman of {age}"),
        _ => format!("A person of {age}"),
    };
    let mut events = Vec::new();
    let mut first = None;
    for batch in batches {
        let days = batch.column(1).as_primitive::<Date32Type>();
        for row in 0..batch.num_rows() {
            let Ok(day) = Day::from_days_since_1970(days.value(row)) else { continue };
            let (year, month, _) = day.civil();
            let months = year * 12 + month.cast_signed();
            let text = |column: usize| match batch.column(column).as_string_opt::<i32>() {
                Some(texts) if texts.is_valid(row) => texts.value(row).to_owned(),
                Some(_) | None => String::new(),
            };
            events.push(TimelineEvent {
                month: (months - *first.get_or_insert(months)).max(0).cast_unsigned(),
                table: text(0),
                label: text(2),
            });
        }
    }
    Timeline { who, note: "GP and hospital records under one pseudonym".to_owned(), events }
}

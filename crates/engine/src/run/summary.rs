//! From what a run did to what its report says: counts only.

use super::admission::{Account, SourceAdmitted};
use crate::report::{
    Counted, DataQuality, Dimension, FieldName, GroupRate, Links, MatchRankCount, SourceCounts, StatusCount, WeightBin,
    WeightHistogram,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int32Type, Int64Type};
use arrow_array::{Array, Date32Array, Int32Array, RecordBatch, StringArray};
use caredata_admit::{AtGate, Tie};
use caredata_deidentify::TextForm;
use caredata_extract::Quality;
use caredata_link::{Diagnostics, Link, Status, WEIGHT_BINS, WEIGHT_BITS_MIN};
use caredata_model::{Day, Postcode};
use std::collections::{BTreeMap, HashMap};

/// Where the rows of one source went.
pub fn source_counts(name: &str, table: &str, account: &Account) -> SourceCounts {
    let mut withheld: BTreeMap<&str, u64> = BTreeMap::new();
    let mut by_person: BTreeMap<&str, u64> = BTreeMap::new();
    for (gate, reason, _, rows) in account.tally.withheld_by() {
        let counts = match gate {
            AtGate::ByRecord => &mut withheld,
            AtGate::ByPerson => &mut by_person,
        };
        *counts.entry(reason.words()).or_default() += rows;
    }
    let withheld_by_person = counted(by_person);
    let later: u64 = withheld_by_person.iter().map(|counted| counted.rows).sum();
    SourceCounts {
        source: name.to_owned(),
        table: table.to_owned(),
        rows_in: account.rows_in,
        admitted: account.tally.admitted() + later,
        withheld: counted(withheld),
        quarantined: quarantined(account),
        withheld_by_person,
        ignored_columns: account.ignored_columns.iter().map(|name| column(name).to_owned()).collect(),
    }
}

fn counted(counts: BTreeMap<&str, u64>) -> Vec<Counted> {
    counts.into_iter().map(|(what, rows)| Counted { what: what.to_owned(), rows }).collect()
}

fn quarantined(account: &Account) -> Vec<Counted> {
    let duplicates = account.duplicates.len() as u64;
    let refused = account.tally.quarantined() - duplicates;
    [("the row could not be read; see the quarantine list", refused), ("the record's key stands twice", duplicates)]
        .into_iter()
        .filter(|&(_, rows)| rows > 0)
        .map(|(what, rows)| Counted { what: what.to_owned(), rows })
        .collect()
}

/// What stands in a report for a text of a file that is not of its closed form, for it may be anything.
const OTHER: &str = "other";

/// The code of an organisation as a report may name it.
pub fn organisation(code: &str) -> &str {
    if TextForm::Organisation.takes(code) { code } else { OTHER }
}

/// The name of a column that nobody declared, as a report may give it: a word, and neither a long number nor a postcode.
fn column(name: &str) -> &str {
    let is_word = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let fits = is_word && name.len() <= 40 && digits <= 4 && Postcode::parse(name).is_err();
    if fits { name } else { OTHER }
}

/// How sound the identifiers of a source are, by provider.
pub fn quality(name: &str, quality: &Quality) -> Vec<DataQuality> {
    let mut lines = Vec::new();
    let mut closed = Quality::default();
    for (provider, &counts) in &quality.by_provider {
        closed.merge(Quality { by_provider: BTreeMap::from([(organisation(provider).into(), counts)]) });
    }
    for (provider, counts) in &closed.by_provider {
        for (place, field) in FieldName::ALL.into_iter().enumerate() {
            lines.push(DataQuality {
                source: name.to_owned(),
                provider: provider.to_string(),
                field,
                rows: counts.rows,
                missing: counts.missing[place],
                defective: counts.defective[place],
            });
        }
    }
    lines
}

/// Links of one source, in the order of its identified rows.
pub struct SourceLinks<'a> {
    /// The source's rows after the first gate.
    pub admitted: &'a SourceAdmitted,
    /// A link for each of its identified rows.
    pub links: &'a [Link],
}

/// How records came to their persons.
pub fn links(sources: &[SourceLinks<'_>]) -> Links {
    let mut found = Links::default();
    let mut ranks = BTreeMap::new();
    let mut groups: BTreeMap<(Dimension, String), Rate> = BTreeMap::new();
    for source in sources {
        let mut statuses = StatusCount { source: source.admitted.source.name.to_string(), ..StatusCount::default() };
        for link in source.links {
            match link.status {
                Status::Linked => statuses.linked += 1,
                Status::New => statuses.new += 1,
                Status::Review => statuses.review += 1,
            }
            match (link.status, link.match_rank) {
                (Status::Linked, Some(rank)) => *ranks.entry(rank).or_insert(0) += 1,
                (Status::Linked, None) => found.without_rank += 1,
                (Status::New | Status::Review, _) => {}
            }
        }
        found.by_status.push(statuses);
        group(source, &mut groups);
    }
    found.by_rank = ranks.into_iter().map(|(rank, records)| MatchRankCount { rank, records }).collect();
    found.by_group = groups
        .into_iter()
        .map(|((dimension, group), rate)| GroupRate { dimension, group, records: rate.records, linked: rate.linked })
        .collect();
    found
}

/// Records of a group, and how many of them are linked.
#[derive(Clone, Copy, Default)]
struct Rate {
    records: u64,
    linked: u64,
}

/// Counts records and links by what the payload says of the patient. Payload stands in the order of the identified rows, of
/// which it lacks those withheld, so the two are walked side by side.
fn group(source: &SourceLinks<'_>, groups: &mut BTreeMap<(Dimension, String), Rate>) {
    let mut links = source.admitted.identified.iter().map(|one| one.key.value()).zip(source.links);
    for batch in &source.admitted.payload {
        let batch = batch.batch();
        let Some(keys) = batch.column_by_name("record_key").and_then(|keys| keys.as_primitive_opt::<Int64Type>())
        else {
            continue;
        };
        let columns = Groups::of(batch);
        let mut counts: HashMap<(Dimension, &str), Rate> = HashMap::new();
        for (row, key) in keys.values().iter().enumerate() {
            let Some((_, link)) = links.find(|(identified, _)| identified == key) else { break };
            for group in columns.of_row(row) {
                let rate = counts.entry(group).or_default();
                rate.records += 1;
                rate.linked += u64::from(link.status == Status::Linked);
            }
        }
        for ((dimension, group), rate) in counts {
            let all = groups.entry((dimension, group.to_owned())).or_default();
            all.records += rate.records;
            all.linked += rate.linked;
        }
    }
}

/// A value as it is published: payload that waits for de-identification is still the file's own text.
fn closed(form: TextForm, text: &str) -> &str {
    if form.takes(text) { text } else { OTHER }
}

/// The columns by which rows are grouped, as far as a source has them.
struct Groups<'a> {
    sex: Option<&'a StringArray>,
    ethnic: Option<&'a StringArray>,
    decile: Option<&'a StringArray>,
    days: Option<&'a Date32Array>,
    years: Option<&'a Int32Array>,
}

impl<'a> Groups<'a> {
    fn of(batch: &'a RecordBatch) -> Self {
        let text = |name| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        Self {
            sex: text("sex"),
            ethnic: text("ethnic_category"),
            decile: text("imd_decile"),
            days: batch.column_by_name("event_day").and_then(|column| column.as_primitive_opt::<Date32Type>()),
            years: batch.column_by_name("birth_year").and_then(|column| column.as_primitive_opt::<Int32Type>()),
        }
    }

    fn of_row(&self, row: usize) -> impl Iterator<Item = (Dimension, &'a str)> {
        let text = |column: Option<&'a StringArray>| {
            column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
        };
        let sex = text(self.sex).map(|code| match code {
            "1" => "male",
            "2" => "female",
            "9" => "indeterminate",
            _ => "not known",
        });
        [
            (Dimension::Sex, sex),
            (Dimension::Age, self.age(row)),
            (Dimension::Ethnicity, text(self.ethnic).map(|code| closed(TextForm::Ethnic, code))),
            (Dimension::Deprivation, text(self.decile).map(|code| closed(TextForm::Decile, code))),
        ]
        .into_iter()
        .filter_map(|(dimension, group)| Some((dimension, group?)))
    }

    fn age(&self, row: usize) -> Option<&'static str> {
        let (days, years) = (self.days?, self.years?);
        if days.is_null(row) || years.is_null(row) {
            return None;
        }
        let day = Day::from_days_since_1970(days.value(row)).ok()?;
        Some(match day.year() - years.value(row) {
            ..1 => "under 1",
            1..18 => "1 to 17",
            18..45 => "18 to 44",
            45..65 => "45 to 64",
            65..85 => "65 to 84",
            85.. => "85 and over",
        })
    }
}

/// The evidence for each event's best registered candidate, with the thresholds.
///
/// An event may be linked to people known from hospitals alone, whatever speaks for the best registered one; it is then not
/// linked as far as this picture goes.
pub fn weights(links: impl Iterator<Item = (Link, Tie)>, diagnostics: &Diagnostics) -> Option<WeightHistogram> {
    let link_from_bits = diagnostics.threshold_accept_bits?;
    let mut bins = vec![WeightBin::default(); WEIGHT_BINS];
    for (link, tie) in links {
        let Some(weight) = link.weight_bits else { continue };
        let place = (weight.floor() as i32 - WEIGHT_BITS_MIN).clamp(0, WEIGHT_BINS as i32 - 1);
        let bin = &mut bins[place as usize];
        match (link.status, tie) {
            (Status::Linked, Tie::Somebody) => bin.linked += 1,
            (Status::Linked, Tie::Nobody) | (Status::New | Status::Review, _) => bin.not_linked += 1,
        }
    }
    let is_used = |bin: &WeightBin| bin.linked + bin.not_linked > 0;
    let first = bins.iter().position(is_used).unwrap_or(0);
    let last = bins.iter().rposition(is_used).unwrap_or(0);
    Some(WeightHistogram {
        first_bits: (WEIGHT_BITS_MIN + first as i32) as f32,
        bin_bits: 1.0,
        bins: bins[first..=last].to_vec(),
        review_from_bits: diagnostics.threshold_review_bits.unwrap_or(link_from_bits),
        link_from_bits,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_no_closed_form_is_other() {
        for (name, shown) in
            [("Consultant_Code", true), ("DIAG_21", true), ("9434765919", false), ("LS14AP", false), ("J Smith", false)]
        {
            assert_eq!(column(name) == name, shown, "{name}");
        }
        assert_eq!(
            (organisation("A81001"), organisation("9434765919"), organisation("LS14AP")),
            ("A81001", OTHER, OTHER)
        );
        assert_eq!((closed(TextForm::Ethnic, "A"), closed(TextForm::Ethnic, "John Smith")), ("A", OTHER));
    }
}

//! Whose record is whose, as a folder of a synthetic population says, or one that people have checked by hand.
//!
//! `gp.csv` and a file for each hospital source -> a true person for each record. Invariant: nothing of this reaches a link,
//! and of the persons in it only counts reach a report.

use crate::error::EngineError;
use caredata_link::{Record, UnkeyedKeys};
use caredata_model::RecordKey;
use std::collections::HashMap;
use std::path::Path;

/// More groups than this are no groups: they might be names.
const GROUPS_MAX: usize = 100;

/// The true person of each record; none where the truth does not name it.
#[derive(Debug, Default)]
pub(super) struct Truth {
    pub(super) registrations: Vec<Option<u64>>,
    pub(super) events: Vec<Option<u64>>,
    /// The group of each event, by its place in `groups`.
    pub(super) group_of_event: Vec<u16>,
    /// Groups in words.
    pub(super) groups: Vec<String>,
}

impl Truth {
    /// Reads the truth about records; `sources` are each source's name and number of records, registrations first.
    pub(super) fn read<Q>(
        folder: &Path,
        registrations: &[Record],
        events: &[Record],
        sources: &[(String, usize, Q)],
    ) -> Result<Self, EngineError> {
        let mut truth = Self { groups: vec!["not known".to_owned()], ..Self::default() };
        let mut people = HashMap::with_capacity(registrations.len());
        let keys = UnkeyedKeys::new("gp-patients");
        each_row(&folder.join("gp.csv"), ["practice_code", "patient_id", "person"], |[practice, patient, person]| {
            people.insert(keys.key(&format!("{practice}/{patient}")), number(person)?);
            Ok(())
        })?;
        truth.registrations = registrations.iter().map(|record| people.get(&record.key).copied()).collect();
        let mut rest = events;
        for (name, records, _) in &sources[1..] {
            let (own, others) = rest.split_at(*records);
            rest = others;
            truth.read_events(folder, name, own)?;
        }
        truth.sort_groups();
        Ok(truth)
    }

    /// Puts the groups in the order of their names, whatever that of the files.
    fn sort_groups(&mut self) {
        let mut sorted = self.groups.clone();
        sorted.sort_unstable();
        let place = |group: &String| sorted.iter().position(|other| other == group).unwrap_or(0) as u16;
        let places: Vec<u16> = self.groups.iter().map(place).collect();
        for group in &mut self.group_of_event {
            *group = places[usize::from(*group)];
        }
        self.groups = sorted;
    }

    /// Reads the truth about one source. Only that about admitted patient care must be there.
    fn read_events(&mut self, folder: &Path, source: &str, records: &[Record]) -> Result<(), EngineError> {
        let (file, key) = match source {
            "apc" => ("hospital.csv", "EPIKEY"),
            "op" => ("op.csv", "ATTENDKEY"),
            _ => ("ae.csv", "AEKEY"),
        };
        let path = folder.join(file);
        let mut people: HashMap<RecordKey, (u64, u16)> = HashMap::with_capacity(records.len());
        if source == "apc" || path.exists() {
            let keys = UnkeyedKeys::new(source);
            let mut places: HashMap<String, u16> = HashMap::new();
            each_row(&path, [key, "person", "group"], |[key, person, group]| {
                let place = if let Some(&place) = places.get(group) {
                    place
                } else {
                    let place = self.place(group)?;
                    places.insert(group.to_owned(), place);
                    place
                };
                people.insert(keys.key(key), (number(person)?, place));
                Ok(())
            })?;
        }
        for record in records {
            let found = people.get(&record.key);
            self.events.push(found.map(|&(person, _)| person));
            self.group_of_event.push(found.map_or(0, |&(_, group)| group));
        }
        Ok(())
    }

    /// The place of a group, by its name in words.
    fn place(&mut self, group: &str) -> Result<u16, &'static str> {
        let words = words(group);
        if let Some(place) = self.groups.iter().position(|known| *known == words) {
            return Ok(place as u16);
        }
        if self.groups.len() > GROUPS_MAX || words.len() > 40 {
            return Err("the column `group` holds too many or too long names to be groups");
        }
        self.groups.push(words);
        Ok(self.groups.len() as u16 - 1)
    }
}

/// A group's name as people write it: `white-british` as `White British`.
fn words(group: &str) -> String {
    if group.is_empty() {
        return "not known".to_owned();
    }
    let text = group.replace('-', " ").replace("british", "British");
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn number(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "a person is no number")
}

/// Gives the named columns of each row of a file: commas, a header, nothing quoted.
fn each_row<const N: usize>(
    path: &Path,
    columns: [&str; N],
    mut take: impl FnMut([&str; N]) -> Result<(), &'static str>,
) -> Result<(), EngineError> {
    let refused = |line: Option<usize>, what| EngineError::TruthRefused { path: path.to_owned(), line, what };
    let text = std::fs::read_to_string(path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            refused(None, "there is no such file")
        } else {
            EngineError::io("reading the truth", path)(error)
        }
    })?;
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or("").split(',').collect();
    let mut places = [0; N];
    for (place, column) in places.iter_mut().zip(columns) {
        let found = header.iter().position(|name| *name == column);
        *place = found.ok_or_else(|| refused(Some(1), "a column is missing"))?;
    }
    let mut fields: Vec<&str> = Vec::new();
    for (number, line) in (2..).zip(lines) {
        fields.clear();
        fields.extend(line.split(','));
        let mut row = [""; N];
        for (value, &place) in row.iter_mut().zip(&places) {
            *value = fields.get(place).ok_or_else(|| refused(Some(number), "the row is short"))?;
        }
        take(row).map_err(|what| refused(Some(number), what))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_told_in_words() {
        assert_eq!(
            ["white-british", "not-stated", "asian", ""].map(words),
            ["White British", "Not stated", "Asian", "not known"]
        );
    }

    #[test]
    fn groups_are_sorted_and_events_keep_theirs() {
        let groups = ["not known", "Mixed", "Asian"].map(str::to_owned).to_vec();
        let mut truth = Truth { groups, group_of_event: vec![2, 0, 1, 2], ..Truth::default() };
        truth.sort_groups();
        let names: Vec<&str> = truth.group_of_event.iter().map(|&at| truth.groups[usize::from(at)].as_str()).collect();
        assert_eq!(names, ["Asian", "not known", "Mixed", "Asian"]);
        assert_eq!(truth.groups, ["Asian", "Mixed", "not known"]);
    }

    #[test]
    fn a_column_of_names_is_refused() {
        let mut truth = Truth::default();
        let refused = (0..200).map(|number| truth.place(&format!("name {number}"))).filter(Result::is_err).count();
        assert!(refused > 0 && truth.groups.len() <= GROUPS_MAX + 1);
    }

    #[test]
    fn a_fault_is_named_by_file_and_line_and_not_by_value() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("gp.csv");
        std::fs::write(&path, "practice_code,patient_id,person\nA1,canary,7\nA1,canary,x\n").expect("written");
        let read = each_row(&path, ["patient_id", "person"], |[_, person]| number(person).map(|_| ()));
        let message = read.expect_err("x is no number").to_string();
        assert!(message.ends_with("gp.csv line 3: a person is no number") && !message.contains("canary"), "{message}");
        let read = each_row(&path, ["group"], |_| Ok(()));
        assert!(read.expect_err("no such column").to_string().contains("line 1: a column is missing"));
        let read = each_row(&folder.path().join("none.csv"), ["group"], |_| Ok(()));
        assert_eq!(read.expect_err("no such file").code(), "truth-refused");
    }
}

//! The links of a run against the truth of a synthetic population.
//!
//! In: the folder `truth` beside the files, which the run itself never reads, and the links. Out: counts. Invariant: nothing
//! of the truth reaches a link.

use crate::error::EngineError;
use crate::report::{Dimension, Duplicates, ObjectorsInTruth, TruthComparison, TruthGroup};
use caredata_admit::{RecordKeySecret, RecordKeys};
use caredata_link::{Link, Status};
use caredata_model::{NotASourceName, PersonId, RecordKey, SourceName};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

/// Who is who, by record key.
#[derive(Debug, Default)]
pub struct Truth {
    registrations: HashMap<RecordKey, u64>,
    events: HashMap<RecordKey, (u64, u16)>,
    groups: Vec<String>,
    objectors: HashSet<u64>,
}

/// What became of one event, as far as the truth needs to know.
#[derive(Clone, Copy, Debug)]
pub struct EventOutcome {
    /// The record.
    pub key: RecordKey,
    /// Its link.
    pub link: Link,
    /// Whether the row is withheld.
    pub withheld: bool,
}

impl Truth {
    /// Reads the truth of a population, with the keys that the run gave its records.
    ///
    /// # Errors
    /// [`EngineError`] where a file is missing or not as `caredata synth` writes it.
    pub fn read(folder: &Path, secret: &RecordKeySecret) -> Result<Self, EngineError> {
        let keys = |name: &str| SourceName::parse(name).map(|name| RecordKeys::new(secret, &name));
        let (patients, apc) = (keys("gp-patients").map_err(not_a_name)?, keys("apc").map_err(not_a_name)?);
        let mut truth = Self::default();
        let mut places: BTreeMap<String, u16> = BTreeMap::new();
        for [practice, patient, person] in rows(&folder.join("gp.csv"), ["practice_code", "patient_id", "person"])? {
            truth.registrations.insert(patients.key(&format!("{practice}/{patient}")), number(&person)?);
        }
        for [key, person, group] in rows(&folder.join("hospital.csv"), ["EPIKEY", "person", "group"])? {
            let next = places.len() as u16;
            let place = *places.entry(group).or_insert(next);
            truth.events.insert(apc.key(&key), (number(&person)?, place));
        }
        truth.groups = vec![String::new(); places.len()];
        for (group, place) in places {
            truth.groups[usize::from(place)] = group;
        }
        for [person, kind] in rows(&folder.join("objectors.csv"), ["person", "kind"])? {
            if kind == "object-all" {
                truth.objectors.insert(number(&person)?);
            }
        }
        Ok(truth)
    }

    /// The links against the truth.
    ///
    /// Registered is whose registration the run was given: a record that stays at the practice cannot be linked to. Missed: an
    /// event of a registered person that is not linked to that person's registration. False: an event linked to a person of
    /// whom a registration is somebody else's. A link in review links nothing.
    pub fn compare(&self, registrations: &[(RecordKey, PersonId)], events: &[EventOutcome]) -> TruthComparison {
        let mut people: HashMap<PersonId, Vec<u64>> = HashMap::new();
        let mut persons: HashMap<u64, Vec<PersonId>> = HashMap::new();
        for (key, person) in registrations {
            if let Some(&true_person) = self.registrations.get(key) {
                people.entry(*person).or_default().push(true_person);
                persons.entry(true_person).or_default().push(*person);
            }
        }
        let mut found = TruthComparison::default();
        let mut groups = vec![(0, 0); self.groups.len()];
        let mut objectors = ObjectorsInTruth::default();
        for event in events {
            let Some(&(true_person, group)) = self.events.get(&event.key) else { continue };
            let linked = if event.link.status == Status::Review { None } else { people.get(&event.link.person) };
            let hit = linked.is_some_and(|people| people.contains(&true_person));
            let wrong = linked.is_some_and(|people| people.iter().any(|&other| other != true_person));
            found.linked += u64::from(linked.is_some());
            found.false_links += u64::from(wrong);
            if persons.contains_key(&true_person) {
                found.records += 1;
                found.missed += u64::from(!hit);
                groups[usize::from(group)].0 += 1;
                groups[usize::from(group)].1 += u64::from(!hit);
            }
            if self.objectors.contains(&true_person) {
                objectors.rows += 1;
                objectors.withheld += u64::from(event.withheld);
                objectors.untied += u64::from(!event.withheld);
            } else {
                objectors.withheld_of_others += u64::from(event.withheld);
            }
        }
        let twice = persons.values().filter(|persons| persons.len() > 1);
        let mut duplicates = Duplicates::default();
        for persons in twice {
            duplicates.people += 1;
            duplicates.joined += u64::from(persons.iter().all(|&person| person == persons[0]));
        }
        found.duplicates = Some(duplicates);
        found.groups = self
            .groups
            .iter()
            .zip(groups)
            .map(|(group, (records, missed))| TruthGroup {
                dimension: Dimension::Ethnicity,
                group: group.clone(),
                records,
                missed,
            })
            .collect();
        found.groups.sort_by(|one, other| one.group.cmp(&other.group));
        found.objectors = Some(objectors);
        found
    }
}

/// The named columns of a file of the truth: commas, a header, nothing quoted.
fn rows<const N: usize>(path: &Path, columns: [&'static str; N]) -> Result<Vec<[String; N]>, EngineError> {
    let text = std::fs::read_to_string(path).map_err(EngineError::io("reading the truth", path))?;
    let broken = |what: &str| EngineError::HomeBroken { path: path.to_owned(), what: what.to_owned() };
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().ok_or_else(|| broken("no header"))?.split(',').collect();
    let mut places = [0; N];
    for (place, column) in places.iter_mut().zip(columns) {
        *place = header.iter().position(|name| *name == column).ok_or_else(|| broken("a column is missing"))?;
    }
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            let field = |place: usize| fields.get(place).map(|field| (*field).to_owned());
            let mut row = [const { String::new() }; N];
            for (value, place) in row.iter_mut().zip(places) {
                *value = field(place).ok_or_else(|| broken("a row is short"))?;
            }
            Ok(row)
        })
        .collect()
}

fn number(text: &str) -> Result<u64, EngineError> {
    text.parse().map_err(|_| EngineError::HomeBroken { path: "truth".into(), what: "a person is no number".to_owned() })
}

fn not_a_name(_: NotASourceName) -> EngineError {
    EngineError::Interrupted
}

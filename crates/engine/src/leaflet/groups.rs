//! What is collected, in groups that people understand: the columns of the linked record in, groups out.
//!
//! Invariant: every column of every table is in exactly one group, so that nothing is collected of which the leaflet is silent.

use crate::records::TABLES;
use caredata_deidentify::columns;

/// A group of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// About the person.
    About,
    /// Where care was given.
    Where,
    /// When.
    Days,
    /// Death.
    Death,
    /// Entries of the GP record.
    Gp,
    /// The course of a visit or stay.
    Course,
    /// Diagnoses and what was done.
    Findings,
    /// What other places of care send.
    Other,
    /// Marks of our own.
    Marks,
}

impl Group {
    /// The groups in the order in which the leaflet tells of them.
    pub const ALL: [Self; 9] = [
        Self::About,
        Self::Where,
        Self::Days,
        Self::Death,
        Self::Gp,
        Self::Course,
        Self::Findings,
        Self::Other,
        Self::Marks,
    ];

    /// The group's name in ids of messages.
    pub const fn id(self) -> &'static str {
        match self {
            Self::About => "about",
            Self::Where => "where",
            Self::Days => "days",
            Self::Death => "death",
            Self::Gp => "gp",
            Self::Course => "course",
            Self::Findings => "findings",
            Self::Other => "other",
            Self::Marks => "marks",
        }
    }

    /// The columns of the group; those that are numbered without their numbers.
    const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::About => &["sex", "birth_year", "ethnic_category", "lsoa", "imd_decile"],
            Self::Where => {
                &["practice", "provider", "site", "main_specialty", "treatment_specialty", "department_type"]
            }
            Self::Days => &[
                "event_day",
                "recorded_day",
                "discharge_day",
                "episode_start_day",
                "episode_end_day",
                "operation_day",
                "day_exact",
            ],
            Self::Death => &["death_day", "death_day_exact"],
            Self::Gp => &["code_system", "code", "value1", "value2", "unit", "episode"],
            Self::Course => &[
                "admission_method",
                "discharge_method",
                "discharge_destination",
                "patient_class",
                "episode_order",
                "episode_status",
                "attended",
                "first_attendance",
                "outcome",
                "referral_source",
                "priority",
                "attendance_disposal",
                "attendance_category",
                "arrival_mode",
                "patient_group",
            ],
            Self::Findings => &["diagnosis", "operation", "investigation", "treatment"],
            Self::Other => &["code_NN", "number", "day"],
            Self::Marks => &["person", "record_key", "registration", "source", "period"],
        }
    }

    /// The group of a column.
    pub fn of(column: &str) -> Option<Self> {
        let (base, number) = column.rsplit_once('_').unwrap_or((column, ""));
        let is_numbered = number.len() == 2 && number.bytes().all(|digit| digit.is_ascii_digit());
        // A numbered `code` is another place's; a GP entry has one alone.
        let name = match (is_numbered, base) {
            (true, "code") => "code_NN",
            (true, base) => base,
            (false, _) => column,
        };
        Self::ALL.into_iter().find(|group| group.columns().contains(&name))
    }
}

/// The groups of which the linked record has a column.
pub fn used() -> Vec<Group> {
    let named: Vec<Group> = TABLES.into_iter().flat_map(columns).filter_map(|column| Group::of(&column.name)).collect();
    Group::ALL.into_iter().filter(|group| named.contains(group)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_in_one_group_and_every_name_is_of_a_column() {
        let all: Vec<&str> = TABLES.into_iter().flat_map(columns).map(|column| column.name.as_str()).collect();
        for column in &all {
            assert!(Group::of(column).is_some(), "{column} is collected, and the leaflet says nothing of it");
        }
        let names: Vec<&str> = Group::ALL.into_iter().flat_map(|group| group.columns().iter().copied()).collect();
        for name in &names {
            assert_eq!(names.iter().filter(|other| *other == name).count(), 1, "{name} is in two groups");
            let base = name.trim_end_matches("_NN");
            let is_there = all.iter().any(|column| *column == *name || column.starts_with(&format!("{base}_0")));
            assert!(is_there, "{name} is no longer collected");
        }
        assert_eq!(used().len(), Group::ALL.len());
    }
}

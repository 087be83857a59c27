//! What a publication holds of whom, noted in the ledger of uses.
//!
//! In: the publication to come, who is who, and the register's answers. Out: a line of the ledger, which counts once the
//! publication is done. Invariant: who is held is read from the table that is published, not from what the run meant to write.

use super::past::PERSONS;
use super::state::Publication;
use super::{Linking, Month};
use crate::error::EngineError;
use crate::records::read;
use crate::register::{NewUse, UseKind};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use caredata_admit::PersonAnswers;
use caredata_extract::Table;
use caredata_model::{LegalBasis, PersonId, RecordKey};
use std::collections::HashSet;

impl Month<'_> {
    /// Notes whom a publication holds, and of whom it leaves something out because of an objection.
    pub(super) fn note_use(
        &self,
        publication: &Publication,
        linking: &Linking,
        answers: &PersonAnswers,
    ) -> Result<(), EngineError> {
        let pseudonyms = self.published_persons(publication)?;
        let everybody = || linking.everybody.iter().map(|&(person, _)| person);
        let people = self.register.number_people(everybody())?;
        let held: Vec<PersonId> =
            everybody().filter(|&person| pseudonyms.contains(&self.pseudonyms.of(person))).collect();
        // Somebody whose registration alone is kept back by the practice's own word objects to nothing else.
        let bound = answers.bound().iter().filter_map(|&key: &RecordKey| linking.persons.of(key)).map(|(one, _)| one);
        let left_out = everybody().filter(|&person| answers.objects_to_some(person)).chain(bound);
        let one = NewUse {
            kind: UseKind::Publication,
            reference: format!("{} ({})", self.input.period, self.run.0),
            recipient: String::new(),
            purpose: String::new(),
            basis: LegalBasis::COLLECTION.confidentiality.word().to_owned(),
            run: Some(self.run),
            held: people.bitmap(self.register, held.into_iter()),
            left_out: people.bitmap(self.register, left_out),
        };
        self.register.note_use(&one).map(|_| ())
    }

    /// The pseudonyms that stand in the table of persons.
    fn published_persons(&self, publication: &Publication) -> Result<HashSet<i64>, EngineError> {
        let mut pseudonyms = HashSet::new();
        for file in publication.present.files.iter().filter(|file| file.table == PERSONS) {
            for batch in read(&self.home.records(), Table::Persons, file, Some(&["person"]))? {
                let batch = batch.map_err(EngineError::arrow("reading records"))?;
                let column = batch.column_by_name("person").and_then(|one| one.as_primitive_opt::<Int64Type>());
                pseudonyms.extend(column.ok_or(EngineError::Column { name: "person" })?.values().iter().copied());
            }
        }
        Ok(pseudonyms)
    }
}

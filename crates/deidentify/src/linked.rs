//! Gate 2 as types: admitted rows joined to persons, and of these the ones for whom the register's answer is yes.
//!
//! `AdmittedPayload` + `Persons` in, [`Linked`] out; [`Linked`] + the register's answers in, [`Permitted`] and withheld rows
//! out. Invariant: a [`Permitted`] value is made here alone, and a row whose person the register was not asked about is not
//! in it.

use crate::DeidentifyError;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use caredata_admit::{
    AdmittedPayload, Disposal, IdMap, Origin, PersonAnswers, Reason, Tally, Tie, Withheld, columns as admitted,
};
use caredata_model::{Passage, PersonId, RecordKey};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Who is who: for every record that links others, its person. Built once a run and shared by all threads.
///
/// ```
/// use caredata_admit::Tie;
/// use caredata_deidentify::Persons;
/// use caredata_model::{PersonId, RecordKey};
/// let persons = Persons::new([(RecordKey::from_bits(1), PersonId::from_bits(7), Tie::Somebody)]);
/// assert_eq!(persons.of(RecordKey::from_bits(1)), Some((PersonId::from_bits(7), Tie::Somebody)));
/// assert_eq!(persons.of(RecordKey::from_bits(2)), None);
/// ```
#[derive(Clone, Default)]
pub struct Persons {
    /// The person's id, and in the lowest bit whether it ties to nobody.
    by_link_key: IdMap<u64>,
}

impl Persons {
    /// The persons that linkage found, by record key. Where a key comes twice, the last counts.
    pub fn new(links: impl IntoIterator<Item = (RecordKey, PersonId, Tie)>) -> Self {
        let links = links.into_iter();
        let mut by_link_key = IdMap::with_capacity(links.size_hint().0);
        for (key, person, tie) in links {
            let nobody = match tie {
                Tie::Somebody => 0,
                Tie::Nobody => 1,
            };
            *by_link_key.entry(key.value()) = person.value().cast_unsigned() << 1 | nobody;
        }
        Self { by_link_key }
    }

    /// The person of a record.
    pub fn of(&self, link_key: RecordKey) -> Option<(PersonId, Tie)> {
        self.of_value(link_key.value())
    }

    fn of_value(&self, link_key: i64) -> Option<(PersonId, Tie)> {
        self.by_link_key.get(link_key).map(|packed| {
            let tie = if packed & 1 == 0 { Tie::Somebody } else { Tie::Nobody };
            (PersonId::from_bits(packed >> 1), tie)
        })
    }

    /// The number of records.
    pub const fn len(&self) -> usize {
        self.by_link_key.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.by_link_key.is_empty()
    }

    /// The persons of the rows of a batch with the admitted columns.
    pub(crate) fn of_rows(&self, batch: &RecordBatch) -> Vec<Option<(PersonId, Tie)>> {
        let keys = batch.column_by_name(admitted::LINK_KEY).and_then(|keys| keys.as_primitive_opt::<Int64Type>());
        let Some(keys) = keys else { return vec![None; batch.num_rows()] };
        // The entries of one patient stand together, so the answer before is often the answer again.
        let mut before = (-1, None);
        let find = |&key: &i64| {
            if key != before.0 {
                before = (key, self.of_value(key));
            }
            before.1
        };
        keys.values().iter().map(find).collect()
    }
}

impl fmt::Debug for Persons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Persons").field("records", &self.len()).finish()
    }
}

/// Admitted rows, each with its person where linkage found one.
pub struct Linked {
    pub(crate) origin: Arc<Origin>,
    pub(crate) batch: RecordBatch,
    pub(crate) persons: Vec<Option<(PersonId, Tie)>>,
}

/// What the register's answer lets through. Made by [`Linked::permit`] alone.
#[derive(Debug)]
pub struct Permitted<T>(T);

impl<T> Permitted<T> {
    pub(crate) const fn get(&self) -> &T {
        &self.0
    }

    pub(crate) fn into_inner(self) -> T {
        self.0
    }
}

impl Permitted<Linked> {
    /// The number of rows.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What gate 2 withheld of a batch: rows for sealing, and counts. GP rows are not kept.
#[derive(Debug)]
pub struct WithheldByPerson {
    /// The rows to be sealed; none of a GP source.
    pub for_sealing: Withheld,
    /// Rows by reason, sealed or dropped.
    pub counts: BTreeMap<Reason, u64>,
    /// What becomes of them.
    pub disposal: Disposal,
}

impl WithheldByPerson {
    /// The number of rows withheld.
    pub fn rows(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Moves the rows from the tally's admitted to its withheld ones.
    pub fn count_in(&self, tally: &mut Tally) {
        for (&reason, &rows) in &self.counts {
            tally.withhold_admitted(reason, self.disposal, rows);
        }
    }
}

impl Linked {
    /// Joins admitted rows to the persons that linkage found.
    pub fn join(payload: &AdmittedPayload, persons: &Persons) -> Self {
        let batch = payload.batch().clone();
        Self { origin: Arc::clone(payload.origin()), persons: persons.of_rows(&batch), batch }
    }

    /// The number of rows.
    pub const fn len(&self) -> usize {
        self.persons.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.persons.is_empty()
    }

    /// Parts the rows by the register's answer for their persons. Rows without a person are withheld: nobody could be asked.
    ///
    /// # Errors
    /// [`DeidentifyError::Columns`], a fault of the program.
    pub fn permit(self, answers: &PersonAnswers) -> Result<(Permitted<Self>, WithheldByPerson), DeidentifyError> {
        let disposal = self.origin.setting().disposal();
        let answers = answers.of_source(Passage::LinkedRecord, self.origin.setting(), &self.origin.source);
        let mut counts: BTreeMap<Reason, u64> = BTreeMap::new();
        let mut before = (None, Some(Reason::NotAsked));
        let ask = |&person: &Option<(PersonId, Tie)>| {
            if person != before.0 {
                let reason = person.map_or(Some(Reason::NotAsked), |(person, tie)| answers.withhold(person, tie));
                before = (person, reason);
            }
            before.1
        };
        let reasons: Vec<Option<Reason>> = self.persons.iter().map(ask).collect();
        for reason in reasons.iter().flatten() {
            *counts.entry(*reason).or_default() += 1;
        }
        let origin = Arc::clone(&self.origin);
        if counts.is_empty() {
            let for_sealing = Withheld::new(origin, &self.batch.slice(0, 0), &[])?;
            return Ok((Permitted(self), WithheldByPerson { for_sealing, counts, disposal }));
        }
        let filter = |keep: BooleanArray| {
            filter_record_batch(&self.batch, &keep)
                .map_err(|cause| DeidentifyError::Columns { source_name: self.origin.source.clone(), cause })
        };
        let sealed = match disposal {
            Disposal::Dropped => (self.batch.slice(0, 0), Vec::new()),
            Disposal::Sealed => (
                filter(reasons.iter().map(|reason| Some(reason.is_some())).collect())?,
                reasons.iter().flatten().copied().collect(),
            ),
        };
        let for_sealing = Withheld::new(Arc::clone(&origin), &sealed.0, &sealed.1)?;
        let batch = filter(reasons.iter().map(|reason| Some(reason.is_none())).collect())?;
        let kept = self.persons.iter().zip(&reasons).filter(|(_, reason)| reason.is_none());
        let persons = kept.map(|(&person, _)| person).collect();
        let permitted = Permitted(Self { origin, batch, persons });
        Ok((permitted, WithheldByPerson { for_sealing, counts, disposal }))
    }
}

impl fmt::Debug for Linked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linked").field("source", &self.origin.source).field("rows", &self.len()).finish_non_exhaustive()
    }
}

//! Parts of a run by themselves, for the benches beside the code; there under the feature `bench` only.
//!
//! Records in, each part run and its answer boiled down to a number, so that nothing is optimised away. Invariant: the parts
//! are those of a run, not copies of them.

use crate::Record;
use crate::assign::{self, Prepared};
use crate::decisions::{Decisions, Settled};
use crate::early::Early;
use crate::frequency::Frequencies;
use crate::index::Index;
use crate::key_index::KeyIndex;
use crate::keys;
use crate::model::Parameters;
use crate::numbers::Numbers;
use crate::record::Settings;
use crate::reference::Reference;
use crate::remember::{self, Before};
use crate::score::{Scorer, Scratch};

/// An index by NHS Number over records.
pub struct ByNumber(KeyIndex);

impl ByNumber {
    /// Builds the index.
    pub fn build(records: &[Record]) -> Self {
        Self(KeyIndex::build(records.len(), |row| keys::nhs(records[row].identifiers)))
    }

    /// Looks every record up: how many rows were found.
    pub fn find(&self, records: &[Record]) -> usize {
        records.iter().map(|record| self.0.find(keys::nhs(record.identifiers)).count()).sum()
    }
}

/// Everybody known, and what a run prepares before it judges.
pub struct Ready<'a> {
    index: &'a Index,
    reference: Reference<'a>,
    settled: Settled,
    prepared: Prepared,
    events: &'a [Record],
}

impl<'a> Ready<'a> {
    /// Gathers the registrations into persons and prepares for the events.
    pub fn new(index: &'a Index, registrations: &'a [Record], events: &'a [Record]) -> Self {
        let reference = Reference::build(Numbers::default(), index, registrations, &Decisions::NONE);
        let settled = Settled::of(&Decisions::NONE, &reference, index, events);
        let prepared = Prepared::for_run(&Settings::default(), index, &reference, (events, events), &settled);
        Self { index, reference, settled, prepared, events }
    }

    /// Gathers the registrations into persons: how many there are.
    pub fn persons(index: &Index, registrations: &[Record]) -> usize {
        Reference::build(Numbers::default(), index, registrations, &Decisions::NONE).persons()
    }

    /// Counts how common values are: the share of stated numbers whose check digit fails.
    pub fn frequencies(&self) -> f64 {
        Frequencies::count(&self.reference, self.events).invalid_number
    }

    /// Looks for the events that exit early: how many do.
    pub fn early(&self) -> usize {
        let found = Early::find(&self.reference, &self.prepared.frequencies, self.events);
        found.iter().filter(|early| early.exits()).count()
    }

    /// Judges the events that do not exit early with all their candidates: how many there are.
    pub fn judge(&self) -> usize {
        let (reference, prepared) = (&self.reference, &self.prepared);
        let scorer = Scorer::new(reference, &prepared.frequencies, &prepared.blocks, Parameters::default());
        let mut scratch = Scratch::default();
        let doubtful = self.events.iter().zip(&prepared.early).filter(|(_, early)| !early.exits());
        doubtful.filter(|(event, _)| scorer.judge(event, None, &mut scratch).probability >= 0.0).count()
    }

    /// Learns the parameters: comparing the teachers, then expectation and maximisation. How many rounds it took.
    pub fn learn(&self) -> u32 {
        assign::learn(&self.reference, &self.prepared, self.events).0.iterations
    }

    /// Judges all events in all rounds: how many were linked with a probability of 0.999.
    pub fn judge_all(&self) -> usize {
        let (reference, prepared) = (&self.reference, &self.prepared);
        let scorer = Scorer::new(reference, &prepared.frequencies, &prepared.blocks, Parameters::default());
        let before = Before { index: self.index, lessons: &[] };
        let (verdicts, _) = assign::judge_all(&scorer, &prepared.early, before, self.events, true, &self.settled);
        verdicts.iter().filter(|verdict| remember::is_sure(verdict)).count()
    }
}

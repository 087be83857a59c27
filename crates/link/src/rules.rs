//! What each blocking rule costs and brings.
//!
//! [`Question`] -> counts and times by [`Rule`]. Every rule is asked about every event, without the early exit of a run; the two
//! rules that rest on what linked events taught are asked about those events that a run judges again. Invariant: counts do not
//! depend on the order of the records; times are the caller's clock's, summed over threads.

use crate::blocking::{Found, Rule};
use crate::compare::{Event, Moved};
use crate::explain::records_of;
use crate::judged::{Ground, Judged, Question};
use crate::record::Record;
use crate::score::{Scorer, Scratch};
use caredata_model::RecordKey;
use rayon::prelude::*;

/// Events that a thread asks all rules about at a time: so many that reading the clock costs nothing.
const AT_A_TIME: usize = 4096;

/// An event whose linked person one rule alone finds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SoleLink {
    /// The event.
    pub event: RecordKey,
    /// The person's records, in ascending order.
    pub person: Vec<RecordKey>,
}

/// What one rule costs and brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCount {
    /// The rule.
    pub rule: Rule,
    /// Pairs of event and person that it makes.
    pub candidates: u64,
    /// Of these, pairs that no other rule makes.
    pub sole_candidates: u64,
    /// Events linked to a person whom it finds, with others or alone.
    pub links: u64,
    /// Events linked to a person whom no other rule finds, in the order of record keys.
    pub sole_links: Vec<SoleLink>,
    /// Time for looking its candidates up, in the clock's unit.
    pub finding: u64,
    /// Time for weighing all its candidates, in the clock's unit.
    pub weighing: u64,
}

/// What the rules bring together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCounts {
    /// Each rule, in the order of [`Rule::ALL`].
    pub rules: Vec<RuleCount>,
    /// Pairs of event and person, each once.
    pub pairs: u64,
    /// Events linked to a person known.
    pub linked: u64,
    /// Events.
    pub events: u64,
}

#[derive(Clone, Default)]
struct Count {
    candidates: u64,
    sole_candidates: u64,
    links: u64,
    sole_links: Vec<(RecordKey, u32)>,
    finding: u64,
    weighing: u64,
}

#[derive(Default)]
struct Counts {
    rules: [Count; Rule::ALL.len()],
    pairs: u64,
    linked: u64,
}

impl Counts {
    fn and(mut self, other: Self) -> Self {
        for (one, mut another) in self.rules.iter_mut().zip(other.rules) {
            one.candidates += another.candidates;
            one.sole_candidates += another.sole_candidates;
            one.links += another.links;
            one.sole_links.append(&mut another.sole_links);
            one.finding += another.finding;
            one.weighing += another.weighing;
        }
        self.pairs += other.pairs;
        self.linked += other.linked;
        self
    }
}

/// Counts what each rule costs and brings. `clock` reads any unit of time from any start; linkage has no clock of its own.
///
/// Takes several times as long as a run.
pub fn rules(question: &Question<'_>, clock: &(dyn Fn() -> u64 + Sync)) -> RuleCounts {
    let ground = question.ground();
    let scorer = ground.scorer();
    let judged = Judged::of(question, &scorer, &ground);
    let chunks: Vec<usize> = (0..ground.events.len()).step_by(AT_A_TIME).collect();
    let asked = Asked { question, ground: &ground, scorer: &scorer, judged: &judged, clock };
    let counts = chunks
        .par_iter()
        .map_init(Scratch::default, |scratch, &from| asked.about(from, scratch))
        .reduce(Counts::default, Counts::and);
    let rules = Rule::ALL.into_iter().zip(counts.rules).map(|(rule, count)| {
        let sole = count.sole_links.into_iter();
        let mut sole_links: Vec<SoleLink> =
            sole.map(|(event, person)| SoleLink { event, person: records_of(&ground.reference, person) }).collect();
        sole_links.sort_unstable();
        RuleCount {
            rule,
            candidates: count.candidates,
            sole_candidates: count.sole_candidates,
            links: count.links,
            sole_links,
            finding: count.finding,
            weighing: count.weighing,
        }
    });
    RuleCounts {
        rules: rules.collect(),
        pairs: counts.pairs,
        linked: counts.linked,
        events: ground.events.len() as u64,
    }
}

struct Asked<'a> {
    question: &'a Question<'a>,
    ground: &'a Ground<'a>,
    scorer: &'a Scorer<'a>,
    judged: &'a Judged,
    clock: &'a (dyn Fn() -> u64 + Sync),
}

impl Asked<'_> {
    /// All rules about the events from `from` on.
    fn about(&self, from: usize, scratch: &mut Scratch) -> Counts {
        let to = (from + AT_A_TIME).min(self.ground.events.len());
        // An event without a number is asked about with the one that its patient id lends, as it is judged.
        let records: Vec<Record> = (from..to)
            .map(|at| {
                let own = self.ground.events[at];
                self.remembered(at).and_then(|remembered| remembered.lend_number(&own)).unwrap_or(own)
            })
            .collect();
        let unpacked: Vec<Event> = records
            .iter()
            .map(|event| Event::new(event.identifiers, &self.ground.prepared.frequencies, self.scorer.persons))
            .collect();
        let mut counts = Counts::default();
        // By event, the rules' candidates one after the other.
        let mut by_event: Vec<Vec<Found>> = vec![Vec::new(); to - from];
        for (rule, count) in Rule::ALL.into_iter().zip(&mut counts.rules) {
            let began = (self.clock)();
            let mut found: Vec<Vec<Found>> = Vec::with_capacity(to - from);
            for (at, event) in (from..to).zip(&unpacked) {
                found.push(self.find(rule, at, event));
            }
            let then = (self.clock)();
            for (at, found) in found.iter().enumerate() {
                self.scorer.weigh_found(&unpacked[at], &records[at], self.remembered(from + at), found, scratch);
            }
            count.finding = then - began;
            count.weighing = (self.clock)() - then;
            for (all, found) in by_event.iter_mut().zip(found) {
                count.candidates += found.len() as u64;
                all.extend(found);
            }
        }
        for (at, all) in (from..to).zip(&mut by_event) {
            all.sort_unstable();
            self.count(at, all, &mut counts);
        }
        counts
    }

    fn remembered(&self, at: usize) -> Option<&crate::remember::Remembered> {
        self.judged.remembered_of(&self.ground.events[at], at, self.question.use_local_ids())
    }

    /// The persons that one rule finds for an event, each once.
    fn find(&self, rule: Rule, at: usize, event: &Event) -> Vec<Found> {
        let mut found = Vec::new();
        if rule.is_remembered() {
            if let Some(remembered) = self.remembered(at) {
                let mut moved = Moved::default();
                remembered.moved_from(event, &mut moved);
                remembered.find_by(rule, &self.ground.reference, event, &self.ground.events[at], &moved, &mut found);
            }
        } else {
            self.ground.prepared.blocks.find_by(rule, &self.ground.reference, event, &mut found);
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Counts an event's candidates, sorted by person.
    fn count(&self, at: usize, all: &[Found], counts: &mut Counts) {
        let verdict = &self.judged.last()[at];
        let linked = verdict.accepts(self.question.settings).then_some(verdict.person);
        counts.linked += u64::from(linked.is_some());
        for of_person in all.chunk_by(|one, other| one.person == other.person) {
            counts.pairs += 1;
            let sole = of_person.len() == 1;
            for &Found { person, rule } in of_person {
                let count = &mut counts.rules[rule as usize];
                count.sole_candidates += u64::from(sole);
                if linked == Some(person) {
                    count.links += 1;
                    if sole {
                        count.sole_links.push((self.ground.events[at].key, person));
                    }
                }
            }
        }
    }
}

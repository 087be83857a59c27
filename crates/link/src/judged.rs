//! A run's judgement, kept for the questions that people ask about it: explanations, doubts and the worth of rules.
//!
//! Decisions, index and records -> every verdict as [`crate::link`] comes to it, with what it remembered on the way. Invariant:
//! the verdicts are those of the run, since both are made by the same functions.

use crate::assign::{self, Prepared};
use crate::decisions::{Decisions, Settled};
use crate::earlier::{Earlier, Lesson, PersonsBefore};
use crate::index::Index;
use crate::model::Parameters;
use crate::providers::Providers;
use crate::record::{Record, Settings};
use crate::reference::Reference;
use crate::remember::{self, Before, Remembered};
use crate::score::{Scorer, Scratch, Verdict};
use std::borrow::Cow;

/// What a question is about.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The settings of the run; the method is [`crate::Method::Probabilistic`], whatever they say.
    pub settings: &'a Settings,
    /// What people decided.
    pub decisions: &'a Decisions,
    /// The index before the run.
    pub index: &'a Index,
    /// Registrations.
    pub registrations: &'a [Record],
    /// Events.
    pub events: &'a [Record],
}

impl<'a> Question<'a> {
    pub(crate) fn use_local_ids(&self) -> bool {
        !self.settings.identifiers_only
    }

    /// Gathers persons, and learns from the events.
    pub(crate) fn ground(&self) -> Ground<'a> {
        let reference = Reference::build(self.settings.numbers, self.index, self.registrations, self.decisions);
        let before = PersonsBefore::of(self.index, self.events);
        let earlier = Earlier::of(self.index, &reference, self.decisions, (&before, self.events));
        let events = earlier.with(self.events);
        let settled = Settled::of(self.decisions, &reference, self.index, &events);
        let prepared = Prepared::of(&reference, (&events, self.events));
        let (learnt, providers) = assign::learn(&reference, &prepared, self.events);
        let (lessons, parameters) = (earlier.lessons, learnt.parameters);
        Ground { index: self.index, reference, lessons, events, settled, prepared, parameters, providers }
    }
}

/// What events are judged against.
pub(crate) struct Ground<'a> {
    index: &'a Index,
    pub(crate) reference: Reference<'a>,
    lessons: Vec<Lesson>,
    /// The run's events, and after them those of earlier months that are judged again.
    pub(crate) events: Cow<'a, [Record]>,
    pub(crate) settled: Settled,
    pub(crate) prepared: Prepared,
    pub(crate) parameters: Parameters,
    pub(crate) providers: Providers,
}

impl Ground<'_> {
    pub(crate) fn before(&self) -> Before<'_> {
        Before { index: self.index, lessons: &self.lessons }
    }

    pub(crate) fn scorer(&self) -> Scorer<'_> {
        let Prepared { frequencies, blocks, .. } = &self.prepared;
        Scorer {
            providers: self.providers.clone(),
            forbidden: Some(&self.settled.forbidden),
            ..Scorer::new(&self.reference, frequencies, blocks, self.parameters)
        }
    }
}

/// All rounds of judging.
pub(crate) struct Judged {
    /// Verdicts after each round.
    pub(crate) verdicts: [Vec<Verdict>; 3],
    /// What was remembered in the second and the third round.
    pub(crate) remembered: [Remembered; 2],
}

impl Judged {
    pub(crate) fn of(question: &Question<'_>, scorer: &Scorer<'_>, ground: &Ground<'_>) -> Self {
        let settled = &ground.settled;
        let (events, use_local_ids) = (&*ground.events, question.use_local_ids());
        let first = assign::judge_at_first(scorer, &ground.prepared.early, events, settled);
        let remember = |verdicts: &[Verdict], teachers| {
            Remembered::gather(scorer, ground.before(), events, verdicts, use_local_ids, teachers)
        };
        let [numbered, sure] = assign::ROUNDS;
        let early = remember(&first, numbered);
        let mut second = first.clone();
        assign::judge_again(scorer, events, use_local_ids, settled, &early, &mut second);
        let late = remember(&second, sure);
        let mut third = second.clone();
        assign::judge_again(scorer, events, use_local_ids, settled, &late, &mut third);
        Self { verdicts: [first, second, third], remembered: [early, late] }
    }

    /// What was remembered when an event was last judged; nothing where the first round settled it.
    pub(crate) fn remembered_of(&self, event: &Record, at: usize, use_local_ids: bool) -> Option<&Remembered> {
        let asked = |round: usize| remember::asks(&self.verdicts[round][at], event, use_local_ids);
        if !asked(0) {
            None
        } else if asked(1) {
            Some(&self.remembered[1])
        } else {
            Some(&self.remembered[0])
        }
    }

    /// The verdicts of the run.
    pub(crate) fn last(&self) -> &[Verdict] {
        &self.verdicts[2]
    }
}

/// Judges one record through all rounds, as a run would, with what others taught; the candidates are left in `scratch`.
pub(crate) fn judge_one(
    scorer: &Scorer<'_>,
    remembered: &[Remembered; 2],
    record: &Record,
    use_local_ids: bool,
    scratch: &mut Scratch,
) -> Verdict {
    let mut verdict = scorer.judge(record, None, scratch);
    for remembered in remembered {
        if remember::asks(&verdict, record, use_local_ids) {
            verdict = scorer.judge(record, Some(remembered), scratch);
        }
    }
    verdict
}

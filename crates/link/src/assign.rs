//! The run: index, registrations and events in; a person for every record, and the index as it is afterwards, out.
//!
//! Invariant: links depend on the records alone, not on their order nor on the number of threads; an event goes to at most one
//! person; every record has a person.

use crate::blocking::{Blocks, Rule};
use crate::decisions::{Decisions, Settled};
use crate::diagnostics::Diagnostics;
use crate::earlier::{Earlier, PersonsBefore};
use crate::early::Early;
use crate::frequency::Frequencies;
use crate::ids::{Given, Names};
use crate::index::{Certainty, Change, Index, Kind, Observation, Reason};
use crate::key_index::mix;
use crate::levels::{Pattern, PostcodeLevel};
use crate::model::{self, Configuration, Learnt, Parameters};
use crate::passes;
use crate::providers::Providers;
use crate::ranks;
use crate::record::{Link, Method, Record, Settings, Status};
use crate::reference::Reference;
use crate::remember::{self, Before, Remembered, Teachers};
use crate::score::{BATCH, Batch, NOBODY, Scorer, Scratch, Verdict};
use caredata_model::{Identifiers, PersonId, RecordKey};
use rayon::prelude::*;
use std::collections::HashSet;

/// About this many events teach the model; which ones is decided by a hash of what they say.
const TEACHERS: u64 = 60_000;

/// What linkage gives back.
#[derive(Clone, Debug)]
pub struct Linkage {
    /// A link for each registration, in the order given.
    pub registrations: Vec<Link>,
    /// A link for each event, in the order given.
    pub events: Vec<Link>,
    /// The index before the run's records are in it.
    pub pending: Pending,
    /// What the run says about itself.
    pub diagnostics: Diagnostics,
}

impl Linkage {
    /// The index with the records in it that were linked: the same slices that [`link`] was given.
    pub fn into_index(self, registrations: &[Record], events: &[Record]) -> Index {
        self.pending.observe((registrations, &self.registrations), (events, &self.events))
    }
}

/// The index as a run found it, less what its contributions replaced, and the merges and splits that the run brought to light.
/// Who only wants the links drops it: an observation of each record takes 64 bytes.
#[derive(Clone, Debug)]
pub struct Pending {
    index: Index,
    /// How sure each event is.
    certainty: Vec<Certainty>,
    merges: Vec<Change>,
    splits: Vec<Change>,
    doubts: Vec<Change>,
}

impl Pending {
    /// What became of persons known before: merges, oldest first, then records that left their persons.
    pub fn changes(&self) -> [&[Change]; 2] {
        [&self.merges, &self.splits]
    }

    /// The index with the run's registrations and events in it, each given with its links.
    pub fn observe(self, registrations: (&[Record], &[Link]), events: (&[Record], &[Link])) -> Index {
        let Self { mut index, certainty, merges, splits, doubts } = self;
        index.release();
        index.bring_again(events.0);
        let registered = registrations.0.par_iter().zip(registrations.1);
        index.extend(
            registered.map(|(record, link)| Observation::of(record, link.person, Kind::Registration, Certainty::Open)),
        );
        let seen = events.0.par_iter().zip(events.1).zip(certainty);
        index.extend(
            seen.map(|((record, link), certainty)| Observation::of(record, link.person, Kind::Event, certainty)),
        );
        index.change(merges, splits, doubts);
        index
    }
}

/// What was decided about an event, before persons have ids.
#[derive(Clone, Copy)]
pub(crate) struct Decision {
    /// The person of the reference, or [`NOBODY`].
    pub(crate) person: u32,
    /// The best candidate, linked or not, or [`NOBODY`].
    pub(crate) candidate: u32,
    pub(crate) review: bool,
    pub(crate) match_rank: Option<u8>,
    pub(crate) weight_bits: Option<f32>,
    pub(crate) probability: Option<f32>,
    /// The probability that the event is anybody's who is known.
    pub(crate) known: Option<f32>,
}

/// What was made of an event before it was decided: for judging probabilities, since what was not linked has them too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The best candidate, linked or not, whom the weight and the probability of the link are about.
    pub person: Option<PersonId>,
    /// The probability that the event is anybody's who is known: the best candidate's, another's, or somebody's whom no
    /// blocking rule found. `None` where the method has no probabilities.
    pub known: Option<f32>,
}

impl Decision {
    pub(crate) const NONE: Self = Self {
        person: NOBODY,
        candidate: NOBODY,
        review: false,
        match_rank: None,
        weight_bits: None,
        probability: None,
        known: None,
    };
}

/// Links registrations and events with each other and with the persons of an index.
///
/// `person_id` makes the id of a new person from the first (smallest) key of its records; a keyed pseudo-random function makes
/// ids that tell nothing and come out the same when a run is repeated. What the index held of the records' contributions is
/// replaced.
///
/// Memory: about 100 bytes a record beside the 48 of the record itself. Measured over `caredata link` as a whole, with its record
/// ids and what reading leaves: 189 bytes a record at peak for a million people, 165 for five million.
///
/// ```
/// use caredata_link::{Index, Record, Settings, Status, link};
/// use caredata_model::{Day, Identifiers, PersonId, RecordKey};
///
/// let day = Day::parse("2014-04-01").unwrap();
/// let (identifiers, _) = Identifiers::parse(b"9434765919", b"1956-03-09", b"LS1 4AP", b"2");
/// let at_practice =
///     Record { key: RecordKey::from_bits(1), identifiers, provider: 1, local_id: 0, day, contribution: 1 };
/// // The patient has moved within the district since.
/// let (identifiers, _) = Identifiers::parse(b"9434765919", b"1956-03-09", b"LS1 2BB", b"2");
/// let at_hospital =
///     Record { key: RecordKey::from_bits(2), identifiers, provider: 2, local_id: 7, day, contribution: 2 };
/// // In real use: a keyed pseudo-random function of the record key.
/// let person_id = |key: RecordKey| PersonId::from_bits(key.value() as u64 * 31);
/// let linkage = link(&Settings::default(), Index::new(), &[at_practice], &[at_hospital], &person_id);
/// assert_eq!(linkage.events[0].status, Status::Linked);
/// assert_eq!(linkage.events[0].person, linkage.registrations[0].person);
/// ```
pub fn link(
    settings: &Settings,
    index: Index,
    registrations: &[Record],
    events: &[Record],
    person_id: &(dyn Fn(RecordKey) -> PersonId + Sync),
) -> Linkage {
    link_obeying(&Decisions::NONE, settings, index, registrations, events, person_id)
}

/// Links as [`link`] does, and obeys what people decided, under every method.
///
/// Records decided to be the same are one person's, whatever the evidence; the link of an event that is so linked to somebody
/// known is [`Status::Linked`], without weight and probability. A person that a record is decided not to be of is no candidate,
/// and registrations and events that are two people's never join. A decision on an event holds for every event that cannot be told
/// from it (provider, patient id and identifiers are the same). Without a decision, or with it taken back, all is as [`link`]
/// makes it. Decisions on records that are nowhere have no effect.
pub fn link_obeying(
    decisions: &Decisions,
    settings: &Settings,
    index: Index,
    registrations: &[Record],
    events: &[Record],
    person_id: &(dyn Fn(RecordKey) -> PersonId + Sync),
) -> Linkage {
    run(decisions, settings, index, registrations, events, person_id, None)
}

/// As [`link_obeying`]; and for each event its best [`Candidate`], in the order given.
pub fn link_and_candidates(
    decisions: &Decisions,
    settings: &Settings,
    index: Index,
    registrations: &[Record],
    events: &[Record],
    person_id: &(dyn Fn(RecordKey) -> PersonId + Sync),
) -> (Linkage, Vec<Candidate>) {
    let mut candidates = Vec::new();
    let linkage = run(decisions, settings, index, registrations, events, person_id, Some(&mut candidates));
    (linkage, candidates)
}

fn run(
    decisions: &Decisions,
    settings: &Settings,
    mut index: Index,
    registrations: &[Record],
    events: &[Record],
    person_id: &(dyn Fn(RecordKey) -> PersonId + Sync),
    candidates: Option<&mut Vec<Candidate>>,
) -> Linkage {
    let before = PersonsBefore::of(&index, events);
    let known = index.contributions();
    for contribution in contributions(registrations, events) {
        if known.binary_search(&contribution).is_ok() {
            index.remove_contribution(contribution);
        }
    }
    let mut diagnostics = Diagnostics::default();
    let reference = Reference::build(settings.numbers, &index, registrations, decisions);
    let earlier = Earlier::of(&index, &reference, decisions, (&before, events));
    let all = earlier.with(events);
    let settled = Settled::of(decisions, &reference, &index, &all);
    let run =
        Run { settings, index: &index, reference: &reference, earlier: &earlier, settled: &settled, events: &all };
    let ranked = |decided| Judgement::ranked(decided, events.len());
    let Judgement { mut decided, certainty, in_doubt } = match settings.method {
        Method::Probabilistic => run.probabilistic(&mut diagnostics),
        Method::Hesid => ranked(passes::hesid(settings, &index, &reference, &all, &settled)),
        Method::MatchRank => ranked(passes::match_ranks(&reference, &all, &settled)),
    };
    earlier.stay(&mut decided);
    if !decisions.is_empty() {
        let ignored = passes::communal(Frequencies::count(&reference, events).postcodes());
        settled.impose(&mut decided, &all, |event, person| rank_of(&reference, event, person, &ignored));
    }
    let found = earlier.found(&decided);
    let given = Given {
        reference: &reference,
        events: &all,
        decisions: &decided,
        settled: &settled,
        earlier: &earlier,
        found: &found,
        gone: index.merges().iter().chain(&reference.merges).map(|merge| merge.from).collect(),
    };
    let names = Names::give(given, !settings.identifiers_only, person_id);
    diagnostics.id_collisions = names.collisions;
    diagnostics.persons = [reference.persons() as u64, names.persons_of_events];
    let known: Vec<u32> =
        found.iter().filter(|(_, id)| earlier.known.contains(id)).map(|&(person, _)| person).collect();
    let registration_links = registration_links(&reference, &names, &known);
    let mut event_links = event_links(&decided, &names);
    let doubts = doubts(&in_doubt, &all, &decided, &event_links, &names);
    let newest = registrations.iter().chain(events).map(|record| record.contribution).max().unwrap_or_default();
    let mut merges = reference.merges.clone();
    merges.extend(names.merges.iter().map(|&(from, into)| Change {
        from,
        into,
        reason: Reason::JudgedAgain,
        contribution: newest,
        record: None,
    }));
    let mut splits = splits(&reference, &registration_links);
    splits.extend(earlier.splits(&all, &decided, &found, |at| event_links[at as usize].person, newest));
    event_links.truncate(events.len());
    if let Some(candidates) = candidates {
        candidates.extend(decided[..events.len()].iter().map(|decision| Candidate {
            person: names.of_person.get(decision.candidate as usize).copied(),
            known: decision.known,
        }));
    }
    diagnostics.count_registrations(&registration_links);
    diagnostics.count_events(&event_links);
    diagnostics.judged_again = earlier.open.len() as u64;
    (diagnostics.merges, diagnostics.splits) = (merges.len() as u64, splits.len() as u64);
    let open: HashSet<PersonId> = earlier.former.iter().map(|(_, former)| former.id).collect();
    drop(reference);
    index.forget_doubts(&open);
    let pending = Pending { index, certainty, merges, splits, doubts };
    Linkage { registrations: registration_links, events: event_links, pending, diagnostics }
}

/// The contributions of the records, each once.
fn contributions(registrations: &[Record], events: &[Record]) -> Vec<u32> {
    let mut found: Vec<u32> = Vec::new();
    for record in registrations.iter().chain(events) {
        if found.last() != Some(&record.contribution) && !found.contains(&record.contribution) {
            found.push(record.contribution);
        }
    }
    found
}

/// What both a run and an explanation of one of its records need.
pub(crate) struct Prepared {
    pub(crate) frequencies: Frequencies,
    /// For each event the one person it can be of, where nobody competes.
    pub(crate) early: Vec<Early>,
    pub(crate) blocks: Blocks,
    /// For whom `blocks` were made, where not for all.
    asking: Vec<Identifiers>,
}

impl Prepared {
    /// Prepares for any event to be judged with all its candidates.
    pub(crate) fn of(reference: &Reference<'_>, (events, own): (&[Record], &[Record])) -> Self {
        let (frequencies, blocks) = rayon::join(|| Frequencies::count(reference, own), || Blocks::of_all(reference));
        let early = Early::find(reference, &frequencies, events);
        Self { frequencies, early, blocks, asking: Vec::new() }
    }

    /// Prepares for a run, in which only those events are judged with all their candidates that teach or do not exit early;
    /// `own` are the first of the events, which the run itself brings and learns from.
    /// That takes a fraction of the memory and of the time.
    pub(crate) fn for_run(
        settings: &Settings,
        index: &Index,
        reference: &Reference<'_>,
        (events, own): (&[Record], &[Record]),
        settled: &Settled,
    ) -> Self {
        let frequencies = Frequencies::count(reference, own);
        let early = Early::find(reference, &frequencies, events);
        let teaches = teaches(own.len());
        let judged = events.par_iter().zip(&early).filter(|(event, early)| !early.exits() || teaches(event));
        let mut asking: Vec<Identifiers> = judged.map(|(event, _)| event.identifiers).collect();
        // Who is decided upon is judged with all candidates, whatever the evidence.
        asking.extend(settled.bound.iter().map(|&(at, _)| events[at as usize].identifiers));
        let ruled_out = events.par_iter().filter(|event| settled.forbidden.contains_key(&event.key));
        asking.par_extend(ruled_out.map(|event| event.identifiers));
        if !settings.identifiers_only {
            asking.extend(remember::loans(settings.numbers, index, events));
        }
        let blocks = Blocks::asked_for(reference, &asking);
        Self { frequencies, early, blocks, asking }
    }

    /// Makes the blocks anew if events that exit early are in doubt under the parameters learnt: they will be judged again, with
    /// all their candidates. Where number, date of birth and gender agree that takes an odd population.
    fn admit_doubtful(&mut self, reference: &Reference<'_>, events: &[Record], parameters: Parameters) {
        let scorer = Scorer::new(reference, &self.frequencies, &self.blocks, parameters);
        let doubtful = |early: &Early| early.exits() && !remember::is_sure(&scorer.early(early));
        let found = events.par_iter().zip(&self.early).filter(|(_, early)| doubtful(early));
        let found: Vec<Identifiers> = found.map(|(event, _)| event.identifiers).collect();
        if !found.is_empty() {
            self.asking.extend(found);
            self.blocks = Blocks::asked_for(reference, &self.asking);
        }
    }
}

/// All that a run judges.
struct Run<'a> {
    settings: &'a Settings,
    index: &'a Index,
    reference: &'a Reference<'a>,
    earlier: &'a Earlier,
    settled: &'a Settled,
    /// The run's own events, and after them the open ones.
    events: &'a [Record],
}

/// What a method makes of all events.
struct Judgement {
    decided: Vec<Decision>,
    /// Of the run's own events.
    certainty: Vec<Certainty>,
    in_doubt: Vec<InDoubt>,
}

impl Judgement {
    /// That of a method that knows no probabilities: what it links it is sure of.
    fn ranked(decided: Vec<Decision>, fresh: usize) -> Self {
        let sure = |decision: &Decision| if decision.person == NOBODY { Certainty::Open } else { Certainty::Sure };
        Self { certainty: decided[..fresh].iter().map(sure).collect(), decided, in_doubt: Vec::new() }
    }
}

impl Run<'_> {
    /// How many of the events are the run's own.
    fn fresh(&self) -> usize {
        self.earlier.fresh(self.events)
    }

    fn probabilistic(&self, diagnostics: &mut Diagnostics) -> Judgement {
        let Self { settings, index, reference, earlier, settled, events } = *self;
        let own = &events[..self.fresh()];
        let mut prepared = Prepared::for_run(settings, index, reference, (events, own), settled);
        let (learnt, providers) = learn(reference, &prepared, own);
        prepared.admit_doubtful(reference, events, learnt.parameters);
        let scorer = Scorer {
            providers,
            forbidden: Some(&settled.forbidden),
            ..Scorer::new(reference, &prepared.frequencies, &prepared.blocks, learnt.parameters)
        };
        let before = Before { index, lessons: &earlier.lessons };
        let (verdicts, remembered) =
            judge_all(&scorer, &prepared.early, before, events, !settings.identifiers_only, settled);
        let in_doubt = candidates_in_review(settings, &scorer, events, &verdicts, &remembered);
        diagnostics.early_exits = verdicts[..own.len()].iter().filter(|verdict| verdict.early).count() as u64;
        count_rules(diagnostics, settings, &verdicts[..own.len()]);
        let bits = |probability: f64| {
            // Without a competitor the odds are known·2^w / persons against 1 − known.
            let odds = probability / (1.0 - probability) * (1.0 - learnt.parameters.known) / learnt.parameters.known;
            Some((odds * scorer.persons).log2() as f32)
        };
        diagnostics.threshold_accept_bits = bits(settings.acceptance());
        diagnostics.threshold_review_bits = bits(settings.review_probability);
        diagnostics.learnt = Some(learnt);
        let mut certainty: Vec<Certainty> = verdicts[..own.len()].par_iter().map(remember::certainty).collect();
        for &(at, _) in settled.bound.iter().filter(|&&(at, _)| (at as usize) < own.len()) {
            certainty[at as usize] = Certainty::Open;
        }
        let ignored = passes::communal(prepared.frequencies.postcodes());
        let decided = verdicts
            .par_iter()
            .zip(events)
            .map(|(verdict, event)| decide(settings, reference, verdict, event, &ignored));
        Judgement { decided: decided.collect(), certainty, in_doubt }
    }
}

/// An event in review, by its place, and a person of the reference whom it may be of.
type InDoubt = (u32, u32);

/// Whom each event in review may be of: everybody from [`Settings::CANDIDATE_PROBABILITY`].
fn candidates_in_review(
    settings: &Settings,
    scorer: &Scorer<'_>,
    events: &[Record],
    verdicts: &[Verdict],
    remembered: &Remembered,
) -> Vec<InDoubt> {
    let found = events
        .par_iter()
        .zip(verdicts)
        .enumerate()
        .with_min_len(1024)
        .filter(|(_, (_, verdict))| is_in_review(settings, verdict));
    let candidates = found.map_init(Scratch::default, |scratch, (at, (event, _))| {
        let verdict = scorer.judge(event, Some(remembered), scratch);
        let sum = scratch.candidates.first().map_or(1.0, |best| best.claim / verdict.probability);
        let likely = scratch.candidates.iter().filter(|one| one.claim >= Settings::CANDIDATE_PROBABILITY * sum);
        likely.map(|one| (at as u32, one.person)).collect::<Vec<InDoubt>>()
    });
    candidates.flatten_iter().collect()
}

fn is_in_review(settings: &Settings, verdict: &Verdict) -> bool {
    verdict.person != NOBODY && verdict.probability >= settings.review_probability && !verdict.accepts(settings)
}

/// What [`candidates_in_review`] found of those that were linked to nobody, by the ids of persons.
fn doubts(in_doubt: &[InDoubt], events: &[Record], decided: &[Decision], links: &[Link], names: &Names) -> Vec<Change> {
    let doubt = |&(at, person): &InDoubt| Change {
        from: links[at as usize].person,
        into: names.of_person[person as usize],
        reason: Reason::InReview,
        contribution: events[at as usize].contribution,
        record: None,
    };
    let open = in_doubt.iter().filter(|&&(at, _)| decided[at as usize].person == NOBODY);
    let mut doubts: Vec<Change> = open.map(doubt).collect();
    doubts.sort_unstable();
    doubts.dedup();
    doubts
}

/// Which of so many events teach: those that a hash of what they say picks, so that two homes with the same records, but other
/// secrets, learn the same.
fn teaches(events: usize) -> impl Fn(&Record) -> bool + Sync {
    let share = (u64::MAX / (events as u64).max(1)).saturating_mul(TEACHERS);
    move |event| {
        let [postcode, rest] = event.identifiers.to_words();
        let day = u64::from(event.day.days_since_1970().cast_unsigned()) << 32 | u64::from(event.provider);
        events as u64 <= TEACHERS || mix(11, postcode ^ rest.rotate_left(23), day) < share
    }
}

/// Learns the parameters from the events that teach, and each provider's own.
pub(crate) fn learn(reference: &Reference<'_>, prepared: &Prepared, events: &[Record]) -> (Learnt, Providers) {
    let start = Parameters::default();
    let scorer = Scorer::new(reference, &prepared.frequencies, &prepared.blocks, start);
    let teaches = teaches(events.len());
    let chosen: Vec<&Record> = events.par_iter().filter(|event| teaches(event)).collect();
    let configured = chosen.par_chunks(BATCH).map_init(Batch::default, |batch, chosen| {
        let configurations = scorer.configurations(chosen.iter().copied(), batch);
        chosen.iter().map(|event| event.provider).zip(configurations).collect::<Vec<_>>()
    });
    let mut by_provider: Vec<(u32, Configuration)> = configured.flatten_iter().collect();
    by_provider.par_sort_unstable();
    let mut all: Vec<&Configuration> = by_provider.iter().map(|(_, configuration)| configuration).collect();
    all.par_sort_unstable();
    let counted: Vec<(Configuration, u64)> =
        all.chunk_by(|one, next| one == next).map(|same| (same[0].clone(), same.len() as u64)).collect();
    let learnt = model::learn(&counted, &start, model::PRIOR_RECORDS);
    let providers = Providers::learn(&by_provider, &learnt.parameters);
    (learnt, providers)
}

/// Judges all events: at once where nobody competes, then with all candidates, then, where doubt is left, with what the sure
/// ones taught; gives also what they taught in the last round.
pub(crate) fn judge_all(
    scorer: &Scorer<'_>,
    early: &[Early],
    before: Before<'_>,
    events: &[Record],
    use_local_ids: bool,
    settled: &Settled,
) -> (Vec<Verdict>, Remembered) {
    let mut verdicts = judge_at_first(scorer, early, events, settled);
    let mut round = |teachers: Teachers| {
        let remembered = Remembered::gather(scorer, before, events, &verdicts, use_local_ids, teachers);
        judge_again(scorer, events, use_local_ids, settled, &remembered, &mut verdicts);
        remembered
    };
    let [first, last] = ROUNDS;
    round(first);
    let remembered = round(last);
    (verdicts, remembered)
}

/// Who teaches in the rounds after the first. What the second round settles teaches a third; more rounds were found to change
/// next to nothing.
pub(crate) const ROUNDS: [Teachers; 2] = [Teachers::Numbered, Teachers::Sure];

/// The first round: at once where nobody competes, else with all candidates.
pub(crate) fn judge_at_first(
    scorer: &Scorer<'_>,
    early: &[Early],
    events: &[Record],
    settled: &Settled,
) -> Vec<Verdict> {
    let alone = |event: &Record, early: &Early| early.exits() && !scorer.forbidden_to(event).contains(&early.person);
    let first = events.par_iter().zip(early).with_min_len(1024);
    let mut verdicts: Vec<Verdict> = first
        .clone()
        .map(|(event, early)| if alone(event, early) { scorer.early(early) } else { Verdict::NONE })
        .collect();
    let contested = first.enumerate().filter(|(_, (event, early))| !alone(event, early)).map(|(at, _)| at as u32);
    judge_those(scorer, events, &contested.collect::<Vec<u32>>(), None, &mut verdicts);
    bind(scorer, events, settled, None, &mut verdicts);
    verdicts
}

/// A later round: those in doubt are judged again, with what is remembered.
pub(crate) fn judge_again(
    scorer: &Scorer<'_>,
    events: &[Record],
    use_local_ids: bool,
    settled: &Settled,
    remembered: &Remembered,
    verdicts: &mut [Verdict],
) {
    let asking = verdicts.par_iter().zip(events).with_min_len(1024).enumerate();
    let asking = asking.filter(|(_, (verdict, event))| remember::asks(verdict, event, use_local_ids));
    let asking: Vec<u32> = asking.map(|(at, _)| at as u32).collect();
    judge_those(scorer, events, &asking, Some(remembered), verdicts);
    bind(scorer, events, settled, Some(remembered), verdicts);
}

/// Judges the events at the given places with all their candidates.
fn judge_those(
    scorer: &Scorer<'_>,
    events: &[Record],
    places: &[u32],
    remembered: Option<&Remembered>,
    verdicts: &mut [Verdict],
) {
    let judged = places.par_chunks(BATCH).with_min_len(16).map_init(Batch::default, |batch, places| {
        scorer.judge_together(places.iter().map(|&at| &events[at as usize]), remembered, batch)
    });
    let judged: Vec<Vec<Verdict>> = judged.collect();
    for (&at, verdict) in places.iter().zip(judged.into_iter().flatten()) {
        verdicts[at as usize] = verdict;
    }
}

/// Events whose person is decided are surely that person's, and teach as such.
fn bind(
    scorer: &Scorer<'_>,
    events: &[Record],
    settled: &Settled,
    remembered: Option<&Remembered>,
    verdicts: &mut [Verdict],
) {
    let mut scratch = Scratch::default();
    for &(at, person) in &settled.bound {
        scorer.judge(&events[at as usize], remembered, &mut scratch);
        let candidate = scratch.candidates.iter().find(|candidate| candidate.person == person);
        verdicts[at as usize] = Verdict {
            person,
            pattern: candidate.map(|candidate| candidate.compared.pattern),
            rule: candidate.map(|candidate| candidate.rule),
            weight_bits: candidate.map_or(0.0, crate::score::Candidate::weight_bits),
            probability: 1.0,
            next_probability: 0.0,
            known: 1.0,
            early: false,
        };
    }
}

fn count_rules(diagnostics: &mut Diagnostics, settings: &Settings, verdicts: &[Verdict]) {
    diagnostics.rules = Rule::ALL.iter().map(|&rule| (rule, 0, 0)).collect();
    for verdict in verdicts {
        if let Some(rule) = verdict.rule {
            let (_, best, linked) = &mut diagnostics.rules[rule as usize];
            *best += 1;
            *linked += u64::from(verdict.accepts(settings));
        }
    }
}

fn decide(
    settings: &Settings,
    reference: &Reference<'_>,
    verdict: &Verdict,
    event: &Record,
    ignored: &passes::Communal,
) -> Decision {
    if verdict.person == NOBODY {
        return Decision { known: Some(verdict.known), ..Decision::NONE };
    }
    let linked = verdict.accepts(settings);
    let rank = || {
        match verdict.pattern {
            Some(Pattern { postcode: PostcodeLevel::Exact, .. }) if verdict.early => return Some(1),
            Some(_) if verdict.early => return Some(2),
            Some(_) | None => {}
        }
        rank_of(reference, event, verdict.person, ignored)
    };
    Decision {
        person: if linked { verdict.person } else { NOBODY },
        candidate: verdict.person,
        review: is_in_review(settings, verdict),
        match_rank: if linked { rank() } else { None },
        weight_bits: Some(verdict.weight_bits),
        probability: Some(verdict.probability as f32),
        known: Some(verdict.known),
    }
}

/// The best match rank of an event against any row of a person.
fn rank_of(reference: &Reference<'_>, event: &Record, person: u32, ignored: &passes::Communal) -> Option<u8> {
    let rows = reference.rows_of(person).iter().map(|&row| reference.rows[row as usize]);
    rows.filter_map(|row| ranks::match_rank(reference.numbers, event.identifiers, row, |at| ignored.contains(at))).min()
}

/// Links of registrations; `known` are persons, in ascending order, whom earlier events made known.
fn registration_links(reference: &Reference<'_>, names: &Names, known: &[u32]) -> Vec<Link> {
    (0..reference.registrations.len())
        .into_par_iter()
        .map(|row| {
            let person = reference.person_of_row[row];
            let first = || reference.first_key(person) == reference.registrations[row].key;
            let new = reference.known_as(person).is_none() && first() && known.binary_search(&person).is_err();
            Link {
                person: names.of_person[person as usize],
                status: if new { Status::New } else { Status::Linked },
                match_rank: None,
                weight_bits: None,
                probability: None,
            }
        })
        .collect()
}

fn event_links(decisions: &[Decision], names: &Names) -> Vec<Link> {
    decisions
        .par_iter()
        .enumerate()
        .map(|(at, decision)| {
            let (person, status) = if decision.person == NOBODY {
                names.of_leftover(at as u32)
            } else {
                (names.of_person[decision.person as usize], Status::Linked)
            };
            Link {
                person,
                status,
                match_rank: decision.match_rank,
                weight_bits: decision.weight_bits,
                probability: decision.probability,
            }
        })
        .collect()
}

/// Registrations that were somebody else's when the index last saw them, and whose persons were not merged.
fn splits(reference: &Reference<'_>, links: &[Link]) -> Vec<Change> {
    let merged: HashSet<PersonId> = reference.merges.iter().map(|merge| merge.from).collect();
    let mut splits: Vec<Change> = reference
        .registrations
        .par_iter()
        .zip(links)
        .enumerate()
        .filter_map(|(row, (record, link))| {
            let (from, into) = (reference.former(row)?.id, link.person);
            let (reason, contribution) = (Reason::IdentifiersReplaced, record.contribution);
            let change = Change { from, into, reason, contribution, record: Some(record.key) };
            (from != into && !merged.contains(&from)).then_some(change)
        })
        .collect();
    splits.par_sort_unstable();
    splits
}

#[cfg(test)]
mod tests {
    use super::*;
    use caredata_model::Day;

    /// A thousand people at three hundred addresses; every ninth event lacks its number, every seventh errs in a digit.
    fn population() -> (Vec<Record>, Vec<Record>) {
        let day = Day::new(2014, 4, 1).expect("a day");
        let dice = |n: u64, below: u64| mix(77, n, below) % below;
        let of = |n: u64, slip: u64| {
            let number =
                if slip == 1 { String::new() } else { (4_000_000_000 + n * 7919 + 100 * (slip / 2)).to_string() };
            let born = format!("19{:02}-{:02}-{:02}", 20 + dice(n, 60), 1 + dice(n, 12), 1 + dice(n, 28));
            let postcode = format!("LS{} {}AA", 1 + dice(n % 300, 9), dice(n % 300, 10));
            let gender = if dice(n, 2) == 0 { b"1" } else { b"2" };
            Identifiers::parse(number.as_bytes(), born.as_bytes(), postcode.as_bytes(), gender).0
        };
        let record = |key: u64, identifiers, provider, local_id| {
            let key = RecordKey::from_bits(mix(78, key, 0));
            Record { key, identifiers, provider, local_id, day, contribution: provider }
        };
        let registrations = (0..1000).filter(|n| n % 10 != 3).map(|n| record(n, of(n, 0), 1, 0)).collect();
        let slip = |n: u64| if n.is_multiple_of(9) { 1 } else { 2 * u64::from(n.is_multiple_of(7)) };
        let events = (0..3000).map(|n| record(10_000 + n, of(n % 1000, slip(n)), 2, 1 + n % 1000)).collect();
        (registrations, events)
    }

    #[test]
    fn a_run_finds_every_candidate_that_the_whole_index_has() {
        let (registrations, events) = population();
        let index = Index::new();
        let reference = Reference::build(Settings::default().numbers, &index, &registrations, &Decisions::NONE);
        let settled = Settled::of(&Decisions::NONE, &reference, &index, &events);
        let whole = Prepared::of(&reference, (&events, &events));
        let (learnt, _) = learn(&reference, &whole, &events);
        // Under the second parameters nobody is sure, and events that exit early are judged again.
        let unsure = Parameters { known: 1e-9, ..learnt.parameters };
        for (parameters, identifiers_only) in [(learnt.parameters, false), (learnt.parameters, true), (unsure, false)] {
            let settings = Settings { identifiers_only, ..Settings::default() };
            let mut some = Prepared::for_run(&settings, &index, &reference, (&events, &events), &settled);
            assert_eq!(learn(&reference, &some, &events).0, learnt);
            some.admit_doubtful(&reference, &events, parameters);
            let verdicts = |prepared: &Prepared| {
                let scorer = Scorer::new(&reference, &prepared.frequencies, &prepared.blocks, parameters);
                let before = Before { index: &index, lessons: &[] };
                judge_all(&scorer, &prepared.early, before, &events, !identifiers_only, &settled).0
            };
            assert_eq!(verdicts(&some), verdicts(&whole));
        }
    }
}

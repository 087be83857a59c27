//! The run: index, registrations and events in; a person for every record, and the index as it is afterwards, out.
//!
//! Invariant: links depend on the records alone, not on their order nor on the number of threads; an event goes to at most one
//! person; every record has a person.

use crate::blocking::{Blocks, Rule};
use crate::decisions::{Decisions, Settled};
use crate::diagnostics::Diagnostics;
use crate::frequency::Frequencies;
use crate::ids::Names;
use crate::index::{Change, Index, Kind, Observation, Reason};
use crate::key_index::{KeyIndex, mix};
use crate::levels::{Pattern, PostcodeLevel};
use crate::model::{self, Configuration, Learnt, Parameters};
use crate::passes;
use crate::ranks;
use crate::record::{Link, Method, Record, Settings, Status};
use crate::reference::Reference;
use crate::remember::{self, Remembered, Teachers};
use crate::score::{Candidate, NOBODY, Scorer, Scratch, Verdict};
use caredata_model::{PersonId, RecordKey};
use rayon::prelude::*;

/// About this many events teach the model; which ones is decided by a hash of their keys.
const TEACHERS: u64 = 60_000;

/// What linkage gives back.
#[derive(Clone, Debug)]
pub struct Linkage {
    /// A link for each registration, in the order given.
    pub registrations: Vec<Link>,
    /// A link for each event, in the order given.
    pub events: Vec<Link>,
    /// The index with the new records in it.
    pub index: Index,
    /// What the run says about itself.
    pub diagnostics: Diagnostics,
}

/// What was decided about an event, before persons have ids.
#[derive(Clone, Copy)]
pub(crate) struct Decision {
    /// The person of the reference, or [`NOBODY`].
    pub(crate) person: u32,
    pub(crate) review: bool,
    pub(crate) match_rank: Option<u8>,
    pub(crate) weight_bits: Option<f32>,
    pub(crate) probability: Option<f32>,
}

/// Links registrations and events with each other and with the persons of an index.
///
/// `person_id` makes the id of a new person from the first (smallest) key of its records; a keyed pseudo-random function makes
/// ids that tell nothing and come out the same when a run is repeated. What the index held of the records' contributions is
/// replaced.
///
/// Memory: 16 bytes and about 100 bytes of indexes a registration, 70 bytes an event, beside the records themselves and 64
/// bytes an observation in the index.
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
    mut index: Index,
    registrations: &[Record],
    events: &[Record],
    person_id: &(dyn Fn(RecordKey) -> PersonId + Sync),
) -> Linkage {
    let known = index.contributions();
    for contribution in contributions(registrations, events) {
        if known.binary_search(&contribution).is_ok() {
            index.remove_contribution(contribution);
        }
    }
    let mut diagnostics = Diagnostics::default();
    let reference = Reference::build(&index, registrations, decisions);
    let settled = Settled::of(decisions, &reference, &index, events);
    let mut decided = match settings.method {
        Method::Probabilistic => probabilistic(settings, &index, &reference, events, &settled, &mut diagnostics),
        Method::Hesid => passes::hesid(settings, &index, &reference, events, &settled),
        Method::MatchRank => passes::match_ranks(&reference, events, &settled),
    };
    if !decisions.is_empty() {
        let ignored = passes::communal(Frequencies::count(&reference.rows, events).postcodes());
        settled.impose(&mut decided, events, |event, person| rank_of(&reference, event, person, &ignored));
    }
    let names = Names::give(&reference, events, &decided, !settings.identifiers_only, &settled, person_id);
    diagnostics.id_collisions = names.collisions;
    diagnostics.persons = [reference.persons() as u64, names.persons_of_events];
    let registration_links = registration_links(&reference, &names);
    let event_links = event_links(&decided, &names);
    diagnostics.count_registrations(&registration_links);
    diagnostics.count_events(&event_links);
    let merges = reference.merges.clone();
    let splits = splits(&index, registrations, &registration_links);
    (diagnostics.merges, diagnostics.splits) = (merges.len() as u64, splits.len() as u64);
    drop(reference);
    let observed = |records: &'_ [Record], links: &'_ [Link], kind: Kind| -> Vec<Observation> {
        records.par_iter().zip(links).map(|(record, link)| Observation::of(record, link.person, kind)).collect()
    };
    index.extend(observed(registrations, &registration_links, Kind::Registration).into_par_iter());
    index.extend(observed(events, &event_links, Kind::Event).into_par_iter());
    index.change(merges, splits);
    Linkage { registrations: registration_links, events: event_links, index, diagnostics }
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
    pub(crate) blocks: Blocks,
}

impl Prepared {
    pub(crate) fn of(reference: &Reference<'_>, events: &[Record]) -> Self {
        let (frequencies, blocks) =
            rayon::join(|| Frequencies::count(&reference.rows, events), || Blocks::build(reference));
        Self { frequencies, blocks }
    }
}

fn probabilistic(
    settings: &Settings,
    index: &Index,
    reference: &Reference<'_>,
    events: &[Record],
    settled: &Settled,
    diagnostics: &mut Diagnostics,
) -> Vec<Decision> {
    let prepared = Prepared::of(reference, events);
    let learnt = learn(reference, &prepared, events);
    let mut scorer = Scorer::new(reference, &prepared.frequencies, &prepared.blocks, learnt.parameters);
    scorer.forbidden = Some(&settled.forbidden);
    let (verdicts, early) = judge_all(&scorer, index, events, !settings.identifiers_only, settled);
    diagnostics.early_exits = early;
    count_rules(diagnostics, settings, &verdicts);
    let bits = |probability: f64| {
        // Without a competitor the odds are known·2^w / persons against 1 − known.
        let odds = probability / (1.0 - probability) * (1.0 - learnt.parameters.known) / learnt.parameters.known;
        Some((odds * scorer.persons).log2() as f32)
    };
    diagnostics.threshold_accept_bits = bits(settings.acceptance());
    diagnostics.threshold_review_bits = bits(settings.review_probability);
    diagnostics.learnt = Some(learnt);
    let ignored = passes::communal(prepared.frequencies.postcodes());
    verdicts
        .par_iter()
        .zip(events)
        .map(|(verdict, event)| decide(settings, reference, verdict, event, &ignored))
        .collect()
}

/// Learns the parameters from the events that a hash of their keys picks.
pub(crate) fn learn(reference: &Reference<'_>, prepared: &Prepared, events: &[Record]) -> Learnt {
    let start = Parameters::default();
    let scorer = Scorer::new(reference, &prepared.frequencies, &prepared.blocks, start);
    let share = (u64::MAX / (events.len() as u64).max(1)).saturating_mul(TEACHERS);
    let teaches = |event: &&Record| events.len() as u64 <= TEACHERS || mix(11, event.key.value() as u64, 0) < share;
    let mut all: Vec<Configuration> = events
        .par_iter()
        .filter(teaches)
        .map_init(Scratch::default, |scratch, event| scorer.configuration(event, scratch))
        .collect();
    all.par_sort_unstable();
    let mut counted: Vec<(Configuration, u64)> = Vec::new();
    for configuration in all {
        match counted.last_mut() {
            Some((last, times)) if *last == configuration => *times += 1,
            Some(_) | None => counted.push((configuration, 1)),
        }
    }
    model::learn(&counted, &start, model::PRIOR_RECORDS)
}

/// Judges all events: at once where nobody competes, then with all candidates, then, where doubt is left, with what the sure
/// ones taught. Also returns how many exited early.
pub(crate) fn judge_all(
    scorer: &Scorer<'_>,
    index: &Index,
    events: &[Record],
    use_local_ids: bool,
    settled: &Settled,
) -> (Vec<Verdict>, u64) {
    let mut verdicts = judge_at_first(scorer, events, settled);
    let early = verdicts.iter().filter(|verdict| verdict.early).count() as u64;
    for teachers in ROUNDS {
        let remembered = Remembered::gather(scorer.reference, index, events, &verdicts, use_local_ids, teachers);
        judge_again(scorer, events, use_local_ids, settled, &remembered, &mut verdicts);
    }
    (verdicts, early)
}

/// Who teaches in the rounds after the first. What the second round settles teaches a third; more rounds were found to change
/// next to nothing.
pub(crate) const ROUNDS: [Teachers; 2] = [Teachers::Numbered, Teachers::Sure];

/// The first round: at once where nobody competes, else with all candidates.
pub(crate) fn judge_at_first(scorer: &Scorer<'_>, events: &[Record], settled: &Settled) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> = events
        .par_iter()
        .with_min_len(1024)
        .map_init(Scratch::default, |scratch, event| {
            scorer.early_exit(event).unwrap_or_else(|| scorer.judge(event, None, scratch))
        })
        .collect();
    bind(scorer, events, settled, None, &mut verdicts);
    verdicts
}

/// A later round: those in doubt are judged again, with what is remembered.
pub(crate) fn judge_again(
    scorer: &Scorer<'_>,
    events: &[Record],
    use_local_ids: bool,
    settled: &Settled,
    remembered: &Remembered<'_>,
    verdicts: &mut [Verdict],
) {
    verdicts
        .par_iter_mut()
        .zip(events)
        .with_min_len(1024)
        .filter(|(verdict, event)| remember::asks(verdict, event, use_local_ids))
        .for_each_init(Scratch::default, |scratch, (verdict, event)| {
            *verdict = scorer.judge(event, Some(remembered), scratch);
        });
    bind(scorer, events, settled, Some(remembered), verdicts);
}

/// Events whose person is decided are surely that person's, and teach as such.
fn bind(
    scorer: &Scorer<'_>,
    events: &[Record],
    settled: &Settled,
    remembered: Option<&Remembered<'_>>,
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
            weight_bits: candidate.map_or(0.0, Candidate::weight_bits),
            probability: 1.0,
            next_probability: 0.0,
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
        return Decision { person: NOBODY, review: false, match_rank: None, weight_bits: None, probability: None };
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
        review: !linked && verdict.probability >= settings.review_probability,
        match_rank: if linked { rank() } else { None },
        weight_bits: Some(verdict.weight_bits),
        probability: Some(verdict.probability as f32),
    }
}

/// The best match rank of an event against any row of a person.
fn rank_of(reference: &Reference<'_>, event: &Record, person: u32, ignored: &passes::Communal) -> Option<u8> {
    let rows = reference.rows_of(person).iter().map(|&row| reference.rows[row as usize]);
    rows.filter_map(|row| ranks::match_rank(event.identifiers, row, |at| ignored.contains(at))).min()
}

fn registration_links(reference: &Reference<'_>, names: &Names) -> Vec<Link> {
    (0..reference.registrations.len())
        .into_par_iter()
        .map(|row| {
            let person = reference.person_of_row[row];
            let first = || reference.first_key(person) == reference.registrations[row].key;
            let new = reference.known_as[person as usize].is_none() && first();
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

/// Registrations that were somebody else's when the index last saw them.
fn splits(index: &Index, registrations: &[Record], links: &[Link]) -> Vec<Change> {
    let observations = index.observations();
    if observations.is_empty() {
        return Vec::new();
    }
    let by_key = KeyIndex::build(observations.len(), |at| mix(9, observations[at].key.value() as u64, 0));
    let mut splits: Vec<Change> = registrations
        .par_iter()
        .zip(links)
        .filter_map(|(record, link)| {
            let former = by_key
                .find(mix(9, record.key.value() as u64, 0))
                .map(|at| &observations[at as usize])
                .filter(|o| o.key == record.key && o.kind == Kind::Registration)
                .filter(|o| crate::join::is_replaced(o.identifiers, record.identifiers))
                .map(|o| index.resolve(o.person))
                .min()?;
            let (into, contribution) = (link.person, record.contribution);
            let change = Change { from: former, into, reason: Reason::IdentifiersReplaced, contribution };
            (former != into).then_some(change)
        })
        .collect();
    splits.par_sort_unstable();
    splits
}

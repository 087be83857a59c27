//! Candidates to posteriors: which person an event is of, or none of them.
//!
//! Event -> [`Verdict`]. A candidate's claim is prior × likelihood; the claims and that of "none of them" are normalised
//! over the event. "None" is an unregistered stranger, an unregistered twin or household member of a candidate, or a
//! known person whom no blocking rule found. Invariant: claims are summed in the order of their size, then of record keys, so
//! that a verdict does not depend on the order of the input.

use crate::Record;
use crate::Settings;
use crate::blocking::{self, Blocks, Found, Places, Rule};
use crate::compare::{Compared, Context, Event, Holders, Moved, compare};
use crate::decisions::Forbidden;
use crate::early::Early;
use crate::frequency::Frequencies;
use crate::keys;
use crate::levels::{BirthLevel, NhsLevel, Pattern, PostcodeLevel, SexLevel};
use crate::model::{Bits, Configuration, Parameters, Stated};
use crate::providers::Providers;
use crate::reference::Reference;
use crate::remember::Remembered;
use caredata_model::Identifiers;
use std::ops::Range;

/// The share of people with a twin of the same sex: 1.4–1.6% of births are twins, two thirds of them of one sex.
const TWIN_OF_SAME_SEX: f64 = 0.014;
/// The share of people with a twin of the other sex.
const TWIN_OF_OTHER_SEX: f64 = 0.007;
/// How often a newborn's record bears its mother's number while the newborn has none.
const NEWBORN_UNDER_MOTHER: f64 = 0.05;
/// How often a stranger's record bears the number of somebody at another postcode, against one of the same household.
const NUMBER_FROM_ELSEWHERE: f64 = 0.1;
/// Bits for the same patient id at the same provider: how seldom two patients there share one by mistake (1 in 100,000).
const LOCAL_ID_BITS: f32 = 16.6;

/// A candidate with its evidence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) person: u32,
    pub(crate) rule: Rule,
    pub(crate) compared: Compared,
    /// Bits for NHS Number, date of birth, postcode, gender and the provider's patient id.
    pub(crate) bits: [f32; 5],
    pub(crate) claim: f64,
}

impl Candidate {
    pub(crate) fn weight_bits(&self) -> f32 {
        self.bits.iter().sum()
    }
}

/// What is made of an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// The best candidate; [`NOBODY`] where there is none.
    pub(crate) person: u32,
    pub(crate) pattern: Option<Pattern>,
    pub(crate) rule: Option<Rule>,
    pub(crate) weight_bits: f32,
    pub(crate) probability: f64,
    pub(crate) next_probability: f64,
    /// The probability that the event is a known person's at all: a candidate's, or somebody's whom no rule found.
    pub(crate) known: f32,
    /// Whether nobody could compete, so that no other candidate was looked for.
    pub(crate) early: bool,
}

/// No person.
pub(crate) const NOBODY: u32 = u32::MAX;

impl Verdict {
    pub(crate) const NONE: Self = Self {
        person: NOBODY,
        pattern: None,
        rule: None,
        weight_bits: 0.0,
        probability: 0.0,
        next_probability: 0.0,
        known: 0.0,
        early: false,
    };

    /// Whether the event is to be linked.
    pub(crate) fn accepts(&self, settings: &Settings) -> bool {
        self.person != NOBODY
            && self.probability >= settings.acceptance()
            && self.probability - self.next_probability >= settings.margin_probability
    }
}

/// That an event is of none of its candidates: of nobody known, or of somebody known whom no rule found.
pub(crate) struct NoneOfThem {
    /// How likely the record is if it is of nobody known.
    stranger: f64,
    stated: Stated,
}

impl NoneOfThem {
    /// The claim, in the unit of the candidates' claims.
    fn claim(&self, parameters: &Parameters) -> f64 {
        (1.0 - parameters.known) * self.stranger + self.overlooked(parameters)
    }

    /// The part of the claim that is of known persons whom no blocking rule found.
    fn overlooked(&self, parameters: &Parameters) -> f64 {
        parameters.known * parameters.overlooked(self.stated)
    }
}

/// Events that are judged together, so that their waits for memory overlap.
pub(crate) const BATCH: usize = 16;

/// Everything that scoring looks at.
pub(crate) struct Scorer<'a> {
    pub(crate) reference: &'a Reference<'a>,
    pub(crate) frequencies: &'a Frequencies,
    pub(crate) blocks: &'a Blocks,
    pub(crate) parameters: Parameters,
    /// What providers' own records say of their errors.
    pub(crate) providers: Providers,
    pub(crate) bits: Bits,
    pub(crate) persons: f64,
    /// Candidates that decisions rule out.
    pub(crate) forbidden: Option<&'a Forbidden>,
}

/// Buffers that a thread keeps from event to event.
#[derive(Default)]
pub(crate) struct Scratch {
    found: Vec<Found>,
    pub(crate) candidates: Vec<Candidate>,
    holders: Holders,
    holder_persons: Vec<u32>,
    /// For each candidate where its rows stand, and then what each row says.
    spans: Vec<Range<u32>>,
    rows: Vec<u32>,
    said: Vec<Said>,
    known_under: Vec<u32>,
    earlier: Vec<u64>,
    moved: Moved,
}

/// What a thread keeps from batch to batch.
#[derive(Default)]
pub(crate) struct Batch {
    /// The events, and the records they are of: with a number that they were lent.
    asking: Vec<(Record, Event)>,
    places: Vec<Places>,
    scratches: Vec<Scratch>,
}

/// What a row of a candidate says.
#[derive(Clone, Copy)]
struct Said {
    identifiers: Identifiers,
    /// Whether it is what the person's practice says now.
    is_current: bool,
    /// Whether another person bears its number too.
    is_shared: bool,
}

impl<'a> Scorer<'a> {
    pub(crate) fn new(
        reference: &'a Reference<'a>,
        frequencies: &'a Frequencies,
        blocks: &'a Blocks,
        parameters: Parameters,
    ) -> Self {
        let persons = reference.persons().max(1) as f64;
        let providers = Providers::default();
        let bits = parameters.bits();
        Self { reference, frequencies, blocks, parameters, providers, bits, persons, forbidden: None }
    }

    /// The persons that a decision says a record is not of.
    #[inline]
    pub(crate) fn forbidden_to(&self, record: &Record) -> &[u32] {
        self.forbidden.and_then(|forbidden| forbidden.get(&record.key)).map_or(&[], Vec::as_slice)
    }

    /// The verdict on an event that exits early: nobody can compete but the person's twin, whom the gender or nothing tells
    /// apart.
    #[inline]
    pub(crate) fn early(&self, early: &Early) -> Verdict {
        let Early { person, postcode, value_bits } = *early;
        let pattern = Pattern { nhs: NhsLevel::Exact, birth: BirthLevel::Exact, postcode, sex: SexLevel::Same };
        let weight_bits = Parameters::match_bits(&self.bits, pattern) + value_bits;
        let claim = self.claim(weight_bits);
        let none = (1.0 - self.parameters.known) * self.parameters.nhs[NhsLevel::Relative as usize];
        let probability = claim / (claim + none);
        Verdict {
            person,
            pattern: Some(pattern),
            rule: Some(Rule::Number),
            weight_bits,
            probability,
            next_probability: 0.0,
            known: probability as f32,
            early: true,
        }
    }

    fn claim(&self, weight_bits: f32) -> f64 {
        self.parameters.known * f64::from(weight_bits).exp2() / self.persons
    }

    /// The verdict on any event; `remembered` is what linked events taught, in the second round.
    pub(crate) fn judge(&self, record: &Record, remembered: Option<&Remembered>, scratch: &mut Scratch) -> Verdict {
        let record = lent(record, remembered);
        let event = Event::new(record.identifiers, self.frequencies, self.persons);
        let none = self.weigh(&event, &record, remembered, scratch);
        self.conclude(&none, scratch)
    }

    /// The verdicts on some events, each as [`Scorer::judge`] gives it.
    pub(crate) fn judge_together<'r>(
        &self,
        records: impl Iterator<Item = &'r Record>,
        remembered: Option<&Remembered>,
        batch: &mut Batch,
    ) -> Vec<Verdict> {
        self.weigh_together(records, remembered, batch, |none, scratch| self.conclude(&none, scratch))
    }

    /// What to make of the candidates that were weighed.
    fn conclude(&self, none: &NoneOfThem, scratch: &Scratch) -> Verdict {
        let claims = scratch.candidates.iter().rev().map(|candidate| candidate.claim).sum::<f64>();
        let sum = claims + none.claim(&self.parameters);
        let known = ((claims + none.overlooked(&self.parameters)) / sum) as f32;
        let Some(best) = scratch.candidates.first() else { return Verdict { known, ..Verdict::NONE } };
        Verdict {
            person: best.person,
            pattern: Some(best.compared.pattern),
            rule: Some(best.rule),
            weight_bits: best.weight_bits(),
            probability: best.claim / sum,
            next_probability: scratch.candidates.get(1).map_or(0.0, |next| next.claim / sum),
            known,
            early: false,
        }
    }

    /// Weighs the candidates of some events, each step for all before the next: a step waits for memory, and the waits of all
    /// overlap. `each` takes every event with its candidates, best first.
    fn weigh_together<'r, T>(
        &self,
        records: impl Iterator<Item = &'r Record>,
        remembered: Option<&Remembered>,
        batch: &mut Batch,
        mut each: impl FnMut(NoneOfThem, &Scratch) -> T,
    ) -> Vec<T> {
        let Batch { asking, places, scratches } = batch;
        asking.clear();
        asking.extend(records.map(|record| {
            let record = lent(record, remembered);
            (record, Event::new(record.identifiers, self.frequencies, self.persons))
        }));
        scratches.resize_with(asking.len().max(scratches.len()), Scratch::default);
        places.clear();
        places.extend(asking.iter().map(|(_, event)| self.blocks.places(self.reference, event)));
        for (((_, event), places), scratch) in asking.iter().zip(&*places).zip(&mut *scratches) {
            self.find_rows(event, places, scratch);
        }
        let scratches = &mut scratches[..asking.len()];
        for scratch in &mut *scratches {
            blocking::name(self.reference, &mut scratch.found);
        }
        for ((_, event), scratch) in asking.iter().zip(&mut *scratches) {
            remember_moves(event, remembered, scratch);
        }
        for ((record, event), scratch) in asking.iter().zip(&mut *scratches) {
            self.choose(event, record, remembered, scratch);
        }
        for step in STEPS {
            for scratch in &mut *scratches {
                step(self.reference, scratch);
            }
        }
        let weighed = asking.iter().zip(scratches).map(|((record, event), scratch)| {
            let none = self.weigh_chosen(event, record, remembered, scratch);
            each(none, scratch)
        });
        weighed.collect()
    }

    /// Fills the candidates, best first, and returns what "none of them" rests on.
    pub(crate) fn weigh(
        &self,
        event: &Event,
        record: &Record,
        remembered: Option<&Remembered>,
        scratch: &mut Scratch,
    ) -> NoneOfThem {
        let places = self.blocks.places(self.reference, event);
        self.find_rows(event, &places, scratch);
        blocking::name(self.reference, &mut scratch.found);
        remember_moves(event, remembered, scratch);
        self.choose(event, record, remembered, scratch);
        for step in STEPS {
            step(self.reference, scratch);
        }
        self.weigh_chosen(event, record, remembered, scratch)
    }

    fn find_rows(&self, event: &Event, places: &Places, scratch: &mut Scratch) {
        scratch.found.clear();
        self.blocks.rows_at(places, self.reference, event, &mut scratch.found);
    }

    /// The candidates of a record: those that were found, with those whom only what is remembered leads to, but for whom
    /// a decision rules out.
    fn choose(&self, event: &Event, record: &Record, remembered: Option<&Remembered>, scratch: &mut Scratch) {
        blocking::each_once(&mut scratch.found);
        if let Some(remembered) = remembered {
            remembered.find(self.reference, event, record, &scratch.moved, &mut scratch.found);
        }
        self.rule_out(record, scratch);
    }

    fn rule_out(&self, record: &Record, scratch: &mut Scratch) {
        let forbidden = self.forbidden_to(record);
        if !forbidden.is_empty() {
            scratch.found.retain(|found| !forbidden.contains(&found.person));
        }
    }

    fn weigh_chosen(
        &self,
        event: &Event,
        record: &Record,
        remembered: Option<&Remembered>,
        scratch: &mut Scratch,
    ) -> NoneOfThem {
        self.compare_chosen(event, record, remembered, scratch);
        let reference = self.reference;
        scratch.candidates.sort_unstable_by(|a, b| {
            let by_key = || reference.first_key(a.person).cmp(&reference.first_key(b.person));
            b.claim.total_cmp(&a.claim).then_with(by_key)
        });
        NoneOfThem { stranger: self.stranger(event, record, scratch), stated: event.stated() }
    }

    /// Weighs candidates that were found otherwise; for measuring what that costs.
    pub(crate) fn weigh_found(
        &self,
        event: &Event,
        record: &Record,
        remembered: Option<&Remembered>,
        found: &[Found],
        scratch: &mut Scratch,
    ) {
        scratch.candidates.clear();
        found.clone_into(&mut scratch.found);
        remember_moves(event, remembered, scratch);
        if !found.is_empty() {
            self.rule_out(record, scratch);
            for step in STEPS {
                step(self.reference, scratch);
            }
            self.compare_chosen(event, record, remembered, scratch);
        }
    }

    fn compare_chosen(&self, event: &Event, record: &Record, remembered: Option<&Remembered>, scratch: &mut Scratch) {
        scratch.candidates.clear();
        let household = remembered.map_or(0.0, |remembered| remembered.household_bits(&self.parameters));
        self.find_holders(event, scratch);
        scratch.known_under.clear();
        if let Some(remembered) = remembered {
            remembered.known_under(record, &mut scratch.known_under);
        }
        let shares = self.providers.bits(record.provider).unwrap_or(&self.bits);
        let mut said = scratch.said.as_slice();
        for (&Found { person, rule }, span) in scratch.found.iter().zip(&scratch.spans) {
            let (rows, others) = said.split_at(span.len());
            said = others;
            let contested = is_contested(event, rows);
            let context = Context { frequencies: self.frequencies, holders: &scratch.holders, contested };
            scratch.earlier.clear();
            if let Some(remembered) = remembered {
                remembered.postcodes_of(person, &mut scratch.earlier);
            }
            let same_local_id = scratch.known_under.contains(&person);
            let rows = rows.iter().map(|row| (row.identifiers, row.is_current));
            let compared = compare(event, rows, &scratch.earlier, &scratch.moved, &context);
            let mut bits = weights(shares, &compared, same_local_id);
            if compared.pattern.postcode == PostcodeLevel::Household {
                bits[2] = household + compared.value_bits[2];
            }
            let claim = self.claim(bits.iter().sum());
            scratch.candidates.push(Candidate { person, rule, compared, bits, claim });
        }
    }

    fn find_holders(&self, event: &Event, scratch: &mut Scratch) {
        scratch.holders.postcodes.clear();
        scratch.holder_persons.clear();
        for row in self.reference.by_nhs.find(keys::nhs_digits(event.nhs)) {
            let theirs = self.reference.rows[row as usize];
            if keys::digits(theirs) == event.nhs {
                scratch.holder_persons.push(self.reference.person_of_row[row as usize]);
                if keys::place(theirs).is_some() {
                    scratch.holders.postcodes.push(keys::postcode(theirs));
                }
            }
        }
        scratch.holder_persons.sort_unstable();
        scratch.holder_persons.dedup();
        scratch.holders.persons = scratch.holder_persons.len();
    }

    /// How likely the record is if it is of nobody known, against its being anybody's.
    fn stranger(&self, event: &Event, record: &Record, scratch: &Scratch) -> f64 {
        let mut stranger = 1.0;
        if !scratch.holder_persons.is_empty() {
            stranger = self.number_of_a_relative(event, record, scratch);
        }
        // An unregistered twin of a candidate agrees in all but the number.
        let twins: f64 = scratch
            .candidates
            .iter()
            .rev()
            .filter(|c| c.compared.pattern.birth == BirthLevel::Exact && c.compared.pattern.nhs > NhsLevel::Similar)
            .filter(|c| c.compared.pattern.postcode <= PostcodeLevel::Earlier && c.bits[4] == 0.0)
            .map(|c| {
                let but_for_sex = self.claim(c.bits[1] + c.bits[2] + c.compared.value_bits[3]);
                let of_other_sex = c.compared.pattern.sex == SexLevel::Other;
                but_for_sex * if of_other_sex { TWIN_OF_OTHER_SEX } else { TWIN_OF_SAME_SEX }
            })
            .sum();
        stranger + twins
    }

    /// How likely a stranger bears the number of a known person, against bearing any given number: households share.
    fn number_of_a_relative(&self, event: &Event, record: &Record, scratch: &Scratch) -> f64 {
        let at_home = event.postcode != 0 && scratch.holders.postcodes.contains(&event.postcode);
        let newborn = event.identifiers.birth_date().is_some_and(|date| {
            let age = record.day.days_since_1970() - date.day().days_since_1970();
            (0..=366).contains(&age) && self.is_adult_number(event, scratch)
        });
        let rate = if newborn { NEWBORN_UNDER_MOTHER } else { self.parameters.nhs[NhsLevel::Relative as usize] };
        if at_home {
            rate * self.persons / f64::from(self.frequencies.at_postcode(event.postcode).max(1))
        } else {
            rate * NUMBER_FROM_ELSEWHERE
        }
    }

    fn is_adult_number(&self, event: &Event, scratch: &Scratch) -> bool {
        scratch.holder_persons.iter().any(|&person| {
            self.reference.rows_of(person).iter().any(|&row| {
                let born = self.reference.rows[row as usize].birth_packed();
                born != 0 && born + 12 * 365 < event.birth
            })
        })
    }

    /// What learning sees of some events.
    pub(crate) fn configurations<'r>(
        &self,
        records: impl Iterator<Item = &'r Record>,
        batch: &mut Batch,
    ) -> Vec<Configuration> {
        self.weigh_together(records, None, batch, |none, scratch| self.configuration(&none, scratch))
    }

    fn configuration(&self, none: &NoneOfThem, scratch: &Scratch) -> Configuration {
        let eighths = |bits: f32| (bits * 8.0).round() as i16;
        let prior = self.persons.log2() as f32;
        let mut candidates: Vec<(Pattern, i16)> = scratch
            .candidates
            .iter()
            // What has no chance at all only makes configurations look different.
            .filter(|candidate| candidate.weight_bits() > prior - 20.0)
            .map(|c| (c.compared.pattern, eighths(c.compared.sum_of_value_bits() - prior)))
            .collect();
        candidates.sort_unstable();
        Configuration { candidates, none_eighths: eighths(none.stranger.log2() as f32), stated: Some(none.stated) }
    }
}

/// The record as it is judged: with the number that what is remembered lends it.
fn lent(record: &Record, remembered: Option<&Remembered>) -> Record {
    remembered.and_then(|remembered| remembered.lend_number(record)).unwrap_or(*record)
}

fn remember_moves(event: &Event, remembered: Option<&Remembered>, scratch: &mut Scratch) {
    match remembered {
        Some(remembered) => remembered.moved_from(event, &mut scratch.moved),
        None => scratch.moved.to.clear(),
    }
}

/// What is done with the buffers of an event whose candidates are chosen: where their rows stand, which they are, what they say.
const STEPS: [fn(&Reference<'_>, &mut Scratch); 3] = [find_spans, list_rows, read_rows];

fn find_spans(reference: &Reference<'_>, scratch: &mut Scratch) {
    scratch.spans.clear();
    scratch.spans.extend(scratch.found.iter().map(|found| reference.span_of(found.person)));
}

fn list_rows(reference: &Reference<'_>, scratch: &mut Scratch) {
    scratch.rows.clear();
    for span in &scratch.spans {
        scratch.rows.extend_from_slice(reference.rows_in(span.clone()));
    }
}

fn read_rows(reference: &Reference<'_>, scratch: &mut Scratch) {
    scratch.said.clear();
    scratch.said.extend(scratch.rows.iter().map(|&row| Said {
        identifiers: reference.rows[row as usize],
        is_current: reference.is_current(row),
        is_shared: reference.shares_its_number(row),
    }));
}

/// Whether another person bears the candidate's number too, while the event's number is nobody's.
fn is_contested(event: &Event, rows: &[Said]) -> bool {
    let contests = |row: &Said| row.is_shared && keys::digits(row.identifiers) != event.nhs;
    event.nhs != 0 && event.nhs_valid && rows.iter().any(contests)
}

/// The patient id adds to a number that differs or is missing, not to one that agrees: a number that the patient id lent
/// must not count twice.
fn weights(bits: &Bits, compared: &Compared, same_local_id: bool) -> [f32; 5] {
    let same_local_id = same_local_id && compared.pattern.nhs > NhsLevel::Similar;
    let [nhs, birth, postcode, sex] = compared.pattern.levels().map(usize::from);
    // What a wrong number and a wrong date of birth tell together is booked under the number.
    let alone = bits.nhs[nhs] + bits.birth[birth] + bits.postcode[postcode] + bits.sex[sex];
    let together = Parameters::match_bits(bits, compared.pattern) - alone;
    [
        bits.nhs[nhs] + compared.value_bits[0] + together,
        bits.birth[birth] + compared.value_bits[1],
        bits.postcode[postcode] + compared.value_bits[2],
        bits.sex[sex] + compared.value_bits[3],
        if same_local_id { LOCAL_ID_BITS } else { 0.0 },
    ]
}

//! Candidates to posteriors: which person an event is of, or none of them.
//!
//! Event -> [`Verdict`]. A candidate's claim is prior × likelihood; the claims and that of "none of them" are normalised
//! over the event. "None" is an unregistered stranger, an unregistered twin or household member of a candidate, or a
//! known person whom no blocking rule found. Invariant: claims are summed in the order of their size, then of record keys, so
//! that a verdict does not depend on the order of the input.

use crate::Record;
use crate::Settings;
use crate::blocking::{Blocks, Found, Rule};
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
    earlier: Vec<u64>,
    moved: Moved,
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
        let lent = remembered.and_then(|remembered| remembered.lend_number(record));
        let record = lent.as_ref().unwrap_or(record);
        let event = Event::new(record.identifiers, self.frequencies, self.persons);
        let none = self.weigh(&event, record, remembered, scratch);
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

    /// Fills the candidates, best first, and returns what "none of them" rests on.
    pub(crate) fn weigh(
        &self,
        event: &Event,
        record: &Record,
        remembered: Option<&Remembered>,
        scratch: &mut Scratch,
    ) -> NoneOfThem {
        self.compare_all(event, record, remembered, scratch);
        let reference = self.reference;
        scratch.candidates.sort_unstable_by(|a, b| {
            let by_key = || reference.first_key(a.person).cmp(&reference.first_key(b.person));
            b.claim.total_cmp(&a.claim).then_with(by_key)
        });
        NoneOfThem { stranger: self.stranger(event, record, scratch), stated: event.stated() }
    }

    fn compare_all(&self, event: &Event, record: &Record, remembered: Option<&Remembered>, scratch: &mut Scratch) {
        scratch.found.clear();
        scratch.candidates.clear();
        self.blocks.find(self.reference, event, &mut scratch.found);
        if let Some(remembered) = remembered {
            remembered.moved_from(event, &mut scratch.moved);
            remembered.find(self.reference, event, record, &scratch.moved, &mut scratch.found);
        } else {
            scratch.moved.to.clear();
        }
        self.compare_found(event, record, remembered, scratch);
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
        if let Some(remembered) = remembered {
            remembered.moved_from(event, &mut scratch.moved);
        } else {
            scratch.moved.to.clear();
        }
        if !found.is_empty() {
            self.compare_found(event, record, remembered, scratch);
        }
    }

    fn compare_found(&self, event: &Event, record: &Record, remembered: Option<&Remembered>, scratch: &mut Scratch) {
        let forbidden = self.forbidden_to(record);
        if !forbidden.is_empty() {
            scratch.found.retain(|found| !forbidden.contains(&found.person));
        }
        let household = remembered.map_or(0.0, |remembered| remembered.household_bits(&self.parameters));
        self.find_holders(event, scratch);
        let shares = self.providers.bits(record.provider).unwrap_or(&self.bits);
        for &Found { person, rule } in &scratch.found {
            let contested = self.is_contested(event, person);
            let context = Context { frequencies: self.frequencies, holders: &scratch.holders, contested };
            scratch.earlier.clear();
            let mut same_local_id = false;
            if let Some(remembered) = remembered {
                remembered.postcodes_of(person, &mut scratch.earlier);
                same_local_id = remembered.knows(person, record);
            }
            let rows = self.reference.rows_of(person).iter();
            let rows = rows.map(|&row| (self.reference.rows[row as usize], self.reference.is_current(row)));
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

    /// Whether another person bears the candidate's number too, while the event's number is nobody's.
    fn is_contested(&self, event: &Event, person: u32) -> bool {
        if event.nhs == 0 || !event.nhs_valid {
            return false;
        }
        self.reference.rows_of(person).iter().any(|&row| {
            let theirs = keys::digits(self.reference.rows[row as usize]);
            theirs != event.nhs
                && self.reference.by_nhs.find(keys::nhs_digits(theirs)).any(|other| {
                    self.reference.person_of_row[other as usize] != person
                        && keys::digits(self.reference.rows[other as usize]) == theirs
                })
        })
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

    /// What learning sees of an event.
    pub(crate) fn configuration(&self, record: &Record, scratch: &mut Scratch) -> Configuration {
        let event = Event::new(record.identifiers, self.frequencies, self.persons);
        let none = self.weigh(&event, record, None, scratch);
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

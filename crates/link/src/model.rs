//! The model: how often truly matching records agree at each level, and how many events belong to somebody known.
//!
//! Counts of configurations (an event's candidates as agreement patterns) -> [`Parameters`] by expectation–maximisation
//! (Fellegi & Sunter 1969; Winkler 1988). What an agreement is worth by chance comes from the frequencies of values and is not
//! learnt. Invariant: each identifier's stated levels sum to one; the result depends on the multiset of configurations alone.

use crate::levels::{BirthLevel, NhsLevel, Pattern, PostcodeLevel, SexLevel};

const NHS: usize = NhsLevel::Missing as usize;
const BIRTH: usize = BirthLevel::Missing as usize;
const POSTCODE: usize = PostcodeLevel::Missing as usize;
const SEX: usize = SexLevel::Missing as usize;

/// Shares of truly matching records at each level, among records where the identifier is stated on both sides.
///
/// The arrays are in the order of the levels' enums without `Missing`, which is neutral.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// Shares by [`NhsLevel`].
    pub nhs: [f64; NHS],
    /// Shares by [`BirthLevel`].
    pub birth: [f64; BIRTH],
    /// Shares by [`PostcodeLevel`].
    pub postcode: [f64; POSTCODE],
    /// Shares by [`SexLevel`].
    pub sex: [f64; SEX],
    /// How many times as often as by chance a wrong number and a wrong date of birth meet on one record: carelessness is not
    /// shared out evenly.
    pub both_wrong: f64,
    /// The share of events whose person is known.
    pub known: f64,
}

impl Default for Parameters {
    /// Where learning starts and what it leans on while there is little to learn from: rates between two real systems
    /// (the CRATE project: date of birth differs in 0.5% of true matches, 93% of these in one part; gender in 0.3%).
    fn default() -> Self {
        Self {
            nhs: [0.996, 0.0012, 0.0002, 0.0006, 0.0002, 0.0018],
            birth: [0.993, 0.0008, 0.003, 0.0025, 0.0002, 0.0005],
            postcode: [0.90, 0.02, 0.002, 0.005, 0.01, 0.02, 0.043],
            sex: [0.997, 0.003],
            both_wrong: 1.0,
            known: 0.96,
        }
    }
}

impl Parameters {
    /// log2 of the probability of a pattern's levels among matching records; missing counts nothing.
    #[inline]
    pub(crate) fn match_bits(bits: &Bits, pattern: Pattern) -> f32 {
        let [nhs, birth, postcode, sex] = pattern.levels().map(usize::from);
        let both_wrong = if is_wrong::<NHS>(nhs) && is_wrong::<BIRTH>(birth) { bits.both_wrong } else { 0.0 };
        bits.nhs[nhs] + bits.birth[birth] + bits.postcode[postcode] + bits.sex[sex] + both_wrong
    }

    /// The logarithms of the shares, with 0 for missing.
    pub(crate) fn bits(&self) -> Bits {
        let mut postcode = self.postcode;
        // Few persons have an earlier postcode on record, so its share says little of how often one that is on record is met
        // again: of the records that do not bear the present postcode, about half bear one that the person was seen with.
        let earlier = &mut postcode[PostcodeLevel::Earlier as usize];
        *earlier = earlier.max(self.away() / 2.0);
        Bits {
            nhs: logs(&self.nhs),
            birth: logs(&self.birth),
            postcode: logs(&postcode),
            sex: logs(&self.sex),
            both_wrong: self.both_wrong.log2() as f32,
        }
    }

    /// The share of records that bear a postcode at which the person is not known to live.
    pub(crate) fn away(&self) -> f64 {
        let away = [PostcodeLevel::Sector, PostcodeLevel::District, PostcodeLevel::Elsewhere];
        away.iter().map(|&level| self.postcode[level as usize]).sum()
    }

    /// The probability that a person who is known is not among the candidates that blocking finds for a record with these
    /// identifiers stated.
    pub(crate) fn overlooked(&self, Stated { nhs, birth, postcode }: Stated) -> f64 {
        let by_number =
            if nhs { 1.0 - self.nhs[NhsLevel::Exact as usize] - self.nhs[NhsLevel::Near as usize] } else { 1.0 };
        let birth_wrong = 1.0 - self.birth[BirthLevel::Exact as usize];
        let away = self.postcode[PostcodeLevel::Elsewhere as usize];
        let elsewhere = if birth && postcode { (away + birth_wrong * 0.1).min(1.0) } else { 1.0 };
        by_number * elsewhere
    }
}

/// log2 of [`Parameters`], missing included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bits {
    pub(crate) nhs: [f32; NHS + 1],
    pub(crate) birth: [f32; BIRTH + 1],
    pub(crate) postcode: [f32; POSTCODE + 1],
    pub(crate) sex: [f32; SEX + 1],
    pub(crate) both_wrong: f32,
}

/// Whether a level says that an identifier is stated and wrong, of levels that begin with exact agreement.
#[inline]
const fn is_wrong<const MISSING: usize>(level: usize) -> bool {
    level > 0 && level < MISSING
}

/// Which identifiers an event states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stated {
    /// NHS Number.
    pub nhs: bool,
    /// Date of birth.
    pub birth: bool,
    /// Postcode.
    pub postcode: bool,
}

fn logs<const N: usize, const M: usize>(shares: &[f64; N]) -> [f32; M] {
    let mut bits = [0.0; M];
    for (bit, share) in bits.iter_mut().zip(shares) {
        *bit = share.log2() as f32;
    }
    bits
}

/// One event's candidates, as learning sees them: patterns with the bits that their values add, and the bits of "none".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Configuration {
    /// A pattern for each candidate, and in eighths of a bit what its values add over chance (prior 1 in the number of persons
    /// included).
    pub candidates: Vec<(Pattern, i16)>,
    /// In eighths of a bit, how likely the record is if it is nobody's who is known.
    pub none_eighths: i16,
    /// What the event states, where it may be of somebody known whom blocking did not find; `None` where it may not.
    pub stated: Option<Stated>,
}

/// How learning went.
#[derive(Clone, Debug, PartialEq)]
pub struct Learnt {
    /// What was learnt.
    pub parameters: Parameters,
    /// The number of passes.
    pub iterations: u32,
    /// Whether no share moved by more than the tolerance in the last pass.
    pub converged: bool,
    /// The log2-likelihood of the configurations, a pass each; never falls by more than the prior's pull.
    pub log2_likelihood: Vec<f64>,
}

/// Learning stops when no parameter moves by more than this in a pass,
pub const TOLERANCE: f64 = 1e-6;
/// or after this many passes.
pub const ITERATIONS_MAX: u32 = 60;
/// The prior counts as much as this many matched records at its starting shares.
pub const PRIOR_RECORDS: f64 = 400.0;

/// Learns the parameters from configurations and how often each occurs.
///
/// Starts at `start` and leans on it with the weight of `prior_records` matched records. In each pass a candidate's claim is
/// its posterior over all candidates of its event and "none of them".
pub fn learn(configurations: &[(Configuration, u64)], start: &Parameters, prior_records: f64) -> Learnt {
    let mut learnt = Learnt { parameters: *start, iterations: 0, converged: false, log2_likelihood: Vec::new() };
    let total: u64 = configurations.iter().map(|&(_, times)| times).sum();
    while learnt.iterations < ITERATIONS_MAX && !learnt.converged && total > 0 {
        let (next, likelihood) = pass(configurations, &learnt.parameters, start, prior_records);
        learnt.converged = next.furthest_from(&learnt.parameters) <= TOLERANCE;
        learnt.parameters = next;
        learnt.log2_likelihood.push(likelihood);
        learnt.iterations += 1;
    }
    learnt
}

/// Posterior counts of levels.
#[derive(Default)]
pub(crate) struct Sums {
    pub(crate) nhs: [f64; NHS + 1],
    pub(crate) birth: [f64; BIRTH + 1],
    pub(crate) postcode: [f64; POSTCODE + 1],
    pub(crate) sex: [f64; SEX + 1],
    wrong: WrongTogether,
    known: f64,
    all: f64,
    likelihood: f64,
}

/// Posteriors of candidates under parameters, added up.
pub(crate) struct Posteriors<'a> {
    now: &'a Parameters,
    bits: Bits,
    claims: Vec<f64>,
}

impl<'a> Posteriors<'a> {
    pub(crate) fn new(now: &'a Parameters) -> Self {
        Self { now, bits: now.bits(), claims: Vec::new() }
    }

    /// Adds the candidates of a configuration that occurs so many times.
    pub(crate) fn add(&mut self, configuration: &Configuration, times: f64, sums: &mut Sums) {
        let Self { now, bits, claims } = self;
        claims.clear();
        claims.extend(configuration.candidates.iter().map(|&(pattern, eighths)| {
            now.known * f64::from(Parameters::match_bits(bits, pattern) + f32::from(eighths) / 8.0).exp2()
        }));
        let none = (1.0 - now.known) * (f64::from(configuration.none_eighths) / 8.0).exp2();
        let overlooked = configuration.stated.map_or(0.0, |stated| now.known * now.overlooked(stated));
        let sum = claims.iter().sum::<f64>() + none + overlooked;
        sums.likelihood += times * sum.log2();
        sums.all += times;
        sums.known += times * overlooked / sum;
        if configuration.stated.is_some_and(|stated| stated.birth && stated.postcode) {
            // Who is known and not found has moved out of sight, or nearly always so.
            sums.postcode[PostcodeLevel::Elsewhere as usize] += times * overlooked / sum;
        }
        for (&(pattern, _), claim) in configuration.candidates.iter().zip(claims) {
            let share = times * *claim / sum;
            let [nhs, birth, postcode, sex] = pattern.levels().map(usize::from);
            sums.known += share;
            sums.nhs[nhs] += share;
            sums.birth[birth] += share;
            sums.postcode[postcode] += share;
            sums.sex[sex] += share;
            sums.wrong.add(nhs, birth, share);
        }
    }
}

/// Records that state number and date of birth, and of these how many state them wrong.
#[derive(Default)]
struct WrongTogether {
    stated: f64,
    nhs: f64,
    birth: f64,
    both: f64,
}

impl WrongTogether {
    /// Counts that this little stands for are no evidence of dependence.
    const PRIOR: f64 = 2.0;
    /// Dependence beyond this is not believed: it would make proof of two errors.
    const MOST: f64 = 16.0;

    fn add(&mut self, nhs: usize, birth: usize, share: f64) {
        if nhs < NHS && birth < BIRTH {
            let (nhs, birth) = (is_wrong::<NHS>(nhs), is_wrong::<BIRTH>(birth));
            self.stated += share;
            self.nhs += if nhs { share } else { 0.0 };
            self.birth += if birth { share } else { 0.0 };
            self.both += if nhs && birth { share } else { 0.0 };
        }
    }

    fn ratio(&self) -> f64 {
        let by_chance = self.nhs * self.birth / self.stated.max(1.0);
        ((self.both + Self::PRIOR) / (by_chance + Self::PRIOR)).clamp(1.0, Self::MOST)
    }
}

fn pass(all: &[(Configuration, u64)], now: &Parameters, start: &Parameters, prior_records: f64) -> (Parameters, f64) {
    let (mut posteriors, mut sums) = (Posteriors::new(now), Sums::default());
    for (configuration, times) in all {
        posteriors.add(configuration, *times as f64, &mut sums);
    }
    let next = Parameters {
        nhs: shares(&sums.nhs, &start.nhs, prior_records),
        birth: shares(&sums.birth, &start.birth, prior_records),
        postcode: shares(&sums.postcode, &start.postcode, prior_records),
        sex: shares(&sums.sex, &start.sex, prior_records),
        both_wrong: sums.wrong.ratio(),
        // Everybody known, or nobody, would silence the evidence: at least one record in a thousand is either.
        known: ((sums.known + prior_records * start.known) / (sums.all + prior_records)).clamp(0.001, 0.999),
    };
    (next, sums.likelihood)
}

fn shares<const N: usize>(sums: &[f64], start: &[f64; N], prior_records: f64) -> [f64; N] {
    let stated: f64 = sums[..N].iter().sum::<f64>() + prior_records;
    let mut shares = [0.0; N];
    for at in 0..N {
        shares[at] = ((sums[at] + prior_records * start[at]) / stated).max(1e-9);
    }
    shares
}

impl Parameters {
    fn furthest_from(&self, other: &Self) -> f64 {
        let flat = |p: &Self| {
            let parts = [&p.nhs[..], &p.birth[..], &p.postcode[..], &p.sex[..], &[p.known]];
            parts.concat()
        };
        flat(self).iter().zip(flat(other)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }
}

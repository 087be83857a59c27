//! The silence alarm: how many wishes practices noted month by month in, which of them chance does not explain out.
//!
//! The number of wishes noted in some months is a Poisson number of a rate that differs from practice to practice as a gamma
//! distribution does, so what is to be expected after a practice's own past is a negative binomial number (the posterior
//! predictive of the gamma-Poisson model: Gelman and others, *Bayesian Data Analysis*, 3rd edition, 2.6). Its exact tails are
//! compared with [`FALSE_ALARM`]. docs/silence-alarm.md has what was measured. Pure; the same counts give the same findings.

use caredata_model::Period;
use std::collections::{BTreeMap, BTreeSet};

/// The probability of each test's being wrong where nothing is. Sixteen tests a month, many of them of the same months.
pub const FALSE_ALARM: f64 = 1e-5;
/// The last so many months are judged together, for practices where a month has few wishes.
const WINDOWS: [usize; 4] = [1, 3, 6, 12];
/// Months of a past without which nothing is judged, and the most that are looked at.
const PAST_MONTHS: std::ops::RangeInclusive<usize> = 6..=36;
/// A month moves a whole supplier's numbers, as when the papers write of it: a coefficient of variation of 10%.
const SHAPE_OF_MONTHS: f64 = 100.0;
/// How others did in the same months is weighed against so many wishes of nothing unusual.
const OTHERS_WEIGHED: f64 = 10.0;

/// What a practice noted in a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// Patients registered.
    pub patients: u64,
    /// Objections noted in the month.
    pub objections: u64,
    /// Withdrawals noted in the month.
    pub withdrawals: u64,
    /// Whether the practice was held then: what was not believed is no past to compare with.
    pub was_held: bool,
}

/// A practice's months, and who supplies its system, where that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// The supplier.
    pub supplier: Option<String>,
    /// Its months.
    pub months: BTreeMap<Period, Noted>,
}

/// What is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// Nothing was noted, where something was to be expected.
    Silence,
    /// Far less.
    Drop,
    /// Far more.
    Jump,
}

/// Whose numbers they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    /// The practice's own.
    Practice,
    /// Its supplier's, over all the practices that it supplies.
    Supplier,
}

/// Which series is looked at.
type Series = fn(&Noted) -> u64;
const SERIES: [Series; 2] = [|noted| noted.objections, |noted| noted.withdrawals];

/// What there is to say of each practice that noted this month.
pub fn watch(pasts: &BTreeMap<String, Past>, month: Period) -> BTreeMap<String, (Whose, Finding)> {
    let now: BTreeMap<&str, &Past> = pasts
        .iter()
        .filter(|(_, past)| past.months.contains_key(&month))
        .map(|(practice, past)| (practice.as_str(), past))
        .collect();
    let suppliers: BTreeSet<&str> = now.values().filter_map(|past| past.supplier.as_deref()).collect();
    let mut found = BTreeMap::new();
    for series in SERIES {
        let peers = Peers::of(&now, month, series);
        for (&practice, past) in &now {
            let own = [*past];
            if let Some(finding) = peers.judge(&own, month, f64::INFINITY) {
                found.entry(practice.to_owned()).or_insert((Whose::Practice, finding));
            }
        }
        for &supplier in &suppliers {
            let of = |past: &&Past| past.supplier.as_deref() == Some(supplier);
            let own: Vec<&Past> = now.values().copied().filter(of).collect();
            if let (2.., Some(finding)) = (own.len(), peers.judge(&own, month, SHAPE_OF_MONTHS)) {
                let named = now.iter().filter(|(_, past)| of(past)).map(|(practice, _)| (*practice).to_owned());
                // The supplier's fault is the better word for what its practices show.
                found.extend(named.map(|practice| (practice, (Whose::Supplier, finding))));
            }
        }
    }
    found
}

/// Wishes, and patients times months in which they were noted.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    wishes: u64,
    exposure: f64,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.wishes += other.wishes;
        self.exposure += other.exposure;
    }
}

/// What a practice's last `window` months hold, and the months before.
fn parted(past: &Past, month: Period, window: usize, series: Series) -> Option<(Sum, Sum)> {
    let sum = |months: &[&Noted]| {
        let mut sum = Sum::default();
        for noted in months {
            sum.add(Sum { wishes: series(noted), exposure: noted.patients as f64 });
        }
        sum
    };
    let months: Vec<&Noted> = past.months.range(..=month).map(|(_, noted)| noted).collect();
    let (before, last) = months.split_at_checked(months.len().checked_sub(window)?)?;
    let believed: Vec<&Noted> = before.iter().rev().copied().filter(|noted| !noted.was_held).collect();
    let believed = &believed[..believed.len().min(*PAST_MONTHS.end())];
    PAST_MONTHS.contains(&believed.len()).then(|| (sum(believed), sum(last)))
}

/// What practices do among themselves.
struct Peers<'a> {
    series: Series,
    /// For each window: wishes and expected wishes of all, and each practice's share of them.
    windows: Vec<(Sum, f64)>,
    rate: f64,
    shape: f64,
    all: &'a BTreeMap<&'a str, &'a Past>,
}

impl<'a> Peers<'a> {
    fn of(all: &'a BTreeMap<&'a str, &'a Past>, month: Period, series: Series) -> Self {
        let pasts: Vec<Sum> =
            all.values().filter_map(|past| parted(past, month, 1, series)).map(|(before, _)| before).collect();
        let mut whole = Sum::default();
        for past in &pasts {
            whole.add(*past);
        }
        let rate = if whole.exposure > 0.0 { whole.wishes as f64 / whole.exposure } else { 0.0 };
        // By moments: what practices differ by beyond chance.
        let (mut beyond, mut squares) = (0.0, 0.0);
        for past in &pasts {
            let expected = rate * past.exposure;
            beyond += (past.wishes as f64 - expected).powi(2) - expected;
            squares += past.exposure.powi(2);
        }
        let shape = match (pasts.len(), beyond > 0.0) {
            (..10, _) => 2.0,
            (_, true) => (rate.powi(2) * squares / beyond).clamp(0.5, 100.0),
            (_, false) => 100.0,
        };
        let mut peers = Self { series, windows: Vec::new(), rate, shape, all };
        peers.windows = WINDOWS.iter().map(|&window| peers.told(all.values().copied(), month, window)).collect();
        peers
    }

    /// What was noted in a window, and what was to be expected after each one's own past.
    fn told<'p>(&self, of: impl Iterator<Item = &'p Past>, month: Period, window: usize) -> (Sum, f64) {
        let (mut noted, mut expected) = (Sum::default(), 0.0);
        for (before, last) in of.filter_map(|past| parted(past, month, window, self.series)) {
            noted.add(last);
            expected += self.expected(before) * last.exposure;
        }
        (noted, expected)
    }

    /// The rate to be expected after a past.
    fn expected(&self, before: Sum) -> f64 {
        (self.shape + before.wishes as f64) / (self.shape / self.rate + before.exposure)
    }

    /// Judges some practices together.
    fn judge(&self, own: &[&Past], month: Period, shape_max: f64) -> Option<Finding> {
        if self.rate <= 0.0 || self.all.is_empty() {
            return None;
        }
        WINDOWS.iter().zip(&self.windows).find_map(|(&window, (of_all, expected_of_all))| {
            let (noted, expected) = self.told(own.iter().copied(), month, window);
            if expected <= 0.0 {
                return None;
            }
            let of_others = (of_all.wishes - noted.wishes) as f64;
            let expected_of_others = (expected_of_all - expected).max(0.0);
            let times = (OTHERS_WEIGHED + of_others) / (OTHERS_WEIGHED + expected_of_others);
            // Others' silence makes nobody's number a jump, and others' jump nobody's a drop: it only excuses.
            let (quiet, busy) = (times.clamp(0.2, 1.0), times.clamp(1.0, 5.0));
            let past: u64 = own
                .iter()
                .filter_map(|past| parted(past, month, window, self.series))
                .map(|(before, _)| before.wishes)
                .sum();
            let shape = (self.shape + past as f64).min(shape_max);
            let (at_most, _) = tails(noted.wishes, shape, expected * quiet);
            let (_, at_least) = tails(noted.wishes, shape, expected * busy);
            match (at_most < FALSE_ALARM, at_least < FALSE_ALARM) {
                (true, _) if noted.wishes == 0 => Some(Finding::Silence),
                (true, _) => Some(Finding::Drop),
                (false, true) => Some(Finding::Jump),
                (false, false) => None,
            }
        })
    }
}

/// The probabilities of at most and of at least so many, of a negative binomial number of this shape and mean.
fn tails(count: u64, shape: f64, mean: f64) -> (f64, f64) {
    let failure = mean / (shape + mean);
    let mut log = -shape * (mean / shape).ln_1p();
    let mut below = 0.0;
    for k in 0..count {
        below += log.exp();
        log += ((shape + k as f64) / (k as f64 + 1.0) * failure).ln();
    }
    (below + log.exp(), 1.0 - below)
}

#[cfg(test)]
#[allow(clippy::print_stderr, reason = "the measured figures of docs/silence-alarm.md")]
mod tests {
    use super::*;

    /// Numbers of no particular order, the same each time (Steele and others, `SplitMix64`).
    struct Chance(u64);

    impl Chance {
        fn unit(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut bits = self.0;
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        }

        /// A Poisson number, by multiplying (Knuth), of a mean cut into parts that do not vanish.
        fn poisson(&mut self, mean: f64) -> u64 {
            let parts = (mean / 20.0).ceil().max(1.0);
            (0..parts as u64).map(|_| self.small(mean / parts)).sum()
        }

        fn small(&mut self, mean: f64) -> u64 {
            let (limit, mut product, mut count) = ((-mean).exp(), self.unit(), 0);
            while product > limit {
                product *= self.unit();
                count += 1;
            }
            count
        }

        /// A gamma number of shape 4 and mean 1: the mean of four exponential ones.
        fn gamma(&mut self) -> f64 {
            (0..4).map(|_| -(1.0 - self.unit()).ln()).sum::<f64>() / 4.0
        }
    }

    fn month(number: i32) -> Period {
        "2014-01".parse::<Period>().expect("a month").month_after(number)
    }

    /// 150,000 objections of 36 months over 2,700 practices of 8,000 patients are this many a patient and month.
    const RATE: f64 = 150_000.0 / 36.0 / 2_700.0 / 8_000.0;

    /// Practices of one size with so many months of chance; some supplied by `one`, as many by `two`.
    fn country(
        chance: &mut Chance,
        practices: usize,
        patients: u64,
        months: i32,
    ) -> (BTreeMap<String, Past>, Vec<f64>) {
        let rates: Vec<f64> = (0..practices).map(|_| RATE * chance.gamma()).collect();
        let pasts = rates.iter().enumerate().map(|(at, rate)| {
            let supplier = Some(if at % 2 == 0 { "one" } else { "two" }.to_owned());
            let noted = |number| (month(number), drawn(chance, patients, *rate));
            (format!("P{at:05}"), Past { supplier, months: (0..months).map(noted).collect() })
        });
        (pasts.collect(), rates)
    }

    fn drawn(chance: &mut Chance, patients: u64, rate: f64) -> Noted {
        let objections = chance.poisson(rate * patients as f64);
        Noted { patients, objections, withdrawals: chance.poisson(rate * patients as f64 / 10.0), was_held: false }
    }

    #[test]
    fn tails_are_those_of_the_negative_binomial() {
        // By Python's scipy.stats.nbinom(4, 4 / (4 + 6)): cdf(2) and sf(1).
        let (at_most, at_least) = tails(2, 4.0, 6.0);
        assert!((at_most - 0.179_2).abs() < 1e-12 && (at_least - 0.912_96).abs() < 1e-12, "{at_most} {at_least}");
        let (at_most, at_least) = tails(0, 50.0, 4_000.0);
        assert!(at_most > 0.0 && at_most < 1e-80 && (at_least - 1.0).abs() < 1e-12);
    }

    #[test]
    fn few_of_eight_thousand_practices_are_held_wrongly_in_a_year() {
        let mut chance = Chance(1);
        let (pasts, _) = country(&mut chance, 8_000, 8_000, 30);
        let held: BTreeSet<String> = (18..30).flat_map(|number| watch(&pasts, month(number)).into_keys()).collect();
        eprintln!("held wrongly within a year: {} of 8,000 practices", held.len());
        assert!(held.len() <= 8, "{} of 8,000 practices", held.len());
    }

    /// Months until something is found where practices chosen by `failing` pass on a part of what is said.
    fn found_after(patients: u64, failing: impl Fn(usize) -> bool, (part, months_max): (f64, i32)) -> Vec<i32> {
        let mut chance = Chance(2);
        let (mut pasts, rates) = country(&mut chance, 200, patients, 24);
        let mut found: BTreeMap<String, i32> = BTreeMap::new();
        let mut others = BTreeSet::new();
        for number in 24..24 + months_max {
            for (at, (past, rate)) in pasts.values_mut().zip(&rates).enumerate() {
                let rate = if failing(at) { rate * part } else { *rate };
                past.months.insert(month(number), drawn(&mut chance, patients, rate));
            }
            for (practice, _) in watch(&pasts, month(number)) {
                let at: usize = practice[1..].parse().expect("a number");
                if failing(at) {
                    found.entry(practice).or_insert(number - 23);
                } else {
                    others.insert(practice);
                }
            }
        }
        assert!(others.len() <= 1, "others were held: {others:?}");
        let failing = pasts.keys().enumerate().filter(|(at, _)| failing(*at));
        let mut after: Vec<i32> = failing.map(|(_, name)| found.get(name).copied().unwrap_or(99)).collect();
        after.sort_unstable();
        after
    }

    #[test]
    fn a_supplier_that_falls_silent_is_found_in_its_first_month() {
        let of_supplier = |at: usize| at.is_multiple_of(2);
        let found = found_after(8_000, of_supplier, (0.0, 1));
        assert!(found.iter().all(|after| *after == 1), "{found:?}");
        for part in [0.25, 0.5, 0.75] {
            let after = found_after(8_000, of_supplier, (part, 24))[50];
            eprintln!("a supplier of 100 practices that passes on {part}: found after {after} months");
        }
    }

    #[test]
    fn a_practice_that_falls_silent_is_found_the_sooner_the_larger_it_is() {
        let measured = |patients| {
            let after = found_after(patients, |at| at < 40, (0.0, 24));
            let within = after.iter().filter(|after| **after <= 12).count();
            eprintln!("silent practices of {patients}: {within} of 40 within a year; half after {} months", after[20]);
            (within, after[20])
        };
        let [small, middle, large, largest] = [3_000, 8_000, 15_000, 30_000].map(measured);
        assert!(small.0 < middle.0 && middle.0 < large.0 && large.0 <= largest.0);
        assert!(largest.0 >= 36 && largest.1 <= 6, "{largest:?}");
    }

    #[test]
    fn what_moves_everybody_holds_nobody_and_a_short_past_is_not_judged() {
        let mut chance = Chance(3);
        let (mut pasts, rates) = country(&mut chance, 400, 8_000, 12);
        for (past, rate) in pasts.values_mut().zip(&rates) {
            past.months.insert(month(12), drawn(&mut chance, 8_000, rate * 3.0));
        }
        let found = watch(&pasts, month(12));
        assert!(found.len() <= 2, "the papers wrote of it: {}", found.len());
        let one = pasts.values_mut().nth(5).expect("a practice");
        one.months.insert(month(12), Noted { patients: 8_000, objections: 400, withdrawals: 0, was_held: false });
        let jumped = watch(&pasts, month(12));
        assert_eq!(jumped.get("P00005"), Some(&(Whose::Practice, Finding::Jump)));
        let early = watch(&pasts, month(4));
        assert!(early.is_empty(), "four months tell nothing");
    }

    #[test]
    fn what_was_held_is_no_past_to_compare_with() {
        let mut past = Past::default();
        let noted = |objections, was_held| Noted { patients: 8_000, objections, withdrawals: 0, was_held };
        past.months.extend((0..12).map(|number| (month(number), noted(20, false))));
        past.months.extend((12..36).map(|number| (month(number), noted(0, true))));
        let alone = BTreeMap::from([("P".to_owned(), past)]);
        assert_eq!(watch(&alone, month(35)), BTreeMap::from([("P".to_owned(), (Whose::Practice, Finding::Silence))]));
    }
}

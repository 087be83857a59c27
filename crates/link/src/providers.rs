//! Error rates by provider: one hospital loses numbers, another keeps old addresses.
//!
//! Configurations by provider and what was learnt over all -> the logarithms of each provider's own shares, drawn towards the
//! shares over all as far as providers are alike (Harron et al. 2017: rates specific to organisations link better and fairer).
//! Invariant: sums are taken in one order, so they do not depend on threads.

use crate::levels::{BirthLevel, NhsLevel, PostcodeLevel, SexLevel};
use crate::model::{Bits, Configuration, Parameters, Posteriors, Sums};

/// However unlike providers are, a provider's own counts are mixed with at least this many records of the common share.
const LEAST_WEIGHT: f64 = 500.0;
/// A provider of which fewer records were seen says nothing of how unlike providers are.
const LEAST_SEEN: f64 = 100.0;
/// A provider errs at most this many times as often as all do together, and at least one in as many.
const MOST: f64 = 4.0;

/// The shares of providers of which enough was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Providers {
    /// Sorted by provider.
    own: Vec<(u32, Bits)>,
}

impl Providers {
    /// Learns from sorted configurations of events by provider.
    pub(crate) fn learn(sorted: &[(u32, Configuration)], common: &Parameters) -> Self {
        let mut posteriors = Posteriors::new(common);
        let counted: Vec<(u32, Sums)> = sorted
            .chunk_by(|one, next| one.0 == next.0)
            .map(|of_one| {
                let mut sums = Sums::default();
                for (_, configuration) in of_one {
                    posteriors.add(configuration, 1.0, &mut sums);
                }
                (of_one[0].0, sums)
            })
            .collect();
        let wrong = |sums: &Sums| {
            [
                stated_and_wrong(&sums.nhs, NhsLevel::Missing as usize),
                stated_and_wrong(&sums.birth, BirthLevel::Missing as usize),
                stated_and_wrong(&sums.postcode, PostcodeLevel::Missing as usize),
                stated_and_wrong(&sums.sex, SexLevel::Missing as usize),
            ]
        };
        let counted: Vec<(u32, [(f64, f64); 4])> =
            counted.into_iter().map(|(provider, sums)| (provider, wrong(&sums))).collect();
        let weights: [f64; 4] =
            std::array::from_fn(|field| weight_of_common(counted.iter().map(|(_, counts)| counts[field])));
        let own = counted.into_iter().map(|(provider, counts)| {
            let rates = std::array::from_fn(|field| (counts[field], weights[field]));
            (provider, with_rates(common, rates).bits())
        });
        Self { own: own.collect() }
    }

    /// The logarithms of a provider's own shares; `None` where nothing was seen of it.
    #[inline]
    pub(crate) fn bits(&self, provider: u32) -> Option<&Bits> {
        let at = self.own.binary_search_by_key(&provider, |&(own, _)| own).ok()?;
        Some(&self.own[at].1)
    }
}

/// The common shares with a provider's own rate of disagreement, for NHS Number, date of birth, postcode and gender: counts of
/// what is stated and wrong, and the weight of the common rate. How errors are made is the same everywhere; how many, is not.
fn with_rates(common: &Parameters, [nhs, birth, postcode, sex]: [((f64, f64), f64); 4]) -> Parameters {
    Parameters {
        nhs: with_rate(common.nhs, nhs),
        birth: with_rate(common.birth, birth),
        postcode: with_rate(common.postcode, postcode),
        sex: with_rate(common.sex, sex),
        ..*common
    }
}

fn with_rate<const N: usize>(mut shares: [f64; N], ((stated, wrong), weight): ((f64, f64), f64)) -> [f64; N] {
    let rate = 1.0 - shares[0];
    if weight.is_infinite() || rate <= 0.0 {
        return shares;
    }
    let own = (wrong + weight * rate) / (stated + weight);
    let times = (own / rate).clamp(1.0 / MOST, MOST).min(0.5 / rate);
    shares[1..].iter_mut().for_each(|share| *share *= times);
    shares[0] = 1.0 - shares[1..].iter().sum::<f64>();
    shares
}

/// How much is stated, and how much of it does not agree exactly.
fn stated_and_wrong(sums: &[f64], levels: usize) -> (f64, f64) {
    let stated: f64 = sums[..levels].iter().sum();
    (stated, stated - sums[0])
}

/// With how many records of the common rate a provider's own counts are mixed: the strength of the beta distribution that
/// proportions of providers follow, by moments (Kleinman 1973). Infinite where providers differ no more than chance explains.
fn weight_of_common(providers: impl Iterator<Item = (f64, f64)>) -> f64 {
    let providers: Vec<(f64, f64)> = providers.filter(|&(stated, _)| stated >= LEAST_SEEN).collect();
    let stated: f64 = providers.iter().map(|&(stated, _)| stated).sum();
    let rate = providers.iter().map(|&(_, wrong)| wrong).sum::<f64>() / stated;
    let spread: f64 = providers.iter().map(|&(stated, wrong)| stated * (wrong / stated - rate).powi(2)).sum();
    let within = rate * (1.0 - rate);
    let by_chance = (providers.len() as f64 - 1.0) * within;
    let scale = stated - providers.iter().map(|&(own, _)| own * own).sum::<f64>() / stated;
    let between = (spread - by_chance) / scale;
    if between > 0.0 { (within / between - 1.0).max(LEAST_WEIGHT) } else { f64::INFINITY }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alike_providers_tell_nothing_of_their_own_and_unlike_ones_do() {
        let alike = [(1000.0, 10.0), (1000.0, 10.0), (500.0, 5.0)];
        assert!(weight_of_common(alike.into_iter()).is_infinite());
        assert!(weight_of_common([(3.0, 3.0), (20.0, 0.0)].into_iter()).is_infinite(), "too few were seen");
        // Rates of 1.5% and 2.5% around 2%: a variance of 0.00005 between two, less what chance adds.
        let unlike = [(100_000.0, 1_500.0), (100_000.0, 2_500.0)];
        let weight = weight_of_common(unlike.into_iter());
        assert!((weight - LEAST_WEIGHT).abs() < 1e-9, "{weight}");
        let unlike = [(100_000.0, 1_900.0), (100_000.0, 2_100.0)];
        let weight = weight_of_common(unlike.into_iter());
        // Between: 0.02·0.98/weight; twice the squared distance of one from the mean, 2·0.001², less 2·0.02·0.98/200,000.
        assert!((10_000.0..11_000.0).contains(&weight), "{weight}");
    }

    #[test]
    fn a_provider_keeps_how_errors_are_made_and_changes_how_many() {
        let shares = with_rate([0.9, 0.08, 0.02], ((1_000.0, 200.0), 1_000.0));
        let expected = [0.85, 0.12, 0.03];
        assert!(shares.iter().zip(expected).all(|(share, expected)| (share - expected).abs() < 1e-12), "{shares:?}");
        let few = with_rate([0.99, 0.01], ((2.0, 2.0), 500.0));
        assert!((0.013..0.015).contains(&few[1]), "two records say little: {few:?}");
    }
}

//! Learning finds the parameters that data were made with.

use caredata_link::{
    BirthLevel, Configuration, NhsLevel, Parameters, Pattern, PostcodeLevel, SexLevel, TOLERANCE, learn,
};

const COUNTS: &str = include_str!("data/splink_known_parameters.csv");
/// Chance agreement that the data were made with, column by column.
const CHANCE: [f64; 3] = [0.1, 0.025, 0.2];

/// The published vectors: three columns that agree or do not, here as number, date of birth and gender.
fn published() -> Vec<(Configuration, u64)> {
    let mut configurations: Vec<(Configuration, u64)> = Vec::new();
    for line in COUNTS.lines().skip(1) {
        let fields: Vec<u64> = line.split(',').map(|field| field.parse().expect("a number")).collect();
        let agree = [fields[0] == 1, fields[1] == 1, fields[2] == 1];
        let bits: f64 = agree.iter().zip(CHANCE).map(|(&agrees, u)| -(if agrees { u } else { 1.0 - u }).log2()).sum();
        let pattern = Pattern {
            nhs: if agree[0] { NhsLevel::Exact } else { NhsLevel::Different },
            birth: if agree[1] { BirthLevel::Exact } else { BirthLevel::Other },
            postcode: PostcodeLevel::Missing,
            sex: if agree[2] { SexLevel::Same } else { SexLevel::Other },
        };
        let candidates = vec![(pattern, (bits * 8.0).round() as i16)];
        configurations.push((Configuration { candidates, none_eighths: 0, stated: None }, fields[4]));
    }
    configurations
}

#[test]
fn published_vectors_give_back_their_parameters() {
    let learnt = learn(&published(), &Parameters::default(), 1.0);
    let found = learnt.parameters;
    let close = |found: f64, made: f64| (found - made).abs() < 0.02;
    assert!(learnt.converged, "{} passes", learnt.iterations);
    assert!(close(found.nhs[NhsLevel::Exact as usize], 0.7), "{:?}", found.nhs);
    assert!(close(found.birth[BirthLevel::Exact as usize], 0.9), "{:?}", found.birth);
    assert!(close(found.sex[SexLevel::Same as usize], 0.95), "{:?}", found.sex);
    assert!(close(found.known, 0.5), "{}", found.known);
}

#[test]
fn the_likelihood_rises_and_the_start_hardly_matters() {
    let data = published();
    let start = Parameters::default();
    let learnt = learn(&data, &start, 1.0);
    let rises = learnt.log2_likelihood.windows(2).all(|pair| pair[1] >= pair[0] - 1.0);
    assert!(rises, "{:?}", learnt.log2_likelihood);
    let mut other = start;
    other.sex = [0.6, 0.4];
    other.known = 0.2;
    let again = learn(&data, &other, 1.0).parameters;
    assert!((again.known - learnt.parameters.known).abs() < 100.0 * TOLERANCE.max(1e-4));
}

#[test]
fn nothing_to_learn_from_leaves_the_start() {
    let learnt = learn(&[], &Parameters::default(), 400.0);
    assert_eq!(learnt.parameters, Parameters::default());
    assert_eq!(learnt.iterations, 0);
}

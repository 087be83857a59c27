//! A synthetic population with known truth: a number of people and a seed in, GP, hospital and social care files and the
//! truth about them out.
//!
//! One month writes its folders straight into `out`, and tells of the year that ends with that month: registrations as they
//! stand, journals and 0.9 admissions a person over the twelve months. With several months each has a folder `YYYY-MM` that
//! tells of that month alone (a twelfth of the year's events; the first also of the diagnoses made before), of the same
//! people as they move, fall ill, are born, die, arrive, object and withdraw; registrations and objections are always those
//! that stand by the end of the month.
//!
//! Invariant: the files depend on the options alone, not on the number of threads.
//!
//! ```no_run
//! use caredata_synth::{generate, Options};
//! let summary = generate(&Options::new(20_000, "population".into()), &|_| ())?;
//! assert_eq!(summary.people, 20_000);
//! # Ok::<(), caredata_synth::SynthError>(())
//! ```

mod codes;
mod draw;
mod ethnicity;
mod hospital;
mod illness;
mod journal;
mod mistakes;
mod numbers;
mod other;
mod output;
mod places;
mod population;
mod registrations;
mod summary;
mod text;
mod wishes;

use caredata_model::Period;
use draw::Chance;
use output::MonthFiles;
use population::{Population, Window};
use std::path::PathBuf;
pub use summary::{Mistake, MistakeCounts, Summary};

/// The most people of one population.
pub const PEOPLE_LIMIT: u32 = 25_000_000;
/// The most months of one population.
pub const MONTHS_LIMIT: u32 = 120;

/// How often identifiers are wrong in hospital and social care records; GP registrations are the same in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Errors {
    /// As in the hospital files of the 2010s: about 2% of records without an NHS Number, 5.5% with an old postcode.
    #[default]
    Standard,
    /// Far worse: 15% without a number, 12% with an old postcode.
    Hard,
}

/// What to make.
#[derive(Clone, Debug)]
pub struct Options {
    /// People at the start, 100 to [`PEOPLE_LIMIT`].
    pub people: u32,
    /// The same seed makes the same population.
    pub seed: u64,
    /// Months that follow on from each other, 1 to [`MONTHS_LIMIT`].
    pub months: u32,
    /// The first month; of a range, its first.
    pub first_month: Period,
    /// How often identifiers are wrong.
    pub errors: Errors,
    /// The folder to write into; made where it does not exist. Files of the same name are replaced.
    pub out: PathBuf,
}

impl Options {
    /// One month, April 2014, with seed 1 and standard errors.
    ///
    /// # Panics
    /// Never: the month is one.
    pub fn new(people: u32, out: PathBuf) -> Self {
        let first_month = "2014-04".parse().expect("a month written as months are");
        Self { people, seed: 1, months: 1, first_month, errors: Errors::Standard, out }
    }
}

/// Why a population could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// The number of people is outside what can be numbered.
    #[error("cannot make {0} people: ask for 100 to {PEOPLE_LIMIT}")]
    People(u32),
    /// The number of months is outside what keys can tell apart.
    #[error("cannot make {0} months: ask for 1 to {MONTHS_LIMIT}")]
    Months(u32),
    /// A file or folder could not be written.
    #[error("cannot write {}: make room there, or choose another folder", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Makes the population and writes its files; `progress` is told of people done, in steps, once for each month.
///
/// # Errors
/// [`SynthError`]: too few or too many people or months, or a file that cannot be written.
pub fn generate(options: &Options, progress: &(dyn Fn(u32) + Sync)) -> Result<Summary, SynthError> {
    if !(100..=PEOPLE_LIMIT).contains(&options.people) {
        return Err(SynthError::People(options.people));
    }
    if !(1..=MONTHS_LIMIT).contains(&options.months) {
        return Err(SynthError::Months(options.months));
    }
    let windows: Vec<Window> = (0..options.months).map(|month| window(options, month)).collect();
    let chance = Chance::new(options.seed);
    let mut population = Population::new(options.people, options.seed, windows[0], &chance);
    let mut summary = Summary::default();
    for month in 0..options.months {
        if month > 0 {
            population.advance(month, windows[month as usize], &chance);
        }
        let out = if options.months == 1 {
            options.out.clone()
        } else {
            options.out.join(options.first_month.month_after(month.cast_signed()).to_string())
        };
        let (seed, errors) = (options.seed, options.errors);
        let made =
            MonthFiles { population: &population, windows: &windows, month, seed, errors, chance: &chance, out: &out }
                .write(progress)?;
        summary.add(&made);
        summary.people = made.people;
    }
    Ok(summary)
}

/// The days that a month's files tell of: the month, or the year that ends with it where there is one month.
fn window(options: &Options, month: u32) -> Window {
    let last = options.first_month.month_after(month.cast_signed());
    let first = if options.months == 1 { last.month_after(-11) } else { last };
    Window { first: first.first_day().days_since_1970(), last: last.last_day().days_since_1970() }
}

//! What was made: counts of rows, and of mistakes against what the rates lead one to expect.

use crate::mistakes::Rates;

/// A mistake in an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Mistake {
    /// No NHS Number.
    NumberMissing = 0,
    /// A number with a digit wrong or two swapped.
    NumberMistyped,
    /// The number of somebody else of the household.
    NumberOfRelative,
    /// Day and month swapped, one part different or one digit different.
    BirthSlipped,
    /// A date that stands for "not known", or 1 January.
    BirthDefault,
    /// The postcode of an earlier address.
    PostcodeOld,
    /// A postcode with a character wrong.
    PostcodeMistyped,
    /// No postcode.
    PostcodeMissing,
    /// A `ZZ99` postcode.
    PostcodePseudo,
    /// The other gender.
    GenderWrong,
    /// Gender not known.
    GenderUnknown,
}

impl Mistake {
    /// All of them, in the order of their rates.
    pub const ALL: [Self; 11] = [
        Self::NumberMissing,
        Self::NumberMistyped,
        Self::NumberOfRelative,
        Self::BirthSlipped,
        Self::BirthDefault,
        Self::PostcodeOld,
        Self::PostcodeMistyped,
        Self::PostcodeMissing,
        Self::PostcodePseudo,
        Self::GenderWrong,
        Self::GenderUnknown,
    ];
}

/// Mistakes made, beside what the rates and the factors of group and organisation lead one to expect.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MistakeCounts {
    /// Records that could have had mistakes.
    pub records: u64,
    /// The sum of the records' factors: 1 for each where nothing speaks for or against it.
    pub factors: f64,
    /// Mistakes made, in the order of [`Mistake::ALL`].
    pub made: [u64; Mistake::ALL.len()],
    /// Mistakes expected, in the same order.
    pub expected: [f64; Mistake::ALL.len()],
    /// Birth records of children who had no number yet, beside the mistakes.
    pub newborns: u64,
}

impl MistakeCounts {
    pub(crate) fn note(&mut self, mistake: Mistake) {
        self.made[mistake as usize] += 1;
    }

    pub(crate) fn expect(&mut self, rates: &Rates, factor: f64) {
        self.records += 1;
        self.factors += factor;
        for mistake in Mistake::ALL {
            self.expected[mistake as usize] += rates.of(mistake) * factor;
        }
    }

    fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.factors += other.factors;
        self.newborns += other.newborns;
        for index in 0..Mistake::ALL.len() {
            self.made[index] += other.made[index];
            self.expected[index] += other.expected[index];
        }
    }
}

/// Rows written, over all months.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// People known by the end of the last month.
    pub people: u64,
    /// Rows of `gp/patients.csv`.
    pub registrations: u64,
    /// Rows of `gp/journals.csv`.
    pub entries: u64,
    /// Rows of `hospital/apc.csv`.
    pub admissions: u64,
    /// Rows of `hospital/op.csv`.
    pub appointments: u64,
    /// Rows of `hospital/ae.csv`.
    pub attendances: u64,
    /// Rows of `other/social_care.csv`.
    pub social_care: u64,
    /// Mistakes in registrations.
    pub gp_mistakes: MistakeCounts,
    /// Mistakes in the three hospital files.
    pub hospital_mistakes: MistakeCounts,
}

impl Summary {
    pub(crate) fn add(&mut self, other: &Self) {
        self.people += other.people;
        self.registrations += other.registrations;
        self.entries += other.entries;
        self.admissions += other.admissions;
        self.appointments += other.appointments;
        self.attendances += other.attendances;
        self.social_care += other.social_care;
        self.gp_mistakes.add(&other.gp_mistakes);
        self.hospital_mistakes.add(&other.hospital_mistakes);
    }
}

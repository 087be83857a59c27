//! Long-term conditions: who has them, and what follows from each (codes, drugs, tests, admissions are in `codes`).

use crate::draw::Draw;

/// A long-term condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Condition {
    Diabetes,
    Hypertension,
    Copd,
    Asthma,
    HeartDisease,
    Depression,
    AtrialFibrillation,
    KidneyDisease,
    Cancer,
    Dementia,
}

impl Condition {
    pub(crate) const ALL: [Self; 10] = [
        Self::Diabetes,
        Self::Hypertension,
        Self::Copd,
        Self::Asthma,
        Self::HeartDisease,
        Self::Depression,
        Self::AtrialFibrillation,
        Self::KidneyDisease,
        Self::Cancer,
        Self::Dementia,
    ];

    /// Shares of people with it below 16, 16 to 44, 45 to 64, 65 to 79 and from 80; roughly the disease registers of the
    /// Quality and Outcomes Framework.
    const fn prevalence(self) -> [f64; 5] {
        match self {
            Self::Diabetes => [0.002, 0.015, 0.07, 0.15, 0.16],
            Self::Hypertension => [0.0, 0.02, 0.19, 0.44, 0.55],
            Self::Copd => [0.0, 0.001, 0.022, 0.06, 0.07],
            Self::Asthma => [0.07, 0.07, 0.055, 0.06, 0.05],
            Self::HeartDisease => [0.0, 0.002, 0.03, 0.11, 0.18],
            Self::Depression => [0.002, 0.07, 0.09, 0.06, 0.06],
            Self::AtrialFibrillation => [0.0, 0.001, 0.01, 0.05, 0.12],
            Self::KidneyDisease => [0.0, 0.002, 0.025, 0.12, 0.27],
            Self::Cancer => [0.001, 0.004, 0.025, 0.08, 0.1],
            Self::Dementia => [0.0, 0.0, 0.001, 0.017, 0.12],
        }
    }

    /// How much it adds to a person's rate of admission, beside 1 for everybody.
    const fn admissions(self) -> f64 {
        match self {
            Self::Diabetes | Self::Asthma | Self::Depression => 0.7,
            Self::Hypertension => 0.3,
            Self::Copd => 2.5,
            Self::HeartDisease => 2.0,
            Self::AtrialFibrillation => 1.2,
            Self::KidneyDisease => 3.0,
            Self::Cancer => 4.0,
            Self::Dementia => 1.5,
        }
    }
}

/// A set of conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Illness(u16);

impl Illness {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) const fn has(self, condition: Condition) -> bool {
        self.0 & (1 << condition as u8) != 0
    }

    pub(crate) const fn count(self) -> u32 {
        self.0.count_ones()
    }

    pub(crate) fn each(self) -> impl Iterator<Item = Condition> {
        Condition::ALL.into_iter().filter(move |&condition| self.has(condition))
    }

    /// A person's rate of admission beside that of somebody young and well.
    pub(crate) fn admission_weight(self, age: i32) -> f64 {
        let by_age = match age {
            ..1 => 1.5,
            1..16 => 0.5,
            16..45 => 0.8,
            45..65 => 1.0,
            65..80 => 1.8,
            80.. => 2.8,
        };
        by_age + self.each().map(Condition::admissions).sum::<f64>()
    }
}

/// The conditions of somebody of this age, likelier where deprivation (decile 1) is greater.
pub(crate) fn draw(age: i32, deprivation: u8, draw: &mut Draw) -> Illness {
    let band = match age {
        ..16 => 0,
        16..45 => 1,
        45..65 => 2,
        65..80 => 3,
        80.. => 4,
    };
    let slope = 1.25 - 0.045 * f64::from(deprivation);
    let mut illness = Illness::NONE;
    for condition in Condition::ALL {
        if draw.chance(condition.prevalence()[band] * slope) {
            illness.0 |= 1 << condition as u8;
        }
    }
    illness
}

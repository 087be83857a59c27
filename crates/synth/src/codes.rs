//! Clinical codes of the synthetic journals and admissions.
//!
//! Diagnoses, tests and wishes use codes of the real terminologies, so that code lists find them; drugs' `dmd` numbers stand
//! for a drug each and no more.

use crate::illness::Condition;
use caredata_model::CodeSystem;

/// One meaning in the three code systems of GP journals.
#[derive(Clone, Copy)]
pub(crate) struct Coded {
    read2: &'static str,
    ctv3: &'static str,
    snomed: &'static str,
}

impl Coded {
    const fn new(read2: &'static str, ctv3: &'static str, snomed: &'static str) -> Self {
        Self { read2, ctv3, snomed }
    }

    /// The code in a practice's own system; drugs never come this way.
    pub(crate) const fn code(self, system: CodeSystem) -> &'static str {
        match system {
            CodeSystem::Read2 => self.read2,
            CodeSystem::Ctv3 => self.ctv3,
            CodeSystem::Snomed | CodeSystem::Dmd => self.snomed,
        }
    }
}

/// A measurement: its code, usual value in tenths with its spread, and unit.
#[derive(Clone, Copy)]
pub(crate) struct Test {
    pub(crate) coded: Coded,
    pub(crate) mean: f64,
    pub(crate) spread: f64,
    pub(crate) unit: &'static str,
}

const fn test(coded: Coded, mean: f64, spread: f64, unit: &'static str) -> Test {
    Test { coded, mean, spread, unit }
}

pub(crate) const HBA1C: Test = test(Coded::new("42W5.", "XaPbt", "1049321000000109"), 560.0, 120.0, "mmol/mol");
pub(crate) const CHOLESTEROL: Test = test(Coded::new("44P..", "XE2eD", "1005671000000105"), 49.0, 10.0, "mmol/L");
pub(crate) const CREATININE: Test = test(Coded::new("44J3.", "XE2q5", "1000731000000107"), 860.0, 200.0, "umol/L");
pub(crate) const EGFR: Test = test(Coded::new("451E.", "XaK8y", "1011481000000105"), 560.0, 150.0, "mL/min");
pub(crate) const HAEMOGLOBIN: Test = test(Coded::new("423..", "Xa96v", "1022431000000105"), 1360.0, 140.0, "g/L");
pub(crate) const PEAK_FLOW: Test = test(Coded::new("339A.", "XaEHe", "18491006"), 4000.0, 800.0, "L/min");
pub(crate) const BMI: Test = test(Coded::new("22K..", "22K..", "60621009"), 271.0, 50.0, "kg/m2");
pub(crate) const ALCOHOL: Test = test(Coded::new("136..", "Ub173", "160573003"), 80.0, 60.0, "U/week");
/// Systolic pressure; the second value is the diastolic.
pub(crate) const BLOOD_PRESSURE: Test = test(Coded::new("246..", "X773t", "75367002"), 1360.0, 160.0, "mmHg");

pub(crate) const SMOKING: [(u32, Coded); 3] = [
    (52, Coded::new("1371.", "XE0oh", "266919005")),
    (29, Coded::new("137S.", "Ub1na", "8517006")),
    (19, Coded::new("137R.", "137R.", "77176002")),
];
pub(crate) const FLU_VACCINE: Coded = Coded::new("65E..", "65E..", "86198006");
pub(crate) const CHILD_VACCINES: [(u32, Coded); 3] = [
    (2, Coded::new("65M1.", "65M1.", "38598009")),
    (3, Coded::new("657S.", "XaLK5", "433621000124101")),
    (2, Coded::new("65720", "65720", "310578008")),
];
pub(crate) const CERVICAL_SCREEN: Coded = Coded::new("685..", "6859.", "171149006");
pub(crate) const FAMILY_HISTORY: [(u32, Coded); 2] =
    [(2, Coded::new("12C2.", "12C2.", "297242006")), (1, Coded::new("1252.", "1252.", "160303001"))];
/// What people come to the surgery for.
pub(crate) const COMPLAINTS: [(u32, Coded); 8] = [
    (6, Coded::new("H05z.", "H05z.", "54150009")),
    (4, Coded::new("N142.", "X75rv", "279039007")),
    (3, Coded::new("K15..", "K15..", "38822007")),
    (3, Coded::new("M111.", "M111.", "24079001")),
    (2, Coded::new("F587.", "F587.", "301354004")),
    (2, Coded::new("H06z0", "H06z0", "50417007")),
    (2, Coded::new("1B1G.", "XM0Ci", "25064002")),
    (2, Coded::new("19F2.", "X76cW", "62315008")),
];
pub(crate) const REFERRAL: Coded = Coded::new("8H...", "XaBT0", "3457005");
/// Entries that extracts withhold as sensitive: HIV, sexually transmitted infections, termination, fertility treatment,
/// prison.
pub(crate) const SENSITIVE: [(u32, Coded); 5] = [
    (3, Coded::new("43C3.", "XE0RX", "86406008")),
    (4, Coded::new("A98..", "X70Ms", "15628003")),
    (4, Coded::new("L05..", "L05..", "386639001")),
    (2, Coded::new("7E1F2", "7E1F2", "52637005")),
    (1, Coded::new("13H9.", "13H9.", "185942006")),
];

/// How a condition shows in a journal and in hospital.
pub(crate) struct Course {
    pub(crate) diagnosis: Coded,
    /// Drugs, as dictionary numbers.
    pub(crate) drugs: &'static [&'static str],
    pub(crate) tests: &'static [Test],
    /// Main diagnoses of admissions (ICD-10).
    pub(crate) admissions: &'static [&'static str],
    /// How it is named among the further diagnoses of any admission.
    pub(crate) comorbidity: &'static str,
    /// Specialty of the consultant.
    pub(crate) specialty: &'static str,
    /// The share of its admissions that are emergencies.
    pub(crate) emergency: f64,
}

/// The course of each condition.
pub(crate) const fn course(condition: Condition) -> &'static Course {
    match condition {
        Condition::Diabetes => &DIABETES,
        Condition::Hypertension => &HYPERTENSION,
        Condition::Copd => &COPD,
        Condition::Asthma => &ASTHMA,
        Condition::HeartDisease => &HEART_DISEASE,
        Condition::Depression => &DEPRESSION,
        Condition::AtrialFibrillation => &ATRIAL_FIBRILLATION,
        Condition::KidneyDisease => &KIDNEY_DISEASE,
        Condition::Cancer => &CANCER,
        Condition::Dementia => &DEMENTIA,
    }
}

static DIABETES: Course = Course {
    diagnosis: Coded::new("C10F.", "X40J5", "44054006"),
    drugs: &["325278007", "325267001"],
    tests: &[HBA1C, CHOLESTEROL, CREATININE],
    admissions: &["E119", "E116", "E115", "E110"],
    comorbidity: "E119",
    specialty: "307",
    emergency: 0.6,
};
static HYPERTENSION: Course = Course {
    diagnosis: Coded::new("G20..", "XE0Ub", "59621000"),
    drugs: &["319283006", "318857001"],
    tests: &[BLOOD_PRESSURE, CREATININE],
    admissions: &["I10X", "R55X"],
    comorbidity: "I10X",
    specialty: "300",
    emergency: 0.7,
};
static COPD: Course = Course {
    diagnosis: Coded::new("H3...", "H3...", "13645005"),
    drugs: &["320151000", "407754006"],
    tests: &[PEAK_FLOW],
    admissions: &["J440", "J441", "J449"],
    comorbidity: "J449",
    specialty: "340",
    emergency: 0.93,
};
static ASTHMA: Course = Course {
    diagnosis: Coded::new("H33..", "H33..", "195967001"),
    drugs: &["320176004", "320236008"],
    tests: &[PEAK_FLOW],
    admissions: &["J459", "J46X", "J450"],
    comorbidity: "J459",
    specialty: "340",
    emergency: 0.93,
};
static HEART_DISEASE: Course = Course {
    diagnosis: Coded::new("G3...", "XE2uV", "414545008"),
    drugs: &["319996000", "319773006"],
    tests: &[CHOLESTEROL, BLOOD_PRESSURE],
    admissions: &["I251", "I209", "I214", "I500"],
    comorbidity: "I251",
    specialty: "320",
    emergency: 0.6,
};
static DEPRESSION: Course = Course {
    diagnosis: Coded::new("E2B..", "X00SO", "35489007"),
    drugs: &["321949009", "321978003"],
    tests: &[],
    admissions: &["F329", "T430", "F339"],
    comorbidity: "F329",
    specialty: "300",
    emergency: 0.85,
};
static ATRIAL_FIBRILLATION: Course = Course {
    diagnosis: Coded::new("G5730", "G5730", "49436004"),
    drugs: &["319733000", "318331006"],
    tests: &[CREATININE],
    admissions: &["I48X", "I639"],
    comorbidity: "I48X",
    specialty: "320",
    emergency: 0.75,
};
static KIDNEY_DISEASE: Course = Course {
    diagnosis: Coded::new("1Z12.", "XaLHI", "433144002"),
    drugs: &["318857001"],
    tests: &[EGFR, HAEMOGLOBIN],
    admissions: &["N189", "N179", "Z491"],
    comorbidity: "N189",
    specialty: "361",
    emergency: 0.4,
};
static CANCER: Course = Course {
    diagnosis: Coded::new("B....", "X78ef", "363346000"),
    drugs: &["322280009"],
    tests: &[HAEMOGLOBIN],
    admissions: &["C509", "C189", "C349", "C61X", "Z511"],
    comorbidity: "C800",
    specialty: "370",
    emergency: 0.2,
};
static DEMENTIA: Course = Course {
    diagnosis: Coded::new("Eu02z", "X002w", "52448006"),
    drugs: &["322770000"],
    tests: &[],
    admissions: &["F03X", "G309", "N390"],
    comorbidity: "F03X",
    specialty: "430",
    emergency: 0.95,
};

/// A reason for admission that anybody can have: main diagnosis, specialty, share of emergencies, nights (mean).
#[derive(Clone, Copy)]
pub(crate) struct Reason {
    pub(crate) diagnosis: &'static str,
    pub(crate) specialty: &'static str,
    pub(crate) emergency: f64,
    pub(crate) nights: f64,
}

const fn reason(diagnosis: &'static str, specialty: &'static str, emergency: f64, nights: f64) -> Reason {
    Reason { diagnosis, specialty, emergency, nights }
}

pub(crate) const CHILD_REASONS: [(u32, Reason); 6] = [
    (4, reason("J219", "420", 1.0, 1.5)),
    (4, reason("B349", "420", 1.0, 0.7)),
    (3, reason("J353", "120", 0.05, 0.4)),
    (2, reason("S525", "110", 0.9, 0.6)),
    (2, reason("A099", "420", 1.0, 0.8)),
    (1, reason("K358", "171", 1.0, 2.5)),
];
pub(crate) const ADULT_REASONS: [(u32, Reason); 10] = [
    (4, reason("R104", "100", 0.95, 1.2)),
    (3, reason("R074", "300", 0.97, 0.8)),
    (3, reason("K409", "100", 0.05, 0.4)),
    (3, reason("M232", "110", 0.02, 0.2)),
    (3, reason("K298", "301", 0.1, 0.1)),
    (2, reason("L031", "300", 0.95, 2.5)),
    (2, reason("K802", "100", 0.4, 1.5)),
    (2, reason("S099", "180", 1.0, 0.4)),
    (2, reason("N201", "101", 0.6, 1.0)),
    (1, reason("K358", "100", 1.0, 2.5)),
];
pub(crate) const OLDER_REASONS: [(u32, Reason); 10] = [
    (5, reason("H269", "130", 0.01, 0.0)),
    (4, reason("J181", "300", 1.0, 7.0)),
    (3, reason("N390", "430", 1.0, 5.0)),
    (2, reason("S720", "110", 1.0, 12.0)),
    (2, reason("I639", "300", 1.0, 10.0)),
    (2, reason("R296", "430", 1.0, 4.0)),
    (2, reason("M171", "110", 0.02, 4.0)),
    (2, reason("K573", "301", 0.15, 0.2)),
    (2, reason("R55X", "300", 1.0, 1.5)),
    (1, reason("I500", "320", 0.9, 8.0)),
];

//! The forms of values that a column of the linked record may hold: a text in, taken or not, out.
//!
//! What is not of its column's form is blanked and counted, so that no name, NHS Number, full date of birth or full postcode
//! can ride in under a code's name. Three cases are decided here, and doubt is decided for the patient:
//!
//! - A SNOMED CT or dm+d id may have ten digits, as an NHS Number has, or eight, as a date. Such a value is taken only where
//!   SNOMED's own check digit (Verhoeff) and partition say that it is a concept; of NHS Numbers 1 in 500 would pass.
//! - A Read code may look like the shortest postcodes, `M1 1AE` without its space. All-capital codes of exactly the form of a
//!   postcode in a one-letter area are not taken; a few real Read codes are lost by that.
//! - Codes of the table `other` may be lower-case words, since places of care name services so. A word is no name by its form
//!   alone: there, the declaration of the source is the guard.

use caredata_model::{CodeSystem, Day, Postcode};

/// Units of measurement that GP systems write, compared without case: a closed list, as a free unit would be free text.
const UNITS: [&str; 70] = [
    "%",
    "/min",
    "10*12/L",
    "10*9/L",
    "10^12/L",
    "10^9/L",
    "a",
    "ampoule",
    "bpm",
    "capsule",
    "cigarettes/day",
    "cm",
    "d",
    "degC",
    "dose",
    "drop",
    "fL",
    "g",
    "g/dL",
    "g/L",
    "g/mol",
    "h",
    "inhaler",
    "IU/L",
    "kg",
    "kg/m2",
    "kPa",
    "kU/L",
    "L",
    "L/L",
    "L/min",
    "m",
    "mcg",
    "mg",
    "mg/dL",
    "mg/L",
    "mg/mmol",
    "min",
    "mIU/L",
    "mL",
    "mL/min",
    "mL/min/1.73m2",
    "mm",
    "mm/h",
    "mmHg",
    "mmol/L",
    "mmol/mol",
    "mol/L",
    "mU/L",
    "ng/L",
    "ng/mL",
    "nmol/L",
    "pack",
    "pg",
    "pg/mL",
    "pmol/L",
    "ratio",
    "s",
    "sachet",
    "score",
    "tablet",
    "U/L",
    "U/week",
    "ug",
    "ug/L",
    "umol/L",
    "unit",
    "units/week",
    "week",
    "year",
];
/// How a GP system says which episode of a condition an entry belongs to, compared without case.
const EPISODES: [&str; 11] = ["F", "N", "O", "R", "E", "first", "new", "ongoing", "review", "end", "none"];

/// Deciles of deprivation as hospital files write them, by number or in words.
const DECILES: [&str; 29] = [
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "8",
    "9",
    "10",
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "07",
    "08",
    "09",
    "Most deprived 10%",
    "More deprived 10-20%",
    "More deprived 20-30%",
    "More deprived 30-40%",
    "More deprived 40-50%",
    "Less deprived 40-50%",
    "Less deprived 30-40%",
    "Less deprived 20-30%",
    "Less deprived 10-20%",
    "Least deprived 10%",
];

/// The form of a text column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextForm {
    /// A period, `2014-04` or `2012-04..2014-03`; of our own making.
    Period,
    /// The name of a source; of our own making.
    Source,
    /// 0, 1, 2 or 9.
    Sex,
    /// An ethnic category: one or two capital letters or digits.
    Ethnic,
    /// The code of a lower layer super output area or data zone: a letter and eight digits.
    Lsoa,
    /// The code of an organisation or site: three capital letters, or three to eight capital letters and digits with a digit
    /// among them; not of the form of a postcode; of digits alone at most five.
    Organisation,
    /// The name of a code system of journals.
    CodeSystem,
    /// A clinical code, as its row's code system writes them.
    Clinical,
    /// A unit of measurement of the closed list.
    Unit,
    /// A kind of episode of the closed list.
    Episode,
    /// A decile of deprivation: `1` to `10`, or the ten phrases of hospital files.
    Decile,
    /// ICD-10.
    Icd10,
    /// OPCS-4.
    Opcs4,
    /// One or two capital letters or digits.
    Short,
    /// One to three digits.
    Digits,
    /// A code of an emergency department: up to six capital letters and digits, a digit first.
    Department,
    /// A code of another place of care: a lower-case word with `-` or `_`, or capital letters and digits with a digit among
    /// them or at most three long; at most 24 characters.
    Other,
}

impl TextForm {
    /// The form in words, for the data dictionary.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Period => "`YYYY-MM`, or `YYYY-MM..YYYY-MM`",
            Self::Source => "a source's name",
            Self::Sex => "`1` male, `2` female, `9` indeterminate, `0` not known",
            Self::Lsoa => "a letter and eight digits",
            Self::Organisation => "three to eight letters and digits",
            Self::CodeSystem => "`read2`, `ctv3`, `snomed` or `dmd`",
            Self::Clinical => "as the code system writes them",
            Self::Unit => "a unit of a closed list",
            Self::Episode => "a kind of a closed list",
            Self::Decile => "`1` to `10`, or one of the ten phrases of hospital files",
            Self::Icd10 => "ICD-10",
            Self::Opcs4 => "OPCS-4",
            Self::Ethnic | Self::Short => "one or two letters or digits",
            Self::Digits => "one to three digits",
            Self::Department => "up to six letters and digits, a digit first",
            Self::Other => "a code or lower-case word of at most 24 characters",
        }
    }

    /// Whether a text is of the form. For [`TextForm::Clinical`] of any code system's; see [`clinical`].
    pub fn takes(self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let capitals = |most: usize| {
            (1..=most).contains(&bytes.len())
                && bytes.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        };
        match self {
            Self::Period => text.parse::<caredata_model::Period>().is_ok(),
            Self::Source => caredata_model::SourceName::parse(text).is_ok(),
            Self::Sex => matches!(text, "0" | "1" | "2" | "9"),
            Self::Ethnic | Self::Short => capitals(2),
            Self::Lsoa => {
                matches!(bytes, [b'E' | b'N' | b'S' | b'W', digits @ ..] if digits.len() == 8 && all_digits(digits))
            }
            Self::Organisation => capitals(8) && organisation(text),
            Self::CodeSystem => CodeSystem::parse(text).is_some(),
            Self::Clinical => CodeSystem::ALL.into_iter().any(|system| clinical(system, text)),
            Self::Unit => UNITS.iter().any(|unit| unit.eq_ignore_ascii_case(text)),
            Self::Episode => EPISODES.iter().any(|episode| episode.eq_ignore_ascii_case(text)),
            Self::Decile => DECILES.contains(&text),
            Self::Icd10 => icd10(bytes),
            Self::Opcs4 => opcs4(bytes),
            Self::Digits => (1..=3).contains(&bytes.len()) && all_digits(bytes),
            Self::Department => capitals(6) && bytes[0].is_ascii_digit(),
            Self::Other => other(text),
        }
    }
}

/// Whether a text is a code as the system writes them.
pub fn clinical(system: CodeSystem, text: &str) -> bool {
    let bytes = text.as_bytes();
    match system {
        CodeSystem::Read2 => match bytes.len() {
            4 | 5 => five_bytes(bytes),
            // A term code follows: a digit, and a digit or letter.
            7 => five_bytes(&bytes[..5]) && bytes[5].is_ascii_digit() && bytes[6].is_ascii_alphanumeric(),
            _ => false,
        },
        CodeSystem::Ctv3 => matches!(bytes.len(), 4 | 5) && five_bytes(bytes),
        CodeSystem::Snomed | CodeSystem::Dmd => {
            let fits = (6..=18).contains(&bytes.len()) && all_digits(bytes) && bytes[0] != b'0';
            let doubtful = bytes.len() == 10 || (bytes.len() == 8 && is_a_date(bytes));
            fits && (!doubtful || snomed_concept(bytes))
        }
    }
}

fn all_digits(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_digit)
}

/// A Read code: letters, digits, and dots at the end alone.
fn five_bytes(code: &[u8]) -> bool {
    let stem = code.iter().position(|&byte| byte == b'.').unwrap_or(code.len());
    let form = stem > 0
        && code[..stem].iter().all(u8::is_ascii_alphanumeric)
        && code[stem..].iter().all(|&byte| byte == b'.')
        && code.iter().any(|byte| {
            byte.is_ascii_digit() || *byte == b'.' || byte.is_ascii_lowercase() != code[0].is_ascii_lowercase()
        });
    form && !shortest_postcode(code) && !reads_as_a_name(code)
}

/// `A9 9AA` without its space, in one of the areas of one letter, with letters that inward codes use.
fn shortest_postcode(code: &[u8]) -> bool {
    let inward = |byte: u8| byte.is_ascii_uppercase() && !b"CIKMOV".contains(&byte);
    matches!(code, [b'B' | b'E' | b'G' | b'L' | b'M' | b'N' | b'S' | b'W', district, sector, first, second]
        if district.is_ascii_digit() && sector.is_ascii_digit() && inward(*first) && inward(*second))
}

/// Letters alone, a capital and then small ones, as `Smith`: Read codes of five letters begin `X`, `Y` or `U`.
fn reads_as_a_name(code: &[u8]) -> bool {
    let letters = code.iter().all(u8::is_ascii_alphabetic);
    letters && !matches!(code[0], b'X' | b'Y' | b'U') && code[1..].iter().all(u8::is_ascii_lowercase)
}

/// A letter, two digits, and perhaps a dot, a digit or `X`, a digit, and a letter `A`, `D` or a dagger or asterisk.
fn icd10(bytes: &[u8]) -> bool {
    let [letter, first, second, rest @ ..] = bytes else { return false };
    let rest = rest.strip_prefix(b".").unwrap_or(rest);
    let digits = rest.iter().take(2).take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'X' | b'-')).count();
    letter.is_ascii_uppercase()
        && first.is_ascii_digit()
        && second.is_ascii_digit()
        && matches!(rest[digits..], [] | [b'A' | b'D' | b'*' | b'+'])
}

/// A letter, two digits, and perhaps a dot and a digit; `-` and `&` say that there is none.
fn opcs4(bytes: &[u8]) -> bool {
    match bytes {
        b"-" | b"&" => true,
        [letter, first, second, rest @ ..] => {
            letter.is_ascii_uppercase()
                && first.is_ascii_digit()
                && second.is_ascii_digit()
                && match rest {
                    [] => true,
                    [digit] | [b'.', digit] => digit.is_ascii_digit(),
                    _ => false,
                }
        }
        _ => false,
    }
}

/// Three letters, as a trust; else with a digit among them, and of digits alone at most five.
fn organisation(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let form = match digits {
        0 => bytes.len() == 3,
        _ => bytes.len() >= 3 && (digits < bytes.len() || digits <= 5),
    };
    form && is_no_identifier(text)
}

fn other(text: &str) -> bool {
    let bytes = text.as_bytes();
    if !(1..=24).contains(&bytes.len()) || !is_no_identifier(text) {
        return false;
    }
    let word = bytes[0].is_ascii_lowercase()
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'));
    let code = bytes.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'.')
        && (bytes.len() <= 3 || bytes.iter().any(u8::is_ascii_digit));
    word || code
}

/// Neither ten digits, unless a SNOMED concept, nor a date of eight digits, nor of the form of a postcode.
fn is_no_identifier(text: &str) -> bool {
    let bytes = text.as_bytes();
    let number = bytes.len() == 10 && all_digits(bytes) && !snomed_concept(bytes);
    let date = bytes.len() == 8 && all_digits(bytes) && is_a_date(bytes);
    !number && !date && Postcode::parse(text).is_err()
}

/// Whether eight digits read as a day from 1850 on, the year first or last.
fn is_a_date(digits: &[u8]) -> bool {
    let part = |range: std::ops::Range<usize>| {
        digits[range].iter().fold(0_u32, |value, digit| value * 10 + u32::from(digit - b'0'))
    };
    let day = |year: u32, month, day| (1850..2100).contains(&year) && Day::new(year.cast_signed(), month, day).is_ok();
    day(part(0..4), part(4..6), part(6..8)) || day(part(4..8), part(2..4), part(0..2))
}

/// Whether digits are a SNOMED CT concept id: the Verhoeff check digit holds and the partition is `00` or `10` (SNOMED CT
/// Release File Specification, "SCTID").
fn snomed_concept(digits: &[u8]) -> bool {
    const TURN: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let Some(partition) = digits.len().checked_sub(3).and_then(|start| digits.get(start..start + 2)) else {
        return false;
    };
    let check = digits.iter().rev().enumerate().fold(0, |check, (place, digit)| {
        let turned = (0..place % 8).fold(digit - b'0', |digit, _| TURN[digit as usize]);
        dihedral(check, turned)
    });
    check == 0 && matches!(partition, b"00" | b"10")
}

/// Multiplication in the dihedral group of ten elements: turns 0 to 4, and 5 to 9 turned over.
const fn dihedral(left: u8, right: u8) -> u8 {
    match (left < 5, right < 5) {
        (true, true) => (left + right) % 5,
        (true, false) => (left + right - 5) % 5 + 5,
        (false, true) => (left - 5 + 5 - right) % 5 + 5,
        (false, false) => (left + 5 - right) % 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_codes_are_taken() {
        use TextForm::{
            Department, Digits, Episode, Ethnic, Icd10, Lsoa, Opcs4, Organisation, Other, Sex, Short, Unit,
        };
        for (form, codes) in [
            (Icd10, &["I219", "I21X", "I21", "E11.9", "M0011", "E102D", "A170+", "Z370", "O800"][..]),
            (Opcs4, &["K451", "K45.1", "X99", "-"]),
            (Lsoa, &["E01000001", "W01001234"]),
            (Organisation, &["E85001", "RXH", "RXH01", "Y02345"]),
            (Unit, &["mmol/L", "MMOL/L", "%", "tablet", "U/week", "mL/min", "mmol/mol"]),
            (Episode, &["F", "first"]),
            (Ethnic, &["A", "Z", "99"]),
            (Sex, &["0", "1", "2", "9"]),
            (Short, &["21", "2A", "4"]),
            (Digits, &["100", "5"]),
            (Department, &["01", "38201L"]),
            (Other, &["home-care", "memory", "K1", "AB2", "0042"]),
        ] {
            for code in codes {
                assert!(form.takes(code), "{form:?} {code}");
            }
        }
        for code in ["9Nu0.", "9Nu0", "H33zz", "G30..", "C10F.", "9Nu0.00", "65720", "13JHA"] {
            assert!(clinical(CodeSystem::Read2, code), "{code}");
        }
        for code in ["XaZ89", "X40J5", "XE0Ub", "22K..", "Ub1na"] {
            assert!(clinical(CodeSystem::Ctv3, code), "{code}");
        }
        for code in ["44054006", "827241000000103", "22298006", "1119303003", "75367002"] {
            assert!(clinical(CodeSystem::Snomed, code), "{code}");
        }
    }

    #[test]
    fn snomed_check_digits_hold_as_published() {
        for id in ["44054006", "22298006", "827241000000103", "404684003"] {
            assert!(snomed_concept(id.as_bytes()), "{id}");
        }
        for id in ["44054007", "22298016", "9434765919"] {
            assert!(!snomed_concept(id.as_bytes()), "{id}");
        }
    }
}

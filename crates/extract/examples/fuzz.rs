//! Throws inputs at every parser of untrusted text, each judged by a second, slower and plainer reading of its rule.
//!
//! `fuzz [--inputs N] [--seed S] [--parser NAME]`: N inputs a parser (valid ones, valid ones with a few bytes changed, and
//! noise), made from the seed alone; prints a line a parser. Invariant: an input on which parser and judge disagree, or a value
//! that does not come back from print and parse, ends the program with the seed and the number that make it again.
#![allow(clippy::print_stdout, reason = "a program that reports to who runs it")]

use caredata_extract::{ExtractError, InputFile, Read, ReadOptions, Source, read};
use caredata_model::{Day, Gender, Identifiers, NhsDigits, Postcode};
use std::time::Instant;

/// A parser's name, and what tells of one input whether it was taken; it panics where parser and judge disagree.
type Parser = (&'static str, fn(&mut Dice, &mut Vec<u8>) -> bool);

const PARSERS: [Parser; 7] = [
    ("nhs-number", nhs_number),
    ("date", date),
    ("hospital-date", hospital_date),
    ("postcode", postcode),
    ("gender", gender),
    ("identifiers", identifiers),
    ("file", file),
];

fn main() -> Result<(), String> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| words.iter().position(|word| word == name).and_then(|place| words.get(place + 1));
    let number = |name: &str, otherwise: u64| match option(name) {
        None => Ok(otherwise),
        Some(text) => text.parse().map_err(|_| format!("{name} needs a whole number")),
    };
    let (inputs, seed) = (number("--inputs", 10_000_000)?, number("--seed", 1)?);
    // The reader is parallel over chunks; files of a few rows are read faster without waking anybody.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(|error| error.to_string())?;
    println!("{:<14} {:>12} {:>12} {:>12} {:>9}", "parser", "inputs", "taken", "refused", "seconds");
    for (name, parser) in PARSERS {
        if option("--parser").is_some_and(|only| only != name) {
            continue;
        }
        let began = Instant::now();
        let taken = pool.install(|| {
            let (mut taken, mut text) = (0_u64, Vec::new());
            for input in 0..inputs {
                let _named_on_panic = Tried { name, seed, input };
                // Each input has a seed of its own, so that one is made again without those before it.
                taken += u64::from(parser(&mut Dice(seed.wrapping_mul(0x9E37_79B9) ^ input), &mut text));
            }
            taken
        });
        let seconds = began.elapsed().as_secs_f64();
        println!("{name:<14} {inputs:>12} {taken:>12} {:>12} {seconds:>9.1}", inputs - taken);
    }
    Ok(())
}

/// Says which input it was when a judge panics.
struct Tried {
    name: &'static str,
    seed: u64,
    input: u64,
}

impl Drop for Tried {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}: seed {}, input {} is read wrongly", self.name, self.seed, self.input);
        }
    }
}

/// Numbers from a seed (`splitmix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    fn one_of(&mut self, bytes: &[u8]) -> u8 {
        bytes[self.below(bytes.len() as u64) as usize]
    }

    fn digit(&mut self) -> u8 {
        self.one_of(b"0123456789")
    }

    fn letter(&mut self) -> u8 {
        self.one_of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    }

    /// A text of a third of inputs as it is, of a third with bytes changed, put in, left out or swapped, of a third noise.
    fn spoil(&mut self, text: &mut Vec<u8>, symbols: &[u8]) {
        match self.below(3) {
            0 => {}
            1 => {
                for _ in 0..=self.below(3) {
                    let place = self.below(text.len() as u64 + 1) as usize;
                    let byte = if self.below(4) == 0 { self.roll() as u8 } else { self.one_of(symbols) };
                    match self.below(4) {
                        0 if place < text.len() => text[place] = byte,
                        1 if place < text.len() => drop(text.remove(place)),
                        2 if place + 1 < text.len() => text.swap(place, place + 1),
                        _ => text.insert(place, byte),
                    }
                }
            }
            _ => {
                text.clear();
                for _ in 0..self.below(16) {
                    let byte = if self.below(8) == 0 { self.roll() as u8 } else { self.one_of(symbols) };
                    text.push(byte);
                }
            }
        }
    }
}

fn make_nhs_number(dice: &mut Dice, text: &mut Vec<u8>) {
    text.clear();
    let digits: Vec<u64> = (0..9).map(|_| dice.below(10)).collect();
    let sum: u64 = digits.iter().zip((2..=10).rev()).map(|(digit, weight)| digit * weight).sum();
    text.extend(digits.iter().map(|&digit| b'0' + digit as u8));
    text.push(b'0' + ((11 - sum % 11) % 11).min(9) as u8);
    if dice.below(3) == 0 {
        text.insert(6, b' ');
        text.insert(3, b' ');
    }
}

fn nhs_number(dice: &mut Dice, text: &mut Vec<u8>) -> bool {
    make_nhs_number(dice, text);
    dice.spoil(text, b"0123456789 -");
    let kept: Vec<u8> = text.iter().copied().filter(|byte| text.len() != 12 || !b" -".contains(byte)).collect();
    let digits = kept.len() == 10 && kept.iter().all(u8::is_ascii_digit) && kept.iter().any(|&byte| byte != kept[0]);
    let parsed = NhsDigits::parse_bytes(text);
    assert_eq!(parsed.is_ok(), digits);
    let Ok(parsed) = parsed else { return false };
    let printed = format!("{:010}", parsed.value());
    assert_eq!(printed.as_bytes(), kept);
    assert!(NhsDigits::parse_bytes(printed.as_bytes()) == Ok(parsed));
    let weighed: u64 = kept.iter().zip((1..=10).rev()).map(|(&digit, weight)| u64::from(digit - b'0') * weight).sum();
    assert_eq!(parsed.valid().is_ok(), weighed.is_multiple_of(11));
    true
}

fn make_date(dice: &mut Dice, text: &mut Vec<u8>) {
    let (year, month, day) = (1790 + dice.below(300), 1 + dice.below(12), 1 + dice.below(31));
    *text = format!("{year:04}-{month:02}-{day:02}").into_bytes();
}

/// Year, month and day of a text of digits and separators, where there is such a day.
fn judge_date(text: &[u8], separator: char, year_first: bool) -> Option<(i32, u32, u32)> {
    let text = std::str::from_utf8(text).ok()?;
    let mut parts: Vec<&str> = text.split(separator).collect();
    if !year_first {
        parts.reverse();
    }
    let [year, month, day] = parts[..] else { return None };
    let widths = year.len() == 4 && month.len() == 2 && day.len() == 2;
    if !widths || ![year, month, day].concat().bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, month, day): (i32, u32, u32) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let last = *days.get((month as usize).checked_sub(1)?)?;
    (year >= 1000 && (1..=last).contains(&day)).then_some((year, month, day))
}

fn date(dice: &mut Dice, text: &mut Vec<u8>) -> bool {
    make_date(dice, text);
    dice.spoil(text, b"0123456789-/");
    let parsed = Day::parse_bytes(text).ok();
    assert_eq!(parsed.map(Day::civil), judge_date(text, '-', true));
    if let Some(day) = parsed {
        assert_eq!(day.to_string().as_bytes(), &text[..]);
        assert_eq!(Day::from_days_since_1970(day.days_since_1970()), Ok(day));
    }
    parsed.is_some()
}

fn hospital_date(dice: &mut Dice, text: &mut Vec<u8>) -> bool {
    make_date(dice, text);
    if dice.below(2) == 0 {
        *text = [&text[8..], b"/", &text[5..7], b"/", &text[..4]].concat();
    }
    dice.spoil(text, b"0123456789-/");
    let parsed = Day::parse_hospital(text).ok();
    let judged = judge_date(text, '-', true).or_else(|| judge_date(text, '/', false));
    assert_eq!(parsed.map(Day::civil), judged);
    if let Some(day) = parsed {
        let (year, month, date) = day.civil();
        assert_eq!(Day::parse_hospital(format!("{date:02}/{month:02}/{year:04}").as_bytes()), Ok(day));
        assert_eq!(Day::parse_hospital(day.to_string().as_bytes()), Ok(day));
    }
    parsed.is_some()
}

fn make_postcode(dice: &mut Dice, text: &mut Vec<u8>) {
    text.clear();
    let forms: [&[u8]; 6] = [b"A9", b"A99", b"AA9", b"AA99", b"A9A", b"AA9A"];
    let form = forms[dice.below(6) as usize];
    let spaces = dice.below(4) as usize;
    for &symbol in form.iter().chain(&b"   "[..spaces]).chain(b"9AA") {
        let symbol = match symbol {
            b'A' => dice.letter(),
            b'9' => dice.digit(),
            other => other,
        };
        text.push(if dice.below(8) == 0 { symbol.to_ascii_lowercase() } else { symbol });
    }
}

fn postcode(dice: &mut Dice, text: &mut Vec<u8>) -> bool {
    make_postcode(dice, text);
    dice.spoil(text, b"ABLSZ abz0123456789");
    let kept: Vec<u8> = text.iter().filter(|&&byte| byte != b' ').map(u8::to_ascii_uppercase).collect();
    let form: Vec<u8> = kept
        .iter()
        .map(|byte| match byte {
            b'0'..=b'9' => b'9',
            b'A'..=b'Z' => b'A',
            _ => b'?',
        })
        .collect();
    let forms = ["A99AA", "A999AA", "AA99AA", "AA999AA", "A9A9AA", "AA9A9AA"];
    let fits = forms.iter().any(|known| known.as_bytes() == form);
    let parsed = Postcode::parse_bytes(text);
    assert_eq!(parsed.is_ok(), fits);
    let Ok(parsed) = parsed else { return false };
    let printed = parsed.text();
    assert_eq!(printed.replace(' ', "").as_bytes(), kept);
    assert!(Postcode::parse(&printed) == Ok(parsed));
    assert!(parsed.packed() != 0 && parsed.packed() < 1 << 37);
    true
}

fn gender(dice: &mut Dice, text: &mut Vec<u8>) -> bool {
    text.clear();
    text.push(dice.one_of(b"01289Xx"));
    dice.spoil(text, b"01289Xx FM");
    let judged = match std::str::from_utf8(text) {
        Ok("" | "0" | "X" | "x") => Some("0"),
        Ok("1") => Some("1"),
        Ok("2") => Some("2"),
        Ok("9") => Some("9"),
        Ok(_) | Err(_) => None,
    };
    let parsed = Gender::parse(text);
    assert_eq!(parsed.map(Gender::code), judged);
    if let Some(gender) = parsed {
        assert!(Gender::parse(gender.code().as_bytes()) == Some(gender));
    }
    parsed.is_some()
}

/// All four at once: packing and unpacking loses nothing, and a field is missing exactly where its own parser refuses it.
fn identifiers(dice: &mut Dice, text: &mut Vec<u8>) -> bool {
    let mut fields: [Vec<u8>; 4] = Default::default();
    make_nhs_number(dice, &mut fields[0]);
    make_date(dice, &mut fields[1]);
    make_postcode(dice, &mut fields[2]);
    fields[3].push(dice.one_of(b"129"));
    for field in &mut fields {
        if dice.below(3) == 0 {
            dice.spoil(field, b"0123456789ABZ -/");
        }
    }
    text.clear();
    let [nhs, born, home, sex] = &fields;
    let (of, defects) = Identifiers::parse(nhs, born, home, sex);
    assert!(of.nhs_digits() == NhsDigits::parse_bytes(nhs).ok());
    assert!(of.postcode() == Postcode::parse_bytes(home).ok());
    assert!(of.gender() == Gender::parse(sex).unwrap_or(Gender::NotKnown));
    if let Some(born_on) = of.birth_date() {
        assert_eq!(Day::parse_hospital(born), Ok(born_on.day()));
    }
    assert!(Identifiers::from_words(of.to_words()) == of);
    assert!(Identifiers::new(of.nhs_digits(), of.birth_date(), of.postcode(), of.gender()) == of);
    defects.is_empty()
}

type Rows = Vec<(u64, String, [u64; 2])>;

fn read_file(bytes: &[u8], chunk_bytes: usize) -> Result<Read<Rows>, ExtractError> {
    static SOURCE: std::sync::LazyLock<Option<Source>> =
        std::sync::LazyLock::new(|| Source::builtin("gp-patients").ok());
    let source = SOURCE.as_ref().expect("built in");
    let columns = caredata_extract::Columns::Identifiers;
    let options = ReadOptions { chunk_bytes, record_bytes_max: 200, ..ReadOptions::with_columns(columns) };
    read(source, &[InputFile::in_memory("patients.csv", bytes)], &options, |batch| {
        let row = |row| (batch.line(row), batch.key(row).to_owned(), batch.identifiers(row).to_words());
        (0..batch.len()).map(row).collect()
    })
}

/// A file of a few rows: the same rows whatever the size of chunks, and rows in are rows taken and rows refused.
fn file(dice: &mut Dice, text: &mut Vec<u8>) -> bool {
    text.clear();
    text.extend_from_slice(
        b"practice_code,patient_id,nhs_number,date_of_birth,postcode,sex,ethnic_category,registration_date\n",
    );
    let end: &[u8] = if dice.below(4) == 0 { b"\r\n" } else { b"\n" };
    let body = text.len();
    for row in 0..dice.below(4) {
        let mut field = Vec::new();
        text.extend_from_slice(format!("A{},{row},", dice.below(3)).as_bytes());
        make_nhs_number(dice, &mut field);
        text.append(&mut field);
        text.push(b',');
        make_date(dice, &mut field);
        text.append(&mut field);
        text.push(b',');
        make_postcode(dice, &mut field);
        let quoted = dice.below(4) == 0;
        text.extend(quoted.then_some(b'"'));
        text.append(&mut field);
        text.extend(quoted.then_some(b'"'));
        text.extend_from_slice(b",2,A,2001-02-03");
        text.extend_from_slice(end);
    }
    if dice.below(3) > 0 {
        let mut rest = text.split_off(body);
        dice.spoil(&mut rest, b"\"\"\",,\n\n\r0A");
        text.append(&mut rest);
    }
    let (whole, cut) = (read_file(text, 1 << 16), read_file(text, 1 + dice.below(90) as usize));
    match (whole, cut) {
        (Ok(whole), Ok(cut)) => {
            let rows = whole.results.concat();
            assert!(rows == cut.results.concat());
            assert_eq!(whole.rejections, cut.rejections);
            assert_eq!((whole.rows_in, whole.rows_refused), (cut.rows_in, cut.rows_refused));
            assert_eq!(whole.rows_in, rows.len() as u64 + whole.rows_refused);
            true
        }
        (Err(whole), Err(cut)) => {
            assert_eq!(whole.to_string(), cut.to_string());
            false
        }
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => panic!("the size of chunks decides whether a file is taken"),
    }
}

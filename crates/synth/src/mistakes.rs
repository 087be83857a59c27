//! How identifiers come to be wrong: a person's true identifiers in, those that a record states out.
//!
//! Each record draws its mistakes on its own, at the rates of its preset times a factor for the person's group and for the
//! organisation that wrote it. An identifier has at most one mistake in a record.

use crate::draw::Draw;
use crate::places::PostcodeText;
use crate::text::civil;
use crate::{Errors, Mistake, MistakeCounts};
use caredata_model::Day;

/// Shares of records with each mistake, before factors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates(pub(crate) [f64; Mistake::ALL.len()]);

impl Rates {
    /// GP registrations, the same in both presets.
    pub(crate) const GP: Self =
        Self([0.001, 0.0003, 0.0001, 0.001, 0.0001, 0.02, 0.002, 0.001, 0.0005, 0.0005, 0.0005]);
    const STANDARD: Self = Self([0.018, 0.002, 0.0006, 0.005, 0.0005, 0.055, 0.006, 0.006, 0.002, 0.002, 0.002]);
    const HARD: Self = Self([0.15, 0.01, 0.003, 0.02, 0.003, 0.12, 0.02, 0.02, 0.006, 0.005, 0.006]);

    pub(crate) const fn hospital(errors: Errors) -> Self {
        match errors {
            Errors::Standard => Self::STANDARD,
            Errors::Hard => Self::HARD,
        }
    }

    pub(crate) const fn of(&self, mistake: Mistake) -> f64 {
        self.0[mistake as usize]
    }

    /// At most one of these mistakes.
    fn draw(&self, mistakes: &[Mistake], factor: f64, draw: &mut Draw) -> Option<Mistake> {
        let mut left = draw.unit();
        for &mistake in mistakes {
            left -= self.of(mistake) * factor;
            if left < 0.0 {
                return Some(mistake);
            }
        }
        None
    }
}

/// What is true of a person, and what a mistake could put in its place.
pub(crate) struct True {
    pub(crate) number: u64,
    /// The number of somebody near: of the same household where there is one.
    pub(crate) relative: u64,
    pub(crate) birth: i32,
    pub(crate) postcode: PostcodeText,
    /// An earlier address, of those who have moved.
    pub(crate) earlier: Option<PostcodeText>,
    /// The share of people with an earlier address, so that the rate holds over all.
    pub(crate) movers: f64,
    pub(crate) female: bool,
}

/// The identifiers as a record states them; no number and an empty postcode are missing.
pub(crate) struct Stated {
    pub(crate) number: Option<u64>,
    pub(crate) birth: i32,
    pub(crate) postcode: PostcodeText,
    pub(crate) gender: u8,
}

/// Who writes the record: GP and hospital have different habits for what they do not know.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writer {
    Practice,
    Hospital,
}

/// States a person's identifiers once, with the mistakes of one record.
pub(crate) fn state(
    truth: &True,
    rates: &Rates,
    factor: f64,
    writer: Writer,
    counts: &mut MistakeCounts,
    draw: &mut Draw,
) -> Stated {
    let number =
        rates.draw(&[Mistake::NumberMissing, Mistake::NumberMistyped, Mistake::NumberOfRelative], factor, draw);
    let birth = rates.draw(&[Mistake::BirthSlipped, Mistake::BirthDefault], factor, draw);
    let gender = rates.draw(&[Mistake::GenderWrong, Mistake::GenderUnknown], factor, draw);
    let postcode =
        rates.draw(&[Mistake::PostcodeMissing, Mistake::PostcodePseudo, Mistake::PostcodeMistyped], factor, draw);
    let stale = truth.earlier.is_some()
        && postcode.is_none()
        && draw.chance(rates.of(Mistake::PostcodeOld) * factor / truth.movers);
    let postcode = if stale { Some(Mistake::PostcodeOld) } else { postcode };
    for mistake in [number, birth, gender, postcode].into_iter().flatten() {
        counts.note(mistake);
    }
    Stated {
        number: stated_number(truth, number, draw),
        birth: stated_birth(truth.birth, birth, writer, draw),
        gender: stated_gender(truth.female, gender, writer, draw),
        postcode: stated_postcode(truth, postcode, draw),
    }
}

fn stated_number(truth: &True, mistake: Option<Mistake>, draw: &mut Draw) -> Option<u64> {
    if mistake == Some(Mistake::NumberMissing) {
        None
    } else if mistake == Some(Mistake::NumberMistyped) {
        Some(mistyped_number(truth.number, draw))
    } else if mistake == Some(Mistake::NumberOfRelative) {
        Some(truth.relative)
    } else {
        Some(truth.number)
    }
}

/// One digit wrong, two neighbours swapped, or two digits wrong.
fn mistyped_number(number: u64, draw: &mut Draw) -> u64 {
    let digit_at = |number: u64, place: u32| number / 10_u64.pow(place) % 10;
    let slip = |number: u64, draw: &mut Draw| {
        let place = draw.below(9);
        let new = (digit_at(number, place) + 1 + u64::from(draw.below(9))) % 10;
        number - digit_at(number, place) * 10_u64.pow(place) + new * 10_u64.pow(place)
    };
    let kind = draw.below(20);
    let place = draw.below(8);
    let (low, high) = (digit_at(number, place), digit_at(number, place + 1));
    if kind < 5 && low != high {
        return number - low * 10_u64.pow(place) - high * 10_u64.pow(place + 1)
            + high * 10_u64.pow(place)
            + low * 10_u64.pow(place + 1);
    }
    let once = slip(number, draw);
    if kind == 19 {
        let twice = slip(once, draw);
        return if twice == number { once } else { twice };
    }
    once
}

fn stated_birth(birth: i32, mistake: Option<Mistake>, writer: Writer, draw: &mut Draw) -> i32 {
    if mistake == Some(Mistake::BirthSlipped) {
        slipped_birth(birth, draw)
    } else if mistake == Some(Mistake::BirthDefault) {
        default_birth(birth, writer, draw)
    } else {
        birth
    }
}

/// Day and month swapped, one part different, or one digit different: always another day that exists and is not in the
/// future of the true one by more than a few years.
fn slipped_birth(birth: i32, draw: &mut Draw) -> i32 {
    let (year, month, day) = civil(birth);
    for _ in 0..12 {
        let tried = match draw.below(20) {
            0..8 => Day::new(year, day, month),
            8..11 => Day::new(year, month, 1 + draw.below(31)),
            11..13 => Day::new(year, 1 + draw.below(12), day),
            13..16 => Day::new(year + draw.pick(&[-10, -2, -1, 1, 2, -1]), month, day),
            16..18 => Day::new(year, month, one_digit(day, draw)),
            18 => Day::new(year, one_digit(month, draw), day),
            _ => Day::new(year - year % 10 + draw.between(0, 9), month, day),
        };
        if let Ok(tried) = tried
            && tried.days_since_1970() != birth
        {
            return tried.days_since_1970();
        }
    }
    birth - 1
}

/// A number below 100 with one of its two digits replaced.
fn one_digit(number: u32, draw: &mut Draw) -> u32 {
    if draw.chance(0.5) { number / 10 * 10 + draw.below(10) } else { draw.below(4) * 10 + number % 10 }
}

fn default_birth(birth: i32, writer: Writer, draw: &mut Draw) -> i32 {
    let first_of_year = (civil(birth).0, 1, 1);
    let (year, month, day) = match writer {
        Writer::Practice => draw.pick(&[first_of_year, first_of_year, (1900, 1, 1)]),
        Writer::Hospital => {
            draw.pick(&[(1800, 1, 1), (1801, 1, 1), (1582, 10, 15), first_of_year, first_of_year, (1900, 1, 1)])
        }
    };
    Day::new(year, month, day).map_or(birth, Day::days_since_1970)
}

fn stated_gender(female: bool, mistake: Option<Mistake>, writer: Writer, draw: &mut Draw) -> u8 {
    let (right, wrong) = if female { (b'2', b'1') } else { (b'1', b'2') };
    if mistake == Some(Mistake::GenderWrong) {
        wrong
    } else if mistake == Some(Mistake::GenderUnknown) {
        match writer {
            Writer::Practice => draw.pick(b"0X9"),
            Writer::Hospital => draw.pick(b"09"),
        }
    } else {
        right
    }
}

fn stated_postcode(truth: &True, mistake: Option<Mistake>, draw: &mut Draw) -> PostcodeText {
    if mistake == Some(Mistake::PostcodeMissing) {
        PostcodeText::NONE
    } else if mistake == Some(Mistake::PostcodePseudo) {
        PostcodeText::new(draw.weighted::<&[u8]>(&[(4, b"ZZ99 3VZ"), (4, b"ZZ99 3WZ"), (2, b"ZZ99 3CZ")]))
    } else if mistake == Some(Mistake::PostcodeMistyped) {
        mistyped_postcode(truth.postcode, draw)
    } else if mistake == Some(Mistake::PostcodeOld) {
        truth.earlier.unwrap_or(truth.postcode)
    } else {
        truth.postcode
    }
}

/// One character wrong, the last two swapped, or the last one lost.
fn mistyped_postcode(postcode: PostcodeText, draw: &mut Draw) -> PostcodeText {
    let mut text = postcode.as_bytes().to_vec();
    let last = text.len() - 1;
    let kind = draw.below(20);
    if kind == 0 {
        text.pop();
    } else if kind < 3 && text[last] != text[last - 1] {
        text.swap(last, last - 1);
    } else {
        let place = loop {
            let place = draw.below(text.len() as u32) as usize;
            if text[place] != b' ' {
                break place;
            }
        };
        let (first, symbols) = if text[place].is_ascii_digit() { (b'0', 10) } else { (b'A', 26) };
        let step = 1 + draw.below(symbols - 1) as u8;
        text[place] = first + (text[place] - first + step) % symbols as u8;
    }
    PostcodeText::new(&text)
}

//! Links as lines of `links.csv`: `source,record_id,person_id,match_rank,weight_bits,probability,status`.
//!
//! Record ids and links in, bytes appended. Invariant: one line a link; what a method has no value for is empty.

use crate::record::{Link, Status};
use caredata_model::PersonId;

/// The header of `links.csv`, with its newline.
pub const HEADER: &[u8] = b"source,record_id,person_id,match_rank,weight_bits,probability,status\n";

/// Record ids one after the other: their text, and where each ends in it.
#[derive(Clone, Copy, Debug)]
pub struct Ids<'a> {
    text: &'a str,
    start: u32,
    ends: &'a [u32],
}

impl<'a> Ids<'a> {
    /// The ids of which number `i` begins in `text` where the one before ends, the first at `start`.
    ///
    /// ```
    /// use caredata_link::Ids;
    /// assert_eq!(Ids::new("abc", 0, &[1, 3]).iter().collect::<Vec<_>>(), ["a", "bc"]);
    /// ```
    pub const fn new(text: &'a str, start: u32, ends: &'a [u32]) -> Self {
        Self { text, start, ends }
    }

    /// The ids in their order.
    ///
    /// # Panics
    /// Where an end is no character's border, or comes before the one ahead of it.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let Self { text, mut start, ends } = *self;
        ends.iter().map(move |&end| {
            let id = &text[start as usize..end as usize];
            start = end;
            id
        })
    }
}

/// Appends a line for each link; `ids` are those of the records linked, in the same order.
pub fn push_lines(out: &mut Vec<u8>, source: &str, ids: &Ids<'_>, links: &[Link]) {
    out.reserve(links.len() * (source.len() + 64));
    for (id, link) in ids.iter().zip(links) {
        out.extend_from_slice(source.as_bytes());
        out.push(b',');
        push_field(out, id);
        out.push(b',');
        push_hex(out, link.person);
        out.push(b',');
        if let Some(rank) = link.match_rank {
            push_number(out, u64::from(rank));
        }
        out.push(b',');
        push_fixed::<2>(out, link.weight_bits);
        out.push(b',');
        push_fixed::<6>(out, link.probability);
        out.push(b',');
        out.extend_from_slice(match link.status {
            Status::Linked => b"linked\n",
            Status::New => b"new\n",
            Status::Review => b"review\n",
        });
    }
}

/// A CSV field, quoted where it must be.
fn push_field(out: &mut Vec<u8>, text: &str) {
    if text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

fn push_hex(out: &mut Vec<u8>, person: PersonId) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bytes = (person.value() as u64).to_be_bytes();
    let mut hex = [0; 16];
    for (pair, byte) in hex.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    out.extend_from_slice(&hex);
}

/// A whole number in decimal digits.
fn push_number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// A number with `PLACES` decimal places; nothing for none.
fn push_fixed<const PLACES: usize>(out: &mut Vec<u8>, value: Option<f32>) {
    let Some(value) = value.filter(|value| value.is_finite()) else { return };
    let scale = 10_u64.pow(PLACES as u32);
    let scaled = (f64::from(value) * scale as f64).round() as i64;
    if scaled < 0 {
        out.push(b'-');
    }
    push_number(out, scaled.unsigned_abs() / scale);
    let mut fraction = scaled.unsigned_abs() % scale;
    let mut digits = [b'0'; PLACES];
    for digit in digits.iter_mut().rev() {
        *digit += (fraction % 10) as u8;
        fraction /= 10;
    }
    out.push(b'.');
    out.extend_from_slice(&digits);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed<const PLACES: usize>(value: f32) -> String {
        let mut out = Vec::new();
        push_fixed::<PLACES>(&mut out, Some(value));
        String::from_utf8(out).expect("digits")
    }

    #[test]
    fn numbers_have_their_places() {
        assert_eq!(fixed::<2>(-3.307), "-3.31");
        assert_eq!(fixed::<2>(12.0), "12.00");
        assert_eq!(fixed::<6>(0.000_04), "0.000040");
        assert_eq!(fixed::<6>(1.0), "1.000000");
        assert_eq!(fixed::<2>(f32::NAN), "");
    }

    #[test]
    fn a_record_id_with_a_comma_is_quoted() {
        let mut out = Vec::new();
        push_field(&mut out, "A1,\"2");
        assert_eq!(out, b"\"A1,\"\"2\"");
    }

    #[test]
    fn a_line_is_as_its_header_says() {
        let link = Link {
            person: PersonId::from_bits(0x1f2),
            status: Status::Review,
            match_rank: Some(10),
            weight_bits: Some(-0.5),
            probability: None,
        };
        let new = Link { status: Status::New, match_rank: None, weight_bits: None, probability: Some(0.25), ..link };
        let mut out = Vec::new();
        push_lines(&mut out, "apc", &Ids::new("x17,8", 1, &[3, 5]), &[link, new]);
        let expected = "apc,17,00000000000001f2,10,-0.50,,review\napc,\",8\",00000000000001f2,,,0.250000,new\n";
        assert_eq!(String::from_utf8(out).as_deref(), Ok(expected));
    }
}

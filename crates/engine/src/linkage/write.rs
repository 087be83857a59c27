//! Links written as `links.csv`.
//!
//! [`Taken`] records and their links -> lines. Invariant: a file that could not be written whole is not there.

use super::read::{Batch, Taken};
use crate::error::EngineError;
use caredata_link::{Link, Linkage, Status};
use caredata_model::PersonId;
use rayon::prelude::*;
use std::io::Write;
use std::path::Path;

pub(super) fn write_links(out: &Path, gp: &Taken, events: &[Taken], linkage: &Linkage) -> Result<(), EngineError> {
    let unfinished = out.with_extension("csv.unfinished");
    let fault = || EngineError::io("writing the links", out);
    let mut file = std::fs::File::create(&unfinished).map_err(fault())?;
    file.write_all(b"source,record_id,person_id,match_rank,weight_bits,probability,status\n").map_err(fault())?;
    let mut links = linkage.registrations.as_slice();
    let mut jobs = Vec::new();
    for (place, taken) in std::iter::once(gp).chain(events).enumerate() {
        if place == 1 {
            links = &linkage.events;
        }
        for batch in &taken.batches {
            let (own, rest) = links.split_at(batch.records.len());
            links = rest;
            jobs.push((taken.source.as_str(), batch, own));
        }
    }
    // As many pieces in memory as there are threads, a few times over; never the whole output.
    for jobs in jobs.chunks(4 * rayon::current_num_threads()) {
        let texts: Vec<Vec<u8>> = jobs.par_iter().map(|&(source, batch, links)| lines(source, batch, links)).collect();
        for text in texts {
            file.write_all(&text).map_err(fault())?;
        }
    }
    file.flush().map_err(fault())?;
    std::fs::rename(&unfinished, out).map_err(fault())
}

fn lines(source: &str, batch: &Batch, links: &[Link]) -> Vec<u8> {
    let mut out = Vec::with_capacity(links.len() * 72);
    let mut digits = itoa::Buffer::new();
    for (row, link) in links.iter().enumerate() {
        out.extend_from_slice(source.as_bytes());
        out.push(b',');
        push_field(&mut out, batch.id(row));
        out.push(b',');
        push_hex(&mut out, link.person);
        out.push(b',');
        if let Some(rank) = link.match_rank {
            out.extend_from_slice(digits.format(rank).as_bytes());
        }
        out.push(b',');
        push_fixed::<2>(&mut out, link.weight_bits);
        out.push(b',');
        push_fixed::<6>(&mut out, link.probability);
        out.push(b',');
        out.extend_from_slice(match link.status {
            Status::Linked => b"linked",
            Status::New => b"new",
            Status::Review => b"review",
        });
        out.push(b'\n');
    }
    out
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
    let value = person.value() as u64;
    out.extend((0..16).rev().map(|place| DIGITS[(value >> (4 * place) & 15) as usize]));
}

/// A number with `PLACES` decimal places; nothing for none.
fn push_fixed<const PLACES: usize>(out: &mut Vec<u8>, value: Option<f32>) {
    let Some(value) = value.filter(|value| value.is_finite()) else { return };
    let scale = 10_i64.pow(PLACES as u32);
    let scaled = (f64::from(value) * scale as f64).round() as i64;
    if scaled < 0 {
        out.push(b'-');
    }
    let mut digits = itoa::Buffer::new();
    out.extend_from_slice(digits.format(scaled.unsigned_abs() / scale as u64).as_bytes());
    out.push(b'.');
    let fraction = digits.format(scaled.unsigned_abs() % scale as u64);
    out.extend(std::iter::repeat_n(b'0', PLACES - fraction.len()));
    out.extend_from_slice(fraction.as_bytes());
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
        assert_eq!(fixed::<2>(f32::NAN), "");
    }

    #[test]
    fn a_record_id_with_a_comma_is_quoted() {
        let mut out = Vec::new();
        push_field(&mut out, "A1,\"2");
        assert_eq!(out, b"\"A1,\"\"2\"");
    }
}

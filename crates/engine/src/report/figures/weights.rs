//! The weight of evidence of each record's best candidate, with the thresholds drawn on it.
//!
//! A histogram in, a mirrored one out: linked records stand up, the others hang down. Heights are square roots, so that the
//! thin valley between the two hills, where errors live, can be seen at all; the scale says so.

use super::{Figure, Table, step};
use crate::report::data::WeightHistogram;
use crate::report::numbers::count;
use crate::report::svg::{Align, Picture, at, size};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 946.0;
const TOP: f64 = 54.0;
const HALVES: f64 = 290.0;

/// The distribution of weights; nothing where there are no bins.
pub(in crate::report) fn weights(histogram: &WeightHistogram) -> Option<Figure> {
    let WeightHistogram { first_bits, bin_bits, bins, review_from_bits, link_from_bits } = histogram;
    let (first, width) = (f64::from(*first_bits), f64::from(*bin_bits));
    if bins.is_empty() || width <= 0.0 {
        return None;
    }
    let last = first + width * bins.len() as f64;
    let x = |bits: f64| LEFT + (bits - first) / (last - first) * (RIGHT - LEFT);
    let tallest =
        |height: fn(&crate::report::data::WeightBin) -> u64| (bins.iter().map(height).max().unwrap_or(0) as f64).sqrt();
    let (up, down) = (tallest(|bin| bin.linked), tallest(|bin| bin.not_linked));
    // The two halves share one scale; neither is squeezed to nothing.
    let scale = HALVES / (up + down).max(1.0);
    let base = TOP + up * scale;
    let height = TOP + HALVES + 52.0;

    let mut picture = Picture::new(size(WIDTH, height));
    scale_lines(&mut picture, base, scale, up, down);
    let mut table =
        Table::new("Records by the weight of their best candidate", &["Weight in bits", "Linked", "Not linked"]);
    for (index, bin) in bins.iter().enumerate() {
        let from = first + width * index as f64;
        let span = format!("{from:.0} to {:.0}", from + width);
        let (corner, breadth) = (x(from) + 0.5, (x(from + width) - x(from) - 1.0).max(0.5));
        let (above, below) = ((bin.linked as f64).sqrt() * scale, (bin.not_linked as f64).sqrt() * scale);
        let tip = format!("{span} bits: {} linked, {} not", count(bin.linked), count(bin.not_linked));
        if bin.linked > 0 {
            picture.rect("good", at(corner, base - above), size(breadth, above), &tip);
        }
        if bin.not_linked > 0 {
            picture.rect("muted", at(corner, base), size(breadth, below), &tip);
        }
        table.rows.push(vec![span, count(bin.linked), count(bin.not_linked)]);
    }
    picture.line("axis", at(LEFT, base), at(RIGHT, base));
    bit_axis(&mut picture, x, (first, last), TOP + HALVES + 8.0);

    let (review, link) = (f64::from(*review_from_bits), f64::from(*link_from_bits));
    let bottom = TOP + HALVES + 4.0;
    if link > review {
        picture.rect("doubt", at(x(review), 40.0), size(x(link) - x(review), bottom - 40.0), "in doubt");
    }
    for (bits, align, words, nudge) in
        [(review, Align::Right, "in doubt from", -6.0), (link, Align::Left, "linked from", 6.0)]
    {
        picture.line("threshold", at(x(bits), 24.0), at(x(bits), bottom));
        picture.text("mark", at(x(bits) + nudge, 32.0), align, &format!("{words} {bits:.1} bits"));
    }
    let description = format!(
        "Records by the weight of their best candidate. In doubt from {review:.1} bits, linked from {link:.1} bits. {} linked, {} not.",
        count(bins.iter().map(|bin| bin.linked).sum()),
        count(bins.iter().map(|bin| bin.not_linked).sum()),
    );
    Some(Figure { svg: picture.finish("weights", "The weight of evidence", &description), table })
}

fn scale_lines(picture: &mut Picture, base: f64, scale: f64, up: f64, down: f64) {
    for (reach, sign) in [(up, -1.0), (down, 1.0)] {
        let most = reach * reach;
        let power = 10_f64.powf(most.max(1.0).log10().floor());
        let mut free_from = 14.0;
        for records in [0.01, 0.1, 1.0, 2.0, 5.0].map(|factor| factor * power) {
            let away = records.sqrt() * scale;
            if (1.0..=most).contains(&records) && away >= free_from {
                let y = base + sign * away;
                picture.line("hair", at(LEFT, y), at(RIGHT, y));
                picture.text("tick", at(LEFT - 8.0, y + 4.0), Align::Right, &count(records as u64));
                free_from = away + 16.0;
            }
        }
    }
    picture.text("tick", at(LEFT - 8.0, base + 4.0), Align::Right, "0");
}

fn bit_axis(picture: &mut Picture, x: impl Fn(f64) -> f64, (first, last): (f64, f64), y: f64) {
    let step = step(last - first, 12.0);
    let mut bits = (first / step).ceil() * step;
    while bits <= last {
        picture.line("axis", at(x(bits), y), at(x(bits), y + 5.0));
        picture.text("tick", at(x(bits), y + 20.0), Align::Middle, &format!("{bits:.0}"));
        bits += step;
    }
    picture.text(
        "small",
        at(f64::midpoint(LEFT, RIGHT), y + 40.0),
        Align::Middle,
        "weight in bits: each bit doubles the odds",
    );
}

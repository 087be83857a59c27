//! The pictures that only a linkage report has: reliability of probabilities, signs of false links.
//!
//! Parts of a report in, figures out, each with its numbers as a table.

use super::data::{CalibrationBin, Sign};
use crate::report::figures::{Figure, Table};
use crate::report::numbers::{count, percent, share};
use crate::report::svg::{Align, At, Picture, at, size};

const WIDTH: f64 = 960.0;

/// How far from the ends a share is drawn at most: 1 in 5 million.
const NEAREST_END: f64 = 0.000_000_2;
/// Marks of both axes of the reliability diagram.
const MARKS: [(f64, &str); 9] = [
    (0.000_001, "0.0001%"),
    (0.0001, "0.01%"),
    (0.01, "1%"),
    (0.1, "10%"),
    (0.5, "50%"),
    (0.9, "90%"),
    (0.99, "99%"),
    (0.9999, "99.99%"),
    (0.999_999, "99.9999%"),
];

/// The place of a share on an axis from 0 to 1, in log odds.
fn log_odds(share: f64) -> f64 {
    let odds = |share: f64| (share / (1.0 - share)).ln();
    let end = odds(1.0 - NEAREST_END);
    (odds(share.clamp(NEAREST_END, 1.0 - NEAREST_END)) + end) / (2.0 * end)
}

/// What probabilities said against what was true, a dot for each bin, on scales of log odds.
pub(super) fn reliability(bins: &[CalibrationBin]) -> Figure {
    const LEFT: f64 = 190.0;
    const SIDE: f64 = 560.0;
    const TOP: f64 = 14.0;
    let place = |said: f64, right: f64| at(LEFT + log_odds(said) * SIDE, TOP + (1.0 - log_odds(right)) * SIDE);
    let mut picture = Picture::new(size(WIDTH, TOP + SIDE + 62.0));
    for (mark, words) in MARKS {
        let At { x, y } = place(mark, mark);
        picture.line("hair", at(x, TOP), at(x, TOP + SIDE));
        picture.line("hair", at(LEFT, y), at(LEFT + SIDE, y));
        picture.text("tick", at(x, TOP + SIDE + 20.0), Align::Middle, words);
        picture.text("tick", at(LEFT - 10.0, y + 4.0), Align::Right, words);
    }
    picture.line("mean", at(LEFT, TOP + SIDE), at(LEFT + SIDE, TOP));
    picture.text("small", at(LEFT + SIDE / 2.0, TOP + SIDE + 46.0), Align::Middle, "the probability said");
    picture.text("small", at(0.0, TOP + 16.0), Align::Left, "truly the person");
    picture.text("tiny", at(LEFT + 24.0, TOP + 26.0), Align::Left, "above the line: too modest");
    picture.text("tiny", at(LEFT + SIDE - 12.0, TOP + SIDE - 16.0), Align::Right, "below the line: too sure");
    let head = ["Probability", "Records", "Said, on average", "True", "95% interval", "Said to be true", "Truly"];
    let mut table = Table::new("Best candidates by their probability, and how many are the person", &head);
    let mut described = 0;
    for bin in bins {
        let span = span(bin);
        let (Some(said), Some(true_share)) = (bin.said, bin.right.share) else {
            table.rows.push(std::iter::once(span).chain(["0", "–", "–", "–", "0", "0"].map(str::to_owned)).collect());
            continue;
        };
        described += bin.right.whole;
        let (low, high) = (bin.right.low.unwrap_or(0.0), bin.right.high.unwrap_or(1.0));
        picture.line("whisker good", place(said, low), place(said, high));
        let numbers = format!("{} of {} records are true", count(bin.right.part), count(bin.right.whole));
        let tip = format!("{span}: said {}, {numbers}", fine(said));
        picture.dot("dot good", place(said, true_share), 6.0, &tip);
        table.rows.push(vec![
            span,
            count(bin.right.whole),
            fine(said),
            percent(bin.right.part, bin.right.whole),
            format!("{} to {}", fine(low), fine(high)),
            format!("{:.1}", said * bin.right.whole as f64),
            count(bin.right.part),
        ]);
    }
    let description = format!(
        "A dot for each range of probability, across what it says and upwards what is true, of {} records. On the dashed \
         line the two are the same. Both scales are of log odds, so that both ends can be seen.",
        count(described)
    );
    Figure { svg: picture.finish("reliability", "Are the probabilities kept?", &description), table }
}

/// `0.99 to 0.999`.
fn span(bin: &CalibrationBin) -> String {
    let edge = |edge: f32| format!("{edge:.3}").trim_end_matches('0').trim_end_matches('.').to_owned();
    format!("{} to {}", edge(bin.from), edge(bin.to))
}

/// A share as a percentage with the decimals that it needs near its ends.
pub(super) fn fine(share: f64) -> String {
    let from_an_end = share.min(1.0 - share);
    if from_an_end <= 0.0 {
        format!("{:.0}%", share * 100.0)
    } else if from_an_end < 0.000_01 {
        format!("{:.6}%", share * 100.0)
    } else if from_an_end < 0.001 {
        format!("{:.4}%", share * 100.0)
    } else if from_an_end < 0.02 {
        format!("{:.2}%", share * 100.0)
    } else {
        format!("{:.1}%", share * 100.0)
    }
}

/// Records that bear each sign; where the truth is known, the part that it explains in another colour.
pub(super) fn signs(signs: &[Sign]) -> Figure {
    const LEFT: f64 = 330.0;
    const FULL: f64 = 330.0;
    const LANE: f64 = 34.0;
    let most = signs.iter().map(|sign| sign.records.records).max().unwrap_or(0);
    let known = signs.iter().any(|sign| sign.records.explained.is_some());
    let mut picture = Picture::new(size(WIDTH, LANE * signs.len() as f64 + 6.0));
    let mut head = vec!["What cannot be", "Persons", "Records"];
    if known {
        head.extend(["Of these, mixed with somebody else's", "Share", "Of all false links, found"]);
    }
    let mut table = Table::new("Signs of false links", &head);
    for (lane, sign) in signs.iter().enumerate() {
        let y = LANE * lane as f64;
        let (words, records) = (sign.kind.words(), sign.records.records);
        let explained = sign.records.explained.map(|rate| rate.part);
        let length = |part: u64| share(part, most) * FULL;
        let mut numbers = count(records);
        let mut row = vec![words.to_owned(), count(sign.persons), count(records)];
        let red = explained.unwrap_or(0);
        if let Some(rate) = sign.records.explained {
            let share = percent(rate.part, rate.whole);
            if records > 0 {
                numbers = format!("{numbers} · {share} mixed");
            }
            let found = sign.records.found.map_or_else(|| "–".to_owned(), |found| percent(found.part, found.whole));
            row.extend([count(rate.part), share, found]);
        }
        picture.text("label", at(LEFT - 14.0, y + 22.0), Align::Right, words);
        let tip = format!("{words}: {numbers}");
        if red > 0 {
            picture.rect("bad", at(LEFT, y + 6.0), size(length(red).max(1.5), LANE - 12.0), &tip);
        }
        if records > red {
            picture.rect("muted", at(LEFT + length(red), y + 6.0), size(length(records - red), LANE - 12.0), &tip);
        }
        picture.text("value", at(LEFT + length(records) + 10.0, y + 22.0), Align::Left, &numbers);
        table.rows.push(row);
    }
    let description = "For each thing that cannot be true of one person, the records that say it.";
    Figure { svg: picture.finish("signs", "Signs of false links", description), table }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_odds_are_even_and_stay_on_the_page() {
        assert!((log_odds(0.5) - 0.5).abs() < 1e-9);
        assert!((log_odds(0.01) + log_odds(0.99) - 1.0).abs() < 1e-9);
        assert!(log_odds(0.0).abs() < 1e-9 && (log_odds(1.0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn shares_near_an_end_have_their_decimals() {
        assert_eq!(
            [0.0, 0.000_37, 0.0123, 0.5, 0.99963, 0.999_999_36, 1.0].map(fine),
            ["0%", "0.0370%", "1.23%", "50.0%", "99.9630%", "99.999936%", "100%"]
        );
    }
}

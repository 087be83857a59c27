//! Bars: reasons, outcomes of linkage by source, match ranks, stages.
//!
//! Counts in, one row of picture for each; the numbers stand beside the bars.

use super::{Figure, Table};
use crate::report::data::{Counted, Links, Stage, StatusCount};
use crate::report::numbers::{count, percent, seconds, share};
use crate::report::svg::{Align, Picture, at, size};

const WIDTH: f64 = 960.0;
const LANE: f64 = 34.0;
const LINE: f64 = 17.0;
/// Letters of a label that fit on one line.
const LETTERS: usize = 44;

/// What each match rank means (the published algorithm's own steps).
const RANKS: [&str; 8] = [
    "NHS Number, sex, date of birth and postcode",
    "NHS Number, sex and date of birth",
    "NHS Number, sex, postcode, part of birth date",
    "NHS Number, sex, part of birth date",
    "NHS Number and postcode",
    "Date of birth, sex, postcode; no other number",
    "As 6, communal postcode or 1 January",
    "NHS Number alone",
];

/// A bar for each reason, longest first as given.
pub(in crate::report) fn bars(id: &str, title: &str, class: &str, counted: &[Counted], whole: u64) -> Figure {
    const LEFT: f64 = 410.0;
    const FULL: f64 = 360.0;
    let most = counted.iter().map(|one| one.rows).max().unwrap_or(0);
    let labels: Vec<Vec<String>> = counted.iter().map(|one| lines(&one.what, LETTERS)).collect();
    let height: f64 = labels.iter().map(|label| lane(label)).sum();
    let mut picture = Picture::new(size(WIDTH, height + 6.0));
    let mut table = Table::new(title, &["Reason", "Rows", "Share of rows read"]);
    let mut top = 0.0;
    for (one, label) in counted.iter().zip(&labels) {
        let y = top + (lane(label) - LANE) / 2.0;
        let length = if one.rows == 0 { 0.0 } else { (share(one.rows, most) * FULL).max(2.0) };
        let numbers = format!("{} · {}", count(one.rows), percent(one.rows, whole));
        for (number, line) in label.iter().enumerate() {
            let down = LINE * (number as f64 - (label.len() - 1) as f64 / 2.0);
            picture.text("label", at(LEFT - 14.0, y + 21.0 + down), Align::Right, line);
        }
        top += lane(label);
        picture.rect(class, at(LEFT, y + 6.0), size(length, LANE - 12.0), &format!("{}: {numbers}", one.what));
        picture.text("value", at(LEFT + length + 10.0, y + 21.0), Align::Left, &numbers);
        table.rows.push(vec![one.what.clone(), count(one.rows), percent(one.rows, whole)]);
    }
    let sum: u64 = counted.iter().map(|one| one.rows).sum();
    Figure { svg: picture.finish(id, title, &format!("{} rows in all, by reason.", count(sum))), table }
}

/// The height that a label needs.
fn lane(label: &[String]) -> f64 {
    LANE + LINE * (label.len() - 1) as f64
}

/// Text broken between words into lines of at most `most` letters; a longer word has a line of its own.
fn lines(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        let letters = lines[last].chars().count();
        if letters > 0 && letters + 1 + word.chars().count() > most {
            lines.push(word.to_owned());
        } else {
            if letters > 0 {
                lines[last].push(' ');
            }
            lines[last].push_str(word);
        }
    }
    lines
}

/// The outcome of linkage for each source, all bars of one length.
pub(in crate::report) fn statuses(links: &Links) -> Figure {
    const LEFT: f64 = 150.0;
    const FULL: f64 = 540.0;
    let mut picture = Picture::new(size(WIDTH, LANE * links.by_status.len() as f64 + 6.0));
    let mut table =
        Table::new("Records by outcome of linkage", &["Source", "Records", "Linked", "New person", "In doubt"]);
    for (index, source) in links.by_status.iter().enumerate() {
        let y = LANE * index as f64;
        let StatusCount { source: name, linked, new, review } = source;
        let whole = linked + new + review;
        picture.text("name", at(LEFT - 14.0, y + 22.0), Align::Right, name);
        let mut x = LEFT;
        for (class, words, rows) in [("good", "linked", *linked), ("new", "new", *new), ("held", "in doubt", *review)] {
            let length = share(rows, whole) * FULL;
            let tip = format!("{name}: {} {words}, {}", count(rows), percent(rows, whole));
            picture.rect(class, at(x, y + 6.0), size(length, LANE - 12.0), &tip);
            x += length;
        }
        let numbers = format!("{} linked · {} new", percent(*linked, whole), percent(*new, whole));
        picture.text("value", at(LEFT + FULL + 12.0, y + 22.0), Align::Left, &numbers);
        table.rows.push(vec![name.clone(), count(whole), count(*linked), count(*new), count(*review)]);
    }
    let description =
        "For each source the share of records that were linked, that are of new persons, and that are in doubt.";
    Figure { svg: picture.finish("status", "What linkage made of each source", description), table }
}

/// Linked records by match rank.
pub(in crate::report) fn ranks(links: &Links) -> Figure {
    let whole = links.by_rank.iter().map(|rank| rank.records).sum::<u64>() + links.without_rank;
    let mut counted: Vec<Counted> = (1..=8_u8)
        .zip(RANKS)
        .map(|(rank, words)| Counted {
            what: format!("{rank} · {words}"),
            rows: links.by_rank.iter().filter(|one| one.rank == rank).map(|one| one.records).sum(),
        })
        .collect();
    if links.without_rank > 0 {
        counted.push(Counted { what: "none · near agreement, by weight".to_owned(), rows: links.without_rank });
    }
    let mut figure = bars("ranks", "Linked records by what agreed", "good", &counted, whole);
    figure.table.head = ["Match rank", "Linked records", "Share of linked"].map(str::to_owned).to_vec();
    figure
}

/// The time of each stage, laid end to end.
pub(in crate::report) fn stages(stages: &[Stage]) -> Figure {
    const LEFT: f64 = 230.0;
    const FULL: f64 = 600.0;
    const THIN: f64 = 26.0;
    let total: f64 = stages.iter().map(|stage| stage.seconds).sum();
    let mut picture = Picture::new(size(WIDTH, THIN * stages.len() as f64 + 6.0));
    let mut table = Table::new("Time by stage", &["Stage", "Time"]);
    let mut before = 0.0;
    for (index, stage) in stages.iter().enumerate() {
        let y = THIN * index as f64;
        let scale = if total > 0.0 { FULL / total } else { 0.0 };
        let (x, length) = (LEFT + before * scale, (stage.seconds * scale).max(1.5));
        let time = seconds(stage.seconds);
        picture.text("label", at(LEFT - 14.0, y + 17.0), Align::Right, &stage.name);
        picture.line("hair", at(LEFT, y + 24.0), at(LEFT + FULL, y + 24.0));
        picture.rect("plain", at(x, y + 5.0), size(length, THIN - 11.0), &format!("{}: {time}", stage.name));
        picture.text("value", at(x + length + 8.0, y + 17.0), Align::Left, &time);
        table.rows.push(vec![stage.name.clone(), time]);
        before += stage.seconds;
    }
    table.rows.push(vec!["All".to_owned(), seconds(total)]);
    Figure { svg: picture.finish("stages", "Where the time went", &format!("{} in all.", seconds(total))), table }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_broken_between_words() {
        assert_eq!(lines("one two three", 7), ["one two", "three"]);
        assert_eq!(lines("unbreakable a", 4), ["unbreakable", "a"]);
        assert_eq!(lines("", 4), [""]);
    }
}

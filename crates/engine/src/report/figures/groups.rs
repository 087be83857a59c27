//! Rates by group of people as dots with intervals, so that a difference can be told from chance.
//!
//! One picture for each way of dividing people. Invariant: what the small-number rule hides is in neither picture nor table.

use super::{Figure, Table, axis_percent, step};
use crate::report::data::{Dimension, Population, RunReport, TruthComparison};
use crate::report::linkage::GroupShare;
use crate::report::numbers::{Cell, HIDDEN, count, interval, percent, share, shown};
use crate::report::svg::{Align, Picture, at, size};

const WIDTH: f64 = 460.0;
const LEFT: f64 = 132.0;
const RIGHT: f64 = 386.0;
const LANE: f64 = 26.0;
/// A group this many times smaller than the largest does not stretch the scale.
const SMALL_GROUP: u64 = 250;

/// What a picture is about.
pub(in crate::report) struct Words {
    /// What the pictures are called within the page.
    pub id: &'static str,
    /// What happened to the part, in a word: `linked`.
    pub rate: &'static str,
    /// The same as a heading: `Linked`.
    pub part: &'static str,
    /// The colour.
    pub class: &'static str,
}

/// Match rates, one figure for each dimension that has groups.
pub(in crate::report) fn linked_by_group(report: &RunReport) -> Vec<Figure> {
    let words = Words { id: "linked", rate: "linked", part: "Linked", class: "good" };
    by_dimension(report.population, &words, |dimension| {
        let groups = report.links.by_group.iter().filter(|group| group.dimension == dimension);
        groups.map(|group| (group.group.clone(), Cell { whole: group.records, part: group.linked })).collect()
    })
}

/// Missed matches against the truth, one figure for each dimension that has groups.
pub(in crate::report) fn missed_by_group(truth: &TruthComparison) -> Vec<Figure> {
    let words = Words { id: "missed", rate: "missed", part: "Missed", class: "bad" };
    by_dimension(Population::Synthetic, &words, |dimension| {
        let groups = truth.groups.iter().filter(|group| group.dimension == dimension);
        groups.map(|group| (group.group.clone(), Cell { whole: group.records, part: group.missed })).collect()
    })
}

/// Shares of records, one figure for each dimension that has groups; no number is hidden.
pub(in crate::report) fn shares_by_group(words: &Words, shares: &[GroupShare]) -> Vec<Figure> {
    by_dimension(Population::Synthetic, words, |dimension| {
        let groups = shares.iter().filter(|share| share.dimension == dimension);
        groups.map(|one| (one.group.clone(), Cell { whole: one.rate.whole, part: one.rate.part })).collect()
    })
}

fn by_dimension(
    population: Population,
    words: &Words,
    groups: impl Fn(Dimension) -> Vec<(String, Cell)>,
) -> Vec<Figure> {
    Dimension::ALL
        .into_iter()
        .enumerate()
        .map(|(index, dimension)| (index, dimension, groups(dimension)))
        .filter(|(_, _, groups)| !groups.is_empty())
        .map(|(index, dimension, groups)| dots(population, words, index, dimension, &in_order(dimension, groups)))
        .collect()
}

/// Ages and tenths by their numbers, the youngest first; others as the report has them, in words.
fn in_order(dimension: Dimension, mut groups: Vec<(String, Cell)>) -> Vec<(String, Cell)> {
    match dimension {
        Dimension::Age | Dimension::Deprivation => groups.sort_by_key(|(name, _)| first_number(name)),
        Dimension::Ethnicity => {
            for (name, _) in &mut groups {
                if let Some(words) = ethnic_category(name) {
                    words.clone_into(name);
                }
            }
        }
        Dimension::Sex => {}
    }
    groups
}

/// `18 to 44` is 18, `under 1` comes before 1, and what has no number comes last.
fn first_number(name: &str) -> u32 {
    let digits = name.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
    let number = digits[..end].parse().unwrap_or(u32::MAX);
    if name.starts_with("under") { number.saturating_sub(1) } else { number }
}

/// An ethnic category in words, where it is a code of the NHS Data Dictionary (ETHNIC CATEGORY, 2001 census).
pub(crate) fn ethnic_category(code: &str) -> Option<&'static str> {
    let words = match code {
        "A" => "British",
        "B" => "Irish",
        "C" => "Other White",
        "D" => "White, Caribbean",
        "E" => "White, African",
        "F" => "White and Asian",
        "G" => "Other mixed",
        "H" => "Indian",
        "J" => "Pakistani",
        "K" => "Bangladeshi",
        "L" => "Other Asian",
        "M" => "Caribbean",
        "N" => "African",
        "P" => "Other Black",
        "R" => "Chinese",
        "S" => "Any other",
        "Z" => "Not stated",
        _ => return None,
    };
    Some(words)
}

fn dots(
    population: Population,
    words: &Words,
    index: usize,
    dimension: Dimension,
    groups: &[(String, Cell)],
) -> Figure {
    let cells: Vec<Cell> = groups.iter().map(|(_, cell)| *cell).collect();
    let shown = shown(population, &cells);
    let (low, high) = range(&cells, &shown);
    let x = |rate: f64| LEFT + (rate.clamp(low, high) - low) / (high - low) * (RIGHT - LEFT);
    let bottom = 30.0 + LANE * groups.len() as f64;

    let mut picture = Picture::new(size(WIDTH, bottom + 30.0));
    picture.text("head", at(0.0, 14.0), Align::Left, dimension.words());
    axis(&mut picture, x, (low, high), bottom);
    let (whole, part) = cells.iter().fold((0, 0), |(whole, part), cell| (whole + cell.whole, part + cell.part));
    if whole > 0 {
        picture.line("mean", at(x(share(part, whole)), 26.0), at(x(share(part, whole)), bottom));
    }
    let caption = format!("{} by {}", words.part, dimension.words());
    let mut table = Table::new(&caption, &["Group", "Records", words.part, "Rate", "95% interval"]);
    for (lane, ((name, cell), shown)) in groups.iter().zip(shown).enumerate() {
        let y = 30.0 + LANE * (lane as f64 + 0.5);
        picture.text("label", at(LEFT - 12.0, y + 4.0), Align::Right, name);
        if !shown || cell.whole == 0 {
            let mark = if shown { "–" } else { HIDDEN };
            picture.text("value", at(RIGHT + 10.0, y + 4.0), Align::Left, mark);
            table.rows.push(std::iter::once(name.clone()).chain([(); 4].map(|()| mark.to_owned())).collect());
            continue;
        }
        let (from, to) = interval(cell.part, cell.whole);
        let rate = percent(cell.part, cell.whole);
        let tip = format!("{name}: {} of {} {}, {rate}", count(cell.part), count(cell.whole), words.rate);
        picture.line(&format!("whisker {}", words.class), at(x(from), y), at(x(to), y));
        picture.dot(&format!("dot {}", words.class), at(x(share(cell.part, cell.whole)), y), 5.0, &tip);
        picture.text("value", at(RIGHT + 10.0, y + 4.0), Align::Left, &rate);
        let interval = format!("{} to {}", axis_percent(from), axis_percent(to));
        table.rows.push(vec![name.clone(), count(cell.whole), count(cell.part), rate, interval]);
    }
    let title = format!("Records {} by {}", words.rate, dimension.words());
    let description = format!(
        "A dot for each of {} groups, with its 95% interval; the line is the rate of all, {}.",
        groups.len(),
        percent(part, whole)
    );
    Figure { svg: picture.finish(&format!("{}-{index}", words.id), &title, &description), table }
}

/// The part of the scale that holds every interval shown, but for those of groups so small that they would squeeze the rest:
/// what of them lies beyond stands at the edge.
fn range(cells: &[Cell], shown: &[bool]) -> (f64, f64) {
    let most = cells.iter().map(|cell| cell.whole).max().unwrap_or(0);
    let counts = |cell: &Cell| cell.whole > 0 && cell.whole >= most / SMALL_GROUP;
    let visible = cells.iter().zip(shown).filter(|&(cell, &shown)| shown && counts(cell));
    let (low, high) = visible
        .map(|(cell, _)| interval(cell.part, cell.whole))
        .reduce(|(low, high), (from, to)| (low.min(from), high.max(to)))
        .unwrap_or((0.0, 1.0));
    let room = ((high - low) * 0.08).max(1e-4);
    ((low - room).max(0.0), (high + room).min(1.0))
}

fn axis(picture: &mut Picture, x: impl Fn(f64) -> f64, (low, high): (f64, f64), bottom: f64) {
    let step = step(high - low, 4.0);
    let mut rate = (low / step).ceil() * step;
    while rate <= high + step * 1e-6 {
        picture.line("hair", at(x(rate), 26.0), at(x(rate), bottom));
        picture.text("tick", at(x(rate), bottom + 18.0), Align::Middle, &axis_percent(rate));
        rate += step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_in_the_order_of_life() {
        let cell = Cell { whole: 1, part: 1 };
        let groups = ["1 to 17", "18 to 44", "85 and over", "not known", "under 1", "9"];
        let ordered = in_order(Dimension::Age, groups.map(|name| (name.to_owned(), cell)).to_vec());
        let names: Vec<&str> = ordered.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["under 1", "1 to 17", "9", "18 to 44", "85 and over", "not known"]);
    }

    #[test]
    fn a_tiny_group_does_not_stretch_the_scale() {
        let cells = [(100_000, 100), (90_000, 120), (50, 2)].map(|(whole, part)| Cell { whole, part });
        assert!(range(&cells, &[true; 3]).1 < 0.003);
        assert!(range(&cells[2..], &[true]).1 > 0.1, "unless it is all there is");
    }

    #[test]
    fn ethnic_categories_are_told_in_words() {
        let groups = in_order(Dimension::Ethnicity, vec![("H".to_owned(), Cell { whole: 1, part: 1 })]);
        assert_eq!(groups[0].0, "Indian");
        assert_eq!(ethnic_category("white-british"), None);
    }
}

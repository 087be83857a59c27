//! How sound the identifiers are, by field and provider: a lane for each field of each source, a dot for each provider.
//!
//! Invariant: a provider whose numbers are small is hidden among real people, in the picture and in the table.

use super::{Figure, Table, axis_percent, step};
use crate::report::data::{DataQuality, FieldName, Population};
use crate::report::numbers::{Cell, HIDDEN, count, percent, share, shown};
use crate::report::svg::{Align, Picture, at, size};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 250.0;
const RIGHT: f64 = 700.0;
const LANE: f64 = 30.0;
const TOP: f64 = 34.0;
/// Dots of one lane that fall within this distance are piled up.
const CLOSE: f64 = 6.0;
/// The most dots of one pile that a lane has room for.
const HIGHEST: usize = 6;
/// Providers listed under the picture: those with the most wrong come first.
const LISTED: usize = 20;

/// One field of one source.
struct Lane<'a> {
    source: &'a str,
    field: FieldName,
    providers: Vec<&'a DataQuality>,
    shown: Vec<bool>,
}

impl Lane<'_> {
    fn sum(&self, number: impl Fn(&DataQuality) -> u64) -> u64 {
        self.providers.iter().map(|one| number(one)).sum()
    }
}

fn unusable(one: &DataQuality) -> u64 {
    one.missing + one.defective
}

/// The picture by field and provider, its table by field, and the table of the providers with most to mend.
pub(in crate::report) fn quality(population: Population, quality: &[DataQuality]) -> (Figure, Table) {
    let lanes = lanes(population, quality);
    let visible = |lane: &Lane<'_>| -> Vec<f64> {
        let providers = lane.providers.iter().zip(&lane.shown).filter(|&(_, &shown)| shown);
        providers.map(|(one, _)| share(unusable(one), one.rows)).collect()
    };
    let most = lanes.iter().flat_map(visible).fold(0.01_f64, f64::max) * 1.04;
    let x = |rate: f64| LEFT + rate / most * (RIGHT - LEFT);
    let bottom = TOP + LANE * lanes.len() as f64;

    let mut picture = Picture::new(size(WIDTH, bottom + 28.0));
    let step = step(most, 6.0);
    for tick in 0..=(most / step) as u32 {
        let rate = f64::from(tick) * step;
        picture.line("hair", at(x(rate), TOP - 6.0), at(x(rate), bottom));
        picture.text("tick", at(x(rate), bottom + 18.0), Align::Middle, &axis_percent(rate));
    }
    picture.text("head", at(RIGHT + 90.0, 16.0), Align::Right, "missing");
    picture.text("head", at(RIGHT + 210.0, 16.0), Align::Right, "not usable");
    let caption = "Identifiers by source and field";
    let mut table = Table::new(caption, &["Source", "Field", "Rows", "Missing", "Share", "Not usable", "Share"]);
    let mut before = "";
    for (index, lane) in lanes.iter().enumerate() {
        let y = TOP + LANE * (index as f64 + 0.5);
        if lane.source != before {
            picture.line("rule", at(0.0, y - LANE / 2.0), at(WIDTH, y - LANE / 2.0));
            picture.text("name", at(0.0, y + 4.0), Align::Left, lane.source);
            before = lane.source;
        }
        picture.text("label", at(LEFT - 16.0, y + 4.0), Align::Right, lane.field.words());
        draw_dots(&mut picture, lane, x, y);
        table.rows.push(draw_sums(&mut picture, population, lane, x, y));
    }
    let description = "For each source and identifier the share of rows where it is missing or not usable: a dot for each \
                       provider, an upright line for all of them.";
    let figure = Figure { svg: picture.finish("quality", "Quality of the identifiers", description), table };
    (figure, providers(&lanes))
}

/// Draws a lane's sums over its providers, and gives them as a row of the table.
fn draw_sums(
    picture: &mut Picture,
    population: Population,
    lane: &Lane<'_>,
    x: impl Fn(f64) -> f64,
    y: f64,
) -> Vec<String> {
    let (rows, missing, defective) =
        (lane.sum(|one| one.rows), lane.sum(|one| one.missing), lane.sum(|one| one.defective));
    // A source may have one provider alone, so its sums keep to the rule of providers.
    let words = |part: u64| match shown(population, &[Cell { whole: rows, part }])[..] {
        [false] => [HIDDEN; 2].map(str::to_owned),
        _ => [count(part), percent(part, rows)],
    };
    let ([missing_rows, missing_share], [defective_rows, defective_share]) = (words(missing), words(defective));
    if missing_rows != HIDDEN && defective_rows != HIDDEN {
        let overall = x(share(missing + defective, rows));
        picture.line("mean-mark", at(overall, y - 11.0), at(overall, y + 11.0));
    }
    picture.text("value", at(RIGHT + 90.0, y + 4.0), Align::Right, &missing_share);
    picture.text("value", at(RIGHT + 210.0, y + 4.0), Align::Right, &defective_share);
    let name = [lane.source, lane.field.words()].map(str::to_owned);
    let numbers = [count(rows), missing_rows, missing_share, defective_rows, defective_share];
    name.into_iter().chain(numbers).collect()
}

fn lanes(population: Population, quality: &[DataQuality]) -> Vec<Lane<'_>> {
    let mut sources: Vec<&str> = Vec::new();
    for one in quality {
        if !sources.contains(&one.source.as_str()) {
            sources.push(&one.source);
        }
    }
    let mut lanes = Vec::new();
    for source in sources {
        for field in FieldName::ALL {
            let of_lane = quality.iter().filter(|one| one.source == source && one.field == field);
            let providers: Vec<&DataQuality> = of_lane.collect();
            if !providers.is_empty() {
                let hidden = |part: fn(&DataQuality) -> u64| {
                    let cells: Vec<Cell> =
                        providers.iter().map(|one| Cell { whole: one.rows, part: part(one) }).collect();
                    shown(population, &cells)
                };
                let (missing, defective, both) =
                    (hidden(|one| one.missing), hidden(|one| one.defective), hidden(unusable));
                let shown = (0..providers.len()).map(|row| missing[row] && defective[row] && both[row]).collect();
                lanes.push(Lane { source, field, providers, shown });
            }
        }
    }
    lanes
}

/// A dot for each provider; where more fall on one spot than can be seen, as many as fit, which say how many they stand for.
fn draw_dots(picture: &mut Picture, lane: &Lane<'_>, x: impl Fn(f64) -> f64, y: f64) {
    let visible = lane.providers.iter().zip(&lane.shown).filter(|&(_, &shown)| shown);
    let mut dots: Vec<(f64, &DataQuality)> =
        visible.map(|(one, _)| (x(share(unusable(one), one.rows)), *one)).collect();
    dots.sort_by(|left, right| left.0.total_cmp(&right.0));
    let mut rest = dots.as_slice();
    while let Some(&(start, _)) = rest.first() {
        let (pile, after) = rest.split_at(rest.iter().take_while(|(place, _)| place - start < CLOSE).count());
        for (height, (place, one)) in pile.iter().take(HIGHEST).enumerate() {
            let tip = if pile.len() > HIGHEST {
                format!("{} providers at about {}", pile.len(), percent(unusable(one), one.rows))
            } else {
                let rate = percent(unusable(one), one.rows);
                format!("{}: {} of {} rows, {rate}", one.provider, count(unusable(one)), count(one.rows))
            };
            // Above and below the line by turns, within the lane.
            let away = height.div_ceil(2) as f64 * 4.0;
            let offset = if height.is_multiple_of(2) { away } else { -away };
            picture.dot("speck", at(*place, y + offset), 3.6, &tip);
        }
        rest = after;
    }
}

fn providers(lanes: &[Lane<'_>]) -> Table {
    let mut rows: Vec<(f64, Vec<String>)> = Vec::new();
    for lane in lanes {
        for (one, &shown) in lane.providers.iter().zip(&lane.shown) {
            let mut cells = vec![one.provider.clone(), lane.source.to_owned(), lane.field.words().to_owned()];
            if shown {
                let rate = share(unusable(one), one.rows);
                cells.extend([one.rows, one.missing, one.defective].map(count));
                cells.push(percent(unusable(one), one.rows));
                rows.push((rate, cells));
            } else {
                cells.extend([HIDDEN; 4].map(str::to_owned));
                rows.push((-1.0, cells));
            }
        }
    }
    let all = rows.len();
    rows.sort_by(|left, right| right.0.total_cmp(&left.0).then_with(|| left.1.cmp(&right.1)));
    rows.truncate(LISTED);
    let caption = format!(
        "Where most is missing or not usable: the first {} of {} providers' fields",
        rows.len(),
        count(all as u64)
    );
    let mut table =
        Table::new(&caption, &["Provider", "Source", "Field", "Rows", "Missing", "Not usable", "Share of rows"]);
    table.rows = rows.into_iter().map(|(_, cells)| cells).collect();
    table
}

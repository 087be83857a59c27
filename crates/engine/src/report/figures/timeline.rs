//! One invented person's linked record, as events in time: a lane for each table.
//!
//! Labels that would overlap are left to the table.

use super::{Figure, Table, step};
use crate::report::data::{Timeline, TimelineEvent};
use crate::report::svg::{Align, Picture, at, size};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 130.0;
const RIGHT: f64 = 930.0;
const LANE: f64 = 44.0;
/// The breadth of a letter of a label, about.
const LETTER: f64 = 6.4;

/// The picture of one timeline.
pub(in crate::report) fn timeline(index: usize, timeline: &Timeline) -> Figure {
    let mut tables: Vec<&str> = Vec::new();
    for event in &timeline.events {
        if !tables.contains(&event.table.as_str()) {
            tables.push(&event.table);
        }
    }
    let last = timeline.events.iter().map(|event| event.month).max().unwrap_or(0).max(1);
    let x = |month: u32| LEFT + 12.0 + f64::from(month) / f64::from(last) * (RIGHT - LEFT - 24.0);
    let bottom = LANE * tables.len() as f64 + 4.0;

    let mut picture = Picture::new(size(WIDTH, bottom + 28.0));
    for month in (0..=last).step_by(tick_months(last)) {
        picture.line("hair", at(x(month), 0.0), at(x(month), bottom));
        let words = match month {
            0 => "first event".to_owned(),
            whole if whole.is_multiple_of(12) => format!("{} y", whole / 12),
            months => format!("{months} m"),
        };
        picture.text("tick", at(x(month), bottom + 18.0), Align::Middle, &words);
    }
    for (lane, table) in tables.iter().enumerate() {
        let y = LANE * (lane as f64 + 0.5) + 8.0;
        picture.line("lane", at(LEFT, y), at(RIGHT, y));
        picture.text("name", at(LEFT - 14.0, y + 4.0), Align::Right, table);
        let mut events: Vec<&TimelineEvent> = timeline.events.iter().filter(|event| event.table == *table).collect();
        events.sort_by_key(|event| event.month);
        let mut free_from = 0.0;
        for event in events {
            let place = x(event.month);
            picture.dot(&format!("event {}", colour(table)), at(place, y), 6.0, &tip(event));
            let half = event.label.chars().count() as f64 * LETTER / 2.0;
            let centre = place.clamp(LEFT + half, RIGHT - half);
            if centre - half > free_from {
                picture.text("tiny", at(centre, y - 12.0), Align::Middle, &event.label);
                free_from = centre + half + 6.0;
            }
        }
    }
    let mut table = Table::new(&timeline.who, &["Months after the first", "Table", "What"]);
    let mut events: Vec<&TimelineEvent> = timeline.events.iter().collect();
    events.sort_by_key(|event| event.month);
    table.rows = events
        .into_iter()
        .map(|event| vec![event.month.to_string(), event.table.clone(), event.label.clone()])
        .collect();
    let description = format!("{} events in {} tables over {last} months.", timeline.events.len(), tables.len());
    Figure { svg: picture.finish(&format!("timeline-{index}"), &timeline.who, &description), table }
}

/// Months between two marks of the axis: months of the first two years, whole years of a longer time.
fn tick_months(last: u32) -> usize {
    match last {
        0..=6 => 1,
        7..=24 => 3,
        longer => step(f64::from(longer) / 12.0, 10.0).max(1.0) as usize * 12,
    }
}

/// A table has the same colour in every timeline.
fn colour(table: &str) -> &'static str {
    match table {
        "journals" => "lane-0",
        "admissions" => "lane-1",
        "outpatients" => "lane-2",
        "emergency" => "lane-3",
        _ => "lane-4",
    }
}

fn tip(event: &TimelineEvent) -> String {
    format!("month {}: {} ({})", event.month, event.label, event.table)
}

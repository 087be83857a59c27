//! The pictures of the page, each with its numbers as a table.
//!
//! Parts of a report in, [`Figure`]s out. Invariant: a figure's table holds every number that its picture draws, so that
//! nobody needs the picture.

mod bars;
mod flow;
mod groups;
mod quality;
mod timeline;
mod weights;

pub(super) use bars::{bars, ranks, stages, statuses};
pub(super) use flow::flow;
pub(crate) use groups::ethnic_category;
pub(super) use groups::{Words, linked_by_group, missed_by_group, shares_by_group};
pub(super) use quality::quality;
pub(super) use timeline::timeline;
pub(super) use weights::weights;

use serde::Serialize;

/// A picture and its numbers.
#[derive(Serialize)]
pub(super) struct Figure {
    /// The picture as an element, its texts escaped.
    pub svg: String,
    /// The same in numbers.
    pub table: Table,
}

/// Numbers in rows. The first column names the row.
#[derive(Default, Serialize)]
pub(super) struct Table {
    pub caption: String,
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(caption: &str, head: &[&str]) -> Self {
        Self { caption: caption.to_owned(), head: head.iter().map(ToString::to_string).collect(), rows: Vec::new() }
    }
}

/// A round step that divides `span` into at most `most` parts.
pub(super) fn step(span: f64, most: f64) -> f64 {
    let power = 10_f64.powf((span / most).log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| span / step <= most).unwrap_or(span)
}

/// A percentage of an axis, without needless noughts.
pub(super) fn axis_percent(share: f64) -> String {
    let text = format!("{:.3}", share * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_few() {
        for (span, expected) in [(1.0, 0.2), (0.07, 0.01), (47.0, 10.0)] {
            assert!((step(span, 8.0) - expected).abs() < 1e-9, "{span}");
        }
        assert_eq!([0.005, 1.0, 0.99].map(axis_percent), ["0.5%", "100%", "99%"]);
    }
}

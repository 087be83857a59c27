//! Where every row went: from the sources through the gate to the tables, the sealed store and quarantine.
//!
//! Bands are as wide as their rows are many; a band with any row is never thinner than a reader can see. Invariant: an edge
//! is as high as the bands that meet there.

use super::{Figure, Table};
use crate::report::data::{RunReport, SourceCounts};
use crate::report::numbers::{count, percent};
use crate::report::svg::{Align, Picture, at, size};

const WIDTH: f64 = 960.0;
const TOP: f64 = 40.0;
/// The height of all rows together.
const FULL: f64 = 300.0;
const THINNEST: f64 = 1.6;
const SLOT: f64 = 36.0;
const GAP: f64 = 12.0;
const NODE: f64 = 12.0;
const LEFT: f64 = 172.0;
const MIDDLE: f64 = 430.0;
const RIGHT: f64 = 750.0;

/// A place where bands begin or end.
struct Node {
    name: String,
    class: &'static str,
    rows: u64,
    height: f64,
    top: f64,
    /// How far it is filled from its top.
    filled: f64,
}

impl Node {
    fn new(name: &str, class: &'static str) -> Self {
        Self { name: name.to_owned(), class, rows: 0, height: 0.0, top: 0.0, filled: 0.0 }
    }

    fn hold(&mut self, rows: u64, height: f64) {
        self.rows += rows;
        self.height += height;
    }

    /// Takes the next `height` of the edge and gives its upper end.
    fn take(&mut self, height: f64) -> f64 {
        let top = self.top + self.filled;
        self.filled += height;
        top
    }
}

/// Where the rows of one source can go.
#[derive(Clone, Copy)]
enum Way {
    Published,
    WithheldByPerson,
    WithheldByRecord,
    Quarantined,
}

impl Way {
    const ALL: [Self; 4] = [Self::Published, Self::WithheldByPerson, Self::WithheldByRecord, Self::Quarantined];

    fn rows(self, source: &SourceCounts) -> u64 {
        match self {
            Self::Published => source.published_rows(),
            Self::WithheldByPerson => source.withheld_by_person_rows(),
            Self::WithheldByRecord => source.withheld_rows(),
            Self::Quarantined => source.quarantined_rows(),
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Published => "good",
            Self::WithheldByPerson | Self::WithheldByRecord => "held",
            Self::Quarantined => "bad",
        }
    }
}

/// The flow of all sources.
pub(in crate::report) fn flow(report: &RunReport) -> Figure {
    let total: u64 = report.sources.iter().map(|source| source.rows_in).sum();
    let thickness = |rows: u64| match rows {
        0 => 0.0,
        rows => (rows as f64 / total as f64 * FULL).max(THINNEST),
    };

    let mut sources: Vec<Node> = report.sources.iter().map(|source| Node::new(&source.source, "plain")).collect();
    let mut gate = Node::new("admitted", "good");
    let mut ends: Vec<Node> = Vec::new();
    let mut table_of = Vec::new();
    for source in &report.sources {
        let known = ends.iter().position(|end| end.name == source.table);
        table_of.push(known.unwrap_or_else(|| {
            ends.push(Node::new(&source.table, "good"));
            ends.len() - 1
        }));
    }
    let exits = ends.len();
    ends.push(Node::new("withheld by person", "held"));
    ends.push(Node::new("withheld by record", "held"));
    ends.push(Node::new("quarantined", "bad"));

    let end_of = |source: usize, way: Way| match way {
        Way::Published => table_of[source],
        Way::WithheldByPerson => exits,
        Way::WithheldByRecord => exits + 1,
        Way::Quarantined => exits + 2,
    };
    for (index, source) in report.sources.iter().enumerate() {
        for way in Way::ALL {
            let rows = way.rows(source);
            sources[index].hold(rows, thickness(rows));
            ends[end_of(index, way)].hold(rows, thickness(rows));
            if matches!(way, Way::Published | Way::WithheldByPerson) {
                gate.hold(rows, thickness(rows));
            }
        }
    }
    let bottom = stack(&mut sources, exits).max(stack(&mut ends, exits));
    gate.top = TOP + 28.0;

    let mut picture = Picture::new(size(WIDTH, bottom + 8.0));
    for (x, align, head) in [
        (LEFT, Align::Right, "Read"),
        (MIDDLE, Align::Middle, "Passed the gate"),
        (RIGHT, Align::Left, "Where it is now"),
    ] {
        picture.text("head", at(x, 16.0), align, head);
    }
    for way in Way::ALL {
        for (index, source) in report.sources.iter().enumerate() {
            let rows = way.rows(source);
            if rows > 0 {
                let height = thickness(rows);
                let end = end_of(index, way);
                let tip = format!("{}: {} rows {}", source.source, count(rows), ends[end].name);
                let class = format!("band {}", way.class());
                let mut from = at(LEFT + NODE, sources[index].take(height));
                if matches!(way, Way::Published | Way::WithheldByPerson) {
                    let door = gate.take(height);
                    picture.band(&class, from, at(MIDDLE, door), height, &tip);
                    from = at(MIDDLE + NODE, door);
                }
                picture.band(&class, from, at(RIGHT, ends[end].take(height)), height, &tip);
            }
        }
    }
    draw_nodes(&mut picture, &sources, &gate, &ends, total);

    let description = format!(
        "Of {} rows read, {} passed the gate by record. {} stand in the linked record.",
        count(total),
        count(report.sources.iter().map(|source| source.admitted).sum()),
        count(report.sources.iter().map(SourceCounts::published_rows).sum()),
    );
    Figure { svg: picture.finish("flow", "Where every row went", &description), table: table(&report.sources) }
}

/// Stacks nodes from the top, with a wider gap before the exits; gives the lowest end.
fn stack(nodes: &mut [Node], exits: usize) -> f64 {
    let mut top = TOP;
    for (index, node) in nodes.iter_mut().enumerate() {
        if index == exits {
            top += GAP;
        }
        node.top = top;
        top += node.height.max(SLOT) + GAP;
    }
    top
}

fn draw_nodes(picture: &mut Picture, sources: &[Node], gate: &Node, ends: &[Node], total: u64) {
    for source in sources {
        let tip = format!("{}: {} rows read", source.name, count(source.rows));
        picture.rect("node plain", at(LEFT, source.top), size(NODE, source.height), &tip);
        picture.text("name", at(LEFT - 10.0, source.top + 12.0), Align::Right, &source.name);
        picture.text(
            "small",
            at(LEFT - 10.0, source.top + 28.0),
            Align::Right,
            &format!("{} rows", count(source.rows)),
        );
    }
    let tip = format!("{} rows passed the gate by record", count(gate.rows));
    picture.rect("node good", at(MIDDLE, gate.top), size(NODE, gate.height), &tip);
    let middle = MIDDLE + NODE / 2.0;
    picture.text("name", at(middle, gate.top - 24.0), Align::Middle, &count(gate.rows));
    picture.text("small", at(middle, gate.top - 9.0), Align::Middle, &percent(gate.rows, total));
    for end in ends {
        let numbers = format!("{} rows · {}", count(end.rows), percent(end.rows, total));
        picture.rect(&format!("node {}", end.class), at(RIGHT, end.top), size(NODE, end.height), &numbers);
        picture.text("name", at(RIGHT + NODE + 10.0, end.top + 12.0), Align::Left, &end.name);
        picture.text("small", at(RIGHT + NODE + 10.0, end.top + 28.0), Align::Left, &numbers);
    }
}

fn table(sources: &[SourceCounts]) -> Table {
    let head = [
        "Source",
        "Read",
        "Admitted",
        "Withheld by record",
        "Quarantined",
        "Sum holds",
        "Withheld by person",
        "In the linked record",
        "Columns ignored",
    ];
    let mut table = Table::new("Rows by source: read = admitted + withheld by record + quarantined", &head);
    let mut sums = [0_u64; 6];
    for source in sources {
        let numbers = [
            source.rows_in,
            source.admitted,
            source.withheld_rows(),
            source.quarantined_rows(),
            source.withheld_by_person_rows(),
            source.published_rows(),
        ];
        for (sum, number) in sums.iter_mut().zip(numbers) {
            *sum += number;
        }
        let ignored = match source.ignored_columns.len() {
            0 => "none".to_owned(),
            some => format!("{some}: {}", source.ignored_columns.join(", ")),
        };
        table.rows.push(row(&source.source, numbers, source.balances(), ignored));
    }
    if sources.len() > 1 {
        table.rows.push(row("All", sums, sources.iter().all(SourceCounts::balances), String::new()));
    }
    table
}

fn row(name: &str, numbers: [u64; 6], balances: bool, ignored: String) -> Vec<String> {
    let mut cells = vec![name.to_owned()];
    cells.extend(numbers.map(count));
    cells.insert(5, if balances { "yes" } else { "NO" }.to_owned());
    cells.push(ignored);
    cells
}

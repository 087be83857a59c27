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

    const fn passes_the_gate(self) -> bool {
        match self {
            Self::Published | Self::WithheldByPerson => true,
            Self::WithheldByRecord | Self::Quarantined => false,
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

/// All nodes, laid out, and which of them each source's rows go to.
struct Layout<'a> {
    report: &'a RunReport,
    total: u64,
    sources: Vec<Node>,
    gate: Node,
    /// The tables, then the three exits.
    ends: Vec<Node>,
    /// For each source the place of its table among the ends.
    table_of: Vec<usize>,
    bottom: f64,
}

/// The flow of all sources.
pub(in crate::report) fn flow(report: &RunReport) -> Figure {
    let mut layout = Layout::new(report);
    let mut picture = Picture::new(size(WIDTH, layout.bottom + 8.0));
    for (x, align, head) in [
        (LEFT, Align::Right, "Read"),
        (MIDDLE, Align::Middle, "Passed the gate"),
        (RIGHT, Align::Left, "Where it is now"),
    ] {
        picture.text("head", at(x, 16.0), align, head);
    }
    layout.draw_bands(&mut picture);
    draw_nodes(&mut picture, &layout);
    let description = format!(
        "Of {} rows read, {} passed the gate by record. {} stand in the linked record.",
        count(layout.total),
        count(report.sources.iter().map(|source| source.admitted).sum()),
        count(report.sources.iter().map(SourceCounts::published_rows).sum()),
    );
    Figure { svg: picture.finish("flow", "Where every row went", &description), table: table(&report.sources) }
}

impl<'a> Layout<'a> {
    fn new(report: &'a RunReport) -> Self {
        let mut ends: Vec<Node> = Vec::new();
        let mut table_of = Vec::new();
        for source in &report.sources {
            let known = ends.iter().position(|end| end.name == source.table);
            table_of.push(known.unwrap_or(ends.len()));
            if known.is_none() {
                ends.push(Node::new(&source.table, "good"));
            }
        }
        let tables = ends.len();
        ends.push(Node::new("withheld by person", "held"));
        ends.push(Node::new("withheld by record", "held"));
        ends.push(Node::new("quarantined", "bad"));
        let mut layout = Self {
            report,
            total: report.sources.iter().map(|source| source.rows_in).sum(),
            sources: report.sources.iter().map(|source| Node::new(&source.source, "plain")).collect(),
            gate: Node::new("admitted", "good"),
            ends,
            table_of,
            bottom: 0.0,
        };
        layout.fill();
        layout.bottom = stack(&mut layout.sources, tables).max(stack(&mut layout.ends, tables));
        layout.gate.top = TOP + 28.0;
        layout
    }

    /// Gives every node its rows and height.
    fn fill(&mut self) {
        for (index, source) in self.report.sources.iter().enumerate() {
            for way in Way::ALL {
                let rows = way.rows(source);
                let (end, height) = (self.end_of(index, way), self.thickness(rows));
                self.sources[index].hold(rows, height);
                self.ends[end].hold(rows, height);
                if way.passes_the_gate() {
                    self.gate.hold(rows, height);
                }
            }
        }
    }

    fn end_of(&self, source: usize, way: Way) -> usize {
        let exits = self.ends.len() - 3;
        match way {
            Way::Published => self.table_of[source],
            Way::WithheldByPerson => exits,
            Way::WithheldByRecord => exits + 1,
            Way::Quarantined => exits + 2,
        }
    }

    fn thickness(&self, rows: u64) -> f64 {
        if rows == 0 { 0.0 } else { (rows as f64 / self.total as f64 * FULL).max(THINNEST) }
    }

    /// Draws the bands in the order in which they lie along the edges.
    fn draw_bands(&mut self, picture: &mut Picture) {
        for way in Way::ALL {
            for (index, source) in self.report.sources.iter().enumerate() {
                let rows = way.rows(source);
                if rows == 0 {
                    continue;
                }
                let (end, height) = (self.end_of(index, way), self.thickness(rows));
                let tip = format!("{}: {} rows {}", source.source, count(rows), self.ends[end].name);
                let class = format!("band {}", way.class());
                let mut from = at(LEFT + NODE, self.sources[index].take(height));
                if way.passes_the_gate() {
                    let door = self.gate.take(height);
                    picture.band(&class, from, at(MIDDLE, door), height, &tip);
                    from = at(MIDDLE + NODE, door);
                }
                picture.band(&class, from, at(RIGHT, self.ends[end].take(height)), height, &tip);
            }
        }
    }
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

fn draw_nodes(picture: &mut Picture, Layout { total, sources, gate, ends, .. }: &Layout<'_>) {
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
    picture.text("small", at(middle, gate.top - 9.0), Align::Middle, &percent(gate.rows, *total));
    for end in ends {
        let numbers = format!("{} rows · {}", count(end.rows), percent(end.rows, *total));
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

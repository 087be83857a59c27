//! Draws a report that was kept as JSON: `cargo run --release -p caredata-engine --example render_report -- IN.json OUT.html`.
//!
//! Without arguments it draws the sample of the tests into `report.html`, to look at while working on the page.

use anyhow::Context as _;
use caredata_engine::report::{RunReport, render};

fn main() -> anyhow::Result<()> {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sample-report.json");
    let mut arguments = std::env::args().skip(1);
    let from = arguments.next().unwrap_or_else(|| sample.to_owned());
    let to = arguments.next().unwrap_or_else(|| "report.html".to_owned());
    let kept = std::fs::read_to_string(&from).with_context(|| format!("reading {from}"))?;
    let report: RunReport = serde_json::from_str(&kept).with_context(|| format!("{from} is not a kept report"))?;
    std::fs::write(&to, render(&report)).with_context(|| format!("writing {to}"))
}

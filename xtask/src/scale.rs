//! How time and memory of linkage grow with the number of people.
//!
//! Numbers of people in; for each a population, what `caredata link` took on it beside `DuckDB`'s bare conversion, and at the end
//! the exponent: time grows as people to that power. Invariant: the best of the times counts, since a busy machine only adds.

use crate::bench::{Bench, Cost, FILES_TO_LINK, megabytes};
use anyhow::{Context as _, Result, ensure};
use std::fs::File;
use std::io::{BufRead as _, BufReader};

/// Measures each size and prints a table.
pub fn scale(bench: &Bench, sizes: &str, times: u32, seed: u64, errors: &str) -> Result<()> {
    let millions: Vec<f64> = sizes
        .split(',')
        .map(|size| size.trim().parse().with_context(|| format!("`{size}` is not a number of millions")))
        .collect::<Result<_>>()?;
    ensure!(millions.iter().all(|&size| size > 0.0), "a population needs people");
    println!(
        "\n{:>10} {:>12} {:>9} {:>12} {:>9} {:>11} {:>10} {:>8}",
        "people", "records", "seconds", "processor s", "peak MB", "B a record", "DuckDB s", "ratio"
    );
    let mut seconds = Vec::new();
    for size in &millions {
        let people = (size * 1e6).round() as u32;
        bench.population(people, seed, errors)?;
        let (mut link, mut floor) = (None, None);
        for _ in 0..times.max(1) {
            let conversion = bench.conversion(&FILES_TO_LINK);
            (conversion.before)()?;
            floor = Some(cheaper(floor, bench.cost(&(conversion.command)())?));
            link = Some(cheaper(link, bench.cost(&(bench.caredata_link(false).command)())?));
        }
        let (link, floor) = link.zip(floor).context("nothing was measured")?;
        let links = bench.caredata_link(false).links.context("linkage makes links")?;
        let links = File::open(links).context("reading the links")?;
        let records = BufReader::new(links).lines().count() - 1;
        println!(
            "{people:>10} {records:>12} {:>9.2} {:>12.2} {:>9.0} {:>11.0} {:>10.2} {:>8.2}",
            link.seconds,
            link.processor_seconds,
            megabytes(link.peak_kib),
            link.peak_kib as f64 * 1024.0 / records as f64,
            floor.seconds,
            link.seconds / floor.seconds
        );
        seconds.push((f64::from(people), link.processor_seconds));
    }
    if let Some(exponent) = exponent(&seconds) {
        println!("\nprocessor time grows as people to the power {exponent:.2}");
    }
    Ok(())
}

fn cheaper(best: Option<Cost>, cost: Cost) -> Cost {
    let Some(best) = best else { return cost };
    Cost {
        seconds: best.seconds.min(cost.seconds),
        processor_seconds: best.processor_seconds.min(cost.processor_seconds),
        peak_kib: best.peak_kib.max(cost.peak_kib),
    }
}

/// The slope of the straight line through the logarithms, by least squares; none for fewer than two sizes.
fn exponent(points: &[(f64, f64)]) -> Option<f64> {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let count = logs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = logs.iter().map(|point| (point.0 - x).powi(2)).sum();
    let both: f64 = logs.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    (spread > 0.0).then(|| both / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponent_is_that_of_the_power() {
        let points: Vec<(f64, f64)> = [1.0_f64, 5.0, 20.0].iter().map(|&n| (n, 3.0 * n.powf(1.25))).collect();
        assert!((exponent(&points).expect("three sizes") - 1.25).abs() < 1e-9);
        assert_eq!(exponent(&points[..1]), None);
    }

    #[test]
    fn the_cheaper_time_and_the_larger_memory_count() {
        let cost = |seconds, peak_kib| Cost { seconds, processor_seconds: seconds, peak_kib };
        assert_eq!(cheaper(Some(cost(1.0, 10)), cost(2.0, 30)), cost(1.0, 30));
    }
}

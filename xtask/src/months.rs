//! Months linked one by one, with what the months before left in the index, beside one run over all of them.
//!
//! A synthetic population of several months in; out: seconds and peak memory of each month's linkage, how well records are
//! linked in the end, both ways, and how many are elsewhere.

use crate::bench::{Bench, clear, megabytes};
use crate::shell::{output, run};
use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Measures and prints.
pub fn months(bench: &Bench, months: u32, people: u32, seed: u64, errors: &str) -> Result<()> {
    bench.population_of(months, people, seed, errors)?;
    let (index, keys) = (bench.made("index"), bench.made("index-keys"));
    clear(&index)?;
    clear(&keys)?;
    println!("\n{:>8} {:>9} {:>9} {:>12} {:>9}", "month", "records", "seconds", "processor s", "peak MB");
    let data = bench.data();
    for (number, month) in (1..).zip(folders(data)?) {
        let mut link = link(bench, &month, &month.join("links.csv"));
        link.arg("--index").arg(&index).arg("--period").arg(month.file_name().context("a month has a name")?);
        if number == 1 {
            link.arg("--keys").arg(&keys);
        }
        let cost = bench.cost(&link)?;
        let records = fs::read_to_string(month.join("links.csv"))?.lines().count() - 1;
        println!(
            "{number:>8} {records:>9} {:>9.2} {:>12.2} {:>9.0}",
            cost.seconds,
            cost.processor_seconds,
            megabytes(cost.peak_kib)
        );
    }
    let (one_by_one, together) = (bench.made("one-by-one.csv"), bench.made("together.csv"));
    let script = |words: &[&Path]| output(bench.python_script("months.py").args(words));
    script(&["combine".as_ref(), data])?;
    script(&["resolve".as_ref(), data, &one_by_one])?;
    let all = data.join("all");
    run(&mut link(bench, &all, &together))?;
    for (name, links) in [("months one by one", &one_by_one), ("one run over all of them", &together)] {
        println!("\n{name} ({errors} errors)");
        print!("{}", output(bench.python_script("score.py").arg(&all).arg(links))?);
    }
    print!("\n{}", script(&["compare".as_ref(), &one_by_one, &together])?);
    Ok(())
}

fn link(bench: &Bench, month: &Path, out: &Path) -> Command {
    let mut command = bench.program();
    command.arg("link").arg("--gp").arg(month.join("gp/patients.csv"));
    command.arg("--hospital").arg(month.join("hospital/apc.csv")).arg("--out").arg(out);
    command
}

fn folders(data: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(data).with_context(|| format!("reading {}", data.display()))?;
    let mut folders: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    folders.sort();
    Ok(folders)
}

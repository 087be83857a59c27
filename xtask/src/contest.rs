//! Linkage beside its peers: what each contender takes, and how well it links.
//!
//! A synthetic population in; two tables out, one line a contender: cost with quality, then what quality hides (the groups, and people
//! registered twice). The contenders take turns on the same files. Invariant: quality is scored from the last links that each
//! wrote while it was measured, by a script that knows the truth and not the contender.

use crate::bench::{Bench, Contender, Cost, FILES_TO_LINK, measure, megabytes, total_bytes};
use crate::python;
use crate::shell::output;
use anyhow::{Context as _, Result};
use std::path::Path;
use std::process::Command;

/// The contender that others are compared with: it turns the files into Parquet and links nothing.
const FLOOR: &str = "DuckDB, CSV to Parquet";
/// The peer that the program is compared with.
const SPLINK: &str = "Splink on DuckDB";

/// How well links are made, in the words of `score.py`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Quality {
    missed: String,
    missed_interval: String,
    false_links: String,
    worst_over_best: String,
    worst_over_best_interval: String,
    worst: String,
    best: String,
    joined: String,
}

/// A contender's line of both tables.
struct Line {
    name: &'static str,
    cost: Cost,
    quality: Option<Quality>,
}

/// Measures the contenders and prints the tables.
///
/// # Errors
/// If a contender fails, or the peers cannot be installed.
pub fn contest(bench: &Bench, root: &Path, errors: &str, times: u32) -> Result<()> {
    let peers = python::ready(root, python::PEERS)?;
    println!("{}", versions(&peers)?);
    let contenders = [
        bench.conversion(&FILES_TO_LINK),
        peer(bench, &peers, SPLINK, "peer_splink.py", "links-splink.csv"),
        peer(bench, &peers, "deterministic passes in DuckDB", "peer_passes.py", "links-passes.csv"),
        bench.caredata_link(false),
        bench.caredata_link(true),
    ];
    let costs = measure(bench, &contenders, times)?;
    let mut lines = Vec::new();
    for (contender, (name, cost)) in contenders.iter().zip(costs) {
        let quality = contender.links.as_deref().map(|links| bench.score(links)).transpose()?;
        lines.push(Line { name, cost, quality: quality.as_deref().map(parse_quality).transpose()? });
    }
    let megabytes = total_bytes(bench.data(), &FILES_TO_LINK)? / 1e6;
    println!(
        "\nLinkage, {errors} errors: {megabytes:.0} MB of CSV in, links out; medians of {times}\n{}",
        costs_table(&lines)
    );
    println!("\nHow right, {errors} errors (95% intervals)\n{}", quality_table(&lines));
    Ok(())
}

fn peer<'a>(
    bench: &'a Bench,
    peers: &'a Path,
    name: &'static str,
    script: &'static str,
    links: &'static str,
) -> Contender<'a> {
    Contender {
        name,
        before: Box::new(|| Ok(())),
        command: Box::new(move || {
            let mut command = Command::new(peers);
            command.arg(bench.script(script)).arg(bench.data()).arg(bench.made(links));
            command
        }),
        links: Some(bench.made(links)),
    }
}

fn versions(peers: &Path) -> Result<String> {
    let ask = "import duckdb, splink; print(f'peers: Splink {splink.__version__}, DuckDB {duckdb.__version__}')";
    Ok(output(Command::new(peers).args(["-c", ask]))?.trim().to_owned())
}

/// Seconds, memory and quality; the ratios are of seconds, how many of `DuckDB`'s it takes and how many of its own Splink takes.
fn costs_table(lines: &[Line]) -> String {
    let seconds = |name: &str| lines.iter().find(|line| line.name == name).map(|line| line.cost.seconds);
    let mut table = vec![format!(
        "{:<34} {:>8} {:>12} {:>8} {:>9} {:>9} {:>9} {:>8}",
        "", "seconds", "processor s", "peak MB", "missed %", "false %", "÷ DuckDB", "Splink ÷"
    )];
    for Line { name, cost, quality } in lines {
        let ratio = |above: Option<f64>, below: Option<f64>| {
            above.zip(below).map_or_else(|| "-".to_owned(), |(above, below)| format!("{:.2}", above / below))
        };
        let said = |of: fn(&Quality) -> &String| quality.as_ref().map_or("-", |quality| of(quality).as_str());
        table.push(format!(
            "{name:<34} {:>8.2} {:>12.2} {:>8.0} {:>9} {:>9} {:>9} {:>8}",
            cost.seconds,
            cost.processor_seconds,
            megabytes(cost.peak_kib),
            said(|quality| &quality.missed),
            said(|quality| &quality.false_links),
            ratio(Some(cost.seconds), seconds(FLOOR)),
            ratio(seconds(SPLINK).filter(|_| quality.is_some()), Some(cost.seconds)),
        ));
    }
    table.join("\n")
}

fn quality_table(lines: &[Line]) -> String {
    let mut table = vec![format!(
        "{:<34} {:>12} {:>25} {:>32} {:>26}",
        "", "missed %", "most ÷ least missed group", "which", "at two practices: joined"
    )];
    for (name, quality) in lines.iter().filter_map(|line| Some((line.name, line.quality.as_ref()?))) {
        table.push(format!(
            "{name:<34} {:>12} {:>25} {:>32} {:>26}",
            quality.missed_interval,
            format!("{} ({})", quality.worst_over_best, quality.worst_over_best_interval),
            format!("{}, {}", quality.worst, quality.best),
            quality.joined
        ));
    }
    table.join("\n")
}

/// Reads what `score.py` prints.
fn parse_quality(text: &str) -> Result<Quality> {
    let fields = |start: &str| -> Result<Vec<String>> {
        let line = text.lines().find_map(|line| line.strip_prefix(start)?.strip_prefix('\t'));
        let line = line.with_context(|| format!("score.py gives a line `{start}`"))?;
        Ok(line.split('\t').map(str::to_owned).collect())
    };
    let number = |name: &str, expected: usize| -> Result<Vec<String>> {
        let fields = fields(name)?;
        anyhow::ensure!(fields.len() == expected, "score.py gives {expected} values for `{name}`: {fields:?}");
        Ok(fields)
    };
    let (all, groups, twice) =
        (number("all", 4)?, number("worst over best", 4)?, number("people at two practices", 3)?);
    let joined = if twice[2] == "-" { "-".to_owned() } else { format!("{} of {}", twice[2], twice[0]) };
    Ok(Quality {
        missed: all[1].clone(),
        missed_interval: all[2].clone(),
        false_links: all[3].clone(),
        worst_over_best: groups[0].clone(),
        worst_over_best_interval: groups[1].clone(),
        worst: groups[2].clone(),
        best: groups[3].clone(),
        joined,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCORED: &str = "group\trecords\tmissed %\t95% interval\tfalse %\nall\t894679\t0.100\t0.094-0.107\t0.0029\n\
        asian\t67605\t0.533\t0.480-0.591\t0.0475\nworst over best\t4.29\t3.75-4.92\tnot-stated\twhite-british\n\
        people at two practices\t3808\tjoined\t3801\n";

    fn line(name: &'static str, seconds: f64, quality: Option<&str>) -> Line {
        let cost = Cost { seconds, processor_seconds: 2.0 * seconds, peak_kib: 1000 };
        let quality = quality.map(|scored| parse_quality(scored).expect("what score.py prints"));
        Line { name, cost, quality }
    }

    #[test]
    fn quality_is_read_as_it_is_printed() {
        let quality = parse_quality(SCORED).expect("what score.py prints");
        assert_eq!((quality.missed.as_str(), quality.false_links.as_str()), ("0.100", "0.0029"));
        assert_eq!(quality.joined, "3801 of 3808");
        assert_eq!(quality.worst_over_best_interval, "3.75-4.92");
        assert!(parse_quality("all\t1\t2\n").is_err());
        let of_a_peer = SCORED.replace("\t3801", "\t-");
        assert_eq!(parse_quality(&of_a_peer).expect("what score.py prints of a peer").joined, "-");
    }

    #[test]
    fn ratios_are_of_the_floor_and_of_splink() {
        let lines =
            [line(FLOOR, 2.0, None), line(SPLINK, 15.0, Some(SCORED)), line("caredata link", 1.5, Some(SCORED))];
        let table = costs_table(&lines);
        let ratios: Vec<Vec<&str>> =
            table.lines().skip(1).map(|line| line.split_whitespace().rev().take(2).collect()).collect();
        assert_eq!(ratios, [["-", "1.00"], ["1.00", "7.50"], ["10.00", "0.75"]]);
        assert!(quality_table(&lines).contains("4.29 (3.75-4.92)"));
        assert!(!quality_table(&lines).contains(FLOOR), "the floor links nothing");
    }
}

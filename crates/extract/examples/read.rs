//! Reads files of a built-in source and says how fast: `read apc all hospital/apc.csv`.
//!
//! The second argument is what to materialise: `all`, `identifiers`, `key` or `wishes`.
#![allow(clippy::print_stdout)]

use caredata_extract::{Columns, ObjectionCodes, ReadOptions, Source, Withholding, find, read};
use caredata_model::Day;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, columns, path] = arguments.as_slice() else { return Err("name a source, columns and a path".into()) };
    let source = Source::builtin(name)?;
    let files = find(Path::new(path), &source)?;
    let bytes: u64 = files.iter().filter_map(|file| std::fs::metadata(file.path()?).ok()).map(|data| data.len()).sum();
    let start = Instant::now();
    let columns = match columns.as_str() {
        "all" => Columns::All,
        "identifiers" => Columns::Identifiers,
        "wishes" => {
            let today = Day::new(2014, 4, 30)?;
            let collected = Withholding::collect(&files, &ObjectionCodes::builtin(), &ReadOptions::default(), today)?;
            println!("{} rows, {} withheld", collected.rows_in, collected.withholding.len());
            report(bytes, start);
            return Ok(());
        }
        _ => Columns::Only(Vec::new()),
    };
    let read = read(&source, &files, &ReadOptions::with_columns(columns), |batch| batch.len())?;
    let rows: usize = read.results.iter().sum();
    println!(
        "{} rows in, {rows} taken, {} refused, {} fields rejected, ignored {:?}",
        read.rows_in, read.rows_refused, read.fields_rejected, read.ignored_columns
    );
    for rejection in read.rejections.iter().take(3) {
        println!("{rejection}");
    }
    report(bytes, start);
    Ok(())
}

fn report(bytes: u64, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    println!("{:.1} MB in {seconds:.3} s: {:.0} MB/s", bytes as f64 / 1e6, bytes as f64 / 1e6 / seconds);
}

//! What the register costs: loading, looking up, and checking many numbers at once.
//!
//! `cargo xtask bench register`, or by itself
//! `cargo run --release -p caredata-engine --example register_bench -- --millions 10 --loads 1 --numbers 60`.
//! Invented numbers in, seconds out. `--postgres URL` measures an empty database there.

use anyhow::{Context as _, Result};
use caredata_engine::error::Remark;
use caredata_engine::home::{Home, InitOptions, Policy};
use caredata_engine::register::{Place, PostgresUrl, Register};
use caredata_model::{Day, NhsNumber, Scope};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

/// Nine digits and the check digit that makes them a number; some have none.
fn number(nine: u64) -> Option<NhsNumber> {
    let mut sum = 0;
    let mut rest = nine;
    for weight in 2..=10 {
        sum += rest % 10 * weight;
        rest /= 10;
    }
    let check = (11 - sum % 11) % 11;
    if check == 10 { None } else { NhsNumber::parse(&format!("{nine:09}{check}")).ok() }
}

/// Numbers in an order of no pattern: a step that shares no factor with the range goes through all of it.
fn numbers(from: u64, count: usize) -> impl Iterator<Item = NhsNumber> {
    const RANGE: u64 = 300_000_007;
    (from..).map(|at| 400_000_000 + at * 104_395_303 % RANGE).filter_map(number).take(count)
}

fn write_file(path: &Path, from: u64, count: usize) -> Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    writeln!(out, "nhs_number,kind,effective_from,recorded_at,channel,recorded_by,source_id")?;
    for (at, number) in numbers(from, count).enumerate() {
        let (kind, channel) = match at % 10 {
            0 => ("object-gp", "practice"),
            1 => ("withdraw-all", "letter"),
            _ => ("object-all", "patient line"),
        };
        let (month, day) = (1 + at % 12, 1 + at % 28);
        let desk = at % 500;
        writeln!(
            out,
            "{:010},{kind},2014-{month:02}-{day:02},2014-{month:02}-{day:02},{channel},desk {desk},N{from}-{at}",
            number.value()
        )?;
    }
    out.flush()?;
    Ok(())
}

fn option(name: &str, otherwise: &str) -> String {
    let words: Vec<String> = std::env::args().collect();
    let place = words.iter().position(|word| word == name);
    place.and_then(|place| words.get(place + 1)).cloned().unwrap_or_else(|| otherwise.to_owned())
}

fn main() -> Result<()> {
    let millions: f64 = option("--millions", "10").parse().context("--millions")?;
    let loads: u64 = option("--loads", "1").parse().context("--loads")?;
    let asked: f64 = option("--numbers", "60").parse().context("--numbers")?;
    let postgres = option("--postgres", "");
    let folder = tempfile::tempdir_in(option("--folder", &std::env::temp_dir().to_string_lossy()))?;
    let remark = |text: &str| Remark::parse("text", text);
    let options = InitOptions {
        keys: Some(folder.path().join("keys")),
        policy: Policy::default(),
        attestation: None,
        register: None,
        who: remark("bench")?,
    };
    let home = Home::init(&folder.path().join("home"), &options)?;
    let place = if postgres.is_empty() {
        Place::File(home.folder().join("register.sqlite"))
    } else {
        Place::Postgres(PostgresUrl::parse(&postgres)?)
    };
    let (register, audit) = (Register::open_at(&place, &home.keys().register)?, home.audit(remark("bench")?)?);
    let mut out = std::io::stdout().lock();
    let file = folder.path().join("objections.csv");
    let rows = (millions * 1e6) as usize;
    for load in 0..loads {
        write_file(&file, load * 30_000_000, rows)?;
        let bytes = std::fs::metadata(&file)?.len();
        let began = Instant::now();
        let loaded = register.load(&audit, &file)?;
        let seconds = began.elapsed().as_secs_f64();
        writeln!(
            out,
            "load {load}: {} rows, {} new, of {} MB in {seconds:.1} s",
            loaded.rows,
            loaded.added,
            bytes >> 20
        )?;
    }
    std::fs::remove_file(&file)?;
    let today = Day::parse("2014-12-31").context("a day")?;
    let mut took: Vec<f64> = Vec::new();
    for number in numbers(7, 20_000).step_by(2) {
        let began = Instant::now();
        register.ask(number, today)?;
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[(took.len() as f64 * share) as usize];
    writeln!(
        out,
        "a lookup: {:.3} ms in the middle, {:.3} ms at 99%, {:.3} ms at most",
        at(0.5),
        at(0.99),
        at(0.9999)
    )?;

    let many: Vec<NhsNumber> = numbers(0, (asked * 1e6) as usize).collect();
    let began = Instant::now();
    let objectors = register.objectors(&Scope::All, today)?;
    let read = began.elapsed().as_secs_f64();
    let objecting = objectors.check(&many).iter().filter(|&&objects| objects).count();
    let seconds = began.elapsed().as_secs_f64();
    writeln!(
        out,
        "{} numbers checked against {} objectors in {seconds:.1} s, of which {read:.1} s reading; {objecting} object",
        many.len(),
        objectors.len()
    )?;
    Ok(())
}

//! `caredata demo`: the whole system on a synthetic population, told step by step.

use super::{grouped, synth};
use crate::args::{Arguments, Demo};
use crate::output;
use anyhow::{Context, bail};
use caredata_engine::error::Remark;
use caredata_engine::home::{Attestation, Home, InitOptions, Policy};
use caredata_engine::packages::write_packages;
use caredata_engine::register::{Kind, NewObjection, Saying};
use caredata_engine::report::RunReport;
use caredata_engine::run::{Progress, RunInput, Source, run};
use caredata_engine::today;
use caredata_model::{Door, NhsNumber, Period};
use indicatif::ProgressBar;
use serde_json::json;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Says that a folder is a demo's own, and may be made anew.
const MARK: &str = "made-by-caredata-demo";
const MONTHS: [&str; 2] = ["2014-04", "2014-05"];

pub fn demo(arguments: &Arguments, options: &Demo) -> anyhow::Result<()> {
    let began = Instant::now();
    let told = Told { quiet: arguments.json };
    let out = &options.out;
    make_place(out)?;

    told.step(&format!(
        "1  inventing {} people over two months, seed {}",
        grouped(options.people.into()),
        options.seed
    ))?;
    let data = out.join("data");
    synth::generate(&caredata_synth::Options {
        people: options.people,
        seed: options.seed,
        months: 2,
        first_month: MONTHS[0].parse()?,
        errors: caredata_synth::Errors::Standard,
        out: data.clone(),
    })?;

    told.step("2  making a home, its keys elsewhere; somebody attests that no objections are to be loaded")?;
    let home = new_home(out)?;

    let mut reports = Vec::new();
    for (place, month) in MONTHS.into_iter().enumerate() {
        let period: Period = month.parse()?;
        if place == 1 {
            told.step("   a patient telephones the patient line: no use of my records beyond my care")?;
            object(&home, &data.join(MONTHS[0]))?;
        }
        told.step(&format!("3  {month}, at the practices: packages, with objectors and sensitive entries left out"))?;
        let packages = out.join("packages").join(month);
        let sent = write_packages(&data.join(month).join("gp"), period, &packages, (&out.join("practice-keys"), None))?;
        told.step(&format!(
            "   {} packages: {} patients' records leave, {} patients object and stay",
            grouped(sent.packages),
            grouped(sent.patients),
            grouped(sent.withheld),
        ))?;
        told.step(&format!("4  {month}, at the centre: admit, link, ask the register, de-identify, publish"))?;
        let report = run(
            &home,
            Remark::parse("who", "demo")?,
            &month_input(&data.join(month), &packages, period)?,
            &progress(),
        )?;
        told.step(&indented(&super::run::words(&report)))?;
        reports.push(report);
    }

    told.step("5  checking every promise on the home, and the log by code its writer does not share")?;
    let findings = caredata_engine::fsck::check(&home)?;
    let log = caredata_verify::verify(&home.log())?;
    if let Some(broken) = findings.broken().first() {
        bail!("a promise is broken: {broken}");
    }
    let last = reports.last().context("two months were run")?;
    let page = home.report().join("index.html");
    let value = json!({
        "report": page, "home": home.folder(), "promises_checked": findings.checked(), "log_lines": log.lines,
        "seconds": began.elapsed().as_secs_f64(), "months": reports,
    });
    output::result(arguments.json, &value, &ending(last, &home, &page, began.elapsed()))
}

fn ending(last: &RunReport, home: &Home, page: &Path, took: Duration) -> String {
    let mut text = String::from("\n");
    let _ = writeln!(text, "Done in {:.1} s.", took.as_secs_f64());
    if let Some(truth) = &last.truth {
        let percent = |part: u64, of: u64| 100.0 * part as f64 / of.max(1) as f64;
        let _ = writeln!(
            text,
            "Against the truth: {:.2}% of hospital records of registered people missed, {:.3}% of links false.",
            percent(truth.missed, truth.records),
            percent(truth.false_links, truth.linked),
        );
    }
    let _ = write!(
        text,
        "What you have now is one record across practices and hospitals, with no name, NHS Number, date of birth or postcode in\n\
         it, and with nothing of those who object. Look at it:\n\
         \n\
         \x20 the report       {page}\n\
         \x20 the tables       {records}   (Delta: open them with DuckDB, Polars, Spark…)\n\
         \n\
         Try next:\n\
         \x20 caredata fsck --home {home}\n\
         \x20 caredata audit verify --home {home}\n\
         \x20 echo 'NHS NUMBER' | caredata objection record --kind object-all --home {home}\n\
         \x20 caredata run --help",
        page = page.display(),
        records = home.records().display(),
        home = home.folder().display(),
    );
    text
}

/// A step told to somebody who watches; silent where JSON was asked for.
struct Told {
    quiet: bool,
}

impl Told {
    fn step(&self, words: &str) -> anyhow::Result<()> {
        if !self.quiet {
            writeln!(std::io::stdout().lock(), "{words}")?;
        }
        Ok(())
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("   {line}")).collect::<Vec<_>>().join("\n")
}

/// An empty folder for the demo; one that an earlier demo made is made anew, any other is left alone.
fn make_place(out: &Path) -> anyhow::Result<()> {
    if out.join(MARK).is_file() {
        std::fs::remove_dir_all(out).with_context(|| format!("removing the earlier demo in {}", out.display()))?;
    } else if out.exists() && std::fs::read_dir(out)?.next().is_some() {
        bail!("{} holds something that no demo made; name another folder with --out", out.display());
    }
    std::fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))?;
    std::fs::write(out.join(MARK), "everything here is invented; the next demo removes it\n")?;
    Ok(())
}

fn new_home(out: &Path) -> anyhow::Result<Home> {
    let attestation = Attestation {
        name: Remark::parse("the name", "the demo")?,
        reason: Remark::parse("the reason", "everybody here is invented, and objections come in the journals")?,
    };
    Ok(Home::init(
        &out.join("home"),
        &InitOptions {
            keys: Some(out.join("keys")),
            policy: Policy::default(),
            attestation: Some(attestation),
            register: None,
            who: Remark::parse("who", "demo")?,
        },
    )?)
}

fn month_input(data: &Path, packages: &Path, period: Period) -> anyhow::Result<RunInput> {
    let other = data.join("other");
    let declaration = std::fs::read_to_string(other.join("sources").join("social-care.toml"))?;
    Ok(RunInput {
        gp: None,
        packages: Some(packages.to_owned()),
        hospital: Some(data.join("hospital")),
        sources: vec![(Source::parse(&declaration)?, other.join("social_care.csv"))],
        period,
        accepted: Vec::new(),
        truth: Some(data.join("truth")),
    })
}

/// Notes the wish of somebody who was in hospital in the first month.
fn object(home: &Home, month: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(month.join("hospital").join("apc.csv"))?;
    let mut lines = text.lines().map(|line| line.split(','));
    let column = lines.next().and_then(|mut header| header.position(|name| name == "NEWNHSNO"));
    let column = column.context("the synthetic admissions have a column NEWNHSNO")?;
    let number = lines.find_map(|mut line| NhsNumber::parse(line.nth(column)?).ok());
    let wish = NewObjection {
        number: number.context("somebody in hospital has an NHS Number")?,
        kind: "object-all".parse::<Kind>()?,
        effective: Some(today()),
        saying: Saying::by_person(Door::PatientLine, Remark::parse("who", "demo")?),
    };
    home.register()?.record(&home.audit(Remark::parse("who", "demo")?)?, &wish)?;
    Ok(())
}

/// A spinner that names the stage, on a terminal; nothing in a pipe.
pub fn progress() -> impl Progress {
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(100));
    Spinner(spinner)
}

struct Spinner(ProgressBar);

impl Progress for Spinner {
    fn stage(&self, name: &str) {
        self.0.set_message(name.to_owned());
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

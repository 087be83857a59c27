//! What the program costs, beside the bare conversion of the same files and, for linkage, its peers (`contest`).
//!
//! A synthetic population in, tables of medians out: seconds of wall clock and peak memory of whole processes, as the kernel
//! counts them. The contenders take turns, so that a machine that slows down slows them all. Everything is printed with the
//! machine and the versions, since a figure without them means nothing.

use crate::shell::{cargo, output, run};
use crate::{contest, months, option, python, scale};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is linked.
pub const FILES_TO_LINK: [&str; 2] = ["gp/patients.csv", "hospital/apc.csv"];
const FILES_TO_RUN: [&str; 5] =
    ["gp/patients.csv", "gp/journals.csv", "hospital/apc.csv", "hospital/op.csv", "hospital/ae.csv"];

/// Which parts to measure.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Both,
    Link,
    Run,
    Pieces,
    Scale,
    Months,
}

/// What the options say.
struct Options {
    part: Part,
    people: u32,
    times: u32,
    seed: u64,
    errors: Vec<String>,
    millions: String,
    months: u32,
}

impl Options {
    fn parse(words: &[String]) -> Result<Self> {
        let part = match words.first().map(String::as_str) {
            Some("link") => Part::Link,
            Some("run") => Part::Run,
            Some("pieces") => Part::Pieces,
            Some("scale") => Part::Scale,
            Some("months") => Part::Months,
            None => Part::Both,
            Some(option) if option.starts_with("--") => Part::Both,
            Some(unknown) => {
                bail!("`{unknown}` cannot be measured: say `link`, `run`, `pieces`, `scale`, `months` or `objections`")
            }
        };
        Ok(Self {
            part,
            people: option(words, "--people", 1_000_000)?,
            times: option(words, "--times", 5)?,
            seed: option(words, "--seed", 1)?,
            errors: presets(&option(words, "--errors", "standard".to_owned())?)?,
            millions: option(words, "--millions", "1,5".to_owned())?,
            months: option(words, "--months", 8)?,
        })
    }
}

/// The presets of errors that a word names.
fn presets(word: &str) -> Result<Vec<String>> {
    let names: &[&str] = match word {
        "standard" => &["standard"],
        "hard" => &["hard"],
        "both" => &["standard", "hard"],
        unknown => bail!("no errors `{unknown}`: say `standard`, `hard` or `both`"),
    };
    Ok(names.iter().map(ToString::to_string).collect())
}

/// What one process took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    pub seconds: f64,
    pub processor_seconds: f64,
    pub peak_kib: u64,
}

/// One thing to be measured: what must be done before each time, the command itself, and the links it makes, if any.
pub struct Contender<'a> {
    pub name: &'static str,
    pub before: Box<dyn Fn() -> Result<()> + 'a>,
    pub command: Box<dyn Fn() -> Command + 'a>,
    pub links: Option<PathBuf>,
}

/// Where everything lies.
pub struct Bench {
    program: PathBuf,
    python: PathBuf,
    scripts: PathBuf,
    data: PathBuf,
    work: PathBuf,
}

/// Measures and prints.
///
/// # Errors
/// If anything that is measured fails.
pub fn bench(root: &Path, words: &[String]) -> Result<()> {
    if words.first().is_some_and(|word| word == "register") {
        // It understands the other words itself.
        let example = ["run", "--release", "--package", "caredata-engine", "--example", "register_bench", "--"];
        return run(cargo().current_dir(root).args(example).args(&words[1..]));
    }
    if words.first().is_some_and(|word| word == "objections") {
        return objections(root, &words[1..]);
    }
    let options = Options::parse(words)?;
    run(cargo().current_dir(root).args(["build", "--release", "--package", "caredata"]))?;
    let bench = Bench::prepare(root)?;
    println!("{}", machine(&bench)?);
    if options.part == Part::Pieces {
        return pieces(root);
    }
    for errors in &options.errors {
        if options.part == Part::Scale {
            scale::scale(&bench, &options.millions, options.times, options.seed, errors)?;
            continue;
        }
        if options.part == Part::Months {
            months::months(&bench, options.months, options.people, options.seed, errors)?;
            continue;
        }
        bench.population(options.people, options.seed, errors)?;
        if options.part != Part::Run {
            contest::contest(&bench, root, errors, options.times)?;
        }
        if options.part != Part::Link {
            let table = measure(&bench, &bench.month(), options.times)?;
            print_table("The month's run, CSV in to published tables out", &table, &bench.data, &FILES_TO_RUN)?;
        }
    }
    Ok(())
}

/// Runs the benches that stand beside the code.
fn pieces(root: &Path) -> Result<()> {
    for (package, features) in [("caredata-extract", ""), ("caredata-link", "bench")] {
        println!("\n{package}");
        let bench =
            ["bench", "--profile", "release", "--bench", "pieces", "--package", package, "--features", features];
        run(cargo().current_dir(root).args(bench))?;
    }
    Ok(())
}

/// What honouring objections at every read costs.
fn objections(root: &Path, words: &[String]) -> Result<()> {
    // It understands the other words itself.
    let bench = ["bench", "--profile", "release", "--bench", "objections", "--workspace", "--"];
    run(cargo().current_dir(root).args(bench).args(words))
}

impl Bench {
    fn prepare(root: &Path) -> Result<Self> {
        let work = root.join("target/bench");
        fs::create_dir_all(&work).with_context(|| format!("making {}", work.display()))?;
        Ok(Self {
            program: root.join("target/release/caredata"),
            python: python::ready(root, python::TESTS)?,
            scripts: root.join("xtask/bench"),
            data: work.join("data"),
            work,
        })
    }

    /// Writes the population, and says what that took.
    pub fn population(&self, people: u32, seed: u64, errors: &str) -> Result<()> {
        self.population_of(1, people, seed, errors)
    }

    /// Writes a population of several months that follow on from each other, and says what that took.
    pub fn population_of(&self, months: u32, people: u32, seed: u64, errors: &str) -> Result<()> {
        clear(&self.data)?;
        let mut synth = self.program();
        synth
            .args(["synth", "--people", &people.to_string(), "--seed", &seed.to_string(), "--errors", errors])
            .args(["--months", &months.to_string(), "--out"])
            .arg(&self.data);
        let cost = self.cost(&synth)?;
        println!(
            "A population of {people} (seed {seed}, {errors} errors) written in {:.1} s, {:.0} MB at most",
            cost.seconds,
            megabytes(cost.peak_kib)
        );
        Ok(())
    }

    /// Where the population lies.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The program.
    pub fn program(&self) -> Command {
        Command::new(&self.program)
    }

    /// A script of the bench, ready to run.
    pub fn python_script(&self, name: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(self.script(name));
        command
    }

    /// A script of the bench.
    pub fn script(&self, name: &str) -> PathBuf {
        self.scripts.join(name)
    }

    /// A file that a contender makes.
    pub fn made(&self, name: &str) -> PathBuf {
        self.work.join(name)
    }

    /// What `score.py` says of links.
    pub fn score(&self, links: &Path) -> Result<String> {
        output(self.python_script("score.py").arg(&self.data).arg(links))
    }

    /// The program's linkage, by all evidence or by the four identifiers.
    pub fn caredata_link(&self, identifiers_only: bool) -> Contender<'_> {
        let (name, links) = if identifiers_only {
            ("caredata link --identifiers-only", self.made("links-identifiers-only.csv"))
        } else {
            ("caredata link", self.made("links.csv"))
        };
        let out = links.clone();
        let command = move || {
            let [gp, hospital] = FILES_TO_LINK.map(|file| self.data.join(file));
            let mut command = Command::new(&self.program);
            command.arg("link").arg("--gp").arg(gp).arg("--hospital").arg(hospital).arg("--out").arg(&out);
            if identifiers_only {
                command.arg("--identifiers-only");
            }
            command
        };
        Contender { name, before: Box::new(|| Ok(())), command: Box::new(command), links: Some(links) }
    }

    fn month(&self) -> Vec<Contender<'_>> {
        let home = self.work.join("home");
        let keys = self.work.join("keys");
        let fresh = {
            let (home, keys) = (home.clone(), keys.clone());
            move || {
                clear(&home)?;
                clear(&keys)?;
                output(
                    Command::new(&self.program).arg("--home").arg(&home).arg("init").arg("--keys").arg(&keys).args([
                        "--attest-no-objections",
                        "cargo xtask bench",
                        "--reason",
                        "invented people",
                    ]),
                )
                .map(drop)
            }
        };
        let month = move || {
            let mut command = Command::new(&self.program);
            command.arg("--home").arg(&home).arg("run").arg("--gp").arg(self.data.join("gp"));
            command.arg("--hospital").arg(self.data.join("hospital")).args(["--period", "2014-04"]);
            command
        };
        vec![
            self.conversion(&FILES_TO_RUN),
            Contender { name: "caredata run", before: Box::new(fresh), command: Box::new(month), links: None },
        ]
    }

    /// `DuckDB` turning files into Parquet, which all are compared with.
    pub fn conversion(&self, files: &'static [&'static str]) -> Contender<'_> {
        let out = self.work.join("converted");
        let cleared = out.clone();
        Contender {
            name: "DuckDB, CSV to Parquet",
            before: Box::new(move || clear(&cleared)),
            command: Box::new(move || {
                let mut command = Command::new(&self.python);
                command.arg(self.scripts.join("convert.py")).arg(&out);
                command.args(files.iter().map(|file| self.data.join(file)));
                command
            }),
            links: None,
        }
    }

    pub fn cost(&self, command: &Command) -> Result<Cost> {
        let mut measured = Command::new(&self.python);
        measured.arg(self.scripts.join("measure.py")).arg(command.get_program()).args(command.get_args());
        parse_cost(&output(&mut measured)?)
    }
}

fn parse_cost(text: &str) -> Result<Cost> {
    let mut numbers = text.split_whitespace();
    let mut next = || numbers.next().context("measure.py gives three numbers");
    Ok(Cost { seconds: next()?.parse()?, processor_seconds: next()?.parse()?, peak_kib: next()?.parse()? })
}

/// The median of each contender; they take turns.
pub fn measure(bench: &Bench, contenders: &[Contender<'_>], times: u32) -> Result<Vec<(&'static str, Cost)>> {
    let mut costs = vec![Vec::new(); contenders.len()];
    for _ in 0..times.max(1) {
        for (contender, costs) in contenders.iter().zip(&mut costs) {
            (contender.before)()?;
            costs.push(bench.cost(&(contender.command)()).with_context(|| contender.name)?);
        }
    }
    Ok(contenders.iter().zip(costs).map(|(contender, costs)| (contender.name, median(&costs))).collect())
}

/// The median of each number by itself.
fn median(costs: &[Cost]) -> Cost {
    let middle = |number: fn(&Cost) -> f64| {
        let mut numbers: Vec<f64> = costs.iter().map(number).collect();
        numbers.sort_by(f64::total_cmp);
        numbers.get(numbers.len() / 2).copied().unwrap_or_default()
    };
    Cost {
        seconds: middle(|cost| cost.seconds),
        processor_seconds: middle(|cost| cost.processor_seconds),
        peak_kib: middle(|cost| cost.peak_kib as f64) as u64,
    }
}

/// The first row is what the others are compared with.
fn print_table(title: &str, rows: &[(&'static str, Cost)], data: &Path, files: &[&str]) -> Result<()> {
    println!("\n{title} ({:.0} MB: {})", total_bytes(data, files)? / 1e6, files.join(", "));
    println!("{:<34} {:>9} {:>12} {:>10} {:>8}", "", "seconds", "processor s", "peak MB", "ratio");
    let floor = rows.first().map_or(1.0, |(_, cost)| cost.seconds);
    for (name, cost) in rows {
        let Cost { seconds, processor_seconds, peak_kib } = cost;
        let (peak, ratio) = (megabytes(*peak_kib), seconds / floor);
        println!("{name:<34} {seconds:>9.2} {processor_seconds:>12.2} {peak:>10.0} {ratio:>8.2}");
    }
    Ok(())
}

/// How large files are together.
pub fn total_bytes(data: &Path, files: &[&str]) -> Result<f64> {
    let mut bytes = 0;
    for file in files {
        let path = data.join(file);
        bytes += fs::metadata(&path).with_context(|| format!("{} is not there", path.display()))?.len();
    }
    Ok(bytes as f64)
}

pub fn megabytes(kib: u64) -> f64 {
    kib as f64 * 1024.0 / 1e6
}

/// The machine and the versions.
fn machine(bench: &Bench) -> Result<String> {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let duckdb = output(Command::new(&bench.python).args(["-c", "import duckdb; print(duckdb.__version__)"]))?;
    let program = output(Command::new(&bench.program).arg("--version"))?;
    let compiler = output(Command::new("rustc").arg("--version"))?;
    Ok(format!(
        "{}, {cores} cores, {} of memory\n{}, DuckDB {}, {}",
        field("/proc/cpuinfo", "model name"),
        field("/proc/meminfo", "MemTotal"),
        program.trim(),
        duckdb.trim(),
        compiler.trim(),
    ))
}

pub fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("clearing {}", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_that_of_each_number() {
        let cost = |seconds, peak_kib| Cost { seconds, processor_seconds: seconds, peak_kib };
        assert_eq!(median(&[cost(3.0, 10), cost(1.0, 30), cost(2.0, 20)]), cost(2.0, 20));
    }

    #[test]
    fn a_cost_is_read_as_it_is_printed() {
        let cost = parse_cost("1.5000 2.2500 1024\n").expect("three numbers");
        assert_eq!(cost, Cost { seconds: 1.5, processor_seconds: 2.25, peak_kib: 1024 });
        assert!(parse_cost("1.5").is_err());
    }

    #[test]
    fn parts_are_understood_or_refused() {
        let parse = |words: &[&str]| Options::parse(&words.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert!(
            parse(&["link", "--people", "10"]).is_ok_and(|options| options.part == Part::Link && options.people == 10)
        );
        assert!(parse(&["--times", "1"]).is_ok_and(|options| options.part == Part::Both && options.times == 1));
        assert!(parse(&["lnik"]).is_err());
        assert!(parse(&["link", "--errors", "both"]).is_ok_and(|options| options.errors == ["standard", "hard"]));
        assert!(parse(&["link", "--errors", "soft"]).is_err());
    }
}

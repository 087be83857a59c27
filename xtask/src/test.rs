//! Everything that must hold before a change lands.
//!
//! The workspace in; the tests of all crates, tidy, formatting and lints run in turn. All of it is run even where one part
//! fails, so that one go shows everything; the last lines say what failed and how many tests ran.

use crate::shell::{cargo, run, works};
use crate::{python, tidy};
use anyhow::{Context as _, Result, ensure};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// Numbers of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tests {
    passed: u64,
    failed: u64,
}

/// Runs it all.
///
/// # Errors
/// Names the parts that failed.
pub fn test(root: &Path) -> Result<()> {
    step("What the tests need");
    components(root)?;
    let python = python::ready(root, python::TESTS)?;
    println!("Python for the tests: {}", python.display());
    postgres();

    let mut failures = Vec::new();
    let mut part = |name: &'static str, outcome: Result<()>| {
        if let Err(error) = outcome {
            eprintln!("{name}: {error:#}");
            failures.push(name);
        }
    };
    step("Tests of all crates (release profile, so that dependencies are built once)");
    let (tests, outcome) = tests(root, &python)?;
    part("tests", outcome);
    step("Tidy: the rules of the house that no compiler knows");
    part("tidy", tidy::tidy(root));
    step("Formatting");
    part("formatting", run(cargo().current_dir(root).args(["fmt", "--all", "--check"])));
    step("Lints");
    let lints = ["clippy", "--release", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    part("lints", run(cargo().current_dir(root).args(lints)));

    println!();
    if failures.is_empty() {
        println!("All holds: tests, tidy, formatting, lints.");
    }
    println!("{} passed, {} failed", tests.passed, tests.failed);
    ensure!(failures.is_empty(), "does not hold: {}", failures.join(", "));
    ensure!(tests.passed > 0, "no test ran");
    Ok(())
}

fn step(words: &str) {
    println!("\n== {words}");
}

/// rustfmt and clippy, which a minimal toolchain lacks.
fn components(root: &Path) -> Result<()> {
    for (chore, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !works(cargo().current_dir(root).args([chore, "--version"])) {
            println!("Installing {component} with rustup.");
            run(Command::new("rustup").args(["component", "add", component]))?;
        }
    }
    Ok(())
}

/// `PostgreSQL`, for the register's tests. Where it cannot be had they fail and say so themselves.
fn postgres() {
    let there = || works(Command::new("sh").args(["-c", "command -v initdb || ls /usr/lib/postgresql/*/bin/initdb"]));
    if there() {
        return;
    }
    println!("There is no PostgreSQL here: installing Debian's postgresql with apt-get.");
    let install = "apt-get update -qq && apt-get install -y -qq postgresql";
    let installed = run(Command::new("sh").args(["-c", install]).env("DEBIAN_FRONTEND", "noninteractive"));
    if installed.is_err() || !there() {
        eprintln!("PostgreSQL could not be installed: the tests of the register on it will FAIL. Install it by hand.");
    }
}

/// Runs the tests, showing their output as it comes and adding up their closing lines.
fn tests(root: &Path, python: &Path) -> Result<(Tests, Result<()>)> {
    let mut command = cargo();
    command
        .current_dir(root)
        .args(["test", "--release", "--workspace", "--no-fail-fast"])
        .env("CAREDATA_TEST_PYTHON", python)
        .stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot start cargo test")?;
    let output = child.stdout.take().context("the output was asked for")?;
    let mut sum = Tests::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("reading the output of cargo test")?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        if let Some(tests) = closing_line(&line) {
            sum.passed += tests.passed;
            sum.failed += tests.failed;
        }
    }
    let status = child.wait().context("waiting for cargo test")?;
    let outcome = if status.success() { Ok(()) } else { Err(anyhow::anyhow!("cargo test failed ({status})")) };
    Ok((sum, outcome))
}

/// The numbers of `test result: ok. 12 passed; 0 failed; …`.
fn closing_line(line: &str) -> Option<Tests> {
    let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |word: &str| {
        let part = numbers.split("; ").find(|part| part.ends_with(word))?;
        part.split(' ').next()?.parse().ok()
    };
    Some(Tests { passed: number(" passed")?, failed: number(" failed")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up() {
        let line = "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.09s";
        assert_eq!(closing_line(line), Some(Tests { passed: 12, failed: 3 }));
        assert_eq!(closing_line("test a::b ... ok"), None);
    }
}

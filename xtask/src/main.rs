//! The project's own chores: a command's name in, work done and told in words, an exit code out.
//!
//! `cargo xtask test` checks everything that must hold before a change lands; it sets up what the tests need. `cargo xtask
//! tidy` checks the rules of the house that no compiler knows; `bench`, `kill` and `histories` measure and torment the built program.
//! Invariant: what fails is named, and the exit code is then not 0.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to the person who runs it")]

mod bench;
mod contest;
mod histories;
mod kill;
mod months;
mod python;
mod scale;
mod shell;
mod test;
mod tidy;

use anyhow::{Context as _, Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str = "cargo xtask CHORE

  test                 everything that must hold: the tests, tidy, formatting, lints; installs what the tests need
  tidy                 the rules of the house that no compiler knows
  bench [link|run]     time, memory and quality on a synthetic population, beside DuckDB's bare conversion of the same files;
                       for linkage beside Splink and deterministic passes too, which it installs
                         --people N (1000000)  --times N (5)  --seed S (1)  --errors standard|hard|both (standard)
  bench pieces         what the parts of reading and of linkage cost by themselves, beside what the machine could do
  bench scale          how time and memory of linkage grow with people
                         --millions LIST (1,5)  --times N (5)  --seed S (1)  --errors standard|hard|both (standard)
  bench register       the register: loading, a lookup, and checking many numbers at once
                         --millions M (10)  --loads N (1)  --numbers M (60)
  bench months         months linked one by one with an index, beside one run over all of them
                         --months N (8)  --people N (1000000)  --seed S (1)  --errors standard|hard|both (standard)
  bench objections     how soon an objection counts in reads, and what leaving people out costs
                         --persons K (20000)  --objectors K (2000)  --rows K (10000), all in thousands
  fuzz                 throws made inputs at each parser of untrusted text, each judged by a plainer reading of its rule
                         --inputs N (10000000)  --seed S (1)  --parser NAME (all)
  kill                 kills a run at random moments and starts it again; the rows must be those of an undisturbed run
                         --people N (2000)  --times N (50)  --seed S (1)
  histories            random wishes, moves, runs, purges and kills of a small town, and random wishes of a register, against oracles
                         --seeds FIRST..END (1000..1050)  --wishes N (3000000)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match chore(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn chore(arguments: &[String]) -> Result<()> {
    let (name, rest) = arguments.split_first().map_or(("help", &[][..]), |(name, rest)| (name.as_str(), rest));
    match name {
        "test" => no_more(rest).and_then(|()| test::test(&root()?)),
        "tidy" => no_more(rest).and_then(|()| tidy::tidy(&root()?)),
        "bench" => bench::bench(&root()?, rest),
        "fuzz" => fuzz(&root()?, rest),
        "histories" => histories::histories(&root()?, rest),
        "kill" => kill::kill(&root()?, rest),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(())
        }
        unknown => bail!("no chore `{unknown}`\n\n{HELP}"),
    }
}

/// Runs the fuzzer that stands beside the parsers; it understands the words itself.
fn fuzz(root: &std::path::Path, words: &[String]) -> Result<()> {
    let example = ["run", "--release", "--package", "caredata-extract", "--example", "fuzz", "--"];
    shell::run(shell::cargo().current_dir(root).args(example).args(words))
}

fn no_more(rest: &[String]) -> Result<()> {
    match rest.first() {
        None => Ok(()),
        Some(word) => bail!("`{word}` is not understood here\n\n{HELP}"),
    }
}

/// The folder of the workspace.
fn root() -> Result<PathBuf> {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(std::path::Path::to_owned).context("xtask lies in the workspace's folder")
}

/// The value of `--name VALUE` among a chore's words, or what it is where it is not given.
fn option<T: std::str::FromStr>(words: &[String], name: &str, otherwise: T) -> Result<T> {
    match words.iter().position(|word| word == name) {
        None => Ok(otherwise),
        Some(place) => words
            .get(place + 1)
            .and_then(|value| value.parse().ok())
            .with_context(|| format!("{name} needs a value, as `cargo xtask help` shows")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_found_or_defaulted_or_refused() {
        let words = ["link", "--people", "50", "--seed"].map(str::to_owned);
        assert_eq!(option(&words, "--people", 1).ok(), Some(50));
        assert_eq!(option(&words, "--times", 5).ok(), Some(5));
        assert!(option(&words, "--seed", 1).is_err());
    }

    #[test]
    fn an_unknown_chore_is_refused() {
        assert!(chore(&["tset".to_owned()]).is_err());
        assert!(chore(&["tidy".to_owned(), "--quick".to_owned()]).is_err());
    }
}

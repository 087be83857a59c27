//! Kills a run at random moments and starts it again.
//!
//! A synthetic month in; the linked record after each torment, compared with that of an undisturbed run, out. Invariant: a
//! home that was killed once, twice or three times and then left to finish has the same sorted logical rows in every table,
//! since both start from copies of one home (ids are made with the home's own secrets), and passes `caredata fsck`.

use crate::shell::{cargo, output, run, works};
use crate::{option, python};
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Everything that the torment needs.
struct Torment {
    program: PathBuf,
    python: PathBuf,
    root: PathBuf,
    work: PathBuf,
}

/// Runs the torment.
///
/// # Errors
/// If a run fails after a kill, or ends with other rows.
pub fn kill(root: &Path, words: &[String]) -> Result<()> {
    let (people, times, seed) =
        (option(words, "--people", 2_000_u32)?, option(words, "--times", 50_u32)?, option(words, "--seed", 1_u64)?);
    let torment = Torment::prepare(root, people, seed)?;

    let whole = torment.home("whole")?;
    let begun = Instant::now();
    run(torment.month(&whole).stdout(Stdio::null()))?;
    let undisturbed = begun.elapsed();
    let expected = torment.rows(&whole)?;
    print!("Undisturbed, {:.2} s:\n{expected}", undisturbed.as_secs_f64());

    let mut random = Random(seed);
    let mut unfinished = 0;
    for time in 1..=times {
        let home = torment.home("killed")?;
        let mut moments = Vec::new();
        for _ in 0..=random.below(3) {
            let moment = Duration::from_micros(random.below(undisturbed.as_micros() as u64 + 1));
            unfinished += u32::from(torment.run_and_kill(&home, moment)?);
            moments.push(format!("{} ms", moment.as_millis()));
        }
        let after = format!("kill {time}, after {}", moments.join(", "));
        run(torment.month(&home).stdout(Stdio::null())).with_context(|| after.clone())?;
        let rows = torment.rows(&home).with_context(|| after.clone())?;
        ensure!(rows == expected, "{after}: other rows than undisturbed; the home is {}\n{rows}", home.display());
        ensure!(works(torment.caredata(&home).arg("fsck")), "{after}: fsck finds fault with {}", home.display());
        println!("{after}: the same rows");
    }
    ensure!(unfinished > times / 2, "only {unfinished} kills came before the end of the run: they show nothing");
    println!("{times} homes killed {unfinished} times before the end of their run: the same rows every time.");
    Ok(())
}

impl Torment {
    fn prepare(root: &Path, people: u32, seed: u64) -> Result<Self> {
        run(cargo().current_dir(root).args(["build", "--release", "--package", "caredata"]))?;
        let work = root.join("target/kill");
        if work.exists() {
            fs::remove_dir_all(&work).with_context(|| format!("clearing {}", work.display()))?;
        }
        fs::create_dir_all(&work).with_context(|| format!("making {}", work.display()))?;
        let torment = Self {
            program: root.join("target/release/caredata"),
            python: python::ready(root, python::TESTS)?,
            root: root.to_owned(),
            work,
        };
        let (people, seed) = (people.to_string(), seed.to_string());
        run(Command::new(&torment.program)
            .args(["synth", "--people", &people, "--seed", &seed, "--out"])
            .arg(torment.work.join("data"))
            .stdout(Stdio::null()))?;
        run(torment
            .caredata(&torment.work.join("fresh"))
            .arg("init")
            .arg("--keys")
            .arg(torment.work.join("keys"))
            .args(["--attest-no-objections", "cargo xtask kill", "--reason", "invented people"])
            .stdout(Stdio::null()))?;
        Ok(torment)
    }

    fn caredata(&self, home: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--home").arg(home);
        command
    }

    /// A copy of the home in which nothing has run yet.
    fn home(&self, name: &str) -> Result<PathBuf> {
        let home = self.work.join(name);
        if home.exists() {
            fs::remove_dir_all(&home).with_context(|| format!("clearing {}", home.display()))?;
        }
        run(Command::new("cp").arg("-a").arg(self.work.join("fresh")).arg(&home))?;
        Ok(home)
    }

    fn month(&self, home: &Path) -> Command {
        let data = self.work.join("data");
        let mut command = self.caredata(home);
        command.arg("run").arg("--gp").arg(data.join("gp")).arg("--hospital").arg(data.join("hospital"));
        command.args(["--period", "2014-04"]);
        command
    }

    /// Whether the run was still going when it was killed.
    fn run_and_kill(&self, home: &Path, after: Duration) -> Result<bool> {
        let mut child =
            self.month(home).stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("cannot start a run")?;
        std::thread::sleep(after);
        let going = child.try_wait().context("asking after a run")?.is_none();
        child.kill().context("killing a run")?;
        child.wait().context("waiting for a killed run")?;
        Ok(going)
    }

    fn rows(&self, home: &Path) -> Result<String> {
        output(Command::new(&self.python).arg(self.root.join("xtask/bench/rows.py")).arg(home))
    }
}

/// Steele and others' `SplitMix64`: moments that can be had again from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_within_bounds_and_the_same_for_a_seed() {
        let draw = |seed| {
            let mut random = Random(seed);
            (0..100).map(|_| random.below(1_000)).collect::<Vec<_>>()
        };
        assert!(draw(1).iter().all(|&moment| moment < 1_000));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}

//! A Python of the project's own, for the readers and peers that tests and benchmarks need.
//!
//! A list of packages in, a virtual environment under `target/` with exactly those out. It is made once; a changed list makes it
//! anew. What has to be installed on the machine first is installed, and said.

use crate::shell::{run, works};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A list of packages in the project's folder, and the environment that has them.
#[derive(Clone, Copy)]
pub struct Packages {
    list: &'static str,
    folder: &'static str,
}

/// What the tests open tables with, and what measures.
pub const TESTS: Packages = Packages { list: "xtask/test-requirements.txt", folder: "target/test-python" };

/// The peers that linkage is measured beside: only the bench waits for them.
pub const PEERS: Packages = Packages { list: "xtask/bench/peer-requirements.txt", folder: "target/peer-python" };

/// The environment's interpreter, made ready where it is not.
///
/// # Errors
/// If there is no Python and none can be installed, or the package index cannot be reached.
pub fn ready(root: &Path, packages: Packages) -> Result<PathBuf> {
    let requirements = root.join(packages.list);
    let wanted = fs::read_to_string(&requirements).with_context(|| format!("reading {}", requirements.display()))?;
    let folder = root.join(packages.folder);
    let (python, stamp) = (folder.join("bin/python"), folder.join("requirements.installed"));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted)
        && works(Command::new(&python).arg("--version"))
    {
        return Ok(python);
    }
    println!("Setting up Python in {} with:", folder.display());
    wanted.lines().filter(|line| !line.starts_with('#')).for_each(|line| println!("  {line}"));
    make(&folder)?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(&requirements))?;
    fs::write(&stamp, wanted).with_context(|| format!("writing {}", stamp.display()))?;
    Ok(python)
}

fn make(folder: &Path) -> Result<()> {
    let venv = |python: &str| {
        let mut command = Command::new(python);
        command.args(["-m", "venv", "--clear"]).arg(folder);
        command
    };
    if works(&mut venv("python3")) || works(&mut venv("/usr/bin/python3")) {
        return Ok(());
    }
    if !works(Command::new("sh").args(["-c", "test \"$(id -u)\" = 0 && command -v apt-get"])) {
        bail!(
            "Python with its `venv` module is needed: install it (on Debian: apt-get install python3-venv) and try again"
        );
    }
    println!("There is no Python with `venv` here: installing Debian's python3-venv with apt-get.");
    run(Command::new("apt-get").args(["update", "-qq"]))?;
    run(Command::new("apt-get")
        .args(["install", "-y", "-qq", "python3-venv"])
        .env("DEBIAN_FRONTEND", "noninteractive"))?;
    run(&mut venv("/usr/bin/python3"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The conversion that all are compared with and the peers are to stand on one `DuckDB`.
    #[test]
    fn tests_and_peers_have_one_duckdb() {
        let duckdb = |packages: Packages| {
            let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(packages.list);
            let text = fs::read_to_string(list).expect("the list is part of the project");
            text.lines().find(|line| line.starts_with("duckdb==")).map(str::to_owned)
        };
        assert!(duckdb(TESTS).is_some());
        assert_eq!(duckdb(TESTS), duckdb(PEERS));
    }
}

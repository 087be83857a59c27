//! A Python of the project's own, for the readers and peers that tests and benchmarks need.
//!
//! `xtask/test-requirements.txt` in, `target/test-python/` out: a virtual environment with exactly those packages. It is made
//! once; a changed list makes it anew. What has to be installed on the machine first is installed, and said.

use crate::shell::{run, works};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The environment's interpreter, made ready where it is not.
///
/// # Errors
/// If there is no Python and none can be installed, or the package index cannot be reached.
pub fn ready(root: &Path) -> Result<PathBuf> {
    let requirements = root.join("xtask/test-requirements.txt");
    let wanted = fs::read_to_string(&requirements).with_context(|| format!("reading {}", requirements.display()))?;
    let folder = root.join("target/test-python");
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

//! Running other programs: a command in; its success, its output or a failure that names it out.

use anyhow::{Context as _, Result, ensure};
use std::process::{Command, Stdio};

/// Runs a command; its output goes where ours goes.
///
/// # Errors
/// If it cannot be started or does not succeed.
pub fn run(command: &mut Command) -> Result<()> {
    let words = words(command);
    let status = command.status().with_context(|| format!("cannot start: {words}"))?;
    ensure!(status.success(), "failed ({status}): {words}");
    Ok(())
}

/// Runs a command and gives what it wrote to standard output.
///
/// # Errors
/// If it cannot be started or does not succeed.
pub fn output(command: &mut Command) -> Result<String> {
    let words = words(command);
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start: {words}"))?;
    ensure!(output.status.success(), "failed ({}): {words}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a command can be run and succeeds, quietly.
pub fn works(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The cargo that runs us, in the surroundings in which a person would call it.
///
/// `cargo run` tells a program of its package in `CARGO_PKG_…` and the like. Some dependencies' build scripts watch those, so
/// that a cargo called from here would build them, and all that stands on them, anew each time.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_of_our_package) {
            command.env_remove(name);
        }
    }
    command
}

fn is_of_our_package(name: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(|start| name.starts_with(start))
        || ["CARGO", "CARGO_PRIMARY_PACKAGE"].contains(&name)
}

/// A command as one would type it.
pub fn words(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cargo_called_from_here_knows_nothing_of_our_package() {
        let told = ["CARGO_PKG_NAME", "CARGO_PKG_VERSION_MAJOR", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"];
        assert!(told.into_iter().all(is_of_our_package));
        let kept = ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_TERM_COLOR", "CARGO_NET_OFFLINE", "PATH"];
        assert!(!kept.into_iter().any(is_of_our_package));
    }
}

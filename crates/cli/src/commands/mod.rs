//! One module a command: arguments in, the engine's work done, a result printed.

mod audit;
mod demo;
mod extract;
mod fsck;
mod init;
mod law;
mod link;
mod objection;
mod purge;
mod run;
mod subject;
mod synth;

use crate::args::{Arguments, Command};
use anyhow::Context;
use caredata_engine::error::Remark;
use caredata_engine::home::Home;
use clap::CommandFactory;
use std::process::ExitCode;

/// Does what the arguments say.
///
/// # Errors
/// Whatever the command met; the caller prints it and chooses the exit code.
pub fn dispatch(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::Demo(options) => demo::demo(arguments, options)?,
        Command::Synth(options) => synth::synth(arguments, options)?,
        Command::Init(options) => init::init(arguments, options)?,
        Command::Extract(options) => extract::extract(arguments, options)?,
        Command::Run(options) => run::run(arguments, options)?,
        Command::Link(options) => link::link(arguments, options)?,
        Command::Objection(command) => objection::objection(arguments, command)?,
        Command::Purge => purge::purge(arguments)?,
        Command::Law(command) => law::law(arguments, command)?,
        Command::Subject(command) => subject::subject(arguments, command)?,
        Command::Leaflet(options) => subject::leaflet(arguments, options)?,
        Command::Audit(command) => return audit::audit(arguments, command),
        Command::Fsck => return fsck::fsck(arguments),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Arguments::command(), "caredata", &mut std::io::stdout());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The exit code of input that cannot be understood.
const REFUSED_INPUT: u8 = 3;
/// The exit code of a check that found a promise broken: a fault of ours, or of somebody who changed the files.
const FAULTS_FOUND: u8 = 5;
/// The exit code of a check that found somebody published whose wish the register has learnt of since the last run.
const RUN_AGAIN: u8 = 4;

fn open_home(arguments: &Arguments) -> anyhow::Result<Home> {
    Ok(Home::open(&arguments.home)?)
}

/// Who is at work, for the log: the name under which the person is logged in.
fn who() -> anyhow::Result<Remark> {
    let name = ["CAREDATA_WHO", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let name = name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| "not stated".to_owned());
    Remark::parse("the name of who is at work", &name).context("CAREDATA_WHO or USER")
}

/// A number with its thousands set apart, as people read it.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}

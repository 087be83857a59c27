//! `caredata`: arguments in, the engine's work done, words or JSON out, and an exit code that scripts can rely on.
//!
//! Exit codes: 0 done; 2 wrong usage; 3 refused input, nothing changed; 4 refused by a rule or by law, logged, or
//! found by a check to wait for the next run; 5 a fault of ours.

mod args;
mod commands;
mod output;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    match commands::dispatch(&arguments) {
        Ok(code) => code,
        Err(error) => output::failure(&error, arguments.json),
    }
}

//! `caredata audit`: the log, checked by code that its writer does not share.

use super::{FAULTS_FOUND, grouped};
use crate::args::{Arguments, Audit};
use crate::output;
use serde_json::json;
use std::process::ExitCode;

pub fn audit(arguments: &Arguments, command: &Audit) -> anyhow::Result<ExitCode> {
    match command {
        Audit::Verify => verify(arguments),
    }
}

fn verify(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match caredata_verify::verify(&arguments.home.join("log")) {
        Ok(report) => {
            let words =
                format!("{} lines, none changed, missing or out of order\nhead {}", grouped(report.lines), report.hash);
            output::result(
                arguments.json,
                &json!({ "intact": true, "lines": report.lines, "head": report.hash }),
                &words,
            )?;
            Ok(ExitCode::SUCCESS)
        }
        Err(fault) => {
            let value = json!({ "intact": false, "fault": fault.to_string() });
            output::result(arguments.json, &value, &format!("the log is not intact: {fault}"))?;
            Ok(ExitCode::from(FAULTS_FOUND))
        }
    }
}

//! `caredata audit`: the log, checked by code that its writer does not share.

use super::{FAULTS_FOUND, REFUSED_INPUT, grouped};
use crate::args::{Arguments, Audit};
use crate::output;
use anyhow::Context;
use caredata_verify::ReceiptFault;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

pub fn audit(arguments: &Arguments, command: &Audit) -> anyhow::Result<ExitCode> {
    match command {
        Audit::Verify { receipt: None, .. } => verify(arguments),
        Audit::Verify { receipt: Some(code), report } => verify_receipt(arguments, code, report.as_deref()),
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

fn verify_receipt(arguments: &Arguments, code: &str, report: Option<&Path>) -> anyhow::Result<ExitCode> {
    let report =
        report.map(|path| std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display())));
    match caredata_verify::verify_receipt(&arguments.home.join("log"), code, report.transpose()?.as_deref()) {
        Ok(receipt) => {
            let words = format!(
                "the receipt holds: a report was made at {}, noted in line {} of the log, and no line was changed since",
                receipt.time,
                grouped(receipt.line)
            );
            let value = json!({ "holds": true, "line": receipt.line, "time": receipt.time });
            output::result(arguments.json, &value, &words)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(fault) => {
            let value = json!({ "holds": false, "fault": fault.to_string() });
            output::result(arguments.json, &value, &format!("the receipt does not hold: {fault}"))?;
            let is_misread = matches!(fault, ReceiptFault::Form | ReceiptFault::Unreadable);
            Ok(ExitCode::from(if is_misread { REFUSED_INPUT } else { FAULTS_FOUND }))
        }
    }
}

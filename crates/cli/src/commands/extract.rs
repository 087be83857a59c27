//! `caredata extract`: the practice's side.

use super::grouped;
use crate::args::{Arguments, Extract};
use crate::output;
use caredata_engine::packages::write_packages;
use serde_json::json;

pub fn extract(arguments: &Arguments, options: &Extract) -> anyhow::Result<()> {
    let keys = options.keys.clone().unwrap_or_else(|| options.out.with_extension("practice-keys"));
    let sent = write_packages(&options.gp, options.period, &options.out, &keys)?;
    let words = format!(
        "{} packages in {}: {} patients' records would leave, {} patients object and stay\n\
         see preview.html beside each package for exactly what leaves; nothing has been sent",
        grouped(sent.packages),
        options.out.display(),
        grouped(sent.patients),
        grouped(sent.withheld),
    );
    let value =
        json!({ "out": options.out, "packages": sent.packages, "patients": sent.patients, "withheld": sent.withheld });
    output::result(arguments.json, &value, &words)
}

//! `caredata extract`: the practice's side.

use super::grouped;
use crate::args::{Arguments, Extract};
use crate::output;
use caredata_engine::error::Remark;
use caredata_engine::packages::{default_keys, write_packages};
use serde_json::json;

pub fn extract(arguments: &Arguments, options: &Extract) -> anyhow::Result<()> {
    let keys = options.keys.clone().map_or_else(default_keys, Ok)?;
    let supplier = options.supplier.as_deref().map(|text| Remark::parse("--supplier", text)).transpose()?;
    let sent = write_packages(&options.gp, options.period, &options.out, (&keys, supplier.as_ref()))?;
    let made = if sent.new_keys.is_empty() {
        String::new()
    } else {
        format!(
            "\nnew keys were made in {} for {}: keep them, and use them every month. If packages were sent before with other keys, \
             stop and name those with --keys, since only with them can the centre be told who has objected since",
            keys.display(),
            sent.new_keys.join(", "),
        )
    };
    let words = format!(
        "{} packages in {}: {} patients' records would leave, {} patients object and stay\n\
         see preview.html beside each package for exactly what leaves; nothing has been sent{made}",
        grouped(sent.packages),
        options.out.display(),
        grouped(sent.patients),
        grouped(sent.withheld),
    );
    let value = json!({ "out": options.out, "packages": sent.packages, "patients": sent.patients, "withheld": sent.withheld, "keys": keys, "new_keys": sent.new_keys });
    output::result(arguments.json, &value, &words)
}

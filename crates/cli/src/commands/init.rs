//! `caredata init`: a new home.

use super::who;
use crate::args::{Arguments, Init};
use crate::output;
use caredata_engine::error::Remark;
use caredata_engine::home::{Attestation, Home, InitOptions, Policy, UnlinkedRows};
use caredata_engine::register::PostgresUrl;
use serde_json::json;

pub fn init(arguments: &Arguments, options: &Init) -> anyhow::Result<()> {
    let attestation = match (&options.attest_no_objections, &options.reason) {
        (Some(name), Some(reason)) => Some(Attestation {
            name: Remark::parse("the name of who attests", name)?,
            reason: Remark::parse("the reason", reason)?,
        }),
        (Some(_) | None, _) => None,
    };
    let unlinked_rows = if options.withhold_unlinked { UnlinkedRows::Withhold } else { UnlinkedRows::Publish };
    let attested = attestation.is_some();
    let home = Home::init(
        &arguments.home,
        &InitOptions {
            keys: options.keys.clone(),
            policy: Policy { unlinked_rows, ..Policy::default() },
            attestation,
            register: options.register.as_deref().map(PostgresUrl::parse).transpose()?,
            who: who()?,
        },
    )?;
    let next = if attested {
        "next: caredata run --gp DIR --hospital DIR --period YYYY-MM"
    } else {
        "next: caredata objection load objections.csv (or make the home with --attest-no-objections); until then no run starts"
    };
    let (folder, keys) = (home.folder().display(), home.keys_folder().display());
    let words = format!("a new home at {folder}\nits keys are in {keys}: back them up apart from the home\n{next}");
    output::result(
        arguments.json,
        &json!({ "home": home.folder(), "keys": home.keys_folder(), "id": home.id() }),
        &words,
    )
}

//! `caredata objection`: the register of objections, for the patient line and the governance officer.
//!
//! An NHS Number comes from standard input or a prompt, never from the command line, where others could read it.

use super::{grouped, open_home, who};
use crate::args::{Arguments, Objection, Record};
use crate::output;
use anyhow::Context;
use caredata_engine::audit::Audit;
use caredata_engine::error::Remark;
use caredata_engine::register::{NewObjection, Register, Validity};
use caredata_engine::today;
use caredata_model::{Choice, NhsNumber, Scope};
use serde_json::json;
use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal, Write as _};
use std::path::Path;

pub fn objection(arguments: &Arguments, command: &Objection) -> anyhow::Result<()> {
    let home = open_home(arguments)?;
    let expected = match command {
        Objection::Record(Record { expect_source, .. }) | Objection::Load { expect_source, .. } => {
            expect_source.clone()
        }
        Objection::Show | Objection::History => Vec::new(),
    };
    let (register, audit) = (home.register()?.expecting(expected), home.audit(who()?)?);
    match command {
        Objection::Record(options) => record(arguments, options, &register, &audit),
        Objection::Show => show(arguments, &register, &audit),
        Objection::History => history(arguments, &register, &audit),
        Objection::Load { file, .. } => load(arguments, file, &register, &audit),
    }
}

fn record(arguments: &Arguments, options: &Record, register: &Register, audit: &Audit) -> anyhow::Result<()> {
    let wish = NewObjection {
        kind: options.kind.parse()?,
        effective: Some(options.effective.unwrap_or_else(today)),
        channel: Remark::parse("the channel", &options.through)?,
        recorded_by: Remark::parse("the name of who notes it", &options.by)?,
        number: ask_number()?,
    };
    register.record(audit, &wish)?;
    let words = format!(
        "noted: {}. From the next `caredata purge` or run on the records follow it: what was published is sealed, or what was sealed\n\
         comes back. Earlier versions go with the purge.\n\
         The person's care is not affected, and they can change their mind at any time.",
        wish.kind
    );
    output::result(arguments.json, &json!({ "noted": wish.kind.to_string() }), &words)
}

fn show(arguments: &Arguments, register: &Register, audit: &Audit) -> anyhow::Result<()> {
    let standing = register.show(audit, ask_number()?, today())?;
    let mut words = String::new();
    let mut values = Vec::new();
    for one in &standing {
        let objects = one.choice == Choice::Object;
        let about = about(&one.scope);
        let verb = if objects { "an objection stands" } else { "an objection was withdrawn; nothing stands" };
        writeln!(words, "{about}: {verb}")?;
        values.push(json!({ "about": about, "objection_stands": objects }));
    }
    if standing.is_empty() {
        words.push_str("nothing was ever said");
    }
    words.push_str(
        "\nWhat a practice itself notes about its record is kept at the practice too, and withholds that record until that \
         practice takes it back.",
    );
    output::result(arguments.json, &json!(values), &words)
}

fn about(scope: &Scope) -> String {
    match scope {
        Scope::GpRecord => "the GP record leaving the practice (type 1)".to_owned(),
        Scope::All => "any use beyond care, of records from anywhere (type 2)".to_owned(),
        Scope::Source(name) => format!("records of {name}"),
    }
}

fn history(arguments: &Arguments, register: &Register, audit: &Audit) -> anyhow::Result<()> {
    let events = register.history(audit, ask_number()?)?;
    let mut words = String::new();
    let mut values = Vec::new();
    for event in &events {
        let effective = event.effective.map_or_else(|| "no date".to_owned(), |day| day.to_string());
        let counts = event.validity == Validity::Counts;
        let note = if counts { "" } else { " (set aside: what it came with was replaced)" };
        writeln!(
            words,
            "{effective}  {}  recorded {} by {}, through {}{note}",
            event.kind, event.recorded_at, event.recorded_by, event.channel
        )?;
        values.push(json!({
            "kind": event.kind.to_string(), "effective": event.effective.map(|day| day.to_string()),
            "recorded_at": event.recorded_at, "recorded_by": event.recorded_by, "channel": event.channel, "counts": counts,
        }));
    }
    if events.is_empty() {
        words.push_str("nothing was ever said");
    }
    output::result(arguments.json, &json!(values), &words)
}

fn load(arguments: &Arguments, file: &Path, register: &Register, audit: &Audit) -> anyhow::Result<()> {
    let loaded = register.load(audit, file)?;
    let words = format!(
        "{} events loaded; {} were known already\nnext: caredata run",
        grouped(loaded.added),
        grouped(loaded.known)
    );
    output::result(arguments.json, &json!({ "added": loaded.added, "known": loaded.known }), &words)
}

/// Reads the NHS Number: from a prompt on a terminal, else the first line of standard input.
fn ask_number() -> anyhow::Result<NhsNumber> {
    let input = std::io::stdin();
    if input.is_terminal() {
        write!(std::io::stderr(), "NHS Number: ")?;
    }
    let mut line = String::new();
    input.lock().read_line(&mut line).context("reading the NHS Number from standard input")?;
    NhsNumber::parse(line.trim()).map_err(|why| caredata_engine::EngineError::NotANumber { why }.into())
}

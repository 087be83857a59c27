//! `caredata law`: instruments that lift objections, for the information-governance officer.

use super::{grouped, open_home, who};
use crate::args::{Arguments, Law};
use crate::output;
use caredata_engine::error::Remark;
use caredata_engine::law::{Held, Instruments, Law as Acts};
use caredata_engine::today;
use serde_json::json;
use std::fmt::Write as _;

pub fn law(arguments: &Arguments, command: &Law) -> anyhow::Result<()> {
    let home = open_home(arguments)?;
    let (register, audit) = (home.register()?, home.audit(who()?)?);
    let acts = Acts::of(&home, &register, &audit);
    let (value, words) = match command {
        Law::Enrol { name, role, out } => {
            let (name, role) = (Remark::parse("the name", name)?, Remark::parse("the role", role)?);
            let approver = acts.enrol(&name, &role, out)?;
            let words = format!(
                "{name} is enrolled as {role}; the private key is in {}: give it to nobody, and keep it off the machine of the home\n\
                 public key {}",
                out.display(),
                approver.key
            );
            (json!({ "name": approver.name, "role": approver.role, "key": approver.key }), words)
        }
        Law::Retire { name, reason } => {
            let (name, reason) = (Remark::parse("the name", name)?, Remark::parse("the reason", reason)?);
            acts.retire(&name, &reason)?;
            (json!({ "retired": name.as_str() }), format!("the key of {name} approves nothing from now on"))
        }
        Law::Add { file } => {
            let instrument = acts.add(file)?;
            let words = format!(
                "{} is added; it lifts nothing before two people have signed it\nnext: caredata law sign {} --key FILE",
                instrument.id,
                file.display()
            );
            (json!({ "added": instrument.id }), words)
        }
        Law::Sign { file, key } => {
            let approvals = acts.sign(file, key)?;
            let words = match approvals {
                1 => "signed; another person's signature is wanted".to_owned(),
                _ => "signed; it is approved, and in force from its first day to its last".to_owned(),
            };
            (json!({ "approvals": approvals }), words)
        }
        Law::Open { id, recipient, out } => {
            let used = acts.open(id, &Remark::parse("the recipient", recipient)?, out)?;
            let rows: u64 = used.rows.values().sum();
            let words = format!(
                "{} rows of {} people opened into {}; counted, logged and published\nto be destroyed by the instrument's last day",
                grouped(rows),
                grouped(used.persons),
                out.display()
            );
            (json!({ "persons": used.persons, "rows": used.rows, "out": out }), words)
        }
        Law::End { id, reason } => {
            acts.end(id, &Remark::parse("the reason", reason)?)?;
            (json!({ "ended": id }), "ended: from now on it is as if it had never been".to_owned())
        }
        Law::List => {
            let instruments = Instruments::read(&register)?;
            let approvers: Vec<_> = instruments
                .approvers()
                .iter()
                .map(|one| json!({ "name": one.name, "role": one.role, "key": one.key, "retired": one.retired }))
                .collect();
            let all: Vec<_> = instruments.all().iter().map(|held| held.as_json(today())).collect();
            (json!({ "instruments": all, "approvers": approvers }), list(&instruments)?)
        }
    };
    output::result(arguments.json, &value, &words)
}

fn list(instruments: &Instruments) -> anyhow::Result<String> {
    let mut words = String::new();
    for held in instruments.all() {
        let Held { instrument, approvals, .. } = held;
        let by: Vec<&str> = approvals.iter().map(|one| one.name.as_str()).collect();
        let by = if by.is_empty() { "nobody".to_owned() } else { by.join(" and ") };
        writeln!(
            words,
            "{}  {}  {} to {}  for {}\n  {}; approved by {by}",
            instrument.id,
            held.status(today()).word(),
            instrument.start,
            instrument.end,
            instrument.purpose,
            instrument.basis
        )?;
    }
    if instruments.all().is_empty() {
        words.push_str("no instrument was ever added: every objection holds\n");
    }
    for one in instruments.approvers() {
        let retired = if one.retired { ", retired" } else { "" };
        writeln!(words, "may approve: {}, {}{retired}", one.name, one.role)?;
    }
    Ok(words)
}

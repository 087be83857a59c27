//! `caredata objection`: the register of objections, for the patient line and the governance officer.
//!
//! An NHS Number comes from standard input or a prompt, never from the command line, where others could read it.

use super::{grouped, open_home, who};
use crate::args::{Arguments, ExchangeOptions, ExportFormat, Objection, Record};
use crate::output;
use anyhow::Context;
use caredata_engine::EngineError;
use caredata_engine::audit::Audit;
use caredata_engine::error::Remark;
use caredata_engine::home::Home;
use caredata_engine::mesh::{Exchange, Mailbox, MailboxOptions, Secrets, exchange};
use caredata_engine::register::{EmptyReturn, ExportForm, Needs, NewObjection, Register, Saying, Validity};
use caredata_engine::run::{index_of, present};
use caredata_engine::today;
use caredata_model::{AgeBand, Choice, Door, Format, Language, NhsNumber, Scope, Speaker};
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal, Write as _};
use std::path::Path;
use std::time::Duration;

pub fn objection(arguments: &Arguments, command: &Objection) -> anyhow::Result<()> {
    let home = open_home(arguments)?;
    let expected = match command {
        Objection::Record(options) => options.expect_source.clone(),
        Objection::Load { expect_source, .. } => expect_source.clone(),
        Objection::Show
        | Objection::History
        | Objection::Export { .. }
        | Objection::Exchange(_)
        | Objection::CheckOut { .. }
        | Objection::CheckIn { .. } => Vec::new(),
    };
    let (register, audit) = (home.register()?.expecting(expected), home.audit(who()?)?);
    match command {
        Objection::Record(options) => record(arguments, options, &register, &audit),
        Objection::Show => show(arguments, &register, &audit),
        Objection::History => history(arguments, &register, &audit),
        Objection::Load { file, .. } => load(arguments, file, &register, &audit),
        Objection::Export { file, format } => {
            let lines = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("ndjson"));
            let form = match format {
                ExportFormat::Csv => ExportForm::Csv,
                ExportFormat::Fhir if lines => ExportForm::Ndjson,
                ExportFormat::Fhir => ExportForm::Bundle,
            };
            export(arguments, file, form, &register, &audit)
        }
        Objection::Exchange(options) => by_message(arguments, options, &home, &register, &audit),
        Objection::CheckOut { file } => check_out(arguments, file, &home, &register, &audit),
        Objection::CheckIn { sent, returned, everybody_objects } => {
            let empty = if *everybody_objects { EmptyReturn::EverybodyObjects } else { EmptyReturn::Refused };
            let days = home.policy().opt_out_answer_days;
            let checked = register.check_in(&audit, (sent, returned), (today(), days), empty)?;
            let words = format!(
                "{} asked about, {} object; the answers count until {}\nnext: caredata run, for each period again",
                grouped(checked.asked),
                grouped(checked.objecting),
                checked.until
            );
            let value =
                json!({ "asked": checked.asked, "objecting": checked.objecting, "until": checked.until.to_string() });
            output::result(arguments.json, &value, &words)
        }
    }
}

fn record(arguments: &Arguments, options: &Record, register: &Register, audit: &Audit) -> anyhow::Result<()> {
    let wish = NewObjection {
        kind: options.kind.parse()?,
        effective: Some(options.effective.unwrap_or_else(today)),
        saying: saying(options)?,
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

/// Who speaks, through which door, and how they want to hear from us. Words of one's own are kept beside the closed ones.
fn saying(options: &Record) -> anyhow::Result<Saying> {
    let by = Speaker::parse(&options.by).unwrap_or(Speaker::Other);
    let through = Door::parse(&options.through).unwrap_or(Door::Other);
    let own_words = |is_own: bool, what, text: &str| is_own.then(|| Remark::parse(what, text)).transpose();
    let speaker_words = own_words(by == Speaker::Other, "who speaks", &options.by)?;
    let words = |known: &[&str]| known.join(", ");
    let age =
        options.age.as_deref().map_or(Ok(AgeBand::NotStated), AgeBand::parse).map_err(|_| EngineError::NotAWord {
            what: "--age",
            known: words(&AgeBand::ALL.iter().map(|age| age.word()).collect::<Vec<_>>()),
        })?;
    let formats = options.format.iter().map(|format| Format::parse(format)).collect::<Result<_, _>>();
    let formats = formats.map_err(|_| EngineError::NotAWord {
        what: "--format",
        known: words(&Format::ALL.iter().map(|format| format.word()).collect::<Vec<_>>()),
    })?;
    let language = options.language.as_deref().map(Language::parse).transpose();
    let language = language.map_err(|_| EngineError::NotAWord {
        what: "--language",
        known: "tags such as en, pl or zh-Hant".to_owned(),
    })?;
    Ok(Saying {
        by,
        reference: options.reference.as_deref().map(|text| Remark::parse("the reference", text)).transpose()?,
        age,
        through,
        channel: own_words(through == Door::Other, "the channel", &options.through)?,
        recorded_by: Some(speaker_words.map_or_else(who, Ok)?),
        needs: Needs { language, formats },
    })
}

fn show(arguments: &Arguments, register: &Register, audit: &Audit) -> anyhow::Result<()> {
    let present = register.show(audit, ask_number()?, today())?;
    let (standing, needs) = (&present.standing, needs(&present.needs));
    let mut words = String::new();
    let mut values = Vec::new();
    for one in standing {
        let objects = one.choice == Choice::Object;
        let about = about(&one.scope);
        let verb = if objects { "an objection stands" } else { "an objection was withdrawn; nothing stands" };
        writeln!(words, "{about}: {verb}")?;
        values.push(json!({ "about": about, "objection_stands": objects, "needs": needs }));
    }
    if standing.is_empty() {
        words.push_str("nothing was ever said");
    }
    if !needs.is_empty() {
        writeln!(words, "the person wants to hear from us in: {}", needs.join(", "))?;
    }
    words.push_str(
        "\nWhat a practice itself notes about its record is kept at the practice too, and withholds that record until that \
         practice takes it back.",
    );
    output::result(arguments.json, &json!(values), &words)
}

/// The language and the forms in which the person wants to hear from us.
fn needs(needs: &Needs) -> Vec<&str> {
    let language = needs.language.iter().map(Language::as_str);
    language.chain(needs.formats.iter().map(|format| format.word())).collect()
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
            "{effective}  {}  said by {}, through {}; recorded {} by {}{note}",
            event.kind, event.by, event.through, event.recorded_at, event.recorded_by
        )?;
        values.push(json!({
            "kind": event.kind.to_string(), "effective": event.effective.map(|day| day.to_string()),
            "recorded_at": event.recorded_at, "recorded_by": event.recorded_by, "channel": event.channel, "counts": counts,
            "by": event.by.word(), "through": event.through.word(), "reference": event.reference,
            "needs": needs(&event.needs), "noted_at": event.noted_at,
        }));
    }
    if events.is_empty() {
        words.push_str("nothing was ever said");
    }
    output::result(arguments.json, &json!(values), &words)
}

fn load(arguments: &Arguments, file: &Path, register: &Register, audit: &Audit) -> anyhow::Result<()> {
    let loaded = register.load(audit, file)?;
    let undated = match loaded.dates_missing {
        0 => String::new(),
        count => format!(
            "\n{} without a date from which to count: an objection among them counts at once, a withdrawal not at all",
            grouped(count)
        ),
    };
    let words = format!(
        "{} events loaded; {} were known already{undated}\nnext: caredata run",
        grouped(loaded.added),
        grouped(loaded.known)
    );
    let value = json!({ "added": loaded.added, "known": loaded.known, "without_date": loaded.dates_missing });
    output::result(arguments.json, &value, &words)
}

fn export(
    arguments: &Arguments,
    file: &Path,
    form: ExportForm,
    register: &Register,
    audit: &Audit,
) -> anyhow::Result<()> {
    let exported = register.export(audit, file, form)?;
    let words = format!(
        "{} events written to {}\nIt holds NHS Numbers: keep it as you keep the home, and remove it when it has done its work.",
        grouped(exported.rows),
        file.display()
    );
    output::result(arguments.json, &json!({ "rows": exported.rows, "file": file }), &words)
}

/// The check for opt-outs by messages: asks about everybody whom the home knows by a number.
fn by_message(
    arguments: &Arguments,
    options: &ExchangeOptions,
    home: &Home,
    register: &Register,
    audit: &Audit,
) -> anyhow::Result<()> {
    let numbers = known_numbers(home, register)?;
    let place = MailboxOptions {
        server: options.mesh.clone(),
        mailbox: options.mailbox.clone(),
        identity: options.identity.clone(),
        authority: options.authority.clone(),
    };
    let mut mailbox = Mailbox::open(&place, Secrets::read(options.secrets.as_deref())?)?;
    let asked = Exchange {
        to: options.to.clone(),
        folder: options.folder.clone(),
        ends: home.policy().opt_out_line_ends,
        wait: Duration::from_secs(options.wait),
        chunk_bytes: options.chunk_bytes as usize,
        today: (today(), home.policy().opt_out_answer_days),
        empty: if options.everybody_objects { EmptyReturn::EverybodyObjects } else { EmptyReturn::Refused },
    };
    let done = exchange(register, audit, &numbers, &mut mailbox, &asked)?;
    let mut words = String::new();
    if let Some(asked) = done.asked {
        writeln!(words, "{} numbers asked about", grouped(asked))?;
    }
    for answer in &done.answers {
        let (asked, objecting) = (grouped(answer.asked), grouped(answer.objecting));
        writeln!(words, "answered: of {asked} asked about {objecting} object; it counts until {}", answer.until)?;
    }
    if done.repeated > 0 {
        writeln!(words, "{} messages came a second time and changed nothing", grouped(done.repeated))?;
    }
    words.push_str(match (done.waiting, done.answers.is_empty()) {
        (0, true) => "nothing is under way",
        (0, false) => "next: caredata run, for each period again",
        (1.., _) => "no answer yet; next: the same command again, which takes it when it has come",
    });
    let answers: Vec<_> = done
        .answers
        .iter()
        .map(|one| json!({ "asked": one.asked, "objecting": one.objecting, "until": one.until.to_string() }))
        .collect();
    let value = json!({ "asked": done.asked, "answers": answers, "repeated": done.repeated, "waiting": done.waiting });
    output::result(arguments.json, &value, &words)
}

/// The numbers by which the home knows anybody.
fn known_numbers(home: &Home, register: &Register) -> anyhow::Result<BTreeSet<NhsNumber>> {
    let index = index_of(home, &present(register)?)?;
    Ok(index.observations().iter().filter_map(|one| one.identifiers.nhs_number()).collect())
}

/// Everybody whom the home knows by a number is asked about.
fn check_out(
    arguments: &Arguments,
    file: &Path,
    home: &Home,
    register: &Register,
    audit: &Audit,
) -> anyhow::Result<()> {
    let numbers = known_numbers(home, register)?;
    let asked = register.check_out(audit, &numbers, file, home.policy().opt_out_line_ends)?;
    let words = format!(
        "{} numbers written to {}; it holds NHS Numbers: keep it as you keep the home\n\
         next: caredata objection check-in {} ANSWER",
        grouped(asked),
        file.display(),
        file.display()
    );
    output::result(arguments.json, &json!({ "asked": asked, "file": file }), &words)
}

/// Reads the NHS Number: from a prompt on a terminal, else the first line of standard input.
pub(super) fn ask_number() -> anyhow::Result<NhsNumber> {
    let input = std::io::stdin();
    if input.is_terminal() {
        write!(std::io::stderr(), "NHS Number: ")?;
    }
    let mut line = String::new();
    input.lock().read_line(&mut line).context("reading the NHS Number from standard input")?;
    NhsNumber::parse(line.trim()).map_err(|why| EngineError::NotANumber { why }.into())
}

//! `caredata subject` and `caredata leaflet`: what a person is told about their choices and about who used data about them, and
//! what everybody is told.

use super::objection::ask_number;
use super::{open_home, who};
use crate::args::{Arguments, PageFormat, PageOptions, Subject};
use crate::output;
use caredata_engine::error::EngineError;
use caredata_engine::home::Home;
use caredata_engine::leaflet::{self, Told};
use caredata_engine::subject::{document, report};
use caredata_engine::today;
use caredata_engine::words::{Document, Words, write_page};
use serde_json::json;

pub fn subject(arguments: &Arguments, command: &Subject) -> anyhow::Result<()> {
    match command {
        Subject::Report(options) => of_person(arguments, options),
    }
}

fn of_person(arguments: &Arguments, options: &PageOptions) -> anyhow::Result<()> {
    // Before anything is read about anybody: a language that there is not must leave no line about a report.
    let words = words(options)?;
    let home = open_home(arguments)?;
    let (register, audit) = (home.register()?, home.audit(who()?)?);
    let report = report(&home, &register, &audit, ask_number()?, today())?;
    let value = json!({ "receipt": report.receipt, "facts": report.facts });
    show(arguments, options, &document(&report, &words), &value)
}

/// A leaflet needs no home; one that is there says more.
pub fn leaflet(arguments: &Arguments, options: &PageOptions) -> anyhow::Result<()> {
    let words = words(options)?;
    let told = match Home::open(&arguments.home) {
        Ok(home) => Told::of(&home)?,
        Err(EngineError::HomeMissing { .. }) => Told::default(),
        Err(error) => return Err(error.into()),
    };
    let page = leaflet::document(&told, &words);
    let value = json!({ "title": page.title, "language": page.language, "text": page.text() });
    show(arguments, options, &page, &value)
}

fn words(options: &PageOptions) -> Result<Words, EngineError> {
    Ok(Words::of(&options.language, options.locales.as_deref())?)
}

/// Prints a page, or writes it to its file.
fn show(
    arguments: &Arguments,
    options: &PageOptions,
    page: &Document,
    value: &serde_json::Value,
) -> anyhow::Result<()> {
    let form = |what| match what {
        PageFormat::Text => Ok(page.text().into_bytes()),
        PageFormat::Html => Ok(page.html().into_bytes()),
        PageFormat::Pdf => page.pdf().map_err(EngineError::from),
    };
    match &options.out {
        Some(path) => {
            let bytes = if arguments.json { format!("{value:#}\n").into_bytes() } else { form(options.format)? };
            write_page(path, &bytes)?;
            output::result(arguments.json, &json!({ "file": path }), &format!("written to {}", path.display()))
        }
        None if matches!(options.format, PageFormat::Pdf) && !arguments.json => Err(EngineError::PageNowhere.into()),
        None => output::result(arguments.json, value, &String::from_utf8_lossy(&form(options.format)?)),
    }
}

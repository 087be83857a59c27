//! The register as a file: all events in, an `objections.csv` or FHIR `Consent`s that another register loads out.
//!
//! Invariant: what was said in journals stays out, since journals bring it themselves and a later one may replace it; the file
//! holds NHS Numbers, so that only its owner may read it, and it is there whole or not at all.

use super::fhir::write::consent;
use super::objections::event;
use super::rows::ALL_COLUMNS;
use super::{Event, Register, get};
use crate::audit::{Act, Audit, Outcome};
use crate::error::EngineError;
use caredata_model::{Language, NhsNumber};
use futures::TryStreamExt as _;
use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// What an export did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Events in the file.
    pub rows: u64,
}

/// In what form a register is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportForm {
    /// `objections.csv`.
    #[default]
    Csv,
    /// A FHIR R4 `Bundle` of `Consent`s.
    Bundle,
    /// A FHIR R4 `Consent` a line.
    Ndjson,
}

impl ExportForm {
    /// What stands before the first event, between two, and after the last.
    fn frame(self) -> (String, &'static str, &'static str) {
        match self {
            Self::Csv => (ALL_COLUMNS.join(",") + "\n", "", ""),
            Self::Bundle => ("{\"resourceType\":\"Bundle\",\"type\":\"collection\"".to_owned(), ",\n", "]}\n"),
            Self::Ndjson => (String::new(), "", ""),
        }
    }

    fn event(self, number: NhsNumber, event: &Event) -> String {
        match self {
            Self::Csv => line(number, event),
            Self::Bundle => format!("{{\"resource\":{}}}", consent(number, event)),
            Self::Ndjson => consent(number, event).to_string() + "\n",
        }
    }
}

impl Register {
    /// Writes all that was loaded and noted to a new file, in the order of the register.
    ///
    /// # Errors
    /// [`EngineError::Io`] where the file is there already or cannot be written, [`EngineError::Register`],
    /// [`EngineError::RegisterBroken`], and those of [`Audit::append`]; then there is no file.
    pub fn export(&self, audit: &Audit, file: &Path, form: ExportForm) -> Result<Exported, EngineError> {
        audit.append(&Act::ObjectionsExported {}, Outcome::Allowed)?;
        let out = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(file)
            .map_err(EngineError::io("making", file))?;
        let written = self.write_events(&out, file, form);
        if written.is_err() {
            // Half a register would read as if the others did not object.
            let _ = fs::remove_file(file);
        }
        written
    }

    fn write_events(&self, out: &File, file: &Path, form: ExportForm) -> Result<Exported, EngineError> {
        let mut writer = BufWriter::new(out);
        let mut rows = 0;
        let mut fault = None;
        let (before, between, after) = form.frame();
        writer.write_all(before.as_bytes()).map_err(EngineError::io("writing", file))?;
        self.with("reading all wishes", async |connection| {
            let all = "SELECT * FROM wishes WHERE contribution IS NULL";
            let mut events = sqlx::query(all).fetch(connection);
            while let Some(row) = events.try_next().await? {
                let line = || -> Result<String, EngineError> {
                    let (handle, copy): (&[u8], &[u8]) = (get(&row, "person")?, get(&row, "number_sealed")?);
                    Ok(form.event(self.seal.open(handle, copy)?, &event(&row)?))
                };
                let before = match (form, rows) {
                    // An array of FHIR's is never empty: without an event there is none.
                    (ExportForm::Bundle, 0) => ",\"entry\":[\n",
                    (ExportForm::Csv | ExportForm::Ndjson, 0) => "",
                    (ExportForm::Csv | ExportForm::Ndjson | ExportForm::Bundle, _) => between,
                };
                let written = line().and_then(|line| {
                    let both = writer.write_all(before.as_bytes()).and_then(|()| writer.write_all(line.as_bytes()));
                    both.map_err(EngineError::io("writing", file))
                });
                if let Err(error) = written {
                    fault = Some(error);
                    break;
                }
                rows += 1;
            }
            Ok(())
        })?;
        if let Some(error) = fault {
            return Err(error);
        }
        let after = if form == ExportForm::Bundle && rows == 0 { "}\n" } else { after };
        writer.write_all(after.as_bytes()).map_err(EngineError::io("writing", file))?;
        writer.flush().and_then(|()| out.sync_all()).map_err(EngineError::io("writing", file))?;
        Ok(Exported { rows })
    }
}

fn line(number: NhsNumber, event: &Event) -> String {
    let fields: [Cow<'_, str>; 12] = [
        format!("{:010}", number.value()).into(),
        event.kind.to_string().into(),
        event.effective.map(|day| day.to_string()).unwrap_or_default().into(),
        event.recorded_at.as_str().into(),
        event.channel.as_str().into(),
        event.recorded_by.as_str().into(),
        event.source_id.as_str().into(),
        event.by.word().into(),
        event.through.word().into(),
        event.reference.as_str().into(),
        event.needs.language.as_ref().map(Language::as_str).unwrap_or_default().into(),
        event.needs.formats_text().into(),
    ];
    fields.iter().map(|field| quoted(field)).collect::<Vec<_>>().join(",") + "\n"
}

fn quoted(field: &str) -> Cow<'_, str> {
    if field.contains([',', '"', '|', '\t']) || field.starts_with(' ') || field.ends_with(' ') {
        Cow::Owned(format!("\"{}\"", field.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(field)
    }
}

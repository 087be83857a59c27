//! The one place where words reach a person: results on standard output, failures on standard error.

use caredata_engine::EngineError;
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

/// Prints a result: `words` for people, `value` where JSON was asked for.
///
/// # Errors
/// Where standard output cannot be written to.
pub fn result(json: bool, value: &Value, words: &str) -> anyhow::Result<()> {
    let text = if json { format!("{value:#}") } else { words.trim_end().to_owned() };
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(())
}

/// Prints why a command failed, once, with what to do about it, and gives the exit code.
pub fn failure(error: &anyhow::Error, json: bool) -> ExitCode {
    let known = error.downcast_ref::<EngineError>();
    let (code, exit) = known.map_or(("fault", 5), |known| (known.code(), known.exit_code()));
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    let message = without_repeats(&causes).join(": ");
    let hint = known.map_or(REPORT_IT, EngineError::hint);
    let text = if json {
        format!("{:#}", json!({ "error": { "code": code, "message": message, "hint": hint } }))
    } else {
        format!("error [{code}]: {message}\n  hint: {hint}")
    };
    // Where even standard error is closed, the exit code is all that is left to say.
    drop(writeln!(std::io::stderr().lock(), "{text}"));
    ExitCode::from(exit)
}

const REPORT_IT: &str = "this is a fault of the program; please report it with the command that led to it";

/// A cause that its parent already quotes is not said twice.
fn without_repeats(causes: &[String]) -> Vec<&str> {
    let mut said: Vec<&str> = Vec::new();
    for cause in causes {
        if !said.iter().any(|earlier| earlier.contains(cause.as_str())) {
            said.push(cause);
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::without_repeats;

    #[test]
    fn a_quoted_cause_is_said_once() {
        let causes = ["cannot read a.csv: no such file".to_owned(), "no such file".to_owned(), "other".to_owned()];
        assert_eq!(without_repeats(&causes), ["cannot read a.csv: no such file", "other"]);
    }
}

//! The kinds of wishes, as `objections.csv` and the command line write them.

use crate::error::EngineError;
use caredata_model::{Choice, Scope, SourceName};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// What a person said: a choice about a scope, written `object-all`, `withdraw-gp` or `object-source:NAME`.
///
/// ```
/// use caredata_engine::register::Kind;
/// let kind: Kind = "withdraw-source:social-care".parse().unwrap();
/// assert_eq!(kind.to_string(), "withdraw-source:social-care");
/// assert!("object".parse::<Kind>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    /// Objecting or withdrawing.
    pub choice: Choice,
    /// What it is about.
    pub scope: Scope,
}

impl Kind {
    /// Whether it can be taken: an objection to a place of care is one to these; a withdrawal is always heard.
    pub(super) fn is_about_one_of(&self, sources: &BTreeSet<String>) -> bool {
        match (&self.scope, self.choice) {
            (Scope::GpRecord | Scope::All, _) | (Scope::Source(_), Choice::Withdraw) => true,
            (Scope::Source(name), Choice::Object) => sources.contains(name.as_str()),
        }
    }
}

impl FromStr for Kind {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<Self, EngineError> {
        let (choice, scope) = text.split_once('-').ok_or(EngineError::NotAKind)?;
        let choice = match choice {
            "object" => Choice::Object,
            "withdraw" => Choice::Withdraw,
            _ => return Err(EngineError::NotAKind),
        };
        let scope = match (scope, scope.strip_prefix("source:")) {
            ("gp", _) => Scope::GpRecord,
            ("all", _) => Scope::All,
            (_, Some(name)) => Scope::Source(SourceName::parse(name).map_err(|_| EngineError::NotAKind)?),
            (_, None) => return Err(EngineError::NotAKind),
        };
        Ok(Self { choice, scope })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.choice {
            Choice::Object => "object-",
            Choice::Withdraw => "withdraw-",
        })?;
        match &self.scope {
            Scope::GpRecord => f.write_str("gp"),
            Scope::All => f.write_str("all"),
            Scope::Source(name) => write!(f, "source:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_go_there_and_back_and_nothing_else_is_one() {
        for text in
            ["object-gp", "withdraw-gp", "object-all", "withdraw-all", "object-source:apc", "withdraw-source:deaths"]
        {
            assert_eq!(text.parse::<Kind>().expect("a kind").to_string(), text);
        }
        for text in
            ["", "object", "object-", "object-source:", "object-source:A", "OBJECT-ALL", "object-al", "dissent-all"]
        {
            assert!(text.parse::<Kind>().is_err(), "{text}");
        }
    }
}

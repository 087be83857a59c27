//! The journal of decisions on doubtful pairs.
//!
//! A file of lines that is only ever added to: what was said of two records, when, by whom and why -> what stands, as the last
//! word on each pair. Invariants: a decision that contradicts what stands is refused and nothing is written; nothing
//! that was said is ever removed; no line holds an identifier.

use super::names::RecordName;
use crate::error::{EngineError, Remark};
use caredata_link::{Answer, Decisions};
use caredata_model::{Day, Postcode, RecordKey};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;

/// The longest journal that is read, in bytes: about half a million decisions.
const LARGEST: u64 = 128 << 20;

/// What can be said of two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Said {
    /// They are one person's.
    Same,
    /// They are two people's.
    Different,
    /// What was decided about them does not hold any more.
    Undo,
}

/// Something said of two records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saying {
    /// The one record.
    pub record: RecordName,
    /// The other: a registration of the person, or any other record.
    pub other: RecordName,
    /// What is said.
    pub said: Said,
    /// Who says it.
    pub by: Remark,
    /// Why: see [`reason`].
    pub why: Remark,
}

/// Checks why something was decided: a [`Remark`] in which there is no postcode and no date either, so that a journal stays free of
/// identifiers.
///
/// # Errors
/// [`EngineError::Unfit`]; the text is not repeated.
pub fn reason(text: &str) -> Result<Remark, EngineError> {
    const WHAT: &str = "the reason";
    let remark = Remark::parse(WHAT, text)?;
    let trimmed = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
    let words: Vec<String> = text.split_whitespace().map(trimmed).collect();
    let is_postcode = |text: &str| Postcode::parse(text).is_ok();
    let is_date = |word: &str| Day::parse(word).is_ok() || Day::parse_hospital(word.as_bytes()).is_ok();
    let holds_postcode = words.iter().any(|word| is_postcode(word))
        || words.windows(2).any(|pair| is_postcode(&format!("{} {}", pair[0], pair[1])));
    if holds_postcode {
        return Err(EngineError::Unfit { what: WHAT, reason: "it holds what looks like a postcode" });
    }
    if words.iter().any(|word| is_date(word)) {
        return Err(EngineError::Unfit {
            what: WHAT,
            reason: "it holds a date, which might be somebody's date of birth",
        });
    }
    Ok(remark)
}

/// A line of the journal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    at: String,
    record: String,
    other: String,
    said: Said,
    by: String,
    why: String,
}

/// What stands: the last word on each pair.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    pairs: BTreeMap<(RecordName, RecordName), Answer>,
    /// Lines of the journal.
    pub lines: u64,
}

impl Standing {
    /// Reads a journal.
    ///
    /// # Errors
    /// [`EngineError::JournalBroken`] where a line is not as this program writes it; [`EngineError::Io`].
    pub fn read(path: &Path) -> Result<Self, EngineError> {
        let mut file = File::open(path).map_err(EngineError::io("reading the decisions in", path))?;
        Self::of(&mut file, path)
    }

    fn of(file: &mut File, path: &Path) -> Result<Self, EngineError> {
        let broken = |line: u64, what: &'static str| EngineError::JournalBroken { path: path.to_owned(), line, what };
        let size = file.metadata().map_err(EngineError::io("reading the decisions in", path))?.len();
        if size > LARGEST {
            return Err(broken(0, "it is larger than 128 MiB"));
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(EngineError::io("reading the decisions in", path))?;
        let text = std::str::from_utf8(&text).map_err(|_| broken(0, "it is not UTF-8"))?;
        let mut standing = Self::default();
        for (number, line) in (1..).zip(text.split_inclusive('\n')) {
            if !line.ends_with('\n') {
                return Err(broken(number, "the line was not written to its end"));
            }
            // The parser's own words would quote the line.
            let line: Line = serde_json::from_str(line).map_err(|_| broken(number, "the line is no decision"))?;
            let name = |text: &str| RecordName::parse(text).map_err(|_| broken(number, "a record is named wrongly"));
            standing.say(&name(&line.record)?, &name(&line.other)?, line.said);
            standing.lines += 1;
        }
        Ok(standing)
    }

    fn say(&mut self, record: &RecordName, other: &RecordName, said: Said) {
        let pair = ordered(record, other);
        match said {
            Said::Same => self.pairs.insert(pair, Answer::Same),
            Said::Different => self.pairs.insert(pair, Answer::Different),
            Said::Undo => self.pairs.remove(&pair),
        };
    }

    /// The number of decisions that stand.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether none stands.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The decisions as linkage obeys them.
    ///
    /// # Errors
    /// [`EngineError::Contradiction`] where two records are different and, through others, the same.
    pub fn decisions(&self) -> Result<Decisions, EngineError> {
        let pairs = self.pairs.iter().map(|((one, other), &answer)| (one.key(), other.key(), answer));
        Decisions::new(pairs).map_err(|contradiction| {
            let decided = self.pairs.keys().flat_map(|(one, other)| [one, other]);
            let names: HashMap<RecordKey, &RecordName> = decided.map(|name| (name.key(), name)).collect();
            let chain = contradiction.chain.iter().filter_map(|key| names.get(key)).map(ToString::to_string).collect();
            EngineError::Contradiction { chain: Chain(chain) }
        })
    }
}

/// Records that decisions make one, in the order in which they do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain(Vec<String>);

impl std::fmt::Display for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Some(first), Some(last)) = (self.0.first(), self.0.last()) else { return Ok(()) };
        write!(f, "{} would be one person, and yet {first} and {last} two", self.0.join(" = "))
    }
}

fn ordered(one: &RecordName, other: &RecordName) -> (RecordName, RecordName) {
    let (first, second) = if one <= other { (one, other) } else { (other, one) };
    (first.clone(), second.clone())
}

/// Adds to a journal, made if there is none, and gives what stands then. Others who add at the same time wait.
///
/// # Errors
/// [`EngineError::Contradiction`], [`EngineError::NothingToUndo`] or [`EngineError::OneRecord`], and nothing is written;
/// [`EngineError::JournalBroken`] where the journal is damaged; [`EngineError::Io`].
pub fn say(path: &Path, saying: &Saying) -> Result<Standing, EngineError> {
    if saying.record == saying.other {
        return Err(EngineError::OneRecord);
    }
    if saying.said == Said::Undo && !path.exists() {
        return Err(EngineError::NothingToUndo);
    }
    let fault = || EngineError::io("noting a decision in", path);
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(fault())?;
    file.lock().map_err(fault())?;
    add(&mut file, path, saying)
}

fn add(file: &mut File, path: &Path, saying: &Saying) -> Result<Standing, EngineError> {
    let Saying { record, other, said, by, why } = saying;
    let mut standing = Standing::of(file, path)?;
    if *said == Said::Undo && !standing.pairs.contains_key(&ordered(record, other)) {
        return Err(EngineError::NothingToUndo);
    }
    standing.say(record, other, *said);
    standing.decisions()?;
    let line = Line {
        at: jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_else(|_| jiff::Timestamp::now()).to_string(),
        record: record.to_string(),
        other: other.to_string(),
        said: *said,
        by: by.to_string(),
        why: why.to_string(),
    };
    let mut text = serde_json::to_vec(&line).map_err(EngineError::json("writing a decision"))?;
    text.push(b'\n');
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(EngineError::io("noting a decision in", path))?;
    standing.lines += 1;
    Ok(standing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saying(record: &str, other: &str, said: Said) -> Saying {
        Saying {
            record: RecordName::parse(record).expect("a record"),
            other: RecordName::parse(other).expect("a record"),
            said,
            by: Remark::parse("the name", "A. Officer").expect("a name"),
            why: reason("the letter says so").expect("a reason"),
        }
    }

    #[test]
    fn the_last_word_stands_and_nothing_said_is_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("decisions.jsonl");
        let said = [
            ("apc/1", "gp/A/1", Said::Same, 1),
            ("gp/A/1", "apc/1", Said::Different, 1),
            ("apc/2", "gp/A/1", Said::Same, 2),
            ("apc/1", "gp/A/1", Said::Undo, 1),
        ];
        for (record, other, said, stand) in said {
            assert_eq!(say(&path, &saying(record, other, said)).expect("noted").len(), stand);
        }
        let standing = Standing::read(&path).expect("a journal");
        assert_eq!((standing.lines, standing.len()), (4, 1));
        let refused = say(&path, &saying("apc/1", "gp/A/1", Said::Undo)).expect_err("nothing stands");
        assert_eq!(refused.exit_code(), 3);
        assert_eq!(Standing::read(&path).expect("a journal").lines, 4);
    }

    #[test]
    fn a_contradiction_is_refused_by_the_chain_that_makes_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("decisions.jsonl");
        say(&path, &saying("apc/1", "gp/A/1", Said::Same)).expect("noted");
        say(&path, &saying("op/2", "apc/1", Said::Same)).expect("noted");
        let refused = say(&path, &saying("op/2", "gp/A/1", Said::Different)).expect_err("a contradiction");
        let words = refused.to_string();
        assert!(words.contains("gp/A/1 = apc/1 = op/2") || words.contains("op/2 = apc/1 = gp/A/1"), "{words}");
        assert_eq!((refused.exit_code(), Standing::read(&path).expect("a journal").lines), (3, 2));
    }

    #[test]
    fn a_refused_first_decision_leaves_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("decisions.jsonl");
        assert!(say(&path, &saying("apc/1", "apc/1", Said::Same)).is_err());
        assert!(say(&path, &saying("apc/1", "apc/2", Said::Undo)).is_err());
        assert!(!path.exists());
    }

    #[test]
    fn a_damaged_journal_is_named_by_line_without_its_words() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("decisions.jsonl");
        say(&path, &saying("apc/1", "gp/A/1", Said::Same)).expect("noted");
        for tail in ["{\"at\":\"943 476 5919\"}\n", "{\"at\":\"943 476 5919"] {
            let whole = std::fs::read_to_string(&path).expect("a journal");
            std::fs::write(&path, format!("{whole}{tail}")).expect("written");
            let words = Standing::read(&path).expect_err("damaged").to_string();
            assert!(words.contains("line 2") && !words.contains("943"), "{words}");
            std::fs::write(&path, whole).expect("written");
        }
    }

    #[test]
    fn reasons_hold_no_identifier() {
        for text in ["lives at LS1 4AP now", "at (LS14AP).", "born 1956-03-09", "born 09/03/1956", "943 476 5919"] {
            let refused = reason(text).expect_err(text).to_string();
            assert!(!refused.contains("LS1") && !refused.contains("1956") && !refused.contains("943"), "{refused}");
        }
        for text in ["the ward confirmed it by telephone", "letter no. 12 of the practice", "twins; see note 4 of M1"] {
            assert!(reason(text).is_ok(), "{text}");
        }
    }
}

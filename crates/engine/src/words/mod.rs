//! The one place of words for the public: a language in, its messages out.
//!
//! Messages are Fluent files, `LANGUAGE/*.ftl`: English and Welsh are in the program, and a folder of others can be named, so that a
//! translator adds a language alone. Invariant: a language is complete, with the variables that English has, or it is refused
//! with what it lacks; nobody is shown half a page in another language.

mod document;
mod html;
mod pdf;

pub use document::{Block, Document};

use crate::error::EngineError;
use crate::whole::{Readers, write_whole};
use caredata_model::Day;
use fluent_bundle::{FluentArgs, FluentBundle, FluentResource};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use unic_langid::LanguageIdentifier;

/// Languages in the program, each with its files.
const BUILT_IN: [(&str, &str); 2] = [
    ("en", concat!(include_str!("../../locales/en/subject.ftl"), "\n", include_str!("../../locales/en/leaflet.ftl"))),
    ("cy", concat!(include_str!("../../locales/cy/subject.ftl"), "\n", include_str!("../../locales/cy/leaflet.ftl"))),
];
/// The language that says which messages there are.
const FIRST: &str = "en";

/// Words cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum WordsError {
    /// The language is neither in the program nor in the folder.
    #[error("there are no words in the language {language}; there are {known}")]
    Unknown {
        /// The language asked for.
        language: String,
        /// Those that there are.
        known: String,
    },
    /// A file of messages cannot be read.
    #[error("{path} cannot be read as messages: {what}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        what: String,
    },
    /// The language lacks messages, or some have other variables than in English.
    #[error("the words of {language} are not complete: {lacking}")]
    Incomplete {
        /// The language.
        language: String,
        /// The messages.
        lacking: String,
    },
    /// A page cannot be made as PDF.
    #[error("the page cannot be made as PDF in the language {language}: {what}")]
    Unprintable {
        /// The language.
        language: String,
        /// Why not.
        what: String,
    },
}

impl WordsError {
    /// A short code that stays the same from version to version.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "language-unknown",
            Self::Unreadable { .. } => "messages-unreadable",
            Self::Incomplete { .. } => "messages-incomplete",
            Self::Unprintable { .. } => "language-unprintable",
        }
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "name one of them, or the folder of its messages with --locales",
            Self::Unreadable { .. } => "mend the file; see docs/languages.md",
            Self::Unprintable { .. } => "make it as HTML, and print that from a browser",
            Self::Incomplete { .. } => "translate the messages named, with the variables that English has",
        }
    }
}

/// The words of one language.
pub struct Words {
    language: String,
    bundle: FluentBundle<FluentResource>,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Words").field("language", &self.language).finish_non_exhaustive()
    }
}

impl Words {
    /// The words of a language, which those in a folder of one's own add to: `FOLDER/LANGUAGE/*.ftl`.
    ///
    /// ```
    /// use caredata_engine::words::Words;
    /// let welsh = Words::of("cy", None).unwrap();
    /// assert_eq!(welsh.say("month-1", &[]), "Ionawr");
    /// assert_eq!(Words::of("tlh", None).unwrap_err().code(), "language-unknown");
    /// ```
    ///
    /// # Errors
    /// [`WordsError`].
    pub fn of(language: &str, folder: Option<&Path>) -> Result<Self, WordsError> {
        let unknown = || WordsError::Unknown { language: shown(language), known: known(folder).join(", ") };
        let id: LanguageIdentifier = language.parse().map_err(|_| unknown())?;
        let language = id.to_string();
        let mut files: Vec<(PathBuf, String)> = Vec::new();
        if let Some((name, text)) = BUILT_IN.iter().find(|(name, _)| *name == language) {
            files.push((PathBuf::from(format!("{name}.ftl")), (*text).to_owned()));
        }
        files.extend(folder.map_or_else(|| Ok(Vec::new()), |folder| read_all(&folder.join(&language)))?);
        if files.is_empty() {
            return Err(unknown());
        }
        let mut bundle = FluentBundle::new(vec![id]);
        // Marks around variables are for text of mixed direction on screens; in plain text they show as rubbish.
        bundle.set_use_isolating(false);
        for (path, text) in &files {
            let resource = FluentResource::try_new(text.clone()).map_err(|(_, errors)| WordsError::Unreadable {
                path: path.clone(),
                what: errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            })?;
            bundle.add_resource_overriding(resource);
        }
        let texts = files.iter().map(|(_, text)| text.as_str());
        let lacking = lacking(&texts.collect::<Vec<_>>().join("\n"));
        if !lacking.is_empty() {
            return Err(WordsError::Incomplete { language, lacking: lacking.join(", ") });
        }
        Ok(Self { language, bundle })
    }

    /// The language's tag.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// A message; its own id where there is none of that id, which the tests rule out for the program's own languages.
    pub fn say(&self, id: &str, variables: &[(&str, &str)]) -> String {
        let Some(pattern) = self.bundle.get_message(id).and_then(|message| message.value()) else {
            return id.to_owned();
        };
        let mut args = FluentArgs::new();
        for (name, value) in variables {
            args.set(*name, *value);
        }
        self.bundle.format_pattern(pattern, Some(&args), &mut Vec::new()).into_owned()
    }

    /// Whether there is a message of this id.
    pub fn has(&self, id: &str) -> bool {
        self.bundle.has_message(id)
    }

    /// A day, as people write it.
    pub fn day(&self, day: Day) -> String {
        let (year, month, of_month) = day.civil();
        let month = self.say(&format!("month-{month}"), &[]);
        self.say("date", &[("day", &of_month.to_string()), ("month", &month), ("year", &year.to_string())])
    }
}

/// Writes a page to a file that its owner alone may read: a report tells of somebody.
///
/// # Errors
/// [`EngineError::Io`].
pub fn write_page(path: &Path, bytes: &[u8]) -> Result<(), EngineError> {
    write_whole(path, bytes, Readers::Owner)
}

/// The languages that there are.
pub fn known(folder: Option<&Path>) -> Vec<String> {
    let mut names: BTreeSet<String> = BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect();
    let entries = folder.and_then(|folder| fs::read_dir(folder).ok());
    for entry in entries.into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
        names.extend(entry.file_name().to_str().map(str::to_owned));
    }
    names.into_iter().collect()
}

/// A language's name as an error may show it: nothing but a tag.
fn shown(language: &str) -> String {
    let is_tag = language.len() <= 20 && language.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
    if is_tag { language.to_owned() } else { "of that name".to_owned() }
}

fn read_all(folder: &Path) -> Result<Vec<(PathBuf, String)>, WordsError> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "ftl"))
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| match fs::read_to_string(&path) {
            Ok(text) => Ok((path, text)),
            Err(error) => Err(WordsError::Unreadable { path, what: error.to_string() }),
        })
        .collect()
}

/// Each message of a file with the variables that it uses.
fn messages(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current: Option<String> = None;
    for line in text.lines() {
        if let Some((id, _)) =
            line.split_once('=').filter(|_| line.starts_with(|first: char| first.is_ascii_lowercase()))
        {
            let id = id.trim().to_owned();
            found.entry(id.clone()).or_default();
            current = Some(id);
        } else if !line.starts_with([' ', '}']) {
            current = None;
        }
        if let Some(variables) = current.as_ref().and_then(|id| found.get_mut(id)) {
            let names = line.split('$').skip(1);
            let name = |rest: &str| {
                rest.split(|one: char| !one.is_ascii_alphanumeric() && one != '-').next().map(str::to_owned)
            };
            variables.extend(names.filter_map(name));
        }
    }
    found
}

/// What a language's messages lack beside English.
fn lacking(text: &str) -> Vec<String> {
    let english = BUILT_IN.iter().find(|(name, _)| *name == FIRST).map(|(_, text)| messages(text)).unwrap_or_default();
    let own = messages(text);
    english.into_iter().filter(|(id, variables)| own.get(id) != Some(variables)).map(|(id, _)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_every_message_with_the_same_variables() {
        let english = messages(BUILT_IN[0].1);
        assert!(english.len() > 60, "{}", english.len());
        for (language, text) in BUILT_IN {
            assert!(lacking(text).is_empty(), "{language} lacks {:?}", lacking(text));
            let extra: Vec<_> = messages(text).into_keys().filter(|id| !english.contains_key(id)).collect();
            assert!(extra.is_empty(), "{language} has {extra:?}, which English has not");
            let words = Words::of(language, None).expect("words");
            for id in english.keys() {
                assert!(words.has(id), "{language}: {id}");
            }
        }
    }

    #[test]
    fn what_is_missing_or_has_another_variable_is_named() {
        let text = BUILT_IN[1].1.replace("month-1 =", "mis-1 =").replace("{ $year }", "{ $blwyddyn }");
        let lacking = lacking(&text);
        assert!(lacking.contains(&"month-1".to_owned()) && lacking.contains(&"date".to_owned()), "{lacking:?}");
    }

    #[test]
    fn a_translator_adds_a_language_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = folder.path().join("fr");
        fs::create_dir(&own).expect("a folder");
        fs::write(own.join("a.ftl"), "month-1 = janvier\n").expect("written");
        let error = Words::of("fr", Some(folder.path())).expect_err("half a language");
        assert_eq!(error.code(), "messages-incomplete");
        assert!(error.to_string().contains("month-2"));
        fs::write(own.join("a.ftl"), BUILT_IN[0].1.replace("January", "janvier")).expect("written");
        assert_eq!(Words::of("fr", Some(folder.path())).expect("words").say("month-1", &[]), "janvier");
        assert!(known(Some(folder.path())).contains(&"fr".to_owned()));
        assert_eq!(Words::of("fr", None).expect_err("not in the program").code(), "language-unknown");
    }
}

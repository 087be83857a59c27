//! A file's header bound to a source: the first line in, the plan of what stands where out.
//!
//! Invariant: a plan exists only for a file that has every required column once and no column of free text; all that is
//! wrong with a header is known before a row is read.

use crate::error::FileProblem;
use crate::read::{Columns, ReadOptions};
use crate::source::Source;
use std::collections::HashSet;

/// Where a file's columns are to be found, among the wanted ones.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Places in the file of the columns to keep, ascending. A *slot* is a place in this list.
    pub wanted: Vec<usize>,
    /// Columns in the file.
    pub columns: usize,
    pub key: Vec<usize>,
    pub provider: usize,
    pub local_id: Option<usize>,
    pub token: Option<usize>,
    pub identifiers: Option<[usize; 4]>,
    /// Slot and name of each column that can give the event day.
    pub event_day: Vec<(usize, String)>,
    /// For each selected payload column: its place in the declaration, and its slot where the file has it.
    pub payload: Vec<(usize, Option<usize>)>,
    /// Undeclared columns.
    pub ignored: Vec<String>,
}

/// The delimiter of a header: the one of `,`, `|` and tab that stands in it most often.
pub(crate) fn delimiter(header: &[u8]) -> u8 {
    let count = |delimiter: u8| memchr::memchr_iter(delimiter, header).count();
    // The first of equals, so that a header of one column counts as parted by commas.
    [b'|', b'\t', b','].into_iter().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',')
}

/// The delimiter in words.
pub(crate) const fn delimiter_name(delimiter: u8) -> &'static str {
    match delimiter {
        b'|' => "`|`",
        b'\t' => "tab",
        _ => "comma",
    }
}

/// The names in a header line.
pub(crate) fn names(header: &[u8], delimiter: u8) -> Result<Vec<String>, FileProblem> {
    let text = match std::str::from_utf8(header) {
        Ok(text) if !header.contains(&0) => text,
        _ if header.starts_with(b"\xFF\xFE") || header.starts_with(b"\xFE\xFF") || header.contains(&0) => {
            return Err(FileProblem::NotText { looks_like: "it looks like UTF-16" });
        }
        _ if header.starts_with(b"PK") || header.starts_with(b"PAR1") || header.starts_with(b"\x1f\x8b") => {
            return Err(FileProblem::NotText { looks_like: "it looks like a compressed or binary file" });
        }
        _ => return Err(FileProblem::NotText { looks_like: "it may be Windows-1252 or Latin-1" }),
    };
    if text.trim().is_empty() {
        return Err(FileProblem::Empty);
    }
    Ok(text.split(char::from(delimiter)).map(|name| name.trim().trim_matches('"').trim().to_owned()).collect())
}

impl Plan {
    /// Binds the names of a header to a source. `delimiter` is for the message alone.
    pub(crate) fn bind(
        names: &[String],
        source: &Source,
        options: &ReadOptions,
        delimiter: &'static str,
    ) -> Result<Self, FileProblem> {
        let names: Vec<&str> =
            names.iter().map(|name| options.renames.get(name).map_or(name.as_str(), String::as_str)).collect();
        let place = |wanted: &str| names.iter().position(|name| name.eq_ignore_ascii_case(wanted));
        refuse_free_text_and_twins(&names, source)?;
        let selected = selected_payload(source, &options.columns);
        let required = source.required_names(&selected);
        let missing: Vec<String> =
            required.iter().filter(|name| place(name).is_none()).map(|&name| name.to_owned()).collect();
        if missing.len() == required.len() {
            return Err(FileProblem::UnknownHeader { source_name: source.name.as_str().to_owned(), delimiter });
        }
        if !missing.is_empty() {
            return Err(FileProblem::MissingColumns(missing));
        }
        let identifiers = match options.columns {
            Columns::All | Columns::Identifiers => source.identifiers.as_ref(),
            Columns::Only(_) => None,
        };
        let mut builder = Slots { place: &place, wanted: Vec::new() };
        for name in wanted_names(source, identifiers.is_some(), &selected) {
            builder.want(name);
        }
        builder.wanted.sort_unstable();
        builder.wanted.dedup();
        let slot = |name: &str| builder.slot(name);
        let declared = declared_names(source);
        let ignored = names.iter().filter(|name| !declared.contains(&name.to_ascii_lowercase()));
        Ok(Self {
            columns: names.len(),
            key: source.key.iter().filter_map(|name| slot(name)).collect(),
            // Required, so it has been found above.
            provider: slot(&source.provider).unwrap_or_default(),
            local_id: source.local_id.as_deref().and_then(slot),
            token: source.token.as_deref().and_then(slot),
            identifiers: identifiers.map(|columns| columns.names().map(|name| slot(name).unwrap_or_default())),
            event_day: source.event_day.iter().filter_map(|name| Some((slot(name)?, name.clone()))).collect(),
            payload: selected.iter().map(|&column| (column, slot(&source.columns[column].file_name))).collect(),
            ignored: ignored.map(|&name| name.to_owned()).collect(),
            wanted: builder.wanted,
        })
    }
}

struct Slots<'a> {
    place: &'a dyn Fn(&str) -> Option<usize>,
    wanted: Vec<usize>,
}

impl Slots<'_> {
    fn want(&mut self, name: &str) {
        self.wanted.extend((self.place)(name));
    }

    fn slot(&self, name: &str) -> Option<usize> {
        self.wanted.binary_search(&(self.place)(name)?).ok()
    }
}

fn refuse_free_text_and_twins(names: &[&str], source: &Source) -> Result<(), FileProblem> {
    let bare = |name: &str| {
        let kept = name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
        kept.collect::<Vec<u8>>()
    };
    let free: HashSet<Vec<u8>> = source.free_text.iter().map(|name| bare(name)).collect();
    if let Some(name) = names.iter().find(|name| free.contains(&bare(name))) {
        return Err(FileProblem::FreeText((*name).to_owned()));
    }
    let mut seen = HashSet::new();
    match names.iter().find(|name| !name.is_empty() && !seen.insert(name.to_ascii_lowercase())) {
        Some(twin) => Err(FileProblem::DuplicateColumn((*twin).to_owned())),
        None => Ok(()),
    }
}

/// The places in the declaration of the payload columns asked for.
fn selected_payload(source: &Source, columns: &Columns) -> Vec<usize> {
    let all = 0..source.columns.len();
    match columns {
        Columns::All => all.collect(),
        Columns::Identifiers => Vec::new(),
        Columns::Only(names) => all.filter(|&column| names.contains(&source.columns[column].name)).collect(),
    }
}

fn wanted_names<'a>(source: &'a Source, identifiers: bool, payload: &[usize]) -> Vec<&'a str> {
    let mut names: Vec<&str> = source.key.iter().chain(&source.event_day).map(String::as_str).collect();
    names.push(&source.provider);
    names.extend(source.local_id.as_deref());
    names.extend(source.token.as_deref());
    names.extend(source.identifiers.iter().filter(|_| identifiers).flat_map(crate::IdentifierColumns::names));
    names.extend(payload.iter().map(|&column| source.columns[column].file_name.as_str()));
    names
}

fn declared_names(source: &Source) -> HashSet<String> {
    let all: Vec<usize> = (0..source.columns.len()).collect();
    wanted_names(source, true, &all).into_iter().map(str::to_ascii_lowercase).collect()
}

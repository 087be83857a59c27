//! An index that linkage alone keeps from month to month: a folder with the persons known so far, and its keys elsewhere.
//!
//! In: a folder, and the month whose files are linked. Out: the [`Index`] of the months before, and, after linkage, the folder as
//! it is then. Layout: `index.json` (which makes a folder an index), `vault/`, `lock`. Invariants: identifiers lie in the
//! vault alone, encrypted; `index.json` is exchanged whole once all that it lists is written, so that an index is as it was before
//! a month or after it.

use super::read::Taken;
use crate::error::EngineError;
use crate::home::{keys_folder, lock, new_id, settle};
use crate::index_store::{self, IndexParts, LocalKey};
use crate::keys::Keys;
use crate::run::{Part, person_id};
use crate::vault::{Compartment, Vault};
use crate::whole::{Readers, csv_field, write_whole};
use caredata_link::{Change, Index, Reason, Record};
use caredata_model::{Period, PersonId, RecordKey};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The form of an index that this version makes and opens.
const FORMAT: u32 = 1;
const STATE: &str = "index.json";

/// Which index to link with, and for which month.
#[derive(Clone, Debug)]
pub struct IndexFolder {
    /// The index's folder; made where there is none.
    pub folder: PathBuf,
    /// Where the keys of a new index go; without it, a folder named by the index's id in the user's configuration folder.
    pub keys: Option<PathBuf>,
    /// The month or months whose files are linked. What a source brought for the same before is replaced.
    pub period: Period,
}

/// `index.json`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    format: u32,
    id: String,
    keys: PathBuf,
    key_prints: BTreeMap<String, String>,
    /// The number of times that something was linked.
    publication: i64,
    index: IndexParts,
    parts: BTreeMap<u32, Part>,
}

/// An index that this process alone works on, until it is dropped.
pub(super) struct Months {
    folder: PathBuf,
    state: State,
    keys: Keys,
    vault: Vault,
    period: String,
    _lock: File,
}

impl Months {
    /// Opens an index, or makes it in a folder that is empty or not there yet.
    pub(super) fn open(options: &IndexFolder) -> Result<Self, EngineError> {
        let folder = settle(&options.folder)?;
        let path = folder.join(STATE);
        let broken = |what: String| EngineError::HomeBroken { path: path.clone(), what };
        let (state, keys, lock) = match fs::read(&path) {
            Ok(text) => {
                let lock = lock(&folder)?;
                // Another process may have finished a month since.
                let text = fs::read(&path).unwrap_or(text);
                let state: State = serde_json::from_slice(&text).map_err(|error| broken(error.to_string()))?;
                if state.format != FORMAT {
                    return Err(broken(format!("its format is {}, and this version reads {FORMAT}", state.format)));
                }
                let keys = Keys::open_known(&state.keys, &state.key_prints)?;
                (state, keys, lock)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Self::make(&folder, options)?,
            Err(source) => return Err(EngineError::Io { doing: "reading", path, source }),
        };
        let vault = Vault::open(&folder.join("vault"), &keys)?;
        Ok(Self { folder, state, keys, vault, period: options.period.to_string(), _lock: lock })
    }

    fn make(folder: &Path, options: &IndexFolder) -> Result<(State, Keys, File), EngineError> {
        let is_free = match fs::read_dir(folder) {
            Ok(entries) => entries.flatten().all(|entry| entry.file_name() == "lock"),
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        if !is_free {
            return Err(EngineError::IndexNowhere { path: folder.to_owned() });
        }
        let fault = || EngineError::io("making the index", folder);
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fault())?;
        let lock = lock(folder)?;
        let id = new_id()?;
        let keys_folder = keys_folder(options.keys.as_deref(), &id, folder)?;
        let keys = Keys::create(&keys_folder)?;
        let state = State {
            format: FORMAT,
            id,
            keys: keys_folder,
            key_prints: keys.prints(),
            publication: 0,
            index: IndexParts::new(),
            parts: BTreeMap::new(),
        };
        write(folder, &state)?;
        Ok((state, keys, lock))
    }

    /// The persons known so far, without what `sources` brought for this month before: that is replaced, even where nothing of it
    /// comes again. What was found by judging earlier events again with it is found anew.
    pub(super) fn load(&self, sources: &[Taken]) -> Result<Index, EngineError> {
        let mut index = index_store::load(&self.vault, &self.state.index)?;
        for (&number, part) in self.state.parts.iter().filter(|(_, part)| part.period == self.period) {
            match sources.iter().find(|taken| taken.source == part.source) {
                Some(taken) if taken.len() == 0 => index.remove_contribution(number),
                // Linkage replaces it, and lets its records keep their ids.
                Some(_) => {}
                None => index.take_back_judged_again(number),
            }
        }
        Ok(index)
    }

    /// Whether a place lies in the index's folder, where nothing else may be written.
    pub(super) fn holds(&self, place: &Path) -> Result<bool, EngineError> {
        Ok(settle(place)?.starts_with(&self.folder))
    }

    /// The number by which the index knows what a source brings for this month.
    pub(super) fn contribution(&mut self, source: &str) -> u32 {
        let part = Part { source: source.to_owned(), practice: None, period: self.period.clone() };
        if let Some((&number, _)) = self.state.parts.iter().find(|(_, held)| **held == part) {
            return number;
        }
        let number = self.state.parts.last_key_value().map_or(1, |(&last, _)| last + 1);
        self.state.parts.insert(number, part);
        number
    }

    /// The id of a person, made of the person's first record key.
    pub(super) fn person_id(&self, key: RecordKey) -> PersonId {
        person_id(&self.keys, key)
    }

    /// Stores the index as it is after a month. Nothing of it counts before [`Months::commit`].
    pub(super) fn store(
        &mut self,
        index: &Index,
        sources: &[Taken],
        (registrations, events): (&[Record], &[Record]),
    ) -> Result<(), EngineError> {
        let mut fresh: BTreeMap<u32, Vec<LocalKey<'_>>> = BTreeMap::new();
        for (place, taken) in sources.iter().enumerate() {
            let records = if place == 0 { registrations } else { events };
            for batch in &taken.batches {
                let own = &records[batch.places()];
                for (record, id) in own.iter().zip(batch.ids(0..own.len()).iter()) {
                    fresh.entry(record.contribution).or_default().push((record.key, id));
                }
            }
        }
        self.state.publication += 1;
        self.state.index = index_store::store(&self.vault, self.state.publication, index, &fresh, &self.state.index)?;
        Ok(())
    }

    /// Writes what became of persons known before: a line for each who was found to be another, and for each record that left its
    /// person.
    pub(super) fn write_changes(&self, out: &Path, changes: [&[Change]; 2]) -> Result<(), EngineError> {
        let left: HashSet<RecordKey> = changes[1].iter().filter_map(|change| change.record).collect();
        let names = index_store::names(&self.vault, &self.state.index, &left)?;
        let mut text = String::from("change,source,record_id,from_person,into_person,reason\n");
        for (kind, changes) in ["merge", "split"].into_iter().zip(changes) {
            for Change { from, into, reason, record, .. } in changes {
                let name = record.and_then(|record| names.get(&record));
                let source = name.and_then(|(number, _)| self.state.parts.get(number)).map_or("", |part| &part.source);
                let id = name.map_or("", |(_, id)| id);
                let _ = writeln!(text, "{kind},{source},{},{from},{into},{}", csv_field(id), word(*reason));
            }
        }
        write_whole(out, text.as_bytes(), Readers::Usual)
    }

    /// Makes what was stored the index, and removes what is no part of it any more.
    pub(super) fn commit(&self) -> Result<(), EngineError> {
        write(&self.folder, &self.state)?;
        let listed: BTreeSet<&str> = self.state.index.values().map(String::as_str).collect();
        for name in self.vault.list(Compartment::Identifiers)? {
            if !listed.contains(name.as_str()) {
                self.vault.remove(Compartment::Identifiers, &name)?;
            }
        }
        Ok(())
    }
}

const fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::SameNumberAndBirthDate => "same-number-and-birth-date",
        Reason::SameBirthDateAndPostcode => "same-birth-date-and-postcode",
        Reason::IdentifiersReplaced => "identifiers-replaced",
        Reason::InReview => "in-review",
        Reason::JudgedAgain => "judged-again",
    }
}

fn write(folder: &Path, state: &State) -> Result<(), EngineError> {
    let mut text = serde_json::to_vec_pretty(state).map_err(EngineError::json("writing the index"))?;
    text.push(b'\n');
    write_whole(&folder.join(STATE), &text, Readers::Owner)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(EngineError::io("writing the index", folder))
}

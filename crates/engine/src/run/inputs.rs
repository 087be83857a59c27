//! What a run is given: paths in, the files of each source out.
//!
//! Invariant: a package is read only after its manifest was checked; a source without files is no part of the run.

use crate::error::{EngineError, Remark};
use caredata_extract::{Collected, InputFile, Manifest, Source, SourceBatch, find_among, find_packages, open_package};
use caredata_model::Period;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Names that sources and tables of ours bear.
const RESERVED: [&str; 10] =
    ["gp", "gp-held", "gp-patients", "gp-journals", "hospital", "apc", "op", "ae", "persons", "journals"];

/// What a run is given.
#[derive(Clone, Debug)]
pub struct RunInput {
    /// Practices' own exports.
    pub gp: Option<PathBuf>,
    /// Packages as practices sent them.
    pub packages: Option<PathBuf>,
    /// Hospital files.
    pub hospital: Option<PathBuf>,
    /// Declared sources and where their data lie.
    pub sources: Vec<(Source, PathBuf)>,
    /// The month or months.
    pub period: Period,
    /// Practices and suppliers whose numbers of wishes somebody accepts, and why.
    pub accepted: Vec<(String, Remark)>,
    /// For a synthetic population: the folder that tells who is who. Says also that nobody here is real.
    pub truth: Option<PathBuf>,
}

/// A package by its practice and its files' names.
#[derive(Debug)]
pub struct PackageFiles {
    /// The practice that its manifest names.
    pub practice: String,
    /// What it says of itself.
    pub manifest: Manifest,
    /// The tokens that it lists as stopped.
    pub stopped: Vec<String>,
    /// The name of its file of patients.
    pub patients: Arc<str>,
    journals: Arc<str>,
}

/// The files of a run, by source.
#[derive(Debug, Default)]
pub struct Inputs {
    /// GP registrations.
    pub patients: Vec<InputFile>,
    /// GP journals.
    pub journals: Vec<InputFile>,
    /// Tokens whose sending has ended by objection, by practice.
    pub stopped: Vec<(String, Vec<String>)>,
    /// The packages: their practices' rows are replaced even where none came.
    pub packages: Vec<PackageFiles>,
    /// Packages found that are of other periods, and left.
    pub packages_left: u64,
    /// Every other source.
    pub elsewhere: Vec<(Source, Vec<InputFile>)>,
}

impl Inputs {
    /// Finds the files.
    ///
    /// # Errors
    /// [`EngineError`] where a path does not exist, a package was changed or is for another period, or nothing is found at a
    /// path.
    pub fn find(input: &RunInput) -> Result<Self, EngineError> {
        let mut found = Self::default();
        let gp = [Source::builtin("gp-patients")?, Source::builtin("gp-journals")?];
        if let Some(path) = &input.gp {
            found.add_gp(path, &gp)?;
            if found.patients.is_empty() {
                return Err(EngineError::NoFiles { missing: "GP patients (patients*)" });
            }
            if found.journals.is_empty() {
                return Err(EngineError::NoJournals { path: path.clone() });
            }
        }
        if let Some(folder) = &input.packages {
            found.add_packages(folder, input.period)?;
        }
        if let Some(path) = &input.hospital {
            let sources = ["apc", "op", "ae"].into_iter().map(Source::builtin).collect::<Result<Vec<_>, _>>()?;
            let files = find_among(path, &sources)?;
            found.elsewhere.extend(sources.into_iter().zip(files).filter(|(_, files)| !files.is_empty()));
            if found.elsewhere.is_empty() {
                return Err(EngineError::NoFiles { missing: "hospital (apc*, op*, ae*)" });
            }
        }
        for (source, path) in &input.sources {
            let files = caredata_extract::find(path, source)?;
            if files.is_empty() {
                return Err(EngineError::NoFiles { missing: "declared source" });
            }
            found.elsewhere.push((source.clone(), files));
        }
        let mut names: HashSet<&str> = RESERVED.into_iter().collect();
        for (source, _) in &input.sources {
            if !names.insert(source.name.as_str()) {
                return Err(EngineError::SourceNameTaken { name: source.name.to_string() });
            }
        }
        if found.patients.is_empty() && found.packages.is_empty() && found.elsewhere.is_empty() {
            return Err(EngineError::NoFiles { missing: "GP, hospital or declared source" });
        }
        Ok(found)
    }

    fn add_gp(&mut self, path: &Path, gp: &[Source; 2]) -> Result<(), EngineError> {
        let [patients, journals] = <[_; 2]>::try_from(find_among(path, gp)?).unwrap_or_default();
        self.patients.extend(patients);
        self.journals.extend(journals);
        Ok(())
    }

    fn add_packages(&mut self, folder: &Path, period: Period) -> Result<(), EngineError> {
        let folders = find_packages(folder)?;
        if folders.is_empty() {
            return Err(EngineError::NoFiles { missing: "package (folders with a manifest.json)" });
        }
        let mut of_another = None;
        for folder in folders {
            let package = open_package(&folder)?;
            let practice = package.manifest.practice.clone();
            if package.manifest.period != period.to_string() {
                self.packages_left += 1;
                of_another.get_or_insert(practice);
                continue;
            }
            let (patients, journals) = (package.patients(), package.journals());
            let stopped = package.stopped()?;
            self.stopped.push((practice.clone(), stopped.clone()));
            let names = (Arc::clone(&patients.name), Arc::clone(&journals.name));
            self.packages.push(PackageFiles {
                practice,
                manifest: package.manifest,
                stopped,
                patients: names.0,
                journals: names.1,
            });
            self.patients.push(patients);
            self.journals.push(journals);
        }
        match of_another {
            Some(practice) if self.packages.is_empty() => Err(EngineError::PackagePeriod { practice, period }),
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses a package with rows of another practice than its manifest names: they would replace what that practice sent.
    ///
    /// # Errors
    /// [`EngineError::ForeignRows`].
    pub fn refuse_foreign_rows(&self, patients: &[SourceBatch], collected: &Collected) -> Result<(), EngineError> {
        for package in &self.packages {
            let own = |code: &str| code == package.practice;
            let registered = patients.iter().filter(|batch| batch.file() == &*package.patients);
            let of_patients = registered.flat_map(SourceBatch::providers).all(|code| own(code));
            let of_journals =
                collected.practices.get(&package.journals).is_none_or(|all| all.iter().all(|code| own(code)));
            for (is_own, file) in [(of_patients, &package.patients), (of_journals, &package.journals)] {
                if !is_own {
                    let practice = package.practice.clone();
                    return Err(EngineError::ForeignRows { practice, file: file.to_string() });
                }
            }
        }
        Ok(())
    }
}

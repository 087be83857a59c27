//! Writing packages: a practice's export in, whole packages and their previews out.
//!
//! Everything is written in a hidden folder beside and renamed into place at the end: what stands under a package's name is
//! whole. The ledger of tokens is written before, so that a token that may have left is always in it.

use super::ledger::{Ledger, token};
use super::preview::preview;
use super::select::{JOURNALS_HEADER, PATIENTS_HEADER, Selection, Sent, Share, Shares, journals_source};
use super::{
    FORMAT, JOURNALS, MANIFEST, Manifest, PATIENTS, Package, Protection, STOPPED, Window, WithheldCounts, WriteOptions,
    folder_name, sha256,
};
use crate::error::{ExtractError, PackageProblem};
use crate::find::{InputFile, find_among};
use crate::practice::{Collected, Withholding};
use crate::read::{ReadOptions, Undated, read};
use crate::source::Source;
use caredata_model::{Day, Period};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Writes a package for each practice whose export lies in `gp`, as folders `<practice>-<YYYY-MM>` in `out`, each with a
/// preview page `<practice>-<YYYY-MM>.preview.html` beside it that stays at the practice.
///
/// A package of the same practice and period is replaced.
///
/// # Errors
/// [`ExtractError`] where a file is refused or cannot be written; then no package has been changed, unless the disk
/// failed while finished packages were put in their places.
pub fn write_packages(gp: &Path, out: &Path, options: &WriteOptions<'_>) -> Result<Vec<Package>, ExtractError> {
    let refused = |problem| ExtractError::Package { package: gp.display().to_string(), problem };
    let (patients_source, journals_source) = (Source::builtin("gp-patients")?, journals_source()?);
    let sources = [patients_source, journals_source];
    let found = find_among(gp, &sources)?;
    let ([patients_source, journals_source], [patients, journals]) = (&sources, found.as_slice()) else {
        return Err(refused(PackageProblem::NoPatients));
    };
    if patients.is_empty() {
        return Err(refused(PackageProblem::NoPatients));
    }
    if journals.is_empty() {
        return Err(refused(PackageProblem::NoJournals));
    }
    let read_options = ReadOptions { undated: Undated::Keep, ..ReadOptions::default() };
    let collected = Withholding::collect(journals, options.objections, &read_options, options.today)?;
    if let Some(doubtful) = collected.doubtful.first() {
        return Err(refused(PackageProblem::DoubtfulObjection {
            file: doubtful.file.to_string(),
            line: doubtful.line,
            reason: doubtful.reason,
        }));
    }
    let mut writer = Writer::new(out, options, collected)?;
    writer.patients(patients_source, patients, &read_options)?;
    if writer.building.is_empty() {
        return Err(refused(PackageProblem::NoPatients));
    }
    writer.journals(journals_source, journals, &read_options)?;
    writer.finish(out)
}

/// The first day whose entries are sent.
fn window_start(window: Window, period: Period) -> Option<Day> {
    match window {
        Window::All => None,
        Window::Months(months) => {
            // A century is as good as all, and lies within what a period can hold.
            let back = period.months() - i32::try_from(months.clamp(1, 1_200)).unwrap_or(1_200);
            (period.first_day().year() > 1_200).then(|| period.month_after(back.min(0)).first_day())
        }
    }
}

struct Writer<'a> {
    options: &'a WriteOptions<'a>,
    collected: Collected,
    stage: Stage,
    ledger: Ledger,
    building: BTreeMap<Box<str>, Building>,
    sent: Sent,
    /// Rows of the export that could not be read: nobody can tell of which practice.
    rows_refused: u64,
}

/// A package being written.
#[derive(Default)]
pub(super) struct Building {
    pub patients: u64,
    pub entries: u64,
    pub stopped: u64,
    pub withheld: WithheldCounts,
    pub codes: BTreeMap<(String, String), u64>,
}

impl<'a> Writer<'a> {
    fn new(out: &Path, options: &'a WriteOptions<'a>, collected: Collected) -> Result<Self, ExtractError> {
        let (ledger, stage) = (Ledger::default(), Stage::new(out)?);
        Ok(Self { options, collected, stage, ledger, building: BTreeMap::new(), sent: HashMap::new(), rows_refused: 0 })
    }

    fn patients(&mut self, source: &Source, files: &[InputFile], options: &ReadOptions) -> Result<(), ExtractError> {
        // A file at a time, so that no more than one is held in memory.
        for file in files {
            let selection = self.selection();
            let read = read(source, std::slice::from_ref(file), options, |batch| selection.patients(&batch))?;
            self.rows_refused += read.rows_refused;
            for shares in read.results {
                for (practice, mut share) in shares {
                    self.check_practice(&practice, file)?;
                    let tokens = std::mem::take(&mut share.tokens);
                    self.sent.entry(practice.clone()).or_default().extend(tokens);
                    let rows = self.append(&practice, PATIENTS, PATIENTS_HEADER, share)?;
                    self.building.entry(practice).or_default().patients += rows;
                }
            }
        }
        Ok(())
    }

    fn journals(&mut self, source: &Source, files: &[InputFile], options: &ReadOptions) -> Result<(), ExtractError> {
        for file in files {
            let selection = self.selection();
            let sent = &self.sent;
            let read = read(source, std::slice::from_ref(file), options, |batch| selection.journals(&batch, sent))?;
            self.rows_refused += read.rows_refused;
            for shares in read.results {
                self.append_journals(shares)?;
            }
        }
        Ok(())
    }

    fn append_journals(&mut self, shares: Shares) -> Result<(), ExtractError> {
        for (practice, share) in shares {
            // Entries of a practice that has no patients file have no patient: there is no package to count them in.
            if self.building.contains_key(&practice) {
                let rows = self.append(&practice, JOURNALS, JOURNALS_HEADER, share)?;
                self.building.entry(practice).or_default().entries += rows;
            }
        }
        Ok(())
    }

    fn selection(&self) -> Selection<'_> {
        Selection {
            options: self.options,
            withholding: &self.collected.withholding,
            from: window_start(self.options.window, self.options.period),
            until: self.options.period.last_day(),
        }
    }

    fn check_practice(&self, practice: &str, file: &InputFile) -> Result<(), ExtractError> {
        let fits = (1..=12).contains(&practice.len()) && practice.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if fits {
            return Ok(());
        }
        let problem = PackageProblem::PracticeCode(file.name.to_string());
        Err(ExtractError::Package { package: self.stage.out.display().to_string(), problem })
    }

    /// Adds a share to a file of a package; gives its rows.
    fn append(&mut self, practice: &str, name: &str, header: &str, share: Share) -> Result<u64, ExtractError> {
        let path = self.stage.package(practice, self.options.period)?.join(name);
        let failed = || ExtractError::io(path.display().to_string());
        let mut file = OpenOptions::new().append(true).create(true).open(&path).map_err(failed())?;
        if file.metadata().map_err(failed())?.len() == 0 {
            file.write_all(header.as_bytes()).map_err(failed())?;
        }
        file.write_all(share.lines.as_bytes()).map_err(failed())?;
        let building = self.building.entry(practice.into()).or_default();
        building.withheld.add(share.withheld);
        for (code, count) in share.codes {
            *building.codes.entry(code).or_default() += count;
        }
        Ok(share.rows)
    }

    fn finish(mut self, out: &Path) -> Result<Vec<Package>, ExtractError> {
        let mut manifests = Vec::new();
        let mut building = std::mem::take(&mut self.building);
        for (practice, building) in &mut building {
            building.withheld.rows_refused += self.rows_refused;
            if let Some(ledger) = self.options.ledger {
                self.ledger.read(&ledger(practice))?;
            }
            building.stopped = self.write_stopped(out, practice)?;
            manifests.push(self.write_manifest(practice, building)?);
        }
        for (practice, tokens) in &self.sent {
            for token in tokens.values() {
                self.ledger.add(practice, token);
            }
        }
        if let Some(ledger) = self.options.ledger {
            for practice in building.keys() {
                self.ledger.write(practice, &ledger(practice))?;
            }
        }
        manifests.into_iter().map(|manifest| self.stage.publish(manifest, self.options.period)).collect()
    }

    /// The tokens of patients who are withheld now and may have been sent before.
    fn write_stopped(&mut self, out: &Path, practice: &str) -> Result<u64, ExtractError> {
        self.ledger.add_packages(out, practice)?;
        let withheld = self.collected.withholding.of_practice(practice).into_iter().flatten();
        let key = (self.options.token_key)(practice);
        let tokens = withheld.map(|patient| token(&key, practice, patient));
        let mut stopped: Vec<String> = tokens.filter(|token| self.ledger.holds(practice, token)).collect();
        stopped.sort();
        let mut text = String::from("token\n");
        for token in &stopped {
            text.push_str(token);
            text.push('\n');
        }
        let path = self.stage.package(practice, self.options.period)?.join(STOPPED);
        fs::write(&path, text).map_err(ExtractError::io(path.display().to_string()))?;
        Ok(stopped.len() as u64)
    }

    fn write_manifest(&mut self, practice: &str, building: &Building) -> Result<Manifest, ExtractError> {
        // A practice without a single entry still sends the file, with its header.
        self.append(practice, JOURNALS, JOURNALS_HEADER, Share::default())?;
        let folder = self.stage.package(practice, self.options.period)?;
        let mut files = BTreeMap::new();
        for name in [PATIENTS, JOURNALS, STOPPED] {
            files.insert(name.to_owned(), sha256(&folder.join(name))?);
        }
        let code_sets = BTreeMap::from([
            ("objections".to_owned(), self.options.objections.version().to_owned()),
            ("sensitive".to_owned(), self.options.sensitive.version().to_owned()),
        ]);
        let manifest = Manifest {
            format: FORMAT,
            practice: practice.to_owned(),
            period: self.options.period.to_string(),
            window: self.options.window,
            protection: Protection::Plain,
            patients: building.patients,
            entries: building.entries,
            stopped: building.stopped,
            wishes: self.collected.counts.get(practice).copied().unwrap_or_default(),
            noted: Some(self.collected.noted_in(self.options.period).get(practice).copied().unwrap_or_default()),
            supplier: self.options.supplier.map(str::to_owned),
            withheld: building.withheld.clone(),
            code_sets,
            files,
        };
        let text = serde_json::to_string_pretty(&manifest).expect("a manifest has only text keys");
        let page = preview(&manifest, building, self.options.sensitive.is_sample());
        for (path, text) in [
            (folder.join(MANIFEST), text),
            (self.stage.folder.join(format!("{}.{PREVIEW}", folder_name(practice, self.options.period))), page),
        ] {
            fs::write(&path, text).map_err(ExtractError::io(path.display().to_string()))?;
        }
        Ok(manifest)
    }
}

const PREVIEW: &str = "preview.html";

impl WithheldCounts {
    fn add(&mut self, other: Self) {
        self.entries_of_objectors += other.entries_of_objectors;
        self.entries_of_objection_codes += other.entries_of_objection_codes;
        self.entries_outside_window += other.entries_outside_window;
        self.entries_without_patient += other.entries_without_patient;
        self.rows_refused += other.rows_refused;
        for (subject, count) in other.sensitive_entries {
            *self.sensitive_entries.entry(subject).or_default() += count;
        }
    }
}

/// The hidden folder in which packages are written; it goes when it is dropped.
struct Stage {
    out: PathBuf,
    folder: PathBuf,
}

impl Stage {
    fn new(out: &Path) -> Result<Self, ExtractError> {
        let folder = out.join(format!(".packages-{}", std::process::id()));
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(ExtractError::io(folder.display().to_string()))?;
        }
        fs::create_dir_all(&folder).map_err(ExtractError::io(folder.display().to_string()))?;
        Ok(Self { out: out.to_owned(), folder })
    }

    /// The folder of a package being written.
    fn package(&self, practice: &str, period: Period) -> Result<PathBuf, ExtractError> {
        let folder = self.folder.join(folder_name(practice, period));
        fs::create_dir_all(&folder).map_err(ExtractError::io(folder.display().to_string()))?;
        Ok(folder)
    }

    /// Puts a finished package in its place; one that stood there goes.
    fn publish(&self, manifest: Manifest, period: Period) -> Result<Package, ExtractError> {
        let name = folder_name(&manifest.practice, period);
        let (new, folder, old) =
            (self.folder.join(&name), self.out.join(&name), self.folder.join(format!("{name}.old")));
        let failed = || ExtractError::io(folder.display().to_string());
        if folder.exists() {
            fs::rename(&folder, &old).map_err(failed())?;
        }
        fs::rename(&new, &folder).map_err(failed())?;
        let preview = format!("{name}.{PREVIEW}");
        fs::rename(self.folder.join(&preview), self.out.join(&preview)).map_err(failed())?;
        Ok(Package { folder, manifest })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What is left over is hidden and is cleared by the next run.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

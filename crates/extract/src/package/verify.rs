//! Opening a package: a folder in, a package of which every byte has been checked out.
//!
//! Invariant: what is opened holds the manifest's files, each unchanged, and nothing else.

use super::{FORMAT, MANIFEST, Manifest, Package, sha256};
use crate::error::{ExtractError, PackageProblem};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Opens a package and checks every byte of it against its manifest.
///
/// # Errors
/// [`ExtractError::Package`] naming the file that was changed, is missing or does not belong.
pub fn open_package(folder: &Path) -> Result<Package, ExtractError> {
    let refused = |problem| ExtractError::Package { package: folder.display().to_string(), problem };
    let manifest = read_manifest(folder).map_err(refused)?;
    let mut there: BTreeSet<String> = names(folder)?.into_iter().collect();
    there.remove(MANIFEST);
    if let Some(missing) = manifest.files.keys().find(|name| !there.contains(*name)) {
        return Err(refused(PackageProblem::Missing(missing.clone())));
    }
    if let Some(extra) = there.iter().find(|name| !manifest.files.contains_key(*name)) {
        return Err(refused(PackageProblem::Extra(extra.clone())));
    }
    for (name, expected) in &manifest.files {
        if sha256(&folder.join(name))? != *expected {
            return Err(refused(PackageProblem::Changed(name.clone())));
        }
    }
    Ok(Package { folder: folder.to_owned(), manifest })
}

fn read_manifest(folder: &Path) -> Result<Manifest, PackageProblem> {
    #[derive(serde::Deserialize)]
    struct Version {
        format: u32,
    }
    let text = fs::read_to_string(folder.join(MANIFEST))
        .map_err(|error| PackageProblem::Manifest(format!("{MANIFEST} cannot be read: {error}")))?;
    let broken = |error: serde_json::Error| PackageProblem::Manifest(format!("{MANIFEST} is damaged: {error}"));
    // The version comes first: a later form may have other fields.
    let Version { format } = serde_json::from_str(&text).map_err(broken)?;
    if format != FORMAT {
        return Err(PackageProblem::Version { found: format, known: FORMAT });
    }
    let manifest: Manifest = serde_json::from_str(&text).map_err(broken)?;
    let needed = [super::PATIENTS, super::JOURNALS, super::STOPPED];
    match needed.into_iter().find(|name| !manifest.files.contains_key(*name)) {
        Some(name) => Err(PackageProblem::Manifest(format!("{MANIFEST} does not list {name}"))),
        None => Ok(manifest),
    }
}

/// The packages in `folder`: itself where it is one, or the folders in it that hold a manifest, sorted; not yet opened.
///
/// # Errors
/// [`ExtractError::NotFound`] or [`ExtractError::Io`].
pub fn find_packages(folder: &Path) -> Result<Vec<PathBuf>, ExtractError> {
    if !folder.is_dir() {
        return Err(ExtractError::NotFound(folder.to_owned()));
    }
    if folder.join(MANIFEST).is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    let visible = names(folder)?.into_iter().filter(|name| !name.starts_with('.'));
    let mut found: Vec<PathBuf> =
        visible.map(|name| folder.join(name)).filter(|path| path.join(MANIFEST).is_file()).collect();
    found.sort();
    Ok(found)
}

pub(super) fn names(folder: &Path) -> Result<Vec<String>, ExtractError> {
    let failed = |cause| ExtractError::Io { file: folder.display().to_string(), cause };
    let entries = fs::read_dir(folder).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    Ok(entries.into_iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

//! Finding the files of a source: a path in, the files to read out.
//!
//! Invariant: a folder is read to any depth in sorted order, and never a folder named `truth`.

use crate::error::{ExtractError, FileProblem};
use crate::source::Source;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file to be read.
#[derive(Clone, Debug)]
pub struct InputFile {
    /// The name that messages use: the path as it was found.
    pub name: Arc<str>,
    pub(crate) content: Content,
    pub(crate) format: Format,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Path(PathBuf),
    Memory(Arc<[u8]>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Plain,
    Gzip,
    Zstd,
    Parquet,
}

impl InputFile {
    /// The file at `path`; its ending says whether it is `.csv`, `.csv.gz`, `.csv.zst` or `.parquet`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.display().to_string();
        Self { format: Format::of(&name), name: name.into(), content: Content::Path(path) }
    }

    /// A file held in memory; its name's ending says the same as a path's.
    pub fn in_memory(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes: Vec<u8> = bytes.into();
        Self { name: name.into(), content: Content::Memory(bytes.into()), format: Format::of(name) }
    }

    /// Where the file lies, unless it is held in memory.
    pub fn path(&self) -> Option<&Path> {
        match &self.content {
            Content::Path(path) => Some(path),
            Content::Memory(_) => None,
        }
    }
}

impl Format {
    fn of(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        match name.rsplit('.').next() {
            Some("gz") => Self::Gzip,
            Some("zst") => Self::Zstd,
            Some("parquet") => Self::Parquet,
            _ => Self::Plain,
        }
    }
}

/// The files of `source` at `path`: the file itself, whatever its name; or those of a folder, read to any depth and sorted,
/// whose names fit ([`Source::names_file`]). A folder without any gives an empty list. A folder named `truth` is never
/// read.
///
/// # Errors
/// [`ExtractError::NotFound`], [`ExtractError::Io`], or [`FileProblem::Truth`] where `path` itself is such a folder.
pub fn find(path: &Path, source: &Source) -> Result<Vec<InputFile>, ExtractError> {
    let mut found = find_among(path, std::slice::from_ref(source))?;
    Ok(found.pop().unwrap_or_default())
}

/// The files of each of `sources` at `path`, in the order of `sources`. A folder is read as by [`find`]; a lone file goes to
/// the source whose name it bears, or to the only one.
///
/// # Errors
/// As [`find`]; [`FileProblem::UnknownHeader`] where a lone file bears the name of none of several sources.
pub fn find_among(path: &Path, sources: &[Source]) -> Result<Vec<Vec<InputFile>>, ExtractError> {
    let mut found = vec![Vec::new(); sources.len()];
    let kind = fs::metadata(path).map_err(|_| ExtractError::NotFound(path.to_owned()))?;
    if kind.is_dir() {
        if is_truth(path) {
            return Err(ExtractError::file(path.display().to_string(), FileProblem::Truth));
        }
        walk(path, sources, &mut found)?;
        return Ok(found);
    }
    let name = file_name(path);
    let place = match sources {
        [_only] => Some(0),
        several => several.iter().position(|source| source.names_file(&name)),
    };
    let place = place.ok_or_else(|| {
        let names: Vec<_> = sources.iter().map(|source| source.name.as_str()).collect();
        let problem = FileProblem::NamesNoSource(names.join(", "));
        ExtractError::file(path.display().to_string(), problem)
    })?;
    found[place].push(InputFile::at(path));
    Ok(found)
}

fn walk(folder: &Path, sources: &[Source], found: &mut [Vec<InputFile>]) -> Result<(), ExtractError> {
    let failed = |cause| ExtractError::Io { file: folder.display().to_string(), cause };
    let entries = fs::read_dir(folder).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = file_name(&path);
        if name.starts_with('.') {
            continue;
        }
        let kind = fs::metadata(&path).map_err(ExtractError::io(path.display().to_string()))?;
        if kind.is_dir() {
            // A link to a folder could lead round in a circle.
            if !is_truth(&path) && !path.is_symlink() {
                walk(&path, sources, found)?;
            }
        } else if let Some(place) = sources.iter().position(|source| source.names_file(&name)) {
            found[place].push(InputFile::at(path));
        }
    }
    Ok(())
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn is_truth(folder: &Path) -> bool {
    file_name(folder).eq_ignore_ascii_case("truth")
}

/// The file name without its ending, in lower case, where the ending is one that can be read.
pub(crate) fn stem(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    [".csv", ".csv.gz", ".csv.zst", ".parquet"].iter().find_map(|ending| name.strip_suffix(ending).map(str::to_owned))
}

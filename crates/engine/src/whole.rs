//! Small files: bytes in, a file that is whole under its name or not there; and the one spelling of a CSV field.

use crate::error::EngineError;
use std::borrow::Cow;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// As the user's settings say.
    Usual,
    /// The user alone.
    Owner,
}

/// Writes a file under another name, syncs it, and gives it its own.
///
/// # Errors
/// [`EngineError::Io`].
pub fn write_whole(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), EngineError> {
    let unfinished = path.with_extension("unfinished");
    let mode = match readers {
        Readers::Usual => 0o666,
        Readers::Owner => 0o600,
    };
    // What a kill left goes first, so that nothing that stands there, such as a link, is written through.
    let cleared = match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    };
    let opened = cleared.and_then(|()| OpenOptions::new().write(true).create_new(true).mode(mode).open(&unfinished));
    opened
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&unfinished, path))
        .map_err(EngineError::io("writing", path))
}

/// A field of a CSV line, quoted where it must be.
pub fn csv_field(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\n', '\r']) {
        Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(text)
    }
}

//! The vault: identifiers, the index and sealed rows as Parquet files under Parquet's own modular encryption.
//!
//! Batches in, one encrypted file a name out, and back. Each file has a key of its own, derived from its compartment's key
//! and a random id in the file, and is bound to its name, so that files cannot be swapped. Footers are encrypted too: not
//! even the columns' names are readable.
//!
//! Invariant: a file is either whole under its name or not there; no name holds an identifier.

use crate::error::EngineError;
use crate::keys::{Key, Keys};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::Compression;
use parquet::encryption::decrypt::{FileDecryptionProperties, KeyRetriever};
use parquet::encryption::encrypt::FileEncryptionProperties;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use std::fmt;
use std::fs::{self, DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows in a batch that is read back.
const BATCH_ROWS: usize = 65_536;
/// What a file that is not finished yet ends in.
const UNFINISHED: &str = "unfinished";

/// A part of the vault under a key of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compartment {
    /// Identifiers and the index of persons, which linkage alone reads.
    Identifiers,
    /// Rows of people who object, which only a withdrawal or a lawful instrument opens.
    Sealed,
}

impl Compartment {
    const ALL: [Self; 2] = [Self::Identifiers, Self::Sealed];

    const fn folder(self) -> &'static str {
        match self {
            Self::Identifiers => "identifiers",
            Self::Sealed => "sealed",
        }
    }
}

/// A file's name in the vault: 1 to 64 lower-case letters, digits, `-` or `_`, without nine digits in a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultName(String);

impl VaultName {
    /// Checks a name.
    ///
    /// ```
    /// use caredata_engine::vault::VaultName;
    /// assert!(VaultName::parse("index-17").is_ok());
    /// assert!(VaultName::parse("9434765919").is_err());
    /// ```
    ///
    /// # Errors
    /// [`EngineError::NotAVaultName`].
    pub fn parse(text: &str) -> Result<Self, EngineError> {
        let letters = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
        let digits = text.split(|character: char| !character.is_ascii_digit()).map(str::len).max().unwrap_or(0);
        let fits = letters && (1..=64).contains(&text.len()) && digits < 9;
        if fits { Ok(Self(text.to_owned())) } else { Err(EngineError::NotAVaultName) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VaultName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The vault of a home. Cheap to clone; threads may write files of different names at once.
#[derive(Clone, Debug)]
pub struct Vault {
    folder: PathBuf,
    identifiers: Key,
    sealed: Key,
}

impl Vault {
    /// The vault in `folder`, whose compartments are made where they are not there yet.
    ///
    /// # Errors
    /// [`EngineError::Io`].
    pub fn open(folder: &Path, keys: &Keys) -> Result<Self, EngineError> {
        for compartment in Compartment::ALL {
            let place = folder.join(compartment.folder());
            DirBuilder::new().recursive(true).mode(0o700).create(&place).map_err(EngineError::io("making", &place))?;
        }
        Ok(Self { folder: folder.to_owned(), identifiers: keys.vault.clone(), sealed: keys.sealed.clone() })
    }

    const fn key(&self, compartment: Compartment) -> &Key {
        match compartment {
            Compartment::Identifiers => &self.identifiers,
            Compartment::Sealed => &self.sealed,
        }
    }

    /// Where a file lies.
    pub fn path(&self, compartment: Compartment, name: &VaultName) -> PathBuf {
        self.folder.join(compartment.folder()).join(format!("{name}.parquet"))
    }

    /// Writes all batches to a file, which replaces one of the same name. Returns its path.
    ///
    /// # Errors
    /// As [`VaultWriter::write`].
    pub fn write(
        &self,
        compartment: Compartment,
        name: &VaultName,
        schema: SchemaRef,
        batches: impl IntoIterator<Item = RecordBatch>,
    ) -> Result<PathBuf, EngineError> {
        let mut writer = self.writer(compartment, name, schema)?;
        for batch in batches {
            writer.write(&batch)?;
        }
        writer.finish()
    }

    /// Begins a file, for batches that come one by one.
    ///
    /// # Errors
    /// [`EngineError::Io`], [`EngineError::Parquet`], [`EngineError::NoRandomness`].
    pub fn writer(
        &self,
        compartment: Compartment,
        name: &VaultName,
        schema: SchemaRef,
    ) -> Result<VaultWriter, EngineError> {
        let path = self.path(compartment, name);
        let unfinished = path.with_extension(UNFINISHED);
        let mut id = [0_u8; 16];
        getrandom::fill(&mut id).map_err(|_| EngineError::NoRandomness)?;
        let fault = EngineError::parquet("sealing a file of the vault");
        let sealing = FileEncryptionProperties::builder(file_key(self.key(compartment), &id))
            .with_footer_key_metadata(id.to_vec())
            .with_aad_prefix(bound_to(compartment, name))
            .with_aad_prefix_storage(false)
            .build()
            .map_err(fault)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_dictionary_enabled(false)
            // Files are read whole: indexes and statistics would be bytes that nobody reads and no check covers.
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true)
            .with_file_encryption_properties(sealing)
            .build();
        let file = File::create(&unfinished).map_err(EngineError::io("writing", &unfinished))?;
        let writer = ArrowWriter::try_new(file, schema, Some(properties)).map_err(fault)?;
        Ok(VaultWriter { writer, unfinished, path })
    }

    /// Opens a file and gives its batches one by one.
    ///
    /// # Errors
    /// [`EngineError::VaultSealed`] where the key, the name or the file is not the one it was written with,
    /// [`EngineError::Io`].
    pub fn read(&self, compartment: Compartment, name: &VaultName) -> Result<VaultReader, EngineError> {
        let path = self.path(compartment, name);
        let file = File::open(&path).map_err(EngineError::io("reading", &path))?;
        let sealed = |_: ParquetError| EngineError::VaultSealed { path: path.clone() };
        let keys = Arc::new(FileKeys(self.key(compartment).clone()));
        let opening = FileDecryptionProperties::with_key_retriever(keys)
            .with_aad_prefix(bound_to(compartment, name))
            .build()
            .map_err(sealed)?;
        let options = ArrowReaderOptions::new().with_file_decryption_properties(opening);
        let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
            .and_then(|builder| builder.with_batch_size(BATCH_ROWS).build())
            .map_err(sealed)?;
        Ok(VaultReader { reader, path })
    }

    /// The names of all whole files in a compartment, sorted.
    ///
    /// # Errors
    /// [`EngineError::Io`].
    pub fn list(&self, compartment: Compartment) -> Result<Vec<VaultName>, EngineError> {
        let place = self.folder.join(compartment.folder());
        let fault = |source| EngineError::Io { doing: "reading", path: place.clone(), source };
        let mut names = Vec::new();
        for entry in fs::read_dir(&place).map_err(fault)? {
            let path = entry.map_err(fault)?.path();
            let stem = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .filter(|_| path.extension().is_some_and(|e| e == "parquet"));
            names.extend(stem.and_then(|stem| VaultName::parse(stem).ok()));
        }
        names.sort();
        Ok(names)
    }

    /// Removes a file, if it is there.
    ///
    /// # Errors
    /// [`EngineError::Io`].
    pub fn remove(&self, compartment: Compartment, name: &VaultName) -> Result<(), EngineError> {
        let path = self.path(compartment, name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(EngineError::io("removing", &path)),
        }
    }

    /// Removes what a crash left unfinished. Call it only while nothing is being written.
    ///
    /// # Errors
    /// [`EngineError::Io`].
    pub fn sweep(&self) -> Result<(), EngineError> {
        for compartment in Compartment::ALL {
            let place = self.folder.join(compartment.folder());
            let fault = |source| EngineError::Io { doing: "sweeping", path: place.clone(), source };
            for entry in fs::read_dir(&place).map_err(fault)? {
                let path = entry.map_err(fault)?.path();
                if path.extension().is_some_and(|extension| extension == UNFINISHED) {
                    fs::remove_file(&path).map_err(fault)?;
                }
            }
        }
        Ok(())
    }
}

/// A file of the vault while it is being written; nothing has its name before [`VaultWriter::finish`].
#[derive(Debug)]
pub struct VaultWriter {
    writer: ArrowWriter<File>,
    unfinished: PathBuf,
    path: PathBuf,
}

impl VaultWriter {
    /// Adds a batch.
    ///
    /// # Errors
    /// [`EngineError::Parquet`], [`EngineError::Io`].
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), EngineError> {
        self.writer.write(batch).map_err(EngineError::parquet("sealing a file of the vault"))
    }

    /// Makes the file whole and durable, and gives it its name.
    ///
    /// # Errors
    /// [`EngineError::Parquet`], [`EngineError::Io`].
    pub fn finish(self) -> Result<PathBuf, EngineError> {
        let file = self.writer.into_inner().map_err(EngineError::parquet("sealing a file of the vault"))?;
        let fault = EngineError::io("finishing", &self.path);
        let place = self.path.parent().unwrap_or(&self.path);
        file.sync_all()
            .and_then(|()| fs::rename(&self.unfinished, &self.path))
            .and_then(|()| File::open(place)?.sync_all())
            .map_err(fault)?;
        Ok(self.path)
    }
}

/// The batches of a file of the vault.
pub struct VaultReader {
    reader: ParquetRecordBatchReader,
    path: PathBuf,
}

impl fmt::Debug for VaultReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultReader").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Iterator for VaultReader {
    type Item = Result<RecordBatch, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        // What Arrow says of a page that cannot be decrypted tells the user nothing more.
        Some(self.reader.next()?.map_err(|_| EngineError::VaultSealed { path: self.path.clone() }))
    }
}

/// Gives a file's key from the id in the file.
struct FileKeys(Key);

impl KeyRetriever for FileKeys {
    fn retrieve_key(&self, key_metadata: &[u8]) -> parquet::errors::Result<Vec<u8>> {
        Ok(file_key(&self.0, key_metadata))
    }
}

/// AES-256 key of one file.
fn file_key(key: &Key, id: &[u8]) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new_keyed(key.derive("caredata 2026 key of a file of the vault").bytes());
    hasher.update(id);
    hasher.finalize().as_bytes().to_vec()
}

fn bound_to(compartment: Compartment, name: &VaultName) -> Vec<u8> {
    format!("caredata/{}/{name}", compartment.folder()).into_bytes()
}

//! Parquet files of a table, written by several threads at once.
//!
//! In: de-identified batches from any thread. Out: finished, synced files. Each worker thread fills a file of its own, so no
//! thread waits for another; which row lands in which file may differ from run to run, the rows do not.

use super::{DataFile, PublishedAgain, folder};
use crate::error::EngineError;
use arrow_array::RecordBatch;
use caredata_deidentify::{LinkedRecord, schema};
use caredata_extract::Table;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Rows after which a file is closed and another begun.
const ROWS_PER_FILE: u64 = 8_000_000;
/// Rows of a row group: what a reader can skip, and what a writer holds in memory.
const ROWS_PER_GROUP: usize = 262_144;

/// Writes one contribution's rows of one table.
#[derive(Debug)]
pub struct TableWriter {
    table: Table,
    folder: PathBuf,
    /// The beginning of the files' names: tells the run, nothing else.
    stem: String,
    source: String,
    period: String,
    next: AtomicU64,
    lanes: Vec<Mutex<Lane>>,
}

#[derive(Debug, Default)]
struct Lane {
    open: Option<OpenFile>,
    done: Vec<DataFile>,
}

#[derive(Debug)]
struct OpenFile {
    name: String,
    rows: u64,
    writer: ArrowWriter<Hashing>,
}

/// A file whose bytes are hashed as they are written.
#[derive(Debug)]
struct Hashing {
    file: File,
    hash: blake3::Hasher,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl TableWriter {
    /// A writer of `source`'s contribution for `period`, whose files begin with `stem`.
    ///
    /// # Errors
    /// [`EngineError::Io`] where the table's folder cannot be made.
    pub fn new(records: &Path, table: Table, stem: &str, source: &str, period: &str) -> Result<Self, EngineError> {
        let folder = folder(records, table);
        std::fs::create_dir_all(&folder).map_err(EngineError::io("making a table's folder", &folder))?;
        let lanes = std::iter::repeat_with(Mutex::default).take(rayon::current_num_threads().max(1)).collect();
        Ok(Self {
            table,
            folder,
            stem: format!("{stem}-{source}"),
            source: source.to_owned(),
            period: period.to_owned(),
            next: AtomicU64::new(0),
            lanes,
        })
    }

    /// Writes a batch, from whichever thread.
    ///
    /// # Errors
    /// [`EngineError::Io`] or [`EngineError::Parquet`] where the file cannot be written.
    pub fn write(&self, record: &LinkedRecord) -> Result<(), EngineError> {
        self.write_rows(record.batch())
    }

    /// Writes rows that an earlier run de-identified.
    ///
    /// # Errors
    /// As [`TableWriter::write`].
    pub fn write_again(&self, rows: &PublishedAgain) -> Result<(), EngineError> {
        self.write_rows(rows.batch())
    }

    fn write_rows(&self, batch: &RecordBatch) -> Result<(), EngineError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let lane = rayon::current_thread_index().unwrap_or(0) % self.lanes.len();
        let mut lane = self.lanes[lane].lock().map_err(|_| EngineError::Interrupted)?;
        let mut open = match lane.open.take() {
            Some(open) => open,
            None => self.begin()?,
        };
        open.writer.write(batch).map_err(EngineError::parquet("writing records"))?;
        open.rows += batch.num_rows() as u64;
        if open.rows >= ROWS_PER_FILE {
            let file = self.end(open)?;
            lane.done.push(file);
        } else {
            lane.open = Some(open);
        }
        Ok(())
    }

    /// Gives up what was written.
    ///
    /// # Errors
    /// As [`TableWriter::write`].
    pub fn discard(self) -> Result<(), EngineError> {
        let folder = self.folder.clone();
        for file in self.finish()? {
            let path = folder.join(file.name);
            std::fs::remove_file(&path).map_err(EngineError::io("removing a file given up", &path))?;
        }
        Ok(())
    }

    /// Closes and syncs every file.
    ///
    /// # Errors
    /// As [`TableWriter::write`].
    pub fn finish(self) -> Result<Vec<DataFile>, EngineError> {
        let mut files = Vec::new();
        let mut lanes = Vec::new();
        for lane in &self.lanes {
            lanes.push(std::mem::take(&mut *lane.lock().map_err(|_| EngineError::Interrupted)?));
        }
        for lane in lanes {
            files.extend(lane.done);
            if let Some(open) = lane.open {
                files.push(self.end(open)?);
            }
        }
        sync_folder(&self.folder)?;
        files.sort();
        Ok(files)
    }

    fn begin(&self) -> Result<OpenFile, EngineError> {
        let name = format!("{}-{:04}.parquet", self.stem, self.next.fetch_add(1, Ordering::Relaxed));
        let path = self.folder.join(&name);
        let file = File::create(&path).map_err(EngineError::io("making a file of records", &path))?;
        let file = Hashing { file, hash: blake3::Hasher::new() };
        let writer = ArrowWriter::try_new(file, schema(self.table), Some(properties()))
            .map_err(EngineError::parquet("writing records"))?;
        Ok(OpenFile { name, rows: 0, writer })
    }

    fn end(&self, open: OpenFile) -> Result<DataFile, EngineError> {
        let path = self.folder.join(&open.name);
        let Hashing { file, hash } =
            open.writer.into_inner().map_err(EngineError::parquet("closing a file of records"))?;
        file.sync_all().map_err(EngineError::io("syncing a file of records", &path))?;
        let bytes = file.metadata().map_err(EngineError::io("measuring a file of records", &path))?.len();
        Ok(DataFile {
            table: self.table.name().to_owned(),
            name: open.name,
            source: self.source.clone(),
            period: self.period.clone(),
            rows: open.rows,
            bytes,
            blake3: hash.finalize().to_hex().to_string(),
        })
    }
}

/// Makes a folder's entries durable.
///
/// # Errors
/// [`EngineError::Io`].
pub fn sync_folder(folder: &Path) -> Result<(), EngineError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(EngineError::io("syncing a folder", folder))
}

fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(ROWS_PER_GROUP))
        // Record keys are all different: a dictionary of them is work for nothing.
        .set_column_dictionary_enabled(ColumnPath::from("record_key"), false)
        .build()
}

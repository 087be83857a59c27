//! The log of every act: an act in, a durable line chained to all lines before it out.
//!
//! `log/audit.jsonl` holds one JSON object a line: `seq` (from 0), `time`, `act`, `details`, `who`, `outcome`, `prev` (the
//! line before's hash) and, last, `hash`: SHA-256 over the line's bytes before `,"hash"`. The first line's act is
//! `log-opened` and names the format. `log/checkpoint` holds the number of lines and the last hash as of the latest
//! append, so that a log cut short is found too; a checkpoint kept elsewhere also finds a log that was rewritten whole.
//!
//! Invariant: a line is on the disk before its act takes effect; nothing personal is in it, since acts are a closed enum
//! of counts, names of ours, and [`Remark`]s.

use crate::error::{EngineError, Remark};
use caredata_model::{Door, Period, SourceName, Speaker};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The form of the log that this version writes.
const FORMAT: u32 = 1;
/// The hash "before" the first line.
const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Longer than any line can become: remarks are at most 200 characters.
const LINE_BYTES_MAX: u64 = 1 << 16;

/// What came of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It may go ahead, and is about to.
    Allowed,
    /// A rule or the law says no.
    Denied,
    /// It is done, or takes effect by this line.
    Done,
}

/// Everything that is ever noted. Counts, names of ours and remarks; never a value of a patient's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "act", content = "details", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Act {
    /// The log's first line.
    LogOpened {
        /// The form of the lines that follow.
        format: u32,
        /// The home's id.
        home: String,
    },
    /// A line that a crash had left half-written was cut off; its act never took effect.
    LogRecovered {
        /// Bytes cut off.
        bytes: u64,
    },
    /// A home was made.
    HomeCreated {
        /// The version of caredata that made it.
        version: &'static str,
    },
    /// Somebody attested that there are no objections to load.
    NoObjectionsAttested {
        /// Who answers for it.
        name: Remark,
        /// Why that is so.
        reason: Remark,
    },
    /// A person's wish was noted.
    ObjectionRecorded {
        /// What kind of wish.
        #[serde(serialize_with = "as_text")]
        kind: crate::register::Kind,
        /// Who spoke.
        #[serde(serialize_with = "as_text")]
        by: Speaker,
        /// The door through which it came.
        #[serde(serialize_with = "as_text")]
        through: Door,
    },
    /// A withdrawal was not taken from whoever spoke.
    ObjectionDenied {
        /// What kind of wish.
        #[serde(serialize_with = "as_text")]
        kind: crate::register::Kind,
        /// Who spoke.
        #[serde(serialize_with = "as_text")]
        by: Speaker,
        /// The door through which it came.
        #[serde(serialize_with = "as_text")]
        through: Door,
        /// The rule, as a stable code.
        why: &'static str,
    },
    /// Numbers were written to a file, for the national file of objections to be asked about.
    OptOutsAsked {
        /// How many.
        rows: u64,
    },
    /// A file of numbers is about to be sent to the national service.
    OptOutsSent {
        /// The service's mailbox.
        to: Remark,
        /// Our name for the question.
        question: String,
        /// Its length.
        bytes: u64,
    },
    /// What came back was taken.
    OptOutsAnswered {
        /// SHA-256 of the file that asked.
        sha256: String,
        /// Numbers asked about.
        asked: u64,
        /// Numbers missing from what came back.
        objecting: u64,
    },
    /// What came back was refused.
    OptOutsRefused {
        /// The error's stable code.
        code: &'static str,
    },
    /// All that was loaded and noted was written to a file.
    ObjectionsExported {},
    /// A person's present wishes or all that was ever said were read.
    ObjectionsRead {
        /// How much.
        extent: Extent,
    },
    /// A file of objections was loaded.
    ObjectionsLoaded {
        /// SHA-256 of the file.
        sha256: String,
        /// Events that were new.
        added: u64,
        /// Events that the register had already.
        known: u64,
    },
    /// A file of objections was refused whole.
    ObjectionsRefused {
        /// SHA-256 of the file, where it could be read to its end.
        sha256: Option<String>,
        /// Lines with a fault.
        faults: u64,
    },
    /// A month's run began.
    RunStarted {
        /// The run.
        run: i64,
        /// What it covers.
        #[serde(serialize_with = "as_text")]
        period: Period,
    },
    /// A run was refused.
    RunRefused {
        /// The error's stable code.
        code: &'static str,
    },
    /// A run that was broken off was taken up again and finished.
    RunResumed {
        /// The run.
        run: i64,
    },
    /// The register as it stands now is applied to what is published and sealed, without new files.
    RegisterApplied {
        /// The run that does it.
        run: i64,
    },
    /// What earlier versions of the records still hold is about to be removed, or is.
    Purged {
        /// Data files and files of the vault that the present does not list.
        files: u64,
        /// Entries of the tables' own logs.
        log_entries: u64,
        /// Bytes of both.
        bytes: u64,
    },
    /// After a purge every file of the home was read and searched for the marks of people who object.
    PurgeProven {
        /// Files read.
        files: u64,
        /// Files in which a mark stood where none may.
        faults: u64,
    },
    /// A purge was refused.
    PurgeRefused {
        /// The error's stable code.
        code: &'static str,
    },
    /// One source's rows of a run were admitted.
    SourceAdmitted {
        /// The run.
        run: i64,
        /// The source.
        #[serde(serialize_with = "as_text")]
        source: SourceName,
        /// Rows read.
        read: u64,
        /// Rows that went on.
        admitted: u64,
        /// Rows withheld.
        withheld: u64,
        /// Rows in quarantine.
        quarantined: u64,
    },
    /// A practice's or provider's data is held back because two checks disagree.
    ProviderHeld {
        /// The run.
        run: i64,
        /// The source.
        #[serde(serialize_with = "as_text")]
        source: SourceName,
        /// The practice's or provider's code.
        provider: Remark,
        /// The check that failed, as a stable code.
        check: &'static str,
    },
    /// Somebody accepts the numbers of wishes for which a practice, or a supplier's practices, were held.
    CountsAccepted {
        /// The run.
        run: i64,
        /// The practice's code or the supplier's name.
        provider: Remark,
        /// Why they are right.
        reason: Remark,
    },
    /// A new version of the records is about to be published, or is.
    Published {
        /// The run.
        run: i64,
        /// SHA-256 of what the publication says.
        sha256: String,
    },
    /// Somebody's key was enrolled, by which instruments can be approved.
    ApproverEnrolled {
        /// Who.
        name: Remark,
        /// In which role.
        role: Remark,
        /// The public key.
        key: String,
    },
    /// Somebody's key can no longer approve anything.
    ApproverRetired {
        /// Who.
        name: Remark,
        /// Why.
        reason: Remark,
    },
    /// An instrument's document was taken; it lifts nothing before two people approve it.
    InstrumentAdded {
        /// Its id.
        instrument: String,
        /// SHA-256 of the document.
        sha256: String,
    },
    /// An instrument was approved by a signature.
    InstrumentSigned {
        /// Its id.
        instrument: String,
        /// SHA-256 of the document.
        sha256: String,
        /// Who signed.
        name: Remark,
        /// The public key.
        key: String,
    },
    /// Sealed rows are about to be opened under an instrument, or are.
    InstrumentUsed {
        /// Its id.
        instrument: String,
        /// For whom.
        recipient: Remark,
        /// People whose objections are lifted for it.
        persons: u64,
        /// Rows.
        rows: u64,
    },
    /// An instrument was ended before its time.
    InstrumentEnded {
        /// Its id.
        instrument: String,
        /// Why.
        reason: Remark,
    },
    /// An act about instruments was refused.
    InstrumentRefused {
        /// The error's stable code.
        code: &'static str,
    },
    /// A person was told what is held about them and who used it. The commitment tells nothing of whom.
    SubjectReported {
        /// SHA-256 of the report's facts, among which is a random number.
        commitment: String,
    },
    /// A home was checked.
    Checked {
        /// Promises found broken.
        faults: u64,
    },
}

/// How much of the register was read about a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// What stands now.
    Present,
    /// All that was ever said.
    History,
}

fn as_text<S: Serializer>(value: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// How far the log reached at some moment, for keeping elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Lines in the log.
    pub lines: u64,
    /// The last line's hash, in hexadecimal digits.
    pub hash: String,
}

impl Checkpoint {
    /// The checkpoint as one line: `lines hash`.
    fn line(&self) -> String {
        format!("{} {}\n", self.lines, self.hash)
    }

    fn read(path: &Path) -> Result<Option<Self>, EngineError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(EngineError::Io { doing: "reading", path: path.to_owned(), source }),
        };
        text.trim_end()
            .split_once(' ')
            .and_then(|(lines, hash)| Some(Self { lines: lines.parse().ok()?, hash: hash.to_owned() }))
            .filter(|checkpoint| checkpoint.hash.len() == BEGINNING.len())
            .map(Some)
            .ok_or(EngineError::LogBroken { path: path.to_owned(), what: "the checkpoint cannot be read" })
    }
}

/// The log of a home, open for appending by one process alone.
#[derive(Debug)]
pub struct Audit {
    folder: PathBuf,
    who: Remark,
    writer: Mutex<Writer>,
}

#[derive(Debug)]
struct Writer {
    file: File,
    head: Checkpoint,
}

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    time: String,
    #[serde(flatten)]
    act: &'a Act,
    who: &'a Remark,
    outcome: Outcome,
    prev: &'a str,
}

impl Audit {
    /// The log's file within its folder.
    pub const FILE: &'static str = "audit.jsonl";
    /// The checkpoint's file within the log's folder.
    pub const CHECKPOINT: &'static str = "checkpoint";

    /// Opens the log in `folder`, or begins it, for acts of `who`. A half-written last line, which a crash may leave, is cut
    /// off and that is noted; the act it told of never took effect.
    ///
    /// # Errors
    /// [`EngineError::HomeInUse`] where another has the log open, [`EngineError::LogBroken`] where the log's end does not
    /// fit its checkpoint, [`EngineError::Io`].
    pub fn open(folder: &Path, home: &str, who: Remark) -> Result<Self, EngineError> {
        let path = folder.join(Self::FILE);
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(EngineError::io("opening", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(EngineError::HomeInUse { path }),
            Err(TryLockError::Error(source)) => return Err(EngineError::Io { doing: "locking", path, source }),
        }
        let (head, whole, cut) = find_head(&file, &path)?;
        // Before anything is cut off: a log that was changed from outside is evidence and stays as it is.
        check_head(&head, Checkpoint::read(&folder.join(Self::CHECKPOINT))?, &path)?;
        if cut > 0 {
            file.set_len(whole).and_then(|()| file.sync_all()).map_err(EngineError::io("mending", &path))?;
        }
        let begins = head.lines == 0;
        let audit = Self { folder: folder.to_owned(), who, writer: Mutex::new(Writer { file, head }) };
        if begins {
            audit.append(&Act::LogOpened { format: FORMAT, home: home.to_owned() }, Outcome::Done)?;
            sync_folder(folder)?;
        }
        if cut > 0 {
            audit.append(&Act::LogRecovered { bytes: cut }, Outcome::Done)?;
        }
        Ok(audit)
    }

    /// Notes an act; when this returns, the line is on the disk. Returns its number, from 0.
    ///
    /// # Errors
    /// [`EngineError::Io`]: then the act must not take effect.
    pub fn append(&self, act: &Act, outcome: Outcome) -> Result<u64, EngineError> {
        self.append_all(&[(act.clone(), outcome)])
    }

    /// Notes several acts at the price of one wait for the disk. Returns the last one's number.
    ///
    /// # Errors
    /// As [`Audit::append`].
    pub fn append_all(&self, acts: &[(Act, Outcome)]) -> Result<u64, EngineError> {
        let path = self.folder.join(Self::FILE);
        let mut writer = self.writer.lock().map_err(|_| EngineError::Interrupted)?;
        let mut head = writer.head.clone();
        let mut text = String::new();
        for (act, outcome) in acts {
            let time = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
            let line = Line { seq: head.lines, time, act, who: &self.who, outcome: *outcome, prev: &head.hash };
            let (line, hash) = seal(&line).map_err(|error| EngineError::Io {
                doing: "writing",
                path: path.clone(),
                source: error.into(),
            })?;
            text.push_str(&line);
            head = Checkpoint { lines: head.lines + 1, hash };
        }
        let before = writer.file.metadata().map_err(EngineError::io("reading", &path))?.len();
        if let Err(source) = writer.file.write_all(text.as_bytes()).and_then(|()| writer.file.sync_data()) {
            // The act will not take effect, so its line must not stay; should even this fail, opening the log cuts it off.
            let _ = writer.file.set_len(before);
            return Err(EngineError::Io { doing: "writing", path, source });
        }
        writer.head = head;
        self.keep_checkpoint(&writer.head)?;
        Ok(writer.head.lines.saturating_sub(1))
    }

    /// How far the log reaches now. Kept elsewhere, it later proves that nothing up to here was rewritten.
    ///
    /// # Errors
    /// [`EngineError::Interrupted`] where another thread failed while it wrote.
    pub fn checkpoint(&self) -> Result<Checkpoint, EngineError> {
        Ok(self.writer.lock().map_err(|_| EngineError::Interrupted)?.head.clone())
    }

    fn keep_checkpoint(&self, head: &Checkpoint) -> Result<(), EngineError> {
        let (next, path) = (self.folder.join("checkpoint.next"), self.folder.join(Self::CHECKPOINT));
        File::create(&next)
            .and_then(|mut file| file.write_all(head.line().as_bytes()).and_then(|()| file.sync_data()))
            .and_then(|()| fs::rename(&next, &path))
            .map_err(EngineError::io("writing", &path))
    }
}

/// The line as it is written, and its hash.
fn seal(line: &Line<'_>) -> Result<(String, String), serde_json::Error> {
    let mut text = serde_json::to_string(line)?;
    text.pop();
    let hash = hexadecimal(&Sha256::digest(text.as_bytes()));
    Ok((format!("{text},\"hash\":\"{hash}\"}}\n"), hash))
}

/// Hexadecimal digits of a digest.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
        text
    })
}

/// The last whole line, where it ends, and how many bytes of a half-written line follow.
fn find_head(mut file: &File, path: &Path) -> Result<(Checkpoint, u64, u64), EngineError> {
    let fault = |source| EngineError::Io { doing: "reading", path: path.to_owned(), source };
    let broken = |what| EngineError::LogBroken { path: path.to_owned(), what };
    let length = file.metadata().map_err(fault)?.len();
    // Two longest lines: a torn one and the whole one before it.
    let from = length.saturating_sub(2 * LINE_BYTES_MAX);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(from)).map_err(fault)?;
    file.read_to_end(&mut tail).map_err(fault)?;
    let Some(end) = tail.iter().rposition(|&byte| byte == b'\n') else {
        let nothing = Checkpoint { lines: 0, hash: BEGINNING.to_owned() };
        return if from == 0 {
            Ok((nothing, 0, length))
        } else {
            Err(broken("its last line is longer than any of ours"))
        };
    };
    let lines = &tail[..end];
    let last = lines.iter().rposition(|&byte| byte == b'\n').map_or(lines, |at| &lines[at + 1..]);
    let head = read_last(last).ok_or_else(|| broken("its last line is not as it was written"))?;
    let whole = from + end as u64 + 1;
    Ok((head, whole, length - whole))
}

fn read_last(line: &[u8]) -> Option<Checkpoint> {
    #[derive(serde::Deserialize)]
    struct Last {
        seq: u64,
        hash: String,
    }
    let last: Last = serde_json::from_slice(line).ok()?;
    let sealed = line.len().checked_sub(",\"hash\":\"\"}".len() + BEGINNING.len())?;
    let intact = hexadecimal(&Sha256::digest(&line[..sealed])) == last.hash;
    intact.then_some(Checkpoint { lines: last.seq + 1, hash: last.hash })
}

/// The log may be ahead of its checkpoint, since a crash can fall between the two; never behind, and never beside it.
fn check_head(head: &Checkpoint, kept: Option<Checkpoint>, path: &Path) -> Result<(), EngineError> {
    let what = match kept {
        Some(kept) if kept.lines > head.lines => "lines at its end are missing",
        Some(kept) if kept.lines == head.lines && kept.hash != head.hash => "its last line is not the one noted",
        None if head.lines > 1 => "its checkpoint is missing",
        Some(_) | None => return Ok(()),
    };
    Err(EngineError::LogBroken { path: path.to_owned(), what })
}

fn sync_folder(folder: &Path) -> Result<(), EngineError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(EngineError::io("writing", folder))
}

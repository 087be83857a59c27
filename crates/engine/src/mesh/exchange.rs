//! The exchange with a national file of objections: a question sent, its answer awaited, taken and acknowledged.
//!
//! A folder holds what is under way, a file of numbers and one of state for each question, until the answer is taken; so the
//! exchange goes on wherever it was broken off. Invariants: a question is on the disk and in the log before it is sent; an
//! answer is acknowledged only after it is committed, or its refusal is in the log; a message that answers no question of this
//! folder is left where it is.

use super::client::{Head, Mailbox, fault};
use crate::audit::{Act, Audit, Outcome, hexadecimal};
use crate::error::{EngineError, Remark};
use crate::register::{CheckedIn, EmptyReturn, LineEnds, Register};
use crate::whole::{Readers, write_whole};
use caredata_model::{Day, NhsNumber};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The workflow of the check for opt-outs.
const WORKFLOW: &str = "SPINE_NTT_UPHOLDING";

/// What is to be exchanged, with whom, and how.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The mailbox of the national service.
    pub to: String,
    /// Where questions under way lie; made where there is none, and readable by its owner alone.
    pub folder: PathBuf,
    /// How lines of the question end.
    pub ends: LineEnds,
    /// How long to wait for an answer.
    pub wait: Duration,
    /// Bytes of a chunk; the service takes at most 100 MB.
    pub chunk_bytes: usize,
    /// Today, and the days for which an answer may be used.
    pub today: (Day, u16),
    /// What an answer means that lets nobody through.
    pub empty: EmptyReturn,
}

/// What came of an exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchanged {
    /// Numbers asked about by a question that was sent now.
    pub asked: Option<u64>,
    /// Answers that were taken now.
    pub answers: Vec<CheckedIn>,
    /// Messages that answered a question whose answer was taken before, or that was given up.
    pub repeated: u64,
    /// Questions that are not answered yet.
    pub waiting: u64,
}

/// How far a question has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Stage {
    /// Its file is written; whether it was sent is not sure.
    Written,
    /// The server has it.
    Sent,
    /// Its answer is in the register.
    Answered,
    /// It was refused, or its answer was.
    Refused,
}

/// A question, as its file of state has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Question {
    stage: Stage,
    /// Seconds since 1970.
    written_at: i64,
    message: Option<String>,
}

/// Sends a question where none is under way, and takes the answers that have come.
///
/// # Errors
/// [`EngineError::Mesh`] where the server cannot be spoken to, [`EngineError::QuestionRefused`] where the service refused the
/// question, [`EngineError::OptOutsRefused`] where an answer cannot be taken, [`EngineError::NobodyKnown`],
/// [`EngineError::Io`], [`EngineError::Register`], and those of [`Audit::append`]. What was taken before stays taken.
pub fn exchange(
    register: &Register,
    audit: &Audit,
    numbers: &BTreeSet<NhsNumber>,
    mailbox: &mut Mailbox,
    options: &Exchange,
) -> Result<Exchanged, EngineError> {
    if mailbox.is_named(&options.to) {
        return Err(fault("asking the service", "its mailbox is our own, and a question is no answer to itself"));
    }
    let folder = &options.folder;
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(EngineError::io("making", folder))?;
    let mut office = Office { register, audit, mailbox, options, done: Exchanged::default(), seen: HashSet::new() };
    office.collect()?;
    office.send_again()?;
    if office.under_way()?.is_empty() && office.done.answers.is_empty() {
        office.send(numbers)?;
    }
    let began = Instant::now();
    let pause = (options.wait / 20).clamp(Duration::from_millis(200), Duration::from_secs(10));
    while !office.under_way()?.is_empty() && began.elapsed() < options.wait {
        std::thread::sleep(pause);
        office.collect()?;
    }
    office.done.waiting = office.under_way()?.len() as u64;
    Ok(office.done)
}

/// One exchange at work.
struct Office<'a> {
    register: &'a Register,
    audit: &'a Audit,
    mailbox: &'a mut Mailbox,
    options: &'a Exchange,
    done: Exchanged,
    /// Messages that answer nothing of ours.
    seen: HashSet<String>,
}

impl Office<'_> {
    fn file(&self, id: &str, end: &str) -> PathBuf {
        self.options.folder.join(format!("{id}.{end}"))
    }

    /// Writes a question and sends it.
    fn send(&mut self, numbers: &BTreeSet<NhsNumber>) -> Result<(), EngineError> {
        let mut bytes = [0_u8; 12];
        getrandom::fill(&mut bytes).map_err(|_| EngineError::NoRandomness)?;
        let id = format!("caredata-{}", hexadecimal(&bytes));
        let asked = self.register.check_out(self.audit, numbers, &self.file(&id, "dat"), self.options.ends)?;
        self.note(&id, &Question { stage: Stage::Written, written_at: Timestamp::now().as_second(), message: None })?;
        self.post(&id)?;
        self.done.asked = Some(asked);
        Ok(())
    }

    /// Sends what was written and perhaps not sent: under its own name, so that a second answer is known for one.
    fn send_again(&mut self) -> Result<(), EngineError> {
        for (id, question) in self.under_way()? {
            if question.stage == Stage::Written {
                self.post(&id)?;
            }
        }
        Ok(())
    }

    fn post(&mut self, id: &str) -> Result<(), EngineError> {
        let path = self.file(id, "dat");
        let body = fs::read(&path).map_err(EngineError::io("reading", &path))?;
        let to = Remark::parse("the service's mailbox", &self.options.to)?;
        let bytes = body.len() as u64;
        self.audit.append(&Act::OptOutsSent { to, question: id.to_owned(), bytes }, Outcome::Allowed)?;
        let names = (WORKFLOW, id);
        let message = self.mailbox.send(&self.options.to, names, &body, self.options.chunk_bytes)?;
        self.note(
            id,
            &Question { stage: Stage::Sent, written_at: Timestamp::now().as_second(), message: Some(message) },
        )
    }

    /// Takes what waits in the mailbox.
    fn collect(&mut self) -> Result<(), EngineError> {
        for message in self.mailbox.waiting(WORKFLOW)? {
            if self.seen.contains(&message) {
                continue;
            }
            let head = self.mailbox.head(&message)?;
            match self.question(&head.local_id)? {
                None => {
                    self.seen.insert(message);
                }
                // Whoever else knows a question's name cannot answer it.
                Some(_) if !self.is_from_service(&head) => {
                    self.seen.insert(message);
                }
                Some(question) => self.take(&message, &head, question)?,
            }
        }
        Ok(())
    }

    /// Whether a message comes from whom the question went to, or is the server's own report of what became of it.
    fn is_from_service(&self, head: &Head) -> bool {
        head.failure.is_some()
            || (head.from.eq_ignore_ascii_case(&self.options.to) && head.workflow.eq_ignore_ascii_case(WORKFLOW))
    }

    /// Takes one message that names a question of ours.
    fn take(&mut self, message: &str, head: &Head, question: Question) -> Result<(), EngineError> {
        match question.stage {
            Stage::Answered | Stage::Refused => {
                self.mailbox.acknowledge(message)?;
                self.done.repeated += 1;
                Ok(())
            }
            Stage::Written | Stage::Sent => {
                let taken = match &head.failure {
                    Some(words) => Err(self.refused(words)),
                    None => self.answer(message, &head.local_id),
                };
                let stage = if taken.is_ok() { Stage::Answered } else { Stage::Refused };
                let lost = |error: &EngineError| {
                    !matches!(error, EngineError::OptOutsRefused { .. } | EngineError::QuestionRefused { .. })
                };
                if taken.as_ref().is_err_and(lost) {
                    // The message stays, and is taken another time.
                    return taken.map(|_| ());
                }
                self.note(&head.local_id, &Question { stage, ..question })?;
                self.mailbox.acknowledge(message)?;
                let answered = taken?;
                for end in ["dat", "answer.dat"] {
                    let path = self.file(&head.local_id, end);
                    fs::remove_file(&path).map_err(EngineError::io("removing", path))?;
                }
                self.done.answers.push(answered);
                Ok(())
            }
        }
    }

    fn answer(&mut self, message: &str, id: &str) -> Result<CheckedIn, EngineError> {
        let (sent, returned) = (self.file(id, "dat"), self.file(id, "answer.dat"));
        let asked = fs::metadata(&sent).map_err(EngineError::io("reading", &sent))?.len();
        // It is a part of what was asked; a line may end otherwise.
        let bytes = self.mailbox.receive(message, asked as usize * 2 + 4_096)?;
        write_whole(&returned, &bytes, Readers::Owner)?;
        let files: (&Path, &Path) = (&sent, &returned);
        self.register.check_in(self.audit, files, self.options.today, self.options.empty)
    }

    /// The service's refusal of a question. Its words are kept where they are fit to be.
    fn refused(&self, words: &str) -> EngineError {
        let what =
            Remark::parse("the service's words", words).map_or_else(|_| String::new(), |words| words.to_string());
        let error = EngineError::QuestionRefused { what };
        let _ = self.audit.append(&Act::OptOutsRefused { code: error.code() }, Outcome::Denied);
        error
    }

    fn note(&self, id: &str, question: &Question) -> Result<(), EngineError> {
        let text = serde_json::to_vec(question).map_err(EngineError::json("writing the state of a question"))?;
        write_whole(&self.file(id, "json"), &text, Readers::Owner)
    }

    /// The question of a name, if it is one of this folder.
    fn question(&self, id: &str) -> Result<Option<Question>, EngineError> {
        let is_ours =
            id.strip_prefix("caredata-").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let path = self.file(id, "json");
        if !is_ours || !path.exists() {
            return Ok(None);
        }
        let text = fs::read(&path).map_err(EngineError::io("reading", &path))?;
        let question = serde_json::from_slice(&text);
        question.map(Some).map_err(|_| fault("reading the state of a question", "its file in the folder was changed"))
    }

    /// The questions that wait for an answer. One whose answer could not be used any more is not waited for.
    fn under_way(&self) -> Result<Vec<(String, Question)>, EngineError> {
        let folder = &self.options.folder;
        let mut under_way = Vec::new();
        for entry in fs::read_dir(folder).map_err(EngineError::io("reading", folder))? {
            let name = entry.map_err(EngineError::io("reading", folder))?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".json")) else { continue };
            let Some(question) = self.question(id)? else { continue };
            let seconds = i64::from(self.options.today.1) * 24 * 60 * 60;
            let still = question.written_at + seconds > Timestamp::now().as_second();
            if still && matches!(question.stage, Stage::Written | Stage::Sent) {
                under_way.push((id.to_owned(), question));
            }
        }
        under_way.sort_by(|one, two| one.0.cmp(&two.0));
        Ok(under_way)
    }
}

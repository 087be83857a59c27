//! What can go wrong in the engine: what failed and where in, a stable code, an exit code and what to do out.
//!
//! Invariant: no variant carries a patient's value; lines, columns, counts and file names only.

use deltalake::DeltaTableError;
use deltalake::arrow::error::ArrowError;
use parquet::errors::ParquetError;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// An error of the engine.
///
/// ```
/// use caredata_engine::error::EngineError;
/// let refused = EngineError::NobodyAttested;
/// assert_eq!((refused.code(), refused.exit_code()), ("nobody-attested", 4));
/// assert!(refused.hint().contains("objection load"));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is no home at the path.
    #[error("there is no home at {path}")]
    HomeMissing {
        /// Where a home was looked for.
        path: PathBuf,
    },
    /// A home, or something else, stands where a new home was to be made.
    #[error("{path} already exists; nothing was changed")]
    HomeExists {
        /// Where a home was to be made.
        path: PathBuf,
    },
    /// Another process works on the home.
    #[error("another process is working on {path}")]
    HomeInUse {
        /// The home, or its log.
        path: PathBuf,
    },
    /// Links are to be written into the folder of an index.
    #[error("{path} lies in the index's folder")]
    OutInIndex {
        /// The place.
        path: PathBuf,
    },
    /// The folder of an index holds other things.
    #[error("{path} holds other things, and no index")]
    IndexNowhere {
        /// The folder.
        path: PathBuf,
    },
    /// A file of the home does not say what a home of this version says.
    #[error("{path} is not as this version of caredata writes it: {what}")]
    HomeBroken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The home and the keys folder lie one inside the other.
    #[error("the keys folder {keys} and the home {home} must not lie one inside the other")]
    KeysBesideData {
        /// The keys folder asked for.
        keys: PathBuf,
        /// The home.
        home: PathBuf,
    },
    /// The folder for new keys already holds something.
    #[error("the keys folder {path} is not empty; nothing was changed")]
    KeysExist {
        /// The folder.
        path: PathBuf,
    },
    /// No place was given for the keys and the environment names none.
    #[error("no folder for the keys is known: neither XDG_CONFIG_HOME nor HOME is set")]
    KeysNowhere,
    /// A key's file is missing.
    #[error("the key {name} is missing: there is no {path}")]
    KeyMissing {
        /// The key's name.
        name: &'static str,
        /// Where its file was looked for.
        path: PathBuf,
    },
    /// A key's file is damaged, or holds another key.
    #[error("the key {name} in {path} cannot be used: {what}")]
    KeyBroken {
        /// The key's name.
        name: &'static str,
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Others than the owner may read a key.
    #[error("{path} may be read by others than its owner")]
    KeysTooOpen {
        /// The file.
        path: PathBuf,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
    /// No objections have been recorded or loaded, and nobody attested that there are none.
    #[error("the register holds no objections, and nobody has attested that there are none")]
    NobodyAttested,
    /// A text that goes into the register or the log for good is not fit for it.
    #[error("{what} cannot be noted: {reason}")]
    Unfit {
        /// Which text.
        what: &'static str,
        /// Why it is refused.
        reason: &'static str,
    },
    /// A kind of objection that is none.
    #[error(
        "not a kind of wish: write object-gp, withdraw-gp, object-all, withdraw-all, object-source:NAME or withdraw-source:NAME"
    )]
    NotAKind,
    /// A withdrawal by somebody who may not act for the person, or through a door that it does not come by.
    #[error("{kind}, said by {by}, through {through}, is not taken: {why}")]
    MayNotRecord {
        /// The kind of the wish.
        kind: String,
        /// Who spoke.
        by: caredata_model::Speaker,
        /// The door.
        through: caredata_model::Door,
        /// Why not.
        why: caredata_model::Refusal,
    },
    /// A word about a wish that is in none of the closed lists.
    #[error("{what}: not one of the words known here, which are {known}")]
    NotAWord {
        /// Which word.
        what: &'static str,
        /// The words.
        known: String,
    },
    /// The URL of a register in another database is none of ours; nothing of it is repeated here.
    #[error("the register's URL does not begin postgres:// or is no URL")]
    NotARegisterUrl,
    /// There is nobody to ask the national file about.
    #[error("nobody with an NHS Number is known to this home yet")]
    NobodyKnown,
    /// A file of the check for opt-outs was refused whole.
    #[error("{file}{} was refused whole: {what}", if *line > 0 { format!(" line {line}") } else { String::new() })]
    OptOutsRefused {
        /// The file.
        file: PathBuf,
        /// The line; 0 where it is the file as a whole.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A mailbox of MESH could not be spoken to.
    #[error("{doing} failed: {what}")]
    Mesh {
        /// What was being done.
        doing: &'static str,
        /// Why; no secret and nothing of a message.
        what: String,
    },
    /// The national service refused a question.
    #[error("the national service refused the question as a whole{}", if what.is_empty() { String::new() } else { format!(": {what}") })]
    QuestionRefused {
        /// Its words, where they are fit to be kept.
        what: String,
    },
    /// The database named for a new home's register holds one already.
    #[error("the database named for the register holds a register already; nothing was changed")]
    RegisterTaken,
    /// A wish about a place of care from which nothing ever came: an objection that nobody would honour.
    #[error("{kind}: no such place of care is known; known are {known}")]
    UnknownSource {
        /// The kind of the wish.
        kind: String,
        /// The places known.
        known: String,
    },
    /// A file of objections cannot be loaded, and nothing of it was.
    #[error("{file} was refused whole: {faults}")]
    ObjectionsRefused {
        /// The file.
        file: PathBuf,
        /// What is wrong with it, by line.
        faults: crate::register::LoadFaults,
    },
    /// The run's publication was not prepared, or another one waits to be finished.
    #[error("publication {run}: {what}")]
    Publication {
        /// The run.
        run: i64,
        /// What does not fit.
        what: &'static str,
    },
    /// The register's database failed.
    #[error("the register failed while {doing}")]
    Register {
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: sqlx::Error,
    },
    /// A number in the register cannot be unsealed, or a row does not say what the register writes.
    #[error("the register is damaged: {what}")]
    RegisterBroken {
        /// What is wrong.
        what: &'static str,
    },
    /// The log does not fit its checkpoint or itself.
    #[error("{path} was changed from outside: {what}; nothing more is written to it")]
    LogBroken {
        /// The file of the log.
        path: PathBuf,
        /// What does not fit.
        what: &'static str,
    },
    /// A name that no file of the vault may have.
    #[error(
        "not a name for a file of the vault: 1 to 64 lower-case letters, digits, `-` or `_`, without nine digits in a row"
    )]
    NotAVaultName,
    /// A file of the vault cannot be opened with the key at hand.
    #[error("{path} cannot be opened: it was sealed under another key or name, or was changed")]
    VaultSealed {
        /// The file.
        path: PathBuf,
    },
    /// Reading or writing failed.
    #[error("{doing} {path} failed")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A path cannot stand in a URL.
    #[error("{path} is not an absolute path")]
    Path {
        /// The path.
        path: PathBuf,
    },
    /// A Parquet file could not be read or written.
    #[error("{doing} failed")]
    Parquet {
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: ParquetError,
    },
    /// Columns in memory did not fit together.
    #[error("{doing} failed")]
    Arrow {
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: ArrowError,
    },
    /// A query of ours failed.
    #[error("{doing} failed")]
    Query {
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: Box<datafusion::error::DataFusionError>,
    },
    /// A table of the records could not be read or committed.
    #[error("the table {table} could not be read or written")]
    Table {
        /// The table.
        table: &'static str,
        /// Why.
        source: Box<DeltaTableError>,
    },
    /// A column that this version writes is missing or of another type.
    #[error("the column {name} is missing or of another type")]
    Column {
        /// The column.
        name: &'static str,
    },
    /// A file, a declaration or a package was refused.
    #[error(transparent)]
    Extract(#[from] caredata_extract::ExtractError),
    /// Admission refused something.
    #[error(transparent)]
    Admit(#[from] caredata_admit::AdmitError),
    /// De-identification refused something.
    #[error(transparent)]
    Deidentify(#[from] caredata_deidentify::DeidentifyError),
    /// Nothing to read was found where something was promised.
    #[error("no files found: {missing}")]
    NoFiles {
        /// Which files.
        missing: &'static str,
    },
    /// A source's files were not the same when they were read again.
    #[error("the files of {source_name} changed while they were read")]
    InputChanged {
        /// The source.
        source_name: String,
    },
    /// The file that says whose record is whose cannot be used.
    #[error("{path}{}: {what}", line.map(|line| format!(" line {line}")).unwrap_or_default())]
    TruthRefused {
        /// The file.
        path: PathBuf,
        /// The line, where it is one line's fault.
        line: Option<usize>,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Registrations came without the journals that say who objects.
    #[error("there are registrations but no journals in {path}: nobody could tell who objects")]
    NoJournals {
        /// Where they were looked for.
        path: PathBuf,
    },
    /// A journal row that may note an objection cannot be read.
    #[error("{file} line {line} may note an objection and cannot be read: {reason}")]
    DoubtfulObjection {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// Why it cannot be read.
        reason: &'static str,
    },
    /// A package holds rows of another practice than the one that it says it is of.
    #[error("{file}, in a package of practice {practice}, holds rows of another practice")]
    ForeignRows {
        /// The practice that the manifest names.
        practice: String,
        /// The file.
        file: String,
    },
    /// Two sources of one run have one name, or a declared one bears a name of ours.
    #[error("the source name {name} is taken")]
    SourceNameTaken {
        /// The name.
        name: String,
    },
    /// Numbers were to be accepted of nobody in the run.
    #[error("what was to be accepted is no practice and no supplier of this run, or its journals could not be counted")]
    NothingToAccept,
    /// A package is for another period than the run.
    #[error("the package of practice {practice} is not for {period}")]
    PackagePeriod {
        /// The practice's code.
        practice: String,
        /// The run's period.
        period: caredata_model::Period,
    },
    /// What was typed is no name of a record; nothing of it is repeated here.
    #[error("this is no name of a record as links.csv has them")]
    NotARecord,
    /// The files hold no record of that name.
    #[error("the files hold no record of that name")]
    RecordUnknown,
    /// What is asked about evidence has no answer under a method without weights.
    #[error("this method has no weights: evidence is weighed by the probabilistic method alone")]
    NoWeights,
    /// A decision on a record and itself.
    #[error("both names are those of one record")]
    OneRecord,
    /// Nothing is decided about the two records.
    #[error("nothing is decided about these two records")]
    NothingToUndo,
    /// A decision contradicts others that stand; nothing was noted.
    #[error("the decisions contradict each other: {chain}")]
    Contradiction {
        /// The records that would be one and two at once.
        chain: crate::linkage::Chain,
    },
    /// A journal of decisions is not as this program writes it.
    #[error("the decisions in {path} cannot be read: {what} (line {line})")]
    JournalBroken {
        /// The journal.
        path: PathBuf,
        /// The line; 0 where it is the file as a whole.
        line: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A file that says whose record is whose is not as expected.
    #[error("the truth in {path} cannot be read: line {line} is not as `caredata synth` writes it")]
    TruthBroken {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
    },
    /// What was typed is no NHS Number; nothing of it is repeated here.
    #[error("this is no NHS Number: {why}")]
    NotANumber {
        /// Why.
        why: caredata_model::NotAnNhsNumber,
    },
    /// A document of ours could not be written or read.
    #[error("{doing} failed")]
    Json {
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// The last publication left nothing by which reads could leave out who objects.
    #[error("the home was last published by a version of caredata whose records cannot be read under the register")]
    NoHandles,
    /// A home on which a promise is broken is not purged: what a damaged file says of itself proves nothing.
    #[error("{faults} promises on the home are broken; nothing was purged")]
    HomeFaulty {
        /// How many.
        faults: usize,
    },
    /// After a purge, marks of people who object stood where none may.
    #[error("marks of people who object were found after the purge: {places}")]
    PurgeUnproven {
        /// Where: files of ours by name, others by their folder.
        places: String,
    },
    /// An instrument, or somebody's approval of one, is refused.
    #[error(transparent)]
    Law(#[from] crate::law::LawError),
    /// A page in a form that no terminal shows has no file to go to.
    #[error("a page as PDF needs a file")]
    PageNowhere,
    /// Words for people cannot be had in a language.
    #[error(transparent)]
    Words(#[from] crate::words::WordsError),
    /// Another thread of the same work failed first.
    #[error("the work was interrupted by another part's failure")]
    Interrupted,
}

/// Who can mend it, as the program's exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blame {
    /// The input; nothing was changed.
    Input,
    /// A rule or the law says no.
    Rule,
    /// We, or the machine.
    Ours,
}

impl EngineError {
    /// A short code that stays the same from version to version.
    pub const fn code(&self) -> &'static str {
        self.facts().0
    }

    /// The program's exit code: 3 refused input (nothing changed), 4 refused by a rule or by law, 5 a fault of ours.
    pub const fn exit_code(&self) -> u8 {
        match self.facts().1 {
            Blame::Input => 3,
            Blame::Rule => 4,
            Blame::Ours => 5,
        }
    }

    /// What to do about it, in a sentence; empty where the message says it all.
    pub const fn hint(&self) -> &'static str {
        self.facts().2
    }

    #[expect(clippy::too_many_lines, reason = "a table with a row for each error")]
    const fn facts(&self) -> (&'static str, Blame, &'static str) {
        use Blame::{Input, Ours, Rule};
        match self {
            Self::HomeMissing { .. } => {
                ("home-missing", Input, "make one with `caredata init`, or name another with --home")
            }
            Self::HomeExists { .. } => {
                ("home-exists", Input, "choose another place with --home; a home is never made over another")
            }
            Self::HomeInUse { .. } => ("home-in-use", Input, "wait until it is done, then try again"),
            Self::OutInIndex { .. } => ("out-in-index", Input, "name another place with --out"),
            Self::IndexNowhere { .. } => {
                ("index-nowhere", Input, "name an index, or an empty or a new folder, with --index")
            }
            Self::HomeBroken { .. } => {
                ("home-broken", Input, "restore the file from a backup, or use the version of caredata that wrote it")
            }
            Self::KeysBesideData { .. } => {
                ("keys-beside-data", Rule, "name a folder elsewhere with --keys, best on another disk")
            }
            Self::KeysExist { .. } => ("keys-exist", Input, "name an empty or a new folder with --keys"),
            Self::KeysNowhere => ("keys-nowhere", Input, "name a folder with --keys"),
            Self::KeyMissing { .. } => {
                ("key-missing", Input, "restore the keys folder from its backup; without it the home cannot be read")
            }
            Self::KeyBroken { .. } => ("key-broken", Input, "restore the keys folder that was made with this home"),
            Self::KeysTooOpen { .. } => (
                "keys-too-open",
                Rule,
                "take the rights from the others: chmod 600 on the file, chmod 700 on the folder",
            ),
            Self::NoRandomness => {
                ("no-randomness", Ours, "try again; if it stays so, the machine is not fit for making keys")
            }
            Self::NobodyAttested => (
                "nobody-attested",
                Rule,
                "load the objections with `caredata objection load FILE`, or make the home with --attest-no-objections",
            ),
            Self::Unfit { .. } => ("unfit-text", Input, "write a short text without numbers of patients"),
            Self::NotAKind => ("not-a-kind", Input, "write one of the kinds named; `caredata objection record --help`"),
            Self::MayNotRecord { .. } => (
                "may-not-record",
                Rule,
                "ask the person, or whoever may act for them; docs/who-may-record.md lists who; an objection is always taken",
            ),
            Self::NotAWord { .. } => ("not-a-word", Input, "write one of the words named"),
            Self::NotARegisterUrl => {
                ("not-a-register-url", Input, "write register = \"postgres://USER@HOST/DATABASE\" in caredata.toml")
            }
            Self::NobodyKnown => ("nobody-known", Input, "run a month first: whose numbers it knows are asked about"),
            Self::OptOutsRefused { .. } => (
                "opt-outs-refused",
                Input,
                "give the file that check-out wrote and the one that came back for it; nothing was changed",
            ),
            Self::Mesh { .. } => (
                "mesh-failed",
                Input,
                "mend what is named and give the same command again: what is under way goes on where it was",
            ),
            Self::QuestionRefused { .. } => (
                "question-refused",
                Input,
                "see `caredata fsck` and the service's message; nothing was changed, and the same command asks anew",
            ),
            Self::RegisterTaken => ("register-taken", Input, "name an empty database of this home alone"),
            Self::UnknownSource { .. } => (
                "unknown-source",
                Input,
                "write one of those names, or add --expect-source NAME for one that is to come",
            ),
            Self::ObjectionsRefused { .. } => {
                ("objections-refused", Input, "mend the lines named and load the file again; nothing was loaded")
            }
            Self::Publication { .. } => ("publication-order", Ours, "run `caredata fsck` and report what it says"),
            Self::Register { .. } => {
                ("register-failed", Ours, "check that the disk is not full and the home is writable, then try again")
            }
            Self::RegisterBroken { .. } => {
                ("register-broken", Ours, "restore register.sqlite and its keys from the same backup")
            }
            Self::LogBroken { .. } => (
                "log-broken",
                Rule,
                "see `caredata audit verify`, keep the file as evidence, and restore it from a backup",
            ),
            Self::NotAVaultName => ("not-a-vault-name", Ours, "give the source a name without long numbers"),
            Self::VaultSealed { .. } => ("vault-sealed", Input, "check that the keys folder belongs to this home"),
            Self::Io { .. } => ("file-failed", Ours, "check the path, its rights and the space on the disk"),
            Self::Path { .. } => ("path-unfit", Input, "name the folder by its full path"),
            Self::Parquet { .. } => {
                ("parquet-failed", Ours, "run `caredata fsck`; a damaged file is restored by running its period again")
            }
            Self::Arrow { .. } => ("columns-failed", Ours, "please report it with the code version"),
            Self::Query { .. } => ("query-failed", Ours, "please report it with the code version"),
            Self::Table { .. } => ("table-failed", Ours, "run `caredata fsck`; the last good version stays readable"),
            Self::Column { .. } => {
                ("column-unknown", Ours, "the files were written by another version of caredata; use that one")
            }
            Self::Extract(_) => ("file-refused", Input, "mend what is named and try again; nothing was changed"),
            Self::Admit(_) => ("not-admitted", Ours, "run `caredata fsck` and report what it says"),
            Self::Deidentify(_) => {
                ("not-de-identified", Input, "mend the declaration of the source; nothing was changed")
            }
            Self::NoFiles { .. } => (
                "no-files",
                Input,
                "check the path, and that names begin as the sources say: patients, journals, apc, op, ae",
            ),
            Self::InputChanged { .. } => ("input-changed", Input, "try again when nobody writes to them"),
            Self::TruthRefused { .. } => ("truth-refused", Input, "give it as `caredata synth` writes it"),
            Self::NoJournals { .. } => (
                "no-journals",
                Input,
                "send the journals too, in files that begin with `journals`; nothing was changed",
            ),
            Self::DoubtfulObjection { .. } => (
                "doubtful-objection",
                Input,
                "have the practice mend the row: until then nobody can tell whose wish it is; nothing was changed",
            ),
            Self::ForeignRows { .. } => {
                ("foreign-rows", Input, "ask the practice to send a package of its own rows alone; nothing was changed")
            }
            Self::SourceNameTaken { .. } => {
                ("source-name-taken", Input, "give the declaration a name of its own, and name each source once")
            }
            Self::NothingToAccept => {
                ("nothing-to-accept", Input, "name a practice or supplier as the report's list of those held does")
            }
            Self::PackagePeriod { .. } => ("package-period", Input, "name the packages' own period with --period"),
            Self::NotARecord => (
                "not-a-record",
                Input,
                "name it as links.csv does: apc/KEY, op/KEY or ae/KEY, or gp/PRACTICE/PATIENT for a registration",
            ),
            Self::RecordUnknown => (
                "record-unknown",
                Input,
                "copy source and record_id from links.csv, and name the files it was made from",
            ),
            Self::NoWeights => ("no-weights", Input, "leave --method out"),
            Self::OneRecord => ("one-record", Input, "name two records, or a record and a registration of the person"),
            Self::NothingToUndo => {
                ("nothing-to-undo", Input, "check the names of both records, and the journal; nothing was changed")
            }
            Self::Contradiction { .. } => (
                "contradiction",
                Input,
                "undo whichever decision is wrong with `caredata link review undo`; nothing was changed",
            ),
            Self::JournalBroken { .. } => (
                "journal-broken",
                Input,
                "restore the journal from a backup; a last line that was cut off may be removed by hand",
            ),
            Self::TruthBroken { .. } => {
                ("truth-broken", Input, "name the folder truth/ of a synthetic population, or leave --truth out")
            }
            Self::NotANumber { .. } => ("not-a-number", Input, "give ten digits on standard input, as 943 476 5919"),
            Self::Json { .. } => ("document-failed", Ours, "please report it with the code version"),
            Self::NoHandles => ("no-handles", Input, "run `caredata purge` or the month again; then it can be read"),
            Self::HomeFaulty { .. } => {
                ("home-faulty", Input, "see `caredata fsck`, mend what it names, and purge again; nothing was removed")
            }
            Self::PurgeUnproven { .. } => (
                "purge-unproven",
                Ours,
                "remove files that are not the home's own and purge again; should it stay so, report what `caredata fsck` says",
            ),
            Self::Law(why) => (why.code(), if why.is_by_law() { Rule } else { Input }, why.hint()),
            Self::PageNowhere => ("page-nowhere", Input, "name the file with --out"),
            Self::Words(why) => (why.code(), Input, why.hint()),
            Self::Interrupted => ("interrupted", Ours, "run the same command again"),
        }
    }

    /// For `map_err` on Arrow's results.
    pub fn arrow(doing: &'static str) -> impl Fn(ArrowError) -> Self + Copy {
        move |source| Self::Arrow { doing, source }
    }

    /// For `map_err` on results of reading and writing JSON.
    pub fn json(doing: &'static str) -> impl Fn(serde_json::Error) -> Self + Copy {
        move |source| Self::Json { doing, source }
    }

    /// For `map_err` on Parquet's results.
    pub fn parquet(doing: &'static str) -> impl Fn(ParquetError) -> Self + Copy {
        move |source| Self::Parquet { doing, source }
    }

    /// For `map_err` on `DataFusion`'s results.
    pub fn query(doing: &'static str) -> impl Fn(datafusion::error::DataFusionError) -> Self + Copy {
        move |source| Self::Query { doing, source: Box::new(source) }
    }

    /// For `map_err` on the register's results.
    pub(crate) fn register(doing: &'static str) -> impl Fn(sqlx::Error) -> Self + Copy {
        move |source| Self::Register { doing, source }
    }

    /// For `map_err` on results of files and folders.
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}

/// A text for the register and the log, where it stays for good: one line of 1 to 200 characters that holds no NHS Number.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct Remark(String);

impl Remark {
    /// Checks a text that a person typed; `what` says in the error which one it was.
    ///
    /// ```
    /// use caredata_engine::error::Remark;
    /// assert!(Remark::parse("the name", "A. Officer").is_ok());
    /// assert!(Remark::parse("the reason", "she is 943 476 5919").is_err());
    /// ```
    ///
    /// # Errors
    /// [`EngineError::Unfit`].
    pub fn parse(what: &'static str, text: &str) -> Result<Self, EngineError> {
        let text = text.trim();
        let reason = if text.is_empty() {
            "it is empty"
        } else if text.chars().count() > 200 {
            "it is longer than 200 characters"
        } else if text.chars().any(char::is_control) {
            "it holds line breaks or control characters"
        } else if holds_nhs_number(text) {
            "it holds what looks like an NHS Number"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(EngineError::Unfit { what, reason })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether ten digits in a row, however they are spaced or joined, make a valid NHS Number.
fn holds_nhs_number(text: &str) -> bool {
    let joined = |character: &char| !matches!(character, ' ' | '-' | '.' | '/' | '\u{a0}');
    let characters: Vec<char> = text.chars().filter(joined).collect();
    characters.windows(10).any(|window| {
        let digits: String = window.iter().collect();
        caredata_model::NhsNumber::parse(&digits).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_hold_no_number_however_it_is_written() {
        for text in
            ["9434765919", "no. 943 476 5919, please", "943-476-5919", "943.476.5919", "19434765919", "a943 4765919b"]
        {
            assert!(Remark::parse("the reason", text).is_err(), "{text}");
        }
        for text in ["", "  ", "two\nlines", &"long ".repeat(50)] {
            assert!(Remark::parse("the reason", text).is_err());
        }
        for text in ["pilot with invented data", "order 12 of 2014-04-01", "Zoë Ångström", "9434765918"] {
            assert!(Remark::parse("the reason", text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_refusal_never_repeats_the_text() {
        let error = Remark::parse("the reason", "943 476 5919").expect_err("a number is refused");
        assert!(!format!("{error} {error:?}").contains("943"));
    }
}

//! The command line's grammar, and the help that people read.

use caredata_model::{Day, Period, SourceName};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Links what GP practices and hospitals record into a new record without direct identifiers.
#[derive(Debug, Parser)]
#[command(name = "caredata", version, propagate_version = true, arg_required_else_help = true)]
pub struct Arguments {
    /// The home: register, records, vault, log.
    #[arg(long, global = true, env = "CAREDATA_HOME", default_value = "./caredata-home", value_name = "DIR")]
    pub home: PathBuf,
    /// Print the result as JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Everything `caredata` does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The whole system on a synthetic population, in one go.
    #[command(after_help = "Example:\n  caredata demo --people 20000 --seed 1")]
    Demo(Demo),
    /// Write a synthetic population with known truth.
    #[command(after_help = "Example:\n  caredata synth --people 100000 --out synthetic --months 2")]
    Synth(Synth),
    /// Make a new home.
    #[command(
        after_help = "Example:\n  caredata init --attest-no-objections \"A. Officer\" --reason \"pilot with invented data\""
    )]
    Init(Init),
    /// Practice side: packages with objectors withheld, and a preview of exactly what leaves.
    #[command(after_help = "Example:\n  caredata extract --gp exports --period 2014-04 --out packages")]
    Extract(Extract),
    /// The month's run: admit, link, de-identify, publish.
    #[command(after_help = "Example:\n  caredata run --gp synthetic/gp --hospital synthetic/hospital --period 2014-04")]
    Run(Run),
    /// Linkage alone; no home needed.
    #[command(
        after_help = "Example:\n  caredata link --gp synthetic/gp/patients.csv --hospital synthetic/hospital/apc.csv --out links.csv"
    )]
    Link(Box<Link>),
    /// The register of objections. NHS Numbers come from standard input, never the command line.
    #[command(subcommand)]
    Objection(Objection),
    /// Make objections hold at once and backwards: apply the register, remove earlier versions, search every file for what is left.
    #[command(
        after_help = "It cannot be undone: sealed rows come back after a withdrawal, GP rows with the practice's next extract only.\n\nExample:\n  caredata purge --home caredata-home"
    )]
    Purge,
    /// Where the law says otherwise: instruments that lift objections, and the people who approve them.
    #[command(subcommand)]
    Law(Law),
    /// For the patient line: what a person chose, and who used data about them.
    #[command(subcommand)]
    Subject(Subject),
    /// The leaflet for the public: what is collected and why, and how to say no, with a form.
    #[command(
        after_help = "It is made from what the program does, and from the home where there is one: the sources that sent something, and\n[contact] in caredata.toml.\n\nExample:\n  caredata leaflet --language cy --format html --out taflen.html"
    )]
    Leaflet(PageOptions),
    /// The log of every act.
    #[command(subcommand)]
    Audit(Audit),
    /// Check every promise on a home, changing nothing.
    #[command(after_help = "Example:\n  caredata fsck --home caredata-home")]
    Fsck,
    /// Print completions for a shell.
    #[command(after_help = "Example:\n  caredata completions bash > /etc/bash_completion.d/caredata")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// `caredata demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// People in the synthetic population.
    #[arg(long, default_value_t = 20_000)]
    pub people: u32,
    /// Seed of the synthetic population.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Where the demo puts everything; made anew each time.
    #[arg(long, default_value = "./caredata-demo", value_name = "DIR")]
    pub out: PathBuf,
}

/// How often the synthetic identifiers are wrong.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Errors {
    /// As in national hospital data of the 2010s.
    Standard,
    /// As where numbers are missing from one record in seven.
    Hard,
}

/// `caredata synth`
#[derive(Debug, Args)]
pub struct Synth {
    /// People in the population.
    #[arg(long)]
    pub people: u32,
    /// Where to write `gp/`, `hospital/`, `other/` and `truth/`.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Seed: the same seed gives the same files.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Months that follow on from each other; with several, `2014-04/gp/` and so on.
    #[arg(long, default_value_t = 1)]
    pub months: u32,
    /// The first month.
    #[arg(long, default_value = "2014-04", value_name = "YYYY-MM")]
    pub first_month: Period,
    /// How often identifiers are wrong.
    #[arg(long, value_enum, default_value = "standard")]
    pub errors: Errors,
}

/// `caredata init`
#[derive(Debug, Args)]
pub struct Init {
    /// Where the keys live; never inside the home.
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    /// Who attests that nobody objects, where no objections are to be loaded.
    #[arg(long, value_name = "NAME", requires = "reason")]
    pub attest_no_objections: Option<String>,
    /// Why that is so.
    #[arg(long, value_name = "TEXT", requires = "attest_no_objections")]
    pub reason: Option<String>,
    /// Withhold the rows of hospitals and other places that tie to no registered person.
    #[arg(long)]
    pub withhold_unlinked: bool,
    /// An empty `PostgreSQL` database for the register; a file of the home where not given. From the environment alone where
    /// it holds a password, since others can read the command line.
    #[arg(long, env = "CAREDATA_REGISTER", hide_env_values = true, value_name = "URL")]
    pub register: Option<String>,
}

/// `caredata extract`
#[derive(Debug, Args)]
pub struct Extract {
    /// The practices' exports: `patients*.csv` and `journals*.csv`.
    #[arg(long, value_name = "DIR")]
    pub gp: PathBuf,
    /// The month that the packages are for.
    #[arg(long, value_name = "YYYY-MM")]
    pub period: Period,
    /// Where to put a folder for each practice.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Who supplies the practices' systems: numbers of objections are watched by supplier too.
    #[arg(long, value_name = "NAME")]
    pub supplier: Option<String>,
    /// Where each practice's key and the list of what it sent lie, a folder for each; made where there are none. In the user's
    /// configuration folder where not given, never with the packages.
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
}

/// `caredata run`
#[derive(Debug, Args)]
pub struct Run {
    /// Practices' own exports; the practice-side rules are applied to them here.
    #[arg(long, value_name = "DIR")]
    pub gp: Option<PathBuf>,
    /// Packages as practices sent them.
    #[arg(long, value_name = "DIR")]
    pub packages: Option<PathBuf>,
    /// Hospital files: `apc*`, `op*`, `ae*`.
    #[arg(long, value_name = "DIR")]
    pub hospital: Option<PathBuf>,
    /// A declared source: its declaration's name or file, and where its data lie.
    #[arg(long, value_name = "NAME=PATH")]
    pub source: Vec<String>,
    /// The month, or the range of months that a backfill covers.
    #[arg(long, value_name = "YYYY-MM[..YYYY-MM]")]
    pub period: Period,
    /// A practice or supplier that was held for its numbers of objections and withdrawals, and whose numbers are right after
    /// all: its data are taken, and its past begins anew. It is logged with the reason.
    #[arg(long, value_name = "CODE", requires = "accept_reason")]
    pub accept_counts: Vec<String>,
    /// Why they are right.
    #[arg(long, value_name = "TEXT", requires = "accept_counts")]
    pub accept_reason: Option<String>,
}

/// How records are linked.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Method {
    /// Fellegi and Sunter's weights, learnt from the data.
    Probabilistic,
    /// The three passes of HESID.
    Hesid,
    /// The eight ranks of the hospital index.
    MatchRank,
}

/// What to link, and how.
#[derive(Debug, Args)]
pub struct LinkFiles {
    /// GP patients: a file or a folder.
    #[arg(long, value_name = "FILE")]
    pub gp: PathBuf,
    /// Hospital files or folders.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    pub hospital: Vec<PathBuf>,
    /// How to link.
    #[arg(long, value_enum, default_value = "probabilistic")]
    pub method: Method,
    /// Use the four identifiers and nothing else.
    #[arg(long)]
    pub identifiers_only: bool,
    /// The journal of decisions to obey: see `caredata link review`.
    #[arg(long, value_name = "FILE")]
    pub decisions: Option<PathBuf>,
}

/// `caredata link`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Link {
    /// What to link, and how, where nothing is asked about links.
    // Flattened twice, an optional group of arguments never counts as given: so the two stand beside each other.
    #[command(flatten)]
    pub files: Option<LinkFiles>,
    /// Where to write the links.
    #[arg(long, value_name = "FILE", required = true)]
    pub out: Option<PathBuf>,
    /// An index of persons to link with, kept from month to month; made where there is none. What became of persons known
    /// before is written beside the links.
    #[arg(long, value_name = "DIR", requires = "period")]
    pub index: Option<PathBuf>,
    /// The month whose files these are, or a range of months; the same month again replaces what it brought.
    #[arg(long, value_name = "YYYY-MM[..YYYY-MM]", requires = "index")]
    pub period: Option<Period>,
    /// Where the keys of a new index go.
    #[arg(long, value_name = "DIR", requires = "index")]
    pub keys: Option<PathBuf>,
    /// What is asked about links.
    #[command(subcommand)]
    pub about: Option<AboutLinks>,
}

/// `caredata link …`
#[derive(Debug, Subcommand)]
pub enum AboutLinks {
    /// How good the links are, with or without a known truth.
    #[command(
        after_help = "Example:\n  caredata link evaluate --gp synthetic/gp --hospital synthetic/hospital/apc.csv --truth synthetic/truth --out quality"
    )]
    Evaluate(Evaluate),
    /// The evidence on one record, bit by bit, and what would change the outcome.
    #[command(
        after_help = "It reads, learns and judges as a link does, and takes about as long.\n\nExample:\n  caredata link explain apc/500000000000 --gp gp/patients.csv --hospital hospital/apc.csv --svg why.svg"
    )]
    Explain(Explain),
    /// Doubtful pairs, those first where a decision is worth most; and decisions on them.
    #[command(
        after_help = "Decisions are kept in a journal that is only ever added to. `caredata link … --decisions FILE` obeys it.\n\nExample:\n  caredata link review --gp gp/patients.csv --hospital hospital/apc.csv --decisions decisions.jsonl --most 20"
    )]
    Review(Review),
    /// What each blocking rule and each identifier costs and brings.
    #[command(
        after_help = "Every rule is asked about every record, without the short cut of a link, and linking is done again without each\nidentifier: it takes several times as long as a link.\n\nExample:\n  caredata link rules --gp gp/patients.csv --hospital hospital/apc.csv --truth truth"
    )]
    Rules(Rules),
}

/// `caredata link evaluate`
#[derive(Debug, Args)]
pub struct Evaluate {
    /// What to link, and how.
    #[command(flatten)]
    pub files: LinkFiles,
    /// A folder with `gp.csv` and `hospital.csv` that says whose record is whose, as `caredata synth` writes it.
    #[arg(long, value_name = "DIR")]
    pub truth: Option<PathBuf>,
    /// Where to put `linkage-report.html` and `linkage-report.json`.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// `caredata link explain`
#[derive(Debug, Args)]
pub struct Explain {
    /// The record, as links.csv names it: `apc/KEY`, `op/KEY`, `ae/KEY`, or `gp/PRACTICE/PATIENT` for a registration.
    pub record: String,
    /// What to link, and how.
    #[command(flatten)]
    pub files: LinkFiles,
    /// Where to draw the evidence as a picture.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// `caredata link review`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Review {
    /// What to link, and how, where nothing is decided.
    #[command(flatten)]
    pub files: Option<LinkFiles>,
    /// How many pairs to list, those first where a decision is worth most.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub most: usize,
    /// A decision, or its reversal.
    #[command(subcommand)]
    pub decision: Option<Decision>,
}

/// `caredata link review …`
#[derive(Debug, Subcommand)]
pub enum Decision {
    /// Decide that two records are one person's, or two people's. It holds until it is undone or decided otherwise.
    #[command(
        after_help = "Example:\n  caredata link review decide --decisions decisions.jsonl --record apc/500000000000 \\\n    --person gp/A81001/4711 --decision same --by \"A. Officer\" --why \"confirmed by the ward\""
    )]
    Decide(Decide),
    /// Take a decision back: linkage is as it was before. What was said stays on record.
    #[command(
        after_help = "Example:\n  caredata link review undo --decisions decisions.jsonl --record apc/500000000000 \\\n    --person gp/A81001/4711 --by \"A. Officer\" --why \"it was the brother\""
    )]
    Undo(About),
}

/// `caredata link review decide`
#[derive(Debug, Args)]
pub struct Decide {
    /// The pair, who decides and why.
    #[command(flatten)]
    pub about: About,
    /// One person's records, or two people's.
    #[arg(long, value_enum)]
    pub decision: Answer,
}

/// A pair of records, who speaks of it, and why.
#[derive(Debug, Args)]
pub struct About {
    /// The journal of decisions; made where there is none, and only ever added to.
    #[arg(long, value_name = "FILE")]
    pub decisions: PathBuf,
    /// The record, as links.csv names it: `apc/KEY`, or `gp/PRACTICE/PATIENT`.
    #[arg(long, value_name = "RECORD")]
    pub record: String,
    /// Any registration of the person, `gp/PRACTICE/PATIENT`, or another record.
    #[arg(long, value_name = "RECORD")]
    pub person: String,
    /// Who decides.
    #[arg(long, value_name = "WHO")]
    pub by: String,
    /// Why, in a line without numbers, dates or postcodes of patients: it is kept for good.
    #[arg(long, value_name = "TEXT")]
    pub why: String,
}

/// What is decided about two records.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Answer {
    /// They are one person's.
    Same,
    /// They are two people's.
    Different,
}

/// `caredata link rules`
#[derive(Debug, Args)]
pub struct Rules {
    /// What to link, and how.
    #[command(flatten)]
    pub files: LinkFiles,
    /// The folder `truth` of a synthetic population: tells true links from false ones.
    #[arg(long, value_name = "DIR")]
    pub truth: Option<PathBuf>,
}

/// `caredata objection …`
#[derive(Debug, Subcommand)]
pub enum Objection {
    /// Note a person's wish. The NHS Number is read from standard input.
    #[command(
        after_help = "An objection is taken from anybody; a withdrawal from the person, or from somebody who may act for them.\n\nExample:\n  caredata objection record --kind object-all --by parent --through \"patient line\" < number.txt"
    )]
    Record(Box<Record>),
    /// What stands now for a person. The NHS Number is read from standard input.
    #[command(after_help = "Example:\n  caredata objection show < number.txt")]
    Show,
    /// All that was ever said by a person. The NHS Number is read from standard input.
    #[command(after_help = "Example:\n  caredata objection history < number.txt")]
    History,
    /// Write all that was loaded and noted to a file that another register can load. It holds NHS Numbers: guard it.
    #[command(
        after_help = "Examples:\n  caredata objection export objections.csv\n  caredata objection export --format fhir consents.ndjson"
    )]
    Export {
        /// The file to make; never one that is there already.
        file: PathBuf,
        /// `objections.csv`, or FHIR R4 Consents: one a line where the file's name ends `.ndjson`, else a Bundle.
        #[arg(long, value_enum, default_value = "csv")]
        format: ExportFormat,
    },
    /// Write the NHS Numbers to ask a national file of objections about, one `NHSNO,` a line. Guard the file.
    #[command(after_help = "Example:\n  caredata objection check-out ask.dat")]
    CheckOut {
        /// The file to make; never one that is there already.
        file: PathBuf,
    },
    /// Take what came back: who was asked about and is missing from it objects. Answers count for the days that the home's
    /// settings say, 21 from the day of asking where they say nothing.
    #[command(after_help = "Example:\n  caredata objection check-in ask.dat answer.dat")]
    CheckIn {
        /// The file that asked.
        sent: PathBuf,
        /// The file that came back.
        returned: PathBuf,
        /// An empty file that came back means what it says.
        #[arg(long)]
        everybody_objects: bool,
    },
    /// Ask a national file of objections by messages of MESH, and take its answers: send, await, take, acknowledge. Given again, it
    /// goes on where it was.
    #[command(
        after_help = "The mailbox's password and the shared key come from CAREDATA_MESH_PASSWORD and CAREDATA_MESH_SHARED_KEY, or from --secrets.\n\nExample:\n  caredata objection exchange --mesh https://mesh.example --mailbox X26ABC1 --to X26OT01 --folder asked"
    )]
    Exchange(Box<ExchangeOptions>),
    /// Load a register of objections, whole or not at all.
    #[command(
        after_help = "Examples:\n  caredata objection load objections.csv\n  caredata objection load consents.ndjson"
    )]
    Load {
        /// `objections.csv`; or FHIR Consents: one or a Bundle of them in a `.json`, one a line in an `.ndjson`.
        file: PathBuf,
        /// A place of care that wishes may name, although nothing has come from it yet.
        #[arg(long, value_name = "NAME", value_parser = source_name)]
        expect_source: Vec<SourceName>,
    },
}

/// `caredata objection exchange`
#[derive(Debug, Args)]
pub struct ExchangeOptions {
    /// The server: `https://…`, or `http://` on this machine.
    #[arg(long, value_name = "URL")]
    pub mesh: String,
    /// Our mailbox.
    #[arg(long, value_name = "ID")]
    pub mailbox: String,
    /// The national service's mailbox.
    #[arg(long, value_name = "ID")]
    pub to: String,
    /// Where questions lie until they are answered. They hold NHS Numbers: keep it as you keep the home, and apart from it.
    #[arg(long, value_name = "DIR")]
    pub folder: PathBuf,
    /// A file that only its owner may read, with the lines `password = "…"` and `shared-key = "…"`.
    #[arg(long, value_name = "FILE")]
    pub secrets: Option<PathBuf>,
    /// A PEM file with our certificate and its key, where the server asks for one.
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// A PEM file with the authority of the server's certificate, where the system does not know it.
    #[arg(long, value_name = "FILE")]
    pub authority: Option<PathBuf>,
    /// Seconds to wait for the answer; it is taken by a later call where it comes later.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub wait: u64,
    /// Bytes of a message's chunk; the service takes at most 100 MB.
    #[arg(long, default_value_t = 80_000_000, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub chunk_bytes: u32,
    /// An answer that lets nobody through means what it says.
    #[arg(long)]
    pub everybody_objects: bool,
}

/// In what form the register is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ExportFormat {
    /// `objections.csv`.
    Csv,
    /// FHIR R4 Consents.
    Fhir,
}

/// `caredata objection record`
#[derive(Debug, Args)]
pub struct Record {
    /// `object-gp`, `withdraw-gp`, `object-all`, `withdraw-all`, `object-source:NAME` or `withdraw-source:NAME`.
    #[arg(long)]
    pub kind: String,
    /// A place of care that the wish may name, although nothing has come from it yet.
    #[arg(long, value_name = "NAME", value_parser = source_name)]
    pub expect_source: Vec<SourceName>,
    /// The day from which it counts; today where not given.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub effective: Option<Day>,
    /// Who speaks: person, parent, guardian, attorney, deputy, relative, representative, practice or hospital. Any other words
    /// are kept as they are, and no withdrawal is taken from them.
    #[arg(long, default_value = "person", value_name = "WHO")]
    pub by: String,
    /// The door: practice, hospital, patient-line, letter or national-file. Any other words are kept as they are.
    #[arg(long, default_value = "not-stated", value_name = "CHANNEL")]
    pub through: String,
    /// The reference of the power of attorney or court's order under which an attorney or deputy acts.
    #[arg(long, value_name = "TEXT")]
    pub reference: Option<String>,
    /// How old the person is, where a parent or guardian speaks: under-13, 13-to-15 or 16-or-over. It is not kept.
    #[arg(long, value_name = "AGE")]
    pub age: Option<String>,
    /// The language in which the person wants to hear from us, by its tag, such as `pl`.
    #[arg(long, value_name = "TAG")]
    pub language: Option<String>,
    /// A form that the person needs: large-print, braille, audio, easy-read, text-phone or translation; as often as needed.
    #[arg(long, value_name = "FORM")]
    pub format: Vec<String>,
}

/// `caredata law …`
#[derive(Debug, Subcommand)]
pub enum Law {
    /// Make somebody's key pair and enrol its public half, so that they can approve instruments.
    #[command(
        after_help = "Example:\n  caredata law enrol \"A. Guardian\" --role \"Caldicott Guardian\" --out guardian.key"
    )]
    Enrol {
        /// The person's name.
        name: String,
        /// In which role they approve.
        #[arg(long, value_name = "TEXT")]
        role: String,
        /// The file for the private key, which its owner alone may read; never in the home.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Retire somebody's key: it approves nothing from now on.
    #[command(after_help = "Example:\n  caredata law retire \"A. Guardian\" --reason \"left the post\"")]
    Retire {
        /// The person's name.
        name: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Take an instrument's document. It lifts nothing before two people have signed it.
    #[command(after_help = "Example:\n  caredata law add notice.toml")]
    Add {
        /// The document.
        file: PathBuf,
    },
    /// Approve an instrument: sign its document, as it was added, with one's private key.
    #[command(after_help = "Example:\n  caredata law sign notice.toml --key guardian.key")]
    Sign {
        /// The document.
        file: PathBuf,
        /// The file of the private key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// All instruments, where each stands today, and who may approve.
    #[command(after_help = "Example:\n  caredata law list")]
    List,
    /// Open the sealed rows whose objections an instrument in force lifts, for one recipient. Counted, logged and published.
    #[command(
        after_help = "The linked record stays as it is. What is opened is to be destroyed by the instrument's last day.\n\nExample:\n  caredata law open notice-2020-1 --for \"a health protection team\" --out opened"
    )]
    Open {
        /// The instrument's id.
        id: String,
        /// Who gets what is opened.
        #[arg(long = "for", value_name = "RECIPIENT")]
        recipient: String,
        /// The folder to make, outside the home.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// End an instrument at once.
    #[command(after_help = "Example:\n  caredata law end notice-2020-1 --reason \"the emergency is over\"")]
    End {
        /// The instrument's id.
        id: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// `caredata subject …`
#[derive(Debug, Subcommand)]
pub enum Subject {
    /// A person's choices, what they do, and every use of data about them, with a receipt. The NHS Number is read from
    /// standard input.
    #[command(
        after_help = "Example:\n  caredata subject report --language cy --format html --out report.html < number.txt"
    )]
    Report(PageOptions),
}

/// The language and form of a page for the public.
#[derive(Debug, Args)]
pub struct PageOptions {
    /// The language, by its tag: `en`, `cy`, or one of the folder of --locales.
    #[arg(long, default_value = "en", value_name = "TAG")]
    pub language: String,
    /// A folder of messages in other languages: `TAG/*.ftl`.
    #[arg(long, value_name = "DIR")]
    pub locales: Option<PathBuf>,
    /// The form.
    #[arg(long, value_enum, default_value = "text")]
    pub format: PageFormat,
    /// The file to make; without it, the page is printed.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// The form of a page for the public.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PageFormat {
    /// Plain text.
    Text,
    /// One page of HTML, in large print.
    Html,
    /// PDF in large print, tagged for screen readers; to a file alone.
    Pdf,
}

/// `caredata audit …`
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Check that no line of the log was changed, removed or reordered; with a receipt, that its report was made too.
    #[command(after_help = "Example:\n  caredata audit verify --home caredata-home --receipt 17-ABCD-EFGH-IJKL-MNOP")]
    Verify {
        /// The receipt of a report that `caredata subject report` made.
        #[arg(long, value_name = "CODE")]
        receipt: Option<String>,
        /// The report itself, as JSON: whether it is as it was made.
        #[arg(long, value_name = "FILE", requires = "receipt")]
        report: Option<PathBuf>,
    },
}

fn source_name(text: &str) -> Result<SourceName, caredata_model::NotASourceName> {
    SourceName::parse(text)
}

fn day(text: &str) -> Result<Day, caredata_model::NotADay> {
    Day::parse(text)
}

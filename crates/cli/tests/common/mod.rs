//! What the tests of the program share: a synthetic month, homes, the program itself, and the records read back.
#![allow(dead_code, reason = "each test program uses its own part")]

use arrow_array::RecordBatch;
use caredata_synth::{Errors, Options, generate};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Months of a synthetic population in a folder that goes when this does.
pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// An empty place.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder for the test") }
    }

    /// A place with a population.
    pub fn with_people(people: u32, months: u32) -> Self {
        let place = Self::new();
        let options = Options {
            people,
            seed: 7,
            months,
            first_month: "2014-04".parse().expect("a month"),
            errors: Errors::Standard,
            out: place.path("data"),
        };
        generate(&options, &|_| ()).expect("a population");
        place
    }

    /// A path in the place.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the program on a home of this place.
    pub fn caredata(&self, home: &str, arguments: &[&str]) -> Output {
        self.command(home, arguments).output().expect("the program runs")
    }

    /// The program, ready to run on a home of this place.
    pub fn command(&self, home: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_caredata"));
        command.args(arguments).arg("--home").arg(self.path(home)).env("CAREDATA_WHO", "a test").stdin(Stdio::null());
        // Practices' keys go to the user's configuration folder: here one of the test's own.
        command.env("XDG_CONFIG_HOME", self.path("config"));
        command.current_dir(self.folder.path());
        command
    }

    /// Makes a home where somebody attests that there are no objections to load.
    pub fn init(&self, home: &str) {
        let keys = format!("{home}-keys");
        let arguments = ["init", "--keys", &keys, "--attest-no-objections", "A. Tester", "--reason", "invented people"];
        succeeds(&self.caredata(home, &arguments));
    }

    /// Makes a home with the same keys as another, so that both give the same ids.
    pub fn init_like(&self, home: &str, other: &str) {
        self.init(home);
        fs::remove_dir_all(self.path(home)).expect("removed");
        copy(&self.path(other), &self.path(home));
    }

    /// Notes a wish of the person of this NHS Number in a home's register.
    pub fn says(&self, home: &str, number: &str, kind: &str, more: &[&str]) -> Output {
        let arguments = [&["objection", "record", "--kind", kind, "--through", "patient line"], more].concat();
        let mut command = self.command(home, &arguments);
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("the program runs");
        // A command that refuses its arguments may end before it reads.
        let _ = child.stdin.take().expect("its input").write_all(number.as_bytes());
        child.wait_with_output().expect("it ends")
    }

    /// Adds a line to a file of the data.
    pub fn append(&self, file: &str, line: &str) {
        let mut file = fs::OpenOptions::new().append(true).open(self.path("data").join(file)).expect("a file");
        writeln!(file, "{line}").expect("written");
    }

    /// Adds an admission to a file of the data: the given columns, and what any admission has.
    pub fn admit(&self, file: &str, given: &[(&str, &str)]) {
        let text = fs::read_to_string(self.path("data").join(file)).expect("a file");
        let row = text.lines().next().expect("a header").split(',').map(|column| {
            let own = given.iter().find(|(name, _)| *name == column).map(|(_, value)| *value);
            own.unwrap_or(match column {
                "EPIKEY" => "990000000001",
                "PROCODE" => "RAA",
                "LOPATID" => "lop1",
                "ADMIDATE" | "EPISTART" => "2014-04-07",
                "DISDATE" | "EPIEND" => "2014-04-09",
                _ => "",
            })
        });
        self.append(file, &row.collect::<Vec<_>>().join(","));
    }

    /// The month's run on a home.
    pub fn run(&self, home: &str, data: &str, period: &str) -> Output {
        let (gp, hospital) = (format!("{data}/gp"), format!("{data}/hospital"));
        self.caredata(home, &["run", "--gp", &gp, "--hospital", &hospital, "--period", period, "--json"])
    }
}

/// Asserts that the program ended well, and gives its standard output.
pub fn succeeds(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Asserts that the program refused with this exit code, and gives its message.
pub fn refuses(output: &Output, code: i32) -> String {
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{errors}");
    errors
}

/// Every row of a table's present as text, sorted: the present is what the table's own log lists.
pub fn rows(home: &Path, table: &str) -> Vec<String> {
    let mut rows: Vec<String> = batches(home, table).iter().flat_map(texts).collect();
    rows.sort();
    rows
}

fn texts(batch: &RecordBatch) -> Vec<String> {
    let options = arrow_cast::display::FormatOptions::default();
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| arrow_cast::display::ArrayFormatter::try_new(column, &options).expect("printable"))
        .collect();
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|"))
        .collect()
}

/// The batches of a table's present.
pub fn batches(home: &Path, table: &str) -> Vec<RecordBatch> {
    let folder = home.join("records").join(table);
    active(&folder)
        .into_iter()
        .flat_map(|name| {
            let file = fs::File::open(folder.join(name)).expect("a listed file is there");
            let reader = ParquetRecordBatchReaderBuilder::try_new(file)
                .and_then(ParquetRecordBatchReaderBuilder::build)
                .expect("a Parquet file");
            reader.map(|batch| batch.expect("rows")).collect::<Vec<_>>()
        })
        .collect()
}

/// The files that the log of a Delta table lists: added and not removed, from its last checkpoint on, whose commit lists all
/// files by itself. A file added again is one file, as Delta's protocol has it.
fn active(folder: &Path) -> Vec<String> {
    let log = folder.join("_delta_log");
    let mut commits: Vec<PathBuf> = fs::read_dir(&log)
        .expect("a Delta log")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    commits.sort();
    if let Ok(last) = fs::read_to_string(log.join("_last_checkpoint")) {
        let last: serde_json::Value = serde_json::from_str(&last).expect("JSON");
        let first = log.join(format!("{:020}.json", last["version"].as_u64().expect("a version")));
        commits.retain(|commit| *commit >= first);
    }
    let mut files: Vec<String> = Vec::new();
    for commit in commits {
        for line in fs::read_to_string(commit).expect("a commit").lines() {
            let action: serde_json::Value = serde_json::from_str(line).expect("JSON");
            if let Some(path) = action["remove"]["path"].as_str() {
                files.retain(|file| file != path);
            }
            if let Some(path) = action["add"]["path"].as_str().filter(|path| !files.iter().any(|file| file == path)) {
                files.push(path.to_owned());
            }
        }
    }
    files
}

/// All rows of one Parquet file as text, each value between bars.
pub fn text_of(file: &Path) -> String {
    let file = fs::File::open(file).expect("the file is there");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(ParquetRecordBatchReaderBuilder::build)
        .expect("a Parquet file");
    let rows: Vec<String> = reader.flat_map(|batch| texts(&batch.expect("rows"))).collect();
    format!("|{}|", rows.join("|\n|"))
}

/// Every file under a folder.
pub fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files.extend(files_under(&path)) } else { files.push(path) }
    }
    files
}

/// Copies a folder.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copied");
        }
    }
}

/// The rows of a CSV file, by column name; nothing quoted.
pub fn csv(path: &Path, columns: &[&str]) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).expect("a file");
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let places: Vec<usize> =
        columns.iter().map(|name| header.iter().position(|column| column == name).expect("the column")).collect();
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            places.iter().map(|&place| fields[place].to_owned()).collect()
        })
        .collect()
}

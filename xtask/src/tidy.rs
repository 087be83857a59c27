//! The rules of the house that no compiler knows.
//!
//! The workspace's files in; nothing, or every breach with its file and line, out. Most of the rules are about what a reader
//! of the code may rely on: which crate may know which, how long a file can be, where to find out what a module is for.

use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};

/// Which crate may depend on which: dependencies point one way. A new edge is a change of design, and stands in
/// ARCHITECTURE.md with its reason.
const EDGES: [(&str, &[&str]); 14] = [
    ("model", &[]),
    ("extract", &["model"]),
    ("admit", &["model", "extract"]),
    ("link", &["model"]),
    ("deidentify", &["model", "admit", "link"]),
    ("release", &["model", "deidentify"]),
    ("query", &["release"]),
    ("indicators", &["model", "release"]),
    ("engine", &["model", "extract", "admit", "link", "deidentify", "release", "query", "indicators"]),
    ("server", &["engine"]),
    ("cli", &["model", "engine", "server", "synth", "verify"]),
    ("verify", &[]),
    ("synth", &["model", "extract"]),
    ("xtask", &[]),
];

/// Edges for tests alone, beside those above: a population to try things on, and the checker that shares no code.
const TEST_EDGES: [(&str, &[&str]); 4] = [
    ("admit", &["synth"]),
    ("link", &["synth"]),
    ("deidentify", &["extract", "synth"]),
    ("engine", &["synth", "verify"]),
];

/// Libraries that take minutes to build, and the only crates that may name them.
const HEAVY: [&str; 5] = ["datafusion", "deltalake", "sqlx", "tokio", "ballista"];
const MAY_BE_HEAVY: [&str; 4] = ["engine", "query", "server", "cli"];

/// The longest that a source file may be, in lines.
const LONGEST: usize = 800;

/// The two commands that a newcomer is given.
const COMMANDS: [&str; 2] = ["cargo run --release -- demo", "cargo xtask test"];

const DICTIONARY: &str = "docs/data-dictionary.md";

/// Checks all rules.
///
/// # Errors
/// Lists every breach.
pub fn tidy(root: &Path) -> Result<()> {
    let mut files = Vec::new();
    walk(root, Path::new(""), &mut files)?;
    let mut breaches = Vec::new();
    for file in &files {
        let Ok(text) = fs::read_to_string(root.join(file)) else { continue };
        breaches.extend(of_file(file, &text));
        if file.ends_with("Cargo.toml") && file.components().count() > 1 {
            breaches.extend(of_manifest(file, &text));
        }
    }
    breaches.extend(of_documents(root));
    for breach in &breaches {
        eprintln!("{breach}");
    }
    ensure!(breaches.is_empty(), "{} breaches of the rules of the house", breaches.len());
    println!("Tidy: {} files.", files.len());
    Ok(())
}

/// Every file of ours that is text: not what is built, not what a run left, not what a test keeps as it was found.
fn walk(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    const KINDS: [&str; 9] = ["rs", "toml", "md", "py", "html", "css", "sql", "svg", "sh"];
    let here = root.join(folder);
    let entries = fs::read_dir(&here).with_context(|| format!("reading {}", here.display()))?;
    let mut names: Vec<_> =
        entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<std::io::Result<_>>()?;
    names.sort_unstable();
    for name in names {
        let path = folder.join(&name);
        let text = name.to_string_lossy();
        let skipped = ["target", "caredata-home", "caredata-demo"].contains(&text.as_ref())
            || text.starts_with('.') && text != ".ci" && text != ".cargo"
            || path.ends_with("tests/data");
        if skipped {
            continue;
        }
        let is_ours =
            path.extension().is_some_and(|kind| KINDS.iter().any(|known| kind == *known)) || path.starts_with(".ci");
        if root.join(&path).is_dir() {
            walk(root, &path, files)?;
        } else if is_ours {
            files.push(path);
        }
    }
    Ok(())
}

fn of_file(file: &Path, text: &str) -> Vec<String> {
    // Written apart, so that this file does not break its own rule.
    let unfinished = [concat!("to", "do!("), concat!("unimpl", "emented!("), concat!("FIX", "ME"), concat!("TO", "DO")];
    let passed_over = concat!("#[ign", "ore");
    let is_rust = file.extension().is_some_and(|kind| kind == "rs");
    let is_generated = file.ends_with("data-dictionary.md");
    let mut breaches = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut found = |words: &str| breaches.push(format!("{}:{}: {words}", file.display(), number + 1));
        if line.ends_with([' ', '\t', '\r']) {
            found("blanks at the end of the line");
        }
        if is_rust && unfinished.iter().any(|word| line.contains(word)) {
            found("unfinished work: finish it or leave it out");
        }
        if is_rust && line.trim_start().starts_with(passed_over) {
            found("a test that is passed over tests nothing");
        }
    }
    let mut found = |words: String| breaches.push(format!("{}: {words}", file.display()));
    let lines = text.lines().count();
    if lines > LONGEST && !is_generated {
        found(format!("{lines} lines: at most {LONGEST}, so divide it"));
    }
    if is_rust && !text.starts_with("//!") {
        found("must open with `//!`: what it is for, what goes in and comes out, what always holds".to_owned());
    }
    if !text.is_empty() && !text.ends_with('\n') {
        found("the last line has no end".to_owned());
    }
    breaches
}

/// The sections of a manifest that name dependencies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Dependencies,
    TestDependencies,
    Other,
}

fn of_manifest(file: &Path, text: &str) -> Vec<String> {
    let name =
        file.parent().and_then(Path::file_name).map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let allowed = |table: &[(&str, &'static [&'static str])]| -> Option<&'static [&'static str]> {
        table.iter().find(|(room, _)| *room == name).map(|(_, edges)| *edges)
    };
    let Some(edges) = allowed(&EDGES) else {
        return vec![format!("{}: a crate that is not in the table of edges (xtask/src/tidy.rs)", file.display())];
    };
    let test_edges = allowed(&TEST_EDGES).unwrap_or_default();
    let mut section = Section::Other;
    let mut breaches = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if let Some(head) = line.trim().strip_prefix('[') {
            section = match head.trim_end_matches(']') {
                "dependencies" | "build-dependencies" => Section::Dependencies,
                "dev-dependencies" => Section::TestDependencies,
                _ => Section::Other,
            };
            continue;
        }
        let dependency = line.split(['.', '=', ' ']).next().unwrap_or_default();
        let mut found = |words: String| breaches.push(format!("{}:{}: {words}", file.display(), number + 1));
        if section == Section::Other || dependency.is_empty() {
            continue;
        }
        if let Some(other) = dependency.strip_prefix("caredata-") {
            let fits = edges.contains(&other) || section == Section::TestDependencies && test_edges.contains(&other);
            if !fits {
                found(format!(
                    "`{name}` may not depend on `{other}`: the edge is not in the table (xtask/src/tidy.rs)"
                ));
            }
        } else if HEAVY.contains(&dependency) && !MAY_BE_HEAVY.contains(&name.as_str()) {
            found(format!("`{name}` may not depend on {dependency}: it lies below `engine` and must build in seconds"));
        }
    }
    breaches
}

fn of_documents(root: &Path) -> Vec<String> {
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap_or_default();
    let mut breaches = Vec::new();
    let readme = read("README.md");
    for command in COMMANDS {
        if !readme.contains(command) {
            breaches.push(format!("README.md: the command `{command}` is missing"));
        }
    }
    let documents = [
        DICTIONARY,
        "ARCHITECTURE.md",
        "GLOSSARY.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
    ];
    for document in documents {
        if read(document).trim().is_empty() {
            breaches.push(format!("{document}: is missing or empty"));
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches_of(name: &str, text: &str) -> Vec<String> {
        of_file(Path::new(name), text)
    }

    #[test]
    fn a_tidy_file_passes() {
        assert!(breaches_of("crates/a/src/lib.rs", "//! What it is.\nfn a() {}\n").is_empty());
    }

    #[test]
    fn each_rule_of_files_can_be_broken() {
        let broken = [
            ("a.rs", "fn a() {}\n".to_owned(), "must open"),
            ("a.rs", concat!("//! A.\nto", "do!()\n").to_owned(), "a.rs:2: unfinished"),
            ("a.rs", concat!("//! A.\n    #[ign", "ore = \"slow\"]\n").to_owned(), "passed over"),
            ("a.md", "words \n".to_owned(), "a.md:1: blanks"),
            ("a.md", "words".to_owned(), "no end"),
            ("a.rs", format!("//! A.\n{}", "\n".repeat(LONGEST)), "801 lines"),
        ];
        for (name, text, expected) in broken {
            let breaches = breaches_of(name, &text);
            assert!(breaches.len() == 1 && breaches[0].contains(expected), "{name} {expected}: {breaches:?}");
        }
    }

    #[test]
    fn edges_are_held() {
        let manifest = |room: &str, text: &str| of_manifest(&Path::new("crates").join(room).join("Cargo.toml"), text);
        assert!(manifest("link", "[dependencies]\ncaredata-model.workspace = true\nrayon = \"1\"\n").is_empty());
        let backwards = manifest("link", "[package]\n[dependencies]\ncaredata-engine = { workspace = true }\n");
        assert!(backwards.len() == 1 && backwards[0].contains("`link` may not depend on `engine`"), "{backwards:?}");
        let in_tests = "[dev-dependencies]\ncaredata-synth.workspace = true\n";
        assert!(manifest("link", in_tests).is_empty());
        assert_eq!(manifest("link", &in_tests.replace("dev-", "")).len(), 1);
        assert_eq!(manifest("admit", "[dependencies]\ndatafusion.workspace = true\n").len(), 1);
        assert_eq!(manifest("unheard-of", "").len(), 1);
    }

    #[test]
    fn the_table_of_edges_has_no_cycle() {
        // Each room may name only rooms that come before it, in some order: take away rooms that depend on nothing left.
        let mut left: Vec<_> = EDGES.to_vec();
        while !left.is_empty() {
            let rooms: Vec<&str> = left.iter().map(|(room, _)| *room).collect();
            let before = left.len();
            left.retain(|(_, edges)| edges.iter().any(|edge| rooms.contains(edge)));
            assert!(left.len() < before, "a cycle among {rooms:?}");
        }
    }
}

//! A small log, harmed in every way that a hand or a disk can harm it: each is found.

use caredata_verify::{Checkpoint, Fault, Report, verify, verify_against};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const LINES: usize = 12;

fn sealed(seq: usize, prev: &str, act: &str) -> (String, String) {
    let text = format!(
        r#"{{"seq":{seq},"time":"2014-04-01T09:00:00.000Z","act":"{act}","details":{{"format":1}},"who":"test","outcome":"done","prev":"{prev}""#
    );
    let hash = format!("{:x}", Sha256::digest(text.as_bytes()));
    (format!("{text},\"hash\":\"{hash}\"}}\n"), hash)
}

fn lines(acts: impl IntoIterator<Item = String>) -> (Vec<String>, String) {
    let mut hash = "0".repeat(64);
    let lines = acts.into_iter().enumerate().map(|(seq, act)| {
        let (line, next) = sealed(seq, &hash, &act);
        hash = next;
        line
    });
    (lines.collect(), hash)
}

fn acts(name: &str) -> impl Iterator<Item = String> {
    ["log-opened".to_owned()].into_iter().chain((1..LINES).map(move |at| format!("{name}-{at}")))
}

fn put(folder: &Path, lines: &[String], checkpoint: &str) {
    fs::write(folder.join("audit.jsonl"), lines.concat()).expect("written");
    fs::write(folder.join("checkpoint"), checkpoint).expect("written");
}

/// A log of twelve lines, its lines and its last hash.
fn log() -> (TempDir, Vec<String>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let (lines, hash) = lines(acts("act"));
    put(folder.path(), &lines, &format!("{LINES} {hash}\n"));
    (folder, lines, hash)
}

#[test]
fn a_log_that_nobody_touched_holds() {
    let (folder, _, hash) = log();
    let report = verify(folder.path()).expect("it holds");
    assert_eq!(report, Report { lines: LINES as u64, hash: hash.clone() });
    let kept = Checkpoint { lines: LINES as u64, hash };
    assert_eq!(verify_against(folder.path(), &kept).expect("it holds"), report);
}

#[test]
fn every_flipped_bit_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    // Three lines, a first, a middle and a last one, keep the thousands of files that this writes few.
    let (lines, hash) = lines(acts("act").take(3));
    put(folder.path(), &lines, &format!("3 {hash}\n"));
    let whole = lines.concat().into_bytes();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut harmed = whole.clone();
            harmed[at] ^= 1 << bit;
            fs::write(folder.path().join("audit.jsonl"), &harmed).expect("written");
            assert!(verify(folder.path()).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn every_flipped_bit_of_the_checkpoint_is_found() {
    let (folder, _, hash) = log();
    let whole = format!("{LINES} {hash}\n").into_bytes();
    // All but the line break at its end, which says nothing.
    for at in 0..whole.len() - 1 {
        for bit in 0..8 {
            let mut harmed = whole.clone();
            harmed[at] ^= 1 << bit;
            fs::write(folder.path().join("checkpoint"), &harmed).expect("written");
            assert!(verify(folder.path()).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn every_missing_doubled_or_swapped_line_is_found() {
    let (folder, whole, hash) = log();
    let checkpoint = format!("{LINES} {hash}\n");
    for at in 0..LINES {
        let mut without = whole.clone();
        without.remove(at);
        put(folder.path(), &without, &checkpoint);
        let fault = verify(folder.path()).expect_err("a line is missing");
        let expected = if at + 1 == LINES {
            matches!(fault, Fault::Truncated { expected: 12, found: 11 })
        } else {
            matches!(fault, Fault::Order { line, .. } if line == at as u64 + 1)
        };
        assert!(expected, "without line {}: {fault}", at + 1);

        let mut doubled = whole.clone();
        doubled.insert(at, whole[at].clone());
        put(folder.path(), &doubled, &checkpoint);
        assert!(matches!(verify(folder.path()), Err(Fault::Order { line, .. }) if line == at as u64 + 2));

        for other in at + 1..LINES {
            let mut swapped = whole.clone();
            swapped.swap(at, other);
            put(folder.path(), &swapped, &checkpoint);
            assert!(matches!(verify(folder.path()), Err(Fault::Order { line, .. }) if line == at as u64 + 1));
        }
    }
}

#[test]
fn a_log_cut_at_any_byte_is_found() {
    let (folder, lines, _) = log();
    let whole = lines.concat().into_bytes();
    for length in 0..whole.len() {
        fs::write(folder.path().join("audit.jsonl"), &whole[..length]).expect("written");
        let fault = verify(folder.path()).expect_err("it was cut");
        let at_line_end = length == 0 || whole[length - 1] == b'\n';
        assert_eq!(matches!(fault, Fault::Truncated { .. }), at_line_end, "{length}: {fault}");
        assert_eq!(matches!(fault, Fault::HalfLine { .. }), !at_line_end, "{length}: {fault}");
    }
}

#[test]
fn a_log_rewritten_whole_is_found_by_a_checkpoint_kept_elsewhere() {
    let (folder, _, hash) = log();
    let (others, other) = lines(acts("other").chain(["one-more".to_owned()]));
    put(folder.path(), &others, &format!("{} {other}\n", LINES + 1));
    assert!(verify(folder.path()).is_ok());
    let kept = Checkpoint { lines: LINES as u64, hash };
    assert!(matches!(verify_against(folder.path(), &kept), Err(Fault::Rewritten { line: 12 })));
    let longer = Checkpoint { lines: 99, hash: other };
    assert!(matches!(verify_against(folder.path(), &longer), Err(Fault::Truncated { expected: 99, found: 13 })));
}

#[test]
fn a_line_put_in_with_a_hash_of_its_own_is_found() {
    let (folder, mut lines, hash) = log();
    lines[5] = sealed(5, &"0".repeat(64), "forged").0;
    put(folder.path(), &lines, &format!("{LINES} {hash}\n"));
    assert!(matches!(verify(folder.path()), Err(Fault::Chain { line: 6 })));
}

#[test]
fn a_crash_between_line_and_checkpoint_is_no_fault_but_a_missing_checkpoint_is() {
    let (folder, whole, _) = log();
    let before = lines(acts("act").take(LINES - 1)).1;
    put(folder.path(), &whole, &format!("{} {before}\n", LINES - 1));
    assert!(verify(folder.path()).is_ok());
    fs::remove_file(folder.path().join("checkpoint")).expect("removed");
    assert!(matches!(verify(folder.path()), Err(Fault::NoCheckpoint)));
}

#[test]
fn what_is_no_log_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(matches!(verify(folder.path()), Err(Fault::Unreadable { .. })));
    let (first, hash) = sealed(0, &"0".repeat(64), "something-else");
    put(folder.path(), &[first], &format!("1 {hash}\n"));
    assert!(matches!(verify(folder.path()), Err(Fault::Opening)));
    for text in ["\n", "{}\n", "half", &"x".repeat(70_000)] {
        put(folder.path(), &[text.to_owned()], &format!("1 {hash}\n"));
        assert!(verify(folder.path()).is_err(), "{}", text.len());
    }
}

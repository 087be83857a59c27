//! The log as its writer leaves it, read by the checker that shares no code with it.

use caredata_engine::audit::{Act, Audit, Extent, Outcome};
use caredata_engine::error::{EngineError, Remark};
use caredata_verify::{Checkpoint, Fault, verify, verify_against};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

fn open(folder: &Path) -> Result<Audit, EngineError> {
    Audit::open(folder, "0123456789abcdef", Remark::parse("who", "tester").expect("a name"))
}

fn note(audit: &Audit, times: u64) {
    for faults in 0..times {
        audit.append(&Act::Checked { faults }, Outcome::Done).expect("noted");
    }
}

fn text(folder: &Path) -> String {
    fs::read_to_string(folder.join(Audit::FILE)).expect("a log")
}

#[test]
fn a_log_grows_over_openings_and_its_checker_agrees() {
    let folder = tempfile::tempdir().expect("a folder");
    let audit = open(folder.path()).expect("a log");
    assert_eq!(audit.append(&Act::Checked { faults: 0 }, Outcome::Done).expect("noted"), 1);
    drop(audit);
    let audit = open(folder.path()).expect("a log");
    let acts = [
        (Act::ObjectionsRead { extent: Extent::History }, Outcome::Allowed),
        (Act::RunRefused { code: "nobody-attested" }, Outcome::Denied),
    ];
    assert_eq!(audit.append_all(&acts).expect("noted"), 3);
    let head = audit.checkpoint().expect("a checkpoint");
    let report = verify(folder.path()).expect("the log holds");
    assert_eq!((report.lines, &report.hash), (4, &head.hash));
    let kept = Checkpoint { lines: head.lines, hash: head.hash };
    note(&audit, 3);
    assert_eq!(verify_against(folder.path(), &kept).expect("the log holds").lines, 7);
    assert!(
        text(folder.path())
            .contains(r#""act":"run-refused","details":{"code":"nobody-attested"},"who":"tester","outcome":"denied""#)
    );
}

#[test]
fn only_one_at_a_time_has_the_log_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let audit = open(folder.path()).expect("a log");
    assert_eq!(open(folder.path()).expect_err("open already").code(), "home-in-use");
    drop(audit);
    assert!(open(folder.path()).is_ok());
}

#[test]
fn half_a_line_that_a_crash_left_is_cut_off_and_noted() {
    let folder = tempfile::tempdir().expect("a folder");
    note(&open(folder.path()).expect("a log"), 2);
    let whole = text(folder.path());
    let next = whole.lines().last().expect("a line");
    for half in [1, 10, next.len() - 1, next.len()] {
        let mut file = OpenOptions::new().append(true).open(folder.path().join(Audit::FILE)).expect("a log");
        file.write_all(&next.as_bytes()[..half]).expect("written");
        drop(file);
        assert!(matches!(verify(folder.path()), Err(Fault::HalfLine { .. })));
        let before = text(folder.path()).lines().count();
        drop(open(folder.path()).expect("it recovers"));
        let now = text(folder.path());
        assert_eq!(now.lines().count(), before, "the half line is gone, a line that says so is there");
        assert!(now.ends_with('\n') && now.starts_with(&whole));
        let last = now.lines().last().expect("a line");
        assert!(last.contains(&format!(r#""act":"log-recovered","details":{{"bytes":{half}}}"#)), "{last}");
        verify(folder.path()).expect("the log holds");
    }
}

#[test]
fn a_crash_at_any_byte_of_an_append_leaves_a_log_that_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    note(&open(folder.path()).expect("a log"), 1);
    let (before, checkpoint) =
        (text(folder.path()), fs::read(folder.path().join(Audit::CHECKPOINT)).expect("a checkpoint"));
    note(&open(folder.path()).expect("a log"), 1);
    let after = text(folder.path());
    for length in (before.len()..=after.len()).step_by(7).chain([after.len()]) {
        fs::write(folder.path().join(Audit::FILE), &after[..length]).expect("written");
        fs::write(folder.path().join(Audit::CHECKPOINT), &checkpoint).expect("written");
        note(&open(folder.path()).expect("it opens"), 1);
        verify(folder.path()).expect("the log holds");
    }
}

#[test]
fn nothing_is_written_to_a_log_that_was_changed_from_outside() {
    let folder = tempfile::tempdir().expect("a folder");
    note(&open(folder.path()).expect("a log"), 4);
    let path = folder.path().join(Audit::FILE);
    let whole = text(folder.path());
    let short: String = whole.split_inclusive('\n').take(3).collect();
    let changed = whole.replace(r#""faults":3"#, r#""faults":0"#);
    // The line break taken from the last line: not a crash, since the checkpoint knows of the line.
    let open_ended = whole.trim_end().to_owned();
    for harmed in [short, changed, open_ended, String::new(), "\n".to_owned()] {
        fs::write(&path, &harmed).expect("written");
        assert_eq!(open(folder.path()).expect_err("it was changed").code(), "log-broken");
        assert_eq!(text(folder.path()), harmed, "evidence stays as it is");
    }
    fs::write(&path, &whole).expect("written");
    fs::remove_file(folder.path().join(Audit::CHECKPOINT)).expect("removed");
    assert_eq!(open(folder.path()).expect_err("no checkpoint").exit_code(), 4);
}

//! A wish that was answered for is there, whatever happens next: the program is killed right after its answer, and at any
//! moment before it.

mod common;

use common::{Place, succeeds};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};
use std::time::Duration;

const NUMBER: &[u8] = b"9434765919";

fn record(place: &Place, turn: u32) -> Child {
    let kind = if turn.is_multiple_of(2) { "object-all" } else { "withdraw-all" };
    let mut child = place
        .command("home", &["objection", "record", "--kind", kind, "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program runs");
    let mut input = child.stdin.take().expect("its input");
    // It may be killed before it reads.
    let _ = input.write_all(NUMBER);
    child
}

fn kinds(place: &Place) -> Vec<String> {
    let mut child = place
        .command("home", &["objection", "history", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    child.stdin.take().expect("its input").write_all(NUMBER).expect("written");
    let told = succeeds(&child.wait_with_output().expect("it ends"));
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    let kinds = told.as_array().expect("a list").iter().map(|event| event["kind"].as_str().expect("a kind").to_owned());
    kinds.collect()
}

#[test]
fn a_wish_outlives_the_program_that_answered_for_it() {
    let place = Place::new();
    place.init("home");
    for turn in 0..30 {
        let mut child = record(&place, turn);
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("an answer");
        // SIGKILL: nothing of the program's own runs after it.
        let _ = child.kill();
        child.wait().expect("it ends");
        assert!(!line.is_empty(), "it answers");
        if turn % 5 == 4 {
            assert_eq!(kinds(&place).len() as u32, turn + 1, "each that was answered for, once");
        }
    }
    succeeds(&place.caredata("home", &["audit", "verify"]));
}

#[test]
fn a_wish_cut_short_is_there_whole_or_not_at_all() {
    let place = Place::new();
    place.init("home");
    let mut least = 0;
    for turn in 0..30_u32 {
        let mut child = record(&place, turn);
        std::thread::sleep(Duration::from_micros(u64::from(turn) * 1_300));
        let _ = child.kill();
        let mut answer = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut answer).expect("read");
        child.wait().expect("it ends");
        let there = kinds(&place);
        let answered = usize::from(!answer.is_empty());
        assert!(there.len() >= least + answered && there.len() <= least + 1, "turn {turn}: {least} and then {there:?}");
        if there.len() > least {
            assert_eq!(
                there.last().map(String::as_str),
                Some(if turn % 2 == 0 { "object-all" } else { "withdraw-all" })
            );
        }
        least = there.len();
    }
    succeeds(&place.caredata("home", &["audit", "verify"]));
}

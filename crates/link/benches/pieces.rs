//! What the parts of linkage cost by themselves: `cargo bench -p caredata-link --features bench`.
//!
//! A made population in, the best of several times out, in nanoseconds a record. Plain clocks: the parts take milliseconds, and
//! the best of a few tells what the code costs when nobody disturbs it.
#![allow(clippy::print_stdout, reason = "a program that reports to who runs it")]

#[path = "../tests/common/mod.rs"]
mod common;

use caredata_link::pieces::{ByNumber, Ready};
use caredata_link::{Ids, Index, Settings, push_lines};
use std::hint::black_box;
use std::time::Instant;

const REGISTRATIONS: usize = 500_000;
const EVENTS: usize = 500_000;

fn main() {
    let (registrations, events, _) = common::population(REGISTRATIONS, EVENTS, 1);
    let (rows, happened) = (registrations.len(), events.len());
    println!("{rows} registrations, {happened} events; all threads unless said");
    let by_number = ByNumber::build(&registrations);
    time("index by NHS Number: build", rows, || ByNumber::build(&registrations));
    time("index by NHS Number: find (one thread)", happened, || by_number.find(&events));
    let index = Index::new();
    time("registrations into persons", rows, || Ready::persons(&index, &registrations));
    let ready = Ready::new(&index, &registrations, &events);
    time("frequencies", rows + happened, || ready.frequencies());
    time("early exits", happened, || ready.early());
    let doubtful = ready.judge();
    time("full judgement, of each doubtful event (one thread)", doubtful, || ready.judge());
    time("learning, of each event", happened, || ready.learn());
    time("all rounds of judgement, of each event", happened, || ready.judge_all());
    let linkage = common::link(&Settings::default(), &registrations, &events);
    let ids = (0..happened).map(|n| (500_000_000_000 + n).to_string()).collect::<String>();
    let ends: Vec<u32> = (1..=happened as u32).map(|n| n * 12).collect();
    let mut out = Vec::new();
    time("lines of links.csv (one thread)", happened, || {
        out.clear();
        push_lines(&mut out, "apc", &Ids::new(&ids, 0, &ends), &linkage.events);
        out.len()
    });
    time("linkage as a whole, of each record", rows + happened, || {
        common::link(&Settings::default(), &registrations, &events).diagnostics.early_exits
    });
}

/// Prints the best of seven.
fn time<T>(name: &str, records: usize, mut piece: impl FnMut() -> T) {
    let times = (0..7).map(|_| {
        let began = Instant::now();
        black_box(piece());
        began.elapsed()
    });
    let best = times.min().unwrap_or_default();
    let nanoseconds = best.as_secs_f64() * 1e9 / records.max(1) as f64;
    println!("{name:<52} {:>9.2} ms {nanoseconds:>9.1} ns a record", best.as_secs_f64() * 1e3);
}

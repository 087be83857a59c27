//! The power goes while wishes are noted: the register's file as the disk may have it then, opened again.
//!
//! What is not yet in the file itself stands in its write-ahead log, of which a power cut may leave any beginning, or an end
//! that was never written. Every wish that had been answered for by then is there, and no half of another.

use caredata_engine::error::Remark;
use caredata_engine::home::{Home, InitOptions, Policy};
use caredata_engine::register::{NewObjection, Register, Saying};
use caredata_model::{Day, Door, NhsNumber};
use std::fs;
use std::path::{Path, PathBuf};

const WISHES: usize = 40;
const CUTS: usize = 120;

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[test]
fn a_power_cut_takes_no_wish_that_was_answered_for_and_leaves_no_half() {
    let place = tempfile::tempdir().expect("a folder");
    let remark = |text: &str| Remark::parse("text", text).expect("a remark");
    let options = InitOptions {
        keys: Some(place.path().join("keys")),
        policy: Policy::default(),
        attestation: None,
        register: None,
        who: remark("tester"),
    };
    let home = Home::init(&place.path().join("home"), &options).expect("a home");
    let (register, audit) = (home.register().expect("a register"), home.audit(remark("tester")).expect("a log"));
    let (file, cut) = (home.folder().join("register.sqlite"), place.path().join("cut.sqlite"));
    let number = NhsNumber::parse("9434765919").expect("a number");
    // How long the log was when each wish was answered for.
    let mut answered = Vec::new();
    for turn in 0..WISHES {
        let kind = if turn % 2 == 0 { "object-all" } else { "withdraw-all" };
        let wish = NewObjection {
            number,
            kind: kind.parse().expect("a kind"),
            effective: Day::parse("2014-04-01").ok(),
            saying: Saying::by_person(Door::PatientLine, remark("tester")),
        };
        register.record(&audit, &wish).expect("noted");
        answered.push(fs::metadata(beside(&file, "-wal")).expect("a log").len() as usize);
    }
    let log = fs::read(beside(&file, "-wal")).expect("a log");
    assert!(answered.windows(2).all(|two| two[0] < two[1]), "nothing was moved to the file itself meanwhile");

    let mut state = 7_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for turn in 0..CUTS {
        let whole = random(log.len() + 1);
        let mut left = log[..whole].to_vec();
        match turn % 3 {
            0 => {}
            // The file had grown already, and its end was not written.
            1 => left.resize(log.len(), 0),
            _ => left.extend((0..random(9_000)).map(|at| (at * 31 + turn) as u8)),
        }
        fs::copy(&file, &cut).expect("copied");
        fs::write(beside(&cut, "-wal"), &left).expect("written");
        let _ = fs::remove_file(beside(&cut, "-shm"));
        let again = Register::open(&cut, &home.keys().register).expect("it opens");
        let there = again.history(&audit, number).expect("read");
        let owed = answered.iter().filter(|&&length| length <= whole).count();
        assert_eq!(there.len(), owed, "cut at {whole} of {}", log.len());
        for (turn, event) in there.iter().enumerate() {
            assert_eq!(event.kind.to_string(), if turn % 2 == 0 { "object-all" } else { "withdraw-all" });
            assert_eq!(event.recorded_by, "tester", "it is whole");
        }
        again.close().expect("closed");
    }
}

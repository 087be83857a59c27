//! Packages whose practice and centre disagree about objections: the practice is held and named, and the run goes on without it.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use caredata_engine::error::Remark;
use caredata_engine::home::{Attestation, Home, InitOptions, Policy};
use caredata_engine::packages::write_packages;
use caredata_engine::records::ReadView;
use caredata_engine::run::{RunInput, run};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const PATIENTS: &str = "practice_code,patient_id,nhs_number,date_of_birth,postcode,sex,ethnic_category,registration_date\n\
     A81001,1,9434765919,1971-03-05,LS1 4AP,1,A,2001-01-01\n\
     A81001,2,9434765870,1933-05-06,LS2 7UE,2,A,2001-01-01\n\
     A81002,1,4010232137,1950-01-02,LS6 3HN,2,A,2001-01-01\n";
const JOURNALS: &str = "practice_code,patient_id,record_id,event_date,recorded_date,code_system,code,value1,value2,unit,episode\n\
     A81001,1,e1,2014-04-02,2014-04-02,read2,N142.,,,,\n\
     A81001,2,e2,2014-04-02,2014-04-02,read2,N142.,,,,\n\
     A81001,2,e3,2014-04-03,2014-04-03,read2,9Nu4.,,,,\n\
     A81002,1,e4,2014-04-02,2014-04-02,read2,N142.,,,,\n";

fn remark(text: &str) -> Remark {
    Remark::parse("text", text).expect("a remark")
}

/// A home, and the packages of two practices.
fn packages() -> (TempDir, Home) {
    let place = tempfile::tempdir().expect("a folder");
    let gp = place.path().join("gp");
    fs::create_dir(&gp).expect("a folder");
    fs::write(gp.join("patients.csv"), PATIENTS).expect("written");
    fs::write(gp.join("journals.csv"), JOURNALS).expect("written");
    let period = "2014-04".parse().expect("a month");
    write_packages(&gp, period, &place.path().join("packages"), (&place.path().join("practice-keys"), None))
        .expect("packages");
    let attestation = Some(Attestation { name: remark("A. Tester"), reason: remark("invented people") });
    let options = InitOptions {
        keys: Some(place.path().join("keys")),
        policy: Policy::default(),
        attestation,
        register: None,
        who: remark("tester"),
    };
    let home = Home::init(&place.path().join("home"), &options).expect("a home");
    (place, home)
}

fn package(place: &Path) -> PathBuf {
    place.join("packages/A81001-2014-04")
}

/// Changes a package's manifest.
fn say(place: &Path, change: impl Fn(&mut serde_json::Value)) {
    let path = package(place).join("manifest.json");
    let mut manifest = serde_json::from_str(&fs::read_to_string(&path).expect("a manifest")).expect("JSON");
    change(&mut manifest);
    fs::write(path, manifest.to_string()).expect("written");
}

/// Replaces a file of a package, with its checksum.
fn put(place: &Path, name: &str, text: &str) {
    fs::write(package(place).join(name), text).expect("written");
    let mut sum = String::new();
    for byte in Sha256::digest(text) {
        write!(sum, "{byte:02x}").expect("text");
    }
    say(place, |manifest| manifest["files"][name] = sum.clone().into());
}

/// Runs the packages: the practices held with the reason in words, and how many entries are published.
fn outcome(place: &Path, home: &Home) -> (Vec<(String, String)>, i64) {
    let input = RunInput {
        gp: None,
        packages: Some(place.join("packages")),
        hospital: None,
        sources: Vec::new(),
        period: "2014-04".parse().expect("a month"),
        truth: None,
        accepted: Vec::new(),
    };
    let report = run(home, remark("tester"), &input, &()).expect("a run");
    let held = report.held.iter().map(|held| (held.practice.clone(), held.why.clone())).collect();
    let counted = ReadView::open(home).expect("a view").query("SELECT count(*) FROM journals").expect("read");
    (held, counted[0].column(0).as_primitive::<Int64Type>().value(0))
}

fn is_held(place: &Path, home: &Home, why: &str) {
    let (held, entries) = outcome(place, home);
    assert_eq!(held.len(), 1, "{held:?}");
    assert!(held[0].0 == "A81001" && held[0].1.contains(why), "{held:?}");
    assert_eq!(entries, 1, "the other practice's entry is published");
    let log: String = fs::read_dir(place.join("home/log"))
        .expect("a log")
        .filter_map(|file| fs::read_to_string(file.ok()?.path()).ok())
        .collect();
    assert!(log.contains("A81001"), "the log names the practice");
}

#[test]
fn packages_that_agree_are_taken() {
    let (place, home) = packages();
    // The second patient of the first practice objects to all use.
    assert_eq!(outcome(place.path(), &home), (vec![], 2));
}

#[test]
fn counts_that_differ_hold_the_practice() {
    for (count, other) in [("patients", 1), ("patients", 3), ("stopped", 1)] {
        let (place, home) = packages();
        say(place.path(), |manifest| manifest[count] = other.into());
        is_held(place.path(), &home, "counts");
    }
    for objections in [0, 2] {
        let (place, home) = packages();
        let manifest = fs::read_to_string(package(place.path()).join("manifest.json")).expect("a manifest");
        assert!(manifest.contains("object_all"), "{manifest}");
        say(place.path(), |manifest| manifest["wishes"]["object_all"] = objections.into());
        is_held(place.path(), &home, "counts");
    }
}

#[test]
fn a_token_that_stopped_and_is_sent_holds_the_practice() {
    let (place, home) = packages();
    let patients = fs::read_to_string(package(place.path()).join("patients.csv")).expect("patients");
    let token = patients.lines().nth(1).and_then(|line| line.rsplit(',').next()).expect("a token");
    put(place.path(), "stopped.csv", &format!("token\n{token}\n"));
    say(place.path(), |manifest| manifest["stopped"] = 1.into());
    is_held(place.path(), &home, "stopped");
}

#[test]
fn a_type_1_objection_in_a_package_holds_the_practice() {
    let (place, home) = packages();
    let journals = fs::read_to_string(package(place.path()).join("journals.csv")).expect("journals");
    assert!(journals.contains("N142."));
    put(place.path(), "journals.csv", &journals.replacen("N142.", "9Nu0.", 1));
    is_held(place.path(), &home, "type 1");
}

//! What leaves a practice: nothing of those who object, in every code system and order; and a package once written cannot
//! change unnoticed.

use caredata_extract::{
    Columns, ExtractError, InputFile, ObjectionCodes, Package, ReadOptions, SensitiveCodes, Source, Window,
    Withholding, WriteOptions, find_packages, open_package, read, write_packages,
};
use caredata_model::{Choice, Day, Scope};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const PATIENTS: &str =
    "practice_code,patient_id,nhs_number,date_of_birth,postcode,sex,ethnic_category,registration_date\n";
const JOURNALS: &str =
    "practice_code,patient_id,record_id,event_date,recorded_date,code_system,code,value1,value2,unit,episode\n";
const KEY: [u8; 32] = [7; 32];

fn today() -> Day {
    Day::parse("2014-04-30").expect("a day")
}

/// An export of patients 1 to `patients` of practice P1, each with one entry, and these lines besides.
fn export(gp: &Path, patients: u32, journal_lines: &[&str]) {
    fs::create_dir_all(gp).expect("a temporary folder");
    let mut list = PATIENTS.to_owned();
    let mut journal = JOURNALS.to_owned();
    for patient in 1..=patients {
        let _ = writeln!(list, "P1,{patient},943476591{patient},1956-03-0{patient},LS{patient} 4AP,2,A,2010-01-01");
        let _ = writeln!(journal, "P1,{patient},e{patient},2014-04-01,2014-04-01,read2,H33..,,,,N");
    }
    journal.extend(journal_lines.iter().map(|line| format!("P1,{line}\n")));
    fs::write(gp.join("patients.csv"), list).expect("a temporary file");
    fs::write(gp.join("journals.csv"), journal).expect("a temporary file");
}

fn write(gp: &Path, out: &Path, period: &str, ledger: Option<&Path>) -> Result<Vec<Package>, ExtractError> {
    let ledger = ledger.map(Path::to_owned);
    let of_practice = |_: &str| ledger.clone().unwrap_or_default();
    let options = WriteOptions {
        period: period.parse().expect("a period"),
        window: Window::default(),
        today: today(),
        token_key: &|_| KEY,
        ledger: if ledger.is_some() { Some(&of_practice) } else { None },
        supplier: None,
        objections: &ObjectionCodes::builtin(),
        sensitive: &SensitiveCodes::builtin(),
    };
    write_packages(gp, out, &options)
}

fn tokens(package: &Package) -> Vec<(String, String)> {
    let source = Source::builtin("gp-patients").expect("built in");
    let options = ReadOptions::with_columns(Columns::Identifiers);
    let read = read(&source, &[package.patients()], &options, |batch| {
        (0..batch.len()).map(|row| (batch.local_id(row).to_owned(), batch.token(row).to_owned())).collect::<Vec<_>>()
    });
    read.expect("a package can be read").results.concat()
}

#[test]
fn nothing_of_an_objector_leaves_and_the_counts_add_up() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (gp, out) = (folder.path().join("gp"), folder.path().join("out"));
    export(
        &gp,
        5,
        &[
            "1,o1,2014-01-10,2014-01-10,read2,9Nu0.00,,,,",
            "2,o2,2014-01-10,2014-01-10,ctv3,XaZ89,,,,",
            "2,o3,2014-02-10,2014-02-10,ctv3,XaZ8A,,,,",
            "3,o4,2012-01-10,2012-01-10,snomed,881561000000100,,,,",
            "4,s1,2014-04-02,2014-04-02,read2,A788.,,,,",
            "4,w1,2013-04-02,2013-04-02,read2,H33..,,,,",
            "9,n1,2014-04-02,2014-04-02,read2,H33..,,,,",
            "5,v1,2014-04-02,2014-04-02,snomed,75367002,120.5,80,mmHg,",
        ],
    );
    let before = fs::read(gp.join("journals.csv")).expect("written above");
    let packages = write(&gp, &out, "2014-04", None).unwrap_or_else(|error| panic!("{error}"));
    let manifest = &packages[0].manifest;
    assert_eq!((manifest.patients, manifest.entries, manifest.stopped), (4, 6, 0));
    let wishes = manifest.wishes;
    assert_eq!((wishes.object_gp, wishes.withdraw_gp, wishes.object_all, wishes.patients_withheld), (2, 1, 1, 1));
    let withheld = &manifest.withheld;
    assert_eq!((withheld.entries_of_objectors, withheld.entries_of_objection_codes), (2, 2));
    assert_eq!((withheld.entries_outside_window, withheld.entries_without_patient, withheld.rows_refused), (1, 1, 0));
    assert_eq!(withheld.sensitive_entries.values().sum::<u64>(), 1);
    let all: String = ["patients.csv", "journals.csv", "stopped.csv", "manifest.json"]
        .iter()
        .map(|name| fs::read_to_string(packages[0].folder.join(name)).expect("written above"))
        .collect();
    for absent in ["9434765911", "1956-03-01", "LS1 4AP", "P1,1,", "9Nu0", "XaZ8", "A788"] {
        assert!(!all.contains(absent), "{absent} left");
    }
    assert!(all.contains("881561000000100"), "the centre must learn of type 2 objections");
    assert!(all.contains("75367002,120.5,80,mmHg,"));
    let preview = fs::read_to_string(out.join("P1-2014-04.preview.html")).expect("written above");
    for absent in ["943476591", "1956-03", "4AP", "<script", "http://", "https://"] {
        assert!(!preview.contains(absent), "{absent} is in the preview");
    }
    assert_eq!(
        fs::read(gp.join("journals.csv")).expect("still there"),
        before,
        "the practice's own files are untouched"
    );
    assert_eq!(open_package(&packages[0].folder).expect("just written").manifest, *manifest);
    assert_eq!(find_packages(&out).expect("the folder is there"), [out.join("P1-2014-04")]);
}

#[test]
fn who_objects_after_being_sent_is_listed_as_stopped_by_token_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (gp, ledger) = (folder.path().join("gp"), folder.path().join("tokens.ledger"));
    for ledger in [None, Some(ledger.as_path())] {
        let out = folder.path().join(if ledger.is_some() { "with-ledger" } else { "without" });
        export(&gp, 3, &[]);
        let first = write(&gp, &out, "2014-03", ledger).unwrap_or_else(|error| panic!("{error}")).remove(0);
        let sent = tokens(&first);
        let (_, token) = sent.iter().find(|(patient, _)| patient == "2").expect("sent");
        if ledger.is_some() {
            fs::remove_dir_all(&out).expect("the package was sent and cleared away");
        }
        export(&gp, 3, &["2,o1,2014-04-10,2014-04-10,read2,9Nu0.,,,,"]);
        let second = write(&gp, &out, "2014-04", ledger).unwrap_or_else(|error| panic!("{error}")).remove(0);
        assert_eq!(second.stopped().expect("just written"), std::slice::from_ref(token));
        export(&gp, 3, &["2,o1,2014-04-10,2014-04-10,read2,9Nu0.,,,,", "2,o2,2014-04-20,2014-04-20,read2,9Nu1.,,,,"]);
        let third = write(&gp, &out, "2014-05", ledger).unwrap_or_else(|error| panic!("{error}")).remove(0);
        assert!(third.stopped().expect("just written").is_empty());
        assert_eq!(tokens(&third), sent, "the same tokens, month after month");
    }
    fs::write(&ledger, "P1,half a tok").expect("a temporary file");
    let message = write(&gp, folder.path(), "2014-06", Some(&ledger)).map(|_| ()).expect_err("damaged").to_string();
    assert!(message.contains("is damaged"), "{message}");
}

#[test]
fn a_package_changed_after_its_manifest_is_refused_by_name_of_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (gp, out) = (folder.path().join("gp"), folder.path().join("out"));
    export(&gp, 2, &[]);
    let fresh = || write(&gp, &out, "2014-04", None).unwrap_or_else(|error| panic!("{error}")).remove(0).folder;
    let refused = |expected: &str| {
        let message = open_package(&out.join("P1-2014-04")).map(|_| ()).expect_err(expected).to_string();
        assert!(message.contains(expected), "{message}");
    };
    let package = fresh();
    for name in ["patients.csv", "journals.csv", "stopped.csv"] {
        fs::write(package.join(name), "token\n0").expect("a temporary file");
        refused(&format!("{name} was changed after its manifest"));
        fs::remove_file(package.join(name)).expect("a temporary file");
        refused(&format!("{name} is missing"));
        fresh();
    }
    fs::write(package.join("more.csv"), "").expect("a temporary file");
    refused("more.csv is not in its manifest");
    fresh();
    let manifest = fs::read_to_string(package.join("manifest.json")).expect("just written");
    fs::write(package.join("manifest.json"), manifest.replace("\"format\": 1", "\"format\": 2")).expect("a file");
    refused("version 2");
    fs::write(package.join("manifest.json"), &manifest[..40]).expect("a file");
    refused("is damaged");
}

#[test]
fn bad_input_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (gp, out) = (folder.path().join("gp"), folder.path().join("out"));
    let refused = |expected: &str| {
        let message = write(&gp, &out, "2014-04", None).map(|_| ()).expect_err(expected).to_string();
        assert!(message.contains(expected), "{message}");
        let left = fs::read_dir(&out).map_or(0, Iterator::count);
        assert_eq!(left, 0, "something was left behind");
    };
    export(&gp, 2, &["2,o1,2014-04-10,2014-04-10,read2,9Nu0."]);
    refused("line 4: this row cannot be read");
    export(&gp, 2, &[",o1,2014-04-10,2014-04-10,read2,9Nu0.,,,,"]);
    refused("line 4: this row cannot be read (must have a value)");
    export(&gp, 2, &["2,o1,2014-04"]);
    let text = fs::read_to_string(gp.join("journals.csv")).expect("just written");
    fs::write(gp.join("journals.csv"), text.trim_end()).expect("a temporary file");
    refused("the file ends within a record");
    fs::remove_file(gp.join("journals.csv")).expect("a temporary file");
    refused("no journals file");
    export(&gp, 2, &[]);
    fs::write(gp.join("patients.csv"), format!("{PATIENTS}../x,1,,,,,,\n")).expect("a temporary file");
    refused("a practice code is not 1 to 12 letters or digits");
}

#[test]
fn an_objection_holds_whatever_its_dates() {
    for (case, lines, withheld) in [
        ("no date", ["1,o,,,read2,9Nu0.,,,,", ""], true),
        ("impossible date", ["1,o,2014-02-31,2014-13-01,read2,9Nu0.,,,,", ""], true),
        ("future date", ["1,o,2031-01-01,2014-01-01,read2,9Nu0.,,,,", ""], true),
        (
            "withdrawal without a date",
            ["1,o,2014-01-01,2014-01-01,read2,9Nu0.,,,,", "1,w,,2014-02-01,read2,9Nu1.,,,,"],
            true,
        ),
        (
            "withdrawn",
            ["1,o,2014-01-01,2014-01-01,read2,9Nu0.,,,,", "1,w,2014-02-01,2014-02-01,read2,9Nu1.,,,,"],
            false,
        ),
        ("words behind the code", ["1,o,2014-01-01,2014-01-01,read2,9Nu0. Dissent from secondary use,,,,", ""], true),
        ("system unknown", ["1,o,2014-01-01,2014-01-01,,827241000000103,,,,", ""], true),
    ] {
        let lines: Vec<String> =
            lines.iter().filter(|line| !line.is_empty()).map(|line| format!("P1,{line}")).collect();
        let lines = lines.join(
            "
",
        );
        let files = [InputFile::in_memory("journals.csv", format!("{JOURNALS}{lines}"))];
        let collected = Withholding::collect(&files, &ObjectionCodes::builtin(), &ReadOptions::default(), today());
        let withholding = collected.expect("a good file").withholding;
        assert_eq!(withholding.withholds("P1", "1"), withheld, "{case}");
        assert!(!withholding.withholds("P2", "1"));
    }
}

fn any_wish() -> impl Strategy<Value = (usize, bool, u32, u32)> {
    (0..3_usize, any::<bool>(), 1..5_u32, 1..5_u32)
}

proptest! {
    /// Whatever order and code systems wishes come in, the practice decides as the one rule does, and an objector's local
    /// id and number are nowhere in the package.
    #[test]
    fn any_history_is_judged_by_the_one_rule(said in proptest::collection::vec(any_wish(), 0..5)) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (gp, out) = (folder.path().join("gp"), folder.path().join("out"));
        let codes = [("read2", "9Nu0.", "9Nu1."), ("ctv3", "XaZ89", "XaZ8A"), ("snomed", "827241000000103", "827261000000102")];
        let lines: Vec<String> = said.iter().enumerate().map(|(place, &(system, object, event, recorded))| {
            let (system, objection, withdrawal) = codes[system];
            let code = if object { objection } else { withdrawal };
            format!("1,w{place},2014-02-0{event},2014-03-0{recorded},{system},{code},,,,")
        }).collect();
        export(&gp, 2, &lines.iter().map(String::as_str).collect::<Vec<_>>());
        let wishes: Vec<caredata_model::Wish> = said.iter().map(|&(_, object, event, recorded)| caredata_model::Wish {
            scope: Scope::GpRecord,
            choice: if object { Choice::Object } else { Choice::Withdraw },
            effective: Day::new(2014, 2, event).ok(),
            recorded: Day::new(2014, 3, recorded).ok(),
        }).collect();
        let stands = caredata_model::stands(&wishes, &Scope::GpRecord, today());
        let package = write(&gp, &out, "2014-04", None).unwrap_or_else(|error| panic!("{error}")).remove(0);
        let all = ["patients.csv", "journals.csv"].map(|name| fs::read_to_string(package.folder.join(name)).expect("written"));
        prop_assert_eq!(all.concat().contains("P1,1,"), !stands);
        prop_assert!(all.concat().contains("P1,2,"));
        prop_assert_eq!(package.manifest.wishes.patients_withheld, u64::from(stands));
    }
}

//! The decision table, as text that anybody can read: `decision_table.txt` beside this file. Rows pass real gates.
//!
//! With `CAREDATA_BLESS=1` the file is written anew; read the change before you keep it.

mod common;

use caredata_admit::{Disposal, Fate, Held, PersonAnswers, Policy, Reason, Setting, Subject, Tie};
use caredata_model::{Choice, Passage, PersonId, RecordKey, Scope, Wish};
use common::{
    APC, JOURNALS, NUMBER, PATIENTS, WRONG_NUMBER, admit, hospital_gate, journals_gate, name, number, register,
    registrations_gate, rows, terms, wish, withholding,
};
use std::path::Path;

const STATED: [(&str, &str); 3] = [("valid", NUMBER), ("missing", ""), ("wrong check digit", WRONG_NUMBER)];

/// What is known of the person's wishes.
fn wishes() -> Vec<(&'static str, Vec<Wish>, &'static str)> {
    use Choice::{Object, Withdraw};
    let gp = |choice, on| wish(Scope::GpRecord, choice, on);
    let all = |choice, on| wish(Scope::All, choice, on);
    let apc = || Scope::Source(name("apc"));
    let noted = "E85001,1,n,2014-01-10,2014-01-10,read2,9Nu0.,,,,\n";
    vec![
        ("nothing", vec![], ""),
        ("object-gp", vec![gp(Object, "2014-01-10")], ""),
        ("object-gp, withdrawn", vec![gp(Object, "2014-01-10"), gp(Withdraw, "2014-02-10")], ""),
        ("object-gp, noted at the practice", vec![], noted),
        ("object-all", vec![all(Object, "2014-01-10")], ""),
        ("object-all, withdrawn", vec![all(Object, "2014-01-10"), all(Withdraw, "2014-02-10")], ""),
        ("object-all, withdrawn from next month", vec![all(Object, "2014-01-10"), all(Withdraw, "2014-06-01")], ""),
        ("object-all, no date", vec![Wish { effective: None, recorded: None, ..all(Object, "") }], ""),
        ("object-source:apc", vec![wish(apc(), Object, "2014-01-10")], ""),
        ("object-gp and object-all", vec![gp(Object, "2014-01-10"), all(Object, "2014-01-10")], ""),
    ]
}

fn words(fate: Fate, setting: Setting) -> String {
    match fate {
        Fate::Admitted => "goes on".to_owned(),
        Fate::Withheld(reason) => {
            let disposal = match setting.disposal() {
                Disposal::Sealed => "sealed",
                Disposal::Dropped => "not kept",
            };
            let held = match reason.identifiers() {
                Held::ForTheRecord | Held::ForMatchingAlone => "matching alone",
                Held::NotAtAll => "no matching",
            };
            format!("{disposal}, {held}: {}", reason.name())
        }
    }
}

fn table() -> String {
    let mut text = String::from(
        "What becomes of a row, by what its person said, where the row comes from, and the NHS Number that it states.\n\
         Gate 1 asks by the row itself; gate 2 by the person that the row links to, who is known by a valid number.\n\n",
    );
    text.push_str(&line(["the person said", "row of", "number stated", "gate 1, by record", "gate 2, by person"]));
    for (said, events, journal) in wishes() {
        let register = register(events.into_iter().map(|wish| (Subject::Number(number()), wish)).collect());
        let person = PersonId::from_bits(1);
        let known_by = [(person, Subject::Record(RecordKey::from_bits(1))), (person, Subject::Number(number()))];
        let answers = PersonAnswers::decide(&register, known_by, Policy::default());
        let (terms, noted) = (terms(register), withholding(journal));
        for (stated, digits) in STATED {
            let patients = format!("E85001,1,{digits},1956-03-09,LS1 4AP,2,A,2001-02-03\n");
            let registered =
                admit(&registrations_gate(&terms, &noted), &rows(&common::source("gp-patients"), PATIENTS, &patients));
            let entry = "E85001,1,17,2014-04-02,2014-04-02,read2,G30..,,,,\n";
            let entries = admit(
                &journals_gate(&terms, &noted, &registered),
                &rows(&common::source("gp-journals"), JOURNALS, entry),
            );
            let episode = format!("1001,RXH,77,{digits},1956-03-09,LS1 4AP,2,A,2014-04-02,2014-04-05,21,I219\n");
            let episodes = admit(&hospital_gate(&terms), &rows(&common::source("apc"), APC, &episode));
            for (source, gp, admitted) in
                [("gp-patients", true, &registered), ("gp-journals", true, &entries), ("apc", false, &episodes)]
            {
                let setting = if gp { Setting::GeneralPractice } else { Setting::Elsewhere };
                let by_record = admitted[0].fates()[0];
                let by_person: Fate = answers
                    .of_source(Passage::LinkedRecord, setting, &name(source))
                    .withhold(person, Tie::Somebody)
                    .into();
                let second = match by_record {
                    Fate::Admitted => words(by_person, setting),
                    Fate::Withheld(_) => "-".to_owned(),
                };
                text.push_str(&line([said, source, stated, &words(by_record, setting), &second]));
            }
        }
    }
    text
}

fn line(cells: [&str; 5]) -> String {
    let [said, source, stated, first, second] = cells;
    format!("{said:<38} {source:<12} {stated:<18} {first:<46} {second}\n")
}

#[test]
fn the_decision_table_is_the_one_agreed() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decision_table.txt");
    let table = table();
    if std::env::var_os("CAREDATA_BLESS").is_some() {
        std::fs::write(&file, &table).expect("the file can be written");
    }
    let agreed = std::fs::read_to_string(&file).expect("tests/decision_table.txt can be read");
    assert!(agreed == table, "the decisions are not those of tests/decision_table.txt:\n{table}");
}

/// What the table must say whatever else changes: after both gates nothing that an objection covers is left.
#[test]
fn no_line_lets_an_objection_through() {
    for line in table().lines().skip(4) {
        let said = &line[..38];
        let covered = (said.starts_with("object-all") && !said.contains("withdrawn "))
            || said.contains("next month")
            || said.contains("and object-all")
            || (said.starts_with("object-gp") && !said.contains("withdrawn") && line[39..].starts_with("gp-"))
            || (said.starts_with("object-source:apc") && line[39..].starts_with("apc"));
        let goes_on = line.trim_end().ends_with("goes on");
        assert_eq!(goes_on, !covered, "{line}");
    }
    assert_eq!(Reason::ALL.len(), 10, "a new reason needs a line here");
}

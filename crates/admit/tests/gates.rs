//! The gates on rows read from text: objections in every order and code system, days, duplicates, sums.

mod common;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int32Type, Int64Type};
use arrow_array::{Array, BooleanArray};
use caredata_admit::{
    Admitted, Attestation, Duplicates, Fate, Gate, Held, PersonAnswers, Policy, Reason, RecordKeys, Register, Room,
    Setting, Subject, Tally, Tie, columns,
};
use caredata_model::{Choice, CodeSystem, Day, Passage, PersonId, Scope, Wish, stands};
use common::{
    APC, JOURNALS, NUMBER, PATIENTS, ReadRows, admit, hospital_gate, journals_gate, number, register,
    registrations_gate, rows, source, terms, today, withholding,
};
use proptest::prelude::*;
use std::fmt::Write as _;

const PATIENT: &str = "E85001,1,9434765919,1956-03-09,LS1 4AP,2,A,2001-02-03\n";

fn nobody_objects() -> Register {
    Register::attested(&Attestation::new("A. Guardian", "a test").expect("a name and a reason"), today())
}

fn sum(admitted: &[Admitted], read: &ReadRows) -> Tally {
    let mut tally = Tally::default();
    for batch in admitted {
        tally += &batch.tally;
    }
    tally.quarantine(read.rows_refused);
    tally.check("a test", read.rows_in).expect("the sum holds");
    tally
}

fn day(text: &str) -> i32 {
    Day::parse(text).expect("a day").days_since_1970()
}

fn payload_rows(admitted: &[Admitted]) -> usize {
    admitted.iter().map(|batch| batch.payload.len()).sum()
}

#[test]
fn payload_and_identifiers_are_parted() {
    let terms = terms(nobody_objects());
    let read =
        rows(&source("apc"), APC, "1001,RXH,77,9434765919,1956-03-09,LS1 4AP,2,A,2014-04-02,2014-04-05,21,I219\n");
    let admitted = admit(&hospital_gate(&terms), &read);
    let batch = &admitted[0];
    let identified = &batch.identified[0];
    let keys = RecordKeys::new(&terms.secret, &common::name("apc"));
    assert_eq!((identified.key, identified.link_key), (keys.key("1001"), keys.key("1001")));
    assert_eq!((&*identified.provider, &*identified.local_key), ("RXH", "1001"));
    assert_eq!(identified.local_id, keys.local_id("RXH", "77"));
    assert_eq!((identified.held, identified.identifiers.nhs_number()), (Held::ForTheRecord, Some(number())));
    let rows = batch.payload.batch();
    assert_eq!(rows[columns::RECORD_KEY].as_primitive::<Int64Type>().value(0), identified.key.value());
    assert_eq!(rows[columns::SEX].as_string::<i32>().value(0), "2");
    assert_eq!(rows[columns::BIRTH_YEAR].as_primitive::<Int32Type>().value(0), 1956);
    assert_eq!(rows["diagnosis_01"].as_string::<i32>().value(0), "I219");
    for column in rows.columns() {
        if let Some(texts) = column.as_string_opt::<i32>() {
            for text in texts.iter().flatten() {
                assert!(
                    ![NUMBER, "77", "1001", "LS1 4AP"].contains(&text),
                    "an identifier or local key in the payload"
                );
            }
        }
    }
    assert!(!format!("{admitted:?}").contains("1001"), "Debug shows no local key");
    sum(&admitted, &read);
}

#[test]
fn days_of_infants_births_and_unknown_births_go_to_the_month() {
    let terms = terms(nobody_objects());
    let lines = "1,RXH,1,,2014-03-30,,1,A,2014-04-17,2014-04-19,21,J210\n\
                 2,RXH,2,,1956-03-09,,2,A,2014-04-17,2014-04-19,21,I219\n\
                 3,RXH,3,,1986-03-09,,2,A,2014-04-17,2014-04-19,31,O800\n\
                 4,RXH,4,,,,2,A,2014-04-17,2014-04-19,21,I219\n";
    let read = rows(&source("apc"), APC, lines);
    let admitted = admit(&hospital_gate(&terms), &read);
    let batch = admitted[0].payload.batch();
    let of = |name: &str| batch[name].as_primitive::<Date32Type>().values().to_vec();
    let (cut, kept) = (day("2014-04-01"), day("2014-04-17"));
    assert_eq!(of(columns::EVENT_DAY), [cut, kept, cut, cut]);
    assert_eq!(of("discharge_day"), [cut, day("2014-04-19"), cut, cut]);
    let exact: &BooleanArray = batch[columns::DAY_EXACT].as_boolean();
    assert_eq!(exact.values().iter().collect::<Vec<_>>(), [false, true, false, false]);
}

#[test]
fn journals_share_their_registration_s_days_and_link_through_it() {
    let terms = terms(nobody_objects());
    let noted = withholding("");
    let patients = format!("{PATIENT}E85001,2,,2014-03-30,,1,A,2014-04-17\n");
    let registered = admit(&registrations_gate(&terms, &noted), &rows(&source("gp-patients"), PATIENTS, &patients));
    let entries = "E85001,1,a,2014-04-17,2014-04-18,read2,H33..,,,,\n\
                   E85001,2,b,2014-04-17,2014-04-18,read2,H33..,,,,\n\
                   E85001,1,c,2014-04-17,2014-04-18,read2,L200.,,,,\n\
                   E85001,9,d,2014-04-17,2014-04-18,read2,H33..,,,,\n";
    let read = rows(&source("gp-journals"), JOURNALS, entries);
    let admitted = admit(&journals_gate(&terms, &noted, &registered), &read);
    let batch = &admitted[0];
    assert_eq!(batch.fates()[3], Fate::Withheld(Reason::NoRegistration));
    let days = batch.payload.batch()[columns::EVENT_DAY].as_primitive::<Date32Type>();
    assert_eq!(days.values()[..], [day("2014-04-17"), day("2014-04-01"), day("2014-04-01")]);
    let link = batch.payload.batch()[columns::LINK_KEY].as_primitive::<Int64Type>();
    let registration = registered[0].identified[0].key.value();
    assert_eq!((link.value(0), link.value(2)), (registration, registration));
    assert!(batch.identified.is_empty() && batch.payload.batch()[columns::SEX].is_null(0));
    sum(&admitted, &read);
}

#[test]
fn notes_of_objections_and_sensitive_codes_are_never_payload() {
    let terms = terms(nobody_objects());
    let mut entries = String::new();
    let codes = [
        ("read2", "9Nu0"),
        ("read2", "9Nu1."),
        ("read2", "9Nu4.00"),
        ("read2", "9Nu5."),
        ("ctv3", "XaZ89"),
        ("ctv3", "XaaVM"),
        ("snomed", "881561000000100"),
        ("snomed", "827261000000102"),
        ("unknown", "9Nu0."),
        ("SNOMED", "827241000000103"),
    ];
    for (nth, (system, code)) in codes.iter().enumerate() {
        // The withdrawals come last, so that nobody is withheld and only the code speaks.
        let _ = writeln!(entries, "E85001,1,{nth},2014-01-01,2014-01-01,{system},{code},,,,");
    }
    entries.push_str(
        "E85001,1,k,2014-04-01,2014-04-01,read2,43C3.,,,,\nE85001,1,l,2014-04-01,2014-04-01,read2,H33..,,,,\n",
    );
    let noted = withholding("");
    let registered = admit(&registrations_gate(&terms, &noted), &rows(&source("gp-patients"), PATIENTS, PATIENT));
    let read = rows(&source("gp-journals"), JOURNALS, &entries);
    let admitted = admit(&journals_gate(&terms, &noted, &registered), &read);
    let fates = admitted[0].fates();
    assert!(fates[..codes.len()].iter().all(|&fate| fate == Fate::Withheld(Reason::ObjectionEntry)), "{fates:?}");
    assert_eq!(fates[codes.len()..], [Fate::Withheld(Reason::SensitiveCode), Fate::Admitted]);
    let tally = sum(&admitted, &read);
    assert_eq!((tally.withheld_for(Reason::ObjectionEntry), tally.withheld_for(Reason::SensitiveCode)), (10, 1));
}

#[test]
fn a_held_provider_is_held_and_the_others_go_on() {
    let mut terms = terms(nobody_objects());
    terms.held_providers.insert("RXH".to_owned());
    let lines = "1,RXH,1,,1956-03-09,,2,A,2014-04-17,2014-04-19,21,I219\n2,RAA,1,,1956-03-09,,2,A,2014-04-17,2014-04-19,21,I219\n";
    let admitted = admit(&hospital_gate(&terms), &rows(&source("apc"), APC, lines));
    assert_eq!(admitted[0].fates(), [Fate::Withheld(Reason::ProviderHeld), Fate::Admitted]);
    assert_eq!((admitted[0].identified.len(), admitted[0].withheld.len()), (1, 1));
}

#[test]
fn later_rows_of_a_key_are_quarantined_by_file_and_line() {
    let objects = Wish { scope: Scope::All, choice: Choice::Object, effective: None, recorded: None };
    let terms = terms(register(vec![(Subject::Number(number()), objects)]));
    let row = |key: u32, digits: &str| format!("{key},RXH,1,{digits},1956-03-09,,2,A,2014-04-17,2014-04-19,21,I219\n");
    // The second and third rows of key 1 are an objector's and another's; key 2 is an objector's twice.
    let lines = [row(1, ""), row(1, NUMBER), row(2, NUMBER), row(3, ""), row(1, ""), row(2, NUMBER)].concat();
    let read = rows(&source("apc"), APC, &lines);
    let admitted = admit(&hospital_gate(&terms), &read);
    let keys: Vec<&[i64]> = admitted.iter().map(Admitted::keys).collect();
    let duplicates = Duplicates::find(&keys);
    let mut tally = Tally::default();
    let mut refused = Vec::new();
    let mut left = (0, 0, 0);
    for (place, batch) in admitted.into_iter().enumerate() {
        let (batch, rejections) = batch.without(&duplicates, place).expect("columns that fit");
        refused.extend(rejections);
        left = (left.0 + batch.payload.len(), left.1 + batch.withheld.len(), left.2 + batch.identified.len());
        tally += &batch.tally;
    }
    assert_eq!(refused.iter().map(|row| row.line).collect::<Vec<_>>(), [3, 6, 7]);
    assert_eq!(refused[0].to_string(), "rows.csv line 3: its record key stands on an earlier line too (row refused)");
    assert_eq!(left, (2, 1, 3));
    assert_eq!((tally.admitted(), tally.withheld(), tally.quarantined()), (2, 1, 3));
    tally.check("apc", read.rows_in).expect("the sum holds");
}

#[test]
fn a_gate_for_another_kind_of_source_is_refused() {
    let terms = terms(nobody_objects());
    assert!(Gate::new(&source("gp-patients"), Room::Elsewhere, terms.clone()).is_err());
    assert!(Gate::new(&source("gp-journals"), Room::Elsewhere, terms.clone()).is_err());
    let room = Room::Registrations { withholding: withholding("") };
    assert!(Gate::new(&source("apc"), room, terms).is_err());
}

/// A wish with the code system that notes it; days count from a fixed one, before and after today.
fn any_wish() -> impl Strategy<Value = (Wish, CodeSystem)> {
    let days = || proptest::option::weighted(0.85, -40..20_i32);
    let system = prop_oneof![Just(CodeSystem::Read2), Just(CodeSystem::Ctv3), Just(CodeSystem::Snomed)];
    (any::<bool>(), any::<bool>(), days(), days(), system).prop_map(|(gp, object, effective, recorded, system)| {
        let wish = Wish {
            scope: if gp { Scope::GpRecord } else { Scope::All },
            choice: if object { Choice::Object } else { Choice::Withdraw },
            effective: effective.map(|days| today().plus_days(days)),
            recorded: recorded.map(|days| today().plus_days(days)),
        };
        (wish, system)
    })
}

fn entry(nth: usize, (wish, system): &(Wish, CodeSystem)) -> String {
    let gp = wish.scope == Scope::GpRecord;
    let code = match (system, gp, wish.choice) {
        (CodeSystem::Read2, true, Choice::Object) => "9Nu0.",
        (CodeSystem::Read2, true, Choice::Withdraw) => "9Nu1.",
        (CodeSystem::Read2, false, Choice::Object) => "9Nu4",
        (CodeSystem::Read2, false, Choice::Withdraw) => "9Nu5.00",
        (CodeSystem::Ctv3, true, Choice::Object) => "XaZ89",
        (CodeSystem::Ctv3, true, Choice::Withdraw) => "XaZ8A",
        (CodeSystem::Ctv3, false, Choice::Object) => "XaaVL",
        (CodeSystem::Ctv3, false, Choice::Withdraw) => "XaaVM",
        (CodeSystem::Snomed | CodeSystem::Dmd, true, Choice::Object) => "827241000000103",
        (CodeSystem::Snomed | CodeSystem::Dmd, true, Choice::Withdraw) => "827261000000102",
        (CodeSystem::Snomed | CodeSystem::Dmd, false, Choice::Object) => "881561000000100",
        (CodeSystem::Snomed | CodeSystem::Dmd, false, Choice::Withdraw) => "881581000000109",
    };
    let text = |day: Option<Day>| day.map_or_else(String::new, |day| day.to_string());
    format!("E85001,1,w{nth},{},{},{system},{code},,,,\n", text(wish.effective), text(wish.recorded))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    /// Whatever was said, in whatever code system and order: a type 1 objector's GP rows never pass, a type 2 objector's rows
    /// never pass both gates, also where the row states no number or another's, and every row is counted.
    #[test]
    fn objections_hold_in_every_order_and_code_system(
        said in proptest::collection::vec(any_wish(), 0..5),
        registered_number in prop_oneof![Just(NUMBER), Just(""), Just("9434765918")],
        row_number in prop_oneof![Just(NUMBER), Just(""), Just("9434765918"), Just("9434765870")],
    ) {
        let wishes: Vec<&Wish> = said.iter().map(|(wish, _)| wish).collect();
        let type1 = stands(wishes.iter().copied(), &Scope::GpRecord, today());
        let type2 = stands(wishes.iter().copied(), &Scope::All, today());
        let mut journal: String = said.iter().enumerate().map(|(nth, said)| entry(nth, said)).collect();
        journal.push_str("E85001,1,x,2014-04-02,2014-04-02,read2,H33..,,,,\n");
        let noted = withholding(&journal);

        // As a run does: type 2 wishes go to the number where the registration has a valid one, else to the registration.
        let key = RecordKeys::new(&caredata_admit::RecordKeySecret::new([7; 32]), &common::name("gp-patients")).key("E85001/1");
        let subject = if registered_number == NUMBER { Subject::Number(number()) } else { Subject::Record(key) };
        let events = wishes.iter().filter(|wish| wish.scope == Scope::All).map(|&wish| (subject, wish.clone())).collect();
        let terms = terms(register(events));

        let patients = rows(&source("gp-patients"), PATIENTS, &PATIENT.replace(NUMBER, registered_number));
        let registered = admit(&registrations_gate(&terms, &noted), &patients);
        sum(&registered, &patients);
        let entries = rows(&source("gp-journals"), JOURNALS, &journal);
        let journals = admit(&journals_gate(&terms, &noted, &registered), &entries);
        let journal_tally = sum(&journals, &entries);
        let objects = type1 || type2;
        prop_assert_eq!(payload_rows(&registered), usize::from(!objects));
        prop_assert_eq!(payload_rows(&journals), usize::from(!objects), "only the ordinary entry ever goes on");
        let only_type1 = type1 && !type2;
        prop_assert_eq!(registered[0].identified.is_empty(), only_type1, "a type 1 objector's identifiers are not kept");
        prop_assert!(journals.iter().all(|batch| batch.withheld.is_empty()), "nothing of a GP record is sealed");
        prop_assert_eq!(journal_tally.admitted(), u64::from(!objects));

        // A hospital row that linkage ties to the person, whatever number it states.
        let line = format!("1001,RXH,77,{row_number},1956-03-09,LS1 4AP,2,A,2014-04-02,2014-04-05,21,I219\n");
        let episodes = rows(&source("apc"), APC, &line);
        let hospital = admit(&hospital_gate(&terms), &episodes);
        sum(&hospital, &episodes);
        prop_assert_eq!(hospital[0].identified.len(), 1, "identifiers that are lawfully held stay, for matching");
        let person = PersonId::from_bits(5);
        let identified = registered.iter().chain(&hospital).flat_map(|batch| &batch.identified);
        let known_by: Vec<(PersonId, Subject)> = identified
            .flat_map(|one| {
                let number = one.identifiers.nhs_number().map(|number| (person, Subject::Number(number)));
                number.into_iter().chain([(person, Subject::Record(one.key))])
            })
            .collect();
        let answers = PersonAnswers::decide(&terms.register, known_by, Policy::default());
        let second = answers.of_source(Passage::LinkedRecord, Setting::Elsewhere, &common::name("apc")).withhold(person, Tie::Somebody);
        let passes = payload_rows(&hospital) == 1 && second.is_none();
        // Where a type 2 objection stands, the registration is held for matching whatever else was noted, and reaches the row.
        prop_assert_eq!(passes, !type2);
        if payload_rows(&hospital) == 0 {
            prop_assert_eq!(hospital[0].withheld.len(), 1, "sealed, not lost");
        }
        let gp = answers.of_source(Passage::LinkedRecord, Setting::GeneralPractice, &common::name("gp-journals")).withhold(person, Tie::Somebody);
        prop_assert!(!type2 || gp == Some(Reason::ObjectedAll));
    }
}

//! Declarations and code sets: what is shipped can be read, what is wrong is refused with a reason.

use caredata_extract::{ObjectionCodes, Recognised, SensitiveCodes, Source};
use caredata_model::{Choice, CodeSystem, Day, Scope};

const OBJECTIONS: &str = include_str!("../codes/objections.toml");

fn day(text: &str) -> Option<Day> {
    Day::parse(text).ok()
}

#[test]
fn what_is_shipped_can_be_read() {
    for name in Source::BUILTIN {
        let source = Source::builtin(name).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(source.name.as_str(), name);
        let identifiers = source.identifiers.iter().flat_map(caredata_extract::IdentifierColumns::names);
        for hidden in source.key.iter().map(String::as_str).chain(identifiers).chain(source.local_id.as_deref()) {
            assert!(source.columns.iter().all(|column| column.file_name != hidden), "{name} would publish {hidden}");
        }
    }
    assert!(SensitiveCodes::builtin().is_sample());
    assert!(!ObjectionCodes::builtin().version().is_empty());
}

#[test]
fn declarations_that_cannot_hold_are_refused() {
    let good = "name='x'\ntitle='X'\ntable='other'\nfiles=['x']\nkey=['id']\nprovider='p'\nevent_day=['d']\n";
    assert!(Source::parse(good).is_ok());
    let column = "[[columns]]\nname='A'\ntype='code'\n";
    for (text, expected) in [
        (good.replace("'x'\nt", "'X y'\nt"), "not a source's name"),
        (good.replace("key=['id']", "key=[]"), "`key` is empty"),
        (format!("{good}{column}{column}"), "declared twice"),
        (format!("{good}{column}numbers=[1,3]\n"), "need a `#`"),
        (format!("{good}{column}as='a b'\n"), "cannot name a column"),
        (format!("{good}colour='red'\n"), "unknown field"),
        (format!("{good}link_key=['other']\n"), "first columns of `key`"),
        (format!("{good}[[births]]\ncolumns=['nix']\nprefixes=['O8']\n"), "the column nix"),
    ] {
        let message = Source::parse(&text).map(|_| ()).expect_err(expected).to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn every_written_form_of_every_code_is_recognised() {
    let codes = ObjectionCodes::builtin();
    let table = [
        (CodeSystem::Read2, ["9Nu0", "9Nu0.", "9Nu0.00", " 9Nu0.11 "].as_slice(), Scope::GpRecord, Choice::Object),
        (CodeSystem::Read2, &["9Nu1", "9Nu1.", "9Nu1.00"], Scope::GpRecord, Choice::Withdraw),
        (CodeSystem::Read2, &["9Nu4", "9Nu4.", "9Nu4.00"], Scope::All, Choice::Object),
        (CodeSystem::Read2, &["9Nu5", "9Nu5.", "9Nu5.00"], Scope::All, Choice::Withdraw),
        (CodeSystem::Ctv3, &["XaZ89", "XaZ8900"], Scope::GpRecord, Choice::Object),
        (CodeSystem::Ctv3, &["XaZ8A"], Scope::GpRecord, Choice::Withdraw),
        (CodeSystem::Ctv3, &["XaaVL"], Scope::All, Choice::Object),
        (CodeSystem::Ctv3, &["XaaVM"], Scope::All, Choice::Withdraw),
        (CodeSystem::Snomed, &["827241000000103"], Scope::GpRecord, Choice::Object),
        (CodeSystem::Snomed, &["827261000000102"], Scope::GpRecord, Choice::Withdraw),
        (CodeSystem::Snomed, &["881561000000100"], Scope::All, Choice::Object),
        (CodeSystem::Snomed, &["881581000000109"], Scope::All, Choice::Withdraw),
    ];
    for (system, forms, scope, choice) in table {
        for form in forms {
            let Some(Recognised::Counts(wish)) = codes.wish(system, form, day("2014-01-02"), day("2014-01-02")) else {
                panic!("{form} of {system} is not recognised");
            };
            assert_eq!((&wish.scope, wish.choice), (&scope, choice), "{form}");
        }
    }
    for other in ["9Nu", "9Nu2.", "9nu0.", "H33..", ""] {
        assert_eq!(codes.wish(CodeSystem::Read2, other, None, None), None, "{other}");
    }
}

#[test]
fn in_doubt_about_the_code_system_an_objection_counts_and_a_withdrawal_does_not() {
    let codes = ObjectionCodes::builtin();
    for system in ["", "Read", "icd10"] {
        assert!(codes.wish_as_written(system, "9Nu0.", None, None).is_some());
        assert!(codes.wish_as_written(system, "9Nu1.", day("2014-01-02"), None).is_none());
    }
    assert!(codes.wish_as_written("READ2", "9Nu1.", day("2014-01-02"), None).is_some());
}

#[test]
fn type_2_after_its_last_day_is_reported_not_dropped() {
    let codes = ObjectionCodes::builtin();
    let judged = |code: &str, event, recorded| codes.wish(CodeSystem::Read2, code, event, recorded);
    let (early, last, late) = (day("2014-05-01"), day("2018-10-11"), day("2018-10-12"));
    for (code, event, recorded, counts) in [
        ("9Nu4.", early, early, true),
        ("9Nu4.", early, last, true),
        ("9Nu4.", early, late, false),
        ("9Nu4.", late, None, true),
        ("9Nu4.", None, None, true),
        ("9Nu5.", early, late, false),
        ("9Nu5.", early, None, true),
        ("9Nu5.", None, None, false),
        ("9Nu0.", late, late, true),
    ] {
        match judged(code, event, recorded) {
            Some(Recognised::Counts(_)) => assert!(counts, "{code} {event:?} {recorded:?}"),
            Some(Recognised::NoLongerCounts(_)) => assert!(!counts, "{code} {event:?} {recorded:?}"),
            None => panic!("{code} is not recognised"),
        }
    }
}

#[test]
fn code_sets_that_take_the_way_back_are_refused() {
    let without = OBJECTIONS.replace("\"withdraw-gp\"", "\"object-gp\"");
    let message = ObjectionCodes::parse(&without).map(|_| ()).expect_err("no withdrawals").to_string();
    assert!(message.contains("nobody could change their mind"), "{message}");
    let empty = "version='1'\nobject_all_recorded_until='2018-10-11'\ncodes=[]\n";
    assert!(ObjectionCodes::parse(empty).is_err());
    let twice = format!("{OBJECTIONS}\n[[codes]]\nmeans='withdraw-gp'\nsystem='read2'\ncode='9Nu0.'\ncertain=true\n");
    assert!(ObjectionCodes::parse(&twice).map(|_| ()).expect_err("two meanings").to_string().contains("9Nu0."));
    assert!(SensitiveCodes::parse("version='1'\nsample=true\nsets=[]\n").is_err());
}

#[test]
fn sensitive_codes_are_found_in_every_form() {
    let codes = SensitiveCodes::builtin();
    for (system, code) in
        [("read2", "A788."), ("read2", "A788200"), ("read2", "133S."), ("snomed", "86406008"), ("?", "86406008")]
    {
        assert!(codes.subject(system, code).is_some(), "{system} {code}");
    }
    assert_eq!(codes.subject("read2", "H33.."), None);
    assert_eq!(codes.subject("snomed", "864060081"), None);
}

#[test]
fn an_objection_is_heard_under_whatever_system_and_as_spreadsheets_write_it() {
    let codes = ObjectionCodes::builtin();
    let heard = |system: &str, code: &str| match codes.wish_as_written(system, code, day("2014-01-02"), None) {
        Some(Recognised::Counts(wish)) => Some(wish.choice),
        Some(Recognised::NoLongerCounts(_)) | None => None,
    };
    for (system, code) in [
        ("ctv3", "9Nu0."),
        ("snomed", "9Nu0."),
        ("read2", "XaZ89"),
        ("read2", "827241000000103"),
        ("snomed", "827241000000103.0"),
        ("read2", "827241000000103.0"),
        ("snomed", "8.27241E+14"),
        ("snomed", "\t827241000000103"),
    ] {
        assert_eq!(heard(system, code), Some(Choice::Object), "{system} {code}");
    }
    for (system, code) in [("ctv3", "9Nu1."), ("read2", "XaZ8A"), ("snomed", "8.27261E+14")] {
        assert_eq!(heard(system, code), None, "a withdrawal counts in its own system alone: {system} {code}");
    }
    assert_eq!(heard("snomed", "827261000000102.0"), Some(Choice::Withdraw));
}

//! A home and its register: made whole or not at all, guarded, append-only, and silent about whom it is about.
#![allow(clippy::print_stderr, reason = "a failure on the other database needs its place")]

#[path = "support/postgres.rs"]
mod postgres;

use caredata_engine::audit::Audit;
use caredata_engine::error::{EngineError, Remark};
use caredata_engine::home::{Attestation, Home, InitOptions, Policy, UnlinkedRows};
use caredata_engine::register::{
    Contribution, EmptyReturn, ExportForm, Footing, Kind, LineEnds, LoadFault, Needs, NewContribution, NewObjection,
    Place, PostgresUrl, Register, RunId, Saying, Validity,
};
use caredata_model::{AgeBand, Choice, Day, Door, Format, NhsNumber, Scope, SourceName, Speaker, Wish};
use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const HEADER: &str = "nhs_number,kind,effective_from,recorded_at,channel,recorded_by,source_id\n";
const CANARY: &str = "9434765919";
const OTHER: &str = "9434765870";

fn remark(text: &str) -> Remark {
    Remark::parse("text", text).expect("a remark")
}

fn options(place: &Path) -> InitOptions {
    InitOptions {
        keys: Some(place.join("keys")),
        policy: Policy::default(),
        attestation: None,
        register: None,
        who: remark("tester"),
    }
}

struct House {
    place: TempDir,
    home: Home,
    register: Register,
    audit: Audit,
}

thread_local! {
    /// Where houses of this thread have their register; in a file of the home where there is none.
    static SERVER: RefCell<Option<postgres::Server>> = const { RefCell::new(None) };
}

fn house() -> House {
    let place = tempfile::tempdir().expect("a folder");
    let url = SERVER.with_borrow(|server| server.as_ref().map(postgres::Server::database));
    let register = url.map(|url| PostgresUrl::parse(&url).expect("a URL"));
    let home =
        Home::init(&place.path().join("home"), &InitOptions { register, ..options(place.path()) }).expect("a home");
    let (register, audit) = (home.register().expect("a register"), home.audit(remark("tester")).expect("a log"));
    House { place, home, register, audit }
}

impl House {
    fn load(&self, name: &str, text: impl AsRef<[u8]>) -> Result<caredata_engine::register::Loaded, EngineError> {
        let file = self.place.path().join(name);
        fs::write(&file, text).expect("written");
        self.register.load(&self.audit, &file)
    }

    fn record(&self, number: &str, kind: &str, effective: &str) {
        let wish = NewObjection {
            number: nhs(number),
            kind: kind.parse().expect("a kind"),
            effective: Day::parse(effective).ok(),
            saying: Saying::by_person(Door::PatientLine, remark("tester")),
        };
        self.register.record(&self.audit, &wish).expect("noted");
    }

    fn objects(&self, number: &str, scope: &Scope, today: &str) -> bool {
        let standing = self.register.show(&self.audit, nhs(number), day(today)).expect("shown");
        standing.standing.iter().any(|standing| standing.scope == *scope && standing.choice == Choice::Object)
    }
}

fn nhs(text: &str) -> NhsNumber {
    NhsNumber::parse(text).expect("a number")
}

fn day(text: &str) -> Day {
    Day::parse(text).expect("a day")
}

fn first_fault(result: Result<caredata_engine::register::Loaded, EngineError>) -> (u64, LoadFault) {
    let error = result.expect_err("refused");
    let EngineError::ObjectionsRefused { faults, .. } = error else { panic!("another error: {error}") };
    faults.first[0].clone()
}

#[test]
fn a_home_is_made_guarded_and_opened_by_one_alone() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("deep/home");
    let policy = Policy { unlinked_rows: UnlinkedRows::Withhold, ..Policy::default() };
    let home = Home::init(&folder, &InitOptions { policy, ..options(place.path()) }).expect("a home");
    for name in ["records", "vault", "quarantine", "report", "log", "public"] {
        assert!(folder.join(name).is_dir(), "{name}");
    }
    for guarded in [folder.clone(), folder.join("vault"), place.path().join("keys")] {
        assert_eq!(fs::metadata(&guarded).expect("a folder").permissions().mode() & 0o777, 0o700);
    }
    assert_eq!(fs::metadata(folder.join("register.sqlite")).expect("a file").permissions().mode() & 0o777, 0o600);
    let error = Home::open(&folder).expect_err("open already");
    assert_eq!((error.code(), error.exit_code()), ("home-in-use", 3));
    let id = home.id().to_owned();
    drop(home);
    let home = Home::open(&folder).expect("a home");
    assert_eq!((home.id(), home.policy()), (id.as_str(), policy));
    assert_eq!(fs::read_dir(place.path().join("deep")).expect("a folder").count(), 1, "nothing is left beside it");
}

#[test]
fn a_home_is_never_made_over_anything() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("home");
    drop(Home::init(&folder, &options(place.path())).expect("a home"));
    let again = InitOptions { keys: Some(place.path().join("more")), ..options(place.path()) };
    assert_eq!(Home::init(&folder, &again).expect_err("a second time").code(), "home-exists");
    assert!(!place.path().join("more").exists());
    let file = place.path().join("file");
    fs::write(&file, "x").expect("written");
    assert_eq!(Home::init(&file, &again).expect_err("a file").code(), "home-exists");
    assert_eq!(Home::init(&place.path().join("new"), &options(place.path())).expect_err("keys").code(), "keys-exist");
    assert!(!place.path().join("new").exists());
    assert_eq!(Home::open(&place.path().join("new")).expect_err("none there").code(), "home-missing");
}

#[test]
fn keys_never_lie_beside_the_data_by_whatever_path() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("home");
    fs::create_dir(&folder).expect("a folder");
    std::os::unix::fs::symlink(&folder, place.path().join("link")).expect("a link");
    let inside = [
        folder.join("keys"),
        folder.clone(),
        place.path().join("link/keys"),
        place.path().join("x/../home/k"),
        place.path().into(),
    ];
    for keys in inside {
        let refused = Home::init(&folder, &InitOptions { keys: Some(keys.clone()), ..options(place.path()) });
        let error = refused.expect_err("beside the data");
        assert_eq!((error.code(), error.exit_code()), ("keys-beside-data", 4), "{}", keys.display());
    }
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0, "nothing half-done");
}

#[test]
fn a_home_opens_only_with_its_own_keys_and_in_its_own_format() {
    let place = tempfile::tempdir().expect("a folder");
    let (one, two) = (place.path().join("one"), place.path().join("two"));
    let keys = |name: &str| Some(place.path().join(name));
    drop(Home::init(&one, &InitOptions { keys: keys("keys-one"), ..options(place.path()) }).expect("a home"));
    drop(Home::init(&two, &InitOptions { keys: keys("keys-two"), ..options(place.path()) }).expect("a home"));
    fs::copy(place.path().join("keys-two/vault"), place.path().join("keys-one/vault")).expect("copied");
    assert_eq!(Home::open(&one).expect_err("another's key").code(), "key-broken");
    fs::remove_file(place.path().join("keys-one/vault")).expect("removed");
    assert_eq!(Home::open(&one).expect_err("no key").code(), "key-missing");
    let config = fs::read_to_string(two.join("caredata.toml")).expect("a file");
    for harmed in
        [config.replace("format = 1", "format = 2"), "format = 1\nnonsense".into(), format!("x = 1\n{config}")]
    {
        fs::write(two.join("caredata.toml"), harmed).expect("written");
        assert_eq!(Home::open(&two).expect_err("not of this version").code(), "home-broken");
    }
}

#[test]
fn the_register_says_on_what_it_rests() {
    let house = house();
    assert_eq!(house.register.footing().expect("read"), Footing::Nothing);
    house.register.attest(&remark("A. Officer"), &remark("invented data")).expect("noted");
    let attested = Footing::Attested { name: "A. Officer".into(), reason: "invented data".into() };
    assert_eq!(house.register.footing().expect("read"), attested);
    house.record(CANARY, "withdraw-gp", "2014-04-01");
    assert_eq!(
        house.register.footing().expect("read"),
        attested,
        "one wish does not stand for all that were to be loaded"
    );
}

#[test]
fn an_attestation_is_in_the_register_and_in_the_log() {
    let place = tempfile::tempdir().expect("a folder");
    let attestation = Some(Attestation { name: remark("A. Officer"), reason: remark("invented data") });
    let home =
        Home::init(&place.path().join("home"), &InitOptions { attestation, ..options(place.path()) }).expect("a home");
    assert!(matches!(home.register().expect("a register").footing().expect("read"), Footing::Attested { .. }));
    let log = fs::read_to_string(home.log().join(Audit::FILE)).expect("a log");
    assert!(log.contains(r#""act":"no-objections-attested","details":{"name":"A. Officer","reason":"invented data"}"#));
    caredata_verify::verify(&home.log()).expect("the log holds");
}

#[test]
fn people_change_their_minds_as_often_as_they_like_even_within_a_day() {
    let house = house();
    let today = jiff::Zoned::now().date().to_string();
    for turn in 0..6 {
        let kind = if turn % 2 == 0 { "object-all" } else { "withdraw-all" };
        house.record(CANARY, kind, &today);
        assert_eq!(house.objects(CANARY, &Scope::All, &today), turn % 2 == 0, "turn {turn}");
    }
    assert!(!house.objects(CANARY, &Scope::GpRecord, &today));
    assert!(!house.objects(OTHER, &Scope::All, &today));
    let history = house.register.history(&house.audit, nhs(CANARY)).expect("read");
    assert_eq!(history.len(), 6);
    assert!(history.iter().all(|event| event.validity == Validity::Counts
        && event.through == Door::PatientLine
        && event.by == Speaker::Person));
}

/// A wish about everything, said by somebody.
fn said(choice: &str, by: Speaker, age: AgeBand, reference: Option<&str>, through: Door) -> NewObjection {
    let saying = Saying { by, age, reference: reference.map(remark), ..Saying::by_person(through, remark("desk 3")) };
    NewObjection {
        number: nhs(CANARY),
        kind: format!("{choice}-all").parse().expect("a kind"),
        effective: Day::parse("2014-04-01").ok(),
        saying,
    }
}

#[test]
fn an_objection_is_taken_from_anybody_and_a_withdrawal_from_who_may_act_for_the_person() {
    let house = house();
    let record = |wish: &NewObjection| house.register.record(&house.audit, wish);
    for &by in Speaker::ALL {
        record(&said("object", by, AgeBand::NotStated, None, Door::Letter)).expect("an objection is always taken");
    }
    let refused = [
        (Speaker::Relative, AgeBand::NotStated, None, Door::Letter, "not-theirs"),
        (Speaker::Practice, AgeBand::NotStated, None, Door::Practice, "not-theirs"),
        (Speaker::Attorney, AgeBand::From16, None, Door::Letter, "no-reference"),
        (Speaker::Parent, AgeBand::NotStated, None, Door::Letter, "age-not-stated"),
        (Speaker::Person, AgeBand::NotStated, None, Door::Hospital, "not-the-hospitals"),
    ];
    for (by, age, reference, door, why) in refused {
        let error = record(&said("withdraw", by, age, reference, door)).expect_err(why);
        assert_eq!((error.code(), error.exit_code()), ("may-not-record", 4), "{why}");
        assert!(house.objects(CANARY, &Scope::All, "2014-05-01"), "{why}");
        let log = fs::read_to_string(house.home.log().join(Audit::FILE)).expect("a log");
        let denied = log.lines().rfind(|line| line.contains("objection-denied")).expect("a line");
        assert!(denied.contains(why) && denied.contains(r#""outcome":"denied""#), "{denied}");
    }
    let order = Some("order 12 of 2014");
    record(&said("withdraw", Speaker::Deputy, AgeBand::From16, order, Door::Letter)).expect("a deputy may");
    assert!(!house.objects(CANARY, &Scope::All, "2014-05-01"));
    let history = house.register.history(&house.audit, nhs(CANARY)).expect("read");
    assert_eq!(history.len(), Speaker::ALL.len() + 1, "what was refused is no event");
    let last = history.last().expect("an event");
    assert_eq!(
        (last.by, last.reference.as_str(), last.recorded_by.as_str()),
        (Speaker::Deputy, "order 12 of 2014", "desk 3")
    );
}

#[test]
fn needs_of_language_and_format_are_kept_as_stated_last() {
    let house = house();
    let mut wish = said("object", Speaker::Person, AgeBand::NotStated, None, Door::PatientLine);
    let mut state = |language: &str, formats: &str| {
        wish.saying.needs = Needs::parse(language, formats).expect("needs");
        house.register.record(&house.audit, &wish).expect("noted");
        house.register.show(&house.audit, nhs(CANARY), day("2014-05-01")).expect("shown").needs
    };
    state("pl", "braille");
    let stated = state("cy", "Large Print; text-phone");
    assert_eq!(stated.language.as_ref().map(caredata_model::Language::as_str), Some("cy"));
    assert_eq!(stated.formats.iter().copied().collect::<Vec<_>>(), [Format::LargePrint, Format::TextPhone]);
    assert_eq!(state("", ""), stated, "saying nothing of it takes nothing back");
}

#[test]
fn what_is_exported_is_loaded_elsewhere_as_it_was() {
    let (house, other) = (house(), house());
    let rows = "9434765919,object-all,2014-03-01,2014-03-02,\"by \"\"pigeon\"\", twice\",desk 3,L1\n\
                9434765870,withdraw-gp,,,Patient Line,,L2\n";
    house.load("a.csv", format!("{HEADER}{rows}")).expect("loaded");
    let mut wish = said("withdraw", Speaker::Parent, AgeBand::Under13, None, Door::Letter);
    wish.saying.needs = Needs::parse("zh-Hant", "braille;audio").expect("needs");
    house.register.record(&house.audit, &wish).expect("noted");
    publish(&house, &[]);
    let file = house.place.path().join("out.csv");
    assert_eq!(
        house.register.export(&house.audit, &file, ExportForm::Csv).expect("written").rows,
        3,
        "what journals say stays out"
    );
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    assert_eq!(
        house.register.export(&house.audit, &file, ExportForm::Csv).expect_err("it is there").code(),
        "file-failed"
    );
    assert_eq!(other.load("in.csv", fs::read(&file).expect("a file")).expect("loaded").added, 3);
    for number in [CANARY, OTHER] {
        let told = |house: &House| {
            let events = house.register.history(&house.audit, nhs(number)).expect("read").into_iter();
            let mut told: Vec<String> = events
                .filter(|event| !event.from_journal)
                .map(|event| format!("{:?}", caredata_engine::register::Event { noted_at: String::new(), ..event }))
                .collect();
            told.sort();
            told
        };
        assert_eq!(told(&other), told(&house));
    }
    let log = fs::read_to_string(house.home.log().join(Audit::FILE)).expect("a log");
    assert!(log.contains("objections-exported"));
}

#[test]
fn closed_words_of_a_file_are_judged_and_words_of_its_own_are_kept() {
    let house = house();
    let header = HEADER.trim_end().to_owned() + ",by,through\n";
    for (by, through, says) in [
        ("relative", "letter", "takes an objection back"),
        ("attorney", "letter", "reference"),
        ("pigeon", "letter", "by: not one of its words"),
        ("person", "pigeon", "through: not one"),
    ] {
        let row = format!("{CANARY},withdraw-all,2014-03-01,2014-03-02,,,L1,{by},{through}\n");
        let (line, fault) = first_fault(house.load("a.csv", format!("{header}{row}")));
        assert!(line == 2 && fault.to_string().contains(says), "{fault}");
    }
    let row = format!("{CANARY},object-all,2014-03-01,2014-03-02,,,L1,relative,letter\n");
    house.load("a.csv", format!("{header}{row}")).expect("an objection is always taken");
    let old = format!("{CANARY},withdraw-all,2014-04-01,2014-04-02,by telephone,her brother,L2\n");
    house.load("b.csv", format!("{HEADER}{old}")).expect("its sender answers for it");
    let history = house.register.history(&house.audit, nhs(CANARY)).expect("read");
    let last = history.iter().find(|event| event.source_id == "L2").expect("an event");
    assert_eq!((last.by, last.through, last.channel.as_str()), (Speaker::NotStated, Door::Other, "by telephone"));
    assert_eq!(last.recorded_by, "her brother");
}

#[test]
fn many_numbers_are_answered_as_the_register_answers_one_by_one() {
    let house = house();
    let number = |at: u64| {
        (at..)
            .map(|digits| digits * 97 + 4_000_000_000)
            .find_map(|digits| NhsNumber::parse(&digits.to_string()).ok())
            .expect("a number")
    };
    let mut numbers: Vec<NhsNumber> = (0..2_000).map(|at| number(at * 50)).collect();
    numbers.dedup();
    let mut text = String::from(HEADER);
    for (at, number) in numbers.iter().enumerate() {
        let said = |kind: &str, day: usize| {
            format!("{:010},{kind},2014-03-{day:02},2014-03-{day:02},,,{kind}{day}\n", number.value())
        };
        let (first, second) = (1 + at % 5, 1 + at / 5 % 5);
        match at % 4 {
            0 => text += &said("object-all", first),
            1 => text += &(said("object-all", first) + &said("withdraw-all", second)),
            2 => text += &(said("object-all", first) + &said("withdraw-all", second) + &said("object-all", 6 + at % 3)),
            _ => text += &said("object-gp", first),
        }
    }
    house.load("a.csv", text).expect("loaded");
    publish(&house, &[]);
    for today in ["2014-03-03", "2014-04-01"] {
        let objectors = house.register.objectors(&Scope::All, day(today)).expect("read");
        let answers = objectors.check(&numbers);
        for (number, answer) in numbers.iter().zip(&answers) {
            let one = house.register.ask(*number, day(today)).expect("answered");
            let one = one.standing.iter().any(|one| one.scope == Scope::All && one.choice == Choice::Object);
            assert_eq!(one, *answer, "{today}");
        }
        assert!(objectors.contain(nhs(OTHER)), "what a journal says counts too");
        assert_eq!(objectors.len(), answers.iter().filter(|&&objects| objects).count() + 1);
    }
}

#[test]
fn the_national_file_is_asked_by_file_and_its_answers_expire() {
    let house = house();
    let file = |name: &str| house.place.path().join(name);
    let numbers = [nhs(CANARY), nhs(OTHER), nhs("9434765838")].into();
    let (asked_on, days) = (day("2014-04-01"), 21);
    for (ends, name) in [(LineEnds::Lf, "lf.dat"), (LineEnds::Crlf, "crlf.dat")] {
        assert_eq!(house.register.check_out(&house.audit, &numbers, &file(name), ends).expect("asked"), 3);
    }
    let sent = fs::read_to_string(file("crlf.dat")).expect("a file");
    assert_eq!(sent, "9434765838,\r\n9434765870,\r\n9434765919,\r\n");
    assert_eq!(fs::read_to_string(file("lf.dat")).expect("a file"), sent.replace('\r', ""));
    let take = |sent: &str, text: &str, empty| {
        fs::write(file("back.dat"), text).expect("written");
        house.register.check_in(&house.audit, (&file(sent), &file("back.dat")), (asked_on, days), empty)
    };
    let (lf, crlf) = ("9434765870,\n9434765838,\n", "9434765838,\r\n9434765870,");
    for (text, says) in [
        ("9434765870,\n9434765918,\n", "line 2 was refused whole: it contains one or more invalid NHS Numbers"),
        ("9434765870,\n943476583X,\n", "invalid NHS Numbers"),
        ("9434765870,\n4010232137,\n", "another question"),
        ("", "everybody objects"),
    ] {
        let error = take("lf.dat", text, EmptyReturn::Refused).expect_err(says);
        assert!(
            (error.code(), error.exit_code()) == ("opt-outs-refused", 3) && error.to_string().contains(says),
            "{error}"
        );
        assert!(!house.register.allowed(asked_on).expect("read").contains(nhs(OTHER)), "nothing half-done");
    }
    for (sent, text) in [("lf.dat", lf), ("crlf.dat", crlf), ("lf.dat", crlf)] {
        let checked = take(sent, text, EmptyReturn::Refused).expect("taken");
        assert_eq!((checked.asked, checked.objecting, checked.until), (3, 1, day("2014-04-22")));
    }
    let allowed = |on: &str| house.register.allowed(day(on)).expect("read");
    assert!(allowed("2014-04-22").contains(nhs(OTHER)) && !allowed("2014-04-22").contains(nhs(CANARY)));
    assert!(!allowed("2014-04-22").contains(nhs("4010232137")), "nobody was asked about");
    assert!(!allowed("2014-04-23").contains(nhs(OTHER)), "the answer has expired");
    take("lf.dat", "", EmptyReturn::EverybodyObjects).expect("somebody says so");
    assert!(!allowed("2014-04-02").contains(nhs(OTHER)));
    assert_eq!(house.register.wishes(&[]).expect("read").len(), 0, "answers are no events");
    let log = fs::read_to_string(house.home.log().join(Audit::FILE)).expect("a log");
    assert!(["opt-outs-asked", "opt-outs-refused", "opt-outs-answered"].iter().all(|act| log.contains(act)));
}

#[test]
fn two_of_one_day_without_times_leave_the_objection() {
    let house = house();
    let rows = "9434765919,object-all,2014-03-01,2014-03-01,,,1\n9434765919,withdraw-all,2014-03-01,2014-03-01,,,2\n";
    house.load("objections.csv", format!("{HEADER}{rows}")).expect("loaded");
    assert!(house.objects(CANARY, &Scope::All, "2014-04-01"));
    let later = "9434765870,object-all,2014-03-01,2014-03-01T09:00:00Z,,,1\n9434765870,withdraw-all,2014-03-01,2014-03-01 10:00:00,,,2\n";
    house.load("objections.csv", format!("{HEADER}{later}")).expect("loaded");
    assert!(!house.objects(OTHER, &Scope::All, "2014-04-01"));
}

#[test]
fn a_file_loads_once_in_any_column_order_and_delimiter() {
    let house = house();
    let rows =
        "9434765919,object-all,2014-03-01,2014-03-02,letter,desk 3,L1\n943 476 5870,withdraw-source:apc,bad date,,,,\n";
    let loaded = house.load("a.csv", format!("{HEADER}{rows}")).expect("loaded");
    assert_eq!((loaded.rows, loaded.added, loaded.known, loaded.dates_missing), (2, 2, 0, 1));
    assert_eq!(loaded.sha256.len(), 64);
    let again = house.load("a.csv", format!("{HEADER}{rows}")).expect("loaded");
    assert_eq!((again.rows, again.added, again.known), (2, 0, 2));

    let turned = "\u{feff}source_id|Kind|nhs_number|extra|recorded_by|channel|recorded_at|effective_from\r\n\
                  L1|object-all|9434765919|x|desk 3|letter|2014-03-02|2014-03-01\r\n\
                  L2|object-gp|9434765919|x|desk 3|\"a | b\"|2014-03-02|2014-03-01\r\n";
    let loaded = house.load("b.csv", turned).expect("loaded");
    assert_eq!((loaded.added, loaded.known, loaded.columns_ignored), (1, 1, 1));
    let mut squeezed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut squeezed, turned.as_bytes()).expect("squeezed");
    assert_eq!(house.load("c.csv.gz", squeezed.finish().expect("squeezed")).expect("loaded").known, 2);

    let wishes = house.register.wishes(&[]).expect("read");
    assert_eq!(wishes.len(), 3);
    assert!(wishes.iter().any(|(number, wish)| *number == nhs(OTHER) && wish.effective.is_none()));
    let counts = house.register.counts(day("2014-04-01")).expect("counted");
    assert_eq!((counts.persons, counts.events["object-all"], counts.objecting["all"]), (2, 1, 1));
    assert!(!counts.objecting.contains_key("source:apc"));
}

#[test]
fn one_bad_row_refuses_the_file_and_says_which() {
    let house = house();
    let good = "9434765919,object-all,2014-03-01,2014-03-02,letter,desk 3,L1\n";
    let cases: Vec<(Vec<u8>, u64, &str)> = vec![
        (b"9434765918,object-all,2014-03-01,,,,".to_vec(), 3, "check digit"),
        (b"943476591,object-all,2014-03-01,,,,".to_vec(), 3, "ten digits"),
        (b",object-all,2014-03-01,,,,".to_vec(), 3, "ten digits"),
        (b"9434765919,object,2014-03-01,,,,".to_vec(), 3, "kind"),
        (b"9434765919,object-all,2014-03-01,,".to_vec(), 3, "5 fields, the header 7"),
        (b"9434765919,object-all,2014-03-01,,,,,".to_vec(), 3, "8 fields"),
        (b"9434765919,object-all,2014-03-01,,,,\"open".to_vec(), 3, "quoted field"),
        (b"9434765919,object-all,2014-03-01,,,,\xc3".to_vec(), 3, "UTF-8"),
        (b"9434765919,object-all,2014-03-01,,,,943-476-5919".to_vec(), 3, "source_id"),
        (format!("9434765919,object-all,2014-03-01,,{},,", "x".repeat(201)).into_bytes(), 3, "channel"),
        ("x".repeat(100_000).into_bytes(), 3, "longer than"),
    ];
    for (bad, line, says) in cases {
        let text = [HEADER.as_bytes(), good.as_bytes(), &bad, b"\n"].concat();
        let (at, fault) = first_fault(house.load("objections.csv", text));
        assert_eq!(at, line, "{says}");
        assert!(fault.to_string().contains(says), "{fault} / {says}");
        assert_eq!(house.register.wishes(&[]).expect("read").len(), 0, "nothing half-done");
    }
    assert_eq!(house.register.footing().expect("read"), Footing::Nothing);
    let log = fs::read_to_string(house.home.log().join(Audit::FILE)).expect("a log");
    assert!(log.contains("objections-refused") && log.contains("denied"));
}

#[test]
fn what_is_no_file_of_objections_is_refused() {
    let house = house();
    for empty in ["", HEADER, &format!("{HEADER}\n \n")] {
        let (_, fault) = first_fault(house.load("objections.csv", empty));
        assert_eq!(fault, LoadFault::Empty);
    }
    let row = "9434765919,object-all,2014-03-01,2014-03-02,letter,desk 3,L1\n";
    for (header, says) in [
        (HEADER.replace("nhs_number,", "number,"), "nhs_number is missing"),
        (HEADER.replace(',', ";"), "is missing"),
        (HEADER.replace("channel", "kind"), "kind is there twice"),
        (row.to_owned(), "is missing"),
    ] {
        let (line, fault) = first_fault(house.load("objections.csv", format!("{header}{row}")));
        assert_eq!(line, 1);
        assert!(fault.to_string().contains(says), "{fault} / {says}");
    }
    assert_eq!(house.register.load(&house.audit, Path::new("nowhere.csv")).expect_err("no file").code(), "file-failed");
}

#[test]
fn many_bad_rows_are_counted_and_the_first_told() {
    let house = house();
    let text = format!("{HEADER}{}", "1,object-all,,,,,\n".repeat(500));
    let error = house.load("objections.csv", text).expect_err("refused");
    let said = error.to_string();
    assert!(said.contains("line 2:") && said.contains("and 490 more lines"), "{said}");
}

#[test]
fn nothing_in_the_register_can_be_changed_or_removed() {
    use sqlx::{AnyConnection, Connection};
    let house = house();
    house.record(CANARY, "object-all", "2014-04-01");
    house.register.attest(&remark("A"), &remark("B")).expect("noted");
    publish(&house, &[]);
    let config = fs::read_to_string(house.home.folder().join("caredata.toml")).expect("a file");
    // A key's print bears the same name.
    let url = config.lines().find_map(|line| line.strip_prefix("register = ").filter(|url| url.contains("://")));
    let of_file = || format!("sqlite:{}", path_of(&house.register).display());
    let url = url.map_or_else(of_file, |url| url.trim_matches('"').to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut connection = AnyConnection::connect(&url).await.expect("opened");
        for statement in [
            "UPDATE objections SET kind = 'withdraw-all'",
            "DELETE FROM objections",
            "UPDATE sayings SET by_whom = 'person'",
            "DELETE FROM sayings",
            "UPDATE attestations SET reason = ''",
            "DELETE FROM attestations",
            "DELETE FROM runs",
            "UPDATE publications SET json = ''",
            "DELETE FROM publication_ends",
            "DELETE FROM contributions",
            "DELETE FROM journal_wishes",
        ] {
            let error = sqlx::raw_sql(statement).execute(&mut connection).await.expect_err(statement);
            assert!(error.to_string().contains("append-only"), "{statement}: {error}");
        }
    });
}

fn path_of(register: &Register) -> PathBuf {
    match register.place() {
        Place::File(path) => path.clone(),
        Place::Postgres(_) => panic!("these tests are of files"),
    }
}

fn publish(house: &House, replaces: &[Contribution]) -> RunId {
    let period = "2014-04".parse().expect("a period");
    let run = house.register.begin_run(period).expect("a run");
    let wish = Wish { scope: Scope::All, choice: Choice::Object, effective: Some(day("2014-04-02")), recorded: None };
    let contribution = NewContribution {
        source: SourceName::parse("gp").expect("a name"),
        provider: Some("A81001".into()),
        period,
        replaces: replaces.iter().map(|contribution| contribution.id).collect(),
        wishes: vec![(nhs(OTHER), wish)],
    };
    house.register.prepare_publication(run, "{\"what\":1}", &[contribution]).expect("prepared");
    house.register.finish_publication(run).expect("finished");
    run
}

#[test]
fn publications_are_prepared_found_after_a_crash_and_ended_once() {
    let house = house();
    let period = "2014-04".parse().expect("a period");
    assert_eq!(house.register.pending_publication().expect("read"), None);
    let run = house.register.begin_run(period).expect("a run");
    assert!(house.register.finish_publication(run).is_err(), "nothing is prepared");
    house.register.prepare_publication(run, "{}", &[]).expect("prepared");
    let House { place, home, register, audit } = house;
    register.close().expect("closed");
    let house = House { register: home.register().expect("a register"), place, home, audit };
    assert_eq!(house.register.pending_publication().expect("read").map(|pending| pending.run), Some(run));
    assert_eq!(house.register.latest_publication().expect("read"), None);
    let next = house.register.begin_run(period).expect("a run");
    assert_eq!(house.register.prepare_publication(next, "{}", &[]).expect_err("pending").code(), "publication-order");
    house.register.finish_publication(run).expect("finished");
    assert!(house.register.finish_publication(run).is_err(), "it is done");
    assert!(house.register.prepare_publication(run, "{}", &[]).is_err(), "it is done");
    assert_eq!(house.register.latest_publication().expect("read").map(|latest| latest.run), Some(run));
    house.register.prepare_publication(next, "{}", &[]).expect("prepared");
    house.register.abandon_publication(next).expect("abandoned");
    assert_eq!(house.register.latest_publication().expect("read").map(|latest| latest.run), Some(run));
    assert_eq!(house.register.pending_publication().expect("read"), None);
}

#[test]
fn wishes_of_journals_count_until_their_contribution_is_replaced() {
    let house = house();
    let run = publish(&house, &[]);
    let current = house.register.contributions().expect("read");
    assert_eq!((current.len(), current[0].run, current[0].provider.as_deref()), (1, run, Some("A81001")));
    assert!(house.objects(OTHER, &Scope::All, "2014-05-01"));
    assert_eq!(house.register.wishes(&[]).expect("read").len(), 1);
    assert_eq!(house.register.wishes(&[current[0].id]).expect("read").len(), 0, "about to be replaced");

    // Prepared and not yet done: both count, since either may turn out to be the one that is published.
    let period = "2014-04".parse().expect("a period");
    let next = house.register.begin_run(period).expect("a run");
    let replacing = NewContribution {
        source: SourceName::parse("gp").expect("a name"),
        provider: Some("A81001".into()),
        period,
        replaces: vec![current[0].id],
        wishes: vec![],
    };
    house.register.prepare_publication(next, "{}", std::slice::from_ref(&replacing)).expect("prepared");
    assert!(house.objects(OTHER, &Scope::All, "2014-05-01"));
    house.register.abandon_publication(next).expect("abandoned");
    assert_eq!(house.register.contributions().expect("read"), current);

    let last = house.register.begin_run(period).expect("a run");
    house.register.prepare_publication(last, "{}", &[replacing]).expect("prepared");
    house.register.finish_publication(last).expect("finished");
    assert!(!house.objects(OTHER, &Scope::All, "2014-05-01"));
    let current = house.register.contributions().expect("read");
    assert_eq!(current.iter().map(|contribution| contribution.run).collect::<Vec<_>>(), [last]);
    let history = house.register.history(&house.audit, nhs(OTHER)).expect("read");
    assert_eq!((history.len(), history[0].validity), (1, Validity::SetAside));
    assert_eq!(history[0].source_id, "gp/A81001/2014-04");
}

#[test]
fn another_homes_key_reads_no_number() {
    let (one, two) = (house(), house());
    one.record(CANARY, "object-all", "2014-04-01");
    let path = path_of(&one.register);
    one.register.close().expect("closed");
    let wrong = Register::open(&path, &two.home.keys().register).expect("opened");
    assert_eq!(wrong.wishes(&[]).expect_err("another key").code(), "register-broken");
    assert_eq!(wrong.show(&two.audit, nhs(CANARY), day("2014-05-01")).expect("shown").standing, []);
}

#[test]
fn the_register_answers_inside_an_async_runtime_too() {
    let house = house();
    let runtime = tokio::runtime::Builder::new_multi_thread().build().expect("a runtime");
    runtime.block_on(async {
        house.record(CANARY, "object-all", "2014-04-01");
        assert_eq!(house.register.wishes(&[]).expect("read").len(), 1);
    });
}

#[test]
fn what_is_newer_than_was_read_is_told_by_handle() {
    let house = house();
    let (register, today) = (&house.register, day("2014-05-01"));
    let handles = |mut all: Vec<(caredata_engine::register::Handle, caredata_admit::Standing)>| {
        all.sort();
        all.into_iter().map(|(handle, standing)| (handle, standing.scopes().to_vec())).collect::<Vec<_>>()
    };
    let empty = register.reaches().expect("asked");
    house.record(CANARY, "object-all", "2014-04-01");
    let noted = register.reaches().expect("asked");
    assert_ne!(noted, empty);
    let newer = register.objecting_since(empty, noted, today).expect("read").expect("few");
    let one = (register.handle(nhs(CANARY)), vec![Scope::All]);
    assert_eq!(handles(newer), std::slice::from_ref(&one));
    house.load("a.csv", format!("{HEADER}{OTHER},object-gp,2014-04-01,2014-04-01,,,L1\n")).expect("loaded");
    let loaded = register.reaches().expect("asked");
    let newer = register.objecting_since(noted, loaded, today).expect("read").expect("few");
    let two = (register.handle(nhs(OTHER)), vec![Scope::GpRecord]);
    assert_eq!(handles(newer), std::slice::from_ref(&two), "and not who was read before");
    let mut both = vec![one, two];
    both.sort();
    assert_eq!(handles(register.objecting(today).expect("read")), both);
    house.record(CANARY, "withdraw-all", "2014-04-20");
    let newer = register.objecting_since(loaded, register.reaches().expect("asked"), today).expect("read");
    assert_eq!(newer, Some(vec![]), "a withdrawal leaves nobody out");
}

/// Plants numbers everywhere a number may be given, and looks for them in every byte, name and word that comes out.
#[test]
fn no_number_is_ever_in_an_error_a_line_of_the_log_a_name_or_the_file() {
    let house = house();
    let mut said = Vec::new();
    house.record(CANARY, "object-all", "2014-04-01");
    said.push(format!("{:?}", house.register.history(&house.audit, nhs(CANARY)).expect("read")));
    said.push(format!("{:?}", house.register.wishes(&[]).expect("read")));
    publish(&house, &[]);
    house.load("a.csv", format!("{HEADER}9434765919,object-gp,9434765919,2014-04-01,,,L1\n")).expect("loaded");
    for bad in [
        "9434765919,9434765919,,,,,",
        "9434765919,object-all,,,9434765919,,",
        "9434765919,object-all,,9434765919,,,",
        "9434765919,object-all,,,,no 943 476 5919,",
        "9434765919",
    ] {
        let error = house.load("b.csv", format!("{HEADER}{bad}\n")).expect_err("refused");
        said.push(format!("{error} {error:?} {}", error.hint()));
    }
    let error = "9434765919".parse::<Kind>().expect_err("no kind");
    said.push(format!("{error} {error:?}"));
    let error = Remark::parse("the reason", "for 9434765919").expect_err("a number");
    said.push(format!("{error} {error:?} {:?}", house.home));
    house.register.close().expect("closed");

    let mut bytes = said.concat().into_bytes();
    walk(house.home.folder(), &mut bytes);
    let forms = [CANARY.to_owned(), "943 476 5919".into(), "943-476-5919".into(), OTHER.into()];
    let packed = [9_434_765_919_u64.to_le_bytes()[..5].to_vec(), 9_434_765_919_u64.to_be_bytes()[3..].to_vec()];
    for needle in forms.into_iter().map(String::into_bytes).chain(packed) {
        assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{} bytes", needle.len());
    }
}

/// The tests above of the register itself, once more, with its database elsewhere.
#[test]
fn all_of_it_holds_on_postgresql_too() {
    SERVER.set(Some(postgres::Server::start()));
    let tests: [(&str, fn()); 16] = [
        ("rests", the_register_says_on_what_it_rests),
        ("change minds", people_change_their_minds_as_often_as_they_like_even_within_a_day),
        ("who may", an_objection_is_taken_from_anybody_and_a_withdrawal_from_who_may_act_for_the_person),
        ("needs", needs_of_language_and_format_are_kept_as_stated_last),
        ("export", what_is_exported_is_loaded_elsewhere_as_it_was),
        ("closed words", closed_words_of_a_file_are_judged_and_words_of_its_own_are_kept),
        ("many numbers", many_numbers_are_answered_as_the_register_answers_one_by_one),
        ("national file", the_national_file_is_asked_by_file_and_its_answers_expire),
        ("one day", two_of_one_day_without_times_leave_the_objection),
        ("loads once", a_file_loads_once_in_any_column_order_and_delimiter),
        ("bad rows", one_bad_row_refuses_the_file_and_says_which),
        ("append-only", nothing_in_the_register_can_be_changed_or_removed),
        ("publications", publications_are_prepared_found_after_a_crash_and_ended_once),
        ("journals", wishes_of_journals_count_until_their_contribution_is_replaced),
        ("newer", what_is_newer_than_was_read_is_told_by_handle),
        ("async", the_register_answers_inside_an_async_runtime_too),
    ];
    for (name, test) in tests {
        // Told before, so that a failure's place is known.
        eprintln!("on PostgreSQL: {name}");
        test();
    }
    let house = house();
    let said = format!("{:?} {:?}", house.register, house.home);
    assert!(said.contains("withheld") && !said.contains("canary-password"), "{said}");
    let config = fs::read_to_string(house.home.folder().join("caredata.toml")).expect("a file");
    assert!(config.contains("register = \"postgres://"), "one setting says where");
    assert!(!house.home.folder().join("register.sqlite").exists());
    let url =
        config.lines().find_map(|line| line.strip_prefix("register = ")).expect("a line").trim_matches('"').to_owned();
    house.record(CANARY, "object-all", "2014-04-01");
    let place = tempfile::tempdir().expect("a folder");
    let again = InitOptions { register: PostgresUrl::parse(&url).ok(), ..options(place.path()) };
    let error = Home::init(&place.path().join("home"), &again).expect_err("another home's");
    assert_eq!((error.code(), error.exit_code()), ("register-taken", 3));
    fs::write(house.home.folder().join("register.sqlite"), "").expect("written");
    let error = house.home.register().expect_err("two registers");
    assert_eq!(error.code(), "home-broken");
    let nobody = PostgresUrl::parse("postgres://postgres:canary-password@127.0.0.1:1/none").expect("a URL");
    let error = Register::open_at(&Place::Postgres(nobody), &house.home.keys().register).expect_err("nobody there");
    let told = format!("{error} {error:?} {}", error.hint());
    assert!(error.code() == "register-failed" && !told.contains("canary-password"), "{told}");
    SERVER.set(None);
}

fn walk(folder: &Path, into: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        into.extend(path.to_string_lossy().as_bytes());
        if path.is_dir() { walk(&path, into) } else { into.extend(fs::read(&path).expect("a file")) }
    }
}

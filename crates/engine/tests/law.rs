//! Instruments from their documents to what they lift, and the ledger of uses, on a home and its register in both databases.

#[path = "support/postgres.rs"]
mod postgres;

use caredata_engine::error::{EngineError, Remark};
use caredata_engine::home::{Attestation, Home, InitOptions, Policy};
use caredata_engine::law::{ApproverKey, Instruments, Law, Status};
use caredata_engine::register::{NewUse, PostgresUrl, UseKind};
use caredata_engine::today;
use caredata_model::{Day, LawfulPurpose, PersonId, Scope};
use std::fs;
use std::path::{Path, PathBuf};

fn remark(text: &str) -> Remark {
    Remark::parse("a text", text).expect("fit")
}

struct Office {
    folder: tempfile::TempDir,
    home: Home,
}

impl Office {
    fn new() -> Self {
        Self::with(None)
    }

    fn with(register: Option<PostgresUrl>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = InitOptions {
            keys: Some(folder.path().join("keys")),
            policy: Policy::default(),
            attestation: Some(Attestation { name: remark("A. Tester"), reason: remark("invented") }),
            register,
            who: remark("a test"),
        };
        let home = Home::init(&folder.path().join("home"), &options).expect("a home");
        Self { folder, home }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Does something with the register and the log open.
    fn act<T>(&self, act: impl FnOnce(&Law<'_>) -> T) -> T {
        let (register, audit) =
            (self.home.register().expect("a register"), self.home.audit(remark("a test")).expect("a log"));
        let done = act(&Law::of(&self.home, &register, &audit));
        register.close().expect("closed");
        done
    }

    fn enrol(&self, name: &str, key: &str) -> Result<(), EngineError> {
        self.act(|law| law.enrol(&remark(name), &remark("officer"), &self.path(key)).map(|_| ()))
    }

    fn sign(&self, document: &Path, key: &str) -> Result<usize, EngineError> {
        self.act(|law| law.sign(document, &self.path(key)))
    }

    fn instruments(&self) -> Result<Instruments, EngineError> {
        Instruments::read(&self.home.register().expect("a register"))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.home.log().join("audit.jsonl")).expect("a log")
    }

    /// A document in force for ten days around today.
    fn document(&self, id: &str) -> PathBuf {
        let day = |days: i32| Day::from_days_since_1970(today().days_since_1970() + days).expect("a day");
        let text = format!(
            "id = \"{id}\"\nbasis = \"copi-regulation-3\"\narticle-6 = \"public-task\"\narticle-9 = \"public-health\"\n\
             wording = \"Notice under regulation 3.\"\npurpose = \"communicable-disease\"\nlifts = [\"object-all\"]\n\
             tables = [\"admissions\"]\nstart = \"{}\"\nend = \"{}\"\n",
            day(-5),
            day(5)
        );
        let path = self.path(&format!("{id}.toml"));
        fs::write(&path, text).expect("written");
        path
    }
}

fn code<T: std::fmt::Debug>(done: Result<T, EngineError>) -> &'static str {
    done.expect_err("refused").code()
}

#[test]
fn two_people_approve_and_only_then_is_anything_lifted() {
    approve_and_end(&Office::new());
}

#[test]
fn both_ledgers_hold_on_postgresql_too() {
    let server = postgres::Server::start();
    let office = Office::with(Some(PostgresUrl::parse(&server.database()).expect("a URL")));
    approve_and_end(&office);
    let register = office.home.register().expect("a register");
    let person = |bits| PersonId::from_bits(bits);
    let people = register.number_people((1..9).map(person)).expect("numbered");
    let one = NewUse {
        kind: UseKind::Release,
        reference: "R1".to_owned(),
        recipient: "a university".to_owned(),
        purpose: "asthma".to_owned(),
        basis: "section-251".to_owned(),
        run: None,
        held: people.bitmap(&register, [person(1)].into_iter()),
        left_out: people.bitmap(&register, [person(2)].into_iter()),
    };
    register.note_use(&one).expect("noted");
    let told = |bits| register.uses_of(&[person(bits)]).expect("read").first().map(|one| (one.held, one.left_out));
    assert_eq!([1, 2, 3].map(told), [Some((true, false)), Some((false, true)), None]);
    register.close().expect("closed");
}

fn approve_and_end(office: &Office) {
    office.enrol("A. Guardian", "a.key").expect("enrolled");
    office.enrol("B. Director", "b.key").expect("enrolled");
    let document = office.document("notice-1");
    assert_eq!(code(office.sign(&document, "a.key")), "instrument-unknown", "before it is added");
    office.act(|law| law.add(&document)).expect("added");
    assert_eq!(code(office.act(|law| law.add(&document))), "instrument-known");
    let lifts = |day, scope: &Scope, table, purpose| {
        office.instruments().expect("read").lifting(day, scope, table, purpose).map(|held| held.instrument.id.clone())
    };
    let disease = LawfulPurpose::CommunicableDisease;
    assert_eq!(lifts(today(), &Scope::All, "admissions", disease), None, "nobody approved");
    assert_eq!(office.sign(&document, "a.key").expect("signed"), 1);
    assert_eq!(lifts(today(), &Scope::All, "admissions", disease), None, "one approved");
    assert_eq!(code(office.sign(&document, "a.key")), "same-key");
    assert_eq!(office.sign(&document, "b.key").expect("signed"), 2);
    assert_eq!(lifts(today(), &Scope::All, "admissions", disease).as_deref(), Some("notice-1"));
    assert_eq!(lifts(today(), &Scope::GpRecord, "admissions", disease), None, "another objection");
    assert_eq!(lifts(today(), &Scope::All, "emergency", disease), None, "another table");
    assert_eq!(lifts(today(), &Scope::All, "admissions", LawfulPurpose::SeriousHarm), None, "another purpose");
    let on = |days: i32| Day::from_days_since_1970(today().days_since_1970() + days).expect("a day");
    let within: Vec<bool> =
        [-6, -5, 5, 6].map(|days| lifts(on(days), &Scope::All, "admissions", disease).is_some()).to_vec();
    assert_eq!(within, [false, true, true, false], "from its first day to its last");
    let public = fs::read_to_string(office.home.public().join("instruments.json")).expect("a public list");
    for told in ["notice-1", "in-force", "A. Guardian", "B. Director", "Notice under regulation 3."] {
        assert!(public.contains(told), "{told}");
    }
    office.act(|law| law.end("notice-1", &remark("the emergency is over"))).expect("ended");
    assert_eq!(lifts(today(), &Scope::All, "admissions", disease), None, "as if it had never been");
    assert_eq!(office.instruments().expect("read").of("notice-1").expect("known").status(today()), Status::Ended);
    assert_eq!(code(office.act(|law| law.end("notice-1", &remark("again")))), "instrument-over");
    let log = office.log();
    for act in ["approver-enrolled", "instrument-added", "instrument-signed", "instrument-ended"] {
        assert!(log.contains(&format!("\"act\":\"{act}\"")), "{act}");
    }
    assert!(log.contains(r#"{"code":"same-key"},"who":"a test","outcome":"denied""#), "refusals are noted");
    caredata_verify::verify(&office.home.log()).expect("the log holds");
}

#[test]
fn who_and_what_is_refused() {
    let office = Office::new();
    office.enrol("A. Guardian", "a.key").expect("enrolled");
    assert_eq!(code(office.enrol("a.  guardian", "other.key")), "approver-known", "one key at a time");
    let inside = office.home.folder().join("a.key");
    assert_eq!(code(office.act(|law| law.enrol(&remark("C."), &remark("officer"), &inside))), "approver-key-in-home");
    let document = office.document("notice-2");
    office.act(|law| law.add(&document)).expect("added");
    ApproverKey::generate().expect("a key").write(&office.path("strange.key")).expect("written");
    assert_eq!(code(office.sign(&document, "strange.key")), "approver-unknown");
    let text = fs::read_to_string(&document).expect("a document");
    fs::write(&document, text.replace("admissions", "emergency")).expect("changed");
    assert_eq!(code(office.sign(&document, "a.key")), "instrument-changed");
    fs::write(&document, format!("{text}\n")).expect("changed");
    assert_eq!(code(office.sign(&document, "a.key")), "instrument-changed", "by a single byte");
    fs::write(&document, &text).expect("as it was");
    office.sign(&document, "a.key").expect("signed");
    office.act(|law| law.retire(&remark("A. Guardian"), &remark("left"))).expect("retired");
    assert_eq!(code(office.sign(&document, "a.key")), "same-key");
    office.enrol("A. Guardian", "a2.key").expect("enrolled anew");
    assert_eq!(code(office.sign(&document, "a2.key")), "same-person", "two keys of one person");
    let other = office.document("notice-3");
    office.act(|law| law.add(&other)).expect("added");
    assert_eq!(code(office.sign(&other, "a.key")), "approver-retired");
    let held = office.instruments().expect("read").of("notice-2").expect("known").clone();
    assert_eq!((held.approvals.len(), held.status(today())), (1, Status::Unapproved));
}

#[test]
fn what_is_over_is_signed_by_nobody() {
    let office = Office::new();
    office.enrol("A. Guardian", "a.key").expect("enrolled");
    let document = office.document("notice-4");
    let text = fs::read_to_string(&document).expect("a document");
    let lines = text.lines().map(|line| match line.split_once(" = ") {
        Some(("start", _)) => "start = \"2020-03-20\"",
        Some(("end", _)) => "end = \"2020-09-30\"",
        _ => line,
    });
    fs::write(&document, lines.collect::<Vec<_>>().join("\n")).expect("written");
    office.act(|law| law.add(&document)).expect("added");
    assert_eq!(code(office.sign(&document, "a.key")), "instrument-over");
}

/// Whoever can write to the database but has no key of the home gets nothing lifted by it.
#[test]
fn a_ledger_that_was_tampered_with_is_an_error_and_no_answer() {
    use sqlx::{AnyConnection, Connection};
    let office = Office::new();
    office.enrol("A. Guardian", "a.key").expect("enrolled");
    let document = office.document("notice-5");
    office.act(|law| law.add(&document)).expect("added");
    office.sign(&document, "a.key").expect("signed");
    let url = format!("sqlite:{}", office.home.folder().join("register.sqlite").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let change = |statements: &'static [&'static str]| {
        runtime.block_on(async {
            let mut connection = AnyConnection::connect(&url).await.expect("opened");
            for statement in statements {
                sqlx::raw_sql(*statement).execute(&mut connection).await?;
            }
            connection.close().await
        })
    };
    for statement in [&["UPDATE law_entries SET content = ''"][..], &["DELETE FROM law_entries"]] {
        assert!(change(statement).expect_err(statement[0]).to_string().contains("append-only"), "{statement:?}");
    }
    change(&[
        "DROP TRIGGER \"law_entries_never_UPDATE\"",
        "UPDATE law_entries SET content = replace(content, 'emergency', 'x')",
    ])
    .expect("nothing to change");
    assert!(office.instruments().is_ok());
    change(&["UPDATE law_entries SET content = replace(content, 'A. Guardian', 'B. Director')"]).expect("changed");
    assert_eq!(code(office.instruments()), "register-broken");
    assert_eq!(code(office.sign(&document, "a.key")), "register-broken");
}

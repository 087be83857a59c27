//! The read view: from the moment a wish is committed no new read contains the person, whatever is asked and how.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use caredata_engine::error::{EngineError, Remark};
use caredata_engine::home::{Attestation, Home, InitOptions, NationalOptOuts, Policy};
use caredata_engine::purge::purge;
use caredata_engine::records::ReadView;
use caredata_engine::register::{EmptyReturn, LineEnds, NewObjection, Saying};
use caredata_engine::run::{RunInput, run};
use caredata_model::{Door, NhsNumber};
use caredata_synth::{Errors, Options, generate};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

const NUMBER: &str = "9434765919";
/// Somebody whom no practice knows.
const STRANGER: &str = "9434765870";
const TABLES: [&str; 5] = ["persons", "journals", "admissions", "outpatients", "emergency"];

fn remark(text: &str) -> Remark {
    Remark::parse("text", text).expect("a remark")
}

/// A month in which one person has an entry in a journal and an admission, and a stranger an admission, each told from all
/// others by its values.
fn month() -> (TempDir, Home) {
    month_in(Policy::default(), |_, _| ())
}

fn month_in(policy: Policy, before_the_run: impl Fn(&Home, &Path)) -> (TempDir, Home) {
    let place = tempfile::tempdir().expect("a folder");
    let data = place.path().join("data");
    let first_month = "2014-04".parse().expect("a month");
    let options = Options { people: 800, seed: 3, months: 1, first_month, errors: Errors::Standard, out: data.clone() };
    generate(&options, &|_| ()).expect("a population");
    let append = |file: &str, line: &str| {
        let mut file = fs::OpenOptions::new().append(true).open(data.join(file)).expect("a file");
        writeln!(file, "{line}").expect("written");
    };
    append("gp/patients.csv", &format!("A81001,first,{NUMBER},1971-03-05,LS1 4AP,1,A,2001-01-01,,,"));
    append("gp/journals.csv", "A81001,first,entry-1,2014-04-02,2014-04-02,read2,N142.,4321.5,,,");
    let apc = fs::read_to_string(data.join("hospital/apc.csv")).expect("a file");
    for (key, number, born, diagnosis) in
        [("990000000001", NUMBER, "1971-03-05", "S889"), ("990000000002", STRANGER, "1933-05-06", "S888")]
    {
        let row = apc.lines().next().expect("a header").split(',').map(|column| match column {
            "PROCODE" => "RAA",
            "EPIKEY" | "LOPATID" => key,
            "NEWNHSNO" => number,
            "DOB" => born,
            "SEX" => "1",
            "ADMIDATE" | "EPISTART" => "2014-04-07",
            "DISDATE" | "EPIEND" => "2014-04-09",
            "DIAG_01" => diagnosis,
            _ => "",
        });
        append("hospital/apc.csv", &row.collect::<Vec<_>>().join(","));
    }
    let attestation = Some(Attestation { name: remark("A. Tester"), reason: remark("invented people") });
    let options = InitOptions {
        keys: Some(place.path().join("keys")),
        policy,
        attestation,
        register: None,
        who: remark("tester"),
    };
    let home = Home::init(&place.path().join("home"), &options).expect("a home");
    let input = RunInput {
        gp: Some(data.join("gp")),
        packages: None,
        hospital: Some(data.join("hospital")),
        sources: Vec::new(),
        period: "2013-05..2014-04".parse().expect("a period"),
        truth: None,
        accepted: Vec::new(),
    };
    before_the_run(&home, place.path());
    run(&home, remark("tester"), &input, &()).expect("a run");
    (place, home)
}

fn says(home: &Home, number: &str, kind: &str) {
    let wish = NewObjection {
        number: NhsNumber::parse(number).expect("a number"),
        kind: kind.parse().expect("a kind"),
        effective: Some(caredata_engine::today()),
        saying: Saying::by_person(Door::PatientLine, remark("tester")),
    };
    let audit = home.audit(remark("tester")).expect("a log");
    home.register().expect("a register").record(&audit, &wish).expect("noted");
}

fn count(view: &ReadView, sql: &str) -> i64 {
    let batches = view.query(sql).expect("read");
    batches.iter().map(|batch| batch.column(0).as_primitive::<Int64Type>().values().iter().sum::<i64>()).sum()
}

fn rows(view: &ReadView) -> [i64; 5] {
    TABLES.map(|table| count(view, &format!("SELECT count(*) FROM {table}")))
}

/// Rows of the person in each table, by pseudonym, and the pseudonym.
fn of_person(view: &ReadView, which: &str) -> (i64, [i64; 5]) {
    let person = count(view, which);
    (person, TABLES.map(|table| count(view, &format!("SELECT count(*) FROM {table} WHERE person = {person}"))))
}

const WHO: &str = "SELECT person FROM journals WHERE value1 = 4321.5";
const WHO_STRANGE: &str = "SELECT person FROM admissions WHERE diagnosis_01 = 'S888'";

#[test]
fn an_objection_counts_in_the_next_read_and_in_no_table_that_it_does_not_cover() {
    let (_place, home) = month();
    let view = ReadView::open(&home).expect("a view");
    let before = rows(&view);
    let (person, own) = of_person(&view, WHO);
    assert_eq!(own[..3], [1, 1, 1], "the person's rows are there to be left out");

    says(&home, NUMBER, "object-source:apc");
    let expected = [before[0], before[1], before[2] - own[2], before[3], before[4]];
    assert_eq!(rows(&view), expected, "one place of care: its rows alone");
    says(&home, NUMBER, "object-gp");
    let expected = [before[0] - 1, before[1] - own[1], before[2] - own[2], before[3], before[4]];
    assert_eq!(rows(&view), expected, "the GP record, and the row of persons that rests on it");
    says(&home, NUMBER, "object-all");
    let expected = [0, 1, 2, 3, 4].map(|table| before[table] - own[table]);
    assert_eq!(rows(&view), expected, "everything");
    let opened_afterwards = ReadView::open(&home).expect("a view");
    assert_eq!(rows(&opened_afterwards), expected, "and so in a view opened afterwards");

    // However it is asked: without the column, with a filter that files know of, with a limit, joined.
    for sql in [
        format!("SELECT count(*) FROM journals WHERE person = {person}"),
        "SELECT count(*) FROM journals WHERE value1 = 4321.5".to_owned(),
        "SELECT count(*) FROM (SELECT code FROM journals WHERE value1 = 4321.5 LIMIT 1)".to_owned(),
        "SELECT count(*) FROM admissions a JOIN persons p ON a.person = p.person WHERE diagnosis_01 = 'S889'"
            .to_owned(),
        format!("SELECT count(*) FROM persons p LEFT JOIN journals j ON j.person = p.person WHERE p.person = {person}"),
    ] {
        for view in [&view, &opened_afterwards] {
            assert_eq!(count(view, &sql), 0, "{sql}");
        }
    }
    let of_others = "SELECT sum(person) FROM journals WHERE code IS NOT NULL";
    assert_eq!(count(&view, of_others), count(&opened_afterwards, of_others), "whichever way rows are left out");
    let everybody = count(&view, "SELECT count(DISTINCT person) FROM persons");
    for view in [&view, &opened_afterwards] {
        let limited = view.query("SELECT code FROM journals LIMIT 7").expect("read");
        assert_eq!(limited.iter().map(arrow_array::RecordBatch::num_rows).sum::<usize>(), 7);
        assert_eq!(count(view, "SELECT count(DISTINCT person) FROM persons"), everybody);
    }
}

#[test]
fn who_is_known_from_one_place_alone_has_no_row_of_persons_when_it_is_objected_to() {
    let (_place, home) = month();
    let view = ReadView::open(&home).expect("a view");
    let before = rows(&view);
    let (_, own) = of_person(&view, WHO_STRANGE);
    assert_eq!(own, [1, 0, 1, 0, 0]);
    says(&home, STRANGER, "object-source:hospital");
    let expected = [before[0] - 1, before[1], before[2] - 1, before[3], before[4]];
    assert_eq!(rows(&view), expected);
}

#[test]
fn a_withdrawal_is_followed_by_the_next_publication() {
    let (_place, home) = month();
    let view = ReadView::open(&home).expect("a view");
    let before = rows(&view);
    says(&home, NUMBER, "object-all");
    let without = rows(&view);
    assert_ne!(without, before);
    says(&home, NUMBER, "withdraw-all");
    assert_eq!(rows(&view), without, "between publications a view only leaves out more");
    purge(&home, remark("tester"), &()).expect("purged");
    assert_eq!(rows(&ReadView::open(&home).expect("a view")), before);
    assert_eq!(rows(&view), without, "the purge had nothing to publish, and an open view gives nothing back by itself");
    says(&home, NUMBER, "object-all");
    purge(&home, remark("tester"), &()).expect("purged");
    assert_eq!(rows(&ReadView::open(&home).expect("a view")), without, "as the purge publishes it");
    says(&home, NUMBER, "withdraw-all");
    purge(&home, remark("tester"), &()).expect("purged");
    // What only the practice told does not come back without its next extract.
    let back = rows(&ReadView::open(&home).expect("a view"));
    assert_eq!(back[2], before[2]);
    assert_eq!(rows(&view), back, "an open view follows publications, though files are gone that it had read");
}

#[test]
fn a_file_of_objections_counts_in_the_next_read() {
    let (place, home) = month();
    let view = ReadView::open(&home).expect("a view");
    let ((_, own), before) = (of_person(&view, WHO), rows(&view));
    let file = place.path().join("objections.csv");
    let header = "nhs_number,kind,effective_from,recorded_at,channel,recorded_by,source_id";
    fs::write(&file, format!("{header}\n{NUMBER},object-all,2014-01-01,2014-01-01,letter,desk,L1\n")).expect("written");
    let audit = home.audit(remark("tester")).expect("a log");
    home.register().expect("a register").load(&audit, &file).expect("loaded");
    assert_eq!(rows(&view), [0, 1, 2, 3, 4].map(|table| before[table] - own[table]));
}

#[test]
fn an_answer_of_the_national_file_counts_in_the_next_read() {
    let answer = |home: &Home, place: &Path, name: &str, let_through: &[&str]| {
        let (audit, register) = (home.audit(remark("tester")).expect("a log"), home.register().expect("a register"));
        let numbers = [NUMBER, STRANGER].map(|number| NhsNumber::parse(number).expect("a number")).into();
        let (sent, returned) = (place.join(format!("{name}.dat")), place.join(format!("{name}-back.dat")));
        register.check_out(&audit, &numbers, &sent, LineEnds::Lf).expect("asked");
        fs::write(&returned, format!("{},\n", let_through.join(",\n"))).expect("written");
        let days = (caredata_engine::today(), 7);
        register.check_in(&audit, (&sent, &returned), days, EmptyReturn::Refused).expect("answered");
    };
    let policy = Policy { national_opt_outs: NationalOptOuts::Asked, ..Policy::default() };
    let (place, home) = month_in(policy, |home, place| answer(home, place, "first", &[NUMBER, STRANGER]));
    let view = ReadView::open(&home).expect("a view");
    let ((_, own), (_, strange)) = (of_person(&view, WHO), of_person(&view, WHO_STRANGE));
    assert_eq!((own[1], strange[2]), (1, 1), "both were let through");
    let before = rows(&view);
    answer(&home, place.path(), "second", &[STRANGER]);
    assert_eq!(rows(&view), [0, 1, 2, 3, 4].map(|table| before[table] - own[table]));
    assert_eq!(of_person(&view, WHO_STRANGE).1, strange);
}

#[test]
fn readers_at_work_never_see_who_objected_before_they_asked() {
    let (_place, home) = month();
    let view = ReadView::open(&home).expect("a view");
    let (committed, done) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let (view, committed, done) = (view.clone(), &committed, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Acquire) {
                    let was_committed = committed.load(Ordering::Acquire);
                    let found = count(&view, "SELECT count(*) FROM journals WHERE value1 = 4321.5");
                    assert!(!was_committed || found == 0, "a read that began after the commit");
                }
            });
        }
        says(&home, NUMBER, "object-all");
        committed.store(true, Ordering::Release);
        std::thread::sleep(std::time::Duration::from_millis(300));
        done.store(true, Ordering::Release);
    });
}

#[test]
fn where_the_register_cannot_be_asked_nothing_is_read() {
    let (place, home) = month();
    let view = ReadView::open(&home).expect("a view");
    let register = place.path().join("home/register.sqlite");
    damage(&register);
    let read = view.query("SELECT count(*) FROM persons");
    assert!(matches!(read, Err(EngineError::Query { .. })), "fails closed");
}

/// Writes nonsense over the whole register.
fn damage(register: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let path = format!("{}{ending}", register.display());
        let Ok(length) = fs::metadata(&path).map(|found| found.len()) else { continue };
        let mut file = fs::OpenOptions::new().write(true).open(&path).expect("opened");
        file.write_all(&vec![0xA5; usize::try_from(length).expect("small")]).expect("written");
    }
}

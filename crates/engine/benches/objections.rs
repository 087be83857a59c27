//! What honouring objections at every read costs: `cargo bench -p caredata-engine --bench objections`.
//!
//! A home with a made map of 20 million persons, a register of 2 million objections, and two tables: in one a tenth of the rows
//! are of people who object since, in the other none is, as after every publication. Out: how soon an objection counts while readers
//! are at work, and what aggregates over whole tables cost beside the same files read without the view. Options: `--persons`
//! (20000), `--objectors` (2000) and `--rows` of each table (10000), all in thousands.
#![allow(clippy::print_stdout, reason = "a program that reports to who runs it")]

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray, UInt64Array,
    new_null_array,
};
use arrow_schema::{DataType, Field, Schema};
use caredata_deidentify::schema;
use caredata_engine::error::Remark;
use caredata_engine::home::{Attestation, Home, InitOptions, Policy};
use caredata_engine::records::{DataFile, ReadView};
use caredata_engine::register::{NewObjection, Saying};
use caredata_engine::run::{Part, Present, Publication};
use caredata_engine::vault::{Compartment, VaultName};
use caredata_extract::Table;
use caredata_model::{Door, NhsNumber};
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// Consecutive entries of one person, as journals have them.
const ENTRIES_TOGETHER: usize = 8;
const FILES: usize = 4;
const TIMES: usize = 5;
/// Objections noted while readers are at work.
const NOTED: usize = 40;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let of = |name: &str, otherwise: usize| {
        let given = words.iter().position(|word| word == name).and_then(|at| words.get(at + 1));
        1_000 * given.map_or(otherwise, |thousands| thousands.parse().expect("a number of thousands"))
    };
    let (persons, objectors, rows) = (of("--persons", 20_000), of("--objectors", 2_000), of("--rows", 10_000));
    let place = tempfile::tempdir().expect("a folder");
    let home = home(place.path());
    let numbers = numbers(persons);
    let began = Instant::now();
    load(place.path(), &home, &numbers[..objectors]);
    println!("{objectors} objections loaded into the register in {:.1} s", began.elapsed().as_secs_f64());
    let began = Instant::now();
    publish(&home, &numbers, objectors, rows);
    println!("{persons} persons and {rows} rows of each table made in {:.1} s", began.elapsed().as_secs_f64());
    drop(numbers);
    let began = Instant::now();
    let view = ReadView::open(&home).expect("a view");
    println!("the view opened in {:.1} s", began.elapsed().as_secs_f64());
    aggregates(&home, &view);
    // The next person who says nothing yet: their number can be told from the place, as `numbers` made it.
    effect(&home, &view, objectors);
}

fn remark(text: &str) -> Remark {
    Remark::parse("text", text).expect("a remark")
}

fn home(place: &Path) -> Home {
    let attestation = Some(Attestation { name: remark("a bench"), reason: remark("invented people") });
    let keys = Some(place.join("keys"));
    let options = InitOptions { keys, policy: Policy::default(), attestation, register: None, who: remark("a bench") };
    Home::init(&place.join("home"), &options).expect("a home")
}

/// Valid NHS Numbers, from 400 000 000x on.
fn numbers(count: usize) -> Vec<NhsNumber> {
    let number = |nine: u64| NhsNumber::parse(&format!("{nine}{}", check_digit(nine)?)).ok();
    let found: Vec<NhsNumber> =
        (400_000_000..400_000_000 + (count as u64) * 11 / 10 + 100).into_par_iter().filter_map(number).collect();
    found[..count].to_vec()
}

fn check_digit(nine: u64) -> Option<u64> {
    let sum: u64 = (0..9).map(|place| (nine / 10_u64.pow(place)) % 10 * (u64::from(place) + 2)).sum();
    match 11 - sum % 11 {
        11 => Some(0),
        10 => None,
        digit => Some(digit),
    }
}

fn load(place: &Path, home: &Home, numbers: &[NhsNumber]) {
    let file = place.join("objections.csv");
    let mut out = std::io::BufWriter::new(File::create(&file).expect("a file"));
    writeln!(out, "nhs_number,kind,effective_from,recorded_at,channel,recorded_by,source_id").expect("written");
    for number in numbers {
        writeln!(out, "{:010},object-all,2014-01-01,2014-01-01,letter,a bench,1", number.value()).expect("written");
    }
    out.flush().expect("written");
    drop(out);
    let audit = home.audit(remark("a bench")).expect("a log");
    home.register().expect("a register").load(&audit, &file).expect("loaded");
}

/// A person's pseudonym in this bench: spread over all 63 bits.
fn pseudonym(place: usize) -> i64 {
    let mut mixed = (place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 1).cast_signed()
}

fn publish(home: &Home, numbers: &[NhsNumber], objectors: usize, rows: usize) {
    let register = home.register().expect("a register");
    let run = register.begin_run("2014-04".parse().expect("a month")).expect("a run");
    let mut known: Vec<(u64, i64)> =
        numbers.par_iter().enumerate().map(|(place, &number)| (register.handle(number).0, pseudonym(place))).collect();
    known.par_sort_unstable();
    let name = VaultName::parse("index-1-handles").expect("a name");
    let columns = [("handle", DataType::UInt64), ("person", DataType::Int64), ("published_from", DataType::UInt64)];
    let fields: Vec<Field> = columns.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect();
    let fields = Arc::new(Schema::new(fields));
    let batches = known.chunks(65_536).map(|some| {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from_iter_values(some.iter().map(|row| row.0))),
            Arc::new(Int64Array::from_iter_values(some.iter().map(|row| row.1))),
            // The sources are apc and gp.
            Arc::new(UInt64Array::from_iter_values(some.iter().map(|_| 0b11))),
        ];
        RecordBatch::try_new(Arc::clone(&fields), columns).expect("a batch")
    });
    home.vault()
        .and_then(|vault| vault.write(Compartment::Identifiers, &name, Arc::clone(&fields), batches))
        .expect("written");
    let part = |source: &str| Part { source: source.to_owned(), practice: None, period: "2014-04".to_owned() };
    let mut files = table(home, Table::Journals, "gp-journals", rows, 0, numbers.len());
    files.extend(table(home, Table::Admissions, "apc", rows, objectors, numbers.len() - objectors));
    let present = Present {
        publication: run.0,
        files,
        index: BTreeMap::from([("handles".to_owned(), name.to_string())]),
        parts: BTreeMap::from([(0, part("apc")), (1, part("gp"))]),
        ..Present::default()
    };
    let text = serde_json::to_string(&Publication { present, changes: BTreeMap::new() }).expect("JSON");
    register.prepare_publication(run, &text, &[]).expect("prepared");
    register.finish_publication(run).expect("done");
}

/// A table whose rows are of persons from one place on.
fn table(home: &Home, table: Table, source: &str, rows: usize, first: usize, persons: usize) -> Vec<DataFile> {
    let folder = home.records().join(table.name());
    fs::create_dir_all(&folder).expect("a folder");
    let write = |file: usize| {
        let name = format!("run-1-new-{source}-{file:04}.parquet");
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(262_144))
            .set_column_dictionary_enabled("record_key".into(), false)
            .build();
        let out = File::create(folder.join(&name)).expect("a file");
        let mut writer = ArrowWriter::try_new(out, schema(table), Some(properties)).expect("a writer");
        let of_file = rows / FILES;
        for from in (0..of_file).step_by(65_536) {
            let places = file * of_file + from..file * of_file + (from + 65_536).min(of_file);
            writer.write(&batch(table, source, places, first, persons)).expect("written");
        }
        writer.close().expect("closed");
        let bytes = fs::metadata(folder.join(&name)).expect("a file").len();
        DataFile {
            table: table.name().to_owned(),
            name,
            source: source.to_owned(),
            period: "2014-04".to_owned(),
            rows: of_file as u64,
            bytes,
            blake3: String::new(),
        }
    };
    (0..FILES).into_par_iter().map(write).collect()
}

fn batch(table: Table, source: &str, places: std::ops::Range<usize>, first: usize, persons: usize) -> RecordBatch {
    let length = places.len();
    let mixed = |place: usize| pseudonym(place ^ 0x5555_5555).unsigned_abs() as usize;
    let person = |place: usize| pseudonym(first + mixed(place / ENTRIES_TOGETHER) % persons);
    let schema = schema(table);
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        let at = || places.clone();
        match (field.name().as_str(), field.data_type()) {
            ("person", _) => Arc::new(Int64Array::from_iter_values(at().map(person))),
            (_, DataType::Int64) => Arc::new(Int64Array::from_iter_values(at().map(pseudonym))),
            ("source", _) => Arc::new(StringArray::from_iter_values(at().map(|_| source))),
            ("period", _) => Arc::new(StringArray::from_iter_values(at().map(|_| "2014-04"))),
            ("code" | "diagnosis_01", _) => {
                Arc::new(StringArray::from_iter_values(at().map(|place| format!("C{:03}", mixed(place) % 1_000))))
            }
            ("practice" | "provider", _) => {
                Arc::new(StringArray::from_iter_values(at().map(|place| format!("A{:05}", place / 20_000))))
            }
            ("event_day", _) => {
                Arc::new(at().map(|place| Some(16_000 + (mixed(place) % 365) as i32)).collect::<Date32Array>())
            }
            ("value1", _) => {
                Arc::new(Float64Array::from_iter_values(at().map(|place| (mixed(place) % 500) as f64 / 2.0)))
            }
            ("day_exact", _) => Arc::new(BooleanArray::from(vec![true; length])),
            (_, kind) => new_null_array(kind, length),
        }
    });
    RecordBatch::try_new(Arc::clone(&schema), columns.collect()).expect("a batch")
}

/// Aggregates over whole tables, through the view and from the same files without it, in turn.
fn aggregates(home: &Home, view: &ReadView) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    let guarded = view.session().expect("a session");
    let plain = SessionContext::new();
    for table in ["journals", "admissions"] {
        let folder = home.records().join(table);
        let options = ParquetReadOptions::default();
        runtime.block_on(plain.register_parquet(table, folder.to_string_lossy(), options)).expect("registered");
    }
    let queries = [
        "SELECT code, count(*), avg(value1) FROM journals GROUP BY code",
        "SELECT count(DISTINCT person) FROM journals",
        "SELECT practice, event_day, count(*) FROM journals GROUP BY practice, event_day",
        "SELECT sum(value1) FROM journals",
        "SELECT diagnosis_01, count(*) FROM admissions GROUP BY diagnosis_01",
        "SELECT count(DISTINCT person) FROM admissions",
        "SELECT provider, event_day, count(*) FROM admissions GROUP BY provider, event_day",
        "SELECT max(event_day) FROM admissions WHERE event_day > '2013-11-01'",
    ];
    println!("\n| aggregate over a whole table | plain, ms | through the view, ms | ratio |\n|---|---|---|---|");
    for sql in queries {
        let time = |context: &SessionContext| {
            let began = Instant::now();
            let read = runtime.block_on(async { context.sql(sql).await?.collect().await }).expect("read");
            std::hint::black_box(read);
            began.elapsed().as_secs_f64() * 1e3
        };
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for _ in 0..=TIMES {
            without.push(time(&plain));
            with.push(time(&guarded));
        }
        // The first of each warms the cache.
        let median = |times: &mut Vec<f64>| {
            times.remove(0);
            times.sort_unstable_by(f64::total_cmp);
            times[times.len() / 2]
        };
        let (without, with) = (median(&mut without), median(&mut with));
        println!("| `{sql}` | {without:.0} | {with:.0} | {:.2} |", with / without);
    }
}

/// How long after its commit an objection counts, while two readers are at work.
fn effect(home: &Home, view: &ReadView, first: usize) {
    let audit = home.audit(remark("a bench")).expect("a log");
    let register = home.register().expect("a register");
    let silent = numbers(first + NOTED);
    let (done, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut known, mut read) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let (done, reads, view) = (&done, &reads, view.clone());
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    view.query("SELECT code, count(*) FROM journals GROUP BY code").expect("read");
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for (place, &number) in silent.iter().enumerate().skip(first) {
            let wish = NewObjection {
                number,
                kind: "object-all".parse().expect("a kind"),
                effective: Some(caredata_engine::today()),
                saying: Saying::by_person(Door::PatientLine, remark("a bench")),
            };
            register.record(&audit, &wish).expect("noted");
            let committed = Instant::now();
            view.read_up_to().expect("asked");
            known.push(committed.elapsed().as_secs_f64() * 1e3);
            let sql = format!("SELECT count(*) FROM admissions WHERE person = {}", pseudonym(place));
            let found = view.query(&sql).expect("read");
            read.push(committed.elapsed().as_secs_f64() * 1e3);
            let rows: i64 = found.iter().map(|batch| batch.column(0).as_primitive::<Int64Type>().value(0)).sum();
            assert_eq!(rows, 0, "who objected is in no read planned afterwards");
        }
        done.store(true, Ordering::Relaxed);
    });
    println!("\n{} aggregates were read meanwhile", reads.load(Ordering::Relaxed));
    println!("| after the commit of an objection | median, ms | worst, ms |\n|---|---|---|");
    for (what, times) in [
        ("every read planned leaves the person out", known),
        ("a read of a whole table is answered without them", read),
    ] {
        let mut times = times;
        times.sort_unstable_by(f64::total_cmp);
        println!("| {what} | {:.1} | {:.1} |", times[times.len() / 2], times[times.len() - 1]);
    }
}

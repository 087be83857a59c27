//! What reading costs, beside what the machine could do: `cargo bench -p caredata-extract [-- FILE.csv]`.
//!
//! A file of GP patients, made or given, read from memory; the best of several times out, in bytes a second. The passes of others
//! (copying, looking for newlines, csv-core) are the roofs that reading is held against.
#![allow(clippy::print_stdout, reason = "a program that reports to who runs it")]

use caredata_extract::{Columns, InputFile, ReadOptions, Source, read};
use caredata_model::Identifiers;
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

fn main() {
    let given = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let text = given.map_or_else(made, |file| std::fs::read(&file).expect("a file that can be read"));
    let bytes = text.len();
    println!("{:.1} MB; one thread", bytes as f64 / 1e6);
    let mut copy = vec![0_u8; bytes];
    time("copying", bytes, || copy.copy_from_slice(&text));
    time("summing eight bytes at a time", bytes, || {
        text.chunks_exact(8)
            .map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes")))
            .fold(0, u64::wrapping_add)
    });
    time("finding newlines (memchr)", bytes, || memchr::memchr_iter(b'\n', &text).count());
    time("finding delimiters and newlines (memchr2)", bytes, || memchr::memchr2_iter(b',', b'\n', &text).count());
    time("checking UTF-8", bytes, || std::str::from_utf8(&text).is_ok());
    time("cutting into fields (csv-core)", bytes, || csv_core_pass(&text));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let source = Source::builtin("gp-patients").expect("built in");
    let file = [InputFile::in_memory("patients.csv", text.clone())];
    let options = ReadOptions::with_columns(Columns::Identifiers);
    let read = || read(&source, &file, &options, |batch| batch.len()).map_or(0, |read| read.rows_in);
    time("reading into identifiers, keys and days", bytes, || pool.install(read));
    let fields: [&[u8]; 4] = [b"9434765919", b"1956-03-09", b"LS1 4AP", b"2"];
    time("packing identifiers, a million times", 1_000_000 * fields.concat().len(), || {
        (0..1_000_000)
            .map(|_| {
                let [nhs, born, home, sex] = black_box(fields);
                Identifiers::parse(nhs, born, home, sex).0.birth_packed()
            })
            .fold(0_u32, u32::wrapping_add)
    });
}

/// Patients as a practice system exports them.
fn made() -> Vec<u8> {
    let mut text = "practice_code,patient_id,nhs_number,date_of_birth,postcode,sex,ethnic_category,registration_date,\
                    deregistration_date,date_of_death,lsoa\n"
        .to_owned();
    for n in 0..500_000_u64 {
        let (day, month, year) = (1 + n % 28, 1 + n / 28 % 12, 1920 + n / 7 % 90);
        let number = 4_000_000_000 + n * 7919 % 5_000_000_000;
        let _ = writeln!(
            text,
            "A81{:03},{},{number},{year}-{month:02}-{day:02},LS{} {}BF,{},A,1994-01-27,,,E01002466",
            n / 5000,
            13_000_000 + n,
            n % 29 + 1,
            n % 10,
            n % 2 + 1
        );
    }
    text.into_bytes()
}

fn csv_core_pass(text: &[u8]) -> usize {
    let (mut reader, mut rest, mut fields) = (csv_core::Reader::new(), text, 0);
    let (mut out, mut ends) = ([0; 4096], [0; 256]);
    loop {
        let (result, read, _, ended) = reader.read_record(rest, &mut out, &mut ends);
        rest = &rest[read..];
        match result {
            csv_core::ReadRecordResult::Record => fields += ended,
            csv_core::ReadRecordResult::InputEmpty
            | csv_core::ReadRecordResult::OutputFull
            | csv_core::ReadRecordResult::OutputEndsFull => {}
            csv_core::ReadRecordResult::End => return fields,
        }
    }
}

/// Prints the best of seven.
fn time<T>(name: &str, bytes: usize, mut piece: impl FnMut() -> T) {
    let times = (0..7).map(|_| {
        let began = Instant::now();
        black_box(piece());
        began.elapsed()
    });
    let seconds = times.min().unwrap_or_default().as_secs_f64();
    println!("{name:<44} {:>9.2} ms {:>9.2} GB/s", seconds * 1e3, bytes as f64 / seconds / 1e9);
}

//! Properties of reading: the same rows at any chunk size, and no bytes that make it panic.

use caredata_extract::{ExtractError, InputFile, Read, ReadOptions, Source, read};
use proptest::prelude::*;
use std::fmt::Write as _;

const DECLARATION: &str = "name='x'\ntitle='X'\ntable='other'\nfiles=['x']\nkey=['id']\nprovider='p'\nevent_day=['d']\n\
    event_day_required=false\n[[columns]]\nname='a'\ntype='code'\nbytes_max=1000\n[[columns]]\nname='b'\ntype='code'\nbytes_max=1000\n";

type Rows = Vec<(u64, String, String)>;

fn read_x(bytes: impl Into<Vec<u8>>, chunk_bytes: usize) -> Result<Read<Rows>, ExtractError> {
    use arrow_array::cast::AsArray;
    let source = Source::parse(DECLARATION).expect("a good declaration");
    let options = ReadOptions { chunk_bytes, ..ReadOptions::default() };
    read(&source, &[InputFile::in_memory("x.csv", bytes)], &options, |batch| {
        let column = |place: usize, row| batch.payload().column(place).as_string::<i32>().value(row).to_owned();
        (0..batch.len())
            .map(|row| (batch.line(row), batch.key(row).to_owned(), column(0, row) + "|" + &column(1, row)))
            .collect()
    })
}

/// A field as some system writes it: plain or quoted, with delimiters, newlines and quotation marks in it.
fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9 \u{e9}]{0,6}",
        "[a-z,\n\r\"|]{0,6}".prop_map(|text| format!("\"{}\"", text.replace('"', "\"\""))),
    ]
}

/// The same file read by another reader, as a judge: the fields of each record.
fn by_csv_core(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv_core::Reader::new();
    let (mut input, mut records, mut record) = (text.as_bytes(), Vec::new(), Vec::new());
    let mut field = Vec::new();
    loop {
        let mut out = [0; 64];
        let (result, read, written) = reader.read_field(input, &mut out);
        input = &input[read..];
        field.extend_from_slice(&out[..written]);
        match result {
            csv_core::ReadFieldResult::InputEmpty | csv_core::ReadFieldResult::OutputFull => {}
            csv_core::ReadFieldResult::Field { record_end } => {
                record.push(String::from_utf8(std::mem::take(&mut field)).expect("text"));
                if record_end {
                    records.push(std::mem::take(&mut record));
                }
            }
            csv_core::ReadFieldResult::End => return records,
        }
    }
}

proptest! {
    #[test]
    fn any_chunk_size_gives_the_rows_that_another_reader_gives(
        fields in proptest::collection::vec((field(), field()), 1..30),
        chunk_bytes in 1..200_usize,
        returns in any::<bool>(),
    ) {
        let end = if returns { "\r\n" } else { "\n" };
        let mut text = format!("id,p,d,a,b{end}");
        for (row, (a, b)) in fields.iter().enumerate() {
            let _ = write!(text, "k{row},P,,{a},{b}{end}");
        }
        let whole = read_x(text.clone(), 1 << 20).expect("a good file");
        let cut = read_x(text.clone(), chunk_bytes).expect("a good file");
        let rows = whole.results.concat();
        prop_assert_eq!(&cut.results.concat(), &rows);
        prop_assert_eq!(whole.rows_in, fields.len() as u64);
        let judged: Vec<(String, String)> = by_csv_core(&text).into_iter().skip(1)
            .map(|record| (record[0].clone(), format!("{}|{}", record[3], record[4]))).collect();
        prop_assert_eq!(rows.into_iter().map(|(_, key, text)| (key, text)).collect::<Vec<_>>(), judged);
    }

    #[test]
    fn lines_are_those_of_the_file(fields in proptest::collection::vec(field(), 1..20), chunk_bytes in 1..100_usize) {
        let (mut text, mut expected) = ("id,p,d,a,b\n".to_owned(), Vec::new());
        for field in &fields {
            expected.push(text.matches('\n').count() as u64 + 1);
            let _ = writeln!(text, "k,P,,{field},");
        }
        let lines: Vec<u64> = read_x(text, chunk_bytes).expect("a good file").results.concat().iter().map(|row| row.0).collect();
        prop_assert_eq!(lines, expected);
    }

    #[test]
    fn random_bytes_never_panic_and_no_row_is_lost(
        bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b','), Just(b'\n'), Just(b'"'), Just(b'k')], 0..400),
        chunk_bytes in 1..64_usize,
    ) {
        let mut file = b"id,p,d,a,b\n".to_vec();
        file.extend_from_slice(&bytes);
        if let Ok(read) = read_x(file, chunk_bytes) {
            let taken: usize = read.results.iter().map(Vec::len).sum();
            prop_assert_eq!(read.rows_in, taken as u64 + read.rows_refused);
        }
        let _ = read_x(bytes, chunk_bytes);
    }
}

//! Reading: what is taken, what is refused, and in which words. Every kind of bad input has its case.

use caredata_extract::{
    Columns, ExtractError, InputFile, Outcome, Read, ReadOptions, Reason, Source, SourceBatch, find, find_among, read,
};
use caredata_model::Defect;
use std::io::Write;
use std::path::Path;

const APC: &str = "EPIKEY,PROCODE,LOPATID,NEWNHSNO,DOB,HOMEADD,SEX,ETHNOS,ADMIDATE,DISDATE,ADMIMETH,DIAG_01";
const GOOD: &str = "1,RX1,L7,9434765919,1956-03-09,LS1 4AP,2,A,2014-04-02,2014-04-05,21,J440";

/// What a batch holds, in a form that can be compared.
type Row = (u64, String, String, bool, String, Option<String>);

fn rows(batch: &SourceBatch) -> Vec<Row> {
    let row = |row| {
        let payload: Vec<String> =
            batch.payload().columns().iter().map(|column| format!("{:?}", column.slice(row, 1))).collect();
        let identified = batch.identifiers(row).nhs_number().is_some();
        let day = batch.event_day(row).map(|day| day.to_string());
        (batch.line(row), batch.key(row).to_owned(), batch.provider(row).to_owned(), identified, payload.concat(), day)
    };
    (0..batch.len()).map(row).collect()
}

fn read_apc(name: &str, bytes: impl Into<Vec<u8>>, options: &ReadOptions) -> Result<Read<Vec<Row>>, ExtractError> {
    let source = Source::builtin("apc").expect("built in");
    read(&source, &[InputFile::in_memory(name, bytes)], options, |batch| rows(&batch))
}

fn refusal(name: &str, bytes: impl Into<Vec<u8>>) -> String {
    match read_apc(name, bytes, &ReadOptions::default()) {
        Ok(_) => panic!("taken, though it should be refused"),
        Err(error) => error.to_string(),
    }
}

fn taken(text: &str) -> Read<Vec<Row>> {
    read_apc("apc.csv", text, &ReadOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn delimiters_line_ends_column_order_and_byte_order_marks_make_no_difference() {
    let plain = format!("{APC}\n{GOOD}\n");
    let expected = taken(&plain).results;
    let reversed: Vec<String> = plain.lines().map(|line| line.split(',').rev().collect::<Vec<_>>().join(",")).collect();
    let quoted: Vec<String> = plain
        .lines()
        .map(|line| line.split(',').map(|field| format!("\"{field}\"")).collect::<Vec<_>>().join(","))
        .collect();
    for (case, text) in [
        ("pipes", plain.replace(',', "|")),
        ("tabs", plain.replace(',', "\t")),
        ("carriage returns", plain.replace('\n', "\r\n")),
        ("byte order mark", format!("\u{feff}{plain}")),
        ("no last newline", plain.trim_end().to_owned()),
        ("blank lines at the end", format!("{plain}\n\r\n")),
        ("other order", reversed.join("\n")),
        ("quoted", quoted.join("\r\n")),
        ("lower-case names", plain.replace(APC, &APC.to_lowercase())),
    ] {
        assert_eq!(taken(&text).results, expected, "{case}");
    }
    assert_eq!(expected.concat().len(), 1);
}

#[test]
fn undeclared_columns_are_ignored_and_counted() {
    let read = taken(&format!("{APC},SURNAME,PROVSPNO\n{GOOD},Smith,9\n"));
    assert_eq!(
        read.ignored_columns.into_iter().collect::<Vec<_>>(),
        [("PROVSPNO".to_owned(), 1), ("SURNAME".to_owned(), 1)]
    );
    assert!(!format!("{:?}", read.results).contains("Smith"));
}

#[test]
fn missing_columns_are_named_all_at_once() {
    let header = APC.replace("DOB,", "").replace(",DIAG_01", "");
    let message = refusal("apc.csv", format!("{header}\n"));
    assert!(message.starts_with("apc.csv: line 1 lacks the required columns DOB, DIAG_01;"), "{message}");
}

#[test]
fn files_that_are_not_what_they_should_be_are_refused_with_what_to_do() {
    for (case, bytes, expected) in [
        ("empty", Vec::new(), "the file is empty"),
        ("blank header", b"\n".to_vec(), "the file is empty"),
        ("wrong delimiter", APC.replace(',', ";").into_bytes(), "names none of the columns of source apc"),
        ("unknown header", b"a,b,c\n1,2,3\n".to_vec(), "names none of the columns of source apc"),
        ("duplicate", format!("{APC},dob\n").into_bytes(), "names the column dob more than once"),
        ("UTF-16", APC.encode_utf16().flat_map(u16::to_le_bytes).collect(), "UTF-16"),
        ("Latin-1", b"EPIKEY,n\xE9\n".to_vec(), "not UTF-8"),
        ("cut short", format!("{APC}\n{GOOD}\n2,RX1,L8,943").into_bytes(), "line 3: the file ends within a record"),
        ("open quote at the end", format!("{APC}\n{GOOD}\n2,\"RX1").into_bytes(), "line 3: the file ends within"),
    ] {
        let message = refusal("apc.csv", bytes);
        assert!(message.starts_with("apc.csv: ") && message.contains(expected), "{case}: {message}");
    }
}

#[test]
fn a_header_alone_is_a_file_without_rows() {
    let read = taken(&format!("{APC}\n"));
    assert_eq!((read.rows_in, read.rows_refused), (0, 0));
}

#[test]
fn free_text_is_refused_with_its_name() {
    let source = Source::builtin("gp-journals").expect("built in");
    let text = "practice_code,patient_id,record_id,event_date,recorded_date,code_system,code,value1,value2,unit,episode,Free_Text\n";
    let error =
        read(&source, &[InputFile::in_memory("journals.csv", text)], &ReadOptions::default(), |_| ()).map(|_| ());
    assert!(
        matches!(&error, Err(error) if error.to_string().starts_with("journals.csv: column Free_Text is free text")),
        "{error:?}"
    );
}

#[test]
fn bad_rows_are_refused_and_bad_fields_blanked_by_line_field_and_reason() {
    let lines = [
        GOOD.to_owned(),
        "2,RX1,L8,9434765919,1956-03-09".to_owned(),
        GOOD.replace("2014-04-02", "2014-04-31"),
        GOOD.replace("2014-04-02", ""),
        GOOD.replace("9434765919", "9434765918"),
        GOOD.replace("1956-03-09", "1956-02-30"),
        GOOD.replace("J440", &"J".repeat(41)),
        GOOD.replace("2014-04-05", "soon"),
        GOOD.replace("1,RX1", ",RX1"),
        GOOD.replace("L7", "\"L\"7"),
        GOOD.replace("J440", "J\u{0}440"),
        GOOD.replace("2014-04-02", "1801-01-01"),
        GOOD.replace("LS1 4AP", "nowhere"),
    ];
    let read = taken(&format!("{APC}\n{}\n", lines.join("\n")));
    let found: Vec<_> = read.rejections.iter().map(|r| (r.line, r.field.to_string(), r.reason, r.outcome)).collect();
    let refused = |line, field: &str, reason| (line, field.to_owned(), reason, Outcome::RowRefused);
    let blanked = |line, field: &str, reason| (line, field.to_owned(), reason, Outcome::FieldBlanked);
    let expected = [
        refused(3, "", Reason::FieldCount),
        refused(4, "ADMIDATE", Reason::NotADay),
        refused(5, "ADMIDATE", Reason::Missing),
        (6, "NEWNHSNO".to_owned(), Reason::Identifier(Defect::NhsNumberCheckDigit), Outcome::FieldDoubted),
        blanked(7, "DOB", Reason::Identifier(Defect::BirthDate)),
        blanked(8, "DIAG_01", Reason::TooLong),
        blanked(9, "DISDATE", Reason::NotADay),
        refused(10, "EPIKEY", Reason::Missing),
        refused(11, "", Reason::Quoting),
        refused(12, "", Reason::NulByte),
        refused(13, "ADMIDATE", Reason::Missing),
        blanked(14, "HOMEADD", Reason::Identifier(Defect::Postcode)),
    ];
    assert_eq!(found, expected);
    assert_eq!((read.rows_in, read.rows_refused, read.fields_rejected), (13, 7, 5));
    assert_eq!(read.results.concat().len(), 6);
    let quality = read.quality.total();
    assert_eq!((quality.rows, quality.defective, quality.missing), (6, [1, 1, 1, 0], [0, 0, 0, 0]));
    let said: String = read.rejections.iter().map(ToString::to_string).collect();
    assert!(!said.contains("943476") && !said.contains("nowhere") && !said.contains("soon"), "{said}");
}

#[test]
fn half_a_character_refuses_its_row_alone() {
    let mut bytes = format!("{APC}\n").into_bytes();
    bytes.extend_from_slice(GOOD.as_bytes());
    bytes.extend_from_slice(b"\n");
    bytes.extend_from_slice(GOOD.replace("L7", "L@").as_bytes());
    let place = bytes.iter().position(|&byte| byte == b'@').expect("put in above");
    bytes[place] = 0xE2;
    bytes.extend_from_slice(format!("\n{GOOD}\n").as_bytes());
    let read = read_apc("apc.csv", bytes, &ReadOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read.results.concat().len(), 2);
    assert_eq!((read.rejections[0].line, read.rejections[0].reason), (3, Reason::NotUtf8));
}

#[test]
fn compressed_files_are_read_and_damaged_ones_refused() {
    let text = format!("{APC}\n{}\n", vec![GOOD; 5_000].join("\n"));
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(text.as_bytes()).expect("memory");
    let gz = gz.finish().expect("memory");
    let zst = zstd::encode_all(text.as_bytes(), 1).expect("memory");
    for (name, bytes) in [("apc.csv.gz", gz), ("apc.csv.zst", zst)] {
        let whole = read_apc(name, bytes.clone(), &ReadOptions::default()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(whole.rows_in, 5_000);
        let message = refusal(name, &bytes[..bytes.len() - 5]);
        assert!(message.starts_with(name) && message.contains("cut short"), "{message}");
    }
}

#[test]
fn a_line_over_its_limit_refuses_the_file() {
    let options = ReadOptions { chunk_bytes: 512, record_bytes_max: 2_000, ..ReadOptions::default() };
    for long in ["x".repeat(5_000), format!("\"{}", "x,\n".repeat(2_000))] {
        let text = format!("{APC}\n{GOOD}\n{long}\n{GOOD}\n");
        let message = read_apc("apc.csv", text, &options).map(|_| ()).expect_err("too long").to_string();
        assert!(message.starts_with("apc.csv: line 3: no end of the record within 2000 bytes"), "{message}");
    }
}

#[test]
fn the_first_bad_file_is_named_whatever_the_order_of_work() {
    let source = Source::builtin("apc").expect("built in");
    let good = format!("{APC}\n{}\n", vec![GOOD; 400].join("\n"));
    let files: Vec<InputFile> = (0..8)
        .map(|number| {
            let text = if number >= 3 { format!("{good}9,RX1") } else { good.clone() };
            InputFile::in_memory(&format!("apc{number}.csv"), text)
        })
        .collect();
    let options = ReadOptions { chunk_bytes: 1_000, ..ReadOptions::default() };
    for _ in 0..5 {
        let error = read(&source, &files, &options, |_| ()).map(|_| ()).expect_err("five are cut short").to_string();
        assert!(error.starts_with("apc3.csv: line 402"), "{error}");
    }
}

#[test]
fn results_come_in_file_order_and_lines_are_right() {
    let source = Source::builtin("apc").expect("built in");
    let file = |from: u32| {
        let rows: Vec<String> = (from..from + 300).map(|key| GOOD.replacen('1', &key.to_string(), 1)).collect();
        InputFile::in_memory("apc.csv", format!("{APC}\n{}\n", rows.join("\n")))
    };
    let options = ReadOptions { chunk_bytes: 700, ..ReadOptions::default() };
    let read = read(&source, &[file(1_000), file(2_000)], &options, |batch| rows(&batch)).expect("good files");
    let keys: Vec<(u64, String)> = read.results.concat().into_iter().map(|row| (row.0, row.1)).collect();
    let expected: Vec<(u64, String)> = [1_000, 2_000]
        .into_iter()
        .flat_map(|from| (0..300).map(move |row| (row + 2, (from + row).to_string())))
        .collect();
    assert_eq!(keys, expected);
}

#[test]
fn only_what_is_asked_for_is_materialised_and_needed() {
    let options = ReadOptions::with_columns(Columns::Identifiers);
    let header = APC.replace(",DIAG_01", "");
    let read = read_apc("apc.csv", format!("{header}\n{}\n", GOOD.replace(",J440", "")), &options)
        .expect("enough for linkage");
    assert!(read.results[0][0].3 && read.results[0][0].4.is_empty());
    let options = ReadOptions::with_columns(Columns::Only(vec!["diagnosis_01".to_owned()]));
    let read = read_apc("apc.csv", format!("{APC}\n{GOOD}\n"), &options).expect("a good file");
    assert!(!read.results[0][0].3 && read.results[0][0].4.contains("J440"));
}

#[test]
fn renamed_columns_are_found() {
    let mut options = ReadOptions::default();
    options.renames.insert("NHSNO".to_owned(), "NEWNHSNO".to_owned());
    let text = format!("{}\n{GOOD}\n", APC.replace("NEWNHSNO", "NHSNO"));
    assert!(read_apc("apc.csv", text, &options).expect("renamed").results[0][0].3);
}

#[test]
fn parquet_gives_the_same_rows() {
    use arrow_array::{ArrayRef, RecordBatch, StringArray};
    use std::sync::Arc;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let columns: Vec<(&str, ArrayRef)> = APC
        .split(',')
        .zip(GOOD.split(','))
        .map(|(name, value)| (name, Arc::new(StringArray::from(vec![value; 3])) as ArrayRef))
        .collect();
    let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
    let path = folder.path().join("apc.parquet");
    let file = std::fs::File::create(&path).expect("a temporary file");
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).expect("a schema of text");
    writer.write(&batch).expect("a temporary file");
    writer.close().expect("a temporary file");
    let source = Source::builtin("apc").expect("built in");
    let files = find(folder.path(), &source).expect("the folder is there");
    let from_parquet = read(&source, &files, &ReadOptions::default(), |batch| rows(&batch)).expect("a good file");
    let without_lines =
        |rows: Vec<Vec<Row>>| rows.concat().into_iter().map(|row| (row.1, row.4, row.5)).collect::<Vec<_>>();
    let from_csv = taken(&format!("{APC}\n{GOOD}\n{GOOD}\n{GOOD}\n"));
    assert_eq!(without_lines(from_parquet.results), without_lines(from_csv.results));
    std::fs::write(&path, b"PAR1 but no more").expect("a temporary file");
    let error = read(&source, &files, &ReadOptions::default(), |_| ()).map(|_| ()).expect_err("damaged");
    assert!(error.to_string().contains("not a Parquet file that can be read"), "{error}");
}

#[test]
fn folders_are_read_to_any_depth_and_truth_never() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in
        ["b/apc.csv", "a/deep/apc_2014.csv.gz", "apcalypse.csv", "truth/apc.csv", "op-1.csv", ".apc/apc.csv", "apc.txt"]
    {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("a temporary folder");
        std::fs::write(path, "").expect("a temporary file");
    }
    let sources = [Source::builtin("apc").expect("built in"), Source::builtin("op").expect("built in")];
    let found = find_among(folder.path(), &sources).expect("the folder is there");
    let names = |files: &[InputFile]| -> Vec<String> {
        let short = |file: &InputFile| {
            file.path().and_then(|path| path.strip_prefix(folder.path()).ok()).map(|path| path.display().to_string())
        };
        files.iter().filter_map(short).collect()
    };
    assert_eq!(names(&found[0]), ["a/deep/apc_2014.csv.gz", "b/apc.csv"]);
    assert_eq!(names(&found[1]), ["op-1.csv"]);
    assert!(find(&folder.path().join("truth"), &sources[0]).is_err());
    assert!(matches!(find(Path::new("/nowhere/at/all"), &sources[0]), Err(ExtractError::NotFound(_))));
}

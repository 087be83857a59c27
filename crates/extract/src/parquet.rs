//! Parquet files read as rows of text fields, a row group at a time, so that one set of parsers serves every format.
//!
//! Invariant: only the wanted columns are decoded; a column of a type without an unambiguous text form refuses the file.

use crate::error::FileProblem;
use crate::find::{Content, InputFile};
use crate::rows::Rows;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_schema::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;

/// Rows turned into text at a time.
const BATCH_ROWS: usize = 32 << 10;

/// What a Parquet file says of itself.
pub(crate) struct Outline {
    pub names: Vec<String>,
    /// Rows of each row group.
    pub row_groups: Vec<u64>,
}

type Builder = ParquetRecordBatchReaderBuilder<File>;

/// The names of a file's columns and its row groups.
pub(crate) fn outline(file: &InputFile) -> Result<Outline, FileProblem> {
    let builder = builder(file)?;
    let names = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
    let groups = builder.metadata().row_groups();
    Ok(Outline { names, row_groups: groups.iter().map(|group| group.num_rows().unsigned_abs()).collect() })
}

/// The rows of one row group, in batches; `wanted` are places of columns, ascending.
pub(crate) fn row_group(file: &InputFile, group: usize, wanted: &[usize]) -> Result<Vec<Rows>, FileProblem> {
    let builder = builder(file)?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted.iter().copied());
    let reader = builder
        .with_row_groups(vec![group])
        .with_projection(mask)
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(|error| FileProblem::Parquet(error.to_string()))?;
    let mut first = 0;
    let mut all = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|error| FileProblem::Parquet(error.to_string()))?;
        all.push(rows(&batch, first)?);
        first += batch.num_rows() as u32;
    }
    Ok(all)
}

fn builder(file: &InputFile) -> Result<Builder, FileProblem> {
    let broken = |error: &dyn std::fmt::Display| FileProblem::Parquet(error.to_string());
    match &file.content {
        Content::Path(path) => {
            let opened = File::open(path).map_err(|error| broken(&error))?;
            Builder::try_new(opened).map_err(|error| broken(&error))
        }
        Content::Memory(_) => Err(broken(&"Parquet is read from a path only")),
    }
}

fn rows(batch: &RecordBatch, first: u32) -> Result<Rows, FileProblem> {
    let schema = batch.schema();
    let texts = batch.columns().iter().zip(schema.fields());
    let texts: Vec<ArrayRef> = texts.map(|(column, field)| as_text(column, field.name())).collect::<Result<_, _>>()?;
    let texts: Vec<_> = texts.iter().map(AsArray::as_string::<i32>).collect();
    let mut rows = Rows::with_width(texts.len());
    for row in 0..batch.num_rows() {
        for column in &texts {
            rows.push_field(if column.is_null(row) { "" } else { column.value(row) });
        }
        rows.finish_row(first + row as u32);
    }
    Ok(rows)
}

fn as_text(column: &ArrayRef, name: &str) -> Result<ArrayRef, FileProblem> {
    let refused = || FileProblem::ColumnType { column: name.to_owned(), found: column.data_type().to_string() };
    let kind = column.data_type();
    let kind = if let DataType::Dictionary(_, values) = kind { values.as_ref() } else { kind };
    let is_text = matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null);
    let is_time = matches!(kind, DataType::Timestamp(_, _) | DataType::Date64);
    if !(is_text || is_time || kind.is_numeric() || *kind == DataType::Date32) {
        return Err(refused());
    }
    let days = if is_time { cast(column, &DataType::Date32).map_err(|_| refused())? } else { column.clone() };
    cast(&days, &DataType::Utf8).map_err(|_| refused())
}

//! `survey.parquet`: the rows of `survey.csv` with types, for DuckDB, pandas and the like.
//!
//! Written in groups of rows, so memory does not grow with a run. Only the low-level writer of `parquet` is used.

use std::io::Write;
use std::sync::Arc;

use model::survey::Judged;
use model::survey::row::{self, Value, ValueKind};
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

/// Rows of one group.
const GROUP_ROWS: usize = 20_000;

/// A file of rows in the making.
pub struct Columns<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    kinds: Vec<ValueKind>,
    held: Vec<Vec<Value>>,
}

impl<W: Write + Send> Columns<W> {
    /// Begins a file.
    pub fn begin(out: W) -> Result<Self, ParquetError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by("afterpatch".to_owned())
            .build();
        let writer = SerializedFileWriter::new(out, schema()?, Arc::new(properties))?;
        let kinds = row::columns().into_iter().map(|(_, kind)| kind).collect();
        Ok(Self { writer, kinds, held: Vec::new() })
    }

    /// Adds a row.
    pub fn add(&mut self, judged: &Judged) -> Result<(), ParquetError> {
        self.held.push(row::cells(judged));
        if self.held.len() >= GROUP_ROWS { self.group() } else { Ok(()) }
    }

    /// Ends the file.
    pub fn finish(mut self) -> Result<(), ParquetError> {
        self.group()?;
        self.writer.close()?;
        Ok(())
    }

    fn group(&mut self) -> Result<(), ParquetError> {
        if self.held.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for (place, kind) in self.kinds.iter().enumerate() {
            let cells = self.held.iter().map(|row| row.get(place).unwrap_or(&Value::None));
            let levels: Vec<i16> = cells.clone().map(|cell| i16::from(*cell != Value::None)).collect();
            let mut column = group.next_column()?.expect("as many columns as kinds");
            match kind {
                ValueKind::Text => {
                    let texts = cells.filter_map(|cell| match cell {
                        Value::Text(text) => Some(ByteArray::from(text.as_str())),
                        _ => None,
                    });
                    let texts: Vec<ByteArray> = texts.collect();
                    column.typed::<ByteArrayType>().write_batch(&texts, Some(&levels), None)?;
                }
                ValueKind::Number | ValueKind::Time => {
                    let numbers = cells.filter_map(|cell| match cell {
                        Value::Number(number) => Some(*number),
                        Value::Time(time) => Some(time.0),
                        _ => None,
                    });
                    let numbers: Vec<i64> = numbers.collect();
                    column.typed::<Int64Type>().write_batch(&numbers, Some(&levels), None)?;
                }
            }
            column.close()?;
        }
        group.close()?;
        self.held.clear();
        Ok(())
    }
}

fn schema() -> Result<TypePtr, ParquetError> {
    let fields = row::columns().into_iter().map(|(name, kind)| {
        let (physical, logical) = match kind {
            ValueKind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            ValueKind::Number => (Physical::INT64, None),
            ValueKind::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        };
        let field = Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()?;
        Ok(Arc::new(field))
    });
    let fields: Result<Vec<TypePtr>, ParquetError> = fields.collect();
    Ok(Arc::new(Type::group_type_builder("survey").with_fields(fields?).build()?))
}

#[cfg(test)]
mod tests {
    use model::survey::State;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    use super::Columns;
    use crate::count::tests::{target, with};

    #[test]
    fn what_is_written_can_be_read() {
        let mut out = tempfile::tempfile().expect("a file");
        let mut columns = Columns::begin(&mut out).expect("begun");
        for n in 0..20_003_u32 {
            let mut judged = with(target("a", "192.0.2.1"), 7, State::Vulnerable);
            judged.network.asn = (n % 2 == 0).then_some(n);
            columns.add(&judged).expect("added");
        }
        columns.finish().expect("finished");
        let reader = SerializedFileReader::new(out).expect("a file of columns");
        assert_eq!(reader.metadata().num_row_groups(), 2);
        let rows: Vec<_> = reader.get_row_iter(None).expect("rows").map(Result::unwrap).collect();
        assert_eq!(rows.len(), 20_003);
        let names: Vec<&String> = rows[20_002].get_column_iter().map(|(name, _)| name).collect();
        let place = |wanted: &str| names.iter().position(|name| *name == wanted).expect("a column");
        assert_eq!(rows[20_002].get_long(place("asn")).expect("a number"), 20_002);
        assert!(rows[1].get_long(place("asn")).is_err(), "nothing is known");
        assert_eq!(rows[0].get_string(place("tag")).expect("a text"), "exchange;cve-2026-0001");
        assert_eq!(rows[0].get_long(place("port")).expect("a number"), 443);
    }
}

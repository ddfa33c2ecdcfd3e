//! A batch as a record of the write-ahead log: its columns, buffer by buffer, so that replay
//! copies buffers and parses nothing. Drawn in `docs/formats/wal.md`.

use watchkeep_model::column::{ColumnMut, ColumnRef, Table};
use watchkeep_model::labels::{read_varint, write_varint};
use watchkeep_model::{
    AttributesColumn, BinaryColumn, DictColumn, Error, LogColumns, MetricColumns, Result,
    SpanColumns, TenantId, Utf8Column,
};

use super::metric_record::{self, MetricRecord};
use crate::metrics::Placed;
use crate::seam::IngestToken;
use crate::wal::Payload;

const VERSION: u8 = 5;
const SPANS: u8 = 1;
const LOGS: u8 = 2;
const METRICS: u8 = 3;
/// Room for what a record holds beside the contents of columns.
const NAMES_AND_LENGTHS_BYTES: usize = 2048;

#[cfg(target_endian = "big")]
compile_error!("buffers are stored in the machine's order, which the formats say is little-endian");

/// A decoded record.
#[derive(Debug)]
pub(super) struct WalRecord {
    pub(super) tenant: TenantId,
    pub(super) token: Option<IngestToken>,
    pub(super) rows: Rows,
}

/// What a record holds.
#[derive(Debug)]
pub(super) enum Rows {
    Spans(SpanColumns),
    Logs(LogColumns),
    Metrics(MetricRecord),
}

/// What is to be put into a record.
#[derive(Debug)]
pub(super) enum ToLog<'a> {
    Spans(&'a SpanColumns),
    Logs(&'a LogColumns),
    Metrics(&'a MetricColumns, &'a Placed),
}

impl WalRecord {
    pub(super) fn encode(
        tenant: &TenantId,
        token: Option<IngestToken>,
        rows: &ToLog<'_>,
    ) -> Payload {
        let (table, bytes_about) = match rows {
            ToLog::Spans(columns) => (SPANS, columns.byte_len()),
            ToLog::Logs(columns) => (LOGS, columns.byte_len()),
            ToLog::Metrics(columns, placed) => {
                (METRICS, metric_record::bytes_about(columns, placed))
            }
        };
        Payload::encode(bytes_about + NAMES_AND_LENGTHS_BYTES, |out| {
            out.extend_from_slice(&[VERSION, table]);
            put_bytes(out, tenant.as_str().as_bytes());
            match token {
                None => out.push(0),
                Some(IngestToken(token)) => {
                    out.push(1);
                    out.extend_from_slice(&token.to_le_bytes());
                }
            }
            match rows {
                ToLog::Spans(columns) => put_table(out, *columns),
                ToLog::Logs(columns) => put_table(out, *columns),
                ToLog::Metrics(columns, placed) => metric_record::put(out, columns, placed),
            }
        })
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader { rest: bytes };
        let [version, table] = reader.array()?;
        if version != VERSION {
            let written = if version > VERSION { "a newer" } else { "an older" };
            return Err(Error::corrupt(format!(
                "a record of version {version} was written by {written} release"
            )));
        }
        let tenant = TenantId::new(reader.text()?)?;
        let token = match reader.array()? {
            [0] => None,
            _ => Some(IngestToken(u128::from_le_bytes(reader.array()?))),
        };
        let rows = match table {
            SPANS => Rows::Spans(reader.table::<SpanColumns>()?),
            LOGS => Rows::Logs(reader.table::<LogColumns>()?),
            METRICS => Rows::Metrics(reader.metric_record()?),
            other => return Err(Error::corrupt(format!("a record is of unknown table {other}"))),
        };
        if !reader.rest.is_empty() {
            return Err(Error::corrupt("a record has bytes left over"));
        }
        Ok(Self { tenant, token, rows })
    }
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Number of columns, then for each its name and buffers.
pub(super) fn put_table<T: Table>(out: &mut Vec<u8>, table: &T) {
    let mut columns = 0;
    table.visit(&mut |_, _| columns += 1);
    write_varint(out, columns);
    table.visit(&mut |name, column| {
        put_bytes(out, name.as_bytes());
        put_column(out, column);
    });
}

fn put_column(out: &mut Vec<u8>, column: ColumnRef<'_>) {
    match column {
        ColumnRef::U8(values) => put_bytes(out, values),
        ColumnRef::U32(values) => put_bytes(out, bytemuck::cast_slice(values)),
        ColumnRef::I64(values) => put_bytes(out, bytemuck::cast_slice(values)),
        ColumnRef::F64(values) => put_bytes(out, bytemuck::cast_slice(values)),
        ColumnRef::Id8(values) => put_bytes(out, values.as_flattened()),
        ColumnRef::Id16(values) => put_bytes(out, values.as_flattened()),
        ColumnRef::Utf8(values) => put_strings(out, values),
        ColumnRef::Binary(values) => {
            let (offsets, bytes) = values.parts();
            put_bytes(out, bytemuck::cast_slice(offsets));
            put_bytes(out, bytes);
        }
        ColumnRef::Dict(values) => put_dictionary(out, values),
        ColumnRef::Attributes(values) => {
            let (offsets, keys, texts, kinds) = values.parts();
            put_bytes(out, bytemuck::cast_slice(offsets));
            put_dictionary(out, keys);
            put_strings(out, texts);
            put_bytes(out, kinds);
        }
        _ => unreachable!("every kind of column has a byte form"),
    }
}

fn put_strings(out: &mut Vec<u8>, strings: &Utf8Column) {
    let (offsets, text) = strings.parts();
    put_bytes(out, bytemuck::cast_slice(offsets));
    put_bytes(out, text.as_bytes());
}

fn put_dictionary(out: &mut Vec<u8>, column: &DictColumn) {
    let (values, keys) = column.parts();
    put_strings(out, values);
    put_bytes(out, bytemuck::cast_slice(keys));
}

pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(cut)?;
        self.rest = rest;
        Ok(*bytes)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = read_varint(&mut self.rest).ok_or_else(cut)?;
        let length = usize::try_from(length).map_err(|_| cut())?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or_else(cut)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.bytes()?)
            .map_err(|error| Error::corrupt("a record's text is not UTF-8").with_source(error))
    }

    /// Numbers; the copy takes care of alignment.
    pub(super) fn numbers<T: bytemuck::Pod>(&mut self) -> Result<Vec<T>> {
        let bytes = self.bytes()?;
        if bytes.len() % size_of::<T>() != 0 {
            return Err(cut());
        }
        let mut values = vec![T::zeroed(); bytes.len() / size_of::<T>()];
        bytemuck::cast_slice_mut(&mut values).copy_from_slice(bytes);
        Ok(values)
    }

    fn strings(&mut self) -> Result<Utf8Column> {
        let offsets = self.numbers()?;
        Utf8Column::from_parts(offsets, self.text()?.to_owned())
    }

    fn dictionary(&mut self) -> Result<DictColumn> {
        DictColumn::from_parts(&self.strings()?, self.numbers()?)
    }

    pub(super) fn table<T: Table>(&mut self) -> Result<T> {
        let mut table = T::default();
        let mut expected = 0;
        table.visit(&mut |_, _| expected += 1);
        if read_varint(&mut self.rest) != Some(expected) {
            return Err(Error::corrupt("a record has another number of columns than its table"));
        }
        table.visit_mut(&mut |name, column| {
            let stored = self.text()?;
            if stored != name {
                return Err(Error::corrupt(format!(
                    "a record has column {stored:?} where {name:?} belongs"
                )));
            }
            self.column(column)
        })?;
        table.check()?;
        Ok(table)
    }

    fn column(&mut self, column: ColumnMut<'_>) -> Result<()> {
        match column {
            ColumnMut::U8(values) => *values = self.numbers()?,
            ColumnMut::U32(values) => *values = self.numbers()?,
            ColumnMut::I64(values) => *values = self.numbers()?,
            ColumnMut::F64(values) => *values = self.numbers()?,
            ColumnMut::Id8(values) => *values = self.numbers()?,
            ColumnMut::Id16(values) => *values = self.numbers()?,
            ColumnMut::Utf8(values) => *values = self.strings()?,
            ColumnMut::Binary(values) => {
                *values = BinaryColumn::from_parts(self.numbers()?, self.bytes()?.to_vec())?;
            }
            ColumnMut::Dict(values) => *values = self.dictionary()?,
            ColumnMut::Attributes(values) => {
                *values = AttributesColumn::from_parts(
                    self.numbers()?,
                    self.dictionary()?,
                    self.strings()?,
                    self.numbers()?,
                )?;
            }
            _ => unreachable!("every kind of column has a byte form"),
        }
        Ok(())
    }

    pub(super) fn varint(&mut self) -> Result<u64> {
        read_varint(&mut self.rest).ok_or_else(cut)
    }
}

pub(super) fn cut() -> Error {
    Error::corrupt("a record is cut short")
}

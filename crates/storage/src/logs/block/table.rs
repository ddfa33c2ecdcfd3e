//! The columns of a block but bodies and attributes.

use std::ops::Range;
use std::sync::OnceLock;

use hashbrown::HashMap;
use watchkeep_model::Result;
use watchkeep_model::column::{ColumnMut, ColumnRef, DictColumn};

use super::numbers::{self, ANY_U32, Numbers, Sequence};
use super::sections::{BlockSource, Head, Packed, Writer, corrupt};
use super::texts::{self, PackedSpans, Spans, once};
use super::texts_read::{Reader, Texts};

/// Columns that are written in their own way.
pub(super) const SPECIAL: [&str; 4] = ["time_ns", "stream", "body", "attributes"];

/// Times are told as differences, other instants as distances from the row's time.
pub(super) fn write_times(times: &[i64], out: &mut Writer) -> Result<()> {
    numbers::write(times, Sequence::Rising, out)
}

/// Writes which stream each row is of, as runs of rows.
pub(super) fn write_streams(column: &DictColumn, rows: &[u32], out: &mut Writer) -> Result<()> {
    let (values, keys) = column.parts();
    let mut local: HashMap<u32, u32> = HashMap::new();
    let (mut labels, mut runs): (Vec<&str>, Vec<(u32, u32)>) = (Vec::new(), Vec::new());
    for row in rows {
        let key = keys[*row as usize];
        let key = *local.entry(key).or_insert_with(|| {
            labels.push(values.get(key as usize));
            labels.len() as u32 - 1
        });
        match runs.last_mut() {
            Some((last, len)) if *last == key => *len += 1,
            _ => runs.push((key, 1)),
        }
    }
    out.size(labels.len());
    texts::write_spans(&labels, out)?;
    out.size(runs.len());
    numbers::write_u32(&runs.iter().map(|(key, _)| *key).collect::<Vec<_>>(), out)?;
    numbers::write_u32(&runs.iter().map(|(_, len)| *len).collect::<Vec<_>>(), out)
}

/// The position of a stream's labels, and consecutive rows of that stream.
pub(super) type Run = (u32, Range<usize>);

/// The streams of a block at rest.
#[derive(Debug)]
pub(super) struct Streams {
    rows: usize,
    count: usize,
    labels: PackedSpans,
    runs: usize,
    keys: Numbers,
    lengths: Numbers,
    read: OnceLock<(Spans, Vec<Run>)>,
}

impl Streams {
    pub(super) fn parse(head: &mut Head<'_>, rows: usize) -> Result<Self> {
        let bounded = |size: usize| {
            if size > rows { Err(corrupt("it has more streams than rows")) } else { Ok(size) }
        };
        let count = bounded(head.size()?)?;
        let labels = PackedSpans::parse(head, count)?;
        let runs = bounded(head.size()?)?;
        let keys = Numbers::parse(head, runs)?;
        let lengths = Numbers::parse(head, runs)?;
        Ok(Self { rows, count, labels, runs, keys, lengths, read: OnceLock::new() })
    }

    /// Labels, and runs of rows with the position of their labels.
    pub(super) fn read(&self, source: &dyn BlockSource) -> Result<&(Spans, Vec<Run>)> {
        once(&self.read, || {
            let keys = self.keys.read_u32(source, self.count)?;
            let lengths = self.lengths.read_u32(source, ANY_U32)?;
            let mut runs = Vec::with_capacity(self.runs);
            let mut start = 0_usize;
            for (key, len) in keys.into_iter().zip(lengths) {
                let end = start + len as usize;
                runs.push((key, start..end));
                start = end;
            }
            if start != self.rows {
                return Err(corrupt("its streams have another number of rows"));
            }
            Ok((self.labels.read(source)?, runs))
        })
    }
}

/// Whether all rows hold zero or the empty text, so that the column need not be written.
pub(super) fn is_default(column: ColumnRef<'_>, rows: &[u32]) -> bool {
    let mut rows = rows.iter().map(|row| *row as usize);
    match column {
        ColumnRef::U8(column) => rows.all(|row| column[row] == 0),
        ColumnRef::U32(column) => rows.all(|row| column[row] == 0),
        ColumnRef::I64(column) => rows.all(|row| column[row] == 0),
        ColumnRef::F64(column) => rows.all(|row| column[row].to_bits() == 0),
        ColumnRef::Id8(column) => rows.all(|row| column[row] == [0; 8]),
        ColumnRef::Id16(column) => rows.all(|row| column[row] == [0; 16]),
        ColumnRef::Utf8(column) => rows.all(|row| column.get(row).is_empty()),
        ColumnRef::Dict(column) => {
            let (values, keys) = column.parts();
            let mut empty = None;
            rows.all(|row| {
                let key = keys[row];
                if empty != Some(key) && values.get(key as usize).is_empty() {
                    empty = Some(key);
                }
                empty == Some(key)
            })
        }
        _ => false,
    }
}

const NUMBERS: u8 = 0;
const INSTANTS: u8 = 1;
const TEXTS: u8 = 2;
const BYTES: u8 = 3;

/// Writes a column of numbers, ids or texts.
pub(super) fn write_column(
    column: ColumnRef<'_>,
    rows: &[u32],
    times: &[i64],
    out: &mut Writer,
) -> Result<()> {
    let at = rows.iter().map(|row| *row as usize);
    match column {
        ColumnRef::U8(column) => {
            out.byte(NUMBERS);
            numbers::write_u32(&at.map(|row| u32::from(column[row])).collect::<Vec<_>>(), out)
        }
        ColumnRef::U32(column) => {
            out.byte(NUMBERS);
            numbers::write_u32(&at.map(|row| column[row]).collect::<Vec<_>>(), out)
        }
        ColumnRef::I64(column) => {
            out.byte(INSTANTS);
            let distance = |(row, time): (usize, &i64)| column[row].wrapping_sub(*time);
            numbers::write(&at.zip(times).map(distance).collect::<Vec<_>>(), Sequence::Any, out)
        }
        ColumnRef::Id8(column) => {
            out.byte(BYTES);
            out.compressed(&at.flat_map(|row| column[row]).collect::<Vec<_>>())
        }
        ColumnRef::Id16(column) => {
            out.byte(BYTES);
            out.compressed(&at.flat_map(|row| column[row]).collect::<Vec<_>>())
        }
        ColumnRef::F64(column) => {
            out.byte(BYTES);
            out.compressed(&at.flat_map(|row| column[row].to_le_bytes()).collect::<Vec<_>>())
        }
        ColumnRef::Utf8(column) => {
            out.byte(TEXTS);
            let texts: Vec<&str> = at.map(|row| column.get(row)).collect();
            texts::Column { texts: &texts, times: None, bloom: None }.write(out)
        }
        ColumnRef::Dict(column) => {
            out.byte(TEXTS);
            let texts: Vec<&str> = at.map(|row| column.get(row)).collect();
            texts::Column { texts: &texts, times: None, bloom: None }.write(out)
        }
        _ => Err(watchkeep_model::Error::internal("a column of logs has a kind without a form")),
    }
}

/// A column at rest.
#[derive(Debug)]
pub(super) enum Column {
    Numbers {
        numbers: Numbers,
        read: OnceLock<Vec<u32>>,
    },
    /// Distances from the row's time.
    Instants {
        distances: Numbers,
        read: OnceLock<Vec<i64>>,
    },
    Texts(Box<Texts>),
    Bytes {
        packed: Packed,
        read: OnceLock<Vec<u8>>,
    },
}

impl Column {
    pub(super) fn parse(head: &mut Head<'_>, rows: usize) -> Result<Self> {
        Ok(match head.byte()? {
            NUMBERS => {
                Self::Numbers { numbers: Numbers::parse(head, rows)?, read: OnceLock::new() }
            }
            INSTANTS => {
                Self::Instants { distances: Numbers::parse(head, rows)?, read: OnceLock::new() }
            }
            TEXTS => Self::Texts(Box::new(Texts::parse(head, rows)?)),
            BYTES => {
                let packed = head.packed()?;
                if packed.len() > rows.saturating_mul(16) {
                    return Err(corrupt("a column of ids is too long"));
                }
                Self::Bytes { packed, read: OnceLock::new() }
            }
            _ => return Err(corrupt("a form of columns is not known")),
        })
    }

    /// Appends the values of rows to a column.
    pub(super) fn fill(
        &self,
        reader: Reader<'_>,
        which: &[u32],
        into: ColumnMut<'_>,
    ) -> Result<()> {
        let (source, times) = (reader.source, reader.times.read(reader.source)?);
        let rows = which.iter().map(|row| *row as usize);
        match (self, into) {
            (Self::Numbers { numbers, read }, ColumnMut::U8(into)) => {
                let numbers = once(read, || numbers.read_u32(source, 256))?;
                into.extend(rows.map(|row| numbers[row] as u8));
            }
            (Self::Numbers { numbers, read }, ColumnMut::U32(into)) => {
                let numbers = once(read, || numbers.read_u32(source, ANY_U32))?;
                into.extend(rows.map(|row| numbers[row]));
            }
            (Self::Instants { distances, read }, ColumnMut::I64(into)) => {
                let distances = once(read, || distances.read(source))?;
                into.extend(rows.map(|row| distances[row].wrapping_add(times[row])));
            }
            (Self::Bytes { packed, read }, ColumnMut::Id8(into)) => {
                let ids = fixed::<8>(source, packed, read, times.len())?;
                into.extend(rows.map(|row| ids[row]));
            }
            (Self::Bytes { packed, read }, ColumnMut::Id16(into)) => {
                let ids = fixed::<16>(source, packed, read, times.len())?;
                into.extend(rows.map(|row| ids[row]));
            }
            (Self::Bytes { packed, read }, ColumnMut::F64(into)) => {
                let bits = fixed::<8>(source, packed, read, times.len())?;
                into.extend(rows.map(|row| f64::from_le_bytes(bits[row])));
            }
            (Self::Texts(texts), ColumnMut::Dict(into)) => {
                let mut text = String::new();
                for row in rows {
                    text.clear();
                    texts.append(reader, row, row, &mut text)?;
                    into.push(&text);
                }
            }
            (Self::Texts(texts), ColumnMut::Utf8(into)) => {
                for row in rows {
                    let mut read = Ok(());
                    into.push_with(|text| read = texts.append(reader, row, row, text));
                    read?;
                }
            }
            _ => return Err(corrupt("a column is of another kind than it should")),
        }
        Ok(())
    }
}

fn fixed<'a, const N: usize>(
    source: &dyn BlockSource,
    packed: &Packed,
    read: &'a OnceLock<Vec<u8>>,
    rows: usize,
) -> Result<&'a [[u8; N]]> {
    let bytes = once(read, || packed.read(source))?;
    let (ids, rest) = bytes.as_chunks::<N>();
    if ids.len() != rows || !rest.is_empty() {
        return Err(corrupt("a column of ids has another number of rows"));
    }
    Ok(ids)
}

/// Appends so many values of zero or the empty text.
pub(super) fn fill_default(rows: usize, into: ColumnMut<'_>) {
    match into {
        ColumnMut::U8(into) => into.resize(into.len() + rows, 0),
        ColumnMut::U32(into) => into.resize(into.len() + rows, 0),
        ColumnMut::I64(into) => into.resize(into.len() + rows, 0),
        ColumnMut::F64(into) => into.resize(into.len() + rows, 0.0),
        ColumnMut::Id8(into) => into.resize(into.len() + rows, [0; 8]),
        ColumnMut::Id16(into) => into.resize(into.len() + rows, [0; 16]),
        ColumnMut::Utf8(into) => (0..rows).for_each(|_| into.push("")),
        ColumnMut::Binary(into) => (0..rows).for_each(|_| into.push(b"")),
        ColumnMut::Dict(into) => {
            let key = into.intern("");
            (0..rows).for_each(|_| into.push_key(key));
        }
        ColumnMut::Attributes(into) => (0..rows).for_each(|_| into.end_row()),
        _ => {}
    }
}

/// An id in hexadecimal.
pub(super) fn hex(id: &[u8]) -> String {
    let mut text = String::with_capacity(id.len() * 2);
    push_hex(id, &mut text);
    text
}

pub(super) fn push_hex(id: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = id.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    out.extend(digits.map(|digit| char::from(DIGITS[usize::from(digit)])));
}

//! Columns of numbers, ids and texts, which are written by their type alone.

use std::sync::OnceLock;

use hashbrown::HashMap;
use watchkeep_model::Result;
use watchkeep_model::column::{ColumnMut, ColumnRef};

use super::bloom::BloomBuilder;
use super::numbers::{self, ANY_U32, Numbers, Sequence};
use super::sections::{BlockSource, Head, Packed, Writer, corrupt};
use super::texts::{self, once};
use super::texts_read::{Reader, Texts};

/// Times are told as differences, other instants as distances from the row's time.
pub(crate) fn write_times(times: &[i64], out: &mut Writer) -> Result<()> {
    numbers::write(times, Sequence::Rising, out)
}

/// Whether all rows hold zero or the empty text, so that the column need not be written.
pub(crate) fn is_default(column: ColumnRef<'_>, rows: &[u32]) -> bool {
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

/// Writes a column of numbers, ids or texts, whose words go into the filter.
pub(crate) fn write_column(
    column: ColumnRef<'_>,
    rows: &[u32],
    times: &[i64],
    bloom: Option<&mut BloomBuilder>,
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
            texts::Column { texts: &texts, times: None, bloom }.write(out)
        }
        ColumnRef::Dict(column) => {
            out.byte(TEXTS);
            let (values, of_rows) = column.parts();
            let (mut used, mut keys) = (Vec::new(), Vec::with_capacity(rows.len()));
            let mut moved: HashMap<u32, u32> = HashMap::new();
            let mut last = None;
            for row in at {
                let key = match last {
                    Some((of_row, key)) if of_row == of_rows[row] => key,
                    _ => *moved.entry(of_rows[row]).or_insert_with(|| {
                        used.push(values.get(of_rows[row] as usize));
                        used.len() as u32 - 1
                    }),
                };
                last = Some((of_rows[row], key));
                keys.push(key);
            }
            texts::write_dictionary(&used, &keys, bloom, out)
        }
        _ => Err(watchkeep_model::Error::internal("a column has a kind without a form")),
    }
}

/// A column at rest.
#[derive(Debug)]
pub(crate) enum Column {
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
    pub(crate) fn parse(head: &mut Head<'_>, rows: usize) -> Result<Self> {
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
    pub(crate) fn fill(
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
                let (keys, values) = texts.column(reader, Some(which), None)?;
                let interned: Vec<u32> = values.iter().map(|value| into.intern(value)).collect();
                for key in keys {
                    into.push_key(interned[key as usize]);
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
pub(crate) fn fill_default(rows: usize, into: ColumnMut<'_>) {
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
pub(crate) fn hex(id: &[u8]) -> String {
    let mut text = String::with_capacity(id.len() * 2);
    push_hex(id, &mut text);
    text
}

pub(crate) fn push_hex(id: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for part in id.chunks(16) {
        let mut digits = [0; 32];
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(part) {
            *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        }
        // Digits are ASCII: there is always a text.
        out.push_str(std::str::from_utf8(&digits[..part.len() * 2]).unwrap_or_default());
    }
}

//! Attribute values, their text form, and the column of attribute lists.
//!
//! A value is kept as text plus one letter for its type. Strings are themselves, numbers decimal,
//! bytes base64 (RFC 4648 section 4), arrays and maps JSON (RFC 8259) in which bytes are
//! `{"$bytes":"…"}`, doubles that JSON can not say are `{"$double":"NaN"}`, and a map one of whose
//! keys starts with `$` is wrapped as `{"$map":{…}}`, so nothing is ambiguous and nothing lost.

use base64::Engine as _;
use std::fmt::Write as _;
use std::ops::Range;

use crate::column::{
    ColumnBuffer, DictColumn, Utf8Column, and_some_more, check_offsets, extend_offsets, offset,
};
use crate::error::{Error, Result};

/// The type of an attribute value (OTLP `AnyValue`), as the letter that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ValueKind {
    /// No value was set.
    Empty = b'n',
    /// Text.
    String = b's',
    /// `true` or `false`.
    Bool = b'b',
    /// A 64-bit signed integer.
    Int = b'i',
    /// A 64-bit float.
    Double = b'd',
    /// Bytes, in base64.
    Bytes = b'x',
    /// An array or a map, as JSON.
    Json = b'j',
}

impl ValueKind {
    /// Reads the stored letter.
    pub fn from_letter(letter: u8) -> Option<Self> {
        [Self::Empty, Self::String, Self::Bool, Self::Int, Self::Double, Self::Bytes, Self::Json]
            .into_iter()
            .find(|kind| *kind as u8 == letter)
    }
}

/// An attribute value as an object, for the edges and for tests.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// No value was set.
    Empty,
    /// Text.
    String(String),
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Double(f64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Values in order.
    Array(Vec<Value>),
    /// Named values in order.
    Map(Vec<(String, Value)>),
}

impl std::fmt::Debug for Value {
    /// Values may be prompts or secrets, so only the type is printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Value::{:?}", self.kind())
    }
}

impl Value {
    /// The type under which the value is stored.
    pub fn kind(&self) -> ValueKind {
        match self {
            Self::Empty => ValueKind::Empty,
            Self::String(_) => ValueKind::String,
            Self::Bool(_) => ValueKind::Bool,
            Self::Int(_) => ValueKind::Int,
            Self::Double(_) => ValueKind::Double,
            Self::Bytes(_) => ValueKind::Bytes,
            Self::Array(_) | Self::Map(_) => ValueKind::Json,
        }
    }

    /// Appends the text form (see the module's head).
    pub fn write_text(&self, out: &mut String) {
        match self {
            Self::Empty => {}
            Self::String(text) => out.push_str(text),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Int(value) => write_int(out, *value),
            Self::Double(value) => write_double(out, *value),
            Self::Bytes(bytes) => write_base64(out, bytes),
            Self::Array(_) | Self::Map(_) => self.write_json(out),
        }
    }

    /// Appends the JSON form (see the module's head).
    pub fn write_json(&self, out: &mut String) {
        match self {
            Self::Empty => out.push_str("null"),
            Self::String(text) => write_json_string(out, text),
            Self::Bool(_) | Self::Int(_) => self.write_text(out),
            Self::Double(value) => write_json_double(out, *value),
            Self::Bytes(bytes) => write_json_bytes(out, bytes),
            Self::Array(items) => {
                out.push('[');
                for (position, item) in items.iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    item.write_json(out);
                }
                out.push(']');
            }
            Self::Map(entries) => {
                let wrapped = entries.iter().any(|(key, _)| key.starts_with('$'));
                out.push_str(if wrapped { "{\"$map\":{" } else { "{" });
                for (position, (key, value)) in entries.iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    write_json_string(out, key);
                    out.push(':');
                    value.write_json(out);
                }
                out.push_str(if wrapped { "}}" } else { "}" });
            }
        }
    }
}

/// Appends a decimal integer.
pub fn write_int(out: &mut String, value: i64) {
    let _infallible = write!(out, "{value}");
}

/// Appends the shortest decimal that reads back as the same double; always with a point or an
/// exponent, so it never looks like an integer. `NaN`, `Inf` and `-Inf` for the others.
pub fn write_double(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "Inf" } else { "-Inf" });
    } else {
        let _infallible = write!(out, "{value:?}");
    }
}

/// Appends a double as JSON.
pub fn write_json_double(out: &mut String, value: f64) {
    if value.is_finite() {
        write_double(out, value);
    } else {
        out.push_str("{\"$double\":\"");
        write_double(out, value);
        out.push_str("\"}");
    }
}

/// Appends bytes as base64 text.
pub fn write_base64(out: &mut String, bytes: &[u8]) {
    base64::engine::general_purpose::STANDARD.encode_string(bytes, out);
}

/// Appends bytes as JSON.
pub fn write_json_bytes(out: &mut String, bytes: &[u8]) {
    out.push_str("{\"$bytes\":\"");
    write_base64(out, bytes);
    out.push_str("\"}");
}

/// Appends a JSON string: quotes, backslashes and control characters are escaped.
#[expect(clippy::string_slice, reason = "cuts only beside ASCII bytes")]
pub fn write_json_string(out: &mut String, text: &str) {
    out.push('"');
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[plain_from..at]);
        plain_from = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => {
                let _infallible = write!(out, "\\u{control:04x}");
            }
        }
    }
    out.push_str(&text[plain_from..]);
    out.push('"');
}

/// A list of keys and typed values per row. The keys of all rows are few, so each is held once.
#[derive(Clone, PartialEq)]
pub struct AttributesColumn {
    offsets: Vec<i32>,
    keys: DictColumn,
    values: Utf8Column,
    kinds: Vec<u8>,
}

impl Default for AttributesColumn {
    fn default() -> Self {
        Self {
            offsets: vec![0],
            keys: DictColumn::default(),
            values: Utf8Column::default(),
            kinds: Vec::new(),
        }
    }
}

impl AttributesColumn {
    /// Number of rows (lists).
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends an entry to the list that [`AttributesColumn::end_row`] will close.
    pub fn push_entry(&mut self, key: &str, kind: ValueKind, text: &str) {
        self.push_entry_with(key, kind, |out| out.push_str(text));
    }

    /// As [`AttributesColumn::push_entry`], with the text written in place.
    pub fn push_entry_with(&mut self, key: &str, kind: ValueKind, write: impl FnOnce(&mut String)) {
        self.keys.push(key);
        self.values.push_with(write);
        self.kinds.push(kind as u8);
    }

    /// Closes the list of a row.
    pub fn end_row(&mut self) {
        self.offsets.push(offset(self.kinds.len()));
    }

    /// Appends a row of another column; `known` is as in [`DictColumn::push_row_of`]. Panics when out
    /// of range, like a slice.
    pub fn push_row_of(&mut self, other: &Self, row: usize, known: &mut Vec<Option<u32>>) {
        let entries = other.entries(row);
        for entry in entries.clone() {
            self.keys.push_row_of(&other.keys, entry, known);
        }
        self.values.extend_range(&other.values, entries.clone());
        self.kinds.extend_from_slice(&other.kinds[entries]);
        self.end_row();
    }

    /// Where the entries of a row are in [`AttributesColumn::parts`].
    fn entries(&self, row: usize) -> Range<usize> {
        self.offsets[row] as usize..self.offsets[row + 1] as usize
    }

    /// Makes room for some rows of other columns, which each say how many entries, and bytes of
    /// texts, they have.
    pub fn reserve_rows<'a>(&mut self, rows: impl Iterator<Item = (&'a Self, usize)>) {
        let (mut count, mut entries, mut values) = (0, 0, 0);
        for (column, row) in rows {
            let of_row = column.entries(row);
            count += 1;
            entries += of_row.len();
            values += column.values.bytes_of(of_row);
        }
        self.offsets.reserve(count);
        self.kinds.reserve(entries);
        self.keys.reserve(entries);
        self.values.reserve(entries, values);
    }

    /// Makes room for texts of so many bytes together.
    pub fn reserve_texts(&mut self, bytes: usize) {
        self.values.reserve(0, bytes);
    }

    /// Takes back all rows from `rows` on.
    pub fn truncate(&mut self, rows: usize) {
        self.offsets.truncate(rows + 1);
        let entries = self.offsets.last().map_or(0, |at| *at as usize);
        self.keys.truncate(entries);
        self.values.truncate(entries);
        self.kinds.truncate(entries);
    }

    /// Appends a whole row, for the edges and tests.
    pub fn push_row<'a>(&mut self, entries: impl IntoIterator<Item = (&'a str, &'a Value)>) {
        for (key, value) in entries {
            self.push_entry_with(key, value.kind(), |out| value.write_text(out));
        }
        self.end_row();
    }

    /// The entries of a row: key, type, text. Panics when out of range, like a slice.
    pub fn row(&self, row: usize) -> impl Iterator<Item = (&str, ValueKind, &str)> {
        (self.offsets[row] as usize..self.offsets[row + 1] as usize).map(|entry| {
            let kind = ValueKind::from_letter(self.kinds[entry]).unwrap_or(ValueKind::String);
            (self.keys.get(entry), kind, self.values.get(entry))
        })
    }

    /// Row offsets, keys, texts and type letters of all entries.
    pub fn parts(&self) -> (&[i32], &DictColumn, &Utf8Column, &[u8]) {
        (&self.offsets, &self.keys, &self.values, &self.kinds)
    }

    /// As [`AttributesColumn::parts`], giving the buffers away.
    pub fn into_parts(self) -> (Vec<i32>, DictColumn, Utf8Column, Vec<u8>) {
        (self.offsets, self.keys, self.values, self.kinds)
    }

    /// Builds a column from stored buffers, checking that they agree.
    pub fn from_parts(
        offsets: Vec<i32>,
        keys: DictColumn,
        values: Utf8Column,
        kinds: Vec<u8>,
    ) -> Result<Self> {
        check_offsets(&offsets, kinds.len())?;
        if keys.len() != kinds.len() || values.len() != kinds.len() {
            return Err(Error::corrupt("attribute keys, values and types differ in number"));
        }
        if let Some(letter) = kinds.iter().find(|kind| ValueKind::from_letter(**kind).is_none()) {
            return Err(Error::corrupt(format!("unknown attribute type {letter:#04x}")));
        }
        Ok(Self { offsets, keys, values, kinds })
    }

    pub(crate) fn extend_from(&mut self, other: &Self) {
        extend_offsets(&mut self.offsets, &other.offsets);
        ColumnBuffer::extend_from(&mut self.keys, &other.keys);
        ColumnBuffer::extend_from(&mut self.values, &other.values);
        self.kinds.extend_from_slice(&other.kinds);
    }

    pub(crate) fn reserve_for(&mut self, other: &Self) {
        self.offsets.reserve(and_some_more(other.len()));
        self.kinds.reserve(and_some_more(other.kinds.len()));
        ColumnBuffer::reserve_for(&mut self.keys, &other.keys);
        ColumnBuffer::reserve_for(&mut self.values, &other.values);
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        self.offsets.shrink_to_fit();
        self.kinds.shrink_to_fit();
        ColumnBuffer::shrink_to_fit(&mut self.keys);
        ColumnBuffer::shrink_to_fit(&mut self.values);
    }

    pub(crate) fn byte_len(&self) -> usize {
        let texts = self.keys.byte_len() + self.values.byte_len();
        self.offsets.len() * 4 + texts + self.kinds.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &Value) -> String {
        let mut out = String::new();
        value.write_json(&mut out);
        out
    }

    #[test]
    fn json_form_is_lossless() {
        let text = |text: &str| Value::String(text.to_owned());
        let cases = [
            (Value::Empty, "null"),
            (text("a\"b\\c\n\u{1}é"), "\"a\\\"b\\\\c\\n\\u0001é\""),
            (Value::Double(1.0), "1.0"),
            (Value::Double(f64::NAN), "{\"$double\":\"NaN\"}"),
            (Value::Int(-7), "-7"),
            (Value::Bytes(vec![0, 255]), "{\"$bytes\":\"AP8=\"}"),
            (Value::Array(vec![Value::Bool(true), Value::Array(vec![])]), "[true,[]]"),
            (Value::Map(vec![("$k".into(), Value::Int(1))]), "{\"$map\":{\"$k\":1}}"),
        ];
        for (value, expect) in cases {
            assert_eq!(json(&value), expect);
        }
    }
}

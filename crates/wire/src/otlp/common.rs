//! What the signals share: attribute values and their text form straight from protobuf bytes,
//! resources and scopes, and the account of what was lost.

use std::borrow::Cow;

use watchkeep_model::attributes::{
    AttributesColumn, ValueKind, write_base64, write_double, write_int, write_json_bytes,
    write_json_double, write_json_string,
};
use watchkeep_model::limits::DecodeLimits;
use watchkeep_model::spans::UNKNOWN_SERVICE;

use super::{Fault, NESTING_DEPTH_HARD_MAX, Rejections, Warnings};
use crate::protobuf::{Field, Malformed, Reader};

/// What every step of a decoder carries along.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) limits: DecodeLimits,
    pub(crate) warnings: Warnings,
    pub(crate) rejections: Rejections,
}

impl Context {
    pub(crate) fn new(limits: &DecodeLimits) -> Self {
        let mut limits = *limits;
        limits.nesting_depth_max = limits.nesting_depth_max.min(NESTING_DEPTH_HARD_MAX);
        Self { limits, warnings: Warnings::default(), rejections: Rejections::default() }
    }

    /// Bytes as text; what is not UTF-8 is replaced and counted.
    #[inline]
    pub(crate) fn text<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, str> {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Cow::Borrowed(text);
        }
        self.warnings.invalid_utf8 += 1;
        String::from_utf8_lossy(bytes)
    }

    /// An id of exactly `N` bytes; an id of another length becomes "none", and is counted.
    pub(crate) fn id_or_none<const N: usize>(&mut self, bytes: &[u8]) -> [u8; N] {
        <[u8; N]>::try_from(bytes).unwrap_or_else(|_| {
            self.warnings.invalid_ids += u64::from(!bytes.is_empty());
            [0; N]
        })
    }

    fn value_text<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, str> {
        let max = self.limits.attribute_value_bytes_max;
        let text = self.text(bytes);
        if text.len() <= max {
            return text;
        }
        self.warnings.truncated_values += 1;
        match text {
            Cow::Borrowed(text) => Cow::Borrowed(cut(text, max)),
            Cow::Owned(text) => Cow::Owned(cut(&text, max).to_owned()),
        }
    }

    /// Appends the text form of an attribute's value, held to the limits.
    pub(crate) fn write_text(
        &mut self,
        value: AnyValue<'_>,
        out: &mut String,
    ) -> Result<(), Malformed> {
        match value {
            AnyValue::Empty => {}
            AnyValue::String(bytes) => out.push_str(&self.value_text(bytes)),
            AnyValue::Bool(value) => out.push_str(if value { "true" } else { "false" }),
            AnyValue::Int(value) => write_int(out, value),
            AnyValue::Double(value) => write_double(out, value),
            AnyValue::Bytes(bytes) => {
                let room = self.limits.attribute_value_bytes_max / 4 * 3;
                self.warnings.truncated_values += u64::from(bytes.len() > room);
                write_base64(out, bytes.get(..room).unwrap_or(bytes));
            }
            AnyValue::Array(_) | AnyValue::Map(_) => {
                if self.limits.nesting_depth_max == 0 {
                    self.warnings.values_too_deep += 1;
                } else {
                    self.write_json(value, self.limits.attribute_value_bytes_max, out)?;
                }
            }
        }
        Ok(())
    }

    /// The type under which [`Context::write_text`] leaves a value.
    pub(crate) fn kind(&self, value: AnyValue<'_>) -> ValueKind {
        match value {
            AnyValue::Array(_) | AnyValue::Map(_) if self.limits.nesting_depth_max == 0 => {
                ValueKind::Empty
            }
            AnyValue::Array(_) | AnyValue::Map(_) => ValueKind::Json,
            AnyValue::Empty => ValueKind::Empty,
            AnyValue::String(_) => ValueKind::String,
            AnyValue::Bool(_) => ValueKind::Bool,
            AnyValue::Int(_) => ValueKind::Int,
            AnyValue::Double(_) => ValueKind::Double,
            AnyValue::Bytes(_) => ValueKind::Bytes,
        }
    }

    /// Appends the JSON form of a value. Beyond `bytes_max` strings are cut and the rest of arrays
    /// and maps is left out, so that it stays JSON; only closing punctuation goes further. Returns
    /// whether something was cut.
    pub(crate) fn write_json(
        &mut self,
        value: AnyValue<'_>,
        bytes_max: usize,
        out: &mut String,
    ) -> Result<bool, Malformed> {
        let end = out.len().saturating_add(bytes_max);
        let mut writer = JsonWriter { context: self, out, end, cut: false };
        writer.value(value, 0)?;
        let cut = writer.cut;
        self.warnings.truncated_values += u64::from(cut);
        Ok(cut)
    }

    /// Appends attributes as a JSON object; returns how many the limit dropped.
    pub(crate) fn write_object(
        &mut self,
        mut attributes: Repeated<'_>,
        out: &mut String,
    ) -> Result<u32, Malformed> {
        let wrapped = has_dollar_key(attributes)?;
        out.push_str(if wrapped { "{\"$map\":{" } else { "{" });
        let mut written = 0;
        while written < self.limits.attributes_per_item_max {
            let Some(field) = attributes.next()? else { break };
            let (key, value) = key_value(field.message()?)?;
            if written > 0 {
                out.push(',');
            }
            written += 1;
            write_json_string(out, &self.text(key));
            out.push(':');
            self.write_member(value, out)?;
        }
        out.push_str(if wrapped { "}}" } else { "}" });
        Ok(self.drop_attributes(attributes))
    }

    /// Appends attributes as a row of a column; returns how many the limit dropped.
    pub(crate) fn push_row(
        &mut self,
        mut attributes: Repeated<'_>,
        column: &mut AttributesColumn,
    ) -> Result<u32, Malformed> {
        let mut room = self.limits.attributes_per_item_max;
        while room > 0 {
            let Some(field) = attributes.next()? else { break };
            room -= 1;
            let (key, value) = key_value(field.message()?)?;
            self.push_attribute(key, value, column)?;
        }
        column.end_row();
        Ok(self.drop_attributes(attributes))
    }

    /// Appends one attribute to the row of a column that is being filled.
    pub(crate) fn push_attribute(
        &mut self,
        key: &[u8],
        value: AnyValue<'_>,
        column: &mut AttributesColumn,
    ) -> Result<(), Malformed> {
        let key = self.text(key);
        let mut outcome = Ok(());
        let kind = self.kind(value);
        column.push_entry_with(&key, kind, |out| outcome = self.write_text(value, out));
        outcome
    }

    /// Appends the JSON form of an attribute's value, held to the limits.
    pub(crate) fn write_member(
        &mut self,
        value: AnyValue<'_>,
        out: &mut String,
    ) -> Result<(), Malformed> {
        if let AnyValue::String(bytes) = value {
            // Its limit is on the text, not on the escapes.
            write_json_string(out, &self.value_text(bytes));
            return Ok(());
        }
        self.write_json(value, self.limits.attribute_value_bytes_max, out).map(drop)
    }

    /// Counts the attributes that are left over the limit.
    pub(crate) fn drop_attributes(&mut self, rest: Repeated<'_>) -> u32 {
        self.warnings.dropped_attributes += rest.left as u64;
        u32::try_from(rest.left).unwrap_or(u32::MAX)
    }

    /// Reads a resource; absent is the same as empty.
    pub(crate) fn resource(&mut self, reader: Option<Reader<'_>>) -> Result<Resource, Malformed> {
        let attributes = Repeated::read(reader, 1)?;
        let mut service = String::new();
        let mut rest = attributes;
        while let Some(field) = rest.next()? {
            let (key, value) = key_value(field.message()?)?;
            if key == b"service.name" {
                service.clear();
                self.write_text(value, &mut service)?;
            }
        }
        if service.is_empty() {
            service.push_str(UNKNOWN_SERVICE);
        }
        let mut json = String::new();
        self.write_object(attributes, &mut json)?;
        Ok(Resource { service, json })
    }

    /// Reads an instrumentation scope; absent is the same as empty.
    pub(crate) fn scope<'a>(&mut self, reader: Option<Reader<'a>>) -> Result<Scope<'a>, Malformed> {
        let mut scope = Scope { name: "".into(), version: "".into(), attributes: String::new() };
        let Some(reader) = reader else { return Ok(scope) };
        let mut rest = reader;
        while let Some(field) = rest.field()? {
            match field.number {
                1 => scope.name = self.text(field.bytes()?),
                2 => scope.version = self.text(field.bytes()?),
                _ => {}
            }
        }
        let attributes = Repeated::read(Some(reader), 3)?;
        if attributes.left > 0 {
            self.write_object(attributes, &mut scope.attributes)?;
        }
        Ok(scope)
    }
}

/// The longest beginning of at most `max` bytes that does not cut a character.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or_default()
}

/// Fails when columns grew out of proportion to any sensible body.
pub(super) fn check_columns(bytes: usize) -> Result<(), Fault> {
    if bytes > super::COLUMN_BYTES_HARD_MAX { Err(Fault::ColumnsTooLarge) } else { Ok(()) }
}

/// A resource as the columns keep it.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) service: String,
    pub(crate) json: String,
}

/// A scope as the columns keep it.
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) version: Cow<'a, str>,
    pub(crate) attributes: String,
}

/// `ResourceSpans`, `ScopeSpans` and their likes for the other signals: all are a head (resource
/// or scope), items, and a schema URL, under the same numbers.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    pub(crate) head: Option<Reader<'a>>,
    pub(crate) items: Repeated<'a>,
    pub(crate) schema_url: &'a [u8],
}

impl<'a> Group<'a> {
    pub(crate) fn read(reader: Reader<'a>) -> Result<Self, Malformed> {
        let mut group =
            Self { head: None, items: Repeated::none(reader, 2), schema_url: Default::default() };
        let mut rest = reader;
        while let Some(field) = rest.field()? {
            match field.number {
                1 => group.head = Some(field.message()?),
                2 => group.items.see(&field),
                3 => group.schema_url = field.bytes()?,
                _ => {}
            }
        }
        Ok(group)
    }
}

/// The occurrences of one repeated field: found in a first pass over a message, visited in a
/// second. Nothing is allocated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Repeated<'a> {
    reader: Reader<'a>,
    number: u32,
    /// Occurrences not visited yet.
    pub(crate) left: usize,
}

impl<'a> Repeated<'a> {
    /// No occurrence yet of `number` in a message.
    pub(crate) fn none(message: Reader<'a>, number: u32) -> Self {
        Self { reader: message, number, left: 0 }
    }

    /// All occurrences of `number` in a message.
    pub(crate) fn read(message: Option<Reader<'a>>, number: u32) -> Result<Self, Malformed> {
        let mut rest = message.unwrap_or(Reader::new(&[]));
        let mut found = Self::none(rest, number);
        while let Some(field) = rest.field()? {
            if field.number == number {
                found.see(&field);
            }
        }
        Ok(found)
    }

    /// Notes an occurrence.
    #[inline]
    pub(crate) fn see(&mut self, field: &Field<'_>) {
        if self.left == 0 {
            self.reader = self.reader.advanced_to(field.at);
        }
        self.left += 1;
    }

    /// Visits the next occurrence.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Field<'a>>, Malformed> {
        while self.left > 0 {
            let Some(field) = self.reader.field()? else { break };
            if field.number == self.number {
                self.left -= 1;
                return Ok(Some(field));
            }
        }
        Ok(None)
    }
}

/// An attribute's value, not looked into yet.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AnyValue<'a> {
    Empty,
    String(&'a [u8]),
    Bool(bool),
    Int(i64),
    Double(f64),
    Array(Reader<'a>),
    Map(Reader<'a>),
    Bytes(&'a [u8]),
}

impl<'a> AnyValue<'a> {
    #[inline]
    pub(crate) fn read(mut reader: Reader<'a>) -> Result<Self, Malformed> {
        let mut value = Self::Empty;
        while let Some(field) = reader.field()? {
            value = match field.number {
                1 => Self::String(field.bytes()?),
                2 => Self::Bool(field.bool()?),
                3 => Self::Int(field.varint()? as i64),
                4 => Self::Double(field.double()?),
                5 => Self::Array(field.message()?),
                6 => Self::Map(field.message()?),
                7 => Self::Bytes(field.bytes()?),
                _ => value,
            };
        }
        Ok(value)
    }
}

/// Reads a `KeyValue`.
#[inline]
pub(crate) fn key_value(mut reader: Reader<'_>) -> Result<(&[u8], AnyValue<'_>), Malformed> {
    let mut key: &[u8] = &[];
    let mut value = AnyValue::Empty;
    while let Some(field) = reader.field()? {
        match field.number {
            1 => key = field.bytes()?,
            2 => value = AnyValue::read(field.message()?)?,
            _ => {}
        }
    }
    Ok((key, value))
}

/// Whether a map must be wrapped (see [`watchkeep_model::attributes`]).
fn has_dollar_key(mut entries: Repeated<'_>) -> Result<bool, Malformed> {
    while let Some(field) = entries.next()? {
        let mut entry = field.message()?;
        let mut key: &[u8] = &[];
        while let Some(field) = entry.field()? {
            if field.number == 1 {
                key = field.bytes()?;
            }
        }
        if key.starts_with(b"$") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes values as JSON under a limit of depth and bytes.
struct JsonWriter<'w> {
    context: &'w mut Context,
    out: &'w mut String,
    /// Where the room ends.
    end: usize,
    cut: bool,
}

impl JsonWriter<'_> {
    /// `depth` is the number of arrays and maps around the value.
    fn value(&mut self, value: AnyValue<'_>, depth: usize) -> Result<(), Malformed> {
        match value {
            AnyValue::Empty => self.out.push_str("null"),
            AnyValue::String(bytes) => self.string(bytes),
            AnyValue::Bool(value) => self.out.push_str(if value { "true" } else { "false" }),
            AnyValue::Int(value) => write_int(self.out, value),
            AnyValue::Double(value) => write_json_double(self.out, value),
            AnyValue::Bytes(bytes) => {
                let room = self.room() / 4 * 3;
                self.cut |= bytes.len() > room;
                write_json_bytes(self.out, bytes.get(..room).unwrap_or(bytes));
            }
            AnyValue::Array(_) | AnyValue::Map(_)
                if depth >= self.context.limits.nesting_depth_max =>
            {
                self.context.warnings.values_too_deep += 1;
                self.out.push_str("null");
            }
            AnyValue::Array(reader) => self.array(reader, depth + 1)?,
            AnyValue::Map(reader) => self.map(reader, depth + 1)?,
        }
        Ok(())
    }

    fn room(&self) -> usize {
        self.end.saturating_sub(self.out.len())
    }

    fn string(&mut self, bytes: &[u8]) {
        let room = self.room();
        let text = self.context.text(bytes);
        let start = self.out.len();
        if text.len() <= room {
            write_json_string(self.out, &text);
            if self.out.len() - start <= room.saturating_add(2) {
                return;
            }
        }
        self.out.truncate(start);
        self.cut = true;
        write_json_string(self.out, cut(&text, room));
        if self.out.len() - start > room + 2 {
            // The longest escape is six bytes for one.
            self.out.truncate(start);
            write_json_string(self.out, cut(&text, room / 6));
        }
    }

    fn array(&mut self, mut reader: Reader<'_>, depth: usize) -> Result<(), Malformed> {
        self.out.push('[');
        let mut first = true;
        while let Some(field) = reader.field()? {
            if field.number != 1 {
                continue;
            }
            let item = AnyValue::read(field.message()?)?;
            if self.room() == 0 {
                self.cut = true;
                break;
            }
            if !std::mem::take(&mut first) {
                self.out.push(',');
            }
            self.value(item, depth)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn map(&mut self, reader: Reader<'_>, depth: usize) -> Result<(), Malformed> {
        let mut entries = Repeated::read(Some(reader), 1)?;
        let wrapped = has_dollar_key(entries)?;
        self.out.push_str(if wrapped { "{\"$map\":{" } else { "{" });
        let mut first = true;
        while let Some(field) = entries.next()? {
            let (key, value) = key_value(field.message()?)?;
            if self.room() <= key.len() {
                self.cut = true;
                break;
            }
            if !std::mem::take(&mut first) {
                self.out.push(',');
            }
            write_json_string(self.out, &self.context.text(key));
            self.out.push(':');
            self.value(value, depth)?;
        }
        self.out.push_str(if wrapped { "}}" } else { "}" });
        Ok(())
    }
}

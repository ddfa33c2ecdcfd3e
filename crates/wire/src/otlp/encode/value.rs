//! Values from the text form in which columns keep them (see [`watchkeep_model::attributes`]) back
//! to protobuf. Text that is not in that form is damage, not hostile input, but is met with an
//! error all the same.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use watchkeep_model::{Error, Result, ValueKind};

use crate::protobuf::Writer;

/// Each array or map takes two levels of JSON at most; nothing that was decoded is deeper.
const DEPTH_MAX: usize = 2 * super::super::NESTING_DEPTH_HARD_MAX + 8;

/// Appends a `KeyValue` as field `number`.
pub(super) fn write_entry(
    writer: &mut Writer,
    number: u32,
    (key, kind, text): (&str, ValueKind, &str),
) -> Result<()> {
    let entry = writer.begin_message(number);
    writer.bytes(1, key.as_bytes());
    let value = writer.begin_message(2);
    let damaged = || Error::corrupt("the text of an attribute does not fit its type");
    match kind {
        ValueKind::Empty => {}
        ValueKind::String => writer.bytes(1, text.as_bytes()),
        ValueKind::Bool => writer.varint(2, u64::from(text == "true")),
        ValueKind::Int => writer.varint(3, text.parse::<i64>().map_err(|_| damaged())? as u64),
        ValueKind::Double => write_double(writer, text).ok_or_else(damaged)?,
        ValueKind::Bytes => writer.bytes(7, &BASE64.decode(text).map_err(|_| damaged())?),
        ValueKind::Json => read(text, ValueSeed { writer: &mut *writer, depth: 0 })?,
    }
    writer.end_message(value);
    writer.end_message(entry);
    Ok(())
}

/// Appends the members of a JSON object as repeated `KeyValue`, field `number`; empty text is no
/// attributes.
pub(super) fn write_object(writer: &mut Writer, number: u32, text: &str) -> Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    read(text, EntriesSeed { writer, number, wrapped: false, depth: 0 })
}

fn write_double(writer: &mut Writer, text: &str) -> Option<()> {
    // Rust reads "NaN", "Inf" and "-Inf" too.
    text.parse::<f64>().ok().map(|value| writer.fixed64(4, value.to_bits()))
}

/// Reads a stored JSON text.
pub(super) fn read<'de, S: DeserializeSeed<'de, Value = ()>>(
    text: &'de str,
    seed: S,
) -> Result<()> {
    let mut reader = serde_json::Deserializer::from_str(text);
    // The seeds count the depth.
    reader.disable_recursion_limit();
    seed.deserialize(&mut reader)
        .and_then(|()| reader.end())
        .map_err(|_| Error::corrupt("a stored value is not in the form of a value"))
}

/// Writes a value's JSON form as the field of an `AnyValue` that has been begun.
struct ValueSeed<'w> {
    writer: &'w mut Writer,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        if self.depth > DEPTH_MAX {
            return Err(D::Error::custom("too deep"));
        }
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.writer.varint(2, u64::from(value));
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.writer.varint(3, value);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.writer.varint(3, value as u64);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.writer.fixed64(4, value.to_bits());
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.writer.bytes(1, text.as_bytes());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let (writer, depth) = (self.writer, self.depth + 1);
        let array = writer.begin_message(5);
        loop {
            let before = writer.position();
            let item = writer.begin_message(1);
            if items.next_element_seed(ValueSeed { writer: &mut *writer, depth })?.is_none() {
                writer.take_back(before);
                break;
            }
            writer.end_message(item);
        }
        writer.end_message(array);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (writer, depth) = (self.writer, self.depth + 1);
        let key: Option<String> = map.next_key()?;
        match key.as_deref() {
            Some("$bytes") => {
                let text: String = map.next_value()?;
                writer.bytes(7, &BASE64.decode(text).map_err(A::Error::custom)?);
            }
            Some("$double") => {
                let text: String = map.next_value()?;
                write_double(writer, &text).ok_or_else(|| A::Error::custom("not a double"))?;
            }
            _ => {
                let list = writer.begin_message(6);
                let entries =
                    EntriesSeed { writer: &mut *writer, number: 1, wrapped: false, depth };
                entries.write(key, map)?;
                writer.end_message(list);
            }
        }
        Ok(())
    }
}

/// Writes an object's members as repeated `KeyValue`.
pub(super) struct EntriesSeed<'w> {
    pub(super) writer: &'w mut Writer,
    pub(super) number: u32,
    /// Whether this is the inside of a `$map`.
    pub(super) wrapped: bool,
    pub(super) depth: usize,
}

impl EntriesSeed<'_> {
    fn write<'de, A: MapAccess<'de>>(
        self,
        first: Option<String>,
        mut map: A,
    ) -> Result<(), A::Error> {
        let Self { writer, number, wrapped, depth } = self;
        let mut next = first;
        if !wrapped && next.as_deref() == Some("$map") {
            return map.next_value_seed(EntriesSeed { writer, number, wrapped: true, depth });
        }
        while let Some(key) = next {
            let entry = writer.begin_message(number);
            writer.bytes(1, key.as_bytes());
            let value = writer.begin_message(2);
            map.next_value_seed(ValueSeed { writer: &mut *writer, depth })?;
            writer.end_message(value);
            writer.end_message(entry);
            next = map.next_key()?;
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for EntriesSeed<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EntriesSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let first = map.next_key()?;
        self.write(first, map)
    }
}

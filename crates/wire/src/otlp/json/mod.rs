//! OTLP/JSON to columns, by way of protobuf: the text is written over as protobuf bytes in one
//! pass, guided by the tables in `schema.rs`, and those are decoded. So both forms of a message
//! give the same columns, and there is one place where columns are filled.
//!
//! Accepted beyond what OTLP asks for: names in snake_case, enumerations by name, integers as
//! `1.0`. `null` is an absent field. An id that is not hexadecimal is kept as one of wrong length,
//! so that it costs its record and not the request. Values nest no deeper than the decoder would
//! follow; what is deeper is skipped without recursion.

mod scalar;
mod schema;
mod write;

use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use watchkeep_model::limits::DecodeLimits;
use watchkeep_model::{Error, LogColumns, MetricColumns, Result, SpanColumns};

use self::scalar::ScalarSeed;
use self::schema::{ANY_VALUE, FieldDef, Kind, LOGS, METRICS, Message, TRACES};
pub use write::{JsonForm, encode_traces_json};

use super::{
    Decoded, MetricsOptions, NESTING_DEPTH_HARD_MAX, Signal, check_body, decode_logs,
    decode_metrics, decode_traces,
};
use crate::protobuf::Writer;

/// As [`decode_traces`], from JSON.
pub fn decode_traces_json(body: &[u8], limits: &DecodeLimits) -> Result<Decoded<SpanColumns>> {
    decode_traces(&to_protobuf(body, &TRACES, Signal::Traces)?, limits)
}

/// As [`decode_logs`], from JSON.
pub fn decode_logs_json(
    body: &[u8],
    limits: &DecodeLimits,
    arrival_ns: i64,
) -> Result<Decoded<LogColumns>> {
    decode_logs(&to_protobuf(body, &LOGS, Signal::Logs)?, limits, arrival_ns)
}

/// As [`decode_metrics`], from JSON.
pub fn decode_metrics_json(
    body: &[u8],
    limits: &DecodeLimits,
    options: &MetricsOptions,
    arrival_ns: i64,
) -> Result<Decoded<MetricColumns>> {
    decode_metrics(&to_protobuf(body, &METRICS, Signal::Metrics)?, limits, options, arrival_ns)
}

fn to_protobuf(body: &[u8], message: &'static Message, signal: Signal) -> Result<Vec<u8>> {
    check_body(body, signal)?;
    let mut writer = Writer::default();
    let mut reader = serde_json::Deserializer::from_slice(body);
    // Depth is counted by `MessageSeed`; unknown fields are skipped without recursion.
    reader.disable_recursion_limit();
    MessageSeed { message, writer: &mut writer, depth: 0 }
        .deserialize(&mut reader)
        .and_then(|_| reader.end())
        .map_err(|error| {
            Error::invalid(format!("malformed OTLP/JSON {}: {error}", signal.name()))
        })?;
    Ok(writer.into_bytes())
}

/// Writes a JSON object as the fields of a message.
struct MessageSeed<'w> {
    message: &'static Message,
    writer: &'w mut Writer,
    /// Values around this one.
    depth: usize,
}

/// What was found in the place of a message.
#[derive(Debug, PartialEq, Eq)]
enum Presence {
    Object,
    Null,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = Presence;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Presence, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = Presence;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<Presence, E> {
        Ok(Presence::Null)
    }

    fn visit_str<E: serde::de::Error>(self, _text: &str) -> Result<Presence, E> {
        // The text may be a secret, so it is not in the message.
        Err(E::custom("expected an object, found a string"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Presence, A::Error> {
        while let Some(field) = map.next_key_seed(NameSeed(self.message))? {
            match field {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some(field) => {
                    let seed = FieldSeed { field, writer: self.writer, depth: self.depth };
                    map.next_value_seed(seed)?;
                }
            }
        }
        Ok(Presence::Object)
    }
}

/// Finds a field by its name.
struct NameSeed(&'static Message);

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Option<&'static FieldDef>;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed {
    type Value = Option<&'static FieldDef>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let fields = self.0.fields;
        Ok(fields.iter().find(|field| field.name == name).or_else(|| {
            let snake = name.contains('_');
            fields.iter().find(|field| snake && is_snake_case_of(name, field.name))
        }))
    }
}

/// Whether `name` is `camel` with each capital written as an underscore and a small letter.
fn is_snake_case_of(name: &str, camel: &str) -> bool {
    let mut letters = name.bytes();
    camel.bytes().all(|letter| {
        if letter.is_ascii_uppercase() && letters.next() != Some(b'_') {
            return false;
        }
        letters.next() == Some(letter.to_ascii_lowercase())
    }) && letters.next().is_none()
}

/// Writes the value of a field, or each of its values.
struct FieldSeed<'w> {
    field: &'static FieldDef,
    writer: &'w mut Writer,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        if self.field.repeated {
            reader.deserialize_any(self)
        } else {
            ItemSeed { field: self.field, writer: self.writer, depth: self.depth }
                .deserialize(reader)
        }
    }
}

impl<'de> Visitor<'de> for FieldSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array in {}", self.field.name)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, _text: &str) -> Result<(), E> {
        Err(E::custom(format_args!("expected an array in {}, found a string", self.field.name)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { field, writer, depth } = self;
        while items.next_element_seed(ItemSeed { field, writer: &mut *writer, depth })?.is_some() {}
        Ok(())
    }
}

/// Writes one value of a field.
struct ItemSeed<'w> {
    field: &'static FieldDef,
    writer: &'w mut Writer,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for ItemSeed<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        let Self { field, writer, depth } = self;
        let (message, depth) = match field.kind {
            Kind::Message(message) => (message, depth),
            Kind::Value => (&ANY_VALUE, depth + 1),
            _ => {
                return reader
                    .deserialize_any(ScalarSeed { field })?
                    .write(field, writer)
                    .map_err(D::Error::custom);
            }
        };
        let before = writer.position();
        let start = writer.begin_message(field.number);
        // One level more than the decoder follows, so that it sees, and counts, what is too deep.
        let presence = if depth > NESTING_DEPTH_HARD_MAX + 2 {
            IgnoredAny::deserialize(reader)?;
            Presence::Object
        } else {
            MessageSeed { message, writer: &mut *writer, depth }.deserialize(reader)?
        };
        if presence == Presence::Null && !field.repeated {
            writer.take_back(before);
        } else {
            // In an array, `null` keeps its place as an empty message.
            writer.end_message(start);
        }
        Ok(())
    }
}

//! What columns of spans hold as text (see [`watchkeep_model::attributes`]), read for protocols whose
//! values do not nest: arrays and maps become their JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize as _;
use serde_json::{Map, Value};
use watchkeep_model::attributes::write_double;
use watchkeep_model::{Error, Result, SpanColumns, SpanId, TraceId, ValueKind};

/// A value that does not nest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Plain {
    Text(String),
    Bool(bool),
    Int(i64),
    Double(f64),
    Bytes(Vec<u8>),
}

impl Plain {
    /// As text: numbers decimal, bytes base64.
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Double(value) => {
                let mut text = String::new();
                write_double(&mut text, value);
                text
            }
            Self::Bytes(bytes) => BASE64.encode(bytes),
        }
    }
}

/// Keys and values in order.
pub(crate) type Entries = Vec<(String, Plain)>;

/// An event of a span.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) time_ns: i64,
    pub(crate) name: String,
    pub(crate) attributes: Entries,
    pub(crate) dropped: u32,
}

/// A link of a span.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) attributes: Entries,
}

fn damaged() -> Error {
    Error::corrupt("a stored value is not in the form of a value")
}

/// Reads a stored JSON text; what was decoded is no deeper than decoders allow.
fn json(text: &str) -> Result<Value> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.disable_recursion_limit();
    let value = Value::deserialize(&mut reader).map_err(|error| damaged().with_source(error))?;
    reader.end().map_err(|error| damaged().with_source(error))?;
    Ok(value)
}

/// The attributes of a span.
pub(crate) fn attributes(spans: &SpanColumns, row: usize) -> Result<Entries> {
    let read = |(key, kind, text): (&str, ValueKind, &str)| {
        let value = match kind {
            ValueKind::Empty => Plain::Text(String::new()),
            ValueKind::String => Plain::Text(text.to_owned()),
            ValueKind::Bool => Plain::Bool(text == "true"),
            ValueKind::Int => Plain::Int(text.parse().map_err(|_| damaged())?),
            ValueKind::Double => Plain::Double(text.parse().map_err(|_| damaged())?),
            ValueKind::Bytes => Plain::Bytes(BASE64.decode(text).map_err(|_| damaged())?),
            ValueKind::Json => plain(json(text)?)?,
        };
        Ok((key.to_owned(), value))
    };
    spans.attributes.row(row).map(read).collect()
}

/// The members of a stored object; none of an empty text.
pub(crate) fn object(text: &str) -> Result<Entries> {
    if text.is_empty() {
        return Ok(Entries::new());
    }
    entries(Some(json(text)?))
}

fn entries(value: Option<Value>) -> Result<Entries> {
    let Some(Value::Object(map)) = value else { return Ok(Entries::new()) };
    unwrapped(map).into_iter().map(|(key, value)| Ok((key, plain(value)?))).collect()
}

/// The inside of a `$map`, or the object itself.
fn unwrapped(mut map: Map<String, Value>) -> Map<String, Value> {
    match map.get_mut("$map").map(Value::take) {
        Some(Value::Object(inner)) => inner,
        _ => map,
    }
}

/// The events of a span.
pub(crate) fn events(spans: &SpanColumns, row: usize) -> Result<Vec<Event>> {
    let read = |mut map: Map<String, Value>| {
        Ok(Event {
            time_ns: map.get("time_unix_nano").and_then(Value::as_i64).unwrap_or(0),
            name: text(&mut map, "name"),
            attributes: entries(map.remove("attributes"))?,
            dropped: count(&map, "dropped_attributes_count"),
        })
    };
    list(spans.events.get(row))?.map(read).collect()
}

/// The links of a span.
pub(crate) fn links(spans: &SpanColumns, row: usize) -> Result<Vec<Link>> {
    let read = |mut map: Map<String, Value>| {
        Ok(Link {
            trace_id: TraceId::parse_hex(&text(&mut map, "trace_id")).map_err(|_| damaged())?,
            span_id: SpanId::parse_hex(&text(&mut map, "span_id")).map_err(|_| damaged())?,
            attributes: entries(map.remove("attributes"))?,
        })
    };
    list(spans.links.get(row))?.map(read).collect()
}

fn list(text: &str) -> Result<impl Iterator<Item = Map<String, Value>>> {
    let items = match text {
        "" => Vec::new(),
        text => match json(text)? {
            Value::Array(items) => items,
            _ => return Err(damaged()),
        },
    };
    Ok(items.into_iter().filter_map(|item| match item {
        Value::Object(map) => Some(map),
        _ => None,
    }))
}

fn text(map: &mut Map<String, Value>, name: &str) -> String {
    match map.get_mut(name).map(Value::take) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}

fn count(map: &Map<String, Value>, name: &str) -> u32 {
    map.get(name).and_then(Value::as_u64).and_then(|count| count.try_into().ok()).unwrap_or(0)
}

/// A value out of its JSON form.
fn plain(value: Value) -> Result<Plain> {
    Ok(match value {
        Value::Null => Plain::Text(String::new()),
        Value::String(text) => Plain::Text(text),
        Value::Bool(value) => Plain::Bool(value),
        Value::Number(number) => match number.as_i64() {
            Some(value) => Plain::Int(value),
            None => Plain::Double(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::Object(map) => match (map.get("$bytes"), map.get("$double")) {
            (Some(Value::String(text)), _) => {
                Plain::Bytes(BASE64.decode(text).map_err(|_| damaged())?)
            }
            (_, Some(Value::String(text))) => Plain::Double(text.parse().map_err(|_| damaged())?),
            _ => Plain::Text(simple(Value::Object(map)).to_string()),
        },
        other @ Value::Array(_) => Plain::Text(simple(other).to_string()),
    })
}

/// JSON as others write it: bytes as base64, doubles that it can not say as text. What was decoded is
/// no deeper than decoders allow.
fn simple(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(simple).collect()),
        Value::Object(mut map) => {
            let marked = ["$bytes", "$double"].iter().find_map(|key| map.remove(*key));
            if let Some(text) = marked {
                return text;
            }
            let entries = unwrapped(map).into_iter();
            Value::Object(entries.map(|(key, value)| (key, simple(value))).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_values_become_plain_ones() {
        let text = |text: &str| Plain::Text(text.to_owned());
        for (stored, expect) in [
            (r#"{"a":"b"}"#, text("b")),
            (r#"{"a":null}"#, text("")),
            (r#"{"a":true}"#, Plain::Bool(true)),
            (r#"{"a":7}"#, Plain::Int(7)),
            (r#"{"a":1.0}"#, Plain::Double(1.0)),
            (r#"{"a":{"$double":"Inf"}}"#, Plain::Double(f64::INFINITY)),
            (r#"{"a":{"$bytes":"AP8="}}"#, Plain::Bytes(vec![0, 255])),
            (r#"{"a":[1,{"$bytes":"AP8="}]}"#, text(r#"[1,"AP8="]"#)),
            (r#"{"a":{"$map":{"$b":1}}}"#, text(r#"{"$b":1}"#)),
            (r#"{"$map":{"a":{"b":[]}}}"#, text(r#"{"b":[]}"#)),
        ] {
            assert_eq!(object(stored).unwrap(), [("a".to_owned(), expect)], "{stored}");
        }
        assert_eq!(object("").unwrap(), []);
        assert!(object("{").is_err() && object(r#"{"a":{"$bytes":"?"}}"#).is_err());
    }
}

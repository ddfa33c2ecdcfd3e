//! Values of attributes, read back from their text form and from the JSON of resources, events and
//! links (see [`watchkeep_model::attributes`]).

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use watchkeep_model::{Error, Result, SpanId, TraceId, Value, ValueKind};

/// The value of a text form. What is not of its type stays text.
pub(crate) fn of_text(kind: ValueKind, text: &str) -> Value {
    let string = || Value::String(text.to_owned());
    match kind {
        ValueKind::Empty => Value::Empty,
        ValueKind::String => string(),
        ValueKind::Bool => text.parse().map_or_else(|_| string(), Value::Bool),
        ValueKind::Int => text.parse().map_or_else(|_| string(), Value::Int),
        ValueKind::Double => text.parse().map_or_else(|_| string(), Value::Double),
        ValueKind::Bytes => bytes(text).unwrap_or_else(string),
        ValueKind::Json => {
            serde_json::from_str(text).map_or_else(|_| string(), |JsonValue(value)| value)
        }
    }
}

fn bytes(text: &str) -> Option<Value> {
    base64::engine::general_purpose::STANDARD.decode(text).ok().map(Value::Bytes)
}

/// The members of a JSON object of attributes, in their order; none for the empty text.
pub(crate) fn object(text: &str) -> Result<Vec<(String, Value)>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let Members(members) = serde_json::from_str(text).map_err(|error| damaged("object", error))?;
    Ok(members)
}

fn damaged(what: &str, error: serde_json::Error) -> Error {
    Error::corrupt(format!("an {what} of attributes is not what was stored")).with_source(error)
}

/// An event of a span, as stored.
#[derive(Debug, Deserialize)]
pub(crate) struct StoredEvent<'a> {
    pub(crate) time_unix_nano: i64,
    #[serde(borrow, default)]
    pub(crate) name: Cow<'a, str>,
    #[serde(default)]
    attributes: Members,
}

/// A link of a span, as stored.
#[derive(Debug, Deserialize)]
pub(crate) struct StoredLink<'a> {
    #[serde(borrow)]
    trace_id: Cow<'a, str>,
    #[serde(borrow)]
    span_id: Cow<'a, str>,
    #[serde(default)]
    attributes: Members,
}

impl StoredEvent<'_> {
    /// The value of an attribute.
    pub(crate) fn attribute(&self, key: &str) -> Option<&Value> {
        self.attributes.get(key)
    }

    /// Keys of its attributes.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.attributes.0.iter().map(|(key, _)| key.as_str())
    }
}

impl StoredLink<'_> {
    /// The trace that it leads to.
    pub(crate) fn trace_id(&self) -> Result<TraceId> {
        TraceId::parse_hex(&self.trace_id)
    }

    /// The span that it leads to.
    pub(crate) fn span_id(&self) -> Result<SpanId> {
        SpanId::parse_hex(&self.span_id)
    }

    /// The value of an attribute.
    pub(crate) fn attribute(&self, key: &str) -> Option<&Value> {
        self.attributes.get(key)
    }

    /// Keys of its attributes.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.attributes.0.iter().map(|(key, _)| key.as_str())
    }
}

/// The events of a span.
pub(crate) fn events(text: &str) -> Result<Vec<StoredEvent<'_>>> {
    items(text)
}

/// The links of a span.
pub(crate) fn links(text: &str) -> Result<Vec<StoredLink<'_>>> {
    items(text)
}

fn items<'a, T: Deserialize<'a>>(text: &'a str) -> Result<Vec<T>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_str(text).map_err(|error| damaged("array", error))
}

/// Members of an object, in their order.
#[derive(Debug, Default)]
struct Members(Vec<(String, Value)>);

impl Members {
    fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfObject;
        impl<'de> Visitor<'de> for OfObject {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of attributes")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some((key, JsonValue(value))) = map.next_entry()? {
                    members.push((key, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(OfObject)
    }
}

/// A value in its JSON form. The parser bounds how deep it nests.
struct JsonValue(Value);

impl<'de> Deserialize<'de> for JsonValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Self)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of an attribute")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Empty)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        i64::try_from(value).map(Value::Int).map_err(E::custom)
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Double(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(JsonValue(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if members.is_empty() && key == "$map" {
                let Members(inner) = map.next_value()?;
                return Ok(Value::Map(inner));
            }
            let JsonValue(value) = map.next_value()?;
            members.push((key, value));
        }
        if members.len() == 1
            && let (key, Value::String(text)) = &members[0]
        {
            let special = match key.as_str() {
                "$bytes" => bytes(text),
                "$double" => text.parse().ok().map(Value::Double),
                _ => None,
            };
            return Ok(special.unwrap_or(Value::Map(members)));
        }
        Ok(Value::Map(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Empty),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<f64>()
                .prop_filter("NaN differs from itself", |value| !value.is_nan())
                .prop_map(Value::Double),
            ".{0,8}".prop_map(Value::String),
            prop::collection::vec(any::<u8>(), 0..5).prop_map(Value::Bytes),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            let key = prop_oneof!["[a-z]{1,3}", r"\$(bytes|double|map|x)"];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map(key, inner, 0..4)
                    .prop_map(|members| Value::Map(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_come_back_from_their_text(value in values()) {
            let mut text = String::new();
            value.write_text(&mut text);
            prop_assert!(of_text(value.kind(), &text) == value, "{}", text);
            let mut json = String::from("{\"k\":");
            value.write_json(&mut json);
            json.push('}');
            prop_assert!(object(&json).unwrap() == [("k".to_owned(), value)], "{}", json);
        }
    }

    #[test]
    fn what_is_not_of_its_type_stays_text() {
        assert!(of_text(ValueKind::Int, "x") == Value::String("x".into()));
        assert!(object("[1]").is_err(), "damage is an error");
        assert!(events("{}").is_err());
        assert!(events("").unwrap().is_empty());
    }
}

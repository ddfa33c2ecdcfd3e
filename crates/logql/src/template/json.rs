//! JSON as values of templates.

use serde_json::Value as Json;
use watchkeep_gotemplate::Value;

/// The value of a JSON text, nil where it is none. Numbers are floats, as in Go.
pub(super) fn decode(text: &str) -> Value {
    serde_json::from_str(text).map_or(Value::Nil, convert)
}

/// Recurses as deep as the text nests, which the decoder limits.
fn convert(json: Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(truth) => Value::Bool(truth),
        Json::Number(number) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Value::from(text),
        Json::Array(items) => Value::list(items.into_iter().map(convert)),
        Json::Object(entries) => {
            Value::map(entries.into_iter().map(|(key, value)| (key, convert(value))))
        }
    }
}

//! Records of test cases: JSON in, borrowed records out.

#![expect(clippy::unwrap_used, reason = "a broken case shall stop the test")]

use serde::Deserialize;
use serde_json::{Map, Value};
use watchkeep_genai::{Attribute, Record};
use watchkeep_model::ValueKind;

/// A step as it came, and what shall be read of it.
#[derive(Deserialize)]
pub(crate) struct Case {
    /// What it is about.
    pub(crate) name: String,
    /// The span.
    pub(crate) span: Option<Source>,
    /// Log records of the span, in order.
    #[serde(default)]
    pub(crate) logs: Vec<Source>,
    /// What is read, without what is empty.
    pub(crate) content: Value,
}

/// A span or log record.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Source {
    name: String,
    scope: String,
    service: String,
    attributes: Map<String, Value>,
    events: Value,
    body: Value,
}

impl Source {
    /// Shows it to a reader.
    pub(crate) fn with<T>(&self, read: impl FnOnce(&Record<'_>) -> T) -> T {
        let texts: Vec<(&String, ValueKind, String)> =
            self.attributes.iter().map(|(key, value)| (key, kind(value), text(value))).collect();
        let attributes: Vec<Attribute<'_>> =
            texts.iter().map(|(key, kind, text)| Attribute::new(key, *kind, text)).collect();
        read(&Record {
            name: &self.name,
            scope: &self.scope,
            service: &self.service,
            attributes: &attributes,
            resource: &[],
            events: &text(&self.events),
            body: &text(&self.body),
            time_ns: 0,
            duration_ns: 0,
            is_error: false,
            status_message: "",
        })
    }
}

fn kind(value: &Value) -> ValueKind {
    match value {
        Value::Null => ValueKind::Empty,
        Value::Bool(_) => ValueKind::Bool,
        Value::Number(number) if number.is_f64() => ValueKind::Double,
        Value::Number(_) => ValueKind::Int,
        Value::String(_) => ValueKind::String,
        Value::Array(_) | Value::Object(_) => ValueKind::Json,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => serde_json::to_string(other).unwrap(),
    }
}

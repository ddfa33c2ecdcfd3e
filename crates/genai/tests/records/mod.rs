//! Records out of JSON, for tests.
#![expect(clippy::unwrap_used, reason = "test")]

use std::path::PathBuf;

use serde_json::Value;
use watchkeep_genai::{Attribute, Record};
use watchkeep_model::ValueKind;

/// All cases in the files of a name, below the directories of dialects.
#[allow(dead_code, reason = "each test takes what it needs")]
pub(crate) fn cases(name: &str) -> Vec<(String, Value)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut all = Vec::new();
    let mut dirs: Vec<_> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    dirs.sort();
    for path in dirs.into_iter().map(|dir| dir.join(name)) {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let cases: Vec<Value> = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        all.extend(cases.into_iter().map(|case| (path.display().to_string(), case)));
    }
    all
}

type Owners = Vec<(String, ValueKind, String)>;

/// A record that owns what it is made of.
pub(crate) struct Owned {
    name: String,
    scope: String,
    attributes: Owners,
    resource: Owners,
    events: String,
    body: String,
    time_ns: i64,
    duration_ns: i64,
    is_error: bool,
}

/// The text form of a value (see `watchkeep_model::attributes`).
fn text_form(value: &Value) -> (ValueKind, String) {
    match value {
        Value::Null => (ValueKind::Empty, String::new()),
        Value::Bool(value) => (ValueKind::Bool, value.to_string()),
        Value::Number(number) if number.is_f64() => (ValueKind::Double, number.to_string()),
        Value::Number(number) => (ValueKind::Int, number.to_string()),
        Value::String(text) => (ValueKind::String, text.clone()),
        other => (ValueKind::Json, other.to_string()),
    }
}

fn attributes(value: &Value) -> Owners {
    let members = value.as_object().into_iter().flatten();
    let texts = members.map(|(key, value)| {
        let (kind, text) = text_form(value);
        (key.clone(), kind, text)
    });
    texts.collect()
}

fn borrowed(owners: &Owners) -> Vec<Attribute<'_>> {
    owners.iter().map(|(key, kind, text)| Attribute::new(key, *kind, text)).collect()
}

impl Owned {
    pub(crate) fn new(case: &Value) -> Self {
        let text = |member: &str| case[member].as_str().unwrap_or_default().to_owned();
        let events = &case["events"];
        Self {
            name: text("span"),
            scope: text("scope"),
            attributes: attributes(&case["attributes"]),
            resource: attributes(&case["resource"]),
            events: if events.is_array() { events.to_string() } else { String::new() },
            body: text("body"),
            time_ns: case["time_ns"].as_i64().unwrap_or(0),
            duration_ns: case["duration_ns"].as_i64().unwrap_or(1_000_000),
            is_error: case["is_error"].as_bool().unwrap_or(false),
        }
    }

    pub(crate) fn with<T>(&self, read: impl FnOnce(&Record<'_>) -> T) -> T {
        let attributes = borrowed(&self.attributes);
        let resource = borrowed(&self.resource);
        read(&Record {
            name: &self.name,
            scope: &self.scope,
            service: "svc",
            attributes: &attributes,
            resource: &resource,
            events: &self.events,
            body: &self.body,
            time_ns: self.time_ns,
            duration_ns: self.duration_ns,
            is_error: self.is_error,
            status_message: "",
        })
    }
}

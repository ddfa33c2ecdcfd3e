//! Captures of OTLP/JSON, and what has to be found in them.
#![expect(clippy::unwrap_used, reason = "test")]

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use watchkeep_genai::{Attribute, Record};
use watchkeep_model::ValueKind;

/// One capture.
pub(crate) struct Emission {
    /// Instrumentation and scenario.
    pub(crate) name: String,
    pub(crate) spans: Vec<SpanOf>,
    pub(crate) logs: Vec<SpanOf>,
    pub(crate) expected: Value,
}

type Attributes = Vec<(String, ValueKind, String)>;

/// A span, or a log record, which has neither id nor parent of its own.
pub(crate) struct SpanOf {
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) name: String,
    pub(crate) start_ns: i64,
    pub(crate) scope: String,
    service: String,
    end_ns: i64,
    attributes: Attributes,
    resource: Attributes,
    events: String,
    body: String,
    is_error: bool,
    status_message: String,
}

impl SpanOf {
    /// What is read of it.
    pub(crate) fn record<T>(&self, read: impl FnOnce(&Record<'_>) -> T) -> T {
        read(&Record {
            name: &self.name,
            scope: &self.scope,
            service: &self.service,
            attributes: &shown(&self.attributes),
            resource: &shown(&self.resource),
            events: &self.events,
            body: &self.body,
            time_ns: self.start_ns,
            duration_ns: self.end_ns - self.start_ns,
            is_error: self.is_error,
            status_message: &self.status_message,
        })
    }
}

fn shown(owned: &Attributes) -> Vec<Attribute<'_>> {
    owned.iter().map(|(key, kind, text)| Attribute::new(key, *kind, text)).collect()
}

fn string(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_default().to_owned()
}

fn nanos(value: &Value, member: &str) -> i64 {
    value[member].as_str().map_or(0, |digits| digits.parse().unwrap())
}

/// A value of OTLP/JSON as plain JSON.
fn plain(value: &Value) -> Value {
    let Some((kind, held)) = value.as_object().and_then(|object| object.iter().next()) else {
        return Value::Null;
    };
    let items = || held["values"].as_array().into_iter().flatten();
    match kind.as_str() {
        // 64-bit integers are texts, though some SDKs write numbers.
        "intValue" => match held.as_str() {
            Some(digits) => json!(digits.parse::<i64>().unwrap()),
            None => held.clone(),
        },
        "arrayValue" => items().map(plain).collect(),
        "kvlistValue" => {
            Value::Object(items().map(|one| (string(one, "key"), plain(&one["value"]))).collect())
        }
        _ => held.clone(),
    }
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

fn attributes(of: &Value) -> Attributes {
    let all = of["attributes"].as_array().into_iter().flatten();
    let texts = all.map(|one| {
        let (kind, text) = text_form(&plain(&one["value"]));
        (string(one, "key"), kind, text)
    });
    texts.collect()
}

/// The events of a span as the column of events holds them.
fn events(span: &Value) -> String {
    let all: Vec<Value> = span["events"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|event| {
            let members: Map<String, Value> = event["attributes"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|one| (string(one, "key"), plain(&one["value"])))
                .collect();
            json!({
                "time_unix_nano": nanos(event, "timeUnixNano"), "name": event["name"],
                "attributes": members, "dropped_attributes_count": 0,
            })
        })
        .collect();
    if all.is_empty() { String::new() } else { json!(all).to_string() }
}

/// The records of a signal: of `resourceSpans` the spans, of `resourceLogs` the log records.
fn records(captured: &Value, signal: [&str; 3]) -> Vec<SpanOf> {
    let [resources, scopes, items] = signal;
    let mut all = Vec::new();
    for resource in captured[resources].as_array().into_iter().flatten() {
        let of_resource = attributes(&resource["resource"]);
        let service = of_resource.iter().find(|(key, ..)| key == "service.name");
        let service = service.map_or_else(String::new, |(_, _, name)| name.clone());
        for scope in resource[scopes].as_array().into_iter().flatten() {
            for one in scope[items].as_array().into_iter().flatten() {
                let named = if items == "spans" { "name" } else { "eventName" };
                let start = if items == "spans" { "startTimeUnixNano" } else { "timeUnixNano" };
                all.push(SpanOf {
                    id: string(one, "spanId"),
                    parent: string(one, "parentSpanId"),
                    name: string(one, named),
                    start_ns: nanos(one, start),
                    end_ns: nanos(one, "endTimeUnixNano").max(nanos(one, start)),
                    scope: string(&scope["scope"], "name"),
                    service: service.clone(),
                    attributes: attributes(one),
                    resource: of_resource.clone(),
                    events: events(one),
                    body: text_form(&plain(&one["body"])).1,
                    is_error: one["status"]["code"] == 2,
                    status_message: string(&one["status"], "message"),
                });
            }
        }
    }
    all
}

fn read(path: &Path) -> Value {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut all: Vec<_> = listed.map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

/// All captures.
pub(crate) fn emissions() -> Vec<Emission> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/genai");
    let mut all = Vec::new();
    for path in entries(&root).iter().flat_map(|folder| entries(folder)) {
        let file = path.file_name().unwrap().to_str().unwrap();
        let Some(scenario) = file.strip_suffix(".expected.json") else { continue };
        let captured = read(&path.with_file_name(format!("{scenario}.json")));
        let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        all.push(Emission {
            name: format!("{folder}/{scenario}"),
            spans: records(&captured, ["resourceSpans", "scopeSpans", "spans"]),
            logs: records(&captured, ["resourceLogs", "scopeLogs", "logRecords"]),
            expected: read(&path),
        });
    }
    assert!(all.len() > 80, "only {} captures were found", all.len());
    all
}

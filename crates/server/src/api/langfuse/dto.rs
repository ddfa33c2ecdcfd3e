//! Scores in Langfuse's shapes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use watchkeep_engine::agents::facts::{Entry, FeedbackFact};
use watchkeep_engine::feedback::given::Given;
use watchkeep_genai::feedback::scale::Kind;
use watchkeep_model::{Error, Result, SpanId, TenantId, TraceId};

/// Member of our metadata that keeps the id of a score's configuration.
const CONFIG_ID: &str = "langfuse.config_id";

/// A score as it is sent. Members that are not known are left out.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Score {
    id: Option<String>,
    trace_id: Option<String>,
    session_id: Option<String>,
    observation_id: Option<String>,
    dataset_run_id: Option<String>,
    name: Option<String>,
    value: Option<Value>,
    data_type: Option<String>,
    comment: Option<String>,
    metadata: Option<Value>,
    environment: Option<String>,
    config_id: Option<String>,
    source: Option<String>,
    timestamp: Option<String>,
}

/// What a value says.
#[derive(Default)]
struct Meant {
    score: Option<f64>,
    category: String,
    correction: String,
    data_type: &'static str,
}

fn wrong(message: impl Into<String>) -> Error {
    Error::invalid(message.into())
}

/// A value by its type, or by what it is where no type is told.
fn meant(value: &Value, data_type: Option<&str>) -> Result<Meant> {
    let data_type = data_type.unwrap_or(match value {
        Value::Bool(_) => "BOOLEAN",
        Value::String(_) => "CATEGORICAL",
        _ => "NUMERIC",
    });
    let number = || value.as_f64().or_else(|| value.as_bool().map(|is| f64::from(u8::from(is))));
    let text = || value.as_str().map(str::to_owned);
    match data_type {
        "NUMERIC" => {
            let score =
                number().ok_or_else(|| wrong("value must be a number for NUMERIC scores"))?;
            Ok(Meant { score: Some(score), data_type: "NUMERIC", ..Meant::default() })
        }
        "BOOLEAN" => match number() {
            Some(score) if score == 0.0 || score == 1.0 => {
                Ok(Meant { score: Some(score), data_type: "BOOLEAN", ..Meant::default() })
            }
            _ => Err(wrong("value must be 1 or 0 for BOOLEAN scores")),
        },
        "CATEGORICAL" | "TEXT" => {
            let category = text().filter(|text| !text.is_empty());
            let category =
                category.ok_or_else(|| wrong("value must be a text for scores of this type"))?;
            let data_type = if data_type == "TEXT" { "TEXT" } else { "CATEGORICAL" };
            Ok(Meant { category, data_type, ..Meant::default() })
        }
        "CORRECTION" => {
            let correction = text().filter(|text| !text.is_empty());
            let correction =
                correction.ok_or_else(|| wrong("value must be a text for CORRECTION scores"))?;
            Ok(Meant { correction, data_type: "CORRECTION", ..Meant::default() })
        }
        _ => Err(wrong("dataType must be one of NUMERIC, BOOLEAN, CATEGORICAL, TEXT, CORRECTION")),
    }
}

/// A trace's id: hexadecimal, or a UUID; any other text is the application's own id.
pub(super) fn trace_id(text: &str) -> Option<TraceId> {
    let hex: String = text.chars().filter(|c| *c != '-').collect();
    (hex.len() == 32).then(|| TraceId::parse_hex(&hex).ok()).flatten()
}

impl Score {
    /// As the engine takes it. `sent` is the time that its event tells.
    pub(super) fn given(self, sent: Option<&str>) -> Result<Given> {
        if self.dataset_run_id.is_some_and(|id| !id.is_empty()) {
            return Err(wrong("scores of dataset runs are not kept here (datasetRunId)"));
        }
        let name = self.name.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| wrong("name is missing"))?;
        let value = self.value.ok_or_else(|| wrong("value is missing"))?;
        let Meant { score, category, correction, data_type } =
            meant(&value, self.data_type.as_deref())?;
        let time = self.timestamp.as_deref().or(sent);
        let time_ns = time.map(instant).transpose()?;
        let trace = self.trace_id.unwrap_or_default();
        let observation = self.observation_id.unwrap_or_default();
        let known_trace = trace_id(&trace);
        let known_span = SpanId::parse_hex(&observation).ok().filter(|_| observation.len() == 16);
        let interaction = match (known_trace, known_span) {
            (None, _) if !trace.is_empty() => trace,
            (_, None) => observation,
            _ => String::new(),
        };
        let mut metadata = match self.metadata {
            None | Some(Value::Null) => BTreeMap::new(),
            Some(Value::Object(members)) => members.into_iter().collect(),
            Some(other) => BTreeMap::from([("value".to_owned(), other)]),
        };
        if let Some(id) = self.config_id {
            metadata.insert(CONFIG_ID.to_owned(), Value::from(id));
        }
        Ok(Given {
            id: self.id.unwrap_or_default(),
            time_ns,
            trace_id: known_trace.unwrap_or_default(),
            span_id: known_span.unwrap_or_default(),
            session: self.session_id.unwrap_or_default(),
            interaction,
            environment: self.environment.unwrap_or_default(),
            name,
            score,
            category,
            correction,
            comment: self.comment.unwrap_or_default(),
            source: if self.source.as_deref() == Some("EVAL") { "llm" } else { "human" }.to_owned(),
            origin: "langfuse",
            data_type: data_type.to_owned(),
            metadata,
            ..Given::default()
        })
    }
}

/// An instant in RFC 3339.
pub(super) fn instant(text: &str) -> Result<i64> {
    text.parse::<Timestamp>()
        .ok()
        .and_then(|at| i64::try_from(at.as_nanosecond()).ok())
        .ok_or_else(|| wrong("a timestamp must be in RFC 3339"))
}

fn shown(time_ns: i64) -> String {
    Timestamp::from_nanosecond(i128::from(time_ns))
        .map_or_else(|_| time_ns.to_string(), |at| format!("{at:.3}"))
}

/// The type of a score, as it was sent or else as its kind suggests.
fn data_type(fact: &FeedbackFact) -> &str {
    if !fact.data_type.is_empty() {
        return &fact.data_type;
    }
    match Kind::of_name(&fact.kind) {
        Some(Kind::Thumbs) => "BOOLEAN",
        Some(Kind::Category) => "CATEGORICAL",
        Some(Kind::Comment) => "TEXT",
        Some(Kind::Correction) => "CORRECTION",
        _ => "NUMERIC",
    }
}

fn text_of<'a>(fact: &'a FeedbackFact, data_type: &str) -> &'a str {
    match data_type {
        "CORRECTION" => &fact.correction,
        _ if fact.label.is_empty() => &fact.comment,
        _ => &fact.label,
    }
}

fn or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { Value::from(text) }
}

fn metadata(fact: &FeedbackFact) -> (Value, Value) {
    let mut members: Map<String, Value> = fact.metadata.clone().into_iter().collect();
    let config_id = members.remove(CONFIG_ID).unwrap_or(Value::Null);
    (Value::Object(members), config_id)
}

/// The trace that a score is about, or the application's own id that stands for it.
fn subject_trace(entry: &Entry<FeedbackFact>) -> Value {
    if entry.trace_id == TraceId::default() {
        or_null(&entry.fact.interaction)
    } else {
        Value::from(entry.trace_id.to_string())
    }
}

fn subject_span(entry: &Entry<FeedbackFact>) -> Value {
    if entry.span_id == SpanId::default() {
        Value::Null
    } else {
        Value::from(entry.span_id.to_string())
    }
}

fn core(entry: &Entry<FeedbackFact>, tenant: &TenantId) -> Map<String, Value> {
    let fact = &entry.fact;
    let environment = if fact.environment.is_empty() { "default" } else { &fact.environment };
    let members = [
        ("id", Value::from(&*fact.id)),
        ("projectId", Value::from(tenant.to_string())),
        ("name", Value::from(&*fact.name)),
        ("source", Value::from(if fact.source == "llm" { "EVAL" } else { "API" })),
        ("timestamp", Value::from(shown(entry.time_ns))),
        ("createdAt", Value::from(shown(entry.time_ns))),
        ("updatedAt", Value::from(shown(entry.written_ns))),
        ("environment", Value::from(environment)),
        ("dataType", Value::from(data_type(fact))),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A score as the first and the second version of the API have it.
pub(super) fn second_form(entry: &Entry<FeedbackFact>, tenant: &TenantId) -> Value {
    let fact = &entry.fact;
    let mut score = core(entry, tenant);
    let data_type = data_type(fact);
    let string_value = match data_type {
        "NUMERIC" => None,
        "BOOLEAN" => Some(if fact.score == Some(1.0) { "True" } else { "False" }),
        _ => Some(text_of(fact, data_type)),
    };
    if let Some(text) = string_value {
        score.insert("stringValue".into(), Value::from(text));
    }
    let (metadata, config_id) = metadata(fact);
    let more = [
        ("value", Value::from(fact.score.unwrap_or_default())),
        ("traceId", subject_trace(entry)),
        ("observationId", subject_span(entry)),
        ("sessionId", or_null(&fact.session)),
        ("comment", or_null(&fact.comment)),
        ("metadata", metadata),
        ("configId", config_id),
        ("authorUserId", Value::Null),
        ("queueId", Value::Null),
        ("trace", json!({"userId": or_null(&fact.user), "tags": []})),
    ];
    score.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Value::Object(score)
}

/// Groups of members that the third version of the API adds when asked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Groups {
    pub(super) details: bool,
    pub(super) subject: bool,
    pub(super) annotation: bool,
}

/// A score as the third version of the API has it.
pub(super) fn third_form(entry: &Entry<FeedbackFact>, tenant: &TenantId, groups: Groups) -> Value {
    let fact = &entry.fact;
    let mut score = core(entry, tenant);
    let data_type = data_type(fact);
    let value = match data_type {
        "NUMERIC" => Value::from(fact.score.unwrap_or_default()),
        "BOOLEAN" => Value::from(fact.score == Some(1.0)),
        _ => Value::from(text_of(fact, data_type)),
    };
    score.insert("value".into(), value);
    if groups.details {
        let (metadata, config_id) = metadata(fact);
        score.insert("comment".into(), or_null(&fact.comment));
        score.insert("metadata".into(), metadata);
        score.insert("configId".into(), config_id);
    }
    if groups.subject {
        score.insert("subject".into(), subject(entry));
    }
    if groups.annotation {
        score.insert("authorUserId".into(), Value::Null);
        score.insert("queueId".into(), Value::Null);
    }
    Value::Object(score)
}

fn subject(entry: &Entry<FeedbackFact>) -> Value {
    let (trace, span) = (subject_trace(entry), subject_span(entry));
    if !span.is_null() {
        json!({"kind": "observation", "id": span, "traceId": trace})
    } else if !trace.is_null() {
        json!({"kind": "trace", "id": trace})
    } else if !entry.fact.session.is_empty() {
        json!({"kind": "session", "id": entry.fact.session})
    } else {
        Value::Null
    }
}

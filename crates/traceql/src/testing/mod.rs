//! For tests: traces in a text form that people read, and a store that holds them in memory.
//!
//! ```text
//! trace t1
//! root: service=shop name="GET /" kind=server status=error message="late" start=5ms duration=10ms
//!   child: span.rows=3 span.tags=["a","b"] resource.zone="x" scope=lib version="1.2"
//!     ! exception at=1ms type="IOError"
//!     @ t2/root reason="retry"
//! lost: parent=gone
//! ```
//!
//! Indentation tells the parent; `parent=` names a span that may be missing. A line with `!` is an
//! event of the span above, one with `@` a link. What is left out: the service is `s`, the name the
//! label, start 0, duration 1 ms, kind and status not set.

mod source;
mod text;

pub(crate) use source::{Memory, span_verdict};
pub(crate) use text::traces;

use watchkeep_model::attributes::Value;
use watchkeep_model::{SpanField, SpanId, SpanScope, TraceId};

/// When the traces of the text form begin: `start=0`.
pub(crate) const EPOCH_NS: i64 = 1_700_000_000_000_000_000;

/// A span of a test.
#[derive(Debug, Clone)]
pub(crate) struct TestSpan {
    pub(crate) trace: TraceId,
    pub(crate) trace_label: String,
    pub(crate) label: String,
    pub(crate) id: SpanId,
    pub(crate) parent: Option<SpanId>,
    pub(crate) start_ns: i64,
    pub(crate) duration_ns: i64,
    pub(crate) name: String,
    pub(crate) kind: i64,
    pub(crate) status: i64,
    pub(crate) message: String,
    pub(crate) scope_name: String,
    pub(crate) scope_version: String,
    pub(crate) span: Vec<(String, Value)>,
    pub(crate) resource: Vec<(String, Value)>,
    pub(crate) scope: Vec<(String, Value)>,
    pub(crate) events: Vec<TestEvent>,
    pub(crate) links: Vec<TestLink>,
}

/// An event of a test.
#[derive(Debug, Clone)]
pub(crate) struct TestEvent {
    pub(crate) name: String,
    pub(crate) at_ns: i64,
    pub(crate) attributes: Vec<(String, Value)>,
}

/// A link of a test.
#[derive(Debug, Clone)]
pub(crate) struct TestLink {
    pub(crate) trace: TraceId,
    pub(crate) span: SpanId,
    pub(crate) attributes: Vec<(String, Value)>,
}

/// The id that a label of a trace stands for.
pub(crate) fn trace_id(label: &str) -> TraceId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&hash(label).to_be_bytes());
    id[8..].copy_from_slice(&hash(&format!("{label}/")).to_be_bytes());
    TraceId(id)
}

/// The id that a label of a span stands for.
pub(crate) fn span_id(trace: &str, label: &str) -> SpanId {
    SpanId(hash(&format!("{trace}/{label}")).to_be_bytes())
}

/// FNV-1a, because labels are short and ids have to stay the same.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn find<'a>(attributes: &'a [(String, Value)], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|(known, _)| known == key).map(|(_, value)| value)
}

fn text(value: &str) -> Value {
    if value.is_empty() { Value::Empty } else { Value::String(value.to_owned()) }
}

impl TestSpan {
    /// The service of the span.
    pub(crate) fn service(&self) -> String {
        match find(&self.resource, "service.name") {
            Some(Value::String(name)) => name.clone(),
            _ => "unknown_service".to_owned(),
        }
    }

    /// What the span has of a field that it takes no other span to know; one for each event or
    /// link where it is of these. [`Value::Empty`] is absent.
    pub(crate) fn values(&self, field: &SpanField) -> Vec<Value> {
        let one = |value: Option<&Value>| vec![value.cloned().unwrap_or(Value::Empty)];
        match field {
            SpanField::Attribute(SpanScope::Any, key) => {
                one(find(&self.span, key).or_else(|| find(&self.resource, key)))
            }
            SpanField::Attribute(SpanScope::Span, key) => one(find(&self.span, key)),
            SpanField::Attribute(SpanScope::Resource, key) => one(find(&self.resource, key)),
            SpanField::Attribute(SpanScope::Instrumentation, key) => one(find(&self.scope, key)),
            SpanField::Attribute(SpanScope::Event, key) => {
                self.events.iter().flat_map(|event| one(find(&event.attributes, key))).collect()
            }
            SpanField::Attribute(SpanScope::Link, key) => {
                self.links.iter().flat_map(|link| one(find(&link.attributes, key))).collect()
            }
            SpanField::TraceId => vec![text(&self.trace.to_string())],
            SpanField::SpanId => vec![text(&self.id.to_string())],
            SpanField::ParentSpanId => {
                vec![self.parent.map_or(Value::Empty, |id| text(&id.to_string()))]
            }
            SpanField::Start => vec![Value::Int(self.start_ns)],
            SpanField::Duration => vec![Value::Int(self.duration_ns)],
            SpanField::Name => vec![Value::String(self.name.clone())],
            SpanField::Kind => vec![Value::Int(self.kind)],
            SpanField::StatusCode => vec![Value::Int(self.status)],
            SpanField::StatusMessage => vec![text(&self.message)],
            SpanField::Service => vec![Value::String(self.service())],
            SpanField::ScopeName => vec![text(&self.scope_name)],
            SpanField::ScopeVersion => vec![text(&self.scope_version)],
            SpanField::EventName => {
                self.events.iter().map(|event| Value::String(event.name.clone())).collect()
            }
            SpanField::EventTimeSinceStart => {
                self.events.iter().map(|event| Value::Int(event.at_ns)).collect()
            }
            SpanField::LinkTraceId => {
                self.links.iter().map(|link| text(&link.trace.to_string())).collect()
            }
            SpanField::LinkSpanId => {
                self.links.iter().map(|link| text(&link.span.to_string())).collect()
            }
            SpanField::ParentRow | SpanField::RootName | SpanField::RootService => {
                vec![Value::Empty]
            }
        }
    }
}

//! What was found, as Tempo's messages.

use watchkeep_engine::traces::TagValue as FoundTag;
use watchkeep_model::Value;
use watchkeep_traceql::eval::search::{FoundSet, FoundSpan, FoundTrace, SearchStats};

use super::message::{
    AnyValue, ArrayValue, KeyValue, KeyValueList, MetadataMetrics, SearchMetrics, ServiceStats,
    Span, SpanSet, TagValue, TraceSearchMetadata,
};

/// Stands for the service of a root that has not been sent.
const NO_ROOT: &str = "<root span not yet received>";

/// A trace that was found; of what was searched for with tags no spans are told.
pub(super) fn trace(found: FoundTrace, with_sets: bool) -> TraceSearchMetadata {
    let span_sets: Vec<SpanSet> =
        if with_sets { found.sets.into_iter().map(span_set).collect() } else { Vec::new() };
    let root_service =
        if found.root_service.is_empty() { NO_ROOT.to_owned() } else { found.root_service };
    let stats = found
        .services
        .into_iter()
        .map(|one| (one.service, ServiceStats { span_count: one.spans, error_count: one.errors }));
    TraceSearchMetadata {
        trace_id: found.id.to_string(),
        root_service_name: root_service,
        root_trace_name: found.root_name,
        start_time_unix_nano: found.start_ns.max(0).unsigned_abs(),
        duration_ms: u32::try_from(found.duration_ns.max(0) / 1_000_000).unwrap_or(u32::MAX),
        span_set: span_sets.first().cloned(),
        span_sets,
        service_stats: stats.collect(),
    }
}

fn span_set(set: FoundSet) -> SpanSet {
    SpanSet {
        spans: set.spans.into_iter().map(span).collect(),
        matched: set.matched,
        attributes: key_values(set.attributes),
    }
}

fn span(span: FoundSpan) -> Span {
    Span {
        span_id: span.id.to_string(),
        name: span.name.unwrap_or_default(),
        start_time_unix_nano: span.start_ns.max(0).unsigned_abs(),
        duration_nanos: span.duration_ns.max(0).unsigned_abs(),
        attributes: key_values(span.attributes),
    }
}

/// Names and values in order.
pub(super) fn key_values(pairs: Vec<(String, Value)>) -> Vec<KeyValue> {
    pairs.into_iter().map(|(key, value)| KeyValue { key, value: Some(any_value(value)) }).collect()
}

/// Values nest no deeper than decoders let them.
fn any_value(value: Value) -> AnyValue {
    let mut any = AnyValue::default();
    match value {
        Value::Empty => {}
        Value::String(text) => any.string_value = Some(text),
        Value::Bool(value) => any.bool_value = Some(value),
        Value::Int(value) => any.int_value = Some(value),
        Value::Double(value) => any.double_value = Some(value),
        Value::Bytes(bytes) => any.bytes_value = Some(bytes),
        Value::Array(items) => {
            let values = items.into_iter().map(any_value).collect();
            any.array_value = Some(ArrayValue { values });
        }
        Value::Map(entries) => {
            any.kvlist_value = Some(KeyValueList { values: key_values(entries) });
        }
    }
    any
}

/// A value of a name.
pub(super) fn tag_value(found: FoundTag) -> TagValue {
    TagValue { kind: found.kind.to_owned(), value: found.text }
}

/// A search is one job here, and done when it is told that it is.
pub(super) fn search_metrics(stats: Option<SearchStats>) -> SearchMetrics {
    let done = stats.unwrap_or_default();
    SearchMetrics {
        inspected_traces: u32::try_from(done.traces).unwrap_or(u32::MAX),
        completed_jobs: u32::from(stats.is_some()),
        total_jobs: 1,
        inspected_spans: done.spans,
    }
}

/// The same of a list of names or values.
pub(super) fn metadata_metrics() -> MetadataMetrics {
    MetadataMetrics { total_jobs: 1, completed_jobs: 1 }
}

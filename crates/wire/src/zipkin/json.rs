//! The second form as JSON (`zipkin2-api.yaml`, `ListOfSpans`).

use serde::Deserialize;
use serde::de::IgnoredAny;
use watchkeep_model::limits::DecodeLimits;
use watchkeep_model::{Result, SpanColumns};

use super::WHAT;
use super::span::Span;
use super::text::{Bounded, EndpointJson, Micros, Pairs, Text, bytes, list, other_form};
use crate::decoded::Decoded;
use crate::otlp::common::AnyValue;
use crate::spans::{SpanRows, kind_of};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpanJson<'a> {
    #[serde(borrow, default)]
    trace_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    parent_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(default)]
    timestamp: Option<Micros>,
    #[serde(default)]
    duration: Option<Micros>,
    #[serde(borrow, default)]
    local_endpoint: Option<EndpointJson<'a>>,
    #[serde(borrow, default)]
    remote_endpoint: Option<EndpointJson<'a>>,
    #[serde(borrow, default)]
    annotations: Option<Bounded<AnnotationJson<'a>>>,
    #[serde(borrow, default)]
    tags: Option<Pairs<'a>>,
    #[serde(default)]
    debug: Option<bool>,
    #[serde(default)]
    shared: Option<bool>,
    /// Only the first form has these.
    #[serde(default)]
    binary_annotations: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct AnnotationJson<'a> {
    #[serde(default)]
    timestamp: Option<Micros>,
    #[serde(borrow, default)]
    value: Option<Text<'a>>,
}

/// Decodes a list of spans; one without a time of its own began at `arrival_ns`.
pub fn decode(body: &[u8], limits: &DecodeLimits, arrival_ns: i64) -> Result<Decoded<SpanColumns>> {
    let mut rows = SpanRows::new(limits);
    let each = |json: SpanJson<'_>| {
        if json.binary_annotations.is_some() {
            return Err(other_form("JSON_V2", "JSON_V1"));
        }
        span(&json, &rows).push(&mut rows, arrival_ns)
    };
    list(body, "JSON_V2", each).map_err(|fault| fault.into_error(WHAT))?;
    Ok(rows.finish())
}

fn span<'t>(json: &'t SpanJson<'_>, rows: &SpanRows) -> Span<'t> {
    let endpoint = |json: &'t Option<EndpointJson<'_>>| {
        json.as_ref().map(EndpointJson::endpoint).unwrap_or_default()
    };
    let mut span = Span {
        trace_id: json.trace_id.as_ref().map(Text::trace_id).unwrap_or_default(),
        id: json.id.as_ref().map(Text::span_id).unwrap_or_default(),
        parent_id: json.parent_id.as_ref().map(Text::span_id).unwrap_or_default(),
        kind: kind_of(bytes(json.kind.as_ref())).unwrap_or_default(),
        name: bytes(json.name.as_ref()),
        timestamp: json.timestamp.unwrap_or_default().0,
        duration: json.duration.unwrap_or_default().0,
        local: endpoint(&json.local_endpoint),
        remote: endpoint(&json.remote_endpoint),
        debug: json.debug.unwrap_or_default(),
        shared: json.shared.unwrap_or_default(),
        ..Span::default()
    };
    if let Some(annotations) = &json.annotations {
        for annotation in &annotations.items {
            let time = annotation.timestamp.unwrap_or_default().0;
            span.annotate(time, bytes(annotation.value.as_ref()), rows);
        }
        span.annotations_over += annotations.over;
    }
    if let Some(Pairs(tags)) = &json.tags {
        for (key, value) in &tags.items {
            span.tag(key.bytes(), AnyValue::String(value.bytes()), rows);
        }
        span.tags_over += tags.over;
    }
    span
}

//! The first form as JSON (`zipkin-api.yaml`, `ListOfSpans`).

use serde::Deserialize;
use serde::de::IgnoredAny;
use watchkeep_model::limits::DecodeLimits;
use watchkeep_model::{Result, SpanColumns};

use super::WHAT;
use super::text::{Bounded, EndpointJson, Micros, Text, bytes, list, other_form};
use super::v1::{Annotation, BinaryAnnotation, SpanV1};
use crate::decoded::Decoded;
use crate::otlp::common::AnyValue;
use crate::spans::SpanRows;

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
    name: Option<Text<'a>>,
    #[serde(default)]
    timestamp: Option<Micros>,
    #[serde(default)]
    duration: Option<Micros>,
    #[serde(default)]
    debug: Option<bool>,
    #[serde(borrow, default)]
    annotations: Option<Bounded<AnnotationJson<'a>>>,
    #[serde(borrow, default)]
    binary_annotations: Option<Bounded<BinaryAnnotationJson<'a>>>,
    /// Only the second form has these.
    #[serde(default)]
    local_endpoint: Option<IgnoredAny>,
    #[serde(default)]
    tags: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct AnnotationJson<'a> {
    #[serde(default)]
    timestamp: Option<Micros>,
    #[serde(borrow, default)]
    value: Option<Text<'a>>,
    #[serde(borrow, default)]
    endpoint: Option<EndpointJson<'a>>,
}

#[derive(Debug, Deserialize)]
struct BinaryAnnotationJson<'a> {
    #[serde(borrow, default)]
    key: Option<Text<'a>>,
    #[serde(borrow, default)]
    value: Option<Scalar<'a>>,
    /// The name of an `AnnotationType`, for a number that is written as text.
    #[serde(borrow, default, rename = "type")]
    value_type: Option<Text<'a>>,
    #[serde(borrow, default)]
    endpoint: Option<EndpointJson<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Scalar<'a> {
    Bool(bool),
    Int(i64),
    Double(f64),
    #[serde(borrow)]
    Text(Text<'a>),
}

/// Decodes a list of spans; one without a time of its own began at `arrival_ns`.
pub fn decode(body: &[u8], limits: &DecodeLimits, arrival_ns: i64) -> Result<Decoded<SpanColumns>> {
    let mut rows = SpanRows::new(limits);
    let each = |json: SpanJson<'_>| {
        if json.local_endpoint.is_some() || json.tags.is_some() {
            return Err(other_form("JSON_V1", "JSON_V2"));
        }
        span(&json, &rows).push(&mut rows, arrival_ns)
    };
    list(body, "JSON_V1", each).map_err(|fault| fault.into_error(WHAT))?;
    Ok(rows.finish())
}

fn span<'t>(json: &'t SpanJson<'_>, rows: &SpanRows) -> SpanV1<'t> {
    let mut span = SpanV1 {
        trace_id: json.trace_id.as_ref().map(Text::trace_id).unwrap_or_default(),
        id: json.id.as_ref().map(Text::span_id).unwrap_or_default(),
        parent_id: json.parent_id.as_ref().map(Text::span_id).unwrap_or_default(),
        name: bytes(json.name.as_ref()),
        timestamp: json.timestamp.unwrap_or_default().0,
        duration: json.duration.unwrap_or_default().0,
        debug: json.debug.unwrap_or_default(),
        annotations_over: json.annotations.as_ref().map_or(0, |list| list.over),
        binary_annotations_over: json.binary_annotations.as_ref().map_or(0, |list| list.over),
        ..SpanV1::default()
    };
    for annotation in json.annotations.iter().flat_map(|list| &list.items) {
        let annotation = Annotation {
            time: annotation.timestamp.unwrap_or_default().0,
            value: bytes(annotation.value.as_ref()),
            endpoint: annotation.endpoint.as_ref().map(EndpointJson::endpoint),
        };
        span.annotate(annotation, rows);
    }
    for tag in json.binary_annotations.iter().flat_map(|list| &list.items) {
        let tag = BinaryAnnotation {
            key: bytes(tag.key.as_ref()),
            value: typed(bytes(tag.value_type.as_ref()), tag.value.as_ref()),
            endpoint: tag.endpoint.as_ref().map(EndpointJson::endpoint),
        };
        span.tag(tag, rows);
    }
    span
}

fn typed<'t>(value_type: &[u8], value: Option<&'t Scalar<'_>>) -> AnyValue<'t> {
    let Some(value) = value else { return AnyValue::String(b"") };
    let text = match value {
        Scalar::Bool(value) => return AnyValue::Bool(*value),
        Scalar::Int(value) if value_type == b"DOUBLE" => return AnyValue::Double(*value as f64),
        Scalar::Int(value) => return AnyValue::Int(*value),
        Scalar::Double(value) => return AnyValue::Double(*value),
        Scalar::Text(text) => text.bytes(),
    };
    let parsed = std::str::from_utf8(text).ok().and_then(|text| match value_type {
        b"I16" | b"I32" | b"I64" => text.parse().ok().map(AnyValue::Int),
        b"DOUBLE" => text.parse().ok().map(AnyValue::Double),
        _ => None,
    });
    parsed.unwrap_or(AnyValue::String(text))
}

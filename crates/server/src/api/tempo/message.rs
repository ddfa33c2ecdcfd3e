//! Messages of Tempo's API (field numbers of `tempopb`, Tempo 3.0): protobuf over gRPC and HTTP, and
//! JSON as protobuf has it (names in lowerCamelCase, 64-bit integers as text, nothing that is zero).

use std::collections::BTreeMap;

use prost::Message;
use serde::{Serialize, Serializer};

/// Whether a field is left out of JSON.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A 64-bit integer as text.
fn text<T: std::fmt::Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

#[expect(clippy::ref_option, reason = "serde hands a reference")]
fn optional_text<T: std::fmt::Display, S: Serializer>(
    value: &Option<T>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.collect_str(value),
        None => to.serialize_none(),
    }
}

/// A double; what JSON can not say is text.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn number<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
    match *value {
        value if value.is_nan() => to.serialize_str("NaN"),
        f64::INFINITY => to.serialize_str("Infinity"),
        f64::NEG_INFINITY => to.serialize_str("-Infinity"),
        value => to.serialize_f64(value),
    }
}

#[expect(clippy::ref_option, reason = "serde hands a reference")]
fn optional_number<S: Serializer>(value: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => number(value, to),
        None => to.serialize_none(),
    }
}

#[expect(clippy::ref_option, reason = "serde hands a reference")]
fn base64<S: Serializer>(value: &Option<Vec<u8>>, to: S) -> Result<S::Ok, S::Error> {
    use base64::Engine as _;
    let bytes = value.as_deref().unwrap_or_default();
    to.serialize_str(&base64::engine::general_purpose::STANDARD.encode(bytes))
}

/// `PARTIAL` by its name.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn status_name<S: Serializer>(value: &i32, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(if *value == PARTIAL { "PARTIAL" } else { "COMPLETE" })
}

/// `PartialStatus` of an answer of which something is missing.
pub(super) const PARTIAL: i32 = 1;

/// `tempopb.SearchRequest`
#[derive(Clone, PartialEq, Message)]
pub(super) struct SearchRequest {
    #[prost(btree_map = "string, string", tag = "1")]
    pub(super) tags: BTreeMap<String, String>,
    #[prost(uint32, tag = "2")]
    pub(super) min_duration_ms: u32,
    #[prost(uint32, tag = "3")]
    pub(super) max_duration_ms: u32,
    #[prost(uint32, tag = "4")]
    pub(super) limit: u32,
    #[prost(uint32, tag = "5")]
    pub(super) start: u32,
    #[prost(uint32, tag = "6")]
    pub(super) end: u32,
    #[prost(string, tag = "8")]
    pub(super) query: String,
    #[prost(uint32, tag = "9")]
    pub(super) spans_per_span_set: u32,
}

/// `tempopb.SearchResponse`
#[derive(Clone, PartialEq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SearchResponse {
    #[prost(message, repeated, tag = "1")]
    pub(super) traces: Vec<TraceSearchMetadata>,
    #[prost(message, optional, tag = "2")]
    pub(super) metrics: Option<SearchMetrics>,
}

/// `tempopb.TraceSearchMetadata`
#[derive(Clone, PartialEq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TraceSearchMetadata {
    #[prost(string, tag = "1")]
    #[serde(rename = "traceID")]
    pub(super) trace_id: String,
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) root_service_name: String,
    #[prost(string, tag = "3")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) root_trace_name: String,
    #[prost(uint64, tag = "4")]
    #[serde(serialize_with = "text")]
    pub(super) start_time_unix_nano: u64,
    #[prost(uint32, tag = "5")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) duration_ms: u32,
    /// The first of the sets, for older clients.
    #[prost(message, optional, tag = "6")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) span_set: Option<SpanSet>,
    #[prost(message, repeated, tag = "7")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) span_sets: Vec<SpanSet>,
    #[prost(btree_map = "string, message", tag = "8")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) service_stats: BTreeMap<String, ServiceStats>,
}

/// `tempopb.ServiceStats`
#[derive(Clone, Copy, PartialEq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServiceStats {
    #[prost(uint32, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) span_count: u32,
    #[prost(uint32, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) error_count: u32,
}

/// `tempopb.SpanSet`
#[derive(Clone, PartialEq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpanSet {
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) spans: Vec<Span>,
    #[prost(uint32, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) matched: u32,
    #[prost(message, repeated, tag = "3")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) attributes: Vec<KeyValue>,
}

/// `tempopb.Span`
#[derive(Clone, PartialEq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the name is the API's")]
pub(super) struct Span {
    #[prost(string, tag = "1")]
    #[serde(rename = "spanID")]
    pub(super) span_id: String,
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) name: String,
    #[prost(uint64, tag = "3")]
    #[serde(serialize_with = "text")]
    pub(super) start_time_unix_nano: u64,
    #[prost(uint64, tag = "4")]
    #[serde(serialize_with = "text", skip_serializing_if = "is_default")]
    pub(super) duration_nanos: u64,
    #[prost(message, repeated, tag = "5")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) attributes: Vec<KeyValue>,
}

/// `tempopb.SearchMetrics`, as far as there is something to say.
#[derive(Clone, Copy, PartialEq, Eq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SearchMetrics {
    #[prost(uint32, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) inspected_traces: u32,
    #[prost(uint32, tag = "4")]
    pub(super) completed_jobs: u32,
    #[prost(uint32, tag = "5")]
    pub(super) total_jobs: u32,
    #[prost(uint64, tag = "7")]
    #[serde(serialize_with = "text", skip_serializing_if = "is_default")]
    pub(super) inspected_spans: u64,
}

/// `tempopb.SearchTagsRequest`
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct SearchTagsRequest {
    #[prost(string, tag = "1")]
    pub(super) scope: String,
    #[prost(string, tag = "2")]
    pub(super) query: String,
    #[prost(uint32, tag = "3")]
    pub(super) start: u32,
    #[prost(uint32, tag = "4")]
    pub(super) end: u32,
    #[prost(uint32, tag = "5")]
    pub(super) max_tags_per_scope: u32,
}

/// `tempopb.SearchTagsResponse`
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SearchTagsResponse {
    #[prost(string, repeated, tag = "1")]
    pub(super) tag_names: Vec<String>,
    #[prost(message, optional, tag = "2")]
    pub(super) metrics: Option<MetadataMetrics>,
}

/// `tempopb.SearchTagsV2Response`
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SearchTagsV2Response {
    #[prost(message, repeated, tag = "1")]
    pub(super) scopes: Vec<SearchTagsV2Scope>,
    #[prost(message, optional, tag = "2")]
    pub(super) metrics: Option<MetadataMetrics>,
}

/// `tempopb.SearchTagsV2Scope`
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SearchTagsV2Scope {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, repeated, tag = "2")]
    pub(super) tags: Vec<String>,
}

/// `tempopb.SearchTagValuesRequest`
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct SearchTagValuesRequest {
    #[prost(string, tag = "1")]
    pub(super) tag_name: String,
    #[prost(string, tag = "2")]
    pub(super) query: String,
    #[prost(uint32, tag = "4")]
    pub(super) start: u32,
    #[prost(uint32, tag = "5")]
    pub(super) end: u32,
    #[prost(uint32, tag = "6")]
    pub(super) max_tag_values: u32,
}

/// `tempopb.SearchTagValuesResponse`
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SearchTagValuesResponse {
    #[prost(string, repeated, tag = "1")]
    pub(super) tag_values: Vec<String>,
    #[prost(message, optional, tag = "2")]
    pub(super) metrics: Option<MetadataMetrics>,
}

/// `tempopb.SearchTagValuesV2Response`
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SearchTagValuesV2Response {
    #[prost(message, repeated, tag = "1")]
    pub(super) tag_values: Vec<TagValue>,
    #[prost(message, optional, tag = "2")]
    pub(super) metrics: Option<MetadataMetrics>,
}

/// `tempopb.TagValue`
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub(super) struct TagValue {
    #[prost(string, tag = "1")]
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) value: String,
}

/// `tempopb.MetadataMetrics`, as far as there is something to say.
#[derive(Clone, Copy, PartialEq, Eq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MetadataMetrics {
    #[prost(uint32, tag = "2")]
    pub(super) total_jobs: u32,
    #[prost(uint32, tag = "3")]
    pub(super) completed_jobs: u32,
}

/// `tempopb.QueryRangeRequest`; times in nanoseconds.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct QueryRangeRequest {
    #[prost(string, tag = "1")]
    pub(super) query: String,
    #[prost(uint64, tag = "2")]
    pub(super) start: u64,
    #[prost(uint64, tag = "3")]
    pub(super) end: u64,
    #[prost(uint64, tag = "4")]
    pub(super) step: u64,
    #[prost(uint32, tag = "16")]
    pub(super) exemplars: u32,
    #[prost(uint32, tag = "17")]
    pub(super) max_series: u32,
    #[prost(bool, optional, tag = "18")]
    pub(super) instant: Option<bool>,
}

/// `tempopb.QueryRangeResponse`
#[derive(Clone, PartialEq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QueryRangeResponse {
    #[prost(message, repeated, tag = "1")]
    pub(super) series: Vec<TimeSeries>,
    #[prost(message, optional, tag = "2")]
    pub(super) metrics: Option<SearchMetrics>,
    #[prost(int32, tag = "3")]
    #[serde(serialize_with = "status_name", skip_serializing_if = "is_default")]
    pub(super) status: i32,
    #[prost(string, tag = "4")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) message: String,
}

/// `tempopb.TimeSeries`
#[derive(Clone, PartialEq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) labels: Vec<KeyValue>,
    #[prost(message, repeated, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) samples: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) exemplars: Vec<Exemplar>,
}

/// `tempopb.Sample`
#[derive(Clone, Copy, PartialEq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sample {
    #[prost(int64, tag = "2")]
    #[serde(serialize_with = "text")]
    pub(super) timestamp_ms: i64,
    #[prost(double, tag = "1")]
    #[serde(serialize_with = "number", skip_serializing_if = "is_default")]
    pub(super) value: f64,
}

/// `tempopb.Exemplar`
#[derive(Clone, PartialEq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Exemplar {
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) labels: Vec<KeyValue>,
    #[prost(double, tag = "2")]
    #[serde(serialize_with = "number", skip_serializing_if = "is_default")]
    pub(super) value: f64,
    #[prost(int64, tag = "3")]
    #[serde(serialize_with = "text")]
    pub(super) timestamp_ms: i64,
}

/// `tempopb.QueryInstantRequest`; times in nanoseconds.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct QueryInstantRequest {
    #[prost(string, tag = "1")]
    pub(super) query: String,
    #[prost(uint64, tag = "2")]
    pub(super) start: u64,
    #[prost(uint64, tag = "3")]
    pub(super) end: u64,
}

/// `tempopb.QueryInstantResponse`
#[derive(Clone, PartialEq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QueryInstantResponse {
    #[prost(message, repeated, tag = "1")]
    pub(super) series: Vec<InstantSeries>,
    #[prost(message, optional, tag = "2")]
    pub(super) metrics: Option<SearchMetrics>,
    #[prost(int32, tag = "3")]
    #[serde(serialize_with = "status_name", skip_serializing_if = "is_default")]
    pub(super) status: i32,
    #[prost(string, tag = "4")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) message: String,
}

/// `tempopb.InstantSeries`
#[derive(Clone, PartialEq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InstantSeries {
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) labels: Vec<KeyValue>,
    #[prost(double, tag = "2")]
    #[serde(serialize_with = "number", skip_serializing_if = "is_default")]
    pub(super) value: f64,
}

/// OTLP's `common.v1.KeyValue`
#[derive(Clone, PartialEq, Message, Serialize)]
pub(super) struct KeyValue {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) value: Option<AnyValue>,
}

/// OTLP's `common.v1.AnyValue`. One of the fields is set at most; on the wire a `oneof` is no more
/// than that.
#[derive(Clone, PartialEq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are OTLP's")]
pub(super) struct AnyValue {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) string_value: Option<String>,
    #[prost(bool, optional, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) bool_value: Option<bool>,
    #[prost(int64, optional, tag = "3")]
    #[serde(serialize_with = "optional_text", skip_serializing_if = "is_default")]
    pub(super) int_value: Option<i64>,
    #[prost(double, optional, tag = "4")]
    #[serde(serialize_with = "optional_number", skip_serializing_if = "is_default")]
    pub(super) double_value: Option<f64>,
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) array_value: Option<ArrayValue>,
    #[prost(message, optional, tag = "6")]
    #[serde(skip_serializing_if = "is_default")]
    pub(super) kvlist_value: Option<KeyValueList>,
    #[prost(bytes = "vec", optional, tag = "7")]
    #[serde(serialize_with = "base64", skip_serializing_if = "is_default")]
    pub(super) bytes_value: Option<Vec<u8>>,
}

/// OTLP's `common.v1.ArrayValue`
#[derive(Clone, PartialEq, Message, Serialize)]
pub(super) struct ArrayValue {
    #[prost(message, repeated, tag = "1")]
    pub(super) values: Vec<AnyValue>,
}

/// OTLP's `common.v1.KeyValueList`
#[derive(Clone, PartialEq, Message, Serialize)]
pub(super) struct KeyValueList {
    #[prost(message, repeated, tag = "1")]
    pub(super) values: Vec<KeyValue>,
}

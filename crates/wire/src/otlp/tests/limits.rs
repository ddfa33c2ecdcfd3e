//! Each limit of [`DecodeLimits`], at its edge.

use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, LogsData, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, MetricsData, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data,
    number_data_point,
};
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, TracesData,
    span::{Event, Link},
};
use prost::Message as _;
use watchkeep_model::{DecodeLimits, SpanColumns};

use super::{ARRIVAL_NS, strings};
use crate::otlp::{Decoded, MetricsOptions, decode_logs, decode_metrics, decode_traces};

fn entry(key: &str, value: Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

fn decode_span(span: Span, limits: &DecodeLimits) -> Decoded<SpanColumns> {
    let span = Span { trace_id: vec![1; 16], span_id: vec![2; 8], ..span };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    decode_traces(&TracesData { resource_spans }.encode_to_vec(), limits).unwrap()
}

fn values(decoded: &Decoded<SpanColumns>) -> Vec<&str> {
    decoded.columns.attributes.row(0).map(|(_, _, value)| value).collect()
}

#[test]
fn attributes_over_the_limit_are_counted_as_dropped() {
    let limits = DecodeLimits { attributes_per_item_max: 2, ..DecodeLimits::default() };
    let attributes: Vec<KeyValue> = ["a", "b", "c"].map(|key| entry(key, text(key))).into();
    let event = Event { attributes: attributes.clone(), ..Event::default() };
    let span =
        Span { attributes, dropped_attributes_count: 5, events: vec![event], ..Span::default() };
    let decoded = decode_span(span, &limits);
    assert_eq!(values(&decoded), ["a", "b"]);
    assert_eq!(decoded.columns.dropped_attributes, [6]);
    let expect = "[{\"time_unix_nano\":0,\"name\":\"\",\"attributes\":{\"a\":\"a\",\"b\":\"b\"},\
        \"dropped_attributes_count\":1}]";
    assert_eq!(strings(&decoded.columns.events), [expect]);
    assert_eq!(decoded.warnings.dropped_attributes, 2);
}

#[test]
fn long_values_are_cut() {
    let limits = DecodeLimits { attribute_value_bytes_max: 8, ..DecodeLimits::default() };
    let array = |items: &[&str]| {
        let values = items.iter().map(|item| AnyValue { value: Some(text(item)) }).collect();
        Value::ArrayValue(ArrayValue { values })
    };
    let cases = [
        (text("12345678"), "12345678", 0),
        (text("123456789"), "12345678", 1),
        (text("1234567é"), "1234567", 1),
        (Value::BytesValue(vec![0; 6]), "AAAAAAAA", 0),
        (Value::BytesValue(vec![0; 7]), "AAAAAAAA", 1),
        (array(&["1", "2"]), "[\"1\",\"2\"]", 0),
        (array(&["123", "45", "6"]), "[\"123\",\"4\"]", 1),
        (array(&["123456789"]), "[\"1234567\"]", 1),
        (array(&["\u{1}\u{1}\u{1}"]), "[\"\\u0001\"]", 1),
    ];
    for (value, expect, truncated) in cases {
        let span = Span { attributes: vec![entry("k", value)], ..Span::default() };
        let decoded = decode_span(span, &limits);
        assert_eq!(values(&decoded), [expect]);
        assert_eq!(decoded.warnings.truncated_values, truncated, "{expect}");
    }
}

#[test]
fn events_and_links_over_the_limit_are_counted_as_dropped() {
    let limits = DecodeLimits { events_per_span_max: 1, ..DecodeLimits::default() };
    let link = Link { trace_id: vec![1; 16], span_id: vec![1; 8], ..Link::default() };
    let span = Span {
        events: vec![Event::default(); 3],
        links: vec![link; 4],
        dropped_events_count: u32::MAX,
        ..Span::default()
    };
    let decoded = decode_span(span, &limits);
    assert_eq!(decoded.columns.dropped_events, [u32::MAX]);
    assert_eq!(decoded.columns.dropped_links, [3]);
    assert_eq!((decoded.warnings.dropped_events, decoded.warnings.dropped_links), (2, 3));
}

#[test]
fn a_record_with_too_long_a_body_is_rejected_alone() {
    let limits = DecodeLimits { log_body_bytes_max: 8, ..DecodeLimits::default() };
    let array = |item: &str| {
        let values = vec![AnyValue { value: Some(text(item)) }];
        Value::ArrayValue(ArrayValue { values })
    };
    let bodies =
        [text("12345678"), text("123456789"), array("1234"), array("12345"), array("1234567890")];
    let log_records = bodies
        .map(|body| LogRecord {
            body: Some(AnyValue { value: Some(body) }),
            event_name: "long".to_owned(),
            ..LogRecord::default()
        })
        .to_vec();
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    let body = LogsData { resource_logs }.encode_to_vec();
    let decoded = decode_logs(&body, &limits, ARRIVAL_NS).unwrap();
    assert_eq!(strings(&decoded.columns.body), ["12345678", "[\"1234\"]"]);
    assert_eq!(decoded.rejected, 3);
    assert_eq!(
        decoded.message,
        "3 log records rejected: the body is longer than limits.log_body_bytes_max \
         (such as \"long\")"
    );
    assert_eq!(decoded.warnings.truncated_values, 0);
}

#[test]
fn a_point_with_too_many_labels_is_rejected_alone() {
    let limits = DecodeLimits { labels_per_series_max: 3, ..DecodeLimits::default() };
    let point = |keys: &[&str]| NumberDataPoint {
        attributes: keys.iter().map(|key| entry(key, text("v"))).collect(),
        value: Some(number_data_point::Value::AsInt(1)),
        ..NumberDataPoint::default()
    };
    let data_points = vec![point(&["a", "b"]), point(&["a", "b", "c"])];
    let metric = Metric {
        name: "m".to_owned(),
        data: Some(Data::Gauge(Gauge { data_points })),
        ..Metric::default()
    };
    let scope_metrics = vec![ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
    let body = MetricsData { resource_metrics }.encode_to_vec();
    let options = MetricsOptions::default();
    let decoded = decode_metrics(&body, &limits, &options, ARRIVAL_NS).unwrap();
    assert_eq!(decoded.columns.floats.value, [1.0]);
    assert_eq!(decoded.rejected, 1);
    assert!(decoded.message.contains("limits.labels_per_series_max"), "{}", decoded.message);
}

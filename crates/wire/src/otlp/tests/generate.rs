//! Random OTLP messages, as another implementation's objects.

use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, LogsData, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, MetricsData, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
    Summary, SummaryDataPoint, exemplar, exponential_histogram_data_point::Buckets, metric::Data,
    number_data_point, summary_data_point::ValueAtQuantile,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, Status, TracesData,
    span::{Event, Link},
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::strategy::Union;

/// Text with what JSON must escape and what UTF-8 makes long.
pub(super) fn text() -> impl Strategy<Value = String> {
    "[a-z.$\"\\\\\n\u{1}é日🦀 ]{0,6}"
}

fn double() -> impl Strategy<Value = f64> {
    prop_oneof![-1e9..1e9_f64, Just(0.0), Just(1e300), Just(-1.5e-300)]
}

fn value() -> impl Strategy<Value = Option<Value>> {
    let leaf = prop_oneof![
        Just(None),
        text().prop_map(|text| Some(Value::StringValue(text))),
        any::<bool>().prop_map(|value| Some(Value::BoolValue(value))),
        any::<i64>().prop_map(|value| Some(Value::IntValue(value))),
        double().prop_map(|value| Some(Value::DoubleValue(value))),
        vec(any::<u8>(), 0..5).prop_map(|bytes| Some(Value::BytesValue(bytes))),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        let any = inner.prop_map(|value| AnyValue { value });
        let entry = (text(), any.clone()).prop_map(|(key, value)| key_value(key, Some(value)));
        prop_oneof![
            vec(any, 0..3).prop_map(|values| Some(Value::ArrayValue(ArrayValue { values }))),
            vec(entry, 0..3).prop_map(|values| Some(Value::KvlistValue(KeyValueList { values }))),
        ]
    })
}

fn key_value(key: String, value: Option<AnyValue>) -> KeyValue {
    KeyValue { key, value, ..KeyValue::default() }
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec((text(), of(value())), 0..4).prop_map(|entries| {
        entries
            .into_iter()
            .map(|(key, value)| key_value(key, value.map(|value| AnyValue { value })))
            .collect()
    })
}

prop_compose! {
    fn resource()(attributes in attributes(), service in of(text())) -> Resource {
        let mut attributes = attributes;
        attributes.extend(service.map(|service| {
            let value = Some(Value::StringValue(service));
            key_value("service.name".to_owned(), Some(AnyValue { value }))
        }));
        Resource { attributes, ..Resource::default() }
    }
}

prop_compose! {
    fn scope()(name in text(), version in text(), attributes in attributes())
        -> InstrumentationScope {
        InstrumentationScope { name, version, attributes, ..InstrumentationScope::default() }
    }
}

/// An id that is nearly always of the right length.
fn id(len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => vec(any::<u8>(), len..=len),
        1 => Just(vec![0; len]),
        1 => vec(any::<u8>(), 0..20),
    ]
}

/// An instant that is set, not set, or out of range.
fn time() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 1..i64::MAX as u64, 1 => Just(0), 1 => any::<u64>()]
}

prop_compose! {
    fn event()(time_unix_nano in time(), name in text(), attributes in attributes(),
        dropped_attributes_count: u32) -> Event {
        Event { time_unix_nano, name, attributes, dropped_attributes_count }
    }
}

prop_compose! {
    fn link()(trace_id in id(16), span_id in id(8), trace_state in text(),
        attributes in attributes(), dropped_attributes_count: u32, flags: u32) -> Link {
        Link { trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags }
    }
}

prop_compose! {
    fn span()(
        ids in (id(16), id(8), id(8)), texts in (text(), text()), kind in -1..8, flags: u32,
        times in (time(), time()), attributes in attributes(), events in vec(event(), 0..3),
        links in vec(link(), 0..3), dropped: (u32, u32, u32), status in of((text(), -1..4)),
    ) -> Span {
        Span {
            trace_id: ids.0, span_id: ids.1, parent_span_id: ids.2, trace_state: texts.0,
            flags, name: texts.1, kind, start_time_unix_nano: times.0,
            end_time_unix_nano: times.1, attributes, dropped_attributes_count: dropped.0, events,
            dropped_events_count: dropped.1, links, dropped_links_count: dropped.2,
            status: status.map(|(message, code)| Status { message, code }),
        }
    }
}

prop_compose! {
    fn record()(
        times in (time(), time()), severity_number in -1..26, texts in (text(), text()),
        body in of(value()), attributes in attributes(), dropped_attributes_count: u32,
        flags: u32, ids in (id(16), id(8)),
    ) -> LogRecord {
        LogRecord {
            time_unix_nano: times.0, observed_time_unix_nano: times.1, severity_number,
            severity_text: texts.0, body: body.map(|value| AnyValue { value }), attributes,
            dropped_attributes_count, flags, trace_id: ids.0, span_id: ids.1,
            event_name: texts.1,
        }
    }
}

prop_compose! {
    pub(super) fn traces()(groups in vec(
        (of(resource()), vec((of(scope()), vec(span(), 0..3), text()), 0..3), text()), 0..3,
    )) -> TracesData {
        let resource_spans = groups.into_iter().map(|(resource, scopes, schema_url)| {
            let scope_spans = scopes.into_iter().map(|(scope, spans, schema_url)| {
                ScopeSpans { scope, spans, schema_url }
            }).collect();
            ResourceSpans { resource, scope_spans, schema_url }
        }).collect();
        TracesData { resource_spans }
    }
}

prop_compose! {
    pub(super) fn logs()(groups in vec(
        (of(resource()), vec((of(scope()), vec(record(), 0..4), text()), 0..3), text()), 0..3,
    )) -> LogsData {
        let resource_logs = groups.into_iter().map(|(resource, scopes, schema_url)| {
            let scope_logs = scopes.into_iter().map(|(scope, log_records, schema_url)| {
                ScopeLogs { scope, log_records, schema_url }
            }).collect();
            ResourceLogs { resource, scope_logs, schema_url }
        }).collect();
        LogsData { resource_logs }
    }
}

prop_compose! {
    fn exemplar()(filtered_attributes in attributes(), time_unix_nano in time(),
        span_id in id(8), trace_id in id(16), value in of(prop_oneof![
            double().prop_map(exemplar::Value::AsDouble),
            any::<i64>().prop_map(exemplar::Value::AsInt),
        ])) -> Exemplar {
        Exemplar { filtered_attributes, time_unix_nano, span_id, trace_id, value }
    }
}

prop_compose! {
    fn number_point()(attributes in attributes(), time_unix_nano in time(), start_time_unix_nano in time(), flags in 0..2_u32,
        exemplars in vec(exemplar(), 0..2), value in of(prop_oneof![
            double().prop_map(number_data_point::Value::AsDouble),
            any::<i64>().prop_map(number_data_point::Value::AsInt),
        ])) -> NumberDataPoint {
        NumberDataPoint {
            attributes, time_unix_nano, start_time_unix_nano, flags, exemplars, value
        }
    }
}

prop_compose! {
    fn histogram_point()(attributes in attributes(), time_unix_nano in time(), start_time_unix_nano in time(), count: u64,
        sum in of(double()), bucket_counts in vec(any::<u64>(), 0..5),
        explicit_bounds in vec(double(), 0..5), exemplars in vec(exemplar(), 0..3),
        flags in 0..2_u32) -> HistogramDataPoint {
        HistogramDataPoint {
            attributes, time_unix_nano, start_time_unix_nano, count, sum, bucket_counts, explicit_bounds, exemplars,
            flags, ..HistogramDataPoint::default()
        }
    }
}

prop_compose! {
    fn buckets()(offset in prop_oneof![-50..50_i32, any::<i32>()],
        bucket_counts in vec(prop_oneof![Just(0), 0..100_u64, any::<u64>()], 0..20)) -> Buckets {
        Buckets { offset, bucket_counts }
    }
}

prop_compose! {
    fn exponential_point()(attributes in attributes(), time_unix_nano in time(), start_time_unix_nano in time(), count: u64,
        sum in of(double()), scale in prop_oneof![-5..22, any::<i32>()], zero_count: u64,
        positive in of(buckets()), negative in of(buckets()), flags in 0..2_u32,
        exemplars in vec(exemplar(), 0..2), zero_threshold in double())
        -> ExponentialHistogramDataPoint {
        ExponentialHistogramDataPoint {
            attributes, time_unix_nano, start_time_unix_nano, count, sum, scale, zero_count, positive, negative, flags,
            exemplars, zero_threshold, ..ExponentialHistogramDataPoint::default()
        }
    }
}

prop_compose! {
    fn summary_point()(attributes in attributes(), time_unix_nano in time(), start_time_unix_nano in time(), count: u64,
        sum in double(), quantiles in vec((0.0..1.0, double()), 0..4), flags in 0..2_u32)
        -> SummaryDataPoint {
        let quantile_values = quantiles.into_iter()
            .map(|(quantile, value)| ValueAtQuantile { quantile, value }).collect();
        SummaryDataPoint {
            attributes, time_unix_nano, start_time_unix_nano, count, sum, quantile_values, flags
        }
    }
}

fn data() -> impl Strategy<Value = Data> {
    Union::new([
        vec(number_point(), 0..3)
            .prop_map(|data_points| Data::Gauge(Gauge { data_points }))
            .boxed(),
        (vec(number_point(), 0..3), 0..4, any::<bool>())
            .prop_map(|(data_points, aggregation_temporality, is_monotonic)| {
                Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic })
            })
            .boxed(),
        (vec(histogram_point(), 0..3), 0..4)
            .prop_map(|(data_points, aggregation_temporality)| {
                Data::Histogram(Histogram { data_points, aggregation_temporality })
            })
            .boxed(),
        (vec(exponential_point(), 0..3), 0..4)
            .prop_map(|(data_points, aggregation_temporality)| {
                let histogram = ExponentialHistogram { data_points, aggregation_temporality };
                Data::ExponentialHistogram(histogram)
            })
            .boxed(),
        vec(summary_point(), 0..3)
            .prop_map(|data_points| Data::Summary(Summary { data_points }))
            .boxed(),
    ])
}

prop_compose! {
    fn metric()(texts in (text(), text()), unit in "(s|By|1|[{]x[}]|%/s|)", data in of(data()))
        -> Metric {
        Metric { name: texts.0, description: texts.1, unit, data, ..Metric::default() }
    }
}

prop_compose! {
    pub(super) fn metrics()(groups in vec(
        (of(resource()), vec((of(scope()), vec(metric(), 0..3), text()), 0..3), text()), 0..3,
    )) -> MetricsData {
        let resource_metrics = groups.into_iter().map(|(resource, scopes, schema_url)| {
            let scope_metrics = scopes.into_iter().map(|(scope, metrics, schema_url)| {
                ScopeMetrics { scope, metrics, schema_url }
            }).collect();
            ResourceMetrics { resource, scope_metrics, schema_url }
        }).collect();
        MetricsData { resource_metrics }
    }
}

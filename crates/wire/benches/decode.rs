//! Megabytes of OTLP payload decoded a second, for payloads like those of AI agents:
//! `cargo bench -p watchkeep-wire --bench decode`.

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, any_value::Value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, LogsData, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Histogram, HistogramDataPoint, Metric, MetricsData, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, metric::Data, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};
use prost::Message as _;
use watchkeep_model::DecodeLimits;
use watchkeep_wire::otlp::{
    MetricsOptions, decode_logs, decode_metrics, decode_traces, decode_traces_json,
};

fn main() {
    divan::main();
}

fn entry(key: &str, value: Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn text(key: &str, value: impl Into<String>) -> KeyValue {
    entry(key, Value::StringValue(value.into()))
}

fn int(key: &str, value: i64) -> KeyValue {
    entry(key, Value::IntValue(value))
}

fn resource() -> Resource {
    let attributes = vec![
        text("service.name", "planner"),
        text("service.namespace", "agents"),
        text("service.instance.id", "pod-17"),
        text("deployment.environment.name", "production"),
        text("telemetry.sdk.language", "python"),
    ];
    Resource { attributes, ..Resource::default() }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope { name: "agents.tracer".into(), ..InstrumentationScope::default() }
}

/// Prose of a length, with the line breaks and quotes of a prompt.
fn prose(seed: usize, len: usize) -> String {
    const WORDS: [&str; 8] =
        ["the", "agent", "plans", "\"tools\"", "answers,", "then\n", "reads", "naïve"];
    let mut out = String::new();
    let mut state = seed;
    while out.len() < len {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        out.push_str(WORDS[state >> 32 & 7]);
        out.push(' ');
    }
    out
}

/// Spans of about 1.1 kB: a call of a model with its prompt and completion.
fn spans(count: usize) -> TracesData {
    let span = |number: usize| Span {
        trace_id: (number as u128 / 10 + 1).to_be_bytes().to_vec(),
        span_id: (number as u64 + 1).to_be_bytes().to_vec(),
        parent_span_id: (number as u64 / 2).to_be_bytes().to_vec(),
        name: "chat gpt-4o".into(),
        kind: 3,
        start_time_unix_nano: 1_790_000_000_000_000_000 + number as u64,
        end_time_unix_nano: 1_790_000_001_000_000_000 + number as u64,
        attributes: vec![
            text("gen_ai.operation.name", "chat"),
            text("gen_ai.provider.name", "openai"),
            text("gen_ai.request.model", "gpt-4o"),
            text("gen_ai.response.id", format!("chatcmpl-{number}")),
            int("gen_ai.usage.input_tokens", 812),
            int("gen_ai.usage.output_tokens", number as i64 % 900),
            entry("gen_ai.request.temperature", Value::DoubleValue(0.2)),
            text("gen_ai.agent.name", "researcher"),
            text("user.id", format!("user-{}", number % 500)),
            text("gen_ai.prompt", prose(number, 380)),
            text("gen_ai.completion", prose(number + 7, 250)),
        ],
        status: Some(Status { code: 1, ..Status::default() }),
        flags: 0x101,
        ..Span::default()
    };
    let spans = (0..count).map(span).collect();
    let scope_spans = vec![ScopeSpans { scope: Some(scope()), spans, ..ScopeSpans::default() }];
    let resource_spans =
        vec![ResourceSpans { resource: Some(resource()), scope_spans, ..ResourceSpans::default() }];
    TracesData { resource_spans }
}

/// Log records of about 300 bytes.
fn logs(count: usize) -> Vec<u8> {
    let record = |number: usize| LogRecord {
        time_unix_nano: 1_790_000_000_000_000_000 + number as u64,
        observed_time_unix_nano: 1_790_000_000_000_001_000 + number as u64,
        severity_number: 9,
        severity_text: "INFO".into(),
        body: Some(AnyValue { value: Some(Value::StringValue(prose(number, 120))) }),
        attributes: vec![
            text("http.request.method", "POST"),
            text("url.path", format!("/v1/runs/{number}")),
            int("http.response.status_code", 200),
        ],
        trace_id: (number as u128 + 1).to_be_bytes().to_vec(),
        span_id: (number as u64 + 1).to_be_bytes().to_vec(),
        ..LogRecord::default()
    };
    let log_records = (0..count).map(record).collect();
    let scope_logs = vec![ScopeLogs { scope: Some(scope()), log_records, ..ScopeLogs::default() }];
    let resource_logs =
        vec![ResourceLogs { resource: Some(resource()), scope_logs, ..ResourceLogs::default() }];
    LogsData { resource_logs }.encode_to_vec()
}

fn labels(number: usize) -> Vec<KeyValue> {
    vec![
        text("gen_ai.request.model", format!("model-{}", number % 10)),
        text("http.route", format!("/v1/tools/{}", number / 10)),
        int("http.response.status_code", 200),
    ]
}

fn metrics(data: Data) -> Vec<u8> {
    let metric = Metric {
        name: "gen_ai.latency".into(),
        unit: "s".into(),
        data: Some(data),
        ..Metric::default()
    };
    let metrics = vec![metric];
    let scope_metrics =
        vec![ScopeMetrics { scope: Some(scope()), metrics, ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics {
        resource: Some(resource()),
        scope_metrics,
        ..ResourceMetrics::default()
    }];
    MetricsData { resource_metrics }.encode_to_vec()
}

fn gauges(count: usize) -> Vec<u8> {
    let point = |number: usize| NumberDataPoint {
        attributes: labels(number),
        time_unix_nano: 1_790_000_000_000_000_000,
        value: Some(number_data_point::Value::AsDouble(number as f64)),
        ..NumberDataPoint::default()
    };
    metrics(Data::Gauge(Gauge { data_points: (0..count).map(point).collect() }))
}

fn histograms(count: usize) -> Vec<u8> {
    let point = |number: usize| HistogramDataPoint {
        attributes: labels(number),
        time_unix_nano: 1_790_000_000_000_000_000,
        count: 150,
        sum: Some(number as f64),
        bucket_counts: vec![10; 15],
        explicit_bounds: (0..14).map(f64::from).collect(),
        ..HistogramDataPoint::default()
    };
    let data_points = (0..count).map(point).collect();
    metrics(Data::Histogram(Histogram { data_points, aggregation_temporality: 2 }))
}

const ROWS: usize = 2000;

#[divan::bench]
fn spans_from_protobuf(bencher: Bencher<'_, '_>) {
    let (body, limits) = (spans(ROWS).encode_to_vec(), DecodeLimits::default());
    bencher
        .counter(BytesCount::new(body.len()))
        .counter(ItemsCount::new(ROWS))
        .bench_local(|| decode_traces(&body, &limits).map(|decoded| decoded.columns.name.len()));
}

#[divan::bench]
fn spans_from_json(bencher: Bencher<'_, '_>) {
    let body = serde_json::to_vec(&spans(ROWS)).expect("the message is made of plain values");
    let limits = DecodeLimits::default();
    bencher
        .counter(BytesCount::new(body.len()))
        .counter(ItemsCount::new(ROWS))
        .bench_local(|| decode_traces_json(&body, &limits).map(|decoded| decoded.rejected));
}

#[divan::bench]
fn spans_by_prost_alone(bencher: Bencher<'_, '_>) {
    let body = spans(ROWS).encode_to_vec();
    bencher
        .counter(BytesCount::new(body.len()))
        .counter(ItemsCount::new(ROWS))
        .bench_local(|| TracesData::decode(&*body).map(|data| data.resource_spans.len()));
}

#[divan::bench]
fn logs_from_protobuf(bencher: Bencher<'_, '_>) {
    let (body, limits) = (logs(ROWS), DecodeLimits::default());
    bencher
        .counter(BytesCount::new(body.len()))
        .counter(ItemsCount::new(ROWS))
        .bench_local(|| decode_logs(&body, &limits, 0).map(|decoded| decoded.rejected));
}

fn bench_metrics(bencher: Bencher<'_, '_>, body: &[u8]) {
    let (limits, options) = (DecodeLimits::default(), MetricsOptions::default());
    bencher
        .counter(BytesCount::new(body.len()))
        .counter(ItemsCount::new(ROWS))
        .bench_local(|| decode_metrics(body, &limits, &options, 0).map(|decoded| decoded.rejected));
}

#[divan::bench]
fn gauges_from_protobuf(bencher: Bencher<'_, '_>) {
    bench_metrics(bencher, &gauges(ROWS));
}

#[divan::bench]
fn histograms_from_protobuf(bencher: Bencher<'_, '_>) {
    bench_metrics(bencher, &histograms(ROWS));
}

//! OTLP requests in protobuf, as SDKs send them: one resource and one scope a request, packed
//! numbers. Only what the simulation needs; field numbers are those of opentelemetry-proto 1.x.

use watchkeep_model::attributes::Value;
use watchkeep_wire::protobuf::Writer;

pub(super) type Attributes = Vec<(&'static str, Value)>;

/// A trace and one of its spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
}

/// Who sends.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) resource: Attributes,
    pub(super) scope_name: &'static str,
    pub(super) scope_version: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Internal = 1,
    Server = 2,
    Client = 3,
}

#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) time_ns: i64,
    pub(super) name: &'static str,
    pub(super) attributes: Attributes,
}

#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) context: Context,
    /// All zero where there is none.
    pub(super) parent: [u8; 8],
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) start_ns: i64,
    pub(super) end_ns: i64,
    pub(super) attributes: Attributes,
    pub(super) events: Vec<Event>,
    pub(super) links: Vec<Context>,
    /// What went wrong, if something did.
    pub(super) error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    Trace = 1,
    Debug = 5,
    Info = 9,
    Warn = 13,
    Error = 17,
    Fatal = 21,
}

impl Severity {
    fn text(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct LogRecord {
    pub(super) time_ns: i64,
    pub(super) severity: Severity,
    pub(super) body: Value,
    pub(super) attributes: Attributes,
    pub(super) context: Option<Context>,
    /// Empty for what is a plain record and no event.
    pub(super) event_name: &'static str,
}

#[derive(Debug, Clone)]
pub(super) struct Exemplar {
    pub(super) time_ns: i64,
    pub(super) value: f64,
    pub(super) context: Context,
}

/// The numbers of a data point.
#[derive(Debug, Clone)]
pub(super) enum Numbers {
    Gauge(f64),
    Sum { value: f64 },
    Histogram { count: u64, sum: f64, bounds: &'static [f64], counts: Vec<u64> },
    Exponential { count: u64, sum: f64, scale: i32, zero_count: u64, offset: i32, counts: Vec<u64> },
    Summary { count: u64, sum: f64, quantiles: Vec<(f64, f64)> },
}

#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) attributes: Attributes,
    pub(super) start_ns: i64,
    pub(super) time_ns: i64,
    pub(super) numbers: Numbers,
    pub(super) exemplars: Vec<Exemplar>,
}

/// A metric; its points are all of one kind.
#[derive(Debug, Clone)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) unit: &'static str,
    pub(super) points: Vec<Point>,
}

pub(super) fn text(value: impl Into<String>) -> Value {
    Value::String(value.into())
}

pub(super) fn texts(values: &[&str]) -> Value {
    Value::Array(values.iter().copied().map(text).collect())
}

/// `ExportTraceServiceRequest`.
pub(super) fn encode_spans(source: &Source, spans: &[Span]) -> Vec<u8> {
    encode(source, spans, |writer, number, span| within(writer, number, |w| write_span(w, span)))
}

/// `ExportLogsServiceRequest`.
pub(super) fn encode_logs(source: &Source, logs: &[LogRecord]) -> Vec<u8> {
    encode(source, logs, |writer, number, log| within(writer, number, |w| write_log(w, log)))
}

/// `ExportMetricsServiceRequest`.
pub(super) fn encode_metrics(source: &Source, metrics: &[Metric]) -> Vec<u8> {
    encode(source, metrics, |writer, number, metric| {
        within(writer, number, |w| write_metric(w, metric));
    })
}

/// The frame that the three requests share.
fn encode<T>(source: &Source, items: &[T], write: impl Fn(&mut Writer, u32, &T)) -> Vec<u8> {
    let mut writer = Writer::default();
    within(&mut writer, 1, |writer| {
        within(writer, 1, |w| write_attributes(w, 1, &source.resource));
        within(writer, 2, |writer| {
            within(writer, 1, |w| {
                w.bytes(1, source.scope_name.as_bytes());
                w.bytes(2, source.scope_version.as_bytes());
            });
            for item in items {
                write(writer, 2, item);
            }
        });
    });
    writer.into_bytes()
}

fn within(writer: &mut Writer, number: u32, write: impl FnOnce(&mut Writer)) {
    let start = writer.begin_message(number);
    write(writer);
    writer.end_message(start);
}

fn write_text(writer: &mut Writer, number: u32, text: &str) {
    if !text.is_empty() {
        writer.bytes(number, text.as_bytes());
    }
}

fn write_attributes(writer: &mut Writer, number: u32, attributes: &Attributes) {
    for (key, value) in attributes {
        write_entry(writer, number, key, value);
    }
}

fn write_entry(writer: &mut Writer, number: u32, key: &str, value: &Value) {
    within(writer, number, |writer| {
        writer.bytes(1, key.as_bytes());
        within(writer, 2, |w| write_value(w, value));
    });
}

fn write_value(writer: &mut Writer, value: &Value) {
    match value {
        Value::Empty => {}
        Value::String(text) => writer.bytes(1, text.as_bytes()),
        Value::Bool(value) => writer.varint(2, u64::from(*value)),
        Value::Int(value) => writer.varint(3, *value as u64),
        Value::Double(value) => writer.fixed64(4, value.to_bits()),
        Value::Bytes(bytes) => writer.bytes(7, bytes),
        Value::Array(items) => within(writer, 5, |writer| {
            for item in items {
                within(writer, 1, |w| write_value(w, item));
            }
        }),
        Value::Map(entries) => within(writer, 6, |writer| {
            for (key, value) in entries {
                write_entry(writer, 1, key, value);
            }
        }),
    }
}

/// The trace is sampled, and whether the parent is remote is not said.
const SAMPLED: u32 = 1;
const STATUS_ERROR: u64 = 2;

fn write_span(writer: &mut Writer, span: &Span) {
    writer.bytes(1, &span.context.trace_id);
    writer.bytes(2, &span.context.span_id);
    if span.parent != [0; 8] {
        writer.bytes(4, &span.parent);
    }
    writer.bytes(5, span.name.as_bytes());
    writer.varint(6, span.kind as u64);
    writer.fixed64(7, span.start_ns as u64);
    writer.fixed64(8, span.end_ns as u64);
    write_attributes(writer, 9, &span.attributes);
    for event in &span.events {
        within(writer, 11, |writer| {
            writer.fixed64(1, event.time_ns as u64);
            writer.bytes(2, event.name.as_bytes());
            write_attributes(writer, 3, &event.attributes);
        });
    }
    for link in &span.links {
        within(writer, 13, |writer| {
            writer.bytes(1, &link.trace_id);
            writer.bytes(2, &link.span_id);
        });
    }
    if let Some(message) = &span.error {
        within(writer, 15, |writer| {
            write_text(writer, 2, message);
            writer.varint(3, STATUS_ERROR);
        });
    }
    writer.fixed32(16, SAMPLED);
}

fn write_log(writer: &mut Writer, log: &LogRecord) {
    writer.fixed64(1, log.time_ns as u64);
    writer.varint(2, log.severity as u64);
    writer.bytes(3, log.severity.text().as_bytes());
    within(writer, 5, |w| write_value(w, &log.body));
    write_attributes(writer, 6, &log.attributes);
    if let Some(context) = &log.context {
        writer.fixed32(8, SAMPLED);
        writer.bytes(9, &context.trace_id);
        writer.bytes(10, &context.span_id);
    }
    writer.fixed64(11, log.time_ns as u64);
    write_text(writer, 12, log.event_name);
}

const CUMULATIVE: u64 = 2;

fn write_metric(writer: &mut Writer, metric: &Metric) {
    writer.bytes(1, metric.name.as_bytes());
    write_text(writer, 2, metric.description);
    write_text(writer, 3, metric.unit);
    let Some(first) = metric.points.first() else { return };
    let (number, temporality) = match first.numbers {
        Numbers::Gauge(_) => (5, false),
        Numbers::Sum { .. } => (7, true),
        Numbers::Histogram { .. } => (9, true),
        Numbers::Exponential { .. } => (10, true),
        Numbers::Summary { .. } => (11, false),
    };
    within(writer, number, |writer| {
        for point in &metric.points {
            within(writer, 1, |w| write_point(w, point));
        }
        if temporality {
            writer.varint(2, CUMULATIVE);
        }
        if let Numbers::Sum { .. } = first.numbers {
            writer.varint(3, 1);
        }
    });
}

fn write_point(writer: &mut Writer, point: &Point) {
    writer.fixed64(2, point.start_ns as u64);
    writer.fixed64(3, point.time_ns as u64);
    let attributes = &point.attributes;
    match &point.numbers {
        Numbers::Gauge(value) | Numbers::Sum { value } => {
            write_attributes(writer, 7, attributes);
            writer.fixed64(4, value.to_bits());
            write_exemplars(writer, 5, &point.exemplars);
        }
        Numbers::Histogram { count, sum, bounds, counts } => {
            write_attributes(writer, 9, attributes);
            writer.fixed64(4, *count);
            writer.fixed64(5, sum.to_bits());
            writer.bytes(6, &packed(counts.iter().copied()));
            writer.bytes(7, &packed(bounds.iter().map(|bound| bound.to_bits())));
            write_exemplars(writer, 8, &point.exemplars);
        }
        Numbers::Exponential { count, sum, scale, zero_count, offset, counts } => {
            write_attributes(writer, 1, attributes);
            writer.fixed64(4, *count);
            writer.fixed64(5, sum.to_bits());
            writer.sint32(6, *scale);
            writer.fixed64(7, *zero_count);
            within(writer, 8, |writer| {
                writer.sint32(1, *offset);
                for count in counts {
                    writer.varint(2, *count);
                }
            });
            write_exemplars(writer, 11, &point.exemplars);
        }
        Numbers::Summary { count, sum, quantiles } => {
            write_attributes(writer, 7, attributes);
            writer.fixed64(4, *count);
            writer.fixed64(5, sum.to_bits());
            for (quantile, value) in quantiles {
                within(writer, 6, |writer| {
                    writer.fixed64(1, quantile.to_bits());
                    writer.fixed64(2, value.to_bits());
                });
            }
        }
    }
}

fn packed(values: impl Iterator<Item = u64>) -> Vec<u8> {
    values.flat_map(u64::to_le_bytes).collect()
}

fn write_exemplars(writer: &mut Writer, number: u32, exemplars: &[Exemplar]) {
    for exemplar in exemplars {
        within(writer, number, |writer| {
            writer.fixed64(2, exemplar.time_ns as u64);
            writer.fixed64(3, exemplar.value.to_bits());
            writer.bytes(4, &exemplar.context.span_id);
            writer.bytes(5, &exemplar.context.trace_id);
        });
    }
}

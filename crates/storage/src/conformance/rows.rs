//! Rows for the cases.

use watchkeep_model::metrics::MetricKind;
use watchkeep_model::{
    Labels, Level, LogColumns, MetricColumns, NativeHistogram, SpanColumns, Value, ValueKind,
    stream,
};

pub(super) const SECOND_NS: i64 = 1_000_000_000;

/// A span with few words; what is not said has a fixed value.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) trace: u8,
    pub(crate) id: u8,
    pub(crate) parent: u8,
    pub(crate) start_ns: i64,
    pub(crate) duration_ns: i64,
    pub(crate) name: &'static str,
    pub(crate) service: &'static str,
    pub(crate) status: u8,
    pub(crate) attributes: Vec<(&'static str, Value)>,
}

impl Default for Span {
    fn default() -> Self {
        Self {
            trace: 1,
            id: 1,
            parent: 0,
            start_ns: SECOND_NS,
            duration_ns: SECOND_NS,
            name: "op",
            service: "gateway",
            status: 0,
            attributes: Vec::new(),
        }
    }
}

pub(crate) fn spans(rows: &[Span]) -> SpanColumns {
    let mut columns = SpanColumns::default();
    for row in rows {
        columns.trace_id.push(trace_id(row.trace));
        columns.span_id.push([row.id; 8]);
        columns.parent_span_id.push([row.parent; 8]);
        columns.start_ns.push(row.start_ns);
        columns.duration_ns.push(row.duration_ns);
        columns.name.push(row.name);
        columns.kind.push(2);
        columns.status_code.push(row.status);
        columns.status_message.push(if row.status == 2 { "it broke: Überlauf" } else { "" });
        columns.service.push(row.service);
        columns.resource.push(&format!(
            "{{\"service.name\":\"{}\",\"replica\":3,\"load\":0.5,\"spot\":true}}",
            row.service
        ));
        columns.scope_name.push("scope");
        columns.scope_version.push("1");
        columns.scope_attributes.push("");
        columns.schema_url.push("");
        columns.trace_state.push("a=b");
        columns.flags.push(1);
        columns.attributes.push_row(row.attributes.iter().map(|(key, value)| (*key, value)));
        columns.dropped_attributes.push(0);
        columns.events.push("");
        columns.dropped_events.push(0);
        columns.links.push("");
        columns.dropped_links.push(0);
    }
    columns
}

/// Gives a row two events and a link.
pub(super) fn add_events(columns: &mut SpanColumns, row: usize) {
    let start_ns = columns.start_ns[row];
    let (first, second) = (start_ns + 5, start_ns + 7);
    let events = format!(
        "[{{\"time_unix_nano\":{first},\"name\":\"first\",\"attributes\":{{\"size\":3}},\
         \"dropped_attributes_count\":0}},{{\"time_unix_nano\":{second},\"name\":\"second\",\
         \"attributes\":{{}},\"dropped_attributes_count\":2}}]"
    );
    let links = format!(
        "[{{\"trace_id\":\"{}\",\"span_id\":\"{}\",\"trace_state\":\"\",\"attributes\":\
         {{\"why\":\"follows\"}},\"dropped_attributes_count\":0,\"flags\":1}}]",
        "09".repeat(16),
        "08".repeat(8)
    );
    for (column, text) in [(&mut columns.events, events), (&mut columns.links, links)] {
        let mut changed = watchkeep_model::Utf8Column::default();
        for (at, old) in column.iter().enumerate() {
            changed.push(if at == row { &text } else { old });
        }
        *column = changed;
    }
}

pub(super) fn trace_id(number: u8) -> [u8; 16] {
    [number; 16]
}

/// Log records: time, level, service and body.
pub(crate) fn logs(rows: &[(i64, Level, &str, &str)]) -> LogColumns {
    let mut columns = LogColumns::default();
    for (time_ns, level, service, body) in rows {
        columns.time_ns.push(*time_ns);
        columns.observed_ns.push(0);
        columns.severity_number.push(*level as u8 * 4);
        columns.severity_text.push(level.name());
        columns.level.push(*level as u8);
        columns.stream.push(&stream::to_text(&Labels::from_pairs([("service", *service)])));
        columns.service.push(service);
        columns.resource.push("{}");
        columns.scope_name.push("");
        columns.scope_version.push("");
        columns.scope_attributes.push("");
        columns.schema_url.push("");
        columns.body.push(body);
        columns.body_kind.push(ValueKind::String as u8);
        columns.attributes.push_row([("n", &Value::Int(*time_ns))]);
        columns.dropped_attributes.push(0);
        columns.trace_id.push([0; 16]);
        columns.span_id.push([0; 8]);
        columns.flags.push(0);
        columns.event_name.push("");
    }
    columns
}

/// Samples: metric name, value of label `host`, millisecond, value.
pub(crate) fn samples(rows: &[(&str, &str, i64, f64)]) -> MetricColumns {
    let mut columns = MetricColumns::default();
    for (name, host, time_ms, value) in rows {
        let series = series_row(&mut columns, name, host);
        columns.floats.series.push(series);
        columns.floats.time_ms.push(*time_ms);
        columns.floats.start_ms.push(0);
        columns.floats.value.push(*value);
    }
    columns
}

pub(super) fn labels(name: &str, host: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("host", host)])
}

fn series_row(columns: &mut MetricColumns, name: &str, host: &str) -> u32 {
    let labels = labels(name, host);
    let known = columns.series.labels.iter().position(|known| known == labels.as_bytes());
    known.unwrap_or_else(|| {
        columns.series.labels.push(labels.as_bytes());
        columns.series.delta.push(0);
        columns.series.labels.len() - 1
    }) as u32
}

pub(super) fn add_histogram(columns: &mut MetricColumns, name: &str, time_ms: i64, count: f64) {
    let series = series_row(columns, name, "a");
    columns.histograms.series.push(series);
    columns.histograms.time_ms.push(time_ms);
    columns.histograms.start_ms.push(0);
    columns.histograms.histogram.push_with(|out| histogram(count).encode(out));
}

pub(super) fn histogram(count: f64) -> NativeHistogram {
    NativeHistogram {
        schema: 3,
        zero_threshold: 1e-128,
        zero_count: 0.0,
        count,
        sum: count * 2.5,
        is_float: false,
        reset_hint: watchkeep_model::histogram::ResetHint::Unknown,
        positive_spans: vec![watchkeep_model::histogram::BucketSpan { offset: 4, length: 1 }],
        positive_counts: vec![count],
        negative_spans: Vec::new(),
        negative_counts: Vec::new(),
        custom_values: Vec::new(),
    }
}

pub(super) fn add_exemplar(columns: &mut MetricColumns, name: &str, time_ms: i64, trace: &str) {
    let series = series_row(columns, name, "a");
    columns.exemplars.series.push(series);
    columns.exemplars.time_ms.push(time_ms);
    columns.exemplars.value.push(0.25);
    let labels = Labels::from_pairs([("trace_id", trace)]);
    columns.exemplars.labels.push(labels.as_bytes());
}

pub(super) fn add_metadata(columns: &mut MetricColumns, family: &str, help: &str) {
    columns.metadata.family.push(family);
    columns.metadata.kind.push(MetricKind::Counter as u8);
    columns.metadata.unit.push("s");
    columns.metadata.help.push(help);
}

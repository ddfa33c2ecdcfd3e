//! What another implementation encoded is decoded to the columns that a slow and simple reading
//! of its objects gives, and its JSON gives the same columns as its protobuf.

use std::fmt::Write as _;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogsData;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    Span, TracesData,
    span::{Event, Link},
};
use proptest::prelude::*;
use prost::Message as _;
use watchkeep_model::attributes::Value;
use watchkeep_model::column::Table as _;
use watchkeep_model::{
    DecodeLimits, Level, LogColumns, MetricColumns, SpanColumns, SpanId, TraceId,
};

use super::{ARRIVAL_NS, generate};
use crate::otlp::{
    Decoded, JsonForm, MetricsOptions, decode_logs_json, decode_metrics_json, decode_traces_json,
    encode_traces, encode_traces_json,
};
use crate::protobuf::{Field, Reader, Writer};

fn model(value: Option<&AnyValue>) -> Value {
    use any_value::Value as Other;
    match value.and_then(|value| value.value.as_ref()) {
        None | Some(Other::StringValueStrindex(_)) => Value::Empty,
        Some(Other::StringValue(text)) => Value::String(text.clone()),
        Some(Other::BoolValue(value)) => Value::Bool(*value),
        Some(Other::IntValue(value)) => Value::Int(*value),
        Some(Other::DoubleValue(value)) => Value::Double(*value),
        Some(Other::BytesValue(bytes)) => Value::Bytes(bytes.clone()),
        Some(Other::ArrayValue(array)) => {
            Value::Array(array.values.iter().map(|value| model(Some(value))).collect())
        }
        Some(Other::KvlistValue(list)) => Value::Map(pairs(&list.values)),
    }
}

fn pairs(attributes: &[KeyValue]) -> Vec<(String, Value)> {
    attributes.iter().map(|entry| (entry.key.clone(), model(entry.value.as_ref()))).collect()
}

fn json(value: &Value) -> String {
    let mut out = String::new();
    value.write_json(&mut out);
    out
}

fn object(attributes: &[KeyValue]) -> String {
    json(&Value::Map(pairs(attributes)))
}

fn string(text: &str) -> String {
    json(&Value::String(text.to_owned()))
}

fn instant(time: u64) -> i64 {
    time.min(i64::MAX as u64) as i64
}

fn resource(resource: Option<&Resource>) -> (String, String) {
    let attributes = resource.map_or(&[][..], |resource| &resource.attributes);
    let service = attributes.iter().rfind(|entry| entry.key == "service.name");
    let mut name = String::new();
    model(service.and_then(|entry| entry.value.as_ref())).write_text(&mut name);
    if name.is_empty() {
        name.push_str("unknown_service");
    }
    (name, object(attributes))
}

fn events(events: &[Event]) -> String {
    let rows: Vec<String> = events
        .iter()
        .map(|event| {
            format!(
                r#"{{"time_unix_nano":{},"name":{},"attributes":{},"dropped_attributes_count":{}}}"#,
                instant(event.time_unix_nano),
                string(&event.name),
                object(&event.attributes),
                event.dropped_attributes_count
            )
        })
        .collect();
    array(&rows)
}

fn array(rows: &[String]) -> String {
    if rows.is_empty() { String::new() } else { format!("[{}]", rows.join(",")) }
}

fn valid(link: &Link) -> Option<(TraceId, SpanId)> {
    let trace_id = TraceId(link.trace_id.as_slice().try_into().ok()?);
    let span_id = SpanId(link.span_id.as_slice().try_into().ok()?);
    (trace_id.is_some() && span_id.is_some()).then_some((trace_id, span_id))
}

fn links(links: &[Link]) -> String {
    let mut rows = Vec::new();
    for link in links {
        let Some((trace_id, span_id)) = valid(link) else { continue };
        let mut row = format!(r#"{{"trace_id":"{trace_id}","span_id":"{span_id}""#);
        let (state, attributes) = (string(&link.trace_state), object(&link.attributes));
        write!(row, r#","trace_state":{state},"attributes":{attributes}"#).unwrap();
        let (dropped, flags) = (link.dropped_attributes_count, link.flags);
        write!(row, r#","dropped_attributes_count":{dropped},"flags":{flags}}}"#).unwrap();
        rows.push(row);
    }
    array(&rows)
}

fn push_span(columns: &mut SpanColumns, span: &Span) -> bool {
    let (Ok(trace_id), Ok(span_id)) =
        (span.trace_id.as_slice().try_into(), span.span_id.as_slice().try_into())
    else {
        return false;
    };
    if trace_id == [0; 16] || span_id == [0; 8] {
        return false;
    }
    columns.trace_id.push(trace_id);
    columns.span_id.push(span_id);
    columns.parent_span_id.push(span.parent_span_id.as_slice().try_into().unwrap_or_default());
    let (start, end) = (instant(span.start_time_unix_nano), instant(span.end_time_unix_nano));
    columns.start_ns.push(start);
    columns.duration_ns.push(if end == 0 { 0 } else { end - start });
    columns.name.push(&span.name);
    columns.kind.push(if (0..=5).contains(&span.kind) { span.kind as u8 } else { 0 });
    let status = span.status.clone().unwrap_or_default();
    columns.status_code.push(if (0..=2).contains(&status.code) { status.code as u8 } else { 0 });
    columns.status_message.push(&status.message);
    columns.trace_state.push(&span.trace_state);
    columns.flags.push(span.flags);
    let attributes = pairs(&span.attributes);
    columns.attributes.push_row(attributes.iter().map(|(key, value)| (key.as_str(), value)));
    columns.dropped_attributes.push(span.dropped_attributes_count);
    columns.events.push(&events(&span.events));
    columns.dropped_events.push(span.dropped_events_count);
    columns.links.push(&links(&span.links));
    let invalid = span.links.iter().filter(|link| valid(link).is_none()).count() as u32;
    columns.dropped_links.push(span.dropped_links_count.saturating_add(invalid));
    true
}

/// Fills the columns that spans and log records share.
macro_rules! push_shared {
    ($columns:ident, $group:ident, $scope_group:ident) => {
        let (service, resource) = resource($group.resource.as_ref());
        $columns.service.push(&service);
        $columns.resource.push(&resource);
        let scope = $scope_group.scope.clone().unwrap_or_default();
        $columns.scope_name.push(&scope.name);
        $columns.scope_version.push(&scope.version);
        let attributes = object(&scope.attributes);
        $columns.scope_attributes.push(if scope.attributes.is_empty() { "" } else { &attributes });
        let own = &$scope_group.schema_url;
        $columns.schema_url.push(if own.is_empty() { &$group.schema_url } else { own });
    };
}

fn expect_traces(data: &TracesData) -> (SpanColumns, u64) {
    let (mut columns, mut rejected) = (SpanColumns::default(), 0);
    for group in &data.resource_spans {
        for scope_spans in &group.scope_spans {
            for span in &scope_spans.spans {
                if push_span(&mut columns, span) {
                    push_shared!(columns, group, scope_spans);
                } else {
                    rejected += 1;
                }
            }
        }
    }
    (columns, rejected)
}

fn expect_logs(data: &LogsData) -> LogColumns {
    let mut columns = LogColumns::default();
    for group in &data.resource_logs {
        for scope_logs in &group.scope_logs {
            for record in &scope_logs.log_records {
                push_shared!(columns, group, scope_logs);
                let (time, observed) =
                    (instant(record.time_unix_nano), instant(record.observed_time_unix_nano));
                let known = [time, observed, ARRIVAL_NS].into_iter().find(|time| *time != 0);
                columns.time_ns.push(known.unwrap());
                columns.observed_ns.push(observed);
                let number = record.severity_number;
                let number = if (0..=24).contains(&number) { number as u8 } else { 0 };
                columns.severity_number.push(number);
                columns.severity_text.push(&record.severity_text);
                columns.stream.push("");
                columns.level.push(Level::of(number, &record.severity_text) as u8);
                let body = model(record.body.as_ref());
                columns.body.push_with(|out| body.write_text(out));
                columns.body_kind.push(body.kind() as u8);
                let attributes = pairs(&record.attributes);
                let entries = attributes.iter().map(|(key, value)| (key.as_str(), value));
                columns.attributes.push_row(entries);
                columns.dropped_attributes.push(record.dropped_attributes_count);
                columns.trace_id.push(record.trace_id.as_slice().try_into().unwrap_or_default());
                columns.span_id.push(record.span_id.as_slice().try_into().unwrap_or_default());
                columns.flags.push(record.flags);
                columns.event_name.push(&record.event_name);
            }
        }
    }
    columns
}

fn every_row(columns: &SpanColumns) -> Vec<u32> {
    (0..columns.len() as u32).collect()
}

/// Each span as a message of its own, sorted.
fn spans_alone(columns: &SpanColumns) -> Vec<Vec<u8>> {
    let mut alone: Vec<Vec<u8>> =
        every_row(columns).iter().map(|row| encode_traces(columns, &[*row]).unwrap()).collect();
    alone.sort();
    alone
}

/// Whether two batches are the same, stale markers too, which are NaN and so not equal.
fn same_metrics(a: &Decoded<MetricColumns>, b: &Decoded<MetricColumns>) -> bool {
    let without_values = |decoded: &Decoded<MetricColumns>| {
        let mut decoded = decoded.clone();
        let values: Vec<u64> = decoded.columns.floats.value.drain(..).map(f64::to_bits).collect();
        (decoded, values)
    };
    without_values(a) == without_values(b)
}

/// A request with the fields of each group, and of each span, record or metric, in the order of
/// falling numbers.
fn reversed(body: &[u8], level: usize) -> Vec<u8> {
    let mut reader = Reader::new(body);
    let mut fields: Vec<Field<'_>> = Vec::new();
    while let Some(field) = reader.field().unwrap() {
        fields.push(field);
    }
    let mut ends: Vec<usize> = fields.iter().skip(1).map(|field| field.at).collect();
    ends.push(body.len());
    let mut pieces: Vec<(u32, Vec<u8>)> = Vec::new();
    for (field, end) in fields.iter().zip(ends) {
        // Offsets are of this body, since it is read as a whole.
        let piece = if level < 3 && field.number == (if level == 0 { 1 } else { 2 }) {
            let mut writer = Writer::default();
            writer.bytes(field.number, &reversed(field.bytes().unwrap(), level + 1));
            writer.into_bytes()
        } else {
            body[field.at..end].to_vec()
        };
        pieces.push((field.number, piece));
    }
    pieces.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    pieces.into_iter().flat_map(|(_, piece)| piece).collect()
}

proptest! {
    #[test]
    fn traces_match_a_simple_reading(data in generate::traces()) {
        let decoded = super::traces(&data.encode_to_vec()).unwrap();
        let (columns, rejected) = expect_traces(&data);
        prop_assert_eq!(&decoded.columns.attributes, &columns.attributes);
        prop_assert!(decoded.columns == columns);
        prop_assert_eq!(decoded.rejected, rejected);
        prop_assert_eq!(decoded.message.is_empty(), rejected == 0);
    }

    #[test]
    fn spans_encoded_again_are_the_same_spans(data in generate::traces()) {
        let columns = super::traces(&data.encode_to_vec()).unwrap().columns;
        let body = encode_traces(&columns, &every_row(&columns)).unwrap();
        prop_assert!(TracesData::decode(&*body).is_ok());
        let again = super::traces(&body).unwrap().columns;
        prop_assert_eq!(spans_alone(&again), spans_alone(&columns));
        // What stands together is not written apart a second time.
        prop_assert_eq!(encode_traces(&again, &every_row(&again)).unwrap(), body);
    }

    #[test]
    fn spans_encoded_as_json_are_the_same_spans(data in generate::traces()) {
        let columns = super::traces(&data.encode_to_vec()).unwrap().columns;
        let rows = every_row(&columns);
        let text = encode_traces_json(&columns, &rows, JsonForm::Otlp).unwrap();
        let again = decode_traces_json(text.as_bytes(), &DecodeLimits::default()).unwrap().columns;
        prop_assert_eq!(spans_alone(&again), spans_alone(&columns));
        // Another reader of OTLP's JSON takes it, and finds as many spans.
        let other: TracesData = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(expect_traces(&other).0.len(), columns.len());
        // Protobuf's form is JSON of the same shape, with other ids and enumerations.
        let text = encode_traces_json(&columns, &rows, JsonForm::Protobuf).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let first = value.pointer("/resourceSpans/0/scopeSpans/0/spans/0/spanId");
        prop_assert_eq!(first.is_some(), !columns.is_empty());
        if let Some(id) = first.and_then(|id| id.as_str()) {
            prop_assert_eq!(id.len(), 12, "eight bytes in base64");
        }
    }

    #[test]
    fn logs_match_a_simple_reading(data in generate::logs()) {
        let decoded = super::logs(&data.encode_to_vec()).unwrap();
        prop_assert!(decoded.columns == expect_logs(&data));
        prop_assert_eq!(decoded.rejected, 0);
    }

    #[test]
    fn traces_in_json_give_the_same(data in generate::traces()) {
        let text = serde_json::to_vec(&data).unwrap();
        let decoded = decode_traces_json(&text, &DecodeLimits::default()).unwrap();
        prop_assert!(decoded == super::traces(&data.encode_to_vec()).unwrap());
    }

    #[test]
    fn logs_in_json_give_the_same(data in generate::logs()) {
        let text = serde_json::to_vec(&data).unwrap();
        let decoded = decode_logs_json(&text, &DecodeLimits::default(), ARRIVAL_NS).unwrap();
        prop_assert!(decoded == super::logs(&data.encode_to_vec()).unwrap());
    }

    #[test]
    fn metrics_in_json_give_the_same(data in generate::metrics()) {
        let text = serde_json::to_vec(&data).unwrap();
        let options = MetricsOptions::default();
        let limits = DecodeLimits::default();
        let decoded = decode_metrics_json(&text, &limits, &options, ARRIVAL_NS).unwrap();
        let expect = super::metrics(&data.encode_to_vec()).unwrap();
        prop_assert!(same_metrics(&decoded, &expect));
    }

    #[test]
    fn the_order_of_fields_does_not_matter(
        spans in generate::traces(), records in generate::logs(), points in generate::metrics(),
    ) {
        let body = spans.encode_to_vec();
        prop_assert!(super::traces(&reversed(&body, 0)).unwrap() == super::traces(&body).unwrap());
        let body = records.encode_to_vec();
        prop_assert!(super::logs(&reversed(&body, 0)).unwrap() == super::logs(&body).unwrap());
        let body = points.encode_to_vec();
        let turned = super::metrics(&reversed(&body, 0)).unwrap();
        prop_assert!(same_metrics(&turned, &super::metrics(&body).unwrap()));
    }
}

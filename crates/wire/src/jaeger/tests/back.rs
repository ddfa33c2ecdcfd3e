//! Spans that are told again: nothing of a batch is lost on the way in and out.

use super::*;
use crate::jaeger::{encode_spans_proto, encode_trace_json, separate_shared_ids};
use crate::protobuf::Writer;

/// Encodes all spans, as a client would send them.
fn sent_again(columns: &SpanColumns) -> Vec<u8> {
    let rows: Vec<u32> = (0..columns.span_id.len() as u32).collect();
    let mut writer = Writer::default();
    let batch = writer.begin_message(1);
    for span in encode_spans_proto(columns, &rows).unwrap() {
        writer.bytes(1, &span);
    }
    writer.end_message(batch);
    writer.into_bytes()
}

/// What is said, in any order.
fn words(shown: &str) -> Vec<&str> {
    let mut words: Vec<&str> = shown.split([' ', ',', '{', '}', '\n']).collect();
    words.retain(|word| !word.is_empty());
    words.sort_unstable();
    words
}

#[test]
fn a_batch_comes_out_as_it_went_in() {
    let first = decode_proto(&proto(&everything()), &limits()).unwrap().columns;
    let again = decode_proto(&sent_again(&first), &limits()).unwrap().columns;
    assert_eq!(words(&shown(&again)), words(EVERYTHING));
}

#[test]
fn fields_that_tags_stand_for_come_out_as_tags() {
    let tags = vec![
        ("otel.status_code", Value::Text("ERROR")),
        ("otel.status_description", Value::Text("no")),
        ("otel.scope.name", Value::Text("lib")),
        ("otel.scope.version", Value::Text("1")),
        ("w3c.tracestate", Value::Text("a=b")),
        ("otel.dropped_events_count", Value::Int(2)),
        ("span.kind", Value::Text("consumer")),
    ];
    let span = Span { trace: (1, 0), id: 1, tags, ..Span::default() };
    let batch = Batch { service: "s", spans: vec![span], ..Batch::default() };
    let first = decode_proto(&proto(&batch), &limits()).unwrap().columns;
    let again = decode_proto(&sent_again(&first), &limits()).unwrap().columns;
    assert_eq!(shown(&again), shown(&first));
}

#[test]
fn json_says_no_number_that_it_can_not() {
    let tags = vec![("nan", Value::Double(f64::NAN)), ("big", Value::Int((1 << 53) + 1))];
    let span = Span { trace: (1, 0), id: 1, tags, ..Span::default() };
    let batch = Batch { service: "s", spans: vec![span], ..Batch::default() };
    let columns = decode_proto(&proto(&batch), &limits()).unwrap().columns;
    let mut out = String::new();
    encode_trace_json(&columns, &[0], &["a \"warning\""], &mut out).unwrap();
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    let tags = &json["spans"][0]["tags"];
    assert_eq!((&tags[0]["value"], &tags[1]["value"]), (&"9007199254740993".into(), &"NaN".into()));
    assert_eq!(json["warnings"][0], "a \"warning\"");
    assert_eq!(json["traceID"], "0000000000000001");
}

#[test]
fn only_ids_that_a_client_and_a_server_share_are_told_apart() {
    let (server, client) = (2, 3);
    let id = |id: u8| [0, 0, 0, 0, 0, 0, 0, id];
    let mut columns = SpanColumns::default();
    for (kind, own, parent) in
        [(client, 1, 0), (server, 1, 0), (0, 2, 1), (server, 3, 2), (client, 4, 1)]
    {
        columns.trace_id.push([1; 16]);
        columns.kind.push(kind);
        columns.span_id.push(id(own));
        columns.parent_span_id.push(id(parent));
    }
    separate_shared_ids(&mut columns, &[0, 1, 2, 3, 4]);
    assert_eq!(columns.span_id, [1, 5, 2, 3, 4].map(id));
    assert_eq!(columns.parent_span_id, [0, 1, 5, 2, 5].map(id));
}

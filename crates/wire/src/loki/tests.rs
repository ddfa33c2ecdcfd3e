//! Push requests of every form, and what is wrong with them.

use proptest::prelude::*;
use watchkeep_model::column::Table as _;
use watchkeep_model::limits::DecodeLimits;
use watchkeep_model::{ErrorKind, Labels, LogColumns, Result};

use super::*;
use crate::decoded::Decoded;
use crate::protobuf::Writer;

/// A stream: its labels, and entries of time, line and metadata.
type Stream = (Vec<(String, String)>, Vec<Entry>);
type Entry = (i64, String, Vec<(String, String)>);
/// Stream, time, line and metadata.
type Row = (String, i64, String, Vec<(String, String)>);

fn options(limits: &DecodeLimits) -> PushOptions<'_> {
    PushOptions { limits, labels_required: true }
}

fn selector(labels: &[(String, String)]) -> String {
    let pairs: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}={}", serde_json::json!(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

fn proto(streams: &[Stream]) -> Vec<u8> {
    let mut writer = Writer::default();
    for (labels, entries) in streams {
        let stream = writer.begin_message(1);
        writer.bytes(1, selector(labels).as_bytes());
        for (time_ns, line, metadata) in entries {
            let entry = writer.begin_message(2);
            let time = writer.begin_message(1);
            writer.varint(1, time_ns.div_euclid(1_000_000_000) as u64);
            writer.varint(2, time_ns.rem_euclid(1_000_000_000) as u64);
            writer.end_message(time);
            writer.bytes(2, line.as_bytes());
            for (name, value) in metadata {
                let pair = writer.begin_message(3);
                writer.bytes(1, name.as_bytes());
                writer.bytes(2, value.as_bytes());
                writer.end_message(pair);
            }
            writer.end_message(entry);
        }
        writer.end_message(stream);
    }
    writer.into_bytes()
}

fn json(streams: &[Stream]) -> String {
    let object = |pairs: &[(String, String)]| {
        serde_json::Value::Object(
            pairs.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect(),
        )
    };
    let streams: Vec<_> = streams
        .iter()
        .map(|(labels, entries)| {
            let values: Vec<_> = entries
                .iter()
                .map(|(time_ns, line, metadata)| {
                    serde_json::json!([time_ns.to_string(), line, object(metadata)])
                })
                .collect();
            serde_json::json!({ "stream": object(labels), "values": values })
        })
        .collect();
    serde_json::json!({ "streams": streams }).to_string()
}

/// Stream, time, line and metadata of each row.
fn shown(columns: &LogColumns) -> Vec<Row> {
    columns.check().unwrap();
    (0..columns.len())
        .map(|row| {
            let metadata = columns.attributes.row(row);
            (
                columns.stream.get(row).to_owned(),
                columns.time_ns[row],
                columns.body.get(row).to_owned(),
                metadata.map(|(name, _, value)| (name.to_owned(), value.to_owned())).collect(),
            )
        })
        .collect()
}

fn streams() -> impl Strategy<Value = Vec<Stream>> {
    let pairs = |sizes| prop::collection::btree_map("[a-z][a-z0-9]{0,4}", ".{1,6}", sizes);
    let metadata = pairs(0..3).prop_map(|pairs| pairs.into_iter().collect::<Vec<_>>());
    let entry = (any::<i64>(), ".{0,20}", metadata);
    let stream = (pairs(1..4), prop::collection::vec(entry, 0..4));
    prop::collection::vec(
        stream.prop_map(|(labels, rows)| (labels.into_iter().collect(), rows)),
        1..4,
    )
}

proptest! {
    #[test]
    fn both_forms_make_the_same_rows(streams in streams()) {
        let limits = DecodeLimits::default();
        let from_proto = decode_proto(&proto(&streams), options(&limits)).unwrap();
        let from_json = decode_json(json(&streams).as_bytes(), options(&limits)).unwrap();
        prop_assert_eq!(shown(&from_proto.columns), shown(&from_json.columns));
        let rows: usize = streams.iter().map(|(_, entries)| entries.len()).sum();
        prop_assert_eq!(from_proto.columns.len(), rows);
    }

    #[test]
    fn no_bytes_panic(body: Vec<u8>) {
        let limits = DecodeLimits::default();
        for decode in [decode_proto, decode_json, decode_legacy_json] {
            if let Ok(decoded) = decode(&body, options(&limits)) {
                decoded.columns.check().unwrap();
            }
        }
    }

    #[test]
    fn a_cut_request_is_an_error(streams in streams(), cut in 1_usize..40) {
        let limits = DecodeLimits::default();
        let text = json(&streams);
        let cut = text.floor_char_boundary(text.len().saturating_sub(cut));
        prop_assert!(decode_json(&text.as_bytes()[..cut], options(&limits)).is_err());
    }
}

fn decode_text(text: &str) -> Result<Decoded<LogColumns>> {
    decode_json(text.as_bytes(), options(&DecodeLimits::default()))
}

#[test]
fn a_request_is_read_in_any_order_of_its_members() {
    let text = r#"{"other":[{"a":[1,"]"]}],"streams":[{"values":[["3","a\n\u00e9\ud83d\ude00\"",
        {"trace.id":"x","trace_id":"000102030405060708090a0b0c0d0e0f","none":""}],["4","b"],null],
        "stream":{"b":"2","a":"1","n":5}},null,{"stream":{"a":"2"},"values":null}]} "#;
    let decoded = decode_text(text).unwrap();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let stream = r#"{a="1", b="2", n="5"}"#.to_owned();
    let id = "000102030405060708090a0b0c0d0e0f";
    let expect = vec![
        (
            stream.clone(),
            3,
            "a\né😀\"".to_owned(),
            vec![pair("trace_id", "x"), pair("trace_id", id)],
        ),
        (stream, 4, "b".to_owned(), vec![]),
    ];
    assert_eq!(shown(&decoded.columns), expect);
    assert_eq!(decoded.columns.trace_id[0][15], 15);
    assert_eq!(decoded.columns.service.get(0), "unknown_service");
}

#[test]
fn what_is_not_a_request_is_refused_with_the_reason() {
    let cases = [
        (r#"{"streams":[{"stream":{"a":"1"},"values":[[1,"x"]]}]}"#, "Value is string"),
        (r#"{"streams":[{"stream":{"a":"1"},"values":[["1.5","x"]]}]}"#, "Number/Boolean/None"),
        (r#"{"streams":[{"stream":{"a":"1"},"values":[["1",5]]}]}"#, "Value is string"),
        (r#"{"streams":[{"stream":{"a":"1"},"values":[["1","x",[]]]}]}"#, "looks like object"),
        (r#"{"streams":[{"stream":{"a":"1"},"values":[["1","x",{"a":5}]]}]}"#, "Value is string"),
        (r#"{"streams":[{"stream":{"a":"1"},"values":[[]]}]}"#, "no timestamp"),
        (r#"{"streams":[{"stream":{"a-b":"1"},"values":[]}]}"#, "couldn't parse labels"),
        (r#"{"streams":[]} {"#, "something follows"),
        (r#"{"streams":[{"stream":{"a":"1"#, "no end"),
        ("", "expected '{'"),
        (r#"{"streams":[]}"#, NO_STREAMS),
        ("{}", NO_STREAMS),
    ];
    for (text, expect) in cases {
        let error = decode_text(text).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Invalid, "{text}");
        assert!(error.message().contains(expect), "{text}: {}", error.message());
    }
}

#[test]
fn what_can_not_be_kept_is_left_out_and_told() {
    let limits = DecodeLimits {
        log_body_bytes_max: 5,
        attributes_per_item_max: 1,
        labels_per_series_max: 2,
        ..DecodeLimits::default()
    };
    let text = r#"{"streams":[
        {"stream":{},"values":[["1","a"]]},
        {"stream":{"a":"1","b":"2","c":"3"},"values":[["1","a"]]},
        {"stream":{"a":"1","b":"2","service_name":"3"},"values":[
            ["1","123456"],["2","12345"],["3","x",{"a":"1","b":"2"}]]}]}"#;
    let decoded = decode_json(text.as_bytes(), options(&limits)).unwrap();
    assert_eq!((decoded.columns.len(), decoded.rejected), (1, 4));
    assert_eq!(decoded.columns.service.get(0), "3");
    for expect in [
        "error at least one label pair is required per stream",
        "has 3 label names; limit 2",
        "max entry size '5' bytes exceeded for stream '{a=\"1\", b=\"2\", service_name=\"3\"}'",
        "has too many structured metadata labels: '2', limit: '1'",
    ] {
        assert!(decoded.message.contains(expect), "{expect}: {}", decoded.message);
    }
}

#[test]
fn labels_are_read_as_prometheus_reads_them() {
    let cases = [
        ("{}", "Ok({})"),
        (r#" { b = "2" , a='1',} "#, r#"Ok({"a": "1", "b": "2"})"#),
        (r#"{a="x\"\\\n\x41é\101", b=`\n`, c=""}"#, r#"Ok({"a": "x\"\\\nAéA", "b": "\\n"})"#),
        (r#"up{a="1"}"#, r#"Ok({"__name__": "up", "a": "1"})"#),
        (r#"{"a"="1"}"#, r#"Ok({"a": "1"})"#),
    ];
    for (text, expect) in cases {
        assert_eq!(format!("{:?}", parse_labels(text)), expect, "{text}");
    }
    for text in [
        "",
        "{",
        "{a}",
        "{a=1}",
        r#"{a="1}"#,
        r#"{a="1" b="2"}"#,
        r#"{a="\q"}"#,
        "{}}",
        r#"{a="1",a="2"}"#,
        r#"{1a="1"}"#,
        r#"{a=~"1"}"#,
    ] {
        assert!(parse_labels(text).is_err(), "{text}");
    }
}

#[test]
fn the_older_form_has_labels_as_text_and_times_in_rfc_3339() {
    let text = r#"{"streams":[{"labels":"{a=\"1\"}","entries":[
        {"ts":"2025-06-02T10:00:00.000000001Z","line":"x","structuredMetadata":{"k":"v"}},
        {"line":"y","timestamp":"2025-06-02T12:00:00+02:00","else":[]}]}]}"#;
    let limits = DecodeLimits::default();
    let decoded = decode_legacy_json(text.as_bytes(), options(&limits)).unwrap();
    let at = 1_748_858_400_000_000_000;
    let rows = shown(&decoded.columns);
    assert_eq!((rows[0].1, &*rows[0].2), (at + 1, "x"));
    assert_eq!((&*rows[1].0, rows[1].1, &*rows[1].2), ("{a=\"1\"}", at, "y"));
    assert_eq!(rows[0].3, [("k".to_owned(), "v".to_owned())]);
    let number = r#"{"streams":[{"labels":"{a=\"1\"}","entries":[{"ts":1,"line":"x"}]}]}"#;
    assert!(decode_legacy_json(number.as_bytes(), options(&limits)).is_err());
}

#[test]
fn ids_of_traces_are_found_in_metadata() {
    let text = r#"{"streams":[{"stream":{"a":"1"},"values":[
        ["1","a",{"traceID":"00000000000000ff","span_id":"00000000000000fe"}],
        ["2","b",{"traceid":"no","span_id":"fe"}]]}]}"#;
    let columns = decode_text(text).unwrap().columns;
    assert_eq!((columns.trace_id[0][15], columns.span_id[0][7]), (255, 254));
    assert_eq!((columns.trace_id[1], columns.span_id[1]), ([0; 16], [0; 8]));
}

#[test]
fn lines_are_records_and_tell_their_time() {
    let at = 1_748_858_400_000_000_000;
    let cases = [
        ("plain text", 7),
        (r#"{"timestamp":"2025-06-02T10:00:00Z","level":"INFO"}"#, at),
        (r#"{"a":{"ts":1},"ts":1748858400}"#, at),
        (r#"{"time":1748858400000}"#, at),
        (r#"{"@timestamp":"1748858400000000"}"#, at),
        (r#"{"ts":1748858400.5} trailing"#, at + 500_000_000),
        (r#"{"ts":true,"time":"soon"}"#, 7),
        (r#"{"ts":"#, 7),
    ];
    let limits = DecodeLimits { log_body_bytes_max: 100, ..DecodeLimits::default() };
    let lines: Vec<&str> = cases.iter().map(|(line, _)| *line).collect();
    let body = lines.join("\r\n\n") + "\r\n";
    let labels = Labels::from_pairs([("app", "x"), ("service", "y")]);
    let long = format!("{body}{}", "z".repeat(101));
    let decoded = decode_lines(long.as_bytes(), &labels, options(&limits), 7).unwrap();
    let rows = shown(&decoded.columns);
    assert_eq!((rows.len(), decoded.rejected), (cases.len(), 1));
    for ((line, time_ns), (stream, found_ns, found, _)) in cases.iter().zip(rows) {
        assert_eq!((found_ns, &*found), (*time_ns, *line));
        assert_eq!(stream, r#"{app="x", service="y"}"#);
    }
    assert_eq!(decoded.columns.service.get(0), "y");
}

//! Zipkin's lists of spans: what each thing in one becomes, however it is written.

mod back;
mod first;

use watchkeep_model::limits::DecodeLimits;
use watchkeep_model::{ErrorKind, Result, SpanColumns};

use super::{decode_json, decode_proto, decode_v1_json, decode_v1_thrift};
use crate::decoded::Decoded;
use crate::protobuf::Writer;
use crate::spans::shown::shown;

const ARRIVAL: i64 = 7_000;

fn limits() -> DecodeLimits {
    DecodeLimits::default()
}

fn json(text: &str) -> SpanColumns {
    decode_json(text.as_bytes(), &limits(), ARRIVAL).unwrap().columns
}

const EVERYTHING: &str = r#"[{
    "traceId": "5982fe77008310cc80f1da5e10147517", "id": "bd7a977555f6b982",
    "parentId": "90394f6bcffb5d13", "kind": "CLIENT", "name": "get /\u0061pi",
    "timestamp": 1458702548467123, "duration": 386000,
    "localEndpoint": {"serviceName": "front", "ipv4": "192.168.99.1", "port": 8080},
    "remoteEndpoint": {"serviceName": "back", "ipv6": "2001:db8::c001", "port": 443},
    "annotations": [{"timestamp": 1458702548500000, "value": "foo"},
        {"timestamp": 1458702548600000, "value": "bar"}],
    "tags": {"http.path": "/api", "n": "1", "otel.scope.name": "brave",
        "otel.scope.version": "5", "w3c.tracestate": "k=v"},
    "debug": true, "shared": false, "unknown": [{"a": null}]
}]"#;

const EVERYTHING_SHOWN: &str = r#"5982fe77008310cc80f1da5e10147517 bd7a977555f6b982 < 90394f6bcffb5d13 kind 3 status 0 flags 0
1458702548467123000 + 386000000 "get /api" of front
resource: {"service.name":"front"}
scope: brave 5
state: k=v
attributes: http.path=s:/api n=s:1 net.host.ip=s:192.168.99.1 net.host.port=i:8080 peer.service=s:back net.peer.ip=s:2001:db8::c001 net.peer.port=i:443 zipkin.debug=b:true
events: [{"time_unix_nano":1458702548500000000,"name":"foo","attributes":{},"dropped_attributes_count":0},{"time_unix_nano":1458702548600000000,"name":"bar","attributes":{},"dropped_attributes_count":0}]
"#;

/// The same as [`EVERYTHING`].
fn everything_proto() -> Vec<u8> {
    let mut writer = Writer::default();
    let span = writer.begin_message(1);
    writer.bytes(1, &0x5982_fe77_0083_10cc_80f1_da5e_1014_7517_u128.to_be_bytes());
    writer.bytes(2, &0x9039_4f6b_cffb_5d13_u64.to_be_bytes());
    writer.bytes(3, &0xbd7a_9775_55f6_b982_u64.to_be_bytes());
    writer.varint(4, 1);
    writer.bytes(5, b"get /api");
    writer.fixed64(6, 1_458_702_548_467_123);
    writer.varint(7, 386_000);
    let local = writer.begin_message(8);
    writer.bytes(1, b"front");
    writer.bytes(2, &[192, 168, 99, 1]);
    writer.varint(4, 8080);
    writer.end_message(local);
    let remote = writer.begin_message(9);
    writer.bytes(1, b"back");
    writer.bytes(3, &0x2001_0db8_0000_0000_0000_0000_0000_c001_u128.to_be_bytes());
    writer.varint(4, 443);
    writer.end_message(remote);
    for (time, value) in [(1_458_702_548_500_000, b"foo"), (1_458_702_548_600_000, b"bar")] {
        let annotation = writer.begin_message(10);
        writer.fixed64(1, time);
        writer.bytes(2, value);
        writer.end_message(annotation);
    }
    for (key, value) in [
        ("http.path", "/api"),
        ("n", "1"),
        ("otel.scope.name", "brave"),
        ("otel.scope.version", "5"),
        ("w3c.tracestate", "k=v"),
    ] {
        let tag = writer.begin_message(11);
        writer.bytes(1, key.as_bytes());
        writer.bytes(2, value.as_bytes());
        writer.end_message(tag);
    }
    writer.varint(12, 1);
    writer.end_message(span);
    writer.into_bytes()
}

#[test]
fn both_encodings_of_the_second_form_become_the_same_span() {
    assert_eq!(shown(&json(EVERYTHING)), EVERYTHING_SHOWN);
    let decoded = decode_proto(&everything_proto(), &limits(), ARRIVAL).unwrap();
    assert_eq!(shown(&decoded.columns), EVERYTHING_SHOWN);
}

#[test]
fn both_sides_of_a_shared_span_stay() {
    let columns = json(
        r#"[{"traceId":"1","id":"2","kind":"CLIENT","timestamp":1,"localEndpoint":{"serviceName":"a"}},
            {"traceId":"1","id":"2","kind":"SERVER","timestamp":2,"shared":true,
             "localEndpoint":{"serviceName":"b"}}]"#,
    );
    assert_eq!(columns.span_id, [[0, 0, 0, 0, 0, 0, 0, 2]; 2]);
    assert_eq!(columns.kind, [3, 2]);
    let attributes = |row| columns.attributes.row(row).map(|(key, _, _)| key).collect::<Vec<_>>();
    assert_eq!((attributes(0), attributes(1)), (vec![], vec!["zipkin.shared"]));
}

#[test]
fn tags_tell_status_and_kind_and_errors_stay() {
    for (tags, status, message, left) in [
        (r#"{"error": ""}"#, 2, "", "error="),
        (r#"{"error": "true"}"#, 2, "", "error=true"),
        (r#"{"error": "boom"}"#, 2, "boom", "error=boom"),
        (r#"{"error": "false"}"#, 0, "", "error=false"),
        (r#"{"otel.status_code": "ERROR", "error": "why"}"#, 2, "why", ""),
        (
            r#"{"otel.status_code": "ERROR", "otel.status_description": "d", "error": ""}"#,
            2,
            "d",
            "",
        ),
        (r#"{"otel.status_code": "OK", "error": "odd"}"#, 1, "", "error=odd"),
        (r#"{"otel.status_description": "d"}"#, 0, "", "otel.status_description=d"),
        (r#"{"n": 1.5, "b": true, "i": -3, "none": null}"#, 0, "", "n=1.5 b=true i=-3"),
    ] {
        let text = format!(r#"[{{"traceId":"1","id":"1","timestamp":1,"tags":{tags}}}]"#);
        let columns = json(&text);
        let kept: Vec<_> =
            columns.attributes.row(0).map(|(key, _, text)| format!("{key}={text}")).collect();
        assert_eq!(columns.status_code[0], status, "{tags}");
        assert_eq!(columns.status_message.get(0), message, "{tags}");
        assert_eq!(kept.join(" "), left, "{tags}");
    }
    let text = r#"[{"traceId":"1","id":"1","timestamp":1,"tags":{"span.kind":"internal"}}]"#;
    assert_eq!(json(text).kind, [1]);
}

#[test]
fn ids_of_both_lengths_are_read_and_a_parent_of_the_same_id_is_none() {
    let columns = json(
        r#"[{"traceId":"463ac35c9f6413ad","id":"72485a3953bb6124","timestamp":1},
            {"traceId":"463ac35c9f6413ad48485a3953bb6124","id":"0000000000000001",
             "parentId":"0000000000000001","timestamp":1}]"#,
    );
    assert_eq!(columns.trace_id[0], 0x463a_c35c_9f64_13ad_u128.to_be_bytes());
    assert_eq!(columns.trace_id[1][..8], 0x463a_c35c_9f64_13ad_u64.to_be_bytes());
    assert_eq!(columns.parent_span_id, [[0; 8]; 2]);
    let decoded = decode_json(
        br#"[{"traceId":"zz","id":"1"},{"traceId":"1"},{"traceId":"1","id":"1"}]"#,
        &limits(),
        ARRIVAL,
    )
    .unwrap();
    assert_eq!((decoded.columns.span_id.len(), decoded.rejected), (1, 2));
}

#[test]
fn a_span_without_a_time_begins_with_an_annotation_or_when_it_arrives() {
    let columns = json(
        r#"[{"traceId":"1","id":"1"},
            {"traceId":"1","id":"2","timestamp":null,
             "annotations":[{"timestamp":9,"value":"b"},{"timestamp":8,"value":"a"}]}]"#,
    );
    assert_eq!(columns.start_ns, [ARRIVAL, 8_000]);
    for row in 0..2 {
        let attribute = columns.attributes.row(row).next().unwrap();
        assert_eq!((attribute.0, attribute.2), ("otel.zipkin.absentField.startTime", "true"));
    }
}

#[test]
fn bodies_of_another_form_are_refused_in_zipkins_words() {
    type Decode = fn(&[u8], &DecodeLimits, i64) -> Result<Decoded<SpanColumns>>;
    let cases: [(Decode, &[u8], &str); 9] = [
        (decode_json, b"{}", "Expected a JSON_V2 encoded list"),
        (decode_json, b"\x0a\x00", "Expected a JSON_V2 encoded list"),
        (
            decode_json,
            br#"[{"traceId":"1","id":"1","binaryAnnotations":[]}]"#,
            "Expected a JSON_V2 encoded list, but received: JSON_V1",
        ),
        (
            decode_v1_json,
            br#"[{"traceId":"1","id":"1","tags":{}}]"#,
            "Expected a JSON_V1 encoded list, but received: JSON_V2",
        ),
        (decode_proto, b"[]", "Expected a PROTO3 encoded list"),
        (decode_v1_thrift, b"[]", "Expected a THRIFT encoded list"),
        (decode_json, b"[{", "Cannot decode spans due to IllegalArgumentException(Malformed"),
        (decode_json, b"[] x", "Cannot decode spans due to IllegalArgumentException(Malformed"),
        (decode_proto, b"\x0a\x05", "malformed list of Zipkin spans: "),
    ];
    for (decode, body, expect) in cases {
        let error = decode(body, &limits(), ARRIVAL).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Invalid));
        assert!(error.message().starts_with(expect), "{}", error.message());
    }
    assert!(decode_json(b" [] ", &limits(), ARRIVAL).is_ok());
    assert!(decode_proto(b"", &limits(), ARRIVAL).is_ok());
}

#[test]
fn deep_values_are_refused() {
    let deep = format!(r#"[{{"unknown": {}}}]"#, "[".repeat(100_000));
    assert!(decode_json(deep.as_bytes(), &limits(), ARRIVAL).is_err());
}

#[test]
fn limits_hold_and_are_counted() {
    let limits = DecodeLimits {
        attributes_per_item_max: 2,
        events_per_span_max: 1,
        ..DecodeLimits::default()
    };
    let tags: Vec<String> = (0..100).map(|n| format!(r#""k{n}":"v""#)).collect();
    let text = format!(
        r#"[{{"traceId":"1","id":"1","timestamp":1,"tags":{{{}}},
            "annotations":[{{"timestamp":1,"value":"a"}},{{"timestamp":2,"value":"b"}}]}}]"#,
        tags.join(",")
    );
    let decoded = decode_json(text.as_bytes(), &limits, ARRIVAL).unwrap();
    assert_eq!(decoded.columns.attributes.row(0).count(), 2);
    assert_eq!((decoded.columns.dropped_attributes[0], decoded.columns.dropped_events[0]), (98, 1));
    assert_eq!((decoded.warnings.dropped_attributes, decoded.warnings.dropped_events), (98, 1));
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, at in 0..400_usize, byte: u8) {
        let _any_outcome = decode_json(&bytes, &limits(), ARRIVAL);
        let _any_outcome = decode_proto(&bytes, &limits(), ARRIVAL);
        let _any_outcome = decode_v1_thrift(&[&[12], &bytes[..]].concat(), &limits(), ARRIVAL);
        let (mut text, mut proto) = (EVERYTHING.as_bytes().to_vec(), everything_proto());
        text[at] = byte;
        let place = at % proto.len();
        proto[place] = byte;
        let _any_outcome = decode_json(&text, &limits(), ARRIVAL);
        let _any_outcome = decode_v1_json(&text, &limits(), ARRIVAL);
        let _any_outcome = decode_proto(&proto, &limits(), ARRIVAL);
    }
}

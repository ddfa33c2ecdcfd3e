//! The first form: core annotations become kinds and times, and a span with both sides becomes two.

use super::*;
use crate::jaeger::decode_packet;
use crate::thrift::Protocol;
use crate::thrift_writer::Writer as ThriftWriter;

fn json_v1(text: &str) -> SpanColumns {
    decode_v1_json(text.as_bytes(), &limits(), ARRIVAL).unwrap().columns
}

/// Annotations as (time, value, service), tags as (key, value, type, service).
struct Span {
    timestamp: i64,
    duration: i64,
    annotations: &'static [(i64, &'static str, &'static str)],
    tags: &'static [(&'static str, &'static [u8], i32, &'static str)],
}

const BOTH_SIDES: Span = Span {
    timestamp: 100,
    duration: 50,
    annotations: &[
        (100, "cs", "front"),
        (110, "sr", "back"),
        (120, "worked", "back"),
        (130, "ss", "back"),
        (150, "cr", "front"),
        (151, "told", "front"),
    ],
    tags: &[
        ("http.path", b"/api", 6, "front"),
        ("ok", b"\x01", 0, "back"),
        ("bytes", b"ab", 1, "back"),
        ("i16", b"\xff\xfe", 2, "back"),
        ("i32", b"\0\0\x01\0", 3, "back"),
        ("i64", b"\0\0\0\0\0\0\0\x07", 4, "back"),
        ("double", b"\x3f\xf8\0\0\0\0\0\0", 5, "back"),
        ("short", b"ab", 4, "back"),
        ("sa", b"\x01", 0, "back"),
        ("ca", b"\x01", 0, "front"),
    ],
};

const BOTH_SIDES_SHOWN: &str = r#"00000000000000020000000000000001 0000000000000003 < 0000000000000004 kind 3 status 0 flags 0
100000 + 50000 "get" of front
resource: {"service.name":"front"}
attributes: http.path=s:/api net.host.ip=s:1.2.3.4 net.host.port=i:65535 peer.service=s:back net.peer.ip=s:1.2.3.4 net.peer.port=i:65535
events: [{"time_unix_nano":151000,"name":"told","attributes":{},"dropped_attributes_count":0}]

00000000000000020000000000000001 0000000000000003 < 0000000000000004 kind 2 status 0 flags 0
110000 + 20000 "get" of back
resource: {"service.name":"back"}
attributes: ok=b:true bytes=x:YWI= i16=i:-2 i32=i:256 i64=i:7 double=d:1.5 short=x:YWI= net.host.ip=s:1.2.3.4 net.host.port=i:65535 peer.service=s:front net.peer.ip=s:1.2.3.4 net.peer.port=i:65535 zipkin.shared=b:true
events: [{"time_unix_nano":120000,"name":"worked","attributes":{},"dropped_attributes_count":0}]
"#;

fn endpoint(writer: &mut ThriftWriter, service: &str) {
    writer.i32(1, 0x0102_0304);
    writer.i16(2, -1);
    writer.binary(3, service.as_bytes());
}

fn write(writer: &mut ThriftWriter, span: &Span) {
    writer.i64(1, 1);
    writer.binary(3, b"get");
    writer.i64(4, 3);
    writer.i64(5, 4);
    writer.structs(6, span.annotations, |writer, (time, value, service)| {
        writer.i64(1, *time);
        writer.binary(2, value.as_bytes());
        writer.message(3, |writer| endpoint(writer, service));
    });
    writer.structs(8, span.tags, |writer, (key, value, kind, service)| {
        writer.binary(1, key.as_bytes());
        writer.binary(2, value);
        writer.i32(3, *kind);
        writer.message(4, |writer| endpoint(writer, service));
    });
    writer.bool(9, false);
    writer.i64(10, span.timestamp);
    writer.i64(11, span.duration);
    writer.i64(12, 2);
}

#[test]
fn both_sides_of_a_call_in_one_span_become_two() {
    let mut list = ThriftWriter::new(Protocol::Binary);
    list.list(&[BOTH_SIDES], write);
    let columns = decode_v1_thrift(&list.bytes, &limits(), ARRIVAL).unwrap().columns;
    assert_eq!(shown(&columns), BOTH_SIDES_SHOWN);

    let mut call = ThriftWriter::new(Protocol::Compact);
    call.call("emitZipkinBatch");
    call.structs(1, &[BOTH_SIDES], write);
    call.end();
    let columns = decode_packet(&call.bytes, &limits(), ARRIVAL).unwrap().columns;
    assert_eq!(shown(&columns), BOTH_SIDES_SHOWN);

    for len in 1..list.bytes.len() {
        assert!(decode_v1_thrift(&list.bytes[..len], &limits(), ARRIVAL).is_err(), "{len}");
    }
}

#[test]
fn json_of_the_first_form_means_the_same() {
    let columns = json_v1(
        r#"[{"traceId":"00000000000000020000000000000001","id":"0000000000000003",
        "parentId":"0000000000000004","name":"get","timestamp":100,"duration":50,
        "annotations":[
        {"timestamp":100,"value":"cs","endpoint":{"serviceName":"front","ipv4":"1.2.3.4","port":65535}},
        {"timestamp":110,"value":"sr","endpoint":{"serviceName":"back","ipv4":"1.2.3.4","port":65535}},
        {"timestamp":120,"value":"worked","endpoint":{"serviceName":"back"}},
        {"timestamp":130,"value":"ss","endpoint":{"serviceName":"back"}},
        {"timestamp":150,"value":"cr","endpoint":{"serviceName":"front"}},
        {"timestamp":151,"value":"told","endpoint":{"serviceName":"front"}}],
        "binaryAnnotations":[
        {"key":"http.path","value":"/api","endpoint":{"serviceName":"front"}},
        {"key":"ok","value":true,"endpoint":{"serviceName":"back"}},
        {"key":"i64","value":"7","type":"I64","endpoint":{"serviceName":"back"}},
        {"key":"double","value":1.5,"type":"DOUBLE","endpoint":{"serviceName":"back"}},
        {"key":"plain","value":"7","endpoint":{"serviceName":"back"}},
        {"key":"sa","value":true,"endpoint":{"serviceName":"back"}}]}]"#,
    );
    let expect = r#"00000000000000020000000000000001 0000000000000003 < 0000000000000004 kind 3 status 0 flags 0
100000 + 50000 "get" of front
resource: {"service.name":"front"}
attributes: http.path=s:/api net.host.ip=s:1.2.3.4 net.host.port=i:65535 peer.service=s:back
events: [{"time_unix_nano":151000,"name":"told","attributes":{},"dropped_attributes_count":0}]

00000000000000020000000000000001 0000000000000003 < 0000000000000004 kind 2 status 0 flags 0
110000 + 20000 "get" of back
resource: {"service.name":"back"}
attributes: ok=b:true i64=i:7 double=d:1.5 plain=s:7 net.host.ip=s:1.2.3.4 net.host.port=i:65535 zipkin.shared=b:true
events: [{"time_unix_nano":120000,"name":"worked","attributes":{},"dropped_attributes_count":0}]
"#;
    assert_eq!(shown(&columns), expect);
}

#[test]
fn core_annotations_tell_kind_time_and_whether_the_span_is_shared() {
    for (span, kind, start, duration, shared) in [
        // A client and a server that report for themselves.
        (
            r#""timestamp":5,"duration":9,"annotations":[{"timestamp":5,"value":"cs"}]"#,
            3,
            5,
            9,
            false,
        ),
        (
            r#""annotations":[{"timestamp":5,"value":"cs"},{"timestamp":8,"value":"cr"}]"#,
            3,
            5,
            3,
            false,
        ),
        (
            r#""timestamp":5,"duration":3,"annotations":[{"timestamp":5,"value":"sr"},
               {"timestamp":8,"value":"ss"}]"#,
            2,
            5,
            3,
            false,
        ),
        // A server whose caller owns the span tells no time of it.
        (
            r#""annotations":[{"timestamp":5,"value":"sr"},{"timestamp":8,"value":"ss"}]"#,
            2,
            5,
            3,
            true,
        ),
        (r#""annotations":[{"timestamp":5,"value":"ms"}]"#, 4, 5, 0, false),
        (r#""annotations":[{"timestamp":5,"value":"mr"}]"#, 5, 5, 0, false),
        // Only an address tells the side.
        (
            r#""timestamp":5,"binaryAnnotations":[{"key":"sa","value":true,
               "endpoint":{"serviceName":"db"}}]"#,
            3,
            5,
            0,
            false,
        ),
        (
            r#""timestamp":5,"duration":2,"binaryAnnotations":[{"key":"lc","value":"",
               "endpoint":{"serviceName":"me"}}]"#,
            0,
            5,
            2,
            false,
        ),
    ] {
        let columns = json_v1(&format!(r#"[{{"traceId":"1","id":"1","parentId":"2",{span}}}]"#));
        assert_eq!(columns.kind, [kind], "{span}");
        assert_eq!((columns.start_ns[0], columns.duration_ns[0]), (start * 1000, duration * 1000));
        let is_shared = columns.attributes.row(0).any(|(key, ..)| key == "zipkin.shared");
        assert_eq!(is_shared, shared, "{span}");
    }
}

#[test]
fn a_local_component_names_the_service() {
    let columns = json_v1(
        r#"[{"traceId":"1","id":"1","timestamp":5,"binaryAnnotations":[
            {"key":"lc","value":"jdbc","endpoint":{"serviceName":"me"}}]}]"#,
    );
    assert_eq!(columns.service.get(0), "me");
    let kept = columns.attributes.row(0).next().unwrap();
    assert_eq!((kept.0, kept.2), ("lc", "jdbc"));
}

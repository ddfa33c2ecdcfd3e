//! Jaeger's batches: what each thing in one becomes, however it is written.

mod back;
mod mapping;
mod sampling;
mod write;

use watchkeep_model::limits::DecodeLimits;
use watchkeep_model::{ErrorKind, SpanColumns};

use self::write::{Batch, Log, Reference, Span, Value, call, proto, thrift};
use crate::decoded::Decoded;
use crate::jaeger::{decode_packet, decode_proto, decode_thrift};
use crate::spans::shown::shown;
use crate::thrift::Protocol;

const ARRIVAL: i64 = 7_000;

fn limits() -> DecodeLimits {
    DecodeLimits::default()
}

/// A batch in which everything is used.
fn everything() -> Batch {
    let tags = vec![
        ("text", Value::Text("plain")),
        ("true", Value::Bool(true)),
        ("int", Value::Int(i64::MIN)),
        ("double", Value::Double(0.1)),
        ("bytes", Value::Bytes(&[0, 255])),
        ("span.kind", Value::Text("server")),
    ];
    let parent = Reference { is_parent: true, trace: (2, 1), span: 4 };
    let other = Reference { is_parent: false, trace: (9, 8), span: 7 };
    Batch {
        service: "shop",
        process: vec![("hostname", Value::Text("box")), ("cpus", Value::Int(8))],
        spans: vec![
            Span {
                trace: (2, 1),
                id: 3,
                parent: 4,
                name: "GET /",
                references: vec![parent, other],
                flags: 3,
                start: 1_700_000_000_123_456,
                duration: 1_500,
                tags: tags.clone(),
                logs: vec![
                    Log {
                        time: 1_700_000_000_123_500,
                        fields: vec![("event", Value::Text("miss")), ("n", Value::Int(2))],
                    },
                    Log { time: 1_700_000_000_123_600, fields: tags },
                ],
            },
            Span { trace: (2, 0), id: 5, name: "small", ..Span::default() },
        ],
    }
}

const EVERYTHING: &str = r#"00000000000000010000000000000002 0000000000000003 < 0000000000000004 kind 2 status 0 flags 3
1700000000123456000 + 1500000 "GET /" of shop
resource: {"service.name":"shop","host.name":"box","cpus":8}
attributes: text=s:plain true=b:true int=i:-9223372036854775808 double=d:0.1 bytes=x:AP8=
events: [{"time_unix_nano":1700000000123500000,"name":"miss","attributes":{"n":2},"dropped_attributes_count":0},{"time_unix_nano":1700000000123600000,"name":"","attributes":{"text":"plain","true":true,"int":-9223372036854775808,"double":0.1,"bytes":{"$bytes":"AP8="},"span.kind":"server"},"dropped_attributes_count":0}]
links: [{"trace_id":"00000000000000080000000000000009","span_id":"0000000000000007","trace_state":"","attributes":{"opentracing.ref_type":"follows_from"},"dropped_attributes_count":0,"flags":0}]

00000000000000000000000000000002 0000000000000005 < 0000000000000000 kind 0 status 0 flags 0
0 + 0 "small" of shop
resource: {"service.name":"shop","host.name":"box","cpus":8}
"#;

#[test]
fn all_forms_of_a_batch_become_the_same_spans() {
    let batch = everything();
    let decoded = [
        decode_thrift(&thrift(&batch, Protocol::Binary), &limits()).unwrap(),
        decode_proto(&proto(&batch), &limits()).unwrap(),
        decode_packet(&call(&batch, Protocol::Compact), &limits(), ARRIVAL).unwrap(),
        decode_packet(&call(&batch, Protocol::Binary), &limits(), ARRIVAL).unwrap(),
    ];
    for (form, Decoded { columns, rejected, warnings, .. }) in decoded.iter().enumerate() {
        assert_eq!(shown(columns), EVERYTHING, "form {form}");
        assert_eq!((*rejected, *warnings), Default::default(), "form {form}");
    }
}

#[test]
fn a_span_without_ids_is_left_out_alone() {
    let span = |trace, id| Span { trace, id, name: "some", ..Span::default() };
    let spans = vec![span((0, 0), 1), span((1, 0), 0), span((1, 0), 1)];
    let batch = Batch { service: "s", spans, ..Batch::default() };
    for decoded in [
        decode_thrift(&thrift(&batch, Protocol::Binary), &limits()).unwrap(),
        decode_proto(&proto(&batch), &limits()).unwrap(),
    ] {
        assert_eq!((decoded.columns.span_id.len(), decoded.rejected), (1, 2));
        assert!(decoded.message.contains("trace id"), "{}", decoded.message);
        assert!(decoded.message.contains("span id"), "{}", decoded.message);
    }
}

#[test]
fn limits_hold_and_are_counted() {
    let limits = DecodeLimits {
        attributes_per_item_max: 3,
        events_per_span_max: 1,
        attribute_value_bytes_max: 4,
        ..DecodeLimits::default()
    };
    let mut batch = everything();
    batch.spans.truncate(1);
    for _ in 0..3 {
        let again = batch.spans[0].references[1].clone();
        batch.spans[0].references.push(again);
    }
    let check = |Decoded { columns, warnings, .. }: Decoded<SpanColumns>| {
        assert_eq!(columns.attributes.row(0).count(), 3);
        assert_eq!(columns.attributes.row(0).next().unwrap().2, "plai");
        assert_eq!((columns.dropped_attributes[0], columns.dropped_events[0]), (2, 1));
        assert_eq!(columns.dropped_links[0], 3, "four that are no parent, one is kept");
        assert_eq!((warnings.dropped_events, warnings.dropped_links), (1, 3));
        assert!(warnings.truncated_values > 0);
        assert_eq!(columns.events.get(0).matches("time_unix_nano").count(), 1);
    };
    check(decode_thrift(&thrift(&batch, Protocol::Binary), &limits).unwrap());
    check(decode_proto(&proto(&batch), &limits).unwrap());
}

#[test]
fn the_parts_of_a_batch_come_in_any_order() {
    let mut writer = crate::thrift_writer::Writer::new(Protocol::Binary);
    writer.structs(2, &[1_i64, 2], |writer, id| {
        writer.i64(3, *id);
        writer.i64(1, 9);
    });
    writer.message(1, |writer| writer.binary(1, b"late"));
    writer.end();
    let decoded = decode_thrift(&writer.bytes, &limits()).unwrap();
    assert_eq!(decoded.columns.service.iter().collect::<Vec<_>>(), ["late", "late"]);
}

#[test]
fn a_batch_without_a_process_has_no_service() {
    let batch =
        Batch { spans: vec![Span { trace: (1, 0), id: 1, ..Span::default() }], ..Batch::default() };
    let decoded = decode_proto(&proto(&batch), &limits()).unwrap();
    assert_eq!(decoded.columns.service.get(0), "unknown_service");
    assert_eq!(decoded.columns.resource.get(0), "{}");
}

#[test]
fn a_span_may_have_a_process_of_its_own() {
    let own = |name: &[u8]| {
        let mut writer = crate::protobuf::Writer::default();
        let batch = writer.begin_message(1);
        let span = writer.begin_message(1);
        writer.bytes(1, &[1; 16]);
        writer.bytes(2, &[1; 8]);
        if !name.is_empty() {
            let process = writer.begin_message(10);
            writer.bytes(1, name);
            writer.end_message(process);
        }
        writer.end_message(span);
        let process = writer.begin_message(2);
        writer.bytes(1, b"shared");
        writer.end_message(process);
        writer.end_message(batch);
        let decoded = decode_proto(&writer.into_bytes(), &limits()).unwrap();
        decoded.columns.service.get(0).to_owned()
    };
    assert_eq!((own(b"own").as_str(), own(b"").as_str()), ("own", "shared"));
}

#[test]
fn what_is_cut_is_refused_with_its_place() {
    let batch = everything();
    let (binary, compact) = (thrift(&batch, Protocol::Binary), call(&batch, Protocol::Compact));
    for len in 0..binary.len() {
        let error = decode_thrift(&binary[..len], &limits()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Invalid), "{len}");
        assert!(error.message().starts_with("malformed Jaeger batch: "), "{}", error.message());
    }
    for len in 0..compact.len() {
        decode_packet(&compact[..len], &limits(), ARRIVAL).unwrap_err();
    }
}

#[test]
fn packets_that_are_no_such_call_are_refused() {
    for packet in [
        &b"hello"[..],
        b"",
        // A reply; a method that is not there.
        b"\x82\x41\x00\x09emitBatch\x00",
        b"\x82\x81\x00\x04ping\x1c\x00\x00",
    ] {
        assert!(decode_packet(packet, &limits(), ARRIVAL).is_err(), "{packet:?}");
    }
}

#[test]
fn spans_of_a_byte_each_are_counted_and_none_becomes_a_row() {
    let mut writer = crate::thrift_writer::Writer::new(Protocol::Compact);
    writer.call("emitBatch");
    writer.message(1, |writer| writer.structs(2, &[(); 100_000], |_, ()| {}));
    writer.end();
    let decoded = decode_packet(&writer.bytes, &limits(), ARRIVAL).unwrap();
    assert_eq!((decoded.rejected, decoded.columns.span_id.len()), (100_000, 0));
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _any_outcome = decode_thrift(&bytes, &limits());
        let _any_outcome = decode_proto(&bytes, &limits());
        let _any_outcome = decode_packet(&bytes, &limits(), ARRIVAL);
    }

    #[test]
    fn no_changed_batch_panics(at in 0..900_usize, byte: u8) {
        let batch = everything();
        for mut bytes in [thrift(&batch, Protocol::Binary), call(&batch, Protocol::Compact)] {
            let place = at % bytes.len();
            bytes[place] = byte;
            let _any_outcome = decode_thrift(&bytes, &limits());
            let _any_outcome = decode_packet(&bytes, &limits(), ARRIVAL);
        }
    }
}

//! Zipkin's ways in, in both forms and all encodings.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::Method;

use crate::harness::{BODY_BYTES_MAX, TestServer};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

fn second(trace: u8) -> Vec<u8> {
    format!(
        r#"[{{"traceId":"{trace:032x}","id":"7","name":"work","timestamp":1000000,"duration":250,
           "localEndpoint":{{"serviceName":"shop"}}}}]"#
    )
    .into_bytes()
}

fn first(trace: u8) -> Vec<u8> {
    format!(
        r#"[{{"traceId":"{trace:032x}","id":"7","name":"work","timestamp":1000000,"duration":250,
           "annotations":[{{"timestamp":1000000,"value":"cs","endpoint":{{"serviceName":"shop"}}}}],
           "binaryAnnotations":[]}}]"#
    )
    .into_bytes()
}

fn proto(trace: u8) -> Vec<u8> {
    let field =
        |number: u8, bytes: &[u8]| [&[number << 3 | 2, bytes.len() as u8][..], bytes].concat();
    let mut id = [0; 16];
    id[15] = trace;
    let span = [
        field(1, &id),
        field(3, &[0, 0, 0, 0, 0, 0, 0, 7]),
        field(5, b"work"),
        [&[0x31][..], &1_000_000_u64.to_le_bytes()].concat(),
        vec![0x38, 0xfa, 1],
        field(8, &field(1, b"shop")),
    ]
    .concat();
    field(1, &span)
}

/// A list of one span in Thrift's binary protocol.
fn thrift(trace: u8) -> Vec<u8> {
    let i64s = |id: i16, value: i64| [&[10][..], &id.to_be_bytes(), &value.to_be_bytes()].concat();
    [
        b"\x0c\0\0\0\x01".to_vec(),
        i64s(1, i64::from(trace)),
        b"\x0b\0\x03\0\0\0\x04work".to_vec(),
        i64s(4, 7),
        b"\x0f\0\x06\x0c\0\0\0\x01".to_vec(),
        i64s(1, 1_000_000),
        b"\x0b\0\x02\0\0\0\x02cs\x0c\0\x03\x0b\0\x03\0\0\0\x04shop\0\0".to_vec(),
        i64s(10, 1_000_000),
        i64s(11, 250),
        vec![0],
    ]
    .concat()
}

#[tokio::test]
async fn spans_of_all_encodings_are_stored() {
    let server = TestServer::start().await;
    let (x_proto, x_thrift) =
        ([("content-type", "application/x-protobuf")], [("content-type", "application/x-thrift")]);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&second(6)).unwrap();
    let gzip = gzip.finish().unwrap();
    let coded = [JSON[0], ("content-encoding", "gzip")];
    for (trace, listener, path, headers, body) in [
        (1, "main", "/api/v2/spans", &JSON[..], second(1)),
        (2, "main", "/zipkin/api/v2/spans", &x_proto[..], proto(2)),
        (3, "zipkin", "/api/v1/spans", &x_thrift[..], thrift(3)),
        (4, "zipkin", "/api/v1/spans", &JSON[..], first(4)),
        // JSON where nothing is said.
        (5, "zipkin", "/api/v2/spans", &[][..], second(5)),
        (6, "zipkin", "/api/v2/spans", &coded[..], gzip),
    ] {
        let answer = server.send_to(listener, Method::POST, path, headers, body).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (202, 0), "{trace}");
        let found = server.get(&format!("/traces/{trace:032x}")).await;
        let span = &found["spans"][0];
        assert_eq!(found["resources"][0]["service"], "shop", "{trace}");
        assert_eq!(span["name"], "work", "{trace}");
        assert_eq!(span["start_time_unix_nano"], "1000000000", "{trace}");
        assert_eq!(span["duration_ns"], 250_000, "{trace}");
    }
}

#[tokio::test]
async fn what_can_not_be_taken_is_refused_in_zipkins_words() {
    let server = TestServer::start().await;
    let x_proto = [("content-type", "application/x-protobuf")];
    let lz4 = [JSON[0], ("content-encoding", "lz4")];
    for (path, headers, body, status, expect) in [
        ("/api/v2/spans", &JSON[..], b"".to_vec(), 400, "Empty POST body\n"),
        ("/api/v2/spans", &JSON[..], b"{}".to_vec(), 400, "Expected a JSON_V2 encoded list\n"),
        (
            "/api/v2/spans",
            &JSON[..],
            first(1),
            400,
            "Expected a JSON_V2 encoded list, but received: JSON_V1\n",
        ),
        (
            "/api/v1/spans",
            &JSON[..],
            second(1),
            400,
            "Expected a JSON_V1 encoded list, but received: JSON_V2\n",
        ),
        ("/api/v2/spans", &x_proto[..], second(1), 400, "Expected a PROTO3 encoded list\n"),
        ("/api/v2/spans", &JSON[..], b"[{".to_vec(), 400, "Cannot decode spans due to "),
        (
            "/api/v2/spans",
            &JSON[..],
            br#"[{"traceId":"1","id":"0"}]"#.to_vec(),
            400,
            "1 spans rejected: the span id",
        ),
        ("/api/v2/spans", &lz4[..], second(1), 415, "content encoding"),
        ("/api/v2/spans", &JSON[..], vec![b' '; BODY_BYTES_MAX + 1], 413, "the body is larger"),
    ] {
        let answer = server.send(Method::POST, path, headers, body).await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status.as_u16(), status, "{expect}: {text}");
        assert!(text.starts_with(expect) && text.ends_with('\n'), "{text}");
    }
    let server = TestServer::recovering().await;
    let answer = server.send(Method::POST, "/api/v2/spans", &JSON, second(1)).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "1"));
}

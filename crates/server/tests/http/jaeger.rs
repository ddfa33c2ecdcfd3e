//! Jaeger's ways in: the collector over HTTP and gRPC, the agent over UDP, and sampling.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::Method;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use serde_json::{Value, json};
use tokio::net::UdpSocket;

use crate::harness::{Answer, BODY_BYTES_MAX, TestServer};
use crate::otlp::{request, span};

const THRIFT: [(&str, &str); 1] = [("content-type", "application/x-thrift")];
const POST_SPANS: &str = "/jaeger.api_v2.CollectorService/PostSpans";
const SAMPLING: &str = "/jaeger.api_v2.SamplingManager/GetSamplingStrategy";

/// A `Batch` of one span in Thrift's binary protocol.
fn batch(trace: i64, service: &str) -> Vec<u8> {
    fn text(id: i16, text: &str) -> Vec<u8> {
        let len = (text.len() as i32).to_be_bytes();
        [&[11][..], &id.to_be_bytes(), &len, text.as_bytes()].concat()
    }
    let i64s = |id: i16, value: i64| [&[10][..], &id.to_be_bytes(), &value.to_be_bytes()].concat();
    [
        vec![12, 0, 1],
        text(1, service),
        vec![0, 15, 0, 2, 12, 0, 0, 0, 1],
        i64s(1, trace),
        i64s(2, 0),
        i64s(3, 7),
        i64s(4, 0),
        text(5, "work"),
        i64s(8, 1_000_000),
        i64s(9, 250),
        vec![0, 0],
    ]
    .concat()
}

/// A call of `emitBatch` in the binary protocol.
fn packet(trace: i64, service: &str) -> Vec<u8> {
    let head = b"\x80\x01\0\x04\0\0\0\x09emitBatch\0\0\0\0\x0c\0\x01";
    [&head[..], &batch(trace, service), &[0]].concat()
}

/// The same in the compact protocol.
fn compact_packet(trace: u8, service: &str) -> Vec<u8> {
    let head = b"\x82\x81\0\x09emitBatch\x1c";
    let process = [&[0x1c, 0x18, service.len() as u8][..], service.as_bytes(), &[0]].concat();
    let ids = [0x16, trace << 1, 0x16, 0, 0x16, 14, 0x16, 0];
    let rest = b"\x18\x04work\x36\x80\x89\x7a\x16\xf4\x03\0";
    [&head[..], &process, &[0x19, 0x1c], &ids, rest, &[0, 0]].concat()
}

/// A `PostSpansRequest` of one span.
fn proto(trace: u8, service: &str) -> Vec<u8> {
    let field =
        |number: u8, bytes: &[u8]| [&[number << 3 | 2, bytes.len() as u8][..], bytes].concat();
    let mut id = [0; 16];
    id[15] = trace;
    let span = [
        field(1, &id),
        field(2, &[0, 0, 0, 0, 0, 0, 0, 7]),
        field(3, b"work"),
        field(6, &[8, 1]),
        field(7, &[16, 0x90, 0xa1, 0x0f]),
    ]
    .concat();
    let batch = [field(1, &span), field(2, &field(1, service.as_bytes()))].concat();
    field(1, &batch)
}

/// A trace as the native API shows it, once it is there.
async fn trace_of(server: &TestServer, trace: u8) -> Value {
    let path = format!("/traces/{trace:032x}");
    for _ in 0..1000 {
        let answer = server.api(&path).await;
        if answer.status.is_success() {
            return answer.json();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("trace {trace} never came");
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

async fn assert_stored(server: &TestServer, trace: u8, service: &str) {
    let found = trace_of(server, trace).await;
    assert_eq!(found["span_count"], 1);
    assert_eq!(found["resources"][0]["service"], service);
    let span = &found["spans"][0];
    assert_eq!(span["name"], "work");
    assert_eq!(span["start_time_unix_nano"], "1000000000");
    assert_eq!(span["duration_ns"], 250_000);
}

#[tokio::test]
async fn batches_over_http_are_stored() {
    let server = TestServer::start().await;
    let vendor = [("content-type", "application/vnd.apache.thrift.binary; charset=x")];
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&batch(4, "d")).unwrap();
    let gzip = gzip.finish().unwrap();
    let coded = [THRIFT[0], ("content-encoding", "gzip")];
    for (listener, path, headers, body, trace, service) in [
        ("main", "/api/traces?format=jaeger.thrift", &THRIFT[..], batch(1, "a"), 1, "a"),
        ("main", "/jaeger/api/traces", &vendor[..], batch(2, "b"), 2, "b"),
        ("jaeger-http", "/api/traces?format=jaeger.thrift", &THRIFT[..], batch(3, "c"), 3, "c"),
        ("jaeger-http", "/api/traces", &coded[..], gzip, 4, "d"),
    ] {
        let answer = server.send_to(listener, Method::POST, path, headers, body).await;
        assert_eq!((answer.status.as_u16(), text(&answer).as_str()), (202, ""), "{path}");
        assert_stored(&server, trace, service).await;
    }
}

#[tokio::test]
async fn batches_over_grpc_are_stored_on_every_grpc_port() {
    let server = TestServer::start().await;
    for (trace, listener) in [(1, "main"), (2, "otlp-grpc"), (3, "jaeger-grpc")] {
        let answer = server.call(listener, POST_SPANS, &[], &proto(trace, listener)).await;
        assert_eq!(answer.status.as_u16(), 200);
        assert_eq!(answer.header("grpc-status"), "", "success is in the trailers");
        assert_eq!(&answer.body[..], [0; 5], "an empty message");
        assert_stored(&server, trace, listener).await;
    }
    let cut = server.call("jaeger-grpc", POST_SPANS, &[], &[0x0a, 9]).await;
    assert_eq!(cut.header("grpc-status"), "3");
}

#[tokio::test]
async fn otlp_is_taken_where_jaegers_collector_was() {
    let server = TestServer::start().await;
    let address = format!("http://{}", server.address("jaeger-grpc"));
    let mut client = TraceServiceClient::connect(address).await.unwrap();
    client.export(request(vec![span(&[9; 16])])).await.unwrap();
    assert!(server.api(&format!("/traces/{}", "09".repeat(16))).await.status.is_success());
}

#[tokio::test]
async fn datagrams_are_stored_and_what_is_no_call_is_counted() {
    let server = TestServer::start().await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for (trace, listener, packet) in [
        (1, "jaeger-agent-compact", compact_packet(1, "compact")),
        (2, "jaeger-agent-binary", packet(2, "binary")),
        // The protocol is told by the datagram, not by the port.
        (3, "jaeger-agent-zipkin", compact_packet(3, "compact")),
    ] {
        socket.send_to(&packet, server.address(listener)).await.unwrap();
        let service = if listener == "jaeger-agent-binary" { "binary" } else { "compact" };
        assert_stored(&server, trace, service).await;
        socket.send_to(b"hello", server.address(listener)).await.unwrap();
        let counted = |outcome: &str| {
            format!("wk_server_packets_total{{listener=\"{listener}\",outcome=\"{outcome}\"}} 1")
        };
        let mut metrics = String::new();
        for _ in 0..1000 {
            metrics = text(&server.send(Method::GET, "/metrics", &[], "").await);
            if metrics.contains(&counted("malformed")) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(metrics.contains(&counted("malformed")), "{metrics}");
        assert!(metrics.contains(&counted("stored")), "{metrics}");
    }
}

#[tokio::test]
async fn clients_are_told_how_to_sample() {
    let server = TestServer::start().await;
    let expect = json!({
        "strategyType": "PROBABILISTIC",
        "probabilisticSampling": {"samplingRate": 1},
    });
    for (listener, path) in [
        ("jaeger-agent-http", "/sampling?service=a"),
        ("jaeger-agent-http", "/?service=a"),
        ("jaeger-http", "/api/sampling?service=a"),
        ("main", "/sampling?service=a"),
        ("main", "/jaeger/api/sampling?service=a"),
    ] {
        let answer = server.send_to(listener, Method::GET, path, &[], "").await;
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.json(), expect, "{listener} {path}");
    }
    let path = "/baggageRestrictions?service=a";
    let answer = server.send_to("jaeger-agent-http", Method::GET, path, &[], "").await;
    assert_eq!(answer.json(), json!([]));
    for query in ["", "?service=a&service=b", "?other=a"] {
        let path = format!("/sampling{query}");
        let answer = server.send_to("jaeger-agent-http", Method::GET, &path, &[], "").await;
        assert_eq!(answer.status.as_u16(), 400);
        assert_eq!(text(&answer), "'service' parameter must be provided once\n");
    }
    let answer = server.call("jaeger-grpc", SAMPLING, &[], b"\x0a\x01a").await;
    assert_eq!(answer.body[5..], [0x12, 9, 9, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
}

#[tokio::test]
async fn the_tenant_of_a_batch_is_that_of_its_header() {
    let server = TestServer::start().await;
    let headers = [THRIFT[0], ("x-scope-orgid", "other")];
    let answer = server.send(Method::POST, "/api/traces", &headers, batch(1, "a")).await;
    assert_eq!(answer.status.as_u16(), 202);
    assert_eq!(server.api("/traces/1").await.status.as_u16(), 404);
    let headers = [("x-scope-orgid", "other")];
    let path = "/api/watchkeep/v1/traces/1";
    assert_eq!(server.send(Method::GET, path, &headers, "").await.status.as_u16(), 200);
}

#[tokio::test]
async fn what_can_not_be_taken_is_refused_in_jaegers_words() {
    let server = TestServer::start().await;
    let post = |headers, body: Vec<u8>| server.send(Method::POST, "/api/traces", headers, body);
    for (headers, body, status, expect) in [
        (&[][..], batch(1, "a"), 400, "Cannot parse content type: mime: no media type\n"),
        (
            &[("content-type", "application/json")][..],
            batch(1, "a"),
            400,
            "Unsupported content type: application/json\n",
        ),
        (&THRIFT[..], vec![1, 2, 3], 400, "Unable to process request body: malformed Jaeger batch"),
        (
            &THRIFT[..],
            batch(0, "a"),
            400,
            "Unable to process request body: 1 spans rejected: the trace id",
        ),
        (&THRIFT[..], vec![0; BODY_BYTES_MAX + 1], 413, "the body is larger"),
    ] {
        let answer = post(headers, body).await;
        assert_eq!(answer.status.as_u16(), status, "{expect}");
        assert!(text(&answer).starts_with(expect), "{}", text(&answer));
    }
    let mut all = server.engine.gate().open();
    all.grow(2 << 20).await.unwrap();
    let answer = post(&THRIFT, batch(1, "a")).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "1"));
    let answer = server.call("main", POST_SPANS, &[], &proto(1, "a")).await;
    assert_eq!(answer.header("grpc-status"), "8");
    drop(all);

    let server = TestServer::recovering().await;
    let answer = server.send(Method::POST, "/api/traces", &THRIFT, batch(1, "a")).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "1"));
    let answer = server.call("main", POST_SPANS, &[], &proto(1, "a")).await;
    assert_eq!(answer.header("grpc-status"), "14");
}

//! OTLP over HTTP: media types, encodings, limits, partial success, and bodies of errors.

use std::io::Write as _;

use http::{Method, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use serde_json::json;

use crate::harness::{BODY_BYTES_MAX, DECOMPRESSED_BYTES_MAX, TestServer};

pub(crate) fn span(trace_id: &[u8]) -> Span {
    Span {
        trace_id: trace_id.to_vec(),
        span_id: vec![2; 8],
        name: "op".into(),
        start_time_unix_nano: 1_000_000_000,
        end_time_unix_nano: 2_000_000_000,
        ..Span::default()
    }
}

pub(crate) fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }],
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const SPAN_JSON: &[u8] = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{
    "traceId":"01010101010101010101010101010101","spanId":"0202020202020202","name":"op",
    "startTimeUnixNano":"1000000000","endTimeUnixNano":"2000000000"}]}]}]}"#;

struct Case {
    name: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
    status: u16,
    /// Media type of the answer, and what its body starts with.
    answer: (&'static str, &'static [u8]),
}

fn case(
    name: &'static str,
    content_type: &'static str,
    encoding: &'static str,
    body: Vec<u8>,
    status: u16,
    answer: (&'static str, &'static [u8]),
) -> Case {
    let mut headers = vec![];
    if !content_type.is_empty() {
        headers.push(("content-type", content_type));
    }
    if !encoding.is_empty() {
        headers.push(("content-encoding", encoding));
    }
    Case { name, headers, body, status, answer }
}

fn cases() -> Vec<Case> {
    let plain = request(vec![span(&[1; 16])]).encode_to_vec();
    let zstd = zstd::encode_all(&*plain, 3).unwrap();
    // `google.rpc.Status` with code 3 (INVALID_ARGUMENT) and 8 (RESOURCE_EXHAUSTED).
    let (ok, ok_json): ((_, &[u8]), (_, &[u8])) = ((PROTOBUF, b""), (JSON, b"{}"));
    let invalid: (_, &[u8]) = (PROTOBUF, b"\x08\x03");
    let too_large: (_, &[u8]) = (PROTOBUF, b"\x08\x08");
    let json_error: (_, &[u8]) = (JSON, b"{\"code\":");
    let zeros = vec![0; DECOMPRESSED_BYTES_MAX + 1];
    vec![
        case("protobuf", PROTOBUF, "", plain.clone(), 200, ok),
        case("short media type", "application/protobuf", "", plain.clone(), 200, ok),
        case("json", JSON, "", SPAN_JSON.to_vec(), 200, ok_json),
        case("charset", "Application/JSON; charset=utf-8", "", SPAN_JSON.to_vec(), 200, ok_json),
        case("gzip", PROTOBUF, "gzip", gzip(&plain), 200, ok),
        case("gzip json", JSON, "GZIP", gzip(SPAN_JSON), 200, ok_json),
        case("zstd", PROTOBUF, "Zstd", zstd, 200, ok),
        case("identity", PROTOBUF, "identity", plain.clone(), 200, ok),
        case("empty", PROTOBUF, "", vec![], 200, ok),
        case("empty json", JSON, "", vec![], 200, ok_json),
        case("no media type", "", "", plain.clone(), 415, json_error),
        case("other media type", "text/plain", "", plain.clone(), 415, json_error),
        case("other encoding", PROTOBUF, "br", plain.clone(), 415, (PROTOBUF, b"\x08\x0c")),
        case("malformed", PROTOBUF, "", vec![0xff; 40], 400, invalid),
        case("malformed json", JSON, "", b"{\"resourceSpans\":[".to_vec(), 400, json_error),
        case("not gzip", PROTOBUF, "gzip", plain.clone(), 400, invalid),
        case("too large", PROTOBUF, "", vec![0; BODY_BYTES_MAX + 1], 413, too_large),
        case("bomb", PROTOBUF, "gzip", gzip(&zeros), 413, too_large),
        Case {
            name: "bad tenant",
            headers: vec![("content-type", PROTOBUF), ("x-scope-orgid", "a/b")],
            body: plain,
            status: 400,
            answer: invalid,
        },
    ]
}

#[tokio::test]
async fn requests_are_answered_as_the_protocol_says() {
    let server = TestServer::start().await;
    for path in ["/v1/traces", "/otlp/v1/traces"] {
        for Case { name, headers, body, status, answer: (media_type, start) } in cases() {
            let answer = server.send(Method::POST, path, &headers, body).await;
            assert_eq!(answer.status.as_u16(), status, "{name}");
            assert_eq!(answer.header("content-type"), media_type, "{name}");
            assert!(answer.body.starts_with(start), "{name}: {:?}", answer.body);
            assert_eq!(answer.body.is_empty(), start.is_empty(), "{name}: {:?}", answer.body);
        }
    }
    let answer = server.send(Method::GET, "/v1/traces", &[], "").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    let headers = [("content-type", PROTOBUF)];
    let answer = server.send_h2(Method::POST, "/v1/traces", &headers, "").await;
    assert_eq!(answer.status, StatusCode::OK, "HTTP/2 with prior knowledge on the same port");
}

#[tokio::test]
async fn the_good_part_of_a_batch_is_kept() {
    let server = TestServer::start().await;
    let body = request(vec![span(&[1; 16]), span(&[])]).encode_to_vec();
    let headers = [("content-type", PROTOBUF)];
    let answer = server.send(Method::POST, "/v1/traces", &headers, body).await;
    assert_eq!(answer.status, StatusCode::OK);
    let partial = ExportTraceServiceResponse::decode(answer.body).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    assert!(!partial.error_message.is_empty());

    let json = String::from_utf8(SPAN_JSON.to_vec()).unwrap().replace("0202020202020202", "");
    let headers = [("content-type", JSON)];
    let answer = server.send(Method::POST, "/v1/traces", &headers, json).await;
    assert_eq!(answer.json()["partialSuccess"]["rejectedSpans"], json!("1"));
}

#[tokio::test]
async fn a_server_that_can_not_store_says_when_to_retry() {
    let server = TestServer::recovering().await;
    let body = request(vec![span(&[1; 16])]).encode_to_vec();
    let headers = [("content-type", PROTOBUF)];
    let answer = server.send(Method::POST, "/v1/traces", &headers, body.clone()).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), "1");
    assert!(answer.body.starts_with(b"\x08\x0e"), "UNAVAILABLE: {:?}", answer.body);

    let server = TestServer::start().await;
    let mut all = server.engine.gate().open();
    all.grow(2 << 20).await.unwrap();
    let answer = server.send(Method::POST, "/v1/traces", &headers, body.clone()).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), "1");
    drop(all);
    let answer = server.send(Method::POST, "/v1/traces", &headers, body).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn web_pages_may_send() {
    let server = TestServer::start().await;
    let headers = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,x-scope-orgid"),
    ];
    let answer = server.send(Method::OPTIONS, "/v1/traces", &headers, "").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-headers"), "content-type,x-scope-orgid");
    let answer = server.send(Method::OPTIONS, "/api/watchkeep/v1/traces", &headers, "").await;
    assert_eq!(answer.header("access-control-allow-origin"), "", "only OTLP is open");
}

//! OTLP over gRPC, from a tonic client, on both listeners.

use http::Method;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Request};

use crate::harness::{DECOMPRESSED_BYTES_MAX, TestServer};
use crate::otlp::{request, span};

#[tokio::test]
async fn all_signals_are_taken_on_both_listeners_in_all_encodings() {
    let server = TestServer::start().await;
    let mut sent = 0;
    for address in [&server.main, &server.grpc] {
        for compression in [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)]
        {
            let mut traces = TraceServiceClient::connect(address.clone()).await.unwrap();
            let mut logs = LogsServiceClient::connect(address.clone()).await.unwrap();
            let mut metrics = MetricsServiceClient::connect(address.clone()).await.unwrap();
            if let Some(compression) = compression {
                traces = traces.send_compressed(compression).accept_compressed(compression);
                logs = logs.send_compressed(compression);
                metrics = metrics.send_compressed(compression);
            }
            sent += 1;
            let good = Span { span_id: vec![sent; 8], ..span(&[1; 16]) };
            let answer = traces.export(request(vec![good, span(&[])])).await.unwrap();
            assert_eq!(answer.into_inner().partial_success.unwrap().rejected_spans, 1);
            let none = logs.export(ExportLogsServiceRequest::default()).await.unwrap();
            assert_eq!(none.into_inner().partial_success, None);
            metrics.export(ExportMetricsServiceRequest::default()).await.unwrap();
        }
    }
    assert_eq!(server.get("/traces?start=0&end=9000000000").await["traces"][0]["span_count"], sent);
}

#[tokio::test]
async fn metadata_picks_the_tenant() {
    let server = TestServer::start().await;
    let mut client = TraceServiceClient::connect(server.grpc.clone()).await.unwrap();
    let mut call = Request::new(request(vec![span(&[1; 16])]));
    call.metadata_mut().insert("x-scope-orgid", "other".parse().unwrap());
    client.export(call).await.unwrap();
    assert_eq!(server.get("/traces?start=0&end=9000000000").await["traces"], serde_json::json!([]));

    let mut call = Request::new(request(vec![span(&[1; 16])]));
    call.metadata_mut().insert("x-scope-orgid", "a/b".parse().unwrap());
    assert_eq!(client.export(call).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn errors_say_whether_to_retry() {
    let server = TestServer::recovering().await;
    let mut client = TraceServiceClient::connect(server.grpc.clone()).await.unwrap();
    let status = client.export(request(vec![])).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);

    let server = TestServer::start().await;
    let mut client = TraceServiceClient::connect(server.grpc.clone()).await.unwrap();
    let mut all = server.engine.gate().open();
    all.grow(2 << 20).await.unwrap();
    let status = client.export(request(vec![span(&[1; 16])])).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    let details = String::from_utf8_lossy(status.details()).into_owned();
    assert!(details.contains("type.googleapis.com/google.rpc.RetryInfo"), "{details:?}");
    drop(all);

    let mut big = span(&[1; 16]);
    big.name = "x".repeat(DECOMPRESSED_BYTES_MAX);
    let mut compressing = client.clone().send_compressed(CompressionEncoding::Gzip);
    for status in [
        client.export(request(vec![big.clone()])).await.unwrap_err(),
        compressing.export(request(vec![big])).await.unwrap_err(),
    ] {
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.details().is_empty(), "a retry would not help");
    }
}

#[tokio::test]
async fn broken_calls_are_refused() {
    let server = TestServer::start().await;
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let message = request(vec![span(&[1; 16])]).encode_to_vec();
    let framed =
        |flag: u8, length: usize| [&[flag][..], &(length as u32).to_be_bytes(), &message].concat();
    let whole = message.len();
    for (name, path, encoding, body, code) in [
        ("fine", path, "identity", framed(0, whole), "0"),
        ("cut", path, "identity", framed(0, whole + 1), "3"),
        ("two messages", path, "identity", framed(0, whole - 1), "3"),
        ("claims 4 GiB", path, "identity", framed(0, u32::MAX as usize), "3"),
        ("no prefix", path, "identity", vec![0, 0], "3"),
        ("compressed without a name", path, "identity", framed(1, whole), "13"),
        ("not gzip", path, "gzip", framed(1, whole), "3"),
        ("unknown compression", path, "lz4", framed(1, whole), "12"),
        ("unknown method", "/some.Service/Method", "identity", framed(0, whole), "12"),
    ] {
        let headers = [("content-type", "application/grpc"), ("grpc-encoding", encoding)];
        let answer = server.send_h2(Method::POST, path, &headers, body).await;
        assert_eq!(answer.status.as_u16(), 200, "{name}");
        // Success is in the trailers, which this client leaves out.
        let found = answer.headers.get("grpc-status").map_or("0", |value| value.to_str().unwrap());
        assert_eq!(found, code, "{name}");
    }
}

#[tokio::test]
async fn probes_learn_whether_the_server_can_be_used() {
    let path = "/grpc.health.v1.Health/Check";
    let headers = [("content-type", "application/grpc")];
    for (server, expect) in [(TestServer::recovering().await, 2), (TestServer::start().await, 1)] {
        let answer = server.send_h2(Method::POST, path, &headers, vec![0; 5]).await;
        assert_eq!(&*answer.body, [0, 0, 0, 0, 2, 0x08, expect]);
        // A single service, and a message that is none.
        for (message, code) in [(&b"\x0a\x01x"[..], "5"), (b"\xff", "3")] {
            let body = [&[0, 0, 0, 0, message.len() as u8], message].concat();
            let answer = server.send_h2(Method::POST, path, &headers, body).await;
            assert_eq!(answer.header("grpc-status"), code);
        }
        let plain = server.send(Method::POST, path, &[], Vec::new()).await;
        assert_eq!(plain.status.as_u16(), 415);
    }
}

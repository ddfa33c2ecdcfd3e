//! What senders of metrics are told when a tenant has as many series as it may.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::json;
use watchkeep_model::{Labels, MetricColumns};
use watchkeep_storage::memory::MemoryStore;
use watchkeep_wire::compression::compress_snappy_block;
use watchkeep_wire::prometheus::remote_write::{encode_v1, encode_v2};

use crate::harness::TestServer;

async fn server_with_room_for_two() -> TestServer {
    let server = TestServer::recovering().await;
    server.engine.attach(Arc::new(MemoryStore::with_series_max(2)));
    server
}

/// One sample each of some series.
fn samples(hosts: &[&str]) -> MetricColumns {
    let mut columns = MetricColumns::default();
    for (row, host) in hosts.iter().enumerate() {
        let labels = Labels::from_pairs([("__name__", "up"), ("host", host)]);
        columns.series.labels.push(labels.as_bytes());
        columns.series.delta.push(0);
        columns.floats.series.push(row as u32);
        columns.floats.time_ms.push(1_000);
        columns.floats.start_ms.push(0);
        columns.floats.value.push(1.0);
    }
    columns
}

#[tokio::test]
async fn remote_write_stores_what_it_can_and_says_what_it_refused() {
    let server = server_with_room_for_two().await;
    let v1 = [("content-type", "application/x-protobuf"), ("content-encoding", "snappy")];
    let v2 = [
        ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"),
        ("content-encoding", "snappy"),
    ];
    let send = async |headers: &[(&str, &str)], body: Vec<u8>| {
        let body = compress_snappy_block(&body).unwrap();
        server.send(Method::POST, "/api/v1/write", headers, body).await
    };
    let answer = send(&v1, encode_v1(&samples(&["a"])).unwrap()).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let answer = send(&v1, encode_v1(&samples(&["a", "b", "c"])).unwrap()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(text.contains("limits.series_max") && text.contains("1 new series"), "{text}");
    let answer = send(&v2, encode_v2(&samples(&["b", "d", "e"])).unwrap()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.headers["x-prometheus-remote-write-samples-written"], "1");
    let answer = send(&v1, encode_v1(&samples(&["a", "b"])).unwrap()).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "known series go on");
}

#[tokio::test]
async fn otlp_counts_refused_points_in_its_partial_success() {
    let server = server_with_room_for_two().await;
    let point = |host: &str| {
        json!({
            "timeUnixNano": "1000000000", "asDouble": 1.0,
            "attributes": [{"key": "host", "value": {"stringValue": host}}]
        })
    };
    let gauge = json!({"dataPoints": [point("a"), point("b"), point("c")]});
    let metrics = json!([{"name": "load", "gauge": gauge}]);
    let body = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]}).to_string();
    let headers = [("content-type", "application/json")];
    let answer = server.send(Method::POST, "/v1/metrics", &headers, body).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let partial = &answer["partialSuccess"];
    assert_eq!(partial["rejectedDataPoints"], "1");
    assert!(partial["errorMessage"].as_str().unwrap().contains("limits.series_max"), "{partial}");
}

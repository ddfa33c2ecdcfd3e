//! Zipkin's query API: what its clients sent comes back as it was, and is found by all that there is
//! to ask for.

use http::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, TestServer};

const START_US: u64 = 1_700_000_000_000_000;
const TRACE: &str = "463ac35c9f6413ad48485a3953bb6124";
/// An id of 64 bits.
const SHORT: &str = "48485a3953bb6124";

/// A call with both its sides under one id, as Zipkin's clients send it.
fn shared() -> Value {
    json!([
        {
            "traceId": TRACE, "id": "0000000000000009", "name": "run", "timestamp": START_US,
            "duration": 300_000, "localEndpoint": {"serviceName": "shop"},
        },
        {
            "traceId": TRACE, "parentId": "0000000000000009", "id": "0000000000000001",
            "kind": "CLIENT", "name": "get /cart",
            "timestamp": START_US, "duration": 250_000,
            "localEndpoint": {"serviceName": "shop", "ipv4": "10.1.2.3", "port": 8080},
            "remoteEndpoint": {"serviceName": "bank", "ipv6": "2001:db8::c001", "port": 9000},
            "annotations": [{"timestamp": START_US + 5, "value": "retried"}],
            "tags": {"http.path": "/cart", "error": "declined", "n": "7"}, "debug": true,
        },
        {
            "traceId": TRACE, "parentId": "0000000000000009", "id": "0000000000000001",
            "kind": "SERVER", "name": "get /cart",
            "timestamp": START_US + 1_000, "duration": 200_000,
            "localEndpoint": {"serviceName": "bank"}, "shared": true,
        },
        {
            "traceId": TRACE, "parentId": "0000000000000001", "id": "0000000000000002",
            "name": "ledger", "timestamp": START_US + 2_000, "duration": 1,
            "localEndpoint": {"serviceName": "bank"}, "tags": {"rows": "3"},
        },
    ])
}

/// An hour later, of another service.
fn later() -> Value {
    json!([{
        "traceId": SHORT, "id": "0000000000000007", "kind": "PRODUCER", "name": "Send Mail",
        "timestamp": START_US + 3_600_000_000, "duration": 9,
        "localEndpoint": {"serviceName": "Mailer"}, "remoteEndpoint": {"serviceName": "Kafka"},
    }])
}

async fn filled() -> TestServer {
    let server = TestServer::start().await;
    let headers = [("content-type", "application/json")];
    for body in [shared(), later()] {
        let answer = server.send(Method::POST, "/api/v2/spans", &headers, body.to_string()).await;
        assert_eq!(answer.status.as_u16(), 202);
    }
    server
}

async fn get(server: &TestServer, path: &str) -> Answer {
    server.send(Method::GET, path, &[], "").await
}

/// A time in which the traces are.
fn times() -> String {
    format!("endTs={}&lookback=7200001", (START_US + 7_200_000_000) / 1000)
}

#[tokio::test]
async fn what_was_sent_comes_back_as_it_was() {
    let server = filled().await;
    for (listener, path) in [
        ("main", format!("/api/v2/trace/{TRACE}")),
        ("main", format!("/zipkin/api/v2/trace/{TRACE}")),
        ("zipkin", format!("/api/v2/trace/{TRACE}")),
        ("zipkin", format!("/zipkin/api/v2/trace/{TRACE}")),
    ] {
        let answer = server.send_to(listener, Method::GET, &path, &[], "").await;
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.json(), shared(), "{listener} {path}");
    }
    let mut expect = later();
    // Zipkin knows names in small letters alone.
    expect[0]["name"] = "send mail".into();
    expect[0]["localEndpoint"]["serviceName"] = "mailer".into();
    expect[0]["remoteEndpoint"]["serviceName"] = "kafka".into();
    assert_eq!(get(&server, &format!("/api/v2/trace/{SHORT}")).await.json(), expect);
    let many = get(&server, &format!("/api/v2/traceMany?traceIds={SHORT},{TRACE},f")).await;
    assert_eq!(many.json(), json!([expect, shared()]));
}

#[tokio::test]
async fn spans_of_others_become_spans_of_zipkin() {
    let server = TestServer::start().await;
    let text = |key: &str, text: &str| json!({"key": key, "value": {"stringValue": text}});
    let span = json!({
        "traceId": TRACE, "spanId": "0000000000000001", "name": "GET /", "kind": 1,
        "startTimeUnixNano": "1000", "endTimeUnixNano": "1500", "traceState": "a=b",
        "attributes": [{"key": "n", "value": {"intValue": "7"}}, text("peer.service", "Bank")],
        "droppedEventsCount": 2,
        "events": [
            {"timeUnixNano": "1200", "name": "plain"},
            {"timeUnixNano": "1300", "name": "miss", "attributes": [text("key", "k")]},
        ],
        "status": {"code": 2, "message": "declined"},
    });
    let body = json!({"resourceSpans": [{
        "resource": {"attributes": [text("service.name", "Shop"), text("host.name", "h")]},
        "scopeSpans": [{"scope": {"name": "lib", "version": "1"}, "spans": [span]}],
    }]});
    server.post_json("/v1/traces", &body).await;
    let expect = json!([{
        "traceId": TRACE, "id": "0000000000000001", "name": "get /", "timestamp": 1, "duration": 1,
        "localEndpoint": {"serviceName": "shop"}, "remoteEndpoint": {"serviceName": "bank"},
        "annotations": [
            {"timestamp": 1, "value": "plain"},
            {"timestamp": 1, "value": "{\"miss\":{\"key\":\"k\"}}"},
        ],
        "tags": {
            "n": "7", "host.name": "h", "otel.scope.name": "lib", "otel.scope.version": "1",
            "w3c.tracestate": "a=b", "otel.dropped_events_count": "2",
            "otel.status_code": "ERROR", "error": "declined",
        },
    }]);
    assert_eq!(get(&server, &format!("/api/v2/trace/{TRACE}")).await.json(), expect);
}

#[tokio::test]
async fn a_search_finds_traces_with_a_span_that_fulfils_everything() {
    let server = filled().await;
    let both = &[SHORT, TRACE][..];
    for (query, expect) in [
        ("", both),
        ("limit=1", &[SHORT][..]),
        ("serviceName=shop", &[TRACE]),
        ("serviceName=SHOP", &[TRACE]),
        ("serviceName=mailer", &[SHORT]),
        ("serviceName=none", &[]),
        ("spanName=ledger", &[TRACE]),
        ("spanName=all", both),
        ("serviceName=mailer&spanName=send%20mail", &[SHORT]),
        ("serviceName=shop&spanName=ledger", &[]),
        ("remoteServiceName=bank", &[TRACE]),
        ("remoteServiceName=kafka&serviceName=mailer", &[SHORT]),
        ("serviceName=bank&remoteServiceName=bank", &[]),
        ("annotationQuery=http.path%3D/cart", &[TRACE]),
        ("annotationQuery=http.path%3D/car", &[]),
        ("annotationQuery=n%3D7%20and%20retried", &[TRACE]),
        ("annotationQuery=n%3D7%20and%20rows", &[]),
        ("annotationQuery=rows", &[TRACE]),
        ("annotationQuery=error", &[TRACE]),
        ("annotationQuery=error%3Ddeclined", &[TRACE]),
        ("minDuration=200001", &[TRACE]),
        ("minDuration=300001", &[]),
        ("minDuration=9&maxDuration=9", &[SHORT]),
    ] {
        let path = format!("/api/v2/traces?{}&{query}", times());
        let answer = get(&server, &path).await;
        let found = answer.json();
        let ids: Vec<&str> = found
            .as_array()
            .unwrap()
            .iter()
            .map(|trace| trace[0]["traceId"].as_str().unwrap())
            .collect();
        assert_eq!(ids, expect, "{query}");
    }
    let start_ms = START_US / 1000;
    for (end_ms, lookback, expect) in [
        (start_ms, 1, 1),
        (start_ms - 1, 1000, 0),
        (start_ms + 1000, 1000, 1),
        (start_ms + 1001, 1000, 0),
    ] {
        let path = format!("/api/v2/traces?endTs={end_ms}&lookback={lookback}");
        let found = get(&server, &path).await.json();
        assert_eq!(found.as_array().unwrap().len(), expect, "{end_ms} {lookback}");
    }
}

#[tokio::test]
async fn names_and_calls_are_listed() {
    let server = filled().await;
    let end_ms = (START_US + 1_000_000) / 1000;
    let link = json!({"parent": "shop", "child": "bank", "callCount": 1});
    for (path, expect) in [
        ("/api/v2/services".to_owned(), json!(["bank", "mailer", "shop"])),
        ("/zipkin/api/v2/services".to_owned(), json!(["bank", "mailer", "shop"])),
        ("/api/v2/spans?serviceName=bank".to_owned(), json!(["get /cart", "ledger"])),
        ("/api/v2/spans?serviceName=mailer".to_owned(), json!(["send mail"])),
        ("/api/v2/spans?serviceName=none".to_owned(), json!([])),
        (format!("/api/v2/dependencies?endTs={end_ms}"), json!([link])),
        (format!("/api/v2/dependencies?endTs={}", end_ms - 10_000), json!([])),
        (format!("/api/v2/dependencies?endTs={end_ms}&lookback=1"), json!([])),
    ] {
        assert_eq!(get(&server, &path).await.json(), expect, "{path}");
    }
}

#[tokio::test]
async fn keys_values_and_remote_services_are_those_of_the_last_day() {
    let server = TestServer::start().await;
    let now_us = server.engine.clock().now_ns() / 1000;
    let mut body = shared();
    for span in body.as_array_mut().unwrap() {
        span["timestamp"] = now_us.into();
    }
    let headers = [("content-type", "application/json")];
    server.send(Method::POST, "/api/v2/spans", &headers, body.to_string()).await;
    for (path, expect) in [
        ("/api/v2/remoteServices?serviceName=shop", json!(["bank"])),
        ("/api/v2/remoteServices?serviceName=bank", json!([])),
        ("/api/v2/remoteServices?serviceName=none", json!([])),
        ("/api/v2/autocompleteValues?key=http.path", json!(["/cart"])),
        ("/api/v2/autocompleteValues?key=none", json!([])),
    ] {
        assert_eq!(get(&server, path).await.json(), expect, "{path}");
    }
    let keys = get(&server, "/api/v2/autocompleteKeys").await.json();
    let keys = keys.as_array().unwrap();
    for key in ["http.path", "n", "rows"] {
        assert!(keys.contains(&key.into()), "{keys:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_in_zipkins_words() {
    let server = filled().await;
    for (path, status, expect) in [
        ("/api/v2/trace/fff", 404, "0000000000000fff not found\n"),
        ("/api/v2/trace/xyz", 400, "xyz should be lower-hex encoded with no prefix\n"),
        ("/api/v2/traceMany", 400, "traceIds parameter is empty\n"),
        (
            "/api/v2/traceMany?traceIds=a",
            400,
            "Use /api/v2/trace/{traceId} endpoint to retrieve a single trace\n",
        ),
        ("/api/v2/traceMany?traceIds=a,0a", 400, "redundant traceId: 0a\n"),
        ("/api/v2/spans", 400, "Required parameter 'serviceName' is not present.\n"),
        ("/api/v2/dependencies", 400, "Required parameter 'endTs' is not present.\n"),
        ("/api/v2/traces?limit=0", 400, "limit <= 0\n"),
        ("/api/v2/traces?endTs=-1", 400, "endTs <= 0\n"),
        ("/api/v2/traces?lookback=0", 400, "lookback <= 0\n"),
        ("/api/v2/traces?minDuration=0", 400, "minDuration <= 0\n"),
        ("/api/v2/traces?maxDuration=5", 400, "maxDuration is only valid with minDuration\n"),
        ("/api/v2/traces?minDuration=6&maxDuration=5", 400, "maxDuration < minDuration\n"),
    ] {
        let answer = get(&server, path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert_eq!(std::str::from_utf8(&answer.body).unwrap(), expect, "{path}");
    }
    let recovering = TestServer::recovering().await;
    let answer = get(&recovering, "/api/v2/services").await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "1"));
}

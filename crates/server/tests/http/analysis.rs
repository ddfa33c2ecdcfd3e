//! What the native API works out about traces that were sent as OTLP.

use http::Method;
use serde_json::{Value, json};

use crate::harness::TestServer;

const TRACE: &str = "0102030405060708090a0b0c0d0e0f10";
const OTHER: &str = "0202030405060708090a0b0c0d0e0f10";

/// Ids as a digit, parent (0: none), service, kind, start and end in nanoseconds, whether it failed.
type Span<'a> = (u8, u8, &'a str, u8, u64, u64, bool);

async fn send(server: &TestServer, trace: &str, spans: &[Span<'_>]) {
    let resource_spans: Vec<Value> = spans
        .iter()
        .map(|(id, parent, service, kind, start, end, failed)| {
            let parent = if *parent == 0 { String::new() } else { format!("{parent:016x}") };
            json!({
                "resource": {"attributes": [
                    {"key": "service.name", "value": {"stringValue": service}}]},
                "scopeSpans": [{"spans": [{
                    "traceId": trace, "spanId": format!("{id:016x}"), "parentSpanId": parent,
                    "name": format!("{service}.op"), "kind": kind,
                    "startTimeUnixNano": start.to_string(), "endTimeUnixNano": end.to_string(),
                    "status": {"code": if *failed { 2 } else { 0 },
                               "message": if *failed { "boom" } else { "" }},
                }]}],
            })
        })
        .collect();
    server.post_json("/v1/traces", &json!({ "resourceSpans": resource_spans })).await;
}

/// The status of an answer of the native API.
async fn status(server: &TestServer, path: &str) -> u16 {
    let path = format!("/api/watchkeep/v1{path}");
    server.send(Method::GET, &path, &[], "").await.status.as_u16()
}

const WEB: [Span<'_>; 4] = [
    (1, 0, "web", 2, 1_000, 2_000, false),
    (2, 1, "web", 3, 1_100, 1_900, false),
    (3, 2, "shop", 2, 1_200, 1_800, true),
    (4, 3, "shop", 1, 1_300, 1_400, false),
];

#[tokio::test]
async fn a_trace_is_analysed() {
    let server = TestServer::start().await;
    send(&server, TRACE, &WEB).await;
    let analysis = server.get(&format!("/traces/{TRACE}/analysis")).await;
    let path: Vec<(String, i64, i64)> = analysis["critical_path"]
        .as_array()
        .unwrap()
        .iter()
        .map(|segment| {
            let at = |name: &str| segment[name].as_str().unwrap().parse().unwrap();
            let id = segment["span_id"].as_str().unwrap().trim_start_matches('0').to_owned();
            (id, at("start_time_unix_nano"), at("end_time_unix_nano"))
        })
        .collect();
    let expected = [
        ("1", 1_000, 1_100),
        ("2", 1_100, 1_200),
        ("3", 1_200, 1_300),
        ("4", 1_300, 1_400),
        ("3", 1_400, 1_800),
        ("2", 1_800, 1_900),
        ("1", 1_900, 2_000),
    ];
    assert_eq!(path, expected.map(|(id, start, end)| (id.to_owned(), start, end)));
    assert_eq!(analysis["self_time_ns"]["0000000000000003"], 500);
    assert_eq!(
        analysis["error_paths"],
        json!([{"spans": ["0000000000000001", "0000000000000002", "0000000000000003"],
                "service": "shop", "name": "shop.op", "message": "boom"}])
    );
    assert_eq!(
        analysis["services"],
        json!([{"name": "shop", "spans": 2, "errors": 1, "self_time_ns": 600, "critical_ns": 600},
               {"name": "web", "spans": 2, "errors": 0, "self_time_ns": 400, "critical_ns": 400}])
    );
    assert_eq!(status(&server, "/traces/ff/analysis").await, 404);
    assert_eq!(status(&server, "/traces/xyz/analysis").await, 400);
}

#[tokio::test]
async fn two_traces_are_compared() {
    let server = TestServer::start().await;
    send(&server, TRACE, &WEB).await;
    send(&server, OTHER, &WEB[..2]).await;
    let path = format!("/traces/compare?left={TRACE}&right={OTHER}");
    let comparison = server.get(&path).await;
    assert_eq!(comparison["left"]["error_count"], 1);
    assert_eq!(comparison["right"]["root_service"], "web");
    let nodes: Vec<(i64, &str, bool, bool)> = comparison["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| {
            let depth = node["depth"].as_i64().unwrap();
            let service = node["service"].as_str().unwrap();
            (depth, service, node["left"].is_object(), node["right"].is_object())
        })
        .collect();
    let expected = [
        (0, "web", true, true),
        (1, "web", true, true),
        (2, "shop", true, false),
        (3, "shop", true, false),
    ];
    assert_eq!(nodes, expected);
    assert_eq!(status(&server, &format!("/traces/compare?left={TRACE}")).await, 400);
    assert_eq!(status(&server, &format!("/traces/compare?left={TRACE}&right=ff")).await, 404);
}

#[tokio::test]
async fn operations_have_rates_errors_and_durations() {
    let server = TestServer::start().await;
    send(&server, TRACE, &WEB).await;
    let all = server.get("/operations?start=0&end=2000000000").await;
    let services: Vec<&str> = all["operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|operation| operation["service"].as_str().unwrap())
        .collect();
    assert_eq!(services, ["shop", "shop", "web", "web"]);
    let shop = server.get("/operations?start=0&end=2000000000&service=shop").await;
    let server_side = &shop["operations"][1];
    assert_eq!(
        *server_side,
        json!({"service": "shop", "name": "shop.op", "kind": "server", "spans": 1, "errors": 1,
               "rate_per_second": 0.5,
               "duration_ns": {"p50": server_side["duration_ns"]["p50"],
                               "p95": server_side["duration_ns"]["p95"],
                               "p99": server_side["duration_ns"]["p99"], "max": 600}})
    );
    let p50 = server_side["duration_ns"]["p50"].as_i64().unwrap();
    assert!((594..=600).contains(&p50), "{p50}");
}

#[tokio::test]
async fn the_map_has_services_and_their_calls() {
    let server = TestServer::start().await;
    send(&server, TRACE, &WEB).await;
    let map = server.get("/services/map?start=0&end=2000000000").await;
    assert_eq!(
        map,
        json!({"services": [{"name": "shop", "spans": 2, "errors": 1},
                            {"name": "web", "spans": 2, "errors": 0}],
               "calls": [{"parent": "web", "child": "shop", "calls": 1, "errors": 1}]})
    );
    let before = server.get("/services/map?start=0&end=10").await;
    assert_eq!(before, json!({"services": [], "calls": []}));
}

#[tokio::test]
async fn spans_are_told_from_others_by_what_they_have_more_often() {
    let server = TestServer::start().await;
    let web = |id: u8| -> Span<'_> { (id, 0, "web", 2, 1_000, 2_000, false) };
    let shop = |id: u8| -> Span<'_> { (id, 0, "shop", 2, 1_000, 2_000, true) };
    send(
        &server,
        TRACE,
        &[web(1), web(2), web(3), web(4), shop(5), shop(6), (7, 0, "web", 2, 1, 2, true)],
    )
    .await;
    let ask = "/traces/lift?start=0&end=2000000000&q=%7B%20status%20%3D%20error%20%7D";
    let lift = server.get(ask).await;
    assert_eq!((&lift["selection_spans"], &lift["baseline_spans"]), (&json!(3), &json!(4)));
    let values = lift["values"].as_array().unwrap();
    let shop = values.iter().find(|value| value["key"] == "service.name").unwrap();
    assert_eq!(
        *shop,
        json!({"scope": "resource", "key": "service.name", "value": "shop", "selection": 2,
               "baseline": 0, "lift": null})
    );
    assert!(values.iter().all(|value| value["value"] != "web"), "{values:?}");
    assert_eq!(status(&server, "/traces/lift?q=%7B").await, 400);
    assert_eq!(status(&server, "/traces/lift").await, 400);
}

#[tokio::test]
async fn spans_are_counted_in_metrics() {
    let server = TestServer::start().await;
    send(&server, TRACE, &WEB).await;
    server.engine.write_span_metrics().await;
    let names = server.get("/metrics").await.to_string();
    for name in ["traces_spanmetrics_calls_total", "traces_service_graph_request_total"] {
        assert!(names.contains(name), "{name} in {names}");
    }
}

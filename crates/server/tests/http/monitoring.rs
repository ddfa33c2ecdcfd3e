//! Health and figures of requests, of the server itself and of services that sent spans.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use watchkeep_engine::HealthConfig;
use watchkeep_engine::health::config::Thresholds;
use watchkeep_model::{Clock as _, SystemClock};
use watchkeep_storage::memory::MemoryStore;

use crate::harness::{Answer, TestServer};

const HEALTH: &str = "/api/monitoring/health";
const STATS: &str = "/api/monitoring/stats";

async fn ask(server: &TestServer, path: &str) -> Answer {
    server.send(Method::GET, path, &[], "").await
}

async fn get(server: &TestServer, path: &str) -> Value {
    let answer = ask(server, path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.json());
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.json()
}

/// Members and types, as `member: type`, of all but the endpoints' names.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), shape(value))).collect()
        }
        Value::Array(_) => "array".into(),
        Value::String(_) => "text".into(),
        Value::Number(number) if number.is_f64() => "decimal".into(),
        Value::Number(_) => "whole".into(),
        Value::Bool(_) => "bool".into(),
        Value::Null => "null".into(),
    }
}

/// A span of a server: name, milliseconds that it takes, status of HTTP.
type Span<'a> = (&'a str, i64, u16);

/// Sends spans that began a minute ago.
async fn send(server: &TestServer, tenant: &str, service: &str, spans: &[Span<'_>]) {
    let start = SystemClock.now_ns() - 60_000_000_000;
    let spans: Vec<Value> = spans
        .iter()
        .enumerate()
        .map(|(id, (name, millis, status))| {
            let (method, route) = name.split_once(' ').unwrap();
            json!({"traceId": format!("{:032x}", id + 1), "spanId": format!("{:016x}", id + 1),
                "name": method, "kind": 2, "startTimeUnixNano": start.to_string(),
                "endTimeUnixNano": (start + millis * 1_000_000).to_string(),
                "attributes": [
                    {"key": "http.request.method", "value": {"stringValue": method}},
                    {"key": "http.route", "value": {"stringValue": route}},
                    {"key": "http.response.status_code",
                     "value": {"intValue": status.to_string()}}]})
        })
        .collect();
    let body = json!({"resourceSpans": [{
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": service}}]},
        "scopeSpans": [{"spans": spans}]}]});
    let headers = [("content-type", "application/json"), ("x-scope-orgid", tenant)];
    let answer = server.send(Method::POST, "/v1/traces", &headers, body.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn the_server_tells_of_its_own_requests() {
    let server = TestServer::start().await;
    server.get("/traces").await;
    server.get("/services").await;
    server.get("/services").await;
    assert_eq!(ask(&server, "/api/watchkeep/v1/traces/ff").await.status, 404);
    assert_eq!(ask(&server, "/api/v9/x").await.status, 404);
    server.engine.read_host().await;
    while server.engine.read_host().await.is_none() {}
    let stats = get(&server, STATS).await;
    let endpoint = json!({"calls": "whole", "avg_response_time": "decimal",
        "error_rate": "decimal", "last_called": "text"});
    let names = [
        "GET /api/watchkeep/v1/services",
        "GET /api/watchkeep/v1/traces",
        "GET /api/watchkeep/v1/traces/{trace_id}",
        "GET other paths",
    ];
    let endpoints: serde_json::Map<String, Value> =
        names.into_iter().map(|name| (name.to_owned(), endpoint.clone())).collect();
    assert_eq!(
        shape(&stats),
        json!({"success": "bool", "timestamp": "decimal", "data": {
            "uptime_seconds": "whole", "uptime_human": "text", "total_requests": "whole",
            "recent_requests_5min": "whole", "error_rate_percent": "decimal",
            "avg_response_time_ms": "decimal", "endpoints": endpoints, "timestamp": "text",
            "current_system": {"cpu_percent": "decimal", "memory_percent": "decimal",
                "memory_used_mb": "decimal", "memory_available_mb": "decimal",
                "disk_usage_percent": "decimal", "timestamp": "text"}}})
    );
    let data = &stats["data"];
    assert_eq!((&data["total_requests"], &data["recent_requests_5min"]), (&json!(5), &json!(5)));
    assert_eq!(data["error_rate_percent"], 40.0);
    let figures = names.map(|name| {
        let endpoint = &data["endpoints"][name];
        (endpoint["calls"].as_u64().unwrap(), endpoint["error_rate"].as_f64().unwrap())
    });
    assert_eq!(figures, [(2, 0.0), (1, 0.0), (1, 100.0), (1, 100.0)]);
    // That request counts from its answer on.
    assert_eq!(get(&server, STATS).await["data"]["total_requests"], 6);
    let health = get(&server, HEALTH).await;
    assert_eq!(
        shape(&health),
        json!({"success": "bool", "timestamp": "decimal", "health": {"status": "text",
            "issues": "array", "uptime": "text", "total_requests": "whole", "timestamp": "text"}})
    );
    let said = "error rate 28.6 % of 7 requests since the start is above 10 %";
    let issues = health["health"]["issues"].as_array().unwrap();
    assert!(issues.iter().any(|issue| issue == said), "{issues:?}");
    assert_ne!(health["health"]["status"], "healthy");
}

#[tokio::test]
async fn health_without_requests_is_healthy_and_tells_of_a_store_that_is_not_ready() {
    let server = TestServer::start().await;
    let health = get(&server, HEALTH).await;
    assert_eq!(health["health"]["status"], "healthy");
    assert_eq!(health["health"]["issues"], json!([]));
    assert_eq!(health["health"]["total_requests"], 0);
    assert!(get(&server, STATS).await["data"]["current_system"].is_null());
    let recovering = TestServer::recovering().await;
    recovering.engine.recovering("10 of 20 MiB");
    let health = get(&recovering, HEALTH).await;
    assert_eq!(health["health"]["status"], "degraded");
    assert_eq!(health["health"]["issues"], json!(["the store is not ready yet: 10 of 20 MiB"]));
    let answer = ask(&recovering, "/api/monitoring/stats?service=shop").await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "1"));
    assert_eq!(answer.json()["success"], false);
}

#[tokio::test]
async fn memory_beyond_its_threshold_makes_the_server_unhealthy_but_no_service() {
    let mut config = HealthConfig::default();
    // More than that is always in use.
    let thresholds = Thresholds { warning_above: 0.000_1, critical_above: 0.000_2 };
    config.host.memory = Some(thresholds);
    let server = TestServer::with_health(config).await;
    server.engine.attach(Arc::new(MemoryStore::default()));
    while server.engine.read_host().await.is_none() {}
    let health = get(&server, HEALTH).await;
    assert_eq!(health["health"]["status"], "unhealthy");
    let issues = health["health"]["issues"].as_array().unwrap();
    let said = |issue: &Value| issue.as_str().unwrap().starts_with("memory usage ");
    assert!(issues.iter().any(said), "{issues:?}");
    assert!(issues.iter().all(|issue| !issue.as_str().unwrap().contains("disk")), "{issues:?}");
    send(&server, "default", "shop", &[("GET /a", 10, 200)]).await;
    let health = get(&server, "/api/monitoring/health?service=shop").await;
    assert_eq!(health["health"]["status"], "healthy");
}

#[tokio::test]
async fn services_are_told_apart_and_together() {
    let server = TestServer::start().await;
    let shop = [
        ("GET /cart/{id}", 100, 200),
        ("GET /cart/{id}", 300, 200),
        ("POST /orders", 1_100, 500),
        ("GET /health", 100, 200),
    ];
    send(&server, "default", "shop", &shop).await;
    send(&server, "default", "till", &[("GET /health", 7_000, 200)]).await;
    send(&server, "other", "shop", &[("GET /secret", 1, 200)]).await;
    let stats = get(&server, "/api/monitoring/stats?service=shop").await;
    let data = &stats["data"];
    let whole = (&data["total_requests"], &data["recent_requests_5min"]);
    assert_eq!(whole, (&json!(4), &json!(4)));
    assert_eq!(data["error_rate_percent"], 25.0);
    assert_eq!(data["avg_response_time_ms"], 400.0);
    let uptime = data["uptime_seconds"].as_u64().unwrap();
    assert!((60..120).contains(&uptime), "{uptime}");
    let last = data["endpoints"]["POST /orders"]["last_called"].clone();
    assert_eq!(
        data["endpoints"],
        json!({
            "GET /cart/{id}":
                {"calls": 2, "avg_response_time": 0.2, "error_rate": 0.0, "last_called": last},
            "GET /health":
                {"calls": 1, "avg_response_time": 0.1, "error_rate": 0.0, "last_called": last},
            "POST /orders":
                {"calls": 1, "avg_response_time": 1.1, "error_rate": 100.0, "last_called": last},
        })
    );
    let health = get(&server, "/api/monitoring/health?service=shop").await;
    assert_eq!(health["health"]["status"], "degraded");
    let said = "error rate 25.0 % of 4 requests in the last 1d is above 10 %";
    assert_eq!(health["health"]["issues"], json!([said]));
    let health = get(&server, "/api/monitoring/health?service=till&since=2h").await;
    let said = "average response time 7.0 s of 1 request in the last 2h is above 5 s";
    assert_eq!(health["health"]["issues"], json!([said]));
    assert_eq!(health["health"]["total_requests"], 1);
    // A minute ago is before that.
    let idle = get(&server, "/api/monitoring/health?service=shop&since=10s").await;
    assert_eq!(idle["health"]["status"], "healthy");
    assert_eq!(
        (&idle["health"]["uptime"], &idle["health"]["total_requests"]),
        (&json!("0:00:00"), &json!(0))
    );
    let all = get(&server, "/api/monitoring/stats?service=*").await;
    assert_eq!(all["data"]["total_requests"], 5);
    let names: Vec<&String> = all["data"]["endpoints"].as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        ["GET /cart/{id}", "GET /health (shop)", "GET /health (till)", "POST /orders"]
    );
}

#[tokio::test]
async fn what_is_wrong_is_told_in_the_same_form() {
    let server = TestServer::start().await;
    let too_long = format!("/api/monitoring/stats?service={}", "x".repeat(300));
    for (path, status, said) in [
        ("/api/monitoring/stats?service=nobody", 404, "nothing came from a service \"nobody\""),
        ("/api/monitoring/health?service=nobody", 404, "nothing came from a service \"nobody\""),
        ("/api/monitoring/stats?servce=shop", 400, "servce is not a parameter here"),
        ("/api/monitoring/health?since=1h", 400, "since needs service"),
        (too_long.as_str(), 404, "nothing came from a service"),
    ] {
        let answer = ask(&server, path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        let body = answer.json();
        assert_eq!(
            shape(&body),
            json!({"success": "bool", "error": "text", "timestamp": "decimal"})
        );
        assert_eq!(body["success"], false);
        assert!(body["error"].as_str().unwrap().contains(said), "{path}: {body}");
    }
    let posted = server.send(Method::POST, HEALTH, &[], "").await;
    assert_eq!((posted.status.as_u16(), posted.header("allow")), (405, "GET, HEAD"));
    assert_eq!(posted.json()["success"], false);
    let tenant = [("x-scope-orgid", "a/b")];
    let refused = server.send(Method::GET, HEALTH, &tenant, "").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_stream_that_stays_open_is_counted_at_its_head() {
    let server = TestServer::start().await;
    let mut socket = tokio::net::TcpStream::connect(server.address("main")).await.unwrap();
    let upgrade = "GET /loki/api/v1/tail?query=%7Ba%3D%22b%22%7D HTTP/1.1\r\nhost: x\r\n\
        connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
        sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.write_all(upgrade.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    socket.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
    let stats = get(&server, STATS).await;
    let tail = &stats["data"]["endpoints"]["GET /loki/api/v1/tail"];
    assert_eq!((&tail["calls"], &tail["error_rate"]), (&json!(1), &json!(0.0)));
    drop(socket);
}

#[tokio::test]
async fn a_call_that_fails_at_once_counts_as_failed() {
    let server = TestServer::start().await;
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let failed = server.call("otlp-grpc", path, &[], b"no message").await;
    assert_eq!((failed.status.as_u16(), failed.header("grpc-status")), (200, "3"));
    let taken = server.call("otlp-grpc", path, &[], b"").await;
    assert_eq!(taken.trailers.get("grpc-status").unwrap(), "0");
    let stats = get(&server, STATS).await;
    let export = &stats["data"]["endpoints"][format!("POST {path}")];
    assert_eq!((&export["calls"], &export["error_rate"]), (&json!(2), &json!(50.0)));
}

/// What a monitoring script does that was written against such a backend: it says what it would
/// send as alerts.
async fn alerts(server: &TestServer, query: &str) -> Vec<String> {
    let mut alerts = Vec::new();
    let health = ask(server, &format!("{HEALTH}{query}")).await.json();
    if health["health"]["status"] != "healthy" {
        alerts.push(format!("unhealthy: {}", health["health"]["issues"]));
    }
    let stats = ask(server, &format!("{STATS}{query}")).await.json();
    let percent = stats["data"]["error_rate_percent"].as_f64().unwrap();
    if percent > 10.0 {
        alerts.push(format!("error rate: {percent}%"));
    }
    alerts
}

/// What a status page shows that was written against such a backend.
async fn page(server: &TestServer) -> Vec<String> {
    let health = ask(server, HEALTH).await.json();
    let stats = ask(server, STATS).await.json();
    assert_eq!(stats["success"], true);
    let (health, data) = (&health["health"], &stats["data"]);
    let usage = |name: &str| match &data["current_system"][name] {
        Value::Null => "N/A".to_owned(),
        percent => percent.to_string(),
    };
    vec![
        health["status"].as_str().unwrap().to_uppercase(),
        health["uptime"].as_str().unwrap().split(':').count().to_string(),
        data["total_requests"].to_string(),
        data["error_rate_percent"].to_string(),
        usage("cpu_percent"),
        usage("memory_percent"),
    ]
}

#[tokio::test]
async fn scripts_and_status_pages_find_what_they_look_for() {
    let server = TestServer::start().await;
    assert_eq!(alerts(&server, "").await, [""; 0]);
    assert_eq!(page(&server).await, ["HEALTHY", "3", "3", "0.0", "N/A", "N/A"]);
    let spans = [("GET /a", 10, 200), ("GET /a", 10, 200), ("GET /b", 10, 503)];
    send(&server, "default", "shop", &spans).await;
    assert_eq!(
        alerts(&server, "?service=shop").await,
        [
            r#"unhealthy: ["error rate 33.3 % of 3 requests in the last 1d is above 10 %"]"#,
            "error rate: 33.33%"
        ]
    );
}

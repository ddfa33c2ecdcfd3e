//! The paths for operators, and the web UI's place.

use http::{Method, StatusCode};

use crate::harness::TestServer;

#[tokio::test]
async fn health_and_status_answer_before_the_store_is_ready() {
    let server = TestServer::recovering().await;
    server.engine.recovering("10 of 20 MiB");
    let health = server.send(Method::GET, "/health", &[], "").await.json();
    assert_eq!(health["status"], "ok");
    assert!(health["timestamp"].as_f64().unwrap() > 1.7e9);
    let ready = server.send(Method::GET, "/ready", &[], "").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(&*ready.body, b"recovering: 10 of 20 MiB\n");
    let status = server.send(Method::GET, "/status", &[], "").await.json();
    assert_eq!(status["state"], "recovering");
    assert_eq!(status["version"], "1.2.3");
    let api = server.api("/traces").await;
    assert_eq!(api.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(api.header("retry-after"), "1");
    assert_eq!(api.json()["error"]["kind"], "unavailable");
}

#[tokio::test]
async fn status_and_metrics_tell_what_was_taken() {
    let server = TestServer::start().await;
    let log = serde_json::json!({"resourceLogs":[{"scopeLogs":[{"logRecords":[
        {"timeUnixNano":"1000","body":{"stringValue":"hello"}}]}]}]});
    server.post_json("/v1/logs", &log).await;
    let ready = server.send(Method::GET, "/ready", &[], "").await;
    assert_eq!((ready.status, &*ready.body), (StatusCode::OK, &b"ready\n"[..]));
    let status = server.send(Method::GET, "/status", &[], "").await.json();
    assert_eq!(status["state"], "ready");
    assert_eq!(status["ingest"]["log_records_accepted"], 1);
    assert_eq!(status["stores"]["logs"]["rows_in_memory"], 1);
    assert_eq!(status["listeners"][0]["name"], "main");
    assert!(status["disk"]["total_bytes"].as_u64().unwrap() > 0);
    let metrics = server.send(Method::GET, "/metrics", &[], "").await;
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    let line = "wk_engine_ingest_rows_total{outcome=\"accepted\",signal=\"logs\"} 1";
    assert!(text.lines().any(|found| found == line), "{text}");
}

#[tokio::test]
async fn flush_is_for_this_machine_and_posted() {
    let server = TestServer::start().await;
    let answer = server.send(Method::POST, "/flush", &[], "").await;
    assert_eq!(answer.status, StatusCode::OK);
    let answer = server.send(Method::GET, "/flush", &[], "").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn pages_of_the_ui_are_served_and_other_paths_are_not() {
    let server = TestServer::start().await;
    for (path, status, media_type) in [
        ("/", 200, "text/html; charset=utf-8"),
        ("/traces/0102", 200, "text/html; charset=utf-8"),
        ("/missing.js", 404, "text/plain; charset=utf-8"),
        ("/api/v9/x", 404, "text/plain; charset=utf-8"),
        ("/api/watchkeep/v1/x", 404, "application/json"),
        ("/api/watchkeep/v1/openapi.json", 200, "application/json"),
    ] {
        let answer = server.send(Method::GET, path, &[], "").await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert_eq!(answer.header("content-type"), media_type, "{path}");
    }
}

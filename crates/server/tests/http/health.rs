//! Health: of everything, of the host, of what is checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use watchkeep_engine::HealthConfig;
use watchkeep_engine::health::checks::config::{CheckConfig, CheckType, Hidden};
use watchkeep_storage::memory::MemoryStore;

use crate::harness::TestServer;

/// A server with two checks: `web` is well, `cache` is not.
async fn server(decide: bool) -> (TestServer, TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let mut web = CheckConfig::new(CheckType::Tcp);
    web.address = Some(listener.local_addr().unwrap().to_string());
    let mut cache = CheckConfig::new(CheckType::Redis);
    cache.url = Some(Hidden::new(format!("redis://:s3cret@{free}/1")));
    let checks = BTreeMap::from([("web".to_owned(), web), ("cache".to_owned(), cache)]);
    let config = HealthConfig { checks, checks_decide_health: decide, ..HealthConfig::default() };
    let server = TestServer::with_health(config).await;
    server.engine.attach(Arc::new(MemoryStore::default()));
    (server, listener, free)
}

async fn run(server: &TestServer, name: &str) -> Value {
    let path = format!("/api/watchkeep/v1/health/checks/{name}/run");
    let answer = server.send(Method::POST, &path, &[], "").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
    answer.json()
}

#[tokio::test]
async fn checks_decide_health_unless_told_otherwise() {
    for decide in [true, false] {
        let (server, _listener, _) = server(decide).await;
        let ask = async |path: &str| {
            let answer = server.send(Method::GET, path, &[], "").await;
            let mut body = answer.json();
            let timestamp = body.as_object_mut().unwrap().remove("timestamp").unwrap();
            (answer.status.as_u16(), body, timestamp)
        };
        let services = |web: &str, cache: &str| json!({"web": web, "cache": cache});
        let unknown = json!({"status": "healthy", "services": services("unknown", "unknown")});
        let (status, body, timestamp) = ask("/health/services").await;
        assert_eq!((status, &body), (200, &unknown));
        assert!(timestamp.as_str().unwrap().ends_with('Z'));
        run(&server, "web").await;
        run(&server, "cache").await;
        let ill = json!({"status": "unhealthy", "services": services("healthy", "unhealthy")});
        let (status, body, _) = ask("/health/services").await;
        assert_eq!((status, &body), (503, &ill));
        let (status, body, timestamp) = ask("/health").await;
        if decide {
            assert_eq!((status, &body), (503, &ill));
        } else {
            assert_eq!((status, &body), (200, &json!({"status": "ok"})));
            assert!(timestamp.as_f64().is_some());
        }
        assert_eq!(server.send(Method::GET, "/ready", &[], "").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn without_checks_health_is_that_of_the_process() {
    let server = TestServer::start().await;
    let health = server.send(Method::GET, "/health", &[], "").await;
    assert_eq!((health.status, &health.json()["status"]), (StatusCode::OK, &json!("ok")));
    let services = server.send(Method::GET, "/health/services", &[], "").await.json();
    assert_eq!((&services["status"], &services["services"]), (&json!("healthy"), &json!({})));
    let health = server.get("/health").await;
    assert_eq!(health["status"], "unknown");
    assert_eq!((&health["issues"], &health["host"]), (&json!([]), &Value::Null));
    assert_eq!(server.get("/health/checks").await, json!({"checks": []}));
    let host = server.get("/health/host").await;
    assert_eq!((&host["status"], &host["latest"]), (&json!("unknown"), &Value::Null));
    assert!(host["series"].as_array().unwrap().len().abs_diff(120) < 3, "{host}");
}

#[tokio::test]
async fn a_check_is_run_and_tells_its_history_and_no_secret() {
    let (server, _listener, address) = server(true).await;
    let before = server.get("/health/checks/cache").await;
    assert_eq!(
        (&before["status"], &before["runs"], &before["uptime"]),
        (&json!("unknown"), &json!(0), &Value::Null)
    );
    for _ in 0..3 {
        run(&server, "web").await;
    }
    let cache = run(&server, "cache").await;
    assert_eq!(cache["name"], "cache");
    assert_eq!(cache["type"], "redis");
    assert_eq!(cache["target"], format!("{address}/1"));
    assert_eq!(cache["status"], "unhealthy");
    assert_eq!(cache["error"], "connection refused");
    assert_eq!(
        (&cache["interval_ns"], &cache["timeout_ns"]),
        (&json!(30_000_000_000_i64), &json!(5_000_000_000_i64))
    );
    assert_eq!(
        (&cache["uptime"], &cache["runs"], &cache["failures"]),
        (&json!(0.0), &json!(1), &json!(1))
    );
    assert!(cache["last_duration_ns"].as_i64().unwrap() > 0);
    assert_eq!(cache["since_unix_nano"], cache["last_run_unix_nano"]);
    let told: Vec<&Value> = cache["history"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| !step["uptime"].is_null())
        .collect();
    assert_eq!((told.len(), &told[0]["uptime"]), (1, &json!(0.0)));
    let list = server.get("/health/checks").await;
    assert_eq!(list["checks"][0]["name"], "cache");
    assert_eq!(
        (&list["checks"][1]["name"], &list["checks"][1]["status"]),
        (&json!("web"), &json!("healthy"))
    );
    let health = server.get("/health").await;
    assert_eq!(health["status"], "unhealthy");
    assert_eq!(health["checks"], json!({"healthy": 1, "unhealthy": 1, "unknown": 0}));
    assert_eq!(
        health["issues"],
        json!([{"kind": "dependency", "name": "cache", "severity": "unhealthy",
                "message": "connection refused", "value": null, "threshold": null}])
    );
    let events = server.get("/events?kind=dependency").await;
    assert_eq!(events["events"][0]["title"], "cache is unhealthy");
    assert_eq!(events["events"][0]["severity"], "critical");
    for shown in [&list, &health, &events] {
        assert!(!shown.to_string().contains("s3cret"), "{shown}");
    }
    let up = server.send(Method::GET, "/api/v1/query?query=watchkeep_check_up", &[], "").await;
    let up = up.json()["data"]["result"].as_array().unwrap().len();
    assert_eq!(up, 2);
}

#[tokio::test]
async fn the_host_is_told_as_it_was_read() {
    let server = TestServer::start().await;
    server.engine.read_host().await;
    let reading = server.engine.read_host().await.unwrap();
    server.engine.keep_reading(&reading).await;
    let end = (reading.time_ns + 1_000_000_000).to_string();
    let host = server.get(&format!("/health/host?end={end}&step=1m")).await;
    assert_eq!(
        (&host["host"], &host["cpus"]),
        (&json!(reading.about.host), &json!(reading.about.cpus))
    );
    assert_eq!(host["step"], "60000000000");
    let latest = &host["latest"];
    assert_eq!(latest["time_unix_nano"], reading.time_ns.to_string());
    assert_eq!(latest["memory"]["total_bytes"], reading.memory_total_bytes);
    assert_eq!(
        latest["disks"].as_array().unwrap().iter().filter(|disk| disk["data"] == true).count(),
        1
    );
    let last = host["series"].as_array().unwrap().last().unwrap();
    let close = |a: &Value, b: f64| assert!((a.as_f64().unwrap() - b).abs() < 1e-6, "{a} {b}");
    close(&last["memory_percent"], reading.memory_percent);
    close(&last["disk_percent"], reading.disk_usage_percent);
    close(&last["load1"], reading.load[0]);
    assert_ne!(server.get("/health").await["host"], Value::Null);
}

#[tokio::test]
async fn what_is_wrong_with_a_question_is_named() {
    let (server, _listener, _) = server(true).await;
    for (method, path, status, part) in [
        (Method::GET, "/health?colour=red", 400, "colour"),
        (Method::GET, "/health/host?step=0", 400, "step"),
        (Method::GET, "/health/host?step=1ms", 422, "steps"),
        (Method::GET, "/health/checks?start=2&end=1", 400, "start"),
        (Method::GET, "/health/checks/nobody", 404, "nobody"),
        (Method::POST, "/health/checks/nobody/run", 404, "nobody"),
        (Method::POST, "/health/checks/web/run?a=b", 400, "a"),
        (Method::GET, "/health/checks/web/run", 405, "method"),
    ] {
        let answer = server.send(method, &format!("/api/watchkeep/v1{path}"), &[], "").await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(part), "{path}: {message}");
    }
}

//! Health of the real program: its host as series, checks on their schedule, and what a kill leaves.

#![expect(clippy::unwrap_used, reason = "all of this is a test, helpers too")]

#[path = "../crash/http.rs"]
mod http;
#[path = "../crash/server.rs"]
mod server;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::Connection;
use crate::server::Server;

/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_mins(1);

fn start(directory: &std::path::Path, settings: &[(&str, String)]) -> Server {
    let mut server = Server::start_with(directory, settings);
    server.wait_until_ready().unwrap();
    server
}

fn get(server: &mut Connection, path: &str) -> (u16, Value) {
    let answer = server.ask("GET", path, b"").unwrap();
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

/// Asks until an answer is the one that is waited for.
fn until(server: &Server, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let (asked, mut connection) = (Instant::now(), server.connect().unwrap());
    loop {
        let (_, answer) = get(&mut connection, path);
        if wanted(&answer) {
            return answer;
        }
        assert!(asked.elapsed() < PATIENCE, "{path} answers {answer}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

const BASE: &str = "/api/watchkeep/v1";

#[test]
fn the_host_is_read_and_becomes_series() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("WATCHKEEP__HEALTH__HOST__ENABLED", "true".to_owned()),
        ("WATCHKEEP__HEALTH__HOST__INTERVAL", "1s".to_owned()),
    ];
    let mut running = start(folder.path(), &settings);
    let host = until(&running, &format!("{BASE}/health/host"), |host| {
        let series = host["series"].as_array().unwrap();
        series.iter().filter(|point| point["memory_percent"].is_number()).count() > 0
            && series.iter().any(|point| point["disk_percent"].is_number())
    });
    assert!(host["latest"]["process"]["resident_bytes"].as_u64().unwrap() > 1 << 20, "{host}");
    let query = "/api/v1/query?query=watchkeep_host_memory_total_bytes";
    let found = until(&running, query, |found| found["data"]["result"][0].is_object());
    let labels = &found["data"]["result"][0]["metric"];
    assert_eq!(labels["host"], host["host"]);
    running.stop().unwrap();
}

#[test]
fn checks_run_on_their_schedule_and_a_kill_loses_no_history() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let check = format!("{{type: tcp, address: '{address}', interval: 1s}}");
    let settings = [("WATCHKEEP__HEALTH__CHECKS__WEB", check)];
    let mut running = start(folder.path(), &settings);
    let path = format!("{BASE}/health/checks/web");
    until(&running, &path, |check| check["status"] == "healthy");
    assert_eq!(get(&mut running.connect().unwrap(), "/health").0, 200);
    drop(listener);
    until(&running, &path, |check| {
        check["status"] == "unhealthy" && check["runs"].as_u64() >= Some(3)
    });
    let (status, answer) = get(&mut running.connect().unwrap(), "/health");
    assert_eq!((status, &answer["services"]["web"]), (503, &Value::from("unhealthy")));
    running.kill();

    let running = start(folder.path(), &settings);
    let after = until(&running, &path, |check| {
        check["status"] == "unhealthy" && check["runs"].as_u64() >= Some(4)
    });
    assert!(after["failures"].as_u64() < after["runs"].as_u64(), "{after}");
    let events = format!("{BASE}/events?kind=dependency");
    let told = |wanted: usize| {
        until(&running, &events, |answer| {
            answer["events"].as_array().is_some_and(|events| events.len() == wanted)
        })
    };
    assert_eq!(told(1)["events"][0]["severity"], "critical");
    let _listener = TcpListener::bind(address).unwrap();
    until(&running, &path, |check| check["status"] == "healthy");
    assert_eq!(told(2)["events"][0]["severity"], "info");
}

//! Kills the real program while agents' spans come in, starts it again on the same directory, and
//! checks that the ledger and the counters hold what was acknowledged: every call of a model once,
//! and no sum over other calls.
//!
//! `WATCHKEEP_KILLS` is the number of kills (5), `WATCHKEEP_SEED` repeats the choices of a run.

#![expect(clippy::unwrap_used, reason = "all of this is a test, helpers too")]

#[path = "../crash/http.rs"]
mod http;
#[path = "../crash/random.rs"]
#[allow(dead_code, reason = "shared with a test that needs more of it")]
mod random;
#[path = "../crash/server.rs"]
#[allow(dead_code, reason = "shared with a test that needs more of it")]
mod server;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use watchkeep_model::{Clock as _, SystemClock};

use crate::http::Connection;
use crate::random::Random;
use crate::server::Server;

/// How long a client sends before a kill.
const SENDING_MS: (u64, u64) = (20, 2_500);
/// Traces of one run at most, so that one query reads what became of them.
const TRACES_MAX: u64 = 1_500;
const DECIDED_MAX: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(10);

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, got {text:?}")))
}

fn start(directory: &std::path::Path) -> Server {
    let settings = [
        ("WATCHKEEP__AGENTS__SETTLE", "1s".to_owned()),
        ("WATCHKEEP__AGENTS__METRICS_INTERVAL", "1s".to_owned()),
    ];
    let mut server = Server::start_with(directory, &settings);
    server.wait_until_ready().unwrap();
    server
}

/// A span of a trace; calls of models cost a dollar each, the agent says that it cost all.
fn span(trace: u64, id: u64, parent: u64, attributes: &str, now_ns: i64) -> String {
    let parent = if parent == 0 { String::new() } else { format!("{parent:016x}") };
    format!(
        r#"{{"traceId":"{:032x}","spanId":"{id:016x}","parentSpanId":"{parent}","name":"step",
        "kind":3,"startTimeUnixNano":"{now_ns}","endTimeUnixNano":"{}","attributes":[{attributes}]}}"#,
        trace + 1,
        now_ns + 1_000_000
    )
}

fn operation(name: &str, usd: u64) -> String {
    format!(
        r#"{{"key":"gen_ai.operation.name","value":{{"stringValue":"{name}"}}}},
        {{"key":"gen_ai.request.model","value":{{"stringValue":"m-1"}}}},
        {{"key":"gen_ai.usage.input_tokens","value":{{"intValue":"{}"}}}},
        {{"key":"gen_ai.usage.cost","value":{{"doubleValue":{usd}.0}}}}"#,
        usd * 10
    )
}

/// The requests that bring one trace, in any order.
fn requests(trace: u64, random: &mut Random) -> Vec<String> {
    let now_ns = SystemClock.now_ns();
    let mut spans = vec![
        span(trace, 1, 0, &operation("invoke_agent", 2), now_ns),
        span(trace, 2, 1, "", now_ns),
        span(trace, 3, 2, &operation("chat", 1), now_ns),
        span(trace, 4, 2, &operation("chat", 1), now_ns),
    ];
    let mut requests = Vec::new();
    while !spans.is_empty() {
        let count = random.between(1, spans.len() as u64);
        let some: Vec<String> = (0..count)
            .map(|_| spans.swap_remove(random.between(0, spans.len() as u64 - 1) as usize))
            .collect();
        requests.push(format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name",
            "value":{{"stringValue":"shop"}}}}]}},"scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
            some.join(",")
        ));
    }
    requests
}

#[test]
fn the_ledger_and_the_counters_survive_kills_to_the_cent() {
    let kills = setting("WATCHKEEP_KILLS").unwrap_or(5);
    let seed = setting("WATCHKEEP_SEED").unwrap_or(SystemClock.now_ns() as u64);
    println!("WATCHKEEP_SEED={seed}");
    let mut random = Random::new(seed);
    let folder = tempfile::tempdir().unwrap();
    // What the server did not answer is sent again, as exporters do.
    let mut unsent: Vec<String> = Vec::new();
    let mut traces = 0;
    for _ in 0..kills {
        let mut server = start(folder.path());
        let sending = Instant::now();
        let time = random.millis(SENDING_MS);
        let mut connection = server.connect().unwrap();
        while sending.elapsed() < time && traces < TRACES_MAX {
            if unsent.is_empty() {
                unsent = requests(traces, &mut random);
                traces += 1;
            }
            send(&mut connection, &mut unsent);
            std::thread::sleep(PAUSE.mul_f64(random.between(0, 200) as f64 / 100.0));
        }
        // Something is under way when it is killed.
        if unsent.is_empty() {
            unsent = requests(traces, &mut random);
            traces += 1;
        }
        let _nobody_waits = connection.send("POST", "/v1/traces", unsent[0].as_bytes());
        server.kill();
    }
    let server = start(folder.path());
    let mut connection = server.connect().unwrap();
    while !unsent.is_empty() {
        assert!(send(&mut connection, &mut unsent), "nothing kills it now");
    }
    let steps = decided(&server, traces as usize);
    let expected = 2.0 * traces as f64;
    assert_eq!(steps, expected, "of {traces} traces, WATCHKEEP_SEED={seed}");
    counted(&server, expected);
    println!("{kills} kills, {traces} traces");
}

/// Sends one request; false where the server did not take it.
fn send(connection: &mut Connection, unsent: &mut Vec<String>) -> bool {
    let answer = connection.ask("POST", "/v1/traces", unsent[0].as_bytes());
    let is_sent = answer.is_ok_and(|answer| answer.status == 200);
    if is_sent {
        unsent.remove(0);
    }
    is_sent
}

fn json(answer: std::io::Result<http::Answer>) -> Value {
    let answer = answer.unwrap();
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(answer.status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// Facts by trace and span, of each the last one written.
type Facts = HashMap<(String, String), (i64, Value)>;

/// Steps and runs of the ledger.
fn facts(server: &Server) -> (Facts, Facts) {
    let (mut steps, mut runs) = (Facts::new(), Facts::new());
    let mut connection = server.connect().unwrap();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/watchkeep/v1/logs?limit=1000{cursor}");
        let read = json(connection.ask_for("default!agents", &path));
        for record in read["logs"].as_array().unwrap() {
            let text = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
            let written: i64 = text("observed_time_unix_nano").parse().unwrap();
            let fact: Value = serde_json::from_str(record["body"].as_str().unwrap()).unwrap();
            let found = if fact.get("dialect").is_some() { &mut steps } else { &mut runs };
            let place = found.entry((text("trace_id"), text("span_id"))).or_default();
            if place.0 <= written {
                *place = (written, fact);
            }
        }
        match read["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (steps, runs),
        }
    }
}

/// Waits until all traces are decided; gives what the ledger says they cost.
fn decided(server: &Server, traces: usize) -> f64 {
    let began = Instant::now();
    loop {
        let (steps, runs) = facts(server);
        let whole = runs.values().filter(|(_, run)| run["steps"] == 3).count();
        if steps.len() == 3 * traces && whole == traces {
            let counts = steps.values().filter(|(_, fact)| fact["counted"] == "yes");
            return counts.map(|(_, fact)| fact["cost_usd"].as_f64().unwrap()).sum();
        }
        assert!(
            began.elapsed() < DECIDED_MAX,
            "{} steps and {} runs of {traces} traces were decided",
            steps.len(),
            runs.len()
        );
        std::thread::sleep(PAUSE);
    }
}

/// Waits until the counters say over all starts what calls cost; they must never say more.
fn counted(server: &Server, expected: f64) {
    let began = Instant::now();
    loop {
        let path = "/api/v1/query?query=watchkeep_llm_cost_usd_total%5B1h%5D";
        let read = json(server.connect().unwrap().ask("GET", path, b""));
        let mut total = 0.0;
        for series in read["data"]["result"].as_array().unwrap() {
            let mut last = 0.0;
            for sample in series["values"].as_array().unwrap() {
                let value: f64 = sample[1].as_str().unwrap().parse().unwrap();
                total += if value >= last { value - last } else { value };
                last = value;
            }
        }
        assert!(total <= expected, "counters say {total} of {expected}");
        if total == expected {
            return;
        }
        assert!(began.elapsed() < DECIDED_MAX, "counters say {total} of {expected}");
        std::thread::sleep(PAUSE);
    }
}

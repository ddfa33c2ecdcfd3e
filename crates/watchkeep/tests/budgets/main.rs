//! Budgets of the real program: what survives when it is killed, and how fast checks are answered.
//!
//! ```text
//! WATCHKEEP_BIN=target/release/watchkeep \
//!     cargo test -p watchkeep --test budgets -- --nocapture checks_are
//! ```

#![expect(clippy::unwrap_used, reason = "all of this is a test, helpers too")]

#[path = "../crash/http.rs"]
mod http;
#[path = "../crash/server.rs"]
mod server;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use watchkeep_model::{Clock as _, SystemClock};

use crate::http::Connection;
use crate::server::Server;

const BASE: &str = "/api/watchkeep/v1/budgets";

fn ask(server: &mut Connection, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let answer = server.ask(method, &format!("{BASE}{path}"), &body).unwrap();
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

fn start(directory: &std::path::Path) -> Server {
    let mut server = Server::start(directory);
    server.wait_until_ready().unwrap();
    server
}

/// Waits until a budget says that what was spent before is counted.
fn wait_known(server: &mut Connection, id: &str) -> Value {
    loop {
        let (status, answer) = ask(server, "GET", &format!("/{id}/status"), &Value::Null);
        assert_eq!(status, 200, "{answer}");
        if answer["known"] == true {
            return answer;
        }
    }
}

/// Waits until so many changes of reservations are in the ledger.
fn wait_written(server: &mut Connection, changes: u64) {
    const NAME: &str = "wk_engine_budget_reservation_changes_written_total ";
    loop {
        let page = server.ask("GET", "/metrics", b"").unwrap().body;
        let page = String::from_utf8(page).unwrap();
        let written = page.lines().find_map(|line| line.strip_prefix(NAME)?.parse::<u64>().ok());
        if written.is_some_and(|written| written >= changes) {
            return;
        }
    }
}

#[test]
fn budgets_and_reservations_survive_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = start(folder.path());
    let mut server = running.connect().unwrap();
    let budget = json!({"id": "day", "name": "Day", "amount": 10, "mode": "hard",
                        "scope": {"each": "user"}, "window": {"calendar": "month"}});
    assert_eq!(ask(&mut server, "POST", "", &budget).0, 201);
    wait_known(&mut server, "day");
    let question = json!({"user": "ann", "estimated_usd": 2.5, "reserve": true, "ttl": "30m"});
    let ids: Vec<String> = (0..4)
        .map(|_| {
            let (_, answer) = ask(&mut server, "POST", "/check", &question);
            answer["reservation"]["id"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(
        ask(&mut server, "DELETE", &format!("/reservations/{}", ids[0]), &Value::Null).0,
        204
    );
    let settle = json!({"actual_usd": 1.0});
    assert_eq!(ask(&mut server, "POST", &format!("/reservations/{}", ids[1]), &settle).0, 200);
    wait_written(&mut server, 6);
    running.kill();

    let running = start(folder.path());
    let mut server = running.connect().unwrap();
    let status = wait_known(&mut server, "day");
    assert_eq!(status["standings"][0]["reserved"], 6.0, "{status}");
    assert_eq!(
        ask(&mut server, "DELETE", &format!("/reservations/{}", ids[0]), &Value::Null).0,
        404
    );
    assert_eq!(
        ask(&mut server, "DELETE", &format!("/reservations/{}", ids[2]), &Value::Null).0,
        204
    );
    let (_, answer) = ask(&mut server, "POST", "/check", &question);
    assert_eq!(answer["decision"], "allow", "{answer}");
    let (_, answer) =
        ask(&mut server, "POST", "/check", &json!({"user": "ann", "estimated_usd": 4.1}));
    assert_eq!(answer["decision"], "deny", "{answer}");
}

/// A call of a model by an agent: the parent has the sum of its tokens.
fn spans(number: u64, now_ns: u64) -> Value {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let count =
        |key: &str, value: u64| json!({"key": key, "value": {"intValue": value.to_string()}});
    let trace = format!("{:032x}", number + 1);
    let usage =
        || [count("gen_ai.usage.input_tokens", 90), count("gen_ai.usage.output_tokens", 10)];
    let mut agent = vec![
        text("gen_ai.operation.name", "invoke_agent"),
        text("gen_ai.agent.name", "researcher"),
        text("user.id", "ann"),
    ];
    agent.extend(usage());
    let mut call = vec![
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.provider.name", "openai"),
        text("gen_ai.request.model", "gpt-4o"),
        text("user.id", "ann"),
    ];
    call.extend(usage());
    let span = |id: &str, parent: &str, name: &str, attributes: Vec<Value>| {
        json!({"traceId": trace, "spanId": id, "parentSpanId": parent, "name": name, "kind": 3,
               "startTimeUnixNano": now_ns.to_string(), "attributes": attributes,
               "endTimeUnixNano": (now_ns + 1_000_000).to_string()})
    };
    json!({"resourceSpans": [{
        "resource": {"attributes": [text("service.name", "shop")]},
        "scopeSpans": [{"spans": [
            span("00000000000000aa", "", "invoke_agent researcher", agent),
            span("00000000000000bb", "00000000000000aa", "chat gpt-4o", call),
        ]}]
    }]})
}

/// Waits until somebody spent so much, and checks that it is never more.
fn wait_spent(server: &mut Connection, path: &str, tokens: f64) {
    loop {
        let (_, answer) = ask(server, "GET", path, &Value::Null);
        let spent = answer["standings"][0]["spent"].as_f64().unwrap();
        assert!(spent <= tokens, "{spent} of {tokens}: {answer}");
        if spent == tokens && answer["known"] == true {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_was_spent_survives_kills_and_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = start(folder.path());
    let mut server = running.connect().unwrap();
    let budget = json!({"id": "tokens", "name": "Tokens", "amount": 1000, "unit": "tokens",
                        "mode": "hard", "scope": {"each": "user", "where": {"agent": "researcher"}},
                        "window": {"rolling": "1h"}});
    assert_eq!(ask(&mut server, "POST", "", &budget).0, 201);
    wait_known(&mut server, "tokens");
    let path = "/tokens/status?scope_value=ann";
    let events = |server: &mut Connection| {
        let (_, answer) = ask(server, "GET", "/events", &Value::Null);
        answer["events"].as_array().unwrap().len()
    };
    for round in 0..3 {
        let now_ns = SystemClock.now_ns() as u64;
        for number in 0..3 {
            let body = spans(round * 3 + number, now_ns).to_string();
            let answer = server.ask("POST", "/v1/traces", body.as_bytes()).unwrap();
            assert_eq!(answer.status, 200);
        }
        // In the first round the steps are not decided yet, and in the others some are.
        if round > 0 {
            wait_spent(&mut server, path, (round * 3 + 3) as f64 * 100.0);
        }
        running.kill();
        running = start(folder.path());
        server = running.connect().unwrap();
        wait_known(&mut server, "tokens");
        wait_spent(&mut server, path, (round * 3 + 3) as f64 * 100.0);
    }
    while events(&mut server) < 1 {
        std::thread::sleep(Duration::from_millis(5));
    }
    running.kill();
    let mut running = start(folder.path());
    let mut server = running.connect().unwrap();
    wait_spent(&mut server, path, 900.0);
    let (_, answer) = ask(
        &mut server,
        "POST",
        "/check",
        &json!({"user": "ann",
        "agent": "researcher", "estimated_tokens": 101}),
    );
    assert_eq!(answer["decision"], "deny", "{answer}");
    running.stop().unwrap();
    let running = start(folder.path());
    let mut server = running.connect().unwrap();
    wait_spent(&mut server, path, 900.0);
    assert_eq!(events(&mut server), 1, "80 % is told once, also after restarts");
}

/// Prints how long checks take at a steady rate; asserts that they are answered, not how fast.
#[test]
fn checks_are_answered_at_a_steady_rate() {
    const CONNECTIONS: u32 = 4;
    let rate = setting("WATCHKEEP_CHECKS_PER_SECOND").unwrap_or(200);
    let seconds = setting("WATCHKEEP_CHECKS_SECONDS").unwrap_or(1);
    let folder = tempfile::tempdir().unwrap();
    let mut running = start(folder.path());
    let mut server = running.connect().unwrap();
    for (id, scope) in [
        ("all", json!({})),
        ("users", json!({"each": "user"})),
        ("agent", json!({"where": {"agent": "researcher"}})),
        ("models", json!({"each": "request_model", "where": {"service": "shop"}})),
    ] {
        let budget = json!({"id": id, "name": id, "amount": 1e9, "mode": "hard", "scope": scope,
                            "window": {"calendar": "day"}});
        assert_eq!(ask(&mut server, "POST", "", &budget).0, 201);
        wait_known(&mut server, id);
    }
    let gap = Duration::from_secs(1) * CONNECTIONS / rate;
    let began = Instant::now();
    let work = |connection: u32| {
        let mut server = running.connect().unwrap();
        move || {
            let mut took = Vec::new();
            for number in 0..rate * seconds / CONNECTIONS {
                let due = began + gap * number + gap / CONNECTIONS * connection;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let question = json!({"user": format!("user-{}", number % 1_000), "model": "gpt-4o",
                    "agent": "researcher", "service": "shop", "estimated_usd": 0.01,
                    "reserve": number % 2 == 0, "ttl": "5s"});
                let sent = Instant::now();
                let (status, answer) = ask(&mut server, "POST", "/check", &question);
                took.push(sent.elapsed());
                assert_eq!((status, answer["decision"].as_str()), (200, Some("allow")), "{answer}");
            }
            took
        }
    };
    let mut took: Vec<Duration> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|at| scope.spawn(work(at))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let elapsed = began.elapsed().as_secs_f64();
    took.sort_unstable();
    let quantile = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    println!(
        "{} checks of 4 budgets in {elapsed:.2} s: p50 {:?}, p99 {:?}, p99.9 {:?}, most {:?}",
        took.len(),
        quantile(0.5),
        quantile(0.99),
        quantile(0.999),
        quantile(1.0)
    );
    running.stop().unwrap();
}

fn setting(name: &str) -> Option<u32> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, got {text:?}")))
}

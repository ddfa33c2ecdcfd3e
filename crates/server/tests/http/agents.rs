//! What the native API says about agents, over facts that are written into the ledger as log lines.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use watchkeep_model::{Clock as _, SystemClock};

use crate::harness::TestServer;

const TRACE: &str = "0102030405060708090a0b0c0d0e0f10";

/// Pushes lines into a stream of the ledger, a second apart, the newest now.
async fn write(server: &TestServer, record: &str, lines: &[Value]) {
    let now_ns = SystemClock.now_ns();
    let values: Vec<Value> = lines
        .iter()
        .rev()
        .enumerate()
        .map(|(ago, line)| {
            let time_ns = now_ns - 1_000_000_000 * (1 + i64::try_from(ago).unwrap());
            json!([time_ns.to_string(), line.to_string()])
        })
        .collect();
    let stream = json!({"record": record, "service": "assistant"});
    let body = json!({"streams": [{"stream": stream, "values": values}]});
    let answer = server
        .send(
            Method::POST,
            "/loki/api/v1/push",
            &[("content-type", "application/json"), ("x-scope-orgid", "default!agents")],
            body.to_string(),
        )
        .await;
    assert!(answer.status.is_success(), "{}", String::from_utf8_lossy(&answer.body));
}

/// A session of one run with a call of a model that has a price and an error of a tool.
async fn send_facts(server: &TestServer) {
    let run = json!({"service": "assistant", "name": "invoke_agent weather", "agent": "weather",
        "agent_version": "1.3.0", "session": "s1", "user": "u1", "duration_ns": 2_000_000_000_i64,
        "steps": 3, "llm_calls": 1, "tool_calls": 1, "tool_errors": 1, "cost_usd": 0.5,
        "tokens": {"input": 1000, "output": 100}, "models": ["gpt-4o"], "tools": ["search"],
        "agents": ["weather"]});
    write(server, "run", &[run]).await;
    let call = json!({"kind": "llm", "dialect": "opentelemetry", "service": "assistant",
        "name": "chat", "agent": "weather", "session": "s1", "user": "u1", "provider": "openai",
        "model": "gpt-4o", "tokens": {"input": 1000, "output": 100}, "counted": "yes",
        "cost_usd": 0.5, "cost_source": "computed", "duration_ns": 1_000_000_000_i64});
    write(server, "step", &[call]).await;
    let event = |id: &str| {
        json!({"id": id, "kind": "loop", "severity": "warning", "agent": "weather",
               "service": "assistant", "title": "in circles"})
    };
    write(server, "event", &[event("first"), event("second")]).await;
}

#[tokio::test]
async fn agents_runs_sessions_and_costs_are_told() {
    let server = TestServer::start().await;
    send_facts(&server).await;
    let agents = server.get("/agents").await;
    let row = &agents["agents"][0];
    assert_eq!(
        (&row["agent"], &row["runs"], &row["success_rate"]),
        (&json!("weather"), &json!(1), &json!(1.0))
    );
    assert_eq!(row["health"], json!({"status": "healthy", "issues": []}));
    assert_eq!(row["latency"]["p95_ns"], 2_000_000_000_i64);
    assert_eq!(
        row["tokens"],
        json!({"total": 1100, "input": 1000, "output": 100,
               "buckets": {"input": 1000, "output": 100}})
    );
    assert_eq!(row["versions"], json!(["1.3.0"]));
    assert_eq!(row["rating"], Value::Null);

    let page = server.get("/agents/weather").await;
    assert_eq!(page["models"][0]["model"], "gpt-4o");
    assert_eq!(page["recent_runs"][0]["session"], "s1");
    let runs = server.get("/runs?session=s1&status=ok&min_cost=0.1&tool=search&loop=false").await;
    assert_eq!((runs["runs"].as_array().unwrap().len(), &runs["next_cursor"]), (1, &Value::Null));
    assert_eq!(server.get("/runs?min_cost=1").await["runs"], json!([]));
    let sessions = server.get("/sessions").await;
    assert_eq!(sessions["sessions"][0]["turns"], 1);
    let session = server.get("/sessions/s1").await;
    assert_eq!(
        session["turns"][0]["content_missing"],
        "the spans of the trace are not kept any more"
    );

    let costs = server.get("/costs?by=user").await;
    assert_eq!(costs["groups"][0]["key"], "u1");
    assert_eq!(costs["groups"][0]["share"], 1.0);
    assert_eq!(costs["totals"]["cost_usd"], 0.5);
    assert_eq!(costs["totals"]["runs"], 1);
    assert_eq!(costs["projection"]["month"]["complete"], true);
    let events = server.get("/events?kind=loop&limit=1").await;
    assert_eq!(events["events"][0]["id"], "second");
    let cursor = events["next_cursor"].as_str().unwrap();
    let events = server.get(&format!("/events?kind=loop&limit=1&cursor={cursor}")).await;
    assert_eq!(events["events"][0]["id"], "first");
}

#[tokio::test]
async fn reports_come_for_programs_and_for_people() {
    let server = TestServer::start().await;
    send_facts(&server).await;
    let report = server.get("/report?agent=weather").await;
    assert_eq!(report["agent_id"], "weather");
    assert_eq!(report["health"]["total_requests"], 1);
    assert_eq!(report["health"]["avg_response_time"], 2.0);
    assert_eq!(report["metrics"]["requests"], json!({"total": 1, "successful": 1, "failed": 0}));
    assert_eq!(report["feedback"]["distribution"]["5_star"], 0);
    for (format, media_type, begins) in [
        ("text", "text/plain; charset=utf-8", "Agent weather"),
        ("markdown", "text/markdown; charset=utf-8", "# Agent weather"),
        ("html", "text/html; charset=utf-8", "<!doctype html>"),
    ] {
        let path = format!("/api/watchkeep/v1/report?agent=weather&format={format}");
        let answer = server.send(Method::GET, &path, &[], "").await;
        assert_eq!(answer.header("content-type"), media_type);
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(text.starts_with(begins), "{text}");
    }
}

#[tokio::test]
async fn the_steps_of_a_trace_are_explained() {
    let server = TestServer::start().await;
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let count =
        |key: &str, value: u32| json!({"key": key, "value": {"intValue": value.to_string()}});
    let span = |id: &str, parent: &str, name: &str, attributes: Vec<Value>| {
        json!({"traceId": TRACE, "spanId": id, "parentSpanId": parent, "name": name,
               "startTimeUnixNano": "1000000000", "endTimeUnixNano": "2000000000",
               "attributes": attributes})
    };
    let body = json!({"resourceSpans": [{"resource": {"attributes": [text("service.name", "assistant")]},
    "scopeSpans": [{"spans": [
        span("0102030405060708", "", "invoke_agent weather",
             vec![text("gen_ai.operation.name", "invoke_agent"), text("gen_ai.agent.name", "weather")]),
        span("1112131415161718", "0102030405060708", "chat gpt-4o",
             vec![text("gen_ai.operation.name", "chat"), text("gen_ai.provider.name", "openai"),
                  text("gen_ai.response.model", "gpt-4o"),
                  count("gen_ai.usage.input_tokens", 1000), count("gen_ai.usage.output_tokens", 100),
                  text("gen_ai.output.messages", r#"[{"role":"assistant","parts":[{"type":"text","content":"Yes."}]}]"#)]),
    ]}]}]});
    server.post_json("/v1/traces", &body).await;
    let found = server.get(&format!("/traces/{TRACE}/steps")).await;
    let call = &found["steps"][1];
    assert_eq!(
        (&call["kind"], &call["depth"], &call["agent"]),
        (&json!("llm"), &json!(1), &json!("weather"))
    );
    assert_eq!(call["parent_span_id"], "0102030405060708");
    assert_eq!(call["counted"], "undecided");
    assert_eq!(call["cost"]["source"], "computed");
    assert_eq!(call["cost"]["price"]["key"], "gpt-4o");
    assert_eq!(call["content"]["output"][0]["parts"], json!([{"type": "text", "text": "Yes."}]));
    let cost = server.get(&format!("/traces/{TRACE}/cost")).await;
    assert_eq!(cost["cost_usd"], call["cost"]["usd"]);
    assert_eq!(cost["steps"][0]["subtree_usd"], call["cost"]["usd"]);
    let graph = server.get(&format!("/traces/{TRACE}/graph")).await;
    assert_eq!(graph["edges"][0]["from"], "agent:weather");
    assert_eq!(graph["edges"][0]["to"], "llm:gpt-4o");
    let dialects = server.get("/agents/dialects?start=0&end=99000000000").await;
    assert_eq!(dialects["services"][0]["spans_understood"], 2);
}

#[tokio::test]
async fn what_is_wrong_or_missing_is_named() {
    let server = TestServer::start().await;
    for (path, status, field) in [
        ("/agents/nobody", StatusCode::NOT_FOUND, Value::Null),
        ("/sessions/none", StatusCode::NOT_FOUND, Value::Null),
        ("/traces/ff/steps", StatusCode::NOT_FOUND, Value::Null),
        ("/report?agent=nobody", StatusCode::NOT_FOUND, Value::Null),
        ("/traces/xyz/cost", StatusCode::BAD_REQUEST, json!("trace_id")),
        ("/costs?by=weather", StatusCode::BAD_REQUEST, json!("by")),
        ("/costs?step=1s", StatusCode::BAD_REQUEST, json!("step")),
        ("/runs?min_cost=-1", StatusCode::BAD_REQUEST, json!("min_cost")),
        ("/runs?status=perhaps", StatusCode::BAD_REQUEST, json!("status")),
        ("/runs?cursor=x", StatusCode::BAD_REQUEST, json!("cursor")),
        ("/events?limit=0", StatusCode::BAD_REQUEST, json!("limit")),
        ("/report?format=pdf", StatusCode::BAD_REQUEST, json!("format")),
    ] {
        let answer = server.send(Method::GET, &format!("/api/watchkeep/v1{path}"), &[], "").await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.json()["error"]["field"], field, "{path}");
    }
    assert_eq!(server.get("/agents").await["agents"], json!([]));
    assert_eq!(server.get("/costs").await["groups"], json!([]));
}

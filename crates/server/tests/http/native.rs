//! The native API over what was sent as OTLP.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::TestServer;

const TRACE: &str = "0102030405060708090a0b0c0d0e0f10";

fn attribute(key: &str, value: &Value) -> Value {
    json!({"key": key, "value": value})
}

fn resource(service: &str) -> Value {
    json!({"attributes": [attribute("service.name", &json!({"stringValue": service})),
                          attribute("region", &json!({"stringValue": "eu"}))]})
}

/// Two services, an error in the second; a trace of its own 10 s later.
async fn send_traces(server: &TestServer) {
    let body = json!({"resourceSpans": [
        {"resource": resource("gateway"), "scopeSpans": [{"scope": {"name": "lib", "version": "1"},
         "spans": [{
            "traceId": TRACE, "spanId": "0102030405060708", "name": "GET /", "kind": 2,
            "startTimeUnixNano": "1000000000", "endTimeUnixNano": "2000000000",
            "traceState": "a=b", "flags": 1,
            "attributes": [attribute("n", &json!({"intValue": "7"})),
                           attribute("d", &json!({"doubleValue": "NaN"})),
                           attribute("b", &json!({"bytesValue": "AP8="})),
                           attribute("list", &json!({"arrayValue": {"values": [{"boolValue": true}]}}))],
            "events": [{"timeUnixNano": "1500000000", "name": "exception",
                        "attributes": [attribute("k", &json!({"stringValue": "v"}))]}],
            "links": [{"traceId": "ff020304050607080910111213141516", "spanId": "ff02030405060708"}]
        }]}]},
        {"resource": resource("model"), "scopeSpans": [{"spans": [{
            "traceId": TRACE, "spanId": "1112131415161718", "parentSpanId": "0102030405060708",
            "name": "generate", "kind": 3, "startTimeUnixNano": "1200000000",
            "endTimeUnixNano": "1400000000", "status": {"code": 2, "message": "boom"}
        }]}]},
        {"resource": resource("model"), "scopeSpans": [{"spans": [{
            "traceId": "ee", "spanId": "1112131415161718", "parentSpanId": "0102030405060708",
            "name": "orphan", "startTimeUnixNano": "11000000000", "endTimeUnixNano": "11000000001"
        }]}]}
    ]});
    let body = body.to_string().replace("\"ee\"", "\"ee000000000000000000000000000000\"");
    server.post_json("/v1/traces", &serde_json::from_str(&body).unwrap()).await;
}

#[tokio::test]
async fn traces_are_listed_newest_first_and_filtered() {
    let server = TestServer::start().await;
    send_traces(&server).await;
    let all = "/traces?start=0&end=99000000000";
    let names = async |query: &str| -> Vec<String> {
        let list = server.get(&format!("{all}{query}")).await;
        let traces = list["traces"].as_array().unwrap();
        traces.iter().map(|trace| trace["root_name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("").await, ["orphan", "GET /"]);
    for (query, expect) in [
        ("&service=gateway", vec!["GET /"]),
        ("&service=model&status=error", vec!["GET /"]),
        ("&service=gateway&status=error", vec![]),
        ("&name=orphan", vec!["orphan"]),
        ("&attribute=n%3D7", vec!["GET /"]),
        ("&attribute=region%3Deu", vec!["orphan", "GET /"]),
        ("&attribute=region%3Deu&attribute=n%3D8", vec![]),
        ("&min_duration=1s", vec!["GET /"]),
        ("&max_duration=10", vec!["orphan"]),
        ("&min_duration=1.5s", vec![]),
    ] {
        assert_eq!(names(query).await, expect, "{query}");
    }
    let list = server.get(&format!("{all}&limit=1")).await;
    assert_eq!(list["traces"][0]["root_missing"], true);
    let cursor = list["next_cursor"].as_str().unwrap();
    let list = server.get(&format!("{all}&limit=1&cursor={cursor}")).await;
    assert_eq!(list["next_cursor"], Value::Null);
    assert_eq!(
        list["traces"][0],
        json!({"trace_id": TRACE, "root_service": "gateway", "root_name": "GET /",
               "start_time_unix_nano": "1000000000", "duration_ns": 1_000_000_000,
               "span_count": 2, "error_count": 1, "root_missing": false,
               "services": [{"name": "gateway", "span_count": 1, "error_count": 0},
                            {"name": "model", "span_count": 1, "error_count": 1}]})
    );
    assert_eq!(
        server.get("/services?start=0&end=99000000000").await,
        json!({"services": ["gateway", "model"]})
    );
    assert_eq!(server.get("/services").await, json!({"services": []}), "the last hour");
}

#[tokio::test]
async fn a_trace_has_all_that_was_sent() {
    let server = TestServer::start().await;
    send_traces(&server).await;
    let trace = server.get(&format!("/traces/{TRACE}")).await;
    assert_eq!((&trace["span_count"], &trace["error_count"]), (&json!(2), &json!(1)));
    assert_eq!(trace["duration_ns"], 1_000_000_000);
    assert_eq!(trace["resources"][0]["attributes"]["region"], "eu");
    assert_eq!(trace["scopes"][0], json!({"name": "lib", "version": "1", "attributes": {}}));
    assert_eq!(
        trace["spans"][0],
        json!({"span_id": "0102030405060708", "parent_span_id": null, "name": "GET /",
               "kind": "server", "start_time_unix_nano": "1000000000",
               "duration_ns": 1_000_000_000, "status": {"code": "unset", "message": ""},
               "resource": 0, "scope": 0,
               "attributes": {"n": 7, "d": {"$double": "NaN"}, "b": {"$bytes": "AP8="},
                              "list": [true]},
               "events": [{"time_unix_nano": "1500000000", "name": "exception",
                           "attributes": {"k": "v"}, "dropped_attributes_count": 0}],
               "links": [{"trace_id": "ff020304050607080910111213141516",
                          "span_id": "ff02030405060708", "trace_state": "", "attributes": {},
                          "dropped_attributes_count": 0}],
               "trace_state": "a=b", "flags": 1, "dropped_attributes_count": 0,
               "dropped_events_count": 0, "dropped_links_count": 0})
    );
    assert_eq!(trace["spans"][1]["status"], json!({"code": "error", "message": "boom"}));
    assert_eq!(trace["spans"][1]["parent_span_id"], "0102030405060708");
    assert_eq!(trace["resources"][1]["service"], "model");
    // A shorter id is padded on the left.
    let padded = server.get("/traces/102030405060708090a0b0c0d0e0f10").await;
    assert_eq!(padded["trace_id"], TRACE);
    assert_eq!(server.api("/traces/abcd").await.status, StatusCode::NOT_FOUND);
}

async fn send_logs(server: &TestServer) {
    let record = |time: u64, severity: u8, body: &Value| json!({"timeUnixNano": time.to_string(), "severityNumber": severity, "body": body});
    let mut records = vec![
        record(1_000, 9, &json!({"stringValue": "Hello World"})),
        record(
            2_000,
            17,
            &json!({"kvlistValue": {"values": [
            attribute("code", &json!({"intValue": "5"}))]}}),
        ),
    ];
    records.extend((0..5).map(|n| record(3_000, 0, &json!({"stringValue": format!("same {n}")}))));
    records[0]["traceId"] = json!(TRACE);
    records[0]["spanId"] = json!("0102030405060708");
    records[0]["attributes"] = json!([attribute("user", &json!({"stringValue": "ann"}))]);
    let body = json!({"resourceLogs": [
        {"resource": resource("gateway"), "scopeLogs": [{"logRecords": records}]}]});
    server.post_json("/v1/logs", &body).await;
}

#[tokio::test]
async fn logs_are_found_by_what_they_hold() {
    let server = TestServer::start().await;
    send_logs(&server).await;
    let all = "/logs?start=0&end=10000";
    for (query, count) in [
        ("", 7),
        ("&service=gateway", 7),
        ("&service=other", 0),
        ("&level=info", 1),
        ("&level=info&level=error", 2),
        ("&level=unknown", 5),
        ("&query=hello%20w", 1),
        ("&query=SAME", 5),
        ("&attribute=user%3Dann", 1),
        ("&attribute=region%3Deu", 7),
        ("&span_id=0102030405060708", 1),
    ] {
        let list = server.get(&format!("{all}{query}")).await;
        assert_eq!(list["logs"].as_array().unwrap().len(), count, "{query}");
    }
    let list = server.get(&format!("{all}&trace_id={TRACE}")).await;
    let record = &list["logs"][0];
    assert_eq!(record["body"], "Hello World");
    assert_eq!(record["level"], "info");
    assert_eq!(record["attributes"], json!({"user": "ann"}));
    assert_eq!(record["resource"]["service.name"], "gateway");
    assert_eq!(record["trace_id"], TRACE);
    assert_eq!(record["scope"], json!({"name": "", "version": "", "attributes": {}}));
    let list = server.get(&format!("{all}&level=error")).await;
    assert_eq!(list["logs"][0]["body"], json!({"code": 5}));
    assert_eq!(list["logs"][0]["span_id"], Value::Null);
}

#[tokio::test]
async fn pages_of_logs_neither_repeat_nor_miss_a_record() {
    let server = TestServer::start().await;
    send_logs(&server).await;
    for direction in ["backward", "forward"] {
        let mut bodies = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/logs?start=0&end=10000&limit=2&direction={direction}{cursor}");
            let list = server.get(&path).await;
            bodies.extend(list["logs"].as_array().unwrap().iter().map(|log| log["body"].clone()));
            match list["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let whole = server.get(&format!("/logs?start=0&end=10000&direction={direction}")).await;
        let expect: Vec<Value> =
            whole["logs"].as_array().unwrap().iter().map(|log| log["body"].clone()).collect();
        assert_eq!(bodies, expect, "{direction}");
        assert_eq!(bodies.len(), 7, "{direction}");
    }
}

#[tokio::test]
async fn the_histogram_of_logs_has_every_bucket() {
    let server = TestServer::start().await;
    send_logs(&server).await;
    let histogram = server.get("/logs/histogram?start=0&end=4000&buckets=4").await;
    assert_eq!(
        histogram,
        json!({"start_unix_nano": "0", "step_ns": 1000, "buckets": [
            {"time_unix_nano": "0", "counts": {}},
            {"time_unix_nano": "1000", "counts": {"info": 1}},
            {"time_unix_nano": "2000", "counts": {"error": 1}},
            {"time_unix_nano": "3000", "counts": {"unknown": 5}}]})
    );
}

#[tokio::test]
async fn metrics_are_listed_and_thinned() {
    let server = TestServer::start().await;
    let point = |seconds: u64, value: f64, job: &str| {
        json!({"timeUnixNano": (seconds * 1_000_000_000).to_string(), "asDouble": value,
               "attributes": [attribute("job_name", &json!({"stringValue": job}))]})
    };
    let body = |points: Vec<Value>| {
        json!({"resourceMetrics": [{"resource": resource("gateway"), "scopeMetrics": [{"metrics": [
            {"name": "queue.length", "description": "how long", "gauge": {"dataPoints": points}},
            {"name": "requests", "sum": {"isMonotonic": true, "aggregationTemporality": 1,
             "dataPoints": [{"timeUnixNano": "5000000000", "asInt": "3"}]}}]}]}]})
    };
    server.post_json("/v1/metrics", &body(vec![point(1, 1.0, "a"), point(2, 2.0, "b")])).await;
    server.post_json("/v1/metrics", &body(vec![point(9, 3.0, "a"), point(11, 4.0, "a")])).await;
    let list = server.get("/metrics?search=QUEUE").await;
    assert_eq!(list["truncated"], false);
    let metric = &list["metrics"][0];
    assert_eq!((&metric["name"], &metric["kind"]), (&json!("queue_length"), &json!("gauge")));
    assert_eq!((&metric["help"], &metric["series_count"]), (&json!("how long"), &json!(2)));

    let labels = server.get("/metrics/labels?name=queue_length&start=0&end=99000000000").await;
    let job =
        labels["labels"].as_array().unwrap().iter().find(|l| l["name"] == "job_name").unwrap();
    assert_eq!(*job, json!({"name": "job_name", "values": ["a", "b"], "truncated": false}));

    let path = "/metrics/series?name=queue_length&start=0&end=20000000000&step=10s";
    let series = server.get(&format!("{path}&label=job_name%3Da")).await;
    assert_eq!(series["step_ms"], 10_000);
    assert_eq!(series["series"].as_array().unwrap().len(), 1);
    assert_eq!(series["series"][0]["points"], json!([[0, 3.0], [10_000, 4.0]]));
    assert_eq!(server.get(&format!("{path}&limit=1")).await["truncated"], true);

    // The second increment at the same time is one sent twice: counted once.
    let total = server.get("/metrics/series?name=requests_total&start=0&end=9000000000").await;
    assert_eq!(total["series"][0]["points"].as_array().unwrap().len(), 1);
    assert_eq!(total["series"][0]["points"][0][1], 3.0);
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let server = TestServer::start().await;
    for (path, field, part) in [
        ("/traces?start=x", "start", "start must be unix nanoseconds or RFC 3339, got \"x\""),
        ("/traces?start=5&end=5", "start", "before end"),
        ("/traces?limit=1001", "limit", "1 to 1000"),
        ("/traces?sevice=x", "sevice", "not a parameter"),
        ("/traces?status=bad", "status", "unset, ok, error"),
        ("/traces?min_duration=5parsecs", "min_duration", "250ms"),
        ("/traces?attribute=novalue", "attribute", "key=value"),
        ("/traces?cursor=zzz", "cursor", "this server made"),
        ("/traces/xyz", "trace_id", "hexadecimal"),
        ("/logs?level=loud", "level", "fatal"),
        ("/logs?trace_id=q", "trace_id", "hexadecimal"),
        ("/logs?direction=up", "direction", "backward"),
        ("/logs/histogram?buckets=0", "buckets", "1 to 500"),
        ("/metrics/series", "name", "missing"),
        ("/metrics/series?name=x&start=0&step=1ms", "step", "11000"),
    ] {
        let answer = server.api(path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        let error = &answer.json()["error"];
        assert_eq!(error["kind"], "invalid", "{path}");
        assert_eq!(error["field"], field, "{path}: {error}");
        assert!(error["message"].as_str().unwrap().contains(part), "{path}: {error}");
    }
    let answer = server.send(Method::POST, "/api/watchkeep/v1/traces", &[], "").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.json()["error"]["kind"], "invalid");
    let headers = [("x-scope-orgid", "..")];
    let answer = server.send(Method::GET, "/api/watchkeep/v1/traces", &headers, "").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

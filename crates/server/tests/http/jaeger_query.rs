//! Jaeger's query service: both HTTP APIs and gRPC, over the same traces.

use http::Method;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use serde_json::{Value, json};

use crate::harness::{Answer, TestServer};

const START_US: u64 = 1_700_000_000_000_000;
const TRACE: &str = "01010101010101010101010101010101";
/// An id of 64 bits, as Jaeger writes it.
const SHORT: &str = "00000000000000aa";

fn ns(micros: u64) -> String {
    format!("{}000", START_US + micros)
}

/// A trace of a shop and its bank, and an hour later one of the shop alone.
async fn filled() -> TestServer {
    let server = TestServer::start().await;
    let text = |key: &str, text: &str| json!({"key": key, "value": {"stringValue": text}});
    let root = json!({
        "traceId": TRACE, "spanId": "0000000000000001", "name": "GET /cart", "kind": 2,
        "startTimeUnixNano": ns(0), "endTimeUnixNano": ns(250_000), "flags": 0x101,
        "traceState": "a=b",
        "attributes": [
            text("customer", "ann"),
            {"key": "http.status_code", "value": {"intValue": "502"}},
            {"key": "big", "value": {"intValue": "9007199254740993"}},
            {"key": "ok", "value": {"boolValue": true}},
            {"key": "ratio", "value": {"doubleValue": 0.5}},
            {"key": "bytes", "value": {"bytesValue": "AP8="}},
            {"key": "list", "value": {"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "b"}]}}},
        ],
        "droppedAttributesCount": 3,
        "events": [{"timeUnixNano": ns(1_000), "name": "cache miss", "attributes": [text("key", "k1")]}],
        "links": [{"traceId": "02020202020202020202020202020202", "spanId": "0000000000000009",
                   "attributes": [text("why", "retry")]}],
        "status": {"code": 2, "message": "declined"},
    });
    let pay = json!({
        "traceId": TRACE, "spanId": "0000000000000002", "parentSpanId": "0000000000000001",
        "name": "pay", "kind": 3, "startTimeUnixNano": ns(10_000), "endTimeUnixNano": ns(90_000),
    });
    let bank = json!({
        "traceId": TRACE, "spanId": "0000000000000003", "parentSpanId": "0000000000000002",
        "name": "POST /pay", "kind": 2, "startTimeUnixNano": ns(20_000),
        "endTimeUnixNano": ns(80_000), "status": {"code": 1},
    });
    let later = json!({
        "traceId": format!("{SHORT:0>32}"), "spanId": "0000000000000007", "name": "GET /cart",
        "kind": 2, "startTimeUnixNano": ns(3_600_000_000), "endTimeUnixNano": ns(3_600_005_000),
    });
    let of = |service: &str, spans: Vec<Value>| {
        json!({
            "resource": {"attributes": [text("service.name", service), text("host.name", "h1")]},
            "scopeSpans": [{"scope": {"name": "lib", "version": "1.0"}, "spans": spans}],
        })
    };
    let body =
        json!({"resourceSpans": [of("shop", vec![root, pay, later]), of("bank", vec![bank])]});
    server.post_json("/v1/traces", &body).await;
    server
}

async fn get(server: &TestServer, path: &str) -> Answer {
    server.send(Method::GET, path, &[], "").await
}

/// The whole time in which the traces are.
fn all() -> String {
    format!("start={}&end={}", START_US - 1, START_US + 7_200_000_000)
}

#[tokio::test]
async fn a_trace_comes_as_jaegers_ui_reads_it() {
    let server = filled().await;
    let answer = get(&server, &format!("/jaeger/api/traces/{TRACE}?start=1&end=2")).await;
    assert_eq!(answer.header("content-type"), "application/json");
    let found = answer.json();
    assert_eq!((&found["total"], &found["errors"]), (&json!(0), &Value::Null));
    let trace = &found["data"][0];
    assert_eq!(trace["traceID"], TRACE);
    assert_eq!(trace["warnings"], Value::Null);
    let tag =
        |key: &str, kind: &str, value: Value| json!({"key": key, "type": kind, "value": value});
    let host = tag("host.name", "string", json!("h1"));
    assert_eq!(
        trace["processes"],
        json!({
            "p1": {"serviceName": "shop", "tags": [host]},
            "p2": {"serviceName": "bank", "tags": [host]},
        })
    );
    assert_eq!(
        trace["spans"][0],
        json!({
            "traceID": TRACE, "spanID": "0000000000000001", "flags": 1,
            "operationName": "GET /cart",
            "references": [{
                "refType": "FOLLOWS_FROM", "traceID": "02020202020202020202020202020202",
                "spanID": "0000000000000009",
            }],
            "startTime": START_US, "duration": 250_000,
            "tags": [
                tag("big", "int64", json!("9007199254740993")),
                tag("bytes", "binary", json!("AP8=")),
                tag("customer", "string", json!("ann")),
                tag("error", "bool", json!(true)),
                tag("http.status_code", "int64", json!(502)),
                tag("list", "string", json!("[1,\"b\"]")),
                tag("ok", "bool", json!(true)),
                tag("otel.dropped_attributes_count", "int64", json!(3)),
                tag("otel.scope.name", "string", json!("lib")),
                tag("otel.scope.version", "string", json!("1.0")),
                tag("otel.status_code", "string", json!("ERROR")),
                tag("otel.status_description", "string", json!("declined")),
                tag("ratio", "float64", json!(0.5)),
                tag("span.kind", "string", json!("server")),
                tag("w3c.tracestate", "string", json!("a=b")),
            ],
            "logs": [{
                "timestamp": START_US + 1_000,
                "fields": [
                    tag("event", "string", json!("cache miss")),
                    tag("key", "string", json!("k1")),
                ],
            }],
            "processID": "p1", "warnings": null,
        })
    );
    let child = &trace["spans"][1];
    let reference =
        json!([{"refType": "CHILD_OF", "traceID": TRACE, "spanID": "0000000000000001"}]);
    assert_eq!(child["references"], reference);
    assert_eq!(child.get("flags"), None);
}

#[tokio::test]
async fn a_trace_is_found_on_every_way_and_the_root_is_tempos() {
    let server = filled().await;
    for (listener, path) in [
        ("main", format!("/jaeger/api/traces/{TRACE}")),
        ("jaeger-query", format!("/api/traces/{TRACE}")),
        ("jaeger-query", format!("/jaeger/api/traces/{TRACE}")),
        ("jaeger-query", "/api/traces/AQEBAQEBAQEBAQEBAQEBAQ".to_owned()),
        ("jaeger-query", format!("/api/traces/{TRACE}?prettyPrint=true&raw=true")),
        ("main", format!("/api/traces?traceID={TRACE}")),
    ] {
        let answer = server.send_to(listener, Method::GET, &path, &[], "").await;
        assert_eq!(answer.status.as_u16(), 200, "{listener} {path}");
        let found = answer.json();
        assert_eq!(found["data"][0]["spans"].as_array().unwrap().len(), 3, "{listener} {path}");
    }
    let answer = get(&server, &format!("/api/traces/{TRACE}")).await;
    assert!(answer.json()["batches"].is_array(), "Tempo's");
}

#[tokio::test]
async fn services_operations_and_calls_are_listed() {
    let server = filled().await;
    let list = |data: Value, total: u32| json!({"data": data, "total": total, "limit": 0, "offset": 0, "errors": null});
    let operation = |name: &str, kind: &str| json!({"name": name, "spanKind": kind});
    let end_ms = (START_US + 1_000_000) / 1000;
    let call = json!({"parent": "shop", "child": "bank", "callCount": 1});
    for (path, expect) in [
        ("/api/services".to_owned(), list(json!(["bank", "shop"]), 2)),
        ("/jaeger/api/services".to_owned(), list(json!(["bank", "shop"]), 2)),
        ("/api/services/shop/operations".to_owned(), list(json!(["GET /cart", "pay"]), 2)),
        ("/api/services/none/operations".to_owned(), list(json!([]), 0)),
        (
            "/api/operations?service=shop".to_owned(),
            list(json!([operation("GET /cart", "server"), operation("pay", "client")]), 2),
        ),
        (
            "/api/operations?service=shop&spanKind=client".to_owned(),
            list(json!([operation("pay", "client")]), 1),
        ),
        (format!("/api/dependencies?endTs={end_ms}&lookback=60000"), list(json!([call]), 0)),
        (format!("/api/dependencies?endTs={end_ms}&service=bank"), list(json!([call]), 0)),
        (format!("/api/dependencies?endTs={end_ms}&service=none"), list(json!([]), 0)),
        (format!("/api/dependencies?endTs={}", end_ms - 60_000), list(json!([]), 0)),
        ("/api/v3/services".to_owned(), json!({"services": ["bank", "shop"]})),
        (
            "/api/v3/operations?service=bank".to_owned(),
            json!({"operations": [operation("POST /pay", "server")]}),
        ),
        (
            "/api/v3/operations?service=shop&span_kind=client".to_owned(),
            json!({"operations": [operation("pay", "client")]}),
        ),
    ] {
        assert_eq!(get(&server, &path).await.json(), expect, "{path}");
    }
}

#[tokio::test]
async fn a_search_finds_traces_with_a_span_that_fulfils_everything() {
    let server = filled().await;
    let both = &[SHORT, TRACE][..];
    for (query, expect) in [
        ("service=shop", both),
        ("", both),
        ("service=shop&limit=1", &[SHORT]),
        ("service=bank", &[TRACE]),
        ("service=none", &[]),
        ("service=shop&operation=pay", &[TRACE]),
        ("service=bank&operation=pay", &[]),
        ("service=shop&minDuration=6ms", &[TRACE]),
        ("service=shop&operation=GET%20/cart&maxDuration=5ms", &[SHORT]),
        ("minDuration=70ms&maxDuration=80ms", &[TRACE]),
        ("tags=%7B%22customer%22%3A%22ann%22%7D", &[TRACE]),
        ("tags=%7B%22customer%22%3A%22ann%22%7D&service=bank", &[]),
        ("tag=http.status_code:502", &[TRACE]),
        ("tag=http.status_code:50", &[]),
        ("tag=ok:true&tag=ratio:0.5", &[TRACE]),
        ("tag=ok:true&tag=ratio:0.6", &[]),
        ("tag=error:true", &[TRACE]),
        ("tag=error:true&operation=pay", &[]),
        ("tag=error:false&service=shop", both),
        ("tag=span.kind:client", &[TRACE]),
        ("tag=key:k1", &[TRACE]),
        ("tag=event:cache%20miss", &[TRACE]),
        ("tag=why:retry", &[TRACE]),
        ("tag=host.name:h1&tag=otel.scope.name:lib", both),
        ("tag=resource.host.name:h1", both),
        ("tag=otel.status_code:OK", &[TRACE]),
        ("tag=otel.status_description:declined", &[TRACE]),
    ] {
        let answer = get(&server, &format!("/api/traces?{}&{query}", all())).await;
        let found = answer.json();
        let ids: Vec<&str> = found["data"]
            .as_array()
            .unwrap_or_else(|| panic!("{query}: {found}"))
            .iter()
            .map(|trace| trace["traceID"].as_str().unwrap())
            .collect();
        assert_eq!(ids, expect, "{query}");
    }
    // Of whole traces every span is told.
    let path = format!("/api/traces?{}&service=bank", all());
    assert_eq!(get(&server, &path).await.json()["data"][0]["spans"].as_array().unwrap().len(), 3);
    // A span counts that starts at one of the ends.
    for (start, end, expect) in [(0, 0, 1), (1, 9_999, 0), (10_000, 19_999, 1)] {
        let path = format!("/api/traces?start={}&end={}", START_US + start, START_US + end);
        let found = get(&server, &path).await.json();
        assert_eq!(found["data"].as_array().unwrap().len(), expect, "{start} to {end}");
    }
    // Without times: the last two days, in which there is nothing.
    assert_eq!(get(&server, "/api/traces?service=shop").await.json()["data"], json!([]));
}

#[tokio::test]
async fn what_is_wrong_is_told_in_jaegers_shape() {
    let server = filled().await;
    for (path, status, expect) in [
        ("/jaeger/api/traces/fff", 404, "trace not found"),
        ("/jaeger/api/traces/xyz!", 400, "strconv.ParseUint: parsing \"xyz!\": invalid syntax"),
        ("/api/operations", 400, "parameter 'service' is required"),
        (
            "/api/traces?start=x",
            400,
            "unable to parse param 'start': strconv.ParseInt: parsing \"x\": invalid syntax",
        ),
        (
            "/api/traces?minDuration=5",
            400,
            "unable to parse param 'minDuration': time: missing unit in duration \"5\"",
        ),
        (
            "/api/traces?minDuration=5s&maxDuration=1s",
            400,
            "'maxDuration' should be greater than 'minDuration'",
        ),
        ("/api/traces?tag=x", 400, "malformed 'tag' parameter, expecting key:value, received: x"),
        ("/api/traces?tags=x", 400, "malformed 'tags' parameter, cannot unmarshal JSON: "),
        ("/api/traces?limit=0", 400, "search depth must be greater than 0"),
        ("/api/traces?traceID=zz", 400, "cannot parse traceID param: "),
        ("/api/metrics/calls?service=a", 501, "metrics querying is currently disabled"),
    ] {
        let answer = get(&server, path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        let error = answer.json();
        assert_eq!(error["data"], Value::Null, "{path}");
        assert_eq!(error["errors"][0]["code"], status, "{path}");
        let message = error["errors"][0]["msg"].as_str().unwrap();
        assert!(message.starts_with(expect), "{path}: {message}");
    }
    let archive = server.send(Method::POST, "/api/archive/1", &[], "").await;
    assert_eq!(archive.status.as_u16(), 501);
    let path = format!("/api/traces?traceID={TRACE}&traceID=fff");
    let found = get(&server, &path).await.json();
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    let expect = json!([{"msg": "trace not found", "traceID": "0000000000000fff"}]);
    assert_eq!(found["errors"], expect);
    let recovering = TestServer::recovering().await;
    let answer = get(&recovering, "/api/services").await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "1"));
}

#[tokio::test]
async fn otlp_is_shown_without_being_stored() {
    let server = TestServer::start().await;
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": TRACE, "spanId": "0000000000000001", "name": "a", "startTimeUnixNano": ns(0),
        "endTimeUnixNano": ns(1),
    }]}]}]});
    let answer = server.send(Method::POST, "/api/transform", &[], body.to_string()).await;
    assert_eq!(answer.json()["data"][0]["spans"][0]["operationName"], "a");
    assert_eq!(get(&server, &format!("/jaeger/api/traces/{TRACE}")).await.status.as_u16(), 404);
}

/// Times of the newer API, in which the traces are.
const TIMES: &str =
    "query.startTimeMin=2023-11-14T22:13:20Z&query.start_time_max=2023-11-15T01:00:00.5%2B00:00";

#[tokio::test]
async fn the_newer_api_speaks_otlp() {
    let server = filled().await;
    let spans_of = |found: &Value| -> Vec<String> {
        let resources = found["result"]["resourceSpans"].as_array().unwrap();
        resources
            .iter()
            .flat_map(|one| one["scopeSpans"].as_array().unwrap())
            .flat_map(|one| one["spans"].as_array().unwrap())
            .map(|span| span["spanId"].as_str().unwrap().trim_start_matches('0').to_owned())
            .collect()
    };
    for (path, expect) in [
        (format!("/api/v3/traces/{TRACE}"), &["1", "2", "3"][..]),
        (format!("/api/v3/traces/{TRACE}?start_time=2023-11-14T22:13:20Z"), &["1", "2", "3"]),
        (format!("/api/v3/traces?{TIMES}"), &["7", "1", "2", "3"]),
        (format!("/api/v3/traces?{TIMES}&query.searchDepth=1"), &["7"]),
        (format!("/api/v3/traces?{TIMES}&query.num_traces=1"), &["7"]),
        (format!("/api/v3/traces?{TIMES}&query.service_name=bank"), &["1", "2", "3"]),
        (format!("/api/v3/traces?{TIMES}&query.operationName=pay"), &["1", "2", "3"]),
        (format!("/api/v3/traces?{TIMES}&query.durationMin=200ms"), &["1", "2", "3"]),
        (
            format!("/api/v3/traces?{TIMES}&query.attributes=%7B%22ok%22%3A%22true%22%7D"),
            &["1", "2", "3"],
        ),
    ] {
        let answer = get(&server, &path).await;
        assert_eq!(answer.status.as_u16(), 200, "{path}: {}", answer.json());
        assert_eq!(spans_of(&answer.json()), expect, "{path}");
    }
    let path = format!("/api/v3/trace-summaries?{TIMES}&query.serviceName=bank");
    let service = |name: &str, spans: u32, errors: u32| json!({"name": name, "spanCount": spans, "errorSpanCount": errors});
    assert_eq!(
        get(&server, &path).await.json(),
        json!({"summaries": [{
            "traceId": TRACE, "rootServiceName": "shop", "rootOperationName": "GET /cart",
            "minStartTimeUnixNano": ns(0), "maxEndTimeUnixNano": ns(250_000), "spanCount": 3,
            "errorSpanCount": 1, "orphanSpanCount": 0,
            "services": [service("bank", 1, 0), service("shop", 2, 1)],
        }]})
    );
    for (path, status, expect) in [
        ("/api/v3/traces/fff".to_owned(), 404, "trace not found"),
        (format!("/api/v3/traces?{TIMES}&query.service_name=none"), 404, "No traces found"),
        (
            "/api/v3/traces".to_owned(),
            400,
            "query.startTimeMin and query.startTimeMax are required",
        ),
        (
            "/api/v3/traces?query.start_time_min=1&query.start_time_max=2".to_owned(),
            400,
            "malformed parameter query.start_time_min: ",
        ),
        (
            format!("/api/v3/traces?{TIMES}&query.filter=%7B%7D"),
            400,
            "malformed parameter query.filter: ",
        ),
        ("/api/v3/traces/xyz!".to_owned(), 400, "malformed parameter trace_id: "),
    ] {
        let answer = get(&server, &path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        let error = answer.json();
        assert_eq!(error["error"]["httpCode"], status, "{path}");
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.starts_with(expect), "{path}: {message}");
    }
}

/// The messages of an answer.
fn frames(answer: &Answer) -> Vec<Vec<u8>> {
    let (mut rest, mut all) = (&answer.body[..], Vec::new());
    while let Some((head, after)) = rest.split_at_checked(5) {
        let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
        all.push(after[..length].to_vec());
        rest = &after[length..];
    }
    all
}

#[derive(Clone, PartialEq, prost::Message)]
struct Chunk {
    #[prost(message, repeated, tag = "1")]
    spans: Vec<SpanMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SpanMessage {
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(string, tag = "3")]
    operation_name: String,
    #[prost(message, repeated, tag = "8")]
    tags: Vec<Tag>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Tag {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(int32, tag = "2")]
    kind: i32,
    #[prost(int64, tag = "5")]
    int: i64,
}

/// Ids and names of what either service tells.
fn told(service: &str, answer: &Answer) -> Vec<(u8, String)> {
    let mut all = Vec::new();
    for message in frames(answer) {
        if service == "api_v2" {
            let spans = Chunk::decode(&*message).unwrap().spans;
            all.extend(spans.into_iter().map(|span| (span.span_id[7], span.operation_name)));
            continue;
        }
        for resource in ExportTraceServiceRequest::decode(&*message).unwrap().resource_spans {
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            all.extend(spans.map(|span| (span.span_id[7], span.name)));
        }
    }
    all
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, bytes.len() as u8][..], bytes].concat()
}

fn seconds(number: u8, seconds: u64) -> Vec<u8> {
    let mut varint = vec![8];
    prost::encoding::encode_varint(seconds, &mut varint);
    field(number, &varint)
}

#[tokio::test]
async fn both_services_answer_over_grpc() {
    let server = filled().await;
    let start = START_US / 1_000_000;
    let times = [seconds(4, start), seconds(5, start + 7200)].concat();
    let whole =
        [(1, "GET /cart"), (2, "pay"), (3, "POST /pay")].map(|(id, name)| (id, name.to_owned()));
    for (listener, service) in [
        ("main", "api_v2"),
        ("jaeger-query", "api_v2"),
        ("jaeger-query-grpc", "api_v2"),
        ("main", "api_v3"),
        ("jaeger-query", "api_v3"),
    ] {
        let call = |method: &str, message: Vec<u8>| {
            let path = format!("/jaeger.{service}.QueryService/{method}");
            let server = &server;
            async move { server.call(listener, &path, &[], &message).await }
        };
        let id = if service == "api_v2" { vec![1; 16] } else { TRACE.as_bytes().to_vec() };
        let found = call("GetTrace", field(1, &id)).await;
        assert_eq!(told(service, &found), whole, "{listener} {service}");
        let query = [&times[..], &field(1, b"bank")].concat();
        let found = call("FindTraces", field(1, &query)).await;
        assert_eq!(told(service, &found), whole, "{listener} {service}");
        let query = [&times[..], &field(1, b"none")].concat();
        let found = call("FindTraces", field(1, &query)).await;
        assert!(
            found.body.is_empty() && found.header("grpc-status").is_empty(),
            "{listener} {service}"
        );
        let found = call("GetServices", Vec::new()).await;
        assert_eq!(frames(&found), [[field(1, b"bank"), field(1, b"shop")].concat()]);
        let operation = [field(1, b"POST /pay"), field(2, b"server")].concat();
        let expect = if service == "api_v2" {
            [field(1, b"POST /pay"), field(2, &operation)].concat()
        } else {
            field(1, &operation)
        };
        assert_eq!(frames(&call("GetOperations", field(1, b"bank")).await), [expect]);
        let asked = [seconds(1, start), seconds(2, start + 60)].concat();
        let link = [field(1, b"shop"), field(2, b"bank"), vec![0x18, 1]].concat();
        assert_eq!(frames(&call("GetDependencies", asked).await), [field(1, &link)]);
        for (method, message, status) in [
            ("GetTrace", field(1, if service == "api_v2" { &[9; 16] } else { b"fff" }), "5"),
            ("GetTrace", field(1, b"xyz"), "3"),
            ("FindTraces", Vec::new(), "3"),
            ("GetDependencies", Vec::new(), "3"),
        ] {
            let answer = call(method, message).await;
            assert_eq!(ended(&answer), status, "{listener} {service} {method}");
        }
    }
    let path = "/jaeger.api_v2.QueryService/ArchiveTrace";
    let answer = server.call("main", path, &[], &field(1, &[1; 16])).await;
    assert_eq!(answer.header("grpc-status"), "12");
    let message = field(1, &[&times[..], &field(1, b"bank")].concat());
    let path = "/jaeger.api_v3.QueryService/FindTraceSummaries";
    let found = frames(&server.call("main", path, &[], &message).await);
    assert_eq!(found.len(), 1);
    assert!(found[0].windows(9).any(|part| part == b"GET /cart"));
}

/// The status of a call that failed, which is in the head of the answer or told at its end.
fn ended(answer: &Answer) -> &str {
    match answer.header("grpc-status") {
        "" => answer.trailers.get("grpc-status").map_or("", |status| status.to_str().unwrap()),
        status => status,
    }
}

#[tokio::test]
async fn tags_keep_their_types_over_grpc() {
    let server = filled().await;
    let path = "/jaeger.api_v2.QueryService/GetTrace";
    let found = server.call("main", path, &[], &field(1, &[1; 16])).await;
    let spans: Vec<SpanMessage> = frames(&found)
        .iter()
        .flat_map(|message| Chunk::decode(&**message).unwrap().spans)
        .collect();
    let tag = |key: &str| spans[0].tags.iter().find(|tag| tag.key == key).unwrap();
    assert_eq!((tag("http.status_code").kind, tag("http.status_code").int), (2, 502));
    assert_eq!(tag("big").int, 9_007_199_254_740_993);
    let kinds: Vec<i32> =
        ["customer", "ok", "ratio", "bytes"].iter().map(|key| tag(key).kind).collect();
    assert_eq!(kinds, [0, 1, 3, 4]);
}

#[tokio::test]
async fn two_sides_that_share_an_id_are_told_apart_unless_raw() {
    let server = TestServer::start().await;
    let span = |kind: &str, extra: &str| {
        format!(
            r#"{{"traceId":"00000000000000aa","id":"0000000000000007","name":"call","kind":"{kind}",
               "timestamp":{START_US},"duration":5,"localEndpoint":{{"serviceName":"{kind}"}}{extra}}}"#
        )
    };
    let child = format!(
        r#"{{"traceId":"00000000000000aa","id":"0000000000000008","parentId":"0000000000000007",
           "timestamp":{},"name":"inner","localEndpoint":{{"serviceName":"SERVER"}}}}"#,
        START_US + 1
    );
    let body = format!("[{},{},{child}]", span("CLIENT", ""), span("SERVER", r#","shared":true"#));
    let headers = [("content-type", "application/json")];
    let answer = server.send(Method::POST, "/api/v2/spans", &headers, body).await;
    assert_eq!(answer.status.as_u16(), 202);
    for (path, ids) in [
        (
            "/jaeger/api/traces/aa",
            [
                "0000000000000007 <",
                "0000000000000001 <0000000000000007",
                "0000000000000008 <0000000000000001",
            ],
        ),
        (
            "/jaeger/api/traces/aa?raw=true",
            ["0000000000000007 <", "0000000000000007 <", "0000000000000008 <0000000000000007"],
        ),
    ] {
        let found = get(&server, path).await.json();
        let mut told: Vec<String> = found["data"][0]["spans"]
            .as_array()
            .unwrap()
            .iter()
            .map(|span| {
                let parent = span["references"][0]["spanID"].as_str().unwrap_or_default();
                format!("{} <{parent}", span["spanID"].as_str().unwrap())
            })
            .collect();
        let mut expect = ids.map(str::to_owned).to_vec();
        told.sort();
        expect.sort();
        assert_eq!(told, expect, "{path}");
    }
}

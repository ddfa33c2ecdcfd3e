//! Tempo's API: traces that come back as they were sent, searches, lists of names and values, numbers
//! over time, and the same over gRPC.

use bytes::Bytes;
use http::{Method, StatusCode};
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, any_value::Value as Any,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};
use prost::Message;
use serde_json::{Value, json};
use watchkeep_model::{Clock as _, SystemClock};

use crate::harness::{Answer, TestServer};

const ID: &str = "0af7651916cd43dd8448eb211c80319c";
const SECOND: u64 = 1_000_000_000;

fn attribute(key: &str, value: Any) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Any::StringValue(value.to_owned()))
}

/// A minute ago, in whole seconds.
fn base() -> u64 {
    SystemClock.now_ns().unsigned_abs() / SECOND * SECOND - 60 * SECOND
}

fn span(id: u8, parent: u8, name: &str, start: u64, end: u64) -> Span {
    let parent_span_id = if parent == 0 { Vec::new() } else { vec![parent; 8] };
    Span {
        trace_id: 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes().to_vec(),
        span_id: vec![id; 8],
        parent_span_id,
        name: name.to_owned(),
        kind: 2,
        start_time_unix_nano: start,
        end_time_unix_nano: end,
        ..Span::default()
    }
}

/// A trace of two services and four spans, with one of everything that OTLP has.
fn everything(base: u64) -> TracesData {
    let root = Span {
        trace_state: "vendor=1".to_owned(),
        flags: 0x101,
        attributes: vec![
            text("http.route", "/cart"),
            attribute("http.status_code", Any::IntValue(500)),
            attribute("ratio", Any::DoubleValue(0.5)),
            attribute("raw", Any::BytesValue(vec![0, 255])),
        ],
        dropped_attributes_count: 1,
        events: vec![Event {
            time_unix_nano: base + 5,
            name: "exception".to_owned(),
            attributes: vec![text("exception.type", "Timeout")],
            dropped_attributes_count: 2,
        }],
        dropped_events_count: 3,
        links: vec![Link {
            trace_id: vec![7; 16],
            span_id: vec![8; 8],
            trace_state: "linked=yes".to_owned(),
            attributes: vec![text("why", "retry")],
            dropped_attributes_count: 4,
            flags: 1,
        }],
        dropped_links_count: 5,
        status: Some(Status { message: "boom".to_owned(), code: 2 }),
        ..span(1, 0, "GET /cart", base, base + 3 * SECOND)
    };
    let group = |service: &str, spans: Vec<Span>| ResourceSpans {
        resource: Some(Resource {
            attributes: vec![text("service.name", service), text("region", "eu")],
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans {
            scope: Some(InstrumentationScope {
                name: "lib".to_owned(),
                version: "1.0".to_owned(),
                attributes: vec![text("framework", "express")],
                ..InstrumentationScope::default()
            }),
            spans,
            schema_url: "https://opentelemetry.io/schemas/1.30.0".to_owned(),
        }],
        schema_url: String::new(),
    };
    let middle = span(2, 1, "checkout", base + SECOND, base + 2 * SECOND);
    let leaf = span(3, 2, "SELECT", base + SECOND, base + SECOND + 5_000_000);
    let other = span(4, 1, "audit", base + 2 * SECOND, base + 2 * SECOND + 1_000_000);
    TracesData {
        resource_spans: vec![group("shop", vec![root, middle, other]), group("db", vec![leaf])],
    }
}

async fn server_with_everything(base: u64) -> TestServer {
    let server = TestServer::start().await;
    let headers = [("content-type", "application/x-protobuf")];
    let body = everything(base).encode_to_vec();
    let answer = server.send(Method::POST, "/v1/traces", &headers, body).await;
    assert_eq!(answer.status, StatusCode::OK);
    server
}

async fn get(server: &TestServer, path: &str, accept: &str) -> Answer {
    server.send(Method::GET, path, &[("accept", accept)], Bytes::new()).await
}

async fn get_json(server: &TestServer, path: &str) -> Value {
    let answer = get(server, path, "application/json").await;
    let shown = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, StatusCode::OK, "{path}: {shown}");
    answer.json()
}

/// `q` in a query string.
fn encoded(query: &str) -> String {
    query.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"))
}

/// One field of `TraceByIDResponse`, or the whole.
#[derive(Clone, PartialEq, Message)]
struct ById {
    #[prost(message, optional, tag = "1")]
    trace: Option<TracesData>,
    #[prost(int32, tag = "3")]
    status: i32,
    #[prost(string, tag = "4")]
    message: String,
}

#[tokio::test]
async fn a_trace_comes_back_as_it_was_sent() {
    let base = base();
    let server = server_with_everything(base).await;
    for prefix in ["", "/tempo"] {
        let path = format!("{prefix}/api/traces/{ID}");
        let answer = get(&server, &path, "application/protobuf").await;
        assert_eq!(answer.header("content-type"), "application/protobuf");
        let mut found = TracesData::decode(answer.body).unwrap();
        found.resource_spans.sort_by_key(|group| group.scope_spans[0].spans.len());
        found.resource_spans.reverse();
        assert_eq!(found, everything(base), "{prefix}");
        let path = format!("{prefix}/api/v2/traces/{}", ID.to_uppercase());
        let answer = get(&server, &path, "application/protobuf").await;
        let by_id = ById::decode(answer.body).unwrap();
        assert_eq!((by_id.status, &*by_id.message), (0, ""));
        assert_eq!(by_id.trace.unwrap().resource_spans.len(), 2);
    }
    let v1 = get_json(&server, &format!("/api/traces/{ID}?start=1&end=2")).await;
    let shop = v1["batches"].as_array().unwrap().iter();
    let shop = shop.max_by_key(|group| group["scopeSpans"][0]["spans"].as_array().unwrap().len());
    let root = &shop.unwrap()["scopeSpans"][0]["spans"][0];
    assert_eq!(root["spanId"], "AQEBAQEBAQE=");
    assert_eq!(root["kind"], "SPAN_KIND_SERVER");
    assert_eq!(root["startTimeUnixNano"], base.to_string());
    let v2 = get_json(&server, &format!("/api/v2/traces/{ID}")).await;
    assert_eq!(v2["trace"]["resourceSpans"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn traces_that_are_not_there_and_wrong_ids_are_told_as_tempo_does() {
    let server = TestServer::start().await;
    let cases = [
        ("/api/traces/abc", 404, ""),
        ("/api/v2/traces/abc", 200, r#"{"trace":{},"metrics":{}}"#),
        (
            "/api/traces/not-a-trace",
            400,
            "trace IDs can only contain hex characters: invalid character 'n' at position 1",
        ),
        (
            "/api/v2/traces/000000000000000000000000000000000",
            400,
            "trace IDs can't be larger than 128 bits",
        ),
        (
            "/api/traces/abc?start=5&end=5",
            400,
            "http parameter start must be before end. received start=5 end=5",
        ),
        ("/api/search?q=%7B", 400, "invalid TraceQL query: parse error at line 1, col 2"),
        ("/api/search?q=%7B%7D&tags=a%3Db", 400, "invalid request: can't specify tags and q"),
        ("/api/search?limit=0", 400, "invalid limit: must be a positive number"),
        ("/api/search?limit=x", 400, "invalid limit: strconv.ParseUint: parsing \"x\": invalid"),
        ("/api/search?start=9&end=8", 400, "http parameter start must be before end."),
        ("/api/search?minDuration=x", 400, "invalid minDuration: time: invalid duration \"x\""),
        ("/api/search?q=%7B%7D&limit=4000000000", 400, "limit 4000000000 exceeds max limit"),
        ("/api/search/tags?scope=nosuch", 400, "invalid scope: nosuch"),
        ("/api/v2/search/tag/nosuch/values", 400, "please provide a valid tagName: "),
        ("/api/metrics/query_range?q=%7B%7D", 400, "not a metrics query"),
        ("/api/metrics/query_range?q=%7B%7D%7Crate%28%29&step=1ns", 400, "step of 1ns is too"),
        ("/api/overrides", 404, "user-configurable overrides are not offered"),
        ("/tempo/api/nosuch", 404, "404 page not found"),
    ];
    for (path, status, body) in cases {
        let answer = get(&server, path, "application/json").await;
        let found = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status.as_u16(), status, "{path}: {found}");
        assert!(found.starts_with(body), "{path}: {found}");
    }
    let path = format!("/api/v2/traces/{ID}");
    let answer = get(&server, &path, "application/vnd.grafana.llm").await;
    assert_eq!(answer.status, StatusCode::NOT_ACCEPTABLE);
    let answer = server.send(Method::POST, "/api/v2/traces/diff", &[], Bytes::new()).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let answer = server.send(Method::POST, "/api/search", &[], Bytes::new()).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    for path in ["/api/echo", "/tempo/api/echo"] {
        assert_eq!(get(&server, path, "*/*").await.body, "echo");
    }
}

#[tokio::test]
async fn a_search_tells_roots_sets_of_spans_and_services() {
    let base = base();
    let server = server_with_everything(base).await;
    let query = encoded("{ span.http.status_code >= 500 } | select(resource.region)");
    let range = format!("start={}&end={}", base / SECOND - 10, base / SECOND + 10);
    let found = get_json(&server, &format!("/api/search?q={query}&{range}")).await;
    let trace = &found["traces"][0];
    assert_eq!(trace["traceID"], ID);
    assert_eq!(trace["rootServiceName"], "shop");
    assert_eq!(trace["rootTraceName"], "GET /cart");
    assert_eq!(trace["startTimeUnixNano"], base.to_string());
    assert_eq!(trace["durationMs"], 3000);
    assert_eq!(
        trace["serviceStats"],
        json!({
            "db": { "spanCount": 1 }, "shop": { "spanCount": 3, "errorCount": 1 },
        })
    );
    let set = &trace["spanSets"][0];
    assert_eq!(set, &trace["spanSet"]);
    assert_eq!(set["matched"], 1);
    let span = &set["spans"][0];
    assert_eq!(span["spanID"], "0101010101010101");
    assert_eq!(span["durationNanos"], (3 * SECOND).to_string());
    let attributes = span["attributes"].as_array().unwrap();
    let code = json!({ "key": "http.status_code", "value": { "intValue": "500" } });
    let region = json!({ "key": "region", "value": { "stringValue": "eu" } });
    assert!(attributes.contains(&code) && attributes.contains(&region), "{attributes:?}");
    assert_eq!(found["metrics"]["completedJobs"], 1);

    // Three spans of a set unless more are asked for, and none where tags are asked for.
    let all = get_json(&server, &format!("/api/search?q={}", encoded("{ }"))).await;
    let set = &all["traces"][0]["spanSets"][0];
    assert_eq!((&set["matched"], set["spans"].as_array().unwrap().len()), (&json!(4), 3));
    let all = get_json(&server, &format!("/api/search?spss=0&q={}", encoded("{ }"))).await;
    assert_eq!(all["traces"][0]["spanSets"][0]["spans"].as_array().unwrap().len(), 4);
    for (asked, expect) in [
        ("tags=service.name%3Dshop%20http.status_code%3D500", 1),
        ("tags=http.status_code%3D404", 0),
        ("minDuration=2s&maxDuration=4s", 1),
        ("minDuration=4s", 0),
        ("http.route=/cart", 1),
    ] {
        let found = get_json(&server, &format!("/api/search?{asked}")).await;
        assert_eq!(found["traces"].as_array().unwrap().len(), expect, "{asked}");
        assert_eq!(found["traces"][0]["spanSets"], Value::Null);
    }
    let past = get_json(&server, &format!("/api/search?start=5&end=9&q={}", encoded("{ }"))).await;
    assert_eq!(past["traces"], json!([]));
    let other = [("x-scope-orgid", "other")];
    let path = format!("/api/search?q={}", encoded("{ }"));
    let other = server.send(Method::GET, &path, &other, Bytes::new()).await;
    assert_eq!(other.json()["traces"], json!([]));
}

#[tokio::test]
async fn a_trace_can_be_asked_for_in_part() {
    let server = server_with_everything(base()).await;
    let leaf = encoded("{ name = \"SELECT\" }");
    let middle = encoded("{ name = \"checkout\" }");
    let cases = [
        (format!("q={leaf}"), vec!["SELECT"]),
        (format!("q={leaf}&keep_hierarchy=true"), vec!["GET /cart", "SELECT", "checkout"]),
        (format!("q={leaf}&keep_hierarchy=true&ancestor_depth=1"), vec!["SELECT", "checkout"]),
        (format!("q={middle}&match_depth=1"), vec!["SELECT", "checkout"]),
        (format!("q={}", encoded("{ name = \"nosuch\" }")), vec![]),
    ];
    for (asked, expect) in cases {
        let found = get_json(&server, &format!("/api/v2/traces/{ID}?{asked}")).await;
        assert_eq!(found["status"], "PARTIAL", "{asked}");
        let groups = found["trace"]["resourceSpans"].as_array().into_iter().flatten();
        let spans = groups.flat_map(|group| group["scopeSpans"][0]["spans"].as_array().unwrap());
        let mut names: Vec<&str> = spans.map(|span| span["name"].as_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, expect, "{asked}");
    }
    for wrong in ["{ } | count() > 1", "{ traceDuration > 1s }", "{ } >> { }", "{"] {
        let path = format!("/api/v2/traces/{ID}?q={}", encoded(wrong));
        let answer = get(&server, &path, "application/json").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let path = format!("/api/v2/traces/{ID}?q={leaf}&match_depth=-2");
    let answer = get(&server, &path, "application/json").await;
    assert_eq!(answer.body, "invalid value for match_depth: must be >= -1");
}

#[tokio::test]
async fn names_and_values_are_listed() {
    let server = server_with_everything(base()).await;
    let tags = get_json(&server, "/api/search/tags").await;
    let expect = [
        "exception.type",
        "framework",
        "http.route",
        "http.status_code",
        "ratio",
        "raw",
        "region",
        "service.name",
        "why",
    ];
    assert_eq!(tags["tagNames"], json!(expect));
    let scopes = get_json(&server, "/api/v2/search/tags").await;
    let names: Vec<&Value> =
        scopes["scopes"].as_array().unwrap().iter().map(|scope| &scope["name"]).collect();
    assert_eq!(names, ["intrinsic", "resource", "span", "event", "link", "instrumentation"]);
    let leaf = encoded("{ name = \"SELECT\" && .x = }");
    let scopes = get_json(&server, &format!("/api/v2/search/tags?q={leaf}&scope=span")).await;
    assert_eq!(scopes["scopes"], json!([]));
    let root = encoded("{ status = error }");
    let scopes = get_json(&server, &format!("/api/v2/search/tags?q={root}&scope=event")).await;
    assert_eq!(scopes["scopes"], json!([{ "name": "event", "tags": ["exception.type"] }]));

    let values = |kind: &str, all: &[&str]| -> Value {
        all.iter().map(|value| json!({ "type": kind, "value": value })).collect()
    };
    for (name, query, expect) in [
        ("resource.service.name", "", values("string", &["db", "shop"])),
        ("resource.service.name", "{ name = \"SELECT\" && span.x = ", values("string", &["db"])),
        (".region", "", values("string", &["eu"])),
        ("span.http.status_code", "", values("int", &["500"])),
        ("span.ratio", "", values("float", &["0.5"])),
        ("event.exception.type", "", values("string", &["Timeout"])),
        ("event:name", "", values("string", &["exception"])),
        ("rootName", "", values("string", &["GET /cart"])),
        ("status", "", values("keyword", &["ok", "error", "unset"])),
        ("duration", "", json!([])),
        ("trace:id", "", json!([])),
        ("span.nosuch", "", json!([])),
    ] {
        let name = encoded(name);
        let path = format!("/api/v2/search/tag/{name}/values?q={}", encoded(query));
        assert_eq!(get_json(&server, &path).await["tagValues"], expect, "{path} {query}");
    }
    let codes = get_json(&server, "/api/search/tag/http.status_code/values").await;
    assert_eq!(codes["tagValues"], json!(["500"]));
    let one = get_json(&server, "/api/v2/search/tag/resource.service.name/values?limit=1").await;
    assert_eq!(one["tagValues"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn numbers_are_reckoned_over_time() {
    let base = base();
    let server = server_with_everything(base).await;
    let query = encoded("{ } | count_over_time() by (resource.service.name)");
    let (start, end) = (base / SECOND - 30, base / SECOND + 30);
    let path = format!("/api/metrics/query_range?q={query}&start={start}&end={end}&step=30s");
    let found = get_json(&server, &path).await;
    let mut counts: Vec<(&str, f64)> = Vec::new();
    for series in found["series"].as_array().unwrap() {
        let name = series["labels"][0]["value"]["stringValue"].as_str().unwrap();
        let samples = series["samples"].as_array().unwrap().iter();
        counts.push((name, samples.map(|sample| sample["value"].as_f64().unwrap_or(0.0)).sum()));
    }
    counts.sort_by_key(|(name, _)| *name);
    assert_eq!(counts, [("db", 1.0), ("shop", 3.0)]);
    let query = encoded("{ status = error } | count_over_time()");
    let path = format!("/api/metrics/query?query={query}&start={start}&end={}", end * SECOND);
    let found = get_json(&server, &path).await;
    let label = json!([{ "key": "__name__", "value": { "stringValue": "count_over_time" } }]);
    assert_eq!(found["series"], json!([{ "labels": label, "value": 1.0 }]));
}

/// `tempopb.SearchRequest`, as far as it is used.
#[derive(Clone, PartialEq, Message)]
struct SearchRequest {
    #[prost(uint32, tag = "4")]
    limit: u32,
    #[prost(string, tag = "8")]
    query: String,
}

#[derive(Clone, PartialEq, Message)]
struct SearchResponse {
    #[prost(message, repeated, tag = "1")]
    traces: Vec<Found>,
    #[prost(message, optional, tag = "2")]
    metrics: Option<Jobs>,
}

#[derive(Clone, PartialEq, Message)]
struct Found {
    #[prost(string, tag = "1")]
    trace_id: String,
    #[prost(uint32, tag = "5")]
    duration_ms: u32,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Jobs {
    #[prost(uint32, tag = "4")]
    completed: u32,
    #[prost(uint32, tag = "5")]
    total: u32,
}

/// The messages of an answer that is not compressed.
fn messages<M: Message + Default>(mut body: Bytes) -> Vec<M> {
    let mut found = Vec::new();
    while !body.is_empty() {
        assert_eq!(body[0], 0);
        let length = u32::from_be_bytes(body[1..5].try_into().unwrap()) as usize;
        let message = body.split_to(5 + length).slice(5..);
        found.push(M::decode(message).unwrap());
    }
    found
}

#[tokio::test]
async fn searches_stream_over_grpc() {
    let server = server_with_everything(base()).await;
    let call = |method: &'static str, message: Vec<u8>| {
        let mut body = vec![0];
        body.extend((message.len() as u32).to_be_bytes());
        body.extend(message);
        let server = &server;
        async move {
            let path = format!("/tempopb.StreamingQuerier/{method}");
            let headers = [("content-type", "application/grpc"), ("te", "trailers")];
            server.send_h2(Method::POST, &path, &headers, body).await
        }
    };
    let search = |query: &str| SearchRequest { limit: 1, query: query.to_owned() }.encode_to_vec();
    let answer = call("Search", search("{ }")).await;
    assert_eq!(answer.header("content-type"), "application/grpc");
    let found: Vec<SearchResponse> = messages(answer.body);
    let traces: Vec<&Found> = found.iter().flat_map(|message| &message.traces).collect();
    assert_eq!(traces, [&Found { trace_id: ID.to_owned(), duration_ms: 3000 }]);
    assert_eq!(found.last().unwrap().metrics, Some(Jobs { completed: 1, total: 1 }));
    // A query that is wrong ends the stream with its status, in trailers that this client leaves out.
    assert!(call("Search", search("{")).await.body.is_empty());
    for method in ["SearchTags", "SearchTagsV2", "MetricsQueryRange", "MetricsQueryInstant"] {
        let answer = call(method, Vec::new()).await;
        assert_eq!(answer.status, StatusCode::OK, "{method}");
    }
}

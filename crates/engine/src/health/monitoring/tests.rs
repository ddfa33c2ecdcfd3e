//! Judging, ranking, and counting out of the store in memory.

use std::sync::Arc;

use prometheus::Registry;
use serde_json::{Value, json};
use watchkeep_model::{Clock, DecodeLimits, ErrorKind, TenantId};
use watchkeep_storage::memory::MemoryStore;

use super::config::MonitoringConfig;
use super::judge::Judgement;
use super::observed::ENDPOINTS_MAX;
use super::requests::{EndpointRequests, RequestSums, Requests};
use crate::agents::query::HealthStatus::{Degraded, Healthy};
use crate::engine::Engine;
use crate::scrape::Environment;
use crate::{HealthConfig, LimitsConfig};

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * SECOND;
/// Now, in all tests.
const NOW: i64 = 1_750_000_000 * SECOND;

#[derive(Debug)]
struct SetClock;

impl Clock for SetClock {
    fn now_ns(&self) -> i64 {
        NOW
    }
}

fn sums(calls: u64, errors: u64, seconds: u64) -> RequestSums {
    sums_at(calls, errors, seconds, NOW)
}

fn sums_at(calls: u64, errors: u64, seconds: u64, last_ns: i64) -> RequestSums {
    RequestSums { calls, errors, duration_ns: calls * seconds * 1_000_000_000, last_ns }
}

fn requests(all: RequestSums, recent: RequestSums) -> Requests {
    Requests { all, recent, ..Requests::default() }
}

#[test]
fn requests_are_judged_by_the_last_minutes_where_there_are_enough() {
    let config = MonitoringConfig::default();
    let none = RequestSums::default();
    let cases = [
        // All, recent, what is said.
        (none, none, vec![]),
        (sums(10, 1, 5), none, vec![]),
        (sums(8, 1, 1), none, vec!["error rate 12.5 % of 8 requests in the last 1d is above 10 %"]),
        (
            sums(999, 100, 1),
            none,
            vec!["error rate 10.01 % of 999 requests in the last 1d is above 10 %"],
        ),
        (
            sums(1, 1, 6),
            none,
            vec![
                "error rate 100.0 % of 1 request in the last 1d is above 10 %",
                "average response time 6.0 s of 1 request in the last 1d is above 5 s",
            ],
        ),
        // Once well, now not; and the other way round.
        (
            sums(100_000, 5, 1),
            sums(20, 5, 1),
            vec!["error rate 25.0 % of 20 requests in the last 5 minutes is above 10 %"],
        ),
        (sums(1_000, 900, 30), sums(20, 1, 1), vec![]),
        // Too few to tell.
        (sums(1_000, 5, 1), sums(19, 19, 1), vec![]),
    ];
    for (all, recent, said) in cases {
        let issues = config.judge(&requests(all, recent), "in the last 1d");
        let messages: Vec<&str> = issues.iter().map(|issue| issue.message.as_str()).collect();
        assert_eq!(messages, said, "{all:?} {recent:?}");
        let status = if said.is_empty() { Healthy } else { Degraded };
        assert_eq!(Judgement::of(issues).status, status);
    }
}

#[test]
fn the_busiest_endpoints_are_told_one_by_one_and_the_rest_as_one() {
    let endpoint = |name: &str, calls| EndpointRequests {
        service: "shop".into(),
        name: name.into(),
        sums: sums(calls, calls / 2, 1),
    };
    let mut all = Requests {
        endpoints: vec![endpoint("c", 2), endpoint("d", 8), endpoint("b", 4), endpoint("a", 4)],
        ..Requests::default()
    };
    all.rank(4);
    let names = |all: &Requests| -> Vec<String> {
        all.endpoints.iter().map(|endpoint| endpoint.name.clone()).collect()
    };
    assert_eq!(names(&all), ["d", "a", "b", "c"]);
    all.rank(2);
    assert_eq!(names(&all), ["d", "a"]);
    assert_eq!(all.others, sums(6, 3, 1));
}

/// A span of the service `shop`: parent (empty: none), name, kind, seconds before now that it starts,
/// seconds that it takes, whether its status is an error, attributes.
type Span<'a> = (&'a str, &'a str, u8, i64, i64, bool, Value);

async fn engine(config: MonitoringConfig, spans: &[Span<'_>]) -> Engine {
    let engine =
        Engine::new(LimitsConfig::default(), Arc::new(SetClock), &Registry::new()).unwrap();
    let config = HealthConfig { monitoring: config, ..HealthConfig::default() };
    let engine = engine.with_health(config, "/".as_ref(), &Environment::default()).unwrap();
    engine.attach(Arc::new(MemoryStore::default()));
    let spans: Vec<Value> = spans
        .iter()
        .enumerate()
        .map(|(id, (parent, name, kind, ago, seconds, failed, attributes))| {
            let start = NOW - ago * SECOND;
            let attributes: Vec<Value> = attributes
                .as_object()
                .unwrap()
                .iter()
                .map(|(key, value)| match value {
                    Value::String(text) => json!({"key": key, "value": {"stringValue": text}}),
                    Value::Number(number) if number.is_i64() => {
                        json!({"key": key, "value": {"intValue": number.to_string()}})
                    }
                    other => json!({"key": key, "value": {"doubleValue": other}}),
                })
                .collect();
            json!({"traceId": format!("{:032x}", 1), "spanId": format!("{:016x}", id + 1),
                "parentSpanId": parent, "name": name, "kind": kind,
                "startTimeUnixNano": start.to_string(),
                "endTimeUnixNano": (start + seconds * SECOND).to_string(),
                "status": {"code": if *failed { 2 } else { 0 }}, "attributes": attributes})
        })
        .collect();
    let resource = json!({"attributes": [
        {"key": "service.name", "value": {"stringValue": "shop"}}]});
    let body = json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]});
    let limits = DecodeLimits::default();
    let decoded =
        watchkeep_wire::otlp::decode_traces_json(body.to_string().as_bytes(), &limits).unwrap();
    engine.ingest_spans(&TenantId::default(), decoded.columns, 0).await.unwrap();
    engine
}

/// Names with calls, errors, seconds altogether, and seconds since the last call.
fn told(requests: &Requests) -> Vec<(&str, u64, u64, u64, i64)> {
    let told = |endpoint: &'_ EndpointRequests| {
        let RequestSums { calls, errors, duration_ns, last_ns } = endpoint.sums;
        (calls, errors, duration_ns / 1_000_000_000, (NOW - last_ns) / SECOND)
    };
    let endpoints = requests.endpoints.iter();
    endpoints
        .map(|endpoint| {
            let (calls, errors, seconds, ago) = told(endpoint);
            (endpoint.name.as_str(), calls, errors, seconds, ago)
        })
        .collect()
}

const CHILD: &str = "00000000000000ff";

#[tokio::test]
async fn requests_are_spans_of_servers_and_consumers_and_roots() {
    let none = || json!({});
    let engine = engine(
        MonitoringConfig::default(),
        &[
            (CHILD, "GET /cart", 2, 10, 1, false, none()),
            (CHILD, "orders process", 5, 20, 2, true, none()),
            ("", "invoke_agent weather", 1, 30, 3, false, none()),
            ("", "GET", 3, 40, 4, false, none()),
            // What a request does is none itself.
            (CHILD, "SELECT", 3, 10, 1, true, none()),
            (CHILD, "chat gpt", 1, 10, 1, true, none()),
            (CHILD, "orders send", 4, 10, 1, true, none()),
        ],
    )
    .await;
    let found = engine.observed_requests(&TenantId::default(), Some("shop"), HOUR).await.unwrap();
    assert_eq!(
        told(&found),
        [
            ("GET", 1, 0, 4, 40),
            ("GET /cart", 1, 0, 1, 10),
            ("invoke_agent weather", 1, 0, 3, 30),
            ("orders process", 1, 1, 2, 20),
        ]
    );
    assert_eq!((found.all.calls, found.all.errors), (4, 1));
    assert_eq!(found.first_ns, Some(NOW - 40 * SECOND));
    let all = engine.observed_requests(&TenantId::default(), None, HOUR).await.unwrap();
    assert_eq!(all, found);
}

#[tokio::test]
async fn endpoints_and_errors_are_read_by_both_conventions_whatever_the_types() {
    let server = |name: &'static str, ago, failed, attributes| -> Span<'static> {
        (CHILD, name, 2, ago, 1, failed, attributes)
    };
    let new = json!({"http.request.method": "GET", "http.route": "/cart/{id}",
        "url.path": "/cart/17", "http.response.status_code": 404});
    let old = json!({"http.method": "GET", "http.route": "/cart/{id}",
        "http.target": "/cart/18?x=1", "http.status_code": 200});
    let double = json!({"http.request.method": "POST", "url.path": "/cart",
        "http.response.status_code": 500.0});
    let text = json!({"http.method": "POST", "http.target": "/cart?x=1",
        "http.status_code": "503"});
    let zipkin = json!({"http.method": "POST", "http.path": "/cart", "http.status_code": "200"});
    let odd = json!({"http.request.method": 7, "http.route": 7,
        "http.response.status_code": "none"});
    let spans = [
        server("GET", 10, false, new),
        server("handler", 9, false, old),
        server("POST", 8, false, double),
        server("HTTP POST", 7, false, text),
        server("post", 6, true, zipkin),
        server("odd", 5, false, odd),
    ];
    let engine = engine(MonitoringConfig::default(), &spans).await;
    let found = engine.observed_requests(&TenantId::default(), Some("shop"), HOUR).await.unwrap();
    assert_eq!(
        told(&found),
        [("POST /cart", 3, 3, 3, 6), ("GET /cart/{id}", 2, 1, 2, 9), ("odd", 1, 0, 1, 5)]
    );
}

#[tokio::test]
async fn requests_count_from_the_window_on_and_are_recent_for_five_minutes() {
    let at = |ago| (CHILD, "GET /x", 2, ago, 1, false, json!({}));
    let spans = [at(-10), at(0), at(300), at(301), at(3_600), at(3_601), at(7_200)];
    let engine = engine(MonitoringConfig::default(), &spans).await;
    let of = async |window| {
        let tenant = TenantId::default();
        let found = engine.observed_requests(&tenant, Some("shop"), window).await.unwrap();
        (found.all.calls, found.recent.calls, found.first_ns.map(|first| (NOW - first) / SECOND))
    };
    assert_eq!(of(HOUR).await, (5, 3, Some(3_600)));
    assert_eq!(of(24 * HOUR).await, (7, 3, Some(7_200)));
    assert_eq!(of(i64::MAX).await, (7, 3, Some(7_200)));
}

#[tokio::test]
async fn a_service_without_requests_is_known_and_one_without_anything_is_not() {
    let engine =
        engine(MonitoringConfig::default(), &[(CHILD, "SELECT", 3, 10, 1, false, json!({}))]).await;
    let tenant = TenantId::default();
    let idle = engine.observed_requests(&tenant, Some("shop"), HOUR).await.unwrap();
    assert_eq!(idle, Requests::default());
    let error = engine.observed_requests(&tenant, Some("till"), HOUR).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotFound), "{error}");
    assert!(error.message().contains("till"));
    let other = TenantId::new("other").unwrap();
    let error = engine.observed_requests(&other, Some("shop"), HOUR).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotFound), "{error}");
    let nobody = engine.observed_requests(&other, None, HOUR).await.unwrap();
    assert_eq!(nobody, Requests::default());
}

#[tokio::test]
async fn an_answer_lists_no_more_endpoints_than_configured() {
    let config = MonitoringConfig { endpoints_max: 2, ..MonitoringConfig::default() };
    let names: Vec<String> = (0..5).map(|number| format!("GET /{number}")).collect();
    let mut spans: Vec<Span<'_>> =
        names.iter().map(|name| (CHILD, name.as_str(), 2, 10, 1, true, json!({}))).collect();
    spans.push((CHILD, "GET /3", 2, 5, 1, false, json!({})));
    let engine = engine(config, &spans).await;
    let found = engine.observed_requests(&TenantId::default(), Some("shop"), HOUR).await.unwrap();
    assert_eq!(told(&found), [("GET /3", 2, 1, 2, 5), ("GET /0", 1, 1, 1, 10)]);
    assert_eq!((found.others.calls, found.others.errors), (3, 3));
    assert_eq!((found.all.calls, found.all.errors), (6, 5));
}

#[tokio::test]
async fn endpoints_beyond_those_that_are_told_apart_are_counted_together() {
    let config = MonitoringConfig { endpoints_max: 1_000_000, ..MonitoringConfig::default() };
    let names: Vec<String> =
        (0..ENDPOINTS_MAX + 5).map(|number| format!("GET /{number}")).collect();
    let spans: Vec<Span<'_>> =
        names.iter().map(|name| (CHILD, name.as_str(), 2, 10, 1, true, json!({}))).collect();
    let engine = engine(config, &spans).await;
    let found = engine.observed_requests(&TenantId::default(), Some("shop"), HOUR).await.unwrap();
    assert_eq!(found.endpoints.len(), ENDPOINTS_MAX);
    assert_eq!(found.others, sums_at(5, 5, 1, NOW - 10 * SECOND));
    assert_eq!(found.all.calls, ENDPOINTS_MAX as u64 + 5);
}

//! The shapes of both answers, and how instants and durations are written.

use serde_json::{Value, json};
use watchkeep_engine::agents::query::{HealthIssue, HealthStatus};
use watchkeep_engine::health::host::HostReading;
use watchkeep_engine::health::monitoring::judge::Judgement;
use watchkeep_engine::health::monitoring::requests::{EndpointRequests, RequestSums, Requests};

use super::dto::{self, CurrentSystem, epoch_seconds, naive, uptime};
use super::params::{Asked, Whose};

const SECOND: i64 = 1_000_000_000;
/// 2026-03-01 08:15:30.25 UTC.
const NOW: i64 = 1_772_352_930_250_000_000;

fn endpoint(service: &str, name: &str, calls: u64, errors: u64, millis: u64) -> EndpointRequests {
    let sums = RequestSums {
        calls,
        errors,
        duration_ns: calls * millis * 1_000_000,
        last_ns: NOW - 90 * SECOND,
    };
    EndpointRequests { service: service.into(), name: name.into(), sums }
}

fn requests(endpoints: Vec<EndpointRequests>) -> Requests {
    let mut requests =
        Requests { first_ns: Some(NOW - 5_025 * SECOND), endpoints, ..Requests::default() };
    for endpoint in &requests.endpoints {
        requests.all.add(&endpoint.sums);
    }
    requests.recent.add(&requests.endpoints[0].sums);
    requests
}

#[test]
fn health_is_written_member_by_member() {
    let issue = HealthIssue {
        kind: "error_rate",
        severity: HealthStatus::Degraded,
        message: "error rate 12.5 % is too high".into(),
        value: 12.5,
        threshold: 10.0,
    };
    let all = requests(vec![endpoint("", "GET /cart", 8, 1, 20)]);
    let well = dto::health(&all, Judgement::of(Vec::new()), NOW);
    assert_eq!(
        serde_json::to_string(&well).unwrap(),
        concat!(
            r#"{"success":true,"health":{"status":"healthy","issues":[],"uptime":"1:23:45","#,
            r#""total_requests":8,"timestamp":"2026-03-01T08:15:30"},"timestamp":1772352930.25}"#
        )
    );
    let ill = serde_json::to_value(dto::health(&all, Judgement::of(vec![issue]), NOW)).unwrap();
    assert_eq!(ill["health"]["status"], "degraded");
    assert_eq!(ill["health"]["issues"], json!(["error rate 12.5 % is too high"]));
}

#[test]
fn stats_are_written_member_by_member_with_the_busiest_endpoint_first() {
    let reading = HostReading {
        time_ns: NOW - 7 * SECOND,
        cpu_percent: 12.345,
        memory_percent: 50.04,
        memory_used_bytes: 1_610_612_736,
        memory_available_bytes: 104_857,
        disk_usage_percent: 33.0,
        ..HostReading::default()
    };
    let all = requests(vec![
        endpoint("", "POST /orders", 300, 6, 125),
        endpoint("", "GET /cart", 100, 0, 25),
    ]);
    let told = dto::stats(all, Some(CurrentSystem::from(&reading)), NOW);
    assert_eq!(
        serde_json::to_string(&told).unwrap(),
        concat!(
            r#"{"success":true,"data":{"uptime_seconds":5025,"uptime_human":"1:23:45","#,
            r#""total_requests":400,"recent_requests_5min":300,"error_rate_percent":1.5,"#,
            r#""avg_response_time_ms":100.0,"current_system":{"cpu_percent":12.3,"#,
            r#""memory_percent":50.0,"memory_used_mb":1536.0,"memory_available_mb":0.1,"#,
            r#""disk_usage_percent":33.0,"timestamp":"2026-03-01T08:15:23"},"endpoints":{"#,
            r#""POST /orders":{"calls":300,"avg_response_time":0.125,"error_rate":2.0,"#,
            r#""last_called":"2026-03-01T08:14:00"},"#,
            r#""GET /cart":{"calls":100,"avg_response_time":0.025,"error_rate":0.0,"#,
            r#""last_called":"2026-03-01T08:14:00"}},"timestamp":"2026-03-01T08:15:30"},"#,
            r#""timestamp":1772352930.25}"#
        )
    );
}

#[test]
fn nothing_is_zero_and_no_reading_is_null() {
    let told = serde_json::to_value(dto::stats(Requests::default(), None, NOW)).unwrap();
    assert_eq!(
        told["data"],
        json!({"uptime_seconds": 0, "uptime_human": "0:00:00", "total_requests": 0,
            "recent_requests_5min": 0, "error_rate_percent": 0.0, "avg_response_time_ms": 0.0,
            "current_system": null, "endpoints": {}, "timestamp": "2026-03-01T08:15:30"})
    );
}

#[test]
fn an_endpoint_that_several_services_have_is_followed_by_the_service() {
    let all = requests(vec![
        endpoint("shop", "GET /health", 3, 0, 1),
        endpoint("till", "GET /health", 2, 0, 1),
        endpoint("till", "POST /pay", 1, 0, 1),
    ]);
    let told = serde_json::to_value(dto::stats(all, None, NOW)).unwrap();
    let endpoints = &told["data"]["endpoints"];
    let calls: Vec<(&str, u64)> = ["GET /health (shop)", "GET /health (till)", "POST /pay"]
        .map(|name| (name, endpoints[name]["calls"].as_u64().unwrap()))
        .to_vec();
    assert_eq!(calls.iter().map(|(_, calls)| calls).sum::<u64>(), 6);
    assert_eq!(endpoints.as_object().unwrap().len(), 3, "{endpoints}");
}

#[test]
fn endpoints_that_are_not_told_one_by_one_come_last() {
    let mut all = requests(vec![endpoint("shop", "other endpoints", 3, 0, 1)]);
    all.others = endpoint("", "", 5, 1, 1).sums;
    let told = serde_json::to_string(&dto::stats(all, None, NOW)).unwrap();
    let place = |name: &str| told.find(name).unwrap();
    assert!(
        place(r#""other endpoints (shop)":{"calls":3"#) < place(r#""other endpoints":{"calls":5"#)
    );
}

#[test]
fn durations_look_as_python_writes_them() {
    let cases = [
        (0, "0:00:00"),
        (59, "0:00:59"),
        (9_045, "2:30:45"),
        (86_399, "23:59:59"),
        (86_400, "1 day, 0:00:00"),
        (95_445, "1 day, 2:30:45"),
        (172_800, "2 days, 0:00:00"),
        (31_536_001, "365 days, 0:00:01"),
    ];
    for (seconds, text) in cases {
        assert_eq!(uptime(seconds), text);
    }
}

#[test]
fn instants_are_text_without_a_zone_inside_and_seconds_outside() {
    for (instant, text, seconds) in [
        (0, "1970-01-01T00:00:00", 0.0),
        (NOW, "2026-03-01T08:15:30", 1_772_352_930.25),
        (NOW + 999_999, "2026-03-01T08:15:30", 1_772_352_930.25),
        (NOW + 749_999_999, "2026-03-01T08:15:30", 1_772_352_930.999),
    ] {
        assert_eq!((naive(instant).as_str(), epoch_seconds(instant)), (text, seconds));
    }
}

#[test]
fn parameters_say_whose_requests_are_meant() {
    let of = |query: &str| Asked::read(query).unwrap();
    assert_eq!(of("").whose, Whose::Own);
    assert_eq!(of("service=").whose, Whose::Own);
    assert_eq!(of("service=*").whose, Whose::AllServices);
    assert_eq!(of("service=a%20b&since=90m").whose, Whose::Service("a b".into()));
    assert_eq!(of("service=x&since=90m").window.unwrap().0.as_secs(), 5_400);
    for (query, named) in [
        ("servce=x", "servce"),
        ("service=x&since=soon", "since must be a duration"),
        ("service=x&since=0", "since must be longer"),
        ("since=1h", "since needs service"),
    ] {
        let error = Asked::read(query).unwrap_err();
        assert!(error.message().contains(named), "{query}: {error}");
    }
}

#[test]
fn only_texts_and_numbers_are_told() {
    fn look(value: &Value) {
        match value {
            Value::Array(all) => all.iter().for_each(look),
            Value::Object(members) => members.values().for_each(look),
            Value::Number(number) => assert!(number.as_f64().is_some_and(f64::is_finite)),
            _ => {}
        }
    }
    let huge = RequestSums { calls: 1, errors: 1, duration_ns: u64::MAX, last_ns: i64::MIN };
    let endpoint = EndpointRequests { service: String::new(), name: "x".into(), sums: huge };
    let all = Requests {
        all: huge,
        recent: huge,
        first_ns: Some(i64::MIN),
        endpoints: vec![endpoint],
        others: huge,
    };
    look(&serde_json::to_value(dto::stats(all, None, i64::MAX)).unwrap());
}

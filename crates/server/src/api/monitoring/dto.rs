//! The shapes of both answers, and how instants and durations are written in them.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use watchkeep_engine::health::monitoring::judge::Judgement;
use watchkeep_engine::health::monitoring::requests::{EndpointRequests, RequestSums, Requests};

/// What endpoints together are called that are not told one by one.
const OTHER_ENDPOINTS: &str = "other endpoints";

/// An answer that failed.
#[derive(serde::Serialize)]
pub(super) struct Failure<'a> {
    pub(super) success: bool,
    pub(super) error: &'a str,
    pub(super) timestamp: f64,
}

/// The answer of `/api/monitoring/health`.
#[derive(serde::Serialize)]
pub(super) struct HealthAnswer {
    success: bool,
    health: Health,
    timestamp: f64,
}

#[derive(serde::Serialize)]
struct Health {
    status: &'static str,
    issues: Vec<String>,
    uptime: String,
    total_requests: u64,
    timestamp: String,
}

/// The answer of `/api/monitoring/stats`.
#[derive(serde::Serialize)]
pub(super) struct StatsAnswer {
    success: bool,
    data: Stats,
    timestamp: f64,
}

#[derive(serde::Serialize)]
struct Stats {
    uptime_seconds: u64,
    uptime_human: String,
    total_requests: u64,
    recent_requests_5min: u64,
    error_rate_percent: f64,
    avg_response_time_ms: f64,
    current_system: Option<CurrentSystem>,
    endpoints: Endpoints,
    timestamp: String,
}

/// The machine that this server runs on.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(super) struct CurrentSystem {
    pub(super) cpu_percent: f64,
    pub(super) memory_percent: f64,
    pub(super) memory_used_mb: f64,
    pub(super) memory_available_mb: f64,
    pub(super) disk_usage_percent: f64,
    pub(super) timestamp: String,
}

/// An object with a member for each endpoint, in their order.
struct Endpoints(Vec<(String, RequestSums)>);

#[derive(serde::Serialize)]
struct Endpoint {
    calls: u64,
    avg_response_time: f64,
    error_rate: f64,
    last_called: String,
}

impl Serialize for Endpoints {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(self.0.len()))?;
        for (name, sums) in &self.0 {
            let endpoint = Endpoint {
                calls: sums.calls,
                avg_response_time: rounded(sums.average_seconds(), 6),
                error_rate: rounded(sums.error_percent(), 2),
                last_called: naive(sums.last_ns),
            };
            members.serialize_entry(name, &endpoint)?;
        }
        members.end()
    }
}

impl Endpoints {
    /// A name that endpoints of several services have is followed by the service.
    fn of(endpoints: Vec<EndpointRequests>, others: RequestSums) -> Self {
        let mut of_name: HashMap<&str, usize> = HashMap::from([(OTHER_ENDPOINTS, 1)]);
        for endpoint in &endpoints {
            *of_name.entry(&endpoint.name).or_default() += 1;
        }
        let several: Vec<bool> =
            endpoints.iter().map(|endpoint| of_name[endpoint.name.as_str()] > 1).collect();
        let named = endpoints.into_iter().zip(several).map(|(endpoint, several)| {
            let EndpointRequests { service, name, sums } = endpoint;
            (if several { format!("{name} ({service})") } else { name }, sums)
        });
        let others = (others.calls > 0).then(|| (OTHER_ENDPOINTS.to_owned(), others));
        Self(named.chain(others).collect())
    }
}

/// Makes the answer of `/api/monitoring/health`.
pub(super) fn health(requests: &Requests, judgement: Judgement, now_ns: i64) -> HealthAnswer {
    HealthAnswer {
        success: true,
        health: Health {
            status: judgement.status.name(),
            issues: judgement.issues.into_iter().map(|issue| issue.message).collect(),
            uptime: uptime(up_seconds(requests, now_ns)),
            total_requests: requests.all.calls,
            timestamp: naive(now_ns),
        },
        timestamp: epoch_seconds(now_ns),
    }
}

/// Makes the answer of `/api/monitoring/stats`.
pub(super) fn stats(
    requests: Requests,
    current_system: Option<CurrentSystem>,
    now_ns: i64,
) -> StatsAnswer {
    let uptime_seconds = up_seconds(&requests, now_ns);
    StatsAnswer {
        success: true,
        data: Stats {
            uptime_seconds,
            uptime_human: uptime(uptime_seconds),
            total_requests: requests.all.calls,
            recent_requests_5min: requests.recent.calls,
            error_rate_percent: rounded(requests.all.error_percent(), 2),
            avg_response_time_ms: rounded(requests.all.average_seconds() * 1e3, 3),
            current_system,
            endpoints: Endpoints::of(requests.endpoints, requests.others),
            timestamp: naive(now_ns),
        },
        timestamp: epoch_seconds(now_ns),
    }
}

fn up_seconds(requests: &Requests, now_ns: i64) -> u64 {
    let up_ns = requests.first_ns.map_or(0, |first_ns| now_ns.saturating_sub(first_ns));
    up_ns.max(0).cast_unsigned() / 1_000_000_000
}

/// A duration as Python writes one: `2:30:45`, `1 day, 2:30:45`, `12 days, 0:00:00`.
pub(super) fn uptime(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60);
    match days {
        0 => clock,
        1 => format!("1 day, {clock}"),
        _ => format!("{days} days, {clock}"),
    }
}

/// An instant as text in UTC, in whole seconds, without a zone.
pub(super) fn naive(instant_ns: i64) -> String {
    let second = instant_ns.div_euclid(1_000_000_000);
    match Timestamp::from_second(second) {
        Ok(timestamp) => timestamp.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        Err(_) => second.to_string(),
    }
}

/// An instant as seconds since the epoch, with milliseconds.
pub(super) fn epoch_seconds(instant_ns: i64) -> f64 {
    instant_ns.div_euclid(1_000_000) as f64 / 1e3
}

pub(super) fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}

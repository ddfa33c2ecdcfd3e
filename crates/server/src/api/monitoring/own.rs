//! This server itself: its requests, whether it is well, and the machine that it runs on.

use watchkeep_engine::Phase;
use watchkeep_engine::agents::query::{HealthIssue, HealthStatus};
use watchkeep_engine::health::host::{HostIssue, HostReading};
use watchkeep_engine::health::monitoring::requests::Requests;

use super::dto::{CurrentSystem, naive, rounded};
use crate::app::App;

/// When the server's own requests were, for people.
const WINDOW: &str = "since the start";

/// Requests that the server answered since its start, on all listeners, by endpoint.
pub(crate) fn requests(app: &App, now_ns: i64) -> Requests {
    let mut requests = app.requests.requests(app.started_ns, now_ns);
    requests.rank(app.engine.health().config().monitoring.endpoints_max);
    requests
}

/// What is wrong with the server: its store, and how it answers.
pub(crate) fn issues(app: &App, requests: &Requests) -> Vec<HealthIssue> {
    let mut issues = app.engine.health().config().monitoring.judge(requests, WINDOW);
    issues.extend(store_issue(&app.engine.phase()));
    issues
}

/// What is wrong with CPU and memory of the machine.
pub(super) fn machine_issues(app: &App) -> Vec<HealthIssue> {
    let issues = app.engine.health().host().issues().into_iter();
    issues
        .filter_map(|issue| {
            let kind = ["cpu", "memory"].into_iter().find(|kind| *kind == issue.name)?;
            let HostIssue { status: severity, message, value, threshold, .. } = issue;
            Some(HealthIssue { kind, severity, message, value, threshold })
        })
        .collect()
}

fn store_issue(phase: &Phase) -> Option<HealthIssue> {
    let (severity, message) = match phase {
        Phase::Ready => return None,
        Phase::Recovering(progress) => {
            (HealthStatus::Degraded, format!("the store is not ready yet: {progress}"))
        }
        Phase::Stopping => (HealthStatus::Degraded, "the server is stopping".to_owned()),
        Phase::Failed(why) => {
            (HealthStatus::Unhealthy, format!("the store could not be opened: {why}"))
        }
    };
    Some(HealthIssue { kind: "store", severity, message, value: 0.0, threshold: 0.0 })
}

/// The machine by its newest reading; none before the first.
pub(super) fn current_system(app: &App) -> Option<CurrentSystem> {
    app.engine.health().host().latest().map(|reading| CurrentSystem::from(&*reading))
}

impl From<&HostReading> for CurrentSystem {
    fn from(reading: &HostReading) -> Self {
        let megabytes = |bytes: u64| rounded(bytes as f64 / f64::from(1 << 20), 1);
        Self {
            cpu_percent: rounded(reading.cpu_percent, 1),
            memory_percent: rounded(reading.memory_percent, 1),
            memory_used_mb: megabytes(reading.memory_used_bytes),
            memory_available_mb: megabytes(reading.memory_available_bytes),
            disk_usage_percent: rounded(reading.disk_usage_percent, 1),
            timestamp: naive(reading.time_ns),
        }
    }
}

//! Whether a server is well, by its requests and the machine that it runs on.

use super::config::MonitoringConfig;
use super::requests::{RequestSums, Requests};
use crate::agents::query::{HealthIssue, HealthStatus};

/// How a server is, and why.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judgement {
    /// The worst of all issues; healthy without any.
    pub status: HealthStatus,
    /// What is wrong, of the kinds `cpu`, `memory`, `error_rate`, `response_time`, `store`.
    pub issues: Vec<HealthIssue>,
}

impl Judgement {
    /// Judges by what is wrong.
    pub fn of(issues: Vec<HealthIssue>) -> Self {
        let worst = issues.iter().map(|issue| issue.severity).max();
        Self { status: worst.unwrap_or(HealthStatus::Healthy), issues }
    }
}

impl MonitoringConfig {
    /// What is wrong with requests. Those of the last five minutes are judged where there are enough
    /// of them, else all; `window` says for people which those are.
    pub fn judge(&self, requests: &Requests, window: &str) -> Vec<HealthIssue> {
        let (judged, window) = if requests.recent.calls >= self.recent_requests_min {
            (&requests.recent, "in the last 5 minutes")
        } else {
            (&requests.all, window)
        };
        [self.error_rate(judged, window), self.response_time(judged, window)]
            .into_iter()
            .flatten()
            .collect()
    }

    fn error_rate(&self, judged: &RequestSums, window: &str) -> Option<HealthIssue> {
        let (percent, threshold) = (judged.error_percent(), self.error_rate_above);
        (percent > threshold).then(|| HealthIssue {
            kind: "error_rate",
            severity: HealthStatus::Degraded,
            message: format!(
                "error rate {} % of {} {window} is above {threshold} %",
                tenth(percent, threshold),
                counted(judged.calls)
            ),
            value: percent / 100.0,
            threshold: threshold / 100.0,
        })
    }

    fn response_time(&self, judged: &RequestSums, window: &str) -> Option<HealthIssue> {
        let (seconds, threshold) =
            (judged.average_seconds(), self.response_time_above.0.as_secs_f64());
        (seconds > threshold).then(|| HealthIssue {
            kind: "response_time",
            severity: HealthStatus::Degraded,
            message: format!(
                "average response time {} s of {} {window} is above {threshold} s",
                tenth(seconds, threshold),
                counted(judged.calls)
            ),
            value: seconds,
            threshold,
        })
    }
}

fn counted(requests: u64) -> String {
    if requests == 1 { "1 request".to_owned() } else { format!("{requests} requests") }
}

/// A value with one decimal, or with as many as tell it from the threshold that it is above.
fn tenth(value: f64, threshold: f64) -> String {
    (1..=6)
        .map(|decimals| format!("{value:.decimals$}"))
        .find(|text| text.parse::<f64>().is_ok_and(|shown| shown > threshold))
        .unwrap_or_else(|| value.to_string())
}

//! Whether an agent is well: how often it succeeds and how long it takes, against thresholds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::humane::HumaneDuration;

/// Section `agents.health`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentHealthConfig {
    /// An agent of which a smaller share of runs succeeds is unhealthy.
    pub unhealthy_success_below: f64,
    /// An agent of which a smaller share of runs succeeds is degraded.
    pub degraded_success_below: f64,
    /// An agent whose runs take longer on average is unhealthy.
    pub unhealthy_response_above: HumaneDuration,
    /// An agent whose runs take longer on average is degraded.
    pub degraded_response_above: HumaneDuration,
}

impl Default for AgentHealthConfig {
    fn default() -> Self {
        Self {
            unhealthy_success_below: 0.9,
            degraded_success_below: 0.95,
            unhealthy_response_above: HumaneDuration(Duration::from_secs(10)),
            degraded_response_above: HumaneDuration(Duration::from_secs(5)),
        }
    }
}

/// How an agent is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum HealthStatus {
    /// It did nothing.
    #[default]
    Unknown,
    /// Within all thresholds.
    Healthy,
    /// Beyond one that warns.
    Degraded,
    /// Beyond one that alarms.
    Unhealthy,
}

impl HealthStatus {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// A threshold that is crossed.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthIssue {
    /// `success_rate` or `response_time`.
    pub kind: &'static str,
    /// How bad it is.
    pub severity: HealthStatus,
    /// For people.
    pub message: String,
    /// What was measured: a share, or seconds.
    pub value: f64,
    /// What it was measured against.
    pub threshold: f64,
}

/// How an agent is, and why.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgentHealth {
    /// The worst of all issues.
    pub status: HealthStatus,
    /// What is wrong.
    pub issues: Vec<HealthIssue>,
}

impl AgentHealthConfig {
    /// Judges by the share of runs that succeeded and their average duration, nanoseconds.
    pub fn judge(&self, success_rate: Option<f64>, average_ns: Option<f64>) -> AgentHealth {
        use HealthStatus::{Degraded, Healthy, Unhealthy, Unknown};
        let mut issues = Vec::new();
        if let Some(rate) = success_rate {
            let limits = [
                (self.unhealthy_success_below, Unhealthy),
                (self.degraded_success_below, Degraded),
            ];
            if let Some((threshold, severity)) = limits.into_iter().find(|(least, _)| rate < *least)
            {
                let message = format!(
                    "success rate {:.1} % is below {} %",
                    rate * 100.0,
                    round(threshold * 100.0)
                );
                issues.push(HealthIssue {
                    kind: "success_rate",
                    severity,
                    message,
                    value: rate,
                    threshold,
                });
            }
        }
        if let Some(seconds) = average_ns.map(|ns| ns / 1e9) {
            let limits = [
                (self.unhealthy_response_above.0.as_secs_f64(), Unhealthy),
                (self.degraded_response_above.0.as_secs_f64(), Degraded),
            ];
            if let Some((threshold, severity)) =
                limits.into_iter().find(|(most, _)| seconds > *most)
            {
                let message =
                    format!("average response time {seconds:.1} s is above {threshold} s");
                issues.push(HealthIssue {
                    kind: "response_time",
                    severity,
                    message,
                    value: seconds,
                    threshold,
                });
            }
        }
        let well = if success_rate.is_some() { Healthy } else { Unknown };
        let status = issues.iter().map(|issue| issue.severity).max().unwrap_or(well);
        AgentHealth { status, issues }
    }
}

fn round(percent: f64) -> f64 {
    (percent * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_threshold_that_is_crossed_decides() {
        let config = AgentHealthConfig::default();
        let cases = [
            (None, None, "unknown", 0),
            (Some(1.0), Some(5e9), "healthy", 0),
            (Some(0.95), Some(1e9), "healthy", 0),
            (Some(0.949), Some(1e9), "degraded", 1),
            (Some(0.9), Some(5.1e9), "degraded", 2),
            (Some(0.899), Some(1e9), "unhealthy", 1),
            (Some(1.0), Some(10.1e9), "unhealthy", 1),
        ];
        for (rate, average, status, issues) in cases {
            let health = config.judge(rate, average);
            assert_eq!((health.status.name(), health.issues.len()), (status, issues), "{rate:?}");
        }
        let told = config.judge(Some(0.875), None);
        assert_eq!(told.issues[0].message, "success rate 87.5 % is below 90 %");
    }
}

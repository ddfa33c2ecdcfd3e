//! When the host is no longer well: CPU, memory and disks against thresholds, with some distance to go
//! back before it is well again, so that what stands near a threshold does not flap.

use std::collections::BTreeMap;

use super::reading::HostReading;
use crate::agents::query::HealthStatus;
use crate::health::config::{HostConfig, Thresholds};

/// How far below a threshold something must fall to be well again, in percent points.
const DISTANCE_PERCENT: f64 = 5.0;

/// A threshold of the host that is crossed, or one that was.
#[derive(Debug, Clone, PartialEq)]
pub struct HostIssue {
    /// `cpu`, `memory`, or `disk` with a blank and where it is mounted.
    pub name: String,
    /// How bad it is.
    pub status: HealthStatus,
    /// For people.
    pub message: String,
    /// What was measured, as a share.
    pub value: f64,
    /// What it was measured against, as a share.
    pub threshold: f64,
}

/// How each measure was at the last reading.
#[derive(Debug, Default)]
pub(super) struct Judge {
    statuses: BTreeMap<String, HealthStatus>,
    cpu_before: Option<f64>,
}

impl Judge {
    /// Goes on from what was known.
    pub(super) fn know(&mut self, name: &str, status: HealthStatus) {
        self.statuses.insert(name.to_owned(), status);
    }

    /// All measures, worst and well, of one more reading.
    pub(super) fn judge(&mut self, reading: &HostReading, config: &HostConfig) -> Vec<HostIssue> {
        // One busy half minute is no news.
        let cpu = self.cpu_before.map_or(0.0, |before| f64::midpoint(before, reading.cpu_percent));
        let enough = self.cpu_before.replace(reading.cpu_percent).is_some();
        let mut measures = Vec::new();
        if enough {
            measures.push(("cpu".to_owned(), cpu, config.thresholds(config.cpu)));
        }
        let memory = reading.memory_percent;
        measures.push(("memory".to_owned(), memory, config.thresholds(config.memory)));
        for disk in &reading.disks {
            let name = format!("disk {}", disk.mountpoint);
            measures.push((name, disk.percent(), config.thresholds(config.disk)));
        }
        let mut statuses = BTreeMap::new();
        let mut issues = Vec::new();
        for (name, percent, thresholds) in measures {
            let before = self.statuses.get(&name).copied().unwrap_or_default();
            let status = next(before, percent, thresholds);
            let threshold = match status {
                HealthStatus::Unhealthy => thresholds.critical_above,
                _ => thresholds.warning_above,
            };
            statuses.insert(name.clone(), status);
            let message = message(&name, percent, status, threshold);
            let (value, threshold) = (percent / 100.0, threshold / 100.0);
            issues.push(HostIssue { name, status, message, value, threshold });
        }
        if !enough && let Some(cpu) = self.statuses.get("cpu") {
            statuses.insert("cpu".to_owned(), *cpu);
        }
        self.statuses = statuses;
        issues
    }
}

fn next(before: HealthStatus, percent: f64, thresholds: Thresholds) -> HealthStatus {
    use HealthStatus::{Degraded, Healthy, Unhealthy};
    let Thresholds { warning_above, critical_above } = thresholds;
    let holds = |status, above: f64| {
        percent > above || (before >= status && percent > above - DISTANCE_PERCENT)
    };
    if holds(Unhealthy, critical_above) {
        Unhealthy
    } else if holds(Degraded, warning_above) {
        Degraded
    } else {
        Healthy
    }
}

fn message(name: &str, percent: f64, status: HealthStatus, threshold: f64) -> String {
    let what = match name {
        "cpu" => "CPU usage".to_owned(),
        "memory" => "memory usage".to_owned(),
        other => format!("usage of {other}"),
    };
    match status {
        HealthStatus::Degraded | HealthStatus::Unhealthy if percent > threshold => {
            format!("{what} {percent:.1} % is above {threshold} %")
        }
        HealthStatus::Degraded | HealthStatus::Unhealthy => {
            format!("{what} {percent:.1} % was above {threshold} % and is still near")
        }
        _ => format!("{what} is {percent:.1} %"),
    }
}

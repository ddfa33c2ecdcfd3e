//! Section `health.monitoring`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use watchkeep_model::{Error, Result};

use crate::humane::HumaneDuration;

/// Section `health.monitoring`: what `/api/monitoring` lists, and when it warns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MonitoringConfig {
    /// A larger share of failed requests, percent, is degraded.
    pub error_rate_above: f64,
    /// A longer average response is degraded.
    pub response_time_above: HumaneDuration,
    /// Requests of the last five minutes from which on they alone are judged.
    pub recent_requests_min: u64,
    /// How far back the requests of a service are counted where the caller does not say.
    pub window: HumaneDuration,
    /// Endpoints that one answer lists at most, the busiest.
    pub endpoints_max: usize,
}

impl Default for MonitoringConfig {
    fn default() -> Self {
        Self {
            error_rate_above: 10.0,
            response_time_above: HumaneDuration(Duration::from_secs(5)),
            recent_requests_min: 20,
            window: HumaneDuration(Duration::from_hours(24)),
            endpoints_max: 100,
        }
    }
}

impl MonitoringConfig {
    /// Fails where a threshold is none, or nothing is left to count or list.
    pub fn check(&self) -> Result<()> {
        if !(0.0..=100.0).contains(&self.error_rate_above) {
            return Err(Error::invalid(
                "health.monitoring.error_rate_above must be from 0 to 100 percent",
            ));
        }
        let positive = [
            ("response_time_above", !self.response_time_above.0.is_zero()),
            ("recent_requests_min", self.recent_requests_min > 0),
            ("window", !self.window.0.is_zero()),
            ("endpoints_max", self.endpoints_max > 0),
        ];
        match positive.into_iter().find(|(_, is_positive)| !is_positive) {
            Some((key, _)) => {
                Err(Error::invalid(format!("health.monitoring.{key} must be greater than 0")))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut MonitoringConfig);

    #[test]
    fn the_defaults_are_sound_and_what_leaves_nothing_names_its_key() {
        MonitoringConfig::default().check().unwrap();
        let wrong: [(&str, Change); 6] = [
            ("error_rate_above", |config| config.error_rate_above = 101.0),
            ("error_rate_above", |config| config.error_rate_above = f64::NAN),
            ("response_time_above", |config| {
                config.response_time_above = HumaneDuration::default();
            }),
            ("recent_requests_min", |config| config.recent_requests_min = 0),
            ("window", |config| config.window = HumaneDuration::default()),
            ("endpoints_max", |config| config.endpoints_max = 0),
        ];
        for (key, spoil) in wrong {
            let mut config = MonitoringConfig::default();
            spoil(&mut config);
            let error = config.check().unwrap_err();
            assert!(error.message().contains(key), "{key}: {error}");
        }
    }
}

//! Section `health` of the configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use watchkeep_model::{Error, Result, TenantId};

use super::checks::config::CheckConfig;
use super::monitoring::config::MonitoringConfig;
use crate::humane::HumaneDuration;
use crate::scrape::environment::Environment;

/// The most names of processes that are watched.
const PROCESSES_MAX: usize = 64;
/// The most checks.
const CHECKS_MAX: usize = 1_000;
/// Characters that the name of a check may have.
const NAME_BYTES_MAX: usize = 64;

/// Section `health`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthConfig {
    /// The host that the server runs on.
    pub host: HostConfig,
    /// What is checked, by name.
    pub checks: BTreeMap<String, CheckConfig>,
    /// Tenant that gets samples and events of checks.
    pub checks_tenant: String,
    /// Checks that run at one time.
    pub checks_at_once: usize,
    /// Whether `/health` answers 503 while a check is unhealthy.
    pub checks_decide_health: bool,
    /// Events about the health of agents.
    pub agents: AgentEventsConfig,
    /// Requests to this server and to services.
    pub monitoring: MonitoringConfig,
}

impl Default for HealthConfig {
    fn default() -> Self {
        Self {
            host: HostConfig::default(),
            checks: BTreeMap::new(),
            checks_tenant: TenantId::default().to_string(),
            checks_at_once: 8,
            checks_decide_health: true,
            agents: AgentEventsConfig::default(),
            monitoring: MonitoringConfig::default(),
        }
    }
}

/// Section `health.host`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostConfig {
    /// Whether the host is watched.
    pub enabled: bool,
    /// Time between two readings.
    pub interval: HumaneDuration,
    /// Tenant that gets the samples and events.
    pub tenant: String,
    /// Percent of CPU, memory or disk above which the host is degraded.
    pub warning_above: f64,
    /// Percent of CPU, memory or disk above which the host is unhealthy.
    pub critical_above: f64,
    /// Other thresholds for the CPU.
    pub cpu: Option<Thresholds>,
    /// Other thresholds for memory.
    pub memory: Option<Thresholds>,
    /// Other thresholds for disks.
    pub disk: Option<Thresholds>,
    /// Names of processes that are watched.
    pub processes: Vec<String>,
}

/// Percent above which something is no longer well.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Above it the host is degraded.
    pub warning_above: f64,
    /// Above it the host is unhealthy.
    pub critical_above: f64,
}

/// Section `health.agents`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentEventsConfig {
    /// Whether a change of an agent's health is an event.
    pub events: bool,
    /// Time between two judgements.
    pub interval: HumaneDuration,
    /// What is judged: so long back.
    pub window: HumaneDuration,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: HumaneDuration(Duration::from_secs(30)),
            tenant: TenantId::default().to_string(),
            warning_above: 80.0,
            critical_above: 90.0,
            cpu: None,
            memory: None,
            disk: None,
            processes: Vec::new(),
        }
    }
}

impl Default for AgentEventsConfig {
    fn default() -> Self {
        Self {
            events: true,
            interval: HumaneDuration(Duration::from_mins(1)),
            window: HumaneDuration(Duration::from_hours(1)),
        }
    }
}

impl HealthConfig {
    /// Fails where something is wrong, and says where.
    pub fn check(&self) -> Result<()> {
        self.host.check()?;
        is_tenant("health.checks_tenant", &self.checks_tenant)?;
        if self.checks_at_once == 0 {
            return Err(Error::invalid("health.checks_at_once must be at least 1"));
        }
        if self.checks.len() > CHECKS_MAX {
            return Err(Error::invalid(format!("health.checks may have {CHECKS_MAX} checks")));
        }
        for (name, check) in &self.checks {
            let legal = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
            if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(legal) {
                let name = crate::humane::short(name);
                return Err(Error::invalid(format!(
                    "health.checks.{name}: a name has 1 to {NAME_BYTES_MAX} of the characters A-Z, \
                     a-z, 0-9, _, - and ."
                )));
            }
            check.probe(&Environment::default()).map_err(|error| {
                Error::invalid(format!("health.checks.{name}.{}", error.message()))
            })?;
        }
        let agents = &self.agents;
        if agents.interval.0 < Duration::from_secs(1) {
            return Err(Error::invalid("health.agents.interval must be at least 1s"));
        }
        if agents.window.0.is_zero() || agents.window.0 > Duration::from_hours(24) {
            return Err(Error::invalid("health.agents.window must be more than 0 and at most 24h"));
        }
        self.monitoring.check()
    }
}

fn is_tenant(key: &str, name: &str) -> Result<()> {
    match TenantId::new(name) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::invalid(format!("{key}: {}", error.message()))),
    }
}

impl HostConfig {
    /// The thresholds of a measure.
    pub(super) fn thresholds(&self, own: Option<Thresholds>) -> Thresholds {
        let (warning_above, critical_above) = (self.warning_above, self.critical_above);
        own.unwrap_or(Thresholds { warning_above, critical_above })
    }

    fn check(&self) -> Result<()> {
        is_tenant("health.host.tenant", &self.tenant)?;
        if self.interval.0 < Duration::from_secs(1) {
            return Err(Error::invalid("health.host.interval must be at least 1s"));
        }
        for (key, own) in
            [("", None), ("cpu.", self.cpu), ("memory.", self.memory), ("disk.", self.disk)]
        {
            let Thresholds { warning_above, critical_above } = self.thresholds(own);
            if !(warning_above > 0.0 && warning_above <= critical_above && critical_above <= 100.0)
            {
                return Err(Error::invalid(format!(
                    "health.host.{key}warning_above must be more than 0 and at most \
                     health.host.{key}critical_above, which must be at most 100"
                )));
            }
        }
        if self.processes.len() > PROCESSES_MAX {
            let message = format!("health.host.processes may have {PROCESSES_MAX} names");
            return Err(Error::invalid(message));
        }
        if let Some(at) = self.processes.iter().position(|name| name.trim().is_empty()) {
            return Err(Error::invalid(format!("health.host.processes[{at}] is empty")));
        }
        Ok(())
    }
}

//! Section `agents` of the configuration.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use watchkeep_model::{Error, Result};

use super::query::AgentHealthConfig;
use crate::humane::{ByteSize, HumaneDuration};

/// Section `agents`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentsConfig {
    /// Whether steps of agents are read out of telemetry.
    pub enabled: bool,
    /// A trace that got no span for so long is settled: tokens that may be a sum over other steps
    /// count now if no such step came.
    pub settle: HumaneDuration,
    /// The longest that a step waits for the steps around it while its trace goes on.
    pub hold_max: HumaneDuration,
    /// How long a settled trace stays in memory; one that goes on later is read from the store again.
    pub remember: HumaneDuration,
    /// Spans of traces with steps that are held in memory, of all tenants; beyond them the oldest
    /// traces are decided early and let go.
    pub steps_held_max: usize,
    /// Spans of one trace that are held; a trace with more is decided early and let go.
    pub trace_steps_max: usize,
    /// Traces let go of that are known again, of all tenants; what is sent again of older ones
    /// counts again.
    pub traces_known_max: usize,
    /// How far back steps are looked for at a start that were stored and not decided.
    pub recover_window: HumaneDuration,
    /// Time between two samples of a series that changes.
    pub metrics_interval: HumaneDuration,
    /// Series that nothing was added to for so long get no more samples.
    pub idle_max: HumaneDuration,
    /// Sets of labels that a tenant may have of each family of metrics; what is beyond is counted
    /// under the one label `metric_overflow="true"`.
    pub label_sets_max: usize,
    /// More labels for metrics of calls of models and of runs: `user`, `session`, `interaction`,
    /// `workflow`, `release`, `environment`, `agent_version`, `prompt`.
    pub extra_labels: Vec<String>,
    /// Values that each of `extra_labels` may have; those that come later are `other`.
    pub extra_label_values_max: usize,
    /// Upper bounds of the buckets of durations, seconds, rising.
    pub buckets: Vec<f64>,
    /// Metrics under the names of other monitors too: `osmen`, `aet`.
    pub compat_metrics: Vec<CompatMetrics>,
    /// Equal things in a row (calls of a tool with the same arguments, equal errors, calls with more
    /// input and no new result), or rounds of a circle, that make a loop.
    pub loop_repeats: usize,
    /// Bytes of sums over hours that are over, kept in memory for the next question.
    pub query_cache_bytes: ByteSize,
    /// When an agent is well.
    pub health: AgentHealthConfig,
}

/// Names of metrics of another monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompatMetrics {
    /// `osmen_…`.
    Osmen,
    /// `aet_…`.
    Aet,
}

/// What `extra_labels` may name.
pub(super) const EXTRA_LABELS: [&str; 8] = [
    "user",
    "session",
    "interaction",
    "workflow",
    "release",
    "environment",
    "agent_version",
    "prompt",
];

impl Default for AgentsConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            settle: HumaneDuration(Duration::from_secs(10)),
            hold_max: HumaneDuration(Duration::from_mins(2)),
            remember: HumaneDuration(Duration::from_mins(5)),
            steps_held_max: 100_000,
            trace_steps_max: 50_000,
            traces_known_max: 500_000,
            recover_window: HumaneDuration(Duration::from_hours(1)),
            metrics_interval: HumaneDuration(Duration::from_secs(5)),
            idle_max: HumaneDuration(Duration::from_hours(1)),
            label_sets_max: 2_000,
            extra_labels: Vec::new(),
            extra_label_values_max: 100,
            buckets: vec![0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0],
            compat_metrics: Vec::new(),
            loop_repeats: 3,
            query_cache_bytes: ByteSize(96 << 20),
            health: AgentHealthConfig::default(),
        }
    }
}

impl AgentsConfig {
    /// Fails where something leaves nothing allowed, or a name is not known.
    pub fn check(&self) -> Result<()> {
        let least = [
            ("steps_held_max", self.steps_held_max, 1_000),
            ("trace_steps_max", self.trace_steps_max, 100),
            ("traces_known_max", self.traces_known_max, 1),
            ("label_sets_max", self.label_sets_max, 1),
            ("extra_label_values_max", self.extra_label_values_max, 1),
            ("loop_repeats", self.loop_repeats, 2),
        ];
        if let Some((key, value, least)) = least.into_iter().find(|(_, value, least)| value < least)
        {
            return Err(Error::invalid(format!(
                "agents.{key} must be at least {least}, is {value}"
            )));
        }
        if self.metrics_interval.0 < Duration::from_secs(1) {
            return Err(Error::invalid("agents.metrics_interval must be at least 1s"));
        }
        if self.hold_max.0 < self.settle.0 {
            return Err(Error::invalid("agents.hold_max must not be less than agents.settle"));
        }
        let rises = self.buckets.windows(2).all(|pair| pair[0] < pair[1]);
        if !rises || self.buckets.iter().any(|bound| !bound.is_finite()) {
            return Err(Error::invalid(
                "agents.buckets must be finite numbers, each greater than the one before",
            ));
        }
        let unknown = self.extra_labels.iter().find(|name| !EXTRA_LABELS.contains(&name.as_str()));
        if let Some(name) = unknown {
            return Err(Error::invalid(format!(
                "agents.extra_labels has {name:?}; known are {}",
                EXTRA_LABELS.join(", ")
            )));
        }
        Ok(())
    }
}

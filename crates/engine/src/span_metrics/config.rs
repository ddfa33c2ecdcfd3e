//! Section `span_metrics` of the configuration.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use watchkeep_model::{Error, Result};

use crate::humane::HumaneDuration;

/// Section `span_metrics`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpanMetricsConfig {
    /// Whether metrics are made of spans.
    pub enabled: bool,
    /// Time between two samples of a series. A new series gets its first within a second.
    pub interval: HumaneDuration,
    /// Attributes of the span, or else its resource, that become labels of `traces_spanmetrics_*`,
    /// under their names with what no label may have replaced by `_`.
    pub dimensions: Vec<String>,
    /// Sets of labels that a tenant may have of each family; spans beyond them are counted
    /// under the one label `metric_overflow="true"`.
    pub label_sets_max: usize,
    /// Upper bounds of the buckets of durations of spans, seconds, rising.
    pub buckets: Vec<f64>,
    /// Upper bounds of the buckets of durations of requests between services, seconds, rising.
    pub graph_buckets: Vec<f64>,
    /// How long one side of a request between services waits for the other.
    pub graph_wait: HumaneDuration,
    /// Sides that wait at one time, for each tenant; more are not counted.
    pub graph_waiting_max: usize,
    /// Series without a span for so long get no more samples.
    pub idle_max: HumaneDuration,
}

impl Default for SpanMetricsConfig {
    fn default() -> Self {
        let doubling = |first: f64, count: i32| (0..count).map(|n| first * 2_f64.powi(n)).collect();
        Self {
            enabled: true,
            interval: HumaneDuration(Duration::from_secs(15)),
            dimensions: Vec::new(),
            label_sets_max: 2_000,
            buckets: doubling(0.002, 14),
            graph_buckets: doubling(0.1, 8),
            graph_wait: HumaneDuration(Duration::from_secs(10)),
            graph_waiting_max: 20_000,
            idle_max: HumaneDuration(Duration::from_mins(15)),
        }
    }
}

impl SpanMetricsConfig {
    /// Fails where something leaves nothing allowed, or buckets do not rise.
    pub fn check(&self) -> Result<()> {
        if self.interval.0 < Duration::from_secs(1) {
            return Err(Error::invalid("span_metrics.interval must be at least 1s"));
        }
        if self.label_sets_max == 0 || self.graph_waiting_max == 0 {
            return Err(Error::invalid(
                "span_metrics.label_sets_max and span_metrics.graph_waiting_max must be at least 1",
            ));
        }
        let lists =
            [("buckets", &self.buckets), ("graph_buckets", &self.graph_buckets)].into_iter();
        for (key, bounds) in lists {
            let rises = bounds.windows(2).all(|pair| pair[0] < pair[1]);
            if !rises || bounds.iter().any(|bound| !bound.is_finite()) {
                return Err(Error::invalid(format!(
                    "span_metrics.{key} must be finite numbers, each greater than the one before"
                )));
            }
        }
        Ok(())
    }
}

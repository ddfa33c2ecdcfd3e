//! Metrics that are made of spans: requests, errors and durations by service and operation
//! (`traces_spanmetrics_*`), and of requests between services (`traces_service_graph_*`).
//!
//! In reading order: [`config`], [`observe`] (what a batch adds), [`edges`] (two spans of one request),
//! [`crate::totals`] (counters and their samples). Totals live in memory: after a restart counters begin
//! again, as those of any process do.

pub mod config;
mod edges;
mod observe;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use parking_lot::Mutex;
use prometheus::{IntCounter, IntGauge, Registry};
use watchkeep_model::{Error, MetricColumns, Result, SpanColumns, TenantId};
use watchkeep_storage::Batch;

use self::config::SpanMetricsConfig;
use self::edges::{Edges, REQUESTS};
pub use self::observe::Observed;
use self::observe::SPANS;
use crate::engine::Engine;
use crate::totals::{Times, Totals};

/// How often is looked for series that are due.
const TICK: Duration = Duration::from_secs(1);

/// Metrics of the spans of all tenants.
#[derive(Debug)]
pub struct SpanMetrics {
    config: SpanMetricsConfig,
    tenants: Mutex<HashMap<TenantId, Tenant>>,
    counters: Counters,
}

#[derive(Debug)]
struct Tenant {
    spans: Totals,
    requests: Totals,
    edges: Edges,
}

#[derive(Debug)]
struct Counters {
    overflows: IntCounter,
    dropped: IntCounter,
    waiting: IntGauge,
    label_sets: IntGauge,
    failed_writes: IntCounter,
}

impl Counters {
    fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counters = Self {
            overflows: IntCounter::new(
                "wk_engine_span_metrics_overflows_total",
                "Additions that were counted as overflow, as the tenant had span_metrics.label_sets_max",
            )?,
            dropped: IntCounter::new(
                "wk_engine_span_metrics_dropped_sides_total",
                "Sides of requests that were not counted, as span_metrics.graph_waiting_max waited",
            )?,
            waiting: IntGauge::new(
                "wk_engine_span_metrics_waiting_sides",
                "Sides of requests that wait for the other",
            )?,
            label_sets: IntGauge::new(
                "wk_engine_span_metrics_label_sets",
                "Sets of labels that metrics of spans have",
            )?,
            failed_writes: IntCounter::new(
                "wk_engine_span_metrics_failed_writes_total",
                "Times that samples of metrics of spans could not be stored",
            )?,
        };
        registry.register(Box::new(counters.overflows.clone()))?;
        registry.register(Box::new(counters.dropped.clone()))?;
        registry.register(Box::new(counters.waiting.clone()))?;
        registry.register(Box::new(counters.label_sets.clone()))?;
        registry.register(Box::new(counters.failed_writes.clone()))?;
        Ok(counters)
    }
}

impl SpanMetrics {
    /// None yet, under the default configuration.
    pub fn new(registry: &Registry) -> Result<Self> {
        let config = SpanMetricsConfig::default();
        let counters = Counters::register(registry).map_err(|error| {
            Error::internal("cannot register metrics of span metrics").with_source(error)
        })?;
        Ok(Self { config, tenants: Mutex::default(), counters })
    }

    /// The same under another configuration; fails where that is wrong.
    pub fn with_config(mut self, config: SpanMetricsConfig) -> Result<Self> {
        config.check()?;
        self.config = config;
        Ok(self)
    }

    /// What a batch of spans will add once it is stored.
    pub fn observe(&self, spans: &SpanColumns, now_ms: i64) -> Observed {
        if self.config.enabled {
            Observed::of(spans, &self.config, now_ms)
        } else {
            Observed::default()
        }
    }

    /// Counts what was observed.
    pub fn count(&self, tenant: &TenantId, observed: Observed, now_ms: i64) {
        if observed.spans.is_empty() {
            return;
        }
        let config = &self.config;
        let mut tenants = self.tenants.lock();
        let tenant = tenants.entry(tenant.clone()).or_insert_with(|| Tenant {
            spans: Totals::new(&SPANS, &config.buckets, config.label_sets_max),
            requests: Totals::new(&REQUESTS, &config.graph_buckets, config.label_sets_max),
            edges: Edges::default(),
        });
        for (labels, counts) in &observed.spans {
            let fits = tenant.spans.add(labels, counts, now_ms);
            self.counters.overflows.inc_by(u64::from(!fits));
        }
        let due_ms = now_ms.saturating_add(millis(config.graph_wait.0));
        let mut found = Vec::new();
        for half in observed.halves {
            match tenant.edges.take(half, due_ms, config.graph_waiting_max, &config.graph_buckets) {
                Ok(request) => found.extend(request),
                Err(()) => self.counters.dropped.inc(),
            }
        }
        self.count_requests(tenant, found, now_ms);
    }

    fn count_requests(&self, tenant: &mut Tenant, found: Vec<edges::Request>, now_ms: i64) {
        for mut request in found {
            for histogram in &mut request.counts.histograms {
                if let Some(exemplar) = &mut histogram.exemplar {
                    exemplar.time_ms = now_ms;
                }
            }
            let fits = tenant.requests.add(&request.labels, &request.counts, now_ms);
            self.counters.overflows.inc_by(u64::from(!fits));
        }
    }

    /// Samples that are due, by tenant.
    fn due(&self, now_ms: i64) -> Vec<(TenantId, MetricColumns)> {
        let config = &self.config;
        let interval_ms = millis(config.interval.0);
        let times =
            Times { interval_ms, unchanged_ms: interval_ms, idle_ms: millis(config.idle_max.0) };
        let (mut waiting, mut label_sets) = (0, 0);
        let mut due = Vec::new();
        for (id, tenant) in self.tenants.lock().iter_mut() {
            let mut found = Vec::new();
            tenant.edges.expire(now_ms, &config.graph_buckets, &mut found);
            self.count_requests(tenant, found, now_ms);
            let mut columns = MetricColumns::default();
            tenant.spans.write(now_ms, times, &mut columns);
            tenant.requests.write(now_ms, times, &mut columns);
            waiting += tenant.edges.len();
            label_sets += tenant.spans.len() + tenant.requests.len();
            if !columns.is_empty() {
                due.push((id.clone(), columns));
            }
        }
        self.counters.waiting.set(waiting as i64);
        self.counters.label_sets.set(label_sets as i64);
        due
    }
}

impl Engine {
    /// Stores the samples of metrics of spans that are due.
    pub async fn write_span_metrics(&self) {
        let now_ms = self.clock.now_ns().div_euclid(1_000_000);
        for (tenant, columns) in self.span_metrics.due(now_ms) {
            let stored = match self.store() {
                Ok(store) => store.append(&tenant, Batch::Metrics(columns).into()).await,
                Err(error) => Err(error),
            };
            if let Err(error) = stored {
                self.span_metrics.counters.failed_writes.inc();
                tracing::warn!("metrics of spans of {tenant}: {}", error.report());
            }
        }
    }
}

/// Stores samples as they become due; ends when it is dropped.
pub async fn run(engine: Arc<Engine>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        engine.write_span_metrics().await;
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

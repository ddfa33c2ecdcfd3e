//! What goes on in the background: reservations end and are written down, thresholds are announced,
//! the checkpoint and the samples of `watchkeep_budget_*` are written.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use watchkeep_model::metrics::MetricKind;
use watchkeep_model::{
    Error, Labels, METRIC_NAME, MetricColumns, Result, SpanId, TenantId, TraceId,
};
use watchkeep_storage::Batch;

use super::live::{Crossing, Tenant};
use super::recover::EVENT_KIND;
use super::status::{self, Standing};
use crate::agents::facts::{Entry, EventFact};
use crate::engine::Engine;

/// How often reservations are written down and thresholds announced.
const TICK: Duration = Duration::from_millis(50);
/// How often the checkpoint is written where nothing calls for it.
const CHECKPOINT: Duration = Duration::from_mins(10);
/// How soon after something was spent that the checkpoint should have.
const CHECKPOINT_LATE: Duration = Duration::from_secs(1);
/// Steps that nobody decided for so long are forgotten.
const UNDECIDED_NS: i64 = 15 * 60 * 1_000_000_000;
/// How often accounts are swept.
const SWEEP: Duration = Duration::from_mins(1);

/// Ticks until something is due.
struct Due {
    every: u32,
    left: u32,
}

impl Due {
    fn every(time: Duration) -> Self {
        let every = u32::try_from(time.as_millis() / TICK.as_millis()).unwrap_or(u32::MAX).max(1);
        Self { every, left: every }
    }

    fn tick(&mut self) -> bool {
        self.left -= 1;
        let is_due = self.left == 0;
        if is_due {
            self.left = self.every;
        }
        is_due
    }
}

/// Does all of that until it is dropped.
pub async fn run(engine: Arc<Engine>) {
    engine.recover_budgets().await;
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut samples = Due::every(engine.budgets.config.metrics_interval.0);
    let (mut checkpoint, mut late) = (Due::every(CHECKPOINT), Due::every(CHECKPOINT_LATE));
    let mut sweep = Due::every(SWEEP);
    loop {
        ticks.tick().await;
        engine.keep_budgets().await;
        if samples.tick() {
            engine.write_budget_samples().await;
        }
        let is_late = late.tick() && engine.budgets.something_came_late();
        if checkpoint.tick() || is_late {
            let engine = Arc::clone(&engine);
            let writing = tokio::task::spawn_blocking(move || engine.write_checkpoint()).await;
            match writing {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!("budgets: {}", error.report()),
                Err(error) => tracing::warn!("budgets: writing the checkpoint panicked: {error}"),
            }
        }
        if sweep.tick() {
            engine.sweep_budgets();
        }
    }
}

impl Engine {
    /// Ends reservations, and writes down what changed since the last time.
    pub async fn keep_budgets(&self) {
        for (id, tenant) in self.budgets.tenants() {
            let now_ns = self.clock.now_ns();
            self.budgets.counters.expired.inc_by(tenant.reservations.expire(now_ns) as u64);
            let changes = tenant.reservations.take_changes();
            match self.write_facts(&id, &changes, None).await {
                Ok(()) => self.budgets.counters.written.inc_by(changes.len() as u64),
                Err(error) => {
                    self.budgets.counters.failed_writes.inc();
                    tracing::debug!("reservations of {id}: {}", error.report());
                    let most = 4 * self.budgets.config.reservations_max;
                    tenant.reservations.put_back(changes, most);
                }
            }
            self.announce_thresholds(&id, &tenant).await;
        }
    }

    async fn announce_thresholds(&self, id: &TenantId, tenant: &Tenant) {
        let crossings = tenant.take_crossings();
        let events: Vec<Entry<EventFact>> = crossings.iter().map(event).collect();
        match self.write_facts(id, &events, None).await {
            Ok(()) => self.budgets.counters.events.inc_by(events.len() as u64),
            Err(error) => {
                self.budgets.counters.failed_writes.inc();
                tracing::warn!("budget events of {id}: {}", error.report());
                tenant.put_back(crossings, self.clock.now_ns());
            }
        }
    }

    fn sweep_budgets(&self) {
        let now_ns = self.clock.now_ns();
        for (_, tenant) in self.budgets.tenants() {
            tenant.forget_undecided(now_ns.saturating_sub(UNDECIDED_NS), now_ns);
            for live in tenant.live().iter() {
                live.accounts.sweep(now_ns);
            }
        }
    }

    /// Writes samples of all budgets.
    pub async fn write_budget_samples(&self) {
        let now_ns = self.clock.now_ns();
        for (id, tenant) in self.budgets.tenants() {
            let mut writer = Samples::new(now_ns.div_euclid(1_000_000));
            for live in tenant.live().iter().filter(|live| live.kept.budget.enabled) {
                let limit = self.budgets.config.metrics_values_max;
                let status = status::status(live, None, limit, now_ns);
                for standing in &status.standings {
                    writer.write(&live.kept.budget.id, standing);
                }
            }
            let columns = writer.columns;
            if columns.is_empty() {
                continue;
            }
            let stored = match self.store() {
                Ok(store) => store.append(&id, Batch::Metrics(columns).into()).await.map(|_ack| ()),
                Err(error) => Err(error),
            };
            if let Err(error) = stored {
                self.budgets.counters.failed_writes.inc();
                tracing::warn!("metrics of budgets of {id}: {}", error.report());
            }
        }
    }

    /// Checkpoint and reservations, before the process ends.
    pub async fn finish_budgets(self: &Arc<Self>) -> Result<()> {
        self.keep_budgets().await;
        let engine = Arc::clone(self);
        tokio::task::spawn_blocking(move || engine.write_checkpoint()).await.map_err(|error| {
            Error::internal("writing the checkpoint of budgets panicked").with_source(error)
        })?
    }
}

impl super::Budgets {
    fn something_came_late(&self) -> bool {
        self.tenants().iter().any(|(_, tenant)| {
            let live = tenant.live();
            live.iter().any(|live| live.accounts.came_late.load(Ordering::Relaxed))
        })
    }
}

fn event(crossing: &Crossing) -> Entry<EventFact> {
    let Crossing { live, value, threshold, spent, period, time_ns } = crossing;
    let budget = &live.kept.budget;
    let amount = budget.amount_of(value);
    let who = if value.is_empty() { String::new() } else { format!(" for {value}") };
    let percent = threshold.percent;
    let title = format!("{}{who} reached {percent} % of its budget", budget.name);
    let text = match budget.unit {
        super::definition::Unit::Usd => format!("{spent:.2} of {amount:.2} USD are spent"),
        unit => format!("{spent:.0} of {amount:.0} {} are used", unit.name().replace('_', " ")),
    };
    let details = [
        ("budget", json!(budget.id)),
        ("scope_value", json!(value)),
        ("threshold", json!(percent)),
        ("spent", json!(spent)),
        ("amount", json!(amount)),
        ("unit", json!(budget.unit.name())),
        ("period_start_ns", json!(period.start_ns.to_string())),
        ("period_end_ns", json!(period.end_ns.to_string())),
    ];
    let of = |name: &str| match &budget.scope.each {
        Some(each) if each == name => value.clone(),
        _ => budget
            .scope
            .conditions
            .get(name)
            .filter(|value| !value.contains('*'))
            .cloned()
            .unwrap_or_default(),
    };
    let fact = EventFact {
        id: format!("{}/{value}/{percent}/{}", budget.id, period.start_ns),
        kind: EVENT_KIND.to_owned(),
        severity: threshold.severity.name().to_owned(),
        service: of("service"),
        agent: of("agent"),
        session: of("session"),
        user: of("user"),
        title,
        text,
        details: details.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    };
    Entry {
        time_ns: *time_ns,
        written_ns: *time_ns,
        trace_id: TraceId([0; 16]),
        span_id: SpanId([0; 8]),
        fact,
    }
}

struct Samples {
    columns: MetricColumns,
    now_ms: i64,
}

impl Samples {
    const METRICS: [(&'static str, &'static str); 3] = [
        ("watchkeep_budget_spent_ratio", "What was spent of a budget, as a share of its amount"),
        ("watchkeep_budget_spent", "What was spent of a budget, in its unit"),
        ("watchkeep_budget_limit", "The amount of a budget, in its unit"),
    ];

    fn new(now_ms: i64) -> Self {
        Self { columns: MetricColumns::default(), now_ms }
    }

    fn write(&mut self, budget: &str, standing: &Standing) {
        if self.columns.metadata.kind.is_empty() {
            for (name, help) in Self::METRICS {
                self.columns.metadata.family.push(name);
                self.columns.metadata.kind.push(MetricKind::Gauge as u8);
                self.columns.metadata.unit.push("");
                self.columns.metadata.help.push(help);
            }
        }
        let values = [standing.percentage / 100.0, standing.spent, standing.amount];
        for ((name, _), value) in Self::METRICS.iter().zip(values) {
            let mut pairs = vec![(METRIC_NAME, *name), ("budget", budget)];
            if !standing.scope_value.is_empty() {
                pairs.push(("scope_value", &standing.scope_value));
            }
            let row = self.columns.series.delta.len() as u32;
            self.columns.series.labels.push_with(|out| Labels::write_canonical(&mut pairs, out));
            self.columns.series.delta.push(0);
            self.columns.floats.series.push(row);
            self.columns.floats.time_ms.push(self.now_ms);
            self.columns.floats.start_ms.push(0);
            self.columns.floats.value.push(value);
        }
    }
}

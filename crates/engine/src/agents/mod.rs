//! Agents: what came in as spans and log records becomes steps in one normal form, each counted once
//! and priced, and written down in the ledger.
//!
//! In reading order: [`config`], [`facts`] (what the ledger holds) and `line` (how that is written),
//! [`ledger`] (writing it down and reading it again), `records` (rows as readers of dialects take
//! them), `seen` (what is read out of a batch), `book` (what is decided), [`observers`] (who is told),
//! `measured` (what only metrics tell), `step_sums`, `derived` and `compat` (metrics), `keep` (the
//! task that decides and writes), `recover` (after a start), [`query`] (what people ask of it).

mod book;
mod compat;
pub mod config;
mod derived;
pub mod facts;
mod intake;
mod keep;
pub mod ledger;
mod line;
pub(crate) mod measured;
pub mod observers;
pub mod query;
mod records;
mod recover;
mod seen;
mod step_sums;

#[cfg(test)]
mod tests;

use hashbrown::HashMap;
use parking_lot::Mutex;
use prometheus::{IntCounter, IntGauge, Registry};
use tokio::sync::Notify;
use watchkeep_genai::dialect;
use watchkeep_model::{Error, Result, TenantId};

use self::book::Book;
use self::facts::FeedbackFact;
use self::measured::Measured;
use self::seen::Readers;
use crate::engine::Engine;

pub use self::keep::run;

/// Steps under way, of all tenants.
#[derive(Debug)]
pub struct Agents {
    books: Mutex<HashMap<TenantId, Book>>,
    measured: Mutex<HashMap<TenantId, Measured>>,
    derived: Mutex<derived::ByTenant>,
    /// What the task left undone.
    undone: tokio::sync::Mutex<keep::Undone>,
    readers: Readers,
    /// Wakes the task when there is no room for more.
    full: Notify,
    counters: Counters,
}

#[derive(Debug)]
struct Counters {
    steps: IntCounter,
    early: IntCounter,
    held: IntGauge,
    lookups: IntCounter,
    recovered: IntCounter,
    failed_writes: IntCounter,
    overflows: IntCounter,
    label_sets: IntGauge,
}

impl Counters {
    fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str| -> prometheus::Result<IntCounter> {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let gauge = |name: &str, help: &str| -> prometheus::Result<IntGauge> {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        Ok(Self {
            steps: counter(
                "wk_engine_agents_steps_total",
                "Steps of agents that were decided and written to the ledger, again too",
            )?,
            early: counter(
                "wk_engine_agents_steps_early_total",
                "Steps that were decided before their parents were known, as there was no room \
                 (agents.steps_held_max, agents.trace_steps_max)",
            )?,
            held: gauge(
                "wk_engine_agents_spans_held",
                "Spans of traces with steps of agents that are in memory",
            )?,
            lookups: counter(
                "wk_engine_agents_traces_read_total",
                "Traces that were read from the store to know the parents of steps",
            )?,
            recovered: counter(
                "wk_engine_agents_steps_recovered_total",
                "Steps that a start found stored and not decided",
            )?,
            failed_writes: counter(
                "wk_engine_agents_failed_writes_total",
                "Times that the ledger or samples of metrics of agents could not be stored",
            )?,
            overflows: counter(
                "wk_engine_agents_overflows_total",
                "Additions that were counted as overflow, as the tenant had agents.label_sets_max",
            )?,
            label_sets: gauge(
                "wk_engine_agents_label_sets",
                "Sets of labels that metrics of agents have",
            )?,
        })
    }
}

impl Agents {
    /// None yet.
    pub fn new(registry: &Registry) -> Result<Self> {
        let counters = Counters::register(registry).map_err(|error| {
            Error::internal("cannot register metrics of agents").with_source(error)
        })?;
        Ok(Self {
            books: Mutex::default(),
            measured: Mutex::default(),
            derived: Mutex::default(),
            undone: tokio::sync::Mutex::default(),
            readers: Readers { span: dialect::read_span, log: dialect::read_log },
            full: Notify::new(),
            counters,
        })
    }
}

impl Engine {
    /// Counts a piece of feedback in the metrics of a tenant.
    pub(crate) fn count_feedback(&self, tenant: &TenantId, fact: &FeedbackFact) {
        let now_ms = self.clock.now_ns().div_euclid(1_000_000);
        self.agents.derived_of(tenant, &self.agents_config, |derived| {
            derived.add_feedback(fact, now_ms);
        });
    }
}

//! The engine: limits, counters, and the store once it has recovered. Built before the store, so
//! that the server can answer "not yet" while the store opens.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use prometheus::Registry;
use tokio::sync::Semaphore;
use watchkeep_model::{Clock, Error, ErrorKind, Result};
use watchkeep_storage::Store;

use crate::agents::Agents;
use crate::agents::config::AgentsConfig;
use crate::agents::query::Rollups;
use crate::budgets::Budgets;
use crate::budgets::config::BudgetsConfig;
use crate::config::LimitsConfig;
use crate::documents::Documents;
use crate::feedback::Feedback;
use crate::health::Health;
use crate::ingest::{DeltaAccumulator, Gate};
use crate::logs::config::LokiConfig;
use crate::logs::deletes::DeleteRequests;
use crate::logs::tail::{self, TailHub};
use crate::metrics::EngineMetrics;
use crate::prices::Prices;
use crate::redaction::Redaction;
use crate::redaction::config::RedactionConfig;
use crate::span_metrics::SpanMetrics;
use crate::span_metrics::config::SpanMetricsConfig;
use crate::traces::config::TracesConfig;

/// Where the engine is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// The store is opening; the text says how far it is.
    Recovering(String),
    /// Everything works.
    Ready,
    /// The process is about to end: nothing new is taken.
    Stopping,
    /// The store could not be opened; the text says why.
    Failed(String),
}

#[derive(Debug)]
struct Place {
    phase: Phase,
    store: Option<Arc<dyn Store>>,
}

fn rollups(config: &AgentsConfig) -> Arc<Rollups> {
    Arc::new(Rollups::new(config.query_cache_bytes.bytes()))
}

/// The application. Cheap to share behind an [`Arc`].
#[derive(Debug)]
pub struct Engine {
    place: RwLock<Place>,
    pub(crate) limits: LimitsConfig,
    pub(crate) loki: Arc<LokiConfig>,
    pub(crate) traces: TracesConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: EngineMetrics,
    pub(crate) delta: DeltaAccumulator,
    pub(crate) queries: Semaphore,
    pub(crate) tails: Arc<Semaphore>,
    pub(crate) tail_hub: TailHub,
    pub(crate) deletes: DeleteRequests,
    pub(crate) span_metrics: SpanMetrics,
    pub(crate) documents: Documents,
    pub(crate) agents_config: AgentsConfig,
    pub(crate) agents: Agents,
    pub(crate) rollups: Arc<Rollups>,
    pub(crate) prices: Prices,
    pub(crate) budgets: Budgets,
    pub(crate) feedback: Feedback,
    pub(crate) health: Health,
    pub(crate) redaction: Redaction,
    gate: Gate,
}

impl Engine {
    const RETRY_AFTER: Duration = Duration::from_secs(1);

    /// An engine without a store yet; fails where limits contradict each other.
    pub fn new(limits: LimitsConfig, clock: Arc<dyn Clock>, registry: &Registry) -> Result<Self> {
        limits.check()?;
        let metrics = EngineMetrics::register(registry)?;
        let gate = Gate::new(
            limits.ingest_bytes_in_flight_max.0,
            limits.ingest_wait_max.0,
            metrics.in_flight_bytes.clone(),
        );
        let place = Place { phase: Phase::Recovering("opening the store".into()), store: None };
        Ok(Self {
            place: RwLock::new(place),
            delta: DeltaAccumulator::new(limits.delta_series_max),
            queries: Semaphore::new(limits.queries_max),
            limits,
            tails: tail::permits(&LokiConfig::default()),
            tail_hub: TailHub::default(),
            deletes: DeleteRequests::default(),
            span_metrics: SpanMetrics::new(registry)?,
            loki: Arc::default(),
            traces: TracesConfig::default(),
            metrics,
            documents: Documents::nowhere(),
            agents_config: AgentsConfig::default(),
            agents: Agents::new(registry)?,
            rollups: rollups(&AgentsConfig::default()),
            prices: Prices::default(),
            budgets: Budgets::new(Arc::clone(&clock), registry)?,
            feedback: Feedback::default(),
            health: Health::new(registry)?,
            redaction: Redaction::new(registry)?,
            clock,
            gate,
        })
    }

    /// The engine with another section `loki`; fails where that leaves nothing allowed.
    pub fn with_loki(mut self, loki: LokiConfig) -> Result<Self> {
        loki.check()?;
        self.tails = tail::permits(&loki);
        self.loki = Arc::new(loki);
        Ok(self)
    }

    /// The engine with another section `span_metrics`; fails where that is wrong.
    pub fn with_span_metrics(mut self, config: SpanMetricsConfig) -> Result<Self> {
        self.span_metrics = self.span_metrics.with_config(config)?;
        Ok(self)
    }

    /// The engine with another section `traces`; fails where that leaves nothing allowed.
    pub fn with_traces(mut self, traces: TracesConfig) -> Result<Self> {
        traces.check()?;
        self.traces = traces;
        Ok(self)
    }

    /// The engine with documents in a folder.
    #[must_use]
    pub fn with_documents(mut self, documents: Documents) -> Self {
        self.documents = documents;
        self
    }

    /// The engine with another section `agents`; fails where that is wrong.
    pub fn with_agents(mut self, config: AgentsConfig) -> Result<Self> {
        config.check()?;
        self.rollups = rollups(&config);
        self.agents_config = config;
        Ok(self)
    }

    /// The engine with another section `redaction`; fails where a rule is wrong.
    pub fn with_redaction(mut self, config: &RedactionConfig) -> Result<Self> {
        self.redaction = self.redaction.with_config(config)?;
        Ok(self)
    }

    /// The engine with another section `budgets`, and with the budgets that the documents know; fails
    /// where one is wrong.
    pub fn with_budgets(mut self, config: BudgetsConfig) -> Result<Self> {
        self.budgets = self.budgets.with_config(config, &self.documents)?;
        Ok(self)
    }

    /// Section `traces`.
    pub fn traces_config(&self) -> &TracesConfig {
        &self.traces
    }

    /// Section `loki`.
    pub fn loki(&self) -> &LokiConfig {
        &self.loki
    }

    /// Says how far the store has come.
    pub fn recovering(&self, progress: impl Into<String>) {
        let mut place = self.place.write();
        if place.store.is_none() {
            place.phase = Phase::Recovering(progress.into());
        }
    }

    /// The store is open: from now on everything works.
    pub fn attach(&self, store: Arc<dyn Store>) {
        *self.place.write() = Place { phase: Phase::Ready, store: Some(store) };
    }

    /// The store could not be opened.
    pub fn fail(&self, why: impl Into<String>) {
        self.place.write().phase = Phase::Failed(why.into());
    }

    /// The process is about to end.
    pub fn stopping(&self) {
        self.place.write().phase = Phase::Stopping;
    }

    /// Where the engine is in its life.
    pub fn phase(&self) -> Phase {
        self.place.read().phase.clone()
    }

    /// The store, or `Unavailable` while there is none to use.
    pub fn store(&self) -> Result<Arc<dyn Store>> {
        let place = self.place.read();
        let why = match (&place.phase, &place.store) {
            (Phase::Ready | Phase::Stopping, Some(store)) => return Ok(Arc::clone(store)),
            (Phase::Failed(_), _) => "the store could not be opened; see the server's log".into(),
            (Phase::Recovering(progress), _) => format!("the store is not ready yet: {progress}"),
            _ => "the server is stopping".into(),
        };
        Err(Error::new(ErrorKind::Unavailable { retry_after: Self::RETRY_AFTER }, why))
    }

    /// The limits in force.
    pub fn limits(&self) -> &LimitsConfig {
        &self.limits
    }

    /// The engine's own counters.
    pub fn metrics(&self) -> &EngineMetrics {
        &self.metrics
    }

    /// Tells the time.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The bound on request bytes in memory.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Moves what is in memory to disk.
    pub async fn flush(&self) -> Result<()> {
        self.store()?.flush().await
    }
}

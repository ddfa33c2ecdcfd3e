//! PromQL over the store: where a query is parsed, given its limits, run where blocking is allowed,
//! and stopped when nobody waits for it any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use watchkeep_model::{Error, Result, TenantId};
use watchkeep_promql::eval::{self, EvalError, Options};
use watchkeep_promql::{Expr, Output, Select, SeriesIter, SeriesSource, parse};
use watchkeep_storage::Store;
use watchkeep_storage::seam::{SamplesRequest, SeriesRequest};

use crate::engine::Engine;

/// Why a query has no answer. The texts are those of Prometheus.
#[derive(Debug)]
pub enum QueryError {
    /// The query is not PromQL, or none for these steps; the text says where.
    Parse(String),
    /// The query can not be answered.
    Execution(String),
    /// It took longer than allowed.
    Timeout(String),
    /// Nobody waits for the answer any more.
    Cancelled(String),
    /// The store failed.
    Store(Error),
}

/// When a query is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steps {
    /// Once.
    Instant {
        /// When, milliseconds since the epoch.
        time_ms: i64,
    },
    /// At every step of a range.
    Range {
        /// First step.
        start_ms: i64,
        /// No step is later.
        end_ms: i64,
        /// Distance of steps; above 0.
        step_ms: i64,
    },
}

/// What a query may use.
#[derive(Debug, Clone, Copy, Default)]
pub struct QueryOptions {
    /// How long it may take; never longer than `limits.query_timeout`.
    pub timeout: Option<Duration>,
    /// How far back an instant selector looks, if not the default of five minutes.
    pub lookback_ms: Option<i64>,
}

/// Set when the caller went away.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Engine {
    /// Answers a PromQL query. Dropping the future stops the work.
    pub async fn promql(
        &self,
        tenant: &TenantId,
        query: &str,
        steps: Steps,
        options: QueryOptions,
    ) -> Result<Output, QueryError> {
        let expr = parse(query).map_err(|error| QueryError::Parse(error.display(query)))?;
        let outcome = self.run_promql(tenant, query, expr, steps, options).await;
        let failed = match &outcome {
            Ok(_) | Err(QueryError::Parse(_)) => None,
            Err(QueryError::Execution(_)) => Some("invalid"),
            Err(QueryError::Timeout(_)) => Some("timeout"),
            Err(QueryError::Cancelled(_)) => Some("cancelled"),
            Err(QueryError::Store(error)) => Some(error.kind().name()),
        };
        if let Some(kind) = failed {
            self.metrics.queries_failed.with_label_values(&[kind]).inc();
        }
        outcome
    }

    async fn run_promql(
        &self,
        tenant: &TenantId,
        query: &str,
        expr: Expr,
        steps: Steps,
        options: QueryOptions,
    ) -> Result<Output, QueryError> {
        let _timer = self.metrics.query_seconds.start_timer();
        let limit = self.limits.query_timeout.0;
        let deadline = Instant::now() + options.timeout.map_or(limit, |wanted| wanted.min(limit));
        let store = self.store().map_err(QueryError::Store)?;
        let waiting = tokio::time::timeout_at(deadline.into(), self.queries.acquire()).await;
        let Ok(permit) = waiting else {
            return Err(QueryError::Timeout("query timed out in query queue".into()));
        };
        let _permit = permit
            .map_err(|closed| Error::internal("cannot start a query").with_source(closed))
            .map_err(QueryError::Store)?;
        let cancelled = Arc::new(AtomicBool::new(false));
        let _cancels = CancelOnDrop(Arc::clone(&cancelled));
        let work = Work {
            source: StoreSource { store, tenant: tenant.clone(), runtime: Handle::current() },
            query: query.to_owned(),
            expr,
            steps,
            lookback_ms: options.lookback_ms.unwrap_or(Options::default().lookback_ms),
            samples_max: self.limits.query_samples_max as u64,
            cancelled,
            deadline,
        };
        let done = tokio::task::spawn_blocking(move || work.run()).await;
        done.unwrap_or_else(|panicked| {
            Err(QueryError::Store(Error::internal("a query panicked").with_source(panicked)))
        })
    }
}

/// A query on its way to the thread that works it out.
struct Work {
    source: StoreSource,
    query: String,
    expr: Expr,
    steps: Steps,
    lookback_ms: i64,
    samples_max: u64,
    cancelled: Arc<AtomicBool>,
    deadline: Instant,
}

impl Work {
    fn run(self) -> Result<Output, QueryError> {
        let interrupt = || {
            if self.cancelled.load(Ordering::Relaxed) {
                Some(EvalError::Cancelled)
            } else if Instant::now() >= self.deadline {
                Some(EvalError::Timeout)
            } else {
                None
            }
        };
        let options = Options {
            lookback_ms: self.lookback_ms,
            samples_max: self.samples_max,
            interrupt: &interrupt,
            ..Options::default()
        };
        let (source, query, expr) = (&self.source, &self.query, &self.expr);
        let outcome = match self.steps {
            Steps::Instant { time_ms } => eval::instant(source, query, expr, time_ms, &options),
            Steps::Range { start_ms, end_ms, step_ms } => {
                eval::range(source, query, expr, start_ms, end_ms, step_ms, &options)
            }
        };
        outcome.map_err(|error| {
            let text = error.to_string();
            match error {
                EvalError::Timeout => QueryError::Timeout(text),
                EvalError::Cancelled => QueryError::Cancelled(text),
                EvalError::Source(error) => QueryError::Store(error),
                EvalError::Invalid(_) => QueryError::Parse(text),
                _ => QueryError::Execution(text),
            }
        })
    }
}

/// The series of one tenant, pulled on the thread that evaluates.
struct StoreSource {
    store: Arc<dyn Store>,
    tenant: TenantId,
    runtime: Handle,
}

impl SeriesSource for StoreSource {
    fn select(&self, select: &Select) -> Result<SeriesIter<'_>> {
        let request = SamplesRequest {
            series: SeriesRequest {
                matchers: select.matchers.clone(),
                start_ms: select.start_ms,
                end_ms: select.end_ms,
                limit: None,
            },
            // The evaluator counts what it holds; what it has folded away is no burden.
            samples_max: usize::MAX,
        };
        let cursor = self.runtime.block_on(self.store.samples(&self.tenant, request))?;
        Ok(cursor)
    }
}

//! LogQL over the store: where a query is parsed, given its limits, run where blocking is allowed,
//! and stopped when nobody waits for it any more.
//!
//! In reading order: this file, [`config`] (the limits), `source` (records of the store), `plan`
//! (what the store decides), `rows` (records as LogQL sees them), `attributes`.

pub(crate) mod attributes;
pub mod config;
pub(crate) mod deletes;
mod found;
mod plan;
mod rows;
mod source;
pub(crate) mod tail;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::runtime::Handle;
use watchkeep_logql::eval::{self, EvalError, Options};
use watchkeep_logql::{Expr, parse};
use watchkeep_model::{Error, Result, TenantId};

pub use crate::ingest::level::NAMES as LEVEL_NAMES;
pub use deletes::DeleteRequest;
pub use found::{StreamVolume, newest};
pub use tail::{LostEntry, Tail, TailEntry, TailRequest};
pub use watchkeep_logql::eval::{
    Direction, Entry, LabelSet, Output, Range, Sample, Series, Stats as QueryStats, Stream, Value,
};

use crate::engine::Engine;
use source::StoreSource;

/// Why a query has no answer. The texts are those of Loki.
#[derive(Debug)]
pub enum QueryError {
    /// The query is not LogQL, can not be answered for these times, or asks for too much.
    Invalid(String),
    /// The query failed on the data.
    Execution(String),
    /// It took longer than allowed.
    Timeout,
    /// Nobody waits for the answer any more.
    Cancelled,
    /// The store failed.
    Store(Error),
}

impl From<Error> for QueryError {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<EvalError> for QueryError {
    fn from(error: EvalError) -> Self {
        match error {
            EvalError::Timeout => Self::Timeout,
            EvalError::Cancelled => Self::Cancelled,
            EvalError::Source(error) => Self::Store(error),
            EvalError::Execution(message) => Self::Execution(message),
            other => Self::Invalid(other.to_string()),
        }
    }
}

impl QueryError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Invalid(_) | Self::Execution(_) => "invalid",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Store(error) => error.kind().name(),
        }
    }
}

/// When a query is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steps {
    /// Once, at an instant in nanoseconds since the epoch.
    Instant(i64),
    /// Over a range.
    Range(Range),
}

/// A query and how it is asked.
#[derive(Debug, Clone)]
pub struct LogQuery {
    /// The query.
    pub text: String,
    /// When.
    pub steps: Steps,
    /// The most lines; at most `loki.query_entries_max`.
    pub limit: usize,
    /// Which lines come first.
    pub direction: Direction,
}

/// Set when the caller went away.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What work off the async threads is handed.
pub(crate) struct Work {
    source: StoreSource,
    cancelled: Arc<AtomicBool>,
    deadline: Instant,
}

impl Work {
    /// Why the work should stop.
    fn interrupted(&self) -> Option<EvalError> {
        if self.cancelled.load(Ordering::Relaxed) {
            Some(EvalError::Cancelled)
        } else if Instant::now() >= self.deadline {
            Some(EvalError::Timeout)
        } else {
            None
        }
    }
}

impl Engine {
    /// Answers a LogQL query. Dropping the future stops the work.
    pub async fn logql(&self, tenant: &TenantId, query: LogQuery) -> Result<Output, QueryError> {
        let outcome = self.run_logql(tenant, query).await;
        if let Err(error) = &outcome {
            self.metrics.queries_failed.with_label_values(&[error.kind()]).inc();
        }
        outcome
    }

    async fn run_logql(&self, tenant: &TenantId, query: LogQuery) -> Result<Output, QueryError> {
        let expr = parse(&query.text).map_err(|error| QueryError::Invalid(error.to_string()))?;
        let (limit, limit_max) = (query.limit, self.loki.query_entries_max);
        if matches!(expr, Expr::Log(_)) && limit > limit_max {
            return Err(QueryError::Invalid(format!(
                "max entries limit per query exceeded, limit > max_entries_limit_per_query \
                 ({limit} > {limit_max}) (loki.query_entries_max)"
            )));
        }
        let series_max = self.loki.query_series_max;
        let samples_max = self.limits.query_samples_max as u64;
        let now_ns = self.clock.now_ns();
        self.log_work(tenant, move |work| {
            let interrupt = || work.interrupted();
            let options = Options {
                series_max,
                cut_series: false,
                samples_max,
                now_ns,
                interrupt: &interrupt,
            };
            let LogQuery { limit, direction, .. } = query;
            let output = match query.steps {
                Steps::Instant(time_ns) => eval::instant(&expr, &work.source, time_ns, &options),
                Steps::Range(range) => {
                    eval::range(&expr, &work.source, &range, limit, direction, &options)
                }
            };
            Ok(output?)
        })
        .await
    }

    /// Runs work on records where blocking is allowed, within the limits of queries.
    pub(crate) async fn log_work<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        run: impl FnOnce(&Work) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let _timer = self.metrics.query_seconds.start_timer();
        let deadline = Instant::now() + self.limits.query_timeout.0;
        let store = self.store()?;
        let waiting = tokio::time::timeout_at(deadline.into(), self.queries.acquire()).await;
        let Ok(permit) = waiting else { return Err(QueryError::Timeout) };
        let _permit =
            permit.map_err(|closed| Error::internal("cannot start a query").with_source(closed))?;
        let cancelled = Arc::new(AtomicBool::new(false));
        let _cancels = CancelOnDrop(Arc::clone(&cancelled));
        let source = StoreSource {
            store,
            tenant: tenant.clone(),
            runtime: Handle::current(),
            config: Arc::clone(&self.loki),
            groups_max: self.limits.query_samples_max,
        };
        let work = Work { source, cancelled, deadline };
        tokio::task::spawn_blocking(move || run(&work)).await.unwrap_or_else(|panicked| {
            Err(Error::internal("a query panicked").with_source(panicked).into())
        })
    }
}

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

use crate::blocking::{NotDone, Stop, Watch};
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

impl From<NotDone> for QueryError {
    fn from(why: NotDone) -> Self {
        match why {
            NotDone::NoRoom => Self::Timeout,
            NotDone::Failed(error) => Self::Store(error),
        }
    }
}

/// What work off the async threads is handed.
pub(crate) struct Work {
    source: StoreSource,
    watch: Watch,
}

impl Work {
    /// Why the work should stop.
    fn interrupted(&self) -> Option<EvalError> {
        self.watch.stop().map(|why| match why {
            Stop::Cancelled => EvalError::Cancelled,
            Stop::Timeout => EvalError::Timeout,
        })
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
        let (tenant, config) = (tenant.clone(), Arc::clone(&self.loki));
        let (runtime, groups_max) = (Handle::current(), self.limits.query_samples_max);
        self.blocking(self.limits.query_timeout.0, move |store, watch| {
            let source = StoreSource { store, tenant, runtime, config, groups_max };
            run(&Work { source, watch })
        })
        .await?
    }
}

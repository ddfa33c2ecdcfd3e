//! TraceQL over the store: where a query is given its limits, run where blocking is allowed, and
//! stopped when nobody waits for it any more; and whole traces as clients sent them.
//!
//! In reading order: this file, [`config`] (the limits), `source` (spans of the store), `search`,
//! `metric`, `find` (searches that are no TraceQL), `tags` and `values` (what is there to ask for),
//! `trace` (one trace).

pub mod config;
mod find;
mod lift;
mod metric;
mod search;
mod source;
mod tags;
#[cfg(test)]
mod tests;
mod trace;
mod values;

use tokio::runtime::Handle;
use watchkeep_model::{Error, ErrorKind, TenantId};
use watchkeep_traceql::eval::{Budget, EvalError};
use watchkeep_traceql::{ParseError, Query};

pub use find::{Begins, FieldIs, SpanSearch};
pub use lift::{Lift, LiftQuery, LiftedValue};
pub use metric::MetricSearch;
pub use search::TraceSearch;
pub use tags::TagsQuery;
pub use trace::TraceSpans;
pub use values::{TagValue, TagValues, TagValuesQuery};

use crate::blocking::{NotDone, Stop, Watch};
use crate::engine::Engine;
use source::StoreSource;

/// Why a query has no answer. The texts are those of Tempo, where it has them.
#[derive(Debug)]
pub enum QueryError {
    /// The query is not TraceQL, can not be answered for these times, or asks for too much.
    Invalid(String),
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
            EvalError::TooManySpans(_) => {
                Self::Invalid(format!("{error} (traces.query_spans_max)"))
            }
            EvalError::TooManySeries(_) => {
                Self::Invalid(format!("{error} (traces.query_series_max)"))
            }
            EvalError::Invalid(message) => Self::Invalid(message),
        }
    }
}

impl From<ParseError> for QueryError {
    fn from(error: ParseError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Invalid(message) => Self::invalid(message),
            QueryError::Timeout => {
                Self::new(ErrorKind::Timeout, "the query took longer than limits.query_timeout")
            }
            QueryError::Cancelled => Self::internal("nobody waits for the query any more"),
            QueryError::Store(error) => error,
        }
    }
}

impl QueryError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Store(error) => error.kind().name(),
        }
    }
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
struct Work {
    source: StoreSource,
    spans_max: u64,
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

    /// Does something within the limits.
    fn budgeted<T>(
        &self,
        run: impl FnOnce(&StoreSource, &Budget<'_>) -> Result<T, EvalError>,
    ) -> Result<T, QueryError> {
        let interrupt = || self.interrupted();
        let budget = Budget { spans_max: self.spans_max, interrupt: &interrupt };
        Ok(run(&self.source, &budget)?)
    }
}

impl Engine {
    /// Reads a TraceQL query.
    pub fn parse_traceql(&self, text: &str) -> Result<Query, QueryError> {
        self.check_traceql_length(text)?;
        Ok(watchkeep_traceql::parse(text)?)
    }

    /// Refuses a text that is longer than a query may be.
    pub fn check_traceql_length(&self, text: &str) -> Result<(), QueryError> {
        let bytes_max = self.traces.query_text_bytes_max.bytes();
        if text.len() <= bytes_max {
            return Ok(());
        }
        Err(QueryError::Invalid(format!(
            "TraceQL expression exceeds the configured maximum size of {bytes_max} bytes, reduce \
             the query expression size or contact your system administrator \
             (traces.query_text_bytes_max)"
        )))
    }

    /// Runs work on spans where blocking is allowed, within the limits of queries.
    async fn span_work<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        run: impl FnOnce(&Work) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let outcome = self.run_span_work(tenant, run).await;
        if let Err(error) = &outcome {
            self.metrics.queries_failed.with_label_values(&[error.kind()]).inc();
        }
        outcome
    }

    async fn run_span_work<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        run: impl FnOnce(&Work) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let (tenant, runtime) = (tenant.clone(), Handle::current());
        let spans_max = self.traces.query_spans_max;
        self.blocking(self.limits.query_timeout.0, move |store, watch| {
            let source = StoreSource { store, tenant, runtime };
            run(&Work { source, spans_max, watch })
        })
        .await?
    }
}

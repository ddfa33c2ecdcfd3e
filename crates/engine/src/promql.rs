//! PromQL over the store: where a query is parsed, given its limits, run where blocking is allowed,
//! and stopped when nobody waits for it any more.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use watchkeep_model::{Error, Labels, Matcher, NativeHistogram, Result, TenantId};
use watchkeep_promql::eval::{self, EvalError, Options};
use watchkeep_promql::{Expr, Output, Select, SeriesIter, SeriesSource, parse, reset_hint_after};
use watchkeep_storage::Store;
use watchkeep_storage::seam::{SampleCursor, SamplesRequest, SeriesRequest};

use crate::blocking::{NotDone, Stop, Watch};
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
        let limit = self.limits.query_timeout.0;
        let time_max = options.timeout.map_or(limit, |wanted| wanted.min(limit));
        let lookback_ms = options.lookback_ms.unwrap_or(Options::default().lookback_ms);
        let (tenant, runtime) = (tenant.clone(), Handle::current());
        let query = query.to_owned();
        let samples_max = self.limits.query_samples_max as u64;
        let done = self.blocking(time_max, move |store, watch| {
            let source = StoreSource { lookback_ms, store, tenant, runtime };
            Work { source, query, expr, steps, lookback_ms, samples_max, watch }.run()
        });
        done.await.unwrap_or_else(|why| {
            Err(match why {
                NotDone::NoRoom => QueryError::Timeout("query timed out in query queue".into()),
                NotDone::Failed(error) => QueryError::Store(error),
            })
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
    watch: Watch,
}

impl Work {
    fn run(self) -> Result<Output, QueryError> {
        let interrupt = || {
            self.watch.stop().map(|why| match why {
                Stop::Cancelled => EvalError::Cancelled,
                Stop::Timeout => EvalError::Timeout,
            })
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
    lookback_ms: i64,
    store: Arc<dyn Store>,
    tenant: TenantId,
    runtime: Handle,
}

impl SeriesSource for StoreSource {
    fn select(&self, select: &Select) -> Result<SeriesIter<'_>> {
        let (mut before, select) = (None, select.clone());
        let cursor = self.samples(&select.matchers, select.start_ms, select.end_ms)?;
        Ok(Box::new(cursor.map(move |series| {
            let mut series = series?;
            if let Some(first) = series.histograms.first_mut() {
                let before = match &mut before {
                    Some(before) => before,
                    none => none.insert(self.histograms_before(&select)?),
                };
                let last = before.get(&series.labels).map(|last| &**last);
                let hint = reset_hint_after(last, &first.histogram);
                if hint != first.histogram.reset_hint {
                    Arc::make_mut(&mut first.histogram).reset_hint = hint;
                }
            }
            Ok(series)
        })))
    }
}

impl StoreSource {
    fn samples(&self, matchers: &[Matcher], start_ms: i64, end_ms: i64) -> Result<SampleCursor> {
        let matchers = matchers.to_vec();
        let request = SamplesRequest {
            series: SeriesRequest { matchers, start_ms, end_ms, limit: None },
            // The evaluator counts what it holds; what it has folded away is no burden.
            samples_max: usize::MAX,
        };
        self.runtime.block_on(self.store.samples(&self.tenant, request))
    }

    /// The last histogram of each series before the range of a selection, as far back as a sample
    /// is looked for: whether the first one in the range began anew shows against it.
    fn histograms_before(&self, select: &Select) -> Result<HashMap<Labels, Arc<NativeHistogram>>> {
        let end_ms = select.start_ms.saturating_sub(1);
        let start_ms = end_ms.saturating_sub(self.lookback_ms);
        let mut last = HashMap::new();
        for series in self.samples(&select.matchers, start_ms, end_ms)? {
            let mut series = series?;
            let number_ms = series.floats.times_ms.last().copied();
            if let Some(sample) = series.histograms.pop()
                && number_ms.is_none_or(|number_ms| number_ms < sample.time_ms)
            {
                last.insert(series.labels, sample.histogram);
            }
        }
        Ok(last)
    }
}

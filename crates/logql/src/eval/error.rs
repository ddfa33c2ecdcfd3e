//! Why a query has no answer.

use crate::pipeline::{ERROR_LABEL, LabelSet};

/// Why a query has no answer. The texts are those of Loki.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// The query can not be evaluated for these times, or not in this way; the caller has to change
    /// it. Known before anything is read. HTTP 400.
    #[error("{0}")]
    Invalid(String),
    /// A stage failed on a line of a metric query, and nothing filters that out. HTTP 400.
    #[error(
        "pipeline error: '{kind}' for series: '{series}'.\nUse a label filter to intentionally \
         skip this error. (e.g | __error__!=\"{kind}\").\nTo skip all potential errors you can \
         match empty errors.(e.g __error__=\"\")\nThe label filter can also be specified after \
         unwrap. (e.g | unwrap latency | __error__=\"\" )\n"
    )]
    Pipeline {
        /// The value of `__error__`.
        kind: String,
        /// The labels, written as a selector.
        series: String,
    },
    /// The answer has more series than [`Options::series_max`](super::Options::series_max). HTTP 400.
    #[error(
        "maximum number of series ({0}) reached for a single query; consider reducing query \
         cardinality by adding more specific stream selectors, reducing the time range, or \
         aggregating results with functions like sum(), count() or topk()"
    )]
    TooManySeries(usize),
    /// More would be held than [`Options::samples_max`](super::Options::samples_max). HTTP 400.
    #[error(
        "query processing would hold more than {0} samples; consider a longer step, fewer series \
         or a shorter time range"
    )]
    TooManySamples(u64),
    /// The evaluation failed on the data: two series where there may be one. HTTP 500 in Loki.
    #[error("{0}")]
    Execution(String),
    /// The time for the query is up. HTTP 504.
    #[error("request timed out")]
    Timeout,
    /// Nobody waits for the answer any more. HTTP 499.
    #[error("the request was cancelled by the client")]
    Cancelled,
    /// The source could not be read.
    #[error("{0}")]
    Source(#[from] watchkeep_model::Error),
}

pub(crate) type Result<T> = std::result::Result<T, EvalError>;

impl EvalError {
    /// A stage failed: `labels` has `__error__`.
    pub(crate) fn pipeline(labels: &LabelSet) -> Self {
        let pairs: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}={}", watchkeep_promql::quote::quote(value)))
            .collect();
        Self::Pipeline {
            kind: labels.get(ERROR_LABEL).to_owned(),
            series: format!("{{{}}}", pairs.join(", ")),
        }
    }

    /// The same reason of the vector algebra. `samples_max` is the limit that it was given.
    pub(crate) fn from_algebra(error: watchkeep_promql::EvalError, samples_max: u64) -> Self {
        use watchkeep_promql::EvalError as Algebra;
        match error {
            Algebra::Invalid(text) | Algebra::Execution(text) => Self::Execution(text),
            Algebra::TooManySamples => Self::TooManySamples(samples_max),
            Algebra::Timeout => Self::Timeout,
            Algebra::Cancelled => Self::Cancelled,
            Algebra::Source(error) => Self::Source(error),
        }
    }
}

//! Why a query has no answer.

/// Why a query has no answer. The texts are those of Prometheus.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// The query can not be evaluated for these times: a duration that is not positive, a range
    /// query for a range vector. Known before anything is read.
    #[error("{0}")]
    Invalid(String),
    /// The evaluation failed on the data: two series where there may be one, a bad argument.
    #[error("{0}")]
    Execution(String),
    /// More samples than [`Options::samples_max`](crate::eval::Options::samples_max) would be held
    /// at one time.
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples,
    /// The time for the query is up.
    #[error("query timed out in expression evaluation")]
    Timeout,
    /// Nobody waits for the answer any more.
    #[error("query was canceled in expression evaluation")]
    Cancelled,
    /// The store could not be read.
    #[error("{0}")]
    Source(#[from] watchkeep_model::Error),
}

impl EvalError {
    pub(crate) fn execution(message: impl Into<String>) -> Self {
        Self::Execution(message.into())
    }
}

pub(crate) type Result<T> = std::result::Result<T, EvalError>;

//! Why a query has no answer.

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// The query can not be evaluated in this way; the caller has to change it. HTTP 400.
    #[error("{0}")]
    Invalid(String),
    /// The answer has more series than may be. HTTP 422 in Tempo.
    #[error("the query has more than {0} series; make it narrower, or group by fewer attributes")]
    TooManySeries(usize),
    /// More spans would be looked at than [`Budget::spans_max`](super::Budget::spans_max). HTTP 400.
    #[error("the query would look at more than {0} spans; make its time range shorter")]
    TooManySpans(u64),
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

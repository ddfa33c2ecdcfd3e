//! The evaluator: lines for a log query, series for a metric query, of any source of log records.

//!
//! In reading order: [`lines`] answers log queries; [`metric`] hands what is above range aggregations
//! to the algebra of vectors, [`leaf`] reads the records for one, of which [`count`] lets the source
//! count what it can; [`gathered`] and [`accumulate`] are what is kept of them.

mod accumulate;
mod count;
mod error;
mod gathered;
mod leaf;
mod lines;
mod metric;
mod output;
mod series_labels;
mod windows;

pub use crate::pipeline::LabelSet;
pub use error::EvalError;
pub use output::{Entry, Output, Sample, Series, Stats, Stream, Value};

use crate::ast::Expr;
use crate::source::LogSource;
use error::Result;
use windows::Steps;

/// Which lines come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Oldest first.
    Forward,
    /// Newest first.
    Backward,
}

/// How to evaluate, and how far to go.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// How many series an answer may have.
    pub series_max: usize,
    /// Whether an answer with more series is cut, with a warning, rather than refused.
    pub cut_series: bool,
    /// How many samples may be held at one time.
    pub samples_max: u64,
    /// What templates take for the present, nanoseconds since the epoch.
    pub now_ns: i64,
    /// Asked now and then: an error ends the evaluation with it.
    pub interrupt: &'a dyn Fn() -> Option<EvalError>,
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("series_max", &self.series_max)
            .field("cut_series", &self.cut_series)
            .field("samples_max", &self.samples_max)
            .field("now_ns", &self.now_ns)
            .finish_non_exhaustive()
    }
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            series_max: 500,
            cut_series: false,
            samples_max: 20_000_000,
            now_ns: 0,
            interrupt: &|| None,
        }
    }
}

/// The range of time of a query, in nanoseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first step of a metric query; the first nanosecond of a log query.
    pub start_ns: i64,
    /// Of a metric query no step is later; of a log query one past the last nanosecond.
    pub end_ns: i64,
    /// From step to step of a metric query; more than 0.
    pub step_ns: i64,
    /// Lines of a log query are left out that are closer than this to the one before; 0 for none.
    pub interval_ns: i64,
}

/// What is said of a log query that is to be answered for one point in time.
pub const NO_INSTANT_LOG_QUERY: &str = "log queries are not supported as an instant query type, \
                                        please change your query to a range query type";

/// Evaluates at one point in time. A log query is [`EvalError::Invalid`].
///
/// # Errors
/// See [`EvalError`].
pub fn instant(
    query: &Expr,
    source: &dyn LogSource,
    time_ns: i64,
    options: &Options<'_>,
) -> Result<Output> {
    match query {
        Expr::Log(_) => Err(EvalError::Invalid(NO_INSTANT_LOG_QUERY.to_owned())),
        Expr::Metric(metric) => metric::instant(metric, source, time_ns, options),
    }
}

/// Evaluates over a range of time: a log query once, up to `limit` lines; a metric query at each
/// step.
///
/// # Errors
/// See [`EvalError`].
pub fn range(
    query: &Expr,
    source: &dyn LogSource,
    range: &Range,
    limit: usize,
    direction: Direction,
    options: &Options<'_>,
) -> Result<Output> {
    match query {
        Expr::Log(log) => lines::select(log, source, range, limit, direction, options),
        Expr::Metric(metric) => {
            let steps = Steps::new(range.start_ns, range.end_ns, range.step_ns)?;
            metric::range(metric, source, steps, options)
        }
    }
}

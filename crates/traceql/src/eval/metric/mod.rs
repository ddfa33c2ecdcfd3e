//! Numbers over time, reckoned from spans: `{ … } | rate() by (x)` and what can be done to its series.
//!
//! Spans come as columns of batches and are counted in cells, one for each group and step. In reading
//! order: [`steps`] are the instants of an answer; [`leaf`] reckons one function over the
//! spans of one pipeline, with [`columns`] of what counts, [`groups`] they fall into, [`numbers`]
//! they have, and [`cells`] that hold what was seen ([`quantile`] for ranks); [`exemplars`] are picked on the way; [`mod@compare`] sets
//! spans against others; [`series`] is the arithmetic of what comes out.
//!
//! Where answers differ from Tempo's on purpose: quantiles are of the values and not guessed between
//! powers of two; quantiles and histograms take floats too; `sum_over_time` passes over spans without
//! the attribute, where Tempo begins anew; hints for sampling are accepted and the answer is exact;
//! `extrapolate` is accepted and counts the spans that are there; exemplars are always the same ones.

mod cells;
mod columns;
mod compare;
mod exemplars;
mod groups;
mod key;
mod leaf;
mod numbers;
mod quantile;
mod series;
mod steps;
#[cfg(test)]
mod tests;

use watchkeep_model::span_query::SpansRequest;
use watchkeep_model::{SpanBatch, Value};

use super::Budget;
use super::error::{EvalError, Result};
use crate::ast::{BinaryOp, MetricExpr, MetricFunction, Query, Root, SeriesStage, Static};
use crate::source::SpanSource;
use series::Series;

pub use compare::COMPARE_KEYS_MAX;
pub use series::Exemplar;
pub use steps::{STEPS_MAX, Steps, default_step_ns};

/// How many cells, that is groups times steps, a function may have. Spans of further groups are not
/// counted, and the answer says that it is not whole.
pub const CELLS_MAX: usize = 2_000_000;

/// How many exemplars an answer has at most.
pub const EXEMPLARS_MAX: usize = 100;

/// A metric query and when it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct MetricRequest<'q> {
    /// What is asked.
    pub query: &'q Query,
    /// For which instants.
    pub steps: Steps,
    /// How many exemplars are wanted; see [`exemplars_wanted`]. An instant query has none.
    pub exemplars: usize,
    /// How many series the answer may have.
    pub series_max: usize,
}

/// A series of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSeries {
    /// In the order of the query's `by`. What an attribute is, its label is too; statuses, kinds and
    /// durations are texts, and so is the `nil` of what no span of the series has.
    pub labels: Vec<(String, Value)>,
    /// Instants in milliseconds since the epoch, rising, with their values.
    pub samples: Vec<(i64, f64)>,
    /// By time.
    pub exemplars: Vec<Exemplar>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricAnswer {
    /// Series with at least one sample, in order of their labels.
    pub series: Vec<MetricSeries>,
    /// Whether some series or spans are left out, because there are too many.
    pub is_partial: bool,
    /// How many spans were looked at.
    pub spans: u64,
}

/// What Tempo says of an answer that is not whole.
pub fn partial_message(series_max: usize) -> String {
    format!(
        "Response exceeds maximum series limit of {series_max}, a partial response is returned. \
         Warning: the accuracy of each individual value is not guaranteed."
    )
}

/// How many exemplars a query wants: what its hint says, else the client (0: nothing said), else
/// `most`; and never more than `most`.
pub fn exemplars_wanted(query: &Query, asked: usize, most: usize) -> usize {
    let hint =
        query.hints.iter().filter(|hint| hint.name == "exemplars").find_map(|hint| {
            match hint.value {
                Static::Int(wanted) => Some(usize::try_from(wanted).unwrap_or(0)),
                Static::Bool(false) => Some(0),
                _ => None,
            }
        });
    hint.unwrap_or(if asked == 0 { most } else { asked }).min(most)
}

/// Reads spans within a budget.
struct Reader<'a> {
    source: &'a dyn SpanSource,
    budget: &'a Budget<'a>,
    steps: &'a Steps,
    spans: u64,
    is_cut: bool,
}

impl Reader<'_> {
    /// Hands over each batch of an answer.
    fn each(
        &mut self,
        request: SpansRequest,
        mut take: impl FnMut(&SpanBatch) -> Result<()>,
    ) -> Result<()> {
        if self.steps.count() == 0 {
            return Ok(());
        }
        for batch in self.source.spans(request)? {
            if let Some(interrupted) = (self.budget.interrupt)() {
                return Err(interrupted);
            }
            let batch = batch?;
            self.spans += batch.rows as u64;
            if self.spans > self.budget.spans_max {
                return Err(EvalError::TooManySpans(self.budget.spans_max));
            }
            take(&batch)?;
        }
        Ok(())
    }

    /// Evaluates an expression; `exemplars` for each of its functions.
    fn evaluate(&mut self, expr: &MetricExpr, exemplars: usize) -> Result<Vec<Series>> {
        match expr {
            MetricExpr::Aggregate { pipeline, function, by, then, .. } => {
                let series = match function {
                    MetricFunction::Compare { selection, top, start_ns, end_ns } => {
                        let window = (*start_ns, *end_ns);
                        compare::series(self, pipeline, selection, *top, window, exemplars)?
                    }
                    _ => leaf::series(self, pipeline, function, by, exemplars)?,
                };
                Ok(self.apply(then, series))
            }
            MetricExpr::Binary { op, left, right, then } => {
                let series = self.binary(*op, left, right, exemplars)?;
                Ok(self.apply(then, series))
            }
            MetricExpr::Scalar(_) => {
                Err(EvalError::Invalid("a constant alone is not a metrics query".to_owned()))
            }
        }
    }

    fn binary(
        &mut self,
        op: BinaryOp,
        left: &MetricExpr,
        right: &MetricExpr,
        exemplars: usize,
    ) -> Result<Vec<Series>> {
        match (left, right) {
            (MetricExpr::Scalar(scalar), other) => {
                let series = self.evaluate(other, exemplars)?;
                Ok(series::with_scalar(op, series, *scalar, true))
            }
            (other, MetricExpr::Scalar(scalar)) => {
                let series = self.evaluate(other, exemplars)?;
                Ok(series::with_scalar(op, series, *scalar, false))
            }
            (left, right) => {
                let left = self.evaluate(left, exemplars)?;
                let right = self.evaluate(right, exemplars)?;
                Ok(series::between(op, &left, &right))
            }
        }
    }

    fn apply(&self, stages: &[SeriesStage], series: Vec<Series>) -> Vec<Series> {
        stages.iter().fold(series, |series, stage| series::apply(stage, series, self.steps))
    }
}

/// How many functions an expression has.
fn functions(expr: &MetricExpr) -> usize {
    match expr {
        MetricExpr::Aggregate { .. } => 1,
        MetricExpr::Binary { left, right, .. } => functions(left) + functions(right),
        MetricExpr::Scalar(_) => 0,
    }
}

/// Answers a metric query.
///
/// # Errors
/// [`EvalError::Invalid`] for a query that asks for traces; see there for the others.
pub fn metric(
    request: &MetricRequest<'_>,
    source: &dyn SpanSource,
    budget: &Budget<'_>,
) -> Result<MetricAnswer> {
    let Root::Metric(expr) = &request.query.root else {
        return Err(EvalError::Invalid("not a metrics query".to_owned()));
    };
    let mut reader = Reader { source, budget, steps: &request.steps, spans: 0, is_cut: false };
    let exemplars = match request.exemplars {
        0 => 0,
        wanted => (wanted / functions(expr).max(1)).max(1),
    };
    let mut series = reader.evaluate(expr, exemplars)?;
    series.sort_by(|left, right| series::compare_labels(&left.labels, &right.labels));
    let mut series: Vec<MetricSeries> =
        series.into_iter().filter_map(|one| answered(one, &request.steps)).collect();
    let is_partial = reader.is_cut || series.len() > request.series_max;
    series.truncate(request.series_max);
    Ok(MetricAnswer { series, is_partial, spans: reader.spans })
}

/// A series as it is answered: without gaps, and exemplars of the samples that are there. `None`
/// without samples.
fn answered(series: Series, steps: &Steps) -> Option<MetricSeries> {
    let Series { labels, values, mut exemplars } = series;
    exemplars.retain_mut(|exemplar| {
        let Some(sample) = steps.step_of_ms(exemplar.timestamp_ms).map(|step| values[step]) else {
            return false;
        };
        if exemplar.value.is_nan() {
            exemplar.value = sample;
        }
        !sample.is_nan()
    });
    exemplars.sort_by_key(|exemplar| exemplar.timestamp_ms);
    let samples = values.iter().enumerate().filter(|(_, value)| !value.is_nan());
    let samples: Vec<_> = samples.map(|(step, value)| (steps.timestamp_ms(step), *value)).collect();
    (!samples.is_empty()).then_some(MetricSeries { labels, samples, exemplars })
}

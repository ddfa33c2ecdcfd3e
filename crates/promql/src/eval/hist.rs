//! Histogram algebra with the remarks that a query makes about it.

use std::sync::Arc;

use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::ResetHint;

use crate::ast::Span;
use crate::eval::Evaluator;
use crate::eval::series::Hist;
use crate::histogram::{self, Combined, MixedSchemas};
use crate::quote::quote;

pub(crate) use crate::histogram::detect_reset;

/// What is done with histograms, for remarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Addition,
    Subtraction,
    Aggregation,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Addition => "addition",
            Self::Subtraction => "subtraction",
            Self::Aggregation => "aggregation",
        }
    }
}

/// The histogram times a factor.
pub(crate) fn scaled(histogram: &NativeHistogram, factor: f64) -> Hist {
    let mut scaled = histogram.clone();
    histogram::multiply(&mut scaled, factor);
    Arc::new(scaled)
}

/// Count and sum alone.
pub(crate) fn bare(histogram: &NativeHistogram, reset_hint: ResetHint) -> NativeHistogram {
    NativeHistogram {
        schema: histogram.schema,
        count: histogram.count,
        sum: histogram.sum,
        reset_hint,
        ..empty()
    }
}

/// A histogram of nothing.
pub(crate) fn empty() -> NativeHistogram {
    NativeHistogram {
        schema: 0,
        zero_threshold: 0.0,
        zero_count: 0.0,
        count: 0.0,
        sum: 0.0,
        is_float: true,
        reset_hint: ResetHint::Unknown,
        positive_spans: Vec::new(),
        positive_counts: Vec::new(),
        negative_spans: Vec::new(),
        negative_counts: Vec::new(),
        custom_values: Vec::new(),
    }
}

/// Whether resets that are known to have been and known not to have been are among the operands.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ResetsSeen {
    reset: bool,
    no_reset: bool,
}

impl ResetsSeen {
    pub(crate) fn see(&mut self, histogram: &NativeHistogram) {
        match histogram.reset_hint {
            ResetHint::Reset => self.reset = true,
            ResetHint::NotReset => self.no_reset = true,
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
    }

    pub(crate) fn collide(self) -> bool {
        self.reset && self.no_reset
    }
}

impl Evaluator<'_> {
    pub(crate) fn warn_mixed_schemas(&self, metric: &str, span: Span) {
        self.warn(
            format!(
                "vector contains a mix of histograms with exponential and custom buckets schemas \
                 for metric name {}",
                quote(metric)
            ),
            span,
        );
    }

    pub(crate) fn warn_mixed_samples(&self, metric: &str, span: Span) {
        self.warn(
            format!("encountered a mix of histograms and floats for metric name {}", quote(metric)),
            span,
        );
    }

    pub(crate) fn warn_not_counter(&self, metric: &str, span: Span) {
        self.warn(
            format!("this native histogram metric is not a counter: {}", quote(metric)),
            span,
        );
    }

    pub(crate) fn warn_not_gauge(&self, metric: &str, span: Span) {
        self.warn(format!("this native histogram metric is not a gauge: {}", quote(metric)), span);
    }

    pub(crate) fn warn_reset_collision(&self, operation: Operation, span: Span) {
        self.warn(
            format!("conflicting counter resets during histogram {}", operation.name()),
            span,
        );
    }

    pub(crate) fn info_reconciled(&self, operation: Operation, span: Span) {
        self.info(
            format!("mismatched custom buckets were reconciled during {}", operation.name()),
            span,
        );
    }

    pub(crate) fn info_histograms_ignored(&self, metric: &str, span: Span) {
        self.info(
            format!(
                "ignored histograms in a range containing both floats and histograms for metric \
                 name {}",
                quote(metric)
            ),
            span,
        );
    }

    /// Adds to a histogram or subtracts from it, with remarks; false where the two do not go
    /// together.
    pub(crate) fn combine(
        &self,
        total: &mut NativeHistogram,
        other: &NativeHistogram,
        operation: Operation,
        metric: &str,
        span: Span,
    ) -> bool {
        let combined = if operation == Operation::Subtraction {
            histogram::subtract(total, other)
        } else {
            histogram::add(total, other)
        };
        self.remark(combined, operation, metric, span)
    }

    /// Remarks on a sum or difference; false where there is none.
    pub(crate) fn remark(
        &self,
        combined: Result<Combined, MixedSchemas>,
        operation: Operation,
        metric: &str,
        span: Span,
    ) -> bool {
        match combined {
            Ok(combined) => {
                if combined.bounds_reconciled {
                    self.info_reconciled(operation, span);
                }
                true
            }
            Err(MixedSchemas) => {
                self.warn_mixed_schemas(metric, span);
                false
            }
        }
    }
}

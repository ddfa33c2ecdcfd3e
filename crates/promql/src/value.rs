//! What a query answers.

use std::sync::Arc;

use watchkeep_model::{Labels, NativeHistogram};

use crate::annotations::Annotations;

/// One sample's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Sample {
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<NativeHistogram>),
}

/// A series with one sample, of an instant query.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSample {
    /// Which series.
    pub labels: Labels,
    /// When, milliseconds since the epoch.
    pub time_ms: i64,
    /// The value.
    pub sample: Sample,
}

/// A series with its samples at the steps of a range query, or in the range of a range selector.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MatrixSeries {
    /// Which series.
    pub labels: Labels,
    /// Numbers, by rising time.
    pub floats: Vec<(i64, f64)>,
    /// Histograms, by rising time.
    pub histograms: Vec<(i64, Arc<NativeHistogram>)>,
}

/// An instant vector.
pub type Vector = Vec<VectorSample>;

/// A range vector, or the answer to a range query.
pub type Matrix = Vec<MatrixSeries>;

/// The answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Scalar {
        /// When it was worked out.
        time_ms: i64,
        /// The number.
        value: f64,
    },
    /// A text.
    String {
        /// When it was worked out.
        time_ms: i64,
        /// The text.
        value: String,
    },
    /// Series with a sample each.
    Vector(Vector),
    /// Series with samples.
    Matrix(Matrix),
}

/// An answer and what was remarked on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The answer.
    pub value: Value,
    /// Warnings and infos.
    pub annotations: Annotations,
    /// Figures about the work.
    pub stats: Stats,
}

/// Figures about the evaluation of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Samples read, over all steps.
    pub samples_total: u64,
    /// The most samples held at one time.
    pub samples_peak: u64,
}

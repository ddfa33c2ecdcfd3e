//! What a query answers.

use crate::pipeline::LabelSet;

/// A line that a log query found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it happened, nanoseconds since the epoch.
    pub time_ns: i64,
    /// Its text after the pipeline.
    pub line: Box<str>,
    /// Those of the labels that came as structured metadata.
    pub metadata: LabelSet,
    /// Those of the labels that the pipeline made, errors included.
    pub parsed: LabelSet,
}

/// Lines that have their labels in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// All labels: of the stream, structured metadata and what the pipeline made.
    pub labels: LabelSet,
    /// In the direction that was asked for.
    pub entries: Vec<Entry>,
}

/// A series with one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Which series.
    pub labels: LabelSet,
    /// When, milliseconds since the epoch.
    pub time_ms: i64,
    /// The value.
    pub value: f64,
}

/// A series with its samples at the steps of a range query.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Which series.
    pub labels: LabelSet,
    /// Milliseconds since the epoch and value, by rising time.
    pub points: Vec<(i64, f64)>,
}

/// The answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Of a log query: streams by their labels.
    Streams(Vec<Stream>),
    /// Of a metric query over a range: series by their labels.
    Matrix(Vec<Series>),
    /// Of a metric query at one time: by labels, or as `sort` ordered them.
    Vector(Vec<Sample>),
    /// Of a number at one time.
    Scalar {
        /// When it was asked for, milliseconds since the epoch.
        time_ms: i64,
        /// The number.
        value: f64,
    },
}

/// An answer, what was remarked on the way, and figures about the work.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The answer.
    pub value: Value,
    /// Why the answer is not whole, where it is not.
    pub warnings: Vec<String>,
    /// Figures.
    pub stats: Stats,
}

/// Figures about the evaluation of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Records that were put through the pipeline.
    pub rows: u64,
    /// Bytes of their lines.
    pub bytes: u64,
    /// Records that passed it.
    pub rows_kept: u64,
    /// Records that the source counted without showing them.
    pub rows_counted: u64,
}

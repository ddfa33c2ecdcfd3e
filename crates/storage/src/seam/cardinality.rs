//! What the series are made of: the question and its answer.

use watchkeep_model::Matcher;

/// Asks about the series with a sample in the closed range `[start_ms, end_ms]`.
#[derive(Debug, Clone)]
pub struct CardinalityRequest {
    /// Every one must hold; none means all series.
    pub matchers: Vec<Matcher>,
    /// First millisecond.
    pub start_ms: i64,
    /// Last millisecond.
    pub end_ms: i64,
    /// The most entries of each list.
    pub limit: usize,
}

/// A piece of a tenant's metrics on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricPart {
    /// Its number, which no other part of the engine has or had.
    pub id: u64,
    /// First millisecond of a sample.
    pub start_ms: i64,
    /// Last millisecond of a sample.
    pub end_ms: i64,
    /// Series in it.
    pub series: u64,
    /// Samples in it.
    pub samples: u64,
}

/// What the series are made of. Series and pairs are counted once, in however many places an
/// engine holds them. Lists are by falling count, then by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CardinalityStats {
    /// Series.
    pub series: u64,
    /// Distinct pairs of label name and value.
    pub label_pairs: u64,
    /// Distinct names of labels.
    pub label_names: u64,
    /// Metric name -> series.
    pub series_by_metric: Vec<Count>,
    /// Label name -> distinct values.
    pub values_by_label: Vec<Count>,
    /// Label name -> bytes that it and its values take in the label sets of all series.
    pub bytes_by_label: Vec<Count>,
    /// `name=value` -> series.
    pub series_by_pair: Vec<Count>,
    /// What is in memory of this tenant, whatever was asked for. An engine without such a thing
    /// leaves it empty.
    pub head: HeadStats,
}

/// How many of something there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// Of what.
    pub name: String,
    /// How many.
    pub count: u64,
}

/// What was appended and is in no part yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeadStats {
    /// Series.
    pub series: u64,
    /// Samples, superseded ones included.
    pub samples: u64,
    /// Compressed runs of samples.
    pub chunks: u64,
    /// Earliest and latest millisecond of a sample or exemplar; `None` where there is neither.
    pub time_range_ms: Option<(i64, i64)>,
}

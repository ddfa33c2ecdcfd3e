//! Requests on metrics, and their answers.

use std::pin::Pin;

use futures::Stream;
use watchkeep_model::metrics::MetricKind;
use watchkeep_model::{Labels, Matcher, NativeHistogram, Result};

/// Asks about series with a sample in the closed range `[start_ms, end_ms]`.
#[derive(Debug, Clone)]
pub struct SeriesRequest {
    /// Every one must hold; none means all series.
    pub matchers: Vec<Matcher>,
    /// First millisecond.
    pub start_ms: i64,
    /// Last millisecond.
    pub end_ms: i64,
    /// At most so many answers; the first in order are kept.
    pub limit: Option<usize>,
}

/// Asks for the values of a label.
#[derive(Debug, Clone)]
pub struct LabelValuesRequest {
    /// Which label.
    pub label: String,
    /// On which series.
    pub series: SeriesRequest,
}

/// Asks for samples in the closed range `[start_ms, end_ms]`.
#[derive(Debug, Clone)]
pub struct SamplesRequest {
    /// Which series, and when. The limit counts series.
    pub series: SeriesRequest,
    /// More samples than this are an error of kind `LimitExceeded`.
    pub samples_max: usize,
}

/// The samples of one series, each kind by rising time, one per millisecond: of two samples of a
/// series at the same time the later appended wins.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesSamples {
    /// Which series.
    pub labels: Labels,
    /// Milliseconds and value; the stale marker is there as the NaN that it is.
    pub floats: Vec<(i64, f64)>,
    /// Milliseconds and histogram.
    pub histograms: Vec<(i64, NativeHistogram)>,
}

/// Series in the order of their labels' canonical bytes.
pub type SampleStream = Pin<Box<dyn Stream<Item = Result<SeriesSamples>> + Send>>;

/// One exemplar.
#[derive(Debug, Clone, PartialEq)]
pub struct ExemplarRow {
    /// The series that it is an example of.
    pub series: Labels,
    /// When, milliseconds since the epoch.
    pub time_ms: i64,
    /// The measured value.
    pub value: f64,
    /// Its own labels.
    pub labels: Labels,
}

/// What is known about a metric family; of several statements the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataRow {
    /// The family's name.
    pub family: String,
    /// Its type.
    pub kind: MetricKind,
    /// Its unit.
    pub unit: String,
    /// Its description.
    pub help: String,
}

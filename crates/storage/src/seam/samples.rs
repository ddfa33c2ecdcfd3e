//! Requests on metrics, and their answers.

use watchkeep_model::metrics::MetricKind;
use watchkeep_model::{Labels, Matcher, Result, SeriesSamples};

/// Asks about series with a sample in the closed range `[start_ms, end_ms]`.
#[derive(Debug, Clone)]
pub struct SeriesRequest {
    /// Every one must hold; none means all series.
    pub matchers: Vec<Matcher>,
    /// First millisecond.
    pub start_ms: i64,
    /// Last millisecond.
    pub end_ms: i64,
    /// At most so many answers; the first in order are kept, and any where answers have no order.
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

/// The series that match and have a sample in the range, each once, in no order that may be relied
/// upon; after an error nothing follows. Of two samples of a series at one millisecond the later
/// appended is there.
///
/// Advancing may block: it reads and decodes on the thread that asks, so that no sample is handed
/// from thread to thread. Call it where blocking is allowed. An engine on a remote database feeds
/// its cursor from a channel.
pub type SampleCursor = Box<dyn Iterator<Item = Result<SeriesSamples>> + Send>;

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

//! The samples of one series on their way from a store to a query engine.

use std::sync::Arc;

use crate::histogram::NativeHistogram;
use crate::labels::Labels;

/// Plain samples of a series by rising time, one a millisecond. Times are shared: series of one
/// scrape target have the same, and whoever has worked out something for a column of times (where
/// the windows of a range query begin and end) can use it again while [`Arc::ptr_eq`] holds.
#[derive(Debug, Clone, Default)]
pub struct FloatSamples {
    /// Milliseconds since the epoch.
    pub times_ms: Arc<[i64]>,
    /// The values; the stale marker is there as the NaN that it is.
    pub values: Vec<f64>,
    /// Start timestamps (0 where not known); `None` where no sample has one.
    pub starts_ms: Option<Arc<[i64]>>,
}

/// A native histogram of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSample {
    /// Milliseconds since the epoch.
    pub time_ms: i64,
    /// Start timestamp; 0 where not known.
    pub start_ms: i64,
    /// The histogram; one whose sum is the stale marker ends the series.
    pub histogram: Arc<NativeHistogram>,
}

/// One series with its samples in a range.
#[derive(Debug, Clone)]
pub struct SeriesSamples {
    /// Which series.
    pub labels: Labels,
    /// Plain samples.
    pub floats: FloatSamples,
    /// Native histograms by rising time, one a millisecond.
    pub histograms: Vec<HistogramSample>,
}

impl FloatSamples {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

//! The columns of samples beside the table of series that they belong to, as they travel from
//! decoder to disk. Names and labels are already those of Prometheus.

use crate::column::{BinaryColumn, Table, Utf8Column, table};

table! {
    /// The series of a batch. Most are there once; where a request names one several times, so
    /// may the table.
    SeriesColumns {
        /// Canonical bytes of the [`crate::Labels`], the metric's name included.
        labels: BinaryColumn,
        /// 1 where the samples are increments since the last one (OTLP delta temporality), which
        /// the ingest pipeline turns into running totals before they reach the store; 0 otherwise.
        delta: Vec<u8>,
    }
}

table! {
    /// Samples that are one number.
    FloatColumns {
        /// Row of the series table.
        series: Vec<u32>,
        /// Milliseconds since the epoch.
        time_ms: Vec<i64>,
        /// When the counting began (start timestamp, created timestamp), milliseconds since the
        /// epoch; 0 where that is not known.
        start_ms: Vec<i64>,
        /// The value; the stale marker is the NaN of [`STALE_NAN_BITS`].
        value: Vec<f64>,
    }
}

table! {
    /// Samples that are a native histogram.
    HistogramColumns {
        /// Row of the series table.
        series: Vec<u32>,
        /// Milliseconds since the epoch.
        time_ms: Vec<i64>,
        /// When the counting began (start timestamp, created timestamp), milliseconds since the
        /// epoch; 0 where that is not known.
        start_ms: Vec<i64>,
        /// An encoded [`crate::NativeHistogram`].
        histogram: BinaryColumn,
    }
}

table! {
    /// Exemplars.
    ExemplarColumns {
        /// Row of the series table.
        series: Vec<u32>,
        /// Milliseconds since the epoch.
        time_ms: Vec<i64>,
        /// The measured value.
        value: Vec<f64>,
        /// Canonical bytes of the exemplar's [`crate::Labels`]; `trace_id` and `span_id` in
        /// hexadecimal where it has them.
        labels: BinaryColumn,
    }
}

table! {
    /// What is known about metric families.
    MetadataColumns {
        /// The family's name: for a classic histogram the name without `_bucket`.
        family: Utf8Column,
        /// A [`MetricKind`] as its code.
        kind: Vec<u8>,
        /// Unit, as the client wrote it.
        unit: Utf8Column,
        /// Description.
        help: Utf8Column,
    }
}

/// A batch of metrics.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricColumns {
    /// The series that the samples and exemplars refer to by row.
    pub series: SeriesColumns,
    /// Plain samples.
    pub floats: FloatColumns,
    /// Native histograms.
    pub histograms: HistogramColumns,
    /// Exemplars.
    pub exemplars: ExemplarColumns,
    /// Metadata.
    pub metadata: MetadataColumns,
}

impl MetricColumns {
    /// Number of samples, of both kinds.
    pub fn samples(&self) -> usize {
        self.floats.len() + self.histograms.len()
    }

    /// Whether there is nothing at all to store.
    pub fn is_empty(&self) -> bool {
        self.samples() == 0 && self.exemplars.is_empty() && self.metadata.is_empty()
    }

    /// Bytes held, about.
    pub fn byte_len(&self) -> usize {
        self.series.byte_len()
            + self.floats.byte_len()
            + self.histograms.byte_len()
            + self.exemplars.byte_len()
            + self.metadata.byte_len()
    }
}

/// The NaN that marks the end of a series (Prometheus `value.StaleNaN`).
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// The type of a metric family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MetricKind {
    /// Not known.
    Unknown = 0,
    /// Only rises, or resets.
    Counter = 1,
    /// Goes up and down.
    Gauge = 2,
    /// Classic histogram: `_bucket`, `_sum` and `_count` series.
    Histogram = 3,
    /// Quantiles counted by the client.
    Summary = 4,
    /// Native (exponential) histogram.
    ExponentialHistogram = 5,
    /// Constant labels about a target.
    Info = 6,
    /// One of a set of states.
    StateSet = 7,
    /// A histogram of gauges.
    GaugeHistogram = 8,
}

impl MetricKind {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Unknown, "unknown"),
        (Self::Counter, "counter"),
        (Self::Gauge, "gauge"),
        (Self::Histogram, "histogram"),
        (Self::Summary, "summary"),
        (Self::ExponentialHistogram, "exponential_histogram"),
        (Self::Info, "info"),
        (Self::StateSet, "stateset"),
        (Self::GaugeHistogram, "gaugehistogram"),
    ];

    /// Reads the stored code; one from a newer version counts as unknown.
    pub fn from_code(code: u8) -> Self {
        Self::ALL.get(usize::from(code)).map_or(Self::Unknown, |(kind, _)| *kind)
    }

    /// The name used in the API.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

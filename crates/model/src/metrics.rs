//! The columns of samples beside the table of series that they belong to, as they travel from
//! decoder to disk. Names and labels are already those of Prometheus.

use crate::column::{BinaryColumn, Table, Utf8Column, table};
use crate::error::{Error, Result};

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

    /// Fails where a table is uneven, or a sample or exemplar belongs to a series that is not there.
    pub fn check_rows(&self) -> Result<()> {
        self.series.check()?;
        self.floats.check()?;
        self.histograms.check()?;
        self.exemplars.check()?;
        let series = self.series.len();
        let refers = [&self.floats.series, &self.histograms.series, &self.exemplars.series];
        let outside =
            |rows: &Vec<u32>| rows.iter().max().is_some_and(|row| *row as usize >= series);
        if refers.into_iter().any(outside) {
            return Err(Error::corrupt("a sample belongs to a series that its batch lacks"));
        }
        Ok(())
    }

    /// Keeps the series for which `keep` holds, asked by row, with their samples and exemplars.
    /// The batch must be sound ([`MetricColumns::check_rows`]).
    pub fn retain_series(&mut self, mut keep: impl FnMut(usize) -> bool) {
        let mut series = SeriesColumns::default();
        let mut moved: Vec<Option<u32>> = Vec::with_capacity(self.series.len());
        for row in 0..self.series.len() {
            let kept = keep(row).then_some(series.delta.len() as u32);
            if kept.is_some() {
                series.labels.push(self.series.labels.get(row));
                series.delta.push(self.series.delta[row]);
            }
            moved.push(kept);
        }
        self.series = series;
        let (mut floats, mut histograms) = (FloatColumns::default(), HistogramColumns::default());
        for (at, row) in self.floats.series.iter().enumerate() {
            if let Some(row) = moved[*row as usize] {
                floats.series.push(row);
                floats.time_ms.push(self.floats.time_ms[at]);
                floats.start_ms.push(self.floats.start_ms[at]);
                floats.value.push(self.floats.value[at]);
            }
        }
        self.floats = floats;
        for (at, row) in self.histograms.series.iter().enumerate() {
            if let Some(row) = moved[*row as usize] {
                histograms.series.push(row);
                histograms.time_ms.push(self.histograms.time_ms[at]);
                histograms.start_ms.push(self.histograms.start_ms[at]);
                histograms.histogram.push(self.histograms.histogram.get(at));
            }
        }
        self.histograms = histograms;
        let mut exemplars = ExemplarColumns::default();
        for (at, row) in self.exemplars.series.iter().enumerate() {
            if let Some(row) = moved[*row as usize] {
                exemplars.series.push(row);
                exemplars.time_ms.push(self.exemplars.time_ms[at]);
                exemplars.value.push(self.exemplars.value[at]);
                exemplars.labels.push(self.exemplars.labels.get(at));
            }
        }
        self.exemplars = exemplars;
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

    /// The type as Prometheus knows it: a native histogram is a histogram to it.
    pub fn prometheus_type(self) -> &'static str {
        match self {
            Self::ExponentialHistogram => Self::Histogram.name(),
            other => other.name(),
        }
    }

    /// The name used in our own API.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exponential_histogram_is_a_histogram_to_prometheus() {
        for (kind, name) in MetricKind::ALL {
            let expect = if name == "exponential_histogram" { "histogram" } else { name };
            assert_eq!(kind.prometheus_type(), expect);
        }
    }
}

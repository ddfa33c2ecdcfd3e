//! The mean of histograms.

use watchkeep_model::NativeHistogram;

use super::add::{Combined, HistogramSum, MixedSchemas};

/// A mean that sums up as long as the sum is finite, and from then on keeps the mean so far.
#[derive(Debug, Clone)]
pub struct HistogramMean {
    /// The sum, or the mean if `is_incremental`.
    sum: HistogramSum,
    count: f64,
    is_incremental: bool,
}

impl HistogramMean {
    /// Sums of numbers up to this magnitude are finite, however many buckets are merged.
    const SAFE: f64 = 1e300;

    /// The mean of one histogram.
    pub fn new(first: NativeHistogram) -> Self {
        Self { sum: HistogramSum::new(first), count: 1.0, is_incremental: false }
    }

    /// Takes in a histogram. An error ends the mean.
    pub fn add(&mut self, histogram: &NativeHistogram) -> Result<Combined, MixedSchemas> {
        self.count += 1.0;
        let mut remarks = Combined::default();
        if !self.is_incremental {
            // Going back costs a copy, so it is only made ready where it may be needed.
            let before =
                (!is_safe(self.sum.rounded()) || !is_safe(histogram)).then(|| self.sum.clone());
            remarks = self.sum.add(histogram)?;
            let Some(before) = before.filter(|_| self.sum.rounded().has_overflow()) else {
                return Ok(remarks);
            };
            self.sum = before;
            self.is_incremental = true;
            let earlier = self.count - 1.0;
            self.sum.map(|value| value / earlier);
        }
        let weight = (self.count - 1.0) / self.count;
        self.sum.map(|value| value * weight);
        let mut part = histogram.clone();
        super::statistics::map_numbers(&mut part, &|value| value / self.count);
        remarks.extend(self.sum.add(&part)?);
        Ok(remarks)
    }

    /// The mean, not compacted.
    pub fn finish(mut self) -> NativeHistogram {
        if !self.is_incremental {
            self.sum.map(|value| value / self.count);
        }
        self.sum.finish()
    }
}

fn is_safe(histogram: &NativeHistogram) -> bool {
    [histogram.zero_count, histogram.count, histogram.sum]
        .iter()
        .chain(&histogram.positive_counts)
        .chain(&histogram.negative_counts)
        .chain(&histogram.custom_values)
        .all(|value| value.abs() <= HistogramMean::SAFE || value.is_nan())
}

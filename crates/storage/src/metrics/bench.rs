//! A way in for the benches, which see only what is public. Nothing else may use it.

use std::path::Path;

use watchkeep_model::{MetricColumns, Result};

use super::{FrameCache, Frozen, Head, Horizon, Part, View, merge_parts};
use crate::seam::{LabelValuesRequest, Matcher, SamplesRequest, SeriesRequest};

/// A tenant's metrics.
#[derive(Debug, Default)]
pub struct Store {
    head: Head,
    frozen: Vec<Frozen>,
    parts: Vec<Part>,
}

impl Store {
    /// Appends to the head.
    pub fn append(&self, batch: &mut MetricColumns) {
        let (placed, _) = self.head.place(batch, u64::MAX).expect("a bench's batch is sound");
        self.head.append_placed(batch, placed);
    }

    /// Bytes and samples in the head.
    pub fn head_figures(&self) -> (u64, u64) {
        (self.head.byte_len(), self.head.samples())
    }

    /// Freezes the head.
    pub fn freeze(&mut self) {
        self.frozen.push(self.head.freeze());
    }

    /// Writes what is frozen as a part, into a directory that is there and empty; gives bytes and
    /// samples.
    pub fn write(&self, directory: &Path) -> Result<(u64, u64)> {
        let mut total = (0, 0);
        for frozen in &self.frozen {
            let figures = frozen.write_part(directory, (i64::MIN, i64::MAX), true)?;
            total = (total.0 + figures.bytes, total.1 + figures.samples);
        }
        Ok(total)
    }

    /// Opens a part.
    pub fn open(directory: &Path) -> Result<Self> {
        Ok(Self {
            parts: vec![Part::open(directory, &FrameCache::new("metrics", 32 << 20))?],
            ..Self::default()
        })
    }

    /// Rewrites the open parts as one; gives bytes and samples.
    pub fn merge(&self, directory: &Path) -> Result<(u64, u64)> {
        let parts: Vec<_> = self.parts.iter().map(|part| (part.clone(), None)).collect();
        let figures = merge_parts(&parts, directory, &|| false)?.unwrap_or_default();
        Ok((figures.bytes, figures.samples))
    }

    /// First and last millisecond of a sample.
    pub fn range(&self) -> (i64, i64) {
        self.view().time_range_ms()
    }

    /// Counts the series that match.
    pub fn series(&self, matchers: Vec<Matcher>, start_ms: i64, end_ms: i64) -> Result<usize> {
        let request = SeriesRequest { matchers, start_ms, end_ms, limit: None };
        Ok(self.view().series(&request)?.len())
    }

    /// Counts the values of a label.
    pub fn label_values(
        &self,
        label: &str,
        matchers: Vec<Matcher>,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<usize> {
        let series = SeriesRequest { matchers, start_ms, end_ms, limit: None };
        let request = LabelValuesRequest { label: label.to_owned(), series };
        Ok(self.view().label_values(&request)?.len())
    }

    fn view(&self) -> View {
        let parts = self.parts.iter().map(|part| (part.clone(), None)).collect();
        View::new(parts, &self.frozen, &self.head, &Horizon::default())
    }

    /// Reads samples; gives how many there were.
    pub fn read(&self, matchers: Vec<Matcher>, start_ms: i64, end_ms: i64) -> Result<usize> {
        let series = SeriesRequest { matchers, start_ms, end_ms, limit: None };
        let view = self.view();
        let mut samples = 0;
        for series in view.samples(SamplesRequest { series, samples_max: usize::MAX }) {
            samples += series?.floats.len();
        }
        Ok(samples)
    }
}

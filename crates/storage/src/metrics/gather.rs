//! The samples of one series as they come together from its sources, and as they are handed out.
//! A series that comes from one piece of a part keeps the column of times that it shares with its
//! neighbours; where times are joined, equal ones are made the same again.

use std::sync::Arc;

use hashbrown::HashMap;
use watchkeep_model::{
    FloatSamples, HistogramSample, Labels, NativeHistogram, Result, SeriesSamples,
};

use super::data::{Exemplar, HistogramRow, SeriesData};
use super::mask::Hidden;

/// What sources said of a series so far, oldest source first.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    /// The times of all values so far, where they are one column of a part; `data` has none then.
    shared: Option<Arc<[i64]>>,
    data: SeriesData,
}

impl Gather {
    pub(super) fn samples(&self) -> usize {
        self.data.floats.values.len() + self.data.histograms.len()
    }

    /// Appends times, whose values the caller appends, and their start timestamps.
    pub(super) fn append_times(&mut self, times: &Arc<[i64]>, starts: Option<&[i64]>) {
        let before = self.data.floats.values.len();
        if before == 0 {
            self.shared = Some(Arc::clone(times));
        } else {
            self.unshare();
            self.data.floats.times_ms.extend_from_slice(times);
        }
        let of_all = &mut self.data.floats.starts_ms;
        if starts.is_some() || !of_all.is_empty() {
            of_all.resize(before, 0);
            of_all.extend_from_slice(starts.unwrap_or_default());
            of_all.resize(before + times.len(), 0);
        }
    }

    pub(super) fn values_mut(&mut self) -> &mut Vec<f64> {
        &mut self.data.floats.values
    }

    pub(super) fn histograms_mut(&mut self) -> &mut Vec<HistogramRow> {
        &mut self.data.histograms
    }

    pub(super) fn exemplars_mut(&mut self) -> &mut Vec<Exemplar> {
        &mut self.data.exemplars
    }

    fn unshare(&mut self) {
        if let Some(shared) = self.shared.take() {
            self.data.floats.times_ms.extend_from_slice(&shared);
        }
    }

    /// Takes away what is hidden.
    pub(super) fn hide(&mut self, hidden: &Hidden) {
        self.unshare();
        let floats = std::mem::take(&mut self.data.floats);
        for at in (0..floats.len()).filter(|at| !hidden.contains(floats.times_ms[*at])) {
            let starts = floats.starts_ms.get(at..=at).unwrap_or_default();
            self.data.floats.extend(&floats.times_ms[at..=at], &floats.values[at..=at], starts);
        }
        self.data.histograms.retain(|row| !hidden.contains(row.time_ms));
        self.data.exemplars.retain(|exemplar| !hidden.contains(exemplar.time_ms));
    }

    /// Appends what another source said.
    pub(super) fn append(&mut self, mut other: Self) {
        other.unshare();
        self.unshare();
        let floats = &other.data.floats;
        self.data.floats.extend(&floats.times_ms, &floats.values, &floats.starts_ms);
        self.data.histograms.append(&mut other.data.histograms);
        self.data.exemplars.append(&mut other.data.exemplars);
    }

    /// All columns, to be appended to.
    pub(super) fn data_mut(&mut self) -> &mut SeriesData {
        self.unshare();
        &mut self.data
    }

    /// Everything in one order.
    pub(super) fn into_data(mut self) -> SeriesData {
        self.unshare();
        self.data.settle();
        self.data
    }

    /// The samples, in order, as they are handed out.
    pub(super) fn hand_out(
        mut self,
        labels: Labels,
        columns: &mut SharedTimes,
    ) -> Result<SeriesSamples> {
        // Shared times are in order, and `data` has none to be put in order then.
        self.data.settle();
        let times_ms = match self.shared {
            Some(shared) => shared,
            None => columns.the_same(std::mem::take(&mut self.data.floats.times_ms)),
        };
        let starts = self.data.floats.starts_ms;
        let histograms = self.data.histograms.iter().map(|row| {
            let histogram = Arc::new(NativeHistogram::decode(&row.histogram)?);
            Ok(HistogramSample { time_ms: row.time_ms, start_ms: row.start_ms, histogram })
        });
        let histograms = histograms.collect::<Result<_>>()?;
        let floats = FloatSamples {
            times_ms,
            values: self.data.floats.values,
            starts_ms: (!starts.is_empty()).then(|| starts.into()),
        };
        Ok(SeriesSamples { labels, floats, histograms })
    }
}

/// Columns of times that were handed out lately.
#[derive(Debug, Default)]
pub(super) struct SharedTimes {
    /// By first, last, and count.
    lately: HashMap<(i64, i64, usize), Arc<[i64]>>,
}

impl SharedTimes {
    /// Columns that are remembered.
    const COLUMNS_MAX: usize = 1024;

    /// These times, as the column that was handed out before where they are equal.
    fn the_same(&mut self, times: Vec<i64>) -> Arc<[i64]> {
        let (Some(first), Some(last)) = (times.first(), times.last()) else {
            return Arc::default();
        };
        let key = (*first, *last, times.len());
        if let Some(known) = self.lately.get(&key)
            && **known == times[..]
        {
            return Arc::clone(known);
        }
        let times: Arc<[i64]> = times.into();
        if self.lately.len() >= Self::COLUMNS_MAX {
            self.lately.clear();
        }
        self.lately.insert(key, Arc::clone(&times));
        times
    }
}

//! The samples and exemplars of one series on their way between sources, and the rule by which
//! sources are brought together: of two samples at one millisecond the later appended wins.

/// An exemplar of a series that is known from where it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Exemplar {
    pub(super) time_ms: i64,
    pub(super) value: f64,
    /// Canonical bytes.
    pub(super) labels: Box<[u8]>,
}

/// Plain samples of one series, in columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Floats {
    pub(super) times_ms: Vec<i64>,
    pub(super) values: Vec<f64>,
    /// Start timestamps, 0 where not known; empty where no sample has one.
    pub(super) starts_ms: Vec<i64>,
}

/// A native histogram of a series that is known from where it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HistogramRow {
    pub(super) time_ms: i64,
    /// 0 where not known.
    pub(super) start_ms: i64,
    /// Encoded.
    pub(super) histogram: Box<[u8]>,
}

/// What a source holds of one series.
#[derive(Debug, Clone, Default)]
pub(super) struct SeriesData {
    pub(super) floats: Floats,
    pub(super) histograms: Vec<HistogramRow>,
    pub(super) exemplars: Vec<Exemplar>,
}

impl SeriesData {
    pub(super) fn samples(&self) -> usize {
        self.floats.len() + self.histograms.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.samples() == 0 && self.exemplars.is_empty()
    }

    /// Makes one order of what several sources appended, oldest source first.
    pub(super) fn settle(&mut self) {
        self.floats.settle();
        settle_histograms(&mut self.histograms);
        settle_exemplars(&mut self.exemplars);
    }
}

impl Floats {
    pub(super) fn len(&self) -> usize {
        self.times_ms.len()
    }

    /// Appends samples. `starts_ms` is empty where none has one.
    pub(super) fn extend(&mut self, times_ms: &[i64], values: &[f64], starts_ms: &[i64]) {
        let before = self.len();
        self.times_ms.extend_from_slice(times_ms);
        self.values.extend_from_slice(values);
        self.extend_starts(before, starts_ms);
    }

    fn extend_starts(&mut self, before: usize, starts_ms: &[i64]) {
        if starts_ms.is_empty() && self.starts_ms.is_empty() {
            return;
        }
        self.starts_ms.resize(before, 0);
        self.starts_ms.extend_from_slice(starts_ms);
        self.starts_ms.resize(self.times_ms.len(), 0);
    }

    /// The start timestamp of a sample; 0 where not known.
    #[cfg(test)]
    pub(super) fn start_ms(&self, position: usize) -> i64 {
        self.starts_ms.get(position).copied().unwrap_or(0)
    }

    /// Sorts by time and keeps the last of each millisecond.
    pub(super) fn settle(&mut self) {
        if self.times_ms.is_sorted_by(|earlier, later| earlier < later) {
            return;
        }
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        order.sort_by_key(|position| self.times_ms[*position as usize]);
        let mut settled = Self::default();
        for (at, position) in order.iter().map(|position| *position as usize).enumerate() {
            let next = order.get(at + 1).map(|next| self.times_ms[*next as usize]);
            if next != Some(self.times_ms[position]) {
                settled.times_ms.push(self.times_ms[position]);
                settled.values.push(self.values[position]);
                if !self.starts_ms.is_empty() {
                    settled.starts_ms.push(self.starts_ms[position]);
                }
            }
        }
        *self = settled;
    }
}

/// Sorts by time and keeps the last of each millisecond.
fn settle_histograms(samples: &mut Vec<HistogramRow>) {
    if samples.is_sorted_by(|earlier, later| earlier.time_ms < later.time_ms) {
        return;
    }
    samples.sort_by_key(|sample| sample.time_ms);
    samples.dedup_by(|later, kept| {
        let same = later.time_ms == kept.time_ms;
        if same {
            std::mem::swap(later, kept);
        }
        same
    });
}

/// Sorts by time and drops repetitions.
pub(super) fn settle_exemplars(exemplars: &mut Vec<Exemplar>) {
    let key = |exemplar: &Exemplar| (exemplar.time_ms, exemplar.value.to_bits());
    exemplars.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.labels.cmp(&b.labels)));
    exemplars.dedup_by(|a, b| key(a) == key(b) && a.labels == b.labels);
}

/// A closed range of milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
}

impl Range {
    pub(super) const ALL: Self = Self { start_ms: i64::MIN, end_ms: i64::MAX };

    pub(super) fn contains(self, time_ms: i64) -> bool {
        self.start_ms <= time_ms && time_ms <= self.end_ms
    }

    pub(super) fn overlaps(self, min_ms: i64, max_ms: i64) -> bool {
        self.start_ms <= max_ms && min_ms <= self.end_ms
    }

    /// Positions of rising times that lie inside.
    pub(super) fn cut(self, times: &[i64]) -> std::ops::Range<usize> {
        let start = times.partition_point(|time_ms| *time_ms < self.start_ms);
        let end = times.partition_point(|time_ms| *time_ms <= self.end_ms);
        start..end.max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_appended_of_a_millisecond_wins() {
        let mut floats = Floats::default();
        floats.extend(&[5, 3, 5], &[1.0, 2.0, 3.0], &[]);
        floats.extend(&[3, 4, 5], &[4.0, 5.0, 6.0], &[1, 2, 0]);
        floats.settle();
        let want = Floats {
            times_ms: vec![3, 4, 5],
            values: vec![4.0, 5.0, 6.0],
            starts_ms: vec![1, 2, 0],
        };
        assert_eq!(floats, want);
        let row =
            |time_ms, word: u8| HistogramRow { time_ms, start_ms: 0, histogram: [word].into() };
        let mut rows = vec![row(2, 1), row(1, 2), row(2, 3)];
        settle_histograms(&mut rows);
        assert_eq!(rows, [row(1, 2), row(2, 3)]);
    }

    #[test]
    fn samples_without_start_stand_beside_those_with() {
        let mut floats = Floats::default();
        floats.extend(&[1], &[0.5], &[]);
        assert!(floats.starts_ms.is_empty());
        floats.extend(&[2], &[0.5], &[7]);
        floats.extend(&[3], &[0.5], &[]);
        assert_eq!(floats.starts_ms, [0, 7, 0]);
    }

    #[test]
    fn an_empty_range_cuts_nothing() {
        assert_eq!(Range { start_ms: 9, end_ms: 2 }.cut(&[1, 5, 10]).len(), 0);
        assert_eq!(Range { start_ms: 5, end_ms: 10 }.cut(&[1, 5, 10]), 1..3);
    }
}

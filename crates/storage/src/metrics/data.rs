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

/// What a source holds of one series.
#[derive(Debug, Clone, Default)]
pub(super) struct SeriesData {
    pub(super) floats: Vec<(i64, f64)>,
    /// Encoded histograms.
    pub(super) histograms: Vec<(i64, Box<[u8]>)>,
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
        settle(&mut self.floats);
        settle(&mut self.histograms);
        settle_exemplars(&mut self.exemplars);
    }
}

/// Sorts by time and keeps the last of each millisecond.
pub(super) fn settle<T>(samples: &mut Vec<(i64, T)>) {
    if samples.windows(2).all(|pair| pair[0].0 < pair[1].0) {
        return;
    }
    samples.sort_by_key(|(time_ms, _)| *time_ms);
    samples.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
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
        let mut samples = vec![(5, 'a'), (3, 'b'), (5, 'c'), (3, 'd'), (4, 'e'), (5, 'f')];
        settle(&mut samples);
        assert_eq!(samples, [(3, 'd'), (4, 'e'), (5, 'f')]);
    }

    #[test]
    fn an_empty_range_cuts_nothing() {
        assert_eq!(Range { start_ms: 9, end_ms: 2 }.cut(&[1, 5, 10]).len(), 0);
        assert_eq!(Range { start_ms: 5, end_ms: 10 }.cut(&[1, 5, 10]), 1..3);
    }
}

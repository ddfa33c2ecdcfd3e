//! Queries over all sources of one tenant: parts, frozen heads and the head, as they were when the
//! view was taken. A view owns what it needs, so it can be sent to a thread where blocking is
//! allowed and outlive a freeze or a compaction.

use std::collections::BTreeSet;
use std::sync::Arc;

use watchkeep_model::{Error, ErrorKind, Labels, Result, SeriesSamples};

use super::data::Range;
use super::gather::SharedTimes;
use super::head::{Frozen, Head};
use super::mask::{Horizon, Mask};
use super::merge::{Masked, MaskedPart, Merger, Selected, Source, Want, merge_metadata};
use super::part::Part;
use super::select::select;
use crate::seam::{
    ExemplarRow, LabelValuesRequest, MetadataRow, MetricPart, SamplesRequest, SeriesRequest,
};

/// The sources of one tenant.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// Oldest first: what a later one says of a millisecond holds.
    pub(super) sources: Arc<[Masked]>,
}

impl View {
    /// Takes a view of parts and frozen heads, oldest first, and the head, of which the horizon
    /// hides what is past it. Whoever calls this keeps the head from being frozen between listing
    /// `frozen` and the return, lest samples be missed.
    pub(crate) fn new(
        parts: Vec<MaskedPart>,
        frozen: &[Frozen],
        head: &Head,
        horizon: &Horizon,
    ) -> Self {
        let parts =
            parts.into_iter().map(|(part, mask)| Masked { source: Source::Part(part), mask });
        let frozen = frozen.iter().map(|frozen| Arc::clone(&frozen.memory));
        let memory = frozen.chain(std::iter::once(head.memory())).map(|memory| {
            let range = memory.time_range_ms();
            let mask = range.and_then(|range| Mask::of(std::iter::empty(), horizon, range));
            Masked { source: Source::Memory(memory), mask }
        });
        Self { sources: parts.chain(memory).collect() }
    }

    /// First and last millisecond of a sample or exemplar; an empty range where there is neither.
    pub(super) fn time_range_ms(&self) -> (i64, i64) {
        let ranges = self.sources.iter().filter_map(|from| from.source.time_range_ms());
        ranges.fold((i64::MAX, i64::MIN), |all, one| (all.0.min(one.0), all.1.max(one.1)))
    }

    /// The series that match, of each source that has anything in the range.
    pub(super) fn select(&self, request: &SeriesRequest) -> Result<Vec<Selected>> {
        let range = range_of(request);
        let mut selected = Vec::new();
        for from in &*self.sources {
            let times = from.source.time_range_ms();
            if times.is_some_and(|(min, max)| range.overlaps(min, max)) {
                let ids = from.source.with_index(|index| select(index, &request.matchers))?;
                if !ids.is_empty() {
                    selected.push(from.clone().select(ids));
                }
            }
        }
        Ok(selected)
    }

    /// Label sets of the series that match and have a sample in the range, sorted by their bytes.
    pub(crate) fn series(&self, request: &SeriesRequest) -> Result<Vec<Labels>> {
        let (range, limit) = (range_of(request), request.limit.unwrap_or(usize::MAX));
        let mut merger = Merger::open(self.select(request)?)?;
        let mut found = Vec::new();
        while found.len() < limit
            && let Some((labels, touched)) = merger.next_touched(range)?
        {
            if touched {
                found.push(labels);
            }
        }
        Ok(found)
    }

    /// Samples of the series that match, series by series. The first step selects the series; so
    /// far nothing is read.
    pub(crate) fn samples(&self, request: SamplesRequest) -> SeriesIter {
        SeriesIter {
            columns: SharedTimes::default(),
            range: range_of(&request.series),
            series_left: request.series.limit.unwrap_or(usize::MAX),
            samples_left: request.samples_max,
            samples_max: request.samples_max,
            state: State::Unopened(self.clone(), request.series),
        }
    }

    /// Names of labels on the series that match and have a sample in the range, sorted.
    pub(crate) fn label_names(&self, request: &SeriesRequest) -> Result<Vec<String>> {
        let range = range_of(request);
        let mut names = BTreeSet::new();
        for selected in self.select(request)? {
            let (from, ids) = (&selected.from, selected.with_sample(range)?);
            if ids.is_empty() {
                continue;
            }
            let (known, all) = from.source.with_index(|index| (index.names(), index.all().len()));
            if ids.len() == all {
                names.extend(known);
                continue;
            }
            let known = known.len();
            let (mut own, mut new) = (BTreeSet::<String>::new(), Vec::new());
            let mut merger = Merger::open(vec![from.clone().select(ids)])?;
            while own.len() < known
                && let Some((labels, _)) = merger.next_touched(Range::ALL)?
            {
                for (name, _) in labels.iter().filter(|(name, _)| !own.contains(*name)) {
                    new.push(name.to_owned());
                }
                own.extend(new.drain(..));
            }
            names.append(&mut own);
        }
        Ok(names.into_iter().take(request.limit.unwrap_or(usize::MAX)).collect())
    }

    /// Values of a label on the series that match and have a sample in the range, sorted.
    pub(crate) fn label_values(&self, request: &LabelValuesRequest) -> Result<Vec<String>> {
        let range = range_of(&request.series);
        // Sorted, between two sources.
        let mut values: Vec<String> = Vec::new();
        for selected in self.select(&request.series)? {
            let new = selected.values_beside(&values, &request.label, range)?;
            values.extend(new);
            values.sort_unstable();
        }
        values.truncate(request.series.limit.unwrap_or(usize::MAX));
        Ok(values)
    }

    /// Exemplars in the range of the series that match, oldest first.
    pub(crate) fn exemplars(&self, request: &SeriesRequest) -> Result<Vec<ExemplarRow>> {
        let (range, limit) = (range_of(request), request.limit.unwrap_or(usize::MAX));
        let mut merger = Merger::open(self.select(request)?)?;
        let mut rows: Vec<ExemplarRow> = Vec::new();
        while let Some((series, gathered)) = merger.next(range, Want::Exemplars)? {
            for exemplar in gathered.into_data().exemplars {
                rows.push(ExemplarRow {
                    series: series.clone(),
                    time_ms: exemplar.time_ms,
                    value: exemplar.value,
                    labels: Labels::from_canonical(&exemplar.labels)?,
                });
            }
            if rows.len() / 2 > limit {
                keep_oldest(&mut rows, limit);
            }
        }
        keep_oldest(&mut rows, limit);
        Ok(rows)
    }

    /// The parts among the sources.
    pub(crate) fn parts(&self) -> Vec<MetricPart> {
        let parts = self.sources.iter().filter_map(|from| match &from.source {
            Source::Part(part) => Some(part),
            Source::Memory(_) => None,
        });
        parts.map(Part::summary).collect()
    }

    /// What is known about metric families, sorted by name.
    pub(crate) fn metadata(&self) -> Result<Vec<MetadataRow>> {
        merge_metadata(self.sources.iter().map(|from| &from.source))
    }
}

fn keep_oldest(rows: &mut Vec<ExemplarRow>, limit: usize) {
    rows.sort_by_key(|row| row.time_ms);
    rows.truncate(limit);
}

fn range_of(request: &SeriesRequest) -> Range {
    Range { start_ms: request.start_ms, end_ms: request.end_ms }
}

/// Samples series by series. After an error nothing more comes.
#[derive(Debug)]
pub(crate) struct SeriesIter {
    state: State,
    columns: SharedTimes,
    range: Range,
    series_left: usize,
    samples_left: usize,
    samples_max: usize,
}

#[derive(Debug)]
enum State {
    Unopened(View, SeriesRequest),
    Open(Merger),
}

impl SeriesIter {
    fn step(&mut self) -> Result<Option<SeriesSamples>> {
        if let State::Unopened(view, request) = &self.state {
            self.state = State::Open(Merger::open(view.select(request)?)?);
        }
        let State::Open(merger) = &mut self.state else { return Ok(None) };
        while self.series_left > 0
            && let Some((labels, gathered)) = merger.next(self.range, Want::Samples)?
        {
            let samples = gathered.samples();
            if samples == 0 {
                continue;
            }
            self.samples_left = self.samples_left.checked_sub(samples).ok_or_else(|| {
                let key = "limits.query_samples_max";
                Error::new(
                    ErrorKind::LimitExceeded { key },
                    format!("the query reads more than {} samples ({key})", self.samples_max),
                )
            })?;
            self.series_left -= 1;
            return gathered.hand_out(labels, &mut self.columns).map(Some);
        }
        Ok(None)
    }
}

impl Iterator for SeriesIter {
    type Item = Result<SeriesSamples>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.series_left = 0;
        }
        step.transpose()
    }
}

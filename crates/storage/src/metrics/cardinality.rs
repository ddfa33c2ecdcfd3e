//! Counts what series are made of. All sources are walked side by side in the order of labels, so
//! that a series counts once without remembering which were seen.

use hashbrown::HashMap;
use watchkeep_model::labels::METRIC_NAME;
use watchkeep_model::{Labels, Result};

use super::data::Range;
use super::merge::{Merger, Source};
use super::view::View;
use crate::seam::{CardinalityRequest, CardinalityStats, Count, HeadStats, SeriesRequest};

impl View {
    /// What the series that match and have a sample in the range are made of.
    pub(crate) fn cardinality(&self, request: &CardinalityRequest) -> Result<CardinalityStats> {
        let CardinalityRequest { matchers, start_ms, end_ms, limit } = request.clone();
        let range = Range { start_ms, end_ms };
        let series = SeriesRequest { matchers, start_ms, end_ms, limit: None };
        let mut merger = Merger::open(self.select(&series)?)?;
        let mut tally = Tally::default();
        while let Some((labels, touched)) = merger.next_touched(range)? {
            if touched {
                tally.see(&labels);
            }
        }
        let mut stats = tally.stats(limit);
        for from in &*self.sources {
            if let Source::Memory(memory) = &from.source {
                stats.head.add(memory.head_stats());
            }
        }
        Ok(stats)
    }
}

impl HeadStats {
    fn add(&mut self, other: Self) {
        self.series += other.series;
        self.samples += other.samples;
        self.chunks += other.chunks;
        self.time_range_ms = match (self.time_range_ms, other.time_range_ms) {
            (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
            (one, other) => one.or(other),
        };
    }
}

#[derive(Debug, Default)]
struct Tally {
    series: u64,
    /// Label name -> its values, with the series that have them.
    names: HashMap<String, HashMap<String, u64>>,
}

impl Tally {
    fn see(&mut self, labels: &Labels) {
        self.series += 1;
        for (name, value) in labels.iter() {
            *self.names.entry_ref(name).or_default().entry_ref(value).or_default() += 1;
        }
    }

    fn stats(self, limit: usize) -> CardinalityStats {
        let names = || self.names.iter();
        let pairs = || names().flat_map(|(name, values)| values.iter().map(move |one| (name, one)));
        let metrics = self.names.get(METRIC_NAME).into_iter().flatten();
        let bytes = |name: &str, values: &HashMap<String, u64>| -> u64 {
            values.iter().map(|(value, series)| pair_bytes(name, value) * series).sum()
        };
        CardinalityStats {
            series: self.series,
            label_pairs: pairs().count() as u64,
            label_names: self.names.len() as u64,
            series_by_metric: top(limit, metrics.map(|(name, series)| (name.as_str(), *series))),
            values_by_label: top(
                limit,
                names().map(|(name, all)| (name.as_str(), all.len() as u64)),
            ),
            bytes_by_label: top(
                limit,
                names().map(|(name, all)| (name.as_str(), bytes(name, all))),
            ),
            series_by_pair: top(
                limit,
                pairs().map(|(name, (value, series))| (Pair(name, value), *series)),
            ),
            head: HeadStats::default(),
        }
    }
}

/// A label, named only when it is among the greatest.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Pair<'a>(&'a str, &'a str);

impl From<Pair<'_>> for String {
    fn from(Pair(name, value): Pair<'_>) -> Self {
        format!("{name}={value}")
    }
}

/// The length of a label in canonical bytes.
fn pair_bytes(name: &str, value: &str) -> u64 {
    let text = |text: &str| {
        let length = (u64::BITS - (text.len() as u64 | 1).leading_zeros()).div_ceil(7);
        u64::from(length) + text.len() as u64
    };
    text(name) + text(value)
}

fn top<N: Ord + Into<String>>(limit: usize, counts: impl Iterator<Item = (N, u64)>) -> Vec<Count> {
    let mut counts: Vec<(N, u64)> = counts.collect();
    let order = |a: &(N, u64), b: &(N, u64)| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0));
    if limit == 0 {
        return Vec::new();
    }
    if limit < counts.len() {
        counts.select_nth_unstable_by(limit - 1, order);
        counts.truncate(limit);
    }
    counts.sort_unstable_by(order);
    counts.into_iter().map(|(name, count)| Count { name: name.into(), count }).collect()
}

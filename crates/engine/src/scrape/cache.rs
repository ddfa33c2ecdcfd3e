//! What a loop remembers of its target from scrape to scrape: the labels that each series of the
//! exposition ends up with, so that relabelling is done once a series, and which series were there
//! last time, so that those that vanish can be marked stale.

use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashMap};
use watchkeep_model::Labels;

use super::metadata::TargetMetadata;

/// Where a series is in the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SeriesId(u32);

/// The memory of one target.
#[derive(Debug, Default)]
pub(super) struct ScrapeCache {
    /// Counts scrapes, from 1 for the one under way.
    scrape: u64,
    /// Keys, series and families at the end of the last good scrape.
    good_size: usize,
    /// Bytes that stand for a series in the exposition.
    keys: HashMap<Box<[u8]>, Key>,
    by_labels: HashMap<Labels, SeriesId>,
    series: Vec<Series>,
    free: Vec<SeriesId>,
    /// Series of the scrape under way, and of the last one, that become stale when they vanish.
    tracked: Vec<SeriesId>,
    tracked_before: Vec<SeriesId>,
    pub(super) metadata: Arc<TargetMetadata>,
    /// Of exemplars.
    pub(super) hasher: DefaultHashBuilder,
}

#[derive(Debug)]
struct Key {
    /// `None` where relabelling drops the series.
    series: Option<SeriesId>,
    scrape: u64,
}

/// A series as it is stored.
#[derive(Debug, Default)]
pub(super) struct Series {
    pub(super) labels: Labels,
    /// The scrape that last had a sample of it.
    scrape: u64,
    tracked: u64,
    /// Row in the columns of the scrape under way.
    pub(super) row: u32,
    /// Time of the last sample of that scrape.
    pub(super) time_ms: i64,
    pub(super) is_histogram: bool,
    /// Hashes of the exemplars that its last sample had.
    pub(super) exemplars: Vec<u64>,
    /// Keys that lead here.
    keys: u32,
}

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing.
    No,
    /// Relabelling drops it.
    Dropped,
    /// It is this series.
    Series(SeriesId),
}

impl ScrapeCache {
    /// Growth over the last good scrape that is allowed before what only failed scrapes had is
    /// forgotten: twice as much and so many more.
    const SPARE: usize = 1000;

    /// Begins a scrape.
    pub(super) fn begin(&mut self) {
        self.scrape += 1;
        self.tracked.clear();
    }

    /// Looks a key up, and notes that the scrape under way has it.
    pub(super) fn find(&mut self, key: &[u8]) -> Known {
        let Some(known) = self.keys.get_mut(key) else { return Known::No };
        known.scrape = self.scrape;
        known.series.map_or(Known::Dropped, Known::Series)
    }

    /// Remembers that relabelling drops a key.
    pub(super) fn add_dropped(&mut self, key: &[u8]) {
        self.keys.insert(key.into(), Key { series: None, scrape: self.scrape });
    }

    /// The series with these labels, if a key leads to it already.
    pub(super) fn with_labels(&self, labels: &Labels) -> Option<SeriesId> {
        self.by_labels.get(labels).copied()
    }

    /// Remembers which labels a key leads to; says whether the series is new.
    pub(super) fn add(&mut self, key: &[u8], labels: Labels) -> (SeriesId, bool) {
        let known = self.with_labels(&labels);
        let id = known.unwrap_or_else(|| {
            let series = Series { labels: labels.clone(), ..Series::default() };
            let id = self.free.pop().unwrap_or(SeriesId(self.series.len() as u32));
            match self.series.get_mut(id.0 as usize) {
                Some(place) => *place = series,
                None => self.series.push(series),
            }
            self.by_labels.insert(labels, id);
            id
        });
        self.get_mut(id).keys += 1;
        self.keys.insert(key.into(), Key { series: Some(id), scrape: self.scrape });
        (id, known.is_none())
    }

    pub(super) fn get(&self, id: SeriesId) -> &Series {
        &self.series[id.0 as usize]
    }

    pub(super) fn get_mut(&mut self, id: SeriesId) -> &mut Series {
        &mut self.series[id.0 as usize]
    }

    /// Whether the scrape under way had a sample of the series already.
    pub(super) fn is_scraped(&self, id: SeriesId) -> bool {
        self.get(id).scrape == self.scrape
    }

    /// Notes that the scrape under way has a sample of the series.
    pub(super) fn set_scraped(&mut self, id: SeriesId) {
        self.get_mut(id).scrape = self.scrape;
    }

    /// Has the series marked stale when it vanishes.
    pub(super) fn track(&mut self, id: SeriesId) {
        let scrape = self.scrape;
        let series = self.get_mut(id);
        if series.tracked != scrape {
            series.tracked = scrape;
            self.tracked.push(id);
        }
    }

    /// Series of the last scrape that this one does not have.
    pub(super) fn vanished(&self) -> impl Iterator<Item = &Series> {
        let before = self.tracked_before.iter().map(|id| self.get(*id));
        before.filter(|series| series.tracked != self.scrape)
    }

    /// All series of the last scrape.
    pub(super) fn last_tracked(&self) -> impl Iterator<Item = &Series> {
        self.tracked_before.iter().map(|id| self.get(*id))
    }

    /// Ends a scrape whose samples are taken, and forgets what it did not have.
    pub(super) fn end_good(&mut self) {
        std::mem::swap(&mut self.tracked, &mut self.tracked_before);
        self.forget_unseen();
        self.good_size = self.size();
    }

    /// Ends a scrape that failed: none of its series are there, and those of the last one have
    /// been marked stale.
    pub(super) fn end_failed(&mut self) {
        self.tracked.clear();
        self.tracked_before.clear();
        if self.size() > self.good_size * 2 + Self::SPARE {
            self.forget_unseen();
        }
    }

    /// Forgets how keys lead to labels, because the rules for that have changed, and keeps which
    /// series were there.
    pub(super) fn forget_keys(&mut self) {
        self.keys.clear();
        for series in &mut self.series {
            series.keys = 0;
        }
    }

    fn size(&self) -> usize {
        self.keys.len() + self.metadata.len()
    }

    fn forget_unseen(&mut self) {
        let scrape = self.scrape;
        let series = &mut self.series;
        self.keys.retain(|_, key| {
            let keep = key.scrape == scrape;
            if let (false, Some(id)) = (keep, key.series) {
                let keys = &mut series[id.0 as usize].keys;
                *keys = keys.saturating_sub(1);
            }
            keep
        });
        let tracked: hashbrown::HashSet<u32> = self.tracked_before.iter().map(|id| id.0).collect();
        let free = &mut self.free;
        self.by_labels.retain(|_, id| {
            let keep = series[id.0 as usize].keys > 0 || tracked.contains(&id.0);
            if !keep {
                series[id.0 as usize] = Series::default();
                free.push(*id);
            }
            keep
        });
        self.metadata.forget_older_than(scrape);
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> usize {
        self.keys.len()
    }

    #[cfg(test)]
    pub(super) fn live_series(&self) -> usize {
        self.by_labels.len()
    }

    /// The number of the scrape under way.
    pub(super) fn scrape(&self) -> u64 {
        self.scrape
    }
}

//! Series and their samples in memory: the state behind the head, and behind what is frozen on
//! its way to disk. Appends and queries run side by side: the index is locked for writing only
//! while a series is added, and samples are in shards that have a lock each.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use hashbrown::HashMap;
use parking_lot::{Mutex, MutexGuard, RwLock};
use roaring::RoaringBitmap;
use watchkeep_model::metrics::MetricKind;
use watchkeep_model::{Labels, MetricColumns};

use super::chunk::{chunks, seal};
use super::data::{Exemplar, Floats, HistogramRow, Range, SeriesData};
use super::index::Index;
use super::select::LabelIndex;
use crate::seam::{HeadStats, MetadataRow};

/// Samples of a series that wait uncompressed. At 480 samples a series, the usual fill, the
/// buffer and the heads of chunks together take the least memory near this size.
const OPEN_MAX: usize = 32;
const SHARDS: usize = 32;
/// Series with ids in a row that share a shard.
const SHARD_RUN: usize = 128;
/// About what a series costs beside its labels and samples: the entry, its postings, the lookup.
const SERIES_OVERHEAD: i64 = 400;
const EXEMPLAR_OVERHEAD: i64 = 48;

/// Everything held in memory for one tenant.
#[derive(Debug)]
pub(super) struct Memory {
    index: RwLock<Index>,
    shards: [Arc<Shard>; SHARDS],
    /// Series that are here or about to be added.
    admitted: AtomicU64,
    metadata: Mutex<HashMap<String, MetadataRow>>,
    bytes: AtomicU64,
    samples: AtomicU64,
    min_ms: AtomicI64,
    max_ms: AtomicI64,
}

/// One series.
#[derive(Debug)]
pub(super) struct MemorySeries {
    pub(super) labels: Labels,
    shard: Arc<Shard>,
    slot: usize,
}

/// The samples of some series. One lock for many, because a batch has samples of many, which stand
/// side by side: a lock each would stall it at every sample.
type Shard = Mutex<Vec<Live>>;

/// Where the samples of a series are.
struct Place {
    shard: usize,
    slot: usize,
}

impl Place {
    /// Series that came one after the other, as those of a sender do, mostly share a shard.
    fn of(id: u32) -> Self {
        let (run, within) = (id as usize / SHARD_RUN, id as usize % SHARD_RUN);
        Self { shard: run % SHARDS, slot: run / SHARDS * SHARD_RUN + within }
    }
}

/// Where a series is, and what the log calls it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) id: u32,
    pub(super) number: u64,
}

/// Goes from series to series and takes a lock only where the shard changes.
struct ShardWriter<'a> {
    shards: &'a [Arc<Shard>; SHARDS],
    held: Option<(usize, MutexGuard<'a, Vec<Live>>)>,
}

impl ShardWriter<'_> {
    fn live(&mut self, id: u32) -> &mut Live {
        let place = Place::of(id);
        if self.held.as_ref().is_none_or(|(shard, _)| *shard != place.shard) {
            self.held = None;
        }
        let (_, series) =
            self.held.get_or_insert_with(|| (place.shard, self.shards[place.shard].lock()));
        &mut series[place.slot]
    }
}

#[derive(Debug, Default)]
struct Live {
    /// In the order in which they were appended.
    open: Vec<(i64, f64)>,
    sealed: Vec<u8>,
    rare: Option<Box<Rare>>,
}

/// What most series do not have.
#[derive(Debug, Default)]
struct Rare {
    /// Start timestamps of the open samples; empty where none has one, and shorter than they are
    /// where only earlier ones have.
    open_starts: Vec<i64>,
    histograms: Vec<HistogramRow>,
    exemplars: Vec<Exemplar>,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self {
            index: RwLock::default(),
            shards: std::array::from_fn(|_| Arc::default()),
            admitted: AtomicU64::new(0),
            metadata: Mutex::default(),
            bytes: AtomicU64::new(0),
            samples: AtomicU64::new(0),
            min_ms: AtomicI64::new(i64::MAX),
            max_ms: AtomicI64::new(i64::MIN),
        }
    }

    pub(super) fn byte_len(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    pub(super) fn samples(&self) -> u64 {
        self.samples.load(Relaxed)
    }

    pub(super) fn series_count(&self) -> u64 {
        self.index.read().series.len() as u64
    }

    pub(super) fn head_stats(&self) -> HeadStats {
        let chunks =
            |live: &Live| chunks(&live.sealed).count() + usize::from(!live.open.is_empty());
        let of = |shard: &Arc<Shard>| shard.lock().iter().map(chunks).sum::<usize>() as u64;
        HeadStats {
            series: self.series_count(),
            samples: self.samples(),
            chunks: self.shards.iter().map(of).sum(),
            time_range_ms: self.time_range_ms(),
        }
    }

    pub(super) fn time_range_ms(&self) -> Option<(i64, i64)> {
        let range = (self.min_ms.load(Relaxed), self.max_ms.load(Relaxed));
        (range.0 <= range.1).then_some(range)
    }

    /// The series of a batch that are here, by their row.
    pub(super) fn find(&self, batch: &MetricColumns) -> Vec<Option<Known>> {
        let index = self.index.read();
        batch.series.labels.iter().map(|labels| index.known(labels)).collect()
    }

    /// Makes places for series that are about to be added, as many as are wanted and as there may
    /// be in all. Gives how many.
    pub(super) fn admit(&self, wanted: u64, series_max: u64) -> u64 {
        let more = |admitted: u64| Some(admitted + wanted.min(series_max.saturating_sub(admitted)));
        let before = self.admitted.fetch_update(Relaxed, Relaxed, more).unwrap_or_else(|all| all);
        wanted.min(series_max.saturating_sub(before))
    }

    /// Gives back places that [`Memory::admit`] made.
    pub(super) fn dismiss(&self, series: u64) {
        self.admitted.fetch_sub(series, Relaxed);
    }

    /// Adds the series of some rows, unless they came in another way meanwhile, and notes their
    /// ids. Gives how many were added, and by how many bytes that grew.
    pub(super) fn add(
        &self,
        rows: Vec<(u32, Labels)>,
        numbers: &[u64],
        ids: &mut [u32],
    ) -> (u64, i64) {
        let (mut added, mut grown) = (0, 0);
        if rows.is_empty() {
            return (added, grown);
        }
        let mut index = self.index.write();
        for (row, labels) in rows {
            let row = row as usize;
            ids[row] = index.find(labels.as_bytes()).unwrap_or_else(|| {
                grown += labels.as_bytes().len() as i64 + SERIES_OVERHEAD;
                added += 1;
                let place = Place::of(index.next_id());
                let shard = Arc::clone(&self.shards[place.shard]);
                shard.lock().push(Live::default());
                index.add(MemorySeries { labels, shard, slot: place.slot }, numbers[row])
            });
        }
        drop(index);
        self.grow(grown);
        (added, grown)
    }

    /// Takes in a batch; `ids` are those of its series, by row. Gives by how many bytes that grew.
    pub(super) fn append(&self, batch: &MetricColumns, ids: &[u32]) -> i64 {
        let mut writer = ShardWriter { shards: &self.shards, held: None };
        let (floats, mut start, mut grown) = (&batch.floats, 0, 0);
        while let Some(row) = floats.series.get(start).copied() {
            let run = floats.series[start..].iter().take_while(|other| **other == row).count();
            let run = start..start + run;
            start = run.end;
            grown += writer.live(ids[row as usize]).push_floats(
                &floats.time_ms[run.clone()],
                &floats.value[run.clone()],
                &floats.start_ms[run],
            );
        }
        let histograms = &batch.histograms;
        for (at, row) in histograms.series.iter().enumerate() {
            let histogram: Box<[u8]> = histograms.histogram.get(at).into();
            grown += (histogram.len() + size_of::<HistogramRow>()) as i64;
            let (time_ms, start_ms) = (histograms.time_ms[at], histograms.start_ms[at]);
            let sample = HistogramRow { time_ms, start_ms, histogram };
            writer.live(ids[*row as usize]).rare().histograms.push(sample);
        }
        let exemplars = &batch.exemplars;
        for (at, row) in exemplars.series.iter().enumerate() {
            let labels: Box<[u8]> = exemplars.labels.get(at).into();
            grown += labels.len() as i64 + EXEMPLAR_OVERHEAD;
            let (time_ms, value) = (exemplars.time_ms[at], exemplars.value[at]);
            let exemplar = Exemplar { time_ms, value, labels };
            writer.live(ids[*row as usize]).rare().exemplars.push(exemplar);
        }
        drop(writer);
        grown += self.append_metadata(batch);
        self.grow(grown);
        self.samples.fetch_add(batch.samples() as u64, Relaxed);
        for times in [&floats.time_ms, &histograms.time_ms, &exemplars.time_ms] {
            if let (Some(min), Some(max)) = (times.iter().min(), times.iter().max()) {
                self.min_ms.fetch_min(*min, Relaxed);
                self.max_ms.fetch_max(*max, Relaxed);
            }
        }
        grown
    }

    /// Adds a difference, which is negative where a chunk was sealed.
    fn grow(&self, bytes: i64) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    fn append_metadata(&self, batch: &MetricColumns) -> i64 {
        if batch.metadata.family.is_empty() {
            return 0;
        }
        let mut grown = 0;
        let mut metadata = self.metadata.lock();
        for (at, family) in batch.metadata.family.iter().enumerate() {
            let row = MetadataRow {
                family: family.to_owned(),
                kind: MetricKind::from_code(batch.metadata.kind[at]),
                unit: batch.metadata.unit.get(at).to_owned(),
                help: batch.metadata.help.get(at).to_owned(),
            };
            let size = |row: &MetadataRow| {
                (2 * row.family.len() + row.unit.len() + row.help.len() + 100) as i64
            };
            grown += size(&row);
            if let Some(old) = metadata.insert(family.to_owned(), row) {
                grown -= size(&old);
            }
        }
        grown
    }

    /// What is known about families, sorted by name.
    pub(super) fn metadata(&self) -> Vec<MetadataRow> {
        let mut rows: Vec<MetadataRow> = self.metadata.lock().values().cloned().collect();
        rows.sort_by(|a, b| a.family.cmp(&b.family));
        rows
    }

    /// The series with these ids, sorted by their labels' bytes.
    pub(super) fn sorted(&self, ids: &RoaringBitmap) -> Vec<Arc<MemorySeries>> {
        let mut series: Vec<Arc<MemorySeries>> = {
            let index = self.index.read();
            ids.iter().filter_map(|id| index.series.get(id as usize).cloned()).collect()
        };
        series.sort_unstable_by(|a, b| a.labels.as_bytes().cmp(b.labels.as_bytes()));
        series
    }

    /// Runs `see` on the index; no series is added meanwhile.
    pub(super) fn with_index<T>(&self, see: impl FnOnce(&dyn LabelIndex) -> T) -> T {
        see(&*self.index.read())
    }

    /// Of the given series those with a sample in the range.
    pub(super) fn with_sample(&self, ids: &RoaringBitmap, range: Range) -> RoaringBitmap {
        let index = self.index.read();
        ids.iter()
            .filter(|id| index.series.get(*id as usize).is_some_and(|series| series.touches(range)))
            .collect()
    }
}

impl MemorySeries {
    /// Appends what lies in the range to `data`, in the order in which it was appended here.
    pub(super) fn read_samples(&self, range: Range, data: &mut SeriesData) {
        let shard = self.shard.lock();
        let live = &shard[self.slot];
        for chunk in chunks(&live.sealed) {
            if range.overlaps(chunk.min_ms, chunk.max_ms) {
                chunk.read(range, &mut data.floats);
            }
        }
        for (at, (time_ms, value)) in live.open.iter().enumerate() {
            if range.contains(*time_ms) {
                let start_ms = live.open_starts().get(at).copied().filter(|start| *start != 0);
                data.floats.extend(&[*time_ms], &[*value], start_ms.as_slice());
            }
        }
        let histograms = live.rare.iter().flat_map(|rare| &rare.histograms);
        data.histograms.extend(histograms.filter(|row| range.contains(row.time_ms)).cloned());
    }

    /// Appends the exemplars in the range to `data`.
    pub(super) fn read_exemplars(&self, range: Range, data: &mut SeriesData) {
        let shard = self.shard.lock();
        let live = &shard[self.slot];
        let exemplars = live.rare.iter().flat_map(|rare| &rare.exemplars);
        data.exemplars.extend(exemplars.filter(|one| range.contains(one.time_ms)).cloned());
    }

    /// Whether there is a sample in the range.
    pub(super) fn touches(&self, range: Range) -> bool {
        let shard = self.shard.lock();
        let live = &shard[self.slot];
        let mut histograms = live.rare.iter().flat_map(|rare| &rare.histograms);
        live.open.iter().any(|(time_ms, _)| range.contains(*time_ms))
            || histograms.any(|row| range.contains(row.time_ms))
            || chunks(&live.sealed).any(|chunk| chunk.touches(range))
    }
}

impl Live {
    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    fn open_starts(&self) -> &[i64] {
        self.rare.as_ref().map_or(&[], |rare| &rare.open_starts)
    }

    /// Appends samples; gives by how many bytes that grew.
    fn push_floats(&mut self, times: &[i64], values: &[f64], starts: &[i64]) -> i64 {
        let before = self.float_bytes();
        for ((time_ms, value), start_ms) in times.iter().zip(values).zip(starts) {
            self.open.push((*time_ms, *value));
            if *start_ms != 0 {
                let at = self.open.len() - 1;
                let open_starts = &mut self.rare().open_starts;
                open_starts.resize(at, 0);
                open_starts.push(*start_ms);
            }
            if self.open.len() >= OPEN_MAX {
                self.seal();
            }
        }
        self.float_bytes() as i64 - before as i64
    }

    fn seal(&mut self) {
        let mut samples = Floats::default();
        (samples.times_ms, samples.values) = self.open.drain(..).unzip();
        if let Some(rare) = &mut self.rare
            && !rare.open_starts.is_empty()
        {
            rare.open_starts.resize(samples.times_ms.len(), 0);
            samples.starts_ms.append(&mut rare.open_starts);
        }
        samples.settle();
        seal(&samples, &mut self.sealed);
    }

    fn float_bytes(&self) -> usize {
        let starts = self.rare.as_ref().map_or(0, |rare| rare.open_starts.capacity() * 8);
        self.open.capacity() * size_of::<(i64, f64)>() + self.sealed.capacity() + starts
    }
}

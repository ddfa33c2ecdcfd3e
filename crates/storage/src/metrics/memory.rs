//! Series and their samples in memory: the state behind the head, and behind what is frozen on
//! its way to disk. Appends and queries run side by side: the index is locked for writing only
//! while a series is added, and each series has its own lock.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use parking_lot::{Mutex, RwLock};
use roaring::RoaringBitmap;
use watchkeep_model::metrics::MetricKind;
use watchkeep_model::{Labels, MetricColumns, Result};

use super::chunk::{chunks, seal};
use super::data::{Exemplar, Floats, HistogramRow, Range, SeriesData};
use super::select::{LabelIndex, SeePosting};
use crate::seam::MetadataRow;

/// Samples of a series that wait uncompressed. At 480 samples a series, the usual fill, the
/// buffer and the heads of chunks together take the least memory near this size.
const OPEN_MAX: usize = 32;
/// About what a series costs beside its labels and samples: the entry, its postings, the lookup.
const SERIES_OVERHEAD: u64 = 400;
const EXEMPLAR_OVERHEAD: u64 = 48;

/// Everything held in memory for one tenant.
#[derive(Debug)]
pub(super) struct Memory {
    index: RwLock<Index>,
    hasher: DefaultHashBuilder,
    metadata: Mutex<HashMap<String, MetadataRow>>,
    bytes: AtomicU64,
    samples: AtomicU64,
    min_ms: AtomicI64,
    max_ms: AtomicI64,
}

#[derive(Debug, Default)]
struct Index {
    lookup: HashTable<u32>,
    series: Vec<Arc<MemorySeries>>,
    postings: HashMap<String, HashMap<String, RoaringBitmap>>,
}

/// One series.
#[derive(Debug)]
pub(super) struct MemorySeries {
    pub(super) labels: Labels,
    live: Mutex<Live>,
}

#[derive(Debug, Default)]
struct Live {
    /// In the order in which they were appended.
    open: Floats,
    sealed: Vec<u8>,
    histograms: Vec<HistogramRow>,
    exemplars: Vec<Exemplar>,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self {
            index: RwLock::default(),
            hasher: DefaultHashBuilder::default(),
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

    pub(super) fn time_range_ms(&self) -> Option<(i64, i64)> {
        let range = (self.min_ms.load(Relaxed), self.max_ms.load(Relaxed));
        (range.0 <= range.1).then_some(range)
    }

    pub(super) fn append(&self, batch: &MetricColumns) {
        let rows = self.resolve(batch);
        let index = self.index.read();
        let series_at = |row: u32| -> Option<&MemorySeries> {
            let id = rows.get(row as usize).copied().flatten()?;
            index.series.get(id as usize).map(AsRef::as_ref)
        };
        let (floats, mut start) = (&batch.floats, 0);
        while let Some(row) = floats.series.get(start).copied() {
            let run = floats.series[start..].iter().take_while(|other| **other == row).count();
            if let Some(series) = series_at(row) {
                let grown = series.live.lock().push_floats(
                    &floats.time_ms[start..start + run],
                    &floats.value[start..start + run],
                    &floats.start_ms[start..start + run],
                );
                self.grow(grown);
            }
            start += run;
        }
        for (at, row) in batch.histograms.series.iter().enumerate() {
            if let Some(series) = series_at(*row) {
                let histogram: Box<[u8]> = batch.histograms.histogram.get(at).into();
                self.grow((histogram.len() + size_of::<HistogramRow>()) as i64);
                let (time_ms, start_ms) =
                    (batch.histograms.time_ms[at], batch.histograms.start_ms[at]);
                let row = HistogramRow { time_ms, start_ms, histogram };
                series.live.lock().histograms.push(row);
            }
        }
        let exemplars = &batch.exemplars;
        for (at, row) in exemplars.series.iter().enumerate() {
            if let Some(series) = series_at(*row) {
                let labels: Box<[u8]> = exemplars.labels.get(at).into();
                self.grow(labels.len() as i64 + EXEMPLAR_OVERHEAD as i64);
                let (time_ms, value) = (exemplars.time_ms[at], exemplars.value[at]);
                series.live.lock().exemplars.push(Exemplar { time_ms, value, labels });
            }
        }
        drop(index);
        self.append_metadata(batch);
        self.samples.fetch_add(batch.samples() as u64, Relaxed);
        let times = [&batch.floats.time_ms, &batch.histograms.time_ms, &batch.exemplars.time_ms];
        for times in times {
            if let (Some(min), Some(max)) = (times.iter().min(), times.iter().max()) {
                self.min_ms.fetch_min(*min, Relaxed);
                self.max_ms.fetch_max(*max, Relaxed);
            }
        }
    }

    /// Adds a difference, which is negative where a chunk was sealed.
    fn grow(&self, bytes: i64) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// The id of each series of the batch, added where new. `None` where the labels are malformed,
    /// which decoders rule out.
    fn resolve(&self, batch: &MetricColumns) -> Vec<Option<u32>> {
        let hashes: Vec<u64> =
            batch.series.labels.iter().map(|labels| self.hasher.hash_one(labels)).collect();
        let mut rows: Vec<Option<u32>> = {
            let index = self.index.read();
            let rows = hashes.iter().zip(batch.series.labels.iter());
            rows.map(|(hash, labels)| index.find(*hash, labels)).collect()
        };
        if rows.iter().all(Option::is_some) {
            return rows;
        }
        let mut index = self.index.write();
        for (at, row) in rows.iter_mut().enumerate().filter(|(_, row)| row.is_none()) {
            let bytes = batch.series.labels.get(at);
            // Another append, or an earlier row, may have added it meanwhile.
            *row = index.find(hashes[at], bytes);
            if row.is_none() {
                match Labels::from_canonical(bytes) {
                    Ok(labels) => {
                        *row = Some(index.add(hashes[at], labels, &self.hasher));
                        self.grow((bytes.len() as u64 + SERIES_OVERHEAD) as i64);
                    }
                    Err(error) => tracing::error!(
                        error = error.report(),
                        "dropped the samples of a series whose labels are malformed"
                    ),
                }
            }
        }
        rows
    }

    fn append_metadata(&self, batch: &MetricColumns) {
        if batch.metadata.family.is_empty() {
            return;
        }
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
            self.grow(size(&row));
            if let Some(old) = metadata.insert(family.to_owned(), row) {
                self.grow(-size(&old));
            }
        }
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

impl Index {
    fn find(&self, hash: u64, labels: &[u8]) -> Option<u32> {
        let same = |id: &u32| self.series[*id as usize].labels.as_bytes() == labels;
        self.lookup.find(hash, same).copied()
    }

    fn add(&mut self, hash: u64, labels: Labels, hasher: &DefaultHashBuilder) -> u32 {
        let id = u32::try_from(self.series.len()).expect("memory ends before 2^32 series");
        for (name, value) in labels.iter() {
            let values = self.postings.entry_ref(name).or_default();
            values.entry_ref(value).or_default().insert(id);
        }
        self.series.push(Arc::new(MemorySeries { labels, live: Mutex::default() }));
        let series = &self.series;
        self.lookup
            .insert_unique(hash, id, |id| hasher.hash_one(series[*id as usize].labels.as_bytes()));
        id
    }
}

impl LabelIndex for Index {
    fn all(&self) -> RoaringBitmap {
        (0..self.series.len() as u32).collect()
    }

    fn posting(&self, name: &str, value: &str) -> Result<RoaringBitmap> {
        let values = self.postings.get(name);
        Ok(values.and_then(|values| values.get(value)).cloned().unwrap_or_default())
    }

    fn each_value(
        &self,
        name: &str,
        wanted: &dyn Fn(&str) -> bool,
        see: SeePosting<'_>,
    ) -> Result<()> {
        let values = self.postings.get(name).into_iter().flatten();
        let mut values = values.filter(|(value, _)| wanted(value));
        values.try_for_each(|(value, series)| see(value, series))
    }

    fn names(&self) -> Vec<String> {
        self.postings.keys().cloned().collect()
    }
}

impl MemorySeries {
    /// Appends what lies in the range to `data`, in the order in which it was appended here.
    pub(super) fn read_samples(&self, range: Range, data: &mut SeriesData) {
        let live = self.live.lock();
        for chunk in chunks(&live.sealed) {
            if range.overlaps(chunk.min_ms, chunk.max_ms) {
                chunk.read(range, &mut data.floats);
            }
        }
        let open = &live.open;
        for at in (0..open.len()).filter(|at| range.contains(open.times_ms[*at])) {
            let starts = if open.starts_ms.is_empty() { &[] } else { &open.starts_ms[at..=at] };
            data.floats.extend(&open.times_ms[at..=at], &open.values[at..=at], starts);
        }
        let inside = live.histograms.iter().filter(|row| range.contains(row.time_ms));
        data.histograms.extend(inside.cloned());
    }

    /// Appends the exemplars in the range to `data`.
    pub(super) fn read_exemplars(&self, range: Range, data: &mut SeriesData) {
        let live = self.live.lock();
        let inside = live.exemplars.iter().filter(|exemplar| range.contains(exemplar.time_ms));
        data.exemplars.extend(inside.cloned());
    }

    /// Whether there is a sample in the range.
    pub(super) fn touches(&self, range: Range) -> bool {
        let live = self.live.lock();
        live.open.times_ms.iter().any(|time_ms| range.contains(*time_ms))
            || live.histograms.iter().any(|row| range.contains(row.time_ms))
            || chunks(&live.sealed).any(|chunk| chunk.touches(range))
    }
}

impl Live {
    /// Appends samples; gives by how many bytes that grew.
    fn push_floats(&mut self, times: &[i64], values: &[f64], starts: &[i64]) -> i64 {
        let before = self.float_bytes();
        let known = starts.iter().any(|start_ms| *start_ms != 0);
        for at in 0..times.len() {
            let start = if known { &starts[at..=at] } else { &[] };
            self.open.extend(&times[at..=at], &values[at..=at], start);
            if self.open.len() >= OPEN_MAX {
                self.open.settle();
                seal(&self.open, &mut self.sealed);
                self.open.clear();
            }
        }
        self.float_bytes() as i64 - before as i64
    }

    fn float_bytes(&self) -> usize {
        let open = &self.open;
        (open.times_ms.capacity() + open.values.capacity() + open.starts_ms.capacity()) * 8
            + self.sealed.capacity()
    }
}

//! An immutable part on disk: one file, drawn in `docs/formats/metrics.md`. An open part keeps its
//! directory (offsets, and the first value of each frame of postings) in memory; everything else is
//! read when asked for, and every frame's checksum is checked when it is read.

mod cache;
mod entry;
mod frame;
mod group;
mod plan;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use roaring::RoaringBitmap;
use watchkeep_model::Result;

use self::cache::Cached;
pub(crate) use self::cache::FrameCache;
use self::entry::decode_metadata;
use self::frame::{Fields, Input, Kind};
use self::reader::unsqueeze;
pub(super) use self::reader::{Found, Reader};
pub(super) use self::writer::Writer;
use super::data::Range;
use super::mask::Horizon;
use super::select::{LabelIndex, SeePosting, all_below};
use crate::seam::{MetadataRow, MetricPart};

/// Series whose labels and places share a frame.
const SERIES_PER_BLOCK: usize = 128;

/// Figures about a part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PartFigures {
    /// First millisecond of a sample or exemplar; 0 in a part with neither.
    pub(crate) min_ms: i64,
    /// Last millisecond of a sample or exemplar; 0 in a part with neither.
    pub(crate) max_ms: i64,
    pub(crate) series: u64,
    pub(crate) samples: u64,
    /// Size on disk.
    pub(crate) bytes: u64,
}

/// An open part. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Part(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// No other part that was ever opened has it.
    number: u64,
    cache: Arc<FrameCache>,
    input: Input,
    directory: Directory,
}

#[derive(Debug)]
struct Directory {
    figures: PartFigures,
    /// Series without samples, which have exemplars only.
    bare: u64,
    /// Offsets of the frames of series.
    blocks: Vec<u64>,
    /// Offsets of the groups.
    groups: Vec<u64>,
    /// Label name -> first value and offset of each frame of postings.
    names: BTreeMap<String, Vec<(String, u64)>>,
    metadata_at: u64,
}

/// Bytes of labels and postings that are asked for when a part is opened, so that the first question
/// does not wait for each of their frames.
const INDEX_AHEAD_MAX: u64 = 1 << 20;

impl Part {
    /// Opens the part in a directory, reading both ends of its file.
    pub(crate) fn open(directory: &Path, cache: &Arc<FrameCache>) -> Result<Self> {
        static OPENED: AtomicU64 = AtomicU64::new(0);
        let (input, at) = Input::open(directory)?;
        let frame = input.frame(at, Kind::Directory)?;
        let mut directory = input.parsed(at, Directory::parse(&frame.payload))?;
        directory.figures.bytes = input.size();
        let index_at = directory.blocks.first().copied().unwrap_or(at);
        input.will_need(index_at.max(at.saturating_sub(INDEX_AHEAD_MAX)), at);
        let number = OPENED.fetch_add(1, Ordering::Relaxed);
        Ok(Self(Arc::new(Inner { number, cache: Arc::clone(cache), input, directory })))
    }

    /// The frame at an offset, where it was read lately.
    fn cached(&self, at: u64) -> Option<Cached> {
        self.0.cache.get((self.0.number, at))
    }

    /// Keeps a frame for the next who asks.
    fn keep(&self, at: u64, frame: &Cached) {
        self.0.cache.put((self.0.number, at), frame);
    }

    pub(crate) fn figures(&self) -> PartFigures {
        self.0.directory.figures
    }

    /// What others are told about it. Its number is the name of its directory.
    pub(crate) fn summary(&self) -> MetricPart {
        let figures = self.figures();
        let directory = self.0.input.path().parent().and_then(Path::file_name);
        let name = directory.and_then(|name| name.to_str()).unwrap_or_default();
        MetricPart {
            id: u64::from_str_radix(name, 16).unwrap_or_default(),
            start_ms: figures.min_ms,
            end_ms: figures.max_ms,
            series: figures.series,
            samples: figures.samples,
        }
    }

    /// Reads the whole file and checks every checksum.
    #[cfg(test)]
    pub(crate) fn verify(&self) -> Result<()> {
        self.0.input.check_frames()
    }

    /// What is known about families, sorted by name.
    pub(super) fn metadata(&self) -> Result<Vec<MetadataRow>> {
        let input = &self.0.input;
        let at = self.0.directory.metadata_at;
        let frame = input.frame(at, Kind::Metadata)?;
        input.parsed(at, decode_metadata(&frame.payload))
    }

    /// Whether every sample of some series is past the horizon.
    pub(crate) fn has_expired(&self, horizon: &Horizon) -> Result<bool> {
        let figures = self.figures();
        if !horizon.reaches(figures.max_ms) {
            return Ok(false);
        }
        let mut reader = Reader::new(self.clone());
        for id in 0..figures.series as u32 {
            if horizon.of(&reader.find(id)?.labels).is_some_and(|first| figures.max_ms < first) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn index(&self) -> &dyn LabelIndex {
        &*self.0
    }

    /// Whether it can be told without looking that every series has a sample in the range.
    pub(super) fn all_have_sample(&self, range: Range) -> bool {
        let Directory { figures, bare, .. } = &self.0.directory;
        *bare == 0 && range.contains(figures.min_ms) && range.contains(figures.max_ms)
    }

    /// Of the given series those with a sample in the range.
    pub(super) fn with_sample(&self, ids: &RoaringBitmap, range: Range) -> Result<RoaringBitmap> {
        if self.all_have_sample(range) {
            return Ok(ids.clone());
        }
        let mut reader = Reader::new(self.clone());
        let mut touched = RoaringBitmap::new();
        for id in ids {
            let found = reader.find(id)?;
            if reader.touches(&found, range)? {
                touched.insert(id);
            }
        }
        Ok(touched)
    }
}

impl Directory {
    fn parse(payload: &[u8]) -> Option<Self> {
        let mut fields = Fields { rest: payload };
        let (min_ms, max_ms) = (fields.signed()?, fields.signed()?);
        let (series, samples, bare) = (fields.varint()?, fields.varint()?, fields.varint()?);
        let blocks = fields.offsets()?;
        let groups = fields.offsets()?;
        if series > u64::from(u32::MAX)
            || series.div_ceil(SERIES_PER_BLOCK as u64) != blocks.len() as u64
        {
            return None;
        }
        let mut names = BTreeMap::new();
        for _ in 0..fields.count()? {
            let name = fields.text()?.to_owned();
            let frames = (0..fields.count()?)
                .map(|_| Some((fields.text()?.to_owned(), fields.varint()?)))
                .collect::<Option<Vec<_>>>()?;
            names.insert(name, frames);
        }
        let metadata_at = fields.varint()?;
        let figures = PartFigures { min_ms, max_ms, series, samples, bytes: 0 };
        fields.rest.is_empty().then_some(Self { figures, bare, blocks, groups, names, metadata_at })
    }
}

impl Inner {
    /// A frame of postings, unpacked.
    fn postings(&self, at: u64) -> Result<Arc<Vec<u8>>> {
        if let Some(Cached::Postings(raw)) = self.cache.get((self.number, at)) {
            return Ok(raw);
        }
        let frame = self.input.frame(at, Kind::Postings)?;
        let raw = unsqueeze(&frame.payload);
        let raw = Arc::new(self.input.parsed(at, raw)?);
        self.cache.put((self.number, at), &Cached::Postings(Arc::clone(&raw)));
        Ok(raw)
    }

    /// Shows the values of a frame of postings for which `wanted` holds.
    fn each_posting(
        &self,
        at: u64,
        wanted: &dyn Fn(&str) -> bool,
        see: SeePosting<'_>,
    ) -> Result<()> {
        let raw = self.postings(at)?;
        let mut fields = Fields { rest: &raw };
        while !fields.rest.is_empty() {
            let value = self.input.parsed(at, fields.text())?;
            let posting = if wanted(value) {
                let inside = |posting: &RoaringBitmap| {
                    posting.max().is_none_or(|id| u64::from(id) < self.directory.figures.series)
                };
                let posting = read_posting(&mut fields).filter(inside);
                Some(self.input.parsed(at, posting)?)
            } else {
                self.input.parsed(at, skip_posting(&mut fields))?;
                None
            };
            if let Some(posting) = posting {
                see(value, &posting)?;
            }
        }
        Ok(())
    }
}

impl LabelIndex for Inner {
    fn all(&self) -> RoaringBitmap {
        all_below(self.directory.figures.series as u32)
    }

    fn posting(&self, name: &str, value: &str) -> Result<RoaringBitmap> {
        let mut found = RoaringBitmap::new();
        let Some(frames) = self.directory.names.get(name) else { return Ok(found) };
        let after = frames.partition_point(|(first, _)| first.as_str() <= value);
        let Some((_, at)) = after.checked_sub(1).and_then(|at| frames.get(at)) else {
            return Ok(found);
        };
        self.each_posting(*at, &|other| other == value, &mut |_, posting| {
            found.clone_from(posting);
            Ok(())
        })?;
        Ok(found)
    }

    fn each_value(
        &self,
        name: &str,
        wanted: &dyn Fn(&str) -> bool,
        see: SeePosting<'_>,
    ) -> Result<()> {
        let frames = self.directory.names.get(name).into_iter().flatten();
        frames.into_iter().try_for_each(|(_, at)| self.each_posting(*at, wanted, see))
    }

    fn values(&self, name: &str, see: &mut dyn FnMut(&str)) -> Result<()> {
        for (_, at) in self.directory.names.get(name).into_iter().flatten() {
            let raw = self.postings(*at)?;
            let mut fields = Fields { rest: &raw };
            while !fields.rest.is_empty() {
                see(self.input.parsed(*at, fields.text())?);
                self.input.parsed(*at, skip_posting(&mut fields))?;
            }
        }
        Ok(())
    }

    fn names(&self) -> Vec<String> {
        self.directory.names.keys().cloned().collect()
    }
}

fn read_posting(fields: &mut Fields<'_>) -> Option<RoaringBitmap> {
    let count = fields.varint()?;
    if count < writer::LIST_MAX {
        let mut numbers = Vec::with_capacity(count as usize);
        let mut last = 0_u32;
        for _ in 0..count {
            last = last.checked_add(u32::try_from(fields.varint()?).ok()?)?;
            numbers.push(last);
        }
        return RoaringBitmap::from_sorted_iter(numbers).ok();
    }
    let posting = RoaringBitmap::deserialize_from(fields.bytes()?).ok()?;
    (posting.len() == count).then_some(posting)
}

fn skip_posting(fields: &mut Fields<'_>) -> Option<()> {
    let count = fields.varint()?;
    if count < writer::LIST_MAX {
        (0..count).try_for_each(|_| fields.varint().map(drop))
    } else {
        fields.bytes().map(drop)
    }
}

//! Writes a part, series by series in the order of their labels. Held meanwhile are the groups that
//! gather, the index (labels compressed) and the distinct columns of times, up to a bound: never
//! all samples.

use std::collections::BTreeMap;
use std::path::Path;

use hashbrown::HashMap;
use roaring::RoaringBitmap;
use watchkeep_model::error::IoContext;
use watchkeep_model::labels::write_varint;
use watchkeep_model::{Error, Labels, Result};

use super::super::column::{self, zigzag};
use super::super::data::{HistogramRow, SeriesData};
use super::super::values::{Form, shape};
use super::entry::{
    FloatSegment, HistogramSegment, PageAt, SEGMENT_MAX, Span, Values, encode_entry,
    encode_exemplars, encode_metadata, write_bytes,
};
use super::frame::{Kind, Output};
use super::group::{GroupKey, NumberKind, Pending, key_of};
use super::{PartFigures, SERIES_PER_BLOCK};
use crate::seam::MetadataRow;

/// Numbers that may wait in groups that are not full.
const PENDING_MAX: usize = 4 << 20;
/// Bytes of columns of times that are remembered to be shared.
const TIMES_MAX: usize = 32 << 20;
/// Bytes of encoded histograms after which a frame ends.
const HISTOGRAMS_TARGET: usize = 256 << 10;
/// Bytes after which a frame of postings ends.
const POSTINGS_TARGET: usize = 32 << 10;
/// Postings of fewer series than this are lists of differences.
pub(super) const LIST_MAX: u64 = 32;
const ZSTD_LEVEL: i32 = 3;

/// A part that is being written.
pub(crate) struct Writer {
    out: Output,
    zstd: zstd::bulk::Compressor<'static>,
    /// Encoded column -> offset of its frame.
    times: HashMap<Vec<u8>, u64>,
    times_bytes: usize,
    groups: BTreeMap<GroupKey, Pending>,
    pending: usize,
    floats: Vec<FloatSegment>,
    histograms: Vec<HistogramSegment>,
    extents: Vec<Extent>,
    labels: LabelBlocks,
    postings: BTreeMap<String, BTreeMap<String, RoaringBitmap>>,
    figures: PartFigures,
    bare: u64,
}

/// How many segments are a series' own.
#[derive(Debug)]
struct Extent {
    floats: u32,
    histograms: u32,
    exemplars_at: Option<u64>,
}

#[derive(Debug, Default)]
struct LabelBlocks {
    done: Vec<Vec<u8>>,
    open: Vec<u8>,
    last: Vec<u8>,
}

impl Writer {
    pub(crate) fn create(directory: &Path) -> Result<Self> {
        Ok(Self {
            out: Output::create(directory)?,
            zstd: zstd::bulk::Compressor::new(ZSTD_LEVEL)
                .context(|| "cannot set up compression".to_owned())?,
            times: HashMap::new(),
            times_bytes: 0,
            groups: BTreeMap::new(),
            pending: 0,
            floats: Vec::new(),
            histograms: Vec::new(),
            extents: Vec::new(),
            labels: LabelBlocks::default(),
            postings: BTreeMap::new(),
            figures: PartFigures { min_ms: i64::MAX, max_ms: i64::MIN, ..PartFigures::default() },
            bare: 0,
        })
    }

    /// Adds a series. Labels must rise from call to call, and times within the data.
    pub(crate) fn add(&mut self, labels: &Labels, data: &SeriesData) -> Result<()> {
        if !self.extents.is_empty() && self.labels.last.as_slice() >= labels.as_bytes() {
            // Compaction hands on what it reads, so this can be damage as well as a bug.
            return Err(Error::corrupt("series of a part do not rise by their labels"));
        }
        let id = u32::try_from(self.extents.len()).expect("a part has fewer than 2^32 series");
        let (floats_before, histograms_before) = (self.floats.len(), self.histograms.len());
        let floats = &data.floats;
        for (times, values) in
            floats.times_ms.chunks(SEGMENT_MAX).zip(floats.values.chunks(SEGMENT_MAX))
        {
            self.add_floats(times, values)?;
        }
        self.add_histograms(&data.histograms)?;
        let exemplars_at = if data.exemplars.is_empty() {
            None
        } else {
            for exemplar in &data.exemplars {
                self.see_times(exemplar.time_ms, exemplar.time_ms);
            }
            Some(self.out.frame(Kind::Exemplars, &encode_exemplars(&data.exemplars))?)
        };
        self.extents.push(Extent {
            floats: (self.floats.len() - floats_before) as u32,
            histograms: (self.histograms.len() - histograms_before) as u32,
            exemplars_at,
        });
        self.figures.series += 1;
        self.figures.samples += data.samples() as u64;
        self.bare += u64::from(data.samples() == 0);
        self.index(id, labels)
    }

    fn index(&mut self, id: u32, labels: &Labels) -> Result<()> {
        for (name, value) in labels.iter() {
            if !self.postings.contains_key(name) {
                self.postings.insert(name.to_owned(), BTreeMap::new());
            }
            let values = self.postings.get_mut(name).expect("it was just put there");
            match values.get_mut(value) {
                Some(posting) => {
                    posting.insert(id);
                }
                None => {
                    values.insert(value.to_owned(), RoaringBitmap::from_iter([id]));
                }
            }
        }
        let bytes = labels.as_bytes();
        let shared = bytes.iter().zip(&self.labels.last).take_while(|(a, b)| a == b).count();
        let shared = if self.labels.open.is_empty() { 0 } else { shared };
        write_varint(&mut self.labels.open, shared as u64);
        write_bytes(&mut self.labels.open, &bytes[shared..]);
        self.labels.last.clear();
        self.labels.last.extend_from_slice(bytes);
        if self.extents.len().is_multiple_of(SERIES_PER_BLOCK) { self.end_labels() } else { Ok(()) }
    }

    fn end_labels(&mut self) -> Result<()> {
        if !self.labels.open.is_empty() {
            let block = self.squeeze_open_labels()?;
            self.labels.done.push(block);
            self.labels.open.clear();
        }
        Ok(())
    }

    fn squeeze_open_labels(&mut self) -> Result<Vec<u8>> {
        let mut block = Vec::new();
        squeeze(&mut self.zstd, &self.labels.open, &mut block)?;
        Ok(block)
    }

    fn see_times(&mut self, min_ms: i64, max_ms: i64) {
        self.figures.min_ms = self.figures.min_ms.min(min_ms);
        self.figures.max_ms = self.figures.max_ms.max(max_ms);
    }

    /// Writes the times, unless a series before had the same.
    fn span(&mut self, times: &[i64]) -> Result<Span> {
        let (min_ms, max_ms) = (times[0], times[times.len() - 1]);
        self.see_times(min_ms, max_ms);
        let mut encoded = Vec::new();
        write_varint(&mut encoded, times.len() as u64);
        column::encode(times, &mut encoded);
        let times_at = if let Some(at) = self.times.get(&encoded) {
            *at
        } else {
            let at = self.out.frame(Kind::Times, &encoded)?;
            if self.times_bytes > TIMES_MAX {
                self.times.clear();
                self.times_bytes = 0;
            }
            self.times_bytes += encoded.len() + 48;
            self.times.insert(encoded, at);
            at
        };
        Ok(Span { count: times.len() as u32, min_ms, max_ms, times_at })
    }

    fn add_floats(&mut self, times: &[i64], values: &[f64]) -> Result<()> {
        let span = self.span(times)?;
        let shape = shape(values);
        let segment = self.floats.len();
        let nowhere = PageAt::default();
        let values = match &shape.form {
            Form::Constant(bits) => {
                Values::Constant { bits: *bits, exceptions: shape.exceptions.clone() }
            }
            Form::Decimals { exponent, .. } => {
                Values::Decimals { exponent: *exponent, page: nowhere }
            }
            Form::Floats(_) => Values::Floats(nowhere),
            Form::Bits(_) => Values::Bits(nowhere),
        };
        self.floats.push(FloatSegment { span, values });
        let Some(key) = key_of(&shape.form) else { return Ok(()) };
        let group = self.groups.entry(key).or_default();
        group.push(segment, &shape.form, shape.exceptions);
        self.pending += times.len();
        if group.is_full() {
            self.write_group(key)?;
        }
        if self.pending > PENDING_MAX {
            let fullest = self.groups.iter().max_by_key(|(_, group)| group.numbers());
            if let Some(key) = fullest.map(|(key, _)| *key) {
                self.write_group(key)?;
            }
        }
        Ok(())
    }

    fn write_group(&mut self, key: GroupKey) -> Result<()> {
        let Some(pending) = self.groups.remove(&key) else { return Ok(()) };
        self.pending -= pending.numbers();
        let kind: NumberKind = key.0;
        let packed = pending.pack(kind)?;
        let group = self.out.frame(Kind::Group, &packed.group)?;
        for (segment, payload) in pending.segments.iter().zip(&packed.pages) {
            let at = PageAt { group, page: self.out.frame(Kind::Page, payload)? };
            match &mut self.floats[*segment].values {
                Values::Constant { .. } => {}
                Values::Decimals { page, .. } | Values::Floats(page) | Values::Bits(page) => {
                    *page = at;
                }
            }
        }
        Ok(())
    }

    fn add_histograms(&mut self, mut samples: &[HistogramRow]) -> Result<()> {
        while !samples.is_empty() {
            let (mut raw, mut times) = (Vec::new(), Vec::new());
            for row in samples {
                write_bytes(&mut raw, &row.histogram);
                times.push(row.time_ms);
                if raw.len() > HISTOGRAMS_TARGET || times.len() == SEGMENT_MAX {
                    break;
                }
            }
            samples = &samples[times.len()..];
            let span = self.span(&times)?;
            let mut payload = Vec::new();
            squeeze(&mut self.zstd, &raw, &mut payload)?;
            let at = self.out.frame(Kind::Histograms, &payload)?;
            self.histograms.push(HistogramSegment { span, at });
        }
        Ok(())
    }

    /// Writes what waits, the index and the directory, and syncs. Metadata is sorted by name.
    pub(crate) fn finish(mut self, metadata: &[MetadataRow]) -> Result<PartFigures> {
        while let Some(key) = self.groups.keys().next().copied() {
            self.write_group(key)?;
        }
        self.end_labels()?;
        if self.figures.min_ms > self.figures.max_ms {
            (self.figures.min_ms, self.figures.max_ms) = (0, 0);
        }
        let blocks = self.write_series()?;
        let mut directory = Vec::new();
        write_varint(&mut directory, zigzag(self.figures.min_ms));
        write_varint(&mut directory, zigzag(self.figures.max_ms));
        for figure in [self.figures.series, self.figures.samples, self.bare] {
            write_varint(&mut directory, figure);
        }
        write_varint(&mut directory, blocks.len() as u64);
        for at in blocks {
            write_varint(&mut directory, at);
        }
        self.write_postings(&mut directory)?;
        let metadata_at = self.out.frame(Kind::Metadata, &encode_metadata(metadata))?;
        write_varint(&mut directory, metadata_at);
        let directory_at = self.out.frame(Kind::Directory, &directory)?;
        self.figures.bytes = self.out.finish(directory_at)?;
        Ok(self.figures)
    }

    fn write_series(&mut self) -> Result<Vec<u64>> {
        let (mut floats, mut histograms) = (&self.floats[..], &self.histograms[..]);
        let mut offsets = Vec::new();
        for (extents, labels) in self.extents.chunks(SERIES_PER_BLOCK).zip(&self.labels.done) {
            let mut payload = Vec::new();
            write_varint(&mut payload, extents.len() as u64);
            write_bytes(&mut payload, labels);
            for extent in extents {
                let (own_floats, rest) = floats.split_at(extent.floats as usize);
                floats = rest;
                let (own_histograms, rest) = histograms.split_at(extent.histograms as usize);
                histograms = rest;
                encode_entry(own_floats, own_histograms, extent.exemplars_at, &mut payload);
            }
            offsets.push(self.out.frame(Kind::Series, &payload)?);
        }
        Ok(offsets)
    }

    fn write_postings(&mut self, directory: &mut Vec<u8>) -> Result<()> {
        write_varint(directory, self.postings.len() as u64);
        for (name, values) in &self.postings {
            let mut frames: Vec<(&str, u64)> = Vec::new();
            let (mut payload, mut first) = (Vec::new(), None);
            for (value, series) in values {
                first.get_or_insert(value.as_str());
                write_bytes(&mut payload, value.as_bytes());
                write_posting(series, &mut payload)?;
                if payload.len() >= POSTINGS_TARGET {
                    let at = self.out.frame(Kind::Postings, &payload)?;
                    frames.push((first.take().unwrap_or_default(), at));
                    payload.clear();
                }
            }
            if let Some(first) = first {
                frames.push((first, self.out.frame(Kind::Postings, &payload)?));
            }
            write_bytes(directory, name.as_bytes());
            write_varint(directory, frames.len() as u64);
            for (first, at) in frames {
                write_bytes(directory, first.as_bytes());
                write_varint(directory, at);
            }
        }
        Ok(())
    }
}

fn write_posting(series: &RoaringBitmap, out: &mut Vec<u8>) -> Result<()> {
    write_varint(out, series.len());
    if series.len() < LIST_MAX {
        let mut last = 0;
        for id in series {
            write_varint(out, u64::from(id - last));
            last = id;
        }
        return Ok(());
    }
    write_varint(out, series.serialized_size() as u64);
    series.serialize_into(&mut *out).context(|| "cannot write a set of series".to_owned())
}

/// Appends the length of `raw` and its compressed bytes.
fn squeeze(zstd: &mut zstd::bulk::Compressor<'_>, raw: &[u8], out: &mut Vec<u8>) -> Result<()> {
    write_varint(out, raw.len() as u64);
    let compressed =
        zstd.compress(raw).context(|| format!("cannot compress {} bytes", raw.len()))?;
    out.extend_from_slice(&compressed);
    Ok(())
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("figures", &self.figures).finish_non_exhaustive()
    }
}

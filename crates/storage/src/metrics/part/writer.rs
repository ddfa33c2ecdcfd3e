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
use super::super::data::{Floats, HistogramRow, SeriesData};
use super::super::values::{Form, shape};
use super::entry::{
    EntryWriter, FloatSegment, HistogramSegment, PageRef, SEGMENT_MAX, Span, Values,
    encode_exemplars, encode_metadata, write_bytes,
};
use super::frame::{Kind, Output};
use super::group::Pending;
use super::plan::{GroupKey, plan};
use super::{PartFigures, SERIES_PER_BLOCK};
use crate::seam::MetadataRow;

/// Numbers that may wait in groups that are not full.
const PENDING_MAX: usize = 3 << 20;
/// Bytes of columns of times, and of start timestamps, that are remembered to be shared.
const COLUMNS_MAX: usize = 16 << 20;
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
    times: ColumnsWritten,
    starts: ColumnsWritten,
    groups: BTreeMap<GroupKey, Pending>,
    pending: usize,
    /// Offsets of the groups that are written.
    group_offsets: Vec<u64>,
    floats: Vec<FloatSegment>,
    histograms: Vec<HistogramSegment>,
    extents: Vec<Extent>,
    labels: LabelBlocks,
    postings: BTreeMap<String, BTreeMap<String, RoaringBitmap>>,
    figures: PartFigures,
    bare: u64,
}

/// Columns that are in the file, to be shared: encoded column -> offset of its frame.
#[derive(Debug, Default)]
struct ColumnsWritten {
    known: HashMap<Vec<u8>, u64>,
    bytes: usize,
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
            times: ColumnsWritten::default(),
            starts: ColumnsWritten::default(),
            groups: BTreeMap::new(),
            pending: 0,
            group_offsets: Vec::new(),
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
        for start in (0..floats.len()).step_by(SEGMENT_MAX) {
            self.add_floats(floats, start..(start + SEGMENT_MAX).min(floats.len()))?;
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
    fn span(&mut self, times: &[i64], starts: &[i64]) -> Result<Span> {
        let (min_ms, max_ms) = (times[0], times[times.len() - 1]);
        self.see_times(min_ms, max_ms);
        let times_at = self.times.place(Kind::Times, times, &mut self.out)?;
        let starts_at = if starts.iter().all(|start_ms| *start_ms == 0) {
            0
        } else {
            self.starts.place(Kind::Starts, starts, &mut self.out)?
        };
        Ok(Span { count: times.len() as u32, min_ms, max_ms, times_at, starts_at })
    }

    fn add_floats(&mut self, floats: &Floats, cut: std::ops::Range<usize>) -> Result<()> {
        let starts = floats.starts_ms.get(cut.clone()).unwrap_or_default();
        let span = self.span(&floats.times_ms[cut.clone()], starts)?;
        let shape = shape(&floats.values[cut.clone()]);
        let segment = self.floats.len();
        let Some(planned) = plan(&shape.form) else {
            let Form::Constant(bits) = shape.form else { return Ok(()) };
            let values = Values::Constant { bits, exceptions: shape.exceptions };
            self.floats.push(FloatSegment { span, values });
            return Ok(());
        };
        let exponent = if let Form::Decimals { exponent, .. } = shape.form { exponent } else { 0 };
        let exceptions = !shape.exceptions.is_empty();
        let (form, key) = (planned.form, planned.key);
        // The group and the page are known when the group is written.
        let page = PageRef { form, exponent, exceptions, group: 0, page: 0 };
        self.floats.push(FloatSegment { span, values: Values::Page(page) });
        let group = self.groups.entry(key).or_default();
        let before = group.numbers();
        group.push(segment, &planned, &shape.exceptions);
        self.pending += group.numbers() - before;
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
        let group = u32::try_from(self.group_offsets.len())
            .map_err(|_| Error::internal("a part has more than 2^32 groups"))?;
        let payload = pending.pack(key.kind)?;
        self.group_offsets.push(self.out.frame(Kind::Group, &payload)?);
        for (segment, number) in &pending.segments {
            if let Values::Page(page) = &mut self.floats[*segment].values {
                (page.group, page.page) = (group, *number);
            }
        }
        Ok(())
    }

    fn add_histograms(&mut self, mut samples: &[HistogramRow]) -> Result<()> {
        while !samples.is_empty() {
            let (mut raw, mut times, mut starts) = (Vec::new(), Vec::new(), Vec::new());
            for row in samples {
                write_bytes(&mut raw, &row.histogram);
                times.push(row.time_ms);
                starts.push(row.start_ms);
                if raw.len() > HISTOGRAMS_TARGET || times.len() == SEGMENT_MAX {
                    break;
                }
            }
            samples = &samples[times.len()..];
            let span = self.span(&times, &starts)?;
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
        for offsets in [&blocks, &self.group_offsets] {
            write_varint(&mut directory, offsets.len() as u64);
            let mut last = 0;
            for at in offsets {
                write_varint(&mut directory, at - last);
                last = *at;
            }
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
            let (mut entries, mut writer) = (Vec::new(), EntryWriter::default());
            for extent in extents {
                let (own_floats, rest) = floats.split_at(extent.floats as usize);
                floats = rest;
                let (own_histograms, rest) = histograms.split_at(extent.histograms as usize);
                histograms = rest;
                writer.entry(own_floats, own_histograms, extent.exemplars_at, &mut entries);
            }
            let mut payload = Vec::new();
            write_varint(&mut payload, extents.len() as u64);
            write_bytes(&mut payload, labels);
            squeeze(&mut self.zstd, &entries, &mut payload)?;
            offsets.push(self.out.frame(Kind::Series, &payload)?);
        }
        Ok(offsets)
    }

    fn write_postings(&mut self, directory: &mut Vec<u8>) -> Result<()> {
        write_varint(directory, self.postings.len() as u64);
        for (name, values) in &mut self.postings {
            let mut frames: Vec<(&str, u64)> = Vec::new();
            let (mut payload, mut first) = (Vec::new(), None);
            for (value, series) in values {
                first.get_or_insert(value.as_str());
                write_bytes(&mut payload, value.as_bytes());
                write_posting(series, &mut payload)?;
                if payload.len() >= POSTINGS_TARGET {
                    let at = write_squeezed(&mut self.out, &mut self.zstd, &payload)?;
                    frames.push((first.take().unwrap_or_default(), at));
                    payload.clear();
                }
            }
            if let Some(first) = first {
                let at = write_squeezed(&mut self.out, &mut self.zstd, &payload)?;
                frames.push((first, at));
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

fn write_squeezed(
    out: &mut Output,
    zstd: &mut zstd::bulk::Compressor<'_>,
    raw: &[u8],
) -> Result<u64> {
    let mut payload = Vec::new();
    squeeze(zstd, raw, &mut payload)?;
    out.frame(Kind::Postings, &payload)
}

fn write_posting(series: &mut RoaringBitmap, out: &mut Vec<u8>) -> Result<()> {
    write_varint(out, series.len());
    if series.len() < LIST_MAX {
        let mut last = 0;
        for id in series.iter() {
            write_varint(out, u64::from(id - last));
            last = id;
        }
        return Ok(());
    }
    series.optimize();
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

impl ColumnsWritten {
    /// The offset of a frame with this column, which is written unless it is known.
    fn place(&mut self, kind: Kind, column: &[i64], out: &mut Output) -> Result<u64> {
        let mut encoded = Vec::new();
        write_varint(&mut encoded, column.len() as u64);
        column::encode(column, &mut encoded);
        if let Some(at) = self.known.get(&encoded) {
            return Ok(*at);
        }
        let at = out.frame(kind, &encoded)?;
        if self.bytes > COLUMNS_MAX {
            self.known.clear();
            self.bytes = 0;
        }
        self.bytes += encoded.len() + 48;
        self.known.insert(encoded, at);
        Ok(at)
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("figures", &self.figures).finish_non_exhaustive()
    }
}

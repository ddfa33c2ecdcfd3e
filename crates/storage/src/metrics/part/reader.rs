//! Reads series of a part, best in rising order: what neighbours share (a block of labels, times,
//! the statistics of a group) is kept at hand, within bounds.

use std::io::Read;
use std::sync::Arc;

use hashbrown::HashMap;
use watchkeep_model::{Labels, Result};

use super::super::column;
use super::super::data::{HistogramRow, Range, SeriesData};
use super::super::values::apply_exceptions;
use super::entry::{
    Entry, FloatSegment, HistogramSegment, PageAt, SEGMENT_MAX, Span, Values, decode_exemplars,
};
use super::frame::{Fields, Frame, Kind};
use super::group::Group;
use super::{Part, SERIES_PER_BLOCK};

/// Columns of times, and groups, that are kept at hand.
const CACHED_MAX: usize = 256;
/// Up to here a claimed size is allocated at once; beyond, memory grows with what really comes.
const TRUSTED_LEN: usize = 1 << 20;

/// Reads one part.
pub(crate) struct Reader {
    part: Part,
    block: Option<Block>,
    times: HashMap<u64, Arc<Vec<i64>>>,
    groups: HashMap<u64, Group>,
    zstd: Option<zstd::bulk::Decompressor<'static>>,
}

/// The series of a frame. Labels are checked only of those that are asked for.
struct Block {
    number: usize,
    at: u64,
    /// Canonical bytes of all labels, end to end.
    labels: Vec<u8>,
    /// Where the labels of each series end, and its entry.
    series: Vec<(usize, Entry)>,
}

/// A series of a part.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    pub(crate) labels: Labels,
    entry: Entry,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("part", &self.part.0.input).finish_non_exhaustive()
    }
}

impl Reader {
    pub(crate) fn new(part: Part) -> Self {
        Self { part, block: None, times: HashMap::new(), groups: HashMap::new(), zstd: None }
    }

    /// Labels and places of a series.
    pub(crate) fn find(&mut self, id: u32) -> Result<Found> {
        let (number, position) = (id as usize / SERIES_PER_BLOCK, id as usize % SERIES_PER_BLOCK);
        if self.block.as_ref().is_none_or(|block| block.number != number) {
            self.block = Some(self.load_block(number)?);
        }
        let input = &self.part.0.input;
        let missing = || input.corrupt(0, "a series is listed that is not there");
        let block = self.block.as_ref().ok_or_else(missing)?;
        let (end, entry) = block.series.get(position).ok_or_else(missing)?;
        let start = position.checked_sub(1).map_or(0, |before| block.series[before].0);
        let labels = Labels::from_canonical(&block.labels[start..*end])
            .map_err(|error| input.corrupt(block.at, "labels are malformed").with_source(error))?;
        Ok(Found { labels, entry: entry.clone() })
    }

    fn load_block(&mut self, number: usize) -> Result<Block> {
        let part = self.part.clone();
        let input = &part.0.input;
        let at = part.0.directory.blocks.get(number).copied();
        let at = at.ok_or_else(|| input.corrupt(0, "a series is listed that is not there"))?;
        let frame = input.frame(at, Kind::Series)?;
        let block = self.parse_block(&frame);
        Ok(Block { number, ..input.parsed(&frame, block)? })
    }

    fn parse_block(&mut self, frame: &Frame) -> Option<Block> {
        let mut fields = Fields { rest: &frame.payload };
        let count = fields.count().filter(|count| *count <= SERIES_PER_BLOCK)?;
        let squeezed = self.unsqueeze(fields.bytes()?)?;
        let mut suffixes = Fields { rest: &squeezed };
        let (mut labels, mut last) = (Vec::with_capacity(squeezed.len() * 2), 0..0);
        let mut series = Vec::with_capacity(count);
        for _ in 0..count {
            let shared = suffixes.size().filter(|shared| *shared <= last.len())?;
            let start = labels.len();
            labels.extend_from_within(last.start..last.start + shared);
            labels.extend_from_slice(suffixes.bytes()?);
            last = start..labels.len();
            series.push((labels.len(), Entry::decode(&mut fields)?));
        }
        Some(Block { number: 0, at: frame.offset, labels, series })
    }

    /// Undoes the writer's `squeeze`.
    fn unsqueeze(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut fields = Fields { rest: bytes };
        let len = fields.size()?;
        let raw = if len <= TRUSTED_LEN {
            if self.zstd.is_none() {
                self.zstd = zstd::bulk::Decompressor::new().ok();
            }
            self.zstd.as_mut()?.decompress(fields.rest, len).ok()?
        } else {
            let mut raw = Vec::with_capacity(TRUSTED_LEN);
            let decoder = zstd::stream::read::Decoder::with_buffer(fields.rest).ok()?;
            decoder.take(len as u64 + 1).read_to_end(&mut raw).ok()?;
            raw
        };
        (raw.len() == len).then_some(raw)
    }

    /// Whether the series has a sample in the range.
    pub(crate) fn touches(&mut self, found: &Found, range: Range) -> Result<bool> {
        for span in found.entry.spans() {
            if range.contains(span.min_ms) || range.contains(span.max_ms) {
                return Ok(true);
            }
            if range.overlaps(span.min_ms, span.max_ms) && !range.cut(&self.times(span)?).is_empty()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Appends the samples in the range to `data`.
    pub(crate) fn read_samples(
        &mut self,
        found: &Found,
        range: Range,
        data: &mut SeriesData,
    ) -> Result<()> {
        for segment in &found.entry.floats {
            if range.overlaps(segment.span.min_ms, segment.span.max_ms) {
                self.read_floats(segment, range, data)?;
            }
        }
        for segment in &found.entry.histograms {
            if range.overlaps(segment.span.min_ms, segment.span.max_ms) {
                self.read_histograms(segment, range, data)?;
            }
        }
        Ok(())
    }

    /// Appends the exemplars in the range to `data`.
    pub(crate) fn read_exemplars(
        &mut self,
        found: &Found,
        range: Range,
        data: &mut SeriesData,
    ) -> Result<()> {
        let Some(at) = found.entry.exemplars_at else { return Ok(()) };
        let input = &self.part.0.input;
        let frame = input.frame(at, Kind::Exemplars)?;
        let exemplars = input.parsed(&frame, decode_exemplars(&frame.payload))?;
        let inside = |exemplar: &_| {
            let exemplar: &super::super::data::Exemplar = exemplar;
            range.contains(exemplar.time_ms)
        };
        data.exemplars.extend(exemplars.into_iter().filter(inside));
        Ok(())
    }

    fn read_floats(
        &mut self,
        segment: &FloatSegment,
        range: Range,
        data: &mut SeriesData,
    ) -> Result<()> {
        let times = self.times(&segment.span)?;
        let cut = range.cut(&times);
        if cut.is_empty() {
            return Ok(());
        }
        let count = times.len();
        let values = match &segment.values {
            Values::Constant { bits, exceptions } => {
                let mut values = vec![f64::from_bits(*bits); count];
                let applied = apply_exceptions(exceptions, &mut values);
                applied.ok_or_else(|| {
                    self.part.0.input.corrupt(segment.span.times_at, "a value has no time")
                })?;
                values
            }
            Values::Decimals { exponent, page } => self.page(*page, *exponent, count)?,
            Values::Floats(page) | Values::Bits(page) => self.page(*page, 0, count)?,
        };
        data.floats.extend(&times[cut.clone()], &values[cut], &[]);
        Ok(())
    }

    fn page(&mut self, at: PageAt, exponent: u8, count: usize) -> Result<Vec<f64>> {
        let input = &self.part.0.input;
        if !self.groups.contains_key(&at.group) {
            let frame = input.frame(at.group, Kind::Group)?;
            let group = input.parsed(&frame, Group::parse(&frame.payload))?;
            if self.groups.len() >= CACHED_MAX {
                self.groups.clear();
            }
            self.groups.insert(at.group, group);
        }
        let frame = input.frame(at.page, Kind::Page)?;
        let group = self.groups.get_mut(&at.group);
        let values = group.and_then(|group| group.page(&frame.payload, exponent, count));
        input.parsed(&frame, values)
    }

    fn times(&mut self, span: &Span) -> Result<Arc<Vec<i64>>> {
        let input = &self.part.0.input;
        if let Some(times) = self.times.get(&span.times_at)
            && times.len() == span.count as usize
        {
            return Ok(Arc::clone(times));
        }
        let frame = input.frame(span.times_at, Kind::Times)?;
        let times = parse_times(&frame, span.count as usize);
        let times = Arc::new(input.parsed(&frame, times)?);
        if self.times.len() >= CACHED_MAX {
            self.times.clear();
        }
        self.times.insert(span.times_at, Arc::clone(&times));
        Ok(times)
    }

    fn read_histograms(
        &mut self,
        segment: &HistogramSegment,
        range: Range,
        data: &mut SeriesData,
    ) -> Result<()> {
        let times = self.times(&segment.span)?;
        let frame = self.part.0.input.frame(segment.at, Kind::Histograms)?;
        let raw = self.unsqueeze(&frame.payload);
        let input = &self.part.0.input;
        let raw = input.parsed(&frame, raw)?;
        let mut fields = Fields { rest: &raw };
        for time_ms in times.iter() {
            let histogram = input.parsed(&frame, fields.bytes())?;
            if range.contains(*time_ms) {
                data.histograms.push(HistogramRow {
                    time_ms: *time_ms,
                    start_ms: 0,
                    histogram: histogram.into(),
                });
            }
        }
        Ok(())
    }
}

fn parse_times(frame: &Frame, count: usize) -> Option<Vec<i64>> {
    let mut fields = Fields { rest: &frame.payload };
    let stored = fields.size().filter(|stored| *stored == count && *stored <= SEGMENT_MAX)?;
    let mut times = Vec::with_capacity(stored);
    column::decode(&mut fields.rest, stored, &mut times)?;
    times.windows(2).all(|pair| pair[0] < pair[1]).then_some(times)
}

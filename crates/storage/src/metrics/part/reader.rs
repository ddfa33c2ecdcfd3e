//! Reads series of a part, best in rising order: what neighbours share (a block of labels, times,
//! a group of values) is kept at hand, within bounds.

use std::ops;
use std::sync::Arc;

use hashbrown::HashMap;
use watchkeep_model::{Labels, Result};

use super::super::column;
use super::super::data::{Exemplar, HistogramRow, Range};
use super::super::gather::Gather;
use super::cache::Cached;
use super::entry::{
    Entries, FloatSegment, HistogramSegment, PageRef, SEGMENT_MAX, Span, Values, decode_exemplars,
};
use super::frame::{Fields, Frame, Kind};
use super::group::{Group, Scratch, put_back};
use super::{Part, SERIES_PER_BLOCK};
use crate::unpack::decompress;

/// Columns, and groups, that are kept at hand.
const AT_HAND_MAX: usize = 512;

/// Reads one part.
pub(crate) struct Reader {
    part: Part,
    block: Option<(usize, Arc<Block>)>,
    columns: HashMap<u64, Arc<[i64]>>,
    /// What lies in `cut_range` of columns, by their offset: series that have the same times hand
    /// out the same.
    cuts: HashMap<u64, Arc<[i64]>>,
    cut_range: Range,
    groups: HashMap<u32, Arc<Group>>,
    scratch: Scratch,
}

/// The series of a frame. Labels are checked only of those that are asked for.
#[derive(Debug)]
pub(super) struct Block {
    at: u64,
    /// Canonical bytes of all labels, end to end.
    labels: Vec<u8>,
    /// Where the labels of each series end.
    label_ends: Vec<usize>,
    entries: Entries,
}

impl Block {
    pub(super) fn byte_len(&self) -> usize {
        self.labels.len() + self.label_ends.len() * size_of::<usize>() + self.entries.byte_len()
    }
}

/// A series of a part.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) labels: Labels,
    block: Arc<Block>,
    position: usize,
}

impl Found {
    fn segments(&self) -> (&[FloatSegment], &[HistogramSegment]) {
        self.block.entries.of(self.position).unwrap_or_default()
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("part", &self.part.0.input).finish_non_exhaustive()
    }
}

impl Reader {
    pub(crate) fn new(part: Part) -> Self {
        Self {
            part,
            block: None,
            columns: HashMap::new(),
            cuts: HashMap::new(),
            cut_range: Range::ALL,
            groups: HashMap::new(),
            scratch: Scratch::default(),
        }
    }

    /// Labels and places of a series.
    pub(crate) fn find(&mut self, id: u32) -> Result<Found> {
        let (number, position) = (id as usize / SERIES_PER_BLOCK, id as usize % SERIES_PER_BLOCK);
        let block = match &self.block {
            Some((at_hand, block)) if *at_hand == number => Arc::clone(block),
            _ => {
                let block = self.load_block(number)?;
                self.block = Some((number, Arc::clone(&block)));
                block
            }
        };
        let input = &self.part.0.input;
        let end = block.label_ends.get(position);
        let end = *end.ok_or_else(|| input.corrupt(0, "a series is listed that is not there"))?;
        let start = position.checked_sub(1).map_or(0, |before| block.label_ends[before]);
        let labels = Labels::from_canonical(&block.labels[start..end])
            .map_err(|error| input.corrupt(block.at, "labels are malformed").with_source(error))?;
        Ok(Found { labels, block, position })
    }

    fn load_block(&mut self, number: usize) -> Result<Arc<Block>> {
        let part = self.part.clone();
        let input = &part.0.input;
        let at = part.0.directory.blocks.get(number).copied();
        let at = at.ok_or_else(|| input.corrupt(0, "a series is listed that is not there"))?;
        if let Some(Cached::Block(block)) = part.cached(at) {
            return Ok(block);
        }
        let frame = input.frame(at, Kind::Series)?;
        let block = parse_block(&frame);
        let block = Arc::new(input.parsed(at, block)?);
        part.keep(at, &Cached::Block(Arc::clone(&block)));
        Ok(block)
    }

    /// Whether the series has a sample in the range.
    pub(crate) fn touches(&mut self, found: &Found, range: Range) -> Result<bool> {
        let (floats, histograms) = found.segments();
        let spans = floats.iter().map(|segment| &segment.span);
        for span in spans.chain(histograms.iter().map(|segment| &segment.span)) {
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

    /// Appends the samples in the range to `into`.
    pub(crate) fn read_samples(
        &mut self,
        found: &Found,
        range: Range,
        into: &mut Gather,
    ) -> Result<()> {
        let (floats, histograms) = found.segments();
        for segment in floats {
            if range.overlaps(segment.span.min_ms, segment.span.max_ms) {
                self.read_floats(segment, range, into)?;
            }
        }
        for segment in histograms {
            if range.overlaps(segment.span.min_ms, segment.span.max_ms) {
                self.read_histograms(segment, range, into)?;
            }
        }
        Ok(())
    }

    /// Appends the exemplars in the range to `into`.
    pub(crate) fn read_exemplars(
        &mut self,
        found: &Found,
        range: Range,
        into: &mut Gather,
    ) -> Result<()> {
        let end = found.block.entries.ends.get(found.position);
        let Some(at) = end.and_then(|end| end.exemplars_at) else { return Ok(()) };
        let input = &self.part.0.input;
        let frame = input.frame(at, Kind::Exemplars)?;
        let exemplars = input.parsed(at, decode_exemplars(&frame.payload))?;
        let inside = |exemplar: &Exemplar| range.contains(exemplar.time_ms);
        into.exemplars_mut().extend(exemplars.into_iter().filter(inside));
        Ok(())
    }

    fn read_floats(
        &mut self,
        segment: &FloatSegment,
        range: Range,
        into: &mut Gather,
    ) -> Result<()> {
        let span = &segment.span;
        let times = self.times(span)?;
        let cut = range.cut(&times);
        if cut.is_empty() {
            return Ok(());
        }
        let starts = match span.starts_at {
            0 => None,
            at => Some(self.column(at, Kind::Starts, span.count)?),
        };
        let cut_times = self.cut_times(span.times_at, &times, range, &cut);
        into.append_times(&cut_times, starts.as_deref().map(|starts| &starts[cut.clone()]));
        let values = into.values_mut();
        match &segment.values {
            Values::Constant { bits, exceptions } => {
                let before = values.len();
                values.resize(before + cut.len(), f64::from_bits(*bits));
                let done = put_back(exceptions, times.len(), &cut, &mut values[before..]);
                self.part.0.input.parsed(span.times_at, done)
            }
            Values::Page(page) => self.unpack(page, times.len(), cut, values),
        }
    }

    fn unpack(
        &mut self,
        page: &PageRef,
        count: usize,
        cut: ops::Range<usize>,
        values: &mut Vec<f64>,
    ) -> Result<()> {
        let group = self.group(page.group)?;
        let done = group.unpack(&mut self.scratch, page, count, cut, values);
        let at = self.part.0.directory.groups.get(page.group as usize);
        self.part.0.input.parsed(at.copied().unwrap_or(0), done)
    }

    fn group(&mut self, number: u32) -> Result<Arc<Group>> {
        if let Some(group) = self.groups.get(&number) {
            return Ok(Arc::clone(group));
        }
        let input = &self.part.0.input;
        let at = self.part.0.directory.groups.get(number as usize).copied();
        let at = at.ok_or_else(|| input.corrupt(0, "a group is named that is not there"))?;
        let group = if let Some(Cached::Group(group)) = self.part.cached(at) {
            group
        } else {
            let frame = input.frame(at, Kind::Group)?;
            let group = Arc::new(input.parsed(at, Group::parse(frame.payload))?);
            self.part.keep(at, &Cached::Group(Arc::clone(&group)));
            group
        };
        make_room(&mut self.groups);
        self.groups.insert(number, Arc::clone(&group));
        Ok(group)
    }

    fn times(&mut self, span: &Span) -> Result<Arc<[i64]>> {
        self.column(span.times_at, Kind::Times, span.count)
    }

    fn column(&mut self, at: u64, kind: Kind, count: u32) -> Result<Arc<[i64]>> {
        let fits = |column: &Arc<[i64]>| column.len() == count as usize;
        if let Some(column) = self.columns.get(&at).filter(|column| fits(column)) {
            return Ok(Arc::clone(column));
        }
        let input = &self.part.0.input;
        let column = match self.part.cached(at) {
            Some(Cached::Column(column)) if fits(&column) => column,
            _ => {
                let frame = input.frame(at, kind)?;
                let column = parse_column(&frame, kind, count as usize);
                let column: Arc<[i64]> = input.parsed(at, column)?.into();
                self.part.keep(at, &Cached::Column(Arc::clone(&column)));
                column
            }
        };
        make_room(&mut self.columns);
        self.columns.insert(at, Arc::clone(&column));
        Ok(column)
    }

    /// What lies in the range of a column, the same for every series that has the column.
    fn cut_times(
        &mut self,
        at: u64,
        times: &Arc<[i64]>,
        range: Range,
        cut: &ops::Range<usize>,
    ) -> Arc<[i64]> {
        if cut.len() == times.len() {
            return Arc::clone(times);
        }
        if self.cut_range != range {
            self.cuts.clear();
            self.cut_range = range;
        }
        if let Some(known) = self.cuts.get(&at) {
            return Arc::clone(known);
        }
        let some: Arc<[i64]> = times[cut.clone()].into();
        make_room(&mut self.cuts);
        self.cuts.insert(at, Arc::clone(&some));
        some
    }

    fn read_histograms(
        &mut self,
        segment: &HistogramSegment,
        range: Range,
        into: &mut Gather,
    ) -> Result<()> {
        let times = self.times(&segment.span)?;
        let starts = match segment.span.starts_at {
            0 => None,
            at => Some(self.column(at, Kind::Starts, segment.span.count)?),
        };
        let input = &self.part.0.input;
        let frame = input.frame(segment.at, Kind::Histograms)?;
        let raw = input.parsed(segment.at, unsqueeze(&frame.payload))?;
        let mut fields = Fields { rest: &raw };
        for (position, time_ms) in times.iter().enumerate() {
            let histogram = input.parsed(segment.at, fields.bytes())?;
            if range.contains(*time_ms) {
                into.histograms_mut().push(HistogramRow {
                    time_ms: *time_ms,
                    start_ms: starts.as_ref().map_or(0, |starts| starts[position]),
                    histogram: histogram.into(),
                });
            }
        }
        Ok(())
    }
}

/// Makes room for one more.
fn make_room<K, V>(at_hand: &mut HashMap<K, V>) {
    if at_hand.len() >= AT_HAND_MAX {
        at_hand.clear();
    }
}

fn parse_block(frame: &Frame) -> Option<Block> {
    let mut fields = Fields { rest: &frame.payload };
    let count = fields.count().filter(|count| *count <= SERIES_PER_BLOCK)?;
    let squeezed = unsqueeze(fields.bytes()?)?;
    let mut suffixes = Fields { rest: &squeezed };
    let (mut labels, mut last) = (Vec::with_capacity(squeezed.len() * 2), 0..0);
    let mut label_ends = Vec::with_capacity(count);
    for _ in 0..count {
        let shared = suffixes.size().filter(|shared| *shared <= last.len())?;
        let start = labels.len();
        labels.extend_from_within(last.start..last.start + shared);
        labels.extend_from_slice(suffixes.bytes()?);
        last = start..labels.len();
        label_ends.push(labels.len());
    }
    let raw = unsqueeze(fields.rest)?;
    let entries = Entries::decode(&mut Fields { rest: &raw }, count)?;
    Some(Block { at: frame.offset, labels, label_ends, entries })
}

fn parse_column(frame: &Frame, kind: Kind, count: usize) -> Option<Vec<i64>> {
    let mut fields = Fields { rest: &frame.payload };
    let stored = fields.size().filter(|stored| *stored == count && *stored <= SEGMENT_MAX)?;
    let mut column = Vec::with_capacity(stored);
    column::decode(&mut fields.rest, stored, &mut column)?;
    (kind != Kind::Times || column.is_sorted_by(|a, b| a < b)).then_some(column)
}

/// Undoes the writer's `squeeze`.
pub(super) fn unsqueeze(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut fields = Fields { rest: bytes };
    let len = fields.size()?;
    decompress(fields.rest, len).ok()
}

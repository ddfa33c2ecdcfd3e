//! Places that hold spans and are read as a whole.

use std::ops::Range;
use std::sync::Arc;

use watchkeep_model::{FieldColumn, Result, SpanColumns, SpanField, SpanTest, TimeRange, TraceId};

use super::block::SpanBlock;
use super::memory::{SpanMemory, end_of};
use super::part::SpanPart;
use super::table::TraceTable;
use crate::block::{CachedBlock, Decision, Need, RowSet};
use crate::gather::gather;

/// The spans of one tenant at one moment: parts and tables in memory, each in the order in which
/// their rows were appended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    pub(crate) parts: Vec<Arc<SpanPart>>,
    pub(crate) memory: Vec<Arc<SpanMemory>>,
}

/// A place that is read as a whole.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    /// A table in memory.
    Memory(Arc<SpanMemory>),
    /// A block, by its number in its part.
    Block { part: Arc<SpanPart>, block: usize, bounds: Bounds },
}

/// When the spans of a piece are, nanoseconds since the epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Start of the first span.
    pub(crate) min: i64,
    /// Start of the last span.
    pub(crate) max: i64,
    /// End of the span that ends last.
    pub(crate) end: i64,
    /// An instant that no trace starts after, as far as the piece has it.
    pub(crate) last_trace: i64,
}

impl Bounds {
    /// Whether some span may start in the range.
    pub(crate) fn start_in(self, range: TimeRange) -> bool {
        range.overlaps_closed(self.min, self.max)
    }

    /// Whether some span may overlap with the range.
    pub(crate) fn overlap(self, range: TimeRange) -> bool {
        range.overlaps_closed(self.min, self.end)
    }
}

impl Snapshot {
    /// All pieces, in the order in which their rows were appended: all blocks of each part, then
    /// tables in memory.
    pub(crate) fn pieces(&self) -> Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        for part in &self.parts {
            for (block, entry) in part.blocks()?.iter().enumerate() {
                let bounds = Bounds {
                    min: entry.min_ns,
                    max: entry.max_ns,
                    end: entry.end_ns,
                    last_trace: entry.last_trace_ns,
                };
                pieces.push(Piece::Block { part: Arc::clone(part), block, bounds });
            }
        }
        pieces.extend(self.memory.iter().map(|batch| Piece::Memory(Arc::clone(batch))));
        Ok(pieces)
    }

    /// The pieces that may hold spans that start in a range, each with its place in the order in
    /// which their rows were appended; and how many parts were ruled out.
    pub(crate) fn starting_in(&self, range: TimeRange) -> Result<(Vec<(u64, Piece)>, u64)> {
        let mut overlapping = self.clone();
        overlapping
            .parts
            .retain(|part| range.overlaps_closed(part.figures.min_ns, part.figures.max_ns));
        let skipped = (self.parts.len() - overlapping.parts.len()) as u64;
        let pieces = overlapping.pieces()?.into_iter().enumerate();
        let pieces = pieces
            .filter(|(_, piece)| piece.bounds().start_in(range))
            .map(|(place, piece)| (place as u64, piece));
        Ok((pieces.collect(), skipped))
    }
}

impl Piece {
    /// When its spans are.
    pub(crate) fn bounds(&self) -> Bounds {
        match self {
            Self::Memory(batch) => Bounds {
                min: batch.min_ns,
                max: batch.max_ns,
                end: batch.end_ns,
                last_trace: batch.max_ns,
            },
            Self::Block { bounds, .. } => *bounds,
        }
    }

    /// Whether some span may be what is needed.
    pub(crate) fn may_hold(&self, need: &Need) -> Result<bool> {
        match self {
            Self::Memory(_) => Ok(true),
            Self::Block { part, block, .. } => part.may_hold(&part.blocks()?[*block], need),
        }
    }

    /// Begins to read it.
    pub(crate) fn load(&self) -> Result<Loaded> {
        Ok(match self {
            Self::Memory(batch) => Loaded::Memory(Arc::clone(batch)),
            Self::Block { part, block, .. } => Loaded::Block(part.cached_block(*block)?),
        })
    }
}

/// A piece that is being read.
#[derive(Debug)]
pub(crate) enum Loaded {
    /// A table in memory.
    Memory(Arc<SpanMemory>),
    /// A block.
    Block(CachedBlock<SpanBlock>),
}

/// What tells how spans hang together, one a row.
#[derive(Debug, Default)]
pub(crate) struct SpanIds {
    pub(crate) start_ns: Vec<i64>,
    pub(crate) end_ns: Vec<i64>,
    pub(crate) span: Vec<[u8; 8]>,
    pub(crate) parent: Vec<[u8; 8]>,
    pub(crate) kind: Vec<u8>,
}

impl Loaded {
    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Memory(batch) => batch.rows.start_ns.len(),
            Self::Block(block) => block.len(),
        }
    }

    /// Its traces. Their rows are places for [`Loaded::rows_at`].
    pub(crate) fn traces(&self) -> Result<&TraceTable> {
        match self {
            Self::Memory(batch) => Ok(batch.traces()),
            Self::Block(block) => block.traces(),
        }
    }

    /// The rows at some places of the table of traces.
    pub(crate) fn rows_at(&self, places: Range<u32>) -> impl Iterator<Item = u32> {
        let order = match self {
            Self::Memory(batch) => Some(batch.order()),
            Self::Block(_) => None,
        };
        places.map(move |place| order.map_or(place, |order| order[place as usize]))
    }

    /// The place of a trace in the table of traces.
    pub(crate) fn find(&self, id: TraceId) -> Result<Option<usize>> {
        match self {
            Self::Memory(batch) => Ok(batch.find(id)),
            Self::Block(block) => Ok(block.traces()?.ids.iter().position(|other| *other == id)),
        }
    }

    /// The rows that start in a range.
    pub(crate) fn starting_in(&self, range: TimeRange, bounds: Bounds) -> Result<RowSet> {
        if range.contains(bounds.min) && range.contains(bounds.max) {
            return Ok(RowSet::all(self.len()));
        }
        let starts = match self {
            Self::Memory(batch) => &batch.rows.start_ns,
            Self::Block(block) => block.starts()?,
        };
        Ok(RowSet::of(starts.len(), |row| range.contains(starts[row])))
    }

    /// Decides a test on candidates.
    pub(crate) fn test(&self, test: &SpanTest, candidates: &RowSet) -> Result<Decision> {
        match self {
            Self::Memory(batch) => batch.test(test, candidates),
            Self::Block(block) => block.test(test, candidates),
        }
    }

    /// A field of some rows, which rise.
    pub(crate) fn column(&self, field: &SpanField, rows: &[u32]) -> Result<FieldColumn> {
        match self {
            Self::Memory(batch) => batch.column(field, rows),
            Self::Block(block) => {
                let is_all = rows.len() == block.len();
                block.column(field, if is_all { None } else { Some(rows) })
            }
        }
    }

    /// Some columns of some rows, which rise, the others being empty.
    pub(crate) fn columns(
        &self,
        rows: &[u32],
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<SpanColumns> {
        match self {
            Self::Memory(batch) => {
                let places: Vec<_> = rows.iter().map(|row| (0, *row)).collect();
                gather(&[&batch.rows], &places, wanted)
            }
            Self::Block(block) => block.columns(rows, wanted),
        }
    }

    /// How some rows hang together.
    pub(crate) fn ids(&self, rows: &[u32]) -> Result<SpanIds> {
        let mut ids = SpanIds::default();
        match self {
            Self::Memory(batch) => {
                let spans = &batch.rows;
                for row in rows.iter().map(|row| *row as usize) {
                    ids.start_ns.push(spans.start_ns[row]);
                    ids.end_ns.push(end_of(spans, row));
                    ids.span.push(spans.span_id[row]);
                    ids.parent.push(spans.parent_span_id[row]);
                    ids.kind.push(spans.kind[row]);
                }
            }
            Self::Block(block) => {
                let (starts, durations) = (block.starts()?, block.durations()?);
                let (spans, parents, kinds) =
                    (block.span_ids()?, block.parent_ids()?, block.kinds()?);
                for row in rows.iter().map(|row| *row as usize) {
                    ids.start_ns.push(starts[row]);
                    ids.end_ns.push(starts[row].saturating_add(durations[row].max(0)));
                    ids.span.push(spans[row]);
                    ids.parent.push(parents[row]);
                    ids.kind.push(kinds[row] as u8);
                }
            }
        }
        Ok(ids)
    }
}

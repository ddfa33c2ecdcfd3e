//! A piece of a table that is read as a whole: a batch in memory, a row group of a part, or a piece
//! of log records.

use std::sync::{Arc, OnceLock};

use arrow_array::types::TimestampNanosecondType;
use arrow_array::{PrimitiveArray, RecordBatch};
use watchkeep_model::{Result, TimeRange};

use super::part::RecordPart;
use super::summary::summarize;
use crate::logs;
use crate::schema::column;
use crate::seam::{TableName, TraceSummary};

/// A batch in memory, with what lists of traces need of it.
#[derive(Debug)]
pub(crate) struct MemoryBatch {
    pub(crate) rows: RecordBatch,
    pub(crate) min_ns: i64,
    pub(crate) max_ns: i64,
    pub(crate) byte_len: usize,
    summaries: OnceLock<Arc<Vec<TraceSummary>>>,
}

impl MemoryBatch {
    /// Wraps a batch that has at least one row.
    pub(crate) fn new(table: TableName, rows: RecordBatch, byte_len: usize) -> Result<Self> {
        let times: &PrimitiveArray<TimestampNanosecondType> = column(&rows, table.time_column())?;
        let values = times.values();
        let min_ns = values.iter().copied().min().unwrap_or_default();
        let max_ns = values.iter().copied().max().unwrap_or_default();
        Ok(Self { rows, min_ns, max_ns, byte_len, summaries: OnceLock::new() })
    }

    /// Summaries of the traces in this batch of spans; made once.
    pub(crate) fn summaries(&self) -> Result<Arc<Vec<TraceSummary>>> {
        if let Some(made) = self.summaries.get() {
            return Ok(Arc::clone(made));
        }
        let places: Vec<_> = (0..self.rows.num_rows()).map(|row| (0, row)).collect();
        let made = summarize(&[&self.rows], &places)?;
        Ok(Arc::clone(self.summaries.get_or_init(|| Arc::new(made))))
    }
}

/// A piece of a table.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    /// A batch in memory.
    Memory(Arc<MemoryBatch>),
    /// A row group of a part.
    RowGroup { part: Arc<RecordPart>, group: usize, min_ns: i64, max_ns: i64 },
    /// Log records.
    Logs(logs::Piece),
}

impl Piece {
    /// Earliest and latest instant in the piece.
    pub(crate) fn bounds(&self) -> (i64, i64) {
        match self {
            Self::Memory(batch) => (batch.min_ns, batch.max_ns),
            Self::RowGroup { min_ns, max_ns, .. } => (*min_ns, *max_ns),
            Self::Logs(piece) => piece.bounds(),
        }
    }

    /// What tells the piece's part from others, if it is of one.
    pub(crate) fn part(&self) -> Option<*const ()> {
        match self {
            Self::RowGroup { part, .. } => Some(Arc::as_ptr(part).cast()),
            Self::Logs(logs::Piece::Block { part, .. }) => Some(Arc::as_ptr(part).cast()),
            Self::Memory(_) | Self::Logs(logs::Piece::Memory(_)) => None,
        }
    }

    /// Whether some row may lie in the range.
    pub(crate) fn overlaps(&self, range: TimeRange) -> bool {
        let (min_ns, max_ns) = self.bounds();
        range.overlaps_closed(min_ns, max_ns)
    }
}

/// What a question on a table looks at.
#[derive(Debug, Clone)]
pub(crate) enum TableSnapshot {
    /// The table of spans.
    Spans(Snapshot),
    /// The table of log records.
    Logs(logs::Snapshot),
}

impl TableSnapshot {
    /// The pieces that overlap the range, in the order in which their rows were appended, each
    /// with its place in that order; and how many parts were ruled out.
    pub(crate) fn pieces(&self, range: TimeRange) -> Result<(Vec<(u64, Piece)>, u64)> {
        match self {
            Self::Spans(spans) => spans.pieces(range),
            Self::Logs(logs) => {
                let (pieces, skipped) = logs.pieces(range)?;
                let pieces = pieces.into_iter().map(|(place, piece)| (place, Piece::Logs(piece)));
                Ok((pieces.collect(), skipped))
            }
        }
    }
}

/// The spans of one tenant at one moment: parts oldest first, then batches in memory
/// in the order in which they were appended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    pub(crate) parts: Vec<Arc<RecordPart>>,
    pub(crate) memory: Vec<Arc<MemoryBatch>>,
}

impl Snapshot {
    /// The pieces that overlap the range, in the order in which their rows were appended, each
    /// with its place in that order; and how many parts were ruled out.
    pub(crate) fn pieces(&self, range: TimeRange) -> Result<(Vec<(u64, Piece)>, u64)> {
        let mut pieces = Vec::new();
        let (mut place, mut skipped) = (0, 0);
        for part in &self.parts {
            if !range.overlaps_closed(part.figures.min_ns, part.figures.max_ns) {
                skipped += 1;
                place += 1;
                continue;
            }
            for (group, (min_ns, max_ns)) in part.row_group_bounds()?.iter().enumerate() {
                let piece = Piece::RowGroup {
                    part: Arc::clone(part),
                    group,
                    min_ns: *min_ns,
                    max_ns: *max_ns,
                };
                if piece.overlaps(range) {
                    pieces.push((place, piece));
                }
                place += 1;
            }
        }
        for batch in &self.memory {
            let piece = Piece::Memory(Arc::clone(batch));
            if piece.overlaps(range) {
                pieces.push((place, piece));
            }
            place += 1;
        }
        Ok((pieces, skipped))
    }
}

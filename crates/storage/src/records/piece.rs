//! A piece of a table that is read as a whole, of whichever table.

use std::sync::Arc;

use watchkeep_model::{Result, TimeRange};

use crate::{logs, traces};

/// A piece of a table.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    /// Spans.
    Spans(traces::Piece),
    /// Log records.
    Logs(logs::Piece),
}

impl Piece {
    /// Earliest and latest instant in the piece.
    pub(crate) fn bounds(&self) -> (i64, i64) {
        match self {
            Self::Spans(piece) => (piece.bounds().min, piece.bounds().max),
            Self::Logs(piece) => piece.bounds(),
        }
    }

    /// What tells the piece's part from others, if it is of one.
    pub(crate) fn part(&self) -> Option<*const ()> {
        match self {
            Self::Spans(traces::Piece::Block { part, .. }) => Some(Arc::as_ptr(part).cast()),
            Self::Logs(logs::Piece::Block { part, .. }) => Some(Arc::as_ptr(part).cast()),
            Self::Spans(traces::Piece::Memory(_)) | Self::Logs(logs::Piece::Memory(_)) => None,
        }
    }
}

/// What a question on a table looks at.
#[derive(Debug, Clone)]
pub(crate) enum TableSnapshot {
    /// The table of spans.
    Spans(traces::Snapshot),
    /// The table of log records.
    Logs(logs::Snapshot),
}

impl TableSnapshot {
    /// The pieces that overlap the range, in the order in which their rows were appended, each
    /// with its place in that order; and how many parts were ruled out.
    pub(crate) fn pieces(&self, range: TimeRange) -> Result<(Vec<(u64, Piece)>, u64)> {
        match self {
            Self::Spans(spans) => {
                let (pieces, skipped) = spans.starting_in(range)?;
                let pieces = pieces.into_iter().map(|(place, piece)| (place, Piece::Spans(piece)));
                Ok((pieces.collect(), skipped))
            }
            Self::Logs(logs) => {
                let (pieces, skipped) = logs.pieces(range)?;
                let pieces = pieces.into_iter().map(|(place, piece)| (place, Piece::Logs(piece)));
                Ok((pieces.collect(), skipped))
            }
        }
    }
}

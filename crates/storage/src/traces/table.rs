//! Which traces a piece of spans holds.

use watchkeep_model::{TimeRange, TraceId};

/// The traces of a piece, or what the piece has of them, by start and then by id. Rows of a trace
/// stand together, by start, each span once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TraceTable {
    /// Which trace.
    pub(crate) ids: Vec<TraceId>,
    /// Start of its first span, nanoseconds since the epoch.
    pub(crate) start_ns: Vec<i64>,
    /// End of its last span, nanoseconds since the epoch.
    pub(crate) end_ns: Vec<i64>,
    /// One past its last row; its first is where the trace before ends.
    pub(crate) rows_end: Vec<u32>,
}

impl TraceTable {
    /// Number of traces.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Rows of a trace.
    pub(crate) fn rows(&self, trace: usize) -> std::ops::Range<u32> {
        let from = if trace == 0 { 0 } else { self.rows_end[trace - 1] };
        from..self.rows_end[trace]
    }

    /// Whether some span of a trace may overlap with the range.
    pub(crate) fn overlaps(&self, trace: usize, range: TimeRange) -> bool {
        range.overlaps_closed(self.start_ns[trace], self.end_ns[trace])
    }
}

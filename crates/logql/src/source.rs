//! What the evaluator asks of a store of log records.

use std::sync::Arc;

use watchkeep_model::column::Utf8Column;
use watchkeep_model::{Labels, Result};

use crate::ast::LogExpr;

/// Log records, one a row. Names and values of structured metadata are as LogQL shows them.
#[derive(Debug, Default)]
pub struct LogBatch {
    /// Label sets of the streams that rows of this batch belong to.
    pub streams: Vec<Arc<Labels>>,
    /// For each row its place in `streams`.
    pub stream: Vec<u32>,
    /// For each row when it happened, nanoseconds since the epoch.
    pub time_ns: Vec<i64>,
    /// For each row its text.
    pub lines: Utf8Column,
    /// Where each row's metadata ends in `metadata_names` and `metadata_values`; starts with 0, so
    /// there is one more than rows.
    pub metadata_ends: Vec<u32>,
    /// Names, sorted within a row, each once a row.
    pub metadata_names: Utf8Column,
    /// Values.
    pub metadata_values: Utf8Column,
}

impl LogBatch {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.stream.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.stream.is_empty()
    }

    /// The structured metadata of a row.
    pub fn metadata(&self, row: usize) -> impl Iterator<Item = (&str, &str)> {
        let places = self.metadata_ends[row] as usize..self.metadata_ends[row + 1] as usize;
        places.map(|place| (self.metadata_names.get(place), self.metadata_values.get(place)))
    }
}

/// Batches as they are read. Advancing may block.
pub type BatchIter<'a> = Box<dyn Iterator<Item = Result<LogBatch>> + 'a>;

/// In which order rows come. Rows of one stream and time come in the order in which they were taken
/// in, or with [`Order::NewestFirst`] in the opposite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By rising time over all streams.
    OldestFirst,
    /// By falling time over all streams.
    NewestFirst,
    /// In any order; the rows of one stream need not stand together.
    Any,
}

/// Asks for the records that a query may keep.
#[derive(Debug, Clone, Copy)]
pub struct Select<'q> {
    /// Which streams and what is done to each line. The source returns every record of these
    /// streams that the pipeline keeps; it may leave out others, where it knows that they are not
    /// kept, and must return the line and metadata of each as they were before the first stage.
    pub log: &'q LogExpr,
    /// First nanosecond.
    pub start_ns: i64,
    /// One past the last nanosecond.
    pub end_ns: i64,
    /// In which order.
    pub order: Order,
    /// About how many rows are wanted, where that is known: how much to read ahead.
    pub wanted: Option<usize>,
}

/// Asks how many records a query keeps, in steps of time. A record on which a stage fails is not
/// counted, nor one of whose labels an empty value is shown (as after `| json a="no.such.path"`): they
/// are among [`Counts::rest`].
#[derive(Debug, Clone, Copy)]
pub struct Count<'q> {
    /// Which records: `[start_ns, end_ns)` of these streams that pass the pipeline.
    pub select: Select<'q>,
    /// Records are put together that agree in these labels, after the pipeline; an absent label is
    /// empty. `None`: in all labels.
    pub by: Option<&'q [String]>,
    /// Length of a step; steps are counted from `select.start_ns`. More than 0.
    pub step_ns: i64,
    /// Whether bytes are wanted too; else they may be left out.
    pub bytes: bool,
}

/// Records of one group in one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Its labels: those of [`Count::by`] that are not empty, or all.
    pub labels: Arc<Labels>,
    /// Number of the step.
    pub step: u64,
    /// Records.
    pub rows: u64,
    /// Bytes of their lines (after the pipeline), where they are wanted.
    pub bytes: u64,
}

/// What a source knows about a [`Count`].
pub struct Counts<'a> {
    /// What it counted; a group and step may occur several times.
    pub counted: Vec<Counted>,
    /// The records that it could not decide about, to be put through the pipeline.
    pub rest: BatchIter<'a>,
}

impl std::fmt::Debug for Counts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counts").field("counted", &self.counted).finish_non_exhaustive()
    }
}

/// A store of log records.
pub trait LogSource {
    /// The records that a query may keep, read as they are asked for.
    fn select(&self, select: &Select<'_>) -> Result<BatchIter<'_>>;

    /// Counts records without showing them, where the source can: `None` where it would have to
    /// show most of them anyway.
    fn count(&self, count: &Count<'_>) -> Result<Option<Counts<'_>>> {
        let _ = count;
        Ok(None)
    }
}

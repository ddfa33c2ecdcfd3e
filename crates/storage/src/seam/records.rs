//! Requests on the tables of records (spans and logs), and their answers.

use std::pin::Pin;

use arrow_array::RecordBatch;
use futures::Stream;
use watchkeep_model::{Result, SpanTest, TimeRange, TraceId};

use super::predicate::{Field, Predicate};

/// A table of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TableName {
    /// Spans; ordered by `start_ns`.
    Spans,
    /// Log records; ordered by `time_ns`.
    Logs,
}

impl TableName {
    /// The name used on disk and in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spans => "spans",
            Self::Logs => "logs",
        }
    }

    /// The column that places a row in time.
    pub fn time_column(self) -> &'static str {
        match self {
            Self::Spans => "start_ns",
            Self::Logs => "time_ns",
        }
    }
}

/// Which columns to return. Predicates may look at others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Projection {
    /// All columns of the schema.
    All,
    /// These, by their names in the schema, in the schema's order.
    Columns(Vec<&'static str>),
}

/// In which order rows come. Rows of the same instant come in the order in which they were
/// appended, log records by the text of their stream before that (`OldestFirst`), or the reverse of
/// it (`NewestFirst`), so that paging by time and a count of rows to skip neither repeats nor misses
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By rising time.
    OldestFirst,
    /// By falling time.
    NewestFirst,
}

/// Asks for rows.
#[derive(Debug, Clone)]
pub struct ScanRequest {
    /// Of which table.
    pub table: TableName,
    /// Only rows whose time lies inside.
    pub range: TimeRange,
    /// Only rows that match.
    pub predicate: Predicate,
    /// Which columns.
    pub projection: Projection,
    /// In which order.
    pub order: Order,
    /// At most so many; the engine stops reading once it has them.
    pub limit: Option<usize>,
}

/// What to compute for a group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Aggregate {
    /// Number of rows; the column is named `count` (UInt64).
    Count,
}

/// Cuts time into steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Where a step starts; steps are counted from here.
    pub origin_ns: i64,
    /// Length of a step; more than 0.
    pub step_ns: i64,
}

/// Asks for groups of rows. The answer has a column `bucket` (Int64, start of the step in
/// nanoseconds) if `bucket` was given, then a column per field of `group_by` (Utf8, the text form;
/// numbers in decimal), named by position `group_0`, `group_1`, …, then one per aggregate. Groups
/// come in no order; empty ones do not come.
#[derive(Debug, Clone)]
pub struct AggregateRequest {
    /// Of which table.
    pub table: TableName,
    /// Only rows whose time lies inside.
    pub range: TimeRange,
    /// Only rows that match.
    pub predicate: Predicate,
    /// Steps of time, if wanted.
    pub bucket: Option<Bucket>,
    /// What makes a group, beside the step.
    pub group_by: Vec<Field>,
    /// What to compute.
    pub aggregates: Vec<Aggregate>,
    /// The most groups; more are an error of kind `LimitExceeded`.
    pub groups_max: usize,
}

/// What a scan did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScanStats {
    /// Rows returned.
    pub rows: u64,
    /// Parts that were opened.
    pub parts_opened: u64,
    /// Parts that their time range or index ruled out.
    pub parts_skipped: u64,
}

/// A piece of an answer. The last is always `Done`: a stream that ends without it broke off, and
/// its rows must not be taken for the whole answer.
#[derive(Debug)]
pub enum Frame {
    /// Rows.
    Rows(RecordBatch),
    /// The end.
    Done(ScanStats),
}

/// Pieces of an answer as they are found.
pub type FrameStream = Pin<Box<dyn Stream<Item = Result<Frame>> + Send>>;

/// Which traces to list.
#[derive(Debug, Clone)]
pub struct TraceFilter {
    /// It is true, for certain, of at least one span of the trace.
    pub any_span: SpanTest,
    /// The trace lasts at least so long.
    pub duration_ns_min: Option<i64>,
    /// The trace lasts at most so long.
    pub duration_ns_max: Option<i64>,
}

/// Where a list of traces goes on: after the trace with this start and id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TraceCursor {
    /// Its start, nanoseconds since the epoch.
    pub start_ns: i64,
    /// Its id.
    pub trace_id: TraceId,
}

/// Asks for summaries of traces that started in the range: newest start first, and of the same
/// start the greatest id first.
#[derive(Debug, Clone)]
pub struct TracesRequest {
    /// Only traces whose first span started inside.
    pub range: TimeRange,
    /// Only traces that match.
    pub filter: TraceFilter,
    /// At most so many.
    pub limit: usize,
    /// Only traces after this one in the order of the answer.
    pub after: Option<TraceCursor>,
}

/// What one service did in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceCount {
    /// The service.
    pub name: String,
    /// Its spans.
    pub spans: u32,
    /// Those of them with status error.
    pub errors: u32,
}

/// A trace in a few figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceSummary {
    /// Its id.
    pub trace_id: TraceId,
    /// Start of the first span, nanoseconds since the epoch.
    pub start_ns: i64,
    /// End of the last span, nanoseconds since the epoch.
    pub end_ns: i64,
    /// Whether a span without a parent has arrived.
    pub has_root: bool,
    /// Service of the root, or else of the first span.
    pub root_service: String,
    /// Name of the root, or else of the first span.
    pub root_name: String,
    /// Number of spans.
    pub spans: u32,
    /// Spans with status error.
    pub errors: u32,
    /// Services, by falling number of spans, then by name.
    pub services: Vec<ServiceCount>,
}

impl TraceSummary {
    /// End minus start, nanoseconds.
    pub fn duration_ns(&self) -> i64 {
        self.end_ns.saturating_sub(self.start_ns)
    }

    /// Its place in the order of lists.
    pub fn cursor(&self) -> TraceCursor {
        TraceCursor { start_ns: self.start_ns, trace_id: self.trace_id }
    }
}

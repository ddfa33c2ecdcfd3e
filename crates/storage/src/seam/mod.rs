//! The seam: what query front-ends and the ingest pipeline ask of an engine, whichever it is.
//!
//! In go batches of columns; out come answers to typed requests, as streams of Arrow batches for
//! the tables of records, and as streams of series for metrics. The conformance suite says in code
//! what an implementation must do.

mod cardinality;
mod logs;
mod predicate;
mod records;
mod samples;

pub use cardinality::{CardinalityRequest, CardinalityStats, Count, HeadStats, MetricPart};
pub use logs::{
    FieldTest, LogCount, LogCountCursor, LogCountFrame, LogCountRequest, LogCursor, LogDeletion,
    LogField, LogParts, LogRows, LogTest, LogsRequest, StreamFigures, StreamsRequest, words,
};
pub use predicate::{CompareOp, Field, Literal, Predicate, Pushdown, Scope};
pub use records::{
    Aggregate, AggregateRequest, Bucket, Frame, FrameStream, Order, Projection, ScanRequest,
    ScanStats, ServiceCount, TableName, TraceCursor, TraceFilter, TraceSummary, TracesRequest,
};
pub use samples::{
    ExemplarRow, LabelValuesRequest, MetadataRow, SampleCursor, SamplesRequest, SeriesRequest,
};

pub use watchkeep_model::{
    MatchOp, Matcher, Operation, ServiceCalls, SpanCursor, SpanKey, SpansRequest,
};

use std::path::PathBuf;

use async_trait::async_trait;
use watchkeep_model::column::Table;
use watchkeep_model::{
    LogColumns, MetricColumns, Result, SpanColumns, TenantId, TimeRange, TraceId,
};

/// One table's worth of rows to store.
#[derive(Debug)]
pub enum Batch {
    /// Spans.
    Spans(SpanColumns),
    /// Log records.
    Logs(LogColumns),
    /// Series, samples, exemplars and metadata. No series has delta temporality any more.
    Metrics(MetricColumns),
}

impl Batch {
    /// Rows: spans, records, or samples.
    pub fn rows(&self) -> usize {
        match self {
            Self::Spans(columns) => columns.len(),
            Self::Logs(columns) => columns.len(),
            Self::Metrics(columns) => columns.samples(),
        }
    }

    /// Bytes held, about.
    pub fn byte_len(&self) -> usize {
        match self {
            Self::Spans(columns) => columns.byte_len(),
            Self::Logs(columns) => columns.byte_len(),
            Self::Metrics(columns) => columns.byte_len(),
        }
    }
}

/// A name for one append: the same token twice stores the batch once. An engine remembers tokens
/// for a bounded while (see its documentation).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IngestToken(pub u128);

/// What to store.
#[derive(Debug)]
pub struct Append {
    /// The rows.
    pub batch: Batch,
    /// Makes a retry harmless, where the sender can name its batch.
    pub token: Option<IngestToken>,
}

impl From<Batch> for Append {
    fn from(batch: Batch) -> Self {
        Self { batch, token: None }
    }
}

/// What became of an append.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AppendAck {
    /// Rows that are now durable; 0 for a duplicate.
    pub rows: u64,
    /// Whether the token was seen before and nothing was stored.
    pub duplicate: bool,
    /// What was kept out while the rest was stored.
    pub rejected: Option<Rejected>,
}

/// Metrics that were kept out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejected {
    /// Series of the batch.
    pub series: u64,
    /// Their plain samples.
    pub floats: u64,
    /// Their native histograms.
    pub histograms: u64,
    /// Their exemplars.
    pub exemplars: u64,
    /// Why.
    pub reason: RejectReason,
}

impl Rejected {
    /// Samples of both kinds.
    pub fn samples(&self) -> u64 {
        self.floats + self.histograms
    }
}

impl std::fmt::Display for Rejected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { series, reason, .. } = self;
        write!(f, "{series} new series with {} samples were refused: {reason}", self.samples())
    }
}

/// Why metrics were kept out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectReason {
    /// The tenant has so many series in memory, and these were new. They may get in after series
    /// that are not written any more have left memory.
    SeriesMax {
        /// How many there may be.
        series_max: u64,
    },
}

impl std::fmt::Display for RejectReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SeriesMax { series_max } => {
                write!(
                    f,
                    "the tenant has {series_max} series in memory already (limits.series_max)"
                )
            }
        }
    }
}

/// An engine that keeps spans, log records and metrics.
///
/// Every call is for one tenant and sees only that tenant's rows. A row is visible to every call
/// that starts after the `append` that brought it returned.
#[async_trait]
pub trait Store: std::fmt::Debug + Send + Sync + 'static {
    /// Stores a batch. `Ok` means durable: it survives a crash at any later moment.
    ///
    /// Errors: `Overloaded` when queues are full (nothing was stored), `Unavailable` when the
    /// engine can not store any more (nothing was acknowledged; after a failed sync the batch may
    /// or may not be found again).
    async fn append(&self, tenant: &TenantId, append: Append) -> Result<AppendAck>;

    /// How exactly the engine answers a predicate on a table. Where it says
    /// [`Pushdown::Superset`], the caller checks the rows again.
    fn pushdown(&self, table: TableName, predicate: &Predicate) -> Pushdown;

    /// Rows of a table that match, in order of time.
    async fn scan(&self, tenant: &TenantId, request: ScanRequest) -> Result<FrameStream>;

    /// Groups and counts rows of a table that match.
    async fn aggregate(&self, tenant: &TenantId, request: AggregateRequest) -> Result<FrameStream>;

    /// All spans of a trace, in no order; a stream without rows when there is no such trace.
    async fn trace(&self, tenant: &TenantId, id: TraceId) -> Result<FrameStream>;

    /// Summaries of traces, newest start first.
    async fn traces(&self, tenant: &TenantId, request: TracesRequest) -> Result<Vec<TraceSummary>>;

    /// Spans as columns, as the cursor is advanced. What is appended after this call returned may be
    /// missing.
    async fn spans(&self, tenant: &TenantId, request: SpansRequest) -> Result<SpanCursor>;

    /// Attributes of spans that start in the range, sorted. An engine may look at pieces of more
    /// than the range and name some that only spans beside it have.
    async fn span_keys(&self, tenant: &TenantId, range: TimeRange) -> Result<Vec<SpanKey>>;

    /// All operations that spans held now have, sorted; from an index, whatever their age.
    async fn operations(&self, tenant: &TenantId) -> Result<Vec<Operation>>;

    /// Calls between services by spans that start in the range, sorted by the names. An engine may
    /// leave out a span while it has not put it together with its parent.
    async fn service_calls(&self, tenant: &TenantId, range: TimeRange)
    -> Result<Vec<ServiceCalls>>;

    /// Streams of log records that match and have a record in the range, in no order.
    async fn log_streams(
        &self,
        tenant: &TenantId,
        request: StreamsRequest,
    ) -> Result<Vec<StreamFigures>>;

    /// Records of streams, as the cursor is advanced. What is appended after this call returned
    /// may be missing.
    async fn logs(&self, tenant: &TenantId, request: LogsRequest) -> Result<LogCursor>;

    /// Numbers of records of streams, as the cursor is advanced.
    async fn count_logs(
        &self,
        tenant: &TenantId,
        request: LogCountRequest,
    ) -> Result<LogCountCursor>;

    /// Deletes log records. What was appended before the call is gone when it returns, for queries
    /// and for good, whatever happens later; the space on disk is freed later.
    ///
    /// Errors: `Invalid` without any matcher.
    async fn delete_logs(&self, tenant: &TenantId, deletion: LogDeletion) -> Result<()>;

    /// Label sets of the series that match and have a sample in the range, sorted.
    async fn series(
        &self,
        tenant: &TenantId,
        request: SeriesRequest,
    ) -> Result<Vec<watchkeep_model::Labels>>;

    /// Samples of the series that match, series by series. This call does little: the work is
    /// done as the cursor is advanced. What is appended after it returned may be missing.
    async fn samples(&self, tenant: &TenantId, request: SamplesRequest) -> Result<SampleCursor>;

    /// Names of labels on the series that match, sorted.
    async fn label_names(&self, tenant: &TenantId, request: SeriesRequest) -> Result<Vec<String>>;

    /// Values of one label on the series that match, sorted.
    async fn label_values(
        &self,
        tenant: &TenantId,
        request: LabelValuesRequest,
    ) -> Result<Vec<String>>;

    /// Exemplars of the series that match, oldest first.
    async fn exemplars(
        &self,
        tenant: &TenantId,
        request: SeriesRequest,
    ) -> Result<Vec<ExemplarRow>>;

    /// What is known about metric families, sorted by name.
    async fn metadata(&self, tenant: &TenantId) -> Result<Vec<MetadataRow>>;

    /// The pieces that metrics on disk are in, oldest first; none where an engine has no such.
    async fn metric_parts(&self, tenant: &TenantId) -> Result<Vec<MetricPart>>;

    /// What the series that match are made of.
    async fn cardinality(
        &self,
        tenant: &TenantId,
        request: CardinalityRequest,
    ) -> Result<CardinalityStats>;

    /// Deletes samples and exemplars in the closed range of the series that match. What was
    /// appended before the call is gone when it returns, for queries and for good, whatever
    /// happens later; the space on disk is freed later. Metadata stays.
    ///
    /// Errors: `Invalid` without any matcher.
    async fn delete_series(
        &self,
        tenant: &TenantId,
        matchers: Vec<Matcher>,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<()>;

    /// Frees the space of what was deleted, for all tenants, then returns.
    async fn clean_tombstones(&self) -> Result<()>;

    /// Makes a copy of everything stored as of now that stays as it is, and gives the directory,
    /// whose last name is the snapshot's.
    ///
    /// Errors: `Unsupported` where the engine keeps nothing on disk.
    async fn snapshot(&self) -> Result<PathBuf>;

    /// Moves what is in memory to parts, then returns.
    async fn flush(&self) -> Result<()>;

    /// Flushes, and leaves no more on disk than the next start needs. An engine may take nothing
    /// afterwards; questions are still answered.
    async fn close(&self) -> Result<()>;

    /// Tenants that something is held of, sorted.
    fn tenants(&self) -> Vec<TenantId>;

    /// Figures for the status page and the server's own metrics.
    fn stats(&self) -> StoreStats;
}

/// Figures about an engine, all of now.
#[derive(Debug, Clone, Default)]
pub struct StoreStats {
    /// Spans.
    pub spans: TableStats,
    /// Log records.
    pub logs: TableStats,
    /// Metrics; rows are samples.
    pub metrics: TableStats,
    /// Series of metrics in memory.
    pub series_in_memory: u64,
    /// The write-ahead log, for engines that have one.
    pub wal: Option<WalStats>,
}

/// Figures about one table.
#[derive(Debug, Clone, Default)]
pub struct TableStats {
    /// Rows that are not in a part yet.
    pub rows_in_memory: u64,
    /// Bytes of those, about.
    pub bytes_in_memory: u64,
    /// Parts on disk.
    pub parts: u64,
    /// Rows in parts.
    pub rows_on_disk: u64,
    /// Bytes of parts.
    pub bytes_on_disk: u64,
    /// Oldest instant held, nanoseconds since the epoch.
    pub oldest_ns: Option<i64>,
    /// Newest instant held, nanoseconds since the epoch.
    pub newest_ns: Option<i64>,
}

/// Figures about a write-ahead log.
#[derive(Debug, Clone, Default)]
pub struct WalStats {
    /// Segment files that hold records.
    pub segments: u64,
    /// Bytes of segment files, spare ones included.
    pub bytes: u64,
    /// Sequence number of the newest durable record.
    pub last_sequence: u64,
    /// Large records that were written past the kernel's page cache since the start.
    pub direct_records: u64,
    /// Bytes that wait to be written.
    pub queue_bytes: u64,
    /// The most that may wait; beyond it appends are refused.
    pub queue_bytes_max: u64,
}

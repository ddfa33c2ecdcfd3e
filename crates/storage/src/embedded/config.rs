//! Settings of the embedded engine. Configuration sections `storage` and `retention`.

use std::path::PathBuf;
use std::time::Duration;

use watchkeep_model::Matcher;

use super::catalog::TableKind;

/// Settings of the embedded engine.
#[derive(Debug, Clone)]
pub struct StorageConfig {
    /// Directory for everything.
    pub data_dir: PathBuf,
    /// Size of a segment of the write-ahead log.
    pub wal_segment_bytes: u64,
    /// Bytes that may wait to be written to the log; beyond it appends are refused.
    pub wal_queue_bytes_max: usize,
    /// Bytes of log after which everything is flushed, which bounds the time of a restart.
    pub wal_bytes_max: u64,
    /// Bytes of spans, and likewise of logs, in memory after which they are flushed.
    pub table_bytes_max: u64,
    /// Bytes of metrics in memory after which they are flushed. More makes parts that take fewer
    /// bytes a sample and need fewer merges.
    pub metrics_bytes_max: u64,
    /// Bytes of all tables in memory, those being flushed included; beyond it appends are refused.
    pub memory_bytes_max: u64,
    /// Bytes of what was lately read of parts of metrics that are kept in memory.
    pub metrics_cache_bytes_max: usize,
    /// Bytes of blocks of spans, with what was unpacked of them, that were lately read and are kept in
    /// memory.
    pub spans_cache_bytes_max: usize,
    /// Series of metrics that a tenant may have in memory; beyond it new ones are refused. 0 lets
    /// in any number.
    pub series_max: u64,
    /// Spans that are remembered, to leave out those that are sent again; 0 remembers none. Each takes
    /// about 18 bytes.
    pub resent_spans_max: usize,
    /// How long an append waits for room in memory before it is refused.
    pub room_wait_max: Duration,
    /// Age of the oldest row in memory after which a table is flushed.
    pub flush_interval: Duration,
    /// What is kept, and how long.
    pub retention: Retention,
    /// Series of metrics that are kept for another time; the first rule that a series matches
    /// decides.
    pub metric_retention: Vec<MetricRetention>,
    /// Streams of logs that are kept for another time; the first rule that a stream matches
    /// decides.
    pub log_retention: Vec<LogRetention>,
}

/// How long some series of metrics are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricRetention {
    /// Every one must hold.
    pub matchers: Vec<Matcher>,
    /// Samples that are older are gone; `None` keeps them for ever.
    pub age_max: Option<Duration>,
}

/// How long some streams of logs are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRetention {
    /// Every one must hold.
    pub matchers: Vec<Matcher>,
    /// Records that are older are let go of; `None` keeps them for ever.
    pub age_max: Option<Duration>,
}

impl StorageConfig {
    /// Bytes of a table in memory after which it is flushed.
    pub(super) fn bytes_max(&self, table: TableKind) -> u64 {
        match table {
            TableKind::Spans | TableKind::Logs => self.table_bytes_max,
            TableKind::Metrics => self.metrics_bytes_max,
        }
    }

    /// Defaults, in a directory.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            wal_segment_bytes: 32 << 20,
            wal_queue_bytes_max: 64 << 20,
            wal_bytes_max: 256 << 20,
            table_bytes_max: 32 << 20,
            metrics_bytes_max: 64 << 20,
            memory_bytes_max: 96 << 20,
            metrics_cache_bytes_max: 32 << 20,
            spans_cache_bytes_max: 64 << 20,
            series_max: 5_000_000,
            resent_spans_max: 256 << 10,
            room_wait_max: Duration::from_secs(2),
            flush_interval: Duration::from_mins(30),
            retention: Retention::default(),
            metric_retention: Vec::new(),
            log_retention: Vec::new(),
        }
    }
}

/// What is kept, and how long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// A part whose newest row is older is removed; `None` keeps it whatever its age.
    pub age_max: Option<Duration>,
    /// While all parts together are larger, the one with the oldest rows is removed; `None` keeps
    /// them whatever their size.
    pub bytes_max: Option<u64>,
}

//! The words of the domain: ids, attribute values, columns of spans, log records and samples,
//! time ranges, tenants and error kinds.
//!
//! # Invariants
//! - This crate knows no tokio, arrow, serde or HTTP, and does no IO.
//! - Nothing here reads the clock: whoever needs the time is handed a [`Clock`].
//! - Columns are plain buffers. A row object exists only at the edges and in tests.

pub mod attributes;
pub mod column;
pub mod error;
pub mod histogram;
pub mod id;
pub mod labels;
pub mod limits;
pub mod logs;
pub mod matcher;
pub mod metrics;
pub mod regex;
pub mod samples;
pub mod signal;
pub mod span_query;
pub mod spans;
pub mod stream;
pub mod tenant;
pub mod time;

pub use attributes::{AttributesColumn, Value, ValueKind};
pub use column::{BinaryColumn, DictColumn, Utf8Column};
pub use error::{Error, ErrorKind, Result};
pub use histogram::NativeHistogram;
pub use id::{SpanId, TraceId};
pub use labels::{Labels, METRIC_NAME};
pub use limits::DecodeLimits;
pub use logs::{Level, LogColumns};
pub use matcher::{MatchOp, Matcher};
pub use metrics::MetricColumns;
pub use regex::{GroupPlaces, LoosePattern, Pattern};
pub use samples::{FloatSamples, HistogramSample, SeriesSamples};
pub use signal::Signal;
pub use span_query::{
    CompareOp, FieldColumn, Operation, ServiceCalls, SpanBatch, SpanCursor, SpanField, SpanKey,
    SpanLiteral, SpanRows, SpanScope, SpanTest, SpansRequest, TraceRows, TraceTest,
};
pub use spans::SpanColumns;
pub use tenant::TenantId;
pub use time::{Clock, SystemClock, TimeRange};

//! The columns of spans (OTLP `trace.proto`, `Span`), as they travel from decoder to disk.

use crate::attributes::{AttributesColumn, Value};
use crate::column::{DictColumn, Utf8Column, table};
use crate::id::{SpanId, TraceId};

table! {
    /// Spans, one a row. The schema on disk is drawn in `docs/formats/spans.md`.
    SpanColumns {
        /// The trace that the span belongs to.
        trace_id: Vec<[u8; 16]>,
        /// The span's own id, unique in its trace.
        span_id: Vec<[u8; 8]>,
        /// The parent's id; all zero for a root.
        parent_span_id: Vec<[u8; 8]>,
        /// Start, nanoseconds since the epoch.
        start_ns: Vec<i64>,
        /// End minus start, nanoseconds; negative when the clock of the client jumped.
        duration_ns: Vec<i64>,
        /// The operation's name.
        name: Utf8Column,
        /// `SpanKind` as OTLP numbers it: 0 unspecified, 1 internal, 2 server, 3 client,
        /// 4 producer, 5 consumer.
        kind: Vec<u8>,
        /// `StatusCode` as OTLP numbers it: 0 unset, 1 ok, 2 error.
        status_code: Vec<u8>,
        /// What the client said about the status.
        status_message: Utf8Column,
        /// The resource's `service.name`; `unknown_service` where it sent none.
        service: DictColumn,
        /// All attributes of the resource, as a JSON object (see [`crate::attributes`]).
        resource: DictColumn,
        /// Name of the instrumentation scope.
        scope_name: DictColumn,
        /// Version of the instrumentation scope.
        scope_version: DictColumn,
        /// Attributes of the scope, as a JSON object; empty for none.
        scope_attributes: DictColumn,
        /// Schema URL of the scope, or else of the resource.
        schema_url: DictColumn,
        /// W3C `tracestate`.
        trace_state: Utf8Column,
        /// W3C trace flags in the low 8 bits, and OTLP's flags above.
        flags: Vec<u32>,
        /// The span's attributes.
        attributes: AttributesColumn,
        /// Attributes that the client or a limit dropped.
        dropped_attributes: Vec<u32>,
        /// Events as a JSON array of [`EventRow`]; empty for none.
        events: Utf8Column,
        /// Events that the client or a limit dropped.
        dropped_events: Vec<u32>,
        /// Links as a JSON array of [`LinkRow`]; empty for none.
        links: Utf8Column,
        /// Links that the client or a limit dropped.
        dropped_links: Vec<u32>,
    }
}

/// The service of a resource that names none.
pub const UNKNOWN_SERVICE: &str = "unknown_service";

/// One event of a span; documents the JSON in the column `events`: objects with the members
/// `time_unix_nano` (integer), `name`, `attributes` (object), `dropped_attributes_count`.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRow {
    /// When, nanoseconds since the epoch.
    pub time_ns: i64,
    /// The event's name.
    pub name: String,
    /// Its attributes.
    pub attributes: Vec<(String, Value)>,
    /// Attributes dropped.
    pub dropped_attributes: u32,
}

/// One link of a span; documents the JSON in the column `links`: objects with the members
/// `trace_id` and `span_id` (hexadecimal), `trace_state`, `attributes` (object),
/// `dropped_attributes_count`, `flags`.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkRow {
    /// The trace that is linked.
    pub trace_id: TraceId,
    /// The span that is linked.
    pub span_id: SpanId,
    /// W3C `tracestate` of the linked span.
    pub trace_state: String,
    /// Attributes of the link.
    pub attributes: Vec<(String, Value)>,
    /// Attributes dropped.
    pub dropped_attributes: u32,
    /// OTLP flags.
    pub flags: u32,
}

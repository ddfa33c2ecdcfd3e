//! Questions on spans, and answers as columns: what TraceQL asks of a store, and any store answers.
//!
//! A [`SpanTest`] is true, false or unknown of a span (Kleene's logic). A store leaves out what it
//! knows to be false and nothing else; who asked decides the rest on the columns that come back.

use crate::attributes::Value;
use crate::column::Utf8Column;
use crate::error::Result;
use crate::id::TraceId;
use crate::regex::Pattern;
use crate::time::TimeRange;

/// Where an attribute is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpanScope {
    /// On the span, and where it has none of that key on its resource.
    Any,
    /// On the span.
    Span,
    /// On the resource that sent it.
    Resource,
    /// On each of its events.
    Event,
    /// On each of its links.
    Link,
    /// On the instrumentation scope.
    Instrumentation,
}

/// Something to know about a span.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpanField {
    /// An attribute, by key. Of [`SpanScope::Event`] and [`SpanScope::Link`] a span has several.
    Attribute(SpanScope, String),
    /// The span's trace, 32 hexadecimal digits.
    TraceId,
    /// Its own id, 16 hexadecimal digits.
    SpanId,
    /// Its parent's id, 16 hexadecimal digits; absent for a root.
    ParentSpanId,
    /// Start, nanoseconds since the epoch (an integer).
    Start,
    /// End minus start, nanoseconds (an integer), at least 0.
    Duration,
    /// The operation's name.
    Name,
    /// OTLP's number of the kind (an integer).
    Kind,
    /// OTLP's number of the status (an integer).
    StatusCode,
    /// What the client said about the status; absent where empty.
    StatusMessage,
    /// The service: `service.name` of the resource or `unknown_service`.
    Service,
    /// Name of the instrumentation scope; absent where empty.
    ScopeName,
    /// Its version; absent where empty.
    ScopeVersion,
    /// Name of each event.
    EventName,
    /// Of each event the nanoseconds since the span's start (an integer).
    EventTimeSinceStart,
    /// Trace that each link leads to, 32 hexadecimal digits.
    LinkTraceId,
    /// Span that each link leads to, 16 hexadecimal digits.
    LinkSpanId,
    /// Row of the span's parent in the same batch (an integer); absent for a root and where the
    /// parent is not there. Where a client and a server share an id (Zipkin), the client is the
    /// server's parent, and the server that of whatever names the id, save of another server. Clients
    /// may send circles. Only for [`SpanRows::Traces`].
    ParentRow,
    /// Name of the trace's root; absent without one. Only for [`SpanRows::Traces`].
    RootName,
    /// Service of the trace's root; absent without one. Only for [`SpanRows::Traces`].
    RootService,
}

impl SpanField {
    /// Whether a span may have several values of it.
    pub fn is_repeated(&self) -> bool {
        matches!(
            self,
            Self::Attribute(SpanScope::Event | SpanScope::Link, _)
                | Self::EventName
                | Self::EventTimeSinceStart
                | Self::LinkTraceId
                | Self::LinkSpanId
        )
    }

    /// Whether it takes the whole trace to know it.
    pub fn needs_trace(&self) -> bool {
        matches!(self, Self::ParentRow | Self::RootName | Self::RootService)
    }
}

/// How to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
}

impl CompareOp {
    /// Whether it holds of two values; of what can not be ordered (NaN) only [`CompareOp::Ne`] does.
    pub fn holds<T: PartialOrd + ?Sized>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Eq => left == right,
            Self::Ne => left != right,
            Self::Lt => left < right,
            Self::Le => left <= right,
            Self::Gt => left > right,
            Self::Ge => left >= right,
        }
    }
}

/// A constant that a field is compared with.
#[derive(Clone, PartialEq)]
pub enum SpanLiteral {
    /// Compared with texts (byte by byte) and with ids.
    Text(String),
    /// Compared with integers and floats.
    Int(i64),
    /// Compared with integers and floats.
    Double(f64),
    /// Compared with truth values.
    Bool(bool),
}

/// A condition on a span.
#[derive(Clone)]
pub enum SpanTest {
    /// Every one holds; true when there are none.
    And(Vec<SpanTest>),
    /// At least one holds; false when there are none.
    Or(Vec<SpanTest>),
    /// Does not hold.
    Not(Box<SpanTest>),
    /// A comparison. False where the field is absent, [`CompareOp::Ne`] too; unknown where it is of
    /// another type than the constant, an array, or takes the whole trace. A store may take a value
    /// of another type, or an array, to be unequal. Of a repeated field it is
    /// false where it is false of each value, else unknown.
    Compare {
        /// Left side.
        field: SpanField,
        /// How.
        op: CompareOp,
        /// Right side.
        value: SpanLiteral,
    },
    /// The text matches the pattern. Absent, of another type, repeated: as for a comparison.
    Matches {
        /// What is looked at.
        field: SpanField,
        /// What for.
        pattern: Pattern,
    },
    /// The span has the field. Unknown where it takes the whole trace.
    Exists(SpanField),
    /// Unknown of every span.
    Unknown,
}

impl SpanTest {
    /// The condition that holds for every span.
    pub const ALL: Self = Self::And(Vec::new());

    /// Whether it is [`SpanTest::ALL`].
    pub fn is_all(&self) -> bool {
        matches!(self, Self::And(all) if all.is_empty())
    }
}

/// A condition on a trace.
#[derive(Debug, Clone)]
pub enum TraceTest {
    /// Every one holds; true when there are none.
    And(Vec<TraceTest>),
    /// At least one holds; false when there are none.
    Or(Vec<TraceTest>),
    /// The test is true of one of its spans, or unknown of one.
    AnySpan(SpanTest),
}

impl TraceTest {
    /// The condition that holds for every trace.
    pub const ALL: Self = Self::And(Vec::new());
}

/// Which spans.
#[derive(Debug, Clone)]
pub enum SpanRows {
    /// Spans that start in the range and of which the test is not false, in any order. Spans of one
    /// trace may lie in several batches. A span that was sent twice may come twice.
    Spans(SpanTest),
    /// All spans, wherever they start, of each trace that overlaps with the range (a span of it
    /// starts before the range's end, and one ends at or after its start) and of which the test is
    /// not false. Each trace comes once and whole, each of its spans (by id and kind) once, by start.
    /// Traces come newest start first; of one start the greatest id first. A store may leave out a
    /// trace that none of its spans puts into the range, or that passes the test only by spans more
    /// than ten minutes beside the range.
    Traces(TraceTest),
}

/// Asks for spans.
#[derive(Debug, Clone)]
pub struct SpansRequest {
    /// When; what that means is said at [`SpanRows`].
    pub range: TimeRange,
    /// Which spans.
    pub rows: SpanRows,
    /// What to tell about each, one column each.
    pub fields: Vec<SpanField>,
    /// About how many traces (or spans) will be taken: how much to read ahead.
    pub wanted: Option<usize>,
}

/// The rows of a trace in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceRows {
    /// Which trace.
    pub id: TraceId,
    /// Start of its first span, nanoseconds since the epoch.
    pub start_ns: i64,
    /// End of its last span, nanoseconds since the epoch.
    pub end_ns: i64,
    /// One past its last row; its first is where the trace before ends.
    pub rows_end: u32,
}

/// Spans, as columns.
#[derive(Debug, Clone, Default)]
pub struct SpanBatch {
    /// How many.
    pub rows: usize,
    /// The traces that they make up, for [`SpanRows::Traces`]; else empty.
    pub traces: Vec<TraceRows>,
    /// A column for each field of the request, in its order.
    pub columns: Vec<FieldColumn>,
}

/// Key of a text that is not there, in [`FieldColumn::Text`].
pub const ABSENT: u32 = u32::MAX;

/// A field of some spans.
#[derive(Clone, PartialEq)]
pub enum FieldColumn {
    /// No span has it.
    Absent,
    /// Whole numbers.
    Int {
        /// One a row.
        values: Vec<i64>,
        /// Whether each is there; all are if not given.
        present: Option<Vec<bool>>,
    },
    /// Floats.
    Double {
        /// One a row.
        values: Vec<f64>,
        /// Whether each is there; all are if not given.
        present: Option<Vec<bool>>,
    },
    /// Truth values.
    Bool {
        /// One a row.
        values: Vec<bool>,
        /// Whether each is there; all are if not given.
        present: Option<Vec<bool>>,
    },
    /// Texts, ids among them.
    Text {
        /// For each row the place of its text among the values, or [`ABSENT`].
        keys: Vec<u32>,
        /// The texts; one may occur twice.
        values: Utf8Column,
    },
    /// One of any type a row; [`Value::Empty`] where there is none. Arrays, bytes, and fields that
    /// have several types.
    Values(Vec<Value>),
    /// Several a row, of a repeated field.
    Repeated {
        /// Where each row's values end among `values`; the first row's begin at 0.
        ends: Vec<u32>,
        /// Values of all rows; a value that is absent belongs to an event or link without it.
        values: Box<FieldColumn>,
    },
}

/// Answers as they are read. Advancing blocks; dropping stops the work.
pub type SpanCursor = Box<dyn Iterator<Item = Result<SpanBatch>> + Send>;

/// An attribute that spans have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanKey {
    /// Where; never [`SpanScope::Any`].
    pub scope: SpanScope,
    /// Its key.
    pub key: String,
}

/// A kind of span that a service has made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation {
    /// The service.
    pub service: String,
    /// The span's name.
    pub name: String,
    /// OTLP's number of the kind.
    pub kind: u8,
}

/// Calls from one service to another: spans whose parent is of another service, or that are the
/// server's side of their parent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceCalls {
    /// Who calls.
    pub parent: String,
    /// Who is called.
    pub child: String,
    /// Spans.
    pub calls: u64,
    /// Those of them with status error.
    pub errors: u64,
}

/// What people search for and what spans hold may be prompts, so neither is printed.
impl std::fmt::Debug for SpanLiteral {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl std::fmt::Debug for SpanTest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::And(all) => f.debug_tuple("And").field(all).finish(),
            Self::Or(any) => f.debug_tuple("Or").field(any).finish(),
            Self::Not(inner) => f.debug_tuple("Not").field(inner).finish(),
            Self::Compare { field, op, .. } => write!(f, "{field:?} {op:?} …"),
            Self::Matches { field, .. } => write!(f, "{field:?} matches …"),
            Self::Exists(field) => write!(f, "{field:?} exists"),
            Self::Unknown => f.write_str("Unknown"),
        }
    }
}

impl std::fmt::Debug for FieldColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::Int { .. } => "Int(…)",
            Self::Double { .. } => "Double(…)",
            Self::Bool { .. } => "Bool(…)",
            Self::Text { .. } => "Text(…)",
            Self::Values(_) => "Values(…)",
            Self::Repeated { .. } => "Repeated(…)",
        })
    }
}

//! OTLP's messages as tables: the names that JSON uses beside the numbers that protobuf uses
//! (opentelemetry-proto 1.x). Fields that no decoder reads are left out, and so are ignored.

/// A message.
pub(super) struct Message {
    pub(super) fields: &'static [FieldDef],
}

/// A field of a message.
pub(super) struct FieldDef {
    /// In lowerCamelCase.
    pub(super) name: &'static str,
    pub(super) number: u32,
    pub(super) kind: Kind,
    pub(super) repeated: bool,
}

/// How a field's value is written in JSON and in protobuf.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    String,
    /// Base64.
    Bytes,
    /// Hexadecimal: trace and span ids, which differ from protobuf's usual JSON.
    Id,
    Bool,
    Int64,
    Uint64,
    Uint32,
    Sint32,
    Fixed64,
    Sfixed64,
    Fixed32,
    Double,
    /// An enumeration with its names; the position is the number.
    Enum(&'static [&'static str]),
    Message(&'static Message),
    /// `AnyValue`, where nesting is counted.
    Value,
}

const fn one(name: &'static str, number: u32, kind: Kind) -> FieldDef {
    FieldDef { name, number, kind, repeated: false }
}

const fn many(name: &'static str, number: u32, kind: Kind) -> FieldDef {
    FieldDef { name, number, kind, repeated: true }
}

const fn attributes(number: u32) -> FieldDef {
    many("attributes", number, Kind::Message(&KEY_VALUE))
}

macro_rules! messages {
    ($($visibility:vis $name:ident = [$($field:expr,)*];)*) => {
        $($visibility static $name: Message = Message { fields: &[$($field),*] };)*
    };
}

messages! {
    pub(super) TRACES = [many("resourceSpans", 1, Kind::Message(&RESOURCE_SPANS)),];
    pub(super) LOGS = [many("resourceLogs", 1, Kind::Message(&RESOURCE_LOGS)),];
    pub(super) METRICS = [many("resourceMetrics", 1, Kind::Message(&RESOURCE_METRICS)),];

    pub(super) ANY_VALUE = [
        one("stringValue", 1, Kind::String),
        one("boolValue", 2, Kind::Bool),
        one("intValue", 3, Kind::Int64),
        one("doubleValue", 4, Kind::Double),
        one("arrayValue", 5, Kind::Message(&ARRAY_VALUE)),
        one("kvlistValue", 6, Kind::Message(&KEY_VALUE_LIST)),
        one("bytesValue", 7, Kind::Bytes),
    ];
    ARRAY_VALUE = [many("values", 1, Kind::Value),];
    KEY_VALUE_LIST = [many("values", 1, Kind::Message(&KEY_VALUE)),];
    KEY_VALUE = [one("key", 1, Kind::String), one("value", 2, Kind::Value),];
    RESOURCE = [attributes(1),];
    SCOPE = [one("name", 1, Kind::String), one("version", 2, Kind::String), attributes(3),];

    RESOURCE_SPANS = [
        one("resource", 1, Kind::Message(&RESOURCE)),
        many("scopeSpans", 2, Kind::Message(&SCOPE_SPANS)),
        one("schemaUrl", 3, Kind::String),
    ];
    SCOPE_SPANS = [
        one("scope", 1, Kind::Message(&SCOPE)),
        many("spans", 2, Kind::Message(&SPAN)),
        one("schemaUrl", 3, Kind::String),
    ];
    SPAN = [
        one("traceId", 1, Kind::Id),
        one("spanId", 2, Kind::Id),
        one("traceState", 3, Kind::String),
        one("parentSpanId", 4, Kind::Id),
        one("name", 5, Kind::String),
        one("kind", 6, Kind::Enum(SPAN_KINDS)),
        one("startTimeUnixNano", 7, Kind::Fixed64),
        one("endTimeUnixNano", 8, Kind::Fixed64),
        attributes(9),
        one("droppedAttributesCount", 10, Kind::Uint32),
        many("events", 11, Kind::Message(&EVENT)),
        one("droppedEventsCount", 12, Kind::Uint32),
        many("links", 13, Kind::Message(&LINK)),
        one("droppedLinksCount", 14, Kind::Uint32),
        one("status", 15, Kind::Message(&STATUS)),
        one("flags", 16, Kind::Fixed32),
    ];
    EVENT = [
        one("timeUnixNano", 1, Kind::Fixed64),
        one("name", 2, Kind::String),
        attributes(3),
        one("droppedAttributesCount", 4, Kind::Uint32),
    ];
    LINK = [
        one("traceId", 1, Kind::Id),
        one("spanId", 2, Kind::Id),
        one("traceState", 3, Kind::String),
        attributes(4),
        one("droppedAttributesCount", 5, Kind::Uint32),
        one("flags", 6, Kind::Fixed32),
    ];
    STATUS = [one("message", 2, Kind::String), one("code", 3, Kind::Enum(STATUS_CODES)),];

    RESOURCE_LOGS = [
        one("resource", 1, Kind::Message(&RESOURCE)),
        many("scopeLogs", 2, Kind::Message(&SCOPE_LOGS)),
        one("schemaUrl", 3, Kind::String),
    ];
    SCOPE_LOGS = [
        one("scope", 1, Kind::Message(&SCOPE)),
        many("logRecords", 2, Kind::Message(&LOG_RECORD)),
        one("schemaUrl", 3, Kind::String),
    ];
    LOG_RECORD = [
        one("timeUnixNano", 1, Kind::Fixed64),
        one("severityNumber", 2, Kind::Enum(SEVERITY_NUMBERS)),
        one("severityText", 3, Kind::String),
        one("body", 5, Kind::Value),
        attributes(6),
        one("droppedAttributesCount", 7, Kind::Uint32),
        one("flags", 8, Kind::Fixed32),
        one("traceId", 9, Kind::Id),
        one("spanId", 10, Kind::Id),
        one("observedTimeUnixNano", 11, Kind::Fixed64),
        one("eventName", 12, Kind::String),
    ];

    RESOURCE_METRICS = [
        one("resource", 1, Kind::Message(&RESOURCE)),
        many("scopeMetrics", 2, Kind::Message(&SCOPE_METRICS)),
        one("schemaUrl", 3, Kind::String),
    ];
    SCOPE_METRICS = [
        one("scope", 1, Kind::Message(&SCOPE)),
        many("metrics", 2, Kind::Message(&METRIC)),
        one("schemaUrl", 3, Kind::String),
    ];
    METRIC = [
        one("name", 1, Kind::String),
        one("description", 2, Kind::String),
        one("unit", 3, Kind::String),
        one("gauge", 5, Kind::Message(&GAUGE)),
        one("sum", 7, Kind::Message(&SUM)),
        one("histogram", 9, Kind::Message(&HISTOGRAM)),
        one("exponentialHistogram", 10, Kind::Message(&EXPONENTIAL_HISTOGRAM)),
        one("summary", 11, Kind::Message(&SUMMARY)),
    ];
    GAUGE = [many("dataPoints", 1, Kind::Message(&NUMBER_POINT)),];
    SUM = [
        many("dataPoints", 1, Kind::Message(&NUMBER_POINT)),
        one("aggregationTemporality", 2, Kind::Enum(TEMPORALITIES)),
        one("isMonotonic", 3, Kind::Bool),
    ];
    HISTOGRAM = [
        many("dataPoints", 1, Kind::Message(&HISTOGRAM_POINT)),
        one("aggregationTemporality", 2, Kind::Enum(TEMPORALITIES)),
    ];
    EXPONENTIAL_HISTOGRAM = [
        many("dataPoints", 1, Kind::Message(&EXPONENTIAL_POINT)),
        one("aggregationTemporality", 2, Kind::Enum(TEMPORALITIES)),
    ];
    SUMMARY = [many("dataPoints", 1, Kind::Message(&SUMMARY_POINT)),];
    NUMBER_POINT = [
        one("startTimeUnixNano", 2, Kind::Fixed64),
        one("timeUnixNano", 3, Kind::Fixed64),
        one("asDouble", 4, Kind::Double),
        many("exemplars", 5, Kind::Message(&EXEMPLAR)),
        one("asInt", 6, Kind::Sfixed64),
        attributes(7),
        one("flags", 8, Kind::Uint32),
    ];
    HISTOGRAM_POINT = [
        one("startTimeUnixNano", 2, Kind::Fixed64),
        one("timeUnixNano", 3, Kind::Fixed64),
        one("count", 4, Kind::Fixed64),
        one("sum", 5, Kind::Double),
        many("bucketCounts", 6, Kind::Fixed64),
        many("explicitBounds", 7, Kind::Double),
        many("exemplars", 8, Kind::Message(&EXEMPLAR)),
        attributes(9),
        one("flags", 10, Kind::Uint32),
    ];
    EXPONENTIAL_POINT = [
        attributes(1),
        one("startTimeUnixNano", 2, Kind::Fixed64),
        one("timeUnixNano", 3, Kind::Fixed64),
        one("count", 4, Kind::Fixed64),
        one("sum", 5, Kind::Double),
        one("scale", 6, Kind::Sint32),
        one("zeroCount", 7, Kind::Fixed64),
        one("positive", 8, Kind::Message(&BUCKETS)),
        one("negative", 9, Kind::Message(&BUCKETS)),
        one("flags", 10, Kind::Uint32),
        many("exemplars", 11, Kind::Message(&EXEMPLAR)),
        one("zeroThreshold", 14, Kind::Double),
    ];
    BUCKETS = [one("offset", 1, Kind::Sint32), many("bucketCounts", 2, Kind::Uint64),];
    SUMMARY_POINT = [
        one("startTimeUnixNano", 2, Kind::Fixed64),
        one("timeUnixNano", 3, Kind::Fixed64),
        one("count", 4, Kind::Fixed64),
        one("sum", 5, Kind::Double),
        many("quantileValues", 6, Kind::Message(&QUANTILE)),
        attributes(7),
        one("flags", 8, Kind::Uint32),
    ];
    QUANTILE = [one("quantile", 1, Kind::Double), one("value", 2, Kind::Double),];
    EXEMPLAR = [
        one("timeUnixNano", 2, Kind::Fixed64),
        one("asDouble", 3, Kind::Double),
        one("spanId", 4, Kind::Id),
        one("traceId", 5, Kind::Id),
        one("asInt", 6, Kind::Sfixed64),
        many("filteredAttributes", 7, Kind::Message(&KEY_VALUE)),
    ];
}

const SPAN_KINDS: &[&str] = &[
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];

const STATUS_CODES: &[&str] = &["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

const TEMPORALITIES: &[&str] = &[
    "AGGREGATION_TEMPORALITY_UNSPECIFIED",
    "AGGREGATION_TEMPORALITY_DELTA",
    "AGGREGATION_TEMPORALITY_CUMULATIVE",
];

const SEVERITY_NUMBERS: &[&str] = &[
    "SEVERITY_NUMBER_UNSPECIFIED",
    "SEVERITY_NUMBER_TRACE",
    "SEVERITY_NUMBER_TRACE2",
    "SEVERITY_NUMBER_TRACE3",
    "SEVERITY_NUMBER_TRACE4",
    "SEVERITY_NUMBER_DEBUG",
    "SEVERITY_NUMBER_DEBUG2",
    "SEVERITY_NUMBER_DEBUG3",
    "SEVERITY_NUMBER_DEBUG4",
    "SEVERITY_NUMBER_INFO",
    "SEVERITY_NUMBER_INFO2",
    "SEVERITY_NUMBER_INFO3",
    "SEVERITY_NUMBER_INFO4",
    "SEVERITY_NUMBER_WARN",
    "SEVERITY_NUMBER_WARN2",
    "SEVERITY_NUMBER_WARN3",
    "SEVERITY_NUMBER_WARN4",
    "SEVERITY_NUMBER_ERROR",
    "SEVERITY_NUMBER_ERROR2",
    "SEVERITY_NUMBER_ERROR3",
    "SEVERITY_NUMBER_ERROR4",
    "SEVERITY_NUMBER_FATAL",
    "SEVERITY_NUMBER_FATAL2",
    "SEVERITY_NUMBER_FATAL3",
    "SEVERITY_NUMBER_FATAL4",
];

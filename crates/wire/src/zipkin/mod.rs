//! Zipkin: lists of spans to columns, in the second form (JSON and protobuf) and the first (JSON and
//! Thrift), where core annotations say what a span is; and columns back to JSON, for its query API.
//!
//! What a span means follows OpenTelemetry's mapping and the Collector's translator. A tag stays
//! text, whatever it looks like; annotations are events under the text that they have; the two sides
//! of a shared span both stay, and that of the server is marked with the attribute
//! `zipkin.shared`. A span without ids is rejected alone.

mod encode;
mod json;
mod proto;
mod span;
mod text;
mod thrift;
mod v1;
mod v1_json;

#[cfg(test)]
mod tests;

pub use encode::{encode_json, trace_id_text};
pub use json::decode as decode_json;
pub use proto::decode as decode_proto;
pub use thrift::decode as decode_v1_thrift;
pub(crate) use thrift::read as read_thrift_spans;
pub use v1_json::decode as decode_v1_json;

/// The attribute of a span that shares its id with its caller's.
pub const SHARED: &str = "zipkin.shared";

/// The attribute of a span that was sampled whatever the rate is.
pub const DEBUG: &str = "zipkin.debug";

/// The attribute of a span that came without a time of its own, as the Collector names it.
pub const ABSENT_START: &str = "otel.zipkin.absentField.startTime";

/// What an error calls a body of this protocol.
const WHAT: &str = "list of Zipkin spans";

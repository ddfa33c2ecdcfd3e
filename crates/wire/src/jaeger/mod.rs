//! Jaeger: batches of spans to columns, as Thrift (`jaeger.thrift`, alone or as a call of
//! `agent.thrift`) and as protobuf (`api_v2.PostSpansRequest`), and the sampling strategies that
//! its clients ask for; and columns back to spans of Jaeger, for its query service ([`encode`]).
//!
//! Tags become attributes with their types; those that stand for a field of a span in
//! OpenTelemetry's mapping become that field (OpenTelemetry specification, "Jaeger"; the Collector's
//! translator): `span.kind`, `error`, `otel.*`, `w3c.tracestate`. A span without ids is rejected
//! alone.

mod encode;
mod packet;
mod proto;
mod sampling;
mod span;
mod thrift;

#[cfg(test)]
mod tests;

pub use encode::{KIND_NAMES, encode_spans_proto, encode_trace_json, separate_shared_ids};
pub use packet::{PACKET_BYTES_MAX, decode as decode_packet};
pub use proto::decode as decode_proto;
pub use sampling::{
    OperationStrategy, Strategy, StrategyKind, requested_service, strategy_json, strategy_proto,
};
pub use thrift::decode as decode_thrift;
pub(crate) use thrift::trace_id;

/// What an error calls a body of this protocol.
const WHAT: &str = "Jaeger batch";

//! Messages of the query services (`api_v2/query.proto`, `api_v3/query_service.proto`), by hand. Where
//! both have the same, there is one.

use std::collections::HashMap;

use bytes::{Buf, BufMut};
use prost::encoding::{DecodeContext, WireType, skip_field};
use prost::{DecodeError, Message};

/// `google.protobuf.Timestamp` and `google.protobuf.Duration`.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Time {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

impl Time {
    /// Nanoseconds; what is out of range becomes the end of the range.
    pub(super) fn ns(self) -> i64 {
        self.seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(self.nanos))
    }
}

/// Of either service; Go's zero time counts as none.
pub(super) fn instant(time: Option<Time>) -> Option<i64> {
    time.map(Time::ns).filter(|ns| *ns > 0)
}

/// `api_v2.GetTraceRequest` and `ArchiveTraceRequest`
#[derive(Clone, PartialEq, Message)]
pub(super) struct GetTraceV2 {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) trace_id: Vec<u8>,
    #[prost(bool, tag = "4")]
    pub(super) raw_traces: bool,
}

/// `api_v3.GetTraceRequest`
#[derive(Clone, PartialEq, Message)]
pub(super) struct GetTraceV3 {
    #[prost(string, tag = "1")]
    pub(super) trace_id: String,
    #[prost(bool, tag = "4")]
    pub(super) raw_traces: bool,
}

/// `TraceQueryParameters`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Query {
    #[prost(string, tag = "1")]
    pub(super) service_name: String,
    #[prost(string, tag = "2")]
    pub(super) operation_name: String,
    #[prost(map = "string, string", tag = "3")]
    pub(super) tags: HashMap<String, String>,
    #[prost(message, optional, tag = "4")]
    pub(super) start_time_min: Option<Time>,
    #[prost(message, optional, tag = "5")]
    pub(super) start_time_max: Option<Time>,
    #[prost(message, optional, tag = "6")]
    pub(super) duration_min: Option<Time>,
    #[prost(message, optional, tag = "7")]
    pub(super) duration_max: Option<Time>,
    #[prost(int32, tag = "8")]
    pub(super) search_depth: i32,
    #[prost(bool, tag = "9")]
    pub(super) raw_traces: bool,
    /// A structured filter; of the newer service only.
    #[prost(bytes = "vec", optional, tag = "10")]
    pub(super) filter: Option<Vec<u8>>,
}

/// `FindTracesRequest` and `FindTraceSummariesRequest`
#[derive(Clone, PartialEq, Message)]
pub(super) struct FindTraces {
    #[prost(message, optional, tag = "1")]
    pub(super) query: Option<Query>,
}

/// `api_v2.SpansResponseChunk`; each span is one that is encoded already.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SpansChunk {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(super) spans: Vec<Vec<u8>>,
}

/// `api_v2.ArchiveTraceResponse`, `GetServicesRequest`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Empty {}

/// `GetServicesResponse`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Services {
    #[prost(string, repeated, tag = "1")]
    pub(super) services: Vec<String>,
}

/// `GetOperationsRequest`
#[derive(Clone, PartialEq, Message)]
pub(super) struct GetOperations {
    #[prost(string, tag = "1")]
    pub(super) service: String,
    #[prost(string, tag = "2")]
    pub(super) span_kind: String,
}

/// `Operation`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Operation {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) span_kind: String,
}

/// `api_v2.GetOperationsResponse`
#[derive(Clone, PartialEq, Message)]
pub(super) struct OperationsV2 {
    #[prost(string, repeated, tag = "1")]
    pub(super) operation_names: Vec<String>,
    #[prost(message, repeated, tag = "2")]
    pub(super) operations: Vec<Operation>,
}

/// `api_v3.GetOperationsResponse`
#[derive(Clone, PartialEq, Message)]
pub(super) struct OperationsV3 {
    #[prost(message, repeated, tag = "1")]
    pub(super) operations: Vec<Operation>,
}

/// `GetDependenciesRequest`
#[derive(Clone, PartialEq, Message)]
pub(super) struct GetDependencies {
    #[prost(message, optional, tag = "1")]
    pub(super) start_time: Option<Time>,
    #[prost(message, optional, tag = "2")]
    pub(super) end_time: Option<Time>,
}

/// `api_v2.DependencyLink`, `api_v3.Dependency`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Link {
    #[prost(string, tag = "1")]
    pub(super) parent: String,
    #[prost(string, tag = "2")]
    pub(super) child: String,
    #[prost(uint64, tag = "3")]
    pub(super) call_count: u64,
}

/// `api_v2.GetDependenciesResponse`, `api_v3.DependenciesResponse`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Links {
    #[prost(message, repeated, tag = "1")]
    pub(super) dependencies: Vec<Link>,
}

/// `api_v3.ServiceSummary`
#[derive(Clone, PartialEq, Message)]
pub(super) struct ServiceSummary {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(int32, tag = "2")]
    pub(super) span_count: i32,
    #[prost(int32, tag = "3")]
    pub(super) error_span_count: i32,
}

/// `api_v3.TraceSummary`
#[derive(Clone, PartialEq, Message)]
pub(super) struct TraceSummary {
    #[prost(string, tag = "1")]
    pub(super) trace_id: String,
    #[prost(string, tag = "2")]
    pub(super) root_service_name: String,
    #[prost(string, tag = "3")]
    pub(super) root_operation_name: String,
    #[prost(fixed64, tag = "4")]
    pub(super) min_start_time_unix_nano: u64,
    #[prost(fixed64, tag = "5")]
    pub(super) max_end_time_unix_nano: u64,
    #[prost(int32, tag = "6")]
    pub(super) span_count: i32,
    #[prost(int32, tag = "7")]
    pub(super) error_span_count: i32,
    #[prost(int32, tag = "8")]
    pub(super) orphan_span_count: i32,
    #[prost(message, repeated, tag = "9")]
    pub(super) services: Vec<ServiceSummary>,
}

/// `api_v3.FindTraceSummariesResponse`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Summaries {
    #[prost(message, repeated, tag = "1")]
    pub(super) summaries: Vec<TraceSummary>,
}

/// A message that is encoded already.
#[derive(Debug, Default)]
pub(super) struct Encoded(pub(super) Vec<u8>);

impl Message for Encoded {
    fn encode_raw(&self, out: &mut impl BufMut) {
        out.put_slice(&self.0);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        from: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        // Only ever written.
        skip_field(wire_type, tag, from, context)
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

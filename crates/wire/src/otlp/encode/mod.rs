//! Bodies of answers to OTLP requests: partial success, and `google.rpc.Status` for errors, in
//! protobuf or JSON; and spans back to OTLP. Which HTTP status goes with them is not known here.

mod spans;
mod value;

pub use spans::encode_traces;
use watchkeep_model::attributes::write_json_string;

use super::{Decoded, Signal};
use crate::protobuf::Writer;

/// In which of its two forms an OTLP message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

impl Encoding {
    /// The media type of bodies in this encoding.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// `Export…ServiceResponse` for a request of which `rejected` records were left out. Nothing
/// rejected and nothing to say is the empty message, which means success.
pub fn export_response(
    signal: Signal,
    encoding: Encoding,
    rejected: u64,
    message: &str,
) -> Vec<u8> {
    let empty = rejected == 0 && message.is_empty();
    match encoding {
        Encoding::Protobuf if empty => Vec::new(),
        Encoding::Json if empty => b"{}".to_vec(),
        Encoding::Protobuf => {
            let mut writer = Writer::default();
            let partial_success = writer.begin_message(1);
            if rejected > 0 {
                writer.varint(1, rejected);
            }
            if !message.is_empty() {
                writer.bytes(2, message.as_bytes());
            }
            writer.end_message(partial_success);
            writer.into_bytes()
        }
        Encoding::Json => {
            let member = match signal {
                Signal::Traces => "rejectedSpans",
                Signal::Logs => "rejectedLogRecords",
                Signal::Metrics => "rejectedDataPoints",
            };
            // 64-bit integers are strings in protobuf's JSON.
            let mut out = format!("{{\"partialSuccess\":{{\"{member}\":\"{rejected}\"");
            if !message.is_empty() {
                out.push_str(",\"errorMessage\":");
                write_json_string(&mut out, message);
            }
            out.push_str("}}");
            out.into_bytes()
        }
    }
}

impl<T> Decoded<T> {
    /// The answer to the request, when what was accepted has been stored.
    pub fn export_response(&self, signal: Signal, encoding: Encoding) -> Vec<u8> {
        export_response(signal, encoding, self.rejected, &self.message)
    }
}

/// `google.rpc.Status`: `code` is one of gRPC's.
pub fn rpc_status(encoding: Encoding, code: i32, message: &str) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => {
            let mut writer = Writer::default();
            if code != 0 {
                writer.varint(1, i64::from(code) as u64);
            }
            if !message.is_empty() {
                writer.bytes(2, message.as_bytes());
            }
            writer.into_bytes()
        }
        Encoding::Json => {
            let mut out = format!("{{\"code\":{code},\"message\":");
            write_json_string(&mut out, message);
            out.push('}');
            out.into_bytes()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::collector::{
        logs::v1::ExportLogsServiceResponse, metrics::v1::ExportMetricsServiceResponse,
        trace::v1::ExportTraceServiceResponse,
    };
    use prost::Message as _;

    #[test]
    fn partial_success_is_read_by_others() {
        let body = |signal| export_response(signal, Encoding::Protobuf, 300, "why");
        let traces = ExportTraceServiceResponse::decode(&*body(Signal::Traces)).unwrap();
        let traces = traces.partial_success.unwrap();
        assert_eq!((traces.rejected_spans, &*traces.error_message), (300, "why"));
        let logs = ExportLogsServiceResponse::decode(&*body(Signal::Logs)).unwrap();
        assert_eq!(logs.partial_success.unwrap().rejected_log_records, 300);
        let metrics = ExportMetricsServiceResponse::decode(&*body(Signal::Metrics)).unwrap();
        assert_eq!(metrics.partial_success.unwrap().rejected_data_points, 300);
    }

    #[test]
    fn json_bodies() {
        let response = |signal, rejected, message| {
            String::from_utf8(export_response(signal, Encoding::Json, rejected, message)).unwrap()
        };
        assert_eq!(response(Signal::Logs, 0, ""), "{}");
        assert_eq!(
            response(Signal::Logs, 2, "a \"b\""),
            r#"{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"a \"b\""}}"#
        );
        assert_eq!(
            response(Signal::Metrics, 2, ""),
            r#"{"partialSuccess":{"rejectedDataPoints":"2"}}"#
        );
        assert_eq!(rpc_status(Encoding::Json, 3, "no"), br#"{"code":3,"message":"no"}"#);
    }

    #[test]
    fn success_is_empty_and_a_status_has_code_and_message() {
        assert!(export_response(Signal::Traces, Encoding::Protobuf, 0, "").is_empty());
        assert_eq!(rpc_status(Encoding::Protobuf, 8, "no"), [0x08, 8, 0x12, 2, b'n', b'o']);
    }
}

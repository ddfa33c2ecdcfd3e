//! How a kind of error becomes an HTTP status or a gRPC code on this surface, and the bodies that
//! OTLP asks for (`google.rpc.Status`; OTLP 1.x, "Failures" and "OTLP/HTTP Throttling").

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use tonic::{Code, Status};
use watchkeep_model::{Error, ErrorKind};
use watchkeep_wire::otlp::{Encoding, rpc_status};
use watchkeep_wire::protobuf::Writer;

use crate::error_log::public_message;

/// Status, code, and when to retry.
struct Mapped {
    http: StatusCode,
    grpc: Code,
    retry_after: Option<Duration>,
}

fn map(error: &Error) -> Mapped {
    let (http, grpc, retry_after) = match error.kind() {
        ErrorKind::Invalid => (StatusCode::BAD_REQUEST, Code::InvalidArgument, None),
        ErrorKind::Unsupported => (StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::Unimplemented, None),
        ErrorKind::LimitExceeded { .. } => (StatusCode::BAD_REQUEST, Code::InvalidArgument, None),
        // Without RetryInfo, RESOURCE_EXHAUSTED tells OTLP clients not to retry.
        ErrorKind::TooLarge { .. } => {
            (StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted, None)
        }
        ErrorKind::NotFound => (StatusCode::NOT_FOUND, Code::NotFound, None),
        ErrorKind::Overloaded { retry_after } => {
            (StatusCode::TOO_MANY_REQUESTS, Code::ResourceExhausted, Some(*retry_after))
        }
        ErrorKind::Unavailable { retry_after } => {
            (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, Some(*retry_after))
        }
        ErrorKind::Timeout => (StatusCode::REQUEST_TIMEOUT, Code::DeadlineExceeded, None),
        ErrorKind::Corrupt => (StatusCode::INTERNAL_SERVER_ERROR, Code::DataLoss, None),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, None),
    };
    Mapped { http, grpc, retry_after }
}

/// The answer over HTTP, in the encoding of the request.
pub(super) fn http_response(error: &Error, encoding: Encoding) -> Response {
    let Mapped { http, grpc, retry_after } = map(error);
    let body = rpc_status(encoding, grpc as i32, public_message(error));
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = http;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(encoding.media_type()));
    if let Some(delay) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(delay)));
    }
    response
}

/// `Retry-After` counts whole seconds; 0 would invite an immediate retry.
fn whole_seconds(delay: Duration) -> u64 {
    delay.as_millis().div_ceil(1000).max(1) as u64
}

/// The status over gRPC, with `RetryInfo` where a retry helps.
pub(super) fn grpc_status(error: &Error) -> Status {
    let Mapped { grpc, retry_after, .. } = map(error);
    let message = public_message(error);
    match retry_after {
        None => Status::new(grpc, message),
        Some(delay) => Status::with_details(grpc, message, retry_details(grpc, message, delay)),
    }
}

/// `google.rpc.Status` with one detail, `google.rpc.RetryInfo`.
fn retry_details(code: Code, message: &str, delay: Duration) -> Bytes {
    let mut writer = Writer::default();
    writer.varint(1, code as u64);
    writer.bytes(2, message.as_bytes());
    let detail = writer.begin_message(3);
    writer.bytes(1, b"type.googleapis.com/google.rpc.RetryInfo");
    let retry_info = writer.begin_message(2);
    let retry_delay = writer.begin_message(1);
    writer.varint(1, delay.as_secs());
    writer.varint(2, u64::from(delay.subsec_nanos()));
    writer.end_message(retry_delay);
    writer.end_message(retry_info);
    writer.end_message(detail);
    writer.into_bytes().into()
}

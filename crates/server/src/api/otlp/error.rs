//! How a kind of error becomes an HTTP status on this surface, and the bodies that OTLP asks for
//! (`google.rpc.Status`; OTLP 1.x, "Failures" and "OTLP/HTTP Throttling").

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use watchkeep_model::{Error, ErrorKind};
use watchkeep_wire::otlp::{Encoding, rpc_status};

use crate::error_log::public_message;
use crate::grpc::code_of;

fn http_status(kind: &ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Invalid | ErrorKind::LimitExceeded { .. } => StatusCode::BAD_REQUEST,
        ErrorKind::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorKind::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Overloaded { .. } => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Timeout => StatusCode::REQUEST_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The answer over HTTP, in the encoding of the request.
pub(super) fn http_response(error: &Error, encoding: Encoding) -> Response {
    let body = rpc_status(encoding, code_of(error.kind()) as i32, public_message(error));
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = http_status(error.kind());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(encoding.media_type()));
    if let ErrorKind::Overloaded { retry_after } | ErrorKind::Unavailable { retry_after } =
        error.kind()
    {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(*retry_after)));
    }
    response
}

/// `Retry-After` counts whole seconds; 0 would invite an immediate retry.
fn whole_seconds(delay: Duration) -> u64 {
    delay.as_millis().div_ceil(1000).max(1) as u64
}

//! How a kind of error becomes a status on this surface. The body is the message as plain text and a
//! line's end, as Zipkin has it.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use watchkeep_model::{Error, ErrorKind};

use crate::app::App;
use crate::error_log::public_message;

/// The answer; what is for the operator goes to the log.
pub(super) fn respond(app: &App, error: &Error) -> Response {
    app.error_log.note(app.engine.clock(), "zipkin", error);
    let status = match error.kind() {
        ErrorKind::Invalid | ErrorKind::LimitExceeded { .. } => StatusCode::BAD_REQUEST,
        ErrorKind::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorKind::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Timeout => StatusCode::REQUEST_TIMEOUT,
        ErrorKind::Overloaded { .. } => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let body = Body::from(format!("{}\n", public_message(error)));
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if let ErrorKind::Overloaded { retry_after } | ErrorKind::Unavailable { retry_after } =
        error.kind()
    {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after.as_secs().max(1)));
    }
    response
}

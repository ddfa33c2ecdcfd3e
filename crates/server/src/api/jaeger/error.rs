//! How a kind of error becomes a status on this surface. The body is the message as plain text and a
//! line's end, as Jaeger's collector has it.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use watchkeep_model::{Error, ErrorKind};

use crate::app::App;
use crate::error_log::public_message;

/// An answer that is a text.
pub(super) fn text(status: StatusCode, message: &str) -> Response {
    let mut response = (status, Body::from(format!("{message}\n"))).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The answer to a batch that was not taken; what is for the operator goes to the log.
pub(super) fn respond(app: &App, error: &Error) -> Response {
    app.error_log.note(app.engine.clock(), "jaeger", error);
    let message = public_message(error);
    let (status, message) = match error.kind() {
        ErrorKind::Invalid | ErrorKind::LimitExceeded { .. } => {
            (StatusCode::BAD_REQUEST, format!("Unable to process request body: {message}"))
        }
        ErrorKind::Unsupported => (StatusCode::UNSUPPORTED_MEDIA_TYPE, message.to_owned()),
        ErrorKind::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, message.to_owned()),
        ErrorKind::Timeout => (StatusCode::REQUEST_TIMEOUT, message.to_owned()),
        ErrorKind::Overloaded { .. } => (StatusCode::TOO_MANY_REQUESTS, message.to_owned()),
        ErrorKind::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, message.to_owned()),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, format!("Cannot submit Jaeger batch: {message}")),
    };
    let mut response = text(status, &message);
    if let ErrorKind::Overloaded { retry_after } | ErrorKind::Unavailable { retry_after } =
        error.kind()
    {
        let seconds = HeaderValue::from(retry_after.as_secs().max(1));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

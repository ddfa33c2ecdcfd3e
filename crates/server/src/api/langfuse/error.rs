//! How a kind of error becomes a status and a body on this surface: `{"message", "error"}`.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use watchkeep_model::{Error, ErrorKind};

use crate::app::App;
use crate::error_log::public_message;

/// The status of an error.
pub(super) fn status(error: &Error) -> StatusCode {
    match error.kind() {
        ErrorKind::Invalid | ErrorKind::LimitExceeded { .. } => StatusCode::BAD_REQUEST,
        ErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
        ErrorKind::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Timeout => StatusCode::REQUEST_TIMEOUT,
        ErrorKind::Overloaded { .. } => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The answer; what is for the operator goes to the log.
pub(super) fn respond(app: &App, error: &Error) -> Response {
    app.error_log.note(app.engine.clock(), "langfuse", error);
    let name = match error.kind() {
        ErrorKind::Invalid | ErrorKind::LimitExceeded { .. } => "InvalidRequestError",
        ErrorKind::NotFound => "LangfuseNotFoundError",
        _ => "InternalServerError",
    };
    let body = Json(json!({"message": public_message(error), "error": name}));
    let mut response = (status(error), body).into_response();
    if let ErrorKind::Overloaded { retry_after } | ErrorKind::Unavailable { retry_after } =
        error.kind()
    {
        let seconds = HeaderValue::from(retry_after.as_secs().max(1));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

//! How a kind of error becomes a status and a body on this surface: `{"success", "error", "timestamp"}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use watchkeep_model::{Error, ErrorKind};

use super::dto::{Failure, epoch_seconds};
use crate::app::App;
use crate::error_log::public_message;

/// The status of an error.
fn status(error: &Error) -> StatusCode {
    match error.kind() {
        ErrorKind::Invalid => StatusCode::BAD_REQUEST,
        ErrorKind::LimitExceeded { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::Overloaded { .. } => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The answer; what is for the operator goes to the log.
pub(super) fn respond(app: &App, error: &Error) -> Response {
    app.error_log.note(app.engine.clock(), "monitoring", error);
    let mut response = body(app, status(error), public_message(error));
    if let ErrorKind::Overloaded { retry_after } | ErrorKind::Unavailable { retry_after } =
        error.kind()
    {
        let seconds = HeaderValue::from(retry_after.as_secs().max(1));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// The answer to a method that the path does not have.
pub(super) async fn wrong_method(State(app): State<Arc<App>>) -> Response {
    let message = "the path does not have this method; use GET";
    let mut response = body(&app, StatusCode::METHOD_NOT_ALLOWED, message);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn body(app: &App, status: StatusCode, message: &str) -> Response {
    let timestamp = epoch_seconds(app.engine.clock().now_ns());
    (status, Json(Failure { success: false, error: message, timestamp })).into_response()
}

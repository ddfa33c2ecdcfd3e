//! How a kind of error becomes a status on this surface. The body is the message, for people.

use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use watchkeep_model::{Error, ErrorKind};

use crate::error_log::public_message;

/// The answer.
pub(super) fn response(error: &Error) -> Response {
    let message = format!("{}\n", public_message(error));
    match error.kind() {
        ErrorKind::Unavailable { retry_after } | ErrorKind::Overloaded { retry_after } => {
            let seconds = retry_after.as_secs().max(1).to_string();
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, seconds)], message)
                .into_response()
        }
        _ => (StatusCode::INTERNAL_SERVER_ERROR, message).into_response(),
    }
}

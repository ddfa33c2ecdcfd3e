//! How a kind of error becomes a status on this surface. The body is the message as plain text, as
//! Tempo has it.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use watchkeep_engine::traces::QueryError;
use watchkeep_model::{Error, ErrorKind};

use crate::app::App;
use crate::error_log::public_message;

/// An error of this surface.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    message: String,
    /// For the log, for `Retry-After` and for gRPC.
    cause: Option<Error>,
}

impl ApiError {
    /// An error with a status of its own.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), cause: None }
    }

    /// The request is wrong.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// Says first what was being done.
    pub(super) fn prefixed(mut self, prefix: &str) -> Self {
        if self.status == StatusCode::BAD_REQUEST {
            self.message.insert_str(0, prefix);
        }
        self
    }

    /// The answer; what is for the operator goes to the log.
    pub(super) fn respond(self, app: &App) -> Response {
        let mut retry_after = None;
        if let Some(cause) = &self.cause {
            app.error_log.note(app.engine.clock(), "tempo", cause);
            if let ErrorKind::Overloaded { retry_after: delay }
            | ErrorKind::Unavailable { retry_after: delay } = cause.kind()
            {
                retry_after = Some(delay.as_secs().max(1));
            }
        }
        let mut response = (self.status, Body::from(self.message)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// The same over gRPC.
    pub(super) fn into_error(self) -> Error {
        let kind = match self.status {
            _ if self.cause.is_some() => return self.cause.unwrap_or_else(|| Error::internal("")),
            StatusCode::BAD_REQUEST => ErrorKind::Invalid,
            StatusCode::NOT_FOUND => ErrorKind::NotFound,
            StatusCode::GATEWAY_TIMEOUT => ErrorKind::Timeout,
            _ => ErrorKind::Internal,
        };
        Error::new(kind, self.message)
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::Invalid | ErrorKind::LimitExceeded { .. } | ErrorKind::Unsupported => {
                StatusCode::BAD_REQUEST
            }
            ErrorKind::TooLarge { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
            ErrorKind::Overloaded { .. } => StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let message = public_message(&error).to_owned();
        Self { status, message, cause: Some(error) }
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Invalid(message) => Self::bad_request(message),
            QueryError::Timeout => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "the query took longer than it may (limits.query_timeout)",
            ),
            // The client is gone; nobody reads it.
            QueryError::Cancelled => Self::new(
                StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
                "the request was cancelled by the client",
            ),
            QueryError::Store(error) => Self::from(error),
        }
    }
}

//! How a kind of error becomes a status and a body on this surface: Prometheus' envelope with
//! `errorType` and `error`. (Prometheus documentation, "HTTP API", section "Format overview".)

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use watchkeep_engine::promql::QueryError;
use watchkeep_model::{Error, ErrorKind};

use crate::app::App;
use crate::error_log::public_message;

/// The words of `errorType` and the status that goes with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ErrorType {
    Timeout,
    Canceled,
    Execution,
    BadData,
    Internal,
    Unavailable,
    NotFound,
}

impl ErrorType {
    fn word(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Canceled => "canceled",
            Self::Execution => "execution",
            Self::BadData => "bad_data",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::NotFound => "not_found",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Timeout | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            // The client is gone; nobody reads it.
            Self::Canceled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
            Self::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            Self::BadData => StatusCode::BAD_REQUEST,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotFound => StatusCode::NOT_FOUND,
        }
    }
}

/// An error of this surface.
#[derive(Debug)]
pub(super) struct ApiError {
    kind: ErrorType,
    message: String,
    /// For the log, where it is ours.
    cause: Option<Error>,
}

impl ApiError {
    fn new(kind: ErrorType, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), cause: None }
    }

    /// The request is wrong.
    pub(super) fn bad_data(message: impl Into<String>) -> Self {
        Self::new(ErrorType::BadData, message)
    }

    /// A parameter is wrong.
    pub(super) fn parameter(name: &str, message: &str) -> Self {
        Self::bad_data(format!("invalid parameter {name:?}: {message}"))
    }

    /// There is no such path.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorType::NotFound, message)
    }

    /// What is asked for is switched off.
    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorType::Unavailable, message)
    }

    /// What went wrong, for people.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The answer; what is for the operator goes to the log.
    pub(super) fn respond(self, app: &App) -> Response {
        if let Some(cause) = &self.cause {
            app.error_log.note(app.engine.clock(), "prometheus", cause);
        }
        self.into_response()
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Invalid | ErrorKind::TooLarge { .. } => ErrorType::BadData,
            ErrorKind::Unsupported | ErrorKind::LimitExceeded { .. } => ErrorType::Execution,
            ErrorKind::NotFound => ErrorType::NotFound,
            ErrorKind::Timeout => ErrorType::Timeout,
            ErrorKind::Overloaded { .. } | ErrorKind::Unavailable { .. } => ErrorType::Unavailable,
            _ => ErrorType::Internal,
        };
        let message = public_message(&error).to_owned();
        Self { kind, message, cause: Some(error) }
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Parse(message) => Self::parameter("query", &message),
            QueryError::Execution(message) => Self::new(ErrorType::Execution, message),
            QueryError::Timeout(message) => Self::new(ErrorType::Timeout, message),
            QueryError::Cancelled(message) => Self::new(ErrorType::Canceled, message),
            QueryError::Store(error) => Self::from(error),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({
            "status": "error",
            "errorType": self.kind.word(),
            "error": self.message,
        });
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.kind.status();
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}

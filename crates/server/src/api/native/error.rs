//! How a kind of error becomes a status and a body on this surface.

use std::sync::Arc;

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;
use watchkeep_model::{Error, ErrorKind};

use crate::app::App;
use crate::error_log::public_message;

/// An error, and the parameter that is to blame if one is.
#[derive(Debug)]
pub(super) struct ApiError {
    pub(super) error: Error,
    pub(super) field: Option<String>,
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self { error, field: None }
    }
}

impl ApiError {
    /// A parameter is wrong; the message goes on after its name.
    pub(super) fn invalid(field: &str, message: &str) -> Self {
        Self { error: Error::invalid(format!("{field} {message}")), field: Some(field.to_owned()) }
    }

    /// The answer; what is for the operator goes to the log.
    pub(super) fn respond(self, app: &App) -> Response {
        app.error_log.note(app.engine.clock(), "native", &self.error);
        self.into_response()
    }
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorDetail {
    /// A fixed word that programs can act on.
    #[schema(example = "invalid")]
    kind: String,
    /// What went wrong, for people.
    #[schema(example = "start must be unix nanoseconds or RFC 3339, got \"x\"")]
    message: String,
    /// The parameter that is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self { error, field } = self;
        let (status, retry_after) = match error.kind() {
            ErrorKind::Invalid => (StatusCode::BAD_REQUEST, None),
            ErrorKind::Unsupported => (StatusCode::NOT_IMPLEMENTED, None),
            ErrorKind::LimitExceeded { .. } => (StatusCode::UNPROCESSABLE_ENTITY, None),
            ErrorKind::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, None),
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, None),
            ErrorKind::Overloaded { retry_after } => {
                (StatusCode::TOO_MANY_REQUESTS, Some(*retry_after))
            }
            ErrorKind::Unavailable { retry_after } => {
                (StatusCode::SERVICE_UNAVAILABLE, Some(*retry_after))
            }
            ErrorKind::Timeout => (StatusCode::GATEWAY_TIMEOUT, None),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, None),
        };
        let kind = error.kind().name().to_owned();
        let message = public_message(&error).to_owned();
        let body = ErrorBody { error: ErrorDetail { kind, message, field } };
        let mut response = (status, Json(body)).into_response();
        if let Some(delay) = retry_after {
            let seconds = HeaderValue::from(delay.as_secs().max(1));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// The answer on a path that is not there.
pub(super) async fn no_such_path(
    State(_): State<Arc<App>>,
    OriginalUri(uri): OriginalUri,
) -> Response {
    let path: String = uri.path().chars().take(128).collect();
    ApiError::from(Error::new(ErrorKind::NotFound, format!("no path {path}"))).into_response()
}

/// The answer to a method that the path does not have.
pub(super) async fn wrong_method(State(_): State<Arc<App>>) -> Response {
    let error = Error::invalid("the path does not have this method; use GET");
    let mut response = ApiError::from(error).into_response();
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

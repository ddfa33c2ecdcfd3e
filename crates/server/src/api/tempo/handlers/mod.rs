//! What the paths do, by theme.

pub(super) mod metrics;
pub(super) mod search;
pub(super) mod status;
pub(super) mod streaming;
pub(super) mod tags;
pub(super) mod traces;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use prost::Message;
use serde::Serialize;
use watchkeep_model::Error;

use super::error::ApiError;
use super::params::Format;

/// What a handler answers.
type Answer = Result<Response, ApiError>;

/// A body of a media type.
fn answer(media_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// A message in the form that the client asked for.
fn message<M: Message + Serialize>(format: Format, message: &M) -> Answer {
    match format {
        Format::Protobuf => Ok(answer("application/protobuf", message.encode_to_vec())),
        Format::Json => {
            let body = serde_json::to_vec(message).map_err(|error| {
                Error::internal("could not write an answer as JSON").with_source(error)
            })?;
            Ok(answer("application/json", body))
        }
        Format::Llm => Err(no_llm_format()),
    }
}

fn no_llm_format() -> ApiError {
    ApiError::new(
        StatusCode::NOT_ACCEPTABLE,
        "application/vnd.grafana.llm is not offered; accept application/json or \
         application/protobuf",
    )
}

//! What the paths do, by theme.

pub(super) mod delete;
pub(super) mod detected;
pub(super) mod index;
pub(super) mod labels;
pub(super) mod push;
pub(super) mod query;
pub(super) mod status;
pub(super) mod tail;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, header};

use super::error::ApiError;

/// What a handler answers.
type Answer = Result<Response, ApiError>;

/// A success.
fn json(body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    let json = HeaderValue::from_static("application/json; charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// An instant as RFC 3339.
fn rfc3339(instant_ns: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(instant_ns))
        .map_or_else(|_| instant_ns.to_string(), |timestamp| timestamp.to_string())
}

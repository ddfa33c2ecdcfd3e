//! What the paths do, by theme.

pub(super) mod about;
pub(super) mod admin;
pub(super) mod federate;
pub(super) mod metadata;
pub(super) mod query;
pub(super) mod read;
pub(super) mod status;
pub(super) mod targets;
pub(super) mod write;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, header};
use watchkeep_promql::Annotations;

use super::error::ApiError;
use super::json;

/// What a handler answers.
type Answer = Result<Response, ApiError>;

/// Added where a limit of the caller cut an answer short.
const TRUNCATED: &str = "results truncated due to limit";

/// A success with remarks.
#[expect(clippy::unnecessary_wraps, reason = "handlers end with it, and can fail before")]
fn answer(annotations: &Annotations, data: impl FnOnce(&mut Vec<u8>)) -> Answer {
    let mut response = Response::new(Body::from(json::success(annotations, data)));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}

/// A success without remarks, from something that serde can write.
fn answer_json(data: &serde_json::Value) -> Answer {
    answer(&Annotations::default(), |out| out.extend_from_slice(data.to_string().as_bytes()))
}

/// Cuts a list to the limit of the caller and remarks on it.
fn cut<T>(items: &mut Vec<T>, limit: Option<usize>, annotations: &mut Annotations) {
    if let Some(limit) = limit
        && items.len() > limit
    {
        items.truncate(limit);
        annotations.warnings.insert(TRUNCATED.to_owned());
    }
}

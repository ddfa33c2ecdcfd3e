//! What the paths do: parameters in, one question to the engine, its answer in the API's shape.

pub(super) mod agents;
pub(super) mod analysis;
pub(super) mod budgets;
pub(super) mod costs;
pub(super) mod feedback;
pub(super) mod health;
pub(super) mod logs;
pub(super) mod metrics;
pub(super) mod prices;
pub(super) mod push;
pub(super) mod runs;
pub(super) mod steps;
pub(super) mod traces;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header;
use serde::Serialize;

use super::error::ApiError;
use crate::app::App;

type Outcome<T> = Result<T, ApiError>;

/// The answer, or the error's.
fn answer<T: Serialize>(app: &App, outcome: Outcome<T>) -> Response {
    match outcome {
        Ok(body) => Json(body).into_response(),
        Err(error) => error.respond(app),
    }
}

/// A cursor of two parts, as the answers write it.
fn cursor<A: std::str::FromStr, B>(
    text: Option<&str>,
    second: impl FnOnce(&str) -> Option<B>,
) -> Outcome<Option<(A, B)>> {
    let Some(text) = text else { return Ok(None) };
    text.split_once('.')
        .and_then(|(a, b)| Some((a.parse().ok()?, second(b)?)))
        .map(Some)
        .ok_or_else(|| ApiError::invalid("cursor", "is not one that this server made"))
}

/// The document that describes this API.
pub(super) async fn openapi(State(_): State<Arc<App>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], super::openapi_json()).into_response()
}

//! The way in: lists of spans, answered with 202 once they are durable.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use watchkeep_model::{Error, Result};
use watchkeep_wire::zipkin;

use super::error;
use crate::app::App;
use crate::span_intake::{Decode, media_type, receive, take};

/// What Zipkin says of nothing.
const EMPTY: &str = "Empty POST body";

/// `POST /api/v2/spans`: JSON, or protobuf where the client says so.
pub(super) async fn second_form(State(app): State<Arc<App>>, request: Request) -> Response {
    let decode = match &*media_type(&request) {
        "application/x-protobuf" | "application/protobuf" => zipkin::decode_proto,
        _ => zipkin::decode_json,
    };
    respond(&app, store(&app, request, decode).await)
}

/// `POST /api/v1/spans`: JSON, or Thrift where the client says so.
pub(super) async fn first_form(State(app): State<Arc<App>>, request: Request) -> Response {
    let decode = match &*media_type(&request) {
        "application/x-thrift" | "application/vnd.apache.thrift.binary" => zipkin::decode_v1_thrift,
        _ => zipkin::decode_v1_json,
    };
    respond(&app, store(&app, request, decode).await)
}

async fn store(app: &Arc<App>, request: Request, decode: Decode) -> Result<()> {
    let upload = receive(app, request).await?;
    if upload.body.is_empty() {
        return Err(Error::invalid(EMPTY));
    }
    take(app, upload, decode).await
}

fn respond(app: &App, outcome: Result<()>) -> Response {
    match outcome {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(refused) => {
            app.engine.count_refused(&refused);
            error::respond(app, &refused)
        }
    }
}

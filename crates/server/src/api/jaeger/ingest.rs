//! The way in: batches as Thrift over HTTP, and as protobuf over gRPC.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use watchkeep_model::Result;
use watchkeep_wire::jaeger;

use super::error;
use crate::app::App;
use crate::grpc::{self, RawCall, is_grpc, refuse, success};
use crate::span_intake::{Upload, media_type, receive, take};

/// `POST /api/traces`, with any `format`: there is only Thrift.
pub(super) async fn thrift(State(app): State<Arc<App>>, request: Request) -> Response {
    match &*media_type(&request) {
        "application/x-thrift" | "application/vnd.apache.thrift.binary" => {}
        "" => {
            let message = "Cannot parse content type: mime: no media type";
            return error::text(StatusCode::BAD_REQUEST, message);
        }
        other => {
            let shown: String = other.chars().take(64).collect();
            let message = format!("Unsupported content type: {shown}");
            return error::text(StatusCode::BAD_REQUEST, &message);
        }
    }
    match store_thrift(&app, request).await {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(refused) => {
            app.engine.count_refused(&refused);
            error::respond(&app, &refused)
        }
    }
}

async fn store_thrift(app: &Arc<App>, request: Request) -> Result<()> {
    let upload = receive(app, request).await?;
    take(app, upload, |body, limits, _| jaeger::decode_thrift(body, limits)).await
}

/// `CollectorService.PostSpans`
pub(super) async fn post_spans(State(app): State<Arc<App>>, request: Request) -> Response {
    if !is_grpc(request.headers()) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    match store_proto(&app, request).await {
        // `PostSpansResponse` is empty.
        Ok(()) => success(&[], None),
        Err(refused) => {
            app.engine.count_refused(&refused);
            refuse(&app, "jaeger", &refused)
        }
    }
}

async fn store_proto(app: &Arc<App>, request: Request) -> Result<()> {
    // Before the body is read, so that a server that can not store costs its clients little.
    app.engine.store()?;
    let RawCall { tenant, compression, body, reservation, .. } =
        grpc::receive(app, request).await?;
    let compression = compression.map(str::to_owned);
    let upload = Upload { tenant, compression, body, reservation };
    take(app, upload, |body, limits, _| jaeger::decode_proto(body, limits)).await
}

//! OTLP/gRPC: the three `Export` methods, straight from the body's bytes.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use watchkeep_model::{Result, Signal};
use watchkeep_wire::otlp::{Encoding, export_response};

use super::export::{self, Upload};
use crate::app::App;
use crate::grpc::{RawCall, is_grpc, receive, refuse, success};

/// Takes one call.
pub(super) async fn export(
    State(app): State<Arc<App>>,
    signal: Signal,
    request: Request,
) -> Response {
    if !is_grpc(request.headers()) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    match call(&app, signal, request).await {
        Ok(message) => success(&message, None),
        Err(error) => {
            app.engine.count_refused(&error);
            refuse(&app, "otlp", &error)
        }
    }
}

async fn call(app: &Arc<App>, signal: Signal, request: Request) -> Result<Vec<u8>> {
    // Before the body is read, so that a server that can not store costs its clients little.
    app.engine.store()?;
    let RawCall { tenant, compression, body, reservation, .. } = receive(app, request).await?;
    let compression = compression.map(str::to_owned);
    let encoding = Encoding::Protobuf;
    let upload = Upload { tenant, signal, encoding, compression, body, reservation };
    let outcome = export::export(app, upload).await?;
    Ok(export_response(signal, encoding, outcome.rejected, &outcome.message))
}

//! OTLP/gRPC: the three `Export` methods, straight from the body's bytes.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tonic::{Code, Status};
use watchkeep_model::{Error, Result, Signal};
use watchkeep_wire::otlp::{Encoding, export_response};

use super::error::grpc_status;
use super::export::{self, Upload, body_limits};
use super::framing::{BadFrame, PREFIX_BYTES, failure, success, unframe};
use crate::app::App;
use crate::body::{BodyLimits, read_body};
use crate::tenant::tenant_of;

/// What clients may compress with.
const ACCEPTED: &str = "identity,gzip,zstd";

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
        Ok(message) => success(&message),
        Err(status) => failure(status),
    }
}

/// The answer to a call of a method that is not there.
pub(crate) async fn unknown_method(request: Request) -> Response {
    if !is_grpc(request.headers()) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let path: String = request.uri().path().chars().take(128).collect();
    failure(Status::unimplemented(format!("no method {path}")))
}

/// Whether a request is a gRPC call, by its media type.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    media_type.starts_with(b"application/grpc") && !media_type.starts_with(b"application/grpc-web")
}

async fn call(app: &Arc<App>, signal: Signal, request: Request) -> Result<Vec<u8>, Status> {
    let refuse = |error: Error| {
        app.engine.count_refused(&error);
        app.error_log.note(app.engine.clock(), "otlp", &error);
        grpc_status(&error)
    };
    app.engine.store().map_err(refuse)?;
    let (head, body) = request.into_parts();
    let tenant = tenant_of(&head.headers).map_err(refuse)?;
    let coding = coding_of(&head.headers)?;
    let mut reservation = app.engine.gate().open();
    let limits = body_limits(app);
    let limits = BodyLimits { bytes_max: limits.bytes_max + PREFIX_BYTES, ..limits };
    let body = read_body(body, limits, &mut reservation).await.map_err(refuse)?;
    let (body, is_compressed) = unframe(&body)
        .map_err(|BadFrame(why)| refuse(Error::invalid(format!("not a unary gRPC call: {why}"))))?;
    let compression = match (is_compressed, coding) {
        (false, _) => None,
        (true, Some(coding)) => Some(coding.to_owned()),
        (true, None) => {
            return Err(Status::internal("the message is compressed, but grpc-encoding says not"));
        }
    };
    let encoding = Encoding::Protobuf;
    let upload = Upload { tenant, signal, encoding, compression, body, reservation };
    let outcome = export::export(app, upload).await.map_err(refuse)?;
    Ok(export_response(signal, encoding, outcome.rejected, &outcome.message))
}

/// The compression that `grpc-encoding` names.
fn coding_of(headers: &HeaderMap) -> Result<Option<&'static str>, Status> {
    let name = headers.get("grpc-encoding").map_or(&b"identity"[..], HeaderValue::as_bytes);
    match name {
        b"identity" => Ok(None),
        b"gzip" => Ok(Some("gzip")),
        b"zstd" => Ok(Some("zstd")),
        other => {
            let shown: String = String::from_utf8_lossy(other).chars().take(32).collect();
            let mut status = Status::new(
                Code::Unimplemented,
                format!("compression {shown:?} is not supported; accepted: {ACCEPTED}"),
            );
            let accepted = tonic::metadata::MetadataValue::from_static(ACCEPTED);
            status.metadata_mut().insert("grpc-accept-encoding", accepted);
            Err(status)
        }
    }
}

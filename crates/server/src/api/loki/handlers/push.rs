//! The way in: push requests, as protobuf in a snappy block or as JSON, and in the older forms.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderName, StatusCode, header};
use watchkeep_model::column::Table as _;
use watchkeep_model::{Error, ErrorKind, Result};
use watchkeep_wire::compression::{decompress, decompress_snappy_block};
use watchkeep_wire::decoded::Decoded;
use watchkeep_wire::loki::{
    NO_STREAMS, PushOptions, decode_json, decode_legacy_json, decode_proto,
};

use super::super::error::ApiError;
use super::super::params::tenant;
use crate::app::App;
use crate::body::{BodyLimits, read_body};
use crate::decode::{self, BodySize};

/// The form of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Proto,
    Json,
    LegacyJson,
}

/// `push`
pub(in super::super) async fn push(State(app): State<Arc<App>>, request: Request) -> Response {
    respond(&app, take(&app, request, Form::Json).await)
}

/// `/api/prom/push`
pub(in super::super) async fn push_legacy(
    State(app): State<Arc<App>>,
    request: Request,
) -> Response {
    respond(&app, take(&app, request, Form::LegacyJson).await)
}

/// 204 where all was stored; 400 with the reasons where some was not, as it would be refused again.
fn respond(app: &App, outcome: Result<Decoded<()>>) -> Response {
    let error = match outcome {
        Ok(stored) if stored.rejected == 0 => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            return response;
        }
        Ok(stored) => ApiError::bad_request(stored.message),
        Err(error) => {
            app.engine.count_refused(&error);
            if error.message() == NO_STREAMS {
                ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, NO_STREAMS)
            } else {
                ApiError::from(error)
            }
        }
    };
    error.respond(app)
}

async fn take(app: &Arc<App>, request: Request, json: Form) -> Result<Decoded<()>> {
    // Before the body is read, so that a server that can not store costs its clients little.
    app.engine.store()?;
    let (head, body) = request.into_parts();
    let tenant = tenant(&head.headers)?;
    let form = form_of(&head.headers, json);
    let coding = coding_of(&head.headers)?;
    let limits = BodyLimits {
        bytes_max: app.engine.limits().body_bytes_max.bytes(),
        timeout: app.config.body_timeout.0,
    };
    let mut reservation = app.engine.gate().open();
    let body = read_body(body, limits, &mut reservation).await?;
    let size =
        BodySize { bytes: body.len(), is_compressed: coding.is_some() || form == Form::Proto };
    let limits = app.engine.limits().decode();
    let bytes_max = app.engine.limits().decompressed_bytes_max.bytes();
    let labels_required = !app.engine.loki().discover_service_name;
    let decoding = move || {
        let options = PushOptions { limits: &limits, labels_required };
        let plain = decompress(coding.as_deref(), &body, bytes_max)?;
        match form {
            Form::Proto => decode_proto(&decompress_snappy_block(&plain, bytes_max)?, options),
            Form::Json => decode_json(&plain, options),
            Form::LegacyJson => decode_legacy_json(&plain, options),
        }
    };
    let decoded = decode::run(app, size, decoding).await?;
    let Decoded { columns, rejected, message, warnings } = decoded;
    reservation.set(columns.byte_len()).await?;
    app.engine.count_losses(&warnings.counts());
    let engine = Arc::clone(&app.engine);
    // In a task of its own: a client that hangs up ends its request's future wherever that stands,
    // but a batch must be stored and counted whole, or not at all.
    let storing = tokio::spawn(async move {
        let _held_until_stored = reservation;
        engine.ingest_logs(&tenant, columns, rejected).await
    });
    storing
        .await
        .map_err(|error| Error::internal("storing a request panicked").with_source(error))??;
    Ok(Decoded { columns: (), rejected, message, warnings })
}

/// JSON where the client says so, protobuf otherwise, as in Loki.
fn form_of(headers: &HeaderMap, json: Form) -> Form {
    let media_type = text(headers, &header::CONTENT_TYPE).split(';').next().unwrap_or_default();
    if media_type.trim().eq_ignore_ascii_case("application/json") { json } else { Form::Proto }
}

/// The coding of the body, beside the snappy block that protobuf always is in.
fn coding_of(headers: &HeaderMap) -> Result<Option<String>> {
    match text(headers, &header::CONTENT_ENCODING).trim() {
        "" | "snappy" | "identity" => Ok(None),
        coding @ ("gzip" | "deflate" | "zstd") => Ok(Some(coding.to_owned())),
        other => {
            let shown: String = other.chars().take(32).collect();
            Err(Error::new(
                ErrorKind::Unsupported,
                format!("Content-Encoding {shown:?} not supported"),
            ))
        }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

//! The ways in: remote write of both versions, and text in the exposition formats.
//!
//! What can not be stored and would not be the next time either is answered with 400, which senders
//! do not repeat; what may pass later with 503, since senders drop what a 429 refuses. (Prometheus
//! Remote-Write specification 2.0, sections "Invalid samples" and "Retries & backoff".)

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use watchkeep_engine::ingest::Reservation;
use watchkeep_model::{Error, ErrorKind, MetricColumns, Result, TenantId};
use watchkeep_wire::compression::{decompress, decompress_snappy_block};
use watchkeep_wire::decoded::Decoded;
use watchkeep_wire::prometheus::remote_write::{BODY_BYTES_MAX, Version, Written};

use super::super::params::Call;
use crate::app::App;
use crate::body::{BodyLimits, read_body};
use crate::decode::{self, BodySize};
use crate::error_log::public_message;
use crate::tenant::tenant_of;

/// `write`
pub(in super::super) async fn remote_write(
    State(app): State<Arc<App>>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let outcome = take_remote_write(&app, &head.headers, body).await;
    let mut response = respond(&app, &outcome.1);
    if outcome.0 == Version::V2 {
        let written = outcome.1.as_ref().map_or(Written::default(), |stored| stored.written);
        for (name, count) in written.headers() {
            let name = HeaderName::from_static(name);
            response.headers_mut().insert(name, HeaderValue::from(count));
        }
    }
    response
}

/// What became of a request.
struct Stored {
    written: Written,
    rejected: u64,
    /// Why some of it was not kept; empty where all was.
    message: String,
}

async fn take_remote_write(
    app: &Arc<App>,
    headers: &HeaderMap,
    body: Body,
) -> (Version, Result<Stored>) {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let version = match Version::from_content_type(content_type) {
        Ok(version) => version,
        Err(error) => return (Version::V1, Err(error)),
    };
    let stored = async {
        // Before the body is read, so that a server that can not store costs its clients little.
        app.engine.store()?;
        let tenant = tenant_of(headers)?;
        check_snappy(headers)?;
        let (body, reservation) = read(app, body).await?;
        let limits = app.engine.limits().decode();
        let size = BodySize { bytes: body.len(), is_compressed: true };
        let decoded = decode::run(app, size, move || {
            let plain = decompress_snappy_block(&body, BODY_BYTES_MAX)?;
            version.decode(&plain, &limits)
        });
        store(app, tenant, decoded.await?, reservation).await
    };
    (version, stored.await)
}

/// Remote write is compressed with snappy in its block form, and with nothing else.
fn check_snappy(headers: &HeaderMap) -> Result<()> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(()) };
    if value.as_bytes().eq_ignore_ascii_case(b"snappy") {
        return Ok(());
    }
    let shown: String = String::from_utf8_lossy(value.as_bytes()).chars().take(32).collect();
    Err(Error::new(
        ErrorKind::Unsupported,
        format!("content encoding {shown:?} is not supported; send snappy"),
    ))
}

async fn read(app: &App, body: Body) -> Result<(Bytes, Reservation)> {
    let limits = BodyLimits {
        bytes_max: app.engine.limits().body_bytes_max.bytes(),
        timeout: app.config.body_timeout.0,
    };
    let mut reservation = app.engine.gate().open();
    let body = read_body(body, limits, &mut reservation).await?;
    Ok((body, reservation))
}

/// Stores what was decoded, whole or not at all, even where the client hangs up.
async fn store(
    app: &Arc<App>,
    tenant: TenantId,
    decoded: Decoded<MetricColumns>,
    mut reservation: Reservation,
) -> Result<Stored> {
    let Decoded { columns, mut rejected, mut message, warnings } = decoded;
    reservation.set(columns.byte_len()).await?;
    app.engine.count_losses(&warnings.counts());
    let mut written = Written::of(&columns);
    let engine = Arc::clone(&app.engine);
    let storing = tokio::spawn(async move {
        let _held_until_stored = reservation;
        engine.ingest_metrics(&tenant, columns, rejected).await
    });
    let kept_out = storing
        .await
        .map_err(|error| Error::internal("storing a request panicked").with_source(error))??;
    if let Some(kept_out) = kept_out {
        written.samples = written.samples.saturating_sub(kept_out.floats as usize);
        written.histograms = written.histograms.saturating_sub(kept_out.histograms as usize);
        written.exemplars = written.exemplars.saturating_sub(kept_out.exemplars as usize);
        rejected += kept_out.samples();
        message.push_str(if message.is_empty() { "" } else { "; " });
        message.push_str(&kept_out.to_string());
    }
    Ok(Stored { written, rejected, message })
}

/// 204 where all was stored; 400 with the reasons where some was not, as the rest would be refused
/// again.
fn respond(app: &App, outcome: &Result<Stored>) -> Response {
    let (status, message) = match outcome {
        Ok(stored) if stored.rejected == 0 => (StatusCode::NO_CONTENT, String::new()),
        Ok(stored) => (StatusCode::BAD_REQUEST, stored.message.clone()),
        Err(error) => {
            app.engine.count_refused(error);
            app.error_log.note(app.engine.clock(), "prometheus", error);
            (status_of(error.kind()), public_message(error).to_owned())
        }
    };
    let mut response = Response::new(Body::from(message));
    *response.status_mut() = status;
    if let Err(error) = outcome
        && let ErrorKind::Overloaded { retry_after } | ErrorKind::Unavailable { retry_after } =
            error.kind()
    {
        let seconds = HeaderValue::from(retry_after.as_secs().max(1));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

fn status_of(kind: &ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Invalid | ErrorKind::LimitExceeded { .. } => StatusCode::BAD_REQUEST,
        ErrorKind::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorKind::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Timeout => StatusCode::REQUEST_TIMEOUT,
        ErrorKind::Overloaded { .. } | ErrorKind::Unavailable { .. } => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

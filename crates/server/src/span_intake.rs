//! The way in that Jaeger and Zipkin share: a body of spans is decompressed, decoded and stored, held
//! to the account of bytes in flight.

use std::sync::Arc;

use axum::extract::Request;
use bytes::Bytes;
use http::header;
use watchkeep_engine::ingest::Reservation;
use watchkeep_model::column::Table as _;
use watchkeep_model::{DecodeLimits, Error, Result, SpanColumns, TenantId};
use watchkeep_wire::compression::decompress;
use watchkeep_wire::decoded::Decoded;

use crate::app::App;
use crate::body::{BodyLimits, read_body};
use crate::decode::{self, BodySize};
use crate::tenant::tenant_of;

/// Decodes a body that arrived at an instant, nanoseconds since the epoch.
pub(crate) type Decode = fn(&[u8], &DecodeLimits, i64) -> Result<Decoded<SpanColumns>>;

/// One request as it arrived.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) tenant: TenantId,
    /// `Content-Encoding` or `grpc-encoding`.
    pub(crate) compression: Option<String>,
    pub(crate) body: Bytes,
    /// Accounts for the body; given back when the request ends.
    pub(crate) reservation: Reservation,
}

/// Reads the body of an HTTP request.
pub(crate) async fn receive(app: &App, request: Request) -> Result<Upload> {
    // Before the body is read, so that a server that can not store costs its clients little.
    app.engine.store()?;
    let (head, body) = request.into_parts();
    let tenant = tenant_of(&head.headers)?;
    let compression = match head.headers.get(header::CONTENT_ENCODING) {
        None => None,
        Some(value) => {
            let name = value.to_str().map_err(|error| {
                Error::invalid("Content-Encoding is not plain ASCII").with_source(error)
            })?;
            let name = name.trim();
            let is_plain = name.is_empty() || name.eq_ignore_ascii_case("identity");
            (!is_plain).then(|| name.to_owned())
        }
    };
    let limits = BodyLimits {
        bytes_max: app.engine.limits().body_bytes_max.bytes(),
        timeout: app.config.body_timeout.0,
    };
    let mut reservation = app.engine.gate().open();
    let body = read_body(body, limits, &mut reservation).await?;
    Ok(Upload { tenant, compression, body, reservation })
}

/// Decodes a request and stores what is in it. Where spans were left out while others were stored,
/// the error says which: there is no other way in these protocols to tell.
pub(crate) async fn take(app: &Arc<App>, upload: Upload, decode: Decode) -> Result<()> {
    let Upload { tenant, compression, body, mut reservation } = upload;
    let engine = &app.engine;
    let size = BodySize { bytes: body.len(), is_compressed: compression.is_some() };
    let limits = engine.limits().decode();
    let bytes_max = engine.limits().decompressed_bytes_max.bytes();
    let arrival_ns = engine.clock().now_ns();
    let decoding = move || {
        let plain = decompress(compression.as_deref(), &body, bytes_max)?;
        decode(&plain, &limits, arrival_ns)
    };
    let Decoded { columns, rejected, message, warnings } = decode::run(app, size, decoding).await?;
    // The body is gone by now; what is held from here on are the columns.
    reservation.set(columns.byte_len()).await?;
    engine.count_losses(&warnings.counts());
    let engine = Arc::clone(&app.engine);
    // In a task of its own: a client that hangs up ends its request's future wherever that stands,
    // but a batch must be stored and counted whole, or not at all.
    let storing = tokio::spawn(async move {
        let _held_until_stored = reservation;
        engine.ingest_spans(&tenant, columns, rejected).await
    });
    storing
        .await
        .map_err(|error| Error::internal("storing a request panicked").with_source(error))??;
    if rejected > 0 { Err(Error::invalid(message)) } else { Ok(()) }
}

/// The media type of a request, in lower case and without its parameters; empty for none.
pub(crate) fn media_type(request: &Request) -> String {
    let given = request.headers().get(header::CONTENT_TYPE);
    let given = given.map_or("", |value| value.to_str().unwrap_or("?"));
    given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

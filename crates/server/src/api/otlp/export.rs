//! What both transports share: decompress, decode and store one request.

use std::sync::Arc;

use bytes::Bytes;
use watchkeep_engine::ingest::Reservation;
use watchkeep_model::column::Table as _;
use watchkeep_model::{
    DecodeLimits, Error, LogColumns, MetricColumns, Result, Signal, SpanColumns, TenantId,
};
use watchkeep_wire::compression::decompress;
use watchkeep_wire::otlp::{self, Decoded, Encoding, MetricsOptions, Warnings};

use crate::app::App;
use crate::body::BodyLimits;
use crate::decode::{self, BodySize};

/// One request as it arrived.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) tenant: TenantId,
    pub(super) signal: Signal,
    pub(super) encoding: Encoding,
    /// `Content-Encoding` or `grpc-encoding`.
    pub(super) compression: Option<String>,
    pub(super) body: Bytes,
    /// Accounts for the body; given back when the request ends.
    pub(super) reservation: Reservation,
}

/// What the client is told about an accepted request.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) rejected: u64,
    pub(super) message: String,
}

#[derive(Debug)]
enum Columns {
    Spans(SpanColumns),
    Logs(LogColumns),
    Metrics(MetricColumns),
}

impl Columns {
    fn byte_len(&self) -> usize {
        match self {
            Self::Spans(columns) => columns.byte_len(),
            Self::Logs(columns) => columns.byte_len(),
            Self::Metrics(columns) => columns.byte_len(),
        }
    }
}

struct Decode {
    signal: Signal,
    encoding: Encoding,
    compression: Option<String>,
    body: Bytes,
    limits: DecodeLimits,
    options: Arc<MetricsOptions>,
    decompressed_bytes_max: usize,
    arrival_ns: i64,
}

/// How bodies are bounded.
pub(super) fn body_limits(app: &App) -> BodyLimits {
    BodyLimits {
        bytes_max: app.engine.limits().body_bytes_max.bytes(),
        timeout: app.config.body_timeout.0,
    }
}

/// Decodes a request and stores what is in it.
pub(super) async fn export(app: &Arc<App>, upload: Upload) -> Result<Outcome> {
    let Upload { tenant, signal, encoding, compression, body, mut reservation } = upload;
    let engine = &app.engine;
    let body_bytes = body.len();
    let decode = Decode {
        signal,
        encoding,
        compression,
        body,
        limits: engine.limits().decode(),
        options: Arc::clone(&app.metrics_options),
        decompressed_bytes_max: engine.limits().decompressed_bytes_max.bytes(),
        arrival_ns: engine.clock().now_ns(),
    };
    let Decoded { columns, mut rejected, mut message, warnings } =
        run(app, decode, body_bytes).await?;
    // The body is gone by now; what is held from here on are the columns.
    reservation.set(columns.byte_len()).await?;
    count_losses(app, &warnings);
    let engine = Arc::clone(&app.engine);
    // In a task of its own: a client that hangs up ends its request's future wherever that stands,
    // but a batch must be stored and counted whole, or not at all.
    let storing = tokio::spawn(async move {
        let _held_until_stored = reservation;
        match columns {
            Columns::Spans(columns) => {
                engine.ingest_spans(&tenant, columns, rejected).await.map(|()| None)
            }
            Columns::Logs(columns) => {
                engine.ingest_logs(&tenant, columns, rejected).await.map(|()| None)
            }
            Columns::Metrics(columns) => engine.ingest_metrics(&tenant, columns, rejected).await,
        }
    });
    let kept_out = storing
        .await
        .map_err(|error| Error::internal("storing a request panicked").with_source(error))??;
    if let Some(kept_out) = kept_out {
        rejected += kept_out.samples();
        message.push_str(if message.is_empty() { "" } else { "; " });
        message.push_str(&kept_out.to_string());
    }
    Ok(Outcome { rejected, message })
}

/// Counts what was accepted with a loss.
fn count_losses(app: &App, warnings: &Warnings) {
    app.engine.count_losses(&[
        ("invalid_utf8", warnings.invalid_utf8),
        ("truncated_value", warnings.truncated_values),
        ("value_too_deep", warnings.values_too_deep),
        ("dropped_attribute", warnings.dropped_attributes),
        ("dropped_event", warnings.dropped_events),
        ("dropped_link", warnings.dropped_links),
        ("dropped_exemplar", warnings.dropped_exemplars),
        ("invalid_id", warnings.invalid_ids),
    ]);
}

/// Decodes here, or on a thread of its own where that may take long.
async fn run(app: &App, decode: Decode, body_bytes: usize) -> Result<Decoded<Columns>> {
    let size = BodySize { bytes: body_bytes, is_compressed: decode.compression.is_some() };
    decode::run(app, size, || decode.run()).await
}

impl Decode {
    /// Uses the body up.
    fn run(self) -> Result<Decoded<Columns>> {
        let compression = self.compression.as_deref();
        let plain = decompress(compression, &self.body, self.decompressed_bytes_max)?;
        // Nothing is the empty request, in JSON too.
        let body: &[u8] = match self.encoding {
            Encoding::Json if plain.is_empty() => b"{}",
            _ => &plain,
        };
        let (limits, at) = (&self.limits, self.arrival_ns);
        let options = &*self.options;
        Ok(match (self.signal, self.encoding) {
            (Signal::Traces, Encoding::Protobuf) => {
                of(Columns::Spans, otlp::decode_traces(body, limits)?)
            }
            (Signal::Traces, Encoding::Json) => {
                of(Columns::Spans, otlp::decode_traces_json(body, limits)?)
            }
            (Signal::Logs, Encoding::Protobuf) => {
                of(Columns::Logs, otlp::decode_logs(body, limits, at)?)
            }
            (Signal::Logs, Encoding::Json) => {
                of(Columns::Logs, otlp::decode_logs_json(body, limits, at)?)
            }
            (Signal::Metrics, Encoding::Protobuf) => {
                of(Columns::Metrics, otlp::decode_metrics(body, limits, options, at)?)
            }
            (Signal::Metrics, Encoding::Json) => {
                of(Columns::Metrics, otlp::decode_metrics_json(body, limits, options, at)?)
            }
        })
    }
}

fn of<T>(columns: fn(T) -> Columns, decoded: Decoded<T>) -> Decoded<Columns> {
    let Decoded { columns: found, rejected, message, warnings } = decoded;
    Decoded { columns: columns(found), rejected, message, warnings }
}

//! Remote read: samples of a range, as series or as a stream of compressed chunks. (Prometheus
//! documentation, "Remote Read API".)

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use tokio::sync::mpsc;
use watchkeep_model::{Error, ErrorKind, Result, SeriesSamples, TenantId};
use watchkeep_storage::seam::SampleCursor;
use watchkeep_wire::compression::compress_snappy_block;
use watchkeep_wire::prometheus::remote_read::{
    ReadRequest, ResponseType, SamplesResponse, chunked_frames, compare_labels, decode_request,
};

use crate::app::App;
use crate::body::{BodyLimits, read_body};
use crate::error_log::public_message;
use crate::tenant::tenant_of;

/// Frames that may wait for a slow reader.
const FRAMES_WAITING_MAX: usize = 4;

/// `read`
pub(in super::super) async fn read(State(app): State<Arc<App>>, request: Request) -> Response {
    answer(&app, request).await.unwrap_or_else(|error| {
        app.error_log.note(app.engine.clock(), "prometheus", &error);
        let status = match error.kind() {
            ErrorKind::Invalid | ErrorKind::Unsupported | ErrorKind::LimitExceeded { .. } => {
                StatusCode::BAD_REQUEST
            }
            ErrorKind::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorKind::Overloaded { .. } | ErrorKind::Unavailable { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, public_message(&error).to_owned()).into_response()
    })
}

async fn answer(app: &Arc<App>, request: Request) -> Result<Response> {
    app.engine.store()?;
    let (head, body) = request.into_parts();
    let tenant = tenant_of(&head.headers)?;
    let limits = BodyLimits {
        bytes_max: app.engine.limits().body_bytes_max.bytes(),
        timeout: app.config.body_timeout.0,
    };
    let mut reservation = app.engine.gate().open();
    let body = read_body(body, limits, &mut reservation).await?;
    let request = decode_request(&body)?;
    let response_type = request.response_type;
    let queries = open(app, &tenant, request).await?;
    let reader = Reader { queries, samples_left: app.engine.limits().query_samples_max };
    let body = match response_type {
        ResponseType::Samples => {
            let reading = tokio::task::spawn_blocking(move || reader.samples());
            let body = reading.await.map_err(|error| {
                Error::internal("reading samples panicked").with_source(error)
            })??;
            Body::from(body)
        }
        ResponseType::StreamedXorChunks => stream(reader),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let media_type = HeaderValue::from_static(response_type.content_type());
    headers.insert(header::CONTENT_TYPE, media_type);
    if let Some(coding) = response_type.content_encoding() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    Ok(response)
}

async fn open(app: &App, tenant: &TenantId, request: ReadRequest) -> Result<Vec<SampleCursor>> {
    let mut cursors = Vec::new();
    for query in request.queries {
        let (start_ms, end_ms) = (query.start_ms, query.end_ms);
        cursors.push(app.engine.samples(tenant, query.matchers, start_ms, end_ms).await?);
    }
    Ok(cursors)
}

/// Reads on a thread that may block; a client that goes away ends it at the next frame.
fn stream(reader: Reader) -> Body {
    let (sender, receiver) = mpsc::channel::<Result<Bytes>>(FRAMES_WAITING_MAX);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = reader.frames(|frame| sender.blocking_send(Ok(frame)).is_ok()) {
            // The status has been sent; breaking the stream off is what is left.
            let _gone_too = sender.blocking_send(Err(error));
        }
    });
    Body::from_stream(futures::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|frame| (frame, receiver))
    }))
}

/// The answers to all queries of a request.
struct Reader {
    queries: Vec<SampleCursor>,
    samples_left: usize,
}

impl Reader {
    /// All series of a query, in the order in which clients need them.
    fn series(&mut self, cursor: SampleCursor) -> Result<Vec<SeriesSamples>> {
        let mut all = Vec::new();
        for series in cursor {
            let series = series?;
            let samples = series.floats.len() + series.histograms.len();
            self.samples_left = self.samples_left.checked_sub(samples).ok_or_else(|| {
                let key = "limits.query_samples_max";
                Error::new(
                    ErrorKind::LimitExceeded { key },
                    format!("exceeded sample limit ({key})"),
                )
            })?;
            all.push(series);
        }
        all.sort_by(|a, b| compare_labels(&a.labels, &b.labels));
        Ok(all)
    }

    fn samples(mut self) -> Result<Vec<u8>> {
        let mut response = SamplesResponse::default();
        for cursor in std::mem::take(&mut self.queries) {
            let series = self.series(cursor)?;
            response.push_query(series);
        }
        compress_snappy_block(&response.into_bytes())
    }

    fn frames(mut self, mut send: impl FnMut(Bytes) -> bool) -> Result<()> {
        for (index, cursor) in std::mem::take(&mut self.queries).into_iter().enumerate() {
            let series = self.series(cursor)?;
            for frame in chunked_frames(index, series) {
                if !send(frame.into()) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

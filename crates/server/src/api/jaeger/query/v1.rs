//! The HTTP API of Jaeger's UI: `{data, total, limit, offset, errors}`, times in microseconds.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize as _;
use watchkeep_engine::traces::TraceSpans;
use watchkeep_model::column::Table as _;
use watchkeep_model::{Error, ErrorKind, Result, SpanColumns, TimeRange, TraceId};
use watchkeep_wire::compression::decompress;
use watchkeep_wire::jaeger::encode_trace_json;
use watchkeep_wire::otlp::decode_traces_json;

use super::params::{Call, trace_id, trace_id_of_path};
use super::{NO_ARCHIVE, NOT_FOUND, PARTIAL, check_size, find, trace};
use crate::app::App;
use crate::decode::{self, BodySize};
use crate::error_log::public_message;
use crate::json;
use crate::span_intake::{Upload, receive};

/// What Jaeger says of figures that it has no store for.
const NO_METRICS: &str = "metrics querying is currently disabled";

/// An error with the status that it has here.
#[derive(Debug)]
pub(in super::super) struct ApiError {
    status: StatusCode,
    error: Error,
}

impl ApiError {
    fn new(status: StatusCode, message: &str) -> Self {
        Self { status, error: Error::invalid(message) }
    }

    fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, NOT_FOUND)
    }

    /// The answer: JSON, but said to be text, as Jaeger has it.
    fn respond(&self, app: &App) -> Response {
        app.error_log.note(app.engine.clock(), "jaeger", &self.error);
        let mut out = b"{\"data\":null,\"total\":0,\"limit\":0,\"offset\":0,\"errors\":[".to_vec();
        json::push(&mut out, format_args!("{{\"code\":{},\"msg\":", self.status.as_u16()));
        json::string(&mut out, public_message(&self.error));
        out.extend_from_slice(b"}]}\n");
        error_response(self.status, &self.error, out)
    }
}

/// An answer with an error in its body.
pub(super) fn error_response(status: StatusCode, error: &Error, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let ErrorKind::Overloaded { retry_after } | ErrorKind::Unavailable { retry_after } =
        error.kind()
    {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after.as_secs().max(1)));
    }
    response
}

/// The status of a kind of error, in both HTTP APIs.
pub(super) fn status_of(error: &Error) -> StatusCode {
    match error.kind() {
        ErrorKind::Invalid | ErrorKind::LimitExceeded { .. } => StatusCode::BAD_REQUEST,
        ErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
        ErrorKind::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::Overloaded { .. } => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self { status: status_of(&error), error }
    }
}

type Answer = Result<Response, ApiError>;

fn respond(app: &App, answer: Answer) -> Response {
    answer.unwrap_or_else(|error| error.respond(app))
}

/// The envelope around data; `total` counts what is listed, and is 0 for traces and calls.
fn envelope(call: &Call, data: &str, total: usize, errors: &str) -> Answer {
    let body = format!(
        "{{\"data\":{data},\"total\":{total},\"limit\":0,\"offset\":0,\"errors\":{errors}}}\n"
    );
    let wants_pretty = !matches!(call.get("prettyPrint"), "" | "false");
    let body = if wants_pretty { pretty(&body)? } else { body.into_bytes() };
    let mut response = Response::new(Body::from(body));
    let media_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    Ok(response)
}

fn pretty(text: &str) -> Result<Vec<u8>> {
    let failed = |error: serde_json::Error| {
        Error::internal("could not lay out an answer").with_source(error)
    };
    let value: serde_json::Value = serde_json::from_str(text).map_err(failed)?;
    let mut out = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut writer = serde_json::Serializer::with_formatter(&mut out, format);
    value.serialize(&mut writer).map_err(failed)?;
    out.push(b'\n');
    Ok(out)
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| Error::internal("could not write an answer").with_source(error))
}

/// `GET /api/services`
pub(in super::super) async fn services(State(app): State<Arc<App>>, request: Request) -> Response {
    let call = Call::read(&app, &request);
    let answer = async {
        let call = call?;
        let services = super::services(&app, &call.tenant).await?;
        envelope(&call, &to_json(&services)?, services.len(), "null")
    };
    respond(&app, answer.await)
}

/// `GET /api/services/{service}/operations`
pub(in super::super) async fn operations_of(
    State(app): State<Arc<App>>,
    Path(service): Path<String>,
    request: Request,
) -> Response {
    let call = Call::read(&app, &request);
    let answer = async {
        let call = call?;
        let found = super::operations(&app, &call.tenant, &service, "").await?;
        let names: BTreeSet<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        envelope(&call, &to_json(&names)?, names.len(), "null")
    };
    respond(&app, answer.await)
}

/// `GET /api/operations?service=&spanKind=`
pub(in super::super) async fn operations(
    State(app): State<Arc<App>>,
    request: Request,
) -> Response {
    let call = Call::read(&app, &request);
    let answer = async {
        let call = call?;
        let service = call.get("service");
        if service.is_empty() {
            let message = "parameter 'service' is required";
            return Err(ApiError::new(StatusCode::BAD_REQUEST, message));
        }
        let kind = call.get("spanKind");
        let found = super::operations(&app, &call.tenant, service, kind).await?;
        let operations: Vec<_> = found
            .iter()
            .map(|(name, kind)| serde_json::json!({"name": name, "spanKind": kind}))
            .collect();
        envelope(&call, &to_json(&operations)?, operations.len(), "null")
    };
    respond(&app, answer.await)
}

/// `GET /api/traces`: a search, or some traces by their ids.
pub(in super::super) async fn search(State(app): State<Arc<App>>, request: Request) -> Response {
    respond(&app, answer_search(&app, request).await)
}

async fn answer_search(app: &App, request: Request) -> Answer {
    let call = Call::read(app, &request)?;
    let search = call.search()?;
    let raw = search.raw;
    let ids: Vec<TraceId> = call
        .all("traceID")
        .map(|text| {
            trace_id(text).map_err(|error| {
                Error::invalid(format!("cannot parse traceID param: {}", error.message()))
            })
        })
        .collect::<Result<_>>()?;
    let (ids, are_named) =
        if ids.is_empty() { (find(app, &call.tenant, search).await?, false) } else { (ids, true) };
    let mut data = String::from("[");
    let mut missing = Vec::new();
    for id in ids {
        match trace(app, &call.tenant, id, raw).await? {
            Some(spans) => {
                if data.len() > 1 {
                    data.push(',');
                }
                write_trace(&spans, &mut data)?;
                check_size(app, data.len())?;
            }
            None if are_named => missing.push(serde_json::json!({
                "msg": NOT_FOUND,
                "traceID": watchkeep_wire::zipkin::trace_id_text(id),
            })),
            // It went away since it was found.
            None => {}
        }
    }
    data.push(']');
    let errors = if missing.is_empty() { "null".to_owned() } else { to_json(&missing)? };
    envelope(&call, &data, 0, &errors)
}

fn write_trace(spans: &TraceSpans, out: &mut String) -> Result<()> {
    let warnings: &[&str] = if spans.partial { &[PARTIAL] } else { &[] };
    encode_trace_json(&spans.columns, &spans.rows, warnings, out)
}

/// `GET /api/traces/{id}`. A trace is found whenever it was: Grafana tells the times in milliseconds,
/// others in microseconds, so they decide nothing.
pub(in super::super) async fn by_id(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let call = Call::read(&app, &request);
    let answer = async {
        let call = call?;
        let id = trace_id_of_path(&id)?;
        for name in ["start", "end"] {
            call.instant(name, 1)?;
        }
        let found = trace(&app, &call.tenant, id, call.truth("raw")?).await?;
        let spans = found.ok_or_else(ApiError::not_found)?;
        let mut data = String::from("[");
        write_trace(&spans, &mut data)?;
        data.push(']');
        envelope(&call, &data, 0, "null")
    };
    respond(&app, answer.await)
}

/// `GET /api/dependencies?endTs=&lookback=&service=`
pub(in super::super) async fn dependencies(
    State(app): State<Arc<App>>,
    request: Request,
) -> Response {
    let call = Call::read(&app, &request);
    let answer = async {
        let call = call?;
        let (start_ns, end_ns) = call.dependencies()?;
        let range = TimeRange { start_ns, end_ns };
        let service = call.get("service");
        let calls = app.engine.service_calls(&call.tenant, range).await?;
        let links: Vec<_> = calls
            .iter()
            .filter(|link| service.is_empty() || link.parent == service || link.child == service)
            .map(|link| {
                serde_json::json!({
                    "parent": link.parent, "child": link.child, "callCount": link.calls,
                })
            })
            .collect();
        envelope(&call, &to_json(&links)?, 0, "null")
    };
    respond(&app, answer.await)
}

/// `POST /api/transform`: spans of OTLP as JSON, as the UI wants them; nothing is stored.
pub(in super::super) async fn transform(State(app): State<Arc<App>>, request: Request) -> Response {
    respond(&app, answer_transform(&app, request).await)
}

async fn answer_transform(app: &App, request: Request) -> Answer {
    let call = Call::read(app, &request)?;
    let Upload { compression, body, reservation, .. } = receive(app, request).await?;
    let size = BodySize { bytes: body.len(), is_compressed: compression.is_some() };
    let limits = app.engine.limits().decode();
    let bytes_max = app.engine.limits().decompressed_bytes_max.bytes();
    let data = decode::run(app, size, move || {
        let _held_until_written = reservation;
        let plain = decompress(compression.as_deref(), &body, bytes_max)?;
        let decoded = decode_traces_json(&plain, &limits)?;
        if decoded.rejected > 0 {
            return Err(Error::invalid(decoded.message));
        }
        traces_json(&decoded.columns)
    })
    .await?;
    envelope(&call, &data, 0, "null")
}

/// Traces in the order in which their first spans come.
fn traces_json(columns: &SpanColumns) -> Result<String> {
    let mut places = std::collections::HashMap::new();
    let mut traces: Vec<Vec<u32>> = Vec::new();
    for (row, id) in (0_u32..).zip(&columns.trace_id).take(columns.len()) {
        let place = *places.entry(*id).or_insert(traces.len());
        if place == traces.len() {
            traces.push(Vec::new());
        }
        if let Some(rows) = traces.get_mut(place) {
            rows.push(row);
        }
    }
    let mut data = String::from("[");
    for rows in traces {
        if data.len() > 1 {
            data.push(',');
        }
        encode_trace_json(columns, &rows, &[], &mut data)?;
    }
    data.push(']');
    Ok(data)
}

/// `POST /api/archive/{id}`: traces stay as long as all others.
pub(in super::super) async fn archive(State(app): State<Arc<App>>) -> Response {
    ApiError::new(StatusCode::NOT_IMPLEMENTED, NO_ARCHIVE).respond(&app)
}

/// `GET /api/metrics/{latencies,calls,errors}`: what clients ask to see whether there are any.
pub(in super::super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    ApiError::new(StatusCode::NOT_IMPLEMENTED, NO_METRICS).respond(&app)
}

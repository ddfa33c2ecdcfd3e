//! The newer HTTP API: answers in OTLP's JSON, `{"result":{"resourceSpans":[…]}}`.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use watchkeep_engine::traces::TraceSpans;
use watchkeep_model::{Error, Result, TimeRange, TraceId};
use watchkeep_wire::otlp::{JsonForm, encode_traces_json};

use super::message::{ServiceSummary, TraceSummary};
use super::params::{Call, malformed, trace_id_of_path};
use super::v1::{error_response, status_of};
use super::{NOT_FOUND, check_size, find, trace};
use crate::app::App;
use crate::error_log::public_message;
use crate::json;

fn respond(app: &App, answer: Result<Value>) -> Response {
    match answer {
        Ok(body) => answer_json(body.to_string()),
        Err(error) => refuse(app, &error),
    }
}

fn answer_json(body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    let media_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}

fn refuse(app: &App, error: &Error) -> Response {
    app.error_log.note(app.engine.clock(), "jaeger", error);
    failed(status_of(error), error)
}

fn failed(status: StatusCode, error: &Error) -> Response {
    let mut out = Vec::new();
    json::push(&mut out, format_args!("{{\"error\":{{\"httpCode\":{}", status.as_u16()));
    out.extend_from_slice(b",\"message\":");
    json::string(&mut out, public_message(error));
    out.extend_from_slice(b"}}\n");
    error_response(status, error, out)
}

/// `GET /api/v3/services`
pub(in super::super) async fn services(State(app): State<Arc<App>>, request: Request) -> Response {
    let call = Call::read(&app, &request);
    let answer = async {
        let call = call?;
        let services = super::services(&app, &call.tenant).await?;
        Ok(json!({ "services": services }))
    };
    respond(&app, answer.await)
}

/// `GET /api/v3/operations?service=&spanKind=`
pub(in super::super) async fn operations(
    State(app): State<Arc<App>>,
    request: Request,
) -> Response {
    let call = Call::read(&app, &request);
    let answer = async {
        let call = call?;
        let service = call.get("service");
        let found = super::operations(&app, &call.tenant, service, call.kind_v3()).await?;
        let operations: Vec<Value> = found
            .into_iter()
            .map(|(name, kind)| {
                let kind = if kind.is_empty() { "internal" } else { kind };
                json!({ "name": name, "spanKind": kind })
            })
            .collect();
        Ok(json!({ "operations": operations }))
    };
    respond(&app, answer.await)
}

/// `GET /api/v3/dependencies?startTime=&endTime=`
pub(in super::super) async fn dependencies(
    State(app): State<Arc<App>>,
    request: Request,
) -> Response {
    let call = Call::read(&app, &request);
    let answer = async {
        let call = call?;
        let (start_ns, end_ns) = call.times_v3()?;
        let range = TimeRange { start_ns, end_ns };
        let calls = app.engine.service_calls(&call.tenant, range).await?;
        let links: Vec<Value> = calls
            .into_iter()
            .map(|link| {
                // Whole numbers of 64 bits are texts in protobuf's JSON.
                let calls = link.calls.to_string();
                json!({ "parent": link.parent, "child": link.child, "callCount": calls })
            })
            .collect();
        Ok(json!({ "dependencies": links }))
    };
    respond(&app, answer.await)
}

/// `GET /api/v3/traces/{id}`
pub(in super::super) async fn by_id(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let call = Call::read(&app, &request);
    let found = async {
        let call = call?;
        let id = trace_id_of_path(&id).map_err(|error| malformed("trace_id", error.message()))?;
        call.check_times_v3()?;
        let raw = call.truth_v3("rawTraces", "raw_traces")?;
        Ok(trace(&app, &call.tenant, id, raw).await?.into_iter().collect())
    };
    told(&app, found.await, NOT_FOUND)
}

/// `GET /api/v3/traces`
pub(in super::super) async fn search(State(app): State<Arc<App>>, request: Request) -> Response {
    let call = Call::read(&app, &request);
    told(&app, found_traces(&app, call).await, "No traces found")
}

async fn found_traces(app: &App, call: Result<Call>) -> Result<Vec<TraceSpans>> {
    let call = call?;
    let search = call.search_v3()?;
    let raw = search.raw;
    let mut bytes = 0;
    let mut traces = Vec::new();
    for id in find(app, &call.tenant, search).await? {
        if let Some(spans) = trace(app, &call.tenant, id, raw).await? {
            bytes += watchkeep_model::column::Table::byte_len(&spans.columns);
            check_size(app, bytes)?;
            traces.push(spans);
        }
    }
    Ok(traces)
}

/// Traces one after the other in one list; that there are none is an error.
fn told(app: &App, found: Result<Vec<TraceSpans>>, none: &str) -> Response {
    let answer = found.and_then(|traces| {
        let mut all = String::new();
        for spans in &traces {
            let text = encode_traces_json(&spans.columns, &spans.rows, JsonForm::Otlp)?;
            let list = text.strip_prefix("{\"resourceSpans\":[");
            let list = list.and_then(|text| text.strip_suffix("]}")).unwrap_or_default();
            if !all.is_empty() && !list.is_empty() {
                all.push(',');
            }
            all.push_str(list);
        }
        Ok(all)
    });
    match answer {
        Ok(all) if all.is_empty() => failed(StatusCode::NOT_FOUND, &Error::invalid(none)),
        Ok(all) => answer_json(format!("{{\"result\":{{\"resourceSpans\":[{all}]}}}}")),
        Err(error) => refuse(app, &error),
    }
}

/// `GET /api/v3/trace-summaries`
pub(in super::super) async fn summaries(State(app): State<Arc<App>>, request: Request) -> Response {
    let call = Call::read(&app, &request);
    let answer = async {
        let call = call?;
        let mut summaries = Vec::new();
        for id in find(&app, &call.tenant, call.search_v3()?).await? {
            if let Some(spans) = trace(&app, &call.tenant, id, false).await? {
                summaries.push(summary_json(&summary(id, &spans)));
            }
        }
        Ok(json!({ "summaries": summaries }))
    };
    respond(&app, answer.await)
}

fn summary_json(summary: &TraceSummary) -> Value {
    let services: Vec<Value> = summary
        .services
        .iter()
        .map(|service| {
            json!({
                "name": service.name,
                "spanCount": service.span_count,
                "errorSpanCount": service.error_span_count,
            })
        })
        .collect();
    json!({
        "traceId": summary.trace_id,
        "rootServiceName": summary.root_service_name,
        "rootOperationName": summary.root_operation_name,
        "minStartTimeUnixNano": summary.min_start_time_unix_nano.to_string(),
        "maxEndTimeUnixNano": summary.max_end_time_unix_nano.to_string(),
        "spanCount": summary.span_count,
        "errorSpanCount": summary.error_span_count,
        "orphanSpanCount": summary.orphan_span_count,
        "services": services,
    })
}

/// What a trace is made of. Its root is the first span without a parent; a span whose parent is not
/// there is an orphan.
#[expect(clippy::indexing_slicing, reason = "rows are those of the table")]
pub(super) fn summary(id: TraceId, spans: &TraceSpans) -> TraceSummary {
    const STATUS_ERROR: u8 = 2;
    let (columns, rows) = (&spans.columns, &spans.rows);
    let ids: HashSet<[u8; 8]> = rows.iter().map(|row| columns.span_id[*row as usize]).collect();
    let mut summary = TraceSummary { trace_id: id.to_string(), ..TraceSummary::default() };
    let mut services: BTreeMap<&str, ServiceSummary> = BTreeMap::new();
    let (mut start, mut end) = (i64::MAX, i64::MIN);
    let mut has_root = false;
    for row in rows.iter().map(|row| *row as usize) {
        let from = columns.start_ns[row];
        start = start.min(from);
        end = end.max(from.saturating_add(columns.duration_ns[row].max(0)));
        let (service, parent) = (columns.service.get(row), columns.parent_span_id[row]);
        let is_error = i32::from(columns.status_code[row] == STATUS_ERROR);
        summary.span_count += 1;
        summary.error_span_count += is_error;
        let of_service = services.entry(service).or_default();
        of_service.span_count += 1;
        of_service.error_span_count += is_error;
        if parent == [0; 8] {
            if !has_root {
                service.clone_into(&mut summary.root_service_name);
                columns.name.get(row).clone_into(&mut summary.root_operation_name);
                has_root = true;
            }
        } else if !ids.contains(&parent) {
            summary.orphan_span_count += 1;
        }
    }
    summary.min_start_time_unix_nano = start.max(0).unsigned_abs();
    summary.max_end_time_unix_nano = end.max(0).unsigned_abs();
    summary.services = services
        .into_iter()
        .map(|(name, service)| ServiceSummary { name: name.to_owned(), ..service })
        .collect();
    summary
}

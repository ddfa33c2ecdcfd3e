//! Queries: at one instant, over a range, in the older form; and the text of a query.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde_json::json;
use watchkeep_engine::logs::{LogQuery, Output, Steps, Value};
use watchkeep_logql::Expr;
use watchkeep_model::stream::to_text;

use super::super::error::ApiError;
use super::super::json;
use super::super::params::Call;
use super::{Answer, json as answer_json};
use crate::app::App;

/// `query`
pub(in super::super) async fn instant(State(app): State<Arc<App>>, request: Request) -> Response {
    answer_instant(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_instant(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let steps = Steps::Instant(call.time_ns()?);
    let (output, seconds) = run(app, &call, call.get("query"), steps).await?;
    Ok(answer_json(json::query(&output, call.categorize_labels, seconds)))
}

/// `query_range`
pub(in super::super) async fn range(State(app): State<Arc<App>>, request: Request) -> Response {
    answer_range(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_range(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let steps = Steps::Range(call.steps()?);
    let (output, seconds) = run(app, &call, call.get("query"), steps).await?;
    Ok(answer_json(json::query(&output, call.categorize_labels, seconds)))
}

/// Answers, and tells how many seconds it took.
async fn run(app: &App, call: &Call, query: &str, steps: Steps) -> Result<(Output, f64), ApiError> {
    let query = LogQuery {
        text: query.to_owned(),
        steps,
        limit: call.limit()?,
        direction: call.direction()?,
    };
    let started_ns = app.engine.clock().now_ns();
    let output = app.engine.logql(&call.tenant, query).await?;
    let taken_ns = app.engine.clock().now_ns().saturating_sub(started_ns).max(0);
    Ok((output, taken_ns as f64 / 1e9))
}

/// `/api/prom/query`: only lines, in the older shape.
pub(in super::super) async fn legacy(State(app): State<Arc<App>>, request: Request) -> Response {
    answer_legacy(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_legacy(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let query = legacy_query(&call)?;
    if !matches!(watchkeep_logql::parse(&query), Ok(Expr::Log(_)) | Err(_)) {
        return Err(ApiError::bad_request("legacy endpoints only support streams result type"));
    }
    let (output, seconds) = run(app, &call, &query, Steps::Range(call.steps()?)).await?;
    let Value::Streams(streams) = &output.value else {
        return Err(ApiError::bad_request("legacy endpoints only support streams result type"));
    };
    let returned = streams.iter().map(|stream| stream.entries.len()).sum();
    let streams: Vec<_> = streams
        .iter()
        .map(|stream| {
            let entries: Vec<_> = stream
                .entries
                .iter()
                .map(|entry| json!({ "ts": super::rfc3339(entry.time_ns), "line": entry.line }))
                .collect();
            let labels = watchkeep_model::Labels::from_pairs(stream.labels.iter());
            json!({ "labels": to_text(&labels), "entries": entries })
        })
        .collect();
    let mut out = b"{\"streams\":".to_vec();
    out.extend_from_slice(serde_json::Value::from(streams).to_string().as_bytes());
    out.push(b',');
    json::stats(&mut out, json::Figures { seconds, stats: output.stats, returned });
    out.extend_from_slice(b"}\n");
    Ok(answer_json(out))
}

/// The query, and the older parameter `regexp` as a filter of its lines.
pub(in super::super) fn legacy_query(call: &Call) -> Result<String, ApiError> {
    let (query, regexp) = (call.get("query"), call.get("regexp"));
    if regexp.is_empty() {
        return Ok(query.to_owned());
    }
    watchkeep_logql::parse_log(query).map_err(|error| ApiError::bad_request(error.to_string()))?;
    let quoted = watchkeep_promql::quote::quote(regexp);
    Ok(format!("{query} |~ {quoted}"))
}

/// `format_query`
pub(in super::super) async fn format(State(app): State<Arc<App>>, request: Request) -> Response {
    let call = match Call::read(&app, request).await {
        Ok(call) => call,
        Err(error) => return error.respond(&app),
    };
    match watchkeep_logql::parse(call.get("query")) {
        Ok(expr) => {
            let answer = json!({ "status": "success", "data": watchkeep_logql::pretty(&expr) });
            answer_json(answer.to_string().into_bytes())
        }
        Err(error) => {
            let answer = json!({ "status": "invalid-query", "error": error.to_string() });
            let mut response = answer_json(answer.to_string().into_bytes());
            *response.status_mut() = StatusCode::BAD_REQUEST;
            response
        }
    }
}

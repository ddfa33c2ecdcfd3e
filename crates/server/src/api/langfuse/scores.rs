//! Scores: taken one by one or in batches, listed, and deleted.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use watchkeep_engine::agents::facts::{Entry, FeedbackFact};
use watchkeep_model::{Error, Result, TenantId};

use super::dto::{Score, second_form, third_form};
use super::error::respond;
use super::params::Asked;
use crate::app::App;
use crate::body::{BodyLimits, read_body};
use crate::tenant::tenant_of;

/// Reads the JSON of a request.
pub(super) async fn json_of(app: &App, request: Request) -> Result<(TenantId, Value)> {
    app.engine.store()?;
    let (head, body) = request.into_parts();
    let limits = BodyLimits {
        bytes_max: app.engine.limits().body_bytes_max.bytes(),
        timeout: app.config.body_timeout.0,
    };
    let mut reservation = app.engine.gate().open();
    let body = read_body(body, limits, &mut reservation).await?;
    let tenant = tenant_of(&head.headers)?;
    let value = serde_json::from_slice(&body)
        .map_err(|error| Error::invalid(format!("the body is not JSON: {error}")))?;
    Ok((tenant, value))
}

/// Reads a score. `place` orders those of one request.
pub(super) fn entry_of(
    app: &App,
    score: Value,
    sent: Option<&str>,
    place: i64,
) -> Result<Entry<FeedbackFact>> {
    let score: Score = serde_json::from_value(score)
        .map_err(|error| Error::invalid(format!("not a score: {error}")))?;
    let now_ns = app.engine.clock().now_ns().saturating_add(place);
    score.given(sent)?.settle(app.engine.feedback_config(), now_ns).map_err(|wrong| {
        let field = match wrong.field {
            "trace_id" => "traceId",
            "session" => "sessionId",
            "category" | "score" => "value",
            other => other,
        };
        Error::invalid(format!("{field} {}", wrong.message))
    })
}

/// Stores scores, in a task of its own, so that a client that hangs up leaves nothing half done.
pub(super) async fn keep(
    app: &App,
    tenant: TenantId,
    entries: Vec<Entry<FeedbackFact>>,
) -> Result<Vec<Entry<FeedbackFact>>> {
    let engine = Arc::clone(&app.engine);
    tokio::spawn(async move { engine.keep_feedback(&tenant, entries).await })
        .await
        .map_err(|error| Error::internal("storing scores panicked").with_source(error))?
}

/// Takes a score, or an array of them, of which those that are right are kept.
pub(super) async fn create(State(app): State<Arc<App>>, request: Request) -> Response {
    let outcome = match json_of(&app, request).await {
        Ok((tenant, Value::Array(scores))) => create_all(&app, tenant, scores).await,
        Ok((tenant, score)) => create_one(&app, tenant, score).await,
        Err(error) => Err(error),
    };
    outcome.unwrap_or_else(|error| {
        app.engine.count_refused(&error);
        respond(&app, &error)
    })
}

async fn create_one(app: &App, tenant: TenantId, score: Value) -> Result<Response> {
    let entry = entry_of(app, score, None, 0)?;
    let id = entry.fact.id.clone();
    keep(app, tenant, vec![entry]).await?;
    Ok(Json(json!({"id": id})).into_response())
}

async fn create_all(app: &App, tenant: TenantId, scores: Vec<Value>) -> Result<Response> {
    let batch_max = app.engine.feedback_config().batch_max;
    if scores.len() > batch_max {
        return Err(Error::invalid(format!(
            "at most {batch_max} scores at once (feedback.batch_max)"
        )));
    }
    let (mut entries, mut errors) = (Vec::new(), Vec::new());
    for (place, score) in scores.into_iter().enumerate() {
        match entry_of(app, score, None, place as i64) {
            Ok(entry) => entries.push(entry),
            Err(error) => {
                let message = format!("score {place}: {}", error.message());
                errors.push(json!({"message": message}));
            }
        }
    }
    let accepted = entries.len();
    keep(app, tenant, entries).await?;
    if errors.is_empty() {
        return Ok((StatusCode::ACCEPTED, Json(json!({"message": "Accepted"}))).into_response());
    }
    let body = json!({"accepted": accepted, "rejected": errors.len(), "errors": errors});
    Ok((StatusCode::MULTI_STATUS, Json(body)).into_response())
}

/// A numbered page of scores, as the first two versions of the API have them.
pub(super) async fn pages(State(app): State<Arc<App>>, headers: HeaderMap, uri: Uri) -> Response {
    let outcome = async {
        let tenant = tenant_of(&headers)?;
        let asked = Asked::read(uri.query().unwrap_or_default())?;
        let reach = asked.page * asked.limit;
        let (found, _) = app.engine.list_feedback(&tenant, &asked.filter, reach, None).await?;
        let summary = app.engine.summarize_feedback(&tenant, &asked.filter, None, i64::MAX).await?;
        let total = summary.all.total;
        let page = found.iter().skip(reach - asked.limit);
        let data: Vec<Value> = page.map(|entry| second_form(entry, &tenant)).collect();
        let meta = json!({
            "page": asked.page, "limit": asked.limit, "totalItems": total,
            "totalPages": total.div_ceil(asked.limit as u64),
        });
        Ok(Json(json!({"data": data, "meta": meta})).into_response())
    };
    outcome.await.unwrap_or_else(|error: Error| respond(&app, &error))
}

/// Scores after a cursor, as the third version of the API has them.
pub(super) async fn cursored(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let outcome = async {
        let tenant = tenant_of(&headers)?;
        let asked = Asked::read(uri.query().unwrap_or_default())?;
        let engine = &app.engine;
        let (page, next) =
            engine.list_feedback(&tenant, &asked.filter, asked.limit, asked.cursor).await?;
        let data: Vec<Value> =
            page.iter().map(|entry| third_form(entry, &tenant, asked.groups)).collect();
        let mut meta = json!({"limit": asked.limit});
        if let Some(next) = next {
            meta["cursor"] = Value::from(format!("{}.{}", next.time_ns, next.id));
        }
        Ok(Json(json!({"data": data, "meta": meta})).into_response())
    };
    outcome.await.unwrap_or_else(|error: Error| respond(&app, &error))
}

/// One score.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let outcome = async {
        let tenant = tenant_of(&headers)?;
        let entry = app.engine.feedback_of(&tenant, &id).await?;
        Ok(Json(second_form(&entry, &tenant)).into_response())
    };
    outcome.await.unwrap_or_else(|error: Error| respond(&app, &error))
}

/// Deletes a score.
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let outcome = async {
        let tenant = tenant_of(&headers)?;
        app.engine.delete_feedback(&tenant, &id).await?;
        let body = Json(json!({"message": "Score deletion request accepted"}));
        Ok((StatusCode::ACCEPTED, body).into_response())
    };
    outcome.await.unwrap_or_else(|error: Error| respond(&app, &error))
}

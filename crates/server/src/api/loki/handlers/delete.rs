//! Deletion by query. It is done when the answer comes, so that every request listed is processed and
//! none can be taken back.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode};
use serde_json::json;
use watchkeep_model::TimeRange;

use super::super::error::ApiError;
use super::super::params::Call;
use super::{Answer, json as answer_json};
use crate::app::App;

/// `POST` and `PUT`: deletes.
pub(in super::super) async fn request(State(app): State<Arc<App>>, request: Request) -> Response {
    answer_request(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_request(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let query = call.get("query");
    if query.is_empty() {
        return Err(ApiError::bad_request("query not set"));
    }
    if call.get("start").is_empty() {
        return Err(ApiError::bad_request("start time not set"));
    }
    let (start_ns, end_ns) = call.bounds()?;
    if end_ns > call.now_ns() {
        return Err(ApiError::bad_request("deletes in the future are not allowed"));
    }
    if start_ns > end_ns {
        return Err(ApiError::bad_request("start time can't be greater than end time"));
    }
    let range = TimeRange { start_ns, end_ns: end_ns.saturating_add(1) };
    let id = app.engine.delete_logs(&call.tenant, query, range).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-delete-request-id", id);
    }
    Ok(response)
}

/// `GET`: what was deleted since the start.
pub(in super::super) async fn list(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = async {
        let call = Call::read(&app, request).await?;
        let seconds = |ns: i64| ns.div_euclid(1_000_000) as f64 / 1e3;
        let shown: Vec<_> = app
            .engine
            .delete_requests(&call.tenant)
            .into_iter()
            .map(|request| {
                json!({
                    "request_id": request.id,
                    "start_time": seconds(request.range.start_ns),
                    "end_time": seconds(request.range.end_ns.saturating_sub(1)),
                    "query": request.query,
                    "status": "processed",
                    "created_at": seconds(request.created_ns),
                })
            })
            .collect();
        Ok(answer_json(serde_json::Value::from(shown).to_string().into_bytes()))
    };
    answer.await.unwrap_or_else(|error: ApiError| error.respond(&app))
}

/// `DELETE`: takes nothing back.
pub(in super::super) async fn cancel(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = async {
        let call = Call::read(&app, request).await?;
        let id = call.get("request_id");
        let known = app.engine.delete_requests(&call.tenant).iter().any(|one| one.id == id);
        Err::<Response, _>(if known {
            ApiError::bad_request(
                "deletion of request which is in process or already processed is not allowed",
            )
        } else {
            ApiError::new(StatusCode::NOT_FOUND, "could not find delete request with given id")
        })
    };
    answer.await.unwrap_or_else(|error: ApiError| error.respond(&app))
}

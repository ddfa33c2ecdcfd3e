//! What changes the store: deletion of series, tombstones, snapshots. Behind `server.admin_api`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::json;

use super::super::error::ApiError;
use super::super::params::Call;
use super::{Answer, answer_json};
use crate::app::App;

fn check_enabled(app: &App) -> Result<(), ApiError> {
    if app.config.admin_api { Ok(()) } else { Err(ApiError::unavailable("admin APIs disabled")) }
}

/// `admin/tsdb/delete_series`
pub(in super::super) async fn delete_series(
    State(app): State<Arc<App>>,
    request: Request,
) -> Response {
    let deleted: Answer = async {
        check_enabled(&app)?;
        let call = Call::read(&app, request).await?;
        if call.all("match[]").next().is_none() {
            return Err(ApiError::bad_data("no match[] parameter provided"));
        }
        let (start_ms, end_ms) = call.range()?;
        for matchers in call.selectors()? {
            let store = app.engine.store()?;
            store.delete_series(&call.tenant, matchers, start_ms, end_ms).await?;
        }
        Ok(StatusCode::NO_CONTENT.into_response())
    }
    .await;
    deleted.unwrap_or_else(|error| error.respond(&app))
}

/// `admin/tsdb/clean_tombstones`
pub(in super::super) async fn clean_tombstones(State(app): State<Arc<App>>) -> Response {
    let cleaned: Answer = async {
        check_enabled(&app)?;
        app.engine.store()?.clean_tombstones().await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }
    .await;
    cleaned.unwrap_or_else(|error| error.respond(&app))
}

/// `admin/tsdb/snapshot`
pub(in super::super) async fn snapshot(State(app): State<Arc<App>>) -> Response {
    let taken: Answer = async {
        check_enabled(&app)?;
        let name = app.engine.store()?.snapshot().await?;
        answer_json(&json!({ "name": name }))
    }
    .await;
    taken.unwrap_or_else(|error| error.respond(&app))
}

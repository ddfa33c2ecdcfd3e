//! Langfuse: scores come in and go out as its SDKs send and ask for them, and its traces come over
//! OTLP, so that an application moves by changing the host. What each path does and where it differs:
//! `docs/compat/langfuse.md`.

mod dto;
mod error;
mod ingestion;
mod params;
mod scores;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use crate::app::App;
use crate::tenant::tenant_of;

/// Where OTLP is mounted for its SDKs.
pub(crate) const OTLP_PREFIX: &str = "/api/public/otel";

/// All paths. Credentials are not looked at.
pub(crate) fn routes(app: &Arc<App>) -> Router {
    Router::new()
        .route("/api/public/health", get(health))
        .route("/api/public/projects", get(projects))
        .route("/api/public/ingestion", post(ingestion::take))
        .route("/api/public/scores", get(scores::pages).post(scores::create))
        .route("/api/public/scores/{id}", get(scores::one).delete(scores::delete))
        .route("/api/public/v2/scores", get(scores::pages))
        .route("/api/public/v2/scores/{id}", get(scores::one))
        .route("/api/public/v3/scores", get(scores::cursored))
        .with_state(Arc::clone(app))
}

async fn health(State(app): State<Arc<App>>) -> Response {
    if let Err(error) = app.engine.store() {
        return error::respond(&app, &error);
    }
    Json(json!({"status": "OK", "version": app.about.version})).into_response()
}

/// The tenant as the one project that its keys are for: SDKs ask for it to check their keys.
async fn projects(State(app): State<Arc<App>>, request: Request) -> Response {
    match tenant_of(request.headers()) {
        Ok(tenant) => {
            let name = tenant.to_string();
            let organization = json!({"id": "watchkeep", "name": "Watchkeep"});
            let project = json!({
                "id": name, "name": name, "organization": organization, "metadata": {},
            });
            Json(json!({"data": [project]})).into_response()
        }
        Err(error) => error::respond(&app, &error),
    }
}

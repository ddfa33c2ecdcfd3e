//! Zipkin: spans come in as its clients send them, in both forms, and its query API tells them. What
//! each path does and where it differs: `docs/compat/zipkin.md`.

mod error;
mod ingest;
mod query;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

/// Where it is mounted beside the root.
pub(crate) const PREFIX: &str = "/zipkin";

/// All paths; below [`PREFIX`] they are the same.
pub(crate) fn routes(app: &Arc<App>) -> Router {
    Router::new()
        .route("/api/v2/spans", get(query::span_names).post(ingest::second_form))
        .route("/api/v1/spans", post(ingest::first_form))
        .route("/api/v2/services", get(query::services))
        .route("/api/v2/remoteServices", get(query::remote_services))
        .route("/api/v2/traces", get(query::search))
        .route("/api/v2/trace/{id}", get(query::by_id))
        .route("/api/v2/traceMany", get(query::many))
        .route("/api/v2/dependencies", get(query::dependencies))
        .route("/api/v2/autocompleteKeys", get(query::keys))
        .route("/api/v2/autocompleteValues", get(query::key_values))
        .with_state(Arc::clone(app))
}

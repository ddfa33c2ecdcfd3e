//! `/api/monitoring`: health and figures of requests as one JSON object each, for dashboards and scripts
//! that were written against such a backend. Of this server itself, or of services that send spans
//! (`?service=`). What each member is: `docs/compat/monitoring.md`.

mod dto;
mod error;
mod handlers;
pub(crate) mod own;
mod params;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::app::App;

/// Both paths.
pub(crate) fn routes(app: &Arc<App>) -> Router {
    Router::new()
        .route("/api/monitoring/health", get(handlers::health))
        .route("/api/monitoring/stats", get(handlers::stats))
        .method_not_allowed_fallback(error::wrong_method)
        .with_state(Arc::clone(app))
}

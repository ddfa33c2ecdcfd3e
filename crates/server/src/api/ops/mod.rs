//! For operators and orchestrators: health, readiness, the server's own metrics, status, flush.

mod dto;
mod error;
mod handlers;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

/// All of it, for the main listener.
pub(crate) fn routes(app: &Arc<App>) -> Router {
    Router::new()
        .route("/ready", get(handlers::ready))
        .route("/metrics", get(handlers::metrics))
        .route("/status", get(handlers::status))
        .route("/flush", post(handlers::flush))
        .with_state(Arc::clone(app))
        .merge(health_routes(app))
}

/// Only the health check.
pub(crate) fn health_routes(app: &Arc<App>) -> Router {
    Router::new().route("/health", get(handlers::health)).with_state(Arc::clone(app))
}

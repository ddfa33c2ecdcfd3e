//! For operators and orchestrators: health, readiness, the server's own metrics, status, flush.

mod dto;
mod error;
mod handlers;
mod health;

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

/// Only the server's own metrics.
pub(crate) fn metrics_routes(app: &Arc<App>) -> Router {
    Router::new().route("/metrics", get(handlers::metrics)).with_state(Arc::clone(app))
}

/// Only the health checks, over HTTP and gRPC.
pub(crate) fn health_routes(app: &Arc<App>) -> Router {
    Router::new()
        .route("/health", get(handlers::health))
        .route("/health/services", get(handlers::health_services))
        .route("/grpc.health.v1.Health/Check", post(health::check))
        .with_state(Arc::clone(app))
}

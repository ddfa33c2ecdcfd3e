//! OTLP: the three export requests over HTTP (protobuf and JSON) and gRPC. Both ways lead through
//! [`export`], which decodes and stores; they differ in framing and in how they say what failed.

mod error;
mod export;
mod grpc;
mod handlers;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use http::{HeaderName, Method, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use watchkeep_model::Signal;

use crate::app::App;

/// `POST /v1/{traces,logs,metrics}`, open to web pages of the configured origins.
pub(crate) fn http_routes(app: &Arc<App>) -> Router {
    let routes = Router::new()
        .route("/v1/traces", post(|app, request| handlers::export(app, Signal::Traces, request)))
        .route("/v1/logs", post(|app, request| handlers::export(app, Signal::Logs, request)))
        .route("/v1/metrics", post(|app, request| handlers::export(app, Signal::Metrics, request)))
        .with_state(Arc::clone(app));
    match cors(&app.otlp.cors_origins) {
        Some(cors) => routes.layer(cors),
        None => routes,
    }
}

/// The three `Export` methods.
pub(crate) fn grpc_routes(app: &Arc<App>) -> Router {
    const TRACE: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
    const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
    Router::new()
        .route(TRACE, post(|app, request| grpc::export(app, Signal::Traces, request)))
        .route(LOGS, post(|app, request| grpc::export(app, Signal::Logs, request)))
        .route(METRICS, post(|app, request| grpc::export(app, Signal::Metrics, request)))
        .with_state(Arc::clone(app))
}

fn cors(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| origin.parse().ok()))
    };
    let retry_after: [HeaderName; 1] = [header::RETRY_AFTER];
    Some(
        CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([Method::POST])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(retry_after),
    )
}

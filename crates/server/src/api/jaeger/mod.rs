//! Jaeger: spans come in as its clients, agents and collectors send them, and its clients learn how to
//! sample; its query service answers what is asked of it. What each path does and where it differs: `docs/compat/jaeger.md`.

pub mod config;
mod error;
mod ingest;
mod query;
mod sampling;
pub(crate) mod udp;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use self::query::{v1, v3};
use crate::app::App;

/// Where it is mounted beside the root.
pub(crate) const PREFIX: &str = "/jaeger";

/// What the collector takes over HTTP (port 14268).
pub(crate) fn collector_routes(app: &Arc<App>) -> Router {
    Router::new()
        .route("/api/traces", post(ingest::thrift))
        .route("/api/sampling", get(sampling::strategy))
        .route("/api/baggageRestrictions", get(sampling::baggage))
        .with_state(Arc::clone(app))
}

/// What the agent tells its clients over HTTP (port 5778), but for the path `/`.
pub(crate) fn agent_routes(app: &Arc<App>) -> Router {
    Router::new()
        .route("/sampling", get(sampling::strategy))
        .route("/baggageRestrictions", get(sampling::baggage))
        .with_state(Arc::clone(app))
}

/// All that the agent tells.
pub(crate) fn agent_port_routes(app: &Arc<App>) -> Router {
    let root = Router::new().route("/", get(sampling::strategy)).with_state(Arc::clone(app));
    root.merge(agent_routes(app))
}

/// The collector's methods (port 14250).
pub(crate) fn grpc_routes(app: &Arc<App>) -> Router {
    Router::new()
        .route("/jaeger.api_v2.CollectorService/PostSpans", post(ingest::post_spans))
        .route("/jaeger.api_v2.SamplingManager/GetSamplingStrategy", post(sampling::strategy_grpc))
        .with_state(Arc::clone(app))
}

/// The query service over HTTP and gRPC (ports 16686 and 16685), but for the one path that is Tempo's
/// where both are.
pub(crate) fn query_routes(app: &Arc<App>) -> Router {
    Router::new()
        .route("/api/services", get(v1::services))
        .route("/api/services/{service}/operations", get(v1::operations_of))
        .route("/api/operations", get(v1::operations))
        .route("/api/traces", get(v1::search))
        .route("/api/dependencies", get(v1::dependencies))
        .route("/api/transform", post(v1::transform))
        .route("/api/archive/{id}", post(v1::archive))
        .route("/api/metrics/latencies", get(v1::metrics))
        .route("/api/metrics/calls", get(v1::metrics))
        .route("/api/metrics/errors", get(v1::metrics))
        .route("/api/v3/services", get(v3::services))
        .route("/api/v3/operations", get(v3::operations))
        .route("/api/v3/dependencies", get(v3::dependencies))
        .route("/api/v3/traces", get(v3::search))
        .route("/api/v3/traces/{id}", get(v3::by_id))
        .route("/api/v3/trace-summaries", get(v3::summaries))
        .merge(query::grpc::routes())
        .with_state(Arc::clone(app))
}

/// The query service over gRPC alone.
pub(crate) fn query_grpc_routes(app: &Arc<App>) -> Router {
    query::grpc::routes().with_state(Arc::clone(app))
}

/// All of the query service.
pub(crate) fn query_port_routes(app: &Arc<App>) -> Router {
    let by_id = Router::new().route("/api/traces/{id}", get(v1::by_id)).with_state(Arc::clone(app));
    by_id.merge(query_routes(app))
}

//! Tempo: its HTTP API and the gRPC service that Grafana streams from, as of Tempo 3.0. What each path
//! does and where it differs: `docs/compat/tempo.md`.

mod asked;
mod convert;
mod error;
mod handlers;
mod message;
mod params;

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get, post};

use self::handlers::{metrics, search, status, streaming, tags, traces};
use crate::app::App;

/// Where it is mounted beside the root.
pub(crate) const PREFIX: &str = "/tempo";

/// All paths but those that collide with other surfaces at the root.
pub(crate) fn routes(app: &Arc<App>) -> Router {
    Router::new()
        .route("/api/echo", get(status::echo))
        .route("/api/traces/{id}", get(traces::by_id))
        .route("/api/v2/traces/{id}", get(traces::by_id_v2).post(traces::not_offered))
        .route("/api/search", get(search::search))
        .route("/api/search/tags", get(tags::names))
        .route("/api/search/tag/{*name}", get(tags::values))
        .route("/api/v2/search/tags", get(tags::names_v2))
        .route("/api/v2/search/tag/{*name}", get(tags::values_v2))
        .route("/api/metrics/query", get(metrics::instant))
        .route("/api/metrics/query_range", get(metrics::range))
        .route("/api/status/buildinfo", get(status::build))
        .route("/api/overrides", any(status::no_overrides))
        .route("/api/mcp", any(status::no_mcp))
        .route("/status/version", get(status::version))
        .route("/status/services", get(status::services))
        .route("/status/endpoints", get(status::endpoints))
        .route("/status/config", get(status::config))
        .merge(grpc())
        .with_state(Arc::clone(app))
}

/// The same below [`PREFIX`], where what the surfaces share is there too.
pub(crate) fn prefixed_routes(app: &Arc<App>) -> Router {
    Router::new()
        .route("/ready", get(status::ready))
        .route("/metrics", get(status::metrics))
        .route("/status", get(status::all))
        .fallback(any(status::not_found))
        .with_state(Arc::clone(app))
        .merge(routes(app))
}

/// `tempopb.StreamingQuerier`
fn grpc() -> Router<Arc<App>> {
    Router::new()
        .route("/tempopb.StreamingQuerier/Search", post(streaming::search))
        .route("/tempopb.StreamingQuerier/SearchTags", post(streaming::tags))
        .route("/tempopb.StreamingQuerier/SearchTagsV2", post(streaming::tags_v2))
        .route("/tempopb.StreamingQuerier/SearchTagValues", post(streaming::tag_values))
        .route("/tempopb.StreamingQuerier/SearchTagValuesV2", post(streaming::tag_values_v2))
        .route("/tempopb.StreamingQuerier/MetricsQueryRange", post(streaming::metrics_range))
        .route("/tempopb.StreamingQuerier/MetricsQueryInstant", post(streaming::metrics_instant))
}

//! Loki: its HTTP API as of August 2026, for pushing and asking. What each path does and where it
//! differs: `docs/compat/loki.md`.

mod error;
mod handlers;
mod json;
mod params;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, any, get, post};

use self::handlers::{delete, detected, index, labels, push, query, status, tail};
use crate::app::App;

/// Where it is mounted beside the root.
pub(crate) const PREFIX: &str = "/loki";

/// All paths but those that collide with other surfaces at the root.
pub(crate) fn routes(app: &Arc<App>) -> Router {
    Router::new()
        .nest("/loki/api/v1", api())
        .nest("/api/prom", legacy())
        // Which Grafana may dial.
        .route("/loki/api/v2alpha/tail", get(tail::tail))
        .route("/config", get(status::config))
        .route("/services", get(status::services))
        .route("/log_level", get(status::log_level))
        .route("/ring", get(status::ring))
        .with_state(Arc::clone(app))
}

/// The same below [`PREFIX`], where what the surfaces share is there too.
pub(crate) fn prefixed_routes(app: &Arc<App>) -> Router {
    Router::new()
        .route("/ready", get(status::ready))
        .route("/metrics", get(status::metrics))
        // Where Grafana looks for what a ruler would say.
        .route("/prometheus/api/v1/rules", get(status::ruler_rules))
        .route("/prometheus/api/v1/alerts", get(status::ruler_alerts))
        .with_state(Arc::clone(app))
        .merge(routes(app))
}

fn api() -> Router<Arc<App>> {
    Router::new()
        .route("/push", post(push::push))
        .route("/query", asked(query::instant))
        .route("/query_range", asked(query::range))
        .route("/format_query", asked(query::format))
        .route("/labels", asked(labels::names))
        .route("/label", asked(labels::names))
        .route("/label/{name}/values", asked(labels::values))
        .route("/series", asked(labels::series))
        .route("/index/stats", asked(index::stats))
        .route("/index/volume", asked(index::volume))
        .route("/index/volume_range", asked(index::volume_range))
        .route("/index/shards", asked(index::shards))
        .route("/detected_labels", asked(detected::labels))
        .route("/detected_fields", asked(detected::fields))
        .route("/detected_field/{name}/values", asked(detected::values))
        .route("/patterns", asked(detected::patterns))
        .route("/tail", get(tail::tail))
        .route(
            "/delete",
            post(delete::request).put(delete::request).get(delete::list).delete(delete::cancel),
        )
        .route("/drilldown-limits", get(status::drilldown_limits))
        .route("/status/buildinfo", get(status::build))
        .route("/cache/generation_numbers", get(status::cache_generation_numbers))
        .route("/rules", get(status::rules))
        .route("/rules/{namespace}", get(status::no_rules))
        .route("/rules/{namespace}/{group}", get(status::no_rules))
        .fallback(any(status::not_found))
}

/// The older paths of the same.
fn legacy() -> Router<Arc<App>> {
    Router::new()
        .route("/push", post(push::push_legacy))
        .route("/query", asked(query::legacy))
        .route("/tail", get(tail::legacy))
        .route("/label", asked(labels::legacy_names))
        .route("/label/{name}/values", asked(labels::legacy_values))
        .route("/series", asked(labels::series))
        .route("/rules", get(status::rules))
        .route("/rules/{namespace}", get(status::no_rules))
        .route("/rules/{namespace}/{group}", get(status::no_rules))
        .fallback(any(status::not_found))
}

/// Both ways of asking.
fn asked<H, T>(handler: H) -> MethodRouter<Arc<App>>
where
    H: axum::handler::Handler<T, Arc<App>>,
    T: 'static,
{
    get(handler.clone()).post(handler)
}

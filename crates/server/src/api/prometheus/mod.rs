//! Prometheus: its HTTP API of release 3.14, remote write and read, federation, and the paths by
//! which it is managed. What each path does and where it differs: `docs/compat/prometheus.md`.

mod error;
mod handlers;
mod json;
mod openapi;
mod params;
mod tree;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, get, post};

use self::handlers::{about, admin, federate, metadata, query, read, status, targets, write};
use crate::app::App;

/// Where it is mounted beside the root.
pub(crate) const PREFIX: &str = "/prometheus";

/// All paths; the server's own `/metrics` belongs to another surface.
pub(crate) fn routes(app: &Arc<App>) -> Router {
    Router::new()
        .nest("/api/v1", api(app))
        .route("/federate", get(federate::federate))
        .route("/-/healthy", get(status::healthy))
        .route("/-/ready", get(status::ready))
        .route("/-/reload", admin_path(targets::reload))
        .route("/-/quit", admin_path(status::quit))
        .route("/graph", get(status::graph))
        .route("/version", get(status::version))
        .with_state(Arc::clone(app))
}

/// The same below [`PREFIX`], where nothing else is.
pub(crate) fn prefixed_routes(app: &Arc<App>) -> Router {
    routes(app).fallback(status::not_offered)
}

fn api(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/query", get(query::instant).post(query::instant))
        .route("/query_range", get(query::range).post(query::range))
        .route("/query_exemplars", get(query::exemplars).post(query::exemplars))
        .route("/format_query", get(query::format).post(query::format))
        .route("/parse_query", get(query::tree).post(query::tree))
        .route("/series", get(metadata::series).post(metadata::series))
        .route("/labels", get(metadata::label_names).post(metadata::label_names))
        .route("/label/{name}/values", get(metadata::label_values))
        .route("/metadata", get(metadata::families))
        .route("/targets", get(targets::list))
        .route("/targets/metadata", get(targets::metadata))
        .route("/targets/relabel_steps", get(targets::relabel_steps))
        .route("/scrape_pools", get(targets::pools))
        .route("/scrape_pools/config", get(targets::pool_config))
        .route("/rules", get(status::rules))
        .route("/alerts", get(status::alerts))
        .route("/alertmanagers", get(status::alertmanagers))
        .route("/notifications", get(status::notifications))
        .route("/notifications/live", get(about::live))
        .route("/status/buildinfo", get(status::build))
        .route("/status/runtimeinfo", get(status::runtime))
        .route("/status/config", get(status::config))
        .route("/status/flags", get(status::flags))
        .route("/status/tsdb", get(status::tsdb))
        .route("/status/tsdb/blocks", get(status::blocks))
        .route("/status/walreplay", get(status::replay))
        .route("/status/self_metrics", get(about::self_metrics))
        .route("/features", get(about::features))
        .route("/openapi.yaml", get(about::openapi))
        .route("/search/{what}", get(about::search).post(about::search))
        .route("/write", post(write::remote_write))
        .route("/read", post(read::read))
        .route("/import/prometheus", post(write::import))
        .route("/admin/tsdb/delete_series", admin_path(admin::delete_series))
        .route("/admin/tsdb/clean_tombstones", admin_path(admin::clean_tombstones))
        .route("/admin/tsdb/snapshot", admin_path(admin::snapshot))
        .fallback(status::not_offered)
        .with_state(Arc::clone(app))
}

fn admin_path<H, T>(handler: H) -> MethodRouter<Arc<App>>
where
    H: axum::handler::Handler<T, Arc<App>>,
    T: 'static,
{
    post(handler.clone()).put(handler)
}

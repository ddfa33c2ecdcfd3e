//! Prometheus: its HTTP API of release 3.14, remote write and read, federation, and the paths by
//! which it is managed. What each path does and where it differs: `docs/compat/prometheus.md`.

mod error;
mod handlers;
mod json;
mod params;
mod tree;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, get, post};

use self::handlers::{metadata, query, read, status, write};
use crate::app::App;

/// Where it is mounted beside the root.
pub(crate) const PREFIX: &str = "/prometheus";

/// All paths; the server's own `/metrics` belongs to another surface.
pub(crate) fn routes(app: &Arc<App>) -> Router {
    Router::new()
        .nest("/api/v1", api(app))
        .route("/-/healthy", get(status::healthy))
        .route("/-/ready", get(status::ready))
        .route("/version", get(status::version))
        .with_state(Arc::clone(app))
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
        .route("/rules", get(status::rules))
        .route("/alerts", get(status::alerts))
        .route("/alertmanagers", get(status::alertmanagers))
        .route("/notifications", get(status::notifications))
        .route("/status/buildinfo", get(status::build))
        .route("/status/tsdb", get(status::tsdb))
        .route("/status/walreplay", get(status::replay))
        .route("/write", post(write::remote_write))
        .route("/read", post(read::read))
        .with_state(Arc::clone(app))
}

fn admin_path<H, T>(handler: H) -> MethodRouter<Arc<App>>
where
    H: axum::handler::Handler<T, Arc<App>>,
    T: 'static,
{
    post(handler.clone()).put(handler)
}

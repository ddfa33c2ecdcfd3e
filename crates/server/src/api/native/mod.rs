//! The native API, which the web UI and the terminal use. Its OpenAPI document is generated from
//! the handlers and shapes here.

mod dto;
mod error;
mod handlers;
mod params;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use utoipa::OpenApi as _;

use crate::app::App;

/// Where it is mounted.
pub const BASE: &str = "/api/watchkeep/v1";

/// All paths, below [`BASE`].
pub(crate) fn routes(app: &Arc<App>) -> Router {
    Router::new()
        .route("/traces", get(handlers::traces::list))
        .route("/traces/{trace_id}", get(handlers::traces::one))
        .route("/traces/{trace_id}/analysis", get(handlers::analysis::trace))
        .route("/traces/compare", get(handlers::analysis::compare))
        .route("/traces/lift", get(handlers::analysis::lift))
        .route("/operations", get(handlers::analysis::operations))
        .route("/services/map", get(handlers::analysis::service_map))
        .route("/services", get(handlers::traces::services))
        .route("/logs", get(handlers::logs::list))
        .route("/logs/push", post(handlers::push::lines))
        .route("/logs/histogram", get(handlers::logs::histogram))
        .route("/metrics", get(handlers::metrics::list))
        .route("/metrics/labels", get(handlers::metrics::labels))
        .route("/metrics/series", get(handlers::metrics::series))
        .route("/openapi.json", get(handlers::openapi))
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::wrong_method)
        .with_state(Arc::clone(app))
}

/// The OpenAPI document, indented, with a newline at its end.
pub fn openapi_json() -> String {
    let mut text = Document::openapi()
        .to_pretty_json()
        .expect("a document made of strings and maps with text keys is JSON");
    text.push('\n');
    text
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Watchkeep native API",
        description = "Instants in answers are strings of nanoseconds since the Unix epoch, \
                       durations are numbers of nanoseconds. The header X-Scope-OrgID picks the \
                       tenant; without it, it is `default`. Unknown parameters are errors.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/api/watchkeep/v1")),
    paths(
        handlers::traces::list,
        handlers::traces::one,
        handlers::traces::services,
        handlers::analysis::trace,
        handlers::analysis::compare,
        handlers::analysis::lift,
        handlers::analysis::operations,
        handlers::analysis::service_map,
        handlers::logs::list,
        handlers::logs::histogram,
        handlers::push::lines,
        handlers::metrics::list,
        handlers::metrics::labels,
        handlers::metrics::series,
    )
)]
struct Document;

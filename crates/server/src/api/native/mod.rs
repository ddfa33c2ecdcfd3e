//! The native API, which the web UI and the terminal use. Its OpenAPI document is generated from
//! the handlers and shapes here.

mod agent_params;
mod dto;
mod error;
mod handlers;
mod params;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post};
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
        .route("/agents", get(handlers::agents::list))
        .route("/agents/dialects", get(handlers::agents::dialects))
        .route("/agents/{agent}", get(handlers::agents::one))
        .route("/runs", get(handlers::runs::list))
        .route("/sessions", get(handlers::runs::sessions))
        .route("/sessions/{id}", get(handlers::runs::session))
        .route("/events", get(handlers::runs::events))
        .route("/traces/{trace_id}/steps", get(handlers::steps::steps))
        .route("/traces/{trace_id}/cost", get(handlers::steps::cost))
        .route("/traces/{trace_id}/graph", get(handlers::steps::graph))
        .route("/costs", get(handlers::costs::costs))
        .route("/report", get(handlers::costs::report))
        .route("/feedback", get(handlers::feedback::list).post(handlers::feedback::give))
        .route("/feedback/summary", get(handlers::feedback::summary))
        .route("/feedback/themes", get(handlers::feedback::themes))
        .route("/feedback/{id}", delete(handlers::feedback::delete))
        .route("/prices", get(handlers::prices::list))
        .route("/prices/match", get(handlers::prices::matching))
        .route("/prices/unpriced", get(handlers::prices::unpriced))
        .route("/prices/overrides", get(handlers::prices::overrides))
        .route(
            "/prices/overrides/{*key}",
            get(handlers::prices::one_override)
                .put(handlers::prices::set_override)
                .delete(handlers::prices::delete_override),
        )
        .route("/prices/reload", post(handlers::prices::reload))
        .route("/prices/reprice", post(handlers::prices::reprice))
        .route("/budgets", get(handlers::budgets::list).post(handlers::budgets::create))
        .route("/budgets/check", post(handlers::budgets::check))
        .route("/budgets/events", get(handlers::budgets::events))
        .route(
            "/budgets/reservations/{id}",
            post(handlers::budgets::settle).delete(handlers::budgets::release),
        )
        .route(
            "/budgets/{id}",
            get(handlers::budgets::one)
                .put(handlers::budgets::replace)
                .delete(handlers::budgets::delete),
        )
        .route("/budgets/{id}/status", get(handlers::budgets::status))
        .route("/health", get(handlers::health::all))
        .route("/health/host", get(handlers::health::host))
        .route("/health/checks", get(handlers::health::checks))
        .route("/health/checks/{name}", get(handlers::health::check))
        .route("/health/checks/{name}/run", post(handlers::health::run))
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
        handlers::agents::list,
        handlers::agents::one,
        handlers::agents::dialects,
        handlers::runs::list,
        handlers::runs::sessions,
        handlers::runs::session,
        handlers::runs::events,
        handlers::steps::steps,
        handlers::steps::cost,
        handlers::steps::graph,
        handlers::costs::costs,
        handlers::costs::report,
        handlers::logs::list,
        handlers::logs::histogram,
        handlers::push::lines,
        handlers::metrics::list,
        handlers::metrics::labels,
        handlers::metrics::series,
        handlers::feedback::give,
        handlers::feedback::list,
        handlers::feedback::delete,
        handlers::feedback::summary,
        handlers::feedback::themes,
        handlers::prices::list,
        handlers::prices::matching,
        handlers::prices::unpriced,
        handlers::prices::overrides,
        handlers::prices::one_override,
        handlers::prices::set_override,
        handlers::prices::delete_override,
        handlers::prices::reload,
        handlers::prices::reprice,
        handlers::budgets::list,
        handlers::budgets::create,
        handlers::budgets::one,
        handlers::budgets::replace,
        handlers::budgets::delete,
        handlers::budgets::status,
        handlers::budgets::check,
        handlers::budgets::settle,
        handlers::budgets::release,
        handlers::budgets::events,
        handlers::health::all,
        handlers::health::host,
        handlers::health::checks,
        handlers::health::check,
        handlers::health::run,
    )
)]
struct Document;

//! What the server says about itself, in the shapes of Tempo.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use prometheus::{Encoder as _, TextEncoder};
use serde_json::json;
use watchkeep_engine::Phase;
use watchkeep_model::Error;

use super::super::error::ApiError;
use super::answer;
use crate::app::App;

/// The version of Tempo that this surface follows.
const TEMPO_VERSION: &str = "3.0.0";

/// What can be asked, for people.
const ENDPOINTS: &str = "GET /api/echo
GET /api/traces/{traceID}
GET /api/v2/traces/{traceID}
GET /api/search
GET /api/search/tags
GET /api/search/tag/{tagName}/values
GET /api/v2/search/tags
GET /api/v2/search/tag/{tagName}/values
GET /api/metrics/query
GET /api/metrics/query_range
GET /api/status/buildinfo
GET /status/{version,services,endpoints,config}
gRPC tempopb.StreamingQuerier
";

const TEXT: &str = "text/plain; charset=utf-8";

/// `echo`, by which Grafana tells whether a data source works.
pub(in super::super) async fn echo() -> Response {
    answer(TEXT, "echo")
}

/// `/ready`
pub(in super::super) async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.engine.phase() {
        Phase::Ready => answer(TEXT, "ready\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response(),
    }
}

/// The server's own metrics.
pub(in super::super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    match encoder.encode(&app.registry.gather(), &mut text) {
        Ok(()) => {
            ([(header::CONTENT_TYPE, encoder.format_type().to_owned())], text).into_response()
        }
        Err(failed) => {
            let failed = Error::internal("cannot write metrics as text").with_source(failed);
            ApiError::from(failed).respond(&app)
        }
    }
}

/// `buildinfo`: the version is that of the API, the revision is this program's.
pub(in super::super) async fn build(State(app): State<Arc<App>>) -> Response {
    let info = json!({
        "version": TEMPO_VERSION,
        "revision": app.about.commit,
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
        "watchkeepVersion": app.about.version,
    });
    answer("application/json", info.to_string())
}

/// `/status/version`
pub(in super::super) async fn version(State(app): State<Arc<App>>) -> Response {
    answer(TEXT, version_text(&app))
}

fn version_text(app: &App) -> String {
    format!("tempo API, version {TEMPO_VERSION} (watchkeep {})\n", app.about.version)
}

/// `/status/services`
pub(in super::super) async fn services(State(app): State<Arc<App>>) -> Response {
    answer(TEXT, services_text(&app))
}

fn services_text(app: &App) -> String {
    let state = match app.engine.phase() {
        Phase::Ready => "Running",
        Phase::Recovering(_) => "Starting",
        Phase::Stopping => "Stopping",
        Phase::Failed(_) => "Failed",
    };
    ["distributor", "live-store", "querier", "query-frontend", "store"]
        .iter()
        .fold(String::new(), |text, name| text + name + " => " + state + "\n")
}

/// `/status/endpoints`
pub(in super::super) async fn endpoints() -> Response {
    answer(TEXT, ENDPOINTS)
}

/// `/status/config`: the settings of this surface in force.
pub(in super::super) async fn config(State(app): State<Arc<App>>) -> Response {
    answer(TEXT, config_text(&app))
}

fn config_text(app: &App) -> String {
    let mut text = String::from("traces:\n");
    if let Ok(serde_json::Value::Object(settings)) =
        serde_json::to_value(app.engine.traces_config())
    {
        for (name, value) in settings {
            let _infallible = writeln!(text, "  {name}: {value}");
        }
    }
    text
}

/// `/status`: all of it.
pub(in super::super) async fn all(State(app): State<Arc<App>>) -> Response {
    let parts = [version_text(&app), services_text(&app), ENDPOINTS.to_owned(), config_text(&app)];
    answer(TEXT, parts.join("\n"))
}

/// Overrides that a user may set are not offered.
pub(in super::super) async fn no_overrides() -> Response {
    let why = "user-configurable overrides are not offered; limits are in the configuration\n";
    (StatusCode::NOT_FOUND, why).into_response()
}

/// The server of tools for language models is not offered.
pub(in super::super) async fn no_mcp() -> Response {
    (StatusCode::NOT_FOUND, "the MCP server is not offered on this surface\n").into_response()
}

/// A path that is not there.
pub(in super::super) async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "404 page not found\n").into_response()
}

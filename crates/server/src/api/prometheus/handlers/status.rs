//! What the server says about itself, in the shapes of Prometheus.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use watchkeep_engine::Phase;

use super::super::error::ApiError;
use super::super::params::Call;
use super::{Answer, answer_json};
use crate::app::App;

/// The release of Prometheus whose API this is. Clients switch features on by it.
const API_VERSION: &str = "3.14.0";
/// Items of one list of `status/tsdb` at most, and by default.
const CARDINALITY_MAX: usize = 10_000;
const CARDINALITY_DEFAULT: usize = 10;

/// `status/buildinfo`
pub(in super::super) async fn build(State(app): State<Arc<App>>) -> Response {
    shown(
        &app,
        answer_json(&json!({
            "version": API_VERSION,
            "revision": app.about.commit,
            "branch": format!("watchkeep-{}", app.about.version),
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        })),
    )
}

/// `status/walreplay`
pub(in super::super) async fn replay(State(app): State<Arc<App>>) -> Response {
    // How far it is in bytes is told on `/ready`; here it is done or not.
    let current = u8::from(!matches!(app.engine.phase(), Phase::Recovering(_)));
    shown(&app, answer_json(&json!({ "min": 0, "max": 1, "current": current })))
}

/// `rules`: there is no alerting yet.
pub(in super::super) async fn rules(State(app): State<Arc<App>>) -> Response {
    shown(&app, answer_json(&json!({ "groups": [] })))
}

/// `alerts`: there is no alerting yet.
pub(in super::super) async fn alerts(State(app): State<Arc<App>>) -> Response {
    shown(&app, answer_json(&json!({ "alerts": [] })))
}

/// `alertmanagers`: there is no alerting yet.
pub(in super::super) async fn alertmanagers(State(app): State<Arc<App>>) -> Response {
    let none = json!({ "activeAlertmanagers": [], "droppedAlertmanagers": [] });
    shown(&app, answer_json(&none))
}

/// `notifications`: there are none.
pub(in super::super) async fn notifications(State(app): State<Arc<App>>) -> Response {
    shown(&app, answer_json(&json!([])))
}

/// `/-/healthy`
pub(in super::super) async fn healthy() -> Response {
    "Watchkeep is Healthy.\n".into_response()
}

/// `/-/ready`
pub(in super::super) async fn ready(State(app): State<Arc<App>>) -> Response {
    if app.engine.phase() == Phase::Ready {
        return "Watchkeep is Ready.\n".into_response();
    }
    let stopping = [("x-prometheus-stopping", (app.engine.phase() == Phase::Stopping).to_string())];
    (StatusCode::SERVICE_UNAVAILABLE, stopping, "Service Unavailable").into_response()
}

/// `/version`
pub(in super::super) async fn version(State(app): State<Arc<App>>) -> Response {
    axum::Json(json!({ "version": API_VERSION, "revision": app.about.commit })).into_response()
}

fn shown(app: &App, answered: Answer) -> Response {
    answered.unwrap_or_else(|error| error.respond(app))
}

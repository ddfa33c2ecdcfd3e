//! What the server says about itself, in the shapes of Prometheus.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::{Value, json};
use watchkeep_engine::Phase;
use watchkeep_storage::seam::{CardinalityRequest, Count};

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

/// `status/tsdb`
pub(in super::super) async fn tsdb(State(app): State<Arc<App>>, request: Request) -> Response {
    let answered = answer_tsdb(&app, request).await;
    shown(&app, answered)
}

async fn answer_tsdb(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let limit = match call.get("limit") {
        "" => CARDINALITY_DEFAULT,
        text => match text.parse::<usize>() {
            Ok(limit) if limit > CARDINALITY_MAX => {
                let message = format!("limit must not exceed {CARDINALITY_MAX}");
                return Err(ApiError::bad_data(message));
            }
            Ok(limit) if limit > 0 => limit,
            _ => return Err(ApiError::bad_data("limit must be a positive number")),
        },
    };
    let (start_ms, end_ms) = call.range()?;
    let matchers = call.selectors()?.into_iter().next().unwrap_or_default();
    let request = CardinalityRequest { matchers, start_ms, end_ms, limit };
    let stats = app.engine.cardinality(&call.tenant, request).await?;
    let counts = |list: &[Count]| -> Vec<Value> {
        list.iter().map(|one| json!({ "name": one.name, "value": one.count })).collect()
    };
    // As Prometheus says it of an empty head.
    let (min_ms, max_ms) = stats.head.time_range_ms.unwrap_or((i64::MAX, i64::MIN));
    answer_json(&json!({
        "headStats": {
            // Of Prometheus' head, which holds hours; here a series may be on disk after minutes.
            "numSeries": stats.series,
            "numLabelPairs": stats.label_pairs,
            "chunkCount": stats.head.chunks,
            "minTime": min_ms,
            "maxTime": max_ms,
        },
        "seriesCountByMetricName": counts(&stats.series_by_metric),
        "labelValueCountByLabelName": counts(&stats.values_by_label),
        "memoryInBytesByLabelName": counts(&stats.bytes_by_label),
        "seriesCountByLabelValuePair": counts(&stats.series_by_pair),
    }))
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

//! What the server says about itself, in the shapes of Loki.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use prometheus::{Encoder as _, TextEncoder};
use serde_json::json;
use watchkeep_engine::Phase;
use watchkeep_model::Error;

use super::super::error::ApiError;
use super::json as answer_json;
use crate::app::App;

/// The release of Loki whose API this is. Clients switch features on by it.
const API_VERSION: &str = "3.8.0";

/// Parts of the server, for `services`.
const SERVICES: [&str; 4] = ["server", "store", "ingest", "query"];

/// `status/buildinfo`
pub(in super::super) async fn build(State(app): State<Arc<App>>) -> Response {
    let answer = json!({
        "version": API_VERSION,
        "revision": app.about.commit,
        "branch": format!("watchkeep-{}", app.about.version),
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    });
    answer_json(answer.to_string().into_bytes())
}

/// Whether the store has recovered and takes what comes.
pub(in super::super) async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.engine.phase() {
        Phase::Ready => "ready\n".into_response(),
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

/// `config`: the settings of this surface in force, as YAML.
pub(in super::super) async fn config(State(app): State<Arc<App>>) -> Response {
    let loki = app.engine.loki();
    let mut yaml = String::from("limits_config:\n");
    // Writing to a string can not fail.
    let _infallible = write!(
        yaml,
        "  max_entries_limit_per_query: {}\n  max_query_series: {}\n  query_timeout: {}\n  \
         max_concurrent_tail_requests: {}\n  discover_log_levels: {}\n  discover_service_name: {}\n  \
         allow_structured_metadata: true\n  volume_enabled: true\n",
        loki.query_entries_max,
        loki.query_series_max,
        app.engine.limits().query_timeout,
        loki.tails_max,
        loki.discover_log_levels,
        if loki.discover_service_name {
            json!(loki.service_name_labels).to_string()
        } else {
            "[]".to_owned()
        },
    );
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], yaml).into_response()
}

/// `services`: the parts of this process, and whether they run.
pub(in super::super) async fn services(State(app): State<Arc<App>>) -> Response {
    let state = match app.engine.phase() {
        Phase::Ready => "Running",
        Phase::Recovering(_) => "Starting",
        Phase::Stopping => "Stopping",
        Phase::Failed(_) => "Failed",
    };
    let lines = SERVICES.map(|name| format!("{name} => {state}\n"));
    let text = lines.concat();
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// `log_level`: what the server's own log shows is set when it starts.
pub(in super::super) async fn log_level() -> Response {
    let answer = json!({ "message": "the log level is set with log.level at the start" });
    answer_json(answer.to_string().into_bytes())
}

/// `ring`: one process, so one member.
pub(in super::super) async fn ring(State(app): State<Arc<App>>) -> Response {
    let state = if app.engine.phase() == Phase::Ready { "ACTIVE" } else { "JOINING" };
    let answer = json!({
        "shards": [{ "id": "watchkeep", "state": state, "address": "", "zone": "", "tokens": [] }],
        "now": super::rfc3339(app.engine.clock().now_ns()),
    });
    answer_json(answer.to_string().into_bytes())
}

/// `drilldown-limits`: what Grafana's Logs Drilldown may ask for.
pub(in super::super) async fn drilldown_limits(State(app): State<Arc<App>>) -> Response {
    let loki = app.engine.loki();
    let fields = if loki.discover_service_name { &loki.service_name_labels[..] } else { &[] };
    let answer = json!({
        "limits": {
            "discover_log_levels": loki.discover_log_levels,
            "discover_service_name": fields,
            "log_level_fields": watchkeep_engine::logs::LEVEL_NAMES,
            "max_entries_limit_per_query": loki.query_entries_max,
            "max_line_size_truncate": false,
            "max_query_bytes_read": "0B",
            "max_query_length": "0s",
            "max_query_lookback": "0s",
            "max_query_range": "0s",
            "max_query_series": loki.query_series_max,
            "metric_aggregation_enabled": false,
            "pattern_persistence_enabled": false,
            "query_timeout": app.engine.limits().query_timeout.to_string(),
            "retention_period": app.about.retention,
            "volume_enabled": true,
            "volume_max_series": loki.query_series_max,
        },
        "pattern_ingester_enabled": true,
        "version": API_VERSION,
        "maxDetectedFields": 1000,
        "maxDetectedValues": 1000,
        "maxLabelValues": 1000,
        "maxLabels": 1000,
    });
    answer_json(answer.to_string().into_bytes())
}

/// `cache/generation_numbers`: nothing is cached that a deletion would make wrong.
pub(in super::super) async fn cache_generation_numbers() -> Response {
    answer_json(br#"{"store":"","results":""}"#.to_vec())
}

/// `rules`: there are none.
pub(in super::super) async fn rules() -> Response {
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], NO_RULES)
        .into_response()
}

/// A namespace or group of rules: there is none.
pub(in super::super) async fn no_rules() -> Response {
    rules().await
}

/// The rules of alerting in Prometheus' shape: there are none.
pub(in super::super) async fn ruler_rules() -> Response {
    answer_json(br#"{"status":"success","data":{"groups":[]}}"#.to_vec())
}

/// The alerts in Prometheus' shape: there are none.
pub(in super::super) async fn ruler_alerts() -> Response {
    answer_json(br#"{"status":"success","data":{"alerts":[]}}"#.to_vec())
}

/// What Loki's ruler says where a tenant has no rules; Grafana takes it for an empty list.
const NO_RULES: &str = "no rule groups found\n";

/// A path that is not offered.
pub(in super::super) async fn not_found(_: Request) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (StatusCode::NOT_FOUND, headers, "404 page not found\n").into_response()
}

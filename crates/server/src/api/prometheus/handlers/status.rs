//! What the server says about itself, in the shapes of Prometheus.

use std::sync::Arc;

use axum::extract::{OriginalUri, Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use watchkeep_engine::Phase;
use watchkeep_storage::seam::{CardinalityRequest, Count, MetricPart};

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

/// `status/runtimeinfo`
pub(in super::super) async fn runtime(State(app): State<Arc<App>>) -> Response {
    let started = rfc3339(app.started_ns);
    let now = rfc3339(app.engine.clock().now_ns());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let reload = app.scraping.last_reload();
    shown(
        &app,
        answer_json(&json!({
            "startTime": &started,
            "serverTime": now,
            "CWD": std::env::current_dir().unwrap_or_default().display().to_string(),
            "hostname": rustix::system::uname().nodename().to_string_lossy(),
            "reloadConfigSuccess": reload.succeeded,
            "lastConfigTime": reload.applied_ns.map_or_else(|| started.clone(), rfc3339),
            "corruptionCount": 0,
            "goroutineCount": 0,
            "GOMAXPROCS": cores,
            "GOMEMLIMIT": 0,
            "GOGC": "",
            "GODEBUG": "",
            "storageRetention": app.about.retention,
        })),
    )
}

/// `status/config`
pub(in super::super) async fn config(State(app): State<Arc<App>>) -> Response {
    let yaml = app.scraping.config().to_yaml().map_err(ApiError::from);
    shown(&app, yaml.and_then(|yaml| answer_json(&json!({ "yaml": yaml }))))
}

/// `status/flags`
pub(in super::super) async fn flags(State(app): State<Arc<App>>) -> Response {
    let data_dir = app.about.data_dir.display().to_string();
    let limits = app.engine.limits();
    shown(
        &app,
        answer_json(&json!({
            "config.file": app.scraping.file().map_or_else(String::new, |file| file.display().to_string()),
            "query.lookback-delta": "5m",
            "query.max-concurrency": limits.queries_max.to_string(),
            "query.max-samples": limits.query_samples_max.to_string(),
            "query.timeout": limits.query_timeout.to_string(),
            "storage.tsdb.path": data_dir,
            "storage.tsdb.retention.time": app.about.retention,
            "web.enable-admin-api": app.config.admin_api.to_string(),
            "web.enable-lifecycle": app.config.lifecycle_api.to_string(),
            "web.enable-otlp-receiver": "true",
            "web.enable-remote-write-receiver": "true",
            "web.listen-address": app.config.listen,
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

/// `status/tsdb/blocks`
pub(in super::super) async fn blocks(State(app): State<Arc<App>>, request: Request) -> Response {
    let answered = answer_blocks(&app, request).await;
    shown(&app, answered)
}

async fn answer_blocks(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let parts = app.engine.metric_parts(&call.tenant).await?;
    let blocks = parts.iter().map(|part| {
        let ulid = ulid(part);
        json!({
            "ulid": &ulid,
            "minTime": part.start_ms,
            // Of a block the end is outside.
            "maxTime": part.end_ms.saturating_add(1),
            // A part holds a page of each series where a block holds chunks.
            "stats": {
                "numSamples": part.samples, "numSeries": part.series, "numChunks": part.series,
            },
            "compaction": { "level": 1, "sources": [ulid] },
            "version": 1,
        })
    });
    answer_json(&json!({ "blocks": blocks.collect::<Vec<_>>() }))
}

/// A ULID (Crockford's base 32 of 128 bits) of a part's first millisecond and its number.
fn ulid(part: &MetricPart) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let start = u128::try_from(part.start_ms).unwrap_or(0) & ((1 << 48) - 1);
    let bits = start << 80 | u128::from(part.id);
    (0..26).rev().map(|place| char::from(DIGITS[(bits >> (5 * place)) as usize & 31])).collect()
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

/// `/-/quit`: a process is stopped by its signal.
pub(in super::super) async fn quit() -> Response {
    (StatusCode::FORBIDDEN, "Not offered over HTTP: send the process a SIGTERM.").into_response()
}

/// `/graph`, which links in alerts and dashboards lead to: the page that shows its queries.
pub(in super::super) async fn graph(request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let pairs: Vec<(String, String)> = serde_html_form::from_str(query).unwrap_or_default();
    let queries: Vec<(&str, &str)> = pairs
        .iter()
        .filter(|(name, _)| name.strip_suffix(".expr").is_some_and(|pane| pane.starts_with('g')))
        .map(|(_, query)| ("expr", &**query))
        .collect();
    let query = serde_html_form::to_string(queries).unwrap_or_default();
    Redirect::temporary(&format!("/explore/metrics?{query}")).into_response()
}

/// Any other path.
pub(in super::super) async fn not_offered(OriginalUri(uri): OriginalUri) -> Response {
    let path: String = uri.path().chars().take(128).collect();
    ApiError::not_found(format!("no path {path}")).into_response()
}

/// `/version`
pub(in super::super) async fn version(State(app): State<Arc<App>>) -> Response {
    axum::Json(json!({ "version": API_VERSION, "revision": app.about.commit })).into_response()
}

fn rfc3339(instant_ns: i64) -> String {
    Timestamp::from_nanosecond(i128::from(instant_ns))
        .map_or_else(|_| instant_ns.to_string(), |timestamp| timestamp.to_string())
}

fn shown(app: &App, answered: Answer) -> Response {
    answered.unwrap_or_else(|error| error.respond(app))
}

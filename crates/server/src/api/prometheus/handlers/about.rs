//! What clients ask to learn what the server can: features, its own metrics as JSON, a description
//! of the API, and the stream of notifications.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, header};
use prometheus::proto::{Metric, MetricFamily, MetricType};
use serde_json::{Map, Value, json};
use watchkeep_model::Pattern;
use watchkeep_promql::functions::FUNCTIONS;

use super::super::error::ApiError;
use super::super::openapi;
use super::super::params::Call;
use super::{Answer, answer_json};
use crate::app::App;

/// `features`: what of Prometheus 3.14 is switched on, in its categories. What is off is left out.
pub(in super::super) async fn features(State(app): State<Arc<App>>) -> Response {
    let on = |names: &[&str]| -> Value {
        names
            .iter()
            .map(|name| ((*name).to_owned(), Value::Bool(true)))
            .collect::<Map<_, _>>()
            .into()
    };
    let functions: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
    let mut api = vec![
        "exclude_alerts",
        "label_values_match",
        "otlp_write_receiver",
        "query_warnings",
        "remote_write_receiver",
        "time_range_labels",
        "time_range_series",
    ];
    api.extend(app.config.admin_api.then_some("admin"));
    api.extend(app.config.lifecycle_api.then_some("lifecycle"));
    let features = json!({
        "api": on(&api),
        "otlp_receiver": on(&["delta_conversion"]),
        "prometheus": on(&["server_mode"]),
        "promql": on(&[
            "anchored", "at_modifier", "bool", "by", "duration_expr", "fill", "fill_left",
            "fill_right", "group_left", "group_right", "ignoring", "negative_offset", "offset", "on",
            "per_query_lookback_delta", "smoothed", "subqueries", "type_and_unit_labels", "without",
        ]),
        "promql_functions": on(&functions),
        "promql_operators": on(&[
            "!=", "!~", "%", "*", "+", "-", "/", "<", "<=", "=", "==", "=~", ">", ">=", "@", "^",
            "and", "atan2", "avg", "bottomk", "count", "count_values", "group", "limit_ratio",
            "limitk", "max", "min", "or", "quantile", "stddev", "stdvar", "sum", "topk", "unless",
        ]),
        "scrape": on(&["extra_scrape_metrics", "start_timestamp_zero_ingestion"]),
        "service_discovery_providers": on(&[
            "consul", "dns", "docker", "file", "http", "kubernetes", "static",
        ]),
        "tsdb": on(&["exemplar_storage", "native_histograms", "out_of_order"]),
    });
    answer_json(&features).unwrap_or_else(|error| error.respond(&app))
}

/// `status/self_metrics`
pub(in super::super) async fn self_metrics(
    State(app): State<Arc<App>>,
    request: Request,
) -> Response {
    answer_self_metrics(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_self_metrics(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let wanted = match call.get("metric_name_pattern") {
        "" => None,
        text => Some(Pattern::anchored(text).map_err(|error| {
            ApiError::bad_data(format!("invalid metric_name_pattern: {error}"))
        })?),
    };
    let families = app.registry.gather();
    let families = families
        .iter()
        .filter(|family| wanted.as_ref().is_none_or(|wanted| wanted.is_match(family.name())));
    answer_json(&families.map(family).collect())
}

/// A family as ProtoJSON writes `io.prometheus.client.MetricFamily`.
fn family(family: &MetricFamily) -> Value {
    let (kind, key) = match family.get_field_type() {
        MetricType::COUNTER => ("COUNTER", "counter"),
        MetricType::GAUGE => ("GAUGE", "gauge"),
        MetricType::SUMMARY => ("SUMMARY", "summary"),
        MetricType::HISTOGRAM => ("HISTOGRAM", "histogram"),
        MetricType::UNTYPED => ("UNTYPED", "untyped"),
    };
    let metrics: Vec<Value> = family
        .get_metric()
        .iter()
        .map(|metric| json!({ "label": labels(metric), key: figures(metric, family.get_field_type()) }))
        .collect();
    json!({ "name": family.name(), "help": family.help(), "type": kind, "metric": metrics })
}

fn labels(metric: &Metric) -> Vec<Value> {
    let pairs = metric.get_label().iter();
    pairs.map(|pair| json!({ "name": pair.name(), "value": pair.value() })).collect()
}

/// 64-bit integers are texts in ProtoJSON.
fn figures(metric: &Metric, kind: MetricType) -> Value {
    match kind {
        MetricType::HISTOGRAM => {
            let histogram = metric.get_histogram();
            let buckets: Vec<Value> = histogram
                .get_bucket()
                .iter()
                .map(|bucket| {
                    json!({
                        "cumulativeCount": bucket.cumulative_count().to_string(),
                        "upperBound": number(bucket.upper_bound()),
                    })
                })
                .collect();
            json!({
                "sampleCount": histogram.get_sample_count().to_string(),
                "sampleSum": number(histogram.get_sample_sum()),
                "bucket": buckets,
            })
        }
        MetricType::COUNTER => json!({ "value": number(metric.get_counter().get_value()) }),
        MetricType::GAUGE => json!({ "value": number(metric.get_gauge().get_value()) }),
        // This server has none of the others.
        MetricType::SUMMARY | MetricType::UNTYPED => json!({}),
    }
}

/// Numbers that JSON lacks are texts in ProtoJSON.
fn number(value: f64) -> Value {
    match value {
        value if value.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        value => json!(value),
    }
}

/// `notifications/live`: server-sent events. There is nothing to notify of, so none ever comes; the
/// stream stays open for clients that would otherwise ask again and again.
pub(in super::super) async fn live() -> Response {
    // Something has to be sent for the headers to go out.
    let opening = stream::iter([Ok::<_, std::convert::Infallible>(Bytes::from_static(b":\n\n"))]);
    let stays_open = futures::StreamExt::chain(opening, stream::pending());
    let mut response = Response::new(Body::from_stream(stays_open));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// `search/…`: answers as Prometheus does that was started without `--enable-feature=search-api`.
pub(in super::super) async fn search() -> Response {
    ApiError::unavailable("search API disabled").into_response()
}

/// `openapi.yaml`
pub(in super::super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/yaml; charset=utf-8")], openapi::document())
        .into_response()
}

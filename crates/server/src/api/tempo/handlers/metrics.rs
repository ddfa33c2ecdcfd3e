//! Metric queries: over a range in steps, and as one number a series.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use watchkeep_engine::traces::{MetricSearch, QueryError};
use watchkeep_model::TenantId;
use watchkeep_traceql::ast::Root;
use watchkeep_traceql::eval::metric::{
    MetricAnswer, MetricSeries, Steps, default_step_ns, partial_message,
};

use super::super::convert::key_values;
use super::super::error::ApiError;
use super::super::message::{
    Exemplar, InstantSeries, PARTIAL, QueryInstantRequest, QueryInstantResponse, QueryRangeRequest,
    QueryRangeResponse, Sample, SearchMetrics, TimeSeries,
};
use super::super::params::Call;
use super::{Answer, message};
use crate::app::App;

/// `GET /api/metrics/query_range`
pub(in super::super) async fn range(State(app): State<Arc<App>>, request: Request) -> Response {
    answer_range(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_range(app: &App, request: Request) -> Answer {
    let call = Call::read(app, &request)?;
    let (start_ns, end_ns) = call.bounds()?;
    let unsigned = |value: i64| value.max(0).unsigned_abs();
    let step_ns = call.step()?.unwrap_or_else(|| default_step_ns(start_ns, end_ns));
    let number = |name| call.number(name).ok().flatten().unwrap_or(0);
    let asked = QueryRangeRequest {
        query: query_of(&call),
        start: unsigned(start_ns),
        end: unsigned(end_ns),
        step: unsigned(step_ns),
        exemplars: number("exemplars"),
        max_series: number("maxSeries"),
        instant: None,
    };
    let found = find_range(app, &call.tenant, asked).await?;
    message(call.accepts, &found)
}

/// `GET /api/metrics/query`
pub(in super::super) async fn instant(State(app): State<Arc<App>>, request: Request) -> Response {
    answer_instant(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_instant(app: &App, request: Request) -> Answer {
    let call = Call::read(app, &request)?;
    let (start_ns, end_ns) = call.bounds()?;
    let unsigned = |value: i64| value.max(0).unsigned_abs();
    let (start, end) = (unsigned(start_ns), unsigned(end_ns));
    let asked = QueryInstantRequest { query: query_of(&call), start, end };
    let found = find_instant(app, &call.tenant, asked).await?;
    message(call.accepts, &found)
}

/// Both names are in use.
fn query_of(call: &Call) -> String {
    call.get("q").or_else(|| call.get("query")).unwrap_or_default().to_owned()
}

/// Answers a query over a range.
pub(super) async fn find_range(
    app: &App,
    tenant: &TenantId,
    asked: QueryRangeRequest,
) -> Result<QueryRangeResponse, ApiError> {
    let (start_ns, end_ns) = (signed(asked.start), signed(asked.end));
    let steps = if asked.instant == Some(true) {
        Steps::instant(start_ns, end_ns, app.engine.clock().now_ns())
    } else {
        let step_ns = signed(asked.step);
        Steps::range(start_ns, end_ns, step_ns, app.engine.clock().now_ns())
    };
    let steps = steps.map_err(QueryError::from)?;
    let wanted = (asked.exemplars as usize, asked.max_series as usize);
    let answer = find(app, tenant, &asked.query, steps, wanted).await?;
    let (metrics, status, message) = told(app, &answer);
    let series = answer.series.into_iter().map(time_series).collect();
    Ok(QueryRangeResponse { series, metrics, status, message })
}

/// Answers a query with one number a series.
pub(super) async fn find_instant(
    app: &App,
    tenant: &TenantId,
    asked: QueryInstantRequest,
) -> Result<QueryInstantResponse, ApiError> {
    let (start_ns, end_ns) = (signed(asked.start), signed(asked.end));
    let steps = Steps::instant(start_ns, end_ns, app.engine.clock().now_ns());
    let steps = steps.map_err(QueryError::from)?;
    let answer = find(app, tenant, &asked.query, steps, (0, 0)).await?;
    let (metrics, status, message) = told(app, &answer);
    let series = answer.series.into_iter().filter_map(|series| {
        let (_, value) = *series.samples.first()?;
        Some(InstantSeries { labels: key_values(series.labels), value })
    });
    Ok(QueryInstantResponse { series: series.collect(), metrics, status, message })
}

async fn find(
    app: &App,
    tenant: &TenantId,
    query: &str,
    steps: Steps,
    (exemplars, series_max): (usize, usize),
) -> Result<MetricAnswer, ApiError> {
    let query = app.engine.parse_traceql(query)?;
    if matches!(query.root, Root::Search(_)) {
        return Err(ApiError::bad_request("not a metrics query"));
    }
    let asked = MetricSearch { query, steps, exemplars, series_max };
    Ok(app.engine.span_metric(tenant, asked).await?)
}

/// What is said beside the series.
fn told(app: &App, answer: &MetricAnswer) -> (Option<SearchMetrics>, i32, String) {
    let metrics = SearchMetrics {
        inspected_traces: 0,
        completed_jobs: 1,
        total_jobs: 1,
        inspected_spans: answer.spans,
    };
    if answer.is_partial {
        let series_max = app.engine.traces_config().query_series_max;
        (Some(metrics), PARTIAL, partial_message(series_max))
    } else {
        (Some(metrics), 0, String::new())
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn time_series(series: MetricSeries) -> TimeSeries {
    let samples = series.samples.into_iter();
    let exemplars = series.exemplars.into_iter().map(|exemplar| Exemplar {
        labels: key_values(exemplar.labels),
        value: exemplar.value,
        timestamp_ms: exemplar.timestamp_ms,
    });
    TimeSeries {
        labels: key_values(series.labels),
        samples: samples.map(|(timestamp_ms, value)| Sample { timestamp_ms, value }).collect(),
        exemplars: exemplars.collect(),
    }
}

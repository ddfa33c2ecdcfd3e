//! Metrics.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use watchkeep_engine::query::SeriesFilter;

use super::{Outcome, answer};
use crate::api::native::dto::metrics::{LabelList, MetricList, SeriesList};
use crate::api::native::error::{ApiError, ErrorBody};
use crate::api::native::params::{Call, LabelsParams, MetricsParams, SeriesParams, pairs, range};
use crate::app::App;

const METRICS_LIMIT: usize = 1000;
const SERIES_LIMIT: usize = 100;
const LABEL_VALUES_MAX: usize = 1000;
/// Steps in the range where none is asked for.
const STEPS: i64 = 300;
/// More steps than this in one answer are refused.
const STEPS_MAX: i64 = 11_000;

/// Lists metric names.
#[utoipa::path(
    get, path = "/metrics", tag = "metrics", operation_id = "listMetrics", params(MetricsParams),
    responses(
        (status = 200, description = "Names, with what is known about them", body = MetricList),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn list(
    State(app): State<Arc<App>>,
    Call { tenant, params }: Call<MetricsParams>,
) -> Response {
    let outcome = async {
        let search = params.search.unwrap_or_default();
        let limit = params.limit.map_or(METRICS_LIMIT, |limit| limit.0);
        Ok(MetricList::from(app.engine.metric_names(&tenant, &search, limit).await?))
    };
    answer(&app, outcome.await)
}

/// Lists the labels of a metric's series, with their values.
#[utoipa::path(
    get, path = "/metrics/labels", tag = "metrics", operation_id = "listMetricLabels",
    params(LabelsParams),
    responses(
        (status = 200, description = "Labels with values", body = LabelList),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn labels(
    State(app): State<Arc<App>>,
    Call { tenant, params }: Call<LabelsParams>,
) -> Response {
    let outcome = async {
        let range = range(params.start, params.end, app.engine.clock())?;
        let filter = SeriesFilter { name: params.name, labels: Vec::new(), range };
        Ok(LabelList::from(app.engine.metric_labels(&tenant, &filter, LABEL_VALUES_MAX).await?))
    };
    answer(&app, outcome.await)
}

/// Returns the series of a metric, thinned to the last value of each step.
#[utoipa::path(
    get, path = "/metrics/series", tag = "metrics", operation_id = "listMetricSeries",
    params(SeriesParams),
    responses(
        (status = 200, description = "Series", body = SeriesList),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn series(
    State(app): State<Arc<App>>,
    call: Call<SeriesParams>,
) -> Response {
    let outcome = thinned(&app, call).await;
    answer(&app, outcome)
}

async fn thinned(app: &App, Call { tenant, params }: Call<SeriesParams>) -> Outcome<SeriesList> {
    let range = range(params.start, params.end, app.engine.clock())?;
    let length_ms = (range.end_ns.saturating_sub(range.start_ns) / 1_000_000).max(1);
    let step_ms = match params.step {
        Some(step) => (step.0 / 1_000_000).max(1),
        None => (length_ms + STEPS - 1) / STEPS,
    };
    if length_ms / step_ms > STEPS_MAX {
        let message = format!("makes more than {STEPS_MAX} steps in the range");
        return Err(ApiError::invalid("step", &message));
    }
    let filter = SeriesFilter { name: params.name, labels: pairs(params.label), range };
    let limit = params.limit.map_or(SERIES_LIMIT, |limit| limit.0);
    Ok(app.engine.metric_series(&tenant, &filter, step_ms, limit).await?.into())
}

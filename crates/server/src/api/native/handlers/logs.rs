//! Log records.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use watchkeep_engine::query::{Direction, LogCursor, LogFilter};

use super::{Outcome, answer, cursor};
use crate::api::native::dto::logs::{LogHistogram, LogList};
use crate::api::native::error::ErrorBody;
use crate::api::native::params::{Call, HistogramParams, LogsParams, pairs, range};
use crate::app::App;

const LIMIT: usize = 100;
const BUCKETS: usize = 60;

/// Lists log records, newest first unless asked otherwise.
#[utoipa::path(
    get, path = "/logs", tag = "logs", operation_id = "listLogs", params(LogsParams),
    responses(
        (status = 200, description = "A page of log records", body = LogList),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn list(
    State(app): State<Arc<App>>,
    call: Call<LogsParams>,
) -> Response {
    let outcome = find(&app, call).await;
    answer(&app, outcome)
}

async fn find(app: &App, Call { tenant, params }: Call<LogsParams>) -> Outcome<LogList> {
    let filter = LogFilter {
        range: range(params.start, params.end, app.engine.clock())?,
        service: params.service,
        levels: params.level.iter().map(|level| level.0).collect(),
        text: params.query.filter(|text| !text.is_empty()),
        trace_id: params.trace_id.map(|id| id.0),
        span_id: params.span_id.map(|id| id.0),
        attributes: pairs(params.attribute),
    };
    let after = cursor(params.cursor.as_deref(), |skip| skip.parse().ok())?
        .map(|(time_ns, skip)| LogCursor { time_ns, skip });
    let direction = params.direction.map_or(Direction::Backward, |direction| direction.0);
    let limit = params.limit.map_or(LIMIT, |limit| limit.0);
    let page = app.engine.logs(&tenant, &filter, direction, limit, after).await?;
    Ok(LogList::from_page(page)?)
}

/// Counts log records over time, by level.
#[utoipa::path(
    get, path = "/logs/histogram", tag = "logs", operation_id = "getLogHistogram",
    params(HistogramParams),
    responses(
        (status = 200, description = "Every step of time", body = LogHistogram),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn histogram(
    State(app): State<Arc<App>>,
    call: Call<HistogramParams>,
) -> Response {
    let outcome = count(&app, call).await;
    answer(&app, outcome)
}

async fn count(app: &App, Call { tenant, params }: Call<HistogramParams>) -> Outcome<LogHistogram> {
    let filter = LogFilter {
        range: range(params.start, params.end, app.engine.clock())?,
        service: params.service,
        levels: params.level.iter().map(|level| level.0).collect(),
        text: params.query.filter(|text| !text.is_empty()),
        trace_id: params.trace_id.map(|id| id.0),
        span_id: params.span_id.map(|id| id.0),
        attributes: pairs(params.attribute),
    };
    let buckets = params.buckets.map_or(BUCKETS, |buckets| buckets.0);
    Ok(app.engine.log_histogram(&tenant, &filter, buckets).await?.into())
}

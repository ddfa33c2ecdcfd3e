//! Traces and services.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use watchkeep_engine::query::TraceListFilter;
use watchkeep_model::TraceId;
use watchkeep_storage::seam::TraceCursor;

use super::{Outcome, answer, cursor};
use crate::api::native::dto::traces::{Services, Trace, TraceList};
use crate::api::native::error::{ApiError, ErrorBody};
use crate::api::native::params::{Call, NoParams, RangeParams, TracesParams, pairs, range};
use crate::app::App;

const LIMIT: usize = 50;

/// Lists traces, newest first.
///
/// Service, name, status and attributes hold for one and the same span of a trace; an attribute is
/// looked for on the span, then on its resource; durations are the whole trace's.
#[utoipa::path(
    get, path = "/traces", tag = "traces", operation_id = "listTraces", params(TracesParams),
    responses(
        (status = 200, description = "A page of traces", body = TraceList),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn list(
    State(app): State<Arc<App>>,
    call: Call<TracesParams>,
) -> Response {
    let outcome = find(&app, call).await;
    answer(&app, outcome)
}

async fn find(app: &App, Call { tenant, params }: Call<TracesParams>) -> Outcome<TraceList> {
    let filter = TraceListFilter {
        range: range(params.start, params.end, app.engine.clock())?,
        service: params.service,
        name: params.name,
        status_code: params.status.map(|status| status.0),
        attributes: pairs(params.attribute),
        duration_ns_min: params.min_duration.map(|duration| duration.0),
        duration_ns_max: params.max_duration.map(|duration| duration.0),
    };
    let after = cursor(params.cursor.as_deref(), |id| TraceId::parse_hex(id).ok())?
        .map(|(start_ns, trace_id)| TraceCursor { start_ns, trace_id });
    let limit = params.limit.map_or(LIMIT, |limit| limit.0);
    Ok(app.engine.traces(&tenant, &filter, limit, after).await?.into())
}

/// Returns a trace with all its spans.
#[utoipa::path(
    get, path = "/traces/{trace_id}", tag = "traces", operation_id = "getTrace",
    params(("trace_id" = String, Path, description = "Up to 32 hexadecimal digits; a shorter id is padded with zeros on the left")),
    responses(
        (status = 200, description = "The trace", body = Trace),
        (status = 404, description = "There is no such trace", body = ErrorBody),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn one(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    call: Call<NoParams>,
) -> Response {
    let outcome = async {
        let id = TraceId::parse_hex(&id)
            .map_err(|error| ApiError { error, field: Some("trace_id".into()) })?;
        let spans = app.engine.trace(&call.tenant, id).await?;
        Ok(Trace::from_rows(id, spans)?)
    };
    answer(&app, outcome.await)
}

/// Lists the services seen in spans or log records.
#[utoipa::path(
    get, path = "/services", tag = "services", operation_id = "listServices", params(RangeParams),
    responses(
        (status = 200, description = "Services", body = Services),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn services(
    State(app): State<Arc<App>>,
    Call { tenant, params }: Call<RangeParams>,
) -> Response {
    let outcome = async {
        let range = range(params.start, params.end, app.engine.clock())?;
        Ok(Services { services: app.engine.services(&tenant, range).await? })
    };
    answer(&app, outcome.await)
}

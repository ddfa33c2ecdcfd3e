//! What is worked out about traces, operations and services.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use watchkeep_engine::analysis::analyse;
use watchkeep_engine::query::SpanRow;
use watchkeep_engine::traces::LiftQuery;
use watchkeep_model::{Error, TenantId, TraceId};

use super::{Outcome, answer};
use crate::api::native::dto::analysis::{Analysis, Comparison, Lift, Operations, ServiceMap};
use crate::api::native::error::{ApiError, ErrorBody};
use crate::api::native::params::{
    Call, CompareParams, LiftParams, NoParams, OperationsParams, RangeParams, range,
};
use crate::app::App;

/// Values of a comparison of spans, where the request does not say.
const LIFTED_VALUES: usize = 50;

/// Works out where the time of a trace went and where its errors came from.
#[utoipa::path(
    get, path = "/traces/{trace_id}/analysis", tag = "traces", operation_id = "analyseTrace",
    params(("trace_id" = String, Path, description = "Up to 32 hexadecimal digits; a shorter id is padded with zeros on the left")),
    responses(
        (status = 200, description = "Critical path, self times, errors and services", body = Analysis),
        (status = 404, description = "There is no such trace", body = ErrorBody),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn trace(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    call: Call<NoParams>,
) -> Response {
    let outcome = async {
        let (id, spans) = spans_of(&app, &call.tenant, &id, "trace_id").await?;
        let analysis = analyse(&spans);
        Ok(Analysis::new(id, &spans, analysis))
    };
    answer(&app, outcome.await)
}

/// Lays two traces over each other, by service and name of what is called from where.
#[utoipa::path(
    get, path = "/traces/compare", tag = "traces", operation_id = "compareTraces",
    params(CompareParams),
    responses(
        (status = 200, description = "Both traces and the places of their trees", body = Comparison),
        (status = 404, description = "There is no such trace", body = ErrorBody),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn compare(
    State(app): State<Arc<App>>,
    Call { tenant, params }: Call<CompareParams>,
) -> Response {
    let outcome = async {
        let (left, left_spans) = spans_of(&app, &tenant, &params.left, "left").await?;
        let (right, right_spans) = spans_of(&app, &tenant, &params.right, "right").await?;
        Ok(Comparison::of((left, &left_spans), (right, &right_spans)))
    };
    answer(&app, outcome.await)
}

/// Tells what is different about some spans: values that they have more often than others.
///
/// Values that at least two of the selected spans and 5 % of them have are ranked by how many times
/// greater their share is among the selection than among the rest of the baseline.
#[utoipa::path(
    get, path = "/traces/lift", tag = "traces", operation_id = "compareSpans", params(LiftParams),
    responses(
        (status = 200, description = "Values, the most over-represented first", body = Lift),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn lift(
    State(app): State<Arc<App>>,
    Call { tenant, params }: Call<LiftParams>,
) -> Response {
    let outcome = async {
        let asked = LiftQuery {
            selection: params.q,
            baseline: params.baseline.unwrap_or_else(|| "{ }".to_owned()),
            range: range(params.start, params.end, app.engine.clock())?,
            limit: params.limit.map_or(LIFTED_VALUES, |limit| limit.0),
        };
        let found = app.engine.lift(&tenant, asked).await.map_err(Error::from)?;
        Ok(Lift::try_from(found)?)
    };
    answer(&app, outcome.await)
}

/// Rates, errors and durations of operations.
#[utoipa::path(
    get, path = "/operations", tag = "services", operation_id = "listOperations",
    params(OperationsParams),
    responses(
        (status = 200, description = "Operations", body = Operations),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn operations(
    State(app): State<Arc<App>>,
    Call { tenant, params }: Call<OperationsParams>,
) -> Response {
    let outcome = async {
        let range = range(params.start, params.end, app.engine.clock())?;
        let seconds = range.end_ns.saturating_sub(range.start_ns) as f64 / 1e9;
        let found = app.engine.operation_figures(&tenant, range, params.service).await?;
        Ok(Operations::new(found, seconds))
    };
    answer(&app, outcome.await)
}

/// Services and who calls whom.
#[utoipa::path(
    get, path = "/services/map", tag = "services", operation_id = "getServiceMap",
    params(RangeParams),
    responses(
        (status = 200, description = "The map", body = ServiceMap),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn service_map(
    State(app): State<Arc<App>>,
    Call { tenant, params }: Call<RangeParams>,
) -> Response {
    let outcome = async {
        let range = range(params.start, params.end, app.engine.clock())?;
        Ok(ServiceMap::from(app.engine.service_map(&tenant, range).await?))
    };
    answer(&app, outcome.await)
}

async fn spans_of(
    app: &App,
    tenant: &TenantId,
    id: &str,
    field: &str,
) -> Outcome<(TraceId, Vec<SpanRow>)> {
    let id = TraceId::parse_hex(id)
        .map_err(|error| ApiError { error, field: Some(field.to_owned()) })?;
    Ok((id, app.engine.trace(tenant, id).await?))
}

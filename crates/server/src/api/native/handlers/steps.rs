//! The steps of a trace, what they cost, and who used what.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use watchkeep_engine::agents::query::steps::TraceSteps;
use watchkeep_model::{TenantId, TraceId};

use super::{Outcome, answer};
use crate::api::native::dto::steps::{Graph, Steps, TraceCost};
use crate::api::native::error::{ApiError, ErrorBody};
use crate::api::native::params::{Call, NoParams};
use crate::app::App;

/// The steps of a trace: what was said, what it cost, and what was not understood.
#[utoipa::path(
    get, path = "/traces/{trace_id}/steps", tag = "traces", operation_id = "getTraceSteps",
    params(("trace_id" = String, Path, description = "Up to 32 hexadecimal digits; a shorter id is padded with zeros on the left")),
    responses(
        (status = 200, description = "Steps, as in a tree", body = Steps),
        (status = 404, description = "There is no such trace", body = ErrorBody),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn steps(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    call: Call<NoParams>,
) -> Response {
    let found = steps_of(&app, &call.tenant, &id).await;
    answer(&app, found.map(Steps::from))
}

/// What a trace costs: each step with its price, and why it counts or not.
#[utoipa::path(
    get, path = "/traces/{trace_id}/cost", tag = "traces", operation_id = "getTraceCost",
    params(("trace_id" = String, Path, description = "Up to 32 hexadecimal digits; a shorter id is padded with zeros on the left")),
    responses(
        (status = 200, description = "Steps with their cost", body = TraceCost),
        (status = 404, description = "There is no such trace", body = ErrorBody),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn cost(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    call: Call<NoParams>,
) -> Response {
    let found = steps_of(&app, &call.tenant, &id).await;
    answer(&app, found.map(TraceCost::from))
}

/// Who used what in a trace: agents, models and tools.
#[utoipa::path(
    get, path = "/traces/{trace_id}/graph", tag = "traces", operation_id = "getTraceGraph",
    params(("trace_id" = String, Path, description = "Up to 32 hexadecimal digits; a shorter id is padded with zeros on the left")),
    responses(
        (status = 200, description = "Nodes and edges", body = Graph),
        (status = 404, description = "There is no such trace", body = ErrorBody),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn graph(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    call: Call<NoParams>,
) -> Response {
    let found = steps_of(&app, &call.tenant, &id).await;
    answer(&app, found.map(|trace| Graph::from(&trace)))
}

async fn steps_of(app: &App, tenant: &TenantId, id: &str) -> Outcome<TraceSteps> {
    let id = TraceId::parse_hex(id)
        .map_err(|error| ApiError { error, field: Some("trace_id".to_owned()) })?;
    Ok(app.engine.trace_steps(tenant, id).await?)
}

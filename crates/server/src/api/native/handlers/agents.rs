//! Agents.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;

use super::{Outcome, answer};
use crate::api::native::agent_params::{AgentsParams, ScopeParams};
use crate::api::native::dto::agents::{AgentPage, Agents, Dialects};
use crate::api::native::error::{ApiError, ErrorBody};
use crate::api::native::params::{Call, Instant, range_of};
use crate::app::App;

/// Agents in the table, where the request does not say.
const AGENTS: usize = 200;
const DAY_NS: i64 = 24 * 3_600 * 1_000_000_000;

/// The range that is meant; by default the last day.
pub(super) fn day(
    app: &App,
    start: Option<Instant>,
    end: Option<Instant>,
) -> Result<watchkeep_model::TimeRange, ApiError> {
    range_of(start, end, app.engine.clock(), DAY_NS)
}

/// Agents: how they are, what they did, what they cost.
#[utoipa::path(
    get, path = "/agents", tag = "agents", operation_id = "listAgents", params(AgentsParams),
    responses(
        (status = 200, description = "Agents, the dearest first", body = Agents),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn list(
    State(app): State<Arc<App>>,
    Call { tenant, params }: Call<AgentsParams>,
) -> Response {
    let outcome: Outcome<Agents> = async {
        let range = day(&app, params.start, params.end)?;
        let limit = params.limit.map_or(AGENTS, |limit| limit.0);
        Ok(app.engine.agent_table(&tenant, range, params.service, limit).await?.into())
    }
    .await;
    answer(&app, outcome)
}

/// One agent: its versions, models, tools, errors, users and newest runs.
#[utoipa::path(
    get, path = "/agents/{agent}", tag = "agents", operation_id = "getAgent",
    params(("agent" = String, Path, description = "The agent's name"), ScopeParams),
    responses(
        (status = 200, description = "The agent", body = AgentPage),
        (status = 404, description = "It did nothing in the range", body = ErrorBody),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn one(
    State(app): State<Arc<App>>,
    Path(agent): Path<String>,
    Call { tenant, params }: Call<ScopeParams>,
) -> Response {
    let outcome: Outcome<AgentPage> = async {
        let range = day(&app, params.start, params.end)?;
        Ok(app.engine.agent_page(&tenant, range, Some(agent), params.service).await?.into())
    }
    .await;
    answer(&app, outcome)
}

/// Which dialects services speak, and what of them is not understood, by their newest spans.
#[utoipa::path(
    get, path = "/agents/dialects", tag = "agents", operation_id = "listDialects",
    params(ScopeParams),
    responses(
        (status = 200, description = "Services", body = Dialects),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn dialects(
    State(app): State<Arc<App>>,
    Call { tenant, params }: Call<ScopeParams>,
) -> Response {
    let outcome: Outcome<Dialects> = async {
        let range = day(&app, params.start, params.end)?;
        Ok(app.engine.dialects(&tenant, range, params.service).await?.into())
    }
    .await;
    answer(&app, outcome)
}

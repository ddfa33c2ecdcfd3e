//! Runs, sessions and events.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use watchkeep_engine::agents::query::Filter;
use watchkeep_engine::agents::query::events::EventsQuery;
use watchkeep_engine::agents::query::runs::{RunCursor, RunsQuery};
use watchkeep_engine::agents::query::sessions::SessionsQuery;
use watchkeep_model::{SpanId, TraceId};

use super::agents::day;
use super::{Outcome, answer, cursor};
use crate::api::native::agent_params::{EventsParams, RunsParams, SessionParams, SessionsParams};
use crate::api::native::dto::runs::{Events, Runs, SessionPageBody, Sessions};
use crate::api::native::error::ErrorBody;
use crate::api::native::params::{Call, range_of};
use crate::app::App;

/// Runs and sessions of a page, where the request does not say.
const LISTED: usize = 50;
/// Events of a page, where the request does not say.
const EVENTS: usize = 100;
/// How far back turns of a session are looked for, where the request does not say.
const SESSION_NS: i64 = 30 * 24 * 3_600 * 1_000_000_000;

/// Runs, newest first.
#[utoipa::path(
    get, path = "/runs", tag = "agents", operation_id = "listRuns", params(RunsParams),
    responses(
        (status = 200, description = "A page of runs", body = Runs),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn list(
    State(app): State<Arc<App>>,
    Call { tenant, params }: Call<RunsParams>,
) -> Response {
    let outcome: Outcome<Runs> = async {
        let after = cursor(params.cursor.as_deref(), |ids| {
            let (trace_id, span_id) = ids.split_at_checked(32)?;
            Some((TraceId::parse_hex(trace_id).ok()?, SpanId::parse_hex(span_id).ok()?))
        })?;
        let query = RunsQuery {
            range: day(&app, params.start, params.end)?,
            filter: Filter {
                agent: params.agent,
                service: params.service,
                user: params.user,
                session: params.session,
                model: params.model,
                ..Filter::default()
            },
            failed: params.status.map(|status| status.0),
            has_loop: params.r#loop.map(|flag| flag.0),
            cost_usd_min: params.min_cost.map(|amount| amount.0),
            duration_ns_min: params.min_duration.map(|duration| duration.0),
            rating_max: params.rating_max.map(|amount| amount.0),
            tool: params.tool,
            limit: params.limit.map_or(LISTED, |limit| limit.0),
            after: after.map(|(time_ns, (trace_id, span_id))| RunCursor {
                time_ns,
                trace_id,
                span_id,
            }),
        };
        Ok(app.engine.runs(&tenant, query).await?.into())
    }
    .await;
    answer(&app, outcome)
}

/// Sessions, the one with the newest activity first.
#[utoipa::path(
    get, path = "/sessions", tag = "agents", operation_id = "listSessions", params(SessionsParams),
    responses(
        (status = 200, description = "A page of sessions", body = Sessions),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn sessions(
    State(app): State<Arc<App>>,
    Call { tenant, params }: Call<SessionsParams>,
) -> Response {
    let outcome: Outcome<Sessions> = async {
        let query = SessionsQuery {
            range: day(&app, params.start, params.end)?,
            filter: Filter {
                agent: params.agent,
                service: params.service,
                user: params.user,
                ..Filter::default()
            },
            limit: params.limit.map_or(LISTED, |limit| limit.0),
            after: cursor(params.cursor.as_deref(), |id| Some(id.to_owned()))?,
        };
        Ok(app.engine.sessions(&tenant, query).await?.into())
    }
    .await;
    answer(&app, outcome)
}

/// A session: the conversation as its user saw it.
#[utoipa::path(
    get, path = "/sessions/{id}", tag = "agents", operation_id = "getSession",
    params(("id" = String, Path, description = "The session's id"), SessionParams),
    responses(
        (status = 200, description = "The conversation", body = SessionPageBody),
        (status = 404, description = "There is no such session in the range", body = ErrorBody),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn session(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Call { tenant, params }: Call<SessionParams>,
) -> Response {
    let outcome: Outcome<SessionPageBody> = async {
        let range = range_of(params.start, params.end, app.engine.clock(), SESSION_NS)?;
        Ok(app.engine.conversation(&tenant, id, range).await?.into())
    }
    .await;
    answer(&app, outcome)
}

/// Events, newest first.
#[utoipa::path(
    get, path = "/events", tag = "agents", operation_id = "listEvents", params(EventsParams),
    responses(
        (status = 200, description = "A page of events", body = Events),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn events(
    State(app): State<Arc<App>>,
    Call { tenant, params }: Call<EventsParams>,
) -> Response {
    let outcome: Outcome<Events> = async {
        let query = EventsQuery {
            range: day(&app, params.start, params.end)?,
            kind: params.kind,
            severity: params.severity,
            agent: params.agent,
            service: params.service,
            limit: params.limit.map_or(EVENTS, |limit| limit.0),
            after: cursor(params.cursor.as_deref(), |skip| skip.parse().ok())?,
        };
        Ok(app.engine.events(&tenant, query).await?.into())
    }
    .await;
    answer(&app, outcome)
}

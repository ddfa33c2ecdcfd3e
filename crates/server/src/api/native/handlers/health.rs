//! Health.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use watchkeep_engine::health::checks::Check;

use super::{Outcome, answer};
use crate::api::native::dto::health::{CheckBody, CheckList, Health, HostHealth};
use crate::api::native::error::{ApiError, ErrorBody};
use crate::api::native::params::health::{HealthParams, HostParams};
use crate::api::native::params::{Call, NoParams, range};
use crate::app::App;

/// The most agents that are judged.
const AGENTS_MAX: usize = 10_000;

/// How everything is: agents in a range, checks and the host now.
#[utoipa::path(
    get, path = "/health", tag = "health", operation_id = "getHealth", params(HealthParams),
    responses(
        (status = 200, description = "Health", body = Health),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn all(
    State(app): State<Arc<App>>,
    Call { tenant, params }: Call<HealthParams>,
) -> Response {
    let outcome: Outcome<Health> = async {
        let range = params.range(&app)?;
        let agents = app.engine.agent_table(&tenant, range, None, AGENTS_MAX).await?;
        let health = app.engine.health();
        let now_ns = app.engine.clock().now_ns();
        Ok(Health::new(&agents, health.checks(), health.host(), now_ns))
    }
    .await;
    answer(&app, outcome)
}

/// The host that the server runs on, now and over time.
#[utoipa::path(
    get, path = "/health/host", tag = "health", operation_id = "getHost", params(HostParams),
    responses(
        (status = 200, description = "The host", body = HostHealth),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn host(
    State(app): State<Arc<App>>,
    Call { params, .. }: Call<HostParams>,
) -> Response {
    let outcome: Outcome<HostHealth> = async {
        let range = range(params.start, params.end, app.engine.clock())?;
        let step_ns = params.step.map(|step| step.0);
        if step_ns == Some(0) {
            return Err(ApiError::invalid("step", "must be above 0"));
        }
        let (steps, series) = app.engine.host_history(range, step_ns).await?;
        Ok(HostHealth::new(app.engine.health().host(), steps, series))
    }
    .await;
    answer(&app, outcome)
}

/// Checks of what others depend on, with their history.
#[utoipa::path(
    get, path = "/health/checks", tag = "health", operation_id = "listChecks", params(HealthParams),
    responses(
        (status = 200, description = "Checks by name", body = CheckList),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn checks(
    State(app): State<Arc<App>>,
    Call { params, .. }: Call<HealthParams>,
) -> Response {
    let outcome: Outcome<CheckList> = async {
        let history = app.engine.check_history(params.range(&app)?).await?;
        let checks = app.engine.health().checks().all().iter();
        let body = |check: &Arc<Check>| CheckBody::new(check, history.get(check.name()));
        Ok(CheckList { checks: checks.map(body).collect() })
    }
    .await;
    answer(&app, outcome)
}

/// One check.
#[utoipa::path(
    get, path = "/health/checks/{name}", tag = "health", operation_id = "getCheck",
    params(("name" = String, Path, description = "The check's name"), HealthParams),
    responses(
        (status = 200, description = "The check", body = CheckBody),
        (status = 404, description = "There is no such check", body = ErrorBody),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn check(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Call { params, .. }: Call<HealthParams>,
) -> Response {
    let outcome: Outcome<CheckBody> = async {
        let range = params.range(&app)?;
        let check = app.engine.health().checks().find(&name)?;
        let history = app.engine.check_history(range).await?;
        Ok(CheckBody::new(check, history.get(&name)))
    }
    .await;
    answer(&app, outcome)
}

/// Runs a check now and answers what came of it. Changes nothing else.
#[utoipa::path(
    post, path = "/health/checks/{name}/run", tag = "health", operation_id = "runCheck",
    params(("name" = String, Path, description = "The check's name")),
    responses(
        (status = 200, description = "The check after the run, over the last hour", body = CheckBody),
        (status = 404, description = "There is no such check", body = ErrorBody),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn run(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Call { .. }: Call<NoParams>,
) -> Response {
    let outcome: Outcome<CheckBody> = async {
        let check = app.engine.run_check(&name).await?;
        // Up to and with the run.
        let mut range = range(None, None, app.engine.clock())?;
        range.end_ns = range.end_ns.saturating_add(1_000_000);
        let history = app.engine.check_history(range).await?;
        Ok(CheckBody::new(&check, history.get(&name)))
    }
    .await;
    answer(&app, outcome)
}

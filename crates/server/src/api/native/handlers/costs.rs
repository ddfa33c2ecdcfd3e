//! Costs and reports.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header;
use watchkeep_engine::agents::query::costs::CostQuery;
use watchkeep_engine::agents::query::{By, Filter, report as engine};
use watchkeep_model::ErrorKind;

use super::agents::day;
use super::{Outcome, answer};
use crate::api::native::agent_params::{CostsParams, Format, ReportParams};
use crate::api::native::dto::costs::Costs;
use crate::api::native::dto::report::Report;
use crate::api::native::error::{ApiError, ErrorBody};
use crate::api::native::params::Call;
use crate::app::App;

/// Groups, where the request does not say.
const GROUPS: usize = 50;

/// What it costs, by group and by time; what it will cost, and what was spent for nothing.
#[utoipa::path(
    get, path = "/costs", tag = "money", operation_id = "getCosts", params(CostsParams),
    responses(
        (status = 200, description = "Costs", body = Costs),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn costs(
    State(app): State<Arc<App>>,
    Call { tenant, params }: Call<CostsParams>,
) -> Response {
    let outcome: Outcome<Costs> = async {
        let query = CostQuery {
            by: params.by.map_or(By::Model, |by| by.0),
            range: day(&app, params.start, params.end)?,
            step_ns: params.step.map(|step| step.0),
            filter: Filter {
                agent: params.agent,
                service: params.service,
                user: params.user,
                session: params.session,
                release: params.release,
                environment: params.environment,
                model: params.model,
                provider: params.provider,
            },
            limit: params.limit.map_or(GROUPS, |limit| limit.0),
        };
        let costs = app.engine.costs(&tenant, query).await.map_err(|error| {
            let of_steps = *error.kind() == ErrorKind::Invalid;
            ApiError { error, field: of_steps.then(|| "step".to_owned()) }
        })?;
        Ok(costs.into())
    }
    .await;
    answer(&app, outcome)
}

/// The report on an agent, or on all: for programs, or for people.
#[utoipa::path(
    get, path = "/report", tag = "agents", operation_id = "getReport", params(ReportParams),
    responses(
        (status = 200, description = "The report", content(
            (Report = "application/json"), (String = "text/plain"), (String = "text/markdown"),
            (String = "text/html"))),
        (status = 404, description = "The agent did nothing in the range", body = ErrorBody),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn report(
    State(app): State<Arc<App>>,
    Call { tenant, params }: Call<ReportParams>,
) -> Response {
    let outcome: Outcome<engine::Report> = async {
        let range = day(&app, params.start, params.end)?;
        Ok(app.engine.agent_report(&tenant, range, params.agent, params.service).await?)
    }
    .await;
    let format = params.format.map_or(Format::Json, |format| format.0);
    let report = match outcome {
        Ok(report) if format != Format::Json => report,
        other => return answer(&app, other.map(Report::from)),
    };
    let (media_type, text) = match format {
        Format::Html => ("text/html; charset=utf-8", engine::html(&report)),
        Format::Markdown => ("text/markdown; charset=utf-8", engine::markdown(&report)),
        Format::Text | Format::Json => ("text/plain; charset=utf-8", engine::text(&report)),
    };
    ([(header::CONTENT_TYPE, media_type)], text).into_response()
}

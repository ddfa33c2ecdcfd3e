//! Budgets: making them, how they stand, and whether a call may be made.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use serde::de::DeserializeOwned;
use watchkeep_engine::budgets::definition::Wrong;
use watchkeep_model::Error;

use super::{Outcome, answer};
use crate::api::native::dto::budgets::{
    BudgetBody, BudgetDto, BudgetEvents, BudgetList, BudgetStatus, CheckAnswer, CheckBody,
    SettleBody, Settled,
};
use crate::api::native::error::{ApiError, ErrorBody};
use crate::api::native::params::{
    BudgetEventsParams, BudgetStatusParams, Call, NoParams, range_of,
};
use crate::app::App;
use crate::body::{BodyLimits, read_body};

/// Longer bodies are refused: a budget with all its overrides is a fraction of it.
const BODY_BYTES_MAX: usize = 2 << 20;
const STANDINGS: usize = 100;
const EVENTS: usize = 100;
const EVENTS_RANGE_NS: i64 = 30 * 86_400 * 1_000_000_000;

/// Lists budgets, with how they stand.
#[utoipa::path(
    get, path = "/budgets", tag = "budgets", operation_id = "listBudgets",
    responses(
        (status = 200, description = "All budgets", body = BudgetList),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn list(
    State(app): State<Arc<App>>,
    Call { tenant, .. }: Call<NoParams>,
) -> Response {
    answer(&app, Ok(BudgetList::from(app.engine.budgets(&tenant))))
}

/// Makes a budget.
#[utoipa::path(
    post, path = "/budgets", tag = "budgets", operation_id = "createBudget",
    request_body = BudgetBody,
    responses(
        (status = 201, description = "It is made and kept", body = BudgetDto),
        (status = "4XX", description = "The budget is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not keep it", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn create(
    State(app): State<Arc<App>>,
    Call { tenant, .. }: Call<NoParams>,
    body: Body,
) -> Response {
    let outcome = async {
        let budget = read::<BudgetBody>(&app, body).await?.budget(None)?;
        let kept = app.engine.create_budget(&tenant, budget).await.map_err(wrong)?;
        Ok(BudgetDto::from(kept))
    };
    match outcome.await {
        Ok(made) => (StatusCode::CREATED, Json(made)).into_response(),
        Err(error) => ApiError::respond(error, &app),
    }
}

/// Returns one budget.
#[utoipa::path(
    get, path = "/budgets/{id}", tag = "budgets", operation_id = "getBudget",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The budget", body = BudgetDto),
        (status = "4XX", description = "There is none", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn one(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Call { tenant, .. }: Call<NoParams>,
) -> Response {
    let found = app.engine.budget(&tenant, &id).map(BudgetDto::from);
    answer(&app, found.map_err(ApiError::from))
}

/// Puts a budget in the place of one.
///
/// What was spent stays where scope, unit and window stay; else it is counted anew.
#[utoipa::path(
    put, path = "/budgets/{id}", tag = "budgets", operation_id = "replaceBudget",
    params(("id" = String, Path, description = "Its id")), request_body = BudgetBody,
    responses(
        (status = 200, description = "It is changed and kept", body = BudgetDto),
        (status = "4XX", description = "The budget is wrong, or there is none", body = ErrorBody),
        (status = "5XX", description = "The server can not keep it", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn replace(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Call { tenant, .. }: Call<NoParams>,
    body: Body,
) -> Response {
    let outcome = async {
        let budget = read::<BudgetBody>(&app, body).await?.budget(Some(id))?;
        let kept = app.engine.replace_budget(&tenant, budget).await.map_err(wrong)?;
        Ok(BudgetDto::from(kept))
    };
    answer(&app, outcome.await)
}

/// Takes a budget away.
#[utoipa::path(
    delete, path = "/budgets/{id}", tag = "budgets", operation_id = "deleteBudget",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 204, description = "It is gone"),
        (status = "4XX", description = "There is none, or it can not be changed", body = ErrorBody),
        (status = "5XX", description = "The server can not keep that", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Call { tenant, .. }: Call<NoParams>,
) -> Response {
    match app.engine.delete_budget(&tenant, &id).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => wrong(error).respond(&app),
    }
}

/// Tells how much of a budget is spent, by whom.
#[utoipa::path(
    get, path = "/budgets/{id}/status", tag = "budgets", operation_id = "getBudgetStatus",
    params(("id" = String, Path, description = "Its id"), BudgetStatusParams),
    responses(
        (status = 200, description = "How it stands", body = BudgetStatus),
        (status = "4XX", description = "The request is wrong, or there is none", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn status(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Call { tenant, params }: Call<BudgetStatusParams>,
) -> Response {
    let limit = params.limit.map_or(STANDINGS, |limit| limit.0);
    let status = app.engine.budget_status(&tenant, &id, params.scope_value.as_deref(), limit);
    answer(&app, status.map(BudgetStatus::from).map_err(ApiError::from))
}

/// Decides whether a call may be made, and holds what it will need where that is wanted.
///
/// To be asked before each call of a model. It is answered from memory.
#[utoipa::path(
    post, path = "/budgets/check", tag = "budgets", operation_id = "checkBudgets",
    request_body = CheckBody,
    responses(
        (status = 200, description = "The decision, a denial too", body = CheckAnswer),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn check(
    State(app): State<Arc<App>>,
    Call { tenant, .. }: Call<NoParams>,
    body: Body,
) -> Response {
    let outcome = async {
        let question = read::<CheckBody>(&app, body).await?.question()?;
        Ok(CheckAnswer::from(app.engine.check_budgets(&tenant, &question)?))
    };
    match outcome.await {
        Err(error) => ApiError::respond(error, &app),
        Ok(body) => {
            let retry_after = body.retry_after_s();
            let mut response = Json(body).into_response();
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        }
    }
}

/// Says what a call used for which something was reserved.
///
/// So much is held until the call's span counts, which names the reservation in the attribute
/// `watchkeep.reservation.id`, or until the reservation's time is over.
#[utoipa::path(
    post, path = "/budgets/reservations/{id}", tag = "budgets",
    operation_id = "settleReservation",
    params(("id" = String, Path, description = "Its id")), request_body = SettleBody,
    responses(
        (status = 200, description = "It is settled", body = Settled),
        (status = "4XX", description = "The request is wrong, or there is none", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn settle(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Call { tenant, .. }: Call<NoParams>,
    body: Body,
) -> Response {
    let outcome = async {
        let actual = read::<SettleBody>(&app, body).await?.actual()?;
        let expires_ns = app.engine.settle_reservation(&tenant, &id, actual)?;
        Ok(Settled::new(id, expires_ns))
    };
    answer(&app, outcome.await)
}

/// Ends a reservation of which nothing was used.
#[utoipa::path(
    delete, path = "/budgets/reservations/{id}", tag = "budgets",
    operation_id = "releaseReservation",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 204, description = "Nothing is held any more"),
        (status = "4XX", description = "There is none", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn release(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Call { tenant, .. }: Call<NoParams>,
) -> Response {
    match app.engine.release_reservation(&tenant, &id) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => ApiError::from(error).respond(&app),
    }
}

/// Lists thresholds that were reached.
#[utoipa::path(
    get, path = "/budgets/events", tag = "budgets", operation_id = "listBudgetEvents",
    params(BudgetEventsParams),
    responses(
        (status = 200, description = "Events", body = BudgetEvents),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn events(
    State(app): State<Arc<App>>,
    Call { tenant, params }: Call<BudgetEventsParams>,
) -> Response {
    let outcome = async {
        let clock = app.engine.clock();
        let range = range_of(params.start, params.end, clock, EVENTS_RANGE_NS)?;
        let limit = params.limit.map_or(EVENTS, |limit| limit.0);
        let budget = params.budget.as_deref();
        let events = app.engine.budget_events(&tenant, range, budget, limit).await?;
        Ok(BudgetEvents::from(events))
    };
    answer(&app, outcome.await)
}

/// Reads a body of JSON; an empty one has no members.
async fn read<T: DeserializeOwned>(app: &App, body: Body) -> Outcome<T> {
    let limits = BodyLimits { bytes_max: BODY_BYTES_MAX, timeout: app.config.body_timeout.0 };
    let mut reservation = app.engine.gate().open();
    let bytes = read_body(body, limits, &mut reservation).await?;
    let bytes = if bytes.is_empty() { &b"{}"[..] } else { &bytes[..] };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let place = error.path().to_string();
        let message = error.into_inner().to_string();
        // A member that is missing or not known is named in the message, in backticks.
        let named = message.split('`').nth(1).unwrap_or_default().to_owned();
        let is_named = message.starts_with("missing field") || message.starts_with("unknown field");
        let field = match (&*place, is_named) {
            (".", true) => named,
            (_, true) if !place.ends_with(&named) => format!("{place}.{named}"),
            _ => place,
        };
        if field == "." {
            ApiError::from(Error::invalid(format!("the body is not as it should be: {message}")))
        } else {
            ApiError::invalid(&field, &format!("is wrong: {message}"))
        }
    })?;
    json.end()
        .map_err(|error| Error::invalid("the body goes on after its end").with_source(error))?;
    Ok(value)
}

fn wrong(Wrong { field, message, kind }: Wrong) -> ApiError {
    if field.is_empty() {
        Error::new(kind, message).into()
    } else {
        ApiError::invalid(&field, &message)
    }
}

//! Feedback: taking it, listing it, and what it says.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::Value;
use watchkeep_engine::agents::facts::{Entry, FeedbackFact};
use watchkeep_engine::feedback::query::{FeedbackCursor, STEPS_MAX};
use watchkeep_engine::feedback::themes::With;
use watchkeep_model::Error;

use super::{Outcome, answer, cursor};
use crate::api::native::dto::feedback::{
    Feedback, FeedbackList, FeedbackSummary, FeedbackTaken, FeedbackThemes, NewFeedback,
};
use crate::api::native::error::{ApiError, ErrorBody};
use crate::api::native::params::feedback::{
    FeedbackParams, FeedbackSummaryParams, FeedbackThemesParams,
};
use crate::api::native::params::{Call, NoParams};
use crate::app::App;
use crate::body::{BodyLimits, read_body};
use crate::tenant::tenant_of;

const LIMIT: usize = 100;
const THEMES: usize = 10;
/// Steps of a trend, where the request does not say how long one is.
const STEPS: i64 = 60;
const STEP_MIN_NS: i64 = 60 * 1_000_000_000;

/// Takes feedback, one piece or an array.
///
/// An array is taken as a whole or not at all. What has the id of earlier feedback replaces it. The
/// answer tells each piece as it stands, bound to the run that it is about where that is known; else
/// it is bound when the run arrives.
#[utoipa::path(
    post, path = "/feedback", tag = "feedback", operation_id = "giveFeedback",
    request_body(content = Vec<NewFeedback>, description = "One object, or an array of them"),
    responses(
        (status = 200, description = "It is stored", body = FeedbackTaken),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not store", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn give(
    State(app): State<Arc<App>>,
    request: Request,
) -> Response {
    let outcome = take(&app, request).await;
    if let Err(error) = &outcome {
        app.engine.count_refused(&error.error);
    }
    answer(&app, outcome)
}

async fn take(app: &Arc<App>, request: Request) -> Outcome<FeedbackTaken> {
    app.engine.store()?;
    let (head, body) = request.into_parts();
    let tenant = tenant_of(&head.headers)?;
    let limits = BodyLimits {
        bytes_max: app.engine.limits().body_bytes_max.bytes(),
        timeout: app.config.body_timeout.0,
    };
    let mut reservation = app.engine.gate().open();
    let body = read_body(body, limits, &mut reservation).await?;
    let entries = entries_of(app, &body)?;
    let engine = Arc::clone(&app.engine);
    // In a task of its own, so that a client that hangs up leaves nothing half done.
    let storing = tokio::spawn(async move {
        let _held_until_stored = reservation;
        engine.keep_feedback(&tenant, entries).await
    });
    let kept = storing
        .await
        .map_err(|error| Error::internal("storing feedback panicked").with_source(error))??;
    Ok(FeedbackTaken { feedback: kept.into_iter().map(Feedback::from).collect() })
}

/// Reads the pieces of a body; an error names the member that is to blame.
fn entries_of(app: &App, body: &[u8]) -> Outcome<Vec<Entry<FeedbackFact>>> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| Error::invalid(format!("the body is not JSON: {error}")))?;
    let pieces = match body {
        Value::Array(pieces) => pieces,
        one => vec![one],
    };
    let config = app.engine.feedback_config();
    if pieces.len() > config.batch_max {
        let message = format!("at most {} pieces at once (feedback.batch_max)", config.batch_max);
        return Err(Error::invalid(message).into());
    }
    let now_ns = app.engine.clock().now_ns();
    let read = pieces.into_iter().zip(0_i64..).map(|(piece, place)| {
        let blamed = |field: &str, message: &str| {
            ApiError::invalid(&format!("feedback[{place}].{field}"), message)
        };
        let new: NewFeedback = serde_path_to_error::deserialize(piece).map_err(|error| {
            let field = error.path().to_string();
            blamed(&field, &error.into_inner().to_string())
        })?;
        let given = new.given().map_err(|(field, message)| blamed(field, &message))?;
        // In the order of the array, also where no piece tells a time.
        let entry = given.settle(config, now_ns.saturating_add(place));
        entry.map_err(|wrong| blamed(member(wrong.field), &wrong.message))
    });
    read.collect()
}

/// The name that a member has here.
fn member(field: &'static str) -> &'static str {
    match field {
        "session" => "session_id",
        "interaction" => "interaction_id",
        "user" => "user_id",
        other => other,
    }
}

/// Lists feedback, newest first.
#[utoipa::path(
    get, path = "/feedback", tag = "feedback", operation_id = "listFeedback",
    params(FeedbackParams),
    responses(
        (status = 200, description = "A page of feedback", body = FeedbackList),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn list(
    State(app): State<Arc<App>>,
    call: Call<FeedbackParams>,
) -> Response {
    let outcome = find(&app, call).await;
    answer(&app, outcome)
}

async fn find(app: &App, Call { tenant, params }: Call<FeedbackParams>) -> Outcome<FeedbackList> {
    let filter = params.filter(app.engine.clock())?;
    let after = cursor(params.cursor.as_deref(), |id| Some(id.to_owned()))?
        .map(|(time_ns, id)| FeedbackCursor { time_ns, id });
    let limit = params.limit.map_or(LIMIT, |limit| limit.0);
    let (page, next) = app.engine.list_feedback(&tenant, &filter, limit, after).await?;
    Ok(FeedbackList {
        feedback: page.into_iter().map(Feedback::from).collect(),
        next_cursor: next.map(|next| format!("{}.{}", next.time_ns, next.id)),
    })
}

/// Takes feedback back.
#[utoipa::path(
    delete, path = "/feedback/{id}", tag = "feedback", operation_id = "deleteFeedback",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 204, description = "It is deleted"),
        (status = 404, description = "There is none with this id", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    call: Call<NoParams>,
) -> Response {
    match app.engine.delete_feedback(&call.tenant, &id).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => ApiError::from(error).respond(&app),
    }
}

/// Figures about feedback: averages, the distribution of ratings, and how they change.
#[utoipa::path(
    get, path = "/feedback/summary", tag = "feedback", operation_id = "summarizeFeedback",
    params(FeedbackSummaryParams),
    responses(
        (status = 200, description = "The figures", body = FeedbackSummary),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn summary(
    State(app): State<Arc<App>>,
    call: Call<FeedbackSummaryParams>,
) -> Response {
    let outcome = summarize(&app, call).await;
    answer(&app, outcome)
}

async fn summarize(
    app: &App,
    Call { tenant, params }: Call<FeedbackSummaryParams>,
) -> Outcome<FeedbackSummary> {
    let filter = params.filter(app.engine.clock())?;
    let range = filter.range;
    let length_ns = range.end_ns.saturating_sub(range.start_ns);
    let step_ns = match params.step {
        None => (length_ns / STEPS).max(STEP_MIN_NS),
        Some(step) if step.0 > 0 && length_ns / step.0 <= STEPS_MAX => step.0,
        Some(_) => {
            let message = format!("must be so long that the range has at most {STEPS_MAX} steps");
            return Err(ApiError::invalid("step", &message));
        }
    };
    let by = params.by.map(|by| by.0);
    let summary = app.engine.summarize_feedback(&tenant, &filter, by, step_ns).await?;
    let low_rating_max = app.engine.feedback_config().low_rating_max;
    Ok(FeedbackSummary::new(range, step_ns, low_rating_max, summary))
}

/// Tells what the comments of unhappy people are about.
///
/// Without `rating_min` and `rating_max` those of low ratings. Themes are found without a model; the
/// issues are named by the model of `feedback.llm` where one is configured, and `fallback` says why
/// where that failed.
#[utoipa::path(
    get, path = "/feedback/themes", tag = "feedback", operation_id = "getFeedbackThemes",
    params(FeedbackThemesParams),
    responses(
        (status = 200, description = "Themes and issues", body = FeedbackThemes),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn themes(
    State(app): State<Arc<App>>,
    call: Call<FeedbackThemesParams>,
) -> Response {
    let outcome = find_themes(&app, call).await;
    answer(&app, outcome)
}

async fn find_themes(
    app: &App,
    Call { tenant, params }: Call<FeedbackThemesParams>,
) -> Outcome<FeedbackThemes> {
    let filter = params.filter(app.engine.clock())?;
    let range = filter.range;
    let with = params.with.map_or(With::Auto, |with| with.0);
    let limit = params.limit.map_or(THEMES, |limit| limit.0);
    let analysis = app.engine.feedback_themes(&tenant, filter, with, limit).await?;
    Ok(FeedbackThemes::new(range, analysis))
}

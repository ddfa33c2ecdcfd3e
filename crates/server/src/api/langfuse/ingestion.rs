//! Batches of events. Scores are kept; the traces, spans and generations of SDKs before version 3
//! are refused one by one: those are sent in pieces that change each other, while spans here are
//! whole. Newer SDKs send them over OTLP.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::{Value, json};
use watchkeep_model::{Error, Result};

use super::error::respond;
use super::scores::{entry_of, json_of, keep};
use crate::app::App;

/// Takes a batch; the answer says of each event what became of it.
pub(super) async fn take(State(app): State<Arc<App>>, request: Request) -> Response {
    batch(&app, request).await.unwrap_or_else(|error| {
        app.engine.count_refused(&error);
        respond(&app, &error)
    })
}

async fn batch(app: &App, request: Request) -> Result<Response> {
    let (tenant, mut body) = json_of(app, request).await?;
    let Value::Array(events) = body["batch"].take() else {
        return Err(Error::invalid("batch must be an array of events"));
    };
    let batch_max = app.engine.feedback_config().batch_max;
    if events.len() > batch_max {
        return Err(Error::invalid(format!(
            "at most {batch_max} events at once (feedback.batch_max)"
        )));
    }
    let (mut entries, mut successes, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for (place, mut event) in events.into_iter().enumerate() {
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        let score = event["body"].take();
        let sent = event["timestamp"].as_str();
        match &*kind {
            "score-create" => match entry_of(app, score, sent, place as i64) {
                Ok(entry) => {
                    entries.push(entry);
                    successes.push(json!({"id": id, "status": 201}));
                }
                Err(error) => errors.push(json!({
                    "id": id, "status": 400, "message": error.message(),
                    "error": "InvalidRequestError",
                })),
            },
            // What an SDK says about itself.
            "sdk-log" => successes.push(json!({"id": id, "status": 201})),
            _ => errors.push(json!({
                "id": id, "status": 501, "error": "NotImplemented",
                "message": "only events of type score-create are taken here; send traces over \
                            OTLP to /api/public/otel, as SDKs from version 3 on do",
            })),
        }
    }
    keep(app, tenant, entries).await?;
    let body = Json(json!({"successes": successes, "errors": errors}));
    Ok((StatusCode::MULTI_STATUS, body).into_response())
}

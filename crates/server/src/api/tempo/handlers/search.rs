//! `GET /api/search`

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::super::asked::{self, Asked};
use super::super::convert;
use super::super::message::SearchResponse;
use super::super::params::Call;
use super::{Answer, message};
use crate::app::App;

/// Traces that match.
pub(in super::super) async fn search(State(app): State<Arc<App>>, request: Request) -> Response {
    answer_search(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_search(app: &App, request: Request) -> Answer {
    let call = Call::read(app, &request)?;
    let Asked { search, tells_spans } = asked::of_call(&app.engine, &call)?;
    let (found, stats) = app.engine.collect_traces(&call.tenant, search).await?;
    let traces = found.into_iter().map(|trace| convert::trace(trace, tells_spans)).collect();
    let metrics = Some(convert::search_metrics(Some(stats)));
    message(call.accepts, &SearchResponse { traces, metrics })
}

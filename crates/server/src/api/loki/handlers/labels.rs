//! What there is: labels, their values, streams.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde_json::json;
use watchkeep_model::{Labels, TimeRange};

use super::super::error::ApiError;
use super::super::json;
use super::super::params::{Call, selector};
use super::{Answer, json as answer_json};
use crate::app::App;

/// `labels`
pub(in super::super) async fn names(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = async {
        let call = Call::read(&app, request).await?;
        let names = label_names(&app, &call).await?;
        Ok(answer_json(json::texts(names.iter().map(String::as_str))))
    };
    answer.await.unwrap_or_else(|error: ApiError| error.respond(&app))
}

/// `label/{name}/values`
pub(in super::super) async fn values(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let answer = async {
        let call = Call::read(&app, request).await?;
        let values = label_values(&app, &call, &name).await?;
        Ok(answer_json(json::texts(values.iter().map(String::as_str))))
    };
    answer.await.unwrap_or_else(|error: ApiError| error.respond(&app))
}

/// `/api/prom/label`
pub(in super::super) async fn legacy_names(
    State(app): State<Arc<App>>,
    request: Request,
) -> Response {
    let answer = async {
        let call = Call::read(&app, request).await?;
        let names = label_names(&app, &call).await?;
        Ok(answer_json(json!({ "values": names }).to_string().into_bytes()))
    };
    answer.await.unwrap_or_else(|error: ApiError| error.respond(&app))
}

/// `/api/prom/label/{name}/values`
pub(in super::super) async fn legacy_values(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let answer = async {
        let call = Call::read(&app, request).await?;
        let values = label_values(&app, &call, &name).await?;
        Ok(answer_json(json!({ "values": values }).to_string().into_bytes()))
    };
    answer.await.unwrap_or_else(|error: ApiError| error.respond(&app))
}

/// Label sets of the streams that match `query` and have a record in the range.
async fn found(app: &App, call: &Call) -> Result<Vec<Arc<Labels>>, ApiError> {
    let matchers = call.matchers("query")?;
    let (start_ns, end_ns) = call.bounds()?;
    let range = TimeRange { start_ns, end_ns: end_ns.saturating_add(1) };
    let streams = app.engine.log_streams(&call.tenant, matchers, range).await?;
    Ok(streams.into_iter().map(|stream| stream.labels).collect())
}

async fn label_names(app: &App, call: &Call) -> Result<BTreeSet<String>, ApiError> {
    let mut names = BTreeSet::new();
    for labels in found(app, call).await? {
        for (name, _) in labels.iter() {
            if !names.contains(name) {
                names.insert(name.to_owned());
            }
        }
    }
    Ok(names)
}

async fn label_values(app: &App, call: &Call, name: &str) -> Result<BTreeSet<String>, ApiError> {
    let mut values = BTreeSet::new();
    for labels in found(app, call).await? {
        let value = labels.get(name);
        if !value.is_empty() && !values.contains(value) {
            values.insert(value.to_owned());
        }
    }
    Ok(values)
}

/// `series`
pub(in super::super) async fn series(State(app): State<Arc<App>>, request: Request) -> Response {
    answer_series(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_series(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let (start_ns, end_ns) = call.bounds()?;
    let range = TimeRange { start_ns, end_ns: end_ns.saturating_add(1) };
    let texts: BTreeSet<&str> = call.all("match").chain(call.all("match[]")).collect();
    let mut groups = Vec::new();
    for text in &texts {
        let matchers = selector(text)?;
        if matchers.is_empty() && texts.len() > 1 {
            return Err(ApiError::bad_request(
                "0 matchers in group: a selector beside others must not be empty",
            ));
        }
        groups.push(matchers);
    }
    if groups.is_empty() {
        groups.push(Vec::new());
    }
    let mut sets: BTreeSet<Arc<Labels>> = BTreeSet::new();
    for matchers in groups {
        let streams = app.engine.log_streams(&call.tenant, matchers, range).await?;
        sets.extend(streams.into_iter().map(|stream| stream.labels));
    }
    Ok(answer_json(json::label_sets(sets.iter().map(|labels| &**labels))))
}

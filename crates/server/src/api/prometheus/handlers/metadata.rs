//! What there is: series, label names and values, metadata of metric families.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde_json::json;
use watchkeep_model::Matcher;
use watchkeep_promql::Annotations;
use watchkeep_wire::prometheus::exposition::escape::EscapingScheme;

use super::super::error::ApiError;
use super::super::json;
use super::super::params::Call;
use super::{Answer, answer, answer_json, cut};
use crate::app::App;

/// The selectors, or one that selects everything.
fn or_everything(selectors: Vec<Vec<Matcher>>) -> Vec<Vec<Matcher>> {
    if selectors.is_empty() { vec![Vec::new()] } else { selectors }
}

/// `series`
pub(in super::super) async fn series(State(app): State<Arc<App>>, request: Request) -> Response {
    answer_series(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_series(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    if call.all("match[]").next().is_none() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let limit = call.limit()?;
    let (start_ms, end_ms) = call.range()?;
    let selectors = call.selectors()?;
    // One more than asked for shows that there are more.
    let wanted = limit.map(|limit| limit.saturating_add(1));
    let mut found = app.engine.series(&call.tenant, selectors, start_ms, end_ms, wanted).await?;
    let mut annotations = Annotations::default();
    cut(&mut found, limit, &mut annotations);
    answer(&annotations, |out| {
        out.push(b'[');
        json::list(out, &found, json::labels);
        out.push(b']');
    })
}

/// `labels`
pub(in super::super) async fn label_names(
    State(app): State<Arc<App>>,
    request: Request,
) -> Response {
    answer_label_names(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_label_names(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let limit = call.limit()?;
    let (start_ms, end_ms) = call.range()?;
    let mut names = Vec::new();
    for selector in or_everything(call.selectors()?) {
        names.extend(app.engine.label_names(&call.tenant, selector, start_ms, end_ms).await?);
    }
    strings(names, limit)
}

/// `label/{name}/values`
pub(in super::super) async fn label_values(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    answer_label_values(&app, &name, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_label_values(app: &App, name: &str, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    // Clients that can not put every character into a path escape the name.
    let name = EscapingScheme::Values.unescape(name);
    if name.is_empty() {
        return Err(ApiError::bad_data(format!("invalid label name: {name:?}")));
    }
    let limit = call.limit()?;
    let (start_ms, end_ms) = call.range()?;
    let mut values = Vec::new();
    for selector in or_everything(call.selectors()?) {
        let found =
            app.engine.label_values(&call.tenant, &name, selector, start_ms, end_ms).await?;
        values.extend(found);
    }
    strings(values, limit)
}

fn strings(mut all: Vec<String>, limit: Option<usize>) -> Answer {
    // Quick where they are sorted already, as those of one selector are.
    all.sort();
    all.dedup();
    let mut annotations = Annotations::default();
    cut(&mut all, limit, &mut annotations);
    answer(&annotations, |out| {
        out.push(b'[');
        json::list(out, &all, |out, text| json::string(out, text));
        out.push(b']');
    })
}

/// `metadata`
pub(in super::super) async fn families(State(app): State<Arc<App>>, request: Request) -> Response {
    answer_families(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_families(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let number = |name: &str| match call.get(name) {
        "" => Ok(None),
        text => text
            .parse::<i64>()
            .map(|number| usize::try_from(number).ok())
            .map_err(|_| ApiError::bad_data(format!("{name} must be a number"))),
    };
    let limit = number("limit")?.unwrap_or(usize::MAX);
    // One statement is kept of each family, so any limit of these but 0 is kept already.
    number("limit_per_metric")?;
    let metric = call.get("metric");
    let rows = app.engine.metadata(&call.tenant).await?;
    let wanted = rows.iter().filter(|row| metric.is_empty() || row.family == metric);
    let families: BTreeMap<&str, _> = wanted
        .take(limit)
        .map(|row| {
            let about = json!([{
                "type": row.kind.prometheus_type(), "help": row.help, "unit": row.unit,
            }]);
            (&*row.family, about)
        })
        .collect();
    answer_json(&json!(families))
}

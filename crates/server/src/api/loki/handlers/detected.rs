//! What is found in streams and lines: labels worth showing, fields, patterns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde_json::json;
use watchkeep_engine::logs::newest;
use watchkeep_model::TimeRange;

use super::super::error::ApiError;
use super::super::params::Call;
use super::{Answer, json as answer_json};
use crate::app::App;

/// Fields where nothing else is asked for.
const FIELDS_DEFAULT: usize = 1000;

/// Lines that fields are looked for in where nothing else is asked for.
const LINES_DEFAULT: usize = 100;

/// Labels that are always shown.
const ALWAYS: [&str; 4] = ["cluster", "namespace", "instance", "pod"];

/// `detected_labels`
pub(in super::super) async fn labels(State(app): State<Arc<App>>, request: Request) -> Response {
    answer_labels(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_labels(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let TimeRange { start_ns, end_ns } = call.range()?;
    let range = TimeRange { start_ns, end_ns: end_ns.saturating_add(1) };
    let matchers = call.matchers("query")?;
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for stream in app.engine.log_streams(&call.tenant, matchers, range).await? {
        for (name, value) in stream.labels.iter() {
            if !values.contains_key(name) {
                values.insert(name.to_owned(), BTreeSet::new());
            }
            if let Some(of_name) = values.get_mut(name)
                && !of_name.contains(value)
            {
                of_name.insert(value.to_owned());
            }
        }
    }
    let shown: Vec<_> = values
        .iter()
        .filter(|(name, values)| ALWAYS.contains(&name.as_str()) || !are_ids(values))
        .map(|(name, values)| json!({ "label": name, "cardinality": values.len() }))
        .collect();
    Ok(answer_json(json!({ "detectedLabels": shown }).to_string().into_bytes()))
}

/// Whether all values are numbers or UUIDs, which nobody would choose from; 0 and 1 alone are truth
/// values.
fn are_ids(values: &BTreeSet<String>) -> bool {
    if values.iter().all(|value| matches!(&**value, "0" | "1")) {
        return false;
    }
    values.iter().all(|value| value.parse::<f64>().is_ok() || is_uuid(value))
}

fn is_uuid(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
    let dashes: Vec<usize> =
        text.bytes().enumerate().filter(|(_, byte)| *byte == b'-').map(|(at, _)| at).collect();
    digits == 32 && (text.len() == 32 || (text.len() == 36 && dashes == [8, 13, 18, 23]))
}

/// `detected_fields`
pub(in super::super) async fn fields(State(app): State<Arc<App>>, request: Request) -> Response {
    answer_fields(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

fn fields_limit(call: &Call) -> Result<usize, ApiError> {
    // The older name of the parameter.
    let name = if call.get("limit").is_empty() { "field_limit" } else { "limit" };
    call.count(name, FIELDS_DEFAULT)
}

async fn answer_fields(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let limit = fields_limit(&call)?;
    let lines = call.count("line_limit", LINES_DEFAULT)?;
    let query = newest(call.get("query"), call.steps()?, lines);
    let found = app.engine.log_fields(&call.tenant, query, limit).await?;
    let fields: Vec<_> = found
        .iter()
        .map(|field| {
            let parsers = (!field.parsers.is_empty()).then_some(&field.parsers);
            let mut shown = json!({
                "label": field.label,
                "type": field.field_type.name(),
                "cardinality": field.cardinality,
                "parsers": parsers,
            });
            if !field.json_path.is_empty() {
                shown["jsonPath"] = json!(field.json_path);
            }
            shown
        })
        .collect();
    let mut answer = json!({ "fields": fields });
    if !found.is_empty() {
        answer["limit"] = json!(limit);
    }
    Ok(answer_json(answer.to_string().into_bytes()))
}

/// `detected_field/{name}/values`
pub(in super::super) async fn values(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let answer = async {
        let call = Call::read(&app, request).await?;
        let limit = fields_limit(&call)?;
        let lines = call.count("line_limit", LINES_DEFAULT)?;
        let query = newest(call.get("query"), call.steps()?, lines);
        let values = app.engine.log_field_values(&call.tenant, query, &name, limit).await?;
        let mut answer = json!({ "values": values });
        if !values.is_empty() {
            answer["limit"] = json!(limit);
        }
        Ok(answer_json(answer.to_string().into_bytes()))
    };
    answer.await.unwrap_or_else(|error: ApiError| error.respond(&app))
}

/// `patterns`
pub(in super::super) async fn patterns(State(app): State<Arc<App>>, request: Request) -> Response {
    answer_patterns(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_patterns(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let steps = call.steps()?;
    let log = watchkeep_logql::parse_log(call.get("query"))
        .map_err(|error| ApiError::bad_request(error.to_string()))?;
    let range = TimeRange { start_ns: steps.start_ns, end_ns: steps.end_ns };
    // Loki keeps counts for ten seconds at least.
    let step_ns = steps.step_ns.max(10_000_000_000);
    let found = app.engine.log_patterns(&call.tenant, log.matchers, range, step_ns).await?;
    let data: Vec<_> = found
        .iter()
        .map(|(level, pattern)| {
            let samples: Vec<_> = pattern
                .samples
                .iter()
                .map(|(time_ns, lines)| json!([time_ns.div_euclid(1_000_000_000), lines]))
                .collect();
            json!({ "pattern": pattern.pattern, "level": level, "samples": samples })
        })
        .collect();
    let answer = json!({ "status": "success", "data": data });
    Ok(answer_json(answer.to_string().into_bytes()))
}

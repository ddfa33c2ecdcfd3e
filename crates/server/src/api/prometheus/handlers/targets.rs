//! What is scraped: jobs, targets, what became of their labels; and reading the configuration again.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use watchkeep_engine::scrape::Target;
use watchkeep_engine::scrape::manager::PoolView;
use watchkeep_engine::scrape::target::{FamilyMetadata, SCRAPE_INTERVAL, SCRAPE_TIMEOUT};
use watchkeep_model::{Labels, Matcher};
use watchkeep_promql::parse_selector;

use super::super::error::ApiError;
use super::super::params::Call;
use super::{Answer, answer_json};
use crate::app::App;
use crate::error_log::public_message;

/// When a target was scraped that never was, as Prometheus writes it.
const NEVER: &str = "0001-01-01T00:00:00Z";

fn object(labels: &Labels) -> Value {
    labels.iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

/// Jobs by name, as Prometheus lists them.
fn pools_by_name(app: &App) -> Vec<PoolView> {
    let mut pools = app.scraping.manager().pools();
    pools.sort_by(|a, b| a.job.config.job_name.cmp(&b.job.config.job_name));
    pools
}

/// `targets`
pub(in super::super) async fn list(State(app): State<Arc<App>>, request: Request) -> Response {
    answer_list(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_list(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let (state, wanted) = (call.get("state").to_lowercase(), call.get("scrapePool"));
    let shows = |kind: &str| ["", "any", kind].contains(&&*state);
    let (mut active, mut dropped, mut counts) = (Vec::new(), Vec::new(), BTreeMap::new());
    for pool in pools_by_name(app) {
        let name = &pool.job.config.job_name;
        counts.insert(name.clone(), pool.dropped_count);
        if !wanted.is_empty() && wanted != name {
            continue;
        }
        if shows("active") {
            active.extend(pool.active.iter().map(|target| active_target(name, target)));
        }
        if shows("dropped") {
            dropped.extend(
                pool.dropped.iter().map(
                    |labels| json!({ "discoveredLabels": object(labels), "scrapePool": name }),
                ),
            );
        }
    }
    answer_json(&json!({
        "activeTargets": active,
        "droppedTargets": dropped,
        "droppedTargetCounts": if shows("dropped") { json!(counts) } else { Value::Null },
    }))
}

fn active_target(pool: &str, target: &Target) -> Value {
    let status = target.status();
    let last_scrape = status.last_scrape.and_then(|at| Timestamp::try_from(at).ok());
    json!({
        "discoveredLabels": object(&target.discovered_labels()),
        "labels": object(&target.public_labels()),
        "scrapePool": pool,
        "scrapeUrl": target.url(),
        "globalUrl": target.url(),
        "lastError": status.last_error,
        "lastScrape": last_scrape.map_or_else(|| NEVER.to_owned(), |at| at.to_string()),
        "lastScrapeDuration": status.last_scrape_duration.as_secs_f64(),
        "health": status.health.name(),
        "scrapeInterval": target.labels().get(SCRAPE_INTERVAL),
        "scrapeTimeout": target.labels().get(SCRAPE_TIMEOUT),
    })
}

/// `targets/metadata`
pub(in super::super) async fn metadata(State(app): State<Arc<App>>, request: Request) -> Response {
    answer_metadata(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_metadata(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let limit = match call.get("limit") {
        "" => usize::MAX,
        text => match text.parse::<i64>() {
            Ok(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
            Err(_) => return Err(ApiError::bad_data("limit must be a number")),
        },
    };
    let matchers: Vec<Matcher> = match call.get("match_target") {
        "" => Vec::new(),
        text => parse_selector(text)
            .map_err(|error| ApiError::parameter("match_target", &error.display(text)))?,
    };
    let metric = call.get("metric");
    let mut found = Vec::new();
    for target in pools_by_name(app).iter().flat_map(|pool| &pool.active) {
        if found.len() >= limit {
            break;
        }
        let labels = target.public_labels();
        let Some(source) = target.metadata() else { continue };
        if !matchers.iter().all(|matcher| matcher.matches(&labels)) {
            continue;
        }
        let families = if metric.is_empty() {
            source.families()
        } else {
            source.family(metric).into_iter().collect()
        };
        found.extend(families.iter().map(|family| described(&labels, family, metric.is_empty())));
    }
    answer_json(&found.into())
}

fn described(target: &Labels, family: &FamilyMetadata, with_name: bool) -> Value {
    let mut about = json!({
        "target": object(target),
        "type": family.kind,
        "help": family.help,
        "unit": family.unit,
    });
    if with_name {
        about["metric"] = json!(family.family);
    }
    about
}

/// `targets/relabel_steps`
pub(in super::super) async fn relabel_steps(
    State(app): State<Arc<App>>,
    request: Request,
) -> Response {
    answer_relabel_steps(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_relabel_steps(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let needed = |name: &str| match call.get(name) {
        "" => Err(ApiError::bad_data(format!("no {name} parameter provided"))),
        text => Ok(text),
    };
    let (pool, labels) = (needed("scrapePool")?, needed("labels")?);
    let labels: BTreeMap<String, String> = serde_json::from_str(labels)
        .map_err(|error| ApiError::bad_data(format!("error parsing labels: {error}")))?;
    let steps = app.scraping.manager().relabel_steps(pool, &labels)?;
    let steps: Vec<Value> = steps
        .iter()
        .map(|step| json!({ "rule": step.rule, "output": object(&step.output), "keep": step.keep }))
        .collect();
    answer_json(&json!({ "steps": steps }))
}

/// `scrape_pools`
pub(in super::super) async fn pools(State(app): State<Arc<App>>) -> Response {
    let pools = pools_by_name(&app);
    let names: Vec<&str> = pools.iter().map(|pool| &*pool.job.config.job_name).collect();
    answer_json(&json!({ "scrapePools": names })).unwrap_or_else(|error| error.respond(&app))
}

/// `scrape_pools/config`
pub(in super::super) async fn pool_config(
    State(app): State<Arc<App>>,
    request: Request,
) -> Response {
    answer_pool_config(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_pool_config(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let wanted = call.get("scrapePool");
    if wanted.is_empty() {
        return Err(ApiError::bad_data("no scrapePool parameter provided"));
    }
    let pools = app.scraping.manager().pools();
    let pool = pools.iter().find(|pool| pool.job.config.job_name == wanted).ok_or_else(|| {
        let message = format!("error retrieving scrape config: scrape pool {wanted:?} not found");
        ApiError::bad_data(message)
    })?;
    answer_json(&json!({ "yaml": pool.job.config.to_yaml()? }))
}

/// `/-/reload`: reads the scrape configuration again. Behind `server.lifecycle_api`.
pub(in super::super) async fn reload(State(app): State<Arc<App>>) -> Response {
    if !app.config.lifecycle_api {
        return (StatusCode::FORBIDDEN, "Lifecycle API is not enabled.").into_response();
    }
    match app.scraping.reload().await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => {
            let message = format!("failed to reload config: {}", public_message(&error));
            (StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
        }
    }
}

//! Prices: what is in force, which row is for a model, overrides, and history priced again.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;
use watchkeep_engine::Engine;
use watchkeep_engine::prices::reprice::Reprice;
use watchkeep_genai::price::Priced;
use watchkeep_genai::{Bucket, Kind, Usage};
use watchkeep_model::{Error, ErrorKind, Result, TimeRange};

use super::{Outcome, answer};
use crate::api::native::dto::prices::{
    Match, MatchParams, Override, OverrideList, PriceList, PriceRow, PricesParams, Reloaded,
    RepriceAnswer, RepriceRequest, Table, UnpricedList, UnpricedModel,
};
use crate::api::native::error::{ApiError, ErrorBody};
use crate::api::native::params::{Call, NoParams};
use crate::app::App;
use crate::body::{BodyLimits, read_body};

const ROWS: usize = 1000;
/// Keys that look alike in an answer.
const NEAREST: usize = 5;
/// Models without a price that are told what is near: looking is work.
const NEAREST_MODELS_MAX: usize = 50;
const INPUT_TOKENS: u64 = 1000;
const OUTPUT_TOKENS: u64 = 100;
const BODY_BYTES_MAX: usize = 1 << 20;

/// Lists rows of the price tables in force.
#[utoipa::path(
    get, path = "/prices", tag = "prices", operation_id = "listPrices", params(PricesParams),
    responses(
        (status = 200, description = "Tables and rows", body = PriceList),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn list(
    State(app): State<Arc<App>>,
    Call { tenant, params }: Call<PricesParams>,
) -> Response {
    let book = app.engine.prices().book(&tenant);
    let [q, provider] =
        [params.q, params.provider].map(|text| text.unwrap_or_default().to_ascii_lowercase());
    let limit = params.limit.map_or(ROWS, |limit| limit.0);
    let has = |text: &str, part: &str| text.to_ascii_lowercase().contains(part);
    let (mut rows, mut total) = (Vec::new(), 0);
    for table in book.tables() {
        for row in table.rows() {
            if has(&row.key, &q) && has(&row.provider, &provider) {
                total += 1;
                if rows.len() < limit {
                    rows.push(PriceRow::of(&table.name, row));
                }
            }
        }
    }
    let tables = book.tables().iter().map(|table| Table::from(&**table)).collect();
    let (cost, truncated) = (app.engine.prices().choice(), total > rows.len());
    answer(&app, Ok(PriceList { tables, cost, rows, total, truncated }))
}

/// Tells which row is for a model, how it was found, and what some tokens cost by it.
#[utoipa::path(
    get, path = "/prices/match", tag = "prices", operation_id = "matchPrice", params(MatchParams),
    responses(
        (status = 200, description = "The row, or what is near", body = Match),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn matching(
    State(app): State<Arc<App>>,
    Call { tenant, params }: Call<MatchParams>,
) -> Response {
    let book = app.engine.prices().book(&tenant);
    let at_ns = params.at.map_or_else(|| app.engine.clock().now_ns(), |at| at.0);
    let found = book.find(&params.provider, &params.model, at_ns);
    let mut usage = Usage::default();
    usage.set(Bucket::Input, params.input_tokens.unwrap_or(INPUT_TOKENS));
    usage.set(Bucket::InputCached, params.cached_tokens.unwrap_or(0));
    usage.set(Bucket::Output, params.output_tokens.unwrap_or(OUTPUT_TOKENS));
    let kind = match found.as_ref().map(|found| &*found.row.mode) {
        Some("embedding") => Kind::Embedding,
        Some("rerank") => Kind::Reranker,
        _ => Kind::Llm,
    };
    let priced = Priced {
        kind,
        provider: &params.provider,
        model: &params.model,
        request_model: &params.model,
        usage: &usage,
        service_tier: &params.service_tier,
        reported_cost: None,
        is_free: false,
        is_failed: false,
    };
    let cost = book.cost_of(&priced, at_ns);
    let row = cost.row.as_ref();
    let body = Match {
        found: found.is_some(),
        matched: found.as_ref().map(|found| found.matched),
        tier: row.map(|row| row.tier.clone()).unwrap_or_default(),
        service_tier: row.map(|row| row.service_tier.clone()).unwrap_or_default(),
        cost: cost.into(),
        tried: book.keys_tried(&params.provider, &params.model),
        nearest: match found {
            Some(_) => Vec::new(),
            None => book.nearest(&params.model, NEAREST),
        },
        row: found.map(|found| PriceRow::of(&found.table, &found.row)),
    };
    answer(&app, Ok(body))
}

/// Lists models that were used since the server started and have no price.
#[utoipa::path(
    get, path = "/prices/unpriced", tag = "prices", operation_id = "listUnpricedModels",
    responses(
        (status = 200, description = "Models, most tokens first", body = UnpricedList),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn unpriced(
    State(app): State<Arc<App>>,
    Call { tenant, params: NoParams {} }: Call<NoParams>,
) -> Response {
    let book = app.engine.prices().book(&tenant);
    let (models, truncated) = app.engine.prices().unpriced(&tenant, app.engine.clock().now_ns());
    let model = |(at, held): (usize, watchkeep_engine::prices::unpriced::UnpricedModel)| {
        let is_told = at < NEAREST_MODELS_MAX;
        let near = if is_told { book.nearest(&held.model, NEAREST) } else { Vec::new() };
        UnpricedModel::of(held, near)
    };
    let models = models.into_iter().enumerate().map(model).collect();
    answer(&app, Ok(UnpricedList { models, truncated }))
}

/// Lists what the tenant overrides.
#[utoipa::path(
    get, path = "/prices/overrides", tag = "prices", operation_id = "listPriceOverrides",
    responses(
        (status = 200, description = "Overrides by key", body = OverrideList),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn overrides(
    State(app): State<Arc<App>>,
    Call { tenant, params: NoParams {} }: Call<NoParams>,
) -> Response {
    let overrides = app.engine.price_overrides(&tenant).into_iter().map(Override::from).collect();
    answer(&app, Ok(OverrideList { overrides }))
}

/// Returns what the tenant set for a key.
#[utoipa::path(
    get, path = "/prices/overrides/{key}", tag = "prices", operation_id = "getPriceOverride",
    params(("key" = String, Path, description = "Key of the row; may have slashes")),
    responses(
        (status = 200, description = "The rows", body = Override),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn one_override(
    State(app): State<Arc<App>>,
    Path(key): Path<String>,
    Call { tenant, params: NoParams {} }: Call<NoParams>,
) -> Response {
    let held = app.engine.price_overrides(&tenant).into_iter().find(|held| held.key == key);
    let none = || Error::new(ErrorKind::NotFound, "no price is overridden for this key");
    answer(&app, held.map(Override::from).ok_or_else(|| none().into()))
}

/// Sets the row, or the rows, of a key for the tenant.
///
/// The body is one row in LiteLLM's format or an array of rows, also with `effective_from`,
/// `effective_to` (a day or RFC 3339) and `pattern` (a regular expression over the whole name).
#[utoipa::path(
    put, path = "/prices/overrides/{key}", tag = "prices", operation_id = "setPriceOverride",
    params(("key" = String, Path, description = "Key of the row; may have slashes")),
    request_body(content = Object, content_type = "application/json"),
    responses(
        (status = 200, description = "The rows, which are in force", body = Override),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not store", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn set_override(
    State(app): State<Arc<App>>,
    Path(key): Path<String>,
    Call { tenant, params: NoParams {} }: Call<NoParams>,
    body: Body,
) -> Response {
    let outcome = async {
        let rows: Value = json(&app, body).await?;
        let set = move |engine: &Engine| engine.set_price_override(&tenant, &key, rows);
        Ok(Override::from(blocking(&app, set).await?))
    };
    answer(&app, outcome.await)
}

/// Takes back what the tenant set for a key.
#[utoipa::path(
    delete, path = "/prices/overrides/{key}", tag = "prices",
    operation_id = "deletePriceOverride",
    params(("key" = String, Path, description = "Key of the row; may have slashes")),
    responses(
        (status = 204, description = "It is gone"),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not store", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn delete_override(
    State(app): State<Arc<App>>,
    Path(key): Path<String>,
    Call { tenant, params: NoParams {} }: Call<NoParams>,
) -> Response {
    let remove = move |engine: &Engine| engine.remove_price_override(&tenant, &key);
    match blocking(&app, remove).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => ApiError::from(error).respond(&app),
    }
}

/// Reads the user's price table again; where that fails the prices stay as they are.
#[utoipa::path(
    post, path = "/prices/reload", tag = "prices", operation_id = "reloadPrices",
    responses(
        (status = 200, description = "What was read", body = Reloaded),
        (status = "4XX", description = "The file is wrong", body = ErrorBody),
        (status = "5XX", description = "The file can not be read", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn reload(
    State(app): State<Arc<App>>,
    Call { params: NoParams {}, .. }: Call<NoParams>,
) -> Response {
    let read = blocking(&app, |engine: &Engine| engine.prices().reload()).await;
    let outcome = read.map(|read| Reloaded::from(read.file.as_deref())).map_err(ApiError::from);
    answer(&app, outcome)
}

/// Prices steps of the past again at the prices in force, each at its instant.
///
/// Without `dry_run` the ledger is corrected, and with it runs and reports; counters that were written
/// stay. With `as_model` it tells what another model would have cost.
#[utoipa::path(
    post, path = "/prices/reprice", tag = "prices", operation_id = "reprice",
    request_body = RepriceRequest,
    responses(
        (status = 200, description = "Sums before and after", body = RepriceAnswer),
        (status = "4XX", description = "The request is wrong", body = ErrorBody),
        (status = "5XX", description = "The server can not answer", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn reprice(
    State(app): State<Arc<App>>,
    Call { tenant, params: NoParams {} }: Call<NoParams>,
    body: Body,
) -> Response {
    let outcome = async {
        let asked: RepriceRequest = json(&app, body).await?;
        let range = TimeRange { start_ns: asked.start.0, end_ns: asked.end.0 };
        if range.start_ns >= range.end_ns {
            return Err(ApiError::invalid("start", "must be before end"));
        }
        let dry_run = asked.dry_run;
        let question = Reprice {
            range,
            model: asked.model,
            service: asked.service,
            as_model: asked.as_model,
            as_provider: asked.as_provider,
            dry_run,
        };
        let engine = Arc::clone(&app.engine);
        // In a task of its own, so that a client that hangs up leaves nothing half done.
        let doing = tokio::spawn(async move { engine.reprice(&tenant, question).await });
        let done = doing
            .await
            .map_err(|error| Error::internal("pricing again ended badly").with_source(error))??;
        Ok(RepriceAnswer::of(dry_run, done))
    };
    answer(&app, outcome.await)
}

/// A body of JSON.
async fn json<T: DeserializeOwned>(app: &App, body: Body) -> Outcome<T> {
    let limits = BodyLimits { bytes_max: BODY_BYTES_MAX, timeout: app.config.body_timeout.0 };
    let mut reservation = app.engine.gate().open();
    let body = read_body(body, limits, &mut reservation).await?;
    serde_json::from_slice(&body)
        .map_err(|error| Error::invalid(format!("the body is wrong: {error}")).into())
}

/// Does what blocks off the async threads.
async fn blocking<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Engine) -> Result<T> + Send + 'static,
) -> Result<T> {
    let engine = Arc::clone(&app.engine);
    tokio::task::spawn_blocking(move || work(&engine))
        .await
        .map_err(|error| Error::internal("a change of prices ended badly").with_source(error))?
}

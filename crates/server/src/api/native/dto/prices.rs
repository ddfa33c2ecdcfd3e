//! Prices: rows, matches, overrides, models without a price, history priced again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use watchkeep_engine::prices::overrides;
use watchkeep_engine::prices::reprice::{self, Repriced, Sums};
use watchkeep_engine::prices::unpriced;
use watchkeep_genai::price::{self, CostChoice, CostSource, Matched, PriceTable};

use crate::api::native::params::{Count, Instant};

/// Rows in force.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct PriceList {
    /// The tables, in the order in which they are asked.
    pub(in crate::api::native) tables: Vec<Table>,
    /// Which cost counts: `computed`, `reported` or `prefer_reported`.
    #[schema(value_type = String)]
    pub(in crate::api::native) cost: CostChoice,
    /// Rows that fit, table by table.
    pub(in crate::api::native) rows: Vec<PriceRow>,
    /// How many fit.
    pub(in crate::api::native) total: usize,
    /// There are more than were asked for.
    pub(in crate::api::native) truncated: bool,
}

/// A price table.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Table {
    /// `override`, `config`, the name of the user's file, or `built-in`.
    name: String,
    rows: usize,
    /// The day of its figures, where it says so.
    as_of: String,
    /// Rows that were left out; the first hundred.
    problems: Vec<Problem>,
}

#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Problem {
    /// Line of the file.
    line: Option<u32>,
    /// Key of the row.
    key: String,
    message: String,
}

impl From<&PriceTable> for Table {
    fn from(table: &PriceTable) -> Self {
        Self {
            name: table.name.to_string(),
            rows: table.rows().len(),
            as_of: table.as_of.clone(),
            problems: problems(table),
        }
    }
}

fn problems(table: &PriceTable) -> Vec<Problem> {
    let problem = |problem: &price::Problem| Problem {
        line: problem.line,
        key: problem.key.clone(),
        message: problem.message.clone(),
    };
    table.problems.iter().map(problem).collect()
}

/// A row of a price table.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct PriceRow {
    key: String,
    /// The table that it stands in.
    table: String,
    /// The provider, by `LiteLLM`'s names.
    provider: String,
    /// `chat`, `embedding`, `rerank`, …
    mode: String,
    /// Line of the file.
    line: Option<u32>,
    /// Since when it holds; empty for ever since.
    effective_from: String,
    /// Until when it holds, not included; empty for ever.
    effective_to: String,
    /// Names that it is for besides its key; empty for none.
    pattern: String,
    /// USD for one token (or one request) by the field that it stands in.
    prices: BTreeMap<String, f64>,
}

impl PriceRow {
    pub(in crate::api::native) fn of(table: &str, row: &price::Row) -> Self {
        let price = |rate: &price::Rate| (rate.field.to_string(), rate.usd);
        Self {
            key: row.key.clone(),
            table: table.to_owned(),
            provider: row.provider.clone(),
            mode: row.mode.clone(),
            line: row.line,
            effective_from: row.effective_from.clone(),
            effective_to: row.effective_to.clone(),
            pattern: row.pattern.as_ref().map(ToString::to_string).unwrap_or_default(),
            prices: row.rates.iter().map(price).collect(),
        }
    }
}

/// Parameters of the list of rows.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api::native) struct PricesParams {
    /// Part of the key.
    pub(in crate::api::native) q: Option<String>,
    /// Part of the provider.
    pub(in crate::api::native) provider: Option<String>,
    /// How many, 1 to 10000; default 1000.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 10_000)]
    pub(in crate::api::native) limit: Option<Count<10_000>>,
}

/// Parameters of the question which row is for a model.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api::native) struct MatchParams {
    /// The model, as telemetry names it.
    pub(in crate::api::native) model: String,
    /// Who runs it, as telemetry names them.
    #[serde(default)]
    pub(in crate::api::native) provider: String,
    /// At which instant: unix nanoseconds or RFC 3339; default now.
    #[param(value_type = Option<String>)]
    pub(in crate::api::native) at: Option<Instant>,
    /// Tokens that were read afresh; default 1000.
    pub(in crate::api::native) input_tokens: Option<u64>,
    /// Tokens that were read out of the provider's cache; default none.
    pub(in crate::api::native) cached_tokens: Option<u64>,
    /// Tokens that were written; default 100.
    pub(in crate::api::native) output_tokens: Option<u64>,
    /// The price class: `flex`, `priority`, `batch`.
    #[serde(default)]
    pub(in crate::api::native) service_tier: String,
}

/// Which row is for a model, and how it was found.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Match {
    pub(in crate::api::native) found: bool,
    pub(in crate::api::native) row: Option<PriceRow>,
    /// `exact`, `provider`, `date` or `pattern`.
    #[schema(value_type = Option<String>)]
    pub(in crate::api::native) matched: Option<Matched>,
    /// The tier by length of context that was used, or empty.
    pub(in crate::api::native) tier: String,
    /// The price class that was used.
    pub(in crate::api::native) service_tier: String,
    /// What the tokens cost.
    pub(in crate::api::native) cost: MatchCost,
    /// Keys under which the row was looked for, the best first.
    pub(in crate::api::native) tried: Vec<String>,
    /// Keys that look alike, where no row was found; none of them is used.
    pub(in crate::api::native) nearest: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct MatchCost {
    usd: f64,
    /// `computed`, `unpriced` or `nothing`.
    #[schema(value_type = String)]
    source: CostSource,
    lines: Vec<PricedLine>,
}

/// Tokens of one bucket and what they cost.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct PricedLine {
    bucket: &'static str,
    tokens: u64,
    usd_per_token: Option<f64>,
    /// The field of the row that the price stands in.
    field: String,
    usd: f64,
}

impl From<price::Cost> for MatchCost {
    fn from(cost: price::Cost) -> Self {
        let line = |line: price::CostLine| PricedLine {
            bucket: line.bucket.name(),
            tokens: line.tokens,
            usd_per_token: line.usd_per_token,
            field: line.field,
            usd: line.usd,
        };
        let lines = cost.lines.into_iter().map(line).collect();
        Self { usd: cost.usd, source: cost.source, lines }
    }
}

/// Models that were used and have no price.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct UnpricedList {
    /// Most tokens first.
    pub(in crate::api::native) models: Vec<UnpricedModel>,
    /// There are more than are remembered.
    pub(in crate::api::native) truncated: bool,
}

#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct UnpricedModel {
    provider: String,
    model: String,
    /// Services that used it; the first twenty that came.
    services: Vec<String>,
    calls: u64,
    tokens: u64,
    first_seen: String,
    last_seen: String,
    /// Keys that look alike; none of them is used.
    nearest: Vec<String>,
}

impl UnpricedModel {
    pub(in crate::api::native) fn of(held: unpriced::UnpricedModel, nearest: Vec<String>) -> Self {
        Self {
            provider: held.provider,
            model: held.model,
            services: held.services.into_iter().collect(),
            calls: held.calls,
            tokens: held.tokens,
            first_seen: held.first_ns.to_string(),
            last_seen: held.last_ns.to_string(),
            nearest,
        }
    }
}

/// What the tenant overrides.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct OverrideList {
    pub(in crate::api::native) overrides: Vec<Override>,
}

/// Rows that the tenant set for a key.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Override {
    key: String,
    /// In `LiteLLM`'s format.
    #[schema(value_type = Vec<Object>)]
    rows: Vec<Value>,
}

impl From<overrides::PriceOverride> for Override {
    fn from(held: overrides::PriceOverride) -> Self {
        Self { key: held.key, rows: held.rows }
    }
}

/// What reading the user's price table again came to.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Reloaded {
    /// The table; none where no file is configured.
    file: Option<String>,
    rows: usize,
    problems: Vec<Problem>,
}

impl From<Option<&PriceTable>> for Reloaded {
    fn from(table: Option<&PriceTable>) -> Self {
        Self {
            file: table.map(|table| table.name.to_string()),
            rows: table.map_or(0, |table| table.rows().len()),
            problems: table.map(problems).unwrap_or_default(),
        }
    }
}

/// Which steps are priced again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api::native) struct RepriceRequest {
    /// First instant: unix nanoseconds or RFC 3339.
    #[schema(value_type = String)]
    pub(in crate::api::native) start: Instant,
    /// First instant after.
    #[schema(value_type = String)]
    pub(in crate::api::native) end: Instant,
    /// Steps of this model only.
    pub(in crate::api::native) model: Option<String>,
    /// Steps of this service only.
    pub(in crate::api::native) service: Option<String>,
    /// As if this model had been called instead; needs `dry_run`.
    pub(in crate::api::native) as_model: Option<String>,
    /// Who would run that model.
    #[serde(default)]
    pub(in crate::api::native) as_provider: String,
    /// Whether nothing is written; default true.
    #[serde(default = "yes")]
    pub(in crate::api::native) dry_run: bool,
}

fn yes() -> bool {
    true
}

/// What pricing again came to.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct RepriceAnswer {
    dry_run: bool,
    /// Steps that were looked at.
    steps: u64,
    /// Steps whose cost is another.
    changed: u64,
    /// Runs that were corrected.
    runs_changed: u64,
    usd_before: f64,
    usd_after: f64,
    /// The dearest first, a thousand at most.
    models: Vec<RepricedModel>,
    /// What this did not change.
    note: &'static str,
}

#[derive(Serialize, ToSchema)]
struct RepricedModel {
    provider: String,
    model: String,
    steps: u64,
    tokens: u64,
    usd_before: f64,
    usd_after: f64,
    /// Tokens without a price.
    unpriced_before: u64,
    unpriced_after: u64,
}

impl From<reprice::RepricedModel> for RepricedModel {
    fn from(held: reprice::RepricedModel) -> Self {
        let Sums { steps, tokens, usd_before, usd_after, unpriced_before, unpriced_after } =
            held.sums;
        let (provider, model) = (held.provider, held.model);
        Self {
            provider,
            model,
            steps,
            tokens,
            usd_before,
            usd_after,
            unpriced_before,
            unpriced_after,
        }
    }
}

impl RepriceAnswer {
    pub(in crate::api::native) fn of(dry_run: bool, done: Repriced) -> Self {
        let note = if dry_run {
            "nothing was written"
        } else {
            "steps and runs of the ledger, and all reports, are corrected; counters such as \
             watchkeep_llm_cost_usd_total keep what was written to them"
        };
        Self {
            dry_run,
            steps: done.steps,
            changed: done.changed,
            runs_changed: done.runs_changed,
            usd_before: done.total.usd_before,
            usd_after: done.total.usd_after,
            models: done.models.into_iter().map(RepricedModel::from).collect(),
            note,
        }
    }
}

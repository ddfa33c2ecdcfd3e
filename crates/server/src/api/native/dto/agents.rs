//! Agents: how they are, what they did, what they cost.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;
use watchkeep_engine::agents::query::agents::{self as engine, cached_share};
use watchkeep_engine::agents::query::dialects::ServiceDialects;
use watchkeep_engine::agents::query::durations::Durations;
use watchkeep_engine::agents::query::{self as query};
use watchkeep_genai::Usage;

use super::costs::Projection;
use super::runs::Run;

/// Tokens.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Tokens {
    /// All.
    total: u64,
    /// All that was read.
    input: u64,
    /// All that was written.
    output: u64,
    /// By bucket; those without tokens are left out.
    buckets: BTreeMap<&'static str, u64>,
}

impl From<&Usage> for Tokens {
    fn from(usage: &Usage) -> Self {
        Self {
            total: usage.total(),
            input: usage.input(),
            output: usage.output(),
            buckets: usage.buckets().map(|(bucket, tokens)| (bucket.name(), tokens)).collect(),
        }
    }
}

/// Durations; quantiles are within 1 %.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Latency {
    count: u64,
    avg_ns: i64,
    min_ns: i64,
    max_ns: i64,
    p50_ns: i64,
    p95_ns: i64,
    p99_ns: i64,
}

impl Latency {
    /// None where there are none.
    pub(super) fn of(durations: &Durations) -> Option<Self> {
        let at = |share: f64| durations.quantile_ns(share).unwrap_or_default();
        Some(Self {
            count: durations.count(),
            avg_ns: durations.average_ns()? as i64,
            min_ns: durations.min_ns(),
            max_ns: durations.max_ns(),
            p50_ns: at(0.5),
            p95_ns: at(0.95),
            p99_ns: at(0.99),
        })
    }
}

/// Ratings from 1 to 5.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Rating {
    average: f64,
    count: u64,
}

impl Rating {
    /// None where there are none.
    pub(super) fn of(rating: query::Rating) -> Option<Self> {
        Some(Self { average: rating.average()?, count: rating.count })
    }
}

/// How an agent is.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Health {
    /// `healthy`, `degraded`, `unhealthy`; `unknown` without runs.
    status: &'static str,
    pub(super) issues: Vec<Issue>,
}

/// A threshold that is crossed.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Issue {
    /// `success_rate` or `response_time`.
    kind: &'static str,
    /// `degraded` or `unhealthy`.
    severity: &'static str,
    message: String,
    /// A share, or seconds.
    value: f64,
    threshold: f64,
}

impl From<&query::AgentHealth> for Health {
    fn from(health: &query::AgentHealth) -> Self {
        let issues = health.issues.iter().map(|issue| Issue {
            kind: issue.kind,
            severity: issue.severity.name(),
            message: issue.message.clone(),
            value: issue.value,
            threshold: issue.threshold,
        });
        Self { status: health.status.name(), issues: issues.collect() }
    }
}

/// Figures by step of time, arrays of one length.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Series {
    /// Start of the first step, a multiple of `step_ns`.
    start_unix_nano: String,
    step_ns: i64,
    runs: Vec<u64>,
    errors: Vec<u64>,
    cost_usd: Vec<f64>,
    tokens: Vec<u64>,
    /// Calls of models.
    calls: Vec<u64>,
}

impl From<engine::Series> for Series {
    fn from(series: engine::Series) -> Self {
        Self {
            start_unix_nano: series.grid.start_ns.to_string(),
            step_ns: series.grid.step_ns,
            runs: series.runs,
            errors: series.errors,
            cost_usd: series.cost_usd,
            tokens: series.tokens,
            calls: series.calls,
        }
    }
}

/// What runs add up to.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Figures {
    runs: u64,
    succeeded: u64,
    failed: u64,
    /// None without runs.
    success_rate: Option<f64>,
    latency: Option<Latency>,
    /// To the first token of the first call that told.
    first_token: Option<Latency>,
    steps: u64,
    llm_calls: u64,
    llm_errors: u64,
    tool_calls: u64,
    tool_errors: u64,
    retries: u64,
    /// Runs with a loop.
    loops: u64,
    tokens: Tokens,
    cost_usd: f64,
    /// None without runs.
    cost_per_run_usd: Option<f64>,
    unpriced_tokens: u64,
    rating: Option<Rating>,
    first_seen_unix_nano: String,
    last_seen_unix_nano: String,
}

impl From<&engine::Figures> for Figures {
    fn from(figures: &engine::Figures) -> Self {
        Self {
            runs: figures.runs,
            succeeded: figures.runs.saturating_sub(figures.failed),
            failed: figures.failed,
            success_rate: figures.success_rate(),
            latency: Latency::of(&figures.latency),
            first_token: Latency::of(&figures.first_token),
            steps: figures.steps,
            llm_calls: figures.llm_calls,
            llm_errors: figures.llm_errors,
            tool_calls: figures.tool_calls,
            tool_errors: figures.tool_errors,
            retries: figures.retries,
            loops: figures.loops,
            tokens: Tokens::from(&figures.usage),
            cost_usd: figures.cost_usd,
            cost_per_run_usd: figures.cost_per_run_usd(),
            unpriced_tokens: figures.unpriced_tokens,
            rating: Rating::of(figures.rating),
            first_seen_unix_nano: figures.first_ns.to_string(),
            last_seen_unix_nano: figures.last_ns.to_string(),
        }
    }
}

/// An agent; empty name for all together.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct AgentRow {
    agent: String,
    services: Vec<String>,
    versions: Vec<String>,
    /// It only worked below other agents: its runs are its own steps, and so is its cost.
    is_subagent: bool,
    health: Health,
    #[serde(flatten)]
    figures: Figures,
    series: Series,
}

impl From<engine::AgentRow> for AgentRow {
    fn from(row: engine::AgentRow) -> Self {
        Self {
            agent: row.agent.to_string(),
            services: row.services.iter().map(ToString::to_string).collect(),
            versions: row.versions.iter().map(ToString::to_string).collect(),
            is_subagent: row.is_subagent,
            health: Health::from(&row.health),
            figures: Figures::from(&row.figures),
            series: row.series.into(),
        }
    }
}

/// All agents of a range.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the API calls it so")]
pub(in crate::api::native) struct Agents {
    start_unix_nano: String,
    end_unix_nano: String,
    /// The dearest first.
    agents: Vec<AgentRow>,
    overall: AgentRow,
    /// Whether some were left out.
    truncated: bool,
}

impl From<engine::AgentTable> for Agents {
    fn from(table: engine::AgentTable) -> Self {
        Self {
            start_unix_nano: table.range.start_ns.to_string(),
            end_unix_nano: table.range.end_ns.to_string(),
            agents: table.agents.into_iter().map(Into::into).collect(),
            overall: table.overall.into(),
            truncated: table.truncated,
        }
    }
}

/// A version of an agent.
#[derive(Serialize, ToSchema)]
struct Version {
    version: String,
    #[serde(flatten)]
    figures: Figures,
}

/// A model as it is used in an agent's runs.
#[derive(Serialize, ToSchema)]
struct ModelUse {
    model: String,
    provider: String,
    calls: u64,
    errors: u64,
    retries: u64,
    latency: Option<Latency>,
    first_token: Option<Latency>,
    tokens: Tokens,
    cost_usd: f64,
    /// Share of what was read that came from the cache.
    cached_share: Option<f64>,
    unpriced_tokens: u64,
}

/// A tool as an agent uses it.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct ToolUse {
    tool: String,
    calls: u64,
    errors: u64,
    error_rate: f64,
    retries: u64,
    latency: Option<Latency>,
}

impl From<&engine::UseRow> for ToolUse {
    fn from(row: &engine::UseRow) -> Self {
        let sums = &row.sums;
        Self {
            tool: row.name.to_string(),
            calls: sums.tool_calls,
            errors: sums.tool_errors,
            error_rate: sums.tool_errors as f64 / sums.tool_calls.max(1) as f64,
            retries: sums.retries,
            latency: Latency::of(&sums.details().durations),
        }
    }
}

/// An error that steps ended with.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct StepError {
    error: String,
    /// Kind of the steps.
    kind: &'static str,
    /// Their name.
    name: String,
    count: u64,
    last_unix_nano: String,
    trace_ids: Vec<String>,
}

impl From<&engine::ErrorRow> for StepError {
    fn from(row: &engine::ErrorRow) -> Self {
        Self {
            error: row.error.to_string(),
            kind: row.kind,
            name: row.name.to_string(),
            count: row.count,
            last_unix_nano: row.last_ns.to_string(),
            trace_ids: row.traces.iter().map(ToString::to_string).collect(),
        }
    }
}

/// A user of an agent.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the API calls it so")]
struct User {
    user: String,
    runs: u64,
    failed: u64,
    cost_usd: f64,
    tokens: Tokens,
    rating: Option<Rating>,
}

/// An agent and all about it.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct AgentPage {
    start_unix_nano: String,
    end_unix_nano: String,
    agent: AgentRow,
    /// The newest first.
    versions: Vec<Version>,
    models: Vec<ModelUse>,
    tools: Vec<ToolUse>,
    errors: Vec<StepError>,
    users: Vec<User>,
    /// Agents that worked for it.
    subagents: Vec<String>,
    recent_runs: Vec<Run>,
    /// Share of what was read that came from the cache.
    cached_share: Option<f64>,
    /// What calls cost that were tried again.
    retry_usd: f64,
    projection: Projection,
}

impl From<engine::AgentPage> for AgentPage {
    fn from(page: engine::AgentPage) -> Self {
        let model = |row: &engine::UseRow| ModelUse {
            model: row.name.to_string(),
            provider: row.provider.to_string(),
            calls: row.sums.calls,
            errors: row.sums.call_errors,
            retries: row.sums.retries,
            latency: Latency::of(&row.sums.details().durations),
            first_token: Latency::of(&row.sums.details().first_token),
            tokens: Tokens::from(&row.sums.usage),
            cost_usd: row.sums.cost_usd,
            cached_share: cached_share(&row.sums.usage),
            unpriced_tokens: row.sums.unpriced_tokens,
        };
        let user = |row: &engine::UserRow| User {
            user: row.user.to_string(),
            runs: row.figures.runs,
            failed: row.figures.failed,
            cost_usd: row.figures.cost_usd,
            tokens: Tokens::from(&row.figures.usage),
            rating: Rating::of(row.figures.rating),
        };
        let version = |row: &engine::VersionRow| Version {
            version: row.version.to_string(),
            figures: Figures::from(&row.figures),
        };
        Self {
            start_unix_nano: page.range.start_ns.to_string(),
            end_unix_nano: page.range.end_ns.to_string(),
            agent: page.row.into(),
            versions: page.versions.iter().map(version).collect(),
            models: page.models.iter().map(model).collect(),
            tools: page.tools.iter().map(Into::into).collect(),
            errors: page.errors.iter().map(Into::into).collect(),
            users: page.users.iter().map(user).collect(),
            subagents: page.subagents,
            recent_runs: page.recent.iter().map(Into::into).collect(),
            cached_share: cached_share(&page.own.usage),
            retry_usd: page.own.retry_usd,
            projection: page.projection.into(),
        }
    }
}

/// Which dialects services speak.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Dialects {
    services: Vec<ServiceDialect>,
}

/// What a service speaks, by its newest spans, and by its log records where these are steps (Claude Code's).
#[derive(Serialize, ToSchema)]
struct ServiceDialect {
    service: String,
    /// Spans that were looked at, and log records that are steps.
    spans_sampled: u64,
    /// Of those, steps of agents.
    spans_understood: u64,
    dialects: Vec<DialectCount>,
    /// Steps by kind.
    kinds: BTreeMap<&'static str, u64>,
    /// Attributes of a dialect that nobody reads.
    unread: Vec<UnreadKey>,
    last_seen_unix_nano: String,
}

/// Steps of a dialect.
#[derive(Serialize, ToSchema)]
struct DialectCount {
    dialect: &'static str,
    steps: u64,
}

/// An attribute that nobody reads.
#[derive(Serialize, ToSchema)]
struct UnreadKey {
    key: String,
    /// Spans that have it.
    count: u64,
    /// One of their traces.
    trace_id: String,
}

impl From<Vec<ServiceDialects>> for Dialects {
    fn from(services: Vec<ServiceDialects>) -> Self {
        let one = |service: ServiceDialects| ServiceDialect {
            service: service.service,
            spans_sampled: service.sampled,
            spans_understood: service.understood,
            dialects: service
                .dialects
                .into_iter()
                .map(|(dialect, steps)| DialectCount { dialect, steps })
                .collect(),
            kinds: service.kinds,
            unread: service
                .unread
                .into_iter()
                .map(|(key, count, trace)| UnreadKey { key, count, trace_id: trace.to_string() })
                .collect(),
            last_seen_unix_nano: service.last_ns.to_string(),
        };
        Self { services: services.into_iter().map(one).collect() }
    }
}

/// Texts that are shared, as their own.
pub(super) fn owned<'a>(texts: impl IntoIterator<Item = &'a Arc<str>>) -> Vec<String> {
    texts.into_iter().map(ToString::to_string).collect()
}

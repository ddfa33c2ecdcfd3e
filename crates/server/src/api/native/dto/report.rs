//! Reports: the seed's shape (times in seconds, names in the singular), and what goes beyond it.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use watchkeep_engine::agents::facts::{Entry, EventFact};
use watchkeep_engine::agents::query::agents::cached_share;
use watchkeep_engine::agents::query::durations::Durations;
use watchkeep_engine::agents::query::recommend;
use watchkeep_engine::agents::query::report as engine;
use watchkeep_engine::agents::query::steps;

use super::agents::{Health, Issue, StepError, Tokens, ToolUse};
use super::costs::{CostGroup, Projection, Waste};

/// Durations, seconds.
#[derive(Default, Serialize, ToSchema)]
struct Seconds {
    count: u64,
    min: f64,
    max: f64,
    avg: f64,
    p50: f64,
    p95: f64,
    p99: f64,
}

impl From<&Durations> for Seconds {
    fn from(durations: &Durations) -> Self {
        let at = |share: f64| durations.quantile_ns(share).unwrap_or_default() as f64 / 1e9;
        Self {
            count: durations.count(),
            min: durations.min_ns() as f64 / 1e9,
            max: durations.max_ns() as f64 / 1e9,
            avg: durations.average_ns().unwrap_or_default() / 1e9,
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
        }
    }
}

/// How it is.
#[derive(Serialize, ToSchema)]
struct ReportHealth {
    /// `healthy`, `degraded`, `unhealthy`; `unknown` without runs.
    status: &'static str,
    issues: Vec<Issue>,
    success_rate: f64,
    /// Seconds.
    avg_response_time: f64,
    total_requests: u64,
    failed_requests: u64,
    /// USD.
    total_cost: f64,
}

/// Runs by how they ended.
#[derive(Serialize, ToSchema)]
struct Requests {
    total: u64,
    successful: u64,
    failed: u64,
}

/// What it did.
#[derive(Serialize, ToSchema)]
struct ReportMetrics {
    response_time: Seconds,
    first_token: Seconds,
    requests: Requests,
    tool_calls: u64,
    tool_errors: u64,
    llm_calls: u64,
    llm_errors: u64,
    retries: u64,
    tokens: Tokens,
}

/// A budget that was exceeded.
#[derive(Serialize, ToSchema)]
struct ReportAlert {
    /// `info`, `warning`, `critical`.
    level: String,
    message: String,
    /// Seconds since the epoch.
    timestamp: f64,
}

impl From<&Entry<EventFact>> for ReportAlert {
    fn from(entry: &Entry<EventFact>) -> Self {
        Self {
            level: entry.fact.severity.clone(),
            message: entry.fact.title.clone(),
            timestamp: entry.time_ns as f64 / 1e9,
        }
    }
}

/// What it cost and will cost.
#[derive(Serialize, ToSchema)]
struct ReportCost {
    /// USD.
    total: f64,
    alerts: Vec<ReportAlert>,
    /// USD.
    per_run: Option<f64>,
    projection: Projection,
    by_model: Vec<CostGroup>,
    cached_share: Option<f64>,
    cache_savings_usd: f64,
    unpriced_tokens: u64,
}

/// A piece of feedback.
#[derive(Serialize, ToSchema)]
struct ReportRating {
    rating: Option<f64>,
    comment: String,
    user_id: String,
    interaction_id: String,
    trace_id: String,
    /// Seconds since the epoch.
    timestamp: f64,
}

impl From<&steps::Feedback> for ReportRating {
    fn from(entry: &steps::Feedback) -> Self {
        let trace = entry.trace_id;
        Self {
            rating: entry.fact.rating,
            comment: entry.fact.comment.clone(),
            user_id: entry.fact.user.clone(),
            interaction_id: entry.fact.interaction.clone(),
            trace_id: if trace.is_some() { trace.to_string() } else { String::new() },
            timestamp: entry.time_ns as f64 / 1e9,
        }
    }
}

/// What people thought.
#[derive(Serialize, ToSchema)]
struct ReportFeedback {
    /// 0 without ratings.
    average_rating: f64,
    count: u64,
    /// By `5_star` to `1_star`.
    distribution: BTreeMap<String, u64>,
    recent: Vec<ReportRating>,
}

/// Runs that went in circles.
#[derive(Serialize, ToSchema)]
struct ReportLoops {
    runs: u64,
    by_kind: BTreeMap<String, u64>,
    trace_ids: Vec<String>,
}

/// A way to spend less.
#[derive(Serialize, ToSchema)]
struct Recommendation {
    /// `cache_prefix`, `cheaper_model`, `batch`, `retries`, `shorten_context`, `loops`, `unpriced`.
    kind: &'static str,
    title: String,
    text: String,
    /// What would have been saved in the range.
    saving_usd: f64,
    /// What that is in 30 days.
    saving_usd_month: f64,
    figures: BTreeMap<&'static str, f64>,
    trace_ids: Vec<String>,
}

impl From<recommend::Recommendation> for Recommendation {
    fn from(one: recommend::Recommendation) -> Self {
        Self {
            kind: one.kind,
            title: one.title,
            text: one.text,
            saving_usd: one.saving_usd,
            saving_usd_month: one.saving_usd_month,
            figures: one.figures.into_iter().collect(),
            trace_ids: one.traces.iter().map(ToString::to_string).collect(),
        }
    }
}

/// A report on an agent, or on all.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Report {
    /// Empty for all.
    agent_id: String,
    /// Seconds since the epoch.
    timestamp: f64,
    start_unix_nano: String,
    end_unix_nano: String,
    health: ReportHealth,
    metrics: ReportMetrics,
    cost: ReportCost,
    feedback: ReportFeedback,
    tools: Vec<ToolUse>,
    /// The most frequent first.
    errors: Vec<StepError>,
    loops: ReportLoops,
    waste: Waste,
    /// The best first.
    recommendations: Vec<Recommendation>,
}

impl From<engine::Report> for Report {
    fn from(report: engine::Report) -> Self {
        let row = &report.page.row;
        let figures = &row.figures;
        let total_usd = report.costs.totals.sums.cost_usd;
        let health = Health::from(&row.health);
        let (kinds, loop_traces) = &report.page.loops;
        Self {
            agent_id: report.agent,
            timestamp: report.made_ns as f64 / 1e9,
            start_unix_nano: report.range.start_ns.to_string(),
            end_unix_nano: report.range.end_ns.to_string(),
            health: ReportHealth {
                status: row.health.status.name(),
                issues: health.issues,
                success_rate: figures.success_rate().unwrap_or_default(),
                avg_response_time: figures.latency.average_ns().unwrap_or_default() / 1e9,
                total_requests: figures.runs,
                failed_requests: figures.failed,
                total_cost: figures.cost_usd,
            },
            metrics: ReportMetrics {
                response_time: (&figures.latency).into(),
                first_token: (&figures.first_token).into(),
                requests: Requests {
                    total: figures.runs,
                    successful: figures.runs.saturating_sub(figures.failed),
                    failed: figures.failed,
                },
                tool_calls: figures.tool_calls,
                tool_errors: figures.tool_errors,
                llm_calls: figures.llm_calls,
                llm_errors: figures.llm_errors,
                retries: figures.retries,
                tokens: Tokens::from(&figures.usage),
            },
            cost: ReportCost {
                total: figures.cost_usd,
                alerts: report.alerts.iter().map(Into::into).collect(),
                per_run: figures.cost_per_run_usd(),
                projection: report.costs.projection.into(),
                by_model: report
                    .costs
                    .groups
                    .iter()
                    .map(|group| CostGroup::of(group, total_usd))
                    .collect(),
                cached_share: cached_share(&figures.usage),
                cache_savings_usd: report.costs.totals.savings_usd,
                unpriced_tokens: figures.unpriced_tokens,
            },
            feedback: ReportFeedback {
                average_rating: report.feedback.rating.average().unwrap_or_default(),
                count: report.feedback.rating.count,
                distribution: report.feedback.distribution(),
                recent: report.feedback.recent.iter().map(Into::into).collect(),
            },
            tools: report.page.tools.iter().map(Into::into).collect(),
            errors: report.page.errors.iter().map(Into::into).collect(),
            loops: ReportLoops {
                runs: figures.loops,
                by_kind: kinds.iter().map(|(kind, runs)| (kind.to_string(), *runs)).collect(),
                trace_ids: loop_traces.iter().map(ToString::to_string).collect(),
            },
            waste: report.costs.waste.into(),
            recommendations: report.recommendations.into_iter().map(Into::into).collect(),
        }
    }
}

//! What it costs and will cost.

use serde::Serialize;
use utoipa::ToSchema;
use watchkeep_engine::agents::query::agents::cached_share;
use watchkeep_engine::agents::query::costs as engine;
use watchkeep_engine::agents::query::waste;

use super::agents::{Series, Tokens};

/// A calendar day or month, in UTC.
#[derive(Serialize, ToSchema)]
struct Period {
    start_unix_nano: String,
    end_unix_nano: String,
    /// What was spent until now.
    spent_usd: f64,
    /// What it will be at its end.
    projected_usd: f64,
    /// Whether all that was spent is in it; older hours are added up with the next requests.
    complete: bool,
}

impl From<engine::Period> for Period {
    fn from(period: engine::Period) -> Self {
        Self {
            start_unix_nano: period.start_ns.to_string(),
            end_unix_nano: period.end_ns.to_string(),
            spent_usd: period.spent_usd,
            projected_usd: period.projected_usd,
            complete: period.complete,
        }
    }
}

/// What it will cost, if it goes on as before.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Projection {
    /// Over the trailing time.
    usd_per_hour: f64,
    /// That time: a day, or less where there is less.
    rate_window_ns: i64,
    day: Period,
    /// By the rate of the trailing 7 days.
    month: Period,
}

impl From<engine::Projection> for Projection {
    fn from(projection: engine::Projection) -> Self {
        Self {
            usd_per_hour: projection.usd_per_hour,
            rate_window_ns: projection.rate_window_ns,
            day: projection.day.into(),
            month: projection.month.into(),
        }
    }
}

/// A sort of waste.
#[derive(Serialize, ToSchema)]
struct Wasted {
    /// Runs, calls or steps.
    count: u64,
    usd: f64,
    /// Tokens, where they are what is wasted.
    tokens: u64,
    /// A few traces.
    trace_ids: Vec<String>,
}

impl From<waste::Wasted> for Wasted {
    fn from(wasted: waste::Wasted) -> Self {
        Self {
            count: wasted.count,
            usd: wasted.usd,
            tokens: wasted.tokens,
            trace_ids: wasted.traces.iter().map(ToString::to_string).collect(),
        }
    }
}

/// What was spent for nothing.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Waste {
    /// In any of these ways, each step once.
    total_usd: f64,
    /// Absent where only some of the calls of a run are asked for.
    failed_runs: Option<Wasted>,
    /// Runs that were rated with 2 or less; absent likewise.
    low_rated_runs: Option<Wasted>,
    retries: Wasted,
    /// Tokens that were sent again uncached; `usd` is what the cache would have saved.
    uncached_repeats: Wasted,
    loops: Wasted,
}

impl From<waste::Waste> for Waste {
    fn from(waste: waste::Waste) -> Self {
        Self {
            total_usd: waste.total_usd,
            failed_runs: waste.failed_runs.map(Into::into),
            low_rated_runs: waste.low_rated_runs.map(Into::into),
            retries: waste.retries.into(),
            uncached_repeats: waste.uncached_repeats.into(),
            loops: waste.loops.into(),
        }
    }
}

/// What steps cost.
#[derive(Serialize, ToSchema)]
struct CostFigures {
    cost_usd: f64,
    /// Of that, tokens times prices.
    computed_usd: f64,
    /// Of that, what the emitters said.
    reported_usd: f64,
    tokens: Tokens,
    /// Calls of models.
    calls: u64,
    errors: u64,
    /// Uses of tools.
    tool_calls: u64,
    retries: u64,
    cached_share: Option<f64>,
    /// What cached reads would have cost afresh, less what they and writing the cache cost.
    cache_savings_usd: f64,
    unpriced_tokens: u64,
    unpriced_calls: u64,
}

impl From<&engine::CostSums> for CostFigures {
    fn from(costs: &engine::CostSums) -> Self {
        let sums = &costs.sums;
        Self {
            cost_usd: sums.cost_usd,
            computed_usd: sums.computed_usd,
            reported_usd: sums.reported_usd,
            tokens: Tokens::from(&sums.usage),
            calls: sums.calls,
            errors: sums.call_errors,
            tool_calls: sums.tool_calls,
            retries: sums.retries,
            cached_share: cached_share(&sums.usage),
            cache_savings_usd: costs.savings_usd,
            unpriced_tokens: sums.unpriced_tokens,
            unpriced_calls: sums.unpriced_calls,
        }
    }
}

/// All costs of a range.
#[derive(Serialize, ToSchema)]
struct CostTotals {
    #[serde(flatten)]
    figures: CostFigures,
    /// Runs that began in the range.
    runs: u64,
}

/// Costs of a group.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct CostGroup {
    /// Empty where it was not told.
    key: String,
    /// Share of the total cost.
    share: f64,
    #[serde(flatten)]
    figures: CostFigures,
    /// USD by step of the outer series.
    series: Vec<f64>,
}

impl CostGroup {
    /// A group, of so many USD in all.
    pub(super) fn of(group: &engine::CostGroup, total_usd: f64) -> Self {
        let usd = group.costs.sums.cost_usd;
        Self {
            key: group.key.to_string(),
            share: if total_usd > 0.0 { usd / total_usd } else { 0.0 },
            figures: (&group.costs).into(),
            series: group.series.clone(),
        }
    }
}

/// Groups that are not listed.
#[derive(Serialize, ToSchema)]
struct OtherGroups {
    groups: usize,
    #[serde(flatten)]
    figures: CostFigures,
}

/// A model without a price.
#[derive(Serialize, ToSchema)]
struct UnpricedUse {
    model: String,
    provider: String,
    calls: u64,
    tokens: u64,
    last_seen_unix_nano: String,
}

/// Costs by group and by time.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Costs {
    /// What groups are.
    by: &'static str,
    start_unix_nano: String,
    end_unix_nano: String,
    totals: CostTotals,
    /// The dearest first.
    groups: Vec<CostGroup>,
    others: Option<OtherGroups>,
    series: Series,
    projection: Projection,
    waste: Waste,
    /// Those with the most tokens first.
    unpriced: Vec<UnpricedUse>,
    /// Whether there were too many groups to tell them all apart.
    truncated: bool,
}

impl From<engine::Costs> for Costs {
    fn from(costs: engine::Costs) -> Self {
        let total_usd = costs.totals.sums.cost_usd;
        let unpriced = |one: engine::Unpriced| UnpricedUse {
            model: one.model.to_string(),
            provider: one.provider.to_string(),
            calls: one.calls,
            tokens: one.tokens,
            last_seen_unix_nano: one.last_ns.to_string(),
        };
        Self {
            by: costs.by.name(),
            start_unix_nano: costs.range.start_ns.to_string(),
            end_unix_nano: costs.range.end_ns.to_string(),
            totals: CostTotals { figures: (&costs.totals).into(), runs: costs.runs },
            groups: costs.groups.iter().map(|group| CostGroup::of(group, total_usd)).collect(),
            others: costs
                .others
                .as_ref()
                .map(|(groups, costs)| OtherGroups { groups: *groups, figures: costs.into() }),
            series: costs.series.into(),
            projection: costs.projection.into(),
            waste: costs.waste.into(),
            unpriced: costs.unpriced.into_iter().map(unpriced).collect(),
            truncated: costs.truncated,
        }
    }
}

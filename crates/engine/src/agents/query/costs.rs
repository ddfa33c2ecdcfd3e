//! What it costs, by whatever it can be grouped by, what it will cost, and what has no price.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use watchkeep_model::{Result, TenantId, TimeRange};

use super::agents::Series;
use super::grid::{DAY_NS, Grid, HOUR_NS, chunks, floor};
use super::rollup::{Detail, StepChunk, TAG_SEPARATOR};
use super::unit_prices::UnitPrices;
use super::waste::{Waste, WasteSums};
use super::{Asked, By, Filter, Sums, pieces};
use crate::engine::Engine;

/// The most groups that are told apart; what is beyond counts among the others.
const GROUPS_MAX: usize = 100_000;
/// The most models without a price that are listed.
const UNPRICED_MAX: usize = 200;
/// Lines of the ledger that are read for a projection beyond what is in the cache.
const PROJECTION_LINES_MAX: usize = 500_000;
/// Trailing time whose rate a day is projected by, and a month.
const RATE_OF_DAY_NS: i64 = DAY_NS;
const RATE_OF_MONTH_NS: i64 = 7 * DAY_NS;

/// Which costs.
#[derive(Debug, Clone)]
pub struct CostQuery {
    /// What groups are.
    pub by: By,
    /// When steps began.
    pub range: TimeRange,
    /// Length of a step of the series.
    pub step_ns: Option<i64>,
    /// Which steps.
    pub filter: Filter,
    /// How many groups.
    pub limit: usize,
}

/// What steps cost.
#[derive(Debug, Clone, Default)]
pub struct CostSums {
    /// All about them.
    pub sums: Sums,
    /// What the cache saved, USD.
    pub savings_usd: f64,
}

impl CostSums {
    fn add(&mut self, sums: &Sums, savings_usd: f64) {
        self.sums.add(sums);
        self.savings_usd += savings_usd;
    }
}

/// A group.
#[derive(Debug, Clone)]
pub struct CostGroup {
    /// The model, agent, …; empty where it was not told.
    pub key: Arc<str>,
    /// What it costs.
    pub costs: CostSums,
    /// USD by step of the series.
    pub series: Vec<f64>,
}

/// A model without a price.
#[derive(Debug, Clone)]
pub struct Unpriced {
    /// The model.
    pub model: Arc<str>,
    /// Who runs it.
    pub provider: Arc<str>,
    /// Calls that count.
    pub calls: u64,
    /// Their tokens.
    pub tokens: u64,
    /// Start of the last, nanoseconds since the epoch.
    pub last_ns: i64,
}

/// Costs.
#[derive(Debug)]
pub struct Costs {
    /// What groups are.
    pub by: By,
    /// Which time.
    pub range: TimeRange,
    /// All together.
    pub totals: CostSums,
    /// Runs that began in the range.
    pub runs: u64,
    /// The dearest first.
    pub groups: Vec<CostGroup>,
    /// How many groups are not listed, and what they cost.
    pub others: Option<(usize, CostSums)>,
    /// By step of time.
    pub series: Series,
    /// What it will cost.
    pub projection: Projection,
    /// What was spent for nothing.
    pub waste: Waste,
    /// Models without a price, those with the most tokens first.
    pub unpriced: Vec<Unpriced>,
    /// Whether groups are not told apart any more.
    pub truncated: bool,
}

/// What a calendar day or month costs, in UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Period {
    /// Its first instant.
    pub start_ns: i64,
    /// The first instant after it.
    pub end_ns: i64,
    /// What was spent until now, USD.
    pub spent_usd: f64,
    /// What it will be at its end.
    pub projected_usd: f64,
    /// Whether all that was spent is in it: older hours are added up with the next questions.
    pub complete: bool,
}

/// What it will cost, if it goes on as before.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Projection {
    /// USD an hour, over the trailing time.
    pub usd_per_hour: f64,
    /// That time: a day, or less where there is less.
    pub rate_window_ns: i64,
    /// This day.
    pub day: Period,
    /// This month.
    pub month: Period,
}

struct Group {
    costs: CostSums,
    /// USD by number of step, for those steps that have any.
    series: Vec<(usize, f64)>,
}

/// What is added up while chunks go by.
struct Adding<'a> {
    query: &'a CostQuery,
    prices: UnitPrices<'a>,
    totals: CostSums,
    groups: HashMap<Arc<str>, Group>,
    beyond: CostSums,
    unpriced: HashMap<(Arc<str>, Arc<str>), Unpriced>,
    series: Series,
    waste: WasteSums,
}

impl Engine {
    /// What steps that began in a range cost.
    pub async fn costs(&self, tenant: &TenantId, query: CostQuery) -> Result<Costs> {
        self.ask(tenant, move |asked| asked.costs(&query)).await
    }
}

impl Asked<'_> {
    pub(super) fn costs(&self, query: &CostQuery) -> Result<Costs> {
        let grid = Grid::new(query.range, query.step_ns)?;
        let chunks = pieces(&grid, query.range)?;
        let ratings = self.ratings(query.range)?;
        let mut waste = WasteSums::new(query.filter.is_of_calls());
        let mut series = Series::new(grid);
        let mut runs = 0;
        self.reader.runs(&chunks, |_, chunk| {
            for run in chunk.runs.iter().filter(|run| query.filter.has_run(chunk, run)) {
                runs += 1;
                let step = grid.step_of(run.start_ns);
                series.runs[step] += 1;
                series.errors[step] += u64::from(run.error != 0);
                waste.add_run(run, ratings.of_trace(run.trace_id));
            }
            Ok(())
        })?;
        let mut adding = Adding {
            query,
            prices: UnitPrices::new(self.prices, query.range.start_ns),
            totals: CostSums::default(),
            groups: HashMap::new(),
            beyond: CostSums::default(),
            unpriced: HashMap::new(),
            series,
            waste,
        };
        let detail = Detail::needed(query.by, query.filter.is_of_people());
        self.reader.steps(detail, &chunks, |range, chunk| {
            adding.add(grid.step_of(range.start_ns), chunk);
            Ok(())
        })?;
        let projection = self.projection(&query.filter)?;
        Ok(adding.finish(runs, projection))
    }

    /// What it will cost, from what was spent in this day and month and the hours before now.
    pub(super) fn projection(&self, filter: &Filter) -> Result<Projection> {
        let now_ns = self.now_ns;
        let (month_start, month_end) = month_of(now_ns);
        let day_start = floor(now_ns, DAY_NS);
        let from_ns = floor(month_start.min(now_ns - RATE_OF_MONTH_NS), HOUR_NS);
        let hours = chunks(TimeRange { start_ns: from_ns, end_ns: now_ns }, HOUR_NS);
        // From the newest on, since those tell the rate.
        let mut spent: Vec<(i64, f64)> = Vec::with_capacity(hours.len());
        let before = self.reader.read.get();
        let detail = Detail::needed(By::Model, filter.is_of_people());
        let mut complete_from = now_ns;
        for hour in hours.iter().rev() {
            if self.reader.read.get() - before > PROJECTION_LINES_MAX {
                break;
            }
            self.reader.steps(detail, std::slice::from_ref(hour), |_, chunk| {
                spent.push((hour.start_ns, usd_of(chunk, filter)));
                Ok(())
            })?;
            complete_from = hour.start_ns;
        }
        let since = |start_ns: i64| -> f64 {
            spent.iter().filter(|(hour, _)| *hour >= start_ns).map(|(_, usd)| usd).sum()
        };
        let first_ns = spent.iter().rev().find(|(_, usd)| *usd > 0.0).map(|(hour, _)| *hour);
        let rate = |window_ns: i64| {
            // What began lately has no hours before it that would be quiet.
            let start_ns = floor(now_ns - window_ns, HOUR_NS) + HOUR_NS;
            let start_ns = start_ns.max(first_ns.unwrap_or(start_ns)).max(complete_from);
            let length_ns = now_ns.saturating_sub(start_ns).max(HOUR_NS);
            (since(start_ns) / (length_ns as f64 / HOUR_NS as f64), length_ns)
        };
        let period = |start_ns: i64, end_ns: i64, usd_per_hour: f64| {
            let spent_usd = since(start_ns);
            let left = end_ns.saturating_sub(now_ns) as f64 / HOUR_NS as f64;
            let projected_usd = spent_usd + usd_per_hour * left;
            let complete = complete_from <= start_ns;
            Period { start_ns, end_ns, spent_usd, projected_usd, complete }
        };
        let (usd_per_hour, rate_window_ns) = rate(RATE_OF_DAY_NS);
        Ok(Projection {
            usd_per_hour,
            rate_window_ns,
            day: period(day_start, day_start + DAY_NS, usd_per_hour),
            month: period(month_start, month_end, rate(RATE_OF_MONTH_NS).0),
        })
    }
}

/// First instant of the calendar month of an instant, and of the next, in UTC.
fn month_of(time_ns: i64) -> (i64, i64) {
    let bounds = || {
        let at = jiff::Timestamp::from_nanosecond(i128::from(time_ns)).ok()?;
        let date = at.to_zoned(jiff::tz::TimeZone::UTC).date();
        let first = date.first_of_month();
        let next = first.checked_add(jiff::Span::new().months(1)).ok()?;
        let ns = |date: jiff::civil::Date| {
            let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
            i64::try_from(zoned.timestamp().as_nanosecond()).ok()
        };
        Some((ns(first)?, ns(next)?))
    };
    bounds().unwrap_or((floor(time_ns, 30 * DAY_NS), floor(time_ns, 30 * DAY_NS) + 30 * DAY_NS))
}

fn usd_of(chunk: &StepChunk, filter: &Filter) -> f64 {
    let Some(test) = filter.of_steps(chunk) else { return 0.0 };
    chunk.cells.iter().filter(|cell| test.has(cell)).map(|cell| cell.sums.cost_usd).sum()
}

impl Adding<'_> {
    fn add(&mut self, step: usize, chunk: &StepChunk) {
        let Some(test) = self.query.filter.of_steps(chunk) else { return };
        let mut meant = vec![false; chunk.cells.len()];
        for (at, cell) in chunk.cells.iter().enumerate() {
            if !test.has(cell) {
                continue;
            }
            meant[at] = true;
            let (sums, text) = (&cell.sums, |by: By| chunk.text(cell, by));
            let (provider, model) = (text(By::Provider), text(By::Model));
            let savings = self.prices.savings_usd(provider, model, &sums.usage);
            self.totals.add(sums, savings);
            self.series.cost_usd[step] += sums.cost_usd;
            let tokens = &mut self.series.tokens[step];
            *tokens = tokens.saturating_add(sums.usage.total());
            self.series.calls[step] += sums.calls;
            if sums.unpriced_calls > 0 {
                self.add_unpriced(provider, model, sums);
            }
            // Steps that neither call a model nor count would only make groups of nothing.
            if sums.calls == 0 && sums.usage.is_empty() && self.query.by != By::Tool {
                continue;
            }
            let key = chunk.text(cell, self.query.by);
            if self.query.by == By::Tag {
                for tag in key.split(TAG_SEPARATOR).collect::<HashSet<_>>() {
                    self.add_group(step, &tag.into(), sums, savings);
                }
            } else {
                self.add_group(step, key, sums, savings);
            }
        }
        self.waste.add_steps(chunk, &meant, &self.prices);
    }

    fn add_group(&mut self, step: usize, key: &Arc<str>, sums: &Sums, savings: f64) {
        if self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(key) {
            return self.beyond.add(sums, savings);
        }
        let new = || Group { costs: CostSums::default(), series: Vec::new() };
        let group = self.groups.entry_ref(key).or_insert_with(new);
        group.costs.add(sums, savings);
        match group.series.last_mut() {
            Some((last, usd)) if *last == step => *usd += sums.cost_usd,
            _ => group.series.push((step, sums.cost_usd)),
        }
    }

    fn add_unpriced(&mut self, provider: &Arc<str>, model: &Arc<str>, sums: &Sums) {
        let key = (Arc::clone(provider), Arc::clone(model));
        let one = self.unpriced.entry(key).or_insert_with(|| Unpriced {
            model: Arc::clone(model),
            provider: Arc::clone(provider),
            calls: 0,
            tokens: 0,
            last_ns: 0,
        });
        one.calls += sums.unpriced_calls;
        one.tokens = one.tokens.saturating_add(sums.unpriced_tokens);
        one.last_ns = one.last_ns.max(sums.last_ns);
    }

    fn finish(self, runs: u64, projection: Projection) -> Costs {
        let steps = self.series.grid.steps;
        let mut groups: Vec<(Arc<str>, Group)> = self.groups.into_iter().collect();
        groups.sort_by(|(a_key, a), (b_key, b)| {
            let (a, b) = (&a.costs.sums, &b.costs.sums);
            let by_cost = b.cost_usd.total_cmp(&a.cost_usd);
            by_cost.then(b.usage.total().cmp(&a.usage.total())).then_with(|| a_key.cmp(b_key))
        });
        let truncated = self.beyond.sums.steps > 0;
        let rest = groups.split_off(self.query.limit.min(groups.len()));
        let mut others = self.beyond;
        for (_, group) in &rest {
            others.add(&group.costs.sums, group.costs.savings_usd);
        }
        let mut unpriced: Vec<Unpriced> = self.unpriced.into_values().collect();
        unpriced.sort_by(|a, b| b.tokens.cmp(&a.tokens).then_with(|| a.model.cmp(&b.model)));
        unpriced.truncate(UNPRICED_MAX);
        let listed = groups.into_iter().map(|(key, group)| {
            let mut series = vec![0.0; steps];
            for (step, usd) in group.series {
                series[step] += usd;
            }
            CostGroup { key, costs: group.costs, series }
        });
        Costs {
            by: self.query.by,
            range: self.query.range,
            totals: self.totals,
            runs,
            groups: listed.collect(),
            others: (others.sums.steps > 0).then_some((rest.len(), others)),
            series: self.series,
            projection,
            waste: self.waste.finish(),
            unpriced,
            truncated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_those_of_the_calendar() {
        let ns = |text: &str| {
            i64::try_from(text.parse::<jiff::Timestamp>().unwrap().as_nanosecond()).unwrap()
        };
        let cases = [
            ("2026-02-10T12:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
            ("2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("2028-02-29T00:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
        ];
        for (at, start, end) in cases {
            assert_eq!(month_of(ns(at)), (ns(start), ns(end)), "{at}");
        }
    }
}

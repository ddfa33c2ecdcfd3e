//! What was spent for nothing: runs that failed or that people disliked, calls that were tried
//! again, text that was sent again without the cache, circles.

use hashbrown::HashSet;
use watchkeep_model::TraceId;

use super::rollup::{By, RunCell, StepChunk};
use super::unit_prices::UnitPrices;
use super::{Rating, rollup};

/// Traces that are named with each sort of waste.
const TRACES: usize = 10;
/// Runs that are held against each other, so that a step is wasted once.
const RUNS_MAX: usize = 1_000_000;

/// A sort of waste.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wasted {
    /// Runs or calls.
    pub count: u64,
    /// USD.
    pub usd: f64,
    /// Tokens, where they are what is wasted.
    pub tokens: u64,
    /// A few traces.
    pub traces: Vec<TraceId>,
}

impl Wasted {
    fn add(&mut self, count: u64, usd: f64, trace: TraceId) {
        if count == 0 {
            return;
        }
        self.count += count;
        self.usd += usd;
        if self.traces.len() < TRACES && self.traces.last() != Some(&trace) {
            self.traces.push(trace);
        }
    }
}

/// Waste.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Waste {
    /// What was spent in any of these ways, each step once, USD.
    pub total_usd: f64,
    /// Runs that failed; none where only some of the calls of a run are asked for.
    pub failed_runs: Option<Wasted>,
    /// Runs that were rated with 2 or less; none likewise.
    pub low_rated_runs: Option<Wasted>,
    /// Calls that were tried again.
    pub retries: Wasted,
    /// Tokens that were sent again uncached; USD is what the cache would have saved.
    pub uncached_repeats: Wasted,
    /// Steps in circles.
    pub loops: Wasted,
}

/// Waste that is added up.
#[derive(Debug, Default)]
pub(super) struct WasteSums {
    waste: Waste,
    /// Traces whose whole cost is wasted.
    lost: HashSet<TraceId>,
}

impl WasteSums {
    /// `is_of_calls`: whether only some of the calls of a run are meant.
    pub(super) fn new(is_of_calls: bool) -> Self {
        let of_runs = || (!is_of_calls).then(Wasted::default);
        let waste = Waste { failed_runs: of_runs(), low_rated_runs: of_runs(), ..Waste::default() };
        Self { waste, lost: HashSet::new() }
    }

    pub(super) fn add_run(&mut self, run: &RunCell, rating: Rating) {
        let (Some(failed), Some(low)) =
            (&mut self.waste.failed_runs, &mut self.waste.low_rated_runs)
        else {
            return;
        };
        let (is_failed, is_low) = (run.error != 0, rating.is_low());
        failed.add(u64::from(is_failed), run.cost_usd, run.trace_id);
        low.add(u64::from(is_low), run.cost_usd, run.trace_id);
        if is_failed || is_low {
            self.waste.total_usd += run.cost_usd;
            if self.lost.len() < RUNS_MAX {
                self.lost.insert(run.trace_id);
            }
        }
    }

    /// Adds what steps of a chunk wasted, of those cells that are meant.
    pub(super) fn add_steps(&mut self, chunk: &StepChunk, meant: &[bool], prices: &UnitPrices<'_>) {
        for one in &chunk.waste {
            let at = one.cell as usize;
            if !meant[at] {
                continue;
            }
            let cell = &chunk.cells[at];
            let (provider, model) = (chunk.text(cell, By::Provider), chunk.text(cell, By::Model));
            let resent_usd = match one.resent_tokens {
                0 => 0.0,
                tokens => tokens as f64 * prices.cache_discount(provider, model),
            };
            self.add_one(one, resent_usd);
        }
    }

    fn add_one(&mut self, one: &rollup::Waste, resent_usd: f64) {
        let waste = &mut self.waste;
        waste.retries.add(one.retries.into(), one.retry_usd, one.trace_id);
        waste.loops.add(one.loop_steps.into(), one.loop_usd, one.trace_id);
        if resent_usd > 0.0 {
            let resent = &mut waste.uncached_repeats;
            resent.add(one.resent_calls.into(), resent_usd, one.trace_id);
            resent.tokens = resent.tokens.saturating_add(one.resent_tokens);
        }
        if !self.lost.contains(&one.trace_id) {
            // A call that was tried again in a circle is lost once.
            waste.total_usd += one.loop_usd.max(one.retry_usd) + resent_usd;
        }
    }

    pub(super) fn finish(self) -> Waste {
        self.waste
    }
}

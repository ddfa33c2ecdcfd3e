//! Checks over time, out of the stored samples.

use hashbrown::HashMap;
use watchkeep_model::{Result, TenantId, TimeRange};

use super::{DURATION, UP};
use crate::engine::Engine;
use crate::health::stored::{Mean, Steps};

/// Steps of a range, about.
const STEPS: i64 = 60;
/// The narrowest step.
const LEAST_NS: i64 = 1_000_000_000;

/// A check in one step of time, or in all.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Uptime {
    /// Start of the step, nanoseconds since the epoch.
    pub time_ns: i64,
    /// Runs.
    pub runs: u64,
    /// Runs that failed.
    pub failures: u64,
    /// Average duration of a run, nanoseconds.
    pub avg_duration_ns: Option<f64>,
}

impl Uptime {
    /// Share of the runs that succeeded.
    pub fn share(&self) -> Option<f64> {
        (self.runs > 0).then(|| (self.runs - self.failures) as f64 / self.runs as f64)
    }
}

/// A check over a range.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CheckHistory {
    /// All of it.
    pub all: Uptime,
    /// By step of time.
    pub steps: Vec<Uptime>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    runs: u64,
    failures: u64,
    seconds: Mean,
}

impl Cell {
    fn merge(&mut self, other: Self) {
        self.runs += other.runs;
        self.failures += other.failures;
        self.seconds.sum += other.seconds.sum;
        self.seconds.count += other.seconds.count;
    }

    fn uptime(self, time_ns: i64) -> Uptime {
        let avg_duration_ns = self.seconds.get().map(|seconds| seconds * 1e9);
        Uptime { time_ns, runs: self.runs, failures: self.failures, avg_duration_ns }
    }
}

impl Engine {
    /// What became of all checks that ran in a range, by name.
    pub async fn check_history(&self, range: TimeRange) -> Result<HashMap<String, CheckHistory>> {
        let steps = Steps::new(range, None, STEPS, LEAST_NS)?;
        let tenant = TenantId::new(&self.health.config.checks_tenant)?;
        let cells: HashMap<String, Vec<Cell>> = HashMap::new();
        let cells =
            self.stored_series(&tenant, &[UP, DURATION], range, cells, move |all, series| {
                let check = series.labels.get("check");
                let cells =
                    all.entry_ref(check).or_insert_with(|| vec![Cell::default(); steps.count]);
                let is_up = series.labels.metric_name() == UP;
                for (time_ms, value) in series.floats.times_ms.iter().zip(&series.floats.values) {
                    let Some(step) = steps.of_ms(*time_ms) else { continue };
                    if is_up {
                        cells[step].runs += 1;
                        cells[step].failures += u64::from(*value == 0.0);
                    } else {
                        cells[step].seconds.add(*value);
                    }
                }
            });
        let history = |cells: Vec<Cell>| {
            let mut all = Cell::default();
            for cell in &cells {
                all.merge(*cell);
            }
            let told = cells.iter().enumerate();
            CheckHistory {
                all: all.uptime(steps.start_ns),
                steps: told.map(|(step, cell)| cell.uptime(steps.start_of(step))).collect(),
            }
        };
        Ok(cells.await?.into_iter().map(|(name, cells)| (name, history(cells))).collect())
    }
}

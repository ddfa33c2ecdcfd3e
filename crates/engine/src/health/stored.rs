//! What was measured before, read out of the stored series, so that it survives restarts.

use watchkeep_model::{
    Error, ErrorKind, MatchOp, Matcher, Result, SeriesSamples, TenantId, TimeRange,
};
use watchkeep_storage::seam::{SamplesRequest, SeriesRequest};

use crate::agents::ledger::stopped;
use crate::blocking::{NotDone, Stop};
use crate::engine::Engine;

/// The most steps that an answer has.
const STEPS_MAX: i64 = 2_000;

/// Steps of time that a range is cut into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// Start of the first, a multiple of the width, nanoseconds since the epoch.
    pub start_ns: i64,
    /// Their width.
    pub step_ns: i64,
    /// How many.
    pub count: usize,
}

impl Steps {
    /// Steps of a width, or about so many of them, none narrower than `least_ns`.
    pub fn new(range: TimeRange, step_ns: Option<i64>, about: i64, least_ns: i64) -> Result<Self> {
        let length = range.end_ns.saturating_sub(range.start_ns).max(1);
        let least_ns = least_ns.max(1);
        let step_ns = match step_ns {
            Some(step_ns) => step_ns.max(1),
            // Whole multiples, so that each step has as many samples as the next.
            None => (length / about).max(1).div_ceil_of(least_ns),
        };
        let start_ns = range.start_ns.div_euclid(step_ns).saturating_mul(step_ns);
        let count = (range.end_ns.saturating_sub(start_ns).saturating_sub(1) / step_ns) + 1;
        if count > STEPS_MAX {
            let key = "step";
            let message = format!("the range has more than {STEPS_MAX} steps; take wider ones");
            return Err(Error::new(ErrorKind::LimitExceeded { key }, message));
        }
        Ok(Self { start_ns, step_ns, count: count.max(1) as usize })
    }

    /// Which step an instant is in.
    pub fn of_ms(&self, time_ms: i64) -> Option<usize> {
        let since = time_ms.saturating_mul(1_000_000).checked_sub(self.start_ns)?;
        let step = usize::try_from(since.div_euclid(self.step_ns)).ok()?;
        (step < self.count).then_some(step)
    }

    /// Where a step starts, nanoseconds since the epoch.
    pub fn start_of(&self, step: usize) -> i64 {
        self.start_ns.saturating_add(self.step_ns.saturating_mul(step as i64))
    }
}

trait DivCeilOf {
    fn div_ceil_of(self, unit: i64) -> i64;
}

impl DivCeilOf for i64 {
    /// The smallest multiple of a unit that is not less.
    fn div_ceil_of(self, unit: i64) -> i64 {
        ((self - 1) / unit + 1).saturating_mul(unit)
    }
}

/// What adds up to an average.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Mean {
    pub(super) sum: f64,
    pub(super) count: u64,
}

impl Mean {
    pub(super) fn add(&mut self, value: f64) {
        if value.is_finite() {
            self.sum += value;
            self.count += 1;
        }
    }

    pub(super) fn get(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

impl Engine {
    /// Shows the series of some names in a range to `see`, where blocking is allowed and under the limits
    /// of queries.
    pub(super) async fn stored_series<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        names: &[&str],
        range: TimeRange,
        gathered: T,
        mut see: impl FnMut(&mut T, &SeriesSamples) + Send + 'static,
    ) -> Result<T> {
        let matchers = vec![Matcher::new("__name__", MatchOp::Regex, names.join("|"))?];
        let request = SamplesRequest {
            series: SeriesRequest {
                matchers,
                start_ms: range.start_ns.div_euclid(1_000_000),
                end_ms: range.end_ns.saturating_sub(1).div_euclid(1_000_000),
                limit: None,
            },
            samples_max: self.limits.query_samples_max,
        };
        let (runtime, tenant) = (tokio::runtime::Handle::current(), tenant.clone());
        let done = self.blocking(self.limits.query_timeout.0, move |store, watch| {
            let mut gathered = gathered;
            for series in runtime.block_on(store.samples(&tenant, request))? {
                if let Some(stop) = watch.stop() {
                    return Err(stopped(stop));
                }
                see(&mut gathered, &series?);
            }
            Ok(gathered)
        });
        match done.await {
            Ok(outcome) => outcome,
            Err(NotDone::NoRoom) => Err(stopped(Stop::Timeout)),
            Err(NotDone::Failed(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000_000;

    #[test]
    fn a_range_is_cut_into_whole_steps() {
        let range =
            |minutes: i64| TimeRange { start_ns: 90 * MINUTE, end_ns: (90 + minutes) * MINUTE };
        for (minutes, step, width, count) in [
            (60, None, MINUTE / 2, 120),
            (60, Some(MINUTE), MINUTE, 60),
            (61, None, MINUTE, 61),
            (1, None, MINUTE / 2, 2),
            (24 * 60, None, 12 * MINUTE, 121),
        ] {
            let steps = Steps::new(range(minutes), step, 120, MINUTE / 2).unwrap();
            assert_eq!((steps.step_ns, steps.count), (width, count), "{minutes}");
            assert_eq!(steps.start_ns % steps.step_ns, 0);
            assert_eq!(steps.of_ms(steps.start_of(count - 1) / 1_000_000), Some(count - 1));
            assert_eq!(steps.of_ms(steps.start_of(count) / 1_000_000), None);
            assert_eq!(steps.of_ms(steps.start_ns / 1_000_000 - 1), None);
        }
        assert!(Steps::new(range(60), Some(1_000_000), 120, MINUTE).is_err());
        let all = TimeRange { start_ns: 0, end_ns: i64::MAX };
        assert!(Steps::new(all, None, 120, MINUTE).unwrap().count <= 121);
    }
}

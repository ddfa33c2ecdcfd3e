//! The instants at which a metric query is answered, and which spans count for each.
//!
//! A range is cut into steps that are multiples of the step's length since the epoch. A step holds
//! the spans that start after its begin and at or before its end, and its sample stands at its end.

use watchkeep_model::TimeRange;
use watchkeep_promql::go::format_duration;

use crate::eval::error::{EvalError, Result};

const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MILLISECOND;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// How many steps a query may ask for (Tempo's `query_frontend.metrics.max_intervals`).
pub const STEPS_MAX: i64 = 10_000;

/// The step for a range when a client names none, in nanoseconds: about 240 samples, in multiples of
/// what people count time by.
pub fn default_step_ns(start_ns: i64, end_ns: i64) -> i64 {
    let length = end_ns.saturating_sub(start_ns).max(0);
    let wanted = length / 240;
    let (units, least): (&[i64], i64) = if length < MINUTE {
        (&[50 * MILLISECOND], 50 * MILLISECOND)
    } else {
        (&[HOUR, 5 * MINUTE, MINUTE, 15 * SECOND, 5 * SECOND, SECOND], SECOND)
    };
    units.iter().find(|unit| wanted > **unit).map_or(least, |unit| wanted / unit * unit)
}

/// A range of time, cut into steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    start_ns: i64,
    end_ns: i64,
    step_ns: i64,
    count: usize,
    instant: bool,
}

impl Steps {
    /// Steps for the range that a client asks for. As Tempo does it the range grows to whole steps
    /// and one step towards the past, and no step ends after `latest_ns` (usually now), or after all
    /// of a range that ends there.
    ///
    /// # Errors
    /// When the range is empty or lies after `latest_ns`, the step is not positive, or there would be
    /// more steps than [`STEPS_MAX`].
    pub fn range(start_ns: i64, end_ns: i64, step_ns: i64, latest_ns: i64) -> Result<Self> {
        let asked_end = checked_end(start_ns, end_ns, latest_ns)?;
        if step_ns <= 0 {
            return Err(invalid("step must be greater than 0"));
        }
        let length = asked_end - start_ns;
        if length / step_ns > STEPS_MAX {
            return Err(invalid(format!(
                "step of {} is too small, minimum step for given range is {}",
                format_duration(step_ns),
                format_duration(length / STEPS_MAX)
            )));
        }
        let mut start = start_ns - start_ns % step_ns;
        let mut end = match asked_end % step_ns {
            0 => asked_end,
            over => asked_end.saturating_add(step_ns - over),
        };
        if start > step_ns {
            start -= step_ns;
        }
        if end > latest_ns {
            end = latest_ns - latest_ns % step_ns;
        }
        let count = usize::try_from((end - start) / step_ns).unwrap_or(0);
        Ok(Self {
            start_ns: start,
            end_ns: start + count as i64 * step_ns,
            step_ns,
            count,
            instant: false,
        })
    }

    /// One step over the whole range, for a query that is answered with one number a series. Whole
    /// seconds are taken from the end until it is not after `latest_ns`.
    ///
    /// # Errors
    /// When the range is empty or lies after `latest_ns`.
    pub fn instant(start_ns: i64, end_ns: i64, latest_ns: i64) -> Result<Self> {
        checked_end(start_ns, end_ns, latest_ns)?;
        let over = end_ns.saturating_sub(latest_ns).max(0);
        let end_ns = end_ns - (over / SECOND + i64::from(over % SECOND > 0)) * SECOND;
        checked_end(start_ns, end_ns, latest_ns)?;
        Ok(Self { start_ns, end_ns, step_ns: end_ns - start_ns, count: 1, instant: true })
    }

    /// How many steps there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether there is one step over the whole range.
    pub fn is_instant(&self) -> bool {
        self.instant
    }

    /// From step to step, in nanoseconds.
    pub fn step_ns(&self) -> i64 {
        self.step_ns
    }

    /// From step to step, in seconds.
    pub fn step_seconds(&self) -> f64 {
        self.step_ns as f64 / SECOND as f64
    }

    /// When spans start that count for a step.
    pub fn span_starts(&self) -> TimeRange {
        TimeRange { start_ns: self.start_ns + 1, end_ns: self.end_ns.saturating_add(1) }
    }

    /// The instant of a step's sample, in milliseconds since the epoch.
    pub fn timestamp_ms(&self, step: usize) -> i64 {
        let end = if self.instant {
            self.end_ns
        } else {
            self.start_ns + (step as i64 + 1) * self.step_ns
        };
        end.div_euclid(MILLISECOND)
    }

    /// The step for which an instant in milliseconds counts.
    pub(crate) fn step_of_ms(&self, instant_ms: i64) -> Option<usize> {
        let step = StepFinder::new(self).find(instant_ms.saturating_mul(MILLISECOND));
        (step != NO_STEP).then_some(step as usize)
    }
}

/// No step.
pub(crate) const NO_STEP: u32 = u32::MAX;

/// Finds the steps of many instants, without a division each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepFinder {
    /// The first instant of the first step.
    first: i64,
    length: u64,
    step: u64,
    steps_per_ns: f64,
}

impl StepFinder {
    pub(crate) fn new(steps: &Steps) -> Self {
        Self {
            first: steps.start_ns.saturating_add(1),
            length: steps.end_ns.abs_diff(steps.start_ns),
            step: steps.step_ns.unsigned_abs(),
            steps_per_ns: 1.0 / steps.step_ns as f64,
        }
    }

    /// The step for which a span counts that starts at the instant, or [`NO_STEP`].
    pub(crate) fn find(&self, instant_ns: i64) -> u32 {
        // What lies before the first instant wraps round to far behind the last.
        let offset = instant_ns.wrapping_sub(self.first) as u64;
        // There are few steps, so rounding may be off by one at most.
        let mut step = (offset as i64 as f64 * self.steps_per_ns) as i64 as u64;
        step -= u64::from(step > 0 && step.wrapping_mul(self.step) > offset);
        step += u64::from((step + 1).wrapping_mul(self.step) <= offset);
        if offset < self.length { step as u32 } else { NO_STEP }
    }
}

fn invalid(message: impl Into<String>) -> EvalError {
    EvalError::Invalid(message.into())
}

fn checked_end(start_ns: i64, end_ns: i64, latest_ns: i64) -> Result<i64> {
    if start_ns < 0 || start_ns >= end_ns {
        return Err(invalid("end must be greater than start"));
    }
    let end_ns = end_ns.min(latest_ns);
    if start_ns >= end_ns {
        return Err(invalid(
            "the range of the query lies after the newest instant that is answered",
        ));
    }
    Ok(end_ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_step_is_picked_for_about_240_samples_in_round_lengths() {
        for (length, step) in [
            (0, 50 * MILLISECOND),
            (30 * SECOND, 100 * MILLISECOND),
            (MINUTE, SECOND),
            (HOUR, 15 * SECOND),
            (3 * HOUR, 45 * SECOND),
            (6 * HOUR, MINUTE),
            (24 * HOUR, 5 * MINUTE),
            (7 * 24 * HOUR, 40 * MINUTE),
            (30 * 24 * HOUR, 3 * HOUR),
        ] {
            let start = 1_700_000_000 * SECOND;
            assert_eq!(default_step_ns(start, start + length), step, "{}", format_duration(length));
        }
    }

    #[test]
    fn a_range_grows_to_whole_steps_and_one_towards_the_past() {
        let steps = Steps::range(1_205 * SECOND, 2_395 * SECOND, 300 * SECOND, i64::MAX).unwrap();
        let stamps: Vec<_> = (0..steps.count()).map(|step| steps.timestamp_ms(step)).collect();
        assert_eq!(stamps, [1_200_000, 1_500_000, 1_800_000, 2_100_000, 2_400_000]);
        let finder = StepFinder::new(&steps);
        for (instant, step) in [
            (900 * SECOND, None),
            (900 * SECOND + 1, Some(0)),
            (1_200 * SECOND, Some(0)),
            (1_200 * SECOND + 1, Some(1)),
            (2_400 * SECOND, Some(4)),
            (2_400 * SECOND + 1, None),
            (1_000 * SECOND, Some(0)),
        ] {
            assert_eq!(finder.find(instant), step.unwrap_or(NO_STEP), "{instant}");
        }
    }

    proptest! {
        #[test]
        fn a_step_is_found_as_a_division_finds_it(
            start in 0..i64::MAX / 4,
            step in prop_oneof![1..1_000_000_i64, 1..1_000_000_000_000_000_i64],
            count in 1..1_000_i64,
            instants in prop::collection::vec((0..1_000_i64, -2..=2_i64), 1..50),
        ) {
            let count = count.min(i64::MAX / 4 / step);
            let steps = Steps::range(start, start + count * step, step, i64::MAX).unwrap();
            let finder = StepFinder::new(&steps);
            for (at, off) in instants {
                let instant = steps.start_ns + at % (count + 3) * step + off;
                let inside = instant > steps.start_ns && instant <= steps.end_ns;
                let wanted = (instant - steps.start_ns - 1).div_euclid(step) as u32;
                prop_assert_eq!(finder.find(instant), if inside { wanted } else { NO_STEP });
            }
            for instant in [i64::MIN, -1, 0, i64::MAX] {
                prop_assert_eq!(finder.find(instant), NO_STEP);
            }
        }
    }

    #[test]
    fn no_step_ends_in_the_future() {
        let steps =
            Steps::range(1_000 * SECOND, 2_000 * SECOND, 60 * SECOND, 1_990 * SECOND).unwrap();
        assert_eq!(steps.timestamp_ms(steps.count() - 1), 1_980_000);
        let steps = Steps::instant(1_000 * SECOND, 2_000 * SECOND, 1_990 * SECOND + 5).unwrap();
        assert_eq!(steps.timestamp_ms(0), 1_990_000);
        assert!(Steps::instant(1_000 * SECOND, 2_000 * SECOND, 900 * SECOND).is_err());
        assert!(Steps::range(1_000 * SECOND, 2_000 * SECOND, SECOND, 900 * SECOND).is_err());
    }

    #[test]
    fn too_many_steps_are_refused_with_the_least_step() {
        let error = Steps::range(1, 48 * HOUR + 1, SECOND, i64::MAX).unwrap_err();
        assert_eq!(
            error.to_string(),
            "step of 1s is too small, minimum step for given range is 17.28s"
        );
        assert!(Steps::range(5, 5, SECOND, i64::MAX).is_err());
        assert!(Steps::range(5, 6, 0, i64::MAX).is_err());
    }
}

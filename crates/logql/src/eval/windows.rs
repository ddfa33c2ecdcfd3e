//! Steps of a query, and the windows of time that a range aggregation looks at from each.

use crate::eval::error::{EvalError, Result};

/// The times at which a metric query is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Steps {
    pub(crate) start_ns: i64,
    /// More than 0.
    pub(crate) step_ns: i64,
    /// At least one.
    pub(crate) count: usize,
}

impl Steps {
    pub(crate) fn new(start_ns: i64, end_ns: i64, step_ns: i64) -> Result<Self> {
        if step_ns <= 0 {
            return Err(EvalError::Invalid(
                "zero or negative query resolution step widths are not accepted. Try a positive \
                 integer"
                    .to_owned(),
            ));
        }
        let count = end_ns
            .checked_sub(start_ns)
            .filter(|length| *length >= 0)
            .and_then(|length| usize::try_from(length / step_ns).ok()?.checked_add(1))
            .ok_or_else(|| {
                EvalError::Invalid(
                    "end timestamp must not be before or equal to start time".to_owned(),
                )
            })?;
        Ok(Self { start_ns, step_ns, count })
    }

    pub(crate) fn at(time_ns: i64) -> Self {
        Self { start_ns: time_ns, step_ns: 1, count: 1 }
    }

    /// When a step is, in milliseconds.
    pub(crate) fn time_ms(self, step: usize) -> i64 {
        (self.start_ns + self.step_ns * step as i64) / 1_000_000
    }

    fn last_ns(self) -> i64 {
        self.start_ns + self.step_ns * (self.count as i64 - 1)
    }
}

/// For each step at t the window `(t - offset - range, t - offset]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Windows {
    /// The first nanosecond of the first window.
    pub(crate) origin_ns: i64,
    pub(crate) range_ns: i64,
    pub(crate) step_ns: i64,
    pub(crate) count: usize,
}

impl Windows {
    pub(crate) fn new(steps: Steps, range_ns: i64, offset_ns: i64) -> Result<Self> {
        let out_of_range =
            || EvalError::Invalid("the times of the query are out of range".to_owned());
        let shift = |time_ns: i64| time_ns.checked_sub(offset_ns)?.checked_add(1);
        let origin_ns = shift(steps.start_ns)
            .and_then(|end| end.checked_sub(range_ns))
            .ok_or_else(out_of_range)?;
        let end_ns = shift(steps.last_ns()).ok_or_else(out_of_range)?;
        // Distances within the windows, and the length of a step more, have to fit as well.
        end_ns
            .checked_sub(origin_ns)
            .and_then(|length| length.checked_add(steps.step_ns))
            .ok_or_else(out_of_range)?;
        Ok(Self {
            origin_ns,
            range_ns: range_ns.max(0),
            step_ns: steps.step_ns,
            count: steps.count,
        })
    }

    /// One past the last nanosecond of the last window.
    pub(crate) fn end_ns(self) -> i64 {
        self.origin_ns + self.step_ns * (self.count as i64 - 1) + self.range_ns
    }

    /// First and last nanosecond plus one of a step's window.
    pub(crate) fn of_step(self, step: usize) -> (i64, i64) {
        let start_ns = self.origin_ns + self.step_ns * step as i64;
        (start_ns, start_ns + self.range_ns)
    }

    /// The first and the last step whose windows hold a time; `None` where there is none.
    #[inline]
    pub(crate) fn steps_of(self, time_ns: i64) -> Option<(usize, usize)> {
        let after = time_ns.checked_sub(self.origin_ns).filter(|after| *after >= 0)?;
        // Rows of an answer to `select` are within the windows, so that these do not overflow.
        let last = (after / self.step_ns).min(self.count as i64 - 1);
        let beyond = after - self.range_ns + 1;
        let first = if beyond <= 0 { 0 } else { (beyond + (self.step_ns - 1)) / self.step_ns };
        (first <= last).then_some((first as usize, last as usize))
    }

    /// The ranges of time to be read: all at once, or each window alone where there are large gaps
    /// between few.
    pub(crate) fn spans(self) -> Vec<(i64, i64)> {
        /// More windows than this are read at once.
        const ALONE_MAX: usize = 256;
        if self.range_ns == 0 {
            return Vec::new();
        }
        if self.count <= ALONE_MAX && self.step_ns / 2 >= self.range_ns {
            return (0..self.count).map(|step| self.of_step(step)).collect();
        }
        vec![(self.origin_ns, self.end_ns())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_that_do_not_fit_are_refused() {
        let steps = |start, end, step| Steps::new(start, end, step);
        assert!(steps(0, 10, 0).is_err());
        assert!(steps(0, -1, 1).is_err());
        assert!(steps(i64::MIN, i64::MAX, 1).is_err());
        let late = steps(i64::MAX - 1, i64::MAX - 1, 1).unwrap();
        assert!(Windows::new(late, 1, -5).is_err());
        let early = Steps::at(i64::MIN + 5);
        assert!(Windows::new(early, 10, 0).is_err());
        assert!(Windows::new(Steps::at(0), 10, i64::MIN).is_err());
    }

    proptest! {
        #[test]
        fn a_time_is_in_the_windows_that_hold_it(
            start in -50_i64..50, length in 0_i64..100, step in 1_i64..40,
            range in 0_i64..60, offset in -30_i64..30, time in -200_i64..300,
        ) {
            let steps = Steps::new(start, start + length, step).unwrap();
            let windows = Windows::new(steps, range, offset).unwrap();
            let holds: Vec<usize> = (0..steps.count)
                .filter(|at| {
                    let end = start + step * *at as i64 - offset;
                    end - range < time && time <= end
                })
                .collect();
            let found = windows.steps_of(time).map_or(Vec::new(), |(a, b)| (a..=b).collect());
            prop_assert_eq!(&found, &holds);
            let read = windows.spans().iter().filter(|(a, b)| *a <= time && time < *b).count();
            prop_assert!(read <= 1);
            prop_assert!(read == 1 || holds.is_empty());
        }
    }
}

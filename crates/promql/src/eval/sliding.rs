//! Sums, means and extremes of windows that overlap, without reading each sample once a window.

use crate::eval::over_time;
use crate::eval::series::ABSENT;
use crate::eval::window::Windows;

/// What is asked of each window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Sum,
    Mean,
    Min,
    Max,
}

/// The answer for every step.
pub(crate) fn answer(values: &[f64], windows: &Windows, ask: Ask) -> Vec<f64> {
    // With windows as short as this, reading them is quicker.
    const SHORT: u64 = 4;
    let is_long = windows.samples > SHORT * windows.low.len() as u64;
    match ask {
        Ask::Sum | Ask::Mean => {
            let prefix = if is_long { Prefix::new(values) } else { None };
            by_window(windows, |low, high| {
                let known = prefix.as_ref().and_then(|prefix| prefix.sum(low, high));
                match (known, ask) {
                    (Some(sum), Ask::Mean) => sum / (high - low) as f64,
                    (Some(sum), _) => sum,
                    (None, Ask::Mean) => over_time::mean(&values[low..high]),
                    (None, _) => over_time::sum(&values[low..high]),
                }
            })
        }
        Ask::Min | Ask::Max if is_long && !values.iter().any(|value| value.is_nan()) => {
            extremes(values, windows, ask == Ask::Max)
        }
        _ => by_window(windows, |low, high| {
            over_time::extreme(&values[low..high], ask == Ask::Max, false).1
        }),
    }
}

pub(crate) fn by_window(windows: &Windows, f: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let ends = windows.low.iter().zip(&windows.high);
    ends.map(|(low, high)| if low < high { f(*low as usize, *high as usize) } else { ABSENT })
        .collect()
}

/// The sums of the values up to each, in two doubles: what rounding takes from the first is in the
/// second.
struct Prefix {
    sums: Vec<(f64, f64)>,
    /// What a difference of two may be wrong by.
    error: f64,
}

impl Prefix {
    /// `None` where a sum is not finite.
    fn new(values: &[f64]) -> Option<Self> {
        // The rest is summed up in one double of 53 bits, below the 53 of the sum.
        const UNIT: f64 = f64::EPSILON * f64::EPSILON;
        let (mut sum, mut rest, mut largest) = (0.0_f64, 0.0_f64, 0.0_f64);
        let mut sums = Vec::with_capacity(values.len() + 1);
        sums.push((sum, rest));
        for value in values {
            let total = sum + value;
            rest += two_sum_error(sum, *value, total);
            sum = total;
            largest = largest.max(sum.abs());
            sums.push((sum, rest));
        }
        let error = largest * UNIT * values.len() as f64;
        (largest.is_finite() && rest.is_finite()).then_some(Self { sums, error })
    }

    /// The sum of a part; `None` where it is small against what came before, so that it is wrong in
    /// digits that count.
    fn sum(&self, low: usize, high: usize) -> Option<f64> {
        const TOLERANCE: f64 = 1e-16;
        let ((before, before_rest), (after, after_rest)) = (self.sums[low], self.sums[high]);
        let difference = after - before;
        let rest = two_sum_error(after, -before, difference) + (after_rest - before_rest);
        let sum = difference + rest;
        (self.error <= TOLERANCE * sum.abs()).then_some(sum)
    }
}

/// What rounding took from the sum of two numbers (Knuth).
#[inline]
fn two_sum_error(a: f64, b: f64, total: f64) -> f64 {
    let part = total - a;
    (a - (total - part)) + (b - part)
}

/// A queue of the positions that can still be the extreme of a window holds the best one in front.
fn extremes(values: &[f64], windows: &Windows, largest: bool) -> Vec<f64> {
    let mut queue: Vec<usize> = Vec::with_capacity(values.len());
    let (mut front, mut next) = (0, 0);
    let mut out = Vec::with_capacity(windows.low.len());
    for step in 0..windows.low.len() {
        let (low, high) = windows.window(step);
        while next < high {
            let value = values[next];
            while queue.len() > front
                && queue.last().is_some_and(|last| {
                    if largest { values[*last] <= value } else { values[*last] >= value }
                })
            {
                queue.pop();
            }
            queue.push(next);
            next += 1;
        }
        while front < queue.len() && queue[front] < low {
            front += 1;
        }
        out.push(if low < high { values[queue[front]] } else { ABSENT });
    }
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::eval::Frame;
    use crate::eval::plan::Shift;
    use crate::eval::window::Reach;

    fn windows(samples: usize, steps: usize, before_ms: i64) -> Windows {
        let times: Arc<[i64]> = (0..samples as i64).map(|at| at * 10 + at % 3).collect();
        let frame = Frame { start_ms: 5, interval_ms: 13, steps };
        Windows::new(&times, &Reach { frame, shift: Shift::default(), before_ms, after_ms: 0 })
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            -1e6..1e6_f64,
            (-1000..1000_i32).prop_map(f64::from),
            Just(f64::INFINITY),
            Just(1e300),
            Just(-1e300),
            Just(f64::NAN),
        ]
    }

    proptest! {
        #[test]
        fn overlapping_windows_answer_as_each_alone(
            values in prop_oneof![
                prop::collection::vec(-1e6..1e6_f64, 0..80),
                prop::collection::vec(value(), 0..80),
            ],
            steps in 1_usize..80,
            before_ms in 1_i64..300,
        ) {
            let windows = windows(values.len(), steps, before_ms);
            for ask in [Ask::Sum, Ask::Mean, Ask::Min, Ask::Max] {
                let all = answer(&values, &windows, ask);
                let each = by_window(&windows, |low, high| match ask {
                    Ask::Sum => over_time::sum(&values[low..high]),
                    Ask::Mean => over_time::mean(&values[low..high]),
                    _ => over_time::extreme(&values[low..high], ask == Ask::Max, false).1,
                });
                for (got, want) in all.iter().zip(&each) {
                    let same = got.to_bits() == want.to_bits()
                        || got.is_nan() && want.is_nan()
                        || (got - want).abs() <= 1e-14 * want.abs();
                    prop_assert!(same, "{ask:?}: got {got}, want {want}");
                }
            }
        }
    }
}

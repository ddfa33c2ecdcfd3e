//! What is computed from one histogram: scaled copies, mean, variance.

use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::ResetHint;
use watchkeep_model::histogram::buckets::Place;

use super::kahan;

/// Changes every count and the sum.
pub(super) fn map_numbers(histogram: &mut NativeHistogram, change: &impl Fn(f64) -> f64) {
    histogram.is_float = true;
    for value in [&mut histogram.zero_count, &mut histogram.count, &mut histogram.sum] {
        *value = change(*value);
    }
    for value in histogram.positive_counts.iter_mut().chain(&mut histogram.negative_counts) {
        *value = change(*value);
    }
}

/// Multiplies the counts and the sum. A negative factor makes a gauge of a counter.
pub fn multiply(histogram: &mut NativeHistogram, factor: f64) {
    map_numbers(histogram, &|value| value * factor);
    if factor < 0.0 {
        histogram.reset_hint = ResetHint::Gauge;
    }
}

/// Divides the counts and the sum. Division by zero leaves no buckets, division by a negative
/// number makes a gauge of a counter.
pub fn divide(histogram: &mut NativeHistogram, divisor: f64) {
    if divisor == 0.0 {
        histogram.positive_spans.clear();
        histogram.positive_counts.clear();
        histogram.negative_spans.clear();
        histogram.negative_counts.clear();
    }
    map_numbers(histogram, &|value| value / divisor);
    if divisor < 0.0 {
        histogram.reset_hint = ResetHint::Gauge;
    }
}

/// The arithmetic mean of the observations (`histogram_avg`).
pub fn average(histogram: &NativeHistogram) -> f64 {
    histogram.sum / histogram.count
}

/// The estimated variance of the observations (`histogram_stdvar`): each is taken to be at the
/// geometric mean of its bucket's bounds, in custom buckets at their middle, in the zero bucket at
/// zero.
pub fn variance(histogram: &NativeHistogram) -> f64 {
    let mean = average(histogram);
    let (mut sum, mut lost) = (0.0, 0.0);
    for (place, count) in histogram.places().filter(|(_, count)| *count != 0.0) {
        let bucket = histogram.bucket(place, count);
        let value = if histogram.uses_custom_buckets() {
            f64::midpoint(bucket.upper, bucket.lower)
        } else {
            match place {
                _ if bucket.lower <= 0.0 && bucket.upper >= 0.0 => 0.0,
                Place::Negative(_) => -(bucket.upper * bucket.lower).sqrt(),
                _ => (bucket.upper * bucket.lower).sqrt(),
            }
        };
        let distance = value - mean;
        kahan::add(count * distance * distance, &mut sum, &mut lost);
    }
    (sum + lost) / histogram.count
}

/// The estimated standard deviation of the observations (`histogram_stddev`).
pub fn standard_deviation(histogram: &NativeHistogram) -> f64 {
    variance(histogram).sqrt()
}

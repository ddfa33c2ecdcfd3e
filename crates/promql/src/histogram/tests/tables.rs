//! Cases that say what each operation does at its edges.

use std::f64::consts::SQRT_2;

use super::*;
use crate::histogram::{
    Combined, HistogramMean, Keep, NanRemark, add, average, detect_reset, divide, fraction,
    multiply, quantile, standard_deviation, subtract, trim, variance,
};

const INF: f64 = f64::INFINITY;

fn assert_close(value: f64, expected: f64, what: &str) {
    let is_close = value.to_bits() == expected.to_bits()
        || (value - expected).abs() <= 1e-12 * expected.abs()
        || (value.is_nan() && expected.is_nan());
    assert!(is_close || value == expected, "{what}: {value}, not {expected}");
}

#[test]
fn reset_hints_of_sums_follow_what_is_known() {
    use ResetHint::{Gauge, NotReset, Reset, Unknown};
    let cases = [
        (Unknown, Unknown, Unknown, false),
        (Gauge, Reset, Gauge, false),
        (NotReset, Gauge, Gauge, false),
        (Unknown, Reset, Unknown, false),
        (NotReset, Unknown, Unknown, false),
        (Reset, Reset, Reset, false),
        (NotReset, NotReset, NotReset, false),
        (Reset, NotReset, Unknown, true),
        (NotReset, Reset, Unknown, true),
    ];
    for (mine, theirs, expected, reset_collision) in cases {
        let mut total = exponential(0, &[(1, 1.0)], &[]);
        let mut other = total.clone();
        (total.reset_hint, other.reset_hint) = (mine, theirs);
        let mut difference = total.clone();
        let expected_remarks = Combined { reset_collision, bounds_reconciled: false };
        assert_eq!(add(&mut total, &other), Ok(expected_remarks), "{mine:?} {theirs:?}");
        assert_eq!(total.reset_hint, expected, "{mine:?} {theirs:?}");
        assert_eq!(subtract(&mut difference, &other), Ok(expected_remarks));
        assert_eq!(difference.reset_hint, expected, "{mine:?} {theirs:?}");
    }
}

#[test]
fn buckets_are_inserted_before_between_and_behind() {
    let cases: [(Buckets<'_>, Buckets<'_>, Buckets<'_>); 5] = [
        (&[], &[(3, 1.0)], &[(3, 1.0)]),
        (&[(3, 1.0)], &[], &[(3, 1.0)]),
        (&[(3, 1.0)], &[(-2, 2.0), (2, 2.0)], &[(-2, 2.0), (2, 2.0), (3, 1.0)]),
        (&[(0, 1.0), (4, 1.0)], &[(1, 2.0), (3, 2.0)], &[(0, 1.0), (1, 2.0), (3, 2.0), (4, 1.0)]),
        (&[(0, 1.0), (4, 1.0)], &[(4, 2.0), (9, 2.0)], &[(0, 1.0), (4, 3.0), (9, 2.0)]),
    ];
    for (mine, theirs, expected) in cases {
        let mut total = exponential(2, mine, mine);
        add(&mut total, &exponential(2, theirs, theirs)).unwrap();
        assert_eq!(populated(&total), [expected, expected]);
        assert_eq!(validate(&total), Ok(()));
    }
}

#[test]
fn a_wider_zero_bucket_takes_in_what_it_covers() {
    // Buckets of schema 0: 0 is (0.5, 1], 1 is (1, 2], 2 is (2, 4].
    let narrow = with_zero(exponential(0, &[(0, 1.0), (1, 2.0), (2, 3.0)], &[(0, 4.0)]), 0.1, 1.0);
    let cases = [
        (1.0, 1.0, 6.0, vec![(1, 2.0), (2, 3.0)]),
        // Inside a populated bucket: up to its end.
        (1.5, 2.0, 8.0, vec![(2, 3.0)]),
    ];
    for (threshold, reached, zero_count, positive) in cases {
        let wide = with_zero(exponential(0, &[], &[]), threshold, 10.0);
        for (mut total, other) in [(narrow.clone(), &wide), (wide.clone(), &narrow)] {
            add(&mut total, other).unwrap();
            assert_eq!(total.zero_threshold, reached);
            assert_eq!(total.zero_count, zero_count + 10.0);
            assert_eq!(populated(&total), [positive.clone(), vec![]]);
        }
    }
}

#[test]
fn custom_bounds_are_cut_down_to_the_shared_ones() {
    let mut total = custom(&[1.0, 2.0, 3.0], &[(0, 1.0), (1, 2.0), (2, 4.0), (3, 8.0)]);
    let other = custom(&[2.0, 5.0], &[(0, 10.0), (1, 20.0), (2, 40.0)]);
    let remarks = add(&mut total, &other).unwrap();
    assert_eq!(remarks, Combined { reset_collision: false, bounds_reconciled: true });
    assert_eq!(total.custom_values, [2.0]);
    assert_eq!(populated(&total)[0], [(0, 13.0), (1, 72.0)]);
    let mut difference = total.clone();
    subtract(&mut difference, &custom(&[], &[(0, 85.0)])).unwrap();
    assert_eq!((difference.count, difference.custom_values.len()), (0.0, 0));
    assert_eq!(populated(&difference)[0], []);
}

#[test]
fn sums_carry_what_rounding_loses() {
    let mut sum = crate::histogram::HistogramSum::new(exponential(0, &[(0, 1.0)], &[]));
    for count in [1e100, 1.0, -1e100] {
        let mut other = exponential(0, &[(0, count)], &[]);
        other.sum = count;
        sum.add(&other).unwrap();
    }
    let sum = sum.finish();
    assert_eq!((sum.count, sum.sum, sum.positive_counts[0]), (2.0, 2.0, 2.0));
}

#[test]
fn a_mean_whose_sum_would_overflow_is_finite() {
    let mut large = exponential(0, &[(0, 2.0)], &[]);
    large.sum = f64::MAX;
    let mut mean = HistogramMean::new(large.clone());
    for _ in 0..3 {
        mean.add(&large).unwrap();
    }
    let mean = mean.finish();
    assert_close(mean.sum, f64::MAX, "sum");
    assert_eq!((mean.count, populated(&mean)[0][0].1), (2.0, 2.0));
}

#[test]
fn scaling_scales_everything_and_negative_factors_make_gauges() {
    let base = with_zero(exponential(0, &[(0, 1.0)], &[(2, 3.0)]), 0.1, 2.0);
    let mut half = base.clone();
    divide(&mut half, 2.0);
    let mut other = base.clone();
    multiply(&mut other, 0.5);
    assert!(half.same_data(&other));
    assert_eq!((half.zero_count, half.count, half.sum), (1.0, 3.0, 0.5));
    assert_eq!(half.reset_hint, ResetHint::Unknown);
    multiply(&mut other, -1.0);
    assert_eq!(other.reset_hint, ResetHint::Gauge);
    let mut none = base.clone();
    divide(&mut none, 0.0);
    assert_eq!((none.count, none.sum, none.zero_count), (INF, INF, INF));
    assert!(none.positive_counts.is_empty() && none.negative_spans.is_empty());
}

#[test]
fn resets_are_told_by_hints_then_by_layout_then_by_counts() {
    let base = with_zero(exponential(1, &[(1, 2.0), (5, 3.0)], &[(0, 1.0)]), 0.01, 1.0);
    let changed = |change: &dyn Fn(&mut NativeHistogram)| {
        let mut histogram = base.clone();
        change(&mut histogram);
        histogram
    };
    let cases: [(&str, NativeHistogram, bool); 11] = [
        ("same", base.clone(), false),
        ("hint reset", changed(&|h| h.reset_hint = ResetHint::Reset), true),
        (
            "hint not reset",
            changed(&|h| (h.reset_hint, h.count) = (ResetHint::NotReset, 0.0)),
            false,
        ),
        ("count fell", changed(&|h| h.count -= 1.0), true),
        ("zero count fell", changed(&|h| h.zero_count = 0.0), true),
        ("bucket fell", changed(&|h| h.positive_counts[1] = 2.0), true),
        ("negative bucket fell", changed(&|h| h.negative_counts[0] = 0.5), true),
        ("finer", changed(&|h| h.schema = 2), true),
        ("narrower zero bucket", changed(&|h| h.zero_threshold = 0.001), true),
        ("zero bucket cuts a populated bucket", changed(&|h| h.zero_threshold = 1.2), true),
        ("coarser", changed(&|h| h.reduce_resolution(0).unwrap()), false),
    ];
    for (name, current, expected) in cases {
        assert_eq!(detect_reset(&current, &base), expected, "{name}");
    }
}

#[test]
fn resets_of_custom_buckets_are_looked_for_in_shared_bounds() {
    let before = custom(&[1.0, 2.0, 3.0], &[(0, 1.0), (1, 2.0), (3, 4.0)]);
    let cases = [
        (custom(&[2.0], &[(0, 3.0), (1, 4.0)]), false),
        (custom(&[2.0, 9.0], &[(0, 2.0), (1, 5.0)]), true),
        (custom(&[1.0, 3.0], &[(0, 1.0), (1, 2.0), (2, 4.0)]), false),
        (custom(&[1.0, 3.0], &[(0, 0.0), (1, 3.0), (2, 4.0)]), true),
        (custom(&[7.0], &[(0, 0.0), (1, 7.0)]), false),
        (exponential(0, &[(0, 100.0)], &[]), true),
    ];
    for (at, (current, expected)) in cases.into_iter().enumerate() {
        assert_eq!(detect_reset(&current, &before), expected, "case {at}");
    }
}

#[test]
fn quantiles_are_interpolated_as_the_bucket_asks_for() {
    let positive = exponential(0, &[(1, 4.0), (2, 4.0)], &[]);
    let negative = exponential(0, &[], &[(1, 4.0), (2, 4.0)]);
    let zero = with_zero(exponential(0, &[], &[]), 0.5, 4.0);
    let zero_and_positive = with_zero(exponential(0, &[(3, 4.0)], &[]), 0.5, 4.0);
    let zero_and_negative = with_zero(exponential(0, &[], &[(3, 4.0)]), 0.5, 4.0);
    let bounds = custom(&[2.0, 4.0], &[(0, 2.0), (1, 2.0), (2, 4.0)]);
    let below_zero = custom(&[-1.0, 4.0], &[(0, 2.0), (1, 2.0)]);
    let cases = [
        (&positive, 0.0, 1.0),
        (&positive, 0.25, SQRT_2),
        (&positive, 0.5, 2.0),
        (&positive, 0.75, 2.0 * SQRT_2),
        (&positive, 1.0, 4.0),
        (&negative, 0.0, -4.0),
        (&negative, 0.25, -2.0 * SQRT_2),
        (&negative, 0.75, -SQRT_2),
        (&negative, 1.0, -1.0),
        (&zero, 0.25, -0.25),
        (&zero, 0.75, 0.25),
        (&zero_and_positive, 0.25, 0.25),
        (&zero_and_negative, 0.75, -0.25),
        (&bounds, 0.125, 1.0),
        (&bounds, 0.375, 3.0),
        (&bounds, 0.9, 4.0),
        (&below_zero, 0.2, -1.0),
        (&below_zero, 0.75, 1.5),
        (&positive, -0.1, f64::NEG_INFINITY),
        (&positive, 1.1, INF),
        (&positive, f64::NAN, f64::NAN),
        (&exponential(0, &[], &[]), 0.5, f64::NAN),
    ];
    for (histogram, q, expected) in cases {
        let result = quantile(q, histogram);
        assert_close(result.value, expected, &format!("{q} of {histogram}"));
        assert_eq!(result.remark, None);
    }
}

#[test]
fn nan_observations_skew_quantiles_or_are_their_result() {
    let mut histogram = exponential(0, &[(1, 6.0)], &[]);
    (histogram.sum, histogram.count) = (f64::NAN, 8.0);
    let low = quantile(0.375, &histogram);
    assert_close(low.value, SQRT_2, "half of the bucket");
    assert_eq!(low.remark, Some(NanRemark::Skew));
    let high = quantile(0.9, &histogram);
    assert!(high.value.is_nan());
    assert_eq!(high.remark, Some(NanRemark::Result));
    // Infinities of both signs: the sum is NaN, and every observation is in a bucket.
    histogram.count = 6.0;
    assert_eq!(quantile(0.5, &histogram).remark, None);
}

#[test]
fn fractions_are_interpolated_as_the_bucket_asks_for() {
    let both = with_zero(exponential(0, &[(1, 4.0), (2, 4.0)], &[(1, 4.0)]), 0.5, 4.0);
    let zero_and_positive = with_zero(exponential(0, &[(1, 4.0)], &[]), 0.5, 4.0);
    let bounds = custom(&[2.0, 4.0], &[(0, 2.0), (1, 2.0), (2, 4.0)]);
    let below_zero = custom(&[-1.0, 4.0], &[(0, 2.0), (1, 2.0)]);
    let cases = [
        (&both, -INF, INF, 1.0),
        (&both, -INF, 0.0, 6.0 / 16.0),
        (&both, 1.0, SQRT_2, 2.0 / 16.0),
        (&both, -SQRT_2, -1.0, 2.0 / 16.0),
        (&both, 0.25, 2.0, 5.0 / 16.0),
        (&both, 4.0, 9.0, 0.0),
        (&both, 2.0, 1.0, 0.0),
        (&both, f64::NAN, 1.0, f64::NAN),
        (&zero_and_positive, 0.0, 0.25, 2.0 / 8.0),
        (&bounds, 0.0, 1.0, 1.0 / 8.0),
        (&bounds, 3.0, INF, 5.0 / 8.0),
        (&bounds, 3.0, 100.0, 1.0 / 8.0),
        (&below_zero, -INF, -2.0, 2.0 / 4.0),
        (&below_zero, -2.0, 4.0, 2.0 / 4.0),
    ];
    for (histogram, lower, upper, expected) in cases {
        let result = fraction(lower, upper, histogram);
        assert_close(result.value, expected, &format!("{lower}..{upper} of {histogram}"));
        assert!(!result.has_nan);
    }
    let mut nan = bounds.clone();
    (nan.sum, nan.count) = (f64::NAN, 16.0);
    let result = fraction(-INF, INF, &nan);
    assert!(result.has_nan);
    assert_close(result.value, 0.5, "NaNs are in no fraction");
}

#[test]
fn variances_take_observations_at_the_means_of_their_buckets() {
    let mut histogram = with_zero(exponential(0, &[(1, 1.0)], &[(1, 1.0)]), 0.5, 2.0);
    histogram.sum = 0.0;
    assert_eq!(average(&histogram), 0.0);
    // Twice SQRT_2 squared over four.
    assert_close(variance(&histogram), 1.0, "variance");
    assert_close(standard_deviation(&histogram), 1.0, "standard deviation");
    let mut bounds = custom(&[2.0, 4.0], &[(1, 2.0)]);
    bounds.sum = 8.0;
    assert_close(variance(&bounds), 1.0, "three is one away from four");
    let empty = exponential(0, &[], &[]);
    assert!(variance(&empty).is_nan());
}

#[test]
fn trimming_interpolates_and_estimates_the_sum_anew() {
    let both = with_zero(exponential(0, &[(1, 4.0), (2, 4.0)], &[(1, 4.0)]), 0.5, 4.0);
    let middle = 8.0_f64.sqrt();
    let cases: [(f64, Keep, f64, f64); 8] = [
        (SQRT_2, Keep::Below, 10.0, 2.0 * SQRT_2.sqrt() - 4.0 * SQRT_2),
        (SQRT_2, Keep::Above, 6.0, 2.0 * (2.0 * SQRT_2).sqrt() + 4.0 * middle),
        (0.0, Keep::Below, 6.0, -4.0 * SQRT_2 + 2.0 * -0.25),
        (0.0, Keep::Above, 10.0, 4.0 * SQRT_2 + 4.0 * middle + 2.0 * 0.25),
        (-SQRT_2, Keep::Below, 2.0, -2.0 * (2.0 * SQRT_2).sqrt()),
        (-INF, Keep::Below, 0.0, 0.0),
        (INF, Keep::Above, 0.0, 0.0),
        // Nothing is cut off, so the sum is what it was.
        (4.0, Keep::Below, 16.0, 1.0),
    ];
    for (at, keep, count, sum) in cases {
        let mut histogram = both.clone();
        trim(&mut histogram, at, keep);
        assert_close(histogram.count, count, &format!("count {keep:?} {at}"));
        assert_close(histogram.sum, sum, &format!("sum {keep:?} {at}"));
        assert_eq!(validate(&histogram), Ok(()));
    }
}

#[test]
fn trimming_custom_buckets_is_linear_and_drops_what_has_no_end() {
    let bounds = custom(&[2.0, 4.0], &[(0, 2.0), (1, 2.0), (2, 4.0)]);
    let below_zero = custom(&[-1.0, 4.0], &[(0, 2.0), (1, 2.0)]);
    let cases = [
        (&bounds, 1.0, Keep::Below, vec![(0, 1.0)], 0.5),
        (&bounds, 1.0, Keep::Above, vec![(0, 1.0), (1, 2.0), (2, 4.0)], 1.5 + 6.0 + 16.0),
        (&bounds, 3.0, Keep::Below, vec![(0, 2.0), (1, 1.0)], 2.0 + 2.5),
        (&bounds, 9.0, Keep::Below, vec![(0, 2.0), (1, 2.0)], 2.0 + 6.0),
        (&bounds, 9.0, Keep::Above, vec![(2, 4.0)], 36.0),
        (&bounds, -1.0, Keep::Below, vec![], 0.0),
        (&below_zero, -3.0, Keep::Below, vec![(0, 2.0)], -6.0),
        (&below_zero, -3.0, Keep::Above, vec![(1, 2.0)], 3.0),
    ];
    for (histogram, at, keep, expected, sum) in cases {
        let mut trimmed = histogram.clone();
        trim(&mut trimmed, at, keep);
        assert_eq!(populated(&trimmed)[0], expected, "{keep:?} {at}");
        assert_close(trimmed.sum, sum, &format!("{keep:?} {at}"));
    }
}

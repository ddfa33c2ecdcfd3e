//! Quantiles of plain values and of classic histograms.

use watchkeep_model::metrics::STALE_NAN_BITS;

/// A bucket of a classic histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassicBucket {
    /// The upper bound, label `le`.
    pub upper_bound: f64,
    /// Number of observations up to the bound.
    pub count: f64,
}

/// Where the counts of a classic histogram fell from one bucket to the next and were raised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ForcedMonotonic {
    /// The lowest upper bound of a raised bucket.
    pub lowest_bound: f64,
    /// The highest one.
    pub highest_bound: f64,
    /// By how much a count fell at most.
    pub difference_max: f64,
}

/// A quantile of a classic histogram and what is to be remarked about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassicQuantile {
    /// The estimated quantile.
    pub value: f64,
    /// Counts fell and were raised.
    pub forced_monotonic: Option<ForcedMonotonic>,
    /// Differences as small as rounding makes them were ignored.
    pub fixed_precision: bool,
}

/// Relative differences between counts of adjacent buckets below this are taken for rounding.
const TOLERANCE: f64 = 1e-12;

/// The estimated value below which the part `q` of the observations is, interpolated linearly. The
/// buckets come in any order and are sorted, joined where bounds are equal, and made to rise. NaN
/// without observations, with fewer than two buckets, without an infinite one, and for a NaN;
/// infinite for a `q` that is no part.
pub fn classic_quantile(q: f64, buckets: &mut Vec<ClassicBucket>) -> ClassicQuantile {
    let mut result =
        ClassicQuantile { value: f64::NAN, forced_monotonic: None, fixed_precision: false };
    if q.is_nan() || !(0.0..=1.0).contains(&q) {
        result.value = if q.is_nan() { q } else { f64::INFINITY.copysign(q) };
        return result;
    }
    if !sort_and_join(buckets) {
        return result;
    }
    (result.forced_monotonic, result.fixed_precision) = make_monotonic(buckets);
    let [.., below_last, last] = buckets.as_slice() else { return result };
    if last.count == 0.0 {
        return result;
    }
    let rank = q * last.count;
    let finite = &buckets[..buckets.len() - 1];
    #[expect(clippy::neg_cmp_op_on_partial_ord, reason = "a NaN count is below no rank")]
    let at = finite.partition_point(|bucket| !(bucket.count >= rank));
    result.value = match finite.get(at) {
        None => below_last.upper_bound,
        Some(bucket) if at == 0 && bucket.upper_bound <= 0.0 => bucket.upper_bound,
        Some(bucket) => {
            let (start, before) = match at.checked_sub(1).map(|below| finite[below]) {
                Some(below) => (below.upper_bound, below.count),
                None => (0.0, 0.0),
            };
            start + (bucket.upper_bound - start) * ((rank - before) / (bucket.count - before))
        }
    };
    result
}

/// The estimated part of the observations between two values, interpolated linearly. Sorts and
/// joins the buckets like [`classic_quantile`].
pub fn classic_fraction(lower: f64, upper: f64, buckets: &mut Vec<ClassicBucket>) -> f64 {
    if !sort_and_join(buckets) {
        return f64::NAN;
    }
    let count = buckets.last().map_or(0.0, |last| last.count);
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let first_begins_at_zero = buckets.first().is_some_and(|first| first.upper_bound > 0.0);
    let rank_of = |value: f64| {
        let mut start = if first_begins_at_zero { 0.0 } else { f64::NEG_INFINITY };
        let mut rank = 0.0;
        for bucket in buckets.iter() {
            if start >= value {
                return rank;
            }
            if bucket.upper_bound > value {
                // A bucket without a beginning counts as a whole, one without an end not at all.
                let width = bucket.upper_bound - start;
                return if start == f64::NEG_INFINITY {
                    bucket.count
                } else {
                    rank + (bucket.count - rank) * (value - start) / width
                };
            }
            (start, rank) = (bucket.upper_bound, bucket.count);
        }
        count
    };
    let [lower_rank, upper_rank] = [lower, upper].map(|value| {
        let rank = rank_of(value);
        if rank > count { count } else { rank }
    });
    (upper_rank - lower_rank) / count
}

/// Whether the buckets, sorted and joined, end with an infinite one.
fn sort_and_join(buckets: &mut Vec<ClassicBucket>) -> bool {
    buckets.sort_by(|a, b| a.upper_bound.total_cmp(&b.upper_bound));
    buckets.dedup_by(|next, kept| {
        let is_same = next.upper_bound == kept.upper_bound;
        if is_same {
            kept.count += next.count;
        }
        is_same
    });
    buckets.last().is_some_and(|last| last.upper_bound == f64::INFINITY)
}

/// Raises counts that fall, and levels out differences that rounding makes.
fn make_monotonic(buckets: &mut [ClassicBucket]) -> (Option<ForcedMonotonic>, bool) {
    let mut forced: Option<ForcedMonotonic> = None;
    let mut is_fixed = false;
    let Some((first, rest)) = buckets.split_first_mut() else { return (None, false) };
    let mut before = first.count;
    for bucket in rest {
        let count = bucket.count;
        if count == before {
            continue;
        }
        if almost_equal(before, count, TOLERANCE) {
            bucket.count = before;
            is_fixed = true;
        } else if count < before {
            bucket.count = before;
            let bound = bucket.upper_bound;
            let forced = forced.get_or_insert(ForcedMonotonic {
                lowest_bound: bound,
                highest_bound: bound,
                difference_max: 0.0,
            });
            forced.lowest_bound = forced.lowest_bound.min(bound);
            forced.highest_bound = forced.highest_bound.max(bound);
            forced.difference_max = forced.difference_max.max(before - count);
        } else {
            before = count;
        }
    }
    (forced, is_fixed)
}

/// Whether two numbers differ by less than this part of their sum. NaNs are equal to each other,
/// the stale marker only to itself.
pub fn almost_equal(a: f64, b: f64, tolerance: f64) -> bool {
    let [a_stale, b_stale] = [a, b].map(|value| value.to_bits() == STALE_NAN_BITS);
    if a_stale || b_stale {
        return a_stale && b_stale;
    }
    if (a.is_nan() && b.is_nan()) || a == b {
        return true;
    }
    let sum = a.abs() + b.abs();
    let difference = (a - b).abs();
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < tolerance * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < tolerance
}

/// The value below which the part `q` of the values is, between two values their weighted mean
/// (`quantile`, `quantile_over_time`). NaNs count as the lowest. Reorders the values.
pub fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&q) {
        return f64::INFINITY.copysign(q);
    }
    let rank = q * (values.len() - 1) as f64;
    let weight = rank - rank.floor();
    let order = |a: &f64, b: &f64| b.is_nan().cmp(&a.is_nan()).then(a.total_cmp(b));
    let (_, lower, above) = values.select_nth_unstable_by(rank as usize, order);
    let lower = *lower;
    let upper = above.iter().copied().min_by(order).unwrap_or(lower);
    lower * (1.0 - weight) + upper * weight
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const INF: f64 = f64::INFINITY;

    fn buckets(rows: &[(f64, f64)]) -> Vec<ClassicBucket> {
        rows.iter()
            .map(|(upper_bound, count)| ClassicBucket { upper_bound: *upper_bound, count: *count })
            .collect()
    }

    fn assert_close(value: f64, expected: f64) {
        let is_close = (value - expected).abs() <= 1e-12 * expected.abs();
        assert!(
            is_close || value == expected || value.is_nan() && expected.is_nan(),
            "{value}, not {expected}"
        );
    }

    #[test]
    fn classic_quantiles_are_linear_in_their_bucket() {
        let rising: &[(f64, f64)] = &[(INF, 15.0), (10.0, 10.0), (20.0, 15.0), (15.0, 15.0)];
        let below_zero: &[(f64, f64)] = &[(-5.0, 2.0), (1.0, 3.0), (INF, 4.0)];
        let joined: &[(f64, f64)] = &[(1.0, 2.0), (1.0, 2.0), (INF, 8.0)];
        let cases = [
            (rising, 0.5, 7.5),
            (rising, 0.9, 13.5),
            (rising, 1.0, 15.0),
            (rising, 0.0, 0.0),
            (rising, -1.0, -INF),
            (rising, 2.0, INF),
            (rising, f64::NAN, f64::NAN),
            (below_zero, 0.25, -5.0),
            (below_zero, 0.625, -2.0),
            (below_zero, 1.0, 1.0),
            (joined, 0.25, 0.5),
            (&[(1.0, 2.0), (2.0, 3.0)], 0.5, f64::NAN),
            (&[(INF, 3.0)], 0.5, f64::NAN),
            (&[(1.0, 0.0), (INF, 0.0)], 0.5, f64::NAN),
            (&[], 0.5, f64::NAN),
        ];
        for (rows, q, expected) in cases {
            let result = classic_quantile(q, &mut buckets(rows));
            assert_close(result.value, expected);
            assert_eq!((result.forced_monotonic, result.fixed_precision), (None, false));
        }
    }

    #[test]
    fn falling_counts_are_raised_and_rounding_is_levelled_out() {
        let mut falling = buckets(&[(1.0, 4.0), (2.0, 3.0), (4.0, 8.0), (8.0, 5.5), (INF, 10.0)]);
        let result = classic_quantile(0.6, &mut falling);
        assert_close(result.value, 3.0);
        let forced = ForcedMonotonic { lowest_bound: 2.0, highest_bound: 8.0, difference_max: 2.5 };
        assert_eq!((result.forced_monotonic, result.fixed_precision), (Some(forced), false));

        let mut rounded =
            buckets(&[(10.0, 10.0), (15.0, 15.0), (20.0, 15.000_000_000_01), (INF, 15.0)]);
        let result = classic_quantile(0.99, &mut rounded);
        assert_close(result.value, 14.85);
        assert_eq!((result.forced_monotonic, result.fixed_precision), (None, true));
    }

    #[test]
    fn classic_fractions_are_linear_in_their_bucket() {
        let rows: &[(f64, f64)] = &[(INF, 16.0), (2.0, 4.0), (4.0, 12.0)];
        let below_zero: &[(f64, f64)] = &[(-5.0, 2.0), (1.0, 4.0), (INF, 8.0)];
        let cases = [
            (rows, -INF, INF, 1.0),
            (rows, 0.0, 1.0, 2.0 / 16.0),
            (rows, 1.0, 3.0, 6.0 / 16.0),
            (rows, 4.0, INF, 4.0 / 16.0),
            (rows, 4.0, 100.0, 0.0),
            (rows, 3.0, 3.0, 0.0),
            (rows, f64::NAN, 3.0, f64::NAN),
            (below_zero, -INF, -9.0, 2.0 / 8.0),
            (below_zero, -9.0, 1.0, 2.0 / 8.0),
            (&[(1.0, 2.0)], 0.0, 1.0, f64::NAN),
            (&[(1.0, 0.0), (INF, 0.0)], 0.0, 1.0, f64::NAN),
        ];
        for (rows, lower, upper, expected) in cases {
            assert_close(classic_fraction(lower, upper, &mut buckets(rows)), expected);
        }
    }

    #[test]
    fn quantiles_of_values_lie_between_the_nearest_two() {
        let cases: [(f64, &[f64], f64); 9] = [
            (0.5, &[3.0, 1.0, 2.0], 2.0),
            (0.25, &[4.0, 1.0, 2.0], 1.5),
            (0.0, &[4.0, 1.0, 2.0], 1.0),
            (1.0, &[4.0, 1.0, 2.0], 4.0),
            (0.5, &[], f64::NAN),
            (f64::NAN, &[1.0], f64::NAN),
            (-0.5, &[1.0], -INF),
            (1.5, &[1.0], INF),
            // A NaN is lower than every number.
            (1.0, &[1.0, f64::NAN, -INF], 1.0),
        ];
        for (q, values, expected) in cases {
            assert_close(quantile(q, &mut values.to_vec()), expected);
        }
        assert!(quantile(0.0, &mut [1.0, f64::NAN]).is_nan());
    }

    proptest! {
        #[test]
        fn quantiles_rise_with_q(
            counts in prop::collection::vec(0_u16..100, 2..10), values in prop::collection::vec(-1e3..1e3, 1..20),
        ) {
            let mut total = 0.0;
            let mut rows: Vec<_> = counts.iter().enumerate().map(|(at, count)| {
                total += f64::from(*count);
                ClassicBucket { upper_bound: at as f64 - 3.0, count: total }
            }).collect();
            rows.push(ClassicBucket { upper_bound: INF, count: total });
            let mut values: Vec<f64> = values;
            let (mut before, mut before_of_values) = (-INF, -INF);
            for step in 0..=20 {
                let q = f64::from(step) / 20.0;
                let result = classic_quantile(q, &mut rows);
                prop_assert_eq!(result.forced_monotonic, None);
                prop_assert!(result.value.is_nan() == (total == 0.0));
                prop_assert!(result.value.is_nan() || result.value >= before);
                before = result.value;
                let of_values = quantile(q, &mut values);
                prop_assert!(of_values >= before_of_values - 1e-9);
                before_of_values = of_values;
            }
        }

        #[test]
        fn odd_buckets_do_not_panic(rows: Vec<(f64, f64)>, q: f64, lower: f64, upper: f64) {
            let _any_outcome = classic_quantile(q, &mut buckets(&rows));
            let _any_outcome = classic_quantile(q.fract().abs(), &mut buckets(&rows));
            let _any_outcome = classic_fraction(lower, upper, &mut buckets(&rows));
            let mut values: Vec<f64> = rows.iter().map(|row| row.0).collect();
            let _any_outcome = quantile(q.fract().abs(), &mut values);
        }
    }
}
